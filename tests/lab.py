"""Runs rules as a scan does: the real collector over HTTP against an emulated account, then the engine."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from auditor import plugins
from auditor.aws.session import Access, connect
from auditor.collect import collect
from auditor.demo.endpoint import Endpoint
from auditor.engine import Judgement, Setting, judge
from auditor.findings import Finding
from auditor.inventory import Inventory
from auditor.plan import plan
from auditor.rule import Rule

RULES = plugins.load_rules()


class Lab:
    """One emulated account. Seed it through `client`, then ask what rules find in it."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

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

    def inventory(self, rules: Iterable[Rule], *, regions: Iterable[str] = ("us-east-1",)) -> Inventory:
        """What the collector reads for these rules."""

        async def scan() -> Inventory:
            session = await connect(Access(endpoint_url=self.endpoint.url, regions=tuple(regions)), concurrency=64)
            try:
                planned = plan(rules)
                return await collect(session, session.door(planned.operations()), planned)
            finally:
                await session.close()

        return asyncio.run(scan())

    def judge(self, *rule_ids: str, regions: Iterable[str] = ("us-east-1",), **parameters: Any) -> Judgement:
        """What the engine makes of an account read for these rules alone."""
        rules = [RULES[rule_id] for rule_id in rule_ids]
        settings = {rule_id: Setting(parameters) for rule_id in rule_ids}
        return judge(self.inventory(rules, regions=regions), rules, settings)

    def findings(
        self,
        rule_id: str,
        *,
        deny: Iterable[str] = (),
        answers: Mapping[str, Any] | None = None,
        regions: Iterable[str] = ("us-east-1",),
        **parameters: Any,
    ) -> dict[str, Finding]:
        """A rule's findings by resource id; for one that yields several about a resource use `judge`. No defects."""
        with self.but(deny=deny, answers=answers):
            judged = self.judge(rule_id, regions=regions, **parameters)
        assert not judged.defects, judged.defects
        return {finding.resource.id: finding for finding in judged.findings}

    def statuses(self, rule_id: str, **options: Any) -> dict[str, str]:
        """A rule's statuses ("pass", "fail", "unknown", "not_applicable") by resource id; options as in `findings`."""
        return {name: finding.status.value for name, finding in self.findings(rule_id, **options).items()}
