"""VPCs and what decides which traffic reaches what is in them.

EC2 gives a list that is empty as an empty list. So a list without a default here is one whose absence says nothing:
what should hold it is then unread, and no rule takes an answer that was cut short for a closed door.
"""

from typing import Annotated, Any

from pydantic import AfterValidator

from auditor.fetch import Call, Listing
from auditor.model import Resource, Shape

# Unpaged, DescribeNetworkInterfaces fails in large accounts, and EC2 throttles every other listing earlier.
PAGED: dict[str, Any] = {"MaxResults": 1000}
PAGED_BY_HUNDREDS: dict[str, Any] = {"MaxResults": 100}


class BlockPublicAccessStates(Shape):
    """What VPC Block Public Access does here: "off", "block-bidirectional" or "block-ingress"."""

    internet_gateway_block_mode: str | None = None


class CidrBlockState(Shape):
    """How far a network has come to a VPC: "associating", "associated", "disassociating", "failed" and so on."""

    state: str | None = None


class CidrBlockAssociation(Shape):
    """One IPv4 network of a VPC, the first one included."""

    cidr_block: str | None = None
    cidr_block_state: CidrBlockState | None = None


class Ipv6CidrBlockAssociation(Shape):
    """One IPv6 network of a VPC."""

    ipv6_cidr_block: str | None = None
    ipv6_cidr_block_state: CidrBlockState | None = None


class Vpc(Resource):
    """A VPC, the account's own or one whose subnets another account shares with it."""

    service, cfn_type = "ec2", "AWS::EC2::VPC"
    listing = Listing("DescribeVpcs", at="Vpcs", params=PAGED)
    arn_format = "arn:{partition}:ec2:{region}:{owner_id}:vpc/{vpc_id}"
    id_field = "vpc_id"

    vpc_id: str
    owner_id: str
    is_default: bool
    cidr_block_association_set: tuple[CidrBlockAssociation, ...]
    ipv6_cidr_block_association_set: tuple[Ipv6CidrBlockAssociation, ...] = ()  # absent: none

    @property
    def cidr_blocks(self) -> tuple[str, ...]:
        """Its IPv4 networks."""
        return tuple(
            a.cidr_block for a in self.cidr_block_association_set if a.cidr_block and _holds(a.cidr_block_state)
        )

    @property
    def ipv6_cidr_blocks(self) -> tuple[str, ...]:
        """Its IPv6 networks."""
        blocks = self.ipv6_cidr_block_association_set
        return tuple(a.ipv6_cidr_block for a in blocks if a.ipv6_cidr_block and _holds(a.ipv6_cidr_block_state))


def _holds(state: CidrBlockState | None) -> bool:
    """Whether a network is the VPC's: AWS lists one that was taken away for a while."""
    return state is None or state.state not in ("disassociating", "disassociated", "failing", "failed")


class Subnet(Resource):
    """A subnet, the account's own or one that another account shares with it."""

    service, cfn_type = "ec2", "AWS::EC2::Subnet"
    listing = Listing("DescribeSubnets", at="Subnets", params=PAGED)
    arn_format = "arn:{partition}:ec2:{region}:{owner_id}:subnet/{subnet_id}"
    id_field = "subnet_id"

    subnet_id: str
    vpc_id: str
    owner_id: str
    map_public_ip_on_launch: bool
    availability_zone: str
    cidr_block: str | None = None  # absent: the subnet has IPv6 addresses only
    available_ip_address_count: int
    block_public_access_states: BlockPublicAccessStates | None = None


class Route(Shape):
    """One route: where to, and by which target. Exactly one of each is given."""

    destination_cidr_block: str | None = None
    destination_ipv6_cidr_block: str | None = None
    destination_prefix_list_id: str | None = None
    gateway_id: str | None = None  # an internet, virtual private or gateway endpoint's gateway, or "local"
    nat_gateway_id: str | None = None
    egress_only_internet_gateway_id: str | None = None
    transit_gateway_id: str | None = None
    vpc_peering_connection_id: str | None = None
    network_interface_id: str | None = None
    instance_id: str | None = None
    carrier_gateway_id: str | None = None
    local_gateway_id: str | None = None
    core_network_arn: str | None = None
    odb_network_arn: str | None = None
    state: str  # "active", "blackhole" (the target is gone) or "filtered"

    @property
    def destination(self) -> str | None:
        """Where to: a CIDR block or the id of a prefix list."""
        return self.destination_cidr_block or self.destination_ipv6_cidr_block or self.destination_prefix_list_id

    @property
    def target(self) -> str | None:
        """The id or ARN of what the route leads to."""
        return (
            self.nat_gateway_id or self.egress_only_internet_gateway_id or self.transit_gateway_id
            or self.vpc_peering_connection_id or self.carrier_gateway_id or self.local_gateway_id
            or self.core_network_arn or self.odb_network_arn or self.instance_id or self.network_interface_id
            or self.gateway_id
        )  # fmt: skip


