"""Rules about how S3 buckets are used: logs, copies, websites, other origins, locks, names, signed URLs, errors."""

import ipaddress
import re
from collections.abc import Collection

from auditor.analysis.bucket import policy_of
from auditor.analysis.labels import COMPLIANCE, IMPORTANT, SENSITIVE, marked
from auditor.analysis.network import each_readable
from auditor.analysis.policy import Condition
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.cloudtrail import Trail
from auditor.resources.s3 import WHOLE_BUCKET, Bucket, ReplicationRule
from auditor.resources.vpc import FlowLog
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule, unknown

EVERY_ORIGIN = ("*", "http://*", "https://*")
WRITES = ("PUT", "POST", "DELETE")
WEEK = 604_800_000  # milliseconds
NAME = re.compile(r"[a-z0-9][a-z0-9.-]*[a-z0-9]")
# What S3 keeps for names that it gives itself.
RESERVED_STARTS = ("xn--", "sthree-", "amzn-s3-demo-")
RESERVED_ENDS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def _replicating(bucket: Bucket) -> list[ReplicationRule]:
    """The replication rules that are switched on."""
    return [each for each in bucket.replication.rules if each.status == "Enabled"] if bucket.replication else []


@rule(
    severity=Severity.LOW,
    controls=(
        "SecurityHub S3.20",
        "CIS-3.0 2.1.2",
        "CIS-5.0 2.1.2",
        "PCI-4.0 10.3.2.22 3.5.1.3.27 8.4.1.5 8.4.2.5 8.4.3.5 A1.1.2.18 A3.4.1.20",
    ),
    notes="MFA-Delete",
)
def s3_bucket_mfa_delete_enabled(
    bucket: Bucket, *, critical: tuple[str, ...] = (*IMPORTANT, *SENSITIVE), every_bucket: bool = False
) -> Verdict:
    """Buckets of critical data delete versions only with a second factor.

    Risk: stolen credentials of one administrator are enough to delete every version for good.
    Fix: with keys of the root user, who alone may, and without lifecycle rules, which do not go with it:
    aws s3api put-bucket-versioning --bucket {id} --region {region}
        --versioning-configuration Status=Enabled,MFADelete=Enabled --mfa "SERIAL_NUMBER CODE"
    Object Lock is the usual way to have as much without the root user.
    """
    tag = None if every_bucket else marked(bucket.labels, critical)
    if not every_bucket and tag is None:
        return not_applicable("No tag says that the bucket's data is critical")
    versioning = bucket.versioning
    if versioning.status != "Enabled":
        return not_applicable("The bucket keeps no versions", versioning=versioning.status)
    if versioning.mfa_delete == "Enabled":
        return passed(mfa_delete="Enabled")
    return failed("Versions can be deleted without a second factor", mfa_delete=versioning.mfa_delete, tag=tag)


@rule(
    severity=Severity.LOW,
    controls=(
        "SecurityHub S3.9",
        "PCI-4.0 10.2.1.1.30 10.2.1.2.27 10.2.1.3.27 10.2.1.4.27 10.2.1.5.27 10.2.1.6.27 10.2.1.7.27 10.2.1.27",
        "PCI-4.0 10.2.2.27 10.3.1.27 10.6.3.34 5.3.4.32",
        "NIST-800-53-r5 ac_2_4 ac_3_1 ac_3_10 ac_4_26 ac_6_9 au_2_b au_3_a au_3_b au_3_c au_3_d au_3_e au_3_f",
        "ISO-27001-2022 A.8.15",
    ),
    notes="Access Logging",
    category=Category.OPERATIONS,
)
def s3_bucket_access_logging_enabled(bucket: Bucket, inventory: Inventory) -> Verdict:
    """Buckets log who asks for their objects.

    Risk: after a leak, nobody can say which objects were taken, when, or by whom.
    Fix: aws s3api put-bucket-logging --bucket {id} --region {region}
        --bucket-logging-status "LoggingEnabled={TargetBucket=LOG_BUCKET,TargetPrefix={id}/}"
    """
    if bucket.logging is not None:
        return passed(target_bucket=bucket.logging.target_bucket)
    # Access logs stay in their region. Logging the arrival of logs would only make more of them.
    if any(inventory.where(Bucket, "log_target", bucket.name, region=bucket.region)):
        return not_applicable("Other buckets' access logs arrive here")
    return failed("The bucket does not log access", logging=None)


