"""Clients at a tenth of what they cost plainly: what botocore makes anew for each of them is made once per service.

A scan needs a client for every service and region, some 500. Built plainly, each copies the session's tree of event
handlers node by node, reads its service's endpoint rules anew, puts the User-Agent together four times and asks the
configuration chain forty questions. None of that depends on the client. And a client looks up the endpoint of every
call, though it is the same for every call whose parameters do not matter.

What is here leans on extension points where botocore has them (`event_hooks`, `user_agent_creator`, `config_store`)
and on private methods of aiobotocore where it has none; the dependency is pinned to the minor version for that reason.
"""

from collections.abc import Iterator, Set
from datetime import datetime
from typing import Any, ClassVar, Self

from aiobotocore.args import AioClientArgsCreator
from aiobotocore.client import AioClientCreator
from aiobotocore.hooks import AioHierarchicalEmitter
from aiobotocore.regions import AioEndpointRulesetResolver
from aiobotocore.session import AioSession
from botocore import retryhandler, translate
from botocore.endpoint_provider import EndpointProvider
from botocore.model import ServiceModel
from botocore.utils import parse_timestamp

from auditor.fetch import Listing, Operation
from auditor.model import Resource, operations

# botocore's credential providers ask these for more than resources declare.
WHOLE = frozenset({"sso", "sso-oidc", "sts"})
NO_RULES: dict[str, Any] = {"version": "1.0", "parameters": {}, "rules": []}


def read_timestamp(value: Any) -> datetime:
    """A time as AWS writes it. Its usual form is read at a twentieth of the cost, every other as botocore does."""
    if isinstance(value, str) and value.endswith("Z"):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            pass
    parsed: datetime = parse_timestamp(value)
    return parsed


def declared(service: str) -> frozenset[str]:
    """The operations of a service that any resource may ask: the door lets no other through."""
    return frozenset(op.name for kind in _kinds(Resource) for op in operations(kind) if op.service == service)


def _kinds(base: type[Resource]) -> Iterator[type[Resource]]:
    """Every declared type, also those that are registered nowhere."""
    for kind in base.__subclasses__():
        if "cfn_type" in kind.__dict__ and isinstance(getattr(kind, "listing", None), Listing):  # one refused has none
            yield kind
        yield from _kinds(kind)


def _kept(description: dict[str, Any], names: Set[str]) -> dict[str, Any]:
    """What these operations need of a service model, and nothing that it says for people. Takes the whole apart.

    Whole, the models of sixty services take more memory than all the rest of a scan.
    """
    kept = {name: entry for name, entry in description["operations"].items() if name in names}
    shapes = description["shapes"]
    wanted: dict[str, Any] = {}
    queue = [
        part for entry in kept.values() for part in (entry.get("input"), entry.get("output"), *entry.get("errors", ()))
    ]
    while queue:
        part = queue.pop()
        if part is None or part["shape"] in wanted:
            continue
        shape = wanted[part["shape"]] = shapes[part["shape"]]
        queue += [*shape.get("members", {}).values(), shape.get("member"), shape.get("key"), shape.get("value")]
    for entry in (*kept.values(), *wanted.values()):
        entry.pop("documentation", None)
        for member in (*entry.get("members", {}).values(), entry.get("member", {})):
            member.pop("documentation", None)
    return {**description, "operations": kept, "shapes": wanted}


class Emitter(AioHierarchicalEmitter):  # type: ignore[misc]
    """Calls event handlers, as every emitter does. A session is made with one (`event_hooks`)."""

    def __init__(self) -> None:
        super().__init__()
        self._handlers = _Handlers({})


