"""The terminal front: `auditor scan`, `rules`, `explain`, `permissions`, `report`, `demo`.

What is needed by one command only is imported there, so that `auditor --help` answers at once.
"""

import gc
import io
import json
import logging
import os
import re
import sys
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from auditor import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from auditor.audit import Audit
    from auditor.aws.session import Access
    from auditor.console import Messages
    from auditor.findings import Category
    from auditor.inventory import Inventory
    from auditor.rule import Rule
    from auditor.settings import Settings


Strings = tuple[str, ...]
Command = TypeVar("Command", bound="Callable[..., Any]")

REPORTS = Path("auditor-report")  # where several formats go that were given no folder


class Exit(IntEnum):
    """What each exit code means, and nothing else."""

    DONE = 0
    GATE = 1
    USAGE = 2
    INCOMPLETE = 3
    CANNOT_START = 4
    INTERRUPTED = 130  # Ctrl-C before anything was read, or a second one; the shell's convention


_formats = click.option("--format", "-f", "formats", multiple=True, help="Report formats: json html terminal ...")
_output = click.option("--output", "-o", type=click.Path(path_type=Path), help="Folder to write the reports into.")
_quiet = click.option("--quiet", "-q", is_flag=True, help="Say nothing but errors and reports.")
_verbose = click.option("--verbose", "-v", is_flag=True, help="Say each thing that could not be read.")
_file = click.Path(path_type=Path, dir_okay=False)


def _choice(command: Command) -> Command:
    """The options by which rules are chosen."""
    for option in (
        click.option("--rules", "folders", multiple=True, type=click.Path(path_type=Path), help="Rules of your own."),
        click.option("--config", type=_file, help="Settings (default: ./auditor.toml, if there)."),
        click.option("--category", "categories", multiple=True, help="Only rules of these categories."),
        click.option("--service", "services", multiple=True, help="Only rules over these services."),
        click.option("--rule", "rule_ids", multiple=True, help="Only these rules."),
    ):
        command = option(command)
    return command


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 done; 1 a gate's conditions are not met; 2 wrong usage or settings; "
    "3 less complete than was asked for; 4 could not start (credentials, endpoint).",
)
@click.version_option(__version__, message="auditor %(version)s")
def app() -> None:
    """Audits AWS accounts in seconds, and never says pass about what it did not read."""


@app.command()
@_formats
@_output
@click.option("--region", "regions", multiple=True, help="Only these regions (default: all enabled ones).")
@_choice
@click.option("--profile", help="A profile of the AWS configuration.")
@click.option("--role-arn", help="A role to assume first.")
@click.option("--external-id", help="The external id that the role asks for.")
@click.option("--endpoint-url", help="Ask this endpoint instead of AWS.")
@click.option("--snapshot", type=_file, help="Judge a saved inventory; ask AWS nothing.")
@click.option("--save-snapshot", type=_file, help="Save the inventory to this file.")
@click.option("--concurrency", type=click.IntRange(1, 1024), help="Most calls in flight.")
@_quiet
@_verbose
def scan(
    formats: Strings,
    output: Path | None,
    regions: Strings,
    profile: str | None,
    role_arn: str | None,
    external_id: str | None,
    endpoint_url: str | None,
    snapshot: Path | None,
    save_snapshot: Path | None,
    concurrency: int | None,
    quiet: bool,
    verbose: bool,
    **choice: Any,
) -> None:
    """Audit an account."""
    messages = _messages(quiet, verbose)
    settings, catalogue, chosen = _choose(**choice)
    if external_id and not role_arn:
        _misuse("--external-id goes with --role-arn")
    if snapshot and (regions or profile or role_arn or endpoint_url or save_snapshot):
        _misuse("--snapshot judges a file: it goes with no option that reads an account")
    _check_output(formats, output)
    saved = True
    if snapshot:
        inventory = _load_snapshot(snapshot)
    else:
        access = _access(profile, role_arn, external_id, endpoint_url, regions or settings.scan.regions)
        inventory = _read(access, chosen, concurrency or settings.scan.concurrency, messages)
        if save_snapshot:
            saved = _save_snapshot(inventory, save_snapshot, messages)
    audit = _assess(inventory, chosen, catalogue, settings, messages)
    _report(audit, formats, output, messages)
    sys.exit(_completeness(audit) if saved else Exit.USAGE)


