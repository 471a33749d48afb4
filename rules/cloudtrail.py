"""Rules about CloudTrail: that the account is recorded, and that the record can be trusted."""

from datetime import timedelta
from typing import Any

from auditor.analysis.bucket import evidence_of, ways_in
from auditor.analysis.trails import BOTH, object_events, shortcoming, trails_of
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.account import Account
from auditor.resources.cloudtrail import Trail
from auditor.resources.s3 import Bucket
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule, seen, unknown


@rule(
    severity=Severity.HIGH,
    controls=(
        "SecurityHub CloudTrail.1",
        "CIS-3.0 3.1",
        "CIS-5.0 3.1",
        "PCI-4.0 10.2.1.1.22 10.2.1.2.19 10.2.1.3.19 10.2.1.4.19 10.2.1.5.19 10.2.1.6.19 10.2.1.7.19 10.2.1.19",
        "PCI-4.0 10.2.2.19 10.3.1.19 10.6.3.24 5.3.4.22",
        "NIST-800-53-r5 ac_2_4 ac_3_1 ac_3_10 ac_4_26 ac_6_9 au_2_b au_3_1 au_3_a au_3_b au_3_c au_3_d au_3_e",
        "ISO-27001-2022 A.8.15 A.8.16",
    ),
    notes="CloudTrail (enabled by default)",
)
def cloudtrail_multi_region_trail_logging(account: Account, inventory: Inventory) -> Verdict:
    """A trail records the management events of all regions.

    Risk: nobody can say who did what, and where: the event history that is always there ends after 90 days.
    Fix: aws cloudtrail create-trail --name management-events --s3-bucket-name LOG_BUCKET --is-multi-region-trail
        --enable-log-file-validation
    aws cloudtrail start-logging --name management-events
    """
    if any_of(lambda trail: shortcoming(trail) is None, trails_of(inventory)):
        return passed()
    trails = {trail.arn: shortcoming(trail) for trail in trails_of(inventory)}
    return failed("No trail records all management events of all regions", account=account.account, trails=trails)


def _of_another_account(trail: Trail) -> Verdict | None:
    if trail.owner == trail.account:
        return None
    return not_applicable(f"The trail belongs to account {trail.owner}, and is judged there")


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub CloudTrail.4",
        "CIS-3.0 3.2",
        "CIS-5.0 3.2",
        "PCI-4.0 10.3.2.5 10.3.3.7 10.3.4.6 A1.2.1.12",
        "NIST-800-53-r5 au_9_a cm_6_a cm_9_b pm_11_b pm_17_b sa_1_1 sa_10_1 sc_16_1 si_1_a_2 si_4_d si_7_1 si_7_3",
        "ISO-27001-2022 A.8.15 A.8.16",
    ),
    notes="CloudTrail",
)
def cloudtrail_trail_log_validation_enabled(trail: Trail) -> Verdict:
    """Trails sign their log files, so that a change to them shows.

    Risk: an intruder edits or removes the files that tell of him, and nothing gives it away.
    Fix: aws cloudtrail update-trail --name {arn} --region {region} --enable-log-file-validation
    """
    if (foreign := _of_another_account(trail)) is not None:
        return foreign
    if trail.log_file_validation_enabled:
        return passed()
    return failed("Log files are not validated", log_file_validation_enabled=False)


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub CloudTrail.2",
        "CIS-3.0 3.5",
        "CIS-5.0 3.5",
        "PCI-4.0 10.3.2.4 10.3.3.6 10.3.4.5 3.5.1.5 8.3.2.9 A1.2.1.11",
        "NIST-800-53-r5 au_9_3 cm_6_a cm_9_b cp_9_d sc_8_3 sc_8_4 sc_13_a sc_28_1 si_19_4",
        "ISO-27001-2022 A.8.11 A.8.15 A.8.16 A.8.24",
    ),
    notes="CloudTrail",
)
def cloudtrail_trail_encrypted_with_kms(trail: Trail) -> Verdict:
    """Trails encrypt their log files with a KMS key.

    Risk: whoever may read the bucket reads the record of the whole account: no key stands between.
    Fix: aws cloudtrail update-trail --name {arn} --region {region} --kms-key-id KEY_ARN
    """
    if (foreign := _of_another_account(trail)) is not None:
        return foreign
    if trail.kms_key_id:
        return passed(kms_key_id=trail.kms_key_id)
    return failed("Log files are not encrypted with a KMS key", kms_key_id=None)


