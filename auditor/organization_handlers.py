"""The Lambda functions around an organization's scan: `accounts` lists what is to be audited, `reduce` sums it up.

Step Functions passes S3 keys and counts between them, nothing that grows with an account:

    <prefix>/organization/date=<date>/<run>/accounts.json              one item for each account, or group of regions
    <prefix>/organization/date=<date>/<run>/errors/account=<id>.json   why an account has no report
    <prefix>/organization/date=<date>/<run>/report.json, .md, .html    the organization's report
"""

import asyncio
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any, TypeVar

from pydantic import AwareDatetime, Field, ValidationError, field_validator

from auditor.audit import UnreadableReport
from auditor.aws.session import Access
from auditor.delivery.store import Store
from auditor.findings import Record
from auditor.invocation import PREFIX, BadInvocation
from auditor.lambda_scan import clients
from auditor.organization import ACTIVE, Target, own
from auditor.organization import accounts as listed
from auditor.rollup import BadDigest, Digest, Expected, Reducer, Rollup, digest, read_digest
from auditor.rollup_reports import FORMATS, as_text
from auditor.settings import nearest
from auditor.telemetry import Log

READERS = 16  # objects that are fetched side by side
LONGEST_TEXT = 8_000  # characters of the summary that passes through the state
DIGEST, REPORT = "report.digest.json", "report.json.gz"
_Account = Annotated[str, Field(pattern=r"^\d{12}$")]
_Region = Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]


class NoAccounts(RuntimeError):
    """The organization has no account like those that were asked for."""


class _Asked(Record):
    """What both functions are given: the run, and where its objects are."""

    run: str
    time: AwareDatetime
    bucket: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    prefix: str = "auditor"
    bucket_owner: _Account | None = None
    kms_key: str | None = None

    @field_validator("run")
    @classmethod
    def _named(cls, value: str) -> str:
        """The run is part of keys in S3: it has only characters that are safe there."""
        return re.sub(r"[^A-Za-z0-9._-]+", "-", value).strip("-.")[:200] or "run"

    @field_validator("prefix")
    @classmethod
    def _folder(cls, value: str) -> str:
        return value.strip("/")

    def store(self, s3: Any, account: str = "", part: str | None = None) -> Store:
        """Where an account's reports of this run are, and what belongs to no account."""
        return Store(
            s3, self.bucket, self.prefix, account, self.time.date(), self.run, part, kms_key=self.kms_key,
            owner=self.bucket_owner,
        )  # fmt: skip

    def key(self, store: Store, name: str) -> str:
        """Where something of the organization's run is."""
        return store.key("organization", f"date={self.time.date()}", self.run, name)


