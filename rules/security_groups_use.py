"""Rules about how security groups are kept: what they let out, what uses them, and how tidy they are."""

from collections.abc import Iterator

from auditor.analysis import network
from auditor.analysis.network import Port
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.autoscaling import LaunchConfiguration
from auditor.resources.ec2 import LaunchTemplate, LaunchTemplateVersion
from auditor.resources.ecs import EcsService
from auditor.resources.lambda_ import Function
from auditor.resources.vpc import IpPermission, SecurityGroup
from auditor.rule import Verdict, failed, not_applicable, passed, rule

SSH = Port("tcp", 22)
DEFAULT = "default"
WIZARD = "launch-wizard-"


def _foreign(group: SecurityGroup) -> Verdict | None:
    """The verdict about a group that another account shares with this one: only its owner can change it."""
    if group.owner_id == group.account:
        return None
    return not_applicable("Another account owns the group", owner_id=group.owner_id)


@rule(severity=Severity.INFORMATIONAL, notes="Security groups (default behaviour)")
def ec2_security_group_egress_restricted(group: SecurityGroup, inventory: Inventory) -> Verdict:
    """Security groups that are in use let out only what is needed, not everything to everywhere.

    Risk: who breaks into a machine fetches tools and carries data away by any protocol, to any address.
    Fix: aws ec2 authorize-security-group-egress --region {region} --group-id {id} --protocol tcp --port 443
        --cidr 0.0.0.0/0
    aws ec2 revoke-security-group-egress --region {region} --group-id {id} --protocol=-1 --cidr 0.0.0.0/0
    """
    if (foreign := _foreign(group)) is not None:
        return foreign
    wide = [cidr for permission in group.ip_permissions_egress for cidr in _world(permission)]
    if not wide:
        return passed()
    if next(network.interfaces_with(group, inventory), None) is None:
        return not_applicable("Nothing carries the group")
    return failed("Everything is let out to everywhere", destinations=sorted(set(wide)))


def _world(permission: IpPermission) -> Iterator[str]:
    """All of IPv4 or IPv6, where a rule is about every protocol and names it."""
    if permission.ip_protocol == network.ALL_PROTOCOLS:
        cidrs = [*(v4.cidr_ip for v4 in permission.ip_ranges), *(v6.cidr_ipv6 for v6 in permission.ipv6_ranges)]
        yield from (cidr for cidr in cidrs if network.is_world(network.network(cidr)))


@rule(severity=Severity.INFORMATIONAL, notes="Security groups")
def ec2_security_group_ssh_rule_dedicated(group: SecurityGroup) -> Verdict:
    """SSH is let in by a group of its own, apart from what the application needs.

    Risk: whoever opens a group for the application tends to open administration with it, and nobody can take SSH away
        from one machine without touching the rest.
    Fix: aws ec2 create-security-group --region {region} --group-name ssh --description SSH --vpc-id VPC_ID
    aws ec2 revoke-security-group-ingress --region {region} --group-id {id} --security-group-rule-ids SSH_RULE_ID
    """
    if (foreign := _foreign(group)) is not None:
        return foreign
    others = [permission for permission in group.ip_permissions if not _only_from(permission, group.group_id)]
    admitting = [permission for permission in others if network.admits(permission, SSH)]
    if not admitting:
        return passed()
    if all((p.from_port, p.to_port) == (22, 22) and network.admits(p, SSH) for p in others):
        return passed("The group is about SSH alone")
    return failed("The group lets in SSH and other traffic as well", ip_permissions=len(others))


def _only_from(permission: IpPermission, group_id: str) -> bool:
    """Whether a rule is about the members of one group alone, as the first rule of a default group is."""
    networks = permission.ip_ranges or permission.ipv6_ranges or permission.prefix_list_ids
    return not networks and all(pair.group_id == group_id for pair in permission.user_id_group_pairs)


@rule(
    severity=Severity.LOW,
    category=Category.OPERATIONS,
    controls=("ISO-27001-2022 A.8.20 A.8.21 A.8.22",),
    notes="Security groups (attachments)",
)
def ec2_security_group_in_use(group: SecurityGroup, inventory: Inventory) -> Verdict:
    """Every security group is carried by something, or named by what will be launched or by another group.

    Risk: a leftover with generous rules waits to be picked from the list for the next machine.
    Fix: aws ec2 delete-security-group --region {region} --group-id {id}
    """
    if group.group_name == DEFAULT:
        return not_applicable("The default group of a VPC cannot be deleted")
    if (foreign := _foreign(group)) is not None:
        return foreign
    interface = next(network.interfaces_with(group, inventory), None)
    if interface is not None:
        return passed(network_interface=interface.network_interface_id)
    namer = next(_namers(group, inventory), None)
    if namer is not None:
        return passed("Nothing carries the group yet", named_by=namer)
    return failed("Nothing carries the group, and nothing names it")


