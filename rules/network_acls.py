"""Rules about network ACLs: what they let in, whether answers get out, and whether anything uses them."""

from auditor.analysis import network
from auditor.analysis.network import Network, Port
from auditor.analysis.reach import FIRST_EPHEMERAL, bounds
from auditor.findings import Category, Severity
from auditor.resources.vpc import NetworkAcl, NetworkAclEntry
from auditor.rule import Verdict, failed, not_applicable, passed, rule

TCP = ("6", network.ALL_PROTOCOLS)


def _foreign(acl: NetworkAcl) -> Verdict | None:
    """The verdict about what another account shares with this one: only its owner can change it."""
    if acl.owner_id == acl.account:
        return None
    return not_applicable("It belongs to another account, which shares it", owner_id=acl.owner_id)


@rule(
    severity=Severity.INFORMATIONAL,
    controls=(
        "CIS-3.0 5.1",
        "CIS-5.0 5.2",
        "NIST-800-53-r5 ac_4_21 ac_17_b ac_17_1 ac_17_4_a ac_17_9 ac_17_10 cm_2_a cm_2_2 cm_6_a cm_7_b cm_8_6",
        "NIST-800-53-r5 cm_9_b",
        "ISO-27001-2022 A.8.20 A.8.21 A.8.22",
    ),
    notes="Network ACL",
)
def ec2_network_acl_no_unrestricted_ingress(acl: NetworkAcl) -> Verdict:
    """Network ACLs that guard a subnet do not let everything in from everywhere.

    Risk: such an ACL, which is what every VPC begins with, leaves the security groups as the only line of defence.
    Fix: aws ec2 replace-network-acl-entry --region {region} --network-acl-id {id} --ingress --rule-number NUMBER
        --protocol 6 --port-range From=443,To=443 --cidr-block 0.0.0.0/0 --rule-action allow
    """
    if (foreign := _foreign(acl)) is not None:
        return foreign
    if not acl.associations:
        return not_applicable("The network ACL guards no subnet")
    deciding = [entry for version in (4, 6) if (entry := _first_about_everything(acl, version)) is not None]
    open_ = [entry.model_dump(exclude_none=True) for entry in deciding if entry.rule_action == "allow"]
    if not open_:
        return passed()
    return failed("Everything is let in from everywhere", entries=open_, is_default=acl.is_default)


def _first_about_everything(acl: NetworkAcl, version: int) -> NetworkAclEntry | None:
    """The first entry for what comes in that is about every protocol and all addresses of an IP version."""
    for entry in sorted(acl.entries, key=lambda entry: entry.rule_number):
        if not entry.egress and entry.protocol == network.ALL_PROTOCOLS:
            peer = network.peer_of(entry)
            if peer.version == version and network.is_world(peer):
                return entry
    return None


@rule(severity=Severity.LOW, category=Category.RELIABILITY, notes="Network ACL (stateless)")
def ec2_network_acl_return_traffic_allowed(acl: NetworkAcl) -> Verdict:
    """A network ACL that lets clients in lets the answers out to them, on every ephemeral port.

    Risk: connections hang for some clients and not for others, depending on the port that theirs happened to choose.
    Fix: aws ec2 create-network-acl-entry --region {region} --network-acl-id {id} --egress --rule-number NUMBER
        --protocol 6 --port-range From=1024,To=65535 --cidr-block CIDR --rule-action allow
    """
    if (foreign := _foreign(acl)) is not None:
        return foreign
    if acl.is_default:
        return not_applicable("The default network ACL of a VPC")
    if not acl.associations:
        return not_applicable("The network ACL guards no subnet")
    admitting = [entry for entry in acl.entries if not entry.egress and entry.protocol in TCP]
    mute = [entry for entry in admitting if _lets_in(acl, entry) and not _all_answered(acl, network.peer_of(entry))]
    if not mute:
        return passed()
    return failed(
        "Answers to some of those who are let in are not let out",
        entries=[entry.model_dump(exclude_none=True) for entry in sorted(mute, key=lambda entry: entry.rule_number)],
    )


def _lets_in(acl: NetworkAcl, entry: NetworkAclEntry) -> bool:
    """Whether an entry allows, and none before it denies all of that."""
    span = entry.port_range or {}
    numbers = (span.get("From", 0), span.get("To", network.LAST_PORT))
    return entry.rule_action == "allow" and any(
        network.acl_admits(acl, Port("tcp", number), network.peer_of(entry)) for number in numbers
    )


def _all_answered(acl: NetworkAcl, peer: Network) -> bool:
    """Whether answers to a network are let out on every ephemeral port."""
    numbers = {FIRST_EPHEMERAL, *(number for number in bounds(acl, egress=True) if number >= FIRST_EPHEMERAL)}
    return all(network.acl_admits(acl, Port("tcp", number), peer, egress=True) == (peer,) for number in numbers)


@rule(
    severity=Severity.INFORMATIONAL,
    category=Category.OPERATIONS,
    controls=(
        "SecurityHub EC2.16",
        "PCI-4.0 1.2.8.39 1.3.1.43 1.3.2.43 1.4.2.41 1.5.1.39 A1.1.3.39",
        "ISO-27001-2022 A.8.20 A.8.21 A.8.22",
    ),
    notes="Network ACL",
)
def ec2_network_acl_in_use(acl: NetworkAcl) -> Verdict:
    """Network ACLs that somebody made guard a subnet.

    Risk: a reader takes the entries of an ACL that guards nothing for protection that is there.
    Fix: aws ec2 delete-network-acl --region {region} --network-acl-id {id}
    """
    if (foreign := _foreign(acl)) is not None:
        return foreign
    if acl.is_default:
        return not_applicable("The default network ACL of a VPC cannot be deleted")
    if acl.subnet_ids:
        return passed(subnets=acl.subnet_ids)
    return failed("The network ACL guards no subnet")
