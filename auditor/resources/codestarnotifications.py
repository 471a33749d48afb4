"""Notification rules of the developer tools (CodeStar Notifications)."""

from typing import Annotated

from auditor.fetch import Call, Listing
from auditor.model import Resource, Shape


class NotificationEvent(Shape):
    """A kind of event, such as codepipeline-pipeline-pipeline-execution-failed."""

    event_type_id: str


class NotificationTarget(Shape):
    """Who is told: a topic or a chat."""

    target_address: str
    target_type: str
    target_status: str


class NotificationRuleDetails(Shape):
    """What a notification rule does."""

    name: str | None = None
    resource: str | None = None  # the ARN of what it watches
    status: str | None = None
    event_types: tuple[NotificationEvent, ...] = ()
    targets: tuple[NotificationTarget, ...] = ()


class NotificationRule(Resource):
    """A rule that tells of a repository, a project, an application or a pipeline."""

    service, cfn_type = "codestar-notifications", "AWS::CodeStarNotifications::NotificationRule"
    listing = Listing("ListNotificationRules", at="NotificationRules")

    details: Annotated[NotificationRuleDetails, Call("DescribeNotificationRule", Arn="arn")]

    @property
    def watched(self) -> str | None:
        """What it tells of, if it tells anything to anybody."""
        heard = self.details.status == "ENABLED" and any(t.target_status == "ACTIVE" for t in self.details.targets)
        return self.details.resource if heard else None
