"""CloudTrail: that the account is recorded, and that the record can be trusted."""

import json
from typing import Any

import pytest

from auditor.demo.endpoint import Error
from tests.lab import Lab

ACCOUNT, OTHER = "123456789012", "222222222222"
RECORDED = "cloudtrail-multi-region-trail-logging"
VALIDATED = "cloudtrail-trail-log-validation-enabled"
ENCRYPTED = "cloudtrail-trail-encrypted-with-kms"
PRIVATE = "cloudtrail-trail-bucket-not-public"

LIST, STATUS, SELECTORS = "cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors"
TRAIL: dict[str, Any] = {
    "Name": "trail",
    "TrailARN": f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/trail",
    "HomeRegion": "us-east-1",
    "S3BucketName": "logs",
    "IsMultiRegionTrail": True,
    "LogFileValidationEnabled": True,
    "HasCustomEventSelectors": False,
    "KmsKeyId": f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k",
}
OF_ORGANIZATION = {"TrailARN": f"arn:aws:cloudtrail:us-east-1:{OTHER}:trail/trail"}
LOGGING, STOPPED = {STATUS: {"IsLogging": True}}, {STATUS: {"IsLogging": False}}


def trails(*changes: dict[str, Any]) -> dict[str, Any]:
    """What AWS says of trails that are as they should be but for these changes; None leaves a member out."""
    made = [TRAIL | change for change in changes]
    return {LIST: {"trailList": [{k: v for k, v in one.items() if v is not None} for one in made]}}


def create(lab: Lab, name: str = "trail", region: str = "us-east-1", **options: Any) -> Any:
    """A trail that logs into a bucket "logs", and the client of its region."""
    lab.client("s3").create_bucket(Bucket="logs")
    cloudtrail = lab.client("cloudtrail", region)
    cloudtrail.create_trail(Name=name, S3BucketName="logs", **options)
    return cloudtrail


# --- a record of all regions


@pytest.mark.parametrize(
    ("change", "status", "expected"),
    [
        ({}, LOGGING, "pass"),
        (OF_ORGANIZATION, LOGGING, "pass"),
        ({}, STOPPED, "fail"),
        ({"IsMultiRegionTrail": False}, LOGGING, "fail"),
        ({"IsMultiRegionTrail": None}, LOGGING, "unknown"),
    ],
)
def test_recorded(lab: Lab, change: dict[str, Any], status: dict[str, Any], expected: str) -> None:
    finding = lab.findings(RECORDED, answers=trails(change) | status)[ACCOUNT]
    assert (finding.status, finding.severity) == (expected, "high")


def test_nothing_records_without_a_trail(lab: Lab) -> None:
    finding = lab.findings(RECORDED)[ACCOUNT]
    assert (finding.status, finding.evidence) == ("fail", {"account": ACCOUNT, "trails": {}})


def basic(*selectors: dict[str, Any]) -> dict[str, Any]:
    return {"EventSelectors": list(selectors)}


def advanced(*selectors: dict[str, dict[str, list[str]]]) -> dict[str, Any]:
    """Selectors that take management events under these conditions."""
    management = {"eventCategory": {"Equals": ["Management"]}}
    every = [management | selector for selector in selectors]
    named = [[{"Field": field} | how for field, how in selector.items()] for selector in every]
    return {"AdvancedEventSelectors": [{"FieldSelectors": fields} for fields in named]}


READS, WRITES = {"readOnly": {"Equals": ["true"]}}, {"readOnly": {"Equals": ["false"]}}
NO_KMS = {"eventSource": {"NotEquals": ["kms.amazonaws.com", "rdsdata.amazonaws.com"]}}


