"""CodeCommit repositories."""

from typing import Annotated

from auditor.fetch import Call, Describe, Listing
from auditor.model import Resource, Shape


class RepositoryTrigger(Shape):
    """What a repository calls when something happens in it."""

    name: str
    destination_arn: str


class CodeRepository(Resource):
    """A repository of CodeCommit."""

    service, cfn_type = "codecommit", "AWS::CodeCommit::Repository"
    listing = Listing(
        "ListRepositories",
        at="repositories.repositoryName",
        then=Describe(
            "BatchGetRepositories", at="repositories", ids="repositoryNames", size=100, gone="repositoriesNotFound"
        ),
    )
    id_field = name_field = "repository_name"

    repository_name: str
    default_branch: str | None = None  # left out until the first push
    kms_key_id: str | None = None  # left out, it is the key that AWS manages
    triggers: Annotated[
        tuple[RepositoryTrigger, ...],
        Call("GetRepositoryTriggers", at="triggers", repositoryName="repository_name"),
    ]
    approval_rule_templates: Annotated[
        tuple[str, ...],
        Call(
            "ListAssociatedApprovalRuleTemplatesForRepository",
            at="approvalRuleTemplateNames",
            repositoryName="repository_name",
        ),
    ]
