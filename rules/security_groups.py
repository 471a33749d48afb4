"""Rules about security groups: what they let in, and from where."""

from collections.abc import Callable, Hashable, Iterator
from typing import Any

from auditor.analysis import network
from auditor.analysis.network import Opening, Port
from auditor.analysis.reach import Chain, chains_to_interface, ports_of, summary
from auditor.analysis.reach_balancers import chains_by_balancer
from auditor.findings import Severity
from auditor.inventory import Inventory
from auditor.resources.vpc import IpPermission, NetworkInterface, SecurityGroup
from auditor.rule import Verdict, failed, not_applicable, passed, rule, seen

SSH = (Port("tcp", 22),)
RDP = (Port("tcp", 3389), Port("udp", 3389))
FTP = (Port("tcp", 20), Port("tcp", 21))
NFS = (Port("tcp", 2049), Port("udp", 2049), Port("tcp", 111), Port("udp", 111))
# SQL Server, Oracle, MySQL, PostgreSQL, Redshift, Kibana, Redis, Cassandra, Kafka, OpenSearch, Memcached, MongoDB, Db2.
DATABASES = (
    *(
        Port("tcp", number)
        for number in (
            1433, 1434, 1521, 2483, 2484, 3306, 5432, 5439, 5601, 6379, 7199, 9042, 9092, 9160, 9200, 9300, 11211,
            27017, 27018, 27019, 50000,
        )
    ),
    Port("udp", 1434),
    Port("udp", 11211),
)  # fmt: skip
# Telnet, SMTP, POP3, Windows RPC and file sharing, IMAP, Node's and Ruby's and Flask's habits, mSQL, VNC's viewer,
# WinRM, and where proxies, consoles and notebooks listen.
HIGH_RISK = tuple(
    Port("tcp", number)
    for number in (
        23, 25, 110, 135, 137, 138, 139, 143, 445, 3000, 4333, 5000, 5500, 5985, 5986, 8080, 8088, 8888,
    )
)  # fmt: skip


def _about(ports: tuple[Port, ...]) -> Callable[[IpPermission], bool]:
    return lambda permission: network.admits_any(permission, ports)


def _foreign(group: SecurityGroup) -> Verdict | None:
    """The verdict about a group that another account shares with this one: only its owner can change it."""
    if group.owner_id == group.account:
        return None
    return not_applicable("Another account owns the group", owner_id=group.owner_id)


def _shown(openings: list[Opening]) -> list[dict[str, str]]:
    return [opening.evidence() for opening in openings]


def _exposure(
    group: SecurityGroup, inventory: Inventory, openings: list[Opening], attached: Severity, public: Severity
) -> Iterator[Severity]:
    """Low for a group that nothing carries, or whose every carrier VPC Block Public Access shields; else `attached`, or
    `public` where a carrier has a public address of an IP version for which the group is open.
    """
    if next(network.interfaces_with(group, inventory), None) is None:
        yield Severity.LOW
        return
    yield attached
    if public is not attached:
        versions = {opening.source.version for opening in openings}
        if any(network.is_public(each, versions) for each in network.interfaces_with(group, inventory)):
            yield public
    if all(network.is_blocked(each, inventory) for each in network.interfaces_with(group, inventory)):
        yield Severity.LOW


def _reach(
    group: SecurityGroup, inventory: Inventory, openings: list[Opening], ports: tuple[Port, ...]
) -> dict[str, Any]:
    """Whether the internet reaches a port of anything that carries a group, with the chain for each of the first few.

    No ports: any at all.
    """
    versions = {opening.source.version for opening in openings}
    barred: set[Hashable] = set()  # interfaces that stand alike are reached alike: the many are asked once

    def first(interface: NetworkInterface) -> Iterator[Chain]:
        wanted = ports or ports_of(interface, inventory)
        here = (
            interface.subnet_id,
            interface.group_ids,
            network.is_public(interface, [4]),
            network.is_public(interface, [6]),
        )
        ways = [lambda: chains_by_balancer(interface, wanted, inventory)]
        if here not in barred:
            ways.insert(0, lambda: chains_to_interface(interface, wanted, inventory))
        barred.add(here)
        for chain in network.each_readable(ways, lambda way: way()):
            if chain.everyone and chain.sources[0].version in versions:
                barred.discard(here)
                yield chain
                return

    return summary(network.each_readable(network.interfaces_with(group, inventory), first))


