"""EC2's computing: the metadata service, user data, images, and instances that face the internet."""

from collections.abc import Iterable, Iterator
from ipaddress import IPv6Address
from typing import Any

from auditor.analysis.instances import why_not_judged
from auditor.analysis.network import (
    GLOBAL_UNICAST,
    Opening,
    Port,
    each_readable,
    is_blocked,
    subnet_reaches_internet,
    unlisted,
    world_openings_to,
)
from auditor.analysis.reach import Chain, chains_to_interface, summary
from auditor.analysis.regions import low_where_none
from auditor.findings import Severity
from auditor.inventory import Inventory
from auditor.resources.account import InstanceMetadataDefaults, Region
from auditor.resources.ec2 import Image, Instance, LaunchTemplate, LaunchTemplateData
from auditor.resources.ec2_instance import InstanceNetworkInterface
from auditor.resources.vpc import NetworkInterface
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule, seen, unknown
from auditor.secrets import Scanned

# Owners of widely used images beside Amazon and the Marketplace: Canonical, Debian, Red Hat, SUSE, as each says on its
# own pages of where to find its images. In China and in GovCloud they use other accounts: name those in auditor.toml.
TRUSTED_ACCOUNT_IDS = ("099720109477", "136693071363", "309956199498", "013907871322")
HTTP = Port("tcp", 80)


# --- Instance metadata service


@rule(
    severity=Severity.HIGH,
    controls=(
        "SecurityHub EC2.8",
        "CIS-3.0 5.6",
        "CIS-5.0 5.7",
        "PCI-4.0 8.2.8.4",
        "NIST-800-53-r5 ac_2_6 ac_3 ac_3_3 ac_3_3_a ac_3_3_b_1 ac_3_3_b_2 ac_3_3_b_3 ac_3_3_b_4 ac_3_3_b_5 ac_3_3_c",
        "NIST-800-53-r5 ac_3_4 ac_3_4_a",
        "ISO-27001-2022 A.8.20 A.8.21 A.8.22",
    ),
    notes="EC2 Instance Metadata (IMDS)",
)
def ec2_instance_imdsv2_required(instance: Instance) -> Verdict:
    """EC2 instances answer metadata requests only with a session token (IMDSv2).

    Risk: an application that can be made to fetch a URL hands out the credentials of the instance's role, since a
        plain GET is all that version 1 asks for.
    Fix: aws ec2 modify-instance-metadata-options --region {region} --instance-id {id} --http-tokens required
    """
    if reason := why_not_judged(instance):
        return not_applicable(reason)
    options = instance.metadata_options
    endpoint, tokens = (options.http_endpoint, options.http_tokens) if options else (None, None)
    evidence: dict[str, Any] = {"http_endpoint": endpoint, "http_tokens": tokens}
    if endpoint == "disabled":
        return passed("The metadata service is off", **evidence)
    if tokens == "required":
        return passed("Metadata requests need a session token", **evidence)
    return failed("The instance answers metadata requests without a session token (IMDSv1)", **evidence)


