"""Rules about how S3 buckets encrypt: their default, and what their policies ask of uploads."""

from collections.abc import Iterator

from auditor.analysis.bucket import policy_of
from auditor.analysis.labels import SENSITIVE, marked
from auditor.analysis.policy import NEGATED, Condition, Statement
from auditor.findings import Category, Severity
from auditor.resources.s3 import Bucket
from auditor.rule import Verdict, failed, not_applicable, passed, rule

HEADER = "s3:x-amz-server-side-encryption"


def _algorithm(bucket: Bucket) -> str | None:
    """The algorithm by which new objects are encrypted where the upload asks for none."""
    defaults = [each.apply_server_side_encryption_by_default for each in bucket.encryption or ()]
    return next((each.sse_algorithm for each in defaults if each is not None), None)


@rule(
    severity=Severity.LOW,
    controls=("SecurityHub S3.17", "PCI-4.0 3.5.1.31 8.3.2.50", "ISO-27001-2022 A.8.11 A.8.24"),
    notes="Object Encryption",
)
def s3_bucket_kms_default_encryption(
    bucket: Bucket, *, sensitive: tuple[str, ...] = SENSITIVE, every_bucket: bool = False
) -> Verdict:
    """Buckets of sensitive data encrypt by a key of KMS.

    Risk: with S3's own keys, whoever may read an object gets it decrypted: no key policy says no, and no trail tells.
    Fix: aws s3api put-bucket-encryption --bucket {id} --region {region} --server-side-encryption-configuration
        "Rules=[{ApplyServerSideEncryptionByDefault={SSEAlgorithm=aws:kms,KMSMasterKeyID=KEY_ARN},BucketKeyEnabled=true}]"
    """
    tag = None if every_bucket else marked(bucket.labels, sensitive)
    if not every_bucket and tag is None:
        return not_applicable("No tag says that the bucket's data is sensitive")
    algorithm = _algorithm(bucket)
    if algorithm in ("aws:kms", "aws:kms:dsse"):
        return passed(algorithm=algorithm)
    return failed("The bucket's default encryption takes no key of KMS", algorithm=algorithm, tag=tag)


@rule(severity=Severity.LOW, notes="SSE-KMS Limitation", category=Category.COST)
def s3_bucket_key_enabled(bucket: Bucket) -> Verdict:
    """Buckets that encrypt by KMS use a bucket key.

    Risk: each object that is written or read is a request to KMS, which is paid for and counts against its quota.
    Fix: aws s3api put-bucket-encryption --bucket {id} --region {region} --server-side-encryption-configuration
        "Rules=[{ApplyServerSideEncryptionByDefault={SSEAlgorithm=aws:kms,KMSMasterKeyID=KEY_ARN},BucketKeyEnabled=true}]"
    """
    algorithm = _algorithm(bucket)
    if algorithm != "aws:kms":
        return not_applicable("The bucket's default encryption takes no bucket key", algorithm=algorithm)
    if any(each.bucket_key_enabled for each in bucket.encryption or ()):
        return passed(bucket_key_enabled=True)
    return failed("The bucket asks KMS about each object", bucket_key_enabled=False)


@rule(severity=Severity.LOW, notes="SSE-C")
def s3_bucket_sse_c_blocked(bucket: Bucket) -> Verdict:
    """Buckets refuse objects that are encrypted by keys of the uploader.

    Risk: who steals credentials encrypts all objects anew by a key that only they have, and asks for ransom.
    Fix: add BlockedEncryptionTypes to the default encryption that the bucket has:
    aws s3api put-bucket-encryption --bucket {id} --region {region} --server-side-encryption-configuration
        "Rules=[{ApplyServerSideEncryptionByDefault={SSEAlgorithm=AES256},BlockedEncryptionTypes={EncryptionType=SSE-C}}]"
    """
    blocks = [each.blocked_encryption_types for each in bucket.encryption or ()]
    blocked = sorted({name for block in blocks if block is not None for name in block.encryption_type})
    if "SSE-C" in blocked:
        return passed(blocked=blocked)
    return failed("Objects may be encrypted by keys of the uploader", blocked=blocked)


@rule(severity=Severity.INFORMATIONAL, notes="Default Encryption vs Bucket Policies", category=Category.OPERATIONS)
def s3_bucket_policy_encryption_headers_consistent(bucket: Bucket) -> Verdict:
    """A bucket policy that looks at encryption headers wants what the default encryption does.

    Risk: the policy is asked before the default applies: uploads that say nothing, or what the default says, fail.
    Fix: take the statement out, since the bucket encrypts by itself, or guard it by a Null condition on the header:
    aws s3api put-bucket-policy --bucket {id} --region {region} --policy file://policy.json
    """
    policy = policy_of(bucket)
    denies = [deny for deny in policy.denies if _looks_at_header(deny)] if policy is not None else []
    if not denies:
        return not_applicable("The policy refuses no upload for its encryption header")
    default = _algorithm(bucket)
    problems = [
        f"{deny.label}: {problem}"
        for deny in denies
        for condition in deny.conditions_on(HEADER)
        for problem in _problems(condition, deny, default)
    ]
    if problems:
        return failed("The policy does not fit the default encryption", problems=problems, default=default)
    return passed(default=default)


def _looks_at_header(deny: Statement) -> bool:
    return deny.matches_action("s3:PutObject") and bool(deny.conditions_on(HEADER))


def _problems(condition: Condition, deny: Statement, default: str | None) -> Iterator[str]:
    """What a condition of a Deny refuses that the default encryption would have put right."""
    if condition.operator == "Null":
        if "true" in (value.lower() for value in condition.values) and len(deny.conditions_on(HEADER)) == 1:
            yield "uploads without the header are refused"
    elif condition.operator in NEGATED:
        guarded = any(
            other.operator == "Null" and "false" in (value.lower() for value in other.values)
            for other in deny.conditions_on(HEADER)
        )
        if not guarded:
            yield "uploads without the header are refused"
        if default is not None and default not in condition.values:
            yield f"uploads that name {default} are refused"
    elif default in condition.values:
        yield f"uploads that name {default} are refused"
