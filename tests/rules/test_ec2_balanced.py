"""Instances behind load balancers."""

from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.ec2_answers import instances, numbered
from tests.rules.network_answers import (
    NAT,
    OUT,
    WORLD,
    Answers,
    cidr,
    from_group,
    group,
    groups,
    table,
    tables,
    tcp,
    vpc,
    vpcs,
)

TRAFFIC = "ec2-instance-web-traffic-only-from-load-balancer"
PRIVATE = "ec2-instance-private-subnet-behind-load-balancer"
ARN = "arn:aws:elasticloadbalancing:us-east-1:123456789012:"
GROUP_ARN = ARN + "targetgroup/tg/1"


def balancer(kind: str = "app", *guards: str) -> dict[str, Any]:
    return {
        "LoadBalancerArn": f"{ARN}loadbalancer/{kind}/shop/1", "LoadBalancerName": "shop", "Scheme": "internet-facing",
        "Type": "network" if kind == "net" else "application", "VpcId": "vpc-1", "State": {"Code": "active"},
        "SecurityGroups": list(guards), "AvailabilityZones": [{"ZoneName": "a", "SubnetId": "subnet-1"}],
    }  # fmt: skip


def behind(*targets: tuple[str, int], kind: str = "instance", lb: dict[str, Any] | None = None) -> Answers:
    """A load balancer, and its target group with these targets."""
    made = lb or balancer("app", "sg-lb")
    health = [{"Target": {"Id": each, "Port": port}, "TargetHealth": {"State": "healthy"}} for each, port in targets]
    tg = {
        "TargetGroupArn": GROUP_ARN, "TargetGroupName": "tg", "TargetType": kind, "Protocol": "HTTP", "Port": 80,
        "VpcId": "vpc-1", "LoadBalancerArns": [made["LoadBalancerArn"]],
    }  # fmt: skip
    return {
        "elbv2:DescribeLoadBalancers": {"LoadBalancers": [made]},
        "elbv2:DescribeTargetGroups": {"TargetGroups": [tg]},
        "elbv2:DescribeTargetHealth": {"TargetHealthDescriptions": health},
        "elb:DescribeLoadBalancers": {"LoadBalancerDescriptions": []},
    }


def face(number: int, *guards: str, **more: Any) -> dict[str, Any]:
    """An instance with one network interface."""
    made = {
        "NetworkInterfaceId": f"eni-{number}", "VpcId": "vpc-1", "SubnetId": "subnet-1", "Ipv6Addresses": [],
        "PrivateIpAddresses": [{"PrivateIpAddress": f"10.0.1.{number}"}], "Attachment": {"DeviceIndex": 0},
        "Groups": [{"GroupId": each} for each in guards], **more,
    }  # fmt: skip
    return {"NetworkInterfaces": [made]}


GUARDS = groups(
    group("sg-good", tcp(80, from_group("sg-lb")), tcp(22, WORLD)),
    group("sg-world", tcp(80, WORLD), tcp(80, from_group("sg-lb"))),
    group("sg-vpc", tcp(80, cidr("10.0.0.0/20"))),
    group("sg-wide", tcp(80, cidr("10.0.0.0/8"))),
)
NET = vpcs(vpc()) | GUARDS


def test_traffic_only_from_the_load_balancer(lab: Lab) -> None:
    made = instances(
        *(face(n, each) for n, each in enumerate(("sg-good", "sg-world", "sg-vpc", "sg-wide", "sg-world")))
    )
    answers = NET | made | behind(*((f"i-{n}", 80) for n in range(4)))
    found = lab.findings(TRAFFIC, answers=answers)
    statuses = {name: each.status for name, each in found.items()}
    assert statuses == numbered(["pass", "fail", "fail", "fail", "not_applicable"])
    assert [found[f"i-{n}"].severity for n in (1, 2, 3)] == ["medium", "low", "medium"]
    assert found["i-1"].evidence["openings"] == [
        {"group": "sg-world", "protocol": "tcp", "ports": "80", "source": "0.0.0.0/0"}
    ]


