"""Auto Scaling groups: what they launch, how they stay healthy, and whether they can follow the load."""

from datetime import timedelta
from typing import Any

from auditor.analysis.launch import purchase_of
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.autoscaling import AutoScalingGroup, GroupInstance
from auditor.resources.ec2 import Instance
from auditor.rule import Verdict, failed, not_applicable, passed, rule, unknown

# Processes without which a group neither heals nor scales.
VITAL_PROCESSES = (
    "Launch", "Terminate", "HealthCheck", "ReplaceUnhealthy", "AddToLoadBalancer", "AZRebalance", "AlarmNotification",
)  # fmt: skip
DELETED = "the group is being deleted"
UNBALANCED = "nothing sends traffic to the group"
UNITS = ("vcpu", "memory-mib")  # what a group's sizes may count, instead of instances


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub AutoScaling.2", "ISO-27001-2022 A.8.14"),
    notes="High Availability (ASG multi AZ)",
    category=Category.RELIABILITY,
)
def autoscaling_group_multi_az(group: AutoScalingGroup) -> Verdict:
    """Auto Scaling groups span two zones or more.

    Risk: with the group's only zone gone, all of its instances are gone, and it has nowhere to replace them.
    Fix: aws autoscaling update-auto-scaling-group --region {region} --auto-scaling-group-name '{id}'
        --vpc-zone-identifier 'subnet-IN-ONE-ZONE,subnet-IN-ANOTHER'
    """
    if group.status is not None:
        return not_applicable(DELETED)
    zones = list(group.availability_zones)
    if len(zones) < 2:
        return failed("The group has one zone only", availability_zones=zones)
    return passed(availability_zones=zones)


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub AutoScaling.1",),
    notes="ASG (re-create unhealthy instances)",
    category=Category.RELIABILITY,
)
def autoscaling_group_elb_health_check_enabled(group: AutoScalingGroup) -> Verdict:
    """Auto Scaling groups behind a load balancer replace what its health checks find unhealthy.

    Risk: an instance whose application hangs passes EC2's own checks, so that it stays in the group without serving.
    Fix: aws autoscaling update-auto-scaling-group --region {region} --auto-scaling-group-name '{id}'
        --health-check-type ELB --health-check-grace-period 300
    """
    if group.status is not None:
        return not_applicable(DELETED)
    kinds = group.traffic_kinds
    if not kinds:
        return not_applicable(UNBALANCED)
    needed = "ELB" if kinds & {"elb", "elbv2"} else "VPC_LATTICE"
    checks = [check.strip() for check in group.health_check_type.split(",")]
    evidence: dict[str, Any] = {"health_check_type": group.health_check_type, "traffic_sources": sorted(kinds)}
    if needed not in checks:
        return failed(f"The group does not heed health checks of the type {needed}", **evidence)
    return passed(**evidence)


@rule(
    severity=Severity.MEDIUM,
    notes="Purchasing options (Spot)",
    category=Category.RELIABILITY,
)
def autoscaling_group_on_demand_base_present(group: AutoScalingGroup, inventory: Inventory) -> Verdict:
    """Auto Scaling groups that serve traffic do not stand on Spot instances alone.

    Risk: when EC2 takes its Spot capacity back, all instances of the service may go within the same two minutes.
    Fix: in the template, give the AWS::AutoScaling::AutoScalingGroup a MixedInstancesPolicy whose
        InstancesDistribution has an OnDemandBaseCapacity of at least 1.
    """
    if group.status is not None:
        return not_applicable(DELETED)
    if not group.traffic_kinds:
        return not_applicable(UNBALANCED)
    purchase = purchase_of(group, inventory)
    if purchase is None:
        return unknown("What the group launches from was not found")
    if purchase.all_spot:
        return failed("Every instance of the group is a Spot instance", purchase=purchase.said_by)
    return passed(purchase=purchase.said_by)


@rule(
    severity=Severity.LOW,
    controls=("ISO-27001-2022 A.8.14",),
    notes="Purchasing options (Spot)",
    category=Category.RELIABILITY,
)
def autoscaling_group_capacity_rebalance_enabled(group: AutoScalingGroup, inventory: Inventory) -> Verdict:
    """Auto Scaling groups with Spot instances replace them before they are interrupted.

    Risk: replacements are launched only once EC2 has taken instances away, and the group runs short meanwhile.
    Fix: aws autoscaling update-auto-scaling-group --region {region} --auto-scaling-group-name '{id}'
        --capacity-rebalance
    """
    if group.status is not None:
        return not_applicable(DELETED)
    if group.capacity_rebalance:
        return passed(capacity_rebalance=True)
    purchase = purchase_of(group, inventory)
    if purchase is None:
        return unknown("What the group launches from was not found")
    if not purchase.some_spot:
        return not_applicable("the group launches no Spot instances", purchase=purchase.said_by)
    return failed(
        "The group waits for Spot instances to be interrupted", capacity_rebalance=False, purchase=purchase.said_by
    )


