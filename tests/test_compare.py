"""What changed between two reports: nothing counts as fixed that could not be judged."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor import renamed
from auditor.audit import SCHEMA_VERSION, Audit, UnreadableReport, load
from auditor.compare import compare
from auditor.findings import Finding, Status, Suppression
from auditor.plugins import load_reports
from tests.factory import make_audit

AUDIT = make_audit(60, weights=(0.4, 0.4, 0.1, 0.1), seed=3)
ACCEPTED = Suppression(reason="known", owner="me", expires="2030-01-01")


def having(findings: list[Finding]) -> Audit:
    return AUDIT.model_copy(update={"findings": findings})


def one(status: Status, *, suppression: Suppression | None = None) -> Finding:
    """The first plain finding of the audit, with another answer."""
    found = next(f for f in AUDIT.findings if f.resource.id != "*" and f.resource.region != "global")
    return found.model_copy(update={"status": status, "suppression": suppression})


def also_seen(finding: Finding) -> Finding:
    """Another rule's finding about the same resource."""
    other = next(rule.id for rule in AUDIT.rules if rule.id != finding.rule)
    return finding.model_copy(update={"rule": other, "status": Status.PASS, "fingerprint": "0" * 32})


def blind(finding: Finding, *, whole: bool, region: str | None = None) -> Finding:
    """The unknown that stands for a finding: of its resource, or of its type in a region."""
    about = finding.resource
    if whole:
        about = about.model_copy(update={"id": "*", "arn": "arn:aws:x:::*", "region": region or about.region})
    return finding.model_copy(update={"status": Status.UNKNOWN, "resource": about, "fingerprint": "1" * 32})


FAILED = one(Status.FAIL)
FATES = {
    "still there": ([FAILED], "remaining"),
    "passes": ([one(Status.PASS)], "fixed"),
    "does not apply": ([one(Status.NOT_APPLICABLE)], "fixed"),
    "is accepted": ([one(Status.FAIL, suppression=ACCEPTED)], "accepted"),
    "cannot be judged": ([one(Status.UNKNOWN)], "unknown"),
    "its resource is no more": ([], "gone"),
    "its part of the resource is no more": ([also_seen(FAILED)], "fixed"),
    "its resource was not read": ([blind(FAILED, whole=False)], "unknown"),
    "its type was not listed": ([blind(FAILED, whole=True)], "unknown"),
    "its type was not listed anywhere": ([blind(FAILED, whole=True, region="global")], "unknown"),
    "its type was not listed elsewhere": ([blind(FAILED, whole=True, region="mars-1")], "gone"),
}


@pytest.mark.parametrize("fate", FATES)
def test_what_becomes_of_a_failure(fate: str) -> None:
    now, expected = FATES[fate]
    changed = compare(having([FAILED]), having(now))
    counts = {
        "fixed": len(changed.fixed), "gone": len(changed.gone), "unknown": len(changed.unknown),
        "accepted": len(changed.accepted), "remaining": changed.remaining,
    }  # fmt: skip
    assert {name for name, count in counts.items() if count} == {expected}
    assert changed.new == changed.reopened == []


@pytest.mark.parametrize(
    ("before", "state"),
    [
        ([], "new"),
        ([one(Status.UNKNOWN)], "new"),
        ([one(Status.PASS)], "reopened"),
        ([one(Status.FAIL, suppression=ACCEPTED)], "reopened"),
        ([FAILED], None),
    ],
)
def test_which_failures_are_new(before: list[Finding], state: str | None) -> None:
    changed = compare(having(before), having([FAILED]))
    assert (changed.new, changed.reopened) == (
        [FAILED.fingerprint] if state == "new" else [],
        [FAILED.fingerprint] if state == "reopened" else [],
    )


