"""SNS topics and subscriptions."""

from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.serverless_answers import ACCOUNT, OTHER, allow, arn, by, document, functions, queues, redrive, when

PUBLIC, CROSS, TLS = (
    "sns-topic-not-public",
    "sns-topic-policy-cross-account-restricted",
    "sns-topic-secure-transport-required",
)
ENCRYPTED, HEARD = "sns-topic-encrypted", "sns-topic-has-subscription"
HTTPS, TARGET, REDRIVE = (
    "sns-subscription-https-used",
    "sns-subscription-confirmed-and-target-exists",
    "sns-subscription-dead-letter-queue-configured",
)
OWN = when("StringEquals", "AWS:SourceOwner", ACCOUNT)
SERVICE = {"Service": "s3.amazonaws.com"}


def topics(**attributes: dict[str, str]) -> dict[str, Any]:
    """Topics by name, as they are made but for these attributes."""
    usual = {"Policy": document(allow({"AWS": "*"}, **OWN)), "SubscriptionsConfirmed": "1"}
    answers = {
        f"arn:aws:sns:us-east-1:{ACCOUNT}:{name}": {"Attributes": usual | given} for name, given in attributes.items()
    }
    return {
        "sns:ListTopics": {"Topics": [{"TopicArn": each} for each in answers]},
        "sns:GetTopicAttributes": by("TopicArn", answers),
    }


def said(statement: Any, **more: Any) -> dict[str, str]:
    return {"Policy": document(allow(statement, **more))}


def judged(lab: Lab, rule: str, answers: dict[str, Any], **options: Any) -> dict[str, str]:
    """Statuses by the last part of the ARN."""
    found = lab.findings(rule, answers=answers, **options)
    return {name.rpartition(":")[2]: finding.status.value for name, finding in found.items()}


def test_policies(lab: Lab) -> None:
    insecure = when("Bool", "aws:SecureTransport", "false")
    answers = topics(
        made={},
        open=said("*"),
        protocol=said("*", **when("StringEquals", "sns:Protocol", "https")),
        service=said(SERVICE),
        bucket=said(SERVICE, **when("ArnLike", "aws:SourceArn", "arn:aws:s3:::bucket")),
        other=said({"AWS": OTHER}),
        owner=said({"AWS": "*"}, **when("StringEquals", "AWS:SourceOwner", OTHER)),
        tls=said("*", Effect="Deny", Action="sns:Publish", **insecure),
    )
    assert judged(lab, PUBLIC, answers) == {
        "made": "pass", "open": "fail", "protocol": "fail", "service": "fail", "bucket": "pass", "other": "pass",
        "owner": "pass", "tls": "pass",
    }  # fmt: skip
    severities = {f.resource.id.rpartition(":")[2]: f.severity for f in lab.findings(PUBLIC, answers=answers).values()}
    assert (severities["open"], severities["service"]) == ("critical", "medium")
    passing = dict.fromkeys(("made", "open", "protocol", "service", "bucket", "tls"), "pass")
    assert judged(lab, CROSS, answers) == passing | {"other": "fail", "owner": "fail"}
    trusting = judged(lab, CROSS, answers, trusted_account_ids=(OTHER,))
    assert set(trusting.values()) == {"pass"}
    plain = judged(lab, TLS, answers)
    assert plain.pop("tls") == "pass" and set(plain.values()) == {"fail"}


def test_topics(lab: Lab) -> None:
    answers = topics(key={"KmsMasterKeyId": "alias/mine"}, clear={"SubscriptionsConfirmed": "0"})
    assert judged(lab, ENCRYPTED, answers) == {"key": "pass", "clear": "fail"}
    assert judged(lab, HEARD, answers) == {"key": "pass", "clear": "fail"}


@pytest.mark.parametrize("rule", [PUBLIC, CROSS, TLS, ENCRYPTED, HEARD])
def test_unread_topics_are_unknown(lab: Lab, rule: str) -> None:
    answers = topics(topic={})
    del answers["sns:GetTopicAttributes"]
    assert judged(lab, rule, answers, deny=["sns:GetTopicAttributes"]) == {"topic": "unknown"}


