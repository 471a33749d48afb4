"""How users, groups and roles get their policies, and what these let them do to the account's guards."""

import json
from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.iam_answers import (
    ACCOUNT,
    ADMIN,
    DETAILS,
    GET_REPORT,
    allow,
    details,
    document,
    group,
    policy,
    report,
    role,
    row,
    user,
    when,
)

AWS = "arn:aws:iam::aws:policy/"
OWN = f"arn:aws:iam::{ACCOUNT}:policy/"
GUARDRAIL = "iam-principal-guardrail-actions-denied"
MFA = "iam-account-mfa-enforced-by-policy"
INLINE = {"own": document(allow())}
NO_TRAIL = document({**allow("cloudtrail:*"), "Effect": "Deny"})


def test_attached_and_inline_policies_and_members(lab: Lab) -> None:
    answers = details(
        user("attached", f"{AWS}ReadOnlyAccess", f"{AWS}IAMUserChangePassword"),
        user("password", f"{AWS}IAMUserChangePassword", groups=("full",)),
        user("inline", inline=INLINE),
        group("full"),
        group("empty", inline=INLINE),
        role("written", inline=INLINE),
        role("plain"),
        role("AWSReservedSSO", path="/aws-reserved/sso.amazonaws.com/", inline=INLINE),
    )
    expected = {
        "iam-user-no-attached-policies": {"attached": "fail", "password": "pass", "inline": "pass"},
        "iam-user-no-inline-policies": {"attached": "pass", "password": "pass", "inline": "fail"},
        "iam-group-no-inline-policies": {"full": "pass", "empty": "fail"},
        "iam-group-has-members": {"full": "pass", "empty": "fail"},
        "iam-role-no-inline-policies": {"written": "fail", "plain": "pass", "AWSReservedSSO": "not_applicable"},
    }
    for rule, statuses in expected.items():
        assert lab.statuses(rule, answers=answers) == statuses
        assert lab.statuses(rule, deny=[DETAILS]) == {"*": "unknown"}
    strict = lab.statuses("iam-user-no-attached-policies", answers=answers, allowed_policies=())
    assert strict["password"] == "fail"


def aws_policies(**documents: Any) -> dict[str, Any]:
    """AWS's own policies that somebody holds."""
    head = {"Path": "/", "DefaultVersionId": "v1", "AttachmentCount": 1, "IsAttachable": True}
    listed = [{**head, "PolicyName": n, "PolicyId": "ANPAAAAAAAAAAAAAAAAAA", "Arn": AWS + n} for n in documents]

    def version(params: Any, _: str, __: str) -> dict[str, Any]:
        text = json.dumps(documents[params["PolicyArn"].removeprefix(AWS)])
        return {"PolicyVersion": {"Document": text, "VersionId": params["VersionId"], "IsDefaultVersion": True}}

    return {"iam:ListPolicies": {"Policies": listed, "IsTruncated": False}, "iam:GetPolicyVersion": version}


