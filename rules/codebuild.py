"""Rules about CodeBuild projects: secrets, who may see and start builds, and where they run and log."""

from collections.abc import Iterator

from auditor.analysis.developer_events import any_told, is_caught, is_notified
from auditor.analysis.labels import marked
from auditor.analysis.network import each_readable, subnet_reaches_internet
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.cloudwatch import Alarm
from auditor.resources.codebuild import CodeBuildProject, WebhookFilter
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule, seen

WITH_APPROVAL = ("ALL_PULL_REQUESTS", "FORK_PULL_REQUESTS")
FAILED_BUILDS = "AWS/CodeBuild/FailedBuilds"


# --- Secrets


@rule(
    severity=Severity.CRITICAL,
    controls=("SecurityHub CodeBuild.2", "PCI-4.0 3.5.1.7 7.2.1.3 7.2.2.3 7.2.3.1 8.2.2.1 8.3.2.11"),
    notes="CodeBuild (secrets via Parameter Store)",
)
def codebuild_project_no_plaintext_secrets(project: CodeBuildProject) -> Verdict:
    """Plaintext variables of build projects hold no secrets.

    Risk: whoever may look at the project, or at the log of a build that prints its environment, has the secret.
    Fix: aws ssm put-parameter --region {region} --name /build/SECRET --type SecureString --value NEW-SECRET
        aws codebuild update-project --region {region} --name {name} --environment file://environment.json
    """
    scanned = project.environment.environment_variables
    worst = {*scanned.credentials, *(match.masked for match in scanned.matches if match.critical)}
    names = sorted(worst | {match.masked for match in scanned.matches})
    if worst:
        return failed("Keys of AWS stand in plaintext variables", environment_variables=names)
    if names:
        return failed("Secrets stand in plaintext variables", severity=Severity.HIGH, environment_variables=names)
    return passed()


@rule(
    severity=Severity.CRITICAL,
    controls=("SecurityHub CodeBuild.1",),
    notes="Never store credentials in code (CodeBuild)",
)
def codebuild_project_source_url_no_credentials(project: CodeBuildProject) -> Verdict:
    """Addresses of sources carry no token or password.

    Risk: the token opens the repository to everybody who may look at the project, and to every log with the address.
    Fix: aws codebuild import-source-credentials --region {region} --server-type GITHUB --auth-type CODECONNECTIONS
        --token CONNECTION-ARN
        aws codebuild update-project --region {region} --name {name} --source file://source.json
    """
    hosts = [s.location.host for s in project.sources if s.location is not None and s.location.credentials]
    if hosts:
        return failed("A source's address carries credentials", hosts=hosts)
    return passed()


# --- Strangers


@rule(
    severity=Severity.HIGH,
    controls=("PCI-4.0 1.2.8.6 1.3.1.7 1.3.2.7 1.4.2.7 1.5.1.6 A1.1.3.6",),
    notes="CodeBuild",
)
def codebuild_project_not_public(project: CodeBuildProject) -> Verdict:
    """Builds are not shown to the public, and neither are credentials in the addresses of their sources.

    Risk: logs, artifacts and the code's secrets in them can be read by anybody who has the link.
    Fix: aws codebuild update-project-visibility --region {region} --project-arn {arn} --project-visibility PRIVATE
    """
    if project.project_visibility == "PUBLIC_READ":
        return failed("Anybody can read what the builds log", project_visibility=project.project_visibility)
    hosts = [s.location.host for s in project.sources if s.location is not None and s.location.password]
    if hosts:
        return failed("A source's address shows a user and a token", hosts=hosts)
    return passed(project_visibility=project.project_visibility)


