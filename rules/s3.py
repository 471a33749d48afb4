"""Rules about S3 buckets: public access, ACLs, versioning, logging, replication."""

from collections.abc import Iterator
from functools import partial

from auditor.analysis.bucket import NO_BLOCK, acls_are_disabled, evidence_of, public_access_blocks, ways_in
from auditor.analysis.network import each_readable
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.account import Account, PublicAccessBlock
from auditor.resources.iam import Role
from auditor.resources.s3 import Bucket, ReplicationDestination
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule, seen, unknown

LOG_DELIVERY_GROUP = "/groups/s3/LogDelivery"
# CloudFront's awslogsdelivery account, in the aws partition and in China.
LOG_DELIVERY_IDS = (
    "c4c1ede66af53448b93c283ce9448c4ba468c9432aa01d700d3878632f77d2d0",
    "a52cb28745c0c06e84ec548334e44bfa7fc2a85c54af20cd59e4969344b7af56",
)


def _off(*blocks: PublicAccessBlock) -> list[str]:
    """The flags that none of these sets."""
    return [name for name in PublicAccessBlock.model_fields if not any(getattr(block, name) for block in blocks)]


@rule(
    severity=Severity.HIGH,
    controls=(
        "SecurityHub S3.1",
        "CIS-3.0 2.1.4",
        "CIS-5.0 2.1.4",
        "PCI-4.0 1.2.8.31 1.2.8.32 1.3.1.35 1.3.1.36 1.3.2.35 1.3.2.36 1.4.2.33 1.4.2.34 1.5.1.31 1.5.1.32 10.3.2.19",
        "PCI-4.0 10.3.2.20",
        "NIST-800-53-r5 ac_2_6 ac_3 ac_3_7 ac_4_21 ac_6 ac_17_b ac_17_1 ac_17_4_a ac_17_9 ac_17_10 cm_6_a cm_9_b",
        "ISO-27001-2022 A.8.1",
    ),
    notes="Block Public Access",
)
def s3_account_block_public_access_enabled(account: Account) -> Verdict:
    """The account blocks public access to all its buckets.

    Risk: one careless bucket policy or ACL, now or next year, publishes a bucket.
    Fix: aws s3control put-public-access-block --account-id {account} --public-access-block-configuration
        BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true
    """
    block = account.public_access_block
    if block is None:
        return failed("Block Public Access is not configured for the account", public_access_block=None)
    if off := _off(block):
        return failed("Block Public Access is not fully on for the account", off=off)
    return passed()


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub S3.8", "CIS-3.0 2.1.4", "CIS-5.0 2.1.4"),
    notes="Block Public Access",
)
def s3_bucket_block_public_access_enabled(bucket: Bucket, inventory: Inventory) -> Verdict:
    """Block Public Access is fully on for each bucket, set there or for the account.

    Risk: a policy or ACL that is added by mistake makes the bucket public at once.
    Fix: aws s3api put-public-access-block --bucket {id} --region {region} --public-access-block-configuration
        BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true
    """
    if any_of(lambda block: not _off(block), public_access_blocks(bucket, inventory)):
        return passed()
    off = _off(*public_access_blocks(bucket, inventory))
    if not off:
        return passed("The bucket's settings and the account's cover each other's gaps")
    return failed(
        "Neither the bucket nor the account blocks public access fully",
        off=off,
        bucket_off=_off(bucket.public_access_block or NO_BLOCK),
        configured=bucket.public_access_block is not None,
    )


