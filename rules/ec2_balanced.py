"""Rules about instances behind load balancers: whom they let in, and where they stand."""

from collections.abc import Iterator
from dataclasses import dataclass

from auditor.analysis import network
from auditor.analysis.network import Opening, Port
from auditor.analysis.reach_balancers import Balancer, transports
from auditor.findings import Severity
from auditor.inventory import Inventory
from auditor.resources.ec2 import Instance
from auditor.resources.ec2_instance import InstanceNetworkInterface
from auditor.resources.elb import ClassicLoadBalancer
from auditor.resources.elbv2 import LoadBalancer, TargetGroup
from auditor.resources.vpc import ManagedPrefixList, Vpc
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule, seen


@dataclass(frozen=True)
class Registration:
    """An instance's interface behind a load balancer: which one, on which port, and by what it is registered."""

    balancer: Balancer
    port: Port
    interface: InstanceNetworkInterface
    by_instance: bool


def _registrations(instance: Instance, inventory: Inventory) -> Iterator[Registration]:
    """Where an instance is registered, by its id or an address of it. Raises Unread after those that are known."""

    def of_group(group: TargetGroup) -> Iterator[Registration]:
        if group.target_type not in ("instance", "ip") or not group.load_balancer_arns:
            return
        by_instance = group.target_type == "instance"
        for target in (each.target for each in group.target_health_descriptions):
            interface = _interface(instance, target.id, by_instance=by_instance)
            port = target.port or group.port
            if interface is not None and port is not None:
                for arn in group.load_balancer_arns:
                    balancer = inventory.find(LoadBalancer, "load_balancer_arn", arn, region=instance.region)
                    if balancer is not None:
                        for protocol in transports(group.protocol):
                            yield Registration(balancer, Port(protocol, port), interface, by_instance)

    def of_classic(balancer: ClassicLoadBalancer) -> Iterator[Registration]:
        interface = _interface(instance, instance.instance_id, by_instance=True)
        if interface is not None and instance.instance_id in {each.instance_id for each in balancer.instances}:
            for each in balancer.listener_descriptions:
                yield Registration(balancer, Port("tcp", each.listener.instance_port), interface, by_instance=True)

    groups = network.each_readable(inventory.each(TargetGroup, region=instance.region), of_group)
    classics = network.each_readable(inventory.each(ClassicLoadBalancer, region=instance.region), of_classic)
    return network.each_readable((groups, classics), lambda found: found)


def _interface(instance: Instance, target: str, *, by_instance: bool) -> InstanceNetworkInterface | None:
    """The interface that a target means: the primary one of an instance's id, else the one that has an address."""
    for interface in instance.network_interfaces:
        attached = interface.attachment
        primary = attached is None or attached.device_index in (None, 0)
        if by_instance and target == instance.instance_id and primary:
            return interface
        if not by_instance and target in {each.private_ip_address for each in interface.private_ip_addresses}:
            return interface
    return None


@rule(severity=Severity.MEDIUM, notes="LB security groups; VPC Closing Comments")
def ec2_instance_web_traffic_only_from_load_balancer(instance: Instance, inventory: Inventory) -> Verdict:
    """Instances behind a load balancer take its traffic from its security group, and from no address range.

    Risk: whoever is in the range goes past the load balancer, and with it past its firewall, its logs and its TLS.
    Fix: aws ec2 authorize-security-group-ingress --region {region} --group-id GROUP_ID --protocol tcp --port PORT
        --source-group LOAD_BALANCER_GROUP_ID
    aws ec2 revoke-security-group-ingress --region {region} --group-id GROUP_ID --security-group-rule-ids RULE_IDS
    """
    if not instance.live:
        return not_applicable("The instance is gone", state=instance.state.name)
    guarded: list[str] = []

    def ranges(registered: Registration) -> Iterator[tuple[bool, dict[str, str]]]:
        if registered.balancer.security_groups:
            guarded.append(registered.balancer.arn)
            yield from _ranges(registered, inventory, instance.region)

    found = seen(network.each_readable(_registrations(instance, inventory), ranges))
    if found:
        shown = list({str(each): each for _, each in found}.values())
        return failed(
            "Addresses are let in to a port that a load balancer serves",
            severity=Severity.MEDIUM if any(wide for wide, _ in found) else Severity.LOW,
            openings=shown,
            load_balancers=sorted(set(guarded)),
        )
    if not guarded:
        return not_applicable("The instance is behind no load balancer that has security groups")
    return passed(load_balancers=sorted(set(guarded)))


