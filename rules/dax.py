"""Rules about DynamoDB Accelerator."""

from auditor.findings import Category, Severity
from auditor.resources.dax import DaxCluster
from auditor.rule import Verdict, failed, not_applicable, passed, rule


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub DynamoDB.3", "PCI-4.0 3.5.1.9 8.3.2.13", "ISO-27001-2022 A.8.11 A.8.24"),
    notes="DAX",
)
def dax_cluster_at_rest_encrypted(cluster: DaxCluster) -> Verdict:
    """DAX clusters are encrypted at rest.

    Risk: whoever gets at the nodes' disks reads what the cluster has cached of the tables.
    Fix: encryption cannot be switched on later: make another cluster, and move its clients.
    aws dax create-cluster --region {region} --cluster-name {name}-encrypted --sse-specification Enabled=true
        --cluster-endpoint-encryption-type TLS --node-type NODE-TYPE --replication-factor 3 --iam-role-arn ROLE-ARN
    """
    status = cluster.sse_description.status
    if status == "ENABLED":
        return passed(status=status)
    return failed("What is cached is stored in clear", status=status)


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub DynamoDB.7",
        "PCI-4.0 2.2.7.5 4.2.1.1.9 4.2.1.5 8.3.2.14",
        "ISO-27001-2022 A.8.12 A.8.24",
    ),
    notes="DAX",
)
def dax_cluster_transit_encrypted(cluster: DaxCluster) -> Verdict:
    """DAX clusters speak TLS with their clients.

    Risk: whoever sits on the way between application and cache reads what is in the tables.
    Fix: TLS cannot be switched on later: make another cluster, and move its clients.
    aws dax create-cluster --region {region} --cluster-name {name}-tls --cluster-endpoint-encryption-type TLS
        --sse-specification Enabled=true --node-type NODE-TYPE --replication-factor 3 --iam-role-arn ROLE-ARN
    """
    kind = cluster.cluster_endpoint_encryption_type
    if kind == "TLS":
        return passed(cluster_endpoint_encryption_type=kind)
    return failed("Clients speak in clear", cluster_endpoint_encryption_type=kind)


@rule(severity=Severity.LOW, category=Category.RELIABILITY, controls=("ISO-27001-2022 A.8.14",), notes="DAX")
def dax_cluster_multi_az(cluster: DaxCluster) -> Verdict:
    """The nodes of a DAX cluster stand in two zones or more.

    Risk: when its one zone fails, so does the cache, and its load falls upon the tables at once.
    Fix: aws dax increase-replication-factor --region {region} --cluster-name {name} --new-replication-factor 3
        --availability-zones ZONE-A ZONE-B
    """
    if cluster.status in ("creating", "deleting", "deleted"):
        return not_applicable(f"The cluster is {cluster.status}")
    zones = sorted({node.availability_zone for node in cluster.nodes if node.availability_zone})
    if len(zones) >= 2:
        return passed(zones=zones)
    return failed("All nodes are in one zone", zones=zones, nodes=len(cluster.nodes))
