"""Who reaches RDS instances through the network."""

from typing import Any

import pytest

from tests.lab import Lab

PUBLIC = "rds-instance-not-publicly-accessible"
PRIVATE_SUBNETS = "rds-instance-private-subnets"
RESTRICTED = "rds-instance-security-group-restricted"

OWNER = "123456789012"
GROUPS, ROUTES = "ec2:DescribeSecurityGroups", "ec2:DescribeRouteTables"
LISTS, ENTRIES = "ec2:DescribeManagedPrefixLists", "ec2:GetManagedPrefixListEntries"
INSTANCE: dict[str, Any] = {
    "DBInstanceIdentifier": "db",
    "DBInstanceStatus": "available",
    "Engine": "postgres",
    "PubliclyAccessible": True,
    "Endpoint": {"Address": "db.example", "Port": 5432},
    "VpcSecurityGroups": [
        {"VpcSecurityGroupId": "sg-1", "Status": "active"},
        {"VpcSecurityGroupId": "sg-gone", "Status": "removing"},
    ],
    "DBSubnetGroup": {
        "DBSubnetGroupName": "group",
        "VpcId": "vpc-1",
        "Subnets": [{"SubnetIdentifier": "subnet-1"}, {"SubnetIdentifier": "subnet-2"}],
    },
}


def network(*sources: dict[str, Any], routed: bool = False, protocol: str = "tcp", **changes: Any) -> dict[str, Any]:
    """An instance whose group admits its port from these sources, and one of whose subnets routes to the internet."""
    listed = {name: value for name, value in {**INSTANCE, **changes}.items() if value is not None}
    ports = {} if protocol == "-1" else {"FromPort": 5000, "ToPort": 6000}
    permissions = [{"IpProtocol": protocol, **ports, **source} for source in sources]
    group = {"GroupId": "sg-1", "GroupName": "db", "OwnerId": OWNER, "VpcId": "vpc-1", "IpPermissions": permissions}
    return {
        "rds:DescribeDBInstances": {"DBInstances": [listed]},
        GROUPS: {"SecurityGroups": [group]},
        ROUTES: {"RouteTables": [table(None), table("subnet-2", "igw-1" if routed else "local")]},
    }


def table(subnet: str | None, gateway: str = "local", to: str = "0.0.0.0/0") -> dict[str, Any]:
    """A route table of a subnet, or the main one."""
    used = {"Main": True} if subnet is None else {"SubnetId": subnet, "Main": False}
    route = {"DestinationCidrBlock": to, "GatewayId": gateway, "State": "active"}
    return {
        "RouteTableId": f"rtb-{subnet}", "VpcId": "vpc-1", "OwnerId": OWNER, "Routes": [route],
        "Associations": [{**used, "AssociationState": {"State": "associated"}}],
    }  # fmt: skip


def v4(cidr: str) -> dict[str, Any]:
    return {"IpRanges": [{"CidrIp": cidr}]}


def v6(cidr: str) -> dict[str, Any]:
    return {"Ipv6Ranges": [{"CidrIpv6": cidr}]}


def prefix_list(owner: str, name: str, *cidrs: str) -> dict[str, Any]:
    """A prefix list, pl-1."""
    one = {"PrefixListId": "pl-1", "PrefixListName": name, "OwnerId": owner}
    return {LISTS: {"PrefixLists": [one]}, ENTRIES: {"Entries": [{"Cidr": cidr} for cidr in cidrs]}}


def vpc(*blocks: str | None) -> dict[str, Any]:
    """The account's only VPC, with these IPv6 networks."""
    associations = [{"Ipv6CidrBlock": block} if block else {} for block in blocks]
    one = {"VpcId": "vpc-1", "OwnerId": OWNER, "Ipv6CidrBlockAssociationSet": associations}
    return {"ec2:DescribeVpcs": {"Vpcs": [one]}}


LISTED = {"PrefixListIds": [{"PrefixListId": "pl-1"}]}
WORLD = v4("0.0.0.0/0")


# --- public addresses


@pytest.mark.parametrize(
    ("answers", "status", "severity"),
    [
        (network(WORLD, routed=True), "fail", "critical"),
        (network(v6("::/0"), routed=True), "fail", "critical"),
        (network(WORLD), "fail", "high"),
        (network(WORLD, protocol="udp"), "fail", "medium"),
        (network(WORLD, protocol="-1"), "fail", "high"),
        (network(routed=True), "fail", "high"),
        (network(v4("10.0.0.0/8"), routed=True), "fail", "high"),
        (network(), "fail", "medium"),
        (network(WORLD, routed=True, Endpoint=None), "fail", "high"),
        (network(WORLD, routed=True, DBSubnetGroup=None), "fail", "high"),
        (network(WORLD, routed=True, DBClusterIdentifier="cluster"), "fail", "critical"),
        (network(WORLD, routed=True, PubliclyAccessible=False), "pass", "critical"),
        (network(WORLD, routed=True, PubliclyAccessible=None), "unknown", "critical"),
        (network(WORLD, routed=True, Engine="docdb"), "not_applicable", "critical"),
        (network(WORLD, routed=True, Engine="neptune"), "not_applicable", "critical"),
    ],
)
def test_public_addresses(lab: Lab, answers: dict[str, Any], status: str, severity: str) -> None:
    found = lab.findings(PUBLIC, answers=answers)["db"]
    assert (found.status, found.severity) == (status, severity)