def _closed_to_world(
    group: SecurityGroup, inventory: Inventory, what: str, ports: tuple[Port, ...], public: Severity = Severity.HIGH
) -> Verdict:
    """The verdict of a rule about ports."""
    if (foreign := _foreign(group)) is not None:
        return foreign
    openings = seen(network.world_openings(group, inventory, _about(ports)))
    if not openings:
        return passed()
    hit = tuple(p for p in ports if any(network.admits(opening.permission, p) for opening in openings))
    return failed(
        f"The whole internet is let in to {what}",
        severity=_exposure(group, inventory, openings, Severity.HIGH, public),
        ports=sorted(f"{port.protocol} {port.number}" for port in hit),
        ip_permissions=_shown(openings),
        **_reach(group, inventory, openings, hit),
    )


@rule(
    severity=Severity.HIGH,
    controls=(
        "SecurityHub EC2.13",
        "CIS-3.0 5.2 5.3",
        "CIS-5.0 5.3 5.4",
        "PCI-4.0 1.2.8.17 1.3.1.19 1.3.2.19 1.4.2.18 1.5.1.17 A1.1.3.17",
        "NIST-800-53-r5 ac_17_b ac_17_1 ac_17_9 ac_17_10 cm_9_b sc_7_7 sc_7_11 sc_7_12 sc_7_16 sc_7_21 sc_7_24_b",
        "NIST-800-53-r5 sc_7_25",
        "ISO-27001-2022 A.8.20 A.8.21 A.8.22",
    ),
    notes="Security groups; Classic ports to know",
)
def ec2_security_group_ssh_not_public(group: SecurityGroup, inventory: Inventory) -> Verdict:
    """Security groups keep SSH and SFTP closed to the internet at large.

    Risk: bots try every open SSH port within minutes; one weak or leaked key is a shell inside the network.
    Fix: aws ec2 revoke-security-group-ingress --region {region} --group-id {id} --security-group-rule-ids
        $(aws ec2 describe-security-group-rules --region {region} --filters Name=group-id,Values={id} --output text
        --query 'SecurityGroupRules[?!IsEgress && (CidrIpv4==`"0.0.0.0/0"` || CidrIpv6==`"::/0"`) &&
        (IpProtocol==`"-1"` || (IpProtocol==`"tcp"` && FromPort<=`22` && ToPort>=`22`))].SecurityGroupRuleId')
    """
    return _closed_to_world(group, inventory, "SSH", SSH)


@rule(
    severity=Severity.HIGH,
    controls=("SecurityHub EC2.14", "CIS-3.0 5.2 5.3", "CIS-5.0 5.3 5.4", "ISO-27001-2022 A.8.20 A.8.21 A.8.22"),
    notes="Security groups; Classic ports to know",
)
def ec2_security_group_rdp_not_public(group: SecurityGroup, inventory: Inventory) -> Verdict:
    """Security groups keep Windows remote desktop closed to the internet at large.

    Risk: remote desktop is a favourite way in for ransomware, by guessed passwords and by flaws before the login.
    Fix: aws ec2 revoke-security-group-ingress --region {region} --group-id {id} --security-group-rule-ids
        $(aws ec2 describe-security-group-rules --region {region} --filters Name=group-id,Values={id} --output text
        --query 'SecurityGroupRules[?!IsEgress && (CidrIpv4==`"0.0.0.0/0"` || CidrIpv6==`"::/0"`) &&
        (IpProtocol==`"-1"` || ((IpProtocol==`"tcp"` || IpProtocol==`"udp"`) && FromPort<=`3389` &&
        ToPort>=`3389`))].SecurityGroupRuleId')
    """
    return _closed_to_world(group, inventory, "remote desktop", RDP)


@rule(
    severity=Severity.HIGH,
    controls=("SecurityHub EC2.19", "ISO-27001-2022 A.8.20 A.8.21 A.8.22"),
    notes="Security groups; Classic ports to know",
)
def ec2_security_group_ftp_not_public(group: SecurityGroup, inventory: Inventory) -> Verdict:
    """Security groups keep plain FTP closed to the internet at large.

    Risk: FTP sends passwords and files in the clear, to whoever listens on the way.
    Fix: aws ec2 revoke-security-group-ingress --region {region} --group-id {id} --security-group-rule-ids
        $(aws ec2 describe-security-group-rules --region {region} --filters Name=group-id,Values={id} --output text
        --query 'SecurityGroupRules[?!IsEgress && (CidrIpv4==`"0.0.0.0/0"` || CidrIpv6==`"::/0"`) &&
        (IpProtocol==`"-1"` || (IpProtocol==`"tcp"` && FromPort<=`21` && ToPort>=`20`))].SecurityGroupRuleId')
    """
    return _closed_to_world(group, inventory, "FTP", FTP)


