"""Many accounts audited side by side from one machine, against emulated accounts that a role gives access to."""

import asyncio
import gzip
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from auditor import steps, steps_organization
from auditor.audit import load
from auditor.aws.session import Access
from auditor.demo.endpoint import Error
from auditor.organization import BadAccounts, Folder, Run, Target, from_file, reached, reduce
from auditor.plan import plan
from auditor.rollup import Rollup
from auditor.scan import assess
from tests.lab import RULES, Lab

DENIED = "222222222222"
ACCOUNTS = ("111111111111", DENIED, "333333333333")
RULE = "ec2-volume-encrypted"
ASKED = ("--region", "us-east-1", "--rule", RULE)


def assumed(params: Mapping[str, Any], *_: str) -> Error | None:
    """The role is missing in one account; in the others moto gives what is asked for."""
    if f"::{DENIED}:" in params["RoleArn"]:
        return Error("AccessDenied", f"not authorized to perform: sts:AssumeRole on {params['RoleArn']}", 403)
    return None


@pytest.fixture
def many(lab: Lab, tmp_path: Path) -> Path:
    """A file of three accounts, each with a volume that is not encrypted; one of them denies the role."""
    for account in ACCOUNTS:
        lab.endpoint.client("ec2", "us-east-1", account).create_volume(
            AvailabilityZone="us-east-1a", Size=1, Encrypted=False
        )
    lab.endpoint.answers = {"sts:AssumeRole": assumed}
    file = tmp_path / "accounts.txt"
    file.write_text("# ours\n111111111111 payments\n222222222222\tshop # new\n\n333333333333\n")
    return file


def report(folder: Path) -> Rollup:
    return Rollup.model_validate_json((folder / "organization.json").read_bytes())


def test_every_account_is_in_one_report_and_the_one_not_reached_comes_first(
    run: Any, lab: Lab, many: Path, tmp_path: Path
) -> None:
    done = run("scan", "--accounts", str(many), "--output", "out", "--external-id", "x-1", "--format", "csv", *ASKED)
    assert done.code == 3, done.err
    out = tmp_path / "out"
    made = report(out)
    assert [(each.account, each.name, each.code) for each in made.not_reached] == [(DENIED, "shop", "CannotStart")]
    assert "AccessDenied" in made.not_reached[0].message
    assert (made.expected, made.reached, made.complete) == (3, 2, False)
    assert {row.account: row.name for row in made.accounts} == {ACCOUNTS[0]: "payments", ACCOUNTS[2]: ""}
    assert [(rule.rule, rule.failures, rule.accounts) for rule in made.rules] == [(RULE, 2, 2)]
    assert (out / f"account={ACCOUNTS[0]}.csv").exists()
    audit = load(gzip.decompress((out / made.accounts[0].report).read_bytes()), "report")
    assert audit.scan.accounts == [made.accounts[0].account] and len(audit.failures) == 1
    page, markdown = (out / "organization.html").read_text(), (out / "organization.md").read_text()
    for text in (page, markdown, done.out):
        assert text.index(DENIED) < text.index(RULE)
    assert "<script" not in page and f"{DENIED} (shop) was not reached" in done.err


def test_a_run_goes_on_where_it_ended(run: Any, lab: Lab, many: Path, tmp_path: Path) -> None:
    asked = ("scan", "--accounts", str(many), *ASKED)
    assert run(*asked, "--output", "out").code == 3
    first = report(tmp_path / "out")
    read = lab.endpoint.seen["ec2", "DescribeVolumes", "us-east-1"]
    lab.endpoint.answers = {}
    again = run(*asked, "--resume", "out")
    assert again.code == 0, again.err
    assert lab.endpoint.seen["ec2", "DescribeVolumes", "us-east-1"] == read + 1
    made = report(tmp_path / "out")
    assert (made.reached, made.not_reached, made.run) == (3, [], first.run)
    assert not (tmp_path / "out" / f"account={DENIED}.error.json").exists()


