"""The demo's account shows every rule at work: what passes, what fails, and what could not be read."""

import os
import sys
from collections import defaultdict

import pytest

from auditor.demo import company as story
from auditor.demo import emulator, endpoint
from auditor.findings import Finding, GapKind, Status
from tests.northwind import Scanned, northwind

# One account has one of each of these, so it either passes or fails. The status that the story chose.
ONE_OF_A_KIND = {
    "cloudtrail-multi-region-trail-logging": Status.PASS,
    "iam-account-password-policy-defined": Status.PASS,
    "iam-account-password-policy-minimum-length-14": Status.FAIL,
    "iam-organization-root-credentials-centrally-managed": Status.FAIL,
    "iam-root-access-key-absent": Status.FAIL,
    "iam-root-hardware-mfa-enabled": Status.FAIL,
    "iam-root-mfa-enabled": Status.PASS,
    "iam-root-not-recently-used": Status.FAIL,
    "iam-root-signing-certificate-absent": Status.PASS,
    "s3-account-block-public-access-enabled": Status.FAIL,
}
# What the story denies, and of a single bucket.
UNREADABLE = {entry.partition("@")[0] for entry in story.DENIED} | {"s3:GetBucketPolicy"}


def test_every_rule_passes_and_fails(company: Scanned) -> None:
    seen: dict[str, set[Status]] = defaultdict(set)
    for finding in company.audit.findings:
        seen[finding.rule].add(finding.status)
    lacking = {}
    for rule in company.audit.rules:
        wanted = {ONE_OF_A_KIND[rule.id]} if rule.id in ONE_OF_A_KIND else {Status.PASS, Status.FAIL}
        if missing := wanted - seen[rule.id]:
            lacking[rule.id] = missing
    assert not lacking
    assert set(ONE_OF_A_KIND) <= seen.keys()


def test_what_there_is_one_of_has_one_verdict(company: Scanned) -> None:
    found = {finding.rule: finding.status for finding in company.audit.findings if finding.rule in ONE_OF_A_KIND}
    assert found == ONE_OF_A_KIND


def test_no_rule_raises_and_no_answer_surprises(company: Scanned) -> None:
    assert company.audit.summary.defects == []
    assert {gap.kind for gap in company.audit.coverage.gaps} == {GapKind.DENIED}


def test_unknown_is_what_was_denied_and_nothing_else(company: Scanned) -> None:
    unknown = [finding for finding in company.audit.findings if finding.status is Status.UNKNOWN]
    assert {finding.evidence.get("operation") for finding in unknown} == UNREADABLE
    assert {f"{gap.service}:{gap.operation}" for gap in company.audit.coverage.gaps} == UNREADABLE
    assert company.audit.coverage.not_assessed == len(unknown) < 20


def test_it_is_a_believable_account(company: Scanned) -> None:
    failed = [finding for finding in company.audit.findings if finding.status is Status.FAIL]
    assert {finding.severity.value for finding in failed} >= {"critical", "high", "medium", "low"}
    assert len(failed) < 0.4 * len(company.audit.findings)
    worse = [finding for finding in failed if finding.severity.value != "low"]
    owned = [finding for finding in worse if finding.resource.tags and "owner" in finding.resource.tags]
    assert len(owned) > 0.5 * len(worse)


def test_two_runs_agree(company: Scanned) -> None:
    with northwind() as account:
        again = account.scan()
    assert told(again.audit.findings) == told(company.audit.findings)
    assert again.audit.coverage.gaps == company.audit.coverage.gaps


def told(findings: list[Finding]) -> list[dict[str, object]]:
    """Findings without what is told from the time of the run: evidence, and snapshots that RDS names by the minute."""
    lasting = [finding for finding in findings if not finding.resource.id.startswith("rds:")]
    assert len(lasting) > 0.9 * len(findings)
    return [finding.model_dump(exclude={"evidence"}) for finding in lasting]


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
