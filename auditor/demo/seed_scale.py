"""Auto Scaling groups and what they launch from, containers, their images, and where these are edited."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from auditor.demo.emulator import ACCOUNT
from auditor.demo.protocol import Error, Params
from auditor.demo.seed_compute import AMAZON, IMAGES
from auditor.demo.stage import ANALYTICS, EXPERIMENT, PRODUCTION, STAGING, Stage, allow, arn, document, specify, tags

# Repository, region, scanned on push, whether tags may move, whether old images expire, whether everyone is let in.
REPOSITORIES = (
    ("northwind/shop-api", PRODUCTION, True, "IMMUTABLE", True, False),
    ("northwind/label-printer", PRODUCTION, True, "MUTABLE", False, False),
    ("northwind/till-demo", STAGING, False, "MUTABLE", False, True),
)
LABELS = "label-hosts"  # what label printers run on
COLLECTOR = "public.ecr.aws/aws-observability/aws-otel-collector:v0.43.2"
AZ = {"type": "spread", "field": "attribute:ecs.availability-zone"}
STEADY = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}


# Put together here, so that no scanner takes this file for a leak.
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIA" + "NORTHWIND" + "DEMO77B",
    "AWS_SECRET_ACCESS_KEY": "".join(("Kd8Zq2Xw", "5Rt9Lp3Vn", "7Bs1Hf6Mc4", "Gy0Ja2Ue8Qo7T")),
}
PASSWORD = "".join(("Roast", "ed-Nightly", "-17"))


def build(stage: Stage) -> None:
    """Make all of it."""
    _label_hosts(stage)
    _groups(stage)
    _old_groups(stage)
    _images(stage)
    _configurations(stage)
    _policies(stage)
    _repositories(stage)
    _tasks(stage)
    _clusters(stage)
    _kubernetes(stage)
    _environments(stage)


# --- Auto Scaling


def _groups(stage: Stage) -> None:
    """Production's: they are as they should be, but for the label printers' hosts, which install what they need."""
    shop, orders, labels = (_template(stage, PRODUCTION, name) for name in ("shop-web", "order-service", LABELS))
    private = ",".join(stage.names[f"northwind-production/private-{zone}"] for zone in "ab")
    target = arn("elasticloadbalancing", PRODUCTION, "targetgroup/{}/6d0ecf831eec9f09")
    sound: dict[str, Any] = {
        "HealthCheckType": "EC2,ELB", "VPCZoneIdentifier": private, "CapacityRebalance": True,
        "DefaultInstanceWarmup": 120, "EnabledMetrics": [{"Metric": "GroupInServiceInstances"}],
        "InstanceMaintenancePolicy": {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 120},
        "AvailabilityZones": [f"{PRODUCTION}a", f"{PRODUCTION}b"],
    }  # fmt: skip
    mixed = {
        "LaunchTemplate": {
            "LaunchTemplateSpecification": shop,
            "Overrides": [{"InstanceType": size} for size in ("m6i.large", "m6a.large", "m5.large")],
        },
        "InstancesDistribution": {"OnDemandBaseCapacity": 2, "OnDemandPercentageAboveBaseCapacity": 25},
    }
    managed = [*tags(None, "production", "platform"), {"Key": "AmazonECSManaged", "Value": ""}]
    _answer_groups(stage, PRODUCTION, (
        _group(stage, PRODUCTION, "shop-web", "shop", 2, 6, MixedInstancesPolicy=mixed, **sound,
               TargetGroupARNs=[target.format("shop-web")],
               Instances=_members(stage, {**shop, "Version": "2"}, "shop-web-1", "shop-web-2")),
        _group(stage, PRODUCTION, "order-service", "shop", 2, 4, LaunchTemplate={**orders, "Version": "$Latest"},
               **sound, TargetGroupARNs=[target.format("orders")],
               Instances=_members(stage, {**orders, "Version": "1"}, "order-service-1", "order-service-2")),
        _group(stage, PRODUCTION, LABELS, "platform", 0, 3, LaunchTemplate=labels, **sound, Tags=managed),
    ))  # fmt: skip


def _old_groups(stage: Stage) -> None:
    """Staging's copy of long ago, and a trainer that cannot launch any more."""
    _answer_groups(stage, STAGING, (
        _group(stage, STAGING, "staging-web", "shop", 1, 2, LaunchTemplate=_template(stage, STAGING, "staging-web"),
               AvailabilityZones=[f"{STAGING}a"], LoadBalancerNames=["staging-web"], DesiredCapacity=2,
               VPCZoneIdentifier=stage.names["northwind-staging/public-a"], DefaultCooldown=900,
               SuspendedProcesses=[{"ProcessName": "ReplaceUnhealthy",
                                    "SuspensionReason": "User suspended at 2025-03-14T09:12:44Z"}],
               Instances=_members(stage, None, "staging-web")),
    ))  # fmt: skip
    _answer_groups(stage, EXPERIMENT, (
        _group(stage, EXPERIMENT, "roast-training", "dario.rossi", 1, 3, LaunchConfigurationName="roast-training-7",
               AvailabilityZones=[f"{EXPERIMENT}a"], LoadBalancerNames=["roast-demo"], DefaultCooldown=0),
    ))  # fmt: skip
    refreshes = {"shop-web": ("Successful", 12.0), "staging-web": ("RollbackFailed", 20.0)}

    def refreshed(params: Params, _: str, __: str) -> Mapping[str, Any]:
        status, days = refreshes.get(params["AutoScalingGroupName"], ("", 0.0))
        found = {"InstanceRefreshId": "08b91cf7-8fa6-48af-b6a6-d227f40f1b9b", "Status": status}
        return {"InstanceRefreshes": [{**found, "StartTime": stage.ago(days)}] if status else []}

    stage.answers["autoscaling:DescribeInstanceRefreshes"] = refreshed


