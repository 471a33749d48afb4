"""Rules about who is told of what a trail records: metric filters on its log group, and alarms on what they count."""

from collections.abc import Callable, Mapping
from typing import Any

from auditor.analysis.log_alarms import EVERYDAY, Watch, alarms_on, call, told_by_event_rule, watch
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.account import Account
from auditor.resources.logs import MetricFilter
from auditor.rule import Verdict, any_of, failed, passed, rule, unknown


def _calls(source: str, names: str) -> dict[str, dict[str, Any]]:
    """Events of calls to one service, by name."""
    return {name: call(source, name) for name in names.split()}


def _sign_in(kind: str, mfa: str) -> dict[str, Any]:
    """A sign-in to the console."""
    return call(
        "signin",
        "ConsoleLogin",
        userIdentity={"type": kind, "arn": "arn:aws:iam::111122223333:user/someone", "accountId": "111122223333"},
        eventType="AwsConsoleSignIn",
        responseElements={"ConsoleLogin": "Success"},
        additionalEventData={"MFAUsed": mfa, "MobileVersion": "No", "LoginTo": "https://console.aws.amazon.com/"},
    )


ROOT = {"type": "Root", "arn": "arn:aws:iam::111122223333:root", "accountId": "111122223333"}
ROOT_USE = {
    "a sign-in of root": _sign_in("Root", "Yes"),
    "a call of root": call("iam", "CreateUser", userIdentity=ROOT),
}
NOT_ROOT = (*EVERYDAY, _sign_in("IAMUser", "Yes"), call("iam", "CreateUser"))
WITHOUT_MFA = {"a sign-in without MFA": _sign_in("IAMUser", "No")}
WITH_MFA = (*EVERYDAY, _sign_in("IAMUser", "Yes"))
DENIED = {
    "UnauthorizedOperation": call("ec2", "RunInstances", errorCode="Client.UnauthorizedOperation"),
    "AccessDenied": call("iam", "CreateUser", errorCode="AccessDenied"),
    "AccessDeniedException": call("kms", "Decrypt", errorCode="AccessDeniedException", readOnly=True),
}
POLICIES = _calls(
    "iam",
    """DeleteGroupPolicy DeleteRolePolicy DeleteUserPolicy PutGroupPolicy PutRolePolicy PutUserPolicy CreatePolicy
    DeletePolicy CreatePolicyVersion DeletePolicyVersion AttachRolePolicy DetachRolePolicy AttachUserPolicy
    DetachUserPolicy AttachGroupPolicy DetachGroupPolicy""",
)
TRAILS = _calls("cloudtrail", "CreateTrail UpdateTrail DeleteTrail StartLogging StopLogging")
BUCKETS = _calls(
    "s3",
    """PutBucketAcl PutBucketPolicy PutBucketCors PutBucketLifecycle PutBucketReplication DeleteBucketPolicy
    DeleteBucketCors DeleteBucketLifecycle DeleteBucketReplication""",
)
SECURITY_GROUPS = _calls(
    "ec2",
    """AuthorizeSecurityGroupIngress AuthorizeSecurityGroupEgress RevokeSecurityGroupIngress RevokeSecurityGroupEgress
    CreateSecurityGroup DeleteSecurityGroup""",
)
NETWORK_ACLS = _calls(
    "ec2",
    """CreateNetworkAcl CreateNetworkAclEntry DeleteNetworkAcl DeleteNetworkAclEntry ReplaceNetworkAclEntry
    ReplaceNetworkAclAssociation""",
)
GATEWAYS = _calls(
    "ec2",
    """CreateCustomerGateway DeleteCustomerGateway AttachInternetGateway CreateInternetGateway DeleteInternetGateway
    DetachInternetGateway""",
)
ROUTES = _calls(
    "ec2",
    """CreateRoute CreateRouteTable ReplaceRoute ReplaceRouteTableAssociation DeleteRouteTable DeleteRoute
    DisassociateRouteTable""",
)
# Without what concerns ClassicLink, which is no more.
VPCS = _calls(
    "ec2",
    """CreateVpc DeleteVpc ModifyVpcAttribute AcceptVpcPeeringConnection CreateVpcPeeringConnection
    DeleteVpcPeeringConnection RejectVpcPeeringConnection""",
)


