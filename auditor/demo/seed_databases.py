"""Databases: orders as they should be, reporting as it must not, and what else runs."""

from collections.abc import Mapping
from typing import Any

from auditor.demo.emulator import ACCOUNT
from auditor.demo.protocol import Params
from auditor.demo.stage import ANALYTICS, EXPERIMENT, PRODUCTION, RECOVERY, STAGING, Stage, arn, tags

LIVE_CA, DEAD_CA = "rds-ca-rsa2048-g1", "rds-ca-2019"
# Engine, version, major version, whether AWS still sells it, and for how many more days it supports the major version.
VERSIONS: tuple[tuple[str, str, str, str, int | None], ...] = (
    ("aurora-mysql", "8.0.mysql_aurora.3.08.0", "8.0", "available", 520),
    ("aurora-mysql", "5.7.mysql_aurora.2.11.4", "5.7", "deprecated", -750),
    ("aurora-postgresql", "16.4", "16", "available", 830),
    ("mysql", "5.7.44", "5.7", "available", -995),
    ("oracle-se2", "19.0.0.0", "19", "available", None),
    ("postgres", "13.16", "13", "available", -260),
    ("postgres", "16.4", "16", "available", 830),
    ("sqlserver-ex", "15.00", "15.00", "available", None),
)


def build(stage: Stage) -> None:
    """Make all of it."""
    _groups(stage)
    _instances(stage)
    _global(stage)
    _clusters(stage)
    _proxies(stage)
    _snapshots(stage)
    _maintenance(stage)
    _support(stage)


def _groups(stage: Stage) -> None:
    """Subnet groups, and parameter groups that do or do not insist on TLS."""
    for region, name, vpc, subnets in (
        (PRODUCTION, "private", "northwind-production", ("private-a", "private-b")),
        (PRODUCTION, "public", "northwind-production", ("public-a", "public-b")),
        (STAGING, "staging", "northwind-staging", ("private-a", "private-b")),
        (EXPERIMENT, "experiment", "roast-predictor", ("public-a", "public-b")),
        (ANALYTICS, "analytics", "northwind-analytics", ("private-a", "private-b")),
        (RECOVERY, "recovery", "northwind-recovery", ("private-a", "private-b")),
    ):
        stage.client("rds", region).create_db_subnet_group(
            DBSubnetGroupName=name,
            DBSubnetGroupDescription=name,
            SubnetIds=[stage.names[f"{vpc}/{subnet}"] for subnet in subnets],
        )
    tls = {"ParameterName": "rds.force_ssl", "ParameterValue": "1", "ApplyMethod": "immediate"}
    for region in (PRODUCTION, STAGING):
        rds = stage.client("rds", region)
        rds.create_db_parameter_group(
            DBParameterGroupName="postgres16-tls", DBParameterGroupFamily="postgres16", Description="TLS only"
        )
        rds.modify_db_parameter_group(DBParameterGroupName="postgres16-tls", Parameters=[tls])
    for region in (PRODUCTION, RECOVERY):
        rds = stage.client("rds", region)
        rds.create_db_cluster_parameter_group(
            DBClusterParameterGroupName="aurora-tls", DBParameterGroupFamily="aurora-postgresql16", Description="TLS"
        )
        rds.modify_db_cluster_parameter_group(DBClusterParameterGroupName="aurora-tls", Parameters=[tls])
    stage.client("rds", ANALYTICS).create_db_cluster_parameter_group(
        DBClusterParameterGroupName="aurora-mysql", DBParameterGroupFamily="aurora-mysql8.0", Description="defaults"
    )