@rule(
    severity=Severity.LOW,
    controls=("SecurityHub S3.7", "ISO-27001-2022 A.8.14"),
    notes="Replication",
    category=Category.RELIABILITY,
)
def s3_bucket_cross_region_replication_enabled(
    bucket: Bucket, inventory: Inventory, *, important: tuple[str, ...] = IMPORTANT, every_bucket: bool = False
) -> Verdict:
    """Important buckets are copied to another region.

    Risk: while the region is down, or once somebody has emptied the bucket there, no copy is left to go on with.
    Fix: aws s3api put-bucket-replication --bucket {id} --region {region}
        --replication-configuration file://replication.json
    """
    tag = None if every_bucket else marked(bucket.labels, important)
    if not every_bucket and tag is None:
        return not_applicable("No tag says that the bucket is important")
    enabled = _replicating(bucket)
    if not enabled:
        return failed("The bucket is not replicated", tag=tag)
    names = dict.fromkeys(each.destination.bucket_name for each in enabled)

    def region_of(name: str) -> str | None:
        found = inventory.find(Bucket, "name", name)
        return found.region if found is not None else None

    regions = dict(each_readable(names, lambda name: [(name, region_of(name))]))
    if any(region is not None and region != bucket.region for region in regions.values()):
        return passed(destinations=regions)
    gone = bucket.replication.gone if bucket.replication is not None else ()
    if any(region is None and name not in gone for name, region in regions.items()):
        return unknown(
            "A destination is no bucket of this account: only its own can say where it is", destinations=regions
        )
    return failed("The bucket is replicated within its own region only", destinations=regions, tag=tag)


@rule(severity=Severity.INFORMATIONAL, notes="Replication (delete markers)", category=Category.RELIABILITY)
def s3_bucket_replication_delete_marker_decided(bucket: Bucket) -> Verdict:
    """Replication rules say whether deletions are copied too.

    Risk: rules of the old form copy deletions, those of the new form do not: who did not choose is surprised in need.
    Fix: give each rule a Filter and DeleteMarkerReplication, in
    aws s3api put-bucket-replication --bucket {id} --region {region}
        --replication-configuration file://replication.json
    """
    enabled = _replicating(bucket)
    if not enabled:
        return not_applicable("The bucket does not replicate")
    undecided = [
        each.id or f"#{index}"
        for index, each in enumerate(enabled)
        if each.filter is None
        or each.delete_marker_replication is None
        or each.delete_marker_replication.status is None
    ]
    if undecided:
        return failed("A replication rule does not say whether it copies deletions", rules=undecided)
    return passed(rules=len(enabled))


@rule(severity=Severity.LOW, notes="Static Website Hosting")
def s3_bucket_website_hosting_disabled(bucket: Bucket) -> Verdict:
    """Buckets do not serve websites themselves.

    Risk: S3's website endpoints speak plain HTTP only, and what they serve has to be public.
    Fix: put CloudFront with origin access control before the bucket, then
    aws s3api delete-bucket-website --bucket {id} --region {region}
    """
    if bucket.website is None:
        return passed()
    redirect = bucket.website.redirect_all_requests_to
    if redirect is not None:
        message = "The bucket redirects requests, by plain HTTP"
        return failed(message, severity=Severity.INFORMATIONAL, redirects_to=redirect.host_name)
    return failed("The bucket serves a website, by plain HTTP")


