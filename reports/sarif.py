"""SARIF 2.1.0: open and accepted failures as results, rules with their help, gaps as notifications."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from auditor.audit import Audit, RuleText
from auditor.findings import Finding, Severity, Status
from auditor.report import filled, located, ordered, report

# What GitHub code scanning takes of one run; the rest is said in a notification.
MOST_RESULTS = 25_000
MOST_TAGS = 20
LONGEST_TEXT = 1_000
LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFORMATIONAL: "note",
}
# How GitHub ranks rules: from 9.0 critical, 7.0 high, 4.0 medium, below low.
SCORES = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "2.5",
    Severity.INFORMATIONAL: "0.1",
}
RANKS = {
    Severity.CRITICAL: 95.0,
    Severity.HIGH: 80.0,
    Severity.MEDIUM: 55.0,
    Severity.LOW: 25.0,
    Severity.INFORMATIONAL: 5.0,
}
SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


@report("sarif", suffix=".sarif")
def render(audit: Audit, *, source_map: Mapping[str, str] | None = None) -> Iterator[str]:
    """SARIF 2.1.0 for code scanning: failures, at the files that a source map names."""
    rules = sorted(audit.rules, key=lambda rule: rule.id)
    index = {rule.id: number for number, rule in enumerate(rules)}
    failures = [f for f in ordered(audit.findings) if f.status is Status.FAIL]
    shown = failures[:MOST_RESULTS]
    identity = f"auditor/{'+'.join(audit.scan.accounts[:3])}"
    driver = {
        "name": audit.tool.name,
        "semanticVersion": audit.tool.version,
        "rules": [_rule(rule) for rule in rules],
    }
    yield f'{{"$schema":{_json(SCHEMA)},"version":"2.1.0","runs":[{{\n"tool":{{"driver":{_json(driver)}}},\n'
    yield f'"automationDetails":{_json({"id": identity})},\n'
    yield f'"invocations":[{_json(_invocation(audit, len(failures) - len(shown)))}],\n"results":['
    new = None if audit.comparison is None else {*audit.comparison.new, *audit.comparison.reopened}
    before = "\n"
    for finding in shown:
        rule = rules[index[finding.rule]] if finding.rule in index else None
        result = _result(finding, rule, index.get(finding.rule, -1), source_map or {})
        if new is not None:
            result["baselineState"] = "new" if finding.fingerprint in new else "unchanged"
        yield before + _json(result)
        before = ",\n"
    yield "\n]}]}\n"


def _rule(rule: RuleText) -> dict[str, Any]:
    tags = [rule.category.value, "aws", rule.id.partition("-")[0], *rule.controls]
    markdown = f"{rule.risk}\n\n```text\n{rule.fix}\n```"
    return {
        "id": rule.id,
        "name": "".join(part.capitalize() for part in rule.id.split("-")),
        "shortDescription": {"text": rule.title[:LONGEST_TEXT]},
        "fullDescription": {"text": rule.risk[:LONGEST_TEXT]},
        "help": {"text": f"{rule.risk}\n\n{rule.fix}", "markdown": markdown},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        "properties": {
            "tags": list(dict.fromkeys(tags))[:MOST_TAGS],
            "precision": "very-high",
            "security-severity": SCORES[rule.severity],
        },
    }


def _result(finding: Finding, rule: RuleText | None, index: int, source_map: Mapping[str, str]) -> dict[str, Any]:
    about = finding.resource
    where: dict[str, Any] = {
        "logicalLocations": [
            {
                "name": about.name,
                "fullyQualifiedName": about.arn,
                "kind": "resource",
                "properties": {"type": about.type},
            }
        ]
    }
    if (place := located(about, source_map)) is not None:
        where["physicalLocation"] = {"artifactLocation": {"uri": place[0]}, "region": {"startLine": place[1]}}
    text = f"{finding.message} ({about.arn}, {about.region})"
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "kind": "fail",
        "level": LEVELS[finding.severity],
        "rank": RANKS[finding.severity],
        "message": {"text": text},
        "locations": [where],
        "partialFingerprints": {
            "auditorFingerprint/v1": finding.fingerprint,
            "primaryLocationLineHash": finding.fingerprint,
        },
        "properties": {
            "severity": finding.severity.value,
            "account": about.account,
            "region": about.region,
            **({"fix": filled(rule.fix, about)} if rule else {}),
        },
    }
    if (accepted := finding.suppression) is not None:
        said = f"{accepted.reason} ({accepted.owner}, until {accepted.expires})"
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": said}]
    return result


def _invocation(audit: Audit, left_out: int) -> dict[str, Any]:
    """How the scan went: what was not read, which rules broke, what did not fit in."""
    notes = [
        {"level": "warning", "message": {"text": f"{reason}{f' ({count} times)' if count > 1 else ''}"}}
        for reason, count in sorted(Counter(gap.reason for gap in audit.coverage.gaps).items())
    ]
    notes += [
        {"level": "error", "message": {"text": f"rule {defect.rule} raised {defect.exception}"}}
        for defect in audit.summary.defects
    ]
    if left_out:
        notes.append({"level": "warning", "message": {"text": f"{left_out:,} results more did not fit in this file"}})
    return {
        "executionSuccessful": not audit.scan.interrupted and not audit.summary.defects,
        "startTimeUtc": _time(audit.scan.started),
        "endTimeUtc": _time(audit.scan.finished),
        "toolExecutionNotifications": notes,
    }


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