def _judge(
    account: Account, inventory: Inventory, events: Mapping[str, Any], others: tuple[Any, ...] = EVERYDAY
) -> Verdict:
    """Whether somebody is told of all these events."""
    return _said(account, watch(inventory, events, others))


def _said(account: Account, watched: Watch) -> Verdict:
    if not watched.missed:
        return passed(log_groups=list(watched.groups))
    if watched.foreign:
        return unknown(
            "A trail writes to a log group of another account: only that can show its filters",
            log_groups=list(watched.foreign),
        )
    evidence: dict[str, Any] = {
        "account": account.account,
        "missed": list(watched.missed),
        "log_groups": list(watched.groups),
    }
    if not watched.groups:
        return failed("No trail of all regions writes to a log group that filters could watch", **evidence)
    return failed(f"No alarm tells of {', '.join(watched.missed)}", **evidence)


@rule(
    severity=Severity.MEDIUM,
    controls=("CIS-3.0 4.3", "CIS-5.0 4.3", "ISO-27001-2022 A.8.15 A.8.16"),
    notes="Shared Responsibility (policies management and monitoring)",
)
def logs_metric_filter_root_usage_alarm_exists(account: Account, inventory: Inventory) -> Verdict:
    """Somebody is told when the root user acts.

    Risk: root can do everything and needs to do next to nothing: an intruder who has it goes unseen.
    Fix: aws logs put-metric-filter --log-group-name TRAIL_LOG_GROUP --filter-name root-usage
        --filter-pattern '{ $.userIdentity.type = "Root" && $.userIdentity.invokedBy NOT EXISTS
        && $.eventType != "AwsServiceEvent" }'
        --metric-transformations metricName=RootUsage,metricNamespace=Trail,metricValue=1
    aws cloudwatch put-metric-alarm --alarm-name root-usage --namespace Trail --metric-name RootUsage --statistic Sum
        --period 300 --evaluation-periods 1 --threshold 1 --comparison-operator GreaterThanOrEqualToThreshold
        --treat-missing-data notBreaching --alarm-actions TOPIC_ARN
    """
    taken = [_sent("aws.signin", event) for event in ROOT_USE.values()]
    taken += [_sent("aws.iam", event) for event in ROOT_USE.values()]
    spared = [_sent(source, event) for source in ("aws.signin", "aws.iam", "aws.ec2") for event in NOT_ROOT]
    ways: tuple[Callable[[], bool], ...] = (
        lambda: not watch(inventory, ROOT_USE, NOT_ROOT).missed,
        lambda: told_by_event_rule(inventory, taken, spared),
    )
    if any_of(lambda way: way(), ways):
        return passed()
    return _judge(account, inventory, ROOT_USE, NOT_ROOT)


def _sent(source: str, detail: Mapping[str, Any]) -> dict[str, Any]:
    """A CloudTrail event as EventBridge gives it to rules."""
    kind = "AWS Console Sign In via CloudTrail" if source == "aws.signin" else "AWS API Call via CloudTrail"
    return {
        "version": "0",
        "detail-type": kind,
        "source": source,
        "account": "111122223333",
        "region": "us-east-1",
        "resources": [],
        "detail": detail,
    }


