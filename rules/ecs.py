"""ECS clusters, their hosts and their capacity. Services are in ecs_services.py."""

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from auditor.analysis.network import (
    GLOBAL_UNICAST,
    NOT_INTERNET,
    Network,
    Opening,
    Port,
    admits_any,
    each_readable,
    group_called,
    is_world,
    network,
    openings,
)
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.ec2 import Instance
from auditor.resources.ecs import CapacityProvider, ContainerInstance, EcsCluster, EcsService
from auditor.resources.elbv2 import LoadBalancer, TargetGroup
from auditor.resources.vpc import IpPermission, Subnet, Vpc
from auditor.rule import Verdict, failed, not_applicable, passed, rule, seen, unknown

FIRST_DYNAMIC_PORT = 32768  # of those that Docker gives to tasks which leave theirs open; the last one is 65535


# --- Clusters and capacity


@rule(
    severity=Severity.LOW,
    controls=("SecurityHub ECS.12",),
    notes="ECS Logging (CloudWatch)",
    category=Category.OPERATIONS,
)
def ecs_cluster_container_insights_enabled(cluster: EcsCluster) -> Verdict:
    """ECS clusters collect Container Insights.

    Risk: when a task is killed or slow, nobody can see what it and its neighbours used.
    Fix: aws ecs update-cluster-settings --region {region} --cluster {id}
        --settings name=containerInsights,value=enabled
    """
    if cluster.status != "ACTIVE":
        return not_applicable(f"the cluster is {cluster.status}")
    value = next((setting.value for setting in cluster.settings if setting.name == "containerInsights"), None)
    if value not in ("enabled", "enhanced"):
        return failed("Container Insights are off", container_insights=value)
    return passed(container_insights=value)


@rule(severity=Severity.LOW, notes="Cluster Capacity Provider", category=Category.RELIABILITY)
def ecs_capacity_provider_managed_scaling_enabled(provider: CapacityProvider) -> Verdict:
    """Capacity providers scale their Auto Scaling group, and drain hosts before these end.

    Risk: tasks wait for hosts that nobody adds, or die with a host that was taken away under them.
    Fix: aws ecs update-capacity-provider --region {region} --name {id} --auto-scaling-group-provider
        'managedScaling={status=ENABLED},managedTerminationProtection=ENABLED,managedDraining=ENABLED'
    """
    group = provider.auto_scaling_group_provider
    if group is None:
        return not_applicable("the provider has no Auto Scaling group: AWS runs its hosts")
    if provider.status != "ACTIVE":
        return not_applicable(f"the provider is {provider.status}")
    scaling = group.managed_scaling.status if group.managed_scaling else None
    evidence: dict[str, Any] = {
        "managed_scaling": scaling,
        "managed_termination_protection": group.managed_termination_protection,
        "managed_draining": group.managed_draining,
    }
    if scaling != "ENABLED":
        return failed("ECS does not scale the provider's group", **evidence)
    if group.managed_termination_protection != "ENABLED":  # off is the default
        return failed("Hosts with tasks are not protected when the group shrinks", **evidence)
    if group.managed_draining == "DISABLED":
        return failed("Hosts are not drained before they end", **evidence)
    return passed(**evidence)


# --- Hosts


@rule(severity=Severity.MEDIUM, notes="ECS agent", category=Category.RELIABILITY)
def ecs_container_instance_agent_connected(host: ContainerInstance) -> Verdict:
    """The agents of container instances are connected, and could be updated.

    Risk: ECS can neither start nor stop tasks on such a host, and does not see what they do.
    Fix: Look into /var/log/ecs/ecs-agent.log on the host; mostly its role, its route to ECS or a full disk is at fault.
        A host that does not come back is best drained and replaced:
    aws ecs update-container-instances-state --region {region} --cluster CLUSTER --container-instances {arn}
        --status DRAINING
    """
    if host.status != "ACTIVE":
        return not_applicable(f"the container instance is {host.status}")
    evidence: dict[str, Any] = {"instance": host.ec2_instance_id, "agent_update_status": host.agent_update_status}
    if not host.agent_connected:
        return failed("The agent is not connected", **evidence)
    if host.agent_update_status == "FAILED":
        return failed("The last update of the agent failed", **evidence)
    return passed(**evidence)


