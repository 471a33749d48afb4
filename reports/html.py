"""The page that people send to each other: one file, no network, every finding with its evidence and its fix.

What a reader wants first (coverage, counts, charts, gaps) is plain HTML and stands there without scripts. The findings
are held once, as gzip-compressed columns that the page's script inflates; it draws only the rows that are seen. The
file carries a Content-Security-Policy that lets nothing run but its own script, and nothing load at all.
"""

import base64
import hashlib
import json
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from auditor.audit import Audit, CallCount, RuleText
from auditor.findings import Finding, Gap, GapKind, ResourceRef, Severity, Status
from auditor.report import report

STATUS_LABELS = {
    Status.FAIL: "Failed",
    Status.UNKNOWN: "Not assessed",
    Status.PASS: "Passed",
    Status.NOT_APPLICABLE: "Not applicable",
}
BARS = 8  # how many services or regions a chart shows before it sums up the rest
WORST = 10
BATCH = 4096  # values of a column that are written at a time
PIECE = 1 << 16  # characters of JSON that are compressed at a time

# Characters that a stranger can put into a name to hide or reorder what stands beside it.
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
# How a gap's reason begins (Gap.reason), wherever it stands in a finding's message.
ASKED = re.compile(r"([a-z0-9-]+):(\w+) in ([a-z0-9-]+)")


@report("html", suffix=".html")
def render(audit: Audit) -> Iterator[str]:
    """A page to read and to send: charts, filters, evidence and fixes, in one file that needs no network."""
    findings = sorted(audit.findings, key=lambda finding: finding.order)
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=visible,
    )
    environment.filters.update(count=lambda number: f"{number:,}", utc=utc, label=lambda value: STATUS_LABELS[value])
    style, script = asset(environment, "report.css"), asset(environment, "parts.js", "findings.js", "report.js")
    gaps, loose = gap_groups(audit)
    return environment.get_template("report.html.j2").generate(
        audit=audit,
        policy=f"default-src 'none'; script-src '{digest(script)}'; style-src '{digest(style)}'; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        style=style,
        script=script,
        severities=list(Severity),
        percent=percent(audit.coverage.assessed, audit.coverage.assessed + audit.coverage.not_assessed),
        age=age(audit),
        split=split(findings),
        charts=charts(findings),
        severity_bars=severity_bars(audit),
        worst=worst(audit, findings),
        failing=failing(audit, findings),
        gaps=gaps,
        loose=loose,
        actions=sorted({gap.iam_action for gap in audit.coverage.gaps if gap.iam_action}),
        link=link,
        core=packed(core(audit, findings)),
        detail=packed(detail(findings)),
    )


def visible(value: Any) -> Any:
    """Spell out characters that would be invisible or reorder their neighbours. What jinja2 prints goes through it."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", value)
    return value


def asset(environment: Environment, *names: str) -> Markup:
    """Scripts or style sheets as a browser will see them: it reads CRLF, which a checkout may hold, as LF."""
    assert environment.loader is not None
    texts = [environment.loader.get_source(environment, name)[0] for name in names]
    return Markup("\n".join(texts).replace("\r\n", "\n"))


def digest(text: str) -> str:
    """A script or style as a Content-Security-Policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def utc(when: datetime) -> str:
    """A time for people."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def percent(part: int, whole: int) -> str:
    """A share, rounded down so that "100 %" means all, and never to nothing."""
    if not whole:
        return "\u2013"
    tenths = part * 1000 // whole
    if part and not tenths:
        return "< 0.1 %"
    return f"{tenths // 10} %" if tenths in (0, 1000) else f"{tenths / 10:.1f} %"


def age(audit: Audit) -> str:
    """How long before its judgement the account was read, where that is long."""
    passed = audit.scan.finished - audit.scan.collected
    if passed < timedelta(hours=24):
        return ""
    return f"{passed.days} day{'s' if passed.days > 1 else ''}"


def service(finding: Finding) -> str:
    """The first word of a rule's id is its service."""
    return finding.rule.partition("-")[0]


def link(**facets: str) -> str:
    """The address, within the page, of the findings that fit."""
    return "#" + urlencode({"by": "rule", **facets})


def open_failure(finding: Finding) -> bool:
    """Failed, and nobody has accepted it."""
    return finding.status is Status.FAIL and finding.suppression is None


# Charts: shares of a hundred, drawn by the template.


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
            return link(status="fail", suppression="open" if self.name == "fail" else self.name)
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


def split(findings: list[Finding]) -> list[Part]:
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


def charts(findings: list[Finding]) -> dict[str, list[Bar]]:
    """Open failures by service and by region, each bar divided by severity."""
    failures = [finding for finding in findings if open_failure(finding)]
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


