"""Route 53: hosted zones and their records, health checks, and traffic policies."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Self

from auditor.fetch import Ask, Call, Join, Listing, Scope, walk
from auditor.model import Resource, Shape
from auditor.resources.s3 import is_gone

ENDPOINT_TYPES = ("HTTP", "HTTPS", "HTTP_STR_MATCH", "HTTPS_STR_MATCH", "TCP")
# Where a bucket answers by name: as a website or as itself, at an endpoint of a region or at the oldest of all.
BUCKET_ENDPOINT = re.compile(
    r"(?:(?P<bucket>.+)\.)?s3(?:-website)?(?:[.-](?:dualstack\.)?[a-z]{2}(?:-[a-z]+)+-\d)?\.amazonaws\.com(?:\.cn)?"
)
# A name that an environment was given. Newer ones get a part of AWS's own (".eba-...") that nobody can ask for.
BEANSTALK = re.compile(r"(?P<prefix>[a-z0-9-]+)\.(?P<region>[a-z]{2}(?:-[a-z]+)+-\d)\.elasticbeanstalk\.com")
# Route 53 is asked in one region only, and there Elastic Beanstalk can be asked too.
ASKED_IN = "us-east-1"


def plain_name(name: str) -> str:
    r"""A domain name as people write it: lower case, no dot at its end, no octal escapes.

    >>> plain_name("\\052.Example.com.")
    '*.example.com'
    """
    unescaped = re.sub(r"\\(\d{3})", lambda found: chr(int(found[1], 8)), name)
    return unescaped.lower().removesuffix(".")


class LinkedService(Shape):
    """The AWS service that made something, and manages it."""

    service_principal: str | None = None


class ZoneConfig(Shape):
    """How a zone was made. Route 53 leaves all of it out of a public zone without a comment."""

    private_zone: bool = False


class DnssecStatus(Shape):
    """Whether a zone is signed."""

    serve_signature: str


class QueryLoggingConfig(Shape):
    """Where a zone's queries are logged to."""

    cloud_watch_logs_log_group_arn: str


class HostedZone(Resource):
    """A hosted zone, public or private."""

    service, cfn_type = "route53", "AWS::Route53::HostedZone"
    listing = Listing("ListHostedZones", at="HostedZones", scope=Scope.GLOBAL)
    arn_format = "arn:{partition}:route53:::hostedzone/{id}"
    id_field = "id"
    name_field = "name"

    id: str
    name: str
    config: ZoneConfig = ZoneConfig()
    resource_record_set_count: int
    linked_service: LinkedService | None = None  # only of zones that a service such as Cloud Map manages
    name_servers: Annotated[
        tuple[str, ...],
        Call(
            "GetHostedZone",
            at="DelegationSet.NameServers",
            when=lambda zone: not zone.private,
            otherwise=(),
            Id="id",
        ),
    ]
    query_logging: Annotated[
        tuple[QueryLoggingConfig, ...],
        Join("ListQueryLoggingConfigs", at="QueryLoggingConfigs", key="HostedZoneId", field="id"),
    ]
    # None of a private zone, which cannot be signed.
    dnssec: Annotated[
        DnssecStatus | None,
        Call("GetDNSSEC", at="Status", when=lambda zone: not zone.private, HostedZoneId="id"),
    ]

    @classmethod
    def build(cls, item: Mapping[str, Any], *, partition: str, account: str, region: str) -> Self:
        """Make a zone: the listing writes its id as "/hostedzone/Z...", everything else without that."""
        bare = {**item, "Id": item["Id"].removeprefix("/hostedzone/")}
        return super().build(bare, partition=partition, account=account, region=region)

    @property
    def private(self) -> bool:
        """Whether it answers within its VPCs only."""
        return self.config.private_zone

    @property
    def domain(self) -> str:
        """The name of its apex, as people write it."""
        return plain_name(self.name)


class AliasTarget(Shape):
    """What an alias record stands for."""

    hosted_zone_id: str
    dns_name: str
    evaluate_target_health: bool


class RecordValue(Shape):
    """One value of a record."""

    value: str


class GeoLocation(Shape):
    """Whose questions a record answers; the country "*" is everybody whom no other record answers."""

    continent_code: str | None = None
    country_code: str | None = None


