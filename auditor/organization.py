"""The accounts of an organization: which there are, and all of them audited side by side from one machine.

Each audit goes to a folder and is dropped, so that memory holds no more than the accounts in flight:

    account=<id>.json.gz       the audit
    account=<id>.digest.json   what the organization's report needs of it; written last, so where it is, all is
    account=<id>.error.json    why there is none
"""

import asyncio
import contextlib
import gc
import gzip
import json
import re
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from auditor import files
from auditor.audit import Audit, UnreadableReport, load
from auditor.aws.door import Door
from auditor.aws.session import Access, CannotStart, Misuse, connect
from auditor.fetch import CallError, operation
from auditor.findings import Record
from auditor.inventory import Inventory
from auditor.plan import Plan
from auditor.rollup import BadDigest, Digest, Expected, Reducer, Rollup, digest, read_digest
from auditor.scan import read

ROLE = "auditor-member"  # as deploy/member-role.yaml names it
LISTING = tuple(
    operation("organizations", name)
    for name in ("ListAccounts", "ListAccountsForParent", "ListOrganizationalUnitsForParent", "ListTagsForResource")
)
ACTIVE = ("ACTIVE",)
ID = re.compile(r"\d{12}")
MOST_TARGETS = 100_000  # lines of a file of accounts: more is another file


class Target(Record):
    """An account to audit. `role_arn`: the role to assume in it; None for the credentials as they are."""

    account: str
    name: str = ""
    role_arn: str | None = None
    external_id: str | None = None
    regions: tuple[str, ...] = ()

    @property
    def expected(self) -> Expected:
        """As the organization's report knows it."""
        return Expected(account=self.account, name=self.name, regions=list(self.regions))


class BadAccounts(ValueError):
    """A file of accounts that cannot be used. One line that names it and says how one is written."""


@dataclass(frozen=True)
class Listed:
    """What an organization has: the accounts that were chosen, and whose credentials asked.

    left_out: accounts of another status, by status.
    """

    targets: tuple[Target, ...]
    account: str
    partition: str
    left_out: Mapping[str, int]


async def own(access: Access) -> tuple[str, str]:
    """The account and partition of the credentials. Raises Misuse, CannotStart."""
    session = await connect(access, concurrency=8)
    await session.close()
    return session.account, session.partition


async def accounts(
    access: Access, *, ous: Sequence[str] = (), tags: Sequence[str] = (), statuses: Sequence[str] = ACTIVE
) -> Listed:
    """The accounts of the organization that these credentials may list: in these units (or below them), with all of
    these tags (`name` or `name=value`), of these statuses.

    Raises Misuse for a unit that there is not, CannotStart where AWS does not say.
    """
    session = await connect(access, concurrency=32)
    try:
        asker = _Asker(session.door(LISTING), session.home)
        try:
            found = await asker.found(ous)
            chosen = {each: about for each, about in found.items() if _status(about) in statuses}
            if tags:
                kept = await asyncio.gather(*(asker.tagged(each, tags) for each in chosen))
                chosen = {each: about for (each, about), keep in zip(chosen.items(), kept, strict=True) if keep}
        except CallError as error:
            if error.code in ("ParentNotFoundException", "InvalidInputException"):
                raise Misuse(f"there is no such organizational unit ({error}): name it as ou-ab12-cdefgh34") from None
            raise CannotStart(
                f"AWS did not list the organization's accounts ({error}): use credentials of the management account or "
                "a delegated administrator, or name the accounts with --accounts FILE"
            ) from None
        others = [_status(about) for about in found.values() if _status(about) not in statuses]
        targets = tuple(Target(account=each, name=str(chosen[each].get("Name", ""))) for each in sorted(chosen))
        return Listed(
            targets, session.account, session.partition, {each: others.count(each) for each in sorted(others)}
        )
    finally:
        await session.close()


def _status(account: Mapping[str, Any]) -> str:
    """`Status` gives way to `State`, which tells more."""
    return str(account.get("State") or account.get("Status") or "ACTIVE")


