"""Rules about ElastiCache: encryption, who gets in, zones, backups, subnets."""

import re
from typing import Any

from auditor.analysis.network import each_readable, subnet_reaches_internet
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.elasticache import CacheCluster, CacheSubnetGroup, ReplicationGroup
from auditor.rule import Verdict, failed, not_applicable, passed, rule, seen, unknown

CHANGING = "It is being made or deleted"
WITH_ITS_GROUP = "It is judged with its replication group"
# AWS applies minor versions by itself from this major version on.
SELF_UPGRADING = 6


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub ElastiCache.4", "PCI-4.0 3.5.1.18 8.3.2.25", "ISO-27001-2022 A.8.11 A.8.24"),
    notes="ElastiCache",
)
def elasticache_replication_group_at_rest_encrypted(group: ReplicationGroup) -> Verdict:
    """Replication groups encrypt what they store and back up.

    Risk: sessions and cached records lie in the clear on disk and in every backup.
    Fix: it can only be chosen for a new group, which may begin with a backup of this one:
    aws elasticache create-snapshot --replication-group-id {id} --snapshot-name {id}-plain --region {region}
    aws elasticache create-replication-group --replication-group-id {id}-encrypted --engine ENGINE
        --replication-group-description encrypted --cache-node-type NODE_TYPE --snapshot-name {id}-plain
        --at-rest-encryption-enabled --transit-encryption-enabled --region {region}
    """
    if group.passing:
        return not_applicable(CHANGING, group_status=group.status)
    if group.at_rest_encryption_enabled:
        return passed(at_rest_encryption_enabled=True)
    return failed("The replication group does not encrypt what it stores", at_rest_encryption_enabled=False)


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub ElastiCache.5",
        "PCI-4.0 2.2.7.8 4.2.1.1.12 4.2.1.8 8.3.2.26",
        "ISO-27001-2022 A.8.11 A.8.24",
    ),
    notes="ElastiCache",
)
def elasticache_replication_group_transit_encrypted(group: ReplicationGroup) -> Verdict:
    """Replication groups accept TLS only, from clients and among their nodes.

    Risk: whoever listens in the network reads sessions, and the password that opens the cache.
    Fix: first let clients choose, and once all of them speak TLS, demand it:
    aws elasticache modify-replication-group --replication-group-id {id} --transit-encryption-enabled
        --transit-encryption-mode preferred --apply-immediately --region {region}
    aws elasticache modify-replication-group --replication-group-id {id} --transit-encryption-enabled
        --transit-encryption-mode required --apply-immediately --region {region}
    """
    if group.passing:
        return not_applicable(CHANGING, group_status=group.status)
    if not group.transit_encryption_enabled:
        return failed("The replication group speaks without TLS", transit_encryption_enabled=False)
    if group.transit_encryption_mode == "preferred":
        return failed("Clients may do without TLS", transit_encryption_mode="preferred")
    return passed(transit_encryption_mode=group.transit_encryption_mode)


