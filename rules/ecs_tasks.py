"""ECS task definitions: roles, secrets, logs, and what containers may do to their host."""

from collections.abc import Iterator

from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.ecs import EcsService, ServiceLoadBalancer
from auditor.resources.ecs_tasks import CREDENTIALS, ContainerDefinition, TaskDefinition
from auditor.rule import Verdict, failed, not_applicable, passed, rule, seen

# Of images that take traces in.
COLLECTORS = ("xray-daemon", "otel", "opentelemetry", "cloudwatch-agent", "datadog", "alloy", "newrelic", "dynatrace")
ROOT = ("", "0", "root")


@rule(severity=Severity.MEDIUM, notes="ECS IAM roles; AWS Credentials Best Practices")
def ecs_task_definition_task_role_defined(task: TaskDefinition) -> Verdict:
    """Tasks that may run on EC2 have a role of their own.

    Risk: without one, containers that ask for credentials get those of the host's instance profile, which may do what
        all tasks on it and the agent need together.
    Fix: in the template, set the TaskRoleArn of the AWS::ECS::TaskDefinition to a role that may do what this task
        needs.
    """
    if task.task_role_arn:
        return passed(task_role=task.task_role_arn)
    runs_on = sorted(task.requires_compatibilities)
    if runs_on and set(runs_on) <= {"FARGATE", "EXTERNAL"}:
        return not_applicable(
            "no host's role stands behind these tasks: without a role they have none", runs_on=runs_on
        )
    return failed("The task has no role, and gets the host's", runs_on=runs_on)


@rule(severity=Severity.LOW, notes="ECS task roles (per task); one role per application")
def ecs_task_definition_task_role_not_shared(task: TaskDefinition, inventory: Inventory) -> Verdict:
    """The role of a task is neither another family's nor the one that ECS starts the task by.

    Risk: each application may do what any of them needs; with the execution role it can also read the secrets and
        images that only ECS should fetch.
    Fix: in the template, give each AWS::ECS::TaskDefinition a TaskRoleArn of its own, unlike its ExecutionRoleArn.
    """
    role = task.task_role_arn
    if not role:
        return not_applicable("the task has no role (ecs-task-definition-task-role-defined)")
    if role == task.execution_role_arn:
        return failed("The task's role is also its execution role", task_role=role)
    others = seen(_families_with(role, task, inventory))
    if others:
        return failed("Other families have the same role", task_role=role, families=sorted(set(others)))
    return passed(task_role=role)


def _families_with(role: str, task: TaskDefinition, inventory: Inventory) -> Iterator[str]:
    """The other families of the region whose tasks have a role."""
    users = inventory.where(TaskDefinition, "task_role_arn", role, region=task.region)
    return (user.family for user in users if user.family != task.family)


# --- Secrets


@rule(
    severity=Severity.CRITICAL,
    controls=("SecurityHub ECS.8", "PCI-4.0 3.5.1.14 8.2.2.3 8.3.2.21"),
    notes="AWS Credentials Scenario",
)
def ecs_task_definition_no_aws_keys_in_environment(task: TaskDefinition) -> Verdict:
    """Containers get no AWS keys through their variables.

    Risk: everyone who may describe the task definition, in any revision, has the keys; they do not expire, and they are
        used instead of the task's role.
    Fix: Delete the key where it was made, take the variables out of a new revision, and give the task a role. Then:
    aws ecs deregister-task-definition --region {region} --task-definition {id}
    aws ecs delete-task-definitions --region {region} --task-definitions {id}
    """
    keys, dummies = [], []
    for container in task.container_definitions:
        found = container.environment
        keys += [f"{container.name}/{name}" for name in (found.aws_keys if found else ())]
        dummies += [f"{container.name}/{name}" for name in (found.names if found else ()) if name in CREDENTIALS]
    if keys:
        return failed("A container has AWS keys in its variables", variables=keys)
    if dummies:
        said = "Variables override the task's role, though what they hold does not look like keys"
        return failed(said, severity=Severity.MEDIUM, variables=dummies)
    return passed()


