"""More databases: replicas near and far, a cluster that can be wound back, licensed engines; and how all are used."""

from typing import Any

from auditor.demo.seed_databases import LIVE_CA
from auditor.demo.stage import ANALYTICS, EXPERIMENT, PRODUCTION, RECOVERY, STAGING, Stage, arn, tags

GIB = float(1 << 30)
# Instance, region, percent of the storage free, connections, seconds that it lags.
USE: tuple[tuple[str, str, float | None, float, float | None], ...] = (
    ("orders", PRODUCTION, 60, 120, None),
    ("orders-replica", PRODUCTION, 55, 30, 2),
    ("orders-search", PRODUCTION, 50, 4, 900),
    ("reporting", PRODUCTION, 4, 12, None),
    ("payroll-ledger", PRODUCTION, 70, 6, None),
    ("head-office-till", PRODUCTION, 70, 3, None),
    ("catalog-a", PRODUCTION, None, 80, None),
    ("catalog-b", PRODUCTION, None, 40, None),
    ("loyalty-a", PRODUCTION, None, 20, None),
    ("loyalty-b", PRODUCTION, None, 5, None),
    ("staging-orders", STAGING, 80, 0, None),
    ("staging-till", STAGING, 80, 2, None),
    ("erp-test", STAGING, 40, 1, None),
    ("warehouse-a", ANALYTICS, None, 9, None),
    ("orders-stockholm", RECOVERY, 60, 1, 4),
    ("orders-cold", RECOVERY, 60, 1, 6),
)


def build(stage: Stage) -> None:
    """Make all of it."""
    _replicas(stage)
    _loyalty(stage)
    _licensed(stage)
    _habits(stage)
    _proxy(stage)
    _reservations(stage)
    _use(stage)


def _replicas(stage: Stage) -> None:
    rds = stage.client("rds", RECOVERY)
    rds.create_db_parameter_group(
        DBParameterGroupName="postgres16-tls", DBParameterGroupFamily="postgres16", Description="TLS only"
    )
    tls = {"ParameterName": "rds.force_ssl", "ParameterValue": "1", "ApplyMethod": "immediate"}
    rds.modify_db_parameter_group(DBParameterGroupName="postgres16-tls", Parameters=[tls])
    for region, name, multi_az, days in (
        (PRODUCTION, "orders-search", True, 7),
        (RECOVERY, "orders-stockholm", True, 7),
        (RECOVERY, "orders-cold", False, 0),
    ):
        source = "orders" if region == PRODUCTION else arn("rds", PRODUCTION, "db:orders")
        stage.client("rds", region).create_db_instance_read_replica(
            DBInstanceIdentifier=name, SourceDBInstanceIdentifier=source, Tags=tags(name, "recovery", "platform")
        )
        replica = stage.backend("rds", region).databases[name]
        replica.multi_az, replica.backup_retention_period = multi_az, days
        if region == RECOVERY:
            replica.vpc_security_group_ids = [stage.names["northwind-recovery/database"]]
            replica.db_subnet_group_name = "recovery"


def _instance(stage: Stage, name: str, owner: str, **options: Any) -> None:
    """An instance as it should be, but for what is said of it."""
    usual = {
        "DBInstanceClass": "db.m6g.large", "CACertificateIdentifier": LIVE_CA, "DBSubnetGroupName": "private",
        "PubliclyAccessible": False, "AutoMinorVersionUpgrade": True,
    }  # fmt: skip
    if "DBClusterIdentifier" not in options:
        usual |= {
            "AllocatedStorage": 200, "StorageEncrypted": True, "BackupRetentionPeriod": 14, "MultiAZ": True,
            "DeletionProtection": True, "MasterUsername": "northwind", "ManageMasterUserPassword": True,
            "VpcSecurityGroupIds": [stage.names["northwind-production/database"]],
        }  # fmt: skip
    made = {"DBInstanceIdentifier": name, "Tags": tags(name, "production", owner, "cc-100"), **usual, **options}
    stage.client("rds").create_db_instance(**made)


def _loyalty(stage: Stage) -> None:
    """An Aurora cluster that can be wound back, whose reader is too small to take over."""
    stage.client("rds").create_db_cluster(
        DBClusterIdentifier="loyalty", Engine="aurora-mysql", EngineVersion="8.0.mysql_aurora.3.08.0",
        StorageEncrypted=True, BackupRetentionPeriod=14, DeletionProtection=True, DBSubnetGroupName="private",
        BacktrackWindow=86400, MasterUsername="admin", MasterUserPassword="-".join(("demo", "loyalty")),
        EnableIAMDatabaseAuthentication=True,
        EnableCloudwatchLogsExports=["audit"], Tags=tags("loyalty", "production", "shop", "cc-100"),
        VpcSecurityGroupIds=[stage.names["northwind-production/database"]],
    )  # fmt: skip
    for zone, size in (("a", "db.r6g.xlarge"), ("b", "db.t4g.medium")):
        _instance(
            stage, f"loyalty-{zone}", "shop", Engine="aurora-mysql", DBClusterIdentifier="loyalty",
            DBInstanceClass=size, AvailabilityZone=f"{PRODUCTION}{zone}",
        )  # fmt: skip
    stage.client("application-autoscaling").register_scalable_target(
        ServiceNamespace="rds",
        ResourceId="cluster:catalog",
        ScalableDimension="rds:cluster:ReadReplicaCount",
        MinCapacity=1,
        MaxCapacity=4,
    )


