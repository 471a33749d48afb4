"""The terminal front: `auditor scan`, `rules`, `explain`, `permissions`, `report`, `demo`; `cli_gate` has the others.

What is needed by one command only is imported there, so that `auditor --help` answers at once.
"""

import gc
import io
import json
import logging
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor import __version__, cli_gate, cli_query, options, steps_organization
from auditor.options import Strings
from auditor.steps import (
    Exit,
    access_of,
    assess_inventory,
    audited,
    check_lake,
    check_output,
    choose,
    compared_with,
    completeness,
    fail,
    keep_in_lake,
    load_history,
    load_report,
    messages_of,
    misuse,
    print_out,
    read_account,
    read_source_map,
    write_reports,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 done; 1 a gate's conditions are not met; 2 wrong usage or settings; "
    "3 less complete than was asked for; 4 could not start (credentials, endpoint).",
)
@click.version_option(__version__, message="auditor %(version)s")
def app() -> None:
    """Audits AWS accounts in seconds, and never says pass about what it did not read."""


@app.command()
@options.formats
@options.output
@options.source_map
@options.account
@options.organization
@options.choice
@options.baseline
@options.history
@options.lake
@options.quiet
@options.verbose
def scan(
    formats: Strings,
    output: Path | None,
    source_map: Path | None,
    baseline: Path | None,
    history: tuple[Path, ...],
    quiet: bool,
    verbose: bool,
    **choice: Any,
) -> None:
    """Audit an account, or with --organization or --accounts many."""
    messages = messages_of(quiet, verbose)
    places, past = read_source_map(source_map), load_history(history)
    if many := steps_organization.taken(choice):
        if history:
            misuse("--history is about one account")
        choice |= {"formats": formats, "output": output, "baseline": baseline, "source_map": places}
        sys.exit(steps_organization.audited(messages, many, **choice))
    done = audited(messages, formats=formats, output=output, baseline=baseline, **choice)
    write_reports(done.audit, done.formats, done.output, messages, places, past)
    sys.exit(completeness(done.audit) if done.saved else Exit.USAGE)


@app.command("rules")
@click.option("--format", "-f", "shape", type=click.Choice(["table", "json"]), default="table")
@options.choice
def list_rules(shape: str, **choice: Any) -> None:
    """List the catalogue of rules."""
    from auditor.scan import describe
    from auditor.select import configure

    settings, catalogue, chosen = choose(**choice)
    configured = configure(catalogue, settings)
    texts = [describe(made, configured.get(made.id)) for made in chosen]
    if shape == "json":
        fields = {"id", "title", "severity", "category", "resource_types", "controls", "parameters"}
        print_out([json.dumps([text.model_dump(mode="json", include=fields) for text in texts], indent=2), "\n"])
        return
    width = max(len(text.id) for text in texts)
    print_out(
        f"{text.id:{width}}  {text.severity.value:13}  {text.category.value:11}  {text.title}\n" for text in texts
    )
    count = "1 rule" if len(texts) == 1 else f"{len(texts)} rules"
    off = sorted(made.id for made in catalogue.values() if made.off and made not in chosen)
    more = f"; off by default: {', '.join(off)}" if off else ""
    click.echo(f"{count}; `auditor explain RULE` tells all about one{more}", err=True)


@app.command()
@click.argument("rule_id", metavar="RULE")
@options.config
@options.folders
def explain(rule_id: str, config: Path | None, folders: tuple[Path, ...]) -> None:
    """Tell all about one rule: risk, fix, parameters, what it reads."""
    from auditor.guidance import behind
    from auditor.plan import plan
    from auditor.scan import describe
    from auditor.select import configure

    settings, catalogue, (made,) = choose(config=config, folders=folders, rule_ids=[rule_id])
    text = describe(made, configure(catalogue, settings).get(rule_id))
    asked = plan([made], metrics=True).operations()
    rows = [
        ("rule", text.id),
        ("severity", f"{text.severity.value} ({text.category.value})"),
        ("runs", f"only where it is named or switched on: {made.off}" if made.off else "by default"),
        ("judges", ", ".join(text.resource_types)),
        ("risk", text.risk),
        ("fix", text.fix),
        ("parameters", "\n".join(f"{name} = {value!r}" for name, value in text.parameters.items()) or "none"),
        ("controls", "\n".join(text.controls) or "none"),
        ("notes", text.notes),
        ("guidance", "\n".join(f"{piece.id}: {piece.statement}" for piece in behind(rule_id)) or "none"),
        ("reads", "\n".join(f"{op.service}:{op.name}  ({op.iam_action})" for op in asked)),
    ]
    lines = [f"{text.title}\n\n"]
    for name, value in rows:
        first, *more = value.splitlines() or [""]
        lines.append(f"  {name:11} {first}\n")
        lines += [f"  {'':11} {line}\n" for line in more]
    print_out(lines)


