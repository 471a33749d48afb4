"""Route 53's records: how they are routed, and for how long they are remembered; zones; traffic policies; domains."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.lab import Lab

ZONES, RECORDS = "route53:ListHostedZones", "route53:ListResourceRecordSets"
ALIAS_HEALTH = "route53-record-alias-evaluates-target-health"
FAILOVER = "route53-record-failover-pair-complete"
ROUTING = "route53-record-routing-health-check-attached"
WEIGHTED = "route53-record-weighted-nonzero"
GEOLOCATION = "route53-record-geolocation-default-present"
LONG, SHORT = "route53-record-ttl-not-too-long", "route53-record-ttl-not-too-short"
ALIAS = "route53-record-alias-used-for-aws-targets"
SIMPLE = "route53-record-simple-single-value"
NOT_EMPTY = "route53-hosted-zone-not-empty"
NO_PRIVATE = "route53-hosted-zone-public-no-private-addresses"
CAA = "route53-hosted-zone-caa-record-present"
LOGGED = "route53-hosted-zone-query-logging-enabled"
SIGNED = "route53-hosted-zone-dnssec-enabled"
APPLIED = "route53-traffic-policy-instance-applied"
NAMESERVERS = "route53-domain-nameservers-match-hosted-zone"
RENEWED = "route53-domain-auto-renew-enabled"
LOCKED = "route53-domain-transfer-lock-enabled"
HIDDEN = "route53-domain-privacy-protection-enabled"


def zone(name: str, zone_id: str = "Z1", count: int = 5, **more: Any) -> dict[str, Any]:
    made = {"Id": f"/hostedzone/{zone_id}", "Name": name, "CallerReference": "x", "ResourceRecordSetCount": count}
    return made | more


PRIVATE: dict[str, Any] = {"Config": {"PrivateZone": True}}
LINKED: dict[str, Any] = {"LinkedService": {"ServicePrincipal": "servicediscovery.amazonaws.com"}}


def record(name: str, kind: str = "A", *values: str, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"Name": f"{name}.", "Type": kind, **more}
    if values:
        made |= {"ResourceRecords": [{"Value": value} for value in values]}
        made.setdefault("TTL", 300)
    return made


def alias(target: str, *, evaluate: bool = False) -> dict[str, Any]:
    return {"AliasTarget": {"HostedZoneId": "Z9", "DNSName": target, "EvaluateTargetHealth": evaluate}}


def dns(*zones: dict[str, Any], **records: list[dict[str, Any]]) -> dict[str, Any]:
    """Zones, and their records by the zone's id."""

    def list_records(params: Any, _: str, __: str) -> dict[str, Any]:
        found = records.get(params["HostedZoneId"], [])
        return {"ResourceRecordSets": found, "IsTruncated": False, "MaxItems": "300"}

    listed = {"HostedZones": list(zones), "Marker": "", "IsTruncated": False, "MaxItems": "100"}
    return {ZONES: listed, RECORDS: list_records}


def outcome(lab: Lab, rule: str, answers: dict[str, Any], **options: Any) -> dict[str, str]:
    """What is not not_applicable: status and severity (of failures), by resource."""
    found = lab.findings(rule, answers=answers, **options)
    return {
        name: f"fail {finding.severity}" if finding.status == "fail" else finding.status.value
        for name, finding in found.items()
        if finding.status != "not_applicable"
    }


def choice(name: str, identifier: str, kind: str = "A", *values: str, **more: Any) -> dict[str, Any]:
    return record(name, kind, *(values or (("192.0.2.1",) if "AliasTarget" not in more else ())),
                  SetIdentifier=identifier, **more)  # fmt: skip


