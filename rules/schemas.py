"""Rules about EventBridge's schema registries."""

from auditor.analysis.exposure import foreign_statements, parsed
from auditor.analysis.public import public_statements
from auditor.findings import Severity
from auditor.inventory import Inventory
from auditor.resources.schemas import SchemaRegistry
from auditor.rule import Verdict, failed, passed, rule, seen


@rule(
    severity=Severity.LOW,
    controls=("PCI-4.0 7.2.1.4 7.2.2.4 7.2.3.2",),
    notes="EventBridge Schema Registry",
)
def schemas_registry_policy_restricted(
    registry: SchemaRegistry, inventory: Inventory, *, trusted_account_ids: tuple[str, ...] = ()
) -> Verdict:
    """A schema registry's policy lets in only the own account, trusted accounts and the own organization.

    Risk: outsiders read how the account's events are made, or change the schemas from which code is generated.
    Fix: name accounts that are expected in trusted_account_ids in auditor.toml, and take out the others:
    aws schemas put-resource-policy --registry-name {name} --policy file://policy.json --region {region}
    """
    policy = parsed(registry, "policy", registry.policy)
    if policy is None:
        return passed("The registry has no policy")
    if opened := public_statements(policy, service="schemas"):
        return failed("The policy lets everyone in", statements=[found.evidence for found in opened])
    foreign = seen(foreign_statements(policy, {registry.account, *trusted_account_ids}, inventory))
    if foreign:
        return failed("The policy lets in accounts that are not trusted", statements=[said for _, said in foreign])
    return passed()
