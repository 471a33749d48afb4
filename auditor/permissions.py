"""The least-privilege IAM policy for a plan, derived from the declarations."""

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from auditor.aws.session import OPENING
from auditor.plan import Plan

LARGEST = 6_144  # characters of a managed policy, white space not counted: IAM's quota
# What an operation needs besides its own action, since AWS asks the service whose resources it is about as well
# (Service Authorization Reference of WAF; AWS's own policy AWSWAFReadOnlyAccess).
BESIDES = {
    "wafv2:ListResourcesForWebACL": (
        "amplify:ListResourcesForWebACL",
        "apprunner:ListAssociatedServicesForWebAcl",
        "appsync:ListResourcesForWebACL",
        "cognito-idp:ListResourcesForWebACL",
        "ec2:DescribeVerifiedAccessInstanceWebAclAssociations",
        "elasticloadbalancing:DescribeWebACLAssociation",
    ),
}


def policy(plan: Plan) -> dict[str, Any]:
    """An identity policy that allows what the plan calls, and no more: one statement for each IAM prefix."""
    return _document(_actions(plan))


def policies(plan: Plan, largest: int = LARGEST) -> list[dict[str, Any]]:
    """The same permissions as managed policies that IAM accepts, each of at most `largest` characters."""
    parts: list[list[str]] = [[]]
    for action in _actions(plan):
        if size(_document([*parts[-1], action])) > largest and parts[-1]:
            parts.append([])
        parts[-1].append(action)
    return [_document(part) for part in parts]


def size(document: dict[str, Any]) -> int:
    """A policy's size as IAM counts it."""
    return len(json.dumps(document, separators=(",", ":")))


def _actions(plan: Plan) -> list[str]:
    asked = {operation.iam_action for operation in {*plan.operations(), *OPENING}}
    return sorted(asked.union(*(BESIDES.get(action, ()) for action in asked)))


def _document(actions: Iterable[str]) -> dict[str, Any]:
    by_prefix: dict[str, list[str]] = defaultdict(list)
    for action in actions:
        by_prefix[action.partition(":")[0]].append(action)
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": f"Auditor{''.join(part.capitalize() for part in prefix.split('-'))}",
                "Effect": "Allow",
                "Action": names,
                "Resource": "*",
            }
            for prefix, names in by_prefix.items()
        ],
    }