def _licensed(stage: Stage) -> None:
    rds = stage.client("rds")
    for name, engine, version in (("ledger", "oracle-ee", "19"), ("till", "sqlserver-se", "15.00")):
        rds.create_option_group(
            OptionGroupName=name, EngineName=engine, MajorEngineVersion=version, OptionGroupDescription=name
        )
    rds.modify_option_group(OptionGroupName="ledger", OptionsToInclude=[{"OptionName": "TDE"}], ApplyImmediately=True)
    for name, engine, version, group, logs in (
        ("payroll-ledger", "oracle-ee", "19.0.0.0", "ledger", ["alert", "audit"]),
        ("head-office-till", "sqlserver-se", "15.00", "till", ["agent", "error"]),
    ):
        _instance(
            stage, name, "leadership", Engine=engine, EngineVersion=version, OptionGroupName=group,
            LicenseModel="license-included", EnableCloudwatchLogsExports=logs,
        )  # fmt: skip
        rds.add_tags_to_resource(
            ResourceName=arn("rds", PRODUCTION, f"db:{name}"), Tags=[{"Key": "data", "Value": "confidential"}]
        )


def _habits(stage: Stage) -> None:
    """What some databases have learnt, and some have not."""
    rds = stage.backend("rds")
    orders, reporting = rds.databases["orders"], rds.databases["reporting"]
    orders.enable_iam_database_authentication = True
    reporting.auto_minor_version_upgrade, reporting.master_username = False, "root"
    rds.clusters["catalog"].iam_auth = True
    rds.database_snapshots["orders-before-16"].created = stage.ago(700)
    for region in (PRODUCTION, STAGING, EXPERIMENT, ANALYTICS, RECOVERY):
        for instance in stage.backend("rds", region).databases.values():
            instance.created = instance.instance_create_time = stage.ago(400)
            if region in (PRODUCTION, RECOVERY) and instance is not reporting:
                instance.monitoring_interval = 60
                if instance.allocated_storage and instance.db_cluster_identifier is None:
                    instance.storage_type, instance.max_allocated_storage = "gp3", 500
    for region, name in ((PRODUCTION, "catalog"), (RECOVERY, "catalog-copy"), (ANALYTICS, "warehouse")):
        stage.backend("rds", region).clusters[name].master_username = "northwind"


def _proxy(stage: Stage) -> None:
    """A proxy in one zone, which tells the log all that passes through it."""
    subnets = [stage.names[f"northwind-production/{kind}-a"] for kind in ("private", "public")]
    stage.client("rds").create_db_proxy(
        DBProxyName="reports",
        EngineFamily="MYSQL",
        Auth=[
            {
                "AuthScheme": "SECRETS",
                "SecretArn": arn("secretsmanager", PRODUCTION, "secret:reports-AbCdEf"),
                "IAMAuth": "REQUIRED",
            }
        ],
        RoleArn=arn("iam", "", "role/service/northwind-rds-proxy"),
        VpcSubnetIds=subnets,
        RequireTLS=True,
        DebugLogging=True,
        Tags=tags("reports", "production", "analytics"),
    )


def _reservations(stage: Stage) -> None:
    stage.answers[f"rds:DescribeReservedDBInstances@{PRODUCTION}"] = {
        "ReservedDBInstances": [
            {
                "ReservedDBInstanceId": "orders-2026",
                "DBInstanceClass": "db.m6g.large",
                "DBInstanceCount": 2,
                "ProductDescription": "postgresql",
                "MultiAZ": True,
                "State": "active",
                "StartTime": stage.ago(100),
                "Duration": 31536000,
            }
        ]
    }


def _use(stage: Stage) -> None:
    for name, region, free, connections, lag in USE:
        cloudwatch = stage.client("cloudwatch", region)
        instance = stage.backend("rds", region).databases[name]
        measured = [("DatabaseConnections", connections, day + 0.5) for day in range(7)]
        if free is not None:
            measured.append(("FreeStorageSpace", free / 100 * instance.allocated_storage * GIB, 0.5))
        if lag is not None:
            measured.append(("ReplicaLag", lag, 0.5))
        dimension = [{"Name": "DBInstanceIdentifier", "Value": name}]
        cloudwatch.put_metric_data(
            Namespace="AWS/RDS",
            MetricData=[
                {"MetricName": metric, "Dimensions": dimension, "Timestamp": stage.ago(days), "Value": value}
                for metric, value, days in measured
            ],
        )