@rule(
    severity=Severity.HIGH,
    controls=("SecurityHub ECS.8", "PCI-4.0 3.5.1.14 8.2.2.3 8.3.2.21"),
    notes="Never store credentials in code",
)
def ecs_task_definition_no_secrets_in_environment(task: TaskDefinition) -> Verdict:
    """Containers get their secrets by reference, not as values of their variables.

    Risk: everyone who may describe the task definition reads the password or token, and every revision keeps it.
    Fix: Replace the secret where it is valid, keep the new one in Secrets Manager, and name its ARN under the
        container's Secrets (ValueFrom) in a new revision. Then:
    aws ecs deregister-task-definition --region {region} --task-definition {id}
    aws ecs delete-task-definitions --region {region} --task-definitions {id}
    """
    found = [
        {"container": container.name, "variable": match.masked, "pattern": match.pattern}
        for container in task.container_definitions
        for match in (container.environment.secrets if container.environment else ())
        if match.masked not in (*CREDENTIALS, *(container.environment.aws_keys if container.environment else ()))
    ]
    if found:
        return failed("A container has what looks like secrets in its variables", secrets=found)
    return passed()


# --- Logs and traces


@rule(
    severity=Severity.MEDIUM,
    controls=(
        "SecurityHub ECS.9",
        "PCI-4.0 10.2.1.1.16 10.2.1.2.13 10.2.1.3.13 10.2.1.4.13 10.2.1.5.13 10.2.1.6.13 10.2.1.7.13 10.2.1.13",
        "PCI-4.0 10.2.2.13 10.3.1.13 10.6.3.17 5.3.4.15",
        "ISO-27001-2022 A.8.15",
    ),
    notes="ECS Logging",
    category=Category.OPERATIONS,
)
def ecs_task_definition_logging_configured(task: TaskDefinition) -> Verdict:
    """Every container sends its output somewhere.

    Risk: what a container said is gone with it, and nobody can tell why it died or what was done through it.
    Fix: in the template, give each of the ContainerDefinitions a LogConfiguration with the LogDriver awslogs and the
        options awslogs-group, awslogs-region and awslogs-stream-prefix.
    """
    silent = [c.name for c in task.container_definitions if _is_silent(c)]
    if silent:
        return failed("A container has no log driver", containers=silent)
    return passed()


def _is_silent(container: ContainerDefinition) -> bool:
    return container.log_configuration is None or container.log_configuration.log_driver in ("", "none")


@rule(severity=Severity.INFORMATIONAL, notes="X-Ray on ECS", category=Category.OPERATIONS)
def ecs_task_definition_tracing_sidecar_present(
    task: TaskDefinition, *, collectors: tuple[str, ...] = COLLECTORS
) -> Verdict:
    """Tasks that send traces to themselves have a container that takes them in.

    Risk: the traces go nowhere, and are missed only when somebody needs them.
    Fix: in the template, add a container of the image public.ecr.aws/aws-observability/aws-otel-collector to the
        ContainerDefinitions, or add yours to collectors in auditor.toml.
    """
    variables = {
        f"{container.name}/{name}"
        for container in task.container_definitions
        for name in (container.environment.local_tracing if container.environment else ())
    }
    if not variables:
        return not_applicable("no container sends traces within the task")
    images = [container.image for container in task.container_definitions]
    if any(part in image.lower() for image in images for part in collectors):
        return passed(variables=sorted(variables))
    return failed("No container of the task takes the traces in", variables=sorted(variables), images=images)


# --- What containers may do


@rule(
    severity=Severity.HIGH,
    controls=("SecurityHub ECS.4", "PCI-4.0 7.2.1.6 7.2.2.6 7.2.3.3"),
    notes="ECS (Docker)",
)
def ecs_task_definition_not_privileged(task: TaskDefinition) -> Verdict:
    """Containers do not run privileged.

    Risk: whoever takes over a privileged container is root on its host, and on all that runs there.
    Fix: in the template, set Privileged to false and name the capabilities that are needed under LinuxParameters.
    """
    privileged = [container.name for container in task.container_definitions if container.privileged]
    if privileged:
        return failed("A container is privileged", containers=privileged)
    return passed()


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub ECS.3", "PCI-4.0 1.4.5.2"),
    notes="ECS (Docker)",
)
def ecs_task_definition_host_namespace_not_shared(task: TaskDefinition) -> Verdict:
    """Containers share neither the processes nor the IPC of their host.

    Risk: a container sees the host's processes and those of other tasks, their arguments and variables included, and
        can signal them.
    Fix: in the template, leave PidMode and IpcMode out of the AWS::ECS::TaskDefinition, or set them to task.
    """
    shared = [name for name, mode in (("pid", task.pid_mode), ("ipc", task.ipc_mode)) if mode == "host"]
    if shared:
        return failed(f"The task shares the host's {' and '.join(shared)} namespace", shared=shared)
    return passed()


