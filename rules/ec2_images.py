"""Images (AMIs): what instances were launched from, and the account's own."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from auditor.analysis.instances import has_tag, keeper, why_not_judged, why_not_running
from auditor.analysis.regions import low_where_none
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.account import Region
from auditor.resources.autoscaling import LaunchConfiguration
from auditor.resources.ec2 import Image, Instance, LaunchTemplate, Snapshot
from auditor.resources.ec2_instance import ImageMetadata
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule, unknown

# --- What instances were launched from


def _image(instance: Instance) -> ImageMetadata | None:
    return next((found.image_metadata for found in instance.launched_from), None)


@rule(severity=Severity.LOW, category=Category.OPERATIONS, notes="AMI")
def ec2_instance_image_available(instance: Instance, inventory: Inventory) -> Verdict:
    """EC2 instances were launched from images that still exist.

    Risk: an instance whose image is gone cannot be made anew when it is lost, and nobody can look up what it was made
        of. One whose image is merely deprecated runs what its publisher has replaced.
    Fix: Launch a replacement from an image that is maintained. Or keep what there is, as an image of your own:
    aws ec2 create-image --region {region} --instance-id {id} --name {id}-copy
    """
    if reason := why_not_judged(instance):
        return not_applicable(reason)
    if instance.auto_scaled:
        return not_applicable("the next instance of its Auto Scaling group comes from the group's template")
    if instance.of_cluster:
        return not_applicable("the cluster chooses the image of the next instance")
    image = _image(instance)
    if image is None or image.state is None:
        return unknown("EC2 does not say what became of the image")
    evidence: dict[str, Any] = {"image": image.image_id, "state": image.state}
    if image.state != "available":
        return failed(f"The image is {image.state}", **evidence)
    until = image.deprecation_time
    if until is not None and until <= inventory.now:
        evidence["deprecated_since"] = until.date().isoformat()
        return failed("The image is deprecated", severity=Severity.INFORMATIONAL, **evidence)
    return passed("The image is available", **evidence)


@rule(severity=Severity.LOW, notes="AMI; more control over software and updates")
def ec2_instance_image_recent(instance: Instance, inventory: Inventory, *, max_image_age_days: int = 180) -> Verdict:
    """Running EC2 instances come from recent images.

    Risk: an old image starts with old packages, so that each new instance has known holes until it has patched itself.
    Fix: Build the image anew, and launch a replacement from it. The newest of Amazon Linux 2023:
    aws ssm get-parameter --region {region}
        --name /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64
    """
    if reason := why_not_running(instance):
        return not_applicable(reason)
    image = _image(instance)
    if image is None or image.creation_date is None:
        return unknown("EC2 does not say how old the image is")
    age = (inventory.now - image.creation_date).days
    evidence: dict[str, Any] = {"image": image.image_id, "age_days": age, "max_image_age_days": max_image_age_days}
    if age > max_image_age_days:
        return failed(f"The image is {age} days old", **evidence)
    return passed(f"The image is {age} days old", **evidence)


@rule(
    severity=Severity.INFORMATIONAL,
    category=Category.OPERATIONS,
    notes="EC2 Dedicated Hosts / License; AWS Marketplace AMI",
)
def ec2_instance_marketplace_image_reviewed(
    instance: Instance, *, reviewed_tags: tuple[str, ...] = ("auditor:marketplace-reviewed",)
) -> Verdict:
    """EC2 instances with software of the AWS Marketplace are known as such.

    Risk: the seller charges by the hour for as long as the instance runs, and decides what is on its disk.
    Fix: aws ec2 create-tags --region {region} --resources {id} --tags Key=auditor:marketplace-reviewed,Value=yes
    """
    if reason := why_not_judged(instance):
        return not_applicable(reason)
    codes = [code.product_code_id for code in instance.product_codes if code.product_code_type == "marketplace"]
    if not codes:
        return passed("The instance carries no software of the Marketplace")
    if tag := has_tag(instance.tags, reviewed_tags):
        return passed(f"The instance's software was reviewed, as the tag {tag} says", product_codes=codes)
    return failed("The instance carries software of the Marketplace", product_codes=codes)


@rule(severity=Severity.LOW, notes="AMI (own, AWS or Marketplace)")
def ec2_account_allowed_images_enabled(region: Region, inventory: Inventory) -> Verdict:
    """Only images of allowed providers can be found and launched, in every region.

    Risk: whoever picks an image by its name can pick one that a stranger has published under a familiar name.
    Fix: Say whose images are allowed, see in audit mode what that would hit, then enable it:
    aws ec2 replace-image-criteria-in-allowed-images-settings --region {region} --image-criteria ImageProviders=amazon
    aws ec2 enable-allowed-images-settings --region {region} --allowed-images-settings-state audit-mode
    aws ec2 enable-allowed-images-settings --region {region} --allowed-images-settings-state enabled
    """
    state = region.allowed_images_state
    if state == "enabled":
        return passed("Only allowed images can be launched", state=state)
    if state == "audit-mode":
        return passed("Images that are not allowed are marked, and can be launched still", state=state)
    severity = _informational_where_none(inventory, region.region)
    return failed("Images of any provider can be launched", severity=severity, state=state)


def _informational_where_none(inventory: Inventory, region: str) -> Iterator[Severity]:
    for _ in low_where_none(inventory, Instance, region):
        yield Severity.INFORMATIONAL


# --- The account's own images


@rule(severity=Severity.MEDIUM, notes="AMI; EBS encryption")
def ec2_image_encrypted(image: Image, inventory: Inventory) -> Verdict:
    """The snapshots of own images are encrypted.

    Risk: the image can be shared with anyone, who can then read all that is on its disks without any key.
    Fix: aws ec2 copy-image --region {region} --source-region {region} --source-image-id {id} --name {name}-encrypted
        --encrypted
    Once instances and templates use the copy:
    aws ec2 deregister-image --region {region} --image-id {id} --delete-associated-snapshots
    """
    disks = [each.ebs for each in image.block_device_mappings if each.ebs is not None]
    if not disks:
        return not_applicable("the image has no EBS snapshot")
    plain = [disk.snapshot_id or "" for disk in disks if disk.encrypted is False]
    unsaid = [disk.snapshot_id for disk in disks if disk.encrypted is None]
    if not plain and unsaid:
        found = [inventory.find(Snapshot, "snapshot_id", each, region=image.region) for each in unsaid if each]
        plain = [snapshot.snapshot_id for snapshot in found if snapshot is not None and not snapshot.encrypted]
        if not plain and (len(found) < len(unsaid) or None in found):
            return unknown("EC2 does not say whether the image's snapshots are encrypted")
    if plain:
        return failed("A snapshot of the image is not encrypted", snapshots=sorted(plain))
    return passed("Every snapshot of the image is encrypted")


@rule(severity=Severity.LOW, category=Category.COST, notes="AMI Process (creates EBS snapshots)")
def ec2_image_in_use(image: Image, inventory: Inventory, *, max_idle_days: int = 90) -> Verdict:
    """Own images are launched now and then, or something refers to them.

    Risk: the snapshots of an image that nobody launches cost money month after month, and keep old data and old holes.
    Fix: aws ec2 deregister-image --region {region} --image-id {id} --delete-associated-snapshots
    """
    if service := keeper(image.tags):
        return not_applicable(f"{service} made the image, and deletes it")
    oldest = inventory.now - timedelta(days=max_idle_days)
    made, launched = image.creation_date, image.last_launched_time
    if made is None:
        return unknown("EC2 does not say how old the image is")
    evidence: dict[str, Any] = {"created": _day(made), "last_launched": _day(launched), "max_idle_days": max_idle_days}
    if made > oldest:
        return not_applicable(f"the image is younger than {max_idle_days} days")
    if launched is not None and launched > oldest:
        return passed(f"The image was launched in the last {max_idle_days} days", **evidence)
    if any_of(lambda used: used, _uses(image, inventory)):
        return passed("An instance, a launch template or a launch configuration refers to the image", **evidence)
    return failed(f"Nobody has launched the image for {max_idle_days} days, and nothing refers to it", **evidence)


def _uses(image: Image, inventory: Inventory) -> Iterator[bool]:
    """Whether each thing that may refer to an image does so."""
    for instance in inventory.where(Instance, "image_id", image.image_id, region=image.region):
        yield instance.live
    for template in inventory.each(LaunchTemplate, region=image.region):
        versions = (*template.versions, *template.all_versions)
        yield any(version.launch_template_data.image_id == image.image_id for version in versions)
    for configuration in inventory.each(LaunchConfiguration, region=image.region):
        yield configuration.image_id == image.image_id


def _day(moment: datetime | None) -> str | None:
    return moment.date().isoformat() if moment else None
