"""What moto lacks of the developer tools and of Rekognition."""

from collections.abc import Mapping
from typing import Any

from auditor.demo.emulator import backend
from auditor.demo.protocol import Answer, Error, Params


def repositories(_: Params, region: str, account: str) -> Mapping[str, Any]:
    """Moto makes repositories of CodeCommit, and lists none."""
    made = backend("codecommit", region, account).repositories.values()
    known = [each.repository_metadata for each in made]
    return {"repositories": [{name: each[name] for name in ("repositoryName", "repositoryId")} for each in known]}


def repository_details(params: Params, region: str, account: str) -> Mapping[str, Any]:
    """What moto holds of the repositories that are asked for."""
    made = backend("codecommit", region, account).repositories
    names = params["repositoryNames"]
    described = ("repositoryName", "repositoryId", "Arn", "accountId")
    return {
        "repositories": [
            {each: made[name].repository_metadata[each] for each in described} for name in names if name in made
        ],
        "repositoriesNotFound": [name for name in names if name not in made],
    }


def deployment_groups(params: Params, region: str, account: str) -> Mapping[str, Any]:
    """What moto holds of the deployment groups that are asked for."""
    application = params["applicationName"]
    made = backend("codedeploy", region, account).deployment_groups.get(application, {})
    return {
        "deploymentGroupsInfo": [
            {
                "applicationName": application,
                "deploymentGroupName": name,
                "deploymentGroupId": made[name].deployment_group_id,
                "autoRollbackConfiguration": made[name].auto_rollback_configuration or {"enabled": False, "events": []},
                "alarmConfiguration": made[name].alarm_configuration or {"enabled": False, "alarms": []},
                **({"deploymentConfigName": config} if (config := made[name].deployment_config_name) else {}),
            }
            for name in params["deploymentGroupNames"]
            if name in made
        ]
    }


def pipeline_state(params: Params, _: str, __: str) -> Mapping[str, Any]:
    """Of a pipeline that has never run."""
    return {"pipelineName": params["name"], "stageStates": []}


def no_notification_rule(params: Params, _: str, __: str) -> Error:
    """There is none."""
    return Error("ResourceNotFoundException", f"Unable to find a notification rule with ARN: {params['Arn']}", 404)


def no_stream_processor(params: Params, _: str, __: str) -> Error:
    """There is none."""
    return Error("ResourceNotFoundException", f"The stream processor {params['Name']} does not exist")


ANSWERS: dict[str, Answer] = {
    "codecommit:BatchGetRepositories": repository_details,
    "codecommit:GetRepositoryTriggers": {"triggers": []},
    "codecommit:ListAssociatedApprovalRuleTemplatesForRepository": {"approvalRuleTemplateNames": []},
    "codecommit:ListRepositories": repositories,
    "codedeploy:BatchGetDeploymentGroups": deployment_groups,
    "codepipeline:GetPipelineState": pipeline_state,
    "codestar-notifications:DescribeNotificationRule": no_notification_rule,
    "rekognition:DescribeProjectVersions": {"ProjectVersionDescriptions": []},
    "rekognition:DescribeProjects": {"ProjectDescriptions": []},
    "rekognition:DescribeStreamProcessor": no_stream_processor,
    "rekognition:ListStreamProcessors": {"StreamProcessors": []},
}
