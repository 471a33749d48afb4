from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from auditor.demo.protocol import Error
from tests.lab import Lab
from tests.rules.ec2_answers import ACCOUNT, instances

ENCRYPTED = "ec2-volume-encrypted"
DEFAULT = "ec2-account-ebs-default-encryption-enabled"
RECENT = "ec2-volume-recent-snapshot-exists"
SNAPSHOT_ENCRYPTED = "ec2-snapshot-encrypted"
SNAPSHOT_PUBLIC = "ec2-snapshot-not-public"
SNAPSHOT_BLOCK = "ec2-account-snapshot-block-public-access-enabled"
FAST_RESTORE = "ec2-snapshot-fast-restore-disabled"

VOLUMES, SNAPSHOTS = "ec2:DescribeVolumes", "ec2:DescribeSnapshots"


def ago(days: float) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


def volumes(*described: dict[str, Any]) -> dict[str, Any]:
    """What EC2 answers where there are these volumes, made a month ago: vol-0, vol-1 and so on."""
    usual = {"State": "in-use", "Encrypted": False, "CreateTime": ago(30), "Attachments": []}
    return {VOLUMES: {"Volumes": [usual | {"VolumeId": f"vol-{n}"} | each for n, each in enumerate(described)]}}


def snapshots(*described: dict[str, Any]) -> dict[str, Any]:
    """What EC2 answers where there are these snapshots, all private: snap-0, snap-1 and so on."""
    usual = {"State": "completed", "Encrypted": False, "StartTime": ago(1), "VolumeId": "vol-0"}
    found = {"Snapshots": [usual | {"SnapshotId": f"snap-{n}"} | each for n, each in enumerate(described)]}

    def answer(params: dict[str, Any], region: str, account: str) -> dict[str, Any]:
        return {"Snapshots": []} if "RestorableByUserIds" in params else found

    return {SNAPSHOTS: answer}


# --- Volumes


def test_encrypted_volumes(lab: Lab) -> None:
    ec2 = lab.client("ec2")
    made = [ec2.create_volume(AvailabilityZone="us-east-1a", Size=1, Encrypted=each) for each in (True, False)]
    assert lab.statuses(ENCRYPTED) == {made[0]["VolumeId"]: "pass", made[1]["VolumeId"]: "fail"}


def test_encrypted_volumes_in_every_state(lab: Lab) -> None:
    managed = {"Operator": {"Managed": True, "Principal": "eks.amazonaws.com"}}
    cases: list[tuple[dict[str, Any], str]] = [
        *(({"State": state}, "fail") for state in ("creating", "available", "in-use", "error")),
        *(({"State": state}, "not_applicable") for state in ("deleting", "deleted")),
        (managed, "not_applicable"),
        (managed | {"Encrypted": True}, "pass"),
    ]
    expected = {f"vol-{n}": status for n, (_, status) in enumerate(cases)}
    assert lab.statuses(ENCRYPTED, answers=volumes(*(described for described, _ in cases))) == expected


@pytest.mark.parametrize("rule_id", [ENCRYPTED, RECENT])
def test_unlisted_volumes_are_unknown(lab: Lab, rule_id: str) -> None:
    assert lab.statuses(rule_id, deny=[VOLUMES]) == {"*": "unknown"}


def test_default_encryption(lab: Lab) -> None:
    ec2 = lab.client("ec2")
    empty = lab.findings(DEFAULT)[ACCOUNT]
    assert (empty.status, empty.severity) == ("fail", "low")
    ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)
    full = lab.findings(DEFAULT)[ACCOUNT]
    assert (full.status, full.severity) == ("fail", "medium")
    ec2.enable_ebs_encryption_by_default()
    assert lab.statuses(DEFAULT) == {ACCOUNT: "pass"}


def test_default_encryption_unread(lab: Lab) -> None:
    assert lab.statuses(DEFAULT, deny=["ec2:GetEbsEncryptionByDefault"]) == {ACCOUNT: "unknown"}
    denied = lab.findings(DEFAULT, deny=[VOLUMES])[ACCOUNT]
    assert (denied.status, denied.severity) == ("fail", "medium")


@pytest.mark.parametrize(
    ("found", "status"),
    [
        ([{"StartTime": ago(1)}], "pass"),
        ([{"StartTime": ago(6.9)}], "pass"),
        ([{"StartTime": ago(7.1)}], "fail"),
        ([{"StartTime": ago(30)}, {"StartTime": ago(2)}], "pass"),
        ([{"State": "pending"}], "fail"),
        ([{"State": "error"}], "fail"),
        ([{"VolumeId": "vol-another"}], "fail"),
        ([], "fail"),
    ],
)
def test_recent_snapshot(lab: Lab, found: list[dict[str, Any]], status: str) -> None:
    assert lab.statuses(RECENT, answers=volumes({}) | snapshots(*found)) == {"vol-0": status}


def test_recent_snapshot_by_another_measure(lab: Lab) -> None:
    answers = volumes({}) | snapshots({"StartTime": ago(3)})
    assert lab.statuses(RECENT, answers=answers, max_snapshot_age_days=2) == {"vol-0": "fail"}