@app.command("rules")
@click.option("--format", "-f", "shape", type=click.Choice(["table", "json"]), default="table")
@_choice
def list_rules(shape: str, **choice: Any) -> None:
    """List the catalogue of rules."""
    from auditor.scan import describe
    from auditor.select import configure

    settings, catalogue, chosen = _choose(**choice)
    configured = configure(catalogue, settings)
    texts = [describe(made, configured.get(made.id)) for made in chosen]
    if shape == "json":
        fields = {"id", "title", "severity", "category", "resource_types", "controls", "parameters"}
        _print([json.dumps([text.model_dump(mode="json", include=fields) for text in texts], indent=2), "\n"])
        return
    width = max(len(text.id) for text in texts)
    _print(f"{text.id:{width}}  {text.severity.value:13}  {text.category.value:11}  {text.title}\n" for text in texts)
    count = "1 rule" if len(texts) == 1 else f"{len(texts)} rules"
    click.echo(f"{count}; `auditor explain RULE` tells all about one", err=True)


@app.command()
@click.argument("rule_id", metavar="RULE")
@click.option("--config", type=_file, help="Settings (default: ./auditor.toml, if there).")
@click.option("--rules", "folders", multiple=True, type=click.Path(path_type=Path), help="Rules of your own.")
def explain(rule_id: str, config: Path | None, folders: tuple[Path, ...]) -> None:
    """Tell all about one rule: risk, fix, parameters, what it reads."""
    from auditor.plan import plan
    from auditor.scan import describe
    from auditor.select import configure

    settings, catalogue, (made,) = _choose(config=config, folders=folders, rule_ids=[rule_id])
    text = describe(made, configure(catalogue, settings).get(rule_id))
    rows = [
        ("rule", text.id),
        ("severity", f"{text.severity.value} ({text.category.value})"),
        ("judges", ", ".join(text.resource_types)),
        ("risk", text.risk),
        ("fix", text.fix),
        ("parameters", "\n".join(f"{name} = {value!r}" for name, value in text.parameters.items()) or "none"),
        ("controls", "\n".join(text.controls) or "none"),
        ("notes", text.notes),
        ("reads", "\n".join(f"{op.service}:{op.name}  ({op.iam_action})" for op in plan([made]).operations())),
    ]
    lines = [f"{text.title}\n\n"]
    for name, value in rows:
        first, *more = value.splitlines() or [""]
        lines.append(f"  {name:11} {first}\n")
        lines += [f"  {'':11} {line}\n" for line in more]
    _print(lines)


@app.command()
@_choice
def permissions(**choice: Any) -> None:
    """Print the least-privilege IAM policy that the chosen rules need."""
    from auditor.permissions import policy
    from auditor.plan import plan

    _, _, chosen = _choose(**choice)
    _print([json.dumps(policy(plan(chosen)), indent=2), "\n"])


@app.command("report")
@click.argument("file")
@_formats
@_output
@_quiet
def render(file: str, formats: Strings, output: Path | None, quiet: bool) -> None:
    """Render a saved JSON report in other formats; - reads it from stdin."""
    from auditor.audit import UnreadableReport, load

    _check_output(formats, output)
    try:
        text = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        audit = load(text, "stdin" if file == "-" else file)
    except OSError as error:
        _misuse(f"{file} cannot be read: {error.strerror or error}")
    except UnreadableReport as error:
        _misuse(str(error))
    _report(audit, formats, output, _messages(quiet, False))


