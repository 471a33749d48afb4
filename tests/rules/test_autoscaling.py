"""Auto Scaling groups and their policies."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.lab import Lab

PREFIX = "autoscaling-group-"
MULTI_AZ = PREFIX + "multi-az"
HEALTH = PREFIX + "elb-health-check-enabled"
ON_DEMAND = PREFIX + "on-demand-base-present"
REBALANCE = PREFIX + "capacity-rebalance-enabled"
TYPES = PREFIX + "multiple-instance-types"
MINIMUM = PREFIX + "minimum-size-ha"
HEADROOM = PREFIX + "scaling-headroom"
RUNNING = PREFIX + "minimum-capacity-running"
SUSPENDED = PREFIX + "processes-not-suspended"
METRICS = PREFIX + "metrics-collection-enabled"
COOLDOWN = PREFIX + "default-cooldown-reasonable"
WARMUP = PREFIX + "default-instance-warmup-set"
MAINTENANCE = PREFIX + "maintenance-policy-keeps-capacity"
POLICY = PREFIX + "scaling-policy-present"
SCALE_IN = PREFIX + "scale-in-policy-present"
POLICY_COOLDOWN = "autoscaling-policy-scale-in-cooldown-tuned"
PREDICTIVE = "autoscaling-policy-predictive-mode-active"
OF_GROUPS = (
    MULTI_AZ, HEALTH, ON_DEMAND, REBALANCE, TYPES, MINIMUM, HEADROOM, RUNNING, SUSPENDED, METRICS, COOLDOWN, WARMUP,
    MAINTENANCE, POLICY, SCALE_IN,
)  # fmt: skip

ARN = "arn:aws:autoscaling:us-east-1:123456789012:"
OLD = datetime(2026, 1, 1, tzinfo=UTC)
GROUP: dict[str, Any] = {
    "MinSize": 2,
    "MaxSize": 6,
    "DesiredCapacity": 2,
    "DefaultCooldown": 300,
    "AvailabilityZones": ["us-east-1a", "us-east-1b"],
    "HealthCheckType": "EC2",
    "HealthCheckGracePeriod": 300,
    "CreatedTime": OLD,
    "LaunchTemplate": {"LaunchTemplateId": "lt-1", "LaunchTemplateName": "web", "Version": "$Latest"},
}
BALANCED = {"TargetGroupARNs": ["arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/1"]}
CLASSIC = {"LoadBalancerNames": ["web"]}
LATTICE = {"TrafficSources": [{"Identifier": "arn:aws:vpc-lattice:us-east-1:123456789012:targetgroup/tg-1"}]}
DELETED = {"Status": "Delete in progress"}


def groups(changes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What AWS says of these groups; None leaves a member out."""
    found = []
    for name, change in changes.items():
        own = {"AutoScalingGroupName": name, "AutoScalingGroupARN": f"{ARN}autoScalingGroup:1:{name}"}
        item = {**GROUP, **own, **change}
        found.append({key: value for key, value in item.items() if value is not None})
    return {"autoscaling:DescribeAutoScalingGroups": {"AutoScalingGroups": found}}


def mixed(*types: str, base: int | None = None, share: int | None = None, **override: Any) -> dict[str, Any]:
    """A policy of mixed instances."""
    overrides = [{"InstanceType": name} for name in types] + ([override] if override else [])
    distribution = {"OnDemandBaseCapacity": base, "OnDemandPercentageAboveBaseCapacity": share}
    return {
        "LaunchTemplate": None,
        "MixedInstancesPolicy": {
            "LaunchTemplate": {"LaunchTemplateSpecification": GROUP["LaunchTemplate"], "Overrides": overrides},
            "InstancesDistribution": {key: value for key, value in distribution.items() if value is not None},
        },
    }


