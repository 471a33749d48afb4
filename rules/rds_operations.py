"""Rules about how RDS databases are run: logins, upgrades, monitoring, replicas, snapshots, proxies."""

from typing import Any

from auditor.analysis.labels import SENSITIVE, marked
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.rds import FOREIGN, DBCluster, DBInstance, is_foreign
from auditor.resources.rds_groups import DBSubnetGroup
from auditor.resources.rds_proxy import DBProxy
from auditor.resources.rds_snapshots import DBClusterSnapshot, DBSnapshot
from auditor.resources.vpc import Subnet
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule, unknown

IAM_ENGINES = ("mariadb", "mysql", "postgres")
AURORA = ("aurora-mysql", "aurora-postgresql")
GUESSABLE = ("admin", "administrator", "postgres", "root", "sa", "master", "mysql")
CUSTOM = "RDS Custom leaves that to its owner"
IN_CLUSTER = "It is judged with its cluster"
TDE_OPTIONS = ("TDE", "TDE_HSM", "TRANSPARENT_DATA_ENCRYPTION")
TDE_ENGINES = ("oracle-ee", "sqlserver-ee", "sqlserver-se")


def _custom(instance: DBInstance) -> bool:
    return instance.engine.startswith("custom-")


@rule(
    severity=Severity.LOW,
    controls=(
        "SecurityHub RDS.10",
        "PCI-4.0 7.2.1.23 7.2.2.23 7.2.5.17 7.3.1.17 7.3.2.17 7.3.3.17 8.2.7.17 8.2.8.19 8.3.4.17",
    ),
    notes="IAM Authentication",
)
def rds_instance_iam_authentication_enabled(instance: DBInstance) -> Verdict:
    """RDS instances let clients in by IAM.

    Risk: passwords are shared, seldom changed and hard to withdraw; a token lasts for minutes and names its user.
    Fix: aws rds modify-db-instance --db-instance-identifier {id} --enable-iam-database-authentication
        --apply-immediately --region {region}
    """
    if instance.engine not in IAM_ENGINES:
        return not_applicable("The engine cannot, or its cluster is judged instead", engine=instance.engine)
    if not instance.alone:
        return not_applicable(IN_CLUSTER, cluster=instance.db_cluster_identifier)
    if instance.iam_database_authentication_enabled:
        return passed(iam_database_authentication_enabled=True)
    return failed("Clients can log in by password only", iam_database_authentication_enabled=False)


@rule(
    severity=Severity.LOW,
    controls=(
        "SecurityHub RDS.12",
        "PCI-4.0 7.2.1.22 7.2.2.22 7.2.5.16 7.3.1.16 7.3.2.16 7.3.3.16 8.2.7.16 8.2.8.18 8.3.4.16",
    ),
    notes="IAM Authentication",
)
def rds_cluster_iam_authentication_enabled(cluster: DBCluster) -> Verdict:
    """Aurora clusters let clients in by IAM.

    Risk: passwords are shared, seldom changed and hard to withdraw; a token lasts for minutes and names its user.
    Fix: aws rds modify-db-cluster --db-cluster-identifier {id} --enable-iam-database-authentication
        --apply-immediately --region {region}
    """
    if cluster.engine not in AURORA:
        return not_applicable("The guidance is about Aurora", engine=cluster.engine)
    if cluster.iam_database_authentication_enabled:
        return passed(iam_database_authentication_enabled=True)
    return failed("Clients can log in by password only", iam_database_authentication_enabled=False)


@rule(
    severity=Severity.LOW,
    controls=("SecurityHub RDS.13 RDS.35", "CIS-3.0 2.3.2", "CIS-5.0 2.2.2", "PCI-4.0 6.3.3.10"),
    notes="Managed service (patching)",
    category=Category.OPERATIONS,
)
def rds_instance_auto_minor_version_upgrade_enabled(instance: DBInstance) -> Verdict:
    """RDS instances get minor versions of their engine by themselves.

    Risk: fixes of known weaknesses wait until somebody thinks of them.
    Fix: aws rds modify-db-instance --db-instance-identifier {id} --auto-minor-version-upgrade --apply-immediately
        --region {region}
    """
    if instance.foreign:
        return not_applicable(FOREIGN, engine=instance.engine)
    if _custom(instance):
        return not_applicable(CUSTOM, engine=instance.engine)
    if instance.auto_minor_version_upgrade:
        return passed(auto_minor_version_upgrade=True)
    return failed("Minor versions are not applied by themselves", auto_minor_version_upgrade=False)


