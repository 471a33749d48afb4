"""The gate's conditions: how they are written, what they count, what the sentence says."""

import pytest

from auditor.audit import Audit
from auditor.compare import compared
from auditor.findings import Category, Finding, Severity, Status
from auditor.gate import BadCondition, Condition, State, decide, parse
from tests.factory import make_audit

AUDIT = make_audit(120, seed=11)
RULES = [rule.id for rule in AUDIT.rules]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("high", Condition("high", severity=Severity.HIGH)),
        ("new:medium", Condition("new:medium", State.NEW, Severity.MEDIUM)),
        ("open:low > 5", Condition("open:low > 5", severity=Severity.LOW, most=5)),
        ("security", Condition("security", categories=frozenset({Category.SECURITY}))),
        ("cis-5.0>3", Condition("cis-5.0>3", frameworks=frozenset({"CIS-5.0"}), most=3)),
        ("s3-*", Condition("s3-*", rules=("s3-*",))),
        (
            "reopened:high+security+s3-*",
            Condition(
                "reopened:high+security+s3-*", State.REOPENED, Severity.HIGH, frozenset({Category.SECURITY}),
                rules=("s3-*",),
            ),
        ),
    ],
)  # fmt: skip
def test_conditions_are_read(text: str, expected: Condition) -> None:
    assert parse(text, rules=RULES) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hihg", "did you mean high"),
        ("soon:high", "choose from open, new, reopened, unknown"),
        ("new:", "write it as"),
        ("high>many", "write it as"),
        ("high++s3-*", "nothing is no severity"),
        ("", "write it as"),
        ("nosuch-*", "no severity, category, framework or rule"),
    ],
)
def test_conditions_that_cannot_be_read_are_said(text: str, said: str) -> None:
    with pytest.raises(BadCondition, match=said):
        parse(text, rules=RULES)


def broken(audit: Audit, text: str, **options: object) -> list[Finding]:
    decision = decide(audit, [parse(text, rules=RULES)], **options)  # type: ignore[arg-type]
    return [finding for each in decision.broken for finding in each.findings]


def test_what_a_condition_counts() -> None:
    failures = AUDIT.failures
    assert broken(AUDIT, "critical") == sorted(
        (f for f in failures if f.severity is Severity.CRITICAL), key=lambda f: f.order
    )
    at_least = {f.fingerprint for f in failures if f.severity.rank <= Severity.HIGH.rank}
    assert {f.fingerprint for f in broken(AUDIT, "high")} == at_least
    s3 = {f.fingerprint for f in failures if f.rule.startswith("s3-")}
    assert {f.fingerprint for f in broken(AUDIT, "s3-*")} == s3
    by_id = {rule.id: rule for rule in AUDIT.rules}
    cost = {f.fingerprint for f in failures if by_id[f.rule].category is Category.COST}
    assert {f.fingerprint for f in broken(AUDIT, "cost")} == cost
    cis = {f.fingerprint for f in failures if any(c.startswith("CIS-5.0") for c in by_id[f.rule].controls)}
    assert {f.fingerprint for f in broken(AUDIT, "cis-5.0")} == cis
    assert cost and s3 and cis


def test_so_many_are_allowed() -> None:
    count = len(broken(AUDIT, "high"))
    assert not broken(AUDIT, f"high>{count}") and len(broken(AUDIT, f"high>{count - 1}")) == count


def test_accepted_and_unknown_findings_break_nothing() -> None:
    assert all(f.status is Status.FAIL and f.suppression is None for f in broken(AUDIT, "informational"))


def test_soft_rules_warn() -> None:
    decision = decide(AUDIT, [parse("high")], soft=["*"])
    assert not decision.failed and not decision.broken and decision.warned
    assert decision.sentence.endswith("of soft rules only warn")


def test_states_need_a_baseline() -> None:
    with pytest.raises(BadCondition, match="--baseline"):
        decide(AUDIT, [parse("new:high")])


def test_new_counts_what_was_reopened_and_unknown_is_a_state_of_its_own() -> None:
    failures = AUDIT.failures
    first, second, third = failures[:3]
    old = [
        f.model_copy(update={"status": Status.PASS}) if f.fingerprint == second.fingerprint else f
        for f in AUDIT.findings
        if f.fingerprint != first.fingerprint
    ]
    now = [
        f.model_copy(update={"status": Status.UNKNOWN}) if f.fingerprint == third.fingerprint else f
        for f in AUDIT.findings
    ]
    new = compared(AUDIT.model_copy(update={"findings": old}), AUDIT.model_copy(update={"findings": now}))
    prints = {f.fingerprint for f in broken(new, "new:informational")}
    assert prints == {first.fingerprint, second.fingerprint}
    assert {f.fingerprint for f in broken(new, "reopened:informational")} == {second.fingerprint}
    assert {f.fingerprint for f in broken(new, "unknown:informational")} == {third.fingerprint}


@pytest.mark.parametrize(
    ("condition", "coverage", "complete", "outcome"),
    [
        ("critical", None, True, (True, True)),
        ("high>9999", None, True, (False, True)),
        ("high>9999", None, False, (False, False)),
        ("high>9999", 1.0, False, (False, True)),
        ("high>9999", 100.0, True, (True, False)),
        ("critical", None, False, (True, False)),
    ],
)
def test_completeness(condition: str, coverage: float | None, complete: bool, outcome: tuple[bool, bool]) -> None:
    decision = decide(AUDIT, [parse(condition)], min_coverage=coverage, complete=complete)
    assert (decision.failed, decision.complete) == outcome
    word = "failed" if decision.failed else "passed" if decision.complete else "incomplete"
    assert decision.sentence.startswith(f"{word}: ")
    assert "\n" not in decision.sentence
