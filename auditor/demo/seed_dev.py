"""How the company builds and ships: stacks, pipelines and builds of the shop's, and what an agency left behind."""

from collections.abc import Mapping
from typing import Any

from auditor.demo.emulator import ACCOUNT
from auditor.demo.protocol import Answer, Error, Params
from auditor.demo.stage import PRODUCTION, STAGING, VENDOR, Stage, arn
from auditor.demo.supplement import no_imports

# Put together here, so that no scanner takes this file for a leak.
PASSWORD = "".join(("Roast", "-And-", "Grind-9"))
NETWORK = "northwind-production"
OWNER = [{"Key": "owner", "Value": "platform"}]
# Notification rules: what they watch, for which event, and whether they are heard.
RULES = {
    "shop-failures": ("codepipeline", "northwind-shop", "codepipeline-pipeline-pipeline-execution-failed", "ACTIVE"),
    "shop-tests": ("codebuild", "project/northwind-shop-tests", "codebuild-project-build-state-failed", "ACTIVE"),
    "site": ("codecommit", "northwind-site", "codecommit-repository-branches-and-tags-updated", "UNREACHABLE"),
}


def build(stage: Stage) -> None:
    """Make all of it."""
    answers: dict[str, Answer] = {
        **_stacks(stage),
        **_stack_sets(),
        **_projects(stage),
        **_pipelines(stage),
        **_deployments(stage),
        **_repositories(stage),
    }
    stage.answers |= {f"{operation}@{PRODUCTION}": answer for operation, answer in answers.items()}
    stage.answers |= _models(stage)
    _fleet_alarm(stage)


def _stacks(stage: Stage) -> dict[str, Answer]:
    def stack(name: str, **more: Any) -> dict[str, Any]:
        return {
            "StackName": name, "StackId": arn("cloudformation", PRODUCTION, f"stack/{name}/1"), "Tags": OWNER,
            "CreationTime": stage.ago(400), "StackStatus": "UPDATE_COMPLETE", "DisableRollback": False,
            "EnableTerminationProtection": False,
            "DriftInformation": {"StackDriftStatus": "IN_SYNC", "LastCheckTimestamp": stage.ago(3)}, **more,
        }  # fmt: skip

    exports = [{"OutputKey": name, "OutputValue": "vpc-1", "ExportName": name} for name in ("vpc", "old-vpc")]
    password = {"ParameterKey": "DatabasePassword", "ParameterValue": PASSWORD}
    drifted = {"StackDriftStatus": "DRIFTED", "LastCheckTimestamp": stage.ago(20)}
    made = [
        stack(
            "northwind-network", Outputs=exports, EnableTerminationProtection=True,
            RoleARN=f"arn:aws:iam::{ACCOUNT}:role/northwind-deployer",
        ),
        stack(
            "northwind-shop", Parameters=[password], StackStatus="UPDATE_ROLLBACK_FAILED", DisableRollback=True,
            DriftInformation=drifted,
        ),
        stack("awseb-e-northwind-stack", DriftInformation={"StackDriftStatus": "NOT_CHECKED"}),
    ]  # fmt: skip
    forgotten = {
        "ChangeSetName": "bigger-database", "Status": "CREATE_COMPLETE", "ExecutionStatus": "AVAILABLE",
        "CreationTime": stage.ago(90),
    }  # fmt: skip

    def imports(params: Params, region: str, account: str) -> Mapping[str, Any] | Error:
        used = params["ExportName"] == "vpc"
        return {"Imports": ["northwind-shop"]} if used else no_imports(params, region, account)

    def changes(params: Params, _: str, __: str) -> Mapping[str, Any]:
        return {"Summaries": [forgotten] if "northwind-shop" in params["StackName"] else []}

    def template(params: Params, _: str, __: str) -> Mapping[str, Any]:
        kept = "    DeletionPolicy: Retain\n" if "network" in params["StackName"] else ""
        return {"TemplateBody": f"Resources:\n  Logs:\n    Type: AWS::S3::Bucket\n{kept}"}

    return {
        "cloudformation:DescribeStacks": {"Stacks": made},
        "cloudformation:GetTemplate": template,
        "cloudformation:ListImports": imports,
        "cloudformation:ListChangeSets": changes,
    }


