"""EKS clusters."""

import ipaddress
from typing import Any

from auditor.analysis.network import is_world, network
from auditor.findings import Severity
from auditor.resources.eks import EksCluster
from auditor.rule import Verdict, failed, not_applicable, passed, rule

DEFAULT_SOURCES = ("0.0.0.0/0",)  # who may reach a public endpoint where nobody was named (API reference of EKS)


@rule(
    severity=Severity.HIGH,
    controls=(
        "SecurityHub EKS.1",
        "PCI-4.0 1.2.8.12 1.3.1.13 1.3.2.13 1.4.2.13 1.5.1.12 A1.1.3.12",
        "ISO-27001-2022 A.8.1",
    ),
    notes="Types of ECS (EKS)",
)
def eks_cluster_endpoint_not_public(cluster: EksCluster) -> Verdict:
    """The Kubernetes API of EKS clusters is not open to the world.

    Risk: everyone can try stolen tokens and flaws of the API server on it, which rules over all that the cluster runs.
    Fix: aws eks update-cluster-config --region {region} --name {id}
        --resources-vpc-config endpointPrivateAccess=true,endpointPublicAccess=false
    """
    config = cluster.resources_vpc_config
    if config is None:
        return not_applicable("the cluster's control plane is not EKS's")
    evidence: dict[str, Any] = {
        "endpoint_public_access": config.endpoint_public_access,
        "public_access_cidrs": list(config.public_access_cidrs),
    }
    if not config.endpoint_public_access:
        return passed(**evidence)
    sources = [network(cidr) for cidr in config.public_access_cidrs or DEFAULT_SOURCES]
    four: Any = [source for source in sources if source.version == 4]
    six: Any = [source for source in sources if source.version == 6]
    # Neighbours count as one: 0.0.0.0/1 and 128.0.0.0/1 are the world as well.
    if any(is_world(net) for nets in (four, six) for net in ipaddress.collapse_addresses(nets)):
        return failed("The API is open to the whole internet", **evidence)
    return passed("The API is open to some networks only", **evidence)
