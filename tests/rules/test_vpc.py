"""VPCs, subnets, routes and network ACLs."""

from typing import Any

import pytest

from tests.lab import Lab

OWNER = "123456789012"
OTHER = "999999999999"
FLOW_LOGS = "ec2-vpc-flow-logs-enabled"
PUBLIC_IPS = "ec2-subnet-auto-assign-public-ip-disabled"
BLACKHOLES = "ec2-route-table-no-blackhole-routes"
ADMIN_PORTS = "ec2-network-acl-admin-ports-restricted"
LISTINGS = {
    FLOW_LOGS: "ec2:DescribeVpcs",
    PUBLIC_IPS: "ec2:DescribeSubnets",
    BLACKHOLES: "ec2:DescribeRouteTables",
    ADMIN_PORTS: "ec2:DescribeNetworkAcls",
}


@pytest.mark.parametrize(
    ("rule_id", "answers"),
    [
        (BLACKHOLES, {"ec2:DescribeRouteTables": {"RouteTables": [{"RouteTableId": "x-1"}]}}),
        (ADMIN_PORTS, {"ec2:DescribeNetworkAcls": {"NetworkAcls": [{"NetworkAclId": "x-1", "Entries": []}]}}),
        (
            ADMIN_PORTS,
            {
                "ec2:DescribeNetworkAcls": {
                    "NetworkAcls": [{"NetworkAclId": "x-1", "Associations": [{"SubnetId": "s"}]}]
                }
            },
        ),
    ],
)
def test_unknown_where_a_list_is_left_out(lab: Lab, rule_id: str, answers: dict[str, Any]) -> None:
    """EC2 gives what is empty as an empty list: an answer without it was cut short."""
    ((operation, answer),) = answers.items()
    ((name, (item,)),) = answer.items()
    told = {operation: {name: [{"VpcId": "vpc-1", "OwnerId": OWNER, **item}]}}
    assert lab.statuses(rule_id, answers=told) == {"x-1": "unknown"}


@pytest.mark.parametrize(("rule_id", "operation"), LISTINGS.items())
def test_unknown_where_resources_are_not_listed(lab: Lab, rule_id: str, operation: str) -> None:
    assert lab.statuses(rule_id, deny=[operation]) == {"*": "unknown"}


def vpcs(owner: str = OWNER) -> dict[str, Any]:
    return {"ec2:DescribeVpcs": {"Vpcs": [{"VpcId": "vpc-1", "OwnerId": owner}]}}


def logs(*flow_logs: dict[str, Any]) -> dict[str, Any]:
    made = [{"FlowLogId": f"fl-{i}", "ResourceId": "vpc-1", **each} for i, each in enumerate(flow_logs)]
    return {"ec2:DescribeFlowLogs": {"FlowLogs": made}}


def subnets(*ids: str, owner: str = OWNER, **more: Any) -> dict[str, Any]:
    found = [
        {"SubnetId": each, "VpcId": "vpc-1", "OwnerId": owner, "MapPublicIpOnLaunch": False, **more} for each in ids
    ]
    return {"ec2:DescribeSubnets": {"Subnets": found}}


NOTHING: dict[str, Any] = {"ec2:DescribeNetworkInterfaces": {"NetworkInterfaces": []}}
SOMETHING = {
    "ec2:DescribeNetworkInterfaces": {
        "NetworkInterfaces": [
            {"NetworkInterfaceId": "eni-1", "VpcId": "vpc-1", "SubnetId": "subnet-1", "OwnerId": OWNER, "Groups": []}
        ]
    }
}
ALL = {"FlowLogStatus": "ACTIVE", "TrafficType": "ALL", "DeliverLogsStatus": "SUCCESS"}
REJECT = {**ALL, "TrafficType": "REJECT"}
STARTING = {"FlowLogStatus": "ACTIVE", "TrafficType": "ALL"}


