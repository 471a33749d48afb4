"""IAM: the account as a whole, its root user, and how others' identities are let in."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from auditor.analysis.certificates import users_of
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.account import Account, AccountSummary, Region
from auditor.resources.iam import ROOT_USER, SAMLProvider, ServerCertificate, UserCredentials, VirtualMFADevice
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule, seen, unknown

# There the account has no root user that signs in: IAM neither reports one nor its MFA.
PARTITIONS_WITHOUT_ROOT = ("aws-cn", "aws-us-gov")
NO_ROOT = "Accounts of this partition have no root user that could sign in"


def _root_credentials_removed(summary: AccountSummary) -> bool:
    """Whether the organization has taken all of the root user's credentials away."""
    return summary.account_password_present == 0 and summary.account_access_keys_present == 0


@rule(
    severity=Severity.HIGH,
    controls=("CIS-3.0 1.7", "CIS-5.0 1.6", "ISO-27001-2022 A.5.15"),
    notes="IAM: Users & Groups",
)
def iam_root_not_recently_used(
    account: Account, inventory: Inventory, *, max_root_use_age_days: int = 90, bootstrap_days: int = 7
) -> Verdict:
    """The root user is left alone, but for setting the account up.

    Risk: no policy limits the root user, so a mistake or a stolen session there can cost the whole account.
    Fix: see what root was needed for, and give that to an administrator role instead:
    aws cloudtrail lookup-events --region us-east-1 --lookup-attributes AttributeKey=Username,AttributeValue=root
    """
    root = inventory.find(UserCredentials, "user", ROOT_USER)
    if root is None:
        if account.partition in PARTITIONS_WITHOUT_ROOT:
            return not_applicable(NO_ROOT)
        return unknown("The credential report has no row for the root user")
    uses = (root.password_last_used, root.access_key_1_last_used_date, root.access_key_2_last_used_date)
    known = [use for use in uses if use is not None]
    if not known:
        return passed("The root user was never used")
    last = max(known)
    evidence: dict[str, Any] = {
        "last_used": last.isoformat(),
        "user_creation_time": root.user_creation_time.isoformat(),
    }
    if last <= root.user_creation_time + timedelta(days=bootstrap_days):
        return passed("The root user was only used to set the account up", **evidence)
    if inventory.now - last > timedelta(days=max_root_use_age_days):
        return passed(**evidence)
    return failed(f"The root user was used within the last {max_root_use_age_days} days", **evidence)