def _make(stage: Stage, region: str, name: str, owner: str, environment: str, cost_center: str, **options: Any) -> None:
    """An instance. What a password would be is made up on the spot and opens nothing."""
    common = {
        "DBInstanceClass": "db.m6g.large",
        "AllocatedStorage": 100,
        "MasterUsername": "northwind",
        "MasterUserPassword": "-".join(("demo", name)),
        "Tags": tags(name, environment, owner, cost_center),
    }
    if "DBClusterIdentifier" in options:
        common = {key: common[key] for key in ("DBInstanceClass", "Tags")}
    stage.client("rds", region).create_db_instance(DBInstanceIdentifier=name, **common, **options)


def _instances(stage: Stage) -> None:
    _make(
        stage, PRODUCTION, "orders", "shop", "production", "cc-100", Engine="postgres", EngineVersion="16.4",
        StorageEncrypted=True, MultiAZ=True, BackupRetentionPeriod=14, DeletionProtection=True,
        PubliclyAccessible=False, DBSubnetGroupName="private", CACertificateIdentifier=LIVE_CA,
        VpcSecurityGroupIds=[stage.names["northwind-production/database"]], DBParameterGroupName="postgres16-tls",
        EnableCloudwatchLogsExports=["postgresql", "upgrade"],
    )  # fmt: skip
    _make(
        stage, PRODUCTION, "reporting", "analytics", "production", "", Engine="mysql", EngineVersion="5.7.44",
        StorageEncrypted=False, MultiAZ=False, BackupRetentionPeriod=1, DeletionProtection=False,
        PubliclyAccessible=True, DBSubnetGroupName="public", CACertificateIdentifier=DEAD_CA,
        VpcSecurityGroupIds=[stage.names["northwind-production/reporting"]],
    )  # fmt: skip
    _make(
        stage, STAGING, "staging-orders", "shop", "staging", "cc-200", Engine="postgres", EngineVersion="13.16",
        StorageEncrypted=True, MultiAZ=False, BackupRetentionPeriod=0, DeletionProtection=False,
        PubliclyAccessible=False, DBSubnetGroupName="staging", CACertificateIdentifier=LIVE_CA,
        VpcSecurityGroupIds=[stage.names["northwind-staging/database"]], EnableCloudwatchLogsExports=["postgresql"],
    )  # fmt: skip
    _make(
        stage, STAGING, "staging-till", "shop", "staging", "cc-200", Engine="sqlserver-ex", EngineVersion="15.00",
        StorageEncrypted=False, BackupRetentionPeriod=7, DeletionProtection=False, PubliclyAccessible=False,
        DBSubnetGroupName="staging", CACertificateIdentifier=LIVE_CA, LicenseModel="license-included",
        VpcSecurityGroupIds=[stage.names["northwind-staging/app"]],
    )  # fmt: skip
    stage.client("rds", STAGING).create_option_group(
        OptionGroupName="erp-test", EngineName="oracle-se2", MajorEngineVersion="19", OptionGroupDescription="ERP"
    )
    _make(
        stage, STAGING, "erp-test", "leadership", "staging", "cc-200", Engine="oracle-se2", EngineVersion="19.0.0.0",
        StorageEncrypted=True, BackupRetentionPeriod=7, DeletionProtection=False, PubliclyAccessible=False,
        DBSubnetGroupName="staging", CACertificateIdentifier=LIVE_CA, LicenseModel="license-included",
        VpcSecurityGroupIds=[stage.names["northwind-staging/app"]], EnableCloudwatchLogsExports=["alert", "audit"],
        OptionGroupName="erp-test",
    )  # fmt: skip
    stage.client("rds").create_db_instance_read_replica(
        DBInstanceIdentifier="orders-replica",
        SourceDBInstanceIdentifier="orders",
        Tags=tags("orders-replica", "production", "shop", "cc-100"),
    )


def _cluster(stage: Stage, region: str, name: str, owner: str, environment: str, **options: Any) -> None:
    if options["Engine"] != "neptune" and "GlobalClusterIdentifier" not in options:
        options |= {"MasterUsername": "northwind", "MasterUserPassword": "-".join(("demo", name))}
    stage.client("rds", region).create_db_cluster(
        DBClusterIdentifier=name, Tags=tags(name, environment, owner, "cc-100"), **options
    )
    cluster = stage.backend("rds", region).clusters[name]
    cluster.created = cluster.cluster_create_time = stage.ago(400)


