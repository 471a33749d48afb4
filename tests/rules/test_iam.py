"""The account as a whole and its root user; federation and certificates."""

import asyncio
from datetime import datetime
from typing import Any

import pytest

from auditor.demo.protocol import Error
from auditor.fetch import CallError
from auditor.findings import GapKind
from auditor.resources import iam
from tests.lab import Lab
from tests.rules.iam_answers import (
    ACCOUNT,
    DETAILS,
    GET_REPORT,
    HEADER,
    MAKE_REPORT,
    MANAGEMENT,
    OTHER,
    Answers,
    ago,
    days_ago,
    organization,
    report,
    root,
    row,
)

WITHOUT_ROOT = pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1"])
FEATURES = "iam:ListOrganizationsFeatures"
DEVICES = "iam:ListVirtualMFADevices"
POLICY = "iam:GetAccountPasswordPolicy"


def status(lab: Lab, rule_id: str, **options: Any) -> str:
    """What a rule says of the account."""
    found = lab.statuses(rule_id, **options)
    assert found.keys() == {ACCOUNT}
    return found[ACCOUNT]


def summary(**counts: int) -> Answers:
    return {"iam:GetAccountSummary": {"SummaryMap": counts}}


# --- the credential report itself

NOT_READY = ("ReportNotPresent", "ReportExpired", "ReportInProgress")


class Aws:
    """Answers an escape hatch: for each operation these answers in turn, the last one for ever."""

    regions = ("us-east-1",)

    def __init__(self, **answers: list[Any]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def __call__(self, operation: str, /, **params: Any) -> list[dict[str, Any]]:
        self.asked.append(operation)
        queue = self.answers[operation]
        answer = queue.pop(0) if len(queue) > 1 else queue[0]
        if isinstance(answer, str):
            raise CallError(GapKind.FAILED, answer, "")
        return [answer]


STARTED, COMPLETE = {"State": "STARTED"}, {"State": "COMPLETE"}
REPORT = {"Content": f"{HEADER}\n{row('anna')}\n".encode()}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iam, "REPORT_WAITS", (0,) * len(iam.REPORT_WAITS))


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("made", "got"),
    [([COMPLETE], [REPORT]), ([STARTED, {"State": "INPROGRESS"}, COMPLETE], [REPORT])]
    + [([COMPLETE], [code, code, REPORT]) for code in NOT_READY],
)
def test_report_is_waited_for(made: list[Any], got: list[Any]) -> None:
    aws = Aws(GenerateCredentialReport=list(made), GetCredentialReport=list(got))
    rows = asyncio.run(iam.read_credential_report(aws))
    assert [line["user"] for line in rows] == ["anna"]
    assert aws.asked.count("GetCredentialReport") == len(got)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("made", "got"), [([STARTED], [REPORT]), ([COMPLETE], ["ReportInProgress"])])
def test_report_that_never_comes_is_given_up(made: list[Any], got: list[Any]) -> None:
    aws = Aws(GenerateCredentialReport=made, GetCredentialReport=got)
    with pytest.raises(CallError, match="ReportInProgress"):
        asyncio.run(iam.read_credential_report(aws))
    assert aws.asked.count("GenerateCredentialReport") == len(iam.REPORT_WAITS) + 1


@pytest.mark.parametrize("text", ["", "\n", "anna,true\n", f"{HEADER}\n{row('anna')},more\n", f"{HEADER}\nanna,x\n"])
def test_a_report_that_is_no_table_is_not_an_account_without_users(text: str) -> None:
    aws = Aws(GenerateCredentialReport=[COMPLETE], GetCredentialReport=[{"Content": text.encode()}])
    with pytest.raises(CallError, match="UnexpectedAnswer"):
        asyncio.run(iam.read_credential_report(aws))


