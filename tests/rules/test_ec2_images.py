"""Own images, launch templates, key pairs, and which images may be launched."""

from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.ec2_answers import ACCOUNT, ago, instances, tagged

ENCRYPTED = "ec2-image-encrypted"
USED = "ec2-image-in-use"
ALLOWED = "ec2-account-allowed-images-enabled"
TEMPLATE = "ec2-launch-template-volumes-encrypted"
KEY = "ec2-key-pair-in-use"
PASS, FAIL, NA, UNKNOWN = "pass", "fail", "not_applicable", "unknown"
IMAGES, KEYS = "ec2:DescribeImages", "ec2:DescribeKeyPairs"
TEMPLATES, VERSIONS = "ec2:DescribeLaunchTemplates", "ec2:DescribeLaunchTemplateVersions"
CONFIGURATIONS = "autoscaling:DescribeLaunchConfigurations"
USERS = ("ec2:DescribeInstances", TEMPLATES, VERSIONS, CONFIGURATIONS)


def images(*changes: dict[str, Any]) -> dict[str, Any]:
    usual = {"Public": False, "CreationDate": ago(200).isoformat()}
    return {IMAGES: {"Images": [usual | {"ImageId": f"ami-{n}"} | each for n, each in enumerate(changes)]}}


def disk(**ebs: Any) -> dict[str, Any]:
    return {"DeviceName": "/dev/xvda", "Ebs": ebs}


def template(**data: Any) -> dict[str, Any]:
    """A launch template whose default version says this."""
    version = {
        "LaunchTemplateId": "lt-0", "VersionNumber": 1, "DefaultVersion": True, "LaunchTemplateData": data
    }  # fmt: skip
    made = {
        "LaunchTemplateId": "lt-0",
        "LaunchTemplateName": "web",
        "DefaultVersionNumber": 1,
        "LatestVersionNumber": 1,
    }
    return {TEMPLATES: {"LaunchTemplates": [made]}, VERSIONS: {"LaunchTemplateVersions": [version]}}


def configuration(**more: str) -> dict[str, Any]:
    name = f"arn:aws:autoscaling:us-east-1:{ACCOUNT}:launchConfiguration:1:launchConfigurationName/old"
    made = {
        "LaunchConfigurationName": "old", "LaunchConfigurationARN": name, "ImageId": "ami-9",
        "InstanceType": "m5.large", "CreatedTime": ago(9),
    }  # fmt: skip
    return {CONFIGURATIONS: {"LaunchConfigurations": [made | more]}}


def test_encrypted_images(lab: Lab) -> None:
    cases: list[tuple[list[dict[str, Any]], str]] = [
        ([disk(SnapshotId="snap-0", Encrypted=True)], PASS),
        ([disk(SnapshotId="snap-0", Encrypted=True), disk(SnapshotId="snap-1", Encrypted=False)], FAIL),
        ([disk(SnapshotId="snap-0", Encrypted=True), {"DeviceName": "/dev/sdb", "VirtualName": "ephemeral0"}], PASS),
        ([{"DeviceName": "/dev/sdb", "VirtualName": "ephemeral0"}], NA),
        ([disk(SnapshotId="snap-8")], UNKNOWN),
        ([disk(VolumeSize=8)], UNKNOWN),
        ([disk(SnapshotId="snap-2")], FAIL),
        ([disk(SnapshotId="snap-3")], PASS),
    ]
    answers = images(*({"BlockDeviceMappings": mapped} for mapped, _ in cases))
    made = {"State": "completed", "StartTime": ago(9)}
    known = [made | {"SnapshotId": f"snap-{n}", "Encrypted": n == 3} for n in (2, 3)]
    answers["ec2:DescribeSnapshots"] = {"Snapshots": known}
    assert lab.statuses(ENCRYPTED, answers=answers) == {f"ami-{n}": status for n, (_, status) in enumerate(cases)}
    assert lab.statuses(ENCRYPTED, deny=[IMAGES]) == {"*": UNKNOWN}


def test_images_in_use(lab: Lab) -> None:
    answers = images(
        {},
        {"LastLaunchedTime": ago(89).isoformat()},
        {"LastLaunchedTime": ago(91).isoformat()},
        {"CreationDate": ago(89).isoformat()},
        tagged(**{"aws:backup:source-resource": "x"}),
        {},
        {},
        {},
        {},
    )
    answers |= instances({"ImageId": "ami-5"}, {"ImageId": "ami-8", "State": {"Name": "terminated"}})
    answers |= template(ImageId="ami-6") | configuration(ImageId="ami-7")
    statuses = [FAIL, PASS, FAIL, NA, NA, PASS, PASS, PASS, FAIL]
    assert lab.statuses(USED, answers=answers) == {f"ami-{n}": status for n, status in enumerate(statuses)}


