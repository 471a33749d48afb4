"""SQS queues."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.serverless_answers import (
    ACCOUNT,
    OTHER,
    allow,
    arn,
    document,
    functions,
    mappings,
    metrics,
    queues,
    redrive,
    when,
)

PUBLIC, CROSS, TLS = (
    "sqs-queue-not-public",
    "sqs-queue-policy-cross-account-restricted",
    "sqs-queue-secure-transport-required",
)
ENCRYPTED, RETAINED = "sqs-queue-encrypted", "sqs-dead-letter-queue-retention-longer-than-source"
TIMEOUT, REDRIVE = "sqs-queue-visibility-timeout-covers-lambda", "sqs-queue-dead-letter-queue-configured"
COUNT, POLLING = "sqs-queue-max-receive-count-reasonable", "sqs-queue-long-polling-enabled"
KEPT, FIFO = "sqs-queue-message-retention-adequate", "sqs-queue-fifo-deduplication-configured"
ALARM = "sqs-queue-depth-alarm-configured"
ATTRIBUTES = "sqs:GetQueueAttributes"
LONGEST = {"MessageRetentionPeriod": "1209600"}


def judged(lab: Lab, rule: str, answers: dict[str, Any], **options: Any) -> dict[str, str]:
    """Statuses by the queue's name."""
    found = lab.findings(rule, answers=answers, **options)
    return {name.rpartition("/")[2]: finding.status.value for name, finding in found.items()}


def severities(lab: Lab, rule: str, answers: dict[str, Any], **options: Any) -> dict[str, str]:
    found = lab.findings(rule, answers=answers, **options)
    return {
        name.rpartition("/")[2]: finding.severity.value for name, finding in found.items() if finding.status == "fail"
    }


def statement(principal: Any = "*", **more: Any) -> dict[str, str]:
    return {"Policy": document(allow(principal, **more))}


def test_policies_that_let_everyone_in(lab: Lab) -> None:
    sns = {"Service": "sns.amazonaws.com"}
    answers = queues(
        none={},
        open=statement(),
        aws=statement({"AWS": "*"}),
        own=statement(**when("StringEquals", "aws:SourceAccount", ACCOUNT)),
        loose=statement(**when("StringEqualsIfExists", "aws:SourceAccount", ACCOUNT)),
        wild=statement(**when("ArnLike", "aws:SourceArn", "arn:aws:sns:*:*:topic")),
        topic=statement(sns, **when("ArnEquals", "aws:SourceArn", arn("sns", "topic"))),
        service=statement(sns),
        named=statement({"AWS": OTHER}),
    )
    assert judged(lab, PUBLIC, answers) == {
        "none": "pass", "open": "fail", "aws": "fail", "own": "pass", "loose": "fail", "wild": "fail", "topic": "pass",
        "service": "fail", "named": "pass",
    }  # fmt: skip
    assert severities(lab, PUBLIC, answers)["service"] == "medium"
    assert severities(lab, PUBLIC, answers)["open"] == "critical"


def test_policies_that_let_other_accounts_in(lab: Lab) -> None:
    organization = {"organizations:DescribeOrganization": {"Organization": {"Id": "o-own", "MasterAccountId": OTHER}}}
    answers = organization | queues(
        none={},
        own=statement({"AWS": f"arn:aws:iam::{ACCOUNT}:role/reader"}),
        other=statement({"AWS": OTHER}),
        ours=statement({"AWS": OTHER}, **when("StringEquals", "aws:PrincipalOrgID", "o-own")),
        theirs=statement(**when("StringEquals", "aws:PrincipalOrgID", "o-other")),
        topic=statement({"Service": "sns.amazonaws.com"}, **when("ArnLike", "aws:SourceArn", arn("sns", "t", OTHER))),
        everyone=statement(),
    )
    found = {
        "none": "pass", "own": "pass", "other": "fail", "ours": "pass", "theirs": "fail", "topic": "fail",
        "everyone": "pass",
    }  # fmt: skip
    assert judged(lab, CROSS, answers) == found
    assert judged(lab, CROSS, answers, trusted_account_ids=(OTHER,)) == found | {"other": "pass", "topic": "pass"}
    del answers["organizations:DescribeOrganization"]
    denied = judged(lab, CROSS, answers, deny=["organizations:DescribeOrganization"])
    assert denied == found | {"ours": "unknown", "theirs": "unknown"}


