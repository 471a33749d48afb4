"""Certificates that are kept in IAM, by who shows them."""

import pytest

from tests.lab import Lab
from tests.rules.edge_answers import ACCOUNT, Answers, balancer, distribution, distributions, elbv2, listener
from tests.rules.iam_answers import days_ago
from tests.rules.test_elb import classic, port

RULE = "iam-server-certificate-not-expired"
ARN, IDENTITY = f"arn:aws:iam::{ACCOUNT}:server-certificate/www", "ASCAEXAMPLE0123456789"


def kept(days_left: int) -> Answers:
    head = {"Path": "/", "ServerCertificateName": "www", "ServerCertificateId": IDENTITY, "Arn": ARN}
    made = head | {"Expiration": days_ago(-days_left)}
    return {"iam:ListServerCertificates": {"ServerCertificateMetadataList": [made], "IsTruncated": False}}


def used(by: str) -> Answers:
    alb = balancer("alb")
    one = listener(alb, 443, "HTTPS", Certificates=[{"CertificateArn": ARN if by == "listener" else "arn:other"}])
    certificates = {one["ListenerArn"]: [ARN]} if by == "sni" else {}
    in_iam = {"IAMCertificateId": IDENTITY} if by == "distribution" else {"CloudFrontDefaultCertificate": True}
    shown = port(443, "SSL", certificate=ARN if by == "classic" else "arn:other")
    return (
        elbv2(alb, listeners=[one], certificates=certificates)
        | distributions(distribution("edge", ViewerCertificate=in_iam))
        | {"elb:DescribeLoadBalancers": {"LoadBalancerDescriptions": [classic("old", shown)]}}
    )


@pytest.mark.parametrize("by", ["listener", "sni", "classic", "distribution"])
def test_a_certificate_in_use_matters_more(lab: Lab, by: str) -> None:
    for days_left in (29, -1):
        found = lab.findings(RULE, answers=kept(days_left) | used(by))["www"]
        assert (found.status, found.severity) == ("fail", "high")


def test_one_that_nothing_uses(lab: Lab) -> None:
    said = [lab.findings(RULE, answers=kept(days_left) | used("nobody"))["www"].severity for days_left in (29, -1)]
    assert said == ["low", "medium"]


@pytest.mark.parametrize(
    "operation",
    [
        "elbv2:DescribeLoadBalancers", "elbv2:DescribeListeners", "elbv2:DescribeListenerCertificates",
        "elb:DescribeLoadBalancers", "cloudfront:ListDistributions",
    ],
)  # fmt: skip
def test_it_stays_a_failure_where_its_users_are_not_known(lab: Lab, operation: str) -> None:
    found = lab.findings(RULE, answers=kept(29) | used("nobody"), deny=[operation])["www"]
    assert (found.status, found.severity) == ("fail", "medium") and "severity_unsettled" in found.evidence
