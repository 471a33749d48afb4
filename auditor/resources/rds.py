"""RDS and Aurora: instances, clusters and global databases."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any

from auditor.fetch import Call, Join, Listing, Metric
from auditor.model import Resource, Shape, Timestamp
from auditor.resources.rds_groups import ReservedDatabases, ScalableTarget

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

    address: str | None = None
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


class StatusInfo(Shape):
    """How something about an instance is going: AWS gives one for read replicas."""

    status_type: str
    normal: bool
    status: str | None = None
    message: str | None = None


class MasterUserSecret(Shape):
    """The secret in which RDS keeps the master user's password."""

    secret_arn: str | None = None


def _measured(
    name: str, statistic: str, *, days: int, period: int = 86400, when: Callable[[Any], bool] | None = None
) -> Metric:
    """A metric of an instance: a value a day, unless told otherwise."""
    return Metric(
        "AWS/RDS", name, statistic=statistic, period=period, days=days, when=when,
        DBInstanceIdentifier="db_instance_identifier",
    )  # fmt: skip


class DBInstance(Database):
    """A database instance: of RDS, or a member of a cluster."""

    service, cfn_type = "rds", "AWS::RDS::DBInstance"
    listing = Listing("DescribeDBInstances", at="DBInstances")
    arn_format = "arn:{partition}:rds:{region}:{account}:db:{db_instance_identifier}"
    id_field = name_field = "db_instance_identifier"

    db_instance_identifier: str
    db_instance_status: str
    db_instance_class: str
    instance_create_time: Timestamp | None = None  # left out while it is being created
    allocated_storage: int  # GiB
    max_allocated_storage: int | None = None  # left out where storage does not grow by itself
    storage_type: str | None = None
    auto_minor_version_upgrade: bool
    monitoring_interval: int | None = None  # seconds; 0 is off
    iam_database_authentication_enabled: bool = False  # left out where the engine cannot
    master_username: str | None = None
    master_user_secret: MasterUserSecret | None = None  # left out where RDS does not keep the password
    status_infos: tuple[StatusInfo, ...] = ()
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
            when=lambda instance: instance.has_options and instance.option_group_memberships,
            otherwise=(),
            OptionGroupName="option_group_name",
        ),
    ]
    # All of the region: one call serves every instance.
    reservations: Annotated[
        tuple[ReservedDatabases, ...], Call("DescribeReservedDBInstances", at="ReservedDBInstances")
    ]
    # Seconds, every five minutes; -1 where replication does not work.
    replica_lag: Annotated[
        tuple[float, ...],
        _measured("ReplicaLag", "Average", days=1, period=300, when=lambda instance: instance.replica_of is not None),
    ]
    free_storage_space: Annotated[
        tuple[float, ...],
        _measured("FreeStorageSpace", "Minimum", days=1, when=lambda instance: instance.own_storage),
    ]
    database_connections: Annotated[
        tuple[float, ...],
        _measured("DatabaseConnections", "Maximum", days=7),
    ]

    @property
    def has_options(self) -> bool:
        """Whether what its option group says matters: Oracle's TLS, and the encryption of licensed engines."""
        return self.engine.startswith(("oracle-", "sqlserver-ee", "sqlserver-se"))

    @property
    def alone(self) -> bool:
        """Whether it belongs to no cluster."""
        return self.db_cluster_identifier is None

    @property
    def own_storage(self) -> bool:
        """Whether it has storage of a size of its own: Aurora's, DocumentDB's and Neptune's grows with the cluster."""
        return not self.foreign and not self.engine.startswith("aurora")

    @property
    def subnet_group_name(self) -> str | None:
        """The subnet group that it stands in."""
        return self.db_subnet_group.db_subnet_group_name if self.db_subnet_group else None

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
    """An instance of a cluster. Of the readers, the one of the lowest tier takes over first."""

    db_instance_identifier: str
    is_cluster_writer: bool
    promotion_tier: int | None = None  # only of Aurora's


class DBCluster(Database):
    """An Aurora cluster, or a Multi-AZ cluster of MySQL or PostgreSQL."""

    service, cfn_type = "rds", "AWS::RDS::DBCluster"
    listing = Listing("DescribeDBClusters", at="DBClusters")
    arn_format = "arn:{partition}:rds:{region}:{account}:cluster:{db_cluster_identifier}"
    id_field = name_field = "db_cluster_identifier"

    db_cluster_identifier: str
    master_username: str | None = None
    engine_mode: str | None = None
    iam_database_authentication_enabled: bool = False  # left out where the engine cannot
    backtrack_window: int | None = None  # seconds; only Aurora MySQL has one
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

    # All of the region: one call serves every cluster.
    scalable_targets: Annotated[
        tuple[ScalableTarget, ...],
        Call(
            "DescribeScalableTargets",
            service="application-autoscaling",
            at="ScalableTargets",
            const={"ServiceNamespace": "rds", "ScalableDimension": "rds:cluster:ReadReplicaCount"},
            when=lambda cluster: cluster.engine.startswith("aurora"),
            otherwise=(),
        ),
    ]

    @property
    def serverless_v1(self) -> bool:
        """Whether it is of the first Aurora Serverless."""
        return self.engine_mode == "serverless"


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
