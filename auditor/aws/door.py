"""The one door through which every call to AWS goes.

It lets only declared operations through, keeps the pace of each (account, region, service), retries what is worth it,
counts everything for the manifest, and reports whatever goes wrong as `CallError`.
"""

import asyncio
import contextlib
import random
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from typing import Any, TypeVar

from aiohttp import ClientConnectorDNSError
from botocore import xform_name
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ProxyConnectionError,
    SSLError,
)
from botocore.parsers import ResponseParserError

from auditor.aws.clients import Clients
from auditor.aws.errors import is_throttle, is_transient, kind_of
from auditor.aws.pace import Pace
from auditor.aws.paging import following, paging
from auditor.fetch import NOT_OFFERED, CallError, Operation
from auditor.findings import GapKind
from auditor.inventory import CallRecord
from auditor.progress import Progress

T = TypeVar("T")

ATTEMPTS = 6  # of a call that fails in a way that may pass
THROTTLED_ATTEMPTS = 40  # the pace sees to it that few are needed; this only ends a wait that has no end
BACKOFF = 0.1  # seconds; full jitter over BACKOFF * 2 ** attempt
LONGEST_BACKOFF = 10.0
UNREACHABLE_AFTER = 2  # failures to connect, after which an endpoint is given up

UNREACHABLE = (EndpointConnectionError, ConnectTimeoutError, ProxyConnectionError, SSLError)


class NotDeclared(RuntimeError):
    """A call to an operation that no resource declares: a defect of ours, never sent."""


