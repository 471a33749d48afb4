"""The findings lake: what every run found and what it read, as Parquet, for years of SQL over all accounts.

    <lake>/findings/account=<id>/date=<YYYY-MM-DD>/<run>.parquet
    <lake>/resources/account=<id>/date=<YYYY-MM-DD>/<run>.parquet

The schema is fixed (`COLUMNS`; docs/lake.md tells it, deploy/athena declares it), and each file carries its version.
A file is written whole, and the same run writes the same file again: nothing is in the lake twice.
"""

import hashlib
import io
import json
import re
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from auditor.files import replace

if TYPE_CHECKING:
    from auditor.audit import Audit
    from auditor.findings import Finding
    from auditor.inventory import Inventory
    from auditor.model import Resource

VERSION = 1  # of the schema: another one is not read as if it were this
TABLES = ("findings", "resources")
ROWS = {"findings": 100_000, "resources": 20_000}  # in a row group, and in memory beside the audit

# What a file says of itself, in its metadata. `kinds`: the views of its resource types, with their columns.
LAKE, TABLE, RUN, ACCOUNT, COLLECTED, TOOL, KINDS = (
    f"auditor.{name}" for name in ("lake", "table", "run", "account", "collected", "tool", "kinds")
)

T = TypeVar("T")
Type = Literal["string", "boolean", "timestamp", "map", "list"]


@dataclass(frozen=True)
class Column:
    """One column: its name, what it holds, and its type."""

    name: str
    type: Type
    about: str


_RUN = (
    Column("run", "string", "the run that wrote the row: a scan, or an execution of the scheduled one"),
    Column("collected", "timestamp", "when the account was read (UTC)"),
    Column("account", "string", "the audited account, twelve digits"),
)
COLUMNS: Mapping[str, tuple[Column, ...]] = {
    "findings": (
        *_RUN,
        Column("region", "string", "the resource's region, or `global`"),
        Column("rule", "string", "the rule's id"),
        Column("title", "string", "what holds where the rule passes"),
        Column("category", "string", "`security`, `reliability`, `cost`, `operations`, `performance`"),
        Column("controls", "list", "the controls of frameworks that the rule speaks to, such as `CIS-5.0 5.7`"),
        Column("severity", "string", "`critical`, `high`, `medium`, `low`, `informational`"),
        Column("status", "string", "`pass`, `fail`, `unknown`, `not_applicable`"),
        Column("resource_type", "string", "CloudFormation's name of the type"),
        Column("arn", "string", "the resource's ARN; it ends in `*` where a whole listing was not read"),
        Column("resource_id", "string", "what AWS's API calls the resource by"),
        Column("resource_name", "string", "what people call it by"),
        Column("tags", "map", "the resource's tags; NULL where they were not read"),
        Column("message", "string", "why, in one sentence"),
        Column("evidence", "string", "the values that decided, as JSON"),
        Column("fingerprint", "string", "the finding's identity, the same in every run"),
        Column("suppressed", "boolean", "whether somebody has accepted the risk"),
        Column("suppression_reason", "string", "why it was accepted"),
        Column("suppression_owner", "string", "who accepted it"),
        Column("suppression_expires", "string", "until when (ISO date)"),
    ),
    "resources": (
        *_RUN,
        Column("region", "string", "the resource's region, or `global`"),
        Column("type", "string", "CloudFormation's name of the type"),
        Column("kind", "string", "the name of the view that holds such resources, such as `ec2_instance`"),
        Column("arn", "string", "the resource's ARN"),
        Column("id", "string", "what AWS's API calls it by"),
        Column("name", "string", "what people call it by"),
        Column("tags", "map", "its tags; NULL where they were not read"),
        Column("properties", "string", "the fields that were read, as JSON, called as botocore calls them"),
        Column("unread", "map", "the fields that were asked for and not read, with the reason"),
    ),
}
_IDENTITY = frozenset(("partition", "account", "region", "arn", "tags"))  # columns of their own


class NotInstalled(RuntimeError):
    """The packages that the lake takes are not there."""

    def __init__(self) -> None:
        super().__init__("the findings lake takes two packages more: pip install 'auditor[lake]'")


