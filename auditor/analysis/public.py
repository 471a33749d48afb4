"""What a resource's policy opens to the world.

Public is meant as AWS means it for S3 Block Public Access and its kin: a statement that allows everyone is public
unless a condition demands a fixed value that no stranger can bring, or a Deny takes away what it gives. What is not
proven to confine does not confine.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from auditor.analysis.policy import NEGATED, Condition, Kind, Policy, Principal, Qualifier, Statement
from auditor.analysis.wildcard import EVERYTHING, Selection

# Says why these values, under this operator, do not confine; None if they do.
Test = Callable[[str, tuple[str, ...]], str | None]

_TEXT_OPERATORS = ("StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike")
# What the resource itself fills in: whose it is. Without a default, which could let others in too.
OF_THE_RESOURCE = re.compile(r"\$\{\s*aws:resource(?:account|orgid)\s*\}", re.IGNORECASE)
_WIDEST_SUM = 2**30  # of the addresses in all ranges together: a quarter of the internet
_PRIVATE = tuple(map(ipaddress.IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
# The identity providers of which everyone on the internet can have an account.
PUBLIC_PROVIDERS = frozenset(
    {"accounts.google.com", "cognito-identity.amazonaws.com", "graph.facebook.com", "www.amazon.com"}
)


def is_fixed(value: str) -> bool:
    """Whether the text stands for itself only: no wildcard and no policy variable, but for the resource's owner.

    AWS does not count wildcards as fixed even under StringEquals, where they match nothing: a slip either way.
    """
    return bool(value) and not any(mark in _resolved(value) for mark in ("*", "?", "${"))


def _resolved(value: str) -> str:
    """The text with the resource's account, or organization, as some number: it is the same in every request."""
    return OF_THE_RESOURCE.sub("000000000000", value)


def _texts(judge: Callable[[str, str], str | None]) -> Test:
    """A test that each value must pass, under an operator for text or ARNs."""

    def test(operator: str, values: tuple[str, ...]) -> str | None:
        if operator not in _TEXT_OPERATORS:
            return f"{operator} is not a text comparison"
        return next((reason for value in values if (reason := judge(operator, value))), None)

    return test


def _fixed(_operator: str, value: str) -> str | None:
    return None if is_fixed(value) else f"{value} is not one fixed value"


def _fixed_organization(_operator: str, value: str) -> str | None:
    return None if is_fixed(value.split("/")[0]) else f"{value} names no one organization"


def _fixed_user_id(_operator: str, value: str) -> str | None:
    # "AROA...:*" is every session of one role. S3 gives callers without credentials the id "anonymous".
    head = value.split(":")[0]
    return None if is_fixed(head) and head.lower() != "anonymous" else f"{value} names no one user or role"


def _fixed_owner(operator: str, value: str) -> str | None:
    """An ARN whose account part is fixed or, where ARNs have none (S3), whose resource is."""
    value = _resolved(value)
    parts = value.split(":", 5)
    if "${" in value or len(parts) < 6:
        return None if is_fixed(value) and parts[0] == "arn" else f"{value} is no fixed ARN"
    _, _, service, _, account, resource = parts
    before = parts[:3] if service == "s3" else parts[:4]
    if operator == "StringLike" and not is_fixed(":".join(before)):
        return f"in {value}, * reaches over the account part: StringLike, unlike ArnLike, ignores the colons"
    if account.isdigit():
        return None
    if service == "s3":
        # Bucket names are unique and their ARNs have no account: whatever stands there, one bucket is one bucket. Only
        # "accesspoint/..." and the like, which do have one, must not hide behind a wildcard.
        bucket, slash, _ = resource.partition("/")
        names_one = is_fixed(bucket) and (not account or (account == "*" and not slash))
    else:
        names_one = is_fixed(service) and is_fixed(resource) and (not account or is_fixed(account))
    return None if names_one else f"{value} has no fixed account"


