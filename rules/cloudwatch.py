"""Rules about CloudWatch alarms: that they do something, where somebody listens."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from auditor.analysis.event_pattern import event_matches
from auditor.analysis.targets import Presence, presence
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.cloudwatch import APPLICATION_POLICY, Alarm
from auditor.resources.events import EventRule
from auditor.resources.route53 import HealthCheck
from auditor.resources.sns import Topic
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule, unknown

# A composite alarm's expression names others, by name or ARN: ALARM("disk full") AND NOT OK(heartbeat).
CHILD = re.compile(r"""(?:ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:"([^"]+)"|([^\s()"]+))\s*\)""")


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "PCI-4.0 10.2.1.1.8 10.2.1.1.9 10.4.1.1.2 10.4.1.2 10.4.2.2 10.4.2.3 10.4.3.1 10.6.3.8 10.6.3.9",
        "PCI-4.0 10.7.1.3 10.7.1.4 10.7.2.3",
    ),
    notes="CloudWatch Alarms",
    category=Category.OPERATIONS,
)
def cloudwatch_alarm_action_configured(alarm: Alarm, inventory: Inventory) -> Verdict:
    """Alarms do something when they fire, or something else acts upon them.

    Risk: the alarm goes off in a console that nobody looks at, and what it warned of goes on.
    Fix: repeat the alarm's settings with an action, as the console does, or send its changes on by a rule:
    aws events put-rule --name alarm-changes --region {region} --event-pattern
        '{"source":["aws.cloudwatch"],"detail-type":["CloudWatch Alarm State Change"],"resources":["{arn}"]}'
    aws events put-targets --rule alarm-changes --region {region} --targets Id=1,Arn=TOPIC_ARN
    """
    if alarm.alarm_actions:
        return passed(alarm_actions=list(alarm.alarm_actions))
    if any_of(lambda acts: acts(alarm, inventory), (_is_part_of_another, _steers_a_health_check, _is_sent_on)):
        return passed("Something else acts upon the alarm", alarm_actions=[])
    return failed("Nothing happens when the alarm fires", alarm_actions=[])


def _is_part_of_another(alarm: Alarm, inventory: Inventory) -> bool:
    """Whether a composite alarm takes it into account."""

    def names(composite: Alarm) -> bool:
        children = {quoted or bare for quoted, bare in CHILD.findall(composite.alarm_rule or "")}
        return not children.isdisjoint((alarm.alarm_name, alarm.alarm_arn))

    return any_of(names, inventory.each(Alarm, region=alarm.region))


def _steers_a_health_check(alarm: Alarm, inventory: Inventory) -> bool:
    def follows(check: HealthCheck) -> bool:
        followed = check.health_check_config.alarm_identifier
        return followed is not None and (followed.region, followed.name) == (alarm.region, alarm.alarm_name)

    return any_of(follows, inventory.each(HealthCheck))


def _is_sent_on(alarm: Alarm, inventory: Inventory) -> bool:
    """Whether a rule of EventBridge takes the event by which CloudWatch tells that it fires."""
    event = {
        "version": "0",
        "source": "aws.cloudwatch",
        "detail-type": "CloudWatch Alarm State Change",
        "account": alarm.account,
        "region": alarm.region,
        "resources": [alarm.alarm_arn],
        "detail": {
            "alarmName": alarm.alarm_name,
            "state": {"value": "ALARM"},
            "previousState": {"value": "OK"},
        },
    }

    def takes(rule_: EventRule) -> bool:
        pattern = rule_.event_pattern
        return pattern is not None and rule_.enabled and event_matches(pattern, event)

    return any_of(takes, inventory.each(EventRule, region=alarm.region))


@rule(severity=Severity.MEDIUM, notes="CloudWatch Alarms", category=Category.OPERATIONS)
def cloudwatch_alarm_actions_enabled(alarm: Alarm) -> Verdict:
    """Alarms that have actions may carry them out.

    Risk: actions that were switched off for a maintenance and never on again leave everybody feeling safe.
    Fix: aws cloudwatch enable-alarm-actions --alarm-names {name} --region {region}
    """
    if not alarm.actions:
        return not_applicable("The alarm has no actions")
    if alarm.actions_enabled:
        return passed(actions_enabled=True)
    return failed("The alarm's actions are switched off", actions_enabled=False, actions=list(alarm.actions))


@rule(severity=Severity.MEDIUM, notes="CloudWatch Alarms (targets)", category=Category.OPERATIONS)
def cloudwatch_alarm_action_target_exists(alarm: Alarm, inventory: Inventory) -> Iterator[Verdict]:
    """What an alarm acts upon is there, and a topic that it writes to has somebody who reads it.

    Risk: the alarm calls into the void: its topic was deleted, or the last of its subscribers has left.
    Fix: look at the action that is named, and subscribe somebody or name another:
    aws cloudwatch describe-alarms --alarm-names {name} --region {region}
    aws sns subscribe --topic-arn TOPIC_ARN --protocol email --notification-endpoint ADDRESS --region {region}
    """
    judged = False
    for arn in alarm.actions:
        verdict = _action(arn, alarm, inventory)
        if verdict is not None:
            judged = True
            yield verdict
    if not judged:
        yield not_applicable("The alarm has no action whose target could be looked up")


def _action(arn: str, alarm: Alarm, inventory: Inventory) -> Verdict | None:
    """What is to be said of one action; None of those whose target is in no listing."""
    if APPLICATION_POLICY.fullmatch(arn):
        if arn not in alarm.application_policies:
            return None
        gone = arn not in alarm.live_application_policies
        return failed("The scaling policy does not exist", key=arn, action=arn) if gone else passed(key=arn)
    match presence(arn, inventory):
        case Presence.NOT_JUDGED:
            return None
        case Presence.FOREIGN:
            return unknown("The action's target belongs to another account", key=arn, action=arn)
        case Presence.GONE:
            return failed("The action's target does not exist", key=arn, action=arn)
        case Presence.THERE:
            return _heard(arn, inventory)


def _heard(arn: str, inventory: Inventory) -> Verdict:
    """Whether somebody listens at a target that is there."""
    topic = inventory.find(Topic, "topic_arn", arn) if ":sns:" in arn else None
    if topic is not None and topic.attributes.subscriptions_confirmed == 0:
        return failed("Nobody is subscribed to the action's topic", key=arn, action=arn, subscriptions_confirmed=0)
    return passed(key=arn, action=arn)


@rule(severity=Severity.LOW, notes="CloudWatch Alarms (states)", category=Category.OPERATIONS)
def cloudwatch_alarm_has_data(alarm: Alarm, inventory: Inventory, *, days: int = 7) -> Verdict:
    """Alarms get the data that they watch.

    Risk: the metric has moved or its source is gone: the alarm stays silent whatever happens.
    Fix: see whether its metric still has values, and delete the alarm if what it watched is gone:
    aws cloudwatch describe-alarms --alarm-names {name} --region {region}
    aws cloudwatch delete-alarms --alarm-names {name} --region {region}
    """
    since = alarm.state_updated_timestamp
    evidence: dict[str, Any] = {"state_value": alarm.state_value, "state_updated_timestamp": since.isoformat()}
    if alarm.state_value == "INSUFFICIENT_DATA" and inventory.now - since > timedelta(days=days):
        return failed(f"The alarm has had no data for more than {days} days", **evidence)
    return passed(**evidence)


@rule(severity=Severity.INFORMATIONAL, notes="CloudWatch Alarms (high resolution)", category=Category.COST)
def cloudwatch_alarm_high_resolution_reviewed(alarm: Alarm, *, allowed: tuple[str, ...] = ()) -> Verdict:
    """Alarms look more often than once a minute only where somebody has decided that they must.

    Risk: an alarm that looks every ten seconds costs three times as much, and tells of hiccups that are over by then.
    Fix: name the alarm in allowed in auditor.toml if it must be that quick. Else give it a period of 60 seconds.
    """
    periods = [period for period in _periods(alarm) if period < 60]
    if not periods:
        return passed()
    if alarm.alarm_name in allowed:
        return passed("The alarm is named as one that must be that quick", periods=periods)
    return failed(f"The alarm looks every {min(periods)} seconds", periods=periods)


def _periods(alarm: Alarm) -> Iterator[int]:
    if alarm.period is not None:
        yield alarm.period
    for query in alarm.metrics:
        period = query.metric_stat.period if query.metric_stat is not None else query.period
        if period is not None:
            yield period
