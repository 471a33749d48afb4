"""The ways into and out of VPCs: internet and NAT gateways, endpoints, peerings, VPNs, and Elastic IP addresses."""

from typing import Annotated

from auditor.fetch import Listing, Metric
from auditor.model import Document, Resource, Shape, Timestamp
from auditor.resources.vpc import PAGED


class InternetGatewayAttachment(Shape):
    """The VPC that an internet gateway serves; state is "available" when it does."""

    vpc_id: str | None = None
    state: str | None = None


class InternetGateway(Resource):
    """An internet gateway."""

    service, cfn_type = "ec2", "AWS::EC2::InternetGateway"
    listing = Listing("DescribeInternetGateways", at="InternetGateways", params=PAGED)
    arn_format = "arn:{partition}:ec2:{region}:{owner_id}:internet-gateway/{internet_gateway_id}"
    id_field = "internet_gateway_id"

    internet_gateway_id: str
    owner_id: str
    attachments: tuple[InternetGatewayAttachment, ...] = ()


class NatGateway(Resource):
    """A NAT gateway."""

    service, cfn_type = "ec2", "AWS::EC2::NatGateway"
    listing = Listing("DescribeNatGateways", at="NatGateways", params=PAGED)
    arn_format = "arn:{partition}:ec2:{region}:{account}:natgateway/{nat_gateway_id}"
    id_field = "nat_gateway_id"

    nat_gateway_id: str
    vpc_id: str
    state: str  # "pending", "failed", "available", "deleting" or "deleted"
    connectivity_type: str = "public"  # absent: made before private ones existed
    subnet_id: str | None = None  # absent: a regional gateway, which spans the VPC's zones by itself
    create_time: Timestamp
    bytes_out_to_destination: Annotated[
        tuple[float, ...],
        Metric(
            "AWS/NATGateway",
            "BytesOutToDestination",
            statistic="Sum",
            period=86400,
            days=30,
            when=lambda gateway: gateway.state == "available",
            NatGatewayId="nat_gateway_id",
        ),
    ]


class VpcEndpoint(Resource):
    """A VPC endpoint: a private way to a service."""

    service, cfn_type = "ec2", "AWS::EC2::VPCEndpoint"
    listing = Listing("DescribeVpcEndpoints", at="VpcEndpoints", params=PAGED)
    arn_format = "arn:{partition}:ec2:{region}:{account}:vpc-endpoint/{vpc_endpoint_id}"
    id_field = "vpc_endpoint_id"

    vpc_endpoint_id: str
    vpc_endpoint_type: str  # "Interface", "Gateway", "GatewayLoadBalancer", "Resource" or "ServiceNetwork"
    vpc_id: str
    service_name: str | None = None  # absent: it leads to a resource or a service network
    state: str  # "available"; the API's documentation writes it with a capital, the API does not
    policy_document: Document | None = None  # absent: its service knows no endpoint policies
    requester_managed: bool = False  # absent: nobody but the account manages it
    route_table_ids: tuple[str, ...] = ()  # of gateways only
    subnet_ids: tuple[str, ...] = ()
    owner_id: str | None = None


class CidrBlock(Shape):
    """An IPv4 network of a peered VPC."""

    cidr_block: str | None = None


class Ipv6CidrBlock(Shape):
    """An IPv6 network of a peered VPC."""

    ipv6_cidr_block: str | None = None


class VpcPeeringVpc(Shape):
    """One side of a peering. Its networks are absent until the peering is active."""

    owner_id: str | None = None
    vpc_id: str | None = None
    region: str | None = None
    cidr_block: str | None = None
    cidr_block_set: tuple[CidrBlock, ...] = ()
    ipv6_cidr_block_set: tuple[Ipv6CidrBlock, ...] = ()

    @property
    def cidr_blocks(self) -> tuple[str, ...]:
        """Its networks, of both IP versions."""
        named = (self.cidr_block, *(v4.cidr_block for v4 in self.cidr_block_set))
        named += tuple(v6.ipv6_cidr_block for v6 in self.ipv6_cidr_block_set)
        return tuple(dict.fromkeys(block for block in named if block))


