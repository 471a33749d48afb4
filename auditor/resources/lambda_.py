"""Lambda functions, what feeds them, and their aliases and provisioned concurrency."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict

from auditor.fetch import Call, Listing, Metric
from auditor.model import Document, Resource, Shape
from auditor.secrets import SecretMatch, scan_environment

LEAST_MEMORY = 128  # MB: what a function gets when nobody says how much


class ScannedEnvironment(BaseModel):
    """What is kept of a function's environment: which variables hold secrets, and why it could not be judged.

    Lambda gives an error in place of the values where it may not use the key that they are encrypted with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    matches: tuple[SecretMatch, ...]
    unread: str | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Judge an environment as Lambda gives it."""
        if error := given.get("Error"):
            return cls(matches=(), unread=str(error.get("ErrorCode") or "Error"))
        return cls(matches=scan_environment(given.get("Variables") or {}))


def _scanned(value: object) -> object:
    """Scan AWS's answer, pass a snapshot's. A misfit is named by its type, because errors print their input."""
    match value:
        case None | ScannedEnvironment() | {"matches": _}:
            return value
        case Mapping():
            return ScannedEnvironment.of(value)
        case _:
            return type(value).__name__


class FunctionVpc(Shape):
    """Where in a VPC a function runs; all empty where it was taken out of one."""

    vpc_id: str | None = None
    subnet_ids: tuple[str, ...] = ()
    security_group_ids: tuple[str, ...] = ()


class FunctionDeadLetter(Shape):
    """Where events go that an asynchronous invocation could not handle."""

    target_arn: str | None = None


class FunctionTracing(Shape):
    """Whether a function traces by itself (Active), or only what a caller traces (PassThrough)."""

    mode: str


class FunctionLayer(Shape):
    """A version of a layer."""

    arn: str
    code_size: int | None = None


class FunctionLogging(Shape):
    """Where a function logs."""

    log_group: str | None = None


class FunctionUrl(Shape):
    """A URL of a function, or of one of its aliases. AuthType is AWS_IAM or NONE."""

    class Cors(Shape):
        """Which web pages may call it."""

        allow_origins: tuple[str, ...] = ()

    function_arn: str
    auth_type: str
    cors: Cors | None = None


class Destination(Shape):
    """Where results go."""

    destination: str | None = None


class Destinations(Shape):
    """Where what succeeded and what failed goes."""

    on_failure: Destination | None = None

    @property
    def failures_to(self) -> str | None:
        """Where what failed goes, if anywhere."""
        return self.on_failure.destination if self.on_failure is not None else None


class EventInvokeConfig(Shape):
    """What is set for asynchronous invocations."""

    destination_config: Destinations | None = None


class Function(Resource):
    """A Lambda function as it is before any version of it is published, and who may invoke it without a qualifier."""

    service, cfn_type = "lambda", "AWS::Lambda::Function"
    listing = Listing("ListFunctions", at="Functions")
    arn_format = "{function_arn}"
    id_field = "function_name"
    name_field = "function_name"

    function_name: str
    function_arn: str
    package_type: str
    runtime: str | None = None  # only of those that are no container image
    role: str
    timeout: int
    memory_size: int
    code_size: int
    vpc_config: FunctionVpc | None = None  # left out where the function never was in a VPC
    dead_letter_config: FunctionDeadLetter | None = None  # left out where there is none
    environment: Annotated[ScannedEnvironment | None, BeforeValidator(_scanned)] = None  # left out where it is empty
    tracing_config: FunctionTracing
    layers: tuple[FunctionLayer, ...] = ()  # left out where there are none
    logging_config: FunctionLogging | None = None  # endpoints that do not know it leave it out
    master_arn: str | None = None  # only of Lambda@Edge's replicas
    # A version or an alias has a policy of its own: this one says nothing about them.
    policy: Annotated[
        Document | None,
        Call("GetPolicy", at="Policy", absent=("ResourceNotFoundException",), FunctionName="function_name"),
    ]
    # Those of its aliases come with it.
    urls: Annotated[
        tuple[FunctionUrl, ...], Call("ListFunctionUrlConfigs", at="FunctionUrlConfigs", FunctionName="function_name")
    ]
    # Of the function itself, without a qualifier; None where nothing is set.
    event_invoke_config: Annotated[
        EventInvokeConfig | None,
        Call("GetFunctionEventInvokeConfig", absent=("ResourceNotFoundException",), FunctionName="function_name"),
    ]

    # Invocations, and those that were refused, day by day.
    invocations: Annotated[
        tuple[float, ...],
        Metric("AWS/Lambda", "Invocations", statistic="Sum", period=86400, days=7, FunctionName="function_name"),
    ]
    throttles: Annotated[
        tuple[float, ...],
        Metric("AWS/Lambda", "Throttles", statistic="Sum", period=86400, days=7, FunctionName="function_name"),
    ]
    # What 95 of 100 invocations stayed below, in milliseconds; only asked of those with the least memory.
    duration_p95: Annotated[
        tuple[float, ...],
        Metric(
            "AWS/Lambda", "Duration", statistic="p95", period=604800, days=7,
            when=lambda function: function.memory_size == LEAST_MEMORY, FunctionName="function_name",
        ),
    ]  # fmt: skip

    @property
    def dead_letter_target(self) -> str | None:
        """Its dead-letter queue or topic, if it has one."""
        return (self.dead_letter_config and self.dead_letter_config.target_arn) or None

    @property
    def log_group(self) -> str:
        """The log group that it writes to: Lambda names it unless somebody else did."""
        return (self.logging_config and self.logging_config.log_group) or f"/aws/lambda/{self.function_name}"


class EventSourceMapping(Resource):
    """What reads a queue, a stream or a topic of Kafka for a function."""

    service, cfn_type = "lambda", "AWS::Lambda::EventSourceMapping"
    listing = Listing("ListEventSourceMappings", at="EventSourceMappings")
    arn_format = "arn:{partition}:lambda:{region}:{account}:event-source-mapping:{uuid}"
    id_field = "uuid"

    uuid: str
    function_arn: str  # of the function, or of a version or alias
    event_source_arn: str | None = None  # left out where the source is none of AWS's
    state: str
    state_transition_reason: str | None = None
    last_processing_result: str | None = None
    maximum_batching_window_in_seconds: int = 0  # the default of all sources that may leave it out
    # Only of streams and Kafka; -1 is without a limit, as is one that is left out.
    maximum_retry_attempts: int | None = None
    maximum_record_age_in_seconds: int | None = None
    destination_config: Destinations | None = None

    @property
    def source_service(self) -> str | None:
        """The service that it reads from, such as sqs; None where that is none of AWS's."""
        return self.event_source_arn.split(":")[2] if self.event_source_arn else None

    @property
    def function(self) -> str:
        """The function's ARN without a version or alias."""
        return ":".join(self.function_arn.split(":")[:7])


