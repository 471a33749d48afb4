"""Runs rules as a scan does: the real collector over HTTP against an emulated account, then the engine."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from auditor import plugins
from auditor.aws.session import Access, Session, connect
from auditor.collect import collect
from auditor.demo.endpoint import Endpoint
from auditor.engine import Judgement, Setting, judge
from auditor.findings import Finding
from auditor.inventory import Inventory
from auditor.plan import plan
from auditor.rule import Rule

RULES = plugins.load_rules()


class Sessions:
    """The sessions that a worker has open, one for each choice of regions: a scan costs its own calls, nothing else."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self._open: dict[tuple[str, ...], Session] = {}

    def of(self, url: str, regions: tuple[str, ...]) -> Session:
        """A session that reads these regions."""
        if regions not in self._open:
            opened = connect(Access(endpoint_url=url, regions=regions), concurrency=64)
            self._open[regions] = self.runner.run(opened)
        return self._open[regions]

    def close(self) -> None:
        """End them all."""
        for session in self._open.values():
            self.runner.run(session.close())
        self.runner.close()


class Lab:
    """One emulated account. Seed it through `client`, then ask what rules find in it."""

    def __init__(self, endpoint: Endpoint, sessions: Sessions) -> None:
        self.endpoint = endpoint
        self._sessions = sessions

    def client(self, service: str, region: str = "us-east-1") -> Any:
        """A boto3 client of the emulated account."""
        return self.endpoint.client(service, region)

    @contextmanager
    def but(self, *, deny: Iterable[str] = (), answers: Mapping[str, Any] | None = None) -> Iterator[None]:
        """For a while, deny these operations ("ec2:DescribeVolumes") and answer these as given."""
        before = self.endpoint.deny, self.endpoint.answers
        self.endpoint.deny = set(before[0]) | set(deny)
        self.endpoint.answers = {**before[1], **(answers or {})}
        try:
            yield
        finally:
            self.endpoint.deny, self.endpoint.answers = before

    @contextmanager
    def plain(self) -> Iterator[None]:
        """For a while, deny nothing and answer as moto does."""
        before = self.endpoint.deny, self.endpoint.answers
        self.endpoint.deny, self.endpoint.answers = set(), {}
        try:
            yield
        finally:
            self.endpoint.deny, self.endpoint.answers = before

    def inventory(
        self, rules: Iterable[Rule], *, regions: Iterable[str] = ("us-east-1",), metrics: bool = True
    ) -> Inventory:
        """What the collector reads for these rules."""
        with self.plain():
            session = self._sessions.of(self.endpoint.url, tuple(regions))
        planned = plan(rules, metrics=metrics)
        return self._sessions.runner.run(collect(session, session.door(planned.operations()), planned))

    def judge(
        self, *rule_ids: str, regions: Iterable[str] = ("us-east-1",), metrics: bool = True, **parameters: Any
    ) -> Judgement:
        """What the engine makes of an account read for these rules alone."""
        rules = [RULES[rule_id] for rule_id in rule_ids]
        settings = {rule_id: Setting(parameters) for rule_id in rule_ids}
        return judge(self.inventory(rules, regions=regions, metrics=metrics), rules, settings)

    def findings(
        self,
        rule_id: str,
        *,
        deny: Iterable[str] = (),
        answers: Mapping[str, Any] | None = None,
        regions: Iterable[str] = ("us-east-1",),
        metrics: bool = True,
        **parameters: Any,
    ) -> dict[str, Finding]:
        """A rule's findings by resource id; for one that yields several about a resource use `judge`. No defects."""
        with self.but(deny=deny, answers=answers):
            judged = self.judge(rule_id, regions=regions, metrics=metrics, **parameters)
        assert not judged.defects, judged.defects
        return {finding.resource.id: finding for finding in judged.findings}

    def statuses(self, rule_id: str, **options: Any) -> dict[str, str]:
        """A rule's statuses ("pass", "fail", "unknown", "not_applicable") by resource id; options as in `findings`."""
        return {name: finding.status.value for name, finding in self.findings(rule_id, **options).items()}
