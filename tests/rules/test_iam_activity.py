"""What users and roles do: where keys are used, and which services are."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from auditor.resources import iam_activity
from auditor.select import select
from auditor.settings import RuleSettings, Settings
from tests.lab import RULES, Lab

KEYS = "iam-user-access-key-not-used-from-ec2"
ROLES, USERS = "iam-role-granted-services-accessed", "iam-user-granted-services-accessed"
NOW = datetime.now(UTC)
SERVICE = {"Version": "2012-10-17", "Statement": []}


def interface(address: str, private: str, kind: str = "interface") -> dict[str, Any]:
    return {
        "NetworkInterfaceId": f"eni-{private.replace('.', '')}", "SubnetId": "subnet-1", "VpcId": "vpc-1",
        "InterfaceType": kind, "Status": "in-use", "OwnerId": "123456789012", "Groups": [], "Ipv6Addresses": [],
        "RequesterManaged": False, "PrivateIpAddress": private,
        "Association": {"PublicIp": address},
        "PrivateIpAddresses": [{"PrivateIpAddress": private, "Primary": True, "Association": {"PublicIp": address}}],
    }  # fmt: skip


INTERFACES = {
    "NetworkInterfaces": [
        interface("198.51.100.7", "10.0.0.7"),
        interface("198.51.100.8", "10.0.0.8", "nat_gateway"),
    ]
}


def event(address: str, endpoint: str | None = None) -> dict[str, Any]:
    record = {"eventName": "PutItem", "sourceIPAddress": address, "requestParameters": {"password": "hunter2"}}
    record |= {"vpcEndpointId": endpoint} if endpoint else {}
    return {"EventName": "PutItem", "CloudTrailEvent": json.dumps(record)}


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        ([], ("pass", "medium")),
        ([event("203.0.113.1"), event("autoscaling.amazonaws.com")], ("pass", "medium")),
        ([event("10.0.0.7")], ("pass", "medium")),  # somebody's own network, not through an endpoint
        ([event("203.0.113.1"), event("198.51.100.7")], ("fail", "medium")),
        ([event("10.0.0.7", "vpce-1")], ("fail", "medium")),
        ([event("198.51.100.8")], ("fail", "low")),
        ([event("198.51.100.8"), event("198.51.100.7")], ("fail", "medium")),
    ],
)
def test_where_keys_are_used(lab: Lab, events: list[dict[str, Any]], outcome: tuple[str, str]) -> None:
    iam = lab.client("iam")
    iam.create_user(UserName="ann")
    iam.create_access_key(UserName="ann")
    answers = {"cloudtrail:LookupEvents": {"Events": events}, "ec2:DescribeNetworkInterfaces": INTERFACES}
    (finding,) = lab.findings(KEYS, answers=answers).values()
    assert (finding.status.value, finding.severity.value) == outcome
    assert "hunter2" not in finding.model_dump_json()


def test_only_active_keys_are_asked_about_in_each_region_and_one_page_of_each(lab: Lab) -> None:
    iam = lab.client("iam")
    iam.create_user(UserName="ann")
    active, old = (iam.create_access_key(UserName="ann")["AccessKey"]["AccessKeyId"] for _ in range(2))
    iam.update_access_key(UserName="ann", AccessKeyId=old, Status="Inactive")
    asked: list[tuple[str, str]] = []

    def events(params: Mapping[str, Any], region: str, account: str) -> dict[str, Any]:
        asked.append((params["LookupAttributes"][0]["AttributeValue"], region))
        return {"Events": [event("203.0.113.1")], "NextToken": "more"}

    regions = ("eu-west-1", "us-east-1")
    assert lab.statuses(KEYS, answers={"cloudtrail:LookupEvents": events}, regions=regions) == {"ann": "pass"}
    assert sorted(asked) == [(active, region) for region in regions]
    for denied in ("iam:ListAccessKeys", "cloudtrail:LookupEvents@eu-west-1"):
        assert lab.statuses(KEYS, deny=[denied], answers={"cloudtrail:LookupEvents": events}, regions=regions) == {
            "ann": "unknown"
        }
    with_hit = {"cloudtrail:LookupEvents": {"Events": [event("198.51.100.7")]}}
    assert lab.statuses(KEYS, answers=with_hit, deny=["ec2:DescribeNetworkInterfaces"]) == {"ann": "unknown"}


def accessed(*days: int | None, state: str = "COMPLETED") -> dict[str, Any]:
    services = [
        {"ServiceName": f"s{number}", "ServiceNamespace": f"s{number}"}
        | ({} if day is None else {"LastAuthenticated": NOW - timedelta(days=day)})
        for number, day in enumerate(days)
    ]
    report = {"JobStatus": state, "JobCreationDate": NOW, "ServicesLastAccessed": services, "JobCompletionDate": NOW}
    return {
        "iam:GenerateServiceLastAccessedDetails": {"JobId": "0" * 36},
        "iam:GetServiceLastAccessedDetails": report,
    }


@pytest.mark.parametrize("rule", [ROLES, USERS])
def test_which_granted_services_are_used(lab: Lab, rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iam_activity, "WAITS", (0.0,))
    iam, backend = lab.client("iam"), lab.endpoint.backend("iam")
    iam.create_user(UserName="one")
    iam.create_role(RoleName="one", AssumeRolePolicyDocument=json.dumps(SERVICE))
    for principal in (*backend.users.values(), *backend.roles.values()):
        principal.create_date = NOW - timedelta(days=400)
    for days, status in (
        ((1, 100), "pass"),
        ((1, None, 200), "fail"),
        ((), "not_applicable"),
    ):
        assert lab.statuses(rule, answers=accessed(*days)) == {"one": status}, days
    assert lab.statuses(rule, answers=accessed(1, 2, None), max_unused_percent=10) == {"one": "fail"}
    for state in ("FAILED", "IN_PROGRESS"):
        assert lab.statuses(rule, answers=accessed(1, state=state)) == {"one": "unknown"}
    for operation in ("GenerateServiceLastAccessedDetails", "GetServiceLastAccessedDetails"):
        assert lab.statuses(rule, answers=accessed(1), deny=[f"iam:{operation}"]) == {"one": "unknown"}
    for principal in (*backend.users.values(), *backend.roles.values()):
        principal.create_date = NOW
    assert lab.statuses(rule, answers=accessed(None)) == {"one": "not_applicable"}


def test_roles_of_services_are_left_alone(lab: Lab) -> None:
    lab.client("iam").create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com")
    assert set(lab.statuses(ROLES, answers=accessed(None)).values()) == {"not_applicable"}


def test_they_run_only_where_they_are_wanted() -> None:
    slow = {name for name, rule in RULES.items() if rule.off}
    assert slow == {KEYS, ROLES, USERS}
    assert not slow & {rule.id for rule in select(RULES, Settings())}
    assert [rule.id for rule in select(RULES, Settings(), rules=[KEYS])] == [KEYS]
    on = Settings(rules={KEYS: RuleSettings(enabled=True), ROLES: RuleSettings(severity="high")})
    assert {rule.id for rule in select(RULES, on)} & slow == {KEYS}
