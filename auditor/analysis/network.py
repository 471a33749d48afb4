"""Which traffic a network lets through, link by link: security group, route, network ACL, address, block.

The pure parts take shapes and answer with values. The parts that take an inventory keep its convention: a generator
yields what is known and then raises `Unread` if something was not read, so that `any(...)` over it proves that a link
holds, and never that it does not. Networks are compared as networks, never as text.
"""

import ipaddress
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from auditor.fetch import Unread
from auditor.findings import GapKind
from auditor.inventory import Inventory
from auditor.model import Resource
from auditor.resources.vpc import (
    IpPermission,
    ManagedPrefixList,
    NetworkAcl,
    NetworkAclEntry,
    NetworkInterface,
    Route,
    RouteTable,
    SecurityGroup,
    Vpc,
    VpcBlockPublicAccessExclusion,
    VpcBlockPublicAccessOptions,
)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

WORLD: tuple[Network, Network] = (ipaddress.IPv4Network("0.0.0.0/0"), ipaddress.IPv6Network("::/0"))
# What no packet from the internet has as its source: private, shared by carriers, for benchmarks.
NOT_INTERNET = tuple(
    ipaddress.IPv4Network(cidr)
    for cidr in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15")
)
# All of IPv6 that is routed on the internet.
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")

ALL_PROTOCOLS = "-1"
PROTOCOLS = {"tcp": "6", "udp": "17", "icmp": "1", "icmpv6": "58"}
PORTED = (PROTOCOLS["tcp"], PROTOCOLS["udp"])
LAST_PORT = 65535

T = TypeVar("T")
U = TypeVar("U")


class Port(NamedTuple):
    """A port as services have it: Port("tcp", 22)."""

    protocol: str
    number: int


# --- networks


@lru_cache(4096)
def network(cidr: str) -> Network:
    """The network that a CIDR block means, host bits or not. Raises ValueError where it means none."""
    return ipaddress.ip_network(cidr, strict=False)


def is_world(net: Network) -> bool:
    """Whether a network is all of IPv4 or all of IPv6."""
    return net.prefixlen == 0


def is_broad_public(net: Network, *, ipv4_prefix: int, ipv6_prefix: int) -> bool:
    """Whether a network holds much of the internet, its prefix being no longer than this, and yet not all of it."""
    if isinstance(net, ipaddress.IPv4Network):
        return 0 < net.prefixlen <= ipv4_prefix and not any(net.subnet_of(inside) for inside in NOT_INTERNET)
    return 0 < net.prefixlen <= ipv6_prefix and net.overlaps(GLOBAL_UNICAST)


def prefix_list_networks(prefix_list_id: str, inventory: Inventory, *, region: str) -> tuple[Network, ...]:
    """The networks of a prefix list; none for AWS's own lists, which hold addresses of its services only.

    Raises Unread where its entries were not read, and where the account cannot see it (no longer shared with it).
    """
    found = inventory.find(ManagedPrefixList, "prefix_list_id", prefix_list_id, region=region)
    if found is None:
        raise unlisted(ManagedPrefixList, prefix_list_id, inventory, region)
    return tuple(network(entry.cidr) for entry in found.entries)


def unlisted(kind: type[Resource], name: str, inventory: Inventory, region: str) -> Unread:
    """Why something that is named elsewhere cannot be judged: no listing has it."""
    said = f"{name} is in use, and was not among what was listed"
    return Unread(kind.gap_of(None, GapKind.FAILED, "NotListed", said, account=inventory.account, region=region))


# --- security groups


@dataclass(frozen=True, slots=True)
class Opening:
    """Traffic that a rule of a security group admits from one network, by a prefix list or by itself."""

    permission: IpPermission
    source: Network
    prefix_list: str | None = None
    description: str | None = None

    def evidence(self) -> dict[str, str]:
        """The rule as people know it, for a finding."""
        low, high = _span(self.permission)
        by_number = {number: name for name, number in PROTOCOLS.items()} | {ALL_PROTOCOLS: "all"}
        protocol = protocol_number(self.permission.ip_protocol)
        every = protocol not in PORTED or (low, high) == (0, LAST_PORT)
        shown = {
            "protocol": by_number.get(protocol, protocol),
            "ports": "all" if every else str(low) if low == high else f"{low}-{high}",
            "source": str(self.source),
            "prefix_list": self.prefix_list,
            "description": self.description,
        }
        return {name: value for name, value in shown.items() if value}


