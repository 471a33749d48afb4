"""Elastic Beanstalk: environments and applications."""

from collections.abc import Iterator
from typing import Any

from auditor.analysis.instances import has_tag
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.elasticbeanstalk import BeanstalkApplication, BeanstalkEnvironment, EnvironmentSettings
from auditor.rule import Verdict, Verdicts, failed, not_applicable, passed, rule, unknown

DEVELOPMENT = (
    "environment=dev", "environment=development", "environment=test", "environment=experiment", "env=dev",
    "env=development", "env=test", "stage=dev",
)  # fmt: skip
ENVIRONMENT = "aws:elasticbeanstalk:environment"
GONE = "the environment is being terminated"
UNSAID = "Elastic Beanstalk does not give the environment's settings"


def _settings(environment: BeanstalkEnvironment) -> EnvironmentSettings | Verdict:
    """The settings of an environment, or the verdict about one that has none to judge."""
    if not environment.live:
        return not_applicable(GONE)
    return environment.settings or unknown(UNSAID)


def _balanced(environment: BeanstalkEnvironment) -> EnvironmentSettings | Verdict:
    """The settings of a web environment with a load balancer, or the verdict about another."""
    settings = _settings(environment)
    if isinstance(settings, Verdict):
        return settings
    if settings.get(ENVIRONMENT, "EnvironmentType") == "SingleInstance":
        return not_applicable("the environment is a single instance")
    return settings


# --- Security


@rule(severity=Severity.MEDIUM, notes="Beanstalk HTTPS")
def elasticbeanstalk_environment_https_enabled(environment: BeanstalkEnvironment) -> Verdict:
    """Load-balanced environments of Elastic Beanstalk serve HTTPS.

    Risk: what visitors send, passwords and session cookies included, crosses the internet in the clear.
    Fix: aws elasticbeanstalk update-environment --region {region} --environment-id {id} --option-settings
        Namespace=aws:elbv2:listener:443,OptionName=Protocol,Value=HTTPS
        Namespace=aws:elbv2:listener:443,OptionName=SSLCertificateArns,Value=CERTIFICATE_ARN
    """
    if environment.tier.name != "WebServer":
        return not_applicable("the environment is a worker, and serves nobody")
    settings = _balanced(environment)
    if isinstance(settings, Verdict):
        return settings
    if settings.get(ENVIRONMENT, "LoadBalancerIsShared") == "true":
        return not_applicable("the load balancer is shared: its listeners are not the environment's")
    served = sorted(space.rpartition(":")[2] for space, options in settings.options.items() if _is_tls(space, options))
    if served:
        return passed("The load balancer serves HTTPS", ports=served)
    return failed("The load balancer has no listener with TLS and a certificate")


def _is_tls(namespace: str, options: dict[str, str]) -> bool:
    if options.get("ListenerEnabled") == "false":
        return False
    if namespace.startswith("aws:elbv2:listener:"):
        return options.get("Protocol") in ("HTTPS", "TLS") and bool(options.get("SSLCertificateArns"))
    if namespace.startswith("aws:elb:listener"):
        return options.get("ListenerProtocol") in ("HTTPS", "SSL") and bool(options.get("SSLCertificateId"))
    if namespace == "aws:elb:loadbalancer":  # how it was said before there were listeners
        return options.get("LoadBalancerHTTPSPort", "OFF") != "OFF" and bool(options.get("SSLCertificateId"))
    return False


@rule(severity=Severity.HIGH, notes="Never store credentials")
def elasticbeanstalk_environment_no_secrets_in_properties(environment: BeanstalkEnvironment) -> Verdict:
    """The properties of Elastic Beanstalk environments hold no secrets.

    Risk: everyone who may describe the environment reads the password or key, in the console too, and its saved
        configurations keep it.
    Fix: Replace the secret where it is valid, keep the new one in Secrets Manager, and let the environment refer to it:
    aws elasticbeanstalk update-environment --region {region} --environment-id {id}
        --options-to-remove Namespace=aws:elasticbeanstalk:application:environment,OptionName=PROPERTY
        --option-settings
        Namespace=aws:elasticbeanstalk:application:environmentsecrets,OptionName=PROPERTY,Value=SECRET_ARN
    """
    settings = _settings(environment)
    if isinstance(settings, Verdict):
        return settings
    if not settings.secrets:
        return passed("No secret was found in the properties")
    severity = Severity.CRITICAL if any(match.critical for match in settings.secrets) else None
    found = [{"name": match.masked, "pattern": match.pattern} for match in settings.secrets]
    return failed("The properties hold what looks like secrets", severity=severity, properties=found)


