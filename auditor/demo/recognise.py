"""Which call of which AWS service an HTTP request is: `s3:GetBucketPolicy` in `eu-west-1`, by access key `AKIA...`."""

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import botocore

from auditor.aws.clients import DATA_PATH

SCOPE = re.compile(r"Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
ACTION = re.compile(rb"(?:^|&)Action=(\w+)")
VERSION = re.compile(rb"(?:^|&)Version=([\d-]+)")
CBOR = re.compile(r"^/service/([^/]+)/operation/(\w+)$")
# Enough of a service model's file to hold its metadata, which stands at its head.
HEAD = 4096
# What AWS accepts as signing name beside the one in the service model: endpoint rules override it.
SIGNED_AS = {"s3express": "s3", "s3-outposts": "s3", "s3-object-lambda": "s3", "IngestionService": "importexport"}


@dataclass(frozen=True, slots=True)
class Call:
    """One request, recognised. `labels` are the values in the path; `signed` is the name that it was signed for."""

    service: str
    operation: str
    region: str
    protocol: str
    access_key: str = ""
    signed: str = ""
    labels: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """`service:Operation`, as `deny` and `answers` spell it."""
        return f"{self.service}:{self.operation}"


@cache
def services() -> Mapping[str, Mapping[str, Any]]:
    """Every service that botocore knows, by client name, with its metadata (protocol, signing name, version).

    Reads the head of each file only: loading four hundred models to learn their names would take seconds.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for folder in sorted((Path(botocore.__file__).parent / "data").iterdir()):
        for file in sorted(folder.glob("*/service-2.json*"), reverse=True)[:1]:
            with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
                head = stream.read(HEAD).decode(errors="ignore")
            start = head.index("{", head.index('"metadata"'))
            found[folder.name] = json.JSONDecoder().raw_decode(head[start:])[0]
    return found


@cache
def clients_signing_as(signed: str) -> tuple[str, ...]:
    """Client names that sign as `signed`: the one of that name first, since `rds` is more often rds than neptune."""
    signed = SIGNED_AS.get(signed, signed)
    names = [name for name, head in services().items() if (head.get("signingName") or head["endpointPrefix"]) == signed]
    return tuple(sorted(names or [signed], key=lambda name: (name != signed, name)))


@cache
def service_model(service: str) -> Any:
    """Moto's view of botocore's model of a service, with the members that the scan's own clients add to it."""
    from moto.core.loaders import create_loader
    from moto.core.model import ServiceModel

    loader = create_loader()
    loader.search_paths.insert(0, DATA_PATH)
    loader.extras_types.append("sdk")
    return ServiceModel(loader.load_service_model(service, "service-2"), service)


@cache
def has_operation(service: str, operation: str) -> bool:
    """Whether botocore knows this operation."""
    return service in services() and operation in service_model(service).operation_names


def check_name(entry: str) -> None:
    """Raise ValueError where `service`, `service:Operation` or `service:Operation@region` names nothing that exists."""
    name, _, _ = entry.partition("@")
    service, _, operation = name.partition(":")
    if service not in services():
        raise ValueError(f"{entry}: botocore has no client called {service!r}")
    if operation and not has_operation(service, operation):
        raise ValueError(f"{entry}: botocore's {service} has no operation {operation!r}")


@cache
def _router(service: str) -> Any:
    """Moto's table of a REST service's methods and paths."""
    from moto.core.routing import get_router_class

    model = service_model(service)
    router = get_router_class(service, model.protocol)
    if router is None:
        raise LookupError(f"{service} speaks {model.protocol}, which has no paths")
    return router(model)


def recognise(environ: Mapping[str, Any], body: bytes) -> Call:
    """Tell the call from a WSGI environment and the request's body."""
    key, region, signed = _scope(environ.get("HTTP_AUTHORIZATION", ""), environ["QUERY_STRING"])
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target and not signed:
        service, operation, protocol = _by_target(tuple(services()), target)
    elif target:
        service, operation, protocol = _by_target(clients_signing_as(signed), target)
    elif action := ACTION.search(_form(environ, body)):
        version = VERSION.search(_form(environ, body))
        service, protocol = _by_version(signed, version[1].decode() if version else "")
        operation = action[1].decode()
    else:
        names = clients_signing_as(signed or "s3")
        service, operation, protocol, labels = _by_path(names, environ)
        return Call(service, operation, region, protocol, key, signed, labels)
    return Call(service, operation, region, protocol, key, signed)


@lru_cache(4096)
def _scope(authorization: str, query: str) -> tuple[str, str, str]:
    """Access key, region and signing name, from the header or a presigned URL."""
    found = SCOPE.search(authorization)
    if not found and "X-Amz-Credential" in query:
        found = SCOPE.search(unquote(query).replace("X-Amz-Credential=", "Credential="))
    return (found[1], found[2], found[3]) if found else ("", "us-east-1", "")


def _form(environ: Mapping[str, Any], body: bytes) -> bytes:
    """Where the query protocol keeps its parameters: the body, or for a GET the query string."""
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        return body
    return str(environ["QUERY_STRING"]).encode() if environ["REQUEST_METHOD"] == "GET" else b""


@cache
def _by_target(names: tuple[str, ...], target: str) -> tuple[str, str, str]:
    prefix, _, operation = target.rpartition(".")
    same = [name for name in names if services().get(name, {}).get("targetPrefix") == prefix]
    return (same or names)[0], operation, "json"


@cache
def _by_version(signed: str, version: str) -> tuple[str, str]:
    """Two generations of load balancers share a signing name and are told apart by the API's date."""
    names = clients_signing_as(signed) if signed else tuple(services())
    speaks = [name for name in names if services().get(name, {}).get("protocol") in ("query", "ec2")]
    dated = [name for name in speaks if services()[name]["apiVersion"] == version]
    service = (dated or speaks or list(names))[0]
    return service, "ec2" if services().get(service, {}).get("protocol") == "ec2" else "query"


def _by_path(names: tuple[str, ...], environ: Mapping[str, Any]) -> tuple[str, str, str, Mapping[str, Any]]:
    from moto.core.request import Request
    from werkzeug.exceptions import HTTPException

    path = str(environ["PATH_INFO"])
    if cbor := CBOR.match(path):
        return names[0], cbor[2], "smithy-rpc-v2-cbor", {}
    request = Request(dict(environ))
    for service in _candidates(names, path):
        try:
            operation, labels = _router(service).match(request)
        except (HTTPException, LookupError):
            continue
        return service, str(operation.name), str(services()[service]["protocol"]), labels
    protocol = str(services().get(names[0], {}).get("protocol", "rest-json"))
    return names[0], f"{environ['REQUEST_METHOD']} {path}", protocol, {}


def _candidates(names: tuple[str, ...], path: str) -> Iterator[str]:
    """The services to try: an object's key in S3 can look like anything, so s3control goes by its dated prefix."""
    if names[0] == "s3":
        yield "s3control" if path.startswith("/v20180820/") else "s3"
        return
    for name in names:
        if str(services().get(name, {}).get("protocol", "")).startswith("rest-"):
            yield name
