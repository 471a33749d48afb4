"""What policies grant: managed ones, and those inside users, groups and roles."""

import json
from collections.abc import Mapping

import pytest

from tests.lab import Lab
from tests.rules.iam_answers import (
    ADMIN,
    DETAILS,
    Json,
    allow,
    details,
    document,
    group,
    policy,
    role,
    statuses,
    user,
    verdicts,
    when,
)

EVERYTHING = allow("*")
DENY = {"Effect": "Deny", "NotAction": "iam:*", "Resource": "*"}
SERVICE_LINKED, IDENTITY_CENTER = "/aws-service-role/rds.amazonaws.com/", "/aws-reserved/sso.amazonaws.com/eu-west-1/"
ADMINISTRATIVE = "iam-policy-no-administrative-privileges"
WILDCARD = "iam-policy-no-service-wildcard-actions"
PASSROLE = "iam-policy-passrole-scoped"
NOTACTION = "iam-policy-no-allow-with-notaction"
FULL_ACCESS = "iam-principal-no-full-access-managed-policies"
ESCALATION = "iam-policy-no-privilege-escalation"
LANGUAGE = "iam-policy-language-version-current"
IN_USE = pytest.mark.parametrize(
    ("rule_id", "wrong"),
    [
        (ADMINISTRATIVE, EVERYTHING),
        (PASSROLE, allow("iam:PassRole")),
        (ESCALATION, allow("iam:PutUserPolicy")),
        (NOTACTION, {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
    ],
)
ROLES = "arn:aws:iam::123456789012:role/"
TO_LAMBDA = when("StringEquals", "iam:PassedToService", "lambda.amazonaws.com")
FOR_INSTANCE = when("ArnLike", "IAM:associatedresourcearn", "arn:aws:ec2:*:*:instance/*")


def without(element: str, statement: Json, **more: object) -> Json:
    return {name: value for name, value in statement.items() if name != element} | more


STATEMENTS: Mapping[str, Mapping[str, tuple[Json, str]]] = {
    ADMINISTRATIVE: {
        "star": (allow("*"), "fail"),
        "star-star": (allow("*:*"), "fail"),
        "in-lists": (allow(["s3:GetObject", "*"], ["arn:aws:s3:::b", "*"]), "fail"),
        "condition": (allow("*", **when("Bool", "aws:MultiFactorAuthPresent", "true")), "fail"),
        "not-resource": (without("Resource", allow("*"), NotResource="arn:aws:s3:::b"), "fail"),
        "one-resource": (allow("*", "arn:aws:s3:::bucket"), "pass"),
        "service": (allow("s3:*"), "pass"),
        "not-action": (without("Action", allow(), NotAction="iam:*"), "pass"),
        "deny": ({**EVERYTHING, "Effect": "Deny"}, "pass"),
    },
    WILDCARD: {
        "service": (allow("s3:*"), "fail"),
        "capitals": (allow(["ec2:Describe*", "EC2:*"]), "fail"),
        "dashed": (allow("Execute-API:*", ["*"]), "fail"),
        "question-mark": (allow("s3:?*"), "fail"),
        "read-only": (allow(["ec2:Describe*", "s3:Get*"]), "pass"),
        "one-resource": (allow("s3:*", "arn:aws:s3:::bucket/*"), "pass"),
        "not-resource": (without("Resource", allow("s3:*"), NotResource="arn:aws:s3:::b"), "pass"),
        "everything": (allow(["*", "*:*"]), "pass"),
        "deny": ({**allow("s3:*"), "Effect": "Deny"}, "pass"),
    },
    PASSROLE: {
        "named": (allow("iam:PassRole"), "fail"),
        "lower": (allow("IAM:passrole"), "fail"),
        "prefix": (allow(["s3:GetObject", "iam:Pass*"]), "fail"),
        "letter": (allow("iam:P*"), "fail"),
        "service": (allow("iam:*"), "fail"),
        "own-roles": (allow("iam:PassRole", f"{ROLES}*"), "fail"),
        "any-roles": (allow("iam:PassRole", ["arn:aws:iam::*:role/*"]), "fail"),
        "star-on-roles": (allow("*", f"{ROLES}*"), "fail"),
        "other-condition": (allow("iam:PassRole", **when("Bool", "aws:SecureTransport", "true")), "fail"),
        "not-empty": (allow("iam:PassRole", f"{ROLES}?*"), "fail"),
        "own-by-variable": (allow("iam:PassRole", "arn:aws:iam::${aws:PrincipalAccount}:role/*"), "fail"),
        "one-by-variable": (allow("iam:PassRole", "arn:aws:iam::${aws:PrincipalAccount}:role/worker"), "pass"),
        "any-service": (allow("iam:PassRole", **when("StringLike", "iam:PassedToService", "*")), "fail"),
        "some-or-any": (
            allow("iam:PassRole", **when("StringLike", "iam:PassedToService", "*.amazonaws.com", "x")),
            "fail",
        ),
        "there-is-one": (allow("iam:PassRole", **when("Null", "iam:PassedToService", "false")), "fail"),
        "some-services": (
            allow("iam:PassRole", **when("StringLike", "iam:PassedToService", "eks*.amazonaws.com")),
            "pass",
        ),
        "one-role": (allow("iam:PassRole", f"{ROLES}worker"), "pass"),
        "one-path": (allow("iam:PassRole", f"{ROLES}app/*"), "pass"),
        "to-a-service": (allow("iam:PassRole", **TO_LAMBDA), "pass"),
        "for-instances": (allow("iam:PassRole", **FOR_INSTANCE), "pass"),
        "everything": (allow("*"), "pass"),
        "read-only": (allow("iam:Get*"), "pass"),
        "deny": ({**allow("iam:PassRole"), "Effect": "Deny"}, "pass"),
    },
    ESCALATION: {
        "put": (allow("iam:Put*"), "fail"),
        "pass-and-run": (allow(["iam:PassRole", "EC2:runinstances"]), "fail"),
        "pass-only": (allow("iam:PassRole"), "pass"),
        "one-role": (allow(["iam:PassRole", "ec2:RunInstances"], f"{ROLES}worker"), "pass"),
        "all-roles": (allow("iam:AttachRolePolicy", f"{ROLES}*"), "fail"),
        "not-action": (without("Action", allow(), NotAction="s3:*"), "fail"),
        "power-user": (without("Action", allow(), NotAction=["iam:*", "lambda:*", "ssm:*", "sts:*"]), "pass"),
        "existing": (allow("lambda:UpdateFunctionCode"), "fail"),
        "with-mfa": (allow("iam:PutUserPolicy", **when("Bool", "aws:MultiFactorAuthPresent", "true")), "fail"),
        "tagged": (allow("iam:PutUserPolicy", **when("StringEquals", "aws:ResourceTag/a", "b")), "unknown"),
        "tagged-target": (allow("ssm:StartSession", **when("StringEquals", "ssm:resourceTag/a", "b")), "pass"),
        "bounded": (allow("iam:PutUserPolicy", **when("StringEquals", "iam:PermissionsBoundary", "x")), "pass"),
        "everything": (allow("*"), "pass"),
        "deny": ({**allow("iam:*"), "Effect": "Deny"}, "pass"),
    },
    NOTACTION: {
        "not-action": (without("Action", allow(), NotAction="iam:*"), "fail"),
        "not-resource": (without("Resource", allow(), NotResource=["arn:aws:s3:::b"]), "fail"),
        "plain": (allow("*"), "pass"),
        "deny": (DENY, "pass"),
    },
}


@pytest.mark.parametrize("rule_id", STATEMENTS)
def test_statements(lab: Lab, rule_id: str) -> None:
    cases = STATEMENTS[rule_id]
    answers = details(*(policy(name, allow(), statement) for name, (statement, _) in cases.items()))
    assert statuses(lab, rule_id, answers) == {name: expected for name, (_, expected) in cases.items()}


@IN_USE
def test_inline_policies_are_judged_one_by_one(lab: Lab, rule_id: str, wrong: Json) -> None:
    inline = {"good": document(allow()), "bad": document(wrong)}
    answers = details(
        user("anna", inline=inline),
        user("bert"),
        group("staff", inline=inline),
        role("worker", inline=inline),
        role("linked", path=SERVICE_LINKED, inline=inline),
        role("AWSReservedSSO_Admin", path=IDENTITY_CENTER, inline=inline),
    )
    found = verdicts(lab, rule_id, answers)
    judged = {f"{name} {which}": status for name in ("anna", "staff", "worker")
              for which, status in (("good", "pass"), ("bad", "fail"))}  # fmt: skip
    owned = dict.fromkeys(
        (f"{name} {which}" for name in ("linked", "AWSReservedSSO_Admin") for which in inline), "not_applicable"
    )
    assert {name: finding.status.value for name, finding in found.items()} == judged | owned
    assert len({finding.fingerprint for finding in found.values()}) == len(found)


@IN_USE
def test_policies_that_nobody_holds(lab: Lab, rule_id: str, wrong: Json) -> None:
    answers = details(
        policy("used", wrong),
        policy("unused", wrong, attached=0),
        policy("boundary", wrong, attached=0, boundary=3),
        policy("both", wrong, boundary=3),
        policy("mended", allow(), older=wrong),
        policy("object"),
    )
    answers[DETAILS]["Policies"][-1]["PolicyVersionList"][0]["Document"]["Statement"] = wrong
    assert statuses(lab, rule_id, answers) == {
        "used": "fail",
        "unused": "not_applicable",
        "boundary": "not_applicable",
        "both": "fail",
        "mended": "pass",
        "object": "fail",
    }


def test_service_wildcards_count_in_unused_policies(lab: Lab) -> None:
    wrong = allow("s3:*")
    answers = details(
        policy("unused", wrong, attached=0),
        policy("boundary", wrong, attached=0, boundary=1),
        policy("both", wrong, boundary=1),
    )
    assert statuses(lab, WILDCARD, answers) == {"unused": "fail", "boundary": "not_applicable", "both": "fail"}


def test_service_wildcards_on_some_resources_by_parameter(lab: Lab) -> None:
    answers = details(policy("one", allow("s3:*", "arn:aws:s3:::bucket")))
    assert statuses(lab, WILDCARD, answers, on_every_resource_only=False) == {"one": "fail"}


def test_policies_that_cannot_be_judged(lab: Lab) -> None:
    answers = details(policy("odd", {"Effect": "Perhaps"}), policy("none", EVERYTHING), policy("good", allow()))
    answers[DETAILS]["Policies"][1]["PolicyVersionList"][0]["IsDefaultVersion"] = False
    assert statuses(lab, ADMINISTRATIVE, answers) == {"odd": "unknown", "none": "unknown", "good": "pass"}


def test_evidence_shows_the_statement(lab: Lab) -> None:
    statement = allow("iam:PassRole", Sid="Pass", **when("Bool", "aws:SecureTransport", "true"))
    found = verdicts(lab, PASSROLE, details(user("anna", inline={"p": document(allow(), statement)})))["anna p"]
    assert found.evidence == {
        "policy": "p",
        "statements": [
            {
                "statement": "Pass",
                "Action": ["iam:PassRole"],
                "Resource": ["*"],
                "Condition": ["Bool aws:securetransport = true"],
            }
        ],
    }


def test_policies_as_moto_keeps_them(lab: Lab) -> None:
    client = lab.client("iam")
    text = json.dumps(document(EVERYTHING))
    made = client.create_policy(PolicyName="everything", PolicyDocument=text)["Policy"]["Arn"]
    client.create_policy(PolicyName="unused", PolicyDocument=text)
    client.create_user(UserName="anna")
    client.put_user_policy(UserName="anna", PolicyName="inline", PolicyDocument=text)
    client.attach_user_policy(UserName="anna", PolicyArn=made)
    expected = {"everything": "fail", "unused": "not_applicable", "anna inline": "fail"}
    assert statuses(lab, ADMINISTRATIVE, {}) == expected


def test_denied_details_leave_each_type_unknown(lab: Lab) -> None:
    with lab.but(deny={DETAILS}):
        judged = lab.judge(ADMINISTRATIVE)
    unknown = {(finding.resource.type, finding.resource.id, finding.status.value) for finding in judged.findings}
    types = ("ManagedPolicy", "User", "Group", "Role")
    assert unknown == {(f"AWS::IAM::{kind}", "*", "unknown") for kind in types}


def test_one_request_serves_all_four_types(lab: Lab) -> None:
    lab.endpoint.seen.clear()
    lab.judge(ADMINISTRATIVE)
    assert lab.endpoint.seen["iam", "GetAccountAuthorizationDetails", "us-east-1"] == 1


def managed(name: str) -> str:
    return f"arn:aws:iam::aws:policy/{name}"


def test_full_access_policies(lab: Lab) -> None:
    answers = details(
        user("s3", managed("AmazonS3FullAccess")),
        user("shell", managed("AWSCloudShellFullAccess"), managed("ReadOnlyAccess"), ADMIN),
        user("own", "arn:aws:iam::123456789012:policy/OurFullAccess"),
        group("power", managed("PowerUserAccess")),
        role("iam", managed("IAMFullAccess"), managed("AmazonS3FullAccess")),
        role("service", managed("service-role/SomeFullAccess")),
        role("second", managed("AmazonDynamoDBFullAccess_v2")),
        role("watch", managed("CloudWatchFullAccessV2")),
        role("not-quite", managed("AmazonDynamoDBFullAccesswithDataPipeline")),
        role("linked", managed("AmazonS3FullAccess"), path=SERVICE_LINKED),
        role("sso", managed("AmazonS3FullAccess"), path=IDENTITY_CENTER),
        role("plain"),
    )
    found = verdicts(lab, FULL_ACCESS, answers)
    assert {name: finding.status.value for name, finding in found.items()} == {
        "s3": "fail",
        "shell": "pass",
        "own": "pass",
        "power": "fail",
        "iam": "fail",
        "service": "fail",
        "second": "fail",
        "watch": "fail",
        "not-quite": "pass",
        "linked": "not_applicable",
        "sso": "not_applicable",
        "plain": "pass",
    }
    assert (found["iam"].severity, found["s3"].severity) == ("high", "medium")
    assert found["iam"].evidence == {"policies": ["AmazonS3FullAccess", "IAMFullAccess"]}


def test_escalation_is_worse_without_conditions_and_targets(lab: Lab) -> None:
    answers = details(
        policy("put", allow("iam:PutUserPolicy", Sid="Write")),
        policy("existing", allow("lambda:UpdateFunctionCode")),
        policy("with-mfa", allow("iam:PutUserPolicy", **when("Bool", "aws:MultiFactorAuthPresent", "true"))),
        policy("denied", allow("iam:PutUserPolicy"), {**allow("iam:Put*"), "Effect": "Deny"}),
    )
    found = verdicts(lab, ESCALATION, answers)
    assert {name: f.severity for name, f in found.items() if f.status == "fail"} == {
        "put": "high", "existing": "medium", "with-mfa": "medium",
    }  # fmt: skip
    assert found["put"].evidence["paths"] == [
        {"path": "iam:PutUserPolicy", "statements": ["Write"], "conditional": False}
    ]


def test_language_version(lab: Lab) -> None:
    old = {"Version": "2008-10-17", "Statement": allow()}
    bare = {"Statement": allow("s3:*", "arn:aws:s3:::b/${aws:username}")}
    answers = details(
        policy("current", allow(), attached=0),
        policy("bare", allow()) | {"PolicyVersionList": [version(bare)]},
        role("worker", inline={"old": old}, trust=old),
        role("linked", path=SERVICE_LINKED, trust=old),
        user("anna", inline={"current": document(allow())}),
        group("all", inline={"bare": bare}),
    )
    found = verdicts(lab, LANGUAGE, answers)
    assert {name: f.severity.value if f.status == "fail" else f.status.value for name, f in found.items()} == {
        "current": "pass", "bare": "medium", "worker trust policy": "low", "worker old": "low",
        "linked trust policy": "not_applicable", "anna current": "pass", "all bare": "medium",
    }  # fmt: skip


def version(text: Json) -> Json:
    return {"VersionId": "v1", "IsDefaultVersion": True, "Document": text}


def test_policies_in_use(lab: Lab) -> None:
    answers = details(
        policy("used", allow()), policy("bound", allow(), attached=0, boundary=1), policy("idle", allow(), attached=0)
    )
    rule = "iam-policy-attached"
    assert statuses(lab, rule, answers) == {"used": "pass", "bound": "pass", "idle": "fail"}


def test_cloudshell(lab: Lab) -> None:
    shell, own = (
        "arn:aws:iam::aws:policy/AWSCloudShellFullAccess",
        "arn:aws:iam::123456789012:policy/AWSCloudShellFullAccess",
    )
    answers = details(
        role("r", shell), role("linked", shell, path=SERVICE_LINKED), user("u", shell), user("v", own), group("g")
    )
    assert statuses(lab, "iam-cloudshell-full-access-not-attached", answers) == {
        "r": "fail", "linked": "not_applicable", "u": "fail", "v": "pass", "g": "pass",
    }  # fmt: skip


@pytest.mark.parametrize("rule_id", [LANGUAGE, "iam-policy-attached", "iam-cloudshell-full-access-not-attached"])
def test_denied_details(lab: Lab, rule_id: str) -> None:
    with lab.but(deny=[DETAILS]):
        assert {finding.status.value for finding in lab.judge(rule_id).findings} == {"unknown"}