@rule(severity=Severity.MEDIUM, controls=("SecurityHub ElastiCache.6",), notes="ElastiCache (session store)")
def elasticache_replication_group_auth_enabled(group: ReplicationGroup) -> Verdict:
    """Replication groups let nobody in without a password, a token or IAM.

    Risk: whatever reaches the cache in the network reads and forges the sessions of all users.
    Fix: aws elasticache modify-replication-group --replication-group-id {id} --auth-token TOKEN
        --auth-token-update-strategy SET --apply-immediately --region {region}
    A token needs TLS, and 16 characters or more. With user groups, give each user a password, or let it come by IAM:
    aws elasticache modify-user --user-id USER_ID --authentication-mode Type=iam --region {region}
    """
    if group.passing:
        return not_applicable(CHANGING, group_status=group.status)
    if not group.auth_token_enabled and not group.user_group_ids:
        return failed("Nobody needs to prove who they are", auth_token_enabled=False, user_group_ids=[])
    groups = set(group.user_group_ids)
    open_users = sorted(u.user_id for u in group.users if u.open and not groups.isdisjoint(u.user_group_ids))
    if open_users:
        return failed("A user needs no password", users=open_users, user_group_ids=sorted(groups))
    return passed(auth_token_enabled=group.auth_token_enabled, user_group_ids=sorted(groups))


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub ElastiCache.3", "ISO-27001-2022 A.8.14"),
    notes="Redis (Multi-AZ auto-failover)",
    category=Category.RELIABILITY,
)
def elasticache_replication_group_multi_az(group: ReplicationGroup) -> Verdict:
    """Replication groups fail over by themselves, to a node in another zone.

    Risk: when the primary node or its zone fails, the cache is gone until somebody promotes a replica by hand.
    Fix: aws elasticache modify-replication-group --replication-group-id {id} --automatic-failover-enabled
        --multi-az-enabled --apply-immediately --region {region}
    A group of one node needs a replica first:
    aws elasticache increase-replica-count --replication-group-id {id} --new-replica-count 1 --apply-immediately
        --region {region}
    """
    if group.passing:
        return not_applicable(CHANGING, group_status=group.status)
    evidence: dict[str, Any] = {"automatic_failover": group.automatic_failover, "multi_az": group.multi_az}
    if group.automatic_failover in ("disabled", "disabling"):
        return failed("The replication group does not fail over by itself", **evidence)
    if group.multi_az is None:
        return unknown("AWS does not say whether the nodes stand in several zones", **evidence)
    if group.multi_az == "disabled":
        return failed("The nodes may all stand in one zone", **evidence)
    return passed(**evidence)


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub ElastiCache.1", "PCI-4.0 10.3.3.17"),
    notes="Redis (backups and restores)",
    category=Category.RELIABILITY,
)
def elasticache_replication_group_backup_enabled(group: ReplicationGroup) -> Verdict:
    """Replication groups are backed up every day.

    Risk: what is lost with all nodes, or flushed by mistake, cannot be brought back.
    Fix: aws elasticache modify-replication-group --replication-group-id {id} --snapshot-retention-limit 7
        --apply-immediately --region {region}
    """
    if group.passing:
        return not_applicable(CHANGING, group_status=group.status)
    if group.snapshot_retention_limit == 0:
        return failed("The replication group is not backed up", snapshot_retention_limit=0)
    return passed(snapshot_retention_limit=group.snapshot_retention_limit)


@rule(
    severity=Severity.MEDIUM,
    controls=("ISO-27001-2022 A.8.11 A.8.24",),
    notes="ElastiCache (Redis vs Memcached)",
)
def elasticache_cluster_transit_encrypted(cluster: CacheCluster) -> Verdict:
    """Caches outside replication groups encrypt their connections.

    Risk: whoever listens in the network reads what the cache holds.
    Fix: it can only be chosen for a new cluster. Of Memcached 1.6.12 or later:
    aws elasticache create-cache-cluster --cache-cluster-id {id}-tls --engine memcached --num-cache-nodes 2
        --cache-node-type NODE_TYPE --transit-encryption-enabled --region {region}
    A lone node of Valkey or Redis cannot: make it a replication group, with --transit-encryption-enabled.
    """
    if cluster.replication_group_id is not None:
        return not_applicable(WITH_ITS_GROUP, replication_group_id=cluster.replication_group_id)
    if cluster.passing:
        return not_applicable(CHANGING, cluster_status=cluster.cache_cluster_status)
    evidence: dict[str, Any] = {"engine": cluster.engine, "engine_version": cluster.engine_version}
    if cluster.transit_encryption_enabled:
        return passed(transit_encryption_enabled=True, **evidence)
    return failed("The cache speaks without TLS", transit_encryption_enabled=False, **evidence)


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub ElastiCache.7", "PCI-4.0 1.3.1.14 1.3.2.14 1.4.1.3 1.4.4.3"),
    notes="3-tier architecture (data subnet)",
)
def elasticache_cluster_private_subnets(cache: CacheCluster | ReplicationGroup, inventory: Inventory) -> Verdict:
    """Caches stand in private subnets of their own choice.

    Risk: in a subnet that is routed to the internet, one wrong security group is all that stands before the cache.
    Fix: aws elasticache create-cache-subnet-group --cache-subnet-group-name private
        --cache-subnet-group-description private --subnet-ids SUBNET_A SUBNET_B --region {region}
    A cache cannot move: make it anew there, from a backup if it has one.
    """
    if isinstance(cache, CacheCluster):
        if cache.replication_group_id is not None:
            return not_applicable(WITH_ITS_GROUP, replication_group_id=cache.replication_group_id)
        node: CacheCluster | None = cache
    else:
        members = inventory.where(CacheCluster, "replication_group_id", cache.replication_group_id, region=cache.region)
        node = next(members, None)  # all stand in the same subnets
    if node is None or cache.passing:
        return not_applicable(CHANGING)
    name = node.cache_subnet_group_name
    if name == "default":
        return failed("The cache stands in the default subnets", cache_subnet_group_name=name)
    if not node.subnet_groups:
        return unknown("AWS does not say which subnets the cache stands in", cache_subnet_group_name=name)
    public = seen(each_readable(node.subnet_groups, lambda group: _public_subnets(group, inventory, node.region)))
    if public:
        return failed("The cache may stand in subnets that are routed to the internet", public_subnets=sorted(public))
    return passed(cache_subnet_group_name=name)


