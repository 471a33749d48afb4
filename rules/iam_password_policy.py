"""IAM: what the account demands of its users' passwords."""

from typing import Any

from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.account import Account, PasswordPolicy
from auditor.resources.iam import UserCredentials
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule

NO_POLICY = "Without a password policy of the account's own, IAM does not demand it"


def _wanting(account: Account, inventory: Inventory) -> PasswordPolicy | Verdict | None:
    """The password policy; None if there is none although users have passwords, which no policy binds then."""
    if account.password_policy is not None:
        return account.password_policy
    # A password policy does not bind the root user.
    if any_of(lambda user: not user.is_root and bool(user.password_enabled), inventory.each(UserCredentials)):
        return None
    return not_applicable("No IAM user has a password")


def _demanded(policy: PasswordPolicy | Verdict | None, flag: bool, name: str, wrong: str) -> Verdict:
    """The verdict on a flag of the policy, by the flag's name."""
    if isinstance(policy, Verdict):
        return policy
    if policy is None:
        return failed(NO_POLICY, password_policy=None)
    evidence: dict[str, Any] = {name: flag}
    return passed(**evidence) if flag else failed(wrong, **evidence)


@rule(
    severity=Severity.LOW,
    controls=("SecurityHub IAM.11 IAM.7", "ISO-27001-2022 A.5.15"),
    notes="Security (password policy)",
)
def iam_account_password_policy_uppercase_required(account: Account, inventory: Inventory) -> Verdict:
    """Passwords of IAM users need an upper-case letter.

    Risk: short passwords of one kind of character are the first that a guessing program tries.
    Fix: aws iam update-account-password-policy --minimum-password-length 14 --require-symbols --require-numbers
        --require-uppercase-characters --require-lowercase-characters --password-reuse-prevention 24
        --allow-users-to-change-password
    """
    policy = _wanting(account, inventory)
    flag = isinstance(policy, PasswordPolicy) and policy.require_uppercase_characters
    return _demanded(policy, flag, "require_uppercase_characters", "Passwords need no upper-case letter")


@rule(
    severity=Severity.LOW,
    controls=("SecurityHub IAM.12 IAM.7", "ISO-27001-2022 A.5.15"),
    notes="Security (password policy)",
)
def iam_account_password_policy_lowercase_required(account: Account, inventory: Inventory) -> Verdict:
    """Passwords of IAM users need a lower-case letter.

    Risk: short passwords of one kind of character are the first that a guessing program tries.
    Fix: aws iam update-account-password-policy --minimum-password-length 14 --require-symbols --require-numbers
        --require-uppercase-characters --require-lowercase-characters --password-reuse-prevention 24
        --allow-users-to-change-password
    """
    policy = _wanting(account, inventory)
    flag = isinstance(policy, PasswordPolicy) and policy.require_lowercase_characters
    return _demanded(policy, flag, "require_lowercase_characters", "Passwords need no lower-case letter")


@rule(
    severity=Severity.LOW,
    controls=("SecurityHub IAM.14 IAM.7", "ISO-27001-2022 A.5.15"),
    notes="Security (password policy)",
)
def iam_account_password_policy_number_required(account: Account, inventory: Inventory) -> Verdict:
    """Passwords of IAM users need a digit.

    Risk: a word out of a dictionary is enough for a password, and such words are tried first.
    Fix: aws iam update-account-password-policy --minimum-password-length 14 --require-symbols --require-numbers
        --require-uppercase-characters --require-lowercase-characters --password-reuse-prevention 24
        --allow-users-to-change-password
    """
    policy = _wanting(account, inventory)
    flag = isinstance(policy, PasswordPolicy) and policy.require_numbers
    return _demanded(policy, flag, "require_numbers", "Passwords need no digit")


@rule(
    severity=Severity.LOW,
    controls=("SecurityHub IAM.13 IAM.7", "ISO-27001-2022 A.5.15"),
    notes="Security (password policy)",
)
def iam_account_password_policy_symbol_required(account: Account, inventory: Inventory) -> Verdict:
    """Passwords of IAM users need a character that is neither a letter nor a digit.

    Risk: a name with a year behind it is enough for a password, and such ones are tried first.
    Fix: aws iam update-account-password-policy --minimum-password-length 14 --require-symbols --require-numbers
        --require-uppercase-characters --require-lowercase-characters --password-reuse-prevention 24
        --allow-users-to-change-password
    """
    policy = _wanting(account, inventory)
    flag = isinstance(policy, PasswordPolicy) and policy.require_symbols
    return _demanded(policy, flag, "require_symbols", "Passwords need no symbol")