@rule(
    severity=Severity.LOW,
    controls=("SecurityHub CloudWatch.3", "CIS-3.0 4.2", "CIS-5.0 4.2", "ISO-27001-2022 A.8.15 A.8.16"),
    notes="Shared Responsibility (policies management and monitoring)",
)
def logs_metric_filter_sign_in_without_mfa_alarm_exists(account: Account, inventory: Inventory) -> Verdict:
    """Somebody is told when a user signs in to the console without MFA.

    Risk: a stolen password is enough to get in, and nobody hears of it while it is used.
    Fix: aws logs put-metric-filter --log-group-name TRAIL_LOG_GROUP --filter-name sign-in-without-mfa
        --filter-pattern '{ ($.eventName = "ConsoleLogin") && ($.additionalEventData.MFAUsed != "Yes")
        && ($.userIdentity.type = "IAMUser") && ($.responseElements.ConsoleLogin = "Success") }'
        --metric-transformations metricName=SignInWithoutMfa,metricNamespace=Trail,metricValue=1
    aws cloudwatch put-metric-alarm --alarm-name sign-in-without-mfa --namespace Trail
        --metric-name SignInWithoutMfa --statistic Sum --period 300 --evaluation-periods 1 --threshold 1
        --comparison-operator GreaterThanOrEqualToThreshold --treat-missing-data notBreaching --alarm-actions TOPIC_ARN
    """
    return _judge(account, inventory, WITHOUT_MFA, WITH_MFA)


@rule(
    severity=Severity.LOW,
    controls=("SecurityHub CloudWatch.4", "CIS-3.0 4.4", "CIS-5.0 4.4", "ISO-27001-2022 A.8.15 A.8.16"),
    notes="Shared Responsibility (policies management and monitoring)",
)
def logs_metric_filter_iam_policy_changes_alarm_exists(account: Account, inventory: Inventory) -> Verdict:
    """Somebody is told when policies of IAM change.

    Risk: an intruder who widens his own permissions is noticed long after he has used them.
    Fix: aws logs put-metric-filter --log-group-name TRAIL_LOG_GROUP --filter-name iam-policy-changes
        --filter-pattern '{ ($.eventSource = "iam.amazonaws.com") && (($.eventName = "Put*Policy")
        || ($.eventName = "Delete*Policy")
        || ($.eventName = "Create*Policy*") || ($.eventName = "DeletePolicyVersion")
        || ($.eventName = "Attach*Policy")
        || ($.eventName = "Detach*Policy")) }'
        --metric-transformations metricName=IamPolicyChanges,metricNamespace=Trail,metricValue=1
    aws cloudwatch put-metric-alarm --alarm-name iam-policy-changes --namespace Trail
        --metric-name IamPolicyChanges --statistic Sum --period 300 --evaluation-periods 1 --threshold 1
        --comparison-operator GreaterThanOrEqualToThreshold --treat-missing-data notBreaching --alarm-actions TOPIC_ARN
    """
    return _judge(account, inventory, POLICIES)


@rule(
    severity=Severity.LOW,
    controls=("SecurityHub CloudWatch.2", "CIS-3.0 4.1", "CIS-5.0 4.1", "ISO-27001-2022 A.8.15 A.8.16"),
    notes="Shared Responsibility (policies management and monitoring)",
)
def logs_metric_filter_unauthorized_calls_alarm_exists(account: Account, inventory: Inventory) -> Verdict:
    """Somebody is told when calls are denied.

    Risk: somebody who tries what a stolen key may do leaves a trace of refusals that nobody looks at.
    Fix: aws logs put-metric-filter --log-group-name TRAIL_LOG_GROUP --filter-name unauthorized-calls
        --filter-pattern '{ ($.errorCode = "*UnauthorizedOperation") || ($.errorCode = "AccessDenied*") }'
        --metric-transformations metricName=UnauthorizedCalls,metricNamespace=Trail,metricValue=1
    aws cloudwatch put-metric-alarm --alarm-name unauthorized-calls --namespace Trail
        --metric-name UnauthorizedCalls --statistic Sum --period 300 --evaluation-periods 1 --threshold 1
        --comparison-operator GreaterThanOrEqualToThreshold --treat-missing-data notBreaching --alarm-actions TOPIC_ARN
    """
    return _judge(account, inventory, DENIED)


