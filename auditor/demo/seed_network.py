"""The networks: careful in production, copied by hand to staging, and forgotten in us-east-1."""

from typing import Any

from auditor.demo.emulator import ACCOUNT
from auditor.demo.stage import ANALYTICS, EXPERIMENT, PRODUCTION, RECOVERY, STAGING, Stage, specify, tags

WORLD, WORLD6 = "0.0.0.0/0", "::/0"
# Where the clean-up of 2024 took the default VPC away; whoever opened another region got a new one.
KEPT_DEFAULT_VPC = (EXPERIMENT, ANALYTICS, "ap-southeast-2", "sa-east-1")
# Region, VPC, its first two octets, owner, cost center.
NETWORKS = (
    (PRODUCTION, "northwind-production", "10.20", "production", "platform", "cc-100"),
    (STAGING, "northwind-staging", "10.30", "staging", "platform", "cc-200"),
    (EXPERIMENT, "roast-predictor", "10.99", "experiment", "dario.rossi", ""),
    (ANALYTICS, "northwind-analytics", "10.40", "production", "analytics", "cc-300"),
    (RECOVERY, "northwind-recovery", "10.50", "recovery", "platform", "cc-100"),
)

Rule = tuple[str, int, int, str, str]
# Security groups by VPC: name, description and what they let in: protocol, ports, source, why.
# A source is a network, another group of the VPC, or a prefix list.
GROUPS: dict[str, tuple[tuple[str, str, tuple[Rule, ...]], ...]] = {
    "northwind-production": (
        (
            "web", "Shop front",
            (("tcp", 443, 443, WORLD, "customers"), ("tcp", 443, 443, WORLD6, "customers"),
             ("tcp", 80, 80, WORLD, "redirect to https")),
        ),
        ("app", "Order service", (("tcp", 8080, 8080, "web", "from the shop front"),)),
        ("database", "Orders database", (("tcp", 5432, 5432, "app", "order service"),)),
        (
            "bastion", "Jump host",
            (("tcp", 22, 22, "203.0.113.0/24", "office"), ("tcp", 22, 22, WORLD, "temporary, home office, ben")),
        ),
        ("reporting", "Reporting database", (("tcp", 3306, 3306, "pl:partners", "BI tool"),)),
        ("shares", "Label printers", (("tcp", 2049, 2049, "10.20.0.0/16", "NFS in the VPC"),)),
    ),
    "northwind-staging": (
        ("web", "Copy of production", (("tcp", 80, 80, WORLD, "testers"), ("tcp", 443, 443, WORLD, "testers"))),
        ("app", "Copy of production", (("tcp", 8080, 8080, "web", ""), ("tcp", 22, 22, "10.30.0.0/16", "inside"))),
        ("database", "Copy of production", (("tcp", 5432, 5432, "10.0.0.0/8", "anyone inside"),)),
        ("windows-test", "Tills on Windows", (("tcp", 3389, 3389, WORLD, "agency"), ("udp", 3389, 3389, WORLD, ""))),
        ("ftp-import", "Suppliers' price lists", (("tcp", 20, 21, WORLD, "suppliers"),)),
    ),
    "roast-predictor": (
        ("launch-wizard-1", "launch-wizard-1 created 2023-04-02", (("-1", -1, -1, WORLD, ""),)),
        ("launch-wizard-2", "launch-wizard-2 created 2023-04-02", (("tcp", 22, 22, WORLD6, ""),)),
    ),
    "northwind-analytics": (
        ("jupyter", "Notebooks", (("tcp", 8888, 8888, "203.0.113.0/24", "office"),)),
        (
            "partner-feed", "Bean exchange",
            (("tcp", 8443, 8443, "0.0.0.0/1", "partner said any"), ("tcp", 8443, 8443, "128.0.0.0/1", "the rest")),
        ),
        ("cache", "Redis", (("tcp", 6379, 6379, WORLD, "laptops"),)),
        ("warehouse", "Nightly copy", (("tcp", 3306, 3306, "jupyter", "notebooks"),)),
        ("exports", "Old file server", (("tcp", 2049, 2049, WORLD, ""), ("tcp", 111, 111, WORLD, ""))),
    ),
    "northwind-recovery": (("database", "Orders database", (("tcp", 5432, 5432, "10.50.0.0/16", "inside"),)),),
}  # fmt: skip


