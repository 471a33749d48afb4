"""Systems Manager: what lies in Parameter Store."""

import re

from auditor.findings import Severity
from auditor.resources.ssm import SsmParameter
from auditor.rule import Verdict, failed, not_applicable, passed, rule

SECRET = re.compile(r"password|passwd|secret|token|api[_-]?key|private[_-]?key|credential", re.IGNORECASE)
# What is said about a secret, and is none: where it is, how long it lives.
ABOUT = re.compile(
    r"(arn|name|id|url|uri|path|endpoint|user|policy|length|ttl|expiry|version|enabled|count)$", re.IGNORECASE
)


@rule(severity=Severity.MEDIUM, notes="SSM Parameter Store (secrets)")
def ssm_parameter_secret_encrypted(parameter: SsmParameter) -> Verdict:
    """Parameters that are called like secrets are SecureStrings.

    Risk: everyone who may read configuration reads the password, and no key guards it.
    Fix: aws ssm delete-parameter --name {id} --region {region}
    aws ssm put-parameter --name {id} --type SecureString --value file://value.txt --region {region}
    """
    if parameter.type == "SecureString":
        return passed(type=parameter.type)
    if parameter.data_type == "aws:ec2:image":
        return not_applicable("The parameter is the id of an image", data_type=parameter.data_type)
    last = parameter.name.rpartition("/")[2]
    if SECRET.search(last) and not ABOUT.search(last):
        return failed("The parameter is called like a secret, and not encrypted", type=parameter.type, name=last)
    return passed("The parameter is not called like a secret", type=parameter.type)
