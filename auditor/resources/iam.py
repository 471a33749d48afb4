"""IAM: users, groups, roles, policies, and the credentials of people.

Users, groups, roles and policies come from one request with all their documents, instead of five for each of them.
Credentials of users and of the root user come from the credential report.
"""

import asyncio
import csv
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator

from auditor.fetch import Ask, Call, CallError, Join, Listing, Scope, operation
from auditor.findings import GapKind
from auditor.model import Document, Resource, Shape, Timestamp
from auditor.resources.iam_activity import AccessedService, KeyUse, read_last_accessed, read_recent_uses

ROOT_USER = "<root_account>"

# Seconds to wait for a credential report before asking again: about 20 in all.
REPORT_WAITS = (0.1, 0.2, 0.4, 0.8, 1.5, 2, 3, 4, 4, 4)
# AWS says so while a report is being made, and after the last one has expired: ask for one, and wait.
REPORT_NOT_READY = ("ReportNotPresent", "ReportExpired", "ReportInProgress")


async def read_credential_report(ask: Ask) -> list[dict[str, Any]]:
    """The rows of the credential report, which AWS makes first if it has none of the last four hours."""
    for wait in (*REPORT_WAITS, None):
        state = (await ask("GenerateCredentialReport"))[0].get("State")
        if state == "COMPLETE":
            try:
                content: bytes = (await ask("GetCredentialReport"))[0]["Content"]
                return _rows(content.decode())
            except CallError as error:
                if error.code not in REPORT_NOT_READY:
                    raise
        if wait is not None:
            await asyncio.sleep(wait)
    raise CallError(GapKind.FAILED, "ReportInProgress", f"AWS made no report within {sum(REPORT_WAITS):.0f} seconds")


def _rows(text: str) -> list[dict[str, Any]]:
    """The report as a table. What is none must not read as an account without users."""
    reader = csv.DictReader(text.splitlines())
    rows = list(reader)
    # csv files what is too much under None, and fills up with None.
    if "user" not in (reader.fieldnames or ()) or any(None in row or None in row.values() for row in rows):
        raise CallError(GapKind.UNEXPECTED, "UnexpectedAnswer", "the credential report is no table of users")
    return rows


def _in_report(value: Any) -> Any:
    """The report's words for "there is none", "never" and "not tracked" are all None."""
    return None if value in ("N/A", "no_information", "not_supported", "") else value


ReportedTime = Annotated[Timestamp | None, BeforeValidator(_in_report)]
# None for the root user's password, which the report says nothing about.
ReportedFlag = Annotated[bool | None, BeforeValidator(_in_report)]


class AccessKey(Shape):
    """An active access key. A time is None where AWS knows none: of a key that was never used, for one."""

    number: int
    last_rotated: Timestamp | None
    last_used: Timestamp | None


class MFADevice(Shape):
    """An MFA device of a user, by its serial number: for all but hardware tokens an ARN, which tells the kind."""

    serial_number: str

    @property
    def is_hardware(self) -> bool:
        """Whether it is a security key, a passkey or a token: neither an app (:mfa/) nor a telephone (:sms-mfa/)."""
        return not self.serial_number.startswith("arn:") or ":u2f/" in self.serial_number


def _has_console_mfa(credentials: "UserCredentials") -> bool:
    return not credentials.is_root and bool(credentials.password_enabled) and credentials.mfa_active


