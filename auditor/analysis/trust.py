"""Whom else a policy lets in: other accounts, AWS services, identity providers, and callers without TLS."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from auditor.analysis.evaluate import Holds, Request, allowed, applies, conditions_hold
from auditor.analysis.policy import Condition, Kind, Policy, Principal, Statement, account_in
from auditor.analysis.public import (
    OF_THE_RESOURCE,
    PUBLIC_PROVIDERS,
    SERVICE_KEYS,
    SOURCE_KEYS,
    PublicStatement,
    Test,
    confining_conditions,
    confining_keys,
    is_fixed,
    public_statements,
)
from auditor.analysis.wildcard import glob, tokens

# What tells who assumes a role.
TRUST_KEYS = confining_keys("aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "aws:PrincipalAccount", "aws:PrincipalArn")
# What everyone could know or bring about, but must: a public role trust is less open with one of these.
WEAK_TRUST_KEYS = confining_keys("sts:ExternalId", "aws:SourceIp", "aws:SourceVpc", "aws:SourceVpce")
# What tells by whose account, or through whose access point, everyone may come.
CALLER_KEYS = confining_keys(
    "aws:PrincipalAccount", "aws:PrincipalArn", "s3:DataAccessPointAccount", "s3:DataAccessPointArn"
)
# What makes another account's trust a deliberate one.
EXTERNAL_ID_KEYS = confining_keys("sts:ExternalId", "aws:PrincipalOrgID", "aws:PrincipalOrgPaths")

MULTI_TENANT_ISSUERS = (
    "token.actions.githubusercontent.com",
    "gitlab.com",
    "app.terraform.io",
    "api.bitbucket.org",
    "oidc.circleci.com/org/*",
    "agent.buildkite.com",
    "oidc.vercel.com",
    "oidc.codefresh.io",
)
_REQUIRED_CLAIM = {
    "cognito-identity.amazonaws.com": "aud",
    "accounts.google.com": "aud",
    "graph.facebook.com": "app_id",
    "www.amazon.com": "app_id",
}
_WILDCARD = re.compile(r"[*?]|\$\{")
_VARIABLE_PART = re.compile(r"[*?]|\$\{[^}]*\}?")


@dataclass(frozen=True, slots=True)
class PublicTrust:
    """A statement by which everyone may assume a role; `weak` are its conditions on WEAK_TRUST_KEYS that count."""

    opening: PublicStatement
    weak: tuple[Condition, ...]


def public_trusts(policy: Policy) -> tuple[PublicTrust, ...]:
    """The statements of a role's trust policy that let everyone in, except by web identity (see `web_identities`)."""
    return tuple(
        PublicTrust(opening, confining_conditions(opening.statement, WEAK_TRUST_KEYS))
        for opening in public_statements(policy, TRUST_KEYS, providers=False, service="sts")
    )


@dataclass(frozen=True, slots=True)
class CrossAccount:
    """An Allow statement that names accounts which are not trusted."""

    statement: Statement
    accounts: tuple[str, ...]


def cross_account_statements(
    policy: Policy, trusted: Collection[str], unless: Mapping[str, Test]
) -> tuple[CrossAccount, ...]:
    """The Allow statements that name accounts outside `trusted` (which holds the own one), see `accounts_let_in`.

    Left out are statements with a condition on a key of `unless` that demands a fixed value: EXTERNAL_ID_KEYS for
    roles, `own_organization(...)` for resources. NotPrincipal and unique ids name no account and are not found.
    """
    found = []
    for statement in policy.allows:
        accounts = tuple(account for account in accounts_let_in(statement) if account not in trusted)
        if accounts and not confining_conditions(statement, unless):
            found.append(CrossAccount(statement, accounts))
    return tuple(found)


def accounts_let_in(statement: Statement) -> tuple[str, ...]:
    """The accounts that an Allow statement names: in its Principal or, where that is everyone, in its conditions.

    "*" with a condition on aws:PrincipalAccount lets in whom Principal with that account would.
    """
    named = [principal.account for principal in statement.principals or ()]
    if any(principal.is_anyone for principal in statement.principals or ()):
        demanded = confining_conditions(statement, CALLER_KEYS)
        values = [value for condition in demanded for value in condition.values]
        named += [value if re.fullmatch(r"\d{12}", value) else account_in(value) for value in values]
    return tuple(dict.fromkeys(account for account in named if account))


