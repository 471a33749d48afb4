"""Rules about Route 53's records: how they are routed, and for how long they are remembered."""

import re
from collections.abc import Callable

from auditor.analysis.dns import managed, zone_of
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.route53 import RecordSet
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule

ONE_ANSWER = "It is the only answer for its name and type"
# What an alias could stand for.
ALIASED = re.compile(
    r".+\.(?:elb\.amazonaws\.com|elb\.[a-z0-9-]+\.amazonaws\.com|cloudfront\.net|elasticbeanstalk\.com"
    r"|execute-api\.[a-z0-9-]+\.amazonaws\.com|awsglobalaccelerator\.com)"
    r"|(?:.+\.)?s3-website[.-][a-z0-9-]+\.amazonaws\.com"
)


def _others(record: RecordSet, inventory: Inventory) -> list[RecordSet]:
    """All answers for a record's name and type, itself included."""
    return list(inventory.where(RecordSet, "group", record.group))


def _first(record: RecordSet, group: list[RecordSet]) -> bool:
    """Whether it is the one of its group that is judged for all: one fact, one finding."""
    return record.arn == min(each.arn for each in group)


def _once_for_all(record: RecordSet, inventory: Inventory, wanted: Callable[[list[RecordSet]], Verdict]) -> Verdict:
    """The verdict on all answers for a name and type, given for the first of them."""
    group = _others(record, inventory)
    if not _first(record, group):
        return not_applicable("It is judged with the first of the answers for its name and type")
    return wanted(group)


@rule(severity=Severity.MEDIUM, notes="Alias (native health check)", category=Category.RELIABILITY)
def route53_record_alias_evaluates_target_health(record: RecordSet, inventory: Inventory) -> Verdict:
    """Aliases among which Route 53 chooses are left out while their target is not healthy.

    Risk: users are still sent to the one that is down, although another one could answer them.
    Fix: set EvaluateTargetHealth to true in the record's AliasTarget, in
    aws route53 change-resource-record-sets --hosted-zone-id ZONE_ID --change-batch file://change.json
    """
    target = record.alias_target
    if target is None or record.set_identifier is None:
        return not_applicable("It is no alias among which Route 53 chooses")
    if (record.target or "").endswith(".cloudfront.net"):
        return not_applicable("Route 53 cannot evaluate the health of a distribution")
    if target.evaluate_target_health or record.health_check_id is not None:
        return passed(evaluate_target_health=target.evaluate_target_health, health_check_id=record.health_check_id)
    if len(_others(record, inventory)) < 2:
        return not_applicable(ONE_ANSWER)
    return failed("Route 53 answers with the alias whether or not its target works", evaluate_target_health=False)


@rule(severity=Severity.MEDIUM, notes="Failover routing", category=Category.RELIABILITY)
def route53_record_failover_pair_complete(record: RecordSet, inventory: Inventory) -> Verdict:
    """Failover records come in pairs: a primary and a secondary.

    Risk: when the primary is down there is nothing to fail over to.
    Fix: create the record that is missing, in
    aws route53 change-resource-record-sets --hosted-zone-id ZONE_ID --change-batch file://change.json
    """
    if record.failover is None:
        return not_applicable("It is no failover record")
    other = "SECONDARY" if record.failover == "PRIMARY" else "PRIMARY"
    if any_of(lambda each: each.failover == other, inventory.where(RecordSet, "group", record.group)):
        return passed(failover=record.failover)
    return failed(f"The {record.failover.lower()} record has no {other.lower()} one", failover=record.failover)


@rule(
    severity=Severity.MEDIUM,
    notes="Failover, Weighted, Latency, Multi-value (health checks)",
    category=Category.RELIABILITY,
)
def route53_record_routing_health_check_attached(record: RecordSet, inventory: Inventory) -> Verdict:
    """Records among which Route 53 chooses have a health check.

    Risk: users are still sent to the one that is down, although another one could answer them.
    Fix: create a health check of the record's target and set it as HealthCheckId, in
    aws route53 change-resource-record-sets --hosted-zone-id ZONE_ID --change-batch file://change.json
    """
    if record.set_identifier is None or record.alias_target is not None:
        return not_applicable("It is no record with values among which Route 53 chooses")
    if record.failover == "SECONDARY" or record.weight == 0:
        return not_applicable("It is the last resort, which is given whether or not it works")
    if record.health_check_id is not None:
        return passed(health_check_id=record.health_check_id)
    if len(_others(record, inventory)) < 2:
        return not_applicable(ONE_ANSWER)
    by_place = (record.geo_location, record.geo_proximity_location, record.cidr_routing_config)
    severity = Severity.LOW if any(place is not None for place in by_place) else Severity.MEDIUM
    return failed("Route 53 does not know whether it works", severity=severity, health_check_id=None)