def require() -> None:
    """See that Parquet can be written. Raises NotInstalled."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise NotInstalled from None


def run_of(audit: "Audit") -> str:
    """The name of a run on a terminal: when the account was read, and a hash that tells apart what was made of it.

    A report that was saved and read back has the name of the scan that made it.
    """
    scan = audit.scan
    made = "\0".join((*scan.accounts, scan.collected.isoformat(), scan.finished.isoformat()))
    return f"{scan.collected:%Y%m%dT%H%M%SZ}-{hashlib.sha256(made.encode()).hexdigest()[:8]}"


def path_of(table: str, account: str, day: str, run: str) -> str:
    """Where a table of a run lies in the lake. `day` is an ISO date, of when the account was read (UTC)."""
    return f"{table}/account={account}/date={day}/{re.sub(r'[^A-Za-z0-9._-]', '-', run)}.parquet"


def write(folder: Path, audit: "Audit", inventory: "Inventory | None", run: str) -> list[Path]:
    """Put a run into a lake: its findings by account, and the inventory if there is one. Tells the files.

    Raises NotInstalled, OSError.
    """
    day = f"{audit.scan.collected:%Y-%m-%d}"
    made: list[Path] = []
    for account in audit.scan.accounts:
        path = folder / path_of("findings", account, day, run)
        replace(path, [findings_parquet(audit, run, account=account)])
        made.append(path)
    if inventory is not None:
        path = folder / path_of("resources", inventory.account, day, run)
        replace(path, [resources_parquet(inventory, run)])
        made.append(path)
    return made


def findings_parquet(audit: "Audit", run: str, *, account: str | None = None) -> bytes:
    """The findings of a run as a Parquet file; of one of its accounts, where it has several. Raises NotInstalled."""
    whose = account or audit.scan.accounts[0]
    only = whose if len(audit.scan.accounts) > 1 else None
    rows = (_finding_rows(audit, run, part) for part in _parts(_of(audit.findings, only), ROWS["findings"]))
    about = {RUN: run, ACCOUNT: whose, COLLECTED: audit.scan.collected.isoformat(), TOOL: audit.tool.version}
    return _parquet("findings", rows, about)


def resources_parquet(inventory: "Inventory", run: str) -> bytes:
    """What was read of an account as a Parquet file: what a snapshot holds, nothing secret. Raises NotInstalled."""
    from auditor.model import Resource

    header = inventory.header
    kinds = {name: Resource.kinds[name] for name in sorted(inventory.resources.keys() | header.planned.keys())}
    views = {name: view_of(kind) for name, kind in kinds.items()}
    resources = chain.from_iterable(inventory.resources.get(name, ()) for name in kinds)
    rows = (_resource_rows(inventory, run, part, views) for part in _parts(resources, ROWS["resources"]))
    about = {
        RUN: run, ACCOUNT: header.account, COLLECTED: header.started.isoformat(), TOOL: header.tool_version,
        KINDS: json.dumps({views[name]: fields_of(kind) for name, kind in kinds.items()}, separators=(",", ":")),
    }  # fmt: skip
    return _parquet("resources", rows, about)


def view_of(kind: "type[Resource]") -> str:
    """The name of a type's view: its CloudFormation name, or its own where several of our types share that one.

    >>> from auditor.resources.ec2_instance import Instance
    >>> view_of(Instance)
    'ec2_instance'
    """
    from botocore import xform_name

    from auditor.model import Resource

    _, service, thing = kind.cfn_type.split("::")
    shared = sum(other.cfn_type == kind.cfn_type for other in Resource.kinds.values()) > 1
    if shared and kind.__name__.lower() != thing.lower():
        thing = kind.__name__
    return f"{service.lower() or 'aws'}_{xform_name(thing)}"


def fields_of(kind: "type[Resource]") -> dict[str, str]:
    """The properties of a type with their SQL types: JSON where they are lists, maps or structures."""
    return {
        name: _sql_type(info.annotation) for name, info in kind.model_fields.items() if name not in _IDENTITY
    }  # fmt: skip


def _sql_type(annotation: Any) -> str:
    from datetime import datetime
    from enum import Enum

    parts = [part for part in typing.get_args(annotation) if part is not type(None)]
    if typing.get_origin(annotation) is not None or parts:
        return _sql_type(parts[0]) if len(parts) == 1 and not _collects(annotation) else "JSON"
    if annotation is None or not isinstance(annotation, type):
        return "JSON"
    if annotation.__name__ == "AwareDatetime" or issubclass(annotation, datetime):
        return "TIMESTAMP"
    if issubclass(annotation, Enum) and not issubclass(annotation, str):
        return "JSON"
    plain = {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE", str: "VARCHAR"}
    return next((made for base, made in plain.items() if issubclass(annotation, base)), "JSON")


def _collects(annotation: Any) -> bool:
    """Whether a generic type is one of several values, not one that may be absent."""
    return isinstance(typing.get_origin(annotation), type) and issubclass(typing.get_origin(annotation), Iterable)


def _parts(values: Iterable[T], size: int) -> Iterator[list[T]]:
    left = iter(values)
    while part := list(islice(left, size)):
        yield part


def _of(findings: "Iterable[Finding]", account: str | None) -> "Iterator[Finding]":
    return (finding for finding in findings if account is None or finding.resource.account == account)


def _finding_rows(audit: "Audit", run: str, findings: "Sequence[Finding]") -> dict[str, list[Any]]:
    """Columns of findings, by name."""
    texts = {text.id: text for text in audit.rules}
    about = [finding.resource for finding in findings]
    rules = [texts.get(finding.rule) for finding in findings]
    accepted = [finding.suppression for finding in findings]
    count = len(findings)
    return {
        "run": [run] * count,
        "collected": [audit.scan.collected] * count,
        "account": [each.account for each in about],
        "region": [each.region for each in about],
        "rule": [finding.rule for finding in findings],
        "title": [text.title if text else None for text in rules],
        "category": [text.category.value if text else None for text in rules],
        "controls": [text.controls if text else [] for text in rules],
        "severity": [finding.severity.value for finding in findings],
        "status": [finding.status.value for finding in findings],
        "resource_type": [each.type for each in about],
        "arn": [each.arn for each in about],
        "resource_id": [each.id for each in about],
        "resource_name": [each.name for each in about],
        "tags": [each.tags for each in about],
        "message": [finding.message for finding in findings],
        "evidence": [_json(finding.evidence) for finding in findings],
        "fingerprint": [finding.fingerprint for finding in findings],
        "suppressed": [each is not None for each in accepted],
        "suppression_reason": [each.reason if each else None for each in accepted],
        "suppression_owner": [each.owner if each else None for each in accepted],
        "suppression_expires": [each.expires if each else None for each in accepted],
    }


def _resource_rows(
    inventory: "Inventory", run: str, resources: "Sequence[Resource]", views: Mapping[str, str]
) -> dict[str, list[Any]]:
    """Columns of resources, by name. What was not collected of one is not among its properties."""
    about = [resource.ref for resource in resources]
    count = len(resources)
    return {
        "run": [run] * count,
        "collected": [inventory.header.started] * count,
        "account": [inventory.account] * count,
        "region": [each.region for each in about],
        "type": [each.type for each in about],
        "kind": [views[type(resource).__name__] for resource in resources],
        "arn": [each.arn for each in about],
        "id": [each.id for each in about],
        "name": [each.name for each in about],
        "tags": [each.tags for each in about],
        "properties": [
            _json(resource.model_dump(mode="json", include=set(resource.__dict__) - _IDENTITY))
            for resource in resources
        ],
        "unread": [{field: gap.reason for field, gap in resource.gaps.items()} for resource in resources],
    }


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _parquet(table: str, parts: Iterable[Mapping[str, list[Any]]], about: Mapping[str, str]) -> bytes:
    """A Parquet file of rows that come in parts, each of them a row group."""
    require()
    import pyarrow
    from pyarrow import parquet

    schema = _schema(table)
    file = io.BytesIO()
    # Without Arrow's own copy of the schema, which nobody else reads.
    with parquet.ParquetWriter(file, schema, compression="zstd", store_schema=False) as writer:
        for part in parts:
            columns = [_array(part[field.name], field.type) for field in schema]
            writer.write_batch(pyarrow.record_batch(columns, schema=schema))
        writer.add_key_value_metadata({LAKE: str(VERSION), TABLE: table, **about})
    return file.getvalue()


def _schema(table: str) -> Any:
    import pyarrow

    types = {
        "string": pyarrow.string(),
        "boolean": pyarrow.bool_(),
        "timestamp": pyarrow.timestamp("ms", "UTC"),  # Athena reads no finer ones
        "map": pyarrow.map_(pyarrow.string(), pyarrow.string()),
        "list": pyarrow.list_(pyarrow.string()),
    }
    return pyarrow.schema([(column.name, types[column.type]) for column in COLUMNS[table]])


def _array(values: list[Any], kind: Any) -> Any:
    """A column. Half a surrogate pair, which JSON may hold and Parquet may not, becomes a question mark."""
    import pyarrow

    if pyarrow.types.is_map(kind):
        values = [None if value is None else list(value.items()) for value in values]
    try:
        return pyarrow.array(values, kind)
    except UnicodeEncodeError:
        return pyarrow.array([_encodable(value) for value in values], kind)


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list | tuple):
        return type(value)(_encodable(each) for each in value)
    return value
