"""Rules about the ways out of VPCs: NAT, gateway endpoints, internet gateways; and about addresses and interfaces."""

from collections.abc import Iterator
from datetime import timedelta

from auditor.analysis import network
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.ec2 import Instance
from auditor.resources.vpc import NetworkInterface, Route, RouteTable, Subnet, Vpc
from auditor.resources.vpc_gateways import Address, InternetGateway, NatGateway, VpcEndpoint
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule, seen, unknown

# AWS's services that are reached by a gateway endpoint, which costs nothing.
BY_GATEWAY = ("s3", "dynamodb")


def _foreign(resource: Vpc | NetworkInterface | InternetGateway) -> Verdict | None:
    """The verdict about what another account shares with this one: only its owner can change it."""
    if resource.owner_id == resource.account:
        return None
    return not_applicable("It belongs to another account", owner_id=resource.owner_id)


def _default_routes(table: RouteTable, inventory: Inventory) -> Iterator[Route]:
    """The routes of a table that take all of IPv4, or of IPv6."""

    def if_world(route: Route) -> list[Route]:
        worlds = [net for net in network.destinations(route, inventory, table.region) if network.is_world(net)]
        return [route] if worlds else []

    return network.each_readable((route for route in table.routes if route.state != "blackhole"), if_world)


def _table(subnet_id: str, vpc_id: str, inventory: Inventory, region: str) -> RouteTable:
    """The route table of a subnet. Raises Unread where the account cannot see it."""
    table = network.route_table_of(subnet_id, vpc_id, inventory, region=region)
    if table is None:
        raise network.unlisted(RouteTable, f"the route table of {subnet_id}", inventory, region)
    return table


# --- NAT


@rule(severity=Severity.MEDIUM, category=Category.RELIABILITY, notes="NAT Gateways")
def ec2_vpc_nat_gateway_per_az(vpc: Vpc, inventory: Inventory) -> Verdict:
    """Private subnets leave by a NAT gateway in their own Availability Zone.

    Risk: when the gateway's zone fails, subnets of healthy zones lose their way out with it; until then, every byte
        that crosses zones is paid for.
    Fix: aws ec2 create-nat-gateway --region {region} --subnet-id PUBLIC_SUBNET_OF_THE_ZONE --allocation-id ALLOCATION
    aws ec2 replace-route --region {region} --route-table-id ROUTE_TABLE_ID --destination-cidr-block 0.0.0.0/0
        --nat-gateway-id NAT_GATEWAY_ID
    """
    if (foreign := _foreign(vpc)) is not None:
        return foreign
    subnets = list(inventory.where(Subnet, "vpc_id", vpc.vpc_id, region=vpc.region))
    if len({subnet.availability_zone for subnet in subnets}) < 2:
        return not_applicable("The VPC uses one zone only")
    used: set[str] = set()

    def astray(subnet: Subnet) -> Iterator[dict[str, str]]:
        table = _table(subnet.subnet_id, vpc.vpc_id, inventory, vpc.region)
        ids = {route.nat_gateway_id for route in _default_routes(table, inventory) if route.nat_gateway_id}
        for gateway_id in sorted(ids):
            used.add(gateway_id)
            zone = _zone(gateway_id, inventory, vpc.region)
            if zone not in (None, subnet.availability_zone):
                yield {"subnet": subnet.subnet_id, "nat_gateway": gateway_id, "nat_gateway_zone": str(zone)}

    wrong = seen(network.each_readable(subnets, astray))
    if wrong:
        return failed("Subnets leave by a NAT gateway of another zone", subnets=wrong)
    if not used:
        return not_applicable("No subnet of the VPC leaves by a NAT gateway")
    return passed(nat_gateways=sorted(used))


def _zone(gateway_id: str, inventory: Inventory, region: str) -> str | None:
    """The zone of a NAT gateway; None for one that spans zones, or that is not there (any more)."""
    gateway = inventory.find(NatGateway, "nat_gateway_id", gateway_id, region=region)
    if gateway is None or gateway.state != "available" or gateway.subnet_id is None:
        return None
    subnet = inventory.find(Subnet, "subnet_id", gateway.subnet_id, region=region)
    return subnet.availability_zone if subnet is not None else None


