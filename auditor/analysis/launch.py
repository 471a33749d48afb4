"""What an Auto Scaling group launches from: its launch configuration, or versions of launch templates."""

from collections.abc import Iterator
from dataclasses import dataclass

from auditor.analysis.network import each_readable
from auditor.inventory import Inventory
from auditor.resources.autoscaling import AutoScalingGroup, LaunchConfiguration, LaunchTemplateSpecification
from auditor.resources.ec2 import LaunchTemplate, LaunchTemplateData, LaunchTemplateVersion


@dataclass(frozen=True, slots=True)
class Launch:
    """A launch template as a group names it. `data` is None where that template, or that version, does not exist."""

    label: str
    data: LaunchTemplateData | None


def launches(group: AutoScalingGroup, inventory: Inventory) -> Iterator[Launch]:
    """Every version of a launch template that a group launches from. Raises Unread after all that can be read."""

    def read(source: LaunchTemplateSpecification) -> Iterator[Launch]:
        template = template_of(source, inventory, group.region)
        version = _version(template, source) if template is not None else None
        name = source.launch_template_id or source.launch_template_name
        said = source.version or "$Default"
        yield Launch(f"{name} version {said}", version.launch_template_data if version is not None else None)

    return each_readable(group.templates, read)


def template_of(source: LaunchTemplateSpecification, inventory: Inventory, region: str) -> LaunchTemplate | None:
    """The launch template that is meant, by its id or its name; None if there is none."""
    if source.launch_template_id:
        return inventory.find(LaunchTemplate, "launch_template_id", source.launch_template_id, region=region)
    return inventory.find(LaunchTemplate, "launch_template_name", source.launch_template_name, region=region)


def number_of(source: LaunchTemplateSpecification, template: LaunchTemplate | None) -> int | None:
    """The number of the version that is meant: where it is not said, the default one. None without a template."""
    if source.version not in (None, "$Default", "$Latest"):
        return int(source.version or 0)
    if template is None:
        return None
    return template.latest_version_number if source.version == "$Latest" else template.default_version_number


def _version(template: LaunchTemplate, source: LaunchTemplateSpecification) -> LaunchTemplateVersion | None:
    number = number_of(source, template)
    if number in (template.default_version_number, template.latest_version_number):
        return next((version for version in template.versions if version.version_number == number), None)
    return next((version for version in template.all_versions if version.version_number == number), None)


def configuration_of(group: AutoScalingGroup, inventory: Inventory) -> LaunchConfiguration | None:
    """The launch configuration of a group; None where it has none."""
    name = group.launch_configuration_name
    if name is None:
        return None
    return inventory.find(LaunchConfiguration, "launch_configuration_name", name, region=group.region)


@dataclass(frozen=True, slots=True)
class Purchase:
    """How a group buys: whether some of its instances may be Spot instances, whether all are, and who says so."""

    some_spot: bool
    all_spot: bool
    said_by: str


def purchase_of(group: AutoScalingGroup, inventory: Inventory) -> Purchase | None:
    """How a group buys its instances. None where what it launches from does not exist."""
    if group.mixed_instances_policy is not None:
        base, share = group.mixed_instances_policy.on_demand
        return Purchase(share < 100, base == 0 and share == 0, f"{base} on demand, then {share} % of the rest")
    if group.launch_configuration_name is not None:
        configuration = configuration_of(group, inventory)
        if configuration is None:
            return None
        spot = bool(configuration.spot_price)
        return Purchase(spot, spot, "the launch configuration")
    launch = next(launches(group, inventory), None)
    if launch is None or launch.data is None:
        return None
    market = launch.data.instance_market_options
    spot = market is not None and market.market_type == "spot"
    return Purchase(spot, spot, launch.label)
