"""The parts of an instance, as EC2 describes them."""

from auditor.model import Shape, Timestamp
from auditor.resources.vpc import Association, GroupIdentifier, Ipv6Address, PrivateIpAddress


class InstanceInterfaceAttachment(Shape):
    """How an interface is attached to its instance."""

    device_index: int | None = None  # 0 for the primary one


class InstanceState(Shape):
    """`pending`, `running`, `shutting-down`, `terminated`, `stopping` or `stopped`."""

    name: str


class MetadataOptions(Shape):
    """How metadata requests are answered. Absent on an instance: EC2's defaults, endpoint enabled, tokens optional.

    Absent in a launch template: decided at launch, by the account's default, then by the image, then by EC2's.
    """

    http_endpoint: str | None = None
    http_tokens: str | None = None
    http_put_response_hop_limit: int | None = None


class InstanceNetworkInterface(Shape):
    """A network interface as its instance shows it."""

    network_interface_id: str
    vpc_id: str
    subnet_id: str
    association: Association | None = None  # absent: no public IPv4 address
    private_ip_addresses: tuple[PrivateIpAddress, ...]
    ipv6_addresses: tuple[Ipv6Address, ...]
    groups: tuple[GroupIdentifier, ...]
    source_dest_check: bool = True  # what EC2 sets unless it was switched off
    attachment: InstanceInterfaceAttachment | None = None

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
    state: str | None = None
    creation_date: Timestamp | None = None
    deprecation_time: Timestamp | None = None  # absent: no day was set


class InstanceImage(Shape):
    """What EC2 knows of the image of one instance."""

    image_metadata: ImageMetadata | None = None


class InstanceDisk(Shape):
    """An EBS volume as its instance shows it."""

    volume_id: str
    delete_on_termination: bool


class InstanceBlockDevice(Shape):
    """A device of an instance; EC2 does not list instance store volumes here."""

    device_name: str
    ebs: InstanceDisk | None = None


class InstanceProfileLink(Shape):
    """The instance profile that an instance was given."""

    arn: str


class Placement(Shape):
    """Where an instance runs, and on whose hardware: `default`, `dedicated` or `host`."""

    availability_zone: str | None = None
    tenancy: str | None = None


class MonitoringState(Shape):
    """`enabled`, `pending`, `disabling` or `disabled`."""

    state: str


class ProductCode(Shape):
    """What a seller charges an instance for: of the Marketplace, or of DevPay once."""

    product_code_id: str
    product_code_type: str | None = None


class EbsSupport(Shape):
    """`default`: always with bandwidth of its own; `supported`: where asked for; or `unsupported`."""

    ebs_optimized_support: str | None = None


class VCpuInfo(Shape):
    """How many vCPUs instances of a type have."""

    default_v_cpus: int


class InstanceTypeInfo(Shape):
    """What EC2 says of an instance type."""

    instance_type: str
    current_generation: bool
    instance_storage_supported: bool
    v_cpu_info: VCpuInfo
    ebs_info: EbsSupport | None = None


class CreditSpecification(Shape):
    """How a burstable instance goes on without credits: `standard` (slower) or `unlimited` (for money)."""

    cpu_credits: str | None = None


class StatusSummary(Shape):
    """`ok`, `impaired`, `insufficient-data`, `not-applicable` or `initializing`."""

    status: str


class StatusEvent(Shape):
    """Something that AWS means to do to an instance. The description begins with a word in brackets once it is over."""

    code: str
    description: str | None = None
    not_before: Timestamp | None = None

    @property
    def over(self) -> bool:
        """Whether it has happened already, or was called off."""
        return (self.description or "").startswith(("[Completed]", "[Canceled]"))


class InstanceHealth(Shape):
    """The status checks of an instance, and what AWS plans for it."""

    instance_status: StatusSummary
    system_status: StatusSummary
    events: tuple[StatusEvent, ...] = ()
