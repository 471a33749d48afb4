"""The terminal report: what a person wants to know before they open the page."""

import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC
from itertools import chain

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from auditor.audit import Audit
from auditor.findings import Finding, Gap, GapKind, Severity, Status
from auditor.report import report

WORST = 10
GAPS = 12
COLOURS = {
    Severity.CRITICAL: "bold red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "blue",
    Severity.INFORMATIONAL: "bright_black",
}
# A name may hold characters that a terminal obeys, or that reorder what stands beside them.
OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


@report("terminal", suffix=".txt")
def render(audit: Audit, *, width: int = 100, color: bool = False, files: Sequence[str] = ()) -> Iterator[str]:
    """A summary for people: coverage, failures by service and severity, the worst findings, the gaps."""
    wide = width >= 120  # narrower, the longest IAM actions would break
    parts = (
        head(audit), coverage(audit), defects(audit), failures(audit), changed(audit), worst(audit),
        gaps(audit, wide=wide),
    )  # fmt: skip
    for part in chain.from_iterable(parts):
        # An environment of its own: COLUMNS, NO_COLOR and TERM are the caller's to weigh, and tell by the options.
        screen = Console(
            file=io.StringIO(),
            width=max(width, 40),
            force_terminal=color,
            color_system="standard" if color else None,
            no_color=not color,
            legacy_windows=False,
            highlight=False,
            markup=False,
            emoji=False,
            _environ={},
        )
        with screen.capture() as captured:
            screen.print(part)
        yield captured.get() if color else "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())
    if files:
        yield "\nReports\n"
    yield from (f"  {safe(file)}\n" for file in files)  # never wrapped: people copy them


def safe(text: str) -> str:
    """What a stranger wrote, on one line, with everything that a terminal would obey spelled out."""
    return OBEYED.sub(lambda match: f"\\u{ord(match[0]):04x}", " ".join(text.splitlines()))


def plural(count: int, noun: str) -> str:
    """A number and its noun."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def heading(text: str) -> Text:
    """The title of a part, with air above it."""
    return Text(f"\n{text}", style="bold")


def bullet(*pieces: tuple[str, str] | str) -> RenderableType:
    """A line of a list, indented also where it wraps."""
    return Padding(Text.assemble(*pieces), (0, 0, 0, 2))


def head(audit: Audit) -> Iterator[RenderableType]:
    """What was audited, and when."""
    scan = audit.scan
    who = f"account {scan.accounts[0]}" if len(scan.accounts) == 1 else plural(len(scan.accounts), "account")
    facts = [
        safe(who),
        plural(len(scan.regions), "region"),
        plural(audit.summary.resources, "resource"),
        plural(audit.summary.rules, "rule"),
        f"{scan.collected.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
    ]
    yield Text.assemble(("auditor", "bold"), f" {safe(audit.tool.version)}  ", (" · ".join(facts), "dim"))
    if scan.interrupted:
        yield Text("\nINTERRUPTED: the scan stopped before everything was read.", style="bold red")


def coverage(audit: Audit) -> Iterator[RenderableType]:
    """How much could be judged, as a bar and in words. Only all of it is 100 %."""
    done, missed = audit.coverage.assessed, audit.coverage.not_assessed
    yield heading("Coverage")
    if not done + missed:
        yield bullet("Nothing was judged: no rule met a resource.")
        return
    size = 40
    full = min(done * size // (done + missed), size - 1) if missed else size
    full = max(full, 1) if done else 0
    tenths = done * 1000 // (done + missed)
    share = "< 0.1 %" if done and not tenths else f"{tenths // 10} %" if tenths in (0, 1000) else f"{tenths / 10:.1f} %"
    mood = "red" if not done else "yellow" if missed else "green"
    yield bullet(("█" * full, mood), ("░" * (size - full), "dim"), "  ", (share, f"bold {mood}"))
    line = f"{done:,} of {plural(done + missed, 'verdict')} assessed"
    if missed:
        line += f"; {missed:,} not assessed (see the gaps), and none of these counts as passed"
    yield bullet(f"{line}.")


def defects(audit: Audit) -> Iterator[RenderableType]:
    """Rules that raised."""
    if not audit.summary.defects:
        return
    yield heading(f"Defects: {plural(len(audit.summary.defects), 'rule')} raised an exception")
    for defect in audit.summary.defects:
        yield bullet((safe(defect.rule), "bold"), f"  {safe(defect.exception)}  ({plural(defect.findings, 'finding')})")


def failures(audit: Audit) -> Iterator[RenderableType]:
    """Open failures: a row per service, a column per severity."""
    counts = Counter((f.rule.partition("-")[0], f.severity) for f in audit.failures)
    yield heading(f"Open failures: {sum(counts.values()):,}")
    accepted = sum(f.status is Status.FAIL and f.suppression is not None for f in audit.findings)
    if counts:
        totals: Counter[str] = Counter()
        for (service, _), count in counts.items():
            totals[service] += count
        table = Table(
            box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1), show_footer=True, footer_style="bold"
        )
        table.add_column("service", "all", overflow="fold")
        for severity in Severity:
            column = sum(counts[service, severity] for service in totals)
            name = "info" if severity is Severity.INFORMATIONAL else severity.value
            table.add_column(name, f"{column:,}", justify="right", header_style=COLOURS[severity])
        table.add_column("all", f"{totals.total():,}", justify="right")
        ranked = sorted(totals, key=lambda s: ([-counts[s, severity] for severity in Severity], s))
        for service in ranked:
            row = [number(counts[service, severity], COLOURS[severity]) for severity in Severity]
            table.add_row(Text(safe(service)), *row, number(totals[service], ""))
        yield Padding(table, (0, 0, 0, 2))
    elif audit.coverage.assessed:
        yield bullet("Nothing that was assessed failed.")
    else:
        yield bullet("Nothing was assessed, so nothing is known.")
    if accepted:
        yield bullet(f"{plural(accepted, 'more failure')} accepted by somebody.")


def changed(audit: Audit) -> Iterator[RenderableType]:
    """What became of an earlier report's findings, in one line."""
    if (since := audit.comparison) is None:
        return
    yield heading(f"Since {since.baseline.finished.astimezone(UTC):%Y-%m-%d %H:%M} UTC")
    new, reopened, unknown = len(since.new), len(since.reopened), len(since.unknown)
    yield bullet(
        (f"{new:,} new", "bold red" if new else "dim"), "  ",
        (f"{reopened:,} reopened", "bold red" if reopened else "dim"), "  ",
        (f"{unknown:,} now unknown", "yellow" if unknown else "dim"), "  ",
        (f"{len(since.fixed):,} fixed", "green" if since.fixed else "dim"), "  ",
        (f"{len(since.gone):,} gone", ""), "  ", (f"{since.remaining:,} as before", "dim"),
    )  # fmt: skip


