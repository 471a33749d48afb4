"""CloudFront distributions: how viewers are served."""

from datetime import date
from typing import Any

from auditor.analysis.lambda_runtimes import LAMBDA_RUNTIMES
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.cloudfront import CacheBehavior, CachePolicy, Distribution
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule

IDLE = "The distribution is switched off, or a copy for tests"
# Oldest first; what is in neither list takes TLS 1.2 with today's ciphers, or later.
OLD_VIEWERS = ("SSLv3", "TLSv1", "TLSv1_2016", "TLSv1.1_2016")
DATED_VIEWERS = ("TLSv1.2_2018", "TLSv1.2_2019")
OLD_ORIGINS = ("TLSv1", "TLSv1.1")
WRITES = ("POST", "PUT", "PATCH", "DELETE")


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub CloudFront.3", "PCI-4.0 1.2.5.6 2.2.5.6 2.2.7.4 4.2.1.1.8 4.2.1.4 8.3.2.7"),
    notes="CloudFront HTTPS (viewer policy)",
)
def cloudfront_distribution_viewer_https_required(distribution: Distribution) -> Verdict:
    """Distributions serve viewers over HTTPS only.

    Risk: whoever is on the way reads and changes what is sent over HTTP, passwords and sessions included.
    Fix: in the template, set ViewerProtocolPolicy of each behaviour to redirect-to-https.
    """
    if not distribution.serving:
        return not_applicable(IDLE)
    paths = [behavior.paths for behavior in distribution.behaviors if behavior.viewer_protocol_policy == "allow-all"]
    if paths:
        return failed("Viewers may use HTTP", paths=paths)
    return passed()


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub CloudFront.10 CloudFront.15",
        "PCI-4.0 1.2.5.2 1.2.5.3 2.2.5.2 2.2.5.3 2.2.7.2 4.2.1.1.6 4.2.1.2 8.3.2.5",
    ),
    notes="SSL/TLS basics",
)
def cloudfront_distribution_tls_policy_modern(distribution: Distribution) -> Verdict:
    """Distributions use current versions of TLS towards viewers and origins.

    Risk: old versions and ciphers have known weaknesses, and either side can be talked into using them.
    Fix: in the template, set MinimumProtocolVersion of ViewerCertificate to TLSv1.2_2021, and OriginSSLProtocols of
      each CustomOriginConfig to [TLSv1.2].
    """
    if not distribution.serving:
        return not_applicable(IDLE)
    shown = distribution.viewer_certificate
    viewers = None if shown.cloud_front_default_certificate else shown.minimum_protocol_version
    origins = {
        origin.id: sorted(origin.custom_origin_config.origin_ssl_protocols.items)
        for origin in distribution.origins.items
        if origin.custom_origin_config and origin.custom_origin_config.origin_protocol_policy != "http-only"
    }
    if viewers is None and not origins:
        return not_applicable("Neither the certificate nor how origins are asked is the account's choice")
    evidence: dict[str, Any] = {"minimum_protocol_version": viewers, "origin_ssl_protocols": origins}
    if viewers in OLD_VIEWERS:
        return failed("Viewers may use old versions of TLS", **evidence)
    if any("SSLv3" in protocols for protocols in origins.values()):
        return failed("SSLv3 is used towards origins", **evidence)
    if viewers in DATED_VIEWERS:
        return failed("Viewers may use weak ciphers", severity=Severity.LOW, **evidence)
    if any(set(OLD_ORIGINS).intersection(protocols) for protocols in origins.values()):
        return failed("Old versions of TLS are used towards origins", severity=Severity.LOW, **evidence)
    return passed(**evidence)


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub CloudFront.6",
        "PCI-4.0 1.2.8.4 1.3.1.5 1.3.2.5 1.4.2.5 1.5.1.4 6.4.1.4 6.4.2.4 A1.1.3.4",
    ),
    notes="CloudFront (WAF, Shield)",
)
def cloudfront_distribution_waf_associated(distribution: Distribution) -> Verdict:
    """Distributions are behind AWS WAF.

    Risk: floods of requests, stuffed credentials and the usual exploits go straight to the origin.
    Fix: in the template, set WebACLId to the ARN of an AWS::WAFv2::WebACL of the scope CLOUDFRONT.
    """
    if not distribution.serving:
        return not_applicable(IDLE)
    if not distribution.web_acl_id:
        return failed("No web ACL is associated with the distribution", web_acl_id="")
    return passed(web_acl_id=distribution.web_acl_id)


