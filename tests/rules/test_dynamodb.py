"""DynamoDB tables and their indexes."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.serverless_answers import arn, by, metrics

SCALED, THROTTLED, KEPT = (
    "dynamodb-table-capacity-autoscaled",
    "dynamodb-table-not-throttled",
    "dynamodb-table-deletion-protection-enabled",
)
RESTORABLE, KEY, INSIGHTS = (
    "dynamodb-table-point-in-time-recovery-enabled",
    "dynamodb-table-encrypted-with-cmk",
    "dynamodb-table-contributor-insights-enabled",
)
USED, SCANNED = "dynamodb-table-provisioned-capacity-utilized", "dynamodb-table-scan-not-dominant"
BEFORE = datetime(2026, 1, 1, tzinfo=UTC)
DESCRIBE = "dynamodb:DescribeTable"
ON_DEMAND = {"BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"}}


def index(name: str) -> dict[str, Any]:
    return {"GlobalSecondaryIndexes": [{"IndexName": name}]}


def tables(**changes: dict[str, Any]) -> dict[str, Any]:
    """Tables by name, provisioned but for these changes."""
    usual = {"TableStatus": "ACTIVE", "ItemCount": 20000, "DeletionProtectionEnabled": True}
    described = {name: {"Table": {"TableName": name, **usual, **given}} for name, given in changes.items()}
    return {"dynamodb:ListTables": {"TableNames": list(changes)}, DESCRIBE: by("TableName", described)}


def targets(*ids: str, lacking: str = "") -> dict[str, Any]:
    """Capacities that are scaled: reads and writes of each, but one."""
    listed = [
        {
            "ServiceNamespace": "dynamodb", "ResourceId": each, "ScalableDimension": f"dynamodb:{kind}:{units}",
            "MinCapacity": 1, "MaxCapacity": 9, "RoleARN": "arn:aws:iam::1:role/r",
            "CreationTime": BEFORE,
        }
        for each in ids
        for kind in ("index" if "/index/" in each else "table",)
        for units in ("ReadCapacityUnits", "WriteCapacityUnits")
        if f"{each} {units}" != lacking
    ]  # fmt: skip
    return {"application-autoscaling:DescribeScalableTargets": {"ScalableTargets": listed}}


def test_capacity(lab: Lab) -> None:
    answers = tables(
        scaled=index("by-day"), half={}, bare={}, unindexed=index("by-day"), demand=ON_DEMAND,
        going={"TableStatus": "ARCHIVED"},
    ) | targets(
        "table/scaled", "table/scaled/index/by-day", "table/half", "table/unindexed",
        lacking="table/half WriteCapacityUnits",
    )  # fmt: skip
    found = {
        "scaled": "pass", "half": "fail", "bare": "fail", "unindexed": "fail", "demand": "pass",
        "going": "not_applicable",
    }  # fmt: skip
    assert lab.statuses(SCALED, answers=answers) == found
    operation = "application-autoscaling:DescribeScalableTargets"
    del answers[operation]
    unread = dict.fromkeys(("scaled", "half", "bare", "unindexed"), "unknown")
    assert lab.statuses(SCALED, answers=answers, deny=[operation]) == found | unread


def test_settings(lab: Lab) -> None:
    kms = lab.client("kms")
    own = kms.create_key()["KeyMetadata"]["Arn"]
    managed = kms.create_key()["KeyMetadata"]["Arn"]
    answers = tables(
        kept={"SSEDescription": {"Status": "ENABLED", "KMSMasterKeyArn": own}},
        open={"DeletionProtectionEnabled": False, "SSEDescription": {"Status": "ENABLED", "KMSMasterKeyArn": managed}},
        going={"TableStatus": "DELETING"},
    )
    assert lab.statuses(KEPT, answers=answers) == {"kept": "pass", "open": "fail", "going": "not_applicable"}
    aliases = [{"AliasName": "alias/aws/dynamodb", "TargetKeyId": managed.rpartition("/")[2]}]
    answers["kms:ListAliases"] = {"Aliases": aliases}
    assert lab.statuses(KEY, answers=answers) == {"kept": "pass", "open": "fail", "going": "fail"}
    unread = lab.statuses(KEY, answers=answers, deny=["kms:ListKeys"])
    assert unread == {"kept": "unknown", "open": "unknown", "going": "fail"}


def test_restoring(lab: Lab) -> None:
    def recovery(status: str) -> dict[str, Any]:
        said = {"PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": status}}
        return {"ContinuousBackupsDescription": {"ContinuousBackupsStatus": "ENABLED", **said}}

    operation = "dynamodb:DescribeContinuousBackups"
    answers = tables(on={}, off={})
    backups = {operation: by("TableName", {"on": recovery("ENABLED"), "off": recovery("DISABLED")})}
    assert lab.statuses(RESTORABLE, answers=answers | backups) == {"on": "pass", "off": "fail"}
    assert lab.statuses(RESTORABLE, answers=answers, deny=[operation]) == {"on": "unknown", "off": "unknown"}


def test_metrics_of_tables(lab: Lab) -> None:
    answers = tables(calm=index("by-day"), busy={}, demand=ON_DEMAND, small={"ItemCount": 10})
    answers |= metrics({
        ("ReadThrottleEvents", "busy"): [1, 1, 0, 1],
        ("WriteThrottleEvents", "calm"): [1, 1, 0, 0],
        ("WriteThrottleEvents", "calm", "by-day"): [1, 1, 4],
        ("ConsumedReadCapacityUnits", "calm"): [86400, 86400],
        ("ProvisionedReadCapacityUnits", "calm"): [10, 10],
        ("ProvisionedWriteCapacityUnits", "calm"): [10, 10],
        ("ConsumedReadCapacityUnits", "busy"): [86400],
        ("ProvisionedReadCapacityUnits", "busy"): [5],
        ("ProvisionedWriteCapacityUnits", "busy"): [5],
        ("SuccessfulRequestLatency", "busy", "Scan"): [11],
        ("SuccessfulRequestLatency", "busy", "Query"): [60],
        ("SuccessfulRequestLatency", "busy", "GetItem"): [49],
        ("SuccessfulRequestLatency", "calm", "Scan"): [10],
        ("SuccessfulRequestLatency", "calm", "BatchGetItem"): [100],
    })  # fmt: skip
    answers["dynamodb:DescribeContributorInsights"] = lambda params, *_: {
        "TableName": params["TableName"], "ContributorInsightsStatus": "DISABLED",
    }  # fmt: skip
    by_day = arn("dynamodb", "table/calm/index/by-day")
    found = {"calm": "pass", "busy": "fail", "demand": "pass", "small": "pass"}
    assert lab.statuses(THROTTLED, answers=answers) == found | {by_day: "fail"}
    exempt = {"demand": "not_applicable", "small": "not_applicable"}
    assert lab.statuses(USED, answers=answers) == exempt | {"calm": "fail", "busy": "pass"}
    assert lab.statuses(SCANNED, answers=answers) == found | {"small": "not_applicable"}
    assert lab.statuses(INSIGHTS, answers=answers) == exempt | {"calm": "fail", "busy": "fail"}
    assert lab.statuses(THROTTLED, answers=answers, metrics=False) == {"*": "unknown"}
    answers["dynamodb:DescribeContributorInsights"] = {"ContributorInsightsStatus": "ENABLED"}
    assert set(lab.statuses(INSIGHTS, answers=answers, metrics=False).values()) == {"pass"}


@pytest.mark.parametrize(
    ("rule", "operation"),
    [
        *((rule, DESCRIBE) for rule in (SCALED, KEPT, KEY, USED, SCANNED)),
        (INSIGHTS, "dynamodb:DescribeContributorInsights"),
        (THROTTLED, "cloudwatch:GetMetricData"),
    ],
)
def test_unread_is_unknown(lab: Lab, rule: str, operation: str) -> None:
    answers = tables(table={})
    answers.pop(operation, None)
    assert lab.statuses(rule, answers=answers, deny=[operation]) == {"table": "unknown"}


def test_a_denied_listing(lab: Lab) -> None:
    with lab.but(deny=["dynamodb:ListTables"]):
        found = lab.judge(THROTTLED).findings
    assert {(f.resource.id, f.resource.type, f.status.value) for f in found} == {
        ("*", "AWS::DynamoDB::Table", "unknown"),
        ("*", "AWS::DynamoDB::GlobalSecondaryIndex", "unknown"),
    }
