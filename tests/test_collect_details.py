"""Each shape of detail through the collector, regions, the end of a scan, and declarations that cannot hold."""

import asyncio
import time
from collections.abc import Mapping
from typing import Annotated, Any

import pytest

from auditor.aws.door import Door
from auditor.demo.endpoint import Error
from auditor.fetch import Call, CallError, Join, Listing, Operation, Unread
from auditor.findings import GapKind
from auditor.model import Resource, Shape
from auditor.progress import Progress
from tests.declared import (
    GONE,
    HERE,
    THERE,
    Attachment,
    Balancer,
    Cluster,
    Disk,
    Fetched,
    Listener,
    ListenerRule,
    Mailbox,
    Store,
    _disks,
    disks,
    gaps_of,
    paged,
    read,
    unregistered,
)
from tests.lab import Lab
from tests.test_collect_listings import FAMILY, clusters, described

pytestmark = pytest.mark.usefixtures("no_waiting")


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
            lab.endpoint.latency = 120
            loop.call_soon_threadsafe(door.stop, "interrupted")
        return None

    began = time.monotonic()
    try:
        inventory = read(lab, *kinds, answers=answers, faults=faults, on_open=on_open)
    finally:
        lab.endpoint.latency = 0
    assert time.monotonic() - began < 60 and inventory.header.interrupted  # far from the latency, however busy
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
