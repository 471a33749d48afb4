"""The Recycle Bin, which keeps for a while what was deleted."""

from typing import Annotated

from auditor.fetch import Call, Listing
from auditor.model import Resource, Shape


class RetentionPeriod(Shape):
    """How long deleted snapshots are kept; DAYS is the only unit there is."""

    retention_period_value: int
    retention_period_unit: str


class ResourceTag(Shape):
    """A tag of what a rule keeps."""

    resource_tag_key: str


class RetentionScope(Shape):
    """What a rule keeps, which the listing leaves out: what has one of its tags or, without any, all of the region."""

    resource_tags: tuple[ResourceTag, ...] = ()
    status: str | None = None  # "pending" or "available": before that nothing is kept


class SnapshotRetentionRule(Resource):
    """A rule that keeps deleted EBS snapshots, all of the region or those with its tags."""

    service, cfn_type = "rbin", "AWS::Rbin::Rule"
    listing = Listing("ListRules", at="Rules", params={"ResourceType": "EBS_SNAPSHOT"})
    arn_format = "arn:{partition}:rbin:{region}:{account}:rule/{identifier}"
    id_field = "identifier"

    identifier: str
    retention_period: RetentionPeriod
    scope: Annotated[RetentionScope, Call("GetRule", Identifier="identifier")]
