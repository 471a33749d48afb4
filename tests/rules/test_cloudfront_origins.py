"""Where CloudFront distributions get content."""

from collections.abc import Mapping
from typing import Any

import pytest

from auditor.demo.protocol import Error
from auditor.resources.cloudfront import Origin
from tests.lab import Lab
from tests.rules.edge_answers import (
    REGION,
    Answers,
    Item,
    balancer,
    distribution,
    distributions,
    elbv2,
    items,
    judged,
    server,
)
from tests.rules.test_elbv2_network import admitting, classic, groups, security_group

HTTPS = "cloudfront-distribution-origin-https-required"
CONTROL = "cloudfront-distribution-s3-origin-access-control-used"
SHIELDED = "cloudfront-distribution-custom-origin-shielded"
EXISTS = "cloudfront-distribution-s3-origin-exists"
FAILOVER = "cloudfront-distribution-origin-failover-configured"
EVERY = (HTTPS, CONTROL, SHIELDED, EXISTS, FAILOVER)


def bucket(name: str, *, control: str = "", identity: str = "") -> Item:
    """An origin that is a bucket."""
    said = {"S3OriginConfig": {"OriginAccessIdentity": identity}, "OriginAccessControlId": control}
    return {"Id": name, "DomainName": f"{name}.s3.{REGION}.amazonaws.com", **said}


def group_of(*origins: str) -> Item:
    codes = {"StatusCodes": items(500)}
    members = items(*({"OriginId": name} for name in origins))
    return items({"Id": "both", "FailoverCriteria": codes, "Members": members})


def test_https(lab: Lab) -> None:
    everything = {"ViewerProtocolPolicy": "allow-all"}
    viewer = items(server("web", policy="match-viewer"), server("other"))
    website = server("site", domain="site.s3-website-us-east-1.amazonaws.com", policy="http-only")
    elsewhere = {"PathPattern": "/x", "TargetOriginId": "other", "ViewerProtocolPolicy": "allow-all"}
    given = distributions(
        distribution("good"),
        distribution("http", Origins=items(server("web", policy="http-only"))),
        distribution("viewer", Origins=viewer),
        distribution("viewer-http", Origins=viewer, default=everything),
        distribution("other-http", Origins=viewer, paths=[elsewhere]),
        distribution(
            "grouped", Origins=viewer, OriginGroups=group_of("web", "other"),
            default=everything | {"TargetOriginId": "both"},
        ),
        distribution("website", Origins=items(website)),
        distribution("bucket", Origins=items(bucket("assets"))),
        distribution("off", Origins=items(server("web", policy="http-only")), Enabled=False),
    )  # fmt: skip
    said = judged(lab, given, HTTPS, FAILOVER)
    assert said[HTTPS] == {
        **dict.fromkeys(("good", "viewer", "other-http"), "pass"),
        **dict.fromkeys(("http", "viewer-http", "grouped"), "fail medium"),
        **dict.fromkeys(("website", "bucket", "off"), "not_applicable"),
    }
    assert said[FAILOVER] == dict.fromkeys(said[HTTPS], "fail informational") | {
        "grouped": "pass", "off": "not_applicable",
    }  # fmt: skip


def signed() -> Answers:
    controls = [("always", "OAC1"), ("never", "OAC2")]
    listed = [
        {"Id": identity, "Name": identity, "Description": "", "SigningProtocol": "sigv4", "SigningBehavior": behavior,
         "OriginAccessControlOriginType": "s3"}
        for behavior, identity in controls
    ]  # fmt: skip
    head = {"Marker": "", "MaxItems": 100, "IsTruncated": False}
    legacy = "origin-access-identity/cloudfront/E1"
    return distributions(
        distribution("good", Origins=items(bucket("a", control="OAC1"))),
        distribution("never", Origins=items(bucket("a", control="OAC2", identity=legacy))),
        distribution("legacy", Origins=items(bucket("a", identity=legacy))),
        distribution("none", Origins=items(bucket("a"), bucket("b", control="OAC1"))),
        distribution("mixed", Origins=items(bucket("a", identity=legacy), bucket("b", control="OAC1"))),
        distribution("custom", Origins=items(server("a", "a.s3.amazonaws.com"))),
        distribution("website", Origins=items(server("a", "a.s3-website.eu-central-1.amazonaws.com"))),
        distribution("off", Origins=items(bucket("a")), Enabled=False),
    ) | {"cloudfront:ListOriginAccessControls": {"OriginAccessControlList": head | items(*listed)}}


