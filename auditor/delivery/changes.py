"""What an audit has to say that the last one had not."""

from collections.abc import Iterable
from dataclasses import dataclass

from auditor.audit import Audit
from auditor.compare import compare, is_open
from auditor.findings import Finding, Gap, Status


@dataclass(frozen=True)
class Changes:
    """What changed since the last run. first: there is no last run, and all that is open counts as new.

    unknown: failures of then that could not be judged now, unless it was so then already. unread: gaps that were not
    there then.
    """

    first: bool
    new: tuple[Finding, ...]
    reopened: tuple[Finding, ...]
    accepted: tuple[Finding, ...]
    fixed: tuple[Finding, ...]
    gone: tuple[Finding, ...]
    unknown: tuple[Finding, ...]
    unread: tuple[Gap, ...]

    @property
    def any(self) -> bool:
        """Whether there is anything to tell."""
        lists = (self.new, self.reopened, self.accepted, self.fixed, self.gone, self.unknown, self.unread)
        return self.first or any(lists)


def remembered(audit: Audit) -> Audit:
    """An earlier audit as the next one is to be compared with it: what it could not judge is as it was known last.

    Else a failure that could not be read one night would be new on the next, and one that was mended meanwhile would
    never count as fixed.
    """
    if audit.comparison is None or not audit.comparison.unknown:
        return audit
    known = {finding.fingerprint: finding for finding in audit.comparison.unknown}
    findings = [known.pop(finding.fingerprint, finding) for finding in audit.findings]
    return audit.model_copy(update={"findings": [*findings, *known.values()]})


def against(earlier: Audit | None, audit: Audit) -> Audit:
    """The audit with what changed since the earlier one, if there is one."""
    if earlier is None:
        return audit
    return audit.model_copy(update={"comparison": compare(remembered(earlier), audit)})


def changes(earlier: Audit | None, audit: Audit) -> Changes:
    """What to tell of an audit that was compared by `against`."""
    made = audit.comparison
    if earlier is None or made is None:
        return Changes(True, tuple(_ordered(audit.failures)), (), (), (), (), (), tuple(_unread(audit)))
    now = {finding.fingerprint: finding for finding in audit.findings}
    told = {finding.fingerprint for finding in earlier.comparison.unknown} if earlier.comparison else set()
    known = {_about(gap) for gap in earlier.coverage.gaps}
    return Changes(
        first=False,
        new=tuple(now[each] for each in made.new),
        reopened=tuple(now[each] for each in made.reopened),
        accepted=tuple(now[each] for each in made.accepted),
        fixed=tuple(made.fixed),
        gone=tuple(made.gone),
        unknown=tuple(finding for finding in made.unknown if finding.fingerprint not in told),
        unread=tuple(gap for gap in _unread(audit) if _about(gap) not in known),
    )


@dataclass(frozen=True)
class Standing:
    """What a system that keeps findings is to be told: those to update, and those that are over."""

    update: tuple[Finding, ...]
    over: tuple[Finding, ...]


def standing(earlier: Audit | None, audit: Audit, *, full: bool = False) -> Standing:
    """What differs from what was imported with the earlier audit: failures and unknowns are kept, the rest is over.

    full: all that is kept is updated. What fell out of sight (a rule or a region that was not asked for) stays.
    """
    now = {finding.fingerprint: finding for finding in audit.findings}
    before = {finding.fingerprint: finding for finding in earlier.findings} if earlier else {}
    update = [
        finding
        for finding in now.values()
        if _kept(finding) and (full or _said(finding) != _said(before.get(finding.fingerprint)))
    ]
    over = [finding for finding in now.values() if not _kept(finding) and _was_kept(before, finding)]
    if earlier is not None and audit.comparison is not None:
        done = {f.fingerprint: f for f in (*audit.comparison.fixed, *audit.comparison.gone)}
        over += [finding for name, finding in done.items() if name not in now]
        rules, regions = {rule.id for rule in audit.rules}, {*audit.scan.regions, "global"}
        over += [
            finding
            for name, finding in before.items()
            if finding.status is Status.UNKNOWN
            and name not in now
            and name not in done
            and finding.rule in rules
            and finding.resource.region in regions
        ]
    return Standing(tuple(_ordered(update)), tuple(_ordered(over)))


def _kept(finding: Finding) -> bool:
    return finding.status in (Status.FAIL, Status.UNKNOWN)


def _was_kept(before: dict[str, Finding], finding: Finding) -> bool:
    return finding.fingerprint in before and _kept(before[finding.fingerprint])


def _said(finding: Finding | None) -> object:
    if finding is None:
        return None
    return finding.status, finding.severity, finding.message, finding.suppression, is_open(finding)


def _unread(audit: Audit) -> Iterable[Gap]:
    return (gap for gap in audit.coverage.gaps if gap.kind != "not_selected")


def _about(gap: Gap) -> tuple[object, ...]:
    return gap.service, gap.operation, gap.region, gap.resource_type, gap.resource, gap.field


def _ordered(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: finding.order)
