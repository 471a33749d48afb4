"""ElastiCache: encryption, who gets in, zones, backups, subnets; evictions, hits, lifetimes."""

from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.metric_answers import READ_METRICS, metrics

AT_REST = "elasticache-replication-group-at-rest-encrypted"
TRANSIT = "elasticache-replication-group-transit-encrypted"
AUTH = "elasticache-replication-group-auth-enabled"
MULTI_AZ = "elasticache-replication-group-multi-az"
BACKUP = "elasticache-replication-group-backup-enabled"
CLUSTER_TRANSIT = "elasticache-cluster-transit-encrypted"
PRIVATE = "elasticache-cluster-private-subnets"
UPGRADES = "elasticache-cluster-auto-minor-version-upgrade-enabled"
CROSS_AZ = "elasticache-memcached-cross-az"
EVICTIONS = "elasticache-cluster-evictions-low"
HITS = "elasticache-cluster-hit-rate-acceptable"
TTL = "elasticache-cluster-keys-have-ttl"

GROUPS, CLUSTERS = "elasticache:DescribeReplicationGroups", "elasticache:DescribeCacheClusters"
USERS, SUBNETS = "elasticache:DescribeUsers", "elasticache:DescribeCacheSubnetGroups"
ROUTES = "ec2:DescribeRouteTables"
GROUP: dict[str, Any] = {
    "Status": "available",
    "AutomaticFailover": "enabled",
    "MultiAZ": "enabled",
    "SnapshotRetentionLimit": 7,
    "AtRestEncryptionEnabled": True,
    "TransitEncryptionEnabled": True,
    "TransitEncryptionMode": "required",
    "AuthTokenEnabled": True,
}
CLUSTER: dict[str, Any] = {
    "Engine": "redis",
    "EngineVersion": "7.1.0",
    "CacheClusterStatus": "available",
    "NumCacheNodes": 1,
    "PreferredAvailabilityZone": "us-east-1a",
    "AutoMinorVersionUpgrade": True,
    "TransitEncryptionEnabled": True,
    "CacheSubnetGroupName": "private",
}


def arn(kind: str, name: str) -> str:
    return f"arn:aws:elasticache:us-east-1:123456789012:{kind}:{name}"


def groups(**changes: dict[str, Any]) -> dict[str, Any]:
    """Replication groups as they should be but for these changes."""
    made = [
        {"ReplicationGroupId": name, "ARN": arn("replicationgroup", name), **GROUP, **change}
        for name, change in changes.items()
    ]
    return {GROUPS: {"ReplicationGroups": made}}


def clusters(**changes: dict[str, Any]) -> dict[str, Any]:
    """Clusters as they should be but for these changes; None leaves a member out."""
    made = [
        {"CacheClusterId": name, "ARN": arn("cluster", name), **CLUSTER, **change} for name, change in changes.items()
    ]
    return {CLUSTERS: {"CacheClusters": [{k: v for k, v in each.items() if v is not None} for each in made]}}


def user(name: str, *groups: str, how: str = "no-password", access: str = "on ~* +@all") -> dict[str, Any]:
    return {
        "UserId": name, "Status": "active", "AccessString": access, "UserGroupIds": list(groups),
        "Authentication": {"Type": how},
    }  # fmt: skip


CREATING = {"Status": "creating"}


@pytest.mark.parametrize(
    ("rule", "bad"),
    [
        (AT_REST, {"AtRestEncryptionEnabled": False}),
        (TRANSIT, {"TransitEncryptionEnabled": False}),
        (TRANSIT, {"TransitEncryptionMode": "preferred"}),
        (MULTI_AZ, {"AutomaticFailover": "disabled"}),
        (MULTI_AZ, {"AutomaticFailover": "disabling"}),
        (MULTI_AZ, {"MultiAZ": "disabled"}),
        (BACKUP, {"SnapshotRetentionLimit": 0}),
        (AUTH, {"AuthTokenEnabled": False}),
    ],
)
def test_replication_groups(lab: Lab, rule: str, bad: dict[str, Any]) -> None:
    answers = groups(good={}, bad=bad, new=bad | CREATING, coming={"AutomaticFailover": "enabling"})
    expected = {"good": "pass", "bad": "fail", "new": "not_applicable", "coming": "pass"}
    assert lab.statuses(rule, answers=answers) == expected


