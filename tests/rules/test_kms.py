"""Keys of the account's own, and AWS's."""

import json
from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.iam_answers import days_ago

ROTATION, DELETION, PUBLIC = "kms-key-rotation-enabled", "kms-key-not-pending-deletion", "kms-key-policy-not-public"
ACCOUNT = "123456789012"
CLOSED = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"
    },
}  # fmt: skip


def opened(**condition: Any) -> dict[str, Any]:
    everyone = {"Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [everyone | ({"Condition": condition} if condition else {})]}


def keys(**described: dict[str, Any]) -> dict[str, Any]:
    """KMS with these keys, all alike but for what is said of them; `rotates`, `policy` and `alias` are not metadata."""
    arn = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/"
    standard = {
        "AWSAccountId": ACCOUNT, "CreationDate": days_ago(900), "Enabled": True, "KeyManager": "CUSTOMER",
        "KeyState": "Enabled", "KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "ENCRYPT_DECRYPT", "Origin": "AWS_KMS",
    }  # fmt: skip
    own = ("rotates", "policy", "alias")

    def describe(params: Any, _: str, __: str) -> dict[str, Any]:
        said = {k: v for k, v in described[params["KeyId"]].items() if k not in own}
        return {"KeyMetadata": {**standard, "KeyId": params["KeyId"], "Arn": arn + params["KeyId"], **said}}

    def rotation(params: Any, _: str, __: str) -> dict[str, Any]:
        return {"KeyRotationEnabled": described[params["KeyId"]].get("rotates", False)}

    def policy(params: Any, _: str, __: str) -> dict[str, Any]:
        return {"Policy": json.dumps(described[params["KeyId"]].get("policy", CLOSED)), "PolicyName": "default"}

    aliases = [
        {"AliasName": f"alias/{said['alias']}", "TargetKeyId": key}
        for key, said in described.items()
        if "alias" in said
    ]
    return {
        "kms:ListKeys": {"Keys": [{"KeyId": key, "KeyArn": arn + key} for key in described], "Truncated": False},
        "kms:ListAliases": {"Aliases": [*aliases, {"AliasName": "alias/aws/new"}], "Truncated": False},
        "kms:DescribeKey": describe,
        "kms:GetKeyRotationStatus": rotation,
        "kms:GetKeyPolicy": policy,
    }


def test_rotation(lab: Lab) -> None:
    replica = {"MultiRegion": True, "MultiRegionConfiguration": {"MultiRegionKeyType": "REPLICA"}}
    primary = {"MultiRegion": True, "MultiRegionConfiguration": {"MultiRegionKeyType": "PRIMARY"}}
    answers = keys(
        rotates={"rotates": True}, never={"alias": "orders"}, primary=primary,
        replica=replica, asymmetric={"KeySpec": "RSA_2048"}, imported={"Origin": "EXTERNAL"},
        hsm={"Origin": "AWS_CLOUDHSM"}, disabled={"KeyState": "Disabled", "Enabled": False},
        ebs={"alias": "aws/ebs"}, unnamed={"KeyManager": "AWS"},
    )  # fmt: skip
    assert lab.statuses(ROTATION, answers=answers) == {
        "rotates": "pass", "never": "fail", "primary": "fail",
        **dict.fromkeys(
            ("replica", "asymmetric", "imported", "hsm", "disabled", "ebs", "unnamed"), "not_applicable"
        ),
    }  # fmt: skip


def test_deletion(lab: Lab) -> None:
    end = {"DeletionDate": days_ago(-20)}
    answers = keys(
        kept={}, disabled={"KeyState": "Disabled"}, going={"KeyState": "PendingDeletion", **end},
        copy={"KeyState": "PendingReplicaDeletion"}, ebs={"alias": "aws/ebs"},
    )  # fmt: skip
    assert lab.statuses(DELETION, answers=answers) == {
        "kept": "pass", "disabled": "pass", "going": "fail", "copy": "fail", "ebs": "not_applicable"
    }  # fmt: skip


def test_public_policies(lab: Lab) -> None:
    answers = keys(
        closed={}, everyone={"policy": opened()},
        via={"policy": opened(StringEquals={"kms:ViaService": "s3.us-east-1.amazonaws.com"})},
        caller={"policy": opened(StringEquals={"kms:CallerAccount": ACCOUNT})},
        organization={"policy": opened(StringEquals={"aws:PrincipalOrgID": "o-abcdefghij"})},
        not_equal={"policy": opened(StringNotEquals={"aws:PrincipalOrgID": "o-abcdefghij"})},
        broken={"policy": {"Statement": [{"Effect": "Maybe"}]}}, ebs={"alias": "aws/ebs"},
    )  # fmt: skip
    assert lab.statuses(PUBLIC, answers=answers) == {
        "closed": "pass", "everyone": "fail", "via": "fail", "caller": "pass", "organization": "pass",
        "not_equal": "fail", "broken": "unknown", "ebs": "not_applicable",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "operation", "expected"),
    [
        (ROTATION, "ListKeys", {"*": "unknown"}),
        (ROTATION, "ListAliases", {"*": "unknown"}),
        (ROTATION, "DescribeKey", {"own": "unknown", "ebs": "not_applicable"}),
        (ROTATION, "GetKeyRotationStatus", {"own": "unknown", "ebs": "not_applicable"}),
        (DELETION, "DescribeKey", {"own": "unknown", "ebs": "not_applicable"}),
        (PUBLIC, "DescribeKey", {"own": "unknown", "ebs": "not_applicable"}),
        (PUBLIC, "GetKeyPolicy", {"own": "unknown", "ebs": "not_applicable"}),
    ],
)
def test_denied(lab: Lab, rule: str, operation: str, expected: dict[str, str]) -> None:
    answers = keys(own={}, ebs={"alias": "aws/ebs"})
    assert lab.statuses(rule, answers=answers, deny=[f"kms:{operation}"]) == expected
