"""Rules about domains that are registered through Route 53."""

from datetime import timedelta
from typing import Any

from auditor.analysis.dns import of_route53, same_names
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.route53 import HostedZone, plain_name
from auditor.resources.route53domains import Domain
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule, unknown

# Registries that know no lock of the registrar's, or (.fr) lock by themselves, and only what was registered lately.
# From the pages of Route 53's developer guide on each top-level domain, as of 2022. .li is run as .ch is.
WITHOUT_LOCK = (
    "ar", "au", "ch", "cl", "de", "es", "eu", "fi", "fr", "it", "jp", "li", "nl", "nz", "qa", "ru", "se", "uk", "za",
)  # fmt: skip
# Registries that hide contacts, or show them, as they see fit: from the same pages.
WITHOUT_PRIVACY = (
    "ac", "ar", "au", "be", "berlin", "br", "ch", "cl", "de", "es", "eu", "fi", "fm", "fr", "gg", "im", "in", "it",
    "jp", "mx", "nl", "nz", "qa", "ru", "ruhr", "se", "sg", "sh", "us", "vc", "vg", "wien", "za",
)  # fmt: skip


@rule(severity=Severity.HIGH, notes="Registrar vs DNS service (update NS)")
def route53_domain_nameservers_match_hosted_zone(domain: Domain, inventory: Inventory) -> Verdict:
    """A registered domain is delegated to the name servers of its zone.

    Risk: strangers make zones until they are given the name servers that are named here, and own the domain.
    Fix: aws route53domains update-domain-nameservers --region us-east-1 --domain-name {name}
        --nameservers Name=NS1 Name=NS2 Name=NS3 Name=NS4
    """
    name = plain_name(domain.domain_name)
    zones = [zone for zone in inventory.where(HostedZone, "domain", name) if not zone.private]
    if not zones:
        return not_applicable("The account has no public zone of that name")
    servers = [server.name for server in domain.detail.nameservers]
    evidence: dict[str, Any] = {"nameservers": servers}
    if any_of(lambda zone: same_names(zone.name_servers, servers), zones):
        return passed(**evidence)
    evidence["zones"] = {zone.id: list(zone.name_servers) for zone in zones}
    if of_route53(servers):
        return failed("The domain is delegated to a zone that is gone, or is another account's", **evidence)
    message = "The domain is delegated to another provider: the zone is a leftover"
    return failed(message, severity=Severity.LOW, **evidence)


@rule(severity=Severity.HIGH, notes="Domain registrar", category=Category.RELIABILITY)
def route53_domain_auto_renew_enabled(domain: Domain, inventory: Inventory, *, days: int = 30) -> Verdict:
    """Domains are renewed by themselves, and do not run out soon.

    Risk: everything under the name stops the day that it runs out, and whoever is first registers it.
    Fix: aws route53domains enable-domain-auto-renew --region us-east-1 --domain-name {name}
    """
    expiry = domain.expiry
    evidence: dict[str, Any] = {"auto_renew": domain.auto_renew, "expiry": expiry.isoformat() if expiry else None}
    if not domain.auto_renew:
        return failed("The domain is not renewed by itself", **evidence)
    if expiry is None:
        return unknown("AWS does not say when the domain runs out", **evidence)
    if expiry < inventory.now + timedelta(days=days):
        return failed(f"The domain runs out within {days} days", **evidence)
    return passed(**evidence)


@rule(severity=Severity.MEDIUM, notes="Domain registrar")
def route53_domain_transfer_lock_enabled(domain: Domain, *, without_lock: tuple[str, ...] = WITHOUT_LOCK) -> Verdict:
    """Domains are locked against being moved to another registrar.

    Risk: whoever talks a registrar into it takes the domain away, with its mail and its users.
    Fix: aws route53domains enable-domain-transfer-lock --region us-east-1 --domain-name {name}
    """
    if domain.transfer_lock:
        return passed(transfer_lock=True)
    if plain_name(domain.domain_name).rpartition(".")[2] in without_lock:
        return not_applicable("The registry knows no such lock")
    if domain.transfer_lock is None:
        return unknown("AWS does not say whether the domain is locked")
    return failed("The domain can be moved away", transfer_lock=False)


@rule(severity=Severity.LOW, notes="Domain registrar")
def route53_domain_privacy_protection_enabled(domain: Domain) -> Verdict:
    """The public does not see who a domain's contacts are.

    Risk: names, addresses and telephone numbers of people are there for whoever wants to impersonate them.
    Fix: aws route53domains update-domain-contact-privacy --region us-east-1 --domain-name {name} --admin-privacy
        --registrant-privacy --tech-privacy
    """
    said: dict[str, Any] = {
        "admin_privacy": domain.detail.admin_privacy,
        "registrant_privacy": domain.detail.registrant_privacy,
        "tech_privacy": domain.detail.tech_privacy,
    }
    if all(said.values()):
        return passed(**said)
    if plain_name(domain.domain_name).rpartition(".")[2] in WITHOUT_PRIVACY:
        return not_applicable("The registry alone says what the public sees", **said)
    if False in said.values():
        return failed("Contacts of the domain are public", **said)
    return unknown("AWS does not say whether all contacts are hidden", **said)
