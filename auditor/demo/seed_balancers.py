"""The load balancers: the shop's is looked after, the back office's was copied from a blog in 2021.

moto knows neither how targets are nor what kind a load balancer's ARN is of, so all of it is answered from here.
"""

from collections.abc import Mapping
from typing import Any

from auditor.demo.emulator import ACCOUNT
from auditor.demo.protocol import Answer, Params
from auditor.demo.stage import PRODUCTION, Stage, arn, tags

Item = dict[str, Any]

NETWORK = "northwind-production"
MODERN, OLD = "ELBSecurityPolicy-TLS13-1-2-2021-06", "ELBSecurityPolicy-2016-08"
SHOP, BACK_OFFICE = "northwind-shop", "northwind-backoffice"
# Name, kind, zones, security groups, whether its addresses are the company's own.
BALANCERS: tuple[tuple[str, str, str, tuple[str, ...], bool], ...] = (
    (SHOP, "app", "ab", ("web",), False),
    (BACK_OFFICE, "app", "a", ("web", "bastion"), False),
    ("northwind-careers", "app", "ab", ("web",), False),
    ("northwind-tills", "net", "ab", (), False),
    ("northwind-terminals", "net", "ab", ("web",), True),
    ("northwind-inspection", "gwy", "ab", (), False),
)
TYPES = {"app": "application", "net": "network", "gwy": "gateway"}
# Load balancer, port, protocol, security policy, certificate, what it does: a target group's name, or "redirect".
LISTENERS: tuple[tuple[str, int | None, str | None, str | None, str | None, str], ...] = (
    (SHOP, 443, "HTTPS", MODERN, "shop", "shop-orders"),
    (SHOP, 80, "HTTP", None, None, "redirect"),
    (BACK_OFFICE, 80, "HTTP", None, None, "backoffice"),
    (BACK_OFFICE, 443, "HTTPS", OLD, "backoffice", "backoffice"),
    ("northwind-careers", 80, "HTTP", None, None, "careers"),
    ("northwind-tills", 80, "TCP", None, None, "tills"),
    ("northwind-terminals", 443, "TLS", MODERN, "shop", "terminals"),
    ("northwind-inspection", None, None, None, None, "inspection"),
)
# By load balancer: the host that a rule of its HTTPS listener is for.
HOSTS = {SHOP: "shop.northwind.example", BACK_OFFICE: "stock.northwind.example"}
CERTIFICATES: dict[str, Item] = {
    "shop": {"DomainName": "*.northwind.example", "Type": "AMAZON_ISSUED", "KeyAlgorithm": "RSA-2048", "ends": 170},
    "backoffice": {
        "DomainName": "office.northwind.example", "Type": "AMAZON_ISSUED", "KeyAlgorithm": "RSA-2048", "ends": 12,
    },
    "wholesale": {"DomainName": "wholesale.example", "Type": "IMPORTED", "KeyAlgorithm": "RSA-1024", "ends": 300},
    "campaign": {"DomainName": "summer.northwind.example", "Type": "AMAZON_ISSUED", "KeyAlgorithm": "RSA-2048"},
}  # fmt: skip
CROSSES, DELAY, ON_UNHEALTHY = (
    "load_balancing.cross_zone.enabled",
    "deregistration_delay.timeout_seconds",
    "target_failover.on_unhealthy",
)
KEPT = {
    "access_logs.s3.enabled": "true",
    "access_logs.s3.bucket": "northwind-logs",
    "deletion_protection.enabled": "true",
    "routing.http.drop_invalid_header_fields.enabled": "true",
    "routing.http.desync_mitigation_mode": "defensive",
    "routing.http.xff_header_processing.mode": "append",
    CROSSES: "true",
}
LEFT = dict.fromkeys(("access_logs.s3.enabled", "deletion_protection.enabled", CROSSES), "false") | {
    "routing.http.drop_invalid_header_fields.enabled": "false",
    "routing.http.desync_mitigation_mode": "monitor",
    "routing.http.xff_header_processing.mode": "preserve",
}
TIDY = {DELAY: "30", "stickiness.enabled": "false", CROSSES: "use_load_balancer_configuration"}
ATTRIBUTES: dict[str, dict[str, str]] = {
    SHOP: KEPT,
    BACK_OFFICE: LEFT,
    "northwind-careers": KEPT | {"routing.http.xff_header_processing.mode": "remove"},
    "northwind-tills": LEFT,
    "northwind-terminals": KEPT,
    "northwind-inspection": KEPT,
    "backoffice": {DELAY: "3600", "stickiness.enabled": "true", "stickiness.type": "lb_cookie", CROSSES: "false"},
    "inspection": {DELAY: "300", "stickiness.enabled": "false", ON_UNHEALTHY: "rebalance"},
    "inspection-2022": {DELAY: "300", "stickiness.enabled": "false", ON_UNHEALTHY: "no_rebalance"},
}
# Target group, load balancer, kind, protocol, port, path of its check, healthy codes, targets by name.
GROUPS: tuple[tuple[str, str, str, str, int, str | None, str | None, tuple[str, ...]], ...] = (
    ("shop-orders", SHOP, "instance", "HTTP", 8080, "/health", "200", ("order-service-1", "order-service-2")),
    ("backoffice", BACK_OFFICE, "instance", "HTTP", 80, "/", "200-499", ("shop-web-1",)),
    ("careers", "northwind-careers", "instance", "HTTP", 80, "/health", "200", ()),
    ("tills", "northwind-tills", "instance", "TCP", 80, None, None, ("shop-web-1", "shop-web-2")),
    ("terminals", "northwind-terminals", "instance", "TCP", 8583, None, None, ("order-service-1", "order-service-2")),
    ("inspection", "northwind-inspection", "ip", "GENEVE", 6081, "/health", "200", ("10.20.10.60", "10.20.11.60")),
    ("inspection-2022", "northwind-inspection", "instance", "GENEVE", 6081, "/health", "200", ("jenkins",)),
    ("checkout-green", "", "instance", "HTTP", 8080, "/health", "200", ()),
)


