"""`auditor query`: a lake in a folder and in S3, what it answers, what it refuses, and how it says so."""

import csv
import io
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from pyarrow import parquet

from auditor.audit import Audit
from auditor.demo.endpoint import Endpoint
from auditor.inventory import Inventory
from auditor.lake import write
from auditor.model import Resource
from auditor.plugins import load_reports
from auditor.query import saved
from benchmarks.lake import later
from tests.factory import make_audit
from tests.lab import Lab, Sessions
from tests.lake_account import small_account

ROOT = Path(__file__).parent.parent
FIRST, SECOND = "111111111111", "222222222222"


@pytest.fixture(scope="module")
def account(endpoint: Endpoint, sessions: Sessions) -> Iterator[tuple[Inventory, Audit]]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in endpoint.credentials.items():
            patch.setenv(name, value)
        yield small_account(endpoint, sessions)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, account: tuple[Inventory, Audit]) -> Path:
    """Two runs of one account, one of another, and one of the emulated account with its resources."""
    folder = tmp_path_factory.mktemp("lake")
    before = make_audit(200, accounts=[FIRST], seed=1)
    after = later(before, 1)
    write(folder, before.model_copy(update={"findings": before.findings[50:]}), None, "z-first")
    write(folder, after, None, "a-second")
    write(folder, make_audit(100, accounts=[SECOND], seed=2), None, "only")
    inventory, audit = account
    write(folder, audit, inventory, "real")
    return folder


def rows(result: Any) -> Any:
    assert result.code == 0, result.err
    return json.loads(result.out)


def test_a_query_in_each_format(run: Any, lake: Path) -> None:
    columns = 'account, run, count(*) n, any_value("date") d, null x'
    sql = f"select {columns} from findings where account = '{FIRST}' group by all order by run"
    expected = [
        {"account": FIRST, "run": "a-second", "n": 200, "d": "2025-11-23", "x": None},
        {"account": FIRST, "run": "z-first", "n": 150, "d": "2025-11-22", "x": None},
    ]
    assert rows(run("query", sql, str(lake), "--format", "json")) == expected
    made = list(csv.reader(io.StringIO(run("query", sql, str(lake), "--format", "csv").out)))
    assert made == [list(expected[0]), *([str(v) if v is not None else "" for v in each.values()] for each in expected)]
    shown = run("query", sql, str(lake))
    assert re.search(rf"{FIRST}\s+a-second\s+200\s+2025-11-23\s+NULL", shown.out) and "2 rows" in shown.err
    asked = run("query", "select 1 as one where false", str(lake), "--format", "json", "-q")
    assert json.loads(asked.out) == [] and asked.err == ""


def test_latest_is_the_last_run_of_each_account(run: Any, lake: Path, account: tuple[Inventory, Audit]) -> None:
    sql = "select account, run, count(*) n from latest_findings group by all order by account"
    found = {row["run"]: row["n"] for row in rows(run("query", sql, str(lake), "-f", "json"))}
    assert found == {"a-second": 200, "only": 100, "real": len(account[1].findings)}


def test_resources_come_by_type_with_their_properties(run: Any, lake: Path, account: tuple[Inventory, Audit]) -> None:
    sql = (
        "select arn, image_id, metadata_options->>'$.http_tokens' as tokens, launch_time from ec2_instance order by arn"
    )
    expected = sorted(account[0].known(Resource.kinds["Instance"]), key=lambda each: each.arn)
    found = rows(run("query", sql, str(lake), "-f", "json"))
    assert [row["arn"] for row in found] == [each.arn for each in expected] and found
    for row, each in zip(found, expected, strict=True):
        instance: Any = each
        assert row["image_id"] == instance.image_id and row["tokens"] == instance.metadata_options.http_tokens
        assert row["launch_time"] == f"{instance.launch_time:%Y-%m-%dT%H:%M:%S}"


