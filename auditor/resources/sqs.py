"""SQS queues."""

from typing import Annotated, Any

from auditor.fetch import Ask, Call, Listing
from auditor.model import Document, Resource, Shape


class QueueAttributes(Shape):
    """What is set for a queue. One that never got a policy has none, and lets nobody but its owner in."""

    policy: Document | None = None


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
