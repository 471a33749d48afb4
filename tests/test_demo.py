"""The demo's account shows every rule at work: what passes, what fails, and what could not be read."""

import json
import os
import re
import sys
from collections.abc import Callable

import pytest

from auditor.demo import company as story
from auditor.demo import emulator, endpoint
from auditor.findings import Finding, GapKind, Status
from tests.northwind import Scanned, northwind

# One account has one of each of these, so it either passes or fails. The status that the story chose.
ONE_OF_A_KIND = {
    "cloudtrail-multi-region-trail-logging": Status.PASS,
    "elb-load-balancer-classic-not-used": Status.FAIL,
    "iam-account-password-policy-defined": Status.PASS,
    "iam-account-password-policy-minimum-length-14": Status.FAIL,
    "iam-organization-root-credentials-centrally-managed": Status.FAIL,
    "iam-root-access-key-absent": Status.FAIL,
    "iam-root-hardware-mfa-enabled": Status.FAIL,
    "iam-root-mfa-enabled": Status.PASS,
    "iam-root-not-recently-used": Status.FAIL,
    "iam-root-signing-certificate-absent": Status.PASS,
    "s3-account-block-public-access-enabled": Status.FAIL,
    "shield-protection-covers-public-resources": Status.FAIL,
}
# What the story denies, and of a single bucket.
UNREADABLE = {entry.partition("@")[0] for entry in story.DENIED} | {"s3:GetBucketPolicy"}


# What these services have there is one of, or none that moto could make.
ONE_SIDED = {"account": set(), "organizations": {Status.FAIL}, "shield": {Status.FAIL}}
# They wait for a parameter, for a metric that moto does not have, or for what no account of a shop has.
NOT_SHOWN = {
    "account-region-approved-in-use",
    "account-region-opt-in-disabled-when-unused",
    "events-partner-source-active",
    "route53-traffic-policy-instance-applied",
    "servicequotas-quota-utilization-below-threshold",
}


def judged(company: Scanned, by: Callable[[str], str]) -> dict[str, set[Status]]:
    """Which of pass and fail there is, by service or by rule."""
    seen: dict[str, set[Status]] = {by(rule.id): set() for rule in company.audit.rules}
    for finding in company.audit.findings:
        if finding.status in (Status.PASS, Status.FAIL):
            seen[by(finding.rule)].add(finding.status)
    return seen


def test_every_service_passes_and_fails(company: Scanned) -> None:
    seen = judged(company, lambda rule: rule.partition("-")[0])
    assert {name: found for name, found in seen.items() if found != {Status.PASS, Status.FAIL}} == ONE_SIDED


def test_every_rule_has_something_to_judge(company: Scanned) -> None:
    assert {rule for rule, found in judged(company, str).items() if not found} == NOT_SHOWN


def test_what_there_is_one_of_has_one_verdict(company: Scanned) -> None:
    found = {finding.rule: finding.status for finding in company.audit.findings if finding.rule in ONE_OF_A_KIND}
    assert found == ONE_OF_A_KIND


def test_no_rule_raises_and_no_answer_surprises(company: Scanned) -> None:
    assert company.audit.summary.defects == []
    assert {gap.kind for gap in company.audit.coverage.gaps} == {GapKind.DENIED}


def test_unknown_is_what_was_denied_and_nothing_else(company: Scanned) -> None:
    """Or else a rule says that nobody in this account can know."""
    unknown = [finding for finding in company.audit.findings if finding.status is Status.UNKNOWN]
    assert {finding.evidence.get("operation") for finding in unknown} == UNREADABLE | {None}
    assert {f"{gap.service}:{gap.operation}" for gap in company.audit.coverage.gaps} == UNREADABLE
    assert company.audit.coverage.not_assessed == len(unknown) < 60


def test_it_is_a_believable_account(company: Scanned) -> None:
    failed = [finding for finding in company.audit.findings if finding.status is Status.FAIL]
    assert {finding.severity.value for finding in failed} >= {"critical", "high", "medium", "low"}
    assert len(failed) < 0.4 * len(company.audit.findings)
    worse = [finding for finding in failed if finding.severity.value not in ("low", "informational")]
    owned = [finding for finding in worse if finding.resource.tags and "owner" in finding.resource.tags]
    assert len(owned) > 0.5 * len(worse)


def test_two_runs_agree(company: Scanned) -> None:
    with northwind() as account:
        again = account.scan()
    assert told(again.audit.findings) == told(company.audit.findings)
    assert again.audit.coverage.gaps == company.audit.coverage.gaps


def told(findings: list[Finding]) -> list[dict[str, object]]:
    """Findings without what is told from the run: its time in evidence and in RDS's snapshots, its port in URLs."""
    lasting = [finding for finding in findings if not finding.resource.id.startswith("rds:")]
    assert len(lasting) > 0.9 * len(findings)
    text = json.dumps([finding.model_dump(mode="json", exclude={"evidence"}) for finding in lasting])
    made: list[dict[str, object]] = json.loads(re.sub(r"http://127\.0\.0\.1:\d+", "http://endpoint", text))
    return made


def test_the_environment_leads_to_the_company_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "customer")
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    before = dict(os.environ)
    with story.running() as running:
        assert os.environ["AWS_ENDPOINT_URL"] == running.url
        assert "AWS_PROFILE" not in os.environ
        assert "AWS_REGION" not in os.environ
    assert dict(os.environ) == before


def test_without_the_emulator_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "require_moto", emulator.require_moto.__wrapped__)
    monkeypatch.setitem(sys.modules, "moto.moto_server.werkzeug_app", None)
    with pytest.raises(story.NotInstalled, match=r"pip install 'auditor\[demo\]'"), story.running():
        raise AssertionError("never reached")
