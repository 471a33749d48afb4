"""Rules about Kinesis data streams."""

from datetime import timedelta
from typing import Any

from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.kinesis import KinesisStream, StreamSummary
from auditor.rule import Verdict, failed, not_applicable, passed, rule

HOUR = 3_600_000  # milliseconds
MEASURED_DAYS = 14  # what came in is counted for so long
# What a shard takes in five minutes: 1 MiB and 1,000 records a second.
SHARD_BYTES, SHARD_RECORDS = 300 << 20, 300_000


def _provisioned(summary: StreamSummary) -> bool:
    return summary.stream_mode_details is None or summary.stream_mode_details.stream_mode == "PROVISIONED"


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub Kinesis.1", "PCI-4.0 3.5.1.21 8.3.2.35", "ISO-27001-2022 A.8.24"),
    notes="Kinesis Streams",
)
def kinesis_stream_encrypted(stream: KinesisStream) -> Verdict:
    """Streams are encrypted at rest.

    Risk: whoever gets at the storage behind the stream reads all records of its retention time.
    Fix: aws kinesis start-stream-encryption --region {region} --stream-name {name} --encryption-type KMS
        --key-id alias/aws/kinesis
    """
    kind = stream.summary.encryption_type
    return passed(encryption_type=kind) if kind == "KMS" else failed("Records are in clear", encryption_type=kind)


@rule(severity=Severity.LOW, category=Category.RELIABILITY, controls=("SecurityHub Kinesis.3",),
      notes="Kinesis retention (1 day default)")  # fmt: skip
def kinesis_stream_retention_adequate(stream: KinesisStream, *, least_hours: int = 168) -> Verdict:
    """Streams keep records for a week, so that they can be read again.

    Risk: a reader that is broken over a weekend has lost what came in, and no mistake can be made good.
    Fix: aws kinesis increase-stream-retention-period --region {region} --stream-name {name}
        --retention-period-hours 168
    """
    hours = stream.summary.retention_period_hours
    if hours >= least_hours:
        return passed(retention_period_hours=hours)
    return failed("Records are kept for too short a time", retention_period_hours=hours)


@rule(severity=Severity.MEDIUM, category=Category.PERFORMANCE, notes="Kinesis ProvisionedThroughputExceeded")
def kinesis_stream_not_throttled(stream: KinesisStream, *, most_days: int = 2) -> Verdict:
    """A stream has not refused readers or writers on several days of the last week.

    Risk: producers lose what they do not try again, and readers fall behind: there are too few shards, or one is hot.
    Fix: aws kinesis update-stream-mode --region {region} --stream-arn {arn} --stream-mode-details StreamMode=ON_DEMAND
    """
    counts = {
        "writes": [count for count in stream.writes_refused if count > 0],
        "reads": [count for count in stream.reads_refused if count > 0],
    }
    if any(len(days) > most_days for days in counts.values()):
        days = {what: len(found) for what, found in counts.items()}
        return failed("Requests were refused", days=days, refused={what: sum(n) for what, n in counts.items()})
    return passed(days={what: len(found) for what, found in counts.items()})


@rule(severity=Severity.MEDIUM, category=Category.RELIABILITY, notes="Kinesis (replay, retention)")
def kinesis_stream_iterator_age_low(stream: KinesisStream, *, most_share: float = 0.5) -> Verdict:
    """Readers of a stream are far from losing records that expire.

    Risk: records that are older than the retention time are gone, read or not.
    Fix: give the readers more power, and meanwhile the records more time:
    aws kinesis increase-stream-retention-period --region {region} --stream-name {name} --retention-period-hours 168
    """
    if not stream.iterator_age:
        return not_applicable("Nobody read the stream by GetRecords in a day")
    hours, oldest = stream.summary.retention_period_hours, max(stream.iterator_age)
    evidence: dict[str, Any] = {"retention_period_hours": hours, "behind_hours": round(oldest / HOUR, 1)}
    if oldest > most_share * hours * HOUR:
        return failed("A reader is about to lose records", **evidence)
    return passed(**evidence)


@rule(severity=Severity.INFORMATIONAL, category=Category.OPERATIONS, notes="Kinesis hot shard")
def kinesis_stream_shard_level_metrics_enabled(stream: KinesisStream) -> Verdict:
    """Provisioned streams of several shards have metrics for each shard.

    Risk: that one shard gets nearly all records is not seen in the sums over the stream.
    Fix: aws kinesis enable-enhanced-monitoring --region {region} --stream-name {name} --shard-level-metrics
        IncomingBytes IteratorAgeMilliseconds
    """
    summary = stream.summary
    if not _provisioned(summary) or summary.open_shard_count <= 1:
        return not_applicable("The stream is on demand, or has one shard only")
    metrics = sorted({name for each in summary.enhanced_monitoring for name in each.shard_level_metrics})
    if metrics:
        return passed(shard_level_metrics=metrics)
    return failed("There are no metrics for single shards", open_shard_count=summary.open_shard_count)


@rule(severity=Severity.LOW, category=Category.COST, notes="Kinesis shards (billing)")
def kinesis_stream_provisioned_utilized(
    stream: KinesisStream, inventory: Inventory, *, least_share: float = 0.1
) -> Verdict:
    """Shards that are paid for are used.

    Risk: each shard costs by the hour, whether or not anything comes in.
    Fix: aws kinesis update-shard-count --region {region} --stream-name {name} --scaling-type UNIFORM_SCALING
        --target-shard-count NUMBER
    """
    summary = stream.summary
    if not _provisioned(summary):
        return not_applicable("The stream is on demand: what is not used is not paid for")
    if not stream.incoming_bytes and not stream.incoming_records:
        if inventory.now - summary.stream_creation_timestamp < timedelta(days=MEASURED_DAYS):
            return not_applicable("The stream is new, and nothing has come in yet")
        return failed("Nothing came in for two weeks", open_shard_count=summary.open_shard_count)
    shards = max(summary.open_shard_count, 1)
    used = max(
        max(stream.incoming_bytes, default=0.0) / SHARD_BYTES, max(stream.incoming_records, default=0.0) / SHARD_RECORDS
    )
    evidence: dict[str, Any] = {"open_shard_count": shards, "most_share": round(used / shards, 3)}
    if shards > 1 and used / shards < least_share:
        return failed("The shards are hardly used", **evidence)
    return passed(**evidence)
