"""What the audits of many accounts say together, made from a digest of each, one at a time.

A digest holds of an audit what an organization's report needs: counts, the worst of what changed, and nothing that
grows with the account. Whatever order the digests come in, the rollup is the same.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from heapq import nsmallest
from typing import Literal

from pydantic import Field, ValidationError

from auditor import __version__
from auditor.audit import Audit, Scan, Summary, Tool
from auditor.findings import Category, Finding, GapKind, Record, Severity, Status

DIGEST_VERSION = "1.0"
ROLLUP_VERSION = "1.0"
LISTED = 100  # changes that a digest and a rollup list; all are counted


class RuleCount(Record):
    """The open failures of a rule in one account."""

    rule: str
    title: str
    severity: Severity
    category: Category
    failures: int


class NotRead(Record):
    """An operation that did not answer, and how often. `iam_action` is what the auditing role would need."""

    service: str
    operation: str
    kind: GapKind
    iam_action: str | None
    gaps: int


class Change(Record):
    """A finding that is new, reopened or fixed, as a list of changes shows it."""

    account: str
    rule: str
    severity: Severity
    region: str
    arn: str
    name: str
    message: str
    fingerprint: str

    @property
    def order(self) -> tuple[int, str, str, str]:
        """Worst first, as in every report."""
        return (self.severity.rank, self.rule, self.arn, self.fingerprint)


class Changes(Record):
    """How much has changed since the earlier reports, and the worst of what is new and fixed.

    `unknown` were open failures that could not be judged this time; `new` counts what was reopened too.
    """

    new: int = 0
    fixed: int = 0
    gone: int = 0
    unknown: int = 0
    remaining: int = 0
    worst_new: list[Change] = Field(default_factory=list)
    worst_fixed: list[Change] = Field(default_factory=list)


class Worldwide(Record):
    """The share of a digest that is about no region: where an account is read in groups of regions, each has it."""

    findings: dict[Status, int]
    failures: dict[Severity, int]
    suppressed: int
    resources: int
    rules: dict[str, int]


class Digest(Record):
    """One audit, in the size that an organization's report can take 5,000 of."""

    format: Literal["auditor-digest"] = "auditor-digest"
    schema_version: str = DIGEST_VERSION
    tool: Tool
    scan: Scan
    summary: Summary
    assessed: int
    not_assessed: int
    rules: list[RuleCount]
    not_read: list[NotRead]
    worldwide: Worldwide
    changes: Changes | None = None


class BadDigest(ValueError):
    """A file that is no digest, or one that this version cannot read. One line that names it."""


class Expected(Record):
    """An account that was to be audited. `regions`: only these; empty for all that are enabled."""

    account: str
    name: str = ""
    regions: list[str] = Field(default_factory=list)


class NotReached(Record):
    """An account of which there is no report, and why. `regions`: only these of it were not reached."""

    account: str
    name: str = ""
    code: str
    message: str
    regions: list[str] = Field(default_factory=list)


class AccountRow(Record):
    """One account in the organization's report. `report` is where its own report is: a file, or an S3 key."""

    account: str
    name: str
    finished: datetime
    assessed: int
    not_assessed: int
    gaps: int
    interrupted: bool
    defects: int
    failures: dict[Severity, int]
    suppressed: int
    resources: int
    calls: int
    new: int | None
    fixed: int | None
    report: str

    @property
    def percent(self) -> float:
        """Share of verdicts that are known, 0 to 100."""
        total = self.assessed + self.not_assessed
        return 100.0 * self.assessed / total if total else 100.0

    @property
    def order(self) -> tuple[int | str, ...]:
        """The account with most critical failures first, then most high ones, and so on."""
        return (*(-self.failures.get(severity, 0) for severity in Severity), self.account)


class RuleRow(Record):
    """A rule over the whole organization: its open failures, and in how many accounts."""

    rule: str
    title: str
    severity: Severity
    category: Category
    failures: int
    accounts: int

    @property
    def order(self) -> tuple[int, int, int, str]:
        """Worst severity first, then what fails in most accounts."""
        return (self.severity.rank, -self.accounts, -self.failures, self.rule)


