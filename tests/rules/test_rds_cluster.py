"""RDS clusters and global databases, snapshots, proxies."""

from datetime import UTC, datetime
from typing import Any

import pytest

from auditor.demo.protocol import Error
from tests.lab import Lab

ENCRYPTED = "rds-cluster-storage-encrypted"
BACKUP = "rds-cluster-backup-retention"
MULTI_AZ = "rds-cluster-multi-az"
TLS = "rds-cluster-transport-encryption-required"
LOGS = "rds-cluster-log-exports-enabled"
DELETION = "rds-cluster-deletion-protection-enabled"
SERVERLESS = "rds-cluster-serverless-v1-not-used"
GLOBAL = "rds-global-cluster-secondary-region-present"
SNAPSHOT_ENCRYPTED = "rds-snapshot-encrypted"
SNAPSHOT_PUBLIC = "rds-snapshot-not-public"
PROXY_IAM = "rds-proxy-iam-authentication-required"
PROXY_TLS = "rds-proxy-tls-required"

BEFORE = datetime(2026, 2, 17, 23, 59, tzinfo=UTC)
SINCE = datetime(2026, 2, 18, tzinfo=UTC)
PARAMETERS = "rds:DescribeDBClusterParameters"
CLUSTER: dict[str, Any] = {
    "DBClusterIdentifier": "db",
    "Engine": "aurora-postgresql",
    "EngineVersion": "16.4",
    "EngineMode": "provisioned",
    "ClusterCreateTime": BEFORE,
    "StorageEncrypted": True,
    "BackupRetentionPeriod": 7,
    "DeletionProtection": True,
    "MultiAZ": True,
    "DBClusterMembers": [{"DBInstanceIdentifier": name, "IsClusterWriter": name == "one"} for name in ("one", "two")],
    "DBClusterParameterGroup": "group",
}
OPEN = {"StorageEncrypted": False}
DOCDB, NEPTUNE = {"Engine": "docdb"}, {"Engine": "neptune"}
V1 = {"EngineMode": "serverless"}


def without_none(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if value is not None}


def clusters(*changes: dict[str, Any]) -> dict[str, Any]:
    """What AWS says of clusters that are as they should be but for these changes; None leaves a member out."""
    return {"rds:DescribeDBClusters": {"DBClusters": [without_none({**CLUSTER, **change}) for change in changes]}}


@pytest.mark.parametrize(
    ("rule", "change", "status"),
    [
        (ENCRYPTED, {}, "pass"),
        (ENCRYPTED, OPEN, "fail"),
        (ENCRYPTED, OPEN | {"Engine": "mysql", "ClusterCreateTime": SINCE}, "fail"),
        (ENCRYPTED, OPEN | {"ClusterCreateTime": SINCE}, "unknown"),
        (ENCRYPTED, OPEN | {"ClusterCreateTime": None}, "unknown"),
        (ENCRYPTED, OPEN | {"StorageEncryptionType": "sse-rds"}, "pass"),
        (ENCRYPTED, OPEN | {"StorageEncryptionType": "none", "ClusterCreateTime": SINCE}, "fail"),
        (ENCRYPTED, {"StorageEncryptionType": "sse-kms"}, "pass"),
        (ENCRYPTED, {"StorageEncrypted": None}, "unknown"),
        (ENCRYPTED, OPEN | DOCDB, "not_applicable"),
        (ENCRYPTED, OPEN | NEPTUNE, "not_applicable"),
        (BACKUP, {}, "pass"),
        (BACKUP, {"BackupRetentionPeriod": 1}, "fail"),
        (BACKUP, {"BackupRetentionPeriod": 1} | DOCDB, "not_applicable"),
        (MULTI_AZ, {}, "pass"),
        (MULTI_AZ, {"MultiAZ": False}, "fail"),
        (MULTI_AZ, {"MultiAZ": False, "DBClusterMembers": []}, "not_applicable"),
        (MULTI_AZ, {"MultiAZ": False, "DBClusterMembers": None}, "unknown"),
        (MULTI_AZ, {"MultiAZ": False} | V1, "not_applicable"),
        (MULTI_AZ, {"MultiAZ": False} | NEPTUNE, "not_applicable"),
        (MULTI_AZ, {"Engine": "postgres"}, "not_applicable"),
        (LOGS, {}, "fail"),
        (LOGS, {"EnabledCloudwatchLogsExports": []}, "fail"),
        (LOGS, {"EnabledCloudwatchLogsExports": ["instance"]}, "fail"),
        (LOGS, {"EnabledCloudwatchLogsExports": ["postgresql"]}, "pass"),
        (LOGS, {"EnabledCloudwatchLogsExports": ["postgresql"], "Engine": "postgres"}, "pass"),
        (LOGS, {"EnabledCloudwatchLogsExports": ["error"], "Engine": "aurora-mysql"}, "fail"),
        (LOGS, {"EnabledCloudwatchLogsExports": ["error", "audit"], "Engine": "aurora-mysql"}, "pass"),
        (LOGS, {"EnabledCloudwatchLogsExports": ["error"], "Engine": "mysql"}, "pass"),
        (LOGS, {"EnabledCloudwatchLogsExports": ["general"], "Engine": "mysql"}, "fail"),
        (LOGS, DOCDB, "not_applicable"),
        (DELETION, {}, "pass"),
        (DELETION, {"DeletionProtection": False}, "fail"),
        (DELETION, {"DeletionProtection": False} | NEPTUNE, "not_applicable"),
        (SERVERLESS, {}, "pass"),
        (SERVERLESS, V1, "fail"),
        (SERVERLESS, {"EngineMode": None, "Engine": "mysql"}, "pass"),
        (SERVERLESS, DOCDB, "not_applicable"),
    ],
)
def test_what_the_listing_tells(lab: Lab, rule: str, change: dict[str, Any], status: str) -> None:
    assert lab.statuses(rule, answers=clusters(change)) == {"db": status}


