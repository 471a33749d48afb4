"""Users: passwords, MFA, access keys and other credentials, and what they hold through groups."""

import json
from datetime import datetime

import pytest

from tests.lab import Lab
from tests.rules.iam_answers import (
    ADMIN,
    DETAILS,
    GET_REPORT,
    Answers,
    Json,
    ago,
    allow,
    days_ago,
    details,
    document,
    group,
    report,
    root,
    row,
    user,
)

QUARANTINE = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantine"
OWN_ADMIN = "arn:aws:iam::123456789012:policy/AdministratorAccess"
CREDENTIALS = "iam:ListServiceSpecificCredentials"


def test_rows_that_only_name_the_root_user_are_not_users(lab: Lab) -> None:
    answers = report(root(password_enabled="true", access_key_1_active="true", access_key_1_last_rotated=ago(900)))
    for rule_id in (
        "iam-user-mfa-enabled",
        "iam-user-console-password-recently-used",
        "iam-user-access-key-recently-used",
        "iam-user-access-key-rotated",
    ):
        assert lab.statuses(rule_id, answers=answers) == {}


def test_user_mfa(lab: Lab) -> None:
    answers = report(
        root(),
        row("anna", password_enabled="true", mfa_active="true"),
        row("bert", password_enabled="true", mfa_active="false"),
        row("robot", access_key_1_active="true"),
        row("odd", password_enabled="true", mfa_active="perhaps"),
    )
    assert lab.statuses("iam-user-mfa-enabled", answers=answers) == {
        "anna": "pass",
        "bert": "fail",
        "robot": "pass",
        "odd": "unknown",
    }


def test_user_mfa_as_moto_reports_it(lab: Lab) -> None:
    client = lab.client("iam")
    for name in ("anna", "bert"):
        client.create_user(UserName=name)
    client.create_login_profile(UserName="bert", Password="correct horse battery")
    assert lab.statuses("iam-user-mfa-enabled") == {"anna": "pass", "bert": "fail"}


def test_finding_is_about_the_user(lab: Lab) -> None:
    found = lab.findings("iam-user-mfa-enabled", answers=report(row("bert", password_enabled="true")))["bert"]
    assert (found.resource.arn, found.resource.type) == ("arn:aws:iam::123456789012:user/bert", "AWS::IAM::User")
    assert found.evidence == {"password_enabled": True, "mfa_active": False}


PASSWORDS = {
    "none": ({"password_enabled": "false"}, "pass"),
    "used": ({"password_last_used": ago(44)}, "pass"),
    "unused": ({"password_last_used": ago(46)}, "fail"),
    "unused-since-changed": ({"password_last_used": ago(46), "password_last_changed": ago(1)}, "fail"),
    "never-used-new": ({"password_last_used": "no_information", "password_last_changed": ago(10)}, "pass"),
    "never-used-old": ({"password_last_used": "no_information", "password_last_changed": ago(46)}, "fail"),
    "no-date-old": ({"password_last_used": "N/A"}, "fail"),
    "no-date-new": ({"password_last_used": "N/A", "user_creation_time": ago(3)}, "pass"),
}


def test_console_password_recently_used(lab: Lab) -> None:
    rows = [row(name, **{"password_enabled": "true", **columns}) for name, (columns, _) in PASSWORDS.items()]
    expected = {name: status for name, (_, status) in PASSWORDS.items()}
    assert lab.statuses("iam-user-console-password-recently-used", answers=report(*rows)) == expected


def key(number: int, rotated: str, used: str = "N/A", active: str = "true") -> dict[str, str]:
    prefix = f"access_key_{number}"
    return {f"{prefix}_active": active, f"{prefix}_last_rotated": rotated, f"{prefix}_last_used_date": used}


# Name: the keys, whether they are used recently enough, whether they are rotated.
KEYS = {
    "none": ({}, "pass", "pass"),
    "fresh": (key(1, ago(10), ago(1)), "pass", "pass"),
    "busy-old": (key(1, ago(91), ago(1)), "pass", "fail"),
    "idle": (key(1, ago(80), ago(46)), "fail", "pass"),
    "never-used-new": (key(1, ago(44)), "pass", "pass"),
    "never-used-old": (key(1, ago(46)), "fail", "pass"),
    "inactive": (key(1, ago(900), ago(900), active="false"), "pass", "pass"),
    "second": (key(1, ago(10), ago(1)) | key(2, ago(400), ago(200)), "fail", "fail"),
    "no-date": (key(1, "N/A"), "unknown", "unknown"),
    "no-date-and-old": (key(1, "N/A") | key(2, ago(400)), "fail", "fail"),
}


