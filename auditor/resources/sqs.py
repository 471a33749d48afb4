"""SQS queues."""

import json
from typing import Annotated, Any

from pydantic import BeforeValidator

from auditor.fetch import Ask, Call, Listing, Metric
from auditor.model import Document, Resource, Shape


def decoded(value: Any) -> Any:
    """An attribute that holds JSON text, decoded; an empty one is not set."""
    return json.loads(value) if isinstance(value, str) and value else value or None


class Redrive(Shape):
    """Where a queue or a subscription puts what could not be delivered. Subscriptions have no count."""

    dead_letter_target_arn: str | None = None
    max_receive_count: int | None = None


RedrivePolicy = Annotated[Redrive | None, BeforeValidator(decoded)]


class QueueAttributes(Shape):
    """What is set for a queue. One that never got a policy has none, and lets nobody but its owner in."""

    policy: Document | None = None
    kms_master_key_id: str | None = None  # only with a key of KMS
    sqs_managed_sse_enabled: bool | None = None  # endpoints that do not know it leave it out
    redrive_policy: RedrivePolicy = None  # only with a dead-letter queue
    visibility_timeout: int
    message_retention_period: int
    receive_message_wait_time_seconds: int
    approximate_number_of_messages: int | None = None
    fifo_queue: bool = False  # SQS leaves it out of answers about standard queues
    content_based_deduplication: bool | None = None  # only of FIFO queues


async def _list_queues(ask: Ask) -> list[dict[str, Any]]:
    """List all queues: AWS gives their URLs, which end in the name. Only with MaxResults does it give further pages."""
    pages = await ask("ListQueues", MaxResults=1000)
    urls = [url for page in pages for url in page.get("QueueUrls", [])]
    return [{"QueueUrl": url, "QueueName": url.rpartition("/")[2]} for url in urls]


class Queue(Resource):
    """An SQS queue."""

    service, cfn_type = "sqs", "AWS::SQS::Queue"
    listing = Listing("ListQueues", fetch=_list_queues)
    arn_format = "arn:{partition}:sqs:{region}:{account}:{queue_name}"
    id_field = "queue_url"
    name_field = "queue_name"

    queue_url: str
    queue_name: str
    attributes: Annotated[
        QueueAttributes,
        Call("GetQueueAttributes", at="Attributes", const={"AttributeNames": ["All"]}, QueueUrl="queue_url"),
    ]
    # How old the oldest message was, in seconds, day by day.
    oldest_message_age: Annotated[
        tuple[float, ...],
        Metric(
            "AWS/SQS", "ApproximateAgeOfOldestMessage", statistic="Maximum", period=86400, days=7,
            QueueName="queue_name",
        ),
    ]  # fmt: skip

    @property
    def dead_letter_target(self) -> str | None:
        """The ARN of its dead-letter queue, if it has one."""
        redrive = self.attributes.redrive_policy
        return (redrive and redrive.dead_letter_target_arn) or None
