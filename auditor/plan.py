"""Which calls a set of rules needs: nothing that no selected rule reads is asked for.

What a rule reads is taken from its own code: the resource types that it names, and every attribute name that it, or
whatever it uses in turn, names. "Uses" are functions, methods and properties, classes and their instances, closures,
decorators, partials and defaults, and what stands in a global table. Text counts as a name where code looks attributes
up by text (`where`, `find`, `getattr`, `attrgetter`), and so do the attributes of a `case` pattern.

That errs towards one call too many. What it cannot see are names that are put together at run time ("public_" + what),
and functions that come in as data of another resource. Such a detail was not asked for, and reading it raises `Unread`:
the rule's finding is unknown, never a pass, and `unseen` tells the rule's author why.
"""

import dis
import functools
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from auditor.fetch import Metric, Operation
from auditor.findings import Gap
from auditor.model import Resource, details, operations
from auditor.resources.account import Account
from auditor.rule import Rule

BY_TEXT = frozenset({"where", "find", "getattr", "hasattr", "attrgetter", "methodcaller"})
# What rules are made with, and knows of no resource's fields: not looked into.
FOREIGN = (*sys.stdlib_module_names, "pydantic", "pydantic_core", "botocore")
MAKING = ("auditor.findings", "auditor.fetch", "auditor.model", "auditor.inventory", "auditor.rule")


@dataclass(frozen=True)
class Plan:
    """The resource types to list, each with the details to ask for; metrics among them only if `metrics` says so."""

    fields: Mapping[type[Resource], frozenset[str]]
    metrics: bool = False

    @cached_property
    def asked(self) -> Mapping[type[Resource], frozenset[str]]:
        """The details that are asked for, by type: `fields`, without metrics that are not to be read."""
        if self.metrics:
            return self.fields
        return {
            kind: frozenset(name for name in names if not isinstance(details(kind)[name], Metric))
            for kind, names in self.fields.items()
        }

    def operations(self) -> tuple[Operation, ...]:
        """Every operation that the plan may call, each once, in order of service and name."""
        found = {op for kind, names in self.asked.items() for op in operations(kind, names)}
        return tuple(sorted(found, key=lambda op: (op.service, op.name)))


def plan(rules: Iterable[Rule], *, metrics: bool = False, account_tags: bool = False) -> Plan:
    """The plan for these rules: their types, the types they look up, and the parents these are listed by.

    metrics: whether CloudWatch may be asked for metrics, which AWS bills. account_tags: whether settings want the
    account's own tags.
    """
    wanted: dict[type[Resource], set[str]] = defaultdict(set)
    if account_tags:
        wanted[Account].add("organization_tags")
    for rule in rules:
        names, kinds = _reads(rule.function)
        for kind in {*rule.kinds, *kinds}:
            wanted[kind] |= _details_read(kind, names)
    for kind in list(wanted):
        while kind.listing.per is not None:
            kind = kind.listing.per
            wanted[kind] |= set()
    kinds_by_name = sorted(wanted.items(), key=lambda item: item[0].__name__)
    return Plan({kind: frozenset(names) for kind, names in kinds_by_name}, metrics)


def forget() -> None:
    """Drop what was learnt of rules' code: a scan has made its one plan, and needs the memory for what it reads."""
    for learnt in (_members_read, _reads, _step):
        learnt.cache_clear()


def everything() -> Plan:
    """The plan that reads all that is declared."""
    return Plan({kind: frozenset(details(kind)) for kind in Resource.kinds.values()}, metrics=True)


def unseen(rule: Rule, unasked: Iterable[Gap]) -> str | None:
    """What a rule read although its plan does not hold it, in words for its author; None if the plan holds it all.

    unasked: the gaps of what the rule met and nobody had asked for. What its plan does hold is none of the rule's
    fault: the inventory was read for other rules.
    """
    fields = plan([rule]).fields
    held = {(kind.cfn_type, field) for kind, names in fields.items() for field in (None, *names)}
    lacking = {(gap.resource_type, gap.field) for gap in unasked if gap.code == "NotAsked"} - held
    if not lacking:
        return None
    what = ", ".join(sorted(f"{field} of {kind}" if field else kind for kind, field in lacking))
    return f"NotPlanned: it reads {what} in a way that the plan does not see; name it plainly (see auditor/plan.py)"


def _details_read(kind: type[Resource], names: Set[str]) -> set[str]:
    """The details of a type among these names, those behind its own properties and methods included."""
    seen: set[str] = set()
    reach = set(names)
    while fresh := reach - seen:
        seen |= fresh
        for name in fresh:
            reach |= _members_read(kind, name)
    return details(kind).keys() & reach


