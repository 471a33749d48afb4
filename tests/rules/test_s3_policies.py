"""What policies say: those of S3 buckets, and those of what buckets notify."""

import json
from typing import Any

import pytest

from auditor.demo.endpoint import Error
from tests.lab import Lab

ACCOUNT, OTHER = "123456789012", "222222222222"
CROSS_ACCOUNT = "s3-bucket-policy-cross-account-restricted"
TLS = "s3-bucket-secure-transport-required"
SERVICES = "s3-bucket-policy-service-source-restricted"
NOTIFICATIONS = "s3-bucket-notification-targets-valid"

READ_POLICY, READ_ACL = "s3:GetBucketPolicy", "s3:GetBucketAcl"
READ_ORGANIZATION = "organizations:DescribeOrganization"
READ_NOTIFICATION = "s3:GetBucketNotificationConfiguration"

BUCKET = "arn:aws:s3:::bucket"
OBJECTS = f"{BUCKET}/*"
STRANGER = f"arn:aws:iam::{OTHER}:root"
LOAD_BALANCING, CLOUDTRAIL, REDSHIFT = "127311923021", "086441151436", "193672423079"
DELETED = "AROAEXAMPLEEXAMPLEEXA"
IN_ORGANIZATION = {"StringEquals": {"aws:PrincipalOrgID": "o-own1234567"}}


def organization(own: str = "o-own1234567") -> dict[str, Any]:
    return {READ_ORGANIZATION: {"Organization": {"Id": own, "MasterAccountId": OTHER}}}


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    """What GetBucketPolicy answers for these statements: they let the given in to read, where they say no other."""
    usual = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": OBJECTS}
    document = {"Version": "2012-10-17", "Statement": [usual | statement for statement in statements]}
    return {READ_POLICY: {"Policy": json.dumps(document)}}


def aws(*principals: str, **more: Any) -> dict[str, Any]:
    return {"Principal": {"AWS": list(principals)}, **more}


@pytest.fixture
def bucket(lab: Lab) -> Lab:
    """A lab with a bucket "bucket" that has no policy."""
    lab.client("s3").create_bucket(Bucket="bucket")
    return lab


@pytest.mark.parametrize(
    ("rule_id", "status"), [(CROSS_ACCOUNT, "pass"), (TLS, "fail"), (SERVICES, "pass")], ids=lambda part: part
)
def test_no_policy(bucket: Lab, rule_id: str, status: str) -> None:
    assert bucket.statuses(rule_id) == {"bucket": status}


@pytest.mark.parametrize("rule_id", [CROSS_ACCOUNT, TLS, SERVICES])
def test_unread_policies_are_unknown(bucket: Lab, rule_id: str) -> None:
    assert bucket.statuses(rule_id, deny=[READ_POLICY]) == {"bucket": "unknown"}
    assert bucket.statuses(rule_id, deny=["s3:ListBuckets"]) == {"*": "unknown"}
    malformed = policy({"Effect": "Maybe"})
    assert bucket.statuses(rule_id, answers=malformed) == {"bucket": "unknown"}


# --- other accounts


