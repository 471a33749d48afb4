"""Whom roles let in."""

from typing import Any

import pytest

from auditor.findings import Finding
from tests.lab import Lab
from tests.rules.iam_answers import (
    ACCOUNT,
    ADMIN,
    DETAILS,
    MANAGEMENT,
    OTHER,
    Json,
    assume,
    details,
    document,
    organization,
    role,
    when,
)

SERVICE_LINKED, IDENTITY_CENTER = "/aws-service-role/rds.amazonaws.com/", "/aws-reserved/sso.amazonaws.com/eu-west-1/"
SAML = {"Federated": f"arn:aws:iam::{ACCOUNT}:saml-provider/corp"}
Case = tuple[Json, str]


def said(findings: dict[str, Finding]) -> dict[str, str]:
    """The statuses, failures by their severity."""
    return {
        name: finding.severity.value if finding.status == "fail" else finding.status.value
        for name, finding in findings.items()
    }


def check(lab: Lab, rule_id: str, cases: dict[str, Case], **options: Any) -> None:
    """Ask a rule about roles that differ in their trust policy."""
    answers = details(*(role(name, trust=trust) for name, (trust, _) in cases.items())) | options.pop("answers", {})
    assert said(lab.findings(rule_id, answers=answers, **options)) == {name: says for name, (_, says) in cases.items()}


def service(name: str) -> Json:
    return document(assume({"Service": name}))


# --- iam-role-no-administrator-access

EXPOSURE = {
    "batch": (service("batch.amazonaws.com"), "high"),
    "instance": (service("ec2.amazonaws.com"), "critical"),
    "china": (service("ec2.amazonaws.com.cn"), "critical"),
    "lambda": (document(assume({"Service": ["batch.amazonaws.com", "lambda.amazonaws.com"]})), "critical"),
    "task": (service("ecs-tasks.amazonaws.com"), "critical"),
    "build": (document(assume({"AWS": ACCOUNT}), assume({"Service": "codebuild.amazonaws.com"})), "critical"),
    "oidc": (document(assume({"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/gitlab.com"})), "high"),
    "cognito": (document(assume({"Federated": "cognito-identity.amazonaws.com"})), "high"),
    "people": (document(assume({"AWS": f"arn:aws:iam::{ACCOUNT}:root"})), "low"),
    "saml": (document(assume(SAML, "sts:AssumeRoleWithSAML")), "low"),
    "everyone": (document(assume("*")), "high"),
    "all-but": (document({"Effect": "Allow", "NotPrincipal": {"AWS": OTHER}, "Action": "sts:AssumeRole"}), "high"),
    "denied": (
        document(assume({"AWS": ACCOUNT}), {**assume({"Service": "ec2.amazonaws.com"}), "Effect": "Deny"}),
        "low",
    ),
    "odd": (document({"Effect": "Perhaps"}), "high"),
}


def test_administrator_access_matters_by_who_may_have_it(lab: Lab) -> None:
    answers = details(*(role(name, ADMIN, trust=trust) for name, (trust, _) in EXPOSURE.items()))
    found = lab.findings("iam-role-no-administrator-access", answers=answers)
    assert said(found) == {name: severity for name, (_, severity) in EXPOSURE.items()}


def test_administrator_roles_that_are_meant_to_be(lab: Lab) -> None:
    names = (
        "OrganizationAccountAccessRole",
        "AWSControlTowerExecution",
        "AWSCloudFormationStackSetExecutionRole",
        "stacksets-exec-0123",
        "cdk-hnb659fds-cfn-exec-role-123456789012-eu-west-1",
    )
    answers = details(
        *(role(name, ADMIN) for name in names),
        role("linked", ADMIN, path=SERVICE_LINKED),
        role("sso", ADMIN, path=IDENTITY_CENTER),
        role("own", f"arn:aws:iam::{ACCOUNT}:policy/AdministratorAccess"),
        role("ours", ADMIN),
    )
    expected = dict.fromkeys((*names, "linked", "sso"), "not_applicable") | {"own": "pass", "ours": "fail"}
    assert lab.statuses("iam-role-no-administrator-access", answers=answers) == expected
    expected |= {"ours": "not_applicable", "stacksets-exec-0123": "fail"}
    kept = tuple(name for name in names if name != "stacksets-exec-0123")
    assert (
        lab.statuses("iam-role-no-administrator-access", answers=answers, admin_role_names=("our*", *kept)) == expected
    )


# --- iam-role-trust-policy-not-public

