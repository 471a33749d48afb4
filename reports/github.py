"""Workflow commands that GitHub Actions shows as annotations: the worst findings, and how many more there are."""

from collections import Counter
from collections.abc import Iterator, Mapping

from auditor.audit import Audit
from auditor.findings import Finding, Severity
from auditor.report import changes, located, ordered, report

# GitHub shows ten of each level for a step, and drops the rest without a word.
MOST = 10
LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "notice",
    Severity.INFORMATIONAL: "notice",
}


@report("github", suffix=".github.txt")
def render(audit: Audit, *, source_map: Mapping[str, str] | None = None) -> Iterator[str]:
    """Annotations for GitHub Actions; of what is new where there is a baseline."""
    new = changes(audit)
    findings = [f for f in ordered(audit.failures) if audit.comparison is None or f.fingerprint in new]
    shown: Counter[str] = Counter()
    for finding in findings:
        level = LEVELS[finding.severity]
        shown[level] += 1
        if shown[level] < MOST:
            yield _command(level, finding, source_map or {})
    rest = sum(max(count - (MOST - 1), 0) for count in shown.values())
    if rest:
        yield f"::notice title=auditor::{rest:,} more findings are in the report\n"
    if audit.coverage.not_assessed:
        percent = f"{audit.coverage.percent:.1f} % of the verdicts are known"
        yield f"::warning title=auditor::{_data(f'{audit.coverage.not_assessed:,} could not be judged: {percent}')}\n"


def _command(level: str, finding: Finding, source_map: Mapping[str, str]) -> str:
    about = finding.resource
    properties = {"title": f"{finding.severity.value}: {finding.rule}"}
    if (place := located(about, source_map)) is not None:
        properties = {"file": place[0], "line": str(place[1]), **properties}
    said = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{level} {said}::{_data(f'{finding.message} ({about.arn}, {about.region})')}\n"


def _data(text: str) -> str:
    """Text as a workflow command takes it: nothing in it can begin another command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