def protocol_number(protocol: str) -> str:
    """A protocol's number, of its number or its name."""
    return PROTOCOLS.get(protocol.lower(), protocol)


def _span(permission: IpPermission) -> tuple[int, int]:
    """First and last port of a rule. Where they are absent, or -1, it has all of them."""
    low, high = permission.from_port, permission.to_port
    return (
        low if low is not None and low >= 0 else 0,
        high if high is not None and high >= 0 else LAST_PORT,
    )


def admits(permission: IpPermission, port: Port) -> bool:
    """Whether a rule of a security group is about a port, wherever it lets in from."""
    protocol = protocol_number(permission.ip_protocol)
    if protocol == ALL_PROTOCOLS:
        return True
    low, high = _span(permission)
    return protocol == protocol_number(port.protocol) and low <= port.number <= high


def admits_any(permission: IpPermission, ports: Iterable[Port]) -> bool:
    """Whether a rule of a security group is about one of these ports."""
    return any(admits(permission, port) for port in ports)


def admits_all_ports(permission: IpPermission) -> bool:
    """Whether a rule of a security group is about all protocols, or about every port of TCP or UDP but port 0."""
    protocol = protocol_number(permission.ip_protocol)
    if protocol == ALL_PROTOCOLS:
        return True
    low, high = _span(permission)
    return protocol in PORTED and low <= 1 and high >= LAST_PORT


def openings(
    group: SecurityGroup, inventory: Inventory, about: Callable[[IpPermission], bool] = lambda _: True
) -> Iterator[Opening]:
    """From which networks a group lets traffic in, by the rules that `about` holds for.

    Other groups that it names are not among them, nor AWS's own prefix lists.
    """
    yield from each_readable(
        (permission for permission in group.ip_permissions if about(permission)),
        lambda permission: sources(permission, inventory, group.region),
    )


def world_openings(
    group: SecurityGroup, inventory: Inventory, about: Callable[[IpPermission], bool] = lambda _: True
) -> Iterator[Opening]:
    """Where a group lets the whole internet in, by the rules that `about` holds for."""
    return (opening for opening in openings(group, inventory, about) if is_world(opening.source))


def group_called(group_id: str, inventory: Inventory, *, region: str) -> SecurityGroup:
    """The security group with this id. Raises Unread where it was not listed: then nobody knows what it lets in."""
    found = inventory.find(SecurityGroup, "group_id", group_id, region=region)
    if found is None:
        raise unlisted(SecurityGroup, group_id, inventory, region)
    return found


def world_openings_to(group_ids: Iterable[str], port: Port, inventory: Inventory, *, region: str) -> Iterator[Opening]:
    """Where any of these groups lets the whole internet in to a port: what carries them is open by any one of them."""

    def of_group(group_id: str) -> Iterator[Opening]:
        group = group_called(group_id, inventory, region=region)
        return world_openings(group, inventory, lambda permission: admits(permission, port))

    return each_readable(group_ids, of_group)


def sources(permission: IpPermission, inventory: Inventory, region: str) -> Iterator[Opening]:
    """The networks that a rule of a security group names, by itself or by a prefix list; of either direction."""
    for v4 in permission.ip_ranges:
        yield Opening(permission, network(v4.cidr_ip), description=v4.description)
    for v6 in permission.ipv6_ranges:
        yield Opening(permission, network(v6.cidr_ipv6), description=v6.description)
    for named in permission.prefix_list_ids:
        for net in prefix_list_networks(named.prefix_list_id, inventory, region=region):
            yield Opening(permission, net, named.prefix_list_id, named.description)


def each_readable(items: Iterable[T], read: Callable[[T], Iterable[U]]) -> Iterator[U]:
    """What `read` gives for each item. Raises, after all that can be read, the first Unread met on the way."""
    unread: Unread | None = None
    for item in items:
        try:
            yield from read(item)
        except Unread as error:
            unread = unread or error
    if unread is not None:
        raise unread


# --- network interfaces


