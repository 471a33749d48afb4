"""Every shape of declaration through the collector over HTTP: answered, denied, failing midway, broken, and stopped.

The resource types here exist for these tests alone and do not stay registered.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import pytest

from auditor.aws import door as door_module
from auditor.aws.door import Door
from auditor.aws.session import Access, connect
from auditor.collect import collect
from auditor.demo.endpoint import Error
from auditor.fetch import Ask, Call, CallError, Describe, Join, Listing, Operation, Scope, Unread, operation
from auditor.findings import Gap, GapKind
from auditor.inventory import Inventory
from auditor.model import Resource, Shape, details, operations
from auditor.plan import Plan
from auditor.progress import Progress
from tests.lab import Lab

HERE, THERE = "us-east-1", "eu-west-1"
GONE = Error("InternalFailure", "broken", 500)


@contextmanager
def unregistered() -> Iterator[None]:
    """Types declared in here are known to no plan, no snapshot and no other test."""
    before = dict(Resource.kinds)
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
            then=Describe("DescribeServices", at="services", ids="services", size=10),
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
) -> Inventory:
    """What the collector reads of these types, with all their details or only these."""
    chosen = {
        kind: frozenset(set(details(kind)) & set(fields) if fields is not None else details(kind)) for kind in wanted
    }

    async def scan() -> Inventory:
        session = await connect(Access(endpoint_url=lab.endpoint.url, regions=regions), concurrency=32)
        try:
            planned = Plan(chosen)
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


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_module, "BACKOFF", 0.0)


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


# --- plain listings


def test_a_listing_that_fails_midway_keeps_its_pages_and_says_so(lab: Lab) -> None:
    answers = {"ec2:DescribeVolumes": paged("Volumes", disks(1, 2, 3)["Volumes"], size=1, fail_at=2)}
    inventory = read(lab, Disk, fields=(), answers=answers)
    assert [disk.volume_id for disk in inventory.known(Disk)] == ["vol-0", "vol-1"]
    (gap,) = gaps_of(inventory, Disk)
    assert (gap.kind, gap.region, gap.iam_action) == (GapKind.DENIED, HERE, "ec2:DescribeVolumes")
    with pytest.raises(Unread):
        list(inventory.each(Disk))


def test_one_region_costs_itself_only(lab: Lab) -> None:
    answers = {"ec2:DescribeVolumes": disks(1)}
    inventory = read(
        lab, Disk, fields=(), regions=(HERE, THERE), answers=answers, deny=(f"ec2:DescribeVolumes@{THERE}",)
    )
    assert [disk.region for disk in inventory.known(Disk)] == [HERE]
    assert [gap.region for gap in gaps_of(inventory, Disk)] == [THERE]
    assert len(list(inventory.each(Disk, region=HERE))) == 1


def test_types_that_share_a_request_ask_once_and_fail_together(lab: Lab) -> None:
    volume = {"VolumeId": "vol-1", "Size": 1, "Attachments": [{"InstanceId": "i-1"}]}
    answers = {"ec2:DescribeVolumes": {"Volumes": [volume]}}
    inventory = read(lab, Disk, Attachment, fields=(), answers=answers)
    assert len(inventory.known(Disk)) == len(inventory.known(Attachment)) == 1
    assert sum(call.calls for call in inventory.calls) == 1
    denied = read(lab, Disk, Attachment, fields=(), deny=("ec2:DescribeVolumes",))
    for kind in (Disk, Attachment):
        (gap,) = gaps_of(denied, kind)
        assert gap.resource_type == kind.cfn_type and gap.operation == "DescribeVolumes"


def test_what_one_type_makes_of_a_page_costs_that_type_only(lab: Lab) -> None:
    """A volume's attachments of an unexpected form are no reason to lose the volumes."""
    volume = {"VolumeId": "vol-1", "Size": 1, "Attachments": [{"Device": "/dev/sda"}]}
    inventory = read(lab, Disk, Attachment, fields=(), answers={"ec2:DescribeVolumes": {"Volumes": [volume]}})
    assert len(inventory.known(Disk)) == 1 and not gaps_of(inventory, Disk)
    (gap,) = gaps_of(inventory, Attachment)
    assert gap.kind is GapKind.UNEXPECTED and "instance_id" in gap.message


def test_plain_strings_are_named(lab: Lab) -> None:
    urls = [f"https://sqs/{number}" for number in range(3)]
    answers = {"sqs:ListQueues": paged("QueueUrls", urls, size=2)}
    inventory = read(lab, Mailbox, answers=answers)
    assert [box.queue_url for box in inventory.known(Mailbox)] == urls
    denied = read(lab, Mailbox, deny=("sqs:ListQueues",))
    assert [gap.iam_action for gap in gaps_of(denied, Mailbox)] == ["sqs:ListQueues"]


