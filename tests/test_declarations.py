"""Every declaration held against botocore's own service models, offline: what AWS does not have cannot be declared."""

import re
import typing
from collections.abc import Iterator
from typing import Any

import pytest
from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

import auditor.resources  # noqa: F401 - declares every resource
from auditor.aws.clients import DATA_PATH
from auditor.aws.paging import paging
from auditor.aws.session import OPENING
from auditor.fetch import Call, Join, Listing, Metric
from auditor.model import Resource, details, operations, operations_of
from auditor.model import Shape as Model

LOADER = Loader()
LOADER.search_paths.insert(0, DATA_PATH)
KINDS = sorted(Resource.kinds.values(), key=lambda kind: kind.__name__)
READS = ("Get", "List", "Describe", "Lookup", "Search", "BatchGet", "Scan")
# Not named like reads, and yet they are: IAM computes a report, Elastic Beanstalk looks a name up; nothing changes.
READS_BY_ANOTHER_NAME = {
    ("iam", "GenerateCredentialReport"),
    ("iam", "GenerateServiceLastAccessedDetails"),
    ("elasticbeanstalk", "CheckDNSAvailability"),
}
# S3's model names hardly any of its error codes; these are in its API reference ("Error responses").
S3_CODES = {
    "NoSuchBucketPolicy", "NoSuchPublicAccessBlockConfiguration", "OwnershipControlsNotFoundError",
    "ReplicationConfigurationNotFoundError", "ServerSideEncryptionConfigurationNotFoundError",
    "NoSuchLifecycleConfiguration", "NoSuchTagSet", "NoSuchCORSConfiguration", "NoSuchWebsiteConfiguration",
    "ObjectLockConfigurationNotFoundError",
}  # fmt: skip
TOKENS = {"nexttoken", "marker", "nextmarker", "continuationtoken", "nextcontinuationtoken", "istruncated"}
# Fields that a resource has from its place in the account, not from an answer.
CONTEXT = set(Resource.model_fields)
STATISTICS = {"Average", "Maximum", "Minimum", "SampleCount", "Sum"}
PERCENTILE = re.compile(r"p\d{1,2}(\.\d{1,2})?")
_MODELS: dict[str, ServiceModel] = {}


def service_model(service: str) -> ServiceModel:
    if service not in _MODELS:
        _MODELS[service] = ServiceModel(LOADER.load_service_model(service, "service-2"), service)
    return _MODELS[service]


def operation_model(service: str, name: str) -> OperationModel:
    model = service_model(service)
    assert name in model.operation_names, f"{service} has no operation {name}"
    return model.operation_model(name)


def walk(shape: Shape | None, path: str) -> Shape:
    """The shape at a declared path; lists on the way are entered."""
    for part in path.split(".") if path else ():
        if isinstance(shape, ListShape):
            shape = shape.member
        assert isinstance(shape, StructureShape), f"{part} of {path}: there is no structure to look into"
        assert part in shape.members, f"{shape.name} has no member {part}"
        shape = shape.members[part]
    assert shape is not None
    return shape


def check_fields(model: type[Model], shape: Shape, ignore: frozenset[str] = frozenset()) -> None:
    """Every field is a member of the shape, and so on downwards."""
    if isinstance(shape, ListShape):
        shape = shape.member
    if not isinstance(shape, StructureShape):
        return
    members = {xform_name(name): member for name, member in shape.members.items()}
    for name, info in model.model_fields.items():
        if name in ignore:
            continue
        spellings = {name} if info.validation_alias is None else set(info.validation_alias.choices)  # type: ignore[union-attr]
        known = spellings & members.keys()
        assert known, f"{model.__name__}.{name} is no member of {shape.name}"
        for inner in models_in(info.annotation):
            check_fields(inner, members[known.pop()] if len(known) == 1 else members[name])