class GeoProximity(Shape):
    """Where the target of a record is: that it is there at all is all that matters here."""

    bias: int | None = None


class CidrRouting(Shape):
    """Which addresses' questions a record answers."""

    collection_id: str


async def _bucket_is_gone(ask: Ask, record: "RecordSet") -> bool:
    return await is_gone(ask, record.bucket_name or "")


class RecordSet(Resource):
    """A record set: what a zone answers for a name and a type, or one of several answers for them."""

    service, cfn_type = "route53", "AWS::Route53::RecordSet"
    listing = Listing("ListResourceRecordSets", at="ResourceRecordSets", per=HostedZone, by={"HostedZoneId": "id"})
    # AWS has no ARN for a record; this one is ours, in its form.
    arn_format = "arn:{partition}:route53:::hostedzone/{hosted_zone_id}/rrset/{record_key}"
    id_field = "label"

    hosted_zone_id: str
    name: str
    type: str
    ttl: int | None = None  # an alias has none
    resource_records: tuple[RecordValue, ...] = ()
    alias_target: AliasTarget | None = None
    health_check_id: str | None = None
    # Only of one of several answers for a name and a type: which one it is, and when it is given.
    set_identifier: str | None = None
    weight: int | None = None
    failover: str | None = None
    geo_location: GeoLocation | None = None
    geo_proximity_location: GeoProximity | None = None
    cidr_routing_config: CidrRouting | None = None
    multi_value_answer: bool = False
    traffic_policy_instance_id: str | None = None
    # Whether S3 says that there is no such bucket. Only asked for names of buckets.
    bucket_is_gone: Annotated[
        bool,
        Call(
            "GetBucketLocation",
            service="s3",
            fetch=_bucket_is_gone,
            when=lambda record: record.bucket_name is not None,
            otherwise=False,
        ),
    ]
    # Whether everybody may take the name of the environment. None where Elastic Beanstalk cannot be asked from here.
    beanstalk_name_is_free: Annotated[
        bool | None,
        Call(
            "CheckDNSAvailability",
            service="elasticbeanstalk",
            at="Available",
            when=lambda record: record.beanstalk_region == ASKED_IN,
            CNAMEPrefix="beanstalk_prefix",
        ),
    ]

    @classmethod
    def build(cls, item: Mapping[str, Any], *, partition: str, account: str, region: str) -> Self:
        """Make a record: a name and a type are its identity, and which answer it is where there are several."""
        key = "/".join(filter(None, (item["Name"], item["Type"], item.get("SetIdentifier"))))
        return super().build({**item, "RecordKey": key}, partition=partition, account=account, region=region)

    @property
    def domain(self) -> str:
        """Its name, as people write it."""
        return plain_name(self.name)

    @property
    def label(self) -> str:
        """What people call it."""
        which = f" ({self.set_identifier})" if self.set_identifier else ""
        return f"{self.domain} {self.type}{which}"

    @property
    def group(self) -> str:
        """What it has in common with the other answers for its name and type."""
        return f"{self.hosted_zone_id} {self.name} {self.type}"

    @property
    def values(self) -> tuple[str, ...]:
        """Its values."""
        return tuple(record.value for record in self.resource_records)

    @property
    def target(self) -> str | None:
        """The name that an alias or a CNAME stands for."""
        if self.alias_target is not None:
            return plain_name(self.alias_target.dns_name)
        return plain_name(self.values[0]) if self.type == "CNAME" and self.values else None

    @property
    def bucket_name(self) -> str | None:
        """The bucket that it leads to: a website's alias goes by the record's own name."""
        found = BUCKET_ENDPOINT.fullmatch(self.target or "")
        return (found["bucket"] or self.domain) if found else None

    @property
    def beanstalk_prefix(self) -> str | None:
        """The part of an environment's name that somebody chose."""
        found = BEANSTALK.fullmatch(self.target or "")
        return found["prefix"] if found else None

    @property
    def beanstalk_region(self) -> str | None:
        """The region of the environment that it leads to."""
        found = BEANSTALK.fullmatch(self.target or "")
        return found["region"] if found else None


class AlarmIdentifier(Shape):
    """The alarm that a health check follows."""

    region: str
    name: str


