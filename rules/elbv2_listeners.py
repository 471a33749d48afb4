"""Listeners of load balancers: HTTPS, TLS and certificates."""

from collections.abc import Iterator
from typing import Any

from auditor.analysis.load_balancing import balancer_of, forwarded_to, served_in_clear
from auditor.findings import Severity
from auditor.inventory import Inventory
from auditor.resources.acm import Certificate
from auditor.resources.elbv2 import WITH_TLS, Listener, ListenerRule
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule, seen, unknown

OLD_TLS = ("SSLv2", "SSLv3", "TLSv1", "TLSv1.1")
CLEAR_PORTS, TLS_PORTS = (80, 8080), (443, 8443)  # of the web


@rule(severity=Severity.MEDIUM, controls=("SecurityHub ELB.1 ELB.18",), notes="SSL certificates; HTTPS")
def elbv2_listener_http_redirects_to_https(listener: Listener, inventory: Inventory) -> Verdict:
    """HTTP listeners do nothing but send clients to HTTPS.

    Risk: whoever is on the way reads and changes what is sent over HTTP, passwords and sessions included.
    Fix: aws elbv2 modify-listener --listener-arn {arn} --region {region} --default-actions
      Type=redirect,RedirectConfig='{Protocol=HTTPS,Port=443,StatusCode=HTTP_301}'
    Rules that forward, or redirect to HTTP, go: aws elbv2 delete-rule --rule-arn RULE --region {region}
    """
    if listener.protocol != "HTTP":
        return not_applicable("It is no HTTP listener", protocol=listener.protocol)
    clear = seen(served_in_clear(listener))
    if not clear:
        return passed()

    def severity() -> Iterator[Severity]:
        if not balancer_of(listener, inventory).internet_facing:
            yield Severity.LOW

    return failed("Requests are served in the clear", severity=severity(), served=clear)


@rule(severity=Severity.MEDIUM, controls=("SecurityHub ELB.18",), notes="NLB (TLS)")
def elbv2_network_load_balancer_tls_listener_used(listener: Listener, inventory: Inventory) -> Verdict:
    """Network load balancers on the internet do not serve the web in the clear.

    Risk: whoever is on the way reads and changes what is sent, passwords and sessions included.
    Fix: aws elbv2 modify-listener --listener-arn {arn} --protocol TLS --port 443
      --ssl-policy ELBSecurityPolicy-TLS13-1-2-2021-06 --certificates CertificateArn=CERTIFICATE --region {region}
    """
    balancer = balancer_of(listener, inventory)
    evidence: dict[str, Any] = {"protocol": listener.protocol, "port": listener.port}
    if balancer.type != "network" or not balancer.internet_facing:
        return not_applicable("It is on no network load balancer that faces the internet", type=balancer.type)
    if listener.protocol == "TLS":
        return passed(**evidence)
    if listener.protocol not in ("TCP", "TCP_UDP") or listener.port not in (*CLEAR_PORTS, *TLS_PORTS):
        return not_applicable("It is not for the web", **evidence)
    if any_of(lambda group: group.target_type == "alb", forwarded_to(listener, inventory)):
        return not_applicable("It leads to an application load balancer, whose listeners are judged", **evidence)
    if listener.port in CLEAR_PORTS:
        return failed("The web is served in the clear", **evidence)
    if any_of(lambda group: group.port in CLEAR_PORTS, forwarded_to(listener, inventory)):
        return failed("What is passed on goes to a port for clear text, so no target ends TLS", **evidence)
    return passed("TLS is passed on, for the targets to end", **evidence)


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub ELB.17", "NIST-800-53-r5 sc_8_1 sc_23_5"),
    notes="SSL certificates (security policy)",
)
def elbv2_listener_tls_policy_modern(listener: Listener) -> Verdict:
    """HTTPS and TLS listeners accept TLS 1.2 and later only.

    Risk: TLS 1.0 and 1.1 have known weaknesses, and a client can be talked into using them.
    Fix: aws elbv2 modify-listener --listener-arn {arn} --ssl-policy ELBSecurityPolicy-TLS13-1-2-2021-06
      --region {region}
    """
    if listener.protocol not in WITH_TLS:
        return not_applicable("The listener does not end TLS", protocol=listener.protocol)
    accepted = {version for policy in listener.ssl_policies for version in policy.ssl_protocols}
    if not accepted:
        return unknown("AWS does not list the listener's security policy", ssl_policy=listener.ssl_policy)
    if old := sorted(accepted.intersection(OLD_TLS)):
        return failed(f"The security policy accepts {' and '.join(old)}", ssl_policy=listener.ssl_policy)
    return passed(ssl_policy=listener.ssl_policy)


@rule(severity=Severity.MEDIUM, notes="SSL certificates (SNI)")
def elbv2_listener_hostnames_covered_by_certificate(listener: Listener, inventory: Inventory) -> Verdict:
    """Every host that an HTTPS listener routes by name is named by one of its certificates.

    Risk: clients of the others are shown the default certificate, and refuse it or learn to ignore the warning.
    Fix: aws elbv2 add-listener-certificates --listener-arn {arn} --certificates CertificateArn=CERTIFICATE
      --region {region}
    """
    if listener.protocol != "HTTPS":
        return not_applicable("It is no HTTPS listener", protocol=listener.protocol)
    hosts = sorted({host for each in listener.rules for host in _hosts(each)})
    if not hosts:
        return not_applicable("No rule is for the name of a host")
    arns = sorted({each.certificate_arn for each in (*listener.certificates, *listener.listener_certificates)})
    if any(":server-certificate/" in arn for arn in arns):
        return not_applicable("A certificate is kept in IAM, which does not list the names that it is for")

    def certificates() -> Iterator[Certificate]:
        for arn in arns:
            yield from inventory.where(Certificate, "certificate_arn", arn, region=listener.region)

    def covered(host: str) -> bool:
        return any_of(lambda certificate: any(_covers(name, host) for name in certificate.names), certificates())

    if lacking := [host for host in hosts if not covered(host)]:
        return failed("No certificate of the listener names these hosts", hosts=lacking)
    return passed(hosts=hosts)


def _hosts(of: ListenerRule) -> Iterator[str]:
    """The hosts that a rule is for, as far as a certificate could name them."""
    for condition in of.conditions:
        if condition.field == "host-header":
            config = condition.host_header_config
            for value in (*condition.values, *(config.values if config else ())):
                host = value.lower()
                if not set("*?") & set(host.removeprefix("*.")):
                    yield host


def _covers(name: str, host: str) -> bool:
    """Whether a certificate's name, whose wildcard is one label, is for a host, or for the same wildcard."""
    name = name.lower()
    return name == host or (name.startswith("*.") and name[2:] == host.partition(".")[2] and not host.startswith("*"))
