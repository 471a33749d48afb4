"""Rules about S3's access points."""

from auditor.findings import Severity
from auditor.resources.account import PublicAccessBlock
from auditor.resources.s3control import S3AccessPoint
from auditor.rule import Verdict, failed, passed, rule


@rule(
    severity=Severity.HIGH,
    controls=(
        "SecurityHub S3.19",
        "PCI-4.0 1.2.8.30 1.3.1.34 1.3.2.34 1.4.2.32 1.5.1.30 10.3.2.18 3.5.1.3.23 A1.1.2.14 A1.1.3.30",
        "PCI-4.0 A3.4.1.16",
    ),
    notes="Cross-account; access points",
)
def s3_access_point_block_public_access_enabled(point: S3AccessPoint) -> Verdict:
    """Access points block public access themselves.

    Risk: a bucket that leaves its policy to its access points is as public as the most careless of them.
    Fix: it can only be chosen for a new access point:
    aws s3control delete-access-point --account-id {account} --name {id} --region {region}
    aws s3control create-access-point --account-id {account} --name {id} --bucket BUCKET --region {region}
        --public-access-block-configuration
        BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true
    """
    block = point.public_access_block or PublicAccessBlock()
    off = [name for name in PublicAccessBlock.model_fields if not getattr(block, name)]
    if off:
        return failed("The access point does not block public access fully", off=off, bucket=point.bucket)
    return passed(bucket=point.bucket)