def test_recent_snapshot_where_none_is_called_for(lab: Lab) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"State": "available"}, "not_applicable"),
        ({"CreateTime": ago(6.9)}, "not_applicable"),
        ({"CreateTime": ago(7.1)}, "fail"),
        ({"Operator": {"Managed": True}}, "not_applicable"),
        ({"Tags": [{"Key": "auditor:no-snapshots", "Value": ""}]}, "not_applicable"),
        ({"Tags": [{"Key": "Name", "Value": "data"}]}, "fail"),
    ]
    expected = {f"vol-{n}": status for n, (_, status) in enumerate(cases)}
    assert lab.statuses(RECENT, answers=volumes(*(described for described, _ in cases)) | snapshots()) == expected


def test_recent_snapshot_opt_out_tag(lab: Lab) -> None:
    answers = volumes({"Tags": [{"Key": "scratch", "Value": "yes"}]}) | snapshots()
    assert lab.statuses(RECENT, answers=answers, opt_out_tag="scratch") == {"vol-0": "not_applicable"}


def attached() -> dict[str, Any]:
    """Volumes of instances that something replaces (i-0 to i-2) and of others; none has a snapshot."""
    replaced: list[dict[str, Any]] = [
        {"Tags": [{"Key": "aws:autoscaling:groupName", "Value": "web"}]},
        {"Tags": [{"Key": "karpenter.sh/nodepool", "Value": "default"}]},
        {"Operator": {"Managed": True, "Principal": "eks.amazonaws.com"}},
    ]
    holders: list[dict[str, Any]] = [{"InstanceId": f"i-{n}"} for n in (0, 1, 2, 3, 99)]
    return (
        instances(*replaced, {})
        | volumes(*({"Attachments": [holder]} for holder in holders), {"Attachments": [{"State": "attached"}]})
        | snapshots()
    )


def test_recent_snapshot_of_what_is_replaced(lab: Lab) -> None:
    expected = {f"vol-{n}": "not_applicable" if n < 3 else "fail" for n in range(6)}
    assert lab.statuses(RECENT, answers=attached()) == expected


def test_recent_snapshot_unread(lab: Lab) -> None:
    assert set(lab.statuses(RECENT, answers=attached(), deny=[SNAPSHOTS]).values()) == {"unknown"}
    statuses = lab.statuses(RECENT, answers=attached(), deny=["ec2:DescribeInstances"])
    assert statuses == {f"vol-{n}": "unknown" for n in range(5)} | {"vol-5": "fail"}
    kept = attached() | snapshots({})
    assert lab.statuses(RECENT, answers=kept, deny=["ec2:DescribeInstances"])["vol-0"] == "pass"


# --- Snapshots


def snapshot(lab: Lab, *, encrypted: bool = False, public: bool = False) -> str:
    """Make a snapshot and give its id."""
    ec2 = lab.client("ec2")
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1, Encrypted=encrypted)["VolumeId"]
    made = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    if public:
        share(lab, made, GroupNames=["all"])
    return str(made)


def share(lab: Lab, snapshot_id: str, **whom: list[str]) -> None:
    attribute = {"Attribute": "createVolumePermission", "OperationType": "add"}
    lab.client("ec2").modify_snapshot_attribute(SnapshotId=snapshot_id, **attribute, **whom)


def test_encrypted_snapshots(lab: Lab) -> None:
    made = {snapshot(lab, encrypted=True): "pass", snapshot(lab): "fail"}
    assert lab.statuses(SNAPSHOT_ENCRYPTED) == made


@pytest.mark.parametrize("rule_id", [SNAPSHOT_ENCRYPTED, SNAPSHOT_PUBLIC, FAST_RESTORE])
def test_unlisted_snapshots_are_unknown(lab: Lab, rule_id: str) -> None:
    assert lab.statuses(rule_id, deny=[SNAPSHOTS]) == {"*": "unknown"}


def blocked(state: str) -> dict[str, Any]:
    """What EC2 answers where the block on public snapshots is in this state."""
    return {"ec2:GetSnapshotBlockPublicAccessState": {"State": state}}


@pytest.mark.parametrize(
    ("state", "severity"),
    [("unblocked", "critical"), ("block-new-sharing", "critical"), ("block-all-sharing", "medium")],
)
def test_public_snapshots(lab: Lab, state: str, severity: str) -> None:
    private, public = snapshot(lab), snapshot(lab, public=True)
    found = lab.findings(SNAPSHOT_PUBLIC, answers=blocked(state))
    assert {name: (f.status, f.severity) for name, f in found.items()} == {
        private: ("pass", "critical"),
        public: ("fail", severity),
    }


def test_snapshots_shared_with_accounts_are_not_public(lab: Lab) -> None:
    made = snapshot(lab)
    share(lab, made, UserIds=["999999999999"])
    assert lab.statuses(SNAPSHOT_PUBLIC) == {made: "pass"}


