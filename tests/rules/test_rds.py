"""RDS instances: storage, backups, standby, TLS, certificate, logs, maintenance, version, deletion."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.lab import Lab

NOW = datetime.now(UTC)
LISTING = "rds:DescribeDBInstances"
ENCRYPTED = "rds-instance-storage-encrypted"
BACKUP = "rds-instance-backup-retention"
MULTI_AZ = "rds-instance-multi-az"
TLS = "rds-instance-transport-encryption-required"
CERTIFICATE = "rds-instance-ca-certificate-valid"
LOGS = "rds-instance-log-exports-enabled"
MAINTENANCE = "rds-instance-no-overdue-maintenance"
VERSION = "rds-instance-engine-version-supported"
DELETION = "rds-instance-deletion-protection-enabled"

ARN = "arn:aws:rds:us-east-1:123456789012:db:db"
CLUSTER_ARN = "arn:aws:rds:us-east-1:123456789012:cluster:cluster"
INSTANCE: dict[str, Any] = {
    "DBInstanceIdentifier": "db",
    "DBInstanceStatus": "available",
    "Engine": "postgres",
    "EngineVersion": "16.3",
    "StorageEncrypted": True,
    "PubliclyAccessible": False,
    "BackupRetentionPeriod": 7,
    "DeletionProtection": True,
    "MultiAZ": True,
    "CACertificateIdentifier": "rds-ca-rsa2048-g1",
    "DBParameterGroups": [{"DBParameterGroupName": "group", "ParameterApplyStatus": "in-sync"}],
    "OptionGroupMemberships": [{"OptionGroupName": "options", "Status": "in-sync"}],
}
CLUSTER: dict[str, Any] = {
    "DBClusterIdentifier": "cluster",
    "Engine": "aurora-postgresql",
    "EngineVersion": "16.4",
    "EngineMode": "provisioned",
    "StorageEncrypted": True,
    "BackupRetentionPeriod": 7,
    "DeletionProtection": True,
    "MultiAZ": True,
    "DBClusterParameterGroup": "group",
}
MEMBER = {"Engine": "aurora-postgresql", "DBClusterIdentifier": "cluster"}
DOCDB = {"Engine": "docdb", "DBClusterIdentifier": "documents"}
NEPTUNE = {"Engine": "neptune", "DBClusterIdentifier": "graph"}
REPLICA = {"ReadReplicaSourceDBInstanceIdentifier": "primary"}
CLUSTER_REPLICA = {"ReadReplicaSourceDBClusterIdentifier": "primary"}
CUSTOM = {"Engine": "custom-oracle-ee", "MultiAZ": None}


def instances(*changes: dict[str, Any]) -> dict[str, Any]:
    """What AWS says of instances that are as they should be but for these changes; None leaves a member out."""
    made = [{**INSTANCE, **change} for change in changes]
    return {LISTING: {"DBInstances": [{k: v for k, v in one.items() if v is not None} for one in made]}}


@pytest.mark.parametrize(
    ("rule", "change", "status", "severity"),
    [
        (ENCRYPTED, {}, "pass", "medium"),
        (ENCRYPTED, {"StorageEncrypted": False}, "fail", "medium"),
        (ENCRYPTED, {"StorageEncrypted": False} | REPLICA, "fail", "medium"),
        (ENCRYPTED, {"StorageEncrypted": None}, "unknown", "medium"),
        (ENCRYPTED, {"StorageEncrypted": False} | MEMBER, "not_applicable", "medium"),
        (ENCRYPTED, {"StorageEncrypted": False} | DOCDB, "not_applicable", "medium"),
        (BACKUP, {}, "pass", "medium"),
        (BACKUP, {"BackupRetentionPeriod": 6}, "fail", "medium"),
        (BACKUP, {"BackupRetentionPeriod": 0}, "fail", "high"),
        (BACKUP, {"BackupRetentionPeriod": 0} | REPLICA, "not_applicable", "medium"),
        (BACKUP, {"BackupRetentionPeriod": 0} | CLUSTER_REPLICA, "not_applicable", "medium"),
        (BACKUP, {"BackupRetentionPeriod": 1} | MEMBER, "not_applicable", "medium"),
        (MULTI_AZ, {}, "pass", "medium"),
        (MULTI_AZ, {"MultiAZ": False}, "fail", "medium"),
        (MULTI_AZ, {"MultiAZ": None}, "unknown", "medium"),
        (MULTI_AZ, {"MultiAZ": False} | MEMBER, "not_applicable", "medium"),
        (MULTI_AZ, {"MultiAZ": False} | REPLICA, "not_applicable", "medium"),
        (MULTI_AZ, {"MultiAZ": False} | NEPTUNE, "not_applicable", "medium"),
        (MULTI_AZ, CUSTOM, "not_applicable", "medium"),
        (DELETION, {}, "pass", "medium"),
        (DELETION, {"DeletionProtection": False}, "fail", "medium"),
        (DELETION, {"DeletionProtection": False} | MEMBER, "not_applicable", "medium"),
        (DELETION, {"DeletionProtection": False} | REPLICA, "not_applicable", "medium"),
        (DELETION, {"DeletionProtection": False} | DOCDB, "not_applicable", "medium"),
    ],
)
def test_what_the_listing_tells(lab: Lab, rule: str, change: dict[str, Any], status: str, severity: str) -> None:
    found = lab.findings(rule, answers=instances(change))["db"]
    assert (found.status, found.severity) == (status, severity)


@pytest.mark.parametrize("rule", [ENCRYPTED, BACKUP, MULTI_AZ, TLS, CERTIFICATE, LOGS, MAINTENANCE, VERSION, DELETION])
def test_a_denied_listing_is_unknown(lab: Lab, rule: str) -> None:
    assert lab.statuses(rule, deny=[LISTING]) == {"*": "unknown"}


def test_a_seeded_instance_is_read(lab: Lab) -> None:
    lab.client("rds").create_db_instance(
        DBInstanceIdentifier="seeded", DBInstanceClass="db.t3.micro", Engine="postgres", AllocatedStorage=20,
        StorageEncrypted=True, BackupRetentionPeriod=14, MultiAZ=True, DeletionProtection=False,
        PubliclyAccessible=False, EnableCloudwatchLogsExports=["postgresql"],
        MasterUsername="admin", MasterUserPassword="password",
    )  # fmt: skip
    judged = lab.judge(ENCRYPTED, BACKUP, MULTI_AZ, DELETION, LOGS)
    assert {f.rule: f.status.value for f in judged.findings} == {
        ENCRYPTED: "pass", BACKUP: "pass", MULTI_AZ: "pass", DELETION: "fail", LOGS: "pass",
    }  # fmt: skip
    assert judged.coverage.gaps == []


def test_retention_is_a_parameter(lab: Lab) -> None:
    assert lab.statuses(BACKUP, answers=instances({}), days=30) == {"db": "fail"}


# --- TLS


def parameters(**values: str | None) -> dict[str, Any]:
    """A group of two parameters, the one that is asked for (dots are written as __) and another."""
    named = [{"ParameterName": name.replace("__", "."), "ParameterValue": value} for name, value in values.items()]
    listed = [{key: text for key, text in each.items() if text is not None} for each in named]
    return {"rds:DescribeDBParameters": {"Parameters": [*listed, {"ParameterName": "port", "ParameterValue": "1"}]}}


@pytest.mark.parametrize(
    ("engine", "values", "status"),
    [
        ("postgres", {"rds__force_ssl": "1"}, "pass"),
        ("postgres", {"rds__force_ssl": "0"}, "fail"),
        ("postgres", {"rds__force_ssl": None}, "fail"),
        ("postgres", {}, "fail"),
        ("sqlserver-se", {"rds__force_ssl": "1"}, "pass"),
        ("sqlserver-ex", {"rds__force_ssl": "0"}, "fail"),
        ("mysql", {"require_secure_transport": "1"}, "pass"),
        ("mysql", {"require_secure_transport": "ON"}, "pass"),
        ("mysql", {"require_secure_transport": "OFF"}, "fail"),
        ("mariadb", {"require_secure_transport": None}, "fail"),
        ("mariadb", {"rds__force_ssl": "1"}, "fail"),
        ("db2-se", {}, "not_applicable"),
        ("custom-sqlserver-ee", {}, "not_applicable"),
        ("docdb", {}, "not_applicable"),
    ],
)
def test_tls_is_forced_by_a_parameter(lab: Lab, engine: str, values: dict[str, str | None], status: str) -> None:
    answers = instances({"Engine": engine}) | parameters(**values)
    assert lab.statuses(TLS, answers=answers) == {"db": status}


def test_tls_that_waits_for_a_reboot_is_not_in_effect(lab: Lab) -> None:
    waiting = {"DBParameterGroups": [{"DBParameterGroupName": "group", "ParameterApplyStatus": "pending-reboot"}]}
    answers = instances(waiting) | parameters(rds__force_ssl="1")
    found = lab.findings(TLS, answers=answers)["db"]
    assert found.status == "fail"
    assert found.evidence["parameter_apply_status"] == "pending-reboot"


def test_a_groups_parameters_are_asked_for_once_and_cut_to_one(lab: Lab) -> None:
    asked: list[dict[str, Any]] = []

    def answer(params: dict[str, Any], _: str, __: str) -> dict[str, Any]:
        asked.append(params)
        return parameters(rds__force_ssl="1")["rds:DescribeDBParameters"]  # type: ignore[no-any-return]

    names = ("one", "two", "three")
    answers = instances(*({"DBInstanceIdentifier": name} for name in names))
    assert set(lab.statuses(TLS, answers=answers | {"rds:DescribeDBParameters": answer}).values()) == {"pass"}
    filters = [{"Name": "parameter-name", "Values": ["rds.force_ssl"]}]
    assert asked == [{"DBParameterGroupName": "group", "Filters": filters}]


def test_a_members_parameters_are_not_asked_for(lab: Lab) -> None:
    denied = ["rds:DescribeDBParameters", "rds:DescribeOptionGroups"]
    assert lab.statuses(TLS, answers=instances(MEMBER), deny=denied) == {"db": "not_applicable"}
    assert lab.judge(TLS).coverage.gaps == []


@pytest.mark.parametrize(
    ("memberships", "options", "status"),
    [
        ([("options", "in-sync")], ["SSL", "OEM"], "pass"),
        ([("options", "in-sync")], ["OEM"], "fail"),
        ([("options", "in-sync")], [], "fail"),
        ([("other", "pending-apply"), ("options", "in-sync")], ["SSL"], "pass"),
        ([], ["SSL"], "unknown"),
    ],
)
def test_oracle_offers_tls_by_an_option(
    lab: Lab, memberships: list[tuple[str, str]], options: list[str], status: str
) -> None:
    def groups(params: dict[str, Any], _: str, __: str) -> dict[str, Any]:
        assert params["OptionGroupName"] == "options"
        return {"OptionGroupsList": [{"OptionGroupName": "options", "Options": [{"OptionName": o} for o in options]}]}

    listed = [{"OptionGroupName": name, "Status": state} for name, state in memberships]
    answers = instances({"Engine": "oracle-se2", "OptionGroupMemberships": listed})
    assert lab.statuses(TLS, answers=answers | {"rds:DescribeOptionGroups": groups}) == {"db": status}


@pytest.mark.parametrize(
    ("engine", "operation"),
    [("postgres", "rds:DescribeDBParameters"), ("oracle-ee", "rds:DescribeOptionGroups")],
)
def test_tls_is_unknown_where_its_setting_is_denied(lab: Lab, engine: str, operation: str) -> None:
    found = lab.findings(TLS, answers=instances({"Engine": engine}), deny=[operation])["db"]
    assert found.status == "unknown"
    assert found.evidence["operation"] == operation


@pytest.mark.parametrize(
    ("engine", "answer"),
    [
        ("postgres", {"rds:DescribeDBParameters": {}}),
        ("oracle-ee", {"rds:DescribeOptionGroups": {}}),
        ("oracle-ee", {"rds:DescribeOptionGroups": {"OptionGroupsList": []}}),
        ("oracle-ee", {"rds:DescribeOptionGroups": {"OptionGroupsList": [{"OptionGroupName": "options"}]}}),
    ],
)
def test_tls_is_unknown_where_the_answer_holds_nothing(lab: Lab, engine: str, answer: dict[str, Any]) -> None:
    assert lab.statuses(TLS, answers=instances({"Engine": engine}) | answer) == {"db": "unknown"}


def test_tls_is_unknown_without_a_parameter_group(lab: Lab) -> None:
    assert lab.statuses(TLS, answers=instances({"DBParameterGroups": None})) == {"db": "unknown"}


# --- certificate, logs


def valid_for(days: int) -> dict[str, Any]:
    return {"CertificateDetails": {"CAIdentifier": "rds-ca-rsa2048-g1", "ValidTill": NOW + timedelta(days=days)}}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (valid_for(91), "pass"),
        (valid_for(89), "fail"),
        (valid_for(-1), "fail"),
        ({}, "pass"),
        ({"CACertificateIdentifier": "rds-ca-2019"}, "fail"),
        ({"CACertificateIdentifier": "rds-ca-2019"} | valid_for(1000), "fail"),
        ({"CACertificateIdentifier": None} | valid_for(1000), "pass"),
        ({"CACertificateIdentifier": None}, "unknown"),
        (MEMBER | valid_for(10), "fail"),
    ],
)
def test_certificates(lab: Lab, change: dict[str, Any], status: str) -> None:
    assert lab.statuses(CERTIFICATE, answers=instances(change)) == {"db": status}


@pytest.mark.parametrize(
    ("engine", "exported", "status"),
    [
        ("postgres", ["postgresql", "upgrade"], "pass"),
        ("postgres", ["upgrade"], "fail"),
        ("postgres", [], "fail"),
        ("postgres", None, "fail"),
        ("mysql", ["error", "audit"], "pass"),
        ("mysql", ["error", "general"], "pass"),
        ("mysql", ["error"], "fail"),
        ("mariadb", ["audit"], "fail"),
        ("mariadb", ["audit", "error"], "pass"),
        ("oracle-ee-cdb", ["alert", "audit"], "pass"),
        ("oracle-se2", ["alert"], "fail"),
        ("sqlserver-web", ["error"], "pass"),
        ("sqlserver-web", ["agent"], "fail"),
        ("db2-ae", ["diag.log"], "pass"),
        ("db2-ae", ["notify.log"], "fail"),
        ("custom-oracle-ee", None, "not_applicable"),
        ("docdb", None, "not_applicable"),
        ("someday", None, "not_applicable"),
    ],
)
def test_logs(lab: Lab, engine: str, exported: list[str] | None, status: str) -> None:
    answers = instances({"Engine": engine, "EnabledCloudwatchLogsExports": exported})
    assert lab.statuses(LOGS, answers=answers) == {"db": status}


def test_a_members_logs_are_its_clusters(lab: Lab) -> None:
    assert lab.statuses(LOGS, answers=instances(MEMBER)) == {"db": "not_applicable"}


# --- maintenance


def pending(arn: str, **dates: int) -> dict[str, Any]:
    """An action on a database, with these dates, in days from now."""
    when = {name: NOW + timedelta(days=days) for name, days in dates.items()}
    details = [{"Action": "system-update", **when}]
    return {"ResourceIdentifier": arn, "PendingMaintenanceActionDetails": details}


def maintenance(*entries: dict[str, Any]) -> dict[str, Any]:
    return {
        **instances({}),
        "rds:DescribeDBClusters": {"DBClusters": [CLUSTER]},
        "rds:DescribePendingMaintenanceActions": {"PendingMaintenanceActions": list(entries)},
    }


@pytest.mark.parametrize(
    ("dates", "status"),
    [
        ({}, "pass"),
        ({"CurrentApplyDate": 13}, "fail"),
        ({"CurrentApplyDate": 15}, "pass"),
        ({"AutoAppliedAfterDate": -1, "CurrentApplyDate": 20}, "fail"),
        ({"ForcedApplyDate": 3}, "fail"),
        ({"ForcedApplyDate": 30, "AutoAppliedAfterDate": 20}, "pass"),
    ],
)
def test_maintenance_dates(lab: Lab, dates: dict[str, int], status: str) -> None:
    found = lab.statuses(MAINTENANCE, answers=maintenance(pending(ARN, **dates)))
    assert found == {"db": status, "cluster": "pass"}


def test_maintenance_of_a_cluster_is_on_its_arn(lab: Lab) -> None:
    found = lab.findings(MAINTENANCE, answers=maintenance(pending(CLUSTER_ARN, ForcedApplyDate=1)))
    assert (found["db"].status, found["cluster"].status) == ("pass", "fail")
    assert found["cluster"].resource.arn == CLUSTER_ARN
    assert list(found["cluster"].evidence["due"]) == ["system-update"]


def test_maintenance_is_unknown_where_its_actions_are_left_out(lab: Lab) -> None:
    found = lab.statuses(MAINTENANCE, answers=maintenance({"ResourceIdentifier": ARN}))
    assert found == {"db": "unknown", "cluster": "pass"}


def test_maintenance_is_asked_for_once_a_region(lab: Lab) -> None:
    lab.statuses(MAINTENANCE, answers=maintenance())
    assert lab.endpoint.seen["rds", "DescribePendingMaintenanceActions", "us-east-1"] == 1


def test_maintenance_is_unknown_where_it_is_denied(lab: Lab) -> None:
    denied = ["rds:DescribePendingMaintenanceActions"]
    assert lab.statuses(MAINTENANCE, answers=maintenance(), deny=denied) == {"db": "unknown", "cluster": "unknown"}


# --- engine version

MAJORS = "rds:DescribeDBMajorEngineVersions"
MINORS = "rds:DescribeDBEngineVersions"


def support(major: str, standard: int | None, extended: int | None = None, *, status: str = "available") -> Any:
    """What AWS says of the versions of any engine: days until the support of a major version ends."""

    def minors(params: dict[str, Any], _: str, __: str) -> dict[str, Any]:
        assert params["IncludeAll"]
        version = {"Engine": params["Engine"], "EngineVersion": params["EngineVersion"], "Status": status}
        return {"DBEngineVersions": [version] if status else []}

    names = {"open-source-rds-standard-support": standard, "open-source-rds-extended-support": extended}
    lifecycles = [
        {
            "LifecycleSupportName": name,
            "LifecycleSupportStartDate": NOW - timedelta(days=2000),
            "LifecycleSupportEndDate": NOW + timedelta(days=days),
        }
        for name, days in names.items()
        if days is not None
    ]
    known = [{"MajorEngineVersion": major, "SupportedEngineLifecycles": lifecycles}]
    return {MINORS: minors, MAJORS: {"DBMajorEngineVersions": known}}


@pytest.mark.parametrize(
    ("engine", "version", "answers", "status", "severity"),
    [
        ("postgres", "16.3", support("16", 400, 1500), "pass", "medium"),
        ("postgres", "16.3", support("16", -1, 1000), "fail", "medium"),
        ("postgres", "16.3", support("16", -1500, -1), "fail", "high"),
        ("postgres", "16.3", support("16", 400, status="deprecated"), "fail", "high"),
        ("postgres", "16.3", support("16", 400, status=""), "fail", "high"),
        ("postgres", "16.3", support("1", -1), "unknown", "medium"),
        ("postgres", "18.1", support("18", None), "unknown", "medium"),
        ("postgres", "16.3", support("16", None, 1000), "unknown", "medium"),
        ("mysql", "8.0.36", support("8.0", -1), "fail", "medium"),
        ("mariadb", "10.11.6", support("10.1", -1), "unknown", "medium"),
        ("oracle-se2", "19.0.0.0.ru-2024-01.rur-2024-01.r1", support("19", None), "pass", "medium"),
        ("sqlserver-ex", "15.00.4198.2.v1", support("21", None), "pass", "medium"),
        ("custom-oracle-ee", "19.mine", support("19", None, status=""), "not_applicable", "medium"),
        ("docdb", "5.0.0", support("5.0", -1), "not_applicable", "medium"),
    ],
)
def test_versions(lab: Lab, engine: str, version: str, answers: Any, status: str, severity: str) -> None:
    told = instances({"Engine": engine, "EngineVersion": version}) | answers
    found = lab.findings(VERSION, answers=told)["db"]
    assert (found.status, found.severity) == (status, severity)


def test_a_major_version_may_be_listed_twice(lab: Lab) -> None:
    """In AWS's own sample it is, and only one of the entries has the dates."""
    answers = instances({}) | support("16", -1)
    answers[MAJORS]["DBMajorEngineVersions"].insert(0, {"MajorEngineVersion": "16"})
    assert lab.statuses(VERSION, answers=answers) == {"db": "fail"}