class _Handlers:
    """Handlers by event name, parts of which may be `*`: botocore's tree as a flat table, which is copied at once."""

    def __init__(self, table: dict[tuple[str, ...], tuple[tuple[Any, ...], ...]]) -> None:
        # The handlers of a name in three sections: first, middle, last. Every beginning of a name is there too.
        self._table = table

    def __copy__(self) -> Self:
        return type(self)(self._table.copy())

    def append_item(self, key: str, value: Any, section: int = 1) -> None:
        """Add a handler of an event."""
        parts = tuple(key.split("."))
        for end in range(len(parts) + 1):
            self._table.setdefault(parts[:end], ((), (), ()))
        self._table[parts] = tuple(
            (*handlers, value) if number == section else handlers for number, handlers in enumerate(self._table[parts])
        )

    def remove_item(self, key: str, value: Any) -> None:
        """Take a handler out again. Raises ValueError where the event has none at all."""
        parts = tuple(key.split("."))
        if parts not in self._table:
            raise ValueError(f"nothing handles {key}")
        sections = list(self._table[parts])
        for number, handlers in enumerate(sections):
            if value in handlers:
                at = handlers.index(value)
                sections[number] = handlers[:at] + handlers[at + 1 :]
                break
        self._table[parts] = tuple(sections)

    def prefix_search(self, key: str) -> list[Any]:
        """The handlers of an event and of every beginning of its name, from the most to the least specific."""
        parts = key.split(".")
        found: list[tuple[Any, ...]] = []

        def visit(name: tuple[str, ...]) -> None:
            sections = self._table.get(name)
            if sections is None:
                return
            found.append(sections[0] + sections[1] + sections[2])
            if len(name) < len(parts):
                visit((*name, parts[len(name)]))
                visit((*name, "*"))

        visit(())
        return [handler for handlers in reversed(found) for handler in handlers]


class _Settings:
    """The session's configuration chain, each question asked once. It does not change while an account is audited."""

    def __init__(self, chain: Any) -> None:
        self._chain = chain
        self._known: dict[str, Any] = {}

    def get_config_variable(self, name: str) -> Any:
        if name not in self._known:
            self._known[name] = self._chain.get_config_variable(name)
        return self._known[name]


class _UserAgent:
    """The User-Agent text, put together once per session: botocore does it for each client and again for each call."""

    def __init__(self, text: str) -> None:
        self._text = text

    def with_client_config(self, _: Any) -> Self:
        return self

    def to_string(self) -> str:
        return self._text

    def rebuild_and_replace_user_agent_handler(self, **_: Any) -> None:
        """Nothing: the request has it."""


class _Resolver(AioEndpointRulesetResolver):  # type: ignore[misc]
    """Finds a call's endpoint by its service's rules, and remembers it where no parameter has a say in it."""

    def __init__(self, plain: AioEndpointRulesetResolver, provider: EndpointProvider) -> None:
        self.__dict__.update(vars(plain))
        self._provider, self._param_definitions = provider, provider.ruleset.parameters
        self._known: dict[tuple[tuple[str, Any], ...], Any] = {}
        self._keys: dict[str, tuple[tuple[str, Any], ...] | None] = {}

    async def construct_endpoint(self, operation_model: Any, call_args: Any, request_context: Any) -> Any:
        name = operation_model.name
        if name not in self._keys:
            self._keys[name] = self._key(operation_model)
        key = self._keys[name]
        if key is None:
            return await super().construct_endpoint(operation_model, call_args, request_context)
        if key not in self._known:
            self._known[key] = await super().construct_endpoint(operation_model, call_args, request_context)
        return self._known[key]

    def _key(self, operation: Any) -> tuple[tuple[str, Any], ...] | None:
        """What of an operation decides on its endpoint; None where its parameters or an event handler (S3's) do."""
        event = f"before-endpoint-resolution.{self._service_model.service_id.hyphenize()}"
        if operation.context_parameters or operation.operation_context_parameters:
            return None
        if self._event_emitter._handlers.prefix_search(event):
            return None
        return tuple((param.name, param.value) for param in operation.static_context_parameters)


