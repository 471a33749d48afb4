"""OCSF: each finding as an event of the class Compliance Finding (2003), for security lakes."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from auditor.audit import Audit, RuleText
from auditor.findings import Finding, Severity, Status
from auditor.frameworks import FRAMEWORKS, split
from auditor.report import filled, ordered, report

VERSION = "1.3.0"
SEVERITIES = {
    Severity.INFORMATIONAL: (1, "Informational"),
    Severity.LOW: (2, "Low"),
    Severity.MEDIUM: (3, "Medium"),
    Severity.HIGH: (4, "High"),
    Severity.CRITICAL: (5, "Critical"),
}
# Compliance status: unknown and not applicable have no number of their own but these two.
COMPLIANCE = {
    Status.PASS: (1, "Pass"),
    Status.FAIL: (3, "Fail"),
    Status.UNKNOWN: (0, "Unknown"),
    Status.NOT_APPLICABLE: (99, "Not applicable"),
}


@report("ocsf", suffix=".ocsf.json")
def render(audit: Audit) -> Iterator[str]:
    """OCSF Compliance Findings, one event per line in a JSON list."""
    rules = {rule.id: rule for rule in audit.rules}
    standards = {rule.id: _standards(rule) for rule in audit.rules}
    time = _milliseconds(audit.scan.collected)
    yield "["
    before = "\n"
    for finding in ordered(audit.findings):
        yield before + json.dumps(_event(audit, finding, rules.get(finding.rule), standards, time))
        before = ",\n"
    yield "\n]\n"


def _standards(rule: RuleText) -> list[str]:
    """The names of the frameworks that a rule cites."""
    keys = dict.fromkeys(split(control)[0] for control in rule.controls)
    return [FRAMEWORKS[key].name for key in keys if key in FRAMEWORKS]


def _event(
    audit: Audit, finding: Finding, rule: RuleText | None, standards: Mapping[str, list[str]], time: int
) -> dict[str, Any]:
    about, accepted = finding.resource, finding.suppression
    severity_id, severity = SEVERITIES[finding.severity]
    # An accepted failure is suppressed, whatever it was before.
    status_id, status = (3, "Suppressed") if accepted else (1, "New")
    compliance_id, compliance = COMPLIANCE[finding.status]
    event: dict[str, Any] = {
        "metadata": {
            "version": VERSION,
            "product": {"name": audit.tool.name, "vendor_name": audit.tool.name, "version": audit.tool.version},
            "event_code": finding.rule,
            "uid": finding.fingerprint,
            "profiles": ["cloud"],
        },
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": 2003,
        "class_name": "Compliance Finding",
        "activity_id": 1,
        "activity_name": "Create",
        "type_uid": 200301,
        "type_name": "Compliance Finding: Create",
        "time": time,
        "severity_id": severity_id,
        "severity": severity,
        "status_id": status_id,
        "status": status,
        "message": finding.message,
        "finding_info": {
            "uid": finding.fingerprint,
            "title": rule.title if rule else finding.rule,
            "desc": rule.risk if rule else "",
            "types": [rule.category.value] if rule else [],
            "created_time": time,
        },
        "compliance": {
            "status_id": compliance_id,
            "status": compliance,
            "control": finding.rule,
            "requirements": rule.controls if rule else [],
            "standards": standards.get(finding.rule, []),
        },
        "remediation": {"desc": filled(rule.fix, about) if rule else ""},
        "resources": [
            {
                "uid": about.arn,
                "name": about.name,
                "type": about.type,
                "region": about.region,
                "cloud_partition": audit.scan.partition,
                "labels": [f"{name}:{value}" for name, value in sorted((about.tags or {}).items())],
                "data": finding.evidence,
            }
        ],
        "cloud": {"provider": "AWS", "region": about.region, "account": {"uid": about.account}},
    }
    if accepted:
        event["comment"] = f"{accepted.reason} ({accepted.owner}, until {accepted.expires})"
    return event


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