def _narrow(operator: str, values: tuple[str, ...]) -> str | None:
    """CIDR blocks of at most the size that AWS still calls not public: /8, for IPv6 /32."""
    if operator != "IpAddress":
        return f"{operator} is not an address comparison"
    four: list[ipaddress.IPv4Network] = []
    six: list[ipaddress.IPv6Network] = []
    for value in values:
        try:
            network = ipaddress.ip_network(value, strict=False)
        except ValueError:
            return f"{value} is no address range"
        if isinstance(network, ipaddress.IPv6Network):
            six.append(network)
        elif not any(network.subnet_of(private) for private in _PRIVATE):
            four.append(network)
    # Neighbours count as one: 0.0.0.0/1 and 128.0.0.0/1 are the internet, also when cut into 256 pieces.
    for wide in (n for n in ipaddress.collapse_addresses(four) if n.prefixlen < 8):
        return f"{wide} is a public range"
    if sum(network.num_addresses for network in ipaddress.collapse_addresses(four)) > _WIDEST_SUM:
        return "its ranges together are a good part of the internet"
    for wide6 in (n for n in ipaddress.collapse_addresses(six) if n.prefixlen < 32):
        return f"{wide6} is a public range"
    return None


def _true(operator: str, values: tuple[str, ...]) -> str | None:
    if operator != "Bool":
        return f"{operator} is not a boolean comparison"
    return None if all(value.lower() == "true" for value in values) else "it also holds where the key is false"


_FIXED, _ORGANIZATION, _OWNER = _texts(_fixed), _texts(_fixed_organization), _texts(_fixed_owner)

# The keys that confine, given values that pass the test. Left out, because a stranger can bring any value: keys of the
# caller's own choosing (aws:Referer, aws:UserAgent, aws:PrincipalTag/*, aws:username, sts:ExternalId), of the resource
# (aws:ResourceOrgID), of the way (kms:ViaService, aws:CalledVia, aws:SecureTransport, aws:VpcSourceIp) and
# lambda:FunctionUrlAuthType, sns:Endpoint, sns:Protocol.
CONFINING_KEYS: Mapping[str, Test] = {
    **dict.fromkeys(
        (
            "aws:principalaccount", "aws:sourceaccount", "aws:sourceowner", "aws:vpceaccount",
            "aws:sourcevpc", "aws:sourcevpce", "aws:ec2instancesourcevpc",
            "aws:principalservicename", "aws:principalservicenameslist",
            "kms:calleraccount", "s3:dataaccesspointaccount", "s3:x-amz-server-side-encryption-aws-kms-key-id",
            "lambda:eventsourcetoken",
            "accounts.google.com:aud", "accounts.google.com:sub", "cognito-identity.amazonaws.com:aud",
            "cognito-identity.amazonaws.com:sub", "graph.facebook.com:app_id", "graph.facebook.com:id",
            "www.amazon.com:app_id", "www.amazon.com:user_id",
        ),
        _FIXED,
    ),
    **dict.fromkeys(
        (
            "aws:principalorgid", "aws:principalorgpaths", "aws:sourceorgid", "aws:sourceorgpaths",
            "aws:vpceorgid", "aws:vpceorgpaths",
        ),
        _ORGANIZATION,
    ),
    **dict.fromkeys(("aws:principalarn", "aws:sourcearn", "aws:sourcevpcarn", "s3:dataaccesspointarn"), _OWNER),
    **dict.fromkeys(("aws:principalisawsservice", "elasticfilesystem:accessedviamounttarget"), _true),
    "aws:userid": _texts(_fixed_user_id),
    "aws:sourceip": _narrow,
}  # fmt: skip

# By these alone every service gets in, on behalf of whomever it works for.
SERVICE_KEYS = ("aws:principalisawsservice", "aws:principalservicename", "aws:principalservicenameslist")

