from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.ec2_answers import ACCOUNT, instances, launch, numbered

HTTP = "ec2-instance-http-not-public"
PUBLIC_IP = "ec2-instance-no-public-ip"


def group(lab: Lab, *permissions: dict[str, Any], name: str = "web") -> str:
    """Make a security group that lets this in, and give its id."""
    ec2 = lab.client("ec2")
    made = ec2.create_security_group(GroupName=name, Description="made by a test")["GroupId"]
    if permissions:
        ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=list(permissions))
    return str(made)


def tcp(first: int, last: int, *, v4: str | None = None, v6: str | None = None) -> dict[str, Any]:
    sources: dict[str, Any] = {"IpRanges": [{"CidrIp": v4}]} if v4 else {}
    sources |= {"Ipv6Ranges": [{"CidrIpv6": v6}]} if v6 else {}
    return {"IpProtocol": "tcp", "FromPort": first, "ToPort": last} | sources


V4 = {"Association": {"PublicIp": "198.51.100.7"}}
SECOND_V4 = {"PrivateIpAddresses": [{"PrivateIpAddress": "10.0.0.9"}, {"Association": {"PublicIp": "198.51.100.8"}}]}
V6 = {"Ipv6Addresses": [{"Ipv6Address": "2600:1f18::7"}]}
PRIVATE_V6 = {"Ipv6Addresses": [{"Ipv6Address": "fd00:ec2::7"}]}
ALL = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


def with_interfaces(*cases: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """What EC2 answers where i-0, i-1 and so on have one network interface each, of this group and addresses."""
    return instances(*({"NetworkInterfaces": [interface(n, *case)]} for n, case in enumerate(cases)))


def interface(number: int, group_id: str, more: dict[str, Any]) -> dict[str, Any]:
    """A network interface as its instance shows it; None leaves a member out."""
    place = {"NetworkInterfaceId": f"eni-{number}", "SubnetId": "subnet-1", "VpcId": "vpc-1"}
    lists = {"Groups": [{"GroupId": group_id}], "Ipv6Addresses": [], "PrivateIpAddresses": []}
    return {name: value for name, value in (place | lists | more).items() if value is not None}


def test_http(lab: Lab) -> None:
    cases: list[tuple[dict[str, Any], dict[str, Any], str]] = [
        (tcp(80, 80, v4="0.0.0.0/0"), V4, "fail"),
        (tcp(80, 80, v4="0.0.0.0/0"), SECOND_V4, "fail"),
        (tcp(1, 1024, v4="0.0.0.0/0"), V4, "fail"),
        (ALL, V4, "fail"),
        (tcp(80, 80, v6="::/0"), V6, "fail"),
        (tcp(80, 80, v4="0.0.0.0/0", v6="::/0"), V6, "fail"),
        (tcp(80, 80, v6="::/0"), V4, "pass"),
        (tcp(80, 80, v4="0.0.0.0/0"), V6, "pass"),
        (tcp(80, 80, v6="::/0"), PRIVATE_V6, "pass"),
        (tcp(80, 80, v4="0.0.0.0/0"), {}, "pass"),
        (tcp(80, 80, v4="10.0.0.0/8"), V4, "pass"),
        (tcp(443, 443, v4="0.0.0.0/0"), V4, "pass"),
        (tcp(80, 80, v4="0.0.0.0/0") | {"IpProtocol": "udp"}, V4, "pass"),
    ]
    groups = [group(lab, permission, name=f"group-{n}") for n, (permission, _, _) in enumerate(cases)]
    answers = with_interfaces(*((made, addresses) for made, (_, addresses, _) in zip(groups, cases, strict=True)))
    assert lab.statuses(HTTP, answers=answers) == numbered(status for _, _, status in cases)


def test_http_through_a_prefix_list(lab: Lab) -> None:
    ec2 = lab.client("ec2")
    listed = ec2.create_managed_prefix_list(
        PrefixListName="all", MaxEntries=2, AddressFamily="IPv4", Entries=[{"Cidr": "0.0.0.0/0"}]
    )["PrefixList"]["PrefixListId"]
    permission = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "PrefixListIds": [{"PrefixListId": listed}]}
    answers = with_interfaces((group(lab, permission), V4))
    finding = lab.findings(HTTP, answers=answers)["i-0"]
    assert (finding.status, finding.evidence["prefix_list"]) == ("fail", listed)
    assert lab.statuses(HTTP, answers=answers, deny=["ec2:GetManagedPrefixListEntries"]) == {"i-0": "unknown"}


