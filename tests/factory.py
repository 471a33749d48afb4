"""Audits to test with: generated, seeded, as large and as hostile as a test wants them."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from auditor.audit import Audit, CallCount, Defect, RuleText, Scan, Tool, summarize
from auditor.findings import (
    Category,
    Coverage,
    Finding,
    Gap,
    GapKind,
    ResourceRef,
    Severity,
    Status,
    Suppression,
    fingerprint,
)

STARTED = datetime(2025, 11, 22, 18, 41, 7, tzinfo=UTC)
REGIONS = ("us-east-1", "eu-central-1", "eu-west-1", "us-west-2", "ap-southeast-1", "sa-east-1")
NASTY = (
    "</script><script>alert(1)</script><!--<b onclick='x'>\"&amp;[bold]{{7*7}}${7*7}\u2028\u202e\x1b[31m`$(id)`%s\n'"
)


@dataclass(frozen=True)
class Kind:
    """A resource type of the generated account: how its identifiers look and which calls read it."""

    service: str
    type: str
    arn: str
    listing: str
    detail: str
    rules: tuple[tuple[str, Severity, Category, str, str, str], ...]


C, H, M, L, I = Severity  # noqa: E741
SECURITY, RELIABILITY, COST, OPERATIONS, PERFORMANCE = Category

KINDS = (
    Kind(
        "s3",
        "AWS::S3::Bucket",
        "arn:aws:s3:::{id}",
        "list_buckets",
        "get_bucket_policy",
        (
            (
                "s3-bucket-not-public",
                C,
                SECURITY,
                "S3 buckets are not readable by everyone.",
                "Whoever guesses the name downloads the objects; scanners try names all day.",
                "aws s3api put-public-access-block --bucket {name} --public-access-block-configuration "
                "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true",
            ),
            (
                "s3-bucket-tls-only",
                M,
                SECURITY,
                "S3 buckets refuse requests without TLS.",
                "Objects and credentials in headers can be read and changed on the way.",
                "Add a bucket policy statement that denies s3:* on {arn} where aws:SecureTransport is false.",
            ),
            (
                "s3-bucket-lifecycle-configured",
                L,
                COST,
                "S3 buckets have lifecycle rules.",
                "Old versions and aborted uploads are paid for, unseen, for ever.",
                "aws s3api put-bucket-lifecycle-configuration --bucket {name} --lifecycle-configuration file://rules.json",
            ),
        ),
    ),
    Kind(
        "ec2",
        "AWS::EC2::Instance",
        "arn:aws:ec2:{region}:{account}:instance/{id}",
        "describe_instances",
        "describe_instance_attribute",
        (
            (
                "ec2-instance-imdsv2-required",
                H,
                SECURITY,
                "EC2 instances accept metadata requests only with a session token (IMDSv2).",
                "A request forged through the application can read the role's credentials with a plain GET.",
                "aws ec2 modify-instance-metadata-options --region {region} --instance-id {id} --http-tokens required",
            ),
            (
                "ec2-instance-termination-protection-enabled",
                L,
                OPERATIONS,
                "Important instances are not deletable by one click.",
                "A slip of the hand ends the instance, and with it what stood on its disks.",
                "aws ec2 modify-instance-attribute --region {region} --instance-id {id} --disable-api-termination",
            ),
        ),
    ),
    Kind(
        "ec2",
        "AWS::EC2::SecurityGroup",
        "arn:aws:ec2:{region}:{account}:security-group/{id}",
        "describe_security_groups",
        "describe_security_group_rules",
        (
            (
                "ec2-security-group-ssh-not-public",
                C,
                SECURITY,
                "Security groups do not open SSH to the internet.",
                "Port 22 is found within minutes and tried with stolen keys and passwords from then on.",
                "aws ec2 revoke-security-group-ingress --region {region} --group-id {id} --protocol tcp --port 22 "
                "--cidr 0.0.0.0/0",
            ),
        ),
    ),
    Kind(
        "iam",
        "AWS::IAM::User",
        "arn:aws:iam::{account}:user/{id}",
        "get_account_authorization_details",
        "list_mfa_devices",
        (
            (
                "iam-user-mfa-enabled",
                H,
                SECURITY,
                "IAM users with a password sign in with a second factor.",
                "A guessed or phished password is then enough to act as the user.",
                "aws iam enable-mfa-device --user-name {name} --serial-number SERIAL --authentication-code1 C1 "
                "--authentication-code2 C2",
            ),
            (
                "iam-user-access-key-rotated",
                M,
                SECURITY,
                "Access keys are younger than 90 days.",
                "A key that leaked long ago still opens the account.",
                "aws iam create-access-key --user-name {name}\naws iam update-access-key --user-name {name} "
                "--access-key-id OLD --status Inactive",
            ),
        ),
    ),
    Kind(
        "rds",
        "AWS::RDS::DBInstance",
        "arn:aws:rds:{region}:{account}:db:{id}",
        "describe_db_instances",
        "describe_db_parameters",
        (
            (
                "rds-instance-storage-encrypted",
                M,
                SECURITY,
                "Database instances are encrypted at rest.",
                "Snapshots and disks can be read by whoever gets hold of a copy.",
                "Restore an encrypted copy of a snapshot of {id} and switch over to it.",
            ),
            (
                "rds-instance-multi-az",
                M,
                RELIABILITY,
                "Production databases stand in two zones.",
                "When the zone fails, the database is gone until somebody restores a backup.",
                "aws rds modify-db-instance --region {region} --db-instance-identifier {id} --multi-az",
            ),
        ),
    ),
    Kind(
        "lambda",
        "AWS::Lambda::Function",
        "arn:aws:lambda:{region}:{account}:function:{id}",
        "list_functions",
        "get_policy",
        (
            (
                "lambda-function-not-public",
                C,
                SECURITY,
                "Functions cannot be invoked by everyone.",
                "Strangers run your code with your role and on your bill.",
                "aws lambda remove-permission --region {region} --function-name {name} --statement-id SID",
            ),
            (
                "lambda-function-runtime-supported",
                M,
                OPERATIONS,
                "Functions run on a runtime that AWS still mends.",
                "Known holes stay open, and one day the function cannot be updated any more.",
                "aws lambda update-function-configuration --region {region} --function-name {name} --runtime R",
            ),
        ),
    ),
    Kind(
        "kms",
        "AWS::KMS::Key",
        "arn:aws:kms:{region}:{account}:key/{id}",
        "list_keys",
        "get_key_rotation_status",
        (
            (
                "kms-key-rotation-enabled",
                L,
                SECURITY,
                "Customer managed keys rotate.",
                "One lost key generation then opens everything that was ever encrypted.",
                "aws kms enable-key-rotation --region {region} --key-id {id}",
            ),
        ),
    ),
    Kind(
        "logs",
        "AWS::Logs::LogGroup",
        "arn:aws:logs:{region}:{account}:log-group:{id}",
        "describe_log_groups",
        "describe_metric_filters",
        (
            (
                "logs-log-group-retention-set",
                I,
                COST,
                "Log groups forget after a while.",
                "Logs are kept, and paid for, for ever.",
                "aws logs put-retention-policy --region {region} --log-group-name {name} --retention-in-days 90",
            ),
        ),
    ),
)
TEAMS = ("payments", "search", "platform", "data", "mobile", "checkout", "billing", "identity")


def _rules(kind: Kind, count: int) -> list[RuleText]:
    """At least `count` rules for a kind: the written ones first, then numbered ones."""
    texts = list(kind.rules)
    noun = kind.rules[0][0].split("-")[1]
    while len(texts) < count:
        n = len(texts)
        texts.append(
            (
                f"{kind.service}-{kind.type.rpartition('::')[2].lower()}-check-{n:03}",
                list(Severity)[n % 5],
                list(Category)[n % 5],
                f"Generated rule {n} about a {noun} holds.",
                f"What happens when generated rule {n} does not hold.",
                f"aws {kind.service} mend-{n} --region {{region}} --id {{id}}",
            )
        )
    return [
        RuleText(
            id=id,
            title=title,
            severity=severity,
            category=category,
            resource_types=[kind.type],
            risk=risk,
            fix=fix,
            notes="",
            controls=[f"SecurityHub {kind.service.upper()}.{n + 1}", f"CIS-5.0 {n % 5 + 1}.{n + 1}"],
            parameters={"max_age_days": 90} if "rotated" in id else {},
        )
        for n, (id, severity, category, title, risk, fix) in enumerate(texts)
    ]


def _resource(kind: Kind, n: int, account: str, region: str, rng: random.Random, hostile: str) -> ResourceRef:
    team = rng.choice(TEAMS)
    tail = f"{rng.getrandbits(64):016x}"
    identifier, name = {
        "AWS::EC2::Instance": (f"i-0{tail}", f"{team}-worker-{n}"),
        "AWS::EC2::SecurityGroup": (f"sg-0{tail}", f"{team}-sg-{n}"),
        "AWS::KMS::Key": (f"{tail[:8]}-{tail[8:12]}-4a1b-9c2d-{n:012}", f"alias/{team}-{n}"),
        "AWS::Logs::LogGroup": (f"/aws/lambda/{team}-{n}", f"/aws/lambda/{team}-{n}"),
    }.get(kind.type, (f"{team}-{kind.service}-{n}", f"{team}-{kind.service}-{n}"))
    if kind.service == "iam":
        region = "global"
    tags = {"team": team, "env": rng.choice(("prod", "staging", "dev")), "cost-centre": str(4000 + n % 40)}
    identifier, name = identifier + hostile, name + hostile
    return ResourceRef(
        arn=kind.arn.format(id=identifier, region=region, account=account),
        id=identifier,
        name=name,
        type=kind.type,
        account=account,
        region=region,
        tags=None if rng.random() < 0.05 else {k + hostile: v + hostile for k, v in tags.items()},
    )


def _evidence(rule: RuleText, rng: random.Random, hostile: str) -> dict[str, Any]:
    if "rotated" in rule.id:
        when = STARTED - timedelta(days=rng.randrange(91, 900), seconds=rng.randrange(86400))
        return {"access_keys": [{"create_date": when.isoformat(), "status": "Active" + hostile}], "max_age_days": 90}
    if "ssh" in rule.id:
        return {"ip_permissions": [{"from_port": 22, "to_port": 22, "cidr": "0.0.0.0/0" + hostile}]}
    if "imdsv2" in rule.id:
        return {"http_tokens": "optional" + hostile, "http_endpoint": "enabled"}
    return {"enabled" + hostile: False, "configured_at": None, "attempts": rng.randrange(9)}


def _gap(kind: Kind, resource: ResourceRef, *, listing: bool, gap: GapKind, hostile: str) -> Gap:
    operation = kind.listing if listing else kind.detail
    camel = "".join(part.title() for part in operation.split("_"))
    code = {GapKind.DENIED: "AccessDeniedException", GapKind.THROTTLED: "ThrottlingException"}.get(gap, "InternalError")
    return Gap(
        kind=gap,
        account=resource.account,
        region=resource.region,
        service=kind.service,
        operation=operation,
        resource_type=kind.type,
        resource=None if listing else resource.arn,
        field=None if listing else kind.detail.partition("_")[2],
        code=code,
        message=f"User: arn:aws:sts::{resource.account}:assumed-role/audit may not perform {camel}{hostile}",
        iam_action=f"{kind.service}:{camel}" if gap is GapKind.DENIED else None,
    )


def _calls(accounts: Sequence[str], regions: Sequence[str], rng: random.Random, hostile: str) -> Iterator[CallCount]:
    for account in accounts:
        for kind in KINDS:
            for region in ["global"] if kind.service in ("iam", "s3") else regions:
                for operation in (kind.listing, kind.detail):
                    calls = rng.randrange(1, 240)
                    yield CallCount(
                        account=account,
                        region=region,
                        service=kind.service,
                        operation=operation + hostile,
                        calls=calls,
                        errors=rng.randrange(calls) if rng.random() < 0.2 else 0,
                        throttles=rng.randrange(3) if rng.random() < 0.1 else 0,
                    )


def make_audit(
    n_findings: int = 240,
    *,
    n_resources: int | None = None,
    n_rules: int = 0,
    accounts: Sequence[str] = ("123456789012",),
    regions: Sequence[str] = REGIONS,
    weights: tuple[float, float, float, float] = (0.62, 0.26, 0.06, 0.06),
    suppressed: float = 0.05,
    defects: int = 0,
    interrupted: bool = False,
    hostile: str = "",
    seed: int = 7,
) -> Audit:
    """An audit of a made-up account, the same every time for the same arguments.

    `weights` are the shares of pass, fail, unknown and not applicable; `suppressed` is the share of failures that
    somebody accepted; `hostile` is appended to every text that a stranger could have written.
    """
    rng = random.Random(seed)
    n_resources = n_resources or max(1, n_findings // 2)
    per_resource = -(-n_findings // n_resources)
    catalogue = {kind.type: _rules(kind, max(per_resource, n_rules // len(KINDS))) for kind in KINDS}
    findings: list[Finding] = []
    gaps: dict[tuple[str, str, str, bool], Gap] = {}
    resources = 0
    while len(findings) < n_findings:
        kind = KINDS[resources % len(KINDS)]
        # A few regions and accounts hold most of what there is.
        region = regions[min(int(rng.expovariate(0.7)), len(regions) - 1)]
        resource = _resource(kind, resources, rng.choice(accounts), region, rng, hostile)
        resources += 1
        known = catalogue[kind.type]
        for rule in rng.sample(known, min(per_resource, len(known), n_findings - len(findings))):
            status = rng.choices(list(Status), weights)[0]
            subject, message, evidence, accepted = resource, "", {}, None
            if status is Status.FAIL:
                message, evidence = f"{rule.title.rstrip('.')}: not so{hostile}", _evidence(rule, rng, hostile)
                if rng.random() < suppressed:
                    accepted = Suppression(
                        reason=f"Replaced in the next quarter{hostile}",
                        owner=f"{rng.choice(TEAMS)}-team{hostile}",
                        expires="2026-03-31",
                    )
            elif status is Status.UNKNOWN:
                listing = rng.random() < 0.2
                reason = rng.choices((GapKind.DENIED, GapKind.THROTTLED, GapKind.FAILED), (8, 1, 1))[0]
                gap = _gap(kind, resource, listing=listing, gap=reason, hostile=hostile)
                gap = gaps.setdefault((gap.operation, gap.region, gap.resource or "*", listing), gap)
                message = gap.reason
                if listing:
                    whole = kind.arn.format(id="*", region=resource.region, account=resource.account)
                    subject = resource.model_copy(update={"arn": whole, "id": "*", "name": "*", "tags": None})
            elif status is Status.NOT_APPLICABLE:
                message = "The resource is being deleted"
            findings.append(
                Finding(
                    rule=rule.id,
                    status=status,
                    severity=rule.severity,
                    resource=subject,
                    message=message,
                    evidence=evidence,
                    fingerprint=fingerprint(rule.id, subject.arn, str(len(findings))),
                    suppression=accepted,
                )
            )
    rules = [text for texts in catalogue.values() for text in texts] if n_findings else []
    if hostile:
        rules = [
            rule.model_copy(
                update={
                    "title": rule.title + hostile,
                    "risk": rule.risk + hostile,
                    "fix": rule.fix + hostile,
                    "notes": hostile,
                    "controls": [control + hostile for control in rule.controls],
                    "parameters": {"p" + hostile: hostile},
                }
            )
            for rule in rules
        ]
    calls = list(_calls(accounts, regions, rng, hostile)) if n_findings else []
    unknown = sum(f.status is Status.UNKNOWN for f in findings)
    broken = [Defect(rule=rule.id, exception=f"KeyError: 'Tags'{hostile}", findings=3) for rule in rules[:defects]]
    return Audit(
        tool=Tool(version="0.1.0"),
        scan=Scan(
            started=STARTED,
            finished=STARTED + timedelta(seconds=6.4),
            collected=STARTED + timedelta(seconds=5.9),
            accounts=list(accounts),
            regions=[*regions, "global"] if n_findings else list(regions),
            partition="aws",
            interrupted=interrupted,
        ),
        summary=summarize(
            findings,
            rules=len(rules),
            resources=len({f.resource.arn for f in findings}),
            calls=sum(call.calls for call in calls),
            defects=broken,
        ),
        coverage=Coverage(assessed=n_findings - unknown, not_assessed=unknown, gaps=list(gaps.values())),
        rules=rules,
        findings=findings,
        calls=calls,
    )
