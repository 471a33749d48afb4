"""IAM: whom roles let in."""

from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

from auditor.analysis.escalation import Way, administrator
from auditor.analysis.holders import NotFound, grants_of
from auditor.analysis.policy import Kind, MalformedPolicy, Policy, Principal, parse
from auditor.analysis.trust import (
    EXTERNAL_ID_KEYS,
    MULTI_TENANT_ISSUERS,
    WebIdentity,
    cross_account_statements,
    public_trusts,
    service_grants,
    web_identities,
)
from auditor.analysis.wildcard import glob, tokens
from auditor.findings import Severity
from auditor.inventory import Inventory
from auditor.resources.account import Account
from auditor.resources.iam import Role
from auditor.rule import Verdict, failed, not_applicable, passed, rule, unknown

ADMIN_ROLE_NAMES = (
    "OrganizationAccountAccessRole",
    "AWSControlTowerExecution",
    "AWSCloudFormationStackSetExecutionRole",
    "stacksets-exec-*",
    "cdk-*-cfn-exec-role-*",
)
# Services that run code which the account's own people, or strangers through it, can steer.
COMPUTE_SERVICES = ("ec2", "lambda", "ecs-tasks", "codebuild")
# Services that can be led to use a role for another account, and that say in the request for which one they act: those
# whose guides ask for aws:SourceAccount in the trust policy (DMS from version 3.4.7 on). Many others do not send it.
SERVICES_FOR_OTHERS = (
    "bedrock.amazonaws.com",
    "codebuild.amazonaws.com",
    "datasync.amazonaws.com",
    "dms.amazonaws.com",
    "kinesisanalytics.amazonaws.com",
    "logs.amazonaws.com",
    "pipes.amazonaws.com",
    "scheduler.amazonaws.com",
    "ssm.amazonaws.com",
    "states.amazonaws.com",
    "transfer.amazonaws.com",
    "vpc-flow-logs.amazonaws.com",
)
# All of them give a session of the role; sts:TagSession and sts:SetSourceIdentity alone do not.
ASSUMING = ("sts:assumerole", "sts:assumerolewithsaml", "sts:assumerolewithwebidentity")


def _trust(role: Role) -> Policy | Verdict:
    """The role's trust policy, or what to say where it cannot be read."""
    try:
        return parse(role.assume_role_policy_document, of_resource=True)
    except MalformedPolicy as error:
        return unknown(f"The trust policy could not be read: {error}")


@rule(severity=Severity.HIGH, notes="IAM: Permissions (least privilege)")
def iam_role_no_administrator_access(role: Role, *, admin_role_names: tuple[str, ...] = ADMIN_ROLE_NAMES) -> Verdict:
    """Roles of workloads do not carry AdministratorAccess.

    Risk: a flaw in the workload hands out credentials that can do everything.
    Fix: attach a policy with what the workload needs, then
    aws iam detach-role-policy --role-name {id} --policy-arn arn:aws:iam::aws:policy/AdministratorAccess
    """
    if role.owner:
        return not_applicable(f"The role belongs to {role.owner}")
    if any(fnmatchcase(role.role_name, pattern) for pattern in admin_role_names):
        return not_applicable("The role is there to administrate (admin_role_names)")
    if not any(policy.aws_managed_name == "AdministratorAccess" for policy in role.attached_managed_policies):
        return passed()
    trust = _trust(role)
    allows = trust.allows if isinstance(trust, Policy) else ()
    allowed = [principal for statement in allows for principal in statement.principals or ()]
    exposures = [_exposure(principal) for principal in allowed]
    if not exposures or any(statement.not_principals is not None for statement in allows):
        exposures.append(Severity.HIGH)  # nobody can tell who may come
    severity = min(exposures, key=lambda exposure: exposure.rank)
    return failed("AdministratorAccess is attached", severity=severity, trusted=sorted(map(str, allowed)))


def _exposure(principal: Principal) -> Severity:
    """How much it matters that this principal may become administrator: for people that is the accepted way."""
    if principal.kind is Kind.SERVICE:
        return Severity.CRITICAL if principal.value.split(".")[0] in COMPUTE_SERVICES else Severity.HIGH
    if principal.kind is Kind.AWS or ":saml-provider/" in principal.value:
        return Severity.LOW
    return Severity.HIGH


