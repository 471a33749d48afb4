"""Rules about VPCs, subnets, routes and network ACLs."""

from collections.abc import Iterator
from typing import Any

from auditor.analysis import network
from auditor.analysis.network import Port
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.vpc import FlowLog, NetworkAcl, NetworkInterface, RouteTable, Subnet, Vpc
from auditor.rule import Verdict, failed, not_applicable, passed, rule

# Either protocol for both, as CIS asks, although SSH is TCP alone.
ADMIN_PORTS = tuple(Port(protocol, number) for number in (22, 3389) for protocol in ("tcp", "udp"))


def _foreign(resource: Vpc | Subnet | RouteTable | NetworkAcl) -> Verdict | None:
    """The verdict about what another account shares with this one: only its owner can change it."""
    if resource.owner_id == resource.account:
        return None
    return not_applicable("It belongs to another account, which shares it", owner_id=resource.owner_id)


def _low_while_empty(resource: Vpc | Subnet | NetworkAcl, inventory: Inventory) -> Iterator[Severity]:
    """Low while the VPC holds no network interface, and so nothing that could be harmed."""
    inside = inventory.where(NetworkInterface, "vpc_id", resource.vpc_id, region=resource.region)
    if next(inside, None) is None:
        yield Severity.LOW


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub EC2.6",
        "CIS-3.0 3.7",
        "CIS-5.0 3.7",
        "PCI-4.0 10.2.1.1.34 10.2.1.2.29 10.2.1.3.29 10.2.1.4.29 10.2.1.5.29 10.2.1.6.29 10.2.1.7.29 10.2.1.29",
        "PCI-4.0 10.2.2.29 10.3.1.29 10.6.3.39 5.3.4.34",
        "NIST-800-53-r5 ac_4_26 au_2_b au_3_a au_3_b au_3_c au_3_d au_3_e au_6_3 au_6_4 au_6_6 au_6_9 au_8_b",
        "ISO-27001-2022 A.8.15 A.8.16 A.8.20 A.8.21 A.8.22 A.8.23",
    ),
    notes="VPC Flow Logs",
)
def ec2_vpc_flow_logs_enabled(vpc: Vpc, inventory: Inventory) -> Verdict:
    """Every VPC records its traffic, or at least what it rejects, in flow logs that arrive.

    Risk: after an incident nobody can say who talked to what, and scans from inside go unnoticed.
    Fix: aws ec2 create-flow-logs --region {region} --resource-type VPC --resource-ids {id} --traffic-type REJECT
        --log-destination-type s3 --log-destination arn:aws:s3:::LOG_BUCKET
    """
    if (foreign := _foreign(vpc)) is not None:
        return foreign
    if any(_records(log) for log in inventory.where(FlowLog, "resource_id", vpc.vpc_id, region=vpc.region)):
        return passed()
    if _every_subnet_records(vpc, inventory):
        return passed("Every subnet of the VPC has flow logs")
    return failed(
        "No flow log records the VPC's traffic",
        severity=_low_while_empty(vpc, inventory),
        flow_logs=[_shown(log) for log in inventory.where(FlowLog, "resource_id", vpc.vpc_id, region=vpc.region)],
    )


def _records(log: FlowLog) -> bool:
    """Whether a flow log is active, covers rejected traffic, and is not known to fail to deliver."""
    return (
        log.flow_log_status == "ACTIVE"
        and log.traffic_type in ("ALL", "REJECT")
        and log.deliver_logs_status != "FAILED"
    )


def _every_subnet_records(vpc: Vpc, inventory: Inventory) -> bool:
    """Whether the VPC has subnets, and each has a flow log that records."""
    logs = inventory.each(FlowLog, region=vpc.region)
    covered = {log.resource_id for log in logs if log.resource_id.startswith("subnet-") and _records(log)}
    if not covered:
        return False  # without asking for the subnets, which may be unread
    subnets = inventory.where(Subnet, "vpc_id", vpc.vpc_id, region=vpc.region)
    found = False
    for subnet in subnets:
        if subnet.subnet_id not in covered:
            return False
        found = True
    return found


