"""What the plan sees of a rule, however the rule is written; and what becomes of what it does not see."""

import functools
import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from auditor import rule as rule_module
from auditor.findings import Severity, Status
from auditor.inventory import Header, Inventory
from auditor.plan import plan
from auditor.resources.rds import Database, DBInstance
from auditor.resources.s3 import Bucket
from auditor.rule import BadRule, Rule, Verdict, failed, passed, rule
from auditor.scan import assess

NOW = datetime(2026, 5, 1, tzinfo=UTC)
DOCSTRING = "T.\n\nRisk: r\nFix: f"


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_module, "registry", {})


def made(function: Any) -> Rule:
    function.__doc__ = DOCSTRING
    rule(severity=Severity.LOW, notes="test")(function)
    return rule_module.registry[function.__name__.replace("_", "-")]


def has_policy(bucket: Bucket) -> bool:
    return bucket.policy is not None


def chosen(bucket: Bucket, which: Callable[[Bucket], bool]) -> bool:
    return which(bucket)


HANDLERS = {"a": has_policy}
CHECKS = (has_policy,)
NAMES = ("policy",)
PARTIAL = functools.partial(chosen, which=has_policy)


class Reader:
    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket

    @property
    def by_property(self) -> Any:
        return self.bucket.policy

    @functools.cached_property
    def by_cached_property(self) -> Any:
        return self.bucket.policy

    @staticmethod
    def by_static(bucket: Bucket) -> Any:
        return bucket.policy

    @classmethod
    def by_class(cls, bucket: Bucket) -> Any:
        return bucket.policy


class Heir(Reader):
    pass


@dataclass
class Holder:
    check: Callable[[Bucket], bool]

    def __call__(self, bucket: Bucket) -> bool:
        return self.check(bucket)


HOLDER = Holder(has_policy)


def hiding(function: Callable[[Bucket], Verdict]) -> Callable[[Bucket], Verdict]:
    """A decorator that does not say what it wraps."""

    def wrapper(bucket: Bucket) -> Verdict:
        return function(bucket)

    wrapper.__name__ = function.__name__
    return wrapper


def adding(function: Callable[[Bucket], Verdict]) -> Callable[[Bucket], Verdict]:
    """A decorator that says so, and reads something itself."""

    @functools.wraps(function)
    def wrapper(bucket: Bucket) -> Verdict:
        return function(bucket) if bucket.policy else passed()

    return wrapper


def by_name(bucket: Bucket) -> Verdict:
    return passed() if bucket.policy else failed("x")


def by_helper(bucket: Bucket) -> Verdict:
    return passed() if has_policy(bucket) else failed("x")


def by_table(bucket: Bucket) -> Verdict:
    return passed() if HANDLERS[bucket.name](bucket) else failed("x")


def by_tuple(bucket: Bucket) -> Verdict:
    return passed() if all(check(bucket) for check in CHECKS) else failed("x")


def by_partial(bucket: Bucket) -> Verdict:
    return passed() if PARTIAL(bucket) else failed("x")


def by_partial_inside(bucket: Bucket) -> Verdict:
    return passed() if functools.partial(has_policy, bucket)() else failed("x")


def by_property(bucket: Bucket) -> Verdict:
    return passed() if Reader(bucket).by_property else failed("x")


def by_cached_property(bucket: Bucket) -> Verdict:
    return passed() if Heir(bucket).by_cached_property else failed("x")


def by_static_method(bucket: Bucket) -> Verdict:
    return passed() if Reader.by_static(bucket) else failed("x")


def by_class_method(bucket: Bucket) -> Verdict:
    return passed() if Heir.by_class(bucket) else failed("x")


def by_instance(bucket: Bucket) -> Verdict:
    return passed() if HOLDER(bucket) else failed("x")


def by_getattr(bucket: Bucket) -> Verdict:
    return passed() if getattr(bucket, "policy") else failed("x")  # noqa: B009


def by_getattr_of_a_table(bucket: Bucket) -> Verdict:
    return passed() if all(getattr(bucket, name) for name in NAMES) else failed("x")


def by_getattr_of_a_literal(bucket: Bucket) -> Verdict:
    return passed() if all(getattr(bucket, name) for name in ("policy", "name")) else failed("x")


def by_attrgetter(bucket: Bucket) -> Verdict:
    return passed() if operator.attrgetter("policy.statement")(bucket) else failed("x")


def by_pattern(bucket: Bucket) -> Verdict:
    match bucket:
        case Bucket(policy=None):
            return passed()
    return failed("x")


