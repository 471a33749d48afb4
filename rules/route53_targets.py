"""Rules about what Route 53's records lead to: what is gone can be taken over by whoever claims its name or address."""

import ipaddress
import re
from collections.abc import Callable, Iterator
from typing import Any

from auditor.analysis.dns import address, in_organization, managed, of_route53, same_names, zone_of
from auditor.findings import Severity
from auditor.inventory import Inventory
from auditor.resources.cloudfront import Distribution
from auditor.resources.elasticbeanstalk import BeanstalkEnvironment
from auditor.resources.elb import ClassicLoadBalancer
from auditor.resources.elbv2 import LoadBalancer
from auditor.resources.route53 import BEANSTALK, HostedZone, RecordSet
from auditor.resources.s3 import Bucket
from auditor.resources.vpc import NetworkInterface
from auditor.resources.vpc_gateways import Address
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule, unknown

NO_TARGET = "It leads to nothing that could be looked up"
REGION = r"[a-z]{2}(?:-[a-z]+)+-\d"
# The region stands on either side, by the kind of load balancer.
BALANCER = re.compile(rf".+\.(?:(?P<one>{REGION})\.elb|elb\.(?P<other>{REGION}))\.amazonaws\.com(?:\.cn)?")
PREFIXES = re.compile(r"^(?:dualstack|ipv6)\.")


@rule(severity=Severity.CRITICAL, notes="Alias Records")
def route53_record_alias_target_exists(
    record: RecordSet, inventory: Inventory, *, targets_elsewhere: bool = True
) -> Verdict:
    """What an alias stands for is there.

    Risk: whoever makes a bucket or an environment of the name that was given up answers in this domain's name, with
        its cookies and its visitors' trust.
    Fix: delete the record, or make its target anew, in
    aws route53 change-resource-record-sets --hosted-zone-id ZONE_ID --change-batch file://change.json
    """
    target = record.target
    if record.alias_target is None or target is None:
        return not_applicable("It is no alias")
    zone = zone_of(record, inventory)
    if (other := managed(zone)) is not None:
        return other
    verdict = _named_target(record, target, inventory, targets_elsewhere)
    if verdict is None and (found := BALANCER.fullmatch(target)) is not None:
        verdict = _balancer(PREFIXES.sub("", target), found["one"] or found["other"], inventory, targets_elsewhere)
    if verdict is None:
        return not_applicable(NO_TARGET, target=target)
    if zone.private and verdict.severity is not None:  # strangers are not led there
        return failed(verdict.message, severity=Severity.LOW, **verdict.evidence)
    return verdict


def _named_target(record: RecordSet, target: str, inventory: Inventory, targets_elsewhere: bool) -> Verdict | None:
    """What is to be said of targets whose names the world shares; None of others."""
    if record.bucket_name is not None:
        return _bucket(record, record.bucket_name, inventory)
    if BEANSTALK.fullmatch(target):
        return _environment(record, target, inventory)
    if target.endswith(".cloudfront.net"):
        if any_of(lambda each: each.domain_name.lower() == target, inventory.each(Distribution)):
            return passed(target=target)
        return _missing("distribution", target, Severity.HIGH, inventory, targets_elsewhere)
    return None


def _bucket(record: RecordSet, name: str, inventory: Inventory) -> Verdict:
    if record.bucket_is_gone:
        return failed("Everybody may make the bucket that it leads to", severity=Severity.CRITICAL, bucket=name)
    if inventory.find(Bucket, "name", name) is not None:
        return passed(bucket=name)
    # S3 refuses alike what belongs to another account and what this one's role may not ask.
    return failed(
        "The bucket that it leads to is none of this account, and S3 does not say that it is free",
        severity=Severity.MEDIUM,
        bucket=name,
        severity_unsettled="another account has the bucket, or s3:GetBucketLocation is not allowed",
    )


def _environment(record: RecordSet, target: str, inventory: Inventory) -> Verdict:
    environments = inventory.each(BeanstalkEnvironment, region=record.beanstalk_region)
    if any_of(lambda each: (each.cname or "").lower() == target, environments):
        return passed(target=target)
    free = record.beanstalk_name_is_free
    if free:
        message = "Everybody may make an environment of the name that it leads to"
        return failed(message, severity=Severity.CRITICAL, target=target)
    if free is None:
        said = "No environment of this account has the name, and only its own region tells who may take it"
        return unknown(said, target=target)
    return unknown("The environment that it leads to belongs to another account", target=target)


def _missing(what: str, target: str, severity: Severity, inventory: Inventory, targets_elsewhere: bool) -> Verdict:
    """What is to be said of a target that this account does not have."""
    if targets_elsewhere and in_organization(inventory):
        return unknown(f"The {what} that it leads to may belong to another account of the organization", target=target)
    return failed(f"The {what} that it leads to does not exist in this account", severity=severity, target=target)


