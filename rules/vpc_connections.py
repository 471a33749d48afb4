"""Rules about what connects VPCs: peerings, endpoints, VPNs, and EC2 Instance Connect."""

from collections.abc import Iterator

from auditor.analysis import network
from auditor.analysis.exposure import parsed
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.vpc import Route, RouteTable, Subnet
from auditor.resources.vpc_gateways import (
    InstanceConnectEndpoint,
    TunnelOption,
    VpcEndpoint,
    VpcPeeringConnection,
    VpcPeeringVpc,
    VpnConnection,
)
from auditor.rule import Verdict, failed, not_applicable, passed, rule, seen, unknown

GONE = ("deleted", "deleting")
CLOSED = (*GONE, "rejected", "failed", "expired")  # states of endpoints
OF_SOMEBODY = ".vpce."  # in the name of a service that a customer or partner offers by PrivateLink


# --- peerings


def _routes_to(
    peering: VpcPeeringConnection, inventory: Inventory, vpc_id: str | None = None
) -> Iterator[tuple[RouteTable, Route]]:
    """The routes that lead to a peering, in its region; of one VPC only, where given."""
    if vpc_id is None:
        tables = inventory.each(RouteTable, region=peering.region)
    else:
        tables = inventory.where(RouteTable, "vpc_id", vpc_id, region=peering.region)
    for table in tables:
        for route in table.routes:
            if route.vpc_peering_connection_id == peering.vpc_peering_connection_id:
                yield table, route


@rule(
    severity=Severity.LOW,
    controls=("CIS-3.0 5.5", "CIS-5.0 5.6", "ISO-27001-2022 A.8.20 A.8.21 A.8.22"),
    notes="VPC Peering (routes)",
)
def ec2_vpc_peering_routes_least_privilege(peering: VpcPeeringConnection, inventory: Inventory) -> Verdict:
    """Routes to a peered VPC lead to the subnets that are needed there, not to all of it.

    Risk: whoever breaks into one network finds every machine of the other within reach.
    Fix: aws ec2 create-route --region {region} --route-table-id ROUTE_TABLE_ID --vpc-peering-connection-id {id}
        --destination-cidr-block SUBNET_CIDR
    aws ec2 delete-route --region {region} --route-table-id ROUTE_TABLE_ID --destination-cidr-block VPC_CIDR
    """
    if peering.status.code != "active":
        return not_applicable("The peering is not active", status=peering.status.code)
    wide = seen(
        network.each_readable(_routes_to(peering, inventory), lambda found: _too_wide(peering, *found, inventory))
    )
    if not wide:
        return passed()
    return failed("Routes lead to all of the peered VPC", routes=wide)


def _too_wide(
    peering: VpcPeeringConnection, table: RouteTable, route: Route, inventory: Inventory
) -> Iterator[dict[str, str]]:
    requester, accepter = peering.requester_vpc_info, peering.accepter_vpc_info
    far = accepter if table.vpc_id == requester.vpc_id else requester
    whole = [network.network(cidr) for cidr in far.cidr_blocks]
    for net in network.destinations(route, inventory, table.region):
        if network.is_world(net) or any(network.common(net, each) == each for each in whole):
            yield {"route_table": table.route_table_id, "destination": str(net)}


@rule(severity=Severity.LOW, category=Category.RELIABILITY, notes="VPC Peering (established per pair)")
def ec2_vpc_peering_active_and_routed(peering: VpcPeeringConnection, inventory: Inventory) -> Verdict:
    """Peerings are active, and both VPCs have a route to them.

    Risk: with routes on one side alone no answer comes back; a request that nobody accepted is one that somebody may
        accept by mistake.
    Fix: aws ec2 accept-vpc-peering-connection --region {region} --vpc-peering-connection-id {id}
    aws ec2 create-route --region {region} --route-table-id ROUTE_TABLE_ID --vpc-peering-connection-id {id}
        --destination-cidr-block CIDR
    """
    code = peering.status.code
    if code in (*GONE, "provisioning"):
        return not_applicable("The peering is on its way", status=code)
    if code != "active":
        return failed("The peering is not active", status=code, status_message=peering.status.message)
    sides = [side for side in (peering.requester_vpc_info, peering.accepter_vpc_info) if _is_here(side, peering)]
    mute = [side.vpc_id for side in sides if not any(_routes_to(peering, inventory, side.vpc_id))]
    if mute:
        return failed("A VPC has no route to the peering", vpcs=mute)
    return passed(vpcs=[side.vpc_id for side in sides])


