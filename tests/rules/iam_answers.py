"""What IAM answers, written shortly: authorization details and credential reports in the form that AWS gives them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from auditor.findings import Finding
from tests.lab import Lab

Json = dict[str, Any]
Answers = dict[str, Any]

ACCOUNT, OTHER, MANAGEMENT = "123456789012", "222222222222", "999999999999"
CREATED = datetime(2020, 1, 1, tzinfo=UTC)
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"

DETAILS = "iam:GetAccountAuthorizationDetails"
MAKE_REPORT, GET_REPORT = "iam:GenerateCredentialReport", "iam:GetCredentialReport"

HEADER = (
    "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,"
    "mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,"
    "access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,"
    "access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,"
    "cert_1_last_rotated,cert_2_active,cert_2_last_rotated"
)
ABSENT = {
    "password_enabled": "false", "password_last_used": "N/A", "password_last_changed": "N/A",
    "password_next_rotation": "N/A", "mfa_active": "false", "access_key_1_active": "false",
    "access_key_2_active": "false", "cert_1_active": "false", "cert_2_active": "false",
}  # fmt: skip


def days_ago(days: float) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(days=days)


def ago(days: float) -> str:
    """A time as the credential report writes it."""
    return days_ago(days).isoformat()


# --- the credential report


def row(user: str, **columns: str) -> str:
    """A user's line; columns that are not given read as AWS writes them for somebody without any credentials."""
    known = {"user": user, "arn": f"arn:aws:iam::{ACCOUNT}:user/{user}", "user_creation_time": ago(1000)}
    values = known | ABSENT | columns
    return ",".join(values.get(name, "N/A") for name in HEADER.split(","))


def root(**columns: str) -> str:
    """The root user's line: AWS says little about its password."""
    said = {"arn": f"arn:aws:iam::{ACCOUNT}:root", "password_last_used": "no_information"}
    said |= dict.fromkeys(("password_enabled", "password_last_changed", "password_next_rotation"), "not_supported")
    return row("<root_account>", **said | columns)


def report(*rows: str) -> Answers:
    """A credential report that is ready."""
    content = "\n".join((HEADER, *rows)).encode()
    got = {"Content": content, "ReportFormat": "text/csv", "GeneratedTime": days_ago(0)}
    return {MAKE_REPORT: {"State": "COMPLETE"}, GET_REPORT: got}


# --- authorization details


def allow(action: Any = "s3:GetObject", resource: Any = "*", **more: Any) -> Json:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def document(*statements: Json) -> Json:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _attached(arns: tuple[str, ...]) -> list[Json]:
    return [{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in arns]


def _inline(policies: Mapping[str, Json] | None) -> list[Json]:
    return [{"PolicyName": name, "PolicyDocument": text} for name, text in (policies or {}).items()]


def _head(kind: str, name: str, path: str) -> Json:
    ids = {f"{kind}Name": name, f"{kind}Id": f"A{kind.upper()}AAAAAAAAAAAAAA"}
    return {"Path": path, "Arn": f"arn:aws:iam::{ACCOUNT}:{kind.lower()}{path}{name}", "CreateDate": CREATED, **ids}


def user(name: str, *attached: str, groups: tuple[str, ...] = (), inline: Mapping[str, Json] | None = None) -> Json:
    lists = {"GroupList": list(groups), "AttachedManagedPolicies": _attached(attached)}
    return _head("User", name, "/") | lists | {"UserPolicyList": _inline(inline)}


def group(name: str, *attached: str, inline: Mapping[str, Json] | None = None) -> Json:
    return _head("Group", name, "/") | {
        "AttachedManagedPolicies": _attached(attached),
        "GroupPolicyList": _inline(inline),
    }


def role(
    name: str, *attached: str, trust: Json | None = None, path: str = "/", inline: Mapping[str, Json] | None = None
) -> Json:
    trusted = trust or document(assume({"Service": "ec2.amazonaws.com"}))
    lists = {"AttachedManagedPolicies": _attached(attached), "RolePolicyList": _inline(inline)}
    return _head("Role", name, path) | lists | {"AssumeRolePolicyDocument": trusted}


def assume(principal: Any, action: Any = "sts:AssumeRole", **more: Any) -> Json:
    return {"Effect": "Allow", "Principal": principal, "Action": action, **more}


def when(operator: str, key: str, *values: str) -> Json:
    return {"Condition": {operator: {key: values[0] if len(values) == 1 else list(values)}}}


def _version(version: str, text: Json, *, default: bool) -> Json:
    return {"VersionId": version, "IsDefaultVersion": default, "CreateDate": CREATED, "Document": text}


def policy(name: str, *statements: Json, attached: int = 1, boundary: int = 0, older: Json | None = None) -> Json:
    """A managed policy; `older` is a statement of a version that is not in force any more."""
    versions = [{"VersionId": "v2", "IsDefaultVersion": True, "CreateDate": CREATED, "Document": document(*statements)}]
    if older:
        versions.append(
            {"VersionId": "v1", "IsDefaultVersion": False, "CreateDate": CREATED, "Document": document(older)}
        )
    counts = {"AttachmentCount": attached, "PermissionsBoundaryUsageCount": boundary}
    return _head("Policy", name, "/") | counts | {"DefaultVersionId": "v2", "PolicyVersionList": versions}


def details(*entries: Json) -> Answers:
    """What one request says of these users, groups, roles and policies."""
    lists: dict[str, list[Json]] = {}
    places = {
        "UserName": "UserDetailList",
        "GroupName": "GroupDetailList",
        "RoleName": "RoleDetailList",
        "PolicyName": "Policies",
    }
    for entry in entries:
        lists.setdefault(next(at for name, at in places.items() if name in entry), []).append(entry)
    return {DETAILS: {at: lists.get(at, []) for at in places.values()} | {"IsTruncated": False}}


def organization(management: str) -> Answers:
    """An organization with this management account."""
    return {
        "organizations:DescribeOrganization": {"Organization": {"Id": "o-abcdefghij", "MasterAccountId": management}}
    }


# --- asking


def verdicts(lab: Lab, rule_id: str, answers: Answers, **options: Any) -> dict[str, Finding]:
    """A rule's findings, those about inline policies by "owner policy"."""
    with lab.but(answers=answers):
        judged = lab.judge(rule_id, **options)
    assert not judged.defects, judged.defects
    return {" ".join(filter(None, (f.resource.name, f.evidence.get("policy")))): f for f in judged.findings}


def statuses(lab: Lab, rule_id: str, answers: Answers, **options: Any) -> dict[str, str]:
    return {name: finding.status.value for name, finding in verdicts(lab, rule_id, answers, **options).items()}
