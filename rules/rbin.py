"""The Recycle Bin."""

from typing import Any

from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.account import Region
from auditor.resources.ec2 import Snapshot
from auditor.resources.rbin import SnapshotRetentionRule
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule, seen


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

    def is_long_enough(rule: SnapshotRetentionRule) -> bool:
        return rule.retention_period.retention_period_value >= min_retention_days

    def is_for_all(rule: SnapshotRetentionRule) -> bool:
        return is_long_enough(rule) and rule.scope.status != "pending" and not rule.scope.resource_tags

    rules = seen(inventory.each(SnapshotRetentionRule, region=region.region))
    if any_of(is_for_all, inventory.each(SnapshotRetentionRule, region=region.region)):
        return passed(f"Deleted snapshots are kept for {min_retention_days} days or longer")
    evidence: dict[str, Any] = {"min_retention_days": min_retention_days}
    if tagged := [rule.identifier for rule in rules if is_long_enough(rule)]:
        said = f"Only deleted snapshots with certain tags are kept for {min_retention_days} days"
        return failed(said, rules=tagged, **evidence)
    return failed(f"No rule keeps deleted snapshots for {min_retention_days} days", **evidence)