ROUTED = dns(
    zone("x."),
    Z1=[
        record("plain.x", "A", "192.0.2.1"),
        choice("alias.x", "blind", Weight=1, **alias("one.elb.amazonaws.com")),
        choice("alias.x", "seeing", Weight=1, **alias("two.elb.amazonaws.com", evaluate=True)),
        choice("alias.x", "checked", Weight=1, HealthCheckId="c", **alias("three.elb.amazonaws.com")),
        choice("alias.x", "cdn", Weight=1, **alias("d1.cloudfront.net.")),
        choice("alone.x", "only", Weight=1, **alias("one.elb.amazonaws.com")),
        choice("pair.x", "main", Failover="PRIMARY", HealthCheckId="c"),
        choice("pair.x", "spare", Failover="SECONDARY"),
        choice("half.x", "main", Failover="PRIMARY"),
        choice("multi.x", "a", MultiValueAnswer=True),
        choice("multi.x", "b", MultiValueAnswer=True, HealthCheckId="c"),
        choice("latency.x", "a", Region="us-east-1"),
        choice("latency.x", "b", Region="eu-west-1"),
        choice("zero.x", "a", Weight=0),
        choice("zero.x", "b", Weight=0),
        choice("one.x", "a", Weight=0),
        choice("one.x", "b", Weight=9, HealthCheckId="c"),
        choice("geo.x", "de", GeoLocation={"CountryCode": "DE"}),
        choice("geo.x", "eu", GeoLocation={"ContinentCode": "EU"}),
        choice("world.x", "de", GeoLocation={"CountryCode": "DE"}, HealthCheckId="c"),
        choice("world.x", "all", GeoLocation={"CountryCode": "*"}),
    ],
)


def test_routing(lab: Lab) -> None:
    assert outcome(lab, ALIAS_HEALTH, ROUTED) == {
        "alias.x A (blind)": "fail medium", "alias.x A (seeing)": "pass", "alias.x A (checked)": "pass",
    }  # fmt: skip
    assert outcome(lab, FAILOVER, ROUTED) == {
        "pair.x A (main)": "pass", "pair.x A (spare)": "pass", "half.x A (main)": "fail medium",
    }  # fmt: skip
    assert outcome(lab, ROUTING, ROUTED) == {
        "pair.x A (main)": "pass", "multi.x A (a)": "fail medium", "multi.x A (b)": "pass",
        "latency.x A (a)": "fail medium", "latency.x A (b)": "fail medium", "one.x A (b)": "pass",
        "geo.x A (de)": "fail low", "geo.x A (eu)": "fail low", "world.x A (de)": "pass",
        "world.x A (all)": "fail low",
    }  # fmt: skip
    assert outcome(lab, WEIGHTED, ROUTED) == {
        **dict.fromkeys([f"alias.x A ({which})" for which in ("blind", "seeing", "checked", "cdn")], "pass"),
        "alone.x A (only)": "pass", "zero.x A (a)": "fail medium", "one.x A (a)": "pass", "one.x A (b)": "pass",
    }  # fmt: skip
    assert outcome(lab, GEOLOCATION, ROUTED) == {"geo.x A (de)": "fail medium", "world.x A (all)": "pass"}


def test_each_record(lab: Lab) -> None:
    answers = dns(
        zone("x."),
        zone("linked.", "Z2", **LINKED),
        Z1=[
            record("plain.x", "A", "192.0.2.1"),
            record("long.x", "TXT", '"v"', TTL=172800),
            record("x", "NS", "ns-1.awsdns-1.org.", TTL=172800),
            record("short.x", "A", "192.0.2.1", "192.0.2.2", TTL=10),
            record("weighted.x", "A", "192.0.2.1", TTL=10, SetIdentifier="a", Weight=1),
            record("alias.x", "A", **alias("d1.cloudfront.net.")),
            record("\\052.cdn.x", "CNAME", "D1.cloudfront.net."),
            record("lb.x", "CNAME", "lb-1.eu-west-1.elb.amazonaws.com"),
            record("nlb.x", "CNAME", "nlb-1.elb.eu-west-1.amazonaws.com"),
            record("site.x", "CNAME", "site.x.s3-website.eu-central-1.amazonaws.com"),
            record("mail.x", "CNAME", "mail.example.com"),
        ],
        Z2=[record("long.linked", "A", "10.0.0.1", TTL=172800), record("short.linked", "A", "10.0.0.1", TTL=1)],
    )
    assert outcome(lab, LONG, answers)["long.x TXT"] == "fail low"
    assert {name for name, said in outcome(lab, LONG, answers).items() if said != "pass"} == {"long.x TXT"}
    assert "x NS" not in outcome(lab, LONG, answers)
    brief = outcome(lab, SHORT, answers)
    assert {name for name, said in brief.items() if said != "pass"} == {"short.x A"}
    assert "weighted.x A (a)" not in brief
    assert "alias.x A" not in brief
    assert outcome(lab, ALIAS, answers) == {
        "*.cdn.x CNAME": "fail low", "lb.x CNAME": "fail low", "nlb.x CNAME": "fail low", "site.x CNAME": "fail low",
        "mail.x CNAME": "pass",
    }  # fmt: skip
    simple = outcome(lab, SIMPLE, answers)
    assert {name for name, said in simple.items() if said != "pass"} == {"short.x A"}


