"""The page that people send to each other: one file, no network, every finding with its evidence and its fix.

What a reader wants first (coverage, what changed, the worst, gaps, controls) is plain HTML and stands there without
scripts. The findings are held once, as gzip-compressed columns that the page's script inflates; it draws only the rows
that are seen. The file carries a Content-Security-Policy that lets nothing run but its own script, and nothing load.
"""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from auditor.audit import Audit
from auditor.compliance import Verdict, View, views
from auditor.findings import Finding, Severity
from auditor.frameworks import FRAMEWORKS
from auditor.frameworks import split as citation
from auditor.report import Past, ordered, report

from .html_charts import ACCEPTED, STATUS_LABELS, charts, link, open_failure, severity_bars, split, trend
from .html_data import RANKS, changed, core, detail, ends_soon, packed
from .html_gaps import gap_groups

WORST = 10
# Which findings of a control a click on it shows.
TARGETS: dict[Verdict, dict[str, str]] = {verdict: {} for verdict in Verdict} | {
    Verdict.NOT_MET: {"status": "fail", "suppression": "open"},
    Verdict.UNKNOWN: {"status": "unknown"},
}
STYLES = ("report.css", "parts.css", "media.css")
SCRIPTS = ("parts.js", "findings.js", "export.js", "drawer.js", "paper.js", "manifest.js", "report.js")

# Characters that a stranger can put into a name to hide or reorder what stands beside it.
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


@report("html", suffix=".html")
def render(audit: Audit, *, history: Sequence[Past] = ()) -> Iterator[str]:
    """A page to read and to send: charts, filters, evidence and fixes, in one file that needs no network."""
    findings = ordered(audit.findings)
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=visible,
    )
    environment.filters.update(count=lambda number: f"{number:,}", utc=utc, label=lambda value: STATUS_LABELS[value])
    style, script = asset(environment, *STYLES), asset(environment, *SCRIPTS)
    changes = changed(audit, findings)
    return environment.get_template("report.html.j2").generate(
        audit=audit,
        policy=f"default-src 'none'; script-src '{digest(script)}'; style-src '{digest(style)}'; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        style=style,
        script=script,
        link=link,
        **overview(audit, findings, history),
        core=packed(core(audit, findings, changes)),
        detail=packed(detail(findings, changes)),
    )


def overview(audit: Audit, findings: Sequence[Finding], history: Sequence[Past]) -> dict[str, Any]:
    """What stands in the page without its script."""
    failures = [finding for finding in findings if open_failure(finding)]
    gaps, loose = gap_groups(audit)
    every, lines = trend(audit, history)
    return {
        "severities": list(Severity),
        "percent": percent(audit.coverage.assessed, audit.coverage.assessed + audit.coverage.not_assessed),
        "age": age(audit),
        "split": split(findings),
        "charts": charts(failures),
        "severity_bars": severity_bars(audit),
        "worst": worst(audit, failures),
        "failing": failing(audit, failures),
        "fresh": {*audit.comparison.new, *audit.comparison.reopened} if audit.comparison else set(),
        "expiring": sum(ends_soon(audit, finding) for finding in findings),
        "accepted": ACCEPTED,
        "gaps": [group for group in gaps if not group.chosen],
        "left_out": [group for group in gaps if group.chosen],
        "loose": loose,
        "actions": sorted({gap.iam_action for gap in audit.coverage.gaps if gap.iam_action}),
        "frameworks": frameworks(audit),
        "verdicts": list(Verdict),
        "targets": TARGETS,
        "reports": every,
        "trend": lines,
    }


def frameworks(audit: Audit) -> list[View]:
    """Every framework that the rules cite. In a report that somebody edited, what is no citation counts for nothing."""
    rules = [rule.model_copy(update={"controls": list(filter(_is_citation, rule.controls))}) for rule in audit.rules]
    return views(audit.model_copy(update={"rules": rules}))


def _is_citation(control: str) -> bool:
    try:
        return citation(control)[0] in FRAMEWORKS
    except ValueError:
        return False


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


def worst(audit: Audit, failures: Sequence[Finding]) -> list[tuple[Finding, str, int]]:
    """The worst open failures: of each rule its gravest, with the rule's title and how many more there are of it.

    Of equal severity, what is new since the baseline comes first, then the rules that fail most often.
    """
    titles = {rule.id: rule.title for rule in audit.rules}
    fresh = {*audit.comparison.new, *audit.comparison.reopened} if audit.comparison else set()
    counts = Counter(finding.rule for finding in failures)
    gravest: dict[str, tuple[int, bool, Finding]] = {}
    for finding in failures:
        rank = (RANKS[finding.severity], finding.fingerprint not in fresh, finding)
        if finding.rule not in gravest or rank[:2] < gravest[finding.rule][:2]:
            gravest[finding.rule] = rank
    ranked = sorted(gravest.values(), key=lambda item: (*item[:2], -counts[item[2].rule], item[2].rule))
    return [(f, titles.get(f.rule, f.rule), counts[f.rule] - 1) for _, _, f in ranked[:WORST]]


def failing(audit: Audit, failures: Sequence[Finding]) -> list[tuple[str, str, Severity, int]]:
    """Rules with open failures, worst first: what a reader without scripts gets."""
    titles = {rule.id: rule.title for rule in audit.rules}
    counts = Counter((f.severity.rank, f.rule, f.severity) for f in failures)
    return [
        (rule, titles.get(rule, rule), severity, counts[key]) for key in sorted(counts) for _, rule, severity in [key]
    ]