@rule(severity=Severity.MEDIUM, controls=("SecurityHub CloudFront.17",), notes="CloudFront signed URLs")
def cloudfront_distribution_trusted_key_groups_used(distribution: Distribution) -> Verdict:
    """Signed URLs and cookies are signed by key groups, not by accounts.

    Risk: an account's key pair is its root user's: nobody else can rotate or revoke it, and no API sees it.
    Fix: in the template, replace TrustedSigners of each behaviour by TrustedKeyGroups, with an
      AWS::CloudFront::KeyGroup.
    """
    if not distribution.serving:
        return not_applicable(IDLE)
    signing = [each for each in distribution.behaviors if each.trusted_signers and each.trusted_signers.enabled]
    if signing:
        return failed("Accounts may sign with their root user's key pairs", paths=[each.paths for each in signing])
    return passed()


@rule(
    severity=Severity.LOW,
    controls=(
        "SecurityHub CloudFront.7 CloudFront.8",
        "PCI-4.0 1.2.5.4 2.2.5.4 1.2.8.5 1.3.1.6 1.3.2.6 1.4.2.6 1.5.1.5 3.5.1.1.4 3.5.1.3.5 3.6.1.2.4",
        "PCI-4.0 3.6.1.3.4 3.6.1.4.4",
    ),
    notes="SNI; certificates",
)
def cloudfront_distribution_sni_custom_certificate(distribution: Distribution) -> Verdict:
    """Distributions show a certificate of their own for their own names, chosen by SNI.

    Risk: viewers of the names refuse CloudFront's certificate; addresses of its own cost 600 dollars a month.
    Fix: in the template, give ViewerCertificate an AcmCertificateArn and SslSupportMethod: sni-only.
    """
    if not distribution.serving:
        return not_applicable(IDLE)
    if not distribution.aliases.items:
        return not_applicable("The distribution has no names of its own")
    shown = distribution.viewer_certificate
    evidence: dict[str, Any] = {"aliases": list(distribution.aliases.items), "ssl_support": shown.ssl_support_method}
    if shown.cloud_front_default_certificate:
        return failed("The distribution shows CloudFront's certificate for names of its own", **evidence)
    if shown.ssl_support_method != "sni-only":
        return failed("The distribution pays for addresses of its own", **evidence)
    return passed(**evidence)


@rule(severity=Severity.INFORMATIONAL, notes="CloudFront geographic restrictions")
def cloudfront_distribution_geo_restriction_configured(distribution: Distribution) -> Verdict:
    """Distributions serve the countries that they are for.

    Risk: where nobody is served anyway, attacks come from all the same, and licences may not hold there.
    Fix: in the template, set GeoRestriction of Restrictions to a whitelist of Locations, or a blacklist.
    """
    if not distribution.serving:
        return not_applicable(IDLE)
    kind = distribution.restrictions.geo_restriction.restriction_type
    if kind == "none":
        return failed("Every country is served", restriction_type=kind)
    return passed(restriction_type=kind)


@rule(severity=Severity.INFORMATIONAL, notes="CloudFront caching")
def cloudfront_distribution_dynamic_paths_not_cached(distribution: Distribution, inventory: Inventory) -> Verdict:
    """Paths that take what viewers send are not cached alike for all of them.

    Risk: what the origin answered to one viewer, basket and name included, is shown to the next.
    Fix: in the template, give these behaviours the managed policy CachingDisabled as CachePolicyId
      (4135ea2d-6df8-44a3-9df3-4b5a84be39ad).
    """
    if not distribution.serving:
        return not_applicable(IDLE)
    dynamic = [each for each in distribution.behaviors if each.allowed_methods and _writes(each)]
    if not dynamic:
        return not_applicable("No behaviour takes what viewers send")
    shared = [behavior.paths for behavior in dynamic if _cached_for_all(behavior, inventory)]
    if shared:
        return failed("Answers to reads are kept, and shown to all viewers alike", paths=shared)
    return passed()


