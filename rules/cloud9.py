"""Cloud9 development environments."""

from typing import Any

from auditor.findings import Severity
from auditor.resources.cloud9 import Cloud9Environment
from auditor.rule import Verdict, failed, passed, rule


@rule(severity=Severity.LOW, notes="Cloud9")
def cloud9_environment_ssm_connection_used(environment: Cloud9Environment) -> Verdict:
    """Cloud9 environments are reached through Systems Manager, and by few.

    Risk: one that is reached by SSH has a port open to Cloud9's addresses, and each collaborator acts with the
        credentials of whoever owns it.
    Fix: The connection cannot be changed: make a new environment, move the work there, and delete the old one:
    aws cloud9 create-environment-ec2 --region {region} --name {name}-ssm --instance-type t3.small
        --image-id amazonlinux-2023-x86_64 --connection-type CONNECT_SSM
    aws cloud9 delete-environment --region {region} --environment-id {id}
    """
    evidence: dict[str, Any] = {"type": environment.type, "connection_type": environment.connection_type}
    if environment.connection_type in (None, "CONNECT_SSH"):
        return failed("The environment is reached by SSH", **evidence)
    writers = [share.user_arn for share in environment.memberships if share.permissions == "read-write"]
    if len(writers) > 1:
        return failed(f"{len(writers)} collaborators may write to the environment", writers=writers, **evidence)
    return passed(**evidence)
