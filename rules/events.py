"""Rules about EventBridge: who may send, and whether what rules send arrives."""

from collections.abc import Iterator

from auditor.analysis.exposure import parsed
from auditor.analysis.public import public_statements
from auditor.analysis.targets import Presence, presence
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.events import EventArchive, EventBus, EventRule, PartnerEventSource
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule


def _none_of_ours(checked: EventRule) -> Verdict | None:
    """What is to be said of a rule that another service manages, or that does nothing."""
    if checked.managed_by:
        return not_applicable(f"The rule is managed by {checked.managed_by}", managed_by=checked.managed_by)
    if not checked.enabled:
        return not_applicable("The rule is disabled", state=checked.state)
    return None


@rule(severity=Severity.HIGH, notes="EventBridge (buses)")
def events_event_bus_not_public(bus: EventBus) -> Verdict:
    """A bus's policy does not let everyone send events.

    Risk: strangers send events that look like the account's own, and set off whatever listens to them.
    Fix: take the statement out, or demand your aws:PrincipalOrgID in its Condition:
    aws events remove-permission --event-bus-name {name} --statement-id STATEMENT_ID --region {region}
    """
    if bus.of_partner:
        return not_applicable("Only the partner sends to the bus of its event source")
    policy = parsed(bus, "policy", bus.policy)
    if policy is None:
        return passed("The bus has no policy")
    if opened := public_statements(policy, service="events"):
        return failed("The policy lets everyone in", statements=[found.evidence for found in opened])
    return passed()


@rule(severity=Severity.MEDIUM, notes="EventBridge (targets)", category=Category.OPERATIONS)
def events_rule_target_exists(checked: EventRule, inventory: Inventory) -> Iterator[Verdict]:
    """What a rule sends events to is there.

    Risk: events are dropped one by one, and what should have happened upon them does not.
    Fix: aws events remove-targets --event-bus-name BUS --rule {name} --ids TARGET_ID --region {region}
    """
    if (other := _none_of_ours(checked)) is not None:
        yield other
        return
    judged = False
    for target in checked.targets:
        if f":{checked.region}:{checked.account}:" not in target.arn:
            continue
        found = presence(target.arn, inventory)
        if found is Presence.GONE:
            yield failed("The target does not exist", key=target.id, target=target.arn)
        elif found is Presence.THERE:
            yield passed(key=target.id, target=target.arn)
        judged = judged or found in (Presence.GONE, Presence.THERE)
    if not judged:
        yield not_applicable("The rule has no target that could be looked up in this account and region")


@rule(severity=Severity.LOW, notes="EventBridge / CloudWatch Events", category=Category.OPERATIONS)
def events_rule_has_targets(checked: EventRule) -> Verdict:
    """Rules have targets.

    Risk: a rule without a target waits for events and does nothing about them, whatever people believe.
    Fix: aws events put-targets --event-bus-name BUS --rule {name} --targets Id=1,Arn=TARGET_ARN --region {region}
    aws events delete-rule --event-bus-name BUS --name {name} --region {region}
    """
    if (other := _none_of_ours(checked)) is not None:
        return other
    if checked.targets:
        return passed(targets=len(checked.targets))
    return failed("The rule has no targets", targets=0)


@rule(severity=Severity.INFORMATIONAL, notes="EventBridge", category=Category.OPERATIONS)
def events_rule_enabled(checked: EventRule) -> Verdict:
    """Rules are enabled.

    Risk: what was switched off for an hour and forgotten is missed when it is needed, or was needed no more.
    Fix: aws events enable-rule --event-bus-name BUS --name {name} --region {region}
    """
    if checked.managed_by:
        return not_applicable(f"The rule is managed by {checked.managed_by}", managed_by=checked.managed_by)
    if checked.enabled:
        return passed(state=checked.state)
    return failed("The rule is disabled", state=checked.state)


@rule(severity=Severity.LOW, notes="EventBridge (reliable delivery)", category=Category.RELIABILITY)
def events_rule_target_dead_letter_queue_configured(checked: EventRule) -> Verdict:
    """Every target of a rule has a queue for events that could not be delivered.

    Risk: EventBridge tries for a day, and then drops the event without a trace.
    Fix: add a DeadLetterConfig with the ARN of a queue to each target:
    aws events list-targets-by-rule --event-bus-name BUS --rule {name} --region {region}
    aws events put-targets --event-bus-name BUS --rule {name} --targets file://targets.json --region {region}
    """
    if (other := _none_of_ours(checked)) is not None:
        return other
    if not checked.targets:
        return not_applicable("The rule has no targets")
    lacking = [t.arn for t in checked.targets if t.dead_letter_config is None or not t.dead_letter_config.arn]
    if lacking:
        return failed("Targets have no dead-letter queue", targets=lacking)
    return passed()


@rule(severity=Severity.INFORMATIONAL, notes="EventBridge (archive and replay)", category=Category.RELIABILITY)
def events_event_bus_archive_configured(bus: EventBus, inventory: Inventory) -> Verdict:
    """Buses of the account's own keep their events in an archive, from which they can be replayed.

    Risk: events that a faulty consumer has swallowed cannot be sent again.
    Fix: aws events create-archive --archive-name {name} --event-source-arn {arn} --retention-days 30 --region {region}
    """
    if bus.name == "default" or bus.of_partner:
        return not_applicable("Only a bus of the account's own is expected to have an archive", name=bus.name)
    archives = inventory.where(EventArchive, "event_source_arn", bus.arn, region=bus.region)
    if any_of(lambda archive: archive.state == "ENABLED", archives):
        return passed()
    return failed("No archive keeps the events of the bus")


@rule(severity=Severity.INFORMATIONAL, notes="EventBridge (partner buses)", category=Category.OPERATIONS)
def events_partner_source_active(source: PartnerEventSource) -> Verdict:
    """Event sources that a partner offers are accepted.

    Risk: an offer that is not taken expires after two weeks, and until then its events are lost.
    Fix: aws events create-event-bus --name {name} --event-source-name {name} --region {region}
    """
    if source.state == "PENDING":
        return failed("The event source waits to be accepted", state=source.state)
    return passed(state=source.state)
