"""CloudFormation: stacks with what their parameters and outputs give away, and stack sets."""

import asyncio
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict

from auditor.fetch import Ask, Call, CallError, Listing
from auditor.model import Resource, Shape, Timestamp
from auditor.secrets import SecretMatch, scan_environment

# Stacks that a service made and keeps: StackSets, Elastic Beanstalk, Service Catalog and SAM's command line.
_OWNED = re.compile(r"StackSet-.+|awseb-e-.+|SC-\d{12}-pp-.+|aws-sam-cli-managed-default")
# Types of resources that keep data, and what may become of these.
STATEFUL = (
    "AWS::RDS::DBInstance",
    "AWS::RDS::DBCluster",
    "AWS::DynamoDB::Table",
    "AWS::DynamoDB::GlobalTable",
    "AWS::S3::Bucket",
    "AWS::EFS::FileSystem",
    "AWS::KMS::Key",
)
POLICIES = ("Delete", "Retain", "RetainExceptOnCreate", "Snapshot")
_RESOURCES = re.compile(r"""["']?Resources["']?\s*:\s*(?:#.*)?""")
_COMMENT = re.compile(r"\s*#")
_KEY = re.compile(r"""(?P<quote>["']?)(?P<name>[A-Za-z0-9:]+)(?P=quote)\s*:(?:\s+(?P<value>[^#]*?))?\s*(?:#.*)?$""")
NOT_IMPORTED = "is not imported by any stack"  # what CloudFormation's error says of an export that nobody uses


class ScannedStackValues(BaseModel):
    """What is kept of a stack's parameters or outputs: which of them hold secrets, and the names of exports.

    A parameter that is resolved (an SSM parameter's name) is a reference, whatever its value looks like.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    matches: tuple[SecretMatch, ...] = ()
    exports: tuple[str, ...] = ()

    @classmethod
    def of(cls, given: list[Mapping[str, Any]]) -> Self:
        """Judge parameters or outputs as CloudFormation gives them."""
        values = {
            each.get(f"{kind}Key") or "": each.get(f"{kind}Value") or ""
            for each in given
            for kind in ("Parameter", "Output")
            if f"{kind}Key" in each and "ResolvedValue" not in each
        }
        exports = sorted(each["ExportName"] for each in given if each.get("ExportName"))
        return cls(matches=scan_environment(values), exports=tuple(exports))


def _scanned(value: object) -> object:
    """Scan AWS's answer, pass a snapshot's. A misfit is named by its type, because errors print their input."""
    match value:
        case ScannedStackValues() | {"matches": _}:
            return value
        case list() if all(isinstance(each, Mapping) for each in value):
            return ScannedStackValues.of(value)
        case _:
            return type(value).__name__


StackValues = Annotated[ScannedStackValues, BeforeValidator(_scanned)]


class StatefulResource(BaseModel):
    """A resource of a template that keeps data: of which type, and what becomes of it when it leaves the stack.

    `deletion_policy` is None where the template says nothing, and "?" where it is none that can be read off.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    logical_id: str
    type: str
    deletion_policy: str | None
    in_cluster: bool  # a database instance whose data are its cluster's