def subscriptions(*given: tuple[str, str, str]) -> dict[str, Any]:
    """Subscriptions of one topic: name, or what stands for it, protocol and endpoint."""
    topic = arn("sns", "topic")
    listed = [
        {
            "SubscriptionArn": name if name[0].isupper() else f"{topic}:{name}",
            "Owner": ACCOUNT,
            "Protocol": protocol,
            "Endpoint": endpoint,
            "TopicArn": topic,
        }
        for name, protocol, endpoint in given
    ]
    return {"sns:ListSubscriptions": {"Subscriptions": listed}}


EVERY = (
    ("queue", "sqs", arn("sqs", "in")),
    ("gone", "sqs", arn("sqs", "out")),
    ("function", "lambda", f"{arn('lambda', 'function:work')}:live"),
    ("foreign", "sqs", arn("sqs", "in", OTHER)),
    ("plain", "http", "http://user:secret@example.com/path?token=secret"),
    ("web", "https", "https://example.com/hook"),
    ("mail", "email", "someone@example.com"),
    ("PendingConfirmation", "email", "other@example.com"),
    ("PendingConfirmation", "email", "third@example.com"),
    ("Deleted", "sms", "+15555550100"),
)


def test_subscriptions(lab: Lab) -> None:
    answers = subscriptions(*EVERY) | queues(**{"in": {}}) | functions(work={})
    pending = {name for name in judged(lab, HTTPS, answers) if name.startswith("Pending")}
    deleted = next(name for name in judged(lab, HTTPS, answers) if name.startswith("Deleted"))
    assert len(pending) == 2
    assert judged(lab, TARGET, answers) == {
        "queue": "pass", "gone": "fail", "function": "pass", "foreign": "not_applicable", "plain": "pass",
        "web": "pass", "mail": "pass", **dict.fromkeys(pending, "fail"), deleted: "not_applicable",
    }  # fmt: skip
    others = dict.fromkeys(("queue", "gone", "function", "foreign", "mail", deleted, *pending), "not_applicable")
    assert judged(lab, HTTPS, answers) == others | {"plain": "fail", "web": "pass"}
    for operation, lost in (("sqs:ListQueues", ("queue", "gone")), ("lambda:ListFunctions", ("function",))):
        known = judged(lab, TARGET, answers)
        told = {name: answer for name, answer in answers.items() if name != operation}
        assert judged(lab, TARGET, told, deny=[operation]) == known | dict.fromkeys(lost, "unknown")


def test_endpoints_of_people_are_not_kept(lab: Lab) -> None:
    found = lab.findings(HTTPS, answers=subscriptions(*EVERY))
    kept = repr(found)
    assert "http://example.com" in kept
    assert not any(secret in kept for secret in ("secret", "someone", "other@", "+1555"))


def test_dead_letters(lab: Lab) -> None:
    attributes = {"with": redrive(arn("sqs", "dead"), None), "without": {}}
    operation = "sns:GetSubscriptionAttributes"
    answers = subscriptions(
        ("with", "sqs", "x"), ("without", "https", "x"), ("mail", "email", "x"), ("Deleted", "sqs", "x")
    )
    found = {
        operation: lambda params, *_: {"Attributes": attributes[params["SubscriptionArn"].rpartition(":")[2]]}
    } | answers  # fmt: skip
    statuses = judged(lab, REDRIVE, found)
    deleted = next(name for name in statuses if name.startswith("Deleted"))
    assert statuses == {"with": "pass", "without": "fail", "mail": "not_applicable", deleted: "not_applicable"}
    unread = judged(lab, REDRIVE, answers, deny=[operation])
    assert unread == statuses | {"with": "unknown", "without": "unknown"}


@pytest.mark.parametrize("rule", [HTTPS, TARGET, REDRIVE])
def test_a_denied_listing_is_unknown(lab: Lab, rule: str) -> None:
    assert lab.statuses(rule, deny=["sns:ListSubscriptions"]) == {"*": "unknown"}