def models_in(annotation: Any) -> Iterator[type[Model]]:
    """The shapes of ours that a type annotation holds, a scan's result excepted: it is not what AWS sends."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        yield annotation
    for part in typing.get_args(annotation):
        yield from models_in(part)


def check_params(operation: OperationModel, given: set[str]) -> None:
    shape = operation.input_shape
    members = set(shape.members) if shape else set()
    assert given <= members, f"{operation.name} takes no {sorted(given - members)}"
    required = set(shape.required_members) if shape else set()
    assert required <= given, f"{operation.name} needs {sorted(required - given)}"


def check_codes(operation: OperationModel, codes: tuple[str, ...]) -> None:
    service = operation.service_model.service_name
    modelled = {code for shape in operation.error_shapes for code in (shape.name, shape.error_code) if code}
    for code in codes:
        assert code in modelled or (service in ("s3", "s3control") and code in S3_CODES), f"{operation.name}: {code}?"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_listing(kind: type[Resource]) -> None:
    listing = kind.listing
    assert isinstance(listing, Listing)
    operation = operation_model(kind.service, listing.operation)
    check_codes(operation, listing.absent)
    for asked in operations_of(kind):
        operation_model(asked.service, asked.name)
    if listing.fetch is not None:
        return
    check_params(operation, set(listing.params) | set(listing.by))
    shape = walk(operation.output_shape, listing.at)
    if listing.then is not None:
        second = operation_model(kind.service, listing.then.operation)
        check_params(second, {*listing.then.params, *listing.by, listing.then.ids})
        shape = walk(second.output_shape, listing.then.at)
    if listing.name is not None:
        return
    inherited = {xform_name(name) for name in listing.by}
    check_fields(kind, shape, frozenset(CONTEXT | set(details(kind)) | inherited))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_identity(kind: type[Resource]) -> None:
    for name in (kind.id_field, kind.name_field):
        assert name is None or name in kind.model_fields or hasattr(kind, name)
    assert kind.cfn_type.startswith("AWS::")
    assert kind.wildcard_arn("aws", "123456789012", "eu-west-1").endswith("*")
    assert kind.wildcard_arn("aws", "123456789012", "eu-west-1").startswith("arn:aws:")


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind in KINDS for name in details(kind)],
    ids=lambda part: getattr(part, "__name__", part),
)
def test_detail(kind: type[Resource], name: str) -> None:
    detail = details(kind)[name]
    operation = operation_model(detail.service or kind.service, detail.operation)
    if isinstance(detail, Join):
        check_params(operation, {*detail.const, *([detail.ids] if detail.ids else [])})
        assert detail.field in kind.model_fields
        assert detail.key in walk(operation.output_shape, detail.at).member.members
        return
    if isinstance(detail, Metric):
        assert all(name in kind.model_fields or hasattr(kind, name) for name in detail.params.values())
        assert detail.statistic in STATISTICS or PERCENTILE.fullmatch(detail.statistic)
        # What CloudWatch keeps: a minute's values for 15 days, five minutes' for 63, an hour's for 455.
        kept = 15 if detail.period < 300 else 63 if detail.period < 3600 else 455
        assert detail.period % 60 == 0 and detail.days <= kept
        return
    check_codes(operation, detail.absent)
    for asked in operations_of(kind, name):
        operation_model(asked.service, asked.name)
    assert all(name in kind.model_fields or hasattr(kind, name) for name in detail.params.values())
    if detail.fetch is not None:
        return
    check_params(operation, set(detail.const) | set(detail.params))
    shape = walk(operation.output_shape, detail.at)
    if not isinstance(shape, MapShape):
        for model in models_in(kind.model_fields[name].annotation):
            check_fields(model, shape)


def asked_in_full(kind: type[Resource]) -> Iterator[tuple[str, str]]:
    """The operations that the collector pages by itself: an escape hatch answers for its own."""
    listing = kind.listing
    assert listing is not None
    if listing.fetch is None:
        yield kind.service, listing.operation
    if listing.then is not None:
        yield kind.service, listing.then.operation
    for detail in details(kind).values():
        if isinstance(detail, Join | Metric) or detail.fetch is None:
            yield detail.service or kind.service, detail.operation


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_nothing_is_read_by_its_first_page_only(kind: type[Resource]) -> None:
    for service, name in asked_in_full(kind):
        operation = operation_model(service, name)
        outputs = set(operation.output_shape.members) if operation.output_shape else set()
        if not {token for token in outputs if token.lower() in TOKENS}:
            continue
        version = service_model(service).api_version
        table = LOADER.load_service_model(service, "paginators-1", version)["pagination"]
        assert paging(table, operation), f"{service}:{name} is paged, and nothing says how: give it a fetch"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_operation_reads(kind: type[Resource]) -> None:
    for operation in operations(kind):
        assert operation.name.startswith(READS) or (operation.service, operation.name) in READS_BY_ANOTHER_NAME
        prefix, _, action = operation.iam_action.partition(":")
        assert prefix.islower() and action[:1].isupper(), operation.iam_action


def test_what_the_session_asks_is_declared() -> None:
    declared = {operation for kind in KINDS for operation in operations(kind)}
    assert set(OPENING) <= declared


def test_a_detail_is_a_call_a_join_or_a_metric() -> None:
    assert all(isinstance(detail, Call | Join | Metric) for kind in KINDS for detail in details(kind).values())
