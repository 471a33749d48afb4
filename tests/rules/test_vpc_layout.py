"""How VPCs are laid out, their ways out, and what lies about unused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.ec2_answers import instances
from tests.rules.metric_answers import metrics
from tests.rules.network_answers import (
    NAT,
    OTHER,
    OUT,
    OWNER,
    Answers,
    acl,
    acls,
    entry,
    interface,
    interfaces,
    subnet,
    subnets,
    table,
    tables,
    vpc,
    vpcs,
)

SEPARATED = "ec2-vpc-public-private-subnets-separated"
FREE = "ec2-subnet-free-addresses-available"
MULTI_AZ = "ec2-vpc-subnets-multi-az"
DEFAULT = "ec2-vpc-default-not-used"
OVERLAP = "ec2-vpc-cidr-not-overlapping"
NAT_AZ = "ec2-vpc-nat-gateway-per-az"
NAT_PUBLIC = "ec2-nat-gateway-in-public-subnet"
NAT_USE = "ec2-nat-gateway-in-use"
ENDPOINTS = "ec2-vpc-gateway-endpoints-s3-dynamodb-present"
GATEWAY = "ec2-internet-gateway-attached"
EIP = "ec2-eip-associated"
INSTANCE_EIP = "ec2-instance-elastic-ip-not-used"
INTERFACE = "ec2-network-interface-attached"
ACL_OPEN = "ec2-network-acl-no-unrestricted-ingress"
ACL_RETURN = "ec2-network-acl-return-traffic-allowed"
ACL_USE = "ec2-network-acl-in-use"
NOW = datetime.now(UTC)


def test_public_and_private_subnets(lab: Lab) -> None:
    names = ("mixed", "public", "empty", "shared")
    answers = (
        vpcs(*(vpc(name, owner=OTHER if name == "shared" else OWNER) for name in names))
        | subnets(*(subnet(f"{name}-{n}", vpc_id=name) for name in names for n in (1, 2)))
        | tables(
            *(table(f"rtb-{name}", OUT, vpc_id=name) for name in names),
            table("rtb-own", NAT, of=("mixed-2",), vpc_id="mixed"),
        )
        | interfaces(*(interface(f"eni-{name}", VpcId=name) for name in ("mixed", "public")))
    )
    found = lab.findings(SEPARATED, answers=answers)
    expected = {"mixed": "pass", "public": "fail", "empty": "not_applicable", "shared": "not_applicable"}
    assert {name: each.status for name, each in found.items()} == expected
    assert found["public"].evidence == {"public_subnets": ["public-1", "public-2"]}


def test_free_addresses(lab: Lab) -> None:
    answers = subnets(
        subnet("at-limit", free=26), subnet("short", free=25), subnet("shared", free=0, OwnerId=OTHER),
        {k: v for k, v in subnet("six", free=0).items() if k != "CidrBlock"},
    )  # fmt: skip
    expected = {"at-limit": "pass", "short": "fail", "shared": "not_applicable", "six": "not_applicable"}
    assert lab.statuses(FREE, answers=answers) == expected


def test_zones_and_the_default_vpc(lab: Lab) -> None:
    answers = (
        vpcs(vpc("two"), vpc("one", default=True), vpc("none", default=True))
        | subnets(subnet("a", vpc_id="two"), subnet("b", "b", vpc_id="two"), subnet("c", vpc_id="one"))
        | interfaces(interface(VpcId="one"))
    )
    assert lab.statuses(MULTI_AZ, answers=answers) == {"two": "pass", "one": "fail", "none": "not_applicable"}
    assert lab.statuses(DEFAULT, answers=answers) == {"two": "not_applicable", "one": "fail", "none": "pass"}


def test_overlapping_networks(lab: Lab) -> None:
    default = vpc("default", "10.0.0.0/8", default=True)
    apart = [vpc("one", "10.1.0.0/16"), vpc("two", "10.2.0.0/16"), default]
    assert lab.statuses(OVERLAP, answers=vpcs(*apart)) == {"one": "pass", "two": "pass", "default": "not_applicable"}
    same = vpcs(vpc("one", "10.1.0.0/16"), vpc("two", "10.1.128.0/20"))
    peering = {
        "VpcPeeringConnectionId": "pcx-1", "Status": {"Code": "failed"},
        "RequesterVpcInfo": {"VpcId": "one"}, "AccepterVpcInfo": {"VpcId": "two"},
    }  # fmt: skip
    asked = {"ec2:DescribeVpcPeeringConnections": {"VpcPeeringConnections": [peering]}}
    transit = {"DestinationCidrBlock": "10.0.0.0/8", "TransitGatewayId": "tgw-1"}
    routed = tables(table("a", transit, vpc_id="one"), table("b", transit, vpc_id="two"))
    for more, severity in (({}, "low"), (asked, "high"), (routed, "high")):
        found = lab.findings(OVERLAP, answers={**same, **more})
        assert {(each.status, each.severity) for each in found.values()} == {("fail", severity)}


def nat(name: str = "nat-1", days: int = 40, **more: Any) -> dict[str, Any]:
    return {
        "NatGatewayId": name, "VpcId": "vpc-1", "SubnetId": "subnet-1", "State": "available",
        "ConnectivityType": "public", "CreateTime": NOW - timedelta(days=days), **more,
    }  # fmt: skip


def nats(*items: dict[str, Any]) -> Answers:
    return {"ec2:DescribeNatGateways": {"NatGateways": [{k: v for k, v in i.items() if v is not None} for i in items]}}


TWO_ZONES = vpcs(vpc()) | subnets(subnet("subnet-1"), subnet("subnet-2", "b"))


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        (tables(table("rtb", NAT)) | nats(nat()), "fail"),
        (tables(table("rtb", NAT)) | nats(nat(SubnetId=None)), "pass"),
        (tables(table("rtb", NAT)) | nats(nat(State="deleted")), "pass"),
        (tables(table("rtb", NAT, of=("subnet-1",)), table("main")) | nats(nat()), "pass"),
        (tables(table("rtb", OUT)) | nats(nat()), "not_applicable"),
        (subnets(subnet("subnet-1")) | tables(table("rtb", NAT)), "not_applicable"),
    ],
)
def test_nat_gateway_in_each_zone(lab: Lab, answers: Answers, status: str) -> None:
    assert lab.statuses(NAT_AZ, answers=TWO_ZONES | answers) == {"vpc-1": status}


@pytest.mark.parametrize(
    ("route", "status"),
    [
        (OUT, "pass"),
        ({**OUT, "GatewayId": "vpce-1"}, "pass"),
        ({"DestinationCidrBlock": "0.0.0.0/0", "NetworkInterfaceId": "eni-1"}, "pass"),
        (NAT, "fail"),
        ({"DestinationIpv6CidrBlock": "::/0", "GatewayId": "igw-1"}, "fail"),
        ({**OUT, "State": "blackhole"}, "fail"),
        ({**OUT, "DestinationCidrBlock": "10.0.0.0/8"}, "fail"),
    ],
)
def test_nat_gateway_in_a_public_subnet(lab: Lab, route: dict[str, Any], status: str) -> None:
    answers = tables(table("rtb", route)) | nats(
        nat(), nat("private", ConnectivityType="private"), nat("gone", State="deleted"), nat("regional", SubnetId=None)
    )
    exempt = dict.fromkeys(("private", "gone", "regional"), "not_applicable")
    assert lab.statuses(NAT_PUBLIC, answers=answers) == {"nat-1": status, **exempt}


def test_nat_gateway_in_use(lab: Lab) -> None:
    names = ("busy", "idle", "silent", "young")
    gateways = [nat(name, 10 if name == "young" else 40) for name in names]
    routes = [{**NAT, "DestinationCidrBlock": f"10.{n}.0.0/16", "NatGatewayId": name} for n, name in enumerate(names)]
    answers = tables(table("rtb", *routes)) | nats(*gateways, nat("lone"), nat("new", 3), nat("gone", State="deleted"))
    answers |= metrics({("BytesOutToDestination", "busy"): [0, 5], ("BytesOutToDestination", "idle"): [0, 0]})
    assert lab.statuses(NAT_USE, answers=answers) == {
        "busy": "pass", "idle": "fail", "silent": "unknown", "young": "pass", "lone": "fail", "new": "not_applicable",
        "gone": "not_applicable",
    }  # fmt: skip


def test_gateway_endpoints(lab: Lab) -> None:
    def endpoint(service: str, *of: str, state: str = "available") -> dict[str, Any]:
        return {
            "VpcEndpointId": f"vpce-{service}-{len(of)}", "VpcEndpointType": "Gateway", "VpcId": "vpc-1",
            "State": state,
            "ServiceName": f"com.amazonaws.us-east-1.{service}", "RouteTableIds": list(of),
        }  # fmt: skip

    def judged(*endpoints: dict[str, Any], **more: Any) -> Any:
        answers = TWO_ZONES | tables(table("rtb", NAT), table("public", OUT, of=("subnet-2",))) | more
        return lab.findings(ENDPOINTS, answers={**answers, "ec2:DescribeVpcEndpoints": {"VpcEndpoints": [*endpoints]}})[
            "vpc-1"
        ]

    assert judged(endpoint("s3", "rtb"), endpoint("dynamodb", "rtb")).status == "pass"
    assert judged(endpoint("s3", "public"), endpoint("dynamodb", "rtb")).evidence == {"route_tables": {"s3": ["rtb"]}}
    assert judged(endpoint("s3", "rtb", state="deleted")).status == "fail"
    no_nat = tables(table("rtb"), table("public", OUT, of=("subnet-2",)))
    inside = interfaces(interface(Attachment={"InstanceId": "i-1"}))
    assert judged(**no_nat, **interfaces()).status == "not_applicable"
    assert judged(**no_nat, **inside).status == "fail"


def test_what_lies_about(lab: Lab) -> None:
    gateway = {"OwnerId": OWNER, "Attachments": []}
    attached = {**gateway, "Attachments": [{"VpcId": "vpc-1", "State": "available"}]}
    gateways = [{"InternetGatewayId": name, **each} for name, each in (("igw-1", attached), ("igw-2", gateway))]
    answers: Answers = {"ec2:DescribeInternetGateways": {"InternetGateways": gateways}}
    assert lab.statuses(GATEWAY, answers=answers) == {"igw-1": "pass", "igw-2": "fail"}

    addresses = [
        {"AllocationId": "free", "PublicIp": "198.51.100.1"},
        {"AllocationId": "nat", "AssociationId": "a-1", "NetworkInterfaceId": "eni-1"},
        {"AllocationId": "used", "AssociationId": "a-2", "InstanceId": "i-0"},
        {"AllocationId": "tagged", "AssociationId": "a-3", "InstanceId": "i-1"},
        {"AllocationId": "kept", "ServiceManaged": "alb"},
    ]
    answers = {"ec2:DescribeAddresses": {"Addresses": addresses}}
    assert lab.statuses(EIP, answers=answers) == {
        "free": "fail", "nat": "pass", "used": "pass", "tagged": "pass", "kept": "not_applicable",
    }  # fmt: skip
    tagged = {"Tags": [{"Key": "elastic-ip", "Value": "mail relay"}]}
    answers |= instances({}, tagged, {}, {"State": {"Name": "terminated"}})
    expected = {"i-0": "fail", "i-1": "not_applicable", "i-2": "pass", "i-3": "not_applicable"}
    assert lab.statuses(INSTANCE_EIP, answers=answers) == expected

    answers = interfaces(
        interface("used"), interface("free", Status="available"), interface("foreign", OwnerId=OTHER),
        interface("service", Status="available", RequesterManaged=True),
    )  # fmt: skip
    expected = {"used": "pass", "free": "fail", "foreign": "not_applicable", "service": "not_applicable"}
    assert lab.statuses(INTERFACE, answers=answers) == expected


SIX = {"CidrBlock": None, "Ipv6CidrBlock": "::/0"}


def test_acls_that_let_everything_in(lab: Lab) -> None:
    cases = {
        "open": ([entry(100)], "fail"),
        "six": ([{k: v for k, v in {**entry(100), **SIX}.items() if v is not None}], "fail"),
        "shadowed": ([entry(50, "deny"), entry(100)], "pass"),
        "part-shadowed": ([entry(50, "deny", net="10.0.0.0/8"), entry(100)], "fail"),
        "tcp": ([entry(100, Protocol="6", PortRange={"From": 0, "To": 65535})], "pass"),
        "outward": ([entry(100, egress=True)], "pass"),
    }
    answers = acls(*(acl(*entries, name=name) for name, (entries, _) in cases.items()), acl(name="idle", of=()))
    expected = {name: status for name, (_, status) in cases.items()} | {"idle": "not_applicable"}
    assert lab.statuses(ACL_OPEN, answers=answers) == expected


def test_acls_that_keep_answers_back(lab: Lab) -> None:
    web = entry(100, Protocol="6", PortRange={"From": 443, "To": 443})
    back = entry(100, egress=True, Protocol="6", PortRange={"From": 1024, "To": 65535})
    cases = {
        "good": ([web, back], "pass"),
        "two": ([web, {**back, "PortRange": {"From": 1024, "To": 2000}},
                 {**back, "RuleNumber": 101, "PortRange": {"From": 2001, "To": 65535}}], "pass"),
        "mute": ([web], "fail"),
        "partly": ([web, {**back, "PortRange": {"From": 32768, "To": 65535}}], "fail"),
        "elsewhere": ([web, {**back, "CidrBlock": "10.0.0.0/8"}], "fail"),
        "inside": ([{**web, "CidrBlock": "10.1.0.0/16"}, {**back, "CidrBlock": "10.0.0.0/8"}], "pass"),
        "denied": ([entry(1, "deny"), web], "pass"),
        "udp": ([{**web, "Protocol": "17"}], "pass"),
    }  # fmt: skip
    made = [acl(*entries, name=name) for name, (entries, _) in cases.items()]
    answers = acls(*made, acl(name="idle", of=()), acl(name="default", default=True))
    exempt = {"idle": "not_applicable", "default": "not_applicable"}
    assert lab.statuses(ACL_RETURN, answers=answers) == {n: s for n, (_, s) in cases.items()} | exempt
    used = lab.statuses(ACL_USE, answers=acls(acl(), acl(name="idle", of=()), acl(name="default", default=True, of=())))
    assert used == {"acl-1": "pass", "idle": "fail", "default": "not_applicable"}


BASE = (
    vpcs(vpc())
    | subnets(subnet("subnet-1"), subnet("subnet-2", "b"))
    | tables(table("rtb", NAT))
    | nats(nat())
    | interfaces(interface())
    | {"ec2:DescribeVpcEndpoints": {"VpcEndpoints": []}}
)


@pytest.mark.parametrize(
    ("rule_id", "operations"),
    [
        (SEPARATED, ("Vpcs", "Subnets", "RouteTables", "NetworkInterfaces")),
        (FREE, ("Subnets",)),
        (MULTI_AZ, ("Vpcs", "Subnets")),
        (DEFAULT, ("Vpcs",)),
        (OVERLAP, ("Vpcs",)),
        (NAT_AZ, ("Vpcs", "Subnets", "RouteTables", "NatGateways")),
        (NAT_PUBLIC, ("RouteTables", "NatGateways")),
        (NAT_USE, ("RouteTables", "NatGateways")),
        (ENDPOINTS, ("Vpcs", "Subnets", "RouteTables", "VpcEndpoints")),
        (GATEWAY, ("InternetGateways",)),
        (EIP, ("Addresses",)),
        (INSTANCE_EIP, ("Instances", "Addresses")),
        (INTERFACE, ("NetworkInterfaces",)),
        (ACL_OPEN, ("NetworkAcls",)),
        (ACL_RETURN, ("NetworkAcls",)),
        (ACL_USE, ("NetworkAcls",)),
    ],
)
def test_unknown_where_a_read_is_denied(lab: Lab, rule_id: str, operations: tuple[str, ...]) -> None:
    for operation in operations:
        found = lab.statuses(rule_id, answers=BASE | instances({}), deny=[f"ec2:Describe{operation}"])
        assert set(found.values()) == {"unknown"}, operation
    assert lab.statuses(NAT_USE, answers=BASE, deny=["cloudwatch:GetMetricData"]) == {"nat-1": "unknown"}
