"""Athena's workgroups."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.lab import Lab

LIMIT, RESULTS = "athena-workgroup-bytes-scanned-limit-set", "athena-workgroup-results-encrypted-and-enforced"
LIST, READ = "athena:ListWorkGroups", "athena:GetWorkGroup"
ENCRYPTED = {"OutputLocation": "s3://results/", "EncryptionConfiguration": {"EncryptionOption": "SSE_S3"}}


def groups(**set_up: dict[str, Any] | None) -> dict[str, Any]:
    """Workgroups that are set up so; None is one that is switched off."""

    def answer(params: Mapping[str, Any], region: str, account: str) -> dict[str, Any]:
        name = params["WorkGroup"]
        return {"WorkGroup": {"Name": name, "State": "ENABLED", "Configuration": set_up[name]}}

    listed = [{"Name": name, "State": "DISABLED" if found is None else "ENABLED"} for name, found in set_up.items()]
    return {LIST: {"WorkGroups": listed}, READ: answer}


def verdicts(lab: Lab, rule: str, answers: dict[str, Any]) -> dict[str, tuple[str, str]]:
    found = lab.findings(rule, answers=answers)
    return {name: (finding.status.value, finding.severity.value) for name, finding in found.items()}


def test_limits(lab: Lab) -> None:
    spark = {"ExecutionRole": "arn:aws:iam::123456789012:role/spark"}
    answers = groups(
        good={"BytesScannedCutoffPerQuery": 10**12}, bad={}, off=None, spark=spark, primary={},
        notebook={"EngineVersion": {"EffectiveEngineVersion": "PySpark engine version 3"}},
        people=spark | {"EngineVersion": {"EffectiveEngineVersion": "Athena engine version 3"}},
    )  # fmt: skip
    assert verdicts(lab, LIMIT, answers) == {
        "good": ("pass", "low"), "bad": ("fail", "low"), "off": ("not_applicable", "low"),
        "spark": ("not_applicable", "low"), "primary": ("fail", "informational"),
        "notebook": ("not_applicable", "low"), "people": ("fail", "low"),
    }  # fmt: skip


def test_results(lab: Lab) -> None:
    answers = groups(
        good={"ResultConfiguration": ENCRYPTED, "EnforceWorkGroupConfiguration": True},
        managed={"ManagedQueryResultsConfiguration": {"Enabled": True}},
        plain={"ResultConfiguration": {"OutputLocation": "s3://results/"}, "EnforceWorkGroupConfiguration": True},
        lax={"ResultConfiguration": ENCRYPTED, "EnforceWorkGroupConfiguration": False},
        off=None,
        primary={"ResultConfiguration": {}},
    )
    assert verdicts(lab, RESULTS, answers) == {
        "good": ("pass", "medium"), "managed": ("pass", "medium"), "plain": ("fail", "medium"),
        "lax": ("fail", "medium"), "off": ("not_applicable", "medium"), "primary": ("fail", "informational"),
    }  # fmt: skip


@pytest.mark.parametrize("rule", [LIMIT, RESULTS])
def test_unread_workgroups_are_unknown(lab: Lab, rule: str) -> None:
    assert lab.statuses(rule, deny=[LIST]) == {"*": "unknown"}
    assert lab.statuses(rule, deny=[READ]) == {"primary": "unknown"}
    assert lab.statuses(rule, answers={READ: {"WorkGroup": {"Name": "primary"}}}) == {"primary": "unknown"}