def instances(*states: str, **more: Any) -> dict[str, Any]:
    """Members of a group in these states; "!" stands for unhealthy."""
    return {
        "Instances": [
            {
                "InstanceId": f"i-{state.strip('!').lower()}", "AvailabilityZone": "us-east-1a",
                "LifecycleState": state.strip("!"), "ProtectedFromScaleIn": False,
                "HealthStatus": "Unhealthy" if state.startswith("!") else "Healthy", **more,
            }
            for state in states
        ]
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "passing", "failing", "exempt"),
    [
        (MULTI_AZ, [{}], [{"AvailabilityZones": ["us-east-1a"]}], [DELETED]),
        (
            HEALTH,
            [
                {**BALANCED, "HealthCheckType": "ELB"}, {**CLASSIC, "HealthCheckType": "EC2,ELB,EBS"},
                {**LATTICE, "HealthCheckType": "VPC_LATTICE"},
                {"TrafficSources": [{"Identifier": "web", "Type": "elb"}], "HealthCheckType": "EBS, ELB"},
            ],
            [
                BALANCED, CLASSIC, LATTICE, {**LATTICE, "HealthCheckType": "ELB"},
                {**LATTICE, **BALANCED, "HealthCheckType": "VPC_LATTICE"},
            ],
            [{}, {"HealthCheckType": "ELB"}, {**BALANCED, **DELETED}],
        ),
        (
            TYPES,
            [mixed("m6i.large", "m6a.large"), mixed(InstanceRequirements={"VCpuCount": {"Min": 2},
                                                                         "MemoryMiB": {"Min": 4096}})],
            [{}, mixed(), mixed("m6i.large"), mixed("m6i.large", "m6i.large")],
            [DELETED],
        ),
        (
            MINIMUM,
            [BALANCED],
            [{**BALANCED, "MinSize": 1}, {**LATTICE, "MinSize": 0}],
            [{"MinSize": 1}, {**BALANCED, "MinSize": 1, "DesiredCapacityType": "vcpu"}],
        ),
        (
            HEADROOM,
            [{}],
            [{"MaxSize": 2}, {"DesiredCapacity": 6}],
            [{"MinSize": 1, "MaxSize": 1, "DesiredCapacity": 1}, {"MinSize": 0, "MaxSize": 0, "DesiredCapacity": 0}],
        ),
        (
            SUSPENDED,
            [{}, {"SuspendedProcesses": [{"ProcessName": "ScheduledActions"}]}],
            [{"SuspendedProcesses": [{"ProcessName": name}]} for name in ("Launch", "AZRebalance", "HealthCheck")],
            [DELETED],
        ),
        (METRICS, [{"EnabledMetrics": [{"Metric": "GroupMinSize"}]}], [{}, {"EnabledMetrics": []}], [DELETED]),
        (COOLDOWN, [{}, {"DefaultCooldown": 1}], [{"DefaultCooldown": 301}, {"DefaultCooldown": 0}], [DELETED]),
        (
            WARMUP,
            [{"DefaultInstanceWarmup": 0}, {"DefaultInstanceWarmup": 120}],
            [{}, {"DefaultInstanceWarmup": -1}],
            [DELETED],
        ),
        (
            MAINTENANCE,
            [{**BALANCED, "InstanceMaintenancePolicy": {"MinHealthyPercentage": 90, "MaxHealthyPercentage": 120}}],
            [
                BALANCED,
                {**CLASSIC, "InstanceMaintenancePolicy": {"MinHealthyPercentage": 89, "MaxHealthyPercentage": 120}},
                {**CLASSIC, "InstanceMaintenancePolicy": {"MinHealthyPercentage": -1, "MaxHealthyPercentage": -1}},
            ],
            [{}, {**BALANCED, **DELETED}],
        ),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)  # fmt: skip
def test_what_the_listing_tells(
    lab: Lab, rule: str, passing: list[dict[str, Any]], failing: list[dict[str, Any]], exempt: list[dict[str, Any]]
) -> None:
    kinds = {"pass": passing, "fail": failing, "not_applicable": exempt}
    changes = {f"{kind} {number}": change for kind, those in kinds.items() for number, change in enumerate(those)}
    statuses = lab.statuses(rule, answers=groups(changes))
    assert statuses == {name: name.partition(" ")[0] for name in changes}


def test_minimum_capacity(lab: Lab) -> None:
    young = datetime.now(UTC) - timedelta(seconds=60)
    pending = {"Reservations": [{"Instances": [
        {"InstanceId": name, "State": {"Name": "pending"}, "LaunchTime": launched, "NetworkInterfaces": [],
         "InstanceType": "t3.micro", "ImageId": "ami-1"}
        for name, launched in (("i-pending", young), ("i-pending:wait", OLD))
    ]}]}  # fmt: skip
    answers = {"ec2:DescribeInstances": pending} | groups(
        {
            "good": instances("InService", "InService"), "short": instances("InService", "Standby"),
            "sick": instances("InService", "!InService"), "empty": {}, "nothing": {"MinSize": 0},
            "starting": instances("InService", "Pending"), "hanging": instances("InService", "Pending:Wait"),
            "unknown": instances("InService", "Pending:Proceed"),
            "weighted": instances("InService", WeightedCapacity="2"), "warm": instances("InService", "Warmed:Running"),
            "young": {"CreatedTime": young}, "cores": {"DesiredCapacityType": "vcpu"}, "deleted": DELETED,
        }
    )  # fmt: skip
    expected = {
        "good": "pass", "short": "fail", "sick": "fail", "empty": "fail", "nothing": "pass", "starting": "pass",
        "hanging": "fail", "unknown": "fail", "weighted": "pass", "warm": "fail", "young": "not_applicable",
        "cores": "not_applicable", "deleted": "not_applicable",
    }  # fmt: skip
    assert lab.statuses(RUNNING, answers=answers) == expected
    unread = dict.fromkeys(("starting", "hanging", "unknown"), "unknown")
    assert lab.statuses(RUNNING, answers=answers, deny=["ec2:DescribeInstances"]) == {**expected, **unread}