def test_plain_http(lab: Lab) -> None:
    insecure = when("Bool", "aws:SecureTransport", "false")
    answers = queues(
        none={},
        refused=statement(Effect="Deny", Action="sqs:*", **insecure),
        half=statement(Effect="Deny", Action="sqs:SendMessage", **insecure),
        some=statement({"AWS": OTHER}, Effect="Deny", Action="sqs:*", **insecure),
    )
    assert judged(lab, TLS, answers) == {"none": "fail", "refused": "pass", "half": "fail", "some": "fail"}


def test_what_a_queue_says_of_itself(lab: Lab) -> None:
    answers = queues(
        managed={"SqsManagedSseEnabled": "true", "ReceiveMessageWaitTimeSeconds": "20"},
        key={"KmsMasterKeyId": "alias/aws/sqs", "SqsManagedSseEnabled": "false"},
        clear={"SqsManagedSseEnabled": "false", "MessageRetentionPeriod": "3600"},
        content__={"FifoQueue": "true", "ContentBasedDeduplication": "true"},
        each__={"FifoQueue": "true", "ContentBasedDeduplication": "false"},
    )
    fifo = {"content.fifo": "fail", "each.fifo": "fail"}
    assert judged(lab, ENCRYPTED, answers) == {"managed": "pass", "key": "pass", "clear": "fail", **fifo}
    assert judged(lab, POLLING, answers) == {"managed": "pass", "key": "fail", "clear": "fail", **fifo}
    assert judged(lab, FIFO, answers) == {
        "managed": "not_applicable", "key": "not_applicable", "clear": "not_applicable",
        "content.fifo": "pass", "each.fifo": "fail",
    }  # fmt: skip
    old = answers | metrics({("ApproximateAgeOfOldestMessage", "key"): [10, 300000, 20]})
    passing = {"content.fifo": "pass", "each.fifo": "pass"}
    assert judged(lab, KEPT, old) == {"managed": "pass", "key": "fail", "clear": "fail", **passing}
    unasked = judged(lab, KEPT, old, metrics=False)
    assert unasked == {"*": "unknown", "clear": "fail"}


def test_dead_letter_queues(lab: Lab) -> None:
    answers = queues(
        a=redrive(arn("sqs", "dead")),
        dead={},
        b=redrive(arn("sqs", "long")),
        long=LONGEST,
        c=redrive(arn("sqs", "gone")),
        d__={"FifoQueue": "true", **redrive(arn("sqs", "dead"))},
        e__={"FifoQueue": "true", **redrive(arn("sqs", "same.fifo"))},
        same__={"FifoQueue": "true"},
        alone={},
    )
    assert judged(lab, RETAINED, answers) == {
        "a": "pass", "dead": "fail", "b": "pass", "long": "pass", "c": "fail", "d.fifo": "fail", "e.fifo": "pass",
        "same.fifo": "pass", "alone": "not_applicable",
    }  # fmt: skip
    assert judged(lab, REDRIVE, answers) == {
        "a": "pass", "dead": "not_applicable", "b": "pass", "long": "not_applicable", "c": "pass", "d.fifo": "pass",
        "e.fifo": "pass", "same.fifo": "not_applicable", "alone": "fail",
    }  # fmt: skip


