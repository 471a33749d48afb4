"""Who reaches an RDS instance through the network."""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network

from auditor.analysis.network import (
    GLOBAL_UNICAST,
    NOT_INTERNET,
    Network,
    Opening,
    Port,
    admits,
    each_readable,
    group_called,
    openings,
    subnet_reaches_internet,
    world_openings_to,
)
from auditor.analysis.reach import summary
from auditor.analysis.reach_databases import chains_to_database
from auditor.findings import Severity
from auditor.inventory import Inventory
from auditor.resources.rds import FOREIGN, DBInstance
from auditor.resources.vpc import ManagedPrefixList, SecurityGroup, Vpc
from auditor.rule import Verdict, any_of, failed, not_applicable, passed, rule, seen, unknown


@rule(
    severity=Severity.CRITICAL,
    controls=(
        "SecurityHub RDS.2",
        "CIS-3.0 2.3.3",
        "CIS-5.0 2.2.3",
        "PCI-4.0 1.2.8.28 1.3.1.31 1.3.2.31 1.4.2.29 1.5.1.28 10.3.2.15 3.5.1.3.20 A1.1.2.11 A1.1.3.28 A3.4.1.13",
        "NIST-800-53-r5 ac_2_6 ac_3 ac_3_7 ac_4_21 ac_6 ac_17_b ac_17_1 ac_17_4_a ac_17_9 ac_17_10 mp_2 sc_7_2",
        "ISO-27001-2022 A.8.1",
    ),
    notes="RDS & Aurora Security",
)
def rds_instance_not_publicly_accessible(instance: DBInstance, inventory: Inventory) -> Verdict:
    """RDS instances have no public address.

    Risk: with an open security group and a route, anyone may try passwords; with one of them missing, a single slip
      elsewhere does the rest. So it is critical with both, high with one and medium with neither.
    Fix: aws rds modify-db-instance --db-instance-identifier {id} --no-publicly-accessible --apply-immediately
      --region {region}
    """
    if instance.foreign:
        return not_applicable(FOREIGN, engine=instance.engine)
    if not instance.publicly_accessible:
        return passed(publicly_accessible=False)
    return failed(
        "The instance has a public address",
        severity=_exposure(instance, inventory),
        publicly_accessible=True,
        port=instance.endpoint.port if instance.endpoint else None,
        security_groups=_groups(instance),
        subnets=_subnets(instance),
        **summary(chains_to_database(instance, inventory)),
    )


def _exposure(instance: DBInstance, inventory: Inventory) -> Iterator[Severity]:
    """How far the public address can be used: the two other links to the internet are a route and a group."""
    yield Severity.MEDIUM
    routed = any_of(lambda subnet: _is_public(subnet, instance, inventory), _subnets(instance))
    if routed:
        yield Severity.HIGH
    if instance.endpoint is None:  # it has no port yet that a group could admit
        return
    port = Port("tcp", instance.endpoint.port)
    if any(world_openings_to(_groups(instance), port, inventory, region=instance.region)):
        yield Severity.CRITICAL if routed else Severity.HIGH


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub RDS.46",),
    notes="Security & Encryption (deploy to private subnet)",
)
def rds_instance_private_subnets(instance: DBInstance, inventory: Inventory) -> Verdict:
    """RDS instances stand in private subnets.

    Risk: a subnet that routes to the internet leaves a public address and an open group as the only links to a breach.
    Fix: in the template, add private subnets to the SubnetIds of the AWS::RDS::DBSubnetGroup, move the instance into
      one of them (with a standby, by a failover), and take the public ones out.
    """
    subnets = _subnets(instance)
    if not subnets:
        return unknown("AWS names no subnets of the instance")
    public = seen(each_readable(subnets, lambda s: [s] if _is_public(s, instance, inventory) else []))
    if public:
        return failed("The subnet group has subnets that route to the internet", public_subnets=public)
    return passed(subnets=subnets)