RECORD_RULES = (ALIAS_HEALTH, FAILOVER, ROUTING, WEIGHTED, GEOLOCATION, LONG, SHORT, ALIAS, SIMPLE)


@pytest.mark.parametrize("rule", RECORD_RULES)
def test_unlisted_records_are_unknown(lab: Lab, rule: str) -> None:
    assert lab.statuses(rule, answers=ROUTED, deny=[ZONES]) == {"*": "unknown"}
    assert lab.statuses(rule, answers=ROUTED, deny=[RECORDS]) == {"*": "unknown"}


def test_zones(lab: Lab) -> None:
    answers = dns(
        zone("empty.", "Z1", count=2),
        zone("good.", "Z2"),
        zone("sub.good.", "Z3"),
        zone("leaky.", "Z4"),
        zone("inner.", "Z5", **PRIVATE),
        zone("linked.", "Z6", count=2, **LINKED),
        Z2=[record("good", "CAA", '0 issue "amazon.com"'), record("good", "A", "192.0.2.1")],
        Z3=[record("www.sub.good", "A", **alias("d1.cloudfront.net."))],
        Z4=[record("db.leaky", "A", "10.0.0.1", "192.0.2.1"), record("db.leaky", "AAAA", "fd00::1")],
        Z5=[record("db.inner", "A", "10.0.0.1")],
    )
    exempt = {"Z5": "not_applicable", "Z6": "not_applicable"}
    assert lab.statuses(NOT_EMPTY, answers=answers) == {
        "Z1": "fail", "Z2": "pass", "Z3": "pass", "Z4": "pass", "Z5": "pass", "Z6": "not_applicable",
    }  # fmt: skip
    found = lab.findings(NO_PRIVATE, answers=answers)
    assert {name: finding.status.value for name, finding in found.items()} == exempt | {
        "Z1": "pass", "Z2": "pass", "Z3": "pass", "Z4": "fail",
    }  # fmt: skip
    assert found["Z4"].evidence["records"] == {"db.leaky A": ["10.0.0.1"], "db.leaky AAAA": ["fd00::1"]}
    assert lab.statuses(CAA, answers=answers) == exempt | {
        "Z1": "not_applicable", "Z2": "pass", "Z3": "pass", "Z4": "fail",
    }  # fmt: skip
    logged = {"Id": "q", "HostedZoneId": "Z2", "CloudWatchLogsLogGroupArn": "arn:aws:logs:us-east-1:1:log-group:x"}
    configs = {"route53:ListQueryLoggingConfigs": {"QueryLoggingConfigs": [logged]}}
    judged = exempt | {"Z1": "fail", "Z2": "pass", "Z3": "fail", "Z4": "fail"}
    assert lab.statuses(LOGGED, answers=answers | configs) == judged

    def dnssec(params: Any, _: str, __: str) -> dict[str, Any]:
        signed = "SIGNING" if params["HostedZoneId"] == "Z2" else "NOT_SIGNING"
        return {"Status": {"ServeSignature": signed}, "KeySigningKeys": []}

    assert lab.statuses(SIGNED, answers=answers | {"route53:GetDNSSEC": dnssec}) == judged
    unread = exempt | dict.fromkeys(("Z1", "Z2", "Z3", "Z4"), "unknown")
    for rule, operation in (
        (NO_PRIVATE, RECORDS), (CAA, RECORDS), (LOGGED, "route53:ListQueryLoggingConfigs"),
        (SIGNED, "route53:GetDNSSEC"),
    ):  # fmt: skip
        assert lab.statuses(rule, answers=answers | configs, deny=[operation]) == unread