class _Args(AioClientArgsCreator):  # type: ignore[misc]
    """Makes a client's parts, of which the endpoint rules are shared by all clients of a service."""

    _providers: ClassVar[dict[str, EndpointProvider]] = {}

    def _build_endpoint_resolver(
        self, endpoints_ruleset_data: Any, partition_data: Any, client_config: Any, service_model: Any, *rest: Any
    ) -> Any:
        if endpoints_ruleset_data is None:
            return None
        plain = super()._build_endpoint_resolver(NO_RULES, partition_data, client_config, service_model, *rest)
        name = service_model.service_name
        if name not in self._providers:
            self._providers[name] = EndpointProvider(endpoints_ruleset_data, partition_data)
        return _Resolver(plain, self._providers[name])


class Creator(AioClientCreator):  # type: ignore[misc]
    """Makes the clients of a session that has an `Emitter`; whatever the number of accounts, a service's class once."""

    _classes: ClassVar[dict[tuple[str, frozenset[str]], type]] = {}
    _models: ClassVar[dict[tuple[str, str | None, frozenset[str]], Any]] = {}

    def __init__(self, session: AioSession, config: Any) -> None:
        agent = session.get_component("user_agent_creator")
        agent.set_session_config(
            session_user_agent_name=session.user_agent_name,
            session_user_agent_version=session.user_agent_version,
            session_user_agent_extra=session.user_agent_extra,
        )
        parsers = session.get_component("response_parser_factory")
        parsers.set_parser_defaults(timestamp_parser=read_timestamp)
        self._wanted: dict[str, frozenset[str]] = {}
        self.also: set[Operation] = set()  # what may be asked besides what is declared
        super().__init__(
            session.get_component("data_loader"),
            session._get_internal_component("endpoint_resolver"),
            session.user_agent(),
            # Without the translation of old event names before it: clients only ever use the new ones.
            session.get_component("event_emitter")._emitter,
            retryhandler,
            translate,
            parsers,
            session._get_internal_component("exceptions_factory"),
            _Settings(session.get_component("config_store")),
            user_agent_creator=_UserAgent(agent.with_client_config(config).to_string()),
            auth_token_resolver=session.get_auth_token,
        )

    def _load_service_model(self, service_name: str, api_version: str | None = None) -> Any:
        if service_name not in self._wanted:
            also = {op.name for op in self.also if op.service == service_name}
            self._wanted[service_name] = declared(service_name) | also
        key = (service_name, api_version, self._wanted[service_name])
        if key not in self._models:
            description = self._loader.load_service_model(service_name, "service-2", api_version=api_version)
            names = description["operations"].keys() if service_name in WHOLE else self._wanted[service_name]
            self._models[key] = ServiceModel(_kept(description, names), service_name=service_name)
            self._forget(service_name)
        return self._models[key]

    def _load_service_endpoints_ruleset(self, service_name: str, api_version: str | None = None) -> Any:
        if service_name in _Args._providers:
            return NO_RULES  # any will do: those that the provider was made of are in it
        rules = super()._load_service_endpoints_ruleset(service_name, api_version)
        self._forget(service_name, "endpoint-rule-set-1")
        return rules

    def _forget(self, service_name: str, what: str = "service-2") -> None:
        """Let the loader, which all sessions share, drop a file of a service: who needs it again reads it again."""
        held: dict[tuple[Any, ...], Any] = self._loader._cache
        whole = [
            key
            for key in held
            if any(str(part).endswith(what) for part in key)
            and any(part == service_name or str(part).startswith(f"{service_name}/") for part in key)
        ]
        for key in whole:
            del held[key]

    async def _create_client_class(self, service_name: str, service_model: Any) -> type:
        key = (service_name, self._wanted[service_name])
        if key not in self._classes:
            self._classes[key] = await super()._create_client_class(service_name, service_model)
        return self._classes[key]

    async def _get_client_args(self, *args: Any) -> Any:
        parts = _Args(
            self._event_emitter, self._user_agent, self._response_parser_factory, self._loader,
            self._exceptions_factory, config_store=self._config_store, user_agent_creator=self._user_agent_creator,
        )  # fmt: skip
        return await parts.get_client_args(*args)

    def _register_retries(self, client: Any) -> None:
        """Nothing: the door retries, and nothing else does."""
