"""One emulated endpoint for each worker, empty at the start of each test."""

from collections.abc import Iterator

import pytest

from auditor.demo.endpoint import Endpoint
from tests.lab import Lab


@pytest.fixture(scope="session")
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as running:
        yield running


@pytest.fixture
def lab(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Lab:
    endpoint.reset()
    endpoint.deny, endpoint.answers = set(), {}
    for name, value in endpoint.credentials.items():
        monkeypatch.setenv(name, value)
    return Lab(endpoint)
