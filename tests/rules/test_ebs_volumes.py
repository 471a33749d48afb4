"""EBS volumes and snapshots: types, costs and health; the Recycle Bin, lifecycle policies."""

from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.ec2_answers import ACCOUNT, ago, figures, instances, tagged

STATUS = "ec2-volume-status-ok"
ATTACHED = "ec2-volume-attached"
GP2, MAGNETIC, IO1 = "ec2-volume-gp2-not-used", "ec2-volume-magnetic-not-used", "ec2-volume-io1-not-used"
GP2_SIZE = "ec2-volume-gp2-size-effective"
IOPS = "ec2-volume-provisioned-iops-utilized"
SHARED = "ec2-volume-multi-attach-reviewed"
EVERY = (STATUS, ATTACHED, GP2, MAGNETIC, IO1, GP2_SIZE, IOPS, SHARED)
OLD = "ec2-snapshot-old-archived-or-deleted"
SOURCE = "ec2-snapshot-source-volume-exists"
BIN = "rbin-rule-ebs-snapshot-retention-enabled"
POLICY = "dlm-lifecycle-policy-ebs-exists"
PASS, FAIL, NA, UNKNOWN = "pass", "fail", "not_applicable", "unknown"
VOLUMES, SNAPSHOTS, IMAGES = "ec2:DescribeVolumes", "ec2:DescribeSnapshots", "ec2:DescribeImages"


def volumes(*changes: dict[str, Any]) -> dict[str, Any]:
    usual = {
        "State": "in-use", "Encrypted": True, "CreateTime": ago(30), "Attachments": [], "Size": 100,
        "VolumeType": "gp3", "Iops": 3000,
    }  # fmt: skip
    return {VOLUMES: {"Volumes": [usual | {"VolumeId": f"vol-{n}"} | each for n, each in enumerate(changes)]}}


def by_volume(statuses: list[str]) -> dict[str, str]:
    return {f"vol-{n}": status for n, status in enumerate(statuses)}


def of(kind: str, **more: Any) -> dict[str, Any]:
    return {"VolumeType": kind} | more


TWICE = {"MultiAttachEnabled": True, "Attachments": [{"InstanceId": "i-0"}, {"InstanceId": "i-1"}]}
OF_LISTING: dict[str, list[tuple[dict[str, Any], str]]] = {
    ATTACHED: [
        ({}, PASS),
        ({"State": "available"}, FAIL),
        ({"State": "available", "CreateTime": ago(6)}, NA),
        ({"State": "creating"}, NA),
        ({"State": "error"}, NA),
    ],
    GP2: [({}, PASS), (of("gp2"), FAIL), (of("io1"), PASS)],
    MAGNETIC: [({}, PASS), (of("standard"), FAIL)],
    IO1: [(of("io2"), PASS), (of("io1"), FAIL)],
    SHARED: [
        ({}, PASS),
        (TWICE, FAIL),
        (TWICE | {"Attachments": [{"InstanceId": "i-0"}]}, PASS),
        (TWICE | tagged(**{"auditor:cluster-file-system": "gfs2"}), PASS),
    ],
}


@pytest.mark.parametrize("rule", OF_LISTING)
def test_what_the_listing_tells(lab: Lab, rule: str) -> None:
    changes, statuses = zip(*OF_LISTING[rule], strict=True)
    assert lab.statuses(rule, answers=volumes(*changes)) == by_volume(list(statuses))


@pytest.mark.parametrize("rule", EVERY)
def test_what_is_gone_or_a_services_own_is_not_judged(lab: Lab, rule: str) -> None:
    managed = {"Operator": {"Managed": True, "Principal": "eks.amazonaws.com"}}
    answers = volumes({"State": "deleting"}, managed)
    assert lab.statuses(rule, answers=answers, deny=["ec2:DescribeVolumeStatus"]) == by_volume([NA, NA])


@pytest.mark.parametrize(
    ("rule", "operation"),
    [
        *((rule, VOLUMES) for rule in EVERY),
        (STATUS, "ec2:DescribeVolumeStatus"),
        (GP2_SIZE, "cloudwatch:GetMetricData"),
        (IOPS, "cloudwatch:GetMetricData"),
    ],
)
def test_what_was_not_read_is_unknown(lab: Lab, rule: str, operation: str) -> None:
    answers = volumes(of("io1", Iops=9000) if rule == IOPS else of("gp2"))
    expected = {"*" if operation == VOLUMES else "vol-0": UNKNOWN}
    assert lab.statuses(rule, answers=answers, deny=[operation]) == expected