@pytest.mark.parametrize(
    ("rule", "operation"),
    [
        *((rule, "rds:DescribeDBClusters") for rule in (ENCRYPTED, BACKUP, MULTI_AZ, TLS, LOGS, DELETION, SERVERLESS)),
        (GLOBAL, "rds:DescribeGlobalClusters"),
        (PROXY_IAM, "rds:DescribeDBProxies"),
        (PROXY_TLS, "rds:DescribeDBProxies"),
        *((rule, f"rds:Describe{kind}") for rule in (SNAPSHOT_ENCRYPTED, SNAPSHOT_PUBLIC)
          for kind in ("DBSnapshots", "DBClusterSnapshots")),
    ],
)  # fmt: skip
def test_a_denied_listing_is_unknown(lab: Lab, rule: str, operation: str) -> None:
    assert lab.statuses(rule, deny=[operation]) == {"*": "unknown"}


def test_seeded_resources_are_read(lab: Lab) -> None:
    rds = lab.client("rds")
    rds.create_db_cluster(
        DBClusterIdentifier="db", Engine="aurora-postgresql", StorageEncrypted=True, BackupRetentionPeriod=3,
        DeletionProtection=True, MasterUsername="root", MasterUserPassword="password",
    )  # fmt: skip
    rds.create_db_cluster_snapshot(DBClusterIdentifier="db", DBClusterSnapshotIdentifier="copy")
    judged = lab.judge(ENCRYPTED, BACKUP, DELETION, SERVERLESS, MULTI_AZ, SNAPSHOT_ENCRYPTED, SNAPSHOT_PUBLIC)
    manual = [finding for finding in judged.findings if not finding.resource.id.startswith("rds:")]
    assert {(f.rule, f.resource.id): f.status.value for f in manual} == {
        (ENCRYPTED, "db"): "pass", (BACKUP, "db"): "fail", (DELETION, "db"): "pass", (SERVERLESS, "db"): "pass",
        (MULTI_AZ, "db"): "not_applicable", (SNAPSHOT_ENCRYPTED, "copy"): "pass", (SNAPSHOT_PUBLIC, "copy"): "pass",
    }  # fmt: skip
    assert judged.coverage.gaps == []


def test_a_key_of_kms_can_be_demanded(lab: Lab) -> None:
    answers = clusters(OPEN | {"StorageEncryptionType": "sse-rds"})
    assert lab.statuses(ENCRYPTED, answers=answers, require_kms=True) == {"db": "fail"}


# --- TLS


@pytest.mark.parametrize(
    ("engine", "name", "value", "status"),
    [
        ("aurora-postgresql", "rds.force_ssl", "1", "pass"),
        ("aurora-postgresql", "rds.force_ssl", "0", "fail"),
        ("aurora-postgresql", "rds.force_ssl", None, "fail"),
        ("aurora-postgresql", "other", "1", "fail"),
        ("postgres", "rds.force_ssl", "1", "pass"),
        ("aurora-mysql", "require_secure_transport", "ON", "pass"),
        ("aurora-mysql", "require_secure_transport", "OFF", "fail"),
        ("mysql", "require_secure_transport", "1", "pass"),
        ("docdb", "tls", "disabled", "not_applicable"),
        ("someday", "tls", "disabled", "not_applicable"),
    ],
)
def test_tls(lab: Lab, engine: str, name: str, value: str | None, status: str) -> None:
    listed = without_none({"ParameterName": name, "ParameterValue": value})
    answers = clusters({"Engine": engine}) | {PARAMETERS: {"Parameters": [listed]}}
    assert lab.statuses(TLS, answers=answers) == {"db": status}


