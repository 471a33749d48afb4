"""Application, network and gateway load balancers."""

from auditor.analysis.load_balancing import listeners_of, served_in_clear, target_groups_of
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.cloudfront import Distribution
from auditor.resources.elbv2 import LoadBalancer, TargetGroup
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule

CROSS_ZONE = "load_balancing.cross_zone.enabled"
XFF = "routing.http.xff_header_processing.mode"


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub ELB.13", "ISO-27001-2022 A.8.14"),
    notes="High Availability",
    category=Category.RELIABILITY,
)
def elbv2_load_balancer_multi_az(balancer: LoadBalancer) -> Verdict:
    """Load balancers are enabled in more than one zone.

    Risk: a load balancer in one zone takes everything behind it down when that zone fails.
    Fix: aws elbv2 set-subnets --load-balancer-arn {arn} --subnets SUBNET_IN_ONE_ZONE SUBNET_IN_ANOTHER
      --region {region}
    """
    zones = sorted({zone.zone_name for zone in balancer.availability_zones})
    if any(zone.outpost_id for zone in balancer.availability_zones):
        return not_applicable("A load balancer on an Outpost takes one subnet", zones=zones)
    if len(zones) < 2:
        return failed("The load balancer is enabled in one zone only", zones=zones)
    return passed(zones=zones)


@rule(severity=Severity.HIGH, controls=("SecurityHub ELB.18",), notes="SSL certificates; HTTPS")
def elbv2_load_balancer_https_listener_present(balancer: LoadBalancer, inventory: Inventory) -> Verdict:
    """Application load balancers on the internet have an HTTPS listener.

    Risk: without one everything is sent in the clear, passwords and sessions included.
    Fix: aws elbv2 create-listener --load-balancer-arn {arn} --protocol HTTPS --port 443
      --ssl-policy ELBSecurityPolicy-TLS13-1-2-2021-06 --certificates CertificateArn=CERTIFICATE
      --default-actions Type=forward,TargetGroupArn=TARGET_GROUP --region {region}
    """
    if balancer.type != "application" or not balancer.internet_facing:
        return not_applicable("It is no application load balancer on the internet", type=balancer.type)
    if not balancer.serving:
        return not_applicable("The load balancer does not serve", state=balancer.state.code)
    if any_of(lambda listener: listener.protocol == "HTTPS", listeners_of(balancer, inventory)):
        return passed()
    listeners = list(listeners_of(balancer, inventory))
    if not listeners:
        return not_applicable("The load balancer has no listener: elbv2-load-balancer-in-use tells")
    ports = sorted(listener.port for listener in listeners if listener.port)
    if any_of(lambda listener: any(True for _ in served_in_clear(listener)), listeners):
        return failed("The load balancer listens on HTTP only", http_ports=ports)
    return not_applicable("Its listeners only send clients to HTTPS elsewhere", http_ports=ports)


@rule(severity=Severity.LOW, notes="Load balancing", category=Category.COST)
def elbv2_load_balancer_in_use(balancer: LoadBalancer, inventory: Inventory) -> Verdict:
    """Load balancers have something to do.

    Risk: a load balancer without listeners or targets costs its hours all the same, and may be forgotten but open.
    Fix: aws elbv2 delete-load-balancer --load-balancer-arn {arn} --region {region}
    """
    if not any_of(lambda _: True, listeners_of(balancer, inventory)):
        return failed("The load balancer has no listener")

    def registered(group: TargetGroup) -> bool:
        return bool(group.target_health_descriptions)

    if any_of(registered, target_groups_of(balancer, inventory)):
        return passed()
    groups = [group.target_group_name for group in target_groups_of(balancer, inventory)]
    if not groups:
        return passed("The load balancer only redirects, or answers by itself")
    return failed("Nothing is registered in any of its target groups", target_groups=sorted(groups))


