"""Whether the internet reaches a port: each link of the chain, alone and together, and the laws that hold for all."""

from typing import Any

import pytest
from hypothesis import strategies as st

from auditor.analysis import reach
from auditor.analysis.network import Port
from auditor.analysis.reach_balancers import chains_to_balancer, every_chain
from auditor.fetch import Unread
from auditor.inventory import Inventory
from auditor.model import Resource
from auditor.resources.elb import ClassicLoadBalancer
from auditor.resources.elbv2 import Listener, LoadBalancer, TargetGroup
from auditor.resources.vpc import (
    ManagedPrefixList,
    NetworkAcl,
    NetworkInterface,
    RouteTable,
    SecurityGroup,
    Subnet,
    Vpc,
    VpcBlockPublicAccessOptions,
)
from auditor.rule import seen
from tests.test_network import build, inventory, law, prefix_list

SSH, WEB = Port("tcp", 22), Port("tcp", 80)
ALL4 = {"CidrIp": "0.0.0.0/0"}
OPEN = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [ALL4]}
OPEN6 = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
OUT = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1"}
OUT6 = {"DestinationIpv6CidrBlock": "::/0", "GatewayId": "igw-1"}
PUBLIC: Any = {"Association": {"PublicIp": "203.0.113.7"}}
PUBLIC6: Any = {"Ipv6Addresses": [{"Ipv6Address": "2600:1f18::7"}]}
ALLOW = {"RuleNumber": 100, "RuleAction": "allow", "Protocol": "-1", "Egress": False, "CidrBlock": "0.0.0.0/0"}
ANSWER = {**ALLOW, "Egress": True}
DENY = {"RuleNumber": 32767, "RuleAction": "deny", "Protocol": "-1", "Egress": False, "CidrBlock": "0.0.0.0/0"}


def interface(groups: tuple[str, ...] = ("sg-1",), subnet: str = "subnet-1", **more: Any) -> NetworkInterface:
    made: NetworkInterface = build(
        NetworkInterface, NetworkInterfaceId="eni-1", VpcId="vpc-1", SubnetId=subnet,
        Groups=[{"GroupId": each} for each in groups], **more,
    )  # fmt: skip
    return made


def group(*permissions: dict[str, Any], group_id: str = "sg-1", out: Any = ()) -> SecurityGroup:
    made: SecurityGroup = build(
        SecurityGroup, GroupId=group_id, GroupName="web", VpcId="vpc-1", IpPermissions=permissions,
        IpPermissionsEgress=out,
    )  # fmt: skip
    return made


def table(*routes: dict[str, Any], subnet: str | None = None, gateway: str | None = None) -> RouteTable:
    association = {"SubnetId": subnet, "GatewayId": gateway, "Main": not (subnet or gateway)}
    made: RouteTable = build(
        RouteTable, RouteTableId=f"rtb-{subnet or gateway}", VpcId="vpc-1", Associations=[association],
        Routes=[{"State": "active", **route} for route in routes],
    )  # fmt: skip
    return made


def acl(*entries: dict[str, Any], subnets: tuple[str, ...] = ("subnet-1",)) -> NetworkAcl:
    made: NetworkAcl = build(
        NetworkAcl, NetworkAclId="acl-1", VpcId="vpc-1", IsDefault=False, Entries=list(entries),
        Associations=[{"SubnetId": each} for each in subnets],
    )  # fmt: skip
    return made


def block(mode: str) -> tuple[Resource, ...]:
    options = build(VpcBlockPublicAccessOptions, InternetGatewayBlockMode=mode, Exclusions=[])
    return options, build(Vpc, VpcId="vpc-1")


LINKS: dict[str, Resource] = {
    "group": group(OPEN, OPEN6),
    "routes": table(OUT, OUT6),
    "acl": acl(
        ALLOW, ANSWER, {**ALLOW, "CidrBlock": None, "Ipv6CidrBlock": "::/0", "RuleNumber": 101},
        {**ANSWER, "CidrBlock": None, "Ipv6CidrBlock": "::/0", "RuleNumber": 101},
    ),
}  # fmt: skip


def account(*extra: Resource, unread: tuple[type[Resource], ...] = (), **links: Resource) -> Inventory:
    """A VPC in which every link holds, but for those given."""
    return inventory(*{**LINKS, **links}.values(), *extra, unread=unread)


def reached(known: Inventory, face: NetworkInterface | None = None, port: Port = SSH) -> list[reach.Chain]:
    return seen(reach.chains_to_interface(face or interface(**PUBLIC), [port], known))


