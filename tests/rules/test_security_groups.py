"""Security groups: what they let in from the whole internet, and how much that matters."""

from typing import Any

import pytest

from auditor.findings import Finding
from tests.lab import Lab

WORLD4 = {"IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "office"}]}
WORLD6 = {"Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
OFFICE = {"IpRanges": [{"CidrIp": "198.51.100.0/24"}]}
OWNER = "123456789012"
OTHER = "999999999999"
SSH = "ec2-security-group-ssh-not-public"
RDP = "ec2-security-group-rdp-not-public"
FTP = "ec2-security-group-ftp-not-public"
ALL = "ec2-security-group-all-ports-not-public"
DATABASES = "ec2-security-group-database-ports-not-public"
NFS = "ec2-security-group-nfs-not-public"
BROAD = "ec2-security-group-no-broad-public-cidr"
DEFAULT = "ec2-security-group-default-closed"
PORT_RULES = (SSH, RDP, FTP, ALL, DATABASES, NFS)


def together(lab: Lab, *rule_ids: str, group: str = "sg-1", **options: Any) -> dict[str, Finding]:
    """What several rules find about one group in a single scan, by rule."""
    with lab.but(**options):
        judged = lab.judge(*rule_ids)
    assert not judged.defects
    return {finding.rule: finding for finding in judged.findings if finding.resource.id == group}


def permission(protocol: str, low: int | None, high: int | None, sources: dict[str, Any]) -> dict[str, Any]:
    ports = {} if low is None else {"FromPort": low, "ToPort": high}
    return {"IpProtocol": protocol, **ports, **sources}


def listed(*permissions: dict[str, Any], name: str = "web", owner: str = OWNER, **more: Any) -> dict[str, Any]:
    """What DescribeSecurityGroups says of one group, sg-1."""
    group = {"GroupId": "sg-1", "GroupName": name, "OwnerId": owner, "VpcId": "vpc-1", "Tags": []}
    return {
        "ec2:DescribeSecurityGroups": {
            "SecurityGroups": [{**group, "IpPermissions": list(permissions), "IpPermissionsEgress": [], **more}]
        }
    }


def interface(**more: Any) -> dict[str, Any]:
    """What DescribeNetworkInterfaces says of one interface that carries sg-1."""
    where = {"NetworkInterfaceId": "eni-1", "VpcId": "vpc-1", "SubnetId": "subnet-1", "OwnerId": OWNER}
    made = {
        **where,
        "Ipv6Addresses": [],
        "PrivateIpAddresses": [],
        "Groups": [{"GroupId": "sg-1", "GroupName": "web"}],
        **more,
    }
    return {"ec2:DescribeNetworkInterfaces": {"NetworkInterfaces": [made]}}


def block(mode: str, *exclusions: dict[str, str], owner: str = OWNER) -> dict[str, Any]:
    """VPC Block Public Access of the account, and a VPC that belongs to it, or to another."""
    return {
        "ec2:DescribeVpcs": {"Vpcs": [{"VpcId": "vpc-1", "OwnerId": owner}]},
        "ec2:DescribeVpcBlockPublicAccessOptions": {"VpcBlockPublicAccessOptions": {"InternetGatewayBlockMode": mode}},
        "ec2:DescribeVpcBlockPublicAccessExclusions": {"VpcBlockPublicAccessExclusions": list(exclusions)},
    }


PUBLIC4 = {"Association": {"PublicIp": "203.0.113.7"}}
PUBLIC6 = {"Ipv6Addresses": [{"Ipv6Address": "2600:1f18::7"}]}
SECONDARY = {"PrivateIpAddresses": [{"PrivateIpAddress": "10.0.0.4", "Association": {"PublicIp": "203.0.113.8"}}]}
LOCAL6 = {"Ipv6Addresses": [{"Ipv6Address": "fd00::7"}]}


CASES = {
    SSH: [
        (permission("tcp", 22, 22, WORLD4), "fail"),
        (permission("tcp", 22, 22, WORLD6), "fail"),
        (permission("6", 20, 25, WORLD4), "fail"),
        (permission("-1", None, None, WORLD4), "fail"),
        (permission("tcp", None, None, WORLD4), "fail"),
        (permission("tcp", 0, 65535, {"IpRanges": [{"CidrIp": "1.2.3.4/0"}]}), "fail"),
        (permission("tcp", 22, 22, {"Ipv6Ranges": [{"CidrIpv6": "0:0::0/0"}]}), "fail"),
        (permission("udp", 22, 22, WORLD4), "pass"),
        (permission("tcp", 23, 65535, WORLD4), "pass"),
        (permission("icmp", -1, -1, WORLD4), "pass"),
        (permission("icmp", 8, 30, WORLD4), "pass"),
        (permission("47", None, None, WORLD4), "pass"),
        (permission("tcp", 22, 22, OFFICE), "pass"),
        (permission("tcp", 22, 22, {"UserIdGroupPairs": [{"GroupId": "sg-2", "UserId": OWNER}]}), "pass"),
    ],
    RDP: [
        (permission("tcp", 3389, 3389, WORLD4), "fail"),
        (permission("17", 3389, 3389, WORLD6), "fail"),
        (permission("tcp", 22, 22, WORLD4), "pass"),
    ],
    FTP: [
        (permission("tcp", 20, 20, WORLD4), "fail"),
        (permission("tcp", 21, 21, WORLD4), "fail"),
        (permission("udp", 21, 21, WORLD4), "pass"),
    ],
    NFS: [
        (permission("udp", 111, 111, WORLD4), "fail"),
        (permission("tcp", 2049, 2049, WORLD4), "fail"),
        (permission("-1", None, None, WORLD6), "fail"),
        (permission("tcp", 112, 2048, WORLD4), "pass"),
    ],
    DATABASES: [
        (permission("tcp", 6379, 6379, WORLD4), "fail"),
        (permission("udp", 11211, 11211, WORLD4), "fail"),
        (permission("udp", 5432, 5432, WORLD4), "pass"),
        (permission("tcp", 443, 443, WORLD4), "pass"),
    ],
    ALL: [
        (permission("-1", None, None, WORLD4), "fail"),
        (permission("tcp", 0, 65535, WORLD4), "fail"),
        (permission("udp", 1, 65535, WORLD6), "fail"),
        (permission("tcp", 2, 65535, WORLD4), "pass"),
        (permission("tcp", 0, 65534, WORLD4), "pass"),
        (permission("icmp", -1, -1, WORLD4), "pass"),
        (permission("-1", None, None, OFFICE), "pass"),
    ],
}


def many(*permissions: dict[str, Any]) -> dict[str, Any]:
    """What DescribeSecurityGroups says of groups sg-0, sg-1 and so on, each with one of these."""
    groups = [
        {"GroupId": f"sg-{i}", "GroupName": "web", "OwnerId": OWNER, "IpPermissions": [each]}
        for i, each in enumerate(permissions)
    ]
    return {"ec2:DescribeSecurityGroups": {"SecurityGroups": groups}}


@pytest.mark.parametrize(
    "permissions",
    [None, [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [], "UserIdGroupPairs": []}]],
)
@pytest.mark.parametrize("rule_id", [*PORT_RULES, BROAD, DEFAULT])
def test_rules_that_were_cut_short_are_unknown(
    lab: Lab, rule_id: str, permissions: list[dict[str, Any]] | None
) -> None:
    """EC2 gives no rules as an empty list, and no rule without anybody to let in."""
    group: dict[str, Any] = {"GroupId": "sg-1", "GroupName": "default", "OwnerId": OWNER, "IpPermissionsEgress": []}
    group |= {} if permissions is None else {"IpPermissions": permissions}
    answers = {"ec2:DescribeSecurityGroups": {"SecurityGroups": [group]}}
    assert lab.statuses(rule_id, answers=answers) == {"sg-1": "unknown"}


@pytest.mark.parametrize("rule_id", CASES)
def test_ports_and_protocols(lab: Lab, rule_id: str) -> None:
    found = lab.statuses(rule_id, answers=many(*(rule for rule, _ in CASES[rule_id])))
    assert [found[f"sg-{i}"] for i in range(len(found))] == [status for _, status in CASES[rule_id]]


def test_each_port_is_its_own_concern_in_an_emulated_account(lab: Lab) -> None:
    ec2 = lab.client("ec2")
    group = ec2.create_security_group(GroupName="web", Description="web")["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission("tcp", 22, 22, WORLD4)])
    found = together(lab, *PORT_RULES, group=group)
    assert {rule: each.status for rule, each in found.items()} == {**dict.fromkeys(PORT_RULES, "pass"), SSH: "fail"}


def test_evidence_shows_the_rules_that_decided(lab: Lab) -> None:
    rules = permission("tcp", 20, 25, WORLD4 | WORLD6), permission("tcp", 22, 22, OFFICE)
    found = lab.findings(SSH, answers=listed(*rules))["sg-1"]
    assert found.evidence["ports"] == ["tcp 22"]
    assert found.evidence["ip_permissions"] == [
        {"protocol": "tcp", "ports": "20-25", "source": "0.0.0.0/0", "description": "office"},
        {"protocol": "tcp", "ports": "20-25", "source": "::/0"},
    ]


def test_a_group_of_another_account_is_not_applicable(lab: Lab) -> None:
    answers = listed(permission("-1", None, None, WORLD4), owner=OTHER)
    found = together(lab, *PORT_RULES, BROAD, answers=answers)
    assert {rule: each.status for rule, each in found.items()} == dict.fromkeys((*PORT_RULES, BROAD), "not_applicable")
    assert f":{OTHER}:security-group/sg-1" in found[SSH].resource.arn


def test_unknown_where_groups_are_not_listed(lab: Lab) -> None:
    rules = (*PORT_RULES, BROAD, DEFAULT)
    found = together(lab, *rules, group="*", deny=["ec2:DescribeSecurityGroups"])
    assert {rule: each.status for rule, each in found.items()} == dict.fromkeys(rules, "unknown")
    assert f":{OWNER}:security-group/*" in found[SSH].resource.arn


# --- prefix lists


def with_list(lab: Lab, cidr: str, *more: dict[str, Any]) -> tuple[str, str]:
    """A group whose one rule for SSH names a customer's prefix list; the ids of both."""
    ec2 = lab.client("ec2")
    family = "IPv6" if ":" in cidr else "IPv4"
    made = ec2.create_managed_prefix_list(
        PrefixListName="partners", MaxEntries=5, AddressFamily=family, Entries=[{"Cidr": cidr}]
    )
    prefix_list = made["PrefixList"]["PrefixListId"]
    group = ec2.create_security_group(GroupName="partners", Description="partners")["GroupId"]
    named = permission("tcp", 22, 22, {"PrefixListIds": [{"PrefixListId": prefix_list}]})
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[named, *more])
    return group, prefix_list


@pytest.mark.parametrize(("cidr", "status"), [("0.0.0.0/0", "fail"), ("::/0", "fail"), ("198.51.100.0/24", "pass")])
def test_prefix_lists_are_resolved(lab: Lab, cidr: str, status: str) -> None:
    group, _ = with_list(lab, cidr)
    assert lab.statuses(SSH)[group] == status


def test_evidence_names_the_prefix_list(lab: Lab) -> None:
    group, prefix_list = with_list(lab, "0.0.0.0/0")
    shown = {"protocol": "tcp", "ports": "22", "source": "0.0.0.0/0", "prefix_list": prefix_list}
    assert lab.findings(SSH)[group].evidence["ip_permissions"] == [shown]


READS = ["ec2:GetManagedPrefixListEntries", "ec2:DescribeManagedPrefixLists"]


@pytest.mark.parametrize("read", READS)
def test_unknown_where_a_prefix_list_decides_and_is_unread(lab: Lab, read: str) -> None:
    group, _ = with_list(lab, "198.51.100.0/24")
    found = lab.statuses(SSH, deny=[read])
    assert found.pop(group) == "unknown"
    assert set(found.values()) == {"pass"}
    assert lab.statuses(BROAD, deny=[read])[group] == "unknown"


@pytest.mark.parametrize("read", READS)
def test_an_unread_prefix_list_does_not_hide_what_is_open_without_it(lab: Lab, read: str) -> None:
    group, _ = with_list(lab, "198.51.100.0/24", permission("tcp", 0, 100, WORLD4))
    assert lab.statuses(SSH, deny=[read])[group] == "fail"


@pytest.mark.parametrize("read", READS)
def test_an_unread_prefix_list_of_another_port_does_not_matter(lab: Lab, read: str) -> None:
    group, _ = with_list(lab, "0.0.0.0/0")
    assert lab.statuses(RDP, deny=[read])[group] == "pass"


def test_unknown_where_a_prefix_list_is_no_longer_shared(lab: Lab) -> None:
    named = permission("tcp", 22, 22, {"PrefixListIds": [{"PrefixListId": "pl-0123456789abcdef0"}]})
    found = lab.findings(SSH, answers=listed(named))["sg-1"]
    assert (found.status, "pl-0123456789abcdef0" in found.message) == ("unknown", True)


def test_lists_of_aws_are_not_asked_for(lab: Lab) -> None:
    lists = lab.client("ec2").describe_managed_prefix_lists()["PrefixLists"]
    (origin,) = (each["PrefixListId"] for each in lists if each["PrefixListName"].endswith("origin-facing"))
    named = permission("tcp", 22, 22, {"PrefixListIds": [{"PrefixListId": origin}]})
    lab.endpoint.seen.clear()
    assert lab.statuses(SSH, answers=listed(named))["sg-1"] == "pass"
    assert not [operation for _, operation, _ in lab.endpoint.seen if operation == "GetManagedPrefixListEntries"]


# --- how much it matters

OPEN = listed(permission("-1", None, None, WORLD4))
OPEN6 = listed(permission("-1", None, None, WORLD6))
IN_VPC = {"InternetGatewayExclusionMode": "allow-bidirectional", "ResourceArn": "arn:aws:ec2:us-east-1:1:vpc/vpc-1"}
IN_SUBNET = {**IN_VPC, "ResourceArn": "arn:aws:ec2:us-east-1:1:subnet/subnet-1"}


def test_low_where_nothing_carries_the_group(lab: Lab) -> None:
    found = together(lab, *PORT_RULES, answers=OPEN)
    assert {rule: each.severity for rule, each in found.items()} == dict.fromkeys(PORT_RULES, "low")


@pytest.mark.parametrize(
    ("answers", "severities"),
    [
        (OPEN | interface(), ("high", "high", "high")),
        (OPEN | interface(**PUBLIC4), ("high", "critical", "critical")),
        (OPEN | interface(**SECONDARY), ("high", "critical", "critical")),
        (OPEN | interface(**PUBLIC6), ("high", "high", "high")),
        (OPEN6 | interface(**PUBLIC6), ("high", "critical", "critical")),
        (OPEN6 | interface(**LOCAL6), ("high", "high", "high")),
        (OPEN6 | interface(**PUBLIC6, DenyAllIgwTraffic=True), ("high", "high", "high")),
        (OPEN | interface(**PUBLIC4) | block("block-bidirectional"), ("low", "low", "low")),
        (OPEN | interface(**PUBLIC4) | block("block-ingress"), ("low", "low", "low")),
        (OPEN | interface(**PUBLIC4) | block("block-ingress", owner=OTHER), ("high", "critical", "critical")),
        (OPEN | interface(**PUBLIC4) | block("block-ingress", IN_VPC), ("high", "critical", "critical")),
        (OPEN | interface(**PUBLIC4) | block("block-ingress", IN_SUBNET), ("high", "critical", "critical")),
        (
            OPEN
            | interface(**PUBLIC4)
            | block("block-bidirectional", {**IN_VPC, "InternetGatewayExclusionMode": "allow-egress"}),
            ("low", "low", "low"),
        ),
        (
            OPEN | interface(**PUBLIC4) | block("block-bidirectional", {**IN_VPC, "State": "delete-complete"}),
            ("low", "low", "low"),
        ),
    ],
)
def test_severity(lab: Lab, answers: dict[str, Any], severities: tuple[str, ...]) -> None:
    found = together(lab, SSH, DATABASES, ALL, answers=answers)
    assert {each.status for each in found.values()} == {"fail"}
    assert tuple(found[rule_id].severity for rule_id in (SSH, DATABASES, ALL)) == severities


@pytest.mark.parametrize(
    ("deny", "severity"),
    [
        # The rule's default: what was not read makes it no better.
        ("ec2:DescribeNetworkInterfaces", "critical"),
        ("ec2:DescribeVpcBlockPublicAccessOptions", "critical"),
        ("ec2:DescribeVpcBlockPublicAccessExclusions", "critical"),
        ("ec2:DescribeVpcs", "critical"),
    ],
)
def test_what_settles_the_severity_may_be_unread(lab: Lab, deny: str, severity: str) -> None:
    answers = OPEN | interface() | block("block-ingress")
    found = lab.findings(ALL, answers=answers, deny=[deny])["sg-1"]
    assert (found.status, found.severity) == ("fail", severity)
    assert deny in found.evidence["severity_unsettled"]


def test_a_closed_group_passes_whatever_carries_it(lab: Lab) -> None:
    unread = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeVpcBlockPublicAccessOptions", *READS]
    found = together(lab, *PORT_RULES, answers=listed(permission("tcp", 443, 443, WORLD4)), deny=unread)
    assert {rule: each.status for rule, each in found.items()} == dict.fromkeys(PORT_RULES, "pass")


# --- broad ranges


RANGES = {
    "0.0.0.0/1": ("fail", "high"),
    "128.0.0.0/1": ("fail", "high"),
    "16.0.0.0/4": ("fail", "high"),
    "8.0.0.0/5": ("fail", "medium"),
    "52.94.0.0/15": ("fail", "medium"),
    "52.94.0.0/16": ("pass", "medium"),
    "0.0.0.0/0": ("pass", "medium"),
    "10.0.0.0/8": ("pass", "medium"),
    "172.16.0.0/12": ("pass", "medium"),
    "172.0.0.0/8": ("fail", "medium"),
    "100.64.0.0/10": ("pass", "medium"),
    "198.18.0.0/15": ("pass", "medium"),
    "2000::/3": ("fail", "high"),
    "8000::/1": ("pass", "medium"),
    "2600::/12": ("fail", "medium"),
    "2600:1f00::/20": ("pass", "medium"),
    "fc00::/7": ("pass", "medium"),
}


def test_broad_ranges(lab: Lab) -> None:
    sources = [{"Ipv6Ranges": [{"CidrIpv6": c}]} if ":" in c else {"IpRanges": [{"CidrIp": c}]} for c in RANGES]
    found = lab.findings(BROAD, answers=many(*(permission("tcp", 443, 443, each) for each in sources)))
    judged = {cidr: found[f"sg-{i}"] for i, cidr in enumerate(RANGES)}
    assert {cidr: (each.status, each.severity) for cidr, each in judged.items()} == RANGES


def test_broad_ranges_of_prefix_lists(lab: Lab) -> None:
    group, prefix_list = with_list(lab, "64.0.0.0/8")
    found = lab.findings(BROAD)[group]
    assert (found.status, found.evidence["ip_permissions"][0]["prefix_list"]) == ("fail", prefix_list)


def test_what_is_broad_can_be_set(lab: Lab) -> None:
    answers = listed(permission("tcp", 443, 443, {"IpRanges": [{"CidrIp": "52.94.0.0/16"}]}))
    assert lab.statuses(BROAD, answers=answers, ipv4_prefix=16)["sg-1"] == "fail"


# --- the default group

FROM_ITSELF = permission("-1", None, None, {"UserIdGroupPairs": [{"GroupId": "sg-1", "UserId": OWNER}]})
TO_WORLD = permission("-1", None, None, WORLD4)


def default_group(*inbound: dict[str, Any], outbound: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return listed(*inbound, name="default", IpPermissionsEgress=list(outbound))


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        (default_group(), ("pass", "medium")),
        (default_group(FROM_ITSELF, outbound=(TO_WORLD,)), ("fail", "low")),
        (default_group(outbound=(TO_WORLD,)), ("fail", "low")),
        (default_group(FROM_ITSELF, outbound=(TO_WORLD,)) | interface(), ("fail", "medium")),
        (default_group(permission("tcp", 22, 22, OFFICE)), ("fail", "medium")),
        (default_group(TO_WORLD), ("fail", "medium")),
        (default_group(outbound=(permission("tcp", 443, 443, WORLD4),)), ("fail", "medium")),
        (listed(FROM_ITSELF, name="default", owner=OTHER), ("not_applicable", "medium")),
        (listed(FROM_ITSELF), ("not_applicable", "medium")),
    ],
)
def test_default_group(lab: Lab, answers: dict[str, Any], verdict: tuple[str, str]) -> None:
    found = lab.findings(DEFAULT, answers=answers)["sg-1"]
    assert (found.status, found.severity) == verdict


def test_default_group_fails_though_its_carriers_are_unread(lab: Lab) -> None:
    answers = default_group(FROM_ITSELF, outbound=(TO_WORLD,))
    found = lab.findings(DEFAULT, answers=answers, deny=["ec2:DescribeNetworkInterfaces"])["sg-1"]
    assert (found.status, found.severity) == ("fail", "medium")
    assert "severity_unsettled" in found.evidence


def test_a_fresh_default_group_fails(lab: Lab) -> None:
    assert list(lab.statuses(DEFAULT).values()) == ["fail"]
