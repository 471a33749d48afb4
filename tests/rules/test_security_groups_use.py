"""How security groups are kept, and what the internet reaches through those that are open."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.network_answers import (
    OTHER,
    OUT,
    WORLD,
    acl,
    acls,
    cidr,
    entry,
    from_group,
    group,
    groups,
    interface,
    interfaces,
    table,
    tables,
    tcp,
)

EGRESS = "ec2-security-group-egress-restricted"
DEDICATED = "ec2-security-group-ssh-rule-dedicated"
IN_USE = "ec2-security-group-in-use"
CLUSTER = "arn:aws:ecs:us-east-1:123456789012:cluster/c"
STALE = "ec2-security-group-no-stale-references"
WIZARD = "ec2-security-group-not-launch-wizard"
COUNT = "ec2-security-group-rule-count-reasonable"
HIGH_RISK = "ec2-security-group-high-risk-ports-not-public"
SSH = "ec2-security-group-ssh-not-public"
ALL = "ec2-security-group-all-ports-not-public"
EVERYTHING = {"IpProtocol": "-1", **WORLD}


def test_egress(lab: Lab) -> None:
    six = {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
    cases = {
        "wide": (EVERYTHING, "fail"), "six": (six, "fail"), "https": (tcp(443, WORLD), "pass"),
        "inside": ({"IpProtocol": "-1", **cidr("10.0.0.0/8")}, "pass"), "idle": (EVERYTHING, "not_applicable"),
    }  # fmt: skip
    made = [group(name, IpPermissionsEgress=[egress]) for name, (egress, _) in cases.items()]
    carried = interface("eni-1", "subnet-1", *(name for name in cases if name != "idle"))
    answers = groups(*made, group("foreign", OwnerId=OTHER)) | interfaces(carried)
    expected = {name: status for name, (_, status) in cases.items()}
    assert lab.statuses(EGRESS, answers=answers) == {**expected, "foreign": "not_applicable"}


def test_ssh_apart(lab: Lab) -> None:
    itself = {"IpProtocol": "-1", **from_group("default")}
    made = (
        group("apart", tcp(22, cidr("10.0.0.0/8")), tcp(22, from_group("sg-9"))),
        group("mixed", tcp(22, cidr("10.0.0.0/8")), tcp(443, WORLD)),
        group("range", {**tcp(22, WORLD), "ToPort": 80}),
        group("web", tcp(443, WORLD)),
        group("default", itself, called="default"),
        group("foreign", tcp(22, WORLD), tcp(443, WORLD), OwnerId=OTHER),
    )
    expected = {
        "apart": "pass", "mixed": "fail", "range": "fail", "web": "pass", "default": "pass",
        "foreign": "not_applicable",
    }  # fmt: skip
    assert lab.statuses(DEDICATED, answers=groups(*made)) == expected


def test_in_use(lab: Lab) -> None:
    def templated(data: dict[str, Any], name: str) -> dict[str, Any]:
        return {"LaunchTemplateId": name, "VersionNumber": 1, "DefaultVersion": True, "LaunchTemplateData": data}

    idle = {
        "FunctionName": "idle", "FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:idle",
        "VpcConfig": {"VpcId": "vpc-1", "SubnetIds": ["subnet-1"], "SecurityGroupIds": ["function"]},
    }  # fmt: skip
    place = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["service"]}}
    down = {
        "serviceArn": CLUSTER.replace("cluster", "service") + "/down", "serviceName": "down", "clusterArn": CLUSTER,
        "status": "ACTIVE", "desiredCount": 0, "schedulingStrategy": "REPLICA", "networkConfiguration": place,
    }  # fmt: skip
    ids = ("lt-1", "lt-2")
    versions = (
        templated({"SecurityGroupIds": ["template"]}, "lt-1"),
        templated({"NetworkInterfaces": [{"Groups": ["template-face"]}]}, "lt-2"),
    )
    made = [
        {"LaunchTemplateId": each, "LaunchTemplateName": each, "DefaultVersionNumber": 1, "LatestVersionNumber": 1}
        for each in ids
    ]
    answers = {
        **groups(
            group("carried", tcp(80, from_group("named"))), group("named"), group("template"), group("template-face"),
            group("configuration"), group("function"), group("service"),
            group("itself", tcp(80, from_group("itself"))), group("unused"),
            group("default", called="default"), group("foreign", OwnerId=OTHER),
        ),
        **interfaces(interface("eni-1", "subnet-1", "carried")),
        "ec2:DescribeLaunchTemplates": {"LaunchTemplates": made},
        "ec2:DescribeLaunchTemplateVersions": {"LaunchTemplateVersions": versions},
        "autoscaling:DescribeLaunchConfigurations": {
            "LaunchConfigurations": [
                {"LaunchConfigurationName": "old", "ImageId": "ami-1", "InstanceType": "t3.micro",
                 "LaunchConfigurationARN": "arn:aws:autoscaling:us-east-1:1:launchConfiguration:x",
                 "SecurityGroups": ["configuration"], "CreatedTime": datetime(2020, 1, 1, tzinfo=UTC)}
            ]
        },
        "lambda:ListFunctions": {"Functions": [idle]},
        "ecs:ListClusters": {"clusterArns": [CLUSTER]},
        "ecs:DescribeClusters": {"clusters": [{"clusterArn": CLUSTER, "clusterName": "c", "status": "ACTIVE"}]},
        "ecs:ListServices": {"serviceArns": [down["serviceArn"]]},
        "ecs:DescribeServices": {"services": [down]},
    }  # fmt: skip
    exempt = {"default": "not_applicable", "foreign": "not_applicable"}
    using = ("carried", "named", "template", "template-face", "configuration", "function", "service")
    used = dict.fromkeys(using, "pass")
    lost = dict.fromkeys(("itself", "unused"), "fail")
    assert lab.statuses(IN_USE, answers=answers) == {**used, **lost, **exempt}
    for operation in (
        "ec2:DescribeNetworkInterfaces", "ec2:DescribeLaunchTemplates", "ec2:DescribeLaunchTemplateVersions",
        "autoscaling:DescribeLaunchConfigurations", "lambda:ListFunctions", "ecs:ListServices",
    ):  # fmt: skip
        assert lab.statuses(IN_USE, answers=answers, deny=[operation])["unused"] == "unknown", operation


def test_stale_references(lab: Lab) -> None:
    peer = {"VpcPeeringConnectionId": "pcx-1", "VpcId": "vpc-2"}
    stale = {"GroupId": "stale", "StaleIpPermissions": [tcp(80, from_group("sg-gone"))]}
    answers = {
        **groups(
            group("stale", tcp(80, from_group("sg-gone", **peer))),
            group("deleted", tcp(80, {"UserIdGroupPairs": [{"GroupId": "sg-gone"}]})),
            group("near", tcp(80, from_group("stale"))),
            group("foreign", OwnerId=OTHER),
        ),
        "ec2:DescribeStaleSecurityGroups": {"StaleSecurityGroupSet": [stale]},
    }
    lab.endpoint.seen.clear()
    found = lab.findings(STALE, answers=answers)
    expected = {"stale": "fail", "deleted": "pass", "near": "pass", "foreign": "not_applicable"}
    assert {name: each.status for name, each in found.items()} == expected
    assert found["stale"].evidence == {"groups": ["sg-gone"]}
    assert len([op for _, op, _ in lab.endpoint.seen if op == "DescribeStaleSecurityGroups"]) == 1
    denied = lab.statuses(STALE, answers=answers, deny=["ec2:DescribeStaleSecurityGroups"])
    assert denied == {"stale": "unknown", "deleted": "unknown", "near": "pass", "foreign": "not_applicable"}


def test_wizards_and_long_lists(lab: Lab) -> None:
    many = [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1,
             "IpRanges": [{"CidrIp": f"10.0.{n}.0/24"} for n in range(51)]}]  # fmt: skip
    answers = groups(
        group("wizard", called="launch-wizard-3"), group("many", *many), group("out", IpPermissionsEgress=many),
        group("foreign", *many, called="launch-wizard-1", OwnerId=OTHER),
    )  # fmt: skip
    exempt = {"foreign": "not_applicable"}
    assert lab.statuses(WIZARD, answers=answers) == {"wizard": "fail", "many": "pass", "out": "pass", **exempt}
    assert lab.statuses(COUNT, answers=answers) == {"wizard": "pass", "many": "fail", "out": "fail", **exempt}
    assert lab.statuses(COUNT, answers=answers, most=51)["many"] == "pass"


@pytest.mark.parametrize("rule_id", [EGRESS, DEDICATED, IN_USE, STALE, WIZARD, COUNT, HIGH_RISK])
def test_unknown_where_groups_are_not_listed(lab: Lab, rule_id: str) -> None:
    assert lab.statuses(rule_id, deny=["ec2:DescribeSecurityGroups"]) == {"*": "unknown"}


def test_egress_unread(lab: Lab) -> None:
    answers = groups(group("wide", IpPermissionsEgress=[EVERYTHING]))
    assert lab.statuses(EGRESS, answers=answers, deny=["ec2:DescribeNetworkInterfaces"]) == {"wide": "unknown"}


def test_high_risk_ports(lab: Lab) -> None:
    ports = {23: "fail", 139: "fail", 445: "fail", 5986: "fail", 8888: "fail", 22: "pass", 443: "pass", 140: "pass"}
    made = groups(*(group(f"sg-{port}", tcp(port, WORLD)) for port in ports), group("udp", EVERYTHING))
    expected = {f"sg-{port}": status for port, status in ports.items()}
    assert lab.statuses(HIGH_RISK, answers=made) == {**expected, "udp": "fail"}


# --- what is reached through a group that is open

OPEN = groups(group("sg-1", tcp(22, WORLD)))
PUBLIC = {"Association": {"PublicIp": "203.0.113.7"}, "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.1.4"}]}
NET = tables(table("rtb-1", OUT)) | acls(acl(entry(100), entry(100, egress=True)))
CARRIED = interfaces(interface("eni-1", "subnet-1", "sg-1", **PUBLIC))
LINKS = ["address", "block public access", "internet gateway", "route", "network ACL", "network ACL", "security group"]


def test_evidence_says_what_is_reached(lab: Lab) -> None:
    found = lab.findings(SSH, answers=OPEN | NET | CARRIED)["sg-1"]
    assert (found.status, found.evidence["reachable"]) == ("fail", True)
    (reached,) = found.evidence["reached"]
    assert (reached["target"], reached["port"], reached["from"]) == ("eni-1", "tcp 22", ["0.0.0.0/0"])
    assert [link["link"] for link in reached["chain"]] == LINKS
    everything = lab.findings(ALL, answers=groups(group("sg-1", EVERYTHING)) | NET | CARRIED)["sg-1"]
    assert everything.evidence["reachable"] is True


@pytest.mark.parametrize(
    "closed",
    [
        interfaces(),
        interfaces(interface("eni-1", "subnet-1", "sg-1")),
        tables(table("rtb-1")),
        acls(acl(entry(1, "deny"), entry(100), entry(100, egress=True))),
        acls(acl(entry(100))),
    ],
)
def test_evidence_says_that_nothing_is_reached(lab: Lab, closed: dict[str, Any]) -> None:
    found = lab.findings(SSH, answers=OPEN | NET | CARRIED | closed)["sg-1"]
    assert (found.status, found.evidence["reachable"], "reached" in found.evidence) == ("fail", False, False)


READS = (
    "DescribeNetworkInterfaces",
    "DescribeRouteTables",
    "DescribeNetworkAcls",
    "DescribeVpcBlockPublicAccessOptions",
)


def test_what_is_unread_takes_no_failure_away(lab: Lab) -> None:
    for operation in READS:
        found = lab.findings(SSH, answers=OPEN | NET | CARRIED, deny=[f"ec2:{operation}"])["sg-1"]
        assert (found.status, found.evidence["reachable"]) == ("fail", None)
        assert operation in found.evidence["reach_unread"]
