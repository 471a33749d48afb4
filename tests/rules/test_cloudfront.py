"""CloudFront distributions: how viewers are served."""

from collections.abc import Mapping
from typing import Any

from auditor.demo.protocol import Error
from tests.lab import RULES, Lab
from tests.rules.edge_answers import ACCOUNT, NOW, Answers, Item, distribution, distributions, items, judged, server

HTTPS = "cloudfront-distribution-viewer-https-required"
TLS = "cloudfront-distribution-tls-policy-modern"
WAF = "cloudfront-distribution-waf-associated"
SIGNERS = "cloudfront-distribution-trusted-key-groups-used"
SNI = "cloudfront-distribution-sni-custom-certificate"
GEO = "cloudfront-distribution-geo-restriction-configured"
DYNAMIC = "cloudfront-distribution-dynamic-paths-not-cached"
LOGS = "cloudfront-distribution-logging-enabled"
EDGE = "cloudfront-distribution-edge-function-valid"
LISTED = (HTTPS, TLS, WAF, SIGNERS, SNI, GEO)
EVERY = (*LISTED, DYNAMIC, LOGS, EDGE)

OF_CLOUDFRONT: Item = {"CloudFrontDefaultCertificate": True, "MinimumProtocolVersion": "TLSv1"}


def shown(version: str, support: str = "sni-only") -> Item:
    return {"ViewerCertificate": {"SSLSupportMethod": support, "MinimumProtocolVersion": version}}


def asked(policy: str, *protocols: str) -> Item:
    return {"Origins": items(server("web", policy=policy, protocols=protocols or ("TLSv1.2",)))}


def test_what_the_listing_tells(lab: Lab) -> None:
    legacy = {"Enabled": True, "Quantity": 1, "Items": ["self"]}
    paths = {"PathPattern": "/api/*", "TargetOriginId": "web", "ViewerProtocolPolicy": "redirect-to-https"}
    given = distributions(
        distribution("good"),
        distribution("http", default={"ViewerProtocolPolicy": "allow-all", "TrustedSigners": legacy}),
        distribution("path", paths=[paths | {"ViewerProtocolPolicy": "allow-all", "TrustedSigners": legacy}]),
        distribution("plain", ViewerCertificate=OF_CLOUDFRONT, Aliases=items(), WebACLId="", **asked("http-only")),
        distribution("misnamed", ViewerCertificate=OF_CLOUDFRONT),
        distribution("costly", **shown("TLSv1.2_2021", "vip")),
        distribution("old", **shown("TLSv1")),
        distribution("dated", **shown("TLSv1.2_2019")),
        distribution("newest", **shown("TLSv1.3_2025")),
        distribution("ssl3", **asked("https-only", "SSLv3", "TLSv1.2")),
        distribution("tls1", **asked("match-viewer", "TLSv1", "TLSv1.2")),
        distribution("tls1-unused", **asked("http-only", "TLSv1", "TLSv1.2")),
        distribution("open", Restrictions={"GeoRestriction": {"RestrictionType": "none", "Quantity": 0}}),
        distribution("off", Enabled=False, WebACLId="", default={"ViewerProtocolPolicy": "allow-all"}),
        distribution("staging", Staging=True, WebACLId="", default={"ViewerProtocolPolicy": "allow-all"}),
    )
    said = judged(lab, given, *LISTED)
    idle = dict.fromkeys(("off", "staging"), "not_applicable")
    fine = dict.fromkeys(said[HTTPS], "pass") | idle
    assert said[HTTPS] == fine | {"http": "fail medium", "path": "fail medium"}
    assert said[SIGNERS] == fine | {"http": "fail medium", "path": "fail medium"}
    assert said[WAF] == fine | {"plain": "fail medium"}
    assert said[SNI] == fine | {"plain": "not_applicable", "misnamed": "fail low", "costly": "fail low"}
    assert said[GEO] == fine | {"open": "fail informational"}
    assert said[TLS] == fine | {
        "plain": "not_applicable", "old": "fail medium", "dated": "fail low", "ssl3": "fail medium", "tls1": "fail low",
    }  # fmt: skip