def test_every_view_can_be_read(run: Any, lake: Path) -> None:
    names = [row["name"] for row in rows(run("query", "show tables", str(lake), "-f", "json"))]
    assert len(names) > 30 and {"s3_bucket", "ec2_volume", "latest_resources"} < set(names)
    union = " union all ".join(
        f"select '{name}' as name, count(*) as n from (select distinct * from {name})" for name in names
    )
    counted = {row["name"]: row["n"] for row in rows(run("query", union, str(lake), "-f", "json"))}
    own = {name: count for name, count in counted.items() if name not in _BASES}
    assert sum(own.values()) == counted["latest_resources"]


_BASES = ("findings", "resources", "latest_findings", "latest_resources")


def test_only_some_accounts_and_days(run: Any, lake: Path) -> None:
    sql = "select distinct run from findings order by run"
    asked = run("query", sql, str(lake), "-f", "csv", "--account", FIRST, "--since", "2025-11-23")
    assert asked.out.split() == ["run", "a-second"]
    nothing = run("query", sql, str(lake), "--account", "333333333333")
    assert nothing.code == 2 and "holds no run of those accounts and days" in nothing.err
    assert "--since tomorrow: write a day as" in run("query", sql, str(lake), "--since", "tomorrow").err


@pytest.mark.parametrize("name", saved())
def test_every_saved_query_is_answered_here_and_read_by_athena(name: str, run: Any, lake: Path) -> None:
    query = saved()[name]
    assert query.about.endswith((".", "?")) and query.sql.startswith("-- ")
    found = rows(run("query", "--saved", name, str(lake), "--format", "json"))
    assert found, "the lake of this test should have an answer"
    sqlglot.parse_one(query.sql, read="trino", error_level=sqlglot.ErrorLevel.RAISE)


def test_there_are_a_dozen_saved_queries_and_more() -> None:
    assert len(saved()) >= 12


@pytest.mark.parametrize("path", sorted((ROOT / "deploy" / "athena").glob("*.sql")), ids=lambda path: path.stem)
def test_the_statements_are_athenas(path: Path) -> None:
    text = re.sub(r"\$\{(LAKE|ACCOUNTS|SINCE)\}", "x", path.read_text(encoding="utf-8"))
    assert "${" not in text
    sqlglot.parse_one(text, read="athena", error_level=sqlglot.ErrorLevel.RAISE)


def test_saved_queries_say_what_they_found(run: Any, lake: Path) -> None:
    (found,) = rows(run("query", "--saved", "stale-accounts", str(lake), "-f", "json", "--account", FIRST))
    assert (found["last_day"], found["runs"]) == ("2025-11-23", 2)


def test_new_failures_are_those_that_the_run_before_did_not_have(run: Any, tmp_path: Path) -> None:
    audit = make_audit(50)
    failed = [finding for finding in audit.findings if finding.status == "fail" and not finding.suppression]
    without = audit.model_copy(update={"findings": [f for f in audit.findings if f not in failed[:2]]})
    write(tmp_path, without, None, "before")
    write(tmp_path, later(audit, 1), None, "after")
    found = rows(run("query", "--saved", "new-failures", str(tmp_path), "-f", "json"))
    assert sorted(row["arn"] for row in found) == sorted(f.resource.arn for f in failed[:2])


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("selec 1", '(line 1, column 1): syntax error at or near "selec"'),
        ("select 'ä€', nix\nfrom findings", '(line 1, column 14): Referenced column "nix" not found'),
        ("select 1\nfrom findings\nwhere sevrity = 'high'", '(line 3, column 7): Referenced column "sevrity"'),
        ("select * from findigs", "(line 1, column 15): there is no table findigs; did you mean findings?"),
        ("select message::int from findings", "Could not convert string"),
        ("select 1; select 2", "these are 2 statements: ask one at a time"),
        ("-- nothing", "the query is empty"),
        ("copy findings to 'stolen.csv'", "COPY is not answered"),
        ("attach 'stolen.db'", "ATTACH is not answered"),
        ("create table stolen as select 1", "CREATE is not answered"),
        ("set enable_external_access = true", "SET is not answered"),
        ("install httpfs", "is not answered"),
        ("explain analyze copy findings to 'stolen.csv'", "EXPLAIN is not answered"),
        ("select * from read_text('/etc/passwd')", "nothing else"),
        ("select * from read_blob('*')", "nothing else"),
        ("select * from '/etc/passwd'", "there is no table"),
        ("select * from 'https://example.com/x.parquet'", "nothing else"),
    ],
)
def test_what_cannot_be_answered(sql: str, said: str, run: Any, lake: Path) -> None:
    result = run("query", "--", sql, str(lake))
    assert result.code == 2 and result.err.startswith("auditor: ") and result.err.count("\n") == 1
    assert said in result.err and result.out == ""
    assert list(Path.cwd().iterdir()) == []


