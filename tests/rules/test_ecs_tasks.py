"""ECS task definitions."""

from pathlib import Path
from typing import Any

import pytest

from auditor.demo.protocol import Error
from auditor.inventory import load, save
from tests.lab import RULES as RULES_BY_ID
from tests.lab import Lab

PREFIX = "ecs-task-definition-"
ROLE = PREFIX + "task-role-defined"
SHARED = PREFIX + "task-role-not-shared"
KEYS = PREFIX + "no-aws-keys-in-environment"
SECRETS = PREFIX + "no-secrets-in-environment"
LOGS = PREFIX + "logging-configured"
TRACES = PREFIX + "tracing-sidecar-present"
PRIVILEGED = PREFIX + "not-privileged"
NAMESPACE = PREFIX + "host-namespace-not-shared"
NETWORK = PREFIX + "host-network-non-root"
READONLY = PREFIX + "readonly-root-filesystem"
PORTS = PREFIX + "dynamic-host-port"
RULES = (ROLE, SHARED, KEYS, SECRETS, LOGS, TRACES, PRIVILEGED, NAMESPACE, NETWORK, READONLY, PORTS)

ARN = "arn:aws:ecs:us-east-1:123456789012:"
# Put together here, so that no scanner takes this file for a leak.
KEY_ID, SECRET = "AKIA" + "QWERTYUIOP234567", "".join(("wJq7Zt2", "Lx9Rk4Vb8Nd3", "Hs6Pf1Mc5Gy0", "Ta2Ue8Qo7"))
PASSWORD = "".join(("Roast", "ed-Daily", "-41"))


