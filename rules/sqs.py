"""Rules about SQS queues: encryption, dead letters, timeouts and retention."""

from collections.abc import Iterator

from auditor.analysis.network import each_readable
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.cloudwatch import Alarm
from auditor.resources.lambda_ import EventSourceMapping, Function
from auditor.resources.sqs import Queue
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule, seen

LONGEST_RETENTION = 1209600  # seconds: 14 days, which is all that SQS allows
BATCHES = 6  # how many times a function's timeout AWS asks of the visibility timeout
RUNNING = ("Enabled", "Enabling", "Updating")
ALARMING = ("ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage")


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub SQS.1", "ISO-27001-2022 A.8.11 A.8.24"),
    notes="SQS Security",
)
def sqs_queue_encrypted(queue: Queue) -> Verdict:
    """Queues are encrypted at rest.

    Risk: whoever gets at the storage behind the queue reads the messages that wait in it.
    Fix: aws sqs set-queue-attributes --region {region} --queue-url {id} --attributes SqsManagedSseEnabled=true
    """
    key, managed = queue.attributes.kms_master_key_id, queue.attributes.sqs_managed_sse_enabled
    if key or managed:
        return passed(kms_master_key_id=key, sqs_managed_sse_enabled=managed)
    return failed("Messages are stored in clear", kms_master_key_id=None, sqs_managed_sse_enabled=managed)


@rule(severity=Severity.MEDIUM, category=Category.RELIABILITY, notes="SQS DLQ")
def sqs_dead_letter_queue_retention_longer_than_source(queue: Queue, inventory: Inventory) -> Verdict:
    """A dead-letter queue exists, is of its source's kind and keeps messages longer than the source does.

    Risk: a message keeps its age when it is put aside, so that it expires before anybody has looked at it.
    Fix: aws sqs set-queue-attributes --region {region} --queue-url {id} --attributes MessageRetentionPeriod=1209600
    """
    target = queue.dead_letter_target
    problem = _target_problem(queue, target, inventory) if target is not None else None
    if problem is not None:
        return failed(problem, dead_letter_target_arn=target)
    kept, waiting = _kept(queue), queue.attributes.approximate_number_of_messages
    if kept < LONGEST_RETENTION:
        short = seen(each_readable(_sources(queue, inventory), lambda source: _outlived(source, queue)))
        if short:
            message = "Messages expire here before anybody could look at them"
            return failed(message, message_retention_period=kept, sources=dict(short), waiting=waiting)
    if target is None and not any_of(bool, _sources(queue, inventory)):
        return not_applicable("It is no dead-letter queue and has none")
    return passed(message_retention_period=kept, waiting=waiting)


def _sources(queue: Queue, inventory: Inventory) -> Iterator[Queue]:
    """The queues of which this one is the dead-letter queue."""
    return inventory.where(Queue, "dead_letter_target", queue.arn, region=queue.region)


def _outlived(source: Queue, queue: Queue) -> Iterator[tuple[str, int]]:
    """A source's name and retention, if messages may expire in its dead-letter queue before they could be looked at.

    In a standard queue messages keep their age; a FIFO queue counts anew.
    """
    fifo = queue.attributes.fifo_queue
    if _kept(queue) < _kept(source) or (_kept(queue) == _kept(source) and not fifo):
        yield source.queue_name, _kept(source)


def _kept(queue: Queue) -> int:
    return queue.attributes.message_retention_period


def _target_problem(queue: Queue, target: str, inventory: Inventory) -> str | None:
    """What is wrong with a queue's dead-letter queue; None if nothing is."""
    if target.endswith(".fifo") != queue.attributes.fifo_queue:
        return "Its dead-letter queue is not of the same kind, standard or FIFO: nothing can be put there"
    if inventory.find(Queue, "arn", target, region=queue.region) is None:
        return "Its dead-letter queue does not exist"
    return None


