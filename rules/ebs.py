"""EBS volumes and snapshots."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from auditor.analysis.regions import low_where_none
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.account import Region
from auditor.resources.ec2 import Instance, PublicSnapshot, Snapshot, Volume
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule, unknown

# --- Volumes


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub EC2.3",
        "CIS-3.0 2.2.1",
        "CIS-5.0 5.1.1",
        "PCI-4.0 3.5.1.20 8.3.2.34",
        "NIST-800-53-r5 au_9_3 cm_6_a cm_9_b cp_9_d sc_8_3 sc_8_4 sc_13_a sc_28_1 si_19_4",
        "ISO-27001-2022 A.8.11 A.8.24",
    ),
    notes="EBS Volume; KMS",
)
def ec2_volume_encrypted(volume: Volume) -> Verdict:
    """EBS volumes are encrypted at rest.

    Risk: a snapshot of the volume can be shared and read without any key, and no key policy stands between the data
        and whoever may attach the volume.
    Fix: aws ec2 create-snapshot --region {region} --volume-id {id}
    aws ec2 copy-snapshot --region {region} --source-region {region} --source-snapshot-id SNAPSHOT --encrypted
    aws ec2 create-volume --region {region} --availability-zone ZONE --snapshot-id COPY --encrypted
    """
    if volume.state in ("deleting", "deleted"):
        return not_applicable(f"the volume is {volume.state}")
    if volume.encrypted:
        return passed("The volume is encrypted", encrypted=True)
    if volume.operator and volume.operator.managed:
        return not_applicable("an AWS service keeps this volume, and only it can change it")
    return failed("The volume is not encrypted", encrypted=False, state=volume.state)


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub EC2.7",
        "CIS-3.0 2.2.1",
        "CIS-5.0 5.1.1",
        "NIST-800-53-r5 au_9_3 cm_6_a cm_9_b cp_9_d sc_8_3 sc_8_4 sc_13_a sc_28_1 si_19_4",
        "ISO-27001-2022 A.8.11 A.8.24",
    ),
    notes="EBS Volume; KMS",
)
def ec2_account_ebs_default_encryption_enabled(region: Region, inventory: Inventory) -> Verdict:
    """New EBS volumes are encrypted by default, in every region.

    Risk: whoever makes a volume or copies a snapshot and does not ask for encryption gets plain data at rest.
    Fix: aws ec2 enable-ebs-encryption-by-default --region {region}
    """
    if region.ebs_encryption_by_default:
        return passed("New volumes are encrypted", ebs_encryption_by_default=True)
    return failed(
        "New volumes are not encrypted unless asked for",
        severity=low_where_none(inventory, Volume, region.region),
        ebs_encryption_by_default=False,
    )


@rule(
    severity=Severity.MEDIUM,
    category=Category.RELIABILITY,
    controls=("PCI-4.0 10.5.1.7 3.2.1.6 3.3.1.1.6 3.3.1.3.6 3.3.2.6 3.3.3.6",),
    notes="EBS Snapshots",
)
def ec2_volume_recent_snapshot_exists(
    volume: Volume, inventory: Inventory, *, max_snapshot_age_days: int = 7, opt_out_tag: str = "auditor:no-snapshots"
) -> Verdict:
    """EBS volumes in use have a recent snapshot.

    Risk: what was written since the last snapshot is lost with the volume, its zone, or a wrong command.
    Fix: aws ec2 create-snapshot --region {region} --volume-id {id}
    Let a Data Lifecycle Manager policy or AWS Backup make the next ones.
    """
    if volume.state != "in-use":
        return not_applicable(f"the volume is {volume.state}")
    if opt_out_tag in (volume.tags or {}):
        return not_applicable(f"the volume is tagged {opt_out_tag}")
    if volume.operator and volume.operator.managed:
        return not_applicable("an AWS service keeps this volume")
    oldest = inventory.now - timedelta(days=max_snapshot_age_days)
    evidence: dict[str, Any] = {"max_snapshot_age_days": max_snapshot_age_days}
    if volume.create_time >= oldest:
        return not_applicable(f"the volume is younger than {max_snapshot_age_days} days")
    snapshots = inventory.where(Snapshot, "volume_id", volume.volume_id, region=volume.region)
    if any_of(lambda snapshot: snapshot.state == "completed" and snapshot.start_time >= oldest, snapshots):
        return passed(f"A snapshot is younger than {max_snapshot_age_days} days", **evidence)
    for attachment in volume.attachments:
        if reason := _replaceable(inventory, attachment.instance_id, volume.region):
            return not_applicable(reason)
    return failed(f"No completed snapshot is younger than {max_snapshot_age_days} days", **evidence)


def _replaceable(inventory: Inventory, instance_id: str | None, region: str) -> str | None:
    """Why nothing on an instance's volumes is worth keeping: something makes a new instance whenever one is gone."""
    instance = inventory.find(Instance, "instance_id", instance_id, region=region) if instance_id else None
    if instance is None:
        return None
    if instance.managed:
        return "an AWS service runs the instance"
    tags = instance.tags or {}
    if "aws:autoscaling:groupName" in tags:
        return "an Auto Scaling group replaces the instance"
    if instance.of_cluster:
        return "the cluster replaces the instance"
    return None


