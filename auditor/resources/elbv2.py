"""Load balancers of the current generation: application, network and gateway; their listeners and target groups."""

from typing import Annotated, Any

from pydantic import BeforeValidator

from auditor.fetch import Call, Join, Listing
from auditor.model import Resource, Shape, Tags

# Attributes come in the form of tags; AWS lists every attribute that the type of load balancer has.
Attributes = Tags

WITH_RULES = ("HTTP", "HTTPS")  # protocols of listeners that choose by rules
WITH_TLS = ("HTTPS", "TLS")  # protocols of listeners that end TLS


class LoadBalancerState(Shape):
    """How far a load balancer is: "provisioning", "active", "active_impaired" or "failed"."""

    code: str


class LoadBalancerAddress(Shape):
    """An address of a network load balancer; one without an allocation is AWS's choice."""

    allocation_id: str | None = None


class AvailabilityZone(Shape):
    """A zone that a load balancer is enabled in, with its subnet there."""

    zone_name: str
    subnet_id: str | None = None
    outpost_id: str | None = None  # absent: in AWS's own data centres
    load_balancer_addresses: tuple[LoadBalancerAddress, ...] = ()


def _own_tags(value: Any) -> Any:
    """The tags of the one resource that an answer of DescribeTags is about."""
    if not isinstance(value, list):
        return value
    return [tag for described in value for tag in described.get("Tags", [])]


class LoadBalancer(Resource):
    """An application, network or gateway load balancer."""

    service, cfn_type = "elbv2", "AWS::ElasticLoadBalancingV2::LoadBalancer"
    listing = Listing("DescribeLoadBalancers", at="LoadBalancers")
    arn_format = "{load_balancer_arn}"
    id_field = "load_balancer_name"
    name_field = "load_balancer_name"

    load_balancer_arn: str
    load_balancer_name: str
    type: str  # "application", "network" or "gateway"
    scheme: str | None = None  # "internet-facing" or "internal"; a gateway load balancer has none
    dns_name: str | None = None  # a gateway load balancer has none
    vpc_id: str | None = None
    ip_address_type: str | None = None  # "ipv4", "dualstack" or "dualstack-without-public-ipv4"
    state: LoadBalancerState
    availability_zones: tuple[AvailabilityZone, ...]
    security_groups: tuple[str, ...] = ()  # absent: none, as of gateway and of many network load balancers
    attributes: Annotated[
        Attributes, Call("DescribeLoadBalancerAttributes", at="Attributes", LoadBalancerArn="load_balancer_arn")
    ]
    # The listing does not have them.
    tags: Annotated[
        Tags | None,
        BeforeValidator(_own_tags),
        Join("DescribeTags", at="TagDescriptions", key="ResourceArn", field="load_balancer_arn",
             ids="ResourceArns", size=20),
    ]  # fmt: skip

    @property
    def serving(self) -> bool:
        """Whether it routes traffic: it does so too where it lacks the addresses to grow."""
        return self.state.code in ("active", "active_impaired")

    @property
    def internet_facing(self) -> bool:
        """Whether its nodes have public addresses."""
        return self.scheme == "internet-facing"

    @property
    def subnet_ids(self) -> tuple[str, ...]:
        """The subnets that its nodes are in."""
        return tuple(zone.subnet_id for zone in self.availability_zones if zone.subnet_id)


class WeightedTargetGroup(Shape):
    """A target group that gets a share of the traffic; one of weight 0 gets none."""

    target_group_arn: str
    weight: int | None = None


class ForwardConfig(Shape):
    """Where a forward leads to."""

    target_groups: tuple[WeightedTargetGroup, ...] = ()


class RedirectConfig(Shape):
    """Where a redirect leads to. A protocol that is absent, or "#{protocol}", stays as the client asked."""

    protocol: str | None = None


class Action(Shape):
    """What a listener does with a request. How it authenticates is not declared: that holds a client's secret."""

    type: str  # "forward", "redirect", "fixed-response", "authenticate-oidc", "authenticate-cognito"
    order: int | None = None  # absent where there is but one
    target_group_arn: str | None = None
    redirect_config: RedirectConfig | None = None
    forward_config: ForwardConfig | None = None

    @property
    def target_group_arns(self) -> tuple[str, ...]:
        """The target groups that it forwards to: one alone is named in both places, several in the second only."""
        several = [group.target_group_arn for group in (self.forward_config or ForwardConfig()).target_groups]
        return tuple(dict.fromkeys([self.target_group_arn, *several] if self.target_group_arn else several))


class HostHeaderConfig(Shape):
    """Names of hosts, with wildcards; those that are regular expressions are not among them."""

    values: tuple[str, ...] = ()


