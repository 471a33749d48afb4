"""Walks the declarations of a plan, concurrently, and makes an inventory of what AWS answers.

The only async part besides the door. Nothing is lost: a listing that fails becomes a gap of its type, a detail that
fails a gap of its resource, and everything else goes on.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pydantic import ValidationError

from auditor import __version__
from auditor.aws.door import Door
from auditor.aws.session import Session
from auditor.fetch import (
    NOT_OFFERED,
    Ask,
    Call,
    CallError,
    Describe,
    Join,
    Listing,
    Metric,
    Operation,
    Scope,
    Unread,
    operation,
    walk,
)
from auditor.findings import Gap, GapKind
from auditor.inventory import Header, Inventory, deduplicate
from auditor.metrics import Batch, Wanted, answers
from auditor.model import Resource, details, operations_of, what_is_wrong
from auditor.plan import Plan
from auditor.progress import Progress

GLOBAL = "global"


@dataclass(frozen=True)
class _Place:
    """Where a listing is asked: the label that its resources and gaps carry, and the region that is called."""

    label: str
    region: str


async def collect(session: Session, door: Door, plan: Plan, *, progress: Progress | None = None) -> Inventory:
    """Read all that the plan names. Never raises for what AWS answers: what was not read is in the inventory's gaps.

    After `door.stop()` it returns soon, with what was read so far.
    """
    return await _Collector(session, door, plan, progress or Progress()).run()


class _Why(NamedTuple):
    """Why something was not read, and which operation failed: None stands for the declared one."""

    kind: GapKind
    code: str
    message: str
    of: Operation | None = None


@dataclass(frozen=True)
class _Group:
    """A type's resources in one place; for a type that is listed per parent, those of one of them."""

    kind: type[Resource]
    place: _Place
    parent: Resource | None = None

    @property
    def given(self) -> dict[str, Any]:
        """The parameters that come from the parent. Raises Unread."""
        return {name: getattr(self.parent, field) for name, field in self.kind.listing.by.items()}


_Pages = list[dict[str, Any]]

ELSEWHERE = _Why(GapKind.NOT_SELECTED, "NotSelected", "its region was not selected")


