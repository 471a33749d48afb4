"""Rules about Route 53's hosted zones and traffic policies."""

from auditor.analysis.dns import covers, is_private, managed
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.route53 import HostedZone, RecordSet, TrafficPolicy, TrafficPolicyInstance
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule, seen

PRIVATE = "The zone is private"


@rule(severity=Severity.LOW, notes="Hosted Zones (pay per zone)", category=Category.COST)
def route53_hosted_zone_not_empty(zone: HostedZone) -> Verdict:
    """Zones hold more than what Route 53 puts into them.

    Risk: an empty zone is paid for every month; where a domain is delegated to it, the domain does not exist.
    Fix: aws route53 delete-hosted-zone --id {id}
    """
    if (other := managed(zone)) is not None:
        return other
    if zone.resource_record_set_count <= 2:
        return failed("The zone holds no records of its own", resource_record_set_count=zone.resource_record_set_count)
    return passed(resource_record_set_count=zone.resource_record_set_count)


@rule(severity=Severity.LOW, notes="Hosted Zones (public vs private)")
def route53_hosted_zone_public_no_private_addresses(zone: HostedZone, inventory: Inventory) -> Verdict:
    """Public zones do not tell of private addresses.

    Risk: everybody learns how the network within is built; in another network the name leads to somebody else.
    Fix: move the record into a private zone of the same name:
    aws route53 create-hosted-zone --name {name} --caller-reference private --vpc VPCRegion=REGION,VPCId=VPC_ID
    """
    if zone.private:
        return not_applicable(PRIVATE)
    if (other := managed(zone)) is not None:
        return other
    addresses = (
        record
        for record in inventory.where(RecordSet, "hosted_zone_id", zone.id)
        if record.type in ("A", "AAAA") and any(map(is_private, record.values))
    )
    found = {record.label: [value for value in record.values if is_private(value)] for record in seen(addresses)}
    if found:
        return failed("The zone tells of private addresses", records=found)
    return passed()


@rule(severity=Severity.INFORMATIONAL, notes="Records (advanced types)")
def route53_hosted_zone_caa_record_present(zone: HostedZone, inventory: Inventory) -> Verdict:
    """Public zones say who may issue certificates for their names.

    Risk: whoever fools any one of the world's authorities gets a certificate in this domain's name.
    Fix: create a CAA record at the apex, such as 0 issue "amazon.com", in
    aws route53 change-resource-record-sets --hosted-zone-id {id} --change-batch file://change.json
    """
    if zone.private:
        return not_applicable(PRIVATE)
    if (other := managed(zone)) is not None:
        return other
    # Authorities climb to the parents of a name that has no such record.
    if any_of(lambda each: _speaks_for(each, zone, inventory), inventory.where(RecordSet, "type", "CAA")):
        return passed()
    records = inventory.where(RecordSet, "hosted_zone_id", zone.id)
    if any_of(lambda record: record.type in ("A", "AAAA") or record.alias_target is not None, records):
        return failed("Any authority may issue certificates for the zone's names")
    return not_applicable("The zone has no addresses")


def _speaks_for(caa: RecordSet, zone: HostedZone, inventory: Inventory) -> bool:
    """Whether a CAA record stands at the apex of a zone, or of a public one above."""
    if not covers(caa.domain, zone.domain):
        return False
    home = inventory.find(HostedZone, "id", caa.hosted_zone_id)
    return home is not None and not home.private


@rule(
    severity=Severity.LOW,
    controls=(
        "SecurityHub Route53.2",
        "PCI-4.0 10.2.1.1.29 10.2.1.2.26 10.2.1.3.26 10.2.1.4.26 10.2.1.5.26 10.2.1.6.26 10.2.1.7.26 10.2.1.26",
        "PCI-4.0 10.2.2.26 10.3.1.26 10.6.3.32 5.3.4.31",
        "ISO-27001-2022 A.8.15",
    ),
    notes="Amazon Route 53",
    category=Category.OPERATIONS,
)
def route53_hosted_zone_query_logging_enabled(zone: HostedZone) -> Verdict:
    """Public zones log the questions that they are asked.

    Risk: nobody sees that somebody tries names one after another, or that a name is asked for which is long gone.
    Fix: the log group must stand in us-east-1, and let route53.amazonaws.com write into it:
    aws route53 create-query-logging-config --hosted-zone-id {id} --cloud-watch-logs-log-group-arn LOG_GROUP_ARN
    """
    if zone.private:
        return not_applicable(PRIVATE)
    if (other := managed(zone)) is not None:
        return other
    if zone.query_logging:
        return passed(log_groups=[config.cloud_watch_logs_log_group_arn for config in zone.query_logging])
    return failed("Questions to the zone are not logged", query_logging=[])


@rule(severity=Severity.INFORMATIONAL, notes="What is DNS")
def route53_hosted_zone_dnssec_enabled(zone: HostedZone) -> Verdict:
    """Public zones are signed (DNSSEC).

    Risk: whoever can forge an answer on its way sends users to a place of his own.
    Fix: with care, since a mistake takes the domain down: create a key-signing key first, and tell the registry last:
    aws route53 enable-hosted-zone-dnssec --hosted-zone-id {id}
    """
    if zone.private:
        return not_applicable(PRIVATE)
    if (other := managed(zone)) is not None:
        return other
    signed = zone.dnssec.serve_signature if zone.dnssec is not None else None
    if signed == "SIGNING":
        return passed(serve_signature=signed)
    return failed("The zone is not signed", serve_signature=signed)


@rule(severity=Severity.INFORMATIONAL, notes="Traffic flow", category=Category.COST)
def route53_traffic_policy_instance_applied(
    policy: TrafficPolicyInstance | TrafficPolicy, inventory: Inventory
) -> Verdict:
    """Traffic policies are in use, and their records are as they say.

    Risk: each record of a policy is paid for every month; one that could not be applied answers as it did before.
    Fix: see why it was not applied, and delete what is not used:
    aws route53 list-traffic-policy-instances --query "TrafficPolicyInstances[?State!='Applied']"
    aws route53 delete-traffic-policy --id POLICY_ID --traffic-policy-version VERSION
    """
    if isinstance(policy, TrafficPolicyInstance):
        if policy.state == "Applied":
            return passed(state=policy.state)
        return failed(f"The policy is not applied: {policy.message or policy.state}", state=policy.state)
    if any_of(lambda _: True, inventory.where(TrafficPolicyInstance, "traffic_policy_id", policy.id)):
        return passed()
    return failed("No record is made by the policy")