STRANGERS_DENIED = {
    "Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole",
    **when("StringNotEquals", "aws:PrincipalOrgID", "o-abcdefghij"),
}  # fmt: skip
PUBLIC: dict[str, Case] = {
    "everyone": (document(assume("*")), "critical"),
    "in-a-list": (document(assume({"AWS": [OTHER, "*"]})), "critical"),
    "all-but": (document({"Effect": "Allow", "NotPrincipal": {"AWS": OTHER}, "Action": "sts:AssumeRole"}), "critical"),
    "organization": (document(assume("*", **when("StringEquals", "aws:PrincipalOrgID", "o-abcdefghij"))), "pass"),
    "paths": (
        document(assume("*", **when("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", "o-abcdefghij/*"))),
        "pass",
    ),
    "account": (document(assume({"AWS": "*"}, **when("StringEquals", "aws:PrincipalAccount", OTHER))), "pass"),
    "arn": (document(assume("*", **when("ArnLike", "aws:PrincipalArn", f"arn:aws:iam::{OTHER}:role/*"))), "pass"),
    "any-arn": (document(assume("*", **when("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/app"))), "critical"),
    "if-exists": (document(assume("*", **when("StringEqualsIfExists", "aws:PrincipalOrgID", "o-a"))), "critical"),
    "negated": (document(assume("*", **when("StringNotEquals", "aws:PrincipalAccount", OTHER))), "critical"),
    "denied": (document(assume("*"), STRANGERS_DENIED), "pass"),
    "external-id": (document(assume("*", **when("StringEquals", "sts:ExternalId", "s3cr3t"))), "high"),
    "address": (document(assume("*", **when("IpAddress", "aws:SourceIp", "203.0.113.0/24"))), "high"),
    "network": (document(assume("*", **when("StringEquals", "aws:SourceVpc", "vpc-0123"))), "high"),
    "mixed": (document(assume("*", **when("StringEquals", "aws:SourceVpce", "vpce-0123")), assume("*")), "critical"),
    "any-external-id": (document(assume("*", **when("StringLike", "sts:ExternalId", "*"))), "critical"),
    "tags-only": (document(assume("*", "sts:TagSession")), "pass"),
    "wildcard-action": (document(assume("*", "sts:*")), "critical"),
    "other-account": (document(assume({"AWS": OTHER})), "pass"),
    "cognito": (
        document(assume({"Federated": "cognito-identity.amazonaws.com"}, "sts:AssumeRoleWithWebIdentity")),
        "pass",
    ),
    "service": (service("ec2.amazonaws.com"), "pass"),
    "denies": (document({**assume("*"), "Effect": "Deny"}), "pass"),
    "object": ({"Version": "2012-10-17", "Statement": assume("*")}, "critical"),
    "there": (
        document(
            assume(
                "*",
                Condition={
                    "StringEqualsIfExists": {"aws:PrincipalOrgID": "o-a"},
                    "Null": {"aws:PrincipalOrgID": "false"},
                },
            )
        ),
        "pass",
    ),
    "own-account": (
        document(assume("*", **when("StringEquals", "aws:PrincipalAccount", "${aws:ResourceAccount}"))),
        "pass",
    ),
    "nobody": (document({"Effect": "Allow", "Action": "sts:AssumeRole"}), "unknown"),
    "misspelt": (document({**assume("*"), "principal": {"AWS": OTHER}}), "unknown"),
    "odd": (document({"Effect": "Perhaps"}), "unknown"),
}


def test_trust_policy_not_public(lab: Lab) -> None:
    check(lab, "iam-role-trust-policy-not-public", PUBLIC)


def test_service_linked_roles_are_not_judged(lab: Lab) -> None:
    trust = document(assume("*"))
    answers = details(role("linked", path=SERVICE_LINKED, trust=trust), role("sso", path=IDENTITY_CENTER, trust=trust))
    expected = {"linked": "not_applicable", "sso": "fail"}
    assert lab.statuses("iam-role-trust-policy-not-public", answers=answers) == expected


# --- iam-role-cross-account-trust-external-id-required

