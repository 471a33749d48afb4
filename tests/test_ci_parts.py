"""What pipelines copy: the action's shell steps run for real, and the templates name what there is."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditor.cli import app
from auditor.plugins import load_reports
from tests.lab import Lab

ROOT = Path(__file__).parent.parent
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"]}


@pytest.fixture
def runner(tmp_path: Path, lab: Lab) -> Any:
    """Runs a step as GitHub would: its shell, its environment, its inputs filled in."""
    commands = tmp_path / "auditor" / "bin"
    commands.mkdir(parents=True)
    (commands / "auditor").write_text(f'#!/bin/sh\nexec {sys.executable} -m auditor "$@"\n')
    (commands / "auditor").chmod(0o755)
    outputs: dict[str, str] = {}
    files = {name: tmp_path / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}

    def run(name: str, **inputs: str) -> "subprocess.CompletedProcess[str]":
        given = {key: str(value.get("default", "")) for key, value in ACTION["inputs"].items()} | inputs

        def fill(text: str) -> str:
            text = re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda match: given[match[1]], text)
            return re.sub(r"\$\{\{ steps\.gate\.outputs\.([\w-]+) \}\}", lambda match: outputs[match[1]], text)

        environment = {name: fill(value) for name, value in STEPS[name].get("env", {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", fill(STEPS[name]["run"])],
            env={
                **os.environ, **lab.endpoint.credentials, **environment, "PYTHONPATH": str(ROOT),
                "RUNNER_TEMP": str(tmp_path), **{name: str(path) for name, path in files.items()},
            },
            cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        if files["GITHUB_OUTPUT"].exists():
            for line in files["GITHUB_OUTPUT"].read_text().splitlines():
                name_of, _, value = line.partition("=")
                outputs[name_of] = value
        return done

    return run


def test_the_action_audits_shows_and_decides(runner: Any, lab: Lab, tmp_path: Path) -> None:
    lab.client("ec2").create_volume(AvailabilityZone="us-east-1a", Size=1, Encrypted=False)
    asked = {"arguments": "--region us-east-1 --rule ec2-volume-encrypted", "fail-on": "informational ec2-*"}
    gate = runner("Gate", **asked)
    assert gate.returncode == 0 and "auditor gate failed: 1 finding breaks informational" in gate.stderr, gate.stderr
    written = {path.name for path in (tmp_path / "auditor-report").iterdir()}
    assert written >= {"report.json", "report.html", "report.sarif", "report.md", "report.github.txt"}
    shown = runner("Show")
    assert shown.stdout.startswith("::") and "ec2-volume-encrypted" in shown.stdout
    assert "## AWS audit of account" in (tmp_path / "GITHUB_STEP_SUMMARY").read_text()
    assert runner("Decide").returncode == 1


def test_the_action_judges_a_saved_report_against_a_baseline(runner: Any, lab: Lab, tmp_path: Path) -> None:
    asked = {"arguments": "--region us-east-1 --rule ec2-volume-encrypted"}
    runner("Gate", **asked)
    (tmp_path / "auditor-report" / "report.json").rename(tmp_path / "before.json")
    runner("Gate", report="before.json", baseline="before.json", **{"fail-on": "new:low", "min-coverage": "90"})
    assert runner("Decide").returncode == 0


def test_the_action_says_what_is_wrong(runner: Any, lab: Lab) -> None:
    gate = runner("Gate", **{"fail-on": "hihg"})
    assert "did you mean high?" in gate.stderr and runner("Decide").returncode == 2


def test_the_templates_name_what_there_is() -> None:
    known = {option for command in app.commands.values() for parameter in command.params for option in parameter.opts}
    formats = load_reports()
    for path in (ROOT / "action.yml", *(ROOT / "deploy" / "ci").iterdir()):
        text = path.read_text()
        yaml.safe_load(text)
        for line in text.splitlines():
            if "auditor gate" in line or line.strip().startswith("arguments=("):
                assert set(re.findall(r"(?<!\S)--[a-z-]+", line)) <= known, line
                for names in re.findall(r"--format ((?:[a-z]+ ?)+)", line):
                    assert set(names.split()) <= formats.keys(), line
        for name in re.findall(r"report\.[a-z.]+[a-z]", text):
            assert name in {f"report{made.suffix}" for made in formats.values()} | {"report.xml"}, name
