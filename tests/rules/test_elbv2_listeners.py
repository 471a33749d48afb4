"""Listeners of load balancers: HTTPS, TLS and certificates."""

from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.edge_answers import (
    ACCOUNT,
    REGION,
    Answers,
    Item,
    balancer,
    elbv2,
    forward,
    group,
    judged,
    listener,
    redirect,
    rule,
)

REDIRECTS = "elbv2-listener-http-redirects-to-https"
NLB = "elbv2-network-load-balancer-tls-listener-used"
POLICY = "elbv2-listener-tls-policy-modern"
HOSTS = "elbv2-listener-hostnames-covered-by-certificate"

FIXED = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "403"}}
POLICIES = {
    "old": ["TLSv1", "TLSv1.1", "TLSv1.2"],
    "eleven": ["TLSv1.1", "TLSv1.2"],
    "good": ["TLSv1.2", "TLSv1.3"],
}


def policies() -> Answers:
    listed = [{"Name": name, "SslProtocols": protocols} for name, protocols in POLICIES.items()]
    return {"elbv2:DescribeSSLPolicies": {"SslPolicies": listed}}


def acm_arn(name: str) -> str:
    return f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/{name}"


def certificate(name: str, *names: str, more: bool = False) -> Item:
    return {
        "CertificateArn": acm_arn(name),
        "DomainName": names[0],
        "SubjectAlternativeNameSummaries": list(names),
        "HasAdditionalSubjectAlternativeNames": more,
        "Status": "ISSUED",
        "Type": "IMPORTED",
        "InUse": True,
    }


def test_http_listeners(lab: Lab) -> None:
    alb, internal = balancer("alb"), balancer("internal", Scheme="internal")
    cases: dict[int, tuple[list[Item], list[Item]]] = {
        1: ([redirect()], []),
        2: ([forward("web")], []),
        3: ([redirect("#{protocol}")], []),
        4: ([redirect(None)], []),
        5: ([redirect("HTTP")], []),
        6: ([FIXED], [rule(1, FIXED), rule(2, redirect())]),
        7: ([redirect()], [rule(1, forward("web"))]),
        8: ([redirect()], [rule(1, redirect("HTTP"))]),
    }
    listeners = {port: listener(alb, port, "HTTP", *default) for port, (default, _) in cases.items()}
    rules = {
        listeners[port]["ListenerArn"]: [rule(0, *default, IsDefault=True), *more]
        for port, (default, more) in cases.items()
    }
    others = [listener(internal, 9, "HTTP"), listener(alb, 443, "HTTPS")]
    answers = elbv2(alb, internal, listeners=[*listeners.values(), *others], rules=rules)
    assert judged(lab, answers, REDIRECTS)[REDIRECTS] == {
        "alb:1": "pass", "alb:6": "pass", "alb:443": "not_applicable", "internal:9": "fail low",
        **{f"alb:{port}": "fail medium" for port in (2, 3, 4, 5, 7, 8)},
    }  # fmt: skip
    with lab.but(answers=answers, deny=["elbv2:DescribeRules"]):
        denied = {f.resource.name: f for f in lab.judge(REDIRECTS).findings}
    assert {name: found.status.value for name, found in denied.items()} == {
        "alb:443": "not_applicable",
        **{f"alb:{port}": "unknown" for port in (1, 6, 7, 8)},
        **dict.fromkeys(("alb:2", "alb:3", "alb:4", "alb:5", "internal:9"), "fail"),
    }


def test_network_listeners(lab: Lab) -> None:
    nlb, internal = balancer("nlb", "network"), balancer("internal", "network", Scheme="internal")
    alb = balancer("alb")
    listeners = [
        listener(nlb, 443, "TLS"),
        listener(nlb, 80, "TCP"),
        listener(nlb, 8080, "TCP_UDP"),
        listener(nlb, 8443, "TCP", forward("passed-on")),
        listener(nlb, 444, "TCP"),
        listener(nlb, 53, "UDP"),
        listener(internal, 80, "TCP"),
        listener(alb, 80, "HTTP"),
    ]
    groups = [group("web", nlb, Protocol="TCP"), group("passed-on", nlb, Protocol="TCP", Port=8443)]
    answers = elbv2(nlb, internal, alb, listeners=listeners, groups=groups)
    assert judged(lab, answers, NLB)[NLB] == {
        "nlb:443": "pass", "nlb:80": "fail medium", "nlb:8080": "fail medium", "nlb:8443": "pass",
        **dict.fromkeys(("nlb:444", "nlb:53", "internal:80", "alb:80"), "not_applicable"),
    }  # fmt: skip
    before = balancer("nlb", "network")
    clear = [listener(before, 443, "TCP"), listener(before, 80, "TCP", forward("alb"))]
    groups = [group("web", before, Protocol="TCP"), group("alb", before, Protocol="TCP", TargetType="alb")]
    answers = elbv2(before, listeners=clear, groups=groups)
    assert judged(lab, answers, NLB)[NLB] == {"nlb:443": "fail medium", "nlb:80": "not_applicable"}
    denied = judged(lab, answers, NLB, deny=["elbv2:DescribeTargetGroups"])[NLB]
    assert denied == {"nlb:443": "unknown", "nlb:80": "unknown"}


