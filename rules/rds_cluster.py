"""Aurora and Multi-AZ clusters and global databases, snapshots of clusters and instances, and proxies."""

from datetime import UTC, datetime
from typing import Any

from auditor.findings import Category, Severity
from auditor.resources.rds import FOREIGN, DBCluster, GlobalCluster, is_foreign
from auditor.resources.rds_proxy import DBProxy
from auditor.resources.rds_snapshots import DBClusterSnapshot, DBSnapshot
from auditor.rule import Verdict, failed, not_applicable, passed, rule, unknown

# The exported log that a cluster cannot do without, by engine.
LOGS = {"aurora-mysql": "audit", "aurora-postgresql": "postgresql", "mysql": "error", "postgres": "postgresql"}
# Since this day, Aurora encrypts a new cluster by a key of AWS's own where it is given none.
DEFAULT_ENCRYPTION = datetime(2026, 2, 18, tzinfo=UTC)


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub RDS.27", "PCI-4.0 3.5.1.25 8.3.2.42", "ISO-27001-2022 A.8.11 A.8.24"),
    notes="RDS & Aurora Security",
)
def rds_cluster_storage_encrypted(cluster: DBCluster, *, require_kms: bool = False) -> Verdict:
    """RDS clusters encrypt their storage.

    Risk: data, backups and snapshots lie in the clear for whoever gets at the storage or at a copy of it.
    Fix: aws rds create-db-cluster-snapshot --db-cluster-identifier {id} --db-cluster-snapshot-identifier {id}-plain
      --region {region}
    aws rds wait db-cluster-snapshot-available --db-cluster-snapshot-identifier {id}-plain --region {region}
    aws rds restore-db-cluster-from-snapshot --db-cluster-identifier {id}-encrypted --snapshot-identifier {id}-plain
      --engine "$(aws rds describe-db-clusters --db-cluster-identifier {id} --query 'DBClusters[0].Engine'
      --output text --region {region})" --kms-key-id alias/aws/rds --region {region}
    """
    if cluster.foreign:
        return not_applicable(FOREIGN, engine=cluster.engine)
    return _cluster_storage(cluster, require_kms=require_kms)


def _cluster_storage(stored: DBCluster | DBClusterSnapshot, *, require_kms: bool) -> Verdict:
    """What is to be said of the storage of a cluster, or of a snapshot of one."""
    kind = stored.storage_encryption_type
    evidence: dict[str, Any] = {"storage_encrypted": stored.storage_encrypted, "storage_encryption_type": kind}
    if stored.storage_encrypted:
        return passed(**evidence)
    if kind == "sse-rds":
        if require_kms:
            return failed("The storage is encrypted by a key of AWS's own, not by one of KMS", **evidence)
        return passed("The storage is encrypted by a key of AWS's own", **evidence)
    created = stored.cluster_create_time
    # "none" is an answer. No answer, of a cluster that Aurora encrypts unasked, is one that does not know the member.
    if kind is None and stored.engine.startswith("aurora") and (created is None or created >= DEFAULT_ENCRYPTION):
        return unknown(
            "AWS does not say whether a key of its own encrypts the storage, as it does by default", **evidence
        )
    return failed("The storage is not encrypted", **evidence)