def _balancer(target: str, region: str, inventory: Inventory, targets_elsewhere: bool) -> Verdict:
    def is_it(balancer: LoadBalancer | ClassicLoadBalancer) -> bool:
        return (balancer.dns_name or "").lower() == target

    ways: tuple[Callable[[], bool], ...] = (
        lambda: any_of(is_it, inventory.each(LoadBalancer, region=region)),
        lambda: any_of(is_it, inventory.each(ClassicLoadBalancer, region=region)),
    )
    if any_of(lambda way: way(), ways):
        return passed(target=target)
    return _missing("load balancer", target, Severity.MEDIUM, inventory, targets_elsewhere)


@rule(severity=Severity.HIGH, notes="Record types (CNAME, A)")
def route53_record_address_owned(
    record: RecordSet,
    inventory: Inventory,
    *,
    ec2_ranges: tuple[str, ...] = (),
    targets_elsewhere: bool = True,
) -> Iterator[Verdict]:
    """Addresses and names that records lead to are still the account's own.

    Risk: AWS gives an address that was released to the next customer, who then answers in this domain's name.
    Fix: delete the record, or have it lead to what took the place of its target, in
    aws route53 change-resource-record-sets --hosted-zone-id ZONE_ID --change-batch file://change.json
    """
    zone = zone_of(record, inventory)
    if record.alias_target is not None or record.type not in ("A", "AAAA", "CNAME"):
        yield not_applicable("It is no record of an address or a CNAME")
    elif zone.private:
        yield not_applicable("Its zone is private")
    elif (other := managed(zone)) is not None:
        yield other
    elif record.type == "CNAME":
        target = record.target or ""
        verdict = _named_target(record, target, inventory, targets_elsewhere)
        yield verdict or not_applicable(NO_TARGET, target=target)
    else:
        for value in record.values:
            yield _address(value, ec2_ranges, inventory, targets_elsewhere)


def _address(value: str, ranges: tuple[str, ...], inventory: Inventory, targets_elsewhere: bool) -> Verdict:
    """What is to be said of one address of a record."""
    found = address(value)
    networks = [ipaddress.ip_network(each) for each in ranges]
    if found is None or not any(found in network for network in networks if network.version == found.version):
        said = "Whether the address is EC2's is not known here: ec2_ranges in auditor.toml would tell"
        return not_applicable(said, key=value, address=value)
    if any_of(lambda own: address(own) == found, _own_addresses(inventory)):
        return passed(key=value, address=value)
    if targets_elsewhere and in_organization(inventory):
        return unknown("The address may belong to another account of the organization", key=value, address=value)
    message = "The address is one of EC2's, and none of this account"
    return failed(message, severity=Severity.MEDIUM, key=value, address=value)


def _own_addresses(inventory: Inventory) -> Iterator[str]:
    for elastic in inventory.each(Address):
        yield elastic.public_ip or ""
    for interface in inventory.each(NetworkInterface):
        yield from (each.ipv6_address for each in interface.ipv6_addresses)
        yield from (each.association.public_ip or "" for each in interface.private_ip_addresses if each.association)


@rule(severity=Severity.HIGH, notes="Registrar vs DNS service (update NS)")
def route53_record_delegation_matches_hosted_zone(
    record: RecordSet, inventory: Inventory, *, zones_elsewhere: bool = True
) -> Verdict:
    """A sub-zone is delegated to the name servers of a zone that exists.

    Risk: strangers make zones until they are given the name servers that are named here, and own the sub-domain.
    Fix: put the zone's own name servers into the record, or delete it:
    aws route53 get-hosted-zone --id ZONE_ID --query DelegationSet.NameServers
    aws route53 change-resource-record-sets --hosted-zone-id PARENT_ZONE_ID --change-batch file://change.json
    """
    if record.type != "NS":
        return not_applicable("It delegates nothing")
    zone = zone_of(record, inventory)
    if zone.private or record.domain == zone.domain:
        return not_applicable("It delegates nothing")
    if not of_route53(record.values):
        return not_applicable("It delegates to another provider", name_servers=list(record.values))
    evidence: dict[str, Any] = {"name_servers": list(record.values)}
    own = [each for each in inventory.where(HostedZone, "domain", record.domain) if not each.private]
    if any_of(lambda each: same_names(each.name_servers, record.values), own):
        return passed(**evidence)
    if own:
        zones = {each.id: list(each.name_servers) for each in own}
        return failed("It delegates to name servers of none of the zones of that name", zones=zones, **evidence)
    if zones_elsewhere:
        return unknown("No zone of this account has that name: it may be another account's", **evidence)
    return failed("It delegates to a zone that does not exist", **evidence)
