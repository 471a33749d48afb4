"""The report of an organization as JSON, Markdown, a page and a few lines: accounts that were not reached first."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from auditor.findings import Severity
from auditor.rollup import Change, NotReached, Rollup

ROWS = 50  # of each table in Markdown; the page shows all
LINES = 10  # accounts that are named on a terminal
SPECIAL = re.compile(r"([\\`*_{}\[\]<>()+!|~$&#@])")
# Characters that a stranger can put into a name to hide or reorder what stands beside it.
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def as_json(rollup: Rollup) -> Iterator[str]:
    """The whole report, for machines."""
    yield rollup.model_dump_json(indent=1)
    yield "\n"


def as_markdown(rollup: Rollup) -> Iterator[str]:
    """A summary for a ticket or a chat."""
    yield f"## AWS audit of {rollup.expected:,} accounts\n\n"
    if rollup.not_reached:
        yield f"**{_reached(rollup)}**: nothing is known about these.\n\n"
        rows = [(each.account, each.name, _why(each)) for each in rollup.not_reached]
        yield from _table("Not reached", ("account", "name", "why"), rows, most=len(rows))
    else:
        yield f"All {rollup.expected:,} accounts were reached.\n\n"
    lost = [(each.account, each.name, _why(each)) for each in rollup.undelivered]
    yield from _table("Audited, and then something failed", ("account", "name", "what"), lost, most=len(lost))
    yield f"**{rollup.percent:.1f} % of {rollup.assessed + rollup.not_assessed:,} verdicts are known**"
    yield f" over {rollup.resources:,} resources.\n\n" if rollup.resources else ".\n\n"
    yield from _table("Open failures", tuple(Severity), [tuple(f"{rollup.failures[each]:,}" for each in Severity)])
    if (changes := rollup.changes) is not None:
        yield f"### Changes\n\n{_changed(rollup)}\n\n"
        columns = ("severity", "account", "rule", "resource")
        yield from _table("New, the worst first", columns, map(_change, changes.worst_new))
        yield from _table("Fixed", columns, map(_change, changes.worst_fixed))
    yield from _table(
        "Worst rules",
        ("severity", "rule", "title", "accounts", "failures"),
        [(each.severity, each.rule, each.title, each.accounts, each.failures) for each in rollup.rules],
    )
    yield from _table(
        "Worst accounts",
        ("account", "name", *Severity, "known", "not read"),
        [
            (each.account, each.name, *(each.failures.get(s, 0) for s in Severity), f"{each.percent:.1f} %", each.gaps)
            for each in rollup.accounts
        ],
    )
    yield from _table(
        "Not read",
        ("operation", "why", "accounts", "what would mend it"),
        [
            (f"{each.service}:{each.operation}", each.kind.replace("_", " "), each.accounts, _mend(each.iam_action))
            for each in rollup.not_read
        ],
    )


def as_html(rollup: Rollup) -> Iterator[str]:
    """A page that needs no network and runs no script."""
    environment = Environment(
        loader=PackageLoader("auditor", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    environment.filters.update(count=lambda number: f"{number:,}", why=_why, mend=_mend)
    source = environment.loader.get_source(environment, "rollup.css")[0] if environment.loader else ""
    style = Markup(source)  # ours, not a stranger's
    digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
    yield from environment.get_template("rollup.html.j2").generate(
        rollup=rollup, style=style, style_hash=digest, severities=list(Severity),
        reached=_reached(rollup), changed=_changed(rollup),
    )  # fmt: skip


def as_text(rollup: Rollup) -> Iterator[str]:
    """A few lines for a terminal or a notification."""
    yield f"{_reached(rollup)}\n"
    for each in rollup.not_reached[:LINES]:
        yield f"  not reached: {each.account}{f' ({_line(each.name)})' if each.name else ''}: {_line(_why(each))}\n"
    if len(rollup.not_reached) > LINES:
        yield f"  and {len(rollup.not_reached) - LINES:,} more\n"
    if rollup.undelivered:
        yield f"Something failed after the audit of {len(rollup.undelivered):,} accounts\n"
    unread = sum(1 for row in rollup.accounts if row.gaps or row.defects or row.interrupted)
    known = f"{rollup.percent:.1f} % of {rollup.assessed + rollup.not_assessed:,} verdicts are known"
    yield f"{known}{f'; something was not read in {unread:,} accounts' if unread else ''}\n"
    yield f"Open failures: {', '.join(f'{rollup.failures[each]:,} {each}' for each in Severity)}\n"
    if rollup.changes is not None:
        yield f"{_changed(rollup)}\n"
    for rule in rollup.rules[:LINES]:
        yield f"  {rule.severity:13} {rule.failures:>7,} in {rule.accounts:,} accounts  {rule.rule}\n"


# Every file that a run leaves for its organization, by suffix.
FORMATS: dict[str, tuple[Callable[[Rollup], Iterator[str]], str]] = {
    ".json": (as_json, "application/json"),
    ".md": (as_markdown, "text/markdown; charset=utf-8"),
    ".html": (as_html, "text/html; charset=utf-8"),
}


def _reached(rollup: Rollup) -> str:
    lost = len(rollup.not_reached)
    said = f"{rollup.reached:,} of {rollup.expected:,} accounts were reached"
    return f"{said}, {lost:,} {'was' if lost == 1 else 'were'} not" if lost else said


def _changed(rollup: Rollup) -> str:
    made = rollup.changes
    if made is None:
        return ""
    return (
        f"{made.new:,} new, {made.fixed:,} fixed, {made.gone:,} gone, {made.unknown:,} now unknown, "
        f"{made.remaining:,} as before ({rollup.compared:,} accounts had an earlier report)"
    )


def _why(lost: NotReached) -> str:
    where = f" in {', '.join(lost.regions)}" if lost.regions else ""
    return f"{lost.code}{where}: {lost.message}" if lost.message else f"{lost.code}{where}"


def _mend(action: str | None) -> str:
    return f"allow {action}" if action else ""


def _change(change: Change) -> tuple[str, ...]:
    return (change.severity, change.account, change.rule, f"{change.name} ({change.region})")


def _table(title: str, columns: Sequence[str], rows: Any, *, most: int = ROWS) -> Iterator[str]:
    rows = list(rows)
    if not rows:
        return
    yield f"### {title}\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}\n"
    for row in rows[:most]:
        yield f"| {' | '.join(_plain(f'{cell:,}' if isinstance(cell, int) else str(cell)) for cell in row)} |\n"
    yield f"\n_and {len(rows) - most:,} more_\n\n" if len(rows) > most else "\n"


def _plain(text: str) -> str:
    """A stranger's text on one line, with nothing in it that Markdown, HTML, a terminal or a mention would act on."""
    return SPECIAL.sub(r"\\\1", _line(text))


def _line(text: str) -> str:
    return UNSEEN.sub("\ufffd", " ".join(text.split())[:400])


def _visible(value: Any) -> Any:
    """What jinja writes: a stranger's text without what would hide or reorder it."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return UNSEEN.sub("\ufffd", value)