class AssociationState(Shape):
    """How far an association has come: "associated", "disassociated" and so on."""

    state: str | None = None


class RouteTableAssociation(Shape):
    """What uses a route table: a subnet, a gateway, or (main) every subnet of the VPC that names no other."""

    main: bool = False
    subnet_id: str | None = None
    gateway_id: str | None = None  # an internet or virtual private gateway, whose incoming traffic the table directs
    association_state: AssociationState | None = None

    @property
    def holds(self) -> bool:
        """Whether it is in force."""
        state = self.association_state and self.association_state.state
        return state not in ("disassociating", "disassociated", "failed")


class RouteTable(Resource):
    """A route table."""

    service, cfn_type = "ec2", "AWS::EC2::RouteTable"
    listing = Listing("DescribeRouteTables", at="RouteTables", params=PAGED_BY_HUNDREDS)
    arn_format = "arn:{partition}:ec2:{region}:{owner_id}:route-table/{route_table_id}"
    id_field = "route_table_id"

    route_table_id: str
    vpc_id: str
    owner_id: str
    associations: tuple[RouteTableAssociation, ...]
    routes: tuple[Route, ...]

    @property
    def subnet_ids(self) -> tuple[str, ...]:
        """The subnets that name this table: `inventory.where(RouteTable, "subnet_ids", subnet_id)` finds it."""
        return tuple(a.subnet_id for a in self.associations if a.subnet_id and a.holds)

    @property
    def gateway_ids(self) -> tuple[str, ...]:
        """The gateways whose incoming traffic it directs."""
        return tuple(a.gateway_id for a in self.associations if a.gateway_id and a.holds)

    @property
    def main(self) -> bool:
        """Whether subnets that name no table use this one."""
        return any(a.main and a.holds for a in self.associations)


class NetworkAclEntry(Shape):
    """One entry of a network ACL. The lowest number that matches decides; protocol is a number, "-1" is all."""

    rule_number: int
    egress: bool
    protocol: str
    rule_action: str  # "allow" or "deny"
    cidr_block: str | None = None
    ipv6_cidr_block: str | None = None
    port_range: dict[str, int] | None = None  # {"From": 22, "To": 22}, for TCP and UDP only


class NetworkAclAssociation(Shape):
    """A subnet that a network ACL guards."""

    subnet_id: str | None = None


class NetworkAcl(Resource):
    """A network ACL."""

    service, cfn_type = "ec2", "AWS::EC2::NetworkAcl"
    listing = Listing("DescribeNetworkAcls", at="NetworkAcls", params=PAGED)
    arn_format = "arn:{partition}:ec2:{region}:{owner_id}:network-acl/{network_acl_id}"
    id_field = "network_acl_id"

    network_acl_id: str
    vpc_id: str
    owner_id: str
    is_default: bool
    associations: tuple[NetworkAclAssociation, ...]
    entries: tuple[NetworkAclEntry, ...]

    @property
    def subnet_ids(self) -> tuple[str, ...]:
        """The subnets that it guards: `inventory.find(NetworkAcl, "subnet_ids", subnet_id)` finds a subnet's ACL."""
        return tuple(a.subnet_id for a in self.associations if a.subnet_id)


class FlowLog(Resource):
    """A flow log of a VPC, a subnet, a network interface or a transit gateway."""

    service, cfn_type = "ec2", "AWS::EC2::FlowLog"
    listing = Listing("DescribeFlowLogs", at="FlowLogs", params=PAGED)
    arn_format = "arn:{partition}:ec2:{region}:{account}:vpc-flow-log/{flow_log_id}"
    id_field = "flow_log_id"

    flow_log_id: str
    resource_id: str
    flow_log_status: str  # "ACTIVE"
    traffic_type: str | None = None  # "ACCEPT", "REJECT" or "ALL"; transit gateways have none
    deliver_logs_status: str | None = None  # "SUCCESS" or "FAILED"; absent before the first delivery
    log_destination: str | None = None  # an ARN: of a log group, a Firehose stream, or a bucket, with a prefix or not

    @property
    def bucket_name(self) -> str | None:
        """The bucket that it writes to, if it does."""
        service, _, path = (self.log_destination or "").partition(":::")
        return path.partition("/")[0] if service.endswith(":s3") else None


