"""Nothing that is secret leaves the collector: a whole scan is searched for what the demo's boot scripts hold."""

import base64
import gzip
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor import plugins
from auditor.demo import company as demo
from auditor.demo.endpoint import Endpoint
from auditor.demo.seed_compute import _script
from auditor.inventory import load, save
from tests.lab import RULES, Lab
from tests.northwind import Scanned
from tests.rules.ec2_answers import launch

SCRIPTS = {kind: _script(kind) for kind in ("password", "key")}
PASSWORD = re.findall(r"PASSWORD='(.+)'", SCRIPTS["password"])
KEYS = re.findall(r"aws_(?:secret_access_key|access_key_id) (\S+)", SCRIPTS["key"])
PLANTED = (*PASSWORD, *KEYS)
USER_DATA = "ec2-instance-user-data-no-secrets"
TEMPLATES = "ec2-launch-template-user-data-no-secrets"
GZIP = re.compile(r"H4sI[A-Za-z0-9+/]{20,}={0,2}")


def needles() -> list[str]:
    """The planted values in every form in which they could slip through: as they are, in base64, escaped."""
    forms = [*PLANTED, *(line for script in SCRIPTS.values() for line in script.splitlines()[1:])]
    for text in (*PLANTED, *SCRIPTS.values()):
        # In base64, a value looks in one of three ways, whatever stands before and after it.
        forms += [base64.b64encode(b"x" * shift + text.encode()).decode()[4:-4] for shift in range(3)]
    return [form for form in forms if len(form) > 10]


def inflated(page: str) -> str:
    """A page, and all that is compressed in it."""
    parts = [gzip.decompress(base64.b64decode(run)).decode() for run in GZIP.findall(page)]
    assert parts, "the page holds its findings compressed"
    return page + "".join(parts)


def leaks(text: str) -> list[str]:
    return [needle for needle in needles() if needle in text or json.dumps(needle)[1:-1] in text]


def test_there_is_something_to_find(company: Scanned) -> None:
    assert len(PLANTED) == 3 and len(needles()) > 10
    found = {f.rule: f for f in company.audit.findings if f.rule in (USER_DATA, TEMPLATES) and f.status == "fail"}
    assert found.keys() == {USER_DATA, TEMPLATES}
    assert all(leaks(script) for script in SCRIPTS.values())
    assert leaks(base64.b64encode(b"#" + SCRIPTS["key"].encode()).decode())


def test_no_report_holds_a_secret(company: Scanned) -> None:
    for name, report in plugins.load_reports().items():
        text = "".join(report.text(company.audit))
        text = inflated(text) if name == "html" else text
        assert USER_DATA in text or name == "terminal", name
        assert leaks(text) == [], name


def test_no_snapshot_holds_a_secret(company: Scanned, tmp_path: Path) -> None:
    path = tmp_path / "inventory.gz"
    save(company.inventory, path)
    text = gzip.decompress(path.read_bytes()).decode()
    assert "aws-secret-access-key" in text
    assert leaks(text) == []
    assert leaks(repr(load(path))) == []


def test_nothing_in_memory_holds_a_secret(company: Scanned) -> None:
    """What a rule, a report or a traceback of theirs could print."""
    assert leaks(repr(company.inventory)) == []
    assert leaks(repr(company.audit)) == []


@pytest.fixture(scope="module")
def account() -> Iterator[Endpoint]:
    with demo.running() as endpoint:
        yield endpoint


@pytest.mark.parametrize("broken", [False, True])
def test_no_command_writes_a_secret(account: Endpoint, tmp_path: Path, broken: bool) -> None:
    """`scan --verbose`, from outside: all that it writes, to the terminal and to files. Broken: with a rule that raises
    what it was given.
    """
    raising = "def ec2_instance_shouts(instance: Instance) -> Verdict:\n"
    raising += '    """It shouts.\n\n    Risk: it raises all that it is given.\n    Fix: none.\n    """\n'
    raising += "    raise ValueError(repr(instance), repr(instance.user_data), instance.model_dump())\n"
    head = "from auditor.findings import Severity\nfrom auditor.resources.ec2 import Instance\n"
    head += "from auditor.rule import Verdict, rule\n\n\n@rule(severity=Severity.LOW, notes='none')\n"
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "shouts.py").write_text(head + raising)
    options = [each for name in plugins.load_reports() for each in ("--format", name)]
    options += ["--output", str(tmp_path / "out"), "--save-snapshot", str(tmp_path / "snapshot.gz")]
    options += ["--rules", str(rules), "--rule", "ec2-instance-shouts"] if broken else []
    done = subprocess.run(
        [sys.executable, "-m", "auditor", "scan", "--verbose", "--endpoint-url", account.url, *options],
        env={**os.environ, **account.credentials},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert "not read: " in done.stderr or broken
    assert "ec2-instance-shouts raised ValueError" in done.stderr or not broken
    written = [done.stdout, done.stderr, gzip.decompress((tmp_path / "snapshot.gz").read_bytes()).decode()]
    for path in (tmp_path / "out").iterdir():
        text = path.read_text()
        written.append(inflated(text) if path.suffix == ".html" else text)
    assert len(written) >= 5
    assert [leaks(text) for text in written] == [[]] * len(written)


@pytest.mark.parametrize(
    "user_data",
    [
        {"Value": base64.b64encode(gzip.compress(SCRIPTS["password"].encode() * 99)[:-9]).decode()},
        {"Value": f"not base64: {SCRIPTS['password']}"},
        {"Value": base64.b64encode(b"MIME-Version: 1.0\nContent-Type: multipart/mixed\n\n" + b"x" * 9).decode()},
        {"Value": base64.b64encode(b"\xff\xfe" + SCRIPTS["key"].encode("utf-16-be")).decode()},
    ],
)
def test_no_gap_holds_a_secret(lab: Lab, user_data: dict[str, Any]) -> None:
    """What cannot be opened, or is not what it should be, is reported without what it is."""
    made = launch(lab)
    with lab.but(answers={"ec2:DescribeInstanceAttribute": {"InstanceId": made, "UserData": user_data}}):
        inventory = lab.inventory([RULES[USER_DATA]])
        judged = lab.judge(USER_DATA)
    assert leaks(repr(inventory)) == []
    assert leaks(repr(judged)) == []