def versions(chains: list[reach.Chain]) -> list[int]:
    return [chain.sources[0].version for chain in chains]


def test_a_chain_shows_every_link() -> None:
    (chain,) = reached(account())
    assert chain.everyone
    assert chain.evidence() == {
        "target": "eni-1",
        "port": "tcp 22",
        "from": ["0.0.0.0/0"],
        "chain": [
            {"link": "address", "id": "203.0.113.7", "why": "a public IPv4 address of eni-1"},
            {"link": "block public access", "id": "subnet-1",
             "why": "VPC Block Public Access is off, or exempts this subnet"},
            {"link": "internet gateway", "id": "igw-1", "why": "serves vpc-1"},
            {"link": "route", "id": "rtb-None", "why": "sends 0.0.0.0/0 to igw-1"},
            {"link": "network ACL", "id": "acl-1", "why": "lets tcp 22 in"},
            {"link": "network ACL", "id": "acl-1", "why": "lets answers out to ephemeral ports"},
            {"link": "security group", "id": "sg-1", "why": "admits tcp 22 from 0.0.0.0/0"},
        ],
    }  # fmt: skip


def test_both_ip_versions() -> None:
    assert versions(reached(account(), interface(**PUBLIC, **PUBLIC6))) == [4, 6]
    assert versions(reached(account(group=group(OPEN6)), interface(**PUBLIC, **PUBLIC6))) == [6]
    assert versions(reached(account(routes=table(OUT)), interface(**PUBLIC, **PUBLIC6))) == [4]
    assert versions(reached(account(acl=acl(ALLOW, ANSWER)), interface(**PUBLIC, **PUBLIC6))) == [4]


TCP_IN = {**ALLOW, "Protocol": "6", "PortRange": {"From": 22, "To": 22}}
NARROW = {**OPEN, "IpRanges": [{"CidrIp": "198.51.100.0/24"}]}


@pytest.mark.parametrize(
    "links",
    [
        {"group": group()},
        {"group": group({**OPEN, "FromPort": 80, "ToPort": 80})},
        {"group": group({**OPEN, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]})},
        {"group": group({**OPEN, "IpRanges": [], "UserIdGroupPairs": [{"GroupId": "sg-2"}]})},
        {"routes": table()},
        {"routes": table({**OUT, "GatewayId": None, "NatGatewayId": "nat-1"})},
        {"routes": table({**OUT, "State": "blackhole"})},
        {"routes": table({**OUT, "GatewayId": "vgw-1"})},
        {"routes": table(OUT, {"DestinationCidrBlock": "0.0.0.0/1", "GatewayId": "vgw-1"},
                         {"DestinationCidrBlock": "128.0.0.0/1", "TransitGatewayId": "tgw-1"})},
        {"acl": acl(ANSWER)},
        {"acl": acl(ALLOW)},
        {"acl": acl({**DENY, "RuleNumber": 1}, ALLOW, ANSWER)},
        {"acl": acl(ALLOW, {**DENY, "RuleNumber": 1, "Egress": True}, ANSWER)},
        {"acl": acl({**TCP_IN, "PortRange": {"From": 23, "To": 99}}, ANSWER)},
        # What is let in and what answers may go to have nothing in common.
        {"acl": acl({**ALLOW, "CidrBlock": "198.51.100.0/24"}, {**ANSWER, "CidrBlock": "203.0.113.0/24"})},
        {"group": group(NARROW), "acl": acl({**ALLOW, "CidrBlock": "203.0.113.0/24"}, ANSWER)},
        {"group": group(NARROW), "routes": table({**OUT, "DestinationCidrBlock": "203.0.113.0/24"})},
    ],
)  # fmt: skip
def test_one_link_that_is_missing_breaks_the_chain(links: Any) -> None:
    assert reached(account(**links)) == []


def test_without_an_address_or_behind_a_block() -> None:
    assert reached(account(), interface()) == []
    assert reached(account(), interface(**PUBLIC, DenyAllIgwTraffic=True)) == []
    for mode in ("block-bidirectional", "block-ingress"):
        assert reached(account(*block(mode))) == []
    assert len(reached(account(*block("off")))) == 1


def test_from_a_part_of_the_internet() -> None:
    (chain,) = reached(account(group=group(NARROW)))
    assert (chain.everyone, chain.evidence()["from"]) == (False, ["198.51.100.0/24"])
    (chain,) = reached(account(acl=acl(ALLOW, ANSWER, {**DENY, "RuleNumber": 1, "CidrBlock": "198.51.100.0/24"})))
    assert chain.everyone
    assert chain.evidence()["from"][-1].endswith("more networks")
    (chain,) = reached(account(routes=table({**OUT, "DestinationCidrBlock": "198.51.100.0/25"})))
    assert [str(net) for net in chain.sources] == ["198.51.100.0/25"]


