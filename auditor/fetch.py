"""The vocabulary in which a resource declares how it is read.

`Listing` says how resources of a type are found, `Call` how one field of a resource is asked for, `Join` how one field
of many resources is asked for at once. Operations and parameters carry AWS's own names. From these declarations come
the call plan, the allow-list of operations, the IAM policy and the manifest: there is no second list.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from auditor.findings import Gap, GapKind


class Unread(Exception):
    """A value was read that AWS did not give. Carries the gap; the engine turns it into `unknown`."""

    def __init__(self, gap: Gap) -> None:
        super().__init__(gap.reason)
        self.gap = gap


NOT_OFFERED = "NotOffered"  # the code of a CallError where a region does not have the service: there is nothing


class CallError(Exception):
    """AWS, or the way to it, did not answer a call: the one form in which the door reports that.

    `code` is AWS's error code, or ours for what never reached AWS (`Unreachable`, `Stopped`, NOT_OFFERED). `asked` is
    the operation that failed; None stands for the one that the declaration names.
    """

    def __init__(self, kind: GapKind, code: str, message: str, asked: "Operation | None" = None) -> None:
        super().__init__(f"{code}: {message}")
        self.kind = kind
        self.code = code
        self.message = message
        self.asked = asked


class Scope(StrEnum):
    """Where a listing is asked: once in the partition's global region, or in every region."""

    GLOBAL = "global"
    REGIONAL = "regional"


class Ask(Protocol):
    """What an escape hatch is given: call an operation of its declaration, `also` included, and get its raw pages.

    regions: those that are audited, for what must be asked in each of them.
    """

    @property
    def regions(self) -> tuple[str, ...]: ...  # noqa: D102

    async def __call__(self, operation: str, /, **params: Any) -> list[dict[str, Any]]:
        """Ask with these parameters. Two that are none of AWS's, whose names begin with a capital, say how.

        region: ask there, not where the resource is. pages: no more than so many, where it matters.
        Raises CallError; LookupError for an operation that the declaration does not name.
        """


@dataclass(frozen=True)
class Operation:
    """One API operation and the IAM action that allows it. `service` is botocore's name of the client."""

    service: str
    name: str
    iam_action: str


# IAM's prefix where it is not the client's name.
IAM_PREFIX = {
    "accessanalyzer": "access-analyzer",
    "efs": "elasticfilesystem",
    "elb": "elasticloadbalancing",
    "elbv2": "elasticloadbalancing",
    "kinesisanalyticsv2": "kinesisanalytics",
    "opensearch": "es",
    "resourcegroupstaggingapi": "tag",
    "s3control": "s3",
    "service-quotas": "servicequotas",
    "stepfunctions": "states",
}


def operation(service: str, name: str, iam: str | None = None) -> Operation:
    """An operation with its IAM action, which is the operation's own name unless `iam` says otherwise."""
    return Operation(service, name, iam or f"{IAM_PREFIX.get(service, service)}:{name}")


@dataclass(frozen=True)
class Describe:
    """A second step of a listing whose items are ids, plain strings: describe them, `size` at a time.

    ids: the parameter that takes them. at, params, iam: as in Listing, whose `by` is given again.
    gone: where the answer names those that are no more by now: plain ids, or items with a `reason`, of which MISSING
        means that. Any other id that comes back undescribed is a gap of the listing.
    """

    operation: str
    at: str
    ids: str
    size: int
    params: Mapping[str, Any] = field(default_factory=dict)
    iam: str | None = None
    gone: str = ""


@dataclass(frozen=True)
class Listing:
    """How resources of a type are found.

    operation: AWS's name. All pages are read.
    at: path to the items in the answer ("Reservations.Instances": lists on the way are flattened); "" is the whole
        answer. A path to a map or to nothing but a value gives one item.
    name: for items that are plain strings, the member's name to give them ("QueueUrl").
    params: constant parameters.
    per: a parent type: asked once for each of its resources, in its region; `by` maps parameters to the parent's
        fields (no details), and these values are put into the items too, where they lack them.
    then: a second step that describes the ids that the first one found.
    absent: error codes by which the operation says that there is none.
    fetch: an escape hatch: an async function of an `Ask` that returns raw items. `also` names the further operations
        that it uses; as an `Operation` where IAM calls one otherwise, or another service has it.
    region: for a global type, the region in which alone its API stands, where that is not the partition's usual one.
    """

    operation: str
    at: str = ""
    scope: Scope = Scope.REGIONAL
    region: str | None = None
    name: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    iam: str | None = None
    per: type | None = None
    by: Mapping[str, str] = field(default_factory=dict)
    then: Describe | None = None
    absent: tuple[str, ...] = ()
    fetch: Callable[[Ask], Awaitable[list[dict[str, Any]]]] | None = None
    also: tuple[str | Operation, ...] = ()


