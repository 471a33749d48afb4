"""The HTML report in a real browser: headless Chromium, from disk."""

import csv
import io
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from auditor.audit import Audit, RuleText
from auditor.compare import compared
from auditor.compliance import views
from auditor.findings import Coverage, Finding, Gap, GapKind, ResourceRef, Severity, Status, Suppression
from tests.factory import make_audit
from tests.northwind import Scanned
from tests.test_reports import AUDITS, text

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


@pytest.mark.browser
@pytest.mark.parametrize("name", AUDITS)
def test_browser_opens_every_kind_of_audit(reader: Reader, name: str) -> None:
    reader.open(AUDITS[name]())
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


def since(audit: Audit) -> Audit:
    """The audit against an earlier one, in which every tenth finding ended in another way."""
    other = {Status.FAIL: Status.PASS, Status.PASS: Status.FAIL, Status.UNKNOWN: Status.FAIL}
    old = []
    for number, finding in enumerate(audit.findings):
        if number % 10 == 0:
            finding = finding.model_copy(update={"status": other.get(finding.status, finding.status)})
        if number % 10 != 5:
            old.append(finding.model_copy(update={"suppression": None}))
        if number % 10 == 7 and finding.status is Status.FAIL:
            arn = f"{finding.resource.arn}-gone"
            about = finding.resource.model_copy(update={"arn": arn, "name": "long-gone"})
            old.append(finding.model_copy(update={"resource": about, "fingerprint": f"{number:032x}"}))
    return compared(audit.model_copy(update={"findings": old}), audit)


@pytest.mark.browser
def test_browser_filters_by_what_changed(reader: Reader) -> None:
    audit = since(make_audit(900))
    made = audit.comparison
    assert made is not None
    kinds: dict[str, Sequence[object]] = {
        "new": made.new,
        "reopened": made.reopened,
        "fixed": made.fixed,
        "gone": made.gone,
    }
    reader.open(audit)
    tiles = {tile.text.split("\n")[1]: int(tile.text.split("\n")[0]) for tile in reader.all(".tile")}
    for kind, findings in kinds.items():
        assert findings
        assert tiles[kind.title()] == len(findings)
        reader.open(audit, f"#by=rule&change={kind}")
        assert reader.counted == len(findings)
    reader.open(audit, f"#by=rule&change=gone&finding={made.gone[0].fingerprint}")
    drawer = reader.until(lambda: reader.one("#drawer[open]"))
    assert "the resource is no more" in drawer.text
    assert "long-gone" in drawer.text
    assert reader.complaints == []


@pytest.mark.browser
def test_browser_leads_from_a_control_to_its_findings(reader: Reader) -> None:
    audit = make_audit(600)
    (first, *_) = views(audit)
    control = next(each for each in first.controls if each.failed)
    reader.open(audit)
    reader.ask("void document.querySelectorAll('.framework').forEach((each) => { each.open = true })")
    name = f"{first.framework.key} {control.number}"
    link = next(each for each in reader.all(".control a") if name in unquote_plus(each.get_attribute("href") or ""))
    assert "not met" in (link.get_attribute("title") or "")
    reader.ask("void arguments[0].click()", link)
    reader.until(lambda: reader.counted == control.failed)
    assert name in [chip.text for chip in reader.all(".chip")]


@pytest.mark.browser
def test_browser_copies_a_finding_as_markdown_in_which_nothing_acts(reader: Reader) -> None:
    reader.open(one_failure(name="<b>@all</b> `x` [a](b)", fix="```\naws x --name {name}"), f"#finding={'f' * 32}")
    button = reader.until(lambda: reader.one("#drawer[open] .copy-markdown"))
    reader.ask("void (window.copied = []), navigator.clipboard.writeText = async (text) => { copied.push(text) }, null")
    button.click()
    reader.until(lambda: button.text == "Copied")
    (copied,) = reader.ask("copied")
    assert "### Buckets are good." in copied
    assert "f" * 32 in copied
    assert "\\<b\\>@\u200ball\\</b\\> \\`x\\` \\[a\\]\\(b\\)" in copied
    assert "````\n```\naws x --name" in copied, "the fence is longer than what is within"


@pytest.mark.browser
def test_browser_writes_the_view_as_a_sheet_in_which_nothing_acts(reader: Reader) -> None:
    reader.open(one_failure(name="=cmd|' /C calc'!A0", fix='say "x", twice'))
    reader.ask("void (URL.createObjectURL = (blob) => { window.sheet = blob.text(); return '#sheet' })")
    reader.one("#sheet").click()
    reader.until(lambda: reader.ask("window.sheet !== undefined"))
    rows = list(csv.DictReader(io.StringIO(reader.ask("window.sheet"))))
    assert [row["resource_name"] for row in rows] == ["'=cmd|' /C calc'!A0"]
    assert rows[0]["fingerprint"] == "f" * 32

    audit = make_audit(400)
    reader.open(audit, "#by=service&status=fail&severity=high")
    reader.ask("void (URL.createObjectURL = (blob) => { window.sheet = blob.text(); return '#sheet' })")
    reader.one("#sheet").click()
    reader.until(lambda: reader.ask("window.sheet !== undefined"))
    rows = list(csv.DictReader(io.StringIO(reader.ask("window.sheet"))))
    wanted = [f for f in audit.findings if f.status is Status.FAIL and f.severity is Severity.HIGH]
    assert sorted(row["fingerprint"] for row in rows) == sorted(f.fingerprint for f in wanted)


