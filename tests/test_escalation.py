"""Privilege escalation: which paths policies open, and the laws that hold whatever they say."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import strategies as st

from auditor.analysis.escalation import PATHS, Grants, Way, administrator, escalations
from auditor.analysis.policy import Policy, parse
from tests.policies import Json
from tests.test_policy_laws import law, some

ACCOUNT = "123456789012"
IAM = f"arn:aws:iam::{ACCOUNT}:"
AWS = "arn:aws:iam::aws:policy/"
MFA = {"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}
CALLED_VIA = {"Condition": {"ForAnyValue:StringEquals": {"aws:CalledVia": "cloudformation.amazonaws.com"}}}
TAGGED = {"Condition": {"StringEquals": {"aws:ResourceTag/team": "shop"}}}
BOUNDED = {"Condition": {"StringEquals": {"iam:PermissionsBoundary": f"{IAM}policy/boundary"}}}


def allow(action: Any, resource: Any = "*", **more: Any) -> Json:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any, resource: Any = "*", **more: Any) -> Json:
    return {**allow(action, resource, **more), "Effect": "Deny"}


def to(service: str) -> Json:
    return {"Condition": {"StringEquals": {"iam:PassedToService": f"{service}.amazonaws.com"}}}


def policy(*statements: Json) -> Policy:
    return parse({"Version": "2012-10-17", "Statement": list(statements)})


def grants(*statements: Json, boundary: Policy | None = None) -> Grants:
    return Grants((policy(*statements),), ACCOUNT, boundary=boundary)


def ways(held: Grants) -> dict[str, Way]:
    return {found.path.name: found.way for found in escalations(held)}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_each_path_is_open_with_its_actions_and_closed_without_any_of_them(path: Any) -> None:
    for alternative in path.needs[-1]:
        actions = [*(need[0] for need in path.needs[:-1]), alternative]
        assert ways(grants(allow(actions)))[path.name] is Way.OPEN
    for missing in path.needs:
        others = [action for need in path.needs if need != missing for action in need]
        assert path.name not in ways(grants(allow(others or "s3:GetObject")))
    assert path.name not in ways(grants(allow("*"), deny(list(path.needs[0]))))


def test_administrator_is_who_may_write_all_policies() -> None:
    everything_but = {"Effect": "Allow", "NotAction": "aws-portal:*", "Resource": "*"}
    power_user = {"Effect": "Allow", "NotAction": ["iam:*", "organizations:*"], "Resource": "*"}
    cases = {
        Way.OPEN: (allow("*"), allow("iam:*"), allow("IAM:*", "arn:aws:iam::*:*"), everything_but),
        Way.CONDITIONAL: (allow("*", **MFA),),
        Way.UNSETTLED: (allow("*", **TAGGED),),
        Way.CLOSED: (power_user, allow("iam:Get*"), allow("s3:*"), allow("iam:*", f"{IAM}role/app/*")),
    }
    for expected, statements in cases.items():
        for statement in statements:
            assert administrator(grants(statement)) is expected, statement
    assert administrator(grants(allow("*"), deny("iam:*"))) is Way.CLOSED
    assert administrator(grants(allow("*"), deny("iam:*", **MFA))) is Way.CONDITIONAL
    assert administrator(grants(allow("*"), boundary=policy(allow("s3:*")))) is Way.CLOSED


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        # Only what is allowed on all of a kind counts, and oneself.
        ((allow("iam:AttachRolePolicy", f"{IAM}role/app-*"),), {}),
        ((allow("iam:AttachRolePolicy", f"{IAM}role/*"),), {"iam:AttachRolePolicy": Way.OPEN}),
        ((allow("iam:AttachRolePolicy", "arn:aws:iam::*:role/*"),), {"iam:AttachRolePolicy": Way.OPEN}),
        ((allow("iam:AttachRolePolicy", "arn:aws:iam::222222222222:role/*"),), {}),
        ((allow("iam:CreateAccessKey", f"{IAM}user/${{aws:username}}"),), {}),
        ((allow("iam:PutUserPolicy", f"{IAM}user/${{aws:username}}"),), {"iam:PutUserPolicy": Way.OPEN}),
        (
            (allow("lambda:UpdateFunctionCode", f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:*"),),
            {"lambda:UpdateFunctionCode": Way.OPEN},
        ),
        # A Deny on some leaves the others open.
        (
            (allow("iam:PutRolePolicy"), deny("iam:*", f"{IAM}role/protected-*")),
            {"iam:PutRolePolicy": Way.OPEN},
        ),
        ((allow("iam:PutRolePolicy"), deny("iam:Put*")), {}),
        # Conditions: by circumstance, by what an escalator chooses, by what nobody here knows.
        ((allow("iam:PutRolePolicy", **MFA),), {"iam:PutRolePolicy": Way.CONDITIONAL}),
        ((allow("iam:PutRolePolicy"), deny("*", **MFA)), {"iam:PutRolePolicy": Way.CONDITIONAL}),
        ((allow("iam:PutRolePolicy", **TAGGED),), {"iam:PutRolePolicy": Way.UNSETTLED}),
        ((allow("iam:PutRolePolicy", **BOUNDED),), {}),
        (
            (allow("iam:AttachUserPolicy", Condition={"ArnEquals": {"iam:PolicyARN": f"{IAM}policy/reader"}}),),
            {},
        ),
        (
            (
                allow("iam:AttachUserPolicy"),
                deny("*", Condition={"ArnLike": {"iam:PolicyARN": "*/AdministratorAccess"}}),
            ),
            {"iam:AttachUserPolicy": Way.OPEN},
        ),
        # A list of policies that must not be attached leaves those that one writes oneself; so does a prefix.
        ((allow("iam:AttachRolePolicy", Condition={"ArnNotLike": {"iam:PolicyARN": f"{AWS}*"}}),), {}),
        (
            (
                allow("iam:AttachRolePolicy", Condition={"ArnNotLike": {"iam:PolicyARN": f"{AWS}*"}}),
                allow("iam:CreatePolicy", f"{IAM}policy/*"),
            ),
            {"iam:AttachRolePolicy": Way.OPEN},
        ),
        (
            (
                allow("iam:AttachRolePolicy", Condition={"ArnLike": {"iam:PolicyARN": f"{IAM}policy/team-*"}}),
                allow("iam:CreatePolicy", f"{IAM}policy/team-*", **MFA),
            ),
            {"iam:AttachRolePolicy": Way.CONDITIONAL},
        ),
        (
            (
                allow("iam:AttachRolePolicy", Condition={"ArnLike": {"iam:PolicyARN": f"{IAM}policy/team-*"}}),
                allow("iam:CreatePolicy", f"{IAM}policy/other-*"),
            ),
            {},
        ),
        # What only CloudFormation may do in one's name, whoever may make stacks has it do.
        ((allow("iam:*", **CALLED_VIA),), {}),
        (
            (allow("iam:*", **CALLED_VIA), allow("cloudformation:CreateStack")),
            {"iam:PutRolePolicy by way of cloudformation:CreateStack": Way.OPEN},
        ),
        # A role that may only be passed to one service opens that one's path.
        (
            (allow("iam:PassRole", **to("lambda")), allow(["ec2:RunInstances", "cloudformation:CreateStack"])),
            {},
        ),
        (
            (allow("iam:PassRole", **to("cloudformation")), allow(["ec2:RunInstances", "cloudformation:CreateStack"])),
            {"iam:PassRole + cloudformation:CreateStack": Way.OPEN},
        ),
    ],
)
def test_paths(statements: tuple[Json, ...], expected: dict[str, Way]) -> None:
    assert ways(grants(*statements)) == expected


def test_the_statements_that_open_a_path_are_named() -> None:
    held = grants(
        allow("s3:*"), allow("iam:PassRole", Sid="Pass"), allow("ec2:*", Sid="Machines"), deny("ec2:RunInstances", "x")
    )
    found = escalations(held)
    assert [(e.path.name, e.statements) for e in found] == [("iam:PassRole + ec2:RunInstances", ("Pass", "Machines"))]


def test_several_policies_count_as_one() -> None:
    pieces = Grants((policy(allow("iam:PassRole")), policy(allow("ec2:RunInstances"))), ACCOUNT)
    assert ways(pieces) == {"iam:PassRole + ec2:RunInstances": Way.OPEN}


# --- Laws -----------------------------------------------------------------------------------------

ACTIONS = ["iam:PassRole", "iam:Put*", "iam:*", "*", "ec2:RunInstances", "lambda:*", "iam:AttachUserPolicy", "s3:*"]
RESOURCES = ["*", f"{IAM}role/*", f"{IAM}user/*", f"{IAM}role/app", f"{IAM}user/${{aws:username}}"]
VALUES: dict[str, list[str]] = {
    "aws:MultiFactorAuthPresent": ["true", "false"],
    "iam:PassedToService": ["ec2.amazonaws.com", "lambda.amazonaws.com", "*"],
    "iam:PermissionsBoundary": [f"{IAM}policy/boundary"],
    "aws:ResourceTag/team": ["shop"],
    "aws:CalledVia": ["cloudformation.amazonaws.com"],
    "aws:RequestedRegion": ["eu-*"],
}


@st.composite
def conditions(draw: st.DrawFn) -> Json:
    found: Json = {}
    for key in draw(st.lists(st.sampled_from(sorted(VALUES)), max_size=2, unique=True)):
        operator = draw(st.sampled_from(["StringEquals", "StringLike", "StringNotEquals", "Null", "Bool"]))
        operator = draw(st.sampled_from(["", "", "ForAnyValue:", "ForAllValues:"])) + operator
        found.setdefault(operator, {})[key] = draw(some(VALUES[key]))
    return found


@st.composite
def statements(draw: st.DrawFn, effect: str | None = None) -> Json:
    negate = st.sampled_from(["", "", "", "Not"])
    return {
        "Effect": effect or draw(st.sampled_from(["Allow", "Allow", "Deny"])),
        draw(negate) + "Action": draw(some(ACTIONS)),
        draw(negate) + "Resource": draw(some(RESOURCES)),
        "Condition": draw(conditions()),
    }


documents = st.lists(statements(), min_size=1, max_size=3)


def no_wider(after: Grants, before: Grants) -> None:
    was, now = ways(before), ways(after)
    assert all(way <= was.get(name, Way.CLOSED) for name, way in now.items())
    assert administrator(after) <= administrator(before)


@law(documents, statements("Deny"), examples=25)
def test_a_deny_never_opens_a_path(document: list[Json], more: Json) -> None:
    no_wider(grants(*document, more), grants(*document))


@law(documents, documents, examples=20)
def test_a_boundary_never_opens_a_path(document: list[Json], bound: list[Json]) -> None:
    no_wider(grants(*document, boundary=policy(*bound)), grants(*document))


@law(statements("Allow"), documents, conditions(), examples=25)
def test_a_condition_on_an_allow_never_opens_a_path(grant: Json, others: list[Json], more: Json) -> None:
    before = policy(grant, *others)
    first = before.statements[0]
    extra = policy({**grant, "Condition": more}).statements[0].conditions
    after = replace(before, statements=(replace(first, conditions=first.conditions + extra), *before.statements[1:]))
    no_wider(Grants((after,), ACCOUNT), Grants((before,), ACCOUNT))


@law(documents, st.randoms(use_true_random=False), examples=25)
def test_order_and_case_of_actions_and_the_split_into_policies_do_not_matter(document: list[Json], random: Any) -> None:
    other = [dict(statement) for statement in random.sample(document, len(document))]
    for statement in other:
        for element in {"Action", "NotAction"} & set(statement):
            names = random.sample(statement[element], len(statement[element]))
            statement[element] = [random.choice([name.upper(), name.lower()]) for name in names]
    whole, split = grants(*document), Grants(tuple(policy(statement) for statement in other), ACCOUNT)
    assert ways(whole) == ways(split)
    assert administrator(whole) is administrator(split)


@law(documents, examples=20)
def test_an_administrator_has_every_path_that_iam_alone_opens(document: list[Json]) -> None:
    held = grants(*document)
    if administrator(held) is Way.OPEN:
        opened = ways(held)
        assert all(opened[path.name] is Way.OPEN for path in PATHS if len(path.needs) == 1 and "iam:" in path.name)
