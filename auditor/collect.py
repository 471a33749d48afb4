"""Walks the declarations of a plan, concurrently, and makes an inventory of what AWS answers.

The only async part besides the door. Nothing is lost: a listing that fails becomes a gap of its type, a detail that
fails a gap of its resource, and everything else goes on.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from auditor import __version__
from auditor.aws.door import Door
from auditor.aws.session import Session
from auditor.fetch import Ask, Call, CallError, Join, Listing, Operation, Scope, operation, walk
from auditor.findings import Gap, GapKind
from auditor.inventory import Header, Inventory, deduplicate
from auditor.model import Resource, details
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


class _Collector:
    def __init__(self, session: Session, door: Door, plan: Plan, progress: Progress) -> None:
        self._session, self._door, self._plan, self._progress = session, door, plan, progress
        self._resources: dict[str, list[Resource]] = {kind.__name__: [] for kind in plan.fields}
        self._gaps: dict[str, list[Gap]] = defaultdict(list)
        self._answers: dict[tuple[str, str, str, str], asyncio.Task[list[dict[str, Any]]]] = {}
        self._joins: dict[tuple[str, str, str], asyncio.Task[dict[Any, list[Any]]]] = {}
        self._children: dict[type, list[type[Resource]]] = defaultdict(list)
        for kind in plan.fields:
            if kind.listing is not None and kind.listing.per is not None:
                self._children[kind.listing.per].append(kind)

    async def run(self) -> Inventory:
        started = datetime.now(UTC)
        await asyncio.gather(
            *(self._list(kinds, place) for kinds in self._groups() for place in self._places(kinds[0]))
        )
        session = self._session
        header = Header(
            tool_version=__version__, account=session.account, partition=session.partition, regions=session.regions,
            started=started, finished=datetime.now(UTC), interrupted=self._door.stopped,
            planned={kind.__name__: tuple(sorted(fields)) for kind, fields in self._plan.fields.items()},
        )  # fmt: skip
        # Answers arrive in any order; an inventory has one.
        resources = {
            name: deduplicate(sorted(found, key=lambda r: (r.arn, r.region))) for name, found in self._resources.items()
        }
        gaps = {
            name: tuple(sorted(set(found), key=lambda g: (g.region, g.code, g.message)))
            for name, found in self._gaps.items()
        }
        return Inventory(header, resources, gaps, self._door.records())

    def _groups(self) -> list[list[type[Resource]]]:
        """Types that the same request lists, together: it is made once for them all."""
        groups: dict[tuple[str, ...], list[type[Resource]]] = defaultdict(list)
        for kind in self._plan.fields:
            listing = kind.listing
            if listing is not None and listing.per is None:
                alone = kind.__name__ if listing.fetch or listing.then else ""
                key = (kind.service, listing.operation, listing.scope, _text(listing.params), alone)
                groups[key].append(kind)
        return list(groups.values())

    def _places(self, kind: type[Resource]) -> Iterable[_Place]:
        if _listing(kind).scope is Scope.GLOBAL:
            return [_Place(GLOBAL, self._session.home)]
        return [_Place(region, region) for region in self._session.regions]

    # --- listings

    async def _list(self, kinds: list[type[Resource]], place: _Place, parent: Resource | None = None) -> None:
        """Ask one listing for the types that share it, and read each item as its page arrives."""
        service = kinds[0].service
        self._progress.pending_regions[place.label] += 1
        self._progress.pending_services[service] += 1
        reading: list[Awaitable[None]] = []
        try:
            async for kind, items in self._items(kinds, place, parent):
                reading.append(asyncio.ensure_future(self._read(kind, items, place)))
        except _Refused as refused:
            self._progress.errors += 1
            for kind in kinds:
                self._lose(kind, place, refused)
        except Exception as error:  # a defect of a declaration costs its own listing only
            for kind in kinds:
                gap = self._gap(kind, place, GapKind.UNEXPECTED, type(error).__name__, str(error))
                self._gaps[kind.__name__].append(gap)
        finally:
            await asyncio.gather(*reading)
            self._progress.pending_regions[place.label] -= 1
            self._progress.pending_services[service] -= 1

    async def _items(self, kinds: list[type[Resource]], place: _Place, parent: Resource | None) -> Any:
        listing = _listing(kinds[0])
        params = dict(listing.params) | {name: getattr(parent, field) for name, field in listing.by.items()}
        if listing.fetch is not None:
            yield kinds[0], await self._hatch(kinds[0], listing.fetch(self._ask(kinds[0], place)))
            return
        try:
            async for page in self._door.pages(kinds[0].service, listing.operation, place.region, params):
                for kind in kinds:
                    found = walk(page, _listing(kind).at)
                    name = _listing(kind).name
                    items = [{name: item} for item in found] if name else found
                    if _listing(kind).then is not None:
                        items = await self._described(kind, items, params, place)
                    yield kind, [{k: v for k, v in params.items() if k in listing.by} | item for item in items]
        except CallError as error:
            if error.code not in listing.absent:
                raise _Refused(error, kinds[0].operation_of()) from None

    async def _described(
        self, kind: type[Resource], found: list[Any], params: Mapping[str, Any], place: _Place
    ) -> list[dict[str, Any]]:
        """The second step of a listing that finds ids only."""
        listing = _listing(kind)
        then = listing.then
        assert then is not None
        ids = [next(iter(item.values())) if isinstance(item, dict) else item for item in found]
        constant = dict(then.params) | {name: params[name] for name in listing.by}
        batches = [ids[i : i + then.size] for i in range(0, len(ids), then.size)]
        try:
            answers = await asyncio.gather(
                *(
                    self._pages(kind.service, then.operation, place.region, {**constant, then.ids: batch})
                    for batch in batches
                )
            )
        except CallError as error:
            raise _Refused(error, operation(kind.service, then.operation, then.iam)) from None
        return [item for pages in answers for page in pages for item in walk(page, then.at)]

    async def _hatch(self, kind: type[Resource], work: Awaitable[list[dict[str, Any]]]) -> list[dict[str, Any]]:
        """Run a listing's escape hatch."""
        try:
            return await work
        except CallError as error:
            if error.code in _listing(kind).absent:
                return []
            raise _Refused(error, error.asked or kind.operation_of()) from None

    # --- resources

    async def _read(self, kind: type[Resource], items: list[dict[str, Any]], place: _Place) -> None:
        resources = [r for item in items if (r := self._build(kind, item, place)) is not None]
        self._resources[kind.__name__] += resources
        self._progress.resources += len(resources)
        fields = self._plan.fields[kind]
        wanted = {name: detail for name, detail in details(kind).items() if name in fields}
        work: list[Awaitable[None]] = []
        inside = [r for r in resources if kind.judged_everywhere or r.region in (GLOBAL, *self._session.regions)]
        for resource in resources:
            if resource not in inside:
                for name in wanted:
                    said = "its region was not selected"
                    resource.lose(name, resource.gap(name, GapKind.NOT_SELECTED, "NotSelected", said))
        for name, detail in wanted.items():
            if isinstance(detail, Join):
                work.append(self._join(name, detail, inside))
            else:
                work += [self._detail(resource, name, detail) for resource in inside]
        for child in self._children[kind]:
            for resource in inside:
                there = place if resource.region == GLOBAL else _Place(resource.region, resource.region)
                work.append(self._list([child], there, resource))
        await asyncio.gather(*work)

    def _build(self, kind: type[Resource], item: dict[str, Any], place: _Place) -> Resource | None:
        session = self._session
        try:
            return kind.build(item, partition=session.partition, account=session.account, region=place.label)
        except (ValidationError, TypeError, KeyError, AttributeError) as error:
            what = str(error).partition("\n")[0]
            self._gaps[kind.__name__].append(self._gap(kind, place, GapKind.UNEXPECTED, "UnexpectedAnswer", what))
            return None

    async def _detail(self, resource: Resource, name: str, call: Call) -> None:
        """Ask for one field of one resource."""
        kind = type(resource)
        try:
            if call.when is not None and not call.when(resource):
                resource.fill(name, call.otherwise)
                return
            region = self._session.home if resource.region == GLOBAL else resource.region
            if call.fetch is not None:
                ask = self._ask(kind, _Place(resource.region, region), call)
                resource.fill(name, await call.fetch(ask, resource))
                return
            params = call.const | {param: getattr(resource, field) for param, field in call.params.items()}
            pages = await self._pages(call.service or kind.service, call.operation, region, params)
            resource.fill(name, _value(pages, call.at))
        except CallError as error:
            if error.code in call.absent:
                resource.fill(name, None)
            else:
                self._progress.errors += 1
                resource.lose(name, resource.gap(name, error.kind, error.code, error.message, of=error.asked))
        except Exception as error:  # a defect of a declaration costs its own field only
            resource.lose(name, resource.gap(name, GapKind.UNEXPECTED, type(error).__name__, str(error)))

    async def _join(self, name: str, join: Join, resources: list[Resource]) -> None:
        """Ask for one field of many resources, region by region."""
        by_region: dict[str, list[Resource]] = defaultdict(list)
        for resource in resources:
            by_region[resource.region].append(resource)
        for label, group in by_region.items():
            try:
                found = await self._joined(join, group, self._session.home if label == GLOBAL else label)
            except CallError as error:
                self._progress.errors += 1
                for resource in group:
                    resource.lose(name, resource.gap(name, error.kind, error.code, error.message))
            else:
                for resource in group:
                    resource.fill(name, found.get(getattr(resource, join.field), []))

    async def _joined(self, join: Join, group: list[Resource], region: str) -> dict[Any, list[Any]]:
        """The items of a join by the value of their key."""
        service = join.service or group[0].service
        requests: list[dict[str, Any]] = [join.const]
        if join.ids:
            values = list(dict.fromkeys(getattr(resource, join.field) for resource in group))
            requests = [{**join.const, join.ids: values[i : i + join.size]} for i in range(0, len(values), join.size)]
        answers = await asyncio.gather(*(self._pages(service, join.operation, region, params) for params in requests))
        found: dict[Any, list[Any]] = defaultdict(list)
        for pages in answers:
            for page in pages:
                for item in walk(page, join.at):
                    found[item.get(join.key)].append(item)
        return found

    # --- calls

    async def _pages(self, service: str, name: str, region: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """All pages of an answer; equal calls are made once."""
        key = (service, name, region, _text(params))
        if key not in self._answers:
            self._answers[key] = asyncio.ensure_future(self._all_pages(service, name, region, params))
        return await self._answers[key]

    async def _all_pages(self, service: str, name: str, region: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [page async for page in self._door.pages(service, name, region, params)]

    def _ask(self, kind: type[Resource], place: _Place, call: Call | None = None) -> Ask:
        """What an escape hatch calls AWS with."""
        service = (call.service if call else None) or kind.service
        # Of a detail equal calls are made once; a listing may have to ask again until AWS is ready (a report).
        pages = self._pages if call else self._all_pages

        async def ask(name: str, /, **params: Any) -> list[dict[str, Any]]:
            try:
                return await pages(service, name, place.region, params)
            except CallError as error:
                error.asked = operation(service, name)
                raise

        return ask

    # --- gaps

    def _lose(self, kind: type[Resource], place: _Place, refused: "_Refused") -> None:
        error = refused.error
        self._gaps[kind.__name__].append(self._gap(kind, place, error.kind, error.code, error.message, refused.of))
        for child in self._children[kind]:
            self._lose(child, place, refused)

    def _gap(
        self, kind: type[Resource], place: _Place, why: GapKind, code: str, message: str, of: Operation | None = None
    ) -> Gap:
        """The gap of a listing."""
        return kind.gap_of(None, why, code, message, account=self._session.account, region=place.label, of=of)


class _Refused(Exception):
    """A listing that failed, and the operation that did."""

    def __init__(self, error: CallError, of: Operation) -> None:
        super().__init__(str(error))
        self.error, self.of = error, of


def _listing(kind: type[Resource]) -> Listing:
    assert kind.listing is not None
    return kind.listing


def _value(pages: list[dict[str, Any]], path: str) -> Any:
    """The value at a path: the one there is; of a paged list, the items of all pages; None where AWS gives none."""
    if len(pages) == 1:
        value: Any = pages[0]
        for part in path.split(".") if path else ():
            value = value.get(part) if isinstance(value, dict) else None
        return value
    return [item for page in pages for item in walk(page, path)]


def _text(params: Mapping[str, Any]) -> str:
    return json.dumps(params, sort_keys=True, default=str)
