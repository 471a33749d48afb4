"""Keys, certificates and devices of users, beyond what most users have."""

from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.iam_answers import ACCOUNT, DETAILS, GET_REPORT, ago, days_ago, details, report, root, row, user

HARDWARE = "iam-user-hardware-mfa-enabled"
INACTIVE = "iam-user-inactive-access-key-removed"
SSH = "iam-user-ssh-public-key-rotated"
UNASSIGNED = "iam-virtual-mfa-device-assigned"
PERSON = {"password_enabled": "true", "mfa_active": "true"}
KEYS = {"access_key_1_active": "true", "access_key_2_active": "true", "access_key_1_last_rotated": ago(400)}


def by_name(member: str, items: dict[str, list[Any]]) -> Any:
    """What a listing for one user answers."""

    def answer(params: Any, _: str, __: str) -> dict[str, Any]:
        return {member: items.get(params["UserName"], []), "IsTruncated": False}

    return answer


def test_hardware_mfa(lab: Lab) -> None:
    rows = [row(name, **PERSON) for name in ("app", "text", "passkey", "token", "both", "gone")]
    devices = {
        "app": [f"arn:aws:iam::{ACCOUNT}:mfa/app"],
        "text": [f"arn:aws:iam::{ACCOUNT}:sms-mfa/text"],
        "passkey": [f"arn:aws:iam::{ACCOUNT}:u2f/user/passkey/key-1"],
        "token": ["GAHT12345678"],
        "both": [f"arn:aws:iam::{ACCOUNT}:mfa/both", "GAHT12345679"],
    }
    listed = {
        name: [{"UserName": name, "SerialNumber": s, "EnableDate": days_ago(9)} for s in serials]
        for name, serials in devices.items()
    }
    answers = report(root(), row("robot"), row("bare", password_enabled="true"), *rows)
    answers["iam:ListMFADevices"] = by_name("MFADevices", listed)
    assert lab.statuses(HARDWARE, answers=answers) == {
        "app": "fail", "text": "fail", "passkey": "pass", "token": "pass", "both": "pass",
        "gone": "not_applicable", "robot": "not_applicable", "bare": "not_applicable",
    }  # fmt: skip
    denied = lab.statuses(HARDWARE, answers=answers, deny=["iam:ListMFADevices"])
    assert {name for name, status in denied.items() if status == "unknown"} == {*devices, "gone"}


def test_unassigned_devices(lab: Lab) -> None:
    lab.client("iam").create_virtual_mfa_device(VirtualMFADeviceName="nobody")
    serial = f"arn:aws:iam::{ACCOUNT}:mfa/nobody"
    assert lab.statuses(UNASSIGNED) == {serial: "fail"}
    assert lab.statuses(UNASSIGNED, deny=["iam:ListVirtualMFADevices"]) == {"*": "unknown"}


def test_the_report(lab: Lab) -> None:
    answers = report(
        root(cert_1_active="true", password_enabled="true"),
        row("one-key", **{**KEYS, "access_key_2_active": "false"}),
        row("two-keys", **KEYS, access_key_2_last_rotated=ago(200)),
        row("rotating", **KEYS, access_key_2_last_rotated=ago(2)),
        row("admin-2", password_enabled="true", access_key_2_active="true"),
        row("Ops", password_enabled="true"),
        row("admin", cert_2_active="true"),
        row("adminah", password_enabled="true", cert_1_active="true"),
    )
    names = ("one-key", "two-keys", "rotating", "admin-2", "Ops", "admin", "adminah")
    failing = {
        "iam-user-single-active-access-key": {"two-keys"},
        "iam-user-console-and-access-keys-separated": {"admin-2"},
        "iam-user-not-generic-shared-name": {"admin-2", "Ops"},
        "iam-user-signing-certificate-absent": {"admin", "adminah"},
    }
    for rule, wrong in failing.items():
        expected = {name: "fail" if name in wrong else "pass" for name in names}
        assert lab.statuses(rule, answers=answers) == expected, rule
        assert lab.statuses(rule, answers=answers, deny=[GET_REPORT]) == {"*": "unknown"}
    named = lab.statuses("iam-user-not-generic-shared-name", answers=answers, shared_names="^adminah$")
    assert {name for name, status in named.items() if status == "fail"} == {"adminah"}
    strict = lab.statuses("iam-user-single-active-access-key", answers=answers, grace_days=1)
    assert strict["rotating"] == "fail"


def test_keys_that_are_listed_user_by_user(lab: Lab) -> None:
    answers = details(user("off"), user("expired"), user("on"), user("none"))
    keys = {"off": ["Active", "Inactive"], "expired": ["Expired"], "on": ["Active"]}
    answers["iam:ListAccessKeys"] = by_name(
        "AccessKeyMetadata",
        {
            name: [{"UserName": name, "AccessKeyId": f"AKIA{n:016}", "Status": s} for n, s in enumerate(states)]
            for name, states in keys.items()
        },
    )
    assert lab.statuses(INACTIVE, answers=answers) == {"off": "fail", "expired": "fail", "on": "pass", "none": "pass"}

    answers = details(user("old"), user("new"), user("retired"), user("none"))
    ssh = {"old": (("Active", 10), ("Active", 91)), "new": (("Active", 89),), "retired": (("Inactive", 900),)}
    answers["iam:ListSSHPublicKeys"] = by_name(
        "SSHPublicKeys",
        {
            name: [
                {"UserName": name, "SSHPublicKeyId": f"APKA{n:016}", "Status": status, "UploadDate": days_ago(age)}
                for n, (status, age) in enumerate(entries)
            ]
            for name, entries in ssh.items()
        },
    )
    assert lab.statuses(SSH, answers=answers) == {"old": "fail", "new": "pass", "retired": "pass", "none": "pass"}


def test_groups(lab: Lab) -> None:
    answers = details(user("member", groups=("developers",)), user("loner"))
    assert lab.statuses("iam-user-in-group", answers=answers) == {"member": "pass", "loner": "fail"}


@pytest.mark.parametrize(
    ("rule", "operation", "who"),
    [
        (INACTIVE, DETAILS, "*"),
        (INACTIVE, "iam:ListAccessKeys", "anna"),
        (SSH, "iam:ListSSHPublicKeys", "anna"),
        ("iam-user-in-group", DETAILS, "*"),
    ],
)
def test_denied(lab: Lab, rule: str, operation: str, who: str) -> None:
    assert lab.statuses(rule, answers=details(user("anna")), deny=[operation]) == {who: "unknown"}