# --- escape hatches


def test_a_hatch_lists(lab: Lab) -> None:
    inventory = read(lab, Fetched, answers={"ec2:DescribeVolumes": disks(1, 2)})
    assert [thing.volume_id for thing in inventory.known(Fetched)] == ["vol-0", "vol-1"]
    absent = read(lab, Fetched, answers={"ec2:DescribeVolumes": Error("NoVolumes")})
    assert absent.known(Fetched) == () and not gaps_of(absent, Fetched)


@pytest.mark.parametrize(
    ("denied", "action"), [("ListBuckets", "s3:ListAllMyBuckets"), ("GetBucketLocation", "s3:LocateBucket")]
)
def test_a_hatch_that_is_denied_names_the_operation_and_its_own_action(lab: Lab, denied: str, action: str) -> None:
    answers: dict[str, Any] = {"s3:ListBuckets": {"Buckets": []}, "s3:GetBucketLocation": {}}
    inventory = read(lab, Broker, answers=answers, deny=(f"s3:{denied}",))
    (gap,) = gaps_of(inventory, Broker)
    assert (gap.operation, gap.iam_action) == (denied, action)
    assert {op.iam_action for op in operations(Broker)} == {"s3:ListAllMyBuckets", "s3:LocateBucket"}


def test_a_detail_by_a_hatch(lab: Lab) -> None:
    answers = {
        "ec2:DescribeVolumes": disks(1),
        "ec2:DescribeVolumeAttribute": {"AutoEnableIO": {"Value": True}, "VolumeId": "vol-0"},
        "ec2:DescribeKeyPairs": {"KeyPairs": [{"KeyName": "a"}]},
    }
    assert read(lab, Disk, fields=("both",), answers=answers).known(Disk)[0].both == {"auto": True, "keys": 1}
    (disk,) = read(lab, Disk, fields=("both",), answers=answers, deny=("ec2:DescribeKeyPairs",)).known(Disk)
    gap = disk.gaps["both"]
    assert (gap.operation, gap.iam_action) == ("DescribeKeyPairs", "ec2:DescribeKeyPairs")
    # What means "there is none" when the declared operation says it need not when another one does.
    absent = {**answers, "ec2:DescribeVolumeAttribute": Error("NoAttribute")}
    assert read(lab, Disk, fields=("both",), answers=absent).known(Disk)[0].both is None
    other = {**answers, "ec2:DescribeKeyPairs": Error("NoAttribute")}
    (disk,) = read(lab, Disk, fields=("both",), answers=other).known(Disk)
    assert disk.gaps["both"].operation == "DescribeKeyPairs"


def test_a_hatch_that_breaks_costs_its_own_listing(lab: Lab) -> None:
    async def broken(ask: Ask) -> list[dict[str, Any]]:
        raise ZeroDivisionError("oops")

    async def undeclared(ask: Ask) -> list[dict[str, Any]]:
        return await ask("DescribeInstances")

    async def nonsense(ask: Ask) -> list[dict[str, Any]]:
        return ["not", "items"]  # type: ignore[list-item]

    for hatch, said in ((broken, "oops"), (undeclared, "DescribeInstances"), (nonsense, "")):
        with unregistered():

            class Odd(Resource):
                service, cfn_type = "ec2", "AWS::Test::Odd"
                listing = Listing("DescribeVolumes", fetch=hatch)

        inventory = read(lab, Odd, Disk, fields=(), answers={"ec2:DescribeVolumes": disks(1)})
        assert {gap.kind for gap in gaps_of(inventory, Odd)} == {GapKind.UNEXPECTED}
        assert said in gaps_of(inventory, Odd)[0].message
        assert len(inventory.known(Disk)) == 1


# --- ids, then describe


def clusters(names: str) -> list[str]:
    return [f"arn:aws:ecs:{HERE}:123456789012:cluster/{name}" for name in names]


def described(params: Mapping[str, Any], region: str, account: str) -> dict[str, Any]:
    assert len(params["clusters"]) <= 2 and params["include"] == ["TAGS"]
    return {"clusters": [{"clusterArn": arn, "clusterName": arn[-1]} for arn in params["clusters"]]}


def test_ids_are_described_in_batches(lab: Lab) -> None:
    answers = {
        "ecs:ListClusters": paged("clusterArns", clusters("abcdefg"), size=5, token="nextToken"),
        "ecs:DescribeClusters": described,
    }
    inventory = read(lab, Cluster, answers=answers)
    assert [cluster.cluster_name for cluster in inventory.known(Cluster)] == list("abcdefg")
    calls = {call.operation: call.calls for call in inventory.calls}
    assert calls == {"ListClusters": 2, "DescribeClusters": 4}


