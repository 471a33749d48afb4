"""EBS snapshots: which may go, and what makes and keeps them."""

from datetime import timedelta
from typing import Any

from auditor.analysis.instances import keeper
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.ec2 import Image, Snapshot, Volume
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule

# What EC2 gives as the volume of a snapshot that was copied.
OF_A_COPY = ("vol-ffffffff", "vol-ffffffffffffffff")


def _of_image(snapshot: Snapshot, inventory: Inventory) -> bool:
    """Whether an own image is made of it."""
    images = inventory.where(Image, "snapshot_ids", snapshot.snapshot_id, region=snapshot.region)
    return any_of(lambda _: True, images)


@rule(severity=Severity.LOW, category=Category.COST, notes="EBS Snapshot Archive")
def ec2_snapshot_old_archived_or_deleted(
    snapshot: Snapshot, inventory: Inventory, *, max_age_days: int = 90
) -> Verdict:
    """Old EBS snapshots that no image needs are archived or deleted.

    Risk: a snapshot that is never restored costs as much as one of yesterday, and holds data longer than anyone meant.
        In the archive a snapshot costs a quarter, but is whole, and stays for 90 days at least.
    Fix: aws ec2 delete-snapshot --region {region} --snapshot-id {id}
    Or, where it has to be kept:
    aws ec2 modify-snapshot-tier --region {region} --snapshot-id {id} --storage-tier archive
    """
    if service := keeper(snapshot.tags):
        return not_applicable(f"{service} made the snapshot, and deletes it")
    age = (inventory.now - snapshot.start_time).days
    evidence: dict[str, Any] = {"age_days": age, "storage_tier": snapshot.storage_tier}
    if snapshot.storage_tier == "archive":
        return passed("The snapshot is in the archive", **evidence)
    if inventory.now - snapshot.start_time <= timedelta(days=max_age_days):
        return passed(f"The snapshot is younger than {max_age_days} days", **evidence)
    if _of_image(snapshot, inventory):
        return not_applicable("an image is made of the snapshot")
    return failed(f"The snapshot is {age} days old", **evidence)


@rule(severity=Severity.INFORMATIONAL, category=Category.COST, notes="EBS Snapshots")
def ec2_snapshot_source_volume_exists(snapshot: Snapshot, inventory: Inventory, *, min_age_days: int = 30) -> Verdict:
    """The volumes of EBS snapshots exist still.

    Risk: a snapshot whose volume is gone may be the only copy of what somebody needs, or of what everybody has
        forgotten: somebody has to decide which.
    Fix: aws ec2 describe-snapshots --region {region} --snapshot-ids {id}
    Where nobody needs it:
    aws ec2 delete-snapshot --region {region} --snapshot-id {id}
    """
    if service := keeper(snapshot.tags):
        return not_applicable(f"{service} made the snapshot, and deletes it")
    if snapshot.volume_id is None or snapshot.volume_id in OF_A_COPY:
        return not_applicable("EC2 does not say which volume the snapshot was made of: it is a copy")
    evidence: dict[str, Any] = {"volume": snapshot.volume_id, "age_days": (inventory.now - snapshot.start_time).days}
    if inventory.now - snapshot.start_time <= timedelta(days=min_age_days):
        return not_applicable(f"the snapshot is younger than {min_age_days} days")
    volumes = inventory.where(Volume, "volume_id", snapshot.volume_id, region=snapshot.region)
    if any_of(lambda _: True, volumes):
        return passed("The snapshot's volume exists", **evidence)
    if _of_image(snapshot, inventory):
        return not_applicable("an image is made of the snapshot")
    return failed("The snapshot's volume is gone", **evidence)
