"""The HTML, JSON and terminal reports: found by name, and fed with what strangers write."""

import base64
import gzip
import hashlib
import importlib
import json
import pkgutil
import random
import re
import shutil
import unicodedata
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from auditor.audit import Audit, RuleText, load
from auditor.findings import Coverage, Finding, ResourceRef, Severity, Status, Suppression
from auditor.report import registry
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
    section = source[source.index('<section id="gaps"') :]
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


# HTML, in a browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --force-prefers-reduced-motion --window-size=1360,900"
)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    if CHROMIUM is None:
        pytest.skip("no chromium, chromium-browser or google-chrome is installed")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS.split():
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    yield driver
    driver.quit()


class Reader:
    """Somebody with the report open."""

    def __init__(self, driver: webdriver.Chrome, folder: Path) -> None:
        self.driver, self.folder = driver, folder

    def open(self, audit: Audit, address: str = "") -> None:
        path = self.folder / "report.html"
        path.write_text(text("html", audit), encoding="utf-8", newline="")
        for log in ("browser", "performance"):
            self.driver.get_log(log)  # type: ignore[no-untyped-call]
        self.driver.get("about:blank")
        self.driver.get(f"{path.as_uri()}{address}")
        self.until(lambda: self.ask("document.documentElement.dataset.ready"))

    def ask(self, expression: str, *arguments: Any) -> Any:
        return self.driver.execute_script(f"return {expression}", *arguments)

    def until(self, met: Callable[[], Any]) -> Any:
        return WebDriverWait(self.driver, 10, 0.05).until(lambda _: met())

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def press(self, *keys: str) -> None:
        self.driver.switch_to.active_element.send_keys(*keys)

    @property
    def counted(self) -> int:
        return int(self.one("#counted").text.split()[0].replace(",", ""))

    @property
    def requests(self) -> list[str]:
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]  # type: ignore[no-untyped-call]
        sent = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
        return [url for url in sent if not url.startswith(("about:", "file:", "chrome:"))]

    @property
    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]


@pytest.fixture
def reader(chromium: webdriver.Chrome, tmp_path: Path) -> Reader:
    return Reader(chromium, tmp_path)


def one_failure(*, name: str, fix: str) -> Audit:
    """An audit with one failure, of a resource with this name, whose rule has this fix."""
    audit = make_audit(1)
    rule = RuleText(
        id="s3-bucket-good", title="Buckets are good.", severity=Severity.HIGH, category=audit.rules[0].category,
        resource_types=["AWS::S3::Bucket"], risk="Bad buckets.", fix=fix, notes="", controls=[],
    )  # fmt: skip
    resource = ResourceRef(
        arn="arn:aws:s3:::b", id="b", name=name, type="AWS::S3::Bucket", account="1", region="us-east-1", tags={}
    )
    finding = Finding(
        rule=rule.id, status=Status.FAIL, severity=Severity.HIGH, resource=resource, message="bad", fingerprint="f" * 32
    )
    coverage = Coverage(assessed=1, not_assessed=0, gaps=[])
    return audit.model_copy(update={"rules": [rule], "findings": [finding], "coverage": coverage})


