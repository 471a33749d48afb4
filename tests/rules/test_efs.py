"""EFS: file systems, mount targets and access points."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from auditor.demo.protocol import Error
from tests.lab import Lab
from tests.rules.metric_answers import READ_METRICS, metrics
from tests.rules.network_answers import (
    NAT,
    OUT,
    OWNER,
    WORLD,
    Answers,
    cidr,
    from_group,
    group,
    groups,
    interface,
    interfaces,
    subnet,
    subnets,
    table,
    tables,
    tcp,
    vpc,
    vpcs,
)

ENCRYPTED = "efs-file-system-encrypted"
MULTI_AZ = "efs-file-system-multi-az"
BACKUP = "efs-file-system-backup-enabled"
LIFECYCLE = "efs-file-system-lifecycle-policy-enabled"
CREDITS = "efs-file-system-burst-credits-available"
MODE = "efs-file-system-performance-mode-general-purpose"
MOUNTED = "efs-file-system-has-mount-targets"
TLS = "efs-file-system-transport-encrypted"
PUBLIC = "efs-file-system-policy-not-public"
USER = "efs-access-point-user-identity-enforced"
ROOT = "efs-access-point-root-directory-enforced"
GUARDED = "efs-mount-target-security-group-restricted"
PRIVATE = "efs-mount-target-private-subnets"
NOW = datetime.now(UTC)
TIB = 2**40
REPLICA = {"FileSystemProtection": {"ReplicationOverwriteProtection": "REPLICATING"}}


def system(name: str = "fs-1", **more: Any) -> dict[str, Any]:
    return {
        "FileSystemId": name, "OwnerId": OWNER, "CreationToken": name, "CreationTime": NOW - timedelta(days=30),
        "LifeCycleState": "available", "NumberOfMountTargets": 2, "SizeInBytes": {"Value": 6144}, "Tags": [],
        "PerformanceMode": "generalPurpose", "ThroughputMode": "bursting", "Encrypted": True, **more,
    }  # fmt: skip


def systems(*items: dict[str, Any]) -> Answers:
    return {"efs:DescribeFileSystems": {"FileSystems": list(items)}}


def target(name: str = "fsmt-1", zone: str = "az1", **more: Any) -> dict[str, Any]:
    return {
        "MountTargetId": name, "FileSystemId": "fs-1", "SubnetId": "subnet-1", "LifeCycleState": "available",
        "NetworkInterfaceId": "eni-1", "AvailabilityZoneId": zone, "VpcId": "vpc-1", **more,
    }  # fmt: skip


def targets(*items: dict[str, Any]) -> Answers:
    """The mount targets, each told where its file system is asked for."""

    def answer(params: Any, region: str, account: str) -> dict[str, Any]:
        return {"MountTargets": [each for each in items if each["FileSystemId"] == params["FileSystemId"]]}

    return {"efs:DescribeMountTargets": answer}


def test_what_a_file_system_is_like(lab: Lab) -> None:
    answers = systems(system("good"), system("bad", Encrypted=False, PerformanceMode="maxIO"))
    assert lab.statuses(ENCRYPTED, answers=answers) == {"good": "pass", "bad": "fail"}
    assert lab.statuses(MODE, answers=answers) == {"good": "pass", "bad": "fail"}


def test_zones(lab: Lab) -> None:
    made = systems(
        system("two"), system("same"), system("starting"), system("one-zone", AvailabilityZoneName="us-east-1a"),
        system("none", NumberOfMountTargets=0), system("replica", **REPLICA), system("new", LifeCycleState="creating"),
    )  # fmt: skip
    mounts = targets(
        target("a", FileSystemId="two"), target("b", "az2", FileSystemId="two"),
        target("c", FileSystemId="same"), target("d", FileSystemId="same"),
        target("e", FileSystemId="starting"), target("f", "az2", FileSystemId="starting", LifeCycleState="creating"),
    )  # fmt: skip
    assert lab.statuses(MULTI_AZ, answers=made | mounts) == {
        "two": "pass", "same": "fail", "starting": "fail", "one-zone": "fail", "none": "not_applicable",
        "replica": "not_applicable", "new": "not_applicable",
    }  # fmt: skip


def test_lifecycle_and_mount_targets(lab: Lab) -> None:
    def lifecycle(params: Any, region: str, account: str) -> dict[str, Any]:
        archive = [{"TransitionToArchive": "AFTER_90_DAYS"}]
        moves = {"cold": [{"TransitionToPrimaryStorageClass": "AFTER_1_ACCESS"}, {"TransitionToIA": "AFTER_30_DAYS"}]}
        return {"LifecyclePolicies": moves.get(params["FileSystemId"], archive)}

    answers = systems(
        system("cold"), system("warm"), system("lone", NumberOfMountTargets=0), system("replica", **REPLICA),
        system("new", NumberOfMountTargets=0, CreationTime=NOW - timedelta(days=6)),
    )  # fmt: skip
    answers |= {"efs:DescribeLifecycleConfiguration": lifecycle}
    assert lab.statuses(LIFECYCLE, answers=answers) == {
        "cold": "pass", "warm": "fail", "lone": "fail", "replica": "not_applicable", "new": "fail",
    }  # fmt: skip
    assert lab.statuses(MOUNTED, answers=answers) == {
        "cold": "pass", "warm": "pass", "lone": "fail", "replica": "not_applicable", "new": "not_applicable",
    }  # fmt: skip


def test_backups(lab: Lab) -> None:
    def policy(params: Any, region: str, account: str) -> Any:
        status = {"on": "ENABLED", "soon": "ENABLING", "off": "DISABLED", "planned": "DISABLED"}
        said = status.get(params["FileSystemId"])
        return {"BackupPolicy": {"Status": said}} if said else Error("PolicyNotFound", "none", 404)

    def protected(params: Any, region: str, account: str) -> Any:
        ages = {"planned": 34, "none-planned": 1, "stale": 36}
        age = ages.get(params["ResourceArn"].rpartition("/")[2])
        said = {"ResourceArn": params["ResourceArn"], "LastBackupTime": NOW - timedelta(days=age or 0)}
        return said if age else Error("ResourceNotFoundException", "none", 400)

    expected = {
        "on": "pass", "soon": "pass", "off": "fail", "planned": "pass", "none": "fail", "none-planned": "pass",
        "stale": "fail", "replica": "not_applicable",
    }  # fmt: skip
    answers = systems(*(system(name, **(REPLICA if name == "replica" else {})) for name in expected))
    answers |= {"efs:DescribeBackupPolicy": policy, "backup:DescribeProtectedResource": protected}
    assert lab.statuses(BACKUP, answers=answers) == expected
    denied = lab.statuses(BACKUP, answers=answers, deny=["backup:DescribeProtectedResource"])
    assert (denied["on"], denied["off"], denied["planned"]) == ("pass", "unknown", "unknown")
    assert lab.statuses(BACKUP, answers=answers, deny=["efs:DescribeBackupPolicy"])["on"] == "unknown"


def test_burst_credits(lab: Lab) -> None:
    balances = {"rich": [2.1 * TIB, 0.3 * TIB], "poor": [2.1 * TIB, 0.2 * TIB], "large": [0.3 * TIB]}
    answers = systems(
        *(system(name, SizeInBytes={"Value": 2 * TIB if name == "large" else 1}) for name in balances),
        system("idle"), system("elastic", ThroughputMode="elastic"),
    )  # fmt: skip
    answers |= metrics({("BurstCreditBalance", name): values for name, values in balances.items()})
    assert lab.statuses(CREDITS, answers=answers) == {
        "rich": "pass", "poor": "fail", "large": "fail", "idle": "not_applicable", "elastic": "not_applicable",
    }  # fmt: skip
    denied = lab.statuses(CREDITS, answers=answers, deny=[READ_METRICS])
    assert denied == {**dict.fromkeys((*balances, "idle"), "unknown"), "elastic": "not_applicable"}


MOUNT: Any = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "elasticfilesystem:ClientMount", "Resource": "*"}
NO_TLS = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "*", "Resource": "*"}
CLEAR: Any
SECURE: Any
CLEAR, SECURE = ({"Condition": {"Bool": {"aws:SecureTransport": value}}} for value in ("false", "true"))
VIA: Any = {"Condition": {"Bool": {"elasticfilesystem:AccessedViaMountTarget": "true"}}}
ORGANIZATION = {"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}
ONE: Any = {"Principal": {"AWS": OWNER}}


@pytest.mark.parametrize(
    ("statements", "tls", "public"),
    [
        (None, "fail", "pass"),
        ([{**NO_TLS, **CLEAR}], "pass", "pass"),
        ([{**MOUNT, **VIA}, {**NO_TLS, **CLEAR}], "pass", "pass"),
        ([MOUNT], "fail", "fail"),
        ([{**MOUNT, **SECURE}], "pass", "fail"),
        ([{**MOUNT, **ONE}, {**MOUNT, **SECURE}], "fail", "fail"),
        ([{**MOUNT, **ORGANIZATION}], "fail", "pass"),
        ([{**MOUNT, **ONE, **SECURE}], "pass", "pass"),
        ([{**MOUNT, **VIA}, {**NO_TLS, "Action": "elasticfilesystem:ClientWrite", **CLEAR}], "fail", "pass"),
        ([{**MOUNT, **VIA}, {**NO_TLS, **ONE, **CLEAR}], "fail", "pass"),
        ([{**MOUNT, **VIA}, NO_TLS], "fail", "pass"),
    ],
)
def test_policies(lab: Lab, statements: list[dict[str, Any]] | None, tls: str, public: str) -> None:
    policy: Any = {"FileSystemId": "fs-1", "Policy": json.dumps({"Version": "2012-10-17", "Statement": statements})}
    answer = policy if statements else Error("PolicyNotFound", "none", 404)
    with lab.but(answers=systems(system()) | {"efs:DescribeFileSystemPolicy": answer}):
        judged = lab.judge(TLS, PUBLIC)
    assert {each.rule: each.status for each in judged.findings} == {TLS: tls, PUBLIC: public}


def test_a_policy_may_be_required(lab: Lab) -> None:
    answers = systems(system()) | {"efs:DescribeFileSystemPolicy": Error("PolicyNotFound", "none", 404)}
    assert lab.statuses(PUBLIC, answers=answers, policy_required=True) == {"fs-1": "fail"}


def test_access_points(lab: Lab) -> None:
    points: dict[str, dict[str, Any]] = {
        "good": {"PosixUser": {"Uid": 0, "Gid": 0}, "RootDirectory": {"Path": "/app"}},
        "root": {"RootDirectory": {"Path": "/"}},
        "bare": {},
    }
    made = [{"AccessPointId": name, "FileSystemId": "fs-1", **more} for name, more in points.items()]
    answers = {"efs:DescribeAccessPoints": {"AccessPoints": made}}
    assert lab.statuses(USER, answers=answers) == {"good": "pass", "root": "fail", "bare": "fail"}
    assert lab.statuses(ROOT, answers=answers) == {"good": "pass", "root": "fail", "bare": "fail"}


NET = vpcs(vpc()) | interfaces(interface("eni-1", "subnet-1", "sg-1")) | systems(system())


@pytest.mark.parametrize(
    ("rule", "status"),
    [
        (tcp(2049, from_group("sg-9")), "pass"),
        (tcp(2049, cidr("10.0.7.0/24")), "pass"),
        (tcp(2049, cidr("10.0.0.0/15")), "fail"),
        (tcp(2049, cidr("192.168.0.0/16")), "fail"),
        (tcp(2049, WORLD), "fail"),
        ({"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}, "fail"),
        (tcp(2048, WORLD), "pass"),
    ],
)
def test_who_may_mount(lab: Lab, rule: dict[str, Any], status: str) -> None:
    answers = NET | targets(target(), target("new", LifeCycleState="creating")) | groups(group("sg-1", rule))
    assert lab.statuses(GUARDED, answers=answers) == {"fsmt-1": status, "new": "not_applicable"}


def test_networks_that_are_known(lab: Lab) -> None:
    answers = NET | targets(target()) | groups(group("sg-1", tcp(2049, cidr("192.168.0.0/24"))))
    assert lab.statuses(GUARDED, answers=answers, known_networks=("192.168.0.0/16",)) == {"fsmt-1": "pass"}
    for operation in ("Vpcs", "SecurityGroups", "NetworkInterfaces"):
        assert lab.statuses(GUARDED, answers=answers, deny=[f"ec2:Describe{operation}"]) == {"fsmt-1": "unknown"}


def test_where_mount_targets_stand(lab: Lab) -> None:
    answers = (
        NET
        | targets(*(target(name, SubnetId=name) for name in ("private", "public", "giving", "lost")))
        | subnets(subnet("private"), subnet("public"), subnet("giving", MapPublicIpOnLaunch=True))
        | tables(table("main", NAT), table("out", OUT, of=("public",)))
    )
    expected = {"private": "pass", "public": "fail", "giving": "fail", "lost": "unknown"}
    assert lab.statuses(PRIVATE, answers=answers) == expected
    denied = lab.statuses(PRIVATE, answers=answers, deny=["ec2:DescribeRouteTables"])
    assert denied == {"private": "unknown", "public": "unknown", "giving": "fail", "lost": "unknown"}
    assert set(lab.statuses(PRIVATE, answers=answers, deny=["ec2:DescribeSubnets"]).values()) == {"unknown"}


@pytest.mark.parametrize(
    ("rule_id", "operation"),
    [
        *(
            (each, "DescribeFileSystems")
            for each in (ENCRYPTED, MULTI_AZ, LIFECYCLE, CREDITS, MODE, MOUNTED, TLS, PUBLIC)
        ),
        (MULTI_AZ, "DescribeMountTargets"),
        (LIFECYCLE, "DescribeLifecycleConfiguration"),
        (TLS, "DescribeFileSystemPolicy"),
        (PUBLIC, "DescribeFileSystemPolicy"),
        (USER, "DescribeAccessPoints"),
        (ROOT, "DescribeAccessPoints"),
        (GUARDED, "DescribeMountTargets"),
        (PRIVATE, "DescribeFileSystems"),
    ],
)
def test_unknown_where_a_read_is_denied(lab: Lab, rule_id: str, operation: str) -> None:
    found = lab.statuses(rule_id, answers=systems(system()), deny=[f"efs:{operation}"])
    assert set(found.values()) == {"unknown"}
