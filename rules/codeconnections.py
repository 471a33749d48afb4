"""Rules about connections to where source code is kept outside of AWS."""

from auditor.findings import Category, Severity
from auditor.resources.codeconnections import CodeConnection
from auditor.rule import Verdict, failed, passed, rule


@rule(severity=Severity.LOW, category=Category.OPERATIONS, notes="CodeStar")
def codeconnections_connection_available(connection: CodeConnection) -> Verdict:
    """Connections to source code can be used.

    Risk: pipelines that read through the connection start no more, and say nothing about it.
    Fix: aws codeconnections get-connection --region {region} --connection-arn {arn}
        and finish the handshake in the console, or
        aws codeconnections delete-connection --region {region} --connection-arn {arn}
    """
    status = connection.connection_status
    if status in ("PENDING", "ERROR"):
        return failed("The connection cannot be used", connection_status=status)
    return passed(connection_status=status)
