"""S3: who gets into buckets, by policies and ACLs, and what Block Public Access leaves of both."""

import json
from typing import Any

import pytest

from auditor.demo.endpoint import Error
from tests.lab import Lab
from tests.rules.s3_answers import ACCOUNT, OTHER, make

ACCOUNT_BLOCK = "s3-account-block-public-access-enabled"
BLOCK = "s3-bucket-block-public-access-enabled"
PUBLIC = "s3-bucket-not-public"
ACL = "s3-bucket-acl-disabled"

READ_BLOCK, READ_ACCOUNT_BLOCK = "s3:GetPublicAccessBlock", "s3control:GetPublicAccessBlock"
READ_POLICY, READ_STATUS = "s3:GetBucketPolicy", "s3:GetBucketPolicyStatus"
READ_ACL, READ_OWNERSHIP = "s3:GetBucketAcl", "s3:GetBucketOwnershipControls"

FLAGS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
ALL_ON = dict.fromkeys(FLAGS, True)
OWNER = {"ID": "owner"}
FOR_OWNER = {"Grantee": {"Type": "CanonicalUser", "ID": "owner"}, "Permission": "FULL_CONTROL"}
CLOUDFRONT = "c4c1ede66af53448b93c283ce9448c4ba468c9432aa01d700d3878632f77d2d0"
DELIVERY_GROUP = "http://acs.amazonaws.com/groups/s3/LogDelivery"


def block(lab: Lab, name: str, **flags: bool) -> None:
    if flags:  # S3 takes no empty configuration
        lab.client("s3").put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=flags)


def block_account(lab: Lab, **flags: bool) -> None:
    if flags:
        lab.client("s3control").put_public_access_block(AccountId=ACCOUNT, PublicAccessBlockConfiguration=flags)


def allow(lab: Lab, name: str, **statement: Any) -> None:
    """Give the bucket a policy that lets everyone read, changed by what is given."""
    usual = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"}
    lab.client("s3").put_bucket_policy(Bucket=name, Policy=json.dumps({"Statement": [usual | statement]}))


def acl(*grantees: dict[str, str]) -> dict[str, Any]:
    """What GetBucketAcl answers where these are let in beside the owner."""
    grants = [{"Grantee": {"Type": "Group"} | grantee, "Permission": "READ"} for grantee in grantees]
    return {READ_ACL: {"Owner": OWNER, "Grants": [FOR_OWNER, *grants]}}


def group(name: str) -> dict[str, str]:
    return {"URI": f"http://acs.amazonaws.com/groups/global/{name}"}


def ownership(value: str) -> dict[str, Any]:
    return {READ_OWNERSHIP: {"OwnershipControls": {"Rules": [{"ObjectOwnership": value}]}}}


# --- Block Public Access


@pytest.mark.parametrize(
    ("flags", "status"),
    [(ALL_ON, "pass"), ({}, "fail"), *((ALL_ON | {flag: False}, "fail") for flag in FLAGS)],
)
def test_block_of_the_account(lab: Lab, flags: dict[str, bool], status: str) -> None:
    block_account(lab, **flags)
    assert lab.statuses(ACCOUNT_BLOCK) == {ACCOUNT: status}


def test_block_of_the_account_says_what_is_off(lab: Lab) -> None:
    block_account(lab, **ALL_ON | {"IgnorePublicAcls": False})
    assert lab.findings(ACCOUNT_BLOCK)[ACCOUNT].evidence == {"off": ["ignore_public_acls"]}


def test_unread_block_of_the_account_is_unknown(lab: Lab) -> None:
    finding = lab.findings(ACCOUNT_BLOCK, deny=[READ_ACCOUNT_BLOCK])[ACCOUNT]
    assert finding.status == "unknown"
    assert finding.evidence["iam_action"] == "s3:GetAccountPublicAccessBlock"


HALF = {"BlockPublicAcls": True, "IgnorePublicAcls": True}
OTHER_HALF = {"BlockPublicPolicy": True, "RestrictPublicBuckets": True}