@pytest.mark.parametrize("denied", [GROUPS, ROUTES])
def test_a_public_address_is_no_secret_where_the_network_is(lab: Lab, denied: str) -> None:
    found = lab.findings(PUBLIC, answers=network(WORLD, routed=True), deny=[denied])["db"]
    assert (found.status, found.severity) == ("fail", "critical")
    assert denied in found.evidence["severity_unsettled"]


def test_evidence_has_the_chain(lab: Lab) -> None:
    entries = [
        {"RuleNumber": 100, "RuleAction": "allow", "Protocol": "-1", "Egress": egress, "CidrBlock": "0.0.0.0/0"}
        for egress in (False, True)
    ]
    acl = {
        "NetworkAclId": "acl-1", "VpcId": "vpc-1", "OwnerId": OWNER, "IsDefault": True, "Entries": entries,
        "Associations": [{"SubnetId": "subnet-1"}, {"SubnetId": "subnet-2"}],
    }  # fmt: skip
    answers = network(WORLD, routed=True) | {"ec2:DescribeNetworkAcls": {"NetworkAcls": [acl]}}
    evidence = lab.findings(PUBLIC, answers=answers)["db"].evidence
    assert evidence["reachable"] is True
    (reached,) = evidence["reached"]
    assert (reached["port"], [link["id"] for link in reached["chain"]]) == (
        "tcp 5432", ["db.example", "subnet-2", "igw-1", "rtb-subnet-2", "acl-1", "acl-1", "sg-1"],
    )  # fmt: skip
    closed = lab.findings(PUBLIC, answers=network(routed=True))["db"].evidence
    assert closed["reachable"] is False
    denied = lab.findings(PUBLIC, answers=answers, deny=["ec2:DescribeNetworkAcls"])["db"]
    assert (denied.status, denied.severity, denied.evidence["reachable"]) == ("fail", "critical", None)


def test_the_network_does_not_matter_without_a_public_address(lab: Lab) -> None:
    answers = network(WORLD, PubliclyAccessible=False)
    assert lab.statuses(PUBLIC, answers=answers, deny=[GROUPS, ROUTES]) == {"db": "pass"}


# --- subnets


def tables(*listed: dict[str, Any]) -> dict[str, Any]:
    return network() | {ROUTES: {"RouteTables": list(listed)}}


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        (network(), "pass"),
        (network(routed=True), "fail"),
        (tables(table(None, "igw-1"), table("subnet-2")), "fail"),
        (tables(table(None, "igw-1"), table("subnet-1"), table("subnet-2")), "pass"),
        (tables(table(None, "nat-1"), table("subnet-2", "vgw-1")), "pass"),
        (tables(table(None), table("subnet-2", "igw-1", to="198.51.100.0/24")), "pass"),
        (tables(table("subnet-1"), table("subnet-2", "igw-1")), "fail"),
        (tables(table("subnet-1")), "unknown"),
        (network(DBSubnetGroup=None), "unknown"),
        (network(routed=True, DBClusterIdentifier="cluster"), "fail"),
    ],
)
def test_subnets(lab: Lab, answers: dict[str, Any], status: str) -> None:
    assert lab.statuses(PRIVATE_SUBNETS, answers=answers) == {"db": status}


def test_a_public_subnet_is_shown(lab: Lab) -> None:
    found = lab.findings(PRIVATE_SUBNETS, answers=network(routed=True))["db"]
    assert found.evidence == {"public_subnets": ["subnet-2"]}


def test_subnets_are_unknown_where_routes_are_denied(lab: Lab) -> None:
    assert lab.statuses(PRIVATE_SUBNETS, answers=network(), deny=[ROUTES]) == {"db": "unknown"}


