"""Who may invoke Lambda functions, and as whom these run."""

import json
from typing import Any

import pytest

from tests.lab import RULES, Lab
from tests.rules.serverless_answers import ACCOUNT, OTHER, allow, arn, functions, policies, when

PUBLIC, CROSS = "lambda-function-not-public", "lambda-function-policy-cross-account-restricted"
URL, ROLE, SHARED = (
    "lambda-function-url-authenticated",
    "lambda-function-role-valid",
    "lambda-function-role-not-shared",
)
SECRETS = "lambda-function-no-secrets-in-environment"
INVOKE = "lambda:InvokeFunction"
S3 = {"Service": "s3.amazonaws.com"}
NONE = when("StringEquals", "lambda:FunctionUrlAuthType", "NONE")


def test_policies(lab: Lab) -> None:
    statements = {
        "none": None,
        "open": allow("*", Action=INVOKE),
        "token": allow({"Service": "alexa-appkit.amazon.com"}, **when("StringEquals", "lambda:EventSourceToken", "t")),
        "url": allow("*", Action="lambda:InvokeFunctionUrl", **NONE),
        "via": allow("*", Action=INVOKE, **when("Bool", "lambda:InvokedViaFunctionUrl", "true")),
        "signed": allow(
            "*", Action="lambda:InvokeFunctionUrl", **when("StringEquals", "lambda:FunctionUrlAuthType", "AWS_IAM")
        ),
        "anybody": allow(
            "*", Action=["lambda:InvokeFunctionUrl", INVOKE], **when("Bool", "lambda:InvokedViaFunctionUrl", "true")
        ),
        "broad": allow("*", Action="lambda:*", **NONE),
        "service": allow(S3, Action=INVOKE),
        "bucket": allow(S3, Action=INVOKE, **when("ArnLike", "AWS:SourceArn", "arn:aws:s3:::bucket")),
        "theirs": allow(S3, Action=INVOKE, **when("StringEquals", "AWS:SourceAccount", OTHER)),
        "other": allow({"AWS": OTHER}, Action=INVOKE),
        "changes": allow({"AWS": f"arn:aws:iam::{OTHER}:root"}, Action="lambda:*"),
    }
    answers = functions(**{name: {} for name in statements}) | policies(**statements)
    found = lab.findings(PUBLIC, answers=answers)
    failing = {name: str(finding.severity) for name, finding in found.items() if finding.status == "fail"}
    assert failing == {
        "open": "critical", "signed": "critical", "anybody": "critical", "broad": "critical", "service": "medium",
    }  # fmt: skip
    crossing = lab.findings(CROSS, answers=answers)
    failing = {name: str(finding.severity) for name, finding in crossing.items() if finding.status == "fail"}
    assert failing == {"theirs": "medium", "other": "medium", "changes": "high"}
    trusting = lab.statuses(CROSS, answers=answers, trusted_account_ids=(OTHER,))
    assert set(trusting.values()) == {"pass"}


@pytest.mark.parametrize("rule", [PUBLIC, CROSS])
def test_unread_policies_are_unknown(lab: Lab, rule: str) -> None:
    assert lab.statuses(rule, answers=functions(work={}), deny=["lambda:GetPolicy"]) == {"work": "unknown"}
    assert lab.statuses(rule, deny=["lambda:ListFunctions"]) == {"*": "unknown"}


def urls(**given: tuple[str, tuple[str, ...]]) -> dict[str, Any]:
    """The URLs of functions: how each asks its callers, and for whose web pages."""
    listed = {
        name: {
            "FunctionUrlConfigs": [
                {
                    "FunctionUrl": "https://x.lambda-url.us-east-1.on.aws/", "FunctionArn": arn("lambda", name),
                    "CreationTime": "2026", "LastModifiedTime": "2026", "AuthType": auth,
                    **({"Cors": {"AllowOrigins": list(origins)}} if origins else {}),
                }
            ]
        }
        for name, (auth, origins) in given.items()
    }  # fmt: skip
    none: dict[str, Any] = {"FunctionUrlConfigs": []}
    return {"lambda:ListFunctionUrlConfigs": lambda params, *_: listed.get(params["FunctionName"], none)}


