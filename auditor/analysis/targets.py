"""Whether what an ARN names is there, by one table of the kinds of ARNs that the account's own listings can answer."""

import re
from enum import StrEnum

from auditor.inventory import Inventory
from auditor.model import Resource
from auditor.resources.autoscaling import ScalingPolicy
from auditor.resources.lambda_ import Function
from auditor.resources.logs import LogGroup
from auditor.resources.sns import Topic
from auditor.resources.sqs import Queue
from auditor.resources.stepfunctions import StateMachine

# The form of an ARN from its service on, the resources of that kind, and their field that holds `key`.
KINDS: tuple[tuple[str, type[Resource], str], ...] = (
    (r"sns:[^:]+:\d+:(?P<key>[^:]+)", Topic, "topic_name"),
    (r"sqs:[^:]+:\d+:(?P<key>[^:]+)", Queue, "queue_name"),
    (r"lambda:[^:]+:\d+:function:(?P<key>[^:]+)(?::.+)?", Function, "function_name"),
    (r"states:[^:]+:\d+:stateMachine:(?P<key>[^:]+)(?::.+)?", StateMachine, "name"),
    (r"logs:[^:]+:\d+:log-group:(?P<key>[^:]+)(?::\*)?", LogGroup, "log_group_name"),
    # Application Auto Scaling's policies end in more, and are in no listing.
    (r"autoscaling:[^:]+:\d+:scalingPolicy:[^:]+:autoScalingGroupName/.+:policyName/(?P<key>.+)",
     ScalingPolicy, "policy_name"),
)  # fmt: skip


class Presence(StrEnum):
    """What is known of what an ARN names."""

    THERE = "there"
    GONE = "gone"
    FOREIGN = "foreign"
    NOT_JUDGED = "not judged"


def presence(arn: str, inventory: Inventory) -> Presence:
    """Whether what an ARN names is there. Raises Unread where it was not seen and may have been overlooked."""
    head, _, rest = arn.partition(":")[2].partition(":")
    region, account = (rest.split(":") + [""] * 3)[1:3]
    for form, kind, field in KINDS:
        found = re.fullmatch(form, rest)
        if not head.startswith("aws") or found is None:
            continue
        if account != inventory.account:
            return Presence.FOREIGN
        there = inventory.find(kind, field, found["key"], region=region) is not None
        return Presence.THERE if there else Presence.GONE
    return Presence.NOT_JUDGED