@functools.cache
def _members_read(kind: type[Resource], name: str) -> frozenset[str]:
    """The names that a type and its bases use under a name of theirs: one may call the next by `super`."""
    bases = kind.__mro__[: kind.__mro__.index(Resource)]
    return _walk(base.__dict__[name] for base in bases if name in base.__dict__)[0]


@functools.cache
def _reads(function: Any) -> tuple[frozenset[str], frozenset[type[Resource]]]:
    return _walk([function])


def _walk(start: Iterable[Any]) -> tuple[frozenset[str], frozenset[type[Resource]]]:
    """The attribute names and resource types that code uses, through whatever it uses in turn."""
    names: set[str] = set()
    kinds: set[type[Resource]] = set()
    seen: dict[int, Any] = {}  # holds what it names, lest an id be given twice
    queue = list(start)
    while queue:
        value = queue.pop()
        if id(value) in seen:
            continue
        seen[id(value)] = value
        if isinstance(value, type) and issubclass(value, Resource):
            kinds |= {value} & set(Resource.kinds.values())
            continue
        if isinstance(value, FunctionType):
            read, used = _step(value)
            names |= read
            queue += used
        else:
            queue += _behind(value)
    return frozenset(names), frozenset(kinds)


@functools.cache
def _step(function: FunctionType) -> tuple[frozenset[str], tuple[Any, ...]]:
    """The attribute names in a function's own code, and the objects that it uses."""
    codes = list(_codes(function.__code__)) if _ours(function.__module__) else []
    names = {name for code in codes for name in code.co_names}
    used = [value for code in codes for value in _named(code, function.__globals__)]
    by_text = BY_TEXT & names
    for code in codes:
        matches = dis.opmap["MATCH_CLASS"] in code.co_code[::2]  # a `case` has its attributes as a tuple of texts
        for constant in code.co_consts:
            if by_text or (matches and isinstance(constant, tuple)):
                names.update(_texts(constant))
    if by_text:
        names.update(text for value in used for text in _texts(value))
    return frozenset(names), (*used, *_behind(function))


def _texts(value: Any) -> Iterator[str]:
    """The names in a text ("policy", "image.owner"), or in a table of texts."""
    if isinstance(value, str):
        yield from (part for part in value.split(".") if part.isidentifier())
    elif isinstance(value, tuple | list | Set | Mapping):
        for each in value:
            yield from _texts(each)


def _named(code: CodeType, scope: Mapping[str, Any]) -> Iterator[Any]:
    """The global objects that code names, those it names through modules (`policy.parse`) or imports included."""
    modules = []
    for name in code.co_names:
        value = scope.get(name, sys.modules.get(name))
        if isinstance(value, ModuleType):
            modules.append(value)
        elif value is not None:
            yield value
    for module in modules:  # grows as it goes: modules within modules
        for name in code.co_names:
            value = vars(module).get(name)
            if isinstance(value, ModuleType) and value not in modules and _ours(value.__name__):
                modules.append(value)
            elif value is not None and _ours(module.__name__):
                yield value


def _behind(value: Any) -> Iterator[Any]:
    """What an object may run, or hand on to who runs it: one step."""
    match value:
        case FunctionType():
            yield from (cell.cell_contents for cell in value.__closure__ or () if _filled(cell))
            yield from (value.__defaults__ or ())
            yield from (value.__kwdefaults__ or {}).values()
            yield from (value.__dict__.get(name) for name in ("__wrapped__",) if name in value.__dict__)
        case MethodType():
            yield from (value.__func__, value.__self__)
        case staticmethod() | classmethod():
            yield value.__func__
        case property():
            yield value.fget
        case functools.cached_property():
            yield value.func
        case functools.partial():
            yield from (value.func, *value.args, *value.keywords.values())
        case Mapping():
            yield from (*value.keys(), *value.values())
        case tuple() | list() | Set():
            yield from value
        case type() if _ours(value.__module__):
            yield from (member for base in value.__mro__ if _ours(base.__module__) for member in vars(base).values())
        case Enum() | str() | int() | float() | bytes() | None | ModuleType() | type():
            pass
        case _ if _ours(type(value).__module__):
            yield from (type(value), *getattr(value, "__dict__", {}).values())


def _ours(module: str | None) -> bool:
    """Whether a module may hold what a rule's author wrote."""
    return module is not None and module.partition(".")[0] not in FOREIGN and module not in MAKING


def _filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:  # of a name that is not bound yet
        return False


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)
