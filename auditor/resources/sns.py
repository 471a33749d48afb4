"""SNS topics."""

from typing import Annotated

from auditor.fetch import Call, Listing
from auditor.model import Document, Resource, Shape


class TopicAttributes(Shape):
    """What is set for a topic. AWS gives every topic a policy: where it is missing, it is unread."""

    policy: Document


class Topic(Resource):
    """An SNS topic."""

    service, cfn_type = "sns", "AWS::SNS::Topic"
    listing = Listing("ListTopics", at="Topics")
    arn_format = "{topic_arn}"
    id_field = "topic_arn"

    topic_arn: str
    attributes: Annotated[TopicAttributes, Call("GetTopicAttributes", at="Attributes", TopicArn="topic_arn")]