def _shown(log: FlowLog) -> dict[str, Any]:
    return {
        "flow_log_id": log.flow_log_id,
        "flow_log_status": log.flow_log_status,
        "traffic_type": log.traffic_type,
        "deliver_logs_status": log.deliver_logs_status,
    }


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub EC2.15", "ISO-27001-2022 A.8.20 A.8.21 A.8.22"),
    notes="VPC & Subnets",
)
def ec2_subnet_auto_assign_public_ip_disabled(subnet: Subnet, inventory: Inventory) -> Verdict:
    """Subnets give out public IPv4 addresses only when asked.

    Risk: an instance that was meant to be internal stands on the internet because nobody said otherwise.
    Fix: aws ec2 modify-subnet-attribute --region {region} --subnet-id {id} --no-map-public-ip-on-launch
    """
    if (foreign := _foreign(subnet)) is not None:
        return foreign
    states = subnet.block_public_access_states
    mode = states.internet_gateway_block_mode if states is not None else None
    if mode is not None and mode.startswith("block-"):
        return not_applicable(
            "VPC Block Public Access keeps the internet from the subnet", internet_gateway_block_mode=mode
        )
    if not subnet.map_public_ip_on_launch:
        return passed()
    return failed(
        "Instances launched in the subnet get a public address by default",
        severity=_low_while_empty(subnet, inventory),
        map_public_ip_on_launch=True,
    )


@rule(severity=Severity.MEDIUM, category=Category.RELIABILITY, notes="Route Tables")
def ec2_route_table_no_blackhole_routes(table: RouteTable) -> Verdict:
    """Every route leads to something that exists.

    Risk: packets for the destination vanish without an error, often only after the thing behind it was deleted.
    Fix: aws ec2 delete-route --region {region} --route-table-id {id} --destination-cidr-block DESTINATION
    For IPv6 that is --destination-ipv6-cidr-block, for a prefix list --destination-prefix-list-id.
    """
    if (foreign := _foreign(table)) is not None:
        return foreign
    lost = [route for route in table.routes if route.state == "blackhole"]
    if not lost:
        return passed()
    return failed(
        f"Traffic to {', '.join(str(route.destination) for route in lost)} is dropped: the route's target is gone",
        routes=[{"destination": route.destination, "target": route.target, "state": route.state} for route in lost],
    )


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub EC2.21",
        "CIS-3.0 5.1",
        "CIS-5.0 5.2",
        "PCI-4.0 1.2.8.21 1.3.1.24 1.3.2.24 1.4.2.22 1.5.1.21 A1.1.3.21",
        "ISO-27001-2022 A.8.20 A.8.21 A.8.22",
    ),
    notes="Network ACL; classic ports",
)
def ec2_network_acl_admin_ports_restricted(acl: NetworkAcl, inventory: Inventory) -> Verdict:
    """Network ACLs do not let the internet at large through to SSH or remote desktop.

    Risk: nothing is left to catch the day on which a security group is opened by mistake.
    Fix: Whoever needs these ports inside the VPC is let in first, by a rule with a number of 10 or less. Then:
    n=10; for port in 22 3389; do for protocol in 6 17; do
        for world in cidr-block=0.0.0.0/0 ipv6-cidr-block=::/0; do n=$((n+1));
        aws ec2 create-network-acl-entry --region {region} --network-acl-id {id} --ingress --rule-number $n
        --rule-action deny --protocol $protocol --port-range From=$port,To=$port --$world; done; done; done
    """
    if (foreign := _foreign(acl)) is not None:
        return foreign
    if not acl.associations:
        return not_applicable("The network ACL guards no subnet")
    deciding = {
        (port, version): entry
        for port in ADMIN_PORTS
        for version in (4, 6)
        if (entry := network.world_entry(acl, port, version)) is not None and entry.rule_action == "allow"
    }
    if not deciding:
        return passed()
    entries = {entry.rule_number: entry for entry in deciding.values()}
    return failed(
        "The whole internet is let through to administration ports",
        severity=_low_while_empty(acl, inventory),
        ports=sorted({f"{port.protocol} {port.number}" for port, _ in deciding}),
        entries=[entry.model_dump(exclude_none=True) for _, entry in sorted(entries.items())],
    )
