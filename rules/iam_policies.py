"""IAM: what policies grant to those who hold them."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from auditor.analysis.escalation import Escalation, Grants, Way, escalations
from auditor.analysis.policy import NEGATED, Condition, MalformedPolicy, Policy, Statement, parse
from auditor.analysis.wildcard import glob, tokens
from auditor.findings import Category, Severity
from auditor.resources.iam import AttachedPolicy, Group, ManagedPolicy, Role, User
from auditor.rule import Verdict, failed, not_applicable, passed, rule, unknown

# AWS replaces some by a second version: CloudWatchFullAccessV2, AmazonDynamoDBFullAccess_v2.
FULL_ACCESS = re.compile(r"FullAccess(_?[vV]\d+)?$")

OWN_ACCOUNT = re.compile(r"\$\{aws:(Principal|Resource)Account\}", re.IGNORECASE)


Holder = ManagedPolicy | User | Group | Role


def _judge(holder: Holder, is_wrong: Callable[[Statement], bool], message: str) -> Iterator[Verdict]:
    """What is wrong with a managed policy that somebody holds, or with each inline policy of a user, group or role."""

    def judge(policy: Policy) -> Verdict:
        wrong = [_shown(statement) for statement in policy.allows if is_wrong(statement)]
        return failed(message, statements=wrong) if wrong else passed()

    return _judge_policies(holder, judge)


def _judge_policies(holder: Holder, judge: Callable[[Policy], Verdict]) -> Iterator[Verdict]:
    """The verdict on a managed policy that somebody holds, or on each inline policy of a user, group or role."""
    if isinstance(holder, ManagedPolicy):
        yield _unused(holder) or _judge_document(holder.document, judge)
        return
    owner = holder.owner if isinstance(holder, Role) else None
    for policy in holder.inline_policies:
        name = policy.policy_name
        if owner:
            yield not_applicable(f"The role and its policies belong to {owner}", key=name, policy=name)
        else:
            verdict = _judge_document(policy.policy_document, judge)
            yield replace(verdict, key=name, evidence={"policy": name, **verdict.evidence})


def _unused(policy: ManagedPolicy) -> Verdict | None:
    """Said of a policy that grants nothing now, because nobody holds it."""
    if policy.attachment_count:
        return None
    return _only_boundary(policy) or not_applicable("The policy is attached to nobody", attachment_count=0)


def _only_boundary(policy: ManagedPolicy) -> Verdict | None:
    """Said of a policy that only bounds what other policies may grant."""
    uses = policy.permissions_boundary_usage_count
    if policy.attachment_count or not uses:
        return None
    said = "The policy is only used as permissions boundary, and grants nothing"
    return not_applicable(said, attachment_count=0, permissions_boundary_usage_count=uses)


def _judge_document(document: dict[str, Any] | None, judge: Callable[[Policy], Verdict]) -> Verdict:
    if document is None:
        return unknown("AWS did not say which version of the policy is in force")
    try:
        return judge(parse(document))
    except MalformedPolicy as error:
        return unknown(f"The policy could not be read: {error}")


def _shown(statement: Statement) -> dict[str, Any]:
    """A statement as evidence: what it says of actions, resources and conditions."""
    elements: Iterable[tuple[str, tuple[str, ...] | None]] = (
        ("Action", statement.actions),
        ("NotAction", statement.not_actions),
        ("Resource", statement.resources),
        ("NotResource", statement.not_resources),
    )
    shown: dict[str, Any] = {name: list(values) for name, values in elements if values is not None}
    if statement.conditions:
        shown["Condition"] = [str(condition) for condition in statement.conditions]
    return {"statement": statement.label, **shown}


@rule(
    severity=Severity.HIGH,
    controls=(
        "SecurityHub IAM.1",
        "CIS-3.0 1.16",
        "CIS-5.0 1.15",
        "NIST-800-53-r5 ac_2_1 ac_2_6 ac_2_i_2 ac_3 ac_3_3 ac_3_3_a ac_3_3_b_1 ac_3_3_b_2 ac_3_3_b_3 ac_3_3_b_4",
        "NIST-800-53-r5 ac_3_3_b_5 ac_3_3_c",
        "ISO-27001-2022 A.5.18 A.8.2",
    ),
    notes="IAM: Permissions (least privilege)",
)
def iam_policy_no_administrative_privileges(holder: ManagedPolicy | User | Group | Role) -> Iterator[Verdict]:
    """No policy of the account's own that is in use allows every action on every resource.

    Risk: who holds it is administrator under another name, and passes by every check for AdministratorAccess.
    Fix: name the actions and resources that are needed; for what was used so far, ask
    aws iam generate-service-last-accessed-details --granularity ACTION_LEVEL --arn {arn}
    """
    return _judge(holder, lambda statement: statement.is_everything, "The policy allows everything")


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub IAM.21",
        "PCI-4.0 3.5.1.1.7 3.5.1.3.15 3.6.1.2.7 3.6.1.3.7 3.6.1.4.7 3.6.1.7 3.7.1.8 3.7.2.7 3.7.4.8 3.7.6.7 3.7.7.7",
        "PCI-4.0 4.2.1.1.20",
    ),
    notes="IAM Policies structure (Action)",
)
def iam_policy_no_service_wildcard_actions(policy: ManagedPolicy, *, on_every_resource_only: bool = True) -> Verdict:
    """Policies do not allow all actions of a service on every resource.

    Risk: "s3:*" holds deleting, publishing and handing on, for somebody who wanted to read.
    Fix: aws iam create-policy-version --policy-arn {arn} --set-as-default --policy-document file://narrower.json
    """

    def is_wrong(statement: Statement) -> bool:
        on_every = statement.not_resources is None and statement.is_every_resource
        return bool(statement.whole_service_wildcards()) and (on_every or not on_every_resource_only)

    def judge(found: Policy) -> Verdict:
        wrong = [_shown(statement) for statement in found.allows if is_wrong(statement)]
        return failed("The policy allows all actions of a service", statements=wrong) if wrong else passed()

    return _only_boundary(policy) or _judge_document(policy.document, judge)


def _in_account(statement: Statement, account: str) -> Statement:
    """The statement with the account where it has the variable for the caller's own."""
    resources = statement.resources
    filled = None if resources is None else tuple(OWN_ACCOUNT.sub(account, resource) for resource in resources)
    return replace(statement, resources=filled)


