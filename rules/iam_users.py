"""IAM: what users hold: passwords, MFA, access keys, and memberships."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from auditor.analysis.network import each_readable
from auditor.findings import Severity
from auditor.inventory import Inventory
from auditor.resources.iam import AttachedPolicy, Group, ServiceSpecificCredential, User, UserCredentials
from auditor.rule import Verdict, failed, not_applicable, passed, rule, seen, unknown

QUARANTINE = re.compile(r"AWSCompromisedKeyQuarantine(V\d+)?")


def _attachments(user: User, inventory: Inventory) -> Iterator[tuple[AttachedPolicy, str]]:
    """The managed policies of a user, each with "the user" or the group it comes through."""
    yield from ((policy, "the user") for policy in user.attached_managed_policies)
    for name in user.group_list:
        group = inventory.find(Group, "group_name", name)
        yield from ((policy, f"group {name}") for policy in (group.attached_managed_policies if group else ()))


def _holds(user: User, inventory: Inventory, wanted: Callable[[str], bool], message: str) -> Verdict:
    """Failed, with a message about "the user" or a group, if the user holds a policy that AWS wrote of such a name."""
    for policy, through in seen(e for e in _attachments(user, inventory) if wanted(e[0].aws_managed_name or "")):
        return failed(message.format(through), policy=policy.policy_arn, through=through)
    strange = [name for name in user.group_list if inventory.find(Group, "group_name", name) is None]
    if strange:
        return unknown("The user is in groups that IAM did not list", groups=strange)
    return passed()


@rule(
    severity=Severity.HIGH,
    controls=("PCI-4.0 7.2.1.19 7.2.2.19 7.2.5.13 7.3.1.13 7.3.2.13 7.3.3.13 8.2.7.13 8.2.8.15 8.3.4.13",),
    notes="IAM: Permissions (least privilege)",
)
def iam_user_no_administrator_access(
    user: User, inventory: Inventory, *, break_glass_users: tuple[str, ...] = ()
) -> Verdict:
    """No IAM user holds AdministratorAccess, directly or through a group.

    Risk: a user's password and keys are permanent: whoever finds one is administrator until somebody notices.
    Fix: let people assume an administrator role with MFA, then take the policy away (or leave the group that has it):
    aws iam detach-user-policy --user-name {id} --policy-arn arn:aws:iam::aws:policy/AdministratorAccess
    """
    if any(fnmatchcase(user.user_name, pattern) for pattern in break_glass_users):
        return not_applicable("The user is kept for emergencies (break_glass_users)")
    message = "AdministratorAccess is attached to {}"
    return _holds(user, inventory, lambda name: name == "AdministratorAccess", message)


@rule(severity=Severity.CRITICAL, notes="IAM Guidelines (never share keys); AWS Credentials Scenario")
def iam_user_not_quarantined_by_aws(user: User, inventory: Inventory) -> Verdict:
    """No IAM user is under the quarantine that AWS imposes when it finds an access key in public.

    Risk: the key is known to strangers, and the quarantine stops only part of what they can do with it.
    Fix: first make the keys useless, then read in CloudTrail what was done with them, and detach the policy last:
    aws iam list-access-keys --user-name {id}
    aws iam update-access-key --user-name {id} --status Inactive --access-key-id KEY_ID
    """
    message = "AWS found a key of this user in public"
    return _holds(user, inventory, lambda name: QUARANTINE.fullmatch(name) is not None, message)


@rule(severity=Severity.HIGH, notes="IAM: Permissions (least privilege)")
def iam_group_administrators_mfa_enabled(group: Group, inventory: Inventory) -> Verdict:
    """Every member of an administrator group uses MFA.

    Risk: one member's leaked password or key without a second factor is the whole account.
    Fix: aws iam list-virtual-mfa-devices --assignment-status Assigned
    aws iam remove-user-from-group --group-name {id} --user-name USER
    """
    if not any(policy.aws_managed_name == "AdministratorAccess" for policy in group.attached_managed_policies):
        return passed("The group does not have AdministratorAccess")
    members = seen(each_readable(inventory.each(User), lambda user: _member_without_mfa(user, group, inventory)))
    if without_mfa := [name for name, reported in members if reported]:
        return failed("Members of this administrator group have no MFA", members=sorted(without_mfa))
    if members:
        unreported = sorted(name for name, _ in members)
        return unknown("Members are newer than the credential report", members=unreported)
    return passed()


def _member_without_mfa(user: User, group: Group, inventory: Inventory) -> Iterator[tuple[str, bool]]:
    """The user's name if they are in the group without MFA, as far as the credential report has them at all."""
    if group.group_name in user.group_list:
        credentials = inventory.find(UserCredentials, "user", user.user_name)
        if credentials is None:
            yield user.user_name, False
        elif not credentials.mfa_active and (credentials.password_enabled or credentials.active_keys):
            yield user.user_name, True