class UserCredentials(Resource):
    """A row of the credential report: the password, MFA and access keys of a user, or of the root user.

    The report may be up to four hours old.
    """

    service, cfn_type = "iam", "AWS::IAM::User"
    listing = Listing(
        "GetCredentialReport", scope=Scope.GLOBAL, fetch=read_credential_report, also=("GenerateCredentialReport",)
    )
    id_field = "user"

    user: str
    user_creation_time: Timestamp
    password_enabled: ReportedFlag
    password_last_used: ReportedTime
    password_last_changed: ReportedTime
    mfa_active: bool
    access_key_1_active: bool
    access_key_1_last_rotated: ReportedTime
    access_key_1_last_used_date: ReportedTime
    access_key_2_active: bool
    access_key_2_last_rotated: ReportedTime
    access_key_2_last_used_date: ReportedTime
    cert_1_active: bool
    cert_2_active: bool

    # Only asked for users who sign in to the console with MFA; a user who is gone by then has none.
    mfa_devices: Annotated[
        tuple[MFADevice, ...],
        Call("ListMFADevices", at="MFADevices", when=_has_console_mfa, otherwise=(), UserName="user"),
    ]

    @property
    def is_root(self) -> bool:
        """Whether this is the root user, whom other rules judge than those for users."""
        return self.user == ROOT_USER

    @property
    def active_keys(self) -> tuple[AccessKey, ...]:
        """The access keys that can be used now."""
        keys = (
            (1, self.access_key_1_active, self.access_key_1_last_rotated, self.access_key_1_last_used_date),
            (2, self.access_key_2_active, self.access_key_2_last_rotated, self.access_key_2_last_used_date),
        )
        return tuple(
            AccessKey(number=number, last_rotated=rotated, last_used=used)
            for number, active, rotated, used in keys
            if active
        )


class AttachedPolicy(Shape):
    """A managed policy as it is attached to a user, group or role."""

    policy_name: str
    policy_arn: str

    @property
    def is_aws_managed(self) -> bool:
        """Whether AWS wrote it."""
        return ":iam::aws:policy/" in self.policy_arn

    @property
    def aws_managed_name(self) -> str | None:
        """The name of a policy that AWS wrote; None of others, which may bear any name."""
        return self.policy_arn.rpartition("/")[2] if self.is_aws_managed else None


class InlinePolicy(Shape):
    """A policy that is part of a user, group or role."""

    policy_name: str
    policy_document: Document


def _authorization_details(at: str) -> Listing:
    """The one request that all four types share. AWS's own policies are left out: they would be most of the answer."""
    filters = ["User", "Group", "Role", "LocalManagedPolicy"]
    return Listing("GetAccountAuthorizationDetails", at=at, scope=Scope.GLOBAL, params={"Filter": filters})


class PermissionsBoundary(Shape):
    """The policy that bounds what the others grant to a user or role."""

    permissions_boundary_arn: str


class AccessKeyMetadata(Shape):
    """An access key of a user, active or not. `create_date` is always given for keys of users."""

    access_key_id: str
    status: str
    create_date: Timestamp | None = None


class SSHPublicKey(Shape):
    """A user's SSH key for CodeCommit."""

    ssh_public_key_id: str
    status: str
    upload_date: Timestamp


class User(Resource):
    """An IAM user. AWS may leave out inline policies where there are none; the other lists it gives empty."""

    service, cfn_type = "iam", "AWS::IAM::User"
    listing = _authorization_details("UserDetailList")
    id_field = "user_name"

    user_name: str
    create_date: Timestamp
    group_list: tuple[str, ...]
    user_policy_list: tuple[InlinePolicy, ...] = ()
    attached_managed_policies: tuple[AttachedPolicy, ...]
    permissions_boundary: PermissionsBoundary | None = None  # None: nothing bounds the user's policies

    access_keys: Annotated[
        tuple[AccessKeyMetadata, ...], Call("ListAccessKeys", at="AccessKeyMetadata", UserName="user_name")
    ]
    recent_key_uses: Annotated[
        tuple[KeyUse, ...],
        Call("ListAccessKeys", fetch=read_recent_uses, also=(operation("cloudtrail", "LookupEvents"),)),
    ]
    services_last_accessed: Annotated[
        tuple[AccessedService, ...],
        Call("GenerateServiceLastAccessedDetails", fetch=read_last_accessed, also=("GetServiceLastAccessedDetails",)),
    ]
    ssh_public_keys: Annotated[
        tuple[SSHPublicKey, ...], Call("ListSSHPublicKeys", at="SSHPublicKeys", UserName="user_name")
    ]

    @property
    def inline_policies(self) -> tuple[InlinePolicy, ...]:
        """The user's own policies."""
        return self.user_policy_list