# --- Platform


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub ElasticBeanstalk.2", "PCI-4.0 6.3.3.7"),
    notes="Beanstalk management",
)
def elasticbeanstalk_environment_managed_updates_enabled(environment: BeanstalkEnvironment) -> Verdict:
    """Elastic Beanstalk keeps the platform of its environments up to date.

    Risk: the operating system and the language runtime stay as they were on the day of the launch, holes included.
    Fix: aws elasticbeanstalk update-environment --region {region} --environment-id {id} --option-settings
        Namespace=aws:elasticbeanstalk:managedactions,OptionName=ManagedActionsEnabled,Value=true
        Namespace=aws:elasticbeanstalk:managedactions,OptionName=PreferredStartTime,Value=Sun:03:00
        Namespace=aws:elasticbeanstalk:managedactions:platformupdate,OptionName=UpdateLevel,Value=minor
    """
    settings = _settings(environment)
    if isinstance(settings, Verdict):
        return settings
    value = settings.get("aws:elasticbeanstalk:managedactions", "ManagedActionsEnabled")
    if value == "true":
        return passed("Managed updates are on", ManagedActionsEnabled=value)
    return failed("Managed updates are off", ManagedActionsEnabled=value)


@rule(severity=Severity.HIGH, notes="Beanstalk platforms")
def elasticbeanstalk_environment_platform_supported(environment: BeanstalkEnvironment) -> Verdict:
    """Elastic Beanstalk environments run on a platform that AWS supports.

    Risk: a retired branch gets no patches of the operating system or of the runtime, and its environments can fail to
        start instances any day.
    Fix: aws elasticbeanstalk list-platform-versions --region {region}
        --filters "Type=PlatformLifecycleState,Operator='=',Values=recommended"
    aws elasticbeanstalk update-environment --region {region} --environment-id {id} --platform-arn PLATFORM_ARN
    """
    if not environment.live:
        return not_applicable(GONE)
    platform = environment.platform
    if platform is None:
        return unknown("Elastic Beanstalk does not say which platform the environment runs on")
    branch, version = platform.platform_branch_lifecycle_state or "", platform.platform_lifecycle_state or ""
    evidence: dict[str, Any] = {"platform": environment.platform_arn, "branch": branch, "version": version}
    if branch.lower() == "retired":
        return failed("The platform's branch is retired", **evidence)
    if branch.lower() == "deprecated":
        return failed("The platform's branch is deprecated", severity=Severity.MEDIUM, **evidence)
    if branch and version.lower() != "recommended":  # only the version to move to has a state
        return failed("There is a newer version of the platform", severity=Severity.INFORMATIONAL, **evidence)
    if not branch and not version:
        return not_applicable("AWS says nothing of the support of this platform, which is a custom one", **evidence)
    return passed("The platform is supported", **evidence)


# --- Reliability


@rule(severity=Severity.MEDIUM, category=Category.RELIABILITY, notes="Beanstalk with RDS")
def elasticbeanstalk_environment_database_decoupled(environment: BeanstalkEnvironment) -> Verdict:
    """Databases live outside of Elastic Beanstalk environments.

    Risk: whoever terminates or rebuilds the environment deletes the database with it.
    Fix: aws elasticbeanstalk update-environment --region {region} --environment-id {id} --option-settings
        Namespace=aws:rds:dbinstance,OptionName=DBDeletionPolicy,Value=Retain
        Namespace=aws:rds:dbinstance,OptionName=HasCoupledDatabase,Value=false
    """
    settings = _settings(environment)
    if isinstance(settings, Verdict):
        return settings
    coupled = settings.get("aws:rds:dbinstance", "HasCoupledDatabase")
    if coupled == "true":
        return failed("The environment has a database of its own", HasCoupledDatabase=coupled)
    if coupled is not None:
        return passed("The environment has no database of its own", HasCoupledDatabase=coupled)
    stack = environment.stack_resources or ()
    if any(resource.resource_type == "AWS::RDS::DBInstance" for resource in stack):
        return failed("The environment's stack holds a database", stack=environment.stack_name)
    if not stack:
        return unknown("CloudFormation does not show what the environment's stack holds")
    return passed("The environment's stack holds no database", stack=environment.stack_name)


