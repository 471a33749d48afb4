"""S3: what buckets keep, where they move it, and when they delete it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.metric_answers import READ_METRICS, metrics
from tests.rules.s3_answers import by_bucket, make

CONFIGURED = "s3-bucket-lifecycle-configured"
OLD_VERSIONS = "s3-bucket-noncurrent-versions-expire"
UPLOADS = "s3-bucket-incomplete-multipart-uploads-aborted"
DURATION = "s3-bucket-lifecycle-respects-minimum-duration"
ONE_ZONE = "s3-bucket-one-zone-transition-reviewed"
COLD = "s3-bucket-cold-data-tiered"
REDUCED = "s3-bucket-no-reduced-redundancy-storage"

ANALYSED = "s3-bucket-storage-class-analysis-or-lifecycle"

READ_ANALYTICS = "s3:ListBucketAnalyticsConfigurations"
READ, READ_VERSIONING = "s3:GetBucketLifecycleConfiguration", "s3:GetBucketVersioning"
READ_REPLICATION = "s3:GetBucketReplication"
TIB = 1 << 40


def lifecycle(**rules: dict[str, Any]) -> dict[str, Any]:
    """The answer that gives buckets one lifecycle rule each, switched on unless it says otherwise."""
    made = {
        name: {"Rules": [{"ID": "rule", "Filter": {}, "Status": "Enabled", **rule}]} for name, rule in rules.items()
    }
    return {READ: by_bucket(made)}


def versioned(**status: str) -> dict[str, Any]:
    return {READ_VERSIONING: by_bucket({name: {"Status": value} for name, value in status.items()})}


def moves(*steps: tuple[int, str]) -> dict[str, Any]:
    return {"Transitions": [{"Days": days, "StorageClass": name} for days, name in steps]}


def test_what_is_configured(lab: Lab) -> None:
    make(lab, "none", "off", "expires", "aborts", "forgets")
    answers = lifecycle(
        off={"Status": "Disabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
        expires={"Expiration": {"Days": 9}},
        aborts={"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
        forgets={"NoncurrentVersionExpiration": {"NoncurrentDays": 30}},
    ) | versioned(off="Enabled", expires="Suspended", forgets="Enabled")
    with lab.but(answers=answers):
        assert lab.statuses(CONFIGURED) == {
            "none": "fail", "off": "fail", "expires": "pass", "aborts": "pass", "forgets": "pass",
        }  # fmt: skip
        assert lab.statuses(OLD_VERSIONS) == {
            "none": "not_applicable", "off": "fail", "expires": "fail", "aborts": "not_applicable", "forgets": "pass",
        }  # fmt: skip
        assert lab.statuses(UPLOADS) == {
            "none": "fail", "off": "fail", "expires": "fail", "aborts": "pass", "forgets": "fail",
        }  # fmt: skip


def old(*steps: tuple[int, str], until: int) -> dict[str, Any]:
    return {
        "NoncurrentVersionTransitions": [{"NoncurrentDays": days, "StorageClass": name} for days, name in steps],
        "NoncurrentVersionExpiration": {"NoncurrentDays": until},
    }


def test_minimum_durations(lab: Lab) -> None:
    rules = {
        "stays": moves((30, "STANDARD_IA")),
        "paid": moves((30, "STANDARD_IA"), (60, "GLACIER")) | {"Expiration": {"Days": 150}},
        "short": moves((30, "STANDARD_IA")) | {"Expiration": {"Days": 59}},
        "chain": moves((90, "DEEP_ARCHIVE"), (60, "GLACIER_IR")),
        "first": moves((30, "GLACIER")) | {"Expiration": {"Days": 20}},
        "smart": moves((0, "INTELLIGENT_TIERING")) | {"Expiration": {"Days": 1}},
        "kept": moves((30, "GLACIER")) | {"Expiration": {"Days": 31}},
        "earlier": old((10, "GLACIER"), until=90),
        "later": old((10, "GLACIER"), until=100),
        "dated": {"Transitions": [{"Date": datetime(2026, 1, 1, tzinfo=UTC), "StorageClass": "GLACIER"}]},
        "plain": {"Expiration": {"Days": 1}},
        "off": moves((30, "GLACIER")) | {"Expiration": {"Days": 31}, "Status": "Disabled"},
    }
    make(lab, *rules)
    with lab.but(answers=lifecycle(**rules) | versioned(kept="Enabled")):
        assert lab.statuses(DURATION) == {
            "stays": "pass", "paid": "pass", "short": "fail", "chain": "fail", "first": "pass", "smart": "pass",
            "kept": "pass", "earlier": "fail", "later": "pass", "dated": "pass", "plain": "not_applicable",
            "off": "not_applicable",
        }  # fmt: skip
        denied = lab.statuses(DURATION, deny=[READ_VERSIONING])
    assert {name: denied[name] for name in ("stays", "short", "chain")} == {
        "stays": "pass", "short": "unknown", "chain": "fail",
    }  # fmt: skip


def test_one_zone(lab: Lab) -> None:
    make(lab, "bare", "copied", "old", "other")
    one = moves((30, "ONEZONE_IA"))
    rules = lifecycle(bare=one, copied=one, old=old((30, "ONEZONE_IA"), until=90), other=moves((30, "GLACIER")))
    copies = {
        "Role": "arn:aws:iam::123456789012:role/r",
        "Rules": [{"Status": "Enabled", "Destination": {"Bucket": "arn:aws:s3:::bare"}}],
    }
    answers = rules | {READ_REPLICATION: by_bucket({"copied": {"ReplicationConfiguration": copies}})}
    with lab.but(answers=answers):
        expected = {"bare": "fail", "copied": "pass", "old": "fail", "other": "not_applicable"}
        assert lab.statuses(ONE_ZONE) == expected
        assert lab.statuses(ONE_ZONE, deny=[READ_REPLICATION])["copied"] == "unknown"


def test_sizes(lab: Lab) -> None:
    make(lab, "huge", "tiered", "small", "empty")
    values: dict[str, list[float]] = {
        "huge": [0.5 * TIB, 1.5 * TIB],
        "tiered": [5 * TIB],
        "small": [2 * TIB, 0.9 * TIB],
    }
    answers = lifecycle(tiered=moves((0, "INTELLIGENT_TIERING")), huge={"Expiration": {"Days": 900}})
    with lab.but(answers=answers | metrics({("BucketSizeBytes", name): held for name, held in values.items()})):
        expected = {"huge": "fail", "tiered": "pass", "small": "pass", "empty": "not_applicable"}
        assert lab.statuses(COLD) == expected
        assert lab.statuses(REDUCED) == {"huge": "fail", "tiered": "fail", "small": "fail", "empty": "pass"}
        denied = lab.statuses(COLD, deny=[READ_METRICS])
        assert denied == {"huge": "unknown", "tiered": "pass", "small": "unknown", "empty": "unknown"}
        assert set(lab.statuses(REDUCED, deny=[READ_METRICS]).values()) == {"unknown"}
        analysed = {READ_ANALYTICS: {"AnalyticsConfigurationList": [{"Id": "all", "StorageClassAnalysis": {}}]}}
        others = {"tiered": "not_applicable", "small": "not_applicable", "empty": "not_applicable"}
        assert lab.statuses(ANALYSED) == others | {"huge": "fail"}
        assert lab.statuses(ANALYSED, answers=analysed) == others | {"huge": "pass"}
        assert lab.statuses(ANALYSED, deny=[READ_ANALYTICS]) == others | {"huge": "unknown"}


@pytest.mark.parametrize("rule", [CONFIGURED, OLD_VERSIONS, UPLOADS, DURATION, ONE_ZONE, COLD, ANALYSED])
def test_unread_rules_are_unknown(lab: Lab, rule: str) -> None:
    make(lab, "one")
    with lab.but(answers=versioned(one="Enabled")):
        assert lab.statuses(rule, deny=[READ]) == {"one": "unknown"}
        assert lab.statuses(rule, deny=["s3:ListBuckets"]) == {"*": "unknown"}
