"""What stands at the edge: the shop's distribution, a campaign that nobody took down, and accelerators."""

import io
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

from auditor.demo.emulator import ACCOUNT
from auditor.demo.protocol import Error, Params
from auditor.demo.seed_balancers import BACK_OFFICE, SHOP, balancer_arn, dns_name
from auditor.demo.stage import PRODUCTION, Stage, arn
from auditor.demo.supplement_edge import CACHE_POLICIES

Item = dict[str, Any]

(OPTIMIZED, *_), (DISABLED, *_) = CACHE_POLICIES
HOME = "us-east-1"  # where everything global is kept
SHOP_EDGE, CAMPAIGN, PRESS = "E1NORTHWINDSHOP", "E2NORTHWINDSUMMER", "E3NORTHWINDPRESS"
NO_ITEMS = {"Quantity": 0}


def build(stage: Stage) -> None:
    """Make all of it."""
    _edge_function(stage)
    control = stage.client("cloudfront").create_origin_access_control(
        OriginAccessControlConfig={
            "Name": "northwind-assets", "Description": "", "SigningProtocol": "sigv4", "SigningBehavior": "always",
            "OriginAccessControlOriginType": "s3",
        }
    )["OriginAccessControl"]["Id"]  # fmt: skip
    acl = stage.client("wafv2", HOME).create_web_acl(
        Name="northwind-edge", Scope="CLOUDFRONT", DefaultAction={"Allow": {}}, VisibilityConfig=_visible("edge"),
        Rules=[
            {"Name": "rate-limit", "Priority": 0, "Action": {"Block": {}}, "VisibilityConfig": _visible("rate-limit"),
             "Statement": {"RateBasedStatement": {"Limit": 2000, "AggregateKeyType": "IP"}}},
        ],
    )["Summary"]["ARN"]  # fmt: skip
    _distributions(stage, control, acl)
    _shield(stage)
    _accelerators(stage)