def worst(audit: Audit, findings: list[Finding]) -> list[tuple[Finding, str]]:
    """The worst open failures, each with its rule's title: one per rule first, so that no rule crowds out the rest."""
    titles = {rule.id: rule.title for rule in audit.rules}
    failures = [finding for finding in findings if open_failure(finding)]
    seen: Counter[str] = Counter()
    ranked = []
    for finding in failures:
        ranked.append((finding.severity.rank, seen[finding.rule], finding))
        seen[finding.rule] += 1
    ranked.sort(key=lambda item: item[:2])
    return [(finding, titles.get(finding.rule, finding.rule)) for _, _, finding in ranked[:WORST]]


def failing(audit: Audit, findings: list[Finding]) -> list[tuple[str, str, Severity, int]]:
    """Rules with open failures, worst first: what a reader without scripts gets."""
    titles = {rule.id: rule.title for rule in audit.rules}
    counts = Counter((f.severity.rank, f.rule, f.severity) for f in findings if open_failure(f))
    return [
        (rule, titles.get(rule, rule), severity, counts[key]) for key in sorted(counts) for _, rule, severity in [key]
    ]


# Gaps: what was not read.

Place = tuple[str, str, str, str]  # account, region, service, operation


@dataclass
class GapGroup:
    """Everything that one operation did not answer: why, where, what would mend it and what it cost."""

    service: str
    operation: str
    types: set[str] = field(default_factory=set)
    actions: set[str] = field(default_factory=set)
    reasons: dict[tuple[str, str], Gap] = field(default_factory=dict)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    regions: Counter[str] = field(default_factory=Counter)
    accounts: set[str] = field(default_factory=set)
    resources: set[str] = field(default_factory=set)
    verdicts: int = 0

    @property
    def mend(self) -> str:
        """What to do where no permission is missing."""
        kinds = {kind for kind, _ in self.reasons}
        if GapKind.THROTTLED in kinds:
            return "Scan again, or with lower concurrency"
        if GapKind.STOPPED in kinds:
            return "Scan again and let it finish"
        if GapKind.NOT_SELECTED in kinds:
            return "Select it"
        return "Scan again; no permission is missing"


def gap_groups(audit: Audit) -> tuple[list[GapGroup], int]:
    """Gaps by operation, the dearest first, and how many unknown verdicts no gap explains."""
    cost, loose = costs(audit)
    groups: dict[tuple[str, str], GapGroup] = {}
    counted: set[Place] = set()
    for gap in sorted(
        audit.coverage.gaps, key=lambda g: (g.service, g.operation, g.account, g.region, g.code, g.message)
    ):
        group = groups.setdefault((gap.service, gap.operation), GapGroup(gap.service, gap.operation))
        group.types.add(gap.resource_type)
        group.reasons.setdefault((gap.kind, gap.code), gap)
        group.counts[gap.kind, gap.code] += 1
        group.accounts.add(gap.account)
        if gap.iam_action:
            group.actions.add(gap.iam_action)
        if gap.resource:
            group.resources.add(gap.resource)
        place = (gap.account, gap.region, gap.service, gap.operation)
        if place not in counted:
            counted.add(place)
            group.regions[gap.region] += cost[place]
            group.verdicts += cost[place]
    return sorted(groups.values(), key=lambda g: (-g.verdicts, g.service, g.operation)), loose


def costs(audit: Audit) -> tuple[Counter[Place], int]:
    """Unknown verdicts by the operation and region that they needed; one may have needed several.

    A verdict's message names what was not read. Where it does not, the gaps of its resource stand for it. The second
    number counts the verdicts that no gap explains: defects, and rules that say themselves that they cannot know.
    """
    places: set[Place] = set()
    by_arn: defaultdict[str, set[Place]] = defaultdict(set)
    by_type: defaultdict[tuple[str, str, str], set[Place]] = defaultdict(set)
    for gap in audit.coverage.gaps:
        place = (gap.account, gap.region, gap.service, gap.operation)
        places.add(place)
        if gap.resource:
            by_arn[gap.resource].add(place)
        else:
            by_type[gap.account, gap.region, gap.resource_type].add(place)
    cost: Counter[Place] = Counter()
    loose = 0
    for finding in audit.findings:
        if finding.status is not Status.UNKNOWN:
            continue
        about = finding.resource
        named = {(about.account, region, svc, operation) for svc, operation, region in ASKED.findall(finding.message)}
        found = named & places or by_arn.get(about.arn) or by_type.get((about.account, about.region, about.type))
        if found:
            cost.update(found)
        else:
            loose += 1
    return cost, loose


# Data: columns of numbers and of texts that stand once, as JSON, compressed.

Key = TypeVar("Key", bound=Hashable)


