"""CloudFront distributions and what they are made of."""

import re
from typing import Annotated, Any, Generic, TypeVar

from auditor.fetch import Ask, Call, CallError, Listing, Scope
from auditor.findings import GapKind
from auditor.model import Resource, Shape

T = TypeVar("T")

# A bucket's endpoint, for REST or as a website. Aliases of access points look like buckets, and are none.
BUCKET = re.compile(
    r"(?P<bucket>.+)\.s3(?P<website>-website)?(?:[.-](?:dualstack\.)?(?P<region>[a-z0-9-]+))?\.amazonaws\.com(?:\.cn)?"
)
NO_BUCKETS = ("-s3alias", "--ol-s3", ".accesspoint")
# What IAM's own refusals say, and those of another account's bucket do not.
OWN_REFUSAL = re.compile(
    r"identity-based policy|permissions boundary|service control policy|session policy|VPC endpoint"
)


class Items(Shape, Generic[T]):
    """A list as CloudFront gives it. An empty one has no items."""

    items: tuple[T, ...] = ()


class OriginHeader(Shape):
    """A header that is sent to an origin. Its value is a secret that both sides share, and is not kept."""

    header_name: str


class S3OriginConfig(Shape):
    """An origin that is a bucket; the identity is empty where none is used."""

    origin_access_identity: str = ""


class CustomOriginConfig(Shape):
    """An origin that is a web server."""

    http_port: int
    https_port: int
    origin_protocol_policy: str  # "http-only", "match-viewer" or "https-only"
    origin_ssl_protocols: Items[str] = Items()  # absent only where the policy leaves no choice


class VpcOriginConfig(Shape):
    """An origin in a private subnet."""

    vpc_origin_id: str


class Origin(Shape):
    """Where a distribution gets content. Exactly one of the three configurations is there."""

    id: str
    domain_name: str
    custom_headers: Items[OriginHeader] = Items()
    s3_origin_config: S3OriginConfig | None = None
    custom_origin_config: CustomOriginConfig | None = None
    vpc_origin_config: VpcOriginConfig | None = None
    origin_access_control_id: str | None = None  # empty or absent: none

    @property
    def bucket(self) -> str | None:
        """The bucket whose endpoint it is; None where it is something else."""
        found = BUCKET.fullmatch(self.domain_name.lower())
        if found is None or found["region"] == "global" or found["bucket"].endswith(NO_BUCKETS):
            return None
        return found["bucket"]

    @property
    def website(self) -> bool:
        """Whether it is a bucket's website, which speaks HTTP only."""
        found = BUCKET.fullmatch(self.domain_name.lower())
        return bool(found and found["website"])


class OriginGroupMember(Shape):
    """One origin of a group."""

    origin_id: str


class OriginGroup(Shape):
    """Origins of which the second stands in for the first."""

    id: str
    members: Items[OriginGroupMember]


class Trusted(Shape):
    """Who may sign URLs and cookies: accounts, or key groups."""

    enabled: bool


class AllowedMethods(Shape):
    """The methods that are passed on to the origin."""

    items: tuple[str, ...] = ()


class LambdaFunctionAssociation(Shape):
    """A version of a function that runs at the edge."""

    lambda_function_arn: str


class Cookies(Shape):
    """Which cookies are passed on and tell cached answers apart: "none", "whitelist" or "all"."""

    forward: str


class ForwardedValues(Shape):
    """The legacy way to say what is passed on and tells cached answers apart."""

    cookies: Cookies
    headers: Items[str] = Items()


class CacheBehavior(Shape):
    """What is done with requests: the default one is for all that no other is for."""

    target_origin_id: str
    viewer_protocol_policy: str  # "allow-all", "https-only" or "redirect-to-https"
    trusted_signers: Trusted | None = None
    allowed_methods: AllowedMethods | None = None
    lambda_function_associations: Items[LambdaFunctionAssociation] = Items()
    realtime_log_config_arn: str | None = None
    cache_policy_id: str | None = None
    forwarded_values: ForwardedValues | None = None
    min_ttl: int | None = None

    @property
    def paths(self) -> str:
        """Which paths it is for."""
        return "*"


class PathBehavior(CacheBehavior):
    """What is done with requests for some paths."""

    path_pattern: str

    @property
    def paths(self) -> str:
        """Which paths it is for."""
        return self.path_pattern


class ViewerCertificate(Shape):
    """What viewers are shown: CloudFront's own certificate, one of ACM or one of IAM."""

    cloud_front_default_certificate: bool = False
    iam_certificate_id: str | None = None
    acm_certificate_arn: str | None = None
    ssl_support_method: str | None = None  # "sni-only", "vip" or "static-ip"
    minimum_protocol_version: str | None = None


class GeoRestriction(Shape):
    """Whether countries are shut out: "blacklist", "whitelist" or "none"."""

    restriction_type: str


class Restrictions(Shape):
    """Who is shut out."""

    geo_restriction: GeoRestriction


class StandardLogging(Shape):
    """Standard logging of the first kind."""

    enabled: bool = False


class DeliverySource(Shape):
    """What CloudWatch Logs can deliver logs of: standard logging of the second kind is set up there."""

    name: str
    resource_arns: tuple[str, ...] = ()
    log_type: str | None = None  # "ACCESS_LOGS", or "CONNECTION_LOGS" of mutual TLS


class Delivery(Shape):
    """A source that is connected to a destination: one that is not delivers nothing."""

    delivery_source_name: str | None = None


