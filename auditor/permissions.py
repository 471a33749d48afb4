"""The least-privilege IAM policy for a plan, derived from the declarations."""

from collections import defaultdict
from typing import Any

from auditor.aws.session import OPENING
from auditor.plan import Plan


def policy(plan: Plan) -> dict[str, Any]:
    """An identity policy that allows what the plan calls, and no more: one statement for each IAM prefix."""
    actions: dict[str, set[str]] = defaultdict(set)
    for operation in {*plan.operations(), *OPENING}:
        actions[operation.iam_action.partition(":")[0]].add(operation.iam_action)
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": f"Auditor{''.join(part.capitalize() for part in prefix.split('-'))}",
                "Effect": "Allow",
                "Action": sorted(names),
                "Resource": "*",
            }
            for prefix, names in sorted(actions.items())
        ],
    }
