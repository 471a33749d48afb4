"""Events on EventBridge: one for each finding that changed."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from auditor.audit import Audit
from auditor.delivery.changes import Changes
from auditor.findings import Finding

SOURCE = "auditor"
MOST = 10  # entries of one PutEvents
LARGEST = 240_000  # bytes of one PutEvents: EventBridge takes 256 KB, its own count of an entry's parts included
DETAIL_TYPES = {"new": "Finding New", "reopened": "Finding Reopened", "unknown": "Finding Now Unknown"}


def entries(audit: Audit, told: Changes, *, run: str, report: str, bus: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The entries for PutEvents, each with the fingerprint of its finding."""
    rules = {rule.id: rule for rule in audit.rules}
    for state, findings in (("new", told.new), ("reopened", told.reopened), ("unknown", told.unknown)):
        for finding in findings:
            rule = rules.get(finding.rule)
            detail = {
                "state": state, "first": told.first, "run": run, "report": report,
                "title": rule.title if rule else finding.rule, "fix": rule.fix if rule else "",
                "finding": finding.model_dump(mode="json"),
            }  # fmt: skip
            yield finding.fingerprint, _entry(audit, finding, detail, DETAIL_TYPES[state], bus)


def _entry(audit: Audit, finding: Finding, detail: dict[str, Any], kind: str, bus: str) -> dict[str, Any]:
    made = {
        "Source": SOURCE,
        "DetailType": kind,
        "Time": audit.scan.collected,
        "EventBusName": bus,
        "Resources": [finding.resource.arn],
        "Detail": json.dumps(detail),
    }
    if size(made) > LARGEST:  # the report has it all
        detail["finding"] |= {"evidence": {}, "message": finding.message[:1_000]}
        made["Detail"] = json.dumps(detail | {"shortened": True})
    return made


def size(entry: dict[str, Any]) -> int:
    """An entry's size as EventBridge counts it."""
    texts = (entry["Source"], entry["DetailType"], entry["Detail"], *entry["Resources"])
    return 14 + sum(len(text.encode()) for text in texts)


def batches(entries: Iterable[tuple[str, dict[str, Any]]]) -> Iterator[Sequence[tuple[str, dict[str, Any]]]]:
    """Entries as PutEvents takes them: at most ten, and no more than it has room for."""
    batch: list[tuple[str, dict[str, Any]]] = []
    room = LARGEST
    for name, entry in entries:
        cost = size(entry)
        if batch and (len(batch) == MOST or cost > room):
            yield batch
            batch, room = [], LARGEST
        batch.append((name, entry))
        room -= cost
    if batch:
        yield batch
