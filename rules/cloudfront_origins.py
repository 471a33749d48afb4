"""Where CloudFront distributions get content."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from auditor.analysis.network import Port, each_readable, world_openings_to
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.cloudfront import Distribution, Origin, OriginAccessControl
from auditor.resources.elb import ClassicLoadBalancer
from auditor.resources.elbv2 import LoadBalancer
from auditor.resources.s3 import Bucket
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule, seen

IDLE = "The distribution is switched off, or a copy for tests"
# The name of a load balancer, with its region: before or after "elb".
BALANCER = re.compile(
    r"(?:dualstack\.)?(?P<name>.+\.(?:(?P<of_alb>[a-z0-9-]+)\.elb|elb\.(?P<of_nlb>[a-z0-9-]+))\.amazonaws\.com(?:\.cn)?)"
)


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub CloudFront.9",
        "PCI-4.0 1.2.5.5 2.2.5.5 2.2.7.3 4.2.1.1.7 4.2.1.3 8.3.2.6",
        "ISO-27001-2022 A.8.24",
    ),
    notes="CloudFront HTTPS (origin policy)",
)
def cloudfront_distribution_origin_https_required(distribution: Distribution) -> Verdict:
    """Distributions ask their origins over HTTPS only.

    Risk: the viewer sees a lock while the other half of the way is in the clear, across the internet.
    Fix: in the template, set OriginProtocolPolicy of each CustomOriginConfig to https-only.
    """
    if not distribution.serving:
        return not_applicable(IDLE)
    servers = [each for each in distribution.origins.items if each.custom_origin_config and not each.website]
    if not servers:
        return not_applicable("No origin is a web server of its own")
    clear = {origin.id: policy for origin in servers if (policy := _in_clear(origin, distribution))}
    if clear:
        return failed("Origins are asked in the clear", origin_protocol_policy=clear)
    return passed()


def _in_clear(origin: Origin, distribution: Distribution) -> str | None:
    """The policy by which an origin is asked over HTTP; None where it is not. It may do as viewers do."""
    policy = origin.custom_origin_config.origin_protocol_policy if origin.custom_origin_config else None
    if policy == "match-viewer":
        groups = distribution.origin_groups.items
        named = {group.id for group in groups if origin.id in {each.origin_id for each in group.members.items}}
        mine = (each for each in distribution.behaviors if each.target_origin_id in {origin.id, *named})
        return policy if any(each.viewer_protocol_policy == "allow-all" for each in mine) else None
    return policy if policy == "http-only" else None


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub CloudFront.13", "PCI-4.0 10.3.4.1 10.3.4.2"),
    notes="CloudFront with S3 (private bucket)",
)
def cloudfront_distribution_s3_origin_access_control_used(distribution: Distribution, inventory: Inventory) -> Verdict:
    """Distributions sign what they ask of buckets, by origin access control.

    Risk: a bucket that cannot tell CloudFront from others has to be public, so everything around it is passed by.
    Fix: in the template, make an AWS::CloudFront::OriginAccessControl (SigningBehavior: always), name it in
      OriginAccessControlId of the origin, and let the bucket's policy admit this distribution only.
    """
    if not distribution.serving:
        return not_applicable(IDLE)
    buckets = [origin for origin in distribution.origins.items if _is_bucket(origin)]
    if not buckets:
        return not_applicable("No origin is a bucket")
    found = seen(each_readable(buckets, lambda origin: _unsigned(origin, inventory)))
    if not found:
        return passed(origins=[origin.id for origin in buckets])
    evidence: dict[str, Any] = {"origins": {origin.id: why for origin, why, _ in found}}
    if not all(legacy for _, _, legacy in found):
        return failed("Buckets are asked without a signature", **evidence)

    def severity() -> Iterator[Severity]:
        yield Severity.LOW
        list(each_readable(buckets, lambda origin: _unsigned(origin, inventory)))  # what is unread may be worse

    return failed("Buckets are asked by a legacy identity", severity=severity(), **evidence)


def _is_bucket(origin: Origin) -> bool:
    """Whether an origin is a bucket by its REST endpoint: its website cannot be asked with a signature."""
    return origin.s3_origin_config is not None or (origin.bucket is not None and not origin.website)


def _unsigned(origin: Origin, inventory: Inventory) -> Iterator[tuple[Origin, str, bool]]:
    """Why an origin is not asked as it should be, if so, and whether that is by a legacy identity."""
    if origin.s3_origin_config is None:
        yield origin, "a custom origin", False
    elif origin.origin_access_control_id:
        control = inventory.find(OriginAccessControl, "id", origin.origin_access_control_id)
        if control is not None and control.signing_behavior == "never":
            yield origin, "an origin access control that never signs", False
    elif origin.s3_origin_config.origin_access_identity:
        yield origin, "an origin access identity", True
    else:
        yield origin, "nothing", False


@rule(severity=Severity.MEDIUM, notes="CloudFront custom origins (public security group)")
def cloudfront_distribution_custom_origin_shielded(distribution: Distribution, inventory: Inventory) -> Verdict:
    """Load balancers behind a distribution are reached through it alone.

    Risk: who asks the load balancer directly passes by WAF, limits, countries and signed URLs.
    Fix: aws ec2 authorize-security-group-ingress --group-id GROUP --ip-permissions
      'IpProtocol=tcp,FromPort=443,ToPort=443,PrefixListIds=[{PrefixListId=CLOUDFRONT_ORIGIN_FACING}]'
    aws ec2 revoke-security-group-ingress --group-id GROUP --protocol tcp --port 443 --cidr 0.0.0.0/0
    Better still, make the load balancer internal, and an AWS::CloudFront::VpcOrigin of it.
    """
    if not distribution.serving:
        return not_applicable(IDLE)
    origins = [each for each in distribution.origins.items if each.vpc_origin_config or _balancer_name(each)]
    if not any_of(lambda each: each.vpc_origin_config is not None or any(_balancers(each, inventory)), origins):
        return not_applicable("No origin is a load balancer of the account by its own name")
    exposed = seen(each_readable(origins, lambda origin: _exposed(origin, inventory)))
    if exposed:
        return failed("A load balancer behind the distribution is open to the internet", origins=exposed)
    if any_of(lambda origin: _is_left_to_targets(origin, inventory), origins):
        return not_applicable(
            "A load balancer has no security group: elbv2-network-load-balancer-security-groups-attached tells"
        )
    return passed(origins=[origin.id for origin in origins])


def _balancer_name(origin: Origin) -> re.Match[str] | None:
    return BALANCER.fullmatch(origin.domain_name.lower()) if origin.custom_origin_config else None


def _balancers(origin: Origin, inventory: Inventory) -> Iterator[LoadBalancer | ClassicLoadBalancer]:
    """The load balancer of the account that an origin names. Raises Unread after it where others were not read."""
    if name := _balancer_name(origin):
        for balancer in _listed(inventory, name["of_alb"] or name["of_nlb"]):
            if (balancer.dns_name or "").lower() == name["name"]:
                yield balancer


def _listed(inventory: Inventory, region: str) -> Iterator[LoadBalancer | ClassicLoadBalancer]:
    readers: tuple[Callable[[], Iterable[LoadBalancer | ClassicLoadBalancer]], ...] = (
        lambda: inventory.each(LoadBalancer, region=region),
        lambda: inventory.each(ClassicLoadBalancer, region=region),
    )
    return each_readable(readers, lambda read: read())


def _is_left_to_targets(origin: Origin, inventory: Inventory) -> bool:
    """Whether an origin's load balancer keeps nobody away itself: who gets through is up to what stands behind it."""
    if origin.custom_origin_config is None or origin.custom_headers.items:
        return False
    return any(each.internet_facing and not each.security_groups for each in _balancers(origin, inventory))


