"""Rules about DynamoDB tables and their indexes."""

from collections.abc import Iterator
from typing import Any

from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.dynamodb import DynamoIndex, DynamoTable
from auditor.resources.kms import KmsKey
from auditor.rule import Verdict, failed, not_applicable, passed, rule, unknown

GOING = ("ARCHIVED", "ARCHIVING", "DELETING")
UNITS = ("ReadCapacityUnits", "WriteCapacityUnits")
DAY = 86400


@rule(
    severity=Severity.MEDIUM,
    category=Category.RELIABILITY,
    controls=("SecurityHub DynamoDB.1",),
    notes="DynamoDB throughput (auto-scaling)",
)
def dynamodb_table_capacity_autoscaled(table: DynamoTable) -> Verdict:
    """Tables and their indexes are on demand, or have their capacity scaled.

    Risk: requests beyond the capacity that somebody once guessed are refused.
    Fix: aws dynamodb update-table --region {region} --table-name {name} --billing-mode PAY_PER_REQUEST
    """
    said = table.description
    if said.table_status in GOING:
        return not_applicable(f"The table is {said.table_status}")
    if not said.provisioned:
        return passed(billing_mode="PAY_PER_REQUEST")
    scaled = {(target.resource_id, target.scalable_dimension) for target in table.scalable_targets}
    lacking = [f"{thing}: {units}" for thing, kind, units in _capacities(table)
               if (thing, f"dynamodb:{kind}:{units}") not in scaled]  # fmt: skip
    if lacking:
        return failed("Capacity is provisioned and not scaled", billing_mode="PROVISIONED", unscaled=lacking)
    return passed(billing_mode="PROVISIONED")


def _capacities(table: DynamoTable) -> Iterator[tuple[str, str, str]]:
    """What has capacity, as Application Auto Scaling calls it: the table and its indexes, for reads and writes."""
    name = f"table/{table.table_name}"
    for units in UNITS:
        yield name, "table", units
        for index in table.description.global_secondary_indexes:
            yield f"{name}/index/{index.index_name}", "index", units


@rule(severity=Severity.MEDIUM, category=Category.PERFORMANCE, notes="DynamoDB throttling")
def dynamodb_table_not_throttled(table: DynamoTable | DynamoIndex, *, most_days: int = 2) -> Verdict:
    """DynamoDB has not refused requests to a table or index on several days of the last week.

    Risk: the application waits and gives up: a key is hot, or there is too little capacity.
    Fix: aws dynamodb update-table --region {region} --table-name TABLE --billing-mode PAY_PER_REQUEST
    """
    reads, writes = _refused(table)
    evidence: dict[str, Any] = {
        "days_of_reads": len(reads),
        "days_of_writes": len(writes),
        "events": sum(reads) + sum(writes),
    }
    if max(len(reads), len(writes)) > most_days:
        return failed("Requests were refused", **evidence)
    return passed(**evidence)


def _refused(table: DynamoTable | DynamoIndex) -> tuple[list[float], list[float]]:
    """How many reads and writes were refused, on the days on which any were."""
    return [n for n in table.reads_refused if n > 0], [n for n in table.writes_refused if n > 0]


@rule(
    severity=Severity.MEDIUM,
    category=Category.RELIABILITY,
    controls=("SecurityHub DynamoDB.6",),
    notes="DynamoDB DeleteTable",
)
def dynamodb_table_deletion_protection_enabled(table: DynamoTable) -> Verdict:
    """Tables cannot be deleted by a single request.

    Risk: a slip in a script, or in a stack, takes the table with all that is in it.
    Fix: aws dynamodb update-table --region {region} --table-name {name} --deletion-protection-enabled
    """
    protected = table.description.deletion_protection_enabled
    if table.description.table_status in GOING:
        return not_applicable(f"The table is {table.description.table_status}")
    if protected is None:
        return unknown("DynamoDB does not say whether the table is protected")
    return passed() if protected else failed("The table can be deleted", deletion_protection_enabled=False)


@rule(
    severity=Severity.MEDIUM,
    category=Category.RELIABILITY,
    controls=(
        "SecurityHub DynamoDB.2",
        "PCI-4.0 10.3.3.10 10.5.1.6 3.2.1.5 3.3.1.1.5 3.3.1.3.5 3.3.2.5 3.3.3.5",
        "NIST-800-53-r5 cp_1_2 cp_2_5 cp_6_2 cp_9_a cp_9_b cp_9_c cp_10 cp_10_2 sc_5_2 si_13_5",
    ),
    notes="DynamoDB",
)
def dynamodb_table_point_in_time_recovery_enabled(table: DynamoTable) -> Verdict:
    """Tables can be restored to any moment of their last days.

    Risk: what a faulty release overwrote or deleted is gone, or as old as the last backup.
    Fix: aws dynamodb update-continuous-backups --region {region} --table-name {name}
        --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true
    """
    status = table.point_in_time_recovery.point_in_time_recovery_status
    if status == "ENABLED":
        return passed(point_in_time_recovery_status=status)
    return failed("The table cannot be restored to a moment of the past", point_in_time_recovery_status=status)


