"""Answers and errors in the form that each AWS protocol gives them on the wire."""

import io
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

from auditor.demo.recognise import Call, check_name, service_model, services

REQUEST_ID = "00000000-0000-4000-8000-000000000000"


class Error(Exception):
    """An error that AWS would answer with: return it from an answer, or raise it there."""

    def __init__(self, code: str, message: str = "", status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message or code, status


Params = Mapping[str, Any]
# What a call is answered with. A callable gets parameters, region and account; None from it means "ask moto".
Callback = Callable[[Params, str, str], Mapping[str, Any] | Error | None]
Answer = Mapping[str, Any] | Error | Callback
Reply = tuple[int, dict[str, str], bytes]

TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "character": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "timestamp": datetime,
    "blob": (bytes, bytearray),
    "list": (list, tuple),
    "map": Mapping,
    "structure": Mapping,
}
# Strings that botocore hands out parsed: an answer may give the document instead of its text.
DOCUMENTS = {"iam": ("policyDocumentType",), "cloudformation": ("TemplateBody",)}
# Codes of a refused call, where they are not the protocol's usual ones.
DENIED = {"ec2": "UnauthorizedOperation", "sns": "AuthorizationError", "sqs": "AccessDenied"}


def denied(call: Call, account: str) -> Error:
    """What AWS says to a caller without permission for this call."""
    usual = "AccessDeniedException" if "json" in call.protocol or "cbor" in call.protocol else "AccessDenied"
    message = (
        f"User: arn:aws:iam::{account}:user/moto is not authorized to perform: {call.name} "
        f"because no identity-based policy allows the {call.name} action"
    )
    status = 400 if call.protocol == "json" else 403
    return Error(DENIED.get(call.service, usual), message, status)


def serialise_error(call: Call, error: Error) -> Reply:
    """Put an error into the form of the protocol that the request spoke."""
    code, message = escape(error.code), escape(error.message)
    inner = f"<Code>{code}</Code><Message>{message}</Message>"
    match call.protocol:
        case "ec2":
            text = f"<Response><Errors><Error>{inner}</Error></Errors><RequestID>{REQUEST_ID}</RequestID></Response>"
        case "rest-xml" if call.service == "s3":
            text = f"<Error>{inner}<RequestId>{REQUEST_ID}</RequestId><HostId>demo</HostId></Error>"
        case "query" | "rest-xml":
            kind = "Sender" if error.status < 500 else "Receiver"
            inner = f"<Type>{kind}</Type>{inner}"
            text = f"<ErrorResponse><Error>{inner}</Error><RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
        case "smithy-rpc-v2-cbor":
            headers = {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
            return error.status, headers, _cbor({"__type": error.code, "message": error.message})
        case _:
            return _json_error(call, error)
    headers = {"Content-Type": "application/xml", "x-amzn-RequestId": REQUEST_ID}
    return error.status, headers, b'<?xml version="1.0" encoding="UTF-8"?>\n' + text.encode()


def _json_error(call: Call, error: Error) -> Reply:
    head = services().get(call.service, {})
    version = head.get("jsonVersion", "1.1") if call.protocol == "json" else None
    headers = {
        "Content-Type": f"application/x-amz-json-{version}" if version else "application/json",
        "x-amzn-ErrorType": error.code,
        "x-amzn-RequestId": REQUEST_ID,
    }
    if "awsQueryCompatible" in head:
        headers["x-amzn-query-error"] = f"{error.code};{'Sender' if error.status < 500 else 'Receiver'}"
    body = {"__type": error.code, "message": error.message, "Message": error.message}
    return error.status, headers, json.dumps(body).encode()


def _cbor(texts: Mapping[str, str]) -> bytes:
    """A CBOR map of texts: all that an error needs, and no library is at hand."""
    parts = [bytes([0xA0 + len(texts)])]
    for text in (each for pair in texts.items() for each in pair):
        raw = text.encode()
        parts.append(b"\x79" + len(raw).to_bytes(2, "big") + raw)
    return b"".join(parts)


def parse(call: Call, environ: Mapping[str, Any], body: bytes) -> dict[str, Any]:
    """The parameters of a request, spelled as botocore takes them."""
    from moto.core.parse import PROTOCOL_PARSERS
    from moto.core.request import Request

    # Its own copy of the body: reading moto's would leave moto none.
    request = Request({**environ, "wsgi.input": io.BytesIO(body)})
    parser = PROTOCOL_PARSERS[call.protocol](service_model(call.service).operation_model(call.operation))
    parsed: dict[str, Any] = parser.parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.get_data(),
            "url_path": request.path,
            "url_params": dict(call.labels),
        }
    )
    return parsed


