"""Policies: what is public, and whom else they let in, by examples written by hand."""

from typing import Any

import pytest

from auditor.analysis import trust
from auditor.analysis.evaluate import Holds, Request, allowed
from auditor.analysis.policy import ANYONE, Kind, MalformedPolicy, Principal, parse
from auditor.analysis.public import PUBLIC_PROVIDERS, public_statements
from tests.policies import BUCKET, OTHER, OWN, STRANGER, Json, allow, deny, policy, when
from tests.test_policy_laws import ACTIONS

# --- Public: examples by hand ---------------------------------------------------------------------

ORG = when("StringEquals", "aws:PrincipalOrgID", "o-own")
NOT_ORG = when("StringNotEquals", "aws:PrincipalOrgID", "o-own")


def deny_outside_if(operator: str, key: str, value: str) -> Json:
    return deny(Condition={**NOT_ORG["Condition"], operator: {key: value}})


FACEBOOK = "graph.facebook.com"
ROLE = f"arn:aws:iam::{OWN}:role/x"


def given_that(operator: str, key: str, *values: Any) -> list[Json]:
    return [allow(**when(operator, key, *values))]


def denied_if(operator: str, key: str, *values: Any) -> list[Json]:
    return [allow(), deny(**when(operator, key, *values))]


def given_that_there(operator: str, key: str, value: str, absent: Any) -> list[Json]:
    return [allow(Condition={operator: {key: value}, "Null": {key.lower(): absent}})]


# A stranger's role may be called arn:aws:iam::666666666666:role/:iam::111111111111:role/x.
LEAPING = f"arn:*:iam::{OWN}:role/x"
RESOURCE_ROLE, RESOURCE_ORG = "arn:aws:iam::${aws:ResourceAccount}:role/*", "${AWS:resourceorgid}"

