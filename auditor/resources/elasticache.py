"""ElastiCache: replication groups of Valkey and Redis, and cache clusters: their nodes, lone nodes, Memcached."""

from typing import Annotated

from auditor.fetch import Call, Join, Listing, Metric
from auditor.model import Resource, Shape

DAYS = 7  # how far back metrics are looked at


def _daily(name: str, statistic: str, *, memcached: bool | None = None) -> Metric:
    """A metric of a cluster, a value a day; of Memcached's only, or of the others' only, where said."""
    return Metric(
        "AWS/ElastiCache",
        name,
        statistic=statistic,
        period=86400,
        days=DAYS,
        when=None if memcached is None else lambda cluster: cluster.memcached is memcached,
        CacheClusterId="cache_cluster_id",
    )


class UserAuthentication(Shape):
    """How a user proves who they are: password, no-password or iam."""

    type: str


class CacheUser(Shape):
    """A user of Valkey or Redis. The default user of a group is called so in every one of them."""

    user_id: str
    status: str
    access_string: str
    user_group_ids: tuple[str, ...] = ()
    authentication: UserAuthentication

    @property
    def open(self) -> bool:
        """Whether whoever reaches the cache may be this user."""
        switched_on = self.access_string.split()[:1] == ["on"]
        return self.status != "deleting" and self.authentication.type == "no-password" and switched_on


class CacheSubnet(Shape):
    """A subnet of a subnet group."""

    subnet_identifier: str


class CacheSubnetGroup(Shape):
    """The subnets that caches may stand in."""

    vpc_id: str
    subnets: tuple[CacheSubnet, ...] = ()


class ReplicationGroup(Resource):
    """A primary node of Valkey or Redis with its replicas, sharded or not."""

    service, cfn_type = "elasticache", "AWS::ElastiCache::ReplicationGroup"
    listing = Listing("DescribeReplicationGroups", at="ReplicationGroups")
    id_field = name_field = "replication_group_id"

    replication_group_id: str
    status: str
    automatic_failover: str  # enabled, disabled, or on its way to either
    multi_az: str | None = None  # enabled or disabled
    snapshot_retention_limit: int = 0  # days; 0, and none, is no backup
    # What was not switched on when the group was made is left out, or false.
    at_rest_encryption_enabled: bool = False
    transit_encryption_enabled: bool = False
    transit_encryption_mode: str | None = None  # preferred lets clients in without TLS; left out where TLS is off
    auth_token_enabled: bool = False
    user_group_ids: tuple[str, ...] = ()
    # All users of the region: one call serves every group.
    users: Annotated[
        tuple[CacheUser, ...],
        Call("DescribeUsers", at="Users", when=lambda group: bool(group.user_group_ids), otherwise=()),
    ]

    @property
    def passing(self) -> bool:
        """Whether it is being made or deleted."""
        return self.status in ("creating", "deleting", "create-failed")


class CacheCluster(Resource):
    """A Memcached cluster, or one node of Valkey or Redis: of a replication group, or alone."""

    service, cfn_type = "elasticache", "AWS::ElastiCache::CacheCluster"
    listing = Listing("DescribeCacheClusters", at="CacheClusters")
    id_field = name_field = "cache_cluster_id"

    cache_cluster_id: str
    engine: str
    engine_version: str | None = None  # left out while it is being made
    cache_cluster_status: str
    num_cache_nodes: int
    preferred_availability_zone: str | None = None  # or "Multiple"; left out while it is being made
    auto_minor_version_upgrade: bool
    replication_group_id: str | None = None  # only of a group's nodes
    transit_encryption_enabled: bool = False
    cache_subnet_group_name: str | None = None
    subnet_groups: Annotated[
        tuple[CacheSubnetGroup, ...],
        Join(
            "DescribeCacheSubnetGroups",
            at="CacheSubnetGroups",
            key="CacheSubnetGroupName",
            field="cache_subnet_group_name",
        ),
    ]
    # The metrics of its nodes together, day by day. Memcached counts hits by command, Valkey and Redis as a whole.
    evictions: Annotated[tuple[float, ...], _daily("Evictions", "Sum")]
    memory_usage: Annotated[tuple[float, ...], _daily("DatabaseMemoryUsagePercentage", "Maximum", memcached=False)]
    cache_hits: Annotated[tuple[float, ...], _daily("CacheHits", "Sum", memcached=False)]
    cache_misses: Annotated[tuple[float, ...], _daily("CacheMisses", "Sum", memcached=False)]
    get_hits: Annotated[tuple[float, ...], _daily("GetHits", "Sum", memcached=True)]
    get_misses: Annotated[tuple[float, ...], _daily("GetMisses", "Sum", memcached=True)]
    items: Annotated[tuple[float, ...], _daily("CurrItems", "Average", memcached=False)]
    volatile_items: Annotated[tuple[float, ...], _daily("CurrVolatileItems", "Average", memcached=False)]

    @property
    def memcached(self) -> bool:
        """Whether it is Memcached's: the others are Valkey or Redis."""
        return self.engine == "memcached"

    @property
    def passing(self) -> bool:
        """Whether it is being made or deleted."""
        return self.cache_cluster_status in ("creating", "deleting", "deleted", "create-failed")
