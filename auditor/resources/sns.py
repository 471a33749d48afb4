"""SNS topics and subscriptions."""

import hashlib
from typing import Annotated, Any

from auditor.fetch import Ask, Call, Listing
from auditor.model import Document, Resource, Shape
from auditor.resources.sqs import RedrivePolicy

PENDING = "PendingConfirmation"
# The protocols that a dead-letter queue can stand behind, and whose endpoints are no person's.
MACHINES = ("sqs", "lambda", "firehose", "http", "https")


class TopicAttributes(Shape):
    """What is set for a topic. AWS gives every topic a policy: where it is missing, it is unread."""

    policy: Document
    kms_master_key_id: str | None = None  # only with encryption
    subscriptions_confirmed: int


class Topic(Resource):
    """An SNS topic."""

    service, cfn_type = "sns", "AWS::SNS::Topic"
    listing = Listing("ListTopics", at="Topics")
    arn_format = "{topic_arn}"
    id_field = "topic_arn"

    topic_arn: str
    attributes: Annotated[TopicAttributes, Call("GetTopicAttributes", at="Attributes", TopicArn="topic_arn")]

    @property
    def topic_name(self) -> str:
        """The last part of its ARN."""
        return self.topic_arn.rpartition(":")[2]


class SubscriptionAttributes(Shape):
    """What is set for a subscription."""

    redrive_policy: RedrivePolicy = None  # only with a dead-letter queue


async def _subscriptions(ask: Ask) -> list[dict[str, Any]]:
    """All subscriptions, without what their endpoints tell of people: addresses, numbers, passwords in URLs.

    One that nobody confirmed has no ARN yet: it gets one of ours, which tells it from others of its topic.
    """
    pages = await ask("ListSubscriptions")
    return [_subscription(item) for page in pages for item in page.get("Subscriptions", [])]


def _subscription(item: dict[str, Any]) -> dict[str, Any]:
    arn, protocol, endpoint = item["SubscriptionArn"], item["Protocol"], item.get("Endpoint") or ""
    kept = {name: item.get(name) for name in ("SubscriptionArn", "Protocol", "TopicArn")}
    if not arn.startswith("arn:"):
        arn = f"{item['TopicArn']}:{arn}-{hashlib.sha256(f'{protocol} {endpoint}'.encode()).hexdigest()[:8]}"
    return {**kept, "Arn": arn, "Endpoint": _without_people(protocol, endpoint)}


def _without_people(protocol: str, endpoint: str) -> str | None:
    """An endpoint's ARN, or the scheme and host of its URL; None where it is a person's."""
    if protocol in ("http", "https"):
        scheme, _, rest = endpoint.partition("://")
        return f"{scheme}://{rest.split('/')[0].split('?')[0].split('#')[0].rpartition('@')[2]}"
    return endpoint if endpoint.startswith("arn:") else None


class Subscription(Resource):
    """A subscription of a topic, of this account or another's. Its endpoint is an ARN or a host, else it is not kept.

    subscription_arn is "PendingConfirmation" or "Deleted" where it has none.
    """

    service, cfn_type = "sns", "AWS::SNS::Subscription"
    listing = Listing("ListSubscriptions", fetch=_subscriptions)

    subscription_arn: str
    topic_arn: str
    protocol: str
    endpoint: str | None = None
    attributes: Annotated[
        SubscriptionAttributes | None,
        Call(
            "GetSubscriptionAttributes",
            at="Attributes",
            when=lambda subscription: subscription.redrivable,
            SubscriptionArn="subscription_arn",
        ),
    ]

    @property
    def confirmed(self) -> bool:
        """Whether it has an ARN: it is neither waiting for a confirmation nor deleted."""
        return self.subscription_arn.startswith("arn:")

    @property
    def redrivable(self) -> bool:
        """Whether a dead-letter queue may stand behind it, as behind all that deliver to machines."""
        return self.confirmed and self.protocol in MACHINES