def test_tls_of_serverless_v1_is_not_asked_for(lab: Lab) -> None:
    assert lab.statuses(TLS, answers=clusters(V1), deny=[PARAMETERS]) == {"db": "not_applicable"}


def test_tls_is_unknown_where_parameters_are_denied(lab: Lab) -> None:
    assert lab.statuses(TLS, answers=clusters({}), deny=[PARAMETERS]) == {"db": "unknown"}


def test_a_groups_parameters_are_asked_for_once(lab: Lab) -> None:
    lab.statuses(TLS, answers=clusters({}, {"DBClusterIdentifier": "other"}))
    assert lab.endpoint.seen["rds", "DescribeDBClusterParameters", "us-east-1"] == 1


# --- global databases


def global_cluster(**changes: Any) -> dict[str, Any]:
    members = [
        {"DBClusterArn": "arn:aws:rds:us-east-1:123456789012:cluster:one", "IsWriter": True},
        {"DBClusterArn": "arn:aws:rds:eu-west-1:123456789012:cluster:two", "IsWriter": False},
    ]
    one = {
        "GlobalClusterIdentifier": "world",
        "GlobalClusterArn": "arn:aws:rds::123456789012:global-cluster:world",
        "Engine": "aurora-postgresql",
        "Status": "available",
        "GlobalClusterMembers": members,
    }
    return {"rds:DescribeGlobalClusters": {"GlobalClusters": [without_none({**one, **changes})]}}


def member(writer: bool, state: str | None = None) -> dict[str, Any]:
    arn = f"arn:aws:rds:us-east-1:123456789012:cluster:{writer}"
    return without_none({"DBClusterArn": arn, "IsWriter": writer, "SynchronizationStatus": state})


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "pass"),
        ({"FailoverState": {}}, "pass"),
        ({"GlobalClusterMembers": [member(True)]}, "fail"),
        ({"GlobalClusterMembers": []}, "fail"),
        ({"GlobalClusterMembers": None}, "unknown"),
        ({"GlobalClusterMembers": [member(True), member(False, "connected")]}, "pass"),
        ({"GlobalClusterMembers": [member(True), member(False, "pending-resync")]}, "fail"),
        ({"GlobalClusterMembers": [], "FailoverState": {"Status": "failing-over"}}, "not_applicable"),
        ({"GlobalClusterMembers": [], "Status": "creating"}, "not_applicable"),
        ({"GlobalClusterMembers": [], "Engine": "docdb"}, "not_applicable"),
        ({"GlobalClusterMembers": [], "Engine": "neptune"}, "not_applicable"),
        ({"GlobalClusterMembers": [], "Engine": "someday"}, "not_applicable"),
    ],
)
def test_global_databases(lab: Lab, changes: dict[str, Any], status: str) -> None:
    assert lab.statuses(GLOBAL, answers=global_cluster(**changes)) == {"world": status}


def test_a_global_database_is_one_finding_in_all_regions(lab: Lab) -> None:
    with lab.but(answers=global_cluster()):
        judged = lab.judge(GLOBAL, regions=("us-east-1", "eu-west-1"))
    assert [f.resource.arn for f in judged.findings] == ["arn:aws:rds::123456789012:global-cluster:world"]


def test_regions_that_are_denied_are_told_apart(lab: Lab) -> None:
    with lab.but(deny=["rds:DescribeGlobalClusters"]):
        judged = lab.judge(GLOBAL, regions=("us-east-1", "eu-west-1"))
    assert len({f.fingerprint for f in judged.findings}) == 2


# --- snapshots


def snapshots(*, of_clusters: bool, **changes: Any) -> dict[str, Any]:
    one: dict[str, Any] = {"Engine": "postgres", "Status": "available", "SnapshotType": "manual", **changes}
    if of_clusters:
        one |= {"DBClusterSnapshotIdentifier": "copy", "StorageEncrypted": one.pop("Encrypted")}
        return {"rds:DescribeDBClusterSnapshots": {"DBClusterSnapshots": [one]}}
    return {"rds:DescribeDBSnapshots": {"DBSnapshots": [{**one, "DBSnapshotIdentifier": "copy"}]}}