def test_folders_that_are_no_lake(run: Any, tmp_path: Path) -> None:
    sql = "select 1"
    (tmp_path / "bare").mkdir()
    (tmp_path / "empty" / "findings").mkdir(parents=True)
    (tmp_path / "file").touch()
    for place, said in {
        "nowhere": "nowhere is not there",
        "bare": "bare holds no lake: `auditor scan --lake bare` begins one",
        "empty": "empty is an empty lake",
        "file": "file is a file: name the folder of a lake",
    }.items():
        result = run("query", sql, place)
        assert (result.code, result.out) == (2, "") and said in result.err and result.err.count("\n") == 1


@pytest.mark.parametrize(
    ("version", "said"),
    [("0", "lake schema 0 (auditor 0.0.9), and this auditor reads 1: write its run again"),
     ("2", "lake schema 2 (auditor 0.0.9), and this auditor reads 1: query it with that one or a newer one"),
     (None, "is not a file of auditor's lake")],
)  # fmt: skip
def test_a_lake_of_another_version(version: str | None, said: str, run: Any, tmp_path: Path) -> None:
    (path,) = write(tmp_path / "lake", make_audit(10), None, "r")
    table = parquet.ParquetFile(path).read()
    about = {"auditor.lake": version, "auditor.tool": "0.0.9"} if version else {}
    parquet.write_table(table.replace_schema_metadata(about), path)
    result = run("query", "select 1")
    assert result.code == 2 and said in result.err and str(path.name) in result.err and result.err.count("\n") == 1


def test_a_damaged_file_is_named(run: Any, tmp_path: Path) -> None:
    (path,) = write(tmp_path / "lake", make_audit(10), None, "r")
    path.write_bytes(path.read_bytes()[:-20])
    result = run("query", "select 1")
    assert result.code == 2 and "the lake cannot be read" in result.err and path.name in result.err


def test_arguments_that_make_no_sense(run: Any, lake: Path) -> None:
    for arguments, said in {
        (): "nothing is asked",
        ("select", "*", "from"): "put the SQL in quotes",
        ("--saved", "new-failure"): "did you mean new-failures?",
        ("select 1", str(lake), "--profile", "p"): "go with s3://",
        ("select 1", "s3://"): "write it as s3://bucket/prefix",
        ("select 1", str(lake), "--output", "/proc/x/y"): "could not be written",
    }.items():
        result = run("query", *arguments)
        assert result.code == 2 and said in result.err, result.err
    assert "new-failures  " in run("query", "--list").out


