"""CloudWatch alarms."""

import asyncio
import re
from typing import Annotated, Any

from auditor.fetch import Ask, Call, Listing, walk
from auditor.model import Resource, Shape, Timestamp

# A policy of Application Auto Scaling: what it scales stands in its ARN, and the policy's name at its end.
APPLICATION_POLICY = re.compile(
    r"arn:[^:]+:autoscaling:[^:]*:\d+:scalingPolicy:[^:]+:resource/(?P<namespace>[a-z-]+)/.+:policyName/(?P<name>.+)"
)


class Dimension(Shape):
    """One dimension of a metric."""

    name: str
    value: str


class StatMetric(Shape):
    """The metric of one part of a metric math alarm."""

    namespace: str | None = None
    metric_name: str | None = None
    dimensions: tuple[Dimension, ...] = ()


class MetricStat(Shape):
    """What one part of a metric math alarm measures."""

    metric: StatMetric
    period: int


class MetricQuery(Shape):
    """One part of a metric math alarm: a metric, or an expression over others."""

    metric_stat: MetricStat | None = None
    period: int | None = None  # only of an expression


async def _alarms(ask: Ask) -> list[dict[str, Any]]:
    """List metric alarms and composite ones: unless it is asked for both, CloudWatch gives the former only."""
    pages = await ask("DescribeAlarms", AlarmTypes=["MetricAlarm", "CompositeAlarm"], MaxRecords=100)
    return [item for page in pages for path in ("MetricAlarms", "CompositeAlarms") for item in walk(page, path)]


async def _policies(ask: Ask, alarm: "Alarm") -> list[str]:
    """The ARNs of those policies of Application Auto Scaling that an alarm names and that are there."""
    found = (APPLICATION_POLICY.fullmatch(arn) for arn in alarm.application_policies)
    wanted = dict.fromkeys((match["namespace"], match["name"]) for match in found if match)
    answers = await asyncio.gather(
        *(ask("DescribeScalingPolicies", ServiceNamespace=space, PolicyNames=[name]) for space, name in wanted)
    )
    return [item["PolicyARN"] for pages in answers for page in pages for item in walk(page, "ScalingPolicies")]


class Alarm(Resource):
    """An alarm: on a metric, or, composite, on other alarms."""

    service, cfn_type = "cloudwatch", "AWS::CloudWatch::Alarm"
    listing = Listing("DescribeAlarms", fetch=_alarms)
    arn_format = "{alarm_arn}"
    id_field = name_field = "alarm_name"

    alarm_name: str
    alarm_arn: str
    actions_enabled: bool
    # AWS leaves out lists that are empty.
    alarm_actions: tuple[str, ...] = ()
    ok_actions: tuple[str, ...] = ()
    insufficient_data_actions: tuple[str, ...] = ()
    state_value: str
    state_updated_timestamp: Timestamp
    alarm_rule: str | None = None  # only of a composite alarm
    # Of a metric alarm on one metric; one on metric math has `metrics` instead.
    namespace: str | None = None
    metric_name: str | None = None
    dimensions: tuple[Dimension, ...] = ()
    period: int | None = None
    evaluation_periods: int | None = None
    threshold: float | None = None  # not there where the threshold is a band of anomaly detection
    comparison_operator: str | None = None
    metrics: tuple[MetricQuery, ...] = ()
    live_application_policies: Annotated[
        tuple[str, ...],
        Call(
            "DescribeScalingPolicies",
            service="application-autoscaling",
            fetch=_policies,
            when=lambda alarm: bool(alarm.application_policies),
            otherwise=(),
        ),
    ]

    @property
    def actions(self) -> tuple[str, ...]:
        """All that it may do, in whichever state."""
        return tuple(dict.fromkeys((*self.alarm_actions, *self.ok_actions, *self.insufficient_data_actions)))

    @property
    def application_policies(self) -> tuple[str, ...]:
        """The policies of Application Auto Scaling among its actions: it deletes its own alarms with their policies."""
        own = self.alarm_name.startswith("TargetTracking-")
        return () if own else tuple(arn for arn in self.actions if APPLICATION_POLICY.fullmatch(arn))

    @property
    def measured(self) -> tuple[tuple[str | None, str | None], ...]:
        """The metrics that it watches: each a namespace and a name."""
        if self.metric_name is not None:
            return ((self.namespace, self.metric_name),)
        stats = (query.metric_stat for query in self.metrics)
        return tuple((stat.metric.namespace, stat.metric.metric_name) for stat in stats if stat is not None)

    @property
    def measured_names(self) -> tuple[str, ...]:
        """The metrics that it watches, each as namespace/name: what an index can hold."""
        return tuple(f"{namespace}/{name}" for namespace, name in self.measured)