@rule(
    severity=Severity.CRITICAL,
    controls=(
        "SecurityHub IAM.9",
        "CIS-3.0 1.5",
        "CIS-5.0 1.4",
        "PCI-4.0 8.4.1.4 8.4.2.4 8.4.3.4",
        "NIST-800-53-r5 ac_2_1 ac_3_2 ac_3_3 ac_3_3_a ac_3_3_b_1 ac_3_3_b_2 ac_3_3_b_3 ac_3_3_b_4 ac_3_3_b_5 ac_3_3_c",
        "NIST-800-53-r5 ac_3_4 ac_3_4_a",
        "ISO-27001-2022 A.5.15 A.5.17 A.8.5",
    ),
    notes="Security; MFA",
)
def iam_root_mfa_enabled(account: Account) -> Verdict:
    """The root user signs in with a second factor.

    Risk: a guessed or phished password is enough to take the account over, for good.
    Fix: sign in as root and register a passkey or security key under "Security credentials"; in a member account of an
        organization, have its management account delete the root credentials instead.
    """
    if account.partition in PARTITIONS_WITHOUT_ROOT:
        return not_applicable(NO_ROOT)
    summary = account.summary
    if summary.account_mfa_enabled == 1:
        return passed(account_mfa_enabled=1)
    if _root_credentials_removed(summary):
        return passed("The root user has no credentials", account_password_present=0, account_access_keys_present=0)
    if summary.account_mfa_enabled is None:
        return unknown("IAM's summary of the account does not say whether the root user has MFA")
    return failed("The root user has no MFA device", account_mfa_enabled=summary.account_mfa_enabled)


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub IAM.6",
        "CIS-3.0 1.6",
        "CIS-5.0 1.5",
        "PCI-4.0 8.4.1.3 8.4.2.3 8.4.3.3",
        "NIST-800-53-r5 ac_2_1 ac_3_2 ac_3_3 ac_3_3_a ac_3_3_b_1 ac_3_3_b_2 ac_3_3_b_3 ac_3_3_b_4 ac_3_3_b_5 ac_3_3_c",
        "NIST-800-53-r5 ac_3_4 ac_3_4_a",
    ),
    notes="Security; MFA",
)
def iam_root_hardware_mfa_enabled(account: Account, inventory: Inventory) -> Verdict:
    """The root user's second factor is a security key or passkey, not an authenticator app.

    Risk: a six-digit code can be phished, and the app's secret copied; what is bound to hardware and site can not.
    Fix: sign in as root, register a security key or passkey under "Security credentials", then remove the app there.
    """
    if account.partition in PARTITIONS_WITHOUT_ROOT:
        return not_applicable(NO_ROOT)
    summary = account.summary
    if _root_credentials_removed(summary):
        return passed("The root user has no credentials", account_password_present=0, account_access_keys_present=0)
    if summary.account_mfa_enabled is None:
        return unknown("IAM's summary of the account does not say whether the root user has MFA")
    if summary.account_mfa_enabled != 1:
        return failed("The root user has no MFA device", account_mfa_enabled=summary.account_mfa_enabled)
    if any_of(lambda device: device.is_of_root is True, inventory.each(VirtualMFADevice)):
        return failed("The root user signs in with an authenticator app", virtual_mfa_device=True)
    if any_of(lambda device: device.is_of_root is None, inventory.each(VirtualMFADevice)):
        return unknown("IAM does not say whose authenticator app one is")
    return passed(account_mfa_enabled=1, virtual_mfa_device=False)


@rule(
    severity=Severity.CRITICAL,
    controls=(
        "SecurityHub IAM.4",
        "CIS-3.0 1.4",
        "CIS-5.0 1.3",
        "PCI-4.0 7.2.1.17 7.2.2.17 7.2.3.8 8.2.1.4 8.2.2.6 8.2.4.4 8.2.5.4 8.3.11.4",
        "NIST-800-53-r5 ac_2_1 ac_2_6 ac_3_3 ac_3_3_a ac_3_3_b_1 ac_3_3_b_2 ac_3_3_b_3 ac_3_3_b_4 ac_3_3_b_5 ac_3_3_c",
        "NIST-800-53-r5 ac_3_4 ac_3_4_a",
        "ISO-27001-2022 A.5.15",
    ),
    notes="IAM Guidelines; access keys",
)
def iam_root_access_key_absent(account: Account) -> Verdict:
    """The root user has no access keys.

    Risk: such a key works without MFA, never expires, and no policy of the account can limit it.
    Fix: replace what uses the key by a role, then sign in as root and delete it under "Security credentials".
    """
    present = account.summary.account_access_keys_present
    if present is None:
        return unknown("IAM's summary of the account does not say whether the root user has access keys")
    if present:
        return failed("The root user has an access key", account_access_keys_present=present)
    return passed(account_access_keys_present=present)


@rule(severity=Severity.MEDIUM, notes="CloudFront: signed URL keys")
def iam_root_signing_certificate_absent(account: Account) -> Verdict:
    """The root user has no X.509 signing certificates.

    Risk: whoever holds the private key can sign old-style requests as root; only root itself can see or revoke it.
    Fix: sign in as root and delete the certificate under "Security credentials". URLs of CloudFront are signed with
        the keys of a key group today, which need no root.
    """
    present = account.summary.account_signing_certificates_present
    if present is None:
        return unknown("IAM's summary of the account does not say whether the root user has signing certificates")
    if present:
        return failed("The root user has a signing certificate", account_signing_certificates_present=present)
    return passed(account_signing_certificates_present=present)