class HealthCheckConfig(Shape):
    """What a health check looks at."""

    type: str
    ip_address: str | None = None  # None: the name is resolved
    port: int | None = None
    fully_qualified_domain_name: str | None = None
    inverted: bool = False
    disabled: bool = False
    health_threshold: int | None = None
    child_health_checks: tuple[str, ...] = ()
    alarm_identifier: AlarmIdentifier | None = None
    insufficient_data_health_status: str | None = None


class AlarmConfiguration(Shape):
    """What Route 53 last saw of an alarm that a health check follows."""

    evaluation_periods: int
    threshold: float
    comparison_operator: str
    period: int
    metric_name: str
    namespace: str


class StatusReport(Shape):
    """What one checker says: "Success: ..." or "Failure: ..."."""

    status: str


class Observation(Shape):
    """One checker, and what it says."""

    status_report: StatusReport | None = None


class HealthCheck(Resource):
    """A health check: of an endpoint, of an alarm, or of other checks."""

    service, cfn_type = "route53", "AWS::Route53::HealthCheck"
    listing = Listing("ListHealthChecks", at="HealthChecks", scope=Scope.GLOBAL)
    arn_format = "arn:{partition}:route53:::healthcheck/{id}"
    id_field = "id"

    id: str
    health_check_config: HealthCheckConfig
    linked_service: LinkedService | None = None  # only of checks that a service such as Cloud Map manages
    cloud_watch_alarm_configuration: AlarmConfiguration | None = None
    observations: Annotated[
        tuple[Observation, ...],
        Call(
            "GetHealthCheckStatus",
            at="HealthCheckObservations",
            when=lambda check: check.of_endpoint and not check.health_check_config.disabled,
            otherwise=(),
            HealthCheckId="id",
        ),
    ]

    # Where Route 53 checks from: the same for all.
    checker_ranges: Annotated[
        tuple[str, ...],
        Call("GetCheckerIpRanges", at="CheckerIpRanges", when=lambda check: check.of_endpoint, otherwise=()),
    ]

    @property
    def of_endpoint(self) -> bool:
        """Whether it connects to something, and is not managed by another service."""
        return self.health_check_config.type in ENDPOINT_TYPES and self.linked_service is None


async def _instances(ask: Ask) -> list[dict[str, Any]]:
    """List the instances of traffic policies: the API has three markers, which botocore does not follow."""
    found: list[dict[str, Any]] = []
    markers: dict[str, Any] = {}
    while True:
        (page,) = await ask("ListTrafficPolicyInstances", **markers)
        found += walk(page, "TrafficPolicyInstances")
        if not page["IsTruncated"]:
            return found
        names = ("HostedZoneIdMarker", "TrafficPolicyInstanceNameMarker", "TrafficPolicyInstanceTypeMarker")
        markers = {name: page[name] for name in names if page.get(name)}


async def _policies(ask: Ask) -> list[dict[str, Any]]:
    """List traffic policies, whose marker botocore does not follow either."""
    found: list[dict[str, Any]] = []
    markers: dict[str, Any] = {}
    while True:
        (page,) = await ask("ListTrafficPolicies", **markers)
        found += walk(page, "TrafficPolicySummaries")
        if not page["IsTruncated"]:
            return found
        markers = {"TrafficPolicyIdMarker": page["TrafficPolicyIdMarker"]}


class TrafficPolicyInstance(Resource):
    """The records that a traffic policy made in a zone."""

    service, cfn_type = "route53", "AWS::Route53::TrafficPolicyInstance"
    listing = Listing("ListTrafficPolicyInstances", scope=Scope.GLOBAL, fetch=_instances)
    arn_format = "arn:{partition}:route53:::trafficpolicyinstance/{id}"
    id_field = "id"
    name_field = "name"

    id: str
    name: str
    state: str
    message: str
    traffic_policy_id: str


class TrafficPolicy(Resource):
    """A traffic policy, in all its versions."""

    service, cfn_type = "route53", "AWS::Route53::TrafficPolicy"
    listing = Listing("ListTrafficPolicies", scope=Scope.GLOBAL, fetch=_policies)
    arn_format = "arn:{partition}:route53:::trafficpolicy/{id}"
    id_field = "id"
    name_field = "name"

    id: str
    name: str
