"""Roles and instance profiles: who uses them, for whom, and how long. And how the account lets people in."""

from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.iam_answers import (
    ACCOUNT,
    ADMIN,
    CREATED,
    DETAILS,
    GET_REPORT,
    allow,
    assume,
    days_ago,
    details,
    document,
    report,
    role,
    root,
    row,
    when,
)

SOURCE, USED, SESSION = (
    "iam-role-service-trust-source-restricted", "iam-role-recently-used", "iam-role-max-session-duration-limited"
)  # fmt: skip
HAS_ROLE = "iam-instance-profile-has-role"
SHARED = "iam-instance-profile-not-shared-across-applications"
FEDERATION, TOKENS = "iam-account-federation-configured", "iam-account-sts-global-endpoint-token-v2"
SERVICE_LINKED, RESERVED = "/aws-service-role/rds.amazonaws.com/", "/aws-reserved/sso.amazonaws.com/"


def trusting(*services: str, **more: Any) -> dict[str, Any]:
    return document(assume({"Service": list(services)}, **more))


def test_services_that_act_for_others(lab: Lab) -> None:
    flow_logs = "vpc-flow-logs.amazonaws.com"
    answers = details(
        role("open", trust=trusting(flow_logs)),
        role("account", trust=trusting(flow_logs, **when("StringEquals", "aws:SourceAccount", ACCOUNT))),
        role("arn", trust=trusting(flow_logs, **when("ArnLike", "aws:SourceArn", f"arn:aws:ec2:*:{ACCOUNT}:*"))),
        role("any-arn", trust=trusting(flow_logs, **when("ArnLike", "aws:SourceArn", "arn:aws:ec2:*:*:*"))),
        role("if-there", trust=trusting(flow_logs, **when("StringEqualsIfExists", "aws:SourceAccount", ACCOUNT))),
        role("machine", trust=trusting("ec2.amazonaws.com", "lambda.amazonaws.com")),
        role("two", trust=trusting("ec2.amazonaws.com", "states.amazonaws.com")),
        role("linked", trust=trusting(flow_logs), path=SERVICE_LINKED),
        role("broken", trust={"Statement": [{"Effect": "Maybe"}]}),
        role("regional", trust=trusting("logs.eu-west-1.amazonaws.com")),
        role("stranger", trust=trusting("logs.example.com")),
    )
    expected = {
        "regional": "fail", "stranger": "pass",
        "open": "fail", "account": "pass", "arn": "pass", "any-arn": "fail", "if-there": "fail", "machine": "pass",
        "two": "fail", "linked": "not_applicable", "broken": "unknown",
    }  # fmt: skip
    assert lab.statuses(SOURCE, answers=answers) == expected
    narrowed = lab.statuses(SOURCE, answers=answers, services=("states.amazonaws.com",))
    assert {name for name, status in narrowed.items() if status == "fail"} == {"two"}


def test_roles_that_nothing_uses(lab: Lab) -> None:
    answers = details(
        role("used") | {"RoleLastUsed": {"LastUsedDate": days_ago(3), "Region": "us-east-1"}},
        role("long-ago") | {"RoleLastUsed": {"LastUsedDate": days_ago(200)}},
        role("never") | {"RoleLastUsed": {}},
        role("silent"),
        role("new") | {"RoleLastUsed": {}, "CreateDate": days_ago(10)},
        role("linked", path=SERVICE_LINKED),
        role("reserved", path=RESERVED),
    )
    assert lab.statuses(USED, answers=answers) == {
        "used": "pass", "long-ago": "fail", "never": "fail", "silent": "fail", "new": "pass",
        "linked": "not_applicable", "reserved": "not_applicable",
    }  # fmt: skip
    assert lab.statuses(USED, answers=answers, max_unused_days=365)["long-ago"] == "pass"


def sessions(**seconds: int) -> dict[str, Any]:
    head = {"Path": "/", "RoleId": "AROAAAAAAAAAAAAAAAAAA", "CreateDate": CREATED}
    listed = [
        {**head, "RoleName": name, "Arn": f"arn:aws:iam::{ACCOUNT}:role/{name}", "MaxSessionDuration": longest}
        for name, longest in seconds.items()
    ]
    return {"iam:ListRoles": {"Roles": listed, "IsTruncated": False}}