class _Collector:
    def __init__(self, session: Session, door: Door, plan: Plan, progress: Progress) -> None:
        self._session, self._door, self._plan, self._progress = session, door, plan, progress
        self._resources: dict[str, list[Resource]] = {kind.__name__: [] for kind in plan.fields}
        self._gaps: dict[str, list[Gap]] = defaultdict(list)
        self._metrics = Wanted()
        self._answers: dict[tuple[str, ...], asyncio.Task[_Pages]] = {}
        self._tables: dict[tuple[str, ...], asyncio.Task[dict[Any, list[Any]]]] = {}
        self._children: dict[type, list[type[Resource]]] = defaultdict(list)
        for kind in plan.fields:
            if kind.listing.per is not None:
                self._children[kind.listing.per].append(kind)

    async def run(self) -> Inventory:
        started = datetime.now(UTC)
        await asyncio.gather(*(self._list(*group) for group in self._groups()))
        await asyncio.gather(*(self._measure(batch) for batch in self._metrics.batches(started)))
        session = self._session
        header = Header(
            tool_version=__version__, account=session.account, partition=session.partition, regions=session.regions,
            started=started, finished=datetime.now(UTC), interrupted=self._door.stopped,
            planned={kind.__name__: tuple(sorted(fields)) for kind, fields in self._plan.asked.items()},
        )  # fmt: skip
        resources = {kind.__name__: self._each_once(kind) for kind in self._plan.fields}
        gaps = {
            name: tuple(sorted(set(found), key=lambda g: (g.region, g.resource or "", g.operation, g.code, g.message)))
            for name, found in self._gaps.items()
        }
        return Inventory(header, resources, gaps, self._door.records())

    def _groups(self) -> list[list[_Group]]:
        """What to begin with: the types without a parent, those together that one request lists."""
        groups: dict[tuple[str, ...], list[_Group]] = defaultdict(list)
        for kind in self._plan.fields:
            listing = kind.listing
            if listing.per is None:
                alone = kind.__name__ if listing.fetch or listing.then else ""
                for place in self._places(listing):
                    key = (kind.service, listing.operation, _text(listing.params), alone, place.label)
                    groups[key].append(_Group(kind, place))
        return list(groups.values())

    def _places(self, listing: Listing) -> Iterable[_Place]:
        if listing.scope is Scope.GLOBAL:
            return [_Place(GLOBAL, listing.region or self._session.home)]
        return [_Place(region, region) for region in self._session.regions]

    def _each_once(self, kind: type[Resource]) -> tuple[Resource, ...]:
        """A type's resources in the one order that an inventory has; of what several regions list, the best read."""
        found = sorted(self._resources[kind.__name__], key=lambda r: (r.arn, len(r.gaps), r.region))
        ids: dict[str, set[str]] = defaultdict(set)
        for resource in found:
            ids[resource.arn].add(str(getattr(resource, kind.id_field)))
        for arn in (arn for arn, names in ids.items() if len(names) > 1):
            said = f"{' and '.join(sorted(ids[arn]))} have the same ARN, {arn}: only one is judged"
            self._lose(_Group(kind, _Place(GLOBAL, self._session.home)), _Why(GapKind.UNEXPECTED, "SameArn", said))
        return deduplicate(found)

    # --- listings

    async def _list(self, *group: _Group) -> None:
        """Make the one request that lists all of a group, and read the items of each page as it arrives."""
        first = group[0]
        label, service = first.place.label, first.kind.service
        self._progress.pending_regions[label] += 1
        self._progress.pending_services[service] += 1
        reading: list[Awaitable[None]] = []
        try:
            async for page in self._pages_of(first):
                reading += [asyncio.ensure_future(self._take(wanted, page)) for wanted in group]
        except Exception as error:
            for wanted in group:
                if not _is_absent(error, (*wanted.kind.listing.absent, NOT_OFFERED), first.kind.listing.operation):
                    self._lose(wanted, _why(error))
        finally:
            await asyncio.gather(*reading)
            self._progress.pending_regions[label] -= 1
            self._progress.pending_services[service] -= 1

    async def _pages_of(self, wanted: _Group) -> AsyncIterator[Any]:
        """A listing's answers; an escape hatch gives one, which is the items themselves."""
        kind, region = wanted.kind, wanted.place.region
        if kind.listing.fetch is not None:
            # Nothing is shared: a listing may have to ask again until AWS is ready (a report).
            yield await kind.listing.fetch(self._ask(kind, None, region))
            return
        params = {**kind.listing.params, **wanted.given}
        async for page in self._door.pages(kind.service, kind.listing.operation, region, params):
            yield page

    async def _take(self, wanted: _Group, page: Any) -> None:
        """Read what a page holds of one type."""
        listing = wanted.kind.listing
        try:
            found = page if listing.fetch is not None else walk(page, listing.at)
            if listing.then is not None:
                await self._describe(wanted, listing.then, found)
            else:
                await self._read(wanted, [{listing.name: item} for item in found] if listing.name else found)
        except Exception as error:  # a defect of a declaration costs its own type only
            self._lose(wanted, _why(error))

    async def _describe(self, wanted: _Group, then: Describe, ids: list[Any]) -> None:
        """The second step of a listing that finds ids only; a batch that fails costs what is in it."""
        kind, region = wanted.kind, wanted.place.region
        if not all(isinstance(each, str) for each in ids):
            raise TypeError(f"ids to describe are plain strings: {kind.listing.at} leads to something else")
        op = operation(kind.service, then.operation, then.iam)

        async def describe(batch: list[str]) -> None:
            try:
                pages = await self._all_pages(op, region, {**then.params, **wanted.given, then.ids: batch})
            except CallError as error:
                self._lose(wanted, _why(error)._replace(of=op))
            else:
                found = [item for page in pages for item in walk(page, then.at)]
                await self._read(wanted, found)
                if (why := _undescribed(then, batch, pages, len(found))) is not None:
                    self._lose(wanted, why._replace(of=op))

        await asyncio.gather(*(describe(ids[at : at + then.size]) for at in range(0, len(ids), then.size)))

    # --- resources

    async def _read(self, wanted: _Group, items: list[dict[str, Any]]) -> None:
        """Make resources of items, and ask for their details and children."""
        kind = wanted.kind
        resources = [made for item in items if (made := self._build(wanted, item)) is not None]
        self._resources[kind.__name__] += resources
        self._progress.resources += len(resources)
        asked = {name: detail for name, detail in details(kind).items() if name in self._plan.asked[kind]}
        inside = []
        for resource in resources:
            if kind.judged_everywhere or resource.region in (GLOBAL, *self._session.regions):
                inside.append(resource)
            else:
                for name in asked:
                    self._lose_field(resource, name, ELSEWHERE)
        work: list[Awaitable[None]] = []
        for name, detail in asked.items():
            if isinstance(detail, Join):
                work.append(self._join(name, detail, inside))
            elif isinstance(detail, Metric):
                self._want(name, detail, inside)
            else:
                work += [self._detail(resource, name, detail) for resource in inside]
        for child in self._children[kind]:
            for resource in inside:
                place = _Place(resource.region, self._region(resource)) if resource.region != GLOBAL else wanted.place
                work.append(self._list(_Group(child, place, resource)))
        await asyncio.gather(*work)

    def _build(self, wanted: _Group, item: dict[str, Any]) -> Resource | None:
        session = self._session
        try:
            given = wanted.given if wanted.parent is not None else {}
            return wanted.kind.build(
                {**given, **item}, partition=session.partition, account=session.account, region=wanted.place.label
            )
        except Exception as error:
            self._lose(wanted, _why(error))
            return None

    async def _detail(self, resource: Resource, name: str, call: Call) -> None:
        """Ask for one field of one resource."""
        kind, region = type(resource), self._region(resource)
        try:
            if call.when is not None and not call.when(resource):
                resource.fill(name, call.otherwise)
            elif call.fetch is not None:
                resource.fill(name, await call.fetch(self._ask(kind, name, region, of=resource), resource))
            else:
                params = call.const | {param: getattr(resource, field) for param, field in call.params.items()}
                pages = await self._pages(kind.operation_of(name), region, params, of=resource)
                resource.fill(name, _value(pages, call.at))
        except Exception as error:  # a defect of a declaration costs its own field only
            if _is_absent(error, call.absent, call.operation):
                resource.fill(name, None)
            else:
                self._lose_field(resource, name, _why(error))

    # --- joins

    async def _join(self, name: str, join: Join, resources: list[Resource]) -> None:
        """Ask for one field of many resources, region by region, batch by batch."""
        keys: dict[str, dict[Any, list[Resource]]] = defaultdict(lambda: defaultdict(list))
        for resource in resources:
            try:
                key = getattr(resource, join.field)
                if key is None:
                    resource.fill(name, [])
                else:
                    keys[self._region(resource)][key].append(resource)
            except Exception as error:
                self._lose_field(resource, name, _why(error))
        work: list[Awaitable[None]] = []
        for region, by_key in keys.items():
            pairs, size = list(by_key.items()), join.size if join.ids else len(by_key)
            work += [self._match(name, join, region, dict(pairs[at : at + size])) for at in range(0, len(pairs), size)]
        await asyncio.gather(*work)

    async def _match(self, name: str, join: Join, region: str, by_key: dict[Any, list[Resource]]) -> None:
        """Fill one field of the resources of one request, each with the items of its key."""
        kind = type(next(iter(by_key.values()))[0])
        ids = {join.ids: list(by_key)} if join.ids else {}
        try:
            try:
                table = await self._table(join, kind.operation_of(name), region, {**join.const, **ids})
            except CallError as error:
                if error.code != NOT_OFFERED:
                    raise
                table = {}
            for key, resources in by_key.items():
                for resource in resources:
                    resource.fill(name, table.get(key, []))
        except Exception as error:
            for resources in by_key.values():
                for resource in resources:
                    self._lose_field(resource, name, _why(error))

    async def _table(self, join: Join, of: Operation, region: str, params: Mapping[str, Any]) -> dict[Any, list[Any]]:
        """The items that a join asks for, by their keys. One request serves all that want it, once read."""

        async def read() -> dict[Any, list[Any]]:
            table: dict[Any, list[Any]] = defaultdict(list)
            for page in await self._all_pages(of, region, params):
                for item in walk(page, join.at):
                    if item.get(join.key) is not None:
                        table[item[join.key]].append(item)
            return table

        if join.ids:
            return await read()
        key = (of.service, of.name, region, _text(params), join.at, join.key)
        if key not in self._tables:
            self._tables[key] = asyncio.ensure_future(read())
        return await self._tables[key]

    # --- metrics

    def _want(self, name: str, metric: Metric, resources: list[Resource]) -> None:
        """Remember a metric of these resources, to be asked for once all are known: a request takes hundreds."""
        for resource in resources:
            try:
                if metric.when is not None and not metric.when(resource):
                    resource.fill(name, ())
                else:
                    region = self._session.home if resource.region == GLOBAL else resource.region
                    self._metrics.add(region, resource, name, metric)
            except Exception as error:
                self._lose_field(resource, name, _why(error))

    async def _measure(self, batch: Batch) -> None:
        """Ask for metrics, and fill the fields that wait for them."""
        op = operation(Metric.service, Metric.operation)
        found: list[tuple[float, ...] | Exception]
        try:
            found = [*answers(await self._all_pages(op, batch.region, batch.params), len(batch.fields))]
        except Exception as error:
            found = [error] * len(batch.fields)
        for value, fields in zip(found, batch.fields, strict=True):
            for resource, name in fields:
                if isinstance(value, Exception):
                    self._lose_field(resource, name, _why(value))
                else:
                    resource.fill(name, value)

    # --- calls

    def _region(self, resource: Resource) -> str:
        """Where a resource's own operations are asked."""
        if resource.region == GLOBAL:
            return type(resource).listing.region or self._session.home
        return resource.region

    async def _pages(self, op: Operation, region: str, params: Mapping[str, Any], *, of: Resource) -> _Pages:
        """All pages of an answer about a resource; equal calls are made once.

        The answer is kept for others that may ask for it too, unless it is this resource that the call names.
        """
        key = (op.service, op.name, region, _text(params))
        task = self._answers.get(key)
        if task is None:
            task = self._answers[key] = asyncio.ensure_future(self._all_pages(op, region, params))
            own = (of.arn, getattr(of, type(of).id_field))
            if any(value in own for value in params.values()):
                task.add_done_callback(lambda _: self._answers.pop(key))
        return await task

    async def _all_pages(self, op: Operation, region: str, params: Mapping[str, Any]) -> _Pages:
        return [page async for page in self._door.pages(op.service, op.name, region, params)]

    async def _first_pages(self, op: Operation, region: str, params: Mapping[str, Any], most: int) -> _Pages:
        found: _Pages = []
        async for page in self._door.pages(op.service, op.name, region, params):
            found.append(page)
            if len(found) == most:
                break
        return found

    def _ask(self, kind: type[Resource], field: str | None, region: str, of: Resource | None = None) -> Ask:
        """What an escape hatch calls AWS with: the operations of its declaration."""
        return _Asking(self, {op.name: op for op in operations_of(kind, field)}, region, of)

    # --- gaps

    def _lose(self, wanted: _Group, why: _Why) -> None:
        """Remember why a listing is incomplete, and with it those of its children, of which nobody knows now."""
        kind, label = wanted.kind, wanted.place.label
        parent = wanted.parent.arn if wanted.parent else None
        self._progress.errors += 1
        self._gaps[kind.__name__].append(
            kind.gap_of(
                None, why.kind, why.code, why.message, account=self._session.account, region=label, resource=parent,
                of=why.of,
            )
        )  # fmt: skip
        for child in self._children[kind]:
            why_not = why._replace(of=why.of or kind.operation_of())
            self._lose(_Group(child, wanted.place, wanted.parent), why_not)

    def _lose_field(self, resource: Resource, name: str, why: _Why) -> None:
        """Remember why a detail is missing."""
        if why.kind is not GapKind.NOT_SELECTED:
            self._progress.errors += 1
        resource.lose(name, resource.gap(name, *why))


