"""CodeDeploy: that what goes wrong in a deployment is noticed, stopped and undone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.lab import Lab

APPLICATIONS, GROUPS, READ = (
    f"codedeploy:{name}" for name in ("ListApplications", "ListDeploymentGroups", "BatchGetDeploymentGroups")
)
ALARMS = "cloudwatch:DescribeAlarms"
ROLLBACK, LAST, WATCHED, STEPS = (
    f"codedeploy-deployment-group-{name}"
    for name in ("auto-rollback-enabled", "last-deployment-succeeded", "alarms-configured", "not-all-at-once")
)
NOW = datetime.now(UTC)


def groups(**made: dict[str, Any]) -> dict[str, Any]:
    described = [{"applicationName": "shop", "deploymentGroupName": name, **said} for name, said in made.items()]
    return {
        APPLICATIONS: {"applications": ["shop"]},
        GROUPS: {"applicationName": "shop", "deploymentGroups": list(made)},
        READ: {"deploymentGroupsInfo": described},
    }


def test_rollback_and_steps(lab: Lab) -> None:
    def rollback(enabled: bool, *events: str) -> dict[str, Any]:
        return {"autoRollbackConfiguration": {"enabled": enabled, "events": list(events)}}

    answers = groups(
        good={**rollback(True, "DEPLOYMENT_FAILURE"), "deploymentConfigName": "CodeDeployDefault.OneAtATime"},
        off={**rollback(False, "DEPLOYMENT_FAILURE"), "deploymentConfigName": "CodeDeployDefault.AllAtOnce"},
        alarm={**rollback(True, "DEPLOYMENT_STOP_ON_ALARM"), "deploymentConfigName": "CodeDeployDefault.ECSAllAtOnce"},
        bare={},
    )
    found = lab.findings(ROLLBACK, answers=answers)
    assert {name: finding.status.value for name, finding in found.items()} == {
        "good": "pass", "off": "fail", "alarm": "fail", "bare": "fail",
    }  # fmt: skip
    assert found["off"].resource.arn == "arn:aws:codedeploy:us-east-1:123456789012:deploymentgroup:shop/off"
    assert lab.statuses(STEPS, answers=answers) == {"good": "pass", "off": "fail", "alarm": "fail", "bare": "pass"}


def test_last_deployment(lab: Lab) -> None:
    def deployment(which: str, status: str, days: int) -> dict[str, Any]:
        return {"deploymentId": which, "status": status, "createTime": NOW - timedelta(days=days)}

    good, old = deployment("d-2", "Succeeded", 5), deployment("d-1", "Failed", 9)
    failed = deployment("d-3", "Failed", 1)
    answers = groups(
        none={},
        good={"lastAttemptedDeployment": good, "lastSuccessfulDeployment": good},
        failed={"lastAttemptedDeployment": failed, "lastSuccessfulDeployment": good},
        never={"lastAttemptedDeployment": failed},
        older={"lastAttemptedDeployment": old, "lastSuccessfulDeployment": good},
        running={"lastAttemptedDeployment": deployment("d-4", "InProgress", 0)},
    )
    assert lab.statuses(LAST, answers=answers) == {
        "none": "not_applicable", "good": "pass", "failed": "fail", "never": "fail", "older": "pass",
        "running": "pass",
    }  # fmt: skip


def test_alarms(lab: Lab) -> None:
    lab.client("cloudwatch").put_metric_alarm(
        AlarmName="errors", Namespace="N", MetricName="M", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=1.0, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip

    def watched(*names: str, enabled: bool = True, ignore: bool = False) -> dict[str, Any]:
        alarms = [{"name": name} for name in names]
        return {"alarmConfiguration": {"enabled": enabled, "ignorePollAlarmFailure": ignore, "alarms": alarms}}

    answers = groups(
        good=watched("errors"), bare={}, off=watched("errors", enabled=False), empty=watched(),
        ignored=watched("errors", ignore=True), gone=watched("errors", "deleted"),
    )  # fmt: skip
    assert lab.statuses(WATCHED, answers=answers) == {
        "good": "pass", "bare": "fail", "off": "fail", "empty": "fail", "ignored": "fail", "gone": "fail",
    }  # fmt: skip
    denied = lab.statuses(WATCHED, answers=answers, deny=[ALARMS])
    assert {name for name, status in denied.items() if status == "unknown"} == {"good", "gone"}


@pytest.mark.parametrize("rule", [ROLLBACK, LAST, WATCHED, STEPS])
@pytest.mark.parametrize("denied", [APPLICATIONS, GROUPS, READ])
def test_unread_is_unknown(lab: Lab, rule: str, denied: str) -> None:
    assert lab.statuses(rule, answers=groups(a={}), deny=[denied]) == {"*": "unknown"}