@rule(severity=Severity.MEDIUM, controls=("SecurityHub RDS.50",), notes="Backups", category=Category.RELIABILITY)
def rds_cluster_backup_retention(cluster: DBCluster, *, days: int = 7) -> Verdict:
    """RDS clusters keep automated backups for a week or longer.

    Risk: damage that is noticed after the last backup has been dropped, by default after a day, cannot be undone.
    Fix: aws rds modify-db-cluster --db-cluster-identifier {id} --backup-retention-period 7 --apply-immediately
      --region {region}
    """
    if cluster.foreign:
        return not_applicable(FOREIGN, engine=cluster.engine)
    kept = cluster.backup_retention_period
    if kept < days:
        return failed(f"Backups are kept for {kept} of {days} days", backup_retention_period=kept)
    return passed(backup_retention_period=kept)


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub RDS.15", "CIS-5.0 2.2.4", "ISO-27001-2022 A.8.14"),
    notes="Aurora HA",
    category=Category.RELIABILITY,
)
def rds_cluster_multi_az(cluster: DBCluster) -> Verdict:
    """Aurora clusters have instances in more than one zone.

    Risk: the data is in three zones at all times, but with the zone of the only instances gone nothing serves it.
    Fix: in the template, add an AWS::RDS::DBInstance with this DBClusterIdentifier and another AvailabilityZone.
    """
    if cluster.foreign:
        return not_applicable(FOREIGN, engine=cluster.engine)
    if not cluster.engine.startswith("aurora"):
        return not_applicable("A Multi-AZ cluster always spans three zones", engine=cluster.engine)
    if cluster.serverless_v1:
        return not_applicable("Aurora Serverless v1 moves its one instance by itself", engine_mode=cluster.engine_mode)
    if not cluster.db_cluster_members:
        return not_applicable("The cluster has no instances: it only keeps a copy of a global database's data")
    if cluster.multi_az:
        return passed(multi_az=True)
    members = sorted(member.db_instance_identifier for member in cluster.db_cluster_members)
    return failed("All instances stand in one zone", multi_az=False, instances=members)


@rule(severity=Severity.MEDIUM, controls=("ISO-27001-2022 A.8.24",), notes="In-flight encryption")
def rds_cluster_transport_encryption_required(cluster: DBCluster) -> Verdict:
    """RDS clusters refuse connections without TLS.

    Risk: a client that does not ask for TLS sends its password and its data in the clear.
    Fix: in the template, give the cluster an AWS::RDS::DBClusterParameterGroup of its own with rds.force_ssl: "1"
      (PostgreSQL) or require_secure_transport: "ON" (MySQL); a default group cannot be changed.
    """
    if cluster.foreign:
        return not_applicable(FOREIGN, engine=cluster.engine)
    if cluster.serverless_v1:
        return not_applicable("Aurora Serverless v1 is past its end: nothing but moving off it helps")
    if cluster.tls_parameter is None:
        return not_applicable("No parameter of this engine forces TLS", engine=cluster.engine)
    parameter = next((p for p in cluster.parameters if p.parameter_name == cluster.tls_parameter), None)
    value = parameter.parameter_value if parameter else None
    evidence: dict[str, Any] = {"parameter_group": cluster.db_cluster_parameter_group, cluster.tls_parameter: value}
    if parameter is None or not parameter.on:
        return failed(f"{cluster.tls_parameter} is not on, so TLS is up to the client", **evidence)
    return passed(**evidence)


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub RDS.34 RDS.37",
        "PCI-4.0 10.2.1.1.25 10.2.1.2.22 10.2.1.3.22 10.2.1.4.22 10.2.1.5.22 10.2.1.6.22 10.2.1.7.22 10.2.1.22",
        "PCI-4.0 10.2.2.22 10.3.1.22 10.6.3.28 5.3.4.27",
        "ISO-27001-2022 A.8.15",
    ),
    notes="Audit Logs to CloudWatch",
)
def rds_cluster_log_exports_enabled(cluster: DBCluster) -> Verdict:
    """RDS clusters export the log that tells what happened.

    Risk: logs that stay on the instances are rotated away within days, and are lost with them.
    Fix: in the template, set EnableCloudwatchLogsExports to [postgresql] (PostgreSQL), [error] (MySQL) or [audit]
      (Aurora MySQL, whose cluster parameter server_audit_logging has to be "1" for anything to be sent).
    """
    if cluster.foreign:
        return not_applicable(FOREIGN, engine=cluster.engine)
    exported = cluster.enabled_cloudwatch_logs_exports
    needed = LOGS.get(cluster.engine)
    if not exported:
        return failed("No log is exported", exported=[])
    if needed and needed not in exported:
        return failed(f"The {needed} log is not exported", exported=list(exported))
    return passed(exported=list(exported))


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub RDS.7",),
    notes="Managed service",
    category=Category.RELIABILITY,
)
def rds_cluster_deletion_protection_enabled(cluster: DBCluster) -> Verdict:
    """RDS clusters are protected from deletion.

    Risk: one call, or one template that is taken back, deletes the cluster and its automated backups.
    Fix: aws rds modify-db-cluster --db-cluster-identifier {id} --deletion-protection --region {region}
    """
    if cluster.foreign:
        return not_applicable(FOREIGN, engine=cluster.engine)
    if cluster.deletion_protection:
        return passed(deletion_protection=True)
    return failed("The cluster can be deleted by a single call", deletion_protection=False)