@rule(severity=Severity.INFORMATIONAL, controls=("ISO-27001-2022 A.8.1",), notes="Internal vs external")
def elbv2_load_balancer_internet_facing_approved(
    balancer: LoadBalancer, *, allow_tag: str = "auditor:internet-facing"
) -> Verdict:
    """Load balancers on the internet are meant to be there.

    Risk: an internal service behind a load balancer that was made public by oversight is everybody's to try.
    Fix: aws elbv2 add-tags --resource-arns {arn} --tags Key=auditor:internet-facing,Value=approved --region {region}
    Or make an internal one in its place: the scheme of a load balancer cannot be changed.
    """
    if not balancer.internet_facing:
        return passed(scheme=balancer.scheme)
    if allow_tag in (balancer.tags or {}):
        return passed(f"It is tagged {allow_tag}", scheme=balancer.scheme)
    return failed("The load balancer is on the internet, and nobody said so by a tag", scheme=balancer.scheme)


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub ELB.5",
        "NIST-800-53-r5 ac_4_26 au_2_b au_3_a au_3_b au_3_c au_3_d au_3_e au_3_f au_6_3 au_6_4 au_6_6 au_6_9",
        "ISO-27001-2022 A.8.15",
    ),
    notes="Why ELB (managed, few knobs)",
    category=Category.OPERATIONS,
)
def elbv2_load_balancer_access_logs_enabled(balancer: LoadBalancer, inventory: Inventory) -> Verdict:
    """Load balancers keep access logs.

    Risk: without them nobody can tell afterwards who asked for what, nor which requests failed where.
    Fix: aws elbv2 modify-load-balancer-attributes --load-balancer-arn {arn} --attributes
      Key=access_logs.s3.enabled,Value=true Key=access_logs.s3.bucket,Value=BUCKET --region {region}
    """
    if balancer.type not in ("application", "network"):
        return not_applicable("Only application and network load balancers have access logs", type=balancer.type)
    enabled = balancer.attributes.get("access_logs.s3.enabled")
    if enabled == "true":
        return passed(bucket=balancer.attributes.get("access_logs.s3.bucket"))
    if balancer.type == "network" and not any_of(
        lambda each: each.protocol == "TLS", listeners_of(balancer, inventory)
    ):
        return not_applicable("Of a network load balancer only TLS listeners are logged, and it has none")
    return failed("The load balancer keeps no access logs", access_logs=enabled)


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub ELB.6",
        "NIST-800-53-r5 ca_7_4_c cm_2_a cm_2_2 cm_3_a cm_8_6 cp_1_a_1_b cp_1_a_2 cp_2_a cp_2_a_6 cp_2_a_7",
        "NIST-800-53-r5 cp_2_d cp_2_e",
    ),
    notes="High Availability",
    category=Category.RELIABILITY,
)
def elbv2_load_balancer_deletion_protection_enabled(balancer: LoadBalancer) -> Verdict:
    """Load balancers are protected from deletion.

    Risk: one call deletes the load balancer and its name; another one never gets the same name or addresses.
    Fix: aws elbv2 modify-load-balancer-attributes --load-balancer-arn {arn}
      --attributes Key=deletion_protection.enabled,Value=true --region {region}
    """
    enabled = balancer.attributes.get("deletion_protection.enabled")
    if enabled == "true":
        return passed()
    return failed("The load balancer can be deleted by a single call", deletion_protection=enabled)


@rule(severity=Severity.MEDIUM, controls=("SecurityHub ELB.4",), notes="ALB (X-Forwarded headers)")
def elbv2_load_balancer_invalid_headers_dropped(balancer: LoadBalancer) -> Verdict:
    """Application load balancers drop headers that HTTP does not allow.

    Risk: headers that the load balancer and the application read differently let requests be smuggled past checks.
    Fix: aws elbv2 modify-load-balancer-attributes --load-balancer-arn {arn}
      --attributes Key=routing.http.drop_invalid_header_fields.enabled,Value=true --region {region}
    """
    if balancer.type != "application":
        return not_applicable("Only application load balancers read headers", type=balancer.type)
    enabled = balancer.attributes.get("routing.http.drop_invalid_header_fields.enabled")
    if enabled == "true":
        return passed()
    return failed("Invalid headers are passed on", drop_invalid_header_fields=enabled)


@rule(severity=Severity.MEDIUM, controls=("SecurityHub ELB.12",), notes="ALB")
def elbv2_load_balancer_desync_mitigation_enabled(balancer: LoadBalancer) -> Verdict:
    """Application load balancers keep ambiguous requests from their targets.

    Risk: a request that its readers split differently (request smuggling) takes over what the next client gets.
    Fix: aws elbv2 modify-load-balancer-attributes --load-balancer-arn {arn}
      --attributes Key=routing.http.desync_mitigation_mode,Value=defensive --region {region}
    """
    if balancer.type != "application":
        return not_applicable("Only application load balancers read requests", type=balancer.type)
    mode = balancer.attributes.get("routing.http.desync_mitigation_mode")
    if mode == "monitor":
        return failed("Ambiguous requests are counted, and let through", desync_mitigation_mode=mode)
    return passed(desync_mitigation_mode=mode)