@pytest.mark.parametrize("of_clusters", [False, True])
@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"Encrypted": True}, "pass"),
        ({"Encrypted": False}, "fail"),
        ({"Encrypted": False, "SnapshotType": "awsbackup"}, "fail"),
        ({"Encrypted": False, "SnapshotType": "automated"}, "not_applicable"),
        ({"Encrypted": False, "Status": "creating"}, "not_applicable"),
        ({"Encrypted": False, "Engine": "docdb"}, "not_applicable"),
    ],
)
def test_snapshots_are_encrypted(lab: Lab, of_clusters: bool, changes: dict[str, Any], status: str) -> None:
    answers = snapshots(of_clusters=of_clusters, **changes)
    assert lab.statuses(SNAPSHOT_ENCRYPTED, answers=answers) == {"copy": status}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"StorageEncryptionType": "sse-rds"}, "pass"),
        ({"ClusterCreateTime": SINCE}, "unknown"),
        ({"ClusterCreateTime": SINCE, "StorageEncryptionType": "none"}, "fail"),
        ({"ClusterCreateTime": BEFORE}, "fail"),
    ],
)
def test_snapshots_of_aurora_are_encrypted(lab: Lab, changes: dict[str, Any], status: str) -> None:
    answers = snapshots(of_clusters=True, Encrypted=False, Engine="aurora-mysql", **changes)
    assert lab.statuses(SNAPSHOT_ENCRYPTED, answers=answers) == {"copy": status}


def shared(of_clusters: bool, *values: str) -> dict[str, Any]:
    kind = "DBClusterSnapshot" if of_clusters else "DBSnapshot"
    attributes = [
        {"AttributeName": "other", "AttributeValues": ["all"]},
        {"AttributeName": "restore", "AttributeValues": list(values)},
    ]
    return {f"rds:Describe{kind}Attributes": {f"{kind}AttributesResult": {f"{kind}Attributes": attributes}}}


@pytest.mark.parametrize("of_clusters", [False, True])
@pytest.mark.parametrize(
    ("engine", "values", "status"),
    [
        ("postgres", ["all"], "fail"),
        ("postgres", ["210987654321", "all"], "fail"),
        ("postgres", ["210987654321"], "pass"),
        ("postgres", [], "pass"),
        ("neptune", ["all"], "fail"),
    ],
)
def test_snapshots_are_not_public(lab: Lab, of_clusters: bool, engine: str, values: list[str], status: str) -> None:
    answers = snapshots(of_clusters=of_clusters, Encrypted=False, Engine=engine) | shared(of_clusters, *values)
    assert lab.statuses(SNAPSHOT_PUBLIC, answers=answers) == {"copy": status}


@pytest.mark.parametrize("of_clusters", [False, True])
def test_snapshots_are_unknown_where_aws_does_not_say_who_may_restore(lab: Lab, of_clusters: bool) -> None:
    kind = "DBClusterSnapshot" if of_clusters else "DBSnapshot"
    unnamed = {"AttributeName": "other", "AttributeValues": ["all"]}
    cases: list[dict[str, Any]] = [{}, {f"{kind}Attributes": []}, {f"{kind}Attributes": [unnamed]}]
    for attributes in cases:
        answers = snapshots(of_clusters=of_clusters, Encrypted=False)
        answers |= {f"rds:Describe{kind}Attributes": {f"{kind}AttributesResult": attributes}}
        assert lab.statuses(SNAPSHOT_PUBLIC, answers=answers) == {"copy": "unknown"}


def test_snapshots_of_aws_backup_are_asked_for_by_their_type(lab: Lab) -> None:
    """RDS says that it lists automated and manual ones unasked, and is silent about these."""
    (listed,) = snapshots(of_clusters=False, Encrypted=False, SnapshotType="awsbackup").values()

    def answer(params: dict[str, Any], _: str, __: str) -> dict[str, Any]:
        return listed if params.get("SnapshotType") == "awsbackup" else {"DBSnapshots": []}

    with lab.but(answers={"rds:DescribeDBSnapshots": answer}):
        (finding,) = (f for f in lab.judge(SNAPSHOT_ENCRYPTED).findings if f.resource.id == "copy")
    assert finding.status == "fail"


