"""`gate`, `diff`, `suppress`, `init` and `config` as pipelines and people run them."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from auditor.audit import Audit
from auditor.edit import TEMPLATE
from auditor.findings import Finding, Status
from auditor.plugins import load_reports, load_rules
from auditor.settings import Settings, load, schema
from tests.factory import make_audit
from tests.lab import RULES, Lab

VOLUMES = "ec2-volume-encrypted"
AUDIT = make_audit(60, weights=(0.6, 0.4, 0, 0), suppressed=0)
FAILED = AUDIT.failures[0]
ACCEPT = ("--reason", "known", "--owner", "me", "--expires", "90d")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return save(
        AUDIT.model_copy(update={"coverage": AUDIT.coverage.model_copy(update={"gaps": []})}), tmp_path / "r.json"
    )


def save(audit: Audit, path: Path) -> Path:
    path.write_text("".join(load_reports()["json"].text(audit)))
    return path


def without(*gone: Finding) -> Audit:
    prints = {finding.fingerprint for finding in gone}
    return AUDIT.model_copy(update={"findings": [f for f in AUDIT.findings if f.fingerprint not in prints]})


def test_a_saved_report_passes_or_fails(run: Any, saved: Path) -> None:
    failed = run("gate", "r.json")
    assert failed.code == 1 and failed.out == "" and failed.err.startswith("auditor gate failed: ")
    assert failed.err.count("\n") == 1
    passed = run("gate", "r.json", "--fail-on", "critical>999")
    assert passed.code == 0 and passed.err.startswith("auditor gate passed: ")


def test_a_scan_passes_or_fails(run: Any, lab: Lab) -> None:
    lab.client("ec2").create_volume(AvailabilityZone="us-east-1a", Size=1, Encrypted=False)
    asked = ("gate", "--region", "us-east-1", "--rule", VOLUMES, "--fail-on", "informational")
    result = run(*asked)
    assert result.code == 1 and "1 finding breaks informational" in result.err.splitlines()[-1]
    with lab.but(deny=["ec2:DescribeVolumes"]):
        assert run(*asked).code == 3
        covered = run(*asked, "--min-coverage", "95")
        assert covered.code == 1 and "95 % are asked for" in covered.err
        assert run(*asked, "--min-coverage", "0").code == 0


def test_only_what_is_new_breaks_the_build(run: Any, saved: Path, tmp_path: Path) -> None:
    save(AUDIT, tmp_path / "same.json")
    assert run("gate", "r.json", "--baseline", "same.json").code == 0
    save(without(FAILED), tmp_path / "before.json")
    result = run("gate", "r.json", "--baseline", "before.json", "--fail-on", "new:informational", "--explain")
    assert result.code == 1 and FAILED.fingerprint in result.out
    assert result.out.count(FAILED.rule) >= 1 and "1 finding breaks" in result.err


def test_reports_are_written_whatever_the_gate_says(run: Any, saved: Path, tmp_path: Path) -> None:
    save(without(FAILED), tmp_path / "before.json")
    result = run("gate", "r.json", "--baseline", "before.json", "--format", "json", "--output", "out")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert result.code in (0, 1) and report["comparison"]["new"] == [FAILED.fingerprint]


def test_the_file_says_when_the_gate_fails(run: Any, saved: Path, tmp_path: Path) -> None:
    (tmp_path / "auditor.toml").write_text('[gate]\nfail_on = ["critical>999"]\nmin_coverage = 100\n')
    assert run("gate", "r.json").code == 0
    assert run("gate", "r.json", "--fail-on", "informational").code == 1
    (tmp_path / "auditor.toml").write_text('[gate]\nfail_on = ["informational"]\nsoft_fail = ["*"]\n')
    soft = run("gate", "r.json", "--explain", "-v")
    assert soft.code == 0 and "only warn" in soft.err and FAILED.fingerprint in soft.out


def test_settings_stand_in_pyproject_too(run: Any, saved: Path, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.other]\nx = 1\n")
    assert run("gate", "r.json").code == 1
    (tmp_path / "pyproject.toml").write_text('[tool.auditor.gate]\nfail_on = ["critical>999"]\n')
    assert run("gate", "r.json").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gate", "r.json", "--fail-on", "hihg"], "did you mean high?"),
        (["gate", "r.json", "--fail-on", "new:high"], "--baseline"),
        (["gate", "r.json", "--baseline", "none.json"], "none.json cannot be read"),
        (["gate", "r.json", "--region", "us-east-1"], "goes with a scan"),
        (["gate", "none.json"], "cannot be read"),
        (["gate", "r.json", "--min-coverage", "120"], "0<=x<=100"),
        (["gate", "r.json", "--format", "pdf"], "unknown format"),
        (["diff", "r.json", "none.json"], "cannot be read"),
        (["diff", "r.json", "other.json"], "no account in common"),
        (["suppress", "abc", *ACCEPT], "copy the 32 digits"),
        (["suppress", "0" * 32, *ACCEPT, "--report", "r.json"], "has no finding"),
        (["suppress", "0" * 32, "--reason", "x", "--owner", "y", "--expires", "soon"], "2027-01-31 or 90d"),
        (["init", "r.json"], "is there already"),
        (["config", "check"], "auditor init"),
        (["scan", "--framework", "cis-6.0"], "did you mean cis-5.0"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    run: Any, saved: Path, tmp_path: Path, arguments: list[str], said: str
) -> None:
    save(make_audit(3, accounts=["999999999999"]), tmp_path / "other.json")
    result = run(*arguments)
    assert result.code == 2 and said in result.err and result.err.count("\n") == 1, result.err


def test_diff(run: Any, saved: Path, tmp_path: Path) -> None:
    save(without(FAILED), tmp_path / "before.json")
    result = run("diff", "before.json", "r.json")
    assert result.code == 0 and result.out.startswith("new: 1\n") and FAILED.fingerprint in result.out
    machine = json.loads(run("diff", "before.json", "r.json", "--format", "json").out)
    assert machine["new"] == [FAILED.fingerprint] and machine["remaining"] == len(AUDIT.failures) - 1


def test_a_finding_is_accepted_and_the_comments_stay(run: Any, saved: Path, tmp_path: Path) -> None:
    path = tmp_path / "auditor.toml"
    path.write_text("# ours\n[gate] # breaks the build\nfail_on = ['critical>999']")
    result = run("suppress", FAILED.fingerprint, *ACCEPT, "--report", "r.json")
    assert result.code == 0, result.err
    text = path.read_text()
    assert text.startswith("# ours\n[gate] # breaks the build\n") and f"# {FAILED.rule}: {FAILED.resource.arn}" in text
    assert [entry.fingerprint for entry in load(path).suppress] == [FAILED.fingerprint]
    report = json.loads(run("gate", "r.json", "--format", "json").out)
    (marked,) = [f for f in report["findings"] if f["suppression"]]
    assert marked["fingerprint"] == FAILED.fingerprint and marked["suppression"]["owner"] == "me"
    again = run("suppress", FAILED.fingerprint, *ACCEPT)
    assert again.code == 2 and "has" in again.err and path.read_text() == text


def test_a_file_that_leaves_no_room_is_left_alone(run: Any, tmp_path: Path) -> None:
    text = 'suppress = [{rule = "a", reason = "b", owner = "c", expires = 2030-01-01}]\n'
    (tmp_path / "auditor.toml").write_text(text)
    result = run("suppress", "0" * 32, *ACCEPT)
    assert result.code == 2 and "nothing can be added" in result.err
    assert (tmp_path / "auditor.toml").read_text() == text


def test_an_unknown_cannot_be_accepted(run: Any, tmp_path: Path) -> None:
    unread = FAILED.model_copy(update={"status": Status.UNKNOWN})
    save(AUDIT.model_copy(update={"findings": [unread]}), tmp_path / "r.json")
    result = run("suppress", unread.fingerprint, *ACCEPT, "--report", "r.json")
    assert result.code == 2 and "nobody can accept what is not known" in result.err
    assert not (tmp_path / "auditor.toml").exists()


def test_it_goes_into_pyproject_where_the_settings_are(run: Any, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.auditor.scan]\nconcurrency = 3\n")
    assert run("suppress", "0" * 32, *ACCEPT).code == 0
    assert load(tmp_path / "pyproject.toml").suppress[0].owner == "me"


def test_init_writes_settings_that_change_nothing(run: Any, tmp_path: Path) -> None:
    assert run("init").code == 0
    assert load(tmp_path / "auditor.toml") == Settings()
    assert run("init").code == 2 and run("init", "--force").code == 0


def test_what_init_comments_out_is_true() -> None:
    """Every commented setting can be switched on, and is what it says."""
    kept = [line for line in TEMPLATE.splitlines() if " = " in line or line.startswith(("[", "# ["))]
    lines = [line.removeprefix("# ") for line in kept]
    made = Settings.model_validate(tomllib.loads("\n".join(lines)))
    assert made.scan.concurrency == Settings().scan.concurrency and made.suppress and made.overrides
    assert made.gate.fail_on == ("high",)
    assert set(made.rules) <= RULES.keys()
    shown = {name for table in (made.scan, made.report, made.gate) for name in table.model_fields_set}
    assert shown == {name for table in (made.scan, made.report, made.gate) for name in type(table).model_fields}


def test_config_check_says_what_the_file_does(run: Any, saved: Path, tmp_path: Path) -> None:
    entry = f'[[suppress]]\nfingerprint = "{FAILED.fingerprint}"\nreason = "a"\nowner = "b"\nexpires = 2999-01-01\n'
    other = '[[suppress]]\nrule = "nobody-*"\n'
    text = f'[rules.{VOLUMES}]\nenabled = false\n[gate]\nfail_on = ["critical>999"]\n{entry}'
    (tmp_path / "auditor.toml").write_text(f'{text}{other}reason = "a"\nowner = "b"\nexpires = 2999-01-01\n')
    result = run("config", "check", "r.json")
    assert result.code == 0, result.err
    every = load_rules()
    running = sum(rule.off is None for rule in every.values()) - 1
    assert f"{running} of {len(every)} rules run" in result.out.replace(",", "")
    assert f"{VOLUMES}: enabled = False" in result.out and "no rule is called so" in result.out
    assert f"fingerprint {FAILED.fingerprint}: 1 failures" in result.out and "the gate passed" in result.out


def test_the_schema_that_ships_is_current(run: Any) -> None:
    shipped = (Path(__file__).parent.parent / "auditor" / "settings.schema.json").read_text()
    assert shipped == schema() == run("config", "schema").out


def test_rules_differ_by_account(run: Any, lab: Lab, tmp_path: Path) -> None:
    lab.client("ec2").create_volume(AvailabilityZone="us-east-1a", Size=1, Encrypted=False)
    (tmp_path / "auditor.toml").write_text(
        f'[[overrides]]\naccounts = ["123456789012"]\n[overrides.rules.{VOLUMES}]\nseverity = "low"\n'
        '[[overrides]]\naccounts = ["210987654321"]\n[overrides.rules.iam-root-mfa-enabled]\nenabled = false\n'
    )
    result = run("scan", "--region", "us-east-1", "--rule", VOLUMES, "--format", "json")
    assert {finding["severity"] for finding in json.loads(result.out)["findings"]} == {"low"}
    (tmp_path / "auditor.toml").write_text(
        f"[rules.{VOLUMES}]\nenabled = false\n"
        f'[[overrides]]\naccounts = ["123456789012"]\n[overrides.rules.{VOLUMES}]\nenabled = true\n'
    )
    result = run("scan", "--region", "us-east-1", "--service", "ec2", "--format", "json")
    assert VOLUMES in {finding["rule"] for finding in json.loads(result.out)["findings"]}


def test_a_framework_selects_rules(run: Any) -> None:
    listed = json.loads(run("rules", "--framework", "CIS-5.0", "--format", "json").out)
    assert listed and all(any(c.startswith("CIS-5.0") for c in rule["controls"]) for rule in listed)


def test_rules_differ_by_what_the_organization_says_of_an_account(run: Any, lab: Lab, tmp_path: Path) -> None:
    lab.client("ec2").create_volume(AvailabilityZone="us-east-1a", Size=1, Encrypted=False)
    organizations = lab.client("organizations")
    organizations.create_organization(FeatureSet="ALL")
    organizations.tag_resource(ResourceId="123456789012", Tags=[{"Key": "env", "Value": "staging-eu"}])
    for wanted, severity in (("staging-*", "low"), ("production", "medium")):
        (tmp_path / "auditor.toml").write_text(
            f'[[overrides]]\naccount_tags = {{env = "{wanted}"}}\n[overrides.rules.{VOLUMES}]\nseverity = "low"\n'
        )
        result = run("scan", "--region", "us-east-1", "--rule", VOLUMES, "--format", "json")
        assert {finding["severity"] for finding in json.loads(result.out)["findings"]} == {severity}, result.err
    with lab.but(deny=["organizations:ListTagsForResource"]):
        result = run("scan", "--region", "us-east-1", "--rule", VOLUMES, "--format", "json")
    assert result.code == 3 and "overrides by account_tags do not apply" in result.err