def test_only_snapshots_that_ec2_calls_public_are_asked_for(lab: Lab) -> None:
    answers = snapshots({}, {"Encrypted": True})
    statuses = lab.statuses(SNAPSHOT_PUBLIC, answers=answers, deny=["ec2:DescribeSnapshotAttribute"])
    assert statuses == {"snap-0": "pass", "snap-1": "pass"}


def test_public_snapshots_unread(lab: Lab) -> None:
    encrypted, public = snapshot(lab, encrypted=True), snapshot(lab, public=True)
    denied = lab.statuses(SNAPSHOT_PUBLIC, deny=["ec2:DescribeSnapshotAttribute"])
    assert denied == {encrypted: "pass", public: "unknown"}
    unblocked = lab.findings(SNAPSHOT_PUBLIC, deny=["ec2:GetSnapshotBlockPublicAccessState"])[public]
    assert (unblocked.status, unblocked.severity) == ("fail", "critical")


@pytest.mark.parametrize(
    ("state", "status", "severity"),
    [
        ("block-all-sharing", "pass", "medium"),
        ("block-new-sharing", "fail", "low"),
        ("unblocked", "fail", "medium"),
    ],
)
def test_snapshot_block(lab: Lab, state: str, status: str, severity: str) -> None:
    finding = lab.findings(SNAPSHOT_BLOCK, answers=blocked(state) | snapshots({}))[ACCOUNT]
    assert (finding.status, finding.severity) == (status, severity)


def test_snapshot_block_matters_less_without_snapshots(lab: Lab) -> None:
    assert lab.findings(SNAPSHOT_BLOCK, answers=blocked("unblocked"))[ACCOUNT].severity == "low"
    denied = lab.findings(SNAPSHOT_BLOCK, answers=blocked("unblocked"), deny=[SNAPSHOTS])[ACCOUNT]
    assert (denied.status, denied.severity) == ("fail", "medium")


def test_snapshot_block_unread(lab: Lab) -> None:
    assert lab.statuses(SNAPSHOT_BLOCK, deny=["ec2:GetSnapshotBlockPublicAccessState"]) == {ACCOUNT: "unknown"}


@pytest.mark.parametrize("code", ["InvalidAction", "UnsupportedOperation", "OptInRequired"])
def test_what_a_region_does_not_offer_is_unknown(lab: Lab, code: str) -> None:
    made = snapshot(lab)
    answers = {
        f"ec2:{operation}": Error(code, "not here")
        for operation in ("DescribeFastSnapshotRestores", "GetSnapshotBlockPublicAccessState")
    }
    assert lab.statuses(FAST_RESTORE, answers=answers) == {made: "unknown"}
    assert lab.statuses(SNAPSHOT_BLOCK, answers=answers) == {ACCOUNT: "unknown"}
    assert lab.statuses(SNAPSHOT_PUBLIC, answers=answers) == {made: "pass"}


def restores(*described: dict[str, Any]) -> dict[str, Any]:
    """What EC2 answers where snap-0 has fast restore in these zones."""
    usual = {"SnapshotId": "snap-0", "OwnerId": ACCOUNT, "State": "enabled"}
    zones = [usual | {"AvailabilityZone": f"us-east-1{chr(97 + n)}"} | each for n, each in enumerate(described)]
    return snapshots({}) | {"ec2:DescribeFastSnapshotRestores": {"FastSnapshotRestores": zones}}


@pytest.mark.parametrize(
    ("described", "status"),
    [
        ([], "pass"),
        ([{"EnabledTime": ago(6.9)}], "pass"),
        ([{"EnabledTime": ago(7.1)}], "fail"),
        ([{"EnabledTime": ago(1)}, {"EnabledTime": ago(30)}], "fail"),
        ([{"State": "optimizing", "OptimizingTime": ago(8), "EnablingTime": ago(9)}], "fail"),
        ([{"State": "optimizing", "EnablingTime": ago(1)}], "pass"),
        ([{"State": "enabling", "EnablingTime": ago(9)}], "pass"),
        ([{"State": "disabled", "EnabledTime": ago(30)}], "pass"),
        ([{"OwnerId": "999999999999", "EnabledTime": ago(30)}], "pass"),
        ([{"SnapshotId": "snap-another", "EnabledTime": ago(30)}], "pass"),
        ([{}], "unknown"),
    ],
)
def test_fast_restore(lab: Lab, described: list[dict[str, Any]], status: str) -> None:
    assert lab.statuses(FAST_RESTORE, answers=restores(*described)) == {"snap-0": status}


def test_fast_restore_by_another_measure(lab: Lab) -> None:
    answers = restores({"EnabledTime": ago(3)})
    assert lab.statuses(FAST_RESTORE, answers=answers, max_enabled_days=2) == {"snap-0": "fail"}
    evidence = lab.findings(FAST_RESTORE, answers=answers, max_enabled_days=2)["snap-0"].evidence
    assert list(evidence["enabled_since"]) == ["us-east-1a"]


def test_fast_restore_unread(lab: Lab) -> None:
    made = snapshot(lab)
    assert lab.statuses(FAST_RESTORE, deny=["ec2:DescribeFastSnapshotRestores"]) == {made: "unknown"}