@rule(
    severity=Severity.LOW,
    controls=("SecurityHub CloudWatch.5", "CIS-3.0 4.5", "CIS-5.0 4.5", "ISO-27001-2022 A.8.15 A.8.16"),
    notes="CloudTrail",
)
def logs_metric_filter_cloudtrail_changes_alarm_exists(account: Account, inventory: Inventory) -> Verdict:
    """Somebody is told when trails are changed, stopped or deleted.

    Risk: the first thing that an intruder does is to switch the record off, and then nobody sees the rest.
    Fix: aws logs put-metric-filter --log-group-name TRAIL_LOG_GROUP --filter-name cloudtrail-changes
        --filter-pattern '{ ($.eventName = "CreateTrail") || ($.eventName = "UpdateTrail")
        || ($.eventName = "DeleteTrail")
        || ($.eventName = "StartLogging") || ($.eventName = "StopLogging") }'
        --metric-transformations metricName=CloudtrailChanges,metricNamespace=Trail,metricValue=1
    aws cloudwatch put-metric-alarm --alarm-name cloudtrail-changes --namespace Trail
        --metric-name CloudtrailChanges --statistic Sum --period 300 --evaluation-periods 1 --threshold 1
        --comparison-operator GreaterThanOrEqualToThreshold --treat-missing-data notBreaching --alarm-actions TOPIC_ARN
    """
    return _judge(account, inventory, TRAILS)


@rule(
    severity=Severity.LOW,
    controls=("SecurityHub CloudWatch.10", "CIS-3.0 4.10", "CIS-5.0 4.10", "ISO-27001-2022 A.8.15 A.8.16"),
    notes="Network ACL & Security Groups",
)
def logs_metric_filter_security_group_changes_alarm_exists(account: Account, inventory: Inventory) -> Verdict:
    """Somebody is told when security groups change.

    Risk: a port that was opened to the world in a hurry, or by an intruder, stays open unnoticed.
    Fix: aws logs put-metric-filter --log-group-name TRAIL_LOG_GROUP --filter-name security-group-changes
        --filter-pattern '{ ($.eventName = "*SecurityGroupIngress") || ($.eventName = "*SecurityGroupEgress")
        || ($.eventName = "CreateSecurityGroup") || ($.eventName = "DeleteSecurityGroup") }'
        --metric-transformations metricName=SecurityGroupChanges,metricNamespace=Trail,metricValue=1
    aws cloudwatch put-metric-alarm --alarm-name security-group-changes --namespace Trail
        --metric-name SecurityGroupChanges --statistic Sum --period 300 --evaluation-periods 1 --threshold 1
        --comparison-operator GreaterThanOrEqualToThreshold --treat-missing-data notBreaching --alarm-actions TOPIC_ARN
    """
    return _judge(account, inventory, SECURITY_GROUPS)


@rule(
    severity=Severity.LOW,
    controls=(
        "SecurityHub CloudWatch.11",
        "CIS-3.0 4.11",
        "CIS-5.0 4.11",
        "NIST-800-53-r5 au_6_1 au_6_5 au_12_3 au_14_a au_14_b ca_2_2 ca_7 ca_7_b pm_14_a_1 pm_14_b pm_31",
        "NIST-800-53-r5 sc_36_1_a",
        "ISO-27001-2022 A.8.15 A.8.16",
    ),
    notes="Network ACL & Security Groups",
)
def logs_metric_filter_network_acl_changes_alarm_exists(account: Account, inventory: Inventory) -> Verdict:
    """Somebody is told when network ACLs change.

    Risk: the outer guard of whole subnets falls, and nothing but the security groups is left without anybody knowing.
    Fix: aws logs put-metric-filter --log-group-name TRAIL_LOG_GROUP --filter-name network-acl-changes
        --filter-pattern '{ ($.eventName = "CreateNetworkAcl*") || ($.eventName = "DeleteNetworkAcl*")
        || ($.eventName = "ReplaceNetworkAcl*") }'
        --metric-transformations metricName=NetworkAclChanges,metricNamespace=Trail,metricValue=1
    aws cloudwatch put-metric-alarm --alarm-name network-acl-changes --namespace Trail
        --metric-name NetworkAclChanges --statistic Sum --period 300 --evaluation-periods 1 --threshold 1
        --comparison-operator GreaterThanOrEqualToThreshold --treat-missing-data notBreaching --alarm-actions TOPIC_ARN
    """
    return _judge(account, inventory, NETWORK_ACLS)


