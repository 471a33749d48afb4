"""RDS: logins, upgrades, monitoring, replicas, snapshots, subnet groups, proxies."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.lab import Lab

INSTANCE_IAM = "rds-instance-iam-authentication-enabled"
CLUSTER_IAM = "rds-cluster-iam-authentication-enabled"
UPGRADES = "rds-instance-auto-minor-version-upgrade-enabled"
MONITORING = "rds-instance-enhanced-monitoring-enabled"
PASSWORD = "rds-instance-master-password-managed"
USERNAME = "rds-instance-master-username-custom"
TDE = "rds-option-group-tde-enabled"
DR = "rds-read-replica-dr-ready"
SNAPSHOT_AGE = "rds-snapshot-manual-not-old"
SUBNET_GROUP = "rds-subnet-group-multi-az"
PROXY_ZONES = "rds-proxy-multi-az"
PROXY_DEBUG = "rds-proxy-debug-logging-disabled"

INSTANCES, CLUSTERS = "rds:DescribeDBInstances", "rds:DescribeDBClusters"
OPTIONS, SUBNET_GROUPS = "rds:DescribeOptionGroups", "rds:DescribeDBSubnetGroups"
PROXIES, SUBNETS = "rds:DescribeDBProxies", "ec2:DescribeSubnets"
INSTANCE: dict[str, Any] = {
    "DBInstanceIdentifier": "db",
    "DBInstanceStatus": "available",
    "DBInstanceClass": "db.m6g.large",
    "Engine": "postgres",
    "EngineVersion": "16.4",
    "AllocatedStorage": 100,
    "StorageEncrypted": True,
    "PubliclyAccessible": False,
    "BackupRetentionPeriod": 7,
    "DeletionProtection": True,
    "AutoMinorVersionUpgrade": True,
    "MonitoringInterval": 60,
    "IAMDatabaseAuthenticationEnabled": True,
    "MasterUsername": "northwind",
    "MasterUserSecret": {"SecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:rds"},
    "MultiAZ": True,
}
CLUSTER: dict[str, Any] = {
    "DBClusterIdentifier": "db",
    "Engine": "aurora-postgresql",
    "Status": "available",
    "StorageEncrypted": True,
    "BackupRetentionPeriod": 7,
    "DeletionProtection": True,
    "MultiAZ": True,
    "DBClusterMembers": [],
    "DBClusterParameterGroup": "group",
    "IAMDatabaseAuthenticationEnabled": True,
    "MasterUsername": "northwind",
}
MEMBER = {"DBClusterIdentifier": "cluster", "Engine": "aurora-mysql"}
REPLICA = {"ReadReplicaSourceDBInstanceIdentifier": "source"}
ABROAD = {"ReadReplicaSourceDBInstanceIdentifier": "arn:aws:rds:eu-west-1:123456789012:db:source"}
DOCDB = {"Engine": "docdb", "DBClusterIdentifier": "cluster"}
CUSTOM = {"Engine": "custom-oracle-ee"}


def without_none(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if value is not None}


def instances(*changes: dict[str, Any]) -> dict[str, Any]:
    """Instances as they should be but for these changes, "db0" and on; None leaves a member out."""
    made = [{**INSTANCE, "DBInstanceIdentifier": f"db{n}", **change} for n, change in enumerate(changes)]
    return {INSTANCES: {"DBInstances": [without_none(each) for each in made]}}


def clusters(*changes: dict[str, Any]) -> dict[str, Any]:
    made = [{**CLUSTER, "DBClusterIdentifier": f"c{n}", **change} for n, change in enumerate(changes)]
    return {CLUSTERS: {"DBClusters": [without_none(each) for each in made]}}


@pytest.mark.parametrize(
    ("rule", "cases"),
    [
        (INSTANCE_IAM, [
            ({}, "pass"), ({"IAMDatabaseAuthenticationEnabled": False}, "fail"),
            ({"IAMDatabaseAuthenticationEnabled": None}, "fail"), ({"Engine": "oracle-ee"}, "not_applicable"),
            (MEMBER, "not_applicable"), ({"DBClusterIdentifier": "multi-az"}, "not_applicable"),
        ]),
        (UPGRADES, [
            ({}, "pass"), ({"AutoMinorVersionUpgrade": False}, "fail"), ({"AutoMinorVersionUpgrade": None}, "unknown"),
            (MEMBER | {"AutoMinorVersionUpgrade": False}, "fail"), (DOCDB, "not_applicable"),
            (CUSTOM, "not_applicable"),
        ]),
        (MONITORING, [
            ({}, "pass"), ({"MonitoringInterval": 0}, "fail"), ({"MonitoringInterval": None}, "unknown"),
            (DOCDB, "not_applicable"), (CUSTOM, "not_applicable"),
        ]),
        (PASSWORD, [
            ({}, "pass"), ({"MasterUserSecret": None}, "fail"), (REPLICA, "not_applicable"),
            (MEMBER, "not_applicable"), (DOCDB, "not_applicable"), (CUSTOM, "not_applicable"),
        ]),
        (USERNAME, [
            ({}, "pass"), ({"MasterUsername": "Admin"}, "fail"), ({"MasterUsername": None}, "unknown"),
            (REPLICA, "not_applicable"), (MEMBER, "not_applicable"), (DOCDB, "not_applicable"),
        ]),
        (DR, [
            ({}, "not_applicable"), (REPLICA, "not_applicable"), (ABROAD, "pass"),
            (ABROAD | {"MultiAZ": False}, "fail"), (ABROAD | {"BackupRetentionPeriod": 0}, "fail"),
        ]),
    ],
)  # fmt: skip
def test_instances(lab: Lab, rule: str, cases: list[tuple[dict[str, Any], str]]) -> None:
    found = lab.statuses(rule, answers=instances(*(change for change, _ in cases)) | clusters())
    assert found == {f"db{n}": status for n, (_, status) in enumerate(cases)}


def test_clusters(lab: Lab) -> None:
    off = {"IAMDatabaseAuthenticationEnabled": False}
    answers = instances() | clusters(
        {}, off, off | {"Engine": "postgres"}, {"MasterUsername": "postgres"}, {"Engine": "docdb"}
    )
    assert lab.statuses(CLUSTER_IAM, answers=answers) == {
        "c0": "pass", "c1": "fail", "c2": "not_applicable", "c3": "pass", "c4": "not_applicable",
    }  # fmt: skip
    assert lab.statuses(USERNAME, answers=answers) == {
        "c0": "pass", "c1": "pass", "c2": "pass", "c3": "fail", "c4": "not_applicable",
    }  # fmt: skip


def test_encryption_by_the_engine(lab: Lab) -> None:
    def of(engine: str, group: str, **tags: str) -> dict[str, Any]:
        return {
            "Engine": engine,
            "OptionGroupMemberships": [{"OptionGroupName": group, "Status": "in-sync"}],
            "TagList": [{"Key": key, "Value": value} for key, value in tags.items()],
        }

    def groups(params: Any, region: str, account: str) -> dict[str, Any]:
        options = {"tde": ["TDE"], "sql": ["TRANSPARENT_DATA_ENCRYPTION"]}.get(params["OptionGroupName"], [])
        return {"OptionGroupsList": [{"Options": [{"OptionName": name} for name in options]}]}

    bare = of("sqlserver-se", "none", pii="yes")
    answers = instances(
        of("oracle-ee-cdb", "tde", pii="yes"), of("sqlserver-ee", "sql", pii="yes"), bare,
        of("oracle-ee", "none"), of("oracle-se2", "none", pii="yes"), bare | {"OptionGroupMemberships": None},
    ) | {OPTIONS: groups}  # fmt: skip
    assert lab.statuses(TDE, answers=answers) == {
        "db0": "pass", "db1": "pass", "db2": "fail", "db3": "not_applicable", "db4": "not_applicable", "db5": "unknown",
    }  # fmt: skip
    denied = lab.statuses(TDE, answers=answers, deny=[OPTIONS])
    assert (denied["db0"], denied["db2"], denied["db3"]) == ("unknown", "unknown", "not_applicable")


def test_ages_of_snapshots(lab: Lab) -> None:
    now = datetime.now(UTC)
    made = [
        ("new", "manual", 10), ("old", "manual", 400), ("daily", "automated", 400), ("vault", "awsbackup", 400),
        ("coming", "manual", None),
    ]  # fmt: skip

    def member(kind: str, name: str, how: str, age: int | None, **more: Any) -> dict[str, Any]:
        created = {"SnapshotCreateTime": now - timedelta(days=age)} if age is not None else {}
        base = {f"DB{kind}SnapshotIdentifier": name, "SnapshotType": how, "Status": "available"}
        return {**base, **created, **more}

    snapshots = [member("", *each, Engine="mysql", Encrypted=True) for each in made]
    of_clusters = [
        member("Cluster", "c-old", "manual", 400, Engine="aurora-mysql", StorageEncrypted=True),
        member("Cluster", "c-doc", "manual", 400, Engine="docdb", StorageEncrypted=True),
    ]
    answers = {
        "rds:DescribeDBSnapshots": {"DBSnapshots": snapshots},
        "rds:DescribeDBClusterSnapshots": {"DBClusterSnapshots": of_clusters},
    }
    assert lab.statuses(SNAPSHOT_AGE, answers=answers) == {
        "new": "pass", "old": "fail", "daily": "not_applicable", "vault": "not_applicable",
        "coming": "not_applicable", "c-old": "fail", "c-doc": "not_applicable",
    }  # fmt: skip


def test_subnet_groups(lab: Lab) -> None:
    def group(name: str, *zones: str | None) -> dict[str, Any]:
        subnets = [
            {"SubnetIdentifier": f"subnet-{n}", **({"SubnetAvailabilityZone": {"Name": zone}} if zone else {})}
            for n, zone in enumerate(zones)
        ]
        return {"DBSubnetGroupName": name, "Subnets": subnets}

    made = [
        group("one", "a", "a"), group("two", "a", "b"), group("three", "a", "b", "c"), group("aurora", "a", "b"),
        group("vague", "a", None),
    ]  # fmt: skip
    standing = {"DBSubnetGroup": {"DBSubnetGroupName": "aurora", "VpcId": "vpc-1"}}
    answers = instances(MEMBER | standing) | {SUBNET_GROUPS: {"DBSubnetGroups": made}}
    assert lab.statuses(SUBNET_GROUP, answers=answers) == {
        "one": "fail", "two": "pass", "three": "pass", "aurora": "fail", "vague": "unknown",
    }  # fmt: skip
    assert lab.statuses(SUBNET_GROUP, answers=answers, deny=[INSTANCES]) == {
        "one": "fail", "two": "unknown", "three": "pass", "aurora": "unknown", "vague": "unknown",
    }  # fmt: skip


def test_proxies(lab: Lab) -> None:
    ec2 = lab.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    a, b, c = (
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{n}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for n, zone in enumerate(("us-east-1a", "us-east-1b", "us-east-1a"))
    )

    def proxy(name: str, *subnets: str, debug: bool = False) -> dict[str, Any]:
        return {
            "DBProxyName": name, "DBProxyArn": f"arn:aws:rds:us-east-1:123456789012:db-proxy:{name}", "Auth": [],
            "Status": "available", "EngineFamily": "MYSQL", "RequireTLS": True, "VpcSubnetIds": list(subnets),
            "DebugLogging": debug,
        }  # fmt: skip

    made = [proxy("good", a, b), proxy("bad", a, c, debug=True), proxy("shared", a, "subnet-shared")]
    with lab.but(answers={PROXIES: {"DBProxies": made}}):
        assert lab.statuses(PROXY_ZONES) == {"good": "pass", "bad": "fail", "shared": "unknown"}
        assert set(lab.statuses(PROXY_ZONES, deny=[SUBNETS]).values()) == {"unknown"}
        assert lab.statuses(PROXY_DEBUG) == {"good": "pass", "bad": "fail", "shared": "pass"}


@pytest.mark.parametrize(
    ("rule", "operation"),
    [
        *((rule, INSTANCES) for rule in (INSTANCE_IAM, UPGRADES, MONITORING, PASSWORD, USERNAME, TDE, DR)),
        *((rule, CLUSTERS) for rule in (CLUSTER_IAM, USERNAME)),
        (SNAPSHOT_AGE, "rds:DescribeDBSnapshots"),
        (SNAPSHOT_AGE, "rds:DescribeDBClusterSnapshots"),
        (SUBNET_GROUP, SUBNET_GROUPS),
        (PROXY_ZONES, PROXIES),
        (PROXY_DEBUG, PROXIES),
    ],
)
def test_a_denied_listing_is_unknown(lab: Lab, rule: str, operation: str) -> None:
    assert lab.statuses(rule, deny=[operation]) == {"*": "unknown"}
