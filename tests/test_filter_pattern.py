"""Filter patterns of CloudWatch Logs and event patterns of EventBridge, evaluated on events."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.analysis.event_pattern import event_matches
from auditor.analysis.filter_pattern import MalformedPattern, parse

EVENT: dict[str, Any] = {
    "eventName": "DeleteTrail",
    "errorCode": "AccessDenied",
    "userIdentity": {"type": "Root", "mfa": False, "invokedBy": None},
    "count": 5,
    "status": "404",
    "tags": [{"key": "one"}, {"key": "two"}],
    "odd name": {"x-y": "z"},
}


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("", True),
        ('{ $.eventName = "DeleteTrail" }', True),
        ("{$.eventName=DeleteTrail}", True),
        ("{ $.eventName = Delete* }", True),
        ('{ $.eventName = "*Trail" }', True),
        ('{ $.eventName = "*" }', True),
        ('{ $.eventName = "deletetrail" }', False),
        ('{ $.eventName = "Delete" }', False),
        ('{ $.eventName != "CreateTrail" }', True),
        ('{ $.eventName != "Delete*" }', False),
        ('{ $.nothing != "x" }', False),
        ("{ $.eventName = %^Del[a-z]+T% }", True),
        ("{ $.eventName != %Trail% }", False),
        ('{ $.userIdentity.type = "Root" }', True),
        ('{ $.userIdentity["type"] = "Root" }', True),
        ("{ $['odd name'].x-y = z }", True),
        ("{ $.userIdentity.mfa IS FALSE }", True),
        ("{ $.userIdentity.mfa IS TRUE }", False),
        ("{ $.userIdentity.invokedBy IS NULL }", True),
        ("{ $.userIdentity.invokedBy NOT EXISTS }", False),
        ("{ $.userIdentity.sessionContext NOT EXISTS }", True),
        ("{ $.eventName.deeper NOT EXISTS }", True),
        ("{ $.count = 5 }", True),
        ("{ $.count >= 5 && $.count < 6 }", True),
        ("{ $.count > 5 }", False),
        ("{ $.eventName > 5 }", False),
        ("{ $.status = 404 }", True),
        ("{ $.status = 4* }", True),
        ('{ $.tags[0].key = "one" }', True),
        ('{ $.tags[1].key = "one" }', False),
        ('{ $.tags[7].key = "one" }', False),
        ('{ $.tags[*].key = "two" }', True),
        ('{ ($.eventName = "A") || ($.eventName = "DeleteTrail") }', True),
        # && binds more strongly than ||
        ('{ $.eventName = "DeleteTrail" || $.eventName = "A" && $.count = 9 }', True),
        ('{ ($.eventName = "DeleteTrail" || $.eventName = "A") && $.count = 9 }', False),
        ("AccessDenied", True),
        ("accessdenied", False),
        ('"DeleteTrail" Root', True),
        ('"DeleteTrail" -Root', False),
        ("?CreateTrail ?DeleteTrail", True),
        ("?CreateTrail ?StopLogging", False),
        ('"\\"eventName\\":\\"DeleteTrail\\""', True),
        ("%Delete[A-Z]%", True),
        ("[ip, user, status=404]", False),
    ],
)
def test_filter_pattern(pattern: str, matches: bool) -> None:
    assert parse(pattern).matches(EVENT) is matches


@pytest.mark.parametrize(
    "pattern",
    [
        "{ }", "{ $.a }", "{ $.a = }", "{ $.a = 1", "{ ($.a = 1 }", "{ $.a = 1) }", "{ $.a ~ 1 }", "{ a = 1 }",
        "{ $.a IS ODD }", "{ $.a NOT NULL }", "{ $.a > x }", "{ $.a = %[% }", "{ $.a = 1 && }", "{ $.a EXISTS }",
        "%[%", "{ $.a = = }",
    ],
)  # fmt: skip
def test_what_is_no_pattern(pattern: str) -> None:
    with pytest.raises(MalformedPattern):
        parse(pattern)


NAMES = st.sampled_from(["eventName", "errorCode", "count", "nothing"])
COMPARISONS = st.tuples(NAMES, st.sampled_from(["=", "!="]), st.sampled_from(["DeleteTrail", "Access*", "5", "x"])).map(
    lambda parts: f'$.{parts[0]} {parts[1]} "{parts[2]}"'
)
EXPRESSIONS = st.recursive(
    COMPARISONS, lambda inner: st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(lambda p: f"({' '.join(p)})")
)


def holds(expression: str) -> bool:
    return parse(f"{{ {expression} }}").matches(EVENT)


@settings(deadline=None, database=None)
@given(EXPRESSIONS, EXPRESSIONS)
def test_expressions_are_a_boolean_algebra(one: str, other: str) -> None:
    assert holds(f"({one}) && ({other})") is (holds(one) and holds(other))
    assert holds(f"({one}) || ({other})") is (holds(one) or holds(other))
    assert holds(f"(({one}))") is holds(one)


@settings(deadline=None, database=None)
@given(st.text(), NAMES)
def test_equality_takes_any_text_literally_but_the_star(text: str, name: str) -> None:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    assert parse(f'{{ $.{name} = "{quoted}" }}').matches({name: text})
    assert parse(f'{{ $.{name} = "{quoted}*" }}').matches({name: text + "more"})


@settings(deadline=None, database=None)
@given(st.text(alphabet="{}[]()$.=!&|<>%\"'*abIS NOTEXISTS0-?", max_size=40))
def test_any_text_is_a_pattern_or_refused(text: str) -> None:
    try:
        pattern = parse(text)
    except MalformedPattern:
        return
    assert pattern.matches(EVENT) in (True, False)


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ({}, True),
        ({"eventName": ["DeleteTrail"]}, True),
        ({"eventName": ["CreateTrail", "DeleteTrail"]}, True),
        ({"eventName": ["CreateTrail"]}, False),
        ({"userIdentity": {"type": ["Root"]}}, True),
        ({"userIdentity": {"type": ["Root"], "other": ["x"]}}, False),
        ({"eventName": {"deeper": ["x"]}}, False),
        ({"eventName": [{"prefix": "Delete"}]}, True),
        ({"eventName": [{"suffix": "Trail"}]}, True),
        ({"eventName": [{"wildcard": "D*l"}]}, True),
        ({"eventName": [{"equals-ignore-case": "deletetrail"}]}, True),
        ({"eventName": [{"prefix": {"equals-ignore-case": "DELETE"}}]}, True),
        ({"eventName": [{"anything-but": "DeleteTrail"}]}, False),
        ({"eventName": [{"anything-but": ["a", "b"]}]}, True),
        ({"eventName": [{"anything-but": {"prefix": "Delete"}}]}, False),
        ({"nothing": [{"anything-but": "x"}]}, False),
        ({"nothing": [{"exists": False}]}, True),
        ({"eventName": [{"exists": True}]}, True),
        ({"count": [{"numeric": [">", 4, "<=", 5]}]}, True),
        ({"count": [{"numeric": [">", 5]}]}, False),
        ({"count": ["5"]}, False),
        ({"userIdentity": {"invokedBy": [None]}}, True),
        ({"$or": [{"eventName": ["x"]}, {"count": [5]}]}, True),
        ({"$or": [{"eventName": ["x"]}, {"count": [6]}]}, False),
        ({"eventName": [{"unheard-of": "DeleteTrail"}]}, False),
        ({"list": ["b"]}, True),
    ],
)
def test_event_pattern(pattern: dict[str, Any], matches: bool) -> None:
    assert event_matches(pattern, EVENT | {"list": ["a", "b"]}) is matches
