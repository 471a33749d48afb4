"""CodeBuild: secrets, who may see and start builds, and where they run and log."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from auditor.resources.codebuild import CodeBuildProject
from tests.lab import Lab

LIST, READ = "codebuild:ListProjects", "codebuild:BatchGetProjects"
SECRETS, ADDRESS = "codebuild-project-no-plaintext-secrets", "codebuild-project-source-url-no-credentials"
PUBLIC, ACTORS = "codebuild-project-not-public", "codebuild-project-webhook-actors-restricted"
LOGGING, ARTIFACTS = "codebuild-project-logging-enabled", "codebuild-project-artifacts-encrypted"
PRIVILEGED, SUBNETS = "codebuild-project-not-privileged", "codebuild-project-vpc-private-subnets"
ALARM = "codebuild-project-failure-alarm-configured"
NOTIFICATIONS, NOTIFICATION = (
    "codestar-notifications:ListNotificationRules",
    "codestar-notifications:DescribeNotificationRule",
)
ALARMS, RULES, TARGETS = "cloudwatch:DescribeAlarms", "events:ListRules", "events:ListTargetsByRule"
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
PASSWORD = "Tr0ub4dor+3xyz"


def arn(name: str) -> str:
    return f"arn:aws:codebuild:us-east-1:123456789012:project/{name}"


def project(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "arn": arn(name),
        "source": {"type": "GITHUB", "location": "https://github.com/northwind/shop.git"},
        "artifacts": {"type": "NO_ARTIFACTS"},
        "environment": environment(),
        **changes,
    }


def environment(*variables: dict[str, str], privileged: bool | None = None) -> dict[str, Any]:
    said = {} if privileged is None else {"privilegedMode": privileged}
    return {
        "type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:7.0", "computeType": "BUILD_GENERAL1_SMALL",
        "environmentVariables": list(variables), **said,
    }  # fmt: skip


def variable(name: str, value: str, kind: str | None = None) -> dict[str, Any]:
    return environment({"name": name, "value": value, **({"type": kind} if kind else {})})


def projects(*made: dict[str, Any]) -> dict[str, Any]:
    return {LIST: {"projects": [each["name"] for each in made]}, READ: {"projects": list(made)}}


def test_secrets(lab: Lab) -> None:
    key = "AKIA" + "QWERTYUIOPASDFGH"
    answers = projects(
        project("clean", environment=variable("STAGE", "production")),
        project("parameter", environment=variable("DB_PASSWORD", "/shop/db", "PARAMETER_STORE")),
        project("password", environment=variable("DB_PASSWORD", PASSWORD, "PLAINTEXT")),
        project("untyped", environment=variable("DB_PASSWORD", PASSWORD)),
        project("key", environment=variable("DEPLOY_WITH", key)),
        project("named", environment=variable("AWS_ACCESS_KEY_ID", "later", "PLAINTEXT")),
    )
    found = lab.findings(SECRETS, answers=answers)
    assert {name: finding.status.value for name, finding in found.items()} == {
        "clean": "pass", "parameter": "pass", "password": "fail", "untyped": "fail", "key": "fail", "named": "fail",
    }  # fmt: skip
    assert [found[name].severity for name in ("password", "untyped", "key", "named")] == [
        "high", "high", "critical", "critical",
    ]  # fmt: skip
    shown = json.dumps([finding.model_dump(mode="json") for finding in found.values()])
    assert PASSWORD not in shown and key not in shown


def test_addresses_and_the_public(lab: Lab) -> None:
    def at(location: str) -> dict[str, Any]:
        return {"source": {"type": "GITHUB", "location": location}}

    secondary = {"type": "BITBUCKET", "location": f"https://x:{PASSWORD}@bitbucket.org/a/b", "sourceIdentifier": "lib"}
    answers = projects(
        project("clean"),
        project("pipeline", source={"type": "CODEPIPELINE"}),
        project("bucket", source={"type": "S3", "location": "bucket/key@2.zip"}),
        project("path", **at("https://github.com/a/b@c")),
        project("user", **at("https://ghp-user@github.com/a/b")),
        project("token", **at(f"https://ci:{PASSWORD}@github.com/a/b")),
        project("second", secondarySources=[secondary]),
        project("shown", projectVisibility="PUBLIC_READ"),
    )
    clean = dict.fromkeys(("clean", "pipeline", "bucket", "path"), "pass")
    found = lab.findings(ADDRESS, answers=answers)
    assert {name: finding.status.value for name, finding in found.items()} == {
        **clean, "shown": "pass", "user": "fail", "token": "fail", "second": "fail",
    }  # fmt: skip
    assert found["second"].evidence == {"hosts": ["bitbucket.org"]}
    assert lab.statuses(PUBLIC, answers=answers) == {
        **clean, "user": "pass", "shown": "fail", "token": "fail", "second": "fail",
    }  # fmt: skip


def test_nothing_secret_is_kept() -> None:
    """Neither of what is understood, nor of what is not."""
    odd = {"type": "GITHUB", "location": {"url": PASSWORD}}
    hook = {"url": "https://x", "payloadUrl": f"https://{PASSWORD}", "secret": PASSWORD, "filterGroups": []}
    variables: dict[str, Any] = {"environmentVariables": {"A": PASSWORD}}
    for item in (
        project("a", environment=variable("DB_PASSWORD", PASSWORD), webhook=hook),
        project("b", source={"type": "GITHUB", "location": f"https://u:{PASSWORD}@h/x"}),
        project("c", source=odd),
        project("d", environment=variables),
        project("e", environment={"environmentVariables": [PASSWORD]}),
    ):
        made = CodeBuildProject.build(item, partition="aws", account="123456789012", region="us-east-1")
        assert PASSWORD not in repr((made, made.gaps, made.model_dump(include=set(made.__dict__))))


def test_webhooks(lab: Lab) -> None:
    def hook(*groups: list[tuple[str, str]], **more: Any) -> dict[str, Any]:
        filters = [[{"type": kind, "pattern": pattern} for kind, pattern in group] for group in groups]
        return {"webhook": {"url": "https://x", "filterGroups": filters, **more}}

    request = ("EVENT", "PUSH, PULL_REQUEST_CREATED")
    excluded = [{"type": "ACTOR_ACCOUNT_ID", "pattern": "^1$", "excludeMatchedPattern": True}]
    pull = [{"type": "EVENT", "pattern": "PULL_REQUEST_UPDATED"}]
    answers = projects(
        project("none"),
        project("runner", **hook(buildType="RUNNER_BUILDKITE_BUILD")),
        project("any", **hook()),
        project("push", **hook([("EVENT", "PUSH")])),
        project("pull", **hook([("EVENT", "PUSH")], [request])),
        project("known", **hook([request, ("ACTOR_ACCOUNT_ID", "^(123|456)$")])),
        project("listed", **hook([request, ("ACTOR_ACCOUNT_ID", "^123$|^456$")])),
        project("loose", **hook([request, ("ACTOR_ACCOUNT_ID", "^123|456$")])),
        project("unanchored", **hook([request, ("ACTOR_ACCOUNT_ID", "123")])),
        project("excluded", webhook={"filterGroups": [pull + excluded]}),
        project("asked", **hook([request], pullRequestBuildPolicy={"requiresCommentApproval": "FORK_PULL_REQUESTS"})),
        project("unasked", **hook([request], pullRequestBuildPolicy={"requiresCommentApproval": "DISABLED"})),
    )
    assert lab.statuses(ACTORS, answers=answers) == {
        "none": "not_applicable", "runner": "not_applicable", "any": "fail", "push": "pass", "pull": "fail",
        "known": "pass", "listed": "pass", "loose": "fail", "unanchored": "fail", "excluded": "fail", "asked": "pass",
        "unasked": "fail",
    }  # fmt: skip


def test_logs_artifacts_and_privileges(lab: Lab) -> None:
    def logs(cloudwatch: str, s3: str = "DISABLED", plain: bool = False) -> dict[str, Any]:
        to_bucket = {"status": s3, "encryptionDisabled": plain}
        return {"logsConfig": {"cloudWatchLogs": {"status": cloudwatch}, "s3Logs": to_bucket}}

    plain = {"type": "S3", "encryptionDisabled": True, "artifactIdentifier": "extra"}
    answers = projects(
        project("default"),
        project("silent", artifacts={"type": "S3"}, environment=environment(privileged=True), **logs("DISABLED")),
        project(
            "bucket", artifacts={"type": "S3"}, secondaryArtifacts=[plain], environment=environment(privileged=True),
            tags=[{"key": "purpose", "value": "docker-build"}], **logs("DISABLED", "ENABLED"),
        ),
        project("bare", environment=environment(privileged=False), **logs("ENABLED", "ENABLED", True)),
    )  # fmt: skip
    found = lab.findings(LOGGING, answers=answers)
    assert {name: (finding.status.value, finding.severity.value) for name, finding in found.items()} == {
        "default": ("pass", "medium"), "silent": ("fail", "medium"), "bucket": ("pass", "medium"),
        "bare": ("fail", "low"),
    }  # fmt: skip
    assert lab.statuses(ARTIFACTS, answers=answers) == {
        "default": "not_applicable", "silent": "pass", "bucket": "fail", "bare": "not_applicable",
    }  # fmt: skip
    assert lab.statuses(PRIVILEGED, answers=answers) == {
        "default": "pass", "silent": "fail", "bucket": "pass", "bare": "pass",
    }  # fmt: skip


def test_subnets(lab: Lab) -> None:
    ec2 = lab.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    public, private = (
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{at}.0/24")["Subnet"]["SubnetId"] for at in range(2)
    )
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(VpcId=vpc, InternetGatewayId=gateway)
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    ec2.associate_route_table(RouteTableId=table, SubnetId=public)
    answers = projects(
        project("outside"),
        project("taken-out", vpcConfig={"vpcId": ""}),
        project("inside", vpcConfig={"vpcId": vpc, "subnets": [private]}),
        project("open", vpcConfig={"vpcId": vpc, "subnets": [private, public]}),
    )
    found = lab.findings(SUBNETS, answers=answers)
    assert {name: finding.status.value for name, finding in found.items()} == {
        "outside": "not_applicable", "taken-out": "not_applicable", "inside": "pass", "open": "fail",
    }  # fmt: skip
    assert found["open"].evidence == {"subnets": [public]}
    assert lab.statuses(SUBNETS, answers=answers, deny=["ec2:DescribeRouteTables"])["open"] == "unknown"


def alarm(*values: str) -> dict[str, Any]:
    made = {
        "AlarmName": "builds", "AlarmArn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:builds",
        "ActionsEnabled": True, "StateValue": "OK", "StateUpdatedTimestamp": SINCE, "Namespace": "AWS/CodeBuild",
        "MetricName": "FailedBuilds", "Dimensions": [{"Name": "ProjectName", "Value": value} for value in values],
    }  # fmt: skip
    return {ALARMS: {"MetricAlarms": [made]}}


def notification(resource: str, event: str, *, status: str = "ENABLED", target: str = "ACTIVE") -> dict[str, Any]:
    rule = "arn:aws:codestar-notifications:us-east-1:123456789012:notificationrule/1"
    return {
        NOTIFICATIONS: {"NotificationRules": [{"Id": "1", "Arn": rule}]},
        NOTIFICATION: {
            "Arn": rule, "Name": "n", "Resource": resource, "Status": status,
            "EventTypes": [{"EventTypeId": event}],
            "Targets": [{"TargetAddress": "arn:aws:sns:x", "TargetType": "SNS", "TargetStatus": target}],
        },
    }  # fmt: skip


def event_rule(pattern: dict[str, Any], *, state: str = "ENABLED", targets: int = 1) -> dict[str, Any]:
    made = {
        "Name": "r", "Arn": "arn:aws:events:us-east-1:123456789012:rule/r", "State": state,
        "EventPattern": json.dumps(pattern), "EventBusName": "default",
    }  # fmt: skip
    return {RULES: {"Rules": [made]}, TARGETS: {"Targets": [{"Id": str(n), "Arn": "arn:x"} for n in range(targets)]}}


FAILS = {"source": ["aws.codebuild"], "detail": {"build-status": ["FAILED"]}}
NOBODY: dict[str, Any] = {NOTIFICATIONS: {"NotificationRules": []}}


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        (NOBODY, "fail"),
        (NOBODY | alarm("shop"), "pass"),
        (NOBODY | alarm("other"), "fail"),
        (NOBODY | alarm(), "pass"),
        (NOBODY | event_rule(FAILS), "pass"),
        (NOBODY | event_rule(FAILS, state="DISABLED"), "fail"),
        (NOBODY | event_rule(FAILS, targets=0), "fail"),
        (NOBODY | event_rule({"source": ["aws.codebuild"], "detail": {"project-name": ["other"]}}), "fail"),
        (notification(arn("shop"), "codebuild-project-build-state-failed"), "pass"),
        (notification(arn("shop"), "codebuild-project-build-state-succeeded"), "fail"),
        (notification(arn("other"), "codebuild-project-build-state-failed"), "fail"),
        (notification(arn("shop"), "codebuild-project-build-state-failed", status="DISABLED"), "fail"),
        (notification(arn("shop"), "codebuild-project-build-state-failed", target="UNREACHABLE"), "fail"),
    ],
)
def test_failures_are_told(lab: Lab, answers: dict[str, Any], status: str) -> None:
    made = projects(project("shop"), project("staged", source={"type": "CODEPIPELINE"}))
    assert lab.statuses(ALARM, answers=answers | made) == {"shop": status, "staged": "not_applicable"}


@pytest.mark.parametrize("denied", [ALARMS, RULES, NOTIFICATIONS, NOTIFICATION])
def test_who_is_told_may_be_unknown(lab: Lab, denied: str) -> None:
    answers = projects(project("shop")) | notification(arn("other"), "codebuild-project-build-state-failed")
    assert lab.statuses(ALARM, answers=answers, deny=[denied]) == {"shop": "unknown"}
    others = alarm("shop") if denied != ALARMS else event_rule(FAILS)
    assert lab.statuses(ALARM, answers=answers | others, deny=[denied]) == {"shop": "pass"}


@pytest.mark.parametrize("rule", [SECRETS, ADDRESS, PUBLIC, ACTORS, LOGGING, ARTIFACTS, PRIVILEGED, SUBNETS, ALARM])
def test_unread_projects_are_unknown(lab: Lab, rule: str) -> None:
    assert lab.statuses(rule, answers=projects(project("a")), deny=[READ]) == {"*": "unknown"}