CROSS = "iam-role-cross-account-trust-external-id-required"
FOREIGN: dict[str, Case] = {
    "id": (document(assume({"AWS": OTHER})), "medium"),
    "root": (document(assume({"AWS": f"arn:aws:iam::{OTHER}:root"})), "medium"),
    "role": (document(assume({"AWS": [f"arn:aws:iam::{ACCOUNT}:root", f"arn:aws:iam::{OTHER}:role/r"]})), "medium"),
    "user": (document(assume({"AWS": f"arn:aws:iam::{OTHER}:user/u"})), "medium"),
    "own": (document(assume({"AWS": [ACCOUNT, f"arn:aws:iam::{ACCOUNT}:role/r"]})), "pass"),
    "management": (document(assume({"AWS": MANAGEMENT})), "pass"),
    "external-id": (document(assume({"AWS": OTHER}, **when("StringEquals", "sts:ExternalId", "x-1"))), "pass"),
    "organization": (document(assume({"AWS": OTHER}, **when("StringEquals", "aws:PrincipalOrgID", "o-a"))), "pass"),
    "paths": (
        document(assume({"AWS": OTHER}, **when("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", "o-a/r-1/*"))),
        "pass",
    ),
    "if-exists": (document(assume({"AWS": OTHER}, **when("StringEqualsIfExists", "sts:ExternalId", "x"))), "medium"),
    "negated": (document(assume({"AWS": OTHER}, **when("StringNotEquals", "sts:ExternalId", "x"))), "medium"),
    "mfa": (document(assume({"AWS": OTHER}, **when("Bool", "aws:MultiFactorAuthPresent", "true"))), "medium"),
    "deleted": (document(assume({"AWS": "AROAEXAMPLEEXAMPLE012"})), "pass"),
    "everyone": (document(assume("*")), "pass"),
    "everyone-there": (document(assume("*", **when("StringEquals", "aws:PrincipalAccount", OTHER))), "medium"),
    "everyone-here": (document(assume("*", **when("StringEquals", "aws:PrincipalAccount", ACCOUNT))), "pass"),
    "nobody": (document({"Effect": "Allow", "Action": "sts:AssumeRole"}), "unknown"),
    "tags-only": (document(assume({"AWS": OTHER}, "sts:TagSession")), "pass"),
    "odd": (document({"Effect": "Perhaps"}), "unknown"),
}


def test_cross_account_trust(lab: Lab) -> None:
    check(lab, CROSS, FOREIGN, answers=organization(MANAGEMENT))


def test_cross_account_trust_by_parameter(lab: Lab) -> None:
    answers = details(role("id", trust=FOREIGN["id"][0]))
    assert lab.statuses(CROSS, answers=answers, trusted_account_ids=(OTHER,)) == {"id": "pass"}


def test_cross_account_trust_without_an_organization(lab: Lab) -> None:
    answers = details(role("management", trust=FOREIGN["management"][0]))
    assert lab.statuses(CROSS, answers=answers) == {"management": "fail"}


def test_cross_account_trust_needs_the_organization_only_to_fail(lab: Lab) -> None:
    names = ("id", "own", "external-id", "everyone")
    answers = details(*(role(name, trust=FOREIGN[name][0]) for name in names))
    expected = {"id": "unknown", "own": "pass", "external-id": "pass", "everyone": "pass"}
    assert lab.statuses(CROSS, answers=answers, deny={"organizations:DescribeOrganization"}) == expected


def test_cross_account_trust_of_roles_that_belong_to_aws(lab: Lab) -> None:
    trust = document(assume({"AWS": OTHER}))
    answers = details(role("linked", path=SERVICE_LINKED, trust=trust), role("sso", path=IDENTITY_CENTER, trust=trust))
    assert lab.statuses(CROSS, answers=answers) == {"linked": "not_applicable", "sso": "not_applicable"}


# --- iam-role-web-identity-trust-restricted

WEB = "iam-role-web-identity-trust-restricted"
GITHUB, EKS = "token.actions.githubusercontent.com", "oidc.eks.eu-west-1.amazonaws.com/id/0123"


def web(
    issuer: str, *conditions: tuple[str, str, str | list[str]], action: str = "sts:AssumeRoleWithWebIdentity"
) -> Json:
    """A trust policy for an identity provider; conditions are operator, claim and value."""
    builtin = "/" not in issuer and issuer not in (GITHUB, "gitlab.com", "app.terraform.io")
    provider = issuer if builtin else f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}"
    clauses: dict[str, Json] = {}
    for operator, claim, value in conditions:
        clauses.setdefault(operator, {})[f"{issuer}:{claim}"] = value
    return document(assume({"Federated": provider}, action, **({"Condition": clauses} if clauses else {})))


