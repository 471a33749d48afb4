"""Buckets to judge: of the emulated account."""

from collections.abc import Callable, Mapping
from typing import Any

from auditor.demo.endpoint import Error
from tests.lab import Lab

ACCOUNT, OTHER = "123456789012", "222222222222"


def make(lab: Lab, *names: str, region: str = "us-east-1") -> Any:
    """Buckets of these names, and the client that made them."""
    s3 = lab.client("s3", region)
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    for name in names:
        s3.create_bucket(Bucket=name, **where)
    return s3


Answer = Callable[[Mapping[str, Any], str, str], Mapping[str, Any] | Error | None]


def by_bucket(said: Mapping[str, Mapping[str, Any] | Error]) -> Answer:
    """What S3 says of these buckets; of others, what moto does."""

    def answer(params: Mapping[str, Any], region: str, account: str) -> Mapping[str, Any] | Error | None:
        return said.get(params["Bucket"])

    return answer


def tag(lab: Lab, **tags: Mapping[str, str]) -> None:
    """Give buckets tags."""
    s3 = lab.client("s3")
    for bucket, pairs in tags.items():
        s3.put_bucket_tagging(
            Bucket=bucket, Tagging={"TagSet": [{"Key": key, "Value": value} for key, value in pairs.items()]}
        )
