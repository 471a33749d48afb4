"""Buckets, what they notify, and the trails that write into them."""

import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

from auditor.demo.emulator import ACCOUNT, backend
from auditor.demo.protocol import Error, Params
from auditor.demo.stage import (
    ANALYTICS,
    EXPERIMENT,
    PARTNER,
    PRODUCTION,
    RECOVERY,
    STAGING,
    Stage,
    allow,
    arn,
    document,
)

# Bucket, region, owner, versioned, public access blocked, policy (see _statements).
BUCKETS: tuple[tuple[str, str, str, bool, bool, tuple[str, ...]], ...] = (
    ("northwind-website", PRODUCTION, "marketing", False, False, ("public",)),
    ("northwind-assets", PRODUCTION, "shop", True, False, ("tls", "cloudfront")),
    ("northwind-orders", PRODUCTION, "shop", True, True, ("tls",)),
    ("northwind-logs", PRODUCTION, "platform", False, True, ("tls", "logs")),
    ("northwind-cloudtrail", PRODUCTION, "platform", True, True, ("tls", "trail")),
    ("northwind-backups", PRODUCTION, "platform", True, True, ()),
    ("northwind-payroll", PRODUCTION, "leadership", True, True, ("tls",)),
    ("northwind-supplier-uploads", STAGING, "shop", False, False, ()),
    ("northwind-old-campaign", EXPERIMENT, "marketing", False, False, ()),
    ("northwind-data-lake", ANALYTICS, "analytics", True, True, ("tls", "partner")),
    ("northwind-lake-results", ANALYTICS, "analytics", False, False, ()),
    ("northwind-orders-copy", RECOVERY, "platform", True, True, ("tls",)),
)
LOCKED = "northwind-payroll"


def build(stage: Stage) -> None:
    """Make all of it."""
    for bucket in BUCKETS:
        _bucket(stage, *bucket)
    _targets(stage)
    _details(stage)
    _lock(stage)
    _trails(stage)


def _bucket(
    stage: Stage, name: str, region: str, owner: str, versioned: bool, blocked: bool, says: Iterable[str]
) -> None:
    s3 = stage.client("s3", region)
    place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=name, **place)
    stage.backend("s3").buckets[name].creation_date = stage.ago(1100)
    if versioned:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    if blocked:
        flags = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=dict.fromkeys(flags, True))
        s3.put_bucket_ownership_controls(
            Bucket=name, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        )
    pairs = {"owner": owner, "environment": "staging" if region == STAGING else "production"}
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": k, "Value": v} for k, v in pairs.items()]})
    statements = [_statement(name, kind) for kind in says]
    if statements:
        s3.put_bucket_policy(Bucket=name, Policy=json.dumps(document(*statements)))


def _statement(bucket: str, kind: str) -> dict[str, Any]:
    every = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    source = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    match kind:
        case "public":
            return allow("s3:GetObject", every[1], Sid="PublicWebsite", Principal="*")
        case "tls":
            insecure = {"Bool": {"aws:SecureTransport": "false"}}
            deny = {"Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*"}
            return {**deny, "Resource": every, "Condition": insecure}
        case "cloudfront":
            service = {"Service": "cloudfront.amazonaws.com"}
            return allow("s3:GetObject", every[1], Sid="Distribution", Principal=service)
        case "logs":
            service = {"Service": "logging.s3.amazonaws.com"}
            return allow("s3:PutObject", every[1], Sid="AccessLogs", Principal=service, Condition=source)
        case "trail":
            service = {"Service": "cloudtrail.amazonaws.com"}
            return allow(["s3:GetBucketAcl", "s3:PutObject"], every, Sid="Trail", Principal=service, Condition=source)
        case _:
            partner = {"AWS": f"arn:aws:iam::{PARTNER}:root"}
            return allow(["s3:GetObject", "s3:ListBucket"], every, Sid="BeanExchange", Principal=partner)


def _targets(stage: Stage) -> None:
    """What buckets tell of new objects: a queue, a topic that anybody's bucket may write to, a function."""
    for region, service, name in (
        (PRODUCTION, "sqs", "northwind-orders"),
        (STAGING, "sns", "northwind-uploads"),
        (ANALYTICS, "lambda", "northwind-lake-index"),
    ):
        stage.names[name] = arn(service, region, f"function:{name}" if service == "lambda" else name)
    queue, topic = stage.names["northwind-orders"], stage.names["northwind-uploads"]
    principal = {"Service": "s3.amazonaws.com"}
    source = {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::northwind-orders"}}
    sends = document(allow("sqs:SendMessage", queue, Principal=principal, Condition=source))
    stage.client("sqs").create_queue(QueueName="northwind-orders", Attributes={"Policy": json.dumps(sends)})
    sns = stage.client("sns", STAGING)
    sns.create_topic(Name="northwind-uploads")
    publishes = document(allow("sns:Publish", topic, Principal=principal))
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(publishes))
    functions = stage.client("lambda", ANALYTICS)
    functions.create_function(
        FunctionName="northwind-lake-index",
        Runtime="python3.12",
        Handler="index.handler",
        Role=f"arn:aws:iam::{ACCOUNT}:role/northwind-order-processor",
        Code={"ZipFile": _archive()},
        Tags={"owner": "analytics", "environment": "production"},
    )
    functions.add_permission(
        FunctionName="northwind-lake-index",
        StatementId="data-lake",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn="arn:aws:s3:::northwind-data-lake",
        SourceAccount=ACCOUNT,
    )


