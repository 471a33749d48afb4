"""CloudTrail: whether what trails record arrives, is kept, and holds what happens to objects."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.test_cloudtrail import (
    ACCOUNT,
    LIST,
    OF_ORGANIZATION,
    OTHER,
    SELECTORS,
    STATUS,
    advanced,
    basic,
    create,
    trails,
)  # fmt: skip

LOGGED = "cloudtrail-trail-bucket-access-logging-enabled"
KEPT = "cloudtrail-trail-bucket-delete-protected"
WATCHED = "cloudtrail-trail-cloudwatch-logs-integrated"
DELIVERED = "cloudtrail-trail-delivery-healthy"
OBJECTS = "cloudtrail-s3-data-events-recorded"
VERSIONING, LOCK, LOGGING = "s3:GetBucketVersioning", "s3:GetObjectLockConfiguration", "s3:GetBucketLogging"
GROUP = {"CloudWatchLogsLogGroupArn": f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:trail:*"}
NOW = datetime.now(UTC)
LOCKED = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 365}}}


@pytest.mark.parametrize(
    ("rule", "answers", "status"),
    [
        (LOGGED, {LOGGING: {}}, "fail"),
        (LOGGED, {LOGGING: {"LoggingEnabled": {"TargetBucket": "access", "TargetPrefix": ""}}}, "pass"),
        (KEPT, {}, "fail"),
        (KEPT, {VERSIONING: {"Status": "Enabled", "MFADelete": "Disabled"}}, "fail"),
        (KEPT, {VERSIONING: {"Status": "Enabled", "MFADelete": "Enabled"}}, "pass"),
        (KEPT, {LOCK: {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}}}, "fail"),
        (KEPT, {LOCK: {"ObjectLockConfiguration": LOCKED}}, "pass"),
    ],
)
def test_bucket(lab: Lab, rule: str, answers: dict[str, Any], status: str) -> None:
    create(lab)
    finding = lab.findings(rule, answers=answers)["trail"]
    assert (finding.status, finding.severity) == (status, "low")


def test_bucket_protection_that_is_half_unread(lab: Lab) -> None:
    create(lab)
    assert lab.statuses(KEPT, deny=[LOCK]) == {"trail": "unknown"}
    assert lab.statuses(KEPT, deny=[VERSIONING]) == {"trail": "unknown"}
    locked = {LOCK: {"ObjectLockConfiguration": LOCKED}}
    assert lab.statuses(KEPT, answers=locked, deny=[VERSIONING]) == {"trail": "pass"}
    assert lab.statuses(LOGGED, deny=[LOGGING]) == {"trail": "unknown"}


@pytest.mark.parametrize("rule", [LOGGED, KEPT])
def test_bucket_that_is_not_here(lab: Lab, rule: str) -> None:
    assert lab.statuses(rule, answers=trails({})) == {"trail": "not_applicable"}
    assert lab.statuses(rule, answers=trails(OF_ORGANIZATION)) == {"trail": "not_applicable"}
    assert lab.statuses(rule, answers=trails({}), deny=["s3:ListBuckets"]) == {"trail": "unknown"}
    lab.endpoint.client("s3", account=OTHER).create_bucket(Bucket="logs")
    assert lab.statuses(rule, answers=trails({})) == {"trail": "unknown"}


def status(**members: Any) -> dict[str, Any]:
    return {STATUS: {"IsLogging": True, **members}}


FRESH = {"LatestCloudWatchLogsDeliveryTime": NOW - timedelta(hours=23)}


@pytest.mark.parametrize(
    ("rule", "answers", "expected"),
    [
        (WATCHED, trails({}) | status(), "fail"),
        (WATCHED, trails(GROUP) | status(), "fail"),
        (WATCHED, trails(GROUP) | status(**FRESH), "pass"),
        (WATCHED, trails(GROUP) | status(LatestCloudWatchLogsDeliveryTime=NOW - timedelta(hours=25)), "fail"),
        (WATCHED, trails(OF_ORGANIZATION) | status(), "not_applicable"),
        (DELIVERED, trails({}) | status(), "pass"),
        (DELIVERED, trails({}) | status(LatestDeliveryError=""), "pass"),
        (DELIVERED, trails({}) | status(LatestDeliveryError="NoSuchBucket"), "fail"),
        (DELIVERED, trails({}) | status(LatestCloudWatchLogsDeliveryError="AccessDenied"), "fail"),
        (DELIVERED, trails(OF_ORGANIZATION) | status(LatestDeliveryError="NoSuchBucket"), "not_applicable"),
    ],
)
def test_delivery(lab: Lab, rule: str, answers: dict[str, Any], expected: str) -> None:
    assert lab.statuses(rule, answers=answers) == {"trail": expected}


def test_unread_delivery_is_unknown(lab: Lab) -> None:
    for rule in (WATCHED, DELIVERED):
        assert lab.statuses(rule, answers=trails(GROUP), deny=[STATUS]) == {"trail": "unknown"}
    assert lab.statuses(WATCHED, answers=trails({}), deny=[STATUS]) == {"trail": "fail"}


@pytest.mark.parametrize("rule", [LOGGED, KEPT, WATCHED, DELIVERED])
def test_unlisted_trails_are_unknown(lab: Lab, rule: str) -> None:
    assert lab.statuses(rule, deny=[LIST]) == {"*": "unknown"}


def data(kind: str = "All", resource: str = "AWS::S3::Object", values: tuple[str, ...] = ("arn:aws:s3",)) -> Any:
    return {"ReadWriteType": kind, "DataResources": [{"Type": resource, "Values": list(values)}]}


DATA = {"eventCategory": {"Equals": ["Data"]}, "resources.type": {"Equals": ["AWS::S3::Object"]}}
READS, WRITES = {"readOnly": {"Equals": ["true"]}}, {"readOnly": {"Equals": ["false"]}}


@pytest.mark.parametrize(
    ("selectors", "expected"),
    [
        (basic(data()), "pass"),
        (basic(data(values=("arn:aws:s3:::orders/",))), "pass"),
        (basic(data("ReadOnly")), "fail"),
        (basic(data("ReadOnly"), data("WriteOnly")), "pass"),
        (basic(data(resource="AWS::Lambda::Function")), "fail"),
        (basic(data(values=())), "fail"),
        (basic({"ReadWriteType": "All"}), "fail"),
        (advanced(DATA), "pass"),
        (advanced(DATA | {"resources.ARN": {"StartsWith": ["arn:aws:s3:::orders/"]}}), "pass"),
        (advanced(DATA | WRITES), "fail"),
        (advanced(DATA | WRITES, DATA | READS), "pass"),
        (advanced(DATA | {"eventName": {"Equals": ["DeleteObject"]}}), "fail"),
        (advanced(DATA | {"resources.type": {"Equals": ["AWS::DynamoDB::Table"]}}), "fail"),
        (advanced({}), "fail"),
    ],
)
def test_object_events(lab: Lab, selectors: dict[str, Any], expected: str) -> None:
    answers = trails({"HasCustomEventSelectors": True}) | status() | {SELECTORS: selectors}
    assert lab.statuses(OBJECTS, answers=answers) == {ACCOUNT: expected}


def test_object_events_need_a_trail_that_logs_and_can_be_seen(lab: Lab) -> None:
    answers = trails({"HasCustomEventSelectors": True}) | {SELECTORS: basic(data())}
    assert lab.statuses(OBJECTS, answers=answers | {STATUS: {"IsLogging": False}}) == {ACCOUNT: "fail"}
    assert lab.statuses(OBJECTS) == {ACCOUNT: "fail"}
    for denied in (LIST, STATUS, SELECTORS):
        assert lab.statuses(OBJECTS, answers=answers | status(), deny=[denied]) == {ACCOUNT: "unknown"}