def _stack_sets() -> dict[str, Answer]:
    def instances(params: Params, region: str, _: str) -> Mapping[str, Any]:
        status = "OUTDATED" if params["StackSetName"] == "northwind-alarms" else "CURRENT"
        detailed = {"DetailedStatus": "FAILED" if status == "OUTDATED" else "SUCCEEDED"}
        return {
            "Summaries": [
                {"Account": VENDOR, "Region": region, "Status": status, "StackInstanceStatus": detailed},
            ]
        }

    named = ("northwind-guardrails", "northwind-alarms")
    return {
        "cloudformation:ListStackSets": {
            "Summaries": [{"StackSetName": name, "StackSetId": f"{name}:1", "Status": "ACTIVE"} for name in named]
        },
        "cloudformation:ListStackInstances": instances,
    }


def _projects(stage: Stage) -> dict[str, Answer]:
    def project(name: str, *, secret: bool = False, privileged: bool = False, **more: Any) -> dict[str, Any]:
        value = PASSWORD if secret else "/northwind/registry"
        kind = "PLAINTEXT" if secret else "PARAMETER_STORE"
        return {
            "name": name, "arn": arn("codebuild", PRODUCTION, f"project/{name}"), "artifacts": {"type": "S3"},
            "source": {"type": "GITHUB", "location": "https://github.com/northwind/shop.git"},
            "environment": {
                "type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:7.0", "privilegedMode": privileged,
                "computeType": "BUILD_GENERAL1_SMALL",
                "environmentVariables": [{"name": "REGISTRY_PASSWORD", "value": value, "type": kind}],
            },
            "tags": [{"key": "owner", "value": "platform"}],
            **more,
        }  # fmt: skip

    def hook(*actors: str) -> dict[str, Any]:
        filters = [{"type": "EVENT", "pattern": "PULL_REQUEST_CREATED"}]
        known = [{"type": "ACTOR_ACCOUNT_ID", "pattern": f"^({'|'.join(actors)})$"}] if actors else []
        return {"webhook": {"filterGroups": [filters + known]}}

    def inside(subnet: str) -> dict[str, Any]:
        return {"vpcConfig": {"vpcId": stage.names[NETWORK], "subnets": [stage.names[f"{NETWORK}/{subnet}-a"]]}}

    address = f"https://agency:{PASSWORD}@bitbucket.org/agency/site.git"
    quiet = {"cloudWatchLogs": {"status": "DISABLED"}, "s3Logs": {"status": "DISABLED"}}
    made = [
        project("northwind-shop-tests", **hook("1234", "5678"), **inside("private")),
        project(
            "agency-site", secret=True, privileged=True, logsConfig=quiet, projectVisibility="PUBLIC_READ",
            source={"type": "BITBUCKET", "location": address},
            secondaryArtifacts=[{"type": "S3", "encryptionDisabled": True, "artifactIdentifier": "maps"}], **hook(),
            **inside("public"),
        ),
    ]  # fmt: skip
    return {
        "codebuild:ListProjects": {"projects": [each["name"] for each in made]},
        "codebuild:BatchGetProjects": {"projects": made},
    }