def test_status(lab: Lab) -> None:
    act = [{"Code": "enable-volume-io"}]
    cases: list[tuple[str, list[dict[str, str]], str]] = [
        ("ok", [], PASS),
        ("impaired", [], FAIL),
        ("ok", act, FAIL),
        ("warning", [], PASS),
        ("insufficient-data", [], NA),
    ]
    answers = volumes(*({} for _ in cases), {})
    answers["ec2:DescribeVolumeStatus"] = {
        "VolumeStatuses": [
            {"VolumeId": f"vol-{n}", "VolumeStatus": {"Status": status}, "Actions": actions}
            for n, (status, actions, _) in enumerate(cases)
        ]
    }
    assert lab.statuses(STATUS, answers=answers) == by_volume([*(status for *_, status in cases), UNKNOWN])


def test_gp2_by_size_and_balance(lab: Lab) -> None:
    answers = volumes(
        of("gp2", Size=5335), of("gp2", Size=5334), of("gp2", Size=1000), of("gp2"), of("gp2"), of("gp2"), {}
    )
    balance = {("vol-3", "BurstBalance"): [100, 19.0], ("vol-4", "BurstBalance"): [100, 20.0]}
    found = lab.statuses(GP2_SIZE, answers=answers | figures(balance))
    assert found == by_volume([FAIL, PASS, PASS, FAIL, PASS, NA, NA])


def test_provisioned_iops(lab: Lab) -> None:
    busy, quiet = [1000 * 3600.0] * 300, [100 * 3600.0] * 300
    answers = volumes(
        of("io1", Iops=5000), of("io2", Iops=5000), of("gp3", Iops=6000), of("gp3", Iops=3000), of("io1", Iops=5000),
        of("io1", Iops=5000, State="available"), of("io1", Iops=5000),
    )  # fmt: skip
    values = {
        ("vol-0", "VolumeReadOps"): busy, ("vol-1", "VolumeWriteOps"): quiet, ("vol-2", "VolumeReadOps"): quiet,
        # Three hours of 300 are within the one in a hundred that does not count.
        ("vol-6", "VolumeReadOps"): [*quiet[:-3], *busy[:3]], ("vol-6", "VolumeWriteOps"): quiet,
    }  # fmt: skip
    found = lab.findings(IOPS, answers=answers | figures(values))
    assert {name: f.status.value for name, f in found.items()} == by_volume([PASS, FAIL, FAIL, NA, NA, NA, FAIL])
    assert found["vol-6"].evidence["used_iops"] == 200


# --- Snapshots


def snapshots(*changes: dict[str, Any]) -> dict[str, Any]:
    usual = {
        "State": "completed", "Encrypted": True, "StartTime": ago(91), "VolumeId": "vol-0", "StorageTier": "standard"
    }  # fmt: skip
    return {SNAPSHOTS: {"Snapshots": [usual | {"SnapshotId": f"snap-{n}"} | each for n, each in enumerate(changes)]}}


def image(snapshot: str) -> dict[str, Any]:
    mapped = [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot, "Encrypted": True}}]
    return {IMAGES: {"Images": [{"ImageId": "ami-0", "Public": False, "BlockDeviceMappings": mapped}]}}


def by_snapshot(statuses: list[str]) -> dict[str, str]:
    return {f"snap-{n}": status for n, status in enumerate(statuses)}


BACKUP = tagged(**{"aws:backup:source-resource": "x"})
DLM = tagged(**{"aws:dlm:lifecycle-policy-id": "policy-0"})


def test_old_snapshots(lab: Lab) -> None:
    changes: list[dict[str, Any]] = [{}, {"StartTime": ago(89)}, {"StorageTier": "archive"}, BACKUP, DLM, {}]
    answers = snapshots(*changes) | image("snap-5")
    assert lab.statuses(OLD, answers=answers) == by_snapshot([FAIL, PASS, PASS, NA, NA, NA])
    assert lab.statuses(OLD, answers=answers, deny=[IMAGES])["snap-0"] == UNKNOWN
    assert lab.statuses(OLD, deny=[SNAPSHOTS]) == {"*": UNKNOWN}


