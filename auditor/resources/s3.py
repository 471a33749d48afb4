"""S3 buckets and what is configured on them."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, Field

from auditor.fetch import Ask, Call, CallError, Join, Listing, Metric, Scope
from auditor.findings import GapKind
from auditor.model import Document, Resource, Shape, Tags
from auditor.resources.account import PublicAccessBlock
from auditor.resources.s3_lifecycle import LifecycleRule


class PolicyStatus(Shape):
    """AWS's own opinion of a bucket policy. AWS always has one; an emulator may not (None)."""

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

    id: str


class Acl(Shape):
    """A bucket's access control list. Where ACLs are disabled, AWS shows one in which the owner has full control."""

    owner: Owner
    grants: tuple[Grant, ...]


class OwnershipRule(Shape):
    """Who owns objects; ACLs count unless this is BucketOwnerEnforced."""

    object_ownership: str


class Versioning(Shape):
    """A bucket's versioning; a bucket that never had any has no status."""

    status: str | None = None
    mfa_delete: str | None = None  # left out where it was never switched on


class LoggingEnabled(Shape):
    """Where access logs go: AWS takes only a bucket of the same account and region."""

    target_bucket: str


class ReplicationDestination(Shape):
    """Where a replication rule copies to: a bucket's ARN.

    AWS demands `account` only where replicas change owner: without it, too, the bucket may be another account's.
    """

    bucket: str
    account: str | None = None

    @property
    def bucket_name(self) -> str:
        """The name in the bucket's ARN."""
        return self.bucket.rpartition(":")[2]


class DeleteMarkerReplication(Shape):
    """Whether a replication rule copies delete markers."""

    status: str | None = None


class ReplicationRule(Shape):
    """One replication rule. Rules of the first kind have a prefix in place of a filter, and copy delete markers."""

    id: str | None = None
    status: str
    filter: dict[str, Any] | None = None
    delete_marker_replication: DeleteMarkerReplication | None = None
    destination: ReplicationDestination


class Replication(Shape):
    """A bucket's replication configuration; `gone` are the destinations that S3 says do not exist (see `is_gone`)."""

    role: str
    rules: tuple[ReplicationRule, ...]
    gone: tuple[str, ...]


class NotificationTarget(Shape):
    """One target of event notifications, of whatever kind: its ARN."""

    arn: str = Field(validation_alias=AliasChoices("arn", "lambda_function_arn", "topic_arn", "queue_arn"))


class Notification(Shape):
    """A bucket's event notifications; absent lists are empty, an absent EventBridge configuration is off."""

    lambda_function_configurations: tuple[NotificationTarget, ...] = ()
    topic_configurations: tuple[NotificationTarget, ...] = ()
    queue_configurations: tuple[NotificationTarget, ...] = ()
    event_bridge_configuration: dict[str, Any] | None = None


WHOLE_BUCKET = "EntireBucket"  # what S3's console calls the request metrics of a whole bucket


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


# What S3 says of a bucket that lies in another region than was asked.
ELSEWHERE = ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException")


async def is_gone(ask: Ask, name: str) -> bool:
    """Whether S3 says that there is no bucket of this name, in any account.

    A refusal does not say so: it is what another account's bucket answers. Nor does a hint to another region.
    """
    try:
        await ask("GetBucketLocation", Bucket=name)
    except CallError as error:
        if error.code not in ("NoSuchBucket", *ELSEWHERE) and error.kind is not GapKind.DENIED:
            raise
        return error.code == "NoSuchBucket"
    return False


async def _replication(ask: Ask, bucket: "Bucket") -> dict[str, Any]:
    """The replication configuration, and which of its destinations are gone.

    Bucket names are the world's: an own bucket that was deleted and one of another account look alike in ListBuckets.
    """
    (answer,) = await ask("GetBucketReplication", Bucket=bucket.name)
    found: dict[str, Any] = answer["ReplicationConfiguration"]
    arns = dict.fromkeys(rule["Destination"]["Bucket"] for rule in found["Rules"])
    names = [arn.rpartition(":")[2] for arn in arns]
    gone = await asyncio.gather(*(is_gone(ask, name) for name in names))
    return {**found, "Gone": [name for name, yes in zip(names, gone, strict=True) if yes]}


def _region_of(constraint: str | None) -> str:
    """The region of a location constraint: the oldest two spellings are not regions' names."""
    return {"": "us-east-1", "EU": "eu-west-1"}.get(constraint or "", constraint or "us-east-1")


def _first_rule(value: Any) -> Any:
    """Ownership controls hold exactly one rule."""
    return value[0] if isinstance(value, list) and value else value


class EncryptionByDefault(Shape):
    """The algorithm and key that new objects get; the key is None where S3's own is used."""

    sse_algorithm: str
    kms_master_key_id: str | None = None


class BlockedEncryptionTypes(Shape):
    """What new objects must not be encrypted by: SSE-C (the customer's own keys), or NONE, which blocks nothing."""

    encryption_type: tuple[str, ...] = ()


class EncryptionRule(Shape):
    """One rule of default encryption."""

    apply_server_side_encryption_by_default: EncryptionByDefault | None = None
    bucket_key_enabled: bool = False
    blocked_encryption_types: BlockedEncryptionTypes | None = None  # left out where nobody, nor AWS, ever chose