def by_walrus_in_comprehension(bucket: Bucket) -> Verdict:
    return passed() if [policy for each in (bucket,) if (policy := each.policy)] else failed("x")


def by_lambda(bucket: Bucket) -> Verdict:
    return passed() if (lambda each: each.policy)(bucket) else failed("x")


def with_default(bucket: Bucket, check: Callable[[Bucket], bool] = has_policy) -> bool:
    return check(bucket)


def by_default(bucket: Bucket) -> Verdict:
    return passed() if with_default(bucket) else failed("x")


def by_import(bucket: Bucket) -> Verdict:
    from auditor.analysis import bucket as module

    return passed() if module.ways_in(bucket, None) else failed("x")  # type: ignore[arg-type]


@hiding
def by_hiding_decorator(bucket: Bucket) -> Verdict:
    return passed() if bucket.policy else failed("x")


@adding
def by_adding_decorator(bucket: Bucket) -> Verdict:
    return passed()


def by_super(database: DBInstance) -> Verdict:
    return passed() if database.versioned else failed("x")


SHAPES = [value for name, value in list(globals().items()) if name.startswith("by_") and name not in ("by_super",)]


@pytest.mark.parametrize("function", SHAPES, ids=lambda f: f.__name__)
def test_what_a_rule_reads_is_planned(function: Any) -> None:
    assert "policy" in plan([made(function)]).fields[Bucket]


def test_nothing_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for function in (by_name, by_helper, by_table, by_instance, by_getattr, by_pattern, by_hiding_decorator):
        assert plan([made(function)]).fields == {Bucket: {"policy"}}, function.__name__


def test_a_property_that_goes_on_by_super_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Base:
        @property
        def odd(self) -> Any:
            return self.engine_versions  # type: ignore[attr-defined]

    monkeypatch.setattr(Database, "versioned", Base.odd)
    plan_module_caches()
    try:
        assert "engine_versions" in plan([made(by_super)]).fields[DBInstance]
    finally:
        monkeypatch.undo()
        plan_module_caches()


def plan_module_caches() -> None:
    from auditor import plan as module

    module._members_read.cache_clear()


KINDS = (DBInstance,)


def other_types(bucket: Bucket, inventory: Inventory) -> Verdict:
    return passed() if any(list(inventory.each(kind)) for kind in KINDS) else failed("x")


def test_types_in_a_table_are_listed() -> None:
    assert plan([made(other_types)]).fields.keys() == {Bucket, DBInstance}


def test_a_rule_over_a_base_of_types_is_refused() -> None:
    """It would judge nothing, and nobody would hear of it."""

    def over_databases(database: Database) -> Verdict:
        return passed()

    with pytest.raises(BadRule, match="over-databases"):
        made(over_databases)


# --- what is not seen


def inventory(*buckets: Bucket, planned: tuple[str, ...] = ()) -> Inventory:
    header = Header(
        tool_version="0", account="1", partition="aws", regions=("eu-west-1",), started=NOW, finished=NOW,
        planned={"Bucket": planned},
    )  # fmt: skip
    return Inventory(header, {"Bucket": buckets}, {})


def bucket(name: str) -> Bucket:
    return Bucket.build({"Name": name, "BucketRegion": "eu-west-1"}, partition="aws", account="1", region="global")


def unforeseeable(bucket: Bucket) -> Verdict:
    return passed() if getattr(bucket, "pol" + "icy"[: len(bucket.name) + 3]) else failed("x")


def test_what_is_not_seen_is_unknown_and_a_defect() -> None:
    known = made(unforeseeable)
    assert plan([known]).fields == {Bucket: frozenset()}
    audit = assess(inventory(bucket("a"), bucket("b")), [known])
    assert [finding.status for finding in audit.findings] == [Status.UNKNOWN] * 2
    (defect,) = audit.summary.defects
    assert (defect.rule, defect.findings) == ("unforeseeable", 2)
    assert "policy of AWS::S3::Bucket" in defect.exception and "plan" in defect.exception
    (gap,) = audit.coverage.gaps
    assert (gap.field, gap.resource, gap.code) == ("policy", None, "NotAsked")


def test_an_inventory_that_was_read_for_other_rules_is_no_defect() -> None:
    audit = assess(inventory(bucket("a")), [made(by_name)])
    assert [finding.status for finding in audit.findings] == [Status.UNKNOWN]
    assert audit.summary.defects == []
    (gap,) = audit.coverage.gaps
    assert (gap.field, gap.code) == ("policy", "NotAsked")
