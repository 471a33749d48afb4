"""IAM: instance profiles, by which instances get their roles."""

from collections.abc import Iterator

from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.ec2 import Instance
from auditor.resources.iam import InstanceProfile
from auditor.rule import Verdict, failed, not_applicable, passed, rule, seen

GROUP_TAG = "aws:autoscaling:groupName"


@rule(severity=Severity.LOW, category=Category.OPERATIONS, notes="IAM Roles for Services")
def iam_instance_profile_has_role(profile: InstanceProfile) -> Verdict:
    """Instance profiles hold a role.

    Risk: instances that were meant to have a role have none, and somebody helps himself with access keys.
    Fix: aws iam add-role-to-instance-profile --instance-profile-name {id} --role-name ROLE
    aws iam delete-instance-profile --instance-profile-name {id}
    """
    if profile.roles:
        return passed(roles=[role.role_name for role in profile.roles])
    return failed("The instance profile holds no role", roles=[])


@rule(severity=Severity.LOW, notes="One role per application")
def iam_instance_profile_not_shared_across_applications(
    profile: InstanceProfile, inventory: Inventory, *, application_tag: str = ""
) -> Verdict:
    """Each application's instances have an instance profile of their own.

    Risk: the role can do what any of the applications needs, and a flaw in one of them opens what the others have.
    Fix: aws iam create-instance-profile --instance-profile-name APPLICATION
    aws ec2 replace-iam-instance-profile-association --association-id ASSOCIATION_ID
        --iam-instance-profile Name=APPLICATION
    """
    named = sorted(set(seen(_applications(profile, inventory, application_tag))))
    if len(named) > 1:
        return failed("Instances of different applications have this profile", applications=named)
    named = sorted(set(_applications(profile, inventory, application_tag)))  # fewer are a pass if they are all
    return passed(applications=named) if named else not_applicable("No instance has this profile")


def _applications(profile: InstanceProfile, inventory: Inventory, tag: str) -> Iterator[str]:
    """What each instance with the profile belongs to; what stands alone, without a tag to tell, counts as one."""
    for instance in inventory.each(Instance):
        link = instance.iam_instance_profile
        if instance.live and link is not None and link.arn == profile.arn:
            tags = instance.tags or {}
            yield tags.get(GROUP_TAG) or tags.get(tag) or "stand-alone instances"