@pytest.mark.parametrize(
    ("of_bucket", "of_account", "status"),
    [
        (ALL_ON, {}, "pass"),
        ({}, ALL_ON, "pass"),
        (HALF, OTHER_HALF, "pass"),
        ({}, {}, "fail"),
        (HALF, HALF, "fail"),
        *((ALL_ON | {flag: False}, {}, "fail") for flag in FLAGS),
    ],
)
def test_block_of_buckets(lab: Lab, of_bucket: dict[str, bool], of_account: dict[str, bool], status: str) -> None:
    make(lab, "bucket")
    block(lab, "bucket", **of_bucket)
    block_account(lab, **of_account)
    assert lab.statuses(BLOCK) == {"bucket": status}


@pytest.mark.parametrize(
    ("of_bucket", "of_account", "denied", "status"),
    [
        (ALL_ON, {}, READ_ACCOUNT_BLOCK, "pass"),
        ({}, ALL_ON, READ_BLOCK, "pass"),
        (HALF, OTHER_HALF, READ_ACCOUNT_BLOCK, "unknown"),
        ({}, HALF, READ_BLOCK, "unknown"),
        ({}, {}, "s3:ListBuckets", None),
    ],
)
def test_unread_block_matters_where_the_other_does_not_cover_all(
    lab: Lab, of_bucket: dict[str, bool], of_account: dict[str, bool], denied: str, status: str | None
) -> None:
    make(lab, "bucket")
    block(lab, "bucket", **of_bucket)
    block_account(lab, **of_account)
    expected = {"bucket": status} if status else {"*": "unknown"}
    assert lab.statuses(BLOCK, deny=[denied]) == expected


# --- who gets in


@pytest.mark.parametrize(
    ("statement", "status"),
    [
        (None, "pass"),
        ({}, "fail"),
        ({"Principal": {"AWS": ["*"]}}, "fail"),
        ({"Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"}}, "pass"),
        ({"Principal": {"Service": "cloudfront.amazonaws.com"}}, "pass"),
        ({"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}}}, "pass"),
        ({"Condition": {"StringLike": {"aws:Referer": "https://example.com/*"}}}, "fail"),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}}, "fail"),
        ({"Effect": "Deny"}, "pass"),
    ],
)
def test_public_by_policy(lab: Lab, statement: dict[str, Any] | None, status: str) -> None:
    make(lab, "bucket")
    if statement is not None:
        allow(lab, "bucket", **statement)
    assert lab.statuses(PUBLIC) == {"bucket": status}


def test_public_by_policy_shows_both_opinions(lab: Lab) -> None:
    make(lab, "bucket")
    allow(lab, "bucket", Sid="Everyone")
    finding = lab.findings(PUBLIC, answers={READ_STATUS: {"PolicyStatus": {"IsPublic": False}}})["bucket"]
    assert (finding.status, finding.severity) == ("fail", "critical")
    assert finding.message == "The bucket is public by its policy"
    assert finding.evidence["aws_says_public"] is False
    assert [shown["statement"] for shown in finding.evidence["public_statements"]] == ["Everyone"]


def test_aws_opinion_wins_where_it_is_worse(lab: Lab) -> None:
    make(lab, "bucket")
    allow(lab, "bucket", Principal={"AWS": f"arn:aws:iam::{OTHER}:root"})
    finding = lab.findings(PUBLIC, answers={READ_STATUS: {"PolicyStatus": {"IsPublic": True}}})["bucket"]
    assert finding.status == "fail"
    assert finding.evidence == {"public_statements": [], "aws_says_public": True}


@pytest.mark.parametrize("whose", [block, None])
def test_restricted_public_policy_lets_nobody_in(lab: Lab, whose: Any) -> None:
    make(lab, "bucket")
    allow(lab, "bucket")
    if whose:
        block(lab, "bucket", RestrictPublicBuckets=True)
    else:
        block_account(lab, RestrictPublicBuckets=True)
    assert lab.statuses(PUBLIC) == {"bucket": "pass"}


