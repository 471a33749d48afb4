"""The account, and what is set for it as a whole: once, or once in each region."""

import asyncio
from typing import Annotated, Any

from auditor.fetch import Ask, Call, CallError, Listing, Metric, Scope
from auditor.model import Document, Resource, Shape, Tags


class AccountSummary(Shape):
    """Counts and flags of IAM. A key that AWS leaves out is None, never 0."""

    account_mfa_enabled: int | None = None
    account_access_keys_present: int | None = None
    account_password_present: int | None = None
    account_signing_certificates_present: int | None = None
    global_endpoint_token_version: int | None = None


class PasswordPolicy(Shape):
    """The account's own password policy, where it has one. A flag that was never set is false, as IAM documents it."""

    minimum_password_length: int
    require_symbols: bool = False
    require_numbers: bool = False
    require_uppercase_characters: bool = False
    require_lowercase_characters: bool = False
    allow_users_to_change_password: bool = False
    expire_passwords: bool = False
    max_password_age: int | None = None  # left out where passwords do not expire
    password_reuse_prevention: int | None = None  # left out where old passwords may come back
    hard_expiry: bool | None = None  # left out where it was never set: then users may still change it


class Organization(Shape):
    """The organization that the account belongs to."""

    id: str
    master_account_id: str  # of the management account


class ControlPolicy(Shape):
    """A policy of the organization with its text."""

    name: str
    content: Document


async def read_service_control_policies(ask: Ask, account: "Account") -> list[dict[str, Any]] | None:
    """The service control policies with their text; None where this is not the account to read them in.

    A member account is not asked: it would be refused, and lacks nothing by that.
    """
    try:
        organization = (await ask("DescribeOrganization"))[0]["Organization"]
    except CallError as error:
        if error.code == "AWSOrganizationsNotInUseException":
            return None
        raise
    if organization.get("MasterAccountId") != account.account:
        return None
    pages = await ask("ListPolicies", Filter="SERVICE_CONTROL_POLICY")
    ids = [policy["Id"] for page in pages for policy in page["Policies"]]
    answers = await asyncio.gather(*(ask("DescribePolicy", PolicyId=identity) for identity in ids))
    found = [answer[0]["Policy"] for answer in answers]
    return [{"Name": policy["PolicySummary"]["Name"], "Content": policy["Content"]} for policy in found]


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
    # What the organization has tagged the account with: settings may differ by it. Most member accounts may not ask.
    organization_tags: Annotated[
        Tags | None,
        Call(
            "ListTagsForResource",
            service="organizations",
            at="Tags",
            absent=("AWSOrganizationsNotInUseException",),
            ResourceId="account",
        ),
    ]
    # None where there is no organization, and in its member accounts.
    service_control_policies: Annotated[
        tuple[ControlPolicy, ...] | None,
        Call(
            "ListPolicies",
            service="organizations",
            fetch=read_service_control_policies,
            also=("DescribeOrganization", "DescribePolicy"),
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
    # "ACTIVE" where the account has Shield Advanced, which it pays for; else "INACTIVE".
    shield_subscription_state: Annotated[str, Call("GetSubscriptionState", service="shield", at="SubscriptionState")]


class InstanceMetadataDefaults(Shape):
    """The region's defaults for new instances; a member that AWS leaves out is "no preference"."""

    http_endpoint: str | None = None
    http_tokens: str | None = None
    http_tokens_enforced: str | None = None
    managed_by: str | None = None


class LambdaLimit(Shape):
    """What Lambda lets an account have in a region: bytes of code, executions at once."""

    total_code_size: int
    concurrent_executions: int
    unreserved_concurrent_executions: int  # what no function has reserved for itself


class LambdaUsage(Shape):
    """What an account has of it."""

    total_code_size: int
    function_count: int


class LambdaSettings(Shape):
    """Lambda's limits of the account in a region, and how far they are used."""

    account_limit: LambdaLimit
    account_usage: LambdaUsage


class Region(Resource):
    """The audited account in one region: its regional settings."""

    service, cfn_type = "ec2", "AWS::::Account"
    listing = Listing("DescribeRegions", at="Regions", scope=Scope.GLOBAL)
    # AWS has no ARN for an account in a region; this one is ours, in its form.
    arn_format = "arn:{partition}:ec2:{region_name}:{account}:account"
    id_field = "account"
    region_field = "region_name"

    region_name: str
    opt_in_status: str | None = None  # opt-in-not-required or opted-in; other regions are not listed
    ebs_encryption_by_default: Annotated[bool, Call("GetEbsEncryptionByDefault", at="EbsEncryptionByDefault")]
    snapshot_block_public_access: Annotated[str, Call("GetSnapshotBlockPublicAccessState", at="State")]
    image_block_public_access: Annotated[str, Call("GetImageBlockPublicAccessState", at="ImageBlockPublicAccessState")]
    allowed_images_state: Annotated[str, Call("GetAllowedImagesSettings", at="State")]
    lambda_settings: Annotated[LambdaSettings, Call("GetAccountSettings", service="lambda")]
    # How many functions ran at once at most, day by day.
    lambda_concurrency: Annotated[
        tuple[float, ...], Metric("AWS/Lambda", "ConcurrentExecutions", statistic="Maximum", period=86400, days=14)
    ]
    # None where the account never set any default.
    instance_metadata_defaults: Annotated[
        InstanceMetadataDefaults | None, Call("GetInstanceMetadataDefaults", at="AccountLevel")
    ]
