"""Classic load balancers."""

from collections.abc import Mapping
from typing import Any

import pytest

from auditor.demo.protocol import Error
from tests.lab import Lab
from tests.rules.edge_answers import ACCOUNT, REGION, Answers, Item, judged

MULTI_AZ = "elb-load-balancer-multi-az"
POLICY = "elb-listener-tls-policy-modern"
ENCRYPTED = "elb-listener-encrypted"
CROSS_ZONE = "elb-load-balancer-cross-zone-enabled"
DRAINING = "elb-load-balancer-connection-draining-enabled"
CLASSIC = "elb-load-balancer-classic-not-used"
ACM = "elb-listener-acm-certificate-used"
CHECK = "elb-health-check-http-used"
COOKIE = "elb-stickiness-cookie-expires"
LOGS = "elb-load-balancer-access-logs-enabled"
DESYNC = "elb-load-balancer-desync-mitigation-enabled"
HEALTHY = "elb-load-balancer-instances-in-service"
EVERY = (
    MULTI_AZ, POLICY, ENCRYPTED, CROSS_ZONE, DRAINING, CLASSIC, ACM, CHECK, COOKIE, LOGS, DESYNC, HEALTHY,
)  # fmt: skip

IN_ACM = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/1"
IN_IAM = f"arn:aws:iam::{ACCOUNT}:server-certificate/www"


def port(number: int, protocol: str, *policies: str, to: str = "HTTP", certificate: str | None = None) -> Item:
    """A listener with its policies."""
    one = {"Protocol": protocol, "LoadBalancerPort": number, "InstanceProtocol": to, "InstancePort": 80}
    shown = {"SSLCertificateId": certificate} if certificate else {}
    return {"Listener": one | shown, "PolicyNames": list(policies)}


def classic(name: str, *listeners: Item, **changes: Any) -> Item:
    """A Classic load balancer as it should be, but for these changes."""
    check = {"Interval": 5, "Timeout": 2, "UnhealthyThreshold": 2, "HealthyThreshold": 2}
    return {
        "LoadBalancerName": name,
        "ListenerDescriptions": list(listeners or [port(443, "HTTPS", "tls12", certificate=IN_ACM)]),
        "Policies": {},
        "AvailabilityZones": [f"{REGION}a", f"{REGION}b"],
        "Scheme": "internet-facing",
        "Instances": [{"InstanceId": "i-1"}],
        "HealthCheck": {"Target": "HTTP:80/health", **check},
        **changes,
    }


def policy(name: str, kind: str = "SSLNegotiationPolicyType", **attributes: str) -> Item:
    listed = [{"AttributeName": key.replace("_", "-"), "AttributeValue": value} for key, value in attributes.items()]
    return {"PolicyName": name, "PolicyTypeName": kind, "PolicyAttributeDescriptions": listed}


POLICIES = {
    each["PolicyName"]: each
    for each in (
        policy("tls12", Reference_Security_Policy="ELBSecurityPolicy-TLS-1-2-2017-01"),
        policy("old", Reference_Security_Policy="ELBSecurityPolicy-2016-08"),
        policy("own", **{"Protocol-TLSv1": "false", "Protocol-TLSv1.1": "false", "Protocol-TLSv1.2": "true"}),
        policy("own-old", **{"Protocol-TLSv1": "false", "Protocol-TLSv1.1": "true", "Protocol-TLSv1.2": "true"}),
        policy("cookie", "LBCookieStickinessPolicyType"),
    )
}


def answers(
    *balancers: Item, attributes: Mapping[str, Item] | None = None, states: Mapping[str, list[str]] | None = None
) -> Answers:
    """What ELB answers: attributes as they should be but for these, by name."""
    good = {
        "CrossZoneLoadBalancing": {"Enabled": True},
        "AccessLog": {"Enabled": True},
        "ConnectionDraining": {"Enabled": True},
        "ConnectionSettings": {"IdleTimeout": 60},
        "AdditionalAttributes": [{"Key": "elb.http.desyncmitigationmode", "Value": "defensive"}],
    }

    def set_to(params: Mapping[str, Any], _: str, __: str) -> Item:
        return {"LoadBalancerAttributes": good | (attributes or {}).get(params["LoadBalancerName"], {})}

    def described(params: Mapping[str, Any], _: str, __: str) -> Item | Error:
        known = [POLICIES[name] for name in params["PolicyNames"] if name in POLICIES]
        return {"PolicyDescriptions": known}

    def health(params: Mapping[str, Any], _: str, __: str) -> Item:
        given = (states or {}).get(params["LoadBalancerName"], ["InService"])
        return {"InstanceStates": [{"InstanceId": f"i-{at}", "State": state} for at, state in enumerate(given)]}

    return {
        "elb:DescribeLoadBalancers": {"LoadBalancerDescriptions": list(balancers)},
        "elb:DescribeLoadBalancerAttributes": set_to,
        "elb:DescribeLoadBalancerPolicies": described,
        "elb:DescribeInstanceHealth": health,
    }