@pytest.mark.parametrize(
    ("more", "status"),
    [
        (behind(("10.0.1.0", 80), kind="ip"), "fail"),
        (behind(("10.0.1.9", 80), kind="ip"), "not_applicable"),
        (behind(("i-0", 8080)), "pass"),
        (behind(("i-0", 80), lb=balancer("net")), "not_applicable"),
        (behind(("i-0", 80), lb=balancer("net", "sg-lb")), "fail"),
        (behind(("i-0", 80), kind="lambda"), "not_applicable"),
    ],
)
def test_which_targets_count(lab: Lab, more: Answers, status: str) -> None:
    assert lab.statuses(TRAFFIC, answers=NET | instances(face(0, "sg-world")) | more) == {"i-0": status}


HEALTH = {"Target": "TCP:80", "Interval": 30, "Timeout": 5, "UnhealthyThreshold": 2, "HealthyThreshold": 2}


def classic(*guards: str) -> Answers:
    listener = {"Protocol": "HTTP", "LoadBalancerPort": 80, "InstanceProtocol": "HTTP", "InstancePort": 80}
    made = {
        "LoadBalancerName": "old", "Scheme": "internet-facing", "VPCId": "vpc-1", "Subnets": ["subnet-1"],
        "SecurityGroups": list(guards), "Instances": [{"InstanceId": "i-0"}], "AvailabilityZones": ["a"],
        "ListenerDescriptions": [{"Listener": listener, "PolicyNames": []}], "HealthCheck": HEALTH,
        "Policies": {"LBCookieStickinessPolicies": []},
    }  # fmt: skip
    return {"elb:DescribeLoadBalancers": {"LoadBalancerDescriptions": [made]}}


def test_behind_a_classic_load_balancer(lab: Lab) -> None:
    answers = NET | instances(face(0, "sg-world"), face(1, "sg-world")) | behind() | classic("sg-lb")
    assert lab.statuses(TRAFFIC, answers=answers) == {"i-0": "fail", "i-1": "not_applicable"}
    assert lab.statuses(PRIVATE, answers=answers | tables(table("rtb", OUT))) == {
        "i-0": "fail",
        "i-1": "not_applicable",
    }


PUBLIC = {"Association": {"PublicIp": "203.0.113.7"}}
SIX = {"Ipv6Addresses": [{"Ipv6Address": "2600::1"}]}


def test_private_subnets(lab: Lab) -> None:
    stopped = {"State": {"Name": "stopped"}}
    made = instances(
        face(0, **PUBLIC), face(1, **SIX), face(2), face(3, SubnetId="subnet-2"), {**face(4), **stopped}, face(5)
    )
    routes = tables(table("public", OUT), table("private", NAT, of=("subnet-2",)))
    answers = NET | made | routes | behind(*((f"i-{n}", 80) for n in range(5)))
    found = lab.findings(PRIVATE, answers=answers)
    expected = numbered(["fail", "fail", "fail", "pass", "not_applicable", "not_applicable"])
    assert {name: each.status for name, each in found.items()} == expected
    assert [found[f"i-{n}"].severity for n in range(3)] == ["medium", "medium", "low"]


@pytest.mark.parametrize(
    ("rule_id", "operation"),
    [
        (TRAFFIC, "ec2:DescribeInstances"),
        (TRAFFIC, "ec2:DescribeSecurityGroups"),
        (TRAFFIC, "elbv2:DescribeLoadBalancers"),
        (TRAFFIC, "elbv2:DescribeTargetGroups"),
        (TRAFFIC, "elbv2:DescribeTargetHealth"),
        (TRAFFIC, "elb:DescribeLoadBalancers"),
        (TRAFFIC, "ec2:DescribeVpcs"),
        (PRIVATE, "ec2:DescribeInstances"),
        (PRIVATE, "ec2:DescribeRouteTables"),
        (PRIVATE, "elbv2:DescribeTargetGroups"),
    ],
)
def test_unknown_where_a_read_is_denied(lab: Lab, rule_id: str, operation: str) -> None:
    guard = "sg-vpc" if operation == "ec2:DescribeVpcs" else "sg-good"
    answers = NET | instances(face(0, guard)) | behind(("i-0", 80)) | tables(table("rtb", NAT))
    found = lab.statuses(rule_id, answers=answers, deny=[operation])
    assert set(found.values()) == {"unknown"}
