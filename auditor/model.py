"""What a resource is: frozen, typed, and honest about what was not read.

A field is called what botocore calls it in snake_case (`botocore.xform_name`); only fields that a rule, a report or a
lookup uses are declared. A field has one of three states: a value; None where AWS says that it is not configured;
uncollected, which raises `Unread` when it is read.
"""

import hashlib
import json
import typing
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from string import Formatter
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, cast
from urllib.parse import unquote

from botocore import xform_name
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from auditor.fetch import UNCOLLECTED, Call, Detail, Join, Listing, Metric, Operation, Unread, operation
from auditor.findings import Gap, GapKind, ResourceRef


def _tags(value: Any) -> Any:
    """Tags come as [{Key, Value}], [{key, value}], [{TagKey, TagValue}] or as a map: read all as a map."""
    if not isinstance(value, list):
        return value
    if not all(isinstance(tag, Mapping) for tag in value):
        raise ValueError("tags that are no pairs")
    pairs = ({name.lower().removeprefix("tag"): text for name, text in tag.items()} for tag in value)
    return {pair["key"]: pair.get("value") or "" for pair in pairs if pair.get("key") is not None}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose members occur once: which of two Statements AWS means is not ours to guess."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a policy with a member that occurs twice")
    return made


def _document(value: Any) -> Any:
    """A policy comes as JSON text, as URL-encoded JSON text (IAM), or decoded."""
    if not isinstance(value, str):
        return value
    try:
        text = value if value.lstrip().startswith("{") else unquote(value)
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise ValueError(f"a policy that is not JSON: {error}") from None


Tags = Annotated[dict[str, str], BeforeValidator(_tags)]
Document = Annotated[dict[str, Any], BeforeValidator(_document)]
Timestamp = AwareDatetime
NO_METRICS = "MetricsNotAsked"  # the code of the gap where a metric was left out, since AWS bills it