def test_long_sessions_of_administrators(lab: Lab) -> None:
    everything = {"own": document(allow("*"))}
    answers = details(
        role("short", ADMIN),
        role("long", ADMIN),
        role("written", inline=everything),
        role("iam", inline={"own": document(allow("iam:*", **when("Bool", "aws:MultiFactorAuthPresent", "true")))}),
        role("reader", inline={"own": document(allow("s3:Get*"))}),
        role("broken", inline={"own": {"Statement": [{"Effect": "Maybe"}]}}),
        role("unlisted", ADMIN),
        role("reserved", ADMIN, path=RESERVED),
    ) | sessions(short=14400, long=43200, written=43200, iam=43200, reader=43200, broken=43200)
    expected = {
        "short": "pass", "long": "fail", "written": "fail", "iam": "fail", "reader": "pass", "broken": "unknown",
        "unlisted": "unknown", "reserved": "not_applicable",
    }  # fmt: skip
    assert lab.statuses(SESSION, answers=answers) == expected
    denied = lab.statuses(SESSION, answers=answers, deny=["iam:ListRoles"])
    assert {status for name, status in denied.items() if name != "reserved"} == {"unknown"}


@pytest.mark.parametrize("rule", [SOURCE, USED, SESSION])
def test_denied_details(lab: Lab, rule: str) -> None:
    assert lab.statuses(rule, deny=[DETAILS]) == {"*": "unknown"}


def test_instance_profiles(lab: Lab) -> None:
    iam, ec2 = lab.client("iam"), lab.client("ec2")
    iam.create_role(RoleName="web", AssumeRolePolicyDocument="{}")
    for name in ("web", "shared", "tagged", "idle"):
        iam.create_instance_profile(InstanceProfileName=name)
        if name != "idle":
            iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName="web")
    launched = {
        "web": ({"app": "shop"}, {"app": "till"}),
        "shared": ({"aws:autoscaling:groupName": "a"}, {"app": "till"}),
        "tagged": ({"app": "shop"}, {"app": "shop"}),
    }
    for name, instances in launched.items():
        for tags in instances:
            ec2.run_instances(
                ImageId="ami-12345678", MinCount=1, MaxCount=1, IamInstanceProfile={"Name": name},
                TagSpecifications=[
                    {"ResourceType": "instance", "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}
                ],
            )  # fmt: skip
    profiles = lab.statuses(HAS_ROLE)
    assert profiles == {"web": "pass", "shared": "pass", "tagged": "pass", "idle": "fail"}
    assert lab.statuses(SHARED) == {"web": "pass", "shared": "fail", "tagged": "pass", "idle": "not_applicable"}
    by_tag = lab.statuses(SHARED, application_tag="app")
    assert by_tag == {"web": "fail", "shared": "fail", "tagged": "pass", "idle": "not_applicable"}
    for rule in (HAS_ROLE, SHARED):
        assert lab.statuses(rule, deny=["iam:ListInstanceProfiles"]) == {"*": "unknown"}
    assert set(lab.statuses(SHARED, deny=["ec2:DescribeInstances"]).values()) == {"unknown"}


def test_federation(lab: Lab) -> None:
    people = report(root(), row("robot"), *(row(f"user{n}", password_enabled="true") for n in range(6)))
    assert lab.statuses(FEDERATION, answers=people) == {ACCOUNT: "fail"}
    assert lab.statuses(FEDERATION, answers=people, federation_user_threshold=6) == {ACCOUNT: "pass"}
    for operation in (GET_REPORT, "iam:ListSAMLProviders"):
        assert lab.statuses(FEDERATION, answers=people, deny=[operation]) == {ACCOUNT: "unknown"}
    lab.client("iam").create_saml_provider(Name="okta", SAMLMetadataDocument="<EntityDescriptor/>".ljust(1000))
    assert lab.statuses(FEDERATION, answers=people, deny=[GET_REPORT]) == {ACCOUNT: "pass"}


@pytest.mark.parametrize(
    ("version", "opted", "expected"),
    [
        (2, "opted-in", "pass"),
        (1, "opted-in", "fail"),
        (1, "opt-in-not-required", "pass"),
        (None, "opted-in", "unknown"),
    ],
)
def test_tokens(lab: Lab, version: int | None, opted: str, expected: str) -> None:
    summary = {} if version is None else {"GlobalEndpointTokenVersion": version}
    answers = {
        "iam:GetAccountSummary": {"SummaryMap": summary},
        "ec2:DescribeRegions": {"Regions": [{"RegionName": "us-east-1", "OptInStatus": opted}]},
    }
    assert lab.statuses(TOKENS, answers=answers) == {ACCOUNT: expected}
    assert lab.statuses(TOKENS, answers=answers, deny=["iam:GetAccountSummary"]) == {ACCOUNT: "unknown"}
    if version == 1:
        assert lab.statuses(TOKENS, answers=answers, deny=["ec2:DescribeRegions"]) == {ACCOUNT: "unknown"}
