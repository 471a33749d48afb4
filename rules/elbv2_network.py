"""What reaches load balancers: their security groups, and AWS WAF in front of them."""

from collections.abc import Iterable, Iterator
from typing import Any

from auditor.analysis.load_balancing import listeners_of
from auditor.analysis.network import each_readable, group_called
from auditor.findings import Severity
from auditor.inventory import Inventory
from auditor.resources.elb import ClassicLoadBalancer
from auditor.resources.elbv2 import LoadBalancer
from auditor.resources.vpc import IpPermission, ManagedPrefixList
from auditor.resources.wafv2 import WebAcl
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule, seen

# What CloudFront asks origins from: a prefix list of AWS's for IPv4, and one for IPv6.
FROM_CLOUDFRONT = (
    "com.amazonaws.global.cloudfront.origin-facing",
    "com.amazonaws.global.ipv6.cloudfront.origin-facing",
)
# Protocols that have ports, as rules of security groups spell them.
NAMES = {"6": "tcp", "17": "udp"}

OVER_UDP = ("UDP", "TCP_UDP", "QUIC", "TCP_QUIC")  # protocols of listeners; all others are over TCP alone

Listened = set[tuple[str, int]]  # ("tcp", 443)


@rule(severity=Severity.MEDIUM, notes="NLB (no security groups)")
def elbv2_network_load_balancer_security_groups_attached(balancer: LoadBalancer) -> Verdict:
    """Network load balancers have security groups.

    Risk: without any, who may connect is left to the targets' groups, and these have to admit whole networks.
    Fix: in the template, make another AWS::ElasticLoadBalancingV2::LoadBalancer with SecurityGroups: one that was
      made without any can never be given some.
    """
    if balancer.type != "network":
        return not_applicable("It is no network load balancer", type=balancer.type)
    if balancer.security_groups:
        return passed(security_groups=list(balancer.security_groups))
    severity = None if balancer.internet_facing else Severity.LOW
    return failed("The load balancer has no security group", severity=severity, scheme=balancer.scheme)


@rule(severity=Severity.LOW, notes="Load Balancer Security Groups")
def elbv2_load_balancer_security_group_matches_listeners(balancer: LoadBalancer, inventory: Inventory) -> Verdict:
    """Load balancers admit only the ports that they listen on.

    Risk: a port that is open for nothing is open at once for the listener that somebody adds there some day.
    Fix: aws ec2 revoke-security-group-ingress --group-id GROUP --security-group-rule-ids RULE --region {region}
    """
    if not balancer.security_groups:
        return not_applicable("The load balancer has no security group", type=balancer.type)

    def excess(group_id: str) -> Iterator[dict[str, Any]]:
        group = group_called(group_id, inventory, region=balancer.region)
        listened = _listened(group_id, inventory, balancer.region)
        for permission in group.ip_permissions:
            if _from_networks(permission) and not _all_listened(permission, listened):
                ports = {"from_port": permission.from_port, "to_port": permission.to_port}
                yield {"group": group_id, "protocol": permission.ip_protocol, **ports}

    if found := seen(each_readable(balancer.security_groups, excess)):
        return failed("Its security groups admit ports that nothing listens on", admitted=found)
    return passed(security_groups=list(balancer.security_groups))


def _from_networks(permission: IpPermission) -> bool:
    """Whether a rule lets networks in, not only other groups."""
    return bool(permission.ip_ranges or permission.ipv6_ranges or permission.prefix_list_ids)


def _all_listened(permission: IpPermission, listened: Listened) -> bool:
    """Whether something listens on every port of a rule. ICMP has none, and paths need it to learn their MTU."""
    protocol = NAMES.get(permission.ip_protocol, permission.ip_protocol)
    low, high = permission.from_port, permission.to_port
    if protocol == "-1" or (protocol in NAMES.values() and (low is None or high is None)):
        return False
    if protocol not in NAMES.values() or low is None or high is None:
        return True
    inside = {port for name, port in listened if name == protocol and low <= port <= high}
    return len(inside) == high - low + 1


def _listened(group_id: str, inventory: Inventory, region: str) -> Listened:
    """The ports that load balancers with a group listen on. Raises Unread unless all of them are known."""
    found: Listened = set()
    for balancer in inventory.where(LoadBalancer, "security_groups", group_id, region=region):
        for listener in listeners_of(balancer, inventory):
            if listener.port and listener.protocol:
                udp, tcp = listener.protocol in OVER_UDP, listener.protocol not in ("UDP", "QUIC")
                found |= {(name, listener.port) for name, used in (("udp", udp), ("tcp", tcp)) if used}
    for classic in inventory.where(ClassicLoadBalancer, "security_groups", group_id, region=region):
        found |= {("tcp", each.listener.load_balancer_port) for each in classic.listener_descriptions}
    return found


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub ELB.16", "PCI-4.0 6.4.1.1 6.4.2.1", "NIST-800-53-r5 ac_4_21"),
    notes="Why ELB (WAF integration)",
)
def elbv2_load_balancer_waf_associated(balancer: LoadBalancer, inventory: Inventory) -> Verdict:
    """Application load balancers on the internet are behind AWS WAF.

    Risk: floods of requests, stuffed credentials and the usual exploits go straight to the application.
    Fix: aws wafv2 associate-web-acl --web-acl-arn WEB_ACL --resource-arn {arn} --region {region}
    """
    if balancer.type != "application" or not balancer.internet_facing:
        return not_applicable("It is no application load balancer on the internet", type=balancer.type)
    if not balancer.serving:
        return not_applicable("The load balancer does not serve", state=balancer.state.code)
    arn, region = balancer.load_balancer_arn, balancer.region
    acl = next(inventory.where(WebAcl, "load_balancer_arns", arn, region=region), None)
    if acl is not None:
        return passed(web_acl=acl.name)
    groups = list(balancer.security_groups)
    if _only_cloudfront(groups, inventory, region):
        return not_applicable("Only CloudFront reaches it, so WAF's place is there", security_groups=groups)
    return failed("No web ACL is associated with the load balancer", security_groups=groups)


def _only_cloudfront(group_ids: Iterable[str], inventory: Inventory, region: str) -> bool:
    """Whether security groups admit CloudFront and nobody else."""

    def admitted(group_id: str) -> Iterator[IpPermission]:
        yield from group_called(group_id, inventory, region=region).ip_permissions

    def by_others(permission: IpPermission) -> bool:
        networks = permission.ip_ranges or permission.ipv6_ranges or permission.user_id_group_pairs
        return bool(networks) or any_of(
            lambda named: not from_cloudfront(named.prefix_list_id), permission.prefix_list_ids
        )

    def from_cloudfront(prefix_list_id: str) -> bool:
        named = inventory.find(ManagedPrefixList, "prefix_list_id", prefix_list_id, region=region)
        return named is not None and named.by_aws and (named.prefix_list_name or "").endswith(FROM_CLOUDFRONT)

    permissions = each_readable(group_ids, admitted)
    if any_of(by_others, permissions):
        return False
    return any_of(lambda permission: bool(permission.prefix_list_ids), each_readable(group_ids, admitted))
