"""What is told of an audit: changes, the digest, events, Security Hub's format, the invocation that asks for it."""

import json
from datetime import UTC, date, datetime
from io import StringIO
from typing import Any

import pytest

from auditor import plugins
from auditor.audit import Audit
from auditor.delivery import digest, events, hub
from auditor.delivery.changes import Standing, against, changes, remembered, standing
from auditor.findings import Finding, Status
from auditor.invocation import BadInvocation, Invocation, read
from auditor.telemetry import Log, embedded
from tests.factory import NASTY, make_audit

AUDIT = make_audit(200, suppressed=0.0)
ASFF = plugins.load_reports()["asff"].render
FAILED = [finding for finding in AUDIT.findings if finding.status is Status.FAIL]
RUN, WHERE = "night", "s3://bucket/report.json.gz"


def with_status(audit: Audit, status: Status, *findings: Finding) -> Audit:
    """The audit with some findings judged otherwise."""
    prints = {finding.fingerprint for finding in findings}
    changed = [f.model_copy(update={"status": status}) if f.fingerprint in prints else f for f in audit.findings]
    return audit.model_copy(update={"findings": changed, "comparison": None})


def test_the_first_report_is_all_new_and_the_same_again_is_silent() -> None:
    first = changes(None, AUDIT)
    assert first.first and first.any and len(first.new) == len(AUDIT.failures)
    same = changes(AUDIT, against(AUDIT, AUDIT))
    assert not same.any and not digest.worth_sending(AUDIT, same, always=False)
    assert digest.worth_sending(AUDIT, same, always=True)
    cut = AUDIT.model_copy(update={"scan": AUDIT.scan.model_copy(update={"interrupted": True})})
    assert digest.worth_sending(cut, same, always=False)


def test_what_was_unread_one_night_is_neither_new_nor_forgotten_on_the_next() -> None:
    one, two = FAILED[:2]
    blind = against(AUDIT, with_status(AUDIT, Status.UNKNOWN, one, two))
    told = changes(AUDIT, blind)
    assert {f.fingerprint for f in told.unknown} == {one.fingerprint, two.fingerprint} and not told.new
    again = against(blind, with_status(AUDIT, Status.UNKNOWN, one, two))
    assert not changes(blind, again).any  # still unknown: that was told
    later = against(again, with_status(AUDIT, Status.PASS, one))
    after = changes(again, later)
    assert [f.fingerprint for f in after.fixed] == [one.fingerprint] and not after.new
    assert len(remembered(blind).findings) == len(blind.findings)


def test_the_digest_is_short_and_says_what_matters() -> None:
    one, *others = FAILED
    before = with_status(AUDIT, Status.PASS, *others[:30])
    audit = against(with_status(before, Status.FAIL, one), with_status(AUDIT, Status.PASS, one))
    made = digest.message(audit, changes(before, audit), report=WHERE)
    assert made["Subject"] == "auditor 123456789012: 30 reopened, 1 fixed"
    assert "and 18 more" in made["Message"] and WHERE in made["Message"] and one.resource.arn in made["Message"]
    assert len(made["Message"].splitlines()) < 60
    assert made["MessageAttributes"]["account"]["StringValue"] == "123456789012"


def test_a_hostile_name_does_not_break_the_digest() -> None:
    audit = make_audit(100, hostile=NASTY, accounts=["123456789012"])
    made = digest.message(audit, changes(None, audit), report=WHERE)
    assert made["Subject"].isascii() and len(made["Subject"]) < 100 and "\n" not in made["Subject"]
    assert "\x1b" not in made["Message"] and len(made["Message"]) < 10_000


def test_events_come_in_batches_that_eventbridge_takes() -> None:
    told = changes(None, AUDIT)
    made = list(events.entries(AUDIT, told, run=RUN, report=WHERE, bus="default"))
    batches = list(events.batches(made))
    assert [len(batch) for batch in batches[:-1]] == [10] * (len(batches) - 1)
    assert sum(len(batch) for batch in batches) == len(told.new)
    detail = json.loads(made[0][1]["Detail"])
    assert detail["state"] == "new" and detail["run"] == RUN and detail["finding"]["fingerprint"] == made[0][0]


def test_an_event_that_is_too_large_goes_without_its_evidence() -> None:
    large = FAILED[0].model_copy(update={"evidence": {"policy": "x" * 300_000}})
    audit = AUDIT.model_copy(
        update={"findings": [large, *(f.model_copy(update={"evidence": {"p": "y" * 100_000}}) for f in FAILED[1:5])]}
    )
    made = list(events.entries(audit, changes(None, audit), run=RUN, report=WHERE, bus="default"))
    assert [json.loads(entry["Detail"]).get("shortened", False) for _, entry in made].count(True) == 1
    for batch in events.batches(made):
        assert sum(events.size(entry) for _, entry in batch) < 256 * 1024


