"""Lookups that keep the first law, and snapshots that judge the same and fail clearly."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from auditor.fetch import Unread
from auditor.findings import Gap, GapKind
from auditor.inventory import SNAPSHOT_VERSION, BadSnapshot, CallRecord, Header, Inventory, deduplicate, load, save
from auditor.resources.cloudtrail import Trail
from auditor.resources.s3 import Bucket
from auditor.rule import any_of

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def bucket(name: str, region: str = "eu-west-1") -> Bucket:
    return Bucket.build(
        {"Name": name, "BucketRegion": region}, partition="aws", account="123456789012", region="global"
    )


def denied(region: str = "global") -> Gap:
    return Bucket.gap_of(None, GapKind.DENIED, "AccessDenied", "no", account="123456789012", region=region)


def inventory(*buckets: Bucket, gaps: tuple[Gap, ...] = (), planned: bool = True) -> Inventory:
    header = Header(
        tool_version="0", account="123456789012", partition="aws", regions=("eu-west-1", "us-east-1"), started=NOW,
        finished=NOW, planned={"Bucket": ("policy",)} if planned else {},
    )  # fmt: skip
    calls = (CallRecord(region="us-east-1", service="s3", operation="ListBuckets", calls=1),)
    return Inventory(header, {"Bucket": buckets}, {"Bucket": gaps} if gaps else {}, calls)


def test_each_gives_everything() -> None:
    both = inventory(bucket("a"), bucket("b", "us-east-1"))
    assert [b.name for b in both.each(Bucket)] == ["a", "b"]
    assert [b.name for b in both.each(Bucket, region="us-east-1")] == ["b"]


def test_each_gives_what_is_known_and_then_raises() -> None:
    some = inventory(bucket("a"), gaps=(denied(),))
    names = []
    with pytest.raises(Unread):
        for found in some.each(Bucket):
            names += [found.name]
    assert names == ["a"]
    assert any(found.name == "a" for found in some.each(Bucket))
    with pytest.raises(Unread):
        any(found.name == "b" for found in some.each(Bucket))


def test_a_gap_elsewhere_does_not_matter() -> None:
    some = inventory(bucket("a"), gaps=(denied("us-east-1"),))
    assert [b.name for b in some.each(Bucket, region="eu-west-1")] == ["a"]
    with pytest.raises(Unread):
        list(some.each(Bucket))


def test_find() -> None:
    some = inventory(bucket("a"), gaps=(denied(),))
    assert some.find(Bucket, "name", "a") is some.known(Bucket)[0]
    with pytest.raises(Unread):
        some.find(Bucket, "name", "b")
    assert inventory(bucket("a")).find(Bucket, "name", "b") is None


def test_a_type_that_was_not_asked_for_is_not_empty() -> None:
    with pytest.raises(Unread, match="was not asked"):
        list(inventory(planned=False).each(Bucket))


def test_any_of_keeps_looking_past_what_is_unread() -> None:
    open_, shut = bucket("open"), bucket("shut")
    shut.lose("policy", denied())
    open_.fill("policy", {"Statement": []})
    assert any_of(lambda b: b.policy is not None, iter([shut, open_]))
    with pytest.raises(Unread):
        any_of(lambda b: b.policy is None, iter([shut, open_]))
    assert not any_of(lambda b: b.name == "x", inventory(open_).each(Bucket))


def test_each_arn_once() -> None:
    first, again = bucket("a"), bucket("a")
    assert deduplicate([first, again, bucket("b")])[0] is first
    assert len(deduplicate([first, again, bucket("b")])) == 2


def full() -> Inventory:
    known, lost = bucket("known"), bucket("lost")
    known.fill("policy", {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}]})
    known.fill("versioning", {"Status": "Enabled"})
    known.fill("replication", None)
    lost.lose("policy", lost.gap("policy", GapKind.DENIED, "AccessDenied", "no"))
    return inventory(known, lost, gaps=(denied("us-east-1"),))


def test_a_snapshot_gives_back_the_same_inventory(tmp_path: Path) -> None:
    save(full(), tmp_path / "account.snapshot")
    again = load(tmp_path / "account.snapshot")
    assert again.header == full().header and again.gaps == full().gaps and again.calls == full().calls
    for before, after in zip(full().known(Bucket), again.known(Bucket), strict=True):
        assert before == after and before.gaps == after.gaps and before.__dict__ == after.__dict__
    with pytest.raises(Unread, match="was denied"):
        _ = again.known(Bucket)[1].policy
    with pytest.raises(Unread, match="was not asked"):
        _ = again.known(Bucket)[1].acl


def test_a_snapshot_is_the_same_file_each_time(tmp_path: Path) -> None:
    save(full(), tmp_path / "one")
    save(full(), tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def write(path: Path, content: list[Any]) -> None:
    path.write_bytes(gzip.compress("".join(json.dumps(line) + "\n" for line in content).encode()))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda p: p.write_bytes(p.read_bytes()[:-20]), "truncated or damaged"),
        (lambda p: p.write_bytes(p.read_bytes()[:40] + b"\0\0\0\0" + p.read_bytes()[44:]), "damaged|truncated"),
        (lambda p: p.write_text("hello"), "not gzip-compressed"),
        (lambda p: p.write_bytes(b""), "not a snapshot"),
        (lambda p: p.write_bytes(gzip.compress(b"hello")), "not a snapshot"),
        (lambda p: p.write_bytes(gzip.compress(b'{"Buckets": []}\n')), "not a snapshot"),
        (lambda p: p.write_bytes(gzip.compress(b"[1, 2]\n")), "not a snapshot"),
        (lambda p: write(p, lines(p)[:-1]), "is truncated"),
        (lambda p: write(p, [{**lines(p)[0], "version": SNAPSHOT_VERSION + 1}, *lines(p)[1:]]), "this auditor reads"),
        (lambda p: write(p, [{**lines(p)[0], "account": None}, *lines(p)[1:]]), "is damaged: account"),
        (lambda p: write(p, [lines(p)[0], 5, *lines(p)[2:]]), "is damaged"),
        (lambda p: write(p, [*lines(p), {"call": {}}]), "is truncated"),
        (lambda p: p.unlink(), "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_said_in_one_line(tmp_path: Path, damage: Any, said: str) -> None:
    path = tmp_path / "account.snapshot"
    save(full(), path)
    damage(path)
    with pytest.raises(BadSnapshot, match=said) as caught:
        load(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_type_of_another_version_is_said(tmp_path: Path) -> None:
    path = tmp_path / "account.snapshot"
    save(full(), path)
    content = lines(path)
    content[1]["resource"] = "Spaceship"
    write(path, content)
    with pytest.raises(BadSnapshot, match="Spaceship"):
        load(path)


def test_a_lookup_by_a_field_that_some_lack_gives_what_is_known_and_then_raises() -> None:
    known, lost = bucket("known"), bucket("lost", "us-east-1")
    known.fill("logging", {"TargetBucket": "logs", "TargetPrefix": ""})
    lost.lose("logging", lost.gap("logging", GapKind.DENIED, "AccessDenied", "no"))
    both = inventory(known, lost)
    assert any(found.name == "known" for found in both.where(Bucket, "log_target", "logs"))
    assert [found.name for found in both.where(Bucket, "log_target", "logs", region="eu-west-1")] == ["known"]
    with pytest.raises(Unread):
        list(both.where(Bucket, "log_target", "logs"))
    with pytest.raises(Unread):
        both.find(Bucket, "log_target", "other")


def test_a_region_that_was_not_selected_is_not_empty() -> None:
    header = inventory().header.model_copy(update={"planned": {"Trail": ()}})
    nowhere = Inventory(header, {"Trail": ()}, {})
    assert list(nowhere.each(Trail, region="eu-west-1")) == []
    with pytest.raises(Unread, match="region was not selected"):
        list(nowhere.each(Trail, region="sa-east-1"))