@pytest.mark.parametrize("narrower", ["rules", "regions", "accounts"])
def test_what_was_not_asked_for_is_neither_fixed_nor_gone(narrower: str) -> None:
    scan = AUDIT.scan
    updates: dict[str, dict[str, Any]] = {
        "rules": {"rules": [r for r in AUDIT.rules if r.id != FAILED.rule]},
        "regions": {"scan": scan.model_copy(update={"regions": ["mars-1"]})},
        "accounts": {"scan": scan.model_copy(update={"accounts": ["999999999999"]})},
    }
    later = having([]).model_copy(update=updates[narrower])
    changed = compare(having([FAILED]), later)
    assert changed.out_of_scope == 1 and not changed.fixed and not changed.gone


def test_verdicts_that_are_unknown_now_are_counted() -> None:
    assert compare(having([one(Status.PASS)]), having([one(Status.UNKNOWN)])).not_assessed == 1


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_every_failure_has_one_fate_and_none_that_is_unknown_is_fixed(one_seed: int, other_seed: int) -> None:
    old, new = shaken(one_seed), shaken(other_seed)
    changed = compare(old, new)
    open_then = {f.fingerprint for f in old.failures}
    fates = [f.fingerprint for f in (*changed.fixed, *changed.gone, *changed.unknown)]
    assert len(fates) + len(changed.accepted) + changed.remaining + changed.out_of_scope >= len(open_then)
    assert len(set(fates)) == len(fates) and set(fates) <= open_then
    now = {f.fingerprint: f for f in new.findings}
    assert all(f.fingerprint not in now or now[f.fingerprint].status is not Status.UNKNOWN for f in changed.fixed)
    assert {*changed.new, *changed.reopened} == {f.fingerprint for f in new.failures} - open_then
    again = compare(new, new)
    assert not (again.new or again.reopened or again.fixed or again.gone or again.unknown)


def shaken(seed: int) -> Audit:
    """The audit with some findings left out and some answered otherwise."""
    rng = random.Random(seed)
    kept = [f for f in AUDIT.findings if rng.random() < 0.8]
    return having(
        [f.model_copy(update={"status": rng.choice(list(Status))}) if rng.random() < 0.3 else f for f in kept]
    )


def test_a_renamed_rule_keeps_its_fingerprints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renamed, "RENAMED", {"first-name": "second-name", "second-name": "third-name"})
    assert renamed.first("third-name") == renamed.first("second-name") == "first-name"
    assert renamed.current("first-name") == "third-name" and renamed.current("other") == "other"
    rules = [AUDIT.rules[0].model_copy(update={"id": "third-name"})]
    later = having([]).model_copy(update={"rules": rules})
    renamed_finding = FAILED.model_copy(update={"rule": "first-name"})
    assert compare(having([renamed_finding]), later).gone == [renamed_finding]


def written(audit: Audit, version: str) -> str:
    text = "".join(load_reports()["json"].text(audit))
    assert f'"schema_version":"{SCHEMA_VERSION}"' in text
    return text.replace(f'"schema_version":"{SCHEMA_VERSION}"', f'"schema_version":"{version}"')


def test_reports_of_other_minor_versions_are_read() -> None:
    older = written(AUDIT, "1.0").replace(',\n"comparison":null', "")
    assert "comparison" not in older and load(older, "old.json").findings == sorted(
        AUDIT.findings, key=lambda f: f.order
    )
    later = written(AUDIT, "1.99").replace('"tool":{', '"mood":"good","tool":{"colour":"red",')
    assert load(later, "later.json").scan == AUDIT.scan
    with pytest.raises(UnreadableReport, match="mood"):
        load(written(AUDIT, SCHEMA_VERSION).replace('"tool":{', '"mood":"good","tool":{'), "odd.json")


@pytest.mark.parametrize("version", ["2.0", "0.9", "x"])
def test_another_major_version_is_said_so(version: str) -> None:
    with pytest.raises(UnreadableReport, match=f"far.json has report schema {version}, and this auditor reads 1.x"):
        load(written(AUDIT, version), "far.json")