def _pipelines(stage: Stage) -> dict[str, Answer]:
    def action(name: str, category: str, provider: str, owner: str = "AWS", order: int = 1) -> dict[str, Any]:
        kind = {"category": category, "owner": owner, "provider": provider, "version": "1"}
        return {"name": name, "actionTypeId": kind, "runOrder": order}

    deploy = action("Deploy", "Deploy", "CodeDeploy", order=2)
    sources = {
        "northwind-shop": [action("Code", "Source", "CodeStarSourceConnection")],
        "northwind-newsletter": [action("Code", "Source", "GitHub", "ThirdParty")],
    }
    key = {"id": "alias/northwind-data", "type": "KMS"}

    def read(params: Params, _: str, account: str) -> Mapping[str, Any]:
        name = params["name"]
        shop = name == "northwind-shop"
        store = {"type": "S3", "location": "northwind-artifacts", **({"encryptionKey": key} if shop else {})}
        before = [action("Review", "Approval", "Manual")] if shop else []
        stages = [{"name": "Source", "actions": sources[name]}, {"name": "Production", "actions": [*before, deploy]}]
        role = f"arn:aws:iam::{account}:role/northwind-pipeline"
        return {"pipeline": {"name": name, "roleArn": role, "stages": stages, "artifactStore": store, "version": 3}}

    def state(params: Params, _: str, __: str) -> Mapping[str, Any]:
        status = "Succeeded" if params["name"] == "northwind-shop" else "Failed"
        latest = {"status": status, "lastStatusChange": stage.ago(30)}
        return {
            "pipelineName": params["name"],
            "stageStates": [
                {
                    "stageName": "Production",
                    "latestExecution": {"pipelineExecutionId": "e-1", "status": status},
                    "actionStates": [{"actionName": "Deploy", "latestExecution": latest}],
                }
            ],
        }

    return {
        "codepipeline:ListPipelines": {"pipelines": [{"name": name} for name in sources]},
        "codepipeline:GetPipeline": read,
        "codepipeline:GetPipelineState": state,
    }


def _deployments(stage: Stage) -> dict[str, Answer]:
    def deployment(number: int, status: str, days: int) -> dict[str, Any]:
        return {"deploymentId": f"d-{number}", "status": status, "createTime": stage.ago(days)}

    good = deployment(8, "Succeeded", 2)
    made = [
        {
            "deploymentGroupName": "production", "deploymentConfigName": "CodeDeployDefault.OneAtATime",
            "autoRollbackConfiguration": {"enabled": True, "events": ["DEPLOYMENT_FAILURE"]},
            "alarmConfiguration": {"enabled": True, "alarms": [{"name": "northwind-deployment-errors"}]},
            "lastAttemptedDeployment": good, "lastSuccessfulDeployment": good,
        },
        {
            "deploymentGroupName": "workers", "deploymentConfigName": "CodeDeployDefault.AllAtOnce",
            "autoRollbackConfiguration": {"enabled": False, "events": []},
            "alarmConfiguration": {"enabled": False, "alarms": []},
            "lastAttemptedDeployment": deployment(9, "Failed", 1), "lastSuccessfulDeployment": good,
        },
    ]  # fmt: skip
    name = "northwind-shop"
    return {
        "codedeploy:ListApplications": {"applications": [name]},
        "codedeploy:ListDeploymentGroups": {
            "applicationName": name, "deploymentGroups": [each["deploymentGroupName"] for each in made],
        },
        "codedeploy:BatchGetDeploymentGroups": {
            "deploymentGroupsInfo": [{"applicationName": name, "computePlatform": "Server", **each} for each in made]
        },
    }  # fmt: skip


def _fleet_alarm(stage: Stage) -> None:
    stage.client("cloudwatch").put_metric_alarm(
        AlarmName="northwind-deployment-errors", Namespace="AWS/ApplicationELB",
        MetricName="HTTPCode_Target_5XX_Count", Statistic="Sum", Period=60, EvaluationPeriods=2, Threshold=5.0,
        ComparisonOperator="GreaterThanThreshold", AlarmActions=[arn("sns", PRODUCTION, "northwind-alerts")],
    )  # fmt: skip