def _limits(condition: Condition) -> bool:
    """Whether a condition leaves any service out: not one on "*", nor one that there be a service at all."""
    any_service = any(glob(tokens(value), "any.amazonaws.com") for value in condition.values)
    return condition.operator != "Null" and (condition.operator in NEGATED or not any_service)


@rule(severity=Severity.HIGH, notes="IAM Roles for Services")
def iam_policy_passrole_scoped(holder: ManagedPolicy | User | Group | Role) -> Iterator[Verdict]:
    """Policies name the roles, or the services, that iam:PassRole is allowed for.

    Risk: who may hand any role to a service runs code with the strongest role of the account.
    Fix: put the role's ARN in Resource, or a Condition on iam:PassedToService; then a managed policy takes a new
        version, and one inside a role (user, group) is put again:
    aws iam create-policy-version --policy-arn {arn} --set-as-default --policy-document file://narrower.json
    aws iam put-role-policy --role-name {id} --policy-name POLICY --policy-document file://narrower.json
    """
    roles = f"arn:{holder.partition}:iam::{holder.account}:role/?*"

    def is_wrong(statement: Statement) -> bool:
        return (
            not statement.is_everything  # that is for another rule to say
            and statement.not_actions is None  # and so is this
            and statement.matches_action("iam:PassRole")
            and _in_account(statement, holder.account).covers_resource(roles)
            and not any(map(_limits, statement.conditions_on("iam:PassedToService", "iam:AssociatedResourceArn")))
        )

    return _judge(holder, is_wrong, "The policy allows to pass any role to any service")