def _has_console_users(inventory: Inventory) -> bool:
    """Whether a password policy would concern anyone: it does not bind the root user."""
    return any_of(lambda user: not user.is_root and bool(user.password_enabled), inventory.each(UserCredentials))


NO_CONSOLE_USERS = "No IAM user has a password"


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub IAM.7 IAM.10",),
    notes="Security (password policy)",
)
def iam_account_password_policy_defined(account: Account, inventory: Inventory) -> Verdict:
    """The account has a password policy of its own.

    Risk: without one, users may choose eight characters and keep them forever.
    Fix: aws iam update-account-password-policy --minimum-password-length 14 --require-symbols --require-numbers
        --require-uppercase-characters --require-lowercase-characters --password-reuse-prevention 24
        --allow-users-to-change-password
    """
    if account.password_policy is not None:
        return passed(minimum_password_length=account.password_policy.minimum_password_length)
    if not _has_console_users(inventory):
        return not_applicable(NO_CONSOLE_USERS)
    return failed("The account has no password policy, and IAM users with passwords", password_policy=None)


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub IAM.15 IAM.7",
        "CIS-3.0 1.8",
        "CIS-5.0 1.7",
        "NIST-800-53-r5 ac_2_1 ac_2_3_a ac_2_3_b ac_2_3_c ac_2_3_d ac_2_3 ac_2_d_1 ac_3_3 ac_3_3_a ac_3_3_b_1",
        "NIST-800-53-r5 ac_3_3_b_2 ac_3_3_b_3",
        "ISO-27001-2022 A.5.15",
    ),
    notes="Security (password policy)",
)
def iam_account_password_policy_minimum_length_14(
    account: Account, inventory: Inventory, *, minimum_length: int = 14, strict: bool = False
) -> Verdict:
    """Passwords of IAM users have at least 14 characters.

    Risk: short passwords are guessed, or recovered from a leak elsewhere.
    Fix: aws iam update-account-password-policy --minimum-password-length 14 --require-symbols --require-numbers
        --require-uppercase-characters --require-lowercase-characters --password-reuse-prevention 24
        --allow-users-to-change-password
    """
    length = account.password_policy.minimum_password_length if account.password_policy else None
    if length is not None and length >= minimum_length:
        return passed(minimum_password_length=length)
    if not strict and not _has_console_users(inventory):
        return not_applicable(NO_CONSOLE_USERS)
    if length is None:
        return failed("Without a password policy, 8 characters are enough", minimum_password_length=None)
    return failed(f"Passwords may have {length} characters", minimum_password_length=length)


@rule(severity=Severity.MEDIUM, notes="IAM: Users & Groups (root)")
def iam_organization_root_credentials_centrally_managed(account: Account) -> Verdict:
    """Member accounts of the organization need no root credentials: its management account stands in for them.

    Risk: each member account keeps a root user whose password and MFA somebody must guard, and can forget.
    Fix: aws organizations enable-aws-service-access --service-principal iam.amazonaws.com
    aws iam enable-organizations-root-credentials-management
    """
    organization = account.organization
    if organization is None:
        return not_applicable("The account belongs to no organization")
    if organization.master_account_id != account.account:
        return not_applicable("This is for the organization's management account to do", organization=organization.id)
    features = list(account.organizations_features or ())
    if "RootCredentialsManagement" in features:
        return passed(enabled_features=features)
    return failed("Member accounts look after their root credentials themselves", enabled_features=features)


