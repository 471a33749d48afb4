"""Data Lifecycle Manager."""

from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.account import Region
from auditor.resources.backup import BackupPlan
from auditor.resources.dlm import LifecyclePolicy
from auditor.resources.ec2 import Volume
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule

# The plan that AWS makes for file systems: it covers no volumes.
OF_FILE_SYSTEMS = "aws/efs/automatic-backup-plan"


@rule(severity=Severity.MEDIUM, category=Category.RELIABILITY, notes="EBS Snapshots")
def dlm_lifecycle_policy_ebs_exists(region: Region, inventory: Inventory) -> Verdict:
    """Something makes snapshots of EBS volumes by the clock, in every region that has volumes in use.

    Risk: snapshots that are taken by hand are forgotten in the week in which they would be needed.
    Fix: aws dlm create-default-role --region {region} --resource-type snapshot
    aws dlm create-lifecycle-policy --region {region} --default-policy VOLUME --state ENABLED
        --description "every volume every day" --create-interval 1 --retain-interval 7
        --execution-role-arn arn:aws:iam::{account}:role/AWSDataLifecycleManagerDefaultRole
    """
    in_use = inventory.where(Volume, "state", "in-use", region=region.region)
    if not any_of(lambda volume: not (volume.operator and volume.operator.managed), in_use):
        return not_applicable("the region has no volume in use")
    if any_of(_snaps, inventory.each(LifecyclePolicy, region=region.region)):
        return passed("A lifecycle policy makes snapshots or images")
    plans = inventory.each(BackupPlan, region=region.region)
    if any_of(lambda plan: plan.backup_plan_name != OF_FILE_SYSTEMS, plans):
        return passed("AWS Backup has a plan in the region")
    return failed("Neither Data Lifecycle Manager nor AWS Backup makes snapshots in the region")


def _snaps(policy: LifecyclePolicy) -> bool:
    return policy.state == "ENABLED" and policy.policy_type in ("EBS_SNAPSHOT_MANAGEMENT", "IMAGE_MANAGEMENT")
