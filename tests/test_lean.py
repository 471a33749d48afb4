"""Our clients ask what plain ones would: the same address, region and signature, whatever the configuration says."""

import asyncio
from typing import Any

import pytest
from aiobotocore.session import AioSession
from botocore import xform_name
from botocore.config import Config
from botocore.hooks import HierarchicalEmitter
from botocore.utils import parse_timestamp

from auditor.aws import lean
from auditor.aws.clients import Clients
from auditor.aws.credentials import Access, session
from auditor.aws.lean import Emitter, read_timestamp

BUCKET = {"Bucket": "a-bucket"}
ACCOUNT = {"AccountId": "123456789012"}
CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("s3", "GetBucketVersioning", BUCKET),
    ("s3", "GetBucketVersioning", {"Bucket": "a.bucket.with.dots"}),
    ("s3", "ListBuckets", {}),
    ("s3control", "GetPublicAccessBlock", ACCOUNT),
    ("sts", "GetCallerIdentity", {}),
    ("iam", "ListUsers", {}),
    ("iam", "ListUsers", {"Marker": "a/b+c="}),
    ("ec2", "DescribeInstances", {"MaxResults": 5}),
    ("ec2", "DescribeVolumes", {}),
    ("rds", "DescribeDBInstances", {}),
    ("dynamodb", "DescribeTable", {"TableName": "orders"}),
    ("dynamodb", "ListTables", {}),
    ("lambda", "GetPolicy", {"FunctionName": "a-function"}),
    ("kinesis", "ListStreams", {}),
    ("kinesis", "DescribeStreamSummary", {"StreamARN": "arn:aws:kinesis:eu-west-1:123456789012:stream/s"}),
    ("cloudfront", "ListDistributions", {}),
    ("route53", "ListHostedZones", {}),
    ("sqs", "GetQueueAttributes", {"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/q"}),
    ("events", "ListRules", {}),
    ("events", "DescribeEndpoint", {"Name": "e"}),
    ("apigateway", "GetRestApis", {}),
    ("stepfunctions", "ListStateMachines", {}),
    ("cloudwatch", "DescribeAlarms", {}),
]
SETTINGS = ["", "use_fips_endpoint = true", "use_dualstack_endpoint = true", "s3 =\n  addressing_style = path"]


class Sent(Exception):
    """A request at the moment when it would have left."""

    def __init__(self, request: Any) -> None:
        super().__init__(request.url)
        self.request = request


async def said(client: Any, calls: list[tuple[str, dict[str, Any]]]) -> list[Any]:
    """What a client would send: the address, the body, and the headers that do not change with the time."""

    def stop(request: Any, **_: Any) -> None:
        raise Sent(request)

    client.meta.events.register("before-send", stop)
    requests: list[Any] = []
    for name, params in calls:
        try:
            await getattr(client, xform_name(name))(**params)
        except Sent as sent:
            headers = {key.lower(): value for key, value in sent.request.headers.items()}
            scope, signed, _ = (headers.pop("authorization") + b",,").split(b",", 2)
            for varying in ("x-amz-date", "amz-sdk-invocation-id", "user-agent"):
                assert headers.pop(varying)
            requests.append((sent.request.method, sent.request.url, sent.request.body, scope, signed, headers))
        except Exception as error:
            requests.append(f"{type(error).__name__}: {error}")
    return requests


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("region", ["eu-west-1", "us-east-1", "cn-north-1", "us-gov-west-1"])
def test_the_same_requests(region: str, settings: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "config").write_text(f"[default]\n{settings}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    by_service: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for service, name, params in CALLS:
        by_service.setdefault(service, []).append((name, params))
    # Of these calls one is declared by no resource: it stands for those whose parameters decide on the address.
    monkeypatch.setattr(lean, "declared", lambda service: frozenset(name for name, _ in by_service[service]))

    async def run() -> None:
        clients = Clients(await session(Access()), endpoint_url=None, concurrency=4)
        plain = AioSession()
        config = Config(
            retries={"total_max_attempts": 1, "mode": "standard"},
            response_checksum_validation="when_required",
            request_checksum_calculation="when_required",
        )
        everything: list[Any] = []
        for service, calls in by_service.items():
            ours = await said(await clients.get(service, region), calls * 2)
            async with plain.create_client(service, region_name=region, config=config) as client:
                assert ours == await said(client, calls * 2), service
            everything += ours
        await clients.close()

        assert sum(isinstance(request, tuple) for request in everything) > len(everything) / 2

    asyncio.run(run())


NAMES = ["a", "a.b", "a.b.c", "a.*", "a.*.c", "*.b", "a.b.*", "b", "b.c"]
EVENTS = [*NAMES, "a.x.c", "x.b.c", "a.b.c.d", "x", "b.c.d"]


def test_handlers_are_called_as_botocore_calls_them() -> None:
    theirs, ours = HierarchicalEmitter(), Emitter()
    for emitter in (theirs, ours):
        for register in (emitter.register, emitter.register_last, emitter.register_first):
            for number, name in enumerate(NAMES * 2):
                register(name, handler(f"{register.__name__} {name} {number}"))
    twin, gone = (theirs.__copy__(), ours.__copy__()), handler("gone")
    for emitter in twin:
        emitter.register("a.b", gone)
        emitter.register("a.b", handler("twin"))
        emitter.unregister("a.b", gone)
        emitter.unregister("nowhere", gone)
    for event in EVENTS:
        assert order(ours, event) == order(theirs, event)
        assert order(twin[1], event) == order(twin[0], event)


def handler(name: str) -> Any:
    def handle(**_: Any) -> str:
        return name

    return HANDLERS.setdefault(name, handle)


HANDLERS: dict[str, Any] = {}


def order(emitter: Any, event: str) -> list[str]:
    return [handle() for handle in emitter._handlers.prefix_search(event)]


@pytest.mark.parametrize(
    "text",
    [
        "2020-01-02T03:04:05Z", "2020-01-02T03:04:05.678Z", "2020-01-02T03:04:05.123456789Z", "20200102T030405Z",
        "2020-01-02T03:04:05+01:00", "Thu, 02 Jan 2020 03:04:05 GMT", 1577934245, 1577934245.5, "1577934245",
    ],
)  # fmt: skip
def test_times_are_read_as_botocore_reads_them(text: Any) -> None:
    assert read_timestamp(text) == parse_timestamp(text)
    assert read_timestamp(text).tzinfo is not None
