"""What Route 53's records lead to: buckets, environments, distributions, load balancers, addresses, zones."""

from typing import Any

import pytest

from auditor.demo.protocol import Error
from tests.lab import Lab
from tests.rules.test_route53 import LINKED, OWN, PRIVATE, RECORDS, ZONES, alias, dns, outcome, record, zone

ALIASED = "route53-record-alias-target-exists"
OWNED = "route53-record-address-owned"
DELEGATED = "route53-record-delegation-matches-hosted-zone"
ORGANIZATION, LOCATION = "organizations:DescribeOrganization", "s3:GetBucketLocation"
ALBS, CLBS = "elbv2:DescribeLoadBalancers", "elb:DescribeLoadBalancers"
CDN, BEANSTALK, FREE = (
    "cloudfront:ListDistributions",
    "elasticbeanstalk:DescribeEnvironments",
    "elasticbeanstalk:CheckDNSAvailability",
)
ALONE = {ORGANIZATION: Error("AWSOrganizationsNotInUseException", "none", 400)}
MEMBER = {ORGANIZATION: {"Organization": {"Id": "o-1", "MasterAccountId": "222222222222"}}}
WEBSITE = "s3-website.eu-central-1.amazonaws.com"


def world(lab: Lab) -> dict[str, Any]:
    """Buckets of this account and of another, an environment, a distribution, load balancers."""
    lab.client("s3").create_bucket(Bucket="own.x")
    lab.endpoint.client("s3", account="222222222222").create_bucket(Bucket="theirs.x")

    def location(params: Any, _: str, __: str) -> Error | None:
        return Error("AccessDenied", "no", 403) if params["Bucket"] == "theirs.x" else None

    def free(params: Any, _: str, __: str) -> dict[str, Any]:
        return {"Available": params["CNAMEPrefix"] == "free"}

    environment = {
        "EnvironmentId": "e-1", "EnvironmentName": "shop", "ApplicationName": "shop", "Status": "Ready",
        "EnvironmentArn": "arn:aws:elasticbeanstalk:us-east-1:123456789012:environment/shop/shop",
        "CNAME": "Mine.us-east-1.elasticbeanstalk.com", "Tier": {"Name": "WebServer", "Type": "Standard"},
    }  # fmt: skip
    vpc = lab.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    subnets = lab.client("ec2").describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    balancer = lab.client("elbv2").create_load_balancer(Name="web", Subnets=[s["SubnetId"] for s in subnets[:2]])
    return {
        LOCATION: location,
        FREE: free,
        BEANSTALK: {"Environments": [environment]},
        "balancer": balancer["LoadBalancers"][0]["DNSName"].lower(),
        "distribution": distribution(lab),
    }