class VpcPeeringStatus(Shape):
    """How far a peering has come: "active", "pending-acceptance", "failed", "deleted" and so on."""

    code: str
    message: str | None = None


class VpcPeeringConnection(Resource):
    """A peering of two VPCs, of which one at least is the account's. Both regions list it."""

    service, cfn_type = "ec2", "AWS::EC2::VPCPeeringConnection"
    listing = Listing("DescribeVpcPeeringConnections", at="VpcPeeringConnections", params=PAGED)
    arn_format = "arn:{partition}:ec2:{region}:{account}:vpc-peering-connection/{vpc_peering_connection_id}"
    id_field = "vpc_peering_connection_id"

    vpc_peering_connection_id: str
    accepter_vpc_info: VpcPeeringVpc
    requester_vpc_info: VpcPeeringVpc
    status: VpcPeeringStatus


class VgwTelemetry(Shape):
    """The state of one tunnel of a VPN connection: "UP" or "DOWN"."""

    outside_ip_address: str | None = None
    status: str | None = None
    status_message: str | None = None


class IkeVersion(Shape):
    """A version of IKE that a tunnel accepts: "ikev1" or "ikev2"."""

    value: str | None = None


class TunnelLogs(Shape):
    """Whether a tunnel's log goes to CloudWatch."""

    log_enabled: bool | None = None


class TunnelLogOptions(Shape):
    """Where a tunnel's log goes."""

    cloud_watch_log_options: TunnelLogs | None = None


class TunnelOption(Shape):
    """How a tunnel is set up. Its keys are left where they are."""

    outside_ip_address: str | None = None
    ike_versions: tuple[IkeVersion, ...] = ()  # absent: both
    log_options: TunnelLogOptions | None = None


class VpnConnectionOptions(Shape):
    """How a VPN connection is set up."""

    tunnel_options: tuple[TunnelOption, ...] = ()


class VpnConnection(Resource):
    """A Site-to-Site VPN connection. The answer carries its keys: no field holds them."""

    service, cfn_type = "ec2", "AWS::EC2::VPNConnection"
    listing = Listing("DescribeVpnConnections", at="VpnConnections")
    arn_format = "arn:{partition}:ec2:{region}:{account}:vpn-connection/{vpn_connection_id}"
    id_field = "vpn_connection_id"

    vpn_connection_id: str
    state: str  # "pending", "available", "deleting" or "deleted"
    vpn_gateway_id: str | None = None  # absent: it ends at a transit gateway, a core network, or nowhere yet
    transit_gateway_id: str | None = None
    vgw_telemetry: tuple[VgwTelemetry, ...] = ()
    options: VpnConnectionOptions | None = None


class Address(Resource):
    """An Elastic IP address."""

    service, cfn_type = "ec2", "AWS::EC2::EIP"
    listing = Listing("DescribeAddresses", at="Addresses")
    arn_format = "arn:{partition}:ec2:{region}:{account}:elastic-ip/{allocation_id}"
    id_field = "allocation_id"

    allocation_id: str
    public_ip: str | None = None
    association_id: str | None = None  # absent: associated with nothing
    network_interface_id: str | None = None
    instance_id: str | None = None
    service_managed: str | None = None  # "alb", "nlb", "rnat" or "rds": the service allocated it, and gives it back


class InstanceConnectEndpoint(Resource):
    """An EC2 Instance Connect endpoint: a way to SSH and remote desktop of instances without public addresses."""

    service, cfn_type = "ec2", "AWS::EC2::InstanceConnectEndpoint"
    listing = Listing("DescribeInstanceConnectEndpoints", at="InstanceConnectEndpoints", params={"MaxResults": 50})
    arn_format = "arn:{partition}:ec2:{region}:{owner_id}:instance-connect-endpoint/{instance_connect_endpoint_id}"
    id_field = "instance_connect_endpoint_id"

    instance_connect_endpoint_id: str
    owner_id: str
    vpc_id: str
    state: str
    security_group_ids: tuple[str, ...]
