"""Buckets to judge: of the emulated account."""

from typing import Any

from tests.lab import Lab

ACCOUNT, OTHER = "123456789012", "222222222222"


def make(lab: Lab, *names: str, region: str = "us-east-1") -> Any:
    """Buckets of these names, and the client that made them."""
    s3 = lab.client("s3", region)
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    for name in names:
        s3.create_bucket(Bucket=name, **where)
    return s3