def _namers(group: SecurityGroup, inventory: Inventory) -> Iterator[str]:
    """What names a group: other groups, launch templates and configurations, functions, services of ECS.

    The last two have no network interface while they are idle: Lambda takes a function's away, and a service that is
    scaled down to nothing has no task to carry one.
    """

    def groups() -> Iterator[str]:
        for other in inventory.each(SecurityGroup, region=group.region):
            named = (
                p for rule in (*other.ip_permissions, *other.ip_permissions_egress) for p in rule.user_id_group_pairs
            )
            if other.group_id != group.group_id and any(pair.group_id == group.group_id for pair in named):
                yield other.group_id

    def templates() -> Iterator[str]:
        def versions(template: LaunchTemplate) -> Iterator[LaunchTemplateVersion]:
            yield from template.versions
            yield from template.all_versions

        def naming(template: LaunchTemplate) -> Iterator[str]:
            if any(group.group_id in _groups(version) for version in versions(template)):
                yield template.launch_template_id

        return network.each_readable(inventory.each(LaunchTemplate, region=group.region), naming)

    def configurations() -> Iterator[str]:
        for configuration in inventory.each(LaunchConfiguration, region=group.region):
            if group.group_id in configuration.security_groups:
                yield configuration.launch_configuration_name

    def functions() -> Iterator[str]:
        for function in inventory.each(Function, region=group.region):
            if function.vpc_config and group.group_id in function.vpc_config.security_group_ids:
                yield function.function_name

    def services() -> Iterator[str]:
        for service in inventory.each(EcsService, region=group.region):
            networks = [service.network_configuration, *(tasks.network_configuration for tasks in service.task_sets)]
            places = [each.awsvpc_configuration for each in networks if each and each.awsvpc_configuration]
            if service.live and any(group.group_id in place.security_groups for place in places):
                yield service.service_name

    kinds = (groups, templates, configurations, functions, services)
    return network.each_readable(kinds, lambda those: those())


def _groups(version: LaunchTemplateVersion) -> set[str]:
    data = version.launch_template_data
    return {*data.security_group_ids, *(each for face in data.network_interfaces for each in face.groups)}


@rule(severity=Severity.LOW, category=Category.OPERATIONS, notes="Security groups (reference by group)")
def ec2_security_group_no_stale_references(group: SecurityGroup) -> Verdict:
    """No rule names a group of a peered VPC that is gone, or that lies behind a peering that is gone.

    Risk: such a rule lets nobody in, and hides from its reader what is let in; with a new peering it may wake up again.
    Fix: aws ec2 describe-stale-security-groups --region {region} --vpc-id VPC_ID
    aws ec2 revoke-security-group-ingress --region {region} --group-id {id} --security-group-rule-ids RULE_IDS
    """
    if (foreign := _foreign(group)) is not None:
        return foreign
    stale = [each for each in group.stale_in_vpc if each.group_id == group.group_id]
    if not stale:
        return passed()
    rules = [p for each in stale for p in (*each.stale_ip_permissions, *each.stale_ip_permissions_egress)]
    gone = {str(pair.group_id) for permission in rules for pair in permission.user_id_group_pairs}
    return failed("Rules name groups that are gone, or behind a peering that is", groups=sorted(gone))


@rule(
    severity=Severity.LOW,
    controls=("ISO-27001-2022 A.8.20 A.8.21 A.8.22",),
    notes="Security groups (one purpose per group)",
)
def ec2_security_group_not_launch_wizard(group: SecurityGroup) -> Verdict:
    """Security groups are made for a purpose, not left behind by the console's launch wizard.

    Risk: the wizard opens SSH or remote desktop to everyone unless it is told otherwise, in a group that says nothing
        about what it is for.
    Fix: aws ec2 modify-instance-attribute --region {region} --instance-id INSTANCE_ID --groups OTHER_GROUP_ID
    aws ec2 delete-security-group --region {region} --group-id {id}
    """
    if (foreign := _foreign(group)) is not None:
        return foreign
    if not group.group_name.startswith(WIZARD):
        return passed()
    return failed("The launch wizard made the group", group_name=group.group_name)


@rule(
    severity=Severity.INFORMATIONAL,
    category=Category.OPERATIONS,
    controls=("ISO-27001-2022 A.8.20 A.8.21 A.8.22",),
    notes="Security groups (source may be a group)",
)
def ec2_security_group_rule_count_reasonable(group: SecurityGroup, *, most: int = 50) -> Verdict:
    """Security groups hold few enough rules to be read, and to stay under the quota.

    Risk: in a long list of addresses nobody sees the one that should have gone; at 60 rules the next change fails.
    Fix: aws ec2 create-managed-prefix-list --region {region} --prefix-list-name partners --address-family IPv4
        --max-entries 60 --entries Cidr=CIDR,Description=WHO
    aws ec2 authorize-security-group-ingress --region {region} --group-id {id} --ip-permissions
        IpProtocol=tcp,FromPort=PORT,ToPort=PORT,PrefixListIds='[{PrefixListId=PREFIX_LIST_ID}]'
    """
    if (foreign := _foreign(group)) is not None:
        return foreign
    inbound, outbound = _count(group.ip_permissions), _count(group.ip_permissions_egress)
    if inbound <= most and outbound <= most:
        return passed(inbound=inbound, outbound=outbound)
    return failed(f"The group holds more than {most} rules one way", inbound=inbound, outbound=outbound)


def _count(permissions: tuple[IpPermission, ...]) -> int:
    """The rules as quotas count them: one for each source of a permission."""
    return sum(
        len(each.ip_ranges) + len(each.ipv6_ranges) + len(each.prefix_list_ids) + len(each.user_id_group_pairs)
        for each in permissions
    )