def _is_here(side: VpcPeeringVpc, peering: VpcPeeringConnection) -> bool:
    """Whether a side is the account's own, in this region: the other's routes are seen there, or not at all."""
    return side.owner_id == peering.account and side.region in (None, peering.region)


# --- endpoints


def _not_judged(endpoint: VpcEndpoint) -> Verdict | None:
    """The verdict about an endpoint that is none (any more), or that nobody in the account can change."""
    if endpoint.state.lower() in CLOSED:
        return not_applicable("The endpoint is not in service", state=endpoint.state)
    if endpoint.requester_managed:
        return not_applicable("An AWS service manages the endpoint", service_name=endpoint.service_name)
    return None


@rule(
    severity=Severity.LOW,
    category=Category.RELIABILITY,
    controls=("ISO-27001-2022 A.8.14 A.8.20 A.8.21 A.8.22",),
    notes="VPC Endpoints (interface)",
)
def ec2_vpc_endpoint_interface_multi_az(endpoint: VpcEndpoint, inventory: Inventory) -> Verdict:
    """Interface endpoints have a network interface in two Availability Zones at least.

    Risk: when the only zone fails, the whole VPC loses the service behind the endpoint.
    Fix: aws ec2 modify-vpc-endpoint --region {region} --vpc-endpoint-id {id} --add-subnet-ids SUBNET_OF_OTHER_ZONE
    """
    if endpoint.vpc_endpoint_type != "Interface":
        return not_applicable("Not an interface endpoint", vpc_endpoint_type=endpoint.vpc_endpoint_type)
    if (exempt := _not_judged(endpoint)) is not None:
        return exempt
    if len(endpoint.subnet_ids) < 2:
        return failed("The endpoint is in one subnet", subnet_ids=endpoint.subnet_ids)
    zones = set()
    for subnet_id in endpoint.subnet_ids:
        subnet = inventory.find(Subnet, "subnet_id", subnet_id, region=endpoint.region)
        if subnet is None:
            raise network.unlisted(Subnet, subnet_id, inventory, endpoint.region)
        zones.add(subnet.availability_zone)
    if len(zones) > 1:
        return passed(availability_zones=sorted(zones))
    return failed("The endpoint's subnets are in one zone", availability_zones=sorted(zones))


@rule(severity=Severity.LOW, controls=("ISO-27001-2022 A.8.20 A.8.21 A.8.22",), notes="VPC Endpoints")
def ec2_vpc_endpoint_policy_restricted(endpoint: VpcEndpoint) -> Verdict:
    """The policy of a VPC endpoint says who may do what through it, not that anyone may do anything.

    Risk: a stolen key of any account carries data out through the private door, to a bucket of the thief's own.
    Fix: aws ec2 modify-vpc-endpoint --region {region} --vpc-endpoint-id {id} --policy-document file://policy.json
    """
    if (exempt := _not_judged(endpoint)) is not None:
        return exempt
    if OF_SOMEBODY in (endpoint.service_name or ""):  # its policy is the default one, and counts for nothing
        return not_applicable("The service is not AWS's, and heeds no endpoint policies", service=endpoint.service_name)
    policy = parsed(endpoint, "policy_document", endpoint.policy_document)
    if policy is None:
        return not_applicable("The service knows no endpoint policies", service_name=endpoint.service_name)
    for allow in policy.allows:
        anyone = any(principal.is_anyone for principal in allow.principals or ())
        if anyone and allow.is_everything and not allow.conditions:
            return failed("Anyone may do anything through the endpoint", statement=allow.label)
    return passed()


# --- VPN


@rule(
    severity=Severity.MEDIUM,
    category=Category.RELIABILITY,
    controls=(
        "SecurityHub EC2.20",
        "PCI-4.0 1.3.1.46 1.3.2.46 1.4.1.10 1.4.2.44 1.4.4.10",
        "ISO-27001-2022 A.8.14 A.8.20 A.8.21 A.8.22",
    ),
    notes="Site-to-Site VPN",
)
def ec2_vpn_connection_tunnels_up(connection: VpnConnection) -> Verdict:
    """Both tunnels of a VPN connection are up.

    Risk: AWS takes a tunnel down for maintenance whenever it needs to; with the other one down already, that is an
        outage.
    Fix: aws ec2 describe-vpn-connections --region {region} --vpn-connection-ids {id}
        --query 'VpnConnections[].VgwTelemetry'
    """
    if connection.state != "available":
        return not_applicable("The connection is not in service", state=connection.state)
    if not connection.vgw_telemetry:
        return unknown("AWS says nothing of the tunnels")
    down = [tunnel for tunnel in connection.vgw_telemetry if tunnel.status == "DOWN"]
    if not down:
        return passed(tunnels=[tunnel.status for tunnel in connection.vgw_telemetry])
    return failed(
        f"{len(down)} of {len(connection.vgw_telemetry)} tunnels are down",
        tunnels=[tunnel.model_dump(exclude_none=True) for tunnel in down],
    )


