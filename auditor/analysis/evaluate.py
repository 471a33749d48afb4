"""What a request would meet in policies, in three values: yes, no, or it depends on what is not known here."""

import base64
import binascii
import ipaddress
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum

from auditor.analysis.policy import NEGATED, OPERATORS, Condition, Kind, Policy, Principal, Qualifier, Statement
from auditor.analysis.wildcard import Tokens, Wild, glob, resolve, tokens, widen


class Holds(Enum):
    """Kleene's three values. Not usable as a bool, so that UNKNOWN can never pass for either of the others."""

    NO = 0
    UNKNOWN = 1
    YES = 2

    @staticmethod
    def of(known: bool) -> "Holds":
        """The value of what is known."""
        return Holds.YES if known else Holds.NO

    def __and__(self, other: "Holds") -> "Holds":
        return Holds(min(self.value, other.value))

    def __or__(self, other: "Holds") -> "Holds":
        return Holds(max(self.value, other.value))

    def __invert__(self) -> "Holds":
        return Holds(2 - self.value)

    def __bool__(self) -> bool:
        raise TypeError("Holds has three values: write `is Holds.YES` or `is not Holds.NO`")


def any_of(values: Iterable[Holds]) -> Holds:
    """YES if one is, NO if all are; NO of none."""
    return Holds(max((value.value for value in values), default=Holds.NO.value))


def all_of(values: Iterable[Holds]) -> Holds:
    """NO if one is, YES if all are; YES of none."""
    return Holds(min((value.value for value in values), default=Holds.YES.value))


# The values of a key; None or nothing where the request is known not to carry it.
Given = Mapping[str, str | Sequence[str] | None]
_Context = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Request:
    """A request, as far as it is known.

    `principal` and `resource` are None where they are not known; the principal ANYONE is a caller without credentials,
    or any other whom no policy names. `context` maps condition keys, in any case,
    to a value, to several, or to None where the request is known not to carry the key. A key that is left out is
    unknown.
    """

    action: str
    resource: str | None = None
    principal: Principal | None = None
    context: Given = field(default_factory=dict)

    @property
    def known(self) -> dict[str, tuple[str, ...]]:
        """The context by lower-case key; absent keys have no values."""
        return {
            key.lower(): () if value is None else (value,) if isinstance(value, str) else tuple(value)
            for key, value in self.context.items()
        }


def allowed(request: Request, *policies: Policy) -> Holds:
    """Whether some statement of the policies allows the request and none denies it.

    The policies count as one: they are those of one account, of the resource or of the caller. Boundaries, service
    control policies and what a second account must grant are for the caller to combine with `&`.
    """
    statements = [statement for policy in policies for statement in policy.statements]
    granted = any_of(applies(statement, request) for statement in statements if statement.is_allow)
    denied = any_of(applies(statement, request) for statement in statements if not statement.is_allow)
    return granted & ~denied


def applies(statement: Statement, request: Request) -> Holds:
    """Whether the statement, be it Allow or Deny, is about the request. Without Principal, it is about any caller."""
    context = request.known
    return (
        Holds.of(statement.matches_action(request.action))
        & _principals_match(statement, request.principal)
        & _resources_match(statement, request.resource, context)
        & conditions_hold(statement, request)
    )


def conditions_hold(statement: Statement, request: Request) -> Holds:
    """Whether all conditions of the statement hold for what is known of the request's context."""
    context = request.known
    return all_of(_condition_holds(condition, context, statement.variables) for condition in statement.conditions)


def _principals_match(statement: Statement, caller: Principal | None) -> Holds:
    if statement.not_principals is not None:
        return ~any_of(_principal_matches(stated, caller) for stated in statement.not_principals)
    if statement.principals is None:
        return Holds.YES
    return any_of(_principal_matches(stated, caller) for stated in statement.principals)


def _principal_matches(stated: Principal, caller: Principal | None) -> Holds:
    if stated.kind is Kind.ANYONE or stated == caller:
        return Holds.YES
    if caller is None or (stated.is_anyone and caller.kind in (stated.kind, Kind.ANYONE)):
        return Holds.UNKNOWN
    kinds = {stated.kind, caller.kind}
    if kinds == {Kind.AWS, Kind.CANONICAL_USER}:
        # An account's canonical user id cannot be told from its number.
        return Holds.UNKNOWN
    if kinds == {Kind.SERVICE}:
        return Holds.of(stated.value.lower() == caller.value.lower())
    if kinds != {Kind.AWS} or stated.account is None:
        # A unique id stands for a principal that is gone.
        return Holds.NO
    if stated.account != caller.account:
        return Holds.UNKNOWN if caller.is_unique_id else Holds.NO
    if stated.is_account:
        return Holds.YES
    if caller.is_account:
        return Holds.UNKNOWN
    return _session_matches(stated.value, caller.value)


def _session_matches(stated: str, caller: str) -> Holds:
    """Whether a caller's ARN is a session of the stated role; the session's ARN leaves the role's path out."""
    role, session = stated.split(":", 5)[5], caller.split(":", 5)[5]
    if role.startswith("role/") and session.startswith("assumed-role/"):
        return Holds.of(role.rsplit("/", 1)[1] == session.split("/")[1])
    if role.startswith("assumed-role/") and session.startswith("role/"):
        return Holds.UNKNOWN if session.rsplit("/", 1)[1] == role.split("/")[1] else Holds.NO
    return Holds.NO


def _resources_match(statement: Statement, resource: str | None, context: _Context) -> Holds:
    if statement.resources is None and statement.not_resources is None:
        return Holds.YES
    selection = statement.resource_selection
    found = any_of(_resource_matches(pattern, resource, context) for pattern in selection.patterns)
    return ~found if selection.inverted else found


