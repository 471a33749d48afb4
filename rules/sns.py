"""Rules about SNS topics and subscriptions."""

from auditor.analysis.exposure import foreign_statements, parsed, shown, unbound_services
from auditor.analysis.policy import Policy, account_in
from auditor.analysis.public import public_statements
from auditor.analysis.trust import denies_plain_http
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.lambda_ import Function
from auditor.resources.sns import MACHINES, PENDING, Subscription, Topic
from auditor.resources.sqs import Queue
from auditor.rule import Verdict, failed, not_applicable, passed, rule, seen


def _policy(topic: Topic) -> Policy:
    policy = parsed(topic, "attributes", topic.attributes.policy)
    assert policy is not None  # every topic has one
    return policy


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "PCI-4.0 3.5.1.35 8.3.2.54",
        "NIST-800-53-r5 au_9_3 cp_9_d sc_8_3 sc_8_4 sc_13_a sc_28_1",
        "ISO-27001-2022 A.8.3 A.8.11 A.8.24",
    ),
    notes="SNS (same encryption as SQS)",
)
def sns_topic_encrypted(topic: Topic) -> Verdict:
    """Topics are encrypted at rest with a key of KMS.

    Risk: whoever gets at the storage behind the topic reads the messages that wait for delivery.
    Fix: take a key of your own, since with alias/aws/sns neither alarms nor S3 nor EventBridge can publish, in
    aws sns set-topic-attributes --region {region} --topic-arn {arn} --attribute-name KmsMasterKeyId
        --attribute-value KEY
    """
    key = topic.attributes.kms_master_key_id
    if key:
        return passed(kms_master_key_id=key)
    return failed("The topic is not encrypted with a key of KMS", kms_master_key_id=None)


@rule(
    severity=Severity.CRITICAL,
    controls=("SecurityHub SNS.4", "ISO-27001-2022 A.8.1"),
    notes="SNS access policies",
)
def sns_topic_not_public(topic: Topic) -> Verdict:
    """A topic's policy lets in neither everyone nor AWS services on behalf of anyone.

    Risk: strangers publish to all subscribers, or subscribe and hear all that is said.
    Fix: name the accounts in Principal, and for services demand aws:SourceArn or aws:SourceAccount in a Condition, in
    aws sns set-topic-attributes --region {region} --topic-arn {arn} --attribute-name Policy
        --attribute-value file://policy.json
    """
    policy = _policy(topic)
    if opened := public_statements(policy, service="sns"):
        return failed("The policy lets everyone in", statements=[opening.evidence for opening in opened])
    if grants := unbound_services(policy, "sns"):
        message = "AWS services may use the topic on behalf of anyone"
        return failed(message, severity=Severity.MEDIUM, grants=grants)
    return passed()


@rule(severity=Severity.MEDIUM, notes="SNS access policies (cross-account)")
def sns_topic_policy_cross_account_restricted(
    topic: Topic, inventory: Inventory, *, trusted_account_ids: tuple[str, ...] = ()
) -> Verdict:
    """A topic's policy lets in only the own account, trusted accounts and the own organization.

    Risk: an account that nobody remembers listens in, or feeds its own to all subscribers.
    Fix: name accounts that are expected in trusted_account_ids in auditor.toml. Take out the others, or confine the
        statement by a Condition on your aws:PrincipalOrgID, in
    aws sns set-topic-attributes --region {region} --topic-arn {arn} --attribute-name Policy
        --attribute-value file://policy.json
    """
    foreign = seen(foreign_statements(_policy(topic), {topic.account, *trusted_account_ids}, inventory))
    if foreign:
        return failed("The policy lets in accounts that are not trusted", statements=[said for _, said in foreign])
    return passed()


@rule(severity=Severity.LOW, notes="SNS publishing")
def sns_topic_secure_transport_required(topic: Topic) -> Verdict:
    """A topic refuses what is published without TLS.

    Risk: whoever sits on the way reads and changes the messages of publishers that speak plain HTTP.
    Fix: deny sns:Publish to everyone on {arn} where aws:SecureTransport is false, in
    aws sns set-topic-attributes --region {region} --topic-arn {arn} --attribute-name Policy
        --attribute-value file://policy.json
    """
    policy = _policy(topic)
    if denies_plain_http(policy, "sns:Publish", (topic.arn,)):
        return passed()
    return failed("No statement denies everyone plain HTTP", denies=[shown(deny) for deny in policy.denies])