@rule(
    severity=Severity.HIGH,
    controls=("SecurityHub EC2.19", "ISO-27001-2022 A.8.20 A.8.21 A.8.22"),
    notes="Security groups; LAMP / 3-tier architecture",
)
def ec2_security_group_database_ports_not_public(group: SecurityGroup, inventory: Inventory) -> Verdict:
    """Security groups keep the ports of databases and caches closed to the internet at large.

    Risk: a database that strangers can reach is guessed at, scraped or wiped for ransom; many caches ask no password.
    Fix: aws ec2 describe-security-group-rules --region {region} --filters Name=group-id,Values={id}
        --query 'SecurityGroupRules[?!IsEgress && (CidrIpv4==`"0.0.0.0/0"` || CidrIpv6==`"::/0"`)]'
    aws ec2 revoke-security-group-ingress --region {region} --group-id {id} --security-group-rule-ids RULE_IDS
    """
    return _closed_to_world(group, inventory, "database or cache ports", DATABASES, public=Severity.CRITICAL)


@rule(severity=Severity.HIGH, notes="EFS (security groups); NFS")
def ec2_security_group_nfs_not_public(group: SecurityGroup, inventory: Inventory) -> Verdict:
    """Security groups keep NFS and its port mapper closed to the internet at large.

    Risk: NFS trusts the client's word for who it is, so whoever mounts the export reads and writes it.
    Fix: aws ec2 revoke-security-group-ingress --region {region} --group-id {id} --security-group-rule-ids
        $(aws ec2 describe-security-group-rules --region {region} --filters Name=group-id,Values={id} --output text
        --query 'SecurityGroupRules[?!IsEgress && (CidrIpv4==`"0.0.0.0/0"` || CidrIpv6==`"::/0"`) &&
        (IpProtocol==`"-1"` || ((IpProtocol==`"tcp"` || IpProtocol==`"udp"`) && ((FromPort<=`2049` && ToPort>=`2049`)
        || (FromPort<=`111` && ToPort>=`111`))))].SecurityGroupRuleId')
    """
    return _closed_to_world(group, inventory, "NFS", NFS)


@rule(
    severity=Severity.HIGH,
    controls=("SecurityHub EC2.19", "CIS-5.0 5.1.2", "ISO-27001-2022 A.8.20 A.8.21 A.8.22"),
    notes="Security groups",
)
def ec2_security_group_high_risk_ports_not_public(group: SecurityGroup, inventory: Inventory) -> Verdict:
    """Security groups keep ports of administration, mail, file sharing and development closed to the internet at large.

    Risk: what listens there was made for a trusted network: much of it knows no encryption, and some no password.
    Fix: aws ec2 describe-security-group-rules --region {region} --filters Name=group-id,Values={id} --query
        'SecurityGroupRules[?!IsEgress && (CidrIpv4==`"0.0.0.0/0"` || CidrIpv6==`"::/0"`)]'
    aws ec2 revoke-security-group-ingress --region {region} --group-id {id} --security-group-rule-ids RULE_IDS
    """
    return _closed_to_world(group, inventory, "ports of administration and of old protocols", HIGH_RISK)


@rule(
    severity=Severity.CRITICAL,
    controls=("SecurityHub EC2.19", "CIS-3.0 5.2 5.3", "CIS-5.0 5.3 5.4", "ISO-27001-2022 A.8.20 A.8.21 A.8.22"),
    notes="Security groups",
)
def ec2_security_group_all_ports_not_public(group: SecurityGroup, inventory: Inventory) -> Verdict:
    """Security groups never open every port to the internet at large.

    Risk: whatever listens on the machine, meant for others or forgotten, is one connection away from anyone.
    Fix: aws ec2 revoke-security-group-ingress --region {region} --group-id {id} --security-group-rule-ids
        $(aws ec2 describe-security-group-rules --region {region} --filters Name=group-id,Values={id} --output text
        --query 'SecurityGroupRules[?!IsEgress && (CidrIpv4==`"0.0.0.0/0"` || CidrIpv6==`"::/0"`) &&
        (IpProtocol==`"-1"` || ((IpProtocol==`"tcp"` || IpProtocol==`"udp"`) && FromPort<=`1` &&
        ToPort>=`65535`))].SecurityGroupRuleId')
    """
    if (foreign := _foreign(group)) is not None:
        return foreign
    openings = seen(network.world_openings(group, inventory, network.admits_all_ports))
    if not openings:
        return passed()
    return failed(
        "Every port is open to the whole internet",
        severity=_exposure(group, inventory, openings, Severity.HIGH, Severity.CRITICAL),
        ip_permissions=_shown(openings),
        **_reach(group, inventory, openings, ()),
    )


