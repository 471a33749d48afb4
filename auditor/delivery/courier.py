"""Carries an audit to everyone who is to have it. What fails does not keep the rest from its way."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from auditor.audit import Audit
from auditor.delivery import digest, events, hub
from auditor.delivery.changes import changes, standing
from auditor.delivery.store import Pointer, Receipt, Store
from auditor.report import Report
from auditor.telemetry import Log

ATTEMPTS = 4  # of what a batch left over; botocore retries whole calls by itself
PAUSE = 0.3  # seconds; doubles
ENOUGH = 2.0  # seconds that must be left for another delivery to begin
REFRESH = timedelta(days=30)  # Security Hub forgets what was not updated for 90 days

Client = Callable[[str, str | None], Any]


class Left(RuntimeError):
    """Some of a batch was refused for good, or the time is over. findings: those that are owed."""

    def __init__(self, message: str, findings: Sequence[str]) -> None:
        super().__init__(message)
        self.findings = tuple(findings)


@dataclass
class Courier:
    """One audit on its way. `remaining`: seconds until it must be over.

    client: a boto3 client of the function's own account, by service and region; hub_client: of the audited one.
    tables: the Parquet files, by table. earlier: the audit of the last run.
    """

    audit: Audit
    earlier: Audit | None
    store: Store
    receipt: Receipt
    reports: Mapping[str, Report]
    client: Client
    hub_client: Client
    log: Log
    remaining: Callable[[], float]
    formats: Sequence[str] = ()
    tables: Mapping[str, Callable[[], bytes]] = field(default_factory=dict)
    topic: str | None = None
    bus: str | None = None
    security_hub: bool = False
    always: bool = False
    full: bool = False
    failed: dict[str, str] = field(default_factory=dict)

    def deliver(self) -> Receipt:
        """Deliver what is not delivered yet. Raises nothing: what failed is in `failed`, and is owed."""
        self.told = changes(self.earlier, self.audit)
        for name, step in self._steps():
            if name not in self.receipt.done:
                self._do(name, step)
        return self.receipt

    def _steps(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """What is to be done, in order: the pointer early, so that the next run compares with this one."""
        yield "latest", self._latest
        if self.topic:
            yield "digest", self._digest
        if self.bus:
            yield "events", self._events
        if self.security_hub:
            yield "security_hub", self._security_hub
        for name in self.formats:
            yield f"report {name}", lambda name=name: self._report(name)  # type: ignore[misc]
        for table, made in self.tables.items():
            yield f"lake {table}", lambda table=table, made=made: self._table(table, made)  # type: ignore[misc]

    def _do(self, name: str, step: Callable[[], None]) -> None:
        """One delivery, and a note that it is done: a retry of this run will leave it out."""
        left: tuple[str, ...] | None = None
        try:
            if self.remaining() < ENOUGH:
                raise Left("the function's time is over", self.receipt.left.get(name, ()))
            step()
        except Left as error:
            self.failed[name], left = str(error), error.findings
        except (ClientError, BotoCoreError, OSError) as error:
            self.failed[name] = str(error).partition("\n")[0]
        except Exception as error:  # a format that raises must not cost the deliveries after it
            self.failed[name] = f"{type(error).__name__}: {error}".partition("\n")[0]
        owed = {other: found for other, found in self.receipt.left.items() if other != name}
        if name in self.failed:
            self.log.error(f"delivery failed: {name}", delivery=name, error=self.failed[name])
            self.receipt = self.receipt.model_copy(update={"left": owed | ({name: left} if left else {})})
        else:
            self.log.info(f"delivered: {name}", delivery=name)
            self.receipt = self.receipt.model_copy(update={"left": owed, "done": (*self.receipt.done, name)})
        try:
            self.store.keep(self.receipt)
        except (ClientError, BotoCoreError, OSError) as error:
            self.failed["receipt"] = str(error).partition("\n")[0]

    def _latest(self, hub_complete: date | None = None) -> None:
        """Until Security Hub has all of this run, the next one does not count on what it has."""
        pointer = Pointer(
            run=self.receipt.run, report=self.receipt.report, finished=self.audit.scan.finished,
            hub_complete=hub_complete,
        )  # fmt: skip
        self.store.move(pointer)

    def _report(self, name: str) -> None:
        made = self.reports[name]
        self.store.put_text(self.store.report_key(f"report{made.suffix}"), made.text(self.audit))

    def _table(self, table: str, made: Callable[[], bytes]) -> None:
        self.store.put(self.store.lake_key(table), [made()])

    def _digest(self) -> None:
        if not digest.worth_sending(self.audit, self.told, always=self.always):
            return
        made = digest.message(self.audit, self.told, report=self._where)
        if str(self.topic).endswith(".fifo"):
            made |= {
                "MessageGroupId": "auditor",
                "MessageDeduplicationId": f"{self.receipt.account}-{self.receipt.run}",
            }
            made["MessageDeduplicationId"] = made["MessageDeduplicationId"][:128]
        self.client("sns", str(self.topic).split(":")[3]).publish(TopicArn=self.topic, **made)

    def _events(self) -> None:
        owed = set(self.receipt.left.get("events", ()))
        entries = events.entries(self.audit, self.told, run=self.receipt.run, report=self._where, bus=str(self.bus))
        wanted = [(name, entry) for name, entry in entries if not owed or name in owed]
        parts = str(self.bus).split(":")
        client = self.client("events", parts[3] if len(parts) > 3 else None)
        refused: dict[str, str] = {}
        tried = 0
        for batch in events.batches(wanted):
            if self.remaining() < ENOUGH:
                raise Left("the function's time is over", [*refused, *(name for name, _ in wanted[tried:])])
            try:
                refused |= self._put_events(client, batch)
            except (ClientError, BotoCoreError) as error:
                raise Left(str(error), [*refused, *(name for name, _ in wanted[tried:])]) from None
            tried += len(batch)
        if refused:
            raise Left(f"{len(refused)} events were refused: {next(iter(refused.values()))}", list(refused))

    def _put_events(self, client: Any, batch: Sequence[tuple[str, dict[str, Any]]]) -> dict[str, str]:
        """Send a batch; what is refused again and again comes back, each with why."""
        refused: dict[str, str] = {}
        for attempt in self._attempts():
            answer = client.put_events(Entries=[entry for _, entry in batch])
            pairs = list(zip(batch, answer["Entries"], strict=True))
            refused = {name: _why(said) for (name, _), said in pairs if said.get("ErrorCode")}
            batch = [each for each, said in pairs if said.get("ErrorCode")]
            if not batch or attempt == ATTEMPTS - 1:
                break
        return refused

    def _security_hub(self) -> None:
        told = standing(self.earlier, self.audit, full=self._hub_full)
        refused: dict[str, str] = {}
        for region, batch in hub.batches(self.audit, told, self.reports["asff"].render):
            if self.remaining() < ENOUGH:
                raise Left("the function's time is over", ())
            try:
                refused |= self._import(self.hub_client("securityhub", region), batch)
            except (ClientError, BotoCoreError) as error:  # Security Hub is not on in this region: the others are told
                refused[region] = f"{region}: {error!s}"
        if refused:
            raise Left(f"{len(refused)} refused: {next(iter(refused.values()))}", ())
        self._latest(self.store.day if self._hub_full else self.receipt.hub_complete)

    def _import(self, client: Any, batch: list[dict[str, Any]]) -> dict[str, str]:
        refused: dict[str, str] = {}
        for attempt in self._attempts():
            answer = client.batch_import_findings(Findings=batch)
            refused = {said["Id"]: _why(said) for said in answer.get("FailedFindings", ())}
            batch = [finding for finding in batch if finding["Id"] in refused]
            if not batch or attempt == ATTEMPTS - 1:
                break
        return refused

    def _attempts(self) -> Iterable[int]:
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(min(PAUSE * 2**attempt, max(0.0, self.remaining() - ENOUGH)))
            yield attempt

    @property
    def _hub_full(self) -> bool:
        return (
            self.full
            or self.earlier is None
            or self.receipt.hub_complete is None
            or (self.store.day - self.receipt.hub_complete >= REFRESH)
        )

    @property
    def _where(self) -> str:
        return self.store.url(self.receipt.report)


def _why(said: Mapping[str, Any]) -> str:
    return f"{said.get('ErrorCode')}: {said.get('ErrorMessage', '')}"
