"""A sheet: one row per finding. No cell can start a formula, whoever named the resource."""

import csv
import io
from collections.abc import Iterator

from auditor.audit import Audit
from auditor.report import changes, ordered, report

COLUMNS = (
    "status", "severity", "rule", "category", "account", "region", "resource_type", "resource_id", "resource_name",
    "arn", "message", "controls", "change", "accepted_by", "accepted_until", "accepted_because", "fingerprint",
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


@report("csv", suffix=".csv")
def render(audit: Audit) -> Iterator[str]:
    """One row per finding, for spreadsheets."""
    rules = {rule.id: rule for rule in audit.rules}
    change = changes(audit)
    yield _row(COLUMNS)
    for finding in ordered(audit.findings):
        about, rule, accepted = finding.resource, rules.get(finding.rule), finding.suppression
        yield _row(
            (
                finding.status, finding.severity, finding.rule, rule.category if rule else "", about.account,
                about.region, about.type, about.id, about.name, about.arn, finding.message,
                "; ".join(rule.controls) if rule else "", change.get(finding.fingerprint, ""),
                accepted.owner if accepted else "", accepted.expires if accepted else "",
                accepted.reason if accepted else "", finding.fingerprint,
            )
        )  # fmt: skip


def _row(cells: tuple[str, ...]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow([disarmed(cell) for cell in cells])
    return line.getvalue()


def disarmed(cell: str) -> str:
    """A cell that a spreadsheet takes for text: a quote goes before what would start a formula."""
    text = cell.replace("\0", "")
    return f"'{text}" if text.lstrip(" \u00a0").startswith(FORMULA) or text.startswith(FORMULA) else text