BOUND = {"PermissionsBoundary": {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": f"{OWN}boundary"}}


def test_guardrails(lab: Lab) -> None:
    power = {"Effect": "Allow", "NotAction": ["iam:*", "organizations:*"], "Resource": "*"}
    answers = details(
        role("admin", ADMIN),
        role("power", f"{AWS}PowerUserAccess"),
        role("reader", f"{AWS}ReadOnlyAccess"),
        role("trails", inline={"own": document(allow("cloudtrail:*", "arn:aws:cloudtrail:*:*:trail/*"))}),
        role("one-trail", inline={"own": document(allow("cloudtrail:*", "arn:aws:cloudtrail:*:*:trail/mine"))}),
        role("denied", inline={"allow": document(allow("cloudtrail:*")), "deny": NO_TRAIL}),
        role("bounded", inline={"own": document(allow("cloudtrail:*"))}) | BOUND,
        role("with-mfa", inline={"own": document(allow("*", **when("Bool", "aws:MultiFactorAuthPresent", "true")))}),
        role("break-glass", inline={"own": document(allow("*"))}),
        role("service", path="/aws-service-role/x.amazonaws.com/", inline={"own": document(allow("*"))}),
        role("broken", inline={"own": {"Version": "2012-10-17", "Statement": [{"Effect": "Maybe"}]}}),
        user("self", inline={"own": document(allow("iam:CreateAccessKey", "arn:aws:iam::*:user/${aws:username}"))}),
        user("hr", groups=("hr",)),
        user("boss", groups=("admins",)),
        user("lost", f"{OWN}unlisted"),
        group("hr", f"{OWN}hr"),
        group("admins", ADMIN),
        policy("hr", allow("iam:Create*")),
        policy("boundary", allow("s3:*"), boundary=1),
    ) | aws_policies(
        PowerUserAccess=document(power),
        ReadOnlyAccess=document(allow(["s3:Get*", "cloudtrail:Describe*"])),
        AdministratorAccess=document(allow("*")),
    )
    found = lab.findings(GUARDRAIL, answers=answers, admin_principals=("break-*",))
    assert {name: finding.status.value for name, finding in found.items()} == {
        **dict.fromkeys(("admin", "boss", "break-glass", "service"), "not_applicable"),
        **dict.fromkeys(("power", "trails", "hr"), "fail"),
        **dict.fromkeys(("reader", "one-trail", "denied", "bounded", "self"), "pass"),
        **dict.fromkeys(("with-mfa", "broken", "lost"), "unknown"),
    }
    assert found["power"].evidence["allowed"] == [
        "cloudtrail:StopLogging", "cloudtrail:DeleteTrail", "kms:ScheduleKeyDeletion", "guardduty:DeleteDetector"
    ]  # fmt: skip
    assert found["hr"].evidence["allowed"] == ["iam:CreateAccessKey"]


@pytest.mark.parametrize("operation", ["iam:ListPolicies", "iam:GetPolicyVersion"])
def test_guardrails_denied(lab: Lab, operation: str) -> None:
    answers = details(role("reader", f"{AWS}ReadOnlyAccess"), role("plain")) | aws_policies(
        ReadOnlyAccess=document(allow("s3:Get*"))
    )
    assert lab.statuses(GUARDRAIL, answers=answers) == {"reader": "pass", "plain": "pass"}
    assert lab.statuses(GUARDRAIL, answers=answers, deny=[operation]) == {"reader": "unknown", "plain": "pass"}


ASKING = {"Effect": "Deny", "NotAction": "iam:*", "Resource": "*"} | when(
    "BoolIfExists", "aws:MultiFactorAuthPresent", "false"
)
PEOPLE = report(row("anna", access_key_1_active="true", access_key_1_last_rotated="2024-01-01T00:00:00+00:00"))
HOLDERS: dict[str, tuple[tuple[dict[str, Any], ...], str]] = {
    "nobody asks": ((user("anna", f"{OWN}plain"), policy("plain", allow())), "fail"),
    "an attached policy asks": ((user("anna", f"{OWN}mfa"), policy("mfa", allow(), ASKING)), "pass"),
    "an inline policy asks": ((user("anna", inline={"mfa": document(ASKING)}),), "pass"),
    "a group's policy asks": (
        (user("anna", groups=("all",)), group("all", f"{OWN}mfa"), policy("mfa", ASKING)),
        "pass",
    ),
    "a group's own policy asks": (
        (user("anna", groups=("all",)), group("all", inline={"mfa": document(ASKING)})),
        "pass",
    ),
    "the boundary asks": ((user("anna") | BOUND, policy("boundary", ASKING, boundary=1)), "pass"),
    "a policy of nobody's asks": ((user("anna"), policy("mfa", ASKING, attached=0)), "fail"),
    "an AWS policy is not looked at": ((user("anna", f"{AWS}ReadOnlyAccess"),), "fail"),
    "a policy cannot be read": ((user("anna", inline={"broken": {"Statement": [{"Effect": "Maybe"}]}}),), "unknown"),
}


@pytest.mark.parametrize("name", HOLDERS)
def test_mfa_is_asked_for(lab: Lab, name: str) -> None:
    entries, expected = HOLDERS[name]
    assert lab.statuses(MFA, answers=details(*entries) | PEOPLE) == {ACCOUNT: expected}


def test_mfa_without_users_and_denied(lab: Lab) -> None:
    entries = details(user("robot"))
    assert lab.statuses(MFA, answers=entries | report(row("robot"))) == {ACCOUNT: "not_applicable"}
    for operation in (DETAILS, GET_REPORT):
        assert lab.statuses(MFA, answers=entries | PEOPLE, deny=[operation]) == {ACCOUNT: "unknown"}