@rule(
    severity=Severity.CRITICAL,
    controls=(
        "SecurityHub S3.2 S3.3",
        "PCI-4.0 1.2.8.33 1.2.8.34 1.3.1.37 1.3.1.38 1.3.2.37 1.3.2.38 1.4.2.35 1.4.2.36 1.5.1.33 1.5.1.34 10.3.2.21",
        "PCI-4.0 10.3.2.23",
        "NIST-800-53-r5 ac_2_6 ac_3 ac_3_7 ac_4_21 ac_6 ac_17_b ac_17_1 ac_17_4_a ac_17_9 ac_17_10 cm_6_a cm_9_b",
        "ISO-27001-2022 A.8.1",
    ),
    notes="S3 Bucket Policies / ACL (public access)",
)
def s3_bucket_not_public(bucket: Bucket, inventory: Inventory) -> Verdict:
    """Nobody outside gets into a bucket by its policy or its ACL.

    Risk: everyone on the internet can read, list or overwrite what the bucket holds.
    Fix: publish through CloudFront with origin access control instead, and close the bucket:
    aws s3api put-public-access-block --bucket {id} --region {region} --public-access-block-configuration
        BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true
    """
    ways = seen(ways_in(bucket, inventory))
    if not ways:
        return passed()
    return failed(f"The bucket is public by its {' and its '.join(way.by for way in ways)}", **evidence_of(ways))


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub S3.12",
        "PCI-4.0 7.2.1.24 7.2.2.24 7.2.5.18 7.3.1.18 7.3.2.18 7.3.3.18 8.2.7.18 8.2.8.20 8.3.4.18",
    ),
    notes="S3 Security (ACL can be disabled)",
)
def s3_bucket_acl_disabled(bucket: Bucket) -> Verdict:
    """Policies alone say who gets into a bucket: ACLs are disabled.

    Risk: an object's ACL opens it to strangers, or leaves it to whoever uploaded it, and no policy shows that.
    Fix: move what the ACLs grant into the bucket policy, then take it out of the bucket's ACL (S3 demands that) and
    aws s3api put-bucket-acl --bucket {id} --region {region} --acl private
    aws s3api put-bucket-ownership-controls --bucket {id} --region {region}
        --ownership-controls "Rules=[{ObjectOwnership=BucketOwnerEnforced}]"
    """
    if acls_are_disabled(bucket):
        return passed()
    controls = bucket.ownership_controls
    return failed(
        "ACLs are in force",
        severity=_low_for_delivery(bucket),
        object_ownership=controls.object_ownership if controls is not None else None,
    )


def _low_for_delivery(bucket: Bucket) -> Iterator[Severity]:
    """Low where the ACL serves nobody but AWS's log delivery, parts of which know no other way in."""
    others = [grant.grantee for grant in bucket.acl.grants if grant.grantee.id != bucket.acl.owner.id]
    delivers = ((other.uri or "").endswith(LOG_DELIVERY_GROUP) or other.id in LOG_DELIVERY_IDS for other in others)
    if others and all(delivers):
        yield Severity.LOW


@rule(
    severity=Severity.MEDIUM,
    category=Category.RELIABILITY,
    controls=(
        "PCI-4.0 10.3.4.9",
        "NIST-800-53-r5 au_9_2 cp_1_2 cp_2_5 cp_6_a cp_6_1 cp_6_2 cp_9_a cp_9_b cp_9_c cp_10 cp_10_2 pm_11_b",
        "ISO-27001-2022 A.8.3 A.8.10",
    ),
    notes="Versioning",
)
def s3_bucket_versioning_enabled(bucket: Bucket, inventory: Inventory) -> Verdict:
    """Buckets keep the earlier versions of their objects.

    Risk: what is overwritten or deleted, by mistake or by an intruder, is gone for good.
    Fix: aws s3api put-bucket-versioning --bucket {id} --region {region} --versioning-configuration Status=Enabled
    """
    status = bucket.versioning.status
    if status == "Enabled":
        return passed()
    return failed("Versioning is not enabled", severity=_low_for_logs(bucket, inventory), status=status)


def _low_for_logs(bucket: Bucket, inventory: Inventory) -> Iterator[Severity]:
    """Low where another bucket's access logs arrive: they are written once, under names of their own."""
    # Access logs stay in their region.
    logging_here = inventory.where(Bucket, "log_target", bucket.name, region=bucket.region)
    if any(other.name != bucket.name for other in logging_here):
        yield Severity.LOW