@rule(severity=Severity.MEDIUM, notes="RDS security groups; 3-tier architecture")
def rds_instance_security_group_restricted(
    instance: DBInstance, inventory: Inventory, *, ipv4_prefix: int = 24, ipv6_prefix: int = 64
) -> Verdict:
    """RDS instances admit named security groups, not wide or public address ranges.

    Risk: everything that ever gets an address in the range reaches the database, wanted or not.
    Fix: in the template, replace each CidrIp of the security group's rules for the database's port by the
      SourceSecurityGroupId of the application.
    """
    if instance.foreign:
        return not_applicable(FOREIGN, engine=instance.engine)
    if instance.endpoint is None:
        return not_applicable("The instance has no port yet", db_instance_status=instance.db_instance_status)
    port = Port("tcp", instance.endpoint.port)

    def if_wide(group_id: str, opening: Opening) -> Iterator[dict[str, str]]:
        if _is_wide(opening.source, inventory, ipv4_prefix, ipv6_prefix):
            yield {"group": group_id, **opening.evidence()}

    def too_wide(group_id: str) -> Iterator[dict[str, str]]:
        group = group_called(group_id, inventory, region=instance.region)
        admitted = openings(group, inventory, lambda permission: admits(permission, port))
        ranges = each_readable(admitted, lambda opening: if_wide(group_id, opening))
        yield from each_readable((ranges, _aws_lists(group, port, inventory)), lambda found: found)

    groups = _groups(instance)
    if not groups:
        return unknown("AWS names no security group of the instance that is in effect")
    if wide := seen(each_readable(groups, too_wide)):
        return failed(f"Port {port.number} is open to a wide or public range", port=port.number, openings=wide)
    return passed(port=port.number, security_groups=groups)


def _is_wide(source: Network, inventory: Inventory, ipv4_prefix: int, ipv6_prefix: int) -> bool:
    """Whether a source is more than a subnet, or holds public addresses.

    A VPC's own IPv6 addresses look public too: what lies in one of the account's VPCs is none.
    """
    if isinstance(source, IPv4Network):
        private = source.is_link_local or any(source.subnet_of(inside) for inside in NOT_INTERNET)
        return source.prefixlen < ipv4_prefix or not private
    return source.prefixlen < ipv6_prefix or (source.subnet_of(GLOBAL_UNICAST) and not _in_a_vpc(source, inventory))


def _in_a_vpc(source: IPv6Network, inventory: Inventory) -> bool:
    blocks = (block.ipv6_cidr_block for vpc in inventory.each(Vpc) for block in vpc.ipv6_cidr_block_association_set)
    return any(source.subnet_of(IPv6Network(block)) for block in blocks if block)


def _aws_lists(group: SecurityGroup, port: Port, inventory: Inventory) -> Iterator[dict[str, str]]:
    """AWS's own prefix lists that a group admits: they hold public addresses, but for Lattice's link-local ones."""
    named = (each for p in group.ip_permissions if admits(p, port) for each in p.prefix_list_ids)
    for each in named:
        found = inventory.find(ManagedPrefixList, "prefix_list_id", each.prefix_list_id, region=group.region)
        if found is not None and found.by_aws and "vpc-lattice" not in (found.prefix_list_name or ""):
            source = found.prefix_list_name or found.prefix_list_id
            yield {"group": group.group_id, "source": source, "prefix_list": found.prefix_list_id}


def _groups(instance: DBInstance) -> list[str]:
    """The security groups that are in effect."""
    return [group.vpc_security_group_id for group in instance.vpc_security_groups if group.status == "active"]


def _subnets(instance: DBInstance) -> list[str]:
    group = instance.db_subnet_group
    return [subnet.subnet_identifier for subnet in group.subnets] if group else []


def _is_public(subnet_id: str, instance: DBInstance, inventory: Inventory) -> bool:
    vpc_id = instance.db_subnet_group.vpc_id if instance.db_subnet_group else ""
    return subnet_reaches_internet(subnet_id, vpc_id, inventory, region=instance.region)
