"""The disks of EC2 instances: which there are, what becomes of them, and what templates ask for."""

from typing import Any

from auditor.analysis.instances import has_tag, why_not_judged
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.account import Region
from auditor.resources.ec2 import Instance, LaunchTemplate, Snapshot
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule, unknown

CACHES = ("role=cache", "role=worker", "auditor:ephemeral-data")


@rule(severity=Severity.MEDIUM, category=Category.RELIABILITY, notes="EC2 Instance Store")
def ec2_instance_root_device_ebs(instance: Instance) -> Verdict:
    """The root device of EC2 instances is an EBS volume.

    Risk: a root disk in the instance store is lost when the instance stops, is terminated, or its host fails; it cannot
        be stopped and kept, nor moved to other hardware.
    Fix: Launch a replacement from an image that is backed by EBS, move the data over, then:
    aws ec2 terminate-instances --region {region} --instance-ids {id}
    """
    if reason := why_not_judged(instance):
        return not_applicable(reason)
    kind = instance.root_device_type
    if kind == "instance-store":
        return failed("The root device is in the instance store", root_device_type=kind)
    if kind is None:
        return unknown("EC2 does not say what the root device is")
    return passed("The root device is an EBS volume", root_device_type=kind)


@rule(severity=Severity.LOW, category=Category.RELIABILITY, notes="EBS (delete on termination)")
def ec2_instance_data_volume_retained_on_termination(instance: Instance) -> Verdict:
    """The data volumes of EC2 instances that nothing replaces outlive the instance.

    Risk: whoever terminates the instance deletes its data with it.
    Fix: For each device that the finding names:
    aws ec2 modify-instance-attribute --region {region} --instance-id {id}
        --block-device-mappings '[{"DeviceName":"DEVICE","Ebs":{"DeleteOnTermination":false}}]'
    """
    if reason := why_not_judged(instance):
        return not_applicable(reason)
    if not instance.stands_alone:
        return not_applicable("something replaces the instance: an Auto Scaling group, a cluster, or a Spot request")
    disks = {each.device_name: each.ebs for each in instance.block_device_mappings if each.ebs is not None}
    data = {name: disk for name, disk in disks.items() if name != instance.root_device_name}
    if not data:
        return not_applicable("the instance has no data volume")
    lost = sorted(name for name, disk in data.items() if disk.delete_on_termination)
    if lost:
        return failed(f"Terminating the instance deletes {len(lost)} of its data volumes", devices=lost)
    return passed("The data volumes outlive the instance", devices=sorted(data))


@rule(severity=Severity.INFORMATIONAL, category=Category.COST, notes="EBS (delete on termination)")
def ec2_instance_root_volume_deleted_on_termination(instance: Instance) -> Verdict:
    """The root volumes of instances in Auto Scaling groups are deleted with them.

    Risk: every instance that the group replaces leaves a volume behind, which is paid for and forgotten.
    Fix: aws ec2 modify-instance-attribute --region {region} --instance-id {id}
        --block-device-mappings '[{"DeviceName":"DEVICE","Ebs":{"DeleteOnTermination":true}}]'
    Set it in the group's launch template too, for the instances to come.
    """
    if reason := why_not_judged(instance):
        return not_applicable(reason)
    if not instance.auto_scaled:
        return not_applicable("the instance belongs to no Auto Scaling group")
    root = next(
        (each.ebs for each in instance.block_device_mappings if each.device_name == instance.root_device_name), None
    )
    if root is None:
        return not_applicable("the instance has no EBS root volume")
    evidence: dict[str, Any] = {"device": instance.root_device_name, "volume": root.volume_id}
    if root.delete_on_termination:
        return passed("The root volume is deleted with the instance", **evidence)
    return failed("The root volume stays when the instance is gone", **evidence)


