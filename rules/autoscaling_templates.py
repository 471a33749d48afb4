"""What Auto Scaling groups launch from: launch templates and launch configurations."""

from collections.abc import Callable, Iterator
from typing import Any

from auditor.analysis.launch import Launch, configuration_of, launches, number_of, template_of
from auditor.analysis.network import each_readable
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.account import InstanceMetadataDefaults, Region
from auditor.resources.autoscaling import AutoScalingGroup, GroupInstance, InstanceRefresh, LaunchConfiguration
from auditor.resources.ec2 import KeyPair
from auditor.resources.iam import InstanceProfile
from auditor.resources.vpc import SecurityGroup, Subnet
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule, seen, unknown

DELETED = "the group is being deleted"
REFRESHING = ("Pending", "InProgress", "Baking", "RollbackInProgress", "Cancelling")
REFRESH_FAILED = ("Failed", "RollbackFailed", "RollbackSuccessful")


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub AutoScaling.9",),
    notes="ASG Attributes",
    category=Category.OPERATIONS,
)
def autoscaling_group_launch_template_used(group: AutoScalingGroup) -> Verdict:
    """Auto Scaling groups launch from launch templates.

    Risk: launch configurations know none of EC2's newer instance types and settings, and AWS takes no new ones from
        new accounts.
    Fix: aws autoscaling update-auto-scaling-group --region {region} --auto-scaling-group-name '{id}'
        --launch-template 'LaunchTemplateName=TEMPLATE,Version=$Default'
    """
    if group.status is not None:
        return not_applicable(DELETED)
    if group.launch_configuration_name:
        return failed("The group has a launch configuration", launch_configuration=group.launch_configuration_name)
    return passed()


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub AutoScaling.5 EC2.25", "PCI-4.0 1.4.5.1", "ISO-27001-2022 A.8.20 A.8.21 A.8.22"),
    notes="ASG Attributes (network)",
)
def autoscaling_group_no_public_ip(group: AutoScalingGroup, inventory: Inventory) -> Verdict:
    """Auto Scaling groups do not ask for public addresses for their instances.

    Risk: each instance can be reached from the internet by itself, past the load balancer and whatever guards it.
    Fix: in the template, set AssociatePublicIpAddress to false in the launch template's NetworkInterfaces, and refresh
        the instances:
    aws autoscaling start-instance-refresh --region {region} --auto-scaling-group-name '{id}'
    """
    if group.status is not None:
        return not_applicable(DELETED)
    if group.launch_configuration_name is not None:
        configuration = configuration_of(group, inventory)
        if configuration is None:
            return unknown("The group's launch configuration was not found")
        if configuration.associate_public_ip_address:
            return failed("The launch configuration asks for public addresses", source=group.launch_configuration_name)
        return passed(source=group.launch_configuration_name)
    guilty = seen(launch.label for launch in launches(group, inventory) if _asks_for_public_address(launch))
    if guilty:
        return failed("A launch template asks for public addresses", source=guilty)
    found = [launch.label for launch in launches(group, inventory) if launch.data is not None]
    if not found:
        return not_applicable("the group's launch template does not exist (autoscaling-group-launch-template-valid)")
    return passed(source=found)


def _asks_for_public_address(launch: Launch) -> bool:
    interfaces = launch.data.network_interfaces if launch.data else ()
    return any(interface.associate_public_ip_address for interface in interfaces)


# --- Instances and their template


@rule(severity=Severity.MEDIUM, notes="Instance Refresh; updating ASG", category=Category.OPERATIONS)
def autoscaling_group_instances_on_current_template(group: AutoScalingGroup, inventory: Inventory) -> Verdict:
    """The instances of Auto Scaling groups were launched from what the group launches from now.

    Risk: a fix that was put into the template is not in what runs, and half of a service behaves unlike the other.
    Fix: aws autoscaling start-instance-refresh --region {region} --auto-scaling-group-name '{id}'
    """
    if group.status is not None:
        return not_applicable(DELETED)
    running = [each for each in group.instances if each.lifecycle_state in ("InService", "Standby")]
    made = [each for each in running if each.launch_template or each.launch_configuration_name]
    if not made:
        return not_applicable("the group runs no instance that it launched")
    current = set(_current(group, inventory))
    if None in current:
        return not_applicable("the group's launch template does not exist (autoscaling-group-launch-template-valid)")
    outdated = [each.instance_id for each in made if _runs(each, group, inventory) not in current]
    if not outdated:
        return passed(instances=len(made))
    if any(refresh.status in REFRESHING for refresh in group.instance_refreshes):
        return not_applicable("an instance refresh is under way", outdated=outdated)
    return failed(f"{len(outdated)} of {len(made)} instances were launched from something else", outdated=outdated)