@rule(
    severity=Severity.MEDIUM,
    controls=("ISO-27001-2022 A.8.20 A.8.21 A.8.22",),
    notes="EC2 Instance Metadata (IMDS)",
)
def ec2_account_imdsv2_default_required(region: Region, inventory: Inventory) -> Verdict:
    """The account's default for new instances is to require IMDSv2, in every region.

    Risk: whoever launches an instance and does not think of its metadata options gets one that accepts IMDSv1.
    Fix: aws ec2 modify-instance-metadata-defaults --region {region} --http-tokens required
    """
    defaults = region.instance_metadata_defaults or InstanceMetadataDefaults()
    evidence: dict[str, Any] = {
        "http_tokens": defaults.http_tokens or "no-preference",
        "http_tokens_enforced": defaults.http_tokens_enforced,
        "managed_by": defaults.managed_by,
    }
    if defaults.http_tokens != "required":
        severity = low_where_none(inventory, Instance, region.region)
        return failed("New instances accept IMDSv1 unless their launch says otherwise", severity=severity, **evidence)
    if defaults.http_tokens_enforced == "enabled":
        return passed("New instances require IMDSv2, and no launch may ask for less", **evidence)
    return passed("New instances require IMDSv2 unless their launch asks for less", **evidence)


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub EC2.170", "ISO-27001-2022 A.8.20 A.8.21 A.8.22"),
    notes="EC2 Instance Metadata (IMDS)",
)
def ec2_launch_template_imdsv2_required(template: LaunchTemplate, inventory: Inventory) -> Verdict:
    """Launch templates start instances that require IMDSv2.

    Risk: every instance that an Auto Scaling group or a colleague starts from the template's default version accepts
        version 1, under which a forged request reads the credentials of the role. Other versions being right does not
        help: the default is what is used.
    Fix: aws ec2 modify-launch-template --region {region} --launch-template-id {id}
        --default-version "$(aws ec2 create-launch-template-version --region {region} --launch-template-id {id}
        --source-version '$Default' --launch-template-data '{"MetadataOptions":{"HttpTokens":"required"}}'
        --query LaunchTemplateVersion.VersionNumber --output text)"
    """
    if template.operator and template.operator.managed:
        return not_applicable("an AWS service keeps this template, and only it can change it")
    version = next((version for version in template.versions if version.default_version), None)
    if version is None:
        return unknown("EC2 did not give the template's default version")
    evidence: dict[str, Any] = {"version": version.version_number}
    options = version.launch_template_data.metadata_options
    if options and options.http_endpoint:
        evidence["http_endpoint"] = options.http_endpoint
    if options and options.http_endpoint == "disabled":
        return passed("The default version turns the metadata service off", **evidence)
    if options and options.http_tokens:
        evidence["http_tokens"] = options.http_tokens
        if options.http_tokens == "required":
            return passed("The default version requires IMDSv2", **evidence)
        return failed("The default version allows IMDSv1, whatever the account's default is", **evidence)
    return _left_open(template, version.launch_template_data, inventory, evidence)


def _left_open(
    template: LaunchTemplate, data: LaunchTemplateData, inventory: Inventory, evidence: dict[str, Any]
) -> Verdict:
    """A template that does not say whether tokens are required: the account's default decides, then the image."""
    region = inventory.find(Region, "region_name", template.region)
    if region is None:
        return unknown("The account's default for this region is not known", **evidence)
    defaults = region.instance_metadata_defaults or InstanceMetadataDefaults()
    if defaults.http_endpoint == "disabled" and "http_endpoint" not in evidence:
        return passed("The template does not say, and the account's default turns the service off", **evidence)
    default = defaults.http_tokens
    evidence["account_default"] = default or "no-preference"
    if default == "required":
        return passed("The template does not say, and the account's default requires IMDSv2", **evidence)
    image_id = data.image_id
    if default is None and image_id and image_id.startswith("ami-"):
        evidence["image"] = image_id
        image = inventory.find(Image, "image_id", image_id, region=template.region)
        if image is not None and image.imds_support == "v2.0":
            return passed("Neither template nor account says, and the image requires IMDSv2", **evidence)
    return failed("The default version does not require IMDSv2, and neither does the account's default", **evidence)


# --- User data


@rule(
    severity=Severity.HIGH,
    controls=("ISO-27001-2022 A.8.20 A.8.21 A.8.22",),
    notes="User Data",
)
def ec2_instance_user_data_no_secrets(instance: Instance) -> Verdict:
    """The user data of EC2 instances holds no secrets.

    Risk: everyone who may describe the instance, and every process on it, can read the script with the password or
        key in it.
    Fix: Replace the secret where it is valid, keep the new one in Secrets Manager and let the script fetch it with
        the instance's role (base64 of that script in user-data.txt). Then:
    aws ec2 stop-instances --region {region} --instance-ids {id}
    aws ec2 wait instance-stopped --region {region} --instance-ids {id}
    aws ec2 modify-instance-attribute --region {region} --instance-id {id} --attribute userData
        --value file://user-data.txt
    aws ec2 start-instances --region {region} --instance-ids {id}
    """
    if reason := why_not_judged(instance):
        return not_applicable(reason)
    scanned = instance.user_data
    if scanned is None:
        return passed("The instance has no user data")
    if scanned.matches:
        return failed(
            "The user data holds what looks like secrets",
            severity=_severity([scanned]), sha256=scanned.digest, secrets=_where(scanned),
        )  # fmt: skip
    if scanned.unread:
        return unknown(f"A part of the user data could not be judged: {scanned.unread}", sha256=scanned.digest)
    return passed("No secret was found in the user data", sha256=scanned.digest)