def test_controls(lab: Lab) -> None:
    said = judged(lab, signed(), CONTROL)[CONTROL]
    assert said == {
        "good": "pass", "never": "fail medium", "legacy": "fail low", "none": "fail medium", "mixed": "fail low",
        "custom": "fail medium", "website": "not_applicable", "off": "not_applicable",
    }  # fmt: skip
    denied = judged(lab, signed(), CONTROL, deny=["cloudfront:ListOriginAccessControls"])[CONTROL]
    assert denied == said | {"good": "unknown", "never": "unknown", "mixed": "fail medium"}


def fronted() -> Answers:
    def behind(name: str, domain: str, policy: str = "https-only", **more: Any) -> Item:
        return distribution(name, Origins=items(server("web", domain, policy) | more))

    def named(balancer_name: str) -> str:
        return f"{balancer_name}-1.{REGION}.elb.amazonaws.com"

    header: dict[str, Any] = {"CustomHeaders": items({"HeaderName": "X-Origin", "HeaderValue": "x"})}
    private = {"Id": "web", "DomainName": "internal.example.com", "VpcOriginConfig": {"VpcOriginId": "vo-1"}}
    balancers = [
        balancer("Open", SecurityGroups=["sg-open"]),
        balancer("shut", SecurityGroups=["sg-list"]),
        balancer("http", SecurityGroups=["sg-http"]),
        balancer("inside", SecurityGroups=["sg-open"], Scheme="internal"),
        balancer("bare", "network", SecurityGroups=None),
    ]
    old = classic("old", 443, "sg-open") | {"DNSName": named("old"), "Scheme": "internet-facing"}
    return (
        distributions(
            behind("open", named("open")),
            behind("dual", f"dualstack.{named('open')}"),
            behind("shut", named("shut")),
            behind("http-unused", named("http")),
            behind("http-used", named("http"), "http-only"),
            behind("http-maybe", named("http"), "match-viewer"),
            behind("header", named("open"), **header),
            behind("inside", named("inside")),
            behind("bare", named("bare")),
            behind("classic", named("old")),
            behind("foreign", named("nobodys")),
            behind("own-name", "shop.example.com"),
            distribution("vpc", Origins=items(private)),
            distribution("off", Origins=items(server("web", named("open"))), Enabled=False),
        )
        | elbv2(*balancers)
        | {"elb:DescribeLoadBalancers": {"LoadBalancerDescriptions": [old]}}
        | groups(
            security_group("sg-open", admitting(443)),
            security_group("sg-http", admitting(80)),
            security_group("sg-list", admitting(443, PrefixListIds=[{"PrefixListId": "pl-aws"}])),
        )
        | {"ec2:DescribeManagedPrefixLists": {"PrefixLists": [{"PrefixListId": "pl-aws", "OwnerId": "AWS"}]}}
    )


def test_shielded(lab: Lab) -> None:
    said = judged(lab, fronted(), SHIELDED)[SHIELDED]
    assert said == {
        **dict.fromkeys(("open", "dual", "http-used", "http-maybe", "classic"), "fail medium"),
        **dict.fromkeys(("shut", "http-unused", "header", "inside", "vpc"), "pass"),
        **dict.fromkeys(("foreign", "own-name", "off", "bare"), "not_applicable"),
    }
    denied = judged(lab, fronted(), SHIELDED, deny=["elbv2:DescribeLoadBalancers"])[SHIELDED]
    assert (denied["open"], denied["foreign"], denied["classic"]) == ("unknown", "unknown", "fail medium")
    for operation in ("ec2:DescribeSecurityGroups", "elb:DescribeLoadBalancers"):
        denied = judged(lab, fronted(), SHIELDED, deny=[operation])[SHIELDED]
        assert denied["shut"] == "unknown" and denied["vpc"] == "pass"