class Shape(BaseModel):
    """A structure in an answer. Members that are not declared are dropped where they arrive."""

    model_config = ConfigDict(frozen=True, extra="ignore", arbitrary_types_allowed=False)

    @model_validator(mode="before")
    @classmethod
    def _rename(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        return {xform_name(name): value for name, value in data.items()}


class Resource(Shape):
    """One thing in the account that rules judge. A subclass says what it is and how it is read:

    service: botocore's client name. cfn_type: CloudFormation's type name, or one made in its form.
    listing: how it is found.
    arn_format: the ARN, from the fields below and members of the listing, where AWS does not give it as `Arn`.
    id_field: the field that AWS's API calls the resource by. name_field: the field that people call it by, where it
    is not the Name tag. region_field: the listing's member that tells the region, where it need not be the one that
    was asked. tags_field: the listing's member that holds the tags, where it is called otherwise.
    judged_everywhere: whether it is read and judged although its own region was not asked for, because it serves those
    that were (a trail).
    """

    service: ClassVar[str]
    cfn_type: ClassVar[str]
    listing: ClassVar[Listing]
    arn_format: ClassVar[str] = "{arn}"
    id_field: ClassVar[str] = "arn"
    name_field: ClassVar[str | None] = None
    region_field: ClassVar[str | None] = None
    tags_field: ClassVar[str] = "tags"
    judged_everywhere: ClassVar[bool] = False
    kinds: ClassVar[dict[str, type["Resource"]]] = {}

    partition: str
    account: str
    region: str
    arn: Annotated[str, Field(min_length=1)]
    tags: Tags | None = None

    _gaps: dict[str, Gap] = PrivateAttr(default_factory=dict)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Register the type: rules, plan, permissions and tests find every declaration here."""
        super().__pydantic_init_subclass__(**kwargs)
        if "cfn_type" not in cls.__dict__:
            return  # an intermediate base
        if cls.__name__ in Resource.kinds:
            raise TypeError(f"a resource called {cls.__name__} is already declared: snapshots tell types by this name")
        if (wrong := _wrong(cls)) is not None:
            raise TypeError(f"{cls.__name__}: {wrong}")
        Resource.kinds[cls.__name__] = cls

    @classmethod
    def build(cls, item: Mapping[str, Any], *, partition: str, account: str, region: str) -> Self:
        """Make a resource of an item as AWS gave it.

        A member of an unexpected form costs that field alone: it is uncollected, with the reason. Raises
        pydantic.ValidationError when what identifies the resource (a part of its ARN, its region) is missing.
        """
        data = {xform_name(name): value for name, value in item.items()}
        data["partition"], data["account"] = partition, account
        data["region"] = data.get(cls.region_field) if cls.region_field else region
        if cls.tags_field != "tags":
            data["tags"] = data.pop(cls.tags_field, None)
        if cls.arn_format != "{arn}":
            parts = {name: data.get(name) for name in _arn_parts(cls)}
            data["arn"] = cls.arn_format.format_map(parts) if all(parts.values()) else None
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            return cls._salvage(data, error)

    @classmethod
    def _salvage(cls, data: dict[str, Any], error: ValidationError) -> Self:
        """Build with the fields that did validate; the others become gaps. Raises the error if identity is gone."""
        bad = {str(problem["loc"][0]): problem["msg"] for problem in error.errors(include_url=False) if problem["loc"]}
        if not bad or bad.keys() & {"partition", "account", "region", "arn", cls.id_field, *_arn_parts(cls)}:
            raise error
        good: dict[str, Any] = {}
        gaps: dict[str, Gap] = {}
        for name, info in cls.model_fields.items():
            if name in bad:
                gaps[name] = cls.gap_of(
                    name, GapKind.UNEXPECTED, "UnexpectedAnswer", bad[name], account=data["account"],
                    region=data["region"], resource=data["arn"],
                )  # fmt: skip
            elif name in data:
                good[name] = _adapter(cls, name).validate_python(data[name])
            elif not info.is_required():
                good[name] = info.get_default(call_default_factory=True)
        return cls._partial(good, gaps)

    @classmethod
    def _partial(cls, fields: dict[str, Any], gaps: Mapping[str, Gap]) -> Self:
        """A resource of validated fields only; every other one raises when read."""
        resource = cast(Self, cls.model_construct(None, **fields))
        for name in cls.model_fields.keys() - fields.keys():
            resource.__dict__.pop(name, None)
        resource._gaps.update(gaps)
        return resource

    def fill(self, field: str, value: Any) -> None:
        """Put in a detail as AWS gave it; one of an unexpected form becomes a gap. For the collector only."""
        try:
            self.__dict__[field] = _adapter(type(self), field).validate_python(value)
        except ValidationError as error:
            self.lose(field, self.gap(field, GapKind.UNEXPECTED, "UnexpectedAnswer", what_is_wrong(error)))
        else:
            self._gaps.pop(field, None)

    def lose(self, field: str, gap: Gap) -> None:
        """Remember why a detail is not there. For the collector only."""
        self.__dict__.pop(field, None)
        self._gaps[field] = gap

    def gap(self, field: str, kind: GapKind, code: str, message: str, of: Operation | None = None) -> Gap:
        """The gap of one of this resource's fields; `of` where another operation than the declared one failed."""
        return self.gap_of(
            field, kind, code, message, account=self.account, region=self.region, resource=self.arn, of=of
        )

    @classmethod
    def restore(cls, value: Mapping[str, Any], gaps: Mapping[str, Gap]) -> Self:
        """Make a resource of the fields that a snapshot holds of it: others are uncollected, defaults or not.

        Raises pydantic.ValidationError.
        """
        fields = {name: _adapter(cls, name).validate_python(value[name]) for name in cls.model_fields if name in value}
        return cls._partial(fields, gaps)

    @model_validator(mode="after")
    def _take_out_the_unread(self) -> Self:
        for name in details(type(self)):
            if self.__dict__[name] is UNCOLLECTED:
                del self.__dict__[name]
        return self

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Reading what was not collected raises, so that no rule can take it for a value."""
            if name in type(self).model_fields:
                raise Unread(self._gaps.get(name) or self.not_planned(self.account, self.region, name, self.arn))
            return super().__getattr__(name)

    @classmethod
    def not_planned(cls, account: str, region: str, field: str | None = None, resource: str | None = None) -> Gap:
        """The gap of what was left out: no rule that was selected reads it, or AWS would have billed it."""
        code, why = "NotAsked", "no rule of that scan needed it"
        if field and isinstance(details(cls).get(field), Metric):
            code, why = NO_METRICS, "AWS bills CloudWatch metrics: scan with --metrics to have them read"
        return cls.gap_of(
            field, GapKind.NOT_SELECTED, code, why, account=account, region=region, resource=resource
        )  # fmt: skip

    @classmethod
    def gap_of(
        cls, field: str | None, kind: GapKind, code: str, message: str, *,
        account: str, region: str, resource: str | None = None, of: Operation | None = None,
    ) -> Gap:  # fmt: skip
        """The gap of a field (or, with None, of the listing) of this type. `of` where another operation failed."""
        op = of or cls.operation_of(field)
        return Gap(
            kind=kind, account=account, region=region, service=op.service, operation=op.name,
            resource_type=cls.cfn_type, resource=resource, field=field, code=code, message=message,
            iam_action=op.iam_action if kind is GapKind.DENIED else None,
        )  # fmt: skip

    @classmethod
    def operation_of(cls, field: str | None = None) -> Operation:
        """The operation that fills a field; the listing's for a field that comes with it."""
        detail = details(cls).get(field) if field else None
        declared: Call | Join | Metric | Listing = detail or cls.listing
        service = (detail and detail.service) or cls.service
        return operation(service, declared.operation, declared.iam)

    @classmethod
    def wildcard_arn(cls, partition: str, account: str, region: str) -> str:
        """An ARN that stands for all resources of the type in a region: it ends in `*`."""
        where = "" if region == "global" else region
        if ":" not in cls.arn_format:  # AWS gives it whole
            thing = cls.cfn_type.rpartition("::")[2].lower()
            return f"arn:{partition}:{cls.service}:{where}:{account}:{thing}/*"
        own = _Stars(partition=partition, account=account, owner_id=account, region=where)
        made = cls.arn_format.format_map(own)
        return made if made.endswith("*") else f"{made}/*"

    @property
    def gaps(self) -> Mapping[str, Gap]:
        """What was asked for this resource and not answered, by field."""
        return self._gaps

    @property
    def ref(self) -> ResourceRef:
        """The resource as findings name it: its name is its own, else its Name tag, else its id.

        A name or tags that were not understood leave a resource without them, not the scan without findings.
        """
        identity, tags = str(getattr(self, self.id_field)), self.__dict__.get("tags")
        try:
            own = getattr(self, self.name_field) if self.name_field else (tags or {}).get("Name")
        except Unread:
            own = None
        return ResourceRef(
            arn=self.arn, id=identity, name=str(own or identity), type=self.cfn_type, account=self.account,
            region=self.region, tags=tags,
        )  # fmt: skip


class _Stars(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "*"


@cache
def _adapter(kind: type[Resource], field: str) -> TypeAdapter[Any]:
    info = kind.model_fields[field]
    declared: Any = info.annotation
    return TypeAdapter(Annotated[declared, *info.metadata] if info.metadata else declared)


@cache
def details(kind: type[Resource]) -> dict[str, Call | Join | Metric]:
    """The fields of a type that take calls of their own, with their declarations."""
    return {
        name: entry
        for name, info in kind.model_fields.items()
        for entry in info.metadata
        if isinstance(entry, Detail) and isinstance(entry, Call | Join | Metric)
    }


def operations(kind: type[Resource], fields: Collection[str] | None = None) -> Iterator[Operation]:
    """Every operation that reading a type takes; of its details only `fields`, where given.

    A parent's listing is not repeated here: the plan holds the parent.
    """
    yield from operations_of(kind)
    for name in details(kind):
        if fields is None or name in fields:
            yield from operations_of(kind, name)


def operations_of(kind: type[Resource], field: str | None = None) -> Iterator[Operation]:
    """Every operation that filling one detail takes; without a field, that listing the type takes."""
    first = kind.operation_of(field)
    yield first
    declared = details(kind)[field] if field else kind.listing
    for also in () if isinstance(declared, Join | Metric) else declared.also:
        yield also if isinstance(also, Operation) else operation(first.service, also)
    if isinstance(declared, Listing) and declared.then is not None:
        yield operation(first.service, declared.then.operation, declared.then.iam)


def what_is_wrong(error: ValidationError) -> str:
    """What an answer lacked, in one line: each field and why. No value of it, which may be a secret."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    said = [": ".join((".".join(map(str, problem["loc"])), problem["msg"])).lstrip(": ") for problem in problems]
    return "; ".join(said[:3]) + (f" and {len(said) - 3} more" if len(said) > 3 else "")


def _wrong(kind: type[Resource]) -> str | None:
    """Why a declaration cannot hold, for its author; None if it can."""
    listing = getattr(kind, "listing", None)
    if not isinstance(listing, Listing):
        return "say how it is found: listing = Listing(...)"
    if listing.fetch is not None and (listing.per or listing.then or listing.name):
        return "an escape hatch does it all: fetch goes with neither per, then nor name"
    if listing.then is not None and listing.name:
        return "ids that are described need no name"
    for name in details(kind):
        if not kind.model_fields[name].is_required():
            return f"{name} has a default, which would read as a value where it was not asked: leave it out"
    read: list[tuple[str, Any, str]] = [("listing", listing.per, field) for field in listing.by.values()]
    for name, detail in details(kind).items():
        fields = (detail.field,) if isinstance(detail, Join) else detail.params.values()
        read += [(name, kind, field) for field in fields]
        if isinstance(detail, Join) and detail.ids and detail.size < 1:
            return f"{name} joins by ids: say the size of a batch"
    for name, of, field in read:
        if of is not None and field in details(of):
            return f"{name} takes {field}, which is a detail itself: only what comes with the listing is there by then"
    return None


@cache
def _arn_parts(kind: type[Resource]) -> tuple[str, ...]:
    """The fields and members that a type's ARN is made of."""
    return tuple(name for _, name, _, _ in Formatter().parse(kind.arn_format) if name)


@cache
def signature(kind: type[Resource], field: str) -> str:
    """Eight hex digits that change with the form of a field: its type, and every field of the shapes within.

    A snapshot holds them, so that what it was written without is not taken for what AWS leaves out.
    """
    return hashlib.sha256(_form(kind.model_fields[field].annotation).encode()).hexdigest()[:8]


def _form(annotation: Any) -> str:
    """A type as text that is the same in every process and every version of Python."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        members = sorted((name, _form(info.annotation)) for name, info in annotation.model_fields.items())
        return f"{{{','.join(f'{name}:{form}' for name, form in members)}}}"
    origin, parts = typing.get_origin(annotation), [_form(part) for part in typing.get_args(annotation)]
    if origin is Annotated:
        return parts[0]
    if origin in (typing.Union, UnionType):
        return "|".join(parts)
    return f"{_form(origin)}[{','.join(parts)}]" if parts else getattr(annotation, "__qualname__", repr(annotation))
