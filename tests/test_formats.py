"""Reports that other tools take: each held against its official schema, and fed with what strangers write."""

import csv
import io
import json
import os
import re
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from auditor.audit import Audit
from auditor.compare import compared
from auditor.compliance import Control, Verdict, view, views
from auditor.findings import Status, Suppression
from auditor.frameworks import FRAMEWORKS
from auditor.plugins import load_reports
from auditor.report import filled, located
from auditor.settings import Suppress
from auditor.suppress import apply
from tests.factory import NASTY, make_audit
from tests.lab import Lab

KNOWN = load_reports()
OURS = ("asff", "compliance", "csv", "github", "gitlab", "json", "jsonl", "junit", "markdown", "ocsf", "sarif")
HOSTILE = make_audit(120, hostile=NASTY, defects=1)
USUAL = make_audit(200, seed=21)


def with_baseline() -> Audit:
    """An audit with new, reopened, fixed and accepted findings."""
    entry = Suppress(rule="s3-*", reason="known", owner="web", expires=date(2999, 1, 1))
    old = [
        finding.model_copy(update={"status": Status.PASS if number % 3 else Status.FAIL})
        for number, finding in enumerate(USUAL.findings)
        if number % 5
    ]
    return compared(USUAL.model_copy(update={"findings": old}), apply(USUAL, [entry], today=date(2026, 1, 1)))


AUDITS = {
    "usual": USUAL,
    "hostile": HOSTILE,
    "empty": make_audit(0),
    "only unknown": make_audit(30, weights=(0, 0, 1, 0)),
    "organization": make_audit(60, accounts=("111111111111", "222222222222"), interrupted=True),
    "baseline": with_baseline(),
}
EVERY = pytest.mark.parametrize("audit", AUDITS.values(), ids=AUDITS)


def text(name: str, audit: Audit, **options: Any) -> str:
    return "".join(KNOWN[name].text(audit, **options))


def official(name: str) -> Path:
    folder = os.environ.get("AUDITOR_SCHEMAS")
    if not folder:
        pytest.skip(f"set AUDITOR_SCHEMAS to the folder that has {name}: it is not ours to ship")
    return Path(folder) / name


@pytest.mark.parametrize("name", OURS)
def test_the_same_audit_gives_the_same_bytes_in_whatever_order(name: str) -> None:
    turned = USUAL.model_copy(
        update={
            "findings": USUAL.findings[::-1],
            "rules": USUAL.rules[::-1],
            "coverage": USUAL.coverage.model_copy(update={"gaps": USUAL.coverage.gaps[::-1]}),
        }
    )
    assert text(name, USUAL) == text(name, turned)
    assert KNOWN[name].about


@EVERY
def test_sarif_is_valid(audit: Audit) -> None:
    schema = json.loads(official("sarif-2.1.0.json").read_text())
    document = json.loads(text("sarif", audit, source_map={"*": "infra/main.tf:7"}))
    jsonschema.validators.validator_for(schema)(schema).validate(document)


@EVERY
def test_sarif_holds_the_failures(audit: Audit) -> None:
    (run,) = json.loads(text("sarif", audit))["runs"]
    failures = [f for f in audit.findings if f.status is Status.FAIL]
    assert len(run["results"]) == len(failures)
    prints = {result["partialFingerprints"]["auditorFingerprint/v1"]: result for result in run["results"]}
    for finding in failures:
        result = prints[finding.fingerprint]
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == finding.rule == result["ruleId"]
        assert bool(result.get("suppressions")) is (finding.suppression is not None)
        if audit.comparison is not None:
            new = finding.fingerprint in (*audit.comparison.new, *audit.comparison.reopened)
            assert result["baselineState"] == ("new" if new else "unchanged")
    notes = run["invocations"][0]["toolExecutionNotifications"]
    assert bool(notes) is bool(audit.coverage.gaps or audit.summary.defects)
    assert run["invocations"][0]["executionSuccessful"] is not (audit.scan.interrupted or bool(audit.summary.defects))


def test_sarif_keeps_githubs_limits_and_says_what_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{KNOWN['sarif'].render.__module__}.MOST_RESULTS", 5)
    (run,) = json.loads(text("sarif", USUAL))["runs"]
    failures = sum(f.status is Status.FAIL for f in USUAL.findings)
    assert len(run["results"]) == 5
    said = [note["message"]["text"] for note in run["invocations"][0]["toolExecutionNotifications"]]
    assert f"{failures - 5:,} results more did not fit in this file" in said
    assert all(len(rule["properties"]["tags"]) <= 20 for rule in run["tool"]["driver"]["rules"])


