"""Snapshots of RDS instances and clusters."""

import asyncio
from typing import Annotated, Any

from auditor.fetch import Ask, Call, Listing, walk
from auditor.model import Resource, Shape, Timestamp


class SnapshotAttribute(Shape):
    """Who may do something with a snapshot: `restore` names accounts, or `all`."""

    attribute_name: str
    attribute_values: tuple[str, ...]


async def _db_snapshots(ask: Ask) -> list[dict[str, Any]]:
    """Automated and manual snapshots, which come unasked, and AWS Backup's: RDS promises those only by their type."""
    answers = await asyncio.gather(ask("DescribeDBSnapshots"), ask("DescribeDBSnapshots", SnapshotType="awsbackup"))
    return [item for pages in answers for page in pages for item in walk(page, "DBSnapshots")]


class DBSnapshot(Resource):
    """A snapshot of an instance, of this account."""

    service, cfn_type = "rds", "AWS::RDS::DBSnapshot"
    listing = Listing("DescribeDBSnapshots", at="DBSnapshots", fetch=_db_snapshots)
    arn_format = "arn:{partition}:rds:{region}:{account}:snapshot:{db_snapshot_identifier}"
    id_field = name_field = "db_snapshot_identifier"
    tags_field = "tag_list"

    db_snapshot_identifier: str
    engine: str
    status: str
    snapshot_type: str
    snapshot_create_time: Timestamp | None = None  # left out while it is being taken
    encrypted: bool
    # Only a manual snapshot can be shared, and only an unencrypted one with everybody.
    attributes: Annotated[
        tuple[SnapshotAttribute, ...],
        Call(
            "DescribeDBSnapshotAttributes",
            at="DBSnapshotAttributesResult.DBSnapshotAttributes",
            when=lambda snapshot: snapshot.snapshot_type == "manual" and not snapshot.encrypted,
            otherwise=(),
            DBSnapshotIdentifier="db_snapshot_identifier",
        ),
    ]


class DBClusterSnapshot(Resource):
    """A snapshot of a cluster, of this account."""

    service, cfn_type = "rds", "AWS::RDS::DBClusterSnapshot"
    listing = Listing("DescribeDBClusterSnapshots", at="DBClusterSnapshots")
    arn_format = "arn:{partition}:rds:{region}:{account}:cluster-snapshot:{db_cluster_snapshot_identifier}"
    id_field = name_field = "db_cluster_snapshot_identifier"
    tags_field = "tag_list"

    db_cluster_snapshot_identifier: str
    engine: str
    status: str
    snapshot_type: str
    snapshot_create_time: Timestamp | None = None  # left out while it is being taken
    cluster_create_time: Timestamp | None = None
    storage_encrypted: bool
    storage_encryption_type: str | None = None  # as of a cluster
    attributes: Annotated[
        tuple[SnapshotAttribute, ...],
        Call(
            "DescribeDBClusterSnapshotAttributes",
            at="DBClusterSnapshotAttributesResult.DBClusterSnapshotAttributes",
            when=lambda snapshot: snapshot.snapshot_type == "manual" and not snapshot.storage_encrypted,
            otherwise=(),
            DBClusterSnapshotIdentifier="db_cluster_snapshot_identifier",
        ),
    ]
