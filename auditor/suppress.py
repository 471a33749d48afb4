"""Accepted risks: which findings, why, whose decision, until when; and the entries that need attention themselves.

Only failures are accepted. What is unknown stays unknown, whatever an entry says of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fnmatch import fnmatchcase

from auditor.audit import Audit, RuleText, summarize
from auditor.findings import (
    Category,
    Coverage,
    Finding,
    ResourceRef,
    Severity,
    Status,
    Suppression,
    fingerprint,
)
from auditor.renamed import current
from auditor.settings import Suppress

SOON = timedelta(days=14)
TYPE = "Auditor::Suppression"


def matches(entry: Suppress, finding: Finding) -> bool:
    """Whether an entry means a finding: each of its conditions holds. Globs are fnmatch's, and case counts."""
    about = finding.resource
    if entry.rule is not None and not _is_rule(entry.rule, finding.rule):
        return False
    if entry.resource is not None and not fnmatchcase(about.arn, entry.resource):
        return False
    if entry.account is not None and about.account != entry.account:
        return False
    if entry.region is not None and not fnmatchcase(about.region, entry.region):
        return False
    if entry.fingerprint is not None and finding.fingerprint != entry.fingerprint:
        return False
    if entry.tag is None:
        return True
    name, wanted, value = entry.tag.partition("=")
    tags = about.tags or {}
    return name in tags and (not wanted or fnmatchcase(tags[name], value))


def knows(pattern: str, rules: Sequence[str]) -> bool:
    """Whether any of these rules is meant by a pattern, under whatever name it had."""
    return any(_is_rule(pattern, rule) for rule in rules)


def _is_rule(pattern: str, rule: str) -> bool:
    return fnmatchcase(rule, pattern) or fnmatchcase(rule, current(pattern))


def apply(audit: Audit, entries: Sequence[Suppress], *, today: date, alone: bool = True) -> Audit:
    """The audit with what these entries accept marked, and findings about the entries themselves.

    alone: whether this is all that the entries are about. Of one account among many it cannot be said that an entry
    for any account matches nothing.

    What another file accepted before, in a saved report, is forgotten; without entries the audit is as it was.
    """
    if not entries:
        return audit
    audit = _plain(audit)
    live = [entry for entry in entries if entry.expires >= today]
    used: set[int] = set()
    findings = []
    for finding in audit.findings:
        entry = next((entry for entry in live if matches(entry, finding)), None)
        if entry is None or finding.status is not Status.FAIL:
            findings.append(finding)
            continue
        used.update(id(other) for other in live if matches(other, finding))
        accepted = Suppression(reason=entry.reason, owner=entry.owner, expires=entry.expires.isoformat())
        findings.append(finding.model_copy(update={"suppression": accepted}))
    reviewed = [
        _judged(audit, entry, rule)
        for entry in entries
        for rule in (
            _expiry(entry, today),
            _expiring(entry, today),
            _use(audit, entry, id(entry) in used, today, alone),
        )
    ]
    findings = sorted([*findings, *reviewed], key=lambda finding: finding.order)
    return _with(audit, findings)


def _plain(audit: Audit) -> Audit:
    """An audit without what an earlier `apply` put into it."""
    own = {rule.id for rule in OWN_RULES}
    findings = [
        finding.model_copy(update={"suppression": None}) if finding.suppression is not None else finding
        for finding in audit.findings
        if finding.rule not in own
    ]
    return audit.model_copy(update={"findings": findings, "rules": [r for r in audit.rules if r.id not in own]})


@dataclass(frozen=True)
class _Answer:
    """One question about an entry, answered."""

    rule: RuleText
    status: Status
    message: str


def _expiry(entry: Suppress, today: date) -> _Answer:
    over = entry.expires < today
    said = f"it expired on {entry.expires}: what it accepted counts again" if over else NOT_EXPIRED.title
    return _Answer(NOT_EXPIRED, Status.FAIL if over else Status.PASS, said)


def _expiring(entry: Suppress, today: date) -> _Answer:
    if entry.expires < today:
        return _Answer(NOT_EXPIRING, Status.NOT_APPLICABLE, "it has expired")
    soon = entry.expires - today <= SOON
    said = f"it expires on {entry.expires}: mend the finding, or decide again" if soon else NOT_EXPIRING.title
    return _Answer(NOT_EXPIRING, Status.FAIL if soon else Status.PASS, said)


