"""The three values of a field, and what happens to answers that are not as expected."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from auditor.fetch import UNCOLLECTED, CallError, Unread, walk
from auditor.findings import Gap, GapKind
from auditor.model import Resource, details
from auditor.resources.cloudtrail import Trail
from auditor.resources.s3 import Bucket

PLACE = {"partition": "aws", "account": "123456789012", "region": "global"}


def bucket(**members: Any) -> Bucket:
    return Bucket.build({"Name": "photos", "BucketRegion": "eu-west-1", **members}, **PLACE)


def test_members_are_named_as_botocore_names_them() -> None:
    made = bucket()
    assert (made.name, made.region, made.arn) == ("photos", "eu-west-1", "arn:aws:s3:::photos")
    assert made.ref.type == "AWS::S3::Bucket" and made.ref.name == "photos" and made.ref.tags is None


def test_a_value() -> None:
    made = bucket()
    made.fill("versioning", {"Status": "Enabled"})
    assert made.versioning.status == "Enabled"


def test_none_where_aws_says_that_there_is_none() -> None:
    made = bucket()
    made.fill("policy", None)
    assert made.policy is None


def test_what_was_not_read_raises_with_its_reason() -> None:
    made = bucket()
    made.lose("policy", made.gap("policy", GapKind.DENIED, "AccessDenied", "no"))
    with pytest.raises(Unread, match=r"s3:GetBucketPolicy in eu-west-1 was denied .* allow s3:GetBucketPolicy"):
        _ = made.policy
    with pytest.raises(Unread, match="was not asked"):
        _ = made.acl


@pytest.mark.parametrize("name", sorted(details(Bucket)))
def test_no_detail_reads_as_anything_before_it_was_collected(name: str) -> None:
    made = bucket()
    with pytest.raises(Unread):
        getattr(made, name)
    assert name not in made.__dict__ and name not in repr(made)
    with pytest.raises(Unread):
        getattr(made.model_copy(), name)


def test_a_detail_of_an_unexpected_form_is_lost_alone() -> None:
    made = bucket()
    made.fill("acl", {"Grants": "not a list"})
    made.fill("versioning", {})
    with pytest.raises(Unread, match="was not understood"):
        _ = made.acl
    assert made.versioning.status is None


def test_a_member_of_an_unexpected_form_costs_that_field_only() -> None:
    item = {"Name": "t", "TrailARN": "arn:aws:cloudtrail:eu-west-1:1:trail/t", "HomeRegion": "eu-west-1"}
    made = Trail.build({**item, "S3BucketName": ["?"], "IsMultiRegionTrail": True}, **PLACE)
    assert made.is_multi_region_trail
    with pytest.raises(Unread, match="was not understood"):
        _ = made.s3_bucket_name
    with pytest.raises(Unread):
        _ = made.status


def test_without_identity_there_is_no_resource() -> None:
    with pytest.raises(ValidationError):
        Bucket.build({"BucketRegion": "eu-west-1"}, **PLACE)


def test_a_resource_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        bucket().name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("given_tags", "tags"),
    [
        ([{"Key": "a", "Value": "1"}], {"a": "1"}),
        ([{"key": "a", "value": "1"}], {"a": "1"}),
        ([{"TagKey": "a", "TagValue": "1"}], {"a": "1"}),
        ([{"Key": "a"}], {"a": ""}),
        ({"a": "1"}, {"a": "1"}),
        (None, None),
    ],
)
def test_tags_are_read_however_aws_spells_them(given_tags: Any, tags: Any) -> None:
    assert bucket(Tags=given_tags).tags == tags


@pytest.mark.parametrize("text", ['{"Statement": []}', "%7B%22Statement%22%3A%20%5B%5D%7D", {"Statement": []}])
def test_policies_are_decoded(text: Any) -> None:
    made = bucket()
    made.fill("policy", text)
    assert made.policy == {"Statement": []}


@pytest.mark.parametrize("text", ["{nonsense", '{"Statement": [], "Statement": []}'])
def test_a_policy_that_could_mean_two_things_is_not_understood(text: str) -> None:
    made = bucket()
    made.fill("policy", text)
    with pytest.raises(Unread, match="was not understood"):
        _ = made.policy


@pytest.mark.parametrize("kind", [kind for _, kind in sorted(Resource.kinds.items())], ids=str)
def test_a_whole_type_has_an_arn_of_its_own(kind: type[Resource]) -> None:
    there = {kind.wildcard_arn("aws", "1", region) for region in ("eu-west-1", "us-east-1", "global")}
    assert all(arn.startswith("arn:aws:") and arn.endswith("*") for arn in there)


def test_a_value_that_was_not_collected_cannot_pass_validation_elsewhere() -> None:
    with pytest.raises(ValidationError):
        Bucket.model_validate({**PLACE, "name": UNCOLLECTED, "arn": "arn:aws:s3:::x"})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values, st.lists(st.text(alphabet="ab.", max_size=3)).map(".".join))
def test_walking_any_answer_gives_a_list(data: Any, path: str) -> None:
    assert isinstance(walk(data, path), list)


def test_a_gap_says_what_would_mend_it() -> None:
    gap = Gap(
        kind=GapKind.DENIED, account="1", region="eu-west-1", service="ec2", operation="DescribeVolumes",
        resource_type="AWS::EC2::Volume", code="UnauthorizedOperation", message="", iam_action="ec2:DescribeVolumes",
    )  # fmt: skip
    assert gap.reason == (
        "ec2:DescribeVolumes in eu-west-1 was denied (UnauthorizedOperation); allow ec2:DescribeVolumes"
    )
    assert CallError(GapKind.FAILED, "X", "y").message == "y"
    assert datetime.now(UTC).tzinfo is UTC
