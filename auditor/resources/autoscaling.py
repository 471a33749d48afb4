"""EC2 Auto Scaling: groups, launch configurations and scaling policies."""

from typing import Annotated, Any

from auditor.fetch import Ask, Call, CallError, Join, Listing, operation, walk
from auditor.model import Resource, Shape, Timestamp
from auditor.secrets import ScannedUserData

# What EC2 says of a launch template, or of a version of one, that does not exist.
NO_TEMPLATE = (
    "InvalidLaunchTemplateId.NotFound",
    "InvalidLaunchTemplateName.NotFoundException",
    "InvalidLaunchTemplateId.VersionNotFound",
)
PAGED = {"MaxRecords": 100}


class LaunchTemplateSpecification(Shape):
    """A launch template and its version: a number, $Latest or $Default, which is also meant where it is absent."""

    launch_template_id: str | None = None
    launch_template_name: str | None = None
    version: str | None = None


class InstanceRequirements(Shape):
    """Attributes by which Auto Scaling chooses instance types by itself: only that there are some counts."""


class InstanceOverride(Shape):
    """An instance type that a group may launch, or the attributes of such types, and what differs for it."""

    instance_type: str | None = None
    weighted_capacity: str | None = None
    launch_template_specification: LaunchTemplateSpecification | None = None
    instance_requirements: InstanceRequirements | None = None


class MixedLaunchTemplate(Shape):
    """What a group of mixed instances launches from."""

    launch_template_specification: LaunchTemplateSpecification
    overrides: tuple[InstanceOverride, ...] = ()


class InstancesDistribution(Shape):
    """How much of a group is on demand. An absent base is 0, an absent percentage 100: no Spot instances."""

    on_demand_base_capacity: int | None = None
    on_demand_percentage_above_base_capacity: int | None = None
    spot_max_price: str | None = None  # absent or empty: no more than On-Demand


class MixedInstancesPolicy(Shape):
    """How a group mixes instance types and purchase options."""

    launch_template: MixedLaunchTemplate
    instances_distribution: InstancesDistribution | None = None

    @property
    def on_demand(self) -> tuple[int, int]:
        """The on-demand instances that come first, and the percentage of those beyond."""
        said = self.instances_distribution or InstancesDistribution()
        base, share = said.on_demand_base_capacity, said.on_demand_percentage_above_base_capacity
        return base or 0, 100 if share is None else share


class GroupInstance(Shape):
    """An instance as its group shows it. One that was attached by hand names neither template nor configuration."""

    instance_id: str
    lifecycle_state: str
    health_status: str
    launch_configuration_name: str | None = None
    launch_template: LaunchTemplateSpecification | None = None
    weighted_capacity: str | None = None  # absent: it counts as one

    @property
    def weight(self) -> int:
        """How many units of the group's capacity it is."""
        return int(self.weighted_capacity or 1)


class SuspendedProcess(Shape):
    """A process of a group that does not run."""

    process_name: str
    suspension_reason: str | None = None


class EnabledMetric(Shape):
    """A metric of the whole group that is collected."""

    metric: str


class TrafficSource(Shape):
    """What sends traffic to a group: `elb`, `elbv2` or `vpc-lattice`; an ARN tells where the type is absent."""

    identifier: str
    type: str | None = None

    @property
    def kind(self) -> str:
        """Its type."""
        return self.type or ("vpc-lattice" if ":vpc-lattice:" in self.identifier else "elbv2")


class InstanceMaintenancePolicy(Shape):
    """How far capacity may fall and rise while instances are replaced; -1 where a limit was removed."""

    min_healthy_percentage: int | None = None
    max_healthy_percentage: int | None = None


class InstanceRefresh(Shape):
    """A replacement of all instances of a group; it has no start while it is pending."""

    instance_refresh_id: str
    status: str
    status_reason: str | None = None
    start_time: Timestamp | None = None


class ScheduledAction(Shape):
    """A change of a group's size at a set time."""

    scheduled_action_name: str


class LaunchImage(Shape):
    """An image that a group launches from, whoever owns it."""

    image_id: str
    state: str
    image_owner_alias: str | None = None  # "amazon", "aws-marketplace"; absent: another account's
    # "v2.0" where instances get IMDSv2 unless something else decides; absent where the image says nothing.
    imds_support: str | None = None


async def _images(ask: Ask, group: "AutoScalingGroup") -> list[dict[str, Any]]:
    """The images that a group's templates or its launch configuration name, as far as they can be used."""
    wanted: list[str] = []
    if group.launch_configuration_name:
        pages = await ask("DescribeLaunchConfigurations", LaunchConfigurationNames=[group.launch_configuration_name])
        wanted += [image for page in pages for image in walk(page, "LaunchConfigurations.ImageId")]
    for source in group.templates:
        template = {"LaunchTemplateId": source.launch_template_id, "LaunchTemplateName": source.launch_template_name}
        named = next({name: value} for name, value in template.items() if value)
        try:
            pages = await ask("DescribeLaunchTemplateVersions", Versions=[source.version or "$Default"], **named)
        except CallError as error:
            if error.code not in NO_TEMPLATE:
                raise
        else:
            wanted += [i for page in pages for i in walk(page, "LaunchTemplateVersions.LaunchTemplateData.ImageId")]
    ids = sorted({image for image in wanted if image.startswith("ami-")})
    if not ids:
        return []
    pages = await ask("DescribeImages", Filters=[{"Name": "image-id", "Values": ids}], IncludeDeprecated=True)
    return [image for page in pages for image in walk(page, "Images")]