class Group(Resource):
    """An IAM group. AWS may leave out inline policies where there are none; the other lists it gives empty."""

    service, cfn_type = "iam", "AWS::IAM::Group"
    listing = _authorization_details("GroupDetailList")
    id_field = "group_name"

    group_name: str
    group_policy_list: tuple[InlinePolicy, ...] = ()
    attached_managed_policies: tuple[AttachedPolicy, ...]

    @property
    def inline_policies(self) -> tuple[InlinePolicy, ...]:
        """The group's own policies."""
        return self.group_policy_list


class RoleLastUsed(Shape):
    """When a role was last used within the 400 days that AWS remembers; empty if it was not."""

    last_used_date: Timestamp | None = None


class RoleSession(Shape):
    """How long sessions of a role may last, in seconds."""

    max_session_duration: int


class Role(Resource):
    """An IAM role. AWS may leave out inline policies where there are none; the other lists it gives empty."""

    service, cfn_type = "iam", "AWS::IAM::Role"
    listing = _authorization_details("RoleDetailList")
    id_field = "role_name"
    owners: ClassVar[Mapping[str, str]] = {
        "/aws-service-role/": "an AWS service",
        "/aws-reserved/sso.amazonaws.com/": "IAM Identity Center",
    }

    role_name: str
    path: str
    assume_role_policy_document: Document
    role_policy_list: tuple[InlinePolicy, ...] = ()
    attached_managed_policies: tuple[AttachedPolicy, ...]
    permissions_boundary: PermissionsBoundary | None = None  # None: nothing bounds the role's policies
    create_date: Timestamp
    role_last_used: RoleLastUsed | None = None  # left out of, or empty for, a role without a use in 400 days

    services_last_accessed: Annotated[
        tuple[AccessedService, ...],
        Call("GenerateServiceLastAccessedDetails", fetch=read_last_accessed, also=("GetServiceLastAccessedDetails",)),
    ]
    # The one thing that the request for all details leaves out: asked for all roles at once.
    sessions: Annotated[tuple[RoleSession, ...], Join("ListRoles", at="Roles", key="Arn", field="arn")]

    @property
    def inline_policies(self) -> tuple[InlinePolicy, ...]:
        """The role's own policies."""
        return self.role_policy_list

    @property
    def is_service_linked(self) -> bool:
        """Whether it belongs to an AWS service: nobody in the account can change it."""
        return self.path.startswith("/aws-service-role/")

    @property
    def owner(self) -> str | None:
        """Who, other than the account's people, owns the role; None where it is theirs."""
        return next((owner for path, owner in self.owners.items() if self.path.startswith(path)), None)


class PolicyVersion(Shape):
    """A version of a managed policy; the default one is in force."""

    document: Document
    is_default_version: bool


class ManagedPolicy(Resource):
    """A managed policy of the account's own."""

    service, cfn_type = "iam", "AWS::IAM::ManagedPolicy"
    listing = _authorization_details("Policies")
    name_field = "policy_name"

    policy_name: str
    attachment_count: int
    permissions_boundary_usage_count: int | None = None  # AWS always says it; without, the policy is judged as any
    policy_version_list: tuple[PolicyVersion, ...]

    @property
    def document(self) -> dict[str, Any] | None:
        """The version in force; None if AWS did not mark one."""
        return next((version.document for version in self.policy_version_list if version.is_default_version), None)


class AwsManagedPolicy(Resource):
    """A policy of AWS's that somebody in the account holds."""

    service, cfn_type = "iam", "AWS::IAM::AwsManagedPolicy"
    listing = Listing("ListPolicies", at="Policies", scope=Scope.GLOBAL, params={"Scope": "AWS", "OnlyAttached": True})
    name_field = "policy_name"

    policy_name: str
    default_version_id: str

    document: Annotated[
        Document,
        Call("GetPolicyVersion", at="PolicyVersion.Document", PolicyArn="arn", VersionId="default_version_id"),
    ]


