"""Rules about who may invoke Lambda functions, and as whom these run."""

from collections.abc import Iterator
from typing import Any

from auditor.analysis.evaluate import Holds
from auditor.analysis.exposure import foreign_statements, parsed, unbound_services
from auditor.analysis.policy import MalformedPolicy, Policy, Statement, parse
from auditor.analysis.public import CONFINING_KEYS, SOURCE_KEYS, confining_keys, public_statements
from auditor.analysis.trust import service_access
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.iam import Role
from auditor.resources.lambda_ import Function
from auditor.rule import Verdict, failed, not_applicable, passed, rule, seen, unknown

# What tells for whom a service comes: Alexa's skills show a token, and an organization may be named for all services.
SERVICE_KEYS = {**SOURCE_KEYS, **confining_keys("aws:PrincipalOrgID", "lambda:EventSourceToken")}
# What lets an account do more than invoke.
CHANGES = ("lambda:UpdateFunctionCode", "lambda:AddPermission", "lambda:UpdateFunctionConfiguration")
URL = "lambda:InvokeFunctionUrl"
INVOCATIONS = (URL, "lambda:InvokeFunction")


def _policy(function: Function) -> Policy | None:
    return parsed(function, "policy", function.policy)


@rule(
    severity=Severity.CRITICAL,
    controls=(
        "SecurityHub Lambda.1",
        "PCI-4.0 1.2.8.19 1.3.1.22 1.3.2.22 1.4.2.20 1.5.1.19 10.3.2.13 3.5.1.3.18 A1.1.2.9 A1.1.3.19",
        "PCI-4.0 A3.4.1.11",
        "NIST-800-53-r5 ac_2_6 ac_3 ac_3_7 ac_4_21 ac_6 ac_17_b ac_17_1 ac_17_4_a ac_17_9 ac_17_10 mp_2 sc_7_2",
        "ISO-27001-2022 A.8.1",
    ),
    notes="Lambda resource-based policies",
)
def lambda_function_not_public(function: Function) -> Verdict:
    """A function's policy lets in neither everyone nor AWS services on behalf of anyone.

    Risk: strangers run the function with the rights of its role, or have a service of AWS do it for them.
    Fix: aws lambda remove-permission --region {region} --function-name {name} --statement-id STATEMENT
    aws lambda add-permission --region {region} --function-name {name} --statement-id STATEMENT
        --action lambda:InvokeFunction --principal SERVICE --source-arn ARN --source-account {account}
    """
    policy = _policy(function)
    if policy is None:
        return passed("The function has no policy")
    opened = [
        opening.evidence
        for opening in public_statements(policy, CONFINING_KEYS, service="lambda")
        if not _is_of_a_url(opening.statement)
    ]
    if opened:
        return failed("The policy lets everyone in", statements=opened)
    if grants := unbound_services(policy, "lambda", SERVICE_KEYS):
        message = "AWS services may use the function on behalf of anyone"
        return failed(message, severity=Severity.MEDIUM, grants=grants)
    return passed()


def _is_of_a_url(allow: Statement) -> bool:
    """Whether a statement is what a URL without authentication needs: another rule judges those.

    Only the first condition says so of the URL itself: by the second alone, every AWS account may call one that asks
    for credentials.
    """
    if allow.not_actions is not None or not set(allow.actions or ()) <= set(INVOCATIONS):
        return False
    if _demands(allow, "lambda:FunctionUrlAuthType", "none"):
        return True
    return URL not in (allow.actions or ()) and _demands(allow, "lambda:InvokedViaFunctionUrl", "true")


def _demands(allow: Statement, key: str, wanted: str) -> bool:
    """Whether a condition holds only where a key has this value."""
    conditions = [c for c in allow.conditions_on(key) if c.demands_match]
    return any([value.lower() for value in condition.values] == [wanted] for condition in conditions)


@rule(severity=Severity.MEDIUM, notes="Lambda resource-based policies")
def lambda_function_policy_cross_account_restricted(
    function: Function, inventory: Inventory, *, trusted_account_ids: tuple[str, ...] = ()
) -> Verdict:
    """A function's policy lets in only the own account, trusted accounts and the own organization.

    Risk: an account that nobody remembers runs the function with the rights of its role, or changes its code.
    Fix: name accounts that are expected in trusted_account_ids in auditor.toml, and take out the others:
    aws lambda remove-permission --region {region} --function-name {name} --statement-id STATEMENT
    """
    policy = _policy(function)
    if policy is None:
        return passed("The function has no policy")
    foreign = seen(foreign_statements(policy, {function.account, *trusted_account_ids}, inventory))
    if not foreign:
        return passed()
    changes = any(statement.matches_action(action) for statement, _ in foreign for action in CHANGES)
    return failed(
        "Accounts that are not trusted may change the function" if changes else "Others may invoke the function",
        severity=Severity.HIGH if changes else Severity.MEDIUM,
        statements=[said for _, said in foreign],
    )