class AutoScalingGroup(Resource):
    """An Auto Scaling group."""

    service, cfn_type = "autoscaling", "AWS::AutoScaling::AutoScalingGroup"
    listing = Listing("DescribeAutoScalingGroups", at="AutoScalingGroups", params=PAGED)
    arn_format = "{auto_scaling_group_arn}"
    id_field = "auto_scaling_group_name"
    name_field = "auto_scaling_group_name"

    auto_scaling_group_name: str
    auto_scaling_group_arn: str
    # A group has exactly one of these three.
    launch_configuration_name: str | None = None
    launch_template: LaunchTemplateSpecification | None = None
    mixed_instances_policy: MixedInstancesPolicy | None = None
    min_size: int
    max_size: int
    desired_capacity: int
    desired_capacity_type: str | None = None  # absent: units
    default_cooldown: int
    default_instance_warmup: int | None = None
    availability_zones: tuple[str, ...]
    # Comma-separated subnet ids; absent, or empty, where a group names zones only.
    vpc_zone_identifier: str | None = None
    load_balancer_names: tuple[str, ...] = ()
    target_group_arns: tuple[str, ...] = ()
    traffic_sources: tuple[TrafficSource, ...] = ()
    health_check_type: str
    health_check_grace_period: int | None = None  # seconds
    instances: tuple[GroupInstance, ...] = ()
    created_time: Timestamp
    suspended_processes: tuple[SuspendedProcess, ...] = ()
    enabled_metrics: tuple[EnabledMetric, ...] = ()
    status: str | None = None  # absent unless it is being deleted
    capacity_rebalance: bool | None = None  # absent: off
    instance_maintenance_policy: InstanceMaintenancePolicy | None = None
    # Kept for six weeks.
    instance_refreshes: Annotated[
        tuple[InstanceRefresh, ...],
        Call("DescribeInstanceRefreshes", at="InstanceRefreshes", AutoScalingGroupName="auto_scaling_group_name"),
    ]
    scheduled_actions: Annotated[
        tuple[ScheduledAction, ...],
        Join(
            "DescribeScheduledActions",
            at="ScheduledUpdateGroupActions",
            key="AutoScalingGroupName",
            field="auto_scaling_group_name",
            const=PAGED,
        ),
    ]
    # What is missing here of the images that it launches from does not exist, or not for this account.
    images: Annotated[
        tuple[LaunchImage, ...],
        Call(
            "DescribeImages",
            service="ec2",
            fetch=_images,
            also=("DescribeLaunchTemplateVersions", operation("autoscaling", "DescribeLaunchConfigurations")),
        ),
    ]

    @property
    def templates(self) -> tuple[LaunchTemplateSpecification, ...]:
        """Every launch template that it launches from, those of single instance types included; each once."""
        found = [self.launch_template] if self.launch_template else []
        if self.mixed_instances_policy:
            mixed = self.mixed_instances_policy.launch_template
            found.append(mixed.launch_template_specification)
            found += [o.launch_template_specification for o in mixed.overrides if o.launch_template_specification]
        return tuple(dict.fromkeys(found))

    @property
    def traffic_kinds(self) -> frozenset[str]:
        """The kinds of what sends traffic to it: `elb`, `elbv2`, `vpc-lattice`."""
        kinds = {source.kind for source in self.traffic_sources}
        kinds |= {"elb"} if self.load_balancer_names else set()
        return frozenset(kinds | ({"elbv2"} if self.target_group_arns else set()))

    @property
    def subnet_ids(self) -> tuple[str, ...]:
        """The subnets that it launches into."""
        return tuple(name.strip() for name in (self.vpc_zone_identifier or "").split(",") if name.strip())


class LaunchMetadataOptions(Shape):
    """How metadata requests are answered; what is absent is decided at launch."""

    http_endpoint: str | None = None
    http_tokens: str | None = None


class LaunchConfiguration(Resource):
    """A launch configuration; it cannot be changed, only replaced."""

    service, cfn_type = "autoscaling", "AWS::AutoScaling::LaunchConfiguration"
    listing = Listing("DescribeLaunchConfigurations", at="LaunchConfigurations", params=PAGED)
    arn_format = "{launch_configuration_arn}"
    id_field = "launch_configuration_name"
    name_field = "launch_configuration_name"

    launch_configuration_name: str
    launch_configuration_arn: str
    image_id: str
    key_name: str | None = None  # absent or empty: none
    security_groups: tuple[str, ...] = ()
    user_data: ScannedUserData | None = None
    spot_price: str | None = None  # absent: on demand
    iam_instance_profile: str | None = None  # a name or an ARN
    associate_public_ip_address: bool | None = None  # absent: as the subnet says
    metadata_options: LaunchMetadataOptions | None = None


class StepAdjustment(Shape):
    """A step of a policy."""

    scaling_adjustment: int


class TargetTracking(Shape):
    """What a policy of target tracking does besides: it scales in, unless that is disabled."""

    disable_scale_in: bool | None = None


class PredictiveScaling(Shape):
    """A predictive policy's settings: ForecastOnly, unless the mode says otherwise."""

    mode: str | None = None


class ScalingPolicy(Resource):
    """A scaling policy of an Auto Scaling group."""

    service, cfn_type = "autoscaling", "AWS::AutoScaling::ScalingPolicy"
    listing = Listing("DescribePolicies", at="ScalingPolicies", params=PAGED)
    arn_format = "{policy_arn}"
    id_field = "policy_name"
    name_field = "policy_name"

    policy_name: str
    policy_arn: str
    auto_scaling_group_name: str
    policy_type: str
    adjustment_type: str | None = None
    enabled: bool | None = None  # absent: enabled
    scaling_adjustment: int | None = None
    cooldown: int | None = None
    step_adjustments: tuple[StepAdjustment, ...] = ()
    target_tracking_configuration: TargetTracking | None = None
    predictive_scaling_configuration: PredictiveScaling | None = None