class ScannedTemplate(BaseModel):
    """What is kept of a template: the resources that keep data, and why it could not be understood."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    stateful: tuple[StatefulResource, ...] = ()
    unread: str | None = None

    @classmethod
    def of(cls, body: str | Mapping[str, Any]) -> Self:
        """Read a template: JSON as text or decoded, or YAML."""
        try:
            if isinstance(body, str) and body.lstrip().startswith("{"):
                body = json.loads(body)
            found = _of_yaml(body) if isinstance(body, str) else _of_json(body)
            return cls(stateful=tuple(each for each in found if each is not None))
        except (ValueError, TypeError, AttributeError):
            return cls(unread="its form is none that is understood")


def _stateful(name: str, kind: object, policy: object, in_cluster: bool) -> StatefulResource | None:
    if kind not in STATEFUL:
        return None
    said = None if policy is None else policy if policy in POLICIES else "?"
    return StatefulResource.model_validate(
        {"logical_id": name, "type": kind, "deletion_policy": said, "in_cluster": in_cluster}
    )


def _of_json(body: Mapping[str, Any]) -> Iterator[StatefulResource | None]:
    for name, each in body["Resources"].items() if "Resources" in body else ():
        if isinstance(each, Mapping):  # what a transform is told stands beside the resources
            in_cluster = "DBClusterIdentifier" in (each.get("Properties") or {})
            yield _stateful(name, each.get("Type"), each.get("DeletionPolicy"), in_cluster)


def _of_yaml(body: str) -> Iterator[StatefulResource | None]:
    """Read what stands two levels deep below Resources, by indentation. Raises ValueError for any other form."""
    lines = [line for line in body.replace("\r\n", "\n").split("\n") if line.strip() and not _COMMENT.match(line)]
    start = next((at for at, line in enumerate(lines) if _RESOURCES.fullmatch(line)), None)
    if start is None:
        raise ValueError("no resources, or in braces")
    inside = list(itertools.takewhile(lambda line: line[0] == " ", lines[start + 1 :]))
    blocks = _blocks(inside)
    for name, said, block in blocks:
        if said:
            raise ValueError("in braces")
        members = {key: value for key, value, _ in _blocks(block)}
        in_cluster = any(re.match(r"""\s+["']?DBClusterIdentifier["']?\s*:""", line) for line in block)
        yield _stateful(name, members.get("Type"), members.get("DeletionPolicy"), in_cluster)


def _blocks(lines: list[str]) -> list[tuple[str, str, list[str]]]:
    """The keys of the outermost level, what stands beside each, and the lines below it."""
    indent = len(lines[0]) - len(lines[0].lstrip()) if lines else 0
    found: list[tuple[str, str, list[str]]] = []
    for line in lines:
        key = _KEY.match(line[indent:]) if not line[:indent].strip() else None
        if key is not None:
            found.append((key["name"], (key["value"] or "").strip("\"'"), []))
        elif found:
            found[-1][2].append(line)
    return found


def _template(value: object) -> object:
    match value:
        case ScannedTemplate() | {"stateful": _}:
            return value
        case str() | Mapping():
            return ScannedTemplate.of(value)
        case _:
            return type(value).__name__


class StackDrift(Shape):
    """Whether a stack's resources were as its template says when somebody last looked."""

    stack_drift_status: str
    last_check_timestamp: Timestamp | None = None  # left out where nobody ever did


class ChangeSet(Shape):
    """A change set: changes of a stack, prepared and perhaps carried out."""

    change_set_name: str
    execution_status: str | None = None
    status: str | None = None
    creation_time: Timestamp | None = None


async def _imported(ask: Ask, stack: "Stack") -> list[str]:
    """Those of a stack's exports that another stack imports: for the others CloudFormation has an error."""

    async def is_imported(name: str) -> bool:
        try:
            await ask("ListImports", ExportName=name)
        except CallError as error:
            if NOT_IMPORTED in error.message:
                return False
            raise
        return True

    used = await asyncio.gather(*(is_imported(name) for name in stack.outputs.exports))
    return [name for name, yes in zip(stack.outputs.exports, used, strict=True) if yes]


class Stack(Resource):
    """A CloudFormation stack that is not deleted."""

    service, cfn_type = "cloudformation", "AWS::CloudFormation::Stack"
    listing = Listing("DescribeStacks", at="Stacks")
    arn_format = "{stack_id}"
    id_field = name_field = "stack_name"

    stack_id: str
    stack_name: str
    stack_status: str
    parent_id: str | None = None  # only of a nested stack
    disable_rollback: bool
    role_arn: str | None = None  # left out where it is deployed with the rights of whoever deploys it
    drift_information: StackDrift | None = None  # endpoints that detect no drift leave it out
    # Neither is there where a stack has none.
    parameters: StackValues = ScannedStackValues()
    outputs: StackValues = ScannedStackValues()
    # Not documented to be left out of the answer about all stacks, but older endpoints did: then it is asked by name.
    enable_termination_protection: bool | None = None
    own_termination_protection: Annotated[
        tuple[bool, ...],
        Call(
            "DescribeStacks",
            at="Stacks.EnableTerminationProtection",
            when=lambda stack: stack.enable_termination_protection is None,
            otherwise=(),
            StackName="stack_id",
        ),
    ]
    change_sets: Annotated[
        tuple[ChangeSet, ...],
        Call(
            "ListChangeSets",
            at="Summaries",
            when=lambda stack: not stack.nested and not stack.of_service,
            otherwise=(),
            StackName="stack_id",
        ),
    ]
    template: Annotated[
        Annotated[ScannedTemplate, BeforeValidator(_template)] | None,
        Call(
            "GetTemplate",
            at="TemplateBody",
            const={"TemplateStage": "Processed"},
            when=lambda stack: stack.stands and not stack.of_service,
            StackName="stack_id",
        ),
    ]
    imported_exports: Annotated[
        tuple[str, ...],
        Call("ListImports", fetch=_imported, when=lambda stack: bool(stack.outputs.exports), otherwise=()),
    ]

    @property
    def stands(self) -> bool:
        """Whether it has, or shall keep, resources: not if it is only planned, or being deleted."""
        return not self.stack_status.startswith("DELETE_") and self.stack_status != "REVIEW_IN_PROGRESS"

    @property
    def nested(self) -> bool:
        """Whether it is a part of another stack, which says how it is deployed."""
        return self.parent_id is not None

    @property
    def of_service(self) -> bool:
        """Whether a service made it and decides how it is deployed."""
        return _OWNED.fullmatch(self.stack_name) is not None


class StackInstanceStatus(Shape):
    """How the last operation on a stack instance stands."""

    detailed_status: str | None = None


class StackInstance(Shape):
    """A stack of a stack set, in one account and one region."""

    account: str | None = None
    region: str | None = None
    status: str | None = None
    stack_instance_status: StackInstanceStatus | None = None
    drift_status: str | None = None


class StackSet(Resource):
    """A stack set that this account administers. Those that a delegated one made stand in the management account."""

    service, cfn_type = "cloudformation", "AWS::CloudFormation::StackSet"
    listing = Listing("ListStackSets", at="Summaries", params={"Status": "ACTIVE"})
    arn_format = "arn:{partition}:cloudformation:{region}:{account}:stackset/{stack_set_id}"
    id_field = name_field = "stack_set_name"

    stack_set_name: str
    stack_set_id: str
    drift_status: str | None = None
    instances: Annotated[
        tuple[StackInstance, ...], Call("ListStackInstances", at="Summaries", StackSetName="stack_set_name")
    ]