def test_snapshots_without_a_volume(lab: Lab) -> None:
    gone = {"VolumeId": "vol-9"}
    copy = {"VolumeId": "vol-ffffffff"}
    changes: list[dict[str, Any]] = [{}, gone, gone | {"StartTime": ago(29)}, gone | BACKUP, copy, gone]
    answers = snapshots(*changes) | volumes({}) | image("snap-5")
    assert lab.statuses(SOURCE, answers=answers) == by_snapshot([PASS, FAIL, NA, NA, NA, NA])
    assert lab.statuses(SOURCE, answers=answers, deny=[VOLUMES])["snap-1"] == UNKNOWN
    assert lab.statuses(SOURCE, answers=answers, deny=[IMAGES])["snap-1"] == UNKNOWN
    assert lab.statuses(SOURCE, deny=[SNAPSHOTS]) == {"*": UNKNOWN}


# --- What makes and keeps snapshots


def retention(*days: int, **scope: Any) -> dict[str, Any]:
    """Rules of the Recycle Bin, of the same scope."""
    rules = [
        {"Identifier": f"r-{n}", "RetentionPeriod": {"RetentionPeriodValue": each, "RetentionPeriodUnit": "DAYS"}}
        for n, each in enumerate(days)
    ]
    return snapshots({}) | {"rbin:ListRules": {"Rules": rules}, "rbin:GetRule": {"Status": "available", **scope}}


@pytest.mark.parametrize(("days", "status"), [((), FAIL), ((6,), FAIL), ((6, 7), PASS)])
def test_the_recycle_bin(lab: Lab, days: tuple[int, ...], status: str) -> None:
    assert lab.statuses(BIN, answers=retention(*days)) == {ACCOUNT: status}
    if days:
        unread = {6: FAIL, 7: UNKNOWN}[days[-1]]
        assert lab.statuses(BIN, answers=retention(*days), deny=["rbin:GetRule"]) == {ACCOUNT: unread}


def test_a_recycle_bin_for_some_snapshots_only(lab: Lab) -> None:
    tagged = lab.findings(BIN, answers=retention(7, ResourceTags=[{"ResourceTagKey": "keep"}]))[ACCOUNT]
    assert (tagged.status, tagged.evidence["rules"]) == (FAIL, ["r-0"])
    assert lab.statuses(BIN, answers=retention(7, Status="pending")) == {ACCOUNT: FAIL}


def test_the_recycle_bin_without_snapshots_and_unread(lab: Lab) -> None:
    assert lab.statuses(BIN, answers=snapshots(), deny=["rbin:ListRules"]) == {ACCOUNT: NA}
    assert lab.statuses(BIN, deny=[SNAPSHOTS]) == {ACCOUNT: UNKNOWN}
    assert lab.statuses(BIN, answers=snapshots({}), deny=["rbin:ListRules"]) == {ACCOUNT: UNKNOWN}


def policy(kind: str = "EBS_SNAPSHOT_MANAGEMENT", state: str = "ENABLED") -> dict[str, Any]:
    return {"dlm:GetLifecyclePolicies": {"Policies": [{"PolicyId": "policy-0", "State": state, "PolicyType": kind}]}}


def plan(name: str) -> dict[str, Any]:
    arn = f"arn:aws:backup:us-east-1:{ACCOUNT}:backup-plan:p-0"
    return {
        "backup:ListBackupPlans": {
            "BackupPlansList": [{"BackupPlanId": "p-0", "BackupPlanName": name, "BackupPlanArn": arn}]
        }
    }


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        ({}, FAIL),
        (policy(), PASS),
        (policy("IMAGE_MANAGEMENT"), PASS),
        (policy("EVENT_BASED_POLICY"), FAIL),
        (policy(state="DISABLED"), FAIL),
        (plan("nightly"), PASS),
        (plan("aws/efs/automatic-backup-plan"), FAIL),
        (volumes({"State": "available"}), NA),
    ],
)
def test_lifecycle_policies(lab: Lab, answers: dict[str, Any], status: str) -> None:
    assert lab.statuses(POLICY, answers=volumes({}) | answers) == {ACCOUNT: status}


@pytest.mark.parametrize("operation", [VOLUMES, "dlm:GetLifecyclePolicies", "backup:ListBackupPlans"])
def test_lifecycle_policies_unread(lab: Lab, operation: str) -> None:
    assert lab.statuses(POLICY, answers=volumes({}) | instances(), deny=[operation]) == {ACCOUNT: UNKNOWN}
