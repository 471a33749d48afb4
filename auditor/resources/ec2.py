"""EC2's computing: instances, launch templates, images, and EBS volumes and snapshots. The network is in vpc.py."""

from datetime import datetime
from typing import Annotated

from auditor.fetch import Call, Join, Listing
from auditor.model import Resource, Shape, Timestamp
from auditor.resources.vpc import Association, GroupIdentifier, Ipv6Address, PrivateIpAddress
from auditor.secrets import ScannedUserData

# The states in which an instance exists: shutting-down and terminated are on their way out of the listing.
LIVE = ("pending", "running", "stopping", "stopped")


class Operator(Shape):
    """The AWS service that runs a resource in the account's stead (EKS Auto Mode), where `managed` is true."""

    managed: bool | None = None
    principal: str | None = None


class InstanceState(Shape):
    """`pending`, `running`, `shutting-down`, `terminated`, `stopping` or `stopped`."""

    name: str


class MetadataOptions(Shape):
    """How metadata requests are answered. Absent on an instance: EC2's defaults, endpoint enabled, tokens optional.

    Absent in a launch template: decided at launch, by the account's default, then by the image, then by EC2's.
    """

    http_endpoint: str | None = None
    http_tokens: str | None = None


class InstanceNetworkInterface(Shape):
    """A network interface as its instance shows it."""

    network_interface_id: str
    vpc_id: str
    subnet_id: str
    association: Association | None = None  # absent: no public IPv4 address
    private_ip_addresses: tuple[PrivateIpAddress, ...]
    ipv6_addresses: tuple[Ipv6Address, ...]
    groups: tuple[GroupIdentifier, ...]

    @property
    def public_ips(self) -> list[str]:
        """Every public IPv4 address, the secondary ones included, each once."""
        holders = [self.association, *(address.association for address in self.private_ip_addresses)]
        return list(dict.fromkeys(holder.public_ip for holder in holders if holder and holder.public_ip))


class ImageMetadata(Shape):
    """The image that an instance was launched from, even if it is gone by now. The alias is absent for most owners."""

    image_id: str | None = None
    owner_id: str | None = None
    image_owner_alias: str | None = None
    is_public: bool | None = None


class InstanceImage(Shape):
    """What EC2 knows of the image of one instance."""

    image_metadata: ImageMetadata | None = None


class Instance(Resource):
    """An EC2 instance."""

    service, cfn_type = "ec2", "AWS::EC2::Instance"
    listing = Listing("DescribeInstances", at="Reservations.Instances", params={"MaxResults": 1000})
    arn_format = "arn:{partition}:ec2:{region}:{account}:instance/{instance_id}"
    id_field = "instance_id"

    instance_id: str
    state: InstanceState
    operator: Operator | None = None
    metadata_options: MetadataOptions | None = None
    public_ip_address: str | None = None
    network_interfaces: tuple[InstanceNetworkInterface, ...]
    launched_from: Annotated[
        tuple[InstanceImage, ...],
        Join("DescribeInstanceImageMetadata", at="InstanceImageMetadata", key="InstanceId", field="instance_id"),
    ]
    # None where the instance was launched without.
    user_data: Annotated[
        ScannedUserData | None,
        Call(
            "DescribeInstanceAttribute",
            at="UserData.Value",
            const={"Attribute": "userData"},
            when=lambda instance: instance.live and not instance.managed,
            InstanceId="instance_id",
        ),
    ]

    @property
    def live(self) -> bool:
        """Whether the instance exists still."""
        return self.state.name in LIVE

    @property
    def managed(self) -> bool:
        """Whether an AWS service runs it, and nobody in the account can change it."""
        return bool(self.operator and self.operator.managed)


class LaunchTemplateData(Shape):
    """What a version of a launch template says; a member that it leaves out is decided at launch."""

    image_id: str | None = None
    metadata_options: MetadataOptions | None = None
    user_data: ScannedUserData | None = None


class LaunchTemplateVersion(Shape):
    """A version of a launch template; versions cannot be changed, only added and deleted."""

    version_number: int
    default_version: bool
    launch_template_data: LaunchTemplateData