# What AWS gives a service's request to say for whom the service acts.
SOURCE_KEYS: Mapping[str, Test] = {
    "aws:sourceaccount": _FIXED, "aws:sourceowner": _FIXED, "aws:sourcearn": _OWNER,
    "aws:sourceorgid": _ORGANIZATION, "aws:sourceorgpaths": _ORGANIZATION,
}  # fmt: skip


def confining_keys(*names: str) -> dict[str, Test]:
    """A table of keys that confine: those of CONFINING_KEYS by their own test, others by any fixed value."""
    return {name.lower(): CONFINING_KEYS.get(name.lower(), _FIXED) for name in names}


def why_open(condition: Condition, confining: Mapping[str, Test] = CONFINING_KEYS) -> str | None:
    """Why a condition of an Allow statement keeps no stranger out; None if it does keep them out."""
    test = confining.get(condition.key)
    if test is None:
        return "a stranger's request can meet it"
    if not condition.demands_match:
        return "it holds where the key is absent or differs"
    return test(condition.operator, condition.values)


def confining_conditions(statement: Statement, confining: Mapping[str, Test] = CONFINING_KEYS) -> tuple[Condition, ...]:
    """The conditions of an Allow statement each of which keeps strangers out."""
    return tuple(c for c in statement.conditions if why_open(_where_present(c, statement), confining) is None)


def _where_present(condition: Condition, statement: Statement) -> Condition:
    """The condition without what it says of an absent key, where another (Null: false) demands that there is one."""
    nulls = [c for c in statement.conditions_on(condition.key) if c.operator == "Null"]
    if not any([value.lower() for value in null.values] == ["false"] for null in nulls):
        return condition
    qualifier = None if condition.qualifier is Qualifier.ALL else condition.qualifier
    return replace(condition, if_exists=False, qualifier=qualifier)


@dataclass(frozen=True, slots=True)
class PublicStatement:
    """An Allow statement that is open to the world, and how.

    `why` says who may come; `actions` is what they may do (patterns, or "all but ..." for NotAction), without what Deny
    statements take away; `open_conditions` are the conditions that were considered, each with why it does not confine.
    """

    statement: Statement
    why: str
    actions: tuple[str, ...]
    open_conditions: tuple[tuple[Condition, str], ...]

    @property
    def evidence(self) -> dict[str, Any]:
        """The statement as the evidence of a finding."""
        named = self.statement.principals if self.statement.not_principals is None else self.statement.not_principals
        return {
            "statement": self.statement.label,
            "principals" if self.statement.not_principals is None else "not_principals": [str(p) for p in named or ()],
            "actions": list(self.actions),
            "why": self.why,
            "conditions": [f"{condition} ({reason})" for condition, reason in self.open_conditions],
        }


def public_statements(
    policy: Policy,
    confining: Mapping[str, Test] = CONFINING_KEYS,
    *,
    providers: bool = True,
    services: bool = False,
    service: str | None = None,
) -> tuple[PublicStatement, ...]:
    """The Allow statements of a resource's policy that are open to the world, in order; none if it is not public.

    `confining` are the keys that count; to add one: `{**CONFINING_KEYS, **confining_keys("service:Key")}`. `providers`
    tells whether an identity provider that is open to the world makes a statement public, as it does for S3;
    `services`, whether AWS's services are strangers too, since they act for whoever asks them to. `service` is the one
    whose actions there are on the resource ("s3"): then "s3:*" is all that can be done to it.
    """
    if services:
        confining = {key: test for key, test in confining.items() if key not in SERVICE_KEYS}
    denies = [deny for deny in policy.denies if _denies_strangers(deny, confining, services=services)]
    found = []
    for allow in policy.allows:
        why = _why_everyone(allow, providers=providers)
        if why is None or confining_conditions(allow, confining):
            continue
        if actions := _left_open(allow, denies, service):
            considered = tuple((condition, why_open(condition, confining) or "") for condition in allow.conditions)
            found.append(PublicStatement(allow, why, actions, considered))
    return tuple(found)