def test_a_batch_that_fails_costs_itself_and_names_its_operation(lab: Lab) -> None:
    def some(params: Mapping[str, Any], region: str, account: str) -> Any:
        if clusters("c")[0] in params["clusters"]:
            return Error("AccessDeniedException", "not these", 400)
        return described(params, region, account)

    answers = {
        "ecs:ListClusters": paged("clusterArns", clusters("abcdefg"), size=5, token="nextToken"),
        "ecs:DescribeClusters": some,
    }
    inventory = read(lab, Cluster, answers=answers)
    assert [cluster.cluster_name for cluster in inventory.known(Cluster)] == list("abefg")
    (gap,) = gaps_of(inventory, Cluster)
    assert (gap.operation, gap.iam_action, gap.region) == ("DescribeClusters", "ecs:DescribeClusters", HERE)


def test_ids_that_are_none_are_a_defect_that_is_said(lab: Lab) -> None:
    with unregistered():

        class Wrong(Resource):
            service, cfn_type = "ecs", "AWS::Test::Wrong"
            listing = Listing(
                "DescribeClusters",
                at="clusters",
                then=Describe("DescribeServices", at="services", ids="services", size=2),
            )

    inventory = read(lab, Wrong, answers={"ecs:DescribeClusters": {"clusters": [{"clusterName": "a"}]}})
    (gap,) = gaps_of(inventory, Wrong)
    assert gap.kind is GapKind.UNEXPECTED and inventory.known(Wrong) == ()


def test_ids_per_parent(lab: Lab) -> None:
    def services(params: Mapping[str, Any], region: str, account: str) -> dict[str, Any]:
        return {"serviceArns": [f"{params['cluster'].replace('cluster', 'service')}/web"]}

    def describe(params: Mapping[str, Any], region: str, account: str) -> dict[str, Any]:
        assert params["cluster"] in clusters("ab")
        return {"services": [{"serviceArn": arn, "serviceName": arn[-5:]} for arn in params["services"]]}

    answers = {
        "ecs:ListClusters": {"clusterArns": clusters("ab")}, "ecs:DescribeClusters": described,
        "ecs:ListServices": services, "ecs:DescribeServices": describe,
    }  # fmt: skip
    inventory = read(lab, Cluster, Service, answers=answers)
    assert [(s.service_name, s.cluster[-1]) for s in inventory.known(Service)] == [("a/web", "a"), ("b/web", "b")]
    denied = read(lab, Cluster, Service, answers=answers, deny=("ecs:DescribeServices",))
    assert {gap.operation for gap in gaps_of(denied, Service)} == {"DescribeServices"}
    assert {gap.resource for gap in gaps_of(denied, Service)} == set(clusters("ab"))
    upstream = read(lab, Cluster, Service, answers=answers, deny=("ecs:DescribeClusters",))
    for kind in (Cluster, Service):
        assert {gap.operation for gap in gaps_of(upstream, kind)} == {"DescribeClusters"}


# --- parents and children


def balancers(*names: str, region: str = HERE) -> dict[str, Any]:
    return {"LoadBalancers": [{"LoadBalancerArn": f"arn:aws:elb:{region}:1:lb/{name}"} for name in names]}


def listeners(params: Mapping[str, Any], region: str, account: str) -> dict[str, Any]:
    return {
        "Listeners": [{"ListenerArn": f"{params['LoadBalancerArn']}/443", "LoadBalancerArn": params["LoadBalancerArn"]}]
    }


def listener_rules(params: Mapping[str, Any], region: str, account: str) -> dict[str, Any]:
    return {"Rules": [{"RuleArn": f"{params['ListenerArn']}/default"}]}


FAMILY = {
    "elbv2:DescribeLoadBalancers": balancers("a", "b", "c"),
    "elbv2:DescribeListeners": listeners,
    "elbv2:DescribeRules": listener_rules,
}


def test_children_are_listed_for_each_parent(lab: Lab) -> None:
    inventory = read(lab, Balancer, Listener, ListenerRule, answers=FAMILY)
    assert [thing.arn[-5:] for thing in inventory.known(Listener)] == ["a/443", "b/443", "c/443"]
    # The parent's value is put into items that lack it.
    assert [thing.listener_arn[-5:] for thing in inventory.known(ListenerRule)] == ["a/443", "b/443", "c/443"]


