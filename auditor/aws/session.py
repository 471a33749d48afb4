"""Who audits, which account, which regions: the credential chain, an assumed role, and what AWS says is enabled."""

import asyncio
import contextlib
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import aioboto3
from aiobotocore.credentials import AioAssumeRoleCredentialFetcher, AioDeferredRefreshableCredentials
from aiobotocore.session import AioSession
from botocore.exceptions import BotoCoreError, NoCredentialsError, PartialCredentialsError, ProfileNotFound
from botocore.loaders import Loader

from auditor.aws.clients import DATA_PATH, Clients
from auditor.aws.door import Door
from auditor.aws.errors import CREDENTIALS
from auditor.aws.lean import Emitter
from auditor.fetch import CallError, Operation, operation
from auditor.findings import GapKind
from auditor.progress import Progress

_Listed = dict[str, str | None]  # regions by name, with their opt-in status

ROLE_SESSION_NAME = "auditor"
PATIENCE = 8.0  # seconds for the first answer: who waits for a scan to start should soon know why it does not

# What the session itself asks, before there is a plan. The resource models declare both too.
OPENING = (operation("sts", "GetCallerIdentity"), operation("ec2", "DescribeRegions"))


class Misuse(ValueError):
    """What was asked for does not exist (a profile, a region): the user's to mend, exit code 2."""


class CannotStart(RuntimeError):
    """No credentials, refused credentials, an endpoint out of reach: exit code 4."""


@dataclass(frozen=True)
class Access:
    """How to reach an account. Every part is optional: without any, botocore's standard chain decides."""

    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = None
    endpoint_url: str | None = None
    regions: tuple[str, ...] = ()


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
        return Door(self.clients, operations, concurrency=self.concurrency, progress=progress)

    async def close(self) -> None:
        """Close every connection."""
        await self.clients.close()


async def connect(access: Access, *, concurrency: int) -> Session:
    """Find credentials, ask AWS whose they are and which regions are enabled.

    Raises Misuse or CannotStart, each with one line that says what is wrong and how to mend it.
    """
    core = await _session(access)
    first = access.regions[0] if access.regions else core.get_config_variable("region") or "us-east-1"
    clients = Clients(core, endpoint_url=access.endpoint_url, concurrency=concurrency)
    if access.role_arn:
        core._credentials = _assumed(core, await core.get_credentials(), access, clients.endpoint_url("sts"), first)
    try:
        door = Door(clients, OPENING, concurrency=concurrency)
        home = _home(core, first)
        # At home, since a region that was asked for may not exist. Both at once: neither answer needs the other.
        listing = asyncio.ensure_future(_listed(door, home))
        try:
            identity = await _identity(door, home if access.regions else first, clients.endpoint_url("sts"))
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


@cache
def _loader() -> Any:
    """Botocore's service models, read once for all the accounts that a process audits; ours on top."""
    loader = Loader()
    # In front: a file of extras hides those of the same name behind it, and botocore has some for RDS.
    loader.search_paths.insert(0, DATA_PATH)
    return loader


async def _session(access: Access) -> Any:
    try:
        core = AioSession(event_hooks=Emitter())
        aioboto3.Session(botocore_session=core, profile_name=access.profile)
        core.register_component("data_loader", _loader())
        core.get_scoped_config()
        source = await core.get_credentials()
    except ProfileNotFound as error:
        known = ", ".join(sorted(aioboto3.Session().available_profiles)) if access.profile else ""
        raise Misuse(f"{error}: {f'choose one of {known}' if known else 'no profiles are configured'}") from None
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise CannotStart(f"{error}: complete them, or choose others with --profile") from None
    except BotoCoreError as error:
        raise CannotStart(f"credentials could not be loaded: {error}") from None
    if source is None:
        raise CannotStart(
            "no AWS credentials found: set AWS_PROFILE or --profile, or run `aws configure` or `aws sso login`"
        )
    return core


def _assumed(core: Any, source: Any, access: Access, endpoint_url: str | None, region: str) -> Any:
    """Credentials of the role, fetched when first needed and again before they expire."""
    extra = {"RoleSessionName": ROLE_SESSION_NAME}
    if access.external_id:
        extra["ExternalId"] = access.external_id
    fetcher = AioAssumeRoleCredentialFetcher(
        partial(core.create_client, endpoint_url=endpoint_url, region_name=region), source, str(access.role_arn), extra
    )
    return AioDeferredRefreshableCredentials(refresh_using=fetcher.fetch_credentials, method="assume-role")


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
        if error.kind is GapKind.DENIED:
            # No policy can deny GetCallerIdentity itself: it is the role before it that was refused.
            raise CannotStart(
                f"the role could not be assumed ({error}): check the ARN, its trust policy and --external-id"
            ) from None
        raise CannotStart(f"AWS did not say whose credentials these are ({error})") from None
    except Exception as error:  # botocore's credential providers raise what their sources raise
        raise CannotStart(f"the credentials could not be used: {error}") from None


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
            raise Misuse(f"unknown region {name}: AWS knows {', '.join(sorted(known))}")
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
