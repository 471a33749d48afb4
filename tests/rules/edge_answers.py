"""What AWS says of load balancers and distributions, in as few words as a test needs."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from tests.lab import Lab

ACCOUNT, REGION = "123456789012", "us-east-1"
NOW = datetime(2026, 6, 1, tzinfo=UTC)
ELB = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}"
Item = dict[str, Any]
Answers = dict[str, Any]
# The parts of an ARN by type.
KINDS = {"application": "app", "network": "net", "gateway": "gwy"}


def judged(
    lab: Lab, answers: Mapping[str, Any], *rules: str, deny: Iterable[str] = (), **parameters: Any
) -> dict[str, dict[str, str]]:
    """What rules say, by rule and by the resource's name: the status, and the severity of a failure."""
    with lab.but(answers=answers, deny=deny):
        found = lab.judge(*rules, **parameters)
    assert not found.defects, found.defects
    said: dict[str, dict[str, str]] = {rule: {} for rule in rules}
    for finding in found.findings:
        severity = f" {finding.severity.value}" if finding.status.value == "fail" else ""
        said[finding.rule][finding.resource.name] = finding.status.value + severity
    return said


def balancer(name: str, kind: str = "application", **changes: Any) -> Item:
    """A load balancer on the internet, in two zones, with a security group."""
    zones = [{"ZoneName": f"{REGION}{zone}", "SubnetId": f"subnet-{zone}"} for zone in "ab"]
    item = {
        "LoadBalancerArn": f"{ELB}:loadbalancer/{KINDS[kind]}/{name}/0123456789abcdef",
        "LoadBalancerName": name,
        "Type": kind,
        "Scheme": "internet-facing",
        "DNSName": f"{name}-1.{REGION}.elb.amazonaws.com",
        "VpcId": "vpc-1",
        "State": {"Code": "active"},
        "AvailabilityZones": zones,
        "SecurityGroups": ["sg-web"],
        **changes,
    }
    return {key: value for key, value in item.items() if value is not None}


def forward(*groups: str) -> Item:
    """The action that forwards to target groups, by their names."""
    arns = [group_arn(name) for name in groups]
    single = {"TargetGroupArn": arns[0]} if len(arns) == 1 else {}
    return {"Type": "forward", **single, "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": arn} for arn in arns]}}


def redirect(protocol: str | None = "HTTPS") -> Item:
    """The action that redirects."""
    to = {"Protocol": protocol} if protocol else {}
    return {"Type": "redirect", "RedirectConfig": {**to, "StatusCode": "HTTP_301"}}


def listener(of: Item, port: int | None, protocol: str | None, *actions: Item, **changes: Any) -> Item:
    """A listener of a load balancer."""
    arn = of["LoadBalancerArn"].replace(":loadbalancer/", ":listener/")
    item = {
        "ListenerArn": f"{arn}/{port or 0}",
        "LoadBalancerArn": of["LoadBalancerArn"],
        "Port": port,
        "Protocol": protocol,
        "DefaultActions": list(actions or [forward("web")]),
        **changes,
    }
    return {key: value for key, value in item.items() if value is not None}


def rule(number: int, *actions: Item, hosts: Iterable[str] = (), **changes: Any) -> Item:
    """A rule of a listener that is not its default."""
    conditions = [{"Field": "host-header", "HostHeaderConfig": {"Values": list(hosts)}}] if hosts else []
    arn = f"{ELB}:listener-rule/app/x/1/2/{number}"
    return {"RuleArn": arn, "IsDefault": False, "Conditions": conditions, "Actions": list(actions), **changes}


def group_arn(name: str) -> str:
    """The ARN of a target group."""
    return f"{ELB}:targetgroup/{name}/0123456789abcdef"


def group(name: str, *of: Item, **changes: Any) -> Item:
    """A target group of instances that serve HTTP, routed to by these load balancers."""
    item = {
        "TargetGroupArn": group_arn(name),
        "TargetGroupName": name,
        "TargetType": "instance",
        "Protocol": "HTTP",
        "Port": 80,
        "VpcId": "vpc-1",
        "LoadBalancerArns": [each["LoadBalancerArn"] for each in of],
        "HealthCheckEnabled": True,
        "HealthCheckProtocol": "HTTP",
        "HealthCheckPath": "/health",
        "Matcher": {"HttpCode": "200"},
        **changes,
    }
    return {key: value for key, value in item.items() if value is not None}


def target(identity: str, state: str = "healthy", zone: str | None = None, reason: str | None = None) -> Item:
    """A registered target."""
    of = {"Id": identity, "AvailabilityZone": zone} if zone else {"Id": identity}
    return {"Target": of, "TargetHealth": {"State": state, "Reason": reason} if reason else {"State": state}}


