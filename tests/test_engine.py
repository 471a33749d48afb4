"""What the engine makes of verdicts, of what was not read, and of rules that raise."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from auditor import rule as rule_module
from auditor.engine import Setting, judge
from auditor.findings import Category, Finding, Gap, GapKind, Severity, Status, fingerprint
from auditor.inventory import Header, Inventory
from auditor.plan import everything, plan
from auditor.resources.account import Account
from auditor.resources.cloudtrail import Trail
from auditor.resources.s3 import Bucket
from auditor.rule import BadRule, Rule, Verdict, Verdicts, failed, not_applicable, passed, rule, unknown

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_module, "registry", {})


def made(function: Any, **options: Any) -> Rule:
    rule(severity=Severity.MEDIUM, notes="test", **options)(function)
    return rule_module.registry[function.__name__.replace("_", "-")]


def bucket(name: str, region: str = "eu-west-1") -> Bucket:
    return Bucket.build({"Name": name, "BucketRegion": region}, partition="aws", account="1", region="global")


def inventory(*buckets: Bucket, gaps: tuple[Gap, ...] = ()) -> Inventory:
    header = Header(
        tool_version="0", account="1", partition="aws", regions=("eu-west-1",), started=NOW, finished=NOW,
        planned={"Bucket": ("policy", "acl"), "Account": ()},
    )  # fmt: skip
    return Inventory(header, {"Bucket": buckets}, {"Bucket": gaps} if gaps else {})


def by_name(bucket: Bucket) -> Verdict:
    """A title.

    Risk: a risk
      that goes on.
    Fix: aws one {id}
      --more
    aws two {name}
    """
    return passed() if bucket.name == "good" else failed("It is bad", name=bucket.name)


def by_policy(bucket: Bucket) -> Verdict:
    """A title.

    Risk: r
    Fix: f
    """
    return passed() if bucket.policy is None else failed("It has a policy")


def test_what_a_rule_says_of_itself() -> None:
    known = made(by_name, controls=("SecurityHub S3.1",), category=Category.COST)
    assert (known.id, known.title, known.risk) == ("by-name", "A title.", "A risk that goes on.")
    assert known.fix == "aws one {id} --more\naws two {name}"
    assert known.kinds == (Bucket,) and not known.takes_inventory and known.parameters == {}
    assert known.category is Category.COST and known.controls == ("SecurityHub S3.1",)


def test_pass_and_fail() -> None:
    judged = judge(inventory(bucket("good"), bucket("bad")), [made(by_name)])
    assert [(f.resource.id, f.status.value, f.message) for f in judged.findings] == [
        ("bad", "fail", "It is bad"),
        ("good", "pass", "A title."),
    ]
    bad = judged.findings[0]
    assert bad.evidence == {"name": "bad"} and bad.fingerprint == fingerprint("by-name", "arn:aws:s3:::bad")
    assert judged.coverage.assessed == 2 and judged.coverage.percent == 100


def test_what_was_not_read_is_unknown_with_the_reason() -> None:
    lost = bucket("lost")
    lost.lose("policy", lost.gap("policy", GapKind.DENIED, "AccessDenied", "no"))
    judged = judge(inventory(lost), [made(by_policy)])
    (finding,) = judged.findings
    assert finding.status.value == "unknown" and "allow s3:GetBucketPolicy" in finding.message
    assert finding.evidence == {
        "operation": "s3:GetBucketPolicy", "region": "eu-west-1", "error_code": "AccessDenied",
        "iam_action": "s3:GetBucketPolicy",
    }  # fmt: skip
    assert (judged.coverage.assessed, judged.coverage.not_assessed) == (0, 1)
    assert [gap.operation for gap in judged.coverage.gaps] == ["GetBucketPolicy"]


def test_a_listing_that_failed_is_one_finding_about_the_whole_type() -> None:
    gap = Bucket.gap_of(None, GapKind.DENIED, "AccessDenied", "no", account="1", region="global")
    judged = judge(inventory(bucket("good"), gaps=(gap,)), [made(by_name)])
    assert {f.resource.id: f.status.value for f in judged.findings} == {"good": "pass", "*": "unknown"}
    whole = next(f for f in judged.findings if f.resource.id == "*")
    assert whole.resource.arn == "arn:aws:s3:::*" and "s3:ListAllMyBuckets" in whole.message


def test_a_type_that_was_never_asked_for_is_unknown_too() -> None:
    def judges_another_type(account: Account) -> Verdict:
        """T.

        Risk: r
        Fix: f
        """
        return passed()

    other = made(judges_another_type)
    header = inventory().header.model_copy(update={"planned": {}})
    (finding,) = judge(Inventory(header, {}, {}), [other]).findings
    assert finding.status.value == "unknown" and finding.resource.id == "*"


def test_a_rule_that_raises_is_a_defect_and_its_finding_unknown() -> None:
    def breaks(bucket: Bucket) -> Verdicts:
        """T.

        Risk: r
        Fix: f
        """
        yield passed()
        raise ValueError("oops")

    judged = judge(inventory(bucket("a"), bucket("b")), [made(breaks), made(by_name)])
    broken = [f for f in judged.findings if f.rule == "breaks"]
    assert [f.status.value for f in broken] == ["unknown", "unknown"]
    assert "oops" in judged.defects["breaks"]
    assert [f.status.value for f in judged.findings if f.rule == "by-name"] == ["fail", "fail"]


def test_half_an_answer_is_none() -> None:
    def reads_late(bucket: Bucket) -> Verdicts:
        """T.

        Risk: r
        Fix: f
        """
        yield passed(key="first")
        if bucket.policy:
            yield failed("x", key="second")

    (finding,) = judge(inventory(bucket("a")), [made(reads_late)]).findings
    assert finding.status.value == "unknown"


def test_several_verdicts_have_fingerprints_of_their_own() -> None:
    def parts(bucket: Bucket) -> Verdicts:
        """T.

        Risk: r
        Fix: f
        """
        yield failed("x", key="one")
        yield failed("x", key="two", severity=Severity.LOW)
        yield not_applicable("y", key="three")
        yield unknown("z", key="four")

    findings = judge(inventory(bucket("a")), [made(parts)]).findings
    assert len({f.fingerprint for f in findings}) == 4
    assert sorted(f.severity.value for f in findings) == ["low", "medium", "medium", "medium"]


def test_a_region_that_was_not_chosen_is_not_judged() -> None:
    assert not judge(inventory(bucket("far", "us-east-1")), [made(by_name)]).findings


def test_settings_change_severity_and_parameters() -> None:
    def old(bucket: Bucket, *, limit: int = 5) -> Verdict:
        """T.

        Risk: r
        Fix: f
        """
        return failed("x", severity=Severity.CRITICAL, limit=limit)

    known = made(old)
    (finding,) = judge(inventory(bucket("a")), [known], {"old": Setting({"limit": 9}, Severity.LOW)}).findings
    assert finding.severity is Severity.LOW and finding.evidence == {"limit": 9}
    (finding,) = judge(inventory(bucket("a")), [known]).findings
    assert finding.severity is Severity.CRITICAL and finding.evidence == {"limit": 5}


def test_a_severity_that_cannot_be_settled_leaves_the_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    def worse_with_a_policy(bucket: Bucket) -> Verdict:
        """T.

        Risk: r
        Fix: f
        """

        def severity() -> Iterator[Severity]:
            yield Severity.LOW
            if bucket.policy:
                yield Severity.HIGH

        return failed("x", severity=severity())

    (finding,) = judge(inventory(bucket("a")), [made(worse_with_a_policy)]).findings
    assert finding.status.value == "fail" and finding.severity is Severity.MEDIUM
    assert "GetBucketPolicy" in finding.evidence["severity_unsettled"]


def no_docstring(bucket: Bucket) -> Verdict:
    return passed()


def no_fix(bucket: Bucket) -> Verdict:
    """T.

    Risk: r
    """
    return passed()


def wrong_type(bucket: str) -> Verdict:
    """T.

    Risk: r
    Fix: f
    """
    return passed()


def no_default(bucket: Bucket, *, limit: int) -> Verdict:
    """T.

    Risk: r
    Fix: f
    """
    return passed()


def no_setting(bucket: Bucket, *, check: Any = by_name) -> Verdict:
    """T.

    Risk: r
    Fix: f
    """
    return passed()


@pytest.mark.parametrize("function", [no_docstring, no_fix, wrong_type, no_default, no_setting])
def test_a_rule_of_wrong_form_is_refused_by_name(function: Any) -> None:
    with pytest.raises(BadRule, match=function.__name__.replace("_", "-")):
        made(function)


def test_an_id_that_is_taken_is_refused() -> None:
    made(by_name)
    with pytest.raises(BadRule, match="already defined"):
        made(by_name)


def helper(bucket: Bucket) -> bool:
    return bucket.acl is not None


def through_a_helper(bucket: Bucket) -> Verdict:
    """T.

    Risk: r
    Fix: f
    """
    return passed() if [b for b in (bucket,) if helper(b)] else failed("x")


def test_the_plan_asks_for_what_a_rule_reads_and_no_more() -> None:
    assert plan([made(by_name)]).fields == {Bucket: frozenset()}
    assert plan([made(by_policy)]).fields == {Bucket: frozenset({"policy"})}
    assert plan([made(through_a_helper)]).fields == {Bucket: frozenset({"acl"})}
    asked = {op.name for op in plan([made_again(by_policy)]).operations()}
    assert asked == {"ListBuckets", "GetBucketLocation", "GetBucketPolicy"}
    assert {op.name for op in everything().operations()} > asked


def made_again(function: Any) -> Rule:
    return rule_module.registry[function.__name__.replace("_", "-")]


def test_fingerprints_never_change() -> None:
    assert fingerprint("rule", "arn") == "db1fddb6610e35818814163c2702a5a8"
    assert fingerprint("rule", "arn", "key") != fingerprint("rule", "arn")


# --- whatever a rule does


class Mystery:
    pass


def answering(answer: Any) -> Any:
    def answers(bucket: Bucket) -> Any:
        """T.

        Risk: r
        Fix: f
        """
        return answer()

    return answers


def raising() -> Any:
    raise RecursionError("too deep")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda: None, "NoneType"),
        (lambda: 5, "int"),
        (lambda: ["not a verdict"], "verdict"),
        (lambda: passed(thing=Mystery()), "Mystery"),
        (lambda: passed(raw=b"secret"), "bytes"),
        (lambda: passed(deep={"a": [Mystery()]}), "Mystery"),
        (lambda: Verdict("odd"), "status"),  # type: ignore[arg-type]
        (lambda: failed(5), "message"),  # type: ignore[arg-type]
        (lambda: [passed(), failed("x")], "key of their own"),
        (lambda: [passed(key="a"), failed("x", key="a")], "key of their own"),
        (raising, "too deep"),
        (lambda: next(iter(())), ""),
    ],
)
def test_whatever_a_rule_answers_costs_its_own_findings_only(answer: Any, said: str) -> None:
    judged = judge(inventory(bucket("a"), bucket("b")), [made(answering(answer)), made(by_name)])
    assert [f.status.value for f in judged.findings if f.rule == "answers"] == ["unknown", "unknown"]
    assert said in judged.defects["answers"] and judged.broken == {"answers": 2}
    assert [f.status.value for f in judged.findings if f.rule == "by-name"] == ["fail", "fail"]


def test_a_rule_about_parts_may_find_none() -> None:
    judged = judge(inventory(bucket("a")), [made(answering(list))])
    assert not judged.findings and not judged.defects


def test_evidence_is_what_a_saved_report_gives_back() -> None:
    evidence: dict[Any, Any] = {
        "set": {"b", "a", "c"}, "frozen": frozenset({2, 1}), "tuple": (1, (2,)), "when": NOW, "day": NOW.date(),
        "enum": Severity.LOW, "map": {"x": {1}}, "none": None, "number": 1.5, "text": "\ud800é", 1: True,
    }  # fmt: skip
    (finding,) = judge(inventory(bucket("a")), [made(answering(lambda: Verdict(Status.PASS, "", evidence)))]).findings
    assert Finding.model_validate_json(finding.model_dump_json()) == finding
    assert finding.evidence["set"] == ["a", "b", "c"] and finding.evidence["enum"] == "low"
    assert type(finding.evidence["enum"]) is str and finding.evidence["text"] == "?é"
    assert finding.evidence["when"] == "2026-05-01T00:00:00+00:00"


def test_gaps_stand_in_one_order() -> None:
    gaps = tuple(
        Bucket.gap_of(None, GapKind.DENIED, code, message, account="1", region="global")
        for code in ("AccessDenied", "Forbidden")
        for message in ("no", "not at all")
    )
    orders = [
        judge(inventory(gaps=tuple(order)), [made_again(by_name) if at else made(by_name)]).coverage.gaps
        for at, order in enumerate((gaps, gaps[::-1]))
    ]
    assert orders[0] == orders[1] == list(gaps)


def test_each_unknown_finding_has_its_gap() -> None:
    """What costs a verdict shows in the coverage, the inventory's own gaps or not."""

    def looks_up(bucket: Bucket, inventory: Inventory) -> Verdict:
        """T.

        Risk: r
        Fix: f
        """
        return passed() if list(inventory.each(Trail)) else failed("x")

    judged = judge(inventory(bucket("a"), bucket("b")), [made(looks_up), made(by_policy)])
    assert {f.status.value for f in judged.findings} == {"unknown"}
    missing = {(gap.operation, gap.field) for gap in judged.coverage.gaps}
    assert missing == {("DescribeTrails", None), ("GetBucketPolicy", "policy")}
    assert len(judged.coverage.gaps) == 2 and judged.coverage.not_assessed == 4
    assert judged.unasked["by-policy"].total() == 2
