"""The scan of an organization on Step Functions: the definition, run by moto's interpreter with the real functions.

What moto's interpreter does: Distributed Map with an ItemReader over JSON in S3, ItemSelector, MaxConcurrencyPath,
Retry, Catch, the SDK's putObject, ResultWriter, Choice, Fail. What it does not: it takes no heed of
ToleratedFailurePercentage (the first item that fails ends its map), which the definition does not lean on, since each
item catches its own failure; and it holds nobody to the 256 KB of a state, which is held here.
"""

import io
import json
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from moto.stepfunctions.parser.utils import TMP_THREADS

from auditor import lambda_handler, organization_handlers
from auditor.demo.endpoint import Error
from auditor.invocation import BadInvocation
from auditor.rollup import Rollup
from tests.lab import Lab

DEFINITION = (Path(__file__).parent.parent / "deploy" / "organization.asl.json").read_text()
BUCKET = "northwind-audits"
ROLE = "arn:aws:iam::{account}:role/auditor-member"
OWN = "123456789012"
RULE = "ec2-volume-encrypted"
LARGEST_STATE = 256 * 1024
TIMED_OUT = {
    "errorType": "Sandbox.Timedout",
    "errorMessage": "RequestId: 1 Error: Task timed out after 900.00 seconds",
}


class Context:
    """What Lambda gives a function beside the event."""

    aws_request_id = "00000000-0000-0000-0000-000000000001"

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


HANDLERS = {
    "accounts": organization_handlers.accounts,
    "scan": lambda_handler.handler,
    "reduce": organization_handlers.reduce,
}


