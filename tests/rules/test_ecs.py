"""ECS clusters, services, hosts and capacity."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.lab import Lab

INSIGHTS = "ecs-cluster-container-insights-enabled"
PROVIDER = "ecs-capacity-provider-managed-scaling-enabled"
AGENT = "ecs-container-instance-agent-connected"
PORTS = "ecs-container-instance-ports-only-from-load-balancer"
PUBLIC_IP = "ecs-service-public-ip-disabled"
COUNT = "ecs-service-desired-count-ha"
SCALING = "ecs-service-auto-scaling-configured"
STRATEGY = "ecs-service-capacity-provider-strategy-used"
SPREAD = "ecs-service-placement-spread-across-azs"
PLATFORM = "ecs-service-fargate-platform-latest"
BREAKER = "ecs-service-deployment-circuit-breaker-enabled"
OF_SERVICES = (PUBLIC_IP, COUNT, SCALING, STRATEGY, SPREAD, PLATFORM, BREAKER)

ARN = "arn:aws:ecs:us-east-1:123456789012:"
CLUSTER = f"{ARN}cluster/shop"
SERVICE: dict[str, Any] = {
    "clusterArn": CLUSTER,
    "status": "ACTIVE",
    "desiredCount": 2,
    "schedulingStrategy": "REPLICA",
    "launchType": "FARGATE",
}


def shop(
    services: dict[str, dict[str, Any]] | None = None, hosts: dict[str, dict[str, Any]] | None = None, **cluster: Any
) -> dict[str, Any]:
    """What ECS says of one cluster with these services and hosts; None leaves a member out."""

    def described(key: str, items: dict[str, dict[str, Any]]) -> Any:
        return lambda params, *_: {key: [items[name.rpartition("/")[2]] for name in params[key]]}

    of_services = {
        name: _said({**SERVICE, "serviceArn": f"{ARN}service/shop/{name}", "serviceName": name, **changes})
        for name, changes in (services or {}).items()
    }
    of_hosts = {
        name: _said({
            "containerInstanceArn": f"{ARN}container-instance/shop/{name}", "status": "ACTIVE", "agentConnected": True,
            **changes,
        })
        for name, changes in (hosts or {}).items()
    }  # fmt: skip
    return {
        "ecs:ListClusters": {"clusterArns": [CLUSTER]},
        "ecs:DescribeClusters": {
            "clusters": [{"clusterArn": CLUSTER, "clusterName": "shop", "status": "ACTIVE", **cluster}]
        },
        "ecs:ListServices": {"serviceArns": [item["serviceArn"] for item in of_services.values()]},
        "ecs:DescribeServices": described("services", of_services),
        "ecs:ListContainerInstances": {
            "containerInstanceArns": [item["containerInstanceArn"] for item in of_hosts.values()]
        },
        "ecs:DescribeContainerInstances": described("containerInstances", of_hosts),
    }


def _said(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if value is not None}


def test_clusters(lab: Lab) -> None:
    def insights(value: str) -> dict[str, Any]:
        return {"settings": [{"name": "containerInsights", "value": value}]}

    for cluster, status in (
        (insights("enabled"), "pass"),
        (insights("enhanced"), "pass"),
        (insights("disabled"), "fail"),
        ({}, "fail"),
        ({"status": "INACTIVE"}, "not_applicable"),
    ):
        assert lab.statuses(INSIGHTS, answers=shop(**cluster)) == {"shop": status}
    lab.client("ecs").create_cluster(clusterName="real", settings=insights("enabled")["settings"])
    assert lab.statuses(INSIGHTS) == {"real": "pass"}


def test_capacity_providers(lab: Lab) -> None:
    def provider(name: str, status: str = "ACTIVE", **group: object) -> dict[str, Any]:
        said = {"autoScalingGroupArn": "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:1:x", **group}
        return {
            "name": name, "status": status, "capacityProviderArn": f"{ARN}capacity-provider/{name}",
            **({"autoScalingGroupProvider": said} if group else {}),
        }  # fmt: skip

    on: dict[str, Any] = {"managedScaling": {"status": "ENABLED"}}
    off: dict[str, Any] = {"managedScaling": {"status": "DISABLED"}}
    providers = [
        provider("good", **on, managedTerminationProtection="ENABLED", managedDraining="ENABLED"),
        provider("off", **off), provider("unsaid", managedDraining="ENABLED"),
        provider("unprotected", **on, managedTerminationProtection="DISABLED"), provider("default", **on),
        provider("undrained", **on, managedTerminationProtection="ENABLED", managedDraining="DISABLED"),
        provider("gone", "INACTIVE", **off), provider("managed"), provider("FARGATE"),
    ]  # fmt: skip
    assert lab.statuses(PROVIDER, answers={"ecs:DescribeCapacityProviders": {"capacityProviders": providers}}) == {
        "good": "pass", "off": "fail", "unsaid": "fail", "unprotected": "fail", "undrained": "fail",
        "default": "fail",
        "gone": "not_applicable", "managed": "not_applicable",
    }  # fmt: skip


# --- Services


def network(public: str | None) -> dict[str, Any]:
    return {"awsvpcConfiguration": {"subnets": ["subnet-1"], **({"assignPublicIp": public} if public else {})}}


def test_public_addresses(lab: Lab) -> None:
    task_set = {"taskDefinition": "shop:1", "networkConfiguration": network("ENABLED")}
    services: dict[str, dict[str, Any]] = {
        "open": {"networkConfiguration": network("ENABLED")}, "closed": {"networkConfiguration": network("DISABLED")},
        "unsaid": {"networkConfiguration": network(None)}, "bridge": {}, "sets": {"taskSets": [task_set]},
        "draining": {"networkConfiguration": network("ENABLED"), "status": "DRAINING"},
    }  # fmt: skip
    assert lab.statuses(PUBLIC_IP, answers=shop(services)) == {
        "open": "fail", "closed": "pass", "unsaid": "pass", "bridge": "not_applicable", "sets": "fail",
        "draining": "not_applicable",
    }  # fmt: skip


def test_how_many_tasks(lab: Lab) -> None:
    balanced = {"loadBalancers": [{"containerName": "app", "containerPort": 80}]}
    services: dict[str, dict[str, Any]] = {
        "two": balanced, "one": {**balanced, "desiredCount": 1}, "none": {**balanced, "desiredCount": 0},
        "worker": {"desiredCount": 1}, "daemon": {**balanced, "desiredCount": 1, "schedulingStrategy": "DAEMON"},
    }  # fmt: skip
    assert lab.statuses(COUNT, answers=shop(services)) == {
        "two": "pass", "one": "fail", "none": "not_applicable", "worker": "not_applicable", "daemon": "not_applicable",
    }  # fmt: skip


def test_scaling(lab: Lab) -> None:
    services: dict[str, dict[str, Any]] = {
        "scaled": {}, "fixed": {}, "alone": {}, "idle": {"desiredCount": 0},
        "daemon": {"schedulingStrategy": "DAEMON"}, "external": {"deploymentController": {"type": "EXTERNAL"}},
    }  # fmt: skip
    said = {
        "ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount", "RoleARN": "arn:aws:iam::1:role/r",
        "CreationTime": datetime(2026, 1, 1, tzinfo=UTC),
    }  # fmt: skip
    targets = [
        {**said, "ResourceId": f"service/shop/{name}", "MinCapacity": 2, "MaxCapacity": most}
        for name, most in (("scaled", 9), ("fixed", 2))
    ]
    scaling = {"application-autoscaling:DescribeScalableTargets": {"ScalableTargets": targets}}
    with lab.but(answers=shop(services) | scaling):
        assert lab.statuses(SCALING) == {
            "scaled": "pass", "fixed": "fail", "alone": "fail", "idle": "not_applicable",
            "daemon": "not_applicable", "external": "not_applicable",
        }  # fmt: skip
        denied = lab.statuses(SCALING, deny=["application-autoscaling:DescribeScalableTargets"])
        assert {name for name, status in denied.items() if status == "unknown"} == {"scaled", "fixed", "alone", "idle"}


def test_where_tasks_run(lab: Lab) -> None:
    def on(*providers: str) -> dict[str, Any]:
        return {"launchType": None, "capacityProviderStrategy": [{"capacityProvider": name} for name in providers]}

    zones = {"type": "spread", "field": "attribute:ecs.availability-zone"}
    packed = {"type": "binpack", "field": "memory"}
    ec2 = {"launchType": "EC2"}
    services: dict[str, dict[str, Any]] = {
        "fargate": {}, "ec2": ec2, "anywhere": {"launchType": "EXTERNAL"}, "mixed": on("FARGATE", "FARGATE_SPOT"),
        "spread": {**ec2, "placementStrategy": [zones, packed]},
        "packed": {**ec2, "placementStrategy": [packed, zones]},
        "random": {**on("hosts"), "placementStrategy": [{"type": "random"}]},
        "hosts": {**ec2, "placementStrategy": [{"type": "spread", "field": "instanceId"}]},
        "one": {**ec2, "placementStrategy": [packed], "desiredCount": 1},
        "daemon": {**ec2, "placementStrategy": [packed], "schedulingStrategy": "DAEMON"},
    }  # fmt: skip
    statuses = lab.statuses(STRATEGY, answers=shop(services))
    assert {name for name, status in statuses.items() if status == "pass"} == {"mixed", "random"}
    assert statuses["fargate"] == statuses["ec2"] == "fail"
    assert statuses["anywhere"] == "not_applicable"
    statuses = lab.statuses(SPREAD, answers=shop(services))
    assert {name for name, status in statuses.items() if status == "pass"} == {"ec2", "spread"}
    assert {name for name, status in statuses.items() if status == "fail"} == {"packed", "random", "hosts"}


def test_platforms(lab: Lab) -> None:
    windows = {"platformFamily": "WINDOWS_SERVER_2022_CORE"}
    services: dict[str, dict[str, Any]] = {
        "latest": {"platformVersion": "LATEST"}, "newest": {"platformVersion": "1.4.0", "platformFamily": "Linux"},
        "old": {"platformVersion": "1.3.0"}, "unsaid": {}, "windows": {**windows, "platformVersion": "1.0.0"},
        "oldest": {"platformVersion": "1.0.0"}, "ec2": {"launchType": "EC2"},
        "spot": {"launchType": None, "platformVersion": "1.3.0",
                 "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT"}]},
    }  # fmt: skip
    assert lab.statuses(PLATFORM, answers=shop(services)) == {
        "latest": "pass", "newest": "pass", "old": "fail", "unsaid": "pass", "windows": "pass", "oldest": "fail",
        "ec2": "not_applicable", "spot": "fail",
    }  # fmt: skip
    assert lab.statuses(PLATFORM, answers=shop(services), linux="1.5.0")["newest"] == "fail"


def test_deployments(lab: Lab) -> None:
    def breaker(enable: bool, rollback: bool) -> dict[str, Any]:
        return {"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": enable, "rollback": rollback}}}

    def deployed(state: str, running: int) -> dict[str, Any]:
        return {"deployments": [
            {"status": "PRIMARY", "desiredCount": 2, "runningCount": running, "rolloutState": state},
            {"status": "ACTIVE", "desiredCount": 2, "runningCount": 0, "rolloutState": "FAILED"},
        ]}  # fmt: skip

    services: dict[str, dict[str, Any]] = {
        "good": {**breaker(True, True), **deployed("COMPLETED", 2)}, "kept": breaker(True, False),
        "off": breaker(False, False), "unsaid": {}, "stuck": {**breaker(True, True), **deployed("FAILED", 1)},
        "recovered": {**breaker(True, True), **deployed("FAILED", 2)},
        "blue": {"deploymentController": {"type": "CODE_DEPLOY"}},
        "ecs": {"deploymentController": {"type": "ECS"}, **breaker(True, True)},
    }  # fmt: skip
    assert lab.statuses(BREAKER, answers=shop(services)) == {
        "good": "pass", "kept": "fail", "off": "fail", "unsaid": "fail", "stuck": "fail", "recovered": "pass",
        "blue": "not_applicable", "ecs": "pass",
    }  # fmt: skip


# --- Hosts


def test_agents(lab: Lab) -> None:
    hosts: dict[str, dict[str, Any]] = {
        "good": {"agentUpdateStatus": "UPDATED"}, "unsaid": {}, "lost": {"agentConnected": False},
        "stale": {"agentUpdateStatus": "FAILED"}, "draining": {"agentConnected": False, "status": "DRAINING"},
    }  # fmt: skip
    statuses = lab.statuses(AGENT, answers=shop(hosts=hosts))
    assert {name.rpartition("/")[2]: status for name, status in statuses.items()} == {
        "good": "pass", "unsaid": "pass", "lost": "fail", "stale": "fail", "draining": "not_applicable",
    }  # fmt: skip


class Network:
    """A VPC 10.0.0.0/16 with a load balancer in 10.0.1.0/24 and 10.0.2.0/24, and instances by their groups' rules."""

    def __init__(self, lab: Lab) -> None:
        self.ec2, elb = lab.client("ec2"), lab.client("elbv2")
        self.vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [
            self.ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"us-east-1{zone}")
            ["Subnet"]["SubnetId"] for n, zone in ((1, "a"), (2, "b"))
        ]  # fmt: skip
        balancer = elb.create_load_balancer(Name="shop", Subnets=self.subnets)["LoadBalancers"][0]["LoadBalancerArn"]
        self.target = elb.create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId=self.vpc)["TargetGroups"][0][
            "TargetGroupArn"
        ]
        elb.create_listener(
            LoadBalancerArn=balancer, Protocol="HTTP", Port=80,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": self.target}],
        )  # fmt: skip

    def instance(self, name: str, *rules: tuple[str, int, int]) -> str:
        """An instance whose group admits TCP to these ports from these networks."""
        group = self.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.vpc)["GroupId"]
        for source, low, high in rules:
            ranges = {"Ipv6Ranges": [{"CidrIpv6": source}]} if ":" in source else {"IpRanges": [{"CidrIp": source}]}
            self.ec2.authorize_security_group_ingress(
                GroupId=group, IpPermissions=[{"IpProtocol": "tcp", "FromPort": low, "ToPort": high, **ranges}]
            )
        made = self.ec2.run_instances(
            ImageId="ami-0a1ee2fb28fe05df3", MinCount=1, MaxCount=1, SubnetId=self.subnets[0], SecurityGroupIds=[group]
        )
        return str(made["Instances"][0]["InstanceId"])