def test_users_without_passwords(lab: Lab) -> None:
    plain = {"AuthTokenEnabled": False}
    answers = groups(
        closed=plain | {"UserGroupIds": ["closed"]},
        open=plain | {"UserGroupIds": ["open"]},
        off=plain | {"UserGroupIds": ["off"]},
        changing=plain | {"UserGroupIds": ["changing"]},
    ) | {
        USERS: {
            "Users": [
                user("app", "closed", how="password"), user("iam", "closed", how="iam"), user("anyone", "open"),
                user("nobody", "off", access="off ~* +@all"), user("default"),
                user("soon", "changing") | {"Status": "modifying"},
            ]
        }
    }  # fmt: skip
    assert lab.statuses(AUTH, answers=answers) == {
        "closed": "pass", "open": "fail", "off": "pass", "changing": "fail",
    }  # fmt: skip
    denied = lab.statuses(AUTH, answers=answers, deny=[USERS])
    assert denied == dict.fromkeys(("closed", "open", "off", "changing"), "unknown")


def test_multi_az_that_aws_does_not_tell_is_unknown(lab: Lab) -> None:
    answers = groups(one={})
    del answers[GROUPS]["ReplicationGroups"][0]["MultiAZ"]
    assert lab.statuses(MULTI_AZ, answers=answers) == {"one": "unknown"}


def test_clusters(lab: Lab) -> None:
    memcached = {"Engine": "memcached", "EngineVersion": "1.6.22", "NumCacheNodes": 2}
    answers = clusters(
        good={},
        plain={"TransitEncryptionEnabled": None, "AutoMinorVersionUpgrade": False},
        old={"AutoMinorVersionUpgrade": False, "EngineVersion": "5.0.6"},
        node={"TransitEncryptionEnabled": False, "ReplicationGroupId": "group"},
        new={"TransitEncryptionEnabled": False, "CacheClusterStatus": "creating", "AutoMinorVersionUpgrade": False},
        wide=memcached | {"PreferredAvailabilityZone": "Multiple"},
        narrow=memcached | {"AutoMinorVersionUpgrade": False},
        lone=memcached | {"NumCacheNodes": 1},
        fresh=memcached | {"PreferredAvailabilityZone": None},
        silent={"AutoMinorVersionUpgrade": None},
    )
    with lab.but(answers=answers):
        assert lab.statuses(CLUSTER_TRANSIT) == {
            "good": "pass", "plain": "fail", "old": "pass", "node": "not_applicable", "new": "not_applicable",
            "wide": "pass", "narrow": "pass", "lone": "pass", "fresh": "pass", "silent": "pass",
        }  # fmt: skip
        assert lab.statuses(UPGRADES) == {
            "good": "pass", "plain": "fail", "old": "not_applicable", "node": "pass", "new": "not_applicable",
            "wide": "not_applicable", "narrow": "not_applicable", "lone": "not_applicable", "fresh": "not_applicable",
            "silent": "unknown",
        }  # fmt: skip
        zones = lab.statuses(CROSS_AZ)
    assert {name: zones[name] for name in ("good", "wide", "narrow", "lone", "fresh")} == {
        "good": "not_applicable", "wide": "pass", "narrow": "fail", "lone": "not_applicable", "fresh": "not_applicable",
    }  # fmt: skip


