"""Rules about CloudWatch Logs: how long log groups keep what they hold, and who may write into them."""

from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

from auditor.analysis.exposure import parsed
from auditor.analysis.public import public_statements
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.logs import LogGroup, LogsResourcePolicy
from auditor.rule import Verdict, failed, not_applicable, passed, rule, unknown

DELIVERY = "Groups of the delivery class only pass logs on, and have nothing to set"


@rule(
    severity=Severity.LOW,
    controls=(
        "SecurityHub CloudWatch.16",
        "PCI-4.0 10.5.1.4 3.2.1.3 3.3.1.1.3 3.3.1.3.3 3.3.2.3 3.3.3.3 5.3.4.11",
        "NIST-800-53-r5 ac_16_b au_6_3 au_6_4 au_6_6 au_6_9 au_10 au_11 au_11_1 au_12_1 au_12_2 au_12_3",
        "NIST-800-53-r5 au_14_a",
        "ISO-27001-2022 A.8.15 A.8.16",
    ),
    notes="CloudWatch Logs (expiration)",
    category=Category.OPERATIONS,
)
def logs_log_group_retention_set(
    group: LogGroup,
    *,
    forever: bool = False,
    audit_days: int = 365,
    audit_groups: tuple[str, ...] = ("*cloudtrail*", "*CloudTrail*", "*audit*"),
) -> Verdict:
    """Log groups expire what they hold, and those that serve as a record keep it for a year.

    Risk: logs that nobody deletes cost more every month; a record that is dropped early is missing when it is needed.
    Fix: aws logs put-retention-policy --log-group-name {name} --retention-in-days 365 --region {region}
    """
    if group.log_group_class == "DELIVERY":
        return not_applicable(DELIVERY)
    kept = group.retention_in_days
    evidence: dict[str, Any] = {"retention_in_days": kept}
    if kept is None:
        return passed(**evidence) if forever else failed("The log group never expires anything", **evidence)
    if kept < audit_days and any(fnmatchcase(group.log_group_name, pattern) for pattern in audit_groups):
        return failed(f"The log group is a record, and keeps it for {kept} of {audit_days} days", **evidence)
    return passed(**evidence)


@rule(
    severity=Severity.INFORMATIONAL,
    controls=(
        "PCI-4.0 10.3.2.3 10.3.3.5 10.3.4.4 3.5.1.4 8.3.2.8 A1.2.1.9",
        "NIST-800-53-r5 au_9_3 cp_9_d sc_8_3 sc_8_4 sc_13_a sc_28_1 si_19_4",
        "ISO-27001-2022 A.8.11 A.8.15 A.8.16 A.8.24",
    ),
    notes="CloudWatch Logs (KMS)",
)
def logs_log_group_encrypted_with_cmk(group: LogGroup) -> Verdict:
    """Log groups are encrypted with a KMS key of the account's own.

    Risk: the key that AWS uses unasked cannot be taken away from anybody, and its use leaves no trace.
    Fix: aws logs associate-kms-key --log-group-name {name} --kms-key-id KEY_ARN --region {region}
    """
    if group.log_group_class == "DELIVERY":
        return not_applicable(DELIVERY)
    if group.kms_key_id:
        return passed(kms_key_id=group.kms_key_id)
    return failed("The log group is encrypted with a key of AWS's own", kms_key_id=None)


@rule(severity=Severity.INFORMATIONAL, notes="CloudWatch Logs", category=Category.COST)
def logs_log_group_not_empty(group: LogGroup, inventory: Inventory, *, days: int = 30) -> Verdict:
    """Log groups hold something.

    Risk: empty groups of what is long gone hide those that matter, and those that should have been filled.
    Fix: aws logs delete-log-group --log-group-name {name} --region {region}
    """
    if group.log_group_class == "DELIVERY":
        return not_applicable(DELIVERY)
    if group.stored_bytes is None:
        return unknown("AWS does not say how much the log group holds")
    evidence: dict[str, Any] = {"stored_bytes": group.stored_bytes, "created": group.created.isoformat()}
    if group.stored_bytes == 0 and inventory.now - group.created > timedelta(days=days):
        return failed("The log group is empty", **evidence)
    return passed(**evidence)


@rule(severity=Severity.HIGH, controls=("ISO-27001-2022 A.8.15 A.8.16",), notes="CloudWatch Logs")
def logs_resource_policy_not_public(policy: LogsResourcePolicy) -> Verdict:
    """The policies of CloudWatch Logs let nobody in whom they do not name.

    Risk: strangers write into the account's logs, bury what happened under noise, and run up its bill.
    Fix: name the services in Principal and confine them by aws:SourceArn or aws:SourceAccount, in
    aws logs put-resource-policy --policy-name {id} --policy-document file://policy.json --region {region}
    """
    document = parsed(policy, "policy_document", policy.policy_document)
    opened = public_statements(document, service="logs") if document is not None else ()
    if opened:
        return failed("The policy lets everyone in", statements=[found.evidence for found in opened])
    return passed()
