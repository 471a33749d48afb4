"""EKS: clusters."""

from typing import Annotated

from auditor.fetch import Call, Listing
from auditor.model import Resource, Shape


class ClusterVpcConfig(Shape):
    """The network of a cluster's control plane, and who may reach its API from the internet."""

    endpoint_public_access: bool
    endpoint_private_access: bool
    public_access_cidrs: tuple[str, ...] = ()  # none named: everybody


class EksCluster(Resource):
    """An EKS cluster. Its tags are not in the listing."""

    service, cfn_type = "eks", "AWS::EKS::Cluster"
    listing = Listing("ListClusters", at="clusters", name="name", params={"maxResults": 100})
    arn_format = "arn:{partition}:eks:{region}:{account}:cluster/{name}"
    id_field = "name"
    name_field = "name"

    name: str
    # None of a cluster that is registered with EKS and runs elsewhere.
    resources_vpc_config: Annotated[
        ClusterVpcConfig | None, Call("DescribeCluster", at="cluster.resourcesVpcConfig", name="name")
    ]
