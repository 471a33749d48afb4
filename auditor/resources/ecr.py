"""ECR: private repositories of images."""

from typing import Annotated

from auditor.fetch import Call, Listing
from auditor.model import Document, Resource, Shape


class ImageScanning(Shape):
    """A repository's own setting: under basic scanning, whether images are scanned when they are pushed."""

    scan_on_push: bool | None = None  # absent: no


class RepositoryFilter(Shape):
    """Which repositories a rule is about: with * a pattern, without it whatever name holds the text."""

    filter: str


class ScanningRule(Shape):
    """When images of some repositories are scanned: SCAN_ON_PUSH, CONTINUOUS_SCAN or MANUAL."""

    scan_frequency: str
    repository_filters: tuple[RepositoryFilter, ...]


class RegistryScanning(Shape):
    """How the account's registry of a region scans images: BASIC or ENHANCED."""

    scan_type: str
    rules: tuple[ScanningRule, ...] = ()


class ExclusionFilter(Shape):
    """Tags that are exempt from a repository's rule of (im)mutability."""

    filter: str


class EcrRepository(Resource):
    """A private repository of ECR."""

    service, cfn_type = "ecr", "AWS::ECR::Repository"
    listing = Listing("DescribeRepositories", at="repositories", params={"maxResults": 1000})
    arn_format = "{repository_arn}"
    id_field = "repository_name"
    name_field = "repository_name"

    repository_arn: str
    repository_name: str
    image_tag_mutability: str
    image_tag_mutability_exclusion_filters: tuple[ExclusionFilter, ...] = ()
    image_scanning_configuration: ImageScanning | None = None
    policy: Annotated[
        Document | None,
        Call(
            "GetRepositoryPolicy",
            at="policyText",
            absent=("RepositoryPolicyNotFoundException",),
            repositoryName="repository_name",
        ),
    ]
    lifecycle_policy: Annotated[
        Document | None,
        Call(
            "GetLifecyclePolicy",
            at="lifecyclePolicyText",
            absent=("LifecyclePolicyNotFoundException",),
            repositoryName="repository_name",
        ),
    ]
    # The registry's: one call serves all repositories of a region.
    registry_scanning: Annotated[RegistryScanning, Call("GetRegistryScanningConfiguration", at="scanningConfiguration")]
