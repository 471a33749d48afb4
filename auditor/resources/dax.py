"""DynamoDB Accelerator."""

from auditor.fetch import Listing
from auditor.model import Resource, Shape


class DaxNode(Shape):
    """A node of a cluster."""

    availability_zone: str | None = None  # left out while it is being created


class DaxEncryption(Shape):
    """Whether a cluster is encrypted at rest: ENABLED, DISABLED, or on the way."""

    status: str | None = None


class DaxCluster(Resource):
    """A DAX cluster."""

    service, cfn_type = "dax", "AWS::DAX::Cluster"
    listing = Listing("DescribeClusters", at="Clusters")
    arn_format = "{cluster_arn}"
    id_field = name_field = "cluster_name"

    cluster_name: str
    cluster_arn: str
    status: str
    nodes: tuple[DaxNode, ...] = ()
    sse_description: DaxEncryption
    cluster_endpoint_encryption_type: str