def test_retries(lab: Lab) -> None:
    target = arn("sqs", "dead")
    answers = queues(
        none={}, once=redrive(target, 1), few=redrive(target, 3), many=redrive(target, 101),
        **{"in": redrive(target, 3)},
    )  # fmt: skip
    found = {"none": "not_applicable", "once": "fail", "few": "pass", "many": "fail", "in": "fail"}
    assert judged(lab, COUNT, answers | mappings(one={})) == found
    assert judged(lab, COUNT, answers | mappings(one={"State": "Disabled"})) == found | {"in": "pass"}
    unseen = judged(lab, COUNT, answers, deny=["lambda:ListEventSourceMappings"])
    assert unseen == found | {"few": "unknown", "in": "unknown"}


@pytest.mark.parametrize(
    ("hidden", "mapping", "status", "severity"),
    [
        (60, {}, "pass", None),
        (65, {"MaximumBatchingWindowInSeconds": 5}, "pass", None),
        (60, {"MaximumBatchingWindowInSeconds": 5}, "fail", "low"),
        (59, {}, "fail", "low"),
        (9, {"FunctionArn": f"{arn('lambda', 'function:work')}:live"}, "fail", "medium"),
        (9, {"State": "Disabled"}, "not_applicable", None),
        (9, {"FunctionArn": arn("lambda", "function:gone")}, "pass", None),
    ],
)
def test_visibility(lab: Lab, hidden: int, mapping: dict[str, Any], status: str, severity: str | None) -> None:
    answers = queues(**{"in": {"VisibilityTimeout": str(hidden)}}) | functions(work={}) | mappings(one=mapping)
    (finding,) = lab.findings(TIMEOUT, answers=answers).values()
    assert (finding.status.value, finding.severity.value if severity else None) == (status, severity)


def alarm(name: str, **more: Any) -> dict[str, Any]:
    return {
        "AlarmName": name, "AlarmArn": arn("cloudwatch", f"alarm:{name}"), "ActionsEnabled": True,
        "StateValue": "OK", **more,
    }  # fmt: skip


def test_alarms_on_the_depth(lab: Lab) -> None:
    depth = {"Namespace": "AWS/SQS", "MetricName": "ApproximateNumberOfMessagesVisible"}
    since = {"StateUpdatedTimestamp": datetime(2026, 1, 1, tzinfo=UTC)}
    watched = depth | {"Dimensions": [{"Name": "QueueName", "Value": "watched"}]}
    summed = depth | {"Dimensions": [{"Name": "QueueName", "Value": "summed"}]}
    parts = {"Metrics": [{"Id": "a", "MetricStat": {"Metric": summed, "Period": 60, "Stat": "Sum"}}]}
    alarms = [alarm("one", **watched, **since), alarm("two", **parts, **since)]
    answers = queues(watched={}, summed={}, bare={}, **{"in": {}}) | mappings(one={})
    answers["cloudwatch:DescribeAlarms"] = {"MetricAlarms": alarms}
    found = {"watched": "pass", "summed": "pass", "bare": "fail", "in": "not_applicable"}
    assert judged(lab, ALARM, answers) == found


@pytest.mark.parametrize(
    ("rule", "operation"),
    [
        *((rule, ATTRIBUTES) for rule in (PUBLIC, CROSS, TLS, ENCRYPTED, RETAINED, TIMEOUT, REDRIVE, COUNT, POLLING)),
        *((rule, ATTRIBUTES) for rule in (KEPT, FIFO)),
        *((rule, "lambda:ListEventSourceMappings") for rule in (TIMEOUT, ALARM)),
        (TIMEOUT, "lambda:ListFunctions"),
        (ALARM, "cloudwatch:DescribeAlarms"),
    ],
)
def test_unread_is_unknown(lab: Lab, rule: str, operation: str) -> None:
    name = "other" if operation == "cloudwatch:DescribeAlarms" else "in"
    answers = queues(**{name: {}}) | mappings(one={})
    answers.pop(operation, None)
    assert judged(lab, rule, answers, deny=[operation]) == {name: "unknown"}


def test_denied_listing(lab: Lab) -> None:
    assert lab.statuses(ENCRYPTED, deny=["sqs:ListQueues"]) == {"*": "unknown"}