# --- Purchase


def test_spot_instances(lab: Lab) -> None:
    ec2, autoscaling = lab.client("ec2"), lab.client("autoscaling")
    ids = {}
    for name, data in (("spot", {"InstanceMarketOptions": {"MarketType": "spot"}}), ("plain", {})):
        made = ec2.create_launch_template(
            LaunchTemplateName=name, LaunchTemplateData={"ImageId": "ami-1", "InstanceType": "t3.micro", **data}
        )
        ids[name] = made["LaunchTemplate"]["LaunchTemplateId"]
    for name, price in (("cheap", {"SpotPrice": "0.1"}), ("dear", {})):
        autoscaling.create_launch_configuration(
            LaunchConfigurationName=name, ImageId="ami-1", InstanceType="t3.micro", **price
        )

    def template(name: str) -> dict[str, Any]:
        return {"LaunchTemplate": {"LaunchTemplateId": ids[name], "LaunchTemplateName": name, "Version": "1"}}

    def configuration(name: str) -> dict[str, Any]:
        return {"LaunchTemplate": None, "LaunchConfigurationName": name}

    of = {
        "all": mixed(base=0, share=0), "unsaid base": mixed(share=0), "base": mixed(base=1, share=0),
        "share": mixed(share=20), "none": mixed(), "template": template("spot"), "plain": template("plain"),
        "configuration": configuration("cheap"), "dear": configuration("dear"), "gone": configuration("gone"),
        "missing": {},
    }  # fmt: skip
    answers = groups({name: {**BALANCED, **change} for name, change in of.items()} | {"worker": mixed(share=0)})
    assert lab.statuses(ON_DEMAND, answers=answers) == {
        "all": "fail", "unsaid base": "fail", "base": "pass", "share": "pass", "none": "pass", "template": "fail",
        "plain": "pass", "configuration": "fail", "dear": "pass", "gone": "unknown", "missing": "unknown",
        "worker": "not_applicable",
    }  # fmt: skip
    answers = groups({**of, "rebalanced": {**of["all"], "CapacityRebalance": True}})
    expected = dict.fromkeys(("all", "unsaid base", "base", "share", "template", "configuration"), "fail")
    expected |= dict.fromkeys(("none", "plain", "dear"), "not_applicable")
    assert lab.statuses(REBALANCE, answers=answers) == {
        **expected, "gone": "unknown", "missing": "unknown", "rebalanced": "pass",
    }  # fmt: skip
    for operation, unread in (
        ("ec2:DescribeLaunchTemplates", {"template", "plain"}),
        ("ec2:DescribeLaunchTemplateVersions", {"template", "plain"}),
        ("autoscaling:DescribeLaunchConfigurations", {"configuration", "dear"}),
    ):
        statuses = lab.statuses(REBALANCE, answers=answers, deny=[operation])
        assert {name for name, status in statuses.items() if status == "unknown"} == {*unread, "gone", "missing"}


# --- Policies


def policies(*found: dict[str, Any]) -> dict[str, Any]:
    """What AWS says of policies, each with the group's name."""
    made = [
        {
            "PolicyName": f"{policy['AutoScalingGroupName']}-{number}",
            "PolicyARN": f"{ARN}scalingPolicy:{number}",
            **policy,
        }
        for number, policy in enumerate(found)
    ]
    return {"autoscaling:DescribePolicies": {"ScalingPolicies": made}}


def simple(group: str, adjustment: int | None, kind: str = "SimpleScaling", **more: Any) -> dict[str, Any]:
    said = {} if adjustment is None else {"ScalingAdjustment": adjustment}
    return {"AutoScalingGroupName": group, "PolicyType": kind, "AdjustmentType": "ChangeInCapacity", **said, **more}


def tracking(group: str, **more: Any) -> dict[str, Any]:
    said = {"TargetValue": 50.0, **more}
    return {"AutoScalingGroupName": group, "PolicyType": "TargetTrackingScaling", "TargetTrackingConfiguration": said}


