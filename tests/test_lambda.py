"""The function: one account from event to deliveries, runs that fail, are repeated, and run out of time."""

import gzip
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from auditor import lambda_handler
from auditor.audit import Audit, load
from auditor.aws.session import CannotStart
from auditor.delivery import courier
from auditor.demo.endpoint import Error
from auditor.findings import Status
from auditor.invocation import BadInvocation
from auditor.lambda_handler import DeliveryFailed, NotReached, handler
from tests.lab import Lab

ACCOUNT, BUCKET, DAY = "123456789012", "audit-results", "2026-11-22"
RULES = ["ec2-volume-encrypted", "s3-bucket-versioning-enabled", "sqs-queue-encrypted"]


class Context:
    """What Lambda hands a handler."""

    def __init__(self, seconds: float = 300.0, request_id: str = "request-1") -> None:
        self.aws_request_id = request_id
        self._end = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self._end - time.monotonic()) * 1000)


class Account:
    """The emulated account with what a function delivers to, and what has arrived there."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        lab.client("s3").create_bucket(Bucket=BUCKET)
        self.topic = lab.client("sns").create_topic(Name="digest")["TopicArn"]
        lab.client("events").create_event_bus(Name="audit")
        lab.client("securityhub").enable_security_hub()
        self.events: list[dict[str, Any]] = []
        self.imports: list[list[dict[str, Any]]] = []
        lab.endpoint.answers = {"events:PutEvents": self._events, "securityhub:BatchImportFindings": self._imports}
        self.refuse = 0

    def _events(self, params: Any, region: str, account: str) -> Any:
        refused, self.refuse = min(self.refuse, len(params["Entries"])), 0
        self.events += params["Entries"][refused:]
        failed = [{"ErrorCode": "InternalFailure", "ErrorMessage": "try again"}] * refused
        done = [{"EventId": str(number)} for number in range(len(params["Entries"]) - refused)]
        return {"FailedEntryCount": refused, "Entries": failed + done}

    def _imports(self, params: Any, region: str, account: str) -> None:
        self.imports.append(params["Findings"])  # and moto keeps them

    def event(self, run: str, **more: Any) -> dict[str, Any]:
        return {
            "run": run, "time": f"{DAY}T03:00:00Z", "bucket": BUCKET, "topic": self.topic, "bus": "audit",
            "security_hub": True, "rules": RULES, "regions": ["us-east-1"], **more,
        }  # fmt: skip

    def volume(self) -> str:
        made = self.lab.client("ec2").create_volume(AvailabilityZone="us-east-1a", Size=1, Encrypted=False)
        return str(made["VolumeId"])

    @property
    def keys(self) -> list[str]:
        found = self.lab.client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", ())
        return [each["Key"] for each in found]

    @property
    def messages(self) -> list[tuple[Any, ...]]:
        topics = self.lab.endpoint.backend("sns").topics
        return list(topics[self.topic].sent_notifications)

    @property
    def hub(self) -> dict[str, dict[str, Any]]:
        return {f.id: f.data for f in self.lab.endpoint.backend("securityhub").findings}

    def report(self, run: str) -> Audit:
        key = f"auditor/reports/account={ACCOUNT}/date={DAY}/{run}/report.json.gz"
        body = self.lab.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return load(gzip.decompress(body), key)


@pytest.fixture
def account(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setattr(courier, "PAUSE", 0.0)
    yield Account(lab)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_run_delivers_everything_once(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    volume = account.volume()
    result = handler(account.event("one", formats=["csv", "markdown"]), Context())
    where = f"auditor/reports/account={ACCOUNT}/date={DAY}/one"
    assert account.keys == sorted(
        [f"{where}/report.json.gz", f"{where}/report.csv", f"{where}/report.md",
         f"auditor/latest/account={ACCOUNT}.json", f"auditor/runs/account={ACCOUNT}/one.json"]
    )  # fmt: skip
    (said,) = result["accounts"]
    assert said["report"] == f"{where}/report.json.gz" and said["complete"] and said["coverage"] == 100.0
    assert said["delivered"] == ["latest", "digest", "events", "security_hub", "report csv", "report markdown"]
    failures = account.report("one").failures
    assert any(volume in finding.resource.arn for finding in failures)
    ((_, message, subject, *_),) = account.messages
    assert "first report" in subject and volume in message
    assert len(account.events) == len(failures) and {e["EventBusName"] for e in account.events} == {"audit"}
    assert {f["RecordState"] for f in account.hub.values()} == {"ACTIVE"} and len(account.hub) == len(failures)
    said_lines = lines(capsys)
    assert {line["request_id"] for line in said_lines} == {"request-1"}
    (metrics,) = [line for line in said_lines if "_aws" in line]
    assert metrics["Scans"] == 1 and metrics["Coverage"] == 100.0 and metrics["Calls"] > 0
    assert metrics["Function"] == "auditor" and metrics["DeliveryErrors"] == 0 and "Throttles" in metrics
    assert sum(value for name, value in metrics.items() if name in ("FindingsLow", "FindingsMedium")) > 0


def test_the_next_run_delivers_only_what_changed(account: Account) -> None:
    first = account.volume()
    handler(account.event("one"), Context())
    told = len(account.events), len(account.messages)
    imported = sum(map(len, account.imports))
    handler(account.event("two"), Context())
    assert (len(account.events), len(account.messages)) == told and sum(map(len, account.imports)) == imported
    second = account.volume()
    account.lab.client("ec2").delete_volume(VolumeId=first)
    result = handler(account.event("three"), Context())
    assert result["accounts"][0]["new"] == 1 and result["accounts"][0]["fixed"] == 1
    (event,) = account.events[told[0] :]
    assert second in event["Detail"] and event["DetailType"] == "Finding New"
    message = account.messages[-1]
    assert "1 new, 1 fixed" in message[2] and first in message[1] and second in message[1]
    update, archived = sorted(account.imports[-1], key=lambda finding: str(finding["RecordState"]))
    assert second in update["Resources"][0]["Id"] and archived["RecordState"] == "ARCHIVED"
    assert account.hub[archived["Id"]]["RecordState"] == "ARCHIVED"


def test_the_same_event_again_duplicates_nothing(account: Account, lab: Lab) -> None:
    account.volume()
    handler(account.event("one"), Context())
    before = len(account.events), len(account.messages), len(account.imports), account.keys
    lab.endpoint.seen.clear()
    again = handler(account.event("one"), Context(request_id="request-2"))
    assert again["accounts"][0]["resumed"]
    assert (len(account.events), len(account.messages), len(account.imports), account.keys) == before
    assert not [name for _, name, _ in lab.endpoint.seen if name == "DescribeVolumes"]  # the account is not read again


def test_a_delivery_that_fails_fails_the_invocation_after_the_others(
    account: Account, lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    account.volume()
    with lab.but(deny=["sns:Publish"]), pytest.raises(DeliveryFailed, match="digest") as failed:
        handler(account.event("one", formats=["csv"]), Context())
    assert "1 deliveries failed" in str(failed.value)
    events = len(account.events)
    assert events and account.hub and any(key.endswith("report.csv") for key in account.keys)
    errors = [line for line in lines(capsys) if line.get("level") == "ERROR"]
    assert errors[0]["delivery"] == "digest" and errors[-1]["error"] == "DeliveryFailed"
    handler(account.event("one", formats=["csv"]), Context())  # as Lambda tries again
    assert len(account.messages) == 1 and "first report" in account.messages[0][2]
    assert len(account.events) == events


def test_refused_events_are_tried_again_alone(account: Account) -> None:
    for _ in range(12):
        account.volume()
    account.refuse = 3
    handler(account.event("one"), Context())
    details = [json.loads(event["Detail"])["finding"]["fingerprint"] for event in account.events]
    assert len(details) == len(set(details)) == len(account.report("one").failures)


def test_events_that_stay_refused_are_owed_to_the_next_try(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(12):
        account.volume()
    monkeypatch.setattr(courier, "ATTEMPTS", 1)
    account.refuse = 3
    with pytest.raises(DeliveryFailed, match="3 events were refused: InternalFailure: try again"):
        handler(account.event("one"), Context())
    there = len(account.events)
    handler(account.event("one"), Context())
    details = [json.loads(event["Detail"])["finding"]["fingerprint"] for event in account.events]
    assert len(account.events) == there + 3 and len(details) == len(set(details))


def test_findings_that_security_hub_refuses_fail_the_run_and_the_next_tells_all(account: Account, lab: Lab) -> None:
    account.volume()
    refused = {"FailedCount": 1, "SuccessCount": 0}

    def no(params: Any, region: str, owner: str) -> Any:
        failed = [{"Id": f["Id"], "ErrorCode": "InvalidInput", "ErrorMessage": "no"} for f in params["Findings"]]
        return refused | {"FailedFindings": failed}

    with lab.but(answers={"securityhub:BatchImportFindings": no}), pytest.raises(DeliveryFailed, match="InvalidInput"):
        handler(account.event("one"), Context())
    assert not account.hub
    handler(account.event("two"), Context())
    assert len(account.hub) == len(account.report("two").failures)


def test_with_little_time_left_the_rest_is_unknown_and_all_is_delivered(account: Account, lab: Lab) -> None:
    account.volume()

    def never(params: Any, region: str, owner: str) -> Any:
        time.sleep(2)  # longer than the function has
        return None

    with lab.but(answers={"ec2:DescribeVolumes": never}):
        result = handler(account.event("one"), Context(seconds=5.0))
    (said,) = result["accounts"]
    assert said["interrupted"] and not said["complete"] and "security_hub" in said["delivered"]
    audit = account.report("one")
    gaps = [gap for gap in audit.coverage.gaps if gap.operation == "DescribeVolumes"]
    assert gaps[0].kind == "stopped" and "deadline" in gaps[0].message
    assert {f.status for f in audit.findings if f.rule == "ec2-volume-encrypted"} == {Status.UNKNOWN}
    assert "cut short" in account.messages[0][2]


def test_an_account_that_never_answers_does_not_take_the_function_with_it(account: Account, lab: Lab) -> None:
    def never(params: Any, region: str, owner: str) -> Any:
        time.sleep(1.5)
        return None

    with lab.but(answers={"ec2:DescribeRegions": never}), pytest.raises(CannotStart, match="time was over"):
        handler(account.event("one"), Context(seconds=4.5))


def test_accounts_through_a_role(account: Account, lab: Lab) -> None:
    named = {"accounts": ["111111111111", "222222222222"], "role_arn": "arn:aws:iam::{account}:role/auditor-member"}
    result = handler(account.event("one", **named, external_id="a-secret", security_hub=False), Context())
    assert [each["account"] for each in result["accounts"]] == named["accounts"]
    for each in named["accounts"]:
        assert f"auditor/latest/account={each}.json" in account.keys

    def deny(params: Any, region: str, owner: str) -> Any:
        return Error("AccessDenied", "no such trust") if "222222222222" in params["RoleArn"] else None

    with lab.but(answers={"sts:AssumeRole": deny}), pytest.raises(NotReached, match=r"1 of 2 accounts .* 222222222222"):
        handler(account.event("two", **named, security_hub=False), Context())
    assert any("account=111111111111" in key and "/two/" in key for key in account.keys)


def test_settings_come_from_s3(account: Account, lab: Lab) -> None:
    account.volume()
    text = '[[suppress]]\nrule = "ec2-volume-encrypted"\nreason = "a test"\nowner = "me"\nexpires = 2099-01-01\n'
    lab.client("s3").put_object(Bucket=BUCKET, Key="auditor.toml", Body=text.encode())
    handler(account.event("one", config=f"s3://{BUCKET}/auditor.toml"), Context())
    assert account.report("one").summary.suppressed == 1
    lab.client("s3").put_object(Bucket=BUCKET, Key="auditor.toml", Body=b"[scna]\n")
    with pytest.raises(BadInvocation, match=rf"^s3://{BUCKET}/auditor.toml: unknown key scna; did you mean scan"):
        handler(account.event("two", config=f"s3://{BUCKET}/auditor.toml"), Context())
    with pytest.raises(BadInvocation, match="NoSuchKey"):
        handler(account.event("two", config=f"s3://{BUCKET}/other.toml"), Context())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"rules": ["s3-bucket"]}, "unknown rule"), ({"formats": ["htlm"]}, "did you mean html"),
     ({"config": "no.toml"}, "no.toml cannot be read")],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_before_the_account_is_read(account: Account, wrong: Any, said: str) -> None:
    with pytest.raises(BadInvocation, match=said):
        handler(account.event("one", **wrong), Context())
    assert not account.keys


def test_a_report_that_cannot_be_stored_fails_the_run(account: Account, lab: Lab) -> None:
    with lab.but(deny=["s3:PutObject"]), pytest.raises(Exception, match="AccessDenied"):
        handler(account.event("one"), Context())
    assert not account.messages and not account.events


def test_a_damaged_or_lost_last_run_costs_the_comparison_alone(
    account: Account, lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    handler(account.event("one"), Context())
    lab.client("s3").put_object(Bucket=BUCKET, Key=f"auditor/latest/account={ACCOUNT}.json", Body=b"{")
    result = handler(account.event("two"), Context())
    assert result["accounts"][0]["new"] is None
    assert any("is damaged" in line["message"] for line in lines(capsys) if line.get("level") == "WARN")


def test_what_is_stored_is_encrypted_and_not_public(account: Account, lab: Lab) -> None:
    key = lab.client("kms").create_key()["KeyMetadata"]["Arn"]
    result = handler(account.event("one", kms_key=key, bucket_owner=ACCOUNT), Context())
    stored = lab.client("s3").head_object(Bucket=BUCKET, Key=result["accounts"][0]["report"])
    assert stored["ServerSideEncryption"] == "aws:kms" and stored["SSEKMSKeyId"] == key
    grants = lab.client("s3").get_object_acl(Bucket=BUCKET, Key=result["accounts"][0]["report"])["Grants"]
    assert not [grant for grant in grants if "URI" in grant["Grantee"]]


def test_each_run_lands_in_the_lake(account: Account, lab: Lab) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    account.volume()
    handler(account.event("one", lake=True), Context())
    from io import BytesIO

    for table in ("findings", "resources"):
        key = f"auditor/lake/{table}/account={ACCOUNT}/date={DAY}/one.parquet"
        body = lab.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
        assert parquet.read_table(BytesIO(body)).num_rows > 0


def test_parts_of_an_account_do_not_touch_each_other(account: Account) -> None:
    handler(account.event("one", part="a"), Context())
    handler(account.event("one", part="b", regions=["eu-west-1"]), Context())
    assert f"auditor/latest/account={ACCOUNT}.a.json" in account.keys
    assert f"auditor/reports/account={ACCOUNT}/date={DAY}/one.b/report.json.gz" in account.keys


def test_the_handler_needs_nothing_of_the_terminal() -> None:
    import subprocess
    import sys

    text = "import sys, auditor.lambda_handler; print(sorted({'click', 'pygments', 'moto'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert lambda_handler.RULES and "json" in lambda_handler.REPORTS