def elbv2(
    *balancers: Item,
    listeners: Iterable[Item] = (),
    groups: Iterable[Item] = (),
    rules: Mapping[str, list[Item]] | None = None,
    health: Mapping[str, list[Item]] | None = None,
    attributes: Mapping[str, Mapping[str, str]] | None = None,
    tags: Mapping[str, Mapping[str, str]] | None = None,
    certificates: Mapping[str, list[str]] | None = None,
) -> Answers:
    """What ELBv2 answers. Rules and certificates go by the listener's ARN; the rest by names."""

    def of_balancer(params: Mapping[str, Any], _: str, __: str) -> Item:
        arn = params["LoadBalancerArn"]
        return {"Listeners": [each for each in listeners if each["LoadBalancerArn"] == arn]}

    def set_to(params: Mapping[str, Any], _: str, __: str) -> Item:
        name = (params.get("LoadBalancerArn") or params["TargetGroupArn"]).split("/")[-2]
        pairs = (attributes or {}).get(name, {})
        return {"Attributes": [{"Key": key, "Value": value} for key, value in pairs.items()]}

    def tagged(params: Mapping[str, Any], _: str, __: str) -> Item:
        every = {arn: (tags or {}).get(arn.split("/")[-2], {}) for arn in params["ResourceArns"]}
        return {
            "TagDescriptions": [
                {"ResourceArn": arn, "Tags": [{"Key": key, "Value": value} for key, value in pairs.items()]}
                for arn, pairs in every.items()
            ]
        }

    def shown(params: Mapping[str, Any], _: str, __: str) -> Item:
        arns = (certificates or {}).get(params["ListenerArn"], [])
        return {"Certificates": [{"CertificateArn": arn, "IsDefault": False} for arn in arns]}

    def targets(params: Mapping[str, Any], _: str, __: str) -> Item:
        return {"TargetHealthDescriptions": (health or {}).get(params["TargetGroupArn"].split("/")[-2], [])}

    return {
        "elbv2:DescribeLoadBalancers": {"LoadBalancers": list(balancers)},
        "elbv2:DescribeListeners": of_balancer,
        "elbv2:DescribeTargetGroups": {"TargetGroups": list(groups)},
        "elbv2:DescribeRules": lambda params, *_: {"Rules": (rules or {}).get(params["ListenerArn"], [])},
        "elbv2:DescribeLoadBalancerAttributes": set_to,
        "elbv2:DescribeTargetGroupAttributes": set_to,
        "elbv2:DescribeTags": tagged,
        "elbv2:DescribeListenerCertificates": shown,
        "elbv2:DescribeTargetHealth": targets,
    }


# --- CloudFront


def items(*listed: Any) -> Item:
    """A list as CloudFront gives it: an empty one has no items."""
    return {"Quantity": len(listed), "Items": list(listed)} if listed else {"Quantity": 0}


def server(
    name: str, domain: str = "www.example.com", policy: str = "https-only", protocols: Iterable[str] = ("TLSv1.2",)
) -> Item:
    """An origin that is a web server."""
    config = {
        "HTTPPort": 80,
        "HTTPSPort": 443,
        "OriginProtocolPolicy": policy,
        "OriginSslProtocols": items(*protocols),
    }
    return {"Id": name, "DomainName": domain, "CustomOriginConfig": config}


def distribution(
    name: str, *, default: Mapping[str, Any] | None = None, paths: Iterable[Mapping[str, Any]] = (), **changes: Any
) -> Item:
    """A distribution as it should be, but for these changes: `default` to its default behaviour."""
    behavior = {"TargetOriginId": "web", "ViewerProtocolPolicy": "redirect-to-https"}
    return {
        "Id": name,
        "ARN": f"arn:aws:cloudfront::{ACCOUNT}:distribution/{name}",
        "Status": "Deployed",
        "LastModifiedTime": NOW,
        "DomainName": name,
        "Aliases": items("www.example.com"),
        "Origins": items(server("web")),
        "DefaultCacheBehavior": {**behavior, **(default or {})},
        "CacheBehaviors": items(*paths),
        "CustomErrorResponses": items(),
        "Comment": "",
        "PriceClass": "PriceClass_100",
        "Enabled": True,
        "ViewerCertificate": {"SSLSupportMethod": "sni-only", "MinimumProtocolVersion": "TLSv1.2_2021"},
        "Restrictions": {"GeoRestriction": {"RestrictionType": "whitelist", **items("DE")}},
        "WebACLId": f"arn:aws:wafv2:us-east-1:{ACCOUNT}:global/webacl/edge/1",
        "HttpVersion": "http2",
        "IsIPV6Enabled": True,
        "Staging": False,
        **changes,
    }


def distributions(*listed: Item) -> Answers:
    """What CloudFront lists."""
    head = {"Marker": "", "MaxItems": 100, "IsTruncated": False}
    return {"cloudfront:ListDistributions": {"DistributionList": head | items(*listed)}}