def test_security_hub_is_told_what_differs_and_what_is_over() -> None:
    first = standing(None, AUDIT)
    kept = [f for f in AUDIT.findings if f.status in (Status.FAIL, Status.UNKNOWN)]
    assert len(first.update) == len(kept) and not first.over
    one, two = FAILED[:2]
    now = with_status(AUDIT, Status.PASS, one)
    now = now.model_copy(update={"findings": [f for f in now.findings if f.resource.arn != two.resource.arn]})
    told = standing(AUDIT, against(AUDIT, now))
    assert not told.update and {one.fingerprint, two.fingerprint} <= {f.fingerprint for f in told.over}
    assert len(standing(AUDIT, against(AUDIT, now), full=True).update) > 10
    unread = standing(AUDIT, against(AUDIT, with_status(AUDIT, Status.UNKNOWN, one)))
    assert [f.fingerprint for f in unread.update] == [one.fingerprint] and not unread.over


def test_security_hub_gets_each_finding_in_its_region_a_hundred_at_a_time() -> None:
    audit = make_audit(1_000, suppressed=0.0)
    update = tuple(audit.failures)
    batches = list(hub.batches(audit, Standing(update, tuple(audit.failures[:3])), ASFF))
    assert all(len(batch) <= 100 and {f["Region"] for f in batch} == {region} for region, batch in batches)
    made = [finding for _, batch in batches for finding in batch]
    assert len(made) == len(update) + 3
    archived = [finding for finding in made if finding["RecordState"] == "ARCHIVED"]
    assert len(archived) == 3 and {f["Workflow"]["Status"] for f in archived} == {"RESOLVED"}


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"bukcet": "x"}, "unknown key bukcet in the event; did you mean bucket?"),
        ({"role_arn": ""}, "role_arn in the event is empty"),
        ({"role_arn": "admin"}, "role_arn: String should match"),
        ({"accounts": ["1"]}, "accounts: String should match"),
        ({"accounts": ["123456789012"]}, "accounts needs a role_arn with {account} in it"),
        ({"role_arn": "arn:aws:iam::{account}:role/a"}, "role_arn has {account} in it: name the accounts"),
        ({"external_id": "secret"}, "external_id goes with role_arn"),
        ({"security_hub": "perhaps"}, "security_hub: Input should be a valid boolean"),
        (["a"], "the event is a JSON list"),
    ],
)  # fmt: skip
def test_a_bad_event_is_one_clear_line(event: Any, said: str) -> None:
    with pytest.raises(BadInvocation) as refused:
        read(event, {"AUDITOR_BUCKET": "results"}, request_id="r")
    assert said in str(refused.value) and "\n" not in str(refused.value)


def test_a_bad_environment_names_the_variable() -> None:
    with pytest.raises(BadInvocation, match="AUDITOR_TOPIC"):
        read({}, {"AUDITOR_BUCKET": "results", "AUDITOR_TOPIC": "mine"}, request_id="r")
    with pytest.raises(BadInvocation, match="AUDITOR_BUCKET"):
        read({}, {}, request_id="r")


def test_an_event_goes_over_the_environment() -> None:
    environment = {"AUDITOR_BUCKET": "results", "AUDITOR_REGIONS": "eu-west-1, eu-central-1", "AUDITOR_TOPIC": ""}
    made = read({"formats": ["html"], "run": "2026-11-22T03:00:00Z"}, environment, request_id="r")
    assert made.regions == ("eu-west-1", "eu-central-1") and made.topic is None and made.formats == ("html",)
    assert made.run == "2026-11-22T03-00-00Z"
    assert read({"regions": "us-east-1"}, environment, request_id="r").regions == ("us-east-1",)


def test_an_event_of_eventbridge_is_named_by_its_id() -> None:
    sent = {
        "id": "e-1",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "time": "2026-01-02T03:00:00Z",
        "detail": {},
    }
    made = read(sent, {"AUDITOR_BUCKET": "results"}, request_id="r")
    assert (made.run, made.time) == ("e-1", datetime(2026, 1, 2, 3, tzinfo=UTC))
    own = sent | {"source": "platform", "detail-type": "Audit please", "detail": {"regions": ["eu-west-1"]}}
    assert read(own, {"AUDITOR_BUCKET": "results"}, request_id="r").regions == ("eu-west-1",)
    assert isinstance(made, Invocation) and made.time.date() == date(2026, 1, 2)


def test_metrics_are_in_cloudwatchs_embedded_format() -> None:
    made = embedded({"Scans": (1, "Count")}, {"Function": "f", "Account": "1"}, milliseconds=5)
    (directive,) = made["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["Function"], ["Function", "Account"]]
    assert directive["Metrics"] == [{"Name": "Scans", "Unit": "Count"}]
    assert made["Scans"] == 1 and made["Function"] == "f" and made["_aws"]["Timestamp"] == 5


def test_a_line_of_the_log_is_one_json_object_whatever_is_in_it() -> None:
    stream = StringIO()
    Log("r-1", stream).about(run="n").info("a\nb", name=NASTY, path=object())
    (line,) = [part for part in stream.getvalue().split("\n") if part]
    assert json.loads(line)["request_id"] == "r-1" and json.loads(line)["run"] == "n"
