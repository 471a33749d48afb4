"""The steps of a scan of many accounts: which accounts, audited side by side into a folder, and one report of all."""

import gc
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.steps import (
    Exit,
    access_of,
    assess_inventory,
    check_lake,
    check_output,
    choose,
    fail,
    keep_in_lake,
    misuse,
    print_out,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import datetime

    from auditor.audit import Audit
    from auditor.aws.session import Access
    from auditor.console import Messages
    from auditor.inventory import Inventory
    from auditor.organization import Folder, NotAudited, Run, Target
    from auditor.rollup import Digest, Rollup

FOLDER = Path("auditor-organization")
AT_ONCE = 4
STATE = "run.json"


@dataclass(frozen=True)
class Many:
    """Which accounts, and how to reach them."""

    organization: bool
    ous: "Sequence[str]"
    tags: "Sequence[str]"
    file: Path | None
    role: str | None
    external_id: str | None
    resume: Path | None
    at_once: int


def taken(options: dict[str, Any]) -> Many | None:
    """Take the options about many accounts out of these; None if one account is meant."""
    names = ("organization", "ous", "tags", "accounts_file", "role", "resume", "accounts_at_once")
    given = {name: options.pop(name) for name in names}
    if not given["organization"] and given["accounts_file"] is None:
        flags = {"ous": "ou", "tags": "account-tag"}
        if wrong := [flags.get(name, name).replace("_", "-") for name, value in given.items() if value]:
            misuse(f"--{wrong[0]} goes with --organization or --accounts FILE")
        return None
    if given["accounts_file"] is not None and (given["organization"] or given["ous"] or given["tags"]):
        misuse("--accounts names the accounts: it goes without --organization, --ou and --account-tag")
    for name in ("role_arn", "snapshot", "save_snapshot"):
        if options[name]:
            hint = ": name the role with --role, as it is called in every account" if name == "role_arn" else ""
            misuse(f"--{name.replace('_', '-')} is about one account{hint}")
        options.pop(name)
    return Many(
        given["organization"], given["ous"], given["tags"], given["accounts_file"], given["role"],
        options.pop("external_id"), given["resume"], given["accounts_at_once"] or AT_ONCE,
    )  # fmt: skip


def audited(
    messages: "Messages",
    many: Many,
    *,
    formats: "Sequence[str]" = (),
    output: Path | None = None,
    baseline: Path | None = None,
    source_map: "Mapping[str, str] | None" = None,
    regions: "Sequence[str]" = (),
    profile: str | None = None,
    endpoint_url: str | None = None,
    concurrency: int | None = None,
    metrics: bool = False,
    lake: Path | None = None,
    **choice: Any,
) -> Exit:
    """Audit the accounts, write the organization's report, and say how complete it is."""
    from auditor.organization import Folder, Run
    from auditor.plan import plan

    check_lake(lake)
    settings, catalogue, chosen = choose(**choice)
    formats = formats or settings.report.formats
    if many.resume and output and many.resume != output:
        misuse("--resume names the folder: leave --output out")
    folder = Folder(many.resume or output or settings.report.output or FOLDER)
    check_output(formats, folder.path)
    if baseline is not None and not baseline.is_dir():
        misuse(f"--baseline {baseline}: name the folder of an earlier run over several accounts")
    access = access_of(profile, None, None, endpoint_url, regions or settings.scan.regions)
    planned = plan(chosen, metrics=metrics or settings.scan.metrics, account_tags=settings.by_tag)
    asked = {"rules": sorted(rule.id for rule in chosen), "regions": sorted(access.regions), "metrics": metrics}
    targets = _targets(access, many, messages)
    run, started = _begun(folder, asked, resume=many.resume is not None)
    left = [target for target in targets if folder.done(target.account) is None]
    if len(left) < len(targets):
        messages.say(f"{len(targets) - len(left):,} of {len(targets):,} accounts are done already")

    kept: list[bool] = []

    def judge(inventory: "Inventory") -> "Audit":
        audit = assess_inventory(inventory, chosen, catalogue, settings, messages, alone=False)
        if lake is not None:
            kept.append(keep_in_lake(lake, audit, inventory, messages))
        return _compared(audit, Folder(baseline), messages) if baseline is not None else audit

    audits = Run(folder, access, planned, judge, many.at_once, concurrency or settings.scan.concurrency)
    show = _Show(messages, folder, formats, source_map or {}, len(targets), len(targets) - len(left))
    audits.kept, audits.missed = show.kept, show.missed
    stopped = _run(audits, left, messages)
    return _reported(folder, targets, run, started, messages, stopped=stopped or show.incomplete or not all(kept))


def _targets(access: "Access", many: Many, messages: "Messages") -> "Sequence[Target]":
    """The accounts, and how to reach each."""
    from auditor.organization import ROLE, BadAccounts, accounts, from_file, own, reached

    if many.file is not None:
        try:
            targets = from_file(many.file)
        except BadAccounts as error:
            misuse(str(error))
        account, partition = _started(lambda: own(access))
    else:
        listed = _started(lambda: accounts(access, ous=many.ous, tags=many.tags))
        targets, account, partition = listed.targets, listed.account, listed.partition
        for status, count in listed.left_out.items():
            messages.say(f"{count:,} accounts are left out: {status}")
        if not targets:
            misuse("no active account is in these units with these tags")
    return reached(
        targets, own=account, partition=partition, role=many.role or ROLE, external_id=many.external_id
    )  # fmt: skip


def _started(ask: "Callable[[], Awaitable[Any]]") -> Any:
    """Ask AWS something before the first account is read."""
    import asyncio

    from auditor.aws.session import CannotStart, Misuse

    async def asked() -> Any:
        return await ask()

    try:
        return asyncio.run(asked())
    except Misuse as error:
        misuse(str(error))
    except CannotStart as error:
        fail(Exit.CANNOT_START, str(error))


def _begun(folder: "Folder", asked: dict[str, Any], *, resume: bool) -> "tuple[str, datetime]":
    """The run that this folder is for: a new one, or the one to go on with if it asks for the same."""
    import json
    from datetime import UTC, datetime

    from auditor import __version__
    from auditor.files import replace_text

    path = folder.path / STATE
    if not resume:
        if path.exists():
            misuse(f"{folder.path} holds a run already: go on with it (--resume {folder.path}), or choose another")
        now = datetime.now(UTC)
        state = {"run": f"{now:%Y%m%dT%H%M%SZ}", "started": now.isoformat(), "version": __version__, **asked}
        try:
            replace_text(path, [json.dumps(state, indent=1), "\n"])
        except OSError as error:
            misuse(f"{path} could not be written: {error.strerror or error}")
        return str(state["run"]), now
    try:
        there = json.loads(path.read_text(encoding="utf-8"))
        run, started = str(there["run"]), datetime.fromisoformat(there["started"])
    except OSError as error:
        misuse(f"--resume {folder.path}: {path} cannot be read ({error.strerror or error}): name the folder of a run")
    except (ValueError, KeyError, TypeError):
        misuse(f"--resume {folder.path}: {path} is damaged: begin a new run in another folder")
    for name, value in {**asked, "version": __version__}.items():
        if there.get(name) != value:
            misuse(f"--resume {folder.path}: that run had other {name}: ask for the same, or begin a new run")
    return run, started


def _compared(audit: "Audit", earlier: "Folder", messages: "Messages") -> "Audit":
    """The audit with what changed since an earlier run; without, where that run has no report of the account."""
    from auditor.audit import UnreadableReport
    from auditor.compare import compared

    account = audit.scan.accounts[0]
    try:
        before = earlier.audit(account)
    except UnreadableReport as error:
        messages.error(f"account {account} is not compared: {error}")
        return audit
    return audit if before is None else compared(before, audit)


class _Show:
    """Says how each account went, and writes the further formats of its report."""

    def __init__(
        self, messages: "Messages", folder: "Folder", formats: "Sequence[str]", source_map: "Mapping[str, str]",
        count: int, done: int,
    ) -> None:  # fmt: skip
        self._messages, self._folder, self._formats = messages, folder, [each for each in formats if each != "json"]
        self._source_map, self._count, self._done = source_map, count, done
        self.incomplete = False

    def kept(self, target: "Target", digest: "Digest", audit: "Audit") -> None:
        """An account was audited."""
        from auditor.files import replace_text
        from auditor.plugins import load_reports

        for name in self._formats:
            made = load_reports()[name]
            path = self._folder.path / f"account={target.account}{made.suffix}"
            if path != self._folder.digest(target.account):
                replace_text(path, made.text(audit, source_map=self._source_map))
        failures = sum(digest.summary.failures.values())
        known = 100 * digest.assessed / ((digest.assessed + digest.not_assessed) or 1)
        what = "interrupted" if digest.scan.interrupted else f"{failures:,} open failures, {known:.1f} % known"
        self._say(target, what)

    def missed(self, target: "Target", why: "NotAudited") -> None:
        """An account could not be audited."""
        self._done += 1
        name = f" ({target.name})" if target.name else ""
        self._messages.error(f"[{self._done}/{self._count}] {target.account}{name} was not reached: {why.message}")

    def _say(self, target: "Target", what: str) -> None:
        self._done += 1
        name = f" ({target.name})" if target.name else ""
        self._messages.say(f"[{self._done}/{self._count}] {target.account}{name}: {what}")


def _run(audits: "Run", targets: "Sequence[Target]", messages: "Messages") -> bool:
    """Audit them all; whether Ctrl-C ended it before. A first Ctrl-C keeps what was read, a second one leaves."""
    import asyncio
    import signal

    stopped = False

    async def watched() -> None:
        loop, me = asyncio.get_running_loop(), asyncio.current_task()

        def interrupt() -> None:
            nonlocal stopped
            if stopped and me is not None:  # a second Ctrl-C is final; of a third Python's own handler takes care
                loop.remove_signal_handler(signal.SIGINT)
                me.cancel()
                return
            stopped = True
            messages.say("Stopping: accounts in flight are written as far as they were read; --resume goes on")
            audits.stop()

        loop.add_signal_handler(signal.SIGINT, interrupt)
        try:
            await audits.all(targets)
        finally:
            loop.remove_signal_handler(signal.SIGINT)

    try:
        asyncio.run(watched())
    except (KeyboardInterrupt, asyncio.CancelledError):
        fail(Exit.INTERRUPTED, f"interrupted again: --resume {audits.folder.path} goes on")
    except ExceptionGroup as group:
        error = group.exceptions[0]
        if not isinstance(error, OSError):
            raise
        misuse(f"{audits.folder.path} could not be written: {error.strerror or error}; --resume goes on from there")
    gc.collect()
    return stopped


def _reported(
    folder: "Folder", targets: "Sequence[Target]", run: str, started: "datetime", messages: "Messages", *, stopped: bool
) -> Exit:
    """Write the organization's report, and say how complete it is."""
    from datetime import UTC, datetime

    from auditor.console import Volume
    from auditor.files import replace_text
    from auditor.organization import reduce
    from auditor.rollup_reports import FORMATS, as_text

    rollup: Rollup = reduce(folder, targets, run=run, started=started, finished=datetime.now(UTC))
    for suffix, (render, _) in FORMATS.items():
        path = folder.path / f"organization{suffix}"
        try:
            replace_text(path, render(rollup))
        except OSError as error:
            misuse(f"{path} could not be written: {error.strerror or error}")
    if messages.volume > Volume.QUIET:
        print_out(as_text(rollup))
        print_out([f"{folder.path / 'organization.html'}\n"])
    return Exit.DONE if rollup.complete and not stopped else Exit.INCOMPLETE
