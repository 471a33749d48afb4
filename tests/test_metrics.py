"""Metrics through the collector: batched, merged, each failure its own, and not asked for unless told to."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.engine import judge
from auditor.fetch import CallError, Listing, Metric, Unread
from auditor.findings import GapKind, Severity, Status
from auditor.metrics import answers as understood
from auditor.model import Resource
from auditor.rule import Verdict, failed, not_applicable, passed, registry, rule
from tests.declared import HERE, THERE, disks, read, unregistered
from tests.lab import Lab

pytestmark = pytest.mark.usefixtures("no_waiting")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

with unregistered():

    class Drive(Resource):
        """Two metrics of its own, of which one is not always wanted, and one that all share."""

        service, cfn_type = "ec2", "AWS::Test::Drive"
        listing = Listing("DescribeVolumes", at="Volumes")
        arn_format = "arn:{partition}:ec2:{region}:{account}:drive/{volume_id}"
        id_field = "volume_id"

        volume_id: str
        size: int
        reads: Annotated[
            tuple[float, ...],
            Metric("AWS/EBS", "VolumeReadOps", statistic="Sum", period=3600, days=7, VolumeId="volume_id"),
        ]
        burst: Annotated[
            tuple[float, ...],
            Metric(
                "AWS/EBS",
                "BurstBalance",
                statistic="p99",
                period=300,
                days=1,
                when=lambda drive: drive.size > 1,
                VolumeId="volume_id",
            ),
        ]
        shared: Annotated[
            tuple[float, ...],
            Metric("AWS/Usage", "Volumes", statistic="Maximum", period=3600, days=7, const={"Type": "all"}),
        ]

    @rule(severity=Severity.LOW, notes="tests")
    def ec2_drive_read(drive: Drive) -> Verdict:
        """Drives are read.

        Risk: a drive that nobody reads costs money and helps nobody.
        Fix: aws ec2 delete-volume --volume-id {id}
        """
        if drive.size > 5:
            return not_applicable("too big to look at")
        return passed() if sum(drive.reads) else failed("nobody reads it")

    WATCHED = registry.pop("ec2-drive-read")


def dimension(query: Mapping[str, Any]) -> str:
    return str(query["MetricStat"]["Metric"]["Dimensions"][0]["Value"])


class CloudWatch:
    """Answers every query with the number in the volume's id, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, Any]] = []

    def __call__(self, params: Mapping[str, Any], region: str, account: str) -> dict[str, Any]:
        self.asked.append(params)
        results = []
        for query in params["MetricDataQueries"]:
            value = float(dimension(query).rpartition("-")[2]) if "-" in dimension(query) else 0.0
            times = [NOON + timedelta(hours=1), NOON]
            results.append(
                {"Id": query["Id"], "Timestamps": times, "Values": [value + 1, value], "StatusCode": "Complete"}
            )
        return {"MetricDataResults": results}


def test_many_metrics_are_asked_together(lab: Lab) -> None:
    cloudwatch = CloudWatch()
    answers = {"ec2:DescribeVolumes": disks(*[1] * 510), "cloudwatch:GetMetricData": cloudwatch}
    inventory = read(lab, Drive, answers=answers, metrics=True)
    found = {drive.volume_id: drive.reads for drive in inventory.each(Drive)}
    assert found["vol-7"] == (7.0, 8.0)  # oldest first
    assert found["vol-509"] == (509.0, 510.0)
    # 510 of their own, and one that is the same for all.
    assert sorted(len(params["MetricDataQueries"]) for params in cloudwatch.asked) == [11, 500]
    assert {drive.burst for drive in inventory.each(Drive)} == {()}
    assert {drive.shared for drive in inventory.each(Drive)} == {(0.0, 1.0)}


