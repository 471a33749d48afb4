"""The commands of a pipeline, and of those who keep its settings: `gate`, `diff`, `suppress`, `init`, `config`."""

import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor import options
from auditor.options import Strings
from auditor.steps import (
    Exit,
    audited,
    check_output,
    compared_with,
    completeness,
    load_report,
    messages_of,
    misuse,
    print_out,
    read_source_map,
    write_reports,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from auditor.audit import Audit
    from auditor.findings import Finding
    from auditor.gate import Condition, Decision
    from auditor.settings import Settings

MOST_EXPLAINED = 200


@click.command()
@click.argument("file", required=False)
@click.option("--fail-on", multiple=True, help="A condition that fails, such as high, new:medium, new:high+security>5.")
@click.option("--min-coverage", type=click.FloatRange(0, 100), help="Percent of verdicts that must be known.")
@click.option("--soft-fail", multiple=True, help="Rules (globs) whose findings only warn.")
@click.option("--explain", is_flag=True, help="List the findings that decided.")
@options.baseline
@options.formats
@options.output
@options.source_map
@options.account
@options.choice
@options.quiet
@options.verbose
def gate(
    file: str | None,
    fail_on: Strings,
    min_coverage: float | None,
    soft_fail: Strings,
    explain: bool,
    baseline: Path | None,
    formats: Strings,
    output: Path | None,
    source_map: Path | None,
    quiet: bool,
    verbose: bool,
    **choice: Any,
) -> None:
    """Pass or fail an audit: a scan, or a saved JSON report (- reads stdin).

    The last line says in one sentence why. Exit codes: 0 passed; 1 failed; 2 wrong usage or settings; 3 nothing
    failed, but not all that was asked for was read; 4 could not start.
    """
    messages = messages_of(quiet, verbose)
    places = read_source_map(source_map)
    given = _saved(file, choice, formats, output) if file else None
    settings, catalogue = given[1:] if given else _settings(choice)
    baseline = baseline or settings.gate.baseline
    wanted = fail_on or settings.gate.fail_on or (("new:high",) if baseline else ("high",))
    conditions = _conditions(wanted, catalogue, baseline)
    if given:
        audit = compared_with(given[0], baseline) if baseline else given[0]
        formats, output = formats or settings.report.formats, output or settings.report.output
    else:
        done = audited(messages, formats=formats, output=output, baseline=baseline, **choice)
        audit, formats, output = done.audit, tuple(done.formats), done.output
    decision = _decide(
        audit,
        conditions,
        min_coverage=settings.gate.min_coverage if min_coverage is None else min_coverage,
        soft=soft_fail or settings.gate.soft_fail,
    )
    if formats or output:
        write_reports(audit, formats, output, messages, places)
    if explain:
        print_out(_explained(decision))
    for finding in decision.warned:
        messages.detail(f"warning: {finding.rule}: {finding.resource.arn}: {finding.message}")
    click.echo(f"auditor gate {decision.sentence}", err=True)
    sys.exit(Exit.GATE if decision.failed else Exit.DONE if decision.complete else Exit.INCOMPLETE)


def _settings(choice: dict[str, Any]) -> "tuple[Settings, Iterable[str]]":
    from auditor.steps import choose

    names = ("config", "folders", "rule_ids", "services", "categories", "frameworks")
    settings, catalogue, _ = choose(**{name: choice[name] for name in names})
    return settings, list(catalogue)


def _saved(
    file: str, choice: dict[str, Any], formats: "Sequence[str]", output: Path | None
) -> "tuple[Audit, Settings, Iterable[str]]":
    """A saved report with today's suppressions, the settings, and the rules that it holds."""
    from auditor.settings import BadSettings, load
    from auditor.suppress import apply

    if wrong := [name for name, value in choice.items() if value and name != "config"]:
        misuse(f"a saved report was given: --{wrong[0].replace('_', '-')} goes with a scan")
    try:
        settings = load(choice["config"])
    except BadSettings as error:
        misuse(str(error))
    check_output(formats or settings.report.formats, output or settings.report.output)
    audit = apply(load_report(file), settings.suppress, today=_today())
    return audit, settings, [rule.id for rule in audit.rules]


def _conditions(texts: "Iterable[str]", rules: "Iterable[str]", baseline: Path | None) -> "list[Condition]":
    from auditor.gate import BadCondition, State, parse

    rules = list(rules)
    try:
        made = [parse(text, rules=rules) for text in texts]
    except BadCondition as error:
        misuse(str(error))
    for condition in made:
        if condition.state is not State.OPEN and baseline is None:
            misuse(f"condition {condition.text!r} compares with an earlier report: give it with --baseline")
    return made


def _decide(audit: "Audit", conditions: "Sequence[Condition]", **limits: Any) -> "Decision":
    from auditor.gate import BadCondition, decide

    try:
        return decide(audit, conditions, complete=completeness(audit) is Exit.DONE, **limits)
    except BadCondition as error:
        misuse(str(error))


def _explained(decision: "Decision") -> "Iterator[str]":
    """The findings that decided, by condition, then those that warn."""
    for broken in decision.broken:
        allowed = f" (up to {broken.condition.most:,} are allowed)" if broken.condition.most else ""
        yield f"{broken.condition.text}: {len(broken.findings):,}{allowed}\n"
        yield from _listed(broken.findings)
    if decision.warned:
        yield f"warnings: {len(decision.warned):,}\n"
        yield from _listed(decision.warned)
    if not decision.broken and not decision.warned:
        yield "no finding decided\n"


def _listed(findings: "Sequence[Finding]") -> "Iterator[str]":
    for finding in findings[:MOST_EXPLAINED]:
        yield f"  {finding.severity.value:13} {finding.rule}  {finding.resource.arn}\n"
        yield f"  {'':13} {' '.join(finding.message.split())}  [{finding.fingerprint}]\n"
    if len(findings) > MOST_EXPLAINED:
        yield f"  and {len(findings) - MOST_EXPLAINED:,} more, in the reports\n"


@click.command()
@click.argument("old")
@click.argument("new")
@click.option("--format", "-f", "shape", type=click.Choice(["text", "json"]), default="text")
def diff(old: str, new: str, shape: str) -> None:
    """Say what changed between two saved JSON reports: new, reopened, fixed, gone, now unknown."""
    from auditor.compare import compare

    earlier, later = load_report(old), load_report(new)
    if not set(earlier.scan.accounts) & set(later.scan.accounts):
        misuse(f"{old} and {new} have no account in common: {earlier.scan.accounts[0]}, {later.scan.accounts[0]}")
    changed = compare(earlier, later)
    if shape == "json":
        print_out([changed.model_dump_json(indent=2), "\n"])
        return
    by_print = {finding.fingerprint: finding for finding in later.findings}
    for name, findings in (
        ("new", [by_print[each] for each in changed.new]),
        ("reopened", [by_print[each] for each in changed.reopened]),
        ("now unknown", changed.unknown),
        ("accepted", [by_print[each] for each in changed.accepted]),
        ("fixed", changed.fixed),
        ("gone", changed.gone),
    ):
        if findings:
            print_out([f"{name}: {len(findings):,}\n", *_listed(findings)])
    rest = [f"{changed.remaining:,} as before"]
    if changed.not_assessed:
        rest.append(f"{changed.not_assessed:,} other verdicts now unknown")
    if changed.out_of_scope:
        rest.append(f"{changed.out_of_scope:,} out of the later report's scope")
    print_out([f"{'; '.join(rest)}\n"])


@click.command()
@click.argument("fingerprint")
@click.option("--reason", required=True, help="Why it is accepted.")
@click.option("--owner", required=True, help="Whose decision it is.")
@click.option("--expires", required=True, help="Until when: 2027-01-31, or 90d.")
@click.option("--config", type=options.FILE, help="The settings file (default: ./auditor.toml, made if need be).")
@click.option("--report", "report_file", help="The report that has the finding: its rule and resource are noted.")
def suppress(
    fingerprint: str, reason: str, owner: str, expires: str, config: Path | None, report_file: str | None
) -> None:
    """Accept a finding until a day: add it to the settings file, whose comments stay."""
    from auditor.edit import add_suppression
    from auditor.settings import BadSettings, Suppress, found, load

    comment = ""
    if report_file is not None:
        match = [each for each in load_report(report_file).findings if each.fingerprint == fingerprint]
        if not match:
            misuse(f"{report_file} has no finding {fingerprint}")
        if match[0].status.value == "unknown":
            misuse(f"{fingerprint} is unknown, and nobody can accept what is not known: have it read first")
        comment = f"{match[0].rule}: {match[0].resource.arn}"
    try:
        path = config or found() or Path("auditor.toml")
        entry = Suppress(fingerprint=fingerprint, reason=reason, owner=owner, expires=_day(expires))
        settings = load(path) if path.exists() else None
        if settings and any(each.identity == entry.identity for each in settings.suppress):
            misuse(f"{path} has {fingerprint} already: change its entry there")
        add_suppression(path, entry, comment)
    except BadSettings as error:
        misuse(str(error))
    except ValueError:
        misuse(f"{fingerprint} is no fingerprint: copy the 32 digits of the finding from a report")
    except OSError as error:
        misuse(f"{path} could not be written: {error.strerror or error}")
    click.echo(f"{path}: {fingerprint} is accepted until {entry.expires}", err=True)


def _day(text: str) -> date:
    """A day as written (2027-01-31), or so many days from today (90d)."""
    if text.endswith("d") and text[:-1].isdigit():
        return _today() + timedelta(days=int(text[:-1]))
    try:
        return date.fromisoformat(text)
    except ValueError:
        misuse(f"--expires {text}: write it as 2027-01-31 or 90d")


def _today() -> date:
    return datetime.now(UTC).date()


@click.command()
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.argument("path", type=options.FILE, default=Path("auditor.toml"))
def init(path: Path, force: bool) -> None:
    """Write a settings file with every setting in it, commented."""
    from auditor.edit import TEMPLATE
    from auditor.files import replace_text

    if path.exists() and not force:
        misuse(f"{path} is there already: --force writes over it")
    try:
        replace_text(path, [TEMPLATE])
    except OSError as error:
        misuse(f"{path} could not be written: {error.strerror or error}")
    click.echo(f"Wrote {path}; `auditor config check` says what it does", err=True)


@click.group("config")
def configuration() -> None:
    """Check the settings file, or print its JSON Schema."""


@configuration.command("schema")
def config_schema() -> None:
    """Print the JSON Schema of the settings file, for editors."""
    from auditor.settings import schema

    print_out([schema()])


@configuration.command("check")
@click.argument("file", required=False)
@options.config
@options.folders
def config_check(file: str | None, config: Path | None, folders: tuple[Path, ...]) -> None:
    """Say what the settings file does: to the catalogue, and to a saved JSON report."""
    from auditor.settings import found
    from auditor.steps import choose

    path = config or found()
    if path is None:
        misuse("there is no auditor.toml here, nor a table tool.auditor in pyproject.toml: `auditor init` writes one")
    settings, catalogue, chosen = choose(config=path, folders=folders)
    rules = list(catalogue)
    conditions = _conditions(settings.gate.fail_on, rules, settings.gate.baseline)
    print_out([f"{path}: {len(chosen):,} of {len(catalogue):,} rules run\n", *_tuned(settings, rules)])
    if file is None:
        return
    audit = load_report(file)
    print_out(_effect(audit, settings))
    if conditions:
        if settings.gate.baseline:
            audit = compared_with(audit, settings.gate.baseline)
        print_out([f"the gate {_decide(_accepted(audit, settings), conditions).sentence}\n"])


def _tuned(settings: "Settings", rules: "Sequence[str]") -> "Iterator[str]":
    """What the file changes of the rules."""
    from auditor.suppress import knows

    for rule, own in sorted(settings.rules.items()):
        said = own.model_dump(exclude_unset=True, mode="json")
        yield f"  {rule}: {', '.join(f'{name} = {value}' for name, value in said.items()) or 'nothing changed'}\n"
    for override in settings.overrides:
        for rule, own in sorted(override.rules.items()):
            said = own.model_dump(exclude_unset=True, mode="json")
            where = ", ".join(override.accounts)
            yield f"  {rule} in {where}: {', '.join(f'{name} = {value}' for name, value in said.items())}\n"
    for entry in settings.suppress:
        if entry.rule is not None and not knows(entry.rule, rules):
            yield f"  suppress {entry.rule}: no rule is called so\n"


def _effect(audit: "Audit", settings: "Settings") -> "Iterator[str]":
    """What each suppression accepts in a report, and which of its findings have another severity by now."""
    from auditor.findings import Status
    from auditor.suppress import matches

    for entry in settings.suppress:
        what = ", ".join(f"{name} {value}" for name, value in entry.identity.items())
        state = "expired" if entry.expires < _today() else f"until {entry.expires}"
        count = sum(finding.status is Status.FAIL and matches(entry, finding) for finding in audit.findings)
        yield f"  suppress {what}: {count:,} failures ({state}, {entry.owner})\n"
    own = settings.of(audit.scan.accounts[0]).rules
    on = [finding for finding in audit.findings if finding.rule in own and own[finding.rule].enabled is not False]
    off = sum(finding.rule in own for finding in audit.findings) - len(on)
    other = sum(own[finding.rule].severity not in (None, finding.severity) for finding in on)
    yield f"  {off:,} findings of rules that are off, {other:,} with another severity\n"


def _accepted(audit: "Audit", settings: "Settings") -> "Audit":
    from auditor.suppress import apply

    return apply(audit, settings.suppress, today=_today())


COMMANDS: tuple[click.Command, ...] = (gate, diff, suppress, init, configuration)
