"""EventBridge: who may send, and whether what rules send arrives; schema registries; X-Ray."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from auditor.demo.protocol import Error
from tests.lab import Lab

ACCOUNT, OTHER = "123456789012", "222222222222"
PUBLIC = "events-event-bus-not-public"
ARCHIVE = "events-event-bus-archive-configured"
EXISTS = "events-rule-target-exists"
TARGETS = "events-rule-has-targets"
ENABLED = "events-rule-enabled"
QUEUE = "events-rule-target-dead-letter-queue-configured"
PARTNER = "events-partner-source-active"
REGISTRY = "schemas-registry-policy-restricted"
SAMPLING = "xray-sampling-rule-rate-reasonable"
ENCRYPTION = "xray-encryption-config-kms"
BUSES, LIST, LIST_TARGETS = "events:ListEventBuses", "events:ListRules", "events:ListTargetsByRule"


def arn(service: str, thing: str, account: str = ACCOUNT, region: str = "us-east-1") -> str:
    return f"arn:aws:{service}:{region}:{account}:{thing}"


def policy(principal: Any = "*", **more: Any) -> str:
    allow = {"Effect": "Allow", "Principal": principal, "Action": "events:PutEvents", "Resource": "*", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [allow]})


def test_buses(lab: Lab) -> None:
    organization = {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}}
    buses = {
        "default": None,
        "open": policy(),
        "open-too": policy({"AWS": "*"}),
        "organization": policy(Condition=organization),
        "account": policy({"AWS": f"arn:aws:iam::{OTHER}:root"}),
        "aws.partner/example.com/one": policy(),
    }
    made = [
        {"Name": name, "Arn": arn("events", f"event-bus/{name}")} | ({"Policy": text} if text else {})
        for name, text in buses.items()
    ]
    archives = [
        {"ArchiveName": name, "EventSourceArn": arn("events", f"event-bus/{name}"), "State": state}
        for name, state in (("open", "ENABLED"), ("account", "DISABLED"))
    ]
    answers = {BUSES: {"EventBuses": made}, "events:ListArchives": {"Archives": archives}}
    assert lab.statuses(PUBLIC, answers=answers) == {
        "default": "pass", "open": "fail", "open-too": "fail", "organization": "pass", "account": "pass",
        "aws.partner/example.com/one": "not_applicable",
    }  # fmt: skip
    assert lab.statuses(ARCHIVE, answers=answers) == {
        "default": "not_applicable", "open": "pass", "open-too": "fail", "organization": "fail", "account": "fail",
        "aws.partner/example.com/one": "not_applicable",
    }  # fmt: skip
    unread = lab.statuses(ARCHIVE, answers=answers, deny=["events:ListArchives"])
    assert (unread["default"], unread["open"], unread["account"]) == ("not_applicable", "unknown", "unknown")
    broken = {BUSES: {"EventBuses": [made[0] | {"Policy": '{"Statement": [{"Effect": "Perhaps"}]}'}]}}
    assert lab.statuses(PUBLIC, answers=broken) == {"default": "unknown"}


def rules(**kinds: dict[str, Any]) -> dict[str, Any]:
    """Rules by name, each with changes; `targets` are its targets' ARNs."""
    made, targets = [], {}
    for name, change in kinds.items():
        rest = {key: value for key, value in change.items() if key != "targets"}
        targets[name] = change.get("targets", [])
        base = {"Name": name, "Arn": arn("events", f"rule/{name}"), "State": "ENABLED", "EventBusName": "default"}
        made.append(base | {"ScheduleExpression": "rate(1 day)"} | rest)

    def list_targets(params: Any, _: str, __: str) -> dict[str, Any]:
        return {"Targets": [{"Id": str(n), **target} for n, target in enumerate(targets[params["Rule"]])]}

    return {LIST: {"Rules": made}, LIST_TARGETS: list_targets}