def test_without_the_extra(run: Any, lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("duckdb", "pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)
    for command in (("query", "select 1", str(lake)), ("scan", "--lake", "lake"), ("report", "x", "--lake", "lake")):
        result = run(*command)
        assert result.code == 2 and "pip install 'auditor[lake]'" in result.err and result.err.count("\n") == 1


def test_what_moves_a_cursor_or_starts_a_formula_does_neither(run: Any, lake: Path) -> None:
    sql = "select '\x1b[2J' as a, '=1+1' as b, repeat('x', 200) as c, 1.5 as d, {'k': [1]} as e, 1 as a"
    shown = run("query", sql, str(lake)).out
    assert "\x1b" not in shown and "\\x1b[2J" in shown and "x" * 100 not in shown
    assert "'=1+1" in run("query", sql, str(lake), "-f", "csv").out
    (row,) = rows(run("query", sql, str(lake), "-f", "json"))
    assert (row["d"], row["e"], row["a_2"]) == (1.5, {"k": [1]}, 1)


def test_a_scan_and_its_saved_report_are_one_run(run: Any, lab: Lab) -> None:
    lab.client("ec2").create_volume(AvailabilityZone="us-east-1a", Size=1)
    scan = run(
        "scan", "--region", "us-east-1", "--rule", "ec2-volume-encrypted", "--lake", "lake", "--format", "json",
        "--output", "out",
    )  # fmt: skip
    assert scan.code == 0 and "Added the run to the lake lake (2 files)" in scan.err
    assert run("report", "out/report.json", "--lake", "lake").code == 0
    assert [row["n"] for row in rows(run("query", "select count(*) n from findings", "-f", "json"))] == [1]
    sql = "select f.status, v.encrypted from findings f join ec2_volume v using (arn)"
    assert rows(run("query", sql, "lake", "-f", "json")) == [{"status": "fail", "encrypted": False}]


def test_a_lake_that_cannot_be_written_does_not_cost_the_reports(run: Any, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("".join(load_reports()["json"].text(make_audit(5))), encoding="utf-8")
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "findings").touch()
    result = run("report", "report.json", "--lake", "lake", "--format", "jsonl")
    assert result.code == 2 and "could not be written to the lake" in result.err and result.out.count("\n") == 5
    assert "writes there itself" in run("report", "report.json", "--lake", "s3://b/p").err
    assert "writes there itself" in run("scan", "--organization", "--lake", "s3://b/p").err


def _upload(client: Any, folder: Path, bucket: str, prefix: str) -> list[str]:
    keys = []
    for path in sorted(folder.rglob("*.parquet")):
        keys.append(f"{prefix}{path.relative_to(folder).as_posix()}")
        client.put_object(Bucket=bucket, Key=keys[-1], Body=path.read_bytes())
    return keys


def test_a_lake_in_s3_is_fetched_once_and_kept_true(
    run: Any, lab: Lab, lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", lab.endpoint.url)
    s3 = lab.client("s3")
    s3.create_bucket(Bucket="nightly")
    keys = _upload(s3, lake, "nightly", "auditor/lake/")
    s3.put_object(Bucket="nightly", Key="auditor/lake/findings/readme.txt", Body=b"not a run")
    sql = "select run, count(*) n from findings group by run order by run"
    here = run("query", sql, str(lake), "-f", "csv").out
    first = run("query", sql, "s3://nightly/auditor", "-f", "csv")
    assert first.out == here and "Fetched 5 files" in first.err and "0 were here already" in first.err
    again = run("query", sql, "s3://nightly/auditor/lake/", "-f", "csv")
    assert again.out == here and "Fetched 0 files" in again.err and "5 were here already" in again.err
    # One run is written again, another leaves.
    audit: Audit = make_audit(10, accounts=[SECOND])
    write(tmp_path / "new", audit, None, "only")
    _upload(s3, tmp_path / "new", "nightly", "auditor/lake/")
    s3.delete_object(Bucket="nightly", Key=next(key for key in keys if "z-first" in key))
    changed = run("query", sql, "s3://nightly/auditor", "-f", "csv")
    assert "only,10" in changed.out and "z-first" not in changed.out and "Fetched 1 file " in changed.err
    cached = list((tmp_path / "cache").rglob("*.parquet"))
    assert len(cached) == 4
    (bucket,) = (tmp_path / "cache" / "auditor" / "lake").iterdir()
    assert bucket.stat().st_mode & 0o077 == 0


def test_a_lake_in_s3_that_is_not_there(run: Any, lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", lab.endpoint.url)
    lab.client("s3").create_bucket(Bucket="bare")
    for place, arguments, code, said in (
        ("s3://nowhere/x", (), 2, "cannot be read (NoSuchBucket"),
        ("s3://bare/x", (), 2, "s3://bare/x is an empty lake"),
        ("s3://bare", ("--endpoint-url", "http://127.0.0.1:9"), 4, "cannot be reached"),
        ("s3://bare", ("--profile", "nobody"), 2, "nobody"),
    ):
        result = run("query", "select 1", place, *arguments)
        assert result.code == code and said in result.err and result.err.count("\n") == 1, result.err
