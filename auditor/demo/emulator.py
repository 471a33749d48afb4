"""moto's server application without its server: set up for an audit, made quicker, and mended where it misleads."""

import io
import logging
import os
from copy import copy
from functools import cache
from typing import Any
from urllib.parse import unquote_to_bytes

from auditor.demo.protocol import Reply
from auditor.demo.recognise import Call

log = logging.getLogger(__name__)

# The account of whoever has an access key that moto does not know.
ACCOUNT = "123456789012"
# Headers that belong to the connection: the server writes its own.
HOP = frozenset({"connection", "content-length", "date", "server", "status", "transfer-encoding"})
# A question about a bucket that moto does not know it takes for a listing, and botocore for an empty answer.
LISTINGS = frozenset({"ListObjects", "ListObjectsV2", "GetObject"})
HEAD = 200


class Moto:
    """moto's own server application, without its server."""

    def __init__(self) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        self._dispatcher = DomainDispatcherApplication(create_backend_app)
        self._create = create_backend_app
        self._apps: dict[str, Any] = {}
        self._routes: dict[tuple[str, str, str], Any] = {}

    def answer(self, call: Call, environ: dict[str, Any]) -> Reply:
        """What moto says. NotImplementedError where it does not know the operation or breaks on it."""
        status, headers, body = 0, dict[str, str](), b""

        def start_response(line: str, fields: list[tuple[str, str]], _: Any = None) -> None:
            nonlocal status, headers
            status = int(line.split(" ", 1)[0])
            headers = {
                name: value for name, value in fields if name.lower() not in HOP or environ["REQUEST_METHOD"] == "HEAD"
            }

        try:
            result = self._app(call, environ)(environ, start_response)
            body = b"".join(result)
        except NotImplementedError:
            raise
        except Exception as error:
            log.debug("moto broke on %s", call.name, exc_info=True)
            raise NotImplementedError(f"{type(error).__name__}: {error}") from error
        lost = status == 404 and (body[:15].lower() == b"<!doctype html>" or not body)
        if status >= 500 or (lost and environ["REQUEST_METHOD"] != "HEAD"):
            raise NotImplementedError(f"status {status}")
        if call.service == "s3" and call.operation not in LISTINGS and b"<ListBucketResult" in body[:HEAD]:
            raise NotImplementedError("it lists the bucket instead")
        return status, headers, body

    def _app(self, call: Call, environ: dict[str, Any]) -> Any:
        """Moto's application for a call. Its own dispatcher tries two hundred patterns for each request."""
        route = (call.signed, call.region, call.service)
        if route not in self._routes:
            self._routes[route] = self._find(environ)
        return self._routes[route]

    def _find(self, environ: dict[str, Any]) -> Any:
        from moto.backend_index import backend_url_patterns
        from moto.backends import list_of_moto_modules

        path = str(environ["PATH_INFO"])
        if path.startswith("/moto-api"):
            backend = "moto_api"
        else:
            host = self._dispatcher.infer_service_region_host(environ, path) or "s3.us-east-1.amazonaws.com"
            known = host in list_of_moto_modules()
            found = (name for name, pattern in backend_url_patterns if pattern.match(f"http://{host}"))
            backend = host if known else next(found, "")
        if not backend:
            raise NotImplementedError("no such service")
        create: Any = self._create
        if backend not in self._apps:
            self._apps[backend] = create(backend)
        return self._apps[backend]


def wsgi_environ(request: Any, body: bytes) -> dict[str, Any]:
    """An aiohttp request as WSGI hands it to an application."""
    path, _, query = request.raw_path.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": request.raw_path,
        "REQUEST_URI": request.raw_path,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for raw, value in request.raw_headers:
        name, text = raw.decode("latin-1").upper().replace("-", "_"), value.decode("latin-1")
        name = name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"
        environ[name] = f"{environ[name]},{text}" if name in environ else text
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    environ["CONTENT_LENGTH"] = str(len(body))
    environ["wsgi.input"] = io.BytesIO(body)
    return environ