@rule(severity=Severity.LOW, category=Category.OPERATIONS, notes="SNS subscribers")
def sns_topic_has_subscription(topic: Topic) -> Verdict:
    """A topic has somebody who listens.

    Risk: alarms and events that are published here are heard by nobody, and nothing says so.
    Fix: aws sns subscribe --region {region} --topic-arn {arn} --protocol email --notification-endpoint ADDRESS
    """
    confirmed = topic.attributes.subscriptions_confirmed
    if confirmed > 0:
        return passed(subscriptions_confirmed=confirmed)
    return failed("Nobody has subscribed to the topic", subscriptions_confirmed=confirmed)


@rule(severity=Severity.MEDIUM, notes="SNS protocols (HTTP)")
def sns_subscription_https_used(subscription: Subscription) -> Verdict:
    """Topics deliver to web servers over HTTPS only.

    Risk: whoever sits on the way reads the messages, and may put others in their place.
    Fix: aws sns subscribe --region {region} --topic-arn TOPIC --protocol https --notification-endpoint https://HOST/PATH
    aws sns unsubscribe --region {region} --subscription-arn {arn}
    """
    if subscription.protocol == "http":
        return failed("Messages are delivered in clear", protocol="http", endpoint=subscription.endpoint)
    if subscription.protocol == "https":
        return passed(protocol="https")
    return not_applicable(f"It delivers by {subscription.protocol}, not to a web server")


@rule(severity=Severity.LOW, category=Category.RELIABILITY, notes="SNS subscribers")
def sns_subscription_confirmed_and_target_exists(subscription: Subscription, inventory: Inventory) -> Verdict:
    """Subscriptions are confirmed, and what they deliver to exists.

    Risk: messages that somebody counts on are delivered nowhere, and nothing says so.
    Fix: make the endpoint, or confirm the subscription by what was sent to it. One that is not needed goes with
    aws sns unsubscribe --region {region} --subscription-arn {arn}
    """
    if subscription.subscription_arn == PENDING:
        return failed("Nobody has confirmed the subscription", protocol=subscription.protocol)
    if not subscription.confirmed:
        return not_applicable("The subscription was deleted")
    endpoint = subscription.endpoint
    if endpoint is None or subscription.protocol not in ("sqs", "lambda"):
        return passed("The subscription is confirmed", protocol=subscription.protocol)
    if account_in(endpoint) != subscription.account:
        return not_applicable("It delivers to another account, which alone can show whether that exists")
    region = endpoint.split(":")[3]
    if subscription.protocol == "sqs":
        target: Queue | Function | None = inventory.find(Queue, "arn", endpoint, region=region)
    else:
        target = inventory.find(Function, "arn", ":".join(endpoint.split(":")[:7]), region=region)
    if target is not None:
        return passed(endpoint=endpoint)
    return failed("What it delivers to does not exist", endpoint=endpoint)


@rule(severity=Severity.LOW, category=Category.RELIABILITY, notes="SNS delivery")
def sns_subscription_dead_letter_queue_configured(subscription: Subscription) -> Verdict:
    """Messages that a subscription could not deliver go to a dead-letter queue.

    Risk: when an endpoint is down for longer than SNS tries, its messages are gone.
    Fix: aws sns set-subscription-attributes --region {region} --subscription-arn {arn} --attribute-name RedrivePolicy
        --attribute-value file://redrive-policy.json
    """
    if not subscription.confirmed:
        return not_applicable("The subscription is not in effect")
    if subscription.protocol not in MACHINES:
        return not_applicable(f"It delivers by {subscription.protocol}, to people")
    attributes = subscription.attributes
    redrive = attributes.redrive_policy if attributes is not None else None
    if redrive is not None and redrive.dead_letter_target_arn:
        return passed(dead_letter_target_arn=redrive.dead_letter_target_arn)
    return failed("The subscription has no dead-letter queue", redrive_policy=None)