@pytest.mark.parametrize("of_clusters", [False, True])
@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"Encrypted": True}, "pass"),
        ({"Encrypted": False}, "unknown"),
        ({"Encrypted": False, "SnapshotType": "automated"}, "not_applicable"),
        ({"Encrypted": False, "SnapshotType": "awsbackup"}, "not_applicable"),
    ],
)
def test_who_may_restore_is_asked_where_it_matters(
    lab: Lab, of_clusters: bool, changes: dict[str, Any], status: str
) -> None:
    deny = ["rds:DescribeDBSnapshotAttributes", "rds:DescribeDBClusterSnapshotAttributes"]
    answers = snapshots(of_clusters=of_clusters, **changes)
    assert lab.statuses(SNAPSHOT_PUBLIC, answers=answers, deny=deny) == {"copy": status}


def test_a_seeded_public_snapshot_is_found(lab: Lab) -> None:
    rds = lab.client("rds")
    rds.create_db_instance(
        DBInstanceIdentifier="db", DBInstanceClass="db.t3.micro", Engine="postgres", AllocatedStorage=20,
        MasterUsername="admin", MasterUserPassword="password",
    )  # fmt: skip
    rds.create_db_snapshot(DBInstanceIdentifier="db", DBSnapshotIdentifier="copy")
    rds.modify_db_snapshot_attribute(DBSnapshotIdentifier="copy", AttributeName="restore", ValuesToAdd=["all"])
    assert lab.statuses(SNAPSHOT_PUBLIC)["copy"] == "fail"
    assert lab.statuses(SNAPSHOT_ENCRYPTED)["copy"] == "fail"


@pytest.mark.parametrize("code", ["InvalidAction", "UnsupportedOperation", "OptInRequired"])
@pytest.mark.parametrize(
    ("rule", "operation"), [(GLOBAL, "rds:DescribeGlobalClusters"), (PROXY_TLS, "rds:DescribeDBProxies")]
)
def test_what_a_region_does_not_offer_is_unknown(lab: Lab, rule: str, operation: str, code: str) -> None:
    assert lab.statuses(rule, answers={operation: Error(code, "not here")}) == {"*": "unknown"}


# --- proxies


def proxy(**changes: Any) -> dict[str, Any]:
    one = {
        "DBProxyName": "front", "DBProxyArn": "arn:aws:rds:us-east-1:123456789012:db-proxy:prx-1",
        "Status": "available", "EngineFamily": "POSTGRESQL", "RequireTLS": True, **changes,
    }  # fmt: skip
    return {"rds:DescribeDBProxies": {"DBProxies": [without_none(one)]}}


def auth(*modes: str) -> list[dict[str, str]]:
    return [{"AuthScheme": "SECRETS", "IAMAuth": mode} for mode in modes]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"Auth": auth("REQUIRED")}, "pass"),
        ({"Auth": auth("REQUIRED", "DISABLED")}, "fail"),
        ({"Auth": auth("DISABLED"), "EngineFamily": "MYSQL"}, "fail"),
        ({"Auth": auth("ENABLED"), "EngineFamily": "MYSQL"}, "fail"),
        ({"Auth": auth("ENABLED"), "EngineFamily": "SQLSERVER"}, "pass"),
        ({"Auth": auth("REQUIRED"), "EngineFamily": "SQLSERVER"}, "pass"),
        ({"Auth": auth("ENABLED", "DISABLED"), "EngineFamily": "SQLSERVER"}, "fail"),
        ({"Auth": []}, "fail"),
        ({"Auth": [], "DefaultAuthScheme": "NONE"}, "fail"),
        ({"Auth": [], "DefaultAuthScheme": "IAM_AUTH"}, "pass"),
        ({"DefaultAuthScheme": "IAM_AUTH"}, "unknown"),
        ({"Auth": [], "EngineFamily": "SQLSERVER"}, "unknown"),
        ({"Auth": auth("DISABLED"), "Status": "creating"}, "not_applicable"),
        ({"Auth": auth("DISABLED"), "Status": "deleting"}, "not_applicable"),
        ({"Auth": [{"AuthScheme": "SECRETS"}]}, "unknown"),
    ],
)
def test_proxies_demand_iam(lab: Lab, changes: dict[str, Any], status: str) -> None:
    assert lab.statuses(PROXY_IAM, answers=proxy(**changes)) == {"front": status}


@pytest.mark.parametrize(("required", "status"), [(True, "pass"), (False, "fail"), (None, "unknown")])
def test_proxies_demand_tls(lab: Lab, required: bool | None, status: str) -> None:
    assert lab.statuses(PROXY_TLS, answers=proxy(RequireTLS=required)) == {"front": status}
