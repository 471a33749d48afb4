"""IAM: how users, groups and roles are given their policies, and what these let them do to the account's guards."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from auditor.analysis.escalation import PROBE, Grants, Way
from auditor.analysis.holders import NotFound, customer_policies, grants_of
from auditor.analysis.policy import MalformedPolicy
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.account import Account
from auditor.resources.iam import AttachedPolicy, Group, InlinePolicy, Role, User, UserCredentials
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule, unknown

MFA_KEYS = ("aws:MultiFactorAuthPresent", "aws:MultiFactorAuthAge")
# What switches the account's guards off, and what each is about.
GUARDRAIL_ACTIONS = (
    "cloudtrail:StopLogging",
    "cloudtrail:DeleteTrail",
    "kms:ScheduleKeyDeletion",
    "guardduty:DeleteDetector",
    "iam:CreateAccessKey",
)
ABOUT = {"cloudtrail": "trail/", "kms": "key/", "guardduty": "detector/"}


@rule(
    severity=Severity.LOW,
    controls=(
        "SecurityHub IAM.2",
        "CIS-3.0 1.15",
        "CIS-5.0 1.14",
        "PCI-4.0 7.2.1.12 7.2.1.13 7.2.2.12 7.2.2.13 7.2.5.8 7.2.5.9 7.3.1.8 7.3.1.9 7.3.2.8 7.3.2.9 7.3.3.8",
        "PCI-4.0 7.3.3.9",
        "NIST-800-53-r5 ac_2_1 ac_2_6 ac_2_i_2 ac_3 ac_3_3 ac_3_3_a ac_3_3_b_1 ac_3_3_b_2 ac_3_3_b_3",
        "NIST-800-53-r5 ac_3_3_b_4 ac_3_3_b_5 ac_3_3_c",
        "ISO-27001-2022 A.5.15",
    ),
    notes="IAM Guidelines and Best Practices",
)
def iam_user_no_attached_policies(
    user: User, *, allowed_policies: tuple[str, ...] = ("IAMUserChangePassword",)
) -> Verdict:
    """IAM users have managed policies through groups only.

    Risk: when somebody changes teams, what was attached to him alone is what nobody thinks of taking away.
    Fix: aws iam attach-group-policy --group-name GROUP --policy-arn POLICY_ARN
    aws iam detach-user-policy --user-name {id} --policy-arn POLICY_ARN
    """
    attached = [policy.policy_arn for policy in user.attached_managed_policies if not _in(policy, allowed_policies)]
    return failed("Policies are attached to the user himself", policies=attached) if attached else passed()


def _in(policy: AttachedPolicy, names: tuple[str, ...]) -> bool:
    return policy.aws_managed_name in names


def _none_inline(policies: tuple[InlinePolicy, ...], wrong: str) -> Verdict:
    names = [policy.policy_name for policy in policies]
    return failed(wrong, policies=names) if names else passed()


@rule(
    severity=Severity.LOW,
    controls=(
        "SecurityHub IAM.2",
        "CIS-3.0 1.15",
        "CIS-5.0 1.14",
        "PCI-4.0 7.2.1.12 7.2.1.13 7.2.2.12 7.2.2.13 7.2.5.8 7.2.5.9 7.3.1.8 7.3.1.9 7.3.2.8 7.3.2.9 7.3.3.8",
        "PCI-4.0 7.3.3.9",
        "NIST-800-53-r5 ac_2_1 ac_2_6 ac_2_i_2 ac_3 ac_3_3 ac_3_3_a ac_3_3_b_1 ac_3_3_b_2 ac_3_3_b_3",
        "NIST-800-53-r5 ac_3_3_b_4 ac_3_3_b_5 ac_3_3_c",
        "ISO-27001-2022 A.5.15",
    ),
    notes="IAM: Permissions (inline policy)",
)
def iam_user_no_inline_policies(user: User) -> Verdict:
    """IAM users have no policies of their own inside them.

    Risk: such a policy has no versions, shows up in no list of policies, and is copied by hand from user to user.
    Fix: aws iam get-user-policy --user-name {id} --policy-name POLICY
    aws iam delete-user-policy --user-name {id} --policy-name POLICY
    """
    return _none_inline(user.inline_policies, "The user has inline policies")


@rule(severity=Severity.LOW, category=Category.OPERATIONS, notes="IAM: Permissions (inline policy)")
def iam_group_no_inline_policies(group: Group) -> Verdict:
    """Groups have managed policies, not inline ones.

    Risk: nobody can see what such a policy said last month, nor roll it back.
    Fix: aws iam get-group-policy --group-name {id} --policy-name POLICY
    aws iam delete-group-policy --group-name {id} --policy-name POLICY
    """
    return _none_inline(group.inline_policies, "The group has inline policies")


@rule(severity=Severity.INFORMATIONAL, category=Category.OPERATIONS, notes="IAM: Permissions (inline policy)")
def iam_role_no_inline_policies(role: Role) -> Verdict:
    """Roles have managed policies, not inline ones.

    Risk: an inline policy has no versions and no reviewers, though tools such as CDK write them by design.
    Fix: aws iam get-role-policy --role-name {id} --policy-name POLICY
    aws iam delete-role-policy --role-name {id} --policy-name POLICY
    """
    if role.path.startswith(("/aws-service-role/", "/aws-reserved/")):
        return not_applicable("The role belongs to AWS")
    return _none_inline(role.inline_policies, "The role has inline policies")


@rule(severity=Severity.LOW, category=Category.OPERATIONS, notes="IAM: Users & Groups")
def iam_group_has_members(group: Group, inventory: Inventory) -> Verdict:
    """Groups have members.

    Risk: what an empty group allows is on nobody's mind, until somebody is put into it.
    Fix: aws iam list-attached-group-policies --group-name {id}
    aws iam delete-group --group-name {id}
    """
    if any_of(lambda user: bool(user.user_name), inventory.where(User, "group_list", group.group_name)):
        return passed()
    return failed("The group has no members", members=[])


@rule(severity=Severity.MEDIUM, notes="MFA with CLI")
def iam_account_mfa_enforced_by_policy(account: Account, inventory: Inventory) -> Verdict:
    """A policy that reaches IAM users asks for MFA, in the console and with access keys.

    Risk: MFA at sign-in does nothing about a leaked access key, which works alone and from anywhere.
    Fix: attach a policy to the users' groups that denies all but setting up MFA, under the condition
        BoolIfExists aws:MultiFactorAuthPresent false:
    aws iam create-policy --policy-name require-mfa --policy-document file://require-mfa.json
    aws iam attach-group-policy --group-name GROUP --policy-arn POLICY_ARN
    """
    if not any_of(_can_sign_in, inventory.each(UserCredentials)):
        return not_applicable("No IAM user has a password or an active access key")
    broken: list[str] = []
    if any_of(lambda user: _asks_for_mfa(user, inventory, broken), inventory.each(User)):
        return passed("A policy that reaches users tests whether MFA was used")
    if broken:
        return unknown("Policies of users could not be read", reasons=sorted(set(broken)))
    return failed("No policy that reaches users tests whether MFA was used", account_id=account.account)


def _can_sign_in(user: UserCredentials) -> bool:
    return not user.is_root and bool(user.password_enabled or user.active_keys)


def _asks_for_mfa(user: User, inventory: Inventory, broken: list[str]) -> bool:
    try:
        policies = list(customer_policies(user, inventory))
    except (MalformedPolicy, NotFound) as error:
        broken.append(str(error))
        return False
    return any(statement.conditions_on(*MFA_KEYS) for policy in policies for statement in policy.statements)


@rule(severity=Severity.MEDIUM, notes="Policy simulator")
def iam_principal_guardrail_actions_denied(
    principal: Role | User,
    inventory: Inventory,
    *,
    admin_principals: tuple[str, ...] = (),
    guardrail_actions: tuple[str, ...] = GUARDRAIL_ACTIONS,
) -> Verdict:
    """Nobody but administrators may stop the trail, delete keys or detectors, or make access keys for others.

    Risk: the first thing that an intruder does is to switch off what records him, and to make a key of his own.
    Fix: deny these actions by a permissions boundary or a service control policy, or narrow the policies that allow
        them; to see which those are:
    aws iam simulate-principal-policy --policy-source-arn {arn} --action-names cloudtrail:StopLogging
        cloudtrail:DeleteTrail kms:ScheduleKeyDeletion guardduty:DeleteDetector iam:CreateAccessKey
    """
    name = principal.role_name if isinstance(principal, Role) else principal.user_name
    if isinstance(principal, Role) and principal.path.startswith(("/aws-service-role/", "/aws-reserved/")):
        return not_applicable("The role belongs to AWS")
    if any(fnmatchcase(name, pattern) for pattern in admin_principals):
        return not_applicable("The principal is there to administrate (admin_principals)")
    if any(policy.aws_managed_name == "AdministratorAccess" for policy in _attachments(principal, inventory)):
        return not_applicable("AdministratorAccess is attached, as other rules say")
    try:
        grants = grants_of(principal, inventory)
    except (MalformedPolicy, NotFound) as error:
        return unknown(f"Not all policies could be read: {error}")
    ways = {action: _guarded(action, grants) for action in guardrail_actions}
    allowed = [action for action, way in ways.items() if way is Way.OPEN]
    if allowed:
        return failed("The policies allow to weaken what guards the account", allowed=allowed)
    if open_to_doubt := [action for action, way in ways.items() if way is not Way.CLOSED]:
        return unknown("Whether the policies allow it hangs on their conditions", actions=open_to_doubt)
    return passed(denied=list(guardrail_actions))


def _attachments(principal: Role | User, inventory: Inventory) -> Iterator[AttachedPolicy]:
    yield from principal.attached_managed_policies
    for name in principal.group_list if isinstance(principal, User) else ():
        group = inventory.find(Group, "group_name", name)
        yield from group.attached_managed_policies if group else ()


def _guarded(action: str, grants: Grants) -> Way:
    """The widest way to an action on anything of its kind, in any region that policies name."""
    service = action.partition(":")[0]
    if service == "iam" or service not in ABOUT:
        return grants.anywhere(action)[0]
    about = f"{ABOUT[service]}{PROBE}"
    arns = (f"arn:{grants.partition}:{service}:{region}:{grants.account}:{about}" for region in grants.regions)
    context: dict[str, Any] = {}
    return max(grants.way(action, arn, {**context, "aws:RequestedRegion": arn.split(":")[3]}) for arn in arns)