@pytest.mark.browser
def test_browser_filters_and_keeps_them_in_the_address(reader: Reader) -> None:
    audit = make_audit(900)
    reader.open(audit)
    assert reader.counted == len(audit.failures)
    reader.one("#clear").click()
    assert reader.counted == 900

    def choose(facet: str, value: str) -> None:
        for box in reader.all(".facet"):
            if box.find_element(By.TAG_NAME, "summary").text == facet:
                if not box.get_attribute("open"):
                    box.find_element(By.TAG_NAME, "summary").click()
                for label in box.find_elements(By.TAG_NAME, "label"):
                    if label.find_element(By.CSS_SELECTOR, "span").text == value:
                        shown = int(label.find_element(By.CSS_SELECTOR, ".number").text.replace(",", ""))
                        label.click()
                        assert reader.counted == shown, "the count beside a value says what choosing it shows"
                        return
        raise AssertionError((facet, value))

    def matching(**wanted: str) -> int:
        category = {rule.id: rule.category for rule in audit.rules}
        return sum(
            {
                "status": f.status,
                "severity": f.severity,
                "service": f.rule.partition("-")[0],
                "region": f.resource.region,
                "category": category[f.rule],
            }.items()
            >= wanted.items()
            for f in audit.findings
        )

    choose("Status", "Passed")
    choose("Service", "ec2")
    assert reader.counted == matching(status="pass", service="ec2")
    choose("Region", "us-east-1")
    choose("Category", "Security")
    assert reader.counted == matching(status="pass", service="ec2", region="us-east-1", category="security")
    reader.one("#search").send_keys("team=search imdsv2")
    seen = [
        f
        for f in audit.findings
        if f.status is Status.PASS
        and f.resource.region == "us-east-1"
        and f.rule == "ec2-instance-imdsv2-required"
        and (f.resource.tags or {}).get("team") == "search"
    ]
    reader.until(lambda: reader.counted == len(seen))
    reader.until(lambda: "imdsv2" in reader.ask("location.hash"))

    address = reader.ask("location.hash")
    reader.open(audit, address)
    assert reader.counted == len(seen), "the address opens the same view"
    reader.one(".chip").click()
    assert reader.counted >= len(seen)
    reader.one("#clear").click()
    assert reader.counted == 900
    reader.one("input[value=resource] + span").click()
    assert "resource" in reader.one("#counted").text
    assert reader.requests == []
    assert reader.complaints == []


@pytest.mark.browser
def test_browser_opens_a_finding_by_keyboard_alone(reader: Reader) -> None:
    audit = make_audit(300)
    reader.open(audit, "#by=rule&status=fail&rule=ec2-instance-imdsv2-required")
    rule = audit.rule("ec2-instance-imdsv2-required")
    reader.press("/")
    reader.press(Keys.ARROW_DOWN)
    assert reader.driver.switch_to.active_element.get_attribute("aria-level") == "1"
    reader.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    row = reader.driver.switch_to.active_element
    name = row.find_element(By.CSS_SELECTOR, ".mono").text
    finding = next(
        f for f in audit.findings if f.rule == rule.id and f.resource.name == name and f.status is Status.FAIL
    )
    row.send_keys(Keys.ENTER)
    drawer = reader.until(lambda: reader.one("#drawer[open]"))
    assert rule.title in drawer.text
    assert rule.risk in drawer.text
    assert "http_tokens" in drawer.text
    assert f"--region {finding.resource.region} --instance-id {finding.resource.id} --http-tokens" in drawer.text
    assert finding.fingerprint in drawer.text
    reader.until(lambda: finding.fingerprint in reader.ask("location.hash"))
    address = reader.ask("location.hash")
    reader.press(Keys.ESCAPE)
    assert not reader.all("#drawer[open]")
    assert reader.driver.switch_to.active_element.find_element(By.CSS_SELECTOR, ".mono").text == name
    reader.open(audit, address)
    reader.until(lambda: finding.fingerprint in reader.one("#drawer").text)
    assert reader.requests == []
    assert reader.complaints == []


@pytest.mark.browser
@pytest.mark.parametrize(
    ("name", "fix", "shown"),
    [
        ("plain-name", "aws s3 rb s3://{name}", "aws s3 rb s3://plain-name"),
        ("two words", "aws x --name {name} --yes", "aws x --name 'two words' --yes"),
        ("a;rm -rf ~", "aws x --name {name}", "aws x --name 'a;rm -rf ~'"),
        ("it's $(id)", "aws x --name {name}", r"aws x --name 'it'\''s $(id)'"),
        ("a;id", 'aws x --json \'{"n":"{name}"}\'', 'aws x --json \'{"n":"{name}"}\''),
        ("$(id)", 'aws x --name "{name}"', 'aws x --name "{name}"'),
        ("a,Values=*", "aws x --filters Name=n,Values={name}", "aws x --filters Name=n,Values={name}"),
        ("--profile", "aws x --name {name}", "aws x --name {name}"),
        ("file:///etc/passwd", "aws x --name {name}", "aws x --name {name}"),
        ("a\nid", "aws x --name {name}", "aws x --name {name}"),
        ("{id}", "aws x --name {name}", "aws x --name '{id}'"),
        ("n", "Talk to {account} about {arn}.", "Talk to 1 about arn:aws:s3:::b."),
    ],
)
def test_browser_fills_a_fix_in_without_arming_it(reader: Reader, name: str, fix: str, shown: str) -> None:
    reader.open(one_failure(name=name, fix=fix), f"#finding={'f' * 32}")
    reader.until(lambda: reader.all("#drawer[open] pre"))
    assert reader.one("#drawer pre").text == shown
    assert ("Not filled in" in reader.one("#drawer").text) == ("{name}" in shown)


