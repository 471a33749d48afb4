"""The Recycle Bin."""

from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.account import Region
from auditor.resources.ec2 import Snapshot
from auditor.resources.rbin import SnapshotRetentionRule
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule


@rule(severity=Severity.LOW, category=Category.RELIABILITY, notes="Recycle Bin for EBS Snapshots")
def rbin_rule_ebs_snapshot_retention_enabled(
    region: Region, inventory: Inventory, *, min_retention_days: int = 7
) -> Verdict:
    """The Recycle Bin keeps deleted EBS snapshots for a week, in every region that has snapshots.

    Risk: who deletes the wrong snapshot, or is made to, has deleted it for good.
    Fix: aws rbin create-rule --region {region} --resource-type EBS_SNAPSHOT
        --retention-period RetentionPeriodValue=7,RetentionPeriodUnit=DAYS --description "all snapshots"
    """
    if not any_of(lambda _: True, inventory.each(Snapshot, region=region.region)):
        return not_applicable("the region has no snapshots")
    rules = inventory.each(SnapshotRetentionRule, region=region.region)
    if any_of(lambda kept: kept.retention_period.retention_period_value >= min_retention_days, rules):
        return passed(f"Deleted snapshots are kept for {min_retention_days} days or longer")
    return failed(
        f"No rule keeps deleted snapshots for {min_retention_days} days", min_retention_days=min_retention_days
    )