def test_urls(lab: Lab) -> None:
    answers = functions(none={}, open={}, signed={}, anywhere={}, somewhere={}) | urls(
        open=("NONE", ("*",)),
        signed=("AWS_IAM", ()),
        anywhere=("AWS_IAM", ("*",)),
        somewhere=("AWS_IAM", ("https://example.com",)),
    )
    found = lab.findings(URL, answers=answers)
    assert {name: finding.status.value for name, finding in found.items()} == {
        "none": "not_applicable", "open": "fail", "signed": "pass", "anywhere": "fail", "somewhere": "pass",
    }  # fmt: skip
    assert (found["open"].severity, found["anywhere"].severity) == ("high", "low")
    unread = lab.statuses(URL, answers=functions(work={}), deny=["lambda:ListFunctionUrlConfigs"])
    assert unread == {"work": "unknown"}


def test_roles(lab: Lab) -> None:
    iam = lab.client("iam")

    def role(name: str, **trusted: Any) -> dict[str, str]:
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", **trusted}]}
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        return {"Role": f"arn:aws:iam::{ACCOUNT}:role/{name}"}

    lambda_ = {"Service": "lambda.amazonaws.com"}
    answers = functions(
        good=role("good", Principal=lambda_),
        strange=role("strange", Principal={"Service": "ec2.amazonaws.com"}),
        gone={"Role": f"arn:aws:iam::{ACCOUNT}:role/gone"},
        unsure=role("unsure", Principal=lambda_, **when("StringEquals", "aws:PrincipalTag/team", "shop")),
    )
    assert lab.statuses(ROLE, answers=answers) == {
        "good": "pass", "strange": "fail", "gone": "fail", "unsure": "unknown",
    }  # fmt: skip
    unread = lab.statuses(ROLE, answers=answers, deny=["iam:GetAccountAuthorizationDetails"])
    assert unread == dict.fromkeys(("good", "strange", "gone", "unsure"), "unknown")


def test_shared_roles(lab: Lab) -> None:
    answers = functions(one={}, two={}, alone={"Role": "arn:aws:iam::1:role/own"})
    assert lab.statuses(SHARED, answers=answers) == {"one": "fail", "two": "fail", "alone": "pass"}
    with lab.but(answers=answers, deny=["lambda:ListFunctions@eu-west-1"]):
        judged = lab.judge(SHARED, regions=("us-east-1", "eu-west-1"))
    assert {f.resource.id: f.status.value for f in judged.findings} == {
        "one": "fail", "two": "fail", "alone": "unknown", "*": "unknown",
    }  # fmt: skip


def test_secrets_in_the_environment(lab: Lab) -> None:
    key = "AKIA" + "QWERTYUIOPASDFGH"

    def holding(**variables: str) -> dict[str, Any]:
        return {"Environment": {"Variables": variables}}

    answers = functions(
        none={},
        plain=holding(STAGE="production", TABLE="orders"),
        password=holding(DB_PASSWORD="hunter2-hunter2"),
        key=holding(WHATEVER=key),
        locked={"Environment": {"Error": {"ErrorCode": "AccessDeniedException", "Message": "kms:Decrypt"}}},
    )
    found = lab.findings(SECRETS, answers=answers)
    assert {name: finding.status.value for name, finding in found.items()} == {
        "none": "pass", "plain": "pass", "password": "fail", "key": "fail", "locked": "unknown",
    }  # fmt: skip
    assert (found["password"].severity, found["key"].severity) == ("high", "critical")
    assert found["password"].evidence["variables"] == [{"variable": "DB_PASSWORD", "pattern": "assignment"}]
    with lab.but(answers=answers):
        inventory = lab.inventory([RULES[SECRETS]])
    kept = repr(inventory.resources) + repr(found)
    assert key not in kept and "hunter2" not in kept