@rule(
    severity=Severity.HIGH,
    controls=("ISO-27001-2022 A.8.20 A.8.21 A.8.22",),
    notes="User Data; Auto Scaling Group Attributes",
)
def ec2_launch_template_user_data_no_secrets(template: LaunchTemplate) -> Verdict:
    """The user data of launch templates holds no secrets, in any version.

    Risk: everyone who may describe launch templates can read the script with the password or key in it, and old
        versions stay readable until they are deleted.
    Fix: Replace the secret where it is valid, keep the new one in Secrets Manager and publish a version whose script
        fetches it. Then delete each version that the finding names:
    aws ec2 delete-launch-template-versions --region {region} --launch-template-id {id} --versions VERSION
    """
    data = {v.version_number: v.launch_template_data for v in (*template.versions, *template.all_versions)}
    scripts = {number: each.user_data for number, each in data.items() if each.user_data is not None}
    guilty = {number: scanned for number, scanned in sorted(scripts.items()) if scanned.matches}
    if guilty:
        numbers = ", ".join(map(str, guilty))
        return failed(
            f"The user data of version{'s' if len(guilty) > 1 else ''} {numbers} holds what looks like secrets",
            severity=_severity(guilty.values()),
            versions=list(guilty),
            secrets={str(number): _where(scanned) for number, scanned in guilty.items()},
        )
    if template.default_version_number not in data:
        return unknown("EC2 did not give the template's default version")
    unread = {number: scanned.unread for number, scanned in sorted(scripts.items()) if scanned.unread}
    if unread:
        number, why = next(iter(unread.items()))
        return unknown(f"User data could not be judged: in version {number}, {why}", versions=list(unread))
    return passed("No secret was found in any version's user data" if scripts else "No version has user data")


@rule(severity=Severity.MEDIUM, notes="User Data (downloading files from the internet)")
def ec2_instance_user_data_downloads_over_https(instance: Instance) -> Verdict:
    """The user data of EC2 instances fetches nothing over plain HTTP.

    Risk: whoever sits between the instance and the server hands it another file, which the script then runs as root.
        What a package manager fetches is signed, as a rule, and counts less.
    Fix: Change http:// to https:// in the script (base64 of it in user-data.txt), or check what was fetched. Then:
    aws ec2 stop-instances --region {region} --instance-ids {id}
    aws ec2 wait instance-stopped --region {region} --instance-ids {id}
    aws ec2 modify-instance-attribute --region {region} --instance-id {id} --attribute userData
        --value file://user-data.txt
    aws ec2 start-instances --region {region} --instance-ids {id}
    """
    if reason := why_not_judged(instance):
        return not_applicable(reason)
    scanned = instance.user_data
    if scanned is None:
        return passed("The instance has no user data")
    fetched = sorted({each.host for each in scanned.downloads if not each.mirror})
    if fetched:
        return failed("The user data fetches files over plain HTTP", sha256=scanned.digest, hosts=fetched)
    if scanned.unread:
        return unknown(f"A part of the user data could not be judged: {scanned.unread}", sha256=scanned.digest)
    if mirrors := sorted({each.host for each in scanned.downloads}):
        said = "The user data has packages fetched over plain HTTP, which only their signatures protect"
        return failed(said, severity=Severity.LOW, sha256=scanned.digest, hosts=mirrors)
    return passed("The user data fetches nothing over plain HTTP", sha256=scanned.digest)


def _severity(scripts: Iterable[Scanned]) -> Severity | None:
    """Critical where whoever reads the script can use what is in it at once; None is the rule's own."""
    usable = any(match.critical for scanned in scripts for match in scanned.matches)
    return Severity.CRITICAL if usable else None


def _where(scanned: Scanned) -> list[dict[str, str | int]]:
    """Where the secrets are, without them."""
    return [{"pattern": match.pattern, "line": match.line, "name": match.masked} for match in scanned.matches]