@rule(
    severity=Severity.LOW,
    controls=(
        "SecurityHub RDS.6",
        "NIST-800-53-r5 au_12_3 au_14_a au_14_b ca_2_2 ca_7 ca_7_b pm_14_a_1 pm_14_b pm_31 sc_36_1_a si_2_a",
    ),
    notes="Monitoring dashboards",
    category=Category.OPERATIONS,
)
def rds_instance_enhanced_monitoring_enabled(instance: DBInstance) -> Verdict:
    """RDS instances report what their operating system does.

    Risk: which process took the memory or the processor, CloudWatch's own metrics do not tell.
    Fix: aws rds modify-db-instance --db-instance-identifier {id} --monitoring-interval 60
        --monitoring-role-arn ROLE_ARN --apply-immediately --region {region}
    """
    if instance.foreign:
        return not_applicable(FOREIGN, engine=instance.engine)
    if _custom(instance):
        return not_applicable(CUSTOM, engine=instance.engine)
    if instance.monitoring_interval is None:
        return unknown("AWS does not say how often the instance reports")
    if instance.monitoring_interval == 0:
        return failed("Enhanced monitoring is off", monitoring_interval=0)
    return passed(monitoring_interval=instance.monitoring_interval)


@rule(severity=Severity.LOW, notes="RDS Proxy (Secrets Manager)")
def rds_instance_master_password_managed(instance: DBInstance) -> Verdict:
    """RDS keeps the master user's password in Secrets Manager, and changes it.

    Risk: a password that somebody chose lies in a template, in a history or in a chat, and is never changed.
    Fix: aws rds modify-db-instance --db-instance-identifier {id} --manage-master-user-password --apply-immediately
        --region {region}
    """
    if instance.foreign:
        return not_applicable(FOREIGN, engine=instance.engine)
    if _custom(instance):
        return not_applicable(CUSTOM, engine=instance.engine)
    if not instance.alone:
        return not_applicable("A cluster has one master user for all its instances")
    if instance.replica_of is not None:
        return not_applicable("A replica has the users of its source", source=instance.replica_of)
    if instance.master_user_secret is None:
        return failed("RDS does not manage the master user's password", master_user_secret=None)
    return passed(secret=instance.master_user_secret.secret_arn)


@rule(severity=Severity.LOW, controls=("SecurityHub RDS.24 RDS.25",), notes="RDS security")
def rds_instance_master_username_custom(
    database: DBInstance | DBCluster, *, guessable: tuple[str, ...] = GUESSABLE
) -> Verdict:
    """The master users of RDS databases have names that nobody guesses.

    Risk: who tries passwords knows the name of the most powerful user already.
    Fix: the name cannot change: make a database of another master user, and move the data there.
    aws rds create-db-instance --db-instance-identifier {id}-2 --master-username NAME --manage-master-user-password
        --db-instance-class CLASS --engine ENGINE --allocated-storage GIB --region {region}
    """
    if database.foreign:
        return not_applicable(FOREIGN, engine=database.engine)
    if isinstance(database, DBInstance):
        if not database.alone:
            return not_applicable(IN_CLUSTER, cluster=database.db_cluster_identifier)
        if database.replica_of is not None:
            return not_applicable("A replica has the users of its source", source=database.replica_of)
    name = database.master_username
    if name is None:
        return unknown("AWS does not say what the master user is called")
    if name.lower() in guessable:
        return failed("The master user has a name that everybody tries", master_username=name)
    return passed(master_username=name)


@rule(severity=Severity.INFORMATIONAL, notes="TDE for Oracle and SQL Server")
def rds_option_group_tde_enabled(instance: DBInstance, *, sensitive: tuple[str, ...] = SENSITIVE) -> Verdict:
    """Oracle and SQL Server encrypt sensitive data themselves, too.

    Risk: storage encryption ends where a backup is taken by the engine's own tools: such files lie in the clear.
    Fix: aws rds add-option-to-option-group --option-group-name OPTION_GROUP --options
        OptionName=TRANSPARENT_DATA_ENCRYPTION --apply-immediately --region {region}
    For Oracle the option is called TDE. It cannot be taken out again.
    """
    if not instance.engine.startswith(TDE_ENGINES):
        return not_applicable("The engine has no such option", engine=instance.engine)
    tag = marked(instance.tags or {}, sensitive)
    if tag is None:
        return not_applicable("No tag says that the data is sensitive")
    options = sorted(option.option_name for group in instance.option_groups for option in group.options)
    if not instance.option_group_memberships:
        return unknown("AWS does not say which option group the instance has", tag=tag)
    if not set(TDE_OPTIONS).intersection(options):
        return failed("The engine does not encrypt the data itself", options=options, tag=tag)
    return passed(options=options)


