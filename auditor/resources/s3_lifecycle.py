"""Lifecycle rules of S3 buckets: what they move, and what they delete. A member that AWS leaves out is not set."""

from auditor.model import Shape


class Transition(Shape):
    """A move to a cheaper storage class: so many days after an object was made, or (without them) on a day."""

    days: int | None = None
    storage_class: str


class NoncurrentTransition(Shape):
    """A move of an object's earlier versions: so many days after they were replaced."""

    noncurrent_days: int | None = None
    storage_class: str


class Expiration(Shape):
    """After how many days objects are deleted; without them, on a day, or only what a deletion left behind."""

    days: int | None = None


class NoncurrentExpiration(Shape):
    """When earlier versions are deleted."""

    noncurrent_days: int | None = None


class AbortUploads(Shape):
    """After how many days the parts of an upload that was never finished are deleted."""

    days_after_initiation: int | None = None


class LifecycleRule(Shape):
    """One lifecycle rule; AWS leaves the id out of rules that were given none."""

    id: str | None = None
    status: str
    transitions: tuple[Transition, ...] = ()
    noncurrent_version_transitions: tuple[NoncurrentTransition, ...] = ()
    expiration: Expiration | None = None
    noncurrent_version_expiration: NoncurrentExpiration | None = None
    abort_incomplete_multipart_upload: AbortUploads | None = None

    @property
    def enabled(self) -> bool:
        """Whether it works."""
        return self.status == "Enabled"