def test_one_parents_children_cost_themselves_only(lab: Lab) -> None:
    def some(params: Mapping[str, Any], region: str, account: str) -> Any:
        if params["LoadBalancerArn"].endswith("b"):
            return Error("AccessDenied", "not b", 403)
        if params["LoadBalancerArn"].endswith("c"):
            return Error("LoadBalancerNotFound", "it went away meanwhile", 400)
        return listeners(params, region, account)

    inventory = read(lab, Balancer, Listener, ListenerRule, answers={**FAMILY, "elbv2:DescribeListeners": some})
    assert [thing.arn[-5:] for thing in inventory.known(Listener)] == ["a/443"]
    for kind in (Listener, ListenerRule):
        (gap,) = gaps_of(inventory, kind)
        assert (gap.operation, gap.resource) == ("DescribeListeners", "arn:aws:elb:us-east-1:1:lb/b")
        assert gap.iam_action == "elasticloadbalancing:DescribeListeners" and gap.resource_type == kind.cfn_type
    with pytest.raises(Unread):
        list(inventory.each(ListenerRule))


def test_without_its_parents_a_type_is_unread_too(lab: Lab) -> None:
    inventory = read(lab, Balancer, Listener, ListenerRule, answers=FAMILY, deny=("elbv2:DescribeLoadBalancers",))
    for kind in (Balancer, Listener, ListenerRule):
        (gap,) = gaps_of(inventory, kind)
        assert (gap.operation, gap.resource_type) == ("DescribeLoadBalancers", kind.cfn_type)


@pytest.mark.parametrize("broken", [{"LoadBalancerName": "no ARN"}])
def test_without_one_of_its_parents_too(lab: Lab, broken: dict[str, Any]) -> None:
    """A parent that could not be made of its answer has children that nobody asked for."""
    answers = {**FAMILY, "elbv2:DescribeLoadBalancers": {"LoadBalancers": [broken, *balancers("a")["LoadBalancers"]]}}
    inventory = read(lab, Balancer, Listener, ListenerRule, answers=answers)
    assert len(inventory.known(Listener)) == 1
    for kind in (Balancer, Listener, ListenerRule):
        (gap,) = gaps_of(inventory, kind)
        assert gap.kind is GapKind.UNEXPECTED and gap.operation == "DescribeLoadBalancers"


def test_a_parent_whose_listing_breaks_takes_its_children_along(lab: Lab) -> None:
    async def broken(ask: Ask) -> list[dict[str, Any]]:
        raise ZeroDivisionError("oops")

    with unregistered():

        class Parent(Resource):
            service, cfn_type = "ec2", "AWS::Test::Parent"
            listing = Listing("DescribeVolumes", fetch=broken)

        class Child(Resource):
            service, cfn_type = "ec2", "AWS::Test::Child"
            listing = Listing("DescribeVpcs", at="Vpcs", per=Parent)

    inventory = read(lab, Parent, Child)
    for kind in (Parent, Child):
        (gap,) = gaps_of(inventory, kind)
        assert (gap.kind, gap.operation, gap.resource_type) == (GapKind.UNEXPECTED, "DescribeVolumes", kind.cfn_type)


def test_a_child_by_a_value_that_its_parent_lacks(lab: Lab) -> None:
    with unregistered():

        class Inner(Resource):
            service, cfn_type = "elbv2", "AWS::Test::Inner"
            listing = Listing("DescribeListeners", at="Listeners", per=Balancer, by={"LoadBalancerArn": "scheme"})

    listing = {"LoadBalancers": [{"LoadBalancerArn": "arn:aws:elb:us-east-1:1:lb/a"}]}
    inventory = read(lab, Balancer, Inner, answers={**FAMILY, "elbv2:DescribeLoadBalancers": listing})
    assert gaps_of(inventory, Inner) and not inventory.known(Inner)


def test_children_of_what_is_listed_globally(lab: Lab) -> None:
    buckets = [{"Name": "far", "BucketRegion": THERE}, {"Name": "near", "BucketRegion": HERE}]

    def metrics(params: Mapping[str, Any], region: str, account: str) -> dict[str, Any]:
        return {"IsTruncated": False, "MetricsConfigurationList": [{"Id": f"{params['Bucket']}-{region}"}]}

    answers = {"s3:ListBuckets": {"Buckets": buckets}, "s3:ListBucketMetricsConfigurations": metrics}
    both = read(lab, Store, Grant, fields=(), regions=(HERE, THERE), answers=answers)
    assert {(g.id, g.region) for g in both.known(Grant)} == {(f"far-{THERE}", THERE), (f"near-{HERE}", HERE)}
    one = read(lab, Store, Grant, fields=(), answers=answers)
    assert [g.id for g in one.known(Grant)] == [f"near-{HERE}"] and len(one.known(Store)) == 2


