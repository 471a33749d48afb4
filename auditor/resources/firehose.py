"""Firehose delivery streams."""

from typing import Annotated, Any

from auditor.fetch import Ask, Call, Listing
from auditor.model import Resource, Shape


class DeliveryEncryption(Shape):
    """How a stream that is written to directly is encrypted: ENABLED, DISABLED, or on the way."""

    status: str | None = None


class DeliveryLogging(Shape):
    """Whether a destination's errors go to CloudWatch Logs."""

    enabled: bool | None = None


class DestinationDetails(Shape):
    """What is kept of a destination: neither its tokens nor its users."""

    cloud_watch_logging_options: DeliveryLogging | None = None  # left out where it was never set


class DeliveryDestination(Shape):
    """Where a stream delivers to: one of these members is set. An S3 destination has both of its own."""

    destination_id: str
    s3_destination_description: DestinationDetails | None = None
    extended_s3_destination_description: DestinationDetails | None = None
    redshift_destination_description: DestinationDetails | None = None
    elasticsearch_destination_description: DestinationDetails | None = None
    amazonopensearchservice_destination_description: DestinationDetails | None = None
    splunk_destination_description: DestinationDetails | None = None
    http_endpoint_destination_description: DestinationDetails | None = None
    snowflake_destination_description: DestinationDetails | None = None
    amazon_open_search_serverless_destination_description: DestinationDetails | None = None
    iceberg_destination_description: DestinationDetails | None = None

    @property
    def details(self) -> DestinationDetails | None:
        """The member that is set; None for a kind of destination that is not known here."""
        found = (
            self.extended_s3_destination_description, self.redshift_destination_description,
            self.elasticsearch_destination_description, self.amazonopensearchservice_destination_description,
            self.splunk_destination_description, self.http_endpoint_destination_description,
            self.snowflake_destination_description, self.amazon_open_search_serverless_destination_description,
            self.iceberg_destination_description, self.s3_destination_description,
        )  # fmt: skip
        return next((details for details in found if details is not None), None)


class DeliveryDescription(Shape):
    """What is set for a delivery stream."""

    delivery_stream_type: str
    delivery_stream_status: str
    delivery_stream_encryption_configuration: DeliveryEncryption | None = None  # only where it was ever set
    destinations: tuple[DeliveryDestination, ...]


async def _delivery_streams(ask: Ask) -> list[dict[str, Any]]:
    """All streams, by name. A page ends with the name after which the next one starts."""
    names: list[str] = []
    more = True
    while more:
        after = {"ExclusiveStartDeliveryStreamName": names[-1]} if names else {}
        (page,) = await ask("ListDeliveryStreams", **after)
        names += page["DeliveryStreamNames"]
        more = bool(page["HasMoreDeliveryStreams"] and page["DeliveryStreamNames"])
    return [{"DeliveryStreamName": name} for name in names]


class DeliveryStream(Resource):
    """A Firehose delivery stream."""

    service, cfn_type = "firehose", "AWS::KinesisFirehose::DeliveryStream"
    listing = Listing("ListDeliveryStreams", fetch=_delivery_streams)
    arn_format = "arn:{partition}:firehose:{region}:{account}:deliverystream/{delivery_stream_name}"
    id_field = name_field = "delivery_stream_name"

    delivery_stream_name: str
    description: Annotated[
        DeliveryDescription,
        Call("DescribeDeliveryStream", at="DeliveryStreamDescription", DeliveryStreamName="delivery_stream_name"),
    ]