class Door:
    """Calls AWS. `operations` is the allow-list; `stop` ends everything under way, each call with its reason."""

    def __init__(
        self, clients: Clients, operations: Iterable[Operation], *, concurrency: int, progress: Progress | None = None
    ) -> None:
        self._clients = clients
        self._allowed = {(op.service, op.name) for op in operations}
        self._places = asyncio.Semaphore(concurrency)
        self._paces: dict[tuple[str, str], Pace] = {}
        self._refused: Counter[tuple[str, str]] = Counter()
        self._calls: Counter[tuple[str, str, str]] = Counter()
        self._errors: Counter[tuple[str, str, str]] = Counter()
        self._throttles: Counter[tuple[str, str, str]] = Counter()
        self._under_way: set[asyncio.Task[Any]] = set()
        self._stopped: str | None = None
        self._progress = progress or Progress()

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped is not None

    def stop(self, why: str) -> None:
        """Let no further call begin and end those under way: each raises CallError with kind `stopped`."""
        self._stopped = why
        for task in self._under_way:
            task.cancel()

    def records(self) -> tuple[CallRecord, ...]:
        """The manifest so far, in stable order."""
        return tuple(
            CallRecord(
                region=region, service=service, operation=operation, calls=count,
                errors=self._errors[region, service, operation], throttles=self._throttles[region, service, operation],
            )
            for (region, service, operation), count in sorted(self._calls.items())
        )  # fmt: skip

    async def pages(
        self, service: str, operation: str, region: str, params: Mapping[str, Any] | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Every page of an operation's answer as they arrive; one for what AWS does not page. Raises CallError."""
        paged = await self._paging(service, operation, region)
        params = dict(params or {})
        while True:
            page = await self.call(service, operation, region, params)
            yield page
            more = following(paged, page) if paged else None
            if not more:
                return
            if all(params.get(name) == token for name, token in more.items()):
                raise CallError(GapKind.UNEXPECTED, "SameToken", "AWS gave the same page token twice")
            params |= more

    async def call(
        self, service: str, operation: str, region: str, params: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """One answer, as botocore parses it. Raises CallError."""
        if (service, operation) not in self._allowed:
            raise NotDeclared(f"{service}:{operation} is declared by no resource")
        key = (region, service, operation)
        pace = self._paces.setdefault((region, service), Pace())
        failures = throttles = 0
        while True:
            try:
                return await self._interruptible(self._once(pace, service, operation, region, dict(params or {})))
            except ClientError as error:
                code, status, message = _said(error)
                if is_throttle(code, status) and throttles < THROTTLED_ATTEMPTS:
                    throttles += 1
                elif is_transient(code, status) and failures < ATTEMPTS - 1:
                    failures += 1
                else:
                    self._count_error(key)
                    raise CallError(kind_of(code, status), code, message) from None
            except UNREACHABLE as error:
                self._refused[region, service] += 1
                if _has_no_address(error) and not await self._clients.offered(service, region):
                    raise CallError(GapKind.UNREACHABLE, NOT_OFFERED, f"AWS has no {service} in {region}") from None
                if self._refused[region, service] >= UNREACHABLE_AFTER:
                    self._count_error(key)
                    raise CallError(GapKind.UNREACHABLE, "Unreachable", _first_line(error)) from None
                failures += 1
            except (HTTPClientError, ResponseParserError) as error:
                failures += 1
                if failures >= ATTEMPTS:
                    self._count_error(key)
                    raise CallError(GapKind.FAILED, type(error).__name__, _first_line(error)) from None
            except BotoCoreError as error:
                self._count_error(key)
                raise CallError(GapKind.FAILED, type(error).__name__, _first_line(error)) from None
            ceiling = min(LONGEST_BACKOFF, BACKOFF * 2 ** min(failures + throttles, 10))
            await self._interruptible(asyncio.sleep(random.uniform(0, ceiling)))

    async def _once(
        self, pace: Pace, service: str, operation: str, region: str, params: dict[str, Any]
    ) -> dict[str, Any]:
        """Send one request when pace and concurrency allow it, and tell the pace how it went."""
        client = await self._clients.get(service, region)
        await pace.enter()
        learn = pace.failed
        try:
            async with self._places:
                if self._refused[region, service] >= UNREACHABLE_AFTER:
                    raise EndpointConnectionError(endpoint_url=client.meta.endpoint_url)
                self._calls[region, service, operation] += 1
                self._progress.calls += 1
                answer: dict[str, Any] = await getattr(client, xform_name(operation))(**params)
            self._refused.pop((region, service), None)
            learn = pace.answered
            return answer
        except ClientError as error:
            code, status, _ = _said(error)
            learn = pace.throttled if is_throttle(code, status) else pace.answered
            if learn == pace.throttled:
                self._throttles[region, service, operation] += 1
                self._progress.throttles += 1
            raise
        finally:
            learn()

    async def _interruptible(self, work: Awaitable[T]) -> T:
        """Await something that `stop` may end. Raises CallError with kind `stopped` then."""
        task = asyncio.ensure_future(work)
        self._under_way.add(task)
        if self._stopped is not None:
            task.cancel()
        try:
            return await task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if self._stopped is None or (current is not None and current.cancelling()):
                with contextlib.suppress(BaseException):
                    task.cancel()
                raise
            raise CallError(GapKind.STOPPED, "Stopped", self._stopped) from None
        finally:
            self._under_way.discard(task)

    async def _paging(self, service: str, operation: str, region: str) -> Mapping[str, Any] | None:
        """How an operation is paged; None where it is not."""
        try:
            client = await self._clients.get(service, region)
        except BotoCoreError as error:
            raise CallError(GapKind.FAILED, type(error).__name__, _first_line(error)) from None
        name = xform_name(operation)
        client.can_paginate(name)  # reads the table, on first use
        return paging(client._cache["page_config"], client.meta.service_model.operation_model(operation))

    def _count_error(self, key: tuple[str, str, str]) -> None:
        self._errors[key] += 1


def _said(error: ClientError) -> tuple[str, int, str]:
    """AWS's code, HTTP status and message. Some codes come with a prefix ("Client.UnauthorizedOperation")."""
    said = error.response.get("Error", {})
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = str(said.get("Code") or status)
    return code.removeprefix("Client.").removeprefix("Server."), status, str(said.get("Message") or "")


def _has_no_address(error: Exception) -> bool:
    """Whether the endpoint's host name leads nowhere, which is how AWS shows that a region lacks a service."""
    return isinstance(error, EndpointConnectionError) and isinstance(
        error.kwargs.get("error"), ClientConnectorDNSError | socket.gaierror
    )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