@rule(severity=Severity.CRITICAL, controls=("ISO-27001-2022 A.8.1 A.8.15 A.8.16",), notes="CloudTrail")
def cloudtrail_trail_bucket_not_public(trail: Trail, inventory: Inventory) -> Verdict:
    """The bucket that holds a trail's log files exists, and nobody outside gets into it.

    Risk: strangers read who does what in the account; where the bucket is gone, they may take its name and its logs.
    Fix: close the bucket, or name another:
    aws s3api put-public-access-block --bucket LOG_BUCKET --public-access-block-configuration
        BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true
    aws cloudtrail update-trail --name {arn} --region {region} --s3-bucket-name LOG_BUCKET
    """
    if (foreign := _of_another_account(trail)) is not None:
        return foreign
    name = trail.s3_bucket_name
    bucket = inventory.find(Bucket, "name", name)
    if bucket is None:
        if trail.bucket_is_gone:
            return failed("The trail's bucket does not exist", s3_bucket_name=name)
        return unknown("The trail's bucket is none of this account: only its own can show it", s3_bucket_name=name)
    ways = seen(ways_in(bucket, inventory))
    if not ways:
        return passed(s3_bucket_name=name)
    message = f"The trail's bucket is public by its {' and its '.join(way.by for way in ways)}"
    return failed(message, s3_bucket_name=name, **evidence_of(ways))


def _bucket_of(trail: Trail, inventory: Inventory) -> Bucket | Verdict:
    """The trail's bucket, or what is to be said where it is none that this account can show."""
    if (foreign := _of_another_account(trail)) is not None:
        return foreign
    name = trail.s3_bucket_name
    bucket = inventory.find(Bucket, "name", name)
    if bucket is not None:
        return bucket
    if trail.bucket_is_gone:
        return not_applicable("The trail's bucket does not exist", s3_bucket_name=name)
    return unknown("The trail's bucket is none of this account: only its own can show it", s3_bucket_name=name)


@rule(
    severity=Severity.LOW,
    controls=("CIS-3.0 3.4", "CIS-5.0 3.4", "ISO-27001-2022 A.8.15 A.8.16"),
    notes="CloudTrail; S3 access logging",
)
def cloudtrail_trail_bucket_access_logging_enabled(trail: Trail, inventory: Inventory) -> Verdict:
    """The bucket that holds a trail's log files logs who reads and changes them.

    Risk: whoever looks at or removes the record leaves no mark, since trails rarely record single objects.
    Fix: name a bucket of the same account and region that takes access logs:
    aws s3api put-bucket-logging --bucket TRAIL_BUCKET --region {region}
        --bucket-logging-status '{"LoggingEnabled":{"TargetBucket":"LOG_BUCKET","TargetPrefix":"trail/"}}'
    """
    bucket = _bucket_of(trail, inventory)
    if isinstance(bucket, Verdict):
        return bucket
    if bucket.log_target is None:
        return failed("The trail's bucket has no access log", s3_bucket_name=bucket.name)
    return passed(s3_bucket_name=bucket.name, target_bucket=bucket.log_target)


@rule(severity=Severity.LOW, notes="CloudTrail; MFA-Delete")
def cloudtrail_trail_bucket_delete_protected(trail: Trail, inventory: Inventory) -> Verdict:
    """The bucket that holds a trail's log files keeps them from being deleted, by Object Lock or MFA delete.

    Risk: whoever gets hold of an administrator's key erases the record of what he did with it.
    Fix: lock new files for as long as they must be kept, in a bucket with versioning:
    aws s3api put-object-lock-configuration --bucket TRAIL_BUCKET --region {region} --object-lock-configuration
        '{"ObjectLockEnabled":"Enabled","Rule":{"DefaultRetention":{"Mode":"GOVERNANCE","Days":365}}}'
    """
    bucket = _bucket_of(trail, inventory)
    if isinstance(bucket, Verdict):
        return bucket
    if any_of(lambda protects: protects(bucket), (_needs_mfa, _is_locked)):
        return passed(s3_bucket_name=bucket.name)
    return failed("Files can be deleted by whoever may delete objects", s3_bucket_name=bucket.name)


def _needs_mfa(bucket: Bucket) -> bool:
    return bucket.versioning.mfa_delete == "Enabled"


def _is_locked(bucket: Bucket) -> bool:
    lock = bucket.object_lock
    return lock is not None and lock.rule is not None and lock.rule.default_retention is not None