def container(name: str = "app", environment: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    pairs = [{"name": key, "value": value} for key, value in (environment or {}).items()]
    return {"name": name, "image": "shop:1", "environment": pairs, **more}


def tasks(definitions: dict[str, dict[str, Any]], **services: dict[str, Any]) -> dict[str, Any]:
    """What ECS says of families with one revision each, and of services in one cluster."""

    def describe(params: Any, *_: Any) -> dict[str, Any]:
        family = params["taskDefinition"].rpartition("/")[2].partition(":")[0]
        said = {
            "family": family,
            "revision": 1,
            "taskDefinitionArn": arn(family),
            "containerDefinitions": [container()],
        }
        return {"taskDefinition": {**said, **definitions[family]}}

    def described(params: Any, *_: Any) -> dict[str, Any]:
        return {"services": [{"serviceArn": name, **services[name.rpartition("/")[2]]} for name in params["services"]]}

    return {
        "ecs:ListTaskDefinitionFamilies": {"families": list(definitions)},
        "ecs:DescribeTaskDefinition": describe,
        "ecs:ListClusters": {"clusterArns": [f"{ARN}cluster/shop"]},
        "ecs:DescribeClusters": {"clusters": [{"clusterArn": f"{ARN}cluster/shop", "clusterName": "shop"}]},
        "ecs:ListServices": {"serviceArns": [f"{ARN}service/shop/{name}" for name in services]},
        "ecs:DescribeServices": described,
    }


def arn(family: str) -> str:
    return f"{ARN}task-definition/{family}:1"


def of_containers(**containers: list[dict[str, Any]]) -> dict[str, Any]:
    return tasks({family: {"containerDefinitions": found} for family, found in containers.items()})


def judged(lab: Lab, rule: str, answers: dict[str, Any], **options: Any) -> dict[str, str]:
    """Statuses by family; of one that fails, with its severity."""
    found = lab.findings(rule, answers=answers, **options)
    return {
        name.partition(":")[0]: f"fail {finding.severity.value}" if finding.status == "fail" else finding.status.value
        for name, finding in found.items()
    }


def test_roles(lab: Lab) -> None:
    role, other, execution = ({"taskRoleArn": f"arn:aws:iam::123456789012:role/{name}"} for name in ("a", "b", "c"))
    answers = tasks(
        {
            "ec2": {"requiresCompatibilities": ["EC2"]}, "either": {"requiresCompatibilities": ["EC2", "FARGATE"]},
            "unsaid": {}, "fargate": {"requiresCompatibilities": ["FARGATE"]},
            "anywhere": {"requiresCompatibilities": ["EXTERNAL"]},
            "one": role, "two": role, "alone": other,
            "same": {**execution, "executionRoleArn": execution["taskRoleArn"]},
        }
    )  # fmt: skip
    fails, none = "fail medium", "not_applicable"
    assert judged(lab, ROLE, answers) == {
        "ec2": fails, "either": fails, "unsaid": fails, "fargate": none, "anywhere": none, "one": "pass",
        "two": "pass", "alone": "pass", "same": "pass",
    }  # fmt: skip
    assert judged(lab, SHARED, answers) == {
        "ec2": none, "either": none, "unsaid": none, "fargate": none, "anywhere": none, "one": "fail low",
        "two": "fail low", "alone": "pass", "same": "fail low",
    }  # fmt: skip


def test_secrets_in_variables(lab: Lab) -> None:
    answers = of_containers(
        clean=[container(environment={"LOG_LEVEL": "info", "DB_PASSWORD_FILE": "/run/secrets/db", "TOKEN": ""})],
        key=[container(), container("side", {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET})],
        renamed=[container(environment={"UPLOADER": KEY_ID})],
        session=[container(environment={"AWS_SESSION_TOKEN": SECRET * 3})],
        dummy=[container(environment={"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"})],
        password=[container(environment={"DB_PASSWORD": PASSWORD})],
        url=[container(environment={"DATABASE": f"postgres://shop:{PASSWORD}@db/shop"})],
        unsaid=[{"name": "app", "image": "shop:1"}],
    )
    assert judged(lab, KEYS, answers) == {
        "clean": "pass", "key": "fail critical", "renamed": "fail critical", "session": "fail critical",
        "dummy": "fail medium", "password": "pass", "url": "pass", "unsaid": "pass",
    }  # fmt: skip
    assert judged(lab, SECRETS, answers) == {
        "clean": "pass", "key": "pass", "renamed": "pass", "session": "pass", "dummy": "pass",
        "password": "fail high", "url": "fail high", "unsaid": "pass",
    }  # fmt: skip


def test_no_value_is_kept(lab: Lab, tmp_path: Path) -> None:
    values = {"AWS_ACCESS_KEY_ID": KEY_ID, "DB_PASSWORD": PASSWORD, "HARMLESS": "Honduras"}
    answers = of_containers(shop=[container(environment=values)])
    with lab.but(answers=answers):
        inventory = lab.inventory([RULES_BY_ID[rule] for rule in (KEYS, SECRETS)])
    save(inventory, tmp_path / "snapshot")
    again = load(tmp_path / "snapshot")
    assert again.resources == inventory.resources
    said = repr(again) + "".join(f.model_dump_json() for f in lab.findings(SECRETS, answers=answers).values())
    assert "DB_PASSWORD" in said
    assert not any(value in said for value in values.values())
    found = lab.findings(KEYS, answers=answers)["shop:1"]
    assert found.evidence == {"variables": ["app/AWS_ACCESS_KEY_ID"]}


def test_logs_and_traces(lab: Lab) -> None:
    logs: dict[str, Any] = {"logConfiguration": {"logDriver": "awslogs"}}
    answers = of_containers(
        good=[container(**logs), container("side", **logs)],
        sidecar=[container(**logs), container("side")],
        silent=[container(logConfiguration={"logDriver": "none"})],
    )
    assert judged(lab, LOGS, answers) == {"good": "pass", "sidecar": "fail medium", "silent": "fail medium"}
    xray, otel = {"AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000"}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4317"}
    daemon = {**container("daemon"), "image": "public.ecr.aws/xray/aws-xray-daemon:3"}
    answers = of_containers(
        plain=[container()], traced=[container(environment=xray), daemon], lost=[container(environment=otel)],
        remote=[container(environment={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.internal:4317"})],
    )  # fmt: skip
    assert judged(lab, TRACES, answers) == {
        "plain": "not_applicable", "traced": "pass", "lost": "fail informational", "remote": "not_applicable",
    }  # fmt: skip
    assert judged(lab, TRACES, answers, collectors=("shop",))["lost"] == "pass"


def test_what_containers_may_do(lab: Lab) -> None:
    answers = of_containers(plain=[container()], off=[container(privileged=False)], on=[container(privileged=True)])
    assert judged(lab, PRIVILEGED, answers) == {"plain": "pass", "off": "pass", "on": "fail high"}
    answers = of_containers(open=[container()], closed=[container(readonlyRootFilesystem=True)])
    assert judged(lab, READONLY, answers) == {"open": "fail low", "closed": "pass"}
    windows = {"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}}
    assert judged(lab, READONLY, tasks({"windows": windows})) == {"windows": "not_applicable"}
    answers = tasks({"own": {}, "task": {"pidMode": "task", "ipcMode": "none"}, "pid": {"pidMode": "host"},
                     "ipc": {"ipcMode": "host"}})  # fmt: skip
    assert judged(lab, NAMESPACE, answers) == {
        "own": "pass", "task": "pass", "pid": "fail medium", "ipc": "fail medium",
    }  # fmt: skip
    users: dict[str, Any] = {"unsaid": {}, "root": {"user": "root"}, "zero": {"user": "0:0"}, "app": {"user": "1000"},
                             "privileged": {"privileged": True}}  # fmt: skip
    found = {name: {"networkMode": "host", "containerDefinitions": [container(**more)]} for name, more in users.items()}
    assert judged(lab, NETWORK, tasks({**found, "bridge": {"networkMode": "bridge"}})) == {
        "unsaid": "fail medium", "root": "fail medium", "zero": "fail medium", "app": "pass", "privileged": "pass",
        "bridge": "not_applicable",
    }  # fmt: skip


def test_host_ports(lab: Lab) -> None:
    def ports(port: int | None, **more: Any) -> dict[str, Any]:
        mapping = {"containerPort": 80} | ({} if port is None else {"hostPort": port})
        return {"containerDefinitions": [container(portMappings=[mapping])], **more}

    definitions = {
        "fixed": ports(80), "zero": ports(0), "unset": ports(None), "awsvpc": ports(80, networkMode="awsvpc"),
        "unbalanced": ports(80), "other": ports(80), "fargate": ports(80, requiresCompatibilities=["FARGATE"]),
    }  # fmt: skip
    balanced = {"clusterArn": f"{ARN}cluster/shop", "status": "ACTIVE", "desiredCount": 1, "launchType": "EC2",
                "schedulingStrategy": "REPLICA"}  # fmt: skip
    services = {
        name: {
            **balanced, "serviceName": name, "taskDefinition": arn(name),
            "loadBalancers": [{"containerName": "proxy" if name == "other" else "app", "containerPort": 80}],
        }
        for name in ("fixed", "zero", "awsvpc", "other")
    }  # fmt: skip
    assert judged(lab, PORTS, tasks(definitions, **services)) == {
        "fixed": "fail low", "zero": "pass", "unset": "pass", "awsvpc": "not_applicable",
        "unbalanced": "not_applicable", "other": "pass", "fargate": "not_applicable",
    }  # fmt: skip


def test_which_revisions_are_judged(lab: Lab) -> None:
    """The newest of each family, and an older one that a service, or one of its task sets, still runs."""
    ecs = lab.client("ecs")
    ecs.create_cluster(clusterName="shop")
    for _ in range(4):
        ecs.register_task_definition(family="shop", containerDefinitions=[container(memory=9)], tags=[])
    ecs.create_service(cluster="shop", serviceName="web", taskDefinition="shop:2", desiredCount=1)
    ecs.create_service(
        cluster="shop",
        serviceName="api",
        desiredCount=1,
        deploymentController={"type": "EXTERNAL"},
        taskDefinition="shop:4",
    )
    ecs.create_task_set(cluster="shop", service="api", taskDefinition="shop:3")
    assert set(lab.statuses(PRIVILEGED)) == {"shop:4", "shop:3", "shop:2"}


def test_services_that_are_gone_or_refused(lab: Lab) -> None:
    answers = tasks({"shop": {}}, web={})
    for reason, statuses in (("MISSING", {"shop:1": "pass"}), ("ACCESS", {"*": "unknown"})):
        answers["ecs:DescribeServices"] = {"failures": [{"arn": f"{ARN}service/shop/web", "reason": reason}]}
        assert lab.statuses(PRIVILEGED, answers=answers) == statuses


def test_where_there_are_no_families_nothing_else_is_asked(lab: Lab) -> None:
    assert lab.statuses(PRIVILEGED, deny=["ecs:ListClusters"]) == {}


def test_what_is_denied_is_unknown(lab: Lab) -> None:
    answers = tasks({"shop": {"requiresCompatibilities": ["FARGATE"]}}, web={"taskDefinition": arn("shop")})
    for operation in ("ListTaskDefinitionFamilies", "DescribeTaskDefinition", "ListClusters", "ListServices",
                      "DescribeServices"):  # fmt: skip
        with lab.but(deny=[f"ecs:{operation}"], answers=answers):
            judged = lab.judge(*RULES)
        assert {(finding.rule, finding.status.value) for finding in judged.findings} == {
            (rule, "unknown") for rule in RULES
        }
    answers["ecs:DescribeTaskDefinition"] = Error("ClientException", "Unable to describe task definition.")
    assert lab.statuses(ROLE, answers=answers) == {"*": "unknown"}


@pytest.mark.parametrize("rule", [PORTS])
def test_services_matter_only_where_ports_are_fixed(lab: Lab, rule: str) -> None:
    answers = tasks({"shop": {}})
    assert lab.statuses(rule, answers=answers, deny=["ecs:DescribeClusters"]) == {"shop:1": "pass"}
