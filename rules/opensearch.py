"""Rules about domains of OpenSearch Service."""

from auditor.analysis.exposure import parsed
from auditor.analysis.public import public_statements
from auditor.findings import Severity
from auditor.resources.opensearch import OpenSearchDomain
from auditor.rule import Verdict, failed, not_applicable, passed, rule


@rule(
    severity=Severity.CRITICAL,
    controls=(
        "SecurityHub OpenSearch.2",
        "PCI-4.0 1.2.8.26 1.3.1.29 1.3.2.29 1.4.2.27 1.5.1.26 A1.1.3.26",
        "ISO-27001-2022 A.8.1",
    ),
    notes="Log streaming to ElasticSearch",
)
def opensearch_domain_not_public(domain: OpenSearchDomain) -> Verdict:
    """Search domains are not open to everyone on the internet.

    Risk: everyone can read, change and delete the logs and records that the domain holds.
    Fix: name who may come, or from which addresses, in
    aws opensearch update-domain-config --domain-name {id} --access-policies file://policy.json --region {region}
    """
    if domain.deleted:
        return not_applicable("The domain is being deleted")
    if domain.vpc_options is not None and domain.vpc_options.vpc_id:
        return passed("The domain stands in a VPC", vpc_id=domain.vpc_options.vpc_id)
    policy = parsed(domain, "access_policies", domain.access_policies)
    statements = [each.evidence for each in public_statements(policy, service="es")] if policy is not None else []
    if not statements:
        return passed()
    # With users of the domain's own, the policy is only the first of two gates, unless the second lets in anyone too.
    security = domain.advanced_security_options
    signs_in = security.enabled and not security.anonymous_auth_enabled
    return failed(
        "The access policy lets in everyone on the internet",
        severity=Severity.HIGH if signs_in else None,
        statements=statements,
        advanced_security=signs_in,
    )


@rule(
    severity=Severity.HIGH,
    controls=(
        "SecurityHub OpenSearch.1 OpenSearch.3",
        "PCI-4.0 3.5.1.19 3.5.1.24 8.3.2.27 8.3.2.39 1.2.5.7 1.2.5.13 2.2.5.7 2.2.5.13 2.2.7.9 2.2.7.17",
        "PCI-4.0 4.2.1.1.13 4.2.1.1.25",
        "NIST-800-53-r5 au_9_3 cp_9_d sc_8_3 sc_8_4 sc_13_a sc_28_1 si_19_4 ac_4 ac_4_22 ac_24_1 ca_9_b pm_17_b",
        "ISO-27001-2022 A.8.11 A.8.24 A.8.12",
    ),
    notes="Log streaming to ElasticSearch",
)
def opensearch_domain_encrypted(domain: OpenSearchDomain) -> Verdict:
    """Search domains encrypt at rest, between nodes and to clients.

    Risk: what the domain holds can be read from its disks, or on its way through the network.
    Fix: aws opensearch update-domain-config --domain-name {id} --encryption-at-rest-options Enabled=true
        --node-to-node-encryption-options Enabled=true --domain-endpoint-options EnforceHTTPS=true --region {region}
    """
    if domain.deleted:
        return not_applicable("The domain is being deleted")
    lacking = [
        what
        for on, what in (
            (domain.encryption_at_rest_options.enabled, "at rest"),
            (domain.node_to_node_encryption_options.enabled, "between nodes"),
            (domain.domain_endpoint_options.enforce_https, "to clients"),
        )
        if not on
    ]
    if lacking:
        return failed(f"The domain does not encrypt {', '.join(lacking)}", lacking=lacking)
    return passed()