def test_an_empty_report_leaves_the_password_policy_unknown(lab: Lab) -> None:
    answers = {MAKE_REPORT: COMPLETE, GET_REPORT: {"Content": b"", "ReportFormat": "text/csv"}}
    assert status(lab, "iam-account-password-policy-defined", answers=password_policy(None) | answers) == "unknown"


def test_waiting_is_bounded() -> None:
    assert sum(iam.REPORT_WAITS) <= 20


def test_other_errors_of_the_report_are_not_waited_for() -> None:
    aws = Aws(GenerateCredentialReport=[COMPLETE], GetCredentialReport=["AccessDenied"])
    with pytest.raises(CallError, match="AccessDenied"):
        asyncio.run(iam.read_credential_report(aws))


# --- iam-root-not-recently-used

OLD = ago(1000)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({}, "pass"),
        ({"password_last_used": "N/A"}, "pass"),
        ({"password_last_used": ago(3)}, "fail"),
        ({"password_last_used": ago(89)}, "fail"),
        ({"password_last_used": ago(91)}, "pass"),
        ({"access_key_1_last_used_date": ago(3)}, "fail"),
        ({"access_key_2_last_used_date": ago(3), "password_last_used": ago(400)}, "fail"),
        ({"user_creation_time": ago(10), "password_last_used": ago(4)}, "pass"),
        ({"user_creation_time": ago(10), "password_last_used": ago(2)}, "fail"),
    ],
)
def test_root_not_recently_used(lab: Lab, columns: dict[str, str], expected: str) -> None:
    assert status(lab, "iam-root-not-recently-used", answers=report(root(**columns))) == expected


def test_root_use_is_measured_by_parameters(lab: Lab) -> None:
    answers = report(root(password_last_used=ago(60)))
    assert status(lab, "iam-root-not-recently-used", answers=answers, max_root_use_age_days=30) == "pass"


def test_root_row_missing_is_unknown(lab: Lab) -> None:
    assert status(lab, "iam-root-not-recently-used", answers=report(row("anna"))) == "unknown"


@pytest.mark.parametrize("operation", [MAKE_REPORT, GET_REPORT])
def test_root_unknown_without_the_report(lab: Lab, operation: str) -> None:
    found = lab.findings("iam-root-not-recently-used", deny={operation})[ACCOUNT]
    assert found.status == "unknown"
    assert found.evidence["iam_action"] == operation


def test_root_time_that_is_none_is_unknown(lab: Lab) -> None:
    answers = report(root(password_last_used="yesterday"))
    assert status(lab, "iam-root-not-recently-used", answers=answers) == "unknown"


@WITHOUT_ROOT
def test_no_root_in_other_partitions(lab: Lab, region: str) -> None:
    answers = report(row("anna"))
    assert status(lab, "iam-root-not-recently-used", answers=answers, regions=(region,)) == "not_applicable"


# --- iam-root-mfa-enabled, iam-root-hardware-mfa-enabled

REMOVED = {"AccountPasswordPresent": 0, "AccountAccessKeysPresent": 0}


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"AccountMFAEnabled": 1, "AccountAccessKeysPresent": 0}, "pass"),
        ({"AccountMFAEnabled": 0, "AccountAccessKeysPresent": 0}, "fail"),
        ({"AccountMFAEnabled": 0, "AccountPasswordPresent": 1, "AccountAccessKeysPresent": 0}, "fail"),
        ({"AccountMFAEnabled": 0, "AccountPasswordPresent": 0, "AccountAccessKeysPresent": 1}, "fail"),
        ({"AccountMFAEnabled": 0, **REMOVED}, "pass"),
        ({"AccountAccessKeysPresent": 0}, "unknown"),
    ],
)
@pytest.mark.parametrize("rule_id", ["iam-root-mfa-enabled", "iam-root-hardware-mfa-enabled"])
def test_root_mfa(lab: Lab, rule_id: str, counts: dict[str, int], expected: str) -> None:
    assert status(lab, rule_id, answers=summary(**counts)) == expected