def test_what_changed_since_an_earlier_run_is_summed_over_the_accounts(
    run: Any, lab: Lab, many: Path, tmp_path: Path
) -> None:
    asked = ("scan", "--accounts", str(many), *ASKED)
    run(*asked, "--output", "before")
    lab.endpoint.client("ec2", "us-east-1", ACCOUNTS[0]).create_volume(
        AvailabilityZone="us-east-1a", Size=2, Encrypted=False
    )
    lab.endpoint.answers = {}
    assert run(*asked, "--output", "after", "--baseline", "before").code == 0
    made = report(tmp_path / "after")
    assert made.changes is not None and (made.changes.new, made.changes.remaining, made.compared) == (1, 2, 2)
    assert [each.account for each in made.changes.worst_new] == [ACCOUNTS[0]]
    assert {row.account: row.new for row in made.accounts} == {ACCOUNTS[0]: 1, DENIED: None, ACCOUNTS[2]: 0}


def test_an_account_that_breaks_costs_itself_only(
    run: Any, lab: Lab, many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = steps.assess_inventory

    def broken(inventory: Any, *rest: Any, **how: Any) -> Any:
        if inventory.account == ACCOUNTS[0]:
            raise KeyError("Tags")
        return judge(inventory, *rest, **how)

    monkeypatch.setattr(steps_organization, "assess_inventory", broken)
    assert run("scan", "--accounts", str(many), "--output", "out", *ASKED).code == 3
    lost = {each.account: each.code for each in report(tmp_path / "out").not_reached}
    assert lost == {ACCOUNTS[0]: "Defect", DENIED: "CannotStart"}


@pytest.fixture
def organization(lab: Lab) -> dict[str, str]:
    """A payer with two units, one below the other, and an account in each; one is suspended."""
    client = lab.client("organizations")
    client.create_organization(FeatureSet="ALL")
    root = client.list_roots()["Roots"][0]["Id"]
    outer = client.create_organizational_unit(ParentId=root, Name="outer")["OrganizationalUnit"]["Id"]
    inner = client.create_organizational_unit(ParentId=outer, Name="inner")["OrganizationalUnit"]["Id"]
    made = {"outer": outer, "inner": inner}
    for name, unit in (("shop", outer), ("bank", inner), ("free", root)):
        answer = client.create_account(AccountName=name, Email=f"{name}@example.com")
        made[name] = answer["CreateAccountStatus"]["AccountId"]
        client.move_account(AccountId=made[name], SourceParentId=root, DestinationParentId=unit)
    client.tag_resource(ResourceId=made["bank"], Tags=[{"Key": "env", "Value": "prod"}])
    return made


def test_the_organization_names_its_accounts(run: Any, lab: Lab, organization: dict[str, str], tmp_path: Path) -> None:
    def scanned(out: str, *options: str) -> set[str]:
        done = run("scan", "--organization", *options, "--output", out, *ASKED)
        assert done.code == 0, done.err
        return {row.name for row in report(tmp_path / out).accounts}

    assert scanned("all") == {"master", "shop", "bank", "free"}
    assert scanned("below", "--ou", organization["outer"]) == {"shop", "bank"}
    assert scanned("tagged", "--ou", organization["outer"], "--account-tag", "env=prod") == {"bank"}
    # Its own account is read with the credentials at hand.
    assert lab.endpoint.seen["sts", "AssumeRole", "us-east-1"] == 6


@pytest.mark.parametrize(
    ("options", "said", "code"),
    [
        (("--organization", "--ou", "ou-none-11111111"), "no such organizational unit", 2),
        (("--organization", "--account-tag", "env=nowhere"), "no active account is in these units", 2),
        (("--ou", "ou-ab12-11111111"), "--ou goes with --organization", 2),
        (("--accounts", "none.txt"), "none.txt cannot be read", 2),
        (("--organization", "--role-arn", "arn:aws:iam::123456789012:role/x"), "name the role with --role", 2),
        (("--organization", "--snapshot", "x.gz"), "--snapshot is about one account", 2),
        (("--organization", "--resume", "nowhere"), "name the folder of a run", 2),
        (("--organization", "--baseline", "none.json"), "name the folder of an earlier run", 2),
    ],
)
def test_what_makes_no_sense_is_refused(
    run: Any, organization: dict[str, str], options: tuple[str, ...], said: str, code: int
) -> None:
    done = run("scan", *options, *ASKED)
    assert done.code == code and said in done.err and len(done.err.splitlines()) == 1, done.err


def test_who_may_not_list_the_organization_is_told(run: Any, lab: Lab, organization: dict[str, str]) -> None:
    with lab.but(deny=["organizations:ListAccounts"]):
        done = run("scan", "--organization", *ASKED)
    assert done.code == 4 and "--accounts FILE" in done.err and len(done.err.splitlines()) == 1


def test_another_run_is_not_mixed_in(run: Any, many: Path) -> None:
    run("scan", "--accounts", str(many), "--output", "out", *ASKED)
    assert "--resume out" in run("scan", "--accounts", str(many), "--output", "out", *ASKED).err
    other = run("scan", "--accounts", str(many), "--resume", "out", "--region", "us-west-2", "--rule", RULE)
    assert other.code == 2 and "other regions" in other.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("12345", "is no account id"),
        ("", "names no account"),
        ("111111111111\n111111111111", "twice"),
        ('["111111111111", 5]', "account 2"),
        ('[{"account": "111111111111", "rol": "x"}]', "rol"),
        ("{", "is not JSON"),
        ('{"Account": 1}', "a JSON list"),
    ],
)
def test_a_file_of_accounts_that_is_wrong_says_where(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "accounts"
    file.write_text(text)
    with pytest.raises(BadAccounts, match=said):
        from_file(file)


def test_a_file_of_accounts_may_be_what_the_aws_cli_prints(tmp_path: Path) -> None:
    file = tmp_path / "accounts.json"
    listed = [{"Id": "111111111111", "Name": "a", "Status": "ACTIVE"}, {"Id": "222222222222", "Status": "SUSPENDED"}]
    file.write_text(json.dumps({"Accounts": listed}))
    assert from_file(file) == (Target(account="111111111111", name="a"),)


def test_each_account_is_reached_by_its_role_and_the_own_one_without() -> None:
    targets = [Target(account=account) for account in ACCOUNTS]
    made = reached(targets, own=ACCOUNTS[0], partition="aws-cn", role="r", external_id="x")
    assert [target.role_arn for target in made] == [
        None, f"arn:aws-cn:iam::{DENIED}:role/r", f"arn:aws-cn:iam::{ACCOUNTS[2]}:role/r",
    ]  # fmt: skip


def test_a_damaged_account_is_read_again(run: Any, lab: Lab, many: Path, tmp_path: Path) -> None:
    asked = ("scan", "--accounts", str(many), *ASKED)
    run(*asked, "--output", "out")
    folder = Folder(tmp_path / "out")
    folder.digest(ACCOUNTS[0]).write_text('{"format": ')
    lab.endpoint.answers = {}
    assert folder.done(ACCOUNTS[0]) is None and folder.done(ACCOUNTS[2]) is not None
    assert run(*asked, "--resume", "out").code == 0


def test_what_was_not_begun_when_the_run_was_stopped_is_not_reached(lab: Lab, tmp_path: Path) -> None:
    rule, targets = RULES[RULE], [Target(account="123456789012"), Target(account=DENIED), Target(account=ACCOUNTS[2])]
    access = Access(endpoint_url=lab.endpoint.url, regions=("us-east-1",))
    audits = Run(
        Folder(tmp_path), access, plan([rule]), lambda read: assess(read, [rule]), 1, 16, lambda *_: audits.stop()
    )  # fmt: skip
    asyncio.run(audits.all(targets))
    now = datetime.now(UTC)
    made = reduce(audits.folder, targets, run="r", started=now, finished=now)
    assert made.reached == 1 and {each.account: each.code for each in made.not_reached} == {
        DENIED: "NotAsked", ACCOUNTS[2]: "NotAsked",
    }  # fmt: skip


def test_every_account_lands_in_the_lake(run: Any, many: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    run("scan", "--accounts", str(many), "--output", "out", "--lake", "lake", *ASKED)
    landed = {path.parent.parent.name for path in (tmp_path / "lake").rglob("*.parquet")}
    assert landed == {f"account={account}" for account in ACCOUNTS if account != DENIED}
