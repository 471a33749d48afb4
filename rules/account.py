"""The account's regions: which are in use, and which should be."""

from auditor.analysis.usage import in_region
from auditor.findings import Severity
from auditor.inventory import Inventory
from auditor.resources.account import Region
from auditor.resources.vpc import Vpc
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule, seen, unknown

SHOWN = 10


@rule(severity=Severity.MEDIUM, notes="Region (data governance)")
def account_region_approved_in_use(
    region: Region, inventory: Inventory, *, approved_regions: tuple[str, ...] = ()
) -> Verdict:
    """Machines, disks, databases, buckets and functions lie in the approved regions only (approved_regions).

    Risk: data in a region that nobody chose is under another law, and out of sight of guards and backups.
    Fix: move what is needed, delete the rest, and deny the region by a service control policy on aws:RequestedRegion:
    aws resourcegroupstaggingapi get-resources --region REGION
    """
    if not approved_regions:
        return not_applicable("No regions are named as approved (approved_regions)")
    if region.region_name in approved_regions:
        return passed("The region is approved", region=region.region_name)
    found = [resource.arn for resource in seen(in_region(region.region_name, inventory))]
    if found:
        return failed("Something lies in a region that is not approved", resources=found[:SHOWN], count=len(found))
    return passed("Nothing lies in this region", region=region.region_name)


@rule(severity=Severity.INFORMATIONAL, notes="Region (data governance)")
def account_region_opt_in_disabled_when_unused(region: Region, inventory: Inventory) -> Verdict:
    """Regions that had to be opted in to are disabled again where nothing lies in them.

    Risk: a stolen key can start machines there, where nobody looks.
    Fix: aws account disable-region --region-name {region}
    """
    if region.opt_in_status is None:
        return unknown("EC2 does not say whether the region had to be opted in to")
    if region.opt_in_status != "opted-in":
        return not_applicable("The region belongs to every account, and cannot be disabled")
    name = region.region_name
    own = any_of(lambda vpc: not vpc.is_default and vpc.owner_id == vpc.account, inventory.each(Vpc, region=name))
    if own or any_of(lambda resource: bool(resource.arn), in_region(name, inventory)):
        return passed("The region is in use", opt_in_status=region.opt_in_status)
    return failed("The region was opted in to, and nothing lies in it", opt_in_status=region.opt_in_status)
