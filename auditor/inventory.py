"""What was collected of one account: immutable, typed, with lookups; saved to and loaded from a snapshot file.

Lookups keep the first law. A rule that asks for resources whose listing was not fully read gets those that are known
first, and then `Unread`: it can prove that something exists, never that nothing does.
"""

import gzip
import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

import auditor.resources  # noqa: F401 - a snapshot names types: all must be declared
from auditor.fetch import Scope, Unread
from auditor.files import replace
from auditor.findings import Gap, GapKind
from auditor.model import Resource, details, signature, what_is_wrong

R = TypeVar("R", bound=Resource)

SNAPSHOT_FORMAT = "auditor-snapshot"
SNAPSHOT_VERSION = 1


class CallRecord(BaseModel):
    """How often an operation was asked in a region, and how it went (see audit.CallCount)."""

    model_config = ConfigDict(frozen=True)

    region: str
    service: str
    operation: str
    calls: int
    errors: int = 0
    throttles: int = 0


class Header(BaseModel):
    """What a snapshot says of itself: whose account, when it was read, which regions and which resource types.

    `planned` maps each type that was asked for to those of its details that were: a rule that needs more cannot be
    judged from this snapshot, and says so.
    """

    model_config = ConfigDict(frozen=True)

    format: str = SNAPSHOT_FORMAT
    version: int = SNAPSHOT_VERSION
    tool_version: str
    account: str
    partition: str
    regions: tuple[str, ...]
    started: AwareDatetime
    finished: AwareDatetime
    interrupted: bool = False
    planned: dict[str, tuple[str, ...]]


class BadSnapshot(ValueError):
    """A snapshot file that is old, truncated or not one of ours. The message names the file and says which."""


@dataclass(frozen=True)
class _Index(Generic[R]):
    """Resources by the value of a field, and those whose field could not be read, with their regions."""

    by_value: dict[Any, list[R]]
    unread: list[tuple[str, Unread]]


@dataclass(frozen=True)
class Inventory:
    """The resources of one account by type, the listings that failed, and the calls that it took.

    `gaps` holds failed listings only, by type name; what a single resource lacks is on the resource.
    """

    header: Header
    resources: Mapping[str, tuple[Resource, ...]]
    gaps: Mapping[str, tuple[Gap, ...]]
    calls: tuple[CallRecord, ...] = ()
    _indexes: dict[tuple[str, str], "_Index[Any]"] = field(default_factory=dict, repr=False, compare=False)

    @property
    def account(self) -> str:
        """The twelve digits of the audited account."""
        return self.header.account

    @property
    def partition(self) -> str:
        """aws, aws-cn or aws-us-gov."""
        return self.header.partition

    @property
    def now(self) -> datetime:
        """When the account was read: rules measure ages against it, so that a snapshot is judged the same any day."""
        return self.header.started

    def known(self, kind: type[R]) -> tuple[R, ...]:
        """The resources of a type that were read, whether or not there are more. For the engine, not for rules."""
        return cast("tuple[R, ...]", self.resources.get(kind.__name__, ()))

    def missing(self, kind: type[Resource], region: str | None = None) -> Gap | None:
        """Why the listing of a type (in a region, or anywhere) is incomplete; None where it is complete."""
        for gap in self.gaps.get(kind.__name__, ()):
            if region is None or gap.region in (region, "global"):
                return gap
        if kind.listing.scope is Scope.REGIONAL and region is not None and region not in self.header.regions:
            said = "its region was not selected"
            return kind.gap_of(None, GapKind.NOT_SELECTED, "NotSelected", said, account=self.account, region=region)
        if kind.__name__ not in self.header.planned:
            return kind.not_planned(self.account, region or "global")
        return None

    def each(self, kind: type[R], *, region: str | None = None) -> Iterator[R]:
        """All resources of a type, in a region or anywhere. Raises Unread after the last if the listing is incomplete.

        So `any(...)` over it may end early with what it found, and a loop that ends has seen everything.
        """
        yield from (r for r in self.known(kind) if region is None or r.region == region)
        self._complete(kind, region)

    def where(self, kind: type[R], field: str, value: Any, *, region: str | None = None) -> Iterator[R]:
        """The resources of a type whose field has this value, through an index.

        Raises Unread after the last as `each` does, and if the field of any could not be read. A field that is a tuple
        (the groups of a network interface) has each of its members as a value.
        """
        index = self._index(kind, field)
        yield from (r for r in index.by_value.get(value, ()) if region is None or r.region == region)
        for where, unread in index.unread:
            if region is None or where == region:
                raise unread
        self._complete(kind, region)

    def find(self, kind: type[R], field: str, value: Any, *, region: str | None = None) -> R | None:
        """The one resource of a type whose field has this value; None if the account has none.

        Raises Unread if it is not among those that were read and the listing is incomplete.
        """
        return next(self.where(kind, field, value, region=region), None)

    def _complete(self, kind: type[Resource], region: str | None) -> None:
        gap = self.missing(kind, region)
        if gap is not None:
            raise Unread(gap)

    def _index(self, kind: type[R], name: str) -> "_Index[R]":
        index = self._indexes.get((kind.__name__, name))
        if index is None:
            index = self._indexes[kind.__name__, name] = _Index(defaultdict(list), [])
            for resource in self.known(kind):
                try:
                    value = getattr(resource, name)
                except Unread as unread:
                    index.unread.append((resource.region, unread))
                    continue
                for key in dict.fromkeys(value) if isinstance(value, tuple) else (value,):
                    index.by_value[key].append(resource)
        return cast("_Index[R]", index)


