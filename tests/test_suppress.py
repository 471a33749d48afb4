"""Accepted risks: what an entry means, what it never does, and what is said of entries themselves."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.audit import Audit
from auditor.findings import Finding, Status
from auditor.settings import Suppress
from auditor.suppress import IN_USE, NOT_EXPIRED, NOT_EXPIRING, OWN_RULES, SOON, apply, matches
from tests.factory import make_audit

TODAY = date(2026, 5, 1)
AUDIT = make_audit(80, weights=(0.3, 0.5, 0.1, 0.1), suppressed=0, seed=5)
FAILED = next(f for f in AUDIT.findings if f.status is Status.FAIL and f.resource.tags)
ABOUT = FAILED.resource


def entry(**given: Any) -> Suppress:
    return Suppress(**{"reason": "known", "owner": "web team", "expires": date(2027, 1, 1), **given})


TAG = next(iter((ABOUT.tags or {}).items()))


@pytest.mark.parametrize(
    ("conditions", "meant"),
    [
        ({"rule": FAILED.rule}, True),
        ({"rule": f"{FAILED.rule[:4]}*"}, True),
        ({"rule": FAILED.rule.upper()}, False),
        ({"resource": ABOUT.arn}, True),
        ({"resource": "arn:aws:*"}, True),
        ({"resource": ABOUT.arn[:-1]}, False),
        ({"tag": TAG[0]}, True),
        ({"tag": f"{TAG[0]}={TAG[1]}"}, True),
        ({"tag": f"{TAG[0]}=*"}, True),
        ({"tag": f"{TAG[0]}=x{TAG[1]}"}, False),
        ({"tag": "nobody-has-this"}, False),
        ({"account": ABOUT.account}, True),
        ({"account": "999999999999"}, False),
        ({"region": ABOUT.region}, True),
        ({"region": "mars-*"}, False),
        ({"fingerprint": FAILED.fingerprint}, True),
        ({"fingerprint": "0" * 32}, False),
        ({"rule": FAILED.rule, "region": "mars-1"}, False),
    ],
)
def test_what_an_entry_means(conditions: dict[str, str], meant: bool) -> None:
    assert matches(entry(**conditions), FAILED) is meant


def of(audit: Audit) -> dict[str, Finding]:
    return {finding.fingerprint: finding for finding in audit.findings}


def own(audit: Audit) -> dict[str, Status]:
    return {f.rule: f.status for f in audit.findings if f.rule in {rule.id for rule in OWN_RULES}}


@given(st.sampled_from(["rule", "resource", "region"]), st.sampled_from(["*", "arn:*", "ec2-*", "s3-*", "eu-*"]))
def test_only_failures_are_accepted_and_every_finding_stays(name: str, glob: str) -> None:
    made = apply(AUDIT, [entry(**{name: glob})], today=TODAY)
    after = of(made)
    for finding in AUDIT.findings:
        kept = after[finding.fingerprint]
        assert kept.status is finding.status
        assert kept.suppression is None or finding.status is Status.FAIL
    assert made.summary.suppressed == sum(f.suppression is not None for f in made.findings)


def test_what_is_accepted_says_by_whom_and_until_when() -> None:
    made = apply(AUDIT, [entry(fingerprint=FAILED.fingerprint)], today=TODAY)
    accepted = of(made)[FAILED.fingerprint].suppression
    assert accepted is not None
    assert (accepted.reason, accepted.owner, accepted.expires) == ("known", "web team", "2027-01-01")
    assert sum(made.summary.failures.values()) == sum(AUDIT.summary.failures.values()) - 1


@pytest.mark.parametrize(
    ("given", "statuses"),
    [
        ({"fingerprint": FAILED.fingerprint}, ("pass", "pass", "pass")),
        ({"fingerprint": FAILED.fingerprint, "expires": TODAY}, ("pass", "fail", "pass")),
        ({"fingerprint": FAILED.fingerprint, "expires": TODAY + SOON}, ("pass", "fail", "pass")),
        ({"fingerprint": FAILED.fingerprint, "expires": TODAY + SOON + timedelta(1)}, ("pass", "pass", "pass")),
        (
            {"fingerprint": FAILED.fingerprint, "expires": TODAY - timedelta(1)},
            ("fail", "not_applicable", "not_applicable"),
        ),
        ({"rule": FAILED.rule, "resource": "arn:nobody"}, ("pass", "pass", "fail")),
        ({"rule": "not-run"}, ("pass", "pass", "not_applicable")),
        ({"region": "mars-1"}, ("pass", "pass", "not_applicable")),
        ({"account": "999999999999"}, ("pass", "pass", "not_applicable")),
    ],
)
def test_entries_are_findings_themselves(given: dict[str, Any], statuses: tuple[str, str, str]) -> None:
    known = AUDIT.model_copy(update={"findings": [f for f in AUDIT.findings if f.status is not Status.UNKNOWN]})
    found = own(apply(known, [entry(**given)], today=TODAY))
    assert tuple(found[rule.id].value for rule in (NOT_EXPIRED, NOT_EXPIRING, IN_USE)) == statuses


def test_whether_an_entry_is_in_use_is_unknown_where_something_was_not_read() -> None:
    unread = next(f for f in AUDIT.findings if f.status is Status.UNKNOWN)
    made = apply(AUDIT, [entry(rule=unread.rule, resource="arn:nobody")], today=TODAY)
    assert own(made)[IN_USE.id] is Status.UNKNOWN
    assert made.coverage.not_assessed == AUDIT.coverage.not_assessed + 1


def test_of_one_account_among_many_nobody_says_that_an_entry_for_any_matches_nothing() -> None:
    entries = [entry(rule=FAILED.rule, resource="arn:nobody")]
    made = apply(AUDIT, entries, today=TODAY, alone=False)
    assert own(made)[IN_USE.id] is Status.NOT_APPLICABLE
    named = [entry(account=ABOUT.account, resource="arn:nobody", rule="s3-*")]
    assert own(apply(AUDIT, named, today=TODAY, alone=False))[IN_USE.id] is not Status.NOT_APPLICABLE


def test_an_expired_entry_accepts_nothing() -> None:
    made = apply(AUDIT, [entry(fingerprint=FAILED.fingerprint, expires=TODAY - timedelta(1))], today=TODAY)
    assert of(made)[FAILED.fingerprint].suppression is None


def test_without_entries_nothing_changes_and_twice_is_once() -> None:
    assert apply(AUDIT, [], today=TODAY) is AUDIT
    entries = [entry(rule="*"), entry(region="mars-1")]
    once = apply(AUDIT, entries, today=TODAY)
    assert apply(once, entries, today=TODAY) == once
    narrower = apply(once, [entry(fingerprint=FAILED.fingerprint)], today=TODAY)
    assert narrower.summary.suppressed == 1


def test_an_entrys_identity_is_what_it_accepts() -> None:
    def arns(**given: Any) -> set[str]:
        made = apply(AUDIT, [entry(**given)], today=TODAY)
        return {f.resource.arn for f in made.findings if f.rule == IN_USE.id}

    assert arns(rule="s3-*") == arns(rule="s3-*", reason="another", expires=date(2028, 1, 1)) != arns(rule="ec2-*")