def test_a_request_has_one_window_that_ends_on_five_minutes(lab: Lab) -> None:
    cloudwatch = CloudWatch()
    read(
        lab,
        Drive,
        answers={"ec2:DescribeVolumes": disks(2), "cloudwatch:GetMetricData": cloudwatch},
        metrics=True,
    )
    windows = {params["EndTime"] - params["StartTime"] for params in cloudwatch.asked}
    assert windows == {timedelta(days=7), timedelta(days=1)}
    assert all(params["EndTime"].timestamp() % 300 == 0 for params in cloudwatch.asked)
    stats = {
        query["MetricStat"]["Stat"]: query["MetricStat"]["Period"]
        for params in cloudwatch.asked
        for query in params["MetricDataQueries"]
    }
    assert stats == {"Sum": 3600, "Maximum": 3600, "p99": 300}


def test_what_is_refused_in_one_region_costs_that_region(lab: Lab) -> None:
    answers = {"ec2:DescribeVolumes": disks(1), "cloudwatch:GetMetricData": CloudWatch()}
    denied = f"cloudwatch:GetMetricData@{THERE}"
    inventory = read(lab, Drive, regions=(HERE, THERE), answers=answers, deny=(denied,), metrics=True)
    here, there = sorted(inventory.each(Drive), key=lambda drive: drive.region != HERE)
    assert here.reads == (0.0, 1.0)
    with pytest.raises(Unread) as caught:
        _ = there.reads
    assert caught.value.gap.kind is GapKind.DENIED
    assert caught.value.gap.iam_action == "cloudwatch:GetMetricData"


@pytest.mark.parametrize(
    ("state", "kind"), [("Forbidden", GapKind.DENIED), ("InternalError", GapKind.FAILED), (None, GapKind.UNEXPECTED)]
)
def test_what_cloudwatch_does_not_answer_costs_that_metric(lab: Lab, state: str | None, kind: GapKind) -> None:
    def answer(params: Mapping[str, Any], region: str, account: str) -> dict[str, Any]:
        results = []
        for query in params["MetricDataQueries"]:
            good = {"Id": query["Id"], "Timestamps": [NOON], "Values": [5.0], "StatusCode": "Complete"}
            if dimension(query) != "vol-0":
                results.append(good)
            elif state:
                results.append(good | {"StatusCode": state, "Timestamps": [], "Values": []})
        return {"MetricDataResults": results}

    answers = {"ec2:DescribeVolumes": disks(1, 1), "cloudwatch:GetMetricData": answer}
    first, second = sorted(read(lab, Drive, answers=answers, metrics=True).each(Drive), key=lambda d: d.volume_id)
    assert second.reads == (5.0,)
    with pytest.raises(Unread) as caught:
        _ = first.reads
    assert caught.value.gap.kind is kind


def test_unless_told_to_nothing_is_asked_and_the_rule_says_so_once(lab: Lab) -> None:
    answers = {"ec2:DescribeVolumes": disks(1, 2, 3, 6)}
    inventory = read(lab, Drive, regions=(HERE, THERE), answers=answers)
    assert not [call for call in inventory.calls if call.service == "cloudwatch"]
    judgement = judge(inventory, [WATCHED])
    unknown = [finding for finding in judgement.findings if finding.status is Status.UNKNOWN]
    assert [finding.resource.id for finding in unknown] == ["*"]
    assert "--metrics" in unknown[0].message
    assert sum(finding.status is Status.NOT_APPLICABLE for finding in judgement.findings) == 2
    assert [gap.code for gap in judgement.coverage.gaps] == ["MetricsNotAsked"]
    assert not judgement.defects


@given(st.lists(st.tuples(st.integers(0, 500), st.floats(0, 9)), unique_by=lambda point: point[0]), st.data())
def test_points_come_in_order_however_they_are_split_into_pages(
    points: list[tuple[int, float]], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(points)))
    pages = [
        {
            "MetricDataResults": [
                {
                    "Id": "q0",
                    "Timestamps": [NOON + timedelta(minutes=minute) for minute, _ in part],
                    "Values": [value for _, value in part],
                    "StatusCode": state,
                }
            ]
        }
        for part, state in ((points[:cut], "PartialData"), (points[cut:], "Complete"))
    ]
    assert understood(pages, 1) == [tuple(value for _, value in sorted(points))]
    (cut_short,) = understood(pages[:1], 1)
    assert isinstance(cut_short, CallError)
