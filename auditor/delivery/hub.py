"""Security Hub: findings in its own format, updated and archived by their fingerprint."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from auditor.audit import Audit
from auditor.delivery.changes import Standing
from auditor.findings import Finding

MOST = 100  # findings of one BatchImportFindings
ASFF = Callable[[Audit], Iterable[str]]


def batches(audit: Audit, told: Standing, render: ASFF) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Findings as BatchImportFindings takes them, each batch with the region that it goes to.

    Security Hub takes a finding only in the region of its product ARN. render: the report format that writes ASFF.
    """
    by_region: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for findings, over in ((told.update, False), (told.over, True)):
        for part in _parts(findings):
            for made in _written(audit, part, render):
                ready = by_region[made["Region"]]
                ready.append(_archived(made) if over else made)
                if len(ready) == MOST:
                    yield made["Region"], by_region.pop(made["Region"])
    yield from by_region.items()


def _parts(findings: Sequence[Finding]) -> Iterator[Sequence[Finding]]:
    return (findings[start : start + MOST] for start in range(0, len(findings), MOST))


def _written(audit: Audit, findings: Sequence[Finding], render: ASFF) -> list[dict[str, Any]]:
    part = audit.model_copy(update={"findings": list(findings)})
    made: list[dict[str, Any]] = json.loads("".join(render(part)))["Findings"]
    return made


def _archived(made: dict[str, Any]) -> dict[str, Any]:
    """A finding that is over. What failed last and is gone now has no compliance any more."""
    status = made["Compliance"]["Status"]
    over = status if status in ("PASSED", "NOT_AVAILABLE") else "NOT_AVAILABLE"
    compliance = made["Compliance"] | {"Status": over}
    return made | {"RecordState": "ARCHIVED", "Compliance": compliance, "Workflow": {"Status": "RESOLVED"}}
