"""Route 53's health checks: that they can tell, that somebody is told, that they matter."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.test_route53 import PRIVATE, RECORDS, ZONES, alias, dns, outcome, record, zone

HEALTHY = "route53-health-check-healthy"
THRESHOLD = "route53-health-check-calculated-threshold-effective"
ALARM_EXISTS = "route53-health-check-alarm-target-exists"
PUBLIC = "route53-health-check-endpoint-public"
ALARMED = "route53-health-check-alarm-configured"
HTTPS = "route53-health-check-https-used"
USED = "route53-health-check-in-use"
ADMITS = "route53-health-check-target-admits-checkers"
LIST, STATUS, ALARMS = "route53:ListHealthChecks", "route53:GetHealthCheckStatus", "cloudwatch:DescribeAlarms"
ENDPOINT = {"Type": "HTTPS", "FullyQualifiedDomainName": "www.example.com", "Port": 443}


def checks(**configs: dict[str, Any]) -> dict[str, Any]:
    """Health checks by id; members that are not the configuration's are the check's own."""
    own = ("LinkedService", "CloudWatchAlarmConfiguration")
    made = [
        {
            "Id": name,
            "CallerReference": "x",
            "HealthCheckVersion": 1,
            "HealthCheckConfig": {k: v for k, v in config.items() if k not in own},
            **{k: v for k, v in config.items() if k in own},
        }
        for name, config in configs.items()
    ]
    return {LIST: {"HealthChecks": made, "Marker": "", "IsTruncated": False, "MaxItems": "100"}}


def observed(**statuses: tuple[int, int]) -> dict[str, Any]:
    """How many checkers of each check succeed, and how many fail."""

    def get(params: Any, _: str, __: str) -> dict[str, Any]:
        good, bad = statuses.get(params["HealthCheckId"], (16, 0))
        said = ["Success: HTTP Status Code 200, OK"] * good + ["Failure: connection timed out"] * bad
        return {"HealthCheckObservations": [{"StatusReport": {"Status": text}} for text in said]}

    return {STATUS: get}


def follows(name: str, region: str = "us-east-1", **more: Any) -> dict[str, Any]:
    return {"Type": "CLOUDWATCH_METRIC", "AlarmIdentifier": {"Region": region, "Name": name}, **more}


def alarms(**states: str) -> dict[str, Any]:
    made = [
        {
            "AlarmName": name, "AlarmArn": f"arn:aws:cloudwatch:us-east-1:123456789012:alarm:{name}",
            "ActionsEnabled": True, "StateValue": state, "StateUpdatedTimestamp": datetime(2026, 1, 1, tzinfo=UTC),
            "Namespace": "N", "MetricName": "M", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1.0,
            "ComparisonOperator": "GreaterThanThreshold",
        }
        for name, state in states.items()
    ]  # fmt: skip
    return {ALARMS: {"MetricAlarms": made}}


def parent(threshold: int, *children: str, **more: Any) -> dict[str, Any]:
    return {"Type": "CALCULATED", "HealthThreshold": threshold, "ChildHealthChecks": list(children), **more}


def test_healthy(lab: Lab) -> None:
    answers = checks(
        good=ENDPOINT,
        down=ENDPOINT,
        few=ENDPOINT,
        enough=ENDPOINT,
        silent=ENDPOINT,
        upside=ENDPOINT | {"Inverted": True},
        off=ENDPOINT | {"Disabled": True},
        map=ENDPOINT | {"LinkedService": {"ServicePrincipal": "servicediscovery.amazonaws.com"}},
        switch={"Type": "RECOVERY_CONTROL"},
        ok=follows("ok"),
        alarm=follows("alarm"),
        nodata=follows("nodata", InsufficientDataHealthStatus="Unhealthy"),
        trusting=follows("nodata", InsufficientDataHealthStatus="Healthy"),
        last=follows("nodata", InsufficientDataHealthStatus="LastKnownStatus"),
        noalarm=follows("missing"),
        far=follows("ok", "eu-west-1"),
        both=parent(2, "good", "off"),
        half=parent(2, "good", "down"),
        turned=ENDPOINT | {"Disabled": True, "Inverted": True},
        over=parent(1, "turned"),
        any=parent(1, "good", "last"),
        maybe=parent(2, "good", "last"),
        self=parent(1, "self"),
    )
    answers |= observed(down=(0, 16), few=(18, 82), enough=(19, 81), silent=(0, 0))
    answers |= alarms(ok="OK", alarm="ALARM", nodata="INSUFFICIENT_DATA")
    expected = {
        "good": "pass", "down": "fail high", "few": "fail high", "enough": "pass", "silent": "unknown",
        "upside": "fail high", "off": "fail medium", "ok": "pass", "alarm": "fail high", "nodata": "fail high",
        "trusting": "pass", "last": "unknown", "noalarm": "unknown", "far": "unknown", "both": "pass",
        "turned": "fail medium", "over": "fail high",
        "half": "fail high", "any": "pass", "maybe": "unknown", "self": "unknown",
    }  # fmt: skip
    assert outcome(lab, HEALTHY, answers) == expected
    unread = outcome(lab, HEALTHY, answers, deny=[STATUS])
    assert {unread[name] for name in ("good", "down", "both", "half")} == {"unknown"}
    assert (unread["off"], unread["ok"]) == ("fail medium", "pass")
    unread = outcome(lab, HEALTHY, answers, deny=[ALARMS])
    assert {unread[name] for name in ("ok", "alarm", "nodata")} == {"unknown"}


def test_calculated(lab: Lab) -> None:
    answers = checks(
        one=ENDPOINT, good=parent(1, "one"), never=parent(2, "one"), always=parent(0, "one"), gone=parent(1, "x", "one")
    )
    assert outcome(lab, THRESHOLD, answers) == {
        "good": "pass", "never": "fail medium", "always": "fail medium", "gone": "fail medium",
    }  # fmt: skip


def test_alarms(lab: Lab) -> None:
    known = {
        "EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold", "Period": 60,
        "MetricName": "M", "Namespace": "N", "Statistic": "Sum",
    }  # fmt: skip
    answers = alarms(alarm="OK") | checks(
        plain=ENDPOINT,
        good=follows("alarm", CloudWatchAlarmConfiguration=known),
        changed=follows("alarm", CloudWatchAlarmConfiguration=known | {"Threshold": 5.0}),
        trusting=follows("alarm", InsufficientDataHealthStatus="Healthy"),
        gone=follows("gone"),
        far=follows("alarm", "eu-west-1"),
    )
    assert outcome(lab, ALARM_EXISTS, answers) == {
        "good": "pass", "changed": "fail low", "trusting": "fail low", "gone": "fail medium", "far": "unknown",
    }  # fmt: skip
    assert set(outcome(lab, ALARM_EXISTS, answers, deny=[ALARMS]).values()) == {"unknown"}


def test_endpoints(lab: Lab) -> None:
    def named(name: str) -> dict[str, Any]:
        return ENDPOINT | {"FullyQualifiedDomainName": name}

    answers = checks(
        good=named("www.x"),
        address=named("in.x") | {"IPAddress": "192.0.2.1"},
        private=named("in.x"),
        inner=named("only.x"),
        star=named("a.star.x"),
        delegated=named("www.sub.x"),
        alias=named("alias.x"),
        foreign=named("www.example.com"),
        local=named("db.internal"),
        none=named("nothing.x"),
        calculated=parent(1, "good"),
    ) | dns(
        zone("x."), zone("x.", "Z2", **PRIVATE),
        Z1=[
            record("www.x", "A", "192.0.2.1"), record("in.x", "A", "10.0.0.1"), record("in.x", "AAAA", "fd00::1"),
            record("alias.x", "A", **alias("d1.cloudfront.net.")),
            record("*.star.x", "A", "192.0.2.1"), record("sub.x", "NS", "ns1.example.net."),
        ],
        Z2=[
            record("only.x", "A", "10.0.0.2"), record("www.x", "A", "10.0.0.3"), record("a.star.x", "A", "10.0.0.4"),
            record("www.sub.x", "A", "10.0.0.5"),
        ],
    )  # fmt: skip
    expected = {
        "good": "pass", "private": "fail medium", "inner": "fail medium", "alias": "pass", "foreign": "pass",
        "local": "fail medium", "none": "pass", "star": "pass", "delegated": "pass",
    }  # fmt: skip
    assert outcome(lab, PUBLIC, answers) == expected
    for denied in (ZONES, RECORDS):
        unread = outcome(lab, PUBLIC, answers, deny=[denied])
        assert unread == dict.fromkeys(expected, "unknown") | {"local": "fail medium"}


def test_each_check(lab: Lab) -> None:
    watching = alarms(alarm="OK")
    watching[ALARMS]["MetricAlarms"][0] |= {
        "Namespace": "AWS/Route53", "MetricName": "HealthCheckStatus",
        "Dimensions": [{"Name": "HealthCheckId", "Value": "https"}],
    }  # fmt: skip
    answers = watching | checks(
        https=ENDPOINT,
        http=ENDPOINT | {"Type": "HTTP", "Port": 80},
        match=ENDPOINT | {"Type": "HTTP_STR_MATCH", "Port": 443},
        tcp=ENDPOINT | {"Type": "TCP"},
        ssh=ENDPOINT | {"Type": "TCP", "Port": 22},
        parent=parent(1, "http"),
        map=ENDPOINT | {"LinkedService": {"ServicePrincipal": "servicediscovery.amazonaws.com"}},
    )
    answers |= dns(zone("x."), Z1=[record("x", "A", "192.0.2.1", HealthCheckId="https", SetIdentifier="a", Weight=1)])
    assert outcome(lab, ALARMED, answers) == {
        "https": "pass", **dict.fromkeys(("http", "match", "tcp", "ssh", "parent"), "fail low"),
    }  # fmt: skip
    assert outcome(lab, HTTPS, answers) == {
        "https": "pass", **dict.fromkeys(("http", "match", "tcp"), "fail informational"), "ssh": "pass",
    }  # fmt: skip
    assert outcome(lab, USED, answers) == {
        "https": "pass", "http": "pass", **dict.fromkeys(("match", "tcp", "ssh", "parent"), "fail low"),
    }  # fmt: skip
    assert set(outcome(lab, ALARMED, answers, deny=[ALARMS]).values()) == {"unknown"}
    assert set(outcome(lab, ALARMED, answers, regions=["eu-west-1"]).values()) == {"unknown"}
    unread = outcome(lab, USED, answers, deny=[RECORDS])
    assert unread["match"] == "unknown"


def test_checkers(lab: Lab) -> None:
    ec2 = lab.client("ec2")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    subnet = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"][0]["SubnetId"]
    checkers = ec2.create_managed_prefix_list(
        PrefixListName="com.amazonaws.us-east-1.route53-healthchecks", MaxEntries=1, AddressFamily="IPv4"
    )["PrefixList"]["PrefixListId"]
    tcp = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
    permissions: dict[str, dict[str, Any]] = {
        "world": {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        "range": {"IpRanges": [{"CidrIp": "15.177.0.0/18"}]},
        "listed": {"PrefixListIds": [{"PrefixListId": checkers}]},
        "office": {"IpRanges": [{"CidrIp": "203.0.113.0/24"}]},
        "port": {"IpRanges": [{"CidrIp": "0.0.0.0/0"}], "FromPort": 22, "ToPort": 22},
    }
    configs, records = {}, []
    for name, permission in permissions.items():
        group = ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp | permission])
        interface = ec2.create_network_interface(SubnetId=subnet, Groups=[group])["NetworkInterface"]
        address = ec2.allocate_address(Domain="vpc")
        ec2.associate_address(AllocationId=address["AllocationId"], NetworkInterfaceId=interface["NetworkInterfaceId"])
        configs[name] = {"Type": "HTTPS", "IPAddress": address["PublicIp"]}
        records.append(record(f"{name}.x", "A", address["PublicIp"]))
    configs["named"] = {"Type": "HTTPS", "FullyQualifiedDomainName": "office.x", "Port": 443}
    configs["foreign"] = {"Type": "HTTPS", "IPAddress": "192.0.2.1"}
    answers = checks(**configs, calculated=parent(1, "world")) | dns(zone("x."), Z1=records)
    failing = "fail informational"
    expected = {
        "world": "pass", "range": "pass", "listed": "pass", "office": failing, "port": failing, "named": failing,
    }  # fmt: skip
    assert outcome(lab, ADMITS, answers) == expected
    for denied in ("route53:GetCheckerIpRanges", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups"):
        unread = outcome(lab, ADMITS, answers, deny=[denied])
        assert unread == dict.fromkeys([*expected, *(["foreign"] if "Interfaces" in denied else [])], "unknown")
    unread = outcome(lab, ADMITS, answers, deny=["ec2:DescribeManagedPrefixLists"])
    assert unread == expected | {"listed": "unknown"}


@pytest.mark.parametrize("rule", [ADMITS, HEALTHY, THRESHOLD, ALARM_EXISTS, PUBLIC, ALARMED, HTTPS, USED])
def test_unlisted_checks_are_unknown(lab: Lab, rule: str) -> None:
    assert lab.statuses(rule, deny=[LIST]) == {"*": "unknown"}


def test_seeded_checks_are_read(lab: Lab) -> None:
    route53 = lab.client("route53")
    made = route53.create_health_check(CallerReference="a", HealthCheckConfig=ENDPOINT)["HealthCheck"]["Id"]
    assert lab.statuses(HTTPS) == {made: "pass"}
    assert lab.statuses(USED) == {made: "fail"}