@rule(
    severity=Severity.LOW,
    controls=("SecurityHub IAM.16", "CIS-3.0 1.9", "CIS-5.0 1.8", "ISO-27001-2022 A.5.15"),
    notes="Security (password policy)",
)
def iam_account_password_policy_reuse_prevented(
    account: Account, inventory: Inventory, *, remembered: int = 24
) -> Verdict:
    """IAM users cannot take one of their last 24 passwords again.

    Risk: who must change a leaked password puts the old one back a minute later, and it works for its finder again.
    Fix: aws iam update-account-password-policy --minimum-password-length 14 --require-symbols --require-numbers
        --require-uppercase-characters --require-lowercase-characters --password-reuse-prevention 24
        --allow-users-to-change-password
    """
    policy = _wanting(account, inventory)
    if isinstance(policy, Verdict):
        return policy
    if policy is None:
        return failed(NO_POLICY, password_policy=None)
    kept = policy.password_reuse_prevention
    if kept is not None and kept >= remembered:
        return passed(password_reuse_prevention=kept)
    wrong = "Old passwords may be taken again" if kept is None else f"Only the last {kept} passwords are barred"
    return failed(wrong, password_reuse_prevention=kept)


@rule(
    severity=Severity.INFORMATIONAL,
    controls=("SecurityHub IAM.17 IAM.7", "PCI-4.0 8.3.6.1 8.6.3.2", "ISO-27001-2022 A.5.15"),
    notes="Security (password policy)",
)
def iam_account_password_policy_expiry_90_days(
    account: Account, inventory: Inventory, *, max_age_days: int = 90
) -> Verdict:
    """Passwords of IAM users end after 90 days, where a framework asks for that.

    Risk: a stolen password works until it is changed. NIST advises against forced changes today; PCI still asks.
    Fix: aws iam update-account-password-policy --minimum-password-length 14 --require-symbols --require-numbers
        --require-uppercase-characters --require-lowercase-characters --password-reuse-prevention 24
        --allow-users-to-change-password --max-password-age 90
    """
    policy = _wanting(account, inventory)
    if isinstance(policy, Verdict):
        return policy
    if policy is None:
        return failed("Without a password policy of the account's own, passwords never end", password_policy=None)
    age = policy.max_password_age
    if policy.expire_passwords and age is not None and age <= max_age_days:
        return passed(max_password_age=age)
    wrong = f"Passwords end after {age} days only" if policy.expire_passwords and age else "Passwords never end"
    return failed(wrong, expire_passwords=policy.expire_passwords, max_password_age=age)


@rule(severity=Severity.LOW, notes="Security (password policy)")
def iam_account_password_policy_user_change_allowed(account: Account, inventory: Inventory) -> Verdict:
    """IAM users may change their own passwords.

    Risk: an administrator must set, hence know and send, every password; and a leaked one waits for him.
    Fix: aws iam update-account-password-policy --minimum-password-length 14 --require-symbols --require-numbers
        --require-uppercase-characters --require-lowercase-characters --password-reuse-prevention 24
        --allow-users-to-change-password
    """
    policy = _wanting(account, inventory)
    flag = isinstance(policy, PasswordPolicy) and policy.allow_users_to_change_password
    return _demanded(policy, flag, "allow_users_to_change_password", "Users may not change their own passwords")


@rule(severity=Severity.INFORMATIONAL, category=Category.OPERATIONS, notes="Security (password policy)")
def iam_account_password_policy_hard_expiry_disabled(account: Account) -> Verdict:
    """IAM users whose passwords have ended may still set new ones.

    Risk: who comes back from leave is locked out until an administrator finds time, the last administrator for good.
    Fix: aws iam update-account-password-policy --minimum-password-length 14 --require-symbols --require-numbers
        --require-uppercase-characters --require-lowercase-characters --password-reuse-prevention 24
        --allow-users-to-change-password --max-password-age 90 --no-hard-expiry
    """
    policy = account.password_policy
    if policy is None:
        return passed("Without a password policy of the account's own, passwords never end", password_policy=None)
    evidence: dict[str, Any] = {"expire_passwords": policy.expire_passwords, "hard_expiry": policy.hard_expiry}
    if policy.expire_passwords and policy.hard_expiry:
        return failed("Users whose passwords have ended are locked out", **evidence)
    return passed(**evidence)