@rule(
    severity=Severity.LOW,
    controls=("SecurityHub AutoScaling.6",),
    notes="Spot; instance types",
    category=Category.RELIABILITY,
)
def autoscaling_group_multiple_instance_types(group: AutoScalingGroup) -> Verdict:
    """Auto Scaling groups may launch more than one instance type.

    Risk: when a zone has no capacity left of the one type, the group cannot launch there, and that is when all others
        try to as well.
    Fix: in the template, give the AWS::AutoScaling::AutoScalingGroup a MixedInstancesPolicy with two or more Overrides,
        or with InstanceRequirements.
    """
    if group.status is not None:
        return not_applicable(DELETED)
    policy = group.mixed_instances_policy
    overrides = policy.launch_template.overrides if policy else ()
    if any(override.instance_requirements is not None for override in overrides):
        return passed("Instance types are chosen by their attributes")
    types = sorted({override.instance_type for override in overrides if override.instance_type})
    if len(types) < 2:
        return failed("The group has one instance type only", instance_types=types)
    return passed(instance_types=types)


# --- Size


@rule(severity=Severity.LOW, notes="ASG (min, max, desired)", category=Category.RELIABILITY)
def autoscaling_group_minimum_size_ha(group: AutoScalingGroup) -> Verdict:
    """Auto Scaling groups that serve traffic keep two instances or more.

    Risk: a group that may shrink to one instance, or to none, serves nothing from the moment that one fails until its
        replacement is up.
    Fix: aws autoscaling update-auto-scaling-group --region {region} --auto-scaling-group-name '{id}' --min-size 2
    """
    if group.status is not None:
        return not_applicable(DELETED)
    if not group.traffic_kinds:
        return not_applicable(UNBALANCED)
    if group.desired_capacity_type in UNITS:
        return not_applicable(
            "the group's sizes do not count instances", desired_capacity_type=group.desired_capacity_type
        )
    if group.min_size < 2:
        return failed("The group may shrink below two instances", min_size=group.min_size)
    return passed(min_size=group.min_size)


@rule(severity=Severity.LOW, notes="ASG (scale out)", category=Category.RELIABILITY)
def autoscaling_group_scaling_headroom(group: AutoScalingGroup) -> Verdict:
    """Auto Scaling groups have room to grow.

    Risk: at its maximum a group adds nothing, however high the load, and what is there has to bear it.
    Fix: aws autoscaling update-auto-scaling-group --region {region} --auto-scaling-group-name '{id}' --max-size MAXIMUM
    """
    if group.status is not None:
        return not_applicable(DELETED)
    evidence: dict[str, Any] = {
        "min_size": group.min_size, "desired_capacity": group.desired_capacity, "max_size": group.max_size,
    }  # fmt: skip
    if group.max_size <= 1:
        return not_applicable("a group of one is there to replace its instance, not to grow", **evidence)
    if group.min_size == group.max_size:
        return failed("The group's minimum is its maximum: it cannot follow the load", **evidence)
    if group.desired_capacity == group.max_size:
        return failed("The group is at its maximum", **evidence)
    return passed(**evidence)


@rule(
    severity=Severity.HIGH,
    notes="What's an Auto Scaling Group? (minimum number running)",
    category=Category.RELIABILITY,
)
def autoscaling_group_minimum_capacity_running(group: AutoScalingGroup, inventory: Inventory) -> Verdict:
    """Auto Scaling groups run at least their minimum of healthy instances.

    Risk: the group cannot launch, or what it launches dies, and the service runs on less than it was said to need.
    Fix: Find out why launches fail (an image that is gone, a quota, no Spot capacity), and mend it:
    aws autoscaling describe-scaling-activities --region {region} --auto-scaling-group-name '{id}' --max-items 10
    """
    if group.status is not None:
        return not_applicable(DELETED)
    if inventory.now - group.created_time < timedelta(hours=1):
        return not_applicable("the group is younger than an hour")
    if group.desired_capacity_type in UNITS:
        return not_applicable(
            "the group's sizes do not count instances", desired_capacity_type=group.desired_capacity_type
        )
    healthy = [each for each in group.instances if each.health_status == "Healthy"]
    serving = sum(each.weight for each in healthy if each.lifecycle_state == "InService")
    evidence: dict[str, Any] = {"min_size": group.min_size, "in_service": serving}
    if serving >= group.min_size:
        return passed(**evidence)
    pending = [each for each in healthy if each.lifecycle_state.startswith("Pending")]
    starting = sum(each.weight for each in pending if _is_starting(each, group, inventory))
    if serving + starting >= group.min_size:
        return passed("The rest of the minimum is being launched", starting=starting, **evidence)
    return failed(f"{serving} of at least {group.min_size} are in service", starting=starting, **evidence)