@rule(severity=Severity.MEDIUM, notes="Weighted (weight 0)", category=Category.RELIABILITY)
def route53_record_weighted_nonzero(record: RecordSet, inventory: Inventory) -> Verdict:
    """Of the weighted answers for a name, at least one has a weight.

    Risk: where every weight is zero Route 53 gives all of them alike, those that were taken out of service included.
    Fix: give a Weight to the record that shall be used, in
    aws route53 change-resource-record-sets --hosted-zone-id ZONE_ID --change-batch file://change.json
    """
    if record.weight is None:
        return not_applicable("It is no weighted record")
    if record.weight > 0:
        return passed(weight=record.weight)

    def judge(group: list[RecordSet]) -> Verdict:
        weights = {each.set_identifier or "": each.weight for each in group}
        if any(weights.values()):
            return passed(weights=weights)
        return failed("Every weight is zero", weights=weights)

    return _once_for_all(record, inventory, judge)


@rule(severity=Severity.MEDIUM, notes="Geolocation routing", category=Category.RELIABILITY)
def route53_record_geolocation_default_present(record: RecordSet, inventory: Inventory) -> Verdict:
    """Among answers by place there is one for everybody else.

    Risk: users whose place is not known, or not listed, get no answer at all.
    Fix: create a record with the same name and type and GeoLocation CountryCode "*", in
    aws route53 change-resource-record-sets --hosted-zone-id ZONE_ID --change-batch file://change.json
    """
    if record.geo_location is None:
        return not_applicable("It is no answer by place")

    def judge(group: list[RecordSet]) -> Verdict:
        places = [each.geo_location for each in group if each.geo_location is not None]
        if any(place.country_code == "*" for place in places):
            return passed()
        said = [place.country_code or place.continent_code for place in places]
        return failed("There is no answer for everybody else", places=said)

    return _once_for_all(record, inventory, judge)


@rule(severity=Severity.LOW, notes="Records TTL", category=Category.OPERATIONS)
def route53_record_ttl_not_too_long(record: RecordSet, inventory: Inventory, *, seconds: int = 86400) -> Verdict:
    """Records are not remembered for longer than a day.

    Risk: after a move, or a mistake, users are sent to the old place for as long as the record said.
    Fix: set a TTL of a day or less, in
    aws route53 change-resource-record-sets --hosted-zone-id ZONE_ID --change-batch file://change.json
    """
    if record.ttl is None or record.type not in ("A", "AAAA", "CNAME", "MX", "TXT"):
        return not_applicable("Its type, or its being an alias, sets how long it is remembered", type=record.type)
    if (other := managed(zone_of(record, inventory))) is not None:
        return other
    if record.ttl > seconds:
        return failed(f"The record is remembered for {record.ttl} seconds", ttl=record.ttl)
    return passed(ttl=record.ttl)


@rule(severity=Severity.INFORMATIONAL, notes="Records TTL", category=Category.COST)
def route53_record_ttl_not_too_short(record: RecordSet, inventory: Inventory, *, seconds: int = 60) -> Verdict:
    """Records are remembered for a minute at least, unless Route 53 must be able to switch.

    Risk: every user asks again all the time: each question is paid for, and each page waits for the answer.
    Fix: set a TTL of 60 seconds or more, in
    aws route53 change-resource-record-sets --hosted-zone-id ZONE_ID --change-batch file://change.json
    """
    if record.ttl is None:
        return not_applicable("An alias is remembered for as long as its target says")
    if record.health_check_id is not None or record.failover is not None or record.weight is not None:
        return not_applicable("Route 53 must be able to switch soon", ttl=record.ttl)
    if (other := managed(zone_of(record, inventory))) is not None:
        return other
    if record.ttl < seconds:
        return failed(f"The record is remembered for {record.ttl} seconds only", ttl=record.ttl)
    return passed(ttl=record.ttl)


@rule(severity=Severity.LOW, notes="CNAME vs Alias", category=Category.COST)
def route53_record_alias_used_for_aws_targets(record: RecordSet) -> Verdict:
    """What stands for a resource of AWS is an alias, not a CNAME.

    Risk: each question for a CNAME is paid for, those for an alias are not, and an alias needs no second question.
    Fix: replace the record by one of type A with an AliasTarget, in
    aws route53 change-resource-record-sets --hosted-zone-id ZONE_ID --change-batch file://change.json
    """
    if record.type != "CNAME" or record.alias_target is not None or record.target is None:
        return not_applicable("It is no CNAME")
    if ALIASED.fullmatch(record.target):
        return failed("The CNAME could be an alias", target=record.target)
    return passed(target=record.target)


@rule(severity=Severity.LOW, notes="Simple routing", category=Category.RELIABILITY)
def route53_record_simple_single_value(record: RecordSet) -> Verdict:
    """A record that Route 53 always gives whole has one address.

    Risk: users are sent to each of its addresses in turn, to the one that is down as well.
    Fix: make it records of their own with MultiValueAnswer and a health check each, in
    aws route53 change-resource-record-sets --hosted-zone-id ZONE_ID --change-batch file://change.json
    """
    if record.type not in ("A", "AAAA") or record.set_identifier is not None or record.alias_target is not None:
        return not_applicable("It is no simple record of addresses")
    if len(record.values) > 1:
        return failed(f"The record holds {len(record.values)} addresses", values=list(record.values))
    return passed(values=list(record.values))
