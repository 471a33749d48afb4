"""S3: how buckets encrypt by default, and what their policies ask of uploads."""

import json
from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.s3_answers import by_bucket, make, tag

KMS = "s3-bucket-kms-default-encryption"
BUCKET_KEY = "s3-bucket-key-enabled"
SSE_C = "s3-bucket-sse-c-blocked"
HEADERS = "s3-bucket-policy-encryption-headers-consistent"

READ, READ_TAGS = "s3:GetBucketEncryption", "resourcegroupstaggingapi:GetResources"
READ_POLICY = "s3:GetBucketPolicy"
HEADER = "s3:x-amz-server-side-encryption"


def encryption(algorithm: str, **rule: Any) -> dict[str, Any]:
    default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}, **rule}
    return {"ServerSideEncryptionConfiguration": {"Rules": [default]}}


ANSWERS = {
    READ: by_bucket(
        {
            "kms": encryption("aws:kms", BucketKeyEnabled=True, BlockedEncryptionTypes={"EncryptionType": ["SSE-C"]}),
            "slow": encryption("aws:kms", BlockedEncryptionTypes={"EncryptionType": ["NONE"]}),
            "double": encryption("aws:kms:dsse"),
            "plain": encryption("AES256"),
        }
    )
}


def test_default_encryption(lab: Lab) -> None:
    make(lab, "kms", "slow", "double", "plain", "shop")
    tag(lab, kms={"pii": "true"}, double={"data": "Confidential"}, plain={"Sensitive": ""}, shop={"pii": "no"})
    with lab.but(answers=ANSWERS):
        assert lab.statuses(KMS) == {
            "kms": "pass", "slow": "not_applicable", "double": "pass", "plain": "fail", "shop": "not_applicable",
        }  # fmt: skip
        assert lab.statuses(KMS, every_bucket=True) == {
            "kms": "pass", "slow": "pass", "double": "pass", "plain": "fail", "shop": "fail",
        }  # fmt: skip
        assert lab.statuses(BUCKET_KEY) == {
            "kms": "pass", "slow": "fail", "double": "not_applicable", "plain": "not_applicable",
            "shop": "not_applicable",
        }  # fmt: skip
        assert lab.statuses(SSE_C) == {
            "kms": "pass", "slow": "fail", "double": "fail", "plain": "fail", "shop": "fail",
        }  # fmt: skip
        assert set(lab.statuses(KMS, deny=[READ_TAGS]).values()) == {"unknown"}


def deny(operator: str, value: str, *more: tuple[str, str]) -> dict[str, Any]:
    condition: dict[str, Any] = {operator: {HEADER: value}}
    for other, said in more:
        condition[other] = {HEADER: said}
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::b/*"}
    return {"Policy": json.dumps({"Statement": [statement | {"Condition": condition}]})}


def test_headers(lab: Lab) -> None:
    policies = {
        "bare": deny("StringNotEquals", "AES256"),
        "guarded": deny("StringNotEquals", "AES256", ("Null", "false")),
        "other": deny("StringNotEquals", "aws:kms", ("Null", "false")),
        "absent": deny("Null", "true"),
        "weak": deny("StringEquals", "aws:kms"),
        "default": deny("StringEquals", "AES256"),
    }
    names = [*policies, "none"]
    make(lab, *names)
    with lab.but(answers={READ_POLICY: by_bucket(policies)}):
        assert lab.statuses(HEADERS) == {
            "bare": "fail", "guarded": "pass", "other": "fail", "absent": "fail", "weak": "pass", "default": "fail",
            "none": "not_applicable",
        }  # fmt: skip
        assert lab.statuses(HEADERS, deny=[READ])["weak"] == "unknown"
        assert lab.statuses(HEADERS, deny=[READ_POLICY])["none"] == "unknown"


@pytest.mark.parametrize("rule", [KMS, BUCKET_KEY, SSE_C, HEADERS])
def test_unread_encryption_is_unknown(lab: Lab, rule: str) -> None:
    make(lab, "one")
    tag(lab, one={"pii": "yes"})
    with lab.but(answers={READ_POLICY: by_bucket({"one": deny("StringEquals", "aws:kms")})}):
        assert lab.statuses(rule, deny=[READ]) == {"one": "unknown"}
        assert lab.statuses(rule, deny=["s3:ListBuckets"]) == {"*": "unknown"}
