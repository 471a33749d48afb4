"""EFS: file systems, their mount targets and access points."""

from typing import Annotated

from auditor.fetch import Call, Listing, Metric
from auditor.model import Document, Resource, Shape, Timestamp


class FileSystemProtection(Shape):
    """Whether replication may write over a file system: "REPLICATING" for one that replication does write to."""

    replication_overwrite_protection: str | None = None


class FileSystemSize(Shape):
    """What a file system holds, all storage classes together."""

    value: int


class BackupPolicy(Shape):
    """Automatic backups: "ENABLED", "ENABLING", "DISABLED" or "DISABLING"."""

    status: str


class ProtectedResource(Shape):
    """What AWS Backup knows of a resource of which it holds recovery points."""

    last_backup_time: Timestamp | None = None


class LifecyclePolicy(Shape):
    """One move of files between storage classes; each entry holds one."""

    transition_to_ia: str | None = None
    transition_to_archive: str | None = None


class FileSystem(Resource):
    """An EFS file system."""

    service, cfn_type = "efs", "AWS::EFS::FileSystem"
    listing = Listing("DescribeFileSystems", at="FileSystems", params={"MaxItems": 1000})
    arn_format = "arn:{partition}:elasticfilesystem:{region}:{account}:file-system/{file_system_id}"
    id_field = "file_system_id"
    name_field = "name"

    file_system_id: str
    name: str | None = None
    creation_time: Timestamp
    life_cycle_state: str
    number_of_mount_targets: int
    size_in_bytes: FileSystemSize
    performance_mode: str  # "generalPurpose" or "maxIO"
    throughput_mode: str  # "bursting", "provisioned" or "elastic"
    encrypted: bool
    availability_zone_name: str | None = None  # absent: Regional, not One Zone
    file_system_protection: FileSystemProtection | None = None
    # None: it has none, and IAM alone decides.
    policy: Annotated[
        Document | None,
        Call("DescribeFileSystemPolicy", at="Policy", absent=("PolicyNotFound",), FileSystemId="file_system_id"),
    ]
    backup_policy: Annotated[
        BackupPolicy | None,
        Call("DescribeBackupPolicy", at="BackupPolicy", absent=("PolicyNotFound",), FileSystemId="file_system_id"),
    ]
    # None: AWS Backup holds no recovery point of it.
    protection: Annotated[
        ProtectedResource | None,
        Call("DescribeProtectedResource", service="backup", absent=("ResourceNotFoundException",), ResourceArn="arn"),
    ]
    lifecycle_policies: Annotated[
        tuple[LifecyclePolicy, ...],
        Call("DescribeLifecycleConfiguration", at="LifecyclePolicies", FileSystemId="file_system_id"),
    ]

    # The lowest balance of each day; none for days on which no client was connected.
    burst_credit_balance: Annotated[
        tuple[float, ...],
        Metric(
            "AWS/EFS",
            "BurstCreditBalance",
            statistic="Minimum",
            period=86400,
            days=14,
            when=lambda system: system.throughput_mode == "bursting",
            FileSystemId="file_system_id",
        ),
    ]

    @property
    def is_replica(self) -> bool:
        """Whether replication writes to it, and so decides what it is like."""
        protection = self.file_system_protection
        return protection is not None and protection.replication_overwrite_protection == "REPLICATING"


class MountTarget(Resource):
    """Where a file system can be mounted in a subnet."""

    service, cfn_type = "efs", "AWS::EFS::MountTarget"
    listing = Listing(
        "DescribeMountTargets",
        at="MountTargets",
        per=FileSystem,
        by={"FileSystemId": "file_system_id"},
        params={"MaxItems": 100},
    )
    # AWS has no ARN for it; this one is ours, in its form.
    arn_format = "arn:{partition}:elasticfilesystem:{region}:{account}:mount-target/{mount_target_id}"
    id_field = "mount_target_id"

    mount_target_id: str
    file_system_id: str
    subnet_id: str
    life_cycle_state: str
    network_interface_id: str | None = None
    availability_zone_id: str | None = None
    vpc_id: str | None = None


class PosixUser(Shape):
    """Whom a file system takes every client of an access point for."""

    uid: int


class RootDirectory(Shape):
    """What an access point shows as the root; absent: that of the file system."""

    path: str | None = None


class AccessPoint(Resource):
    """An EFS access point."""

    service, cfn_type = "efs", "AWS::EFS::AccessPoint"
    listing = Listing("DescribeAccessPoints", at="AccessPoints", params={"MaxResults": 1000})
    arn_format = "arn:{partition}:elasticfilesystem:{region}:{account}:access-point/{access_point_id}"
    id_field = "access_point_id"
    name_field = "name"

    access_point_id: str
    name: str | None = None
    file_system_id: str
    posix_user: PosixUser | None = None  # absent: clients say themselves who they are
    root_directory: RootDirectory | None = None
