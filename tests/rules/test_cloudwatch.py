"""CloudWatch alarms: that they do something, where somebody listens."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.lab import Lab

ACCOUNT, OTHER = "123456789012", "222222222222"
ACTION = "cloudwatch-alarm-action-configured"
ENABLED = "cloudwatch-alarm-actions-enabled"
TARGET = "cloudwatch-alarm-action-target-exists"
DATA = "cloudwatch-alarm-has-data"
RESOLUTION = "cloudwatch-alarm-high-resolution-reviewed"
LIST, CHECKS = "cloudwatch:DescribeAlarms", "route53:ListHealthChecks"
POLICIES = "application-autoscaling:DescribeScalingPolicies"
LIST_RULES = "events:ListRules"


def arn(service: str, thing: str, account: str = ACCOUNT, region: str = "us-east-1") -> str:
    return f"arn:aws:{service}:{region}:{account}:{thing}"


TOPIC = arn("sns", "topic")
ALARM: dict[str, Any] = {
    "AlarmName": "alarm",
    "AlarmArn": arn("cloudwatch", "alarm:alarm"),
    "ActionsEnabled": True,
    "StateValue": "OK",
    "StateUpdatedTimestamp": datetime(2026, 1, 1, tzinfo=UTC),
    "Namespace": "AWS/EC2",
    "MetricName": "CPUUtilization",
    "Period": 60,
}
SCALES = arn(
    "autoscaling", "scalingPolicy:6d8972f3:resource/ecs/service/default/web:policyName/web:cpu", region="us-east-1"
)


def alarms(*changes: dict[str, Any], composite: str | None = None) -> dict[str, Any]:
    """Alarms as they should be but for these changes, and a composite one with this rule."""
    parent = ALARM | {"AlarmName": "parent", "AlarmArn": arn("cloudwatch", "alarm:parent"), "AlarmActions": [TOPIC]}
    above = {name: parent[name] for name in ("AlarmName", "AlarmArn", "ActionsEnabled", "AlarmActions", "StateValue")}
    above |= {"AlarmRule": composite, "StateUpdatedTimestamp": ALARM["StateUpdatedTimestamp"]}
    return {
        LIST: {"MetricAlarms": [ALARM | change for change in changes], "CompositeAlarms": [above] * bool(composite)}
    }


def checks(region: str = "us-east-1", name: str = "alarm") -> dict[str, Any]:
    config = {"Type": "CLOUDWATCH_METRIC", "AlarmIdentifier": {"Region": region, "Name": name}}
    made = {"Id": "check", "CallerReference": "x", "HealthCheckVersion": 1, "HealthCheckConfig": config}
    return {CHECKS: {"HealthChecks": [made], "Marker": "", "IsTruncated": False, "MaxItems": "100"}}


def event_rule(pattern: str, state: str = "ENABLED") -> dict[str, Any]:
    made = {"Name": "r", "Arn": arn("events", "rule/r"), "State": state, "EventPattern": pattern}
    return {LIST_RULES: {"Rules": [made | {"EventBusName": "default"}]}}


CHANGES = '{"source": ["aws.cloudwatch"], "detail-type": ["CloudWatch Alarm State Change"]}'
OTHERS = '{"source": ["aws.cloudwatch"], "detail": {"alarmName": ["another"]}}'


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        (alarms({"AlarmActions": [TOPIC]}), "pass"),
        (alarms({}), "fail"),
        (alarms({"OKActions": [TOPIC]}), "fail"),
        (alarms({}, composite='ALARM("alarm") AND NOT OK(other)'), "pass"),
        (alarms({}, composite="ALARM(other) OR INSUFFICIENT_DATA( alarm )"), "pass"),
        (alarms({}, composite=f"ALARM({ALARM['AlarmArn']})"), "pass"),
        (alarms({}, composite='ALARM("alarm 2")'), "fail"),
        (alarms({}) | checks(), "pass"),
        (alarms({}) | checks(name="other"), "fail"),
        (alarms({}) | checks(region="eu-west-1"), "fail"),
        (alarms({}) | event_rule(CHANGES), "pass"),
        (alarms({}) | event_rule(CHANGES, "DISABLED"), "fail"),
        (alarms({}) | event_rule(OTHERS), "fail"),
    ],
)
def test_action_configured(lab: Lab, answers: dict[str, Any], status: str) -> None:
    finding = lab.findings(ACTION, answers=answers)["alarm"]
    assert (finding.status, finding.severity) == (status, "medium")


def test_each_alarm(lab: Lab) -> None:
    long_ago, now = datetime(2020, 1, 1, tzinfo=UTC), datetime.now(UTC)
    silent = {"StateValue": "INSUFFICIENT_DATA"}
    query = {"Id": "a", "MetricStat": {"Metric": {"Namespace": "N", "MetricName": "M"}, "Period": 10, "Stat": "Sum"}}
    answers = alarms(
        {"AlarmName": "good", "AlarmArn": "arn:1", "AlarmActions": [TOPIC]},
        {"AlarmName": "off", "AlarmArn": "arn:2", "ActionsEnabled": False, "OKActions": [TOPIC], "Period": 10},
        {"AlarmName": "bare", "AlarmArn": "arn:3", "ActionsEnabled": False, "Period": 30},
        {"AlarmName": "mute", "AlarmArn": "arn:4", "StateUpdatedTimestamp": long_ago, **silent},
        {"AlarmName": "new", "AlarmArn": "arn:5", "StateUpdatedTimestamp": now - timedelta(days=6), **silent},
        {"AlarmName": "math", "AlarmArn": "arn:6", "Metrics": [query]},
    )
    enabled = lab.statuses(ENABLED, answers=answers)
    assert (enabled["good"], enabled["off"], enabled["bare"]) == ("pass", "fail", "not_applicable")
    data = lab.statuses(DATA, answers=answers)
    assert {name for name, status in data.items() if status == "fail"} == {"mute"}
    quick = lab.statuses(RESOLUTION, answers=answers, allowed=("bare",))
    assert {name for name, status in quick.items() if status == "fail"} == {"off", "math"}


def test_targets(lab: Lab) -> None:
    """One alarm for each kind of target; its name says what is expected."""
    sns, topics = lab.client("sns"), {}
    for name in ("heard", "unheard"):
        topics[name] = sns.create_topic(Name=name)["TopicArn"]
    lab.endpoint.backend("sns", "us-east-1").topics[topics["heard"]].subscriptions_confimed = 1  # as moto spells it
    wanted = {
        "pass heard": topics["heard"],
        "fail unheard": topics["unheard"],
        "fail topic": arn("sns", "gone"),
        "fail function": arn("lambda", "function:gone:live"),
        "fail policy": arn("autoscaling", "scalingPolicy:1:autoScalingGroupName/g:policyName/gone"),
        "fail application": SCALES + "-gone",
        "pass application": SCALES,
        "unknown account": arn("sns", "topic", OTHER),
        "unknown region": arn("sns", "topic", region="eu-west-1"),
        "not_applicable recover": "arn:aws:automate:us-east-1:ec2:recover",
        "not_applicable incident": arn("ssm-incidents", "response-plan/x"),
    }
    answers = alarms(
        *(
            {"AlarmName": name, "AlarmArn": arn("cloudwatch", f"alarm:{name}"), "AlarmActions": [action]}
            for name, action in wanted.items()
        ),
        {"AlarmName": "not_applicable none", "AlarmArn": arn("cloudwatch", "alarm:none")},
        {"AlarmName": "TargetTracking-x", "AlarmArn": arn("cloudwatch", "alarm:t"), "AlarmActions": [SCALES + "-gone"]},
    )
    policy = {
        "PolicyARN": SCALES, "PolicyName": "web:cpu", "ServiceNamespace": "ecs", "ResourceId": "service/default/web",
        "ScalableDimension": "ecs:service:DesiredCount", "PolicyType": "StepScaling",
        "CreationTime": datetime(2026, 1, 1, tzinfo=UTC),
    }  # fmt: skip
    answers |= {POLICIES: {"ScalingPolicies": [policy]}}
    statuses = lab.statuses(TARGET, answers=answers)
    assert statuses.pop("TargetTracking-x") == "not_applicable"
    assert {name: name.split()[0] for name in statuses} == statuses
    denials = {
        "sns:ListTopics": "heard", "sns:GetTopicAttributes": "heard", "lambda:ListFunctions": "function",
        "autoscaling:DescribePolicies": "policy", POLICIES: "application",
    }  # fmt: skip
    with lab.but(deny=denials):
        unread = lab.statuses(TARGET, answers=answers)
    assert {unread[name] for name in unread if name.split()[1:] and name.split()[1] in denials.values()} == {"unknown"}


@pytest.mark.parametrize(
    ("rule", "operation"),
    [
        *((rule, LIST) for rule in (ENABLED, TARGET, DATA, RESOLUTION, ACTION)),
        *((ACTION, operation) for operation in (CHECKS, LIST_RULES, "events:ListEventBuses")),
    ],
)
def test_denied_is_unknown(lab: Lab, rule: str, operation: str) -> None:
    found = lab.statuses(rule, answers={} if operation == LIST else alarms({}), deny=[operation])
    assert set(found.values()) == {"unknown"}


def test_seeded_alarms_are_read(lab: Lab) -> None:
    cloudwatch = lab.client("cloudwatch")
    settings: dict[str, Any] = {
        "Namespace": "N", "MetricName": "M", "Period": 10, "EvaluationPeriods": 1, "Threshold": 1, "Statistic": "Sum",
        "ComparisonOperator": "GreaterThanThreshold",
    }  # fmt: skip
    cloudwatch.put_metric_alarm(AlarmName="bare", **settings)
    cloudwatch.put_metric_alarm(AlarmName="off", ActionsEnabled=False, AlarmActions=[TOPIC], **settings)
    assert lab.statuses(ACTION) == {"bare": "fail", "off": "pass"}
    assert lab.statuses(ENABLED) == {"bare": "not_applicable", "off": "fail"}
    assert lab.statuses(RESOLUTION) == {"bare": "fail", "off": "fail"}