def test_places_come_from_the_source_map() -> None:
    about = USUAL.failures[0].resource
    places = {"arn:nothing": "a.tf:1", about.arn: "infra/web.tf:12", "*": "main.tf"}
    assert located(about, places) == ("infra/web.tf", 12)
    assert located(USUAL.failures[-1].resource, {"*": "main.tf"}) == ("main.tf", 1)
    assert located(about, {}) is None
    (run,) = json.loads(text("sarif", USUAL, source_map=places))["runs"]
    uris = {result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in run["results"]}
    assert uris == {"infra/web.tf", "main.tf"}
    assert "file=infra/web.tf,line=12" in text("github", USUAL, source_map=places)
    assert json.loads(text("gitlab", USUAL, source_map=places))[0]["location"]["path"] in uris


@EVERY
def test_junit_is_valid(audit: Audit) -> None:
    schema = etree.XMLSchema(etree.parse(official("junit-10.xsd")))
    schema.assertValid(etree.fromstring(text("junit", audit).encode()))


@EVERY
def test_junit_counts_every_finding_once(audit: Audit) -> None:
    root = etree.fromstring(text("junit", audit).encode())
    assert len(root.findall(".//testcase")) == len(audit.findings) == int(root.get("tests"))
    assert len(root.findall(".//failure")) == len(audit.failures) == int(root.get("failures"))
    unknown = sum(f.status is Status.UNKNOWN for f in audit.findings)
    assert len(root.findall(".//error")) == unknown == int(root.get("errors"))


@EVERY
def test_csv_has_a_row_for_each_finding_and_no_formula(audit: Audit) -> None:
    rows = list(csv.DictReader(io.StringIO(text("csv", audit), newline="")))
    assert sorted(row["fingerprint"] for row in rows) == sorted(f.fingerprint for f in audit.findings)
    assert not [cell for row in rows for cell in row.values() if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]


@given(st.text())
def test_no_cell_starts_a_formula(cell: str) -> None:
    import importlib

    disarmed = importlib.import_module(KNOWN["csv"].render.__module__).disarmed
    clean, made = cell.replace("\0", ""), disarmed(cell)
    assert made in (clean, f"'{clean}")
    assert made.lstrip()[:1] not in ("=", "+", "-", "@")


@EVERY
def test_markdown_fits_a_comment_and_obeys_nobody(audit: Audit) -> None:
    made = text("markdown", audit)
    assert len(made) < 65_536
    assert not re.search(r"(?<!\\)<", made)
    assert not re.search(r"@(?!\u200b)", made)
    for line in made.splitlines():
        if line.startswith("| ") and "severity" not in line and audit.findings:
            assert len(re.findall(r"(?<!\\)\|", line)) in (5, 9), line


def test_markdown_of_a_large_audit_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{KNOWN['markdown'].render.__module__}.LONGEST", 900)
    made = text("markdown", USUAL)
    assert len(made) < 1_100 and "did not fit" in made


def test_markdown_tells_what_changed() -> None:
    made = text("markdown", AUDITS["baseline"])
    changed = AUDITS["baseline"].comparison
    assert changed is not None
    assert f"{len(changed.new):,} new, {len(changed.reopened):,} reopened, {len(changed.fixed):,} fixed" in made


@EVERY
def test_annotations_are_one_command_a_line_and_few(audit: Audit) -> None:
    lines = text("github", audit).split("\n")[:-1]
    assert all(re.match(r"::(error|warning|notice) [^:]*title=[^:]*::", line) for line in lines), lines
    for level in ("error", "warning", "notice"):
        assert sum(line.startswith(f"::{level} ") for line in lines) <= 10
    shown = sum(not line.startswith(("::notice title=auditor::", "::warning title=auditor::")) for line in lines)
    expected = audit.failures
    if (changed := audit.comparison) is not None:
        expected = [f for f in expected if f.fingerprint in (*changed.new, *changed.reopened)]
    assert shown == len(expected) or any("more findings" in line for line in lines)


