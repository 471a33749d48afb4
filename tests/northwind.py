"""The demo's account, read by the real collector and judged by all rules: once to share, or as often as one likes."""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from auditor.audit import Audit
from auditor.aws.session import Access, Session, connect
from auditor.collect import collect
from auditor.demo import company
from auditor.demo.endpoint import Endpoint
from auditor.findings import Finding
from auditor.inventory import Inventory
from auditor.plan import plan
from auditor.rule import Rule
from auditor.scan import assess
from tests.lab import RULES

EVERY_RULE = tuple(RULES.values())
CONCURRENCY = 160


@dataclass(frozen=True)
class Scanned:
    """One scan: what was read, and what the rules made of it."""

    inventory: Inventory
    audit: Audit

    @property
    def findings(self) -> dict[str, Finding]:
        """By fingerprint."""
        return {finding.fingerprint: finding for finding in self.audit.findings}


class Northwind:
    """The running account, and one session to it that stays open: a scan costs its own calls and nothing else."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._story = frozenset(endpoint.deny)
        self._runner = asyncio.Runner()
        self._session: Session | None = None

    def __enter__(self) -> Self:
        self._session = self._runner.run(connect(Access(endpoint_url=self.endpoint.url), concurrency=CONCURRENCY))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            self._runner.run(self._session.close())
        self._runner.close()

    def scan(
        self, rules: Sequence[Rule] = EVERY_RULE, *, regions: Collection[str] = (), deny: Collection[str] = ()
    ) -> Scanned:
        """Read what these rules need (in these regions, else in all) while more is denied than the story does."""
        session = self._session
        assert session is not None
        if regions:
            session = replace(session, regions=tuple(sorted(regions)))
        planned = plan(rules, metrics=True)
        self.endpoint.deny = self._story | set(deny)
        try:
            inventory = self._runner.run(collect(session, session.door(planned.operations()), planned))
        finally:
            self.endpoint.deny = self._story
        return Scanned(inventory, assess(inventory, rules))


@contextmanager
def northwind() -> Iterator[Northwind]:
    """The account, from its seeding to its end."""
    with company.running() as endpoint, Northwind(endpoint) as account:
        yield account