def interfaces_with(group: SecurityGroup, inventory: Inventory) -> Iterator[NetworkInterface]:
    """The network interfaces that carry a group."""
    return inventory.where(NetworkInterface, "group_ids", group.group_id, region=group.region)


def public_addresses(interface: NetworkInterface) -> tuple[str, ...]:
    """The addresses of a network interface that the internet could route to, given a route and a group."""
    associations = [interface.association, *(private.association for private in interface.private_ip_addresses)]
    v4 = dict.fromkeys(each.public_ip for each in associations if each is not None and each.public_ip)
    v6 = [each.ipv6_address for each in interface.ipv6_addresses if _is_global(each.ipv6_address)]
    return (*v4, *v6) if not interface.deny_all_igw_traffic else ()


def is_public(interface: NetworkInterface, versions: Collection[int] = (4, 6)) -> bool:
    """Whether a network interface has a public address of one of these IP versions."""
    return any(ipaddress.ip_address(address).version in versions for address in public_addresses(interface))


def _is_global(address: str) -> bool:
    return ipaddress.IPv6Address(address) in GLOBAL_UNICAST


def is_blocked(interface: NetworkInterface, inventory: Inventory) -> bool:
    """Whether the account's VPC Block Public Access keeps the internet from a network interface."""
    return is_shielded(interface.vpc_id, interface.subnet_id, inventory, region=interface.region)


def is_shielded(vpc_id: str, subnet_id: str, inventory: Inventory, *, region: str) -> bool:
    """Whether the account's VPC Block Public Access keeps the internet from a subnet.

    In a VPC that another account shares with it, it does not: there the owner's block counts, which nobody else sees.
    """
    return any(
        options.blocks
        and not any(_exempts(exclusion, (vpc_id, subnet_id)) for exclusion in options.exclusions)
        and is_own_vpc(vpc_id, inventory, region)
        for options in inventory.each(VpcBlockPublicAccessOptions, region=region)
    )


def is_own_vpc(vpc_id: str, inventory: Inventory, region: str) -> bool:
    """Whether a VPC is the account's own, not one that another account shares with it."""
    vpc = inventory.find(Vpc, "vpc_id", vpc_id, region=region)
    return vpc is not None and vpc.owner_id == vpc.account


def _exempts(exclusion: VpcBlockPublicAccessExclusion, ids: tuple[str, ...]) -> bool:
    """Whether an exclusion lets the internet in to one of these: on its way in or out, it counts as in force."""
    return (
        exclusion.internet_gateway_exclusion_mode == "allow-bidirectional"
        and (exclusion.resource_arn or "").rpartition("/")[2] in ids
        and exclusion.state not in ("create-failed", "delete-complete", "disable-complete")
    )


# --- routes


def route_table_of(subnet_id: str, vpc_id: str, inventory: Inventory, *, region: str) -> RouteTable | None:
    """The route table that a subnet uses: the one that it names, else its VPC's main one.

    None where the account sees neither, as for a subnet that another account shares with it.
    """
    named = inventory.find(RouteTable, "subnet_ids", subnet_id, region=region)
    if named is not None:
        return named
    return next((table for table in inventory.where(RouteTable, "vpc_id", vpc_id, region=region) if table.main), None)


def internet_routes(table: RouteTable, inventory: Inventory, versions: Collection[int] = (4, 6)) -> Iterator[Route]:
    """The routes of a table that send the whole internet, of one of these IP versions, to an internet gateway.

    An egress-only gateway (eigw-) is none: nobody outside can begin a connection through it.
    """

    def if_world(route: Route) -> Iterator[Route]:
        if any(is_world(net) and net.version in versions for net in destinations(route, inventory, table.region)):
            yield route

    through = (r for r in table.routes if (r.gateway_id or "").startswith("igw-") and r.state != "blackhole")
    return each_readable(through, if_world)


def destinations(route: Route, inventory: Inventory, region: str) -> tuple[Network, ...]:
    """The networks that a route is about. Raises Unread as `prefix_list_networks` does."""
    if cidr := route.destination_cidr_block or route.destination_ipv6_cidr_block:
        return (network(cidr),)
    if route.destination_prefix_list_id:
        return prefix_list_networks(route.destination_prefix_list_id, inventory, region=region)
    return ()


