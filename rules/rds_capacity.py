"""Rules about how much RDS databases have and use: storage, load, replicas, readers, reservations."""

from typing import Any

from auditor.analysis.reserved_databases import uncovered, units
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.rds import FOREIGN, DBCluster, DBInstance
from auditor.rule import Verdict, failed, not_applicable, passed, rule, unknown

GIB = 1 << 30
OLD_STORAGE = ("gp2", "standard", "io1")
AURORA_STORAGE = "Aurora's storage grows by itself"
NOT_MEASURED = "CloudWatch has measured nothing of it"
# An idle PostgreSQL sends something every five minutes only: until then, its replicas seem to lag.
POSTGRES_IDLE_SECONDS = 300


@rule(severity=Severity.MEDIUM, notes="Read replicas", category=Category.RELIABILITY)
def rds_read_replica_lag_acceptable(instance: DBInstance, *, seconds: int = 60) -> Verdict:
    """Read replicas keep up with their source.

    Risk: readers see what is long past, and what a replica lacks is lost when it has to take over.
    Fix: give the replica as large a class as its source has, and look for long transactions:
    aws rds modify-db-instance --db-instance-identifier {id} --db-instance-class CLASS --apply-immediately
        --region {region}
    """
    if instance.replica_of is None:
        return not_applicable("The instance is no replica")
    if instance.foreign:
        return not_applicable(FOREIGN, engine=instance.engine)
    if instance.db_instance_status != "available":
        return not_applicable("The replica is not running", instance_status=instance.db_instance_status)
    broken = [info for info in instance.status_infos if info.status_type == "read replication" and not info.normal]
    if broken:
        return failed("Replication does not work", replication=broken[0].status, error=broken[0].message)
    if not instance.replica_lag:
        return unknown(NOT_MEASURED)
    if -1 in instance.replica_lag:
        return failed("Replication was broken within the last day", replica_lag=-1)
    limit = max(seconds, POSTGRES_IDLE_SECONDS) if instance.engine == "postgres" else seconds
    lag = sorted(instance.replica_lag)[9 * (len(instance.replica_lag) - 1) // 10]
    if lag > limit:
        return failed(f"The replica lags by {round(lag)} seconds", replica_lag_p90=round(lag, 1), limit=limit)
    return passed(replica_lag_p90=round(lag, 1))


@rule(severity=Severity.HIGH, notes="Storage Auto Scaling (less than 10 % free)", category=Category.RELIABILITY)
def rds_instance_free_storage_sufficient(instance: DBInstance, *, percent: int = 10) -> Verdict:
    """RDS instances have a tenth of their storage left.

    Risk: a database without free storage stops, and takes hours to come back.
    Fix: aws rds modify-db-instance --db-instance-identifier {id} --allocated-storage GIB
        --max-allocated-storage MORE_GIB --apply-immediately --region {region}
    """
    if instance.foreign:
        return not_applicable(FOREIGN, engine=instance.engine)
    if not instance.own_storage:
        return not_applicable(AURORA_STORAGE, engine=instance.engine)
    if instance.db_instance_status == "storage-full":
        return failed("The storage is full", instance_status=instance.db_instance_status)
    if instance.db_instance_status == "stopped":
        return not_applicable("The instance is stopped")
    if not instance.free_storage_space:
        return unknown(NOT_MEASURED)
    free = min(instance.free_storage_space)
    share = round(100 * free / (instance.allocated_storage * GIB), 1)
    if share < percent:
        return failed(
            f"Only {share} % of the storage were free within the last day",
            severity=Severity.MEDIUM if _grows(instance) else None,
            free_percent=share,
            allocated_gib=instance.allocated_storage,
            max_allocated_gib=instance.max_allocated_storage,
        )
    return passed(free_percent=share)


def _grows(instance: DBInstance) -> bool:
    """Whether RDS adds storage by itself, and there is room to."""
    return (instance.max_allocated_storage or 0) > instance.allocated_storage


@rule(severity=Severity.LOW, notes="Storage Auto Scaling", category=Category.RELIABILITY)
def rds_instance_storage_autoscaling_enabled(instance: DBInstance) -> Verdict:
    """The storage of RDS instances grows by itself, up to a limit.

    Risk: one night of logs or one large import fills the storage, and the database stops.
    Fix: aws rds modify-db-instance --db-instance-identifier {id} --max-allocated-storage GIB --apply-immediately
        --region {region}
    """
    if instance.foreign:
        return not_applicable(FOREIGN, engine=instance.engine)
    if not instance.own_storage:
        return not_applicable(AURORA_STORAGE, engine=instance.engine)
    if not instance.alone or instance.engine.startswith("custom-"):
        return not_applicable("Storage of clusters and of RDS Custom cannot grow by itself", engine=instance.engine)
    evidence: dict[str, Any] = {
        "allocated_gib": instance.allocated_storage,
        "max_allocated_gib": instance.max_allocated_storage,
    }
    return passed(**evidence) if _grows(instance) else failed("The storage does not grow by itself", **evidence)


@rule(severity=Severity.LOW, notes="Storage backed by gp2 or io1", category=Category.COST)
def rds_instance_storage_gp3_used(instance: DBInstance) -> Verdict:
    """RDS instances stand on storage of today's kind.

    Risk: gp2 is slow where it is small, and io1 costs more than gp3 does for the same operations.
    Fix: aws rds modify-db-instance --db-instance-identifier {id} --storage-type gp3 --apply-immediately
        --region {region}
    """
    if instance.foreign:
        return not_applicable(FOREIGN, engine=instance.engine)
    if not instance.own_storage:
        return not_applicable("Aurora has storage of its own", engine=instance.engine)
    if instance.storage_type is None:
        return unknown("AWS does not say what the instance stands on")
    if instance.storage_type in OLD_STORAGE:
        return failed("The instance stands on storage of an old kind", storage_type=instance.storage_type)
    return passed(storage_type=instance.storage_type)


@rule(severity=Severity.LOW, notes="Scaling", category=Category.COST)
def rds_instance_not_idle(instance: DBInstance, *, days: int = 7) -> Verdict:
    """Somebody uses each RDS instance.

    Risk: an instance that nobody has connected to for a week is paid for by the hour, and still can be broken into.
    Fix: aws rds stop-db-instance --db-instance-identifier {id} --region {region}
    """
    if instance.foreign:
        return not_applicable(FOREIGN, engine=instance.engine)
    if instance.db_instance_status != "available":
        return not_applicable("The instance is not running", instance_status=instance.db_instance_status)
    measured = instance.database_connections
    if not measured:
        return unknown(NOT_MEASURED)
    most = max(measured)
    if most > 0:
        return passed(most_connections=round(most))
    if len(measured) < days:
        return not_applicable("It was measured for less than a week", days=len(measured))
    return failed("Nobody has connected for a week", most_connections=0, days=len(measured))


@rule(severity=Severity.INFORMATIONAL, notes="Reserved Instances (think database)", category=Category.COST)
def rds_instance_covered_by_reservation(instance: DBInstance, inventory: Inventory, *, days: int = 90) -> Verdict:
    """RDS instances that run all the time are reserved.

    Risk: what has run for months, and will for years, costs about half as much again as it would reserved.
    Fix: aws rds describe-reserved-db-instances-offerings --db-instance-class CLASS --duration 31536000
        --region {region}
    aws rds purchase-reserved-db-instances-offering --reserved-db-instances-offering-id OFFERING_ID --region {region}
    """
    if instance.foreign:
        return not_applicable(FOREIGN, engine=instance.engine)
    if units(instance.db_instance_class, multi_az=False) is None:
        return not_applicable("Its class cannot be reserved", instance_class=instance.db_instance_class)
    made = instance.instance_create_time
    if instance.db_instance_status != "available" or made is None:
        return not_applicable("The instance is not running", instance_status=instance.db_instance_status)
    age = (inventory.now - made).days
    if age <= days:
        return not_applicable("The instance is new", age_days=age)
    evidence: dict[str, Any] = {
        "instance_class": instance.db_instance_class,
        "engine": instance.engine,
        "age_days": age,
    }
    # Reservations serve what runs.
    peers = [
        each for each in inventory.each(DBInstance, region=instance.region) if each.db_instance_status != "stopped"
    ]
    if instance.db_instance_identifier in uncovered(peers, instance.reservations):
        return failed("No reservation covers the instance", **evidence)
    return passed(**evidence)


@rule(
    severity=Severity.INFORMATIONAL,
    controls=("SecurityHub RDS.14",),
    notes="Features of Aurora (backtrack)",
    category=Category.RELIABILITY,
)
def rds_cluster_backtrack_enabled(cluster: DBCluster) -> Verdict:
    """Clusters of Aurora MySQL can be wound back.

    Risk: after a statement that went wrong, the only way back is to restore a whole cluster, which takes hours.
    Fix: it can only be chosen when a cluster is made or restored:
    aws rds restore-db-cluster-to-point-in-time --source-db-cluster-identifier {id} --db-cluster-identifier {id}-2
        --use-latest-restorable-time --backtrack-window 86400 --region {region}
    """
    if cluster.engine != "aurora-mysql":
        return not_applicable("Only Aurora MySQL can be wound back", engine=cluster.engine)
    if cluster.serverless_v1:
        return not_applicable("Aurora Serverless v1 cannot be wound back")
    if not cluster.backtrack_window:
        return failed("The cluster cannot be wound back", backtrack_window=cluster.backtrack_window)
    return passed(backtrack_window=cluster.backtrack_window)


@rule(severity=Severity.INFORMATIONAL, notes="Aurora endpoints / failover", category=Category.RELIABILITY)
def rds_cluster_failover_reader_sized(cluster: DBCluster, inventory: Inventory) -> Verdict:
    """The reader that takes over is as large as the writer.

    Risk: after a failover, a smaller instance has to carry the load that the larger one did.
    Fix: aws rds modify-db-instance --db-instance-identifier READER --db-instance-class CLASS --apply-immediately
        --region {region}
    """
    if not cluster.engine.startswith("aurora"):
        return not_applicable("The guidance is about Aurora", engine=cluster.engine)
    members = cluster.db_cluster_members
    readers = [member for member in members if not member.is_cluster_writer]
    writers = [member.db_instance_identifier for member in members if member.is_cluster_writer]
    if not readers or not writers:
        return not_applicable("The cluster has no reader")
    first = min(_tier(reader.promotion_tier) for reader in readers)
    names = [reader.db_instance_identifier for reader in readers if _tier(reader.promotion_tier) == first]
    found = {
        name: inventory.find(DBInstance, "db_instance_identifier", name, region=cluster.region)
        for name in (*writers, *names)
    }
    classes = {name: instance.db_instance_class for name, instance in found.items() if instance is not None}
    if writers[0] not in classes or not set(names).intersection(classes):
        return unknown("The cluster's instances were not among what was listed", classes=classes)
    # Of equals, Aurora takes the largest: one that is as large as the writer is enough.
    if any(classes.get(name) == classes[writers[0]] for name in names):
        return passed(classes=classes)
    return failed("The reader that takes over is not of the writer's size", classes=classes, writer=writers[0])


def _tier(tier: int | None) -> int:
    """Aurora's default is 1."""
    return 1 if tier is None else tier


@rule(severity=Severity.INFORMATIONAL, notes="Aurora (reader endpoint, replicas)", category=Category.PERFORMANCE)
def rds_cluster_reader_autoscaling_configured(cluster: DBCluster) -> Verdict:
    """Aurora clusters have as many readers as the load needs.

    Risk: readers are too few at noon and too many at night, since nobody adds and removes them by hand.
    Fix: aws application-autoscaling register-scalable-target --service-namespace rds --resource-id cluster:{id}
        --scalable-dimension rds:cluster:ReadReplicaCount --min-capacity 1 --max-capacity 4 --region {region}
    aws application-autoscaling put-scaling-policy --service-namespace rds --resource-id cluster:{id}
        --scalable-dimension rds:cluster:ReadReplicaCount --policy-name readers --policy-type TargetTrackingScaling
        --target-tracking-scaling-policy-configuration file://policy.json --region {region}
    """
    if not cluster.engine.startswith("aurora") or cluster.serverless_v1:
        return not_applicable("The guidance is about provisioned Aurora", engine=cluster.engine)
    readers = [each.db_instance_identifier for each in cluster.db_cluster_members if not each.is_cluster_writer]
    if not readers:
        return not_applicable("The cluster has no reader")
    if any(target.resource_id == f"cluster:{cluster.db_cluster_identifier}" for target in cluster.scalable_targets):
        return passed(readers=len(readers))
    return failed("The number of readers does not follow the load", readers=readers)
