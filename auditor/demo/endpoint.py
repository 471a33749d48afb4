"""An emulated AWS endpoint over real HTTP: moto, with refusals, canned answers and faults in front of it."""

import asyncio
import logging
import os
import re
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from functools import cache
from types import MappingProxyType, TracebackType
from typing import Any, ClassVar, Self

from auditor.demo.emulator import ACCOUNT, Moto, account_of, backend, empty_accounts, require_moto, wsgi_environ
from auditor.demo.protocol import (
    Answer,
    Callback,
    Error,
    Params,
    Reply,
    denied,
    parse,
    serialise,
    serialise_error,
    validate_answer,
)
from auditor.demo.recognise import Call, check_name, recognise
from auditor.demo.supplement import SUPPLEMENT

__all__ = ["Answer", "Endpoint", "Error", "validate_answer"]

log = logging.getLogger(__name__)

ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
ROLE = "OrganizationAccountAccessRole"
BACKLOG = 1024
LONGEST_HEADER = 1 << 16

Fault = Callable[[str, str, str], Error | None]
Seen = Counter[tuple[str, str, str]]


class Endpoint:
    """An AWS account at `url`, for as long as the `with` block lasts.

    `deny`: operations to refuse, each `service`, `service:Operation` or `service:Operation@region`.
    `answers`: what to answer instead of moto, by `service:Operation` or `service:Operation@region`: what botocore
    would return, an `Error`, or a callable of (parameters, region, account) that gives either, or None for moto's own.
    `latency`: seconds by which every answer is held back.
    `faults`: asked before every call; an `Error` from it is the answer.

    moto keeps one set of accounts in a process, so two endpoints that run in one process serve the same accounts.
    """

    _running: ClassVar[int] = 0

    def __init__(
        self,
        *,
        deny: Collection[str] = (),
        answers: Mapping[str, Answer] = MappingProxyType({}),
        latency: float = 0.0,
        faults: Fault | None = None,
    ) -> None:
        require_moto()
        self._built = (frozenset(deny), dict(answers), latency, faults)
        self.seen: Seen = Counter()
        self.unsupported: set[str] = set()
        self._clients: dict[tuple[str, str, str | None], Any] = {}
        self._configure()
        self._url = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def _configure(self) -> None:
        self.deny, self.answers, self.latency, self.faults = self._built

    @property
    def url(self) -> str:
        """Where it listens."""
        if not self._url:
            raise RuntimeError("the endpoint is not running: use it in a with statement")
        return self._url

    @property
    def deny(self) -> frozenset[str]:
        """What is refused. Assign to change it."""
        return self._deny

    @deny.setter
    def deny(self, entries: Collection[str]) -> None:
        for entry in entries:
            check_name(entry)
        self._deny = frozenset(entries)

    @property
    def answers(self) -> Mapping[str, Answer]:
        """What is answered instead of moto. Assign to change it; what botocore could not return is a ValueError."""
        return MappingProxyType(self._answers)

    @answers.setter
    def answers(self, answers: Mapping[str, Answer]) -> None:
        for entry, answer in answers.items():
            check_name(entry)
            service, _, operation = entry.partition("@")[0].partition(":")
            if isinstance(answer, Mapping):
                validate_answer(service, operation, answer)
        self._answers = dict(answers)
        self._table: dict[str, Answer] = SUPPLEMENT | self._answers
        self._serialised: dict[str, Reply] = {}

    @property
    def credentials(self) -> dict[str, str]:
        """An environment with which any AWS program talks to this endpoint."""
        return {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.url,
        }

    def client(self, service: str, region: str = "us-east-1", account: str | None = None) -> Any:
        """A boto3 client against this endpoint; with `account`, one that assumed a role in that account."""
        if (service, region, account) not in self._clients:
            self._clients[service, region, account] = self._client(service, region, account)
        return self._clients[service, region, account]

    def _client(self, service: str, region: str, account: str | None) -> Any:
        from botocore.config import Config

        key = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}
        if account is not None:
            role = f"arn:aws:iam::{account}:role/{ROLE}"
            given = self.client("sts").assume_role(RoleArn=role, RoleSessionName="endpoint")["Credentials"]
            key = {"aws_access_key_id": given["AccessKeyId"], "aws_secret_access_key": given["SecretAccessKey"]}
            key["aws_session_token"] = given["SessionToken"]
        # No proxy of whoever runs this, and no number of the account before the host's name.
        config = Config(proxies={}, inject_host_prefix=False, retries={"total_max_attempts": 1})
        client = session().client(service, region_name=region, endpoint_url=self.url, config=config, **key)
        client.meta.events.register("before-sign.s3-control", without_account_in_host)
        return client

    def backend(self, service: str, region: str = "us-east-1", account: str = ACCOUNT) -> Any:
        """What moto holds there: for what no API can set, such as the age of an access key."""
        return backend(service, region, account)

    def reset(self) -> None:
        """Empty every account, and set everything else back to how this endpoint was built."""
        self._on_loop(empty_accounts)
        self._configure()
        self._clients = {key: client for key, client in self._clients.items() if key[2] is None}
        self.seen.clear()
        self.unsupported.clear()

    def _on_loop(self, work: Callable[[], None]) -> None:
        """Do something while no request is being answered: the loop's thread is where moto runs."""
        if self._loop is None:
            raise RuntimeError("the endpoint is not running: use it in a with statement")
        done: Future[None] = Future()

        def run() -> None:
            try:
                work()
                done.set_result(None)
            except BaseException as error:
                done.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        done.result()

    def __enter__(self) -> Self:
        started: Future[str] = Future()
        self._thread = threading.Thread(target=self._run, args=(started,), name="endpoint", daemon=True)
        self._thread.start()
        self._url = started.result()
        if Endpoint._running == 0:
            self._on_loop(empty_accounts)
        Endpoint._running += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        Endpoint._running -= 1
        if Endpoint._running == 0:
            self._on_loop(empty_accounts)
        for client in self._clients.values():
            client.close()
        self._clients.clear()
        if self._loop and self._thread:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
        self._url, self._loop, self._thread = "", None, None

    def _run(self, started: "Future[str]") -> None:
        try:
            asyncio.run(self._serve(started))
        except BaseException as error:
            if not started.done():
                started.set_exception(error)
            raise

    async def _serve(self, started: "Future[str]") -> None:
        from aiohttp import web

        self._loop, self._stop, self._moto = asyncio.get_running_loop(), asyncio.Event(), Moto()
        server = web.Server(
            self._handle,
            access_log=None,
            handler_cancellation=True,  # who hung up is not waited for
            auto_decompress=False,
            max_line_size=LONGEST_HEADER,
            max_field_size=LONGEST_HEADER,
        )
        runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=BACKLOG).start()
        host, port = runner.addresses[0][:2]
        started.set_result(f"http://{host}:{port}")
        await self._stop.wait()
        await runner.cleanup()

    async def _handle(self, request: Any) -> Any:
        from aiohttp import web

        if request.headers.get("Expect", "").lower() == "100-continue":
            # An upload to S3 waits for this. aiohttp counts what is written, and must not count it as an answer.
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        body = await request.content.read()
        environ = wsgi_environ(request, body)
        status, headers, data = await self._answer(environ, body)
        if self.latency:
            await asyncio.sleep(self.latency)
        return web.Response(status=status, headers=headers, body=data)

    async def _answer(self, environ: dict[str, Any], body: bytes) -> Reply:
        call = recognise(environ, body)
        self.seen[call.service, call.operation, call.region] += 1
        try:
            if self.faults and (fault := self.faults(call.service, call.operation, call.region)):
                raise fault
            if self._denies(call):
                raise denied(call, account_of(call))
            canned = await self._canned(call, environ, body)
            return canned or self._moto.answer(call, environ)
        except NotImplementedError as error:
            self.unsupported.add(call.name)
            return serialise_error(call, Error("UnsupportedOperation", f"moto cannot answer {call.name}: {error}"))
        except Error as error:
            return serialise_error(call, error)
        except Exception as error:
            log.exception("the answer to %s broke", call.name)
            return serialise_error(call, Error("AnswerBroke", f"{call.name}: {type(error).__name__}: {error}"))

    def _denies(self, call: Call) -> bool:
        deny = self._deny
        return bool(deny) and not deny.isdisjoint((call.service, call.name, f"{call.name}@{call.region}"))

    async def _canned(self, call: Call, environ: dict[str, Any], body: bytes) -> Reply | None:
        entry = f"{call.name}@{call.region}"
        entry = entry if entry in self._table else call.name
        answer = self._table.get(entry)
        if answer is None:
            return None
        if callable(answer):
            params = parse(call, environ, body)
            answer = await self._ask(answer, params, call, own=entry in self._answers)
            if isinstance(answer, Mapping):
                validate_answer(call.service, call.operation, answer)
                return serialise(call.service, call.operation, answer)
        if isinstance(answer, Error):
            raise answer
        if answer is None:
            return None
        if entry not in self._serialised:
            self._serialised[entry] = serialise(call.service, call.operation, answer)
        return self._serialised[entry]

    async def _ask(
        self, answer: Callback, params: Params, call: Call, *, own: bool
    ) -> Mapping[str, Any] | Error | None:
        account = account_of(call)
        if not own:
            return answer(params, call.region, account)
        # A user's in a thread of its own: it may well ask this endpoint something. The supplement's here, where
        # nothing changes moto's state under its hands.
        return await asyncio.to_thread(answer, params, call.region, account)


@cache
def session() -> Any:
    """One session for all clients, so that each service model is read once; nobody's profile leads it astray."""
    import boto3
    import botocore.session

    nobodys = {
        "profile": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
    core = botocore.session.Session(session_vars=nobodys)
    return boto3.session.Session(botocore_session=core)


def without_account_in_host(request: Any, **_: Any) -> None:
    """s3control's endpoint rules put the account before any host, and 123456789012.127.0.0.1 resolves nowhere."""
    request.url = re.sub(r"//\d{12}\.", "//", request.url, count=1)
