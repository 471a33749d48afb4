"""One emulated endpoint for each worker, empty at the start of each test."""

import gc
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from auditor import cli
from auditor.aws import door as door_module
from auditor.demo.endpoint import Endpoint
from tests.lab import Lab, Sessions
from tests.northwind import Scanned, northwind


@pytest.fixture(scope="session")
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as running:
        # A scan looks for garbage when it has read; it need not look through what pytest and moto hold for good.
        gc.collect()
        gc.freeze()
        yield running


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries come at once: for tests that are about whether, not when."""
    monkeypatch.setattr(door_module, "BACKOFF", 0.0)


@pytest.fixture(scope="session")
def sessions() -> Iterator[Sessions]:
    opened = Sessions()
    yield opened
    opened.close()


@pytest.fixture
def lab(endpoint: Endpoint, sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> Lab:
    endpoint.reset()
    endpoint.deny, endpoint.answers = set(), {}
    for name, value in endpoint.credentials.items():
        monkeypatch.setenv(name, value)
    return Lab(endpoint, sessions)


@pytest.fixture(scope="session")
def company() -> Scanned:
    """The demo's account, scanned once in all regions with all rules. The account itself is gone by then."""
    with northwind() as account:
        return account.scan()


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
        heard = signal.getsignal(signal.SIGINT)
        try:
            cli.main()
            code = 0
        except SystemExit as left:
            code = int(left.code or 0)
        finally:
            signal.signal(signal.SIGINT, heard)
        said = capsys.readouterr()
        return Result(code, said.out, said.err)

    return auditor