@pytest.mark.browser
def test_browser_copies_the_fix(reader: Reader) -> None:
    reader.open(one_failure(name="n", fix="Look first:\naws x --name {name}\naws y"), f"#finding={'f' * 32}")
    button = reader.until(lambda: reader.one("#drawer[open] .copy"))
    reader.ask("void (window.copied = []), navigator.clipboard.writeText = async (text) => { copied.push(text) }, null")
    button.click()
    reader.until(lambda: button.text == "Copied")
    assert reader.ask("copied") == ["aws x --name n\naws y"]


@pytest.mark.browser
def test_browser_reads_hostile_names_as_text(reader: Reader) -> None:
    audit = AUDITS["hostile"]()
    worst = min(audit.failures, key=lambda f: f.order)
    reader.open(audit, f"#by=resource&finding={worst.fingerprint}")
    reader.until(lambda: reader.all("#drawer[open]"))
    drawer = reader.one("#drawer").text
    assert "</script><script>alert(1)</script><!--<b onclick='x'>" in drawer
    assert "\\u202e" in drawer
    assert reader.ask("document.querySelectorAll('#drawer b, #drawer script').length") == 0
    assert reader.requests == []
    assert reader.complaints == []


@pytest.mark.browser
def test_browser_draws_only_what_is_seen(reader: Reader) -> None:
    reader.open(make_audit(20_000, n_resources=4_000, n_rules=200), "#by=resource")
    assert reader.counted == 20_000
    assert len(reader.all("#list .row")) < 60
    reader.ask("document.getElementById('list').scrollTop = 1e9")
    reader.until(
        lambda: reader.ask(
            "[...document.querySelectorAll('#list .row')].some((row) => row.ariaPosInSet === row.ariaSetSize)"
        )
    )
    assert len(reader.all("#list .row")) < 60
    slowest = reader.ask("Math.max(...performance.getEntriesByName('update', 'measure').map((m) => m.duration))")
    assert slowest < 500, "a filter takes some 5 ms; this allows for a busy machine"


@pytest.mark.browser
def test_browser_opens_every_kind_of_audit(reader: Reader, audit: Audit) -> None:
    reader.open(audit)
    assert reader.requests == []
    assert reader.complaints == []
    for width in (1360, 390):
        reader.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False},
        )
        assert reader.ask("document.documentElement.scrollWidth <= innerWidth"), "no sideways scrolling"
    reader.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.browser
def test_browser_prints_what_the_filters_show(reader: Reader) -> None:
    audit = make_audit(200)
    reader.open(audit)
    reader.ask("void window.dispatchEvent(new Event('beforeprint'))")
    printed = reader.ask("document.getElementById('printed').textContent")
    assert all(f.resource.name in printed for f in audit.failures)
    reader.ask("void window.dispatchEvent(new Event('afterprint'))")
    assert reader.ask("document.getElementById('printed').textContent") == ""


@pytest.mark.browser
def test_browser_marks_suppressed_findings(reader: Reader) -> None:
    audit = one_failure(name="n", fix="aws x")
    accepted = Suppression(reason="A test bucket", owner="data-team", expires="2031-01-01")
    finding = audit.findings[0].model_copy(update={"suppression": accepted})
    reader.open(audit.model_copy(update={"findings": [finding]}), f"#by=rule&finding={'f' * 32}")
    reader.until(lambda: reader.all("#drawer[open]"))
    drawer = reader.one("#drawer").text
    assert all(word in drawer for word in ("Accepted", "data-team", "2031-01-01", "A test bucket"))