# --- Images


@rule(severity=Severity.HIGH, notes="AMI (own, AWS or Marketplace)")
def ec2_instance_image_owner_trusted(
    instance: Instance, *, trusted_account_ids: tuple[str, ...] = TRUSTED_ACCOUNT_IDS
) -> Verdict:
    """EC2 instances were launched from images whose owner is trusted.

    Risk: whoever publishes an image decides what runs on it: look-alikes of well-known images carry miners and back
        doors, and whoever launches the newest match of a name gets one.
    Fix: Launch a replacement from an image of yours, of Amazon or of the Marketplace, or add the owner to
        trusted_account_ids in auditor.toml. Then:
    aws ec2 terminate-instances --region {region} --instance-ids {id}
    """
    if reason := why_not_judged(instance):
        return not_applicable(reason)
    image = next((found.image_metadata for found in instance.launched_from), None)
    if image is None or image.owner_id is None:
        return unknown("EC2 does not say whose image the instance was launched from")
    evidence: dict[str, Any] = {"image": image.image_id, "owner": image.owner_id, "public": image.is_public}
    if image.owner_id == instance.account:
        return passed("The image is the account's own", **evidence)
    if image.image_owner_alias in ("amazon", "aws-marketplace", "aws-backup-vault"):
        return passed(f"The image comes from {image.image_owner_alias}", **evidence)
    if image.owner_id in trusted_account_ids:
        return passed("The image's owner is trusted", **evidence)
    if image.is_public is False:
        message = f"The image was shared by account {image.owner_id}, which is not known to be trusted"
        return failed(message, severity=Severity.MEDIUM, **evidence)
    return failed(f"The image was published by account {image.owner_id}, which is not known to be trusted", **evidence)


@rule(severity=Severity.CRITICAL, controls=("ISO-27001-2022 A.8.1",), notes="AMI")
def ec2_image_not_public(image: Image) -> Verdict:
    """Images that the account owns are not shared with everyone.

    Risk: anyone with an AWS account can launch the image and read all that is on its disks.
    Fix: aws ec2 modify-image-attribute --region {region} --image-id {id} --launch-permission "Remove=[{Group=all}]"
    """
    if image.public:
        return failed("Everyone may launch this image", public=True)
    return passed("Only the account, and whom it names, may launch this image", public=False)


@rule(severity=Severity.MEDIUM, notes="AMI")
def ec2_account_image_block_public_access_enabled(region: Region, inventory: Inventory) -> Verdict:
    """Public sharing of images is blocked, in every region.

    Risk: one call, or one wrong click, publishes a disk image of yours to everyone.
    Fix: aws ec2 enable-image-block-public-access --region {region} --image-block-public-access-state block-new-sharing
    """
    state = region.image_block_public_access
    if state == "block-new-sharing":
        return passed("Images cannot be made public", state=state)
    severity = low_where_none(inventory, Image, region.region)
    return failed("Images can be made public", severity=severity, state=state)


# --- Instances that face the internet


@rule(severity=Severity.MEDIUM, notes="Classic ports to know")
def ec2_instance_http_not_public(instance: Instance, inventory: Inventory) -> Verdict:
    """EC2 instances do not serve unencrypted HTTP to the internet themselves.

    Risk: what visitors send, passwords and session cookies included, crosses the internet in the clear, and every
        flaw of the web server is within everyone's reach.
    Fix: Put a load balancer or CloudFront in front that redirects to HTTPS, and close the port:
    aws ec2 describe-security-group-rules --region {region} --filters Name=group-id,Values=GROUP
        --query 'SecurityGroupRules[?!IsEgress && (CidrIpv4==`"0.0.0.0/0"` || CidrIpv6==`"::/0"`)]'
    aws ec2 revoke-security-group-ingress --region {region} --group-id GROUP --security-group-rule-ids RULE_IDS
    """
    if not instance.live:
        return not_applicable(f"the instance is {instance.state.name}")
    exposed = [interface for interface in instance.network_interfaces if _versions(interface)]
    unplaced = instance.public_ip_address and not any(each.public_ips for each in exposed)
    if not exposed and not unplaced:
        return passed("The instance has no address that the internet could reach")

    def reached(interface: InstanceNetworkInterface) -> Iterator[tuple[InstanceNetworkInterface, Opening]]:
        groups = [group.group_id for group in interface.groups]
        for opening in world_openings_to(groups, HTTP, inventory, region=instance.region):
            if opening.source.version in _versions(interface):
                yield interface, opening

    found = seen(each_readable(exposed, reached))
    if not found and unplaced:
        said = "EC2 does not say which network interface has the public address"
        return unknown(said, public_ip=instance.public_ip_address)
    if not found:
        return passed("No security group lets the internet in to port 80")
    interface, opening = found[0]
    return failed(
        "Port 80 of the instance is open to the internet",
        severity=_low_where_blocked({each.network_interface_id for each, _ in found}, inventory, instance.region),
        network_interface=interface.network_interface_id,
        **opening.evidence(),
        **summary(_chains({each.network_interface_id for each, _ in found}, inventory, instance.region)),
    )


