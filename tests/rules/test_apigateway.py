"""API Gateway."""

from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.serverless_answers import OTHER, allow, by, document

AUTHORIZED, LOGGED = "apigateway-method-authorization-required", "apigateway-stage-logging-enabled"


def escaped(text: str) -> str:
    """A policy as API Gateway gives it."""
    return text.replace('"', '\\"')


def method(authorization: str, key: bool = False, name: str = "GET") -> dict[str, Any]:
    said = {"httpMethod": name, "authorizationType": authorization, "apiKeyRequired": key}
    return {"id": "r", "path": "/orders", "resourceMethods": {name: said}}


REST: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "open": ({}, [method("AWS_IAM"), method("NONE")]),
    "keyed": ({}, [method("NONE", key=True)]),
    "signed": ({}, [method("AWS_IAM"), method("NONE", name="OPTIONS")]),
    "empty": ({}, [{"id": "r", "path": "/"}]),
    "private": ({"endpointConfiguration": {"types": ["PRIVATE"]}}, [method("NONE")]),
    "named": ({"policy": escaped(document(allow({"AWS": OTHER})))}, [method("NONE")]),
    "anyone": ({"policy": escaped(document(allow("*")))}, [method("NONE")]),
}
HTTP: dict[str, tuple[str, list[tuple[str, str | None]]]] = {
    "plain": ("HTTP", [("GET /a", "NONE"), ("GET /b", "JWT")]),
    "silent": ("HTTP", [("$default", None)]),
    "token": ("HTTP", [("GET /a", "JWT"), ("OPTIONS /a", "NONE")]),
    "socket": ("WEBSOCKET", [("$connect", "AWS_IAM"), ("$default", "NONE")]),
    "chat": ("WEBSOCKET", [("$connect", "NONE")]),
    "bare": ("HTTP", []),
}


def apis() -> dict[str, Any]:
    types = {"endpointConfiguration": {"types": ["REGIONAL"]}}
    routes = {
        name: {"Items": [{"RouteKey": key, **({"AuthorizationType": kind} if kind else {})} for key, kind in given]}
        for name, (_, given) in HTTP.items()
    }
    return {
        "apigateway:GetRestApis": {"items": [{"id": n, "name": n, **types, **more} for n, (more, _) in REST.items()]},
        "apigateway:GetResources": by("restApiId", {n: {"items": found} for n, (_, found) in REST.items()}),
        "apigatewayv2:GetApis": {
            "Items": [
                {"ApiId": n, "Name": n, "ProtocolType": kind, "RouteSelectionExpression": "$request.method"}
                for n, (kind, _) in HTTP.items()
            ]
        },
        "apigatewayv2:GetRoutes": by("ApiId", routes),
    }


def test_authorization(lab: Lab) -> None:
    found = {
        "open": "fail", "keyed": "pass", "signed": "pass", "empty": "not_applicable", "private": "pass",
        "named": "pass", "anyone": "fail",
        "plain": "fail", "silent": "fail", "token": "pass", "socket": "pass", "chat": "fail",
        "bare": "not_applicable",
    }  # fmt: skip
    assert lab.statuses(AUTHORIZED, answers=apis()) == found
    for operation, lost in (
        ("apigateway:GetResources", ("open", "keyed", "signed", "empty", "anyone")),
        ("apigatewayv2:GetRoutes", tuple(HTTP)),
    ):
        answers = {name: answer for name, answer in apis().items() if name != operation}
        unread = lab.statuses(AUTHORIZED, answers=answers, deny=[operation])
        assert unread == found | dict.fromkeys(lost, "unknown")


def stages(*given: dict[str, Any]) -> dict[str, Any]:
    api = {"id": "a", "name": "a", "endpointConfiguration": {"types": ["EDGE"]}}
    listed = [{"stageName": f"s{number}", **more} for number, more in enumerate(given)]
    return {"apigateway:GetRestApis": {"items": [api]}, "apigateway:GetStages": {"item": listed}}


def test_logging(lab: Lab) -> None:
    def level(name: str, of: str = "*/*") -> dict[str, Any]:
        return {"methodSettings": {of: {"loggingLevel": name}}}

    traced, access = {"tracingEnabled": True}, {"accessLogSettings": {"destinationArn": "arn:aws:logs:x"}}
    half = level("INFO", "~1a/GET")
    given: tuple[dict[str, Any], ...] = (
        {},
        traced,
        level("OFF"),
        level("ERROR"),
        level("INFO") | traced,
        access | traced,
        half,
    )
    found = {f.resource.name: f for f in lab.findings(LOGGED, answers=stages(*given)).values()}
    assert [found[f"s{number}"].status.value for number in range(7)] == [
        "fail", "fail", "fail", "fail", "pass", "pass", "fail",
    ]  # fmt: skip
    assert [found[name].severity.value for name in ("s0", "s3")] == ["medium", "informational"]


@pytest.mark.parametrize("operation", ["apigateway:GetRestApis", "apigateway:GetStages"])
def test_denied_listings_are_unknown(lab: Lab, operation: str) -> None:
    answers = {name: answer for name, answer in stages({}).items() if name != operation}
    assert lab.statuses(LOGGED, answers=answers, deny=[operation]) == {"*": "unknown"}
