"""How the world gets into an S3 bucket: by its policy, by its ACL, and what Block Public Access leaves of both."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from auditor.analysis.network import each_readable
from auditor.analysis.policy import MalformedPolicy, Policy, parse
from auditor.analysis.public import public_statements
from auditor.fetch import Unread
from auditor.findings import GapKind
from auditor.inventory import Inventory
from auditor.resources.account import Account, PublicAccessBlock
from auditor.resources.s3 import Bucket

PUBLIC_GROUPS = ("/global/AllUsers", "/global/AuthenticatedUsers")
NO_BLOCK = PublicAccessBlock()


@dataclass(frozen=True, slots=True)
class Way:
    """One way by which everyone gets in: "policy" or "ACL", and the values that show it."""

    by: str
    evidence: dict[str, Any]


def policy_of(bucket: Bucket) -> Policy | None:
    """The bucket's policy, None if it has none. Raises Unread also where it is no policy by IAM's grammar."""
    if bucket.policy is None:
        return None
    try:
        return parse(bucket.policy, of_resource=True)
    except MalformedPolicy as error:
        said = f"it is no policy that is understood: {error}"
        raise Unread(bucket.gap("policy", GapKind.UNEXPECTED, "MalformedPolicy", said)) from None


def public_access_blocks(bucket: Bucket, inventory: Inventory) -> Iterator[PublicAccessBlock]:
    """The bucket's own Block Public Access and the account's; all off where nothing is configured.

    For each flag the stricter one rules. Raises Unread after all that can be read.
    """

    def holders() -> Iterator[Bucket | Account]:
        yield bucket
        yield from inventory.each(Account)

    return each_readable(holders(), lambda holder: [holder.public_access_block or NO_BLOCK])


def ways_in(bucket: Bucket, inventory: Inventory) -> Iterator[Way]:
    """The ways by which everyone gets in. Raises Unread, after those that are known, if there may be more."""
    return each_readable((_by_policy, _by_acl), lambda way: way(bucket, inventory))


def evidence_of(ways: Iterable[Way]) -> dict[str, Any]:
    """The values that show these ways in, as the evidence of a finding."""
    return {name: value for way in ways for name, value in way.evidence.items()}


def _by_policy(bucket: Bucket, inventory: Inventory) -> Iterator[Way]:
    def restricted() -> bool:
        return any(block.restrict_public_buckets for block in public_access_blocks(bucket, inventory))

    if not _any_of(restricted, lambda: not _policy_is_public(bucket)):
        statements, opinion = _shown(lambda: _public_statements(bucket)), _shown(lambda: _aws_opinion(bucket))
        yield Way("policy", {"public_statements": statements, "aws_says_public": opinion})


def _policy_is_public(bucket: Bucket) -> bool:
    """Whether we, or AWS, take the policy for public: each may see what the other misses."""
    try:
        if bucket.policy is None:
            return False
    except Unread:
        pass  # AWS's opinion may do
    return _any_of(lambda: _aws_opinion(bucket) is True, lambda: bool(_public_statements(bucket)))


def _public_statements(bucket: Bucket) -> list[dict[str, Any]]:
    policy = policy_of(bucket)
    return [found.evidence for found in public_statements(policy, service="s3")] if policy is not None else []


def _aws_opinion(bucket: Bucket) -> bool | None:
    return bucket.policy_status.is_public if bucket.policy_status is not None else None


def _by_acl(bucket: Bucket, inventory: Inventory) -> Iterator[Way]:
    def ignored() -> bool:
        return any(block.ignore_public_acls for block in public_access_blocks(bucket, inventory))

    if not _any_of(ignored, lambda: acls_are_disabled(bucket), lambda: not _public_grants(bucket)):
        yield Way("ACL", {"public_grants": _public_grants(bucket)})


def acls_are_disabled(bucket: Bucket) -> bool:
    """Whether Object Ownership makes ACLs count for nothing."""
    controls = bucket.ownership_controls
    return controls is not None and controls.object_ownership == "BucketOwnerEnforced"


def _public_grants(bucket: Bucket) -> list[str]:
    """The grants of the ACL to everyone, such as "READ to AllUsers"."""
    groups = ((grant.permission, grant.grantee.uri or "") for grant in bucket.acl.grants)
    return [f"{permission} to {uri.rpartition('/')[2]}" for permission, uri in groups if uri.endswith(PUBLIC_GROUPS)]


def _any_of(*tests: Callable[[], bool]) -> bool:
    """Whether any test holds: True as soon as one is seen to. Raises Unread when none is and one could not be seen."""
    return any(each_readable(tests, lambda test: [test()]))


def _shown(read: Callable[[], object]) -> object:
    """A value as evidence, or why it could not be read: it is not what decided."""
    try:
        return read()
    except Unread as unread:
        return unread.gap.reason