def serialise(service: str, operation: str, answer: Mapping[str, Any]) -> Reply:
    """Put an answer, spelled as botocore would return it, into its service's protocol."""
    serializer = _serializer(service, operation)
    model = service_model(service).operation_model(operation)
    if model.output_shape is not None:
        answer = _texts(service, model.output_shape, answer)
    reply = serializer.serialize(answer)
    body = reply["body"]
    return reply["status_code"], dict(reply["headers"]), body.encode() if isinstance(body, str) else bytes(body)


@cache
def _serializer_class(service: str) -> Any:
    from moto.core.serialize import get_serializer_class

    protocol = service_model(service).protocol
    try:
        return get_serializer_class(service, protocol)
    except KeyError:
        raise ValueError(f"{service}: no answers in the protocol {protocol}") from None


def _serializer(service: str, operation: str) -> Any:
    return _serializer_class(service)(service_model(service).operation_model(operation))


def _texts(service: str, shape: Any, value: Any) -> Any:
    """Write out the documents that botocore parses for its caller (IAM policies come URL-encoded)."""
    if value is None or service not in DOCUMENTS:
        return value
    if shape.type_name == "structure":
        members = shape.members
        return {name: _texts(service, members[name], each) for name, each in value.items() if name in members}
    if shape.type_name == "list":
        return [_texts(service, shape.member, each) for each in value]
    if shape.name in DOCUMENTS[service]:
        text = value if isinstance(value, str) else json.dumps(value)
        return quote(text) if service == "iam" else text
    return value


def validate_answer(service: str, operation: str, answer: Mapping[str, Any]) -> None:
    """Raise ValueError, naming the member, where botocore could not have returned this answer."""
    check_name(f"{service}:{operation}")
    _serializer_class(service)
    shape = service_model(service).operation_model(operation).output_shape
    given = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
    where = f"{service}:{operation}"
    if shape is None:
        if given:
            raise ValueError(f"{where}: returns nothing, and was given {sorted(given)}")
        return
    _validate(service, shape, given, where)


def _validate(service: str, shape: Any, value: Any, where: str) -> None:
    kind = shape.type_name
    if getattr(shape, "is_document_type", False):
        return
    if kind == "string" and shape.name in DOCUMENTS.get(service, ()) and isinstance(value, Mapping):
        return
    # S3 names us-east-1 by saying nothing, which botocore returns as None.
    if value is None and where == "s3:GetBucketLocation.LocationConstraint":
        return
    fits: bool = isinstance(value, TYPES[kind])
    if not fits or (isinstance(value, bool) and kind != "boolean"):
        raise ValueError(f"{where}: is {type(value).__name__}, not {kind}")
    if isinstance(value, datetime) and value.tzinfo is None:
        raise ValueError(f"{where}: is a time without a time zone")
    if kind == "structure":
        _validate_structure(service, shape, value, where)
    elif kind == "list":
        for at, each in enumerate(value):
            _validate(service, shape.member, each, f"{where}[{at}]")
    elif kind == "map":
        for key, each in value.items():
            _validate(service, shape.key, key, f"{where} key {key!r}")
            _validate(service, shape.value, each, f"{where}[{key!r}]")


def _validate_structure(service: str, shape: Any, value: Mapping[str, Any], where: str) -> None:
    for name in shape.required_members:
        if name not in value:
            raise ValueError(f"{where}.{name}: is required and missing")
    for name, each in value.items():
        if name not in shape.members:
            raise ValueError(f"{where}.{name}: botocore's {shape.name} has no such member")
        _validate(service, shape.members[name], each, f"{where}.{name}")
