"""Target groups: their targets, their health checks and how they treat traffic."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.edge_answers import ACCOUNT, REGION, Answers, Item, balancer, elbv2, group, group_arn, judged, target
from tests.rules.test_elbv2_network import admitting, groups, security_group

MULTI_AZ = "elbv2-target-group-targets-multi-az"
MATCHER = "elbv2-target-group-health-check-matcher-strict"
HEALTHY = "elbv2-target-group-has-healthy-targets"
LEVEL = "elbv2-target-group-health-check-application-level"
ATTACHED = "elbv2-target-group-attached"
CROSS_ZONE = "elbv2-target-group-cross-zone-not-disabled"
DELAY = "elbv2-target-group-deregistration-delay-set"
STICKY = "elbv2-target-group-stickiness-disabled"
REBALANCE = "elbv2-gateway-target-group-failover-rebalance"
GENEVE = "elbv2-gateway-target-geneve-port-restricted"
EVERY = (MULTI_AZ, MATCHER, HEALTHY, LEVEL, ATTACHED, CROSS_ZONE, DELAY, STICKY, REBALANCE, GENEVE)

ALB, NLB = balancer("alb"), balancer("nlb", "network")
GATEWAY = balancer("gateway", "gateway", Scheme=None)
ADDRESSES = ("addresses", "by-subnet", "same-subnet")
FUNCTION: dict[str, Any] = {"TargetType": "lambda", "Protocol": None, "Port": None, "VpcId": None}


def instances(**zones: str) -> Answers:
    """Instances by id and zone."""
    listed = [
        {
            "InstanceId": f"i-{name}",
            "InstanceType": "t3.micro",
            "State": {"Code": 16, "Name": "running"},
            "LaunchTime": datetime(2026, 1, 1, tzinfo=UTC),
            "Placement": {"AvailabilityZone": REGION + zone},
            "Monitoring": {"State": "disabled"},
            "RootDeviceType": "ebs",
            "EbsOptimized": False,
            "NetworkInterfaces": [],
        }
        for name, zone in zones.items()
    ]
    return {"ec2:DescribeInstances": {"Reservations": [{"Instances": listed}]}}


def zoned() -> Answers:
    subnets = {
        "SubnetId": "subnet-b",
        "VpcId": "vpc-1",
        "OwnerId": ACCOUNT,
        "MapPublicIpOnLaunch": False,
        "AvailabilityZone": f"{REGION}b",
        "CidrBlock": "10.0.2.0/24",
        "AvailableIpAddressCount": 200,
    }
    addresses = {"TargetType": "ip"}
    listed = [
        group("good", ALB),
        group("one-zone", ALB),
        group("sick", ALB),
        group("gone", ALB),
        group("unused"),
        group("function", ALB, **FUNCTION),
        group("addresses", ALB, **addresses),
        group("by-subnet", ALB, **addresses),
        group("same-subnet", ALB, **addresses),
        group("outside", ALB, **addresses),
    ]
    health = {
        "good": [target("i-a"), target("i-b")],
        "one-zone": [target("i-a"), target("i-a2"), target("i-b", "unhealthy")],
        "sick": [target("i-a", "unhealthy"), target("i-b", "draining")],
        "gone": [target("i-gone")],
        "unused": [target("i-a", "unused")],
        "addresses": [target("10.0.1.4", zone=f"{REGION}a"), target("10.0.2.4", zone=f"{REGION}b")],
        "by-subnet": [target("10.0.1.4", zone=f"{REGION}a"), target("10.0.2.4")],
        "same-subnet": [target("10.0.2.4"), target("10.0.2.5")],
        "outside": [target("10.9.1.4", zone="all"), target("10.0.2.5")],
    }
    return (
        elbv2(ALB, groups=listed, health=health)
        | instances(a="a", a2="a", b="b")
        | {"ec2:DescribeSubnets": {"Subnets": [subnets]}}
    )


def test_zones(lab: Lab) -> None:
    assert judged(lab, zoned(), MULTI_AZ)[MULTI_AZ] == {
        **dict.fromkeys(("good", "addresses", "by-subnet"), "pass"),
        **dict.fromkeys(("one-zone", "same-subnet"), "fail medium"),
        **dict.fromkeys(("sick", "unused", "function", "outside"), "not_applicable"),
        "gone": "unknown",
    }


@pytest.mark.parametrize(
    ("operation", "unknown"),
    [
        ("elbv2:DescribeTargetHealth", {"good", "one-zone", "sick", "gone", *ADDRESSES, "outside"}),
        ("ec2:DescribeInstances", {"good", "one-zone", "gone"}),
        ("ec2:DescribeSubnets", {"by-subnet", "same-subnet", "gone"}),
    ],
)
def test_zones_denied(lab: Lab, operation: str, unknown: set[str]) -> None:
    said = judged(lab, zoned(), MULTI_AZ, deny=[operation])[MULTI_AZ]
    assert {name for name, status in said.items() if status == "unknown"} == unknown


def test_matchers(lab: Lab) -> None:
    codes = {
        "one": "200", "range": "200-399", "list": "200,301-302",
        "error": "200-499", "login": "200,401", "all": "200-599",
    }  # fmt: skip
    listed = [group(name, ALB, Matcher={"HttpCode": code}) for name, code in codes.items()]
    listed += [
        group("grpc", ALB, ProtocolVersion="GRPC", Matcher={"GrpcCode": "12"}),
        group("grpc-some", ALB, ProtocolVersion="GRPC", Matcher={"GrpcCode": "0,3-8"}),
        group("grpc-all", ALB, ProtocolVersion="GRPC", Matcher={"GrpcCode": "0-99"}),
        group("none", ALB, Matcher=None),
        group("connects", NLB, HealthCheckProtocol="TCP", Matcher=None),
        group("function", ALB, **FUNCTION, Matcher={"HttpCode": "200-499"}),
        group("unused", Matcher={"HttpCode": "200-499"}),
    ]
    assert judged(lab, elbv2(groups=listed), MATCHER)[MATCHER] == {
        **dict.fromkeys(("one", "range", "list", "grpc", "grpc-some"), "pass"),
        **dict.fromkeys(("error", "login", "all", "grpc-all"), "fail medium"),
        **dict.fromkeys(("connects", "function", "unused"), "not_applicable"),
        "none": "unknown",
    }


def test_health(lab: Lab) -> None:
    cases: dict[str, tuple[list[Item], str]] = {
        "good": ([target("i-1"), target("i-2", "unhealthy")], "pass"),
        "starting": ([target("i-1", "initial")], "pass"),
        "sick": ([target("i-1", "unhealthy"), target("i-2", "unhealthy.draining")], "fail high"),
        "stopped": ([target("i-1", "unused", reason="Target.InvalidState")], "fail high"),
        "empty": ([], "fail medium"),
        "unchecked": ([target("f", "unavailable", reason="Target.HealthCheckDisabled")], "pass"),
        "not-known": ([target("i-1", "unavailable", reason="Elb.InternalError")], "pass"),
    }
    listed = [group(name, ALB) for name in cases]
    answers = elbv2(groups=[*listed, group("unused")], health={name: health for name, (health, _) in cases.items()})
    expected = {name: status for name, (_, status) in cases.items()} | {"unused": "not_applicable"}
    assert judged(lab, answers, HEALTHY)[HEALTHY] == expected
    assert judged(lab, answers, HEALTHY, deny=["elbv2:DescribeTargetHealth"])[HEALTHY]["good"] == "unknown"


def test_what_checks_ask(lab: Lab) -> None:
    plain = {"Protocol": "TCP", "HealthCheckProtocol": "TCP", "HealthCheckPath": None}
    listed = [
        group("good", ALB),
        group("front", ALB, HealthCheckPath="/"),
        group("connects", NLB, **plain),
        group("asks", NLB, Protocol="TCP"),
        group("database", NLB, **plain, **{"Port": 5432}),
        group("alb", NLB, **plain, TargetType="alb"),
        group("function", ALB, **FUNCTION),
        group("unused", HealthCheckPath="/"),
    ]
    assert judged(lab, elbv2(groups=listed), LEVEL)[LEVEL] == {
        "good": "pass", "asks": "pass", "front": "fail informational", "connects": "fail informational",
        **dict.fromkeys(("database", "alb", "function", "unused"), "not_applicable"),
    }  # fmt: skip


def used_by_a_service() -> Answers:
    cluster, service = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/web", f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/web/shop"
    described = {
        "serviceArn": service,
        "serviceName": "shop",
        "clusterArn": cluster,
        "status": "ACTIVE",
        "desiredCount": 1,
        "loadBalancers": [{"targetGroupArn": group_arn("green"), "containerName": "shop", "containerPort": 80}],
    }
    return elbv2(
        groups=[
            group("good", ALB),
            group(
                "left",
            ),
            group("green"),
        ]
    ) | {
        "ecs:ListClusters": {"clusterArns": [cluster]},
        "ecs:DescribeClusters": {"clusters": [{"clusterArn": cluster, "clusterName": "web", "status": "ACTIVE"}]},
        "ecs:ListServices": {"serviceArns": [service]},
        "ecs:DescribeServices": {"services": [described]},
    }


def test_attached(lab: Lab) -> None:
    said = judged(lab, used_by_a_service(), ATTACHED)[ATTACHED]
    assert said == {"good": "pass", "green": "pass", "left": "fail informational"}
    denied = judged(lab, used_by_a_service(), ATTACHED, deny=["ecs:ListServices"])[ATTACHED]
    assert denied == {"good": "pass", "green": "unknown", "left": "unknown"}


def attributed() -> Answers:
    crosses, delay = "load_balancing.cross_zone.enabled", "deregistration_delay.timeout_seconds"
    sticky, failover = "stickiness.enabled", "target_failover.on_unhealthy"
    tcp, geneve = {"Protocol": "TCP"}, {"Protocol": "GENEVE", "Port": 6081}
    listed = [
        group("good", ALB),
        group("bad", ALB),
        group("slow", ALB),
        group("default", ALB),
        group("tcp", NLB, **tcp),
        group("appliances", GATEWAY, **geneve),
        group("stubborn", GATEWAY, **geneve),
        group("function", ALB, **FUNCTION),
        group("unused"),
    ]
    good = {crosses: "use_load_balancer_configuration", delay: "30", sticky: "false"}
    bad = {crosses: "false", delay: "0", sticky: "true", "stickiness.type": "lb_cookie"}
    attributes = {
        "good": good,
        "bad": bad,
        "slow": good | {delay: "301"},
        "default": good | {delay: "300"},
        "tcp": bad | {delay: "300"},
        "appliances": bad | {failover: "rebalance", delay: "300"},
        "stubborn": bad | {failover: "no_rebalance", delay: "300"},
        "function": {crosses: "true"},
        "unused": bad,
    }
    return elbv2(groups=listed, attributes=attributes)


def test_attributes(lab: Lab) -> None:
    said = judged(lab, attributed(), CROSS_ZONE, DELAY, STICKY, REBALANCE)
    fine = dict.fromkeys(("good", "slow", "default"), "pass")
    gateways = dict.fromkeys(("appliances", "stubborn"), "not_applicable")
    assert said[CROSS_ZONE] == fine | gateways | {
        "bad": "fail low", "function": "pass", "tcp": "not_applicable", "unused": "not_applicable",
    }  # fmt: skip
    assert said[DELAY] == {
        "good": "pass", "bad": "fail low", "slow": "fail low", "default": "fail informational", "tcp": "pass",
        "appliances": "pass", "stubborn": "pass", "function": "not_applicable", "unused": "not_applicable",
    }  # fmt: skip
    assert said[STICKY] == fine | gateways | {
        **dict.fromkeys(("bad", "tcp", "unused"), "fail informational"), "function": "pass",
    }  # fmt: skip
    others = ("good", "bad", "slow", "default", "tcp", "function", "unused")
    assert said[REBALANCE] == dict.fromkeys(others, "not_applicable") | {"appliances": "pass", "stubborn": "fail low"}
    assert judged(lab, attributed(), DELAY, max_seconds=600)[DELAY]["slow"] == "pass"
    denied = judged(
        lab, attributed(), CROSS_ZONE, DELAY, STICKY, REBALANCE, deny=["elbv2:DescribeTargetGroupAttributes"]
    )
    assert [denied[CROSS_ZONE]["bad"], denied[DELAY]["bad"], denied[STICKY]["bad"], denied[REBALANCE]["stubborn"]] == [
        "unknown"
    ] * 4


def interface(identity: str, address: str, instance: str | None, *group_ids: str) -> Item:
    attached = {"Attachment": {"InstanceId": instance, "DeviceIndex": 0, "Status": "attached"}} if instance else {}
    return {
        "NetworkInterfaceId": identity,
        "VpcId": "vpc-1",
        "SubnetId": "subnet-a",
        "OwnerId": ACCOUNT,
        "Groups": [{"GroupId": each, "GroupName": each} for each in group_ids],
        "PrivateIpAddresses": [{"PrivateIpAddress": address, "Primary": True}],
        "Ipv6Addresses": [],
        "Status": "in-use",
        "RequesterManaged": False,
        "SourceDestCheck": False,
        **attached,
    }


def appliances() -> Answers:
    geneve = {"Protocol": "GENEVE", "Port": 6081}
    listed = [
        group("good", GATEWAY, **geneve),
        group("closed", GATEWAY, **geneve),
        group("open", GATEWAY, **geneve, TargetType="ip"),
        group("gone", GATEWAY, **geneve),
        group("empty", GATEWAY, **geneve),
        group("web", ALB),
    ]
    health = {
        "good": [target("i-good")],
        "closed": [target("i-good"), target("i-closed")],
        "open": [target("10.0.0.9")],
        "gone": [target("i-gone")],
    }
    interfaces = [
        interface("eni-1", "10.0.0.1", "i-good", "sg-tight"),
        interface("eni-2", "10.0.0.2", "i-good", "sg-https"),
        interface("eni-3", "10.0.0.3", "i-closed", "sg-https"),
        interface("eni-4", "10.0.0.9", None, "sg-tight", "sg-open"),
    ]
    return (
        elbv2(groups=listed, health=health)
        | {"ec2:DescribeNetworkInterfaces": {"NetworkInterfaces": interfaces}}
        | groups(
            security_group("sg-tight", admitting(6081, protocol="udp", IpRanges=[{"CidrIp": "10.0.1.0/24"}])),
            security_group("sg-https", admitting(443)),
            security_group("sg-open", admitting(6000, 7000, protocol="udp")),
        )
    )


def test_appliances(lab: Lab) -> None:
    assert judged(lab, appliances(), GENEVE)[GENEVE] == {
        "good": "pass", "closed": "fail low", "open": "fail low", "gone": "unknown", "empty": "not_applicable",
        "web": "not_applicable",
    }  # fmt: skip
    for operation in ("elbv2:DescribeTargetHealth", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups"):
        assert judged(lab, appliances(), GENEVE, deny=[operation])[GENEVE]["good"] == "unknown"


def test_denied_listing(lab: Lab) -> None:
    said = judged(lab, {}, *EVERY, deny=["elbv2:DescribeTargetGroups"])
    assert said == {rule_id: {"*": "unknown"} for rule_id in EVERY}