class GapRow(Record):
    """An operation that did not answer over the whole organization, and in how many accounts."""

    service: str
    operation: str
    kind: GapKind
    iam_action: str | None
    gaps: int
    accounts: int


class Rollup(Record):
    """The report of an organization. What was not reached comes first.

    undelivered: accounts that were audited, and something went wrong after.
    """

    format: Literal["auditor-organization"] = "auditor-organization"
    schema_version: str = ROLLUP_VERSION
    tool: Tool
    run: str
    started: datetime
    finished: datetime
    not_reached: list[NotReached]
    undelivered: list[NotReached]
    expected: int
    reached: int
    assessed: int
    not_assessed: int
    findings: dict[Status, int]
    failures: dict[Severity, int]
    suppressed: int
    resources: int
    calls: int
    compared: int
    changes: Changes | None
    accounts: list[AccountRow]
    rules: list[RuleRow]
    not_read: list[GapRow]

    @property
    def percent(self) -> float:
        """Share of the verdicts of those accounts that were reached that are known, 0 to 100."""
        total = self.assessed + self.not_assessed
        return 100.0 * self.assessed / total if total else 100.0

    @property
    def complete(self) -> bool:
        """Whether every account was reached, and everything in it read and judged."""
        return not self.not_reached and not any(row.gaps or row.defects or row.interrupted for row in self.accounts)


def digest(audit: Audit) -> Digest:
    """What an organization's report needs of an audit."""
    by_rule = Counter(finding.rule for finding in audit.failures)
    texts = {text.id: text for text in audit.rules}
    # A region that nobody asked for is no gap: see steps.completeness.
    gaps = Counter(
        (gap.service, gap.operation, gap.kind, gap.iam_action)
        for gap in audit.coverage.gaps
        if gap.kind is not GapKind.NOT_SELECTED or gap.code == "NotAsked"
    )
    return Digest(
        tool=audit.tool, scan=audit.scan, summary=audit.summary,
        assessed=audit.coverage.assessed, not_assessed=audit.coverage.not_assessed,
        rules=[
            RuleCount(
                rule=rule, title=texts[rule].title, severity=texts[rule].severity, category=texts[rule].category,
                failures=count,
            )
            for rule, count in sorted(by_rule.items())
        ],
        not_read=[
            NotRead(service=service, operation=operation, kind=kind, iam_action=action, gaps=count)
            for (service, operation, kind, action), count in sorted(gaps.items(), key=lambda each: str(each[0]))
        ],
        worldwide=_worldwide(audit),
        changes=_changes(audit),
    )  # fmt: skip


def _worldwide(audit: Audit) -> Worldwide:
    found = [finding for finding in audit.findings if finding.resource.region == "global"]
    failed = [finding for finding in found if finding.status is Status.FAIL and finding.suppression is None]
    return Worldwide(
        findings=Counter(finding.status for finding in found),
        failures=Counter(finding.severity for finding in failed),
        suppressed=sum(finding.suppression is not None for finding in found),
        resources=len({finding.resource.arn for finding in found if finding.resource.id != "*"}),
        rules=Counter(finding.rule for finding in failed),
    )


def _changes(audit: Audit) -> Changes | None:
    made = audit.comparison
    if made is None:
        return None
    appeared = {*made.new, *made.reopened}
    return Changes(
        new=len(appeared), fixed=len(made.fixed), gone=len(made.gone), unknown=len(made.unknown),
        remaining=made.remaining,
        worst_new=_briefs(finding for finding in audit.findings if finding.fingerprint in appeared),
        worst_fixed=_briefs(made.fixed),
    )  # fmt: skip


