"""RDS: storage, load, replicas, readers, reservations."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.metric_answers import READ_METRICS, metrics
from tests.rules.test_rds_operations import ABROAD, CLUSTERS, DOCDB, INSTANCES, MEMBER, REPLICA, clusters, instances

LAG = "rds-read-replica-lag-acceptable"
FREE = "rds-instance-free-storage-sufficient"
GROWTH = "rds-instance-storage-autoscaling-enabled"
GP3 = "rds-instance-storage-gp3-used"
IDLE = "rds-instance-not-idle"
RESERVED = "rds-instance-covered-by-reservation"
BACKTRACK = "rds-cluster-backtrack-enabled"
SIZES = "rds-cluster-failover-reader-sized"
READERS = "rds-cluster-reader-autoscaling-configured"

RESERVATIONS, TARGETS = "rds:DescribeReservedDBInstances", "application-autoscaling:DescribeScalableTargets"
GIB = 1 << 30
STOPPED = {"DBInstanceStatus": "stopped"}


def results(*statuses: str) -> dict[str, str]:
    return {f"db{n}": status for n, status in enumerate(statuses)}


def test_lag(lab: Lab) -> None:
    def says(normal: bool) -> dict[str, Any]:
        return REPLICA | {"StatusInfos": [{"StatusType": "read replication", "Normal": normal, "Status": "error"}]}

    mysql = REPLICA | {"Engine": "mysql"}
    answers = instances({}, REPLICA, mysql, REPLICA, mysql, says(True), says(False), ABROAD, REPLICA | STOPPED)
    answers |= metrics(
        {
            ("ReplicaLag", "db1"): [200] * 9 + [900], ("ReplicaLag", "db2"): [0] * 8 + [200] * 3,
            ("ReplicaLag", "db3"): [400], ("ReplicaLag", "db4"): [0, -1, 0], ("ReplicaLag", "db5"): [1],
        }
    )  # fmt: skip
    expected = results("not_applicable", "pass", "fail", "fail", "fail", "pass", "fail", "unknown", "not_applicable")
    assert lab.statuses(LAG, answers=answers) == expected
    denied = lab.statuses(LAG, answers=answers, deny=[READ_METRICS])
    assert (denied["db0"], denied["db1"], denied["db6"]) == ("not_applicable", "unknown", "fail")


def test_free_storage(lab: Lab) -> None:
    growing = {"MaxAllocatedStorage": 200}
    full = {"DBInstanceStatus": "storage-full"}
    answers = instances({}, {}, growing, full, STOPPED, MEMBER, DOCDB, {}) | metrics(
        {("FreeStorageSpace", name): [gib * GIB] for name, gib in (("db0", 50), ("db1", 9.9), ("db2", 5))}
    )
    found = lab.findings(FREE, answers=answers)
    assert {name: finding.status.value for name, finding in found.items()} == results(
        "pass", "fail", "fail", "fail", "not_applicable", "not_applicable", "not_applicable", "unknown"
    )
    assert [found[f"db{n}"].severity.value for n in (1, 2, 3)] == ["high", "medium", "high"]
    denied = lab.statuses(FREE, answers=answers, deny=[READ_METRICS])
    assert (denied["db0"], denied["db3"], denied["db4"]) == ("unknown", "fail", "not_applicable")


def test_storage(lab: Lab) -> None:
    answers = instances(
        {"MaxAllocatedStorage": 200, "StorageType": "gp3"},
        {"MaxAllocatedStorage": 100, "StorageType": "gp2"},
        {"StorageType": "io1"},
        MEMBER | {"StorageType": "aurora"},
        DOCDB,
        {"DBClusterIdentifier": "multi-az", "StorageType": "io2"},
        {"Engine": "custom-oracle-ee"},
    )
    off = "not_applicable"
    assert lab.statuses(GROWTH, answers=answers) == results("pass", "fail", "fail", off, off, off, off)
    assert lab.statuses(GP3, answers=answers) == results("pass", "fail", "fail", off, off, "pass", "unknown")


def test_idleness(lab: Lab) -> None:
    answers = instances({}, {}, {}, {}, STOPPED, DOCDB) | metrics(
        {
            ("DatabaseConnections", "db0"): [0, 0, 0, 0, 3, 0, 0],
            ("DatabaseConnections", "db1"): [0] * 7,
            ("DatabaseConnections", "db2"): [0] * 3,
        }
    )
    off = "not_applicable"
    assert lab.statuses(IDLE, answers=answers) == results("pass", "fail", off, "unknown", off, off)
    assert lab.statuses(IDLE, answers=answers, deny=[READ_METRICS])["db1"] == "unknown"


def test_reservations(lab: Lab) -> None:
    now = datetime.now(UTC)

    def aged(days: int, **more: Any) -> dict[str, Any]:
        return {"InstanceCreateTime": now - timedelta(days=days), "MultiAZ": False, **more}

    def bought(engine: str, size: str, state: str = "active", **more: Any) -> dict[str, Any]:
        return {
            "ReservedDBInstanceId": engine, "ProductDescription": engine, "DBInstanceClass": size,
            "DBInstanceCount": 1, "MultiAZ": False, "State": state, **more,
        }  # fmt: skip

    answers = instances(
        aged(900), aged(800), aged(700), aged(10), aged(900, Engine="mysql"), aged(900, Engine="aurora-mysql"),
        aged(900, DBInstanceClass="db.serverless"), aged(900, **STOPPED), aged(900, **DOCDB),
        aged(900, Engine="oracle-se2", MultiAZ=True),
    )  # fmt: skip
    answers[RESERVATIONS] = {
        "ReservedDBInstances": [
            bought("postgresql", "db.m6g.xlarge"), bought("mysql", "db.m6g.large", "retired"),
            bought("mysql", "db.r6g.large"), bought("aurora mysql", "db.m6g.large"),
            bought("oracle-se2(byol)", "db.m6g.large", MultiAZ=True),
        ]
    }  # fmt: skip
    off = "not_applicable"
    expected = results("pass", "pass", "fail", off, "fail", "pass", off, off, off, "pass")
    assert lab.statuses(RESERVED, answers=answers) == expected
    denied = lab.statuses(RESERVED, answers=answers, deny=[RESERVATIONS])
    assert (denied["db0"], denied["db2"], denied["db3"]) == ("unknown", "unknown", off)


def test_backtracking(lab: Lab) -> None:
    mysql = {"Engine": "aurora-mysql"}
    answers = clusters(
        mysql | {"BacktrackWindow": 3600},
        mysql,
        mysql | {"BacktrackWindow": 0},
        {},
        mysql | {"EngineMode": "serverless"},
    )
    assert lab.statuses(BACKTRACK, answers=answers) == {
        "c0": "pass", "c1": "fail", "c2": "fail", "c3": "not_applicable", "c4": "not_applicable",
    }  # fmt: skip


def members(*readers: tuple[str, int], writer: str = "large") -> dict[str, Any]:
    """A cluster of a writer and readers: the names of instances, and the readers' tiers."""
    made = [{"DBInstanceIdentifier": writer, "IsClusterWriter": True, "PromotionTier": 0}]
    made += [{"DBInstanceIdentifier": n, "IsClusterWriter": False, "PromotionTier": tier} for n, tier in readers]
    return {"DBClusterMembers": made}