@pytest.mark.parametrize(
    ("rule_id", "which"), [("iam-user-access-key-recently-used", 1), ("iam-user-access-key-rotated", 2)]
)
def test_access_keys(lab: Lab, rule_id: str, which: int) -> None:
    rows = [row(name, **entry[0]) for name, entry in KEYS.items()]
    assert lab.statuses(rule_id, answers=report(*rows)) == {name: entry[which] for name, entry in KEYS.items()}


def test_thresholds_are_parameters(lab: Lab) -> None:
    answers = report(row("anna", **key(1, ago(60), ago(30))))
    assert lab.statuses("iam-user-access-key-rotated", answers=answers, max_age_days=30) == {"anna": "fail"}
    assert lab.statuses("iam-user-access-key-recently-used", answers=answers, max_unused_days=7) == {"anna": "fail"}


# --- what users hold


def test_user_no_administrator_access(lab: Lab) -> None:
    answers = details(
        user("direct", ADMIN),
        user("member", groups=("staff", "admins")),
        user("china", "arn:aws-cn:iam::aws:policy/AdministratorAccess"),
        user("reader", "arn:aws:iam::aws:policy/ReadOnlyAccess", OWN_ADMIN, groups=("staff",)),
        user("strange", groups=("staff", "unlisted")),
        user("both", groups=("unlisted", "admins")),
        user("plain"),
        group("staff", "arn:aws:iam::aws:policy/ReadOnlyAccess"),
        group("admins", ADMIN),
    )
    rule_id = "iam-user-no-administrator-access"
    expected = {"direct": "fail", "member": "fail", "china": "fail", "reader": "pass", "plain": "pass"}
    expected |= {"strange": "unknown", "both": "fail"}
    assert lab.statuses(rule_id, answers=answers) == expected
    expected |= {"direct": "not_applicable"}
    assert lab.statuses(rule_id, answers=answers, break_glass_users=("dir*",)) == expected


def test_user_not_quarantined(lab: Lab) -> None:
    answers = details(
        user("first", QUARANTINE),
        user("second", f"{QUARANTINE}V2"),
        user("third", groups=("leaked",)),
        user("similar", f"{QUARANTINE}Own", OWN_ADMIN),
        user("strange", groups=("unlisted",)),
        user("own", "arn:aws:iam::123456789012:policy/AWSCompromisedKeyQuarantine"),
        group("leaked", f"{QUARANTINE}V3"),
    )
    found = lab.findings("iam-user-not-quarantined-by-aws", answers=answers)
    assert {name: finding.status.value for name, finding in found.items()} == {
        "first": "fail",
        "second": "fail",
        "third": "fail",
        "similar": "pass",
        "strange": "unknown",
        "own": "pass",
    }
    assert (found["third"].severity, found["third"].evidence["through"]) == ("critical", "group leaked")


def test_group_administrators_mfa(lab: Lab) -> None:
    groups = ("lax", "strict", "empty", "readers", "idle", "new", "mixed")
    admins = [group(name, *([ADMIN] if name != "readers" else [])) for name in groups]
    users = [
        user("anna", groups=("strict", "readers")),
        user("bert", groups=("lax", "readers", "mixed")),
        user("robot", groups=("idle",)),
        user("keys", groups=("lax",)),
        user("today", groups=("new", "mixed")),
    ]
    rows = report(
        row("anna", password_enabled="true", mfa_active="true"),
        row("bert", password_enabled="true"),
        row("robot", access_key_1_active="false"),
        row("keys", **key(1, ago(9))),
    )
    found = lab.findings("iam-group-administrators-mfa-enabled", answers=details(*admins, *users) | rows)
    assert {name: finding.status.value for name, finding in found.items()} == {
        "lax": "fail",
        "strict": "pass",
        "empty": "pass",
        "readers": "pass",
        "idle": "pass",
        "new": "unknown",
        "mixed": "fail",
    }
    assert found["lax"].evidence == {"members": ["bert", "keys"]}


