"""Secrets Manager: whether secrets change, and whether anyone needs them."""

from datetime import timedelta
from typing import Any

from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.secretsmanager import Secret
from auditor.rule import Verdict, failed, not_applicable, passed, rule


def _not_ours(secret: Secret) -> Verdict | None:
    """Said of a secret that somebody else looks after, or that is on its way out."""
    if secret.deleted_date is not None:
        return not_applicable("The secret is being deleted", deleted_date=secret.deleted_date.isoformat())
    if secret.owning_service:
        return not_applicable("Another service manages the secret", owning_service=secret.owning_service)
    if secret.is_replica:
        return not_applicable("The secret is a replica of one in another region", primary_region=secret.primary_region)
    return None


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub SecretsManager.1",
        "PCI-4.0 3.5.1.34 8.2.2.8 8.2.2.9 8.2.2.10 8.3.10.1.2 8.3.10.1.3 8.3.10.1.4 8.3.2.53 8.3.5.2 8.3.5.3",
        "PCI-4.0 8.3.5.4 8.3.7.2",
        "NIST-800-53-r5 ac_2_1 ac_3_3 ac_3_3_a ac_3_3_b_1 ac_3_3_b_2 ac_3_3_b_3 ac_3_3_b_4 ac_3_3_b_5 ac_3_3_c",
        "NIST-800-53-r5 ac_3_4 ac_3_4_a ac_3_4_b",
    ),
    notes="Rotate keys; RDS Proxy (Secrets Manager)",
)
def secretsmanager_secret_rotation_enabled(secret: Secret) -> Verdict:
    """Secrets are replaced by themselves.

    Risk: a password that was copied once, into a laptop or a log, opens the database for years.
    Fix: aws secretsmanager rotate-secret --secret-id {arn} --rotation-lambda-arn FUNCTION_ARN
        --rotation-rules AutomaticallyAfterDays=30 --region {region}
    """
    if verdict := _not_ours(secret):
        return verdict
    # The flag is left out where rotation was never set up.
    if secret.rotation_enabled:
        return passed(rotation_enabled=True)
    return failed("The secret is not rotated", rotation_enabled=secret.rotation_enabled)


@rule(
    severity=Severity.LOW,
    category=Category.COST,
    controls=("SecurityHub SecretsManager.3", "PCI-4.0 7.2.4.3 7.2.5.1.3 8.2.2.11 8.2.6.3 A3.4.1.24"),
    notes="RDS Proxy (Secrets Manager)",
)
def secretsmanager_secret_recently_accessed(
    secret: Secret, inventory: Inventory, *, max_unused_days: int = 90
) -> Verdict:
    """Secrets that nothing reads any more are gone.

    Risk: a forgotten password still opens what it was made for, and each secret is billed every month.
    Fix: aws secretsmanager delete-secret --secret-id {arn} --recovery-window-in-days 30 --region {region}
    """
    if verdict := _not_ours(secret):
        return verdict
    oldest = inventory.now - timedelta(days=max_unused_days)
    read = secret.last_accessed_date
    evidence: dict[str, Any] = {"last_accessed_date": read.date().isoformat() if read else None}
    # Only the day of the last access is known, as its midnight.
    if read is not None and read >= oldest - timedelta(days=1):
        return passed(**evidence)
    if secret.created_date >= oldest:
        return passed("The secret is new", created_date=secret.created_date.isoformat(), **evidence)
    said = f"for {(inventory.now - read).days} days" if read else "at all"
    return failed(f"Nothing has read the secret {said}", created_date=secret.created_date.isoformat(), **evidence)