@rule(severity=Severity.LOW, notes="CORS")
def s3_bucket_cors_origins_restricted(bucket: Bucket) -> Verdict:
    """Buckets name the origins whose pages may use them.

    Risk: any page that a user opens can use what that user's browser may do with the bucket.
    Fix: name the origins in
    aws s3api put-bucket-cors --bucket {id} --region {region} --cors-configuration file://cors.json
    """
    if not bucket.cors:
        return not_applicable("The bucket lets in no other origin")
    wide = {
        method
        for each in bucket.cors
        if set(EVERY_ORIGIN) & set(each.allowed_origins)
        for method in each.allowed_methods
    }
    if writes := sorted(wide.intersection(WRITES)):
        return failed("Pages of every origin may write", methods=writes)
    if wide:
        return failed("Pages of every origin may read", severity=Severity.INFORMATIONAL, methods=sorted(wide))
    return passed()


@rule(severity=Severity.LOW, notes="S3 Event Notifications (versioning)", category=Category.RELIABILITY)
def s3_bucket_notification_bucket_versioned(bucket: Bucket) -> Verdict:
    """Buckets that notify of changes keep versions.

    Risk: of two writes of one object at a time, only one may be told: the other is seen by nobody.
    Fix: aws s3api put-bucket-versioning --bucket {id} --region {region} --versioning-configuration Status=Enabled
    """
    told = bucket.notification
    targets = (*told.lambda_function_configurations, *told.queue_configurations, *told.topic_configurations)
    if not targets and told.event_bridge_configuration is None:
        return not_applicable("The bucket notifies nobody")
    if bucket.versioning.status != "Enabled":
        return failed("The bucket notifies of changes, and keeps no versions", versioning=bucket.versioning.status)
    return passed()


@rule(severity=Severity.LOW, controls=("SecurityHub S3.15", "PCI-4.0 10.3.4.7"), notes="Object Lock")
def s3_bucket_object_lock_enabled(
    bucket: Bucket, inventory: Inventory, *, compliance: tuple[str, ...] = COMPLIANCE, every_bucket: bool = False
) -> Verdict:
    """Buckets of audit logs, and of what has to be kept, lock their objects.

    Risk: an intruder with an administrator's rights deletes the traces, and what the law says must be kept.
    Fix: the bucket needs versions first.
    aws s3api put-object-lock-configuration --bucket {id} --region {region} --object-lock-configuration
        "ObjectLockEnabled=Enabled,Rule={DefaultRetention={Mode=GOVERNANCE,Days=365}}"
    """
    reasons = (_tagged, _gets_trail, _gets_flow_log)
    if not every_bucket and not any_of(lambda reason: reason(bucket, inventory, compliance), reasons):
        return not_applicable("The bucket holds no audit logs, and no tag says that it must be kept")
    lock = bucket.object_lock
    if lock is None:
        return failed("The bucket does not lock its objects", object_lock=None)
    if lock.rule is None or lock.rule.default_retention is None:
        return failed("The bucket locks only objects that are locked one by one", default_retention=None)
    return passed(mode=lock.rule.default_retention.mode)


def _tagged(bucket: Bucket, _: Inventory, words: Collection[str]) -> bool:
    return marked(bucket.labels, words) is not None


def _gets_trail(bucket: Bucket, inventory: Inventory, _: Collection[str]) -> bool:
    return any(inventory.where(Trail, "s3_bucket_name", bucket.name))


def _gets_flow_log(bucket: Bucket, inventory: Inventory, _: Collection[str]) -> bool:
    return any(inventory.where(FlowLog, "bucket_name", bucket.name))


@rule(severity=Severity.INFORMATIONAL, notes="Transfer Acceleration", category=Category.COST)
def s3_bucket_transfer_acceleration_reviewed(bucket: Bucket, *, allow_tag: str = "transfer-acceleration") -> Verdict:
    """Only buckets that need it have Transfer Acceleration.

    Risk: each gigabyte through it costs extra, for clients nearby too.
    Fix: tag the bucket transfer-acceleration, if it is needed; else
    aws s3api put-bucket-accelerate-configuration --bucket {id} --region {region}
        --accelerate-configuration Status=Suspended
    """
    if bucket.acceleration != "Enabled":
        return passed(acceleration=bucket.acceleration)
    if allow_tag in bucket.labels:
        return not_applicable(f"The bucket is tagged {allow_tag}")
    return failed("The bucket has Transfer Acceleration", acceleration="Enabled")


