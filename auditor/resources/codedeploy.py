"""CodeDeploy: applications and their deployment groups."""

from auditor.fetch import Describe, Listing
from auditor.model import Resource, Shape, Timestamp


class AutoRollback(Shape):
    """When a deployment is rolled back by itself."""

    enabled: bool = False
    events: tuple[str, ...] = ()


class DeploymentAlarm(Shape):
    """An alarm that a deployment watches."""

    name: str


class DeploymentAlarms(Shape):
    """Which alarms stop a deployment."""

    enabled: bool = False
    ignore_poll_alarm_failure: bool = False  # documented as the default
    alarms: tuple[DeploymentAlarm, ...] = ()


class LastDeployment(Shape):
    """A deployment of a group: the last that was tried, or that succeeded."""

    deployment_id: str
    status: str
    end_time: Timestamp | None = None  # left out while it runs
    create_time: Timestamp | None = None


class TagFilter(Shape):
    """A tag of EC2 instances: its key, its value, or both, as `type` says."""

    key: str | None = None
    value: str | None = None
    type: str | None = None


class TagSet(Shape):
    """Groups of tags: an instance has one of each group."""

    ec2_tag_set_list: tuple[tuple[TagFilter, ...], ...] = ()


class DeploymentScalingGroup(Shape):
    """An Auto Scaling group that is deployed to."""

    name: str


class CodeDeployApplication(Resource):
    """An application of CodeDeploy: a name for deployment groups."""

    service, cfn_type = "codedeploy", "AWS::CodeDeploy::Application"
    listing = Listing("ListApplications", at="applications", name="applicationName")
    arn_format = "arn:{partition}:codedeploy:{region}:{account}:application:{application_name}"
    id_field = name_field = "application_name"

    application_name: str


class DeploymentGroup(Resource):
    """A deployment group: what an application is deployed to, and how."""

    service, cfn_type = "codedeploy", "AWS::CodeDeploy::DeploymentGroup"
    listing = Listing(
        "ListDeploymentGroups",
        at="deploymentGroups",
        per=CodeDeployApplication,
        by={"applicationName": "application_name"},
        then=Describe("BatchGetDeploymentGroups", at="deploymentGroupsInfo", ids="deploymentGroupNames", size=100),
    )
    arn_format = (
        "arn:{partition}:codedeploy:{region}:{account}:deploymentgroup:{application_name}/{deployment_group_name}"
    )
    id_field = name_field = "deployment_group_name"

    application_name: str
    deployment_group_name: str
    deployment_config_name: str | None = None  # left out, it is CodeDeployDefault.OneAtATime of a server's
    compute_platform: str | None = None
    auto_rollback_configuration: AutoRollback = AutoRollback()
    alarm_configuration: DeploymentAlarms = DeploymentAlarms()
    last_attempted_deployment: LastDeployment | None = None  # left out before the first
    last_successful_deployment: LastDeployment | None = None
    ec2_tag_filters: tuple[TagFilter, ...] = ()
    ec2_tag_set: TagSet = TagSet()
    auto_scaling_groups: tuple[DeploymentScalingGroup, ...] = ()