def test_subnets(lab: Lab) -> None:
    ec2 = lab.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    inner, outer = (ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{n}.0/24")["Subnet"]["SubnetId"] for n in range(2))
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    ec2.associate_route_table(RouteTableId=table, SubnetId=outer)
    subnet_groups = [
        {"CacheSubnetGroupName": name, "VpcId": of, "Subnets": [{"SubnetIdentifier": subnet} for subnet in subnets]}
        for name, of, subnets in (
            ("private", vpc, [inner]), ("public", vpc, [inner, outer]), ("shared", "vpc-shared", ["subnet-shared"]),
        )
    ]  # fmt: skip
    answers = groups(group={}, empty={}) | {SUBNETS: {"CacheSubnetGroups": subnet_groups}}
    answers |= clusters(
        good={},
        bad={"CacheSubnetGroupName": "public"},
        default={"CacheSubnetGroupName": "default"},
        shared={"CacheSubnetGroupName": "shared"},
        lost={"CacheSubnetGroupName": "lost"},
        node={"CacheSubnetGroupName": "public", "ReplicationGroupId": "group"},
    )
    with lab.but(answers=answers):
        assert lab.statuses(PRIVATE) == {
            "good": "pass", "bad": "fail", "default": "fail", "shared": "unknown", "lost": "unknown",
            "node": "not_applicable", "group": "fail", "empty": "not_applicable",
        }  # fmt: skip
        assert lab.statuses(PRIVATE, deny=[SUBNETS])["good"] == "unknown"
        assert lab.statuses(PRIVATE, deny=[ROUTES])["good"] == "unknown"
        assert lab.statuses(PRIVATE, deny=[CLUSTERS])["group"] == "unknown"


@pytest.mark.parametrize(
    ("rule", "operation"),
    [
        *((rule, GROUPS) for rule in (AT_REST, TRANSIT, AUTH, MULTI_AZ, BACKUP, PRIVATE)),
        *((rule, CLUSTERS) for rule in (CLUSTER_TRANSIT, PRIVATE, UPGRADES, CROSS_AZ)),
    ],
)
def test_a_denied_listing_is_unknown(lab: Lab, rule: str, operation: str) -> None:
    assert lab.statuses(rule, deny=[operation]) == {"*": "unknown"}


# --- by metrics

MEMCACHED = {"Engine": "memcached", "NumCacheNodes": 2}
NODE = {"ReplicationGroupId": "group"}
WEEK = [0, 0, 5, 7, 9, 0, 0]
MEASURED = groups(group={}) | clusters(small=MEMCACHED, roomy={}, full={}, steady={}, silent={}, one=NODE, two=NODE)


def test_evictions(lab: Lab) -> None:
    answers = MEASURED | metrics(
        {
            ("Evictions", "small"): WEEK, ("Evictions", "roomy"): WEEK, ("Evictions", "full"): WEEK,
            ("Evictions", "steady"): [3, 0, 0, 0, 0, 0, 3], ("Evictions", "one"): [0] * 7, ("Evictions", "two"): WEEK,
            ("DatabaseMemoryUsagePercentage", "roomy"): [60] * 7, ("DatabaseMemoryUsagePercentage", "two"): [99] * 7,
            ("DatabaseMemoryUsagePercentage", "full"): [88, 95, 89, 80, 80, 80, 80],
        }
    )  # fmt: skip
    assert lab.statuses(EVICTIONS, answers=answers) == {
        "small": "fail", "roomy": "pass", "full": "fail", "steady": "pass", "silent": "unknown",
        "one": "not_applicable", "two": "not_applicable", "group": "fail",
    }  # fmt: skip


def test_hits(lab: Lab) -> None:
    answers = MEASURED | metrics(
        {
            ("GetHits", "small"): [10] * 7, ("GetMisses", "small"): [990] * 7,
            ("CacheHits", "roomy"): [900] * 7, ("CacheMisses", "roomy"): [100] * 7,
            ("CacheHits", "full"): [100] * 7, ("CacheMisses", "full"): [900] * 7,
            ("CacheHits", "steady"): [1] * 7, ("CacheMisses", "steady"): [9] * 7,
            ("CacheHits", "one"): [0] * 7, ("CacheMisses", "one"): [90] * 7, ("CacheHits", "two"): [1000] * 7,
            ("CacheMisses", "two"): [10] * 7,
        }
    )  # fmt: skip
    assert lab.statuses(HITS, answers=answers) == {
        "small": "fail", "roomy": "pass", "full": "fail", "steady": "not_applicable", "silent": "unknown",
        "one": "not_applicable", "two": "not_applicable", "group": "pass",
    }  # fmt: skip


def test_lifetimes(lab: Lab) -> None:
    answers = MEASURED | metrics(
        {
            ("CurrItems", "roomy"): [5000] * 7, ("CurrVolatileItems", "roomy"): [4000] * 7,
            ("CurrItems", "full"): [5000] * 7, ("CurrVolatileItems", "full"): [400] * 7,
            ("CurrItems", "steady"): [500] * 7, ("CurrItems", "one"): [2000] * 7, ("CurrItems", "two"): [2000] * 7,
        }
    )  # fmt: skip
    assert lab.statuses(TTL, answers=answers) == {
        "small": "not_applicable", "roomy": "pass", "full": "fail", "steady": "not_applicable", "silent": "unknown",
        "one": "not_applicable", "two": "not_applicable", "group": "fail",
    }  # fmt: skip


@pytest.mark.parametrize("rule", [EVICTIONS, HITS, TTL])
def test_unread_metrics_are_unknown(lab: Lab, rule: str) -> None:
    with lab.but(answers=MEASURED):
        denied = lab.statuses(rule, deny=[READ_METRICS])
        assert {denied[name] for name in ("roomy", "full", "group")} == {"unknown"}
        assert lab.statuses(rule, deny=[CLUSTERS])["*"] == "unknown"
        assert lab.statuses(rule, deny=[GROUPS])["*"] == "unknown"
