"""IAM policy documents as AWS returns them, in one normal form.

`parse` turns a document into a `Policy` of `Statement`s. Names are those of AWS's policy grammar. What a statement says
by itself is asked here; what a request would meet is in `evaluate`, what the world may do in `public`, and what other
accounts, services and identity providers may do in `trust`.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from auditor.analysis.wildcard import EVERY_ACTION, EVERYTHING, Selection, tokens

Effect = Literal["Allow", "Deny"]

_ACCOUNT = re.compile(r"\d{12}")
_ACCOUNT_ROOT = re.compile(r"arn:[^:]+:iam::(\d{12}):root")
_UNIQUE_ID = re.compile(r"A[A-Z]{3}[A-Z0-9]{12,}")
_SERVICE_WILDCARD = re.compile(r"([a-z0-9-]+):[*?]*\*[*?]*")
_ELEMENTS = (
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
)  # fmt: skip
_MISSPELT = {element.lower(): element for element in _ELEMENTS}
_EVERY_RESOURCE = tuple(tokens(f"arn:{partition}:*:*:*:*") for partition in ("aws", "aws-cn", "aws-us-gov"))


class MalformedPolicy(ValueError):
    """The document is not an IAM policy; the message says where and why."""


class Kind(StrEnum):
    """The element that names a principal; ANYONE for "*" and {"AWS": "*"}, which mean the same."""

    ANYONE = "*"
    AWS = "AWS"
    SERVICE = "Service"
    FEDERATED = "Federated"
    CANONICAL_USER = "CanonicalUser"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a statement is about. A whole account is always its 12-digit id, however it was written."""

    kind: Kind
    value: str

    @staticmethod
    def of(kind: Kind, value: str) -> "Principal":
        """The principal in its one spelling, from the element it stands in and its text there."""
        if kind not in (Kind.AWS, Kind.ANYONE):
            return Principal(kind, value)
        if value and not value.strip("*"):
            return ANYONE
        root = _ACCOUNT_ROOT.fullmatch(value)
        return Principal(Kind.AWS, root[1] if root else value)

    @property
    def is_anyone(self) -> bool:
        """Everyone, or everyone of a kind: a wildcard where one account, service or provider should be named."""
        return self.kind is Kind.ANYONE or (_has_wildcard(self.value) and self.account is None)

    @property
    def is_account(self) -> bool:
        """A whole account, which decides by itself who of it may come."""
        return self.kind is Kind.AWS and _ACCOUNT.fullmatch(self.value) is not None

    @property
    def is_unique_id(self) -> bool:
        """An id such as AROA... or AIDA...: what AWS shows in place of a role or user that was deleted."""
        return self.kind is Kind.AWS and _UNIQUE_ID.fullmatch(self.value) is not None

    @property
    def account(self) -> str | None:
        """The account that the principal belongs to; None where its name does not tell."""
        return account_of(self)

    def __str__(self) -> str:
        return "*" if self.kind is Kind.ANYONE else f"{self.kind}:{self.value}"


ANYONE = Principal(Kind.ANYONE, "*")


def account_of(principal: Principal) -> str | None:
    """The 12-digit id of the account that an AWS or Federated principal names, or None.

    None for "*", services, canonical users, unique ids of deleted principals, origin access identities and the
    identity providers that are no resource of an account (cognito-identity.amazonaws.com, accounts.google.com, ...).
    """
    if principal.kind not in (Kind.AWS, Kind.FEDERATED):
        return None
    if principal.is_account:
        return principal.value
    return account_in(principal.value)


def account_in(arn: str) -> str | None:
    """The account part of an ARN, or None if the text is no ARN or names no single account there."""
    parts = arn.split(":", 5)
    return parts[4] if len(parts) == 6 and parts[0] == "arn" and _ACCOUNT.fullmatch(parts[4]) else None


class Qualifier(StrEnum):
    """How a condition treats a key with several values."""

    ALL = "ForAllValues"
    ANY = "ForAnyValue"