def test_answers_by_any_port_that_a_client_may_choose() -> None:
    https = {**ANSWER, "Protocol": "6", "PortRange": {"From": 443, "To": 443}}
    (chain,) = reached(account(acl=acl(ALLOW, https)))
    assert "below 1024 only" in str(chain.links)
    (chain,) = reached(account(acl=acl(ALLOW, {**https, "PortRange": {"From": 32768, "To": 65535}})))
    assert "ephemeral" in str(chain.links)


def test_a_prefix_list_admits_by_its_entries() -> None:
    named = {"IpProtocol": "-1", "PrefixListIds": [{"PrefixListId": "pl-1"}]}
    (chain,) = reached(account(prefix_list("pl-1", "0.0.0.0/0"), group=group(named)))
    assert chain.links[-1].why == "admits tcp 22 from 0.0.0.0/0 (pl-1)"
    assert reached(account(prefix_list("pl-1", "10.0.0.0/8"), group=group(named))) == []


def test_through_a_firewall_whose_mind_nobody_knows() -> None:
    inspected = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "vpce-1"}
    fed = table({"DestinationCidrBlock": "10.0.1.0/24", "GatewayId": "vpce-1"}, gateway="igw-1")
    (chain,) = reached(account(fed, routes=table(inspected, subnet="subnet-1")))
    assert [link.link for link in chain.links][2:5] == ["internet gateway", "inspection", "route"]
    assert reached(account(routes=table(inspected, subnet="subnet-1"))) == []


# --- what could not be read


@pytest.mark.parametrize("kind", [SecurityGroup, RouteTable, NetworkAcl, VpcBlockPublicAccessOptions])
def test_a_link_that_is_unread_leaves_the_chain_unknown(kind: type[Resource]) -> None:
    rest = {name: link for name, link in LINKS.items() if type(link) is not kind}
    known = inventory(*rest.values(), unread=(kind,))
    with pytest.raises(Unread):
        reached(known)
    # Unless another link is known to be closed.
    assert reached(known, interface()) == []
    closed = {"group": group(), "routes": table(), "acl": acl()}
    for name, link in closed.items():
        if type(link) is not kind:
            assert reached(inventory(*{**rest, name: link}.values(), unread=(kind,))) == []


def test_a_group_that_is_open_proves_it_whatever_another_would_say() -> None:
    unlisted = interface(groups=("sg-0", "sg-1"), **PUBLIC)
    assert len(reached(account(), unlisted)) == 1
    with pytest.raises(Unread):
        list(reach.chains_to_interface(unlisted, [SSH], account()))
    with pytest.raises(Unread):
        reached(account(group=group()), unlisted)


def test_a_route_of_a_prefix_list_that_is_unread() -> None:
    elsewhere = {"DestinationPrefixListId": "pl-1", "TransitGatewayId": "tgw-1"}
    with pytest.raises(Unread):  # it may take all answers elsewhere
        reached(account(routes=table(OUT, elsewhere), unread=(ManagedPrefixList,)))
    gateway = {"DestinationPrefixListId": "pl-1", "GatewayId": "igw-1"}
    assert len(reached(account(routes=table(OUT, gateway), unread=(ManagedPrefixList,)))) == 1


# --- laws

cidrs = st.sampled_from(["0.0.0.0/0", "0.0.0.0/1", "198.51.100.0/24", "203.0.113.7/32", "10.0.0.0/8"])
spans = st.sampled_from([None, {"From": 22, "To": 22}, {"From": 0, "To": 65535}, {"From": 1024, "To": 65535}])
acl_items = st.fixed_dictionaries(
    {"RuleAction": st.sampled_from(["allow", "deny"]), "Egress": st.booleans(), "CidrBlock": cidrs, "span": spans}
)
permissions = st.builds(
    lambda cidr, low, high: {"IpProtocol": "tcp", "FromPort": low, "ToPort": high, "IpRanges": [{"CidrIp": cidr}]},
    cidrs, st.sampled_from([0, 22, 80]), st.sampled_from([22, 80, 65535]),
)  # fmt: skip


def numbered(items: list[dict[str, Any]]) -> NetworkAcl:
    entries = []
    for number, item in enumerate(items, 1):
        span = item["span"]
        entry = {name: value for name, value in item.items() if name != "span"} | {"RuleNumber": number}
        entries.append({**entry, "Protocol": "6", "PortRange": span} if span else {**entry, "Protocol": "-1"})
    return acl(*entries)


