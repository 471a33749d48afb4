"""What buckets are told: how long to keep, how to encrypt, who may look, what to lock; and their access points."""

import json
from collections.abc import Mapping
from typing import Any

from auditor.demo.emulator import ACCOUNT
from auditor.demo.protocol import Params
from auditor.demo.stage import ANALYTICS, EXPERIMENT, PRODUCTION, RECOVERY, STAGING, Stage, document
from auditor.demo.supplement import bucket_encryption

TIB = float(1 << 40)
# Tags that some buckets have beside those that all have.
TAGS = {
    "northwind-payroll": {"classification": "confidential", "importance": "critical"},
    "northwind-orders": {"importance": "critical"},
    "northwind-orders-copy": {"classification": "confidential"},
    "northwind-backups": {"compliance": "tax", "importance": "critical"},
    "northwind-lake-results": {"pii": "true"},
}
# Bucket, region, terabytes in Standard storage.
SIZES = (
    ("northwind-data-lake", ANALYTICS, 42.0),
    ("northwind-backups", PRODUCTION, 6.5),
    ("northwind-orders", PRODUCTION, 0.3),
)


def build(stage: Stage) -> None:
    """Make all of it."""
    _menu(stage)
    _tags(stage)
    _policies(stage)
    _old_replication(stage)
    _lifecycles(stage)
    _encryption(stage)
    _openness(stage)
    _locks(stage)
    _points(stage)
    _metrics(stage)


def _menu(stage: Stage) -> None:
    """A bucket that was named after a host, in the first year."""
    s3 = stage.client("s3", EXPERIMENT)
    s3.create_bucket(Bucket="menu.northwind.example")
    flags = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    s3.put_public_access_block(
        Bucket="menu.northwind.example", PublicAccessBlockConfiguration=dict.fromkeys(flags, True)
    )
    owner = [{"Key": "owner", "Value": "marketing"}, {"Key": "environment", "Value": "production"}]
    s3.put_bucket_tagging(Bucket="menu.northwind.example", Tagging={"TagSet": owner})