@rule(severity=Severity.LOW, controls=("SecurityHub EC2.171",), notes="Site-to-Site VPN (encrypted)")
def ec2_vpn_connection_ikev2_and_logging(connection: VpnConnection) -> Verdict:
    """The tunnels of a VPN connection accept IKEv2 alone, and keep a log.

    Risk: version 1 of IKE gives away more than it should and is no longer looked after; without a log nobody can say
        why a tunnel fell.
    Fix: aws ec2 modify-vpn-tunnel-options --region {region} --vpn-connection-id {id}
        --vpn-tunnel-outside-ip-address OUTSIDE_IP --tunnel-options file://tunnel-options.json
    """
    if connection.state != "available":
        return not_applicable("The connection is not in service", state=connection.state)
    tunnels = connection.options.tunnel_options if connection.options else ()
    if not tunnels:
        return unknown("AWS says nothing of how the tunnels are set up")
    wrong = [{"outside_ip_address": t.outside_ip_address, "wrong": said} for t in tunnels if (said := _wrong(t))]
    if not wrong:
        return passed()
    return failed("Tunnels accept IKEv1, or keep no log", tunnels=wrong)


def _wrong(tunnel: TunnelOption) -> list[str]:
    """What is wrong with a tunnel. One that names no versions of IKE accepts both; logs are off unless switched on."""
    versions = {version.value for version in tunnel.ike_versions}
    logs = tunnel.log_options.cloud_watch_log_options if tunnel.log_options else None
    said = ["accepts ikev1"] if not versions or "ikev1" in versions else []
    return said if logs is not None and logs.log_enabled else [*said, "keeps no log"]


# --- EC2 Instance Connect


@rule(severity=Severity.LOW, notes="EC2 Instance Connect")
def ec2_instance_connect_endpoint_security_group_restricted(
    endpoint: InstanceConnectEndpoint, inventory: Inventory
) -> Verdict:
    """EC2 Instance Connect endpoints reach the instances that they are for, not everything in the network.

    Risk: whoever may open a tunnel reaches every port of every machine that the endpoint can, in the VPC and beyond.
    Fix: aws ec2 authorize-security-group-egress --region {region} --group-id GROUP_ID --ip-permissions
        'IpProtocol=tcp,FromPort=22,ToPort=22,UserIdGroupPairs=[{GroupId=INSTANCES_GROUP_ID}]'
    aws ec2 revoke-security-group-egress --region {region} --group-id GROUP_ID --protocol=-1 --cidr 0.0.0.0/0
    """
    if endpoint.state.startswith("delete-") and endpoint.state != "delete-failed":
        return not_applicable("The endpoint is being deleted", state=endpoint.state)
    if not endpoint.security_group_ids:
        return unknown("AWS names no security group of the endpoint")
    wrong = seen(
        network.each_readable(endpoint.security_group_ids, lambda each: _unrestricted(each, endpoint, inventory))
    )
    if not wrong:
        return passed(security_groups=endpoint.security_group_ids)
    return failed("A group of the endpoint lets everything out, or is the VPC's default", groups=wrong)


def _unrestricted(group_id: str, endpoint: InstanceConnectEndpoint, inventory: Inventory) -> Iterator[dict[str, str]]:
    group = network.group_called(group_id, inventory, region=endpoint.region)
    if group.group_name == "default":
        yield {"group": group_id, "why": "the default group of the VPC"}
    for permission in group.ip_permissions_egress:
        cidrs = [*(v4.cidr_ip for v4 in permission.ip_ranges), *(v6.cidr_ipv6 for v6 in permission.ipv6_ranges)]
        worlds = [cidr for cidr in cidrs if network.is_world(network.network(cidr))]
        if worlds and network.admits_all_ports(permission):
            yield {"group": group_id, "why": f"lets everything out to {worlds[0]}"}