def _label_hosts(stage: Stage) -> None:
    text = "#!/bin/bash\ndnf install -y ecs-init\nsystemctl enable --now ecs\n"
    data = {
        "ImageId": AMAZON, "InstanceType": "t3.medium", "MetadataOptions": {"HttpTokens": "required"},
        "UserData": base64.b64encode(text.encode()).decode(),
    }  # fmt: skip
    tagged = specify("launch-template", tags(LABELS, "production", "platform"))
    stage.client("ec2").create_launch_template(
        LaunchTemplateName=LABELS, LaunchTemplateData=data, TagSpecifications=tagged
    )


def _images(stage: Stage) -> None:
    """Others' images that the account launches from are there: moto knows those of its own choice only."""
    before = stage.answers.get("ec2:DescribeImages")

    def answer(params: Params, region: str, account: str) -> Mapping[str, Any] | Error | None:
        wanted = [value for each in params.get("Filters", ()) if each["Name"] == "image-id" for value in each["Values"]]
        if wanted and IMAGES.keys() >= set(wanted):
            return {"Images": [_image(each) for each in wanted]}
        return before(params, region, account) if callable(before) else None

    stage.answers["ec2:DescribeImages"] = answer


def _image(name: str) -> dict[str, Any]:
    owner, alias, public = IMAGES[name]
    image = {"ImageId": name, "State": "available", "OwnerId": owner, "Public": public}
    return image | ({"ImageOwnerAlias": alias} if alias else {})


def _template(stage: Stage, region: str, name: str) -> dict[str, str]:
    """A launch template as groups name it: its default version."""
    found = stage.client("ec2", region).describe_launch_templates(LaunchTemplateNames=[name])["LaunchTemplates"]
    return {"LaunchTemplateId": found[0]["LaunchTemplateId"], "LaunchTemplateName": name, "Version": "$Default"}


def _members(stage: Stage, template: dict[str, str] | None, *names: str) -> list[dict[str, Any]]:
    """Instances of a group, in service; without a template, from a configuration that is no more the group's."""
    source = {"LaunchTemplate": template} if template else {"LaunchConfigurationName": "staging-web-2024"}
    common = {"AvailabilityZone": "a", "LifecycleState": "InService", "HealthStatus": "Healthy"}
    return [{"InstanceId": stage.names[name], "ProtectedFromScaleIn": False, **common, **source} for name in names]


def _group_arn(region: str, name: str) -> str:
    unique = "7c1e1b1e-1971-4a7e-9d0a-5f1f0e8c4b21"
    return arn("autoscaling", region, f"autoScalingGroup:{unique}:autoScalingGroupName/{name}")


def _group(stage: Stage, region: str, name: str, owner: str, least: int, most: int, **more: Any) -> dict[str, Any]:
    return {
        "AutoScalingGroupName": name, "AutoScalingGroupARN": _group_arn(region, name), "MinSize": least,
        "MaxSize": most, "DesiredCapacity": least, "DefaultCooldown": 300, "HealthCheckType": "EC2",
        "HealthCheckGracePeriod": 300, "CreatedTime": stage.ago(310),
        "Tags": tags(None, "production" if region == PRODUCTION else "staging", owner),
        **more,
    }  # fmt: skip