def _policies(stage: Stage) -> None:
    """Statements about the headers of uploads and the age of signed URLs, beside what the policies say already."""
    header = "s3:x-amz-server-side-encryption"
    strict = {"StringNotEquals": {header: "AES256"}}
    old = {"NumericGreaterThan": {"s3:signatureAge": "600000"}}
    for region, bucket, action, condition in (
        (PRODUCTION, "northwind-backups", "s3:PutObject", strict),
        (RECOVERY, "northwind-orders-copy", "s3:PutObject", strict | {"Null": {header: "false"}}),
        (RECOVERY, "northwind-orders-copy", "s3:GetObject", old),
    ):
        s3 = stage.client("s3", region)
        policy = stage.backend("s3").buckets[bucket].policy
        said = json.loads(policy) if policy else document()
        deny = {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": f"arn:aws:s3:::{bucket}/*"}
        said["Statement"].append(deny | {"Condition": condition})
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(said))


def _old_replication(stage: Stage) -> None:
    """The lake's rule is of the first kind, from before rules had filters: moto makes it one of the second."""
    rule = {
        "ID": "everything",
        "Prefix": "",
        "Status": "Enabled",
        "Destination": {"Bucket": "arn:aws:s3:::northwind-lake-archive"},
    }
    role = f"arn:aws:iam::{ACCOUNT}:role/service/northwind-replication"
    said = {"ReplicationConfiguration": {"Role": role, "Rules": [rule]}}

    def replication(params: Params, _: str, __: str) -> Mapping[str, Any] | None:
        return said if params["Bucket"] == "northwind-data-lake" else None

    stage.answers["s3:GetBucketReplication"] = replication


def _tags(stage: Stage) -> None:
    s3 = stage.client("s3")
    for bucket, more in TAGS.items():
        had = s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
        made = [{"Key": key, "Value": value} for key, value in more.items()]
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": had + made})


def _lifecycles(stage: Stage) -> None:
    """Most buckets forget old versions and broken uploads; the lake moves to ice and melts too soon."""
    tidy = {
        "NoncurrentVersionExpiration": {"NoncurrentDays": 90},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    }
    for region, bucket, rule in (
        (PRODUCTION, "northwind-orders", tidy | {"Transitions": [{"Days": 90, "StorageClass": "STANDARD_IA"}]}),
        (PRODUCTION, "northwind-assets", tidy),
        (PRODUCTION, "northwind-cloudtrail", tidy | {"Transitions": [{"Days": 90, "StorageClass": "GLACIER_IR"}]}),
        (PRODUCTION, "northwind-payroll", tidy),
        (RECOVERY, "northwind-orders-copy", tidy),
        (
            ANALYTICS,
            "northwind-lake-results",
            {"Transitions": [{"Days": 30, "StorageClass": "STANDARD_IA"}], "Expiration": {"Days": 45}},
        ),
        (
            STAGING,
            "northwind-supplier-uploads",
            {"Transitions": [{"Days": 30, "StorageClass": "ONEZONE_IA"}], "Expiration": {"Days": 400}},
        ),
        (ANALYTICS, "northwind-data-lake", tidy | {"Transitions": [{"Days": 60, "StorageClass": "ONEZONE_IA"}]}),
    ):
        stage.client("s3", region).put_bucket_lifecycle_configuration(
            Bucket=bucket,
            LifecycleConfiguration={"Rules": [{"ID": "keep", "Status": "Enabled", "Filter": {"Prefix": ""}, **rule}]},
        )


def _encryption(stage: Stage) -> None:
    """By whose key: the payroll's is its own, and nobody else's may be used there."""

    def rule(algorithm: str, **more: Any) -> dict[str, Any]:
        default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}, **more}
        return {"ServerSideEncryptionConfiguration": {"Rules": [default]}}

    blocked = {"EncryptionType": ["SSE-C"]}
    said = {
        "northwind-payroll": rule("aws:kms", BucketKeyEnabled=True, BlockedEncryptionTypes=blocked),
        "northwind-orders": rule("aws:kms", BucketKeyEnabled=False),
        "northwind-orders-copy": rule("AES256", BlockedEncryptionTypes=blocked),
    }
    stage.answers["s3:GetBucketEncryption"] = lambda params, region, account: (
        said.get(params["Bucket"]) or bucket_encryption(params, region, account)
    )


def _openness(stage: Stage) -> None:
    """Websites, pages of other origins, and a detour through the edge that somebody once tried."""
    for region, bucket, website in (
        (PRODUCTION, "northwind-website", {"IndexDocument": {"Suffix": "index.html"}}),
        (EXPERIMENT, "northwind-old-campaign", {"RedirectAllRequestsTo": {"HostName": "northwind.example"}}),
    ):
        stage.client("s3", region).put_bucket_website(Bucket=bucket, WebsiteConfiguration=website)
    for region, bucket, origin, methods in (
        (PRODUCTION, "northwind-assets", "https://shop.northwind.example", ["GET"]),
        (STAGING, "northwind-supplier-uploads", "*", ["GET", "PUT"]),
    ):
        stage.client("s3", region).put_bucket_cors(
            Bucket=bucket, CORSConfiguration={"CORSRules": [{"AllowedOrigins": [origin], "AllowedMethods": methods}]}
        )
    stage.client("s3", STAGING).put_bucket_accelerate_configuration(
        Bucket="northwind-supplier-uploads", AccelerateConfiguration={"Status": "Enabled"}
    )


def _locks(stage: Stage) -> None:
    """The trail's objects are locked, and the payroll's versions go only with a second factor: moto can do neither."""
    retention = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 400}}}

    def lock(params: Params, _: str, __: str) -> Mapping[str, Any] | None:
        return {"ObjectLockConfiguration": retention} if params["Bucket"] == "northwind-cloudtrail" else None

    def versioning(params: Params, _: str, __: str) -> Mapping[str, Any] | None:
        return {"Status": "Enabled", "MFADelete": "Enabled"} if params["Bucket"] == "northwind-payroll" else None

    stage.answers["s3:GetObjectLockConfiguration"] = lock
    stage.answers["s3:GetBucketVersioning"] = versioning


def _points(stage: Stage) -> None:
    flags = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    for name, closed in (("orders-reports", True), ("orders-agency", False)):
        stage.client("s3control").create_access_point(
            AccountId=ACCOUNT,
            Name=name,
            Bucket="northwind-orders",
            PublicAccessBlockConfiguration=dict.fromkeys(flags, True) | {"BlockPublicPolicy": closed},
        )


def _metrics(stage: Stage) -> None:
    """How much the large buckets hold, in which class, and how S3 answers for two of them."""
    for bucket, region, terabytes in SIZES:
        # moto counts what it holds, which is nothing, and gives the mean of both.
        _count(stage, region, "BucketSizeBytes", 2 * terabytes * TIB, BucketName=bucket, StorageType="StandardStorage")
    reduced = {"BucketName": "northwind-backups", "StorageType": "ReducedRedundancyStorage"}
    _count(stage, PRODUCTION, "BucketSizeBytes", TIB / 8, **reduced)
    for bucket, region, errors in (
        ("northwind-orders", PRODUCTION, 2.0),
        ("northwind-data-lake", ANALYTICS, 8000.0),
    ):
        for name, value in (("AllRequests", 250_000.0), ("5xxErrors", errors)):
            _count(stage, region, name, value, BucketName=bucket, FilterId="EntireBucket")


def _count(stage: Stage, region: str, name: str, value: float, **dimensions: str) -> None:
    stage.client("cloudwatch", region).put_metric_data(
        Namespace="AWS/S3",
        MetricData=[
            {
                "MetricName": name,
                "Dimensions": [{"Name": key, "Value": said} for key, said in dimensions.items()],
                "Timestamp": stage.ago(0.2),
                "Value": value,
            }
        ],
    )