def test_one_as_it_should_be_passes_every_rule_but_one(lab: Lab) -> None:
    said = judged(lab, answers(classic("good")), *EVERY)
    assert said == {rule_id: {"good": "pass"} for rule_id in EVERY} | {
        CLASSIC: {"good": "fail low"}, COOKIE: {"good": "not_applicable"},
    }  # fmt: skip


def test_what_the_listing_tells(lab: Lab) -> None:
    cookies = [{"PolicyName": "hour", "CookieExpirationPeriod": 3600}, {"PolicyName": "session"}]
    said = judged(
        lab,
        answers(
            classic("one-zone", AvailabilityZones=[f"{REGION}a"]),
            classic("clear", port(80, "HTTP"), port(443, "HTTPS", "tls12", certificate=IN_IAM)),
            classic("tcp", port(25, "tcp", to="TCP"), HealthCheck=classic("x")["HealthCheck"] | {"Target": "TCP:25"}),
            classic("connects", HealthCheck=classic("x")["HealthCheck"] | {"Target": "tcp:80"}),
            classic("ssl", port(443, "SSL", "tls12", to="SSL", certificate=IN_ACM)),
            classic("expires", Policies={"LBCookieStickinessPolicies": cookies[:1]}),
            classic("endless", Policies={"LBCookieStickinessPolicies": cookies}),
        ),
        MULTI_AZ, ENCRYPTED, ACM, CHECK, COOKIE,
    )  # fmt: skip
    names = ("one-zone", "clear", "tcp", "connects", "ssl", "expires", "endless")
    fine = dict.fromkeys(names, "pass")
    assert said[MULTI_AZ] == fine | {"one-zone": "fail medium"}
    assert said[ENCRYPTED] == fine | {"clear": "fail medium", "tcp": "fail medium"}
    assert said[ACM] == fine | {"clear": "fail low", "tcp": "not_applicable"}
    assert said[CHECK] == fine | {"connects": "fail low", "tcp": "not_applicable", "ssl": "not_applicable"}
    unset = dict.fromkeys(names, "not_applicable")
    assert said[COOKIE] == unset | {"expires": "pass", "endless": "fail informational"}


def test_policies(lab: Lab) -> None:
    cases = {
        "good": (["tls12"], "pass"),
        "with-cookie": (["cookie", "tls12"], "pass"),
        "own": (["own"], "pass"),
        "old": (["old"], "fail medium"),
        "own-old": (["own-old"], "fail medium"),
        "cookie-only": (["cookie"], "fail medium"),
        "none": ([], "fail medium"),
        "gone": (["other"], "unknown"),
    }
    listed = [classic(name, port(443, "HTTPS", *names), port(80, "HTTP")) for name, (names, _) in cases.items()]
    listed += [
        classic("two", port(443, "HTTPS", "tls12"), port(8443, "SSL", "old")),
        classic("clear", port(80, "HTTP")),
    ]
    expected = {name: status for name, (_, status) in cases.items()}
    expected |= {"two": "fail medium", "clear": "not_applicable"}
    assert judged(lab, answers(*listed), POLICY)[POLICY] == expected


def test_attributes(lab: Lab) -> None:
    off = {"Enabled": False}
    bad = {
        "CrossZoneLoadBalancing": off,
        "AccessLog": off,
        "ConnectionDraining": off,
        "AdditionalAttributes": [{"Key": "elb.http.desyncmitigationmode", "Value": "monitor"}],
    }
    rules = (CROSS_ZONE, DRAINING, LOGS, DESYNC)
    given = answers(
        classic("good"), classic("bad"), classic("bare"), attributes={"bad": bad, "bare": {"AdditionalAttributes": []}}
    )
    expected = {"good": "pass", "bad": "fail medium", "bare": "pass"}
    assert judged(lab, given, *rules) == dict.fromkeys(rules, expected)


def test_instances(lab: Lab) -> None:
    states = {
        "good": ["OutOfService", "InService"], "sick": ["OutOfService", "Unknown"], "unclear": ["Unknown", "Unknown"],
    }  # fmt: skip
    given = answers(*(classic(name) for name in states), classic("empty", Instances=[]), states=states)
    assert judged(lab, given, HEALTHY)[HEALTHY] == {
        "good": "pass", "sick": "fail high", "unclear": "unknown", "empty": "fail medium",
    }  # fmt: skip
    denied = judged(lab, given, HEALTHY, deny=["elb:DescribeInstanceHealth"])[HEALTHY]
    assert denied == dict.fromkeys(states, "unknown") | {"empty": "fail medium"}


@pytest.mark.parametrize(
    ("rules", "operation"),
    [
        ((CROSS_ZONE, DRAINING, LOGS, DESYNC), "elb:DescribeLoadBalancerAttributes"),
        ((POLICY,), "elb:DescribeLoadBalancerPolicies"),
    ],
)
def test_denied(lab: Lab, rules: tuple[str, ...], operation: str) -> None:
    said = judged(lab, answers(classic("good")), *rules, deny=[operation])
    assert said == {rule_id: {"good": "unknown"} for rule_id in rules}


def test_denied_listing(lab: Lab) -> None:
    said = judged(lab, {}, *EVERY, deny=["elb:DescribeLoadBalancers"])
    assert said == {rule_id: {"*": "unknown"} for rule_id in EVERY}
