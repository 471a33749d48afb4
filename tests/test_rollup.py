"""The report of many accounts: sums that hold whatever the order, and renderings that name what is missing first."""

import random
import re
from datetime import UTC, datetime

import pytest

from auditor.audit import Audit
from auditor.compare import compared
from auditor.findings import Severity, Status
from auditor.plugins import load_reports
from auditor.rollup import LISTED, BadDigest, Expected, Reducer, Rollup, digest, read_digest
from auditor.rollup_reports import as_html, as_json, as_markdown, as_text
from tests.factory import NASTY, make_audit

WHEN = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
ACCOUNTS = [f"{number:012}" for number in range(1, 6)]
EXPECTED = [Expected(account=account, name=f"team {account[-1]}") for account in ACCOUNTS]


def audits() -> list[Audit]:
    made = [make_audit(150 + 40 * n, accounts=[account], seed=n) for n, account in enumerate(ACCOUNTS[:4])]
    return [made[0], *(compared(make_audit(100, accounts=each.scan.accounts, seed=99), each) for each in made[1:])]


def reduced(given: list[Audit]) -> Rollup:
    reducer = Reducer(EXPECTED)
    for audit in given:
        reducer.add(digest(audit), f"account={audit.scan.accounts[0]}.json.gz")
    reducer.missing(EXPECTED[4], "AccessDenied", "not authorized to perform: sts:AssumeRole")
    return reducer.result(run="r", started=WHEN, finished=WHEN)


def test_it_is_the_sum_of_its_audits_whatever_their_order() -> None:
    given = audits()
    made = reduced(given)
    assert made == reduced(random.Random(3).sample(given, len(given)))
    assert sum(made.failures.values()) == sum(len(audit.failures) for audit in given)
    assert sum(made.findings.values()) == sum(len(audit.findings) for audit in given)
    assert made.not_assessed == sum(audit.summary.findings[Status.UNKNOWN] for audit in given)
    assert sum(row.failures for row in made.rules) == sum(made.failures.values())
    for row in made.rules:
        assert row.accounts == sum(any(f.rule == row.rule for f in audit.failures) for audit in given)
    assert made.changes is not None and made.compared == 3 and len(made.changes.worst_new) <= LISTED
    news = [len(a.comparison.new) + len(a.comparison.reopened) for a in given if a.comparison is not None]
    assert made.changes.new == sum(news)
    assert [row.order for row in made.accounts] == sorted(row.order for row in made.accounts)
    assert Rollup.model_validate_json("".join(as_json(made))) == made


def test_what_is_global_counts_once_where_an_account_is_read_in_groups() -> None:
    account = ACCOUNTS[0]
    whole = make_audit(400, accounts=[account], regions=("us-east-1", "eu-west-1"), suppressed=0.1)

    def part(*regions: str) -> Audit:
        findings = [f for f in whole.findings if f.resource.region in (*regions, "global")]
        counted = {status: sum(f.status is status for f in findings) for status in Status}
        failed = [f for f in findings if f.status is Status.FAIL and f.suppression is None]
        summary = whole.summary.model_copy(
            update={
                "findings": counted,
                "failures": {each: sum(f.severity is each for f in failed) for each in Severity},
                "suppressed": sum(f.suppression is not None for f in findings),
                "resources": len({f.resource.arn for f in findings if f.resource.id != "*"}),
            }
        )
        unknown = counted[Status.UNKNOWN]
        coverage = whole.coverage.model_copy(
            update={"assessed": len(findings) - unknown, "not_assessed": unknown, "gaps": []}
        )
        return whole.model_copy(update={"findings": findings, "summary": summary, "coverage": coverage})

    groups = [Expected(account=account, regions=["us-east-1"]), Expected(account=account, regions=["eu-west-1"])]
    for order in (("us-east-1", "eu-west-1"), ("eu-west-1", "us-east-1")):
        reducer = Reducer(groups)
        for region in order:
            reducer.add(digest(part(region)), "report")
        made = reducer.result(run="r", started=WHEN, finished=WHEN)
        assert (made.expected, made.reached) == (1, 1)
        assert made.findings == whole.summary.findings and made.failures == whole.summary.failures
        assert made.assessed + made.not_assessed == len(whole.findings) and made.suppressed == whole.summary.suppressed
        assert all(row.accounts == 1 for row in made.rules)
        assert sum(row.failures for row in made.rules) == len(whole.failures)
    reducer = Reducer(groups)
    reducer.add(digest(part("us-east-1")), "report")
    reducer.missing(groups[1], "States.Timeout", "")
    made = reducer.result(run="r", started=WHEN, finished=WHEN)
    assert made.reached == 1 and not made.complete
    assert "States.Timeout in eu-west-1" in "".join(as_text(made))


def test_what_was_not_reached_comes_first_and_nothing_that_a_stranger_wrote_acts() -> None:
    reducer = Reducer([Expected(account=account, name=f"n{NASTY}") for account in ACCOUNTS])
    audit = make_audit(120, accounts=[ACCOUNTS[0]], hostile=NASTY)
    reducer.add(digest(compared(make_audit(50, accounts=[ACCOUNTS[0]], seed=9), audit)), "report")
    reducer.undelivered(Expected(account=ACCOUNTS[0]), "DeliveryFailed", NASTY)
    for account in ACCOUNTS[1:]:
        reducer.missing(Expected(account=account, name=NASTY), "Defect", NASTY)
    made = reducer.result(run="r", started=WHEN, finished=WHEN)
    rule = made.rules[0].rule
    for render in (as_html, as_markdown, as_text):
        text = "".join(render(made))
        assert all(text.index(account) < text.index(rule) for account in ACCOUNTS[1:])
        assert "\x1b" not in text and "\u202e" not in text and "\u2028" not in text
    page, markdown = "".join(as_html(made)), "".join(as_markdown(made))
    assert "<script" not in page and "onclick='" not in page and "default-src 'none'" in page
    assert re.search(r"(?<!\\)[<`]", markdown) is None


def test_a_report_of_nothing_says_so() -> None:
    reducer = Reducer(EXPECTED)
    for each in EXPECTED:
        reducer.missing(each, "NoReport", "")
    made = reducer.result(run="r", started=WHEN, finished=WHEN)
    assert "0 of 5 accounts were reached, 5 were not" in "".join(as_text(made)) and not made.complete
    assert all("5" in "".join(render(made)) for render in (as_html, as_markdown))


def test_a_digest_is_a_report_format_and_small_however_large_the_account() -> None:
    audit = make_audit(6_000, n_resources=3_000, accounts=[ACCOUNTS[0]])
    text = "".join(load_reports()["digest"].text(audit))
    assert read_digest(text, "x") == digest(audit)
    assert len(text) < 40_000


@pytest.mark.parametrize("text", ["", "{}", '{"format": "auditor-digest", "schema_version": 1}', "[1]"])
def test_what_is_no_digest_is_refused_by_name(text: str) -> None:
    with pytest.raises(BadDigest, match=r"here\.json is not a digest of auditor"):
        read_digest(text, "here.json")