def own_organization(organization: str | None) -> dict[str, Test]:
    """The keys by which a statement is confined to this organization ("o-..."); none if there is no organization."""
    if organization is None:
        return {}

    def test(_operator: str, values: tuple[str, ...]) -> str | None:
        others = [v for v in values if v.split("/")[0] != organization and not OF_THE_RESOURCE.fullmatch(v)]
        return f"{others[0]} is not in {organization}" if others else None

    return dict.fromkeys(("aws:principalorgid", "aws:principalorgpaths"), test)


def source_accounts(statement: Statement) -> tuple[str, ...]:
    """The accounts that conditions on aws:SourceAccount, aws:SourceOwner and aws:SourceArn demand to stand behind."""
    demanded = (c for c in statement.conditions_on("aws:SourceAccount", "aws:SourceOwner", "aws:SourceArn"))
    values = [value for condition in demanded if condition.demands_match for value in condition.values]
    accounts = (value if re.fullmatch(r"\d{12}", value) else account_in(value) for value in values)
    return tuple(dict.fromkeys(account for account in accounts if account))


@dataclass(frozen=True, slots=True)
class ServiceGrant:
    """An Allow statement for a service, and the conditions that name for whom it may act (none: for anyone)."""

    statement: Statement
    service: str
    source_conditions: tuple[Condition, ...]


def service_grants(
    policy: Policy, confining: Mapping[str, Test] = SOURCE_KEYS, *, of: str | None = None
) -> tuple[ServiceGrant, ...]:
    """The Allow statements that name services in Principal.Service, one for each service.

    And those for everyone that nothing confines but that the caller is a service; that one is "*" where it has no name.
    `of` is the service whose resource it is, as in `public_statements`.
    """
    named = tuple(
        ServiceGrant(statement, service, confining_conditions(statement, confining))
        for statement in policy.allows
        for service in statement.services
    )
    public = {opening.statement.index for opening in public_statements(policy, service=of)}
    opened = (opening.statement for opening in public_statements(policy, services=True, service=of))
    by_condition = [statement for statement in opened if statement.index not in public]
    return named + tuple(
        ServiceGrant(statement, service, ()) for statement in by_condition for service in _services_demanded(statement)
    )


def _services_demanded(statement: Statement) -> tuple[str, ...]:
    found = (c for c in statement.conditions_on(*SERVICE_KEYS) if c.operator != "Bool" and c.demands_match)
    return tuple(value for condition in found for value in condition.values) or ("*",)


@dataclass(frozen=True, slots=True)
class ServiceAccess:
    """Whether a service may act on a resource, and whether only for sources that the policy names."""

    allowed: Holds
    is_confined: bool


def service_access(
    policy: Policy, service: str, action: str, resource: str, *,
    source_arn: str, source_account: str, absent: Iterable[str] = (),
) -> ServiceAccess:  # fmt: skip
    """Whether a resource's policy lets a service act for one source, such as S3 for a bucket that notifies a queue.

    `absent` are condition keys that this service's requests are known not to carry. Confined means: each statement
    that may grant it demands a fixed source.
    """
    context: dict[str, str | None] = dict.fromkeys(absent) | {
        "aws:SourceArn": source_arn,
        "aws:SourceAccount": source_account,
        "aws:PrincipalIsAWSService": "true",
        "aws:PrincipalServiceName": service,
        "aws:SecureTransport": "true",
    }
    request = Request(action, resource, Principal(Kind.SERVICE, service), context)
    granting = [statement for statement in policy.allows if applies(statement, request) is not Holds.NO]
    confined = bool(granting) and all(confining_conditions(statement, SOURCE_KEYS) for statement in granting)
    return ServiceAccess(allowed(request, policy), confined)


def denies_plain_http(policy: Policy, action: str, resources: Iterable[str]) -> bool:
    """Whether everyone is denied `action` (a pattern such as "s3:*") without TLS on each of the ARN patterns.

    A Deny counts if it holds for every request with aws:SecureTransport false, or tests s3:TlsVersion alone.
    """
    denies = [
        deny
        for deny in policy.denies
        if any(principal.kind is Kind.ANYONE for principal in deny.principals or ())
        and deny.covers_action(action)
        and _meets_plain_http(deny)
    ]
    return all(any(deny.covers_resource(resource) for deny in denies) for resource in resources)