@WITHOUT_ROOT
@pytest.mark.parametrize("rule_id", ["iam-root-mfa-enabled", "iam-root-hardware-mfa-enabled"])
def test_root_mfa_in_other_partitions(lab: Lab, rule_id: str, region: str) -> None:
    assert status(lab, rule_id, deny={"iam:GetAccountSummary"}, regions=(region,)) == "not_applicable"


def device(serial: str, owner: str | None) -> Answers:
    made: dict[str, Any] = {"SerialNumber": serial, "Base32StringSeed": b"SECRETSEED", "QRCodePNG": b"SECRETPNG"}
    if owner:
        user = {"Path": "/", "UserName": "", "UserId": ACCOUNT, "Arn": owner, "CreateDate": days_ago(9)}
        made |= {"User": user, "EnableDate": days_ago(9)}
    return {DEVICES: {"VirtualMFADevices": [made], "IsTruncated": False}}


@pytest.mark.parametrize(
    ("serial", "owner", "expected"),
    [
        (f"arn:aws:iam::{ACCOUNT}:mfa/root-account-mfa-device", None, "fail"),
        (f"arn:aws:iam::{ACCOUNT}:mfa/phone", f"arn:aws:iam::{ACCOUNT}:root", "fail"),
        (f"arn:aws:iam::{ACCOUNT}:mfa/phone", f"arn:aws:iam::{ACCOUNT}:user/root", "pass"),
        (f"arn:aws:iam::{ACCOUNT}:mfa/phone", None, "unknown"),
    ],
)
def test_root_hardware_mfa(lab: Lab, serial: str, owner: str | None, expected: str) -> None:
    answers = summary(AccountMFAEnabled=1) | device(serial, owner)
    assert status(lab, "iam-root-hardware-mfa-enabled", answers=answers) == expected


def test_seeds_are_never_kept(lab: Lab) -> None:
    kinds = iam.VirtualMFADevice.model_fields.keys()
    assert not {"base32_string_seed", "qr_code_png"} & kinds
    answers = summary(AccountMFAEnabled=1) | device(f"arn:aws:iam::{ACCOUNT}:mfa/root-account-mfa-device", None)
    assert "SECRET" not in lab.findings("iam-root-hardware-mfa-enabled", answers=answers)[ACCOUNT].model_dump_json()


def test_root_hardware_mfa_unknown_where_devices_are_denied(lab: Lab) -> None:
    rule_id = "iam-root-hardware-mfa-enabled"
    assert status(lab, rule_id, answers=summary(AccountMFAEnabled=1), deny={DEVICES}) == "unknown"
    assert status(lab, rule_id, answers=summary(AccountMFAEnabled=0), deny={DEVICES}) == "fail"


# --- iam-root-access-key-absent, iam-root-signing-certificate-absent

ROOT_CREDENTIALS = [
    ("iam-root-access-key-absent", "AccountAccessKeysPresent"),
    ("iam-root-signing-certificate-absent", "AccountSigningCertificatesPresent"),
]


@pytest.mark.parametrize(("rule_id", "count"), ROOT_CREDENTIALS)
@pytest.mark.parametrize(("present", "expected"), [(0, "pass"), (1, "fail"), (2, "fail"), (None, "unknown")])
def test_root_credentials_absent(lab: Lab, rule_id: str, count: str, present: int | None, expected: str) -> None:
    counts = {} if present is None else {count: present}
    assert status(lab, rule_id, answers=summary(Users=1, **counts)) == expected


@pytest.mark.parametrize("rule_id", ["iam-root-mfa-enabled", *(rule_id for rule_id, _ in ROOT_CREDENTIALS)])
def test_root_unknown_without_the_summary(lab: Lab, rule_id: str) -> None:
    assert status(lab, rule_id, deny={"iam:GetAccountSummary"}) == "unknown"


# --- iam-account-password-policy-*