@dataclass(frozen=True)
class _Asking:
    """An `Ask` for one declaration: a resource's detail (`of`), or a listing."""

    collector: _Collector
    declared: Mapping[str, Operation]
    region: str
    of: Resource | None

    @property
    def regions(self) -> tuple[str, ...]:
        return self.collector._session.regions

    async def __call__(self, name: str, /, *, region: str | None = None, pages: int = 0, **params: Any) -> _Pages:
        if name not in self.declared:
            raise LookupError(f"{name} is asked for and not declared: name it in `also`")
        op, where = self.declared[name], region or self.region
        try:
            if pages:
                return await self.collector._first_pages(op, where, params, pages)
            if self.of is None:
                return await self.collector._all_pages(op, where, params)
            return await self.collector._pages(op, where, params, of=self.of)
        except CallError as error:
            raise CallError(error.kind, error.code, error.message, asked=op) from None


def _why(error: Exception) -> _Why:
    """Why something was not read, by what was raised on the way to it."""
    if isinstance(error, CallError):
        return _Why(error.kind, error.code, error.message, error.asked)
    if isinstance(error, Unread):
        gap = error.gap
        if gap.kind is GapKind.NOT_SELECTED:
            said = f"its declaration reads {gap.field}, which did not come with the listing"
            return _Why(GapKind.UNEXPECTED, "Declaration", said)
        return _Why(gap.kind, gap.code, gap.message, Operation(gap.service, gap.operation, gap.iam_action or ""))
    if isinstance(error, ValidationError):
        return _Why(GapKind.UNEXPECTED, "UnexpectedAnswer", what_is_wrong(error))
    return _Why(GapKind.UNEXPECTED, type(error).__name__, str(error))


