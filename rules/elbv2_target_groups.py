"""Target groups: their targets, their health checks and how they treat traffic."""

import ipaddress
from collections.abc import Iterator
from typing import Any

from auditor.analysis.network import Port, admits, each_readable, group_called, world_openings
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.ec2 import Instance
from auditor.resources.ecs import EcsService
from auditor.resources.elbv2 import TargetGroup, TargetHealthDescription
from auditor.resources.vpc import IpPermission, NetworkInterface, SecurityGroup, Subnet
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule, unknown

UNATTACHED = "No load balancer routes to the target group"
CROSS_ZONE = "load_balancing.cross_zone.enabled"
DELAY, DEFAULT_DELAY = "deregistration_delay.timeout_seconds", 300
ON_UNHEALTHY = "target_failover.on_unhealthy"
WEB_PORTS = (80, 443, 8080, 8443)
GENEVE = Port("udp", 6081)


@rule(severity=Severity.MEDIUM, notes="Health checks; HA", category=Category.RELIABILITY)
def elbv2_target_group_targets_multi_az(group: TargetGroup, inventory: Inventory) -> Verdict:
    """The healthy targets of a target group are in more than one zone.

    Risk: a load balancer in several zones is of no use when the zone of all its targets fails.
    Fix: aws autoscaling update-auto-scaling-group --auto-scaling-group-name GROUP
      --vpc-zone-identifier SUBNET_IN_ONE_ZONE,SUBNET_IN_ANOTHER --region {region}
    Targets that are registered by hand:
    aws elbv2 register-targets --target-group-arn {arn} --targets Id=TARGET --region {region}
    """
    if not group.load_balancer_arns:
        return not_applicable(UNATTACHED)
    if group.target_type not in ("instance", "ip"):
        return not_applicable("Its target is in no zone of its own", target_type=group.target_type)
    healthy = [each for each in group.target_health_descriptions if each.healthy]
    if not healthy:
        return not_applicable("No target is healthy: elbv2-target-group-has-healthy-targets tells")
    if any(each.target.availability_zone == "all" for each in healthy):
        return not_applicable("Targets outside of the VPC are in no zone that AWS knows")
    zones: set[str] = set()
    for zone in each_readable(healthy, lambda each: _zones_of(each, group, inventory)):
        zones.add(zone)
        if len(zones) > 1:
            return passed(zones=sorted(zones))
    evidence: dict[str, Any] = {"zones": sorted(zones), "healthy_targets": len(healthy)}
    if not zones:
        return unknown("The targets' zones are not to be found in this account", **evidence)
    return failed("All healthy targets are in one zone", **evidence)


def _zones_of(described: TargetHealthDescription, group: TargetGroup, inventory: Inventory) -> Iterator[str]:
    """The zone of a target: as AWS gives it, or by its instance or subnet; none where these are unknown."""
    target = described.target
    if target.availability_zone:
        yield target.availability_zone
    elif group.target_type == "instance":
        instance = inventory.find(Instance, "instance_id", target.id, region=group.region)
        if instance and instance.placement and instance.placement.availability_zone:
            yield instance.placement.availability_zone
    elif group.vpc_id:
        address = ipaddress.ip_address(target.id)
        for subnet in inventory.where(Subnet, "vpc_id", group.vpc_id, region=group.region):
            if subnet.cidr_block and address in ipaddress.ip_network(subnet.cidr_block):
                yield subnet.availability_zone
                return


@rule(severity=Severity.MEDIUM, notes="Health Checks", category=Category.RELIABILITY)
def elbv2_target_group_health_check_matcher_strict(group: TargetGroup) -> Verdict:
    """Health checks take no error for health.

    Risk: a target that answers with an error is healthy to the load balancer, and keeps getting requests.
    Fix: aws elbv2 modify-target-group --target-group-arn {arn} --matcher HttpCode=200-299 --region {region}
    A health check that needs a login: --health-check-path with a path that does not.
    """
    if not group.load_balancer_arns:
        return not_applicable(UNATTACHED)
    if group.target_type == "lambda":
        return not_applicable("Functions are not checked unless asked for", target_type=group.target_type)
    if group.health_check_protocol not in ("HTTP", "HTTPS"):
        return not_applicable("The check only connects", health_check_protocol=group.health_check_protocol)
    http, grpc = (group.matcher.http_code, group.matcher.grpc_code) if group.matcher else (None, None)
    if not http and not grpc:
        return unknown("AWS does not say which answers are healthy")
    if http and any(high >= 400 for _, high in _ranges(http)):
        return failed("Errors count as healthy", http_code=http)
    if grpc and sum(high - low + 1 for low, high in _ranges(grpc)) > 20:
        return failed("Most codes of gRPC count as healthy, those of errors included", grpc_code=grpc)
    return passed(http_code=http, grpc_code=grpc)


