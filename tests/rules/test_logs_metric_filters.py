"""Who is told of what a trail records: metric filters on its log group, and alarms on what they count."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.lab import RULES, Lab

ACCOUNT, OTHER = "123456789012", "222222222222"
CIS = tuple(rule for rule in RULES if re.fullmatch(r"logs-metric-filter-.*-alarm-exists", rule))
ROOT = "logs-metric-filter-root-usage-alarm-exists"
CHANGES = "logs-metric-filter-cloudtrail-changes-alarm-exists"
HAS_ALARM = "logs-metric-filter-has-alarm"
TRAILS, STATUS = "cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus"
FILTERS, ALARMS = "logs:DescribeMetricFilters", "cloudwatch:DescribeAlarms"
LIST_RULES, LIST_TARGETS = "events:ListRules", "events:ListTargetsByRule"
GROUP = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:trail:*"
TRAIL: dict[str, Any] = {
    "Name": "trail",
    "TrailARN": f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/trail",
    "HomeRegion": "us-east-1",
    "S3BucketName": "logs",
    "IsMultiRegionTrail": True,
    "LogFileValidationEnabled": True,
    "HasCustomEventSelectors": False,
    "CloudWatchLogsLogGroupArn": GROUP,
}


def recommended(rule_id: str) -> str:
    """The pattern that the rule's own fix recommends."""
    found = re.search(r"--filter-pattern '([^']+)'", RULES[rule_id].fix)
    assert found is not None
    return found[1]


def trails(**change: Any) -> dict[str, Any]:
    made = {name: value for name, value in (TRAIL | change).items() if value is not None}
    return {TRAILS: {"trailList": [made]}, STATUS: {"IsLogging": True}}


def filters(*patterns: str, group: str = "trail", transformed: bool = False) -> dict[str, Any]:
    """Metric filters that count into M0, M1 and so on."""
    made = [
        {
            "filterName": f"filter-{number}",
            "logGroupName": group,
            "filterPattern": pattern,
            "metricTransformations": [{"metricName": f"M{number}", "metricNamespace": "Trail", "metricValue": "1"}],
            "applyOnTransformedLogs": transformed,
        }
        for number, pattern in enumerate(patterns)
    ]
    return {FILTERS: {"metricFilters": made}}


def alarms(count: int = 20, namespace: str = "Trail", **change: Any) -> dict[str, Any]:
    """Alarms on M0, M1 and so on."""
    made = [
        {
            "AlarmName": f"alarm-{number}",
            "AlarmArn": f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:alarm-{number}",
            "ActionsEnabled": True,
            "AlarmActions": [f"arn:aws:sns:us-east-1:{ACCOUNT}:topic"],
            "StateValue": "OK",
            "StateUpdatedTimestamp": datetime(2026, 1, 1, tzinfo=UTC),
            "Namespace": namespace,
            "MetricName": f"M{number}",
            **change,
        }
        for number in range(count)
    ]
    return {ALARMS: {"MetricAlarms": made, "CompositeAlarms": []}}


def verdicts(
    lab: Lab, answers: dict[str, Any], rules: Iterable[str] = CIS, deny: Iterable[str] = ()
) -> dict[str, set[str]]:
    """The rules by their status."""
    with lab.but(answers=answers, deny=deny):
        judged = lab.judge(*rules)
    assert not judged.defects
    found: dict[str, set[str]] = {}
    for finding in judged.findings:
        found.setdefault(finding.status.value, set()).add(finding.rule)
    return found


ALL = {*CIS}
RECOMMENDED = [recommended(rule) for rule in CIS]


def test_there_are_all_of_them() -> None:
    assert len(CIS) == 11


def test_what_the_fixes_recommend_passes(lab: Lab) -> None:
    assert verdicts(lab, trails() | filters(*RECOMMENDED) | alarms()) == {"pass": ALL}


@pytest.mark.parametrize(
    "lacking",
    [
        trails(CloudWatchLogsLogGroupArn=None) | filters(*RECOMMENDED) | alarms(),
        trails(IsMultiRegionTrail=False) | filters(*RECOMMENDED) | alarms(),
        trails() | {STATUS: {"IsLogging": False}} | filters(*RECOMMENDED) | alarms(),
        trails() | filters(*RECOMMENDED, group="another") | alarms(),
        trails() | filters(*RECOMMENDED) | alarms(0),
        trails() | filters(*RECOMMENDED) | alarms(namespace="Another"),
        trails() | filters(*RECOMMENDED) | alarms(AlarmActions=[]),
        trails() | filters(*RECOMMENDED) | alarms(ActionsEnabled=False),
        trails() | filters("{ $.eventName = * }", "") | alarms(),  # what counts everything tells of nothing
        trails() | filters("[version, account]", '{ $.eventName = "RunInstances" }') | alarms(),
        {TRAILS: {"trailList": []}},
    ],
    ids=lambda _: "",
)
def test_every_link_matters(lab: Lab, lacking: dict[str, Any]) -> None:
    assert verdicts(lab, lacking) == {"fail": ALL}


@pytest.mark.parametrize(
    ("answers", "deny"),
    [
        (trails(CloudWatchLogsLogGroupArn=GROUP.replace(ACCOUNT, OTHER)), []),
        (trails(CloudWatchLogsLogGroupArn=GROUP.replace("us-east-1", "eu-west-1")), []),
        (trails() | filters("{ $.a ~ 1 }") | alarms(), []),
        (trails() | filters(*RECOMMENDED, transformed=True) | alarms(), []),
        (trails() | filters(*RECOMMENDED) | alarms(), [TRAILS]),
        (trails() | filters(*RECOMMENDED) | alarms(), [STATUS]),
        (trails() | filters(*RECOMMENDED) | alarms(), [FILTERS]),
        (trails() | filters(*RECOMMENDED) | alarms(), [ALARMS]),
    ],
    ids=lambda _: "",
)
def test_what_cannot_be_seen_is_unknown(lab: Lab, answers: dict[str, Any], deny: list[str]) -> None:
    assert verdicts(lab, answers, deny=deny) == {"unknown": ALL}


