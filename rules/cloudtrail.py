"""Rules about CloudTrail: that the account is recorded, and that the record can be trusted."""

from collections.abc import Iterable

from auditor.analysis.bucket import evidence_of, ways_in
from auditor.findings import Severity
from auditor.inventory import Inventory
from auditor.resources.account import Account
from auditor.resources.cloudtrail import AdvancedEventSelector, EventSelector, Trail
from auditor.resources.s3 import Bucket
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule, seen, unknown

# The kinds of management events: what reads, and what changes something.
READ, WRITE = "read", "write"
BOTH = frozenset((READ, WRITE))
BASIC = {"All": BOTH, "ReadOnly": frozenset((READ,)), "WriteOnly": frozenset((WRITE,))}
# They come in such numbers that CloudTrail lets trails leave them out, and still counts as a record of everything.
VOLUMINOUS_SOURCES = {"kms.amazonaws.com", "rdsdata.amazonaws.com"}


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
    if any_of(lambda trail: _shortcoming(trail) is None, _trails(inventory)):
        return passed()
    trails = {trail.arn: _shortcoming(trail) for trail in _trails(inventory)}
    return failed("No trail records all management events of all regions", account=account.account, trails=trails)


def _trails(inventory: Inventory) -> Iterable[Trail]:
    """The trails that matter: those of all regions are listed in every region, so that one listing shows them all."""
    if any(inventory.missing(Trail, region) is None for region in inventory.header.regions):
        return inventory.known(Trail)
    return inventory.each(Trail)


def _shortcoming(trail: Trail) -> str | None:
    """Why the trail does not record all management events of all regions; None if it does."""
    if not trail.is_multi_region_trail:
        return "it records one region only"
    if not trail.status.is_logging:
        return "it is not logging"
    selectors = trail.event_selectors
    if selectors is None:
        return None
    recorded = {kind for basic in selectors.event_selectors for kind in _basic(basic)}
    recorded |= {kind for advanced in selectors.advanced_event_selectors for kind in _advanced(advanced)}
    lacking = sorted(BOTH - recorded)
    return f"it does not record all management events that {' or '.join(lacking)}" if lacking else None


def _basic(selector: EventSelector) -> frozenset[str]:
    """The kinds of management events that a basic selector records whole."""
    return BASIC.get(selector.read_write_type, frozenset()) if selector.include_management_events else frozenset()


def _advanced(selector: AdvancedEventSelector) -> frozenset[str]:
    """The kinds of management events that an advanced selector records whole."""
    kinds, is_management = BOTH, False
    for condition in selector.field_selectors:
        said = condition.model_dump(exclude={"field"}, exclude_defaults=True)
        match condition.field, said:
            case "eventCategory", {"equals": ("Management",), **rest} if not rest:
                is_management = True
            case "readOnly", {"equals": values, **rest} if not rest:
                kinds &= {READ if value == "true" else WRITE for value in values}
            case "eventSource", {"not_equals": values, **rest} if not rest and VOLUMINOUS_SOURCES.issuperset(values):
                pass
            case _:
                return frozenset()
    return kinds if is_management else frozenset()


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
