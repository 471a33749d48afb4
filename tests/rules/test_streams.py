"""Kinesis, Firehose, Flink, Step Functions, Cognito and DAX."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.lab import RULES, Lab
from tests.rules.serverless_answers import arn, by, metrics

ENCRYPTED, KEPT, SHARDS = (
    "kinesis-stream-encrypted",
    "kinesis-stream-retention-adequate",
    "kinesis-stream-shard-level-metrics-enabled",
)
THROTTLED, BEHIND, USED = (
    "kinesis-stream-not-throttled",
    "kinesis-stream-iterator-age-low",
    "kinesis-stream-provisioned-utilized",
)
FIREHOSE = "firehose-delivery-stream-encrypted"
FLINK = "kinesisanalytics-application-runtime-supported"
STATES = "stepfunctions-state-machine-logging-enabled"
COGNITO = "cognito-user-pool-mfa-required"
DAX = ("dax-cluster-at-rest-encrypted", "dax-cluster-transit-encrypted", "dax-cluster-multi-az")
BEFORE = datetime(2026, 1, 1, tzinfo=UTC)


def streams(**changes: dict[str, Any]) -> dict[str, Any]:
    """Streams by name, as they should be but for these changes."""
    usual = {
        "StreamStatus": "ACTIVE", "StreamModeDetails": {"StreamMode": "PROVISIONED"}, "RetentionPeriodHours": 168,
        "StreamCreationTimestamp": BEFORE, "EnhancedMonitoring": [{"ShardLevelMetrics": []}],
        "EncryptionType": "KMS", "OpenShardCount": 1,
    }  # fmt: skip
    described = {
        name: {"StreamName": name, "StreamARN": arn("kinesis", f"stream/{name}"), **usual, **given}
        for name, given in changes.items()
    }
    members = ("StreamName", "StreamARN", "StreamStatus")
    summaries = [{member: each[member] for member in members} for each in described.values()]
    listed = {"StreamNames": list(described), "HasMoreStreams": False, "StreamSummaries": summaries}
    said = {name: {"StreamDescriptionSummary": each} for name, each in described.items()}
    return {"kinesis:ListStreams": listed, "kinesis:DescribeStreamSummary": by("StreamARN", said)}


ON_DEMAND = {"StreamModeDetails": {"StreamMode": "ON_DEMAND"}, "OpenShardCount": 4}


def test_streams(lab: Lab) -> None:
    answers = streams(
        good={}, clear={"EncryptionType": "NONE", "RetentionPeriodHours": 24}, free=ON_DEMAND,
        blind={"OpenShardCount": 2},
        seen={"OpenShardCount": 2, "EnhancedMonitoring": [{"ShardLevelMetrics": ["IncomingBytes"]}]},
    )  # fmt: skip
    passing = dict.fromkeys(("good", "free", "blind", "seen"), "pass")
    assert lab.statuses(ENCRYPTED, answers=answers) == passing | {"clear": "fail"}
    assert lab.statuses(KEPT, answers=answers) == passing | {"clear": "fail"}
    exempt = dict.fromkeys(("good", "clear", "free"), "not_applicable")
    assert lab.statuses(SHARDS, answers=answers) == exempt | {"blind": "fail", "seen": "pass"}


def test_metrics_of_streams(lab: Lab) -> None:
    hour = 3_600_000
    answers = streams(calm={}, busy={}, idle={"OpenShardCount": 3}, free=ON_DEMAND)
    answers |= metrics({
        ("WriteProvisionedThroughputExceeded", "busy"): [1, 0, 5, 2],
        ("ReadProvisionedThroughputExceeded", "calm"): [0, 3, 1],
        ("GetRecords.IteratorAgeMilliseconds", "busy"): [hour, 85 * hour],
        ("GetRecords.IteratorAgeMilliseconds", "calm"): [84 * hour],
        ("IncomingBytes", "busy"): [1000, 200 << 20],
        ("IncomingBytes", "idle"): [1000, 80 << 20],
        ("IncomingRecords", "idle"): [1000],
    })  # fmt: skip
    found = {"calm": "pass", "busy": "fail", "idle": "pass", "free": "pass"}
    assert lab.statuses(THROTTLED, answers=answers) == found
    exempt = {"idle": "not_applicable", "free": "not_applicable"}
    assert lab.statuses(BEHIND, answers=answers) == found | exempt
    used = {"calm": "fail", "busy": "pass", "idle": "fail", "free": "not_applicable"}
    assert lab.statuses(USED, answers=answers) == used
    fresh = {"StreamCreationTimestamp": datetime.now(UTC) - timedelta(days=3)}
    assert lab.statuses(USED, answers=streams(fresh=fresh, old={})) == {"fresh": "not_applicable", "old": "fail"}
    many = answers | metrics({("IncomingRecords", "idle"): [200_000]})
    assert lab.statuses(USED, answers=many)["idle"] == "pass"
    for rule in (THROTTLED, BEHIND):
        assert lab.statuses(rule, answers=answers, metrics=False) == {"*": "unknown"}


@pytest.mark.parametrize("rule", [ENCRYPTED, KEPT, SHARDS, BEHIND, USED])
def test_unread_streams_are_unknown(lab: Lab, rule: str) -> None:
    answers = streams(stream={}) | metrics({("GetRecords.IteratorAgeMilliseconds", "stream"): [1]})
    del answers["kinesis:DescribeStreamSummary"]
    assert lab.statuses(rule, answers=answers, deny=["kinesis:DescribeStreamSummary"]) == {"stream": "unknown"}


def test_unread_metrics_are_unknown(lab: Lab) -> None:
    found = lab.statuses(THROTTLED, answers=streams(stream={}), deny=["cloudwatch:GetMetricData"])
    assert found == {"stream": "unknown"}


# --- Firehose


def deliveries(**changes: dict[str, Any]) -> dict[str, Any]:
    described = {
        name: {
            "DeliveryStreamDescription": {
                "DeliveryStreamName": name, "DeliveryStreamARN": arn("firehose", f"deliverystream/{name}"),
                "DeliveryStreamStatus": "ACTIVE", "DeliveryStreamType": "DirectPut", "VersionId": "1",
                "HasMoreDestinations": False, "Destinations": [destination(True)], **given,
            }
        }
        for name, given in changes.items()
    }  # fmt: skip
    names = list(described)

    def listed(params: Any, *_: Any) -> dict[str, Any]:
        """One name a page."""
        at = names.index(params["ExclusiveStartDeliveryStreamName"]) + 1 if len(params) else 0
        return {"DeliveryStreamNames": names[at : at + 1], "HasMoreDeliveryStreams": at + 1 < len(names)}

    return {
        "firehose:ListDeliveryStreams": listed,
        "firehose:DescribeDeliveryStream": by("DeliveryStreamName", described),
    }


def destination(logs: bool | None, kind: str = "SplunkDestinationDescription") -> dict[str, Any]:
    options = {} if logs is None else {"CloudWatchLoggingOptions": {"Enabled": logs}}
    secret = {"HECToken": "secret-token"} if kind.startswith("Splunk") else {}
    return {"DestinationId": "d-1", kind: {**options, **secret}}


def test_delivery_streams(lab: Lab) -> None:
    encrypted = {"DeliveryStreamEncryptionConfiguration": {"Status": "ENABLED"}}
    answers = deliveries(
        good=encrypted,
        clear={},
        silent=encrypted | {"Destinations": [destination(False)]},
        unset=encrypted | {"Destinations": [destination(None, "HttpEndpointDestinationDescription")]},
        reads={"DeliveryStreamType": "KinesisStreamAsSource"},
        strange=encrypted | {"Destinations": [{"DestinationId": "d-1"}]},
        going={"DeliveryStreamStatus": "DELETING"},
    )
    found = lab.findings(FIREHOSE, answers=answers)
    assert {name: finding.status.value for name, finding in found.items()} == {
        "good": "pass", "clear": "fail", "silent": "fail", "unset": "fail", "reads": "not_applicable",
        "strange": "unknown", "going": "not_applicable",
    }  # fmt: skip
    assert (found["clear"].severity, found["silent"].severity) == ("medium", "low")
    with lab.but(answers=answers):
        assert "secret-token" not in repr(lab.inventory([RULES[FIREHOSE]]).resources)
    del answers["firehose:DescribeDeliveryStream"]
    unread = lab.statuses(FIREHOSE, answers=answers, deny=["firehose:DescribeDeliveryStream"])
    assert set(unread.values()) == {"unknown"}
    assert lab.statuses(FIREHOSE, deny=["firehose:ListDeliveryStreams"]) == {"*": "unknown"}


# --- applications, state machines, user pools, caches


def test_applications(lab: Lab) -> None:
    runtimes = {"sql": "SQL-1_0", "old": "FLINK-1_11", "new": "FLINK-1_20", "next": "FLINK-9_9", "going": "SQL-1_0"}
    listed = [
        {
            "ApplicationName": name, "ApplicationARN": arn("kinesisanalytics", f"application/{name}"),
            "ApplicationStatus": "DELETING" if name == "going" else "RUNNING", "ApplicationVersionId": 1,
            "RuntimeEnvironment": runtime,
        }
        for name, runtime in runtimes.items()
    ]  # fmt: skip
    answers = {"kinesisanalyticsv2:ListApplications": {"ApplicationSummaries": listed}}
    assert lab.statuses(FLINK, answers=answers) == {
        "sql": "fail", "old": "fail", "new": "pass", "next": "unknown", "going": "not_applicable",
    }  # fmt: skip
    assert lab.statuses(FLINK, deny=["kinesisanalyticsv2:ListApplications"]) == {"*": "unknown"}


def test_state_machines(lab: Lab) -> None:
    levels = {"all": {"level": "ALL"}, "off": {"level": "OFF"}, "none": None}
    base = {"type": "STANDARD", "creationDate": BEFORE}
    machines = {name: arn("states", f"stateMachine:{name}") for name in levels}
    described = {
        machine: {
            "stateMachineArn": machine, "name": name, "definition": "{}", "roleArn": "arn:aws:iam::1:role/r", **base,
            **({"loggingConfiguration": levels[name]} if levels[name] else {}),
        }
        for name, machine in machines.items()
    }  # fmt: skip
    listed = [{"stateMachineArn": machine, "name": name, **base} for name, machine in machines.items()]
    answers = {
        "stepfunctions:ListStateMachines": {"stateMachines": listed},
        "stepfunctions:DescribeStateMachine": by("stateMachineArn", described),
    }
    found = {machines["all"]: "pass", machines["off"]: "fail", machines["none"]: "fail"}
    assert lab.statuses(STATES, answers=answers) == found
    del answers["stepfunctions:DescribeStateMachine"]
    unread = lab.statuses(STATES, answers=answers, deny=["stepfunctions:DescribeStateMachine"])
    assert unread == dict.fromkeys(found, "unknown")


def test_user_pools(lab: Lab) -> None:
    def pool(mfa: str, length: int) -> dict[str, Any]:
        return {"MfaConfiguration": mfa, "Policies": {"PasswordPolicy": {"MinimumLength": length}}}

    pools = {"on": pool("ON", 14), "short": pool("ON", 8), "off": pool("OFF", 14), "choice": pool("OPTIONAL", 14)}
    answers = {
        "cognito-idp:ListUserPools": {"UserPools": [{"Id": name, "Name": name} for name in pools]},
        "cognito-idp:DescribeUserPool": by("UserPoolId", {name: {"UserPool": said} for name, said in pools.items()}),
    }
    found = lab.findings(COGNITO, answers=answers)
    assert {name: finding.status.value for name, finding in found.items()} == {
        "on": "pass", "short": "fail", "off": "fail", "choice": "fail",
    }  # fmt: skip
    assert (found["short"].severity, found["off"].severity) == ("low", "medium")
    del answers["cognito-idp:DescribeUserPool"]
    unread = lab.statuses(COGNITO, answers=answers, deny=["cognito-idp:DescribeUserPool"])
    assert unread == dict.fromkeys(pools, "unknown")


def test_caches(lab: Lab) -> None:
    def cluster(name: str, status: str, endpoint: str, *zones: str, state: str = "available") -> dict[str, Any]:
        return {
            "ClusterName": name, "ClusterArn": arn("dax", f"cache/{name}"), "Status": state,
            "SSEDescription": {"Status": status}, "ClusterEndpointEncryptionType": endpoint,
            "Nodes": [{"AvailabilityZone": zone} for zone in zones],
        }  # fmt: skip

    clusters = [
        cluster("good", "ENABLED", "TLS", "a", "b"),
        cluster("bad", "DISABLED", "NONE", "a", "a"),
        cluster("young", "ENABLED", "TLS", state="creating"),
    ]
    answers = {"dax:DescribeClusters": {"Clusters": clusters}}
    for rule in DAX[:2]:
        assert lab.statuses(rule, answers=answers) == {"good": "pass", "bad": "fail", "young": "pass"}
    assert lab.statuses(DAX[2], answers=answers) == {"good": "pass", "bad": "fail", "young": "not_applicable"}
    assert lab.statuses(DAX[0], deny=["dax:DescribeClusters"]) == {"*": "unknown"}
