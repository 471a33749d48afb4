"""EventBridge: buses, their rules and archives, and event sources of partners."""

from typing import Annotated

from auditor.fetch import Call, Listing
from auditor.model import Document, Resource, Shape


class EventBus(Resource):
    """An event bus: the default one of each region, an own one, or a partner's."""

    service, cfn_type = "events", "AWS::Events::EventBus"
    listing = Listing("ListEventBuses", at="EventBuses")
    arn_format = "{arn}"
    id_field = name_field = "name"

    name: str
    policy: Document | None = None  # None: only the account itself may send

    @property
    def of_partner(self) -> bool:
        """Whether it is the bus of a partner's event source."""
        return self.name.startswith("aws.partner/")


class DeadLetterConfig(Shape):
    """Where events go that could not be delivered."""

    arn: str | None = None


class EventTarget(Shape):
    """One target of a rule."""

    id: str
    arn: str
    dead_letter_config: DeadLetterConfig | None = None


class EventRule(Resource):
    """A rule of an event bus: which events, or when, and to which targets."""

    service, cfn_type = "events", "AWS::Events::Rule"
    listing = Listing("ListRules", at="Rules", per=EventBus, by={"EventBusName": "name"})
    id_field = name_field = "name"

    name: str
    event_bus_name: str
    state: str
    managed_by: str | None = None  # the AWS service that made it, if one did
    event_pattern: Document | None = None  # None of a rule that only has a schedule
    schedule_expression: str | None = None
    targets: Annotated[
        tuple[EventTarget, ...],
        Call(
            "ListTargetsByRule",
            at="Targets",
            when=lambda rule: rule.enabled and not rule.managed_by,
            otherwise=(),
            Rule="name",
            EventBusName="event_bus_name",
        ),
    ]

    @property
    def enabled(self) -> bool:
        """Whether it acts at all: one of the two enabled states also takes read-only management events."""
        return self.state.startswith("ENABLED")


class EventArchive(Resource):
    """An archive of the events of a bus."""

    service, cfn_type = "events", "AWS::Events::Archive"
    listing = Listing("ListArchives", at="Archives")
    arn_format = "arn:{partition}:events:{region}:{account}:archive/{archive_name}"
    id_field = name_field = "archive_name"

    archive_name: str
    event_source_arn: str
    state: str


class PartnerEventSource(Resource):
    """A partner's event source that was offered to this account."""

    service, cfn_type = "events", "AWS::Events::EventSource"
    # The error: a region without partner event sources.
    listing = Listing("ListEventSources", at="EventSources", absent=("OperationDisabledException",))
    id_field = name_field = "name"

    name: str
    state: str