def test_blocking_new_policies_does_not_undo_old_ones(lab: Lab) -> None:
    make(lab, "bucket")
    allow(lab, "bucket")
    block(lab, "bucket", **ALL_ON | {"RestrictPublicBuckets": False})
    assert lab.statuses(PUBLIC) == {"bucket": "fail"}


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        (acl(), "pass"),
        (acl(group("AllUsers")), "fail"),
        (acl(group("AuthenticatedUsers")), "fail"),
        (acl({"URI": DELIVERY_GROUP}), "pass"),
        (acl({"Type": "CanonicalUser", "ID": "stranger"}), "pass"),
        (acl(group("AllUsers")) | ownership("BucketOwnerPreferred"), "fail"),
        (acl(group("AllUsers")) | ownership("BucketOwnerEnforced"), "pass"),
    ],
)
def test_public_by_acl(lab: Lab, answers: dict[str, Any], status: str) -> None:
    make(lab, "bucket")
    assert lab.statuses(PUBLIC, answers=answers) == {"bucket": status}


def test_public_by_acl_shows_the_grants(lab: Lab) -> None:
    make(lab, "bucket")
    finding = lab.findings(PUBLIC, answers=acl(group("AllUsers"), group("AuthenticatedUsers")))["bucket"]
    assert finding.message == "The bucket is public by its ACL"
    assert finding.evidence == {"public_grants": ["READ to AllUsers", "READ to AuthenticatedUsers"]}


def test_public_by_both(lab: Lab) -> None:
    make(lab, "bucket")
    allow(lab, "bucket")
    finding = lab.findings(PUBLIC, answers=acl(group("AllUsers")))["bucket"]
    assert finding.message == "The bucket is public by its policy and its ACL"
    assert finding.evidence.keys() == {"public_statements", "aws_says_public", "public_grants"}


@pytest.mark.parametrize("of_account", [True, False])
def test_ignored_public_acl_lets_nobody_in(lab: Lab, of_account: bool) -> None:
    make(lab, "bucket").put_bucket_acl(Bucket="bucket", ACL="public-read")
    if of_account:
        block_account(lab, IgnorePublicAcls=True)
    else:
        block(lab, "bucket", IgnorePublicAcls=True)
    assert lab.statuses(PUBLIC) == {"bucket": "pass"}


EXPOSURE = (READ_BLOCK, READ_ACCOUNT_BLOCK, READ_POLICY, READ_STATUS, READ_ACL, READ_OWNERSHIP)


@pytest.mark.parametrize(
    ("denied", "status"),
    [
        (READ_BLOCK, "pass"),  # nothing there to restrict
        (READ_ACCOUNT_BLOCK, "pass"),
        (READ_POLICY, "unknown"),
        (READ_STATUS, "pass"),  # no policy, whatever AWS thinks of it
        (READ_ACL, "unknown"),
        (READ_OWNERSHIP, "pass"),  # no public grant, whether ACLs count or not
        ("s3:ListBuckets", None),
    ],
)
def test_unread_matters_for_a_private_bucket_only_where_it_decides(lab: Lab, denied: str, status: str | None) -> None:
    make(lab, "bucket")
    assert lab.statuses(PUBLIC, deny=[denied]) == ({"bucket": status} if status else {"*": "unknown"})


@pytest.mark.parametrize(
    ("denied", "status"),
    [
        (READ_BLOCK, "unknown"),
        (READ_ACCOUNT_BLOCK, "unknown"),
        (READ_POLICY, "fail"),  # AWS says that it is public
        (READ_STATUS, "fail"),
        (READ_ACL, "fail"),
        (READ_OWNERSHIP, "fail"),
    ],
)
def test_unread_matters_for_a_public_policy_only_where_it_decides(lab: Lab, denied: str, status: str) -> None:
    make(lab, "bucket")
    allow(lab, "bucket")
    assert lab.statuses(PUBLIC, deny=[denied]) == {"bucket": status}


@pytest.mark.parametrize(
    ("denied", "status"),
    [
        (READ_BLOCK, "unknown"),
        (READ_ACCOUNT_BLOCK, "unknown"),
        (READ_POLICY, "fail"),
        (READ_STATUS, "fail"),
        (READ_ACL, "unknown"),
        (READ_OWNERSHIP, "unknown"),
    ],
)
def test_unread_matters_for_a_public_acl_only_where_it_decides(lab: Lab, denied: str, status: str) -> None:
    make(lab, "bucket").put_bucket_acl(Bucket="bucket", ACL="public-read")
    assert lab.statuses(PUBLIC, deny=[denied]) == {"bucket": status}


