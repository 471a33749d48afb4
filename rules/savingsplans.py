"""Savings Plans."""

from datetime import timedelta
from typing import Any

from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.savingsplans import SavingsPlan
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule, unknown


@rule(severity=Severity.LOW, category=Category.COST, notes="Purchasing options (Savings Plans)")
def savingsplans_savings_plan_not_expiring(
    plan: SavingsPlan, inventory: Inventory, *, min_days_left: int = 30
) -> Verdict:
    """Savings Plans do not end within the next month, unless another one is queued.

    Risk: on the day after, everything that the plan covers costs the full price, and nobody is told.
    Fix: aws ce get-savings-plans-purchase-recommendation --savings-plans-type COMPUTE_SP --term-in-years ONE_YEAR
        --payment-option NO_UPFRONT --lookback-period-in-days THIRTY_DAYS
    Queue the plan that follows for the second at which this one ends:
    aws savingsplans create-savings-plan --savings-plan-offering-id OFFERING --commitment AMOUNT --purchase-time END
    """
    if plan.state != "active":
        return not_applicable(f"the plan is {plan.state}")
    if plan.end is None:
        return unknown("AWS does not say when the plan ends")
    left = plan.end - inventory.now
    evidence: dict[str, Any] = {"end": plan.end.date().isoformat(), "min_days_left": min_days_left}
    if left >= timedelta(days=min_days_left):
        return passed(f"The plan ends in {left.days} days", **evidence)
    if any_of(lambda other: other.state == "queued", inventory.each(SavingsPlan)):
        return passed(f"The plan ends in {max(left.days, 0)} days, and another one is queued", **evidence)
    return failed(f"The plan ends in {max(left.days, 0)} days, and none is queued", **evidence)