@rule(severity=Severity.MEDIUM, category=Category.OPERATIONS, notes="Access Logging (never the same bucket)")
def s3_bucket_access_logging_target_not_self(bucket: Bucket, inventory: Inventory) -> Verdict:
    """Access logs go to another bucket, and arrive there.

    Risk: a bucket that logs into itself logs every log file that it gets, without end; a target that is gone keeps
        nothing.
    Fix: aws s3api put-bucket-logging --bucket {id} --region {region}
        --bucket-logging-status "LoggingEnabled={TargetBucket=LOG_BUCKET,TargetPrefix=logs/}"
    """
    if bucket.logging is None:
        return not_applicable("The bucket does not log access")
    name = bucket.logging.target_bucket
    if name == bucket.name:
        return failed("The bucket logs into itself", target_bucket=name)
    target = inventory.find(Bucket, "name", name)
    if target is None:
        return failed("The account has no bucket of the log target's name: the logs are lost", target_bucket=name)
    if target.region != bucket.region:
        message = "The log target lies in another region: the logs are lost"
        return failed(message, target_bucket=name, target_region=target.region)
    if target.logging is not None and target.logging.target_bucket == bucket.name:
        return failed("The log target logs back into this bucket", target_bucket=name)
    return passed(target_bucket=name)


@rule(severity=Severity.HIGH, category=Category.RELIABILITY, notes="Replication (versioning both sides)")
def s3_bucket_replication_destination_valid(
    bucket: Bucket, inventory: Inventory, *, approved_regions: tuple[str, ...] = ()
) -> Verdict:
    """Replication copies to buckets that exist, keep versions and lie in an approved region, by a role that exists.

    Risk: the copies that a recovery counts on were never made, or lie where the data must not go.
    Fix: aws s3api put-bucket-versioning --bucket DESTINATION_BUCKET --versioning-configuration Status=Enabled
    where the destination keeps no versions. Where it or the role is gone, or the region is none of approved_regions in
        auditor.toml, name others:
    aws s3api put-bucket-replication --bucket {id} --region {region}
        --replication-configuration file://replication.json
    """
    replication = bucket.replication
    enabled = [each for each in replication.rules if each.status == "Enabled"] if replication is not None else []
    if replication is None or not enabled:
        return not_applicable("The bucket does not replicate")
    destinations = {each.destination.bucket_name: each.destination for each in enabled}
    checks = [
        partial(_role_problems, replication.role, inventory),
        *(
            partial(_destination_problems, destination, replication.gone, inventory, approved_regions)
            for destination in destinations.values()
        ),
    ]
    if problems := seen(each_readable(checks, lambda check: check())):
        return failed("; ".join(problems), role=replication.role, destinations=sorted(destinations))
    foreign = [name for name in destinations if inventory.find(Bucket, "name", name) is None]
    if foreign:
        return unknown("A destination is no bucket of this account: only its own can show it", destinations=foreign)
    return passed(destinations=sorted(destinations))


def _role_problems(role: str, inventory: Inventory) -> Iterator[str]:
    if inventory.find(Role, "arn", role) is None:
        yield "the role that replicates does not exist in the account"


def _destination_problems(
    destination: ReplicationDestination, gone: tuple[str, ...], inventory: Inventory, approved_regions: tuple[str, ...]
) -> Iterator[str]:
    name = destination.bucket_name
    target = inventory.find(Bucket, "name", name)
    if target is None:
        if name in gone or destination.account == inventory.account:
            yield f"{name} does not exist"
        return
    if approved_regions and target.region not in approved_regions:
        yield f"{name} lies in {target.region}, which is not approved"
    if target.versioning.status != "Enabled":
        yield f"{name} does not keep versions"