def _clusters(stage: Stage) -> None:
    _cluster(
        stage, PRODUCTION, "catalog", "shop", "production", Engine="aurora-postgresql", EngineVersion="16.4",
        StorageEncrypted=True, BackupRetentionPeriod=14, DeletionProtection=True, DBSubnetGroupName="private",
        DBClusterParameterGroupName="aurora-tls", EnableCloudwatchLogsExports=["postgresql"],
        VpcSecurityGroupIds=[stage.names["northwind-production/database"]],
        GlobalClusterIdentifier="northwind-catalog",
    )  # fmt: skip
    for zone in "ab":
        _make(
            stage, PRODUCTION, f"catalog-{zone}", "shop", "production", "cc-100", Engine="aurora-postgresql",
            DBClusterIdentifier="catalog", AvailabilityZone=f"{PRODUCTION}{zone}", PubliclyAccessible=False,
            CACertificateIdentifier=LIVE_CA, DBSubnetGroupName="private",
        )  # fmt: skip
    _cluster(
        stage, ANALYTICS, "warehouse", "analytics", "production", Engine="aurora-mysql",
        EngineVersion="8.0.mysql_aurora.3.08.0", StorageEncrypted=False, BackupRetentionPeriod=1,
        DeletionProtection=False, DBSubnetGroupName="analytics", DBClusterParameterGroupName="aurora-mysql",
        VpcSecurityGroupIds=[stage.names["northwind-analytics/warehouse"]],
        GlobalClusterIdentifier="northwind-warehouse",
    )  # fmt: skip
    _make(
        stage, ANALYTICS, "warehouse-a", "analytics", "production", "cc-300", Engine="aurora-mysql",
        DBClusterIdentifier="warehouse", PubliclyAccessible=False, CACertificateIdentifier=LIVE_CA,
        DBSubnetGroupName="analytics",
    )  # fmt: skip
    _cluster(
        stage, EXPERIMENT, "predictions", "dario.rossi", "experiment", Engine="aurora-mysql", EngineMode="serverless",
        EngineVersion="5.7.mysql_aurora.2.11.4", StorageEncrypted=True, BackupRetentionPeriod=1,
        DBSubnetGroupName="experiment",
    )  # fmt: skip
    _cluster(
        stage, ANALYTICS, "supply-graph", "analytics", "production", Engine="neptune", EngineVersion="1.3.2.1",
        StorageEncrypted=False, DBSubnetGroupName="analytics",
    )  # fmt: skip
    _cluster(
        stage, RECOVERY, "catalog-copy", "platform", "recovery", Engine="aurora-postgresql", EngineVersion="16.4",
        StorageEncrypted=True, BackupRetentionPeriod=14, DeletionProtection=True, DBSubnetGroupName="recovery",
        DBClusterParameterGroupName="aurora-tls", EnableCloudwatchLogsExports=["postgresql"],
        GlobalClusterIdentifier="northwind-catalog",
    )  # fmt: skip


def _global(stage: Stage) -> None:
    """The catalog is to have a copy in Stockholm, and got it; so was the warehouse."""
    for region, name, engine, version in (
        (PRODUCTION, "northwind-catalog", "aurora-postgresql", "16.4"),
        (ANALYTICS, "northwind-warehouse", "aurora-mysql", "8.0.mysql_aurora.3.08.0"),
    ):
        stage.client("rds", region).create_global_cluster(
            GlobalClusterIdentifier=name, Engine=engine, EngineVersion=version
        )