@rule(severity=Severity.HIGH, notes="CodeBuild")
def codebuild_project_webhook_actors_restricted(project: CodeBuildProject) -> Verdict:
    """Pull requests start builds only if they come from people who are known.

    Risk: in a public repository a stranger's pull request runs the stranger's code with the project's role.
    Fix: aws codebuild update-webhook --region {region} --project-name {name} --pull-request-build-policy
        requiresCommentApproval=ALL_PULL_REQUESTS
    """
    webhook = project.webhook
    if webhook is None:
        return not_applicable("Nothing outside of AWS starts builds")
    if (webhook.build_type or "").startswith("RUNNER_"):
        return not_applicable("The project runs jobs of another service, which decides who may start them")
    policy = webhook.pull_request_build_policy
    if policy is not None and policy.requires_comment_approval in WITH_APPROVAL:
        return passed(requires_comment_approval=policy.requires_comment_approval)
    if not webhook.filter_groups:
        return failed("Every event starts a build, whoever causes it", filter_groups=0)
    open_ = [number for number, group in enumerate(webhook.filter_groups) if _is_open(group)]
    if open_:
        return failed("Pull requests of anybody start builds", filter_groups=open_)
    return passed(filter_groups=len(webhook.filter_groups))


def _is_open(group: tuple[WebhookFilter, ...]) -> bool:
    """Whether a group lets a pull request through, whoever sent it."""
    takes = any(each.type == "EVENT" and "PULL_REQUEST_" in each.pattern for each in group)
    actors = (each for each in group if each.type == "ACTOR_ACCOUNT_ID" and not each.exclude_matched_pattern)
    return takes and not any(all(map(_is_anchored, _alternatives(each.pattern))) for each in actors)


def _is_anchored(pattern: str) -> bool:
    """Whether a pattern takes whole ids only: without its ends, 123 takes 91234 as well."""
    return pattern.startswith("^") and pattern.endswith("$")


def _alternatives(pattern: str) -> Iterator[str]:
    """What stands between the bars of a pattern that are not in parentheses."""
    depth = start = 0
    for at, letter in enumerate(pattern):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "|" and depth == 0:
            yield pattern[start:at]
            start = at + 1
    yield pattern[start:]


# --- Logs and artifacts


@rule(
    severity=Severity.MEDIUM,
    category=Category.OPERATIONS,
    controls=(
        "SecurityHub CodeBuild.3 CodeBuild.4",
        "PCI-4.0 10.2.1.1.11 10.2.1.2.9 10.2.1.3.9 10.2.1.4.9 10.2.1.5.9 10.2.1.6.9 10.2.1.7.9 10.2.1.9",
        "PCI-4.0 10.2.2.9 10.3.1.9 10.6.3.11 5.3.4.10",
        "ISO-27001-2022 A.8.4 A.8.15 A.8.24",
    ),
    notes="CodeBuild logs",
)
def codebuild_project_logging_enabled(project: CodeBuildProject) -> Verdict:
    """Builds log to CloudWatch or, encrypted, to a bucket.

    Risk: what a build did with the project's role, and why it failed, is written nowhere.
    Fix: aws codebuild update-project --region {region} --name {name} --logs-config "cloudWatchLogs={status=ENABLED}"
    """
    config = project.logs_config
    cloudwatch = config.cloud_watch_logs.status if config and config.cloud_watch_logs else "ENABLED"
    bucket = config.s3_logs if config else None
    to_bucket = bucket is not None and bucket.status == "ENABLED"
    if cloudwatch == "DISABLED" and not to_bucket:
        return failed("Builds log nowhere", cloud_watch_logs=cloudwatch)
    if bucket is not None and to_bucket and bucket.encryption_disabled:
        return failed("Logs in the bucket are not encrypted", severity=Severity.LOW, encryption_disabled=True)
    return passed(cloud_watch_logs=cloudwatch, s3_logs=to_bucket)


@rule(severity=Severity.LOW, notes="CodeBuild (KMS for artifacts)")
def codebuild_project_artifacts_encrypted(project: CodeBuildProject) -> Verdict:
    """What builds put into a bucket is encrypted.

    Risk: compiled code, with all that is baked into it, is stored without the project's key.
    Fix: aws codebuild batch-get-projects --region {region} --names {name} --query "projects[0].artifacts"
        aws codebuild update-project --region {region} --name {name} --artifacts file://artifacts.json
    """
    stored = [each for each in (project.artifacts, *project.secondary_artifacts) if each.type == "S3"]
    if not stored:
        return not_applicable("The project puts nothing into a bucket itself", type=project.artifacts.type)
    if bare := [each.artifact_identifier or "primary" for each in stored if each.encryption_disabled]:
        return failed("Artifacts are stored without encryption", artifacts=bare)
    return passed()


