"""ECS services: where their tasks run, how many of them, and how they are deployed."""

from typing import Any

from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.ecs import EcsCluster, EcsService
from auditor.rule import Verdict, failed, not_applicable, passed, rule, unknown

AZ = "attribute:ecs.availability-zone"
LATEST_LINUX, LATEST_WINDOWS = "1.4.0", "1.0.0"
GONE = "the service is deleted, or about to be"
IDLE = "the service is scaled down to nothing"


@rule(severity=Severity.MEDIUM, controls=("SecurityHub ECS.2 ECS.16",), notes="Fargate; private subnets")
def ecs_service_public_ip_disabled(service: EcsService) -> Verdict:
    """The tasks of ECS services get no public addresses.

    Risk: each task can be reached from the internet by itself, past the load balancer and whatever guards it.
    Fix: in the template, set AssignPublicIp to DISABLED in the AwsvpcConfiguration of the AWS::ECS::Service, and run it
        in private subnets that reach ECR and the logs through VPC endpoints or a NAT gateway.
    """
    if not service.live:
        return not_applicable(GONE, status=service.status)
    holders = [service.network_configuration, *(tasks.network_configuration for tasks in service.task_sets)]
    networks = [holder.awsvpc_configuration for holder in holders if holder and holder.awsvpc_configuration]
    if not networks:
        return not_applicable("the tasks have no addresses of their own")
    if any(each.assign_public_ip == "ENABLED" for each in networks):
        return failed("The tasks get public addresses", assign_public_ip="ENABLED")
    return passed(assign_public_ip="DISABLED")


# --- Scale


@rule(severity=Severity.LOW, notes="High Availability", category=Category.RELIABILITY)
def ecs_service_desired_count_ha(service: EcsService) -> Verdict:
    """ECS services behind a load balancer run two tasks or more.

    Risk: when the only task dies, or its zone does, nothing answers until another one is up.
    Fix: aws ecs update-service --region {region} --cluster CLUSTER --service {arn} --desired-count 2
    """
    if not service.live:
        return not_applicable(GONE, status=service.status)
    if service.scheduling_strategy != "REPLICA" or not service.load_balancers:
        return not_applicable("the service is a daemon, or behind no load balancer")
    if service.desired_count == 0:
        return not_applicable(IDLE)
    if service.desired_count < 2:
        return failed("The service runs one task only", desired_count=service.desired_count)
    return passed(desired_count=service.desired_count)


@rule(severity=Severity.LOW, notes="ECS auto-scaling", category=Category.PERFORMANCE)
def ecs_service_auto_scaling_configured(service: EcsService, inventory: Inventory) -> Verdict:
    """ECS services follow the load.

    Risk: under load the tasks get slow or die, and at night the same number is paid for.
    Fix: Register the service, whose name is CLUSTER/SERVICE, and give it a policy:
    aws application-autoscaling register-scalable-target --region {region} --service-namespace ecs
        --scalable-dimension ecs:service:DesiredCount --resource-id service/CLUSTER/{id} --min-capacity 2
        --max-capacity 10
    aws application-autoscaling put-scaling-policy --region {region} --service-namespace ecs --policy-name cpu
        --scalable-dimension ecs:service:DesiredCount --resource-id service/CLUSTER/{id}
        --policy-type TargetTrackingScaling --target-tracking-scaling-policy-configuration
        '{"PredefinedMetricSpecification":{"PredefinedMetricType":"ECSServiceAverageCPUUtilization"},"TargetValue":60}'
    """
    if not service.live:
        return not_applicable(GONE, status=service.status)
    if service.scheduling_strategy != "REPLICA":
        return not_applicable("a daemon runs once on each host")
    controller = service.deployment_controller
    if controller and controller.type == "EXTERNAL":
        return not_applicable("Application Auto Scaling cannot scale services that another deployer keeps")
    cluster = inventory.find(EcsCluster, "cluster_arn", service.cluster_arn, region=service.region)
    if cluster is None:
        return unknown("The service's cluster was not found", cluster=service.cluster_arn)
    name = f"service/{service.cluster_name}/{service.service_name}"
    target = next((target for target in cluster.scalable_targets if target.resource_id == name), None)
    if target is None:
        if service.desired_count == 0:
            return not_applicable(IDLE)
        return failed("Nothing scales the service", desired_count=service.desired_count)
    evidence: dict[str, Any] = {"min_capacity": target.min_capacity, "max_capacity": target.max_capacity}
    if target.min_capacity == target.max_capacity:
        return failed("The service's minimum is its maximum", **evidence)
    return passed(**evidence)


# --- Placement