DEFINED, LENGTH = "iam-account-password-policy-defined", "iam-account-password-policy-minimum-length-14"
WITH_PASSWORD = report(root(), row("anna", password_enabled="true"))
WITHOUT_PASSWORD = report(root(), row("robot", access_key_1_active="true"))


def password_policy(length: int | None) -> Answers:
    if length is None:
        return {POLICY: Error("NoSuchEntity", status=404)}
    shown = {"MinimumPasswordLength": length, "RequireSymbols": False, "ExpirePasswords": False}
    return {POLICY: {"PasswordPolicy": shown}}


@pytest.mark.parametrize(
    ("length", "users", "defined", "long"),
    [
        (14, WITH_PASSWORD, "pass", "pass"),
        (13, WITH_PASSWORD, "pass", "fail"),
        (None, WITH_PASSWORD, "fail", "fail"),
        (14, WITHOUT_PASSWORD, "pass", "pass"),
        (13, WITHOUT_PASSWORD, "pass", "not_applicable"),
        (None, WITHOUT_PASSWORD, "not_applicable", "not_applicable"),
        # The root user's password is not bound by the policy.
        (None, report(root(password_enabled="true")), "not_applicable", "not_applicable"),
    ],
)
def test_password_policy(lab: Lab, length: int | None, users: Answers, defined: str, long: str) -> None:
    answers = password_policy(length) | users
    assert (status(lab, DEFINED, answers=answers), status(lab, LENGTH, answers=answers)) == (defined, long)


def test_password_policy_strict(lab: Lab) -> None:
    for length in (None, 8):
        assert status(lab, LENGTH, answers=password_policy(length) | WITHOUT_PASSWORD, strict=True) == "fail"


@pytest.mark.parametrize("rule_id", [DEFINED, LENGTH])
def test_password_policy_unread(lab: Lab, rule_id: str) -> None:
    assert status(lab, rule_id, answers=WITH_PASSWORD, deny={POLICY}) == "unknown"
    assert status(lab, rule_id, answers=password_policy(None), deny={GET_REPORT}) == "unknown"
    assert status(lab, rule_id, answers=password_policy(16), deny={GET_REPORT}) == "pass"


# --- iam-organization-root-credentials-centrally-managed

CENTRAL = "iam-organization-root-credentials-centrally-managed"


def features(*names: str) -> Answers:
    return {FEATURES: {"OrganizationId": "o-abcdefghij", "EnabledFeatures": list(names)}}


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (organization(ACCOUNT) | features("RootSessions", "RootCredentialsManagement"), "pass"),
        (organization(ACCOUNT) | features("RootSessions"), "fail"),
        (organization(ACCOUNT) | features(), "fail"),
        (organization(ACCOUNT) | {FEATURES: Error("ServiceAccessNotEnabledException", status=400)}, "fail"),
        (organization(ACCOUNT) | {FEATURES: Error("OrganizationNotInAllFeaturesModeException")}, "fail"),
        (organization(MANAGEMENT) | {FEATURES: Error("AccountNotManagementOrDelegatedAdministratorException")}, "n/a"),
        ({FEATURES: Error("OrganizationNotFoundException")}, "n/a"),
    ],
)
def test_root_credentials_centrally_managed(lab: Lab, answers: Answers, expected: str) -> None:
    assert status(lab, CENTRAL, answers=answers) == expected.replace("n/a", "not_applicable")


@pytest.mark.parametrize("denied", ["organizations:DescribeOrganization", FEATURES])
def test_root_credentials_centrally_managed_unread(lab: Lab, denied: str) -> None:
    assert status(lab, CENTRAL, answers=organization(ACCOUNT) | features(), deny={denied}) == "unknown"


def test_a_member_account_leaves_no_gap(lab: Lab) -> None:
    refused = {FEATURES: Error("AccountNotManagementOrDelegatedAdministratorException")}
    with lab.but(answers=organization(OTHER) | refused):
        assert lab.judge(CENTRAL).coverage.gaps == []