class ToList(_Asked):
    """Which accounts, and how they are audited.

    ous, tags (`name` or `name=value`), statuses choose; accounts names them instead, without Organizations.
    role_arn: with {account} in it; without, there is only the function's own account. at_once: accounts side by side.
    region_groups: the regions of large accounts, in the groups that they are audited in: each group is one invocation.
    large: the accounts that are split so; those whose last report has more than split_above resources are, too.
    tolerated_percent: of the accounts may not be reached before the execution fails.
    """

    role_arn: str | None = Field(default=None, pattern=r"^arn:[a-z-]+:iam::\{account\}:role/\S+$")
    external_id: str | None = Field(default=None, min_length=2, max_length=1224)
    ous: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ACTIVE
    accounts: tuple[_Account, ...] = ()
    regions: tuple[_Region, ...] = ()
    region_groups: tuple[tuple[_Region, ...], ...] = ()
    large: tuple[_Account, ...] = ()
    split_above: int | None = Field(default=None, ge=1)
    at_once: int = Field(default=40, ge=1, le=1000)
    tolerated_percent: float = Field(default=10, ge=0, le=100)

    @field_validator("ous", "tags", "statuses", "accounts", "regions", "large", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        """A list may be written as text, as the environment has it."""
        return tuple(part for part in re.split(r"[,\s]+", value) if part) if isinstance(value, str) else value


class ToReduce(_Asked):
    """Where the list of accounts is."""

    accounts_key: str
    tolerated_percent: float = 10


_T = TypeVar("_T", bound=_Asked)


class Item(Record):
    """One item of the map: what the scan function is given, and where to write why it failed."""

    account: str
    name: str
    role_arn: str | None
    external_id: str | None
    regions: tuple[str, ...]
    part: str | None
    error_key: str

    @property
    def expected(self) -> Expected:
        """As the organization's report knows it."""
        return Expected(account=self.account, name=self.name, regions=list(self.regions) if self.part else [])


def accounts(event: Any, context: Any) -> dict[str, Any]:
    """List the accounts into S3, and say where and how many. Raises BadInvocation, CannotStart, Misuse, NoAccounts."""
    log = Log(context.aws_request_id)
    asked = _read(ToList, event)
    targets, left_out = asyncio.run(_targets(asked))
    if not targets:
        raise NoAccounts("no active account is in these units with these tags")
    s3 = clients()("s3", None)
    store = asked.store(s3)
    split = set(asked.large)
    if asked.region_groups and asked.split_above is not None:
        with ThreadPoolExecutor(READERS) as pool:
            sizes = pool.map(lambda target: _size(asked, s3, target.account), targets)
            limit = asked.split_above
            split |= {target.account for target, size in zip(targets, sizes, strict=True) if size > limit}
    items = [item for target in targets for item in _items(asked, store, target, split)]
    key = store.put(asked.key(store, "accounts.json"), [json.dumps([item.model_dump() for item in items]).encode()])
    log.info("listed", accounts=len(targets), items=len(items), left_out=dict(left_out))
    return {
        "run": asked.run,
        "time": asked.time.isoformat(),
        "bucket": asked.bucket,
        "prefix": asked.prefix,
        "accounts_key": key,
        "accounts": len(targets),
        "items": len(items),
        "at_once": asked.at_once,
        "tolerated_percent": asked.tolerated_percent,
    }


async def _targets(asked: ToList) -> tuple[list[Target], Mapping[str, int]]:
    """The accounts, and how many of another status are left out."""
    if asked.role_arn is None:
        account, _ = await own(Access())
        if asked.accounts not in ((), (account,)):
            raise BadInvocation(
                "role_arn: name the role to assume in each account, with {account} in the place of its id"
            )
        return [Target(account=account)], {}
    if asked.accounts:
        return [Target(account=each) for each in dict.fromkeys(asked.accounts)], {}
    found = await listed(Access(), ous=asked.ous, tags=asked.tags, statuses=asked.statuses)
    return list(found.targets), found.left_out


def _items(asked: ToList, store: Store, target: Target, split: set[str]) -> Iterator[Item]:
    """One item for an account, or one for each group of regions of a large one."""
    groups: list[tuple[str | None, tuple[str, ...]]] = [(None, asked.regions)]
    if asked.region_groups and target.account in split:
        groups = [(f"part{number}", regions) for number, regions in enumerate(asked.region_groups, 1)]
    role = asked.role_arn
    for part, regions in groups:
        name = f"{target.account}.{part}" if part else target.account
        yield Item(
            account=target.account, name=target.name,
            role_arn=role.replace("{account}", target.account) if role else None,
            external_id=asked.external_id if role else None, regions=regions, part=part,
            error_key=asked.key(store, f"errors/account={name}.json"),
        )  # fmt: skip


def _size(asked: ToList, s3: Any, account: str) -> int:
    """How many resources an account had the last time; 0 where nobody knows."""
    total = 0
    parts = (None, *(f"part{number}" for number in range(1, len(asked.region_groups) + 1)))
    for part in parts:
        store = asked.store(s3, account, part)
        try:
            pointer = store.latest()
            body = store.get(re.sub(r"[^/]+$", DIGEST, pointer.report)) if pointer else None
            resources = read_digest(body, account).summary.resources if body else 0
        except (UnreadableReport, BadDigest):
            continue
        if part is None and resources:
            return resources
        total += resources
    return total


def reduce(event: Any, context: Any) -> dict[str, Any]:
    """Write the organization's report of a run's accounts, and say where it is and how much it has.

    Raises BadInvocation, and what S3 raises.
    """
    log = Log(context.aws_request_id)
    asked = _read(ToReduce, event)
    s3 = clients()("s3", None)
    store = asked.store(s3)
    body = store.get(asked.accounts_key)
    if body is None:
        raise BadInvocation(f"accounts_key: there is no {store.url(asked.accounts_key)}")
    items = [Item.model_validate(item) for item in json.loads(body)]
    rollup = summed(asked, items, s3)
    keys = [
        store.put(asked.key(store, f"report{suffix}"), (piece.encode() for piece in render(rollup)))
        for suffix, (render, _) in FORMATS.items()
    ]
    lost = 100 * len({each.account for each in rollup.not_reached}) / max(1, rollup.expected)
    log.metrics(
        {
            "AccountsNotReached": (len(rollup.not_reached), "Count"),
            "AccountsReached": (rollup.reached, "Count"),
            "OrganizationCoverage": (rollup.percent, "Percent"),
        },
        Function=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "auditor-reduce"),
    )
    changed = rollup.changes is not None and (rollup.changes.new or rollup.changes.fixed or rollup.changes.unknown)
    where = store.url(asked.key(store, "report.html"))
    return {
        "run": asked.run,
        "keys": keys,
        "expected": rollup.expected,
        "reached": rollup.reached,
        "not_reached": len(rollup.not_reached),
        "not_reached_percent": round(lost, 2),
        "too_few": lost > asked.tolerated_percent,
        "complete": rollup.complete,
        "tell": bool(changed or rollup.not_reached or rollup.undelivered or not rollup.complete),
        "subject": f"AWS audit: {rollup.reached:,} of {rollup.expected:,} accounts were reached",
        "text": f"{''.join(as_text(rollup))[:LONGEST_TEXT]}\n{where}\n",
    }