@rule(severity=Severity.HIGH, notes="IAM Federation")
def iam_saml_provider_metadata_valid(provider: SAMLProvider, inventory: Inventory, *, warn_days: int = 30) -> Verdict:
    """SAML providers have metadata that stays valid for the time to come.

    Risk: the day it ends, nobody signs in through the provider any more, and emergency users come back into use.
    Fix: aws iam update-saml-provider --saml-provider-arn {arn} --saml-metadata-document file://metadata.xml
    """
    if provider.provider_name.startswith("AWSSSO_"):
        return not_applicable("IAM Identity Center looks after this provider")
    end = provider.valid_until
    if end is None:
        return passed("The metadata names no end", valid_until=None)
    if end >= inventory.now + timedelta(days=warn_days):
        return passed(valid_until=end.isoformat())
    if end < inventory.now:
        return failed("The metadata is no longer valid", valid_until=end.isoformat())
    return failed(f"The metadata ends within {warn_days} days", severity=Severity.MEDIUM, valid_until=end.isoformat())


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub IAM.26", "CIS-3.0 1.19", "CIS-5.0 1.18"),
    notes="SSL/TLS basics",
)
def iam_server_certificate_not_expired(
    certificate: ServerCertificate, inventory: Inventory, *, warn_days: int = 30
) -> Verdict:
    """TLS certificates kept in IAM are valid, and will be for the time to come.

    Risk: clients refuse an expired certificate, or get used to clicking the warning away. IAM cannot renew any.
    Fix: aws acm request-certificate --domain-name DOMAIN --validation-method DNS
    aws iam delete-server-certificate --server-certificate-name {id}
    """
    end = certificate.expiration
    if end >= inventory.now + timedelta(days=warn_days):
        return passed(expiration=end.isoformat())

    def severity() -> Iterator[Severity]:
        if end >= inventory.now:
            yield Severity.LOW
        if any(users_of(certificate, inventory)):
            yield Severity.HIGH

    said = "has expired" if end < inventory.now else f"expires within {warn_days} days"
    return failed(f"The certificate {said}", severity=severity(), expiration=end.isoformat())


@rule(severity=Severity.LOW, controls=("CIS-3.0 1.21", "CIS-5.0 1.20"), notes="IAM Federation")
def iam_account_federation_configured(
    account: Account, inventory: Inventory, *, federation_user_threshold: int = 5
) -> Verdict:
    """People sign in through the company's directory, not by a crowd of IAM users.

    Risk: who leaves the company keeps his IAM users in every account that nobody thinks of.
    Fix: connect the directory to IAM Identity Center (or as SAML provider), then take the users' passwords away:
    aws iam create-saml-provider --name DIRECTORY --saml-metadata-document file://metadata.xml
    """
    # IAM Identity Center puts a SAML provider of its own into each account that it gives people access to.
    if any_of(lambda provider: bool(provider.arn), inventory.each(SAMLProvider)):
        return passed("There is a SAML provider")
    people = [user.user for user in inventory.each(UserCredentials) if not user.is_root and user.password_enabled]
    evidence: dict[str, Any] = {"console_users": len(people), "threshold": federation_user_threshold}
    if len(people) <= federation_user_threshold:
        return passed("There are few users with passwords", **evidence)
    return failed(f"{len(people)} IAM users sign in with passwords", account_id=account.account, **evidence)


@rule(severity=Severity.INFORMATIONAL, category=Category.OPERATIONS, notes="STS")
def iam_account_sts_global_endpoint_token_v2(account: Account, inventory: Inventory) -> Verdict:
    """Session tokens of the global STS endpoint are valid in every region that is enabled.

    Risk: in a region that had to be opted in to, every request with such a token is refused.
    Fix: aws iam set-security-token-service-preferences --global-endpoint-token-version v2Token
    """
    version = account.summary.global_endpoint_token_version
    if version is None:
        return unknown("IAM's summary of the account does not say which tokens the endpoint gives")
    if version != 1:
        return passed(global_endpoint_token_version=version)
    regions = (region.region_name for region in inventory.each(Region) if region.opt_in_status == "opted-in")
    opted = seen(regions)
    if not opted:
        return passed("No region is enabled that needs other tokens", global_endpoint_token_version=version)
    return failed("Tokens are not valid in all regions", global_endpoint_token_version=version, opted_in=opted)