@pytest.mark.parametrize("operation", [IMAGES, *USERS])
def test_images_whose_use_is_unread(lab: Lab, operation: str) -> None:
    answers = images({}) | instances({}) | template(ImageId="ami-6")
    expected = {"*" if operation == IMAGES else "ami-0": UNKNOWN}
    assert lab.statuses(USED, answers=answers, deny=[operation]) == expected


def test_allowed_images(lab: Lab) -> None:
    setting = "ec2:GetAllowedImagesSettings"
    for state, status in (("enabled", PASS), ("audit-mode", PASS), ("disabled", FAIL)):
        found = lab.findings(ALLOWED, answers={setting: {"State": state}} | instances({}))[ACCOUNT]
        assert (found.status, found.severity) == (status, "low")
    assert lab.findings(ALLOWED, answers={setting: {"State": "disabled"}})[ACCOUNT].severity == "informational"
    assert lab.statuses(ALLOWED, deny=[setting]) == {ACCOUNT: UNKNOWN}


# --- Launch templates


@pytest.mark.parametrize(
    ("mapped", "status"),
    [
        ([], NA),
        ([disk(Encrypted=True)], PASS),
        ([disk(VolumeSize=8)], FAIL),
        ([disk(Encrypted=False)], FAIL),
        ([disk(Encrypted=True), disk(VolumeSize=8)], FAIL),
        ([{"DeviceName": "/dev/sdb", "NoDevice": ""}], NA),
        ([{"DeviceName": "/dev/sdb", "VirtualName": "ephemeral0"}], NA),
        ([disk(SnapshotId="snap-0")], PASS),
        ([disk(SnapshotId="snap-1")], FAIL),
        ([disk(SnapshotId="snap-9")], FAIL),
    ],
)
def test_volumes_of_templates(lab: Lab, mapped: list[dict[str, Any]], status: str) -> None:
    each = [
        {"SnapshotId": f"snap-{n}", "Encrypted": n == 0, "State": "completed", "StartTime": ago(9)} for n in range(2)
    ]
    answers = template(BlockDeviceMappings=mapped) | {"ec2:DescribeSnapshots": {"Snapshots": each}}
    assert lab.statuses(TEMPLATE, answers=answers) == {"lt-0": status}
    if status == FAIL:
        answers["ec2:GetEbsEncryptionByDefault"] = {"EbsEncryptionByDefault": True}
        assert lab.statuses(TEMPLATE, answers=answers) == {"lt-0": PASS}


@pytest.mark.parametrize("operation", [TEMPLATES, VERSIONS, "ec2:GetEbsEncryptionByDefault", "ec2:DescribeSnapshots"])
def test_volumes_of_templates_unread(lab: Lab, operation: str) -> None:
    answers = template(BlockDeviceMappings=[disk(SnapshotId="snap-0")])
    expected = {"*" if operation == TEMPLATES else "lt-0": UNKNOWN}
    assert lab.statuses(TEMPLATE, answers=answers, deny=[operation]) == expected


# --- Key pairs


def test_key_pairs(lab: Lab) -> None:
    pairs = [{"KeyPairId": f"key-{n}", "KeyName": f"name-{n}"} for n in range(5)]
    answers = {KEYS: {"KeyPairs": pairs}} | template(KeyName="name-1") | configuration(KeyName="name-2")
    answers |= instances({"KeyName": "name-0"}, {"KeyName": "name-4", "State": {"Name": "terminated"}})
    statuses = [PASS, PASS, PASS, FAIL, FAIL]
    assert lab.statuses(KEY, answers=answers) == {f"key-{n}": status for n, status in enumerate(statuses)}


@pytest.mark.parametrize("operation", [KEYS, *USERS])
def test_key_pairs_whose_use_is_unread(lab: Lab, operation: str) -> None:
    answers = {KEYS: {"KeyPairs": [{"KeyPairId": "key-0", "KeyName": "name-0"}]}} | template(ImageId="ami-0")
    expected = {"*" if operation == KEYS else "key-0": UNKNOWN}
    assert lab.statuses(KEY, answers=answers, deny=[operation]) == expected