COGNITO, CIRCLE = "cognito-identity.amazonaws.com", "oidc.circleci.com/org/0123-4567"
AUD = ("StringEquals", "aud", "sts.amazonaws.com")
IDENTITIES: dict[str, Case] = {
    "cognito-any": (web(COGNITO), "critical"),
    "cognito-amr": (web(COGNITO, ("ForAnyValue:StringLike", "amr", "authenticated")), "critical"),
    "cognito-pool": (web(COGNITO, ("StringEquals", "aud", "eu-west-1:0123")), "pass"),
    "cognito-if-exists": (web(COGNITO, ("StringEqualsIfExists", "aud", "eu-west-1:0123")), "critical"),
    "amazon": (web("www.amazon.com"), "critical"),
    "amazon-app": (web("www.amazon.com", ("StringEquals", "app_id", "amzn1.app")), "pass"),
    "facebook-aud": (web("graph.facebook.com", ("StringEquals", "aud", "0123")), "critical"),
    "facebook-app": (web("graph.facebook.com", ("StringEquals", "app_id", "0123")), "pass"),
    "google": (web("accounts.google.com"), "critical"),
    "google-app": (web("accounts.google.com", ("StringEquals", "aud", "app.example.com")), "pass"),
    "github-any": (web(GITHUB), "critical"),
    "github-aud": (web(GITHUB, AUD), "critical"),
    "github-sts-any": (web(GITHUB, AUD, action="sts:*"), "critical"),
    "github-star": (web(GITHUB, AUD, ("StringLike", "sub", "*")), "critical"),
    "github-all": (web(GITHUB, AUD, ("StringLike", "sub", "repo:*")), "critical"),
    "github-prefix": (web(GITHUB, AUD, ("StringLike", "sub", "repo:acme*")), "critical"),
    "github-one-bad": (web(GITHUB, AUD, ("StringLike", "sub", ["repo:acme/app:*", "repo:*/app:*"])), "critical"),
    "github-owner": (web(GITHUB, AUD, ("StringLike", "sub", "repo:acme/*")), "pass"),
    "github-repo": (web(GITHUB, AUD, ("StringEquals", "sub", "repo:acme/app:ref:refs/heads/main")), "pass"),
    "github-if-exists": (web(GITHUB, ("StringEqualsIfExists", "sub", "repo:acme/app:x")), "critical"),
    "github-all-values": (web(GITHUB, ("ForAllValues:StringLike", "sub", "repo:acme/app:*")), "critical"),
    "gitlab": (web("gitlab.com", ("StringLike", "sub", "project_path:*")), "critical"),
    "gitlab-group": (web("gitlab.com", ("StringLike", "sub", "project_path:acme/*")), "pass"),
    "terraform": (web("app.terraform.io", ("StringLike", "sub", "organization:*:workspace:x")), "critical"),
    "terraform-org": (web("app.terraform.io", ("StringLike", "sub", "organization:acme:project:*")), "pass"),
    "circle": (web(CIRCLE), "critical"),
    "circle-org": (web(CIRCLE, ("StringLike", "sub", "org/0123-4567/project/*")), "pass"),
    "eks-any": (web(EKS, AUD), "medium"),
    "eks-star": (web(EKS, ("StringLike", "sub", "*")), "medium"),
    "eks-account": (web(EKS, ("StringEquals", "sub", "system:serviceaccount:shop:cart")), "pass"),
    "assume-only": (web(GITHUB, action="sts:TagSession"), "pass"),
    "saml": (document(assume(SAML, "sts:AssumeRoleWithSAML")), "not_applicable"),
    "service": (service("ec2.amazonaws.com"), "pass"),
    "odd": (document({"Effect": "Perhaps"}), "unknown"),
}


def test_web_identity_trust(lab: Lab) -> None:
    check(lab, WEB, IDENTITIES)


def test_web_identity_trust_of_own_multi_tenant_issuer(lab: Lab) -> None:
    answers = details(role("eks", trust=IDENTITIES["eks-any"][0]), role("hub", trust=IDENTITIES["github-aud"][0]))
    found = lab.findings(WEB, answers=answers, multi_tenant_issuers=("oidc.eks.*",))
    assert said(found) == {"eks": "critical", "hub": "medium"}


def test_web_identity_evidence_names_the_claim(lab: Lab) -> None:
    found = lab.findings(WEB, answers=details(role("hub", trust=IDENTITIES["github-all"][0])))["hub"]
    assert found.evidence["identities"] == [
        {
            "statement": "#0",
            "provider": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{GITHUB}",
            "claim": f"{GITHUB}:sub",
            "demanded": ["repo:*"],
        }
    ]


@pytest.mark.parametrize("rule_id", [CROSS, WEB, "iam-role-trust-policy-not-public"])
def test_trust_policy_in_an_unknown_form_is_unknown(lab: Lab, rule_id: str) -> None:
    answers = details(role("good", trust=service("ec2.amazonaws.com")), role("odd"))
    answers[DETAILS]["RoleDetailList"][1]["AssumeRolePolicyDocument"] = "%7Bnot json"
    assert lab.statuses(rule_id, answers=answers) == {"good": "pass", "odd": "unknown"}