def subnet_reaches_internet(
    subnet_id: str, vpc_id: str, inventory: Inventory, *, region: str, versions: Collection[int] = (4, 6)
) -> bool:
    """Whether a subnet is public: its route table sends the whole internet to an internet gateway.

    Raises Unread where the account cannot see that table.
    """
    table = route_table_of(subnet_id, vpc_id, inventory, region=region)
    if table is None:
        raise unlisted(RouteTable, f"the route table of {subnet_id}", inventory, region)
    return any(internet_routes(table, inventory, versions))


# --- network ACLs


def world_entry(acl: NetworkAcl, port: Port, version: int, *, egress: bool = False) -> NetworkAclEntry | None:
    """The entry that decides about the whole internet, of an IP version, and a port; None where none is about it.

    Entries for a part of the internet are passed over: they decide for that part only.
    """
    world = (e for e in acl_entries(acl, port, egress) if (net := peer_of(e)).version == version and is_world(net))
    return next(world, None)


def acl_admits(acl: NetworkAcl, port: Port, peer: Network, *, egress: bool = False) -> tuple[Network, ...]:
    """From which parts of `peer` (or, for egress, to which) a network ACL lets packets of a port through.

    An ACL knows no connections: for an answer to get back, the other direction has to let its port through as well.
    """
    left, admitted = [peer], []
    for entry in acl_entries(acl, port, egress):
        net = peer_of(entry)
        if net.version == peer.version:
            if entry.rule_action == "allow":
                admitted += [shared for part in left if (shared := common(part, net)) is not None]
            left = [rest for part in left for rest in without(part, net)]
    return collapsed(admitted)


def acl_entries(acl: NetworkAcl, port: Port, egress: bool) -> Iterator[NetworkAclEntry]:
    """The entries about a port, in the order in which they are asked."""
    for entry in sorted(acl.entries, key=lambda entry: entry.rule_number):
        protocol = protocol_number(entry.protocol)
        inside = protocol == protocol_number(port.protocol) and _holds(entry, port.number)
        if entry.egress == egress and (protocol == ALL_PROTOCOLS or inside):
            yield entry


def _holds(entry: NetworkAclEntry, port: int) -> bool:
    """Whether an entry's range holds a port. AWS always gives one for TCP and UDP; without it, what allows is taken for
    all ports, and what denies for none.
    """
    ports = entry.port_range or {}
    if not {"From", "To"} <= ports.keys():
        return entry.rule_action == "allow"
    return ports["From"] <= port <= ports["To"]


def peer_of(entry: NetworkAclEntry) -> Network:
    """The network that an entry is about. AWS gives one of the two blocks."""
    return network(entry.cidr_block or entry.ipv6_cidr_block or "")


def common(one: Network, other: Network) -> Network | None:
    """What two networks of the same version share: of two that overlap, one holds the other."""
    if not one.overlaps(other):
        return None
    return one if one.prefixlen >= other.prefixlen else other


def without(whole: Network, part: Network) -> list[Network]:
    """What is left of a network when another of the same version is taken out."""
    if not whole.overlaps(part):
        return [whole]
    if part.prefixlen <= whole.prefixlen:
        return []
    taken: Any = part
    return list(whole.address_exclude(taken))


def collapsed(networks: Iterable[Network]) -> tuple[Network, ...]:
    """The same addresses in as few networks as can be. All are of one version."""
    of_one_version: Any = networks
    return tuple(ipaddress.collapse_addresses(of_one_version))


def overlap(some: Iterable[Network], others: Collection[Network]) -> tuple[Network, ...]:
    """What two sets of networks of one version share."""
    return _shared(tuple(some), tuple(others))


@lru_cache(4096)  # the internet less its private parts is some thirty networks, and nearly every chain begins there
def _shared(some: tuple[Network, ...], others: tuple[Network, ...]) -> tuple[Network, ...]:
    shared = (common(one, other) for one in some for other in others)
    return collapsed(each for each in shared if each is not None)


def subtract(some: Iterable[Network], others: Iterable[Network]) -> tuple[Network, ...]:
    """What is left of networks when others of the same version are taken out."""
    left = list(some)
    for other in others:
        left = [rest for each in left for rest in without(each, other)]
    return collapsed(left)