def test_a_load_balancer_of_a_region_that_is_not_read_is_unknown(lab: Lab) -> None:
    far = distribution("far", Origins=items(server("web", "x-1.eu-west-1.elb.amazonaws.com")))
    net = distribution("net", Origins=items(server("web", "x-1.elb.eu-west-1.amazonaws.com")))
    assert judged(lab, distributions(far, net), SHIELDED)[SHIELDED] == {"far": "unknown", "net": "unknown"}


def stored() -> Answers:
    def located(params: Mapping[str, Any], _: str, __: str) -> Item | Error:
        match params["Bucket"]:
            case "foreign":
                return Error("AccessDenied", "Access Denied", 403)
            case "locked":
                said = "x is not authorized to perform: s3:GetBucketLocation because no identity-based policy allows it"
                return Error("AccessDenied", said, 403)
            case "own":
                return {"LocationConstraint": None}
        return Error("NoSuchBucket", "The specified bucket does not exist", 404)

    website = server("web", "gone.s3-website-us-east-1.amazonaws.com", "http-only")
    alias = server("web", f"x-abc-s3alias.s3.{REGION}.amazonaws.com")
    return distributions(
        distribution("own", Origins=items(bucket("own"))),
        distribution("gone", Origins=items(bucket("own"), bucket("gone"))),
        distribution("website", Origins=items(website)),
        distribution("foreign", Origins=items(bucket("foreign"))),
        distribution("locked", Origins=items(bucket("locked"))),
        distribution("alias", Origins=items(alias)),
        distribution("web"),
        distribution("off", Origins=items(bucket("gone")), Enabled=False),
    ) | {"s3:GetBucketLocation": located}


def test_buckets_exist(lab: Lab) -> None:
    lab.client("s3").create_bucket(Bucket="own")
    said = judged(lab, stored(), EXISTS)[EXISTS]
    assert said == {
        "own": "pass", "gone": "fail high", "website": "fail high", "foreign": "fail medium", "locked": "unknown",
        "alias": "not_applicable", "web": "not_applicable", "off": "not_applicable",
    }  # fmt: skip
    denied = judged(lab, stored(), EXISTS, deny=["s3:ListBuckets"])[EXISTS]
    assert denied["own"] == "unknown" and denied["gone"] == "unknown"
    denied = judged(lab, stored(), EXISTS, deny=["s3:GetBucketLocation"])[EXISTS]
    assert (denied["gone"], denied["foreign"]) == ("unknown", "unknown")


@pytest.mark.parametrize(
    ("domain", "name", "website"),
    [
        ("a.s3.amazonaws.com", "a", False),
        ("a.b.s3.eu-central-1.amazonaws.com", "a.b", False),
        ("a.s3-eu-central-1.amazonaws.com", "a", False),
        ("A.s3.dualstack.eu-central-1.amazonaws.com", "a", False),
        ("a.s3.cn-north-1.amazonaws.com.cn", "a", False),
        ("a.s3-website-eu-west-1.amazonaws.com", "a", True),
        ("a.s3-website.eu-central-1.amazonaws.com", "a", True),
        ("x.mrap.accesspoint.s3-global.amazonaws.com", None, False),
        ("x-123.s3-accesspoint.eu-central-1.amazonaws.com", None, False),
        ("www.example.com", None, False),
    ],
)
def test_names_of_buckets(domain: str, name: str | None, website: bool) -> None:
    origin = Origin.model_validate({"Id": "x", "DomainName": domain})
    assert (origin.bucket, origin.website) == (name, website)


def test_denied_listing(lab: Lab) -> None:
    said = judged(lab, {}, *EVERY, deny=["cloudfront:ListDistributions"])
    assert said == {rule_id: {"*": "unknown"} for rule_id in EVERY}