class IpRange(Shape):
    """An IPv4 network that a rule names."""

    cidr_ip: str
    description: str | None = None


class Ipv6Range(Shape):
    """An IPv6 network that a rule names."""

    cidr_ipv6: str
    description: str | None = None


class PrefixListId(Shape):
    """A prefix list that a rule names."""

    prefix_list_id: str
    description: str | None = None


class UserIdGroupPair(Shape):
    """A security group that a rule names, and the account that owns it."""

    group_id: str | None = None
    user_id: str | None = None  # absent where the group, of another VPC, is gone
    vpc_id: str | None = None
    vpc_peering_connection_id: str | None = None
    description: str | None = None


class IpPermission(Shape):
    """What one rule of a security group admits. Ports are absent where the rule means all of them."""

    ip_protocol: str  # "tcp", "udp", "icmp", "icmpv6", a protocol's number, or "-1" for all
    from_port: int | None = None
    to_port: int | None = None
    ip_ranges: tuple[IpRange, ...] = ()
    ipv6_ranges: tuple[Ipv6Range, ...] = ()
    prefix_list_ids: tuple[PrefixListId, ...] = ()
    user_id_group_pairs: tuple[UserIdGroupPair, ...] = ()


def _with_a_peer(permissions: tuple[IpPermission, ...]) -> tuple[IpPermission, ...]:
    """The same rules. Raises ValueError where one names nobody at all: EC2 has no such rules, so a part is missing."""
    for each in permissions:
        if not (each.ip_ranges or each.ipv6_ranges or each.prefix_list_ids or each.user_id_group_pairs):
            raise ValueError("a rule that names no network, no prefix list and no group")
    return permissions


IpPermissions = Annotated[tuple[IpPermission, ...], AfterValidator(_with_a_peer)]


class StaleIpPermission(Shape):
    """A rule that names a group of a peered VPC, where that group or the peering is gone."""

    ip_protocol: str | None = None
    from_port: int | None = None
    to_port: int | None = None
    user_id_group_pairs: tuple[UserIdGroupPair, ...] = ()


class StaleSecurityGroup(Shape):
    """A group with rules that are stale."""

    group_id: str
    stale_ip_permissions: tuple[StaleIpPermission, ...] = ()
    stale_ip_permissions_egress: tuple[StaleIpPermission, ...] = ()


class SecurityGroup(Resource):
    """A security group, the account's own or one that another account shares with it."""

    service, cfn_type = "ec2", "AWS::EC2::SecurityGroup"
    listing = Listing("DescribeSecurityGroups", at="SecurityGroups", params=PAGED)
    arn_format = "arn:{partition}:ec2:{region}:{owner_id}:security-group/{group_id}"
    id_field = "group_id"
    name_field = "group_name"

    group_id: str
    group_name: str
    owner_id: str
    vpc_id: str | None = None
    ip_permissions: IpPermissions
    ip_permissions_egress: IpPermissions
    # Of every group of the VPC. Asked once for a VPC, and only where a group of it names one elsewhere.
    stale_in_vpc: Annotated[
        tuple[StaleSecurityGroup, ...],
        Call(
            "DescribeStaleSecurityGroups",
            at="StaleSecurityGroupSet",
            const={"MaxResults": 255},
            when=lambda group: group.refers_elsewhere,
            otherwise=(),
            VpcId="vpc_id",
        ),
    ]

    @property
    def refers_elsewhere(self) -> bool:
        """Whether a rule names a group that may be of another VPC."""
        pairs = [pair for p in (*self.ip_permissions, *self.ip_permissions_egress) for pair in p.user_id_group_pairs]
        return self.vpc_id is not None and any(
            pair.vpc_peering_connection_id or pair.user_id != self.owner_id or pair.vpc_id not in (None, self.vpc_id)
            for pair in pairs
        )


class GroupIdentifier(Shape):
    """A security group that a network interface carries."""

    group_id: str


class Association(Shape):
    """The public IPv4 address that an address of a network interface is known by."""

    public_ip: str | None = None


class InterfaceAttachment(Shape):
    """What a network interface is attached to; without an instance where an AWS service's resource holds it."""

    instance_id: str | None = None
    device_index: int | None = None  # 0 for an instance's primary one


class PrivateIpAddress(Shape):
    """One private IPv4 address of a network interface."""

    private_ip_address: str | None = None
    association: Association | None = None


