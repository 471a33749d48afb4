"""Whether somebody is told of what happens to a repository, a project or a pipeline: by rules of either kind."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from auditor.analysis.event_pattern import event_matches
from auditor.inventory import Inventory
from auditor.model import Resource
from auditor.resources.codestarnotifications import NotificationRule
from auditor.resources.events import EventRule
from auditor.rule import any_of


def any_told(*ways: Callable[[], bool]) -> bool:
    """Whether one of these ways tells somebody. Raises Unread where none does and one could not be looked into."""
    return any_of(lambda way: way(), ways)


def is_notified(resource: Resource, events: Iterable[str], inventory: Inventory) -> bool:
    """Whether a notification rule tells somebody of one of these events of a resource.

    Events are named by how their ids end (pipeline-execution-failed); without any, every event will do.
    """
    endings = tuple(events)

    def tells(rule: NotificationRule) -> bool:
        kinds = rule.details.event_types
        return rule.watched == resource.arn and (
            not endings or any(kind.event_type_id.endswith(endings) for kind in kinds)
        )

    return any_of(tells, inventory.each(NotificationRule, region=resource.region))


def is_caught(resource: Resource, events: Iterable[Mapping[str, Any]], inventory: Inventory) -> bool:
    """Whether an enabled rule of EventBridge, with a target, takes one of these events of a resource."""
    common = {"account": resource.account, "region": resource.region, "resources": [resource.arn]}
    wanted = [{**common, **event} for event in events]

    def takes(rule: EventRule) -> bool:
        pattern = rule.event_pattern
        if pattern is None or not rule.enabled or rule.event_bus_name != "default":
            return False
        return any(event_matches(pattern, event) for event in wanted) and bool(rule.targets)

    return any_of(takes, inventory.each(EventRule, region=resource.region))
