"""CodeBuild projects. What their variables and source addresses hold is judged where it arrives."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict

from auditor.fetch import Describe, Listing
from auditor.model import Resource, Shape
from auditor.secrets import SecretMatch, scan_environment

CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
# An address of the form scheme://user@host or scheme://user:password@host.
_USER_INFO = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?P<user>[^/?#]*)@")


class SourceAddress(BaseModel):
    """What is kept of a source's address: its host, and whether it names a user, and one with a password."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: str | None
    credentials: bool
    password: bool

    @classmethod
    def of(cls, address: str) -> Self:
        """Judge an address; a bucket or a repository of CodeCommit by its name has no host."""
        try:
            host = urlsplit(address).hostname
        except ValueError:
            host = None
        named = _USER_INFO.match(address.strip())
        return cls(host=host, credentials=named is not None, password=named is not None and ":" in named["user"])


def _address(value: object) -> object:
    """Judge AWS's answer, pass a snapshot's. A misfit is named by its type, because errors print their input."""
    match value:
        case str(address):
            return SourceAddress.of(address)
        case None | SourceAddress() | {"credentials": _}:
            return value
        case _:
            return {"misfit": type(value).__name__}


class ScannedVariables(BaseModel):
    """What is kept of a project's plaintext variables: which of them hold secrets."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    matches: tuple[SecretMatch, ...] = ()
    credentials: tuple[str, ...] = ()  # variables that AWS's tools take credentials from, whatever they hold

    @classmethod
    def of(cls, given: list[Mapping[str, Any]]) -> Self:
        """Judge variables as CodeBuild gives them; one without a type is plaintext."""
        plain = (each for each in given if each.get("type", "PLAINTEXT") == "PLAINTEXT")
        values = {each.get("name") or "": each.get("value") or "" for each in plain}
        credentials = tuple(name for name in CREDENTIALS if values.get(name))
        return cls(matches=scan_environment(values), credentials=credentials)


def _variables(value: object) -> object:
    match value:
        case ScannedVariables() | {"matches": _}:
            return value
        case list() if all(isinstance(each, Mapping) for each in value):
            return ScannedVariables.of(value)
        case _:
            return type(value).__name__


class ProjectEnvironment(Shape):
    """Where a project builds."""

    environment_variables: Annotated[ScannedVariables, BeforeValidator(_variables)] = ScannedVariables()
    privileged_mode: bool = False  # documented as the default


class ProjectSource(Shape):
    """What a project builds. A source inside a pipeline has no address."""

    type: str
    location: Annotated[SourceAddress | None, BeforeValidator(_address)] = None
    source_identifier: str | None = None  # only of secondary sources


class ProjectArtifacts(Shape):
    """What a build leaves behind, and where."""

    type: str
    encryption_disabled: bool = False  # the documentation: artifacts are encrypted unless this says otherwise
    artifact_identifier: str | None = None  # only of secondary artifacts


class CloudWatchLogs(Shape):
    """Whether builds log to CloudWatch."""

    status: str


class S3Logs(Shape):
    """Whether builds log to a bucket, and encrypt what they write."""

    status: str
    encryption_disabled: bool = False


class LogsConfig(Shape):
    """Where builds log: to CloudWatch unless it says otherwise."""

    cloud_watch_logs: CloudWatchLogs | None = None
    s3_logs: S3Logs | None = None


class ProjectVpc(Shape):
    """Where in a VPC builds run; all empty where they run in none."""

    vpc_id: str | None = None
    subnets: tuple[str, ...] = ()


class WebhookFilter(Shape):
    """One condition of a webhook; those of a group must hold together."""

    type: str
    pattern: str
    exclude_matched_pattern: bool = False


class PullRequestPolicy(Shape):
    """Which pull requests are built only after a comment of somebody who may."""

    requires_comment_approval: str


class Webhook(Shape):
    """What starts builds from outside. Its secret and its address are not kept."""

    filter_groups: tuple[tuple[WebhookFilter, ...], ...] = ()  # without any, every event builds
    build_type: str | None = None  # left out, it is BUILD
    pull_request_build_policy: PullRequestPolicy | None = None


class CodeBuildProject(Resource):
    """A build project."""

    service, cfn_type = "codebuild", "AWS::CodeBuild::Project"
    listing = Listing(
        "ListProjects",
        at="projects",
        then=Describe("BatchGetProjects", at="projects", ids="names", size=100, gone="projectsNotFound"),
    )
    id_field = name_field = "name"

    name: str
    source: ProjectSource
    secondary_sources: tuple[ProjectSource, ...] = ()
    artifacts: ProjectArtifacts
    secondary_artifacts: tuple[ProjectArtifacts, ...] = ()
    environment: ProjectEnvironment
    logs_config: LogsConfig | None = None
    vpc_config: ProjectVpc | None = None
    webhook: Webhook | None = None  # only where something outside starts builds
    project_visibility: str = "PRIVATE"  # documented as the default

    @property
    def sources(self) -> tuple[ProjectSource, ...]:
        """All that it builds from."""
        return (self.source, *self.secondary_sources)
