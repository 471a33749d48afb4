"""What the areas of the demo account share while they are built: clients, times, tags, and what one area names."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from auditor.demo.emulator import ACCOUNT
from auditor.demo.endpoint import Endpoint
from auditor.demo.protocol import Answer

PRODUCTION, STAGING, EXPERIMENT, ANALYTICS, RECOVERY = (
    "eu-central-1",
    "eu-west-1",
    "us-east-1",
    "us-west-2",
    "eu-north-1",
)
# Other accounts of the story: a monitoring vendor, a data partner, an agency, a publisher of images. Nobody's: they
# are those of AWS's documentation, or like them.
VENDOR, PARTNER, AGENCY, PUBLISHER = "111122223333", "777788889999", "444455556666", "999988887777"


@dataclass
class Stage:
    """The account while it is built. `answers` is what the endpoint shall say instead of moto."""

    endpoint: Endpoint
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    answers: dict[str, Answer] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def client(self, service: str, region: str = PRODUCTION) -> Any:
        """A boto3 client of the emulated account."""
        return self.endpoint.client(service, region)

    def backend(self, service: str, region: str = PRODUCTION) -> Any:
        """What moto holds: for ages and states that no API can set."""
        return self.endpoint.backend(service, region)

    def ago(self, days: float) -> datetime:
        """So many days ago; a negative number lies ahead."""
        return self.now - timedelta(days=days)


def arn(service: str, region: str, resource: str) -> str:
    """An ARN of the account's own."""
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{resource}"


def tags(name: str | None, environment: str, owner: str, cost_center: str = "") -> list[dict[str, str]]:
    """Tags as the company sets them: some resources were never given a cost center."""
    wanted = {"Name": name, "environment": environment, "owner": owner, "cost-center": cost_center}
    return [{"Key": key, "Value": value} for key, value in wanted.items() if value]


def specify(kind: str, tagged: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Tags as EC2 takes them when it makes something."""
    return [{"ResourceType": kind, "Tags": tagged}]


def document(*statements: Mapping[str, Any]) -> dict[str, Any]:
    """A policy."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(action: str | Iterable[str], resource: str | Iterable[str], **more: Any) -> dict[str, Any]:
    """A statement that allows."""
    return {"Effect": "Allow", "Action": _listed(action), "Resource": _listed(resource), **more}


def _listed(value: str | Iterable[str]) -> str | list[str]:
    return value if isinstance(value, str) else list(value)
