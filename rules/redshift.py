"""Rules about Redshift clusters."""

from auditor.findings import Severity
from auditor.resources.redshift import RedshiftCluster
from auditor.rule import Verdict, failed, not_applicable, passed, rule

LEAVING = ("creating", "deleting", "final-snapshot")


@rule(
    severity=Severity.CRITICAL,
    controls=(
        "SecurityHub Redshift.1",
        "PCI-4.0 1.2.8.29 1.3.1.32 1.3.2.32 1.4.2.30 1.5.1.29 10.3.2.17 3.5.1.3.22 A1.1.2.13 A1.1.3.29",
        "PCI-4.0 A3.4.1.15",
        "NIST-800-53-r5 ac_2_6 ac_3 ac_3_7 ac_4_21 ac_6 ac_17_b ac_17_1 ac_17_4_a ac_17_9 ac_17_10 mp_2 sc_7_2",
        "ISO-27001-2022 A.8.1",
    ),
    notes="Firehose destinations (Redshift)",
)
def redshift_cluster_not_public(cluster: RedshiftCluster) -> Verdict:
    """Redshift clusters have no public address.

    Risk: the warehouse that holds everybody's data is one guessed password, or one flaw, away from the internet.
    Fix: aws redshift modify-cluster --cluster-identifier {id} --no-publicly-accessible --region {region}
    """
    if cluster.publicly_accessible:
        return failed("The cluster has a public address", publicly_accessible=True)
    return passed(publicly_accessible=False)


@rule(
    severity=Severity.HIGH,
    controls=("SecurityHub Redshift.10", "PCI-4.0 3.5.1.29 8.3.2.46", "ISO-27001-2022 A.8.24"),
    notes="Firehose destinations (Redshift)",
)
def redshift_cluster_encrypted(cluster: RedshiftCluster) -> Verdict:
    """Redshift clusters are encrypted at rest.

    Risk: the warehouse and its snapshots lie in the clear for whoever gets at the storage or at a copy.
    Fix: aws redshift modify-cluster --cluster-identifier {id} --encrypted --region {region}
    """
    if cluster.cluster_status in LEAVING:
        return not_applicable("The cluster is being made or deleted", cluster_status=cluster.cluster_status)
    if cluster.encrypted:
        return passed(encrypted=True)
    return failed("The cluster is not encrypted", encrypted=False)
