"""IAM Access Analyzer: what watches over who has access, and who uses it."""

from auditor.analysis.usage import in_region
from auditor.findings import Severity
from auditor.inventory import Inventory
from auditor.resources.accessanalyzer import Analyzer
from auditor.resources.account import Account, Region
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule

EXTERNAL = ("ACCOUNT", "ORGANIZATION")
UNUSED = ("ACCOUNT_UNUSED_ACCESS", "ORGANIZATION_UNUSED_ACCESS")


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub IAM.28", "CIS-3.0 1.20", "CIS-5.0 1.19", "ISO-27001-2022 A.8.3"),
    notes="Shared Responsibility Model for IAM",
)
def accessanalyzer_analyzer_external_access_enabled(
    region: Region, inventory: Inventory, *, organization_analyzer: bool = False
) -> Verdict:
    """Access Analyzer looks for access from outside in every region that is in use.

    Risk: a bucket, key or role that somebody opens to strangers stays open until a stranger tells.
    Fix: aws accessanalyzer create-analyzer --analyzer-name external-access --type ACCOUNT --region {region}
    """
    # An organization's analyzer is listed in the account that holds it, and in no member.
    name = region.region_name
    if any_of(lambda a: a.is_active and a.type in EXTERNAL, inventory.each(Analyzer, region=name)):
        return passed("An analyzer for external access is active")
    if organization_analyzer:
        return not_applicable("The organization has an analyzer in another account (organization_analyzer)")
    if not any_of(lambda resource: bool(resource.arn), in_region(name, inventory)):
        return not_applicable("Nothing lies in this region that strangers could have access to")
    return failed("No analyzer for external access is active in this region", analyzers=[])


@rule(severity=Severity.INFORMATIONAL, notes="Security (IAM Access Advisor)")
def accessanalyzer_analyzer_unused_access_enabled(account: Account, inventory: Inventory) -> Verdict:
    """Access Analyzer looks for permissions that nobody uses.

    Risk: roles and keys gather permissions that nobody misses, until somebody who has stolen one needs them.
    Fix: this costs money for each role and user in a month:
    aws accessanalyzer create-analyzer --analyzer-name unused-access --type ACCOUNT_UNUSED_ACCESS
    """
    # Roles and users are global: one region is enough.
    if any_of(lambda analyzer: analyzer.is_active and analyzer.type in UNUSED, inventory.each(Analyzer)):
        return passed("An analyzer for unused access is active")
    return failed("No analyzer for unused access is active in any region", account_id=account.account)
