"""ECS: clusters, services, container instances, capacity providers. Task definitions are in ecs_tasks.py."""

from typing import Annotated, Any

from auditor.fetch import Ask, Call, Describe, Listing, walk
from auditor.model import Resource, Shape


class ScalableTarget(Shape):
    """What Application Auto Scaling may change of a service: `service/CLUSTER/SERVICE`."""

    resource_id: str
    min_capacity: int
    max_capacity: int


class ClusterSetting(Shape):
    """A setting of a cluster."""

    name: str
    value: str | None = None


class EcsCluster(Resource):
    """An ECS cluster."""

    service, cfn_type = "ecs", "AWS::ECS::Cluster"
    listing = Listing(
        "ListClusters",
        at="clusterArns",
        params={"maxResults": 100},
        then=Describe(
            "DescribeClusters",
            at="clusters",
            ids="clusters",
            size=100,
            params={"include": ["SETTINGS", "TAGS"]},
            gone="failures",
        ),
    )
    arn_format = "{cluster_arn}"
    id_field = "cluster_name"
    name_field = "cluster_name"

    cluster_arn: str
    cluster_name: str
    status: str
    settings: tuple[ClusterSetting, ...] = ()
    # Those of all services in the region: one call serves all clusters of it.
    scalable_targets: Annotated[
        tuple[ScalableTarget, ...],
        Call(
            "DescribeScalableTargets",
            service="application-autoscaling",
            at="ScalableTargets",
            const={"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount", "MaxResults": 50},
        ),
    ]


class ServiceLoadBalancer(Shape):
    """A target group, or a classic load balancer, that sends traffic to one container of a service."""

    target_group_arn: str | None = None
    load_balancer_name: str | None = None
    container_name: str | None = None
    container_port: int | None = None


class AwsvpcConfiguration(Shape):
    """The network of tasks that have interfaces of their own. No public IP address unless it is ENABLED."""

    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    assign_public_ip: str | None = None


class NetworkConfiguration(Shape):
    """The network of a service's tasks."""

    awsvpc_configuration: AwsvpcConfiguration | None = None


class CapacityProviderStrategyItem(Shape):
    """A capacity provider that a service's tasks are put on."""

    capacity_provider: str


class DeploymentCircuitBreaker(Shape):
    """Whether a deployment that cannot get steady is given up, and the last good one restored."""

    enable: bool
    rollback: bool


class DeploymentConfiguration(Shape):
    """How a service is deployed. Absent: no circuit breaker."""

    deployment_circuit_breaker: DeploymentCircuitBreaker | None = None


class DeploymentController(Shape):
    """Who deploys a service: ECS, CODE_DEPLOY or EXTERNAL."""

    type: str


class Deployment(Shape):
    """A deployment of a service; the one that is wanted is PRIMARY."""

    status: str
    desired_count: int
    running_count: int
    rollout_state: str | None = None  # only of services whose controller is ECS


class PlacementStrategy(Shape):
    """How tasks are spread or packed; `random` has no field."""

    type: str | None = None
    field: str | None = None


class TaskSet(Shape):
    """A set of tasks that another deployer than ECS keeps."""

    task_definition: str
    network_configuration: NetworkConfiguration | None = None


class EcsService(Resource):
    """An ECS service."""

    service, cfn_type = "ecs", "AWS::ECS::Service"
    listing = Listing(
        "ListServices",
        at="serviceArns",
        params={"maxResults": 100},
        per=EcsCluster,
        by={"cluster": "cluster_arn"},
        then=Describe(
            "DescribeServices", at="services", ids="services", size=10, params={"include": ["TAGS"]}, gone="failures"
        ),
    )
    arn_format = "{service_arn}"
    id_field = "service_name"
    name_field = "service_name"

    service_arn: str
    service_name: str
    cluster_arn: str
    status: str
    desired_count: int
    # Absent where a capacity provider strategy decides, or task sets do.
    launch_type: str | None = None
    capacity_provider_strategy: tuple[CapacityProviderStrategyItem, ...] = ()
    platform_version: str | None = None  # of Fargate
    platform_family: str | None = None  # of Fargate
    task_definition: str | None = None  # an ARN; absent where task sets have their own
    load_balancers: tuple[ServiceLoadBalancer, ...] = ()
    network_configuration: NetworkConfiguration | None = None
    scheduling_strategy: str
    placement_strategy: tuple[PlacementStrategy, ...] = ()
    deployment_controller: DeploymentController | None = None  # absent: ECS
    deployment_configuration: DeploymentConfiguration | None = None
    deployments: tuple[Deployment, ...] = ()
    task_sets: tuple[TaskSet, ...] = ()

    @property
    def cluster_name(self) -> str:
        """Its cluster's name."""
        return self.cluster_arn.rpartition("/")[2]

    @property
    def live(self) -> bool:
        """Whether it is neither deleted nor being deleted."""
        return self.status == "ACTIVE"

    @property
    def on_fargate(self) -> bool:
        """Whether Fargate runs its tasks."""
        providers = {item.capacity_provider for item in self.capacity_provider_strategy}
        return self.launch_type == "FARGATE" or bool(providers & {"FARGATE", "FARGATE_SPOT"})


class ContainerInstance(Resource):
    """A host that is registered with a cluster: an EC2 instance (i-...) or, with ECS Anywhere, another (mi-...)."""

    service, cfn_type = "ecs", "AWS::ECS::ContainerInstance"
    listing = Listing(
        "ListContainerInstances",
        at="containerInstanceArns",
        params={"maxResults": 100},
        per=EcsCluster,
        by={"cluster": "cluster_arn"},
        then=Describe(
            "DescribeContainerInstances",
            at="containerInstances",
            ids="containerInstances",
            size=100,
            params={"include": ["TAGS"]},
            gone="failures",
        ),
    )
    arn_format = "{container_instance_arn}"
    name_field = "ec2_instance_id"

    container_instance_arn: str
    cluster: str  # its cluster's ARN, by which it was asked for
    ec2_instance_id: str | None = None
    status: str
    agent_connected: bool
    agent_update_status: str | None = None  # absent where no update was asked for


class ManagedScaling(Shape):
    """Whether ECS scales a provider's group."""

    status: str | None = None


class AutoScalingGroupProvider(Shape):
    """A capacity provider's Auto Scaling group, and what ECS manages of it."""

    auto_scaling_group_arn: str
    managed_scaling: ManagedScaling | None = None
    managed_termination_protection: str | None = None
    managed_draining: str | None = None


async def _own_providers(ask: Ask) -> list[dict[str, Any]]:
    """The account's own: AWS lists two that are its own in every region of every account."""
    pages = await ask("DescribeCapacityProviders", include=["TAGS"])
    every = [provider for page in pages for provider in walk(page, "capacityProviders")]
    return [provider for provider in every if provider.get("name") not in ("FARGATE", "FARGATE_SPOT")]


class CapacityProvider(Resource):
    """An ECS capacity provider that the account made: by an Auto Scaling group, or by instances that ECS manages."""

    service, cfn_type = "ecs", "AWS::ECS::CapacityProvider"
    listing = Listing("DescribeCapacityProviders", fetch=_own_providers)
    arn_format = "{capacity_provider_arn}"
    id_field = "name"
    name_field = "name"

    capacity_provider_arn: str
    name: str
    status: str
    auto_scaling_group_provider: AutoScalingGroupProvider | None = None
