"""What reaches load balancers: security groups and AWS WAF."""

from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.edge_answers import ACCOUNT, REGION, Answers, Item, balancer, elbv2, judged, listener

GROUPS = "elbv2-network-load-balancer-security-groups-attached"
MATCHES = "elbv2-load-balancer-security-group-matches-listeners"
WAF = "elbv2-load-balancer-waf-associated"
ANY = {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


def security_group(name: str, *permissions: Item) -> Item:
    return {
        "GroupId": name,
        "GroupName": name,
        "OwnerId": ACCOUNT,
        "VpcId": "vpc-1",
        "IpPermissions": list(permissions),
        "IpPermissionsEgress": [],
    }


def admitting(low: int, high: int | None = None, protocol: str = "tcp", **sources: Any) -> Item:
    """A rule of a security group."""
    return {"IpProtocol": protocol, "FromPort": low, "ToPort": high or low, **(sources or ANY)}


def groups(*listed: Item) -> Answers:
    return {"ec2:DescribeSecurityGroups": {"SecurityGroups": list(listed)}}


def test_network_load_balancers_have_groups(lab: Lab) -> None:
    answers = elbv2(
        balancer("good", "network"),
        balancer("bad", "network", SecurityGroups=None),
        balancer("internal", "network", SecurityGroups=[], Scheme="internal"),
        balancer("alb"),
    )
    assert judged(lab, answers, GROUPS)[GROUPS] == {
        "good": "pass", "bad": "fail medium", "internal": "fail low", "alb": "not_applicable",
    }  # fmt: skip


def test_groups_match_listeners(lab: Lab) -> None:
    names = ("good", "ssh", "range", "wide", "all", "other", "icmp", "inside", "udp", "shared", "classic", "list")
    every = {name: balancer(name, SecurityGroups=[f"sg-{name}"]) for name in names}
    every["udp"] = balancer("udp", "network", SecurityGroups=["sg-udp"])
    every["other"]["SecurityGroups"] = ["sg-good", "sg-other"]
    sharing = balancer("sharing", SecurityGroups=["sg-shared"])
    bare = balancer("bare", "network", SecurityGroups=None)
    listeners = [listener(each, 443, "HTTPS") for each in every.values()]
    listeners += [listener(every["range"], 444, "HTTPS"), listener(sharing, 80, "HTTP")]
    listeners += [listener(every["udp"], 53, "TCP_UDP")]
    of_group = security_group("sg-inside", admitting(22, UserIdGroupPairs=[{"GroupId": "sg-good", "UserId": ACCOUNT}]))
    answers = elbv2(*every.values(), sharing, bare, listeners=listeners) | groups(
        security_group("sg-good", admitting(443)),
        security_group("sg-ssh", admitting(443), admitting(22)),
        security_group("sg-range", admitting(443, 444)),
        security_group("sg-wide", admitting(443, 445)),
        security_group("sg-all", {"IpProtocol": "-1", **ANY}),
        security_group("sg-other", admitting(8443, Ipv6Ranges=[{"CidrIpv6": "::/0"}])),
        security_group("sg-icmp", {"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1, **ANY}),
        of_group,
        security_group("sg-udp", admitting(53, protocol="udp"), admitting(53, protocol="6")),
        security_group("sg-shared", admitting(443), admitting(80)),
        security_group("sg-classic", admitting(443), admitting(8000)),
        security_group("sg-list", admitting(22, PrefixListIds=[{"PrefixListId": "pl-1"}])),
    )
    answers["elb:DescribeLoadBalancers"] = {"LoadBalancerDescriptions": [classic("old", 8000, "sg-classic")]}
    assert judged(lab, answers, MATCHES)[MATCHES] == {
        **dict.fromkeys(("good", "range", "icmp", "inside", "udp", "shared", "sharing", "classic"), "pass"),
        **dict.fromkeys(("ssh", "wide", "all", "other", "list"), "fail low"),
        "bare": "not_applicable",
    }
    for operation in ("elbv2:DescribeListeners", "elb:DescribeLoadBalancers", "ec2:DescribeSecurityGroups"):
        assert judged(lab, answers, MATCHES, deny=[operation])[MATCHES]["good"] == "unknown"


def classic(name: str, port: int, group: str) -> Item:
    one = {"Protocol": "TCP", "LoadBalancerPort": port, "InstanceProtocol": "TCP", "InstancePort": port}
    return {
        "LoadBalancerName": name,
        "ListenerDescriptions": [{"Listener": one, "PolicyNames": []}],
        "Policies": {},
        "AvailabilityZones": [f"{REGION}a"],
        "SecurityGroups": [group],
        "Instances": [],
        "HealthCheck": {
            "Target": "TCP:80",
            "Interval": 5,
            "Timeout": 2,
            "UnhealthyThreshold": 2,
            "HealthyThreshold": 2,
        },
    }


def guarded(*arns: str) -> Answers:
    acl = {"Name": "edge", "Id": "1", "ARN": f"arn:aws:wafv2:{REGION}:{ACCOUNT}:regional/webacl/edge/1"}
    listed = {"wafv2:ListWebACLs": {"WebACLs": [acl]}, "wafv2:ListResourcesForWebACL": {"ResourceArns": list(arns)}}
    lists = [("pl-cf", "com.amazonaws.global.cloudfront.origin-facing", "AWS"), ("pl-own", "cloudfront", ACCOUNT)]
    return listed | {
        "ec2:DescribeManagedPrefixLists": {
            "PrefixLists": [{"PrefixListId": i, "PrefixListName": name, "OwnerId": of} for i, name, of in lists]
        }
    }


def from_list(name: str) -> Item:
    return admitting(443, PrefixListIds=[{"PrefixListId": name}])


def behind_waf() -> Answers:
    every = {name: balancer(name, SecurityGroups=[f"sg-{name}"]) for name in ("good", "bad", "own", "both", "shielded")}
    every["shielded"]["SecurityGroups"] = ["sg-shielded", "sg-closed"]
    others = [
        balancer("internal", Scheme="internal"),
        balancer("nlb", "network"),
        balancer("made", State={"Code": "provisioning"}),
    ]
    answers = elbv2(*every.values(), *others) | guarded(every["good"]["LoadBalancerArn"])
    return answers | groups(
        security_group("sg-bad", admitting(443)),
        security_group("sg-own", from_list("pl-own")),
        security_group("sg-both", from_list("pl-cf"), from_list("pl-own")),
        security_group("sg-shielded", from_list("pl-cf")),
        security_group("sg-closed"),
    )


def test_waf(lab: Lab) -> None:
    said = judged(lab, behind_waf(), WAF)[WAF]
    assert said == {
        "good": "pass", **dict.fromkeys(("bad", "own", "both"), "fail medium"),
        **dict.fromkeys(("shielded", "internal", "nlb", "made"), "not_applicable"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "unknown"),
    [
        ("wafv2:ListWebACLs", {"good", "bad", "own", "both", "shielded"}),
        ("wafv2:ListResourcesForWebACL", {"good", "bad", "own", "both", "shielded"}),
        ("ec2:DescribeSecurityGroups", {"bad", "own", "both", "shielded"}),
        ("ec2:DescribeManagedPrefixLists", {"own", "both", "shielded"}),
    ],
)
def test_waf_denied(lab: Lab, operation: str, unknown: set[str]) -> None:
    said = judged(lab, behind_waf(), WAF, deny=[operation])[WAF]
    assert {name for name, status in said.items() if status == "unknown"} == unknown


def test_denied_listing(lab: Lab) -> None:
    said = judged(lab, {}, GROUPS, MATCHES, WAF, deny=["elbv2:DescribeLoadBalancers"])
    assert said == {rule_id: {"*": "unknown"} for rule_id in (GROUPS, MATCHES, WAF)}