def _readers(queue: Queue, inventory: Inventory) -> Iterator[EventSourceMapping]:
    """What feeds functions from a queue, and is not switched off."""
    mappings = inventory.where(EventSourceMapping, "event_source_arn", queue.arn, region=queue.region)
    return (mapping for mapping in mappings if mapping.state in RUNNING)


@rule(severity=Severity.MEDIUM, category=Category.RELIABILITY, notes="SQS with Lambda (6x timeout)")
def sqs_queue_visibility_timeout_covers_lambda(queue: Queue, inventory: Inventory) -> Verdict:
    """A queue hides messages at least six times as long as the function that works on them may take.

    Risk: a message shows up again while it is being worked on, is handled twice, and ends among the dead letters.
    Fix: aws sqs set-queue-attributes --region {region} --queue-url {id} --attributes VisibilityTimeout=SECONDS
    """
    hidden = queue.attributes.visibility_timeout
    short = seen(each_readable(_readers(queue, inventory), lambda mapping: _outlasting(mapping, hidden, inventory)))
    if short:
        below = any(hidden < function.timeout for function, _ in short)
        return failed(
            "Messages come back before the function is done" if below else "The visibility timeout is short",
            severity=Severity.MEDIUM if below else Severity.LOW,
            visibility_timeout=hidden,
            needed={function.function_name: needed for function, needed in short},
        )
    if not any_of(bool, _readers(queue, inventory)):
        return not_applicable("No function reads the queue")
    return passed(visibility_timeout=hidden)


def _outlasting(mapping: EventSourceMapping, hidden: int, inventory: Inventory) -> Iterator[tuple[Function, int]]:
    """The function that a mapping feeds, with the visibility timeout that it needs, if that is longer than this one."""
    function = inventory.find(Function, "arn", mapping.function, region=mapping.region)
    if function is not None:
        needed = BATCHES * function.timeout + mapping.maximum_batching_window_in_seconds
        if hidden < needed:
            yield function, needed


@rule(severity=Severity.LOW, category=Category.RELIABILITY, notes="SQS DLQ")
def sqs_queue_dead_letter_queue_configured(queue: Queue, inventory: Inventory) -> Verdict:
    """Queues put messages that cannot be worked on into a dead-letter queue.

    Risk: a message that breaks its reader comes back until it expires, and with it goes what it said.
    Fix: aws sqs set-queue-attributes --region {region} --queue-url {id} --attributes file://redrive-policy.json
    """
    if queue.dead_letter_target is not None:
        return passed(dead_letter_target_arn=queue.dead_letter_target)
    if any_of(bool, inventory.where(Queue, "dead_letter_target", queue.arn, region=queue.region)):
        return not_applicable("It is a dead-letter queue itself")
    return failed("The queue has no dead-letter queue", redrive_policy=None)


@rule(severity=Severity.LOW, category=Category.RELIABILITY, notes="SQS DLQ (retry limit)")
def sqs_queue_max_receive_count_reasonable(
    queue: Queue, inventory: Inventory, *, least_with_lambda: int = 5, most: int = 100
) -> Verdict:
    """A queue lets messages be tried a few times before it puts them aside, and not for ever.

    Risk: one hiccup sends good messages to the dead letters; or a bad one is tried until it has worn out its reader.
    Fix: aws sqs set-queue-attributes --region {region} --queue-url {id} --attributes file://redrive-policy.json
    """
    redrive = queue.attributes.redrive_policy
    if redrive is None or redrive.max_receive_count is None:
        return not_applicable("The queue has no dead-letter queue")
    count = redrive.max_receive_count
    if count <= 1 or count > most:
        said = "A single failure puts a message aside" if count <= 1 else "A bad message is tried too often"
        return failed(said, max_receive_count=count)
    if count < least_with_lambda and any_of(bool, _readers(queue, inventory)):
        message = f"A function reads the queue: AWS asks for at least {least_with_lambda} tries"
        return failed(message, max_receive_count=count)
    return passed(max_receive_count=count)