@rule(severity=Severity.LOW, notes="ALB (X-Forwarded-For)")
def elbv2_load_balancer_xff_append(balancer: LoadBalancer, inventory: Inventory) -> Verdict:
    """Application load balancers add the client's address to X-Forwarded-For themselves.

    Risk: what the client wrote there is its own claim: lists of addresses, limits and logs can be lied to.
    Fix: aws elbv2 modify-load-balancer-attributes --load-balancer-arn {arn}
      --attributes Key=routing.http.xff_header_processing.mode,Value=append --region {region}
    """
    if balancer.type != "application":
        return not_applicable("Only application load balancers add headers", type=balancer.type)
    mode = balancer.attributes.get(XFF)
    if mode == "remove":
        return failed("The application never learns the client's address", xff_header_processing=mode)
    if mode == "preserve":
        if any_of(lambda distribution: _leads_to(distribution, balancer), inventory.each(Distribution)):
            return passed("CloudFront in front of it has written the header", xff_header_processing=mode)
        return failed("The header is passed on as the client wrote it", xff_header_processing=mode)
    return passed(xff_header_processing=mode)


def _leads_to(distribution: Distribution, balancer: LoadBalancer) -> bool:
    """Whether a distribution has a load balancer as an origin, by the name that AWS gave this."""
    name = (balancer.dns_name or "").lower()
    return any(origin.domain_name.lower().removeprefix("dualstack.") == name for origin in distribution.origins.items)


@rule(
    severity=Severity.LOW,
    notes="Cross-Zone Load Balancing (NLB and GWLB off by default)",
    category=Category.RELIABILITY,
)
def elbv2_network_load_balancer_cross_zone_enabled(balancer: LoadBalancer, inventory: Inventory) -> Verdict:
    """Network and gateway load balancers spread traffic over the targets of all zones.

    Risk: each zone's node uses the targets of its own zone only, so few targets there are overrun while others idle.
    Fix: aws elbv2 modify-load-balancer-attributes --load-balancer-arn {arn}
      --attributes Key=load_balancing.cross_zone.enabled,Value=true --region {region}
    What crosses zones is charged.
    """
    if balancer.type not in ("network", "gateway"):
        return not_applicable("An application load balancer does so unless a target group is told not to")
    if len(balancer.availability_zones) < 2:
        return not_applicable("The load balancer is in one zone: elbv2-load-balancer-multi-az tells")
    enabled = balancer.attributes.get(CROSS_ZONE)
    if enabled == "true":
        return passed(cross_zone=enabled)

    def within_zones(group: TargetGroup) -> bool:
        return group.attributes.get(CROSS_ZONE) != "true"

    if any_of(within_zones, target_groups_of(balancer, inventory)) or not any(target_groups_of(balancer, inventory)):
        return failed("Each zone's node uses the targets of its zone only", cross_zone=enabled)
    return passed("Each of its target groups says so for itself", cross_zone=enabled)


@rule(severity=Severity.INFORMATIONAL, notes="NLB (static IP per AZ)", category=Category.RELIABILITY)
def elbv2_network_load_balancer_elastic_ips_assigned(
    balancer: LoadBalancer, *, tag: str = "auditor:allow-listed"
) -> Verdict:
    """Network load balancers whose addresses others allow-list have Elastic IPs.

    Risk: addresses that AWS chose are gone with the load balancer, and with them the partners' firewall rules.
    Fix: in the template, give each entry of SubnetMappings an AllocationId; it can only be set when it is made.
    """
    if balancer.type != "network" or not balancer.internet_facing:
        return not_applicable("It is no network load balancer on the internet", type=balancer.type)
    if tag not in (balancer.tags or {}):
        return not_applicable(f"It is not tagged {tag}")
    lacking = [
        zone.zone_name
        for zone in balancer.availability_zones
        if not any(address.allocation_id for address in zone.load_balancer_addresses)
    ]
    if lacking:
        return failed("In some zones the address is AWS's choice", zones=lacking)
    return passed()
