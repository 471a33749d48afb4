"""ECS task definitions: those that services run, and the newest of each family."""

import asyncio
import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from auditor.fetch import Ask, CallError, Listing, walk
from auditor.findings import GapKind
from auditor.model import Resource, Shape
from auditor.secrets import SecretMatch, scan_environment

# Where a container is told to send its traces.
TRACING_VARIABLES = ("AWS_XRAY_DAEMON_ADDRESS", "OTEL_EXPORTER_OTLP_ENDPOINT")
LOCAL = ("127.0.0.1", "localhost", "0.0.0.0", "[::1]")
# What the SDKs take credentials from before they ask for the task's role.
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_LIKE_A_KEY = re.compile(r"[A-Za-z0-9/+=]{40,}")
BATCH = 10  # services that DescribeServices takes


class ContainerEnvironment(BaseModel):
    """What is kept of a container's variables: their names, and what their values are judged to be.

    names: of the variables that have a value. aws_keys: of those that hold a key of AWS, or a part of one. secrets:
    what scan_environment found. local_tracing: the variables that have traces sent to this task itself.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    names: tuple[str, ...]
    aws_keys: tuple[str, ...]
    secrets: tuple[SecretMatch, ...]
    local_tracing: tuple[str, ...]


def _environment(value: object) -> object:
    """Judge AWS's pairs, pass a snapshot's map. A misfit is named by its type, because errors print their input."""
    if isinstance(value, list) and all(isinstance(pair, Mapping) for pair in value):
        pairs = {str(pair.get("name")): str(pair.get("value") or "") for pair in value}
        secrets = scan_environment(pairs)
        keys = {match.masked for match in secrets if _is_aws_key(match, pairs[match.masked])}
        hosts = {name: pairs.get(name, "").rpartition("://")[2] for name in TRACING_VARIABLES}
        return {
            "names": tuple(sorted(name for name, text in pairs.items() if text)),
            "aws_keys": tuple(sorted(keys)),
            "secrets": secrets,
            "local_tracing": tuple(name for name, host in hosts.items() if host.startswith(LOCAL)),
        }
    return (
        value if value is None or isinstance(value, ContainerEnvironment) or _is_kept(value) else type(value).__name__
    )


def _is_aws_key(match: SecretMatch, value: str) -> bool:
    """Whether a variable holds an access key's id, its secret or a session's token, and no stand-in for one."""
    if match.masked in CREDENTIALS[1:] or match.pattern == "aws-secret-access-key":
        return _LIKE_A_KEY.fullmatch(value.strip()) is not None
    return match.pattern in ("aws-access-key-id", "aws-access-key")


def _is_kept(value: object) -> bool:
    return isinstance(value, Mapping) and value.keys() == ContainerEnvironment.model_fields.keys()


class PortMapping(Shape):
    """A container's port and the host's; a host port that is absent or 0 is chosen anew for each task."""

    container_port: int | None = None
    host_port: int | None = None


class LogConfiguration(Shape):
    """Where a container's output goes."""

    log_driver: str


class ContainerDefinition(Shape):
    """A container of a task. What is absent is off, or decided by the image (`user`)."""

    name: str
    image: str
    environment: Annotated[ContainerEnvironment | None, BeforeValidator(_environment)] = None
    log_configuration: LogConfiguration | None = None
    port_mappings: tuple[PortMapping, ...] = ()
    privileged: bool | None = None
    readonly_root_filesystem: bool | None = None
    user: str | None = None


class RuntimePlatform(Shape):
    """What tasks run on. Absent: Linux."""

    operating_system_family: str | None = None


async def _list_task_definitions(ask: Ask) -> list[dict[str, Any]]:
    """The newest active revision of each family, and every revision that a service names; each once."""
    if not await _families(ask):
        return []  # no service can be without one
    active, running = await asyncio.gather(_families(ask, status="ACTIVE"), _running(ask))
    newest = await asyncio.gather(*(_described(ask, family) for family in active))
    seen = {item["taskDefinitionArn"] for item in newest}
    return newest + list(await asyncio.gather(*(_described(ask, arn) for arn in sorted(running - seen))))


async def _families(ask: Ask, **status: str) -> list[str]:
    pages = await ask("ListTaskDefinitionFamilies", maxResults=100, **status)
    return [family for page in pages for family in walk(page, "families")]


async def _running(ask: Ask) -> set[str]:
    """The task definitions that services, or their task sets, name."""
    pages = await ask("ListClusters", maxResults=100)
    clusters = [arn for page in pages for arn in walk(page, "clusterArns")]
    found = await asyncio.gather(*(_running_in(ask, cluster) for cluster in clusters))
    return set().union(*found)


async def _running_in(ask: Ask, cluster: str) -> set[str]:
    pages = await ask("ListServices", cluster=cluster, maxResults=100)
    arns = [arn for page in pages for arn in walk(page, "serviceArns")]
    batches = [arns[at : at + BATCH] for at in range(0, len(arns), BATCH)]
    answers = await asyncio.gather(*(ask("DescribeServices", cluster=cluster, services=batch) for batch in batches))
    found: set[str] = set()
    for page in (page for pages in answers for page in pages):
        if lost := [why for why in walk(page, "failures.reason") if why != "MISSING"]:
            said = f"ECS did not describe a service of {cluster}: {lost[0]}"
            raise CallError(GapKind.FAILED, "Failures", said)
        found.update(walk(page, "services.taskDefinition"), walk(page, "services.taskSets.taskDefinition"))
    return found


async def _described(ask: Ask, name: str) -> dict[str, Any]:
    """A task definition by its ARN, or the newest active one of a family. Its tags stand beside it."""
    (answer,) = await ask("DescribeTaskDefinition", taskDefinition=name, include=["TAGS"])
    return {**answer["taskDefinition"], "tags": answer.get("tags")}


class TaskDefinition(Resource):
    """A revision of a task definition: one that a service runs, or the newest active one of its family."""

    service, cfn_type = "ecs", "AWS::ECS::TaskDefinition"
    listing = Listing(
        "ListTaskDefinitionFamilies",
        fetch=_list_task_definitions,
        also=("ListClusters", "ListServices", "DescribeServices", "DescribeTaskDefinition"),
    )
    arn_format = "{task_definition_arn}"
    id_field = "label"
    name_field = "family"

    task_definition_arn: str
    family: str
    revision: int
    container_definitions: tuple[ContainerDefinition, ...]
    task_role_arn: str | None = None
    execution_role_arn: str | None = None
    network_mode: str | None = None  # absent: bridge on Linux, NAT on Windows
    pid_mode: str | None = None  # absent: each container its own
    ipc_mode: str | None = None  # absent: as the Docker daemon says, which is each container its own
    runtime_platform: RuntimePlatform | None = None
    requires_compatibilities: tuple[str, ...] = ()
    compatibilities: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Family and revision, as ECS's API takes them."""
        return f"{self.family}:{self.revision}"

    @property
    def on_fargate_only(self) -> bool:
        """Whether only Fargate may run it."""
        return set(self.requires_compatibilities) == {"FARGATE"}

    @property
    def on_windows(self) -> bool:
        """Whether it is for Windows."""
        family = self.runtime_platform.operating_system_family if self.runtime_platform else None
        return bool(family and family.startswith("WINDOWS"))