def _repositories(stage: Stage) -> dict[str, Answer]:
    keys = {
        "northwind-site": stage.client("kms").create_key(Description="code", Tags=_tagged())["KeyMetadata"]["KeyId"],
        "agency-handover": "alias/aws/codecommit",
    }
    described = [
        {"repositoryName": name, "repositoryId": name, "Arn": arn("codecommit", PRODUCTION, name), "kmsKeyId": key}
        for name, key in keys.items()
    ]
    trigger = {"name": "chat", "destinationArn": arn("sns", PRODUCTION, "northwind-alerts"), "events": ["all"]}

    def triggers(params: Params, _: str, __: str) -> Mapping[str, Any]:
        return {"triggers": [trigger] if params["repositoryName"] == "northwind-site" else []}

    def templates(params: Params, _: str, __: str) -> Mapping[str, Any]:
        own = params["repositoryName"] == "northwind-site"
        return {"approvalRuleTemplateNames": ["two-people"] if own else []}

    return {
        "codecommit:ListRepositories": {
            "repositories": [{name: each[name] for name in ("repositoryName", "repositoryId")} for each in described]
        },
        "codecommit:BatchGetRepositories": {"repositories": described},
        "codecommit:GetRepositoryTriggers": triggers,
        "codecommit:ListAssociatedApprovalRuleTemplatesForRepository": templates,
        **_notifications(),
    }


def _tagged() -> list[dict[str, str]]:
    return [{"TagKey": "owner", "TagValue": "platform"}]


def _notifications() -> dict[str, Answer]:
    def rule_arn(name: str) -> str:
        return arn("codestar-notifications", PRODUCTION, f"notificationrule/{name}")

    def read(params: Params, _: str, __: str) -> Mapping[str, Any]:
        name = params["Arn"].rpartition("/")[2]
        service, watched, event, status = RULES[name]
        topic = arn("sns", PRODUCTION, "northwind-alerts")
        return {
            "Arn": params["Arn"], "Name": name, "Status": "ENABLED", "EventTypes": [{"EventTypeId": event}],
            "Resource": arn(service, PRODUCTION, watched),
            "Targets": [{"TargetAddress": topic, "TargetType": "SNS", "TargetStatus": status}],
        }  # fmt: skip

    states = {"northwind-github": ("AVAILABLE", "GitHub"), "agency-bitbucket": ("PENDING", "Bitbucket")}
    return {
        "codestar-notifications:ListNotificationRules": {
            "NotificationRules": [{"Id": name, "Arn": rule_arn(name)} for name in RULES]
        },
        "codestar-notifications:DescribeNotificationRule": read,
        "codeconnections:ListConnections": {
            "Connections": [
                {
                    "ConnectionName": name, "ConnectionStatus": status, "ProviderType": provider,
                    "ConnectionArn": arn("codeconnections", PRODUCTION, f"connection/{name}"),
                }
                for name, (status, provider) in states.items()
            ]
        },
    }  # fmt: skip


def _models(stage: Stage) -> dict[str, Answer]:
    """Models that sort beans: production's is running and asked by nobody, staging's is asked every day."""

    def projects(_: Params, region: str, __: str) -> Mapping[str, Any]:
        project = {"ProjectArn": arn("rekognition", region, "project/beans/1"), "Status": "CREATED"}
        return {"ProjectDescriptions": [project] if region in (PRODUCTION, STAGING) else []}

    def versions(_: Params, region: str, __: str) -> Mapping[str, Any]:
        version = arn("rekognition", region, "project/beans/version/green/1")
        running = {"ProjectVersionArn": version, "Status": "RUNNING", "MinInferenceUnits": 1}
        return {"ProjectVersionDescriptions": [running]}

    for days in range(4):
        datum = {"MetricName": "SuccessfulRequestCount", "Value": 40, "Timestamp": stage.ago(days + 0.5)}
        dimensions = [{"Name": "Operation", "Value": "DetectCustomLabels"}]
        stage.client("cloudwatch", STAGING).put_metric_data(
            Namespace="AWS/Rekognition", MetricData=[{**datum, "Dimensions": dimensions}]
        )
    streams: dict[str, Answer] = {
        "ListStreamProcessors": {"StreamProcessors": [{"Name": "loading-dock", "Status": "RUNNING"}]}
    }
    labels = {"ConnectedHome": {"Labels": ["PACKAGE"]}}
    streams["DescribeStreamProcessor"] = {"Name": "loading-dock", "Status": "RUNNING", "Settings": labels}
    return {
        "rekognition:DescribeProjects": projects,
        "rekognition:DescribeProjectVersions": versions,
        **{f"rekognition:{name}@{PRODUCTION}": answer for name, answer in streams.items()},
    }
