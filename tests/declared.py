"""Every shape of declaration through the collector over HTTP: answered, denied, failing midway, broken, and stopped.

The resource types here exist for these tests alone and do not stay registered.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

from auditor.aws.door import Door
from auditor.aws.session import Access, connect
from auditor.collect import collect
from auditor.demo.endpoint import Error
from auditor.fetch import Ask, Call, Describe, Join, Listing, Scope, operation
from auditor.findings import Gap
from auditor.inventory import Inventory
from auditor.model import Resource, Shape, details
from auditor.plan import Plan
from auditor.progress import Progress
from tests.lab import Lab

HERE, THERE = "us-east-1", "eu-west-1"
GONE = Error("InternalFailure", "broken", 500)


@contextmanager
def unregistered() -> Iterator[None]:
    """Types declared in here are known to no plan, no snapshot and no other test, and may be called as ours are."""
    before = dict(Resource.kinds)
    Resource.kinds.clear()
    try:
        yield
    finally:
        Resource.kinds.clear()
        Resource.kinds.update(before)


class State(Shape):
    volume_id: str
    status: str


class AttachmentState(Shape):
    instance_id: str | None = None


async def _attribute(ask: Ask, disk: "Disk") -> dict[str, Any]:
    (answer,) = await ask("DescribeVolumeAttribute", VolumeId=disk.volume_id, Attribute="autoEnableIO")
    (second,) = await ask("DescribeKeyPairs", KeyNames=[disk.volume_id])
    return {"auto": answer["AutoEnableIO"]["Value"], "keys": len(second["KeyPairs"])}


async def _disks(ask: Ask) -> list[dict[str, Any]]:
    return [item for page in await ask("DescribeVolumes") for item in page["Volumes"]]


async def _brokers(ask: Ask) -> list[dict[str, Any]]:
    (answer,) = await ask("ListBuckets")
    await ask("GetBucketLocation", Bucket="x")
    return [{"Name": bucket["Name"]} for bucket in answer["Buckets"]]


with unregistered():

    class Disk(Resource):
        """A regional listing with details of every kind."""

        service, cfn_type = "ec2", "AWS::Test::Disk"
        listing = Listing("DescribeVolumes", at="Volumes")
        arn_format = "arn:{partition}:ec2:{region}:{account}:disk/{volume_id}"
        id_field = "volume_id"

        volume_id: str
        size: int
        state: str | None = None
        kms_key_id: str | None = None
        attribute: Annotated[
            bool | None,
            Call(
                "DescribeVolumeAttribute",
                at="AutoEnableIO.Value",
                const={"Attribute": "autoEnableIO"},
                absent=("NoAttribute",),
                VolumeId="volume_id",
            ),
        ]
        big: Annotated[
            bool | None,
            Call(
                "DescribeVolumeAttribute",
                at="AutoEnableIO.Value",
                const={"Attribute": "autoEnableIO"},
                when=lambda disk: disk.size > 10,
                otherwise=False,
                VolumeId="volume_id",
            ),
        ]
        both: Annotated[
            dict[str, Any] | None,
            Call("DescribeVolumeAttribute", fetch=_attribute, also=("DescribeKeyPairs",), absent=("NoAttribute",)),
        ]
        status: Annotated[
            tuple[State, ...],
            Join("DescribeVolumeStatus", at="VolumeStatuses", key="VolumeId", field="volume_id",
                 ids="VolumeIds", size=2),
        ]  # fmt: skip
        changes: Annotated[
            tuple[dict[str, Any], ...],
            Join("DescribeVolumesModifications", at="VolumesModifications", key="VolumeId", field="volume_id"),
        ]
        by_key: Annotated[
            tuple[dict[str, Any], ...],
            Join("DescribeAddresses", at="Addresses", key="InstanceId", field="kms_key_id"),
        ]

    class Attachment(Resource):
        """Another type from the same request."""

        service, cfn_type = "ec2", "AWS::Test::Attachment"
        listing = Listing("DescribeVolumes", at="Volumes.Attachments")
        arn_format = "arn:{partition}:ec2:{region}:{account}:attachment/{instance_id}"
        id_field = "instance_id"

        instance_id: str

    class Fetched(Resource):
        """A listing by an escape hatch."""

        service, cfn_type = "ec2", "AWS::Test::Fetched"
        listing = Listing("DescribeVolumes", fetch=_disks, absent=("NoVolumes",))
        arn_format = "arn:{partition}:ec2:{region}:{account}:fetched/{volume_id}"
        id_field = "volume_id"

        volume_id: str

    class Broker(Resource):
        """An escape hatch whose operations are called otherwise in IAM, asked globally."""

        service, cfn_type = "s3", "AWS::Test::Broker"
        listing = Listing(
            "ListBuckets",
            scope=Scope.GLOBAL,
            iam="s3:ListAllMyBuckets",
            fetch=_brokers,
            also=(operation("s3", "GetBucketLocation", "s3:LocateBucket"),),
        )
        arn_format = "arn:{partition}:s3:::broker/{name}"
        id_field = "name"

        name: str

    class Balancer(Resource):
        """A parent."""

        service, cfn_type = "elbv2", "AWS::Test::Balancer"
        listing = Listing("DescribeLoadBalancers", at="LoadBalancers")
        arn_format = "{load_balancer_arn}"
        id_field = "load_balancer_arn"

        load_balancer_arn: str
        scheme: str | None = None

    class Listener(Resource):
        """A listing per parent."""

        service, cfn_type = "elbv2", "AWS::Test::Listener"
        listing = Listing(
            "DescribeListeners",
            at="Listeners",
            per=Balancer,
            by={"LoadBalancerArn": "load_balancer_arn"},
            absent=("LoadBalancerNotFound",),
        )
        arn_format = "{listener_arn}"
        id_field = "listener_arn"

        listener_arn: str
        load_balancer_arn: str

    class ListenerRule(Resource):
        """A grandchild."""

        service, cfn_type = "elbv2", "AWS::Test::ListenerRule"
        listing = Listing("DescribeRules", at="Rules", per=Listener, by={"ListenerArn": "listener_arn"})
        arn_format = "{rule_arn}"
        id_field = "rule_arn"

        rule_arn: str
        listener_arn: str

    class Cluster(Resource):
        """A listing that finds ids, and describes them in batches."""

        service, cfn_type = "ecs", "AWS::Test::Cluster"
        listing = Listing(
            "ListClusters",
            at="clusterArns",
            then=Describe("DescribeClusters", at="clusters", ids="clusters", size=2, params={"include": ["TAGS"]}),
        )
        arn_format = "{cluster_arn}"
        id_field = "cluster_name"

        cluster_arn: str
        cluster_name: str

    class Service(Resource):
        """Ids per parent, described in batches that name the parent too."""

        service, cfn_type = "ecs", "AWS::Test::Service"
        listing = Listing(
            "ListServices",
            at="serviceArns",
            per=Cluster,
            by={"cluster": "cluster_arn"},
            then=Describe("DescribeServices", at="services", ids="services", size=10, gone="failures"),
        )
        arn_format = "{service_arn}"
        id_field = "service_name"

        service_arn: str
        service_name: str
        cluster: str

    class Mailbox(Resource):
        """Items that are plain strings."""

        service, cfn_type = "sqs", "AWS::Test::Mailbox"
        listing = Listing("ListQueues", at="QueueUrls", name="QueueUrl", params={"MaxResults": 1000})
        arn_format = "arn:{partition}:sqs:{region}:{account}:{queue_url}"
        id_field = "queue_url"

        queue_url: str

    class Store(Resource):
        """Listed globally, asked for its details in its own region, and joined there."""

        service, cfn_type = "s3", "AWS::Test::Store"
        listing = Listing("ListBuckets", at="Buckets", scope=Scope.GLOBAL, iam="s3:ListAllMyBuckets")
        arn_format = "arn:{partition}:s3:::{name}"
        id_field = "name"
        region_field = "bucket_region"

        name: str
        versioning: Annotated[dict[str, Any] | None, Call("GetBucketVersioning", Bucket="name")]
        disks: Annotated[
            tuple[dict[str, Any], ...],
            Join("DescribeVolumes", service="ec2", at="Volumes", key="SnapshotId", field="name"),
        ]

    class Grant(Resource):
        """A child of what is listed globally."""

        service, cfn_type = "s3", "AWS::Test::Grant"
        listing = Listing(
            "ListBucketMetricsConfigurations", at="MetricsConfigurationList", per=Store, by={"Bucket": "name"}
        )
        arn_format = "arn:{partition}:s3:::{bucket}/{id}"
        id_field = "id"

        id: str
        bucket: str


Faults = Callable[[str, str, str], Error | None]


def read(
    lab: Lab,
    *wanted: type[Resource],
    fields: tuple[str, ...] | None = None,
    regions: tuple[str, ...] = (HERE,),
    answers: Mapping[str, Any] | None = None,
    deny: tuple[str, ...] = (),
    faults: Faults | None = None,
    on_open: Callable[[Door], None] | None = None,
    progress: Progress | None = None,
    metrics: bool = False,
    through_environment: bool = False,
) -> Inventory:
    """What the collector reads of these types, with all their details or only these.

    through_environment: let AWS_ENDPOINT_URL and its kin say where AWS is.
    """
    url = None if through_environment else lab.endpoint.url
    chosen = {
        kind: frozenset(set(details(kind)) & set(fields) if fields is not None else details(kind)) for kind in wanted
    }

    async def scan() -> Inventory:
        session = await connect(Access(endpoint_url=url, regions=regions), concurrency=32)
        try:
            planned = Plan(chosen, metrics)
            door = session.door(planned.operations())
            if on_open is not None:
                on_open(door)
            lab.endpoint.faults = faults
            inventory = await collect(session, door, planned, progress=progress)
            others = asyncio.all_tasks() - {asyncio.current_task()}
            assert not [task for task in others if "collect" in repr(task)], "work is left behind"
            return inventory
        finally:
            await session.close()

    with lab.but(deny=deny, answers=answers):
        return asyncio.run(scan())


def gaps_of(inventory: Inventory, kind: type[Resource]) -> list[Gap]:
    return list(inventory.gaps.get(kind.__name__, ()))


def disks(*sizes: int) -> dict[str, Any]:
    return {"Volumes": [{"VolumeId": f"vol-{number}", "Size": size} for number, size in enumerate(sizes)]}


def paged(name: str, items: list[Any], *, size: int, token: str = "NextToken", fail_at: int | None = None) -> Any:
    """An answer in pages; the one at `fail_at` is refused."""

    def answer(params: Mapping[str, Any], region: str, account: str) -> Any:
        start = int(params.get(token) or 0)
        if fail_at is not None and start // size == fail_at:
            return Error("AccessDenied", "not this page", 403)
        page = {name: items[start : start + size]}
        return page | ({token: str(start + size)} if start + size < len(items) else {})

    return answer
