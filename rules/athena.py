"""Rules about Athena's workgroups."""

from typing import Any

from auditor.findings import Category, Severity
from auditor.resources.athena import WorkGroup
from auditor.rule import Verdict, failed, not_applicable, passed, rule, unknown

OFF = "The workgroup is switched off"


@rule(severity=Severity.LOW, notes="Athena (charged by data scanned)", category=Category.COST)
def athena_workgroup_bytes_scanned_limit_set(group: WorkGroup) -> Verdict:
    """Workgroups for SQL limit what one query may scan.

    Risk: a query that forgets its partition reads the whole lake, and is paid by the terabyte.
    Fix: aws athena update-work-group --work-group {id} --region {region}
        --configuration-updates BytesScannedCutoffPerQuery=1099511627776
    """
    if group.state != "ENABLED":
        return not_applicable(OFF, state=group.state)
    set_up = group.configuration
    if set_up is None:
        return unknown("AWS does not say how the workgroup is set up")
    if set_up.spark:
        return not_applicable("The workgroup is for Spark")
    if set_up.bytes_scanned_cutoff_per_query is None:
        return failed(
            "A query may scan as much as there is",
            severity=Severity.INFORMATIONAL if group.untouched else None,
            bytes_scanned_cutoff_per_query=None,
        )
    return passed(bytes_scanned_cutoff_per_query=set_up.bytes_scanned_cutoff_per_query)


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub Athena.1", "PCI-4.0 3.5.1.2 8.3.2.3", "ISO-27001-2022 A.8.11 A.8.24"),
    notes="Athena",
)
def athena_workgroup_results_encrypted_and_enforced(group: WorkGroup) -> Verdict:
    """Workgroups encrypt results, and clients cannot choose otherwise.

    Risk: results, which hold the best of the data, lie in a bucket that the client chose, as the client chose.
    Fix: aws athena update-work-group --work-group {id} --region {region} --configuration-updates
        "EnforceWorkGroupConfiguration=true,ResultConfigurationUpdates={OutputLocation=s3://BUCKET/,EncryptionConfiguration={EncryptionOption=SSE_KMS,KmsKey=KEY_ARN}}"
    """
    if group.state != "ENABLED":
        return not_applicable(OFF, state=group.state)
    set_up = group.configuration
    if set_up is None:
        return unknown("AWS does not say how the workgroup is set up")
    managed = set_up.managed_query_results_configuration
    if managed is not None and managed.enabled:
        return passed("Athena keeps the results itself, and encrypts them", managed_query_results=True)
    results = set_up.result_configuration
    encryption = results.encryption_configuration if results is not None else None
    evidence: dict[str, Any] = {"enforced": set_up.enforce_work_group_configuration, "encryption": encryption}
    # AWS makes one in each region: where nobody ever set anything in it, most likely nobody uses it.
    severity = Severity.INFORMATIONAL if group.untouched else None
    if encryption is None:
        return failed("The workgroup does not say how results are encrypted", severity=severity, **evidence)
    if not set_up.enforce_work_group_configuration:
        return failed("Clients may override how results are encrypted", severity=severity, **evidence)
    return passed(**evidence)
