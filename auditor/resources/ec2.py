"""EC2's computing: instances, launch templates, images, and EBS volumes and snapshots. The network is in vpc.py."""

from datetime import datetime
from typing import Annotated

from auditor.fetch import Call, Join, Listing, Metric
from auditor.model import Resource, Shape, Timestamp
from auditor.resources.ec2_instance import (
    CreditSpecification,
    InstanceBlockDevice,
    InstanceHealth,
    InstanceImage,
    InstanceNetworkInterface,
    InstanceProfileLink,
    InstanceState,
    InstanceTypeInfo,
    MetadataOptions,
    MonitoringState,
    Placement,
    ProductCode,
)
from auditor.secrets import ScannedUserData

# The states in which an instance exists: shutting-down and terminated are on their way out of the listing.
LIVE = ("pending", "running", "stopping", "stopped")


class Operator(Shape):
    """The AWS service that runs a resource in the account's stead (EKS Auto Mode), where `managed` is true."""

    managed: bool | None = None
    principal: str | None = None


BURSTABLE = ("t2", "t3", "t3a", "t4g")
# Tags of nodes that Karpenter and EMR launch by themselves, without an Auto Scaling group, and replace.
REPLACED = ("karpenter.sh/nodepool", "karpenter.sh/provisioner-name", "aws:elasticmapreduce:job-flow-id")