def addresses(chains: list[reach.Chain]) -> set[Any]:
    return {net for chain in chains for net in chain.sources}


def within(some: set[Any], others: set[Any]) -> bool:
    return all(any(one.subnet_of(other) for other in others) for one in some)


@law(st.lists(acl_items, max_size=5), acl_items.map(lambda item: {**item, "RuleAction": "deny"}), examples=40)
def test_a_deny_in_front_never_adds_reach(items: list[dict[str, Any]], deny: dict[str, Any]) -> None:
    before = reached(account(acl=numbered(items)))
    after = reached(account(acl=numbered([deny, *items])))
    assert within(addresses(after), addresses(before))
    assert not any(chain.everyone for chain in after) or any(chain.everyone for chain in before)


@law(st.lists(permissions, max_size=4), permissions, st.lists(acl_items, max_size=3), examples=40)
def test_a_rule_more_never_takes_reach_away(
    some: list[dict[str, Any]], more: dict[str, Any], items: list[dict[str, Any]]
) -> None:
    guard = numbered([*items, {"RuleAction": "allow", "Egress": False, "CidrBlock": "0.0.0.0/0", "span": None},
                      {"RuleAction": "allow", "Egress": True, "CidrBlock": "0.0.0.0/0", "span": None}])  # fmt: skip
    before = reached(account(acl=guard, group=group(*some)))
    after = reached(account(acl=guard, group=group(*some, more)))
    assert within(addresses(before), addresses(after))


@law(st.lists(st.lists(permissions, max_size=2), min_size=1, max_size=4), st.randoms(), examples=40)
def test_the_order_of_groups_does_not_matter(several: list[list[dict[str, Any]]], random: Any) -> None:
    groups = [group(*each, group_id=f"sg-{n}") for n, each in enumerate(several)]
    ids = [each.group_id for each in groups]
    shuffled = random.sample(ids, len(ids))
    known = inventory(LINKS["routes"], LINKS["acl"], *groups)
    one, other = (reached(known, interface(groups=tuple(order), **PUBLIC)) for order in (ids, shuffled))
    assert one == other


# --- load balancers

