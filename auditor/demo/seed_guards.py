"""Keys, secrets, parameters and quotas of Northwind Coffee, and what watches over them."""

import json
from collections.abc import Mapping
from typing import Any

from auditor.demo.emulator import ACCOUNT
from auditor.demo.protocol import Params
from auditor.demo.stage import PRODUCTION, Stage, allow, arn, document

EVERYONE = {"Effect": "Allow", "Principal": "*", "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": "*"}
OWN = {
    "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*",
}  # fmt: skip
# Alias, owner, what it is for, whether it rotates, what its policy adds.
KEYS: tuple[tuple[str, str, str, bool, tuple[dict[str, Any], ...]], ...] = (
    ("northwind-orders", "shop", "orders at rest", True, ()),
    ("northwind-analytics", "analytics", "the data lake", False, ()),
    ("northwind-partner-exchange", "marketing", "files for the agency", True, (EVERYONE,)),
)
RETIRED = "northwind-tills-2021"
# Secret, owner, days since it was made, days since it was last read, rotated.
SECRETS: tuple[tuple[str, str, int, int | None, bool], ...] = (
    ("northwind/orders-db", "shop", 410, 0, True),
    ("northwind/payment-provider", "shop", 700, 1, False),
    ("northwind/newsletter-2022", "marketing", 980, 612, False),
)
PARAMETERS = (
    ("/northwind/shop/database/host", "String", "orders.northwind.internal"),
    ("/northwind/shop/database/password", "SecureString", "drawn-when-it-was-set"),
    ("/northwind/tills/api-key", "String", "see-the-label-under-the-till"),
)


def build(stage: Stage) -> None:
    """Make all of it."""
    _keys(stage)
    _secrets(stage)
    _watch(stage)
    _iam(stage)


def _keys(stage: Stage) -> None:
    kms = stage.client("kms")
    for alias, owner, purpose, rotated, added in KEYS:
        key = kms.create_key(
            Description=f"Encrypts {purpose}",
            Policy=json.dumps(document(OWN, *added)),
            Tags=[{"TagKey": "owner", "TagValue": owner}],
        )["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName=f"alias/{alias}", TargetKeyId=key)
        if rotated:
            kms.enable_key_rotation(KeyId=key)
    retired = kms.create_key(Description="Encrypted the tills' journals", Policy=json.dumps(document(OWN)))
    kms.create_alias(AliasName=f"alias/{RETIRED}", TargetKeyId=retired["KeyMetadata"]["KeyId"])
    kms.schedule_key_deletion(KeyId=retired["KeyMetadata"]["KeyId"], PendingWindowInDays=30)


def _secrets(stage: Stage) -> None:
    # moto keeps no day of the last access.
    listed = [
        {
            "ARN": arn("secretsmanager", PRODUCTION, f"secret:{name}-{number:06}"),
            "Name": name,
            "RotationEnabled": rotated,
            "CreatedDate": stage.ago(made),
            **({} if read is None else {"LastAccessedDate": stage.ago(read)}),
            "Tags": [{"Key": "owner", "Value": owner}],
        }
        for number, (name, owner, made, read, rotated) in enumerate(SECRETS)
    ]

    def secrets(_: Params, region: str, __: str) -> Mapping[str, Any] | None:
        return {"SecretList": listed} if region == PRODUCTION else None

    stage.answers["secretsmanager:ListSecrets"] = secrets
    ssm = stage.client("ssm")
    for name, kind, value in PARAMETERS:
        ssm.put_parameter(Name=name, Type=kind, Value=value, Tags=[{"Key": "owner", "Value": "shop"}])


def _watch(stage: Stage) -> None:
    """One analyzer in the main region only, and two requests for higher quotas."""
    analyzer = {
        "arn": arn("access-analyzer", PRODUCTION, "analyzer/northwind"), "name": "northwind", "type": "ACCOUNT",
        "status": "ACTIVE", "createdAt": stage.ago(300),
    }  # fmt: skip
    requests = [
        {
            "Id": f"northwind-{number}", "ServiceCode": "ec2", "QuotaCode": code, "QuotaName": name,
            "DesiredValue": value, "Status": status, "Created": stage.ago(age),
        }
        for number, (code, name, value, status, age) in enumerate(
            (
                ("L-1216C47A", "Running On-Demand Standard instances", 64.0, "APPROVED", 200),
                ("L-0263D0A3", "EC2-VPC Elastic IPs", 20.0, "CASE_OPENED", 41),
            )
        )
    ]  # fmt: skip

    def analyzers(_: Params, region: str, __: str) -> Mapping[str, Any]:
        return {"analyzers": [analyzer] if region == PRODUCTION else []}

    def history(_: Params, region: str, __: str) -> Mapping[str, Any]:
        return {"RequestedQuotas": requests if region == PRODUCTION else []}

    stage.answers["accessanalyzer:ListAnalyzers"] = analyzers
    stage.answers["service-quotas:ListRequestedServiceQuotaChangeHistory"] = history


def _iam(stage: Stage) -> None:
    """What grew beside the plan: a ladder to the top, forgotten keys, and a profile without a role."""
    iam = stage.client("iam")
    ladder = document(allow(["iam:CreatePolicyVersion", "iam:PutRolePolicy"], "*", Sid="FixPermissionsMyself"))
    iam.put_role_policy(RoleName="northwind-github-old", PolicyName="fix", PolicyDocument=json.dumps(ladder))
    iam.create_policy(PolicyName="northwind-intern-2019", PolicyDocument=json.dumps(document(allow("s3:Get*", "*"))))
    iam.create_group(GroupName="interns-2019")
    iam.attach_user_policy(UserName="anna.keller", PolicyArn="arn:aws:iam::aws:policy/AWSCloudShellFullAccess")
    iam.create_instance_profile(InstanceProfileName="northwind-kiosk")
    old = iam.create_access_key(UserName="dario.rossi")["AccessKey"]["AccessKeyId"]
    iam.update_access_key(UserName="dario.rossi", AccessKeyId=old, Status="Inactive")
    for user, age in (("ben.okafor", 20), ("dario.rossi", 511)):
        iam.upload_ssh_public_key(UserName=user, SSHPublicKeyBody=f"ssh-ed25519 AAAA northwind {user}")
        stage.backend("iam").users[user].ssh_public_keys[-1].upload_date = stage.ago(age)
    for role in stage.backend("iam").roles.values():
        if role.name in ("northwind-legacy-cron", "northwind-agency-upload"):
            role.create_date = stage.ago(1100)
    iam.update_role(RoleName="northwind-okta-admin", MaxSessionDuration=43200)