class Dictionary(Generic[Key]):
    """Gives every distinct key a number, in the order of their first appearance."""

    def __init__(self) -> None:
        self.numbers: dict[Key, int] = {}

    def __call__(self, key: Key) -> int:
        """The number of a key."""
        return self.numbers.setdefault(key, len(self.numbers))

    def __iter__(self) -> Iterator[Key]:
        return iter(self.numbers)


def core(audit: Audit, findings: list[Finding]) -> Iterator[str]:
    """What lists and filters need."""
    texts = {rule.id: rule for rule in audit.rules}
    resources: dict[tuple[Hashable, ...], tuple[int, ResourceRef]] = {}
    rules, messages, accepted = Dictionary[str](), Dictionary[str](), Dictionary[tuple[str, str, str]]()
    accounts, regions, types = Dictionary[str](), Dictionary[str](), Dictionary[str]()
    columns: dict[str, list[int]] = {name: [] for name in ("rule", "status", "severity", "resource", "message")}
    suppressed: list[tuple[int, int]] = []
    statuses = list(STATUS_LABELS)
    for number, finding in enumerate(findings):
        about = finding.resource
        tags = None if about.tags is None else tuple(about.tags.items())
        key = (about.arn, about.id, about.name, about.type, about.account, about.region, tags)
        columns["rule"].append(rules(finding.rule))
        columns["status"].append(statuses.index(finding.status))
        columns["severity"].append(finding.severity.rank)
        columns["resource"].append(resources.setdefault(key, (len(resources), about))[0])
        columns["message"].append(messages(finding.message))
        if finding.suppression:
            why = finding.suppression
            suppressed.append((number, accepted((why.reason, why.owner, why.expires))))
    things = [about for _, about in resources.values()]
    yield from members(
        [
            ("statuses", statuses),
            ("severities", Severity),
            ("rules", (rule_text(rule, texts) for rule in rules)),
            ("arn", (about.arn for about in things)),
            ("id", (about.id for about in things)),
            ("name", (about.name for about in things)),
            ("tags", (about.tags for about in things)),
            ("typeOf", (types(about.type) for about in things)),
            ("accountOf", (accounts(about.account) for about in things)),
            ("regionOf", (regions(about.region) for about in things)),
            ("types", types),
            ("accounts", accounts),
            ("regions", regions),
            ("messages", messages),
            ("suppressions", accepted),
            ("suppressed", suppressed),
            *columns.items(),
            ("calls", sorted(map(call_row, audit.calls))),
        ]
    )
    yield "}"


def detail(findings: list[Finding]) -> Iterator[str]:
    """What an opened finding needs. Evidence is written by pydantic, as in the JSON report."""
    evidence = Dictionary[str]()
    column = [evidence(f.model_dump_json(include={"evidence"})[len('{"evidence":') : -1]) for f in findings]
    yield from members([("fingerprints", (f.fingerprint for f in findings)), ("evidenceOf", column)])
    yield ',"evidence":['
    yield from (f"{',' * (number > 0)}{text}" for number, text in enumerate(evidence))
    yield "]}"


def rule_text(rule: str, texts: dict[str, RuleText]) -> dict[str, Any]:
    """A rule's text; a saved report that someone shortened may lack it."""
    text = texts.get(rule)
    if text is None:
        return {"id": rule, "title": rule, "category": "", "risk": "", "fix": "", "notes": "", "controls": []}
    return text.model_dump(mode="json", exclude={"resource_types"})


def call_row(call: CallCount) -> tuple[str, str, str, str, int, int, int]:
    """A row of the manifest, in the order in which it is shown."""
    return (call.service, call.operation, call.region, call.account, call.calls, call.errors, call.throttles)


def members(columns: Iterable[tuple[str, Iterable[Any]]]) -> Iterator[str]:
    """The beginning of a JSON object whose members are lists; each is read when its turn comes."""
    before = "{"
    for name, column in columns:
        yield f'{before}"{name}":['
        values = iter(column)
        before = ""
        while batch := list(islice(values, BATCH)):
            yield before + json.dumps(batch, separators=(",", ":"))[1:-1]
            before = ","
        yield "]"
        before = ","


def packed(pieces: Iterable[str]) -> Iterator[Markup]:
    """Compress text and write it in base64, whose alphabet cannot end or open an element."""
    press = zlib.compressobj(9, zlib.DEFLATED, 31)  # 31: with gzip's frame, without a time in it
    waiting = b""
    for text in joined(pieces):
        waiting += press.compress(text.encode())
        whole = len(waiting) - len(waiting) % 3
        yield Markup(base64.b64encode(waiting[:whole]).decode())
        waiting = waiting[whole:]
    yield Markup(base64.b64encode(waiting + press.flush()).decode())


def joined(pieces: Iterable[str]) -> Iterator[str]:
    """The same text in fewer pieces."""
    waiting: list[str] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= PIECE:
            yield "".join(waiting)
            waiting, size = [], 0
    yield "".join(waiting)
