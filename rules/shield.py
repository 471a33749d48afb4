"""AWS Shield Advanced."""

from collections.abc import Callable, Iterator

from auditor.analysis.network import each_readable
from auditor.findings import Severity
from auditor.inventory import Inventory
from auditor.resources.account import Account
from auditor.resources.cloudfront import Distribution
from auditor.resources.elb import ClassicLoadBalancer
from auditor.resources.elbv2 import LoadBalancer
from auditor.resources.route53 import HostedZone
from auditor.resources.shield import ShieldProtection
from auditor.resources.vpc_gateways import Address
from auditor.rule import Verdict, failed, not_applicable, passed, rule, seen

SHOWN = 50  # at most so many in the evidence


@rule(
    severity=Severity.LOW,
    controls=("PCI-4.0 11.5.1.1.1 11.5.1.1",),
    notes="CloudFront (DDoS protection, Shield)",
)
def shield_protection_covers_public_resources(account: Account, inventory: Inventory) -> Verdict:
    """Where Shield Advanced is paid for, it protects what faces the internet.

    Risk: what was not enrolled gets neither the response team nor the refund of what an attack costs, though both are
      paid for.
    Fix: aws shield create-protection --name NAME --resource-arn RESOURCE --region us-east-1
    """
    state = account.shield_subscription_state
    if state != "ACTIVE":
        return not_applicable("The account has no Shield Advanced", subscription_state=state)
    # Elastic IPs have another kind of ARN there: what identifies each kind is the last part.
    protected = {each.resource_arn.rpartition("/")[2] for each in inventory.each(ShieldProtection)}

    def unprotected(of: Callable[[Inventory], Iterator[str]]) -> Iterator[str]:
        return (arn for arn in of(inventory) if arn.rpartition("/")[2] not in protected)

    kinds = (_balancers, _classic_balancers, _distributions, _addresses, _zones)
    if found := seen(each_readable(kinds, unprotected)):
        return failed("Some of what faces the internet is not enrolled", count=len(found), resources=found[:SHOWN])
    return passed(protections=len(protected))


def _balancers(inventory: Inventory) -> Iterator[str]:
    """Application load balancers: a network one is protected by its addresses."""
    for balancer in inventory.each(LoadBalancer):
        if balancer.internet_facing and balancer.type == "application":
            yield balancer.arn


def _classic_balancers(inventory: Inventory) -> Iterator[str]:
    for balancer in inventory.each(ClassicLoadBalancer):
        if balancer.internet_facing:
            yield balancer.arn


def _distributions(inventory: Inventory) -> Iterator[str]:
    for distribution in inventory.each(Distribution):
        if distribution.enabled:
            yield distribution.arn


def _addresses(inventory: Inventory) -> Iterator[str]:
    """Elastic IPs of instances and of network load balancers: nobody attacks a NAT gateway's."""
    for address in inventory.each(Address):
        if address.instance_id:
            yield address.arn
    for balancer in inventory.each(LoadBalancer):
        for each in (each for zone in balancer.availability_zones for each in zone.load_balancer_addresses):
            if each.allocation_id and balancer.internet_facing:
                yield f"{balancer.arn.partition('loadbalancer/')[0]}eip-allocation/{each.allocation_id}"


def _zones(inventory: Inventory) -> Iterator[str]:
    for zone in inventory.each(HostedZone):
        if not zone.private:
            yield zone.arn