@rule(severity=Severity.HIGH, category=Category.RELIABILITY, notes="NAT goes inside a public subnet")
def ec2_nat_gateway_in_public_subnet(gateway: NatGateway, inventory: Inventory) -> Verdict:
    """Public NAT gateways stand in a subnet that has a way to the internet.

    Risk: without one the gateway has nowhere to send packets to, and all that leaves by it is cut off.
    Fix: aws ec2 create-route --region {region} --route-table-id ROUTE_TABLE_ID --destination-cidr-block 0.0.0.0/0
        --gateway-id INTERNET_GATEWAY_ID
    """
    if gateway.connectivity_type != "public" or gateway.state != "available":
        return not_applicable(
            "Not a public NAT gateway in service", connectivity_type=gateway.connectivity_type, state=gateway.state
        )
    if gateway.subnet_id is None:
        return not_applicable("A regional gateway stands in no subnet")
    table = _table(gateway.subnet_id, gateway.vpc_id, inventory, gateway.region)
    if any_of(_leads_out, _default_routes(table, inventory)):
        return passed(route_table=table.route_table_id)
    return failed(
        "The gateway's subnet has no way to the internet", subnet_id=gateway.subnet_id, route_table=table.route_table_id
    )


def _leads_out(route: Route) -> bool:
    """Whether a default route of IPv4 leads to the internet, or to something that inspects what goes there."""
    through = (route.gateway_id or "").startswith(("igw-", "vpce-"))
    inspected = route.network_interface_id or route.instance_id
    return route.destination_ipv6_cidr_block is None and bool(through or inspected)


@rule(severity=Severity.LOW, category=Category.COST, notes="NAT Gateways")
def ec2_nat_gateway_in_use(
    gateway: NatGateway, inventory: Inventory, *, unrouted_days: int = 7, idle_days: int = 30
) -> Verdict:
    """NAT gateways have a route that leads to them, and traffic.

    Risk: an idle gateway is billed for every hour, and its address stays on the allow lists of partners.
    Fix: aws ec2 delete-nat-gateway --region {region} --nat-gateway-id {id}
    """
    if gateway.state != "available":
        return not_applicable("The gateway is not in service", state=gateway.state)
    age = inventory.now - gateway.create_time
    if age <= timedelta(days=unrouted_days):
        return not_applicable("The gateway is new", create_time=gateway.create_time)
    tables = inventory.each(RouteTable, region=gateway.region)
    if not any(route.nat_gateway_id == gateway.nat_gateway_id for table in tables for route in table.routes):
        return failed("No route leads to the gateway", create_time=gateway.create_time)
    if age <= timedelta(days=idle_days):
        return passed("A route leads to the gateway, which is too new to be called idle")
    sent = gateway.bytes_out_to_destination
    if not sent:
        return unknown("CloudWatch has no values for the gateway")
    if sum(sent) == 0:
        return failed(f"The gateway sent nothing for {len(sent)} days", bytes_out_to_destination=0)
    return passed(bytes_out_to_destination=sum(sent))


# --- endpoints and internet gateways


@rule(severity=Severity.LOW, category=Category.COST, notes="VPC Endpoints (S3, DynamoDB)")
def ec2_vpc_gateway_endpoints_s3_dynamodb_present(vpc: Vpc, inventory: Inventory) -> Verdict:
    """Private subnets reach S3 and DynamoDB by gateway endpoints.

    Risk: without them that traffic leaves by a NAT gateway, which bills each gigabyte, or has no way at all.
    Fix: aws ec2 create-vpc-endpoint --region {region} --vpc-id {id} --vpc-endpoint-type Gateway
        --service-name com.amazonaws.{region}.s3 --route-table-ids ROUTE_TABLE_IDS
    aws ec2 create-vpc-endpoint --region {region} --vpc-id {id} --vpc-endpoint-type Gateway
        --service-name com.amazonaws.{region}.dynamodb --route-table-ids ROUTE_TABLE_IDS
    """
    if (foreign := _foreign(vpc)) is not None:
        return foreign
    tables = sorted(set(_private_tables(vpc, inventory)))
    if not tables:
        return not_applicable("The VPC has no private subnet that leaves by NAT or holds an instance")
    missing: dict[str, list[str]] = {}
    for service in BY_GATEWAY:
        served = _served(vpc, service, inventory)
        if lacking := [table for table in tables if table not in served]:
            missing[service] = lacking
    if not missing:
        return passed(route_tables=tables)
    return failed(f"Private subnets have no gateway endpoint for {' and '.join(missing)}", route_tables=missing)


