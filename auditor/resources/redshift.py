"""Redshift: provisioned clusters."""

from auditor.fetch import Listing
from auditor.model import Resource


class RedshiftCluster(Resource):
    """A provisioned Redshift cluster."""

    service, cfn_type = "redshift", "AWS::Redshift::Cluster"
    listing = Listing("DescribeClusters", at="Clusters")
    arn_format = "arn:{partition}:redshift:{region}:{account}:cluster:{cluster_identifier}"
    id_field = name_field = "cluster_identifier"

    cluster_identifier: str
    cluster_status: str
    publicly_accessible: bool
    encrypted: bool
