"""The first law over a whole account: whatever single operation is denied, nothing turns into a pass or is lost."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache

import pytest

from auditor.aws.session import Access, CannotStart, connect
from auditor.demo.endpoint import Endpoint
from auditor.demo.stage import ANALYTICS, EXPERIMENT, PRODUCTION, RECOVERY, STAGING
from auditor.findings import Finding, Status
from auditor.plan import plan
from auditor.rule import Rule
from tests.northwind import EVERY_RULE, Northwind, Scanned, northwind

Operation = tuple[str, str]
OPERATIONS: tuple[Operation, ...] = tuple((op.service, op.name) for op in plan(EVERY_RULE, metrics=True).operations())
# Each operation is denied in all regions, and what comes of it is looked at in a few in which it is asked at all.
PLACES = (PRODUCTION, EXPERIMENT, STAGING, ANALYTICS, RECOVERY)
FEW = 3
# They only make a failure more or less severe: it stays a failure without them.
SEVERITY_ALONE: frozenset[Operation] = frozenset(
    {
        ("ec2", "DescribeVpcBlockPublicAccessExclusions"),
        ("ec2", "DescribeVpcBlockPublicAccessOptions"),
    }
)


@pytest.fixture(scope="module")
def account() -> Iterator[Northwind]:
    with northwind() as running:
        yield running


@pytest.fixture(scope="module")
def whole(account: Northwind) -> Scanned:
    return account.scan(regions=PLACES)


@cache
def users() -> Mapping[Operation, tuple[Rule, ...]]:
    """The rules whose plan contains an operation."""
    found: dict[Operation, list[Rule]] = defaultdict(list)
    for rule in EVERY_RULE:
        for op in plan([rule], metrics=True).operations():
            found[op.service, op.name].append(rule)
    return {operation: tuple(rules) for operation, rules in found.items()}


def asked_in(operation: Operation, whole: Scanned) -> tuple[str, ...]:
    """A few regions in which an operation was asked: what is global is asked in one, but judged with any region."""
    asked = {call.region for call in whole.inventory.calls if (call.service, call.operation) == operation}
    return tuple(sorted([place for place in PLACES if place in asked] or PLACES, key=PLACES.index))[:FEW]


@pytest.fixture(scope="module")
def baselines(account: Northwind) -> dict[tuple[str, ...], Scanned]:
    return {}


@pytest.mark.parametrize("operation", OPERATIONS, ids=":".join)
def test_denying_one_operation_never_passes_and_never_loses(
    account: Northwind, whole: Scanned, baselines: dict[tuple[str, ...], Scanned], operation: Operation
) -> None:
    rules = users()[operation]
    regions = asked_in(operation, whole)
    if regions not in baselines:
        baselines[regions] = account.scan(regions=regions)
    ids = {rule.id for rule in rules}
    before = {key: finding for key, finding in baselines[regions].findings.items() if finding.rule in ids}

    denied = account.scan(rules, regions=regions, deny={":".join(operation)})

    assert denied.audit.summary.defects == []
    after = denied.findings
    assert len(after) == len(denied.audit.findings), "a fingerprint occurs twice"
    for key, finding in after.items():
        if finding.status is not Status.UNKNOWN:
            assert key in before, f"{told(finding)} was not there before"
            assert before[key].status is finding.status, f"{told(finding)} was {before[key].status}"
            if finding.severity is not before[key].severity:
                assert "severity_unsettled" in finding.evidence, f"{told(finding)} was {before[key].severity}"
    lost = [finding for key, finding in before.items() if key not in after]
    unknown = [finding for finding in after.values() if finding.status is Status.UNKNOWN]
    silent = [told(finding) for finding in lost if not any(covers(other, finding) for other in unknown)]
    assert not silent, f"{len(silent)} findings vanished without a word"

    known_gaps = set(baselines[regions].audit.coverage.gaps)
    gaps = [gap for gap in denied.audit.coverage.gaps if gap not in known_gaps]
    assert {(gap.service, gap.operation) for gap in gaps} == {operation}
    assert all(gap.kind == "denied" and gap.iam_action for gap in gaps)
    not_assessed = denied.audit.coverage.not_assessed - sum(f.status is Status.UNKNOWN for f in before.values())
    assert not_assessed == 0 if operation in SEVERITY_ALONE else not_assessed > 0


def covers(unknown: Finding, lost: Finding) -> bool:
    """Whether an unknown finding speaks for one that is gone: of the same resource, or of its type as a whole."""
    if unknown.rule != lost.rule:
        return False
    if unknown.resource.id == "*":
        return unknown.resource.region in (lost.resource.region, "global")
    return unknown.resource.arn == lost.resource.arn


@contextmanager
def denying(endpoint: Endpoint, operation: str) -> Iterator[None]:
    before = endpoint.deny
    endpoint.deny = before | {operation}
    try:
        yield
    finally:
        endpoint.deny = before


def told(finding: Finding) -> str:
    return f"{finding.rule} {finding.resource.arn} {finding.status.value}: {finding.message}"


def test_every_operation_that_may_be_asked_is_asked_somewhere(whole: Scanned) -> None:
    """Else denying it would prove nothing."""
    asked = {(call.service, call.operation) for call in whole.inventory.calls}
    assert set(OPERATIONS) - asked == set()


@pytest.mark.parametrize(
    ("operation", "regions"),
    [("sts:GetCallerIdentity", ()), ("sts:GetCallerIdentity", (PRODUCTION,)), ("ec2:DescribeRegions", ())],
)
def test_without_these_no_scan_begins(account: Northwind, operation: str, regions: tuple[str, ...]) -> None:
    with denying(account.endpoint, operation), pytest.raises(CannotStart):
        asyncio.run(connect(Access(endpoint_url=account.endpoint.url, regions=regions), concurrency=8))


def test_named_regions_do_without_the_list_of_regions(account: Northwind) -> None:
    async def opened() -> tuple[str, ...]:
        session = await connect(Access(endpoint_url=account.endpoint.url, regions=(STAGING, PRODUCTION)), concurrency=8)
        await session.close()
        return session.regions

    with denying(account.endpoint, "ec2:DescribeRegions"):
        assert asyncio.run(opened()) == (PRODUCTION, STAGING)
