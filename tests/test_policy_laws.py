"""Policies: laws of parsing, wildcards, three-valued evaluation, and of what is public."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.analysis import trust, wildcard
from auditor.analysis.evaluate import Holds, Request, all_of, allowed, any_of
from auditor.analysis.policy import ANYONE, Kind, MalformedPolicy, Policy, Principal, parse
from auditor.analysis.public import public_statements
from tests.policies import BUCKET, OTHER, OWN, STRANGER, Json, Test, policy

# --- Strategies: small pools, so that patterns meet -----------------------------------------------

VALUES: dict[str, list[str]] = {
    "aws:PrincipalOrgID": ["o-own", "o-*", "*"],
    "aws:PrincipalAccount": [OWN, "111*", "*", "${aws:PrincipalAccount}"],
    "aws:PrincipalArn": [f"arn:aws:iam::{OWN}:role/x", f"arn:aws:iam::{OWN}:*", "arn:aws:iam::*:role/x", f"*:{OWN}:*"],
    "aws:SourceArn": [f"arn:aws:sns:*:{OWN}:*", "arn:aws:s3:::bucket", "arn:aws:sns:*:*:topic", "arn:aws:s3:*:*:a*"],
    "aws:SourceVpce": ["vpce-1", "vpce-*"],
    "aws:SourceIp": ["10.0.0.0/8", "0.0.0.0/0", "198.51.100.0/24", "128.0.0.0/1"],
    "aws:userid": ["AROAOWN:*", "*", "anonymous"],
    "aws:SecureTransport": ["true", "false"],
    "aws:PrincipalIsAWSService": ["true", "false"],
    "aws:Referer": ["https://example.com/", "*"],
}
OPERATORS = [
    "StringEquals", "StringLike", "StringNotEquals", "StringNotLike", "StringEqualsIgnoreCase", "ArnLike", "ArnNotLike",
    "ArnNotEquals", "IpAddress", "NotIpAddress", "Bool", "Null", "NumericLessThan", "Unheard",
]  # fmt: skip
ANONYMOUS: dict[str, str | None] = {
    **dict.fromkeys(VALUES), "aws:userid": "anonymous", "aws:SourceIp": "203.0.113.9",
    "aws:SecureTransport": "true", "aws:Referer": "https://example.com/",
}  # fmt: skip
FOREIGN: dict[str, str | None] = {
    **ANONYMOUS, "aws:PrincipalOrgID": "o-stranger", "aws:PrincipalAccount": STRANGER,
    "aws:PrincipalArn": f"arn:aws:iam::{STRANGER}:role/x", "aws:userid": "AROASTRANGER:x",
    "aws:PrincipalIsAWSService": "false",
}  # fmt: skip
THROUGH_ENDPOINT = {**FOREIGN, "aws:SourceVpce": "vpce-666", "aws:SourceIp": None}
ACTIONS = ["s3:GetObject", "s3:PutObject"]
RESOURCES = [BUCKET, f"{BUCKET}/key"]


def law(*strategies: st.SearchStrategy[Any], examples: int = 80) -> Callable[[Test], Test]:
    """Holds for whatever the strategies draw."""
    return lambda test: settings(max_examples=examples, deadline=None, database=None)(given(*strategies)(test))


def some(values: list[Any], most: int = 2) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=most, unique_by=str)


@st.composite
def conditions(draw: st.DrawFn, most: int = 2) -> Json:
    found: Json = {}
    for _ in range(draw(st.integers(0, most))):
        key = draw(st.sampled_from(sorted(VALUES)))
        operator = draw(st.sampled_from(OPERATORS)) + draw(st.sampled_from(["", "", "IfExists"]))
        operator = draw(st.sampled_from(["", "", "ForAnyValue:", "ForAllValues:"])) + operator
        found.setdefault(operator, {})[key] = draw(some(VALUES[key]))
    return found


@st.composite
def statements(draw: st.DrawFn, effect: str | None = None) -> Json:
    callers = ["*", {"AWS": "*"}, {"AWS": [OWN, "*"]}, {"AWS": OWN}, {"Service": "s3.amazonaws.com"}]
    negate = st.sampled_from(["", "", "", "Not"])
    return {
        "Effect": effect or draw(st.sampled_from(["Allow", "Deny"])),
        draw(negate) + "Principal": draw(st.sampled_from(callers)),
        draw(negate) + "Action": draw(some([*ACTIONS, "s3:Get*", "s3:*", "*"])),
        draw(negate) + "Resource": draw(some([*RESOURCES, f"{BUCKET}/*", f"{BUCKET}*", "*"])),
        "Condition": draw(conditions()),
    }


documents = st.lists(statements(), min_size=1, max_size=3)
callers = st.sampled_from([ANYONE, *(Principal.of(Kind.AWS, account) for account in (OWN, OTHER, STRANGER))])
contexts = st.fixed_dictionaries(
    {}, optional={key: st.sampled_from([*values[:1], "else", None]) for key, values in VALUES.items()}
)
requests = st.builds(
    Request, st.sampled_from(ACTIONS), st.sampled_from([*RESOURCES, None]), st.none() | callers, contexts
)
patterns = st.text("ab*?:", max_size=8)
texts = st.text("ab:", max_size=8)
holds = st.sampled_from(Holds)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
ELEMENTS = ["Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition", "Sid", "Effect"]


def opened(found: Policy) -> set[str]:
    """What is public, without order, case and place."""
    actions = (action.lower() for opening in public_statements(found) for action in opening.actions)
    return {", ".join(sorted(re.split(", | but ", action))) for action in actions}


# --- Laws -----------------------------------------------------------------------------------------


@law(anything | st.fixed_dictionaries({"Statement": st.dictionaries(st.sampled_from(ELEMENTS), anything)}))
def test_parse_raises_nothing_but_malformed_policy(document: Any) -> None:
    for form in (document, json.dumps(document)):
        try:
            parse(form)
        except MalformedPolicy:
            continue


@law(st.fixed_dictionaries({"Effect": st.just("Allow")}, optional=dict.fromkeys(ELEMENTS[:7], anything)))
def test_what_parses_can_be_judged(statement: Json) -> None:
    try:
        found = parse({"Statement": statement})
    except MalformedPolicy:
        return
    public_statements(found), trust.public_trusts(found), trust.web_identities(found), trust.service_grants(found)
    assert isinstance(allowed(Request("s3:GetObject", BUCKET, ANYONE, ANONYMOUS), found), Holds)


@law(patterns, texts)
def test_glob_equals_the_regular_expression(pattern: str, text: str) -> None:
    reference = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern)
    assert wildcard.glob(wildcard.tokens(pattern), text) == bool(re.fullmatch(reference, text, re.DOTALL))


@law(patterns, patterns, texts)
def test_covers_and_overlaps_keep_their_word(one: str, other: str, text: str) -> None:
    mine, theirs = wildcard.tokens(one), wildcard.tokens(other)
    matched, also = wildcard.glob(mine, text), wildcard.glob(theirs, text)
    assert not (wildcard.glob(mine, theirs) and also and not matched)
    assert not (matched and also and not wildcard.overlaps(mine, theirs))
    assert wildcard.overlaps(mine, theirs) == wildcard.overlaps(theirs, mine)


@law(patterns)
def test_overlaps_finds_text_in_text(pattern: str) -> None:
    literal = pattern.replace("*", "").replace("?", "a")
    assert wildcard.overlaps(wildcard.tokens(pattern), wildcard.tokens(literal))


@law(st.lists(holds), holds, holds)
def test_three_valued_logic_is_kleenes(values: list[Holds], a: Holds, b: Holds) -> None:
    assert ~(a & b) is (~a | ~b)
    assert ~all_of(values) is any_of(~value for value in values)
    for certain in (Holds.YES, Holds.NO):
        # What is settled while `a` is unknown stays so, whatever `a` turns out to be.
        for combined, refined in ((Holds.UNKNOWN & b, certain & b), (Holds.UNKNOWN | b, certain | b)):
            assert combined in (Holds.UNKNOWN, refined)
    with pytest.raises(TypeError):
        bool(a)


@law(documents, requests, st.data())
def test_knowing_more_flips_no_answer(document: list[Json], request: Request, data: st.DataObject) -> None:
    forgotten = set(data.draw(st.lists(st.sampled_from(sorted(VALUES)))))
    vague = Request(
        request.action,
        data.draw(st.sampled_from([request.resource, None])),
        data.draw(st.sampled_from([request.principal, None])),
        {key: value for key, value in request.context.items() if key not in forgotten},
    )
    assert allowed(vague, policy(*document)) in (Holds.UNKNOWN, allowed(request, policy(*document)))


@law(documents, statements("Deny"), requests)
def test_a_deny_never_adds_access(document: list[Json], more: Json, request: Request) -> None:
    before, after = policy(*document), policy(*document, more)
    assert allowed(request, after).value <= allowed(request, before).value
    assert opened(after) <= opened(before)


@law(statements("Allow"), documents, conditions(), requests)
def test_a_condition_on_an_allow_never_adds_access(
    grant: Json, others: list[Json], more: Json, request: Request
) -> None:
    before = policy(grant, *others)
    first = before.statements[0]
    extra = policy({**grant, "Condition": more}).statements[0].conditions
    after = replace(before, statements=(replace(first, conditions=first.conditions + extra), *before.statements[1:]))
    assert allowed(request, after).value <= allowed(request, before).value
    assert opened(after) <= opened(before)


@law(documents, requests, st.randoms(use_true_random=False))
def test_order_and_case_of_actions_do_not_matter(document: list[Json], request: Request, random: Any) -> None:
    def shuffled(value: Any) -> Any:
        return random.sample(value, len(value)) if isinstance(value, list) else value

    other = [{name: shuffled(value) for name, value in statement.items()} for statement in shuffled(document)]
    for statement in other:
        for element in {"Action", "NotAction"} & set(statement):
            statement[element] = [random.choice([a.upper(), a.lower()]) for a in statement[element]]
    assert allowed(request, policy(*other)) is allowed(request, policy(*document))
    assert opened(policy(*other)) == opened(policy(*document))


@law(statements())
def test_a_scalar_is_a_list_of_one(statement: Json) -> None:
    def scalar(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: scalar(inner) for key, inner in value.items()}
        return value[0] if isinstance(value, list) and len(value) == 1 else value

    assert parse({"Statement": scalar(statement)}) == parse({"Statement": [statement]})
    assert parse(json.dumps({"Statement": statement})) == parse({"Statement": statement})


@law(documents, st.sampled_from(ACTIONS), st.sampled_from(RESOURCES), examples=400)
def test_what_a_stranger_can_do_is_public(document: list[Json], action: str, resource: str) -> None:
    found = policy(*document)
    for context in (ANONYMOUS, FOREIGN, THROUGH_ENDPOINT):
        if allowed(Request(action, resource, ANYONE, context), found) is Holds.YES:
            assert public_statements(found)
