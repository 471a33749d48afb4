"""What moto lacks of CloudFront, WAF and Global Accelerator."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from auditor.demo.emulator import backend
from auditor.demo.protocol import Answer, Params

# Some of AWS's own cache policies: id, name, the seconds for which answers are kept at least.
CACHE_POLICIES = (
    ("658327ea-f89d-4fab-a63d-7e88639e58f6", "Managed-CachingOptimized", 1),
    ("4135ea2d-6df8-44a3-9df3-4b5a84be39ad", "Managed-CachingDisabled", 0),
)
SINCE = datetime(2020, 7, 22, tzinfo=UTC)


def cache_policies(_: Params, __: str, ___: str) -> Mapping[str, Any]:
    """Those that are AWS's own, in every account."""
    key = {
        "EnableAcceptEncodingGzip": True,
        "HeadersConfig": {"HeaderBehavior": "none"},
        "CookiesConfig": {"CookieBehavior": "none"},
        "QueryStringsConfig": {"QueryStringBehavior": "none"},
    }
    listed = [
        {
            "Type": "managed",
            "CachePolicy": {
                "Id": identity,
                "LastModifiedTime": SINCE,
                "CachePolicyConfig": {
                    "Name": name, "MinTTL": seconds, "ParametersInCacheKeyAndForwardedToOrigin": key,
                },
            },
        }
        for identity, name, seconds in CACHE_POLICIES
    ]  # fmt: skip
    return {"CachePolicyList": {"MaxItems": 100, "Quantity": len(listed), "Items": listed}}


def web_acl_resources(params: Params, region: str, account: str) -> Mapping[str, Any]:
    """What moto has associated with a web ACL; of application load balancers, unless another type is named."""
    acl = backend("wafv2", region, account).wacls.get(params["WebACLArn"])
    kind = params.get("ResourceType", "APPLICATION_LOAD_BALANCER")
    services = {"APPLICATION_LOAD_BALANCER": ":elasticloadbalancing:", "API_GATEWAY": ":apigateway:"}
    held = acl.associated_resources if acl is not None and kind in services else []
    return {"ResourceArns": [arn for arn in held if services[kind] in arn]}


ANSWERS: dict[str, Answer] = {
    "cloudfront:ListCachePolicies": cache_policies,
    "globalaccelerator:DescribeAcceleratorAttributes": {"AcceleratorAttributes": {"FlowLogsEnabled": False}},
    "globalaccelerator:ListEndpointGroups": {"EndpointGroups": []},
    "globalaccelerator:ListListeners": {"Listeners": []},
    "wafv2:ListResourcesForWebACL": web_acl_resources,
}