def _archive() -> bytes:
    """The function's code, zipped."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("index.py"), "def handler(event, context):\n    return event\n")
    return packed.getvalue()


def _details(stage: Stage) -> None:
    s3 = stage.client("s3")
    # moto's own check of the target breaks on policies such as these, and refuses a bucket that logs to itself.
    for bucket, target in (
        ("northwind-orders", "northwind-logs"),
        ("northwind-assets", "northwind-logs"),
        ("northwind-cloudtrail", "northwind-logs"),
        ("northwind-supplier-uploads", "northwind-supplier-uploads"),
    ):
        stage.backend("s3").buckets[bucket].logging = {"TargetBucket": target, "TargetPrefix": f"{bucket}/"}
    _replicate(stage, PRODUCTION, "northwind-orders", "northwind-orders-copy")
    _replicate(stage, ANALYTICS, "northwind-data-lake", "northwind-lake-archive")
    for region, bucket, kind, target in (
        (PRODUCTION, "northwind-orders", "Queue", stage.names["northwind-orders"]),
        (STAGING, "northwind-supplier-uploads", "Topic", stage.names["northwind-uploads"]),
        (ANALYTICS, "northwind-data-lake", "LambdaFunction", stage.names["northwind-lake-index"]),
        (PRODUCTION, "northwind-website", "LambdaFunction", arn("lambda", PRODUCTION, "function:northwind-thumbnails")),
    ):
        stage.client("s3", region).put_bucket_notification_configuration(
            Bucket=bucket,
            NotificationConfiguration={
                f"{kind}Configurations": [{f"{kind}Arn": target, "Events": ["s3:ObjectCreated:*"]}]
            },
            SkipDestinationValidation=True,
        )
    stage.client("s3", EXPERIMENT).put_bucket_acl(Bucket="northwind-old-campaign", ACL="public-read")
    s3.put_bucket_lifecycle_configuration(
        Bucket="northwind-logs",
        LifecycleConfiguration={
            "Rules": [{"ID": "expire", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 400}}]
        },
    )


def _replicate(stage: Stage, region: str, source: str, target: str) -> None:
    stage.client("s3", region).put_bucket_replication(
        Bucket=source,
        ReplicationConfiguration={
            "Role": f"arn:aws:iam::{ACCOUNT}:role/service/northwind-replication",
            "Rules": [
                {
                    "ID": "everything",
                    "Priority": 1,
                    "Status": "Enabled",
                    "Filter": {"Prefix": ""},
                    "DeleteMarkerReplication": {"Status": "Disabled"},
                    "Destination": {"Bucket": f"arn:aws:s3:::{target}"},
                }
            ],
        },
    )


def _lock(stage: Stage) -> None:
    """The payroll's bucket lets nobody read its policy but leadership, and not the auditor either."""

    def locked(params: Params, _: str, __: str) -> Error | None:
        return Error("AccessDenied", "Access Denied", 403) if params["Bucket"] == LOCKED else None

    stage.answers["s3:GetBucketPolicy"] = locked


def _trails(stage: Stage) -> None:
    for region, name, bucket, options in (
        (
            PRODUCTION, "northwind-audit", "northwind-cloudtrail",
            {
                "IsMultiRegionTrail": True,
                "EnableLogFileValidation": True,
                "KmsKeyId": arn("kms", PRODUCTION, "key/2b1f6d3e-0c58-4c1e-9a55-7d1f0e8c4b21"),
            },
        ),
        (EXPERIMENT, "trail-1", "northwind-old-campaign", {"IsMultiRegionTrail": False}),
    ):  # fmt: skip
        cloudtrail = stage.client("cloudtrail", region)
        cloudtrail.create_trail(Name=name, S3BucketName=bucket, **options)
        cloudtrail.start_logging(Name=name)
    every = {"ReadWriteType": "All", "IncludeManagementEvents": True}
    objects = {"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::northwind-orders/"]}
    stage.client("cloudtrail").put_event_selectors(
        TrailName="northwind-audit", EventSelectors=[every | {"DataResources": [objects]}]
    )

    def trails(params: Params, region: str, account: str) -> Mapping[str, Any]:
        """Moto says of every trail that nobody set what it records."""
        held = backend("cloudtrail", region, account)
        found = held.describe_trails(include_shadow_trails=params.get("includeShadowTrails", True))
        return {"trailList": [_described(trail) for trail in found]}

    stage.answers["cloudtrail:DescribeTrails"] = trails


def _described(trail: Any) -> dict[str, Any]:
    said = trail.description(include_region=True) | {"HasCustomEventSelectors": bool(trail.event_selectors)}
    return {name: value for name, value in said.items() if value is not None}