@rule(severity=Severity.INFORMATIONAL, category=Category.RELIABILITY, notes="EC2 Instance Store")
def ec2_instance_instance_store_data_persisted(
    instance: Instance, *, ephemeral_tags: tuple[str, ...] = CACHES
) -> Verdict:
    """EC2 instances with local disks keep what matters on a data volume as well.

    Risk: a type with local disks and no volume but the root one suggests that data lives on disks that are empty after
        a stop or a failure of the host.
    Fix: Where the disks hold a cache only, say so:
    aws ec2 create-tags --region {region} --resources {id} --tags Key=role,Value=cache
    Otherwise give the data a volume:
    aws ec2 create-volume --region {region} --availability-zone ZONE --size SIZE --volume-type gp3 --encrypted
    aws ec2 attach-volume --region {region} --instance-id {id} --volume-id VOLUME --device /dev/sdf
    """
    if reason := why_not_judged(instance):
        return not_applicable(reason)
    if not instance.stands_alone:
        return not_applicable("something replaces the instance: an Auto Scaling group, a cluster, or a Spot request")
    info = next(iter(instance.type_info), None)
    if info is None:
        return unknown(f"EC2 does not describe the type {instance.instance_type}")
    evidence: dict[str, Any] = {"instance_type": instance.instance_type}
    if not info.instance_storage_supported:
        return not_applicable("the type has no local disks")
    if tag := has_tag(instance.tags, ephemeral_tags):
        return not_applicable(f"the tag {tag} says that nothing on the local disks needs to be kept")
    data = [each for each in instance.block_device_mappings if each.device_name != instance.root_device_name]
    if data:
        return passed("The instance has a data volume beside its local disks", **evidence)
    return failed("The instance has local disks, and no data volume", **evidence)


@rule(severity=Severity.LOW, category=Category.PERFORMANCE, notes="EBS (network drive, latency)")
def ec2_instance_ebs_optimized(instance: Instance) -> Verdict:
    """EC2 instances have bandwidth of their own to their EBS volumes.

    Risk: traffic to the disks and traffic to the network slow each other down.
    Fix: aws ec2 stop-instances --region {region} --instance-ids {id}
    aws ec2 wait instance-stopped --region {region} --instance-ids {id}
    aws ec2 modify-instance-attribute --region {region} --instance-id {id} --ebs-optimized
    aws ec2 start-instances --region {region} --instance-ids {id}
    """
    if reason := why_not_judged(instance):
        return not_applicable(reason)
    evidence: dict[str, Any] = {"instance_type": instance.instance_type, "ebs_optimized": instance.ebs_optimized}
    if instance.ebs_optimized:
        return passed("The instance is optimized for EBS", **evidence)
    info = next(iter(instance.type_info), None)
    support = info.ebs_info.ebs_optimized_support if info and info.ebs_info else None
    if support is None:
        return unknown(f"EC2 does not describe the type {instance.instance_type}")
    if support == "supported":
        return failed("The type offers bandwidth for EBS, and the instance does not use it", **evidence)
    if support == "default":
        return passed("Instances of the type are always optimized for EBS", **evidence)
    return not_applicable("the type cannot be optimized for EBS")


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub EC2.181",),
    notes="ASG Attributes (EBS Volumes); EBS encryption",
)
def ec2_launch_template_volumes_encrypted(template: LaunchTemplate, inventory: Inventory) -> Verdict:
    """Launch templates ask for encrypted volumes.

    Risk: every instance that is started from the template gets a disk that can be copied and read without any key.
    Fix: For every device of the finding, in a new version that is made the default:
    aws ec2 modify-launch-template --region {region} --launch-template-id {id}
        --default-version "$(aws ec2 create-launch-template-version --region {region} --launch-template-id {id}
        --source-version '$Default' --launch-template-data
        '{"BlockDeviceMappings":[{"DeviceName":"DEVICE","Ebs":{"Encrypted":true}}]}'
        --query LaunchTemplateVersion.VersionNumber --output text)"
    """
    if template.operator and template.operator.managed:
        return not_applicable("an AWS service keeps this template, and only it can change it")
    version = next((version for version in template.versions if version.default_version), None)
    if version is None:
        return unknown("EC2 did not give the template's default version")
    mapped = [
        (device.device_name, device.ebs)
        for device in version.launch_template_data.block_device_mappings
        if device.ebs is not None and device.no_device is None and not device.virtual_name
    ]
    if not mapped:
        return not_applicable("the default version maps no EBS volume: the image decides")
    evidence: dict[str, Any] = {"version": version.version_number}
    plain = [(name, disk) for name, disk in mapped if not disk.encrypted]
    if not plain:
        return passed("The default version asks for encrypted volumes", **evidence)
    region = inventory.find(Region, "region_name", template.region)
    if region is not None and region.ebs_encryption_by_default:
        return passed("The region encrypts every new volume", **evidence, ebs_encryption_by_default=True)

    def of_encrypted(snapshot_id: str | None) -> bool:
        found = inventory.where(Snapshot, "snapshot_id", snapshot_id, region=template.region) if snapshot_id else ()
        return any_of(lambda snapshot: snapshot.encrypted, found)

    open_ones = [name for name, disk in plain if not of_encrypted(disk.snapshot_id)]
    if open_ones:
        devices = sorted(filter(None, open_ones))
        return failed("The default version asks for volumes that are not encrypted", **evidence, devices=devices)
    return passed("The volumes are made of encrypted snapshots", **evidence)
