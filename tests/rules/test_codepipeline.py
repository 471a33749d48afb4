"""CodePipeline: how pipelines learn of changes, who approves them, and who hears of failures."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.lab import Lab

LIST, READ, STATE = "codepipeline:ListPipelines", "codepipeline:GetPipeline", "codepipeline:GetPipelineState"
SOURCE, APPROVAL = "codepipeline-pipeline-source-connection-used", "codepipeline-pipeline-manual-approval-before-deploy"
TOLD = "codepipeline-pipeline-failure-notification-configured"
LAST, ENCRYPTED = (
    "codepipeline-pipeline-last-execution-succeeded",
    "codepipeline-pipeline-artifacts-encrypted-with-cmk",
)
NOTIFICATIONS, NOTIFICATION = (
    "codestar-notifications:ListNotificationRules",
    "codestar-notifications:DescribeNotificationRule",
)
RULES, TARGETS = "events:ListRules", "events:ListTargetsByRule"
NOW = datetime.now(UTC)


def arn(name: str) -> str:
    return f"arn:aws:codepipeline:us-east-1:123456789012:{name}"


def action(category: str, provider: str = "P", order: int | None = None, **more: Any) -> dict[str, Any]:
    kind = {"category": category, "owner": more.pop("owner", "AWS"), "provider": provider, "version": "1"}
    return {"name": provider, "actionTypeId": kind, **({"runOrder": order} if order else {}), **more}


def stage(name: str, *actions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "actions": list(actions), **more}


def pipelines(made: Mapping[str, list[dict[str, Any]]], **more: Any) -> dict[str, Any]:
    metadata = more.pop("metadata", {})

    def read(params: dict[str, Any], _: str, __: str) -> dict[str, Any]:
        name = params["name"]
        described = {"name": name, "roleArn": "arn:aws:iam::123456789012:role/r", "stages": made[name], "version": 1}
        return {"pipeline": described | more.get(name, {}), "metadata": metadata.get(name, {"pipelineArn": arn(name)})}

    return {LIST: {"pipelines": [{"name": name} for name in made]}, READ: read}


def test_sources(lab: Lab) -> None:
    def polled(provider: str, value: str | None) -> list[dict[str, Any]]:
        said = {} if value is None else {"PollForSourceChanges": value}
        return [stage("Source", action("Source", provider, configuration=said))]

    github = action("Source", "GitHub", owner="ThirdParty", configuration={"OAuthToken": "****"})
    answers = pipelines(
        {
            "token": [stage("Source", github)],
            "connected": [stage("Source", action("Source", "CodeStarSourceConnection"))],
            "polled": polled("S3", "true"),
            "default": polled("CodeCommit", None),
            "events": polled("CodeCommit", "false"),
            "stopped": polled("CodeCommit", None),
            "image": polled("ECR", None),
        },
        metadata={"stopped": {"pollingDisabledAt": NOW}},
    )
    found = lab.findings(SOURCE, answers=answers)
    assert {name: (finding.status.value, finding.severity.value) for name, finding in found.items()} == {
        "token": ("fail", "medium"), "connected": ("pass", "medium"), "polled": ("fail", "low"),
        "default": ("fail", "low"), "events": ("pass", "medium"), "stopped": ("pass", "medium"),
        "image": ("pass", "medium"),
    }  # fmt: skip


def test_only_what_is_judged_is_kept(lab: Lab) -> None:
    secret = "Tr0ub4dor+3xyz"
    config = {"ParameterOverrides": f'{{"DBPassword": "{secret}"}}', "OAuthToken": secret}
    answers = pipelines({"p": [stage("Prod", action("Deploy", "CloudFormation", configuration=config))]})
    with lab.but(answers=answers):
        from tests.lab import RULES as CATALOGUE

        read = lab.inventory([CATALOGUE[SOURCE], CATALOGUE[APPROVAL]])
    assert secret not in repr(read)


def test_approvals(lab: Lab) -> None:
    deploy, approve = action("Deploy", order=2), action("Approval")
    answers = pipelines(
        {
            "none": [stage("Build", action("Build")), stage("Staging", deploy), stage("PreProd", deploy)],
            "open": [stage("Build", action("Build")), stage("Production", deploy)],
            "before": [stage("Review", approve), stage("DeployProd", deploy)],
            "within": [stage("prod_eu", approve, deploy)],
            "late": [stage("live", action("Approval", order=3), deploy)],
            "gated": [stage("PROD", deploy, beforeEntry={"conditions": [{"result": "FAIL"}]})],
            "second": [stage("Prod", action("Deploy")), stage("Prod-2", approve, deploy)],
            "builds": [stage("Prod", action("Build"))],
        }
    )
    assert lab.statuses(APPROVAL, answers=answers) == {
        "none": "not_applicable", "open": "fail", "before": "pass", "within": "pass", "late": "fail", "gated": "pass",
        "second": "fail", "builds": "not_applicable",
    }  # fmt: skip


def test_last_execution(lab: Lab) -> None:
    def state(name: str, execution: str, status: str, days: float) -> dict[str, Any]:
        latest = {"status": status, "lastStatusChange": NOW - timedelta(days=days)}
        return {
            "stageName": name, "latestExecution": {"pipelineExecutionId": execution, "status": status},
            "actionStates": [{"actionName": "a", "latestExecution": latest}, {"actionName": "b"}],
        }  # fmt: skip

    fresh = {"stageName": "Source", "actionStates": []}
    states = {
        "never": [fresh],
        "good": [state("Source", "2", "Succeeded", 9), state("Build", "2", "Succeeded", 9)],
        "broken": [state("Source", "2", "Succeeded", 9), state("Build", "2", "Failed", 8), fresh],
        "today": [state("Source", "2", "Succeeded", 1), state("Build", "2", "Failed", 1)],
        "earlier": [state("Source", "3", "InProgress", 0), state("Build", "2", "Failed", 9)],
    }
    answers = pipelines({name: [] for name in states}) | {
        STATE: lambda params, _, __: {"stageStates": states[params["name"]]}
    }
    assert lab.statuses(LAST, answers=answers) == {
        "never": "not_applicable", "good": "pass", "broken": "fail", "today": "pass", "earlier": "pass",
    }  # fmt: skip
    assert lab.statuses(LAST, answers=answers, days=0)["today"] == "fail"


def test_encryption(lab: Lab) -> None:
    key = {"id": "arn:aws:kms:us-east-1:123456789012:key/1", "type": "KMS"}
    own, plain = ({"type": "S3", "location": "b", **more} for more in ({"encryptionKey": key}, {}))
    answers = pipelines(
        {name: [] for name in ("own", "plain", "regions", "mixed")},
        own={"artifactStore": own}, plain={"artifactStore": plain},
        regions={"artifactStores": {"us-east-1": own, "eu-west-1": own}},
        mixed={"artifactStores": {"us-east-1": own, "eu-west-1": plain}},
    )  # fmt: skip
    assert lab.statuses(ENCRYPTED, answers=answers) == {
        "own": "pass", "plain": "fail", "regions": "pass", "mixed": "fail",
    }  # fmt: skip


def notification(resource: str, event: str) -> dict[str, Any]:
    rule = "arn:aws:codestar-notifications:us-east-1:123456789012:notificationrule/1"
    target = {"TargetAddress": "arn:aws:sns:x", "TargetType": "SNS", "TargetStatus": "ACTIVE"}
    return {
        NOTIFICATIONS: {"NotificationRules": [{"Id": "1", "Arn": rule}]},
        NOTIFICATION: {
            "Arn": rule, "Resource": resource, "Status": "ENABLED", "EventTypes": [{"EventTypeId": event}],
            "Targets": [target],
        },
    }  # fmt: skip


def event_rule(detail: dict[str, Any]) -> dict[str, Any]:
    pattern = json.dumps({"source": ["aws.codepipeline"], "detail": detail})
    made = {"Name": "r", "Arn": "arn:aws:events:us-east-1:123456789012:rule/r", "State": "ENABLED"}
    rules = {"Rules": [made | {"EventPattern": pattern, "EventBusName": "default"}]}
    return {RULES: rules, TARGETS: {"Targets": [{"Id": "1", "Arn": "arn:x"}]}}


NOBODY: dict[str, Any] = {NOTIFICATIONS: {"NotificationRules": []}}
FAILURE = "codepipeline-pipeline-pipeline-execution-failed"


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        (NOBODY, "fail"),
        (notification(arn("shop"), FAILURE), "pass"),
        (notification(arn("shop"), "codepipeline-pipeline-pipeline-execution-succeeded"), "fail"),
        (notification(arn("other"), FAILURE), "fail"),
        (NOBODY | event_rule({"state": ["FAILED"]}), "pass"),
        (NOBODY | event_rule({"state": ["SUCCEEDED"]}), "fail"),
        (NOBODY | event_rule({"state": ["FAILED"], "pipeline": ["other"]}), "fail"),
    ],
)
def test_failures_are_told(lab: Lab, answers: dict[str, Any], status: str) -> None:
    assert lab.statuses(TOLD, answers=answers | pipelines({"shop": []})) == {"shop": status}


@pytest.mark.parametrize(
    ("rule", "denied"),
    [
        (SOURCE, READ), (APPROVAL, READ), (ENCRYPTED, READ), (LAST, STATE), (TOLD, RULES), (TOLD, TARGETS),
        (TOLD, NOTIFICATIONS), (TOLD, NOTIFICATION),
    ],
)  # fmt: skip
def test_unread_is_unknown(lab: Lab, rule: str, denied: str) -> None:
    caught = event_rule({"state": ["FAILED" if denied == TARGETS else "STARTED"]})
    answers = pipelines({"shop": []}) | notification(arn("other"), FAILURE) | caught
    assert lab.statuses(rule, answers=answers, deny=[denied]) == {"shop": "unknown"}
    assert lab.statuses(rule, answers=answers, deny=[LIST]) == {"*": "unknown"}