class Cloud:
    """Organizations, S3, SNS, Lambda and Step Functions of one emulated account that audits the others."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.deny: set[str] = set()
        self.slow: set[str] = set()
        # The environment of the function that lists; the others have the same bucket and rules, and no role.
        # The endpoint answers through us in six threads at most, and a scan needs one more for its role.
        self.listing: dict[str, Any] = {"role_arn": ROLE, "external_id": "x-1", "at_once": 3}
        self.invoked: list[tuple[str, Mapping[str, Any]]] = []
        lab.client("s3").create_bucket(Bucket=BUCKET)
        self.topic = lab.client("sns").create_topic(Name="audits")["TopicArn"]
        queue = lab.client("sqs").create_queue(QueueName="told")["QueueUrl"]
        arn = lab.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
        lab.client("sns").subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn["QueueArn"])
        self.queue = queue
        lab.endpoint.answers = {"lambda:Invoke": self.invoke, "sts:AssumeRole": self.assume}

    def assume(self, params: Mapping[str, Any], *_: str) -> Error | None:
        if params["RoleArn"].split(":")[4] in self.deny:
            return Error("AccessDenied", f"not authorized to perform: sts:AssumeRole on {params['RoleArn']}", 403)
        return None

    def invoke(self, params: Mapping[str, Any], *_: str) -> dict[str, Any]:
        """Lambda: the real handler, in a process that is ours."""
        payload = params["Payload"]
        event = json.loads(payload.read() if hasattr(payload, "read") else payload)
        if params["FunctionName"] == "accounts":
            event = self.listing | event
        self.invoked.append((params["FunctionName"], event))
        if any(f"::{account}:" in str(event.get("role_arn")) for account in self.slow):
            return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": json.dumps(TIMED_OUT).encode()}
        try:
            with redirect_stdout(io.StringIO()):
                said = HANDLERS[params["FunctionName"]](event, Context())
        except Exception as error:
            said = {"errorType": type(error).__name__, "errorMessage": str(error)}
            return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": json.dumps(said).encode()}
        body = json.dumps(said).encode()
        assert len(body) < LARGEST_STATE // 16, "a result is no size of an account"
        return {"StatusCode": 200, "Payload": body}

    def run(self, name: str) -> dict[str, Any]:
        """Execute the definition to its end."""
        definition = DEFINITION
        values = {
            "Partition": "aws", "AccountsFunction": "accounts", "ScanFunction": "scan", "ReduceFunction": "reduce",
            "Topic": self.topic, "Bucket": BUCKET, "Prefix": "auditor",
        }  # fmt: skip
        for key, value in values.items():
            definition = definition.replace(f"${{{key}}}", value)
        assert "${" not in definition
        states = self.lab.client("stepfunctions")
        machines = {each["name"]: each["stateMachineArn"] for each in states.list_state_machines()["stateMachines"]}
        arn = machines.get("organization") or states.create_state_machine(
            name="organization", definition=definition, roleArn=f"arn:aws:iam::{OWN}:role/states"
        )["stateMachineArn"]  # fmt: skip
        before = len(TMP_THREADS)  # the first one that comes now is the execution's own
        execution = states.start_execution(stateMachineArn=arn, name=name, input="{}")["executionArn"]
        TMP_THREADS[before].join(timeout=60)
        said: dict[str, Any] = states.describe_execution(executionArn=execution)
        return said

    def keys(self, prefix: str) -> list[str]:
        pages = self.lab.client("s3").get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [each["Key"] for page in pages for each in page.get("Contents", ())]

    def report(self, run: str) -> Rollup:
        (key,) = (key for key in self.keys("auditor/organization/") if key.endswith(f"/{run}/report.json"))
        return Rollup.model_validate_json(self.lab.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read())

    def told(self) -> list[dict[str, Any]]:
        got = self.lab.client("sqs").receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", ())
        return [json.loads(each["Body"]) for each in got]


@pytest.fixture
def cloud(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    from moto.core.config import default_user_config
    from moto.stepfunctions.parser.asl.utils import boto_client

    monkeypatch.setitem(default_user_config, "stepfunctions", {"execute_state_machine": True})
    monkeypatch.setattr(boto_client, "moto_server_port", lambda: urlsplit(lab.endpoint.url).port)
    for name, value in {"BUCKET": BUCKET, "REGIONS": "us-east-1", "RULES": RULE}.items():
        monkeypatch.setenv(f"AUDITOR_{name}", value)
    return Cloud(lab)


def organization(cloud: Cloud, count: int) -> list[str]:
    """So many accounts, the first of them ours, with a volume in each that is not encrypted."""
    client = cloud.lab.client("organizations")
    client.create_organization(FeatureSet="ALL")
    made = [client.create_account(AccountName=f"team-{n}", Email=f"team-{n}@example.com") for n in range(1, count)]
    ids = [OWN, *(each["CreateAccountStatus"]["AccountId"] for each in made)]
    for account in ids:
        volume(cloud, account)
    return ids


@pytest.fixture
def accounts(cloud: Cloud) -> list[str]:
    """The organization of most tests: four accounts."""
    return organization(cloud, 4)


def volume(cloud: Cloud, account: str) -> None:
    where = None if account == OWN else account
    cloud.lab.endpoint.client("ec2", "us-east-1", where).create_volume(AvailabilityZone="us-east-1a", Size=1)


def test_the_report_of_25_accounts_names_the_three_that_deny_and_the_one_that_timed_out_first(cloud: Cloud) -> None:
    accounts = organization(cloud, 25)
    cloud.deny, cloud.slow = set(accounts[3:6]), {accounts[9]}
    cloud.listing["tolerated_percent"] = 20
    done = cloud.run("night-1")
    assert done["status"] == "SUCCEEDED", done
    made = cloud.report("night-1")
    assert (made.expected, made.reached) == (25, 21)
    assert {each.account: each.code for each in made.not_reached} == {
        **dict.fromkeys(accounts[3:6], "CannotStart"), accounts[9]: "Sandbox.Timedout",
    }  # fmt: skip
    assert all("sts:AssumeRole" in each.message for each in made.not_reached if each.account in cloud.deny)
    assert [(rule.rule, rule.failures, rule.accounts) for rule in made.rules] == [(RULE, 21, 21)]
    assert {row.account for row in made.accounts} == set(accounts) - cloud.deny - cloud.slow
    (told,) = cloud.told()
    assert told["Subject"] == "AWS audit: 21 of 25 accounts were reached"
    assert all(each in told["Message"] for each in (*cloud.deny, *cloud.slow))

    # What passes from state to state is keys and counts.
    states = cloud.lab.client("stepfunctions")
    events = states.get_execution_history(executionArn=done["executionArn"])["events"]
    passed = [json.dumps(event, default=str) for event in events]
    assert len(events) < 100 and all("vol-" not in each and len(each) < LARGEST_STATE // 16 for each in passed)
    scans = [event for name, event in cloud.invoked if name == "scan"]
    assert {event["role_arn"] for event in scans} == {ROLE.replace("{account}", each) for each in accounts}
    assert {event["external_id"] for event in scans} == {"x-1"}

    # The next night tells only of what changed.
    cloud.deny, cloud.slow = set(), set()
    cloud.listing["accounts"] = accounts[:3]
    volume(cloud, accounts[1])
    assert cloud.run("night-2")["status"] == "SUCCEEDED"
    later = cloud.report("night-2")
    assert later.not_reached == [] and later.changes is not None
    assert (later.changes.new, later.changes.remaining, later.compared) == (1, 3, 3)
    assert [change.account for change in later.changes.worst_new] == [accounts[1]]


def test_an_execution_fails_where_too_few_accounts_were_reached_and_the_report_is_there(
    cloud: Cloud, accounts: list[str]
) -> None:
    cloud.deny = set(accounts[1:3])
    cloud.listing |= {"accounts": accounts[:4]}
    done = cloud.run("night-1")
    assert (done["status"], done["error"]) == ("FAILED", "TooFewReached")
    assert len(cloud.report("night-1").not_reached) == 2


def test_a_large_account_is_audited_in_groups_of_regions(cloud: Cloud, accounts: list[str]) -> None:
    large, small = accounts[1:3]
    cloud.listing |= {
        "accounts": [large, small], "region_groups": [["us-east-1"], ["us-west-2", "eu-west-1"]], "split_above": 1,
    }  # fmt: skip
    volume(cloud, large)
    west = cloud.lab.endpoint.client("ec2", "us-west-2", large)
    west.create_volume(AvailabilityZone="us-west-2a", Size=1)
    assert cloud.run("night-1")["status"] == "SUCCEEDED"  # nobody knows yet which is large
    before = cloud.report("night-1")
    assert [(rule.failures, rule.accounts) for rule in before.rules] == [(3, 2)]
    assert cloud.run("night-2")["status"] == "SUCCEEDED"
    made = cloud.report("night-2")
    scans = [event for name, event in cloud.invoked if name == "scan" and event["run"] == "night-2"]
    assert sorted((event["part"] or "", *event["regions"]) for event in scans) == [
        ("", "us-east-1"), ("part1", "us-east-1"), ("part2", "us-west-2", "eu-west-1"),
    ]  # fmt: skip
    assert (made.expected, made.reached, made.not_reached) == (2, 2, [])
    assert [(rule.failures, rule.accounts) for rule in made.rules] == [(4, 2)]


def test_a_run_that_is_repeated_reports_the_same(cloud: Cloud, accounts: list[str]) -> None:
    event = {"run": "r", "time": "2026-01-02T03:04:05Z", **cloud.listing, "accounts": accounts[:2]}
    listing = organization_handlers.accounts(event, Context())
    ask = {name: listing[name] for name in ("run", "time", "bucket", "prefix", "accounts_key")}
    made = organization_handlers.reduce(ask, Context())
    assert (made["reached"], made["not_reached"], made["too_few"], made["tell"]) == (0, 2, True, True)
    assert organization_handlers.reduce(ask, Context())["keys"] == made["keys"]
    assert {each.code for each in cloud.report("r").not_reached} == {"NoReport"}


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ([], "the event is a JSON list"),
        ({"run": "r", "time": "2026-01-02T03:04:05Z", "ou": "x"}, "unknown key ou in the event; did you mean ous?"),
        ({"run": "", "time": "2026-01-02T03:04:05Z"}, "run in the event is empty"),
        ({"run": "r", "time": "now"}, "time: "),
        ({"run": "r", "time": "2026-01-02T03:04:05Z", "role_arn": "auditor"}, "role_arn: "),
    ],
)
def test_an_event_that_makes_no_sense_is_refused(cloud: Cloud, event: Any, said: str) -> None:
    with pytest.raises(BadInvocation, match=said.replace("?", r"\?")):
        organization_handlers.accounts(event, Context())