@rule(severity=Severity.HIGH, notes="IAM: Permissions (least privilege)")
def iam_policy_no_privilege_escalation(holder: ManagedPolicy | User | Group | Role) -> Iterator[Verdict]:
    """Policies do not let their holders give themselves more permissions.

    Risk: who may write policies, or hand a strong role to a machine of his own, is administrator by two calls.
    Fix: name the users, roles or functions in Resource, or demand a permissions boundary; then a managed policy takes
        a new version, and one inside a role (user, group) is put again:
    aws iam create-policy-version --policy-arn {arn} --set-as-default --policy-document file://narrower.json
    aws iam put-role-policy --role-name {id} --policy-name POLICY --policy-document file://narrower.json
    """

    def judge(policy: Policy) -> Verdict:
        if any(allow.is_everything for allow in policy.allows):
            return passed("The policy allows everything, as iam-policy-no-administrative-privileges says")
        return _escalating(escalations(Grants((policy,), holder.account, holder.partition)))

    return _judge_policies(holder, judge)


def _escalating(found: tuple[Escalation, ...]) -> Verdict:
    """The verdict on the paths that a policy opens by itself. High if one needs nothing that must exist already."""
    paths = [
        {"path": e.path.name, "statements": list(e.statements), "conditional": e.way is Way.CONDITIONAL}
        for e in found
        if e.way >= Way.CONDITIONAL
    ]
    apart = "boundaries and policies of the organization aside"
    if any(e.way is Way.OPEN and not e.path.needs_target for e in found):
        return failed(f"The policy lets its holder gain more permissions ({apart})", paths=paths)
    if paths:
        said = f"The policy may let its holder gain more permissions ({apart})"
        return failed(said, severity=Severity.MEDIUM, paths=paths)
    # Targets that a condition narrows, by tags for one, are as good as targets that are named in Resource.
    unsettled = [{"path": e.path.name, "statements": list(e.statements)} for e in found if not e.path.needs_target]
    if unsettled:
        return unknown("Whether the policy lets its holder gain more hangs on its conditions", paths=unsettled)
    return passed()


@rule(severity=Severity.MEDIUM, notes="IAM Policies structure")
def iam_policy_no_allow_with_notaction(holder: ManagedPolicy | User | Group | Role) -> Iterator[Verdict]:
    """Policies that allow say what, not what not: no NotAction or NotResource in an Allow statement.

    Risk: it grants all that is not listed, including services that AWS will launch next year.
    Fix: list what is needed in Action and Resource, and keep NotAction for Deny statements; then a managed policy
        takes a new version, and one inside a role (user, group) is put again:
    aws iam create-policy-version --policy-arn {arn} --set-as-default --policy-document file://narrower.json
    aws iam put-role-policy --role-name {id} --policy-name POLICY --policy-document file://narrower.json
    """
    return _judge(
        holder,
        lambda statement: statement.not_actions is not None or statement.not_resources is not None,
        "The policy allows everything but what it lists",
    )


@rule(severity=Severity.MEDIUM, notes="AWS Credentials Scenario")
def iam_principal_no_full_access_managed_policies(principal: Role | User | Group) -> Verdict:
    """Nobody holds an AWS policy for full access to a service where a narrower one would do.

    Risk: a workload that needs one bucket can read, change and delete every one.
    Fix: attach a policy of your own for the actions and the resource that are needed, then take this one away from
        the role (or the user by detach-user-policy --user-name, the group by detach-group-policy --group-name):
    aws iam detach-role-policy --role-name {id} --policy-arn POLICY_ARN
    """
    if isinstance(principal, Role) and principal.owner:
        return not_applicable(f"The role belongs to {principal.owner}")
    names = [policy.aws_managed_name or "" for policy in principal.attached_managed_policies]
    # The shell in the console has a rule of its own.
    full = [name for name in names if FULL_ACCESS.search(name) and name != "AWSCloudShellFullAccess"]
    full += [name for name in names if name == "PowerUserAccess"]
    if not full:
        return passed()
    # Full access to IAM is as much as AdministratorAccess.
    severity = Severity.HIGH if "IAMFullAccess" in full else Severity.MEDIUM
    return failed("Full access to a service by a policy of AWS", severity=severity, policies=sorted(full))