@rule(severity=Severity.LOW, category=Category.RELIABILITY, notes="Beanstalk architecture models")
def elasticbeanstalk_environment_load_balanced(
    environment: BeanstalkEnvironment, *, development_tags: tuple[str, ...] = DEVELOPMENT
) -> Verdict:
    """Elastic Beanstalk environments have a load balancer, unless they are there for development.

    Risk: with its only instance, or its zone, the whole application is gone.
    Fix: aws elasticbeanstalk update-environment --region {region} --environment-id {id}
        --option-settings Namespace=aws:elasticbeanstalk:environment,OptionName=EnvironmentType,Value=LoadBalanced
    """
    if environment.tier.name != "WebServer":
        return not_applicable("the environment is a worker")
    settings = _settings(environment)
    if isinstance(settings, Verdict):
        return settings
    kind = settings.get(ENVIRONMENT, "EnvironmentType")
    if kind != "SingleInstance":
        return passed("The environment has a load balancer", EnvironmentType=kind)
    if tag := has_tag(environment.environment_tags, development_tags):
        return not_applicable(f"the tag {tag} says that the environment is there for development")
    return failed("The environment is a single instance", EnvironmentType=kind)


@rule(severity=Severity.LOW, category=Category.RELIABILITY, notes="Beanstalk HA")
def elasticbeanstalk_environment_multi_az(environment: BeanstalkEnvironment) -> Verdict:
    """Load-balanced environments of Elastic Beanstalk have two instances or more, in several zones.

    Risk: when the only instance or the only zone fails, the application is gone until a new instance is ready.
    Fix: aws elasticbeanstalk update-environment --region {region} --environment-id {id} --option-settings
        "Namespace=aws:autoscaling:asg,OptionName=Availability Zones,Value=Any 2"
        Namespace=aws:autoscaling:asg,OptionName=MinSize,Value=2
    """
    settings = _balanced(environment)
    if isinstance(settings, Verdict):
        return settings
    zones = settings.get("aws:autoscaling:asg", "Availability Zones")
    size = settings.get("aws:autoscaling:asg", "MinSize")
    evidence: dict[str, Any] = {"availability_zones": zones, "min_size": size}
    if zones == "Any 1":
        return failed("The environment is in one zone", **evidence)
    if not (size or "1").isdecimal():
        return unknown("Elastic Beanstalk gives a smallest size that is no number", **evidence)
    if int(size or 1) < 2:  # one is the default
        return failed("The environment may go down to one instance", **evidence)
    return passed("The environment has two instances or more, in several zones", **evidence)


@rule(severity=Severity.LOW, category=Category.RELIABILITY, notes="Beanstalk deployments")
def elasticbeanstalk_environment_deployment_policy_safe(environment: BeanstalkEnvironment) -> Verdict:
    """Load-balanced environments of Elastic Beanstalk are not updated all at once.

    Risk: every deployment is an outage, and one that fails leaves no instance with the old version.
    Fix: aws elasticbeanstalk update-environment --region {region} --environment-id {id}
        --option-settings Namespace=aws:elasticbeanstalk:command,OptionName=DeploymentPolicy,Value=Rolling
    """
    settings = _balanced(environment)
    if isinstance(settings, Verdict):
        return settings
    policy = settings.get("aws:elasticbeanstalk:command", "DeploymentPolicy")
    if policy in (None, "AllAtOnce"):  # the default
        return failed("Every instance is updated at the same time", DeploymentPolicy=policy)
    return passed(f"Deployments are {policy}", DeploymentPolicy=policy)


@rule(
    severity=Severity.LOW,
    category=Category.RELIABILITY,
    notes="Beanstalk application versions (limit 1000)",
)
def elasticbeanstalk_application_version_lifecycle_enabled(
    application: BeanstalkApplication, inventory: Inventory, *, max_quota_percent: float = 80
) -> Verdict:
    """Elastic Beanstalk deletes old versions of applications before there are too many.

    Risk: once the region has as many versions as it may, no deployment of any application succeeds.
    Fix: aws elasticbeanstalk update-application-resource-lifecycle --region {region} --application-name {name}
        --resource-lifecycle-config '{"ServiceRole":"arn:aws:iam::{account}:role/aws-elasticbeanstalk-service-role",
        "VersionLifecycleConfig":{"MaxCountRule":{"Enabled":true,"MaxCount":200,"DeleteSourceFromS3":false}}}'
    """
    config = application.resource_lifecycle_config
    lifecycle = config.version_lifecycle_config if config else None
    rules = [lifecycle.max_count_rule, lifecycle.max_age_rule] if lifecycle else []
    evidence: dict[str, Any] = {"versions": len(application.versions)}
    if not any(each is not None and each.enabled for each in rules):
        return failed("No rule deletes old versions", **evidence)
    quota = application.quotas.application_version_quota
    if quota is None or quota.maximum is None:
        return unknown("Elastic Beanstalk does not say how many versions there may be", **evidence)
    every = sum(len(each.versions) for each in inventory.each(BeanstalkApplication, region=application.region))
    evidence |= {"versions_in_region": every, "quota": quota.maximum}
    if 100 * every > max_quota_percent * quota.maximum:
        return failed("The region's applications have most of the versions that there may be", **evidence)
    return passed("A rule deletes old versions", **evidence)


