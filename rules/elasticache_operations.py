"""Rules about how well ElastiCache's caches work, by CloudWatch's metrics: evictions, hits, lifetimes.

A replication group is judged once, with all its nodes.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from auditor.analysis.network import each_readable
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.elasticache import CacheCluster, ReplicationGroup
from auditor.rule import Verdict, failed, not_applicable, passed, rule, seen, unknown

WITH_ITS_GROUP = "It is judged with its replication group"
NOT_MEASURED = "CloudWatch has measured nothing of it in a week"


def _nodes(cache: CacheCluster | ReplicationGroup, inventory: Inventory) -> Iterator[CacheCluster]:
    """The cluster itself, or the nodes of the replication group."""
    if isinstance(cache, CacheCluster):
        return iter((cache,))
    return inventory.where(CacheCluster, "replication_group_id", cache.replication_group_id, region=cache.region)


def _is_member(cache: CacheCluster | ReplicationGroup) -> bool:
    return isinstance(cache, CacheCluster) and cache.replication_group_id is not None


def _mean(values: Iterable[float]) -> float:
    held = list(values)
    return sum(held) / len(held) if held else 0.0


@rule(severity=Severity.LOW, notes="Cache evictions", category=Category.PERFORMANCE)
def elasticache_cluster_evictions_low(
    cache: CacheCluster | ReplicationGroup, inventory: Inventory, *, days: int = 3, memory_percent: int = 90
) -> Verdict:
    """Caches have room for what they are given.

    Risk: a cache that throws out what is still wanted sends its readers to the database, when these are most.
    Fix: take a larger node type:
    aws elasticache modify-replication-group --replication-group-id {id} --cache-node-type NODE_TYPE
        --apply-immediately --region {region}
    or add nodes to a cluster of Memcached:
    aws elasticache modify-cache-cluster --cache-cluster-id {id} --num-cache-nodes COUNT --apply-immediately
        --region {region}
    """
    if _is_member(cache):
        return not_applicable(WITH_ITS_GROUP)
    pressed: Callable[[CacheCluster], list[dict[str, Any]]] = lambda node: _pressed(node, days, memory_percent)  # noqa: E731
    if nodes := seen(each_readable(_nodes(cache, inventory), pressed)):
        return failed("The cache throws out items, for lack of room", nodes=nodes)
    if not any(node.evictions for node in _nodes(cache, inventory)):
        return unknown(NOT_MEASURED)
    return passed()


def _pressed(node: CacheCluster, days: int, memory_percent: int) -> list[dict[str, Any]]:
    """The node as evidence, if it throws out items on so many days; of Valkey and Redis, for lack of memory."""
    evicting = sum(1 for count in node.evictions if count > 0)
    if evicting < days:
        return []
    shown: dict[str, Any] = {"node": node.cache_cluster_id, "days": evicting, "evictions": round(sum(node.evictions))}
    if node.memcached:
        return [shown]
    full = max(node.memory_usage, default=0.0)
    return [shown | {"memory_usage_percent": round(full, 1)}] if full > memory_percent else []


@rule(severity=Severity.LOW, notes="Is caching effective?", category=Category.PERFORMANCE)
def elasticache_cluster_hit_rate_acceptable(
    cache: CacheCluster | ReplicationGroup, inventory: Inventory, *, percent: int = 80, requests: int = 1000
) -> Verdict:
    """Caches answer most of what they are asked.

    Risk: a cache that mostly misses costs its price and a detour, and the database is asked all the same.
    Fix: look at what misses, by key pattern and lifetime, before the cache is grown or given up:
    aws cloudwatch get-metric-statistics --namespace AWS/ElastiCache --metric-name CacheMisses --statistics Sum
        --dimensions Name=CacheClusterId,Value={id} --period 3600 --start-time "$(date -d '-7 days' +%FT%T)"
        --end-time "$(date +%FT%T)" --region {region}
    """
    if _is_member(cache):
        return not_applicable(WITH_ITS_GROUP)
    nodes = list(_nodes(cache, inventory))
    hits = sum(sum(node.get_hits if node.memcached else node.cache_hits) for node in nodes)
    misses = sum(sum(node.get_misses if node.memcached else node.cache_misses) for node in nodes)
    if not any(node.get_misses if node.memcached else node.cache_misses for node in nodes):
        return unknown(NOT_MEASURED)
    asked = hits + misses
    if asked < requests:
        return not_applicable("The cache is hardly asked", requests=round(asked))
    rate = round(100 * hits / asked, 1)
    if rate < percent:
        return failed(f"The cache has {rate} % of what it is asked for", hit_rate_percent=rate, requests=round(asked))
    return passed(hit_rate_percent=rate)


@rule(severity=Severity.INFORMATIONAL, notes="Cache TTL", category=Category.OPERATIONS)
def elasticache_cluster_keys_have_ttl(
    cache: CacheCluster | ReplicationGroup, inventory: Inventory, *, percent: int = 10, items: int = 1000
) -> Verdict:
    """Keys in caches of Valkey and Redis have a lifetime.

    Risk: keys that never end serve values that have long changed, and fill the cache until it throws out others.
    Fix: set a lifetime wherever the application writes (SET key value EX seconds), and find the keys without one:
    valkey-cli --scan | while read -r key; do valkey-cli TTL "$key"; done
    """
    if _is_member(cache):
        return not_applicable(WITH_ITS_GROUP)
    nodes = list(_nodes(cache, inventory))
    if any(node.memcached for node in nodes):
        return not_applicable("Memcached does not count lifetimes")
    if not any(node.items for node in nodes):
        return unknown(NOT_MEASURED)
    held = sum(_mean(node.items) for node in nodes)
    if held <= items:
        return not_applicable("The cache holds few keys", items=round(held))
    share = round(100 * sum(_mean(node.volatile_items) for node in nodes) / held, 1)
    if share < percent:
        return failed(f"Only {share} % of the keys have a lifetime", share_percent=share, items=round(held))
    return passed(share_percent=share)