@rule(severity=Severity.CRITICAL, notes="IAM Roles for Services (verify trusted entities)")
def iam_role_trust_policy_not_public(role: Role) -> Verdict:
    """Roles do not let everyone in.

    Risk: any AWS account in the world can assume the role and do what it may do.
    Fix: name the accounts or roles in Principal, or demand your aws:PrincipalOrgID, in
    aws iam update-assume-role-policy --role-name {id} --policy-document file://trust.json
    """
    if role.is_service_linked:
        return not_applicable("The role belongs to an AWS service")
    trust = _trust(role)
    if isinstance(trust, Verdict):
        return trust
    public = [
        found for found in public_trusts(trust) if _lets_in(found.opening.statement.not_actions, found.opening.actions)
    ]
    if not public:
        return passed()
    # Knowing a secret, or being at an address, is something; it is not being somebody.
    severity = Severity.HIGH if all(found.weak for found in public) else Severity.CRITICAL
    return failed("Everyone may assume the role", severity=severity, statements=[f.opening.evidence for f in public])


def _lets_in(but: tuple[str, ...] | None, actions: tuple[str, ...]) -> bool:
    """Whether one of these actions (all others than `but`, if given) is to assume a role."""
    patterns = [tokens(action.lower()) for action in (actions if but is None else but)]
    named = [any(glob(pattern, action) for pattern in patterns) for action in ASSUMING]
    return any(named) if but is None else not all(named)


@rule(severity=Severity.MEDIUM, notes="IAM Policies structure (Principal)")
def iam_role_cross_account_trust_external_id_required(
    role: Role, inventory: Inventory, *, trusted_account_ids: tuple[str, ...] = ()
) -> Verdict:
    """Roles that other accounts may assume demand an external id, or the own organization.

    Risk: a vendor that serves many customers can be led to use its access to your account for another of them.
    Fix: add a Condition on sts:ExternalId (or aws:PrincipalOrgID) to the trust policy, in
    aws iam update-assume-role-policy --role-name {id} --policy-document file://trust.json
    """
    if role.path.startswith(("/aws-service-role/", "/aws-reserved/")):
        return not_applicable("The role belongs to AWS")
    trust = _trust(role)
    if isinstance(trust, Verdict):
        return trust
    trusted = {role.account, *trusted_account_ids}
    if not _foreign(trust, trusted):
        return passed()
    # Only a role that would fail needs to know the management account.
    for account in inventory.each(Account):
        trusted |= {account.organization.master_account_id} if account.organization else set()
    foreign = _foreign(trust, trusted)
    if not foreign:
        return passed("Only the organization's management account may assume the role")
    return failed("Other accounts may assume the role without an external id", statements=foreign)


def _foreign(trust: Policy, trusted: set[str]) -> list[dict[str, Any]]:
    """The statements that let accounts which are not trusted in just like that."""
    found = cross_account_statements(trust, trusted, EXTERNAL_ID_KEYS)
    return [
        {"statement": entry.statement.label, "accounts": list(entry.accounts)}
        for entry in found
        if entry.statement.matches_action("sts:AssumeRole")
    ]


@rule(
    severity=Severity.CRITICAL,
    controls=("ISO-27001-2022 A.5.15",),
    notes="IAM Roles for Services (verify trusted entities); IAM Federation",
)
def iam_role_web_identity_trust_restricted(
    role: Role, *, multi_tenant_issuers: tuple[str, ...] = MULTI_TENANT_ISSUERS
) -> Verdict:
    """Roles for web identities say who may come: which repository, service account, app or identity pool.

    Risk: everyone who can get a token of the same issuer (any repository on GitHub, any app) can assume the role.
    Fix: add a Condition on the provider's claim, such as token.actions.githubusercontent.com:sub with the value
        repo:OWNER/REPOSITORY:ref:refs/heads/main, to the trust policy, in
    aws iam update-assume-role-policy --role-name {id} --policy-document file://trust.json
    """
    trust = _trust(role)
    if isinstance(trust, Verdict):
        return trust
    identities = [identity for identity in web_identities(trust) if identity.provider != "*"]
    if not identities:
        if any(":saml-provider/" in p.value for s in trust.allows for p in s.principals or ()):
            return not_applicable("The role is for SAML, whose providers belong to one organization")
        return passed("The role is not for web identities")
    lax = [identity for identity in identities if not identity.is_restricted(multi_tenant_issuers)]
    evidence = [_shown(identity) for identity in lax or identities]
    if not lax:
        return passed(identities=evidence)
    shared = any(not i.is_oidc or i.is_multi_tenant(multi_tenant_issuers) for i in lax)
    return failed(
        "The role does not say whose web identities may come",
        severity=Severity.CRITICAL if shared else Severity.MEDIUM,
        identities=evidence,
    )


