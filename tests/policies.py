"""What the tests of policies share: statements in short."""

from collections.abc import Callable
from typing import Any

from auditor.analysis.policy import Policy, parse

Json = dict[str, Any]
Test = Callable[..., None]
OWN, OTHER, STRANGER = "111111111111", "222222222222", "666666666666"
BUCKET = "arn:aws:s3:::bucket"


def allow(principal: Any = "*", action: Any = "s3:GetObject", resource: Any = f"{BUCKET}/*", **more: Any) -> Json:
    stated = {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": resource}
    # NotAction and its like take the place of what they negate.
    return {name: value for name, value in stated.items() if f"Not{name}" not in more} | more


def deny(principal: Any = "*", action: Any = "s3:*", resource: Any = "*", **more: Any) -> Json:
    return {**allow(principal, action, resource, **more), "Effect": "Deny"}


def when(operator: str, key: str, *values: Any) -> Json:
    return {"Condition": {operator: {key: values[0] if len(values) == 1 else list(values)}}}


def policy(*statements: Json, version: str = "2012-10-17") -> Policy:
    return parse({"Version": version, "Statement": list(statements)})