# Each operator that negates, and what it negates.
NEGATED: Mapping[str, str] = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}
_ORDERED = ("Equals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
OPERATORS = frozenset(NEGATED) | {
    *NEGATED.values(), "Bool", "BinaryEquals", "Null",
    *(kind + order for kind in ("Numeric", "Date") for order in _ORDERED),
}  # fmt: skip
_SPELLING = {operator.lower(): operator for operator in OPERATORS}


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator, one key and the values of which any may match. `key` is in lower case."""

    operator: str
    key: str
    values: tuple[str, ...]
    qualifier: Qualifier | None = None
    if_exists: bool = False

    @property
    def demands_match(self) -> bool:
        """Whether it can only hold for a request that carries the key with one of these values.

        Not so for negated operators, ...IfExists and ForAllValues (true where the key is absent), nor for Null.
        """
        known = self.operator in OPERATORS and self.operator not in NEGATED and self.operator != "Null"
        return known and not self.if_exists and self.qualifier is not Qualifier.ALL

    def __str__(self) -> str:
        qualifier = f"{self.qualifier}:" if self.qualifier else ""
        return f"{qualifier}{self.operator}{'IfExists' * self.if_exists} {self.key} = {', '.join(self.values)}"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. An element that is absent is None: `principals` is None in policies of users, groups and roles.

    `index` counts from 0. `variables` tells whether ${...} is a policy variable (policies of version 2012-10-17).
    """

    index: int
    sid: str | None
    effect: Effect
    principals: tuple[Principal, ...] | None
    not_principals: tuple[Principal, ...] | None
    actions: tuple[str, ...] | None
    not_actions: tuple[str, ...] | None
    resources: tuple[str, ...] | None
    not_resources: tuple[str, ...] | None
    conditions: tuple[Condition, ...]
    variables: bool = True

    @property
    def label(self) -> str:
        """What to call the statement in a finding: its Sid, or its place such as "#0"."""
        return self.sid or f"#{self.index}"

    @property
    def is_allow(self) -> bool:
        """Whether it grants; otherwise it denies."""
        return self.effect == "Allow"

    @property
    def action_selection(self) -> Selection:
        """The actions it is about, as lower-case patterns."""
        names = self.actions if self.not_actions is None else self.not_actions
        patterns = tuple(tokens(name.lower()) for name in names or ())
        return Selection(patterns, inverted=self.not_actions is not None, whole=EVERY_ACTION)

    @property
    def resource_selection(self) -> Selection:
        """The resources it is about; without Resource and NotResource, the one that the policy stands on."""
        names = self.resources if self.not_resources is None else self.not_resources
        if names is None:
            return Selection((EVERYTHING,))
        patterns = tuple(tokens(name, variables=self.variables) for name in names)
        return Selection(patterns, inverted=self.not_resources is not None)

    def matches_action(self, action: str) -> bool:
        """Whether it is about this action, such as "iam:PassRole"; case does not matter."""
        return self.action_selection.contains(action.lower())

    def covers_action(self, pattern: str) -> bool:
        """Whether it is about all that an action pattern, such as "s3:*", can mean."""
        return self.action_selection.covers(tokens(pattern.lower()))

    def covers_resource(self, pattern: str) -> bool:
        """Whether it is about all that an ARN pattern, such as "arn:aws:s3:::bucket/*", can mean."""
        return self.resource_selection.covers(tokens(pattern))

    def grants(self, action: str) -> bool:
        """Whether it allows this action on something; resources and conditions are not looked at."""
        return self.is_allow and self.matches_action(action)

    @property
    def is_every_action(self) -> bool:
        """Whether Action holds "*" or "*:*"; NotAction never counts."""
        return self.not_actions is None and self.action_selection.covers(EVERY_ACTION)

    @property
    def is_every_resource(self) -> bool:
        """Whether Resource holds "*" or as much (every ARN of a partition), or NotResource stands in its place."""
        return self.not_resources is not None or any(map(self.resource_selection.covers, _EVERY_RESOURCE))

    @property
    def is_everything(self) -> bool:
        """Whether it is about every action on every resource, whatever its effect and conditions."""
        return self.is_every_action and self.is_every_resource

    def whole_service_wildcards(self) -> tuple[str, ...]:
        """The services that Action names whole, such as "s3" for "s3:*" and "s3:?*", in lower case and order."""
        matches = (_SERVICE_WILDCARD.fullmatch(action.lower()) for action in self.actions or ())
        return tuple(sorted({match[1] for match in matches if match}))

    def conditions_on(self, *keys: str) -> tuple[Condition, ...]:
        """Its conditions on these keys, with whatever operator; case does not matter."""
        wanted = {key.lower() for key in keys}
        return tuple(condition for condition in self.conditions if condition.key in wanted)

    @property
    def services(self) -> tuple[str, ...]:
        """The services in its Principal, such as "s3.amazonaws.com"."""
        return tuple(principal.value for principal in self.principals or () if principal.kind is Kind.SERVICE)

    @property
    def deleted_principals(self) -> tuple[str, ...]:
        """The unique ids in its Principal that deleted roles and users left behind."""
        return tuple(principal.value for principal in self.principals or () if principal.is_unique_id)


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy document."""

    statements: tuple[Statement, ...]
    version: str = "2012-10-17"

    @property
    def allows(self) -> tuple[Statement, ...]:
        """The statements that grant."""
        return tuple(statement for statement in self.statements if statement.is_allow)

    @property
    def denies(self) -> tuple[Statement, ...]:
        """The statements that deny."""
        return tuple(statement for statement in self.statements if not statement.is_allow)


def parse(document: object, *, of_resource: bool = False) -> Policy:
    """Read a policy document: the decoded JSON, or its text where AWS returns text.

    The policy of a resource, a role's trust included, must say in each statement whom it is about.

    Raises:
        MalformedPolicy: it is no policy, by the grammar of IAM.
    """
    if isinstance(document, str):
        try:
            document = json.loads(document)
        except (ValueError, RecursionError) as error:
            raise MalformedPolicy(f"not JSON: {error}") from None
    if not isinstance(document, Mapping):
        raise MalformedPolicy(f"a policy is an object, not {_type(document)}")
    # Where the version is left out, IAM takes the older one, in which ${...} is plain text.
    version = document.get("Version", "2008-10-17")
    if not isinstance(version, str):
        raise MalformedPolicy(f"Version is {_type(version)}")
    stated = document.get("Statement")
    listed = stated if isinstance(stated, list) else [stated]
    statements = tuple(_statement(i, raw, version) for i, raw in enumerate(listed))
    bare = [s.label for s in statements if s.principals is None and s.not_principals is None]
    if of_resource and bare:
        raise MalformedPolicy(f"statement {bare[0]} has neither Principal nor NotPrincipal")
    return Policy(statements, version)


def _statement(index: int, raw: object, version: str) -> Statement:
    where = f"Statement {index}"
    if not isinstance(raw, Mapping):
        raise MalformedPolicy(f"{where} is {_type(raw)}, not an object")
    # IAM knows its elements by their exact names: one that is passed over could be the one that matters.
    for name in raw:
        if (element := _MISSPELT.get(str(name).lower(), name)) != name:
            raise MalformedPolicy(f"{where} has {name} instead of {element}")
    effect = raw.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise MalformedPolicy(f"{where} has no Effect Allow or Deny")
    for element in ("Principal", "Action", "Resource"):
        if element in raw and f"Not{element}" in raw:
            raise MalformedPolicy(f"{where} has both {element} and Not{element}")
    if "Action" not in raw and "NotAction" not in raw:
        raise MalformedPolicy(f"{where} has neither Action nor NotAction")
    sid = raw.get("Sid")

    def texts(element: str) -> tuple[str, ...] | None:
        return _texts(raw[element], f"{where}: {element}") if element in raw else None

    def principals(element: str) -> tuple[Principal, ...] | None:
        return _principals(raw[element], f"{where}: {element}") if element in raw else None

    return Statement(
        index=index,
        sid=sid if isinstance(sid, str) else None,
        effect="Allow" if effect == "Allow" else "Deny",
        principals=principals("Principal"),
        not_principals=principals("NotPrincipal"),
        actions=texts("Action"),
        not_actions=texts("NotAction"),
        resources=texts("Resource"),
        not_resources=texts("NotResource"),
        conditions=_conditions(raw.get("Condition", {}), where),
        variables=version == "2012-10-17",
    )


def _principals(raw: object, where: str) -> tuple[Principal, ...]:
    if not isinstance(raw, Mapping):
        # Only "*" is written so by the grammar, but some services have kept bare names.
        return tuple(Principal.of(_guess_kind(value), value) for value in _texts(raw, where))
    found: list[Principal] = []
    for name, values in raw.items():
        if name not in list(Kind):
            raise MalformedPolicy(f"{where} has an unknown kind {str(name)[:50]!r}")
        found.extend(Principal.of(Kind(name), value) for value in _texts(values, where))
    return tuple(dict.fromkeys(found))


def _guess_kind(value: str) -> Kind:
    return Kind.SERVICE if value.endswith((".amazonaws.com", ".amazonaws.com.cn")) else Kind.AWS


def _conditions(raw: object, where: str) -> tuple[Condition, ...]:
    if not isinstance(raw, Mapping):
        raise MalformedPolicy(f"{where}: Condition is {_type(raw)}, not an object")
    found: list[Condition] = []
    for name, keys in raw.items():
        if not isinstance(name, str) or not isinstance(keys, Mapping):
            raise MalformedPolicy(f"{where}: Condition {str(name)[:50]!r} is not an object of keys")
        operator, qualifier, if_exists = _operator(name)
        for key, values in keys.items():
            texts = _texts(values, f"{where}: Condition {name}", scalars=True)
            found.append(Condition(operator, str(key).lower(), texts, qualifier, if_exists))
    return tuple(found)


def _operator(name: str) -> tuple[str, Qualifier | None, bool]:
    """The operator in its usual spelling, its qualifier and whether IfExists follows; unknown ones stay as written."""
    prefix, colon, operator = name.rpartition(":")
    qualifier = next((q for q in Qualifier if q.lower() == prefix.lower()), None)
    if colon and qualifier is None:
        return name, None, False
    bare = operator[: -len("IfExists")] if operator.lower().endswith("ifexists") else operator
    return _SPELLING.get(bare.lower(), bare), qualifier, bare != operator


def _texts(raw: object, where: str, *, scalars: bool = False) -> tuple[str, ...]:
    """One text or a list of them, each once; with `scalars`, numbers and booleans are read as IAM writes them."""
    values: Iterable[Any] = raw if isinstance(raw, list) else [raw]
    found: dict[str, None] = {}
    for value in values:
        if scalars and isinstance(value, bool):
            found["true" if value else "false"] = None
        elif scalars and (isinstance(value, float) or (isinstance(value, int) and value.bit_length() < 128)):
            found[repr(value)] = None
        elif isinstance(value, str):
            found[value] = None
        else:
            raise MalformedPolicy(f"{where} holds {_type(value)}, not text")
    return tuple(found)


def _has_wildcard(text: str) -> bool:
    return "*" in text or "?" in text


def _type(value: object) -> str:
    return "nothing" if value is None else type(value).__name__
