"""Classic load balancers."""

from auditor.findings import Category, Severity
from auditor.resources.elb import ClassicLoadBalancer, PolicyDescription
from auditor.rule import Verdict, failed, not_applicable, passed, rule, unknown

MODERN_POLICY = "ELBSecurityPolicy-TLS-1-2-2017-01"
OLD_TLS = ("Protocol-SSLv2", "Protocol-SSLv3", "Protocol-TLSv1", "Protocol-TLSv1.1")
DESYNC = "elb.http.desyncmitigationmode"


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub ELB.10", "ISO-27001-2022 A.8.14"),
    notes="High Availability",
    category=Category.RELIABILITY,
)
def elb_load_balancer_multi_az(balancer: ClassicLoadBalancer) -> Verdict:
    """Classic load balancers are enabled in more than one zone.

    Risk: a load balancer in one zone takes everything behind it down when that zone fails.
    Fix: aws elb attach-load-balancer-to-subnets --load-balancer-name {id} --subnets SUBNET_IN_ANOTHER_ZONE
      --region {region}
    """
    zones = sorted(set(balancer.availability_zones))
    if len(zones) < 2:
        return failed("The load balancer is enabled in one zone only", zones=zones)
    return passed(zones=zones)


@rule(severity=Severity.MEDIUM, controls=("SecurityHub ELB.8",), notes="SSL certificates (security policy)")
def elb_listener_tls_policy_modern(balancer: ClassicLoadBalancer) -> Verdict:
    """HTTPS and SSL listeners of Classic load balancers accept TLS 1.2 only.

    Risk: TLS 1.0 and 1.1 have known weaknesses, and a client can be talked into using them.
    Fix: aws elb create-load-balancer-policy --load-balancer-name {id} --policy-name tls12
      --policy-type-name SSLNegotiationPolicyType
      --policy-attributes AttributeName=Reference-Security-Policy,AttributeValue=ELBSecurityPolicy-TLS-1-2-2017-01
      --region {region}
    aws elb set-load-balancer-policies-of-listener --load-balancer-name {id} --load-balancer-port 443
      --policy-names tls12 --region {region}
    """
    if not balancer.encrypted_listeners:
        return not_applicable("No listener ends TLS")
    described = {policy.policy_name: policy for policy in balancer.listener_policies}
    weak: dict[str, str] = {}
    for each in balancer.encrypted_listeners:
        port = str(each.listener.load_balancer_port)
        if absent := sorted(set(each.policy_names) - described.keys()):
            return unknown("AWS does not say what a listener's policies are", port=port, policies=absent)
        policies = [described[name] for name in each.policy_names]
        negotiation = [policy for policy in policies if policy.policy_type_name == "SSLNegotiationPolicyType"]
        if not negotiation:
            weak[port] = "AWS's default of 2016"
        for policy in negotiation:
            if why := _weakness(policy):
                weak[port] = why
    if weak:
        return failed("Listeners accept TLS 1.1 or older", policies_by_port=weak)
    return passed()