class AliasRouting(Shape):
    """The share of calls that go to a second version, by version."""

    additional_version_weights: dict[str, float] | None = None


class FunctionAlias(Resource):
    """An alias of a function."""

    service, cfn_type = "lambda", "AWS::Lambda::Alias"
    listing = Listing("ListAliases", at="Aliases", per=Function, by={"FunctionName": "function_name"})
    arn_format = "{alias_arn}"
    id_field = "alias_arn"
    name_field = "name"

    alias_arn: str
    name: str
    function_name: str
    function_version: str
    routing_config: AliasRouting | None = None  # left out where all calls go to one version
    # Deployments of CodeDeploy under way: one call for a region, and only where an alias sends calls to two versions.
    deployments: Annotated[
        tuple[str, ...],
        Call(
            "ListDeployments",
            service="codedeploy",
            at="deployments",
            const={"includeOnlyStatuses": ["Created", "Queued", "InProgress", "Baking", "Ready"]},
            when=lambda alias: bool(alias.weights),
            otherwise=(),
        ),
    ]

    @property
    def weights(self) -> dict[str, float]:
        """The shares of calls that go to other versions than the alias's own."""
        return (self.routing_config and self.routing_config.additional_version_weights) or {}


class ProvisionedConcurrency(Resource):
    """What is paid for to be kept warm of a version or an alias of a function."""

    service, cfn_type = "lambda", "AWS::Lambda::ProvisionedConcurrencyConfig"
    listing = Listing(
        "ListProvisionedConcurrencyConfigs",
        at="ProvisionedConcurrencyConfigs",
        per=Function,
        by={"FunctionName": "function_name"},
    )
    arn_format = "{function_arn}"
    id_field = "function_arn"

    function_name: str
    function_arn: str  # with the version or alias
    status: str
    # The share that was used at most, day by day.
    utilization: Annotated[
        tuple[float, ...],
        Metric(
            "AWS/Lambda", "ProvisionedConcurrencyUtilization", statistic="Maximum", period=86400, days=14,
            FunctionName="function_name", Resource="resource",
        ),
    ]  # fmt: skip

    @property
    def resource(self) -> str:
        """The function with the version or alias, as CloudWatch calls it."""
        return ":".join(self.function_arn.split(":")[6:])
