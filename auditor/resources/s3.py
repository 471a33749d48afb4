"""S3 buckets and what is configured on them."""

import asyncio
from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, Field

from auditor.fetch import Ask, Call, Listing, Scope
from auditor.model import Document, Resource, Shape
from auditor.resources.account import PublicAccessBlock


class PolicyStatus(Shape):
    """AWS's own evaluation of a bucket policy; None where the endpoint gives none (AWS always does)."""

    is_public: bool | None = None


class Grantee(Shape):
    """Who an ACL grants to: a canonical user by id, or a predefined group by URI."""

    id: str | None = None
    uri: str | None = None


class Grant(Shape):
    """One grant of an ACL."""

    grantee: Grantee
    permission: str


class Owner(Shape):
    """The canonical id of the bucket's owner."""

    id: str | None = None


class Acl(Shape):
    """A bucket's access control list."""

    owner: Owner | None = None
    grants: tuple[Grant, ...] = ()


class OwnershipRule(Shape):
    """Who owns objects, and whether ACLs count at all."""

    object_ownership: str


class Versioning(Shape):
    """A bucket's versioning; a bucket that never had any has no status."""

    status: str | None = None


class LoggingEnabled(Shape):
    """Where access logs go."""

    target_bucket: str
    target_prefix: str | None = None


class ReplicationDestination(Shape):
    """Where a replication rule copies to; `account` is set for a bucket of another owner."""

    bucket: str
    account: str | None = None


class ReplicationRule(Shape):
    """One replication rule."""

    id: str | None = None
    status: str
    destination: ReplicationDestination


class Replication(Shape):
    """A bucket's replication configuration."""

    role: str
    rules: tuple[ReplicationRule, ...] = ()


class NotificationTarget(Shape):
    """One target of event notifications, of whatever kind: its ARN."""

    arn: str = Field(validation_alias=AliasChoices("arn", "lambda_function_arn", "topic_arn", "queue_arn"))


class Notification(Shape):
    """A bucket's event notifications; absent lists are empty, an absent EventBridge configuration is off."""

    lambda_function_configurations: tuple[NotificationTarget, ...] = ()
    topic_configurations: tuple[NotificationTarget, ...] = ()
    queue_configurations: tuple[NotificationTarget, ...] = ()


class EncryptionByDefault(Shape):
    """The algorithm and key that new objects get."""

    sse_algorithm: str
    kms_master_key_id: str | None = None


class EncryptionRule(Shape):
    """One rule of default encryption."""

    apply_server_side_encryption_by_default: EncryptionByDefault | None = None
    bucket_key_enabled: bool = False


class LifecycleRule(Shape):
    """One lifecycle rule."""

    id: str | None = None
    status: str


async def _list_buckets(ask: Ask) -> list[dict[str, Any]]:
    """List all buckets with their regions.

    Only a request with a parameter is answered with BucketRegion, and with it accounts over the 10,000-bucket quota
    are answered at all. Where an endpoint leaves the region out all the same, each bucket is asked for its own.
    """
    pages = await ask("ListBuckets", MaxBuckets=1000)
    buckets = [bucket for page in pages for bucket in page.get("Buckets", [])]
    lacking = [bucket for bucket in buckets if not bucket.get("BucketRegion")]
    answers = await asyncio.gather(*(ask("GetBucketLocation", Bucket=bucket["Name"]) for bucket in lacking))
    for bucket, (answer,) in zip(lacking, answers, strict=True):
        bucket["BucketRegion"] = _region_of(answer.get("LocationConstraint"))
    return buckets


def _region_of(constraint: str | None) -> str:
    """The region of a location constraint: the oldest two spellings are not regions' names."""
    return {"": "us-east-1", "EU": "eu-west-1"}.get(constraint or "", constraint or "us-east-1")


def _first_rule(value: Any) -> Any:
    """Ownership controls hold exactly one rule."""
    return value[0] if isinstance(value, list) and value else value


class Bucket(Resource):
    """An S3 bucket. Its details are asked in its own region."""

    service, cfn_type = "s3", "AWS::S3::Bucket"
    listing = Listing(
        "ListBuckets", scope=Scope.GLOBAL, iam="s3:ListAllMyBuckets", fetch=_list_buckets, also=("GetBucketLocation",)
    )
    arn_format = "arn:{partition}:s3:::{name}"
    id_field = "name"
    name_field = "name"
    region_field = "bucket_region"

    name: str
    public_access_block: Annotated[
        PublicAccessBlock | None,
        Call(
            "GetPublicAccessBlock",
            at="PublicAccessBlockConfiguration",
            iam="s3:GetBucketPublicAccessBlock",
            absent=("NoSuchPublicAccessBlockConfiguration",),
            Bucket="name",
        ),
    ]
    policy: Annotated[Document | None, Call("GetBucketPolicy", at="Policy", absent=("NoSuchBucketPolicy",), Bucket="name")]
    policy_status: Annotated[
        PolicyStatus | None,
        Call("GetBucketPolicyStatus", at="PolicyStatus", absent=("NoSuchBucketPolicy",), Bucket="name"),
    ]
    acl: Annotated[Acl, Call("GetBucketAcl", Bucket="name")]
    ownership_controls: Annotated[
        OwnershipRule | None,
        BeforeValidator(_first_rule),
        Call(
            "GetBucketOwnershipControls",
            at="OwnershipControls.Rules",
            absent=("OwnershipControlsNotFoundError",),
            Bucket="name",
        ),
    ]
    versioning: Annotated[Versioning, Call("GetBucketVersioning", Bucket="name")]
    logging: Annotated[LoggingEnabled | None, Call("GetBucketLogging", at="LoggingEnabled", Bucket="name")]
    replication: Annotated[
        Replication | None,
        Call(
            "GetBucketReplication",
            at="ReplicationConfiguration",
            iam="s3:GetReplicationConfiguration",
            absent=("ReplicationConfigurationNotFoundError",),
            Bucket="name",
        ),
    ]
    notification: Annotated[
        Notification, Call("GetBucketNotificationConfiguration", iam="s3:GetBucketNotification", Bucket="name")
    ]
    encryption: Annotated[
        tuple[EncryptionRule, ...] | None,
        Call(
            "GetBucketEncryption",
            at="ServerSideEncryptionConfiguration.Rules",
            iam="s3:GetEncryptionConfiguration",
            absent=("ServerSideEncryptionConfigurationNotFoundError",),
            Bucket="name",
        ),
    ]
    lifecycle: Annotated[
        tuple[LifecycleRule, ...] | None,
        Call(
            "GetBucketLifecycleConfiguration",
            at="Rules",
            iam="s3:GetLifecycleConfiguration",
            absent=("NoSuchLifecycleConfiguration",),
            Bucket="name",
        ),
    ]
