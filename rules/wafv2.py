"""Web ACLs of AWS WAF."""

from auditor.findings import Severity
from auditor.inventory import Inventory
from auditor.resources.cloudfront import Distribution
from auditor.resources.wafv2 import CloudFrontWebAcl, WebAcl
from auditor.rule import Verdict, any_of, failed, passed, rule


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub WAF.10", "PCI-4.0 6.4.1.8 6.4.2.8"),
    notes="AWS WAF (global service)",
)
def wafv2_web_acl_has_rules(acl: WebAcl | CloudFrontWebAcl, inventory: Inventory) -> Verdict:
    """Web ACLs have rules, and something to guard.

    Risk: a web ACL without rules treats every request alike, and one that guards nothing only looks like protection.
    Fix: in the template, give the AWS::WAFv2::WebACL Rules (AWSManagedRulesCommonRuleSet to begin with), and name it
      in an AWS::WAFv2::WebACLAssociation, or in the distribution's WebACLId.
    """
    detail = acl.detail
    firewall_manager = (
        *detail.pre_process_firewall_manager_rule_groups,
        *detail.post_process_firewall_manager_rule_groups,
    )
    rules = sorted(each.name for each in (*detail.rules, *firewall_manager))
    if not rules:
        return failed("The web ACL has no rule", rules=[])
    if not _is_associated(acl, inventory):
        return failed("The web ACL guards nothing", severity=Severity.LOW, rules=rules)
    return passed(rules=rules)


def _is_associated(acl: WebAcl | CloudFrontWebAcl, inventory: Inventory) -> bool:
    """Whether the web ACL guards anything: distributions name it themselves, WAF knows of all else."""
    if isinstance(acl, WebAcl):
        return bool(acl.some_resource_arns)

    def named() -> bool:
        return any(distribution.web_acl_id == acl.arn for distribution in inventory.each(Distribution))

    def of_amplify() -> bool:
        return bool(acl.amplify_app_arns)

    return any_of(lambda used: used(), (named, of_amplify))