def _use(audit: Audit, entry: Suppress, used: bool, today: date, alone: bool) -> _Answer:
    """Whether it accepts anything; only where the audit looked at what it is about can one say that it does not."""
    if entry.expires < today:
        return _Answer(IN_USE, Status.NOT_APPLICABLE, "it has expired")
    if used:
        return _Answer(IN_USE, Status.PASS, IN_USE.title)
    if entry.account is None and not alone:
        return _Answer(IN_USE, Status.NOT_APPLICABLE, "it may match in another account")
    if entry.account is not None and entry.account not in audit.scan.accounts:
        return _Answer(IN_USE, Status.NOT_APPLICABLE, "its account was not audited")
    if entry.rule is not None and not any(_is_rule(entry.rule, rule.id) for rule in audit.rules):
        return _Answer(IN_USE, Status.NOT_APPLICABLE, "its rule was not selected")
    regions = (*audit.scan.regions, "global")
    if entry.region is not None and not any(fnmatchcase(region, entry.region) for region in regions):
        return _Answer(IN_USE, Status.NOT_APPLICABLE, "its region was not audited")
    wide = entry.model_copy(update={"resource": None, "tag": None, "fingerprint": None})
    if any(finding.status is Status.UNKNOWN and matches(wide, finding) for finding in audit.findings):
        return _Answer(IN_USE, Status.UNKNOWN, "what it may be about was not read")
    return _Answer(IN_USE, Status.FAIL, "it matches no failure: what it accepted is mended or gone, or it is misspelt")


def _judged(audit: Audit, entry: Suppress, answer: _Answer) -> Finding:
    account = entry.account or audit.scan.accounts[0]
    said = entry.model_dump(mode="json", exclude_none=True)
    name = " ".join(str(value) for value in entry.identity.values())
    arn = f"arn:{audit.scan.partition}:auditor::{account}:suppression/{_digest(entry)}"
    about = ResourceRef(arn=arn, id=name, name=name, type=TYPE, account=account, region="global")
    return Finding(
        rule=answer.rule.id, status=answer.status, severity=answer.rule.severity, resource=about,
        message=answer.message, evidence=said, fingerprint=fingerprint(answer.rule.id, arn),
    )  # fmt: skip


def _digest(entry: Suppress) -> str:
    """An entry's identity: what it accepts, not why or until when."""
    return fingerprint("suppression", "\0".join(f"{name}={value}" for name, value in sorted(entry.identity.items())))


def _with(audit: Audit, findings: list[Finding]) -> Audit:
    rules = sorted([*audit.rules, *OWN_RULES], key=lambda rule: rule.id)
    unknown = sum(finding.status is Status.UNKNOWN for finding in findings)
    made = audit.summary
    return audit.model_copy(
        update={
            "findings": findings,
            "rules": rules,
            "coverage": Coverage(assessed=len(findings) - unknown, not_assessed=unknown, gaps=audit.coverage.gaps),
            "summary": summarize(
                findings, rules=len(rules), resources=made.resources, calls=made.calls, defects=made.defects
            ),
        }
    )


def _own_rule(name: str, severity: Severity, title: str, risk: str, fix: str) -> RuleText:
    return RuleText(
        id=name, title=title, severity=severity, category=Category.OPERATIONS, resource_types=[TYPE], risk=risk,
        fix=fix, notes="accepted risks", controls=[],
    )  # fmt: skip


NOT_EXPIRED = _own_rule(
    "auditor-suppression-not-expired",
    Severity.LOW,
    "Accepted risks have not expired.",
    "What somebody accepted for a while has outlived that while, and nobody has looked at it again.",
    "Mend what it accepted, or decide again and set a later `expires`; then remove what is left of it.",
)
NOT_EXPIRING = _own_rule(
    "auditor-suppression-not-expiring-soon",
    Severity.INFORMATIONAL,
    "Accepted risks do not expire within two weeks.",
    "On the day it expires its findings count again, and a gate that was open closes.",
    "Mend what it accepted, or decide again and set a later `expires`.",
)
IN_USE = _own_rule(
    "auditor-suppression-in-use",
    Severity.LOW,
    "Accepted risks match something.",
    "An entry that matches nothing hides a mistake in its spelling, or waits to hide the next finding that fits.",
    "Remove the entry, or mend what it names.",
)
OWN_RULES = (IN_USE, NOT_EXPIRED, NOT_EXPIRING)