@app.command()
@options.choice
@options.metrics
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Folder for managed policies IAM has room for.")
def permissions(metrics: bool, output: Path | None, **choice: Any) -> None:
    """Print the least-privilege IAM policy that the chosen rules need."""
    from auditor.files import replace_text
    from auditor.permissions import LARGEST, policies, policy, size
    from auditor.plan import plan

    _, _, chosen = choose(**choice)
    planned = plan(chosen, metrics=metrics)
    parts = policies(planned)
    if output is None:
        whole = policy(planned)
        print_out([json.dumps(whole, indent=2), "\n"])
        if len(parts) > 1:
            click.echo(
                f"{size(whole):,} characters, and a managed policy takes {LARGEST:,}: "
                f"--output FOLDER writes it as {len(parts)} policies",
                err=True,
            )
        return
    for number, part in enumerate(parts, 1):
        path = output / f"auditor-{number}.json"
        try:
            replace_text(path, [json.dumps(part, indent=2), "\n"])
        except OSError as error:
            misuse(f"{path} could not be written: {error.strerror or error}")
        print_out([f"{path}\n"])


@app.command("report")
@click.argument("file")
@options.formats
@options.output
@options.source_map
@options.baseline
@options.history
@options.lake
@options.quiet
def render(
    file: str,
    formats: Strings,
    output: Path | None,
    source_map: Path | None,
    baseline: Path | None,
    history: tuple[Path, ...],
    lake: Path | None,
    quiet: bool,
) -> None:
    """Render a saved JSON report in other formats; - reads it from stdin."""
    check_output(formats, output)
    check_lake(lake)
    places, past = read_source_map(source_map), load_history(history)
    audit, messages = load_report(file), messages_of(quiet, False)
    if baseline is not None:
        audit = compared_with(audit, baseline)
    kept = lake is None or keep_in_lake(lake, audit, None, messages)
    if formats or output or not lake:
        write_reports(audit, formats, output, messages, places, past)
    sys.exit(Exit.DONE if kept else Exit.USAGE)


@app.command()
@options.formats
@click.option("--output", "-o", type=click.Path(path_type=Path), default="demo-report", show_default=True)
@options.quiet
@options.verbose
def demo(formats: Strings, output: Path, quiet: bool, verbose: bool) -> None:
    """Audit an emulated account, end to end: nothing leaves this machine."""
    from auditor.demo import company
    from auditor.plan import plan

    messages = messages_of(quiet, verbose)
    settings, catalogue, chosen = choose()
    check_output(formats, output)
    messages.say("Starting an emulated AWS endpoint and seeding a small company ...")
    try:
        with company.running() as endpoint:
            access = access_of(None, None, None, endpoint.url, ())
            # Nobody bills the emulator.
            inventory = read_account(access, plan(chosen, metrics=True), settings.scan.concurrency, messages)
    except company.NotInstalled as error:
        misuse(str(error))
    audit = assess_inventory(inventory, chosen, catalogue, settings, messages)
    # Its gaps are part of the show: the demo is done when it ran.
    write_reports(audit, formats or ("json", "html"), output, messages)


for _command in (*cli_gate.COMMANDS, cli_query.query):
    app.add_command(_command)


# Options that take several values in one go: `--format json html`.
_MANY = (
    "--format", "-f", "--region", "--rule", "--service", "--category", "--framework", "--fail-on", "--soft-fail",
    "--history",
)  # fmt: skip


def spread(arguments: "Sequence[str]") -> list[str]:
    """Repeat an option before each of several values, since the option parser takes one at a time.

    >>> spread(["scan", "--format", "json", "html", "-q"])
    ['scan', '--format', 'json', '--format', 'html', '-q']
    """
    if arguments[:1] == ["query"]:  # one format, and then perhaps the folder
        return list(arguments)
    made: list[str] = []
    # Only these take a file as well; elsewhere a folder that is called iam or s3 must not hide the service.
    has_file = arguments[:1] in (["report"], ["gate"])
    named = arguments[:1] != ["report"] or not (arguments[1:2] or ["-"])[0].startswith("--")
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
            and (
                named  # once the report itself is, more files are of its history
                if option == "--history"
                else re.fullmatch(r"[a-z][a-z0-9.:+>*-]*", argument) and not (has_file and Path(argument).is_file())
            )
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
            misuse(f"the value after {argument.strip() or before} is empty: is the variable set that it comes from?")


def main() -> None:
    """The console script. A mistake in the arguments is one line and exit code 2."""
    # A scan makes a million objects and keeps most to its end: to look for garbage at every 700th takes a fifth of it.
    gc.set_threshold(50_000, 20, 100)
    # Libraries warn of what we report ourselves, with tracebacks: what goes wrong is said once, by us.
    logging.getLogger().addHandler(logging.NullHandler())
    sys.stdout = sys.stdout or io.StringIO()  # None if the caller has closed it (`>&-`)
    _refuse_empty(sys.argv[1:])
    try:
        app.main(spread(list(sys.argv[1:])), prog_name="auditor", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(Exit.USAGE)
    except click.ClickException as error:
        where = f" (see `{error.ctx.command_path} --help`)" if isinstance(error, click.UsageError) and error.ctx else ""
        misuse(error.format_message() + where)
    except (click.Abort, KeyboardInterrupt):
        fail(Exit.INTERRUPTED, "interrupted")
