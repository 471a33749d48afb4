"""Who a queue's, a topic's or a function's own policy lets in: services on anyone's behalf, and other accounts."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from auditor.analysis.network import each_readable
from auditor.analysis.policy import MalformedPolicy, Policy, Statement, parse
from auditor.analysis.public import SOURCE_KEYS, Test, confining_conditions, confining_keys
from auditor.analysis.trust import accounts_let_in, own_organization, service_grants, source_accounts
from auditor.fetch import Unread
from auditor.findings import GapKind
from auditor.inventory import Inventory
from auditor.model import Resource
from auditor.resources.account import Account

ORGANIZATION_KEYS = ("aws:PrincipalOrgID", "aws:PrincipalOrgPaths")


def parsed(resource: Resource, field: str, document: Mapping[str, Any] | None) -> Policy | None:
    """A resource's own policy, which `field` holds; None if it has none. Raises Unread where it is none by IAM's
    grammar.
    """
    if document is None:
        return None
    try:
        return parse(document, of_resource=True)
    except MalformedPolicy as error:
        said = f"it is no policy that is understood: {error}"
        raise Unread(resource.gap(field, GapKind.UNEXPECTED, "MalformedPolicy", said)) from None


def unbound_services(policy: Policy, service: str, confining: Mapping[str, Test] = SOURCE_KEYS) -> list[dict[str, Any]]:
    """The services that may come on behalf of anyone, with their statements, as evidence. `service` is the resource's
    own; `confining` are the keys that say for whom a service may come.
    """
    return [
        {"service": grant.service, **shown(grant.statement)}
        for grant in service_grants(policy, confining, of=service)
        if not grant.source_conditions
    ]


def foreign_statements(
    policy: Policy, trusted: Collection[str], inventory: Inventory
) -> Iterator[tuple[Statement, dict[str, Any]]]:
    """The Allow statements that let in accounts which are not trusted, or a strange organization, with their evidence.

    Whether AWS's services come for such an account counts as well. Raises Unread after those that are known, where
    the own organization could not be read and matters.
    """

    def judged(allow: Statement) -> Iterator[tuple[Statement, dict[str, Any]]]:
        found = {
            "accounts": [account for account in accounts_let_in(allow) if account not in trusted],
            "source_accounts": [account for account in source_accounts(allow) if account not in trusted],
            "organizations": _organizations(allow),
        }
        if any(found.values()) and not _own_organization_only(allow, inventory):
            yield allow, {**shown(allow), **{name: values for name, values in found.items() if values}}

    return each_readable(policy.allows, judged)


def shown(statement: Statement) -> dict[str, Any]:
    """A statement as evidence: what to call it, and its actions."""
    actions = statement.actions or (f"all but {', '.join(statement.not_actions or ())}",)
    return {"statement": statement.label, "actions": list(actions)}


def _organizations(allow: Statement) -> list[str]:
    """The organizations, if any, that are all that a statement for everyone says of who may come."""
    if accounts_let_in(allow) or not any(principal.is_anyone for principal in allow.principals or ()):
        return []
    demanded = confining_conditions(allow, confining_keys(*ORGANIZATION_KEYS))
    return sorted({value.split("/")[0] for condition in demanded for value in condition.values})


def _own_organization_only(allow: Statement, inventory: Inventory) -> bool:
    """Whether the statement is confined to the own organization; which that is is asked only if it matters."""
    if not allow.conditions_on(*ORGANIZATION_KEYS):
        return False
    for account in inventory.each(Account):
        own = account.organization.id if account.organization is not None else None
        if confining_conditions(allow, own_organization(own)):
            return True
    return False
