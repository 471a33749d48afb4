"""Each shape of listing through the collector: success, denial, partial failure."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from aiobotocore.session import get_session

from auditor.aws.clients import Clients
from auditor.demo.endpoint import Error
from auditor.fetch import Ask, Describe, Listing, Unread
from auditor.findings import GapKind
from auditor.model import Resource, operations
from tests.declared import (
    HERE,
    THERE,
    Attachment,
    Balancer,
    Broker,
    Cluster,
    Disk,
    Fetched,
    Grant,
    Listener,
    ListenerRule,
    Mailbox,
    Service,
    Store,
    disks,
    gaps_of,
    paged,
    read,
    unregistered,
)
from tests.lab import Lab

pytestmark = pytest.mark.usefixtures("no_waiting")


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


def test_an_id_that_comes_back_undescribed_is_a_gap_unless_aws_says_that_it_is_no_more(lab: Lab) -> None:
    def lacking(*failures: dict[str, str]) -> dict[str, Any]:
        return {
            "ecs:ListClusters": {"clusterArns": clusters("a")}, "ecs:DescribeClusters": described,
            "ecs:ListServices": {"serviceArns": ["arn:1", "arn:2"]},
            "ecs:DescribeServices": {"services": [{"serviceArn": "arn:1", "serviceName": "one"}], "failures": failures},
        }  # fmt: skip

    meanwhile_deleted = read(lab, Cluster, Service, answers=lacking({"arn": "arn:2", "reason": "MISSING"}))
    assert len(list(meanwhile_deleted.each(Service))) == 1
    for failures in ((), ({"arn": "arn:2", "reason": "ACCESS"},)):
        inventory = read(lab, Cluster, Service, answers=lacking(*failures))
        assert len(inventory.known(Service)) == 1
        (gap,) = gaps_of(inventory, Service)
        assert (gap.operation, gap.code, gap.resource) == ("DescribeServices", "NotDescribed", clusters("a")[0])
        assert "1 of 2" in gap.message and all(failure["reason"] in gap.message for failure in failures)


def test_a_region_without_the_service_has_none_of_it(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS gives such an endpoint no address; nobody but AWS's own list may say that this is why."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_ECS", "http://ecs.nowhere.invalid")
    monkeypatch.setenv("AWS_ENDPOINT_URL", lab.endpoint.url)
    for offered in (False, True):

        async def answer(_: Clients, service: str, region: str, offered: bool = offered) -> bool:
            return offered

        monkeypatch.setattr(Clients, "offered", answer)
        inventory = read(lab, Cluster, Mailbox, through_environment=True)
        assert list(inventory.each(Mailbox)) == []
        assert [gap.kind for gap in gaps_of(inventory, Cluster)] == ([GapKind.UNREACHABLE] if offered else [])
        assert [gap.kind for gap in gaps_of(inventory, Service)] == []


def test_which_regions_have_a_service_is_asked_of_botocore(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    async def offered(url: str | None, *asked: tuple[str, str]) -> list[bool]:
        clients = Clients(get_session(), endpoint_url=url, concurrency=1)
        return [await clients.offered(service, region) for service, region in asked]

    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    asked = (("ec2", "eu-west-1"), ("dax", "ca-west-1"), ("codeconnections", "ca-west-1"))
    assert asyncio.run(offered(None, *asked)) == [True, False, True]
    assert asyncio.run(offered(lab.endpoint.url, *asked)) == [True, True, True]


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