def _meets_plain_http(deny: Statement) -> bool:
    if deny.conditions and all(c.operator == "NumericLessThan" and c.key == "s3:tlsversion" for c in deny.conditions):
        return True
    plain = Request("", context={"aws:SecureTransport": "false", "s3:TlsVersion": None})
    return conditions_hold(deny, plain) is Holds.YES


@dataclass(frozen=True, slots=True)
class WebIdentity:
    """One identity provider that a trust statement lets in; `issuer` is its name in condition keys, such as gitlab.com.

    Its claims are the condition keys "<issuer>:aud", "<issuer>:sub" and so on.
    """

    statement: Statement
    provider: str
    issuer: str

    @property
    def is_oidc(self) -> bool:
        """Whether it is an OIDC provider of the account, not one that every AWS account knows (Cognito, Google...)."""
        return self.issuer not in PUBLIC_PROVIDERS

    @property
    def required_claim(self) -> str:
        """The claim that tells whose identities may come: "aud" or "app_id" for the public ones, else "sub"."""
        return _REQUIRED_CLAIM.get(self.issuer, "sub")

    def is_multi_tenant(self, issuers: Iterable[str] = MULTI_TENANT_ISSUERS) -> bool:
        """Whether strangers get tokens of this issuer too; `issuers` are patterns, and paths below them count."""
        patterns = (pattern.lower() for issuer in issuers for pattern in (issuer, f"{issuer}/*"))
        return any(glob(tokens(pattern), self.issuer) for pattern in patterns)

    def demanded(self, claim: str) -> tuple[str, ...]:
        """The values of a claim of which conditions demand one; none if a token may come with any or without it."""
        return tuple(value for condition in self._conditions(claim) for value in condition.values)

    def is_bound(self, claim: str) -> bool:
        """Whether a condition demands values of the claim that are all fixed."""
        return any(all(map(is_fixed, condition.values)) for condition in self._conditions(claim))

    def is_restricted(self, issuers: Iterable[str] = MULTI_TENANT_ISSUERS) -> bool:
        """Whether the required claim keeps strangers out.

        Of a multi-tenant issuer, "sub" must name the owner (repository owner, group, organization) before any wildcard;
        of another issuer, it must hold more than wildcards and policy variables.
        """
        claim = self.required_claim
        if claim != "sub":
            return self.is_bound(claim)
        shared = self.is_multi_tenant(issuers)
        # Bitbucket's subjects begin with the repository's unique id, all others with "<what>:<owner>" or "org/<id>".
        parts = 1 if self.issuer.startswith("api.bitbucket.org") else 2

        def names_someone(value: str) -> bool:
            return names_owner(value, parts) if shared else re.search(r"\w", _VARIABLE_PART.sub("", value)) is not None

        return any(all(map(names_someone, condition.values)) for condition in self._conditions("sub"))

    def _conditions(self, claim: str) -> tuple[Condition, ...]:
        found = self.statement.conditions_on(f"{self.issuer}:{claim}")
        return tuple(c for c in found if c.demands_match and c.operator.startswith("String"))


def web_identities(policy: Policy) -> tuple[WebIdentity, ...]:
    """The providers, other than SAML's, whose identities a role's trust policy lets in, with the statement that does.

    One for each provider and each Allow statement on sts:AssumeRoleWithWebIdentity.
    """
    return tuple(
        WebIdentity(statement, principal.value, issuer)
        for statement in policy.allows
        if statement.matches_action("sts:AssumeRoleWithWebIdentity")
        for principal in statement.principals or ()
        if (issuer := _issuer(principal)) is not None
    )


def _issuer(principal: Principal) -> str | None:
    if principal.kind is not Kind.FEDERATED or ":saml-provider/" in principal.value:
        return None
    _, _, named = principal.value.rpartition(":oidc-provider/")
    return named.removeprefix("https://").lower()


def names_owner(subject: str, parts: int = 2) -> bool:
    """Whether the first `parts` of a subject, ended by ":" or "/", hold no wildcard: "repo:owner/*", not "repo:*"."""
    wildcard = _WILDCARD.search(subject)
    return wildcard is None or len(re.findall(r"[^:/]+[:/]", subject[: wildcard.start()])) >= parts
