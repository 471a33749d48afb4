"""Domains of OpenSearch Service."""

import json
from typing import Any

import pytest

from tests.lab import Lab

PUBLIC, ENCRYPTED = "opensearch-domain-not-public", "opensearch-domain-encrypted"
LIST, READ = "opensearch:ListDomainNames", "opensearch:DescribeDomains"
ON = {"Enabled": True}
DOMAIN: dict[str, Any] = {
    "EncryptionAtRestOptions": ON,
    "NodeToNodeEncryptionOptions": ON,
    "DomainEndpointOptions": {"EnforceHTTPS": True},
    "ClusterConfig": {},
}


def policy(principal: Any, **condition: Any) -> dict[str, str]:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "es:*", "Resource": "*"}
    return {"AccessPolicies": json.dumps({"Statement": [statement | ({"Condition": condition} if condition else {})]})}


def domains(**changes: dict[str, Any]) -> dict[str, Any]:
    """Domains as they should be but for these changes; None leaves a member out."""
    prefix = "arn:aws:es:us-east-1:123456789012:domain/"
    made = [
        {"DomainId": f"123456789012/{name}", "DomainName": name, "ARN": prefix + name, **DOMAIN, **change}
        for name, change in changes.items()
    ]
    return {
        LIST: {"DomainNames": [{"DomainName": name} for name in changes]},
        READ: {"DomainStatusList": [{k: v for k, v in each.items() if v is not None} for each in made]},
    }


def test_public_domains(lab: Lab) -> None:
    world = policy("*")
    answers = domains(
        bare={},
        empty={"AccessPolicies": ""},
        own=policy({"AWS": "arn:aws:iam::123456789012:root"}),
        world=world,
    )
    assert lab.statuses(PUBLIC, answers=answers) == {"bare": "pass", "empty": "pass", "own": "pass", "world": "fail"}
    answers = domains(
        office=policy("*", IpAddress={"aws:SourceIp": "192.0.2.0/24"}),
        inside=world | {"VPCOptions": {"VPCId": "vpc-1"}},
        outside=world | {"VPCOptions": {}},
        gated=world | {"AdvancedSecurityOptions": ON},
        ajar=world | {"AdvancedSecurityOptions": ON | {"AnonymousAuthEnabled": True}},
        leaving=world | {"Deleted": True},
        odd={"AccessPolicies": '{"Statement": 7}'},
    )
    found = lab.findings(PUBLIC, answers=answers)
    assert {name: (finding.status, finding.severity) for name, finding in found.items()} == {
        "outside": ("fail", "critical"), "ajar": ("fail", "critical"),
        "office": ("pass", "critical"), "inside": ("pass", "critical"), "gated": ("fail", "high"),
        "leaving": ("not_applicable", "critical"), "odd": ("unknown", "critical"),
    }  # fmt: skip


def test_encryption(lab: Lab) -> None:
    answers = domains(
        good={},
        disk={"EncryptionAtRestOptions": {"Enabled": False}},
        nodes={"NodeToNodeEncryptionOptions": None},
        clients={"DomainEndpointOptions": {"EnforceHTTPS": False}},
        leaving={"EncryptionAtRestOptions": None, "Deleted": True},
    )
    assert lab.statuses(ENCRYPTED, answers=answers) == {
        "good": "pass", "disk": "fail", "nodes": "fail", "clients": "fail", "leaving": "not_applicable",
    }  # fmt: skip


def test_seeded_domains_are_read(lab: Lab) -> None:
    lab.client("opensearch").create_domain(DomainName="search")
    assert (lab.statuses(PUBLIC), lab.statuses(ENCRYPTED)) == ({"search": "pass"}, {"search": "fail"})


@pytest.mark.parametrize("rule", [PUBLIC, ENCRYPTED])
def test_unread_domains_are_unknown(lab: Lab, rule: str) -> None:
    with lab.but(answers=domains(one={})):
        assert lab.statuses(rule, deny=[LIST]) == lab.statuses(rule, deny=[READ]) == {"*": "unknown"}
