"""The steps of a scan as the fronts on a terminal share them: choose, read, judge, write; and what goes wrong, said.

What one step needs is imported there, so that `auditor --help` answers at once. Every function here may leave the
program with one line on stderr and the exit code that means it.
"""

import gc
import os
import re
import sys
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from auditor.audit import Audit
    from auditor.aws.door import Door
    from auditor.aws.session import Access, Session
    from auditor.console import Messages
    from auditor.findings import Category
    from auditor.inventory import Inventory
    from auditor.plan import Plan
    from auditor.progress import Progress
    from auditor.report import Past
    from auditor.rule import Rule
    from auditor.settings import Settings

REPORTS = Path("auditor-report")  # where several formats go that were given no folder


class Exit(IntEnum):
    """What each exit code means, and nothing else."""

    DONE = 0
    GATE = 1
    USAGE = 2
    INCOMPLETE = 3
    CANNOT_START = 4
    INTERRUPTED = 130  # Ctrl-C before anything was read, or a second one; the shell's convention


def messages_of(quiet: bool, verbose: bool) -> "Messages":
    """Where a command says things, as loudly as was asked."""
    from auditor.console import Messages, Volume

    if quiet and verbose:
        misuse("--quiet and --verbose exclude each other")
    return Messages(Volume.QUIET if quiet else Volume.VERBOSE if verbose else Volume.NORMAL)


def choose(
    *,
    config: Path | None = None,
    folders: "Sequence[Path]" = (),
    rule_ids: "Sequence[str]" = (),
    services: "Sequence[str]" = (),
    categories: "Sequence[str]" = (),
    frameworks: "Sequence[str]" = (),
) -> "tuple[Settings, dict[str, Rule], list[Rule]]":
    """Settings, the catalogue of rules (strangers' included), and those of them that are chosen."""
    from auditor import plugins
    from auditor.select import configure, select, variants
    from auditor.settings import BadSettings, load

    try:
        catalogue = plugins.load_rules()
        for folder in folders:
            catalogue |= plugins.load_folder(folder)
        settings = load(config)
        for variant in variants(settings):
            configure(catalogue, variant)  # a mistake in the file shows before the account is read
        chosen = select(
            catalogue, settings, rules=rule_ids, services=services, categories=_categories(categories),
            frameworks=_frameworks(frameworks),
        )  # fmt: skip
    except (BadSettings, plugins.BadPlugin) as error:
        misuse(str(error))
    return settings, catalogue, chosen


def _categories(names: "Iterable[str]") -> "list[Category]":
    from auditor.findings import Category

    known = [category.value for category in Category]
    for name in names:
        if name not in known:
            misuse(f"unknown category {name}: choose from {', '.join(known)}")
    return [Category(name) for name in names]


def _frameworks(names: "Iterable[str]") -> list[str]:
    from auditor.frameworks import FRAMEWORKS
    from auditor.settings import nearest

    known = {key.lower(): key for key in FRAMEWORKS}
    for name in names:
        if name.lower() not in known:
            hint = nearest(name.lower(), list(known)) or f": choose from {', '.join(known)}"
            misuse(f"unknown framework {name}{hint}")
    return [known[name.lower()] for name in names]


