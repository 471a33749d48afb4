"""CloudWatch Logs: log groups, their metric filters, and policies by which services write into them."""

from datetime import UTC, datetime

from auditor.fetch import Listing
from auditor.model import Document, Resource, Shape


class LogGroup(Resource):
    """A log group."""

    service, cfn_type = "logs", "AWS::Logs::LogGroup"
    listing = Listing("DescribeLogGroups", at="logGroups")
    # What AWS gives as `arn` ends in ":*", which is how IAM names the streams in it.
    arn_format = "arn:{partition}:logs:{region}:{account}:log-group:{log_group_name}"
    id_field = name_field = "log_group_name"

    log_group_name: str
    creation_time: int  # in milliseconds since 1970
    retention_in_days: int | None = None  # None: events never expire
    stored_bytes: int | None = None
    kms_key_id: str | None = None  # None: encrypted with a key of AWS's own
    log_group_class: str | None = None

    @property
    def created(self) -> datetime:
        """When it was made."""
        return datetime.fromtimestamp(self.creation_time / 1000, UTC)


class MetricTransformation(Shape):
    """What a metric filter counts into."""

    metric_name: str
    metric_namespace: str


class MetricFilter(Resource):
    """A metric filter: what of a log group's events it counts, and as which metrics."""

    service, cfn_type = "logs", "AWS::Logs::MetricFilter"
    listing = Listing("DescribeMetricFilters", at="metricFilters")  # without a log group it lists those of all
    # AWS has no ARN for a metric filter; this one is ours, in its form.
    arn_format = "arn:{partition}:logs:{region}:{account}:log-group:{log_group_name}:metric-filter:{filter_name}"
    id_field = name_field = "filter_name"

    filter_name: str
    log_group_name: str
    filter_pattern: str = ""  # an empty pattern counts every event
    metric_transformations: tuple[MetricTransformation, ...]
    # It counts what a transformer has made of events, whose form nobody but that transformer knows.
    apply_on_transformed_logs: bool = False

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The metrics that it counts into, each as namespace/name."""
        return tuple(f"{made.metric_namespace}/{made.metric_name}" for made in self.metric_transformations)


class LogsResourcePolicy(Resource):
    """A policy by which services write into the log groups of a region."""

    service, cfn_type = "logs", "AWS::Logs::ResourcePolicy"
    listing = Listing("DescribeResourcePolicies", at="resourcePolicies")
    # AWS has no ARN for such a policy; this one is ours, in its form.
    arn_format = "arn:{partition}:logs:{region}:{account}:resource-policy:{policy_name}"
    id_field = name_field = "policy_name"

    policy_name: str
    policy_document: Document
