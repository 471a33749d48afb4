"""S3: logs, copies, websites, other origins, locks, names, signed URLs, errors; access points."""

import json
from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.metric_answers import READ_METRICS, metrics
from tests.rules.s3_answers import ACCOUNT, by_bucket, make, tag

MFA = "s3-bucket-mfa-delete-enabled"
LOGGING = "s3-bucket-access-logging-enabled"
CROSS_REGION = "s3-bucket-cross-region-replication-enabled"
MARKERS = "s3-bucket-replication-delete-marker-decided"
WEBSITE = "s3-bucket-website-hosting-disabled"
CORS = "s3-bucket-cors-origins-restricted"
NOTIFICATION = "s3-bucket-notification-bucket-versioned"
LOCK = "s3-bucket-object-lock-enabled"
ACCELERATION = "s3-bucket-transfer-acceleration-reviewed"
NAME = "s3-bucket-name-dns-compliant"
PRESIGNED = "s3-bucket-presigned-url-age-limited"
ERRORS = "s3-bucket-no-server-errors"
ACCESS_POINT = "s3-access-point-block-public-access-enabled"

READ_TAGS = "resourcegroupstaggingapi:GetResources"
READ_VERSIONING, READ_LOGGING = "s3:GetBucketVersioning", "s3:GetBucketLogging"
READ_REPLICATION, READ_WEBSITE = "s3:GetBucketReplication", "s3:GetBucketWebsite"
READ_CORS, READ_LOCK = "s3:GetBucketCors", "s3:GetObjectLockConfiguration"
READ_ACCELERATION, READ_POLICY = "s3:GetBucketAccelerateConfiguration", "s3:GetBucketPolicy"
READ_NOTIFICATION = "s3:GetBucketNotificationConfiguration"
POINTS, POINT = "s3control:ListAccessPoints", "s3control:GetAccessPoint"


def test_mfa_delete(lab: Lab) -> None:
    make(lab, "safe", "bare", "flat", "dull")
    tag(lab, safe={"tier": "critical"}, bare={"tier": "Critical"}, flat={"tier": "critical"})
    states = {
        "safe": {"Status": "Enabled", "MFADelete": "Enabled"},
        "bare": {"Status": "Enabled"},
        "dull": {"Status": "Enabled", "MFADelete": "Disabled"},
    }
    with lab.but(answers={READ_VERSIONING: by_bucket(states)}):
        assert lab.statuses(MFA) == {
            "safe": "pass", "bare": "fail", "flat": "not_applicable", "dull": "not_applicable",
        }  # fmt: skip
        assert lab.statuses(MFA, every_bucket=True)["dull"] == "fail"
        assert lab.statuses(MFA, deny=[READ_TAGS])["bare"] == "unknown"
        assert lab.statuses(MFA, deny=[READ_VERSIONING])["bare"] == "unknown"


def test_access_logs(lab: Lab) -> None:
    make(lab, "logs", "photos", "silent")
    logging = {"LoggingEnabled": {"TargetBucket": "logs", "TargetPrefix": ""}}
    with lab.but(answers={READ_LOGGING: by_bucket({"photos": logging})}):
        assert lab.statuses(LOGGING) == {"logs": "not_applicable", "photos": "pass", "silent": "fail"}
        assert set(lab.statuses(LOGGING, deny=[READ_LOGGING]).values()) == {"unknown"}


def replication(*targets: str, **rule: Any) -> dict[str, Any]:
    rules = [{"Status": "Enabled", "Destination": {"Bucket": f"arn:aws:s3:::{name}"}, **rule} for name in targets]
    return {"ReplicationConfiguration": {"Role": f"arn:aws:iam::{ACCOUNT}:role/r", "Rules": rules}}


def test_copies_in_another_region(lab: Lab) -> None:
    names = ("away", "near", "gone", "alone", "foreign", "dull")
    make(lab, *names)
    make(lab, "abroad", region="eu-west-1")
    tag(lab, **{name: {"importance": "critical"} for name in names if name != "dull"})
    lab.endpoint.client("s3", account="222222222222").create_bucket(Bucket="theirs")
    answers = {
        READ_REPLICATION: by_bucket(
            {
                "away": replication("near", "abroad"), "near": replication("away"), "gone": replication("deleted"),
                "foreign": replication("theirs"),
            }
        )
    }  # fmt: skip
    with lab.but(answers=answers):
        assert lab.statuses(CROSS_REGION, regions=("us-east-1", "eu-west-1")) == {
            "away": "pass", "near": "fail", "gone": "fail", "alone": "fail", "foreign": "unknown",
            "dull": "not_applicable", "abroad": "not_applicable",
        }  # fmt: skip
        assert lab.statuses(CROSS_REGION, deny=[READ_REPLICATION])["alone"] == "unknown"
        assert lab.statuses(CROSS_REGION, deny=[READ_TAGS])["alone"] == "unknown"