def build(stage: Stage) -> None:
    """Make all of it."""
    _appliances(stage)
    _certificates(stage)
    _web_acls(stage)
    _answer(stage, "elbv2:DescribeLoadBalancers", {"LoadBalancers": [_balancer(stage, *row) for row in BALANCERS]})
    _answer(stage, "elbv2:DescribeTargetGroups", {"TargetGroups": [_group(stage, *row) for row in GROUPS]})
    _listeners(stage)
    _details(stage)
    _classic(stage)


def _answer(stage: Stage, operation: str, answer: Answer) -> None:
    """Give an answer in production; elsewhere there is none of it."""

    def here(params: Params, region: str, account: str) -> Any:
        if region != PRODUCTION:
            return None
        return answer(params, region, account) if callable(answer) else answer

    stage.answers[operation] = here


def balancer_arn(name: str) -> str:
    """The ARN of a load balancer."""
    kind = next(kind for known, kind, *_ in BALANCERS if known == name)
    return arn("elasticloadbalancing", PRODUCTION, f"loadbalancer/{kind}/{name}/{_number(name)}")


def dns_name(name: str) -> str:
    """The name that AWS gave a load balancer."""
    return f"{name}-1182.{PRODUCTION}.elb.amazonaws.com"


def certificate_arn(name: str) -> str:
    """The ARN of a certificate."""
    return arn("acm", PRODUCTION, f"certificate/{_number(name)[:8]}-{_number(name)[8:12]}-4c1e-9a55-7d1f0e8c4b21")


def _group_arn(name: str) -> str:
    return arn("elasticloadbalancing", PRODUCTION, f"targetgroup/{name}/{_number(name)}")


def _number(name: str) -> str:
    """Sixteen hex digits that are always the same for a name."""
    return name.encode().hex()[-16:].rjust(16, "0")