def check_output(formats: "Sequence[str]", output: Path | None) -> None:
    """Find out before an account is read, not after, that there is no such format, or nowhere to write it."""
    from auditor.plugins import load_reports
    from auditor.settings import nearest

    known = load_reports()
    for name in formats:
        if name not in known:
            hint = nearest(name, list(known)) or f": choose from {', '.join(known)}"
            misuse(f"unknown format {name}{hint}")
    folder = output or (REPORTS if len(set(formats)) > 1 else None)
    if folder is None:
        return
    try:
        there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    except OSError as error:
        misuse(f"--output {folder}: {error.strerror}")
    if not there.is_dir():
        misuse(f"--output {folder}: {there} is a file: name a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        misuse(f"--output {folder}: {there} may not be written to: choose another folder")


def access_of(
    profile: str | None,
    role_arn: str | None,
    external_id: str | None,
    endpoint_url: str | None,
    regions: "Sequence[str]",
) -> "Access":
    """How to reach the account, each part checked for its form."""
    from auditor.aws.session import Access

    if endpoint_url is not None:
        _check_endpoint("--endpoint-url", endpoint_url)
    elif from_environment := os.environ.get("AWS_ENDPOINT_URL"):
        _check_endpoint("AWS_ENDPOINT_URL", from_environment)
    if role_arn is not None and not re.fullmatch(r"arn:[a-z-]+:iam::\d{12}:role/\S+", role_arn):
        misuse(f"--role-arn {role_arn}: write it as arn:aws:iam::123456789012:role/name")
    return Access(profile, role_arn, external_id, endpoint_url, tuple(regions))


def _check_endpoint(source: str, url: str) -> None:
    """Refuse what botocore would call an unhandled exception, or a fault of the credentials."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and not re.search(r"\s", url)
    except ValueError:  # a port out of range, half an IPv6 address
        good = False
    if not good:
        misuse(f"{source} {url}: write it as http://host:port or https://host")


def read_account(access: "Access", plan: "Plan", concurrency: int, messages: "Messages") -> "Inventory":
    """Read the account; Ctrl-C ends the reading, and what was read stays."""
    import asyncio

    from auditor.aws.session import CannotStart, Misuse
    from auditor.progress import Progress

    progress = Progress()
    try:
        inventory = asyncio.run(_watched(access, plan, concurrency, messages, progress))
    except Misuse as error:
        misuse(str(error))
    except CannotStart as error:
        fail(Exit.CANNOT_START, str(error))
    except (KeyboardInterrupt, asyncio.CancelledError):
        when = "again: what was read is not kept" if progress.calls else "before anything was read"
        fail(Exit.INTERRUPTED, f"interrupted {when}")
    _keep_what_was_read(messages)
    gc.collect()  # hundreds of clients, which hold one another: what is made next takes their place
    messages.say(
        f"Read {progress.resources:,} resources with {progress.calls:,} calls in {progress.elapsed:.1f} s"
        + (f", {progress.throttles:,} throttled" if progress.throttles else "")
        + (f"; {progress.errors:,} could not be read" if progress.errors else "")
    )
    return inventory


def _keep_what_was_read(messages: "Messages") -> None:
    """From here on a first Ctrl-C does not end the program: what was read is about to be judged and written."""
    import signal

    def hold(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        messages.say("The reports are being written; Ctrl-C again leaves without them")

    signal.signal(signal.SIGINT, hold)


async def _watched(
    access: "Access", plan: "Plan", concurrency: int, messages: "Messages", progress: "Progress"
) -> "Inventory":
    """Read while the progress is shown and Ctrl-C is heard."""
    import asyncio
    import contextlib
    import signal

    from auditor.scan import read

    loop = asyncio.get_running_loop()
    opened: asyncio.Future[tuple[Session, Door]] = loop.create_future()

    def on_start(session: "Session", door: "Door") -> None:
        opened.set_result((session, door))
        place = f"account {session.account} in {len(session.regions)} regions"
        loop.add_signal_handler(signal.SIGINT, interrupt)
        messages.say(f"Reading {place}" if len(session.regions) > 1 else f"Reading {place[:-1]}")

    me = asyncio.current_task()

    def interrupt() -> None:
        # Python's own handler would raise wherever the loop happens to be, and what waits there might wait for ever.
        if opened.result()[1].stopped and me is not None:
            loop.remove_signal_handler(signal.SIGINT)  # but a third one may
            me.cancel()
            return
        messages.say("Stopping: what was not read yet will be unknown")
        opened.result()[1].stop("interrupted")

    task = asyncio.ensure_future(read(access, plan, concurrency=concurrency, progress=progress, on_start=on_start))
    waited: list[asyncio.Future[Any]] = [task, opened]
    await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    async with contextlib.AsyncExitStack() as stack:
        if opened.done():
            await stack.enter_async_context(messages.watching(progress, len(opened.result()[0].regions)))
        return await task


@dataclass(frozen=True)
class Audited:
    """What came of a scan, and where its reports go. saved: whether snapshot and lake, if asked for, hold it."""

    audit: "Audit"
    settings: "Settings"
    formats: "Sequence[str]"
    output: Path | None
    saved: bool = True


def audited(
    messages: "Messages",
    *,
    formats: "Sequence[str]" = (),
    output: Path | None = None,
    baseline: Path | None = None,
    regions: "Sequence[str]" = (),
    profile: str | None = None,
    role_arn: str | None = None,
    external_id: str | None = None,
    endpoint_url: str | None = None,
    snapshot: Path | None = None,
    save_snapshot: Path | None = None,
    concurrency: int | None = None,
    metrics: bool = False,
    lake: Path | None = None,
    **choice: Any,
) -> Audited:
    """Read an account, or a snapshot, and judge it. What was asked for is checked before the account is read."""
    from auditor.plan import forget, plan

    settings, catalogue, chosen = choose(**choice)
    if external_id and not role_arn:
        misuse("--external-id goes with --role-arn")
    if snapshot and (regions or profile or role_arn or endpoint_url or save_snapshot or metrics):
        misuse("--snapshot judges a file: it goes with no option that reads an account")
    formats, output = formats or settings.report.formats, output or settings.report.output
    check_output(formats, output)
    check_lake(lake)
    earlier = load_report(str(baseline)) if baseline is not None else None
    saved = True
    if snapshot:
        inventory = load_snapshot(snapshot)
    else:
        access = access_of(profile, role_arn, external_id, endpoint_url, regions or settings.scan.regions)
        planned = plan(chosen, metrics=metrics or settings.scan.metrics, account_tags=settings.by_tag)
        forget()
        inventory = read_account(access, planned, concurrency or settings.scan.concurrency, messages)
        if save_snapshot:
            saved = keep_snapshot(inventory, save_snapshot, messages)
    audit = assess_inventory(inventory, chosen, catalogue, settings, messages)
    if earlier is not None:
        from auditor.compare import compared

        audit = compared(earlier, audit)
    if lake is not None:
        saved = keep_in_lake(lake, audit, inventory, messages) and saved
    return Audited(audit, settings, formats, output, saved)


def assess_inventory(
    inventory: "Inventory",
    rules: "list[Rule]",
    catalogue: "dict[str, Rule]",
    settings: "Settings",
    messages: "Messages",
    *,
    alone: bool = True,
) -> "Audit":
    """Judge what was read, and say what a reader of the report should know at once.

    alone: whether no other account is audited by the same settings (see suppress.apply).
    """
    from datetime import UTC, datetime

    from auditor.scan import assess
    from auditor.select import configure, enabled
    from auditor.suppress import apply

    own = settings.of(inventory.account, _account_tags(inventory, messages) if settings.by_tag else {})
    audit = assess(inventory, enabled(rules, settings, own), configure(catalogue, own))
    audit = apply(audit, settings.suppress, today=datetime.now(UTC).date(), alone=alone)
    for gap in audit.coverage.gaps:
        messages.gap(gap)
    for defect in audit.summary.defects:
        messages.error(f"rule {defect.rule} raised {defect.exception}: its findings are unknown")
    return audit


def _account_tags(inventory: "Inventory", messages: "Messages") -> "Mapping[str, str]":
    """What AWS Organizations has tagged the account with. Unread, no override by tag applies, and that is said."""
    from auditor.fetch import Unread
    from auditor.scan import account_tags

    try:
        return account_tags(inventory)
    except Unread as unread:
        messages.error(f"overrides by account_tags do not apply: {unread.gap.reason}")
        return {}


def load_report(file: str) -> "Audit":
    """A saved JSON report; - stands for stdin."""
    from auditor.audit import UnreadableReport, load

    try:
        text = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return load(text, "stdin" if file == "-" else file)
    except OSError as error:
        misuse(f"{file} cannot be read: {error.strerror or error}")
    except UnreadableReport as error:
        misuse(str(error))


def load_history(files: "Sequence[Path]") -> "list[Past]":
    """What a trend shows of earlier reports. One at a time: none of them stays in memory."""
    from auditor.report import Past

    return [Past.of(load_report(str(file))) for file in files]


def compared_with(audit: "Audit", baseline: Path) -> "Audit":
    """The audit with what changed since an earlier report."""
    from auditor.compare import compared

    return compared(load_report(str(baseline)), audit)


def load_snapshot(path: Path) -> "Inventory":
    """A saved inventory."""
    from auditor.inventory import BadSnapshot, load

    try:
        return load(path)
    except BadSnapshot as error:
        misuse(str(error))


def keep_snapshot(inventory: "Inventory", path: Path, messages: "Messages") -> bool:
    """Save what was read; if that fails, say so and go on: the reports must not be lost with it."""
    from auditor.inventory import save

    try:
        save(inventory, path)
    except OSError as error:
        messages.error(f"the snapshot could not be written to {path}: {error.strerror or error}")
        return False
    messages.say(f"Saved the inventory to {path}")
    return True


def check_lake(folder: Path | None) -> None:
    """Find out before an account is read that no lake can be written, or not there."""
    from auditor.lake import NotInstalled, require

    if folder is None:
        return
    if str(folder).startswith("s3:"):
        misuse(f"--lake {folder}: name a folder, and copy it to S3; the Lambda function writes there itself")
    try:
        require()
    except NotInstalled as error:
        misuse(str(error))


def keep_in_lake(folder: Path, audit: "Audit", inventory: "Inventory | None", messages: "Messages") -> bool:
    """Add a run to a lake; if that fails, say so and go on: the reports must not be lost with it."""
    from auditor.lake import run_of, write

    try:
        files = write(folder, audit, inventory, run_of(audit))
    except OSError as error:
        messages.error(f"the run could not be written to the lake {folder}: {error.strerror or error}")
        return False
    messages.say(f"Added the run to the lake {folder} ({len(files)} files)")
    return True


def read_source_map(path: Path | None) -> dict[str, str]:
    """Which file and line of a repository an ARN glob stands for."""
    import tomllib

    if path is None:
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        misuse(f"{path} cannot be read: {error.strerror or error}")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        misuse(f"{path} is not TOML: {error}")
    if wrong := [glob for glob, place in table.items() if not isinstance(place, str)]:
        misuse(f'{path}: {wrong[0]}: write it as "arn:aws:s3:::web-*" = "infra/web.tf:12"')
    return table


def write_reports(
    audit: "Audit",
    formats: "Sequence[str]",
    output: Path | None,
    messages: "Messages",
    source_map: "Mapping[str, str] | None" = None,
    history: "Sequence[Past]" = (),
) -> None:
    """Write the reports: one format and no folder to stdout, several into a folder, none as a terminal summary."""
    import shutil

    from auditor.console import Volume, wants_color
    from auditor.files import replace_text
    from auditor.plugins import load_reports

    known = load_reports()
    terminal = {"width": min(shutil.get_terminal_size((100, 24)).columns, 140), "color": wants_color()}
    chosen = list(dict.fromkeys(formats))
    if len(chosen) == 1 and output is None:
        print_out(known[chosen[0]].text(audit, source_map=source_map, history=history, **terminal))
        return
    files = []
    folder = output or REPORTS
    for name in chosen or (["json", "html"] if output else []):
        path = folder / f"report{known[name].suffix}"
        try:
            replace_text(path, known[name].text(audit, source_map=source_map, history=history))
            files.append(str(path))
        except OSError as error:
            messages.error(f"{path} could not be written: {error.strerror or error}; stdout gets the report as JSON")
            print_out(known["json"].text(audit))
            sys.exit(Exit.USAGE)
    if messages.volume > Volume.QUIET:
        print_out(known["terminal"].text(audit, files=files, **terminal))


def completeness(audit: "Audit") -> Exit:
    """Whether all that was asked for was read and judged."""
    from auditor.findings import GapKind

    # A region that was not chosen is as was asked; a snapshot that lacks what a chosen rule reads is not.
    lacking = [gap for gap in audit.coverage.gaps if gap.kind is not GapKind.NOT_SELECTED or gap.code == "NotAsked"]
    return Exit.INCOMPLETE if lacking or audit.summary.defects or audit.scan.interrupted else Exit.DONE


def print_out(pieces: "Iterable[str]") -> None:
    """Write to stdout, to the last byte: what stays in a buffer would fail when nobody can say so any more."""
    try:
        sys.stdout.writelines(pieces)
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the rest of the buffer
        if not isinstance(error, BrokenPipeError):  # its reader has left (`| head`): nothing is wrong
            misuse(f"stdout cannot be written: {error.strerror or error}; --output writes the reports into a folder")


def misuse(text: str) -> NoReturn:
    """Leave: what was asked for makes no sense, and this is how to mend it."""
    fail(Exit.USAGE, text)


def fail(code: Exit, text: str) -> NoReturn:
    """One line on stderr that says what is wrong and how to mend it, and the exit code that means it."""
    click.echo(f"auditor: {' '.join(text.split())}", err=True)
    raise SystemExit(code)