# --- details


def test_details(lab: Lab) -> None:
    answers = {
        "ec2:DescribeVolumes": disks(1, 100),
        "ec2:DescribeVolumeAttribute": {"AutoEnableIO": {"Value": True}},
    }
    small, big = read(lab, Disk, fields=("attribute", "big"), answers=answers).known(Disk)
    assert (small.attribute, small.big, big.big) == (True, False, True)
    absent = read(
        lab, Disk, fields=("attribute",), answers={**answers, "ec2:DescribeVolumeAttribute": Error("NoAttribute")}
    )
    assert [disk.attribute for disk in absent.known(Disk)] == [None, None]


def test_equal_details_are_asked_once_and_not_kept(lab: Lab) -> None:
    answers = {"ec2:DescribeVolumes": disks(100), "ec2:DescribeVolumeAttribute": {"AutoEnableIO": {"Value": True}}}
    inventory = read(lab, Disk, fields=("attribute", "big"), answers=answers)
    assert {call.operation: call.calls for call in inventory.calls}["DescribeVolumeAttribute"] == 1


def test_a_detail_that_is_denied_costs_its_field_of_its_resource(lab: Lab) -> None:
    def some(params: Mapping[str, Any], region: str, account: str) -> Any:
        return (
            Error("UnauthorizedOperation", "no", 403)
            if params["VolumeId"] == "vol-1"
            else {"AutoEnableIO": {"Value": True}}
        )

    inventory = read(
        lab,
        Disk,
        fields=("attribute",),
        answers={"ec2:DescribeVolumes": disks(1, 1), "ec2:DescribeVolumeAttribute": some},
    )
    first, second = inventory.known(Disk)
    assert first.attribute is True and not first.gaps
    gap = second.gaps["attribute"]
    assert (gap.kind, gap.iam_action, gap.resource) == (GapKind.DENIED, "ec2:DescribeVolumeAttribute", second.arn)
    with pytest.raises(Unread):
        _ = second.attribute


def test_a_detail_whose_answer_is_of_another_form_is_not_none(lab: Lab) -> None:
    """`None` means that AWS has nothing configured: a path that leads through a list, or into a value, does not."""
    with unregistered():

        class Strange(Resource):
            service, cfn_type = "ec2", "AWS::Test::Strange"
            listing = Listing("DescribeVolumes", at="Volumes")
            arn_format = "arn:{partition}:ec2:{region}:{account}:strange/{volume_id}"
            id_field = "volume_id"
            volume_id: str
            through_a_list: Annotated[tuple[str, ...] | None, Call("DescribeVpcs", at="Vpcs.VpcId")]
            into_a_value: Annotated[str | None, Call("DescribeSubnets", at="Subnets.SubnetId.Nothing")]

    answers = {
        "ec2:DescribeVolumes": disks(1),
        "ec2:DescribeVpcs": {"Vpcs": [{"VpcId": "vpc-1"}]},
        "ec2:DescribeSubnets": {"Subnets": [{"SubnetId": "subnet-1"}]},
    }
    (thing,) = read(lab, Strange, answers=answers).known(Strange)
    assert thing.through_a_list == ("vpc-1",)
    with pytest.raises(Unread):
        _ = thing.into_a_value


def test_a_condition_on_what_was_not_understood_names_what_failed(lab: Lab) -> None:
    """`size` is not understood: so whether to ask for `big` is not known, and it is neither value nor `otherwise`."""
    with unregistered():

        class Soft(Resource):
            service, cfn_type = "ec2", "AWS::Test::Soft"
            listing = Listing("DescribeVolumes", at="Volumes")
            arn_format = "arn:{partition}:ec2:{region}:{account}:soft/{volume_id}"
            id_field = "volume_id"
            volume_id: str
            size: str
            other: Annotated[bool | None, Call("DescribeVpcs", at="Vpcs")]
            conditional: Annotated[
                bool | None,
                Call("DescribeVolumeAttribute", when=lambda soft: soft.size, VolumeId="volume_id"),
            ]
            astray: Annotated[
                bool | None,
                Call("DescribeVolumeAttribute", when=lambda soft: soft.other, VolumeId="volume_id"),
            ]

    inventory = read(lab, Soft, fields=("conditional", "astray"), answers={"ec2:DescribeVolumes": disks(5)})
    (thing,) = inventory.known(Soft)
    gap = thing.gaps["conditional"]
    assert (gap.operation, gap.kind) == ("DescribeVolumes", GapKind.UNEXPECTED)
    # A condition may only read what came with the listing: that it does not is a defect, not somebody's choice.
    gap = thing.gaps["astray"]
    assert gap.kind is GapKind.UNEXPECTED and "other" in gap.message


