"""Rules about CodeCommit repositories."""

from collections.abc import Mapping
from typing import Any

from auditor.analysis.developer_events import any_told, is_caught, is_notified
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.codecommit import CodeRepository
from auditor.resources.kms import KmsKey
from auditor.rule import Verdict, failed, passed, rule

KINDS = ("Created", "Updated", "Deleted")


@rule(severity=Severity.LOW, category=Category.OPERATIONS, notes="CodeCommit triggers")
def codecommit_repository_notifications_configured(repository: CodeRepository, inventory: Inventory) -> Verdict:
    """Somebody, or something, hears of what is pushed to a repository or deleted in it.

    Risk: a branch that was overwritten or deleted is missed when its last clone is gone.
    Fix: aws codestar-notifications create-notification-rule --region {region} --name {name}-changes
        --resource {arn} --detail-type BASIC --targets TargetType=SNS,TargetAddress=TOPIC-ARN --event-type-ids
        codecommit-repository-branches-and-tags-updated codecommit-repository-branches-and-tags-deleted
    """
    told = any_told(
        lambda: bool(repository.triggers),
        lambda: is_notified(repository, (), inventory),
        lambda: is_caught(repository, _events(repository), inventory),
    )
    return passed() if told else failed("Nobody is told of changes")


def _events(repository: CodeRepository) -> list[Mapping[str, Any]]:
    """What EventBridge is told of changes of the branch that most rules name."""
    return [
        {
            "detail-type": "CodeCommit Repository State Change",
            "source": "aws.codecommit",
            "detail": {
                "event": f"reference{kind}",
                "repositoryName": repository.repository_name,
                "referenceType": "branch",
                "referenceName": branch,
                "referenceFullName": f"refs/heads/{branch}",
            },
        }
        for kind in KINDS
        for branch in dict.fromkeys((repository.default_branch or "main", "main", "master"))
    ]


@rule(severity=Severity.INFORMATIONAL, notes="CodeCommit encryption")
def codecommit_repository_encrypted_with_cmk(repository: CodeRepository, inventory: Inventory) -> Verdict:
    """Repositories are encrypted with a key of the account's own.

    Risk: with the key that AWS manages, nobody can be kept from the code by the key's policy.
    Fix: aws codecommit update-repository-encryption-key --region {region} --repository-name {name} --kms-key-id KEY-ID
    """
    key_id = repository.kms_key_id
    if key_id is None or key_id.endswith("alias/aws/codecommit"):
        return failed("The key is managed by AWS", kms_key_id=key_id)
    field = "arn" if key_id.startswith("arn:") else "key_id"
    key = inventory.find(KmsKey, field, key_id, region=repository.region)
    if key is not None and key.is_aws_managed:
        return failed("The key is managed by AWS", kms_key_id=key_id)
    return passed(kms_key_id=key_id)


@rule(severity=Severity.LOW, notes="CodePipeline (review)")
def codecommit_repository_approval_rule_associated(repository: CodeRepository) -> Verdict:
    """Pull requests need an approval.

    Risk: whoever opens a pull request merges it too, and nobody else has read it.
    Fix: aws codecommit associate-approval-rule-template-with-repository --region {region} --repository-name {name}
        --approval-rule-template-name TEMPLATE
    """
    templates = repository.approval_rule_templates
    if not templates:
        return failed("No rule asks for an approval", approval_rule_template_names=[])
    return passed(approval_rule_template_names=list(templates))