@rule(severity=Severity.HIGH, notes="ECS w/ load balancer (security group)")
def ecs_container_instance_ports_only_from_load_balancer(host: ContainerInstance, inventory: Inventory) -> Verdict:
    """Container instances let only the load balancer in to the ports that tasks are given.

    Risk: whoever reaches those ports talks to the containers themselves, past the load balancer, its TLS, its
        authentication and its firewall.
    Fix: For each group and source that the finding names, and once for the load balancer's group:
    aws ec2 revoke-security-group-ingress --region {region} --group-id GROUP --protocol tcp --port 32768-65535
        --cidr SOURCE
    aws ec2 authorize-security-group-ingress --region {region} --group-id GROUP --protocol tcp --port 32768-65535
        --source-group GROUP-OF-THE-LOAD-BALANCER
    """
    instance_id = host.ec2_instance_id
    if not (instance_id or "").startswith("i-"):
        return not_applicable("the host is no EC2 instance of the account", instance=instance_id)
    instance = inventory.find(Instance, "instance_id", instance_id, region=host.region)
    if instance is None:
        return unknown("The host was not among the account's instances", instance=instance_id)
    if not instance.live or instance.managed:
        return not_applicable("the host is gone, or run by AWS", instance=instance_id)
    evidence: dict[str, Any] = {"instance": instance_id}
    found = seen(_dynamic_openings(instance, inventory))
    public = seen(each_readable(found, lambda each: [each] if _is_public(each, inventory, host.region) else []))
    if public:
        return failed("The dynamic ports are open to the internet", openings=_shown(public), **evidence)
    found = list(_dynamic_openings(instance, inventory))  # from here on, all of them count
    balancers = list(_balancer_networks(host, inventory)) if found else []
    wide = [each for each in found if balancers and not _within(each.opening.source, balancers)]
    if wide:
        said = "The dynamic ports are open to more than the load balancer's subnets"
        return failed(said, severity=Severity.LOW, openings=_shown(wide), **evidence)
    return passed(**evidence)


@dataclass(frozen=True, slots=True)
class _Found:
    group_id: str
    vpc_id: str
    opening: Opening


def _dynamic_openings(instance: Instance, inventory: Inventory) -> Iterator[_Found]:
    """What a host's groups let in to its dynamic ports, and from where; with the group and the host's VPC."""
    carried = {(g.group_id, each.vpc_id) for each in instance.network_interfaces for g in each.groups}

    def of_group(pair: tuple[str, str]) -> Iterator[_Found]:
        group = group_called(pair[0], inventory, region=instance.region)
        return (_Found(*pair, opening) for opening in openings(group, inventory, _is_dynamic))

    return each_readable(sorted(carried), of_group)


def _is_dynamic(permission: IpPermission) -> bool:
    """Whether a rule of a security group is about any of the dynamic ports."""
    first = max(permission.from_port or 0, FIRST_DYNAMIC_PORT)
    return admits_any(permission, (Port("tcp", first), Port("udp", first)))


def _is_public(found: _Found, inventory: Inventory, region: str) -> bool:
    """Whether what is let in is on the internet: neither private nor the host's own VPC, as its IPv6 addresses are."""
    source = found.opening.source
    if is_world(source):
        return True
    private = _within(source, NOT_INTERNET) if source.version == 4 else not source.overlaps(GLOBAL_UNICAST)
    if private:
        return False
    vpc = inventory.find(Vpc, "vpc_id", found.vpc_id, region=region)
    return vpc is None or not _within(source, [network(cidr) for cidr in (*vpc.cidr_blocks, *vpc.ipv6_cidr_blocks)])


def _within(source: Network, wider: Iterable[Network]) -> bool:
    """Whether a network lies in one of these, or in several that are neighbours."""
    same: Any = [net for net in wider if net.version == source.version]
    narrow: Any = source
    return any(narrow.subnet_of(net) for net in ipaddress.collapse_addresses(same))


def _balancer_networks(host: ContainerInstance, inventory: Inventory) -> Iterator[Network]:
    """The subnets of the load balancers that send traffic to the cluster's services."""
    services = inventory.where(EcsService, "cluster_arn", host.cluster, region=host.region)
    groups = {balancer.target_group_arn for service in services for balancer in service.load_balancers}
    for arn in sorted(arn for arn in groups if arn):
        target = inventory.find(TargetGroup, "target_group_arn", arn, region=host.region)
        for balancer_arn in target.load_balancer_arns if target else ():
            balancer = inventory.find(LoadBalancer, "load_balancer_arn", balancer_arn, region=host.region)
            for subnet_id in balancer.subnet_ids if balancer else ():
                subnet = inventory.find(Subnet, "subnet_id", subnet_id, region=host.region)
                if subnet is not None and subnet.cidr_block:
                    yield network(subnet.cidr_block)


def _shown(found: list[_Found]) -> list[dict[str, str]]:
    """Openings as evidence, with their groups."""
    return [{"group": each.group_id, **each.opening.evidence()} for each in found]