def _exposed(origin: Origin, inventory: Inventory) -> Iterator[dict[str, Any]]:
    """How the internet gets to the load balancer that an origin names, past CloudFront."""
    config = origin.custom_origin_config
    if config is None or origin.custom_headers.items:
        return  # nobody else knows what the header says
    ports = {"http-only": [config.http_port], "https-only": [config.https_port]}.get(
        config.origin_protocol_policy, [config.http_port, config.https_port]
    )
    for balancer in _balancers(origin, inventory):
        if balancer.internet_facing:
            for port in ports:
                groups, where = balancer.security_groups, Port("tcp", port)
                for opening in world_openings_to(groups, where, inventory, region=balancer.region):
                    yield {"origin": origin.id, "load_balancer": balancer.load_balancer_name, **opening.evidence()}


@rule(
    severity=Severity.HIGH,
    controls=("SecurityHub CloudFront.12",),
    notes="CloudFront (bucket origin)",
)
def cloudfront_distribution_s3_origin_exists(distribution: Distribution, inventory: Inventory) -> Verdict:
    """Buckets that distributions get content from exist.

    Risk: whoever makes a bucket of that name, in any account, serves what he likes under the distribution's names.
    Fix: in the template, take out the origin and the behaviours that lead to it.
    """
    if not distribution.serving:
        return not_applicable(IDLE)
    named = sorted({origin.bucket for origin in distribution.origins.items if origin.bucket})
    if not named:
        return not_applicable("No origin is a bucket")
    lacking = [name for name in named if inventory.find(Bucket, "name", name) is None]
    states = {each.name: each.state for each in distribution.origin_buckets} if lacking else {}
    if missing := [name for name in lacking if states.get(name) == "missing"]:
        return failed("Origins are buckets that do not exist", missing=missing)
    if foreign := [name for name in lacking if states.get(name) == "foreign"]:
        return failed("Origins are buckets of other accounts", severity=Severity.MEDIUM, foreign=foreign)
    return passed(buckets=named)


@rule(
    severity=Severity.INFORMATIONAL,
    controls=("SecurityHub CloudFront.4", "ISO-27001-2022 A.8.14"),
    notes="CloudFront (route across origins)",
    category=Category.RELIABILITY,
)
def cloudfront_distribution_origin_failover_configured(distribution: Distribution) -> Verdict:
    """Distributions have a second origin to turn to when the first one fails.

    Risk: with the origin's region gone, viewers get errors for everything that is not cached.
    Fix: in the template, add an entry to OriginGroups with both origins, and name it in TargetOriginId.
    """
    if not distribution.serving:
        return not_applicable(IDLE)
    groups = [group.id for group in distribution.origin_groups.items]
    if not groups:
        return failed("No origin has one that stands in for it", origin_groups=[])
    return passed(origin_groups=groups)
