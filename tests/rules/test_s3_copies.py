"""S3: what is kept of data and accesses: versions, access logs, replicas."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from auditor.aws.errors import kind_of
from auditor.demo.endpoint import Error
from auditor.fetch import CallError
from auditor.resources.s3 import is_gone
from tests.lab import Lab
from tests.rules.s3_answers import ACCOUNT, OTHER, make

VERSIONING = "s3-bucket-versioning-enabled"
LOGGING = "s3-bucket-access-logging-target-not-self"
REPLICATION = "s3-bucket-replication-destination-valid"

READ_LOGGING, READ_VERSIONING = "s3:GetBucketLogging", "s3:GetBucketVersioning"
READ_REPLICATION, LOCATE = "s3:GetBucketReplication", "s3:GetBucketLocation"

ROLE = {"Statement": {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}}


# --- versioning


@pytest.mark.parametrize(("state", "status"), [(None, "fail"), ("Suspended", "fail"), ("Enabled", "pass")])
def test_versioning(lab: Lab, state: str | None, status: str) -> None:
    s3 = make(lab, "bucket")
    if state:
        s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": state})
    finding = lab.findings(VERSIONING)["bucket"]
    assert (finding.status, finding.severity) == (status, "medium")


def log_to(lab: Lab, **targets: str) -> None:
    """Let each of these buckets log into the other."""

    def answer(params: Mapping[str, Any], region: str, account: str) -> dict[str, Any]:
        target = targets.get(params["Bucket"])
        return {"LoggingEnabled": {"TargetBucket": target, "TargetPrefix": "logs/"}} if target else {}

    lab.endpoint.answers = {**lab.endpoint.answers, READ_LOGGING: answer}


def test_versioning_matters_less_where_logs_arrive(lab: Lab) -> None:
    make(lab, "logs", "photos", "selfie")
    log_to(lab, photos="logs", selfie="selfie")
    found = lab.findings(VERSIONING)
    assert {name: finding.severity for name, finding in found.items()} == {
        "logs": "low",
        "photos": "medium",
        "selfie": "medium",
    }


def test_unread_versioning_is_unknown(lab: Lab) -> None:
    make(lab, "bucket")
    assert lab.statuses(VERSIONING, deny=[READ_VERSIONING]) == {"bucket": "unknown"}


def test_unread_logging_leaves_only_the_severity_open(lab: Lab) -> None:
    make(lab, "one", "two")
    found = lab.findings(VERSIONING, deny=[READ_LOGGING])
    assert {(finding.status, finding.severity) for finding in found.values()} == {("fail", "medium")}
    assert all("severity_unsettled" in finding.evidence for finding in found.values())


# --- access logs


def test_access_logging(lab: Lab) -> None:
    make(lab, "silent", "photos", "logs", "selfie", "ping", "pong", "lost", "far")
    make(lab, "abroad", region="eu-west-1")
    log_to(lab, photos="logs", selfie="selfie", ping="pong", pong="ping", lost="deleted", far="abroad")
    assert lab.statuses(LOGGING) == {
        "silent": "not_applicable",
        "photos": "pass",
        "logs": "not_applicable",
        "selfie": "fail",
        "ping": "fail",
        "pong": "fail",
        "lost": "fail",
        "far": "fail",
    }


def test_unread_access_logging(lab: Lab) -> None:
    make(lab, "photos", "logs")
    log_to(lab, photos="logs")
    assert lab.statuses(LOGGING, deny=[READ_LOGGING]) == {"photos": "unknown", "logs": "unknown"}
    assert lab.statuses(LOGGING, deny=["s3:ListBuckets"]) == {"*": "unknown"}


def test_unread_logging_of_the_target_is_unknown(lab: Lab) -> None:
    make(lab, "photos", "logs")

    def answer(params: Mapping[str, Any], region: str, account: str) -> dict[str, Any] | Error:
        logging = {"LoggingEnabled": {"TargetBucket": "logs", "TargetPrefix": ""}}
        return logging if params["Bucket"] == "photos" else Error("AccessDenied", "no", status=403)

    assert lab.statuses(LOGGING, answers={READ_LOGGING: answer}) == {"photos": "unknown", "logs": "unknown"}


# --- replication


def replicate(lab: Lab, *destinations: dict[str, str], role: str = "replicator", status: str = "Enabled") -> None:
    """Let the bucket "source" replicate to these destinations."""
    rules = [{"Status": status, "Destination": destination} for destination in destinations]
    arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
    configuration = {"ReplicationConfiguration": {"Role": arn, "Rules": rules}}

    def answer(params: Mapping[str, Any], region: str, account: str) -> dict[str, Any] | None:
        return configuration if params["Bucket"] == "source" else None

    lab.endpoint.answers = {**lab.endpoint.answers, READ_REPLICATION: answer}


def to(name: str, **more: str) -> dict[str, str]:
    return {"Bucket": f"arn:aws:s3:::{name}", **more}


@pytest.fixture
def source(lab: Lab) -> Lab:
    """A bucket "source", a versioned bucket "copy", one of another account, "foreign", and a role."""
    s3 = make(lab, "source", "copy")
    s3.put_bucket_versioning(Bucket="copy", VersioningConfiguration={"Status": "Enabled"})
    lab.endpoint.client("s3", account=OTHER).create_bucket(Bucket="foreign")
    lab.client("iam").create_role(RoleName="replicator", AssumeRolePolicyDocument=json.dumps(ROLE))
    return lab


def test_replication_to_good_destinations(source: Lab) -> None:
    replicate(source, to("copy"), to("copy"))
    assert source.statuses(REPLICATION) == {"source": "pass", "copy": "not_applicable"}


def test_replication_that_is_off_is_not_applicable(source: Lab) -> None:
    replicate(source, to("deleted"), status="Disabled")
    assert source.statuses(REPLICATION)["source"] == "not_applicable"


@pytest.mark.parametrize(
    ("destination", "message"),
    [
        (to("deleted"), "deleted does not exist"),
        (to("deleted", Account=ACCOUNT), "deleted does not exist"),
        (to("deleted", Account=OTHER), "deleted does not exist"),
        (to("foreign", Account=ACCOUNT), "foreign does not exist"),
        (to("source"), "source does not keep versions"),
    ],
)
def test_replication_to_bad_destinations(source: Lab, destination: dict[str, str], message: str) -> None:
    replicate(source, to("copy"), destination)
    finding = source.findings(REPLICATION)["source"]
    assert (finding.status, finding.severity, finding.message) == ("fail", "high", message)


@pytest.mark.parametrize("more", [{}, {"Account": OTHER}])
def test_replication_to_another_account_is_unknown(source: Lab, more: dict[str, str]) -> None:
    replicate(source, to("copy"), to("foreign", **more))
    finding = source.findings(REPLICATION)["source"]
    assert (finding.status, finding.evidence) == ("unknown", {"destinations": ["foreign"]})


def test_replication_by_a_role_that_is_gone(source: Lab) -> None:
    replicate(source, to("copy"), role="deleted")
    assert source.statuses(REPLICATION)["source"] == "fail"


def test_replication_to_regions(source: Lab) -> None:
    replicate(source, to("copy"))
    assert source.statuses(REPLICATION, approved_regions=("us-east-1",))["source"] == "pass"
    finding = source.findings(REPLICATION, approved_regions=("eu-west-1",))["source"]
    assert finding.message == "copy lies in us-east-1, which is not approved"


def test_replication_to_a_region_that_was_not_asked_for(source: Lab) -> None:
    make(source, "abroad", region="eu-west-1")
    replicate(source, to("abroad"))
    assert source.statuses(REPLICATION)["source"] == "unknown"
    assert source.statuses(REPLICATION, approved_regions=("us-east-1",))["source"] == "fail"


@pytest.mark.parametrize(
    ("destination", "denied", "status"),
    [
        ("copy", READ_REPLICATION, "unknown"),
        ("copy", READ_VERSIONING, "unknown"),
        ("copy", "iam:GetAccountAuthorizationDetails", "unknown"),
        ("deleted", READ_VERSIONING, "fail"),
        ("deleted", "iam:GetAccountAuthorizationDetails", "fail"),
    ],
)
def test_unread_replication(source: Lab, destination: str, denied: str, status: str) -> None:
    replicate(source, to(destination))
    assert source.statuses(REPLICATION, deny=[denied])["source"] == status


@pytest.mark.parametrize(
    ("code", "gone"),
    [
        ("NoSuchBucket", True),
        ("AccessDenied", False),
        # What S3 says of a bucket of another region, where the client does not follow by itself.
        ("PermanentRedirect", False),
        ("AuthorizationHeaderMalformed", False),
        ("IllegalLocationConstraintException", False),
    ],
)
def test_only_s3_says_that_a_bucket_is_gone(code: str, gone: bool) -> None:
    class Refusing:
        regions = ("us-east-1",)

        async def __call__(self, operation: str, /, **params: Any) -> list[dict[str, Any]]:
            raise CallError(kind_of(code, 400), code, "")

    assert asyncio.run(is_gone(Refusing(), "bucket")) is gone


def test_a_destination_that_may_not_be_asked_for_is_unknown(source: Lab) -> None:
    replicate(source, to("copy"), to("deleted"))

    def refuse(params: Mapping[str, Any], region: str, account: str) -> Error | None:
        return Error("AccessDenied", "no", status=403) if params["Bucket"] == "deleted" else None

    assert source.statuses(REPLICATION, answers={LOCATE: refuse})["source"] == "unknown"