def predictive(group: str, mode: str | None) -> dict[str, Any]:
    said: dict[str, Any] = {"MetricSpecifications": [{"TargetValue": 50.0}], **({"Mode": mode} if mode else {})}
    return {"AutoScalingGroupName": group, "PolicyType": "PredictiveScaling", "PredictiveScalingConfiguration": said}


def test_something_scales_a_group(lab: Lab) -> None:
    managed = {"Tags": [{"Key": "AmazonECSManaged", "Value": "", "PropagateAtLaunch": True}]}
    nodes = {"Tags": [{"Key": "eks:nodegroup-name", "Value": "a", "ResourceId": "b", "ResourceType": "c"}]}
    schedule = {"AutoScalingGroupName": "scheduled", "ScheduledActionName": "night", "ScheduledActionARN": "arn"}
    answers = {
        **groups({name: {} for name in ("tracked", "scheduled", "off", "none")}
                 | {"ecs": managed, "eks": nodes, "fixed": {"MaxSize": 2}, "one": {"MinSize": 0, "MaxSize": 1},
                    "deleted": DELETED}),
        **policies(tracking("tracked"), {**tracking("off"), "Enabled": False}),
        "autoscaling:DescribeScheduledActions": {"ScheduledUpdateGroupActions": [schedule]},
    }  # fmt: skip
    exempt = dict.fromkeys(("ecs", "eks", "fixed", "one", "deleted"), "not_applicable")
    assert lab.statuses(POLICY, answers=answers) == {
        "tracked": "pass", "scheduled": "pass", "off": "fail", "none": "fail", **exempt,
    }  # fmt: skip
    statuses = lab.statuses(POLICY, answers=answers, deny=["autoscaling:DescribeScheduledActions"])
    assert {name for name, status in statuses.items() if status == "unknown"} == {"scheduled", "off", "none"}


def test_groups_shrink(lab: Lab) -> None:
    steps = [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": amount} for amount in (1, 2)]
    found = {
        "tracked": [tracking("tracked")], "grows": [tracking("grows", DisableScaleIn=True)],
        "both": [simple("both", 1), simple("both", -1)], "out": [simple("out", 2)],
        "steps": [simple("steps", None, "StepScaling", StepAdjustments=steps)],
        "steps in": [simple("steps in", None, "StepScaling", StepAdjustments=[{"ScalingAdjustment": -1}])],
        "exact": [simple("exact", 4, AdjustmentType="ExactCapacity")],
        "off": [simple("off", 1), simple("off", -1, Enabled=False)],
        "forecast": [predictive("forecast", None)], "none": [],
    }  # fmt: skip
    answers = {**groups({name: {} for name in found}), **policies(*(one for those in found.values() for one in those))}
    expected = dict.fromkeys(("tracked", "both", "steps in", "exact"), "pass")
    expected |= dict.fromkeys(("grows", "out", "steps", "off"), "fail")
    assert lab.statuses(SCALE_IN, answers=answers) == {
        **expected, "forecast": "not_applicable", "none": "not_applicable",
    }  # fmt: skip


def test_policies(lab: Lab) -> None:
    answers = {
        **groups({"web": {}}),
        **policies(simple("web", -1), simple("web", -1, Cooldown=60), simple("web", -1, Cooldown=300), simple("web", 1),
                   simple("web", None, "StepScaling"), simple("gone", -1, Cooldown=300)),
    }  # fmt: skip
    assert lab.statuses(POLICY_COOLDOWN, answers=answers) == {
        "web-0": "fail", "web-1": "pass", "web-2": "fail", "web-3": "not_applicable", "web-4": "not_applicable",
        "gone-5": "pass",
    }  # fmt: skip
    denied = lab.statuses(POLICY_COOLDOWN, answers=answers, deny=["autoscaling:DescribeAutoScalingGroups"])
    assert (denied["web-0"], denied["web-1"]) == ("fail", "unknown")
    modes = ("ForecastAndScale", "ForecastOnly", None)
    answers = policies(*(predictive("web", mode) for mode in modes), tracking("web"))
    assert lab.statuses(PREDICTIVE, answers=answers) == {
        "web-0": "pass", "web-1": "fail", "web-2": "fail", "web-3": "not_applicable",
    }  # fmt: skip


def test_what_is_denied_is_unknown(lab: Lab) -> None:
    for denied, rules in (
        ("autoscaling:DescribeAutoScalingGroups", OF_GROUPS),
        ("autoscaling:DescribePolicies", (POLICY, SCALE_IN, POLICY_COOLDOWN, PREDICTIVE)),
    ):
        with lab.but(deny=[denied], answers=groups({"web": {}})):
            judged = lab.judge(*rules)
        assert {(f.rule, f.status.value) for f in judged.findings} == {(rule, "unknown") for rule in rules}