class RuleCondition(Shape):
    """What a rule is about. Older answers have the names of hosts in `values`, newer ones in both places."""

    field: str | None = None  # "host-header", "path-pattern", ...
    values: tuple[str, ...] = ()
    host_header_config: HostHeaderConfig | None = None


class ListenerRule(Shape):
    """A rule of a listener; the default one says what the listener itself does."""

    rule_arn: str
    is_default: bool = False
    conditions: tuple[RuleCondition, ...] = ()
    actions: tuple[Action, ...]


class ListenerCertificate(Shape):
    """A certificate of ACM, or of IAM."""

    certificate_arn: str


class SslPolicy(Shape):
    """A security policy of AWS's: the versions of TLS ("TLSv1.2") that it lets clients use."""

    name: str
    ssl_protocols: tuple[str, ...]


class Listener(Resource):
    """A listener of a load balancer."""

    service, cfn_type = "elbv2", "AWS::ElasticLoadBalancingV2::Listener"
    listing = Listing(
        "DescribeListeners", at="Listeners", per=LoadBalancer, by={"LoadBalancerArn": "load_balancer_arn"}
    )
    arn_format = "{listener_arn}"
    id_field = "listener_arn"
    name_field = "label"

    listener_arn: str
    load_balancer_arn: str
    protocol: str | None = None  # absent for gateway load balancers, whose listeners take everything
    port: int | None = None  # likewise
    ssl_policy: str | None = None  # absent without TLS
    certificates: tuple[ListenerCertificate, ...] = ()  # the default one only; absent without TLS
    default_actions: tuple[Action, ...]
    rules: Annotated[
        tuple[ListenerRule, ...],
        Call(
            "DescribeRules",
            at="Rules",
            when=lambda listener: listener.protocol in WITH_RULES,
            otherwise=(),
            ListenerArn="listener_arn",
        ),
    ]
    # The default certificate and those that SNI chooses from.
    listener_certificates: Annotated[
        tuple[ListenerCertificate, ...],
        Call(
            "DescribeListenerCertificates",
            at="Certificates",
            when=lambda listener: listener.protocol in WITH_TLS,
            otherwise=(),
            ListenerArn="listener_arn",
        ),
    ]
    ssl_policies: Annotated[
        tuple[SslPolicy, ...], Join("DescribeSSLPolicies", at="SslPolicies", key="Name", field="ssl_policy")
    ]

    @property
    def label(self) -> str:
        """What people call it: the load balancer's name and the port."""
        name = self.load_balancer_arn.split("/")[-2]
        return f"{name}:{self.port}" if self.port else name


class Matcher(Shape):
    """The codes of a healthy answer: single ones, lists and ranges ("200,301-302")."""

    http_code: str | None = None
    grpc_code: str | None = None


class Target(Shape):
    """What is registered: an instance, an address, a function or a load balancer."""

    id: str
    port: int | None = None
    availability_zone: str | None = None  # absent where AWS knows it; "all" for addresses outside of the VPC


class TargetHealth(Shape):
    """How a target is: "healthy", "unhealthy", "initial", "draining", "unused", "unavailable"."""

    state: str
    reason: str | None = None


class TargetHealthDescription(Shape):
    """A registered target and how it is."""

    target: Target
    target_health: TargetHealth

    @property
    def healthy(self) -> bool:
        """Whether it gets traffic because its checks succeed."""
        return self.target_health.state == "healthy"


class TargetGroup(Resource):
    """A target group."""

    service, cfn_type = "elbv2", "AWS::ElasticLoadBalancingV2::TargetGroup"
    listing = Listing("DescribeTargetGroups", at="TargetGroups")
    arn_format = "{target_group_arn}"
    id_field = "target_group_name"
    name_field = "target_group_name"

    target_group_arn: str
    target_group_name: str
    target_type: str  # "instance", "ip", "lambda" or "alb"
    protocol: str | None = None  # absent for functions, as are the next two
    port: int | None = None
    vpc_id: str | None = None
    load_balancer_arns: tuple[str, ...] = ()  # absent: none
    health_check_protocol: str | None = None
    health_check_path: str | None = None
    matcher: Matcher | None = None  # absent where checks are not by HTTP
    target_health_descriptions: Annotated[
        tuple[TargetHealthDescription, ...],
        Call("DescribeTargetHealth", at="TargetHealthDescriptions", TargetGroupArn="target_group_arn"),
    ]
    attributes: Annotated[
        Attributes, Call("DescribeTargetGroupAttributes", at="Attributes", TargetGroupArn="target_group_arn")
    ]

    @property
    def preserves_client_ip(self) -> bool:
        """Whether targets see the clients' own addresses; of network load balancers only."""
        return self.attributes.get("preserve_client_ip.enabled") == "true"