def _briefs(findings: Iterable[Finding]) -> list[Change]:
    return [
        Change(
            account=each.resource.account, rule=each.rule, severity=each.severity, region=each.resource.region,
            arn=each.resource.arn, name=each.resource.name, message=each.message[:500], fingerprint=each.fingerprint,
        )
        for each in nsmallest(LISTED, findings, key=lambda finding: finding.order)
    ]  # fmt: skip


def read_digest(text: str | bytes, source: str) -> Digest:
    """A saved digest. Raises BadDigest."""
    try:
        return Digest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadDigest(f"{source} is not a digest of auditor {__version__}: {where}: {first['msg']}") from None


class Reducer:
    """Takes the digests of a run, each once, and gives the report. Holds a row for each account and rule, no more."""

    def __init__(self, expected: Iterable[Expected]) -> None:
        self._expected = list(expected)
        self._names = {each.account: each.name for each in self._expected}
        times = Counter(each.account for each in self._expected)
        self._split = {account for account, count in times.items() if count > 1}
        self._counted: set[tuple[object, ...]] = set()  # of split accounts: what already has them among its accounts
        self._rows: dict[str, AccountRow] = {}
        self._seen: set[tuple[str, tuple[str, ...]]] = set()
        self._missing: list[NotReached] = []
        self._undelivered: list[NotReached] = []
        self._findings: Counter[Status] = Counter()
        self._rules: dict[str, RuleRow] = {}
        self._gaps: dict[tuple[str, str, GapKind, str | None], list[int]] = {}
        self._changes = Changes()
        self._compared = 0

    def add(self, made: Digest, report: str) -> None:
        """Take the digest of an account's audit; `report` says where the audit is."""
        account = made.scan.accounts[0]
        if account in self._rows:  # another group of its regions, which has what is global once more
            made = _regional(made)
        row = _row(made, account, self._names.get(account, ""), report)
        before = self._rows.get(account)
        self._rows[account] = _merged(before, row) if before else row
        self._findings.update(made.summary.findings)
        for count in made.rules:
            self._count_rule(count, self._first(account, count.rule))
        for gap in made.not_read:
            key = (gap.service, gap.operation, gap.kind, gap.iam_action)
            total = self._gaps.setdefault(key, [0, 0])
            total[0] += gap.gaps
            total[1] += self._first(account, *key)
        if made.changes is not None:
            self._compared += before is None or before.new is None
            self._changes = _sum(self._changes, made.changes)

    def missing(self, expected: Expected, code: str, message: str) -> None:
        """Note an account, or a group of its regions, that was not reached."""
        self._missing.append(_lost(expected, code, message))

    def undelivered(self, expected: Expected, code: str, message: str) -> None:
        """Note an account that was audited, and something went wrong after."""
        self._undelivered.append(_lost(expected, code, message))

    def result(self, *, run: str, started: datetime, finished: datetime) -> Rollup:
        """The organization's report."""
        rows = sorted(self._rows.values(), key=lambda row: row.order)
        failures: Counter[Severity] = Counter()
        for row in rows:
            failures.update(row.failures)
        return Rollup(
            tool=Tool(version=__version__), run=run, started=started, finished=finished,
            not_reached=sorted(self._missing, key=lambda each: (each.account, each.regions)),
            undelivered=sorted(self._undelivered, key=lambda each: (each.account, each.regions)),
            expected=len(self._names), reached=len(rows),
            assessed=sum(row.assessed for row in rows), not_assessed=sum(row.not_assessed for row in rows),
            findings={status: self._findings[status] for status in Status},
            failures={severity: failures[severity] for severity in Severity},
            suppressed=sum(row.suppressed for row in rows), resources=sum(row.resources for row in rows),
            calls=sum(row.calls for row in rows),
            compared=self._compared, changes=self._changes if self._compared else None,
            accounts=rows,
            rules=sorted(self._rules.values(), key=lambda row: row.order),
            not_read=[
                GapRow(service=key[0], operation=key[1], kind=key[2], iam_action=key[3], gaps=gaps, accounts=accounts)
                for key, (gaps, accounts) in sorted(self._gaps.items(), key=lambda each: (-each[1][1], str(each[0])))
            ],
        )  # fmt: skip

    def _first(self, account: str, *what: object) -> bool:
        """Whether this of an account was not counted before, with another group of its regions."""
        if account not in self._split:
            return True
        first = (account, *what) not in self._counted
        self._counted.add((account, *what))
        return first

    def _count_rule(self, count: RuleCount, first: bool) -> None:
        before = self._rules.get(count.rule)
        failures, accounts = (before.failures, before.accounts) if before else (0, 0)
        # An account's own settings may give the rule another severity: the worst one stands.
        severity = min((count.severity, before.severity if before else count.severity), key=lambda each: each.rank)
        self._rules[count.rule] = RuleRow(
            rule=count.rule, title=count.title, severity=severity, category=count.category,
            failures=failures + count.failures, accounts=accounts + first,
        )  # fmt: skip


