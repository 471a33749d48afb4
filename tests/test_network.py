"""Which traffic a network lets through: the pure parts against naive ones, the others against small inventories."""

import ipaddress
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.analysis import network
from auditor.analysis.network import Port
from auditor.fetch import Unread
from auditor.findings import GapKind
from auditor.inventory import Header, Inventory
from auditor.model import Resource, details
from auditor.resources.vpc import (
    IpPermission,
    ManagedPrefixList,
    NetworkAcl,
    NetworkInterface,
    RouteTable,
    SecurityGroup,
)
from auditor.rule import seen

ACCOUNT, REGION = "123456789012", "eu-west-1"
SSH = Port("tcp", 22)
Test = Callable[..., None]


def law(*strategies: st.SearchStrategy[Any], examples: int = 100) -> Callable[[Test], Test]:
    """Holds for whatever the strategies draw."""
    return lambda test: settings(deadline=None, database=None, max_examples=examples)(given(*strategies)(test))


def build(kind: type[Resource], **item: Any) -> Any:
    lists: dict[str, Any] = {
        name: [] for name, field in kind.model_fields.items() if field.is_required() and field.annotation is not str
    }
    return kind.build({"OwnerId": ACCOUNT, **lists, **item}, partition="aws", account=ACCOUNT, region=REGION)


