"""Rules about Route 53's health checks: that they can tell, that somebody is told, that they matter."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from auditor.analysis.dns import covers, is_private
from auditor.analysis.network import Port, admits, common, group_called, network, openings, public_addresses
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.cloudwatch import Alarm
from auditor.resources.elbv2 import LoadBalancer
from auditor.resources.route53 import HealthCheck, HostedZone, RecordSet, plain_name
from auditor.resources.vpc import ManagedPrefixList, NetworkInterface, SecurityGroup
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule, unknown

# Route 53 calls an endpoint healthy if more than this share of its checkers does.
SHARE = 0.18
# Where CloudWatch keeps the metrics of health checks.
METRICS_REGION = "us-east-1"
PRIVATE_ENDS = ("internal", "local", "localhost", "corp", "lan", "home", "intranet", "private")


def _managed(check: HealthCheck) -> Verdict | None:
    """What is to be said of a check that another service of AWS keeps."""
    if check.linked_service is None:
        return None
    by = check.linked_service.service_principal or "another service"
    return not_applicable(f"The health check is managed by {by}", managed_by=by)


def _followed(check: HealthCheck, inventory: Inventory) -> Alarm | None:
    """The alarm that a check follows, if there is one. Raises Unread."""
    named = check.health_check_config.alarm_identifier
    return inventory.find(Alarm, "alarm_name", named.name, region=named.region) if named is not None else None


def _health(check: HealthCheck, inventory: Inventory, above: tuple[str, ...] = ()) -> bool | None:
    """Whether a check is healthy now; None where what AWS shows does not tell. Raises Unread."""
    config = check.health_check_config
    if config.disabled:
        return not config.inverted  # Route 53 takes it for healthy, and then turns that round
    if check.of_endpoint:
        said = [seen.status_report.status for seen in check.observations if seen.status_report is not None]
        good = sum(status.startswith("Success") for status in said)
        healthy = good / len(said) > SHARE if said else None
    elif config.type == "CLOUDWATCH_METRIC":
        healthy = _alarm_health(check, inventory)
    elif config.type == "CALCULATED" and check.id not in above:
        healthy = _children_health(check, inventory, (*above, check.id))
    else:
        return None
    return healthy if healthy is None or not config.inverted else not healthy


def _alarm_health(check: HealthCheck, inventory: Inventory) -> bool | None:
    alarm = _followed(check, inventory)
    if alarm is None:
        return None
    without_data = {"Healthy": True, "Unhealthy": False}
    told = {"OK": True, "ALARM": False}
    if alarm.state_value in told:
        return told[alarm.state_value]
    return without_data.get(check.health_check_config.insufficient_data_health_status or "")


def _children_health(check: HealthCheck, inventory: Inventory, above: tuple[str, ...]) -> bool | None:
    config = check.health_check_config
    threshold = config.health_threshold or 0
    found = [inventory.find(HealthCheck, "id", child) for child in config.child_health_checks]
    health = [_health(child, inventory, above) for child in found if child is not None]
    if health.count(True) >= threshold:
        return True
    return False if health.count(True) + health.count(None) < threshold else None


@rule(severity=Severity.HIGH, notes="Health Checks", category=Category.RELIABILITY)
def route53_health_check_healthy(check: HealthCheck, inventory: Inventory) -> Verdict:
    """Health checks are enabled, and pass.

    Risk: what it watches is down at this moment; one that is disabled says that all is well whatever happens.
    Fix: see what the checkers say, mend the endpoint, and enable the check if it is disabled:
    aws route53 get-health-check-last-failure-reason --health-check-id {id}
    aws route53 update-health-check --health-check-id {id} --no-disabled
    """
    if (other := _managed(check)) is not None:
        return other
    config = check.health_check_config
    if config.type == "RECOVERY_CONTROL":
        return not_applicable("It is a switch, which somebody has set", type=config.type)
    if config.disabled:
        message = "The health check is disabled, and counts as healthy"
        return failed(message, severity=Severity.MEDIUM, disabled=True)
    healthy = _health(check, inventory)
    statuses = (
        [seen.status_report.status for seen in check.observations if seen.status_report] if check.of_endpoint else []
    )
    if healthy is None:
        return unknown("Nothing that AWS shows tells whether it is healthy", type=config.type)
    if healthy:
        return passed(type=config.type)
    return failed("The health check fails", type=config.type, statuses=sorted({s.split(",")[0] for s in statuses}))


@rule(severity=Severity.MEDIUM, notes="Calculated Health Checks", category=Category.RELIABILITY)
def route53_health_check_calculated_threshold_effective(check: HealthCheck, inventory: Inventory) -> Verdict:
    """A health check over others can pass, and can fail.

    Risk: with a threshold of zero it passes whatever happens; with one that is too high it never does.
    Fix: aws route53 update-health-check --health-check-id {id} --health-threshold 1 --child-health-checks CHECK_IDS
    """
    config = check.health_check_config
    if config.type != "CALCULATED":
        return not_applicable("It is no health check over others", type=config.type)
    children, threshold = config.child_health_checks, config.health_threshold
    if threshold is None:
        return unknown("AWS does not say how many of its checks must pass")
    evidence: dict[str, Any] = {"health_threshold": threshold, "child_health_checks": list(children)}
    if threshold == 0:
        return failed("It passes whatever the others say", **evidence)
    if threshold > len(children):
        return failed(f"It needs {threshold} of {len(children)} checks, and so never passes", **evidence)
    gone = [child for child in children if inventory.find(HealthCheck, "id", child) is None]
    if gone:
        return failed("Checks that it counts do not exist", gone=gone, **evidence)
    return passed(**evidence)


@rule(severity=Severity.MEDIUM, notes="Health Checks (CloudWatch alarm)", category=Category.RELIABILITY)
def route53_health_check_alarm_target_exists(check: HealthCheck, inventory: Inventory) -> Verdict:
    """The alarm that a health check follows is there, as the check knows it, and silence does not count as health.

    Risk: the check goes on saying what it last said, and users are sent to what is down.
    Fix: name the alarm anew, so that Route 53 reads its settings:
    aws route53 update-health-check --health-check-id {id} --alarm-identifier Region=REGION,Name=ALARM_NAME
        --insufficient-data-health-status Unhealthy
    """
    config = check.health_check_config
    named = config.alarm_identifier
    if config.type != "CLOUDWATCH_METRIC" or named is None:
        return not_applicable("It follows no alarm", type=config.type)
    alarm = _followed(check, inventory)
    evidence: dict[str, Any] = {"alarm": named.name, "alarm_region": named.region}
    if alarm is None or alarm.alarm_rule is not None:
        return failed("There is no metric alarm of that name", **evidence)
    if config.insufficient_data_health_status == "Healthy":
        return failed("It counts as healthy while the alarm has no data", severity=Severity.LOW, **evidence)
    if differing := _differing(check, alarm):
        message = "The alarm was changed since the health check read it"
        return failed(message, severity=Severity.LOW, differing=differing, **evidence)
    return passed(**evidence)


def _differing(check: HealthCheck, alarm: Alarm) -> list[str]:
    """The settings in which an alarm is not what the check took it for."""
    known = check.cloud_watch_alarm_configuration
    if known is None:
        return []
    pairs = {
        "metric_name": (known.metric_name, alarm.metric_name),
        "namespace": (known.namespace, alarm.namespace),
        "threshold": (known.threshold, alarm.threshold),
        "comparison_operator": (known.comparison_operator, alarm.comparison_operator),
        "period": (known.period, alarm.period),
        "evaluation_periods": (known.evaluation_periods, alarm.evaluation_periods),
    }
    return [name for name, (one, other) in pairs.items() if one != other]


@rule(severity=Severity.MEDIUM, notes="Health Checks (public resources only)", category=Category.RELIABILITY)
def route53_health_check_endpoint_public(check: HealthCheck, inventory: Inventory) -> Verdict:
    """The endpoint that a health check connects to can be found and reached from the internet.

    Risk: the checkers stand outside: what only its own network knows fails for ever, or is not what they check.
    Fix: have the check follow an alarm on the private endpoint:
    aws route53 create-health-check --caller-reference private-endpoint --health-check-config
        file://check.json
    """
    config = check.health_check_config
    if not check.of_endpoint:
        return _managed(check) or not_applicable("It connects to nothing", type=config.type)
    if config.ip_address is not None or not config.fully_qualified_domain_name:
        return not_applicable("It is given an address, and resolves no name", ip_address=config.ip_address)
    name = plain_name(config.fully_qualified_domain_name)
    if name.rpartition(".")[2] in PRIVATE_ENDS:
        return failed("No name of the internet ends like that", fully_qualified_domain_name=name)
    records = [record for record in inventory.where(RecordSet, "domain", name) if record.type in ("A", "AAAA", "CNAME")]
    zones = {zone.id: zone for zone in inventory.each(HostedZone)}
    public = [record for record in records if not zones[record.hosted_zone_id].private]
    values = [value for record in public for value in record.values]
    if values and all(map(is_private, values)) and not any(record.alias_target for record in public):
        return failed("The name leads to private addresses", fully_qualified_domain_name=name, values=values)
    covered = any(not zone.private and covers(zone.domain, name) for zone in zones.values())
    if records and not public and covered and not _is_answered(name, zones, inventory):
        return failed("Only a private zone knows the name", fully_qualified_domain_name=name)
    return passed(fully_qualified_domain_name=name)


def _is_answered(name: str, zones: Mapping[str, HostedZone], inventory: Inventory) -> bool:
    """Whether a public zone answers for a name by a wildcard, or has delegated it."""
    _, _, above = name.partition(".")
    while above:
        for record in inventory.where(RecordSet, "domain", f"*.{above}"):
            if not zones[record.hosted_zone_id].private:
                return True
        for record in inventory.where(RecordSet, "domain", above):
            zone = zones[record.hosted_zone_id]
            if record.type == "NS" and not zone.private and zone.domain != above:
                return True
        _, _, above = above.partition(".")
    return False


@rule(severity=Severity.LOW, notes="Health Checks (CW metrics)", category=Category.OPERATIONS)
def route53_health_check_alarm_configured(check: HealthCheck, inventory: Inventory) -> Verdict:
    """Somebody is told when a health check fails.

    Risk: Route 53 sends users elsewhere, nobody mends what is down, and then the other one goes down as well.
    Fix: aws cloudwatch put-metric-alarm --region us-east-1 --alarm-name health-{id} --namespace AWS/Route53
        --metric-name HealthCheckStatus --dimensions Name=HealthCheckId,Value={id} --statistic Minimum --period 60
        --evaluation-periods 3 --threshold 1 --comparison-operator LessThanThreshold --alarm-actions TOPIC_ARN
    """
    if (other := _managed(check)) is not None:
        return other

    def watches(alarm: Alarm) -> bool:
        return any((each.name, each.value) == ("HealthCheckId", check.id) for each in alarm.dimensions)

    name = "AWS/Route53/HealthCheckStatus"
    if any_of(watches, inventory.where(Alarm, "measured_names", name, region=METRICS_REGION)):
        return passed()
    return failed("No alarm watches the health check")


@rule(severity=Severity.INFORMATIONAL, notes="Health Checks (protocol)")
def route53_health_check_https_used(check: HealthCheck) -> Verdict:
    """Health checks speak HTTPS where their endpoint does.

    Risk: a port that takes connections, or a redirect, says nothing of whether the pages behind it work.
    Fix: create one with Type HTTPS or HTTPS_STR_MATCH, since the type cannot be changed:
    aws route53 create-health-check --caller-reference https --health-check-config file://check.json
    """
    config = check.health_check_config
    if not check.of_endpoint:
        return _managed(check) or not_applicable("It connects to nothing", type=config.type)
    evidence: dict[str, Any] = {"type": config.type, "port": config.port}
    if config.type in ("HTTP", "HTTP_STR_MATCH") or (config.type == "TCP" and config.port == 443):
        return failed(f"It speaks plain {config.type.partition('_')[0]}", **evidence)
    return passed(**evidence)


@rule(severity=Severity.LOW, notes="Health Checks", category=Category.COST)
def route53_health_check_in_use(check: HealthCheck, inventory: Inventory) -> Verdict:
    """Records or other checks go by each health check.

    Risk: it is paid for every month, and makes people believe that something acts upon it.
    Fix: aws route53 delete-health-check --health-check-id {id}
    """
    if (other := _managed(check)) is not None:
        return other
    if any_of(lambda _: True, inventory.where(RecordSet, "health_check_id", check.id)):
        return passed("A record goes by it")
    if any_of(lambda each: check.id in each.health_check_config.child_health_checks, inventory.each(HealthCheck)):
        return passed("Another health check goes by it")
    return failed("Nothing goes by the health check")


@rule(severity=Severity.INFORMATIONAL, notes="Health Checks (firewall)", category=Category.RELIABILITY)
def route53_health_check_target_admits_checkers(check: HealthCheck, inventory: Inventory) -> Verdict:
    """The security groups of a health check's endpoint let Route 53's checkers in.

    Risk: the check fails although the endpoint works, and users are sent away from it.
    Fix: let in the prefix list com.amazonaws.REGION.route53-healthchecks:
    aws ec2 authorize-security-group-ingress --group-id GROUP_ID --region REGION --ip-permissions
        IpProtocol=tcp,FromPort=443,ToPort=443,PrefixListIds=[LIST_ID]
    """
    config = check.health_check_config
    if not check.of_endpoint:
        return _managed(check) or not_applicable("It connects to nothing", type=config.type)
    guarded = _guards(check, inventory)
    if guarded is None:
        return not_applicable("Its endpoint is no network interface or load balancer in the regions that were read")
    region, groups = guarded
    if not groups:
        return not_applicable("Its endpoint has no security groups")
    port = Port("tcp", config.port or (443 if config.type.startswith("HTTPS") else 80))
    evidence: dict[str, Any] = {"port": port.number, "security_groups": list(groups)}
    checkers = [network(each) for each in check.checker_ranges]

    def lets_in(group_id: str) -> bool:
        group = group_called(group_id, inventory, region=region)
        ways: tuple[Callable[[], bool], ...] = (
            lambda: any_of(
                lambda opening: any(common(opening.source, checker) for checker in checkers),
                openings(group, inventory, lambda permission: admits(permission, port)),
            ),
            lambda: any_of(lambda listed: _names_checkers(listed, inventory, region), _lists(group, port)),
        )
        return any_of(lambda way: way(), ways)

    if any_of(lets_in, groups):
        return passed(**evidence)
    return failed("No security group lets the checkers in", **evidence)


def _guards(check: HealthCheck, inventory: Inventory) -> tuple[str, tuple[str, ...]] | None:
    """The region and the security groups of what a check connects to, if that is this account's."""
    config = check.health_check_config
    names, addresses = set(), {config.ip_address}
    if config.ip_address is None and config.fully_qualified_domain_name:
        name = plain_name(config.fully_qualified_domain_name)
        records = list(inventory.where(RecordSet, "domain", name))
        names = {name, *((record.target or "").removeprefix("dualstack.") for record in records)}
        addresses = {value for record in records if record.type in ("A", "AAAA") for value in record.values}
    for balancer in inventory.each(LoadBalancer) if names else ():
        if balancer.dns_name and balancer.dns_name.lower() in names:
            return balancer.region, balancer.security_groups
    for interface in inventory.each(NetworkInterface) if addresses else ():
        if not addresses.isdisjoint(public_addresses(interface)):
            return interface.region, interface.group_ids
    return None


def _lists(group: SecurityGroup, port: Port) -> Iterator[str]:
    """The prefix lists that a group lets in to a port."""
    for permission in group.ip_permissions:
        if admits(permission, port):
            yield from (listed.prefix_list_id for listed in permission.prefix_list_ids)


def _names_checkers(prefix_list_id: str, inventory: Inventory, region: str) -> bool:
    """Whether a prefix list is AWS's own of Route 53's checkers."""
    found = inventory.find(ManagedPrefixList, "prefix_list_id", prefix_list_id, region=region)
    return found is not None and (found.prefix_list_name or "").endswith(".route53-healthchecks")