@pytest.mark.parametrize("rule", [NOT_EMPTY, NO_PRIVATE, CAA, LOGGED, SIGNED])
def test_unlisted_zones_are_unknown(lab: Lab, rule: str) -> None:
    assert lab.statuses(rule, deny=[ZONES]) == {"*": "unknown"}


def test_seeded_zones_are_read(lab: Lab) -> None:
    route53 = lab.client("route53")
    made = route53.create_hosted_zone(Name="example.com", CallerReference="x")["HostedZone"]["Id"]
    changes = [{"Action": "CREATE", "ResourceRecordSet": record("*.example.com", "A", "10.0.0.1", "10.0.0.2", TTL=10)}]
    route53.change_resource_record_sets(HostedZoneId=made, ChangeBatch={"Changes": changes})
    assert set(lab.statuses(NO_PRIVATE)) == {made.removeprefix("/hostedzone/")}
    assert lab.statuses(SIMPLE)["*.example.com A"] == "fail"
    assert set(lab.statuses(SIGNED).values()) == {"fail"}


def test_traffic_policies_are_read_to_the_last_page(lab: Lab) -> None:
    instance = {"HostedZoneId": "Z1", "TTL": 60, "TrafficPolicyVersion": 1, "TrafficPolicyType": "A"}
    instances = [
        instance | {"Id": "i1", "Name": "a.", "State": "Applied", "Message": "", "TrafficPolicyId": "used"},
        instance | {"Id": "i2", "Name": "b.", "State": "Failed", "Message": "why", "TrafficPolicyId": "used"},
    ]
    policies = [{"Id": name, "Name": name, "Type": "A", "LatestVersion": 1, "TrafficPolicyCount": 1}
                for name in ("used", "unused")]  # fmt: skip

    def list_instances(params: Any, _: str, __: str) -> dict[str, Any]:
        if "HostedZoneIdMarker" in params:
            return {"TrafficPolicyInstances": instances[1:], "IsTruncated": False, "MaxItems": "1"}
        return {"TrafficPolicyInstances": instances[:1], "IsTruncated": True, "MaxItems": "1",
                "HostedZoneIdMarker": "Z1", "TrafficPolicyInstanceNameMarker": "b.",
                "TrafficPolicyInstanceTypeMarker": "A"}  # fmt: skip

    def list_policies(params: Any, _: str, __: str) -> dict[str, Any]:
        more = "TrafficPolicyIdMarker" not in params
        return {"TrafficPolicySummaries": policies[:1] if more else policies[1:], "IsTruncated": more,
                "TrafficPolicyIdMarker": "unused", "MaxItems": "1"}  # fmt: skip

    answers = {"route53:ListTrafficPolicyInstances": list_instances, "route53:ListTrafficPolicies": list_policies}
    assert lab.statuses(APPLIED, answers=answers) == {"i1": "pass", "i2": "fail", "used": "pass", "unused": "fail"}
    unread = lab.statuses(APPLIED, answers=answers, deny=["route53:ListTrafficPolicyInstances"])
    assert unread == {"*": "unknown", "used": "unknown", "unused": "unknown"}
    unread = lab.statuses(APPLIED, answers=answers, deny=["route53:ListTrafficPolicies"])
    assert unread == {"*": "unknown", "i1": "pass", "i2": "fail"}


# --- domains

OWN = ["ns-1.awsdns-01.org", "ns-2.awsdns-02.com"]
LIST_DOMAINS, DETAIL = "route53domains:ListDomains", "route53domains:GetDomainDetail"