# --- Snapshots


@rule(
    severity=Severity.MEDIUM,
    controls=("PCI-4.0 3.5.1.13 8.3.2.20", "ISO-27001-2022 A.8.24"),
    notes="EBS Snapshots",
)
def ec2_snapshot_encrypted(snapshot: Snapshot) -> Verdict:
    """EBS snapshots are encrypted.

    Risk: a snapshot without encryption can be shared with anyone, and be read by whoever it is shared with.
    Fix: aws ec2 copy-snapshot --region {region} --source-region {region} --source-snapshot-id {id} --encrypted
    Once the copy is complete:
    aws ec2 delete-snapshot --region {region} --snapshot-id {id}
    """
    if snapshot.encrypted:
        return passed("The snapshot is encrypted", encrypted=True)
    return failed("The snapshot is not encrypted", encrypted=False)


@rule(
    severity=Severity.CRITICAL,
    controls=(
        "SecurityHub EC2.1",
        "NIST-800-53-r5 ac_2_6 ac_3 ac_3_7 ac_4_21 ac_6 ac_17_b ac_17_1 ac_17_4_a ac_17_9 ac_17_10 mp_2 sc_7_2",
        "ISO-27001-2022 A.8.1",
    ),
    notes="EBS Snapshots",
)
def ec2_snapshot_not_public(snapshot: Snapshot, inventory: Inventory) -> Verdict:
    """EBS snapshots are not restorable by everyone.

    Risk: anyone with an AWS account can make a volume of the snapshot and read the disk. Where the region blocks all
        public sharing, they can as soon as somebody lifts the block.
    Fix: aws ec2 modify-snapshot-attribute --region {region} --snapshot-id {id} --attribute createVolumePermission
        --operation-type remove --group-names all
    """
    if snapshot.encrypted:
        return passed("An encrypted snapshot cannot be public", encrypted=True)
    public = inventory.find(PublicSnapshot, "snapshot_id", snapshot.snapshot_id, region=snapshot.region)
    if public is None or all(permission.group != "all" for permission in public.create_volume_permissions):
        return passed("Only the account, and whom it names, may restore the snapshot")
    severity = _medium_while_blocked(inventory, snapshot.region)
    return failed("The snapshot is shared with everyone", severity=severity, group="all")


def _medium_while_blocked(inventory: Inventory, name: str) -> Iterator[Severity]:
    """Medium in a region whose Block Public Access keeps everyone from snapshots that are shared with them."""
    region = inventory.find(Region, "region_name", name)
    if region is not None and region.snapshot_block_public_access == "block-all-sharing":
        yield Severity.MEDIUM


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub EC2.182", "PCI-4.0 10.3.2.8 3.5.1.3.8 A1.1.2.4 A3.4.1.4"),
    notes="EBS Snapshots",
)
def ec2_account_snapshot_block_public_access_enabled(region: Region, inventory: Inventory) -> Verdict:
    """All public sharing of EBS snapshots is blocked, in every region.

    Risk: one call, or one wrong click, publishes a disk of yours to everyone.
    Fix: aws ec2 enable-snapshot-block-public-access --region {region} --state block-all-sharing
    """
    state = region.snapshot_block_public_access
    if state == "block-all-sharing":
        return passed("Nobody can use or make public snapshots", state=state)
    if state == "block-new-sharing":
        return failed("Snapshots that are public already stay so", severity=Severity.LOW, state=state)
    severity = low_where_none(inventory, Snapshot, region.region)
    return failed("Snapshots can be made public", severity=severity, state=state)


@rule(severity=Severity.MEDIUM, category=Category.COST, notes="EBS Snapshots")
def ec2_snapshot_fast_restore_disabled(
    snapshot: Snapshot, inventory: Inventory, *, max_enabled_days: int = 7
) -> Verdict:
    """Fast restore of EBS snapshots is on for no longer than it is needed.

    Risk: each snapshot costs hundreds of dollars a month in each Availability Zone, whether or not it is restored.
    Fix: aws ec2 disable-fast-snapshot-restores --region {region} --source-snapshot-ids {id} --availability-zones ZONE
    """
    since = {}
    for restore in snapshot.fast_restores:
        if restore.state in ("enabled", "optimizing") and restore.owner_id in (None, snapshot.account):
            since[restore.availability_zone] = restore.since
    if not since:
        return passed("Fast restore is off")
    old = {
        zone: time.date().isoformat()
        for zone, time in sorted(since.items())
        if time is not None and inventory.now - time > timedelta(days=max_enabled_days)
    }
    if old:
        return failed(f"Fast restore has been on for more than {max_enabled_days} days", enabled_since=old)
    if None in since.values():
        return unknown("EC2 does not say since when fast restore is on", zones=sorted(since))
    return passed(f"Fast restore has been on for less than {max_enabled_days} days", zones=sorted(since))