BALANCER = {
    "LoadBalancerArn": "arn:lb/app/shop/1", "LoadBalancerName": "shop", "Type": "application",
    "Scheme": "internet-facing", "DNSName": "shop.example", "VpcId": "vpc-1", "State": {"Code": "active"},
    "AvailabilityZones": [{"ZoneName": "a", "SubnetId": "subnet-1"}], "SecurityGroups": ["sg-lb"],
}  # fmt: skip
FRONT_IN = {**OPEN, "FromPort": 443, "ToPort": 443}
EVERYWHERE = {"IpProtocol": "-1", "IpRanges": [ALL4]}
FRONT = group(FRONT_IN, group_id="sg-lb", out=[EVERYWHERE])
TO_TARGET = {"IpProtocol": "tcp", "FromPort": 79, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": "sg-1"}]}
TO_SUBNET = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.2.0/24"}]}
ELSEWHERE = {"IpRanges": [{"CidrIp": "10.0.3.0/24"}]}
FROM_LB = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": "sg-lb"}]}


def behind(
    target: SecurityGroup,
    *,
    preserve: str = "false",
    device: int = 0,
    entries: tuple[dict[str, Any], ...] = (ALLOW, ANSWER),
    forward: str = "arn:tg/1",
    front: SecurityGroup = FRONT,
    **balancer: Any,
) -> list[reach.Chain]:
    """The ways to port 80 of an instance in a private subnet, behind a load balancer in a public one."""
    known = inventory(
        build(LoadBalancer, **{**BALANCER, **balancer}),
        build(Listener, ListenerArn="arn:listener/1", LoadBalancerArn=BALANCER["LoadBalancerArn"], Port=443,
              Protocol="HTTPS", DefaultActions=[{"Type": "forward", "TargetGroupArn": forward}], Rules=[]),
        build(TargetGroup, TargetGroupArn="arn:tg/1", TargetGroupName="tg", TargetType="instance", Protocol="HTTP",
              Port=80, LoadBalancerArns=[BALANCER["LoadBalancerArn"]],
              Attributes=[{"Key": "preserve_client_ip.enabled", "Value": preserve}],
              TargetHealthDescriptions=[{"Target": {"Id": "i-1", "Port": 80}, "TargetHealth": {"State": "healthy"}}]),
        build(Subnet, SubnetId="subnet-1", VpcId="vpc-1", CidrBlock="10.0.1.0/24"),
        table(OUT, subnet="subnet-1"), table(), front, target,
        acl(ALLOW, ANSWER), build(NetworkAcl, NetworkAclId="acl-2", VpcId="vpc-1", Entries=list(entries),
                                  Associations=[{"SubnetId": "subnet-2"}]),
    )  # fmt: skip
    private = interface(
        subnet="subnet-2",
        Attachment={"InstanceId": "i-1", "DeviceIndex": device},
        PrivateIpAddresses=[{"PrivateIpAddress": "10.0.2.9"}],
    )
    return seen(every_chain(private, [WEB], known))


def test_through_a_load_balancer_to_an_instance_in_a_private_subnet() -> None:
    (chain,) = behind(group(FROM_LB))
    assert chain.everyone
    assert [link.link for link in chain.links] == [
        "address", "load balancer", "block public access", "internet gateway", "route", "network ACL", "network ACL",
        "security group", "target group", "security group", "security group", "network ACL",
    ]  # fmt: skip
    assert chain.links[-2].why == "admits tcp 80 from sg-lb"


@pytest.mark.parametrize(
    ("target", "options", "count"),
    [
        (group({**OPEN, "FromPort": 80, "ToPort": 80}), {}, 1),
        (group({**OPEN, "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "10.0.1.0/24"}]}), {}, 1),
        (group({**OPEN, "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "10.9.0.0/16"}]}), {}, 0),
        (group(), {}, 0),
        (group(FROM_LB), {"Scheme": "internal"}, 0),
        (group(FROM_LB), {"forward": "arn:tg/2"}, 0),
        (group(FROM_LB), {"entries": (ALLOW,)}, 0),
        (group(FROM_LB), {"entries": (ALLOW, {**ANSWER, "CidrBlock": "10.0.0.0/8"})}, 1),
        (group(FROM_LB), {"device": 1}, 0),
        # What the load balancer's own group lets out.
        (group(FROM_LB), {"front": group(FRONT_IN, group_id="sg-lb")}, 0),
        (group(FROM_LB), {"front": group(FRONT_IN, group_id="sg-lb", out=[TO_TARGET])}, 1),
        (group(FROM_LB), {"front": group(FRONT_IN, group_id="sg-lb", out=[{**TO_TARGET, "ToPort": 79}])}, 0),
        (group(FROM_LB), {"front": group(FRONT_IN, group_id="sg-lb", out=[TO_SUBNET])}, 1),
        (group(FROM_LB), {"front": group(FRONT_IN, group_id="sg-lb", out=[{**TO_SUBNET, **ELSEWHERE}])}, 0),
        # A network load balancer that hands on the clients' addresses: the target's own group judges these.
        (group({**OPEN, "FromPort": 80, "ToPort": 80}), {"Type": "network", "preserve": "true"}, 1),
        (group({**OPEN, "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "10.0.1.0/24"}]}),
         {"Type": "network", "preserve": "true"}, 0),
        (group(FROM_LB), {"Type": "network", "preserve": "true"}, 1),
    ],
)  # fmt: skip
def test_load_balancers(target: SecurityGroup, options: dict[str, Any], count: int) -> None:
    assert len(behind(target, **options)) == count


def test_a_classic_load_balancer() -> None:
    listener = {"Protocol": "TCP", "LoadBalancerPort": 443, "InstancePort": 80}
    balancer = build(
        ClassicLoadBalancer, LoadBalancerName="old", Scheme="internet-facing", VPCId="vpc-1", Subnets=["subnet-1"],
        SecurityGroups=["sg-lb"], Instances=[{"InstanceId": "i-1"}], ListenerDescriptions=[{"Listener": listener}],
    )  # fmt: skip
    private = interface(subnet="subnet-2", Attachment={"InstanceId": "i-1", "DeviceIndex": 0})
    guards = acl(ALLOW, ANSWER, subnets=("subnet-1", "subnet-2"))
    lan = build(Subnet, SubnetId="subnet-1", VpcId="vpc-1", CidrBlock="10.0.1.0/24")
    known = inventory(balancer, FRONT, group(FROM_LB), guards, lan, table(OUT, subnet="subnet-1"), table())
    assert [len(seen(every_chain(private, [port], known))) for port in (WEB, SSH)] == [1, 0]
    assert len(seen(chains_to_balancer(balancer, Port("tcp", 443), known))) == 1
    with pytest.raises(Unread):
        seen(every_chain(private, [SSH], inventory(*known.known(SecurityGroup), unread=(ClassicLoadBalancer,))))