def _shown(identity: WebIdentity) -> dict[str, Any]:
    """A provider as evidence: which claim should tell who may come, and what it must be."""
    claim = identity.required_claim
    return {
        "statement": identity.statement.label,
        "provider": identity.provider,
        "claim": f"{identity.issuer}:{claim}",
        "demanded": list(identity.demanded(claim)),
    }


@rule(severity=Severity.LOW, notes="IAM Roles for Services")
def iam_role_service_trust_source_restricted(role: Role, *, services: tuple[str, ...] = SERVICES_FOR_OTHERS) -> Verdict:
    """Roles say for which account a service may use them.

    Risk: a stranger who knows the role's ARN can have the service act with it, for himself.
    Fix: add a Condition on aws:SourceAccount (and aws:SourceArn) to the trust policy, in
    aws iam update-assume-role-policy --role-name {id} --policy-document file://trust.json
    """
    if role.is_service_linked:
        return not_applicable("The role belongs to an AWS service")
    trust = _trust(role)
    if isinstance(trust, Verdict):
        return trust
    grants = [grant for grant in service_grants(trust) if _is_one_of(grant.service, services)]
    if not grants:
        return passed("The role is for none of the services that act for several accounts")
    lax = [{"statement": g.statement.label, "service": g.service} for g in grants if not g.source_conditions]
    if lax:
        return failed("The role does not say for which account a service may use it", statements=lax)
    return passed(services=sorted({grant.service for grant in grants}))


def _is_one_of(service: str, services: tuple[str, ...]) -> bool:
    """Whether a service is named here, also by its name in one region or partition: logs.eu-west-1.amazonaws.com."""
    name, _, domain = service.lower().partition(".")
    return domain.endswith(("amazonaws.com", "amazonaws.com.cn")) and f"{name}.amazonaws.com" in services


@rule(severity=Severity.LOW, notes="IAM Roles for Services; one role per application")
def iam_role_recently_used(role: Role, inventory: Inventory, *, max_unused_days: int = 90) -> Verdict:
    """Roles that nothing uses any more are gone.

    Risk: nobody would notice if a stranger used it, and its permissions are those of years ago.
    Fix: aws iam get-role --role-name {id}
    aws iam list-attached-role-policies --role-name {id}
    aws iam delete-role --role-name {id}
    """
    if role.owner:
        return not_applicable(f"The role belongs to {role.owner}")
    last = role.role_last_used.last_used_date if role.role_last_used else None
    evidence: dict[str, Any] = {
        "last_used_date": last.isoformat() if last else None,
        "create_date": role.create_date.isoformat(),
    }
    oldest = inventory.now - timedelta(days=max_unused_days)
    if last is not None and last >= oldest:
        return passed(**evidence)
    if role.create_date >= oldest:
        return passed("The role is new", **evidence)
    # AWS remembers 400 days.
    said = f"for {(inventory.now - last).days} days" if last else "for as long as AWS remembers"
    return failed(f"Nothing has used the role {said}", **evidence)


@rule(severity=Severity.INFORMATIONAL, notes="MFA with CLI / STS")
def iam_role_max_session_duration_limited(
    role: Role, inventory: Inventory, *, max_session_seconds: int = 14400
) -> Verdict:
    """Sessions of administrators end after four hours at most.

    Risk: the longer a stolen session lasts, the more can be done with it; it cannot be taken back by itself.
    Fix: aws iam update-role --role-name {id} --max-session-duration 14400
    """
    if role.owner:
        return not_applicable(f"The role belongs to {role.owner}")
    longest = max((session.max_session_duration for session in role.sessions), default=None)
    if longest is None:
        return unknown("IAM does not say how long the role's sessions may last")
    if longest <= max_session_seconds:
        return passed(max_session_duration=longest)
    if not any(policy.aws_managed_name == "AdministratorAccess" for policy in role.attached_managed_policies):
        try:
            way = administrator(grants_of(role, inventory))
        except (MalformedPolicy, NotFound) as error:
            return unknown(f"Not all policies could be read: {error}", max_session_duration=longest)
        if way < Way.CONDITIONAL:
            return passed("The role is no administrator", max_session_duration=longest)
    return failed("Sessions of this administrator may last long", max_session_duration=longest)