def number(count: int, style: str) -> Text:
    """A cell; nothing is a dot, so that what is there stands out."""
    return Text(f"{count:,}", style) if count else Text("·", "dim")


def worst(audit: Audit) -> Iterator[RenderableType]:
    """The worst findings: of the same severity, one of each rule first."""
    failed: list[Finding] = sorted(audit.failures, key=lambda finding: finding.order)
    if not failed:
        return
    seen: Counter[str] = Counter()
    ranked = []
    for finding in failed:
        ranked.append((finding.severity.rank, seen[finding.rule], finding))
        seen[finding.rule] += 1
    ranked.sort(key=lambda item: item[:2])
    yield heading("Worst" if len(failed) > WORST else "All open failures")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for _, _, finding in ranked[:WORST]:
        about = finding.resource
        place = f"{about.account} {about.region}" if len(audit.scan.accounts) > 1 else about.region
        what = Text.assemble((safe(about.name or about.id), "bold"), (f"  {safe(place)}  {safe(finding.rule)}", "dim"))
        table.add_row(Text(finding.severity, COLOURS[finding.severity]), Group(what, Text(safe(finding.message))))
    yield Padding(table, (0, 0, 0, 2))


def gaps(audit: Audit, *, wide: bool) -> Iterator[RenderableType]:
    """What was not read, by operation: why, in how many regions, and the IAM action that would mend it."""
    if not audit.coverage.gaps:
        return
    groups: defaultdict[tuple[str, str, GapKind], list[Gap]] = defaultdict(list)
    for gap in audit.coverage.gaps:
        groups[gap.service, gap.operation, gap.kind].append(gap)
    ranked = sorted(groups, key=lambda key: (key[2] is not GapKind.DENIED, -len(groups[key]), key))
    yield heading(f"Gaps: {plural(len({key[:2] for key in groups}), 'operation')} not answered in full")
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    table.add_column("not read", overflow="fold")
    table.add_column("why", no_wrap=True)
    table.add_column("where", overflow="fold")
    if wide:
        table.add_column("what would mend it", overflow="fold")
    for key in ranked[:GAPS]:
        where = sorted({gap.region for gap in groups[key]})
        actions = sorted({gap.iam_action for gap in groups[key] if gap.iam_action})
        mend = Text(safe(f"allow {', '.join(actions)}"), "cyan") if actions else Text("")
        what = Text(safe(f"{key[0]}:{key[1]}"))
        table.add_row(
            what if wide or not actions else Group(what, Padding(mend, (0, 0, 0, 2))),
            Text(key[2].replace("_", " "), "yellow" if key[2] is GapKind.DENIED else ""),
            Text(safe(where[0]) if len(where) == 1 else f"{len(where)} regions"),
            *([mend] if wide else []),
        )
    yield Padding(table, (0, 0, 0, 2))
    if len(ranked) > GAPS:
        yield bullet(f"and {len(ranked) - GAPS} more, in the other reports.")
