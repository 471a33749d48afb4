"""Secrets: whether they change, and whether anyone reads them."""

from typing import Any

from tests.lab import Lab
from tests.rules.iam_answers import days_ago

ROTATION, ACCESS = "secretsmanager-secret-rotation-enabled", "secretsmanager-secret-recently-accessed"
LIST = "secretsmanager:ListSecrets"


def secrets(**said: dict[str, Any]) -> dict[str, Any]:
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:"
    listed = [{"Name": n, "ARN": f"{arn}{n}-AbCdEf", "CreatedDate": days_ago(400), **more} for n, more in said.items()]
    return {LIST: {"SecretList": listed}}


OTHERS: dict[str, dict[str, Any]] = {
    "managed": {"OwningService": "rds"},
    "replica": {"PrimaryRegion": "eu-central-1", "RotationEnabled": True},
    "deleted": {"DeletedDate": days_ago(3)},
}
NOT_OURS = dict.fromkeys(OTHERS, "not_applicable")


def test_rotation(lab: Lab) -> None:
    answers = secrets(
        rotated={"RotationEnabled": True},
        primary={"RotationEnabled": True, "PrimaryRegion": "us-east-1"},
        off={"RotationEnabled": False},
        never={},
        **OTHERS,
    )
    expected = {"rotated": "pass", "primary": "pass", "off": "fail", "never": "fail"}
    assert lab.statuses(ROTATION, answers=answers) == expected | NOT_OURS
    assert lab.statuses(ROTATION, deny=[LIST]) == {"*": "unknown"}


def test_access(lab: Lab) -> None:
    answers = secrets(
        read={"LastAccessedDate": days_ago(2)},
        old={"LastAccessedDate": days_ago(120)},
        never={},
        new={"CreatedDate": days_ago(10)},
        **OTHERS,
    )
    expected = {"read": "pass", "old": "fail", "never": "fail", "new": "pass"}
    assert lab.statuses(ACCESS, answers=answers) == expected | NOT_OURS
    assert lab.statuses(ACCESS, answers=answers, max_unused_days=365)["old"] == "pass"
    assert lab.statuses(ACCESS, deny=[LIST]) == {"*": "unknown"}