@rule(severity=Severity.INFORMATIONAL, notes="Multi AZ (replica as DR)", category=Category.RELIABILITY)
def rds_read_replica_dr_ready(instance: DBInstance) -> Verdict:
    """Replicas in another region could take over as they are.

    Risk: a replica without backups and without a standby becomes, on a bad day, a primary without either.
    Fix: aws rds modify-db-instance --db-instance-identifier {id} --multi-az --backup-retention-period 7
        --apply-immediately --region {region}
    """
    source = instance.replica_of
    if source is None:
        return not_applicable("The instance is no replica")
    region = source.split(":")[3] if source.startswith("arn:") else instance.region
    if region == instance.region:
        return not_applicable("The replica is in its source's region")
    evidence: dict[str, Any] = {
        "multi_az": instance.multi_az,
        "backup_retention_period": instance.backup_retention_period,
    }
    if not instance.multi_az or instance.backup_retention_period == 0:
        return failed("The replica lacks a standby or backups", source=source, **evidence)
    return passed(source=source, **evidence)


@rule(severity=Severity.LOW, notes="DB snapshots (manual, no expiry)", category=Category.COST)
def rds_snapshot_manual_not_old(
    snapshot: DBSnapshot | DBClusterSnapshot, inventory: Inventory, *, days: int = 365
) -> Verdict:
    """Manual snapshots are not kept for more than a year.

    Risk: a copy of all data of that day that nobody remembers is paid for, and can be shared or restored, for ever.
    Fix: aws rds delete-db-snapshot --db-snapshot-identifier {id} --region {region}
    For a cluster's snapshot: aws rds delete-db-cluster-snapshot --db-cluster-snapshot-identifier {id} --region {region}
    """
    if is_foreign(snapshot.engine):
        return not_applicable(FOREIGN, engine=snapshot.engine)
    if snapshot.snapshot_type != "manual":
        return not_applicable("It ends by itself", snapshot_type=snapshot.snapshot_type)
    made = snapshot.snapshot_create_time
    if made is None:
        return not_applicable("The snapshot is not finished", snapshot_status=snapshot.status)
    age = (inventory.now - made).days
    if age > days:
        return failed(f"The snapshot is {age} days old", created=made.isoformat(), age_days=age)
    return passed(age_days=age)


@rule(severity=Severity.LOW, notes="Multi AZ", category=Category.RELIABILITY)
def rds_subnet_group_multi_az(
    group: DBSubnetGroup, inventory: Inventory, *, zones: int = 2, aurora_zones: int = 3
) -> Verdict:
    """Subnet groups of databases cover two zones, three for Aurora.

    Risk: when a zone fails, there is no other one in which RDS might start the database again.
    Fix: aws rds modify-db-subnet-group --db-subnet-group-name {id} --subnet-ids SUBNET_A SUBNET_B SUBNET_C
        --region {region}
    """
    places = [subnet.subnet_availability_zone for subnet in group.subnets]
    if any(place is None for place in places):
        return unknown("AWS does not say which zones the subnets are in")
    names = sorted({place.name for place in places if place is not None})
    if len(names) < zones:
        return failed("The subnet group does not cover several zones", zones=names)
    users = inventory.where(DBInstance, "subnet_group_name", group.db_subnet_group_name, region=group.region)
    if len(names) < aurora_zones and any_of(lambda user: user.engine in AURORA, users):
        return failed("Aurora stands in fewer zones than it could", zones=names, engine="aurora")
    return passed(zones=names)


@rule(severity=Severity.LOW, notes="Amazon RDS Proxy (multi-AZ)", category=Category.RELIABILITY)
def rds_proxy_multi_az(proxy: DBProxy, inventory: Inventory) -> Verdict:
    """RDS proxies stand in several zones.

    Risk: when the one zone fails, nobody reaches the database through the proxy, however well that one fails over.
    Fix: the subnets cannot change: make a proxy with subnets of several zones, and move the clients there.
    aws rds create-db-proxy --db-proxy-name {id}-2 --vpc-subnet-ids SUBNET_A SUBNET_B --engine-family FAMILY
        --role-arn ROLE_ARN --auth file://auth.json --require-tls --region {region}
    """
    found = [inventory.find(Subnet, "subnet_id", each, region=proxy.region) for each in proxy.vpc_subnet_ids]
    names = sorted({subnet.availability_zone for subnet in found if subnet is not None})
    if len(names) > 1:
        return passed(zones=names)
    if any(subnet is None for subnet in found):
        return unknown("The account does not see all subnets of the proxy", subnets=sorted(proxy.vpc_subnet_ids))
    return failed("The proxy stands in one zone", zones=names, subnets=sorted(proxy.vpc_subnet_ids))


@rule(severity=Severity.LOW, notes="Amazon RDS Proxy")
def rds_proxy_debug_logging_disabled(proxy: DBProxy) -> Verdict:
    """RDS proxies do not log what clients ask.

    Risk: the statements of all clients, with the values in them, lie in a log for everyone who may read logs.
    Fix: aws rds modify-db-proxy --db-proxy-name {id} --no-debug-logging --region {region}
    """
    if proxy.debug_logging:
        return failed("The proxy logs statements", debug_logging=True)
    return passed(debug_logging=False)