def _private_tables(vpc: Vpc, inventory: Inventory) -> Iterator[str]:
    """The route tables of subnets without a route to an internet gateway that leave by NAT, or hold an instance."""
    for subnet in inventory.where(Subnet, "vpc_id", vpc.vpc_id, region=vpc.region):
        table = _table(subnet.subnet_id, vpc.vpc_id, inventory, vpc.region)
        if any(network.internet_routes(table, inventory)):
            continue
        if any(route.nat_gateway_id for route in table.routes) or _holds_instance(subnet, inventory):
            yield table.route_table_id


def _holds_instance(subnet: Subnet, inventory: Inventory) -> bool:
    inside = inventory.where(NetworkInterface, "subnet_id", subnet.subnet_id, region=subnet.region)
    return any(face.instance_id is not None for face in inside)


def _served(vpc: Vpc, service: str, inventory: Inventory) -> set[str]:
    """The route tables that have a route to a gateway endpoint of a service."""
    return {
        table
        for endpoint in inventory.where(VpcEndpoint, "vpc_id", vpc.vpc_id, region=vpc.region)
        if endpoint.vpc_endpoint_type == "Gateway" and endpoint.state.lower() == "available"
        if (endpoint.service_name or "").endswith(f".{vpc.region}.{service}")
        for table in endpoint.route_table_ids
    }


@rule(severity=Severity.INFORMATIONAL, category=Category.OPERATIONS, notes="Internet Gateway")
def ec2_internet_gateway_attached(gateway: InternetGateway) -> Verdict:
    """Internet gateways serve a VPC.

    Risk: a leftover is one call away from opening a VPC that was meant to have no way out.
    Fix: aws ec2 delete-internet-gateway --region {region} --internet-gateway-id {id}
    """
    if (foreign := _foreign(gateway)) is not None:
        return foreign
    if gateway.attachments:
        return passed(vpc_id=gateway.attachments[0].vpc_id)
    return failed("The gateway is attached to no VPC")


# --- addresses and interfaces


@rule(
    severity=Severity.LOW,
    category=Category.COST,
    controls=("SecurityHub EC2.12", "ISO-27001-2022 A.8.20 A.8.21 A.8.22"),
    notes="Elastic IP",
)
def ec2_eip_associated(address: Address) -> Verdict:
    """Elastic IP addresses are associated with something.

    Risk: an address that nothing uses is billed all the same, and names that still point to it lead nowhere, or
        one day to a stranger.
    Fix: aws ec2 release-address --region {region} --allocation-id {id}
    """
    if address.association_id or address.network_interface_id:
        return passed(association_id=address.association_id)
    if address.service_managed:
        return not_applicable("An AWS service allocated the address", service_managed=address.service_managed)
    return failed("The address is associated with nothing", public_ip=address.public_ip)


@rule(severity=Severity.LOW, category=Category.RELIABILITY, notes="Elastic IP")
def ec2_instance_elastic_ip_not_used(
    instance: Instance, inventory: Inventory, *, allow_tag: str = "elastic-ip"
) -> Verdict:
    """Instances are found by a DNS name or through a load balancer, not by an Elastic IP address of their own.

    Risk: clients that know the address know one machine, which can be neither doubled nor replaced unnoticed.
    Fix: aws ec2 disassociate-address --region {region} --association-id ASSOCIATION_ID
    """
    if not instance.live:
        return not_applicable("The instance is gone", state=instance.state.name)
    if allow_tag in (instance.tags or {}):
        return not_applicable("A tag says that the instance needs an address of its own", tag=allow_tag)
    found = seen(inventory.where(Address, "instance_id", instance.instance_id, region=instance.region))
    if not found:
        return passed()
    return failed("The instance has an Elastic IP address", public_ips=[each.public_ip for each in found])


@rule(severity=Severity.LOW, category=Category.COST, notes="Elastic Network Interfaces")
def ec2_network_interface_attached(interface: NetworkInterface) -> Verdict:
    """Network interfaces are attached to something.

    Risk: a leftover holds an address of its subnet, keeps its security groups from being deleted, and lends both to
        whoever attaches it.
    Fix: aws ec2 delete-network-interface --region {region} --network-interface-id {id}
    """
    if (foreign := _foreign(interface)) is not None:
        return foreign
    if interface.status != "available":
        return passed(status=interface.status)
    if interface.requester_managed:
        return not_applicable("An AWS service manages the interface", description=interface.description)
    return failed("The interface is attached to nothing", description=interface.description)
