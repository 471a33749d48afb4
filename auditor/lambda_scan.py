"""One account in a function: read within the time that is left, judge, keep the report, deliver."""

import asyncio
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import Loader
from botocore.session import get_session

from auditor.audit import Audit, UnreadableReport
from auditor.aws.door import Door
from auditor.aws.session import Access, CannotStart, Session
from auditor.delivery.changes import against
from auditor.delivery.courier import Client, Courier
from auditor.delivery.store import Receipt, Store
from auditor.fetch import Unread
from auditor.findings import Status
from auditor.inventory import Inventory
from auditor.invocation import BadInvocation, Invocation
from auditor.plan import Plan, plan
from auditor.report import Report
from auditor.rule import Rule
from auditor.scan import account_tags, assess, read
from auditor.select import configure, enabled, select, variants
from auditor.settings import BadSettings, Settings, load, nearest
from auditor.suppress import apply
from auditor.telemetry import Log

# Of the time that is left when an account's turn comes, the part that judging and delivering may need.
RESERVE, LEAST_RESERVE, MOST_RESERVE = 0.25, 4.0, 150.0
DEADLINE = "deadline: the function's time was nearly over"
CLIENTS = Config(retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=3, read_timeout=20)
ROLE_SESSION_NAME = "auditor-delivery"


@dataclass(frozen=True)
class Choice:
    """What to judge by: the settings, the whole catalogue, the chosen rules; and the known formats."""

    settings: Settings
    catalogue: Mapping[str, Rule]
    rules: Sequence[Rule]
    plan: Plan
    reports: Mapping[str, Report]


def choose(asked: Invocation, catalogue: Mapping[str, Rule], reports: Mapping[str, Report], client: Client) -> Choice:
    """What an invocation chooses. Raises BadInvocation before the account is read."""
    for name in asked.formats:
        if name not in reports:
            raise BadInvocation(f"unknown format {name}{nearest(name, list(reports)) or ': ' + ', '.join(reports)}")
    settings = _settings(asked.config, client)
    try:
        for variant in variants(settings):
            configure(catalogue, variant)
        rules = select(
            catalogue, settings, rules=asked.rules, services=asked.services, categories=asked.categories,
            frameworks=asked.frameworks,
        )  # fmt: skip
    except BadSettings as error:
        raise BadInvocation(str(error)) from None
    planned = plan(rules, metrics=asked.metrics or settings.scan.metrics, account_tags=settings.by_tag)
    return Choice(settings, catalogue, rules, planned, reports)


def _settings(config: str | None, client: Client) -> Settings:
    try:
        if config is None or not config.startswith("s3://"):
            return load(Path(config) if config else None)
        bucket, _, key = config.removeprefix("s3://").partition("/")
        body = client("s3", None).get_object(Bucket=bucket, Key=key)["Body"].read()
    except BadSettings as error:
        raise BadInvocation(str(error)) from None
    except (ClientError, BotoCoreError) as error:
        raise BadInvocation(f"config {config} cannot be read: {error}") from None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "auditor.toml"
        path.write_bytes(body)
        try:
            return load(path)
        except BadSettings as error:
            raise BadInvocation(str(error).replace(str(path), config)) from None


def clients(role_arn: str | None = None, external_id: str | None = None) -> Client:
    """Makes boto3 clients by service and region, of the function or of a role that it assumes; each once."""
    made: dict[tuple[str, str | None], Any] = {}
    session: list[Any] = []

    def client(service: str, region: str | None) -> Any:
        if not session:
            session.append(_session(role_arn, external_id))
        if (service, region) not in made:
            made[service, region] = session[0].client(service, region_name=region, config=CLIENTS)
        return made[service, region]

    return client


@cache
def _models() -> Loader:
    """Service models, read once for all the accounts that a function audits."""
    return Loader()


def _new_session(**given: Any) -> Any:
    core = get_session()
    core.register_component("data_loader", _models())
    return boto3.session.Session(botocore_session=core, **given)


