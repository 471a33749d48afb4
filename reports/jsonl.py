"""JSON Lines: one finding per line with its rule's words, for logs, `jq` and search engines."""

import json
from collections.abc import Iterator

from auditor.audit import Audit
from auditor.report import changes, ordered, report


@report("jsonl", suffix=".jsonl")
def render(audit: Audit) -> Iterator[str]:
    """One finding per line, with its rule's title, category and controls."""
    rules = {rule.id: rule for rule in audit.rules}
    change = changes(audit)
    collected = audit.scan.collected.isoformat()
    for finding in ordered(audit.findings):
        rule = rules.get(finding.rule)
        about = {
            "title": rule.title if rule else finding.rule,
            "category": rule.category if rule else None,
            "controls": rule.controls if rule else [],
            "change": change.get(finding.fingerprint),
            "collected": collected,
        }
        yield json.dumps({**finding.model_dump(mode="json"), **about}) + "\n"
