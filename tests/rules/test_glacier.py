"""Glacier's vaults."""

import json
from collections.abc import Mapping
from typing import Any

from auditor.demo.endpoint import Error
from tests.lab import Lab

RULE = "glacier-vault-lock-locked"
LIST, LOCK, POLICY = "glacier:ListVaults", "glacier:GetVaultLock", "glacier:GetVaultAccessPolicy"
NONE = Error("ResourceNotFoundException", "none", status=404)


def vaults(**states: tuple[str | None, str | None]) -> dict[str, Any]:
    """Vaults with the states of their locks, and the principals of their access policies."""

    def lock(params: Mapping[str, Any], region: str, account: str) -> dict[str, Any] | Error:
        state, _ = states[params["vaultName"]]
        return {"State": state, "Policy": "{}"} if state else NONE

    def policy(params: Mapping[str, Any], region: str, account: str) -> dict[str, Any] | Error:
        _, who = states[params["vaultName"]]
        statement = {"Effect": "Allow", "Principal": {"AWS": who}, "Action": "glacier:*", "Resource": "*"}
        return {"policy": {"Policy": json.dumps({"Statement": [statement]})}} if who else NONE

    prefix = "arn:aws:glacier:us-east-1:123456789012:vaults/"
    listed = [{"VaultARN": prefix + name, "VaultName": name, "NumberOfArchives": 3} for name in states]
    return {LIST: {"VaultList": listed}, LOCK: lock, POLICY: policy}


def test_vaults(lab: Lab) -> None:
    own = "arn:aws:iam::123456789012:root"
    answers = vaults(
        good=("Locked", None), own=("Locked", own), begun=("InProgress", None), bare=(None, None), open=("Locked", "*"),
        both=(None, "*"),
    )  # fmt: skip
    found = lab.findings(RULE, answers=answers)
    assert {name: (finding.status, finding.severity) for name, finding in found.items()} == {
        "good": ("pass", "low"), "own": ("pass", "low"), "begun": ("fail", "low"), "bare": ("fail", "low"),
        "open": ("fail", "critical"), "both": ("fail", "critical"),
    }  # fmt: skip


def test_unread_vaults(lab: Lab) -> None:
    with lab.but(answers=vaults(good=("Locked", None), bare=(None, None), open=("Locked", "*"))):
        assert lab.statuses(RULE, deny=[LIST]) == {"*": "unknown"}
        assert lab.statuses(RULE, deny=[LOCK]) == {"good": "unknown", "bare": "unknown", "open": "fail"}
        found = lab.findings(RULE, deny=[POLICY])
    assert {name: finding.status for name, finding in found.items()} == {
        "good": "unknown", "bare": "fail", "open": "unknown",
    }  # fmt: skip
    assert "severity_unsettled" in found["bare"].evidence