@rule(severity=Severity.LOW, category=Category.COST, notes="SQS Long polling (20 s)")
def sqs_queue_long_polling_enabled(queue: Queue) -> Verdict:
    """Queues make their readers wait for messages (long polling).

    Risk: readers ask an empty queue again and again: each request is billed, and some come back empty by mistake.
    Fix: aws sqs set-queue-attributes --region {region} --queue-url {id} --attributes ReceiveMessageWaitTimeSeconds=20
    """
    seconds = queue.attributes.receive_message_wait_time_seconds
    if seconds > 0:
        return passed(receive_message_wait_time_seconds=seconds)
    return failed("Readers that do not say otherwise poll without waiting", receive_message_wait_time_seconds=seconds)


@rule(severity=Severity.LOW, category=Category.RELIABILITY, notes="SQS retention (4 days default)")
def sqs_queue_message_retention_adequate(
    queue: Queue, *, least_seconds: int = 345600, most_share: float = 0.8
) -> Verdict:
    """Queues keep messages over a long weekend, and no message comes near its end.

    Risk: messages are gone before anybody is back to repair their reader.
    Fix: aws sqs set-queue-attributes --region {region} --queue-url {id} --attributes MessageRetentionPeriod=1209600
    """
    kept = queue.attributes.message_retention_period
    if kept < least_seconds:
        return failed("Messages are kept for too short a time", message_retention_period=kept)
    oldest = max(queue.oldest_message_age, default=0)
    if oldest > most_share * kept:
        return failed("Messages came near their end", message_retention_period=kept, oldest_message_seconds=oldest)
    return passed(message_retention_period=kept, oldest_message_seconds=oldest)


@rule(severity=Severity.INFORMATIONAL, category=Category.OPERATIONS, notes="SQS FIFO")
def sqs_queue_fifo_deduplication_configured(queue: Queue) -> Verdict:
    """FIFO queues recognise a message that is sent twice by its content.

    Risk: a producer that retries without an id of its own is refused, or has its message handled twice.
    Fix: aws sqs set-queue-attributes --region {region} --queue-url {id} --attributes ContentBasedDeduplication=true
    """
    if not queue.attributes.fifo_queue:
        return not_applicable("It is a standard queue")
    if queue.attributes.content_based_deduplication:
        return passed()
    return failed("Each producer must send an id for deduplication", content_based_deduplication=False)


@rule(severity=Severity.INFORMATIONAL, category=Category.OPERATIONS, notes="SQS scaling")
def sqs_queue_depth_alarm_configured(queue: Queue, inventory: Inventory) -> Verdict:
    """An alarm watches how many messages wait in a queue or how old they are, unless Lambda scales its readers.

    Risk: readers that are too slow, or dead, are noticed by customers first.
    Fix: aws cloudwatch put-metric-alarm --region {region} --alarm-name {name}-age --namespace AWS/SQS
        --metric-name ApproximateAgeOfOldestMessage --dimensions Name=QueueName,Value={name} --statistic Maximum
        --period 300 --evaluation-periods 3 --threshold 900 --comparison-operator GreaterThanThreshold
    """
    if any_of(bool, _readers(queue, inventory)):
        return not_applicable("Lambda reads the queue and scales by itself")
    if any_of(lambda alarm: _watches(alarm, queue), inventory.each(Alarm, region=queue.region)):
        return passed()
    return failed("No alarm watches the queue", metrics=list(ALARMING))


def _watches(alarm: Alarm, queue: Queue) -> bool:
    """Whether an alarm is about the depth of a queue, by itself or as a part of its sum."""
    parts = [(alarm.namespace, alarm.metric_name, alarm.dimensions)]
    for query in alarm.metrics:
        if query.metric_stat is not None:
            metric = query.metric_stat.metric
            parts.append((metric.namespace, metric.metric_name, metric.dimensions))
    return any(
        namespace == "AWS/SQS" and name in ALARMING and queue.queue_name in [each.value for each in dimensions]
        for namespace, name, dimensions in parts
    )
