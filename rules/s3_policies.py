"""Rules about what policies say: those of S3 buckets, and those of what buckets notify."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from auditor.analysis.bucket import policy_of
from auditor.analysis.evaluate import Holds
from auditor.analysis.log_delivery import LOG_DELIVERY_ACCOUNTS
from auditor.analysis.network import each_readable
from auditor.analysis.policy import Kind, MalformedPolicy, Statement, account_in, parse
from auditor.analysis.public import confining_conditions, confining_keys
from auditor.analysis.trust import (
    ServiceGrant,
    accounts_let_in,
    denies_plain_http,
    own_organization,
    service_access,
    service_grants,
)
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.account import Account
from auditor.resources.lambda_ import Function
from auditor.resources.s3 import Bucket
from auditor.resources.sns import Topic
from auditor.resources.sqs import Queue
from auditor.rule import Verdict, failed, not_applicable, passed, rule, seen, unknown

# Load balancers' log delivery: its requests say nothing about whose load balancer it is.
SERVICES_WITHOUT_SOURCE = ("logdelivery.elasticloadbalancing.amazonaws.com", "logdelivery.elb.amazonaws.com")
# What an account that delivers logs has no business doing: it writes, and looks at the ACL.
BEYOND_DELIVERY = ("s3:GetObject", "s3:ListBucket", "s3:DeleteObject", "s3:PutBucketPolicy")
ORGANIZATION_KEYS = ("aws:PrincipalOrgID", "aws:PrincipalOrgPaths")


@rule(
    severity=Severity.HIGH,
    controls=(
        "SecurityHub S3.6",
        "PCI-4.0 10.6.3.33 10.6.3.35 7.2.1.25 7.2.1.26 7.2.1.27 7.2.2.25 7.2.2.26 7.2.2.27 7.2.5.19 7.2.5.20 7.2.5.21",
        "PCI-4.0 7.2.6.4",
    ),
    notes="Cross-Account Access",
)
def s3_bucket_policy_cross_account_restricted(
    bucket: Bucket, inventory: Inventory, *, trusted_account_ids: tuple[str, ...] = ()
) -> Verdict:
    """A bucket policy lets in only the own account, trusted accounts and the own organization.

    Risk: an account that nobody remembers, or that never was yours, reads or changes the bucket's data.
    Fix: name accounts that are expected in trusted_account_ids in auditor.toml. Take out the others, or confine the
        statement by a Condition on your aws:PrincipalOrgID, in
    aws s3api put-bucket-policy --bucket {id} --region {region} --policy file://policy.json
    """
    policy = policy_of(bucket)
    if policy is None:
        return passed("The bucket has no policy")
    trusted = {bucket.account, *trusted_account_ids}
    foreign = seen(each_readable(policy.allows, lambda allow: _foreign(allow, trusted, inventory)))
    if foreign:
        return failed("The policy lets in accounts that are not trusted", statements=foreign)
    deleted = [_shown(allow, deleted_principals=allow.deleted_principals) for allow in policy.allows]
    if deleted := [shown for shown in deleted if shown["deleted_principals"]]:
        message = "The policy names users or roles that were deleted"
        return failed(message, severity=Severity.LOW, statements=deleted)
    nameless = [shown for allow in policy.allows for shown in _canonical_users(allow, bucket, inventory)]
    if nameless:
        return unknown("The policy names users by canonical ids, which do not tell their account", statements=nameless)
    return passed()


def _foreign(allow: Statement, trusted: Collection[str], inventory: Inventory) -> list[dict[str, Any]]:
    """The statement as evidence, if it lets in accounts that are not trusted."""
    found: dict[str, list[str]] = {
        "accounts": [a for a in accounts_let_in(allow) if a not in trusted and not _delivers(a, allow)],
        "organizations": _organizations(allow),
        "everyone_but": [str(principal) for principal in allow.not_principals or ()],
    }
    if not any(found.values()) or _own_organization_only(allow, inventory):
        return []
    return [_shown(allow, **{name: values for name, values in found.items() if values})]


def _organizations(allow: Statement) -> list[str]:
    """The organizations, if any, that are all that a statement for everyone says of who may come."""
    if accounts_let_in(allow) or not any(principal.is_anyone for principal in allow.principals or ()):
        return []
    demanded = confining_conditions(allow, confining_keys(*ORGANIZATION_KEYS))
    return sorted({value.split("/")[0] for condition in demanded for value in condition.values})


def _canonical_users(allow: Statement, bucket: Bucket, inventory: Inventory) -> list[dict[str, Any]]:
    """The statement as evidence, if it names users by an id that does not tell their account."""
    named = [principal.value for principal in allow.principals or () if principal.kind is Kind.CANONICAL_USER]
    others = [value for value in named if value != bucket.acl.owner.id]
    if not others or _own_organization_only(allow, inventory):
        return []
    return [_shown(allow, canonical_users=others)]


def _delivers(account: str, allow: Statement) -> bool:
    """Whether the account is one by which AWS delivers logs, and may do no more than that."""
    return account in LOG_DELIVERY_ACCOUNTS and not any(map(allow.matches_action, BEYOND_DELIVERY))


def _own_organization_only(allow: Statement, inventory: Inventory) -> bool:
    """Whether the statement is confined to the own organization; which that is is asked only if it matters."""
    if not allow.conditions_on(*ORGANIZATION_KEYS):
        return False
    for account in inventory.each(Account):
        own = account.organization.id if account.organization is not None else None
        if confining_conditions(allow, own_organization(own)):
            return True
    return False


def _shown(statement: Statement, **values: Any) -> dict[str, Any]:
    return {"statement": statement.label, **{name: list(value) for name, value in values.items()}}


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub S3.5",
        "CIS-3.0 2.1.1",
        "CIS-5.0 2.1.1",
        "PCI-4.0 1.2.5.15 2.2.5.15 2.2.7.19 4.2.1.1.27 4.2.1.19 8.3.2.49",
        "NIST-800-53-r5 ac_4 ac_4_22 ac_17_2 ac_24_1 au_9_3 ca_9_b cm_6_a cm_9_b ia_5_1_c pm_11_b pm_17_b sc_7_4_b",
    ),
    notes="Encryption in transit (aws:SecureTransport)",
)
def s3_bucket_secure_transport_required(bucket: Bucket) -> Verdict:
    """A bucket refuses requests that come without TLS.

    Risk: whoever sits on the way reads objects, and signed URLs, of clients that speak plain HTTP.
    Fix: deny s3:* to everyone on the bucket and its objects where aws:SecureTransport is false, in
    aws s3api put-bucket-policy --bucket {id} --region {region} --policy file://policy.json
    """
    policy = policy_of(bucket)
    if policy is None:
        return failed("The bucket has no policy that could refuse plain HTTP", policy=None)
    if denies_plain_http(policy, "s3:*", (bucket.arn, f"{bucket.arn}/*")):
        return passed()
    return failed(
        "No statement denies everyone plain HTTP on the bucket and all its objects",
        denies=[_shown(deny, conditions=map(str, deny.conditions)) for deny in policy.denies],
    )


@rule(severity=Severity.HIGH, notes="CloudFront with S3 (private bucket)")
def s3_bucket_policy_service_source_restricted(
    bucket: Bucket, *, services_without_source: tuple[str, ...] = SERVICES_WITHOUT_SOURCE
) -> Verdict:
    """A bucket that lets an AWS service in says for whose resources the service may come.

    Risk: a stranger points a distribution or a trail of his own at the bucket, and the service does not mind.
    Fix: add a Condition on aws:SourceArn or aws:SourceAccount to the statement, in
    aws s3api put-bucket-policy --bucket {id} --region {region} --policy file://policy.json
    """
    policy = policy_of(bucket)
    if policy is None:
        return passed("The bucket has no policy")
    open_to_all = [grant for grant in service_grants(policy, of="s3") if not grant.source_conditions]
    if not open_to_all:
        return passed()
    severities = [_severity(grant, services_without_source) for grant in open_to_all]
    return failed(
        "AWS services may use the bucket on behalf of anyone",
        severity=min(severities, key=lambda severity: severity.rank),
        grants=[_shown_grant(grant) for grant in open_to_all],
    )


def _severity(grant: ServiceGrant, services_without_source: Collection[str]) -> Severity:
    """High where CloudFront may read: any distribution of any account would do; low where no condition could help."""
    if grant.service in services_without_source:
        return Severity.LOW
    reads = grant.service.startswith(("cloudfront.", "*")) and grant.statement.matches_action("s3:GetObject")
    return Severity.HIGH if reads else Severity.MEDIUM


def _shown_grant(grant: ServiceGrant) -> dict[str, Any]:
    statement = grant.statement
    actions = statement.actions or (f"all but {', '.join(statement.not_actions or ())}",)
    return {"service": grant.service, **_shown(statement, actions=actions)}


# By the service in a target's ARN.
ACTIONS = {"lambda": "lambda:InvokeFunction", "sns": "sns:Publish", "sqs": "sqs:SendMessage"}
# SNS fills this in for callers of the topic's own account, which S3 is not: its default policy does not let S3 in.
ABSENT_KEYS = ("aws:SourceOwner",)


@dataclass(frozen=True)
class _Remark:
    """What is wrong with a target; without a severity, why nobody can tell."""

    message: str
    severity: Severity | None = None


@rule(severity=Severity.MEDIUM, category=Category.RELIABILITY, notes="S3 Event Notifications")
def s3_bucket_notification_targets_valid(bucket: Bucket, inventory: Inventory) -> Verdict:
    """What a bucket notifies of its events exists, and lets S3 in for this bucket only.

    Risk: events are lost without an error, or any bucket of any account can feed the function, topic or queue.
    Fix: let s3.amazonaws.com in, with conditions on aws:SourceArn and aws:SourceAccount, by the policy of a topic or
        queue, and for a function by
    aws lambda add-permission --region {region} --function-name FUNCTION --statement-id s3 --principal s3.amazonaws.com
        --action lambda:InvokeFunction --source-arn {arn} --source-account {account}
    Where the target is gone, take it out:
    aws s3api put-bucket-notification-configuration --bucket {id} --region {region}
        --notification-configuration file://notification.json
    """
    configured = bucket.notification
    targets = [
        target.arn
        for targets in (
            configured.lambda_function_configurations,
            configured.topic_configurations,
            configured.queue_configurations,
        )
        for target in targets
    ]
    if not targets:
        return not_applicable("The bucket notifies nothing, or only EventBridge, which asks for no permission")
    remarks = seen(each_readable(dict.fromkeys(targets), lambda arn: _remarks(arn, bucket, inventory)))
    messages = [remark.message for remark in remarks]
    if severities := [remark.severity for remark in remarks if remark.severity is not None]:
        worst = min(severities, key=lambda severity: severity.rank)
        return failed("Targets of event notifications are not as they should be", severity=worst, targets=messages)
    return unknown("; ".join(messages), targets=messages) if messages else passed(targets=targets)


def _remarks(arn: str, bucket: Bucket, inventory: Inventory) -> Iterator[_Remark]:
    """What is to say of one target, if anything."""
    if account_in(arn) != bucket.account:
        yield _Remark(f"{arn} belongs to another account, which alone can show it")
        return
    target = _target(arn, inventory, bucket.region)
    if target is None:
        yield _Remark(f"{arn} does not exist", Severity.MEDIUM)
    elif isinstance(target, Function) and arn != target.arn:
        yield _Remark(f"{arn} is a version or alias, whose own policy is not read")
    else:
        yield from _access_remarks(target, bucket)


def _target(arn: str, inventory: Inventory, region: str) -> Function | Topic | Queue | None:
    """What an ARN of this account names; a version or alias of a function names the function."""
    match arn.split(":"):
        case [_, _, "lambda", *_] as parts:
            return inventory.find(Function, "arn", ":".join(parts[:7]), region=region)
        case [_, _, "sns", *_]:
            return inventory.find(Topic, "arn", arn, region=region)
        case _:
            return inventory.find(Queue, "arn", arn, region=region)


def _access_remarks(target: Function | Topic | Queue, bucket: Bucket) -> Iterator[_Remark]:
    document = _document(target)
    if document is None:
        yield _Remark(f"{target.arn} has no policy that could let S3 in", Severity.MEDIUM)
        return
    try:
        policy = parse(document, of_resource=True)
    except MalformedPolicy as error:
        yield _Remark(f"the policy of {target.arn} could not be read: {error}")
        return
    access = service_access(
        policy, "s3.amazonaws.com", ACTIONS[target.service], target.arn,
        source_arn=bucket.arn, source_account=bucket.account, absent=ABSENT_KEYS,
    )  # fmt: skip
    if access.allowed is Holds.NO:
        yield _Remark(f"the policy of {target.arn} does not let S3 in for this bucket", Severity.MEDIUM)
    elif access.allowed is Holds.UNKNOWN:
        yield _Remark(f"whether the policy of {target.arn} lets S3 in depends on what is not known here")
    elif not access.is_confined:
        yield _Remark(f"the policy of {target.arn} lets S3 in for any bucket of any account", Severity.LOW)


def _document(target: Function | Topic | Queue) -> dict[str, Any] | None:
    """The target's own policy."""
    if isinstance(target, Function):
        return target.policy
    return target.attributes.policy
