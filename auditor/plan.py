"""Which calls a set of rules needs: nothing that no selected rule reads is asked for.

What a rule reads is taken from its own code: the resource types that it names, and every attribute name that it, or a
function that it calls in turn, uses. That errs towards one call too many, never towards a silent gap: a detail that
was left out raises `Unread` when read, and the rule's own tests show it at once.
"""

import functools
import inspect
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType
from typing import Any

from auditor.fetch import Call, Join, Operation
from auditor.model import Resource, details, operations
from auditor.rule import Rule

LOOKUPS = frozenset({"where", "find"})


@dataclass(frozen=True)
class Plan:
    """The resource types to list, each with the details to ask for."""

    fields: Mapping[type[Resource], frozenset[str]]

    def operations(self) -> tuple[Operation, ...]:
        """Every operation that the plan may call, each once, in order of service and name."""
        found = {op for kind, names in self.fields.items() for op in operations(kind, set(names))}
        return tuple(sorted(found, key=lambda op: (op.service, op.name)))


def plan(rules: Iterable[Rule]) -> Plan:
    """The plan for these rules: their types, the types they look up, and the parents these are listed by."""
    wanted: dict[type[Resource], set[str]] = defaultdict(set)
    for rule in rules:
        names, kinds = _reads(rule.function)
        for kind in {*rule.kinds, *kinds}:
            wanted[kind] |= _details_read(kind, names)
    for kind in list(wanted):
        while kind.listing.per is not None:
            kind = kind.listing.per
            wanted[kind] |= set()
    return Plan({kind: frozenset(names) for kind, names in sorted(wanted.items(), key=lambda item: item[0].__name__)})


def everything() -> Plan:
    """The plan that reads all that is declared."""
    return Plan({kind: frozenset(details(kind)) for kind in Resource.kinds.values()})


def _details_read(kind: type[Resource], names: frozenset[str]) -> set[str]:
    """The details of a type among these names, those behind its own properties and methods included."""
    seen: set[str] = set()
    reach = set(names)
    while fresh := {name for name in reach - seen if _member(kind, name) is not None}:
        seen |= fresh
        for name in fresh:
            reach |= _reads(_member(kind, name))[0]
    return {name for name, detail in details(kind).items() if name in reach and isinstance(detail, Call | Join)}


def _member(kind: type[Resource], name: str) -> Callable[..., Any] | None:
    """The function behind a property or method that a resource class defines itself."""
    for base in kind.__mro__[: kind.__mro__.index(Resource)]:
        member = base.__dict__.get(name)
        member = member.fget if isinstance(member, property) else member
        member = member.func if isinstance(member, functools.cached_property) else member
        if isinstance(member, FunctionType):
            return member
    return None


@functools.cache
def _reads(function: Callable[..., Any] | None) -> tuple[frozenset[str], frozenset[type[Resource]]]:
    """The attribute names and resource types that a function's code uses, through the functions that it calls."""
    names: set[str] = set()
    kinds: set[type[Resource]] = set()
    seen: set[Callable[..., Any]] = set()
    queue = [function]
    while queue:
        current = inspect.unwrap(queue.pop()) if function else None  # type: ignore[arg-type]
        if not isinstance(current, FunctionType) or current in seen:
            continue
        seen.add(current)
        for code in _codes(current.__code__):
            names.update(code.co_names)
            if LOOKUPS.intersection(code.co_names):  # a lookup names its field as text
                names.update(text for text in code.co_consts if isinstance(text, str) and text.isidentifier())
            for value in _named(code, current.__globals__):
                if isinstance(value, type) and issubclass(value, Resource):
                    kinds.add(value)
                else:
                    queue += _functions(value)
    return frozenset(names), frozenset(kinds)


def _named(code: CodeType, scope: Mapping[str, Any]) -> Iterator[Any]:
    """The global objects that code names, those it names through a module (`policy.parse`) included."""
    for name in code.co_names:
        value = scope.get(name)
        yield value
        if isinstance(value, ModuleType):
            yield from (vars(value).get(attribute) for attribute in code.co_names)


def _functions(value: Any) -> list[FunctionType]:
    """The functions to look into behind a name: a function itself, or the methods of a class of ours."""
    if isinstance(value, FunctionType):
        return [value]
    if isinstance(value, type) and value.__module__.startswith(("auditor.analysis", "auditor.rules", "auditor_rules")):
        return [member for member in vars(value).values() if isinstance(member, FunctionType)]
    return []


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)