def _runs(member: GroupInstance, group: AutoScalingGroup, inventory: Inventory) -> object:
    """What an instance was launched from, in the form of `_current`."""
    source = member.launch_template
    if source is None:
        return member.launch_configuration_name
    if source.version not in (None, "$Default", "$Latest"):
        return source.launch_template_id, number_of(source, None)
    return source.launch_template_id, number_of(source, template_of(source, inventory, group.region))


def _current(group: AutoScalingGroup, inventory: Inventory) -> Iterator[object]:
    """What a group launches from: its configuration, or templates with versions; None for a template that is gone."""
    if group.launch_configuration_name:
        yield group.launch_configuration_name
    for source in group.templates:
        template = template_of(source, inventory, group.region)
        yield (template.launch_template_id, number_of(source, template)) if template is not None else None


@rule(severity=Severity.MEDIUM, notes="Instance Refresh", category=Category.OPERATIONS)
def autoscaling_group_instance_refresh_succeeded(group: AutoScalingGroup) -> Verdict:
    """The last instance refresh of an Auto Scaling group went through.

    Risk: the group is stuck between two versions, or went back to the old one, and whoever deployed may not know.
    Fix: Find out why in the answer's StatusReason, mend it, and refresh again:
    aws autoscaling describe-instance-refreshes --region {region} --auto-scaling-group-name '{id}' --max-records 1
    aws autoscaling start-instance-refresh --region {region} --auto-scaling-group-name '{id}'
    """
    if group.status is not None:
        return not_applicable(DELETED)
    if not group.instance_refreshes:
        return not_applicable("there was no instance refresh in the last six weeks")
    last = max(group.instance_refreshes, key=_started)
    started = last.start_time.isoformat() if last.start_time else None
    evidence: dict[str, Any] = {"status": last.status, "status_reason": last.status_reason, "start_time": started}
    if last.status in REFRESHING:
        return not_applicable("an instance refresh is under way", **evidence)
    if last.status in REFRESH_FAILED:
        return failed(f"The last instance refresh ended as {last.status}", **evidence)
    return passed(**evidence)


def _started(refresh: InstanceRefresh) -> tuple[bool, str]:
    """Orders refreshes by their start: one that has none yet is the last."""
    return refresh.start_time is None, refresh.start_time.isoformat() if refresh.start_time else ""


# --- What templates point at


@rule(
    severity=Severity.HIGH,
    notes="ASG Attributes (AMI, key pair, security groups)",
    category=Category.RELIABILITY,
)
def autoscaling_group_launch_template_valid(group: AutoScalingGroup, inventory: Inventory) -> Verdict:
    """What Auto Scaling groups launch from, and what that points at, exists.

    Risk: the group runs on until it has to launch, and then it cannot: under load, or when an instance has died.
    Fix: Correct what the finding names in a new version of the launch template, and let the group use it:
    aws autoscaling update-auto-scaling-group --region {region} --auto-scaling-group-name '{id}'
        --launch-template 'LaunchTemplateName=TEMPLATE,Version=$Latest'
    """
    if group.status is not None:
        return not_applicable(DELETED)
    checks: list[Callable[[AutoScalingGroup, Inventory], Iterator[str]]] = [
        _missing_templates, _missing_images, _missing_groups, _missing_keys, _missing_profiles, _missing_subnets,
    ]  # fmt: skip
    problems = seen(each_readable(checks, lambda check: check(group, inventory)))
    if problems:
        return failed(f"The group cannot launch: {problems[0]}", problems=problems)
    return passed()


def _missing_templates(group: AutoScalingGroup, inventory: Inventory) -> Iterator[str]:
    yield from (f"{launch.label} does not exist" for launch in launches(group, inventory) if launch.data is None)


def _named(group: AutoScalingGroup, inventory: Inventory, kind: str) -> Iterator[str]:
    """The images, security groups, keys or profiles that a group's templates or its configuration name, each once."""
    found: list[str | None] = []
    if (configuration := configuration_of(group, inventory)) is not None:
        match kind:
            case "image":
                found.append(configuration.image_id)
            case "group":
                found += configuration.security_groups
            case "key":
                found.append(configuration.key_name)
            case _:
                found.append(configuration.iam_instance_profile)
    for data in (launch.data for launch in launches(group, inventory) if launch.data is not None):
        profile = data.iam_instance_profile
        match kind:
            case "image":
                found.append(data.image_id)
            case "group":
                found += [*data.security_group_ids, *(g for each in data.network_interfaces for g in each.groups)]
            case "key":
                found.append(data.key_name)
            case _:
                found.append((profile.arn or profile.name) if profile else None)
    yield from dict.fromkeys(name for name in found if name)