def test_delete_markers(lab: Lab) -> None:
    make(lab, "new", "old", "mute", "none")
    decided: dict[str, Any] = {"Filter": {"Prefix": ""}, "DeleteMarkerReplication": {"Status": "Disabled"}}
    said = {
        "new": replication("old", **decided), "old": replication("new", Prefix=""),
        "mute": replication("new", Filter={"Prefix": "a"}),
    }  # fmt: skip
    with lab.but(answers={READ_REPLICATION: by_bucket(said)}):
        assert lab.statuses(MARKERS) == {"new": "pass", "old": "fail", "mute": "fail", "none": "not_applicable"}
        assert lab.statuses(MARKERS, deny=[READ_REPLICATION])["new"] == "unknown"


def test_websites(lab: Lab) -> None:
    make(lab, "site", "moved", "data")
    said = {
        "site": {"IndexDocument": {"Suffix": "index.html"}},
        "moved": {"RedirectAllRequestsTo": {"HostName": "example.com"}},
    }
    found = lab.findings(WEBSITE, answers={READ_WEBSITE: by_bucket(said)})
    assert {name: (finding.status, finding.severity) for name, finding in found.items()} == {
        "site": ("fail", "low"), "moved": ("fail", "informational"), "data": ("pass", "low"),
    }  # fmt: skip
    assert lab.statuses(WEBSITE, deny=[READ_WEBSITE])["data"] == "unknown"


def test_origins(lab: Lab) -> None:
    make(lab, "writes", "reads", "named", "none")

    def cors(origin: str, *methods: str) -> dict[str, Any]:
        return {"CORSRules": [{"AllowedOrigins": [origin], "AllowedMethods": list(methods)}]}

    said = {
        "writes": cors("https://*", "GET", "PUT"), "reads": cors("*", "GET", "HEAD"),
        "named": cors("https://example.com", "PUT"),
    }  # fmt: skip
    found = lab.findings(CORS, answers={READ_CORS: by_bucket(said)})
    assert {name: (finding.status, finding.severity) for name, finding in found.items()} == {
        "writes": ("fail", "low"), "reads": ("fail", "informational"), "named": ("pass", "low"),
        "none": ("not_applicable", "low"),
    }  # fmt: skip
    assert lab.statuses(CORS, deny=[READ_CORS])["named"] == "unknown"


def test_notifications(lab: Lab) -> None:
    make(lab, "kept", "flat", "bus", "quiet")
    queue = {"QueueArn": "arn:aws:sqs:us-east-1:123456789012:q", "Events": ["s3:ObjectCreated:*"]}
    answers = {
        READ_NOTIFICATION: by_bucket(
            {
                "kept": {"QueueConfigurations": [queue]}, "flat": {"QueueConfigurations": [queue]},
                "bus": {"EventBridgeConfiguration": {}},
            }
        ),
        READ_VERSIONING: by_bucket({"kept": {"Status": "Enabled"}, "flat": {"Status": "Suspended"}}),
    }  # fmt: skip
    with lab.but(answers=answers):
        expected = {"kept": "pass", "flat": "fail", "bus": "fail", "quiet": "not_applicable"}
        assert lab.statuses(NOTIFICATION) == expected
        assert lab.statuses(NOTIFICATION, deny=[READ_NOTIFICATION])["quiet"] == "unknown"
        assert lab.statuses(NOTIFICATION, deny=[READ_VERSIONING])["kept"] == "unknown"


def test_locks(lab: Lab) -> None:
    make(lab, "trail", "flow", "tagged", "single", "shop")
    tag(lab, tagged={"purpose": "compliance"}, single={"worm": "yes"})
    lab.client("cloudtrail").create_trail(Name="trail", S3BucketName="trail")
    log = {"FlowLogId": "fl-1", "ResourceId": "vpc-1", "FlowLogStatus": "ACTIVE"}
    logs = {"FlowLogs": [log | {"LogDestinationType": "s3", "LogDestination": "arn:aws:s3:::flow/logs/"}]}
    locked = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 9}}}
    said: dict[str, dict[str, Any]] = {
        "tagged": {"ObjectLockConfiguration": locked},
        "single": {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}},
    }
    with lab.but(answers={READ_LOCK: by_bucket(said), "ec2:DescribeFlowLogs": logs}):
        assert lab.statuses(LOCK) == {
            "trail": "fail", "flow": "fail", "tagged": "pass", "single": "fail", "shop": "not_applicable",
        }  # fmt: skip
        assert lab.statuses(LOCK, every_bucket=True)["shop"] == "fail"
        for operation in ("cloudtrail:DescribeTrails", "ec2:DescribeFlowLogs", READ_TAGS):
            assert lab.statuses(LOCK, deny=[operation])["shop"] == "unknown"
        assert lab.statuses(LOCK, deny=["ec2:DescribeFlowLogs"])["trail"] == "fail"
        assert lab.statuses(LOCK, deny=[READ_LOCK])["tagged"] == "unknown"