def _undescribed(then: Describe, batch: list[str], pages: _Pages, found: int) -> _Why | None:
    """Why fewer came back than were asked for; None if those that lack are no more."""
    lacking = [item for page in pages for item in (walk(page, then.gone) if then.gone else ())]
    reasons = {item.get("reason") or item.get("code") or "" for item in lacking if isinstance(item, dict)}
    gone = sum(isinstance(item, str) or item.get("reason") == "MISSING" for item in lacking)
    if found + gone >= len(batch):
        return None
    said = f"{then.operation} left out {len(batch) - found - gone} of {len(batch)}"
    why = ", ".join(sorted(reasons - {"", "MISSING"}))
    return _Why(GapKind.UNEXPECTED, "NotDescribed", f"{said}: {why}" if why else said)


def _is_absent(error: Exception, codes: tuple[str, ...], declared: str) -> bool:
    """Whether AWS says so that there is none: by one of these codes, and of the declared operation."""
    return (
        isinstance(error, CallError) and error.code in codes and (error.asked is None or error.asked.name == declared)
    )


def _value(pages: _Pages, path: str) -> Any:
    """What a path leads to: the one value there is, or all items where it leads through a list or the answer is paged.

    None where AWS leaves it out. Raises ValueError where it leads into what is no structure.
    """
    if len(pages) > 1:
        return [item for page in pages for item in walk(page, path)]
    value: Any = pages[0]
    for part in path.split(".") if path else ():
        if isinstance(value, list):
            return walk(pages[0], path)
        if value is not None and not isinstance(value, dict):
            raise ValueError(f"{path} leads into {type(value).__name__}")
        value = value.get(part) if value is not None else None
    return value


def _text(params: Mapping[str, Any]) -> str:
    return json.dumps(params, sort_keys=True, default=str)
