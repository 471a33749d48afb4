"""Who audits, which account, which regions: the credential chain, an assumed role, and what AWS says is enabled."""

import asyncio
import contextlib
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError

from auditor.aws import credentials
from auditor.aws.clients import Clients
from auditor.aws.credentials import Access, CannotStart, Misuse
from auditor.aws.door import Door
from auditor.aws.errors import CREDENTIALS
from auditor.fetch import CallError, Operation, operation
from auditor.findings import GapKind
from auditor.progress import Progress
from auditor.settings import nearest

__all__ = ["Access", "CannotStart", "Misuse", "Session", "connect"]

_Listed = dict[str, str | None]  # regions by name, with their opt-in status

PATIENCE = 8.0  # seconds for the first answer: who waits for a scan to start should soon know why it does not

# What the session itself asks, before there is a plan. The resource models declare both too.
OPENING = (operation("sts", "GetCallerIdentity"), operation("ec2", "DescribeRegions"))


@dataclass
class Session:
    """An account that can be asked. `home` is the region where global services are asked."""

    account: str
    partition: str
    regions: tuple[str, ...]
    home: str
    clients: Clients = field(repr=False)
    concurrency: int = 0

    def door(self, operations: Iterable[Operation], progress: Progress | None = None) -> Door:
        """A door that lets these operations through."""
        operations = tuple(operations)
        self.clients.expected.update(operations)
        return Door(self.clients, operations, concurrency=self.concurrency, progress=progress)

    async def close(self) -> None:
        """Close every connection."""
        await self.clients.close()


async def connect(access: Access, *, concurrency: int) -> Session:
    """Find credentials, ask AWS whose they are and which regions are enabled.

    Raises Misuse or CannotStart, each with one line that says what is wrong and how to mend it.
    """
    core = await credentials.session(access)
    first = credentials.region(core, access)
    home = _home(core, first)
    clients = Clients(core, endpoint_url=access.endpoint_url, concurrency=concurrency)
    try:
        # Where the account's own service is asked first: a region that was asked for may not exist.
        begin = home if access.regions else first
        await credentials.settle(core, access, endpoint_url=clients.endpoint_url("sts"), region=begin)
        door = Door(clients, OPENING, concurrency=concurrency)
        # At home, since a region that was asked for may not exist. Both at once: neither answer needs the other.
        listing = asyncio.ensure_future(_listed(door, home))
        try:
            identity = await _identity(door, begin, clients.endpoint_url("sts"))
            partition = identity["Arn"].split(":")[1]
            account = identity["Account"]
            regions = await _regions(door, core, access.regions, listing, home, first, partition)
        finally:
            listing.cancel()
            await asyncio.gather(listing, return_exceptions=True)
        return Session(account, partition, regions, home, clients, concurrency)
    except BaseException:
        await clients.close()
        raise


async def _identity(door: Door, region: str, endpoint_url: str | None) -> dict[str, Any]:
    where = endpoint_url or f"AWS in {region}"
    try:
        async with asyncio.timeout(PATIENCE):
            return await door.call("sts", "GetCallerIdentity", region)
    except TimeoutError:
        raise CannotStart(f"{where} does not answer: check the address, the network and the proxy") from None
    except CallError as error:
        if error.kind is GapKind.UNREACHABLE:
            raise CannotStart(f"{where} cannot be reached: check the address, the network and the proxy") from None
        if error.code in CREDENTIALS:
            raise CannotStart(
                f"AWS refused the credentials ({error.code}: {error.message}): refresh them, or choose others "
                "with --profile"
            ) from None
        raise CannotStart(f"AWS did not say whose credentials these are ({error})") from None


async def _regions(
    door: Door, core: Any, wanted: Sequence[str], listing: Awaitable[_Listed], home: str, first: str, partition: str
) -> tuple[str, ...]:
    """The enabled regions, as AWS says at home (`listing`); those asked for if there are any, each held against it."""
    try:
        where, enabled = home, await listing  # a service control policy may deny it there
    except CallError as error:
        try:
            where, enabled = first, await _listed(door, first)
        except CallError:
            if wanted:
                return _plausible(core, wanted)
            raise CannotStart(
                f"AWS did not say which regions are enabled ({error}): allow ec2:DescribeRegions, "
                "or name them with --region"
            ) from None
    known = enabled
    if set(wanted) - enabled.keys():
        with contextlib.suppress(CallError):
            known = await _listed(door, where, AllRegions=True)
    for name in wanted:
        if name not in known:
            hint = nearest(name, list(known)) or f": AWS knows {', '.join(sorted(known))}"
            raise Misuse(f"unknown region {name}{hint}")
        if known[name] == "not-opted-in":
            raise Misuse(f"region {name} is not enabled in this account: enable it, or leave it out")
    # AWS lists neither regions that are not enabled nor those of other partitions; moto lists both.
    return tuple(
        sorted(set(wanted))
        or sorted(
            name
            for name, status in enabled.items()
            if status != "not-opted-in" and core.get_partition_for_region(name) == partition
        )
    )


async def _listed(door: Door, region: str, **params: bool) -> _Listed:
    """Regions by name, with their opt-in status."""
    answer = await door.call("ec2", "DescribeRegions", region, params)
    return {region["RegionName"]: region.get("OptInStatus") for region in answer["Regions"]}


def _plausible(core: Any, wanted: Sequence[str]) -> tuple[str, ...]:
    """Regions that look like regions, where AWS would not list them: a wrong one will show as unreachable."""
    for name in wanted:
        try:
            core.get_partition_for_region(name)
        except BotoCoreError:
            raise Misuse(f"unknown region {name}") from None
    return tuple(sorted(set(wanted)))


def _home(core: Any, region: str) -> str:
    """The region where the partition's global services are asked, from botocore's partition data."""
    try:
        partition = core.get_partition_for_region(region)
    except BotoCoreError:
        raise Misuse(f"unknown region {region}: check --region, AWS_REGION and the profile") from None
    for entry in core.get_component("data_loader").load_data("partitions")["partitions"]:
        if entry["id"] == partition:
            return str(entry["outputs"]["implicitGlobalRegion"])
    return region