@pytest.mark.browser
def test_browser_tells_what_was_left_out_from_what_is_broken(reader: Reader) -> None:
    audit = one_failure(name="n", fix="aws x")
    about = audit.findings[0].resource.model_copy(update={"arn": "arn:aws:s3:::*", "id": "*", "name": "*"})
    why = "AWS bills CloudWatch metrics: scan with --metrics to have them read"
    gap = Gap(
        kind=GapKind.NOT_SELECTED, account="1", region="global", service="cloudwatch", operation="GetMetricData",
        resource_type="AWS::S3::Bucket", field="metric", code="MetricsNotAsked", message=why,
    )  # fmt: skip
    finding = audit.findings[0].model_copy(
        update={
            "status": Status.UNKNOWN,
            "resource": about,
            "message": gap.reason,
            "evidence": {"error_code": gap.code},
        }
    )
    coverage = Coverage(assessed=1, not_assessed=1, gaps=[gap])
    reader.open(audit.model_copy(update={"findings": [finding], "coverage": coverage}), "#by=rule&status=unknown")
    assert "Everything that was asked of AWS was answered" in reader.one("#gaps").text
    assert why in reader.one("#gaps").text
    assert reader.all("#gaps table") == []
    reader.until(lambda: "Not asked" in reader.one("#list").text)
    assert "Every S3 Bucket" in reader.one("#list").text


@pytest.mark.browser
def test_browser_marks_what_is_accepted_for_a_few_more_days(reader: Reader) -> None:
    audit = make_audit(200, suppressed=0.5)
    soon = (audit.scan.finished + timedelta(days=14)).date().isoformat()
    findings = [
        finding.model_copy(update={"suppression": finding.suppression.model_copy(update={"expires": soon})})
        if finding.suppression is not None and number % 2
        else finding
        for number, finding in enumerate(audit.findings)
    ]
    reader.open(audit.model_copy(update={"findings": findings}), "#by=resource&suppression=expiring")
    ending = [f for f in findings if f.suppression is not None and f.suppression.expires == soon]
    assert 0 < reader.counted == len(ending)
    reader.one("#list .row").click()
    mark = reader.until(lambda: reader.one("#list .accepted.soon"))
    assert soon in (mark.get_attribute("textContent") or "")


@pytest.mark.browser
def test_browser_marks_suppressed_findings(reader: Reader) -> None:
    audit = one_failure(name="n", fix="aws x")
    accepted = Suppression(reason="A test bucket", owner="data-team", expires="2031-01-01")
    finding = audit.findings[0].model_copy(update={"suppression": accepted})
    reader.open(audit.model_copy(update={"findings": [finding]}), f"#by=rule&finding={'f' * 32}")
    reader.until(lambda: reader.all("#drawer[open]"))
    drawer = reader.one("#drawer").text
    assert all(word in drawer for word in ("Accepted", "data-team", "2031-01-01", "A test bucket"))


@pytest.mark.browser
def test_browser_opens_the_report_of_the_demo(reader: Reader, company: Scanned) -> None:
    reader.open(company.audit)
    failed = [finding for finding in company.audit.findings if finding.status is Status.FAIL]
    assert reader.counted == len(failed), "the first view is what failed"
    reader.one("#search").send_keys("launch-wizard-1")
    reader.until(lambda: "launch-wizard-1" in reader.ask("location.hash"))  # the last letter has arrived
    assert 0 < reader.counted < len(failed)
    reader.press(Keys.ARROW_DOWN)
    reader.press(Keys.ENTER)  # the group opens, and keeps the keyboard
    reader.until(lambda: reader.ask("document.activeElement.ariaExpanded") == "true")
    reader.press(Keys.ARROW_DOWN)  # about the rule
    reader.press(Keys.ARROW_DOWN)
    reader.press(Keys.ENTER)
    drawer = reader.until(lambda: reader.one("#drawer[open]"))
    assert "launch-wizard-1" in drawer.text
    gaps = {f"{gap.service}:{gap.operation}" for gap in company.audit.coverage.gaps}
    assert gaps and all(gap in reader.ask("document.querySelector('#gaps').textContent") for gap in gaps)
    assert reader.requests == []
    assert reader.complaints == []


@pytest.mark.browser
def test_browser_goes_to_the_section_of_the_address(reader: Reader) -> None:
    reader.open(make_audit(300), "#gaps")
    assert abs(reader.ask("document.querySelector('#gaps').getBoundingClientRect().top")) < 120