def _ranges(codes: str) -> Iterator[tuple[int, int]]:
    """The ranges of a list of codes: "200,301-302"."""
    for part in codes.split(","):
        low, _, high = part.strip().partition("-")
        yield int(low), int(high or low)


@rule(severity=Severity.HIGH, notes="Health Checks; 503 = no registered target", category=Category.RELIABILITY)
def elbv2_target_group_has_healthy_targets(group: TargetGroup) -> Verdict:
    """Target groups in service have healthy targets.

    Risk: without any, clients get an error (503), or are sent to targets that cannot answer.
    Fix: see why: aws elbv2 describe-target-health --target-group-arn {arn} --region {region}
    aws elbv2 register-targets --target-group-arn {arn} --targets Id=TARGET --region {region}
    """
    if not group.load_balancer_arns:
        return not_applicable(UNATTACHED)
    health = [each.target_health for each in group.target_health_descriptions]
    if not health:
        return failed("No target is registered", severity=Severity.MEDIUM, targets=0)
    states = [each.state for each in health]
    counted = {state: states.count(state) for state in sorted(set(states))}
    if {"healthy", "initial"}.intersection(states):
        return passed(targets=counted)
    if any(each.state == "unavailable" for each in health):
        reasons = sorted({each.reason or "" for each in health if each.state == "unavailable"})
        return passed("Health is not checked, or not known to AWS itself", targets=counted, reasons=reasons)
    return failed("No target is healthy", targets=counted)


@rule(severity=Severity.INFORMATIONAL, notes="Health Checks (port and route)", category=Category.RELIABILITY)
def elbv2_target_group_health_check_application_level(group: TargetGroup) -> Verdict:
    """Health checks ask the application, not only its port or its front page.

    Risk: a target that accepts connections, or serves a static page, while its database is gone counts as healthy.
    Fix: aws elbv2 modify-target-group --target-group-arn {arn} --health-check-protocol HTTP
      --health-check-path /health --region {region}
    """
    if not group.load_balancer_arns:
        return not_applicable(UNATTACHED)
    if group.target_type in ("lambda", "alb"):
        return not_applicable("Its target is checked elsewhere, or not at all", target_type=group.target_type)
    protocol, path = group.health_check_protocol, group.health_check_path
    evidence: dict[str, Any] = {"health_check_protocol": protocol, "health_check_path": path}
    if group.protocol in ("HTTP", "HTTPS"):
        if path == "/":
            return failed("The check asks for the front page", **evidence)
        return passed(**evidence)
    if group.protocol not in ("TCP", "TLS") or group.port not in WEB_PORTS:
        return not_applicable("The targets are no web servers by their port", protocol=group.protocol, port=group.port)
    if protocol == "TCP":
        return failed("The check of a web server only connects", port=group.port, **evidence)
    return passed(**evidence)


@rule(severity=Severity.INFORMATIONAL, notes="Load balancing", category=Category.COST)
def elbv2_target_group_attached(group: TargetGroup, inventory: Inventory) -> Verdict:
    """Target groups are used by a load balancer or a service.

    Risk: leftovers are mistaken for what is in service, and targets are registered where nothing sends traffic.
    Fix: aws elbv2 delete-target-group --target-group-arn {arn} --region {region}
    """
    arns = list(group.load_balancer_arns)
    if arns:
        return passed(load_balancer_arns=arns)

    def uses(service: EcsService) -> bool:
        return any(each.target_group_arn == group.target_group_arn for each in service.load_balancers)

    if any_of(uses, inventory.each(EcsService, region=group.region)):
        return passed("A service of ECS registers its tasks there")
    return failed(UNATTACHED, load_balancer_arns=[])


@rule(severity=Severity.LOW, notes="Cross-Zone Load Balancing (ALB)", category=Category.RELIABILITY)
def elbv2_target_group_cross_zone_not_disabled(group: TargetGroup) -> Verdict:
    """Target groups of application load balancers get traffic from all zones.

    Risk: each zone's node uses the targets of its own zone only: few targets there are overrun, none means errors.
    Fix: aws elbv2 modify-target-group-attributes --target-group-arn {arn}
      --attributes Key=load_balancing.cross_zone.enabled,Value=use_load_balancer_configuration --region {region}
    """
    if not any(":loadbalancer/app/" in arn for arn in group.load_balancer_arns):
        return not_applicable("No application load balancer routes to the target group")
    enabled = group.attributes.get(CROSS_ZONE)
    if enabled == "false":
        return failed("Each zone's node uses the targets of its zone only", cross_zone=enabled)
    return passed(cross_zone=enabled)