def is_public_provider(principal: Principal) -> bool:
    """Whether it is an identity provider of which everyone on the internet can have an account."""
    return principal.kind is Kind.FEDERATED and principal.value.lower() in PUBLIC_PROVIDERS


def _why_everyone(allow: Statement, *, providers: bool) -> str | None:
    if allow.not_principals is not None:
        return "NotPrincipal allows everyone but those named"
    for principal in allow.principals or ():
        if principal.is_anyone:
            return f"Principal {principal} is everyone"
        if providers and is_public_provider(principal):
            return f"everyone can have an identity of {principal.value}"
    return None


def _denies_strangers(deny: Statement, confining: Mapping[str, Test], *, services: bool) -> bool:
    """Whether the Deny meets every stranger: it names everyone, and who escapes a condition of it is no stranger."""
    if deny.not_principals is not None:
        if any(exempt.is_anyone or is_public_provider(exempt) for exempt in deny.not_principals):
            return False
        if services and any(exempt.kind is Kind.SERVICE for exempt in deny.not_principals):
            return False
    elif not any(principal.kind is Kind.ANYONE for principal in deny.principals or ()):
        return False
    return all(_escape_is_confined(condition, confining) for condition in deny.conditions)


def _escape_is_confined(condition: Condition, confining: Mapping[str, Test]) -> bool:
    opposite = _opposite(condition)
    return opposite is not None and why_open(opposite, confining) is None


def _opposite(condition: Condition) -> Condition | None:
    """The condition that holds exactly where this one does not, or None where there is none in IAM's words.

    A request escapes "Deny unless aws:PrincipalOrgID is o-1" exactly if it meets "aws:PrincipalOrgID is o-1".
    """
    flipped = {Qualifier.ALL: Qualifier.ANY, Qualifier.ANY: Qualifier.ALL, None: None}[condition.qualifier]
    if condition.operator == "Bool" and condition.qualifier is None:
        values = tuple({"true": "false", "false": "true"}.get(value.lower(), "") for value in condition.values)
        # Plain Bool fails where the key is absent, so its opposite holds there: "...IfExists".
        return replace(condition, values=values, if_exists=not condition.if_exists) if len(values) == 1 else None
    if condition.operator in NEGATED and condition.qualifier is not Qualifier.ANY:
        # Holds where the key is absent, with and without IfExists, so its opposite demands the key.
        return replace(condition, operator=NEGATED[condition.operator], qualifier=flipped, if_exists=False)
    return None


def _left_open(allow: Statement, denies: Iterable[Statement], service: str | None) -> tuple[str, ...]:
    """The actions of an Allow that the Denies leave open on at least one of its resources."""
    # For each resource of the Allow, the Denies that cover it whole.
    covering = [
        [deny for deny in denies if covers(deny.resource_selection)] for covers in _coverage(allow.resource_selection)
    ]
    texts = allow.actions if allow.not_actions is None else (f"all but {', '.join(allow.not_actions)}",)
    return tuple(
        text
        for text, covers in zip(texts or (), _coverage(allow.action_selection), strict=True)
        if not all(any(covers(_denied_actions(deny, service)) for deny in able) for able in covering)
    )


def _denied_actions(deny: Statement, service: str | None) -> Selection:
    """The actions of a Deny: every one, if all those of the resource's service are among them."""
    every = service is not None and deny.covers_action(f"{service}:*")
    return Selection((EVERYTHING,)) if every else deny.action_selection


def _coverage(selection: Selection) -> list[Callable[[Selection], bool]]:
    """For each part of a selection, the question whether another selection covers it."""
    if selection.inverted:
        return [partial(Selection.covers_all_but, patterns=selection.patterns)]
    return [partial(Selection.covers, pattern=pattern) for pattern in selection.patterns]