def test_rules(lab: Lab) -> None:
    lab.client("sqs").create_queue(QueueName="there")
    lab.client("logs").create_log_group(logGroupName="/there")
    lab.client("sns").create_topic(Name="there")
    queue = {"Arn": arn("sqs", "there")}
    answers = rules(
        good={"targets": [queue | {"DeadLetterConfig": {"Arn": arn("sqs", "dead")}}]},
        several={"targets": [{"Arn": arn("sns", "there")}, {"Arn": arn("logs", "log-group:/there:*")}]},
        gone={"targets": [{"Arn": arn("sqs", "gone")}]},
        function={"targets": [{"Arn": arn("lambda", "function:gone:alias")}]},
        machine={"targets": [{"Arn": arn("states", "stateMachine:gone")}]},
        group={"targets": [{"Arn": arn("logs", "log-group:/gone")}]},
        elsewhere={"targets": [{"Arn": arn("sqs", "x", OTHER)}, {"Arn": arn("sqs", "x", region="eu-west-1")}]},
        stream={"targets": [{"Arn": arn("kinesis", "stream/x")}]},
        empty={},
        off={"State": "DISABLED"},
        managed={"ManagedBy": "autoscaling.amazonaws.com"},
        management={"State": "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS", "targets": [queue]},
    )
    exempt = {"off": "not_applicable", "managed": "not_applicable"}
    assert lab.statuses(EXISTS, answers=answers) == exempt | {
        "good": "pass", "several": "pass", "gone": "fail", "function": "fail", "machine": "fail", "group": "fail",
        "elsewhere": "not_applicable", "stream": "not_applicable", "empty": "not_applicable", "management": "pass",
    }  # fmt: skip
    has = dict.fromkeys(("good", "several", "gone", "function", "machine", "group", "elsewhere", "stream"), "pass")
    assert lab.statuses(TARGETS, answers=answers) == exempt | has | {"empty": "fail", "management": "pass"}
    dead = dict.fromkeys(has, "fail") | {"good": "pass", "empty": "not_applicable", "management": "fail"}
    assert lab.statuses(QUEUE, answers=answers) == exempt | dead
    on = dict.fromkeys((*has, "empty", "management"), "pass")
    assert lab.statuses(ENABLED, answers=answers) == on | {"off": "fail", "managed": "not_applicable"}
    listings = ["sqs:ListQueues", "sns:ListTopics", "logs:DescribeLogGroups", "stepfunctions:ListStateMachines"]
    unread = lab.statuses(EXISTS, answers=answers, deny=[*listings, "lambda:ListFunctions"])
    assert {name for name, status in unread.items() if status == "unknown"} == {
        "good", "several", "gone", "function", "machine", "group", "management",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "operation"),
    [
        (PUBLIC, BUSES), (ARCHIVE, BUSES), (EXISTS, BUSES), (EXISTS, LIST), (TARGETS, LIST), (ENABLED, LIST),
        (QUEUE, LIST), (PARTNER, "events:ListEventSources"), (REGISTRY, "schemas:ListRegistries"),
        (SAMPLING, "xray:GetSamplingRules"), (ENCRYPTION, "xray:GetEncryptionConfig"),
    ],
)  # fmt: skip
def test_a_denied_listing_is_unknown(lab: Lab, rule: str, operation: str) -> None:
    assert lab.statuses(rule, deny=[operation]) == {"*": "unknown"}


@pytest.mark.parametrize("rule", [EXISTS, TARGETS, QUEUE])
def test_unread_targets_are_unknown(lab: Lab, rule: str) -> None:
    answers = rules(one={}, off={"State": "DISABLED"})
    found = lab.statuses(rule, answers=answers, deny=[LIST_TARGETS])
    assert found == {"one": "unknown", "off": "not_applicable"}