def _answer_groups(stage: Stage, region: str, groups: tuple[dict[str, Any], ...]) -> None:
    """Moto would launch the instances, and knows only half of a group's settings."""

    def answer(params: Params, _: str, __: str) -> Mapping[str, Any]:
        wanted = params.get("AutoScalingGroupNames")
        return {"AutoScalingGroups": [g for g in groups if not wanted or g["AutoScalingGroupName"] in wanted]}

    stage.answers[f"autoscaling:DescribeAutoScalingGroups@{region}"] = answer


def _configurations(stage: Stage) -> None:
    autoscaling = stage.client("autoscaling", EXPERIMENT)
    common = {"InstanceType": "g4dn.xlarge", "SecurityGroups": [stage.names["roast-predictor/launch-wizard-1"]]}
    script = "#!/bin/bash\n" + "".join(f"export {name}={value}\n" for name, value in KEYS.items())
    autoscaling.create_launch_configuration(
        LaunchConfigurationName="roast-training-7", ImageId="ami-0deadbea715bad0ff", SpotPrice="0.40",
        AssociatePublicIpAddress=True, UserData=script, **common,
    )  # fmt: skip
    autoscaling.create_launch_configuration(
        LaunchConfigurationName="roast-training-6", ImageId=AMAZON,
        MetadataOptions={"HttpTokens": "required", "HttpEndpoint": "enabled"}, **common,
    )  # fmt: skip


def _policies(stage: Stage) -> None:
    tracking: dict[str, Any] = {"TargetValue": 50.0, "PredefinedMetricSpecification": {
        "PredefinedMetricType": "ASGAverageCPUUtilization"}}  # fmt: skip
    forecast: dict[str, Any] = {"MetricSpecifications": [{"TargetValue": 50.0}]}
    simple = {"PolicyType": "SimpleScaling", "AdjustmentType": "ChangeInCapacity"}
    for region, policies in (
        (PRODUCTION, (
            ("shop-web", "cpu", {"PolicyType": "TargetTrackingScaling", "TargetTrackingConfiguration": tracking}),
            ("shop-web", "mornings", {"PolicyType": "PredictiveScaling",
                                      "PredictiveScalingConfiguration": {**forecast, "Mode": "ForecastAndScale"}}),
            ("order-service", "weekends", {"PolicyType": "PredictiveScaling",
                                           "PredictiveScalingConfiguration": {**forecast, "Mode": "ForecastOnly"}}),
            ("order-service", "one-more", {**simple, "ScalingAdjustment": 1}),
            ("order-service", "one-less", {**simple, "ScalingAdjustment": -1, "Cooldown": 60}),
            ("order-service", "half", {**simple, "ScalingAdjustment": -2}),
        )),
        (EXPERIMENT, (("roast-training", "more", {**simple, "ScalingAdjustment": 2}),)),
    ):  # fmt: skip
        stage.answers[f"autoscaling:DescribePolicies@{region}"] = {"ScalingPolicies": [
            {"AutoScalingGroupName": group, "PolicyName": name, "Enabled": True, **more,
             "PolicyARN": arn("autoscaling", region,
                              f"scalingPolicy:1f0e8c4b:autoScalingGroupName/{group}:policyName/{name}")}
            for group, name, more in policies
        ]}  # fmt: skip


# --- Containers


def _repositories(stage: Stage) -> None:
    expire = {"rulePriority": 1, "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed",
              "countUnit": "days", "countNumber": 14}, "action": {"type": "expire"}}  # fmt: skip
    for name, region, scanned, mutability, expires, public in REPOSITORIES:
        ecr = stage.client("ecr", region)
        ecr.create_repository(
            repositoryName=name,
            imageScanningConfiguration={"scanOnPush": scanned},
            imageTagMutability=mutability,
            tags=tags(None, "production", "shop"),
        )
        if expires:
            ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=json.dumps({"rules": [expire]}))
        if public:
            pull = allow(["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], "*", Sid="Agency", Principal="*")
            del pull["Resource"]
            ecr.set_repository_policy(repositoryName=name, policyText=json.dumps(document(pull)))


def _container(name: str, image: str, logs: bool = True, **more: Any) -> dict[str, Any]:
    driver = {"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": f"/ecs/{name}"}}}
    environment = [{"name": key, "value": value} for key, value in more.pop("variables", {}).items()]
    return {"name": name, "image": image, "memory": 512, "environment": environment, **(driver if logs else {}), **more}


