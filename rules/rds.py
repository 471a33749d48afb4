"""RDS instances. Aurora's members are judged by their cluster where the setting is the cluster's: see rds_cluster."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.rds import ANNOUNCED, FOREIGN, DBCluster, DBInstance, Lifecycle
from auditor.rule import Verdict, failed, not_applicable, passed, rule, unknown

MEMBER = "A member of a cluster has this from its cluster, which is judged instead"
REPLICA = "A read replica has this from its source, or is replaced from it"
CUSTOM = "RDS Custom leaves this to whoever runs the instance"

# Certificate authorities that have expired.
RETIRED_AUTHORITIES = ("rds-ca-2010", "rds-ca-2015", "rds-ca-2017", "rds-ca-2019")

# Each of these sets must share a member with the exported logs, by engine family.
LOGS: dict[str, tuple[tuple[str, ...], ...]] = {
    "postgres": (("postgresql",),),
    "mysql": (("error",), ("audit", "general")),
    "mariadb": (("error",), ("audit", "general")),
    "oracle": (("alert",), ("audit",)),
    "sqlserver": (("error",),),
    "db2": (("diag.log",),),
}
STANDARD, EXTENDED = "open-source-rds-standard-support", "open-source-rds-extended-support"


def _apart(instance: DBInstance, *, replicas: bool = False) -> Verdict | None:
    """Why an instance is not judged by itself; None if it is. `replicas`: whether read replicas are."""
    if instance.foreign:
        return not_applicable(FOREIGN, engine=instance.engine)
    if not instance.alone:
        return not_applicable(MEMBER, db_cluster_identifier=instance.db_cluster_identifier)
    if instance.replica_of and not replicas:
        return not_applicable(REPLICA, replica_of=instance.replica_of)
    return None


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub RDS.3",
        "CIS-3.0 2.3.1",
        "CIS-5.0 2.2.1",
        "PCI-4.0 3.5.1.27 8.3.2.44",
        "NIST-800-53-r5 au_9_3 cp_9_d cp_9_8 sc_8_3 sc_8_4 sc_13_a sc_28_1 si_19_4",
        "ISO-27001-2022 A.8.11 A.8.24",
    ),
    notes="RDS & Aurora Security",
)
def rds_instance_storage_encrypted(instance: DBInstance) -> Verdict:
    """RDS instances encrypt their storage.

    Risk: data, backups, replicas and snapshots lie in the clear for whoever gets at the storage or at a copy of it.
    Fix: aws rds create-db-snapshot --db-instance-identifier {id} --db-snapshot-identifier {id}-plain --region {region}
    aws rds wait db-snapshot-available --db-snapshot-identifier {id}-plain --region {region}
    aws rds copy-db-snapshot --source-db-snapshot-identifier {id}-plain --target-db-snapshot-identifier {id}-encrypted
      --kms-key-id alias/aws/rds --region {region}
    aws rds wait db-snapshot-available --db-snapshot-identifier {id}-encrypted --region {region}
    aws rds restore-db-instance-from-db-snapshot --db-instance-identifier {id}-encrypted
      --db-snapshot-identifier {id}-encrypted --region {region}
    """
    if apart := _apart(instance, replicas=True):
        return apart
    if instance.storage_encrypted:
        return passed(storage_encrypted=True)
    return failed("The storage is not encrypted", storage_encrypted=False)


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub RDS.11",
        "PCI-4.0 10.3.3.8",
        "NIST-800-53-r5 cp_1_2 cp_2_5 cp_6_a cp_6_1 cp_6_2 cp_9_a cp_9_b cp_9_c cp_10 cp_10_2 sc_5_2 si_13_5",
    ),
    notes="Backups",
    category=Category.RELIABILITY,
)
def rds_instance_backup_retention(instance: DBInstance, *, days: int = 7) -> Verdict:
    """RDS instances keep automated backups for a week or longer.

    Risk: damage that is noticed after the last backup has been dropped can no longer be undone.
    Fix: aws rds modify-db-instance --db-instance-identifier {id} --backup-retention-period 7 --apply-immediately
      --region {region}
    """
    if apart := _apart(instance):
        return apart
    kept = instance.backup_retention_period
    if kept == 0:
        return failed("Automated backups are off", severity=Severity.HIGH, backup_retention_period=kept)
    if kept < days:
        return failed(f"Backups are kept for {kept} of {days} days", backup_retention_period=kept)
    return passed(backup_retention_period=kept)


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub RDS.5",
        "CIS-5.0 2.2.4",
        "NIST-800-53-r5 cp_1_a_1_b cp_1_a_2 cp_2_a cp_2_a_6 cp_2_a_7 cp_2_d cp_2_e cp_2_5 cp_2_6 cp_6_2 cp_10 sc_5_2",
        "ISO-27001-2022 A.8.14",
    ),
    notes="Multi AZ",
    category=Category.RELIABILITY,
)
def rds_instance_multi_az(instance: DBInstance) -> Verdict:
    """RDS instances have a standby in another zone.

    Risk: the loss of one zone, or of one host, takes the database down until somebody restores it.
    Fix: aws rds modify-db-instance --db-instance-identifier {id} --multi-az --apply-immediately --region {region}
    """
    if apart := _apart(instance):
        return apart
    if instance.engine.startswith("custom-"):
        return not_applicable(CUSTOM, engine=instance.engine)
    if instance.multi_az is None:
        return unknown("AWS does not say whether the instance has a standby")
    if instance.multi_az:
        return passed(multi_az=True)
    return failed("The instance stands in one zone alone", multi_az=False)


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub RDS.38 RDS.39 RDS.41 RDS.44", "ISO-27001-2022 A.8.24"),
    notes="In-flight encryption (rds.force_ssl, REQUIRE SSL)",
)
def rds_instance_transport_encryption_required(instance: DBInstance) -> Verdict:
    """RDS instances refuse connections without TLS.

    Risk: a client that does not ask for TLS sends its password and its data in the clear.
    Fix: in the template, give the instance an AWS::RDS::DBParameterGroup of its own with rds.force_ssl: "1"
      (PostgreSQL, SQL Server) or require_secure_transport: "1" (MySQL, MariaDB), or, for Oracle, an
      AWS::RDS::OptionGroup with the option SSL; a default group cannot be changed.
    aws rds reboot-db-instance --db-instance-identifier {id} --region {region}
    """
    if apart := _apart(instance, replicas=True):
        return apart
    if instance.engine.startswith("oracle-"):
        return _oracle_offers_tls(instance)
    if instance.tls_parameter is None:
        return not_applicable("No parameter of this engine forces TLS", engine=instance.engine)
    if not instance.db_parameter_groups:
        return unknown("AWS names no parameter group of the instance")
    parameter = next((p for p in instance.parameters if p.parameter_name == instance.tls_parameter), None)
    value = parameter.parameter_value if parameter else None
    evidence: dict[str, Any] = {"parameter_group": instance.parameter_group_name, instance.tls_parameter: value}
    if parameter is None or not parameter.on:
        return failed(f"{instance.tls_parameter} is not on, so TLS is up to the client", **evidence)
    status = instance.db_parameter_groups[0].parameter_apply_status
    if status == "pending-reboot":
        return failed(
            f"{instance.tls_parameter} takes effect with the next reboot only",
            parameter_apply_status=status,
            **evidence,
        )
    return passed(**evidence)


def _oracle_offers_tls(instance: DBInstance) -> Verdict:
    """Oracle cannot be made to refuse other connections; the option is what offers TLS at all."""
    if not instance.option_group_memberships:
        return unknown("AWS names no option group of the instance")
    if not instance.option_groups:
        return unknown("AWS does not give the instance's option group", option_group=instance.option_group_name)
    options = [option.option_name for group in instance.option_groups for option in group.options]
    evidence: dict[str, Any] = {"option_group": instance.option_group_name, "options": sorted(options)}
    if "SSL" in options:
        return passed(**evidence)
    return failed("The option group lacks SSL, so the instance does not even offer TLS", **evidence)


@rule(severity=Severity.HIGH, notes="In-flight encryption (root certificates)")
def rds_instance_ca_certificate_valid(instance: DBInstance, inventory: Inventory, *, days: int = 90) -> Verdict:
    """RDS instances have a server certificate that is valid for a while, of a live authority.

    Risk: once it expires, clients that check certificates cannot connect, and the others have no proof of whom they
      talk to.
    Fix: aws rds modify-db-instance --db-instance-identifier {id} --ca-certificate-identifier rds-ca-rsa2048-g1
      --apply-immediately --region {region}
    """
    authority, certificate = instance.ca_certificate_identifier, instance.certificate_details
    till = certificate.valid_till if certificate else None
    evidence: dict[str, Any] = {
        "ca_certificate_identifier": authority,
        "valid_till": till.isoformat() if till else None,
    }
    if authority in RETIRED_AUTHORITIES:
        return failed(f"The authority {authority} has expired", **evidence)
    if till is not None and till < inventory.now + timedelta(days=days):
        return failed(f"The server certificate expires on {till:%Y-%m-%d}", **evidence)
    if authority is None and till is None:
        return unknown("AWS names no certificate of the instance")
    return passed(**evidence)


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub RDS.9 RDS.36 RDS.40 RDS.42",
        "PCI-4.0 10.2.1.1.26 10.2.1.2.23 10.2.1.3.23 10.2.1.4.23 10.2.1.5.23 10.2.1.6.23 10.2.1.7.23 10.2.1.23",
        "PCI-4.0 10.2.2.23 10.3.1.23 10.6.3.29 5.3.4.28",
        "NIST-800-53-r5 ac_2_4 ac_3_1 ac_3_10 ac_4_26 ac_6_9 au_2_b au_3_a au_3_b au_3_c au_3_d au_3_e au_3_f",
        "ISO-27001-2022 A.8.15",
    ),
    notes="Audit Logs to CloudWatch",
)
def rds_instance_log_exports_enabled(instance: DBInstance) -> Verdict:
    """RDS instances export the logs that tell what happened.

    Risk: logs that stay on the instance are rotated away within days, and are lost with it.
    Fix: in the template, set EnableCloudwatchLogsExports to [postgresql] (PostgreSQL), [error, audit] (MySQL, MariaDB),
      [alert, audit] (Oracle), [error] (SQL Server) or [diag.log] (Db2).
    """
    if apart := _apart(instance, replicas=True):
        return apart
    needed = LOGS.get(instance.engine.partition("-")[0])
    if needed is None:
        reason = CUSTOM if instance.engine.startswith("custom-") else "No minimum is set for the logs of this engine"
        return not_applicable(reason, engine=instance.engine)
    exported = instance.enabled_cloudwatch_logs_exports
    lacking = [" or ".join(names) for names in needed if not set(names) & set(exported)]
    if lacking:
        return failed(f"These logs are not exported: {', '.join(lacking)}", exported=list(exported))
    return passed(exported=list(exported))


@rule(severity=Severity.MEDIUM, notes="Managed service (maintenance windows)", category=Category.OPERATIONS)
def rds_instance_no_overdue_maintenance(
    database: DBInstance | DBCluster, inventory: Inventory, *, days: int = 14
) -> Verdict:
    """RDS instances and clusters have no maintenance that is overdue or close at hand.

    Risk: AWS applies it on its own date, restarts included, and until then the database runs what needs mending.
    Fix: aws rds describe-pending-maintenance-actions --resource-identifier {arn} --region {region}
    aws rds apply-pending-maintenance-action --resource-identifier {arn} --opt-in-type next-maintenance
      --apply-action "$(aws rds describe-pending-maintenance-actions --resource-identifier {arn} --output text --query
      'PendingMaintenanceActions[0].PendingMaintenanceActionDetails[0].Action' --region {region})" --region {region}
    """
    actions = [action for entry in database.pending_maintenance for action in entry.pending_maintenance_action_details]
    limit = inventory.now + timedelta(days=days)
    due = sorted((action.due, action.action) for action in actions if action.due and action.due <= limit)
    if not due:
        return passed(pending=sorted(action.action for action in actions))
    what = ", ".join(f"{action} on {when:%Y-%m-%d}" for when, action in due)
    return failed(f"Maintenance is due: {what}", due={action: when.isoformat() for when, action in due})


@rule(severity=Severity.MEDIUM, notes="Managed service (patching)")
def rds_instance_engine_version_supported(database: DBInstance | DBCluster, inventory: Inventory) -> Verdict:
    """RDS instances and clusters run an engine version in standard support.

    Risk: an unsupported version gets no fixes, or gets them for a fee per vCPU and hour that begins unannounced.
    Fix: in the template, raise EngineVersion to a version in standard support, with AllowMajorVersionUpgrade: true;
      try it on a copy first, since a major upgrade cannot be taken back.
    """
    if database.foreign:
        return not_applicable(FOREIGN, engine=database.engine)
    if isinstance(database, DBInstance) and not database.alone:
        return not_applicable(MEMBER, db_cluster_identifier=database.db_cluster_identifier)
    if database.engine.startswith("custom-"):
        return not_applicable(CUSTOM, engine=database.engine)
    if database.engine_version is None:
        return unknown("AWS names no version of the engine")
    evidence: dict[str, Any] = {"engine": database.engine, "engine_version": database.engine_version}
    known = [v.status for v in database.engine_versions if v.engine_version == database.engine_version]
    if not known or "deprecated" in known:
        said = "deprecated" if known else "no longer known to RDS"
        return failed(f"The engine version is {said}", severity=Severity.HIGH, **evidence)
    return _support(database, inventory.now, evidence)


def _support(database: DBInstance | DBCluster, now: datetime, evidence: dict[str, Any]) -> Verdict:
    """What the lifecycle of a database's major version says."""
    if database.engine not in ANNOUNCED:
        return passed(**evidence)
    version = f"{database.engine_version}."
    majors = [m for m in database.major_engine_versions if version.startswith(f"{m.major_engine_version}.")]
    longest = max((len(m.major_engine_version) for m in majors), default=0)
    own = [m for m in majors if len(m.major_engine_version) == longest]
    lifecycles = [each for m in own for each in m.supported_engine_lifecycles]
    if not any(each.lifecycle_support_name == STANDARD for each in lifecycles):
        return unknown("AWS does not say how long the major version is supported", **evidence)
    if _ended(lifecycles, EXTENDED, now):
        return failed("Even the extended support of the major version has ended", severity=Severity.HIGH, **evidence)
    if end := _ended(lifecycles, STANDARD, now):
        return failed(f"Standard support of the major version ended on {end:%Y-%m-%d}", **evidence)
    return passed(**evidence)


def _ended(lifecycles: Iterable[Lifecycle], name: str, now: datetime) -> datetime | None:
    """When a kind of support ended; None if it goes on, or AWS has not announced its end."""
    ends = (each.lifecycle_support_end_date for each in lifecycles if each.lifecycle_support_name == name)
    return next((end for end in ends if end < now), None)


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub RDS.8",
        "NIST-800-53-r5 ca_7_4_c cm_3_a cp_1_a_1_b cp_1_a_2 cp_2_a cp_2_a_6 cp_2_a_7 cp_2_d cp_2_e cp_2_5 sa_15_a_4",
        "NIST-800-53-r5 sc_5_2",
    ),
    notes="Managed service",
    category=Category.RELIABILITY,
)
def rds_instance_deletion_protection_enabled(instance: DBInstance) -> Verdict:
    """RDS instances are protected from deletion.

    Risk: one call, or one template that is taken back, deletes the database and its automated backups.
    Fix: aws rds modify-db-instance --db-instance-identifier {id} --deletion-protection --region {region}
    """
    if apart := _apart(instance):
        return apart
    if instance.deletion_protection:
        return passed(deletion_protection=True)
    return failed("The instance can be deleted by a single call", deletion_protection=False)
