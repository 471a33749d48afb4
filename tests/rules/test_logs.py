"""CloudWatch Logs: how long log groups keep what they hold, and who may write into them."""

import json
import time
from typing import Any

import pytest

from tests.lab import Lab

RETENTION = "logs-log-group-retention-set"
ENCRYPTED = "logs-log-group-encrypted-with-cmk"
EMPTY = "logs-log-group-not-empty"
PUBLIC = "logs-resource-policy-not-public"
GROUPS, POLICIES = "logs:DescribeLogGroups", "logs:DescribeResourcePolicies"
NOW = int(time.time() * 1000)
OLD = NOW - 31 * 86_400_000


def test_groups(lab: Lab) -> None:
    groups: dict[str, dict[str, Any]] = {
        "good": {"retentionInDays": 30, "kmsKeyId": "arn:aws:kms:us-east-1:123456789012:key/k", "storedBytes": 5},
        "forever": {"storedBytes": 0},
        "cloudtrail-audit": {"retentionInDays": 180, "storedBytes": 0, "creationTime": NOW},
        "audit-long": {"retentionInDays": 400, "storedBytes": None},
        "delivery": {"logGroupClass": "DELIVERY", "storedBytes": 0},
    }
    made = [{"logGroupName": name, "creationTime": OLD, **change} for name, change in groups.items()]
    answers = {GROUPS: {"logGroups": [{k: v for k, v in group.items() if v is not None} for group in made]}}
    exempt = {"delivery": "not_applicable"}
    expected = exempt | {"good": "pass", "forever": "fail", "cloudtrail-audit": "fail", "audit-long": "pass"}
    assert lab.statuses(RETENTION, answers=answers) == expected
    lenient = lab.statuses(RETENTION, answers=answers, forever=True, audit_days=90)
    assert lenient == expected | {"forever": "pass", "cloudtrail-audit": "pass"}
    assert lab.statuses(ENCRYPTED, answers=answers) == exempt | {
        "good": "pass", "forever": "fail", "cloudtrail-audit": "fail", "audit-long": "fail",
    }  # fmt: skip
    assert lab.statuses(EMPTY, answers=answers) == exempt | {
        "good": "pass", "forever": "fail", "cloudtrail-audit": "pass", "audit-long": "unknown",
    }  # fmt: skip


def test_seeded_groups_are_read(lab: Lab) -> None:
    logs = lab.client("logs")
    for name in ("short", "forever"):
        logs.create_log_group(logGroupName=name)
    logs.put_retention_policy(logGroupName="short", retentionInDays=7)
    assert lab.statuses(RETENTION) == {"short": "pass", "forever": "fail"}
    assert lab.statuses(EMPTY) == {"short": "pass", "forever": "pass"}


def test_policies(lab: Lab) -> None:
    service = {"Service": "route53.amazonaws.com"}
    confined = {"ArnLike": {"aws:SourceArn": "arn:aws:route53:::hostedzone/Z1"}}
    for name, principal, condition in (
        ("open", "*", {}),
        ("confined", "*", {"StringEquals": {"aws:SourceAccount": "123456789012"}}),
        ("service", service, confined),
    ):
        allow = {"Effect": "Allow", "Principal": principal, "Action": "logs:PutLogEvents", "Resource": "*"}
        document = {"Version": "2012-10-17", "Statement": [allow | ({"Condition": condition} if condition else {})]}
        lab.client("logs").put_resource_policy(policyName=name, policyDocument=json.dumps(document))
    assert lab.statuses(PUBLIC) == {"open": "fail", "confined": "pass", "service": "pass"}
    broken = {POLICIES: {"resourcePolicies": [{"policyName": "broken", "policyDocument": "{"}]}}
    assert lab.statuses(PUBLIC, answers=broken) == {"broken": "unknown"}


@pytest.mark.parametrize(
    ("rule", "operation"), [*((rule, GROUPS) for rule in (RETENTION, ENCRYPTED, EMPTY)), (PUBLIC, POLICIES)]
)
def test_a_denied_listing_is_unknown(lab: Lab, rule: str, operation: str) -> None:
    assert lab.statuses(rule, deny=[operation]) == {"*": "unknown"}
