"""API Gateway: REST APIs with their stages, HTTP and WebSocket APIs."""

import json
from typing import Annotated, Any

from pydantic import BeforeValidator

from auditor.fetch import Call, Listing
from auditor.model import Document, Resource, Shape

# IAM knows API Gateway's requests by their HTTP method only.
GET = "apigateway:GET"


def _unescaped(value: Any) -> Any:
    """API Gateway gives a policy as the inside of a JSON string: with a backslash before each quotation mark."""
    return json.loads(f'"{value}"') if isinstance(value, str) and value.lstrip().startswith('{\\"') else value


class EndpointConfiguration(Shape):
    """From where an API can be reached: EDGE, REGIONAL or PRIVATE."""

    types: tuple[str, ...] = ()


class ApiMethod(Shape):
    """A method of a resource of an API."""

    authorization_type: str | None = None
    api_key_required: bool | None = None


class ApiResource(Shape):
    """A path of an API, with its methods by name; those are left out where it only groups others."""

    path: str | None = None
    resource_methods: dict[str, ApiMethod] | None = None


class RestApi(Resource):
    """A REST API."""

    service, cfn_type = "apigateway", "AWS::ApiGateway::RestApi"
    listing = Listing("GetRestApis", at="items", iam=GET, params={"limit": 500})
    arn_format = "arn:{partition}:apigateway:{region}::/restapis/{id}"
    id_field = "id"
    name_field = "name"

    id: str
    name: str
    endpoint_configuration: EndpointConfiguration
    policy: Annotated[Document | None, BeforeValidator(_unescaped)] = None  # left out where there is none
    resources: Annotated[
        tuple[ApiResource, ...],
        Call("GetResources", at="items", iam=GET, const={"embed": ["methods"], "limit": 500}, restApiId="id"),
    ]


class MethodSettings(Shape):
    """What a stage does with calls of a method: whether it logs them, OFF, ERROR or INFO."""

    logging_level: str | None = None


class AccessLogSettings(Shape):
    """Where a stage logs who called what."""

    destination_arn: str | None = None


class RestStage(Resource):
    """A stage of a REST API: a deployment of it that can be called."""

    service, cfn_type = "apigateway", "AWS::ApiGateway::Stage"
    listing = Listing("GetStages", at="item", iam=GET, per=RestApi, by={"restApiId": "id"})
    arn_format = "arn:{partition}:apigateway:{region}::/restapis/{rest_api_id}/stages/{stage_name}"
    id_field = "arn"
    name_field = "stage_name"

    rest_api_id: str
    stage_name: str
    method_settings: dict[str, MethodSettings] | None = None  # by resource path and method; "*/*" is the default of all
    access_log_settings: AccessLogSettings | None = None  # left out where there are none
    tracing_enabled: bool = False  # left out where it is off


class ApiRoute(Shape):
    """A route of an HTTP or WebSocket API; without an authorization it is open."""

    route_key: str
    authorization_type: str | None = None
    api_key_required: bool | None = None


class HttpApi(Resource):
    """An HTTP or WebSocket API."""

    service, cfn_type = "apigatewayv2", "AWS::ApiGatewayV2::Api"
    listing = Listing("GetApis", at="Items", iam=GET)
    arn_format = "arn:{partition}:apigateway:{region}::/apis/{api_id}"
    id_field = "api_id"
    name_field = "name"

    api_id: str
    name: str
    protocol_type: str
    routes: Annotated[tuple[ApiRoute, ...], Call("GetRoutes", at="Items", iam=GET, ApiId="api_id")]
