"""What EC2 says of a small network, for rules that look at several of its parts at once."""

from collections.abc import Mapping
from typing import Any

OWNER, OTHER = "123456789012", "999999999999"
OUT = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1"}
NAT = {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1"}
WORLD = {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}

Answers = dict[str, Any]


def vpc(name: str = "vpc-1", cidr: str = "10.0.0.0/16", *, default: bool = False, owner: str = OWNER) -> dict[str, Any]:
    blocks = [{"CidrBlock": cidr, "CidrBlockState": {"State": "associated"}}]
    return {"VpcId": name, "OwnerId": owner, "IsDefault": default, "CidrBlock": cidr, "CidrBlockAssociationSet": blocks}


def vpcs(*items: Mapping[str, Any]) -> Answers:
    return {"ec2:DescribeVpcs": {"Vpcs": list(items)}}


def subnet(name: str, zone: str = "a", *, vpc_id: str = "vpc-1", free: int = 200, **more: Any) -> dict[str, Any]:
    return {
        "SubnetId": name, "VpcId": vpc_id, "OwnerId": OWNER, "AvailabilityZone": zone, "CidrBlock": "10.0.1.0/24",
        "AvailableIpAddressCount": free, "MapPublicIpOnLaunch": False, **more,
    }  # fmt: skip


def subnets(*items: Mapping[str, Any]) -> Answers:
    return {"ec2:DescribeSubnets": {"Subnets": list(items)}}


def table(name: str, *routes: Mapping[str, Any], of: tuple[str, ...] = (), vpc_id: str = "vpc-1") -> dict[str, Any]:
    """A route table of these subnets; the VPC's main one where none is given."""
    associations: list[dict[str, Any]] = [{"SubnetId": each, "Main": False} for each in of] or [{"Main": True}]
    routed = [{"State": "active", **route} for route in routes]
    return {
        "RouteTableId": name, "VpcId": vpc_id, "OwnerId": OWNER, "Associations": associations, "Routes": routed,
    }  # fmt: skip


def tables(*items: Mapping[str, Any]) -> Answers:
    return {"ec2:DescribeRouteTables": {"RouteTables": list(items)}}


def interface(name: str = "eni-1", subnet_id: str = "subnet-1", *groups: str, **more: Any) -> dict[str, Any]:
    return {
        "NetworkInterfaceId": name, "VpcId": "vpc-1", "SubnetId": subnet_id, "OwnerId": OWNER, "Status": "in-use",
        "RequesterManaged": False, "SourceDestCheck": True, "Ipv6Addresses": [], "PrivateIpAddresses": [],
        "Groups": [{"GroupId": each} for each in groups], **more,
    }  # fmt: skip


def interfaces(*items: Mapping[str, Any]) -> Answers:
    return {"ec2:DescribeNetworkInterfaces": {"NetworkInterfaces": list(items)}}


def group(name: str = "sg-1", *inbound: Mapping[str, Any], called: str = "web", **more: Any) -> dict[str, Any]:
    return {
        "GroupId": name, "GroupName": called, "OwnerId": OWNER, "VpcId": "vpc-1", "IpPermissions": list(inbound),
        "IpPermissionsEgress": [], **more,
    }  # fmt: skip


def groups(*items: Mapping[str, Any]) -> Answers:
    return {"ec2:DescribeSecurityGroups": {"SecurityGroups": list(items)}}


def tcp(port: int, source: Mapping[str, Any]) -> dict[str, Any]:
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **source}


def cidr(net: str) -> dict[str, Any]:
    return {"IpRanges": [{"CidrIp": net}]}


def from_group(name: str, **more: Any) -> dict[str, Any]:
    return {"UserIdGroupPairs": [{"GroupId": name, "UserId": OWNER, **more}]}


def acl(
    *entries: Mapping[str, Any], name: str = "acl-1", default: bool = False, of: tuple[str, ...] = ("subnet-1",)
) -> dict[str, Any]:
    return {
        "NetworkAclId": name, "VpcId": "vpc-1", "OwnerId": OWNER, "IsDefault": default,
        "Associations": [{"SubnetId": each} for each in of], "Entries": list(entries),
    }  # fmt: skip


def acls(*items: Mapping[str, Any]) -> Answers:
    return {"ec2:DescribeNetworkAcls": {"NetworkAcls": list(items)}}


def entry(
    number: int, action: str = "allow", *, net: str = "0.0.0.0/0", egress: bool = False, **more: Any
) -> dict[str, Any]:
    return {
        "RuleNumber": number, "RuleAction": action, "Protocol": "-1", "Egress": egress, "CidrBlock": net, **more,
    }  # fmt: skip
