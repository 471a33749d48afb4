"""Whether the internet reaches a port through a load balancer: of the balancer itself, and of a target behind it.

A target needs no public address and no route to the internet for that: the load balancer has both. What is left to the
target's side are its security groups and the network ACLs between the two.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from auditor.analysis.network import (
    WORLD,
    Network,
    Opening,
    Port,
    acl_admits,
    admits,
    each_readable,
    group_called,
    is_world,
    network,
    openings,
    sources,
)
from auditor.analysis.reach import (
    INTERNET,
    Chain,
    Link,
    Part,
    Place,
    acl_of,
    admitted,
    answered,
    chains,
    chains_to_interface,
    joined,
    place_of,
)
from auditor.inventory import Inventory
from auditor.resources.elb import ClassicLoadBalancer
from auditor.resources.elbv2 import Listener, LoadBalancer, TargetGroup
from auditor.resources.vpc import NetworkInterface, Subnet
from auditor.rule import any_of

Balancer = LoadBalancer | ClassicLoadBalancer
# The public addresses that a load balancer of an address type has, by IP version.
SPOKEN = {4: ("ipv4", "dualstack"), 6: ("dualstack", "dualstack-without-public-ipv4")}
PRIMARY = (0, None)  # where an instance is registered by its id, traffic goes to this interface of it


def chains_to_balancer(balancer: Balancer, port: Port, inventory: Inventory) -> Iterator[Chain]:
    """The ways by which the internet reaches a port of a load balancer."""
    return each_readable(places_of(balancer), lambda place: chains(place, [port], inventory))


def places_of(balancer: Balancer) -> Iterator[Place]:
    """Where an internet-facing load balancer stands: in each of its subnets. One that is internal has no address."""
    if not balancer.internet_facing or balancer.vpc_id is None:
        return
    name = balancer.dns_name or balancer.arn
    kind = (balancer.ip_address_type if isinstance(balancer, LoadBalancer) else None) or "ipv4"
    addresses = {version: name for version, kinds in SPOKEN.items() if kind in kinds}
    for subnet_id in _subnet_ids(balancer):
        yield Place(balancer.arn, balancer.region, balancer.vpc_id, subnet_id, groups_of(balancer), addresses)


def groups_of(balancer: Balancer) -> tuple[str, ...] | None:
    """The security groups of a load balancer; None for one that has none, as many network load balancers do."""
    return balancer.security_groups or None


def _subnet_ids(balancer: Balancer) -> tuple[str, ...]:
    return balancer.subnet_ids if isinstance(balancer, LoadBalancer) else balancer.subnets


def every_chain(interface: NetworkInterface, ports: Iterable[Port], inventory: Inventory) -> Iterator[Chain]:
    """The ways by which the internet reaches one of these ports of a network interface, straight or by a balancer."""
    wanted = tuple(ports)
    ways: tuple[Callable[[], Iterator[Chain]], ...] = (
        lambda: chains_to_interface(interface, wanted, inventory),
        lambda: chains_by_balancer(interface, wanted, inventory),
    )
    return each_readable(ways, lambda way: way())


def chains_by_balancer(interface: NetworkInterface, ports: Iterable[Port], inventory: Inventory) -> Iterator[Chain]:
    """The ways by which the internet reaches one of these ports of a network interface through a load balancer."""
    wanted = tuple(ports)

    def of_group(group: TargetGroup) -> Iterator[Chain]:
        if not group.load_balancer_arns:
            return iter(())
        hit = _served(interface, group).intersection(wanted)
        tries = [(arn, port) for arn in group.load_balancer_arns for port in sorted(hit)]
        return each_readable(tries, lambda each: _by_balancer(each[0], group, interface, each[1], inventory))

    ways: tuple[Callable[[], Iterator[Chain]], ...] = (
        lambda: each_readable(inventory.each(TargetGroup, region=interface.region), of_group),
        lambda: each_readable(wanted, lambda port: _by_classic(interface, port, inventory)),
    )
    return each_readable(ways, lambda way: way())


def _served(interface: NetworkInterface, group: TargetGroup) -> set[Port]:
    """The ports of a network interface that a target group leads to."""
    primary = interface.attachment is not None and interface.attachment.device_index in PRIMARY
    ids = {interface.instance_id} if group.target_type == "instance" and primary else set()
    ids |= set(interface.addresses) if group.target_type == "ip" else set()
    if not ids:
        return set()
    named = [each.target for each in group.target_health_descriptions]
    numbers = {target.port or group.port for target in named if target.id in ids}
    return {Port(protocol, number) for protocol in transports(group.protocol) for number in numbers if number}


def transports(protocol: str | None) -> tuple[str, ...]:
    """The protocols that a listener or target group speaks below its own: "tcp" for HTTP, TLS and so on."""
    return {"UDP": ("udp",), "QUIC": ("udp",), "TCP_UDP": ("tcp", "udp"), "TCP_QUIC": ("tcp", "udp")}.get(
        protocol or "", ("tcp",)
    )


def _by_balancer(
    arn: str, group: TargetGroup, interface: NetworkInterface, port: Port, inventory: Inventory
) -> Iterator[Chain]:
    balancer = inventory.find(LoadBalancer, "load_balancer_arn", arn, region=interface.region)
    if balancer is None or not balancer.internet_facing:
        return iter(())

    def of_listener(listener: Listener) -> Iterator[Chain]:
        if listener.port is None or not forwards(listener, group.target_group_arn):
            return iter(())
        front = chains_to_balancer(balancer, Port(port.protocol, listener.port), inventory)
        said = Link("target group", group.target_group_arn, f"listener {listener.port} forwards to port {port.number}")
        keeps = balancer.type == "network" and group.preserves_client_ip
        return each_readable(
            front, lambda chain: _onwards(chain, balancer, said, interface, port, inventory, keeps_address=keeps)
        )

    return each_readable(inventory.where(Listener, "load_balancer_arn", arn, region=interface.region), of_listener)


def forwards(listener: Listener, target_group_arn: str) -> bool:
    """Whether a listener sends anything to a target group, by default or by a rule."""
    if any(target_group_arn in action.target_group_arns for action in listener.default_actions):
        return True
    return any(target_group_arn in action.target_group_arns for rule in listener.rules for action in rule.actions)


def _by_classic(interface: NetworkInterface, port: Port, inventory: Inventory) -> Iterator[Chain]:
    primary = interface.attachment is not None and interface.attachment.device_index in PRIMARY
    if interface.instance_id is None or not primary or port.protocol != "tcp":
        return iter(())

    def of_balancer(balancer: ClassicLoadBalancer) -> Iterator[Chain]:
        if interface.instance_id not in {each.instance_id for each in balancer.instances}:
            return iter(())
        listeners = (each.listener for each in balancer.listener_descriptions)
        return each_readable(
            (each.load_balancer_port for each in listeners if each.instance_port == port.number),
            lambda number: by_listener(balancer, number),
        )

    def by_listener(balancer: ClassicLoadBalancer, number: int) -> Iterator[Chain]:
        front = chains_to_balancer(balancer, Port("tcp", number), inventory)
        link = Link("registered instance", str(interface.instance_id), f"listener {number} leads to port {port.number}")
        return each_readable(
            front, lambda chain: _onwards(chain, balancer, link, interface, port, inventory, keeps_address=False)
        )

    return each_readable(inventory.each(ClassicLoadBalancer, region=interface.region), of_balancer)


def _onwards(
    chain: Chain, balancer: Balancer, via: Link, interface: NetworkInterface, port: Port, inventory: Inventory,
    *, keeps_address: bool,
) -> Iterator[Chain]:  # fmt: skip
    """A chain to a load balancer, carried on to a target: where that lets in who comes from the load balancer.

    keeps_address: whether the target sees the clients' own addresses, so that its groups and ACL judge these.
    """
    version = chain.sources[0].version
    place = place_of(interface)
    parts: tuple[Callable[[], Part], ...] = (lambda: _sent(interface, version, balancer, port, inventory),)
    if keeps_address:
        parts += (
            lambda: _admits_clients(place, version, balancer, port, inventory),
            lambda: _acl_for_clients(place, version, port, inventory),
        )
    else:
        parts += (
            lambda: _admits_balancer(place, version, balancer, port, inventory),
            lambda: _acl_between(place, version, balancer, port, inventory),
        )
    front = (*chain.links[:1], replace(chain.links[0], link="load balancer", id=balancer.arn, why="internet-facing"))
    links = (*front, *chain.links[1:], via)
    for onward in joined(place.id, port, chain.sources, parts):
        yield replace(onward, links=(*links, *onward.links))


def _sent(interface: NetworkInterface, version: int, balancer: Balancer, port: Port, inventory: Inventory) -> Part:
    """All of the internet, if a group of the load balancer lets it out to a port of a target, or it has no groups."""
    if not balancer.security_groups:
        return Part(INTERNET[version])
    for link in each_readable(balancer.security_groups, lambda each: _lets_out(each, interface, port, inventory)):
        return Part(INTERNET[version], (link,))
    return Part(())


def _lets_out(group_id: str, interface: NetworkInterface, port: Port, inventory: Inventory) -> Iterator[Link]:
    group = group_called(group_id, inventory, region=interface.region)
    about = [permission for permission in group.ip_permissions_egress if admits(permission, port)]
    link = Link(
        "security group", group_id, f"lets {port.protocol} {port.number} out to {interface.network_interface_id}"
    )
    if any(pair.group_id in interface.group_ids for permission in about for pair in permission.user_id_group_pairs):
        yield link
    own = [network(address) for address in interface.addresses]
    for opening in each_readable(about, lambda permission: sources(permission, inventory, interface.region)):
        if is_world(opening.source) or any(_overlaps(address, opening.source) for address in own):
            yield link


def _admits_balancer(place: Place, version: int, balancer: Balancer, port: Port, inventory: Inventory) -> Part:
    """All of the internet, if a group of the target admits the load balancer, by its group or by its addresses."""
    for link in admissions(place, balancer, port, inventory):
        return Part(INTERNET[version], (link,))
    return Part(())


def _admits_clients(place: Place, version: int, balancer: Balancer, port: Port, inventory: Inventory) -> Part:
    """From where the target's groups admit clients; all of the internet, if one names a group of the load balancer."""
    for link in _naming(place, balancer, port, inventory):
        return Part(INTERNET[version], (link,))
    return admitted(place, version, port, inventory)