@app.command()
@_formats
@click.option("--output", "-o", type=click.Path(path_type=Path), default="demo-report", show_default=True)
@_quiet
@_verbose
def demo(formats: Strings, output: Path, quiet: bool, verbose: bool) -> None:
    """Audit an emulated account, end to end: nothing leaves this machine."""
    from auditor.demo import company

    messages = _messages(quiet, verbose)
    settings, catalogue, chosen = _choose()
    _check_output(formats, output)
    messages.say("Starting an emulated AWS endpoint and seeding a small company ...")
    try:
        with company.running() as endpoint:
            access = _access(None, None, None, endpoint.url, ())
            inventory = _read(access, chosen, settings.scan.concurrency, messages)
    except company.NotInstalled as error:
        _misuse(str(error))
    audit = _assess(inventory, chosen, catalogue, settings, messages)
    # Its gaps are part of the show: the demo is done when it ran.
    _report(audit, formats or ("json", "html"), output, messages)


# --- the steps that commands share


def _messages(quiet: bool, verbose: bool) -> "Messages":
    from auditor.console import Messages, Volume

    if quiet and verbose:
        _misuse("--quiet and --verbose exclude each other")
    return Messages(Volume.QUIET if quiet else Volume.VERBOSE if verbose else Volume.NORMAL)


def _choose(
    *,
    config: Path | None = None,
    folders: "Sequence[Path]" = (),
    rule_ids: "Sequence[str]" = (),
    services: "Sequence[str]" = (),
    categories: "Sequence[str]" = (),
) -> "tuple[Settings, dict[str, Rule], list[Rule]]":
    """Settings, the catalogue of rules (strangers' included), and those of them that are chosen."""
    from auditor import plugins
    from auditor.select import configure, select
    from auditor.settings import BadSettings, load

    try:
        catalogue = plugins.load_rules()
        for folder in folders:
            catalogue |= plugins.load_folder(folder)
        settings = load(config)
        configure(catalogue, settings)  # a mistake in the file shows before the account is read
        chosen = select(catalogue, settings, rules=rule_ids, services=services, categories=_categories(categories))
    except (BadSettings, plugins.BadPlugin) as error:
        _misuse(str(error))
    return settings, catalogue, chosen


def _categories(names: "Iterable[str]") -> "list[Category]":
    from auditor.findings import Category

    known = [category.value for category in Category]
    for name in names:
        if name not in known:
            _misuse(f"unknown category {name}: choose from {', '.join(known)}")
    return [Category(name) for name in names]