def test_readers(lab: Lab) -> None:
    sizes = {"large": "db.r6g.large", "same": "db.r6g.large", "small": "db.t4g.medium"}
    answers = instances(*(MEMBER | {"DBInstanceIdentifier": n, "DBInstanceClass": s} for n, s in sizes.items()))
    answers |= clusters(
        members(("same", 1), ("small", 2)), members(("small", 1), ("same", 2)), members(("small", 1), ("same", 1)),
        members(), members(("lost", 1)), members(("same", 1)) | {"Engine": "postgres"},
        members(("same", 1)) | {"EngineMode": "serverless"},
    )  # fmt: skip
    answers[TARGETS] = {
        "ScalableTargets": [
            {
                "ServiceNamespace": "rds", "ResourceId": "cluster:c0", "MinCapacity": 1, "MaxCapacity": 3,
                "ScalableDimension": "rds:cluster:ReadReplicaCount", "RoleARN": "arn",
                "CreationTime": datetime.now(UTC),
            }
        ]
    }  # fmt: skip
    off = "not_applicable"
    with lab.but(answers=answers):
        found = lab.statuses(SIZES)
        assert {name: found[name] for name in ("c0", "c1", "c2", "c3", "c4", "c5")} == {
            "c0": "pass", "c1": "fail", "c2": "pass", "c3": off, "c4": "unknown", "c5": off,
        }  # fmt: skip
        assert lab.statuses(READERS) == {
            "c0": "pass", "c1": "fail", "c2": "fail", "c3": off, "c4": "fail", "c5": off, "c6": off,
        }  # fmt: skip
        assert lab.statuses(SIZES, deny=[INSTANCES])["c0"] == "unknown"
        assert lab.statuses(READERS, deny=[TARGETS])["c0"] == "unknown"


@pytest.mark.parametrize(
    ("rule", "operation"),
    [
        *((rule, INSTANCES) for rule in (LAG, FREE, GROWTH, GP3, IDLE, RESERVED)),
        *((rule, CLUSTERS) for rule in (BACKTRACK, SIZES, READERS)),
    ],
)
def test_a_denied_listing_is_unknown(lab: Lab, rule: str, operation: str) -> None:
    assert lab.statuses(rule, deny=[operation]) == {"*": "unknown"}