def test_what_aws_calls_public_is_so_without_the_policy(lab: Lab) -> None:
    make(lab, "bucket")
    status = {READ_STATUS: {"PolicyStatus": {"IsPublic": True}}}
    finding = lab.findings(PUBLIC, deny=[READ_POLICY], answers=status)["bucket"]
    assert finding.status == "fail"
    assert "s3:GetBucketPolicy in us-east-1 was denied" in finding.evidence["public_statements"]


def test_what_aws_does_not_call_public_is_unknown_without_the_policy(lab: Lab) -> None:
    make(lab, "bucket")
    status = {READ_STATUS: {"PolicyStatus": {"IsPublic": False}}}
    assert lab.statuses(PUBLIC, deny=[READ_POLICY], answers=status) == {"bucket": "unknown"}


def test_what_the_account_restricts_is_private_with_all_else_unread(lab: Lab) -> None:
    make(lab, "bucket")
    block_account(lab, **ALL_ON)
    denied = set(EXPOSURE) - {READ_ACCOUNT_BLOCK}
    assert lab.statuses(PUBLIC, deny=denied) == {"bucket": "pass"}


def test_a_policy_out_of_grammar_is_unknown(lab: Lab) -> None:
    make(lab, "bucket")
    answers = {READ_POLICY: {"Policy": json.dumps({"Statement": [{"Effect": "Maybe"}]})}}
    finding = lab.findings(PUBLIC, answers=answers)["bucket"]
    assert finding.status == "unknown"
    assert "Effect" in finding.message
    block(lab, "bucket", RestrictPublicBuckets=True)
    assert lab.statuses(PUBLIC, answers=answers) == {"bucket": "pass"}


def test_buckets_of_regions_that_were_not_asked_for_are_not_judged(lab: Lab) -> None:
    make(lab, "here")
    make(lab, "there", region="eu-west-1")
    assert lab.statuses(PUBLIC) == {"here": "pass"}
    assert lab.statuses(PUBLIC, regions=("us-east-1", "eu-west-1")) == {"here": "pass", "there": "pass"}


# --- ACLs


@pytest.mark.parametrize(
    ("answers", "status", "severity"),
    [
        (ownership("BucketOwnerEnforced"), "pass", "medium"),
        ({READ_OWNERSHIP: Error("OwnershipControlsNotFoundError", "none", status=404)} | acl(), "fail", "medium"),
        (ownership("ObjectWriter") | acl(), "fail", "medium"),
        (ownership("BucketOwnerPreferred") | acl(), "fail", "medium"),
        (ownership("BucketOwnerPreferred") | acl({"URI": DELIVERY_GROUP}), "fail", "low"),
        (ownership("BucketOwnerPreferred") | acl({"Type": "CanonicalUser", "ID": CLOUDFRONT}), "fail", "low"),
        (ownership("BucketOwnerPreferred") | acl({"URI": DELIVERY_GROUP}, group("AllUsers")), "fail", "medium"),
        (ownership("BucketOwnerPreferred") | acl({"Type": "CanonicalUser", "ID": "stranger"}), "fail", "medium"),
    ],
)
def test_acl_disabled(lab: Lab, answers: dict[str, Any], status: str, severity: str) -> None:
    make(lab, "bucket")
    finding = lab.findings(ACL, answers=answers)["bucket"]
    assert (finding.status, finding.severity) == (status, severity)


def test_unread_ownership_is_unknown(lab: Lab) -> None:
    make(lab, "bucket")
    assert lab.statuses(ACL, deny=[READ_OWNERSHIP]) == {"bucket": "unknown"}


def test_an_unread_acl_leaves_only_the_severity_open(lab: Lab) -> None:
    make(lab, "bucket")
    finding = lab.findings(ACL, deny=[READ_ACL], answers=ownership("ObjectWriter"))["bucket"]
    assert (finding.status, finding.severity) == ("fail", "medium")
    assert "GetBucketAcl" in finding.evidence["severity_unsettled"]
