"""Accelerators of AWS Global Accelerator."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.edge_answers import ACCOUNT, Answers, Item, judged

HEALTHY = "globalaccelerator-accelerator-endpoints-healthy"
PREFIX = f"arn:aws:globalaccelerator::{ACCOUNT}:accelerator"
ENDPOINTS: dict[str, list[tuple[str, int]]] = {
    "good": [("HEALTHY", 128), ("INITIAL", 128), ("UNHEALTHY", 0)],
    "sick": [("HEALTHY", 128), ("UNHEALTHY", 128)],
    "empty": [],
    "silent": [("HEALTHY", 128)],
    "off": [],
}


def answers() -> Answers:
    listed = [{"AcceleratorArn": f"{PREFIX}/{name}", "Name": name, "Enabled": name != "off"} for name in ENDPOINTS]

    def listeners(params: Mapping[str, Any], _: str, __: str) -> Item:
        return {"Listeners": [{"ListenerArn": f"{params['AcceleratorArn']}/listener/1"}]}

    def groups(params: Mapping[str, Any], _: str, __: str) -> Item:
        name = params["ListenerArn"].split("/")[1]
        described = [
            {"EndpointId": f"arn:{at}", "HealthState": state, "Weight": weight}
            for at, (state, weight) in enumerate(ENDPOINTS[name])
        ]
        head = {"EndpointGroupArn": f"{params['ListenerArn']}/1", "EndpointGroupRegion": "eu-central-1"}
        return {"EndpointGroups": [head | {"EndpointDescriptions": described}]}

    def attributes(params: Mapping[str, Any], _: str, __: str) -> Item:
        silent = params["AcceleratorArn"].endswith("/silent")
        return {"AcceleratorAttributes": {} if silent else {"FlowLogsEnabled": True}}

    return {
        "globalaccelerator:ListAccelerators": {"Accelerators": listed},
        "globalaccelerator:ListListeners": listeners,
        "globalaccelerator:ListEndpointGroups": groups,
        "globalaccelerator:DescribeAcceleratorAttributes": attributes,
    }


def test_accelerators(lab: Lab) -> None:
    assert judged(lab, answers(), HEALTHY)[HEALTHY] == {
        "good": "pass", "off": "not_applicable", **dict.fromkeys(("sick", "empty", "silent"), "fail low"),
    }  # fmt: skip
    assert lab.endpoint.seen["globalaccelerator", "ListAccelerators", "us-west-2"] == 1
    assert lab.endpoint.seen["globalaccelerator", "ListListeners", "us-west-2"] == len(ENDPOINTS)


@pytest.mark.parametrize(
    ("operation", "unknown"),
    [
        ("ListAccelerators", {"*"}),
        ("ListListeners", {"good", "sick", "empty", "silent"}),
        ("ListEndpointGroups", {"good", "sick", "empty", "silent"}),
        ("DescribeAcceleratorAttributes", {"good", "silent"}),
    ],
)
def test_denied(lab: Lab, operation: str, unknown: set[str]) -> None:
    said = judged(lab, answers(), HEALTHY, deny=[f"globalaccelerator:{operation}"])[HEALTHY]
    assert {name for name, status in said.items() if status == "unknown"} == unknown
