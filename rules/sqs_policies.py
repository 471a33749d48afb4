"""Rules about the policies of SQS queues."""

from auditor.analysis.exposure import foreign_statements, parsed, shown, unbound_services
from auditor.analysis.policy import Policy
from auditor.analysis.public import public_statements
from auditor.analysis.trust import denies_plain_http
from auditor.findings import Severity
from auditor.inventory import Inventory
from auditor.resources.sqs import Queue
from auditor.rule import Verdict, failed, passed, rule, seen


def _policy(queue: Queue) -> Policy | None:
    return parsed(queue, "attributes", queue.attributes.policy)


@rule(
    severity=Severity.CRITICAL,
    controls=("SecurityHub SQS.3", "ISO-27001-2022 A.8.1"),
    notes="SQS Access Policies",
)
def sqs_queue_not_public(queue: Queue) -> Verdict:
    """A queue's policy lets in neither everyone nor AWS services on behalf of anyone.

    Risk: strangers read, delete or plant messages, or have a service of AWS do it for them.
    Fix: name the accounts in Principal, and for services demand aws:SourceArn or aws:SourceAccount in a Condition, in
    aws sqs set-queue-attributes --region {region} --queue-url {id} --attributes file://attributes.json
    """
    policy = _policy(queue)
    if policy is None:
        return passed("The queue has no policy")
    if opened := public_statements(policy, service="sqs"):
        return failed("The policy lets everyone in", statements=[opening.evidence for opening in opened])
    if grants := unbound_services(policy, "sqs"):
        message = "AWS services may use the queue on behalf of anyone"
        return failed(message, severity=Severity.MEDIUM, grants=grants)
    return passed()


@rule(severity=Severity.MEDIUM, notes="SQS Access Policies (cross-account)")
def sqs_queue_policy_cross_account_restricted(
    queue: Queue, inventory: Inventory, *, trusted_account_ids: tuple[str, ...] = ()
) -> Verdict:
    """A queue's policy lets in only the own account, trusted accounts and the own organization.

    Risk: an account that nobody remembers reads messages, or feeds its own to what works on them.
    Fix: name accounts that are expected in trusted_account_ids in auditor.toml. Take out the others, or confine the
        statement by a Condition on your aws:PrincipalOrgID, in
    aws sqs set-queue-attributes --region {region} --queue-url {id} --attributes file://attributes.json
    """
    policy = _policy(queue)
    if policy is None:
        return passed("The queue has no policy")
    foreign = seen(foreign_statements(policy, {queue.account, *trusted_account_ids}, inventory))
    if foreign:
        return failed("The policy lets in accounts that are not trusted", statements=[said for _, said in foreign])
    return passed()


@rule(severity=Severity.LOW, notes="SQS Security (HTTPS)")
def sqs_queue_secure_transport_required(queue: Queue) -> Verdict:
    """A queue refuses messages that are sent or received without TLS.

    Risk: whoever sits on the way reads and changes the messages of clients that speak plain HTTP.
    Fix: deny sqs:* to everyone on {arn} where aws:SecureTransport is false, in
    aws sqs set-queue-attributes --region {region} --queue-url {id} --attributes file://attributes.json
    """
    policy = _policy(queue)
    if policy is None:
        return failed("The queue has no policy that could refuse plain HTTP", policy=None)
    if all(denies_plain_http(policy, action, (queue.arn,)) for action in ("sqs:SendMessage", "sqs:ReceiveMessage")):
        return passed()
    return failed("No statement denies everyone plain HTTP", denies=[shown(deny) for deny in policy.denies])
