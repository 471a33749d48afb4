"""Filter patterns of CloudWatch Logs: whether one matches an event.

A pattern is one of three kinds: an expression over JSON (`{ $.eventName = "DeleteTrail" }`), terms that the event's
text holds (`ERROR -timeout`), or columns of a text that spaces divide (`[ip, user, status=404]`). The last never
matches an event that is JSON, which is all that is asked about here.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Event = Mapping[str, Any]
Test = Callable[[Any], bool]

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<mark>&&|\|\||!=|<=|>=|[()=<>])
    | (?P<selector>\$(?:\.[A-Za-z_][\w-]*|\.?\['[^']*'\]|\.?\["[^"]*"\]|\[(?:\d+|\*)\])+)
    | "(?P<quoted>(?:[^"\\]|\\.)*)"
    | %(?P<regex>[^%]*)%
    | (?P<bare>[^\s()&|=<>!"]+)
    )""",
    re.VERBOSE,
)
_STEP = re.compile(r"""\.?(?:\[(\d+|\*)\]|\['([^']*)'\]|\["([^"]*)"\]|([A-Za-z_][\w-]*))""")
_TERM = re.compile(r"""\s*(?P<sign>[?-]?)(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|%(?P<regex>[^%]*)%|(?P<bare>\S+))""")
_ORDERS: Mapping[str, Callable[[float, float], bool]] = {
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}


class MalformedPattern(ValueError):
    """A text that is no pattern by CloudWatch's grammar, or none that is understood here."""


@dataclass(frozen=True, slots=True)
class FilterPattern:
    """A pattern that was understood."""

    text: str
    test: Test

    def matches(self, event: Event) -> bool:
        """Whether CloudWatch Logs would count the event."""
        return self.test(event)


def parse(text: str) -> FilterPattern:
    """Read a pattern. Raises MalformedPattern.

    >>> parse('{ $.eventName = "Delete*" && $.errorCode NOT EXISTS }').matches({"eventName": "DeleteTrail"})
    True
    """
    stripped = text.strip()
    if stripped.startswith("{"):
        if not stripped.endswith("}"):
            raise MalformedPattern("its brace is never closed")
        return FilterPattern(text, _Parser(stripped[1:-1]).whole())
    if stripped.startswith("["):
        return FilterPattern(text, lambda _: False)
    return FilterPattern(text, _terms(stripped))


def _terms(text: str) -> Test:
    """A pattern of terms: all that are required, any of the optional ones if no term is required, and none excluded."""
    required: list[Test] = []
    optional: list[Test] = []
    excluded: list[Test] = []
    for found in _TERM.finditer(text):
        {"": required, "?": optional, "-": excluded}[found["sign"]].append(_term(found))

    def test(event: Any) -> bool:
        written = json.dumps(event, separators=(",", ":"))
        # Once there is a term that must be there, CloudWatch ignores those that may be.
        wanted = all(term(written) for term in required) if required else not optional or _any(optional, written)
        return wanted and not _any(excluded, written)

    return test


def _any(tests: list[Test], value: Any) -> bool:
    return any(test(value) for test in tests)


def _term(found: re.Match[str]) -> Test:
    if found["regex"] is not None:
        return _regex(found["regex"])
    wanted = _unescaped(found["quoted"]) if found["quoted"] is not None else found["bare"]
    return lambda written: wanted in written


def _regex(text: str) -> Test:
    try:
        compiled = re.compile(text)
    except re.error as error:
        raise MalformedPattern(f"%{text}% is no regular expression: {error}") from None
    return lambda value: isinstance(value, str) and compiled.search(value) is not None


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


