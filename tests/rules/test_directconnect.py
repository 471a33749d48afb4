"""Direct Connect connections."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.network_answers import OWNER, Answers

REDUNDANT = "directconnect-connection-redundant"
ENCRYPTED = "directconnect-connection-encrypted"
SECRET = "do-not-keep-me"


def line(name: str, location: str = "FRA1", state: str = "available", **more: Any) -> dict[str, Any]:
    return {
        "connectionId": name, "connectionName": name, "connectionState": state, "location": location,
        "ownerAccount": OWNER, "macSecCapable": False, **more,
    }  # fmt: skip


def vif(
    of: str, gateway: str, location: str = "FRA1", *, kind: str = "transit", state: str = "available"
) -> dict[str, Any]:
    led = {"virtualGatewayId": gateway} if gateway.startswith("vgw") else {"directConnectGatewayId": gateway}
    return {
        "virtualInterfaceId": f"dxvif-{of}-{gateway}", "connectionId": of, "location": location,
        "virtualInterfaceType": kind, "virtualInterfaceState": state, "authKey": SECRET,
        "bgpPeers": [{"authKey": SECRET}], "customerRouterConfig": SECRET, **led,
    }  # fmt: skip


LEADS_TO = {"dxgw-6": ("tgw-1", "associated"), "dxgw-7": ("tgw-1", "disassociated"), "dxgw-8": ("vgw-1", "updating")}


def answers(lines: list[dict[str, Any]], vifs: list[dict[str, Any]], vpn_gateway: str = "") -> Answers:
    """The VPNs, if any, end at a virtual private gateway and at tgw-1."""
    ends = [{"VpnGatewayId": vpn_gateway}, {"TransitGatewayId": "tgw-1"}] if vpn_gateway else []
    vpns = [{"VpnConnectionId": f"vpn-{n}", "State": "available", **end} for n, end in enumerate(ends)]

    def associated(params: Mapping[str, Any], _: str, __: str) -> dict[str, Any]:
        to, state = LEADS_TO.get(params["directConnectGatewayId"], ("tgw-9", "associated"))
        return {"directConnectGatewayAssociations": [{"associationState": state, "associatedGateway": {"id": to}}]}

    return {
        "directconnect:DescribeDirectConnectGatewayAssociations": associated,
        "directconnect:DescribeConnections": {"connections": lines},
        "directconnect:DescribeVirtualInterfaces": {"virtualInterfaces": vifs},
        "ec2:DescribeVpnConnections": {"VpnConnections": vpns},
    }


def test_a_second_location(lab: Lab) -> None:
    lines = [
        line("one"), line("two", "MUC1"), line("lone"), line("backed"), line("flat"), line("public"), line("bare"),
        line("asked", state="requested"), line("pooled", lagId="dxlag-1"), line("half"),
        line("transit"), line("cut"), line("private"),
    ]  # fmt: skip
    vifs = [
        vif("one", "dxgw-1"), vif("two", "dxgw-1", "MUC1"), vif("lone", "vgw-2"), vif("backed", "vgw-1"),
        vif("flat", "dxgw-2"), vif("public", "dxgw-3", kind="public"), vif("dxlag-1", "dxgw-4"),
        vif("half", "dxgw-5"), vif("gone", "dxgw-5", "MUC1", state="down"),
        vif("transit", "dxgw-6"), vif("cut", "dxgw-7"), vif("private", "dxgw-8"),
    ]  # fmt: skip
    found = lab.statuses(REDUNDANT, answers=answers(lines, vifs, "vgw-1"))
    assert found == {
        "one": "pass", "two": "pass", "lone": "fail", "backed": "pass", "flat": "fail", "public": "not_applicable",
        "bare": "not_applicable", "asked": "not_applicable", "pooled": "fail", "half": "fail",
        "transit": "pass", "cut": "fail", "private": "pass",
    }  # fmt: skip
    with lab.but(answers=answers(lines, vifs)):
        assert SECRET not in repr(lab.judge(REDUNDANT))


def test_macsec(lab: Lab) -> None:
    capable: Any = {"macSecCapable": True}
    lines = [
        line("good", **capable, encryptionMode="must_encrypt", portEncryptionStatus="Encryption Up"),
        line("down", **capable, encryptionMode="must_encrypt", portEncryptionStatus="Encryption Down"),
        line("should", **capable, encryptionMode="should_encrypt", portEncryptionStatus="Encryption Up"),
        line("unable"),
        line("asked", state="requested", **capable),
    ]
    assert lab.statuses(ENCRYPTED, answers=answers(lines, [])) == {
        "good": "pass", "down": "fail", "should": "fail", "unable": "not_applicable", "asked": "not_applicable",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rule_id", "operation", "expected"),
    [
        (REDUNDANT, "directconnect:DescribeConnections", {"*": "unknown"}),
        (REDUNDANT, "directconnect:DescribeVirtualInterfaces", {"lone": "unknown"}),
        (REDUNDANT, "ec2:DescribeVpnConnections", {"lone": "unknown"}),
        (REDUNDANT, "directconnect:DescribeDirectConnectGatewayAssociations", {"lone": "unknown"}),
        (ENCRYPTED, "directconnect:DescribeConnections", {"*": "unknown"}),
    ],
)
def test_unknown_where_a_read_is_denied(lab: Lab, rule_id: str, operation: str, expected: dict[str, str]) -> None:
    given = answers([line("lone")], [vif("lone", "vgw-1"), vif("lone", "dxgw-1")])
    assert lab.statuses(rule_id, answers=given, deny=[operation]) == expected
