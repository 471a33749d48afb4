"""What a run puts into the lake: the schema that is documented, every finding and resource, nothing twice."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from auditor import lake
from auditor.audit import Audit
from auditor.demo.endpoint import Endpoint
from auditor.inventory import CallRecord, Header, Inventory
from auditor.lake import COLUMNS, fields_of, findings_parquet, path_of, resources_parquet, run_of, view_of, write
from auditor.model import Resource
from tests.factory import NASTY, make_audit
from tests.lab import Sessions
from tests.lake_account import SECRET, small_account

AUDIT = make_audit(300, hostile=NASTY)


@pytest.fixture(scope="module")
def account(endpoint: Endpoint, sessions: Sessions) -> Iterator[tuple[Inventory, Audit]]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in endpoint.credentials.items():
            patch.setenv(name, value)
        yield small_account(endpoint, sessions)


def read(file: bytes) -> Any:
    return parquet.read_table(io.BytesIO(file))


@pytest.mark.parametrize("table", COLUMNS)
def test_the_schema_is_the_documented_one(table: str, account: tuple[Inventory, Audit]) -> None:
    made = findings_parquet(AUDIT, "r") if table == "findings" else resources_parquet(account[0], "r")
    types = {"string": "string", "boolean": "bool", "timestamp": "timestamp[ms, tz=UTC]"}
    types |= {"map": "map<string, string>", "list": "list<element: string>"}
    schema = read(made).schema
    expected = [(column.name, types[column.type]) for column in COLUMNS[table]]
    assert [
        (field.name, str(field.type).replace(" ('tags')", "").replace(" ('unread')", "")) for field in schema
    ] == expected
    about = parquet.read_metadata(io.BytesIO(made)).metadata
    assert (
        about[b"auditor.lake"] == b"1" and about[b"auditor.table"] == table.encode() and about[b"auditor.run"] == b"r"
    )
    assert about.keys() >= {b"auditor.account", b"auditor.collected", b"auditor.tool"}


def test_every_finding_is_a_row_with_all_that_it_says() -> None:
    rows = read(findings_parquet(AUDIT, "r")).to_pylist()
    assert len(rows) == len(AUDIT.findings)
    texts = {text.id: text for text in AUDIT.rules}
    for row, finding in zip(rows, AUDIT.findings, strict=True):
        assert row["fingerprint"] == finding.fingerprint and row["arn"] == finding.resource.arn
        assert (row["status"], row["severity"], row["rule"]) == (finding.status, finding.severity, finding.rule)
        assert row["controls"] == texts[finding.rule].controls and row["title"] == texts[finding.rule].title
        assert row["suppressed"] is (finding.suppression is not None)
        assert (row["tags"] is None) is (finding.resource.tags is None)
        assert row["collected"].replace(tzinfo=UTC) == AUDIT.scan.collected.replace(microsecond=900_000)


def test_rows_come_in_groups_and_equal_runs_are_equal_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(lake.ROWS, "findings", 70)
    made = findings_parquet(AUDIT, "r")
    about = parquet.read_metadata(io.BytesIO(made))
    assert (about.num_row_groups, about.num_rows) == (5, 300) and made == findings_parquet(AUDIT, "r")


def test_an_audit_without_findings_is_a_file_too() -> None:
    assert read(findings_parquet(AUDIT.model_copy(update={"findings": []}), "r")).num_rows == 0


def test_every_resource_is_a_row_with_what_was_read_and_what_was_not(account: tuple[Inventory, Audit]) -> None:
    inventory = account[0]
    rows = read(resources_parquet(inventory, "r")).to_pylist()
    assert len(rows) == sum(map(len, inventory.resources.values())) > 30
    found = {(row["kind"], row["arn"], row["region"]): dict(row["unread"]) for row in rows}
    for resources in inventory.resources.values():
        for resource in resources:
            unread = found[view_of(type(resource)), resource.arn, resource.region]
            assert unread == {field: gap.reason for field, gap in resource.gaps.items()}
    assert any(found.values())


def test_a_resource_holds_what_a_snapshot_holds_and_nothing_secret(account: tuple[Inventory, Audit]) -> None:
    made = read(resources_parquet(account[0], "r")).to_pylist()
    instances = [row for row in made if row["kind"] == "ec2_instance"]
    assert len(instances) == 2 and all("ami-12c6146b" in row["properties"] for row in instances)
    assert SECRET not in str(made)


def test_half_a_surrogate_pair_does_not_cost_the_run() -> None:
    finding = AUDIT.findings[0]
    odd = finding.resource.model_copy(update={"name": "a\ud800", "tags": {"k\udfff": "v"}})
    audit = AUDIT.model_copy(update={"findings": [finding.model_copy(update={"resource": odd})]})
    (row,) = read(findings_parquet(audit, "r")).to_pylist()
    assert row["resource_name"] == "a?" and row["tags"] == [("k?", "v")]


def test_a_run_goes_where_the_lake_has_it_and_once(tmp_path: Path, account: tuple[Inventory, Audit]) -> None:
    inventory, audit = account
    run = run_of(audit)
    first = write(tmp_path, audit, inventory, run)
    assert write(tmp_path, audit, inventory, run) == first
    (number,), day = audit.scan.accounts, f"{audit.scan.collected:%Y-%m-%d}"
    written = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert written == [f"{table}/account={number}/date={day}/{run}.parquet" for table in ("findings", "resources")]


def test_a_report_of_several_accounts_is_a_file_for_each(tmp_path: Path) -> None:
    audit = make_audit(100, accounts=["000000000001", "000000000002"])
    files = write(tmp_path, audit, None, "r")
    tables = [read(path.read_bytes()) for path in files]
    assert [set(table["account"].to_pylist()) for table in tables] == [{"000000000001"}, {"000000000002"}]
    assert sum(table.num_rows for table in tables) == len(audit.findings)


def test_the_name_of_a_run_outlives_the_report_and_makes_no_path() -> None:
    again = Audit.model_validate_json(make_audit(5).model_dump_json())
    assert run_of(again) == run_of(make_audit(5)) and run_of(again).startswith("20251122T1841")
    assert path_of("findings", "1", "2025-01-02", "a/../b:c") == "findings/account=1/date=2025-01-02/a-..-b-c.parquet"


def test_every_type_has_a_view_of_its_own() -> None:
    names = {view_of(kind): kind for kind in Resource.kinds.values()}
    assert len(names) == len(Resource.kinds)
    assert not {"findings", "resources", "latest_findings", "latest_resources"} & names.keys()
    assert all(name.replace("_", "").isalnum() for name in names)
    fields = fields_of(names["ec2_instance"])
    assert fields["image_id"] == "VARCHAR" and fields["launch_time"] == "TIMESTAMP" and "arn" not in fields
    assert fields["metadata_options"] == fields["network_interfaces"] == "JSON"


def test_a_type_that_was_looked_for_in_vain_is_known() -> None:
    now = datetime(2025, 1, 2, tzinfo=UTC)
    header = Header(
        tool_version="0", account="123456789012", partition="aws", regions=("us-east-1",), started=now, finished=now,
        planned={"Volume": ()},
    )  # fmt: skip
    call = CallRecord(region="us-east-1", service="ec2", operation="DescribeVolumes", calls=1)
    about = parquet.read_metadata(io.BytesIO(resources_parquet(Inventory(header, {}, {}, (call,)), "r"))).metadata
    assert b'"ec2_volume":{' in about[b"auditor.kinds"]