def build(stage: Stage) -> None:
    """Make all of it."""
    _clean_up(stage)
    for network in NETWORKS:
        _vpc(stage, *network)
    _partners(stage)
    for region, vpc, *_ in NETWORKS:
        _groups(stage, region, vpc)
    _production_extras(stage)
    _flow_logs(stage)
    _block(stage)


def regions() -> list[str]:
    """The regions that an account has without opting in to more, as moto sees it."""
    from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend

    every = RegionsAndZonesBackend.regions
    return sorted(r.name for r in every if r.opt_in_status != "not-opted-in" and r.name[:3] not in ("cn-", "us-g"))


def _clean_up(stage: Stage) -> None:
    """Take default VPCs away; and make each region now, in order, so that ids do not depend on who asks first."""
    for region in regions():
        ec2 = stage.backend("ec2", region)
        if region in KEPT_DEFAULT_VPC:
            continue
        for held in (ec2.vpcs, ec2.subnets, ec2.internet_gateways, ec2.route_tables, ec2.network_acls, ec2.groups):
            held.clear()


def _vpc(stage: Stage, region: str, name: str, net: str, environment: str, owner: str, cost_center: str) -> None:
    """A VPC with two public and two private subnets; the experiment has public ones only."""
    ec2 = stage.client("ec2", region)

    def tagged(kind: str, what: str) -> list[dict[str, Any]]:
        return specify(kind, tags(f"{name}-{what}" if what else name, environment, owner, cost_center))

    vpc = ec2.create_vpc(CidrBlock=f"{net}.0.0/16", TagSpecifications=tagged("vpc", ""))["Vpc"]["VpcId"]
    gateway = ec2.create_internet_gateway(TagSpecifications=tagged("internet-gateway", ""))
    gateway_id = gateway["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway_id, VpcId=vpc)
    table = ec2.create_route_table(VpcId=vpc, TagSpecifications=tagged("route-table", "public"))
    public_table = table["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=public_table, DestinationCidrBlock=WORLD, GatewayId=gateway_id)
    layout = {"public-a": ("a", 0), "public-b": ("b", 1), "private-a": ("a", 10), "private-b": ("b", 11)}
    for what, (zone, number) in layout.items():
        if environment == "experiment" and what.startswith("private"):
            continue
        made = ec2.create_subnet(
            VpcId=vpc,
            CidrBlock=f"{net}.{number}.0/24",
            AvailabilityZone=f"{region}{zone}",
            TagSpecifications=tagged("subnet", what),
        )
        subnet = stage.names[f"{name}/{what}"] = made["Subnet"]["SubnetId"]
        if what.startswith("public"):
            ec2.associate_route_table(RouteTableId=public_table, SubnetId=subnet)
            if environment != "recovery" and (environment, what) != ("production", "public-b"):
                ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    stage.names[name], stage.names[f"{name}/public-table"] = vpc, public_table


def _partners(stage: Stage) -> None:
    """A list of partners' networks, to which somebody added the whole internet."""
    entries = [
        {"Cidr": "198.51.100.0/24", "Description": "agency"},
        {"Cidr": "203.0.113.0/24", "Description": "office"},
        {"Cidr": WORLD, "Description": "BI tool moved to the cloud, address changes"},
    ]
    made = stage.client("ec2").create_managed_prefix_list(
        PrefixListName="northwind-partners",
        AddressFamily="IPv4",
        MaxEntries=10,
        Entries=entries,
        TagSpecifications=specify("prefix-list", tags("northwind-partners", "production", "platform")),
    )
    stage.names["pl:partners"] = made["PrefixList"]["PrefixListId"]


def _groups(stage: Stage, region: str, vpc: str) -> None:
    ec2 = stage.client("ec2", region)
    environment, owner, cost_center = next(network[3:] for network in NETWORKS if network[1] == vpc)
    for name, description, rules in GROUPS[vpc]:
        tagged = tags(name, environment, owner, cost_center)
        made = ec2.create_security_group(
            GroupName=name,
            Description=description,
            VpcId=stage.names[vpc],
            TagSpecifications=specify("security-group", tagged),
        )
        group = stage.names[f"{vpc}/{name}"] = made["GroupId"]
        permissions = [_permission(stage, vpc, *rule) for rule in rules]
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permissions)


def _permission(stage: Stage, vpc: str, protocol: str, first: int, last: int, source: str, why: str) -> dict[str, Any]:
    ports = {} if protocol == "-1" else {"FromPort": first, "ToPort": last}
    said = {"Description": why} if why else {}
    if source.startswith("pl:"):
        where = {"PrefixListIds": [{"PrefixListId": stage.names[source], **said}]}
    elif ":" in source:
        where = {"Ipv6Ranges": [{"CidrIpv6": source, **said}]}
    elif "/" in source:
        where = {"IpRanges": [{"CidrIp": source, **said}]}
    else:
        where = {"UserIdGroupPairs": [{"GroupId": stage.names[f"{vpc}/{source}"], **said}]}
    return {"IpProtocol": protocol, **ports, **where}


def _production_extras(stage: Stage) -> None:
    """An emptied default group, an ACL that keeps administrators out of the data, a way to a NAT that is gone."""
    ec2, held = stage.client("ec2"), stage.backend("ec2")
    vpc = stage.names["northwind-production"]
    default = held.get_default_security_group(vpc)
    default.ingress_rules.clear()
    default.egress_rules.clear()
    tagged = tags("northwind-production-data", "production", "platform", "cc-100")
    acl = ec2.create_network_acl(VpcId=vpc, TagSpecifications=specify("network-acl", tagged))["NetworkAcl"]
    acl_id = acl["NetworkAclId"]
    entries: tuple[tuple[int, bool, str, str], ...] = (
        (100, False, "allow", "10.20.0.0/16"),
        (200, False, "deny", WORLD),
        (100, True, "allow", WORLD),
    )
    for number, egress, action, cidr in entries:
        ec2.create_network_acl_entry(
            NetworkAclId=acl_id, RuleNumber=number, Egress=egress, RuleAction=action, CidrBlock=cidr, Protocol="-1"
        )
    # An ACL's subnets are listed by association: moving one is what the console does.
    current = ec2.describe_network_acls(
        Filters=[{"Name": "vpc-id", "Values": [vpc]}, {"Name": "default", "Values": ["true"]}]
    )
    private = {stage.names[f"northwind-production/private-{zone}"] for zone in "ab"}
    for association in current["NetworkAcls"][0]["Associations"]:
        if association["SubnetId"] in private:
            ec2.replace_network_acl_association(
                AssociationId=association["NetworkAclAssociationId"], NetworkAclId=acl_id
            )
    _blackhole(stage)


def _blackhole(stage: Stage) -> None:
    """Moto forgets a deleted gateway's routes, and never calls one a black hole: the peering's state is told by us."""
    ec2, staging = stage.client("ec2"), stage.client("ec2", STAGING)
    peering = ec2.create_vpc_peering_connection(
        VpcId=stage.names["northwind-production"],
        PeerVpcId=stage.names["northwind-staging"],
        PeerRegion=STAGING,
        TagSpecifications=specify("vpc-peering-connection", tags("old-staging", "production", "platform")),
    )["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    staging.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    table = stage.names["northwind-production/public-table"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.30.0.0/16", VpcPeeringConnectionId=peering)
    from moto.ec2.models.route_tables import Route

    class Blackhole(Route):
        @property
        def state(self) -> str:
            return "blackhole"

    routes = stage.backend("ec2").route_tables[table].routes
    for route in routes:
        if route.vpc_pcx is not None:
            route.__class__ = Blackhole


def _flow_logs(stage: Stage) -> None:
    """Production's arrive; staging's log group was deleted."""
    stage.client("logs").create_log_group(logGroupName="/northwind/flow-logs")
    for region, vpc, group in (
        (PRODUCTION, "northwind-production", "/northwind/flow-logs"),
        (STAGING, "northwind-staging", "/northwind/flow-logs-staging"),
    ):
        stage.client("ec2", region).create_flow_logs(
            ResourceIds=[stage.names[vpc]],
            ResourceType="VPC",
            TrafficType="ALL",
            LogGroupName=group,
            DeliverLogsPermissionArn=f"arn:aws:iam::{ACCOUNT}:role/service/northwind-flow-logs",
        )


def _block(stage: Stage) -> None:
    """Nothing from the internet reaches the copy for bad days, whatever its security groups say."""
    mode = {"InternetGatewayBlockMode": "block-ingress", "ExclusionsAllowed": "allowed"}
    options = {"AwsAccountId": ACCOUNT, "AwsRegion": RECOVERY, "State": "update-complete", **mode}
    stage.answers[f"ec2:DescribeVpcBlockPublicAccessOptions@{RECOVERY}"] = {"VpcBlockPublicAccessOptions": options}