def test_acceleration(lab: Lab) -> None:
    make(lab, "fast", "allowed", "was", "dotted.name")
    tag(lab, allowed={"transfer-acceleration": "studio"})
    on = {"Status": "Enabled"}
    said = {"fast": on, "allowed": on, "was": {"Status": "Suspended"}, "dotted.name": on}
    with lab.but(answers={READ_ACCELERATION: by_bucket(said)}):
        assert lab.statuses(ACCELERATION) == {
            "fast": "fail", "allowed": "not_applicable", "was": "pass", "dotted.name": "pass",
        }  # fmt: skip
        assert lab.statuses(ACCELERATION, deny=[READ_TAGS])["fast"] == "unknown"
        assert lab.statuses(ACCELERATION, deny=[READ_ACCELERATION])["was"] == "unknown"


def test_names(lab: Lab) -> None:
    good = ("northwind-2026", "abc")
    bad = (
        "my.site", "Northwind", "under_score", "ab", "192.168.5.4", "xn--shop", "sthree-shop", "amzn-s3-demo-shop",
        "shop-s3alias", "shop--ol-s3", "shop.mrap", "shop--x-s3", "shop--table-s3", "shop-", "a" * 64,
    )  # fmt: skip
    answer = {"Buckets": [{"Name": name, "BucketRegion": "us-east-1"} for name in (*good, *bad)]}
    found = lab.statuses(NAME, answers={"s3:ListBuckets": answer})
    assert found == dict.fromkeys(good, "pass") | dict.fromkeys(bad, "fail")


def test_signed_urls(lab: Lab) -> None:
    make(lab, "limited", "headers", "reversed", "idle", "open", "dull")
    tag(lab, **{name: {"pii": "yes"} for name in ("limited", "headers", "reversed", "idle", "open")})

    def deny(operator: str, key: str, value: str) -> dict[str, Any]:
        statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}
        return {"Policy": json.dumps({"Statement": [statement | {"Condition": {operator: {key: value}}}]})}

    said = {
        "limited": deny("NumericGreaterThan", "s3:signatureAge", "600000"),
        "headers": deny("StringNotEquals", "s3:authType", "REST-HEADER"),
        "reversed": deny("NumericLessThan", "s3:signatureAge", "600000"),
        "idle": deny("NumericGreaterThan", "s3:signatureAge", "604800000"),
    }
    with lab.but(answers={READ_POLICY: by_bucket(said)}):
        assert lab.statuses(PRESIGNED) == {
            "limited": "pass", "headers": "pass", "reversed": "fail", "idle": "fail", "open": "fail",
            "dull": "not_applicable",
        }  # fmt: skip
        assert lab.statuses(PRESIGNED, deny=[READ_POLICY])["limited"] == "unknown"
        assert lab.statuses(PRESIGNED, deny=[READ_TAGS])["dull"] == "unknown"


def test_server_errors(lab: Lab) -> None:
    make(lab, "calm", "hot", "unmeasured")
    values = {("AllRequests", "calm"): [10_000] * 7, ("AllRequests", "hot"): [10_000] * 7}
    answers = metrics(values | {("5xxErrors", "calm"): [1] * 7, ("5xxErrors", "hot"): [0, 0, 900]})
    with lab.but(answers=answers):
        assert lab.statuses(ERRORS) == {"calm": "pass", "hot": "fail", "unmeasured": "not_applicable"}
        assert set(lab.statuses(ERRORS, deny=[READ_METRICS]).values()) == {"unknown"}


def test_access_points(lab: Lab) -> None:
    make(lab, "bucket")
    client = lab.client("s3control")
    flags = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    for name, on in (("closed", True), ("ajar", False)):
        block = dict.fromkeys(flags, True) | {"BlockPublicPolicy": on}
        client.create_access_point(AccountId=ACCOUNT, Name=name, Bucket="bucket", PublicAccessBlockConfiguration=block)
    assert lab.statuses(ACCESS_POINT) == {"closed": "pass", "ajar": "fail"}
    assert lab.statuses(ACCESS_POINT, deny=[POINT]) == {"closed": "unknown", "ajar": "unknown"}
    assert lab.statuses(ACCESS_POINT, deny=[POINTS]) == {"*": "unknown"}


@pytest.mark.parametrize("rule", [LOGGING, WEBSITE, CORS, LOCK, ACCELERATION, NAME, ERRORS, MFA, PRESIGNED])
def test_without_the_list_of_buckets_all_is_unknown(lab: Lab, rule: str) -> None:
    assert lab.statuses(rule, deny=["s3:ListBuckets"]) == {"*": "unknown"}