def cached(seconds: int, cookies: str = "none", *headers: str) -> Item:
    legacy = {"QueryString": False, "Cookies": {"Forward": cookies}, "Headers": items(*headers)}
    methods = items("GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE")
    return {"ForwardedValues": legacy, "MinTTL": seconds, "AllowedMethods": methods}


def by_policy(name: str) -> Item:
    return {"CachePolicyId": name, "AllowedMethods": items("GET", "HEAD", "POST")}


def policies(**listed: tuple[int, str, list[str]]) -> Answers:
    def one(name: str, seconds: int, cookies: str, headers: list[str]) -> Item:
        key = {
            "EnableAcceptEncodingGzip": True,
            "HeadersConfig": {"HeaderBehavior": "whitelist" if headers else "none", "Headers": items(*headers)},
            "CookiesConfig": {"CookieBehavior": cookies},
            "QueryStringsConfig": {"QueryStringBehavior": "none"},
        }
        config = {"Name": name, "MinTTL": seconds, "ParametersInCacheKeyAndForwardedToOrigin": key}
        return {"Type": "custom", "CachePolicy": {"Id": name, "LastModifiedTime": NOW, "CachePolicyConfig": config}}

    made = [one(name, *config) for name, config in listed.items()]

    def paged(params: Mapping[str, Any], _: str, __: str) -> Item:
        """One a page."""
        at = int(params.get("Marker", "0"))
        more = {"NextMarker": str(at + 1)} if at + 1 < len(made) else {}
        return {"CachePolicyList": {"MaxItems": 1, "Quantity": 1, "Items": made[at : at + 1], **more}}

    return {"cloudfront:ListCachePolicies": paged}


def test_what_is_cached(lab: Lab) -> None:
    given = distributions(
        distribution("good", default=cached(0)),
        distribution("bad", default=cached(60)),
        distribution("cookies", default=cached(60, "all")),
        distribution("signed-in", default=cached(60, "none", "Authorization")),
        distribution("headers", default=cached(60, "none", "*")),
        distribution("static"),
        distribution("optimized", default=by_policy("optimized")),
        distribution("disabled", default=by_policy("disabled")),
        distribution("own", default=by_policy("own")),
        distribution("off", default=cached(60), Enabled=False),
    ) | policies(optimized=(1, "none", []), disabled=(0, "none", []), own=(60, "none", ["Authorization"]))
    assert judged(lab, given, DYNAMIC)[DYNAMIC] == {
        **dict.fromkeys(("good", "cookies", "signed-in", "headers", "disabled", "own"), "pass"),
        "bad": "fail informational", "optimized": "fail informational", "static": "not_applicable",
        "off": "not_applicable",
    }  # fmt: skip
    denied = judged(lab, given, DYNAMIC, deny=["cloudfront:ListCachePolicies"])[DYNAMIC]
    assert denied["optimized"] == "unknown" and denied["bad"] == "fail informational"


def logged() -> Answers:
    kept = {"standard": {"Enabled": True, "IncludeCookies": False, "Bucket": "logs.s3.amazonaws.com", "Prefix": ""}}
    off = {"Enabled": False, "IncludeCookies": False, "Bucket": "", "Prefix": ""}

    def config(params: Mapping[str, Any], _: str, __: str) -> Item:
        head = distribution(params["Id"])
        members = ("Origins", "DefaultCacheBehavior", "Comment", "Enabled")
        made = {name: head[name] for name in members}
        return {"DistributionConfig": {**made, "CallerReference": "x", "Logging": kept.get(params["Id"], off)}}

    at_once = {"RealtimeLogConfigArn": f"arn:aws:cloudfront::{ACCOUNT}:realtime-log-config/x"}
    sources = [
        {"name": name, "logType": kind, "resourceArns": [f"arn:aws:cloudfront::{ACCOUNT}:distribution/{name}"]}
        for name, kind in (
            ("delivered", "ACCESS_LOGS"), ("nowhere", "ACCESS_LOGS"), ("connections", "CONNECTION_LOGS"),
        )
    ]  # fmt: skip
    connected = [{"id": name, "deliverySourceName": name} for name in ("delivered", "connections")]
    return distributions(
        distribution("standard"),
        distribution("delivered"),
        distribution("at-once", default=at_once),
        distribution("nowhere"),
        distribution("connections"),
        distribution("none"),
        distribution("off", Enabled=False),
    ) | {
        "cloudfront:GetDistributionConfig": config,
        "logs:DescribeDeliverySources": {"deliverySources": sources},
        "logs:DescribeDeliveries": {"deliveries": connected},
    }