@dataclass
class _Asker:
    """Asks AWS Organizations. Raises CallError."""

    door: Door
    region: str

    async def found(self, ous: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Accounts by id: all, or those below some units."""
        if not ous:
            return {each["Id"]: each async for each in self._each("ListAccounts", "Accounts")}
        below = await asyncio.gather(*(self._below(ou) for ou in dict.fromkeys(ous)))
        return {name: about for found in below for name, about in found.items()}

    async def _below(self, parent: str) -> dict[str, dict[str, Any]]:
        found = {each["Id"]: each async for each in self._each("ListAccountsForParent", "Accounts", ParentId=parent)}
        units = self._each("ListOrganizationalUnitsForParent", "OrganizationalUnits", ParentId=parent)
        for below in await asyncio.gather(*[self._below(unit["Id"]) async for unit in units]):
            found |= below
        return found

    async def tagged(self, account: str, wanted: Sequence[str]) -> bool:
        """Whether an account has all of these tags."""
        tags = {tag["Key"]: tag["Value"] async for tag in self._each("ListTagsForResource", "Tags", ResourceId=account)}
        pairs = [each.partition("=") for each in wanted]
        return all(key in tags and (not equals or tags[key] == value) for key, equals, value in pairs)

    async def _each(self, name: str, at: str, **params: str) -> AsyncIterator[dict[str, Any]]:
        async for page in self.door.pages("organizations", name, self.region, params):
            for each in page.get(at, ()):
                yield each


def from_file(path: Path) -> tuple[Target, ...]:
    """The accounts of a file: an id a line, with a name behind it if there is one and # before remarks; or JSON, a list
    of ids or of objects (account, name, role_arn, external_id, regions), or what `aws organizations list-accounts`
    prints. Raises BadAccounts.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadAccounts(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise BadAccounts(f"{path} is not text: write an account id on each line") from None
    targets = list(_from_json(path, text) if text.lstrip()[:1] in ("[", "{") else _from_lines(path, text))
    if not targets:
        raise BadAccounts(f"{path} names no account: write an account id on each line")
    if len(targets) > MOST_TARGETS:
        raise BadAccounts(f"{path} names {len(targets):,} accounts: at most {MOST_TARGETS:,} go into one run")
    seen: set[str] = set()
    for target in targets:
        if target.account in seen:
            raise BadAccounts(f"{path} names account {target.account} twice")
        seen.add(target.account)
    return tuple(targets)


def _from_lines(path: Path, text: str) -> Iterable[Target]:
    for number, line in enumerate(text.splitlines(), 1):
        account, _, name = line.partition("#")[0].strip().replace(",", " ").replace("\t", " ").partition(" ")
        if not account:
            continue
        if not ID.fullmatch(account):
            raise BadAccounts(f"{path}:{number}: {account} is no account id: write its twelve digits, then a name")
        yield Target(account=account, name=name.strip())


def _from_json(path: Path, text: str) -> Iterable[Target]:
    try:
        table = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise BadAccounts(f"{path} is not JSON: {error}") from None
    listed = table.get("Accounts") if isinstance(table, dict) else table
    if not isinstance(listed, list):
        raise BadAccounts(f"{path}: write a JSON list of accounts")
    for number, entry in enumerate(listed, 1):
        made = {"account": entry} if isinstance(entry, str) else entry
        if isinstance(made, dict) and "Id" in made:
            if _status(made) not in ACTIVE:
                continue
            made = {"account": made["Id"], "name": made.get("Name", "")}
        try:
            target = Target.model_validate(made)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise BadAccounts(f"{path}: account {number}: {where}: {first['msg']}".replace(": :", ":")) from None
        if not ID.fullmatch(target.account):
            raise BadAccounts(f"{path}: account {number}: {target.account} is no account id: write its twelve digits")
        yield target


def reached(
    targets: Iterable[Target], *, own: str | None, partition: str, role: str, external_id: str | None
) -> tuple[Target, ...]:
    """The targets with how to reach each: by this role, but for the account `own`, whose credentials are at hand."""
    return tuple(
        target
        if target.role_arn or target.account == own
        else target.model_copy(
            update={
                "role_arn": f"arn:{partition}:iam::{target.account}:role/{role}",
                "external_id": target.external_id or external_id,
            }
        )
        for target in targets
    )


class NotAudited(Record):
    """Why there is no audit of an account."""

    account: str
    code: str
    message: str


@dataclass(frozen=True)
class Folder:
    """Where a run leaves its audits, by account."""

    path: Path

    def report(self, account: str) -> Path:
        """An account's audit."""
        return self.path / f"account={account}.json.gz"

    def digest(self, account: str) -> Path:
        """An account's digest."""
        return self.path / f"account={account}.digest.json"

    def error(self, account: str) -> Path:
        """Why there is no audit."""
        return self.path / f"account={account}.error.json"

    def keep(self, audit: Audit, account: str) -> Digest:
        """Write an audit and its digest. Raises OSError."""
        made = digest(audit)
        files.replace(self.report(account), _compressed(audit))
        files.replace_text(self.digest(account), [made.model_dump_json(), "\n"])
        self.error(account).unlink(missing_ok=True)
        return made

    def keep_error(self, why: NotAudited) -> None:
        """Write why there is no audit; what an earlier run left of the account goes. Raises OSError."""
        files.replace_text(self.error(why.account), [why.model_dump_json(), "\n"])
        for path in (self.digest(why.account), self.report(why.account)):
            path.unlink(missing_ok=True)

    def done(self, account: str) -> Digest | None:
        """The digest of an account that need not be read again; None where it is missing, damaged or interrupted."""
        try:
            made = read_digest(self.digest(account).read_bytes(), str(self.digest(account)))
        except (OSError, BadDigest):
            return None
        return None if made.scan.interrupted or not self.report(account).exists() else made

    def why(self, account: str) -> NotAudited:
        """Why an account has no digest."""
        try:
            return NotAudited.model_validate_json(self.error(account).read_bytes())
        except (OSError, ValidationError):
            return NotAudited(account=account, code="NotAsked", message="the run ended before its turn came")

    def audit(self, account: str) -> Audit | None:
        """An account's audit, for the next run to compare with; None if there is none. Raises UnreadableReport."""
        path = self.report(account)
        try:
            return load(gzip.decompress(path.read_bytes()), path)
        except FileNotFoundError:
            return None
        except (OSError, EOFError, zlib.error) as error:
            raise UnreadableReport(f"{path} cannot be read: {error}") from None


def _compressed(audit: Audit) -> Iterable[bytes]:
    stream = zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    yield stream.compress(audit.model_dump_json().encode())
    yield stream.flush()


@dataclass
class Run:
    """Audits accounts side by side, `at_once` of them, and leaves each in the folder.

    judge: an inventory to an audit; it may take its time, in a thread of its own. kept: an account's audit was written.
    missed: an account could not be audited. stop() lets those in flight end as interrupted, and begins no more.
    """

    folder: Folder
    access: Access
    plan: Plan
    judge: Callable[[Inventory], Audit]
    at_once: int
    concurrency: int
    kept: Callable[[Target, Digest, Audit], None] = lambda *_: None
    missed: Callable[[Target, NotAudited], None] = lambda *_: None
    _doors: dict[str, Door] = field(default_factory=dict, repr=False)
    _stopped: bool = False

    async def all(self, targets: Iterable[Target]) -> None:
        """Audit them. What goes wrong with one costs that one. Raises OSError where nothing can be written."""
        waiting = iter(targets)
        async with asyncio.TaskGroup() as group:
            for _ in range(self.at_once):
                group.create_task(self._worker(waiting))

    def stop(self) -> None:
        """Begin no further account, and end those in flight: what they have read is judged and written."""
        self._stopped = True
        for door in self._doors.values():
            door.stop("interrupted")

    async def _worker(self, waiting: Any) -> None:
        for target in waiting:
            if self._stopped:
                return
            await self._one(target)

    async def _one(self, target: Target) -> None:
        access = replace(self.access, regions=target.regions or self.access.regions)
        if target.role_arn:
            access = replace(access, role_arn=target.role_arn, external_id=target.external_id)
        try:
            audit = await self._audit(target, access)
        except (Misuse, CannotStart) as error:
            why = NotAudited(account=target.account, code=type(error).__name__, message=str(error))
        except Exception as error:  # a defect of ours costs this account and no other, and is reported
            why = NotAudited(account=target.account, code="Defect", message=f"{type(error).__name__}: {error}")
        else:
            self.kept(target, await asyncio.to_thread(self.folder.keep, audit, target.account), audit)
            return
        finally:
            self._doors.pop(target.account, None)
            gc.collect()  # an account's clients hold one another: the next one's take their place
        self.folder.keep_error(why)
        self.missed(target, why)

    async def _audit(self, target: Target, access: Access) -> Audit:
        def started(session: Any, door: Door) -> None:
            if session.account != target.account:
                raise CannotStart(
                    f"the credentials are of account {session.account}: name a role of account {target.account}"
                )
            self._doors[target.account] = door
            if self._stopped:
                door.stop("interrupted")

        share = max(1, self.concurrency // self.at_once)
        inventory = await read(access, self.plan, concurrency=share, on_start=started)
        return await asyncio.to_thread(self.judge, inventory)


def reduce(folder: Folder, targets: Sequence[Target], *, run: str, started: datetime, finished: datetime) -> Rollup:
    """The organization's report, of the digests in a folder, one at a time."""
    reducer = Reducer(target.expected for target in targets)
    for target in targets:
        made: Digest | None = None
        with contextlib.suppress(OSError, BadDigest):
            made = read_digest(folder.digest(target.account).read_bytes(), str(folder.digest(target.account)))
        if made is not None:
            reducer.add(made, folder.report(target.account).name)
        else:
            why = folder.why(target.account)
            reducer.missing(target.expected, why.code, why.message)
    return reducer.result(run=run, started=started, finished=finished)