class Ipv6Address(Shape):
    """One IPv6 address of a network interface."""

    ipv6_address: str


class NetworkInterface(Resource):
    """A network interface, of an instance or of what a service runs in the VPC."""

    service, cfn_type = "ec2", "AWS::EC2::NetworkInterface"
    listing = Listing("DescribeNetworkInterfaces", at="NetworkInterfaces", params=PAGED)
    arn_format = "arn:{partition}:ec2:{region}:{owner_id}:network-interface/{network_interface_id}"
    id_field = "network_interface_id"
    tags_field = "tag_set"

    network_interface_id: str
    vpc_id: str
    subnet_id: str
    owner_id: str
    groups: tuple[GroupIdentifier, ...]
    association: Association | None = None  # absent: no public IPv4 address
    private_ip_addresses: tuple[PrivateIpAddress, ...]
    ipv6_addresses: tuple[Ipv6Address, ...]
    deny_all_igw_traffic: bool = False  # absent: nothing keeps the internet from its addresses
    status: str  # "available" (attached to nothing), "associated", "attaching", "in-use" or "detaching"
    attachment: InterfaceAttachment | None = None  # absent: attached to nothing
    requester_managed: bool
    interface_type: str | None = None
    description: str | None = None
    source_dest_check: bool

    @property
    def instance_id(self) -> str | None:
        """The instance that it is attached to."""
        return self.attachment.instance_id if self.attachment else None

    @property
    def addresses(self) -> tuple[str, ...]:
        """Its private IPv4 addresses: `inventory.where(NetworkInterface, "addresses", ip)` finds who has one."""
        return tuple(each.private_ip_address for each in self.private_ip_addresses if each.private_ip_address)

    @property
    def group_ids(self) -> tuple[str, ...]:
        """The groups it carries: `inventory.where(NetworkInterface, "group_ids", id)` finds who carries one."""
        return tuple(group.group_id for group in self.groups)


class PrefixListEntry(Shape):
    """One network of a prefix list."""

    cidr: str


class ManagedPrefixList(Resource):
    """A list of networks that rules and routes name by its id: the account's own, shared with it, or AWS's."""

    service, cfn_type = "ec2", "AWS::EC2::PrefixList"
    listing = Listing("DescribeManagedPrefixLists", at="PrefixLists", params=PAGED_BY_HUNDREDS)
    arn_format = "arn:{partition}:ec2:{region}:{owner_id}:prefix-list/{prefix_list_id}"
    id_field = "prefix_list_id"
    name_field = "prefix_list_name"

    prefix_list_id: str
    prefix_list_name: str | None = None
    owner_id: str  # "AWS" for the lists that hold the addresses of AWS's own services
    entries: Annotated[
        tuple[PrefixListEntry, ...],
        Call(
            "GetManagedPrefixListEntries",
            at="Entries",
            const=PAGED_BY_HUNDREDS,
            when=lambda of: not of.by_aws,
            otherwise=(),
            PrefixListId="prefix_list_id",
        ),
    ]

    @property
    def by_aws(self) -> bool:
        """Whether AWS keeps the list. Its entries are not asked for: a dozen lists in every region."""
        return self.owner_id == "AWS"


class VpcBlockPublicAccessExclusion(Shape):
    """A VPC or subnet to which VPC Block Public Access does not apply, or (allow-egress) only inwards."""

    internet_gateway_exclusion_mode: str | None = None
    resource_arn: str | None = None
    state: str | None = None


class VpcBlockPublicAccessOptions(Resource):
    """VPC Block Public Access of the account in one region."""

    service, cfn_type = "ec2", "AWS::EC2::VPCBlockPublicAccessOptions"
    listing = Listing("DescribeVpcBlockPublicAccessOptions", at="VpcBlockPublicAccessOptions")
    # AWS has no ARN for it; this one is ours, in its form.
    arn_format = "arn:{partition}:ec2:{region}:{account}:vpc-block-public-access-options"
    id_field = "account"

    internet_gateway_block_mode: str  # "off", "block-bidirectional" or "block-ingress"
    exclusions: Annotated[
        tuple[VpcBlockPublicAccessExclusion, ...],
        Call(
            "DescribeVpcBlockPublicAccessExclusions",
            at="VpcBlockPublicAccessExclusions",
            const=PAGED,
            when=lambda options: options.blocks,
            otherwise=(),
        ),
    ]

    @property
    def blocks(self) -> bool:
        """Whether traffic from the internet is kept from the region's VPCs, but for its exclusions."""
        return self.internet_gateway_block_mode.startswith("block-")