class RedirectAll(Shape):
    """Where a website sends every request."""

    host_name: str


class Website(Shape):
    """A bucket's website; it serves objects unless it redirects every request."""

    redirect_all_requests_to: RedirectAll | None = None


class CorsRule(Shape):
    """Which origins' pages may make which requests."""

    allowed_methods: tuple[str, ...]
    allowed_origins: tuple[str, ...]


class DefaultRetention(Shape):
    """For how long nobody can delete a new object: GOVERNANCE, which some may override, or COMPLIANCE."""

    mode: str | None = None


class ObjectLockRule(Shape):
    """What holds for new objects."""

    default_retention: DefaultRetention | None = None


class ObjectLock(Shape):
    """A bucket's Object Lock; without a rule, it holds only for objects that are locked one by one."""

    rule: ObjectLockRule | None = None


def _found_tags(value: Any) -> Any:
    """The pairs in what was found for a bucket: one entry, or none where it never had tags."""
    if isinstance(value, list) and all(isinstance(entry, Mapping) and "ResourceARN" in entry for entry in value):
        return [pair for entry in value for pair in entry["Tags"]]
    return value


def _stored(storage_type: str) -> Metric:
    """How many bytes a bucket holds in a storage class: S3 counts them once a day, and tells a day or two later."""
    return Metric(
        "AWS/S3",
        "BucketSizeBytes",
        statistic="Average",
        period=86400,
        days=4,
        const={"StorageType": storage_type},
        BucketName="name",
    )


def _requests(name: str) -> Metric:
    """A count of a bucket's requests: of the configuration that S3's console makes for all of them."""
    return Metric(
        "AWS/S3",
        name,
        statistic="Sum",
        period=86400,
        days=7,
        const={"FilterId": WHOLE_BUCKET},
        BucketName="name",
    )


class AnalyticsConfiguration(Shape):
    """One storage class analysis."""

    id: str


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
    policy: Annotated[
        Document | None, Call("GetBucketPolicy", at="Policy", absent=("NoSuchBucketPolicy",), Bucket="name")
    ]
    policy_status: Annotated[
        PolicyStatus | None,
        Call("GetBucketPolicyStatus", at="PolicyStatus", absent=("NoSuchBucketPolicy",), Bucket="name"),
    ]
    acl: Annotated[Acl, Call("GetBucketAcl", Bucket="name")]
    # None in a bucket that is older than these controls and never got any, or lost them: there ACLs count.
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
            iam="s3:GetReplicationConfiguration",
            absent=("ReplicationConfigurationNotFoundError",),
            fetch=_replication,
            also=("GetBucketLocation",),
        ),
    ]
    notification: Annotated[
        Notification, Call("GetBucketNotificationConfiguration", iam="s3:GetBucketNotification", Bucket="name")
    ]
    # S3 encrypts every bucket by default since 2023; None only where an endpoint has no such configuration.
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
    # None where it serves no website.
    website: Annotated[Website | None, Call("GetBucketWebsite", absent=("NoSuchWebsiteConfiguration",), Bucket="name")]
    cors: Annotated[
        tuple[CorsRule, ...] | None,
        Call(
            "GetBucketCors", at="CORSRules", iam="s3:GetBucketCORS", absent=("NoSuchCORSConfiguration",), Bucket="name"
        ),
    ]
    object_lock: Annotated[
        ObjectLock | None,
        Call(
            "GetObjectLockConfiguration",
            at="ObjectLockConfiguration",
            iam="s3:GetBucketObjectLockConfiguration",
            absent=("ObjectLockConfigurationNotFoundError",),
            Bucket="name",
        ),
    ]
    # Enabled or Suspended; None where it never was. A name with a dot cannot have it.
    acceleration: Annotated[
        str | None,
        Call(
            "GetBucketAccelerateConfiguration",
            at="Status",
            iam="s3:GetAccelerateConfiguration",
            when=lambda bucket: "." not in bucket.name,
            Bucket="name",
        ),
    ]
    # One wide call for all buckets of a region; S3's own takes one for each.
    tags: Annotated[
        Tags | None,
        BeforeValidator(_found_tags),
        Join(
            "GetResources",
            at="ResourceTagMappingList",
            key="ResourceARN",
            field="arn",
            service="resourcegroupstaggingapi",
            const={"ResourceTypeFilters": ["s3"]},
        ),
    ]
    analytics_configurations: Annotated[
        tuple[AnalyticsConfiguration, ...] | None,  # None: there is none
        Call(
            "ListBucketAnalyticsConfigurations",
            at="AnalyticsConfigurationList",
            iam="s3:GetAnalyticsConfiguration",
            Bucket="name",
        ),
    ]
    standard_bytes: Annotated[tuple[float, ...], _stored("StandardStorage")]
    reduced_redundancy_bytes: Annotated[tuple[float, ...], _stored("ReducedRedundancyStorage")]
    all_requests: Annotated[tuple[float, ...], _requests("AllRequests")]
    server_errors: Annotated[tuple[float, ...], _requests("5xxErrors")]

    @property
    def labels(self) -> dict[str, str]:
        """Its tags."""
        return self.tags or {}

    @property
    def log_target(self) -> str | None:
        """The bucket that this one's access logs go to, if they go anywhere."""
        return self.logging.target_bucket if self.logging else None