def _visible(name: str) -> Item:
    return {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": name}


def items(*listed: Any) -> Item:
    """A list as CloudFront gives it."""
    return {"Quantity": len(listed), "Items": list(listed)} if listed else NO_ITEMS


def _edge_function(stage: Stage) -> None:
    """The function that adds security headers to what the shop answers."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("index.mjs"), "export const handler = async (event) => event;\n")
    stage.client("lambda", HOME).create_function(
        FunctionName="northwind-edge-headers",
        Runtime="nodejs24.x",
        Handler="index.handler",
        Role=f"arn:aws:iam::{ACCOUNT}:role/northwind-order-processor",
        Code={"ZipFile": packed.getvalue()},
        Tags={"owner": "shop", "environment": "production"},
        Publish=True,
    )


def _bucket(name: str, control: str = "") -> Item:
    said = {"S3OriginConfig": {"OriginAccessIdentity": ""}, "OriginAccessControlId": control}
    return {"Id": name, "DomainName": f"{name}.s3.{PRODUCTION}.amazonaws.com", **said}


def _server(name: str, domain: str, policy: str, protocols: Iterable[str], **more: Item) -> Item:
    config = {
        "HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": policy, "OriginSslProtocols": items(*protocols),
    }  # fmt: skip
    return {"Id": name, "DomainName": domain, "CustomOriginConfig": config, **more}


def _behavior(origin: str, policy: str, cache: str, *, writes: bool = False, **more: Any) -> Item:
    methods = ("GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE") if writes else ("GET", "HEAD")
    head = {"TargetOriginId": origin, "ViewerProtocolPolicy": policy, "CachePolicyId": cache}
    return {**head, "AllowedMethods": items(*methods), **more}


def _function(name: str) -> Item:
    version = f"{arn('lambda', HOME, f'function:{name}')}:1"
    return {"LambdaFunctionAssociations": items({"LambdaFunctionARN": version, "EventType": "origin-response"})}


def _distribution(stage: Stage, identity: str, domain: str, **said: Any) -> Item:
    return {
        "Id": identity,
        "ARN": f"arn:aws:cloudfront::{ACCOUNT}:distribution/{identity}",
        "Status": "Deployed",
        "LastModifiedTime": stage.ago(90),
        "DomainName": f"{domain}.cloudfront.net",
        "OriginGroups": NO_ITEMS,
        "CacheBehaviors": NO_ITEMS,
        "CustomErrorResponses": NO_ITEMS,
        "Comment": "",
        "PriceClass": "PriceClass_100",
        "Enabled": True,
        "HttpVersion": "http2and3",
        "IsIPV6Enabled": True,
        "Staging": False,
        **said,
    }


def _shop(stage: Stage, control: str, acl: str) -> Item:
    """The shop, as it should be."""
    header = {"CustomHeaders": items({"HeaderName": "X-Northwind-Edge", "HeaderValue": "not-kept"})}
    both = {
        "Id": "assets-or-copy",
        "FailoverCriteria": {"StatusCodes": items(500, 503)},
        "Members": items({"OriginId": "northwind-assets"}, {"OriginId": "northwind-orders"}),
    }
    certificate = f"arn:aws:acm:{HOME}:{ACCOUNT}:certificate/5c0d3e42-0c58-4c1e-9a55-7d1f0e8c4b21"
    assets = _behavior("assets-or-copy", "redirect-to-https", OPTIMIZED)
    return _distribution(
        stage, SHOP_EDGE, "d1n0rthw1nd",
        Aliases=items("shop.northwind.example"),
        Origins=items(
            _server("shop", dns_name(SHOP), "https-only", ["TLSv1.2"], **header),
            _bucket("northwind-assets", control), _bucket("northwind-orders", control),
        ),
        OriginGroups=items(both),
        DefaultCacheBehavior=_behavior(
            "shop", "redirect-to-https", DISABLED, writes=True, **_function("northwind-edge-headers")
        ),
        CacheBehaviors=items({"PathPattern": "/assets/*", **assets}),
        ViewerCertificate={
            "ACMCertificateArn": certificate, "SSLSupportMethod": "sni-only", "MinimumProtocolVersion": "TLSv1.2_2021",
        },
        Restrictions={"GeoRestriction": {"RestrictionType": "whitelist", **items("DE", "AT", "CH")}},
        WebACLId=acl,
    )  # fmt: skip


def _campaign(stage: Stage) -> Item:
    """The summer of 2021: its bucket is gone, the distribution is not."""
    signers = {"TrustedSigners": {"Enabled": True, **items("self")}}
    return _distribution(
        stage, CAMPAIGN, "d2summ3r",
        Aliases=items("summer.northwind.example"),
        Origins=items(
            _bucket("northwind-summer-2021"),
            _server("office", dns_name(BACK_OFFICE), "http-only", ["TLSv1", "TLSv1.2"]),
        ),
        DefaultCacheBehavior=_behavior(
            "office", "allow-all", OPTIMIZED, writes=True, **signers, **_function("northwind-summer-redirect")
        ),
        ViewerCertificate={
            "IAMCertificateId": "ASCADEMO000000000000", "SSLSupportMethod": "vip", "MinimumProtocolVersion": "TLSv1",
        },
        Restrictions={"GeoRestriction": {"RestrictionType": "none", **NO_ITEMS}},
        WebACLId="",
    )  # fmt: skip


def _press(stage: Stage, control: str, acl: str) -> Item:
    """Pictures for the press: small, and in order."""
    return _distribution(
        stage, PRESS, "d3pr3ss",
        Aliases=NO_ITEMS,
        Origins=items(_bucket("northwind-assets", control)),
        DefaultCacheBehavior=_behavior("northwind-assets", "https-only", OPTIMIZED),
        ViewerCertificate={"CloudFrontDefaultCertificate": True, "MinimumProtocolVersion": "TLSv1"},
        Restrictions={"GeoRestriction": {"RestrictionType": "blacklist", **items("KP")}},
        WebACLId=acl,
    )  # fmt: skip


def _distributions(stage: Stage, control: str, acl: str) -> None:
    listed = [_shop(stage, control, acl), _campaign(stage), _press(stage, control, acl)]
    head = {"Marker": "", "MaxItems": 100, "IsTruncated": False}
    stage.answers["cloudfront:ListDistributions"] = {"DistributionList": head | items(*listed)}
    by_id = {each["Id"]: each for each in listed}

    def config(params: Params, _: str, __: str) -> Mapping[str, Any] | Error:
        if params["Id"] not in by_id:
            return Error("NoSuchDistribution", "The specified distribution does not exist.", 404)
        kept = params["Id"] != CAMPAIGN
        bucket = "northwind-logs.s3.amazonaws.com" if kept else ""
        logging = {"Enabled": kept, "IncludeCookies": False, "Bucket": bucket, "Prefix": "edge/"}
        members = ("Origins", "DefaultCacheBehavior", "Comment", "Enabled")
        said = {name: by_id[params["Id"]][name] for name in members}
        return {"DistributionConfig": {**said, "CallerReference": params["Id"], "Logging": logging}, "ETag": "E1"}

    stage.answers["cloudfront:GetDistributionConfig"] = config


def _shield(stage: Stage) -> None:
    """Shield Advanced was bought after the attack of 2024, and protects what was there by then."""
    shop = f"arn:aws:cloudfront::{ACCOUNT}:distribution/{SHOP_EDGE}"
    stage.answers["shield:GetSubscriptionState"] = {"SubscriptionState": "ACTIVE"}
    stage.answers["shield:ListProtections"] = {
        "Protections": [
            {
                "Id": name,
                "Name": name,
                "ResourceArn": of,
                "ProtectionArn": f"arn:aws:shield::{ACCOUNT}:protection/{name}",
            }
            for name, of in (("shop", shop), ("shop-origin", balancer_arn(SHOP)))
        ]
    }


def _accelerators(stage: Stage) -> None:
    """Two accelerators: the shop's, and the one of the old tills."""
    prefix = f"arn:aws:globalaccelerator::{ACCOUNT}:accelerator"
    shops, tills = f"{prefix}/shop", f"{prefix}/old-tills"
    listed = [
        {"AcceleratorArn": each, "Name": name, "Enabled": True, "Status": "DEPLOYED"}
        for each, name in ((shops, SHOP), (tills, "northwind-old-tills"))
    ]

    def groups(params: Params, _: str, __: str) -> Mapping[str, Any]:
        healthy = params["ListenerArn"].startswith(shops)
        state, of = ("HEALTHY", balancer_arn(SHOP)) if healthy else ("UNHEALTHY", balancer_arn("northwind-tills"))
        endpoint = {"EndpointId": of, "Weight": 128, "HealthState": state}
        head = {"EndpointGroupArn": f"{params['ListenerArn']}/endpoint-group/1", "EndpointGroupRegion": PRODUCTION}
        return {"EndpointGroups": [{**head, "EndpointDescriptions": [endpoint]}]}

    stage.answers["globalaccelerator:ListAccelerators"] = {"Accelerators": listed}
    stage.answers["globalaccelerator:ListListeners"] = lambda params, *_: {
        "Listeners": [{"ListenerArn": f"{params['AcceleratorArn']}/listener/1", "Protocol": "TCP"}]
    }
    stage.answers["globalaccelerator:ListEndpointGroups"] = groups
    stage.answers["globalaccelerator:DescribeAcceleratorAttributes"] = lambda params, *_: {
        "AcceleratorAttributes": {"FlowLogsEnabled": params["AcceleratorArn"] == shops}
    }
