"""ASFF: findings as AWS Security Hub's BatchImportFindings takes them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from auditor.audit import Audit, RuleText
from auditor.findings import Finding, Status
from auditor.report import filled, ordered, report

# Security Hub's limits, in characters and entries.
TITLE, DESCRIPTION, RECOMMENDATION, REQUIREMENTS, TAGS = 256, 1024, 512, 32, 50
COMPLIANCE = {
    Status.PASS: "PASSED",
    Status.FAIL: "FAILED",
    Status.UNKNOWN: "WARNING",
    Status.NOT_APPLICABLE: "NOT_AVAILABLE",
}


@report("asff", suffix=".asff.json")
def render(audit: Audit) -> Iterator[str]:
    """AWS Security Finding Format, as BatchImportFindings takes a hundred of them at a time."""
    rules = {rule.id: rule for rule in audit.rules}
    yield '{"Findings":['
    before = "\n"
    for finding in ordered(audit.findings):
        yield before + json.dumps(asff(audit, finding, rules.get(finding.rule)), ensure_ascii=False)
        before = ",\n"
    yield "\n]}\n"


def asff(audit: Audit, finding: Finding, rule: RuleText | None) -> dict[str, Any]:
    """One finding. Its id is its fingerprint, so that importing it again updates it."""
    about, accepted = finding.resource, finding.suppression
    region = about.region if about.region != "global" else next(iter(audit.scan.regions), "us-east-1")
    partition, when = audit.scan.partition, _time(audit.scan.collected)
    product = f"arn:{partition}:securityhub:{region}:{about.account}:product/{about.account}/default"
    solved = finding.status in (Status.PASS, Status.NOT_APPLICABLE)
    made: dict[str, Any] = {
        "SchemaVersion": "2018-10-08",
        "Id": f"auditor/{about.account}/{finding.fingerprint}",
        "ProductArn": product,
        "ProductName": audit.tool.name,
        "CompanyName": audit.tool.name,
        "GeneratorId": finding.rule,
        "AwsAccountId": about.account,
        "Region": region,
        "Types": ["Software and Configuration Checks/AWS Security Best Practices"],
        "CreatedAt": when,
        "UpdatedAt": when,
        "Severity": {"Label": "INFORMATIONAL" if solved else finding.severity.value.upper()},
        "Title": _cut(rule.title if rule else finding.rule, TITLE),
        "Description": _cut(finding.message, DESCRIPTION),
        "ProductFields": {"auditor/rule": finding.rule, "auditor/version": audit.tool.version},
        "Resources": [_resource(finding, region, partition)],
        "Compliance": {"Status": COMPLIANCE[finding.status]},
        "Workflow": {"Status": "SUPPRESSED" if accepted else "RESOLVED" if solved else "NEW"},
        "RecordState": "ACTIVE",
    }
    if rule is not None:
        made["Remediation"] = {"Recommendation": {"Text": _cut(filled(rule.fix, about), RECOMMENDATION)}}
        if rule.controls:
            made["Compliance"]["RelatedRequirements"] = [_cut(control, 64) for control in rule.controls][:REQUIREMENTS]
    if accepted is not None:
        said = f"{accepted.reason} (until {accepted.expires})"
        made["Note"] = {"Text": _cut(said, RECOMMENDATION), "UpdatedBy": accepted.owner, "UpdatedAt": when}
    return made


def _resource(finding: Finding, region: str, partition: str) -> dict[str, Any]:
    about = finding.resource
    _, _, kind = about.type.partition("AWS::")
    made: dict[str, Any] = {
        "Type": f"Aws{kind.replace('::', '')}" if kind and not kind.startswith("::") else "AwsAccount",
        "Id": about.arn,
        "Partition": partition,
        "Region": region,
    }
    if about.tags:
        made["Tags"] = dict(sorted(about.tags.items())[:TAGS])
    return made


def _cut(text: str, most: int) -> str:
    """As much of a text as there is room for; never nothing, which Security Hub refuses."""
    text = text or "-"
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.000Z}"