def _public_subnets(group: CacheSubnetGroup, inventory: Inventory, region: str) -> list[str]:
    """The subnets of a group that are public, if any are."""

    def if_public(subnet: str) -> list[str]:
        return [subnet] if subnet_reaches_internet(subnet, group.vpc_id, inventory, region=region) else []

    return seen(each_readable((each.subnet_identifier for each in group.subnets), if_public))


@rule(
    severity=Severity.LOW,
    controls=("SecurityHub ElastiCache.2", "PCI-4.0 6.3.3.6"),
    notes="ElastiCache (AWS patches)",
    category=Category.OPERATIONS,
)
def elasticache_cluster_auto_minor_version_upgrade_enabled(cluster: CacheCluster) -> Verdict:
    """Nodes of Valkey and Redis get minor versions by themselves.

    Risk: fixes of known weaknesses wait until somebody thinks of them.
    Fix: aws elasticache modify-cache-cluster --cache-cluster-id {id} --auto-minor-version-upgrade --apply-immediately
        --region {region}
    For a node of a replication group: aws elasticache modify-replication-group --replication-group-id GROUP_ID
        --auto-minor-version-upgrade --apply-immediately --region {region}
    """
    if cluster.memcached:
        return not_applicable("Memcached has no such upgrades", engine=cluster.engine)
    if cluster.passing:
        return not_applicable(CHANGING, cluster_status=cluster.cache_cluster_status)
    if cluster.auto_minor_version_upgrade:
        return passed(auto_minor_version_upgrade=True)
    major = re.match(r"\d+", cluster.engine_version or "")
    if cluster.engine == "redis" and major and int(major[0]) < SELF_UPGRADING:
        return not_applicable("Redis has such upgrades from version 6 on", engine_version=cluster.engine_version)
    return failed("Minor versions are not applied by themselves", auto_minor_version_upgrade=False)


@rule(severity=Severity.LOW, notes="Memcached (multi-node)", category=Category.RELIABILITY)
def elasticache_memcached_cross_az(cluster: CacheCluster) -> Verdict:
    """Memcached clusters of several nodes spread them over zones.

    Risk: when the one zone fails, the whole cache goes with it, and all its readers fall upon the database.
    Fix: aws elasticache modify-cache-cluster --cache-cluster-id {id} --az-mode cross-az --num-cache-nodes COUNT
        --new-availability-zones ANOTHER_ZONE --apply-immediately --region {region}
    """
    if not cluster.memcached:
        return not_applicable("Only Memcached has clusters of equal nodes", engine=cluster.engine)
    if cluster.num_cache_nodes < 2:
        return not_applicable("The cluster has a single node", num_cache_nodes=cluster.num_cache_nodes)
    zone = cluster.preferred_availability_zone
    if zone is None:
        return not_applicable("The nodes have no zones yet", cluster_status=cluster.cache_cluster_status)
    if zone != "Multiple":
        return failed("All nodes stand in one zone", zone=zone, num_cache_nodes=cluster.num_cache_nodes)
    return passed(zone=zone)