def _lost(expected: Expected, code: str, message: str) -> NotReached:
    return NotReached(**expected.model_dump(), code=code, message=" ".join(message.split())[:1000])


def _regional(made: Digest) -> Digest:
    """A digest without what it says of no region in particular."""
    whole, share = made.summary, made.worldwide
    unknown = share.findings.get(Status.UNKNOWN, 0)
    summary = whole.model_copy(
        update={
            "findings": {each: count - share.findings.get(each, 0) for each, count in whole.findings.items()},
            "failures": {each: count - share.failures.get(each, 0) for each, count in whole.failures.items()},
            "suppressed": whole.suppressed - share.suppressed,
            "resources": max(0, whole.resources - share.resources),
        }
    )
    rules = [each.model_copy(update={"failures": each.failures - share.rules.get(each.rule, 0)}) for each in made.rules]
    return made.model_copy(
        update={
            "summary": summary,
            "rules": [each for each in rules if each.failures],
            "assessed": made.assessed - sum(share.findings.values()) + unknown,
            "not_assessed": made.not_assessed - unknown,
        }
    )


def _row(made: Digest, account: str, name: str, report: str) -> AccountRow:
    changes = made.changes
    return AccountRow(
        account=account, name=name, finished=made.scan.finished, assessed=made.assessed,
        not_assessed=made.not_assessed, gaps=sum(each.gaps for each in made.not_read),
        interrupted=made.scan.interrupted, defects=len(made.summary.defects), failures=made.summary.failures,
        suppressed=made.summary.suppressed, resources=made.summary.resources, calls=made.summary.calls,
        new=changes.new if changes else None, fixed=changes.fixed if changes else None, report=report,
    )  # fmt: skip


def _merged(one: AccountRow, other: AccountRow) -> AccountRow:
    """Two groups of an account's regions as one row."""
    numbers = ("assessed", "not_assessed", "gaps", "defects", "suppressed", "resources", "calls")
    summed = {name: getattr(one, name) + getattr(other, name) for name in numbers}
    compared = one.new is not None or other.new is not None
    return one.model_copy(
        update=summed | {
            "finished": max(one.finished, other.finished),
            "interrupted": one.interrupted or other.interrupted,
            "failures": {each: one.failures.get(each, 0) + other.failures.get(each, 0) for each in Severity},
            "new": (one.new or 0) + (other.new or 0) if compared else None,
            "fixed": (one.fixed or 0) + (other.fixed or 0) if compared else None,
        }
    )  # fmt: skip


def _sum(one: Changes, other: Changes) -> Changes:
    return Changes(
        new=one.new + other.new, fixed=one.fixed + other.fixed, gone=one.gone + other.gone,
        unknown=one.unknown + other.unknown, remaining=one.remaining + other.remaining,
        worst_new=_worst([*one.worst_new, *other.worst_new]),
        worst_fixed=_worst([*one.worst_fixed, *other.worst_fixed]),
    )  # fmt: skip


def _worst(changes: Sequence[Change]) -> list[Change]:
    return nsmallest(LISTED, changes, key=lambda each: each.order)
