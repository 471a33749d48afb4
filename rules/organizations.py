"""AWS Organizations: what the organization forbids its accounts."""

from auditor.analysis.policy import MalformedPolicy, parse
from auditor.findings import Severity
from auditor.resources.account import Account
from auditor.rule import Verdict, failed, not_applicable, passed, rule, unknown


@rule(severity=Severity.LOW, notes="Region (data governance)")
def organizations_scp_region_restriction_present(account: Account) -> Verdict:
    """A service control policy denies the regions that the organization does not use.

    Risk: anyone who may start things at all may do so in every region, out of sight and under another law.
    Fix: deny NotAction of global services under StringNotEquals aws:RequestedRegion, then attach it to the root:
    aws organizations create-policy --type SERVICE_CONTROL_POLICY --name region-lock --description "Approved regions"
        --content file://region-lock.json
    aws organizations attach-policy --policy-id POLICY_ID --target-id ROOT_ID
    """
    policies = account.service_control_policies
    if policies is None:
        return not_applicable("Only the management account of an organization can show its policies")
    broken = []
    for policy in policies:
        try:
            denies = parse(policy.content).denies
        except MalformedPolicy:
            broken.append(policy.name)
            continue
        if any(deny.conditions_on("aws:RequestedRegion") for deny in denies):
            return passed(policy=policy.name)
    if broken:
        return unknown("Service control policies could not be read", policies=broken)
    return failed("No service control policy denies any region", policies=[policy.name for policy in policies])
