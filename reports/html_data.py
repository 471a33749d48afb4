"""The findings as the HTML report's script reads them: columns of numbers and of texts that stand once, compressed."""

import base64
import json
import zlib
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain, islice
from typing import Any, Generic, TypeVar

from markupsafe import Markup

from auditor.audit import Audit, CallCount, RuleText
from auditor.findings import Finding, ResourceRef, Severity

from .html_charts import STATUS_LABELS, open_failure
from .html_gaps import NOT_ASKED

CHANGES = ("new", "reopened", "remaining", "accepted", "fixed", "gone", "unknown", "none")
EARLIER = "earlier"  # the status of a finding that only the baseline has
SOON = timedelta(days=14)
RANKS = {severity: severity.rank for severity in Severity}
BATCH = 4096  # values of a column that are written at a time
PIECE = 1 << 16  # characters of JSON that are compressed at a time

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


@dataclass(frozen=True)
class Changes:
    """What changed since the baseline: a kind for each finding, and the baseline's findings that have no successor."""

    kinds: list[str]
    past: list[Finding]


def changed(audit: Audit, findings: list[Finding]) -> Changes:
    """The comparison as the page shows it, finding by finding."""
    made = audit.comparison
    if made is None:
        return Changes([], [])
    kinds = dict.fromkeys(made.new, "new") | dict.fromkeys(made.reopened, "reopened")
    kinds |= dict.fromkeys(made.accepted, "accepted")
    earlier = {"fixed": made.fixed, "gone": made.gone, "unknown": made.unknown}
    kinds |= {finding.fingerprint: kind for kind, those in earlier.items() for finding in those}
    own = {finding.fingerprint for finding in findings}
    past = [finding for those in earlier.values() for finding in those if finding.fingerprint not in own]
    listed = [kinds.get(f.fingerprint) or ("remaining" if open_failure(f) else "none") for f in findings]
    return Changes(listed + [kinds[finding.fingerprint] for finding in past], past)


def ends_soon(audit: Audit, finding: Finding) -> bool:
    """Whether an acceptance ends within two weeks of the audit."""
    if finding.suppression is None:
        return False
    try:
        return date.fromisoformat(finding.suppression.expires) - audit.scan.finished.date() <= SOON
    except ValueError:
        return False  # in a report that somebody edited


def core(audit: Audit, findings: list[Finding], changes: Changes) -> Iterator[str]:
    """What lists and filters need."""
    texts = {rule.id: rule for rule in audit.rules}
    resources: dict[tuple[Hashable, ...], tuple[int, ResourceRef]] = {}
    rules, messages, accepted = Dictionary[str](), Dictionary[str](), Dictionary[tuple[str, str, str]]()
    accounts, regions, types = Dictionary[str](), Dictionary[str](), Dictionary[str]()
    columns: dict[str, list[int]] = {name: [] for name in ("rule", "status", "severity", "resource", "message")}
    suppressed: list[tuple[int, int]] = []
    soon: list[int] = []
    unasked: list[int] = []
    statuses = [*STATUS_LABELS, *([EARLIER] if changes.past else [])]
    status_of = {status: number for number, status in enumerate(STATUS_LABELS)}
    for number, finding in enumerate(chain(findings, changes.past)):
        about = finding.resource
        tags = None if about.tags is None else tuple(about.tags.items())
        key = (about.arn, about.id, about.name, about.type, about.account, about.region, tags)
        columns["rule"].append(rules(finding.rule))
        columns["status"].append(status_of[finding.status] if number < len(findings) else len(STATUS_LABELS))
        columns["severity"].append(RANKS[finding.severity])
        columns["resource"].append(resources.setdefault(key, (len(resources), about))[0])
        columns["message"].append(messages(finding.message))
        if finding.suppression:
            why = finding.suppression
            suppressed.append((number, accepted((why.reason, why.owner, why.expires))))
            if ends_soon(audit, finding):
                soon.append(number)
        if finding.evidence.get("error_code") == NOT_ASKED:
            unasked.append(number)
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
            ("soon", soon),
            ("unasked", unasked),
            ("changes", CHANGES if audit.comparison else ()),
            ("change", map(CHANGES.index, changes.kinds)),
            ("baseline", [audit.comparison.baseline.finished.date().isoformat()] if audit.comparison else ()),
            *columns.items(),
            ("calls", sorted(map(call_row, audit.calls))),
        ]
    )
    yield "}"


def detail(findings: list[Finding], changes: Changes) -> Iterator[str]:
    """What an opened finding needs. Evidence is written by pydantic, as in the JSON report."""
    evidence = Dictionary[str]()
    every = [*findings, *changes.past]
    column = [evidence(f.model_dump_json(include={"evidence"})[len('{"evidence":') : -1]) for f in every]
    yield from members([("fingerprints", (f.fingerprint for f in every)), ("evidenceOf", column)])
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
    press = zlib.compressobj(6, zlib.DEFLATED, 31)  # 31: with gzip's frame, without a time in it
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
