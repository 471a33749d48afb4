"""Event patterns of EventBridge: whether one matches an event."""

import re
from collections.abc import Callable, Mapping
from typing import Any

_MISSING = object()
_ORDERS: Mapping[str, Callable[[float, float], bool]] = {
    "=": lambda one, other: one == other,
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}


def event_matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Whether a rule with this pattern takes the event. What the pattern names and is not known here does not match.

    >>> event_matches({"source": [{"prefix": "aws."}]}, {"source": "aws.iam"})
    True
    """
    for name, wanted in pattern.items():
        if name == "$or":
            met = any(event_matches(option, event) for option in wanted)
        elif isinstance(wanted, Mapping):
            inner = event.get(name)
            met = event_matches(wanted, inner if isinstance(inner, Mapping) else {})
        else:
            met = _any_option(wanted, event.get(name, _MISSING))
        if not met:
            return False
    return True


def _any_option(options: Any, value: Any) -> bool:
    """Whether a value, or any member of a list of values, meets any of the options."""
    values = value if isinstance(value, list) else [value]
    return any(_meets(option, each) for option in options for each in values)


def _meets(option: Any, value: Any) -> bool:
    if not isinstance(option, Mapping):
        return type(option) is type(value) and bool(option == value)
    ((kind, wanted),) = option.items() if len(option) == 1 else (("", None),)
    if kind == "exists":
        return (value is not _MISSING) is wanted
    if value is _MISSING:
        return False
    if kind == "anything-but":
        unwanted = wanted if isinstance(wanted, list) else [wanted]
        return not any(_meets(each, value) for each in unwanted)
    if kind == "numeric":
        return isinstance(value, int | float) and _in_bounds(wanted, value)
    return isinstance(value, str) and _text_meets(kind, wanted, value)


def _text_meets(kind: str, wanted: Any, value: str) -> bool:
    if isinstance(wanted, list):  # within anything-but, all of these may take several
        return any(_text_meets(kind, each, value) for each in wanted)
    if isinstance(wanted, Mapping):
        wanted, value = wanted.get("equals-ignore-case", "").lower(), value.lower()
    if not isinstance(wanted, str):
        return False
    match kind:
        case "prefix":
            return value.startswith(wanted)
        case "suffix":
            return value.endswith(wanted)
        case "equals-ignore-case":
            return value.lower() == wanted.lower()
        case "wildcard":
            return re.fullmatch(".*".join(map(re.escape, wanted.split("*"))), value, re.DOTALL) is not None
        case _:
            return False


def _in_bounds(bounds: Any, value: float) -> bool:
    """Whether a number meets bounds such as [">", 0, "<=", 5]."""
    pairs = zip(bounds[::2], bounds[1::2], strict=False)
    return all(operator in _ORDERS and _ORDERS[operator](value, bound) for operator, bound in pairs)
