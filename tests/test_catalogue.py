"""What holds for every rule: its text, its controls, its place."""

import re

import pytest

from auditor.fetch import Operation
from auditor.findings import Category
from auditor.frameworks import check
from auditor.permissions import BESIDES, LARGEST, policies, policy, size
from auditor.plan import everything, plan
from auditor.rule import Rule
from tests.lab import RULES

PLACEHOLDERS = {"id", "name", "arn", "region", "account"}
EVERY = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)


@EVERY
def test_the_text_is_whole(rule: Rule) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", rule.id)
    assert rule.title.endswith(".") and len(rule.title) <= 120
    assert len(rule.risk) >= 40 and len(rule.fix) >= 10 and rule.notes
    assert rule.risk.endswith("."), rule.risk


@EVERY
def test_a_fix_has_only_known_placeholders(rule: Rule) -> None:
    assert set(re.findall(r"(?<![{$])\{([a-z_]+)\}", rule.fix)) <= PLACEHOLDERS


@EVERY
def test_controls_exist(rule: Rule) -> None:
    for control in rule.controls:
        check(control)


@EVERY
def test_it_stands_in_the_module_of_its_service(rule: Rule) -> None:
    others = {"ec2": ("ebs", "vpc", "security_groups", "network")}
    module = rule.function.__module__.rpartition(".")[2]
    assert any(f"{module}_".startswith(f"{stem}_") for stem in (rule.service, *others.get(rule.service, ())))


@EVERY
def test_parameters_cannot_be_changed_by_a_rule(rule: Rule) -> None:
    for default in rule.parameters.values():
        hash(default)


def test_fixes_have_no_doubled_braces() -> None:
    assert [name for name, rule in RULES.items() if "{{" in rule.fix] == []


def test_permissions_name_every_operation_of_the_plan_and_no_more() -> None:
    made = plan(RULES.values())
    allowed = {action for statement in policy(made)["Statement"] for action in statement["Action"]}
    needed = {operation.iam_action for operation in made.operations()}
    assert set(BESIDES) <= needed
    needed |= {action for actions in BESIDES.values() for action in actions}
    assert needed <= allowed <= needed | {"sts:GetCallerIdentity", "ec2:DescribeRegions"}


@pytest.mark.parametrize("largest", [600, 2000, LARGEST])
def test_managed_policies_fit_and_allow_the_same(largest: int) -> None:
    made = plan(RULES.values(), metrics=True)
    parts = policies(made, largest)
    assert all(size(part) <= largest for part in parts)
    allowed = [action for part in parts for statement in part["Statement"] for action in statement["Action"]]
    assert len(allowed) == len(set(allowed))
    assert set(allowed) == {action for statement in policy(made)["Statement"] for action in statement["Action"]}
    assert all(len({s["Sid"] for s in part["Statement"]}) == len(part["Statement"]) for part in parts)


def test_fewer_rules_need_fewer_permissions() -> None:
    few = set(plan([RULES["iam-root-mfa-enabled"]]).operations())
    assert few == {
        Operation("sts", "GetCallerIdentity", "sts:GetCallerIdentity"),
        Operation("iam", "GetAccountSummary", "iam:GetAccountSummary"),
    }
    assert few < set(plan(RULES.values()).operations()) <= set(everything().operations())


def test_every_category_is_a_known_one() -> None:
    assert {rule.category for rule in RULES.values()} <= set(Category)