@rule(
    severity=Severity.HIGH,
    controls=(
        "NIST-800-53-r5 ac_2_6 ac_3 ac_3_7 ac_4_21 ac_6 ac_17_b ac_17_1 ac_17_4_a ac_17_9 ac_17_10 mp_2 sc_7_2",
        "ISO-27001-2022 A.8.1",
    ),
    notes="Lambda triggers",
)
def lambda_function_url_authenticated(function: Function) -> Verdict:
    """URLs of functions ask their callers for AWS credentials.

    Risk: whoever finds the URL runs the function with the rights of its role, as often as he likes, at your cost.
    Fix: aws lambda update-function-url-config --region {region} --function-name {name} --auth-type AWS_IAM
    """
    if not function.urls:
        return not_applicable("The function has no URL")
    if opened := [url.function_arn for url in function.urls if url.auth_type != "AWS_IAM"]:
        return failed("A URL asks its callers for nothing", auth_type="NONE", of=opened)
    anywhere = [url.function_arn for url in function.urls if url.cors is not None and "*" in url.cors.allow_origins]
    if anywhere:
        message = "Scripts of any web page may call a URL with their visitor's credentials"
        return failed(message, severity=Severity.LOW, allow_origins=["*"], of=anywhere)
    return passed(auth_type="AWS_IAM")


@rule(severity=Severity.HIGH, category=Category.RELIABILITY, notes="IAM Roles (Lambda roles)")
def lambda_function_role_valid(function: Function, inventory: Inventory) -> Verdict:
    """A function's execution role exists and trusts Lambda.

    Risk: the function cannot start; and a role of that name that somebody makes later is the function's at once.
    Fix: aws iam update-assume-role-policy --role-name ROLE --policy-document file://trust-lambda.json
    aws lambda update-function-configuration --region {region} --function-name {name} --role ROLE-ARN
    """
    role = inventory.find(Role, "arn", function.role)
    if role is None:
        return failed("The execution role does not exist", role=function.role)
    try:
        trust = parse(role.assume_role_policy_document, of_resource=True)
    except MalformedPolicy as error:
        return unknown(f"The role's trust policy is not understood: {error}", role=function.role)
    access = service_access(
        trust, "lambda.amazonaws.com", "sts:AssumeRole", role.arn,
        source_arn=function.arn, source_account=function.account,
    )  # fmt: skip
    if access.allowed is Holds.NO:
        return failed("The execution role does not trust Lambda", role=function.role)
    if access.allowed is Holds.UNKNOWN:
        return unknown("Whether the role trusts Lambda depends on what is not known here", role=function.role)
    return passed(role=function.role)


@rule(severity=Severity.LOW, notes="Lambda execution role (one per function)")
def lambda_function_role_not_shared(function: Function, inventory: Inventory) -> Verdict:
    """Each function runs as a role of its own.

    Risk: what one function needs, all may do: whoever takes over the least of them has the rights of the others.
    Fix: make a role with what this function needs, and give it to the function by
    aws lambda update-function-configuration --region {region} --function-name {name} --role ROLE-ARN
    """
    others = seen(_others(function, inventory))
    if others:
        return failed("Other functions run as the same role", role=function.role, functions=sorted(others))
    return passed(role=function.role)


def _others(function: Function, inventory: Inventory) -> Iterator[str]:
    """The ARNs of the other functions that run as the same role; one of the same name is a copy in another region."""
    sharing = inventory.where(Function, "role", function.role)
    return (other.arn for other in sharing if other.function_name != function.function_name)


@rule(severity=Severity.HIGH, notes="Never store credentials; env vars")
def lambda_function_no_secrets_in_environment(function: Function) -> Verdict:
    """Functions have no secrets in their environment variables.

    Risk: all who may look at the function's configuration read the secret, and so does whatever logs it.
    Fix: put the secret into Secrets Manager, read it from there, and set the environment anew without it:
    aws lambda update-function-configuration --region {region} --function-name {name}
        --environment file://environment.json
    """
    environment = function.environment
    if environment is None:
        return passed("The function has no environment variables")
    if environment.unread is not None:
        return unknown(f"Lambda could not decrypt the environment: {environment.unread}")
    if not environment.matches:
        return passed()
    keys = any(match.pattern in ("aws-access-key-id", "aws-secret-access-key") for match in environment.matches)
    found: list[dict[str, Any]] = [{"variable": m.masked, "pattern": m.pattern} for m in environment.matches]
    return failed(
        "Environment variables hold AWS credentials" if keys else "Environment variables hold what looks like secrets",
        severity=Severity.CRITICAL if keys or any(m.critical for m in environment.matches) else Severity.HIGH,
        variables=found,
    )
