"""The HTML, JSON and terminal reports: found by name, and fed with what strangers write."""

import base64
import gzip
import hashlib
import importlib
import json
import pkgutil
import random
import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from auditor import cli
from auditor.audit import Audit, load
from auditor.compare import compared
from auditor.findings import Severity
from auditor.report import Past, registry
from tests.factory import NASTY, make_audit

reports = importlib.import_module("auditor.reports")
for found in pkgutil.iter_modules(reports.__path__):
    importlib.import_module(f"auditor.reports.{found.name}")
SCHEMA = Path(reports.__path__[0]) / "report.schema.json"


def text(name: str, audit: Audit, **options: Any) -> str:
    return "".join(registry[name].text(audit, **options))


class Page(HTMLParser):
    """A page as a browser reads it: its elements with their attributes, and the text of each by id or tag."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self.open = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.open = dict(attrs).get("id") or tag

    def handle_endtag(self, tag: str) -> None:
        self.open = ""

    def handle_data(self, data: str) -> None:
        self.texts[self.open] = self.texts.get(self.open, "") + data

    def data(self, name: str) -> dict[str, Any]:
        inflated = gzip.decompress(base64.b64decode(self.texts[name], validate=True))
        data: dict[str, Any] = json.loads(inflated)
        return data


AUDITS: dict[str, Callable[[], Audit]] = {
    "usual": lambda: make_audit(600, defects=1),
    "empty": lambda: make_audit(0),
    "only passes": lambda: make_audit(60, weights=(1, 0, 0, 0)),
    "no coverage": lambda: make_audit(60, weights=(0, 0, 1, 0)),
    "organization": lambda: make_audit(300, accounts=("111111111111", "222222222222"), interrupted=True),
    "hostile": lambda: make_audit(120, hostile=NASTY, defects=2),
    "hostile baseline": lambda: compared(make_audit(80, hostile=NASTY, seed=3), make_audit(80, hostile=NASTY)),
}


@pytest.fixture(params=AUDITS)
def audit(request: pytest.FixtureRequest) -> Audit:
    return AUDITS[request.param]()


def shuffled(audit: Audit) -> Audit:
    rng = random.Random(1)
    coverage = audit.coverage.model_copy(
        update={"gaps": rng.sample(audit.coverage.gaps, len(audit.coverage.gaps))},
    )
    lists = {name: rng.sample(getattr(audit, name), len(getattr(audit, name))) for name in ("findings", "calls")}
    return audit.model_copy(update={"coverage": coverage, **lists})


@pytest.mark.parametrize("name", ["html", "json", "terminal"])
def test_same_audit_same_bytes(name: str, audit: Audit) -> None:
    assert text(name, audit) == text(name, audit) == text(name, shuffled(audit))


@pytest.mark.parametrize(("name", "suffix"), [("html", ".html"), ("json", ".json"), ("terminal", ".txt")])
def test_registered_and_in_pieces(name: str, suffix: str) -> None:
    assert registry[name].suffix == suffix
    assert registry[name].about
    assert len(list(registry[name].text(make_audit(2000)))) > 3


# JSON


def test_json_is_the_audit(audit: Audit) -> None:
    written = text("json", audit)
    read = load(written, "report.json")
    assert read.findings == sorted(audit.findings, key=lambda f: f.order)
    assert set(read.coverage.gaps) == set(audit.coverage.gaps)
    assert sorted(map(repr, read.calls)) == sorted(map(repr, audit.calls))
    assert read.model_dump(exclude={"findings", "rules", "calls", "coverage"}) == audit.model_dump(
        exclude={"findings", "rules", "calls", "coverage"}
    )
    assert {rule.id: rule for rule in read.rules} == {rule.id: rule for rule in audit.rules}
    assert text("json", read) == written


def test_json_fits_the_shipped_schema(audit: Audit) -> None:
    jsonschema.validate(
        json.loads(text("json", audit)), json.loads(SCHEMA.read_text()), format_checker=jsonschema.FormatChecker()
    )


def test_schema_is_current() -> None:
    assert json.loads(SCHEMA.read_text()) == Audit.model_json_schema(), (
        "write it anew: python -c 'import auditor.reports.json as j; print(j.schema(), end=str())'"
        " > reports/report.schema.json"
    )
    assert SCHEMA.read_text() == importlib.import_module("auditor.reports.json").schema()


def test_json_puts_each_finding_on_a_line() -> None:
    audit = make_audit(50)
    lines = text("json", audit).splitlines()
    assert sum('"fingerprint"' in line for line in lines) == 50


# HTML, as a file


def test_html_carries_a_policy_that_lets_only_its_own_script_and_style_run(audit: Audit) -> None:
    page = Page(text("html", audit))
    policies = [a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1
    assert policies[0] is not None
    directives = {name: rest for name, _, rest in (part.strip().partition(" ") for part in policies[0].split(";"))}
    hashes = {
        tag: "'sha256-" + base64.b64encode(hashlib.sha256(page.texts[tag].encode()).digest()).decode() + "'"
        for tag in ("script", "style")
    }
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == hashes["script"]
    assert directives["style-src"] == hashes["style"]
    assert directives["base-uri"] == directives["form-action"] == "'none'"


def test_html_loads_nothing_and_has_no_inline_code(audit: Audit) -> None:
    page = Page(text("html", audit))
    for tag, attributes in page.elements:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base", "form"}
        assert not {"src", "srcset", "style", "action", "background", "poster"} & set(attributes)
        assert not [name for name in attributes if name.startswith("on")]
        assert (attributes.get("href") or "#").startswith("#"), "links stay within the page"
    assert not re.search(r"https?://", text("html", make_audit(50)))
    assert not re.search(r"@import|url\((?!#)", page.texts["style"])
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|fetch\(", page.texts["script"]
    )


def test_html_escapes_what_strangers_write() -> None:
    usual, hostile = Page(text("html", make_audit(120, defects=2))), Page(text("html", AUDITS["hostile"]()))
    scripts = [attributes for tag, attributes in hostile.elements if tag == "script"]
    assert [attributes.get("type") for attributes in scripts] == [None] + ["application/octet-stream"] * 2
    assert {tag for tag, _ in hostile.elements} == {tag for tag, _ in usual.elements}
    assert "alert(1)" not in hostile.texts["script"]
    for character in "\u2028\u202e\x1b":
        assert character not in text("html", AUDITS["hostile"]()), "what hides or reorders text is spelled out"
    assert any(f"prod{NASTY}" in tags.values() for tags in hostile.data("core")["tags"] if tags)


def test_html_holds_every_finding_and_each_text_once() -> None:
    audit = make_audit(600)
    source = text("html", audit)
    page = Page(source)
    core, detail = page.data("core"), page.data("detail")
    findings = sorted(audit.findings, key=lambda f: f.order)
    assert detail["fingerprints"] == [f.fingerprint for f in findings]
    assert [core["rules"][n]["id"] for n in core["rule"]] == [f.rule for f in findings]
    assert [core["statuses"][n] for n in core["status"]] == [f.status for f in findings]
    assert [core["severities"][n] for n in core["severity"]] == [f.severity for f in findings]
    assert [core["arn"][n] for n in core["resource"]] == [f.resource.arn for f in findings]
    assert [core["messages"][n] for n in core["message"]] == [f.message for f in findings]
    assert [detail["evidence"][n] for n in detail["evidenceOf"]] == [f.evidence for f in findings]
    accepted = {n: core["suppressions"][which] for n, which in core["suppressed"]}
    assert accepted == {n: list(f.suppression.model_dump().values()) for n, f in enumerate(findings) if f.suppression}
    assert len(core["rules"]) == len({f.rule for f in findings})
    for rule in audit.rules:
        assert source.count(rule.risk) == 0, "texts of rules stand in the data, once"
    assert len(core["calls"]) == len(audit.calls)


def test_html_leads_with_coverage_that_is_never_rounded_up() -> None:
    audit = make_audit(40)
    audit = audit.model_copy(
        update={"coverage": audit.coverage.model_copy(update={"assessed": 99_999, "not_assessed": 1})}
    )
    source = text("html", audit)
    assert "99.9 %" in source
    assert "100 %" not in source
    assert source.index('id="coverage-title"') < source.index("Open failures") < source.index('id="findings"')
    assert "Nothing could be assessed" in text("html", AUDITS["no coverage"]())
    assert "Nothing was asked" in text("html", AUDITS["empty"]())


def test_html_says_what_a_gap_cost_and_what_would_mend_it() -> None:
    audit = make_audit(400, weights=(0.5, 0.2, 0.3, 0))
    source = text("html", audit)
    section = source[source.index('<section id="gaps"') :].replace("<wbr>", "")
    gap = audit.coverage.gaps[0]
    cost = sum(f"{gap.service}:{gap.operation} in {gap.region}" in f.message for f in audit.findings)
    assert f"{gap.region} <b>{cost}</b>" in section
    for gap in audit.coverage.gaps:
        assert gap.operation in section
        assert gap.iam_action is None or f"<code>{gap.iam_action}</code>" in section


def test_html_shows_defects_and_interruptions() -> None:
    source = text("html", make_audit(60, defects=2, interrupted=True))
    assert source.count("KeyError: &#39;Tags&#39;") == 2
    assert "This scan was interrupted." in source


def test_html_without_scripts_still_tells_the_essentials() -> None:
    source = text("html", make_audit(240))
    without = "".join(re.findall(r"<noscript>(.*?)</noscript>", source, re.DOTALL))
    assert re.search(r"coverage\s+9\d\.\d %", without)
    assert re.search(r"\d+ critical,\s+\d+ high", without)
    assert "s3-bucket-not-public" in without


def test_html_survives_a_finding_whose_rule_is_missing() -> None:
    audit = make_audit(20)
    core = Page(text("html", audit.model_copy(update={"rules": []}))).data("core")
    assert {rule["id"] for rule in core["rules"]} == {f.rule for f in audit.findings}


def test_html_shows_what_changed_and_the_controls_without_scripts() -> None:
    audit = compared(make_audit(300, seed=3), make_audit(300))
    page = Page(text("html", audit))
    made, core = audit.comparison, page.data("core")
    assert made is not None
    assert made.new and made.gone
    classes = [attributes.get("class") or "" for _, attributes in page.elements]
    assert "tile tile-new" in classes
    assert any(each.startswith("control control-not_met") for each in classes)
    assert any(each.startswith("control control-not_covered") for each in classes)
    kinds = [core["changes"][n] for n in core["change"]]
    assert kinds.count("new") == len(made.new)
    assert kinds.count("gone") == len(made.gone)
    past = [n for n, status in enumerate(core["status"]) if core["statuses"][status] == "earlier"]
    assert past == list(range(300, len(kinds))), "what only the baseline has stands behind what the audit has"


def test_html_draws_a_trend_of_every_report_once_oldest_first() -> None:
    audit = make_audit(300)
    week = timedelta(days=7)
    past = Past.of(make_audit(200, seed=2))
    history = [replace(past, finished=past.finished - n * week) for n in (1, 3, 2)]
    source = text("html", audit, history=[*history, Past.of(audit)])
    assert "Trend over 4 reports" in source
    points = re.findall(r'<polyline class="stroke-(\w+)" points="([^"]*)"', source)
    assert [name for name, _ in points] == ["coverage", *Severity]
    for _, line in points:
        across = [float(point.partition(",")[0]) for point in line.split(" ")]
        assert len(across) == 4
        assert across == sorted(across)
        assert all(-0.01 <= float(each) <= 100 for point in line.split(" ") for each in point.split(","))
    assert text("html", audit, history=[*reversed(history)]) == text("html", audit, history=history)
    assert "Trend over" not in text("html", audit)


def test_html_survives_citations_that_are_none() -> None:
    audit = make_audit(20)
    rules = [rule.model_copy(update={"controls": ["", "CIS-5.0", "No-Such 1", "x y z"]}) for rule in audit.rules]
    assert 'id="frameworks"' not in text("html", audit.model_copy(update={"rules": rules}))


def test_history_takes_several_saved_reports(tmp_path: Path) -> None:
    files = []
    for number in range(3):
        audit = make_audit(40 + number)
        later = audit.scan.finished + timedelta(days=number)
        audit = audit.model_copy(update={"scan": audit.scan.model_copy(update={"finished": later})})
        files.append(tmp_path / f"r{number}.json")
        files[-1].write_text(text("json", audit), encoding="utf-8")
    old, older, new = map(str, (files[1], files[0], files[2]))
    asked = cli.spread(["report", new, "--format", "html", "--history", old, older])
    done = CliRunner().invoke(cli.app, asked)
    assert done.exit_code == 0
    assert "Trend over 3 reports" in done.output
    assert cli.spread(["report", "--history", old, new]) == ["report", "--history", old, new], "the last is the report"
    assert cli.spread(["scan", "--history", old, older]).count("--history") == 2
    done = CliRunner().invoke(cli.app, ["report", new, "--format", "html", "--history", str(tmp_path / "none.json")])
    assert done.exit_code == 2
    assert "none.json cannot be read" in done.output


def test_a_large_report_is_small() -> None:
    size = sum(map(len, registry["html"].text(make_audit(20_000, n_resources=4_000, n_rules=200))))
    assert size < 3_000_000  # 15 MB for 100,000


# Terminal


@pytest.mark.parametrize("width", [80, 100, 140])
def test_terminal_fits_its_width(audit: Audit, width: int) -> None:
    lines = text("terminal", audit, width=width, files=["a" * 200]).splitlines()
    assert max(map(len, lines[:-1])) <= width
    assert lines[-1].strip() == "a" * 200, "paths are never broken"
    assert not any(line != line.rstrip() for line in lines)


def test_terminal_tells_coverage_first() -> None:
    said = text("terminal", make_audit(400, defects=1), files=["out/report.html"])
    order = ["Coverage", "not assessed", "Defects", "Open failures", "Worst", "Gaps", "allow", "out/report.html"]
    places = [said.index(word) for word in order]
    assert places == sorted(places)


def test_terminal_counts() -> None:
    audit = make_audit(400)
    said = text("terminal", audit)
    totals = next(line.split() for line in said.splitlines() if line.split()[:1] == ["all"])
    by_severity = [f"{audit.summary.failures[severity]:,}" for severity in Severity]
    assert totals == ["all", *by_severity, f"{len(audit.failures):,}"]


def test_terminal_colour_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "30")
    assert "\x1b" not in text("terminal", make_audit(100))
    assert "\x1b[" in text("terminal", make_audit(100), color=True)


def test_terminal_obeys_nobody_else() -> None:
    said = text("terminal", AUDITS["hostile"]())
    assert "[bold]" in said, "markup is text"
    assert not [c for c in said if c != "\n" and unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"}]


def test_terminal_of_odd_audits() -> None:
    assert "Nothing was judged" in text("terminal", AUDITS["empty"]())
    assert "Nothing that was assessed failed." in text("terminal", AUDITS["only passes"]())
    nothing = text("terminal", AUDITS["no coverage"]())
    assert " 0 %" in nothing
    assert "nothing is known" in nothing