@EVERY
def test_gitlab_takes_it(audit: Audit) -> None:
    """https://docs.gitlab.com/ci/testing/code_quality/: the members that it asks for."""
    entries = json.loads(text("gitlab", audit))
    assert len({entry["fingerprint"] for entry in entries}) == len(entries) == len(audit.failures)
    for entry in entries:
        assert entry["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert entry["description"] and entry["check_name"]
        assert entry["location"]["path"] and entry["location"]["lines"]["begin"] >= 1


@EVERY
def test_ocsf_is_valid(audit: Audit) -> None:
    from py_ocsf_models.events.findings.compliance_finding import ComplianceFinding

    events = json.loads(text("ocsf", audit))
    assert len(events) == len(audit.findings)
    for event in events:
        read = ComplianceFinding.model_validate(event)
        assert (read.class_uid, read.type_uid) == (2003, 200301)


@EVERY
def test_asff_is_what_security_hub_takes(audit: Audit) -> None:
    model = ServiceModel(Loader().load_service_model("securityhub", "service-2"))
    shape = model.operation_model("BatchImportFindings").input_shape
    document = json.loads(text("asff", audit))
    report = ParamValidator().validate(document, shape)
    if audit.findings:
        assert not report.has_errors(), report.generate_report()[:500]
    for finding in document["Findings"]:
        assert len(finding["Title"]) <= 256 and len(finding["Description"]) <= 1024
        assert len(finding["Remediation"]["Recommendation"]["Text"]) <= 512


def test_the_emulated_security_hub_takes_it(lab: Lab) -> None:
    hub = lab.client("securityhub")
    hub.enable_security_hub()
    findings = json.loads(text("asff", make_audit(40, regions=("us-east-1",))))["Findings"]
    answer = hub.batch_import_findings(Findings=findings)
    assert answer["SuccessCount"] == len(findings) == 40 and answer["FailedCount"] == 0


@EVERY
def test_json_lines(audit: Audit) -> None:
    lines = [json.loads(line) for line in text("jsonl", audit).splitlines()]
    assert [line["fingerprint"] for line in lines] == [
        f.fingerprint for f in sorted(audit.findings, key=lambda finding: finding.order)
    ]
    assert all(line["title"] and line["category"] for line in lines)


CIS = FRAMEWORKS["CIS-5.0"]


def control(*statuses: Status, accepted: bool = False) -> Control:
    """What becomes of CIS 1.10 where one rule cites it, with findings like these."""
    rule = USUAL.rules[0].model_copy(update={"controls": ["CIS-5.0 1.10"]})
    suppression = Suppression(reason="a", owner="b", expires="2999-01-01") if accepted else None
    findings = [
        USUAL.findings[number].model_copy(
            update={"rule": rule.id, "status": status, "suppression": suppression, "fingerprint": f"{number:032x}"}
        )
        for number, status in enumerate(statuses)
    ]
    made = view(USUAL.model_copy(update={"rules": [rule], "findings": findings}), CIS)
    assert {each.number for each in made.controls} == CIS.catalogue
    assert [each.number for each in made.controls if each.verdict is not Verdict.NOT_COVERED] == ["1.10"]
    return next(each for each in made.controls if each.number == "1.10")


@pytest.mark.parametrize(
    ("statuses", "verdict"),
    [
        ((Status.PASS, Status.NOT_APPLICABLE), Verdict.MET),
        ((Status.PASS, Status.UNKNOWN), Verdict.UNKNOWN),
        ((Status.FAIL, Status.UNKNOWN, Status.PASS), Verdict.NOT_MET),
        ((Status.NOT_APPLICABLE,), Verdict.NOT_APPLICABLE),
        ((), Verdict.NOT_APPLICABLE),
    ],
)
def test_a_control_is_met_only_where_nothing_failed_and_nothing_is_unknown(
    statuses: tuple[Status, ...], verdict: Verdict
) -> None:
    assert control(*statuses).verdict is verdict


def test_what_is_accepted_does_not_break_a_control_and_is_shown() -> None:
    made = control(Status.FAIL, Status.PASS, accepted=True)
    assert (made.verdict, made.accepted) == (Verdict.MET, 1)


def test_controls_without_a_rule_are_not_covered_and_count() -> None:
    (made,) = [each for each in views(USUAL) if each.framework.key == "CIS-5.0"]
    assert made.count(Verdict.NOT_COVERED) > 0 and made.answered < 100
    shown = text("compliance", USUAL, frameworks=["CIS-5.0"])
    assert shown.count("not covered by a rule |") == made.count(Verdict.NOT_COVERED) and "NIST" not in shown
    numbers = [each.number for each in made.controls]
    assert numbers.index("1.9") < numbers.index("1.10") < numbers.index("2.1.1")


def test_a_fix_is_filled_in_once() -> None:
    about = USUAL.findings[0].resource.model_copy(update={"name": "{id}", "id": "i-1"})
    assert filled("run --name {name} --id {id} ${{id} {other}", about) == "run --name {id} --id i-1 ${{id} {other}"
