"""What a region holds, for settings that matter less where there is nothing to apply them to."""

from collections.abc import Iterator

from auditor.findings import Severity
from auditor.inventory import Inventory
from auditor.model import Resource


def low_where_none(inventory: Inventory, kind: type[Resource], region: str) -> Iterator[Severity]:
    """Low in a region without any resource of a type: give it to `failed` as severity."""
    if not any(True for _ in inventory.each(kind, region=region)):
        yield Severity.LOW