@rule(
    severity=Severity.INFORMATIONAL,
    controls=(
        "PCI-4.0 3.5.1.11 3.5.1.12 8.3.2.18 8.3.2.19",
        "NIST-800-53-r5 au_9_3 sc_8_3 sc_8_4 sc_13_a sc_28_1 si_19_4",
        "ISO-27001-2022 A.8.5 A.8.11 A.8.24",
    ),
    notes="DynamoDB",
)
def dynamodb_table_encrypted_with_cmk(table: DynamoTable, inventory: Inventory) -> Verdict:
    """Tables are encrypted with a key of the account's own.

    Risk: with a key of AWS's, nobody can be kept from the data by the key's policy, and its use is in no log.
    Fix: aws dynamodb update-table --region {region} --table-name {name}
        --sse-specification Enabled=true,SSEType=KMS,KMSMasterKeyId=KEY-ARN
    """
    encryption = table.description.sse_description
    arn = encryption.kms_master_key_arn if encryption is not None else None
    if arn is None:
        return failed("The key is DynamoDB's own", kms_master_key_arn=None)
    if arn.endswith(":alias/aws/dynamodb"):
        return failed("The key is managed by AWS", kms_master_key_arn=arn)
    key = inventory.find(KmsKey, "arn", arn, region=table.region)
    if key is None:
        return passed("The key belongs to another account", kms_master_key_arn=arn)
    if key.is_aws_managed:
        return failed("The key is managed by AWS", kms_master_key_arn=arn)
    return passed(kms_master_key_arn=arn)


@rule(severity=Severity.INFORMATIONAL, category=Category.OPERATIONS, notes="DynamoDB hot partitions")
def dynamodb_table_contributor_insights_enabled(table: DynamoTable) -> Verdict:
    """A table that refuses requests tells which keys are asked for most.

    Risk: which key is hot is guessed, and capacity is bought that does not help.
    Fix: aws dynamodb update-contributor-insights --region {region} --table-name {name}
        --contributor-insights-action ENABLE
    """
    status = table.contributor_insights
    if status in ("ENABLED", "ENABLING"):
        return passed(contributor_insights_status=status)
    reads, writes = _refused(table)
    if not reads and not writes:
        return not_applicable("The table refused no requests this week")
    message = "Requests were refused, and nobody sees for which keys"
    return failed(message, contributor_insights_status=status, events=sum(reads) + sum(writes))


@rule(severity=Severity.LOW, category=Category.COST, notes="DynamoDB provisioned capacity")
def dynamodb_table_provisioned_capacity_utilized(table: DynamoTable, *, least_share: float = 0.2) -> Verdict:
    """Capacity that is paid for is used.

    Risk: capacity costs by the hour, whether or not anything is read or written.
    Fix: aws dynamodb update-table --region {region} --table-name {name} --billing-mode PAY_PER_REQUEST
    """
    if not table.description.provisioned:
        return not_applicable("The table is on demand: what is not used is not paid for")
    shares = {
        "reads": _share(table.consumed_reads, table.provisioned_reads),
        "writes": _share(table.consumed_writes, table.provisioned_writes),
    }
    known: dict[str, Any] = {what: round(share, 3) for what, share in shares.items() if share is not None}
    if len(known) < len(shares):
        return not_applicable("CloudWatch has measured nothing of it yet")
    if all(share < least_share for share in known.values()):
        return failed("Most of the capacity is not used", **known)
    return passed(**known)


def _share(consumed: tuple[float, ...], provisioned: tuple[float, ...]) -> float | None:
    """How much of the capacity of some days was used; None where none was measured."""
    there = sum(provisioned) * DAY
    return sum(consumed) / there if there else None


@rule(severity=Severity.LOW, category=Category.PERFORMANCE, notes="DynamoDB Scan (inefficient)")
def dynamodb_table_scan_not_dominant(
    table: DynamoTable, *, most_share: float = 0.1, least_items: int = 10000
) -> Verdict:
    """Large tables are asked for what is needed, and seldom read as a whole.

    Risk: each scan reads, and bills, the table from end to end, and slows down all others meanwhile.
    Fix: make an index that answers what is scanned for, and query that:
    aws dynamodb update-table --region {region} --table-name {name} --attribute-definitions file://attributes.json
        --global-secondary-index-updates file://index.json
    """
    items = table.description.item_count
    if items is not None and items <= least_items:
        return not_applicable("The table is small", item_count=items)
    scans, others = sum(table.scans), sum((*table.queries, *table.gets, *table.batch_gets))
    if scans > most_share * others:
        return failed("Scans are a good part of all reads", scans=int(scans), other_reads=int(others))
    return passed(scans=int(scans), other_reads=int(others))