def _tasks(stage: Stage) -> None:
    """Production's tasks were reviewed; staging's were not, and share what they could."""
    images = f"{ACCOUNT}.dkr.ecr.{PRODUCTION}.amazonaws.com/northwind"
    role = f"arn:aws:iam::{ACCOUNT}:role/northwind-{{}}"
    locked: dict[str, Any] = {"readonlyRootFilesystem": True, "user": "1000"}
    otel = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4317", "LOG_LEVEL": "info"}
    copied = {**KEYS, "DB_PASSWORD": PASSWORD, "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000"}
    open_port, fixed_port = ([{"containerPort": 8080, "hostPort": port}] for port in (0, 8080))
    for region, family, options, containers in (
        (PRODUCTION, "shop-api",
         {"taskRoleArn": role.format("shop-api"), "executionRoleArn": role.format("ecs-start"),
          "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "512", "memory": "1024"},
         [_container("api", f"{images}/shop-api:2.31.0", variables=otel, **locked),
          _container("collector", COLLECTOR, **locked)]),
        (PRODUCTION, "label-printer", {"taskRoleArn": role.format("label-printer"), "networkMode": "bridge"},
         [_container("printer", f"{images}/label-printer:9", portMappings=open_port, **locked)]),
        (PRODUCTION, "till-sync", {"taskRoleArn": role.format("till-sync"), "networkMode": "host"},
         [_container("sync", f"{images}/till-sync:4", **locked)]),
        (STAGING, "staging-api", {"taskRoleArn": role.format("staging"), "executionRoleArn": role.format("staging")},
         [_container("api", f"{images}/shop-api:latest", logs=False, variables=copied,
                     portMappings=fixed_port)]),
        (STAGING, "staging-labels", {"networkMode": "host", "pidMode": "host"},
         [_container("printer", f"{images}/label-printer:latest", logs=False),
          _container("usb", "debian:stable", logs=False, privileged=True)]),
    ):  # fmt: skip
        made = stage.client("ecs", region).register_task_definition(
            family=family, containerDefinitions=containers, tags=_pairs("shop"), **options
        )
        stage.names[f"{family}/task"] = made["taskDefinition"]["taskDefinitionArn"]


def _pairs(owner: str) -> list[dict[str, str]]:
    return [{"key": tag["Key"].lower(), "value": tag["Value"]} for tag in tags(None, "production", owner)]


def _clusters(stage: Stage) -> None:
    for region, name, insights in (
        (PRODUCTION, "northwind", "enhanced"), (STAGING, "staging", "disabled"), (EXPERIMENT, "roast", "disabled"),
    ):  # fmt: skip
        settings = [{"name": "containerInsights", "value": insights}]
        stage.client("ecs", region).create_cluster(clusterName=name, settings=settings, tags=_pairs("platform"))
    _services(stage, PRODUCTION, "northwind", {
        "shop-api": {
            "desiredCount": 2, "loadBalancers": _balanced(PRODUCTION), "platformVersion": "LATEST",
            "capacityProviderStrategy": [{"capacityProvider": "FARGATE", "base": 2, "weight": 1}],
            "networkConfiguration": _network(stage.names["northwind-production/private-a"], "DISABLED"),
        },
        "label-printer": {"desiredCount": 2, "launchType": "EC2", "placementStrategy": [AZ]},
    })  # fmt: skip
    unsteady: dict[str, Any] = {"deploymentConfiguration": {"minimumHealthyPercent": 50}}
    _services(stage, STAGING, "staging", {
        "staging-api": {"desiredCount": 1, "launchType": "EC2", "loadBalancers": _balanced(STAGING), **unsteady},
        "staging-labels": {
            "desiredCount": 2, "launchType": "EC2", "placementStrategy": [{"type": "binpack", "field": "memory"}],
        },
        "staging-jobs": {
            "desiredCount": 1, "launchType": "FARGATE", "platformVersion": "1.3.0",
            "networkConfiguration": _network(stage.names["northwind-staging/public-a"], "ENABLED"),
        },
    })  # fmt: skip
    stage.client("application-autoscaling").register_scalable_target(
        ServiceNamespace="ecs", ScalableDimension="ecs:service:DesiredCount", MinCapacity=2, MaxCapacity=8,
        ResourceId="service/northwind/shop-api",
    )  # fmt: skip
    _hosts(stage)


def _balanced(region: str) -> list[dict[str, Any]]:
    target = arn("elasticloadbalancing", region, "targetgroup/shop-api/73e2d6bc24d8a067")
    return [{"targetGroupArn": target, "containerName": "api", "containerPort": 8080}]


def _network(subnet: str, public: str) -> dict[str, Any]:
    return {"awsvpcConfiguration": {"subnets": [subnet], "assignPublicIp": public}}


def _services(stage: Stage, region: str, cluster: str, services: dict[str, dict[str, Any]]) -> None:
    """Moto keeps the services, and this what it does not know of them."""
    described = {}
    for name, more in services.items():
        task = stage.names.get(f"{name}/task") or stage.names["staging-api/task"]
        made = stage.client("ecs", region).create_service(
            cluster=cluster, serviceName=name, taskDefinition=task, desiredCount=more["desiredCount"]
        )["service"]
        common = {
            "serviceName": name, "serviceArn": made["serviceArn"], "clusterArn": made["clusterArn"],
            "taskDefinition": task, "status": "ACTIVE", "schedulingStrategy": "REPLICA",
            "deploymentConfiguration": STEADY, "tags": _pairs("shop"),
        }  # fmt: skip
        described[made["serviceArn"]] = common | more

    def answer(params: Params, _: str, __: str) -> Mapping[str, Any]:
        return {"services": [described[service] for service in params["services"] if service in described]}

    stage.answers[f"ecs:DescribeServices@{region}"] = answer


def _hosts(stage: Stage) -> None:
    """The build server also runs the label printer; on the trainer nobody looks after the agent."""
    for region, cluster, instance, connected in (
        (PRODUCTION, "northwind", "jenkins", True), (EXPERIMENT, "roast", "roast-predictor-gpu", False),
    ):  # fmt: skip
        identity = json.dumps({"instanceId": stage.names[instance], "region": region})
        made = stage.client("ecs", region).register_container_instance(
            cluster=cluster, instanceIdentityDocument=identity, instanceIdentityDocumentSignature=""
        )["containerInstance"]["containerInstanceArn"]
        held = stage.backend("ecs", region).container_instances[cluster][made.rpartition("/")[2]]
        held.agent_connected = connected
    for region, name, scaling in ((PRODUCTION, LABELS, "ENABLED"), (STAGING, "staging-hosts", "DISABLED")):
        stage.client("ecs", region).create_capacity_provider(
            name=name,
            autoScalingGroupProvider={
                "autoScalingGroupArn": _group_arn(region, name),
                "managedScaling": {"status": scaling},
                "managedTerminationProtection": scaling,
                "managedDraining": "ENABLED",
            },
        )


# --- Kubernetes and Cloud9


def _kubernetes(stage: Stage) -> None:
    """The analysts' cluster runs their schedules, and the partner's office may reach it; a trial is open to all."""
    open_to = {"schedules": "203.0.113.0/24", "schedules-trial": "0.0.0.0/0"}

    def describe(params: Params, _: str, __: str) -> Mapping[str, Any]:
        config = {"endpointPublicAccess": True, "endpointPrivateAccess": True}
        name = params["name"]
        return {"cluster": {"name": name, "resourcesVpcConfig": {**config, "publicAccessCidrs": [open_to[name]]}}}

    stage.answers[f"eks:ListClusters@{ANALYTICS}"] = {"clusters": list(open_to)}
    stage.answers[f"eks:DescribeCluster@{ANALYTICS}"] = describe


def _environments(stage: Stage) -> None:
    connections = {"8b1a9953c4611296a827abf8c47804d7": "CONNECT_SSM", "c3fcd3d76192e4007dfb496cca67e13b": "CONNECT_SSH"}

    def describe(params: Params, _: str, __: str) -> Mapping[str, Any]:
        return {"environments": [
            {"id": each, "name": "bean-lab" if connections[each] == "CONNECT_SSM" else "bean-lab-old", "type": "ec2",
             "arn": arn("cloud9", ANALYTICS, f"environment:{each}"), "connectionType": connections[each],
             "ownerArn": f"arn:aws:iam::{ACCOUNT}:user/dario.rossi"}
            for each in params["environmentIds"]
        ]}  # fmt: skip

    def shares(params: Params, _: str, __: str) -> Mapping[str, Any]:
        owner = {"permissions": "owner", "userId": "AIDA", "userArn": f"arn:aws:iam::{ACCOUNT}:user/dario.rossi"}
        return {"memberships": [{**owner, "environmentId": params["environmentId"]}]}

    stage.answers[f"cloud9:ListEnvironments@{ANALYTICS}"] = {"environmentIds": list(connections)}
    stage.answers[f"cloud9:DescribeEnvironments@{ANALYTICS}"] = describe
    stage.answers[f"cloud9:DescribeEnvironmentMemberships@{ANALYTICS}"] = shares