# --- joins


def statuses(params: Mapping[str, Any], region: str, account: str) -> dict[str, Any]:
    assert 1 <= len(params["VolumeIds"]) <= 2
    return {"VolumeStatuses": [{"VolumeId": each, "VolumeStatus": {"Status": "ok"}} for each in params["VolumeIds"]]}


class Status(Shape):
    volume_id: str


def test_a_join_with_ids_asks_in_batches(lab: Lab) -> None:
    with unregistered():

        class Joined(Disk):
            cfn_type = "AWS::Test::Joined"
            status: Annotated[  # type: ignore[assignment]
                tuple[Status, ...],
                Join("DescribeVolumeStatus", at="VolumeStatuses", key="VolumeId", field="volume_id",
                     ids="VolumeIds", size=2),
            ]  # fmt: skip

    answers = {"ec2:DescribeVolumes": disks(1, 2, 3), "ec2:DescribeVolumeStatus": statuses}
    inventory = read(lab, Joined, fields=("status",), answers=answers)
    assert [disk.status[0].volume_id for disk in inventory.known(Joined)] == ["vol-0", "vol-1", "vol-2"]
    assert {call.operation: call.calls for call in inventory.calls}["DescribeVolumeStatus"] == 2

    def some(params: Mapping[str, Any], region: str, account: str) -> Any:
        return GONE if "vol-2" in params["VolumeIds"] else statuses(params, region, account)

    partly = read(lab, Joined, fields=("status",), answers={**answers, "ec2:DescribeVolumeStatus": some})
    assert [sorted(disk.gaps) for disk in partly.known(Joined)] == [[], [], ["status"]]
    gap = partly.known(Joined)[2].gaps["status"]
    assert (gap.operation, gap.code, gap.kind) == ("DescribeVolumeStatus", "InternalFailure", GapKind.FAILED)


def test_a_wide_join_is_asked_once_for_all_pages(lab: Lab) -> None:
    answers = {
        "ec2:DescribeVolumes": paged("Volumes", disks(1, 2, 3)["Volumes"], size=1),
        "ec2:DescribeVolumesModifications": {"VolumesModifications": [{"VolumeId": "vol-1", "TargetSize": 9}]},
    }
    inventory = read(lab, Disk, fields=("changes",), answers=answers)
    assert [len(disk.changes) for disk in inventory.known(Disk)] == [0, 1, 0]
    assert {call.operation: call.calls for call in inventory.calls}["DescribeVolumesModifications"] == 1
    denied = read(lab, Disk, fields=("changes",), answers=answers, deny=("ec2:DescribeVolumesModifications",))
    for disk in denied.known(Disk):
        assert disk.gaps["changes"].iam_action == "ec2:DescribeVolumesModifications"


def test_nothing_matches_nothing(lab: Lab) -> None:
    """A resource without the value and an item without the key have nothing in common."""
    answers = {
        "ec2:DescribeVolumes": disks(1),
        "ec2:DescribeAddresses": {
            "Addresses": [{"PublicIp": "192.0.2.1"}, {"InstanceId": "key", "PublicIp": "192.0.2.2"}]
        },
    }
    (disk,) = read(lab, Disk, fields=("by_key",), answers=answers).known(Disk)
    assert disk.by_key == ()


def test_a_join_in_the_region_of_each_resource(lab: Lab) -> None:
    buckets = [{"Name": "far", "BucketRegion": THERE}, {"Name": "near", "BucketRegion": HERE}]
    answers = {"s3:ListBuckets": {"Buckets": buckets}, "ec2:DescribeVolumes": {"Volumes": [{"SnapshotId": "far"}]}}
    inventory = read(
        lab, Store, fields=("disks",), regions=(HERE, THERE), answers=answers, deny=(f"ec2:DescribeVolumes@{HERE}",)
    )
    far, near = inventory.known(Store)
    assert len(far.disks) == 1
    assert near.gaps["disks"].region == HERE and near.gaps["disks"].iam_action == "ec2:DescribeVolumes"


def test_a_join_that_breaks_costs_its_field(lab: Lab) -> None:
    with unregistered():

        class Bent(Resource):
            service, cfn_type = "ec2", "AWS::Test::Bent"
            listing = Listing("DescribeVolumes", at="Volumes")
            arn_format = "arn:{partition}:ec2:{region}:{account}:bent/{volume_id}"
            id_field = "volume_id"
            volume_id: str
            strings: Annotated[tuple[str, ...], Join("DescribeVpcs", at="Vpcs.VpcId", key="VpcId", field="volume_id")]
            by_nothing: Annotated[tuple[str, ...], Join("DescribeVpcs", at="Vpcs", key="VpcId", field="no_such_field")]

    answers = {"ec2:DescribeVolumes": disks(1), "ec2:DescribeVpcs": {"Vpcs": [{"VpcId": "vpc-1"}]}}
    (thing,) = read(lab, Bent, answers=answers).known(Bent)
    assert {name: gap.kind for name, gap in thing.gaps.items()} == dict.fromkeys(
        ("strings", "by_nothing"), GapKind.UNEXPECTED
    )


