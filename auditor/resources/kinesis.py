"""Kinesis data streams."""

from typing import Annotated

from auditor.fetch import Call, Listing, Metric
from auditor.model import Resource, Shape, Timestamp


class StreamModeDetails(Shape):
    """How a stream's capacity is provided: PROVISIONED or ON_DEMAND."""

    stream_mode: str


class EnhancedMetrics(Shape):
    """The metrics that are kept for each shard; none where the list is empty."""

    shard_level_metrics: tuple[str, ...] = ()


class StreamSummary(Shape):
    """What is set for a stream."""

    retention_period_hours: int
    encryption_type: str | None = None
    open_shard_count: int
    stream_creation_timestamp: Timestamp
    enhanced_monitoring: tuple[EnhancedMetrics, ...]
    stream_mode_details: StreamModeDetails | None = None  # left out by endpoints that know provisioned streams only


class KinesisStream(Resource):
    """A Kinesis data stream."""

    service, cfn_type = "kinesis", "AWS::Kinesis::Stream"
    listing = Listing("ListStreams", at="StreamSummaries")
    arn_format = "{stream_arn}"
    id_field = name_field = "stream_name"

    stream_name: str
    stream_arn: str
    summary: Annotated[
        StreamSummary, Call("DescribeStreamSummary", at="StreamDescriptionSummary", StreamARN="stream_arn")
    ]
    # Requests that were refused, day by day.
    writes_refused: Annotated[
        tuple[float, ...],
        Metric(
            "AWS/Kinesis", "WriteProvisionedThroughputExceeded", statistic="Sum", period=86400, days=7,
            StreamName="stream_name",
        ),
    ]  # fmt: skip
    reads_refused: Annotated[
        tuple[float, ...],
        Metric(
            "AWS/Kinesis", "ReadProvisionedThroughputExceeded", statistic="Sum", period=86400, days=7,
            StreamName="stream_name",
        ),
    ]  # fmt: skip
    # How far the slowest reader was behind, in milliseconds; consumers with fan-out of their own are not in it.
    iterator_age: Annotated[
        tuple[float, ...],
        Metric(
            "AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", statistic="Maximum", period=3600, days=1,
            StreamName="stream_name",
        ),
    ]  # fmt: skip
    # What came in within five minutes each.
    incoming_bytes: Annotated[
        tuple[float, ...],
        Metric("AWS/Kinesis", "IncomingBytes", statistic="Sum", period=300, days=14, StreamName="stream_name"),
    ]
    incoming_records: Annotated[
        tuple[float, ...],
        Metric("AWS/Kinesis", "IncomingRecords", statistic="Sum", period=300, days=14, StreamName="stream_name"),
    ]