def _balancer(stage: Stage, name: str, kind: str, zones: str, groups: tuple[str, ...], fixed: bool) -> Item:
    places: list[Item] = []
    for zone in zones:
        address = {"AllocationId": f"eipalloc-0d3{zone}71f0e8c4b210", "IpAddress": f"198.51.100.{ord(zone)}"}
        subnet = {"SubnetId": stage.names[f"{NETWORK}/public-{zone}"], "ZoneName": f"{PRODUCTION}{zone}"}
        places.append(subnet | ({"LoadBalancerAddresses": [address]} if fixed else {}))
    made: Item = {
        "LoadBalancerArn": balancer_arn(name),
        "LoadBalancerName": name,
        "Type": TYPES[kind],
        "CreatedTime": stage.ago(600),
        "VpcId": stage.names[NETWORK],
        "State": {"Code": "active"},
        "AvailabilityZones": places,
        "IpAddressType": "ipv4",
    }
    if kind != "gwy":
        made |= {"Scheme": "internet-facing", "DNSName": dns_name(name)}
    if groups:
        made["SecurityGroups"] = [stage.names[f"{NETWORK}/{group}"] for group in groups]
    return made


def _group(
    stage: Stage, name: str, of: str, kind: str, protocol: str, port: int, path: str | None, codes: str | None,
    _: tuple[str, ...],
) -> Item:  # fmt: skip
    by_http = {"HealthCheckPath": path, "Matcher": {"HttpCode": codes}} if path else {}
    return {
        "TargetGroupArn": _group_arn(name),
        "TargetGroupName": name,
        "TargetType": kind,
        "Protocol": protocol,
        "Port": port,
        "VpcId": stage.names[NETWORK],
        "LoadBalancerArns": [balancer_arn(of)] if of else [],
        "HealthCheckEnabled": True,
        "HealthCheckProtocol": "HTTP" if path else "TCP",
        **by_http,
    }


