"""RDS and Aurora: instances, clusters, their snapshots, global databases and proxies."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from auditor.fetch import Ask, Call, Join, Listing, walk
from auditor.model import Resource, Shape, Timestamp

# Why rules pass over what `foreign` is true of.
FOREIGN = "DocumentDB and Neptune only share RDS's API, and have guidance of their own"

# Engines of which AWS announces how long a major version is supported: those that are open source.
ANNOUNCED = ("aurora-mysql", "aurora-postgresql", "mariadb", "mysql", "postgres")
# What forces clients onto TLS, by engine.
TLS_PARAMETERS: Mapping[str, str] = {
    "aurora-mysql": "require_secure_transport",
    "aurora-postgresql": "rds.force_ssl",
    "mariadb": "require_secure_transport",
    "mysql": "require_secure_transport",
    "postgres": "rds.force_ssl",
    "sqlserver": "rds.force_ssl",  # of every edition
}


class Parameter(Shape):
    """A setting of a parameter group; one without a value is left to the engine's default, which is off."""

    parameter_name: str
    parameter_value: str | None = None

    @property
    def on(self) -> bool:
        """Whether a switch is on: MySQL's may be spelled either way."""
        return (self.parameter_value or "").upper() in ("1", "ON")


class EngineVersion(Shape):
    """A version of an engine that RDS knows; the status is available or deprecated."""

    engine_version: str
    status: str


class Lifecycle(Shape):
    """How long a kind of support lasts."""

    lifecycle_support_name: str
    lifecycle_support_end_date: Timestamp


class MajorEngineVersion(Shape):
    """A major version of an engine. Only engines that are open source have lifecycles."""

    major_engine_version: str
    supported_engine_lifecycles: tuple[Lifecycle, ...] = ()  # RDS's own sample leaves them out of some entries


class MaintenanceAction(Shape):
    """Something to be done to a database. A date that AWS leaves out is not set."""

    action: str
    auto_applied_after_date: Timestamp | None = None
    forced_apply_date: Timestamp | None = None
    current_apply_date: Timestamp | None = None

    @property
    def due(self) -> datetime | None:
        """The earliest of its dates."""
        dates = (self.auto_applied_after_date, self.forced_apply_date, self.current_apply_date)
        return min((date for date in dates if date is not None), default=None)


class MaintenanceActions(Shape):
    """What is to be done to one database."""

    pending_maintenance_action_details: tuple[MaintenanceAction, ...]


class Option(Shape):
    """An option of an option group."""

    option_name: str


class OptionGroup(Shape):
    """Features that instances share; it may be empty."""

    options: tuple[Option, ...]


class Database(Resource):
    """What instances and clusters have in common."""

    tags_field = "tag_list"

    engine: str
    engine_version: str | None = None  # not there while it is being created
    enabled_cloudwatch_logs_exports: tuple[str, ...] = ()  # left out where none is exported
    # One wide call for a region serves its instances and its clusters.
    pending_maintenance: Annotated[
        tuple[MaintenanceActions, ...],
        Join(
            "DescribePendingMaintenanceActions",
            at="PendingMaintenanceActions",
            key="ResourceIdentifier",
            field="arn",
        ),
    ]
    engine_versions: Annotated[
        tuple[EngineVersion, ...],
        Call(
            "DescribeDBEngineVersions",
            at="DBEngineVersions",
            const={"IncludeAll": True},
            when=lambda database: database.versioned,
            otherwise=(),
            Engine="engine",
            EngineVersion="engine_version",
        ),
    ]
    major_engine_versions: Annotated[
        tuple[MajorEngineVersion, ...],
        Call(
            "DescribeDBMajorEngineVersions",
            at="DBMajorEngineVersions",
            when=lambda database: database.versioned and database.engine in ANNOUNCED,
            otherwise=(),
            Engine="engine",
        ),
    ]

    @property
    def foreign(self) -> bool:
        """Whether it is DocumentDB's or Neptune's, which live behind the same API and have guidance of their own."""
        return is_foreign(self.engine)

    @property
    def versioned(self) -> bool:
        """Whether its engine version is RDS's to support, and its own rather than its cluster's."""
        return not self.foreign and not self.engine.startswith("custom-") and self.engine_version is not None

    @property
    def tls_parameter(self) -> str | None:
        """The parameter that forces clients onto TLS; None where the engine has none."""
        return TLS_PARAMETERS.get("sqlserver" if self.engine.startswith("sqlserver-") else self.engine)

    @property
    def tls_filter(self) -> list[dict[str, Any]]:
        """Cuts the hundreds of a group's parameters to the one that is asked for."""
        return [{"Name": "parameter-name", "Values": [self.tls_parameter]}]


def is_foreign(engine: str) -> bool:
    """Whether an engine is DocumentDB or Neptune."""
    return engine in ("docdb", "neptune")


class Endpoint(Shape):
    """Where an instance listens."""

    port: int


class GroupMembership(Shape):
    """A security group of an instance."""

    vpc_security_group_id: str
    status: str


class GroupSubnet(Shape):
    """A subnet of a subnet group."""

    subnet_identifier: str


class SubnetGroup(Shape):
    """The subnets that a database may stand in."""

    db_subnet_group_name: str
    vpc_id: str
    subnets: tuple[GroupSubnet, ...] = ()


class ParameterGroupStatus(Shape):
    """A parameter group of an instance, and whether what it says is in effect."""

    db_parameter_group_name: str
    parameter_apply_status: str


class OptionGroupMembership(Shape):
    """An option group of an instance; while that is being changed, there are the old one and the new."""

    option_group_name: str
    status: str


class CertificateDetails(Shape):
    """An instance's server certificate."""

    valid_till: Timestamp | None = None