# --- security groups


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        (network(), "pass"),
        (network({"UserIdGroupPairs": [{"GroupId": "sg-app", "UserId": OWNER}]}), "pass"),
        (network(v4("10.0.1.0/24")), "pass"),
        (network(v4("10.0.0.0/23")), "fail"),
        (network(v4("10.0.0.0/8"), protocol="-1"), "fail"),
        (network(v4("10.0.0.0/8"), protocol="udp"), "pass"),
        (network(v4("203.0.113.7/32")), "fail"),
        (network(v4("169.254.1.0/24")), "pass"),
        (network(WORLD), "fail"),
        (network(v6("2600:1f18:1:2::/64")) | vpc("2600:1f18:1::/56"), "pass"),
        (network(v6("2600:1f18:1:2::/64")) | vpc("2600:1f18:2::/56", None), "fail"),
        (network(v6("2600:1f18:1::/56")) | vpc("2600:1f18:1::/56"), "fail"),
        (network(v6("2600:1f18::7/128")), "fail"),
        (network(v6("fd00::/64")), "pass"),
        (network(v6("fd00::/63")), "fail"),
        (network(v6("::/0")), "fail"),
        (network(LISTED) | prefix_list(OWNER, "ours", "10.0.0.0/24"), "pass"),
        (network(LISTED) | prefix_list(OWNER, "ours", "10.0.0.0/24", "203.0.113.0/28"), "fail"),
        (network(LISTED) | prefix_list("AWS", "com.amazonaws.us-east-1.ec2-instance-connect"), "fail"),
        (network(LISTED) | prefix_list("AWS", "com.amazonaws.us-east-1.vpc-lattice"), "pass"),
        (network(LISTED), "unknown"),
        (network(LISTED, WORLD), "fail"),
        (network(WORLD, VpcSecurityGroups=[{"VpcSecurityGroupId": "sg-1", "Status": "removing"}]), "unknown"),
        (network(WORLD, VpcSecurityGroups=[]), "unknown"),
        (network(WORLD, VpcSecurityGroups=None), "unknown"),
        (network(VpcSecurityGroups=[{"VpcSecurityGroupId": "sg-2", "Status": "active"}]), "unknown"),
        (network(WORLD, Endpoint=None), "not_applicable"),
        (network(WORLD, Engine="docdb"), "not_applicable"),
    ],
)
def test_security_groups(lab: Lab, answers: dict[str, Any], status: str) -> None:
    assert lab.statuses(RESTRICTED, answers=answers) == {"db": status}


def test_only_the_instances_port_matters(lab: Lab) -> None:
    answers = network(WORLD, Endpoint={"Address": "db.example", "Port": 3306})
    assert lab.statuses(RESTRICTED, answers=answers) == {"db": "pass"}


def test_the_limits_are_parameters(lab: Lab) -> None:
    assert lab.statuses(RESTRICTED, answers=network(v4("10.0.0.0/16")), ipv4_prefix=16) == {"db": "pass"}


@pytest.mark.parametrize(("denied", "status"), [(GROUPS, "unknown"), (LISTS, "unknown"), (ENTRIES, "unknown")])
def test_security_groups_are_unknown_where_a_read_is_denied(lab: Lab, denied: str, status: str) -> None:
    answers = network(LISTED) | prefix_list(OWNER, "ours", "10.0.0.0/24")
    assert lab.statuses(RESTRICTED, answers=answers, deny=[denied]) == {"db": status}


def test_an_ipv6_range_is_unknown_where_the_vpcs_are(lab: Lab) -> None:
    for source, status in (("2600:1f18::/64", "unknown"), ("fd00::/64", "pass"), ("::/0", "fail")):
        assert lab.statuses(RESTRICTED, answers=network(v6(source)), deny=["ec2:DescribeVpcs"]) == {"db": status}


def test_a_list_of_aws_is_seen_beside_one_that_is_unread(lab: Lab) -> None:
    """What proves a failure is not lost because something else could not be read."""
    amazon = prefix_list("AWS", "com.amazonaws.us-east-1.s3")[LISTS]["PrefixLists"][0]
    lists = {LISTS: {"PrefixLists": [amazon, amazon | {"PrefixListId": "pl-2", "OwnerId": OWNER}]}}
    both = {"PrefixListIds": [{"PrefixListId": "pl-2"}, {"PrefixListId": "pl-1"}]}
    assert lab.statuses(RESTRICTED, answers=network(both) | lists, deny=[ENTRIES]) == {"db": "fail"}


def test_a_list_without_entries_in_the_answer_is_unknown(lab: Lab) -> None:
    answers = network(LISTED) | prefix_list(OWNER, "ours") | {ENTRIES: {}}
    assert lab.statuses(RESTRICTED, answers=answers) == {"db": "unknown"}


@pytest.mark.parametrize("rule", [PUBLIC, PRIVATE_SUBNETS, RESTRICTED])
def test_a_denied_listing_is_unknown(lab: Lab, rule: str) -> None:
    assert lab.statuses(rule, deny=["rds:DescribeDBInstances"]) == {"*": "unknown"}