def inventory(*resources: Resource, unread: tuple[type[Resource], ...] = ()) -> Inventory:
    """What was read: all of every type, but for these types, whose listing was denied after what is given."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    planned = {name: tuple(details(kind)) for name, kind in Resource.kinds.items()}
    header = Header(
        tool_version="0", account=ACCOUNT, partition="aws", regions=(REGION,), started=now, finished=now,
        planned=planned,
    )  # fmt: skip
    by_type = {name: tuple(r for r in resources if type(r).__name__ == name) for name in planned}
    gaps = {
        kind.__name__: (kind.gap_of(None, GapKind.DENIED, "AccessDenied", "no", account=ACCOUNT, region=REGION),)
        for kind in unread
    }
    return Inventory(header, by_type, gaps)


def group(*permissions: dict[str, Any], group_id: str = "sg-1") -> SecurityGroup:
    made: SecurityGroup = build(
        SecurityGroup, GroupId=group_id, GroupName="web", VpcId="vpc-1", IpPermissions=permissions
    )
    return made


def prefix_list(prefix_list_id: str, *cidrs: str, owner: str = ACCOUNT) -> ManagedPrefixList:
    entries = [{"Cidr": cidr} for cidr in cidrs]
    made: ManagedPrefixList = build(ManagedPrefixList, PrefixListId=prefix_list_id, OwnerId=owner, Entries=entries)
    return made


# --- ports

ports = st.integers(0, 65535)
protocols = st.sampled_from(["tcp", "udp", "icmp", "icmpv6", "-1", "6", "17", "1", "47", "TCP"])
NAMES = {"tcp": "6", "udp": "17", "icmp": "1", "icmpv6": "58"}


@law(protocols, ports, ports, ports, st.sampled_from(["tcp", "udp"]))
def test_a_rule_admits_a_port_of_its_own_protocol_inside_its_range(
    protocol: str, low: int, high: int, port: int, wanted: str
) -> None:
    permission = IpPermission(ip_protocol=protocol, from_port=low, to_port=high)
    mine = NAMES.get(protocol.lower(), protocol)
    expected = mine == "-1" or (mine == NAMES[wanted] and low <= port <= high)
    assert network.admits(permission, Port(wanted, port)) == expected


@law(protocols, ports, st.sampled_from([None, -1]))
def test_without_ports_a_rule_admits_all_of_them(protocol: str, port: int, absent: int | None) -> None:
    permission = IpPermission(ip_protocol=protocol, from_port=absent, to_port=absent)
    expected = protocol.lower() in ("tcp", "6", "-1")
    assert network.admits(permission, Port("tcp", port)) == expected


@law(protocols, ports, ports, ports.filter(bool))
def test_all_ports_admit_each(protocol: str, low: int, high: int, port: int) -> None:
    permission = IpPermission(ip_protocol=protocol, from_port=low, to_port=high)
    if network.admits_all_ports(permission):
        assert network.admits_any(permission, [Port("tcp", port), Port("udp", port)])


@pytest.mark.parametrize(
    ("rule", "shown"),
    [
        ({"IpProtocol": "-1"}, {"protocol": "all", "ports": "all"}),
        ({"IpProtocol": "6", "FromPort": 22, "ToPort": 22}, {"protocol": "tcp", "ports": "22"}),
        ({"IpProtocol": "udp", "FromPort": 0, "ToPort": 65535}, {"protocol": "udp", "ports": "all"}),
        ({"IpProtocol": "icmp", "FromPort": 8, "ToPort": -1}, {"protocol": "icmp", "ports": "all"}),
        ({"IpProtocol": "47"}, {"protocol": "47", "ports": "all"}),
    ],
)
def test_evidence(rule: dict[str, Any], shown: dict[str, str]) -> None:
    opening = network.Opening(IpPermission.model_validate(rule), network.network("0.0.0.0/0"))
    assert opening.evidence() == {**shown, "source": "0.0.0.0/0"}


# --- networks

V4 = st.builds(
    lambda number, length: ipaddress.ip_network((number, length), strict=False),
    st.integers(0, 2**32 - 1),
    st.integers(0, 32),
)
SMALL = st.builds(
    lambda number, length: ipaddress.ip_network((0x0A000000 + number, length), strict=False),
    st.integers(0, 15),
    st.integers(28, 32),
)


@law(V4, st.integers(0, 32))
def test_broad_ranges_are_public_wide_and_not_everything(net: ipaddress.IPv4Network, longest: int) -> None:
    broad = network.is_broad_public(net, ipv4_prefix=longest, ipv6_prefix=0)
    assert not (broad and network.is_world(net))
    assert not (broad and net.prefixlen > longest)
    shorter = network.is_broad_public(net, ipv4_prefix=longest - 1, ipv6_prefix=0)
    assert not shorter or broad


@law(st.sampled_from(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"]), st.data())
def test_nothing_inside_private_space_is_broad(private: str, data: st.DataObject) -> None:
    outer = ipaddress.ip_network(private)
    length = data.draw(st.integers(outer.prefixlen, 32))
    number = data.draw(st.integers(int(outer.network_address), int(outer.broadcast_address)))
    inside = ipaddress.ip_network((number, length), strict=False)
    assert not network.is_broad_public(inside, ipv4_prefix=32, ipv6_prefix=0)


@law(V4.filter(lambda net: 0 < net.prefixlen < 32))
def test_either_half_of_what_is_public_and_broad_is_judged_alike(net: ipaddress.IPv4Network) -> None:
    if network.is_broad_public(net, ipv4_prefix=32, ipv6_prefix=0):
        halves = list(net.subnets())
        assert any(network.is_broad_public(half, ipv4_prefix=32, ipv6_prefix=0) for half in halves)


@pytest.mark.parametrize("cidr", ["0.0.0.0/0", "1.2.3.4/0", "::/0", "::1/0", "0:0:0:0:0:0:0:0/0"])
def test_the_world_however_it_is_written(cidr: str) -> None:
    assert network.is_world(network.network(cidr))


# --- security groups


def test_openings_of_a_group() -> None:
    rule = {
        "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
        "IpRanges": [{"CidrIp": "0.0.0.0/0"}, {"CidrIp": "10.0.0.0/8"}],
        "Ipv6Ranges": [{"CidrIpv6": "::/0"}],
        "PrefixListIds": [{"PrefixListId": "pl-1"}, {"PrefixListId": "pl-aws"}],
    }  # fmt: skip
    lists = prefix_list("pl-1", "0.0.0.0/0", "1.2.3.4/32"), prefix_list("pl-aws", owner="AWS")
    world = list(network.world_openings(group(rule), inventory(*lists)))
    assert [(str(each.source), each.prefix_list) for each in world] == [
        ("0.0.0.0/0", None),
        ("::/0", None),
        ("0.0.0.0/0", "pl-1"),
    ]


def test_what_is_known_of_several_groups_comes_before_what_is_not() -> None:
    closed = group({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "PrefixListIds": [{"PrefixListId": "pl-1"}]})
    opened = group({"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, group_id="sg-2")
    known = inventory(closed, opened, unread=(ManagedPrefixList,))

    def to_ssh(*ids: str) -> Iterator[network.Opening]:
        return network.world_openings_to(ids, SSH, known, region=REGION)

    assert any(to_ssh("sg-1", "sg-2"))
    assert any(to_ssh("sg-gone", "sg-2"))
    assert len(seen(to_ssh("sg-1", "sg-2"))) == 1
    for ids in (("sg-1",), ("sg-gone",)):
        with pytest.raises(Unread):
            any(to_ssh(*ids))


# --- network interfaces


@pytest.mark.parametrize(
    ("item", "addresses"),
    [
        ({}, ()),
        ({"Association": {"PublicIp": "203.0.113.7"}}, ("203.0.113.7",)),
        ({"Association": {"CarrierIp": "203.0.113.7"}}, ()),
        ({"PrivateIpAddresses": [{"Association": {"PublicIp": "203.0.113.8"}}, {}]}, ("203.0.113.8",)),
        ({"Ipv6Addresses": [{"Ipv6Address": "2600::1"}, {"Ipv6Address": "fd00::1"}]}, ("2600::1",)),
        ({"Ipv6Addresses": [{"Ipv6Address": "2600::1"}], "DenyAllIgwTraffic": True}, ()),
    ],
)
def test_public_addresses(item: dict[str, Any], addresses: tuple[str, ...]) -> None:
    interface = build(NetworkInterface, NetworkInterfaceId="eni-1", VpcId="vpc-1", SubnetId="subnet-1", **item)
    assert network.public_addresses(interface) == addresses
    assert network.is_public(interface, [4]) == any("." in address for address in addresses)
    assert network.is_public(interface, [6]) == any(":" in address for address in addresses)


def test_interfaces_that_carry_a_group() -> None:
    def interface(number: int, *groups: str) -> NetworkInterface:
        made: NetworkInterface = build(
            NetworkInterface, NetworkInterfaceId=f"eni-{number}", VpcId="vpc-1", SubnetId="subnet-1",
            Groups=[{"GroupId": each} for each in groups],
        )  # fmt: skip
        return made

    known = interface(1, "sg-1", "sg-2"), interface(2, "sg-2"), interface(3)
    carrying = network.interfaces_with(group(), inventory(*known))
    assert [each.network_interface_id for each in carrying] == ["eni-1"]
    with pytest.raises(Unread):
        list(network.interfaces_with(group(), inventory(*known, unread=(NetworkInterface,))))


# --- routes


def table(name: str, *routes: dict[str, Any], subnet: str | None = None, state: str = "associated") -> RouteTable:
    association: dict[str, Any] = {"AssociationState": {"State": state}}
    association |= {"SubnetId": subnet, "Main": False} if subnet else {"Main": True}
    made: RouteTable = build(
        RouteTable, RouteTableId=name, VpcId="vpc-1", Associations=[association],
        Routes=[{"State": "active", **route} for route in routes],
    )  # fmt: skip
    return made


TO_INTERNET = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1"}
TO_INTERNET6 = {"DestinationIpv6CidrBlock": "::/0", "GatewayId": "igw-1"}


@pytest.mark.parametrize(
    ("route", "versions"),
    [
        (TO_INTERNET, [4]),
        (TO_INTERNET6, [6]),
        ({**TO_INTERNET, "State": "blackhole"}, []),
        ({"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1"}, []),
        ({"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "vgw-1"}, []),
        ({"DestinationIpv6CidrBlock": "::/0", "EgressOnlyInternetGatewayId": "eigw-1"}, []),
        ({"DestinationCidrBlock": "198.51.100.0/24", "GatewayId": "igw-1"}, []),
        ({"DestinationPrefixListId": "pl-1", "GatewayId": "igw-1"}, [4]),
        ({"DestinationPrefixListId": "pl-1", "GatewayId": "tgw-1"}, []),
    ],
)
def test_routes_to_the_internet(route: dict[str, Any], versions: list[int]) -> None:
    known = inventory(prefix_list("pl-1", "0.0.0.0/0"))
    made = table("rtb-1", route)
    assert [v for v in (4, 6) if any(network.internet_routes(made, known, [v]))] == versions


def reaches(*tables: RouteTable, unread: tuple[type[Resource], ...] = ()) -> bool:
    known = inventory(*tables, unread=unread)
    return network.subnet_reaches_internet("subnet-1", "vpc-1", known, region=REGION)


def test_a_subnet_uses_the_table_that_it_names_else_the_main_one() -> None:
    main, own = table("rtb-main", TO_INTERNET), table("rtb-own", subnet="subnet-1")
    assert reaches(main)
    assert not reaches(main, own)
    assert reaches(main, table("rtb-other", subnet="subnet-2"))
    assert reaches(main, table("rtb-left", subnet="subnet-1", state="disassociated"))


def test_route_tables_that_are_unread() -> None:
    main, own = table("rtb-main", TO_INTERNET), table("rtb-own", subnet="subnet-1")
    assert not reaches(own, unread=(RouteTable,))
    with pytest.raises(Unread):  # a table that the subnet names may be among the unread
        reaches(main, unread=(RouteTable,))
    with pytest.raises(Unread):  # a subnet that is shared with the account
        reaches()


def test_a_route_through_an_unread_prefix_list_is_unknown_unless_another_decides() -> None:
    listed = {"DestinationPrefixListId": "pl-1", "GatewayId": "igw-1"}
    with pytest.raises(Unread):
        reaches(table("rtb-main", listed), unread=(ManagedPrefixList,))
    assert reaches(table("rtb-main", listed, TO_INTERNET), unread=(ManagedPrefixList,))


# --- network ACLs

entries = st.lists(
    st.fixed_dictionaries(
        {
            "RuleAction": st.sampled_from(["allow", "deny"]),
            "Protocol": st.sampled_from(["-1", "6", "17", "1"]),
            "Egress": st.booleans(),
            "CidrBlock": SMALL.map(str) | st.just("0.0.0.0/0"),
        },
        optional={"PortRange": st.sampled_from([{"From": 22, "To": 22}, {"From": 80, "To": 443}])},
    ),
    max_size=6,
)


def acl_of(items: list[dict[str, Any]]) -> NetworkAcl:
    numbered = [{"RuleNumber": number, **item} for number, item in enumerate(items, 1)]
    made: NetworkAcl = build(NetworkAcl, NetworkAclId="acl-1", VpcId="vpc-1", Entries=list(reversed(numbered)))
    return made


def naive(items: list[dict[str, Any]], address: str, egress: bool) -> bool:
    """Whether TCP 22 of one address is let through: the first entry that is about it decides."""
    for item in items:
        span = item.get("PortRange")  # without one, only what allows is about the port
        inside = span["From"] <= 22 <= span["To"] if span else item["RuleAction"] == "allow"
        about = item["Protocol"] == "-1" or (item["Protocol"] == "6" and inside)
        if (
            about
            and item["Egress"] == egress
            and ipaddress.ip_address(address) in ipaddress.ip_network(item["CidrBlock"])
        ):
            return bool(item["RuleAction"] == "allow")
    return False


@law(entries, SMALL, st.booleans())
def test_what_an_acl_admits_is_what_it_admits_address_by_address(
    items: list[dict[str, Any]], peer: ipaddress.IPv4Network, egress: bool
) -> None:
    admitted = {str(each) for net in network.acl_admits(acl_of(items), SSH, peer, egress=egress) for each in net}
    assert admitted == {str(each) for each in peer if naive(items, str(each), egress)}


@law(entries, st.booleans())
def test_the_entry_for_the_world_decides_for_who_is_in_no_other(items: list[dict[str, Any]], egress: bool) -> None:
    decides = network.world_entry(acl_of(items), SSH, 4, egress=egress)
    allowed = decides is not None and decides.rule_action == "allow"
    assert allowed == naive(items, "192.0.2.1", egress)


@law(entries)
def test_ip_versions_are_apart(items: list[dict[str, Any]]) -> None:
    assert network.world_entry(acl_of(items), SSH, 6) is None
    assert network.acl_admits(acl_of(items), SSH, network.network("::/0")) == ()
