"""Rules about what feeds Lambda functions from queues and streams."""

from typing import Any

from auditor.analysis.policy import account_in
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.lambda_ import EventSourceMapping
from auditor.resources.sqs import Queue
from auditor.rule import Verdict, failed, not_applicable, passed, rule, unknown

STREAMS = ("kinesis", "dynamodb")
# The states of a mapping that is on its way to another, or gone.
MOVING = ("Creating", "Enabling", "Disabling", "Updating", "Deleting")
OFF = ("Disabled", "Disabling", "Deleting")
# What Lambda gives as the reason where a person switched a mapping off.
BY_HAND = ("user action", "user_initiated", "user initiated")


@rule(severity=Severity.MEDIUM, category=Category.RELIABILITY, notes="Lambda + SQS (DLQ on the queue)")
def lambda_event_source_queue_has_redrive(mapping: EventSourceMapping, inventory: Inventory) -> Verdict:
    """A queue that feeds a function has a dead-letter queue of its own.

    Risk: a message that breaks the function comes back until it expires, and a function's own dead-letter queue never
        sees what came from a queue.
    Fix: aws sqs set-queue-attributes --region {region} --queue-url QUEUE-URL --attributes file://redrive-policy.json
    """
    arn = mapping.event_source_arn
    if arn is None or mapping.source_service != "sqs":
        return not_applicable("Its source is no queue of SQS")
    if mapping.state in OFF:
        return not_applicable("It is switched off", state=mapping.state)
    if account_in(arn) != mapping.account:
        return unknown("The queue belongs to another account, which alone can show it", queue=arn)
    readers = inventory.where(EventSourceMapping, "event_source_arn", arn, region=mapping.region)
    first = min(other.uuid for other in readers if other.state not in OFF)
    if first != mapping.uuid:
        return not_applicable(f"The queue is judged with {first}, which reads it too", queue=arn)
    queue = inventory.find(Queue, "arn", arn, region=mapping.region)
    if queue is None:
        return failed("The queue does not exist", queue=arn)
    if queue.dead_letter_target is not None:
        return passed(queue=arn, dead_letter_target_arn=queue.dead_letter_target)
    return failed("The queue has no dead-letter queue", queue=arn)


@rule(
    severity=Severity.MEDIUM,
    category=Category.RELIABILITY,
    notes="Lambda + streams (re-run until expiry)",
)
def lambda_event_source_stream_failure_handling(mapping: EventSourceMapping) -> Verdict:
    """What reads a stream gives up on a bad record in time, and keeps a trace of it.

    Risk: one record that breaks the function holds up all that comes after it in its shard, for days.
    Fix: aws lambda update-event-source-mapping --region {region} --uuid {id} --maximum-retry-attempts 10
        --bisect-batch-on-function-error --destination-config OnFailure={Destination=QUEUE-ARN}
    """
    if mapping.source_service not in STREAMS:
        return not_applicable("Its source is no stream")
    if mapping.state in OFF:
        return not_applicable("It is switched off", state=mapping.state)
    attempts, age = mapping.maximum_retry_attempts, mapping.maximum_record_age_in_seconds
    evidence: dict[str, Any] = {"maximum_retry_attempts": attempts, "maximum_record_age_in_seconds": age}
    if attempts in (None, -1) and age in (None, -1):
        return failed("A bad record is tried until it expires, and holds up its shard", **evidence)
    destination = mapping.destination_config.failures_to if mapping.destination_config is not None else None
    if destination is None:
        message = "Records that are given up leave no trace"
        return failed(message, severity=Severity.LOW, **evidence, destination=None)
    return passed(**evidence, destination=destination)


@rule(severity=Severity.MEDIUM, category=Category.RELIABILITY, notes="Event Source Mapping")
def lambda_event_source_mapping_healthy(mapping: EventSourceMapping) -> Verdict:
    """What feeds a function is switched on, and did not fail the last time.

    Risk: messages and records pile up unread until they expire, while everything looks as if it were running.
    Fix: look at state and result by
    aws lambda get-event-source-mapping --region {region} --uuid {id}
    """
    state, result, reason = mapping.state, mapping.last_processing_result, mapping.state_transition_reason
    if state in MOVING:
        return not_applicable("Its state is changing", state=state)
    if state == "Disabled":
        by_hand = not reason or reason.lower().strip() in BY_HAND
        return failed(
            "Somebody switched it off" if by_hand else "Lambda switched it off",
            severity=Severity.LOW if by_hand else Severity.MEDIUM,
            state=state,
            state_transition_reason=reason,
        )
    if (result or "").startswith("PROBLEM"):
        return failed("The last processing failed", state=state, last_processing_result=result)
    return passed(state=state, last_processing_result=result)