# --- regions


def test_what_lies_in_a_region_that_was_not_selected_is_known_but_not_asked(lab: Lab) -> None:
    buckets = [{"Name": "far", "BucketRegion": THERE}, {"Name": "near", "BucketRegion": HERE}]
    answers = {"s3:ListBuckets": {"Buckets": buckets}, "s3:GetBucketVersioning": {"Status": "Enabled"}}
    far, near = read(lab, Store, fields=("versioning",), answers=answers).known(Store)
    assert near.versioning is not None and near.versioning["Status"] == "Enabled"
    assert (far.gaps["versioning"].kind, far.gaps["versioning"].region) == (GapKind.NOT_SELECTED, THERE)


def test_a_resource_whose_region_is_not_told_is_not_guessed_at(lab: Lab) -> None:
    inventory = read(lab, Store, fields=(), answers={"s3:ListBuckets": {"Buckets": [{"Name": "somewhere"}]}})
    assert inventory.known(Store) == ()
    (gap,) = gaps_of(inventory, Store)
    assert gap.kind is GapKind.UNEXPECTED and "region" in gap.message


def test_of_what_several_regions_list_the_best_read_is_kept(lab: Lab) -> None:
    with unregistered():

        class Worldwide(Resource):
            service, cfn_type = "ec2", "AWS::Test::Worldwide"
            listing = Listing("DescribeVolumes", at="Volumes")
            arn_format = "arn:{partition}:ec2::{account}:worldwide/{volume_id}"
            id_field = "volume_id"
            volume_id: str
            attribute: Annotated[bool, Call("DescribeVolumeAttribute", at="AutoEnableIO.Value", VolumeId="volume_id")]

    answers = {"ec2:DescribeVolumes": disks(1), "ec2:DescribeVolumeAttribute": {"AutoEnableIO": {"Value": True}}}
    for denied in (HERE, THERE):
        inventory = read(
            lab, Worldwide, regions=(HERE, THERE), answers=answers, deny=(f"ec2:DescribeVolumeAttribute@{denied}",)
        )
        (thing,) = inventory.known(Worldwide)
        assert thing.attribute is True and not thing.gaps


def test_two_resources_with_one_arn_are_not_taken_for_one(lab: Lab) -> None:
    with unregistered():

        class Twin(Resource):
            service, cfn_type = "ec2", "AWS::Test::Twin"
            listing = Listing("DescribeVolumes", at="Volumes")
            arn_format = "arn:{partition}:ec2:{region}:{account}:twin/all"
            id_field = "volume_id"
            volume_id: str

    inventory = read(lab, Twin, answers={"ec2:DescribeVolumes": disks(1, 2)})
    (gap,) = gaps_of(inventory, Twin)
    assert gap.kind is GapKind.UNEXPECTED and "twin/all" in gap.message


# --- the end