class Instance(Resource):
    """An EC2 instance."""

    service, cfn_type = "ec2", "AWS::EC2::Instance"
    listing = Listing("DescribeInstances", at="Reservations.Instances", params={"MaxResults": 1000})
    arn_format = "arn:{partition}:ec2:{region}:{account}:instance/{instance_id}"
    id_field = "instance_id"

    instance_id: str
    state: InstanceState
    instance_type: str
    image_id: str | None = None
    launch_time: Timestamp  # the latest start, not the first
    state_transition_reason: str | None = None
    platform_details: str | None = None
    placement: Placement | None = None
    instance_lifecycle: str | None = None  # absent: On-Demand; else "spot", "scheduled" or "capacity-block"
    monitoring: MonitoringState
    operator: Operator | None = None
    metadata_options: MetadataOptions | None = None
    iam_instance_profile: InstanceProfileLink | None = None
    key_name: str | None = None
    product_codes: tuple[ProductCode, ...] = ()
    root_device_type: str | None = None  # "ebs" or "instance-store"
    root_device_name: str | None = None
    block_device_mappings: tuple[InstanceBlockDevice, ...] = ()
    ebs_optimized: bool
    public_ip_address: str | None = None
    network_interfaces: tuple[InstanceNetworkInterface, ...]
    type_info: Annotated[
        tuple[InstanceTypeInfo, ...],
        Join(
            "DescribeInstanceTypes", at="InstanceTypes", key="InstanceType", field="instance_type",
            ids="InstanceTypes", size=100,
        ),
    ]  # fmt: skip
    # Without ids EC2 lists those that are unlimited; an instance that is not among them is `standard`.
    credits: Annotated[
        tuple[CreditSpecification, ...],
        Join(
            "DescribeInstanceCreditSpecifications", at="InstanceCreditSpecifications", key="InstanceId",
            field="instance_id", const={"MaxResults": 1000},
        ),
    ]  # fmt: skip
    # Only of instances that run.
    health: Annotated[
        tuple[InstanceHealth, ...],
        Join(
            "DescribeInstanceStatus", at="InstanceStatuses", key="InstanceId", field="instance_id",
            const={"MaxResults": 1000},
        ),
    ]  # fmt: skip
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
    # None where nobody is asked: something replaces the instance anyway, or an AWS service runs it.
    termination_protected: Annotated[
        bool | None,
        Call(
            "DescribeInstanceAttribute",
            at="DisableApiTermination.Value",
            const={"Attribute": "disableApiTermination"},
            when=lambda instance: instance.live and not instance.managed and instance.stands_alone,
            InstanceId="instance_id",
        ),
    ]
    # Two weeks, day by day.
    cpu_utilization: Annotated[
        tuple[float, ...],
        Metric(
            "AWS/EC2", "CPUUtilization", statistic="Average", period=86400, days=14,
            when=lambda instance: instance.running, InstanceId="instance_id",
        ),
    ]  # fmt: skip
    network_in: Annotated[
        tuple[float, ...],
        Metric(
            "AWS/EC2", "NetworkIn", statistic="Sum", period=86400, days=14,
            when=lambda instance: instance.running, InstanceId="instance_id",
        ),
    ]  # fmt: skip
    network_out: Annotated[
        tuple[float, ...],
        Metric(
            "AWS/EC2", "NetworkOut", statistic="Sum", period=86400, days=14,
            when=lambda instance: instance.running, InstanceId="instance_id",
        ),
    ]  # fmt: skip
    metadata_no_token: Annotated[
        tuple[float, ...],
        Metric(
            "AWS/EC2", "MetadataNoToken", statistic="Sum", period=86400, days=14,
            when=lambda instance: instance.live and not instance.managed, InstanceId="instance_id",
        ),
    ]  # fmt: skip
    cpu_credit_balance: Annotated[
        tuple[float, ...],
        Metric(
            "AWS/EC2", "CPUCreditBalance", statistic="Minimum", period=86400, days=14,
            when=lambda instance: instance.running and instance.burstable, InstanceId="instance_id",
        ),
    ]  # fmt: skip
    cpu_surplus_credits_charged: Annotated[
        tuple[float, ...],
        Metric(
            "AWS/EC2", "CPUSurplusCreditsCharged", statistic="Sum", period=86400, days=14,
            when=lambda instance: instance.running and instance.burstable, InstanceId="instance_id",
        ),
    ]  # fmt: skip

    @property
    def running(self) -> bool:
        """Whether it runs now."""
        return self.state.name == "running"

    @property
    def auto_scaled(self) -> bool:
        """Whether an Auto Scaling group made it, and would replace it."""
        return "aws:autoscaling:groupName" in (self.tags or {})

    @property
    def stands_alone(self) -> bool:
        """Whether nothing replaces it: no Auto Scaling group, no cluster, no request for Spot instances."""
        return not self.auto_scaled and not self.of_cluster and self.instance_lifecycle != "spot"

    @property
    def of_cluster(self) -> bool:
        """Whether it is a node that its cluster made, and would replace."""
        return any(tag in (self.tags or {}) for tag in REPLACED)

    @property
    def family(self) -> str:
        """What comes before the size: "t3" of "t3.micro"."""
        return self.instance_type.partition(".")[0]

    @property
    def burstable(self) -> bool:
        """Whether it lives on CPU credits."""
        return self.family in BURSTABLE

    @property
    def live(self) -> bool:
        """Whether the instance exists still."""
        return self.state.name in LIVE

    @property
    def managed(self) -> bool:
        """Whether an AWS service runs it, and nobody in the account can change it."""
        return bool(self.operator and self.operator.managed)


class TemplateDisk(Shape):
    """An EBS volume that a template asks for; without a word on encryption, the snapshot and the region decide."""

    encrypted: bool | None = None
    snapshot_id: str | None = None


class TemplateBlockDevice(Shape):
    """A device that a template maps: a volume, an instance store volume (`virtual_name`), or none (`no_device`)."""

    device_name: str | None = None
    ebs: TemplateDisk | None = None
    virtual_name: str | None = None
    no_device: str | None = None


class TemplateMarket(Shape):
    """How an instance is bought: `spot` or `capacity-block`."""

    market_type: str | None = None


class TemplateInterface(Shape):
    """A network interface that a template asks for; without a word on public addresses, its subnet decides."""

    associate_public_ip_address: bool | None = None
    groups: tuple[str, ...] = ()


class TemplateProfile(Shape):
    """The instance profile of a launch template, by one of its names."""

    arn: str | None = None
    name: str | None = None


