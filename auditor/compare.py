"""What changed between two reports of the same accounts.

Findings are matched by fingerprint. Nothing counts as fixed that could not be judged, nor as gone that nobody looked
for.
"""

from collections import defaultdict
from collections.abc import Iterable

from auditor.audit import Audit, Baseline, Comparison
from auditor.findings import Finding, Status
from auditor.renamed import current


def compare(old: Audit, new: Audit) -> Comparison:
    """What became of the earlier report's findings, and which of the later one's are new."""
    before = {finding.fingerprint: finding for finding in old.findings}
    now = {finding.fingerprint: finding for finding in new.findings}
    appeared = [finding for finding in now.values() if is_open(finding) and not _was_open(before, finding)]
    reopened = [finding for finding in appeared if _was_well(before, finding)]
    known = {finding.fingerprint for finding in reopened}
    sight = _Sight(new)
    fates: dict[str, list[Finding]] = defaultdict(list)
    not_assessed = out_of_scope = 0
    for finding in before.values():
        fate = sight.fate(finding, now.get(finding.fingerprint))
        if fate == "out_of_scope":
            out_of_scope += 1
        elif is_open(finding):
            fates[fate].append(finding)
        elif finding.status is not Status.UNKNOWN and fate == "unknown":
            not_assessed += 1
    return Comparison(
        baseline=Baseline(tool=old.tool, finished=old.scan.finished, accounts=old.scan.accounts),
        new=_prints(finding for finding in appeared if finding.fingerprint not in known),
        reopened=_prints(reopened),
        accepted=_prints(now[finding.fingerprint] for finding in fates["accepted"]),
        fixed=_sorted(fates["fixed"]),
        gone=_sorted(fates["gone"]),
        unknown=_sorted(fates["unknown"]),
        remaining=len(fates["open"]),
        not_assessed=not_assessed,
        out_of_scope=out_of_scope,
    )


def compared(old: Audit, new: Audit) -> Audit:
    """The later report, with what changed since the earlier one."""
    return new.model_copy(update={"comparison": compare(old, new)})


def is_open(finding: Finding) -> bool:
    """Whether a finding is a failure that nobody has accepted."""
    return finding.status is Status.FAIL and finding.suppression is None


def _was_open(before: dict[str, Finding], finding: Finding) -> bool:
    return finding.fingerprint in before and is_open(before[finding.fingerprint])


def _was_well(before: dict[str, Finding], finding: Finding) -> bool:
    """Whether it was judged then, and was no open failure: it passed, or somebody had accepted it."""
    earlier = before.get(finding.fingerprint)
    return earlier is not None and earlier.status is not Status.UNKNOWN


class _Sight:
    """What a report has looked at: its rules, its regions, and what it could not see."""

    def __init__(self, audit: Audit) -> None:
        self._rules = {rule.id for rule in audit.rules}
        self._regions = {*audit.scan.regions, "global"}
        self._accounts = set(audit.scan.accounts)
        self._arns: set[str] = set()
        self._blind: set[tuple[str, ...]] = set()
        for finding in audit.findings:
            about = finding.resource
            if finding.status is not Status.UNKNOWN:
                self._arns.add(about.arn)
            elif about.id == "*":
                self._blind.add((finding.rule, about.account, about.type, about.region))
            else:
                self._arns.add(about.arn)
                self._blind.add((finding.rule, about.arn))

    def fate(self, finding: Finding, now: Finding | None) -> str:
        """What became of an earlier finding: open, accepted, fixed, gone, unknown or out_of_scope."""
        if now is not None:
            if now.status is Status.UNKNOWN:
                return "unknown"
            if now.status is Status.FAIL:
                return "open" if now.suppression is None else "accepted"
            return "fixed"
        about, rule = finding.resource, current(finding.rule)
        asked = rule in self._rules and about.account in self._accounts
        if not asked or about.region not in self._regions:
            return "out_of_scope"
        places = ((rule, about.account, about.type, region) for region in (about.region, "global"))
        if (rule, about.arn) in self._blind or not self._blind.isdisjoint(places):
            return "unknown"
        return "fixed" if about.arn in self._arns else "gone"


def _prints(findings: Iterable[Finding]) -> list[str]:
    return [finding.fingerprint for finding in _sorted(findings)]


def _sorted(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: finding.order)