@pytest.mark.parametrize(
    ("statement", "status"),
    [
        (aws(STRANGER), "fail"),
        (aws(OTHER), "fail"),
        (aws(f"arn:aws:iam::{OTHER}:role/reader"), "fail"),
        (aws(f"arn:aws:iam::{ACCOUNT}:root", STRANGER), "fail"),
        (aws(f"arn:aws:iam::{ACCOUNT}:user/reader"), "pass"),
        (aws("*"), "pass"),  # s3-bucket-not-public says so
        (aws(STRANGER, Effect="Deny"), "pass"),
        (aws("arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1"), "pass"),
        ({"Principal": {"Service": "cloudtrail.amazonaws.com"}}, "pass"),
        ({"NotPrincipal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}, "fail"),
        ({"NotPrincipal": {"AWS": STRANGER}, "Effect": "Deny"}, "pass"),
    ],
)
def test_other_accounts(bucket: Lab, statement: dict[str, Any], status: str) -> None:
    finding = bucket.findings(CROSS_ACCOUNT, answers=policy(statement) | organization())["bucket"]
    assert (finding.status, finding.severity) == (status, "high")


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ({"StringEquals": {"aws:PrincipalAccount": OTHER}}, "fail"),
        ({"StringEquals": {"aws:PrincipalAccount": [ACCOUNT, OTHER]}}, "fail"),
        ({"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}, "pass"),
        ({"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{OTHER}:role/*"}}, "fail"),
        ({"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/*"}}, "pass"),
        ({"StringEquals": {"s3:DataAccessPointAccount": OTHER}}, "fail"),
        ({"StringEquals": {"s3:DataAccessPointAccount": ACCOUNT}}, "pass"),
        (IN_ORGANIZATION, "pass"),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-foreign123"}}, "fail"),
        ({"StringEquals": {"aws:PrincipalOrgID": ["o-own1234567", "o-foreign123"]}}, "fail"),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-foreign123", "aws:PrincipalAccount": ACCOUNT}}, "pass"),
        ({"StringEquals": {"aws:SourceVpce": "vpce-1"}}, "pass"),
        ({"StringLike": {"aws:PrincipalOrgID": "o-*"}}, "pass"),  # that is public
    ],
)
def test_everyone_of_other_accounts(bucket: Lab, condition: dict[str, Any], status: str) -> None:
    answers = policy(aws("*", Condition=condition)) | organization()
    assert bucket.statuses(CROSS_ACCOUNT, answers=answers) == {"bucket": status}


def test_everyone_of_an_organization_is_unknown_where_the_own_one_is_unread(bucket: Lab) -> None:
    answers = policy(aws("*", Condition=IN_ORGANIZATION))
    assert bucket.statuses(CROSS_ACCOUNT, answers=answers, deny=[READ_ORGANIZATION]) == {"bucket": "unknown"}


def test_foreign_organizations_are_shown(bucket: Lab) -> None:
    condition = {"StringEquals": {"aws:PrincipalOrgID": "o-foreign123"}}
    answers = policy(aws("*", Condition=condition)) | organization()
    finding = bucket.findings(CROSS_ACCOUNT, answers=answers)["bucket"]
    assert finding.evidence == {"statements": [{"statement": "#0", "organizations": ["o-foreign123"]}]}


OWN_ID, SOME_ID = "0" * 64, "f" * 64
OWNED = {READ_ACL: {"Owner": {"ID": OWN_ID}, "Grants": []}}


@pytest.mark.parametrize(
    ("statements", "status"),
    [
        ([{"Principal": {"CanonicalUser": OWN_ID}}], "pass"),
        ([{"Principal": {"CanonicalUser": SOME_ID}}], "unknown"),
        ([{"Principal": {"CanonicalUser": SOME_ID}, "Condition": IN_ORGANIZATION}], "pass"),
        ([{"Principal": {"CanonicalUser": SOME_ID}, "Effect": "Deny"}], "pass"),
        ([{"Principal": {"CanonicalUser": SOME_ID}}, aws(STRANGER)], "fail"),
        ([{"Principal": {"Federated": f"arn:aws:iam::{OTHER}:saml-provider/idp"}}], "fail"),
        ([{"Principal": {"Federated": f"arn:aws:iam::{ACCOUNT}:saml-provider/idp"}}], "pass"),
    ],
)
def test_other_accounts_by_other_names(bucket: Lab, statements: list[dict[str, Any]], status: str) -> None:
    answers = policy(*statements) | organization() | OWNED
    assert bucket.statuses(CROSS_ACCOUNT, answers=answers) == {"bucket": status}


def test_canonical_users_are_unknown_where_the_owner_is_unread(bucket: Lab) -> None:
    for principal, status in (({"CanonicalUser": OWN_ID}, "unknown"), ({"AWS": ACCOUNT}, "pass")):
        answers = policy({"Principal": principal})
        assert bucket.statuses(CROSS_ACCOUNT, answers=answers, deny=[READ_ACL]) == {"bucket": status}


@pytest.mark.parametrize("rule_id", [CROSS_ACCOUNT, TLS, SERVICES])
def test_a_statement_about_nobody_is_no_policy_of_a_bucket(bucket: Lab, rule_id: str) -> None:
    assert bucket.statuses(rule_id, answers=policy({})) == {"bucket": "unknown"}


def test_other_accounts_are_shown(bucket: Lab) -> None:
    finding = bucket.findings(CROSS_ACCOUNT, answers=policy(aws(STRANGER, Sid="Partner")))["bucket"]
    assert finding.evidence == {"statements": [{"statement": "Partner", "accounts": [OTHER]}]}