def _ranges(registered: Registration, inventory: Inventory, region: str) -> Iterator[tuple[bool, dict[str, str]]]:
    """The ranges that are let in to the port behind a load balancer, each with whether it is more than the VPC."""

    def of_group(group_id: str) -> Iterator[tuple[bool, dict[str, str]]]:
        group = network.group_called(group_id, inventory, region=region)
        about = [permission for permission in group.ip_permissions if network.admits(permission, registered.port)]
        for named in (each.prefix_list_id for permission in about for each in permission.prefix_list_ids):
            listed = inventory.find(ManagedPrefixList, "prefix_list_id", named, region=region)
            if listed is not None and listed.by_aws:
                yield True, {"group": group_id, "source": listed.prefix_list_name or named}
        for opening in network.openings(group, inventory, lambda permission: permission in about):
            wide = not _in_vpc(opening, registered.interface.vpc_id, inventory, region)
            yield wide, {"group": group_id, **opening.evidence()}

    return network.each_readable((each.group_id for each in registered.interface.groups), of_group)


def _in_vpc(opening: Opening, vpc_id: str, inventory: Inventory, region: str) -> bool:
    """Whether a range is a part of a VPC's own."""
    vpc = inventory.find(Vpc, "vpc_id", vpc_id, region=region)
    if vpc is None:
        raise network.unlisted(Vpc, vpc_id, inventory, region)
    own = (network.network(cidr) for cidr in (*vpc.cidr_blocks, *vpc.ipv6_cidr_blocks))
    return any(network.common(each, opening.source) == opening.source for each in own if _alike(each, opening.source))


def _alike(one: network.Network, other: network.Network) -> bool:
    return one.version == other.version


@rule(severity=Severity.MEDIUM, notes="3-tier architecture")
def ec2_instance_private_subnet_behind_load_balancer(instance: Instance, inventory: Inventory) -> Verdict:
    """Instances behind a load balancer stand in private subnets.

    Risk: a public address, given by habit or by the subnet, lets strangers go past the load balancer; then only the
        security group is left.
    Fix: aws autoscaling update-auto-scaling-group --region {region} --auto-scaling-group-name GROUP
        --vpc-zone-identifier PRIVATE_SUBNET_IDS
    """
    if instance.state.name != "running":
        return not_applicable("The instance does not run", state=instance.state.name)
    found = {each.interface.network_interface_id: each.interface for each in _seen(instance, inventory)}
    if not found:
        return not_applicable("The instance is behind no load balancer")

    def is_public(interface: InstanceNetworkInterface) -> bool:
        return network.subnet_reaches_internet(interface.subnet_id, interface.vpc_id, inventory, region=instance.region)

    if not any_of(is_public, found.values()):
        return passed(subnets=sorted({interface.subnet_id for interface in found.values()}))
    v4 = [address for interface in found.values() for address in interface.public_ips]
    v6 = [each.ipv6_address for interface in found.values() for each in interface.ipv6_addresses]
    return failed(
        "The instance stands in a public subnet",
        severity=Severity.MEDIUM if v4 or v6 else Severity.LOW,
        subnets=sorted({interface.subnet_id for interface in found.values()}),
        public_ips=[*v4, *v6],
    )


def _seen(instance: Instance, inventory: Inventory) -> list[Registration]:
    """Where an instance is registered by its id."""
    return seen(each for each in _registrations(instance, inventory) if each.by_instance)
