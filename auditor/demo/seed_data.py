"""Data stores beside the databases: caches, a warehouse, search, queries of the lake, vaults."""

import json
from collections.abc import Mapping
from typing import Any

from auditor.demo import seed_data_buckets, seed_data_replicas
from auditor.demo.protocol import Error, Params
from auditor.demo.stage import PRODUCTION, STAGING, Stage, allow, arn, document

# Cache cluster, engine, version, nodes, zone, subnet group, minor upgrades, TLS, replication group; then what
# CloudWatch counted each day: evictions, percent of memory, hits, misses, keys, keys with a lifetime.
CACHES: tuple[tuple[Any, ...], ...] = (
    ("sessions-001", "valkey", "8.0.1", 1, "a", "private", True, True, "sessions", (0, 40, 9e5, 1e4, 5e4, 5e4)),
    ("sessions-002", "valkey", "8.0.1", 1, "b", "private", True, True, "sessions", (0, 40, 9e5, 1e4, 5e4, 5e4)),
    ("carts-001", "redis", "6.2.6", 1, "a", "default", False, False, "carts", (900, 98, 2e4, 8e4, 9e4, 1e2)),
    ("menu", "memcached", "1.6.22", 2, None, "private", True, True, None, (0, None, 8e4, 1e4, None, None)),
    ("labels", "memcached", "1.6.22", 3, "a", "private", True, False, None, (0, None, 8e4, 1e4, None, None)),
)


def build(stage: Stage) -> None:
    """Make all of it."""
    seed_data_buckets.build(stage)
    seed_data_replicas.build(stage)
    _caches(stage)
    _cache_metrics(stage)
    _memory(stage)
    _warehouses(stage)
    _search(stage)
    _queries(stage)
    _vaults(stage)


def measure(stage: Stage, region: str, namespace: str, name: str, days: int = 7, **measured: tuple[str, float]) -> None:
    """Let CloudWatch have a metric: on each of some days the same value, of the one dimension given."""
    ((dimension, (of, value)),) = measured.items()
    stage.client("cloudwatch", region).put_metric_data(
        Namespace=namespace,
        MetricData=[
            {
                "MetricName": name,
                "Dimensions": [{"Name": dimension, "Value": of}],
                "Timestamp": stage.ago(day + 0.5),
                "Value": value,
            }
            for day in range(days)
        ],
    )


def _caches(stage: Stage) -> None:
    """What moto keeps of caches is too little to judge: no nodes of groups, no minor versions."""
    users = [
        {
            "UserId": name, "UserName": name, "Status": "active", "AccessString": "on ~* +@all",
            "UserGroupIds": ["sessions"], "Authentication": {"Type": how}, "Engine": "valkey",
            "ARN": arn("elasticache", PRODUCTION, f"user:{name}"),
        }
        for name, how in (("shop-api", "iam"), ("default-off", "password"))
    ]  # fmt: skip
    subnets = ("private", "private-a", "private-b"), ("default", "public-a", "public-b")
    groups = [
        {
            "CacheSubnetGroupName": name,
            "VpcId": stage.names["northwind-production"],
            "Subnets": [{"SubnetIdentifier": stage.names[f"northwind-production/{each}"]} for each in inside],
        }
        for name, *inside in subnets
    ]
    stage.answers |= {
        f"elasticache:DescribeCacheClusters@{PRODUCTION}": {"CacheClusters": [_cache(stage, row) for row in CACHES]},
        f"elasticache:DescribeReplicationGroups@{PRODUCTION}": {
            "ReplicationGroups": [
                _replication_group("sessions", True, UserGroupIds=["sessions"]),
                _replication_group("carts", False),
            ]
        },
        f"elasticache:DescribeUsers@{PRODUCTION}": {"Users": users},
        f"elasticache:DescribeCacheSubnetGroups@{PRODUCTION}": {"CacheSubnetGroups": groups},
    }


def _cache(stage: Stage, row: tuple[Any, ...]) -> dict[str, Any]:
    name, engine, version, nodes, zone, subnets, upgrades, tls, group, _ = row
    return {
        "CacheClusterId": name,
        "ARN": arn("elasticache", PRODUCTION, f"cluster:{name}"),
        "Engine": engine,
        "EngineVersion": version,
        "CacheClusterStatus": "available",
        "NumCacheNodes": nodes,
        "CacheNodeType": "cache.r7g.large",
        "PreferredAvailabilityZone": f"{PRODUCTION}{zone}" if zone else "Multiple",
        "AutoMinorVersionUpgrade": upgrades,
        "TransitEncryptionEnabled": tls,
        "CacheSubnetGroupName": subnets,
        "CacheClusterCreateTime": stage.ago(500),
        **({"ReplicationGroupId": group} if group else {}),
    }