SHAPES: dict[str, tuple[tuple[type[Resource], ...], dict[str, Any], str]] = {
    "listing": ((Disk,), {"ec2:DescribeVolumes": disks(1)}, "ec2:DescribeVolumes"),
    "shared": ((Disk, Attachment), {"ec2:DescribeVolumes": disks(1)}, "ec2:DescribeVolumes"),
    "hatch": ((Fetched,), {"ec2:DescribeVolumes": disks(1)}, "ec2:DescribeVolumes"),
    "describe": (
        (Cluster,), {"ecs:ListClusters": {"clusterArns": clusters("abc")}, "ecs:DescribeClusters": described},
        "ecs:DescribeClusters",
    ),
    "children": ((Balancer, Listener, ListenerRule), FAMILY, "elbv2:DescribeListeners"),
    "parents": ((Balancer, Listener, ListenerRule), FAMILY, "elbv2:DescribeLoadBalancers"),
    "detail": (
        (Disk,), {"ec2:DescribeVolumes": disks(1, 2), "ec2:DescribeVolumeAttribute": {"AutoEnableIO": {"Value": True}}},
        "ec2:DescribeVolumeAttribute",
    ),
    "join": ((Disk,), {"ec2:DescribeVolumes": disks(1, 2)}, "ec2:DescribeVolumesModifications"),
    "join with ids": ((Disk,), {"ec2:DescribeVolumes": disks(1, 2, 3)}, "ec2:DescribeVolumeStatus"),
    "strings": ((Mailbox,), {"sqs:ListQueues": {"QueueUrls": ["a"]}}, "sqs:ListQueues"),
    "global": ((Store,), {"s3:ListBuckets": {"Buckets": [{"Name": "a", "BucketRegion": HERE}]}}, "s3:ListBuckets"),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_a_stopped_scan_ends_soon_and_says_what_it_did_not_read(lab: Lab, shape: str) -> None:
    kinds, answers, stop_at = SHAPES[shape]
    opened: list[tuple[Door, asyncio.AbstractEventLoop]] = []

    def on_open(door: Door) -> None:
        opened.append((door, asyncio.get_running_loop()))

    def faults(service: str, name: str, region: str) -> Error | None:
        if f"{service}:{name}" == stop_at:
            door, loop = opened[0]
            lab.endpoint.latency = 20
            loop.call_soon_threadsafe(door.stop, "interrupted")
        return None

    began = time.monotonic()
    try:
        inventory = read(lab, *kinds, answers=answers, faults=faults, on_open=on_open)
    finally:
        lab.endpoint.latency = 0
    assert time.monotonic() - began < 5 and inventory.header.interrupted
    listed = [gap for kind in kinds for gap in gaps_of(inventory, kind)]
    details_ = [gap for kind in kinds for thing in inventory.known(kind) for gap in thing.gaps.values()]
    stopped = {f"{gap.service}:{gap.operation}" for gap in [*listed, *details_] if gap.kind is GapKind.STOPPED}
    assert stop_at in stopped
    for kind in kinds:  # nothing that was asked for reads as a value, or as complete, without having been read
        asked = inventory.header.planned[kind.__name__]
        for thing in inventory.known(kind):
            assert all(name in thing.__dict__ or name in thing.gaps for name in asked)
        if not inventory.known(kind):
            assert inventory.missing(kind) is not None


def test_what_fails_is_counted(lab: Lab) -> None:
    progress = Progress()
    read(lab, Disk, fields=("attribute",), deny=("ec2:DescribeVolumes",), progress=progress)
    assert progress.errors == 1
    progress = Progress()
    answers = {"ec2:DescribeVolumes": disks(1, 2)}
    read(lab, Disk, fields=("attribute",), answers=answers, deny=("ec2:DescribeVolumeAttribute",), progress=progress)
    assert progress.errors == 2 and progress.resources == 2
    assert not +progress.pending_regions and not +progress.pending_services


# --- declarations that cannot hold are refused where they are made


def refused(**members: Any) -> Any:
    annotations = members.pop("annotations", {})
    base = {
        "service": "ec2", "cfn_type": "AWS::T::Refused", "listing": Listing("DescribeVolumes"), "__module__": __name__,
        "__annotations__": annotations, "__qualname__": "Refused",
    }  # fmt: skip
    with unregistered():
        meta: Any = type(Resource)
        return meta("Refused", (Resource,), {k: v for k, v in {**base, **members}.items() if v is not None})


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"listing": None}, "listing"),
        ({"annotations": {"x": Annotated[str | None, Call("DescribeVpcs")]}, "x": "default"}, "default"),
        (
            {
                "annotations": {
                    "x": Annotated[str, Call("DescribeVpcs")],
                    "y": Annotated[str, Call("DescribeVpcs", A="x")],
                }
            },
            "takes x",
        ),
        (
            {
                "annotations": {
                    "x": Annotated[str, Call("DescribeVpcs")],
                    "y": Annotated[str, Join("DescribeVpcs", at="Vpcs", key="VpcId", field="x")],
                }
            },
            "takes x",
        ),
        ({"listing": Listing("DescribeVolumes", per=Disk, by={"VolumeId": "attribute"})}, "takes attribute"),
        ({"listing": Listing("DescribeVolumes", per=Disk, fetch=_disks)}, "fetch"),
        (
            {
                "annotations": {
                    "y": Annotated[str, Join("DescribeVpcs", at="Vpcs", key="VpcId", field="arn", ids="Ids")]
                }
            },
            "size",
        ),
    ],
)
def test_a_declaration_that_cannot_hold_is_refused(members: dict[str, Any], said: str) -> None:
    with pytest.raises(TypeError, match=said) as caught:
        refused(**members)
    assert "Refused" in str(caught.value)


def test_an_error_says_who_asked() -> None:
    op = Operation("s3", "ListBuckets", "s3:ListAllMyBuckets")
    assert CallError(GapKind.DENIED, "AccessDenied", "no", asked=op).asked is op