def test_http_as_moto_has_it(lab: Lab) -> None:
    made = launch(lab, SecurityGroupIds=[group(lab, tcp(80, 80, v4="0.0.0.0/0"))])
    finding = lab.findings(HTTP)[made]
    assert (finding.status, finding.severity) == ("fail", "medium")
    assert (finding.evidence["ports"], finding.evidence["source"]) == ("80", "0.0.0.0/0")


def test_http_has_the_chain_as_evidence(lab: Lab) -> None:
    launched = launch(lab, SecurityGroupIds=[group(lab, ALL)])
    assert lab.findings(HTTP)[launched].evidence["reachable"] is False  # moto's default VPC has no way out
    ec2 = lab.client("ec2")
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    (table,) = ec2.describe_route_tables()["RouteTables"]
    ec2.create_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    found = lab.findings(HTTP)[launched]
    assert found.evidence["reachable"] is True
    assert found.evidence["reached"][0]["port"] == "tcp 80"
    for operation in ("NetworkAcls", "RouteTables", "NetworkInterfaces"):
        denied = lab.findings(HTTP, deny=[f"ec2:Describe{operation}"])[launched]
        assert (denied.status, denied.severity, denied.evidence["reachable"]) == ("fail", "medium", None)


def test_http_matters_less_where_the_vpc_is_blocked(lab: Lab) -> None:
    made = launch(lab, SecurityGroupIds=[group(lab, ALL)])
    blocked = {
        "ec2:DescribeVpcBlockPublicAccessOptions": {
            "VpcBlockPublicAccessOptions": {"InternetGatewayBlockMode": "block-ingress"}
        }
    }
    finding = lab.findings(HTTP, answers=blocked)[made]
    assert (finding.status, finding.severity) == ("fail", "low")
    denied = lab.findings(HTTP, answers=blocked, deny=["ec2:DescribeNetworkInterfaces"])[made]
    assert (denied.status, denied.severity) == ("fail", "medium")


def test_http_by_the_most_open_interface(lab: Lab) -> None:
    """Low only where every interface that is open is shielded."""
    made = group(lab, ALL)
    answers = instances({"NetworkInterfaces": [interface(1, made, V4), interface(2, made, V4)]})
    place = {"VpcId": "vpc-1", "OwnerId": ACCOUNT, "Groups": [], "Ipv6Addresses": [], "PrivateIpAddresses": []}
    both = [place | {"NetworkInterfaceId": f"eni-{n}", "SubnetId": f"subnet-{n}"} for n in (1, 2)]
    exclusion = {
        "InternetGatewayExclusionMode": "allow-bidirectional",
        "ResourceArn": "arn:aws:ec2:x:1:subnet/subnet-2",
    }
    answers |= {
        "ec2:DescribeNetworkInterfaces": {"NetworkInterfaces": both},
        "ec2:DescribeVpcs": {"Vpcs": [{"VpcId": "vpc-1", "OwnerId": ACCOUNT}]},
        "ec2:DescribeVpcBlockPublicAccessOptions": {
            "VpcBlockPublicAccessOptions": {"InternetGatewayBlockMode": "block-ingress"}
        },
    }
    assert lab.findings(HTTP, answers=answers)["i-0"].severity == "low"
    answers["ec2:DescribeVpcBlockPublicAccessExclusions"] = {"VpcBlockPublicAccessExclusions": [exclusion]}
    assert lab.findings(HTTP, answers=answers)["i-0"].severity == "medium"