class LaunchTemplate(Resource):
    """A launch template."""

    service, cfn_type = "ec2", "AWS::EC2::LaunchTemplate"
    listing = Listing("DescribeLaunchTemplates", at="LaunchTemplates", params={"MaxResults": 200})
    arn_format = "arn:{partition}:ec2:{region}:{account}:launch-template/{launch_template_id}"
    id_field = "launch_template_id"
    name_field = "launch_template_name"

    launch_template_id: str
    launch_template_name: str
    default_version_number: int
    latest_version_number: int
    operator: Operator | None = None
    # The default and the latest version, which may be the same one, given once or twice.
    versions: Annotated[
        tuple[LaunchTemplateVersion, ...],
        Join(
            "DescribeLaunchTemplateVersions",
            at="LaunchTemplateVersions",
            key="LaunchTemplateId",
            field="launch_template_id",
            const={"Versions": ["$Default", "$Latest"], "MaxResults": 200},
        ),
    ]
    # Every version that was not deleted: a call for each template, so only where `versions` cannot have them all.
    all_versions: Annotated[
        tuple[LaunchTemplateVersion, ...],
        Call(
            "DescribeLaunchTemplateVersions",
            at="LaunchTemplateVersions",
            const={"MaxResults": 200},
            when=lambda template: template.has_further_versions,
            otherwise=(),
            LaunchTemplateId="launch_template_id",
        ),
    ]

    @property
    def has_further_versions(self) -> bool:
        """Whether there may be versions besides the default and the latest one."""
        return self.latest_version_number > len({self.default_version_number, self.latest_version_number})


class Image(Resource):
    """An AMI that the account owns."""

    service, cfn_type = "ec2", "AWS::EC2::Image"
    listing = Listing("DescribeImages", at="Images", params={"Owners": ["self"], "MaxResults": 1000})
    # AWS leaves the account out of this ARN; with it, findings of several accounts cannot be mixed up.
    arn_format = "arn:{partition}:ec2:{region}:{account}:image/{image_id}"
    id_field = "image_id"
    name_field = "name"

    image_id: str
    name: str | None = None
    public: bool
    # "v2.0" where instances get IMDSv2 unless something else decides; absent where the image says nothing.
    imds_support: str | None = None


class VolumeAttachment(Shape):
    """Where a volume is attached; without an instance where an AWS service's resource holds it."""

    instance_id: str | None = None


class Volume(Resource):
    """An EBS volume."""

    service, cfn_type = "ec2", "AWS::EC2::Volume"
    listing = Listing("DescribeVolumes", at="Volumes", params={"MaxResults": 1000})
    arn_format = "arn:{partition}:ec2:{region}:{account}:volume/{volume_id}"
    id_field = "volume_id"

    volume_id: str
    state: str
    create_time: Timestamp
    encrypted: bool
    attachments: tuple[VolumeAttachment, ...]
    operator: Operator | None = None


class FastSnapshotRestore(Shape):
    """Fast restore of a snapshot in one Availability Zone; a time is absent until that state is reached."""

    availability_zone: str
    state: str
    owner_id: str | None = None
    enabling_time: Timestamp | None = None
    optimizing_time: Timestamp | None = None
    enabled_time: Timestamp | None = None

    @property
    def since(self) -> datetime | None:
        """Since when it costs money: the latest state that it reached on its way to enabled."""
        return self.enabled_time or self.optimizing_time or self.enabling_time


class Snapshot(Resource):
    """An EBS snapshot that the account owns."""

    service, cfn_type = "ec2", "AWS::EC2::Snapshot"
    listing = Listing("DescribeSnapshots", at="Snapshots", params={"OwnerIds": ["self"], "MaxResults": 1000})
    arn_format = "arn:{partition}:ec2:{region}:{account}:snapshot/{snapshot_id}"  # with the account, as for images
    id_field = "snapshot_id"

    snapshot_id: str
    volume_id: str | None = None
    state: str
    start_time: Timestamp
    encrypted: bool
    fast_restores: Annotated[
        tuple[FastSnapshotRestore, ...],
        Join("DescribeFastSnapshotRestores", at="FastSnapshotRestores", key="SnapshotId", field="snapshot_id"),
    ]


class CreateVolumePermission(Shape):
    """Who may make volumes of a snapshot: an account, or the group `all`."""

    group: str | None = None


class PublicSnapshot(Resource):
    """An own snapshot that EC2 lists as restorable by everyone: few or none, so only these are asked for details."""

    service, cfn_type = "ec2", "AWS::EC2::Snapshot"
    listing = Listing(
        "DescribeSnapshots",
        at="Snapshots",
        params={"OwnerIds": ["self"], "RestorableByUserIds": ["all"], "MaxResults": 1000},
    )
    arn_format = Snapshot.arn_format
    id_field = "snapshot_id"

    snapshot_id: str
    create_volume_permissions: Annotated[
        tuple[CreateVolumePermission, ...],
        Call(
            "DescribeSnapshotAttribute",
            at="CreateVolumePermissions",
            const={"Attribute": "createVolumePermission"},
            SnapshotId="snapshot_id",
        ),
    ]