def _session(role_arn: str | None, external_id: str | None) -> Any:
    session = _new_session()
    if role_arn is None:
        return session
    more = {"ExternalId": external_id} if external_id else {}
    given = session.client("sts", config=CLIENTS).assume_role(
        RoleArn=role_arn, RoleSessionName=ROLE_SESSION_NAME, **more
    )["Credentials"]
    return _new_session(
        aws_access_key_id=given["AccessKeyId"], aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"], region_name=session.region_name,
    )  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What came of one account. failed: deliveries, each with why. resumed: the audit is one of an earlier try."""

    audit: Audit
    receipt: Receipt
    failed: Mapping[str, str]
    resumed: bool


def audit_account(
    asked: Invocation,
    choice: Choice,
    access: Access,
    account: str,
    *,
    client: Client,
    log: Log,
    remaining: Callable[[], float],
) -> Outcome:
    """Audit an account and deliver. An earlier try of the same run is taken up where it failed.

    Raises CannotStart, Misuse, BadSettings, and what S3 raises as long as there is no report to deliver.
    """
    store = Store(
        client("s3", None), asked.bucket, asked.prefix, account, asked.time.date(), asked.run, asked.part,
        kms_key=asked.kms_key, owner=asked.bucket_owner,
    )  # fmt: skip
    receipt = store.receipt()
    audit = _stored(store, receipt.report, log) if receipt is not None else None
    resumed = receipt is not None and audit is not None
    inventory = None
    if receipt is None or audit is None:
        receipt = _begun(store, asked, log)
        earlier = _stored(store, receipt.baseline, log)
        inventory, judged = _audited(choice, access, account, asked, log=log, remaining=remaining)
        audit = against(earlier, judged)
        store.put_text(receipt.report, choice.reports["json"].text(audit))
        store.keep(receipt)
    else:
        earlier = _stored(store, receipt.baseline, log)
        log.info("this run was here before: what is left of it is delivered", done=receipt.done)
    courier = Courier(
        audit, earlier, store, receipt, choice.reports, client, clients(access.role_arn, access.external_id), log,
        remaining, formats=[name for name in dict.fromkeys(asked.formats) if name != "json"],
        tables=_tables(audit, inventory, asked.run) if asked.lake else {}, topic=asked.topic, bus=asked.bus,
        security_hub=asked.security_hub, always=asked.always, full=asked.full,
    )  # fmt: skip
    return Outcome(audit, courier.deliver(), courier.failed, resumed)


def _begun(store: Store, asked: Invocation, log: Log) -> Receipt:
    """A new run, with the last one to compare it with."""
    try:
        last = store.latest()
    except UnreadableReport as error:
        log.warning(str(error))
        last = None
    if last is not None and last.report == store.report_key("report.json.gz"):
        last = None  # this very run, whose receipt was lost: not a last one
    return Receipt(
        run=asked.run, account=store.account, report=store.report_key("report.json.gz"),
        baseline=last.report if last else None, hub_complete=last.hub_complete if last else None,
    )  # fmt: skip


def _stored(store: Store, key: str | None, log: Log) -> Audit | None:
    if key is None:
        return None
    try:
        audit = store.audit(key)
    except UnreadableReport as error:
        log.warning(f"{error}: the audit is not compared with it")
        return None
    if audit is None:
        log.warning(f"{store.url(key)} is gone: the audit is not compared with it")
    return audit


def _audited(
    choice: Choice, access: Access, account: str, asked: Invocation, *, log: Log, remaining: Callable[[], float]
) -> tuple[Inventory, Audit]:
    left = remaining()
    seconds = left - min(MOST_RESERVE, max(LEAST_RESERVE, RESERVE * left))
    concurrency = asked.concurrency or choice.settings.scan.concurrency
    inventory = asyncio.run(read_within(access, choice.plan, concurrency=concurrency, seconds=seconds, log=log))
    if inventory.account != account:
        raise CannotStart(f"the credentials are of account {inventory.account}, not of {account}: check role_arn")
    own = choice.settings.of(account, _tags(inventory, log) if choice.settings.by_tag else {})
    audit = assess(inventory, enabled(choice.rules, choice.settings, own), configure(choice.catalogue, own))
    return inventory, apply(audit, choice.settings.suppress, today=asked.time.date(), alone=asked.role_arn is None)


def _tags(inventory: Inventory, log: Log) -> Mapping[str, str]:
    try:
        return account_tags(inventory)
    except Unread as unread:
        log.error(f"overrides by account_tags do not apply: {unread.gap.reason}")
        return {}


async def read_within(access: Access, plan: Plan, *, concurrency: int, seconds: float, log: Log) -> Inventory:
    """Read an account in so many seconds: then nothing more is asked, and what was not read is in the gaps.

    Raises CannotStart where not even the account answered by then, and whatever `scan.read` raises.
    """
    loop = asyncio.get_running_loop()
    over = loop.time() + seconds
    opened: list[Door] = []

    def on_start(session: Session, door: Door) -> None:
        opened.append(door)
        log.info("reading", account=session.account, regions=len(session.regions))
        loop.call_at(over, stop)

    def stop() -> None:
        log.warning("the time is nearly over: what was not read is unknown")
        opened[0].stop(DEADLINE)

    task = asyncio.ensure_future(read(access, plan, concurrency=concurrency, on_start=on_start))
    # Until the door is open there is nothing that could be kept.
    await asyncio.wait([task], timeout=max(0.0, seconds))
    if not task.done() and not opened:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise CannotStart("the function's time was over before the account answered: give it more (Timeout)")
    return await task


def _tables(audit: Audit, inventory: Inventory | None, run: str) -> dict[str, Callable[[], bytes]]:
    """The Parquet files of a run, each made when its turn comes: a package without pyarrow costs them alone."""

    def findings() -> bytes:
        from auditor.lake import findings_parquet

        return findings_parquet(audit, run)

    def resources() -> bytes:
        from auditor.lake import resources_parquet

        if inventory is None:
            raise RuntimeError("what was read is gone with the first try: the next run has it")
        return resources_parquet(inventory, run)

    return {"findings": findings, "resources": resources}


def measured(outcome: Outcome, seconds: float) -> dict[str, tuple[float, str]]:
    """The metrics of an account's run."""
    audit = outcome.audit
    changed = audit.comparison
    counts = {
        **{f"Findings{severity.value.capitalize()}": count for severity, count in audit.summary.failures.items()},
        "FindingsUnknown": audit.summary.findings[Status.UNKNOWN],
        "FindingsNew": len(changed.new) + len(changed.reopened) if changed else 0,
        "FindingsFixed": len(changed.fixed) + len(changed.gone) if changed else 0,
        "Gaps": len(audit.coverage.gaps),
        "Calls": sum(call.calls for call in audit.calls),
        "Throttles": sum(call.throttles for call in audit.calls),
        "Interrupted": int(audit.scan.interrupted),
        "DeliveryErrors": len(outcome.failed),
        "Scans": 1,
    }
    made: dict[str, tuple[float, str]] = {name: (count, "Count") for name, count in counts.items()}
    return made | {
        "Coverage": (round(audit.coverage.percent, 2), "Percent"),
        "Duration": (seconds * 1000, "Milliseconds"),
    }
