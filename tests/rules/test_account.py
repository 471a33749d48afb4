"""The account's regions, Access Analyzer in them, and what the organization forbids."""

import json
from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.iam_answers import ACCOUNT, MANAGEMENT, days_ago, organization

APPROVED, OPTED = "account-region-approved-in-use", "account-region-opt-in-disabled-when-unused"
EXTERNAL = "accessanalyzer-analyzer-external-access-enabled"
UNUSED = "accessanalyzer-analyzer-unused-access-enabled"
LOCK = "organizations-scp-region-restriction-present"
ANALYZERS, REGIONS = "accessanalyzer:ListAnalyzers", "ec2:DescribeRegions"
IN_USE = (
    "ec2:DescribeInstances", "ec2:DescribeVolumes", "rds:DescribeDBInstances", "lambda:ListFunctions", "s3:ListBuckets"
)  # fmt: skip


def regions(status: str = "opt-in-not-required") -> dict[str, Any]:
    listed = {"RegionName": "us-east-1", "Endpoint": "ec2.us-east-1.amazonaws.com", "OptInStatus": status}
    return {REGIONS: {"Regions": [listed]}}


def use(lab: Lab) -> None:
    lab.client("ec2").create_volume(AvailabilityZone="us-east-1a", Size=1)


def test_approved_regions(lab: Lab) -> None:
    def status(*approved: str, **options: Any) -> str:
        found = lab.statuses(APPROVED, answers=regions(), approved_regions=approved, **options)
        return found[ACCOUNT]

    assert status() == "not_applicable"
    assert status("us-east-1") == "pass"
    assert status("eu-west-1") == "pass"  # nothing lies in us-east-1
    assert {status("eu-west-1", deny=[operation]) for operation in IN_USE} == {"unknown"}
    use(lab)
    assert status("eu-west-1") == "fail"
    assert status("eu-west-1", deny=["lambda:ListFunctions"]) == "fail"
    assert lab.statuses(APPROVED, deny=[REGIONS], approved_regions=("eu-west-1",)) == {"*": "unknown"}


def test_opted_in_regions(lab: Lab) -> None:
    assert lab.statuses(OPTED, answers=regions()) == {ACCOUNT: "not_applicable"}
    opted = regions("opted-in")
    assert lab.statuses(OPTED, answers=opted) == {ACCOUNT: "fail"}
    for operation in (IN_USE[-1], "ec2:DescribeVpcs"):
        assert lab.statuses(OPTED, answers=opted, deny=[operation]) == {ACCOUNT: "unknown"}
    lab.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")
    assert lab.statuses(OPTED, answers=opted) == {ACCOUNT: "pass"}
    silent = {REGIONS: {"Regions": [{"RegionName": "us-east-1"}]}}
    assert lab.statuses(OPTED, answers=silent) == {ACCOUNT: "unknown"}


def analyzers(*kinds: str, status: str = "ACTIVE") -> dict[str, Any]:
    arn = f"arn:aws:access-analyzer:us-east-1:{ACCOUNT}:analyzer/"
    listed = [
        {"arn": arn + kind, "name": kind, "type": kind, "status": status, "createdAt": days_ago(9)} for kind in kinds
    ]
    return {ANALYZERS: {"analyzers": listed}, **regions()}


def test_external_access(lab: Lab) -> None:
    def status(answers: dict[str, Any], **options: Any) -> str:
        return lab.statuses(EXTERNAL, answers=answers, **options)[ACCOUNT]

    assert status(analyzers()) == "not_applicable"  # nothing lies in the region
    assert status(analyzers(), deny=IN_USE[:1]) == "unknown"
    use(lab)
    assert status(analyzers()) == "fail"
    assert status(analyzers("ACCOUNT_UNUSED_ACCESS", "ACCOUNT_INTERNAL_ACCESS")) == "fail"
    assert status(analyzers("ACCOUNT", status="DISABLED")) == "fail"
    assert status(analyzers("ACCOUNT")) == "pass"
    assert status(analyzers("ORGANIZATION")) == "pass"
    assert status(analyzers(), organization_analyzer=True) == "not_applicable"
    assert status(analyzers(), deny=[ANALYZERS]) == "unknown"


def test_unused_access(lab: Lab) -> None:
    assert lab.statuses(UNUSED, answers=analyzers("ACCOUNT")) == {ACCOUNT: "fail"}
    assert lab.statuses(UNUSED, answers=analyzers("ORGANIZATION_UNUSED_ACCESS")) == {ACCOUNT: "pass"}
    assert lab.statuses(UNUSED, answers=analyzers(), deny=[ANALYZERS]) == {ACCOUNT: "unknown"}


def policies(**contents: Any) -> dict[str, Any]:
    """Service control policies of the organization that the account manages."""
    heads = {
        name: {"Id": f"p-{name}", "Arn": f"arn:aws:organizations::{ACCOUNT}:policy/o-a/service_control_policy/p-{name}",
               "Name": name, "Type": "SERVICE_CONTROL_POLICY", "AwsManaged": False}
        for name in contents
    }  # fmt: skip

    def describe(params: Any, _: str, __: str) -> dict[str, Any]:
        name = params["PolicyId"].removeprefix("p-")
        return {"Policy": {"PolicySummary": heads[name], "Content": json.dumps(contents[name])}}

    listed = {"Policies": list(heads.values())}
    return organization(ACCOUNT) | {
        "organizations:ListPolicies": listed,
        "organizations:DescribePolicy": describe,
    }


def deny(**condition: Any) -> dict[str, Any]:
    denied = {"Effect": "Deny", "NotAction": "iam:*", "Resource": "*", "Condition": condition}
    return {"Version": "2012-10-17", "Statement": [denied]}


FULL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
LOCKED = deny(StringNotEquals={"aws:RequestedRegion": ["eu-central-1"]})


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (policies(full=FULL), "fail"),
        (policies(full=FULL, other=deny(StringNotEquals={"aws:PrincipalArn": "x"})), "fail"),
        (policies(full=FULL, lock=LOCKED), "pass"),
        (policies(broken={"Statement": [{"Effect": "Maybe"}]}), "unknown"),
        (organization(MANAGEMENT), "not_applicable"),
        ({}, "not_applicable"),
    ],
)
def test_region_lock(lab: Lab, answers: dict[str, Any], expected: str) -> None:
    assert lab.statuses(LOCK, answers=answers) == {ACCOUNT: expected}


@pytest.mark.parametrize("operation", ["DescribeOrganization", "ListPolicies", "DescribePolicy"])
def test_region_lock_denied(lab: Lab, operation: str) -> None:
    denied = [f"organizations:{operation}"]
    assert lab.statuses(LOCK, answers=policies(lock=LOCKED), deny=denied) == {ACCOUNT: "unknown"}
