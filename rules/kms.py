"""KMS: keys of the account's own."""

from auditor.analysis.exposure import parsed
from auditor.analysis.public import public_statements
from auditor.findings import Severity
from auditor.resources.kms import KeyMetadata, KmsKey
from auditor.rule import Verdict, failed, not_applicable, passed, rule, unknown


def _own(key: KmsKey) -> KeyMetadata | Verdict:
    """What KMS says of a key of the account's own, or why the key is none."""
    metadata = None if key.is_aws_managed else key.metadata
    if metadata is None or metadata.key_manager != "CUSTOMER":
        return not_applicable("AWS manages the key for one of its services", aliases=list(key.alias_names))
    return metadata


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub KMS.4",
        "CIS-3.0 3.6",
        "CIS-5.0 3.6",
        "PCI-4.0 3.7.4.5 3.7.5.2",
        "NIST-800-53-r5 cm_6_a cm_9_b sa_9_6 sc_12 sc_12_2 sc_12_6",
        "ISO-27001-2022 A.8.5 A.8.11 A.8.24",
    ),
    notes="Shared Responsibility Model for IAM (rotate keys)",
)
def kms_key_rotation_enabled(key: KmsKey) -> Verdict:
    """KMS gives symmetric keys of the account's own new material every year.

    Risk: all data of many years hangs on one piece of key material.
    Fix: aws kms enable-key-rotation --key-id {id} --region {region}
    """
    metadata = _own(key)
    if isinstance(metadata, Verdict):
        return metadata
    if metadata.key_state != "Enabled":
        return not_applicable("The key is not in use", key_state=metadata.key_state)
    if metadata.key_spec != "SYMMETRIC_DEFAULT" or metadata.origin != "AWS_KMS":
        said = "KMS cannot rotate keys of this kind by itself"
        return not_applicable(said, key_spec=metadata.key_spec, origin=metadata.origin)
    if metadata.is_replica:
        return not_applicable("The key is a replica: its primary key in another region rotates for all")
    if key.rotation is None:
        return unknown("KMS does not say whether the key rotates")
    if key.rotation.key_rotation_enabled:
        return passed(rotation_period_in_days=key.rotation.rotation_period_in_days)
    return failed("The key is never rotated", key_rotation_enabled=False)


@rule(
    severity=Severity.HIGH,
    controls=(
        "SecurityHub KMS.3",
        "PCI-4.0 3.5.1.1.9 3.5.1.3.17 3.6.1.2.9 3.6.1.3.9 3.6.1.4.9 3.6.1.9 3.7.1.10 3.7.2.9 3.7.4.10 3.7.6.9",
        "PCI-4.0 3.7.7.9 4.2.1.1.22",
        "ISO-27001-2022 A.8.11 A.8.24",
    ),
    notes="KMS (S3 SSE-KMS, EFS, RDS, SQS)",
)
def kms_key_not_pending_deletion(key: KmsKey) -> Verdict:
    """No key waits to be deleted.

    Risk: on that day everything it encrypted, backups included, is lost for good.
    Fix: if anything still needs the key (CloudTrail shows its last uses), bring it back and enable it:
    aws kms cancel-key-deletion --key-id {id} --region {region}
    aws kms enable-key --key-id {id} --region {region}
    """
    metadata = _own(key)
    if isinstance(metadata, Verdict):
        return metadata
    if metadata.key_state not in ("PendingDeletion", "PendingReplicaDeletion"):
        return passed(key_state=metadata.key_state)
    end = metadata.deletion_date.isoformat() if metadata.deletion_date else None
    return failed("The key will be deleted", key_state=metadata.key_state, deletion_date=end)


@rule(severity=Severity.CRITICAL, controls=("SecurityHub KMS.5", "ISO-27001-2022 A.8.1"), notes="KMS")
def kms_key_policy_not_public(key: KmsKey) -> Verdict:
    """Key policies do not let everyone in.

    Risk: any AWS account in the world may decrypt with the key, or take it over.
    Fix: name accounts or roles in Principal, or demand kms:CallerAccount or aws:PrincipalOrgID, in
    aws kms put-key-policy --key-id {id} --policy-name default --policy file://policy.json --region {region}
    """
    metadata = _own(key)
    if isinstance(metadata, Verdict):
        return metadata
    policy = parsed(key, "policy", key.policy)
    if policy is None:
        return unknown("KMS does not show the key's policy")
    public = public_statements(policy, service="kms")
    if public:
        return failed("The key's policy lets everyone in", statements=[opening.evidence for opening in public])
    return passed()