def _resource_matches(pattern: Tokens, resource: str | None, context: _Context) -> Holds:
    if resource is None:
        return Holds.YES if pattern == (Wild.MANY,) else Holds.UNKNOWN
    return _matches(pattern, resource, context)


def _matches(pattern: Tokens, text: str, context: _Context, match: Callable[[Tokens, str], bool] = glob) -> Holds:
    """Whether `match` finds the pattern, with its variables filled in, to fit the text."""
    try:
        resolved = resolve(pattern, lambda key: _single(context[key]))
    except KeyError:
        return Holds.UNKNOWN if glob(widen(pattern), text) else Holds.NO
    # A variable that the request has no value for matches nothing.
    return Holds.NO if resolved is None else Holds.of(match(resolved, text))


def _single(values: tuple[str, ...]) -> str | None:
    if len(values) > 1:
        # IAM documents variables for single-valued keys only.
        raise KeyError(values)
    return values[0] if values else None


def _condition_holds(condition: Condition, context: _Context, variables: bool) -> Holds:
    values = context.get(condition.key)
    if values is None or condition.operator not in OPERATORS:
        return Holds.UNKNOWN
    if condition.operator == "Null":
        return any_of(_null_holds(value, present=bool(values)) for value in condition.values)
    negated = condition.operator in NEGATED
    if not values:
        absent_holds = condition.if_exists or negated or condition.qualifier is Qualifier.ALL
        return Holds.of(absent_holds and (condition.if_exists or condition.qualifier is not Qualifier.ANY))
    compare = _COMPARE[NEGATED.get(condition.operator, condition.operator)]
    results = []
    for value in values:
        found = any_of(compare(stated, value, context, variables) for stated in condition.values)
        results.append(~found if negated else found)
    if condition.qualifier is Qualifier.ANY:
        return any_of(results)
    if condition.qualifier is Qualifier.ALL:
        return all_of(results)
    # IAM does not say what several values mean without a qualifier: only agreement is an answer.
    return results[0] if len(set(results)) == 1 else Holds.UNKNOWN


def _null_holds(stated: str, *, present: bool) -> Holds:
    return {"true": Holds.of(not present), "false": Holds.of(present)}.get(stated.lower(), Holds.UNKNOWN)


# Compares a value of the policy with one of the request.
_Compare = Callable[[str, str, _Context, bool], Holds]


def _text(*, wildcards: bool, ignore_case: bool = False) -> _Compare:
    def compare(stated: str, given: str, context: _Context, variables: bool) -> Holds:
        if not ignore_case:
            return _matches(tokens(stated, wildcards=wildcards, variables=variables), given, context)
        lowered = {key: tuple(value.lower() for value in values) for key, values in context.items()}
        return _matches(tokens(stated.lower(), wildcards=wildcards, variables=variables), given.lower(), lowered)

    return compare


def _arn(stated: str, given: str, context: _Context, variables: bool) -> Holds:
    return _matches(tokens(stated, variables=variables), given, context, _arn_fits)


def _arn_fits(pattern: Tokens, arn: str) -> bool:
    """Whether each of the six parts of the ARN fits: a wildcard of one part does not reach into the next."""
    given = arn.split(":", 5)
    parts: list[Tokens] = []
    rest = pattern
    while len(parts) < 5 and ":" in rest:
        colon = rest.index(":")
        parts.append(rest[:colon])
        rest = rest[colon + 1 :]
    parts.append(rest)
    if parts == [(Wild.MANY,)]:
        return True
    return len(parts) == len(given) and all(map(glob, parts, given))


def _numbers(order: Callable[[Decimal, Decimal], bool], read: Callable[[str], Decimal | None]) -> _Compare:
    def compare(stated: str, given: str, _context: _Context, _variables: bool) -> Holds:
        right, left = read(stated), read(given)
        return Holds.UNKNOWN if left is None or right is None else Holds.of(order(left, right))

    return compare


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _instant(text: str) -> Decimal | None:
    """Seconds since 1970: from an ISO 8601 date, without an offset in UTC, or from the number itself."""
    number = _number(text)
    if number is not None:
        return number
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return Decimal((date - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())


def _bool(stated: str, given: str, context: _Context, variables: bool) -> Holds:
    return _text(wildcards=False, ignore_case=True)(stated, given, context, variables)


def _binary(stated: str, given: str, _context: _Context, _variables: bool) -> Holds:
    try:
        return Holds.of(base64.b64decode(stated, validate=True) == base64.b64decode(given, validate=True))
    except (binascii.Error, ValueError):
        return Holds.UNKNOWN


def _address(stated: str, given: str, _context: _Context, _variables: bool) -> Holds:
    try:
        return Holds.of(ipaddress.ip_address(given) in ipaddress.ip_network(stated, strict=False))
    except ValueError:
        return Holds.UNKNOWN


_ORDERS: Mapping[str, Callable[[Decimal, Decimal], bool]] = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "LessThanEquals": operator.le,
    "GreaterThan": operator.gt,
    "GreaterThanEquals": operator.ge,
}
_COMPARE: Mapping[str, _Compare] = {
    "StringEquals": _text(wildcards=False),
    "StringEqualsIgnoreCase": _text(wildcards=False, ignore_case=True),
    "StringLike": _text(wildcards=True),
    "ArnEquals": _arn,
    "ArnLike": _arn,
    "Bool": _bool,
    "BinaryEquals": _binary,
    "IpAddress": _address,
    **{f"Numeric{name}": _numbers(order, _number) for name, order in _ORDERS.items()},
    **{f"Date{name}": _numbers(order, _instant) for name, order in _ORDERS.items()},
}