@pytest.mark.parametrize("lacking", ["Groups", "Ipv6Addresses", "PrivateIpAddresses"])
@pytest.mark.parametrize("rule_id", [HTTP, PUBLIC_IP])
def test_an_interface_that_was_cut_short_is_unknown(lab: Lab, rule_id: str, lacking: str) -> None:
    cut = instances({"NetworkInterfaces": [interface(1, "sg-1", {lacking: None})]}, {"NetworkInterfaces": None})
    assert lab.statuses(rule_id, answers=cut) == numbered(["unknown"] * 2)


def test_http_where_no_interface_has_the_public_address(lab: Lab) -> None:
    public = {"PublicIpAddress": "198.51.100.7"}
    bare = public | {"NetworkInterfaces": [interface(1, group(lab), {})]}
    open6 = public | {"NetworkInterfaces": [interface(2, group(lab, tcp(80, 80, v6="::/0"), name="six"), V6)]}
    statuses = lab.statuses(HTTP, answers=instances(public, bare, open6))
    assert statuses == numbered(["unknown", "unknown", "fail"])


def test_http_unread(lab: Lab) -> None:
    made = launch(lab, SecurityGroupIds=[group(lab, ALL)])
    assert lab.statuses(HTTP, deny=["ec2:DescribeSecurityGroups"]) == {made: "unknown"}
    private = with_interfaces(("sg-1", {}))
    assert lab.statuses(HTTP, answers=private, deny=["ec2:DescribeSecurityGroups"]) == {"i-0": "pass"}


def test_public_ip(lab: Lab) -> None:
    answers = with_interfaces(*(("sg-1", addresses) for addresses in (V4, SECOND_V4, PRIVATE_V6, {})))
    assert lab.statuses(PUBLIC_IP, answers=answers) == numbered(["fail", "fail", "pass", "pass"])


def test_public_ip_of_the_instance_itself(lab: Lab) -> None:
    finding = lab.findings(PUBLIC_IP, answers=instances({"PublicIpAddress": "198.51.100.7"}))["i-0"]
    assert (finding.status, finding.evidence) == ("fail", {"public_ips": ["198.51.100.7"]})


@pytest.mark.parametrize(
    ("route", "status"),
    [
        ({"DestinationIpv6CidrBlock": "::/0", "GatewayId": "igw-1"}, "fail"),
        ({"DestinationIpv6CidrBlock": "::/0", "EgressOnlyInternetGatewayId": "eigw-1"}, "pass"),
        ({"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1"}, "pass"),
        ({"DestinationIpv6CidrBlock": "2600::/16", "GatewayId": "vgw-1"}, "pass"),
    ],
)
def test_public_ipv6_goes_by_the_route(lab: Lab, route: dict[str, str], status: str) -> None:
    table = {
        "RouteTableId": "rtb-1",
        "VpcId": "vpc-1",
        "OwnerId": ACCOUNT,
        "Associations": [{"Main": True, "RouteTableId": "rtb-1", "AssociationState": {"State": "associated"}}],
        "Routes": [route | {"State": "active"}],
    }
    answers = with_interfaces(("sg-1", V6)) | {"ec2:DescribeRouteTables": {"RouteTables": [table]}}
    assert lab.statuses(PUBLIC_IP, answers=answers) == {"i-0": status}


def test_public_ip_unread(lab: Lab) -> None:
    answers = with_interfaces(("sg-1", V6), ("sg-1", V4), ("sg-1", {}))
    statuses = lab.statuses(PUBLIC_IP, answers=answers, deny=["ec2:DescribeRouteTables"])
    assert statuses == numbered(["unknown", "fail", "pass"])
