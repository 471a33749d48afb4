"""GitLab's code quality report: a list of open failures with a place in the repository."""

import json
from collections.abc import Iterator, Mapping

from auditor.audit import Audit
from auditor.findings import Finding, Severity
from auditor.report import located, ordered, report

SEVERITIES = {
    Severity.CRITICAL: "blocker",
    Severity.HIGH: "critical",
    Severity.MEDIUM: "major",
    Severity.LOW: "minor",
    Severity.INFORMATIONAL: "info",
}


@report("gitlab", suffix=".gitlab.json")
def render(audit: Audit, *, source_map: Mapping[str, str] | None = None) -> Iterator[str]:
    """GitLab code quality: open failures, at the files that a source map names."""
    yield "["
    before = "\n"
    for finding in ordered(audit.failures):
        yield before + json.dumps(_entry(finding, source_map or {}), ensure_ascii=False)
        before = ",\n"
    yield "\n]\n"


def _entry(finding: Finding, source_map: Mapping[str, str]) -> dict[str, object]:
    about = finding.resource
    path, line = located(about, source_map) or (f"aws/{about.account}/{about.region}/{about.name}", 1)
    return {
        "description": f"{finding.message} ({about.arn})",
        "check_name": finding.rule,
        "fingerprint": finding.fingerprint,
        "severity": SEVERITIES[finding.severity],
        "location": {"path": path, "lines": {"begin": line}},
    }
