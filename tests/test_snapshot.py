"""A snapshot of a whole account is judged as the account was: same findings, same coverage, no secret in clear."""

import base64
import gzip
import json
import re
import typing
from collections.abc import Iterator
from datetime import datetime
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal

import pytest
from pydantic import AwareDatetime, BaseModel

from auditor.demo import company as demo
from auditor.demo.stage import ANALYTICS, EXPERIMENT, PRODUCTION, RECOVERY, STAGING
from auditor.fetch import Call, Listing, Unread
from auditor.findings import GapKind, Status
from auditor.inventory import BadSnapshot, Header, Inventory, load, save
from auditor.model import Resource, Shape, Timestamp, details, signature
from auditor.scan import assess
from tests.declared import unregistered
from tests.northwind import EVERY_RULE, Scanned

PLACES = (PRODUCTION, EXPERIMENT, STAGING, ANALYTICS, RECOVERY)
NOW = datetime.fromisoformat("2026-05-01T00:00:00+00:00")


@pytest.fixture(scope="module")
def snapshot(company: Scanned, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("snapshot") / "company.snapshot"
    save(company.inventory, path)
    return path


def test_everything_comes_back(company: Scanned, snapshot: Path) -> None:
    again = load(snapshot)
    before = company.inventory
    assert again.header == before.header and again.calls == before.calls
    assert again.gaps == before.gaps and again.resources.keys() == before.resources.keys()
    for name, resources in before.resources.items():
        for one, other in zip(resources, again.resources[name], strict=True):
            assert one == other and one.__dict__ == other.__dict__ and one.gaps == other.gaps
    assert any(resource.gaps for found in again.resources.values() for resource in found)


def test_it_is_judged_the_same(company: Scanned, snapshot: Path) -> None:
    audit = assess(load(snapshot), EVERY_RULE)
    assert audit.findings == company.audit.findings
    assert audit.coverage == company.audit.coverage

    def timeless(audit: Any) -> dict[str, Any]:
        dumped: dict[str, Any] = audit.model_dump()
        return {**dumped, "scan": {**dumped["scan"], "started": None, "finished": None}}

    assert timeless(audit) == timeless(company.audit)


def test_it_is_saved_the_same_again(snapshot: Path, tmp_path: Path) -> None:
    save(load(snapshot), tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == snapshot.read_bytes()


def test_no_secret_is_in_it(snapshot: Path, company: Scanned) -> None:
    """What the demo's user data hides is found by rules, and is in neither snapshot nor report."""
    found = [f for f in company.audit.findings if f.rule.endswith("user-data-no-secrets") and f.status is Status.FAIL]
    assert found
    texts = [gzip.decompress(snapshot.read_bytes()).decode(), company.audit.model_dump_json()]
    for secret in secrets():
        assert all(secret not in text for text in texts), secret


def secrets() -> set[str]:
    """What the demo's user data hides, read from the account itself with nothing denied."""
    seen: set[str] = set()
    with demo.running() as endpoint:
        endpoint.deny = frozenset()
        for region in PLACES:
            ec2 = endpoint.client("ec2", region)
            for reservation in ec2.describe_instances()["Reservations"]:
                for instance in reservation["Instances"]:
                    answer = ec2.describe_instance_attribute(InstanceId=instance["InstanceId"], Attribute="userData")
                    text = base64.b64decode(answer["UserData"].get("Value", "")).decode(errors="replace")
                    seen |= set(re.findall(r"(?i)(?:password|secret\w*|token|key)[=: '\"]+([^\s'\"]{8,})", text))
    assert len(seen) > 1, "the account hides nothing, so this proves nothing"
    return seen


# --- the forms that a field may have


class Colour(Enum):
    RED = "red"


class Inner(Shape):
    ratio: float
    when: Timestamp
    colours: tuple[Colour, ...]
    nothing: str | None = None


with unregistered():

    class Thing(Resource):
        """A field of every form that declarations may use."""

        service, cfn_type = "ec2", "AWS::Test::Thing"
        listing = Listing("DescribeVolumes", at="Volumes")
        id_field = "arn"

        number: int
        ratio: float
        flag: bool
        when: Timestamp
        maybe: Timestamp | None = None
        colour: Colour
        kind: Literal["a", "b"]
        names: tuple[str, ...]
        table: dict[str, int]
        anything: dict[str, Any]
        inner: tuple[Inner, ...]
        lost: Annotated[Inner | None, Call("DescribeVpcs")]
        unasked: Annotated[Inner | None, Call("DescribeVpcs")]
        none: Annotated[Inner | None, Call("DescribeVpcs")]


@pytest.fixture
def things(monkeypatch: pytest.MonkeyPatch) -> Inventory:
    monkeypatch.setitem(Resource.kinds, "Thing", Thing)
    inner = {"Ratio": 0.1, "When": NOW, "Colours": ["red"]}
    item = {
        "Arn": "arn:aws:ec2:eu-west-1:1:thing/ü", "Number": 2**70, "Ratio": 1e-9, "Flag": False, "When": NOW,
        "Colour": "red", "Kind": "b", "Names": ["ä", "\u2028", "\U0001f600"], "Table": {"From": 22},
        "Anything": {"Statement": [None, True, 1.5, "x"]}, "Inner": [inner],
    }  # fmt: skip
    thing = Thing.build(item, partition="aws", account="1", region="eu-west-1")
    thing.fill("none", None)
    thing.lose("lost", thing.gap("lost", GapKind.THROTTLED, "SlowDown", "later"))
    odd = Thing.build({**item, "Arn": "arn:odd", "Number": "many"}, partition="aws", account="1", region="eu-west-1")
    header = Header(
        tool_version="0.9", account="1", partition="aws", regions=("eu-west-1",), started=NOW, finished=NOW,
        planned={"Thing": ("lost", "none")},
    )  # fmt: skip
    return Inventory(header, {"Thing": (thing, odd)}, {})


def test_every_form_of_a_field_survives(things: Inventory, tmp_path: Path) -> None:
    save(things, tmp_path / "things")
    again = load(tmp_path / "things")
    for one, other in zip(things.known(Thing), again.known(Thing), strict=True):
        assert one.__dict__ == other.__dict__ and one.gaps == other.gaps and one == other
        assert type(one.__dict__.get("inner")) is type(other.__dict__.get("inner"))
    thing, odd = again.known(Thing)
    with pytest.raises(Unread, match="SlowDown"):
        _ = thing.lost
    with pytest.raises(Unread, match="was not asked"):
        _ = thing.unasked
    with pytest.raises(Unread, match="was not understood"):
        _ = odd.number
    assert thing.none is None and thing.inner[0].nothing is None


PLAIN = (str, int, float, bool, datetime, AwareDatetime, type(None), Any, ...)


def parts(annotation: Any) -> Iterator[Any]:
    """What a field is made of, down to the plain types; those of shapes within included."""
    inner = [info.annotation for info in getattr(annotation, "model_fields", {}).values()]
    inner += [] if typing.get_origin(annotation) is Literal else typing.get_args(annotation)
    if typing.get_origin(annotation) is Annotated:
        inner = [typing.get_args(annotation)[0]]
    yield typing.get_origin(annotation) or annotation
    for part in inner:
        yield from parts(part)


@pytest.mark.parametrize("kind", [kind for _, kind in sorted(Resource.kinds.items())], ids=lambda k: k.__name__)
def test_declared_fields_have_forms_that_survive(kind: type[Resource]) -> None:
    """No bytes (AWS's are what may be secret), no sets, no lists: what is declared is immutable and JSON can say it."""
    for name, info in kind.model_fields.items():
        for part in parts(info.annotation):
            structure = isinstance(part, type) and issubclass(part, BaseModel | Enum)
            known = structure or part in (*PLAIN, tuple, dict, Literal, Annotated, typing.Union, UnionType)
            assert known, f"{kind.__name__}.{name}: {part}"


# --- a snapshot of another version


def rewritten(path: Path, change: Any) -> None:
    lines = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    change(lines)
    path.write_bytes(gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode()))


def test_what_another_version_did_not_read_is_no_default(things: Inventory, tmp_path: Path) -> None:
    """It had no `maybe`, and its `inner` had a member less: both are unread, and not what AWS leaves out."""
    path = tmp_path / "things"
    save(things, path)

    def older(lines: list[Any]) -> None:
        lines[0]["forms"]["Thing"] |= {"inner": "00000000", "none": "00000000", "unasked": "00000000"}
        del lines[0]["forms"]["Thing"]["maybe"]
        for line in lines[1:3]:
            line["value"].pop("maybe")

    rewritten(path, older)
    thing, _ = load(path).known(Thing)
    for name in ("maybe", "inner", "none"):
        with pytest.raises(Unread, match=r"auditor 0\.9.*another form"):
            getattr(thing, name)
    with pytest.raises(Unread, match="was not asked"):
        _ = thing.unasked
    with pytest.raises(Unread, match="SlowDown"):
        _ = thing.lost
    assert thing.number == 2**70


@pytest.mark.parametrize("change", [lambda forms: forms.pop("Thing"), lambda forms: forms["Thing"].pop("arn")])
def test_a_type_that_cannot_be_told_is_said(things: Inventory, tmp_path: Path, change: Any) -> None:
    path = tmp_path / "things"
    save(things, path)
    rewritten(path, lambda lines: change(lines[0]["forms"]))
    with pytest.raises(BadSnapshot) as caught:
        load(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_a_field_that_is_no_more_is_left_out(things: Inventory, tmp_path: Path) -> None:
    path = tmp_path / "things"
    save(things, path)
    rewritten(path, lambda lines: lines[1]["value"].update(bygone=1))
    assert "bygone" not in load(path).known(Thing)[0].__dict__


def test_a_signature_follows_the_form_and_nothing_else() -> None:
    assert signature(Thing, "number") == signature(Thing, "number") != signature(Thing, "ratio")
    assert signature(Thing, "inner") != signature(Thing, "none")
    # Held here, since it must not change between processes, machines and versions of Python.
    assert (signature(Thing, "names"), signature(Thing, "maybe")) == ("eefe4b21", "1494d536")
    for kind in Resource.kinds.values():
        assert all(len(signature(kind, name)) == 8 for name in details(kind))