def _writes(behavior: CacheBehavior) -> bool:
    methods = behavior.allowed_methods.items if behavior.allowed_methods else ()
    return bool(set(WRITES).intersection(methods))


def _cached_for_all(behavior: CacheBehavior, inventory: Inventory) -> bool:
    """Whether answers are kept without telling viewers apart. An unknown policy is one that nobody can see."""
    legacy = behavior.forwarded_values
    if legacy is not None:
        return _shared(behavior.min_ttl or 0, legacy.cookies.forward, legacy.headers.items)
    if not behavior.cache_policy_id:
        return False
    policy = inventory.find(CachePolicy, "id", behavior.cache_policy_id)
    if policy is None or policy.cache_policy_config.parameters_in_cache_key_and_forwarded_to_origin is None:
        return False
    key = policy.cache_policy_config.parameters_in_cache_key_and_forwarded_to_origin
    cookies, headers = key.cookies_config.cookie_behavior, key.headers_config.headers.items
    return _shared(policy.cache_policy_config.min_ttl, cookies, headers)


def _shared(min_ttl: int, cookies: str, headers: tuple[str, ...]) -> bool:
    named = {header.lower() for header in headers}
    return min_ttl > 0 and cookies == "none" and not named & {"authorization", "*"}


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub CloudFront.5",
        "PCI-4.0 10.2.1.1.6 10.2.1.2.6 10.2.1.3.6 10.2.1.4.6 10.2.1.5.6 10.2.1.6.6 10.2.1.7.6 10.2.1.6",
        "PCI-4.0 10.2.2.6 10.3.1.6 10.6.3.6 5.3.4.6",
        "ISO-27001-2022 A.8.15 A.8.16",
    ),
    notes="CloudFront",
    category=Category.OPERATIONS,
)
def cloudfront_distribution_logging_enabled(distribution: Distribution) -> Verdict:
    """Distributions keep access logs.

    Risk: without them nobody can tell afterwards who asked for what; the origin sees CloudFront only.
    Fix: in the template, set Logging with the Bucket to write to, or make an AWS::Logs::DeliverySource of it.
    """
    if not distribution.serving:
        return not_applicable(IDLE)

    def standard() -> bool:
        return distribution.logging is not None and distribution.logging.enabled

    def delivered() -> bool:
        connected = {delivery.delivery_source_name for delivery in distribution.deliveries}
        sources = [each for each in distribution.delivery_sources if each.log_type in (None, "ACCESS_LOGS")]
        return any(distribution.arn in source.resource_arns and source.name in connected for source in sources)

    def at_once() -> bool:
        return any(behavior.realtime_log_config_arn for behavior in distribution.behaviors)

    if any_of(lambda kept: kept(), (at_once, standard, delivered)):
        return passed()
    return failed("The distribution keeps no access logs")


@rule(severity=Severity.MEDIUM, notes="Lambda@Edge", category=Category.RELIABILITY)
def cloudfront_distribution_edge_function_valid(distribution: Distribution, inventory: Inventory) -> Verdict:
    """Functions that run at the edge exist, and their runtimes are supported.

    Risk: viewers get an error (503) for what the function should have done; an old runtime gets no fixes.
    Fix: in the template, publish a version of the function with a supported Runtime, and name that version in
      LambdaFunctionAssociations.
    """
    if not distribution.serving:
        return not_applicable(IDLE)
    if not distribution.edge_function_arns:
        return not_applicable("No function of Lambda runs at the edge")
    functions = distribution.edge_functions
    today = inventory.now.date()
    gone = [each.function_arn for each in functions if not each.found]
    old = {each.function_arn: each.runtime for each in functions if _is_over(each.runtime, today)}
    if gone:
        return failed("Functions that should run at the edge do not exist", missing=gone, deprecated=old)
    if old:
        return failed("Functions at the edge run on deprecated runtimes", deprecated=old)
    return passed(runtimes={each.function_arn: each.runtime for each in functions})


def _is_over(runtime: str | None, today: date) -> bool:
    end = LAMBDA_RUNTIMES.get(runtime or "")
    return end is not None and end <= today