TABLE: list[tuple[str, list[Json], bool]] = [
    # Who
    ("one facebook app", [allow({"Federated": FACEBOOK}, **when("StringEquals", f"{FACEBOOK}:app_id", "7"))], False),
    ("origin access identity", [allow({"AWS": "arn:aws:iam::cloudfront:user/CloudFront OAI E1"})], False),
    ("saml provider", [allow({"Federated": f"arn:aws:iam::{OWN}:saml-provider/okta"})], False),
    ("wildcard instead of account", [allow({"AWS": "arn:aws:iam::*:root"})], True), ("star", [allow()], True),
    ("facebook, as AWS documents", [allow({"Federated": FACEBOOK})], True), ("own organization", [allow(**ORG)], False),
    ("deleted role", [allow({"AWS": "AROAEXAMPLEEXAMPLE12"})], False), ("no principals", [allow({"AWS": []})], False),
    ("NotPrincipal", [allow(NotPrincipal={"AWS": OTHER})], True), ("every service", [allow({"Service": "*"})], True),
    ("service", [allow({"Service": "s3.amazonaws.com"})], False), ("one account", [allow({"AWS": OWN})], False),
    ("aws list with star", [allow({"AWS": [OWN, "*"]})], True), ("aws star", [allow({"AWS": "*"})], True),
    ("NotAction", [allow(NotAction="s3:DeleteBucket")], True), ("negated", [allow(**NOT_ORG)], True),
    # On which condition
    ("access point of any account", given_that("ArnLike", "aws:SourceArn", "arn:aws:s3:*:*:accesspoint/x"), True),
    ("source arn of any account", given_that("ArnLike", "aws:SourceArn", "arn:aws:sns:eu-west-1:*:topic"), True),
    ("ForAllValues is vacuous", given_that("ForAllValues:StringLike", "aws:PrincipalOrgPaths", "o-own/*"), True),
    ("kms via service alone", given_that("StringEquals", "kms:ViaService", "s3.eu-west-1.amazonaws.com"), True),
    ("source arn, StringLike leaps", given_that("StringLike", "aws:SourceArn", f"arn:aws:sns:*:{OWN}:*"), True),
    ("principal arn of any account", given_that("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/x"), True),
    ("organization path", given_that("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", "o-own/r-1/*"), False),
    ("policy variable", given_that("StringEquals", "aws:PrincipalAccount", "${aws:PrincipalAccount}"), True),
    ("own access points", given_that("ArnLike", "s3:DataAccessPointArn", f"arn:aws:s3:eu:{OWN}:*"), False),
    ("seven bits in two pieces", given_that("IpAddress", "aws:SourceIp", "8.0.0.0/8", "9.0.0.0/8"), True),
    ("kms key", given_that("StringEquals", "s3:x-amz-server-side-encryption-aws-kms-key-id", "k"), False),
    ("principal arn", given_that("StringLike", "aws:PrincipalArn", f"arn:aws:iam::{OWN}:role/*"), False),
    ("any hosted zone", given_that("ArnLike", "aws:SourceArn", "arn:aws:route53:::hostedzone/*"), True),
    ("one of two endpoints open", given_that("StringLike", "aws:SourceVpce", "vpce-1", "vpce-*"), True),
    ("source bucket by prefix", given_that("ArnLike", "aws:SourceArn", "arn:aws:s3:::bucket*"), True),
    ("organization of the resource", given_that("StringEquals", "aws:ResourceOrgID", "o-own"), True),
    ("mount target", given_that("Bool", "elasticfilesystem:AccessedViaMountTarget", "true"), False),
    ("source bucket", given_that("ArnEquals", "aws:SourceArn", "arn:aws:s3:*:*:bucket"), False),
    ("all but an address", given_that("NotIpAddress", "aws:SourceIp", "203.0.113.0/24"), True),
    ("source vpc, as AWS documents", given_that("StringLike", "aws:SourceVpc", "vpc-*"), True),
    ("sessions of one role", given_that("StringLike", "aws:userid", "AROAEXAMPLE:*"), False),
    ("source owner, SNS default", given_that("StringEquals", "AWS:SourceOwner", OWN), False),
    ("source arn", given_that("ArnLike", "aws:SourceArn", f"arn:aws:sns:*:{OWN}:*"), False),
    ("key in other case", given_that("StringEquals", "AWS:principalorgid", "o-own"), False),
    ("IfExists", given_that("StringEqualsIfExists", "aws:PrincipalOrgID", "o-own"), True),
    ("narrow address", given_that("IpAddress", "aws:SourceIp", "203.0.113.0/24"), False),
    ("referer", given_that("StringLike", "aws:Referer", "https://example.com/*"), True),
    ("kms caller account", given_that("StringEquals", "kms:CallerAccount", OWN), False),
    ("the user anonymous", given_that("StringEquals", "aws:userid", "anonymous"), True),
    ("aws service only", given_that("Bool", "aws:PrincipalIsAWSService", True), False),
    ("principal arn, StringLike leaps into a path", given_that("StringLike", "aws:PrincipalArn", LEAPING), True),
    ("principal arn of every partition", given_that("ArnLike", "aws:PrincipalArn", LEAPING), False),
    ("principal arn that only ends alike", given_that("StringLike", "aws:PrincipalArn", f"*:{OWN}:role/x"), True),
    ("account of the resource", given_that("StringEquals", "aws:PrincipalAccount", "${aws:ResourceAccount}"), False),
    ("or any account", given_that("StringEquals", "aws:PrincipalAccount", "${aws:ResourceAccount, '*'}"), True),
    ("role of the resource's account", given_that("ArnLike", "aws:PrincipalArn", RESOURCE_ROLE), False),
    ("organization of the resource by name", given_that("StringEquals", "aws:PrincipalOrgID", RESOURCE_ORG), False),
    ("every other /8", given_that("IpAddress", "aws:SourceIp", *(f"{i}.0.0.0/8" for i in range(1, 224, 2))), True),
    ("IfExists and there", given_that_there("StringEqualsIfExists", "aws:PrincipalOrgID", "o-own", "false"), False),
    ("IfExists and absent", given_that_there("StringEqualsIfExists", "aws:PrincipalOrgID", "o-own", "true"), True),
    ("all of some", given_that_there("ForAllValues:StringLike", "aws:PrincipalOrgPaths", "o-own/*", False), False),
    ("all of none", given_that_there("ForAllValues:StringLike", "aws:PrincipalOrgPaths", "o-own/*", "true"), True),
    ("negated and there", given_that_there("StringNotEquals", "aws:PrincipalOrgID", "o-else", "false"), True),
    ("source vpc", given_that("StringEquals", "aws:SourceVpc", "vpc-91237329"), False),
    ("any organization", given_that("StringLike", "aws:PrincipalOrgID", "o-*"), True),
    ("source account", given_that("StringEquals", "aws:SourceAccount", OWN), False),
    ("eight bits", given_that("IpAddress", "aws:SourceIp", "9.0.0.0/8"), False),
    ("broad ipv6", given_that("IpAddress", "aws:SourceIp", "2001::/31"), True),
    ("seven bits", given_that("IpAddress", "aws:SourceIp", "8.0.0.0/7"), True),
    ("Null", given_that("Null", "aws:PrincipalOrgID", "false"), True),
    ("tls", given_that("Bool", "aws:SecureTransport", "true"), True),
    # What a Deny takes away
    ("anonymous lacks the key", [allow(), deny_outside_if("Bool", "aws:PrincipalIsAWSService", "false")], True),
    ("but services", [allow(), deny_outside_if("BoolIfExists", "aws:PrincipalIsAWSService", "false")], False),
    ("deny outside or without tls", [allow(), deny_outside_if("Bool", "aws:SecureTransport", "false")], True),
    ("deny each action", [allow(action=ACTIONS), deny(action="s3:Put*"), deny(action="s3:Get*")], False),
    ("any other value", denied_if("ForAnyValue:StringNotEquals", "aws:PrincipalOrgID", "o-own"), True),
    ("deny none of ours", denied_if("ForAllValues:StringNotEquals", "aws:PrincipalOrgPaths", "o-own/r/"), False),
    ("denied, IfExists", denied_if("StringNotEqualsIfExists", "aws:PrincipalOrgID", "o-own"), False),
    ("deny outside half the world", denied_if("NotIpAddress", "aws:SourceIp", "0.0.0.0/1"), True),
    ("deny outside range", denied_if("NotIpAddress", "aws:SourceIp", "203.0.113.0/24"), False),
    ("deny outside endpoint", denied_if("StringNotEquals", "aws:SourceVpce", "vpce-1"), False),
    ("deny part of the objects", [allow(), deny(resource=f"{BUCKET}/private/*")], True),
    ("deny one of two actions", [allow(action=ACTIONS), deny(action="s3:Put*")], True),
    ("deny on the objects", [allow(), deny(resource=[BUCKET, f"{BUCKET}/*"])], False),
    ("deny NotResource", [allow(), deny(NotResource="arn:aws:s3:::other/*")], False),
    ("deny all but one", [allow(), deny(NotPrincipal={"AWS": [OWN, ROLE]})], False),
    ("deny without tls", denied_if("Bool", "aws:SecureTransport", "false"), True),
    ("deny NotAction of that", [allow(), deny(NotAction="s3:Get*")], True), ("deny all", [allow(), deny()], False),
    ("deny another action", [allow(), deny(action="s3:PutObject")], True),
    ("deny NotAction", [allow(), deny(NotAction="s3:PutObject")], False),
    ("deny another resource", [allow(), deny(resource=BUCKET)], True),
    ("deny outside organization", [allow(), deny(**NOT_ORG)], False),
    ("deny some others", [allow(), deny({"AWS": OTHER})], True),
    ("deny inside organization", [allow(), deny(**ORG)], True),
]  # fmt: skip


