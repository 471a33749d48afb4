"""What everyone speaks: findings, their status and severity, and what could not be read."""

import hashlib
from collections.abc import Mapping, Set
from datetime import date
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Status(StrEnum):
    """How a rule's question about one resource was answered."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"


class Severity(StrEnum):
    """What is at stake when a rule fails, from the worst down."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFORMATIONAL = "informational"

    @property
    def rank(self) -> int:
        """0 for critical, rising as severity falls: sort by it to see the worst first."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}  # asked for each finding, several times


class Category(StrEnum):
    """What a rule protects."""

    SECURITY = "security"
    RELIABILITY = "reliability"
    COST = "cost"
    OPERATIONS = "operations"
    PERFORMANCE = "performance"


class GapKind(StrEnum):
    """Why something was not read."""

    DENIED = "denied"
    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"
    FAILED = "failed"
    UNEXPECTED = "unexpected"
    STOPPED = "stopped"
    NOT_SELECTED = "not_selected"


class Record(BaseModel):
    """Base of everything that a report holds: immutable, and strict about what it is given."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Gap(Record):
    """Something that was asked of AWS and not answered.

    `resource` is the ARN whose detail (`field`), or whose parts (no field), are missing; None where a whole listing is.
    `iam_action` is what the auditing role would need: None where permission is not the reason.
    """

    kind: GapKind
    account: str
    region: str
    service: str
    operation: str
    resource_type: str
    resource: str | None = None
    field: str | None = None
    code: str
    message: str
    iam_action: str | None = None

    @property
    def reason(self) -> str:
        """One sentence for people: what was not read, why, and what would mend it."""
        what = f"{self.service}:{self.operation} in {self.region}"
        match self.kind:
            case GapKind.DENIED:
                said = f"{what} was denied ({self.code})"
            case GapKind.NOT_SELECTED:
                return f"{what} was not asked: {self.message}"
            case GapKind.STOPPED:
                return f"{what} was not asked: the scan was stopped"
            case GapKind.UNREACHABLE:
                return f"{what} could not be reached: {self.message}"
            case GapKind.UNEXPECTED:
                return f"{what} answered in a form that was not understood: {self.message}"
            case _:
                said = f"{what} failed ({self.code}: {self.message})"
        return f"{said}; allow {self.iam_action}" if self.iam_action else said


class ResourceRef(Record):
    """The resource that a finding is about. `tags` is None where tags were not read."""

    arn: str
    id: str
    name: str
    type: str
    account: str
    region: str
    tags: dict[str, str] | None = None


class Suppression(Record):
    """An accepted risk: why, by whom, until when (an ISO date)."""

    reason: str
    owner: str
    expires: str


class Finding(Record):
    """One rule's answer about one resource. `evidence` holds the values that decided, by field."""

    rule: str
    status: Status
    severity: Severity
    resource: ResourceRef
    message: str
    evidence: dict[str, Any] = Field(default_factory=dict)
    fingerprint: str
    suppression: Suppression | None = None

    @property
    def order(self) -> tuple[int, str, str, str]:
        """Sorts findings the same way in every report: worst first, then rule, resource and fingerprint."""
        return (self.severity.rank, self.rule, self.resource.arn, self.fingerprint)


class Coverage(Record):
    """How much of what was asked could be judged: counts of verdicts, and each thing that was not read."""

    assessed: int
    not_assessed: int
    gaps: list[Gap]

    @property
    def percent(self) -> float:
        """Share of verdicts that are not unknown, 0 to 100. Nothing to judge counts as full."""
        total = self.assessed + self.not_assessed
        return 100.0 * self.assessed / total if total else 100.0


def fingerprint(rule: str, arn: str, key: str | None = None) -> str:
    """Identify a finding across scans: 32 hex digits of rule id, resource ARN and an optional sub-key.

    Suppressions, baselines and diffs stand on this, so what goes in never changes.
    """
    parts = [rule, arn] if key is None else [rule, arn, key]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def plain(value: Any) -> Any:
    """A value as JSON has it, so that a report that was saved and read back is the same; sets in order.

    Raises TypeError for what a report could not show.
    """
    if isinstance(value, str):  # enums of text too
        return str(value) if value.isascii() else str(value).encode("utf-8", "replace").decode()
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(each) for key, each in value.items()}
    if isinstance(value, Set):
        return sorted((plain(each) for each in value), key=repr)
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, date):  # and datetime
        return value.isoformat()
    raise TypeError(
        f"evidence of the type {type(value).__name__}: give text, numbers, times, or lists and maps of them"
    )