def summed(asked: ToReduce, items: list[Item], s3: Any) -> Rollup:
    """The organization's report. Digests are fetched side by side, some ahead, and dropped one by one."""
    reducer = Reducer(item.expected for item in items)
    with ThreadPoolExecutor(READERS) as pool:
        for item, (made, report, error) in _ahead(pool, lambda item: _fetched(asked, s3, item), items):
            if made is not None:
                reducer.add(made, report)
            if error is not None and made is not None:
                reducer.undelivered(item.expected, *error)
            elif made is None:
                lost = ("NoReport", "neither a report nor an error of it was found for this run")
                reducer.missing(item.expected, *(error or lost))
    return reducer.result(run=asked.run, started=asked.time, finished=datetime.now(UTC))


_Fetched = tuple[Digest | None, str, tuple[str, str] | None]


def _ahead(
    pool: ThreadPoolExecutor, fetch: Callable[[Item], _Fetched], items: list[Item]
) -> Iterator[tuple[Item, _Fetched]]:
    """Fetch in order, no more ahead than there are readers: memory does not grow with the organization."""
    waiting = iter(items)
    while chunk := list(islice(waiting, 4 * READERS)):
        yield from zip(chunk, pool.map(fetch, chunk), strict=True)


def _fetched(asked: ToReduce, s3: Any, item: Item) -> _Fetched:
    """An account's digest, where its report is, and what went wrong with it."""
    store = asked.store(s3, item.account, item.part)
    report = store.report_key(REPORT)
    said = store.get(item.error_key)
    error = _error(said) if said is not None else None
    try:
        if (body := store.get(store.report_key(DIGEST))) is not None:
            return read_digest(body, store.report_key(DIGEST)), report, error
        audit = store.audit(report)  # the function ended before the digest was written
        return (digest(audit) if audit is not None else None), report, error
    except (BadDigest, UnreadableReport) as damaged:
        return None, report, error or ("Damaged", str(damaged))


def _error(body: bytes) -> tuple[str, str]:
    """Step Functions' account of a failure: its name, and the message in its cause."""
    try:
        record = json.loads(body)
        record = json.loads(record) if isinstance(record, str) else record
        code, cause = str(record["Error"]), str(record["Cause"])
    except (ValueError, KeyError, TypeError):
        return "Unknown", body[:500].decode("utf-8", "replace")
    try:
        return code, str(json.loads(cause)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return code, cause


def _read(kind: type[_T], event: Any) -> _T:
    """What an event asks for, the environment filling in what it leaves out. Raises BadInvocation."""
    if not isinstance(event, Mapping):
        raise BadInvocation(f"the event is a JSON {type(event).__name__}: write it as an object")
    known = list(kind.model_fields)
    given = {key: os.environ[PREFIX + key.upper()] for key in known if os.environ.get(PREFIX + key.upper(), "").strip()}
    for key, value in event.items():
        if key not in known:
            raise BadInvocation(f"unknown key {key} in the event{nearest(str(key), known)}")
        if value == "":
            raise BadInvocation(f"{key} in the event is empty: fill it in, or leave it out")
    try:
        return kind.model_validate(given | {key: value for key, value in event.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInvocation(f"{where}: {first['msg']}") from None
