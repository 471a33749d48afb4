"""Service Quotas: what the account may have of a thing in a region, and what it asked for."""

import asyncio
from typing import Annotated, Any

from pydantic import Field

from auditor.fetch import Ask, Listing, Metric
from auditor.model import Resource, Shape, Timestamp

# The services whose quotas people meet, and whose use CloudWatch counts.
SERVICES = ("ec2", "kms", "lambda")
ELASTIC_IPS = "L-0263D0A3"


async def read_quotas(ask: Ask) -> list[dict[str, Any]]:
    """The quotas of a few services, without the many whose use nothing tells."""
    answers = await asyncio.gather(*(ask("ListServiceQuotas", ServiceCode=s, MaxResults=100) for s in SERVICES))
    quotas = [quota for pages in answers for page in pages for quota in page["Quotas"]]
    return [quota for quota in quotas if quota.get("UsageMetric") or quota["QuotaCode"] == ELASTIC_IPS]


class UsageMetric(Shape):
    """The metric in CloudWatch that counts the use of a quota."""

    metric_namespace: str
    metric_name: str
    metric_dimensions: dict[str, str] = Field(default_factory=dict)
    metric_statistic_recommendation: str | None = None


class QuotaPeriod(Shape):
    """The time in which a quota on a rate counts."""

    period_value: int
    period_unit: str  # SECOND, MINUTE, HOUR, ...


class ServiceQuota(Resource):
    """A quota of the account in a region: the value that applies."""

    service, cfn_type = "service-quotas", "AWS::ServiceQuotas::Quota"
    listing = Listing("ListServiceQuotas", fetch=read_quotas)
    arn_format = "{quota_arn}"
    id_field = "quota_code"
    name_field = "quota_name"

    quota_code: str
    quota_name: str
    service_code: str
    value: float
    global_quota: bool | None = None
    usage_metric: UsageMetric | None = None  # left out where CloudWatch does not count
    period: QuotaPeriod | None = None  # only of a quota on a rate

    # How many there were, at most, in each hour of the last day.
    most_in_use: Annotated[
        tuple[float, ...],
        Metric(
            "AWS/Usage", "ResourceCount", statistic="Maximum", period=3600, days=1,
            when=lambda quota: quota.counts("ResourceCount"),
            Service="usage_service", Type="usage_type", Resource="usage_resource", Class="usage_class",
        ),
    ]  # fmt: skip
    # How many calls there were in each five minutes of the last day.
    calls: Annotated[
        tuple[float, ...],
        Metric(
            "AWS/Usage", "CallCount", statistic="Sum", period=300, days=1,
            when=lambda quota: quota.counts("CallCount"),
            Service="usage_service", Type="usage_type", Resource="usage_resource", Class="usage_class",
        ),
    ]  # fmt: skip

    def counts(self, name: str) -> bool:
        """Whether CloudWatch's usual metric of this name, with the usual four dimensions, counts its use."""
        metric = self.usage_metric
        return (
            metric is not None
            and (metric.metric_namespace, metric.metric_name) == ("AWS/Usage", name)
            and set(metric.metric_dimensions) == {"Service", "Type", "Resource", "Class"}
        )

    def _dimension(self, name: str) -> str:
        return self.usage_metric.metric_dimensions.get(name, "") if self.usage_metric else ""

    @property
    def usage_service(self) -> str:
        """The metric's dimension Service."""
        return self._dimension("Service")

    @property
    def usage_type(self) -> str:
        """The metric's dimension Type."""
        return self._dimension("Type")

    @property
    def usage_resource(self) -> str:
        """The metric's dimension Resource."""
        return self._dimension("Resource")

    @property
    def usage_class(self) -> str:
        """The metric's dimension Class."""
        return self._dimension("Class")


class QuotaRequest(Resource):
    """A request to raise a quota."""

    service, cfn_type = "service-quotas", "AWS::ServiceQuotas::QuotaRequest"
    listing = Listing("ListRequestedServiceQuotaChangeHistory", at="RequestedQuotas")
    # AWS has no ARN for it; this one is ours, in its form.
    arn_format = "arn:{partition}:servicequotas:{region}:{account}:request/{id}"
    id_field = "id"
    name_field = "quota_name"

    id: str
    service_code: str
    quota_code: str
    quota_name: str
    desired_value: float
    status: str
    created: Timestamp
    last_updated: Timestamp | None = None