def admissions(place: Place, balancer: Balancer, port: Port, inventory: Inventory) -> Iterator[Link]:
    """By which rules a target's groups admit a load balancer to a port: those that name a group or a network of it."""

    def of_group(group_id: str) -> Iterator[Link]:
        group = group_called(group_id, inventory, region=place.region)
        by_network = openings(group, inventory, lambda permission: admits(permission, port))
        yield from each_readable(by_network, lambda opening: of_opening(group_id, opening))

    def of_opening(group_id: str, opening: Opening) -> Iterator[Link]:
        if any_of(lambda net: _overlaps(net, opening.source), _networks(balancer, inventory)):
            said = f"admits {port.protocol} {port.number} from {opening.source}, which the load balancer is in"
            yield Link("security group", group_id, said)

    ways: tuple[Callable[[], Iterator[Link]], ...] = (
        lambda: _naming(place, balancer, port, inventory),
        lambda: each_readable(place.group_ids or (), of_group),
    )
    return each_readable(ways, lambda way: way())


def _naming(place: Place, balancer: Balancer, port: Port, inventory: Inventory) -> Iterator[Link]:
    """The groups of a target that admit a load balancer by naming a group of it."""
    own = set(balancer.security_groups)

    def of_group(group_id: str) -> Iterator[Link]:
        group = group_called(group_id, inventory, region=place.region)
        about = [permission for permission in group.ip_permissions if admits(permission, port)]
        named = [p.group_id for permission in about for p in permission.user_id_group_pairs if p.group_id in own]
        if named:
            yield Link("security group", group_id, f"admits {port.protocol} {port.number} from {named[0]}")

    return each_readable(place.group_ids or (), of_group) if own else iter(())


