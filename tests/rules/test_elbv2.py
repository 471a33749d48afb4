"""Application, network and gateway load balancers."""

from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.edge_answers import REGION, balancer, elbv2, forward, group, judged, listener, redirect, rule, target

MULTI_AZ = "elbv2-load-balancer-multi-az"
HTTPS = "elbv2-load-balancer-https-listener-present"
IN_USE = "elbv2-load-balancer-in-use"
APPROVED = "elbv2-load-balancer-internet-facing-approved"
LOGS = "elbv2-load-balancer-access-logs-enabled"
DELETION = "elbv2-load-balancer-deletion-protection-enabled"
HEADERS = "elbv2-load-balancer-invalid-headers-dropped"
DESYNC = "elbv2-load-balancer-desync-mitigation-enabled"
XFF = "elbv2-load-balancer-xff-append"
CROSS_ZONE = "elbv2-network-load-balancer-cross-zone-enabled"
ELASTIC = "elbv2-network-load-balancer-elastic-ips-assigned"

ONE_ZONE = [{"ZoneName": f"{REGION}a", "SubnetId": "subnet-a"}]
INTERNAL = {"Scheme": "internal"}
CROSSES = "load_balancing.cross_zone.enabled"


def test_zones(lab: Lab) -> None:
    outpost = [{**ONE_ZONE[0], "OutpostId": "op-1"}]
    answers = elbv2(
        balancer("good"),
        balancer("bad", AvailabilityZones=ONE_ZONE),
        balancer("appliances", "gateway", AvailabilityZones=ONE_ZONE, Scheme=None),
        balancer("outpost", AvailabilityZones=outpost),
        balancer("cut-short", AvailabilityZones=None),
    )
    assert judged(lab, answers, MULTI_AZ)[MULTI_AZ] == {
        "good": "pass", "bad": "fail medium", "appliances": "fail medium", "outpost": "not_applicable",
        "cut-short": "unknown",
    }  # fmt: skip


def test_https_listener(lab: Lab) -> None:
    every = {name: balancer(name) for name in ("good", "bad", "sends", "by-rule", "empty", "answers", "impaired")}
    every["internal"] = balancer("internal", **INTERNAL)
    every["tcp"] = balancer("tcp", "network")
    every["made"] = balancer("made", State={"Code": "provisioning"})
    every["impaired"]["State"] = {"Code": "active_impaired"}
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "403"}}
    plain = listener(every["by-rule"], 80, "HTTP", redirect())
    listeners = [
        listener(every["good"], 443, "HTTPS"),
        listener(every["good"], 80, "HTTP"),
        listener(every["bad"], 80, "HTTP"),
        listener(every["impaired"], 80, "HTTP"),
        listener(every["sends"], 80, "HTTP", redirect()),
        listener(every["answers"], 80, "HTTP", fixed),
        plain,
    ]
    answers = elbv2(*every.values(), listeners=listeners, rules={plain["ListenerArn"]: [rule(1, forward("web"))]})
    assert judged(lab, answers, HTTPS)[HTTPS] == {
        "good": "pass", "bad": "fail high", "impaired": "fail high", "by-rule": "fail high",
        **dict.fromkeys(("sends", "answers", "empty", "internal", "tcp", "made"), "not_applicable"),
    }  # fmt: skip


def test_in_use(lab: Lab) -> None:
    every = {name: balancer(name) for name in ("good", "bad", "silent", "sends")}
    listeners = [
        listener(every["good"], 443, "HTTPS"),
        listener(every["bad"], 443, "HTTPS"),
        listener(every["sends"], 80, "HTTP", redirect()),
    ]
    groups = [group("full", every["good"]), group("none", every["good"]), group("empty", every["bad"])]
    answers = elbv2(*every.values(), listeners=listeners, groups=groups, health={"full": [target("i-1", "unused")]})
    assert judged(lab, answers, IN_USE)[IN_USE] == {
        "good": "pass", "bad": "fail low", "silent": "fail low", "sends": "pass",
    }  # fmt: skip


def test_tags(lab: Lab) -> None:
    allocated = [{**ONE_ZONE[0], "LoadBalancerAddresses": [{"AllocationId": "eipalloc-1", "IpAddress": "203.0.113.9"}]}]
    chosen = [*allocated, {"ZoneName": f"{REGION}b", "LoadBalancerAddresses": [{"IpAddress": "203.0.113.8"}]}]
    answers = elbv2(
        balancer("meant"),
        balancer("open"),
        balancer("internal", **INTERNAL),
        balancer("fixed", "network", AvailabilityZones=allocated),
        balancer("drawn", "network", AvailabilityZones=chosen),
        balancer("bare", "network"),
        tags={
            "meant": {"auditor:internet-facing": ""},
            "fixed": {"auditor:allow-listed": "x"},
            "drawn": {"auditor:allow-listed": "x"},
            "bare": {"auditor:allow-listed": "x"},
        },
    )
    said = judged(lab, answers, APPROVED, ELASTIC)
    assert said[APPROVED] == {
        "meant": "pass", "internal": "pass",
        **dict.fromkeys(("open", "fixed", "drawn", "bare"), "fail informational"),
    }  # fmt: skip
    assert said[ELASTIC] == {
        "fixed": "pass", "drawn": "fail informational", "bare": "fail informational",
        **dict.fromkeys(("meant", "open", "internal"), "not_applicable"),
    }  # fmt: skip
    other = judged(lab, answers, APPROVED, allow_tag="auditor:allow-listed")[APPROVED]
    assert other["fixed"] == "pass" and other["meant"] == "fail informational"