def _missing_images(group: AutoScalingGroup, inventory: Inventory) -> Iterator[str]:
    wanted = [name for name in _named(group, inventory, "image") if name.startswith("ami-")]  # not "resolve:ssm:..."
    if wanted:
        usable = {image.image_id for image in group.images if image.state == "available"}
        yield from (f"the image {name} is not available" for name in wanted if name not in usable)


def _missing_groups(group: AutoScalingGroup, inventory: Inventory) -> Iterator[str]:
    for name in _named(group, inventory, "group"):
        if name.startswith("sg-") and inventory.find(SecurityGroup, "group_id", name, region=group.region) is None:
            yield f"the security group {name} does not exist"


def _missing_keys(group: AutoScalingGroup, inventory: Inventory) -> Iterator[str]:
    for name in _named(group, inventory, "key"):
        if inventory.find(KeyPair, "key_name", name, region=group.region) is None:
            yield f"the key pair {name} does not exist"


def _missing_profiles(group: AutoScalingGroup, inventory: Inventory) -> Iterator[str]:
    for name in _named(group, inventory, "profile"):
        if name.startswith("arn:"):
            found = inventory.find(InstanceProfile, "arn", name)
        else:
            found = inventory.find(InstanceProfile, "instance_profile_name", name)
        if found is None:
            yield f"the instance profile {name} does not exist"


def _missing_subnets(group: AutoScalingGroup, inventory: Inventory) -> Iterator[str]:
    for name in group.subnet_ids:
        if inventory.find(Subnet, "subnet_id", name, region=group.region) is None:
            yield f"the subnet {name} does not exist"


@rule(
    severity=Severity.INFORMATIONAL,
    notes="AMI; Scaling Cooldowns (ready-to-use AMI)",
    category=Category.PERFORMANCE,
)
def autoscaling_group_user_data_without_package_install(group: AutoScalingGroup, inventory: Inventory) -> Verdict:
    """Auto Scaling groups launch from images that have on them what they need.

    Risk: each new instance is minutes late while it downloads its software, just when it is needed, and does not come
        up at all when a mirror is down.
    Fix: Bake the software into an image of your own (EC2 Image Builder, or from an instance that is set up), and name
        it in a new version of the launch template:
    aws ec2 create-image --region {region} --instance-id INSTANCE --name {id}-baked
    """
    if group.status is not None:
        return not_applicable(DELETED)
    if group.launch_configuration_name is not None:
        return not_applicable("the group has a launch configuration (autoscaling-group-launch-template-used)")
    found = [(launch, launch.data) for launch in launches(group, inventory) if launch.data and launch.data.user_data]
    installing = {
        launch.label: data.image_id
        for launch, data in found
        if data.user_data and data.user_data.installs and (data.image_id or "").startswith("ami-")
    }
    if not installing:
        return passed("No template's user data installs packages")
    bare = {image.image_id for image in group.images if image.image_owner_alias in ("amazon", "aws-marketplace")}
    slow = sorted(label for label, image in installing.items() if image in bare)
    if slow:
        return failed("Instances install packages on a bare image when they launch", templates=slow)
    return passed("Packages are added to an image that is not AWS's own", templates=sorted(installing))


# --- Launch configurations


@rule(severity=Severity.LOW, notes="ASG Attributes", category=Category.OPERATIONS)
def autoscaling_launch_configuration_in_use(configuration: LaunchConfiguration, inventory: Inventory) -> Verdict:
    """Launch configurations are used by an Auto Scaling group.

    Risk: old ones stay behind with outdated images, settings and scripts, and are launched from by mistake.
    Fix: aws autoscaling delete-launch-configuration --region {region} --launch-configuration-name '{id}'
    """
    users = seen(_users(configuration, inventory))
    if not users:
        return failed("No Auto Scaling group uses it")
    return passed(groups=[group.auto_scaling_group_name for group in users])


