"""Web ACLs of AWS WAF."""

from typing import Annotated

from auditor.fetch import Ask, Call, Listing, Scope
from auditor.model import Resource, Shape

# What a regional web ACL may be associated with, most likely first. AWS asks for one type at a time. Apps of Amplify
# are not among them: they take a web ACL of CloudFront's scope (WAF Developer Guide, "Resources that you can protect").
ASSOCIABLE = (
    "APPLICATION_LOAD_BALANCER", "API_GATEWAY", "COGNITO_USER_POOL", "APPSYNC", "APP_RUNNER_SERVICE",
    "VERIFIED_ACCESS_INSTANCE",
)  # fmt: skip


class WebAclRule(Shape):
    """A rule of a web ACL, or a rule group that it uses."""

    name: str


class WebAclDetail(Shape):
    """What a web ACL does, its own and what Firewall Manager puts around it."""

    rules: tuple[WebAclRule, ...] = ()
    pre_process_firewall_manager_rule_groups: tuple[WebAclRule, ...] = ()
    post_process_firewall_manager_rule_groups: tuple[WebAclRule, ...] = ()


async def _associated(ask: Ask, acl: "WebAcl") -> list[str]:
    """The resources of the first type that the web ACL guards any of: whether it is used takes no more."""
    for kind in ASSOCIABLE:
        pages = await ask("ListResourcesForWebACL", WebACLArn=acl.arn, ResourceType=kind)
        if found := [arn for page in pages for arn in page.get("ResourceArns", [])]:
            return found
    return []


class WebAcl(Resource):
    """A web ACL for what is in a region. Firewall Manager's are among them."""

    service, cfn_type = "wafv2", "AWS::WAFv2::WebACL"
    listing = Listing("ListWebACLs", at="WebACLs", params={"Scope": "REGIONAL"})
    id_field = "id"
    name_field = "name"

    id: str
    name: str
    detail: Annotated[WebAclDetail, Call("GetWebACL", at="WebACL", const={"Scope": "REGIONAL"}, Name="name", Id="id")]
    load_balancer_arns: Annotated[
        tuple[str, ...],
        Call("ListResourcesForWebACL", at="ResourceArns", const={"ResourceType": ASSOCIABLE[0]}, WebACLArn="arn"),
    ]
    some_resource_arns: Annotated[tuple[str, ...], Call("ListResourcesForWebACL", fetch=_associated)]


class CloudFrontWebAcl(Resource):
    """A web ACL for distributions, which name it themselves, and for apps of Amplify, which do not."""

    service, cfn_type = "wafv2", "AWS::WAFv2::WebACL"
    listing = Listing(
        "ListWebACLs",
        at="WebACLs",
        params={"Scope": "CLOUDFRONT"},
        scope=Scope.GLOBAL,
        absent=("WAFInvalidParameterException",),  # partitions without CloudFront do not know its scope
    )
    id_field = "id"
    name_field = "name"

    id: str
    name: str
    detail: Annotated[WebAclDetail, Call("GetWebACL", at="WebACL", const={"Scope": "CLOUDFRONT"}, Name="name", Id="id")]
    amplify_app_arns: Annotated[
        tuple[str, ...],
        Call("ListResourcesForWebACL", at="ResourceArns", const={"ResourceType": "AMPLIFY"}, WebACLArn="arn"),
    ]
