"""What a user or role holds in all: its own and attached policies, those of its groups, and its boundary."""

from collections.abc import Iterator
from typing import Any

from auditor.analysis.escalation import Grants
from auditor.analysis.policy import Policy, parse
from auditor.inventory import Inventory
from auditor.resources.iam import AttachedPolicy, AwsManagedPolicy, Group, ManagedPolicy, Role, User


class NotFound(LookupError):
    """A policy or group that IAM names, and did not list, or without a version in force. The message says which."""


def grants_of(principal: User | Role, inventory: Inventory) -> Grants:
    """The policies of a user or role. Raises Unread, NotFound, and MalformedPolicy for one that cannot be read."""
    bound = principal.permissions_boundary
    return Grants(
        policies=tuple(parse(text) for text in _documents(principal, inventory)),
        account=principal.account,
        partition=principal.partition,
        boundary=_managed(bound.permissions_boundary_arn, inventory) if bound else None,
    )


def customer_policies(user: User, inventory: Inventory) -> Iterator[Policy]:
    """The policies of the account's own that reach a user, its boundary included: those that AWS wrote are left out.

    Raises as `grants_of`.
    """
    holders: list[User | Group] = [user, *(_group(name, inventory) for name in user.group_list)]
    for holder in holders:
        yield from (parse(policy.policy_document) for policy in holder.inline_policies)
    arns = [policy.policy_arn for holder in holders for policy in holder.attached_managed_policies]
    if user.permissions_boundary is not None:
        arns.append(user.permissions_boundary.permissions_boundary_arn)
    for arn in dict.fromkeys(arns):
        if not _is_aws_managed(arn):
            yield _managed(arn, inventory)


def _group(name: str, inventory: Inventory) -> Group:
    group = inventory.find(Group, "group_name", name)
    if group is None:
        raise NotFound(f"group {name}")
    return group


def _is_aws_managed(arn: str) -> bool:
    return ":iam::aws:policy/" in arn


def _documents(principal: User | Role, inventory: Inventory) -> Iterator[dict[str, Any]]:
    yield from (policy.policy_document for policy in principal.inline_policies)
    yield from _attached(principal.attached_managed_policies, inventory)
    for name in principal.group_list if isinstance(principal, User) else ():
        group = _group(name, inventory)
        yield from (policy.policy_document for policy in group.inline_policies)
        yield from _attached(group.attached_managed_policies, inventory)


def _attached(policies: tuple[AttachedPolicy, ...], inventory: Inventory) -> Iterator[dict[str, Any]]:
    return (_document(policy.policy_arn, inventory) for policy in policies)


def _managed(arn: str, inventory: Inventory) -> Policy:
    return parse(_document(arn, inventory))


def _document(arn: str, inventory: Inventory) -> dict[str, Any]:
    """The text in force of a managed policy, the account's own or AWS's."""
    if _is_aws_managed(arn):
        theirs = inventory.find(AwsManagedPolicy, "arn", arn)
        text = theirs.document if theirs else None
    else:
        ours = inventory.find(ManagedPolicy, "arn", arn)
        text = ours.document if ours else None
    if text is None:
        raise NotFound(f"policy {arn}")
    return text
