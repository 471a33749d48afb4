"""Rules about Cognito."""

from typing import Any

from auditor.findings import Severity
from auditor.resources.cognito import UserPool
from auditor.rule import Verdict, failed, passed, rule


@rule(severity=Severity.MEDIUM, notes="Cognito (Lambda trigger)")
def cognito_user_pool_mfa_required(pool: UserPool, *, least_length: int = 14) -> Verdict:
    """User pools ask everyone for a second factor, and for long passwords.

    Risk: a password that was guessed, or taken from another site, opens a customer's account.
    Fix: aws cognito-idp set-user-pool-mfa-config --region {region} --user-pool-id {id} --mfa-configuration ON
        --software-token-mfa-configuration Enabled=true
    """
    mfa, passwords = pool.details.mfa_configuration, pool.details.policies.password_policy
    length = passwords.minimum_length if passwords is not None else None
    evidence: dict[str, Any] = {"mfa_configuration": mfa, "minimum_length": length}
    if mfa != "ON":
        said = "A second factor is up to the user" if mfa == "OPTIONAL" else "There is no second factor"
        return failed(said, **evidence)
    if length is None or length < least_length:
        return failed("Passwords may be short", severity=Severity.LOW, **evidence)
    return passed(**evidence)
