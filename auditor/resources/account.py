"""The account, and what is set for it as a whole: once, or once in each region."""

from typing import Annotated

from auditor.fetch import Call, Listing, Scope
from auditor.model import Resource, Shape


class AccountSummary(Shape):
    """Counts and flags of IAM. A key that AWS leaves out is None, never 0."""

    account_mfa_enabled: int | None = None
    account_access_keys_present: int | None = None
    account_password_present: int | None = None
    account_signing_certificates_present: int | None = None


class PasswordPolicy(Shape):
    """The account's own password policy, where it has one."""

    minimum_password_length: int


class Organization(Shape):
    """The organization that the account belongs to."""

    id: str
    master_account_id: str  # of the management account


class PublicAccessBlock(Shape):
    """S3's Block Public Access; a flag that AWS leaves out is off."""

    block_public_acls: bool = False
    ignore_public_acls: bool = False
    block_public_policy: bool = False
    restrict_public_buckets: bool = False


class Account(Resource):
    """The audited account itself."""

    service, cfn_type = "sts", "AWS::::Account"
    listing = Listing("GetCallerIdentity", scope=Scope.GLOBAL)
    arn_format = "arn:{partition}:iam::{account}:root"
    id_field = "account"

    summary: Annotated[AccountSummary, Call("GetAccountSummary", service="iam", at="SummaryMap")]
    password_policy: Annotated[
        PasswordPolicy | None,
        Call("GetAccountPasswordPolicy", service="iam", at="PasswordPolicy", absent=("NoSuchEntity",)),
    ]
    # None where the account belongs to no organization. Every member account may ask.
    organization: Annotated[
        Organization | None,
        Call(
            "DescribeOrganization",
            service="organizations",
            at="Organization",
            absent=("AWSOrganizationsNotInUseException",),
        ),
    ]
    # What IAM manages for the whole organization; None where IAM has no trusted access to it, and in accounts that are
    # not the ones to say: `organization` tells these apart.
    organizations_features: Annotated[
        tuple[str, ...] | None,
        Call(
            "ListOrganizationsFeatures",
            service="iam",
            at="EnabledFeatures",
            absent=(
                "ServiceAccessNotEnabledException",
                "AccountNotManagementOrDelegatedAdministratorException",
                "OrganizationNotFoundException",
                "OrganizationNotInAllFeaturesModeException",
            ),
        ),
    ]
    public_access_block: Annotated[
        PublicAccessBlock | None,
        Call(
            "GetPublicAccessBlock",
            service="s3control",
            at="PublicAccessBlockConfiguration",
            iam="s3:GetAccountPublicAccessBlock",
            absent=("NoSuchPublicAccessBlockConfiguration",),
            AccountId="account",
        ),
    ]


class InstanceMetadataDefaults(Shape):
    """The region's defaults for new instances; a member that AWS leaves out is "no preference"."""

    http_endpoint: str | None = None
    http_tokens: str | None = None
    http_tokens_enforced: str | None = None
    managed_by: str | None = None


class Region(Resource):
    """The audited account in one region: its regional settings."""

    service, cfn_type = "ec2", "AWS::::Account"
    listing = Listing("DescribeRegions", at="Regions", scope=Scope.GLOBAL)
    # AWS has no ARN for an account in a region; this one is ours, in its form.
    arn_format = "arn:{partition}:ec2:{region_name}:{account}:account"
    id_field = "account"
    region_field = "region_name"

    region_name: str
    ebs_encryption_by_default: Annotated[bool, Call("GetEbsEncryptionByDefault", at="EbsEncryptionByDefault")]
    snapshot_block_public_access: Annotated[str, Call("GetSnapshotBlockPublicAccessState", at="State")]
    image_block_public_access: Annotated[str, Call("GetImageBlockPublicAccessState", at="ImageBlockPublicAccessState")]
    # None where the account never set any default.
    instance_metadata_defaults: Annotated[
        InstanceMetadataDefaults | None, Call("GetInstanceMetadataDefaults", at="AccountLevel")
    ]