def _weakness(policy: PolicyDescription) -> str | None:
    """What is old about a policy: the one of AWS's that it follows, or what it enables by itself."""
    set_to = {each.attribute_name: each.attribute_value or "" for each in policy.policy_attribute_descriptions}
    if reference := set_to.get("Reference-Security-Policy"):
        return reference if reference != MODERN_POLICY else None
    return " ".join(name for name in OLD_TLS if set_to.get(name, "").lower() == "true") or None


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub ELB.3",
        "PCI-4.0 1.2.5.1 2.2.5.1 2.2.7.1 4.2.1.1.3 4.2.1.1 8.3.2.1",
        "NIST-800-53-r5 ac_4 ac_4_22 ac_17_2 ac_24_1 au_9_3 ca_9_b ia_5_1_c pm_17_b sc_7_4_b sc_7_4_g sc_7_5",
        "NIST-800-53-r5 sc_8",
    ),
    notes="Classic Load Balancers; HTTPS",
)
def elb_listener_encrypted(balancer: ClassicLoadBalancer) -> Verdict:
    """Classic load balancers listen on HTTPS or SSL only.

    Risk: whoever is on the way reads and changes what is sent, passwords and sessions included.
    Fix: aws elb create-load-balancer-listeners --load-balancer-name {id} --listeners
      Protocol=HTTPS,LoadBalancerPort=443,InstanceProtocol=HTTP,InstancePort=80,SSLCertificateId=CERTIFICATE
      --region {region}
    aws elb delete-load-balancer-listeners --load-balancer-name {id} --load-balancer-ports 80 --region {region}
    """
    listeners = [each.listener for each in balancer.listener_descriptions]
    if not listeners:
        return not_applicable("The load balancer has no listener")
    ports = sorted(each.load_balancer_port for each in listeners if each.protocol.upper() in ("HTTP", "TCP"))
    if ports:
        return failed("Listeners take what is sent in the clear", ports=ports)
    return passed()


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub ELB.9",),
    notes="Cross-Zone Load Balancing (CLB)",
    category=Category.RELIABILITY,
)
def elb_load_balancer_cross_zone_enabled(balancer: ClassicLoadBalancer) -> Verdict:
    """Classic load balancers spread requests over the instances of all zones.

    Risk: each zone's node uses the instances of its own zone only, so few instances there are overrun.
    Fix: aws elb modify-load-balancer-attributes --load-balancer-name {id} --load-balancer-attributes
      'CrossZoneLoadBalancing={Enabled=true}' --region {region}
    """
    enabled = balancer.attributes.cross_zone_load_balancing.enabled
    if enabled:
        return passed(cross_zone_load_balancing=True)
    return failed("Each zone's node uses the instances of its zone only", cross_zone_load_balancing=False)


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub ELB.7",),
    notes="Connection Draining",
    category=Category.RELIABILITY,
)
def elb_load_balancer_connection_draining_enabled(balancer: ClassicLoadBalancer) -> Verdict:
    """Classic load balancers let an instance finish its requests before it is taken out.

    Risk: each deployment and each scale-in breaks the requests that are under way.
    Fix: aws elb modify-load-balancer-attributes --load-balancer-name {id} --load-balancer-attributes
      'ConnectionDraining={Enabled=true,Timeout=60}' --region {region}
    """
    if balancer.attributes.connection_draining.enabled:
        return passed(connection_draining=True)
    return failed("Requests under way break when an instance is taken out", connection_draining=False)


@rule(severity=Severity.LOW, notes="Types of load balancer", category=Category.OPERATIONS)
def elb_load_balancer_classic_not_used(balancer: ClassicLoadBalancer) -> Verdict:
    """Load balancers are of the current generation.

    Risk: Classic ones know neither WAF nor SNI nor routes by path, and AWS adds nothing to them.
    Fix: in the template, make an AWS::ElasticLoadBalancingV2::LoadBalancer in its place; when the name leads there:
    aws elb delete-load-balancer --load-balancer-name {id} --region {region}
    """
    return failed("It is a Classic load balancer", scheme=balancer.scheme)


@rule(
    severity=Severity.LOW,
    controls=(
        "SecurityHub ELB.2",
        "PCI-4.0 1.2.5.8 1.2.5.9 1.2.5.10 1.2.8.14 1.2.8.15 1.3.1.16 1.3.1.17 1.3.2.16 1.3.2.17 1.4.2.15",
        "PCI-4.0 1.4.2.16 1.5.1.14",
    ),
    notes="SSL certificates (ACM)",
)
def elb_listener_acm_certificate_used(balancer: ClassicLoadBalancer) -> Verdict:
    """Listeners of Classic load balancers use certificates of ACM.

    Risk: a certificate that was uploaded to IAM is renewed by nobody, and one day clients refuse it.
    Fix: aws elb set-load-balancer-listener-ssl-certificate --load-balancer-name {id} --load-balancer-port 443
      --ssl-certificate-id CERTIFICATE --region {region}
    """
    listeners = [each.listener for each in balancer.encrypted_listeners]
    if not listeners:
        return not_applicable("No listener ends TLS")
    kept = {str(each.load_balancer_port): each.ssl_certificate_id or "" for each in listeners}
    in_iam = {port: arn for port, arn in kept.items() if arn.split(":")[2:3] == ["iam"]}
    if in_iam:
        return failed("Listeners use certificates that are kept in IAM", certificates=in_iam)
    return passed(certificates=kept)


@rule(severity=Severity.LOW, notes="Classic LB health checks", category=Category.RELIABILITY)
def elb_health_check_http_used(balancer: ClassicLoadBalancer) -> Verdict:
    """Classic load balancers of web servers check them by HTTP.

    Risk: a server that still accepts connections and answers each with an error counts as healthy.
    Fix: aws elb configure-health-check --load-balancer-name {id} --health-check
      Target=HTTP:80/health,Interval=30,Timeout=5,UnhealthyThreshold=2,HealthyThreshold=3 --region {region}
    """
    listeners = [each.listener for each in balancer.listener_descriptions]
    if not any((each.instance_protocol or "").upper() in ("HTTP", "HTTPS") for each in listeners):
        return not_applicable("No listener leads to a web server")
    target = balancer.health_check.target
    if target.upper().startswith(("TCP:", "SSL:")):
        return failed("The check only connects", target=target)
    return passed(target=target)


