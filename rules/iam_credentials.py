"""IAM: users' keys, certificates and devices beyond what most users have, and what users are for."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.iam import UnassignedMFADevice, User, UserCredentials
from auditor.rule import Verdict, failed, not_applicable, passed, rule

SHARED_NAMES = r"^(admin|administrator|root|shared|team|ops|dev|test|user|guest)([-_.]?\d+)?$"


@rule(severity=Severity.INFORMATIONAL, controls=("ISO-27001-2022 A.8.5",), notes="Security; MFA")
def iam_user_hardware_mfa_enabled(user: UserCredentials) -> Iterator[Verdict]:
    """IAM users with a password sign in with a passkey, security key or hardware token.

    Risk: a forged sign-in page gets the six digits of an app or a text message as easily as the password.
    Fix: have the user register a passkey or security key under "Security credentials", then take the other away:
    aws iam list-mfa-devices --user-name {id}
    aws iam deactivate-mfa-device --user-name {id} --serial-number SERIAL_NUMBER
    """
    if user.is_root:
        return
    if not user.password_enabled:
        yield not_applicable("The user has no password", password_enabled=user.password_enabled)
    elif not user.mfa_active:
        yield not_applicable("The user has no MFA device at all (iam-user-mfa-enabled)", mfa_active=False)
    elif any(device.is_hardware for device in user.mfa_devices):
        yield passed(mfa_devices=[device.serial_number for device in user.mfa_devices])
    elif not user.mfa_devices:
        yield not_applicable("The user's MFA devices are gone since the credential report was made", mfa_devices=[])
    else:
        serials = [device.serial_number for device in user.mfa_devices]
        yield failed("All MFA devices of the user are apps or telephones", mfa_devices=serials)


@rule(severity=Severity.INFORMATIONAL, notes="Security; MFA")
def iam_virtual_mfa_device_assigned(device: UnassignedMFADevice) -> Verdict:
    """Authenticator apps that were set up belong to somebody.

    Risk: a device that was left over blocks its name, and its seed may lie in somebody's screenshots.
    Fix: aws iam delete-virtual-mfa-device --serial-number {id}
    """
    return failed("The virtual MFA device is assigned to nobody", serial_number=device.serial_number)


@rule(
    severity=Severity.LOW,
    controls=("CIS-3.0 1.13", "CIS-5.0 1.12"),
    notes="IAM Guidelines (never share access keys)",
)
def iam_user_single_active_access_key(
    user: UserCredentials, inventory: Inventory, *, grace_days: int = 7
) -> Iterator[Verdict]:
    """IAM users have one active access key, but for the days in which it is replaced.

    Risk: of two keys one is soon forgotten, or shared; neither is missed when it leaks.
    Fix: aws iam list-access-keys --user-name {id}
    aws iam update-access-key --user-name {id} --status Inactive --access-key-id OLD_KEY_ID
    """
    if user.is_root:
        return
    keys = user.active_keys
    evidence: dict[str, Any] = {f"access_key_{k.number}_last_rotated": _day(k.last_rotated) for k in keys}
    if len(keys) < 2:
        yield passed(**evidence)
        return
    newest = max((key.last_rotated for key in keys if key.last_rotated), default=None)
    if newest is not None and inventory.now - newest <= timedelta(days=grace_days):
        yield passed("One of the keys is new: they are being replaced", **evidence)
    else:
        yield failed("The user has two active access keys", **evidence)


def _day(moment: Any) -> str | None:
    return moment.isoformat() if moment else None


@rule(severity=Severity.INFORMATIONAL, notes="Security (IAM Credentials Report)")
def iam_user_inactive_access_key_removed(user: User) -> Verdict:
    """Access keys that were switched off are deleted.

    Risk: one call switches such a key on again, for everyone who has kept it.
    Fix: aws iam list-access-keys --user-name {id}
    aws iam delete-access-key --user-name {id} --access-key-id KEY_ID
    """
    # AWS calls a key Inactive, or Expired where it had an end.
    dead = [key for key in user.access_keys if key.status != "Active"]
    if not dead:
        return passed(active_access_keys=len(user.access_keys))
    return failed("The user has access keys that are switched off", inactive_access_keys=len(dead))


@rule(severity=Severity.LOW, notes="One person = one user; one role per application")
def iam_user_console_and_access_keys_separated(user: UserCredentials) -> Iterator[Verdict]:
    """IAM users have a password or access keys, not both.

    Risk: a program runs with a person's permissions, and its key outlives the person's stay.
    Fix: let the person get temporary credentials (aws login, IAM Identity Center) and the program use a role; then
    aws iam list-access-keys --user-name {id}
    aws iam delete-access-key --user-name {id} --access-key-id KEY_ID
    """
    if user.is_root:
        return
    keys = len(user.active_keys)
    if user.password_enabled and keys:
        yield failed("The user has a password and access keys", password_enabled=True, active_access_keys=keys)
    else:
        yield passed(password_enabled=user.password_enabled, active_access_keys=keys)


@rule(severity=Severity.INFORMATIONAL, notes="One person = one user; never share users")
def iam_user_not_generic_shared_name(user: UserCredentials, *, shared_names: str = SHARED_NAMES) -> Iterator[Verdict]:
    """IAM users who sign in to the console are called like persons.

    Risk: nobody can tell who of a team did what, and a shared password stays when somebody leaves.
    Fix: give each person an identity of their own, then
    aws iam delete-login-profile --user-name {id}
    """
    if user.is_root:
        return
    if not user.password_enabled:
        yield passed("The user has no password", password_enabled=user.password_enabled)
    elif re.search(shared_names, user.user, re.IGNORECASE):
        yield failed("The user's name is that of a function: it is probably shared", user=user.user)
    else:
        yield passed(user=user.user)


@rule(severity=Severity.LOW, notes="Security (IAM Credentials Report)")
def iam_user_signing_certificate_absent(user: UserCredentials) -> Iterator[Verdict]:
    """IAM users have no X.509 signing certificates.

    Risk: the old SOAP interfaces are gone, and whoever holds the private key can still sign what accepts it.
    Fix: aws iam list-signing-certificates --user-name {id}
    aws iam delete-signing-certificate --user-name {id} --certificate-id CERTIFICATE_ID
    """
    if user.is_root:
        return
    flags: dict[str, Any] = {"cert_1_active": user.cert_1_active, "cert_2_active": user.cert_2_active}
    yield failed("The user has an active signing certificate", **flags) if any(flags.values()) else passed(**flags)


@rule(severity=Severity.LOW, notes="CodeCommit authentication; rotate keys")
def iam_user_ssh_public_key_rotated(user: User, inventory: Inventory, *, max_age_days: int = 90) -> Verdict:
    """SSH keys for CodeCommit are replaced regularly.

    Risk: an old private key lies on laptops long gone, and opens the source code without any MFA.
    Fix: aws iam upload-ssh-public-key --user-name {id} --ssh-public-key-body file://new-key.pub
    aws iam list-ssh-public-keys --user-name {id}
    aws iam delete-ssh-public-key --user-name {id} --ssh-public-key-id OLD_KEY_ID
    """
    active = [key for key in user.ssh_public_keys if key.status == "Active"]
    ages = {key.ssh_public_key_id: (inventory.now - key.upload_date).days for key in active}
    if not active:
        return passed("The user has no SSH key in use")
    if any(inventory.now - key.upload_date > timedelta(days=max_age_days) for key in active):
        return failed(f"An SSH key was not replaced for more than {max_age_days} days", days=ages)
    return passed(days=ages)


@rule(severity=Severity.LOW, category=Category.OPERATIONS, notes="IAM: Users & Groups")
def iam_user_in_group(user: User) -> Verdict:
    """IAM users belong to a group.

    Risk: permissions that each user has for himself differ by accident, and nobody reviews them all.
    Fix: aws iam add-user-to-group --user-name {id} --group-name GROUP
    """
    if user.group_list:
        return passed(group_list=list(user.group_list))
    return failed("The user is in no group", group_list=[])
