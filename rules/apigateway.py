"""Rules about API Gateway."""

from typing import Any

from auditor.analysis.exposure import parsed
from auditor.analysis.public import public_statements
from auditor.findings import Category, Severity
from auditor.resources.apigateway import HttpApi, RestApi, RestStage
from auditor.rule import Verdict, failed, not_applicable, passed, rule

OPEN = (None, "NONE")  # what is not said is not asked for


@rule(severity=Severity.HIGH, notes="API Gateway (Lambda trigger, alias target)")
def apigateway_method_authorization_required(api: RestApi | HttpApi) -> Verdict:
    """APIs ask their callers who they are.

    Risk: whoever finds the address uses what stands behind the API, without anybody knowing who it was.
    Fix: give each method of a REST API an authorizer:
    aws apigateway update-method --region {region} --rest-api-id {id} --resource-id RESOURCE --http-method METHOD
        --patch-operations op=replace,path=/authorizationType,value=AWS_IAM
    and each route of an HTTP API:
    aws apigatewayv2 update-route --region {region} --api-id {id} --route-id ROUTE --authorization-type AWS_IAM
    """
    if isinstance(api, HttpApi):
        return _of_routes(api)
    types = api.endpoint_configuration.types
    if "PRIVATE" in types:
        return passed("The API can be reached from VPCs only", types=types)
    policy = parsed(api, "policy", api.policy)
    if policy is not None and not public_statements(policy, service="execute-api"):
        return passed("The API's policy says who may call it")
    methods = [
        (f"{method} {resource.path}", said)
        for resource in api.resources
        for method, said in (resource.resource_methods or {}).items()
        if method != "OPTIONS"  # browsers ask by it before they send credentials
    ]
    if not methods:
        return not_applicable("The API has no methods")
    opened = [name for name, said in methods if said.authorization_type in OPEN and not said.api_key_required]
    if opened:
        return failed("Methods ask their callers for nothing", methods=sorted(opened), policy=policy is not None)
    return passed(methods=len(methods))


def _of_routes(api: HttpApi) -> Verdict:
    """The verdict on an HTTP API, or a WebSocket API, which can ask its callers only when they connect."""
    web_socket = api.protocol_type == "WEBSOCKET"
    routes = [
        route
        for route in api.routes
        if (route.route_key == "$connect" if web_socket else not route.route_key.startswith("OPTIONS "))
    ]
    if not routes:
        return not_applicable("The API has no routes that could ask")
    opened = [route.route_key for route in routes if route.authorization_type in OPEN and not route.api_key_required]
    if opened:
        return failed("Routes ask their callers for nothing", routes=sorted(opened))
    return passed(routes=len(routes))


@rule(
    severity=Severity.MEDIUM,
    category=Category.OPERATIONS,
    controls=(
        "SecurityHub APIGateway.1 APIGateway.3",
        "PCI-4.0 10.2.1.1.2 10.2.1.2.2 10.2.1.3.2 10.2.1.4.2 10.2.1.5.2 10.2.1.6.2 10.2.1.7.2 10.2.1.2",
        "PCI-4.0 10.2.2.2 10.3.1.2 10.6.3.2 5.3.4.2",
        "NIST-800-53-r5 ac_4_26 au_2_b au_3_a au_3_b au_3_c au_3_d au_3_e au_3_f au_6_3 au_6_4 au_6_6 au_6_9",
        "ISO-27001-2022 A.8.15",
    ),
    notes="API Gateway",
)
def apigateway_stage_logging_enabled(stage: RestStage) -> Verdict:
    """Stages of REST APIs log their calls, and trace them.

    Risk: who called what, and which calls failed, cannot be told when it matters.
    Fix: aws apigateway update-stage --region {region} --rest-api-id API --stage-name {name} --patch-operations
        op=replace,path=/*/*/logging/loglevel,value=ERROR op=replace,path=/tracingEnabled,value=true
    """
    default = (stage.method_settings or {}).get("*/*")
    level = default.logging_level if default is not None else None
    access = stage.access_log_settings is not None and bool(stage.access_log_settings.destination_arn)
    evidence: dict[str, Any] = {"logging_level": level, "access_logs": access, "tracing_enabled": stage.tracing_enabled}
    if level in (None, "OFF") and not access:
        return failed("The stage logs nothing", **evidence)
    if not stage.tracing_enabled:
        return failed("The stage logs, and does not trace", severity=Severity.INFORMATIONAL, **evidence)
    return passed(**evidence)
