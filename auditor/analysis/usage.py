"""Whether anything of the account's lies in a region: its machines, disks, databases, buckets and functions."""

from collections.abc import Iterator

from auditor.fetch import Unread
from auditor.inventory import Inventory
from auditor.model import Resource
from auditor.resources.ec2 import Instance, Volume
from auditor.resources.lambda_ import Function
from auditor.resources.rds import DBInstance
from auditor.resources.s3 import Bucket

KINDS: tuple[type[Resource], ...] = (Instance, Volume, DBInstance, Bucket, Function)


def in_region(region: str, inventory: Inventory) -> Iterator[Resource]:
    """What lies in a region, of the kinds that are looked for. Raises Unread in the end if one was not fully read."""
    unread: Unread | None = None
    for kind in KINDS:
        try:
            found = inventory.each(kind, region=region)
            yield from (each for each in found if not isinstance(each, Instance) or each.live)
        except Unread as error:
            unread = unread or error
    if unread is not None:
        raise unread