def test_no_dates_are_asked_for_of_engines_that_have_none(lab: Lab) -> None:
    answers = instances({"Engine": "oracle-se2", "EngineVersion": "19.1"}) | support("19", None)
    assert lab.statuses(VERSION, answers=answers, deny=[MAJORS]) == {"db": "pass"}


@pytest.mark.parametrize("operation", [MINORS, MAJORS])
def test_a_version_is_unknown_where_the_answer_holds_nothing(lab: Lab, operation: str) -> None:
    answers = instances({}) | support("16", 400) | {operation: {}}
    assert lab.statuses(VERSION, answers=answers) == {"db": "unknown"}


def test_a_version_is_judged_once_for_a_cluster(lab: Lab) -> None:
    cluster = {**CLUSTER, "Engine": "aurora-mysql", "EngineVersion": "8.0.mysql_aurora.3.04.0"}
    answers = instances(MEMBER) | {"rds:DescribeDBClusters": {"DBClusters": [cluster]}} | support("8.0", -1)
    assert lab.statuses(VERSION, answers=answers) == {"db": "not_applicable", "cluster": "fail"}


def test_versions_are_asked_for_once_each(lab: Lab) -> None:
    lab.statuses(VERSION, answers=instances({}, {"DBInstanceIdentifier": "other"}) | support("16", 400))
    assert lab.endpoint.seen["rds", "DescribeDBEngineVersions", "us-east-1"] == 1
    assert lab.endpoint.seen["rds", "DescribeDBMajorEngineVersions", "us-east-1"] == 1


@pytest.mark.parametrize(
    ("denied", "status", "expected"),
    [(MINORS, "available", "unknown"), (MAJORS, "available", "unknown"), (MAJORS, "deprecated", "fail")],
)
def test_versions_where_a_part_is_denied(lab: Lab, denied: str, status: str, expected: str) -> None:
    answers = instances({}) | support("16", 400, status=status)
    assert lab.statuses(VERSION, answers=answers, deny=[denied]) == {"db": expected}


def test_an_instance_without_a_version_is_unknown(lab: Lab) -> None:
    assert lab.statuses(VERSION, answers=instances({"EngineVersion": None})) == {"db": "unknown"}
