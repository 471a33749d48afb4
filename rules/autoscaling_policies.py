"""How Auto Scaling groups follow the load: scaling policies and schedules."""

from collections.abc import Iterator

from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.autoscaling import AutoScalingGroup, ScalingPolicy
from auditor.rule import Verdict, failed, not_applicable, passed, rule, seen

# Tags of groups that somebody else scales: ECS capacity providers, EKS node groups, Kubernetes' own autoscaler.
SCALED_BY_TAG = ("AmazonECSManaged", "eks:nodegroup-name", "k8s.io/cluster-autoscaler/enabled")


def _policies(group: AutoScalingGroup, inventory: Inventory) -> Iterator[ScalingPolicy]:
    """The policies of a group that are switched on."""
    name = group.auto_scaling_group_name
    found = inventory.where(ScalingPolicy, "auto_scaling_group_name", name, region=group.region)
    return (policy for policy in found if policy.enabled is not False)


@rule(severity=Severity.LOW, notes="Scaling Policies", category=Category.PERFORMANCE)
def autoscaling_group_scaling_policy_present(group: AutoScalingGroup, inventory: Inventory) -> Verdict:
    """Auto Scaling groups have something that scales them.

    Risk: a group that may have more instances never gets them, and pays at night for what it needs by day.
    Fix: aws autoscaling put-scaling-policy --region {region} --auto-scaling-group-name '{id}' --policy-name cpu
        --policy-type TargetTrackingScaling --target-tracking-configuration
        '{"PredefinedMetricSpecification":{"PredefinedMetricType":"ASGAverageCPUUtilization"},"TargetValue":50}'
    """
    if group.status is not None:
        return not_applicable("the group is being deleted")
    if group.min_size == group.max_size:
        return not_applicable("the group's size is fixed (autoscaling-group-scaling-headroom)", size=group.max_size)
    if group.max_size <= 1:
        return not_applicable("a group of one is there to replace its instance, not to grow")
    for tag in SCALED_BY_TAG:
        if tag in (group.tags or {}):
            return not_applicable("another service scales the group", tag=tag)
    policies = seen(_policies(group, inventory))
    if policies:
        return passed(policies=[policy.policy_name for policy in policies])
    if group.scheduled_actions:
        return passed(scheduled_actions=[action.scheduled_action_name for action in group.scheduled_actions])
    return failed("The group has neither a scaling policy nor a schedule")


@rule(severity=Severity.LOW, notes="Scaling Policies", category=Category.COST)
def autoscaling_group_scale_in_policy_present(group: AutoScalingGroup, inventory: Inventory) -> Verdict:
    """Auto Scaling groups that policies make grow are made to shrink again.

    Risk: what was added for a peak stays, and is paid for, until somebody takes it away by hand.
    Fix: aws autoscaling put-scaling-policy --region {region} --auto-scaling-group-name '{id}' --policy-name cpu
        --policy-type TargetTrackingScaling --target-tracking-configuration
        '{"PredefinedMetricSpecification":{"PredefinedMetricType":"ASGAverageCPUUtilization"},"TargetValue":50}'
    """
    if group.status is not None:
        return not_applicable("the group is being deleted")
    policies = [policy for policy in _policies(group, inventory) if policy.policy_type != "PredictiveScaling"]
    if not policies:
        return not_applicable(
            "the group has no policy that follows the load (autoscaling-group-scaling-policy-present)"
        )
    names = [policy.policy_name for policy in policies]
    if any(_shrinks(policy) for policy in policies):
        return passed(policies=names)
    return failed("The group's policies only make it grow", policies=names)


def _shrinks(policy: ScalingPolicy) -> bool:
    """Whether a policy may take instances away."""
    if policy.policy_type == "TargetTrackingScaling":
        tracking = policy.target_tracking_configuration
        return tracking is None or not tracking.disable_scale_in
    if policy.adjustment_type == "ExactCapacity":
        return True  # it sets a size: which way that goes depends on the size there is
    steps = [step.scaling_adjustment for step in policy.step_adjustments]
    return any(adjustment < 0 for adjustment in (*steps, policy.scaling_adjustment or 0))


@rule(severity=Severity.INFORMATIONAL, notes="Scaling Cooldowns", category=Category.COST)
def autoscaling_policy_scale_in_cooldown_tuned(policy: ScalingPolicy, inventory: Inventory) -> Verdict:
    """Simple scaling policies that take instances away have a cooldown of their own, shorter than the group's.

    Risk: after each instance that is taken away the group waits as long as if one were booting, and capacity that
        nobody needs is paid for meanwhile.
    Fix: in the template, set the Cooldown of the AWS::AutoScaling::ScalingPolicy to less than the group's, such as 60,
        or move to target tracking, which needs none.
    """
    adjustment = policy.scaling_adjustment
    if policy.policy_type != "SimpleScaling" or adjustment is None or adjustment >= 0:
        return not_applicable("only simple policies that take instances away have such a cooldown")
    if policy.cooldown is None:
        return failed("The policy has no cooldown of its own", cooldown=None)
    name = policy.auto_scaling_group_name
    group = inventory.find(AutoScalingGroup, "auto_scaling_group_name", name, region=policy.region)
    default = group.default_cooldown if group is not None else None
    if default is not None and policy.cooldown >= default:
        return failed(
            "The policy's cooldown is not shorter than its group's", cooldown=policy.cooldown, default_cooldown=default
        )
    return passed(cooldown=policy.cooldown, default_cooldown=default)


@rule(severity=Severity.INFORMATIONAL, notes="Scaling Policies (predictive)", category=Category.PERFORMANCE)
def autoscaling_policy_predictive_mode_active(policy: ScalingPolicy) -> Verdict:
    """Predictive scaling policies scale, and do not only forecast.

    Risk: a policy that was left in its trial mode scales nothing, while everyone believes that it does.
    Fix: in the template, set Mode to ForecastAndScale in the policy's PredictiveScalingConfiguration once its forecasts
        have proved right.
    """
    if policy.policy_type != "PredictiveScaling":
        return not_applicable("the policy does not forecast", policy_type=policy.policy_type)
    configuration = policy.predictive_scaling_configuration
    mode = configuration.mode if configuration else None
    if mode != "ForecastAndScale":
        return failed("The policy only forecasts", mode=mode or "ForecastOnly")
    return passed(mode=mode)