@rule(
    severity=Severity.HIGH,
    controls=(
        "SecurityHub IAM.5 IAM.19",
        "CIS-3.0 1.10",
        "CIS-5.0 1.9",
        "PCI-4.0 8.4.1.1 8.4.1.2 8.4.2.1 8.4.2.2 8.4.3.1 8.4.3.2",
        "NIST-800-53-r5 ac_2_1 ac_3_2 ac_3_3 ac_3_3_a ac_3_3_b_1 ac_3_3_b_2 ac_3_3_b_3 ac_3_3_b_4 ac_3_3_b_5 ac_3_3_c",
        "NIST-800-53-r5 ac_3_4 ac_3_4_a",
        "ISO-27001-2022 A.5.15 A.5.17 A.8.5",
    ),
    notes="Security; How can users access AWS",
)
def iam_user_mfa_enabled(user: UserCredentials) -> Iterator[Verdict]:
    """IAM users with a password sign in with a second factor.

    Risk: a phished or reused password alone opens the console.
    Fix: have the user register a device under "Security credentials", or take the password away:
    aws iam delete-login-profile --user-name {id}
    """
    if user.is_root:
        return
    if not user.password_enabled:
        yield passed("The user has no password", password_enabled=user.password_enabled)
    elif user.mfa_active:
        yield passed(password_enabled=True, mfa_active=True)
    else:
        yield failed("The user has a password and no MFA device", password_enabled=True, mfa_active=False)


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub IAM.22 IAM.8",
        "CIS-3.0 1.12",
        "CIS-5.0 1.11",
        "NIST-800-53-r5 ac_2_1 ac_2_3_a ac_2_3_b ac_2_3_c ac_2_3_d ac_2_3 ac_2_6 ac_2_g ac_2_j ac_3 ac_3_3 ac_3_3_a",
        "ISO-27001-2022 A.5.15",
    ),
    notes="Security (IAM Credentials Report)",
)
def iam_user_console_password_recently_used(
    user: UserCredentials, inventory: Inventory, *, max_unused_days: int = 45
) -> Iterator[Verdict]:
    """Console passwords that nobody uses any more are gone.

    Risk: nobody would notice if a stranger used it: often it belongs to somebody who has left.
    Fix: aws iam delete-login-profile --user-name {id}
    """
    if user.is_root:
        return
    if not user.password_enabled:
        yield passed("The user has no password", password_enabled=user.password_enabled)
        return
    # A password that was never used, or not since AWS keeps record, counts from the day it was set.
    since = user.password_last_used or user.password_last_changed or user.user_creation_time
    used = user.password_last_used.isoformat() if user.password_last_used else None
    evidence: dict[str, Any] = {"password_last_used": used, "unused_days": (inventory.now - since).days}
    if inventory.now - since > timedelta(days=max_unused_days):
        yield failed(f"The password was not used for {evidence['unused_days']} days", **evidence)
    else:
        yield passed(**evidence)


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub IAM.22 IAM.8",
        "CIS-3.0 1.12 1.11",
        "CIS-5.0 1.11 1.10",
        "PCI-4.0 7.2.4.2 7.2.5.1.2 8.2.6.2 A3.4.1.10",
        "NIST-800-53-r5 ac_2_1 ac_2_3_a ac_2_3_b ac_2_3_c ac_2_3_d ac_2_3 ac_2_6 ac_2_g ac_2_j ac_3 ac_3_3 ac_3_3_a",
        "ISO-27001-2022 A.5.15",
    ),
    notes="Security (IAM Credentials Report)",
)
def iam_user_access_key_recently_used(
    user: UserCredentials, inventory: Inventory, *, max_unused_days: int = 45
) -> Iterator[Verdict]:
    """Access keys that nothing uses any more are gone.

    Risk: a forgotten key still works for whoever finds it in an old laptop, repository or backup.
    Fix: aws iam list-access-keys --user-name {id}
    aws iam delete-access-key --user-name {id} --access-key-id KEY_ID
    """
    if not user.is_root:
        # A key that was never used counts from the day it was made.
        since = {f"access_key_{key.number}": key.last_used or key.last_rotated for key in user.active_keys}
        yield _young(since, inventory.now, max_unused_days, "An access key was not used")


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub IAM.3",
        "CIS-3.0 1.14",
        "CIS-5.0 1.13",
        "PCI-4.0 8.3.10.1.1 8.3.5.1 8.3.7.1 8.3.9.1 8.6.3.1",
        "NIST-800-53-r5 ac_2_1 ac_3_3 ac_3_3_a ac_3_3_b_1 ac_3_3_b_2 ac_3_3_b_3 ac_3_3_b_4 ac_3_3_b_5 ac_3_3_c ac_3_4",
        "NIST-800-53-r5 ac_3_4_a ac_3_4_b",
        "ISO-27001-2022 A.5.15",
    ),
    notes="Shared Responsibility Model for IAM",
)
def iam_user_access_key_rotated(
    user: UserCredentials, inventory: Inventory, *, max_age_days: int = 90
) -> Iterator[Verdict]:
    """Access keys are replaced regularly.

    Risk: the older a key, the more copies of it lie about, and a leaked one works until it is replaced.
    Fix: aws iam create-access-key --user-name {id}
    aws iam update-access-key --user-name {id} --status Inactive --access-key-id OLD_KEY_ID
    """
    if not user.is_root:
        since = {f"access_key_{key.number}": key.last_rotated for key in user.active_keys}
        yield _young(since, inventory.now, max_age_days, "An access key was not rotated")