def test_several_filters_may_share_the_work(lab: Lab) -> None:
    half = ['{ $.eventName = "*Trail" }', '{ ($.eventName = "StartLogging") || ($.eventName = "StopLogging") }']
    assert verdicts(lab, trails() | filters(*half) | alarms(), [CHANGES]) == {"pass": {CHANGES}}
    findings = lab.findings(CHANGES, answers=trails() | filters(half[0]) | alarms())
    assert findings[ACCOUNT].evidence["missed"] == ["StartLogging", "StopLogging"]
    assert findings[ACCOUNT].severity == "low"


def test_an_alarm_on_an_expression_over_the_metric_counts(lab: Lab) -> None:
    stat = {"Metric": {"Namespace": "Trail", "MetricName": "M0"}, "Period": 60, "Stat": "Sum"}
    change = {"MetricName": None, "Namespace": None, "Metrics": [{"Id": "m", "MetricStat": stat}]}
    made = alarms(1)[ALARMS]["MetricAlarms"][0] | change
    answers = {ALARMS: {"MetricAlarms": [{k: v for k, v in made.items() if v is not None}]}}
    assert verdicts(lab, trails() | filters(recommended(CHANGES)) | answers, [CHANGES]) == {"pass": {CHANGES}}


def test_a_trail_without_management_events_feeds_nothing(lab: Lab) -> None:
    only_data = {"ReadWriteType": "All", "IncludeManagementEvents": False}
    selectors = {"cloudtrail:GetEventSelectors": {"EventSelectors": [only_data]}}
    answers = trails(HasCustomEventSelectors=True) | selectors | filters(*RECOMMENDED) | alarms()
    assert verdicts(lab, answers, [CHANGES]) == {"fail": {CHANGES}}
    assert verdicts(lab, answers, [CHANGES], ["cloudtrail:GetEventSelectors"]) == {"unknown": {CHANGES}}


def event_rule(pattern: str, **change: Any) -> dict[str, Any]:
    made = {
        "Name": "root",
        "Arn": f"arn:aws:events:us-east-1:{ACCOUNT}:rule/root",
        "State": "ENABLED",
        "EventPattern": pattern,
        "EventBusName": "default",
        **change,
    }
    targets = [{"Id": "1", "Arn": f"arn:aws:sns:us-east-1:{ACCOUNT}:topic"}]
    return {LIST_RULES: {"Rules": [made]}, LIST_TARGETS: {"Targets": targets}}


BY_EVENT = '{"detail-type": ["AWS Console Sign In via CloudTrail"], "detail": {"userIdentity": {"type": ["Root"]}}}'


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        (event_rule(BY_EVENT), "pass"),
        (event_rule(BY_EVENT, State="DISABLED"), "fail"),
        (event_rule(BY_EVENT) | {LIST_TARGETS: {"Targets": []}}, "fail"),
        (event_rule('{"source": [{"prefix": "aws."}]}'), "fail"),
        (event_rule('{"detail": {"userIdentity": {"type": ["IAMUser"]}}}'), "fail"),
    ],
)
def test_a_rule_of_eventbridge_tells_of_root_as_well(lab: Lab, answers: dict[str, Any], status: str) -> None:
    finding = lab.findings(ROOT, answers={TRAILS: {"trailList": []}} | answers)[ACCOUNT]
    assert (finding.status, finding.severity) == (status, "medium")


@pytest.mark.parametrize("denied", [LIST_RULES, LIST_TARGETS, "events:ListEventBuses"])
def test_unread_rules_of_eventbridge_are_unknown(lab: Lab, denied: str) -> None:
    answers = trails() | event_rule(BY_EVENT)
    assert lab.statuses(ROOT, answers=answers, deny=[denied]) == {ACCOUNT: "unknown"}
    by_filter = answers | filters(recommended(ROOT)) | alarms()
    assert lab.statuses(ROOT, answers=by_filter, deny=[denied]) == {ACCOUNT: "pass"}
    assert lab.statuses(ROOT, answers=answers, deny=[TRAILS]) == {ACCOUNT: "pass"}


def test_each_filter(lab: Lab) -> None:
    answers = filters("ERROR", "WARN") | alarms(1)
    assert lab.statuses(HAS_ALARM, answers=answers) == {"filter-0": "pass", "filter-1": "fail"}
    denied = lab.statuses(HAS_ALARM, answers=answers, deny=[ALARMS])
    assert denied == {"filter-0": "unknown", "filter-1": "unknown"}
    assert lab.statuses(HAS_ALARM, deny=[FILTERS]) == {"*": "unknown"}


def test_seeded_filters_and_alarms_are_read(lab: Lab) -> None:
    logs, cloudwatch = lab.client("logs"), lab.client("cloudwatch")
    logs.create_log_group(logGroupName="group")
    for name in ("one", "two"):
        logs.put_metric_filter(
            logGroupName="group", filterName=name, filterPattern="ERROR",
            metricTransformations=[{"metricName": name, "metricNamespace": "N", "metricValue": "1"}],
        )  # fmt: skip
    cloudwatch.put_metric_alarm(
        AlarmName="alarm", Namespace="N", MetricName="one", Period=60, EvaluationPeriods=1, Threshold=1,
        Statistic="Sum", ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    assert lab.statuses(HAS_ALARM) == {"one": "pass", "two": "fail"}