@rule(
    severity=Severity.MEDIUM,
    controls=("ISO-27001-2022 A.8.1 A.8.20 A.8.21 A.8.22",),
    notes="Security groups (rules by IP)",
)
def ec2_security_group_no_broad_public_cidr(
    group: SecurityGroup, inventory: Inventory, *, ipv4_prefix: int = 15, ipv6_prefix: int = 19
) -> Verdict:
    """Security groups let in no range of public addresses so wide that it holds strangers by the million.

    Risk: a huge range is as good as open, and two halves of the internet escape every check for 0.0.0.0/0.
    Fix: aws ec2 describe-security-group-rules --region {region} --filters Name=group-id,Values={id}
    aws ec2 revoke-security-group-ingress --region {region} --group-id {id} --security-group-rule-ids RULE_IDS
    """
    if (foreign := _foreign(group)) is not None:
        return foreign
    broad = seen(
        opening
        for opening in network.openings(group, inventory)
        if network.is_broad_public(opening.source, ipv4_prefix=ipv4_prefix, ipv6_prefix=ipv6_prefix)
    )
    if not broad:
        return passed()
    widest = min(opening.source.prefixlen for opening in broad)
    return failed(
        f"A range of public addresses as wide as /{widest} is let in",
        severity=Severity.HIGH if widest <= 4 else Severity.MEDIUM,
        ip_permissions=_shown(broad),
    )


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub EC2.2",
        "CIS-3.0 5.4",
        "CIS-5.0 5.5",
        "NIST-800-53-r5 ac_4_21 ac_17_b ac_17_1 ac_17_4_a ac_17_9 ac_17_10 cm_6_a cm_9_b sc_7_5 sc_7_7 sc_7_11 sc_7_12",
        "ISO-27001-2022 A.8.20 A.8.21 A.8.22",
    ),
    notes="Security groups (default behaviour)",
)
def ec2_security_group_default_closed(group: SecurityGroup, inventory: Inventory) -> Verdict:
    """The default security group of every VPC holds no rules.

    Risk: what is launched without naming a group gets this one, and with it whatever it lets in and out.
    Fix: aws ec2 revoke-security-group-ingress --region {region} --group-id {id} --security-group-rule-ids
        $(aws ec2 describe-security-group-rules --region {region} --filters Name=group-id,Values={id} --output text
        --query 'SecurityGroupRules[?!IsEgress].SecurityGroupRuleId')
    aws ec2 revoke-security-group-egress --region {region} --group-id {id} --security-group-rule-ids
        $(aws ec2 describe-security-group-rules --region {region} --filters Name=group-id,Values={id} --output text
        --query 'SecurityGroupRules[?IsEgress].SecurityGroupRuleId')
    """
    if group.group_name != "default":
        return not_applicable("Not the default group of a VPC", group_name=group.group_name)
    if (foreign := _foreign(group)) is not None:
        return foreign
    inbound, outbound = len(group.ip_permissions), len(group.ip_permissions_egress)
    if not inbound and not outbound:
        return passed()
    return failed(
        "The default group holds rules",
        severity=_default_group_severity(group, inventory),
        ip_permissions=inbound,
        ip_permissions_egress=outbound,
    )


def _default_group_severity(group: SecurityGroup, inventory: Inventory) -> Iterator[Severity]:
    """Low while the group is as AWS made it and nothing carries it."""
    if _is_untouched(group) and next(network.interfaces_with(group, inventory), None) is None:
        yield Severity.LOW


def _is_untouched(group: SecurityGroup) -> bool:
    """Whether a default group has no rules but those of a new one: everything from itself, everything out."""
    return all(_is_from_itself(p, group) for p in group.ip_permissions) and all(
        _is_to_world(p) for p in group.ip_permissions_egress
    )


def _is_from_itself(permission: IpPermission, group: SecurityGroup) -> bool:
    others = permission.ip_ranges or permission.ipv6_ranges or permission.prefix_list_ids
    return (
        permission.ip_protocol == network.ALL_PROTOCOLS
        and not others
        and all(pair.group_id == group.group_id for pair in permission.user_id_group_pairs)
    )


def _is_to_world(permission: IpPermission) -> bool:
    cidrs = [each.cidr_ip for each in permission.ip_ranges] + [each.cidr_ipv6 for each in permission.ipv6_ranges]
    return (
        permission.ip_protocol == network.ALL_PROTOCOLS
        and not permission.prefix_list_ids
        and not permission.user_id_group_pairs
        and all(network.is_world(network.network(cidr)) for cidr in cidrs)
    )