@rule(
    severity=Severity.LOW,
    controls=(
        "SecurityHub CloudWatch.12",
        "CIS-3.0 4.12",
        "CIS-5.0 4.12",
        "NIST-800-53-r5 au_6_1 au_6_5 au_12_3 au_14_a au_14_b ca_2_2 ca_7 ca_7_b pm_14_a_1 pm_14_b pm_31",
        "NIST-800-53-r5 sc_36_1_a",
        "ISO-27001-2022 A.8.15 A.8.16",
    ),
    notes="Internet Gateway & NAT Gateways",
)
def logs_metric_filter_network_gateway_changes_alarm_exists(account: Account, inventory: Inventory) -> Verdict:
    """Somebody is told when internet or customer gateways change.

    Risk: a network that was closed gets a way out, by which data leaves it unnoticed.
    Fix: aws logs put-metric-filter --log-group-name TRAIL_LOG_GROUP --filter-name network-gateway-changes
        --filter-pattern '{ ($.eventName = "*CustomerGateway") || ($.eventName = "*InternetGateway") }'
        --metric-transformations metricName=NetworkGatewayChanges,metricNamespace=Trail,metricValue=1
    aws cloudwatch put-metric-alarm --alarm-name network-gateway-changes --namespace Trail
        --metric-name NetworkGatewayChanges --statistic Sum --period 300 --evaluation-periods 1 --threshold 1
        --comparison-operator GreaterThanOrEqualToThreshold --treat-missing-data notBreaching --alarm-actions TOPIC_ARN
    """
    return _judge(account, inventory, GATEWAYS)


@rule(
    severity=Severity.LOW,
    controls=(
        "SecurityHub CloudWatch.13",
        "CIS-3.0 4.13",
        "CIS-5.0 4.13",
        "NIST-800-53-r5 au_6_1 au_6_5 au_12_3 au_14_a au_14_b ca_2_2 ca_7 ca_7_b pm_14_a_1 pm_14_b pm_31",
        "NIST-800-53-r5 sc_36_1_a",
    ),
    notes="VPC & Subnets (Route Tables)",
)
def logs_metric_filter_route_table_changes_alarm_exists(account: Account, inventory: Inventory) -> Verdict:
    """Somebody is told when routes or route tables change.

    Risk: traffic that is led past a firewall, or to somebody who reads along, still arrives and so looks as ever.
    Fix: aws logs put-metric-filter --log-group-name TRAIL_LOG_GROUP --filter-name route-table-changes
        --filter-pattern '{ ($.eventSource = "ec2.amazonaws.com") && (($.eventName = "CreateRoute*")
        || ($.eventName = "ReplaceRoute*")
        || ($.eventName = "DeleteRoute*") || ($.eventName = "DisassociateRouteTable")) }'
        --metric-transformations metricName=RouteTableChanges,metricNamespace=Trail,metricValue=1
    aws cloudwatch put-metric-alarm --alarm-name route-table-changes --namespace Trail
        --metric-name RouteTableChanges --statistic Sum --period 300 --evaluation-periods 1 --threshold 1
        --comparison-operator GreaterThanOrEqualToThreshold --treat-missing-data notBreaching --alarm-actions TOPIC_ARN
    """
    return _judge(account, inventory, ROUTES)