# --- iam-saml-provider-metadata-valid

SAML = "iam-saml-provider-metadata-valid"


def providers(name: str, valid_until: datetime | None) -> Answers:
    made: dict[str, Any] = {"Arn": f"arn:aws:iam::{ACCOUNT}:saml-provider/{name}", "CreateDate": days_ago(900)}
    made |= {"ValidUntil": valid_until} if valid_until else {}
    return {"iam:ListSAMLProviders": {"SAMLProviderList": [made]}}


@pytest.mark.parametrize(
    ("name", "days_left", "expected", "severity"),
    [
        ("corp", 31, "pass", "high"),
        ("corp", 29, "fail", "medium"),
        ("corp", -1, "fail", "high"),
        ("corp", None, "pass", "high"),
        ("AWSSSO_0123_DO_NOT_DELETE", -1, "not_applicable", "high"),
    ],
)
def test_saml_provider(lab: Lab, name: str, days_left: int | None, expected: str, severity: str) -> None:
    answers = providers(name, None if days_left is None else days_ago(-days_left))
    (found,) = lab.findings(SAML, answers=answers).values()
    assert (found.status, found.severity, found.resource.name) == (expected, severity, name)


# --- iam-server-certificate-not-expired

CERTIFICATE = "iam-server-certificate-not-expired"


def certificates(days_left: int) -> Answers:
    head = {"Path": "/", "ServerCertificateName": "www", "ServerCertificateId": "ASCAEXAMPLE0123456789"}
    made = head | {"Arn": f"arn:aws:iam::{ACCOUNT}:server-certificate/www", "Expiration": days_ago(-days_left)}
    return {"iam:ListServerCertificates": {"ServerCertificateMetadataList": [made], "IsTruncated": False}}


@pytest.mark.parametrize(
    ("days_left", "expected", "severity"),
    [(31, "pass", "medium"), (29, "fail", "low"), (-1, "fail", "medium")],
)
def test_server_certificate(lab: Lab, days_left: int, expected: str, severity: str) -> None:
    found = lab.findings(CERTIFICATE, answers=certificates(days_left))["www"]
    assert (found.status, found.severity) == (expected, severity)


def test_server_certificate_warns_as_told(lab: Lab) -> None:
    assert lab.statuses(CERTIFICATE, answers=certificates(29), warn_days=7) == {"www": "pass"}


@pytest.mark.parametrize(
    ("rule_id", "operation"),
    [
        (SAML, "iam:ListSAMLProviders"),
        (CERTIFICATE, "iam:ListServerCertificates"),
        ("iam-policy-no-service-wildcard-actions", DETAILS),
        ("iam-role-no-administrator-access", DETAILS),
        ("iam-role-trust-policy-not-public", DETAILS),
        ("iam-role-cross-account-trust-external-id-required", DETAILS),
        ("iam-role-web-identity-trust-restricted", DETAILS),
        ("iam-user-no-administrator-access", DETAILS),
        ("iam-user-not-quarantined-by-aws", DETAILS),
        ("iam-user-service-specific-credential-rotated", DETAILS),
        ("iam-group-administrators-mfa-enabled", DETAILS),
        ("iam-user-mfa-enabled", MAKE_REPORT),
        ("iam-user-mfa-enabled", GET_REPORT),
        ("iam-user-console-password-recently-used", GET_REPORT),
        ("iam-user-access-key-recently-used", GET_REPORT),
        ("iam-user-access-key-rotated", GET_REPORT),
    ],
)
def test_denied_listing_is_one_unknown(lab: Lab, rule_id: str, operation: str) -> None:
    found = lab.findings(rule_id, answers=report(root()), deny={operation})
    assert {name: finding.status for name, finding in found.items()} == {"*": "unknown"}
    assert found["*"].evidence["iam_action"] == operation