@pytest.mark.parametrize(
    ("flow_logs", "status"),
    [
        ([ALL], "pass"),
        ([REJECT], "pass"),
        ([STARTING], "pass"),
        ([{**ALL, "TrafficType": "ACCEPT"}], "fail"),
        ([{**ALL, "DeliverLogsStatus": "FAILED"}], "fail"),
        ([{**ALL, "FlowLogStatus": "INACTIVE"}], "fail"),
        ([{**ALL, "ResourceId": "vpc-2"}], "fail"),
        ([{**ALL, "DeliverLogsStatus": "FAILED"}, REJECT], "pass"),
        ([{**ALL, "ResourceId": "subnet-1"}], "fail"),
        ([{**ALL, "ResourceId": "subnet-1"}, {**REJECT, "ResourceId": "subnet-2"}], "pass"),
        ([{**ALL, "ResourceId": "subnet-1"}, {**ALL, "ResourceId": "subnet-2", "FlowLogStatus": "NONE"}], "fail"),
        ([], "fail"),
    ],
)
def test_flow_logs(lab: Lab, flow_logs: list[dict[str, Any]], status: str) -> None:
    answers = vpcs() | logs(*flow_logs) | subnets("subnet-1", "subnet-2") | SOMETHING
    found = lab.findings(FLOW_LOGS, answers=answers)["vpc-1"]
    assert (found.status, found.severity) == (status, "medium")


def test_flow_logs_of_subnets_elsewhere_do_not_cover_a_vpc_without_any(lab: Lab) -> None:
    answers = vpcs() | logs({**ALL, "ResourceId": "subnet-9"}) | subnets()
    assert lab.statuses(FLOW_LOGS, answers=answers) == {"vpc-1": "fail"}


@pytest.mark.parametrize(
    ("answers", "deny", "verdict"),
    [
        (vpcs() | logs(ALL), "ec2:DescribeSubnets", ("pass", "medium")),
        (vpcs() | logs() | SOMETHING, "ec2:DescribeSubnets", ("fail", "medium")),
        (vpcs() | logs({**ALL, "ResourceId": "subnet-1"}), "ec2:DescribeSubnets", ("unknown", "medium")),
        (vpcs(), "ec2:DescribeFlowLogs", ("unknown", "medium")),
        (vpcs() | logs(), "ec2:DescribeNetworkInterfaces", ("fail", "medium")),
        (vpcs() | logs() | NOTHING, None, ("fail", "low")),
        (vpcs(OTHER), "ec2:DescribeFlowLogs", ("not_applicable", "medium")),
    ],
)
def test_flow_logs_with_gaps(lab: Lab, answers: dict[str, Any], deny: str | None, verdict: tuple[str, str]) -> None:
    found = lab.findings(FLOW_LOGS, answers=answers, deny=[deny] if deny else ())["vpc-1"]
    assert (found.status, found.severity) == verdict


def test_flow_logs_of_an_emulated_account(lab: Lab) -> None:
    ec2 = lab.client("ec2")
    bare = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    logged = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    lab.client("s3").create_bucket(Bucket="flow-logs")
    ec2.create_flow_logs(
        ResourceType="VPC",
        ResourceIds=[logged],
        TrafficType="REJECT",
        LogDestinationType="s3",
        LogDestination="arn:aws:s3:::flow-logs",
    )
    assert lab.statuses(FLOW_LOGS) == {bare: "fail", logged: "pass"}


# --- subnets

HANDS_OUT: dict[str, Any] = {"MapPublicIpOnLaunch": True}