def test_logs(lab: Lab) -> None:
    said = judged(lab, logged(), LOGS)[LOGS]
    kept = dict.fromkeys(("standard", "delivered", "at-once"), "pass")
    lacking = ("none", "nowhere", "connections")
    assert said == kept | dict.fromkeys(lacking, "fail medium") | {"off": "not_applicable"}
    assert lab.endpoint.seen["logs", "DescribeDeliverySources", "us-east-1"] == 1
    one = judged(lab, logged(), LOGS, deny=["cloudfront:GetDistributionConfig"])[LOGS]
    assert one == said | dict.fromkeys((*lacking, "standard"), "unknown")
    for operation in ("logs:DescribeDeliverySources", "logs:DescribeDeliveries"):
        other = judged(lab, logged(), LOGS, deny=[operation])[LOGS]
        assert other == said | dict.fromkeys((*lacking, "delivered"), "unknown"), operation


def edge(*names: str) -> Item:
    arns = [f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}:1" for name in names]
    listed = [{"LambdaFunctionARN": arn, "EventType": "origin-request"} for arn in arns]
    return {"LambdaFunctionAssociations": items(*listed)}


def at_the_edge() -> Answers:
    runtimes = {"good": "nodejs24.x", "old": "nodejs12.x", "of-tomorrow": "nodejs99.x"}

    def configured(params: Mapping[str, Any], _: str, __: str) -> Item | Error:
        name = params["FunctionName"].split(":")[-2]
        if name not in runtimes:
            return Error("ResourceNotFoundException", "Function not found", 404)
        return {"FunctionName": name, "Runtime": runtimes[name]}

    plain = distribution("x")["DefaultCacheBehavior"]
    return distributions(
        distribution("good", default=edge("good")),
        distribution("old", default=edge("good", "old")),
        distribution("gone", paths=[{"PathPattern": "/x", **plain, **edge("gone")}]),
        distribution("new", default=edge("of-tomorrow")),
        distribution("none"),
        distribution("off", default=edge("gone"), Enabled=False),
    ) | {"lambda:GetFunctionConfiguration": configured}


def test_edge_functions(lab: Lab) -> None:
    said = judged(lab, at_the_edge(), EDGE)[EDGE]
    assert said == {
        "good": "pass", "new": "pass", "old": "fail medium", "gone": "fail medium", "none": "not_applicable",
        "off": "not_applicable",
    }  # fmt: skip
    denied = judged(lab, at_the_edge(), EDGE, deny=["lambda:GetFunctionConfiguration"])[EDGE]
    assert denied == said | dict.fromkeys(("good", "new", "old", "gone"), "unknown")


def test_denied_listing(lab: Lab) -> None:
    said = judged(lab, {}, *EVERY, deny=["cloudfront:ListDistributions"])
    assert said == {rule_id: {"*": "unknown"} for rule_id in EVERY}


def test_no_value_of_a_header_is_kept(lab: Lab) -> None:
    secret = "s3cr3t-shared-with-the-origin"
    web = server("web") | {"CustomHeaders": items({"HeaderName": "X-Origin", "HeaderValue": secret})}
    with lab.but(answers=distributions(distribution("one", Origins=items(web)))):
        inventory = lab.inventory([RULES[HTTPS]])
    assert secret not in repr(inventory) and "X-Origin" in repr(inventory)