def _chains(interface_ids: set[str], inventory: Inventory, region: str) -> Iterator[Chain]:
    """The ways by which the internet reaches port 80 of these network interfaces."""

    def of_interface(interface_id: str) -> Iterator[Chain]:
        interface = inventory.find(NetworkInterface, "network_interface_id", interface_id, region=region)
        if interface is None:
            raise unlisted(NetworkInterface, interface_id, inventory, region)
        return chains_to_interface(interface, [HTTP], inventory)

    return each_readable(sorted(interface_ids), of_interface)


def _versions(interface: InstanceNetworkInterface) -> set[int]:
    """The IP versions of which a network interface has an address that is valid on the internet."""
    return ({4} if interface.public_ips else set()) | ({6} if _global_ipv6(interface) else set())


def _global_ipv6(interface: InstanceNetworkInterface) -> list[str]:
    addresses = [address.ipv6_address for address in interface.ipv6_addresses]
    return [address for address in addresses if IPv6Address(address) in GLOBAL_UNICAST]


def _low_where_blocked(interface_ids: set[str], inventory: Inventory, region: str) -> Iterator[Severity]:
    """Low while VPC Block Public Access keeps the internet from each of these network interfaces."""
    found = [inventory.find(NetworkInterface, "network_interface_id", each, region=region) for each in interface_ids]
    if all(interface is not None and is_blocked(interface, inventory) for interface in found):
        yield Severity.LOW


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub EC2.9",
        "NIST-800-53-r5 ac_2_6 ac_3 ac_3_7 ac_4_21 ac_6 ac_17_b ac_17_1 ac_17_4_a ac_17_9 ac_17_10 mp_2 sc_7_2",
        "ISO-27001-2022 A.8.1 A.8.20 A.8.21 A.8.22",
    ),
    notes="Public vs private IP",
)
def ec2_instance_no_public_ip(instance: Instance, inventory: Inventory) -> Verdict:
    """EC2 instances have no public address.

    Risk: one wrong rule in a security group, and everyone can try the doors of the instance; behind a load balancer
        or a NAT gateway it would have none.
    Fix: Launch a replacement in a private subnet. For an Elastic IP address alone:
    aws ec2 disassociate-address --region {region} --association-id ASSOCIATION
    """
    if not instance.live:
        return not_applicable(f"the instance is {instance.state.name}")
    v4 = [instance.public_ip_address] if instance.public_ip_address else []
    v4 += [ip for interface in instance.network_interfaces for ip in interface.public_ips if ip not in v4]
    if v4:
        return failed("The instance has a public IPv4 address", public_ips=v4)
    with_v6 = [interface for interface in instance.network_interfaces if _global_ipv6(interface)]

    def routed(interface: InstanceNetworkInterface) -> bool:
        return subnet_reaches_internet(
            interface.subnet_id, interface.vpc_id, inventory, region=instance.region, versions=(6,)
        )

    if any_of(routed, with_v6):
        addresses = [address for interface in with_v6 for address in _global_ipv6(interface)]
        return failed("The instance has an IPv6 address that the internet can reach", ipv6_addresses=addresses)
    return passed("The instance has no address that the internet can reach")