def test_policies(lab: Lab) -> None:
    alb, nlb, gateway = balancer("alb"), balancer("nlb", "network"), balancer("gateway", "gateway", Scheme=None)
    listeners = [
        listener(alb, 1, "HTTPS", SslPolicy="good"),
        listener(alb, 2, "HTTPS", SslPolicy="old"),
        listener(alb, 3, "HTTPS", SslPolicy="eleven"),
        listener(alb, 4, "HTTPS", SslPolicy="of-tomorrow"),
        listener(nlb, 443, "TLS", SslPolicy="old"),
        listener(nlb, 80, "TCP"),
        listener(gateway, None, None),
    ]
    answers = elbv2(alb, nlb, gateway, listeners=listeners) | policies()
    assert judged(lab, answers, POLICY)[POLICY] == {
        "alb:1": "pass", "alb:2": "fail medium", "alb:3": "fail medium", "alb:4": "unknown", "nlb:443": "fail medium",
        "nlb:80": "not_applicable", "gateway": "not_applicable",
    }  # fmt: skip
    assert lab.endpoint.seen["elbv2", "DescribeSSLPolicies", REGION] == 1
    denied = judged(lab, answers, POLICY, deny=["elbv2:DescribeSSLPolicies"])[POLICY]
    assert denied["alb:1"] == "unknown" and denied["nlb:80"] == "not_applicable"


@pytest.mark.parametrize(
    ("hosts", "status"),
    [
        (["shop.example.com"], "pass"),
        (["SHOP.example.com", "*", "shop-?.example.org", "a.*.example.com"], "pass"),
        (["api.example.com"], "pass"),
        (["*.example.com"], "pass"),
        (["example.com"], "fail medium"),
        (["a.b.example.com"], "fail medium"),
        (["*.example.org"], "fail medium"),
        (["second.example.org"], "pass"),
        (["hidden.example.org"], "pass"),
        ([], "not_applicable"),
        (["*"], "not_applicable"),
    ],
)
def test_hosts(lab: Lab, hosts: list[str], status: str) -> None:
    alb = balancer("alb")
    one = listener(alb, 443, "HTTPS", Certificates=[{"CertificateArn": acm_arn("one")}])
    described = {"SubjectAlternativeNames": ["second.example.org", "hidden.example.org"]}
    answers = elbv2(
        alb,
        listeners=[one],
        rules={one["ListenerArn"]: [rule(1, forward("web"), hosts=hosts)]},
        certificates={one["ListenerArn"]: [acm_arn("one"), acm_arn("two")]},
    ) | {
        "acm:ListCertificates": {
            "CertificateSummaryList": [
                certificate("one", "*.example.com"),
                certificate("two", "second.example.org", more=True),
                certificate("unused", "example.com"),
            ]
        },
        "acm:DescribeCertificate": {"Certificate": {"DomainName": "second.example.org", **described}},
    }
    assert judged(lab, answers, HOSTS)[HOSTS] == {"alb:443": status}


def hosted(*conditions: dict[str, Any], arn: str | None = None) -> Answers:
    alb = balancer("alb")
    one = listener(alb, 443, "HTTPS", Certificates=[{"CertificateArn": arn or acm_arn("one")}])
    rules = {one["ListenerArn"]: [rule(1, forward("web"), Conditions=list(conditions))]}
    listed = {"CertificateSummaryList": [certificate("one", "*.example.com")]}
    listeners = [one, listener(alb, 80, "HTTP")]
    return elbv2(alb, listeners=listeners, rules=rules) | {"acm:ListCertificates": listed}


def test_hosts_by_other_ways(lab: Lab) -> None:
    legacy = {"Field": "host-header", "Values": ["example.org"]}
    expression = {"Field": "host-header", "HostHeaderConfig": {"RegexValues": ["^.*$"]}}
    path = {"Field": "path-pattern", "Values": ["/example.org"]}
    assert judged(lab, hosted(legacy), HOSTS)[HOSTS] == {"alb:443": "fail medium", "alb:80": "not_applicable"}
    assert judged(lab, hosted(expression, path), HOSTS)[HOSTS]["alb:443"] == "not_applicable"
    in_iam = f"arn:aws:iam::{ACCOUNT}:server-certificate/www"
    assert judged(lab, hosted(legacy, arn=in_iam), HOSTS)[HOSTS]["alb:443"] == "not_applicable"


@pytest.mark.parametrize(
    "operation", ["elbv2:DescribeRules", "elbv2:DescribeListenerCertificates", "acm:ListCertificates"]
)
def test_hosts_denied(lab: Lab, operation: str) -> None:
    named = {"Field": "host-header", "Values": ["shop.example.com"]}
    assert judged(lab, hosted(named), HOSTS, deny=[operation])[HOSTS]["alb:443"] == "unknown"


@pytest.mark.parametrize("operation", ["elbv2:DescribeListeners", "elbv2:DescribeLoadBalancers"])
def test_denied_listing(lab: Lab, operation: str) -> None:
    said = judged(lab, elbv2(balancer("alb")), REDIRECTS, NLB, POLICY, HOSTS, deny=[operation])
    assert said == {rule_id: {"*": "unknown"} for rule_id in (REDIRECTS, NLB, POLICY, HOSTS)}
