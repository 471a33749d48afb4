"""Rules about MemoryDB clusters."""

from auditor.findings import Category, Severity
from auditor.resources.memorydb import MemoryDbCluster
from auditor.rule import Verdict, failed, not_applicable, passed, rule, unknown

CHANGING = "The cluster is being made or deleted"


@rule(severity=Severity.MEDIUM, notes="MemoryDB", category=Category.RELIABILITY)
def memorydb_cluster_multi_az(cluster: MemoryDbCluster) -> Verdict:
    """MemoryDB clusters span zones.

    Risk: when the one zone fails, the database is gone until the zone is back.
    Fix: aws memorydb update-cluster --cluster-name {id} --replica-configuration ReplicaCount=1 --region {region}
    """
    if cluster.passing:
        return not_applicable(CHANGING, cluster_status=cluster.status)
    mode = cluster.availability_mode
    if mode is None:
        return unknown("AWS does not say whether the cluster spans zones")
    if mode.lower() == "singleaz":
        return failed("The cluster stands in one zone", availability_mode=mode)
    return passed(availability_mode=mode)


@rule(severity=Severity.HIGH, notes="MemoryDB")
def memorydb_cluster_tls_enabled(cluster: MemoryDbCluster) -> Verdict:
    """MemoryDB clusters accept TLS only.

    Risk: whoever listens in the network reads the data and the passwords, and without TLS no access list can be set.
    Fix: it can only be chosen for a new cluster, which may begin with a snapshot of this one:
    aws memorydb create-snapshot --cluster-name {id} --snapshot-name {id}-plain --region {region}
    aws memorydb create-cluster --cluster-name {id}-tls --node-type NODE_TYPE --acl-name ACL_NAME
        --snapshot-name {id}-plain --tls-enabled --region {region}
    """
    if cluster.tls_enabled:
        return passed(tls_enabled=True)
    return failed("The cluster speaks without TLS", tls_enabled=False)


@rule(severity=Severity.HIGH, notes="MemoryDB")
def memorydb_cluster_acl_restricted(cluster: MemoryDbCluster) -> Verdict:
    """MemoryDB clusters let in named users only.

    Risk: whatever reaches the cluster in the network may read, change and delete all of it, without a password.
    Fix: aws memorydb create-user --user-name USER --access-string "on ~app:* +@read +@write"
        --authentication-mode Type=iam --region {region}
    aws memorydb create-acl --acl-name {id} --user-names USER --region {region}
    aws memorydb update-cluster --cluster-name {id} --acl-name {id} --region {region}
    """
    if cluster.acl_name == "open-access":
        return failed("The cluster lets in everybody", acl_name=cluster.acl_name)
    return passed(acl_name=cluster.acl_name)


@rule(severity=Severity.MEDIUM, notes="MemoryDB (durable)", category=Category.RELIABILITY)
def memorydb_cluster_snapshot_retention(cluster: MemoryDbCluster) -> Verdict:
    """MemoryDB clusters keep daily snapshots.

    Risk: durable means that a mistake is durable too: without a snapshot, what was deleted stays deleted.
    Fix: aws memorydb update-cluster --cluster-name {id} --snapshot-retention-limit 7 --region {region}
    """
    if cluster.passing:
        return not_applicable(CHANGING, cluster_status=cluster.status)
    if cluster.snapshot_retention_limit < 1:
        return failed("The cluster keeps no snapshots", snapshot_retention_limit=cluster.snapshot_retention_limit)
    return passed(snapshot_retention_limit=cluster.snapshot_retention_limit)