def _check_output(formats: "Sequence[str]", output: Path | None) -> None:
    """Find out before an account is read, not after, that there is no such format, or nowhere to write it."""
    from auditor.plugins import load_reports
    from auditor.settings import nearest

    known = load_reports()
    for name in formats:
        if name not in known:
            hint = nearest(name, list(known)) or f": choose from {', '.join(known)}"
            _misuse(f"unknown format {name}{hint}")
    folder = output or (REPORTS if len(set(formats)) > 1 else None)
    if folder is None:
        return
    try:
        there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    except OSError as error:
        _misuse(f"--output {folder}: {error.strerror}")
    if not there.is_dir():
        _misuse(f"--output {folder}: {there} is a file: name a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        _misuse(f"--output {folder}: {there} may not be written to: choose another folder")


def _access(
    profile: str | None,
    role_arn: str | None,
    external_id: str | None,
    endpoint_url: str | None,
    regions: "Sequence[str]",
) -> "Access":
    from auditor.aws.session import Access

    if endpoint_url is not None:
        _check_endpoint("--endpoint-url", endpoint_url)
    elif from_environment := os.environ.get("AWS_ENDPOINT_URL"):
        _check_endpoint("AWS_ENDPOINT_URL", from_environment)
    if role_arn is not None and not re.fullmatch(r"arn:[a-z-]+:iam::\d{12}:role/\S+", role_arn):
        _misuse(f"--role-arn {role_arn}: write it as arn:aws:iam::123456789012:role/name")
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
        _misuse(f"{source} {url}: write it as http://host:port or https://host")


def _read(access: "Access", rules: "list[Rule]", concurrency: int, messages: "Messages") -> "Inventory":
    """Read the account; Ctrl-C ends the reading, and what was read stays."""
    import asyncio
    import contextlib
    import signal

    from auditor.aws.door import Door
    from auditor.aws.session import CannotStart, Misuse, Session
    from auditor.plan import plan
    from auditor.progress import Progress
    from auditor.scan import read

    progress = Progress()

    async def run() -> "Inventory":
        async with contextlib.AsyncExitStack() as stack:
            opened: asyncio.Future[tuple[Session, Door]] = asyncio.get_running_loop().create_future()

            def on_start(session: Session, door: Door) -> None:
                opened.set_result((session, door))
                place = f"account {session.account} in {len(session.regions)} regions"
                asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupt)
                messages.say(f"Reading {place}" if len(session.regions) > 1 else f"Reading {place[:-1]}")

            def interrupt() -> None:
                asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)  # a second Ctrl-C is final
                messages.say("Stopping: what was not read yet will be unknown")
                opened.result()[1].stop("interrupted")

            task = asyncio.ensure_future(
                read(access, plan(rules), concurrency=concurrency, progress=progress, on_start=on_start)
            )
            waited: list[asyncio.Future[Any]] = [task, opened]
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if opened.done():
                await stack.enter_async_context(messages.watching(progress, len(opened.result()[0].regions)))
            return await task

    try:
        inventory = asyncio.run(run())
    except Misuse as error:
        _misuse(str(error))
    except CannotStart as error:
        _fail(Exit.CANNOT_START, str(error))
    except KeyboardInterrupt:
        when = "again: what was read is not kept" if progress.calls else "before anything was read"
        _fail(Exit.INTERRUPTED, f"interrupted {when}")
    messages.say(
        f"Read {progress.resources:,} resources with {progress.calls:,} calls in {progress.elapsed:.1f} s"
        + (f", {progress.throttles:,} throttled" if progress.throttles else "")
        + (f"; {progress.errors:,} could not be read" if progress.errors else "")
    )
    return inventory


def _assess(
    inventory: "Inventory",
    rules: "list[Rule]",
    catalogue: "dict[str, Rule]",
    settings: "Settings",
    messages: "Messages",
) -> "Audit":
    from auditor.scan import assess
    from auditor.select import configure

    audit = assess(inventory, rules, configure(catalogue, settings))
    for gap in audit.coverage.gaps:
        messages.gap(gap)
    for defect in audit.summary.defects:
        messages.error(f"rule {defect.rule} raised {defect.exception}: its findings are unknown")
    return audit


def _load_snapshot(path: Path) -> "Inventory":
    from auditor.inventory import BadSnapshot, load

    try:
        return load(path)
    except BadSnapshot as error:
        _misuse(str(error))


def _save_snapshot(inventory: "Inventory", path: Path, messages: "Messages") -> bool:
    """Save what was read; if that fails, say so and go on: the reports must not be lost with it."""
    from auditor.inventory import save

    try:
        save(inventory, path)
    except OSError as error:
        messages.error(f"the snapshot could not be written to {path}: {error.strerror or error}")
        return False
    messages.say(f"Saved the inventory to {path}")
    return True


def _report(audit: "Audit", formats: "Sequence[str]", output: Path | None, messages: "Messages") -> None:
    """Write the reports: one format and no folder to stdout, several into a folder, none as a terminal summary."""
    import shutil

    from auditor.console import Volume, wants_color
    from auditor.files import replace_text
    from auditor.plugins import load_reports

    known = load_reports()
    terminal = {"width": min(shutil.get_terminal_size((100, 24)).columns, 140), "color": wants_color()}
    chosen = list(dict.fromkeys(formats))
    if len(chosen) == 1 and output is None:
        _print(known[chosen[0]].text(audit, **terminal))
        return
    files = []
    folder = output or REPORTS
    for name in chosen or (["json", "html"] if output else []):
        path = folder / f"report{known[name].suffix}"
        try:
            replace_text(path, known[name].text(audit))
            files.append(str(path))
        except OSError as error:
            messages.error(f"{path} could not be written: {error.strerror or error}; stdout gets the report as JSON")
            _print(known["json"].text(audit))
            sys.exit(Exit.USAGE)
    if messages.volume > Volume.QUIET:
        _print(known["terminal"].text(audit, files=files, **terminal))