@pytest.mark.parametrize(
    ("selectors", "status"),
    [
        (basic({"ReadWriteType": "All", "IncludeManagementEvents": True}), "pass"),
        (basic({}), "pass"),
        (basic({"ReadWriteType": "All", "IncludeManagementEvents": False}), "fail"),
        (basic({"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True}), "fail"),
        (basic({"ReadWriteType": "ReadOnly"}, {"ReadWriteType": "WriteOnly"}), "pass"),
        (basic({"ReadWriteType": "All", "ExcludeManagementEventSources": ["kms.amazonaws.com"]}), "pass"),
        (basic({"IncludeManagementEvents": False}, {"ReadWriteType": "All"}), "pass"),
        (advanced({}), "pass"),
        (advanced(NO_KMS), "pass"),
        (advanced(READS), "fail"),
        (advanced(WRITES), "fail"),
        (advanced(READS, WRITES), "pass"),
        (advanced({"readOnly": {"Equals": ["true", "false"]}}), "pass"),
        (advanced({"readOnly": {"NotEquals": ["true"]}}), "fail"),
        (advanced({"eventSource": {"NotEquals": ["iam.amazonaws.com"]}}), "fail"),
        (advanced({"eventSource": {"NotEquals": ["kms.amazonaws.com"], "StartsWith": ["s3"]}}), "fail"),
        (advanced({"eventSource": {"Equals": ["iam.amazonaws.com"]}}), "fail"),
        (advanced({"eventName": {"NotStartsWith": ["Describe"]}}), "fail"),
        (advanced({"eventCategory": {"Equals": ["Data"]}}), "fail"),
        (advanced(WRITES, {"eventCategory": {"Equals": ["Data"]}}), "fail"),
        (advanced(), "fail"),
    ],
)
def test_recorded_by_selectors(lab: Lab, selectors: dict[str, Any], status: str) -> None:
    answers = trails({"HasCustomEventSelectors": True}) | LOGGING | {SELECTORS: selectors}
    assert lab.statuses(RECORDED, answers=answers) == {ACCOUNT: status}


def test_what_each_trail_lacks_is_shown(lab: Lab) -> None:
    answers = trails(
        {"HasCustomEventSelectors": True}, {"TrailARN": TRAIL["TrailARN"] + "2", "IsMultiRegionTrail": False}
    )
    answers |= LOGGING | {SELECTORS: advanced(WRITES)}
    assert lab.findings(RECORDED, answers=answers)[ACCOUNT].evidence["trails"] == {
        TRAIL["TrailARN"]: "it does not record all management events that read",
        TRAIL["TrailARN"] + "2": "it records one region only",
    }


@pytest.mark.parametrize("denied", [LIST, STATUS, SELECTORS])
def test_unread_record_is_unknown(lab: Lab, denied: str) -> None:
    answers = trails({"HasCustomEventSelectors": True}) | LOGGING | {SELECTORS: basic({})}
    assert lab.statuses(RECORDED, answers=answers) == {ACCOUNT: "pass"}
    assert lab.statuses(RECORDED, answers=answers, deny=[denied]) == {ACCOUNT: "unknown"}


@pytest.mark.parametrize(
    ("change", "answers", "denied"),
    [
        ({"HasCustomEventSelectors": True}, STOPPED | {SELECTORS: basic({})}, SELECTORS),
        ({"IsMultiRegionTrail": False}, LOGGING, STATUS),
    ],
)
def test_unread_matters_only_where_it_decides(
    lab: Lab, change: dict[str, Any], answers: dict[str, Any], denied: str
) -> None:
    assert lab.statuses(RECORDED, answers=trails(change) | answers, deny=[denied]) == {ACCOUNT: "fail"}


def test_one_good_trail_makes_up_for_an_unread_one(lab: Lab) -> None:
    def status(params: dict[str, Any], region: str, account: str) -> dict[str, Any] | Error:
        return Error("AccessDenied", "no", status=400) if params["Name"].endswith("2") else {"IsLogging": True}

    answers = trails({"TrailARN": TRAIL["TrailARN"] + "2"}, {}) | {STATUS: status}
    assert lab.statuses(RECORDED, answers=answers) == {ACCOUNT: "pass"}


REGIONS = ("us-east-1", "eu-west-1")


@pytest.mark.parametrize(
    ("denied", "expected"),
    [([f"{LIST}@eu-west-1"], "fail"), ([f"{LIST}@us-east-1"], "fail"), ([LIST], "unknown")],
)
def test_one_region_lists_all_trails_that_matter(lab: Lab, denied: list[str], expected: str) -> None:
    create(lab)
    assert lab.statuses(RECORDED, regions=REGIONS, deny=denied) == {ACCOUNT: expected}


def test_a_trail_is_asked_in_its_home_region_whatever_regions_were_chosen(lab: Lab) -> None:
    create(lab, IsMultiRegionTrail=True).start_logging(Name="trail")
    assert lab.statuses(RECORDED, regions=["eu-west-1"]) == {ACCOUNT: "pass"}
    assert lab.statuses(RECORDED, regions=["eu-west-1"], deny=[f"{STATUS}@us-east-1"]) == {ACCOUNT: "unknown"}


# --- each trail


@pytest.mark.parametrize(
    ("rule_id", "change", "status"),
    [
        (VALIDATED, {}, "pass"),
        (VALIDATED, {"LogFileValidationEnabled": False}, "fail"),
        (VALIDATED, {"LogFileValidationEnabled": None}, "unknown"),
        (VALIDATED, {"LogFileValidationEnabled": False} | OF_ORGANIZATION, "not_applicable"),
        (ENCRYPTED, {}, "pass"),
        (ENCRYPTED, {"KmsKeyId": None}, "fail"),
        (ENCRYPTED, {"KmsKeyId": ""}, "fail"),
        (ENCRYPTED, {"KmsKeyId": None} | OF_ORGANIZATION, "not_applicable"),
    ],
)
def test_each_trail(lab: Lab, rule_id: str, change: dict[str, Any], status: str) -> None:
    finding = lab.findings(rule_id, answers=trails(change))["trail"]
    assert (finding.status, finding.severity) == (status, "medium")


@pytest.mark.parametrize("rule_id", [VALIDATED, ENCRYPTED, PRIVATE])
def test_unlisted_trails_are_unknown(lab: Lab, rule_id: str) -> None:
    assert lab.statuses(rule_id, deny=[LIST]) == {"*": "unknown"}


def test_a_trail_of_all_regions_is_judged_once_wherever_it_is_seen(lab: Lab) -> None:
    create(lab, IsMultiRegionTrail=True, EnableLogFileValidation=False)
    judged = lab.judge(VALIDATED, regions=REGIONS)
    assert [finding.resource.region for finding in judged.findings] == ["us-east-1"]
    abroad = lab.judge(VALIDATED, regions=["eu-west-1"])
    assert abroad.findings == judged.findings


def test_a_trail_of_another_region_alone_is_not_seen(lab: Lab) -> None:
    create(lab, IsMultiRegionTrail=False)
    assert lab.statuses(VALIDATED, regions=["eu-west-1"]) == {}


# --- the bucket


def publish(lab: Lab) -> None:
    everyone = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::logs/*"}
    lab.client("s3").put_bucket_policy(Bucket="logs", Policy=json.dumps({"Statement": [everyone]}))


def test_private_bucket(lab: Lab) -> None:
    create(lab)
    assert lab.statuses(PRIVATE) == {"trail": "pass"}


def test_bucket_public_by_policy(lab: Lab) -> None:
    create(lab)
    publish(lab)
    finding = lab.findings(PRIVATE)["trail"]
    assert (finding.status, finding.severity) == ("fail", "critical")
    assert finding.evidence["s3_bucket_name"] == "logs"
    assert finding.evidence["aws_says_public"] is True


def test_bucket_public_by_acl(lab: Lab) -> None:
    create(lab)
    lab.client("s3").put_bucket_acl(Bucket="logs", ACL="public-read")
    assert lab.statuses(PRIVATE) == {"trail": "fail"}


def test_bucket_that_is_gone(lab: Lab) -> None:
    create(lab)
    lab.client("s3").delete_bucket(Bucket="logs")
    finding = lab.findings(PRIVATE)["trail"]
    assert (finding.status, finding.message) == ("fail", "The trail's bucket does not exist")


def test_bucket_of_another_account(lab: Lab) -> None:
    lab.endpoint.client("s3", account=OTHER).create_bucket(Bucket="logs")
    assert lab.statuses(PRIVATE, answers=trails({})) == {"trail": "unknown"}
    refused = {"s3:GetBucketLocation": Error("AccessDenied", "no", status=403)}
    finding = lab.findings(PRIVATE, answers=trails({}) | refused)["trail"]
    assert (finding.status, finding.evidence) == ("unknown", {"s3_bucket_name": "logs"})


def test_bucket_of_a_trail_of_another_account(lab: Lab) -> None:
    assert lab.statuses(PRIVATE, answers=trails(OF_ORGANIZATION)) == {"trail": "not_applicable"}
    assert lab.endpoint.seen["s3", "GetBucketLocation", "us-east-1"] == 0


@pytest.mark.parametrize(
    "denied", ["s3:ListBuckets", "s3:GetBucketPolicy", "s3:GetBucketAcl"], ids=lambda name: name.partition(":")[2]
)
def test_unread_bucket_is_unknown(lab: Lab, denied: str) -> None:
    create(lab)
    assert lab.statuses(PRIVATE, deny=[denied]) == {"trail": "unknown"}


def test_whether_a_bucket_is_gone_is_asked_once(lab: Lab) -> None:
    create(lab, IsMultiRegionTrail=True)
    lab.client("s3").delete_bucket(Bucket="logs")
    assert lab.statuses(PRIVATE, regions=("us-east-1", "eu-west-1", "eu-central-1")) == {"trail": "fail"}
    assert lab.endpoint.seen["s3", "GetBucketLocation", "us-east-1"] == 1


def test_bucket_in_a_region_that_was_not_asked_for_is_unknown(lab: Lab) -> None:
    create(lab, IsMultiRegionTrail=True)
    assert lab.statuses(PRIVATE, regions=["eu-west-1"]) == {"trail": "unknown"}