def _replication_group(name: str, good: bool, **more: Any) -> dict[str, Any]:
    state = "enabled" if good else "disabled"
    return {
        "ReplicationGroupId": name, "ARN": arn("elasticache", PRODUCTION, f"replicationgroup:{name}"),
        "Status": "available", "AutomaticFailover": state, "MultiAZ": state, "SnapshotRetentionLimit": 7 * good,
        "AtRestEncryptionEnabled": good, "TransitEncryptionEnabled": good, "AuthTokenEnabled": False,
        "MemberClusters": [row[0] for row in CACHES if row[8] == name], **more,
    }  # fmt: skip


def _cache_metrics(stage: Stage) -> None:
    for name, engine, *_, counted in CACHES:
        hits = ("GetHits", "GetMisses") if engine == "memcached" else ("CacheHits", "CacheMisses")
        metrics = ("Evictions", "DatabaseMemoryUsagePercentage", *hits, "CurrItems", "CurrVolatileItems")
        for metric, value in zip(metrics, counted, strict=True):
            if value is not None:
                measure(stage, PRODUCTION, "AWS/ElastiCache", metric, CacheClusterId=(name, value))


def _memory(stage: Stage) -> None:
    for region, name, acl, tls, days in (
        (PRODUCTION, "loyalty-points", "loyalty", True, 7),
        (STAGING, "loyalty-staging", "open-access", False, 0),
    ):
        stage.client("memorydb", region).create_cluster(
            ClusterName=name, NodeType="db.t4g.small", ACLName=acl, TLSEnabled=tls, SnapshotRetentionLimit=days
        )
        if not tls:
            stage.backend("memorydb", region).clusters[name].availability_mode = "SingleAZ"


def _warehouses(stage: Stage) -> None:
    for name, good in (("northwind-beans", True), ("northwind-trial", False)):
        stage.client("redshift").create_cluster(
            ClusterIdentifier=name, NodeType="ra3.large", MasterUsername="northwind", ClusterType="single-node",
            MasterUserPassword="".join(("Dem0", "-", name)), Encrypted=good, PubliclyAccessible=not good,
            Tags=[{"Key": "owner", "Value": "analytics"}],
        )  # fmt: skip


def _search(stage: Stage) -> None:
    own = document(allow("es:*", "*", Principal={"AWS": arn("iam", "", "root")}))
    for name, policy, good in (
        ("shop-search", own, True),
        ("app-logs", document(allow("es:*", "*", Principal="*")), False),
    ):
        stage.client("opensearch").create_domain(
            DomainName=name,
            AccessPolicies=json.dumps(policy),
            EncryptionAtRestOptions={"Enabled": good},
            NodeToNodeEncryptionOptions={"Enabled": good},
            DomainEndpointOptions={"EnforceHTTPS": good},
            TagList=[{"Key": "owner", "Value": "shop"}],
        )


def _queries(stage: Stage) -> None:
    athena = stage.client("athena")
    encrypted = {
        "OutputLocation": "s3://northwind-lake-results/",
        "EncryptionConfiguration": {"EncryptionOption": "SSE_S3"},
    }
    for name, set_up in (
        (
            "reports",
            {
                "ResultConfiguration": encrypted,
                "EnforceWorkGroupConfiguration": True,
                "BytesScannedCutoffPerQuery": 1 << 40,
            },
        ),
        ("ad-hoc", {"ResultConfiguration": {"OutputLocation": "s3://northwind-lake-results/"}}),
    ):
        athena.create_work_group(Name=name, Configuration=set_up, Tags=[{"Key": "owner", "Value": "analytics"}])


def _vaults(stage: Stage) -> None:
    """Receipts, which the tax office wants to see for ten years, and what the agency once left."""
    for name in ("receipts", "campaign-2016"):
        stage.client("glacier").create_vault(accountId="-", vaultName=name)

    def lock(params: Params, _: str, __: str) -> Mapping[str, Any] | Error | None:
        return {"State": "Locked", "Policy": "{}"} if params["vaultName"] == "receipts" else NO_POLICY

    stage.answers[f"glacier:GetVaultLock@{PRODUCTION}"] = lock


NO_POLICY = Error("ResourceNotFoundException", "No such policy is set for the vault", 404)