@rule(
    severity=Severity.LOW,
    controls=(
        "SecurityHub CloudTrail.5",
        "PCI-4.0 10.2.1.1.10 10.2.1.2.8 10.2.1.3.8 10.2.1.4.8 10.2.1.5.8 10.2.1.6.8 10.2.1.7.8 10.2.1.8",
        "PCI-4.0 10.2.2.8 10.3.1.8 10.4.1.1.3 10.6.3.10",
        "NIST-800-53-r5 ac_2_4 ac_3_1 ac_3_10 ac_4_26 ac_6_9 au_2_b au_3_a au_3_b au_3_c au_3_d au_3_e au_3_f",
        "ISO-27001-2022 A.8.15 A.8.16",
    ),
    notes="CloudTrail with CloudWatch",
    category=Category.OPERATIONS,
)
def cloudtrail_trail_cloudwatch_logs_integrated(
    trail: Trail, inventory: Inventory, *, max_age_hours: int = 24
) -> Verdict:
    """Trails write to CloudWatch Logs too, where alarms can watch them.

    Risk: what happens is only found in files that somebody must look for, after the damage.
    Fix: aws cloudtrail update-trail --name {arn} --region {region} --cloud-watch-logs-log-group-arn LOG_GROUP_ARN
        --cloud-watch-logs-role-arn ROLE_ARN
    """
    if (foreign := _of_another_account(trail)) is not None:
        return foreign
    group = trail.cloud_watch_logs_log_group_arn
    if not group:
        return failed("The trail does not write to CloudWatch Logs", cloud_watch_logs_log_group_arn=None)
    last = trail.status.latest_cloud_watch_logs_delivery_time
    evidence: dict[str, Any] = {
        "cloud_watch_logs_log_group_arn": group,
        "latest_cloud_watch_logs_delivery_time": last.isoformat() if last else None,
    }
    if last is None:
        return failed("Nothing has ever arrived in the trail's log group", **evidence)
    if inventory.now - last > timedelta(hours=max_age_hours):
        return failed(f"Nothing has arrived in the trail's log group for {max_age_hours} hours", **evidence)
    return passed(**evidence)


@rule(severity=Severity.HIGH, notes="CloudTrail", category=Category.OPERATIONS)
def cloudtrail_trail_delivery_healthy(trail: Trail) -> Verdict:
    """Trails deliver what they record: neither the bucket nor the log group refuses it.

    Risk: the record has a gap from the day of the first error on, and nothing tells those who rely on it.
    Fix: mend the bucket's policy, or the role that writes to the log group, as the error says:
    aws cloudtrail get-trail-status --name {arn} --region {region}
    """
    if (foreign := _of_another_account(trail)) is not None:
        return foreign
    status = trail.status
    errors = {
        "latest_delivery_error": status.latest_delivery_error,
        "latest_cloud_watch_logs_delivery_error": status.latest_cloud_watch_logs_delivery_error,
    }
    said: dict[str, Any] = {name: error for name, error in errors.items() if error}
    if said:
        return failed(f"The last delivery failed: {' and '.join(said.values())}", **said)
    return passed()


@rule(
    severity=Severity.LOW,
    controls=(
        "SecurityHub S3.22 S3.23",
        "CIS-3.0 3.9 3.8",
        "CIS-5.0 3.9 3.8",
        "PCI-4.0 10.2.1.1.7 10.2.1.2.7 10.2.1.3.7 10.2.1.4.7 10.2.1.5.7 10.2.1.6.7 10.2.1.7.7 10.2.1.7",
        "PCI-4.0 10.2.2.7 10.3.1.7 10.6.3.7 5.3.4.7",
        "NIST-800-53-r5 ac_2_4 ac_3_1 ac_3_10 ac_4_26 ac_6_9 au_2_b au_3_a au_3_b au_3_c au_3_d au_3_e au_3_f",
        "ISO-27001-2022 A.8.15 A.8.16",
    ),
    notes="S3 / CloudTrail (audit key and object use)",
)
def cloudtrail_s3_data_events_recorded(account: Account, inventory: Inventory) -> Verdict:
    """Trails record who reads and who writes objects in S3.

    Risk: after a theft of data nobody can say which objects were read: trails leave that out unless they are told.
    Fix: name the buckets with sensitive data; CloudTrail bills each event:
    aws cloudtrail put-event-selectors --trail-name TRAIL_NAME --advanced-event-selectors
        '[{"FieldSelectors":[{"Field":"eventCategory","Equals":["Management"]}]},
        {"FieldSelectors":[{"Field":"eventCategory","Equals":["Data"]},
        {"Field":"resources.type","Equals":["AWS::S3::Object"]},
        {"Field":"resources.ARN","StartsWith":["arn:aws:s3:::BUCKET/"]}]}]'
    """
    recorded: set[str] = set()

    def adds(trail: Trail) -> bool:
        kinds = object_events(trail)
        if kinds and trail.status.is_logging:
            recorded.update(kinds)
        return recorded >= BOTH

    if any_of(adds, inventory.each(Trail)):
        return passed()
    lacking = " or ".join(sorted(BOTH - recorded))
    return failed(f"No trail records events that {lacking} objects", account=account.account, recorded=sorted(recorded))
