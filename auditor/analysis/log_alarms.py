"""Whether somebody is told of an event: by a metric filter on a trail's log group and an alarm on what it counts.

What a filter catches is found out by showing it events, not by comparing its text: there are many ways to write one.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from auditor.analysis.event_pattern import event_matches
from auditor.analysis.filter_pattern import MalformedPattern, parse
from auditor.analysis.trails import WRITE, management_events, trails_of
from auditor.fetch import Unread
from auditor.findings import GapKind
from auditor.inventory import Inventory
from auditor.resources.cloudtrail import Trail
from auditor.resources.cloudwatch import Alarm
from auditor.resources.events import EventRule
from auditor.resources.logs import MetricFilter
from auditor.rule import any_of

Event = Mapping[str, Any]


def call(source: str, name: str, **more: Any) -> dict[str, Any]:
    """A CloudTrail event of a call that somebody with a role made."""
    return {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": "AROAEXAMPLE:session",
            "arn": "arn:aws:sts::111122223333:assumed-role/engineer/session",
            "accountId": "111122223333",
        },
        "eventTime": "2026-01-01T12:00:00Z",
        "eventSource": f"{source}.amazonaws.com",
        "eventName": name,
        "awsRegion": "us-east-1",
        "sourceIPAddress": "198.51.100.7",
        "userAgent": "aws-cli/2.0",
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": "111122223333",
        "eventCategory": "Management",
        **more,
    }


# What happens all day: a filter that counts these tells of nothing.
EVERYDAY = (call("ec2", "DescribeInstances", readOnly=True),)


@dataclass(frozen=True)
class Watch:
    """What is left of the events that somebody should be told of.

    missed: the names of those that nobody is told of. groups: the log groups that were looked at. foreign: those of
    other accounts, into which this one cannot look.
    """

    missed: tuple[str, ...]
    groups: tuple[str, ...]
    foreign: tuple[str, ...]


def watch(inventory: Inventory, events: Mapping[str, Event], others: Iterable[Event] = EVERYDAY) -> Watch:
    """Which of these events, by name, reach nobody. Filters that count one of `others` too are left out.

    Raises Unread if some are missed by all that could be read, and not all could.
    """
    missed, groups, foreign = dict(events), [], []

    def all_caught(trail: Trail) -> bool:
        group = trail.cloud_watch_logs_log_group_arn
        if not trail.is_multi_region_trail or not group:
            return False
        if not trail.status.is_logging or WRITE not in management_events(trail):
            return False
        region, account, name = _parts(group)
        if account != inventory.account:
            foreign.append(group)
            return False
        groups.append(group)
        return any_of(catches, inventory.where(MetricFilter, "log_group_name", name, region=region))

    def catches(counting: MetricFilter) -> bool:
        for name in _caught(counting, missed, others, inventory):
            del missed[name]
        return not missed

    any_of(all_caught, trails_of(inventory))
    return Watch(tuple(missed), tuple(groups), tuple(foreign))


def _parts(group_arn: str) -> tuple[str, str, str]:
    """The region, the account and the name in a log group's ARN."""
    _, _, _, region, account, _, name, *_ = group_arn.split(":")
    return region, account, name


def _caught(
    counting: MetricFilter, events: Mapping[str, Event], others: Iterable[Event], inventory: Inventory
) -> list[str]:
    """The names of the events that a filter counts, if an alarm tells of them."""
    try:
        if counting.apply_on_transformed_logs:
            raise MalformedPattern("it is about events as a transformer has rewritten them")
        pattern = parse(counting.filter_pattern)
    except MalformedPattern as error:
        if not _is_alarmed(counting, inventory):
            return []
        said = f"the pattern of filter {counting.filter_name} is not understood: {error}"
        raise Unread(counting.gap("filter_pattern", GapKind.UNEXPECTED, "UnknownPattern", said)) from None
    caught = [name for name, event in events.items() if pattern.matches(event)]
    if not caught or any(pattern.matches(event) for event in others):
        return []
    return caught if _is_alarmed(counting, inventory) else []


def _is_alarmed(counting: MetricFilter, inventory: Inventory) -> bool:
    """Whether an alarm on what the filter counts does something."""
    return any_of(lambda alarm: alarm.actions_enabled and bool(alarm.alarm_actions), alarms_on(counting, inventory))


def alarms_on(counting: MetricFilter, inventory: Inventory) -> Iterator[Alarm]:
    """The alarms on what a filter counts. Raises Unread after the last if there may be more."""
    for name in counting.metric_names:
        yield from inventory.where(Alarm, "measured_names", name, region=counting.region)


def told_by_event_rule(inventory: Inventory, events: Iterable[Event], others: Iterable[Event]) -> bool:
    """Whether an EventBridge rule with a target takes one of these events, and none of the others."""
    wanted, unwanted = tuple(events), tuple(others)

    def takes(rule: EventRule) -> bool:
        pattern = rule.event_pattern
        if pattern is None or not rule.enabled or rule.event_bus_name != "default":
            return False
        if not any(event_matches(pattern, event) for event in wanted):
            return False
        return not any(event_matches(pattern, event) for event in unwanted) and bool(rule.targets)

    return any_of(takes, inventory.each(EventRule))
