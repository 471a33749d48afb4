"""The commands as people run them: output, exit codes, and bad input in one line."""

import gzip
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from auditor import cli
from tests.lab import RULES, Lab

ROOT_MFA = "iam-root-mfa-enabled"
VOLUMES = "ec2-volume-encrypted"


@dataclass
class Result:
    code: int
    out: str
    err: str


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    monkeypatch.chdir(tmp_path)

    def auditor(*arguments: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["auditor", *arguments])
        capsys.readouterr()
        try:
            cli.main()
            code = 0
        except SystemExit as left:
            code = int(left.code or 0)
        said = capsys.readouterr()
        return Result(code, said.out, said.err)

    return auditor


@pytest.fixture
def scan(run: Any, lab: Lab) -> Any:
    lab.client("ec2").create_volume(AvailabilityZone="us-east-1a", Size=1, Encrypted=False)
    lab.client("ec2").create_volume(AvailabilityZone="us-east-1a", Size=1, Encrypted=True)

    def scanning(*arguments: str) -> Result:
        result: Result = run("scan", "--region", "us-east-1", "--rule", VOLUMES, *arguments)
        return result

    return scanning


def test_one_format_goes_to_stdout_and_all_else_to_stderr(scan: Any) -> None:
    result = scan("--format", "json")
    report = json.loads(result.out)
    assert result.code == 0
    assert report["summary"]["findings"] == {"pass": 1, "fail": 1, "unknown": 0, "not_applicable": 0}
    assert report["scan"]["accounts"] == ["123456789012"] and report["scan"]["regions"] == ["us-east-1"]
    assert "Reading account 123456789012" in result.err


def test_several_formats_go_into_a_folder(scan: Any, tmp_path: Path) -> None:
    result = scan("--format", "json", "html", "--output", "out")
    assert result.code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"report.json", "report.html"}
    assert "out/report.html" in result.out


def test_without_a_format_there_is_a_summary(scan: Any) -> None:
    result = scan()
    assert result.code == 0 and VOLUMES in result.out and "\x1b[" not in result.out


def test_quiet_says_nothing_but_the_report(scan: Any) -> None:
    result = scan("--quiet", "--format", "json")
    assert result.err == "" and json.loads(result.out)
    assert scan("--quiet").out == ""


def test_what_was_not_read_sets_the_exit_code(scan: Any, lab: Lab) -> None:
    with lab.but(deny={"ec2:DescribeVolumes"}):
        result = scan("--format", "json", "--verbose")
    assert result.code == 3
    assert "allow ec2:DescribeVolumes" in result.err
    (finding,) = json.loads(result.out)["findings"]
    assert finding["status"] == "unknown" and finding["resource"]["arn"].endswith("volume/*")


def test_a_snapshot_is_judged_offline_with_the_same_findings(scan: Any, run: Any, lab: Lab) -> None:
    live = scan("--format", "json", "--save-snapshot", "account.snapshot")
    lab.endpoint.reset()
    before = sum(lab.endpoint.seen.values())
    offline = run("scan", "--snapshot", "account.snapshot", "--rule", VOLUMES, "--format", "json")
    assert json.loads(live.out)["findings"] == json.loads(offline.out)["findings"]
    assert sum(lab.endpoint.seen.values()) == before and offline.code == 0


def test_a_snapshot_that_lacks_what_a_rule_needs_says_unknown(scan: Any, run: Any) -> None:
    scan("--quiet", "--save-snapshot", "account.snapshot")
    offline = run("scan", "--snapshot", "account.snapshot", "--rule", ROOT_MFA, "--format", "json")
    (finding,) = json.loads(offline.out)["findings"]
    assert finding["status"] == "unknown" and "no rule of that scan needed it" in finding["message"]