def test_trusted_accounts(bucket: Lab) -> None:
    assert bucket.statuses(CROSS_ACCOUNT, answers=policy(aws(STRANGER)), trusted_account_ids=(OTHER,)) == {
        "bucket": "pass"
    }


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        (IN_ORGANIZATION, "pass"),
        ({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-own1234567/r-1/*"}}, "pass"),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-foreign123"}}, "fail"),
        ({"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-own1234567"}}, "fail"),
        ({"StringNotEquals": {"aws:PrincipalOrgID": "o-own1234567"}}, "fail"),
        ({"Bool": {"aws:SecureTransport": "true"}}, "fail"),
    ],
)
def test_the_own_organization(bucket: Lab, condition: dict[str, Any], status: str) -> None:
    answers = policy(aws(STRANGER, Condition=condition)) | organization()
    assert bucket.statuses(CROSS_ACCOUNT, answers=answers) == {"bucket": status}


def test_without_an_organization_no_condition_on_one_counts(bucket: Lab) -> None:
    none = {READ_ORGANIZATION: Error("AWSOrganizationsNotInUseException", "none", status=400)}
    answers = policy(aws(STRANGER, Condition=IN_ORGANIZATION)) | none
    assert bucket.statuses(CROSS_ACCOUNT, answers=answers) == {"bucket": "fail"}


@pytest.mark.parametrize(
    ("statements", "status"),
    [
        ([aws(STRANGER)], "fail"),
        ([aws(ACCOUNT)], "pass"),
        ([aws(STRANGER, Condition=IN_ORGANIZATION)], "unknown"),
        ([aws(STRANGER, Condition=IN_ORGANIZATION), aws(STRANGER)], "fail"),
    ],
)
def test_an_unread_organization_matters_only_where_it_is_named(
    bucket: Lab, statements: list[dict[str, Any]], status: str
) -> None:
    assert bucket.statuses(CROSS_ACCOUNT, answers=policy(*statements), deny=[READ_ORGANIZATION]) == {"bucket": status}


@pytest.mark.parametrize("account", [LOAD_BALANCING, CLOUDTRAIL, REDSHIFT])
@pytest.mark.parametrize(
    ("actions", "status"),
    [
        ("s3:PutObject", "pass"),
        (["s3:PutObject", "s3:GetBucketAcl"], "pass"),
        ("s3:*", "fail"),
        ("s3:GetObject", "fail"),
    ],
)
def test_accounts_that_deliver_logs_may_write_only(bucket: Lab, account: str, actions: Any, status: str) -> None:
    assert bucket.statuses(CROSS_ACCOUNT, answers=policy(aws(account, Action=actions))) == {"bucket": status}


def test_deleted_principals_are_low(bucket: Lab) -> None:
    finding = bucket.findings(CROSS_ACCOUNT, answers=policy(aws(DELETED), aws(ACCOUNT)))["bucket"]
    assert (finding.status, finding.severity) == ("fail", "low")
    assert finding.evidence == {"statements": [{"statement": "#0", "deleted_principals": [DELETED]}]}
    worse = bucket.findings(CROSS_ACCOUNT, answers=policy(aws(DELETED), aws(STRANGER)))["bucket"]
    assert worse.severity == "high"


# --- plain HTTP

DENY = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": [BUCKET, OBJECTS],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, "pass"),
        ({"Principal": {"AWS": "*"}}, "pass"),
        ({"Action": "*"}, "pass"),
        ({"Resource": "*"}, "pass"),
        ({"Condition": {"Bool": {"aws:SecureTransport": False}}}, "pass"),
        ({"Condition": {"BoolIfExists": {"aws:SecureTransport": ["false"]}}}, "pass"),
        ({"Condition": {"NumericLessThan": {"s3:TlsVersion": 1.2}}}, "pass"),
        ({"Effect": "Allow"}, "fail"),
        ({"Principal": {"AWS": ACCOUNT}}, "fail"),
        ({"Action": "s3:GetObject"}, "fail"),
        ({"Resource": OBJECTS}, "fail"),
        ({"Resource": BUCKET}, "fail"),
        ({"Resource": [BUCKET, f"{BUCKET}/public/*"]}, "fail"),
        ({"Condition": {"Bool": {"aws:SecureTransport": "true"}}}, "fail"),
    ],
)
def test_plain_http(bucket: Lab, change: dict[str, Any], status: str) -> None:
    assert bucket.statuses(TLS, answers=policy(DENY | change)) == {"bucket": status}


def test_plain_http_denied_in_two_statements(bucket: Lab) -> None:
    answers = policy(DENY | {"Resource": BUCKET}, DENY | {"Resource": OBJECTS})
    assert bucket.statuses(TLS, answers=answers) == {"bucket": "pass"}


# --- services


def service(*names: str, **more: Any) -> dict[str, Any]:
    return {"Principal": {"Service": list(names)}, **more}


@pytest.mark.parametrize(
    ("statement", "status", "severity"),
    [
        (service("cloudfront.amazonaws.com"), "fail", "high"),
        (service("cloudfront.amazonaws.com", Action="s3:*"), "fail", "high"),
        (service("cloudfront.amazonaws.com", Action="s3:PutObject"), "fail", "medium"),
        (service("cloudtrail.amazonaws.com", Action="s3:PutObject"), "fail", "medium"),
        (service("logdelivery.elasticloadbalancing.amazonaws.com", Action="s3:PutObject"), "fail", "low"),
        (service("logdelivery.elb.amazonaws.com", "cloudtrail.amazonaws.com"), "fail", "medium"),
        (service("cloudfront.amazonaws.com", Condition={"Bool": {"aws:SecureTransport": "true"}}), "fail", "high"),
        (service("cloudfront.amazonaws.com", Condition={"StringLike": {"aws:SourceArn": "*"}}), "fail", "high"),
        (service("cloudfront.amazonaws.com", Effect="Deny"), "pass", "high"),
        (aws("*", Condition={"Bool": {"aws:PrincipalIsAWSService": "true"}}), "fail", "high"),
        (aws("*", Action="s3:PutObject", Condition={"Bool": {"aws:PrincipalIsAWSService": "true"}}), "fail", "medium"),
        (
            aws("*", Condition={"StringEquals": {"aws:PrincipalServiceName": "cloudfront.amazonaws.com"}}),
            "fail",
            "high",
        ),
        (aws("*", Condition={"StringEquals": {"aws:PrincipalServiceName": "s3.amazonaws.com"}}), "fail", "medium"),
        (aws(STRANGER), "pass", "high"),
    ],
)
def test_services_for_anyone(bucket: Lab, statement: dict[str, Any], status: str, severity: str) -> None:
    finding = bucket.findings(SERVICES, answers=policy(statement))["bucket"]
    assert (finding.status, finding.severity) == (status, severity)


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"AWS:SourceArn": f"arn:aws:cloudfront::{ACCOUNT}:distribution/E1"}},
        {"ArnLike": {"aws:SourceArn": f"arn:aws:cloudtrail:*:{ACCOUNT}:trail/*"}},
        {"StringEquals": {"aws:SourceAccount": [ACCOUNT]}},
        {"StringEquals": {"aws:SourceOrgID": "o-own1234567"}},
        {"ForAnyValue:StringLike": {"aws:SourceOrgPaths": "o-own1234567/*"}},
    ],
)
def test_services_for_a_named_source(bucket: Lab, condition: dict[str, Any]) -> None:
    answers = policy(service("cloudfront.amazonaws.com", Condition=condition))
    assert bucket.statuses(SERVICES, answers=answers) == {"bucket": "pass"}


def test_services_are_shown(bucket: Lab) -> None:
    finding = bucket.findings(SERVICES, answers=policy(service("cloudfront.amazonaws.com", Sid="Any")))["bucket"]
    shown = {"service": "cloudfront.amazonaws.com", "statement": "Any", "actions": ["s3:GetObject"]}
    assert finding.evidence == {"grants": [shown]}


# --- what buckets notify

CONFINED = {"ArnLike": {"aws:SourceArn": BUCKET}, "StringEquals": {"aws:SourceAccount": ACCOUNT}}
FUNCTION, TOPIC, QUEUE = (
    f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f",
    f"arn:aws:sns:us-east-1:{ACCOUNT}:t",
    f"arn:aws:sqs:us-east-1:{ACCOUNT}:q",
)
TARGETS = pytest.mark.parametrize("target", [FUNCTION, TOPIC, QUEUE], ids=["function", "topic", "queue"])
LISTING = {FUNCTION: "lambda:ListFunctions", TOPIC: "sns:ListTopics", QUEUE: "sqs:ListQueues"}
DETAIL = {FUNCTION: "lambda:GetPolicy", TOPIC: "sns:GetTopicAttributes", QUEUE: "sqs:GetQueueAttributes"}
ACTION = {FUNCTION: "lambda:InvokeFunction", TOPIC: "sns:Publish", QUEUE: "sqs:SendMessage"}
# What AWS says of every topic and of every queue.
ALWAYS = {
    "SubscriptionsConfirmed": "0", "VisibilityTimeout": "30", "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
}  # fmt: skip
NO_POLICY: dict[str, Any] = {
    DETAIL[FUNCTION]: Error("ResourceNotFoundException", "none", status=404),
    DETAIL[TOPIC]: {"Attributes": {"TopicArn": TOPIC, **ALWAYS}},
    DETAIL[QUEUE]: {"Attributes": {"QueueArn": QUEUE, **ALWAYS}},
}


def notify(*targets: str) -> dict[str, Any]:
    """What S3 answers where the bucket notifies these, by the kind that each is."""
    kinds = {"lambda": "LambdaFunction", "sns": "Topic", "sqs": "Queue"}
    events = ["s3:ObjectCreated:*"]
    answer: dict[str, list[dict[str, Any]]] = {}
    for arn in targets:
        kind = kinds[arn.split(":")[2]]
        answer.setdefault(f"{kind}Configurations", []).append({f"{kind}Arn": arn, "Events": events})
    return {READ_NOTIFICATION: answer}


def lets_in(target: str, *statements: dict[str, Any]) -> dict[str, Any]:
    """What AWS answers where the target is the only one of its kind, and its policy has these statements."""
    usual = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": ACTION[target]}
    usual |= {"Resource": target}
    text = json.dumps({"Version": "2012-10-17", "Statement": [usual | statement for statement in statements]})
    described = {"Policy": text} if target == FUNCTION else {"Attributes": {"Policy": text, **ALWAYS}}
    return {**listed(target), DETAIL[target]: described}


def listed(target: str) -> dict[str, Any]:
    """What the listing of the target's kind answers."""
    url = f"https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/q"
    answers: dict[str, dict[str, Any]] = {
        FUNCTION: {"Functions": [{"FunctionName": "f", "FunctionArn": FUNCTION}]},
        TOPIC: {"Topics": [{"TopicArn": TOPIC}]},
        QUEUE: {"QueueUrls": [url]},
    }
    return {LISTING[target]: answers[target]}


def test_no_notifications(bucket: Lab) -> None:
    assert bucket.statuses(NOTIFICATIONS) == {"bucket": "not_applicable"}
    only: dict[str, Any] = {READ_NOTIFICATION: {"EventBridgeConfiguration": {}}}
    assert bucket.statuses(NOTIFICATIONS, answers=only) == {"bucket": "not_applicable"}


@TARGETS
@pytest.mark.parametrize(
    ("statement", "status", "severity"),
    [
        ({"Condition": CONFINED}, "pass", "medium"),
        ({"Condition": {"ArnLike": {"aws:SourceArn": BUCKET}}}, "pass", "medium"),
        ({"Principal": "*", "Condition": CONFINED}, "pass", "medium"),
        ({}, "fail", "low"),
        ({"Action": "*"}, "fail", "low"),
        ({"Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::another"}}}, "fail", "medium"),
        ({"Condition": {"StringEquals": {"aws:SourceAccount": OTHER}}}, "fail", "medium"),
        ({"Principal": {"Service": "events.amazonaws.com"}}, "fail", "medium"),
        ({"Principal": {"AWS": "*"}, "Condition": {"StringEquals": {"AWS:SourceOwner": ACCOUNT}}}, "fail", "medium"),
        ({"Effect": "Deny"}, "fail", "medium"),
        ({"Condition": CONFINED | {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}, "unknown", "medium"),
    ],
)
def test_targets(bucket: Lab, target: str, statement: dict[str, Any], status: str, severity: str) -> None:
    finding = bucket.findings(NOTIFICATIONS, answers=notify(target) | lets_in(target, statement))["bucket"]
    assert (finding.status, finding.severity) == (status, severity)


@TARGETS
def test_targets_without_a_policy(bucket: Lab, target: str) -> None:
    finding = bucket.findings(NOTIFICATIONS, answers=notify(target) | listed(target) | NO_POLICY)["bucket"]
    # A topic always has one: where AWS shows none, nobody knows what it says.
    assert finding.status == ("unknown" if target == TOPIC else "fail")
    assert finding.severity == "medium"


@pytest.mark.parametrize("target", [TOPIC, QUEUE], ids=["topic", "queue"])
def test_targets_without_attributes_are_unknown(bucket: Lab, target: str) -> None:
    answers = notify(target) | listed(target) | {DETAIL[target]: {}}
    assert bucket.statuses(NOTIFICATIONS, answers=answers) == {"bucket": "unknown"}


@TARGETS
def test_targets_that_are_gone(bucket: Lab, target: str) -> None:
    finding = bucket.findings(NOTIFICATIONS, answers=notify(target))["bucket"]
    assert (finding.status, finding.evidence) == ("fail", {"targets": [f"{target} does not exist"]})


@TARGETS
def test_targets_of_another_account_are_unknown(bucket: Lab, target: str) -> None:
    answers = notify(target.replace(ACCOUNT, OTHER))
    assert bucket.statuses(NOTIFICATIONS, answers=answers) == {"bucket": "unknown"}


@TARGETS
@pytest.mark.parametrize("calls", [LISTING, DETAIL])
def test_unread_targets_are_unknown(bucket: Lab, target: str, calls: dict[str, str]) -> None:
    answers = notify(target) | lets_in(target, {"Condition": CONFINED})
    assert bucket.statuses(NOTIFICATIONS, answers=answers) == {"bucket": "pass"}
    assert bucket.statuses(NOTIFICATIONS, answers=answers, deny=[calls[target]]) == {"bucket": "unknown"}


def test_unread_notifications_are_unknown(bucket: Lab) -> None:
    assert bucket.statuses(NOTIFICATIONS, deny=[READ_NOTIFICATION]) == {"bucket": "unknown"}


def test_the_worst_target_decides(bucket: Lab) -> None:
    foreign = TOPIC.replace(ACCOUNT, OTHER)
    answers = notify(FUNCTION, foreign, QUEUE) | lets_in(FUNCTION, {}) | listed(QUEUE) | NO_POLICY
    answers |= lets_in(FUNCTION, {})
    finding = bucket.findings(NOTIFICATIONS, answers=answers)["bucket"]
    assert (finding.status, finding.severity) == ("fail", "medium")
    assert len(finding.evidence["targets"]) == 3


def test_a_bad_target_is_seen_beside_an_unread_one(bucket: Lab) -> None:
    answers = notify(FUNCTION, TOPIC)
    assert bucket.statuses(NOTIFICATIONS, answers=answers, deny=[LISTING[TOPIC]]) == {"bucket": "fail"}


def test_an_alias_has_a_policy_of_its_own(bucket: Lab) -> None:
    answers = notify(f"{FUNCTION}:live") | lets_in(FUNCTION, {"Condition": CONFINED})
    assert bucket.statuses(NOTIFICATIONS, answers=answers) == {"bucket": "unknown"}
    assert bucket.statuses(NOTIFICATIONS, answers=notify(f"{FUNCTION}:live")) == {"bucket": "fail"}


def test_a_target_whose_policy_is_out_of_grammar_is_unknown(bucket: Lab) -> None:
    answers = notify(TOPIC) | lets_in(TOPIC, {"Effect": "Maybe"})
    assert bucket.statuses(NOTIFICATIONS, answers=answers) == {"bucket": "unknown"}


def test_emulated_targets(bucket: Lab) -> None:
    """The three kinds as they are listed and described, not as a test says."""
    topic = bucket.client("sns").create_topic(Name="t")["TopicArn"]
    bucket.client("sqs").create_queue(QueueName="q")
    found = bucket.findings(NOTIFICATIONS, answers=notify(topic, QUEUE))["bucket"]
    assert found.evidence["targets"] == [
        f"the policy of {topic} does not let S3 in for this bucket",
        f"{QUEUE} has no policy that could let S3 in",
    ]