# --- Where builds run


@rule(severity=Severity.LOW, notes="CodeBuild (custom Docker images)")
def codebuild_project_not_privileged(
    project: CodeBuildProject, *, docker_tags: tuple[str, ...] = ("docker-build",)
) -> Verdict:
    """Builds are privileged only where they build Docker images.

    Risk: a dependency with bad intent leaves the container through the Docker daemon's rights.
    Fix: aws codebuild batch-get-projects --region {region} --names {name} --query "projects[0].environment"
        and, if no image is built, set privilegedMode to false with
        aws codebuild update-project --region {region} --name {name} --environment file://environment.json
    """
    if not project.environment.privileged_mode:
        return passed(privileged_mode=False)
    if (tag := marked(project.tags or {}, docker_tags)) is not None:
        return passed("A tag says that it builds Docker images", privileged_mode=True, tag=tag)
    return failed("Builds are privileged, and no tag says that they build Docker images", privileged_mode=True)


@rule(severity=Severity.LOW, category=Category.RELIABILITY, notes="CodeBuild VPC")
def codebuild_project_vpc_private_subnets(project: CodeBuildProject, inventory: Inventory) -> Verdict:
    """Builds in a VPC run in private subnets.

    Risk: a build gets no public address: in a subnet that leads to an internet gateway, it reaches nothing outside.
    Fix: aws codebuild update-project --region {region} --name {name}
        --vpc-config vpcId=VPC,subnets=PRIVATE-SUBNET,securityGroupIds=GROUP
    """
    vpc = project.vpc_config
    if vpc is None or not vpc.vpc_id:
        return not_applicable("Builds run in no VPC of the account's")
    vpc_id = vpc.vpc_id

    def if_public(subnet: str) -> Iterator[str]:
        if subnet_reaches_internet(subnet, vpc_id, inventory, region=project.region):
            yield subnet

    if public := seen(each_readable(vpc.subnets, if_public)):
        return failed("Builds run in public subnets, where they have no internet", subnets=public)
    return passed(subnets=list(vpc.subnets))


@rule(severity=Severity.INFORMATIONAL, category=Category.OPERATIONS, notes="CodeBuild (metrics and alarms)")
def codebuild_project_failure_alarm_configured(project: CodeBuildProject, inventory: Inventory) -> Verdict:
    """Somebody hears of failed builds.

    Risk: the nightly build fails for weeks, and is missed on the day on which something must be deployed.
    Fix: aws cloudwatch put-metric-alarm --region {region} --alarm-name {name}-failed-builds --namespace AWS/CodeBuild
        --metric-name FailedBuilds --dimensions Name=ProjectName,Value={name} --statistic Sum --period 3600
        --evaluation-periods 1 --threshold 0 --comparison-operator GreaterThanThreshold --alarm-actions TOPIC-ARN
    """
    if project.source.type == "CODEPIPELINE":
        return not_applicable("A pipeline starts the builds, and tells of their failures")
    event = {
        "detail-type": "CodeBuild Build State Change",
        "source": "aws.codebuild",
        "detail": {"build-status": "FAILED", "project-name": project.name, "current-phase": "COMPLETED"},
    }
    told = any_told(
        lambda: _is_alarmed(project, inventory),
        lambda: is_notified(project, ("build-state-failed", "build-phase-failure"), inventory),
        lambda: is_caught(project, (event,), inventory),
    )
    return passed() if told else failed("Nobody is told of failed builds")


def _is_alarmed(project: CodeBuildProject, inventory: Inventory) -> bool:
    def watches(alarm: Alarm) -> bool:
        stats = [query.metric_stat.metric for query in alarm.metrics if query.metric_stat is not None]
        found = [alarm.dimensions] if alarm.metric_name else [m.dimensions for m in stats]
        return any(not dimensions or project.name in {d.value for d in dimensions} for dimensions in found)

    return any_of(watches, inventory.where(Alarm, "measured_names", FAILED_BUILDS, region=project.region))
