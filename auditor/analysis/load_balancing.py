"""How load balancers, listeners and target groups belong together, and what listeners do with requests."""

from collections.abc import Iterable, Iterator
from typing import Any

from auditor.fetch import Unread
from auditor.findings import GapKind
from auditor.inventory import Inventory
from auditor.resources.elbv2 import Action, Listener, LoadBalancer, TargetGroup

# The last action of a rule that lets nobody through in the clear.
HARMLESS = ("fixed-response",)


def balancer_of(listener: Listener, inventory: Inventory) -> LoadBalancer:
    """The load balancer that a listener belongs to. Raises Unread."""
    arn = listener.load_balancer_arn
    found = inventory.find(LoadBalancer, "load_balancer_arn", arn, region=listener.region)
    if found is None:
        said = f"{arn} has a listener, and was not among what was listed"
        account, region = inventory.account, listener.region
        raise Unread(LoadBalancer.gap_of(None, GapKind.FAILED, "NotListed", said, account=account, region=region))
    return found


def listeners_of(balancer: LoadBalancer, inventory: Inventory) -> Iterator[Listener]:
    """The listeners of a load balancer. Raises Unread after those that are known."""
    return inventory.where(Listener, "load_balancer_arn", balancer.load_balancer_arn, region=balancer.region)


def target_groups_of(balancer: LoadBalancer, inventory: Inventory) -> Iterator[TargetGroup]:
    """The target groups that a load balancer routes to. Raises Unread after those that are known."""
    return inventory.where(TargetGroup, "load_balancer_arns", balancer.load_balancer_arn, region=balancer.region)


def forwarded_to(listener: Listener, inventory: Inventory) -> Iterator[TargetGroup]:
    """The target groups that a listener forwards to by default. Raises Unread after those that are known."""
    arns = {arn for action in listener.default_actions for arn in action.target_group_arns}
    for arn in sorted(arns):
        yield from inventory.where(TargetGroup, "target_group_arn", arn, region=listener.region)


def last_action(actions: Iterable[Action]) -> Action | None:
    """What becomes of a request in the end: those before only ask who sends it."""
    return max(actions, key=lambda action: action.order or 0, default=None)


def served_in_clear(listener: Listener) -> Iterator[dict[str, Any]]:
    """Where an HTTP listener answers in the clear instead of sending the client to HTTPS, as evidence.

    What the listener does by default comes first. Raises Unread after it where the rules were not read.
    """
    if shown := _in_clear("default", listener.default_actions):
        yield shown
    for rule in listener.rules:
        if not rule.is_default and (shown := _in_clear(rule.rule_arn.rpartition("/")[2], rule.actions)):
            yield shown


def _in_clear(rule: str, actions: Iterable[Action]) -> dict[str, Any] | None:
    last = last_action(actions)
    if last is None or last.type in HARMLESS:
        return None
    if last.type != "redirect":
        return {"rule": rule, "action": last.type}
    to = (last.redirect_config.protocol if last.redirect_config else None) or "#{protocol}"
    return None if to == "HTTPS" else {"rule": rule, "action": "redirect", "protocol": to}
