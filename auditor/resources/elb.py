"""Classic load balancers."""

from typing import Annotated, Any

from auditor.fetch import Ask, Call, Listing
from auditor.model import Resource, Shape

ENCRYPTED = ("HTTPS", "SSL")  # protocols of listeners that end TLS


class ClassicListener(Shape):
    """A port that is listened on, and the one that it leads to."""

    protocol: str  # "HTTP", "HTTPS", "TCP" or "SSL"
    load_balancer_port: int
    instance_protocol: str | None = None
    instance_port: int
    ssl_certificate_id: str | None = None  # an ARN of ACM or IAM; absent without TLS


class ListenerDescription(Shape):
    """A listener with the names of its policies."""

    listener: ClassicListener
    policy_names: tuple[str, ...] = ()


class CookieStickiness(Shape):
    """A policy that ties clients to an instance by the load balancer's cookie; without a period, for the session."""

    policy_name: str | None = None
    cookie_expiration_period: int | None = None


class ClassicPolicies(Shape):
    """Policies that were made for a load balancer, whether or not a listener uses them."""

    lb_cookie_stickiness_policies: tuple[CookieStickiness, ...] = ()


class RegisteredInstance(Shape):
    """An instance that was registered."""

    instance_id: str


class HealthCheck(Shape):
    """How instances are checked: "HTTP:80/path", "TCP:80"."""

    target: str


class InstanceState(Shape):
    """How an instance is: "InService", "OutOfService" or "Unknown"."""

    instance_id: str
    state: str


class Switch(Shape):
    """Something that is on or off."""

    enabled: bool


class AdditionalAttribute(Shape):
    """An attribute that came later."""

    key: str
    value: str | None = None


class ClassicAttributes(Shape):
    """What is set for a load balancer. AWS gives all of it."""

    cross_zone_load_balancing: Switch
    access_log: Switch
    connection_draining: Switch
    additional_attributes: tuple[AdditionalAttribute, ...] = ()


class PolicyAttribute(Shape):
    """One setting of a policy: "Protocol-TLSv1", "true"."""

    attribute_name: str
    attribute_value: str | None = None


class PolicyDescription(Shape):
    """A policy of a listener."""

    policy_name: str
    policy_type_name: str
    policy_attribute_descriptions: tuple[PolicyAttribute, ...] = ()


async def _policies(ask: Ask, balancer: "ClassicLoadBalancer") -> list[dict[str, Any]]:
    """The policies of the listeners that end TLS, by name: a load balancer may keep many that nothing uses."""
    names = sorted({name for each in balancer.encrypted_listeners for name in each.policy_names})
    if not names:
        return []
    pages = await ask("DescribeLoadBalancerPolicies", LoadBalancerName=balancer.load_balancer_name, PolicyNames=names)
    return [policy for page in pages for policy in page["PolicyDescriptions"]]


class ClassicLoadBalancer(Resource):
    """A Classic load balancer."""

    service, cfn_type = "elb", "AWS::ElasticLoadBalancing::LoadBalancer"
    listing = Listing("DescribeLoadBalancers", at="LoadBalancerDescriptions")
    arn_format = "arn:{partition}:elasticloadbalancing:{region}:{account}:loadbalancer/{load_balancer_name}"
    id_field = "load_balancer_name"
    name_field = "load_balancer_name"

    load_balancer_name: str
    dns_name: str | None = None
    scheme: str | None = None  # "internet-facing" or "internal"; absent outside of VPCs, which are gone
    vpc_id: str | None = None
    listener_descriptions: tuple[ListenerDescription, ...]
    policies: ClassicPolicies
    availability_zones: tuple[str, ...]
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    instances: tuple[RegisteredInstance, ...]
    health_check: HealthCheck
    attributes: Annotated[
        ClassicAttributes,
        Call("DescribeLoadBalancerAttributes", at="LoadBalancerAttributes", LoadBalancerName="load_balancer_name"),
    ]
    instance_states: Annotated[
        tuple[InstanceState, ...],
        Call(
            "DescribeInstanceHealth",
            at="InstanceStates",
            when=lambda balancer: bool(balancer.instances),
            otherwise=(),
            LoadBalancerName="load_balancer_name",
        ),
    ]
    listener_policies: Annotated[tuple[PolicyDescription, ...], Call("DescribeLoadBalancerPolicies", fetch=_policies)]

    @property
    def encrypted_listeners(self) -> tuple[ListenerDescription, ...]:
        """The listeners that end TLS."""
        return tuple(each for each in self.listener_descriptions if each.listener.protocol.upper() in ENCRYPTED)

    @property
    def internet_facing(self) -> bool:
        """Whether its nodes have public addresses."""
        return self.scheme != "internal"
