"""Rules about how VPCs are laid out: public and private subnets, zones, and address ranges."""

from collections.abc import Iterator

from auditor.analysis import network
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.vpc import NetworkInterface, RouteTable, Subnet, Vpc
from auditor.resources.vpc_gateways import VpcPeeringConnection
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule, seen

# AWS keeps five addresses of every subnet for itself.
RESERVED = 5
GONE = ("deleted", "deleting", "rejected", "expired")


def _foreign(resource: Vpc | Subnet) -> Verdict | None:
    """The verdict about what another account shares with this one: only its owner can change it."""
    if resource.owner_id == resource.account:
        return None
    return not_applicable("It belongs to another account, which shares it", owner_id=resource.owner_id)


def _first_inside(vpc: Vpc, inventory: Inventory) -> NetworkInterface | None:
    return next(inventory.where(NetworkInterface, "vpc_id", vpc.vpc_id, region=vpc.region), None)


@rule(
    severity=Severity.MEDIUM,
    controls=("ISO-27001-2022 A.8.20 A.8.21 A.8.22",),
    notes="Public/private subnets; 3-tier architecture",
)
def ec2_vpc_public_private_subnets_separated(vpc: Vpc, inventory: Inventory) -> Verdict:
    """VPCs that are in use have private subnets besides the public ones.

    Risk: where every subnet routes to the internet, a public address and one open group put a database on it.
    Fix: aws ec2 create-subnet --region {region} --vpc-id {id} --cidr-block CIDR
    aws ec2 create-route-table --region {region} --vpc-id {id}
    aws ec2 associate-route-table --region {region} --route-table-id ROUTE_TABLE_ID --subnet-id SUBNET_ID
    """
    if (foreign := _foreign(vpc)) is not None:
        return foreign
    if _first_inside(vpc, inventory) is None:
        return not_applicable("The VPC holds no network interface")
    public: list[str] = []

    def is_private(subnet: Subnet) -> bool:
        if not network.subnet_reaches_internet(subnet.subnet_id, vpc.vpc_id, inventory, region=vpc.region):
            return True
        public.append(subnet.subnet_id)
        return False

    if any_of(is_private, inventory.where(Subnet, "vpc_id", vpc.vpc_id, region=vpc.region)):
        return passed()
    return failed("Every subnet of the VPC routes to the internet", public_subnets=sorted(public))


@rule(severity=Severity.MEDIUM, category=Category.RELIABILITY, notes="VPC (CIDR range)")
def ec2_subnet_free_addresses_available(subnet: Subnet, *, percent: float = 10) -> Verdict:
    """Subnets keep some of their IPv4 addresses free.

    Risk: once they are used up, nothing scales out, load balancers cannot grow, and replacements of what broke fail.
    Fix: aws ec2 create-subnet --region {region} --vpc-id VPC_ID --cidr-block CIDR --availability-zone ZONE
    """
    if (foreign := _foreign(subnet)) is not None:
        return foreign
    if subnet.cidr_block is None:
        return not_applicable("The subnet has IPv6 addresses only")
    usable = network.network(subnet.cidr_block).num_addresses - RESERVED
    free = subnet.available_ip_address_count
    if free >= usable * percent / 100:
        return passed(available_ip_address_count=free, usable=usable)
    return failed(f"{free} of {usable} addresses are free", available_ip_address_count=free, usable=usable)


@rule(
    severity=Severity.LOW,
    category=Category.RELIABILITY,
    controls=("ISO-27001-2022 A.8.14 A.8.20 A.8.21 A.8.22",),
    notes="VPC & Subnets (AZ scoped)",
)
def ec2_vpc_subnets_multi_az(vpc: Vpc, inventory: Inventory) -> Verdict:
    """VPCs have subnets in two Availability Zones at least.

    Risk: nothing in the VPC outlives an outage of its only zone, and load balancers and databases ask for two.
    Fix: aws ec2 create-subnet --region {region} --vpc-id {id} --cidr-block CIDR --availability-zone OTHER_ZONE
    """
    if (foreign := _foreign(vpc)) is not None:
        return foreign
    zones: set[str] = set()
    for subnet in inventory.where(Subnet, "vpc_id", vpc.vpc_id, region=vpc.region):
        zones.add(subnet.availability_zone)
        if len(zones) > 1:
            return passed()
    if not zones:
        return not_applicable("The VPC has no subnets")
    return failed("All subnets of the VPC are in one zone", availability_zones=sorted(zones))


@rule(severity=Severity.LOW, notes="VPC")
def ec2_vpc_default_not_used(vpc: Vpc, inventory: Inventory) -> Verdict:
    """The default VPC of a region holds nothing.

    Risk: all its subnets are public and give out public addresses, so whatever is launched there faces the internet.
    Fix: aws ec2 describe-network-interfaces --region {region} --filters Name=vpc-id,Values={id}
    """
    if not vpc.is_default:
        return not_applicable("Not the default VPC of the region")
    interface = _first_inside(vpc, inventory)
    if interface is None:
        return passed()
    return failed(
        "Something lives in the default VPC",
        network_interface=interface.network_interface_id,
        description=interface.description,
    )


@rule(severity=Severity.LOW, category=Category.RELIABILITY, notes="VPC Peering (no overlapping CIDR)")
def ec2_vpc_cidr_not_overlapping(vpc: Vpc, inventory: Inventory) -> Verdict:
    """The account's VPCs have address ranges of their own, in whichever region they are.

    Risk: two networks with the same addresses can never be peered or routed to each other, and renumbering one means
        building it anew.
    Fix: aws ec2 create-vpc --region {region} --cidr-block FREE_CIDR
    """
    if (foreign := _foreign(vpc)) is not None:
        return foreign
    if vpc.is_default:
        return not_applicable("Default VPCs all have the same range")
    known = seen(network.each_readable(inventory.each(Vpc), lambda other: [other] if _overlap(vpc, other) else []))
    if not known:
        return passed(cidr_blocks=vpc.cidr_blocks)
    return failed(
        "Another VPC of the account has the same addresses",
        severity=_connected(vpc, known, inventory),
        cidr_blocks=vpc.cidr_blocks,
        others=[{"vpc_id": o.vpc_id, "region": o.region, "cidr_blocks": o.cidr_blocks} for o in known],
    )


def _overlap(one: Vpc, other: Vpc) -> bool:
    """Whether two VPCs share addresses. Default VPCs are none to compare with."""
    if one.vpc_id == other.vpc_id or other.is_default:
        return False
    mine, theirs = ([network.network(cidr) for cidr in each.cidr_blocks] for each in (one, other))
    return any(network.common(a, b) is not None for a in mine for b in theirs)


def _connected(vpc: Vpc, others: list[Vpc], inventory: Inventory) -> Iterator[Severity]:
    """High where somebody meant to connect the two: by a peering, or by routes to one transit gateway."""
    yield Severity.LOW
    ids = {other.vpc_id for other in others}
    for peering in inventory.each(VpcPeeringConnection):
        ends = {peering.requester_vpc_info.vpc_id, peering.accepter_vpc_info.vpc_id}
        if vpc.vpc_id in ends and ends & ids and peering.status.code not in GONE:
            yield Severity.HIGH
    own = set(_transit_gateways(vpc, inventory))
    if own and any(own & set(_transit_gateways(other, inventory)) for other in others):
        yield Severity.HIGH


def _transit_gateways(vpc: Vpc, inventory: Inventory) -> Iterator[str]:
    for table in inventory.where(RouteTable, "vpc_id", vpc.vpc_id, region=vpc.region):
        yield from (route.transit_gateway_id for route in table.routes if route.transit_gateway_id)