class OriginBucket(Shape):
    """What is known of a bucket that an origin names: it "exists", is "missing", or is "foreign" (and exists)."""

    name: str
    state: str


async def _origin_buckets(ask: Ask, distribution: "Distribution") -> list[dict[str, Any]]:
    """Whether the buckets exist. S3 says so of a bucket that is not there to anybody who asks."""
    found = []
    for name in sorted({origin.bucket for origin in distribution.origins.items if origin.bucket}):
        state = "exists"
        try:
            await ask("GetBucketLocation", Bucket=name)
        except CallError as error:
            if error.code == "NoSuchBucket":
                state = "missing"
            elif error.kind is GapKind.DENIED and not OWN_REFUSAL.search(error.message):
                state = "foreign"
            else:
                raise
        found.append({"Name": name, "State": state})
    return found


class EdgeFunction(Shape):
    """A version of a function that runs at the edge; one that is gone has no runtime, nor has a container image."""

    function_arn: str
    found: bool
    runtime: str | None = None


async def _edge_functions(ask: Ask, distribution: "Distribution") -> list[dict[str, Any]]:
    """The versions of functions that behaviours name, each asked for by itself: they are few."""
    found = []
    for arn in sorted(distribution.edge_function_arns):
        try:
            (answer,) = await ask("GetFunctionConfiguration", FunctionName=arn)
        except CallError as error:
            if error.code != "ResourceNotFoundException":
                raise
            found.append({"FunctionArn": arn, "Found": False})
        else:
            found.append({"FunctionArn": arn, "Found": True, "Runtime": answer.get("Runtime")})
    return found


class Distribution(Resource):
    """A CloudFront distribution. Tenants of a multi-tenant one are not listed with it."""

    service, cfn_type = "cloudfront", "AWS::CloudFront::Distribution"
    listing = Listing("ListDistributions", at="DistributionList.Items", scope=Scope.GLOBAL)
    id_field = "id"
    name_field = "domain_name"

    id: str
    domain_name: str
    enabled: bool
    staging: bool = False  # the copy of a continuous deployment
    connection_mode: str | None = None  # "direct" or "tenant-only"
    aliases: Items[str] = Items()
    origins: Items[Origin]
    origin_groups: Items[OriginGroup] = Items()
    default_cache_behavior: CacheBehavior
    cache_behaviors: Items[PathBehavior] = Items()
    viewer_certificate: ViewerCertificate
    restrictions: Restrictions
    web_acl_id: str  # an ARN (an id alone for WAF Classic); empty: none
    logging: Annotated[StandardLogging | None, Call("GetDistributionConfig", at="DistributionConfig.Logging", Id="id")]
    # All of the account; equal for every distribution, and asked for once.
    delivery_sources: Annotated[
        tuple[DeliverySource, ...], Call("DescribeDeliverySources", service="logs", at="deliverySources")
    ]
    deliveries: Annotated[tuple[Delivery, ...], Call("DescribeDeliveries", service="logs", at="deliveries")]

    origin_buckets: Annotated[tuple[OriginBucket, ...], Call("GetBucketLocation", service="s3", fetch=_origin_buckets)]
    edge_functions: Annotated[
        tuple[EdgeFunction, ...], Call("GetFunctionConfiguration", service="lambda", fetch=_edge_functions)
    ]

    @property
    def edge_function_arns(self) -> frozenset[str]:
        """The versions of functions that behaviours name."""
        associations = (each for behavior in self.behaviors for each in behavior.lambda_function_associations.items)
        return frozenset(each.lambda_function_arn for each in associations)

    @property
    def behaviors(self) -> tuple[CacheBehavior, ...]:
        """All behaviours, the default one last, as they are asked."""
        return (*self.cache_behaviors.items, self.default_cache_behavior)

    @property
    def serving(self) -> bool:
        """Whether it serves viewers."""
        return self.enabled and not self.staging


class OriginAccessControl(Resource):
    """How CloudFront signs what it asks of an origin."""

    service, cfn_type = "cloudfront", "AWS::CloudFront::OriginAccessControl"
    listing = Listing("ListOriginAccessControls", at="OriginAccessControlList.Items", scope=Scope.GLOBAL)
    arn_format = "arn:{partition}:cloudfront::{account}:origin-access-control/{id}"
    id_field = "id"
    name_field = "name"

    id: str
    name: str | None = None
    signing_behavior: str  # "never", "always" or "no-override"


class CookiesConfig(Shape):
    """Which cookies tell cached answers apart, and are passed on: "none", "whitelist", "allExcept" or "all"."""

    cookie_behavior: str


class HeadersConfig(Shape):
    """Which headers do; without any, none."""

    headers: Items[str] = Items()


class CacheKey(Shape):
    """What tells cached answers apart."""

    headers_config: HeadersConfig
    cookies_config: CookiesConfig


class CachePolicyConfig(Shape):
    """How long answers are kept at least, in seconds, and what tells them apart."""

    min_ttl: int
    parameters_in_cache_key_and_forwarded_to_origin: CacheKey | None = None


class CachePolicy(Resource):
    """A cache policy, of AWS's or of the account."""

    service, cfn_type = "cloudfront", "AWS::CloudFront::CachePolicy"
    listing = Listing("ListCachePolicies", at="CachePolicyList.Items.CachePolicy", scope=Scope.GLOBAL)
    arn_format = "arn:{partition}:cloudfront::{account}:cache-policy/{id}"
    id_field = "id"

    id: str
    cache_policy_config: CachePolicyConfig
