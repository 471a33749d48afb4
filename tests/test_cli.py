"""The commands as people run them: output, exit codes, and bad input in one line."""

import gzip
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from auditor import cli
from auditor.console import _state
from auditor.progress import Progress
from tests.conftest import Result
from tests.lab import RULES, Lab

ROOT_MFA = "iam-root-mfa-enabled"
VOLUMES = "ec2-volume-encrypted"


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
    assert result.code == 2


def test_a_report_that_cannot_be_written_goes_to_stdout(scan: Any, tmp_path: Path) -> None:
    (tmp_path / "out" / "report.html").mkdir(parents=True)
    result = scan("--format", "html", "--output", "out")
    assert json.loads(result.out)["findings"] and "stdout gets the report as JSON" in result.err
    assert result.code == 2


def command(*arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    """A run in a process of its own, for what pytest's stdout cannot show."""
    made = [sys.executable, "-m", "auditor", *arguments]
    return subprocess.run(made, stderr=subprocess.PIPE, text=True, timeout=60, check=False, **options)


def test_a_reader_that_leaves_is_no_mistake() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    result = command("rules", "--format", "json", stdout=writing)
    os.close(writing)
    assert result.returncode == 0 and result.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_stdout_that_cannot_be_written_is_said_in_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        result = command("rules", "--format", "json", stdout=full)
    assert result.returncode == 2 and "No space left" in result.stderr and result.stderr.count("\n") == 1


def test_a_stdout_that_is_closed_is_nobody_listening() -> None:
    result = command("rules", "--format", "json", preexec_fn=lambda: os.close(1))
    assert result.returncode == 0 and result.stderr == ""


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
        (["scan", "--endpoint-url", "http://127.0.0.1:99999"], "write it as http://"),
        (["scan", "--endpoint-url", "http://[::1"], "write it as http://"),
        (["scan", "--role-arn", "role/auditor"], "write it as arn:aws:iam::123456789012:role/name"),
        (["scan", "--role-arn", ""], "the value after --role-arn is empty"),
        (["scan", "--profile="], "the value after --profile= is empty"),
        (["scan", "--rules", "x.json"], "this is a file; name the folder"),
        (["scan", "--output", "x.json"], "x.json is a file: name a folder"),
        (["scan", "--output", "x.json/deep/er"], "x.json is a file: name a folder"),
        (["scan", "--output", "x" * 300], "File name too long"),
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


def test_rules_that_exit_do_not_end_the_program_as_if_all_were_done(run: Any, tmp_path: Path) -> None:
    (tmp_path / "exits.py").write_text("raise SystemExit(0)\n")
    result = run("rules", "--rules", str(tmp_path))
    assert result.code == 2 and "exits.py: SystemExit" in result.err and result.err.count("\n") == 1


def test_a_rule_that_raises_is_said_in_one_line(run: Any, lab: Lab, tmp_path: Path) -> None:
    lab.client("ec2").create_volume(AvailabilityZone="us-east-1a", Size=1)
    (tmp_path / "own").mkdir()
    own = OWN_RULE.replace("own_volume_small", "own_volume_odd").replace("return passed()", 'raise ValueError("a\\nb")')
    (tmp_path / "own" / "odd.py").write_text(own)
    result = run("scan", "--region", "us-east-1", "--rules", "own", "--rule", "own-volume-odd", "--quiet")
    RULES.pop("own-volume-odd", None)
    assert result.code == 3 and "rule own-volume-odd raised ValueError: a" in result.err
    assert result.err.count("\n") == 1


def test_an_endpoint_of_the_environment_is_checked(run: Any, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "localhost:4566")
    result = run("scan")
    assert result.code == 2 and "AWS_ENDPOINT_URL localhost:4566: write it as http://" in result.err


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


def test_a_folder_that_may_not_be_written_to_is_said_before_the_account_is_read(
    run: Any, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    result = run("scan", "--format", "json", "html")
    assert result.code == 2 and result.err.startswith("auditor: --output auditor-report: ")
    assert "may not be written to" in result.err and result.err.count("\n") == 1


def test_verbose_names_what_was_not_read(scan: Any, run: Any, lab: Lab) -> None:
    bucket = "verbose-bucket"
    lab.client("s3").create_bucket(Bucket=bucket)
    with lab.but(deny={"s3:GetBucketVersioning"}):
        result = run("scan", "--region", "us-east-1", "--rule", "s3-bucket-versioning-enabled", "--verbose")
    assert f"of arn:aws:s3:::{bucket}: s3:GetBucketVersioning in us-east-1 was denied" in result.err


@pytest.mark.parametrize("width", [40, 80, 140])
def test_the_live_display_is_two_lines_that_leave_room_for_what_the_terminal_echoes(width: int) -> None:
    progress = Progress(calls=1234, resources=56789)
    progress.pending_services.update(["cloudtrail", "ec2", "iam", "lambda", "rds", "s3", "sns", "sqs", "sts"])
    progress.pending_regions.update(["global", *(f"ap-northeast-{number}" for number in range(20))])
    screen = Console(width=width, file=io.StringIO(), force_terminal=False)
    with screen.capture() as captured:
        screen.print(_state(progress, 20, width))
    lines = captured.get().splitlines()
    assert len(lines) == 2 and max(len(line) for line in lines) <= width - 2
    assert "0/20 regions" in lines[0] and (width < 80 or "in 20 regions" in lines[1])


def test_a_second_ctrl_c_is_final_and_says_so(lab: Lab, tmp_path: Path) -> None:
    lab.endpoint.latency = 0.3
    command = [sys.executable, "-m", "auditor", "scan", "--format", "json", "--output", "out"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "Reading account" in line:
                process.send_signal(signal.SIGINT)
            if "Stopping" in line:
                break
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130 and "interrupted" in err and "Traceback" not in err
    assert not (tmp_path / "out").exists()


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


def test_ctrl_c_while_judging_does_not_cost_the_report(scan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from auditor import scan as scanning

    judge = scanning.assess

    def interrupted(*arguments: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return judge(*arguments)

    monkeypatch.setattr(scanning, "assess", interrupted)
    result = scan("--format", "json")
    assert result.code == 0 and json.loads(result.out)["findings"]
    assert "Ctrl-C again" in result.err


def test_several_values_of_an_option() -> None:
    assert cli.spread(["report", "--format", "json", "html", "-o", "out"]) == [
        "report", "--format", "json", "--format", "html", "-o", "out",
    ]  # fmt: skip
    assert cli.spread(["report", "--format", "json", "./saved.json"])[-1] == "./saved.json"
    assert cli.spread(["scan", "--region", "eu-west-1", "us-east-1"]).count("--region") == 2


def test_what_lies_in_the_folder_does_not_change_what_an_option_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s3").mkdir()
    (tmp_path / "html").mkdir()
    (tmp_path / "saved").write_text("")
    assert cli.spread(["scan", "--service", "iam", "s3"]).count("--service") == 2
    assert cli.spread(["report", "--format", "json", "html", "saved"])[-3:] == ["--format", "html", "saved"]
