"""EBS volumes: their types, what they cost, and whether they are well."""

from datetime import timedelta
from typing import Any

from auditor.analysis.instances import has_tag
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.ec2 import Volume
from auditor.rule import Verdict, failed, not_applicable, passed, rule, unknown

# From here on a gp2 volume has all the IOPS that it can have; below the second figure it lives on a balance.
GP2_ENOUGH_GIB, GP2_BURSTING_GIB = 5334, 1000


def _why_not(volume: Volume) -> str | None:
    """Why a volume is not judged: it is gone, or nobody in the account can change it."""
    if volume.state in ("deleting", "deleted", "error"):
        return f"the volume is {volume.state}"
    if volume.operator and volume.operator.managed:
        return "an AWS service keeps this volume, and only it can change it"
    return None


@rule(severity=Severity.HIGH, category=Category.RELIABILITY, notes="EBS (hardware failure)")
def ec2_volume_status_ok(volume: Volume) -> Verdict:
    """EBS volumes pass their status checks.

    Risk: AWS doubts that the data on the volume is consistent, and may have stopped all input and output.
    Fix: aws ec2 describe-volume-status --region {region} --volume-ids {id}
    Where input and output were stopped, after which the file system is to be checked:
    aws ec2 enable-volume-io --region {region} --volume-id {id}
    """
    if reason := _why_not(volume):
        return not_applicable(reason)
    health = next(iter(volume.health), None)
    if health is None:
        return unknown("EC2 gives no status of the volume")
    status, actions = health.volume_status.status, [action.code for action in health.actions]
    evidence: dict[str, Any] = {"status": status, "actions": actions}
    if status == "impaired":
        return failed("The volume is impaired", **evidence)
    if actions:
        return failed("The volume waits for its owner to act", **evidence)
    if status == "insufficient-data":
        return not_applicable("the status checks have not finished", **evidence)
    return passed("The volume passes its status checks", **evidence)


@rule(severity=Severity.LOW, category=Category.COST, notes="EBS Volume (billed as provisioned; may be unattached)")
def ec2_volume_attached(volume: Volume, inventory: Inventory, *, max_unattached_days: int = 7) -> Verdict:
    """EBS volumes are attached.

    Risk: a volume that no instance uses costs as much as one that is used, and holds data that nobody thinks of.
    Fix: aws ec2 create-snapshot --region {region} --volume-id {id}
    Once the snapshot is complete:
    aws ec2 delete-volume --region {region} --volume-id {id}
    """
    if reason := _why_not(volume):
        return not_applicable(reason)
    if volume.state == "in-use":
        return passed("The volume is attached", state=volume.state)
    if volume.state != "available":
        return not_applicable(f"the volume is {volume.state}")
    age = (inventory.now - volume.create_time).days
    if inventory.now - volume.create_time <= timedelta(days=max_unattached_days):
        return not_applicable(f"the volume is younger than {max_unattached_days} days")
    return failed("The volume is attached to nothing", state=volume.state, age_days=age, size_gib=volume.size)


@rule(severity=Severity.LOW, category=Category.COST, notes="EBS Volume Types (gp2 older)")
def ec2_volume_gp2_not_used(volume: Volume) -> Verdict:
    """EBS volumes are gp3 rather than gp2.

    Risk: gp2 costs a quarter more for the same capacity, and its speed depends on its size.
    Fix: aws ec2 modify-volume --region {region} --volume-id {id} --volume-type gp3
    """
    return _not_of_type(volume, "gp2", "gp3 is cheaper, and as fast whatever its size")


@rule(severity=Severity.LOW, category=Category.PERFORMANCE, notes="EBS Volume Types")
def ec2_volume_magnetic_not_used(volume: Volume) -> Verdict:
    """EBS volumes are not of the magnetic generation.

    Risk: magnetic volumes are slow and unsteady, end at 1 TiB, and each request to them is billed.
    Fix: aws ec2 modify-volume --region {region} --volume-id {id} --volume-type gp3
    """
    return _not_of_type(volume, "standard", "volumes of this type are of the previous generation")


@rule(severity=Severity.LOW, category=Category.RELIABILITY, notes="EBS Provisioned IOPS")
def ec2_volume_io1_not_used(volume: Volume) -> Verdict:
    """EBS volumes with provisioned IOPS are io2 rather than io1.

    Risk: io1 fails a hundred times as often as io2, for the same price.
    Fix: aws ec2 modify-volume --region {region} --volume-id {id} --volume-type io2
    """
    return _not_of_type(volume, "io1", "io2 costs the same, and fails less often")


