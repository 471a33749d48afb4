"""The Recycle Bin, which keeps for a while what was deleted."""

from auditor.fetch import Listing
from auditor.model import Resource, Shape


class RetentionPeriod(Shape):
    """How long deleted snapshots are kept; DAYS is the only unit there is."""

    retention_period_value: int
    retention_period_unit: str


class SnapshotRetentionRule(Resource):
    """A rule that keeps deleted EBS snapshots, all of the region or those with its tags."""

    service, cfn_type = "rbin", "AWS::Rbin::Rule"
    listing = Listing("ListRules", at="Rules", params={"ResourceType": "EBS_SNAPSHOT"})
    arn_format = "arn:{partition}:rbin:{region}:{account}:rule/{identifier}"
    id_field = "identifier"

    identifier: str
    retention_period: RetentionPeriod