def _listeners(stage: Stage) -> None:
    listed: dict[str, list[Item]] = {}
    rules: dict[str, list[Item]] = {}
    for of, port, protocol, policy, certificate, does in LISTENERS:
        listener = f"{balancer_arn(of).replace(':loadbalancer/', ':listener/')}/{_number(f'{of}{port}')}"
        action: Item = {"Type": "forward", "TargetGroupArn": _group_arn(does)}
        if does == "redirect":
            to = {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
            action = {"Type": "redirect", "RedirectConfig": to}
        made: Item = {"ListenerArn": listener, "LoadBalancerArn": balancer_arn(of), "DefaultActions": [action]}
        made |= {"Port": port, "Protocol": protocol} if protocol else {}
        if certificate:
            made |= {"SslPolicy": policy, "Certificates": [{"CertificateArn": certificate_arn(certificate)}]}
        listed.setdefault(balancer_arn(of), []).append(made)
        first = {"RuleArn": listener.replace(":listener/", ":listener-rule/"), "Priority": "default"}
        rules[listener] = [{**first, "IsDefault": True, "Conditions": [], "Actions": [action]}]
        if protocol == "HTTPS":
            host = {"Field": "host-header", "HostHeaderConfig": {"Values": [HOSTS[of]]}}
            more = {"RuleArn": f"{first['RuleArn']}/1", "Priority": "1", "Conditions": [host], "Actions": [action]}
            rules[listener].append(more)
    every = {each["ListenerArn"]: each for of in listed.values() for each in of}
    _answer(stage, "elbv2:DescribeListeners", lambda p, *_: {"Listeners": listed.get(p["LoadBalancerArn"], [])})
    _answer(stage, "elbv2:DescribeRules", lambda p, *_: {"Rules": rules[p["ListenerArn"]]})
    _answer(
        stage,
        "elbv2:DescribeListenerCertificates",
        lambda p, *_: {"Certificates": every[p["ListenerArn"]].get("Certificates", [])},
    )


def _details(stage: Stage) -> None:
    """Attributes, tags, and how targets are."""
    targets = {_group_arn(name): ids for name, *_, ids in GROUPS}
    owners = {SHOP: "shop", BACK_OFFICE: "office", "northwind-careers": "people"}
    marks = {SHOP: "auditor:internet-facing", "northwind-terminals": "auditor:allow-listed"}
    marks["northwind-tills"] = "auditor:allow-listed"

    def attributes(params: Params, _: str, __: str) -> Mapping[str, Any]:
        name = (params.get("LoadBalancerArn") or params["TargetGroupArn"]).split("/")[-2]
        pairs = ATTRIBUTES.get(name, TIDY)
        return {"Attributes": [{"Key": key, "Value": value} for key, value in pairs.items()]}

    def tagged(params: Params, _: str, __: str) -> Mapping[str, Any]:
        found: list[Item] = []
        for each in params["ResourceArns"]:
            name = each.split("/")[-2]
            listed = tags(None, "production", owners.get(name, "platform"))
            listed += [{"Key": marks[name], "Value": "yes"}] if name in marks else []
            found.append({"ResourceArn": each, "Tags": listed})
        return {"TagDescriptions": found}

    def health(params: Params, _: str, __: str) -> Mapping[str, Any]:
        ids = [stage.names.get(target, target) for target in targets[params["TargetGroupArn"]]]
        return {
            "TargetHealthDescriptions": [{"Target": {"Id": each}, "TargetHealth": {"State": "healthy"}} for each in ids]
        }

    _answer(stage, "elbv2:DescribeLoadBalancerAttributes", attributes)
    _answer(stage, "elbv2:DescribeTargetGroupAttributes", attributes)
    _answer(stage, "elbv2:DescribeTags", tagged)
    _answer(stage, "elbv2:DescribeTargetHealth", health)


def _appliances(stage: Stage) -> None:
    """The firewalls that inspect what leaves: a vendor's, by their addresses."""
    ec2 = stage.client("ec2")
    group = ec2.create_security_group(
        GroupName="appliances", Description="Inspection", VpcId=stage.names[NETWORK]
    )["GroupId"]  # fmt: skip
    inside = {"CidrIp": "10.20.0.0/20", "Description": "gateway load balancer"}
    permission = {"IpProtocol": "udp", "FromPort": 6081, "ToPort": 6081, "IpRanges": [inside]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    for zone, address in (("a", "10.20.10.60"), ("b", "10.20.11.60")):
        ec2.create_network_interface(
            SubnetId=stage.names[f"{NETWORK}/private-{zone}"], PrivateIpAddress=address, Groups=[group],
            Description=f"inspection-{zone}",
        )  # fmt: skip


def _certificates(stage: Stage) -> None:
    """Certificates, of which one cannot be renewed since its DNS records were tidied away."""
    listed = []
    for name, said in CERTIFICATES.items():
        made = {key: value for key, value in said.items() if key != "ends"}
        made |= {"CertificateArn": certificate_arn(name), "InUse": "ends" in said, "CreatedAt": stage.ago(300)}
        made |= {"SubjectAlternativeNameSummaries": [said["DomainName"]], "RenewalEligibility": "ELIGIBLE"}
        if "ends" in said:
            made |= {"Status": "ISSUED", "NotAfter": stage.ago(-said["ends"])}
        else:
            made |= {"Status": "PENDING_VALIDATION", "RenewalEligibility": "INELIGIBLE"}
        listed.append(made)
    summary = {"RenewalStatus": "PENDING_VALIDATION", "DomainValidationOptions": [], "UpdatedAt": stage.ago(40)}
    _answer(stage, "acm:ListCertificates", {"CertificateSummaryList": listed})
    _answer(stage, "acm:DescribeCertificate", {"Certificate": {"RenewalSummary": summary}})


def _web_acls(stage: Stage) -> None:
    """The shop's web ACL, and one that somebody made and never finished."""
    waf = stage.client("wafv2")
    for name, rules in ((SHOP, ["rate-limit"]), ("trial", [])):
        made = waf.create_web_acl(
            Name=name, Scope="REGIONAL", DefaultAction={"Allow": {}}, VisibilityConfig=_visible(name),
            Rules=[_rule(rule) for rule in rules],
        )["Summary"]["ARN"]  # fmt: skip
        if rules:
            stage.backend("wafv2").wacls[made].associated_resources.append(balancer_arn(SHOP))


def _visible(name: str) -> Item:
    return {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": name}


def _rule(name: str) -> Item:
    """A rule that blocks who asks too often."""
    limit = {"RateBasedStatement": {"Limit": 2000, "AggregateKeyType": "IP"}}
    return {
        "Name": name,
        "Priority": 0,
        "Statement": limit,
        "Action": {"Block": {}},
        "VisibilityConfig": _visible(name),
    }


def _classic(stage: Stage) -> None:
    """Two Classic load balancers: one that was never moved, and one that was at least kept in order."""
    in_iam = f"arn:aws:iam::{ACCOUNT}:server-certificate/tills-northwind"
    secure = {"InstanceProtocol": "HTTP", "InstancePort": 8080}
    good = {"Protocol": "HTTPS", "LoadBalancerPort": 443, "SSLCertificateId": certificate_arn("wholesale"), **secure}
    bad = {"Protocol": "HTTPS", "LoadBalancerPort": 443, "SSLCertificateId": in_iam, **secure}
    plain = {"Protocol": "HTTP", "LoadBalancerPort": 80, **secure}
    check = {"Interval": 30, "Timeout": 5, "UnhealthyThreshold": 2, "HealthyThreshold": 3}
    cookies = {"good": [{"PolicyName": "hour", "CookieExpirationPeriod": 3600}], "bad": [{"PolicyName": "session"}]}

    def one(name: str, kind: str, listeners: list[tuple[Item, list[str]]], zones: str, target: str) -> Item:
        return {
            "LoadBalancerName": name,
            "DNSName": dns_name(name),
            "ListenerDescriptions": [{"Listener": each, "PolicyNames": policies} for each, policies in listeners],
            "Policies": {"LBCookieStickinessPolicies": cookies[kind]},
            "AvailabilityZones": [f"{PRODUCTION}{zone}" for zone in zones],
            "Subnets": [stage.names[f"{NETWORK}/public-{zone}"] for zone in zones],
            "VPCId": stage.names[NETWORK],
            "Instances": [{"InstanceId": stage.names["shop-web-1" if kind == "bad" else "shop-web-2"]}],
            "HealthCheck": {"Target": target, **check},
            "SecurityGroups": [stage.names[f"{NETWORK}/web"]],
            "Scheme": "internet-facing",
            "CreatedTime": stage.ago(1600),
        }

    listed = [
        one("northwind-wholesale", "good", [(good, ["tls12"])], "ab", "HTTP:8080/health"),
        one("northwind-supplier-portal", "bad", [(plain, []), (bad, ["of-2016"])], "a", "TCP:8080"),
    ]
    _answer(stage, "elb:DescribeLoadBalancers", {"LoadBalancerDescriptions": listed})

    def attributes(params: Params, _: str, __: str) -> Mapping[str, Any]:
        on = {"Enabled": params["LoadBalancerName"] == "northwind-wholesale"}
        mode = {"Key": "elb.http.desyncmitigationmode", "Value": "defensive" if on["Enabled"] else "monitor"}
        set_to = dict.fromkeys(("CrossZoneLoadBalancing", "AccessLog", "ConnectionDraining"), on)
        return {
            "LoadBalancerAttributes": {
                **set_to, "ConnectionSettings": {"IdleTimeout": 60}, "AdditionalAttributes": [mode],
            }
        }  # fmt: skip

    def policies(params: Params, _: str, __: str) -> Mapping[str, Any]:
        follows = {"tls12": "ELBSecurityPolicy-TLS-1-2-2017-01", "of-2016": OLD}
        described = []
        for name in params["PolicyNames"]:
            reference = {"AttributeName": "Reference-Security-Policy", "AttributeValue": follows[name]}
            head = {"PolicyName": name, "PolicyTypeName": "SSLNegotiationPolicyType"}
            described.append({**head, "PolicyAttributeDescriptions": [reference]})
        return {"PolicyDescriptions": described}

    def health(params: Params, _: str, __: str) -> Mapping[str, Any]:
        good = params["LoadBalancerName"] == "northwind-wholesale"
        instance = stage.names["shop-web-2" if good else "shop-web-1"]
        return {"InstanceStates": [{"InstanceId": instance, "State": "InService" if good else "OutOfService"}]}

    _answer(stage, "elb:DescribeLoadBalancerAttributes", attributes)
    _answer(stage, "elb:DescribeLoadBalancerPolicies", policies)
    _answer(stage, "elb:DescribeInstanceHealth", health)