UNCOLLECTED = object()  # stands in a field that was not read, until the model takes it out


class Detail:
    """Base of what may annotate a field: it is not in the listing, and may be missing with a reason."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Let a value that was not collected through, and make it the default: no detail has one of its own."""

        def through(value: Any, validate: core_schema.ValidatorFunctionWrapHandler) -> Any:
            return value if value is UNCOLLECTED else validate(value)

        inner = core_schema.no_info_wrap_validator_function(through, handler(source))
        return core_schema.with_default_schema(inner, default=UNCOLLECTED)


class Call(Detail):
    """A field that takes a call for each resource, in the resource's own region.

    operation, iam: as in Listing. at: the path to the value ("Policy"): the items if it leads through a list or the
        answer has pages, else the one value there is; None where AWS leaves it out.
    absent: error codes by which the operation says that it is not configured: the field is None.
    when: ask only if this holds for the resource (only fields of its listing may be read); else the field is
        `otherwise`.
    service: botocore's client name, where it is not the resource's.
    const: parameters with constant values. `params`: parameters and the names of the fields that hold their values.
    fetch: an escape hatch: an async function of an `Ask` and the resource that returns the raw value; `also` as in
        Listing.

    Equal calls are made once: a detail that several resources share (a parameter group) costs one.
    """

    def __init__(
        self,
        operation: str,
        *,
        at: str = "",
        iam: str | None = None,
        absent: tuple[str, ...] = (),
        when: Callable[[Any], bool] | None = None,
        otherwise: Any = None,
        service: str | None = None,
        const: Mapping[str, Any] | None = None,
        fetch: Callable[[Ask, Any], Awaitable[Any]] | None = None,
        also: tuple[str | Operation, ...] = (),
        **params: str,
    ) -> None:
        self.operation, self.at, self.iam, self.absent = operation, at, iam, absent
        self.when, self.otherwise, self.service = when, otherwise, service
        self.const, self.params = dict(const or {}), params
        self.fetch, self.also = fetch, also


class Join(Detail):
    """A field that one call answers for many resources of a region: items are matched by value.

    operation, at, iam, service, const: as in Call.
    key: the item's member that names the resource ("LaunchTemplateId"); field: the resource's field that it equals.
    The field's value is the list of matching items, empty where there are none. What has no value matches nothing.
    ids, size: ask for these resources only: the parameter that takes the field's values, `size` at a time.
    """

    def __init__(
        self,
        operation: str,
        *,
        at: str,
        key: str,
        field: str,
        iam: str | None = None,
        service: str | None = None,
        const: Mapping[str, Any] | None = None,
        ids: str | None = None,
        size: int = 0,
    ) -> None:
        self.operation, self.at, self.key, self.field = operation, at, key, field
        self.iam, self.service, self.const = iam, service, dict(const or {})
        self.ids, self.size = ids, size


class Metric(Detail):
    """A field that CloudWatch fills: a metric's values of the last `days` days, one for each `period`, oldest first.

    namespace, name, statistic: as CloudWatch calls them ("AWS/EC2", "CPUUtilization", "Average" or "p99").
    period: seconds. A period in which nothing was measured has no value; the tuple is empty where none has.
    when: as in Call; the field is empty where it does not hold.
    const: dimensions with constant values. `params`: dimensions and the fields or properties that hold their values.

    All metrics of a region are asked together, 500 at a time, and only if the scan was told to: AWS bills each. Else
    reading the field raises `Unread`.
    """

    operation, service, iam = "GetMetricData", "cloudwatch", None

    def __init__(
        self,
        namespace: str,
        name: str,
        *,
        statistic: str,
        period: int,
        days: int,
        when: Callable[[Any], bool] | None = None,
        const: Mapping[str, str] | None = None,
        **params: str,
    ) -> None:
        self.namespace, self.name, self.statistic, self.period, self.days = namespace, name, statistic, period, days
        self.when, self.const, self.params = when, dict(const or {}), params


def walk(data: Any, path: str) -> list[Any]:
    """The items at a dotted path, lists on the way flattened; a missing member gives none.

    >>> walk({"Reservations": [{"Instances": [1, 2]}, {"Instances": [3]}]}, "Reservations.Instances")
    [1, 2, 3]
    """
    found = [data]
    for part in path.split(".") if path else ():
        deeper: list[Any] = []
        for item in found:
            value = item.get(part) if isinstance(item, dict) else None
            if isinstance(value, list):
                deeper += value
            elif value is not None:
                deeper.append(value)
        found = deeper
    return found