@rule(severity=Severity.LOW, notes="IAM Policies structure")
def iam_policy_language_version_current(holder: ManagedPolicy | User | Group | Role) -> Iterator[Verdict]:
    """Policies are written in the current version of the policy language, 2012-10-17.

    Risk: without it a variable such as ${aws:username} is plain text: a Deny with one denies nothing.
    Fix: put "Version": "2012-10-17" first in the document; then a managed policy takes a new version, and others are
        put again:
    aws iam create-policy-version --policy-arn {arn} --set-as-default --policy-document file://policy.json
    aws iam put-role-policy --role-name {id} --policy-name POLICY --policy-document file://policy.json
    aws iam update-assume-role-policy --role-name {id} --policy-document file://trust.json
    """
    if isinstance(holder, ManagedPolicy):
        yield _language(holder.document)
        return
    owner = holder.owner if isinstance(holder, Role) else None
    documents = {policy.policy_name: policy.policy_document for policy in holder.inline_policies}
    if isinstance(holder, Role):
        documents = {"trust policy": holder.assume_role_policy_document, **documents}
    for name, document in documents.items():
        verdict = not_applicable(f"The role and its policies belong to {owner}") if owner else _language(document)
        yield replace(verdict, key=name, evidence={"policy": name, **verdict.evidence})


def _language(document: dict[str, Any] | None) -> Verdict:
    if document is None:
        return unknown("AWS did not say which version of the policy is in force")
    version = document.get("Version")
    if version == "2012-10-17":
        return passed(version=version)
    variables = "${" in json.dumps(document)
    said = "Variables of the policy are plain text" if variables else "The policy is written in the old language"
    return failed(said, severity=Severity.MEDIUM if variables else None, version=version, variables=variables)


@rule(severity=Severity.INFORMATIONAL, category=Category.OPERATIONS, notes="Security (access advisor)")
def iam_policy_attached(policy: ManagedPolicy) -> Verdict:
    """Policies of the account's own are attached to somebody, or bound somebody.

    Risk: whoever may attach policies finds one ready that nobody has reviewed for years.
    Fix: aws iam list-policy-versions --policy-arn {arn}
    aws iam delete-policy --policy-arn {arn}
    """
    bounds = policy.permissions_boundary_usage_count or 0
    evidence: dict[str, Any] = {"attachment_count": policy.attachment_count, "permissions_boundary_usage_count": bounds}
    return passed(**evidence) if policy.attachment_count or bounds else failed("Nobody has this policy", **evidence)


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub IAM.27",
        "CIS-3.0 1.22",
        "CIS-5.0 1.21",
        "PCI-4.0 7.2.1.14 7.2.1.15 7.2.1.16 7.2.2.14 7.2.2.15 7.2.2.16 7.2.3.7 7.2.5.10 7.2.5.11 7.2.5.12",
        "PCI-4.0 7.3.1.10 7.3.1.11",
    ),
    notes="AWS CloudShell",
)
def iam_cloudshell_full_access_not_attached(principal: Role | User | Group) -> Verdict:
    """Nobody holds AWSCloudShellFullAccess.

    Risk: CloudShell moves files in and out through the console, past every guard of the company's own network.
    Fix: take the policy away from the role (or the user by detach-user-policy --user-name, the group by
        detach-group-policy --group-name):
    aws iam detach-role-policy --role-name {id} --policy-arn arn:aws:iam::aws:policy/AWSCloudShellFullAccess
    """
    if isinstance(principal, Role) and principal.is_service_linked:
        return not_applicable("The role belongs to an AWS service")
    held = [policy.policy_arn for policy in principal.attached_managed_policies if _is_cloudshell(policy)]
    return failed("AWSCloudShellFullAccess is attached", policies=held) if held else passed()


def _is_cloudshell(policy: AttachedPolicy) -> bool:
    return policy.aws_managed_name == "AWSCloudShellFullAccess"
