"""Rules about CodeDeploy's deployment groups: that what goes wrong is noticed, stopped and undone."""

from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.cloudwatch import Alarm
from auditor.resources.codedeploy import DeploymentGroup, LastDeployment
from auditor.rule import Verdict, failed, not_applicable, passed, rule

ALL_AT_ONCE = ("CodeDeployDefault.AllAtOnce", "CodeDeployDefault.LambdaAllAtOnce", "CodeDeployDefault.ECSAllAtOnce")


@rule(severity=Severity.MEDIUM, category=Category.RELIABILITY, notes="CodeDeploy rollbacks")
def codedeploy_deployment_group_auto_rollback_enabled(group: DeploymentGroup) -> Verdict:
    """Deployments that fail are rolled back by themselves.

    Risk: half of the fleet runs the new version and half the old one, until somebody wakes up.
    Fix: aws deploy update-deployment-group --region {region}
        --application-name "$(echo {arn} | cut -d: -f7 | cut -d/ -f1)" --current-deployment-group-name {id}
        --auto-rollback-configuration enabled=true,events=DEPLOYMENT_FAILURE,DEPLOYMENT_STOP_ON_ALARM
    """
    rollback = group.auto_rollback_configuration
    if not rollback.enabled:
        return failed("Failed deployments stay where they are", enabled=False)
    if "DEPLOYMENT_FAILURE" not in rollback.events:
        return failed("Failures are not among what is rolled back", events=list(rollback.events))
    return passed(events=list(rollback.events))


@rule(severity=Severity.MEDIUM, category=Category.OPERATIONS, notes="CodeDeploy failures")
def codedeploy_deployment_group_last_deployment_succeeded(group: DeploymentGroup) -> Verdict:
    """The last deployment to a group did not fail.

    Risk: what runs is not what was released, and the next new instance gets yet another version.
    Fix: aws deploy get-deployment --region {region} --query deploymentInfo.errorInformation --deployment-id
        "$(aws deploy get-deployment-group --region {region} --deployment-group-name {id} --output text
        --application-name "$(echo {arn} | cut -d: -f7 | cut -d/ -f1)"
        --query deploymentGroupInfo.lastAttemptedDeployment.deploymentId)"
    """
    last, good = group.last_attempted_deployment, group.last_successful_deployment
    if last is None:
        return not_applicable("Nothing was deployed yet")
    if last.status == "Failed" and not _is_before(last, good):
        return failed("The last deployment failed", deployment_id=last.deployment_id, status=last.status)
    return passed(deployment_id=last.deployment_id, status=last.status)


def _is_before(one: LastDeployment, other: LastDeployment | None) -> bool:
    """Whether a deployment was made before another one."""
    if other is None or one.create_time is None or other.create_time is None:
        return False
    return one.create_time < other.create_time


@rule(severity=Severity.LOW, category=Category.RELIABILITY, notes="CodeDeploy rollbacks (alarms)")
def codedeploy_deployment_group_alarms_configured(group: DeploymentGroup, inventory: Inventory) -> Verdict:
    """Alarms stop a deployment.

    Risk: the new version answers every request with an error, and is rolled out to the last server.
    Fix: aws deploy update-deployment-group --region {region}
        --application-name "$(echo {arn} | cut -d: -f7 | cut -d/ -f1)" --current-deployment-group-name {id}
        --alarm-configuration enabled=true,ignorePollAlarmFailure=false,alarms=[{name=ALARM}]
    """
    config = group.alarm_configuration
    names = [alarm.name for alarm in config.alarms]
    if not config.enabled or not names:
        return failed("No alarm stops a deployment", enabled=config.enabled, alarms=names)
    if config.ignore_poll_alarm_failure:
        return failed("Deployments go on where alarms cannot be read", ignore_poll_alarm_failure=True)
    gone = [name for name in names if inventory.find(Alarm, "alarm_name", name, region=group.region) is None]
    if gone:
        return failed("Alarms that it names are not there", alarms=gone)
    return passed(alarms=names)


@rule(severity=Severity.LOW, category=Category.RELIABILITY, notes="CodeDeploy deployment config")
def codedeploy_deployment_group_not_all_at_once(group: DeploymentGroup) -> Verdict:
    """Deployments go step by step.

    Risk: a version that does not start takes all servers, or all requests, at the same moment.
    Fix: aws deploy update-deployment-group --region {region}
        --application-name "$(echo {arn} | cut -d: -f7 | cut -d/ -f1)" --current-deployment-group-name {id}
        --deployment-config-name CONFIG-NAME
    """
    name = group.deployment_config_name
    if name in ALL_AT_ONCE:
        return failed("Everything is replaced at once", deployment_config_name=name)
    return passed(deployment_config_name=name)
