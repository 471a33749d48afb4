"""What connects VPCs: peerings, endpoints, VPNs, and EC2 Instance Connect."""

import json
from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.network_answers import OTHER, OWNER, Answers, group, groups, subnet, subnets, table, tables

ROUTES = "ec2-vpc-peering-routes-least-privilege"
ACTIVE = "ec2-vpc-peering-active-and-routed"
MULTI_AZ = "ec2-vpc-endpoint-interface-multi-az"
POLICY = "ec2-vpc-endpoint-policy-restricted"
TUNNELS = "ec2-vpn-connection-tunnels-up"
IKE = "ec2-vpn-connection-ikev2-and-logging"
CONNECT = "ec2-instance-connect-endpoint-security-group-restricted"


def peering(
    name: str = "pcx-1", code: str = "active", *, region: str = "us-east-1", owner: str = OWNER
) -> dict[str, Any]:
    near = {"VpcId": "vpc-1", "OwnerId": OWNER, "Region": "us-east-1", "CidrBlock": "10.1.0.0/16"}
    far = {"VpcId": "vpc-2", "OwnerId": owner, "Region": region, "CidrBlockSet": [{"CidrBlock": "10.2.0.0/16"}]}
    return {
        "VpcPeeringConnectionId": name, "Status": {"Code": code}, "RequesterVpcInfo": near, "AccepterVpcInfo": far,
    }  # fmt: skip


def peerings(*items: dict[str, Any]) -> Answers:
    return {"ec2:DescribeVpcPeeringConnections": {"VpcPeeringConnections": list(items)}}


def to(net: str, name: str = "pcx-1") -> dict[str, str]:
    return {"DestinationCidrBlock": net, "VpcPeeringConnectionId": name}


@pytest.mark.parametrize(
    ("near", "far", "status"),
    [
        ("10.2.3.0/24", "10.1.3.0/24", "pass"),
        ("10.2.0.0/16", "10.1.3.0/24", "fail"),
        ("10.0.0.0/8", "10.1.3.0/24", "fail"),
        ("0.0.0.0/0", "10.1.3.0/24", "fail"),
        ("10.2.3.0/24", "10.1.0.0/16", "fail"),
        ("10.1.0.0/16", "10.2.0.0/16", "pass"),
    ],
)
def test_routes_to_all_of_the_peer(lab: Lab, near: str, far: str, status: str) -> None:
    answers = peerings(peering(), peering("pcx-2", "pending-acceptance"))
    answers |= tables(table("one", to(near)), table("two", to(far), vpc_id="vpc-2"))
    assert lab.statuses(ROUTES, answers=answers) == {"pcx-1": status, "pcx-2": "not_applicable"}


def test_active_and_routed_on_both_sides(lab: Lab) -> None:
    cases = {
        "both": (peering("both"), "pass"),
        "half": (peering("half"), "fail"),
        "abroad": (peering("abroad", region="eu-west-1"), "pass"),
        "stranger": (peering("stranger", owner=OTHER), "pass"),
        "none": (peering("none", owner=OTHER), "fail"),
        "pending": (peering("pending", "pending-acceptance"), "fail"),
        "failed": (peering("failed", "failed"), "fail"),
        "deleted": (peering("deleted", "deleted"), "not_applicable"),
        "provisioning": (peering("provisioning", "provisioning"), "not_applicable"),
    }
    near = [to("10.2.0.0/16", name) for name in ("both", "half", "abroad", "stranger")]
    answers = peerings(*(item for item, _ in cases.values()))
    answers |= tables(table("one", *near), table("two", to("10.1.0.0/16", "both"), vpc_id="vpc-2"))
    assert lab.statuses(ACTIVE, answers=answers) == {name: status for name, (_, status) in cases.items()}


EVERYTHING = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}