@rule(severity=Severity.HIGH, notes="Aurora Serverless", category=Category.OPERATIONS)
def rds_cluster_serverless_v1_not_used(cluster: DBCluster) -> Verdict:
    """Aurora clusters are not of the retired Serverless v1.

    Risk: AWS ended it on 31 March 2025: it gets no fixes, and AWS converts or stops what is left on a day of its own.
    Fix: aws rds modify-db-cluster --db-cluster-identifier {id} --engine-mode provisioned
      --allow-engine-mode-change --db-cluster-instance-class db.r6g.large --apply-immediately --region {region}
    """
    if cluster.foreign:
        return not_applicable(FOREIGN, engine=cluster.engine)
    if cluster.serverless_v1:
        return failed("The cluster is of Aurora Serverless v1", engine_mode=cluster.engine_mode)
    return passed(engine_mode=cluster.engine_mode)


@rule(severity=Severity.MEDIUM, notes="Aurora Global DB (recommended)", category=Category.RELIABILITY)
def rds_global_cluster_secondary_region_present(cluster: GlobalCluster) -> Verdict:
    """Aurora global databases have a secondary region that is in step.

    Risk: without one, the loss of the region is the loss of the database, which the global database was to prevent.
    Fix: in the template of another region, add an AWS::RDS::DBCluster with GlobalClusterIdentifier {id} and no master
      user, and an AWS::RDS::DBInstance in it.
    """
    if is_foreign(cluster.engine):
        return not_applicable(FOREIGN, engine=cluster.engine)
    if not cluster.engine.startswith("aurora"):
        return not_applicable("Only Aurora has global databases in RDS", engine=cluster.engine)
    if cluster.status != "available":
        return not_applicable("The global database is being changed", status=cluster.status)
    if cluster.failover_state and cluster.failover_state.status:
        return not_applicable("A failover or switchover is under way", failover=cluster.failover_state.status)
    members = cluster.global_cluster_members
    secondaries = [member.db_cluster_arn for member in members if not member.is_writer]
    behind = [member.db_cluster_arn for member in members if member.synchronization_status == "pending-resync"]
    if not secondaries:
        return failed("The global database has no secondary region", secondaries=[])
    if behind:
        return failed("A member is out of step and waits to be synchronised again", pending_resync=behind)
    return passed(secondaries=secondaries)


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub RDS.4", "PCI-4.0 3.5.1.26 8.3.2.43", "ISO-27001-2022 A.8.11 A.8.24"),
    notes="Security & Encryption (snapshots)",
)
def rds_snapshot_encrypted(snapshot: DBSnapshot | DBClusterSnapshot, *, require_kms: bool = False) -> Verdict:
    """RDS snapshots are encrypted.

    Risk: whoever may copy or restore the snapshot reads all that the database held that day; no key stands in the way.
    Fix: aws rds copy-db-snapshot --source-db-snapshot-identifier {arn} --target-db-snapshot-identifier {id}-encrypted
      --kms-key-id alias/aws/rds --region {region}
    aws rds delete-db-snapshot --db-snapshot-identifier {id} --region {region}
    A cluster's snapshot cannot be encrypted while it is copied: restore it with --kms-key-id, take a new one of what
      was restored, and delete the old one.
    """
    if is_foreign(snapshot.engine):
        return not_applicable(FOREIGN, engine=snapshot.engine)
    if snapshot.snapshot_type not in ("manual", "awsbackup"):
        return not_applicable("It is encrypted as its database is", snapshot_type=snapshot.snapshot_type)
    if snapshot.status != "available":
        return not_applicable("The snapshot is not finished", snapshot_status=snapshot.status)
    if isinstance(snapshot, DBClusterSnapshot):
        return _cluster_storage(snapshot, require_kms=require_kms)
    if snapshot.encrypted:
        return passed(encrypted=True)
    return failed("The snapshot is not encrypted", encrypted=False)


