"""Who may do what at Northwind Coffee: people, machines, roles and policies, as eight years have left them."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from auditor.demo.emulator import ACCOUNT, backend
from auditor.demo.protocol import Error, Params
from auditor.demo.stage import AGENCY, VENDOR, Stage, allow, arn, document, tags
from auditor.demo.supplement import credential_report

AWS = "arn:aws:iam::aws:policy/"
GITHUB = "token.actions.githubusercontent.com"
OKTA = f"arn:aws:iam::{ACCOUNT}:saml-provider/northwind-okta"

# User, team, console password last used (days ago, None without a password), MFA, access keys (age, last use, days),
# groups, own policies.
PEOPLE: tuple[
    tuple[str, str, int | None, bool, tuple[tuple[int, int | None], ...], tuple[str, ...], tuple[str, ...]], ...
] = (
    ("anna.keller", "leadership", 1, True, (), ("administrators",), ()),
    ("ben.okafor", "platform", 0, True, ((41, 1),), ("developers", "operators"), ()),
    ("chloe.martin", "platform", 3, False, ((402, 2),), ("administrators",), ("AdministratorAccess",)),
    ("dario.rossi", "contractor", 214, False, ((388, 231),), ("developers",), ()),
    ("emma.lindqvist", "analytics", 2, True, ((12, 0),), ("analysts",), ()),
    ("farid.haddad", "shop", 19, True, (), ("developers",), ()),
    ("ci-deploy", "platform", None, False, ((611, 0), (745, 512)), (), ("PowerUserAccess",)),
    ("backup-agent", "platform", None, False, ((30, 0),), (), ()),
    ("legacy-exporter", "unknown", None, False, ((1460, 1),), (), ("AWSCompromisedKeyQuarantineV2",)),
)
GROUPS = {
    "administrators": ("AdministratorAccess",),
    "operators": ("ReadOnlyAccess",),
    "developers": ("ReadOnlyAccess", "AmazonSQSFullAccess"),
    "analysts": ("AmazonAthenaFullAccess",),
}
# Policies of the account's own, and what they are attached to.
POLICIES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "northwind-order-queue": (
        document(allow(["sqs:SendMessage", "sqs:ReceiveMessage"], arn("sqs", "eu-central-1", "northwind-orders"))),
        ("role/northwind-order-processor",),
    ),
    "northwind-web-assets": (
        document(
            allow(
                ["s3:GetObject", "s3:ListBucket"], ["arn:aws:s3:::northwind-assets", "arn:aws:s3:::northwind-assets/*"]
            )
        ),
        ("role/northwind-web",),
    ),
    "northwind-everything": (document(allow("*", "*")), ("role/northwind-legacy-cron",)),
    "northwind-deploy": (
        document(allow(["s3:*", "cloudfront:*", "ec2:Describe*"], "*"), allow("iam:PassRole", "*")),
        ("role/northwind-github-deploy", "user/ci-deploy"),
    ),
    "northwind-ecs-deploy": (
        document(
            allow(
                "iam:PassRole",
                f"arn:aws:iam::{ACCOUNT}:role/northwind-ecs-*",
                Condition={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
            )
        ),
        ("role/northwind-github-deploy",),
    ),
    "northwind-all-but-billing": (
        document({"Effect": "Allow", "NotAction": ["aws-portal:*", "iam:*"], "Resource": "*"}),
        ("group/developers",),
    ),
    "northwind-region-lock": (
        document(
            {
                "Effect": "Deny",
                "NotAction": ["iam:*", "sts:*", "cloudfront:*", "route53:*", "support:*"],
                "Resource": "*",
                "Condition": {"StringNotLike": {"aws:RequestedRegion": ["eu-*", "us-*"]}},
            }
        ),
        ("group/developers", "group/analysts"),
    ),
    "northwind-developer-boundary": (document(allow(["ec2:*", "s3:*", "lambda:*"], "*")), ()),
}


def trust(principal: Mapping[str, Any] | str, action: str = "sts:AssumeRole", **condition: Any) -> dict[str, Any]:
    """A trust policy of one statement."""
    statement = {"Effect": "Allow", "Principal": principal, "Action": action}
    return document(statement | ({"Condition": condition} if condition else {}))


def github(**condition: Any) -> dict[str, Any]:
    """A trust policy for workflows on GitHub."""
    provider = {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{GITHUB}"}
    return trust(provider, "sts:AssumeRoleWithWebIdentity", **condition)


# Role, team, trust policy, AWS's policies that are attached, path.
ROLES: tuple[tuple[str, str, dict[str, Any], tuple[str, ...], str], ...] = (
    ("northwind-web", "shop", trust({"Service": "ec2.amazonaws.com"}), ("AmazonSSMManagedInstanceCore",), "/"),
    ("northwind-jenkins", "platform", trust({"Service": "ec2.amazonaws.com"}), ("AdministratorAccess",), "/"),
    (
        "northwind-order-processor", "shop", trust({"Service": "lambda.amazonaws.com"}),
        ("AmazonS3FullAccess", "service-role/AWSLambdaBasicExecutionRole"), "/",
    ),
    ("northwind-legacy-cron", "unknown", trust({"Service": "lambda.amazonaws.com"}), (), "/"),
    ("northwind-flow-logs", "platform", trust({"Service": "vpc-flow-logs.amazonaws.com"}), (), "/service/"),
    ("northwind-replication", "platform", trust({"Service": "s3.amazonaws.com"}), (), "/service/"),
    ("northwind-rds-proxy", "shop", trust({"Service": "rds.amazonaws.com"}), (), "/service/"),
    (
        "northwind-github-deploy", "platform",
        github(
            StringEquals={f"{GITHUB}:aud": "sts.amazonaws.com"},
            StringLike={f"{GITHUB}:sub": "repo:northwind-coffee/shop:ref:refs/heads/main"},
        ), (), "/",
    ),
    (
        "northwind-github-old", "platform",
        github(StringEquals={f"{GITHUB}:aud": "sts.amazonaws.com"}), ("AmazonEC2ContainerRegistryFullAccess",), "/",
    ),
    (
        "northwind-uptime-vendor", "platform",
        trust({"AWS": f"arn:aws:iam::{VENDOR}:root"}), ("CloudWatchReadOnlyAccess",), "/",
    ),
    (
        "northwind-metrics-vendor", "platform",
        trust({"AWS": f"arn:aws:iam::{VENDOR}:root"}, StringEquals={"sts:ExternalId": "northwind-7c41"}),
        ("SecurityAudit",), "/",
    ),
    ("northwind-agency-upload", "marketing", trust({"AWS": "*"}), (), "/"),
    (
        "northwind-agency-review", "marketing",
        trust({"AWS": f"arn:aws:iam::{AGENCY}:role/review"}, StringEquals={"aws:PrincipalOrgID": "o-agency00001"}),
        ("AmazonS3ReadOnlyAccess",), "/",
    ),
    (
        "northwind-okta-admin", "leadership",
        trust({"Federated": OKTA}, "sts:AssumeRoleWithSAML",
              StringEquals={"SAML:aud": "https://signin.aws.amazon.com/saml"}),
        ("AdministratorAccess",), "/",
    ),
    (
        "AWSReservedSSO_AdministratorAccess_6f1d0c52b7a94e38", "leadership",
        trust({"Federated": f"arn:aws:iam::{ACCOUNT}:saml-provider/AWSSSO_3b7c_DO_NOT_DELETE"},
              "sts:AssumeRoleWithSAML"),
        ("AdministratorAccess",), "/aws-reserved/sso.amazonaws.com/eu-central-1/",
    ),
)  # fmt: skip
SERVICE_LINKED = ("rds.amazonaws.com", "autoscaling.amazonaws.com", "support.amazonaws.com")
# Certificate, days until it expires.
CERTIFICATES = {"shop-northwind-2022": -421, "vpn-northwind": 540, "tills-northwind": 17}
# Days that SAML metadata is still valid for.
PROVIDERS = {"northwind-okta": 410, "northwind-adfs": -96, "AWSSSO_3b7c_DO_NOT_DELETE": 20000}
# User, service, age in days, status.
GENERATED = (
    ("ben.okafor", "codecommit.amazonaws.com", 24, "Active"),
    ("dario.rossi", "codecommit.amazonaws.com", 390, "Active"),
    ("emma.lindqvist", "cassandra.amazonaws.com", 700, "Inactive"),
)


def build(stage: Stage) -> None:
    """Make all of it."""
    _groups(stage)
    _people(stage)
    _roles(stage)
    _policies(stage)
    _federation(stage)
    _account(stage)


def _groups(stage: Stage) -> None:
    iam = stage.client("iam")
    for name, attached in GROUPS.items():
        iam.create_group(GroupName=name)
        for policy in attached:
            iam.attach_group_policy(GroupName=name, PolicyArn=AWS + policy)


def _people(stage: Stage) -> None:
    iam, held = stage.client("iam"), stage.backend("iam")
    for name, team, password_used, mfa, keys, groups, attached in PEOPLE:
        iam.create_user(UserName=name, Tags=tags(None, "production", team))
        user = held.users[name]
        user.create_date = stage.ago(max([900, *(age for age, _ in keys)]) + 3)
        if password_used is not None:
            iam.create_login_profile(UserName=name, Password="-".join(("Demo", name, "1!")))
            user.password_last_used = stage.ago(password_used)
        if mfa:
            device = iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]
            iam.enable_mfa_device(
                UserName=name,
                SerialNumber=device["SerialNumber"],
                AuthenticationCode1="123456",
                AuthenticationCode2="654321",
            )
        for age, used in keys:
            iam.create_access_key(UserName=name)
            key = user.access_keys[-1]
            key.create_date = stage.ago(age)
            key.last_used = None if used is None else _use(stage.ago(used))
        for group in groups:
            iam.add_user_to_group(GroupName=group, UserName=name)
        for policy in attached:
            iam.attach_user_policy(UserName=name, PolicyArn=AWS + policy)
    inline = document(allow(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::northwind-backups/*"))
    iam.put_user_policy(UserName="backup-agent", PolicyName="write-backups", PolicyDocument=json.dumps(inline))


def _use(moment: datetime) -> Any:
    from moto.iam.models import AccessKeyLastUsed

    return AccessKeyLastUsed(moment, "s3", "eu-central-1")


def _roles(stage: Stage) -> None:
    iam = stage.client("iam")
    iam.create_open_id_connect_provider(
        Url=f"https://{GITHUB}", ThumbprintList=["6938fd4d98bab03faadb97b34396831e3780aea1"]
    )
    for name, team, trusted, attached, path in ROLES:
        iam.create_role(
            RoleName=name, Path=path, AssumeRolePolicyDocument=json.dumps(trusted), Tags=tags(None, "production", team)
        )
        for policy in attached:
            iam.attach_role_policy(RoleName=name, PolicyArn=AWS + policy)
    for service in SERVICE_LINKED:
        iam.create_service_linked_role(AWSServiceName=service)
    logs = document(allow(["logs:CreateLogStream", "logs:PutLogEvents"], arn("logs", "*", "log-group:/northwind/*")))
    iam.put_role_policy(RoleName="northwind-flow-logs", PolicyName="write", PolicyDocument=json.dumps(logs))
    shell = document(allow("*", "*", Sid="TemporaryForMigration"))
    iam.put_role_policy(RoleName="northwind-jenkins", PolicyName="migration", PolicyDocument=json.dumps(shell))
    iam.create_instance_profile(InstanceProfileName="northwind-web")
    iam.add_role_to_instance_profile(InstanceProfileName="northwind-web", RoleName="northwind-web")


def _policies(stage: Stage) -> None:
    iam = stage.client("iam")
    attach = {
        "role": lambda name, policy: iam.attach_role_policy(RoleName=name, PolicyArn=policy),
        "user": lambda name, policy: iam.attach_user_policy(UserName=name, PolicyArn=policy),
        "group": lambda name, policy: iam.attach_group_policy(GroupName=name, PolicyArn=policy),
    }
    for name, (text, targets) in POLICIES.items():
        made = iam.create_policy(PolicyName=name, PolicyDocument=json.dumps(text))["Policy"]["Arn"]
        for target in targets:
            kind, _, holder = target.partition("/")
            attach[kind](holder, made)
        if not targets:
            # moto neither counts boundaries nor gives them to users.
            iam.put_role_permissions_boundary(RoleName="northwind-legacy-cron", PermissionsBoundary=made)
            stage.backend("iam").managed_policies[made].permissions_boundary_usage_count = 1


def _federation(stage: Stage) -> None:
    iam, held = stage.client("iam"), stage.backend("iam")
    for name, days in PROVIDERS.items():
        iam.create_saml_provider(Name=name, SAMLMetadataDocument="<EntityDescriptor/>".ljust(1000))
        held.saml_providers[name].valid_until = stage.ago(-days)
    # moto's list of certificates has no dates.
    stage.answers["iam:ListServerCertificates"] = {
        "ServerCertificateMetadataList": [
            {
                "Path": "/",
                "ServerCertificateName": name,
                "ServerCertificateId": f"ASCADEMO{number:012}",
                "Arn": f"arn:aws:iam::{ACCOUNT}:server-certificate/{name}",
                "UploadDate": stage.ago(800 - days),
                "Expiration": stage.ago(-days),
            }
            for number, (name, days) in enumerate(CERTIFICATES.items())
        ],
        "IsTruncated": False,
    }
    stage.answers["iam:ListServiceSpecificCredentials"] = {
        "ServiceSpecificCredentials": [
            {
                "UserName": user,
                "Status": status,
                "ServiceUserName": f"{user}-at-{ACCOUNT}",
                "CreateDate": stage.ago(age),
                "ServiceSpecificCredentialId": f"ACCADEMO{number:013}",
                "ServiceName": service,
            }
            for number, (user, service, age, status) in enumerate(GENERATED)
        ]
    }


def _account(stage: Stage) -> None:
    """The account itself: a root user with a phone app and an ancient key, a lax password policy, an organization."""
    iam = stage.client("iam")
    iam.update_account_password_policy(MinimumPasswordLength=10, RequireNumbers=True, MaxPasswordAge=180)
    stage.client("organizations", "us-east-1").create_organization(FeatureSet="ALL")
    used, created = stage.ago(6), stage.ago(2890)

    def summary(_: Params, __: str, account: str) -> Mapping[str, Any]:
        counts = backend("iam", account=account).account_summary.summary_map
        root = {"AccountMFAEnabled": 1, "AccountAccessKeysPresent": 1, "AccountPasswordPresent": 1}
        return {"SummaryMap": counts | root}

    def report(params: Params, region: str, account: str) -> Mapping[str, Any] | Error | None:
        answer = credential_report(params, region, account)
        if not isinstance(answer, Mapping):
            return answer
        head, _, *users = answer["Content"].decode().split("\n")
        old_key = f"true,{created:%Y-%m-%dT%H:%M:%SZ},{stage.ago(1300):%Y-%m-%dT%H:%M:%SZ},us-east-1,s3"
        root = (
            f"<root_account>,arn:aws:iam::{account}:root,{created:%Y-%m-%dT%H:%M:%SZ},not_supported,"
            f"{used:%Y-%m-%dT%H:%M:%SZ},not_supported,not_supported,true,{old_key},"
            "false,N/A,N/A,N/A,N/A,false,N/A,false,N/A"
        )
        return dict(answer) | {"Content": "\n".join((head, root, *users)).encode()}

    stage.answers["iam:GetAccountSummary"] = summary
    stage.answers["iam:GetCredentialReport"] = report
    people = [name for name, _, _, mfa, *_ in PEOPLE if mfa]
    assigned = [
        {
            "SerialNumber": f"arn:aws:iam::{ACCOUNT}:mfa/root-account-mfa-device",
            "User": _owner(stage, "root", "root", created),
            "EnableDate": stage.ago(1700),
        },
        *(
            {
                "SerialNumber": f"arn:aws:iam::{ACCOUNT}:mfa/{name}",
                "User": _owner(stage, name, f"user/{name}", stage.ago(903)),
                "EnableDate": stage.ago(600),
            }
            for name in people
        ),
    ]
    left_over = [{"SerialNumber": f"arn:aws:iam::{ACCOUNT}:mfa/intern-2019"}]

    def devices(params: Params, _: str, __: str) -> Mapping[str, Any]:
        unassigned = params.get("AssignmentStatus") == "Unassigned"
        return {"VirtualMFADevices": left_over if unassigned else assigned, "IsTruncated": False}

    stage.answers["iam:ListVirtualMFADevices"] = devices


def _owner(stage: Stage, name: str, resource: str, created: datetime) -> dict[str, Any]:
    user_id = ACCOUNT if name == "root" else stage.backend("iam").users[name].id
    return {
        "Path": "/",
        "UserName": name,
        "UserId": user_id,
        "Arn": f"arn:aws:iam::{ACCOUNT}:{resource}",
        "CreateDate": created,
    }