# --- Operations


@rule(
    severity=Severity.LOW,
    category=Category.OPERATIONS,
    controls=("SecurityHub ElasticBeanstalk.1",),
    notes="Beanstalk health",
)
def elasticbeanstalk_environment_enhanced_health_enabled(environment: BeanstalkEnvironment) -> Verdicts:
    """Elastic Beanstalk environments report enhanced health, and are well.

    Risk: basic health sees whether an instance answers, not that it runs out of disk or answers with errors; and what
        is red serves badly already.
    Fix: aws elasticbeanstalk update-environment --region {region} --environment-id {id}
        --option-settings Namespace=aws:elasticbeanstalk:healthreporting:system,OptionName=SystemType,Value=enhanced
    Why an environment is not well:
    aws elasticbeanstalk describe-environment-health --region {region} --environment-id {id} --attribute-names All
    """
    yield from _health(environment)
    settings = _settings(environment)
    if isinstance(settings, Verdict):
        yield settings
        return
    kind = settings.get("aws:elasticbeanstalk:healthreporting:system", "SystemType")
    if kind == "enhanced":
        yield passed("The environment reports enhanced health", SystemType=kind)
    else:
        yield failed("The environment reports basic health only", SystemType=kind)


def _health(environment: BeanstalkEnvironment) -> Iterator[Verdict]:
    """Whether an environment is well now: a verdict of its own."""
    evidence: dict[str, Any] = {"health": environment.health, "status": environment.status}
    if environment.health == "Red":
        yield failed("The environment is not well", key="health", **evidence)
    elif environment.health in (None, "Grey") and environment.status == "Ready":
        yield not_applicable("Elastic Beanstalk does not know how the environment is", key="health", **evidence)
    elif environment.status == "Ready":
        yield passed("The environment is well", key="health", **evidence)
    else:
        yield not_applicable(f"the environment is {environment.status} at the moment", key="health", **evidence)


@rule(
    severity=Severity.LOW,
    category=Category.OPERATIONS,
    controls=(
        "SecurityHub ElasticBeanstalk.3",
        "PCI-4.0 10.2.1.1.18 10.2.1.2.15 10.2.1.3.15 10.2.1.4.15 10.2.1.5.15 10.2.1.6.15 10.2.1.7.15 10.2.1.15",
        "PCI-4.0 10.2.2.15 10.3.1.15 10.6.3.19 5.3.4.18",
        "ISO-27001-2022 A.8.15",
    ),
    notes="Beanstalk logging",
)
def elasticbeanstalk_environment_log_streaming_enabled(environment: BeanstalkEnvironment) -> Verdict:
    """Elastic Beanstalk environments stream their logs to CloudWatch.

    Risk: the logs are on the instances, and go with them: of a crash, or of a break-in, nothing is left to read.
    Fix: aws elasticbeanstalk update-environment --region {region} --environment-id {id}
        --option-settings Namespace=aws:elasticbeanstalk:cloudwatch:logs,OptionName=StreamLogs,Value=true
    """
    settings = _settings(environment)
    if isinstance(settings, Verdict):
        return settings
    value = settings.get("aws:elasticbeanstalk:cloudwatch:logs", "StreamLogs")
    if value == "true":
        return passed("Logs are streamed to CloudWatch", StreamLogs=value)
    return failed("Logs stay on the instances", StreamLogs=value)


@rule(severity=Severity.INFORMATIONAL, category=Category.OPERATIONS, notes="Beanstalk X-Ray")
def elasticbeanstalk_environment_xray_enabled(environment: BeanstalkEnvironment) -> Verdict:
    """Elastic Beanstalk environments run the daemon of X-Ray.

    Risk: nobody sees which part of a request was slow or failed.
    Fix: aws elasticbeanstalk update-environment --region {region} --environment-id {id}
        --option-settings Namespace=aws:elasticbeanstalk:xray,OptionName=XRayEnabled,Value=true
    """
    settings = _settings(environment)
    if isinstance(settings, Verdict):
        return settings
    value = settings.get("aws:elasticbeanstalk:xray", "XRayEnabled")
    if value == "true":
        return passed("The daemon of X-Ray runs", XRayEnabled=value)
    return failed("The daemon of X-Ray does not run", XRayEnabled=value)