@rule(
    severity=Severity.CRITICAL,
    controls=(
        "SecurityHub RDS.1",
        "PCI-4.0 10.3.2.16 3.5.1.3.21 A1.1.2.12 A3.4.1.14",
        "NIST-800-53-r5 ac_2_6 ac_3 ac_3_7 ac_4_21 ac_6 ac_17_b ac_17_1 ac_17_4_a ac_17_9 ac_17_10 mp_2 sc_7_2",
        "ISO-27001-2022 A.8.1",
    ),
    notes="RDS security",
)
def rds_snapshot_not_public(snapshot: DBSnapshot | DBClusterSnapshot) -> Verdict:
    """RDS snapshots are not shared with everybody.

    Risk: anyone with an AWS account can restore the snapshot and read all that the database held that day.
    Fix: aws rds modify-db-snapshot-attribute --db-snapshot-identifier {id} --attribute-name restore
      --values-to-remove all --region {region}
    For a cluster's snapshot: aws rds modify-db-cluster-snapshot-attribute --db-cluster-snapshot-identifier {id}
      --attribute-name restore --values-to-remove all --region {region}
    """
    if snapshot.snapshot_type != "manual":
        return not_applicable("Only manual snapshots can be shared", snapshot_type=snapshot.snapshot_type)
    encrypted = snapshot.encrypted if isinstance(snapshot, DBSnapshot) else snapshot.storage_encrypted
    if encrypted:
        return passed("An encrypted snapshot cannot be shared with everybody", encrypted=True)
    lists = [each.attribute_values for each in snapshot.attributes if each.attribute_name == "restore"]
    if not lists:
        return unknown("AWS does not say who may restore the snapshot")
    restore = sorted(who for values in lists for who in values)
    if "all" in restore:
        return failed("Everybody with an AWS account may restore the snapshot", restore=restore)
    return passed(restore=restore)


@rule(severity=Severity.MEDIUM, notes="Amazon RDS Proxy")
def rds_proxy_iam_authentication_required(proxy: DBProxy) -> Verdict:
    """RDS proxies let clients in by IAM only.

    Risk: a database password that leaks opens the proxy from anywhere in the network, with no role and no trace in IAM.
    Fix: in the template, set IAMAuth: REQUIRED in each entry of Auth (ENABLED for SQL Server); without entries,
      DefaultAuthScheme: IAM_AUTH.
    """
    if proxy.status in ("creating", "deleting"):
        return not_applicable("The proxy is being made or deleted", proxy_status=proxy.status)
    modes = sorted({auth.iam_auth for auth in proxy.auth})
    evidence: dict[str, Any] = {"engine_family": proxy.engine_family, "iam_auth": modes}
    if proxy.engine_family == "SQLSERVER":
        if "DISABLED" in modes:
            return failed("The proxy lets clients in without IAM", **evidence)
        return passed(**evidence) if modes else unknown("AWS names nobody whom the proxy lets in", **evidence)
    if not modes and proxy.default_auth_scheme != "IAM_AUTH":
        return failed(
            "The proxy lets clients in without IAM", default_auth_scheme=proxy.default_auth_scheme, **evidence
        )
    if any(mode != "REQUIRED" for mode in modes):
        return failed("The proxy lets clients in without IAM", **evidence)
    return passed(default_auth_scheme=proxy.default_auth_scheme, **evidence)


@rule(severity=Severity.MEDIUM, controls=("SecurityHub RDS.43",), notes="Amazon RDS Proxy")
def rds_proxy_tls_required(proxy: DBProxy) -> Verdict:
    """RDS proxies refuse connections without TLS.

    Risk: a client that does not ask for TLS sends its password and its data in the clear.
    Fix: aws rds modify-db-proxy --db-proxy-name {id} --require-tls --region {region}
    """
    if proxy.require_tls:
        return passed(require_tls=True)
    return failed("The proxy accepts connections without TLS", require_tls=False)