@rule(
    severity=Severity.LOW,
    controls=(
        "SecurityHub CloudWatch.14",
        "CIS-3.0 4.14",
        "CIS-5.0 4.14",
        "NIST-800-53-r5 au_6_1 au_6_5 au_12_3 au_14_a au_14_b ca_2_2 ca_7 ca_7_b pm_14_a_1 pm_14_b pm_31",
        "NIST-800-53-r5 sc_36_1_a",
        "ISO-27001-2022 A.8.15 A.8.16 A.8.20 A.8.21 A.8.22",
    ),
    notes="VPC Peering",
)
def logs_metric_filter_vpc_changes_alarm_exists(account: Account, inventory: Inventory) -> Verdict:
    """Somebody is told when VPCs or peering connections change.

    Risk: a network of somebody else's is joined to this one, and nobody asks who did it.
    Fix: aws logs put-metric-filter --log-group-name TRAIL_LOG_GROUP --filter-name vpc-changes
        --filter-pattern '{ ($.eventName = "CreateVpc") || ($.eventName = "DeleteVpc")
        || ($.eventName = "ModifyVpcAttribute")
        || ($.eventName = "*VpcPeeringConnection") }'
        --metric-transformations metricName=VpcChanges,metricNamespace=Trail,metricValue=1
    aws cloudwatch put-metric-alarm --alarm-name vpc-changes --namespace Trail
        --metric-name VpcChanges --statistic Sum --period 300 --evaluation-periods 1 --threshold 1
        --comparison-operator GreaterThanOrEqualToThreshold --treat-missing-data notBreaching --alarm-actions TOPIC_ARN
    """
    return _judge(account, inventory, VPCS)


@rule(
    severity=Severity.LOW,
    controls=("SecurityHub CloudWatch.8", "CIS-3.0 4.8", "CIS-5.0 4.8", "ISO-27001-2022 A.8.15 A.8.16"),
    notes="S3 Bucket Policies",
)
def logs_metric_filter_s3_policy_changes_alarm_exists(account: Account, inventory: Inventory) -> Verdict:
    """Somebody is told when policies and ACLs of buckets change.

    Risk: a bucket that is opened to the world is found by strangers first.
    Fix: aws logs put-metric-filter --log-group-name TRAIL_LOG_GROUP --filter-name s3-policy-changes
        --filter-pattern '{ ($.eventSource = "s3.amazonaws.com") && (($.eventName = "PutBucketAcl")
        || ($.eventName = "*BucketPolicy")
        || ($.eventName = "*BucketCors") || ($.eventName = "*BucketLifecycle")
        || ($.eventName = "*BucketReplication")) }'
        --metric-transformations metricName=S3PolicyChanges,metricNamespace=Trail,metricValue=1
    aws cloudwatch put-metric-alarm --alarm-name s3-policy-changes --namespace Trail
        --metric-name S3PolicyChanges --statistic Sum --period 300 --evaluation-periods 1 --threshold 1
        --comparison-operator GreaterThanOrEqualToThreshold --treat-missing-data notBreaching --alarm-actions TOPIC_ARN
    """
    return _judge(account, inventory, BUCKETS)


@rule(severity=Severity.INFORMATIONAL, notes="CloudWatch Logs (metric filters)", category=Category.OPERATIONS)
def logs_metric_filter_has_alarm(counting: MetricFilter, inventory: Inventory) -> Verdict:
    """What metric filters count is watched by an alarm.

    Risk: a number that nobody looks at tells of nothing: the filter is half of the work, and costs like the whole.
    Fix: aws cloudwatch put-metric-alarm --alarm-name {name} --namespace NAMESPACE --metric-name METRIC --statistic Sum
        --period 300 --evaluation-periods 1 --threshold 1 --comparison-operator GreaterThanOrEqualToThreshold
        --treat-missing-data notBreaching --alarm-actions TOPIC_ARN --region {region}
    """
    if any_of(lambda _: True, alarms_on(counting, inventory)):
        return passed(metrics=list(counting.metric_names))
    return failed("No alarm watches what the filter counts", metrics=list(counting.metric_names))