def _users(configuration: LaunchConfiguration, inventory: Inventory) -> Iterator[AutoScalingGroup]:
    name, region = configuration.launch_configuration_name, configuration.region
    return inventory.where(AutoScalingGroup, "launch_configuration_name", name, region=region)


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub AutoScaling.3",),
    notes="EC2 Instance Metadata (IMDS); ASG Attributes",
)
def autoscaling_launch_configuration_imdsv2_required(
    configuration: LaunchConfiguration, inventory: Inventory
) -> Verdict:
    """Launch configurations start instances that require IMDSv2.

    Risk: on every instance of the group, a forged request to version 1 reads the credentials of its role.
    Fix: Launch configurations cannot be changed: make a launch template that requires tokens, and let the groups that
        the finding names use it:
    aws ec2 create-launch-template --region {region} --launch-template-name TEMPLATE --launch-template-data
        '{"ImageId":"AMI","InstanceType":"TYPE","MetadataOptions":{"HttpTokens":"required"}}'
    aws autoscaling update-auto-scaling-group --region {region} --auto-scaling-group-name GROUP
        --launch-template 'LaunchTemplateName=TEMPLATE,Version=$Default'
    """
    options = configuration.metadata_options
    endpoint, tokens = (options.http_endpoint, options.http_tokens) if options else (None, None)
    evidence: dict[str, Any] = {"http_endpoint": endpoint, "http_tokens": tokens}
    if endpoint == "disabled":
        return passed("The metadata service is off", **evidence)
    if tokens == "required":
        return passed(**evidence)
    users = seen(_users(configuration, inventory))
    if not users:
        return not_applicable("no Auto Scaling group uses it (autoscaling-launch-configuration-in-use)", **evidence)
    evidence["groups"] = [group.auto_scaling_group_name for group in users]
    if tokens == "optional":
        return failed("The launch configuration allows IMDSv1", **evidence)
    return _left_to_the_account(configuration, users, inventory, evidence)


def _left_to_the_account(
    configuration: LaunchConfiguration, users: list[AutoScalingGroup], inventory: Inventory, evidence: dict[str, Any]
) -> Verdict:
    """A configuration that does not say: the account's default decides, then the image."""
    region = inventory.find(Region, "region_name", configuration.region)
    if region is None:
        return unknown("The account's default for this region is not known", **evidence)
    defaults = region.instance_metadata_defaults or InstanceMetadataDefaults()
    evidence["account_default"] = defaults.http_tokens or "no-preference"
    if defaults.http_tokens == "required" or (defaults.http_endpoint == "disabled" and not evidence["http_endpoint"]):
        return passed("The launch configuration does not say, and the account's default is safe", **evidence)
    if defaults.http_tokens is None and any_of(lambda user: _image_requires(configuration, user), users):
        return passed("Neither says, and the image requires IMDSv2", **evidence)
    return failed("The launch configuration does not require IMDSv2, nor does the account's default", **evidence)


def _image_requires(configuration: LaunchConfiguration, group: AutoScalingGroup) -> bool:
    """Whether the image has instances require IMDSv2, as far as one of the groups that launch from it sees it."""
    here = (image for image in group.images if image.image_id == configuration.image_id)
    return any(image.imds_support == "v2.0" for image in here)


@rule(
    severity=Severity.HIGH,
    controls=("ISO-27001-2022 A.8.20 A.8.21 A.8.22",),
    notes="User Data; Auto Scaling Group Attributes",
)
def autoscaling_launch_configuration_user_data_no_secrets(configuration: LaunchConfiguration) -> Verdict:
    """The user data of launch configurations holds no secrets.

    Risk: everyone who may describe launch configurations can read the script with the password or key in it, whether
        or not a group still uses it.
    Fix: Replace the secret where it is valid, keep the new one in Secrets Manager and let the script of a launch
        template fetch it. Then:
    aws autoscaling delete-launch-configuration --region {region} --launch-configuration-name '{id}'
    """
    scanned = configuration.user_data
    if scanned is None or not (scanned.size or scanned.unread):
        return passed("There is no user data")
    if scanned.matches:
        secrets = [{"pattern": match.pattern, "line": match.line, "name": match.masked} for match in scanned.matches]
        usable = any(match.critical for match in scanned.matches)
        return failed(
            "The user data holds what looks like secrets",
            severity=Severity.CRITICAL if usable else None, sha256=scanned.digest, secrets=secrets,
        )  # fmt: skip
    if scanned.unread:
        return unknown(f"A part of the user data could not be judged: {scanned.unread}", sha256=scanned.digest)
    return passed("No secret was found in the user data", sha256=scanned.digest)
