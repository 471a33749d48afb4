"""Whether the internet reaches a port, with the chain of links that lets it: each link is shown, or the chain is not.

A chain holds for those networks of the internet that every one of its links lets through: a public address, VPC Block
Public Access, the subnet's route to an internet gateway, the network ACL both ways (it knows no connections, so answers
need a way out as well), the security groups. Links are asked apart from each other: one that is known to hold nothing
settles that there is no chain, whatever the others would say. Where none does, and one could not be read, nobody knows:
like all that takes an inventory, the generators here yield what is proven and then raise `Unread`.
"""

import ipaddress
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from auditor.analysis.network import (
    GLOBAL_UNICAST,
    LAST_PORT,
    NOT_INTERNET,
    WORLD,
    Network,
    Opening,
    Port,
    acl_admits,
    admits,
    collapsed,
    destinations,
    each_readable,
    group_called,
    is_shielded,
    network,
    openings,
    overlap,
    public_addresses,
    route_table_of,
    subtract,
    unlisted,
)
from auditor.fetch import Unread
from auditor.inventory import Inventory
from auditor.resources.vpc import NetworkAcl, NetworkInterface, Route, RouteTable

# This host, its loopback, link-local, multicast and reserved: nothing there sends from afar.
NOT_ROUTED = tuple(map(network, ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3")))
INTERNET: dict[int, tuple[Network, ...]] = {
    4: subtract([WORLD[0]], [*NOT_INTERNET, *NOT_ROUTED]),
    6: (GLOBAL_UNICAST,),
}
# A network as wide as this holds strangers by the million: whoever lets it in has no particular peer in mind.
STRANGERS = {4: 15, 6: 19}
# The ports that clients take for their own end, unless they choose another.
FIRST_EPHEMERAL = 1024
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Link:
    """One link of a chain: what kind, which one, and why it lets traffic through."""

    link: str
    id: str
    why: str

    def evidence(self) -> dict[str, str]:
        """The link, for a finding."""
        return {"link": self.link, "id": self.id, "why": self.why}


@dataclass(frozen=True, slots=True)
class Chain:
    """A way from the internet to a port of something: from which networks it is open, and by which links."""

    target: str
    port: Port
    sources: tuple[Network, ...]
    links: tuple[Link, ...]

    @property
    def everyone(self) -> bool:
        """Whether it is open to strangers at large, not to a few networks that somebody chose."""
        return any(source.prefixlen <= STRANGERS[source.version] for source in self.sources)

    def evidence(self) -> dict[str, Any]:
        """The chain, for a finding."""
        version = self.sources[0].version
        whole = self.sources == INTERNET[version]
        shown = [str(WORLD[version == 6])] if whole else [str(source) for source in self.sources[:SHOWN]]
        more = 0 if whole else len(self.sources) - len(shown)
        return {
            "target": self.target,
            "port": f"{self.port.protocol} {self.port.number}",
            "from": [*shown, f"and {more} more networks"] if more else shown,
            "chain": [link.evidence() for link in self.links],
        }


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in the network. Addresses are those that the internet knows it by, by IP version.

    group_ids is None for what has no security groups at all, and so admits everything (some load balancers).
    """

    id: str
    region: str
    vpc_id: str
    subnet_id: str
    group_ids: tuple[str, ...] | None
    addresses: dict[int, str] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Part:
    """What one kind of link lets through: from which networks, and by which links. `unread` would have told of more."""

    sources: tuple[Network, ...]
    links: tuple[Link, ...] = ()
    unread: Unread | None = None


def place_of(interface: NetworkInterface) -> Place:
    """Where a network interface stands."""
    addresses: dict[int, str] = {}
    for each in public_addresses(interface):
        addresses.setdefault(ipaddress.ip_address(each).version, each)
    return Place(
        interface.network_interface_id, interface.region, interface.vpc_id, interface.subnet_id,
        tuple(sorted(interface.group_ids)), addresses,
    )  # fmt: skip


def summary(found: Iterable[Chain]) -> dict[str, Any]:
    """Evidence: whether strangers reach something by one of these chains, with the first few.

    `reachable` is None where nothing is seen to be reached, and not all could be read. It raises nothing: a finding
    that something is open stays one, whatever is unread about what that leads to.
    """
    reached: list[dict[str, Any]] = []
    try:
        for chain in found:
            if chain.everyone:
                reached.append(chain.evidence())
            if len(reached) == SHOWN:
                break
    except Unread as unread:
        if not reached:
            return {"reachable": None, "reach_unread": unread.gap.reason}
    return {"reachable": bool(reached)} | ({"reached": reached} if reached else {})


def chains_to_interface(interface: NetworkInterface, ports: Iterable[Port], inventory: Inventory) -> Iterator[Chain]:
    """The ways by which the internet reaches one of these ports of a network interface by its own address."""
    return chains(place_of(interface), ports, inventory)


def chains(place: Place, ports: Iterable[Port], inventory: Inventory) -> Iterator[Chain]:
    """The ways by which the internet reaches one of these ports of what stands at a place, by its public address."""
    tries = [(version, port) for version in place.addresses for port in ports]
    return each_readable(tries, lambda each: _chain(place, *each, inventory))


def _chain(place: Place, version: int, port: Port, inventory: Inventory) -> Iterator[Chain]:
    """The way by one address to one port. The links that are most often closed come first."""
    parts: tuple[Callable[[], Part], ...] = (
        lambda: _address(place, version),
        lambda: admitted(place, version, port, inventory),
        lambda: _unshielded(place, version, inventory),
        lambda: _routed(place, version, inventory),
        lambda: _acl_in(place, version, port, inventory),
        lambda: _acl_out(place, version, port, inventory),
    )
    order = ("address", "block public access", "internet gateway", "inspection", "route", "network ACL")
    for chain in joined(place.id, port, INTERNET[version], parts):
        links = sorted(chain.links, key=lambda link: order.index(link.link) if link.link in order else len(order))
        yield replace(chain, links=tuple(links))


def joined(
    target: str, port: Port, sources: tuple[Network, ...], parts: Iterable[Callable[[], Part]]
) -> Iterator[Chain]:
    """The chain that parts make, open from what all of them let through.

    No chain, and nothing raised, once parts that are fully known leave nothing over.
    """
    known = possible = sources
    links: list[Link] = []
    unread: Unread | None = None
    for read in parts:
        try:
            part = read()
        except Unread as error:
            part = Part((), (), error)
        known = overlap(known, part.sources)
        links += part.links
        unread = unread or part.unread
        if part.unread is None:
            possible = overlap(possible, part.sources)
        if not possible:
            return
    if known:
        yield Chain(target, port, known, tuple(links))
    if unread is not None:
        raise unread


# --- the links


def _address(place: Place, version: int) -> Part:
    said = f"a public IPv{version} address of {place.id}"
    return Part(INTERNET[version], (Link("address", place.addresses[version], said),))


def _unshielded(place: Place, version: int, inventory: Inventory) -> Part:
    if is_shielded(place.vpc_id, place.subnet_id, inventory, region=place.region):
        return Part(())
    said = "VPC Block Public Access is off, or exempts this subnet"
    return Part(INTERNET[version], (Link("block public access", place.subnet_id, said),))


def admitted(place: Place, version: int, port: Port, inventory: Inventory) -> Part:
    """From where the security groups of a place admit a port: from all that any of them does."""
    if place.group_ids is None:
        said = f"{place.id} has no security group, so that every address is admitted"
        return Part((WORLD[version == 6],), (Link("security group", "none", said),))
    found: list[tuple[str, Opening]] = []

    def of_group(group_id: str) -> Iterator[tuple[str, Opening]]:
        group = group_called(group_id, inventory, region=place.region)
        about = openings(group, inventory, lambda permission: admits(permission, port))
        return ((group_id, each) for each in about if each.source.version == version)

    unread = None
    try:
        found.extend(each_readable(sorted(place.group_ids), of_group))
    except Unread as error:
        unread = error
    return Part(collapsed(each.source for _, each in found), _widest(found, port), unread)


def _widest(found: list[tuple[str, Opening]], port: Port) -> tuple[Link, ...]:
    """A link for each group that admits something from the internet: the widest network that it does."""
    by_group: dict[str, Opening] = {}
    for group_id, opening in found:
        public = overlap([opening.source], INTERNET[opening.source.version])
        if public and (group_id not in by_group or opening.source.prefixlen < by_group[group_id].source.prefixlen):
            by_group[group_id] = opening
    return tuple(
        Link("security group", group_id, f"admits {port.protocol} {port.number} from {_named(opening)}")
        for group_id, opening in by_group.items()
    )


def _named(opening: Opening) -> str:
    return f"{opening.source} ({opening.prefix_list})" if opening.prefix_list else str(opening.source)


def _routed(place: Place, version: int, inventory: Inventory) -> Part:
    """The networks to which answers leave by an internet gateway: of routes, the narrowest decides."""
    table = route_table_of(place.subnet_id, place.vpc_id, inventory, region=place.region)
    if table is None:
        raise unlisted(RouteTable, f"the route table of {place.subnet_id}", inventory, place.region)
    unread: Unread | None = None
    nets: list[tuple[Network, Route]] = []
    for route in table.routes:
        try:
            nets += [(net, route) for net in destinations(route, inventory, place.region) if net.version == version]
        except Unread as error:
            if not _outward(route, place, inventory):
                raise  # nobody knows which answers it takes elsewhere
            unread = unread or error
    through: list[Network] = []
    links: dict[str, Link] = {}
    for net, route in nets:
        narrower = [other for other, by in nets if other.prefixlen > net.prefixlen and by.target != route.target]
        left = overlap(subtract([net], narrower), INTERNET[version])
        for link in _outward(route, place, inventory) if left else ():
            links[link.link] = link
        if left and _outward(route, place, inventory):
            through += left
            said = f"sends {net} to {route.target}"
            links.setdefault("route", Link("route", table.route_table_id, said))
    return Part(collapsed(through), tuple(links.values()), unread)


def _outward(route: Route, place: Place, inventory: Inventory) -> tuple[Link, ...]:
    """How a route leads to the internet: by an internet gateway, or by an inspection that such a gateway feeds.

    An egress-only gateway, and NAT, let nobody in who was not called from inside.
    """
    if route.state == "blackhole":
        return ()
    if (route.gateway_id or "").startswith("igw-"):
        return (Link("internet gateway", str(route.gateway_id), f"serves {place.vpc_id}"),)
    inside = route.network_interface_id or route.gateway_id or ""
    if not inside.startswith(("vpce-", "eni-")):
        return ()
    for table in inventory.where(RouteTable, "vpc_id", place.vpc_id, region=place.region):
        fed = [gateway for gateway in table.gateway_ids if gateway.startswith("igw-")]
        if fed and any(inside in (r.gateway_id, r.network_interface_id) for r in table.routes):
            said = "traffic passes here; what it lets through is not known to this analysis"
            return (Link("internet gateway", fed[0], f"serves {place.vpc_id}"), Link("inspection", inside, said))
    return ()


def acl_of(place: Place, inventory: Inventory) -> NetworkAcl:
    """The network ACL of a place's subnet: every subnet has one. Raises Unread where the account cannot see it."""
    found = inventory.find(NetworkAcl, "subnet_ids", place.subnet_id, region=place.region)
    if found is None:
        raise unlisted(NetworkAcl, f"the network ACL of {place.subnet_id}", inventory, place.region)
    return found


def _acl_in(place: Place, version: int, port: Port, inventory: Inventory) -> Part:
    acl = acl_of(place, inventory)
    said = f"lets {port.protocol} {port.number} in"
    return Part(acl_admits(acl, port, WORLD[version == 6]), (Link("network ACL", acl.network_acl_id, said),))


def _acl_out(place: Place, version: int, port: Port, inventory: Inventory) -> Part:
    acl = acl_of(place, inventory)
    usual, every = answered(acl, port.protocol, WORLD[version == 6])
    said = "lets answers out to ephemeral ports"
    if not usual:
        said = f"lets answers out to ports below {FIRST_EPHEMERAL} only, which a client may choose"
    return Part(every, (Link("network ACL", acl.network_acl_id, said),))


def answered(acl: NetworkAcl, protocol: str, peer: Network) -> tuple[tuple[Network, ...], tuple[Network, ...]]:
    """To which parts of `peer` an ACL lets answers out: on ephemeral ports, and on any that a client may choose."""
    usual: list[Network] = []
    every: list[Network] = []
    for number in sorted({1, FIRST_EPHEMERAL, *bounds(acl, egress=True)}):
        out = acl_admits(acl, Port(protocol, number), peer, egress=True)
        every += out
        usual += out if number >= FIRST_EPHEMERAL else ()
    return collapsed(usual), collapsed(every)


def bounds(acl: NetworkAcl, *, egress: bool) -> Iterator[int]:
    """The ports from which on an ACL may judge otherwise than just below: one of each stretch that it judges alike."""
    spans = (entry.port_range for entry in acl.entries if entry.egress == egress and entry.port_range)
    for span in spans:
        yield from (number for number in (span.get("From", 0), span.get("To", 0) + 1) if 0 < number <= LAST_PORT)


def ports_of(interface: NetworkInterface, inventory: Inventory) -> tuple[Port, ...]:
    """Ports that stand for all: one of each stretch that the network ACL of an interface judges alike."""
    place = place_of(interface)
    numbers = {1, *bounds(acl_of(place, inventory), egress=False)}
    return tuple(Port(protocol, number) for protocol in ("tcp", "udp") for number in sorted(numbers))