def domains(**details: dict[str, Any]) -> dict[str, Any]:
    """Domains called x.com, with members of the listing and of the detail."""
    later = datetime.now(UTC) + timedelta(days=200)
    listed = {"AutoRenew": True, "TransferLock": True, "Expiry": later}
    members = ("AutoRenew", "TransferLock", "Expiry")
    names = {name: name.replace("_", ".") for name in details}
    made = [
        {"DomainName": names[name]} | listed | {k: v for k, v in change.items() if k in members}
        for name, change in details.items()
    ]
    made = [{k: v for k, v in each.items() if v is not None} for each in made]

    def detail(params: Any, _: str, __: str) -> dict[str, Any]:
        name = next(key for key, value in names.items() if value == params["DomainName"])
        return {
            "DomainName": params["DomainName"],
            "RegistrantContact": {"FirstName": "Jane", "Email": "jane@example.com"},
            **{k: v for k, v in details[name].items() if k not in members},
        }

    return {LIST_DOMAINS: {"Domains": made}, DETAIL: detail}


def servers(*names: str) -> dict[str, Any]:
    return {"Nameservers": [{"Name": name} for name in names]}


def delegation(zone_: dict[str, Any], name_servers: list[str]) -> dict[str, Any]:
    def get(_: Any, __: str, ___: str) -> dict[str, Any]:
        return {"HostedZone": zone_, "DelegationSet": {"NameServers": name_servers}}

    return {"route53:GetHostedZone": get}


def test_domain_delegation(lab: Lab) -> None:
    made = [zone(f"{name}.", f"Z{number}") for number, name in enumerate(("good.com", "stale.com", "moved.com"))]
    answers = dns(*made, zone("inner.com.", "Z9", **PRIVATE)) | delegation(made[0], OWN)
    answers |= domains(
        good_com=servers("NS-2.awsdns-02.com.", "ns-1.awsdns-01.org"),
        stale_com=servers("ns-7.awsdns-01.org", "ns-8.awsdns-02.com"),
        moved_com=servers("ns1.example.net", "ns2.example.net"),
        inner_com=servers("ns1.example.net"),
        other_com=servers("ns1.example.net"),
    )
    found = outcome(lab, NAMESERVERS, answers)
    assert found == {"good.com": "pass", "stale.com": "fail high", "moved.com": "fail low"}
    for denied in (DETAIL, "route53:GetHostedZone"):
        unread = lab.statuses(NAMESERVERS, answers=answers, deny=[denied])
        assert unread["good.com"] == unread["stale.com"] == "unknown"
        assert unread["other.com"] == "not_applicable"
    assert set(lab.statuses(NAMESERVERS, answers=answers, deny=[ZONES]).values()) == {"unknown"}


def test_each_domain(lab: Lab) -> None:
    soon = datetime.now(UTC) + timedelta(days=10)
    private = {"AdminPrivacy": True, "RegistrantPrivacy": True, "TechPrivacy": True}
    answers = domains(
        good_com=private,
        soon_com=private | {"Expiry": soon, "TechPrivacy": False},
        manual_com={"AutoRenew": False, "TransferLock": False},
        open_co_uk={"TransferLock": False, "Expiry": None},
        shop_de=dict.fromkeys(private, False),
        shop_be={"TransferLock": False, **private},
    )
    assert lab.statuses(RENEWED, answers=answers) == {
        "good.com": "pass", "soon.com": "fail", "manual.com": "fail", "open.co.uk": "unknown",
        "shop.de": "pass", "shop.be": "pass",
    }  # fmt: skip
    assert lab.statuses(LOCKED, answers=answers) == {
        "good.com": "pass", "soon.com": "pass", "manual.com": "fail", "open.co.uk": "not_applicable",
        "shop.de": "pass", "shop.be": "fail",
    }  # fmt: skip
    assert lab.statuses(HIDDEN, answers=answers) == {
        "good.com": "pass", "soon.com": "fail", "manual.com": "unknown", "open.co.uk": "unknown",
        "shop.de": "not_applicable", "shop.be": "pass",
    }  # fmt: skip
    assert set(lab.statuses(HIDDEN, answers=answers, deny=[DETAIL]).values()) == {"unknown"}


@pytest.mark.parametrize("rule", [NAMESERVERS, RENEWED, LOCKED, HIDDEN])
def test_unlisted_domains_are_unknown(lab: Lab, rule: str) -> None:
    assert lab.statuses(rule, deny=[LIST_DOMAINS]) == {"*": "unknown"}