def account_of(call: Call) -> str:
    """The account that moto takes the caller's access key to belong to."""
    from moto.iam.models import get_account_id_from

    return str(get_account_id_from(call.access_key))


def backend(service: str, region: str = "us-east-1", account: str = ACCOUNT) -> Any:
    """What moto holds for a service in an account and region, to look into or to change behind the API's back."""
    from moto.backends import get_backend
    from moto.utilities.utils import get_partition

    regions: Any = get_backend(service)[account]  # type: ignore[call-overload]
    # Services that are one for the world are kept by partition, and so is S3.
    return regions[region] if region in regions else regions[get_partition(region)]


@cache
def require_moto() -> None:
    """Import moto, set up for an audit's needs; RuntimeError where it is not installed."""
    # Attaching arn:aws:iam::aws:policy/AdministratorAccess must work; a catalogue of AMIs per region need not.
    os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
    os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    os.environ.setdefault("MOTO_DISABLE_GLOBAL_CORS", "true")
    try:
        import moto.moto_server.werkzeug_app  # noqa: F401
    except ImportError as error:
        raise RuntimeError("the emulated account needs moto: pip install 'auditor[demo]'") from error
    _quicken()
    _mend()


def _quicken() -> None:
    """Do once what moto does over and over."""
    from moto.core import responses as core_responses
    from moto.iam import models as iam_models

    # Untyped, since what follows replaces what they hold.
    responses: Any = core_responses
    iam: Any = iam_models

    # It inspects the whole class for each request, a third of an EC2 call's time, and always finds the same.
    responses.method_names_from_class = cache(responses.method_names_from_class)

    # To learn whose a key is, it builds the IAM of all partitions, of China too, in every account.
    def account_id_from(access_key: str) -> str:
        for account, partitions in list(iam.iam_backends.items()):
            if any(access_key in held.access_keys for held in list(partitions.values())):
                return str(account)
        return ACCOUNT

    iam.get_account_id_from = account_id_from

    # It parses the documents of 1,600 policies anew for every account, and after every reset.
    parse = iam.IAMBackend._init_aws_policies

    templates: dict[str, list[Any]] = {}

    def init_aws_policies(held: Any) -> list[Any]:
        if held.partition not in templates:
            templates[held.partition] = parse(held)
        return [copy(policy) for policy in templates[held.partition]]

    iam.IAMBackend._init_aws_policies = init_aws_policies


def _mend() -> None:
    """Let get_account_authorization_details name its policies, and keep to the AWS-managed ones that are attached."""
    from moto.iam import models as iam_models

    iam: Any = iam_models
    iam.Policy.policy_name = property(lambda policy: policy.name)
    iam.Policy.policy_id = property(lambda policy: policy.id)
    everything = iam.IAMBackend.get_account_authorization_details

    def authorization_details(held: Any, policy_filter: list[str]) -> dict[str, Any]:
        found: dict[str, Any] = everything(held, policy_filter)
        kept = [
            policy
            for policy in found["managed_policies"]
            if not isinstance(policy, iam.AWSManagedPolicy) or policy.attachment_count
        ]
        return found | {"managed_policies": kept}

    iam.IAMBackend.get_account_authorization_details = authorization_details


def empty_accounts() -> None:
    """Forget all that moto holds, in every account and region.

    moto's own reset builds every backend anew before it throws it away, default VPCs and all: a second for nothing.
    Only the few that have something to close (S3 its files, Batch its threads) are asked to.
    """
    from moto.core.base_backend import BackendDict, BaseBackend, backend_lock
    from moto.core.model_instances import reset_model_data

    services: list[Any] = BackendDict._instances  # type: ignore[misc]
    with backend_lock:
        for service in services:
            for _, _, held in list(service.iter_backends()):
                if type(held).reset is not BaseBackend.reset:
                    held.reset()
            service.clear()
        services.clear()
    reset_model_data()