@rule(severity=Severity.LOW, notes="Buckets (naming convention)", category=Category.OPERATIONS)
def s3_bucket_name_dns_compliant(bucket: Bucket) -> Verdict:
    """Buckets have names by today's rules, without dots.

    Risk: a name with a dot does not fit S3's certificate, so that clients give up TLS or turn its checks off.
    Fix: a name cannot change: move the objects to a bucket of another name.
    aws s3 sync s3://{id} s3://NEW_NAME --source-region {region}
    """
    name = bucket.name
    problems = [
        said
        for wrong, said in (
            ("." in name, "holds a dot"),
            (not 3 <= len(name) <= 63, "is not of 3 to 63 characters"),
            (NAME.fullmatch(name) is None, "holds other characters than a-z, 0-9 and hyphens, or ends in a hyphen"),
            (_is_address(name), "looks like an IP address"),
            (name.startswith(RESERVED_STARTS), "begins as only S3's own names do"),
            (name.endswith(RESERVED_ENDS), "ends as only S3's own names do"),
        )
        if wrong
    ]
    return failed(f"The name {', '.join(problems)}", problems=problems) if problems else passed()


def _is_address(name: str) -> bool:
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True


@rule(severity=Severity.INFORMATIONAL, notes="Signing / pre-signed URLs")
def s3_bucket_presigned_url_age_limited(
    bucket: Bucket, *, sensitive: tuple[str, ...] = SENSITIVE, every_bucket: bool = False
) -> Verdict:
    """Buckets of sensitive data refuse old pre-signed URLs.

    Risk: who made a URL says how long it opens the object, up to a week, and nobody can list or recall it.
    Fix: deny everyone s3:* where s3:signatureAge is NumericGreaterThan 600000 (milliseconds), in
    aws s3api put-bucket-policy --bucket {id} --region {region} --policy file://policy.json
    """
    tag = None if every_bucket else marked(bucket.labels, sensitive)
    if not every_bucket and tag is None:
        return not_applicable("No tag says that the bucket's data is sensitive")
    policy = policy_of(bucket)
    limits = [
        str(condition)
        for deny in (policy.denies if policy is not None else ())
        if deny.matches_action("s3:GetObject")
        for condition in deny.conditions_on("s3:signatureAge", "s3:authType")
        if condition.key == "s3:authtype" or _is_shorter_than_a_week(condition)
    ]
    if limits:
        return passed(limits=limits)
    return failed("Pre-signed URLs hold for as long as their makers said", tag=tag)


def _is_shorter_than_a_week(condition: Condition) -> bool:
    """Whether it is about signatures of an age that they can have: no URL holds for more than a week."""
    values = [value for value in condition.values if value.isdecimal()]
    return condition.operator.startswith("NumericGreaterThan") and any(int(value) < WEEK for value in values)


@rule(severity=Severity.INFORMATIONAL, notes="S3 baseline performance (per prefix)", category=Category.PERFORMANCE)
def s3_bucket_no_server_errors(bucket: Bucket, *, per_mille: float = 1.0) -> Verdict:
    """S3 answers requests without errors of its own.

    Risk: errors 503 say that more is asked of a prefix than S3 scales to at once: clients that do not wait fail.
    Fix: spread the keys over more prefixes, and let clients back off:
    aws configure set default.retry_mode adaptive
    """
    if not bucket.all_requests:
        return not_applicable(f"The bucket has no request metrics called {WHOLE_BUCKET}, or no requests")
    requests, errors = sum(bucket.all_requests), sum(bucket.server_errors)
    if requests and 1000 * errors > per_mille * requests:
        return failed("S3 answers requests with errors of its own", errors=round(errors), requests=round(requests))
    return passed(errors=round(errors), requests=round(requests))
