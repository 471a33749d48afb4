"""Rules about EFS mount targets: whom their security groups let in, and where they stand."""

from collections.abc import Iterator

from auditor.analysis import network
from auditor.analysis.network import Network, Port
from auditor.findings import Severity
from auditor.inventory import Inventory
from auditor.resources.efs import MountTarget
from auditor.resources.vpc import NetworkInterface, Subnet, Vpc
from auditor.rule import Verdict, failed, not_applicable, passed, rule, seen, unknown

NFS = Port("tcp", 2049)


@rule(severity=Severity.MEDIUM, notes="Amazon EFS (security groups)")
def efs_mount_target_security_group_restricted(
    target: MountTarget, inventory: Inventory, *, known_networks: tuple[str, ...] = ()
) -> Verdict:
    """Mount targets let in NFS from their clients' security groups, or from their own VPC at most.

    Risk: NFS takes the client's word for who it is, so whoever gets a connection gets the files.
    Fix: aws efs modify-mount-target-security-groups --region {region} --mount-target-id {id}
        --security-groups GROUP_ID
    """
    if target.life_cycle_state != "available":
        return not_applicable("The mount target is not in service", life_cycle_state=target.life_cycle_state)
    if target.network_interface_id is None:
        return unknown("AWS does not name the mount target's network interface")
    interface = inventory.find(
        NetworkInterface, "network_interface_id", target.network_interface_id, region=target.region
    )
    if interface is None:
        raise network.unlisted(NetworkInterface, target.network_interface_id, inventory, target.region)

    def strange(group_id: str) -> Iterator[dict[str, str]]:
        group = network.group_called(group_id, inventory, region=target.region)
        for opening in network.openings(group, inventory, lambda permission: network.admits(permission, NFS)):
            if not _within(opening.source, _own(interface, inventory, known_networks)):
                yield {"group": group_id, **opening.evidence()}

    found = seen(network.each_readable(interface.group_ids, strange))
    if found:
        return failed("NFS is open to addresses outside of the VPC", openings=found)
    return passed(security_groups=interface.group_ids)


def _own(interface: NetworkInterface, inventory: Inventory, known: tuple[str, ...]) -> list[Network]:
    """The networks of an interface's VPC, and others that are known. Raises Unread where the VPC was not listed."""
    vpc = inventory.find(Vpc, "vpc_id", interface.vpc_id, region=interface.region)
    if vpc is None:
        raise network.unlisted(Vpc, interface.vpc_id, inventory, interface.region)
    return [network.network(cidr) for cidr in (*vpc.cidr_blocks, *vpc.ipv6_cidr_blocks, *known)]


def _within(source: Network, networks: list[Network]) -> bool:
    return any(net.version == source.version and network.common(net, source) == source for net in networks)


@rule(severity=Severity.MEDIUM, controls=("SecurityHub EFS.6",), notes="Amazon EFS (mounted inside the VPC)")
def efs_mount_target_private_subnets(target: MountTarget, inventory: Inventory) -> Verdict:
    """Mount targets stand in private subnets.

    Risk: in a public subnet their neighbours face the internet, and the first of them that falls mounts the files.
    Fix: aws efs create-mount-target --region {region} --file-system-id FILE_SYSTEM_ID --subnet-id PRIVATE_SUBNET_ID
    aws efs delete-mount-target --region {region} --mount-target-id {id}
    """
    subnet = inventory.find(Subnet, "subnet_id", target.subnet_id, region=target.region)
    if subnet is None:
        raise network.unlisted(Subnet, target.subnet_id, inventory, target.region)
    if subnet.map_public_ip_on_launch:
        return failed("The subnet gives out public addresses", subnet_id=subnet.subnet_id)
    if network.subnet_reaches_internet(subnet.subnet_id, subnet.vpc_id, inventory, region=target.region):
        return failed("The subnet routes to the internet", subnet_id=subnet.subnet_id)
    return passed(subnet_id=subnet.subnet_id)