@rule(severity=Severity.MEDIUM, notes="CodeCommit authentication; rotate keys")
def iam_user_service_specific_credential_rotated(
    user: User, inventory: Inventory, *, max_age_days: int = 90
) -> Verdict:
    """Generated credentials for one service (Git over HTTPS, Keyspaces, Bedrock) are replaced regularly.

    Risk: such a password sits in Git configurations and build servers, needs no MFA and does not expire by itself.
    Fix: aws iam list-service-specific-credentials --user-name {id}
    aws iam create-service-specific-credential --user-name {id} --service-name SERVICE_NAME
    then, when what used the old one uses the new one (to reset a password leaves its credential as old as it was):
    aws iam delete-service-specific-credential --user-name {id} --service-specific-credential-id CREDENTIAL_ID
    """
    credentials = inventory.where(ServiceSpecificCredential, "user_name", user.user_name)
    lasting = [c for c in credentials if c.status == "Active" and not _ends_within(c, max_age_days)]
    since: dict[str, datetime | None] = {c.service_specific_credential_id: c.create_date for c in lasting}
    return _young(since, inventory.now, max_age_days, "A generated credential was not rotated")


def _ends_within(credential: ServiceSpecificCredential, days: int) -> bool:
    """Whether it ends by itself, soon enough after it was made."""
    end = credential.expiration_date
    return end is not None and end - credential.create_date <= timedelta(days=days)


def _young(since: dict[str, datetime | None], now: datetime, days: int, wrong: str) -> Verdict:
    """Whether everything, by name, dates from the last days; unknown where that decides and a date is missing."""
    ages = {name: (now - time).days if time else None for name, time in since.items()}
    if any(time and now - time > timedelta(days=days) for time in since.values()):
        return failed(f"{wrong} for more than {days} days", days=ages)
    if None in since.values():
        return unknown("The credential report does not say since when", days=ages)
    return passed(days=ages) if since else passed("The user has no such credential in use")
