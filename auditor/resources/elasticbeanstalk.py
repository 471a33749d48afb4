"""Elastic Beanstalk. The values of environment properties are judged where they arrive, and go no further."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from auditor.fetch import Call, Listing
from auditor.model import Resource, Shape, Tags
from auditor.secrets import SecretMatch, scan_environment

PROPERTIES = "aws:elasticbeanstalk:application:environment"
# The options that rules read, by namespace: whatever else a setting says may be a secret, and is dropped.
KEPT = {
    "aws:autoscaling:asg": ("Availability Zones", "MinSize"),
    "aws:elasticbeanstalk:cloudwatch:logs": ("StreamLogs",),
    "aws:elasticbeanstalk:command": ("DeploymentPolicy",),
    "aws:elasticbeanstalk:environment": ("EnvironmentType", "LoadBalancerIsShared"),
    "aws:elasticbeanstalk:healthreporting:system": ("SystemType",),
    "aws:elasticbeanstalk:managedactions": ("ManagedActionsEnabled",),
    "aws:elasticbeanstalk:xray": ("XRayEnabled",),
    "aws:elb:loadbalancer": ("LoadBalancerHTTPSPort", "SSLCertificateId"),
    "aws:rds:dbinstance": ("HasCoupledDatabase",),
}
OF_LISTENERS = ("Protocol", "ListenerEnabled", "SSLCertificateArns", "ListenerProtocol", "SSLCertificateId")


class EnvironmentSettings(BaseModel):
    """The options of an environment by namespace, as far as rules read them, and the secrets in its properties."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    options: dict[str, dict[str, str]]
    secrets: tuple[SecretMatch, ...]

    def get(self, namespace: str, option: str) -> str | None:
        """The value of an option; None where Elastic Beanstalk does not give one, so that its default holds."""
        return self.options.get(namespace, {}).get(option)


def _judged(value: Any) -> Any:
    """Options as AWS gives them become what is kept of them; a snapshot's are left as they are."""
    if isinstance(value, EnvironmentSettings) or (isinstance(value, Mapping) and "options" in value):
        return value
    if not isinstance(value, list):
        return type(value).__name__  # a misfit is named by its type, because errors print their input
    if not value:
        return None  # no environment is without options: nothing was said
    options: dict[str, dict[str, str]] = {}
    properties: dict[str, str] = {}
    for each in value:
        namespace, name, text = each.get("Namespace"), each.get("OptionName"), each.get("Value")
        if text is None:
            continue  # an option that is not set
        if namespace == PROPERTIES:
            properties[name] = text
        elif name in (OF_LISTENERS if _is_listener(namespace) else KEPT.get(namespace, ())):
            options.setdefault(namespace, {})[name] = text
    return {"options": options, "secrets": scan_environment(properties)}


def _is_listener(namespace: str) -> bool:
    return namespace.startswith(("aws:elb:listener", "aws:elbv2:listener:"))


class PlatformDescription(Shape):
    """How AWS supports a platform version, and the branch that it belongs to. Both are absent for custom platforms.

    `Recommended` is the one state that a version has: of every other version of a branch it is absent.
    """

    platform_lifecycle_state: str | None = None
    platform_branch_lifecycle_state: str | None = None


class StackResource(Shape):
    """A resource that CloudFormation keeps for an environment."""

    resource_type: str


class EnvironmentTier(Shape):
    """`WebServer` or `Worker`."""

    name: str


class BeanstalkEnvironment(Resource):
    """An environment of Elastic Beanstalk."""

    service, cfn_type = "elasticbeanstalk", "AWS::ElasticBeanstalk::Environment"
    listing = Listing("DescribeEnvironments", at="Environments", params={"IncludeDeleted": False})
    arn_format = "{environment_arn}"
    id_field = "environment_id"
    name_field = "environment_name"

    environment_id: str
    environment_name: str
    application_name: str
    cname: str | None = None  # a worker has none
    platform_arn: str | None = None
    status: str
    health: str | None = None
    tier: EnvironmentTier
    settings: Annotated[
        Annotated[EnvironmentSettings, BeforeValidator(_judged)] | None,
        Call(
            "DescribeConfigurationSettings",
            at="ConfigurationSettings.OptionSettings",
            when=lambda environment: environment.live,
            ApplicationName="application_name",
            EnvironmentName="environment_name",
        ),
    ]
    platform: Annotated[
        PlatformDescription | None,
        Call(
            "DescribePlatformVersion",
            at="PlatformDescription",
            when=lambda environment: environment.live and environment.platform_arn is not None,
            PlatformArn="platform_arn",
        ),
    ]
    environment_tags: Annotated[
        Tags | None,
        Call("ListTagsForResource", at="ResourceTags", when=lambda environment: environment.live, ResourceArn="arn"),
    ]
    stack_resources: Annotated[
        tuple[StackResource, ...] | None,
        Call(
            "ListStackResources",
            service="cloudformation",
            at="StackResourceSummaries",
            when=lambda environment: environment.live,
            StackName="stack_name",
        ),
    ]

    @property
    def live(self) -> bool:
        """Whether the environment exists still."""
        return self.status not in ("Terminating", "Terminated")

    @property
    def stack_name(self) -> str:
        """The stack in which Elastic Beanstalk makes it."""
        return f"awseb-{self.environment_id}-stack"


class VersionRule(Shape):
    """A rule that deletes old versions; one that AWS leaves out is off."""

    enabled: bool = False


class VersionLifecycleConfig(Shape):
    """When old versions are deleted."""

    max_count_rule: VersionRule | None = None
    max_age_rule: VersionRule | None = None


class ResourceLifecycleConfig(Shape):
    """What happens to an application's old versions."""

    version_lifecycle_config: VersionLifecycleConfig | None = None


class Quota(Shape):
    """How many there may be in the account and region."""

    maximum: int | None = None


class ResourceQuotas(Shape):
    """The quotas of Elastic Beanstalk."""

    application_version_quota: Quota | None = None


class BeanstalkApplication(Resource):
    """An application of Elastic Beanstalk, with its versions."""

    service, cfn_type = "elasticbeanstalk", "AWS::ElasticBeanstalk::Application"
    listing = Listing("DescribeApplications", at="Applications")
    arn_format = "{application_arn}"
    id_field = "application_name"

    application_name: str
    versions: tuple[str, ...] = ()
    resource_lifecycle_config: ResourceLifecycleConfig | None = None
    quotas: Annotated[ResourceQuotas, Call("DescribeAccountAttributes", at="ResourceQuotas")]
