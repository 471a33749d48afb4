"""Savings Plans: a promise to spend so much an hour, for a lower price."""

from auditor.fetch import Listing, Scope
from auditor.model import Resource, Timestamp


class SavingsPlan(Resource):
    """A Savings Plan that is in force or will be; its region is absent where it holds in all of them."""

    service, cfn_type = "savingsplans", "AWS::SavingsPlans::SavingsPlan"
    listing = Listing(
        "DescribeSavingsPlans", at="savingsPlans", scope=Scope.GLOBAL, params={"states": ["active", "queued"]}
    )
    arn_format = "{savings_plan_arn}"
    id_field = "savings_plan_id"

    savings_plan_id: str
    savings_plan_type: str  # Compute, EC2Instance or SageMaker
    state: str
    end: Timestamp | None = None