def _not_of_type(volume: Volume, kind: str, why: str) -> Verdict:
    if reason := _why_not(volume):
        return not_applicable(reason)
    if volume.volume_type == kind:
        return failed(f"The volume is {kind}: {why}", volume_type=kind, size_gib=volume.size)
    return passed(f"The volume is {volume.volume_type}", volume_type=volume.volume_type)


@rule(severity=Severity.LOW, category=Category.PERFORMANCE, notes="EBS Volume Types (gp2 3 IOPS per GB)")
def ec2_volume_gp2_size_effective(volume: Volume, *, min_balance_percent: float = 20) -> Verdict:
    """Volumes of the type gp2 are of a size that suits their load.

    Risk: a small one slows down to three requests per second and GiB once its balance is spent; a very large one gets
        no more of them for what is paid beyond 5,334 GiB.
    Fix: aws ec2 modify-volume --region {region} --volume-id {id} --volume-type gp3
    """
    if reason := _why_not(volume):
        return not_applicable(reason)
    if volume.volume_type != "gp2":
        return not_applicable(f"the volume is {volume.volume_type}")
    evidence: dict[str, Any] = {"size_gib": volume.size}
    if volume.size > GP2_ENOUGH_GIB:
        return failed(f"Beyond {GP2_ENOUGH_GIB:,} GiB a gp2 volume gets no faster", **evidence)
    if volume.size >= GP2_BURSTING_GIB:
        return passed("The volume has its full speed at any time", **evidence)
    lowest = min(volume.burst_balance, default=None)
    if lowest is None:
        return not_applicable("CloudWatch has no figures of the volume", **evidence)
    evidence["lowest_burst_balance_percent"] = round(lowest, 1)
    if lowest < min_balance_percent:
        return failed(f"The volume's balance went down to {lowest:.0f} % in 14 days", **evidence)
    return passed("The volume did not spend its balance in 14 days", **evidence)


@rule(severity=Severity.LOW, category=Category.COST, notes="EBS Provisioned IOPS")
def ec2_volume_provisioned_iops_utilized(volume: Volume, *, min_used_percent: float = 20) -> Verdict:
    """IOPS that an EBS volume was given are used.

    Risk: provisioned IOPS are paid for by the month, and can cost more than the capacity does.
    Fix: aws ec2 modify-volume --region {region} --volume-id {id} --volume-type gp3 --iops IOPS
    """
    if reason := _why_not(volume):
        return not_applicable(reason)
    if volume.iops is None or not volume.pays_for_iops:
        return not_applicable("the volume has no IOPS but those that come with it")
    if volume.state != "in-use":
        return not_applicable(f"the volume is {volume.state}")
    reads, writes = volume.read_ops, volume.write_ops
    if not reads and not writes:
        return not_applicable("CloudWatch has no figures of the volume")
    used = (_peak(reads) + _peak(writes)) / 3600
    percent = 100 * used / volume.iops
    evidence: dict[str, Any] = {"iops": volume.iops, "used_iops": round(used, 1), "used_percent": round(percent, 1)}
    if percent < min_used_percent:
        return failed(f"In its busiest hours of 14 days the volume used {percent:.0f} % of its IOPS", **evidence)
    return passed(f"In its busiest hours of 14 days the volume used {percent:.0f} % of its IOPS", **evidence)


def _peak(values: tuple[float, ...]) -> float:
    """The value that one in a hundred exceeds. Of two sums, adding theirs errs towards more use, not less."""
    return sorted(values)[-1 - len(values) // 100] if values else 0.0


@rule(
    severity=Severity.INFORMATIONAL,
    category=Category.RELIABILITY,
    notes="EBS Volume (may be unattached); multi-attach",
)
def ec2_volume_multi_attach_reviewed(
    volume: Volume, *, reviewed_tags: tuple[str, ...] = ("auditor:cluster-file-system",)
) -> Verdict:
    """EBS volumes that several instances share have a file system made for that.

    Risk: a usual file system that two instances mount at once destroys itself.
    Fix: See that the file system is one of a cluster (GFS2, OCFS2), then say so:
    aws ec2 create-tags --region {region} --resources {id} --tags Key=auditor:cluster-file-system,Value=yes
    """
    if reason := _why_not(volume):
        return not_applicable(reason)
    sharing = [each.instance_id for each in volume.attachments]
    if not volume.multi_attach_enabled or len(sharing) < 2:
        return passed("The volume is not shared", multi_attach_enabled=bool(volume.multi_attach_enabled))
    if tag := has_tag(volume.tags, reviewed_tags):
        return passed(f"The tag {tag} says that the file system is made for sharing", instances=sharing)
    return failed(f"{len(sharing)} instances share the volume", instances=sharing)