@rule(severity=Severity.LOW, notes="Deregistration Delay", category=Category.RELIABILITY)
def elbv2_target_group_deregistration_delay_set(group: TargetGroup, *, max_seconds: int = DEFAULT_DELAY) -> Verdict:
    """Target groups leave targets as long to finish as their requests take.

    Risk: no delay breaks requests under way with each deployment; one too long makes each deployment wait for it.
    Fix: aws elbv2 modify-target-group-attributes --target-group-arn {arn}
      --attributes Key=deregistration_delay.timeout_seconds,Value=60 --region {region}
    """
    if not group.load_balancer_arns:
        return not_applicable(UNATTACHED)
    stated = group.attributes.get(DELAY)
    if group.target_type == "lambda" or stated is None:
        return not_applicable("There is nothing to wait for", target_type=group.target_type)
    seconds = int(stated)
    if seconds == 0:
        return failed("Requests under way break when a target is taken out", seconds=0)
    if seconds > max_seconds:
        return failed(f"A target that is taken out is waited for longer than {max_seconds} seconds", seconds=seconds)
    if seconds == DEFAULT_DELAY and group.protocol in ("HTTP", "HTTPS"):
        said = "The default of five minutes is longer than requests of the web take"
        return failed(said, severity=Severity.INFORMATIONAL, seconds=seconds)
    return passed(seconds=seconds)


@rule(severity=Severity.INFORMATIONAL, notes="Sticky Sessions", category=Category.PERFORMANCE)
def elbv2_target_group_stickiness_disabled(group: TargetGroup) -> Verdict:
    """Target groups do not tie clients to a target.

    Risk: ties keep load from spreading, and what a target keeps of a session is lost with it; a cache keeps it better.
    Fix: aws elbv2 modify-target-group-attributes --target-group-arn {arn}
      --attributes Key=stickiness.enabled,Value=false --region {region}
    """
    if group.protocol == "GENEVE":
        return not_applicable("An appliance has to see all of a flow", protocol=group.protocol)
    enabled, kind = group.attributes.get("stickiness.enabled"), group.attributes.get("stickiness.type")
    if enabled == "true":
        return failed("Clients are tied to a target", stickiness=enabled, stickiness_type=kind)
    return passed(stickiness=enabled)


@rule(severity=Severity.LOW, notes="Gateway Load Balancer", category=Category.RELIABILITY)
def elbv2_gateway_target_group_failover_rebalance(group: TargetGroup) -> Verdict:
    """Gateway load balancers move the flows of an appliance that fails to others.

    Risk: flows that are under way keep going to the appliance that failed until they time out.
    Fix: aws elbv2 modify-target-group-attributes --target-group-arn {arn} --attributes
      Key=target_failover.on_unhealthy,Value=rebalance Key=target_failover.on_deregistration,Value=rebalance
      --region {region}
    """
    if group.protocol != "GENEVE":
        return not_applicable("It is no target group of a gateway load balancer", protocol=group.protocol)
    told = group.attributes.get(ON_UNHEALTHY)
    if told == "no_rebalance":
        return failed("Flows stay with an appliance that failed", on_unhealthy=told)
    return passed(on_unhealthy=told)


@rule(severity=Severity.LOW, notes="Gateway Load Balancer (GENEVE 6081)")
def elbv2_gateway_target_geneve_port_restricted(group: TargetGroup, inventory: Inventory) -> Verdict:
    """Appliances behind gateway load balancers take GENEVE traffic, and not from the whole internet.

    Risk: without the port they inspect nothing; open to all, anybody can hand them packets as if inspected.
    Fix: aws ec2 authorize-security-group-ingress --group-id GROUP --protocol udp --port 6081
      --cidr SUBNET_OF_THE_LOAD_BALANCER --region {region}
    aws ec2 revoke-security-group-ingress --group-id GROUP --protocol udp --port 6081 --cidr 0.0.0.0/0 --region {region}
    """
    if group.protocol != "GENEVE":
        return not_applicable("It is no target group of a gateway load balancer", protocol=group.protocol)
    if not group.target_health_descriptions:
        return not_applicable("No appliance is registered")
    closed, opened, judged = [], [], 0
    for described in group.target_health_descriptions:
        target = described.target.id
        groups = list(_security_groups(target, group, inventory))
        judged += bool(groups)
        if groups and not any(admits(permission, GENEVE) for each in groups for permission in each.ip_permissions):
            closed.append(target)
        elif any_of(lambda each: any(world_openings(each, inventory, _is_geneve)), groups):
            opened.append(target)
    if closed or opened:
        said = "Appliances refuse GENEVE traffic" if closed else "Appliances take GENEVE traffic from everywhere"
        return failed(said, refusing=closed, open_to_all=opened)
    if not judged:
        return unknown("The appliances are not to be found in this account")
    return passed(appliances=judged)


def _is_geneve(permission: IpPermission) -> bool:
    return admits(permission, GENEVE)


def _security_groups(target: str, group: TargetGroup, inventory: Inventory) -> Iterator[SecurityGroup]:
    """The security groups of a target, whichever of its network interfaces carries them."""
    by = "instance_id" if group.target_type == "instance" else "addresses"
    for interface in inventory.where(NetworkInterface, by, target, region=group.region):
        if interface.vpc_id == group.vpc_id:
            for group_id in interface.group_ids:
                yield group_called(group_id, inventory, region=group.region)