class LaunchTemplateData(Shape):
    """What a version of a launch template says; a member that it leaves out is decided at launch."""

    image_id: str | None = None
    key_name: str | None = None
    block_device_mappings: tuple[TemplateBlockDevice, ...] = ()
    metadata_options: MetadataOptions | None = None
    user_data: ScannedUserData | None = None
    instance_market_options: TemplateMarket | None = None  # absent: on demand
    network_interfaces: tuple[TemplateInterface, ...] = ()
    security_group_ids: tuple[str, ...] = ()
    iam_instance_profile: TemplateProfile | None = None


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


class ImageDisk(Shape):
    """The snapshot of which a volume is made for each instance of an image."""

    snapshot_id: str | None = None
    encrypted: bool | None = None


class ImageBlockDevice(Shape):
    """A device that an image maps."""

    device_name: str | None = None
    ebs: ImageDisk | None = None


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
    creation_date: Timestamp | None = None
    last_launched_time: Timestamp | None = None  # absent: never, or before EC2 kept it; a day behind
    block_device_mappings: tuple[ImageBlockDevice, ...] = ()
    # "v2.0" where instances get IMDSv2 unless something else decides; absent where the image says nothing.
    imds_support: str | None = None

    @property
    def snapshot_ids(self) -> tuple[str, ...]:
        """The snapshots that it is made of."""
        disks = [device.ebs for device in self.block_device_mappings]
        return tuple(disk.snapshot_id for disk in disks if disk is not None and disk.snapshot_id)


class VolumeAttachment(Shape):
    """Where a volume is attached; without an instance where an AWS service's resource holds it."""

    instance_id: str | None = None


class VolumeStatusInfo(Shape):
    """`ok`, `warning` (slower than it should be), `impaired` or, while the checks run, `insufficient-data`."""

    status: str


class VolumeAction(Shape):
    """What the owner has to do to get at the data again (`enable-volume-io`)."""

    code: str


class VolumeHealth(Shape):
    """The status checks of a volume."""

    volume_status: VolumeStatusInfo
    actions: tuple[VolumeAction, ...] = ()


def _sums(metric: str) -> Metric:
    """How often something happened, hour by hour, to the volumes whose provisioned IOPS are paid for."""
    return Metric(
        "AWS/EBS", metric, statistic="Sum", period=3600, days=14,
        when=lambda volume: volume.pays_for_iops, VolumeId="volume_id",
    )  # fmt: skip


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
    size: int  # GiB
    volume_type: str
    iops: int | None = None  # absent for types that have no figure of their own
    multi_attach_enabled: bool | None = None  # absent where a type cannot be attached more than once
    attachments: tuple[VolumeAttachment, ...]
    operator: Operator | None = None
    health: Annotated[
        tuple[VolumeHealth, ...],
        Join(
            "DescribeVolumeStatus", at="VolumeStatuses", key="VolumeId", field="volume_id", const={"MaxResults": 1000}
        ),
    ]
    burst_balance: Annotated[
        tuple[float, ...],
        Metric(
            "AWS/EBS", "BurstBalance", statistic="Minimum", period=86400, days=14,
            when=lambda volume: volume.volume_type == "gp2" and volume.size < 1000, VolumeId="volume_id",
        ),
    ]  # fmt: skip
    read_ops: Annotated[tuple[float, ...], _sums("VolumeReadOps")]
    write_ops: Annotated[tuple[float, ...], _sums("VolumeWriteOps")]

    @property
    def pays_for_iops(self) -> bool:
        """Whether more IOPS were ordered than come with the capacity."""
        return self.volume_type in ("io1", "io2") or (self.volume_type == "gp3" and (self.iops or 0) > 3000)


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
    storage_tier: str | None = None
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


class KeyPair(Resource):
    """A key for SSH, of which EC2 keeps the public half."""

    service, cfn_type = "ec2", "AWS::EC2::KeyPair"
    listing = Listing("DescribeKeyPairs", at="KeyPairs")
    arn_format = "arn:{partition}:ec2:{region}:{account}:key-pair/{key_pair_id}"
    id_field = "key_pair_id"
    name_field = "key_name"

    key_pair_id: str
    key_name: str