@rule(severity=Severity.INFORMATIONAL, notes="Sticky Sessions (expiry)", category=Category.OPERATIONS)
def elb_stickiness_cookie_expires(balancer: ClassicLoadBalancer) -> Verdict:
    """Cookies by which Classic load balancers keep clients on an instance expire.

    Risk: without a period they last as long as the browser's session, and keep an instance busy as long.
    Fix: aws elb create-lb-cookie-stickiness-policy --load-balancer-name {id} --policy-name an-hour
      --cookie-expiration-period 3600 --region {region}
    aws elb set-load-balancer-policies-of-listener --load-balancer-name {id} --load-balancer-port 443
      --policy-names an-hour --region {region}
    """
    policies = balancer.policies.lb_cookie_stickiness_policies
    if not policies:
        return not_applicable("The load balancer sets no cookie of its own")
    endless = sorted(str(each.policy_name) for each in policies if each.cookie_expiration_period is None)
    if endless:
        return failed("The cookie has no expiry", policies=endless)
    return passed()


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub ELB.5",
        "PCI-4.0 10.2.1.1.19 10.2.1.2.16 10.2.1.3.16 10.2.1.4.16 10.2.1.5.16 10.2.1.6.16 10.2.1.7.16 10.2.1.16",
        "PCI-4.0 10.2.2.16 10.3.1.16 10.6.3.20 5.3.4.19",
        "NIST-800-53-r5 ac_4_26 au_2_b au_3_a au_3_b au_3_c au_3_d au_3_e au_3_f au_6_3 au_6_4 au_6_6 au_6_9",
        "ISO-27001-2022 A.8.15",
    ),
    notes="Why ELB",
    category=Category.OPERATIONS,
)
def elb_load_balancer_access_logs_enabled(balancer: ClassicLoadBalancer) -> Verdict:
    """Classic load balancers keep access logs.

    Risk: without them nobody can tell afterwards who asked for what, nor which requests failed where.
    Fix: aws elb modify-load-balancer-attributes --load-balancer-name {id} --load-balancer-attributes
      'AccessLog={Enabled=true,S3BucketName=BUCKET,EmitInterval=5}' --region {region}
    """
    if balancer.attributes.access_log.enabled:
        return passed(access_log=True)
    return failed("The load balancer keeps no access logs", access_log=False)


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub ELB.14",
        "PCI-4.0 10.2.1.1.5 10.2.1.2.5 10.2.1.3.5 10.2.1.4.5 10.2.1.5.5 10.2.1.6.5 10.2.1.7.5 10.2.1.5",
        "PCI-4.0 10.2.2.5 10.3.1.5 10.6.3.5 5.3.4.5",
    ),
    notes="CLB",
)
def elb_load_balancer_desync_mitigation_enabled(balancer: ClassicLoadBalancer) -> Verdict:
    """Classic load balancers keep ambiguous requests from their instances.

    Risk: a request that its readers split differently (request smuggling) takes over what the next client gets.
    Fix: aws elb modify-load-balancer-attributes --load-balancer-name {id} --load-balancer-attributes
      'AdditionalAttributes=[{Key=elb.http.desyncmitigationmode,Value=defensive}]' --region {region}
    """
    modes = [each.value for each in balancer.attributes.additional_attributes if each.key == DESYNC]
    if "monitor" in modes:
        return failed("Ambiguous requests are counted, and let through", desync_mitigation_mode="monitor")
    return passed(desync_mitigation_mode=modes[0] if modes else "defensive, by default")


@rule(
    severity=Severity.HIGH,
    notes="Health Checks; Classic Load Balancers; 503 = no registered target",
    category=Category.RELIABILITY,
)
def elb_load_balancer_instances_in_service(balancer: ClassicLoadBalancer) -> Verdict:
    """Classic load balancers have healthy instances.

    Risk: without any, every client gets an error (503), or no answer at all.
    Fix: see why: aws elb describe-instance-health --load-balancer-name {id} --region {region}
    aws elb register-instances-with-load-balancer --load-balancer-name {id} --instances INSTANCE --region {region}
    """
    if not balancer.instances:
        return failed("No instance is registered", severity=Severity.MEDIUM, instances=[])
    states = {each.instance_id: each.state for each in balancer.instance_states}
    if "InService" in states.values():
        return passed(states=states)
    if states and set(states.values()) == {"Unknown"}:
        return unknown("AWS does not know how the instances are", states=states)
    return failed("No instance is in service", states=states)