def test_dynamic_ports(lab: Lab) -> None:
    made = Network(lab)
    rules: dict[str, list[tuple[str, int, int]]] = {
        "none": [], "elsewhere": [("0.0.0.0/0", 22, 32767)], "world": [("0.0.0.0/0", 40000, 40000)],
        "world6": [("::/0", 0, 65535)], "partner": [("198.51.100.0/24", 32768, 60999)],
        "partner6": [("2001:db8::/48", 49152, 65535)],
        "subnets": [("10.0.1.0/24", 32768, 65535), ("10.0.2.128/25", 32768, 65535)],
        "vpc": [("10.0.0.0/16", 32768, 65535)],
    }  # fmt: skip
    hosts: dict[str, dict[str, Any]] = {
        name: {"ec2InstanceId": made.instance(name, *found)} for name, found in rules.items()
    }
    hosts |= {"anywhere": {"ec2InstanceId": "mi-1"}, "unsaid": {}, "lost": {"ec2InstanceId": "i-0123"}}
    web = {"web": {"loadBalancers": [{"targetGroupArn": made.target, "containerName": "app", "containerPort": 80}]}}
    found = lab.findings(PORTS, answers=shop(web, hosts))
    assert {
        name.rpartition("/")[2]: f.severity.value if f.status == "fail" else f.status.value for name, f in found.items()
    } == {
        "none": "pass", "elsewhere": "pass", "world": "high", "world6": "high", "partner": "high", "partner6": "high",
        "subnets": "pass", "vpc": "low", "anywhere": "not_applicable", "unsaid": "not_applicable", "lost": "unknown",
    }  # fmt: skip
    assert found[f"{ARN}container-instance/shop/vpc"].evidence["openings"][0]["source"] == "10.0.0.0/16"
    # Without a load balancer there is nothing that private networks could be held against.
    alone = lab.statuses(PORTS, answers=shop(hosts={"vpc": hosts["vpc"]}))
    assert list(alone.values()) == ["pass"]
    for operation, unknown in (
        ("ec2:DescribeInstances", {"none", "world", "vpc"}),
        ("ec2:DescribeSecurityGroups", {"none", "world", "vpc"}),
        ("ec2:DescribeVpcs", {"partner6"}),
        ("ec2:DescribeSubnets", {"vpc"}),
        ("elbv2:DescribeTargetGroups", {"vpc"}),
        ("elbv2:DescribeLoadBalancers", {"vpc"}),
        ("ecs:ListServices", {"vpc"}),
    ):
        statuses = lab.statuses(PORTS, answers=shop(web, hosts), deny=[operation])
        assert unknown <= {name.rpartition("/")[2] for name, status in statuses.items() if status == "unknown"}


@pytest.mark.parametrize(
    ("rules", "operation"),
    [
        ((INSIGHTS, *OF_SERVICES, AGENT, PORTS), "ecs:ListClusters"),
        ((INSIGHTS, *OF_SERVICES, AGENT, PORTS), "ecs:DescribeClusters"),
        (OF_SERVICES, "ecs:ListServices"),
        (OF_SERVICES, "ecs:DescribeServices"),
        ((AGENT, PORTS), "ecs:ListContainerInstances"),
        ((AGENT, PORTS), "ecs:DescribeContainerInstances"),
        ((PROVIDER,), "ecs:DescribeCapacityProviders"),
    ],
)
def test_what_is_denied_is_unknown(lab: Lab, rules: tuple[str, ...], operation: str) -> None:
    with lab.but(deny=[operation], answers=shop({"web": {}}, {"host": {}})):
        judged = lab.judge(*rules)
    assert {(f.rule, f.status.value) for f in judged.findings} == {(rule, "unknown") for rule in rules}