class InstanceProfileRole(Shape):
    """The role in an instance profile."""

    arn: str
    role_name: str


class InstanceProfile(Resource):
    """An instance profile: what gives an EC2 instance a role. AWS gives `roles` empty where there is none."""

    service, cfn_type = "iam", "AWS::IAM::InstanceProfile"
    listing = Listing("ListInstanceProfiles", at="InstanceProfiles", scope=Scope.GLOBAL)
    id_field = "instance_profile_name"
    name_field = "instance_profile_name"

    instance_profile_name: str
    roles: tuple[InstanceProfileRole, ...]


class MFAOwner(Shape):
    """Whom an MFA device belongs to."""

    arn: str


class VirtualMFADevice(Resource):
    """An authenticator app that is in use. Its seed and QR code are never read."""

    service, cfn_type = "iam", "AWS::IAM::VirtualMFADevice"
    listing = Listing(
        "ListVirtualMFADevices",
        at="VirtualMFADevices",
        scope=Scope.GLOBAL,
        params={"AssignmentStatus": "Assigned"},
    )
    arn_format = "{serial_number}"
    id_field = "serial_number"

    serial_number: str
    user: MFAOwner | None = None  # AWS leaves it out of a device that nobody uses: there should be none here

    @property
    def is_of_root(self) -> bool | None:
        """Whether the root user signs in with it; None where AWS does not say whose it is."""
        if self.serial_number.endswith(":mfa/root-account-mfa-device"):
            return True
        return self.user.arn.endswith(":root") if self.user else None


class UnassignedMFADevice(Resource):
    """An authenticator app that was set up for nobody, or outlived its user. Its seed and QR code are never read."""

    service, cfn_type = "iam", "AWS::IAM::VirtualMFADevice"
    listing = Listing(
        "ListVirtualMFADevices",
        at="VirtualMFADevices",
        scope=Scope.GLOBAL,
        params={"AssignmentStatus": "Unassigned"},
    )
    arn_format = "{serial_number}"
    id_field = "serial_number"

    serial_number: str


class ServerCertificate(Resource):
    """A TLS certificate that was uploaded to IAM."""

    service, cfn_type = "iam", "AWS::IAM::ServerCertificate"
    listing = Listing("ListServerCertificates", at="ServerCertificateMetadataList", scope=Scope.GLOBAL)
    id_field = "server_certificate_name"

    server_certificate_name: str
    server_certificate_id: str
    expiration: Timestamp


class SAMLProvider(Resource):
    """A SAML identity provider whose people may assume roles."""

    service, cfn_type = "iam", "AWS::IAM::SAMLProvider"
    listing = Listing("ListSAMLProviders", at="SAMLProviderList", scope=Scope.GLOBAL)
    name_field = "provider_name"

    valid_until: Timestamp | None = None  # AWS leaves it out where the metadata says no end

    @property
    def provider_name(self) -> str:
        """The last part of the ARN."""
        return self.arn.rpartition("/")[2]


class ServiceSpecificCredential(Resource):
    """A generated password of a user for one service: Git over HTTPS, Keyspaces, Bedrock."""

    service, cfn_type = "iam", "AWS::IAM::ServiceSpecificCredential"
    listing = Listing(
        "ListServiceSpecificCredentials",
        at="ServiceSpecificCredentials",
        scope=Scope.GLOBAL,
        params={"AllUsers": True},
    )
    # AWS has no ARN for it; this one is ours, in its form.
    arn_format = "arn:{partition}:iam::{account}:service-specific-credential/{service_specific_credential_id}"
    id_field = "service_specific_credential_id"

    service_specific_credential_id: str
    user_name: str
    service_name: str
    status: str
    create_date: Timestamp
    expiration_date: Timestamp | None = None  # only API keys that were given an end have one