@pytest.mark.parametrize(("document", "public"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_public(document: list[Json], public: bool) -> None:
    assert bool(public_statements(policy(*document))) is public


def test_a_deny_of_all_of_the_service_denies_all_of_its_resource() -> None:
    document = policy(allow(action="*"), deny(action="S3:*", **NOT_ORG))
    assert public_statements(document) and not public_statements(document, service="s3")
    assert public_statements(policy(allow(action="*"), deny(action="s3:Get*", **NOT_ORG)), service="s3")
    assert not public_statements(policy(allow(NotAction="s3:PutObject"), deny(**NOT_ORG)), service="s3")


def test_public_evidence_tells_what_was_considered() -> None:
    condition = when("StringLike", "aws:SourceVpc", "vpc-*")
    (opening,) = public_statements(policy(allow(action=ACTIONS, Sid="Open", **condition), deny(action="s3:P*")))
    assert opening.evidence == {
        "statement": "Open",
        "principals": ["*"],
        "actions": ["s3:GetObject"],
        "why": "Principal * is everyone",
        "conditions": ["StringLike aws:sourcevpc = vpc-* (vpc-* is not one fixed value)"],
    }


# --- Principals, statements, operators: examples by hand ------------------------------------------


@pytest.mark.parametrize(
    ("raw", "text", "account"),
    [
        ("*", "*", None), ({"*": "*"}, "*", None), ({"AWS": OWN}, f"AWS:{OWN}", OWN),
        ({"AWS": f"arn:aws-cn:iam::{OWN}:root"}, f"AWS:{OWN}", OWN), ({"AWS": ROLE}, f"AWS:{ROLE}", OWN),
        ({"AWS": f"arn:aws:sts::{OWN}:assumed-role/x/me"}, f"AWS:arn:aws:sts::{OWN}:assumed-role/x/me", OWN),
        ({"AWS": "AIDAEXAMPLEEXAMPLE12"}, "AWS:AIDAEXAMPLEEXAMPLE12", None),
        ({"AWS": "arn:aws:iam::cloudfront:user/OAI E1"}, "AWS:arn:aws:iam::cloudfront:user/OAI E1", None),
        ({"Federated": f"arn:aws:iam::{OWN}:saml-provider/a"}, f"Federated:arn:aws:iam::{OWN}:saml-provider/a", OWN),
        ({"Federated": "accounts.google.com"}, "Federated:accounts.google.com", None),
        ({"CanonicalUser": "79a5"}, "CanonicalUser:79a5", None),
        ("s3.amazonaws.com", "Service:s3.amazonaws.com", None),
    ],
)  # fmt: skip
def test_principals_have_one_spelling(raw: Any, text: str, account: str | None) -> None:
    (principal,) = policy(allow(raw)).statements[0].principals or ()
    assert (str(principal), principal.account) == (text, account)


@pytest.mark.parametrize(
    "document",
    [
        None, [], "", "{", {}, {"Statement": "x"}, {"Statement": [None]}, {"Version": 1, "Statement": []},
        *({"Statement": statement} for statement in (
            {"Effect": "Allow"}, {"Action": "s3:*"}, {**allow(), "Effect": "allow"}, {**allow(), "NotAction": "s3:*"},
            allow(action=1), allow({"Azure": "x"}), allow(Condition=[]), allow(resource=None),
            {**allow(), "condition": {}}, {**allow(), "principal": "*"}, {**allow(), "notResource": "x"},
        )),
    ],
)  # fmt: skip
def test_what_is_no_policy_is_refused(document: Any) -> None:
    with pytest.raises(MalformedPolicy):
        parse(document)


def test_policies_of_resources_name_principals() -> None:
    bare = {name: value for name, value in allow().items() if name != "Principal"}
    assert parse({"Statement": [bare]}).statements[0].principals is None
    with pytest.raises(MalformedPolicy):
        parse({"Statement": [deny(), bare]}, of_resource=True)
    assert parse({"Statement": [allow(), allow(NotPrincipal="*")]}, of_resource=True)


def test_statements_answer_for_themselves() -> None:
    assert policy(allow(action="?*:?*", resource="?*")).statements[0].is_everything
    assert not policy(allow(action="s*:*", resource="*")).statements[0].is_every_action
    everything, services, rest, passing = policy(
        allow(action="*:*", resource="arn:aws:*"),
        allow(action=["S3:*", "ec2:Describe*", "ec2:*", "sqs:?*", "sns:??"], resource="*"),
        allow(NotAction="iam:*", NotResource="arn:aws:s3:::x"),
        allow(action="iam:Pass*", resource="arn:aws:iam::*:role/*", **when("Null", "iam:PassedToService", "false")),
    ).statements
    assert everything.is_everything and everything.grants("IAM:passrole") and not everything.whole_service_wildcards()
    assert services.whole_service_wildcards() == ("ec2", "s3", "sqs") and not services.is_every_action
    assert rest.is_every_resource and not rest.is_every_action and not rest.grants("iam:PassRole")
    assert passing.grants("iam:PassRole") and passing.covers_resource(f"arn:aws:iam::{OWN}:role/*")
    assert passing.conditions_on("IAM:PassedToService") and not passing.covers_action("iam:*")


YES, NO, UNKNOWN = Holds.YES, Holds.NO, Holds.UNKNOWN
HOLDS: list[tuple[str, Any, Any, Holds]] = [
    ("StringEquals", "a", "a", YES), ("StringEquals", "a*", "ab", NO), ("StringEquals", "a", ..., UNKNOWN),
    ("StringEquals", "a", None, NO), ("StringNotEquals", "a", None, YES), ("StringEqualsIfExists", "a", None, YES),
    ("StringEqualsIgnoreCase", "A", "a", YES), ("StringLike", "a?c", "abc", YES), ("StringNotLike", "a*", "abc", NO),
    ("StringLike", "${*}", "x", NO), ("StringLike", "${*}", "*", YES), ("StringLike", "${who}/*", "me/x", YES),
    ("StringLike", "${who}/*", "you/x", NO), ("StringLike", "${nobody}", "x", NO),
    ("StringLike", "${huh}", "x", UNKNOWN), ("StringLike", "a${huh}", "x", NO),
    ("StringEquals", "${nobody, 'x'}", "x", YES), ("ForAllValues:StringEquals", "a", None, YES),
    ("ForAnyValue:StringEquals", "a", None, NO), ("ForAllValues:StringEquals", "a", ["a", "b"], NO),
    ("ForAnyValue:StringEquals", "a", ["a", "b"], YES), ("ForAnyValue:StringNotEquals", "a", None, NO),
    ("StringEquals", "a", ["a", "b"], UNKNOWN), ("NumericLessThan", 1.2, "1.1", YES),
    ("NumericGreaterThanEquals", "2", "10", YES), ("NumericEquals", "x", "1", UNKNOWN),
    ("DateLessThan", "2024-01-01T00:00:00Z", "2023-12-31", YES), ("DateGreaterThan", "2024-01-01", "0", NO),
    ("Bool", False, "FALSE", YES), ("Bool", "true", None, NO), ("BinaryEquals", "QQ==", "QQ==", YES),
    ("IpAddress", "203.0.113.0/24", "203.0.113.9", YES), ("NotIpAddress", "203.0.113.0/24", "::1", YES),
    ("ArnEquals", f"arn:aws:x:*:{OWN}:a/*", f"arn:aws:x:eu:{OWN}:a/b:c", YES), ("ArnLike", "*", ROLE, YES),
    ("ArnLike", f"arn:aws:x:*:{OWN}:f/*", f"arn:aws:x:eu:{STRANGER}:s:{OWN}:f/d", NO),
    ("StringLike", f"arn:aws:x:*:{OWN}:f/*", f"arn:aws:x:eu:{STRANGER}:s:{OWN}:f/d", YES),
    ("ArnNotLike", ROLE, None, YES), ("Null", "true", None, YES), ("Null", "true", "x", NO), ("Null", False, "x", YES),
    ("Null", "true", ..., UNKNOWN), ("Unheard", "a", "a", UNKNOWN),
]  # fmt: skip


@pytest.mark.parametrize(("operator", "stated", "value", "expected"), HOLDS)
def test_operators(operator: str, stated: Any, value: Any, expected: Holds) -> None:
    context: dict[str, Any] = {"who": "me", "nobody": None} | ({} if value is ... else {"Key": value})
    request = Request("s3:GetObject", f"{BUCKET}/k", ANYONE, context)
    assert allowed(request, policy(allow(**when(operator, "key", stated)))) is expected


def test_older_policies_have_no_variables() -> None:
    request = Request("s3:GetObject", f"{BUCKET}/k", ANYONE, {"key": "${*}"})
    grants = allow(**when("StringEquals", "key", "${*}"))
    assert allowed(request, policy(grants, version="2008-10-17")) is YES
    assert allowed(request, policy(grants)) is NO


@pytest.mark.parametrize(
    ("stated", "caller", "expected"),
    [
        ({"AWS": OWN}, ROLE, YES), ({"AWS": ROLE}, f"arn:aws:sts::{OWN}:assumed-role/x/session", YES),
        ({"AWS": ROLE}, f"arn:aws:sts::{OWN}:assumed-role/y/session", NO), ({"AWS": ROLE}, OWN, UNKNOWN),
        ({"AWS": OWN}, OTHER, NO), ({"CanonicalUser": "79a5"}, OWN, UNKNOWN),
        ({"AWS": "AROAEXAMPLEEXAMPLE12"}, ROLE, NO), ({"Service": "s3.amazonaws.com"}, ROLE, NO), ("*", None, YES),
        ({"AWS": OWN}, None, UNKNOWN),
    ],
)  # fmt: skip
def test_callers(stated: Any, caller: str | None, expected: Holds) -> None:
    principal = None if caller is None else Principal.of(Kind.AWS, caller)
    assert allowed(Request("s3:GetObject", f"{BUCKET}/k", principal), policy(allow(stated))) is expected


# --- Whom else a policy lets in -------------------------------------------------------------------

GITHUB = "token.actions.githubusercontent.com"


def assume(principal: Any, action: str = "sts:AssumeRole", **more: Any) -> Json:
    return {name: value for name, value in allow(principal, action, **more).items() if name != "Resource"}


def test_public_trusts() -> None:
    def weak(*document: Json) -> list[list[str]]:
        return [[condition.key for condition in found.weak] for found in trust.public_trusts(policy(*document))]

    assert weak(assume({"AWS": ["*"]})) == [[]]
    assert weak(assume("*", **when("StringEquals", "sts:ExternalId", "secret"))) == [["sts:externalid"]]
    assert weak(assume("*", **when("StringLike", "sts:ExternalId", "*"))) == [[]]
    assert weak(assume("*", **when("StringEquals", "aws:SourceVpc", "vpc-1"))) == [["aws:sourcevpc"]]
    assert weak(assume("*", **ORG)) == weak(assume("*"), deny(action="sts:*", **NOT_ORG)) == []
    assert weak(assume({"Federated": "cognito-identity.amazonaws.com"})) == []


def test_cross_account_and_sources() -> None:
    external = assume({"AWS": [OWN, OTHER]}, **when("StringEquals", "sts:ExternalId", "secret"))
    bare = assume({"AWS": [f"arn:aws:iam::{OTHER}:role/x", OWN, "AROAEXAMPLEEXAMPLE12"]})
    (one,) = trust.cross_account_statements(policy(external, bare, assume("*")), {OWN}, trust.EXTERNAL_ID_KEYS)
    assert (one.statement.index, one.accounts) == (1, (OTHER,))
    assert one.statement.deleted_principals == ("AROAEXAMPLEEXAMPLE12",)
    ours = policy(assume({"AWS": OTHER}, **ORG))
    assert not trust.cross_account_statements(ours, {OWN}, trust.own_organization("o-own"))
    assert trust.cross_account_statements(ours, {OWN}, trust.own_organization("o-else"))
    variable = policy(assume({"AWS": OTHER}, **when("StringEquals", "aws:PrincipalOrgID", RESOURCE_ORG)))
    assert not trust.cross_account_statements(variable, {OWN}, trust.own_organization("o-own"))
    assert trust.cross_account_statements(ours, {OWN}, trust.own_organization(None))
    everyone = assume("*", **when("StringEquals", "aws:PrincipalAccount", OWN, OTHER))
    by_arn = assume("*", **when("ArnLike", "aws:PrincipalArn", f"arn:aws:iam::{OTHER}:role/x"))
    closed = assume("*", **when("StringNotEquals", "aws:PrincipalAccount", OTHER))
    found = trust.cross_account_statements(policy(everyone, by_arn, closed), {OWN}, trust.EXTERNAL_ID_KEYS)
    assert [(entry.statement.index, entry.accounts) for entry in found] == [(0, (OTHER,)), (1, (OTHER,))]
    sourced = allow("*", **when("ArnLike", "aws:SourceArn", f"arn:aws:sns:*:{OTHER}:*"))
    assert trust.source_accounts(policy(sourced).statements[0]) == (OTHER,)


@pytest.mark.parametrize(
    ("issuer", "condition", "restricted"),
    [
        ("cognito-identity.amazonaws.com", {}, False),
        ("cognito-identity.amazonaws.com", when("StringEquals", "cognito-identity.amazonaws.com:aud", "eu:1"), True),
        ("graph.facebook.com", when("StringEquals", "graph.facebook.com:app_id", "1"), True),
        ("accounts.google.com", when("StringEqualsIfExists", "accounts.google.com:aud", "1"), False),
        (GITHUB, {}, False), (GITHUB, when("StringLike", f"{GITHUB}:aud", "sts.amazonaws.com"), False),
        (GITHUB, "repo:*", False), (GITHUB, "repo:me*", False), (GITHUB, "repo:me/*", True),
        ("app.terraform.io", "organization:*:project:x:*", False),
        ("app.terraform.io", "organization:me:project:*", True),
        ("api.bitbucket.org/2.0/workspaces/me/pipelines-config/identity/oidc", "{repo}:*", True),
        ("oidc.circleci.com/org/1234", "*", False), ("oidc.eks.eu-west-1.amazonaws.com/id/ABC", {}, False),
        ("oidc.eks.eu-west-1.amazonaws.com/id/ABC", "system:serviceaccount:*", True),
        ("oidc.eks.eu-west-1.amazonaws.com/id/ABC", "*:*:*", False),
        ("login.example.com", "${login.example.com:sub}", False), ("login.example.com", "${aws:x}-me", True),
    ],
)  # fmt: skip
def test_web_identities(issuer: str, condition: Any, restricted: bool) -> None:
    public = issuer in PUBLIC_PROVIDERS
    provider = issuer if public else f"arn:aws:iam::{OWN}:oidc-provider/{issuer}"
    more = when("StringLike", f"{issuer}:sub", condition) if isinstance(condition, str) else condition
    saml = f"arn:aws:iam::{OWN}:saml-provider/a"
    (found,) = trust.web_identities(policy(assume({"Federated": [provider, saml]}, "sts:*", **more)))
    assert (found.issuer, found.is_oidc, found.is_restricted()) == (issuer.lower(), not public, restricted)


def test_services() -> None:
    queue, service = f"arn:aws:sqs:eu-west-1:{OWN}:q", {"Service": "s3.amazonaws.com"}
    confined = when("ArnLike", "aws:SourceArn", "arn:aws:s3:*:*:bucket")
    for condition, expected in (({}, (YES, False)), (confined, (YES, True)), (ORG, (UNKNOWN, False))):
        found = policy(allow(service, "SQS:SendMessage", queue, **condition))
        access = trust.service_access(
            found, "s3.amazonaws.com", "sqs:SendMessage", queue, source_arn=BUCKET, source_account=OWN
        )
        assert (access.allowed, access.is_confined) == expected
        assert [bool(grant.source_conditions) for grant in trust.service_grants(found)] == [expected[1]]


@pytest.mark.parametrize(
    ("document", "services"),
    [
        (given_that("Bool", "aws:PrincipalIsAWSService", "true"), ["*"]),
        (given_that("StringEquals", "aws:PrincipalServiceName", "a.amazonaws.com"), ["a.amazonaws.com"]),
        (given_that("ForAnyValue:StringEquals", "aws:PrincipalServiceNamesList", "a", "b"), ["a", "b"]),
        ([allow(), deny_outside_if("BoolIfExists", "aws:PrincipalIsAWSService", "false")], ["*"]),
        ([allow(), deny(NotPrincipal={"Service": "a.amazonaws.com"})], ["*"]),
        ([allow(), deny(NotPrincipal={"AWS": OWN})], []),
        ([allow(Condition={"Bool": {"aws:PrincipalIsAWSService": "true"}, **ORG["Condition"]})], []),
        ([allow(Condition={"StringEquals": {"aws:PrincipalServiceName": "a", "aws:SourceAccount": OWN}})], []),
        (given_that("Bool", "aws:PrincipalIsAWSService", "false"), []), ([allow()], []),
        ([allow({"AWS": OWN}, **when("Bool", "aws:PrincipalIsAWSService", "true"))], []),
    ],
)  # fmt: skip
def test_services_by_condition(document: list[Json], services: list[str]) -> None:
    assert [grant.service for grant in trust.service_grants(policy(*document))] == services


@pytest.mark.parametrize(
    ("statement", "denied"),
    [
        (deny(**when("Bool", "aws:SecureTransport", False)), True),
        (deny({"AWS": "*"}, "*", [BUCKET, f"{BUCKET}/*"], **when("BoolIfExists", "aws:SecureTransport", False)), True),
        (deny(**when("NumericLessThan", "s3:TlsVersion", 1.2)), True),
        (deny(**when("Bool", "aws:SecureTransport", "true")), False),
        (deny(action="s3:GetObject", **when("Bool", "aws:SecureTransport", "false")), False),
        (deny(resource=f"{BUCKET}/*", **when("Bool", "aws:SecureTransport", "false")), False),
        (deny({"AWS": OWN}, **when("Bool", "aws:SecureTransport", "false")), False),
        (deny(Condition={"Bool": {"aws:SecureTransport": "false"}, "StringEquals": {"aws:SourceVpc": "v"}}), False),
    ],
)  # fmt: skip
def test_denies_plain_http(statement: Json, denied: bool) -> None:
    assert trust.denies_plain_http(policy(statement), "s3:*", (BUCKET, f"{BUCKET}/*")) is denied