def blocked(mode: str) -> dict[str, Any]:
    return {**HANDS_OUT, "BlockPublicAccessStates": {"InternetGatewayBlockMode": mode}}


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        (subnets("subnet-1"), ("pass", "medium")),
        (subnets("subnet-1", **HANDS_OUT) | SOMETHING, ("fail", "medium")),
        (subnets("subnet-1", **HANDS_OUT) | NOTHING, ("fail", "low")),
        (subnets("subnet-1", **blocked("off")) | SOMETHING, ("fail", "medium")),
        (subnets("subnet-1", **blocked("block-ingress")), ("not_applicable", "medium")),
        (subnets("subnet-1", **blocked("block-bidirectional")), ("not_applicable", "medium")),
        (subnets("subnet-1", **HANDS_OUT, owner=OTHER), ("not_applicable", "medium")),
    ],
)
def test_public_addresses_by_default(lab: Lab, answers: dict[str, Any], verdict: tuple[str, str]) -> None:
    found = lab.findings(PUBLIC_IPS, answers=answers)["subnet-1"]
    assert (found.status, found.severity) == verdict


def test_public_addresses_unread(lab: Lab) -> None:
    answers = {"ec2:DescribeSubnets": {"Subnets": [{"SubnetId": "subnet-1", "VpcId": "vpc-1", "OwnerId": OWNER}]}}
    assert lab.statuses(PUBLIC_IPS, answers=answers) == {"subnet-1": "unknown"}


def test_a_subnet_fails_though_what_is_in_it_is_unread(lab: Lab) -> None:
    answers = subnets("subnet-1", **HANDS_OUT)
    found = lab.findings(PUBLIC_IPS, answers=answers, deny=["ec2:DescribeNetworkInterfaces"])["subnet-1"]
    assert (found.status, found.severity) == ("fail", "medium")
    assert "ec2:DescribeNetworkInterfaces" in found.evidence["severity_unsettled"]


def test_subnets_of_an_emulated_default_vpc_fail(lab: Lab) -> None:
    ec2 = lab.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    own = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]
    found = lab.statuses(PUBLIC_IPS)
    assert found.pop(own) == "pass"
    assert set(found.values()) == {"fail"}


# --- routes


def table(*routes: dict[str, Any], owner: str = OWNER) -> dict[str, Any]:
    made = {"RouteTableId": "rtb-1", "VpcId": "vpc-1", "OwnerId": owner, "Routes": list(routes)}
    return {"ec2:DescribeRouteTables": {"RouteTables": [made]}}


LOCAL = {"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active"}
LOST = {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1", "State": "blackhole"}


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        (table(LOCAL), "pass"),
        (table(), "pass"),
        (table(LOCAL, LOST), "fail"),
        (table({"DestinationPrefixListId": "pl-1", "TransitGatewayId": "tgw-1", "State": "blackhole"}), "fail"),
        (table({**LOCAL, "State": "filtered"}), "pass"),
        (table(LOST, owner=OTHER), "not_applicable"),
    ],
)
def test_blackholes(lab: Lab, answers: dict[str, Any], status: str) -> None:
    assert lab.statuses(BLACKHOLES, answers=answers) == {"rtb-1": status}


def test_blackhole_evidence(lab: Lab) -> None:
    found = lab.findings(BLACKHOLES, answers=table(LOCAL, LOST))["rtb-1"]
    assert found.evidence["routes"] == [{"destination": "0.0.0.0/0", "target": "nat-1", "state": "blackhole"}]


# --- network ACLs


def entry(number: int, action: str, protocol: str, ports: tuple[int, int] | None, cidr: str) -> dict[str, Any]:
    block = "Ipv6CidrBlock" if ":" in cidr else "CidrBlock"
    made = {"RuleNumber": number, "RuleAction": action, "Protocol": protocol, "Egress": False, block: cidr}
    return {**made, "PortRange": {"From": ports[0], "To": ports[1]}} if ports else made


def acl(*entries: dict[str, Any], owner: str = OWNER, guards: tuple[str, ...] = ("subnet-1",)) -> dict[str, Any]:
    last = entry(32767, "deny", "-1", None, "0.0.0.0/0")
    associations = [{"NetworkAclAssociationId": f"a-{each}", "SubnetId": each} for each in guards]
    made = {"NetworkAclId": "acl-1", "VpcId": "vpc-1", "OwnerId": owner, "Associations": associations}
    return {"ec2:DescribeNetworkAcls": {"NetworkAcls": [{**made, "Entries": [last, *entries]}]}}


