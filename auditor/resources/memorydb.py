"""MemoryDB: clusters of Valkey or Redis that keep what they are told."""

from auditor.fetch import Listing
from auditor.model import Resource


class MemoryDbCluster(Resource):
    """A MemoryDB cluster."""

    service, cfn_type = "memorydb", "AWS::MemoryDB::Cluster"
    listing = Listing("DescribeClusters", at="Clusters")
    id_field = name_field = "name"

    name: str
    status: str
    availability_mode: str | None = None  # singleaz or multiaz, in whatever case
    tls_enabled: bool
    acl_name: str
    snapshot_retention_limit: int = 0  # days; 0, and none, is no snapshot

    @property
    def passing(self) -> bool:
        """Whether it is being made or deleted."""
        return self.status in ("creating", "deleting")