def test_group_administrators_mfa_unread(lab: Lab) -> None:
    answers = details(group("admins", ADMIN), group("readers"), user("anna", groups=("admins",)))
    expected = {"admins": "unknown", "readers": "pass"}
    assert lab.statuses("iam-group-administrators-mfa-enabled", answers=answers, deny={GET_REPORT}) == expected


def test_a_member_without_mfa_is_seen_beside_one_that_could_not_be(lab: Lab) -> None:
    members = [user("anna", groups=("admins",)), user("bert", groups=("admins",))]
    del members[1]["UserName"]
    rows = report(row("anna", password_enabled="true"))
    answers = details(group("admins", ADMIN), members[0]) | rows
    answers[DETAILS]["UserDetailList"] += members[1:]
    assert lab.statuses("iam-group-administrators-mfa-enabled", answers=answers) == {"admins": "fail"}
    answers |= report(row("anna", password_enabled="true", mfa_active="true"))
    assert lab.statuses("iam-group-administrators-mfa-enabled", answers=answers) == {"admins": "unknown"}


def test_groups_as_moto_keeps_them(lab: Lab) -> None:
    client = lab.client("iam")
    client.create_user(UserName="anna")
    client.create_group(GroupName="admins")
    client.add_user_to_group(UserName="anna", GroupName="admins")
    client.put_group_policy(GroupName="admins", PolicyName="p", PolicyDocument=json.dumps(document(allow("*"))))
    assert lab.statuses("iam-user-no-administrator-access") == {"anna": "pass"}
    assert lab.statuses("iam-group-administrators-mfa-enabled") == {"admins": "pass"}
    client.attach_group_policy(GroupName="admins", PolicyArn=ADMIN)
    client.create_access_key(UserName="anna")
    assert lab.statuses("iam-user-no-administrator-access") == {"anna": "fail"}
    assert lab.statuses("iam-group-administrators-mfa-enabled") == {"admins": "fail"}


# --- iam-user-service-specific-credential-rotated

ROTATED = "iam-user-service-specific-credential-rotated"


def credential(owner: str, made: datetime, status: str = "Active", ends: datetime | None = None) -> Json:
    shown: Json = {
        "UserName": owner,
        "Status": status,
        "CreateDate": made,
        "ServiceSpecificCredentialId": f"ACCA{owner}",
    }
    shown |= {"ServiceName": "codecommit.amazonaws.com", "ServiceUserName": f"{owner}-at-123456789012"}
    return shown | ({"ExpirationDate": ends} if ends else {})


def credentials(*entries: Json) -> Answers:
    return {CREDENTIALS: {"ServiceSpecificCredentials": list(entries), "IsTruncated": False}}


def test_service_specific_credentials(lab: Lab) -> None:
    entries = {
        "old-one-of-anna": (credential("old-one-of-anna", days_ago(91)), "fail"),
        "new-one-of-bert": (credential("new-one-of-bert", days_ago(89)), "pass"),
        "inactive-of-carl": (credential("inactive-of-carl", days_ago(400), "Inactive"), "pass"),
        "expired-of-dora": (credential("expired-of-dora", days_ago(400), "Expired"), "pass"),
        "ends-soon-of-emil": (credential("ends-soon-of-emil", days_ago(400), ends=days_ago(320)), "pass"),
        "ends-late-of-finn": (credential("ends-late-of-finn", days_ago(400), ends=days_ago(-900)), "fail"),
    }
    answers = details(user("none"), *map(user, entries)) | credentials(*(entry for entry, _ in entries.values()))
    expected = {"none": "pass"} | {name: status for name, (_, status) in entries.items()}
    assert lab.statuses(ROTATED, answers=answers) == expected


def test_service_specific_credentials_unread(lab: Lab) -> None:
    found = lab.findings(ROTATED, answers=details(user("anna")), deny={CREDENTIALS})["anna"]
    assert (found.status, found.evidence["iam_action"]) == ("unknown", CREDENTIALS)


@pytest.mark.parametrize("member", ["GroupList", "AttachedManagedPolicies"])
def test_lists_that_aws_left_out_are_not_empty_ones(lab: Lab, member: str) -> None:
    anna = user("anna")
    del anna[member]
    answers = details(anna)
    for rule_id in ("iam-user-no-administrator-access", "iam-user-not-quarantined-by-aws"):
        assert lab.statuses(rule_id, answers=answers) == {"anna": "unknown"}
