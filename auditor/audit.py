"""One audit: what was found, how much of what was asked could be judged, and by which calls.

An `Audit` is the JSON report: `Audit.model_validate_json` reads one back, `model_dump_json` writes it, and the JSON
Schema that is shipped comes from these models.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from auditor.findings import Category, Coverage, Finding, Record, Severity, Status

# Major versions do not understand each other; a minor one only adds what may be missing.
SCHEMA_VERSION = "1.1"


class Tool(Record):
    """What made the report."""

    name: Literal["auditor"] = "auditor"
    version: str


class Scan(Record):
    """What was audited and when. Times are UTC; `collected` is when the account was read (a snapshot may be old)."""

    started: datetime
    finished: datetime
    collected: datetime
    accounts: list[str]
    regions: list[str]
    partition: str
    interrupted: bool = False


class RuleText(Record):
    """What a rule says of itself; findings name it by `id`."""

    id: str
    title: str
    severity: Severity
    category: Category
    resource_types: list[str]
    risk: str
    fix: str
    notes: str
    controls: list[str]
    parameters: dict[str, Any] = Field(default_factory=dict)


class Defect(Record):
    """A rule that raised: a bug in the rule, not in the account. Its findings are unknown."""

    rule: str
    exception: str
    findings: int


class Summary(Record):
    """The counts that a reader wants first. `failures` counts failed, unsuppressed findings by severity."""

    findings: dict[Status, int]
    failures: dict[Severity, int]
    suppressed: int
    rules: int
    resources: int
    calls: int
    defects: list[Defect]


class CallCount(Record):
    """One row of the manifest: an operation in a region, how often it was asked and how it went.

    `calls` counts requests sent, retries included; `errors` those that failed for good or were answered as absent;
    `throttles` those that AWS told to slow down.
    """

    account: str
    region: str
    service: str
    operation: str
    calls: int
    errors: int
    throttles: int


class Baseline(Record):
    """The earlier report that a comparison is against."""

    tool: Tool
    finished: datetime
    accounts: list[str]


class Comparison(Record):
    """What changed since an earlier report.

    `new`, `reopened` and `accepted` are fingerprints of this report's findings: open failures that were not there,
    that had passed or been accepted then, and failures that somebody has accepted since. The others are findings of
    the earlier report, all open failures then: `fixed` pass now, or what failed is no longer part of the resource;
    of `gone` the resource is no more; `unknown` could not be judged this time, and nobody knows whether they are fixed.
    `not_assessed` counts the earlier verdicts other than failures that are unknown now; `out_of_scope` those findings
    whose rule, region or account was not asked for this time.
    """

    baseline: Baseline
    new: list[str]
    reopened: list[str]
    accepted: list[str]
    fixed: list[Finding]
    gone: list[Finding]
    unknown: list[Finding]
    remaining: int
    not_assessed: int
    out_of_scope: int


class Audit(Record):
    """The whole report. `comparison` is there where it was made against an earlier one."""

    schema_version: str = SCHEMA_VERSION
    tool: Tool
    scan: Scan
    summary: Summary
    coverage: Coverage
    rules: list[RuleText]
    findings: list[Finding]
    calls: list[CallCount]
    comparison: Comparison | None = None

    def rule(self, rule_id: str) -> RuleText:
        """The text of a rule that a finding names. Raises KeyError if the report does not hold it."""
        for text in self.rules:
            if text.id == rule_id:
                return text
        raise KeyError(rule_id)

    @property
    def failures(self) -> list[Finding]:
        """Failed findings that nobody has accepted, worst first."""
        return [f for f in self.findings if f.status is Status.FAIL and f.suppression is None]


class UnreadableReport(ValueError):
    """A file that is not a report of ours, or one of a schema that this version does not know."""


def load(text: str | bytes, source: str | Path) -> Audit:
    """Read a JSON report.

    Raises UnreadableReport, with one line that names `source` and says what is wrong, when it is not one. One of a
    later minor version is read without what it adds.
    """
    try:
        written = _Version.model_validate_json(text).schema_version
    except ValidationError:
        written = SCHEMA_VERSION  # what else is wrong is said below
    major, _, minor = written.partition(".")
    ours, _, our_minor = SCHEMA_VERSION.partition(".")
    if major != ours:
        raise UnreadableReport(
            f"{source} has report schema {written}, and this auditor reads {ours}.x: "
            "make the report again, or read it with the auditor that made it"
        )
    later = minor.isdigit() and int(minor) > int(our_minor)
    try:
        return Audit.model_validate_json(text, extra="ignore" if later else "forbid")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        what = f"{where}: {first['msg']}" if where else first["msg"]
        raise UnreadableReport(f"{source} is not a JSON report of auditor (schema {SCHEMA_VERSION}): {what}") from None


class _Version(BaseModel):
    """As much of a report as tells how to read it."""

    schema_version: str


def summarize(
    findings: Iterable[Finding], *, rules: int, resources: int, calls: int, defects: Iterable[Defect]
) -> Summary:
    """Count findings. Every status and severity has an entry, zero included, so that readers need no defaults."""
    findings = list(findings)
    by_status = Counter(f.status for f in findings)
    failed = Counter(f.severity for f in findings if f.status is Status.FAIL and f.suppression is None)
    return Summary(
        findings={status: by_status[status] for status in Status},
        failures={severity: failed[severity] for severity in Severity},
        suppressed=sum(f.suppression is not None for f in findings),
        rules=rules,
        resources=resources,
        calls=calls,
        defects=list(defects),
    )