class _Parser:
    """Reads an expression: `||` binds weakest, then `&&`, then parentheses and comparisons."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0

    def whole(self) -> Test:
        test = self._either()
        if self._at < len(self._tokens):
            raise MalformedPattern(f"{self._tokens[self._at][1]!r} is not expected there")
        return test

    def _either(self) -> Test:
        options = [self._both()]
        while self._take("mark", "||"):
            options.append(self._both())
        return options[0] if len(options) == 1 else lambda event: any(option(event) for option in options)

    def _both(self) -> Test:
        parts = [self._one()]
        while self._take("mark", "&&"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda event: all(part(event) for part in parts)

    def _one(self) -> Test:
        if self._take("mark", "("):
            inner = self._either()
            if not self._take("mark", ")"):
                raise MalformedPattern("a parenthesis is never closed")
            return inner
        kind, selector = self._next()
        if kind != "selector":
            raise MalformedPattern(f"{selector!r} stands where a property is expected")
        holds = self._condition()
        steps = [next(part for part in found if part) for found in _STEP.findall(selector[1:])]
        return lambda event: holds(list(_values(event, steps)))

    def _condition(self) -> Callable[[list[Any]], bool]:
        """What follows a property: a test of the values that it leads to, of which there are none if it is absent."""
        kind, word = self._next()
        if kind == "bare" and word.upper() == "NOT":
            self._word("EXISTS")
            return lambda values: not values
        if kind == "bare" and word.upper() == "IS":
            wanted = {"TRUE": True, "FALSE": False, "NULL": None}
            _, value = self._next()
            if value.upper() not in wanted:
                raise MalformedPattern(f"IS {value} is not known")
            return lambda values: any(found is wanted[value.upper()] for found in values)
        if kind != "mark" or word not in ("=", "!=", *_ORDERS):
            raise MalformedPattern(f"{word!r} stands where a comparison is expected")
        test = self._operand(word)
        return lambda values: any(test(value) for value in values)

    def _operand(self, operator: str) -> Test:
        kind, text = self._next()
        if kind not in ("quoted", "bare", "regex"):
            raise MalformedPattern(f"{text!r} stands where a value is expected")
        if operator in _ORDERS:
            return _ordered(_ORDERS[operator], text)
        equal = _regex(text) if kind == "regex" else _equal(_unescaped(text) if kind == "quoted" else text)
        return equal if operator == "=" else lambda value: not equal(value)

    def _word(self, wanted: str) -> None:
        kind, word = self._next()
        if kind != "bare" or word.upper() != wanted:
            raise MalformedPattern(f"{word!r} stands where {wanted} is expected")

    def _take(self, kind: str, text: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == (kind, text):
            self._at += 1
            return True
        return False

    def _next(self) -> tuple[str, str]:
        if self._at == len(self._tokens):
            raise MalformedPattern("it ends too early")
        self._at += 1
        return self._tokens[self._at - 1]


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    text, at = text.rstrip(), 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise MalformedPattern(f"{text[at : at + 20].strip()!r} is not understood")
        at = found.end()
        yield next((kind, value) for kind, value in found.groupdict().items() if value is not None)


def _values(value: Any, steps: list[str]) -> Iterator[Any]:
    """The values at a property's path: one, none, or with [*] many."""
    if not steps:
        yield value
        return
    step, *rest = steps
    if isinstance(value, list):
        inner = value if step == "*" else value[int(step) : int(step) + 1] if step.isdigit() else []
    else:
        inner = [value[step]] if isinstance(value, Mapping) and step in value else []
    for each in inner:
        yield from _values(each, rest)


def _equal(text: str) -> Test:
    """Equality with a text in which * stands for anything; numbers are equal as numbers."""
    glob = re.compile(".*".join(map(re.escape, text.split("*"))), re.DOTALL)
    number = _number(text)

    def test(value: Any) -> bool:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return number == value if number is not None else glob.fullmatch(str(value)) is not None
        return isinstance(value, str) and glob.fullmatch(value) is not None

    return test


def _ordered(compare: Callable[[float, float], bool], text: str) -> Test:
    bound = _number(text)
    if bound is None:
        raise MalformedPattern(f"{text!r} is no number to compare with")

    def test(value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and compare(value, bound)

    return test


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