def endpoint(name: str, *of: str, statement: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    policy = {"PolicyDocument": json.dumps({"Statement": [statement]})} if statement else {}
    return {
        "VpcEndpointId": name, "VpcEndpointType": "Interface", "VpcId": "vpc-1", "State": "available",
        "ServiceName": "com.amazonaws.us-east-1.sqs", "SubnetIds": list(of), **policy, **more,
    }  # fmt: skip


def endpoints(*items: dict[str, Any]) -> Answers:
    return {"ec2:DescribeVpcEndpoints": {"VpcEndpoints": list(items)}}


def test_interface_endpoints_in_zones(lab: Lab) -> None:
    made = (
        endpoint("two", "a1", "b1"), endpoint("same", "a1", "a2"), endpoint("one", "a1"), endpoint("lost", "a1", "c1"),
        endpoint("gateway", VpcEndpointType="Gateway"), endpoint("managed", "a1", RequesterManaged=True),
        endpoint("rejected", "a1", State="rejected"),
    )  # fmt: skip
    answers = endpoints(*made) | subnets(subnet("a1"), subnet("a2"), subnet("b1", "b"))
    assert lab.statuses(MULTI_AZ, answers=answers) == {
        "two": "pass", "same": "fail", "one": "fail", "lost": "unknown", "gateway": "not_applicable",
        "managed": "not_applicable", "rejected": "not_applicable",
    }  # fmt: skip


def test_endpoint_policies(lab: Lab) -> None:
    limited = {"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}
    made = (
        endpoint("default", statement=EVERYTHING),
        endpoint("named", statement={**EVERYTHING, "Principal": {"AWS": "*"}}),
        endpoint("condition", statement={**EVERYTHING, **limited}),
        endpoint("action", statement={**EVERYTHING, "Action": "sqs:SendMessage"}),
        endpoint("principal", statement={**EVERYTHING, "Principal": {"AWS": OWNER}}),
        endpoint("none"),
        endpoint("managed", statement=EVERYTHING, RequesterManaged=True),
        endpoint("partner", statement=EVERYTHING, ServiceName="com.amazonaws.vpce.us-east-1.vpce-svc-0123"),
        endpoint("gone", statement=EVERYTHING, State="Deleted"),
    )
    assert lab.statuses(POLICY, answers=endpoints(*made)) == {
        "default": "fail", "named": "fail", "condition": "pass", "action": "pass", "principal": "pass",
        "none": "not_applicable", "managed": "not_applicable", "partner": "not_applicable", "gone": "not_applicable",
    }  # fmt: skip


GOOD = {"IkeVersions": [{"Value": "ikev2"}], "LogOptions": {"CloudWatchLogOptions": {"LogEnabled": True}}}


def vpn(name: str, *telemetry: str, tunnels: Any = (GOOD, GOOD), state: str = "available") -> dict[str, Any]:
    secret = {"PreSharedKey": "do-not-keep-me", "OutsideIpAddress": "203.0.113.1"}
    return {
        "VpnConnectionId": name, "State": state, "VgwTelemetry": [{"Status": each} for each in telemetry],
        "Options": {"TunnelOptions": [{**secret, **each} for each in tunnels]},
        "CustomerGatewayConfiguration": "<key>do-not-keep-me</key>",
    }  # fmt: skip


def vpns(*items: dict[str, Any]) -> Answers:
    return {"ec2:DescribeVpnConnections": {"VpnConnections": list(items)}}


def test_vpn_tunnels(lab: Lab) -> None:
    made = vpns(vpn("up", "UP", "UP"), vpn("half", "UP", "DOWN"), vpn("mute"), vpn("gone", "DOWN", state="deleted"))
    found = lab.findings(TUNNELS, answers=made)
    expected = {"up": "pass", "half": "fail", "mute": "unknown", "gone": "not_applicable"}
    assert {name: each.status for name, each in found.items()} == expected


def test_vpn_settings_and_that_no_key_is_kept(lab: Lab) -> None:
    cases: dict[str, tuple[Any, str]] = {
        "good": ((GOOD, GOOD), "pass"),
        "old": ((GOOD, {**GOOD, "IkeVersions": [{"Value": "ikev1"}, {"Value": "ikev2"}]}), "fail"),
        "both": ((GOOD, {"LogOptions": GOOD["LogOptions"]}), "fail"),
        "unlogged": ((GOOD, {**GOOD, "LogOptions": {"CloudWatchLogOptions": {"LogEnabled": False}}}), "fail"),
        "silent": ((GOOD, {"IkeVersions": GOOD["IkeVersions"]}), "fail"),
        "empty": ((), "unknown"),
    }
    answers = vpns(*(vpn(name, tunnels=tunnels) for name, (tunnels, _) in cases.items()))
    with lab.but(answers=answers):
        judged = lab.judge(IKE)
    assert {each.resource.id: each.status for each in judged.findings} == {n: s for n, (_, s) in cases.items()}
    assert "do-not-keep-me" not in repr(judged)


def test_instance_connect_endpoints(lab: Lab) -> None:
    world = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ssh = {
        "IpProtocol": "tcp",
        "FromPort": 22,
        "ToPort": 22,
        "UserIdGroupPairs": [{"GroupId": "sg-9", "UserId": OWNER}],
    }
    cases = {"narrow": "pass", "wide": "fail", "default": "fail", "lost": "unknown", "deleted": "not_applicable"}
    made = [
        {"InstanceConnectEndpointId": name, "OwnerId": OWNER, "VpcId": "vpc-1", "SecurityGroupIds": [f"sg-{name}"],
         "State": "delete-complete" if name == "deleted" else "create-complete"}
        for name in cases
    ]  # fmt: skip
    answers = {"ec2:DescribeInstanceConnectEndpoints": {"InstanceConnectEndpoints": made}} | groups(
        group("sg-narrow", IpPermissionsEgress=[ssh]), group("sg-wide", IpPermissionsEgress=[world]),
        group("sg-default", called="default"),
    )  # fmt: skip
    assert lab.statuses(CONNECT, answers=answers) == cases
    denied = lab.statuses(CONNECT, answers=answers, deny=["ec2:DescribeSecurityGroups"])
    assert denied == {**dict.fromkeys(cases, "unknown"), "deleted": "not_applicable"}


@pytest.mark.parametrize(
    ("rule_id", "denied", "expected"),
    [
        (ROUTES, "RouteTables", {"pcx-1": "unknown"}),
        (ROUTES, "VpcPeeringConnections", {"*": "unknown"}),
        (ACTIVE, "RouteTables", {"pcx-1": "unknown"}),
        (ACTIVE, "VpcPeeringConnections", {"*": "unknown"}),
        (MULTI_AZ, "Subnets", {"two": "unknown"}),
        (MULTI_AZ, "VpcEndpoints", {"*": "unknown"}),
        (POLICY, "VpcEndpoints", {"*": "unknown"}),
        (TUNNELS, "VpnConnections", {"*": "unknown"}),
        (IKE, "VpnConnections", {"*": "unknown"}),
        (CONNECT, "InstanceConnectEndpoints", {"*": "unknown"}),
    ],
)
def test_unknown_where_a_read_is_denied(lab: Lab, rule_id: str, denied: str, expected: dict[str, str]) -> None:
    answers = peerings(peering()) | endpoints(endpoint("two", "a1", "b1"))
    assert lab.statuses(rule_id, answers=answers, deny=[f"ec2:Describe{denied}"]) == expected
