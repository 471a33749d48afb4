"""The pictures of the HTML report, as shares of a hundred that its templates draw."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from auditor.audit import Audit
from auditor.findings import Finding, Severity, Status
from auditor.report import Past

STATUS_LABELS = {
    Status.FAIL: "Failed",
    Status.UNKNOWN: "Not assessed",
    Status.PASS: "Passed",
    Status.NOT_APPLICABLE: "Not applicable",
}
MINUS = "\u2212"
BARS = 8  # how many services or regions a chart shows before it sums up the rest
ACCEPTED = ("suppressed", "expiring")  # the filter's two words for what somebody accepted
TALL = 24  # of a trend's picture, which is 100 wide


def link(by: str = "rule", **facets: str | Sequence[str]) -> str:
    """The address, within the page, of the findings that fit."""
    return "#" + urlencode({"by": by, **facets}, doseq=True)


def service(finding: Finding) -> str:
    """The first word of a rule's id is its service."""
    return finding.rule.partition("-")[0]


def open_failure(finding: Finding) -> bool:
    """Failed, and nobody has accepted it."""
    return finding.status is Status.FAIL and finding.suppression is None


@dataclass(frozen=True)
class Part:
    """One piece of a bar or ring: where it begins and how long it is, in hundredths of the whole."""

    name: str
    count: int
    start: float
    size: float

    @property
    def href(self) -> str:
        """The findings that a piece of the ring counts."""
        if self.name in ("fail", "suppressed"):
            return link(status="fail", suppression="open" if self.name == "fail" else ACCEPTED)
        return link(status=self.name)


@dataclass(frozen=True)
class Bar:
    """One line of a chart; `href` leads to the findings that it counts, "" where no filter says just that."""

    label: str
    href: str
    count: int
    parts: list[Part]


def parts(counts: Iterable[tuple[str, int]], whole: int) -> list[Part]:
    """Lay counts end to end; what is there is always wide enough to be seen."""
    laid, at = [], 0.0
    for name, count in counts:
        if count:
            size = max(100 * count / whole, 0.6)
            laid.append(Part(name, count, round(at, 2), round(size, 2)))
            at += size
    return laid


def split(findings: Sequence[Finding]) -> list[Part]:
    """Verdicts by status, accepted failures apart."""
    counts = Counter(f.status for f in findings)
    accepted = sum(f.status is Status.FAIL and f.suppression is not None for f in findings)
    pieces = [
        ("fail", counts[Status.FAIL] - accepted),
        ("suppressed", accepted),
        *((status.value, counts[status]) for status in STATUS_LABELS if status is not Status.FAIL),
    ]
    return parts(pieces, len(findings))


def severity_bars(audit: Audit) -> list[Bar]:
    """Open failures by severity."""
    counts = audit.summary.failures
    most = max(counts.values(), default=0)
    return [
        Bar(
            s.title(),
            link(status="fail", suppression="open", severity=s),
            counts.get(s, 0),
            parts([(s, counts.get(s, 0))], most),
        )
        for s in Severity
    ]


def charts(failures: list[Finding]) -> dict[str, list[Bar]]:
    """Open failures by service and by region, each bar divided by severity."""
    return {
        "service": bars("service", Counter((service(f), f.severity) for f in failures)),
        "region": bars("region", Counter((f.resource.region, f.severity) for f in failures)),
    }


def bars(facet: str, counts: Counter[tuple[str, Severity]]) -> list[Bar]:
    """The longest bars, and one for all the others."""
    totals: Counter[str] = Counter()
    for (name, _), count in counts.items():
        totals[name] += count
    ranked = sorted(totals, key=lambda name: (-totals[name], name))
    shown = ranked if len(ranked) <= BARS + 1 else ranked[:BARS]
    lines = [({name}, name, link(status="fail", suppression="open", **{facet: name})) for name in shown]
    if rest := set(ranked[len(shown) :]):
        lines.append((rest, f"{len(rest)} more", ""))
    sums = [{s: sum(counts[name, s] for name in names) for s in Severity} for names, _, _ in lines]
    most = max((sum(by.values()) for by in sums), default=0)
    return [
        Bar(label, href, sum(by.values()), parts(by.items(), most))
        for (_, label, href), by in zip(lines, sums, strict=True)
    ]


@dataclass(frozen=True)
class Line:
    """One row of the trend: a line through the reports, and how it began and ended."""

    label: str
    name: str
    points: list[tuple[float, float]]
    first: str
    last: str
    change: str
    better: bool | None

    @property
    def path(self) -> str:
        """The points as SVG has them."""
        return " ".join(f"{x:g},{y:g}" for x, y in self.points)


def trend(audit: Audit, history: Iterable[Past]) -> tuple[list[Past], list[Line]]:
    """Every report once, the oldest first, and a line for coverage and for each severity; none where there is no past.

    A line of failures begins at nothing, so that its height can be believed; one of coverage spans what it moved in.
    """
    own = Past.of(audit)
    every = sorted({past.finished: past for past in [*history, own]}.values(), key=lambda past: past.finished)
    if len(every) < 2:
        return [], []
    at = [past.finished.timestamp() for past in every]
    across = [1 + 98 * (moment - at[0]) / (at[-1] - at[0]) for moment in at]
    lines = [_line("Coverage", "coverage", across, [past.coverage for past in every])]
    lines += [
        _line(severity.title(), severity, across, [past.failures.get(severity, 0) for past in every])
        for severity in Severity
    ]
    return every, lines


def _line(label: str, name: str, across: Sequence[float], values: Sequence[float]) -> Line:
    share = name == "coverage"
    low, high = (min(values), max(values)) if share else (0, max(values))
    room = (high - low) or 1
    flat = high == low
    heights = [TALL / 2 if flat else 2 + (TALL - 4) * (high - value) / room for value in values]
    moved = values[-1] - values[0]
    points = [(round(x, 2), round(y, 2)) for x, y in zip(across, heights, strict=True)]
    by = _figure(abs(moved), share)
    change = "no change" if by == _figure(0, share) else f"{'+' if moved > 0 else MINUS}{by}"
    better = None if not moved else (moved > 0) is share
    return Line(label, name, points, _figure(values[0], share), _figure(values[-1], share), change, better)


def _figure(value: float, share: bool) -> str:
    return f"{int(value * 10) / 10:.1f} %" if share else f"{value:,}"
