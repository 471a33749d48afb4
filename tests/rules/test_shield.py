"""AWS Shield Advanced."""

import pytest

from tests.lab import Lab
from tests.rules.edge_answers import ACCOUNT, REGION, Answers, balancer, distribution, distributions, elbv2, judged
from tests.rules.test_elbv2_network import classic

COVERS = "shield-protection-covers-public-resources"
ACTIVE: Answers = {"shield:GetSubscriptionState": {"SubscriptionState": "ACTIVE"}}
ALB = balancer("alb")
ZONES = [
    {"Id": "/hostedzone/ZPUBLIC", "Name": "example.com.", "CallerReference": "1", "Config": {"PrivateZone": False},
     "ResourceRecordSetCount": 2},
    {"Id": "/hostedzone/ZPRIVATE", "Name": "internal.", "CallerReference": "2", "Config": {"PrivateZone": True},
     "ResourceRecordSetCount": 2},
]  # fmt: skip
ENROLLED = (
    ALB["LoadBalancerArn"],
    f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/old",
    f"arn:aws:cloudfront::{ACCOUNT}:distribution/edge",
    f"arn:aws:ec2:{REGION}:{ACCOUNT}:eip-allocation/eipalloc-1",
    f"arn:aws:ec2:{REGION}:{ACCOUNT}:eip-allocation/eipalloc-nlb",
    "arn:aws:route53:::hostedzone/ZPUBLIC",
)


def public(*protected: str) -> Answers:
    """One of each kind that faces the internet, and some that do not."""
    addresses = [{"LoadBalancerAddresses": [{"AllocationId": "eipalloc-nlb"}], "ZoneName": "a"}]
    balancers = (ALB, balancer("nlb", "network", AvailabilityZones=addresses), balancer("in", Scheme="internal"))
    eips = [
        {"AllocationId": "eipalloc-1", "PublicIp": "203.0.113.1", "InstanceId": "i-1"},
        {"AllocationId": "eipalloc-2", "PublicIp": "203.0.113.2"},
    ]
    listed = [{"Id": arn[-8:], "ProtectionArn": f"arn:aws:shield::1:protection/{at}", "ResourceArn": arn}
              for at, arn in enumerate(protected)]  # fmt: skip
    return (
        ACTIVE
        | elbv2(*balancers)
        | distributions(distribution("edge"), distribution("off", Enabled=False))
        | {
            "elb:DescribeLoadBalancers": {"LoadBalancerDescriptions": [classic("old", 443, "sg-1")]},
            "ec2:DescribeAddresses": {"Addresses": eips},
            "route53:ListHostedZones": {"HostedZones": ZONES, "Marker": "", "IsTruncated": False, "MaxItems": "100"},
            "shield:ListProtections": {"Protections": listed},
        }
    )


def test_enrolment(lab: Lab) -> None:
    assert lab.statuses(COVERS, answers=public(*ENROLLED)) == {ACCOUNT: "pass"}
    found = lab.findings(COVERS, answers=public())[ACCOUNT]
    assert (found.status, found.severity, found.evidence["count"]) == ("fail", "low", len(ENROLLED))
    for at, arn in enumerate(ENROLLED):
        found = lab.findings(COVERS, answers=public(*ENROLLED[:at], *ENROLLED[at + 1 :]))[ACCOUNT]
        assert [each.rpartition("/")[2] for each in found.evidence["resources"]] == [arn.rpartition("/")[2]]


def test_without_a_subscription(lab: Lab) -> None:
    inactive = {"shield:GetSubscriptionState": {"SubscriptionState": "INACTIVE"}}
    assert lab.statuses(COVERS, answers=public() | inactive) == {ACCOUNT: "not_applicable"}


@pytest.mark.parametrize(
    "operation",
    [
        "shield:GetSubscriptionState", "shield:ListProtections", "elbv2:DescribeLoadBalancers",
        "elb:DescribeLoadBalancers", "cloudfront:ListDistributions", "ec2:DescribeAddresses", "route53:ListHostedZones",
    ],
)  # fmt: skip
def test_denied(lab: Lab, operation: str) -> None:
    assert judged(lab, public(*ENROLLED), COVERS, deny=[operation])[COVERS].popitem()[1] == "unknown"