WORLD, WORLD6 = "0.0.0.0/0", "::/0"
EVERYTHING = entry(100, "allow", "-1", None, WORLD)


@pytest.mark.parametrize(
    ("entries", "status"),
    [
        ([], "pass"),
        ([EVERYTHING], "fail"),
        ([entry(100, "allow", "-1", None, WORLD6)], "fail"),
        ([entry(100, "allow", "6", (22, 22), WORLD)], "fail"),
        ([entry(100, "allow", "6", (0, 65535), WORLD)], "fail"),
        ([entry(100, "allow", "17", (3389, 3389), WORLD6)], "fail"),
        ([entry(100, "allow", "6", (443, 443), WORLD)], "pass"),
        ([entry(100, "allow", "1", None, WORLD)], "pass"),
        ([entry(100, "allow", "6", (22, 22), "198.51.100.0/24")], "pass"),
        ([entry(90, "deny", "-1", None, WORLD), EVERYTHING], "pass"),
        ([entry(110, "deny", "-1", None, WORLD), EVERYTHING], "fail"),
        ([entry(90, "deny", "-1", None, WORLD6), EVERYTHING], "fail"),
        ([entry(90, "deny", "-1", None, "198.51.100.0/24"), EVERYTHING], "fail"),
        ([entry(90, "deny", "17", (0, 65535), WORLD), EVERYTHING], "fail"),
        ([entry(90, "deny", "6", (22, 22), WORLD), EVERYTHING], "fail"),
        ([{**EVERYTHING, "Egress": True}], "pass"),
    ],
)
def test_admin_ports(lab: Lab, entries: list[dict[str, Any]], status: str) -> None:
    found = lab.findings(ADMIN_PORTS, answers=acl(*entries) | SOMETHING)["acl-1"]
    assert (found.status, found.severity) == (status, "medium")


def test_a_narrow_deny_for_every_admin_port_passes(lab: Lab) -> None:
    pairs = [(protocol, port) for protocol in ("6", "17") for port in (22, 3389)]
    denies = [entry(i, "deny", protocol, (port, port), WORLD) for i, (protocol, port) in enumerate(pairs, 1)]
    assert lab.statuses(ADMIN_PORTS, answers=acl(*denies, EVERYTHING)) == {"acl-1": "pass"}


@pytest.mark.parametrize(
    ("answers", "deny", "verdict"),
    [
        (acl(EVERYTHING) | NOTHING, None, ("fail", "low")),
        (acl(EVERYTHING), "ec2:DescribeNetworkInterfaces", ("fail", "medium")),
        (acl(), "ec2:DescribeNetworkInterfaces", ("pass", "medium")),
        (acl(EVERYTHING, guards=()), None, ("not_applicable", "medium")),
        (acl(EVERYTHING, owner=OTHER), None, ("not_applicable", "medium")),
    ],
)
def test_admin_ports_in_context(lab: Lab, answers: dict[str, Any], deny: str | None, verdict: tuple[str, str]) -> None:
    found = lab.findings(ADMIN_PORTS, answers=answers, deny=[deny] if deny else ())["acl-1"]
    assert (found.status, found.severity) == verdict


def test_admin_ports_evidence(lab: Lab) -> None:
    found = lab.findings(ADMIN_PORTS, answers=acl(entry(100, "allow", "6", (20, 22), WORLD)))["acl-1"]
    assert found.evidence["ports"] == ["tcp 22"]
    assert found.evidence["entries"] == [
        {
            "rule_number": 100,
            "egress": False,
            "protocol": "6",
            "rule_action": "allow",
            "cidr_block": WORLD,
            "port_range": {"From": 20, "To": 22},
        }
    ]


def test_the_default_network_acl_of_an_emulated_account_fails(lab: Lab) -> None:
    assert list(lab.statuses(ADMIN_PORTS).values()) == ["fail"]