@rule(
    severity=Severity.MEDIUM,
    controls=("SecurityHub ECS.1", "PCI-4.0 7.2.1.8 7.2.2.8 7.2.3.4"),
    notes="ECS (Docker)",
)
def ecs_task_definition_host_network_non_root(task: TaskDefinition) -> Verdict:
    """Containers on the host's network do not run as root.

    Risk: a process that is root and sees the host's interfaces can listen on any port of the host and reach whatever
        listens on its loopback, the agent included.
    Fix: in the template, set NetworkMode to awsvpc, or the User of each container to one that is not root.
    """
    if task.network_mode != "host":
        return not_applicable("the task is not on the host's network", network_mode=task.network_mode)
    plain = (container for container in task.container_definitions if not container.privileged)
    roots = [container.name for container in plain if (container.user or "").partition(":")[0] in ROOT]
    if roots:
        return failed("A container on the host's network runs as root", containers=roots)
    return passed()


@rule(
    severity=Severity.LOW,
    controls=(
        "SecurityHub ECS.5",
        "PCI-4.0 10.3.2.9 10.6.3.16 3.5.1.3.9 7.2.1.7 7.2.2.7 7.2.5.4 7.2.6.1 7.3.1.4 7.3.2.4 7.3.3.4 8.2.7.4",
        "PCI-4.0 8.2.8.6",
    ),
    notes="ECS (Docker)",
)
def ecs_task_definition_readonly_root_filesystem(task: TaskDefinition) -> Verdict:
    """Containers cannot write to their root file system.

    Risk: whoever gets into a container can put programs into it, or change those that are there.
    Fix: in the template, set ReadonlyRootFilesystem to true and mount a volume where the application has to write.
    """
    if task.on_windows:
        return not_applicable("Windows has no read-only root file system")
    writable = [container.name for container in task.container_definitions if not container.readonly_root_filesystem]
    if writable:
        return failed("A container can write to its root file system", containers=writable)
    return passed()


# --- Ports


@rule(severity=Severity.LOW, notes="ECS w/ load balancer (dynamic ports)", category=Category.RELIABILITY)
def ecs_task_definition_dynamic_host_port(task: TaskDefinition, inventory: Inventory) -> Verdict:
    """Tasks behind a load balancer leave the choice of the host's port to Docker.

    Risk: two tasks that want the same port cannot share a host, so that deployments wait for a free one.
    Fix: in the template, set the HostPort of the container's PortMappings to 0, and let the load balancer's security
        group in to the ports 32768-65535 of the hosts.
    """
    if task.network_mode not in (None, "bridge") or task.on_fargate_only:
        return not_applicable("such a task has no ports of its host", network_mode=task.network_mode)
    fixed = {
        container.name: sorted({port.host_port for port in container.port_mappings if port.host_port})
        for container in task.container_definitions
    }
    if not any(fixed.values()):
        return passed()
    balanced = {balancer.container_name for balancer in seen(_balancers(task, inventory))}
    if not balanced:
        return not_applicable("no service puts these tasks behind a load balancer")
    ports = {name: found for name, found in fixed.items() if found and name in balanced}
    if ports:
        return failed("A container behind a load balancer wants a fixed port of its host", host_ports=ports)
    return passed()


def _balancers(task: TaskDefinition, inventory: Inventory) -> Iterator[ServiceLoadBalancer]:
    """What sends traffic to the services that run a task definition."""
    services = inventory.where(EcsService, "task_definition", task.task_definition_arn, region=task.region)
    return (balancer for service in services for balancer in service.load_balancers)