def _overlaps(one: Network, other: Network) -> bool:
    return one.version == other.version and one.overlaps(other)


def _networks(balancer: Balancer, inventory: Inventory) -> Iterator[Network]:
    """The IPv4 networks that a load balancer's own addresses are of: those of its subnets."""

    def of_subnet(subnet_id: str) -> Iterator[Network]:
        found = inventory.find(Subnet, "subnet_id", subnet_id, region=balancer.region)
        if found is not None and found.cidr_block:
            yield network(found.cidr_block)

    return each_readable(_subnet_ids(balancer), of_subnet)


def _acl_for_clients(place: Place, version: int, port: Port, inventory: Inventory) -> Part:
    """From where the target's ACL lets clients in, and their answers out again."""
    acl = acl_of(place, inventory)
    world = WORLD[version == 6]
    _, out = answered(acl, port.protocol, world)
    said = f"lets {port.protocol} {port.number} in, and answers out"
    both = [net for peer in out for net in acl_admits(acl, port, peer)]
    return Part(tuple(both), (Link("network ACL", acl.network_acl_id, said),))


def _acl_between(place: Place, version: int, balancer: Balancer, port: Port, inventory: Inventory) -> Part:
    """All of the internet, if the target's ACL lets some subnet of the load balancer in, and answers out again."""
    if place.subnet_id in _subnet_ids(balancer):
        said = "the load balancer is in the same subnet, and no ACL is asked"
        return Part(INTERNET[version], (Link("network ACL", "none", said),))
    acl = acl_of(place, inventory)

    def open_to(net: Network) -> bool:
        return any(answered(acl, port.protocol, net)[1]) and any(acl_admits(acl, port, net))

    if any_of(open_to, _networks(balancer, inventory)):
        said = f"lets the load balancer in to {port.protocol} {port.number}, and answers out"
        return Part(INTERNET[version], (Link("network ACL", acl.network_acl_id, said),))
    return Part(())
