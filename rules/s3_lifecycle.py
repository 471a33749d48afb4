"""Rules about what S3 buckets keep, where they move it, and when they delete it."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from auditor.findings import Category, Severity
from auditor.resources.s3 import Bucket
from auditor.resources.s3_lifecycle import LifecycleRule
from auditor.rule import Verdict, failed, not_applicable, passed, rule

TIB = 1 << 40
# For so many days at least an object is paid for in these classes.
MINIMUM_DAYS = {"STANDARD_IA": 30, "ONEZONE_IA": 30, "GLACIER_IR": 90, "GLACIER": 90, "DEEP_ARCHIVE": 180}


def _working(bucket: Bucket) -> list[LifecycleRule]:
    """The lifecycle rules that are switched on."""
    return [each for each in bucket.lifecycle or () if each.enabled]


def _name(index: int, lifecycle_rule: LifecycleRule) -> str:
    return lifecycle_rule.id or f"#{index}"


@rule(
    severity=Severity.LOW,
    controls=(
        "SecurityHub S3.13",
        "PCI-4.0 10.5.1.12 10.5.1.13 3.2.1.8 3.2.1.9 3.3.1.1.8 3.3.1.1.9 3.3.1.3.8 3.3.1.3.9 3.3.2.8 3.3.2.9",
        "PCI-4.0 3.3.3.8 3.3.3.9",
        "ISO-27001-2022 A.8.10",
    ),
    notes="Lifecycle Rules",
    category=Category.COST,
)
def s3_bucket_lifecycle_configured(bucket: Bucket) -> Verdict:
    """Buckets say for how long they keep what they hold.

    Risk: data that nobody needs is paid for, and can be stolen, for ever.
    Fix: aws s3api put-bucket-lifecycle-configuration --bucket {id} --region {region}
        --lifecycle-configuration file://lifecycle.json
    """
    if bucket.lifecycle is None:
        return failed("The bucket has no lifecycle rules", lifecycle=None)
    if not _working(bucket):
        return failed("All lifecycle rules of the bucket are switched off", rules=len(bucket.lifecycle))
    return passed(rules=len(_working(bucket)))


@rule(
    severity=Severity.LOW,
    controls=("SecurityHub S3.10",),
    notes="Lifecycle Rules (old versions)",
    category=Category.COST,
)
def s3_bucket_noncurrent_versions_expire(bucket: Bucket) -> Verdict:
    """Buckets with versions delete old versions in the end.

    Risk: each overwritten or deleted object is kept, and paid for, for ever.
    Fix: add a rule with NoncurrentVersionExpiration to those that the bucket has, in
    aws s3api put-bucket-lifecycle-configuration --bucket {id} --region {region}
        --lifecycle-configuration file://lifecycle.json
    """
    status = bucket.versioning.status
    if status is None:
        return not_applicable("The bucket keeps no versions")
    if not any(each.noncurrent_version_expiration for each in _working(bucket)):
        return failed("No lifecycle rule deletes old versions", versioning=status)
    return passed()


@rule(severity=Severity.LOW, notes="Lifecycle Rules (multi-part)", category=Category.COST)
def s3_bucket_incomplete_multipart_uploads_aborted(bucket: Bucket) -> Verdict:
    """Buckets delete the parts of uploads that were never finished.

    Risk: the parts of broken uploads show in no listing of objects, and are paid for until somebody looks for them.
    Fix: add a rule with AbortIncompleteMultipartUpload to those that the bucket has, in
    aws s3api put-bucket-lifecycle-configuration --bucket {id} --region {region}
        --lifecycle-configuration file://lifecycle.json
    """
    aborting = [each.abort_incomplete_multipart_upload for each in _working(bucket)]
    if not any(aborting):
        return failed("No lifecycle rule deletes the parts of unfinished uploads")
    return passed(days=sorted(each.days_after_initiation or 0 for each in aborting if each))


class _Stay(NamedTuple):
    """How long a lifecycle rule leaves objects in a storage class before it moves or deletes them."""

    rule: str
    storage_class: str
    days: int
    deletes: bool


def _stays(name: str, moves: list[tuple[int, str]], end: int | None) -> Iterator[_Stay]:
    """The stays that moves, each on its day, and a deletion amount to. What is deleted first is not moved."""
    ordered = sorted(move for move in moves if end is None or move[0] < end)
    for (day, storage_class), (following, _) in pairwise(ordered):
        yield _Stay(name, storage_class, following - day, deletes=False)
    if ordered and end is not None:
        yield _Stay(name, ordered[-1][1], end - ordered[-1][0], deletes=True)


def _current(name: str, of: LifecycleRule) -> Iterator[_Stay]:
    moves = [(move.days, move.storage_class) for move in of.transitions if move.days is not None]
    return _stays(name, moves, of.expiration.days if of.expiration else None)


def _noncurrent(name: str, of: LifecycleRule) -> Iterator[_Stay]:
    moves = [
        (move.noncurrent_days, move.storage_class)
        for move in of.noncurrent_version_transitions
        if move.noncurrent_days is not None
    ]
    end = of.noncurrent_version_expiration
    return _stays(name, moves, end.noncurrent_days if end else None)


@rule(severity=Severity.LOW, notes="Storage classes (minimum duration)", category=Category.COST)
def s3_bucket_lifecycle_respects_minimum_duration(bucket: Bucket) -> Verdict:
    """Lifecycle rules leave objects in a storage class for as long as these must be paid for there.

    Risk: what is deleted or moved on too early is paid for as if it had stayed, and the move cost extra.
    Fix: move it later, or do not move it at all, in
    aws s3api put-bucket-lifecycle-configuration --bucket {id} --region {region}
        --lifecycle-configuration file://lifecycle.json
    """
    working = [(_name(index, each), each) for index, each in enumerate(bucket.lifecycle or ()) if each.enabled]
    if not any(each.transitions or each.noncurrent_version_transitions for _, each in working):
        return not_applicable("No lifecycle rule moves objects")
    current = [stay for name, each in working for stay in _current(name, each) if _is_short(stay)]
    # Where versions are kept, a current object is not deleted on its day: it becomes an old version.
    if any(stay.deletes for stay in current) and bucket.versioning.status == "Enabled":
        current = [stay for stay in current if not stay.deletes]
    short = [*current, *(stay for name, each in working for stay in _noncurrent(name, each) if _is_short(stay))]
    if short:
        return failed("A lifecycle rule ends a stay before it is paid off", stays=[stay._asdict() for stay in short])
    return passed()


def _is_short(stay: _Stay) -> bool:
    return stay.days < MINIMUM_DAYS.get(stay.storage_class, 0)


@rule(severity=Severity.LOW, notes="Storage classes (One Zone)", category=Category.RELIABILITY)
def s3_bucket_one_zone_transition_reviewed(bucket: Bucket) -> Verdict:
    """Only buckets that are replicated move objects to storage in a single zone.

    Risk: the loss of one zone is the loss of every object there, and no copy is left.
    Fix: move them to STANDARD_IA instead, unless they can be made anew, in
    aws s3api put-bucket-lifecycle-configuration --bucket {id} --region {region}
        --lifecycle-configuration file://lifecycle.json
    """
    names = [_name(index, each) for index, each in enumerate(bucket.lifecycle or ()) if _moves_to_one_zone(each)]
    if not names:
        return not_applicable("No lifecycle rule moves objects to a single zone")
    if bucket.replication is None or not any(each.status == "Enabled" for each in bucket.replication.rules):
        return failed("Objects move to a single zone, and there is no copy of them", rules=names)
    return passed("The bucket is replicated", rules=names)


def _moves_to_one_zone(lifecycle_rule: LifecycleRule) -> bool:
    current = [move.storage_class for move in lifecycle_rule.transitions]
    earlier = [move.storage_class for move in lifecycle_rule.noncurrent_version_transitions]
    return lifecycle_rule.enabled and "ONEZONE_IA" in (*current, *earlier)


@rule(severity=Severity.LOW, notes="Storage classes; Lifecycle", category=Category.COST)
def s3_bucket_cold_data_tiered(bucket: Bucket, *, tebibytes: int = 1) -> Verdict:
    """Large buckets move what is no longer read to cheaper storage.

    Risk: most of what a large bucket holds is hardly ever read, and is paid for as if it were.
    Fix: add a rule that moves objects to INTELLIGENT_TIERING to those that the bucket has, in
    aws s3api put-bucket-lifecycle-configuration --bucket {id} --region {region}
        --lifecycle-configuration file://lifecycle.json
    """
    if any(each.transitions for each in _working(bucket)):
        return passed("A lifecycle rule moves objects")
    if not bucket.standard_bytes:
        return not_applicable("S3 counts no Standard storage in the bucket")
    held = bucket.standard_bytes[-1]
    if held > tebibytes * TIB:
        shown = round(held / TIB, 1)
        return failed(f"{shown} TiB lie in Standard storage, and nothing moves them", standard_tebibytes=shown)
    return passed(standard_bytes=round(held))


@rule(severity=Severity.INFORMATIONAL, notes="S3 Analytics", category=Category.COST)
def s3_bucket_storage_class_analysis_or_lifecycle(bucket: Bucket, *, tebibytes: int = 1) -> Verdict:
    """Large buckets are analysed for what could lie in cheaper storage, where nothing is moved there yet.

    Risk: without figures nobody dares to move anything, and all of it is paid for as if it were read every day.
    Fix: aws s3api put-bucket-analytics-configuration --bucket {id} --region {region} --id whole-bucket
        --analytics-configuration '{"Id": "whole-bucket", "StorageClassAnalysis": {}}'
    """
    if any(each.transitions for each in _working(bucket)):
        return not_applicable("A lifecycle rule moves objects already")
    if not bucket.standard_bytes or bucket.standard_bytes[-1] <= tebibytes * TIB:
        return not_applicable(f"Less than {tebibytes} TiB lies in Standard storage")
    if bucket.analytics_configurations:
        return passed(analytics_configurations=[each.id for each in bucket.analytics_configurations])
    return failed("Nothing is moved, and nothing tells what could be", analytics_configurations=[])


@rule(severity=Severity.LOW, notes="Reduced Redundancy (deprecated)", category=Category.RELIABILITY)
def s3_bucket_no_reduced_redundancy_storage(bucket: Bucket) -> Verdict:
    """No objects lie in Reduced Redundancy storage.

    Risk: it loses more objects than Standard storage does, and costs more.
    Fix: aws s3 cp s3://{id}/ s3://{id}/ --recursive --storage-class STANDARD --region {region}
    """
    held = bucket.reduced_redundancy_bytes[-1] if bucket.reduced_redundancy_bytes else 0.0
    if held > 0:
        return failed("Objects lie in Reduced Redundancy storage", bytes=round(held))
    return passed("S3 counts none in the bucket")