def deduplicate(resources: Iterable[R]) -> tuple[R, ...]:
    """Each ARN once, the first one seen: a trail or a global database is listed in every region that it serves."""
    return tuple({resource.arn: resource for resource in reversed(list(resources))}.values())[::-1]


def save(inventory: Inventory, path: Path) -> None:
    """Write a snapshot: gzip-compressed JSON lines, the header first. Raises OSError."""
    replace(path, _compressed(_lines(inventory)))


def load(path: Path) -> Inventory:
    """Read a snapshot. Raises BadSnapshot with one line that says what is wrong and what to do."""
    try:
        with gzip.open(path) as file:
            return _inventory(path, map(json.loads, file))
    except gzip.BadGzipFile:
        raise BadSnapshot(f"{path} is not a snapshot of auditor: it is not gzip-compressed") from None
    except OSError as error:
        raise BadSnapshot(f"{path} cannot be read: {error.strerror or error}") from None
    except (EOFError, zlib.error):
        raise BadSnapshot(f"{path} is truncated or damaged: save the snapshot again") from None
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise BadSnapshot(f"{path} is not a snapshot of auditor") from None
    except ValidationError as error:
        raise BadSnapshot(f"{path} is damaged: {what_is_wrong(error)}") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise BadSnapshot(f"{path} is damaged: {type(error).__name__}: {error}") from None


def _lines(inventory: Inventory) -> Iterator[dict[str, Any]]:
    """The lines of a snapshot. The header holds the form of every field too: see `_Reader`."""
    forms = {
        name: {field: signature(kind, field) for field in kind.model_fields}
        for name, kind in Resource.kinds.items()
        if inventory.resources.get(name)
    }
    yield {**inventory.header.model_dump(mode="json"), "forms": forms}
    for name, resources in sorted(inventory.resources.items()):
        for resource in resources:
            value = resource.model_dump(mode="json", include=set(resource.__dict__))
            yield {"resource": name, "value": value, "gaps": {f: _dumped(gap) for f, gap in resource.gaps.items()}}
    for name, gaps in sorted(inventory.gaps.items()):
        yield from ({"listing": name, "gap": _dumped(gap)} for gap in gaps)
    yield from ({"call": _dumped(call)} for call in inventory.calls)


def _dumped(record: BaseModel) -> dict[str, Any]:
    return record.model_dump(mode="json", exclude_defaults=True)