def test_seeded_rules_are_read(lab: Lab) -> None:
    events = lab.client("events")
    events.create_event_bus(Name="own")
    for name, state in (("on", "ENABLED"), ("off", "DISABLED")):
        events.put_rule(Name=name, EventBusName="own", State=state, EventPattern='{"source": ["shop"]}')
    events.put_targets(Rule="on", EventBusName="own", Targets=[{"Id": "1", "Arn": arn("sqs", "gone")}])
    assert lab.statuses(EXISTS) == {"on": "fail", "off": "not_applicable"}
    assert lab.statuses(ARCHIVE) == {"default": "not_applicable", "own": "fail"}


def test_partner_sources(lab: Lab) -> None:
    sources = [
        {"Name": state, "Arn": arn("events", f"event-source/{state}"), "State": state}
        for state in ("PENDING", "ACTIVE")
    ]
    answers = {"events:ListEventSources": {"EventSources": sources}}
    assert lab.statuses(PARTNER, answers=answers) == {"PENDING": "fail", "ACTIVE": "pass"}
    absent = {"events:ListEventSources": Error("OperationDisabledException", "not here", 400)}
    assert lab.statuses(PARTNER, answers=absent) == {}


def test_registries(lab: Lab) -> None:
    policies = {
        "none": None,
        "own": policy({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
        "foreign": policy({"AWS": f"arn:aws:iam::{OTHER}:root"}),
        "open": policy(),
    }
    registries = [{"RegistryName": name, "RegistryArn": arn("schemas", f"registry/{name}")} for name in policies]

    def get(params: Any, _: str, __: str) -> Any:
        found = policies[params["RegistryName"]]
        return {"Policy": found} if found else Error("NotFoundException", "none", 404)

    answers = {"schemas:ListRegistries": {"Registries": registries}, "schemas:GetResourcePolicy": get}
    expected = {"none": "pass", "own": "pass", "foreign": "fail", "open": "fail"}
    assert lab.statuses(REGISTRY, answers=answers) == expected
    trusted = lab.statuses(REGISTRY, answers=answers, trusted_account_ids=(OTHER,))
    assert trusted == expected | {"foreign": "pass"}
    denied = lab.statuses(REGISTRY, answers=answers, deny=["schemas:GetResourcePolicy"])
    assert denied == dict.fromkeys(policies, "unknown")


def test_tracing(lab: Lab) -> None:
    wide = dict.fromkeys(("ResourceARN", "ServiceName", "ServiceType", "Host", "HTTPMethod", "URLPath"), "*")

    def sampling(name: str, rate: float, reservoir: int, **change: str) -> dict[str, Any]:
        made = {"RuleName": name, "RuleARN": arn("xray", f"sampling-rule/{name}"), "Priority": 1, "Version": 1}
        when = datetime(2026, 1, 1, tzinfo=UTC)
        return {
            "SamplingRule": made | wide | {"FixedRate": rate, "ReservoirSize": reservoir} | change,
            "CreatedAt": when,
            "ModifiedAt": when,
        }

    rules_ = [
        sampling("Default", 0, 0), sampling("all", 1, 1), sampling("one-path", 1, 1, URLPath="/pay"),
        sampling("few", 0.05, 1), sampling("none", 0, 0),
    ]  # fmt: skip
    answers = {"xray:GetSamplingRules": {"SamplingRuleRecords": rules_}}
    assert lab.statuses(SAMPLING, answers=answers) == {
        "Default": "fail", "all": "fail", "one-path": "pass", "few": "pass", "none": "pass",
    }  # fmt: skip
    assert lab.statuses(SAMPLING) == {"Default": "pass"}
    assert lab.statuses(ENCRYPTION) == {"encryption-config": "fail"}
    kms = {"xray:GetEncryptionConfig": {"EncryptionConfig": {"Status": "ACTIVE", "Type": "KMS", "KeyId": "key"}}}
    assert lab.statuses(ENCRYPTION, answers=kms) == {"encryption-config": "pass"}
