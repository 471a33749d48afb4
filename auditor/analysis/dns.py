"""What several rules ask about zones and records."""

import ipaddress
from collections.abc import Iterable

from auditor.inventory import Inventory
from auditor.resources.account import Account
from auditor.resources.route53 import HostedZone, RecordSet
from auditor.rule import Verdict, not_applicable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_PRIVATE = tuple(
    map(
        ipaddress.ip_network,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "fc00::/7", "::1/128"),
    )
)


def zone_of(record: RecordSet, inventory: Inventory) -> HostedZone:
    """The zone that a record is in. Raises Unread."""
    found = inventory.find(HostedZone, "id", record.hosted_zone_id)
    if found is None:
        raise LookupError(f"record {record.label} is in a zone that is not listed")
    return found


def managed(zone: HostedZone) -> Verdict | None:
    """What is to be said of what another service of AWS keeps in a zone of its own."""
    if zone.linked_service is None:
        return None
    by = zone.linked_service.service_principal or "another service"
    return not_applicable(f"The zone is managed by {by}", managed_by=by)


def address(text: str) -> Address | None:
    """The address that a record's value is, if it is one."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def is_private(text: str) -> bool:
    """Whether a value is an address that only means something within a network."""
    found = address(text)
    return found is not None and any(found in network for network in _PRIVATE if network.version == found.version)


def covers(domain: str, name: str) -> bool:
    """Whether a zone of this name holds the answers for a name, or for one above a zone below it."""
    return name == domain or name.endswith(f".{domain}")


def same_names(one: Iterable[str], other: Iterable[str]) -> bool:
    """Whether two lists of name servers are the same, however they are written."""
    return set(map(_bare, one)) == set(map(_bare, other))


def _bare(name: str) -> str:
    return name.lower().removesuffix(".")


def of_route53(servers: Iterable[str]) -> bool:
    """Whether name servers are those that Route 53 gives to zones."""
    names = [_bare(server) for server in servers]
    return bool(names) and all(name.startswith("ns-") and ".awsdns-" in name for name in names)


def in_organization(inventory: Inventory) -> bool:
    """Whether there are other accounts of the same owner, in which something may be that is not here. Raises Unread."""
    return any(account.organization is not None for account in inventory.each(Account))