class DBInstance(Database):
    """A database instance: of RDS, or a member of a cluster."""

    service, cfn_type = "rds", "AWS::RDS::DBInstance"
    listing = Listing("DescribeDBInstances", at="DBInstances")
    arn_format = "arn:{partition}:rds:{region}:{account}:db:{db_instance_identifier}"
    id_field = name_field = "db_instance_identifier"

    db_instance_identifier: str
    db_instance_status: str
    db_cluster_identifier: str | None = None  # only of a cluster's members
    # Only of replicas, and only one of the two.
    read_replica_source_db_instance_identifier: str | None = None
    read_replica_source_db_cluster_identifier: str | None = None
    storage_encrypted: bool
    publicly_accessible: bool
    backup_retention_period: int
    deletion_protection: bool
    multi_az: bool | None = None  # RDS Custom does not set it
    ca_certificate_identifier: str | None = None
    certificate_details: CertificateDetails | None = None  # left out while a cluster member is being created
    endpoint: Endpoint | None = None  # left out while it is being created
    vpc_security_groups: tuple[GroupMembership, ...] = ()
    db_subnet_group: SubnetGroup | None = None
    db_parameter_groups: tuple[ParameterGroupStatus, ...] = ()
    option_group_memberships: tuple[OptionGroupMembership, ...] = ()
    parameters: Annotated[
        tuple[Parameter, ...],
        Call(
            "DescribeDBParameters",
            at="Parameters",
            when=lambda instance: instance.alone and instance.tls_parameter and instance.db_parameter_groups,
            otherwise=(),
            DBParameterGroupName="parameter_group_name",
            Filters="tls_filter",
        ),
    ]
    option_groups: Annotated[
        tuple[OptionGroup, ...],
        Call(
            "DescribeOptionGroups",
            at="OptionGroupsList",
            when=lambda instance: instance.engine.startswith("oracle-") and instance.option_group_memberships,
            otherwise=(),
            OptionGroupName="option_group_name",
        ),
    ]

    @property
    def alone(self) -> bool:
        """Whether it belongs to no cluster."""
        return self.db_cluster_identifier is None

    @property
    def replica_of(self) -> str | None:
        """What it is a read replica of."""
        return self.read_replica_source_db_instance_identifier or self.read_replica_source_db_cluster_identifier

    @property
    def versioned(self) -> bool:
        """A cluster's members have their cluster's version."""
        return super().versioned and self.alone

    @property
    def parameter_group_name(self) -> str:
        """Its parameter group: AWS lists them, and there is never more than one."""
        return self.db_parameter_groups[0].db_parameter_group_name

    @property
    def option_group_name(self) -> str:
        """Its option group that is in effect."""
        groups = self.option_group_memberships
        return next((group for group in groups if group.status == "in-sync"), groups[0]).option_group_name


class ClusterMember(Shape):
    """An instance of a cluster."""

    db_instance_identifier: str


class DBCluster(Database):
    """An Aurora cluster, or a Multi-AZ cluster of MySQL or PostgreSQL."""

    service, cfn_type = "rds", "AWS::RDS::DBCluster"
    listing = Listing("DescribeDBClusters", at="DBClusters")
    arn_format = "arn:{partition}:rds:{region}:{account}:cluster:{db_cluster_identifier}"
    id_field = name_field = "db_cluster_identifier"

    db_cluster_identifier: str
    engine_mode: str | None = None
    cluster_create_time: Timestamp | None = None
    storage_encrypted: bool
    # none, sse-kms or sse-rds, which leaves storage_encrypted false. Endpoints that do not know it leave it out.
    storage_encryption_type: str | None = None
    backup_retention_period: int
    deletion_protection: bool
    multi_az: bool
    db_cluster_members: tuple[ClusterMember, ...]
    db_cluster_parameter_group: str
    parameters: Annotated[
        tuple[Parameter, ...],
        Call(
            "DescribeDBClusterParameters",
            at="Parameters",
            when=lambda cluster: cluster.tls_parameter and not cluster.serverless_v1,
            otherwise=(),
            DBClusterParameterGroupName="db_cluster_parameter_group",
            Filters="tls_filter",
        ),
    ]

    @property
    def serverless_v1(self) -> bool:
        """Whether it is of the first Aurora Serverless."""
        return self.engine_mode == "serverless"


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


class GlobalClusterMember(Shape):
    """A cluster of a global database."""

    db_cluster_arn: str
    is_writer: bool
    synchronization_status: str | None = None  # often left out


class FailoverState(Shape):
    """A failover or switchover under way; empty where none was ever asked for."""

    status: str | None = None


class GlobalCluster(Resource):
    """A global database. Every region that holds a member lists it, under the same ARN."""

    service, cfn_type = "rds", "AWS::RDS::GlobalCluster"
    listing = Listing("DescribeGlobalClusters", at="GlobalClusters")
    arn_format = "{global_cluster_arn}"
    id_field = name_field = "global_cluster_identifier"
    tags_field = "tag_list"

    global_cluster_identifier: str
    engine: str
    status: str
    global_cluster_members: tuple[GlobalClusterMember, ...]
    failover_state: FailoverState | None = None


class ProxyAuth(Shape):
    """How a proxy logs in as one user, and whether its clients need IAM for that."""

    iam_auth: str


class DBProxy(Resource):
    """A proxy in front of databases."""

    service, cfn_type = "rds", "AWS::RDS::DBProxy"
    listing = Listing("DescribeDBProxies", at="DBProxies")
    arn_format = "{db_proxy_arn}"
    id_field = name_field = "db_proxy_name"

    db_proxy_name: str
    status: str
    engine_family: str
    auth: tuple[ProxyAuth, ...]
    default_auth_scheme: str | None = None  # NONE or IAM_AUTH; the older API knew the former only
    require_tls: bool