def _is_starting(member: GroupInstance, group: AutoScalingGroup, inventory: Inventory) -> bool:
    """Whether an instance was launched so lately that it need not be ready yet."""
    instance = inventory.find(Instance, "instance_id", member.instance_id, region=group.region)
    grace = timedelta(seconds=group.health_check_grace_period or 0)
    return instance is not None and inventory.now - instance.launch_time < grace


# --- Operation


@rule(severity=Severity.MEDIUM, notes="ASG", category=Category.RELIABILITY)
def autoscaling_group_processes_not_suspended(group: AutoScalingGroup) -> Verdict:
    """Auto Scaling groups heal and scale: none of these processes is suspended.

    Risk: a process that was suspended for a repair and forgotten leaves dead instances in place, or keeps the group
        from growing.
    Fix: aws autoscaling resume-processes --region {region} --auto-scaling-group-name '{id}'
    """
    if group.status is not None:
        return not_applicable(DELETED)
    suspended = {process.process_name: process.suspension_reason for process in group.suspended_processes}
    vital = {name: reason for name, reason in suspended.items() if name in VITAL_PROCESSES}
    if vital:
        return failed(f"Suspended: {', '.join(sorted(vital))}", suspended=vital)
    return passed()


@rule(severity=Severity.LOW, notes="CloudWatch Alarms & Scaling", category=Category.OPERATIONS)
def autoscaling_group_metrics_collection_enabled(group: AutoScalingGroup) -> Verdict:
    """Auto Scaling groups publish metrics of their size.

    Risk: nobody can see, or be alarmed, that a group has fewer instances in service than it wants.
    Fix: aws autoscaling enable-metrics-collection --region {region} --auto-scaling-group-name '{id}'
        --granularity 1Minute
    """
    if group.status is not None:
        return not_applicable(DELETED)
    metrics = sorted(metric.metric for metric in group.enabled_metrics)
    if not metrics:
        return failed("No metric of the group is collected", enabled_metrics=[])
    return passed(enabled_metrics=metrics)


@rule(severity=Severity.INFORMATIONAL, notes="Scaling Cooldowns", category=Category.PERFORMANCE)
def autoscaling_group_default_cooldown_reasonable(group: AutoScalingGroup, *, longest: int = 300) -> Verdict:
    """Auto Scaling groups pause between scaling actions, and not for too long.

    Risk: during a long pause the group does not react to load; without any it acts again before the first action
        shows.
    Fix: aws autoscaling update-auto-scaling-group --region {region} --auto-scaling-group-name '{id}'
        --default-cooldown 300
    """
    if group.status is not None:
        return not_applicable(DELETED)
    seconds = group.default_cooldown
    if seconds > longest:
        return failed(f"The group pauses for {seconds} seconds", default_cooldown=seconds)
    if seconds == 0:
        return failed("The group does not pause between scaling actions", default_cooldown=0)
    return passed(default_cooldown=seconds)


@rule(severity=Severity.INFORMATIONAL, notes="Instance Refresh (warm-up time)", category=Category.PERFORMANCE)
def autoscaling_group_default_instance_warmup_set(group: AutoScalingGroup) -> Verdict:
    """Auto Scaling groups say how long an instance takes to warm up.

    Risk: metrics of instances that are still booting count, so that the group scales further than it should, or an
        instance refresh moves on too early.
    Fix: aws autoscaling update-auto-scaling-group --region {region} --auto-scaling-group-name '{id}'
        --default-instance-warmup 120
    """
    if group.status is not None:
        return not_applicable(DELETED)
    warmup = group.default_instance_warmup
    if warmup is None or warmup < 0:
        return failed("The group has no default warm-up time", default_instance_warmup=None)
    return passed(default_instance_warmup=warmup)


@rule(
    severity=Severity.INFORMATIONAL,
    notes="Instance Refresh (minimum healthy percentage)",
    category=Category.RELIABILITY,
)
def autoscaling_group_maintenance_policy_keeps_capacity(group: AutoScalingGroup, *, percentage: int = 90) -> Verdict:
    """Auto Scaling groups that serve traffic keep nine tenths of their capacity while instances are replaced.

    Risk: without a policy, instances that failed a health check or have reached their lifetime are ended before their
        replacements serve.
    Fix: aws autoscaling update-auto-scaling-group --region {region} --auto-scaling-group-name '{id}'
        --instance-maintenance-policy 'MinHealthyPercentage=90,MaxHealthyPercentage=120'
    """
    if group.status is not None:
        return not_applicable(DELETED)
    if not group.traffic_kinds:
        return not_applicable(UNBALANCED)
    policy = group.instance_maintenance_policy
    kept = policy.min_healthy_percentage if policy else None
    if kept is None or kept < 0:
        return failed("The group has no instance maintenance policy", min_healthy_percentage=None)
    if kept < percentage:
        return failed(f"Only {kept} % of the capacity are kept", min_healthy_percentage=kept)
    return passed(min_healthy_percentage=kept)