def _proxies(stage: Stage) -> None:
    for region, name, vpc, iam, tls in (
        (PRODUCTION, "orders", "northwind-production", "REQUIRED", True),
        (STAGING, "staging-orders", "northwind-staging", "DISABLED", False),
    ):
        secret = arn("secretsmanager", region, f"secret:{name}-AbCdEf")
        stage.client("rds", region).create_db_proxy(
            DBProxyName=name,
            EngineFamily="POSTGRESQL",
            Auth=[{"AuthScheme": "SECRETS", "SecretArn": secret, "IAMAuth": iam}],
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/service/northwind-rds-proxy",
            VpcSubnetIds=[stage.names[f"{vpc}/private-a"], stage.names[f"{vpc}/private-b"]],
            RequireTLS=tls,
            Tags=tags(name, "production", "shop"),
        )


def _snapshots(stage: Stage) -> None:
    for region, of, name, owner in (
        (PRODUCTION, "orders", "orders-before-16", "shop"),
        (PRODUCTION, "reporting", "reporting-for-agency", "analytics"),
    ):
        stage.client("rds", region).create_db_snapshot(
            DBInstanceIdentifier=of, DBSnapshotIdentifier=name, Tags=tags(name, "production", owner)
        )
    stage.client("rds").modify_db_snapshot_attribute(
        DBSnapshotIdentifier="reporting-for-agency", AttributeName="restore", ValuesToAdd=["all"]
    )
    for region, of, name, owner in (
        (PRODUCTION, "catalog", "catalog-before-16", "shop"),
        (ANALYTICS, "warehouse", "warehouse-before-upgrade", "analytics"),
        (RECOVERY, "catalog-copy", "catalog-copy-first", "platform"),
    ):
        stage.client("rds", region).create_db_cluster_snapshot(
            DBClusterIdentifier=of, DBClusterSnapshotIdentifier=name, Tags=tags(name, "production", owner)
        )


def _maintenance(stage: Stage) -> None:
    """What AWS wants to do, which moto does not know."""
    stage.answers[f"rds:DescribePendingMaintenanceActions@{STAGING}"] = {
        "PendingMaintenanceActions": [
            {
                "ResourceIdentifier": arn("rds", STAGING, "db:staging-orders"),
                "PendingMaintenanceActionDetails": [
                    {
                        "Action": "system-update",
                        "AutoAppliedAfterDate": stage.ago(-4),
                        "CurrentApplyDate": stage.ago(-4),
                        "Description": "New Operating System update is available",
                    }
                ],
            }
        ]
    }


def _support(stage: Stage) -> None:
    """Versions and how long they are supported, with days that do not come nearer as the years go by."""

    def versions(params: Params, _: str, __: str) -> Mapping[str, Any]:
        return {
            "DBEngineVersions": [
                {"Engine": engine, "EngineVersion": version, "MajorEngineVersion": major, "Status": status}
                for engine, version, major, status, _ in VERSIONS
                if engine == params.get("Engine", engine) and version == params.get("EngineVersion", version)
            ]
        }

    def majors(params: Params, _: str, __: str) -> Mapping[str, Any]:
        return {
            "DBMajorEngineVersions": [
                {"Engine": engine, "MajorEngineVersion": major, "SupportedEngineLifecycles": _lifecycles(stage, days)}
                for engine, _, major, _, days in VERSIONS
                if engine == params.get("Engine", engine)
            ]
        }

    stage.answers["rds:DescribeDBEngineVersions"] = versions
    stage.answers["rds:DescribeDBMajorEngineVersions"] = majors


def _lifecycles(stage: Stage, days: int | None) -> list[dict[str, Any]]:
    """Commercial engines have none."""
    if days is None:
        return []
    kinds = (("standard", days - 1800, days), ("extended", days, days + 1095))
    return [
        {
            "LifecycleSupportName": f"open-source-rds-{kind}-support",
            "LifecycleSupportStartDate": stage.ago(-start),
            "LifecycleSupportEndDate": stage.ago(-end),
        }
        for kind, start, end in kinds
    ]