def _compressed(lines: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """Lines as they go into the file, and a last one that counts them. Equal inventories give equal files."""
    stream = zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    count = 0
    for line in lines:
        yield stream.compress(_encoded(line))
        count += 1
    yield stream.compress(_encoded({"end": count}))
    yield stream.flush()


def _encoded(line: dict[str, Any]) -> bytes:
    return json.dumps(line, separators=(",", ":"), sort_keys=True).encode() + b"\n"


def _inventory(path: Path, lines: Iterator[Any]) -> Inventory:
    first: Any = next(lines, None)
    header = _header(path, first)
    reader = _Reader(header, first["forms"])
    for count, line in enumerate(lines, 1):
        if "end" in line:
            if line["end"] != count or next(lines, None) is not None:
                break
            return reader.inventory()
        try:
            reader.read(line)
        except _UnknownType as error:
            raise BadSnapshot(
                f"{path} holds resources of the type {error}, which this auditor does not know: save it again, "
                f"or judge it with auditor {header.tool_version}"
            ) from None
    raise BadSnapshot(f"{path} is truncated: save the snapshot again")


def _header(path: Path, first: Any) -> Header:
    if not isinstance(first, dict) or first.get("format") != SNAPSHOT_FORMAT:
        raise BadSnapshot(f"{path} is not a snapshot of auditor")
    if first.get("version") != SNAPSHOT_VERSION:
        raise BadSnapshot(
            f"{path} has snapshot version {first.get('version')}, and this auditor reads version {SNAPSHOT_VERSION}: "
            f"save it again, or judge it with auditor {first.get('tool_version', 'of that time')}"
        )
    return Header.model_validate(first)


class _UnknownType(KeyError):
    pass


class _Reader:
    """Makes an inventory of a snapshot's lines.

    Where this auditor declares a field in another form than the one that wrote the snapshot (with a member more, say),
    the field is unread: else what was never asked for would pass for what AWS left out.
    """

    def __init__(self, header: Header, forms: Mapping[str, Mapping[str, str]]) -> None:
        self._header, self._forms = header, forms
        self._resources: dict[str, list[Resource]] = {name: [] for name in header.planned}
        self._gaps: dict[str, list[Gap]] = defaultdict(list)
        self._calls: list[CallRecord] = []
        self._changed: dict[str, list[str]] = {}

    def read(self, line: dict[str, Any]) -> None:
        """Take one line. Raises _UnknownType, KeyError, pydantic.ValidationError."""
        if "resource" in line:
            self._resources.setdefault(line["resource"], []).append(self._resource(line["resource"], line))
        elif "listing" in line:
            self._gaps[line["listing"]].append(Gap.model_validate(line["gap"]))
        else:
            self._calls.append(CallRecord.model_validate(line["call"]))

    def inventory(self) -> Inventory:
        """What was read."""
        return Inventory(
            self._header,
            {name: tuple(found) for name, found in self._resources.items()},
            {name: tuple(gaps) for name, gaps in self._gaps.items()},
            tuple(self._calls),
        )

    def _resource(self, name: str, line: dict[str, Any]) -> Resource:
        kind = Resource.kinds.get(name)
        if kind is None:
            raise _UnknownType(name)
        if name not in self._changed:
            forms = self._forms[name]
            self._changed[name] = [f for f in kind.model_fields if forms.get(f) != signature(kind, f)]
            if {"arn", "region", kind.id_field}.intersection(self._changed[name]):
                raise _UnknownType(name)
        value, gaps = line["value"], {of: Gap.model_validate(gap) for of, gap in line["gaps"].items()}
        said = f"auditor {self._header.tool_version}, which saved the snapshot, read it in another form"
        for changed in self._changed[name]:
            asked = changed not in details(kind) or changed in self._header.planned.get(name, ())
            if asked and changed not in gaps:
                gaps[changed] = kind.gap_of(
                    changed, GapKind.UNEXPECTED, "OtherVersion", said, account=self._header.account,
                    region=value["region"], resource=value["arn"],
                )  # fmt: skip
            value.pop(changed, None)
        return kind.restore(value, gaps)