def _completeness(audit: "Audit") -> Exit:
    """Whether all that was asked for was read and judged."""
    from auditor.findings import GapKind

    lacking = [gap for gap in audit.coverage.gaps if gap.kind is not GapKind.NOT_SELECTED]
    return Exit.INCOMPLETE if lacking or audit.summary.defects or audit.scan.interrupted else Exit.DONE


def _print(pieces: "Iterable[str]") -> None:
    """Write to stdout, to the last byte: what stays in a buffer would fail when nobody can say so any more."""
    try:
        sys.stdout.writelines(pieces)
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the rest of the buffer
        if not isinstance(error, BrokenPipeError):  # its reader has left (`| head`): nothing is wrong
            _misuse(f"stdout cannot be written: {error.strerror or error}; --output writes the reports into a folder")


def _misuse(text: str) -> NoReturn:
    _fail(Exit.USAGE, text)


def _fail(code: Exit, text: str) -> NoReturn:
    """One line on stderr that says what is wrong and how to mend it, and the exit code that means it."""
    click.echo(f"auditor: {' '.join(text.split())}", err=True)
    raise SystemExit(code)


# Options that take several values in one go: `--format json html`.
_MANY = ("--format", "-f", "--region", "--rule", "--service", "--category")


def spread(arguments: "Sequence[str]") -> list[str]:
    """Repeat an option before each of several values, since the option parser takes one at a time.

    >>> spread(["scan", "--format", "json", "html", "-q"])
    ['scan', '--format', 'json', '--format', 'html', '-q']
    """
    made: list[str] = []
    # Only `report` takes a file as well; elsewhere a folder that is called iam or s3 must not hide the service.
    has_file = list(arguments[:1]) == ["report"]
    option: str | None = None
    fresh = False
    for argument in arguments:
        if argument in _MANY:
            option, fresh = argument, True
        elif argument.startswith("-"):
            option = None
        elif (
            option is not None
            and not fresh
            and re.fullmatch(r"[a-z][a-z0-9-]*", argument)
            and not (has_file and Path(argument).is_file())
        ):
            made.append(option)
        elif not fresh:
            option = None
        else:
            fresh = False
        made.append(argument)
    return made


def _refuse_empty(arguments: "Sequence[str]") -> None:
    """An empty value is a variable that the shell does not have: without that role, another account is audited."""
    for before, argument in zip(("auditor", *arguments), arguments, strict=False):
        if not argument.strip() or re.fullmatch("--[a-z-]+=", argument):
            _misuse(f"the value after {argument.strip() or before} is empty: is the variable set that it comes from?")


def main() -> None:
    """The console script. A mistake in the arguments is one line and exit code 2."""
    # A scan makes a million objects and keeps most to its end: to look for garbage at every 700th takes a fifth of it.
    gc.set_threshold(50_000, 20, 100)
    # Libraries warn of what we report ourselves, with tracebacks: what goes wrong is said once, by us.
    logging.getLogger().addHandler(logging.NullHandler())
    sys.stdout = sys.stdout or io.StringIO()  # None if the caller has closed it (`>&-`)
    _refuse_empty(sys.argv[1:])
    try:
        app.main(spread(sys.argv[1:]), prog_name="auditor", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(Exit.USAGE)
    except click.ClickException as error:
        where = f" (see `{error.ctx.command_path} --help`)" if isinstance(error, click.UsageError) and error.ctx else ""
        _misuse(error.format_message() + where)
    except (click.Abort, KeyboardInterrupt):
        _fail(Exit.INTERRUPTED, "interrupted")
