"""What the account demands of passwords."""

from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.iam_answers import GET_REPORT, report, row

POLICY = "iam:GetAccountPasswordPolicy"
PREFIX = "iam-account-password-policy-"
STRONG: dict[str, Any] = {
    "MinimumPasswordLength": 14, "RequireSymbols": True, "RequireNumbers": True, "RequireUppercaseCharacters": True,
    "RequireLowercaseCharacters": True, "AllowUsersToChangePassword": True, "ExpirePasswords": True,
    "MaxPasswordAge": 90, "PasswordReusePrevention": 24, "HardExpiry": False,
}  # fmt: skip
WEAK: dict[str, Any] = {
    "MinimumPasswordLength": 6, "RequireSymbols": False, "RequireNumbers": False, "RequireUppercaseCharacters": False,
    "RequireLowercaseCharacters": False, "AllowUsersToChangePassword": False, "ExpirePasswords": True,
    "MaxPasswordAge": 180, "PasswordReusePrevention": 5, "HardExpiry": True,
}  # fmt: skip
RULES = tuple(
    PREFIX + name
    for name in (
        "uppercase-required", "lowercase-required", "number-required", "symbol-required", "reuse-prevented",
        "expiry-90-days", "user-change-allowed", "hard-expiry-disabled",
    )
)  # fmt: skip
PEOPLE = report(row("anna", password_enabled="true"))


def verdicts(lab: Lab, **options: Any) -> dict[str, str]:
    with lab.but(**options):
        judged = lab.judge(*RULES)
    assert not judged.defects
    return {finding.rule: finding.status.value for finding in judged.findings}


def test_flags_and_numbers(lab: Lab) -> None:
    for policy, expected in ((STRONG, "pass"), (WEAK, "fail")):
        found = verdicts(lab, answers={POLICY: {"PasswordPolicy": policy}, **PEOPLE})
        assert found == dict.fromkeys(RULES, expected)


def test_what_was_never_set(lab: Lab) -> None:
    answers = {POLICY: {"PasswordPolicy": {"MinimumPasswordLength": 8, "ExpirePasswords": False}}, **PEOPLE}
    found = verdicts(lab, answers=answers)
    assert found == dict.fromkeys(RULES, "fail") | {f"{PREFIX}hard-expiry-disabled": "pass"}


def test_without_a_policy_it_matters_whether_anyone_has_a_password(lab: Lab) -> None:
    hard = {f"{PREFIX}hard-expiry-disabled": "pass"}  # nothing expires
    assert verdicts(lab, answers=PEOPLE) == dict.fromkeys(RULES, "fail") | hard
    assert verdicts(lab, answers=report(row("robot"))) == dict.fromkeys(RULES, "not_applicable") | hard
    assert verdicts(lab, answers=PEOPLE, deny=[GET_REPORT]) == dict.fromkeys(RULES, "unknown") | hard


@pytest.mark.parametrize("operation", [POLICY])
def test_denied(lab: Lab, operation: str) -> None:
    assert verdicts(lab, answers=PEOPLE, deny=[operation]) == dict.fromkeys(RULES, "unknown")