def distribution(lab: Lab) -> str:
    """The name that CloudFront gives to a new distribution."""
    origin = {"Id": "o", "DomainName": "own.x.s3.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}
    behavior = {"TargetOriginId": "o", "ViewerProtocolPolicy": "allow-all"}
    config = {"CallerReference": "x", "Comment": "", "Enabled": True, "DefaultCacheBehavior": behavior}
    made = lab.client("cloudfront").create_distribution(
        DistributionConfig=config | {"Origins": {"Quantity": 1, "Items": [origin]}}
    )
    name: str = made["Distribution"]["DomainName"]
    return name


def test_aliases(lab: Lab) -> None:
    answers = world(lab)
    balancer, own = answers.pop("balancer"), answers.pop("distribution")
    records = [
        record("own.x", "A", **alias(f"{WEBSITE}.")),
        record("gone.x", "A", **alias(f"{WEBSITE}.")),
        record("theirs.x", "A", **alias("s3-website-us-east-1.amazonaws.com.")),
        record("mine.x", "A", **alias("mine.us-east-1.elasticbeanstalk.com.")),
        record("free.x", "A", **alias("free.us-east-1.elasticbeanstalk.com.")),
        record("taken.x", "A", **alias("taken.us-east-1.elasticbeanstalk.com.")),
        record("new.x", "A", **alias("shop.eba-abc123.us-east-1.elasticbeanstalk.com.")),
        record("cdn.x", "A", **alias(f"{own}.")),
        record("nocdn.x", "A", **alias("d2.cloudfront.net.")),
        record("lb.x", "A", **alias(f"dualstack.{balancer}.")),
        record("nolb.x", "A", **alias("dualstack.old-1.us-east-1.elb.amazonaws.com.")),
        record("nlb.x", "A", **alias("old-1.elb.us-east-1.amazonaws.com.")),
        record("far.x", "A", **alias("old-1.eu-west-1.elb.amazonaws.com.")),
        record("api.x", "A", **alias("d-1.execute-api.us-east-1.amazonaws.com.")),
        record("plain.x", "A", "192.0.2.1"),
    ]
    answers |= dns(
        zone("x."), zone("y.", "Z2", **PRIVATE), zone("z.", "Z3", **LINKED),
        Z1=records, Z2=[record("gone.y", "A", **alias(f"{WEBSITE}."))], Z3=[record("gone.z", "A", **alias(WEBSITE))],
    )  # fmt: skip
    expected = {
        "own.x A": "pass", "gone.x A": "fail critical", "theirs.x A": "fail medium", "mine.x A": "pass",
        "free.x A": "fail critical", "taken.x A": "unknown", "cdn.x A": "pass", "nocdn.x A": "fail high",
        "lb.x A": "pass", "nolb.x A": "fail medium", "nlb.x A": "fail medium", "far.x A": "unknown",
        "gone.y A": "fail low",
    }  # fmt: skip
    assert outcome(lab, ALIASED, answers | ALONE) == expected
    elsewhere = expected | dict.fromkeys(("nocdn.x A", "nolb.x A", "nlb.x A"), "unknown")
    assert outcome(lab, ALIASED, answers | MEMBER) == elsewhere
    assert outcome(lab, ALIASED, answers | MEMBER, targets_elsewhere=False) == expected
    for denied, names in (
        (["s3:ListBuckets", BEANSTALK, CDN, ALBS], "own theirs mine cdn nocdn lb nolb"),
        ([FREE, CLBS], "free taken nolb"),
        ([ORGANIZATION], "nocdn nolb"),
    ):
        unread = outcome(lab, ALIASED, answers | ALONE, deny=denied)
        assert {unread[f"{name}.x A"] for name in names.split()} == {"unknown"}, denied


def test_names_and_addresses(lab: Lab) -> None:
    answers = world(lab)
    del answers["balancer"], answers["distribution"]
    own = lab.client("ec2").allocate_address(Domain="vpc")["PublicIp"]
    answers |= dns(
        zone("x."),
        zone("y.", "Z2", **PRIVATE),
        Z1=[
            record("files.x", "CNAME", "own.x.s3.amazonaws.com"),
            record("gone.x", "CNAME", "gone.x.s3-website-us-east-1.amazonaws.com."),
            record("old.x", "CNAME", "old.x.s3.eu-west-1.amazonaws.com."),
            record("free.x", "CNAME", "free.us-east-1.elasticbeanstalk.com"),
            record("region.x", "CNAME", "free.eu-west-1.elasticbeanstalk.com"),
            record("cdn.x", "CNAME", "d2.cloudfront.net"),
            record("mail.x", "CNAME", "mail.example.com"),
            record("own.x", "A", own),
            record("lost.x", "A", "198.51.100.7"),
            record("elsewhere.x", "A", "203.0.113.7"),
            record("six.x", "AAAA", "2001:db8::7"),
            record("alias.x", "A", **alias("d2.cloudfront.net.")),
        ],
        Z2=[record("lost.y", "A", "198.51.100.7")],
    )
    expected = {
        "files.x CNAME": "pass", "gone.x CNAME": "fail critical", "old.x CNAME": "fail critical",
        "free.x CNAME": "fail critical", "region.x CNAME": "unknown", "cdn.x CNAME": "fail high",
    }  # fmt: skip
    assert outcome(lab, OWNED, answers | ALONE) == expected
    ranges = {"ec2_ranges": (f"{own}/32", "198.51.100.0/24", "2001:db8::/32")}
    addresses = {"own.x A": "pass", "lost.x A": "fail medium", "six.x AAAA": "fail medium"}
    assert outcome(lab, OWNED, answers | ALONE, **ranges) == expected | addresses
    for denied in ("ec2:DescribeAddresses", "ec2:DescribeNetworkInterfaces"):
        unread = outcome(lab, OWNED, answers | ALONE, deny=[denied], **ranges)
        assert unread["lost.x A"] == "unknown"
    assert outcome(lab, OWNED, answers | MEMBER, **ranges)["lost.x A"] == "unknown"


def test_delegations(lab: Lab) -> None:
    servers = {"Z2": OWN, "Z3": ["ns-9.awsdns-09.net"], "Z4": ["ns-8.awsdns-08.net"]}

    def get(params: Any, _: str, __: str) -> dict[str, Any]:
        made = zone("any.", params["Id"])
        return {"HostedZone": made, "DelegationSet": {"NameServers": servers.get(params["Id"], ["ns-0.awsdns-00.com"])}}

    answers = {"route53:GetHostedZone": get} | dns(
        zone("x."), zone("good.x.", "Z2"), zone("stale.x.", "Z3"), zone("stale.x.", "Z4"), zone("y.", "Z5", **PRIVATE),
        Z1=[
            record("x", "NS", *OWN),
            record("good.x", "NS", *(f"{name.upper()}." for name in reversed(OWN))),
            record("stale.x", "NS", *OWN),
            record("nowhere.x", "NS", *OWN),
            record("other.x", "NS", "ns1.example.net."),
            record("www.x", "A", "192.0.2.1"),
        ],
        Z5=[record("sub.y", "NS", *OWN)],
    )  # fmt: skip
    expected = {"good.x NS": "pass", "stale.x NS": "fail high", "nowhere.x NS": "unknown"}
    assert outcome(lab, DELEGATED, answers) == expected
    assert outcome(lab, DELEGATED, answers, zones_elsewhere=False)["nowhere.x NS"] == "fail high"
    unread = outcome(lab, DELEGATED, answers, deny=["route53:GetHostedZone"])
    assert unread == dict.fromkeys(expected, "unknown")


@pytest.mark.parametrize("rule", [ALIASED, OWNED, DELEGATED])
def test_unlisted_records_are_unknown(lab: Lab, rule: str) -> None:
    answers = dns(zone("x."), Z1=[record("x", "A", "192.0.2.1")])
    for denied in (ZONES, RECORDS):
        assert lab.statuses(rule, answers=answers, deny=[denied]) == {"*": "unknown"}