def test_attributes(lab: Lab) -> None:
    good = {
        "access_logs.s3.enabled": "true",
        "deletion_protection.enabled": "true",
        "routing.http.drop_invalid_header_fields.enabled": "true",
        "routing.http.desync_mitigation_mode": "defensive",
        "routing.http.xff_header_processing.mode": "append",
    }
    bad = dict.fromkeys(list(good)[:3], "false") | {
        "routing.http.desync_mitigation_mode": "monitor",
        "routing.http.xff_header_processing.mode": "preserve",
    }
    logging = balancer("tls", "network")
    answers = elbv2(
        balancer("good"),
        balancer("bad"),
        balancer("strictest"),
        logging,
        balancer("tcp", "network"),
        balancer("appliances", "gateway", Scheme=None),
        listeners=[listener(logging, 443, "TLS")],
        attributes={
            "good": good,
            "bad": bad,
            "strictest": good
            | {"routing.http.desync_mitigation_mode": "strictest", "routing.http.xff_header_processing.mode": "remove"},
            **dict.fromkeys(("tls", "tcp", "appliances"), bad),
        },
    )
    said = judged(lab, answers, LOGS, DELETION, HEADERS, DESYNC, XFF)
    others = dict.fromkeys(("tls", "tcp", "appliances"), "not_applicable")
    assert said[LOGS] == {"good": "pass", "bad": "fail medium", "strictest": "pass"} | others | {"tls": "fail medium"}
    assert said[DELETION] == {"good": "pass", "strictest": "pass"} | dict.fromkeys(["bad", *others], "fail medium")
    assert said[HEADERS] == {"good": "pass", "bad": "fail medium", "strictest": "pass"} | others
    assert said[DESYNC] == {"good": "pass", "bad": "fail medium", "strictest": "pass"} | others
    assert said[XFF] == {"good": "pass", "bad": "fail low", "strictest": "fail low"} | others


def test_cross_zone(lab: Lab) -> None:
    every = {name: balancer(name, "network") for name in ("good", "bad", "by-group", "by-some")}
    every["one-zone"] = balancer("one-zone", "network", AvailabilityZones=ONE_ZONE)
    every["alb"] = balancer("alb")
    groups = [
        group("own", every["by-group"], every["by-some"]),
        group("other", every["by-some"]),
    ]
    answers = elbv2(
        *every.values(),
        groups=groups,
        attributes={
            "good": {CROSSES: "true"},
            **{name: {CROSSES: "false"} for name in ("bad", "by-group", "by-some", "one-zone")},
            "own": {CROSSES: "true"},
            "other": {CROSSES: "use_load_balancer_configuration"},
        },
    )
    assert judged(lab, answers, CROSS_ZONE)[CROSS_ZONE] == {
        "good": "pass", "bad": "fail low", "by-group": "pass", "by-some": "fail low",
        "one-zone": "not_applicable", "alb": "not_applicable",
    }  # fmt: skip


ATTRIBUTES = "elbv2:DescribeLoadBalancerAttributes"


@pytest.mark.parametrize(
    ("rules", "operation"),
    [
        ((HTTPS, IN_USE), "elbv2:DescribeListeners"),
        ((HTTPS,), "elbv2:DescribeRules"),
        ((IN_USE, CROSS_ZONE), "elbv2:DescribeTargetGroups"),
        ((IN_USE,), "elbv2:DescribeTargetHealth"),
        ((APPROVED, ELASTIC), "elbv2:DescribeTags"),
        ((LOGS, DELETION, HEADERS, DESYNC, XFF, CROSS_ZONE), ATTRIBUTES),
        ((XFF,), "cloudfront:ListDistributions"),
        ((CROSS_ZONE,), "elbv2:DescribeTargetGroupAttributes"),
    ],
)
def test_denied(lab: Lab, rules: tuple[str, ...], operation: str) -> None:
    alb, nlb = balancer("alb"), balancer("nlb", "network")
    kind: dict[str, Any] = {CROSSES: "false"}
    answers = elbv2(
        alb,
        nlb,
        listeners=[listener(alb, 80, "HTTP", redirect()), listener(nlb, 443, "TLS")],
        groups=[group("web", alb, nlb)],
        attributes={"alb": {"routing.http.xff_header_processing.mode": "preserve"}, "nlb": kind, "web": kind},
    )
    said = judged(lab, answers, *rules, deny=[operation])
    assert {rule_id for rule_id, found in said.items() if "unknown" in found.values()} == set(rules)


def test_denied_listing(lab: Lab) -> None:
    rules = (MULTI_AZ, HTTPS, IN_USE, APPROVED, LOGS, DELETION, HEADERS, DESYNC, XFF, CROSS_ZONE, ELASTIC)
    said = judged(lab, {}, *rules, deny=["elbv2:DescribeLoadBalancers"])
    assert said == {rule_id: {"*": "unknown"} for rule_id in rules}


def test_findings_have_the_tags_of_load_balancers(lab: Lab) -> None:
    answers = elbv2(balancer("owned"), balancer("bare"), tags={"owned": {"owner": "shop"}})
    found = lab.findings(APPROVED, answers=answers)
    assert [found[name].resource.tags for name in ("owned", "bare")] == [{"owner": "shop"}, {}]
    unread = lab.findings(APPROVED, answers=answers, deny=["elbv2:DescribeTags"])["owned"]
    assert (unread.status, unread.resource.tags) == ("unknown", None)