def test_a_snapshot_that_cannot_be_written_costs_no_report(scan: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = scan("--format", "json", "--save-snapshot", "file/account.snapshot")
    assert json.loads(result.out)["findings"] and "could not be written" in result.err


def test_a_saved_report_is_rendered_again(scan: Any, run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scan("--format", "json", "html", "--output", "out", "--quiet")
    assert run("report", "out/report.json", "--format", "html").out == (tmp_path / "out/report.html").read_text()
    with (tmp_path / "out/report.json").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert run("report", "-", "--format", "json").out == (tmp_path / "out/report.json").read_text()


OWN_RULE = '''
from auditor.findings import Severity
from auditor.resources.ec2 import Volume
from auditor.rule import Verdict, failed, passed, rule


@rule(severity=Severity.LOW, notes="ours")
def own_volume_small(volume: Volume) -> Verdict:
    """Volumes are small.

    Risk: large ones cost money that nobody planned for.
    Fix: aws ec2 delete-volume --volume-id {id}
    """
    return passed()
'''


def test_rules_of_ones_own(run: Any, lab: Lab, tmp_path: Path) -> None:
    lab.client("ec2").create_volume(AvailabilityZone="us-east-1a", Size=1)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "volumes.py").write_text(OWN_RULE)
    result = run("scan", "--region", "us-east-1", "--rules", "own", "--rule", "own-volume-small", "--format", "json")
    assert [finding["status"] for finding in json.loads(result.out)["findings"]] == ["pass"]
    RULES.pop("own-volume-small", None)


def test_the_catalogue(run: Any) -> None:
    listed = json.loads(run("rules", "--format", "json").out)
    assert {rule["id"] for rule in listed} >= {VOLUMES, ROOT_MFA}
    assert listed[0].keys() >= {"id", "title", "severity", "category", "resource_types", "controls"}
    assert VOLUMES in run("rules", "--service", "ec2").out
    assert ROOT_MFA not in run("rules", "--service", "ec2").out


def test_explain(run: Any) -> None:
    result = run("explain", VOLUMES)
    assert result.code == 0
    for part in ("risk", "fix", "SecurityHub EC2.3", "ec2:DescribeVolumes"):
        assert part in result.out


def test_permissions(run: Any) -> None:
    made = json.loads(run("permissions", "--rule", VOLUMES).out)
    actions = {action for statement in made["Statement"] for action in statement["Action"]}
    assert actions == {"ec2:DescribeVolumes", "ec2:DescribeRegions", "sts:GetCallerIdentity"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["scan", "--nope"], "No such option"),
        (["scna"], "scan"),
        (["scan", "--rule", "iam-root-mfa-enabeld"], "did you mean iam-root-mfa-enabled?"),
        (["scan", "--service", "ec3"], "unknown service ec3"),
        (["scan", "--category", "safety"], "unknown category safety"),
        (["scan", "--format", "htlm"], "did you mean html?"),
        (["scan", "--concurrency", "0"], "concurrency"),
        (["scan", "--external-id", "x"], "goes with --role-arn"),
        (["scan", "--endpoint-url", "localhost:4566"], "write it as http://"),
        (["scan", "--region", "eu-west-99", "us-east-1"], "unknown region eu-west-99"),
        (["scan", "--profile", "nobody"], "nobody"),
        (["scan", "--snapshot", "none.snapshot"], "none.snapshot"),
        (["scan", "--snapshot", "x.json"], "not gzip-compressed"),
        (["scan", "--snapshot", "x.json", "--region", "us-east-1"], "goes with no option that reads an account"),
        (["scan", "--config", "none.toml"], "none.toml"),
        (["scan", "--rules", "none"], "no such folder"),
        (["scan", "--quiet", "--verbose"], "exclude each other"),
        (["explain", "nothing"], "unknown rule nothing"),
        (["report", "none.json"], "cannot be read"),
        (["report", "x.json"], "not a JSON report"),
        (["report", "x.json", "--format", "pdf"], "unknown format pdf"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    run: Any, lab: Lab, tmp_path: Path, arguments: list[str], said: str
) -> None:
    (tmp_path / "x.json").write_text("{}")
    result = run(*arguments)
    assert result.code == 2 and result.out == ""
    assert said in result.err and result.err.count("\n") == 1, result.err


def test_rules_that_do_not_load_are_said_in_one_line(run: Any, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("from auditor.rule import nothing_of_this_name\n")
    result = run("rules", "--rules", str(tmp_path))
    assert result.code == 2 and "broken.py: ImportError" in result.err and result.err.count("\n") == 1


def test_an_account_that_cannot_be_reached_is_exit_code_4(run: Any, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run("scan", "--endpoint-url", "http://127.0.0.1:9", "--region", "us-east-1")
    assert result.code == 4 and "cannot be reached" in result.err and result.err.count("\n") == 1


def test_no_credentials_is_exit_code_4(run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    result = run("scan")
    assert result.code == 4 and "no AWS credentials found" in result.err and result.err.count("\n") == 1


def test_ctrl_c_judges_what_is_there_and_writes_the_reports(lab: Lab, tmp_path: Path) -> None:
    lab.client("iam").create_user(UserName="anna")
    lab.endpoint.latency = 0.3
    command = [
        sys.executable, "-m", "auditor", "scan", "--format", "json", "html", "--output", "out",
        "--save-snapshot", "account.snapshot",
    ]  # fmt: skip
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "Reading account" in line:
                break
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert process.returncode == 3 and "Traceback" not in err
    assert report["scan"]["interrupted"] and report["coverage"]["not_assessed"] > 0
    assert {finding["status"] for finding in report["findings"]} >= {"unknown"}
    assert (tmp_path / "out" / "report.html").exists()
    header = json.loads(gzip.decompress((tmp_path / "account.snapshot").read_bytes()).splitlines()[0])
    assert header["interrupted"]


def test_several_values_of_an_option() -> None:
    assert cli.spread(["report", "--format", "json", "html", "-o", "out"]) == [
        "report", "--format", "json", "--format", "html", "-o", "out",
    ]  # fmt: skip
    assert cli.spread(["report", "--format", "json", "./saved.json"])[-1] == "./saved.json"
    assert cli.spread(["scan", "--region", "eu-west-1", "us-east-1"]).count("--region") == 2
