"""CodeCommit, and the notification rules and connections of the developer tools."""

import json
from typing import Any

import pytest

from tests.lab import Lab

LIST, READ, TRIGGERS, TEMPLATES = (
    f"codecommit:{name}"
    for name in (
        "ListRepositories",
        "BatchGetRepositories",
        "GetRepositoryTriggers",
        "ListAssociatedApprovalRuleTemplatesForRepository",
    )
)
TOLD, ENCRYPTED, APPROVED = (
    f"codecommit-repository-{name}"
    for name in ("notifications-configured", "encrypted-with-cmk", "approval-rule-associated")
)
TARGET, CONNECTED = "codestarnotifications-rule-target-active", "codeconnections-connection-available"
NOTIFICATIONS, NOTIFICATION = (
    "codestar-notifications:ListNotificationRules",
    "codestar-notifications:DescribeNotificationRule",
)
CONNECTIONS, RULES, EVENT_TARGETS = "codeconnections:ListConnections", "events:ListRules", "events:ListTargetsByRule"
NOBODY: dict[str, Any] = {NOTIFICATIONS: {"NotificationRules": []}}


def arn(name: str) -> str:
    return f"arn:aws:codecommit:us-east-1:123456789012:{name}"


def repositories(**made: str | None) -> dict[str, Any]:
    """Repositories by name, with their keys; none of them calls anybody or asks for an approval."""
    described = [
        {"repositoryName": name, "repositoryId": name, "Arn": arn(name), **({"kmsKeyId": key} if key else {})}
        for name, key in made.items()
    ]
    return {
        LIST: {"repositories": [{"repositoryName": name, "repositoryId": name} for name in made]},
        READ: {"repositories": described},
        TRIGGERS: {"triggers": []},
        TEMPLATES: {"approvalRuleTemplateNames": []},
    }


def notification(resource: str, status: str = "ENABLED", *targets: str) -> dict[str, Any]:
    rule = "arn:aws:codestar-notifications:us-east-1:123456789012:notificationrule/1"
    said = [{"TargetAddress": "arn:aws:sns:x", "TargetType": "SNS", "TargetStatus": each} for each in targets]
    described = {"Arn": rule, "Resource": resource, "Status": status, "EventTypes": [], "Targets": said}
    return {NOTIFICATIONS: {"NotificationRules": [{"Id": "1", "Arn": rule}]}, NOTIFICATION: described}


def event_rule(**pattern: Any) -> dict[str, Any]:
    made = {
        "Name": "r", "Arn": "arn:aws:events:us-east-1:123456789012:rule/r", "State": "ENABLED",
        "EventPattern": json.dumps({"source": ["aws.codecommit"], **pattern}), "EventBusName": "default",
    }  # fmt: skip
    return {RULES: {"Rules": [made]}, EVENT_TARGETS: {"Targets": [{"Id": "1", "Arn": "arn:x"}]}}


TRIGGER = {"triggers": [{"name": "t", "destinationArn": "arn:aws:sns:x", "events": ["all"]}]}
MAIN = {"event": ["referenceUpdated"], "referenceType": ["branch"], "referenceName": ["main"]}


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        (NOBODY, "fail"),
        (NOBODY | {TRIGGERS: TRIGGER}, "pass"),
        (notification(arn("shop"), "ENABLED", "ACTIVE"), "pass"),
        (notification(arn("other"), "ENABLED", "ACTIVE"), "fail"),
        (NOBODY | event_rule(resources=[arn("shop")]), "pass"),
        (NOBODY | event_rule(resources=[arn("shop")], detail=MAIN), "pass"),
        (NOBODY | event_rule(resources=[arn("other")]), "fail"),
    ],
)
def test_changes_are_told(lab: Lab, answers: dict[str, Any], status: str) -> None:
    assert lab.statuses(TOLD, answers=repositories(shop=None) | answers) == {"shop": status}


def test_keys_and_approvals(lab: Lab) -> None:
    kms = lab.client("kms")
    own = kms.create_key()["KeyMetadata"]
    managed = kms.create_key()["KeyMetadata"]
    answers = repositories(
        own=own["KeyId"], arn=own["Arn"], managed=managed["KeyId"], alias="alias/aws/codecommit", silent=None
    )
    aliases = [{"AliasName": "alias/aws/codecommit", "TargetKeyId": managed["KeyId"]}]
    answers["kms:ListAliases"] = {"Aliases": aliases}
    assert lab.statuses(ENCRYPTED, answers=answers) == {
        "own": "pass", "arn": "pass", "managed": "fail", "alias": "fail", "silent": "fail",
    }  # fmt: skip
    assert lab.statuses(ENCRYPTED, answers=answers, deny=["kms:ListKeys"])["own"] == "unknown"
    templates = {"own": ["two-people"]}
    answers[TEMPLATES] = lambda params, _, __: {
        "approvalRuleTemplateNames": templates.get(params["repositoryName"], [])
    }
    assert {name for name, status in lab.statuses(APPROVED, answers=answers).items() if status == "pass"} == {"own"}


@pytest.mark.parametrize(
    ("status", "targets", "verdict"),
    [
        ("ENABLED", ["ACTIVE"], "pass"),
        ("ENABLED", ["PENDING"], "pass"),
        ("ENABLED", ["ACTIVE", "UNREACHABLE"], "fail"),
        ("ENABLED", ["DEACTIVATED"], "fail"),
        ("DISABLED", ["INACTIVE"], "not_applicable"),
    ],
)
def test_targets(lab: Lab, status: str, targets: list[str], verdict: str) -> None:
    found = lab.statuses(TARGET, answers=notification(arn("shop"), status, *targets))
    assert list(found.values()) == [verdict]


def test_connections(lab: Lab) -> None:
    states = {"good": "AVAILABLE", "new": "PENDING", "bad": "ERROR"}
    made = [
        {
            "ConnectionName": name, "ConnectionStatus": status, "ProviderType": "GitHub",
            "ConnectionArn": f"arn:aws:codeconnections:us-east-1:123456789012:connection/{name}",
        }
        for name, status in states.items()
    ]  # fmt: skip
    found = lab.statuses(CONNECTED, answers={CONNECTIONS: {"Connections": made}})
    assert {name.rpartition("/")[2]: status for name, status in found.items()} == {
        "good": "pass", "new": "fail", "bad": "fail",
    }  # fmt: skip
    assert lab.statuses(CONNECTED, deny=[CONNECTIONS]) == {"*": "unknown"}


@pytest.mark.parametrize(
    ("rule", "denied"),
    [
        (TOLD, TRIGGERS), (TOLD, RULES), (TOLD, NOTIFICATIONS), (TOLD, NOTIFICATION), (APPROVED, TEMPLATES),
        (TOLD, LIST), (ENCRYPTED, READ), (APPROVED, LIST), (TARGET, NOTIFICATIONS), (TARGET, NOTIFICATION),
    ],
)  # fmt: skip
def test_unread_is_unknown(lab: Lab, rule: str, denied: str) -> None:
    answers = repositories(shop=None) | notification(arn("other"), "ENABLED", "ACTIVE")
    assert set(lab.statuses(rule, answers=answers, deny=[denied]).values()) == {"unknown"}