@rule(severity=Severity.INFORMATIONAL, notes="Cluster Capacity Provider", category=Category.OPERATIONS)
def ecs_service_capacity_provider_strategy_used(service: EcsService) -> Verdict:
    """ECS services run on capacity providers, not on a fixed launch type.

    Risk: tasks fail for want of hosts, since nothing adds any for a launch type, and Fargate Spot cannot be mixed in.
    Fix: aws ecs update-service --region {region} --cluster CLUSTER --service {arn} --force-new-deployment
        --capacity-provider-strategy capacityProvider=FARGATE,weight=1,base=1
    """
    if not service.live:
        return not_applicable(GONE, status=service.status)
    providers = [item.capacity_provider for item in service.capacity_provider_strategy]
    if providers:
        return passed(capacity_providers=providers)
    if service.launch_type not in ("EC2", "FARGATE"):
        return not_applicable("no capacity provider could run these tasks", launch_type=service.launch_type)
    return failed("The service has a fixed launch type", launch_type=service.launch_type)


@rule(severity=Severity.LOW, notes="ECS task placement (spread)", category=Category.RELIABILITY)
def ecs_service_placement_spread_across_azs(service: EcsService) -> Verdict:
    """ECS services on EC2 hosts spread their tasks over zones first.

    Risk: tasks that are packed onto few hosts may all stand in one zone, and go with it.
    Fix: aws ecs update-service --region {region} --cluster CLUSTER --service {arn} --force-new-deployment
        --placement-strategy type=spread,field=attribute:ecs.availability-zone type=binpack,field=memory
    """
    if not service.live:
        return not_applicable(GONE, status=service.status)
    providers = {item.capacity_provider for item in service.capacity_provider_strategy}
    if service.on_fargate or (not providers and service.launch_type != "EC2"):
        return not_applicable("the tasks do not run on hosts of the account", launch_type=service.launch_type)
    if service.scheduling_strategy != "REPLICA" or service.desired_count < 2:
        return not_applicable("there is nothing to spread", desired_count=service.desired_count)
    if not service.placement_strategy:
        return passed("Without a strategy, ECS spreads a service's tasks over zones")
    shown = [f"{strategy.type}({strategy.field or ''})" for strategy in service.placement_strategy]
    first = service.placement_strategy[0]
    if first.type != "spread" or first.field != AZ:
        return failed("The tasks are not spread over zones first", placement_strategy=shown)
    return passed(placement_strategy=shown)


# --- Platform and deployment


@rule(
    severity=Severity.LOW,
    controls=("SecurityHub ECS.10", "PCI-4.0 6.3.3.3"),
    notes="Fargate",
)
def ecs_service_fargate_platform_latest(
    service: EcsService, *, linux: str = LATEST_LINUX, windows: str = LATEST_WINDOWS
) -> Verdict:
    """Fargate services run on the latest platform version.

    Risk: an older platform gets neither the fixes nor the features of the kernel and runtime below the tasks.
    Fix: aws ecs update-service --region {region} --cluster CLUSTER --service {arn} --platform-version LATEST
        --force-new-deployment
    """
    if not service.live:
        return not_applicable(GONE, status=service.status)
    if not service.on_fargate:
        return not_applicable("the service does not run on Fargate")
    version, family = service.platform_version, service.platform_family or "Linux"
    newest = windows if family.lower().startswith("windows") else linux
    evidence: dict[str, Any] = {"platform_version": version or "LATEST", "platform_family": family}
    if version not in (None, "LATEST", newest):
        return failed(f"The service is held at platform version {version}", **evidence)
    return passed(**evidence)


@rule(severity=Severity.LOW, notes="ECS Service", category=Category.RELIABILITY)
def ecs_service_deployment_circuit_breaker_enabled(service: EcsService) -> Verdict:
    """ECS services give up deployments that cannot get steady, and go back to the last good one.

    Risk: ECS starts broken tasks again and again, for hours, while the service is half gone.
    Fix: aws ecs update-service --region {region} --cluster CLUSTER --service {arn}
        --deployment-configuration 'deploymentCircuitBreaker={enable=true,rollback=true}'
    """
    if not service.live:
        return not_applicable(GONE, status=service.status)
    controller = service.deployment_controller.type if service.deployment_controller else "ECS"
    if controller != "ECS":
        return not_applicable("ECS does not deploy the service", deployment_controller=controller)
    breaker = service.deployment_configuration.deployment_circuit_breaker if service.deployment_configuration else None
    evidence: dict[str, Any] = {"enable": breaker is not None and breaker.enable}
    evidence["rollback"] = breaker is not None and breaker.rollback
    stuck = [each for each in service.deployments if each.status == "PRIMARY" and each.rollout_state == "FAILED"]
    if any(each.running_count < each.desired_count for each in stuck):
        return failed("The last deployment failed, and tasks are missing", rollout_state="FAILED", **evidence)
    if not evidence["enable"]:
        return failed("The service has no deployment circuit breaker", **evidence)
    if not evidence["rollback"]:
        return failed("A deployment that is given up is not rolled back", **evidence)
    return passed(**evidence)
