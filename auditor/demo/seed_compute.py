"""Instances, their disks and images, launch templates, and the settings that guard new ones."""

import base64
from collections.abc import Mapping
from typing import Any

from auditor.demo.emulator import ACCOUNT, backend
from auditor.demo.protocol import Params
from auditor.demo.stage import (
    ANALYTICS,
    EXPERIMENT,
    PRODUCTION,
    PUBLISHER,
    RECOVERY,
    STAGING,
    Stage,
    specify,
    tags,
)

AMAZON, UBUNTU, LOOKALIKE = "ami-0a1ee2fb28fe05df3", "ami-0d527b8c289b4af7f", "ami-0bad5eed0bad5eed0"
# Image, its owner, the owner's alias, whether it is public.
IMAGES: dict[str, tuple[str, str | None, bool]] = {
    AMAZON: ("137112412989", "amazon", True),
    UBUNTU: ("099720109477", None, True),
    LOOKALIKE: (PUBLISHER, None, True),
}
# Region, name, VPC, subnet, group, image, type, IMDSv2, environment, owner, age in days, encrypted disk, user data.
INSTANCES: tuple[tuple[str, str, str, str, str, str, str, bool, str, str, int, bool, str], ...] = (
    (PRODUCTION, "shop-web-1", "northwind-production", "public-b", "web", AMAZON, "t3.medium", True,
     "production", "shop", 120, True, "plain"),
    (PRODUCTION, "shop-web-2", "northwind-production", "public-b", "web", AMAZON, "t3.medium", True,
     "production", "shop", 120, True, "plain"),
    (PRODUCTION, "order-service-1", "northwind-production", "private-a", "app", AMAZON, "m6i.large", True,
     "production", "shop", 96, True, ""),
    (PRODUCTION, "order-service-2", "northwind-production", "private-b", "app", AMAZON, "m6i.large", True,
     "production", "shop", 96, True, ""),
    (PRODUCTION, "bastion", "northwind-production", "public-a", "bastion", UBUNTU, "t3.micro", False,
     "production", "platform", 830, False, ""),
    (PRODUCTION, "jenkins", "northwind-production", "private-a", "app", UBUNTU, "m5.xlarge", False,
     "production", "platform", 702, False, "key"),
    (STAGING, "staging-web", "northwind-staging", "public-a", "web", AMAZON, "t3.small", False,
     "staging", "shop", 310, False, "password"),
    (STAGING, "staging-orders", "northwind-staging", "private-a", "app", AMAZON, "t3.small", True,
     "staging", "shop", 310, True, ""),
    (EXPERIMENT, "roast-predictor-gpu", "roast-predictor", "public-a", "launch-wizard-1", LOOKALIKE, "g4dn.xlarge",
     False, "experiment", "dario.rossi", 960, False, ""),
    (ANALYTICS, "notebooks", "northwind-analytics", "public-a", "jupyter", UBUNTU, "r5.xlarge", True,
     "production", "analytics", 200, True, "plain"),
    (ANALYTICS, "nightly-loader", "northwind-analytics", "private-a", "warehouse", AMAZON, "m5.large", True,
     "production", "analytics", 200, False, "plain"),
    (RECOVERY, "order-service-standby", "northwind-recovery", "private-a", "database", AMAZON, "m6i.large", True,
     "recovery", "platform", 60, True, ""),
)  # fmt: skip
# What new resources get, by region: encrypted volumes, snapshots and images not shareable, IMDSv2.
GUARDED = (PRODUCTION, STAGING, RECOVERY)


def build(stage: Stage) -> None:
    """Make all of it."""
    for row in INSTANCES:
        _instance(stage, *row)
    _states(stage)
    _loose_volumes(stage)
    _images(stage)
    _snapshots(stage)
    _templates(stage)
    _settings(stage)


def _script(kind: str) -> str:
    """User data. The secrets are put together here, so that no scanner takes this file for a leak."""
    password = "".join(("Roast", "ed-Daily", "-41"))
    key, secret = "AKIA" + "NORTHWIND" + "DEMO42Q", "".join(("wJq7Zt2", "Lx9Rk4Vb8Nd3", "Hs6Pf1Mc5Gy0", "Ta2Ue8Qo7"))
    return {
        "plain": "#!/bin/bash\nyum update -y\nsystemctl enable --now shop\n",
        "password": f"#!/bin/bash\nexport DB_HOST=orders.internal\nexport DB_PASSWORD='{password}'\n./start.sh\n",
        "key": "#!/bin/bash\n"
        f"aws configure set aws_access_key_id {key}\naws configure set aws_secret_access_key {secret}\n",
    }[kind]


def _instance(
    stage: Stage, region: str, name: str, vpc: str, subnet: str, group: str, image: str, size: str, tokens: bool,
    environment: str, owner: str, age: int, encrypted: bool, script: str,
) -> None:  # fmt: skip
    cost_center = {"production": "cc-100", "staging": "cc-200", "recovery": "cc-100"}.get(environment, "")
    tagged = tags(name, environment, owner, cost_center)
    disk = {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 40, "VolumeType": "gp3", "Encrypted": encrypted}}
    made = stage.client("ec2", region).run_instances(
        ImageId=image,
        InstanceType=size,
        MinCount=1,
        MaxCount=1,
        SubnetId=stage.names[f"{vpc}/{subnet}"],
        SecurityGroupIds=[stage.names[f"{vpc}/{group}"]],
        MetadataOptions={"HttpTokens": "required" if tokens else "optional", "HttpEndpoint": "enabled"},
        BlockDeviceMappings=[disk],
        TagSpecifications=[*specify("instance", tagged), *specify("volume", tagged)],
        **({"UserData": _script(script)} if script else {}),
    )["Instances"][0]
    stage.names[name] = made["InstanceId"]
    instance = stage.backend("ec2", region).get_instance(made["InstanceId"])
    for device in instance.block_device_mapping.values():
        stage.names[f"{name}/volume"] = device.volume_id
        stage.backend("ec2", region).volumes[device.volume_id].create_time = stage.ago(age)


def _states(stage: Stage) -> None:
    """The standby is stopped; an instance of last week is still in the list, terminated."""
    stage.client("ec2", RECOVERY).stop_instances(InstanceIds=[stage.names["order-service-standby"]])
    ec2 = stage.client("ec2", ANALYTICS)
    gone = ec2.run_instances(
        ImageId=AMAZON,
        InstanceType="m5.large",
        MinCount=1,
        MaxCount=1,
        SubnetId=stage.names["northwind-analytics/private-a"],
        TagSpecifications=specify("instance", tags("nightly-loader-test", "production", "analytics")),
    )["Instances"][0]["InstanceId"]
    ec2.terminate_instances(InstanceIds=[gone])

    def images(params: Params, region: str, account: str) -> Mapping[str, Any]:
        """Whose image each instance was launched from: moto takes every image for the account's own."""
        ec2 = backend("ec2", region, account)
        every = [each for reservation in ec2.reservations.values() for each in reservation.instances]
        wanted = params.get("InstanceIds")
        return {"InstanceImageMetadata": [_image(stage, each) for each in every if not wanted or each.id in wanted]}

    stage.answers["ec2:DescribeInstanceImageMetadata"] = images


def _image(stage: Stage, instance: Any) -> dict[str, Any]:
    owner, alias, public = IMAGES.get(instance.image_id, (ACCOUNT, None, False))
    image = {"ImageId": instance.image_id, "OwnerId": owner, "IsPublic": public, "State": "available"}
    image["CreationDate"] = f"{stage.ago(81 if instance.image_id == AMAZON else 1380):%Y-%m-%dT08:00:00.000Z}"
    if instance.image_id == LOOKALIKE:
        image["State"] = "deregistered"
    return {
        "InstanceId": instance.id,
        "InstanceType": instance.instance_type,
        "ImageMetadata": image | ({"ImageOwnerAlias": alias} if alias else {}),
    }


def _loose_volumes(stage: Stage) -> None:
    for region, name, owner, age, encrypted in (
        (EXPERIMENT, "training-data", "dario.rossi", 955, False),
        (PRODUCTION, "orders-import-2023", "shop", 1010, True),
    ):
        volume = stage.client("ec2", region).create_volume(
            AvailabilityZone=f"{region}a",
            Size=200,
            Encrypted=encrypted,
            TagSpecifications=specify("volume", tags(name, "production", owner)),
        )["VolumeId"]
        stage.backend("ec2", region).volumes[volume].create_time = stage.ago(age)
        stage.names[f"{name}/volume"] = volume


def _images(stage: Stage) -> None:
    """Golden images, and one that was published for an agency."""
    for region, instance, name, public in (
        (PRODUCTION, "shop-web-1", "northwind-web-2026-08", False),
        (STAGING, "staging-web", "northwind-till-demo", True),
    ):
        ec2 = stage.client("ec2", region)
        image = ec2.create_image(
            InstanceId=stage.names[instance],
            Name=name,
            TagSpecifications=specify("image", tags(name, "production", "platform")),
        )["ImageId"]
        stage.names[name] = image
        if public:
            ec2.modify_image_attribute(ImageId=image, LaunchPermission={"Add": [{"Group": "all"}]})


def _snapshots(stage: Stage) -> None:
    """Nightly ones of production's encrypted disks, old ones of the rest; one is everybody's."""
    for region, of, age, description in (
        (PRODUCTION, "shop-web-1", 0.4, "nightly"),
        (PRODUCTION, "shop-web-2", 0.4, "nightly"),
        (PRODUCTION, "order-service-1", 0.4, "nightly"),
        (PRODUCTION, "order-service-2", 0.4, "nightly"),
        (PRODUCTION, "bastion", 640, "before upgrade"),
        (PRODUCTION, "orders-import-2023", 1008, "kept for audit"),
        (EXPERIMENT, "training-data", 948, "dataset v1, shared for the conference"),
        (ANALYTICS, "notebooks", 3, "weekly"),
        (RECOVERY, "order-service-standby", 33, "first copy"),
    ):
        ec2 = stage.client("ec2", region)
        snapshot = ec2.create_snapshot(
            VolumeId=stage.names[f"{of}/volume"],
            Description=description,
            TagSpecifications=specify("snapshot", tags(of, "production", "platform")),
        )["SnapshotId"]
        stage.backend("ec2", region).snapshots[snapshot].start_time = stage.ago(age)
        stage.names[f"{of}/snapshot"] = snapshot
    stage.client("ec2", EXPERIMENT).modify_snapshot_attribute(
        SnapshotId=stage.names["training-data/snapshot"],
        Attribute="createVolumePermission",
        OperationType="add",
        GroupNames=["all"],
    )
    stage.answers[f"ec2:DescribeFastSnapshotRestores@{PRODUCTION}"] = {
        "FastSnapshotRestores": [
            {
                "SnapshotId": stage.names[f"{of}/snapshot"],
                "AvailabilityZone": f"{PRODUCTION}a",
                "State": "enabled",
                "OwnerId": ACCOUNT,
                "EnablingTime": stage.ago(days),
                "EnabledTime": stage.ago(days),
            }
            for of, days in (("orders-import-2023", 71), ("order-service-1", 0.3))
        ]
    }


def _templates(stage: Stage) -> None:
    for region, name, owner, versions in (
        (PRODUCTION, "shop-web", "shop", (("optional", "password"), ("required", "plain"))),
        (PRODUCTION, "order-service", "shop", (("required", "plain"),)),
        (STAGING, "staging-web", "shop", (("optional", "plain"),)),
        (EXPERIMENT, "spot-training", "dario.rossi", (("", ""),)),
    ):
        ec2 = stage.client("ec2", region)
        first, *more = [_template(tokens, script) for tokens, script in versions]
        made = ec2.create_launch_template(
            LaunchTemplateName=name,
            LaunchTemplateData=first,
            TagSpecifications=specify("launch-template", tags(name, "production", owner)),
        )["LaunchTemplate"]["LaunchTemplateId"]
        for data in more:
            version = ec2.create_launch_template_version(LaunchTemplateId=made, LaunchTemplateData=data)
            number = version["LaunchTemplateVersion"]["VersionNumber"]
            ec2.modify_launch_template(LaunchTemplateId=made, DefaultVersion=str(number))


def _template(tokens: str, script: str) -> dict[str, Any]:
    data: dict[str, Any] = {"ImageId": AMAZON, "InstanceType": "t3.medium"}
    if tokens:
        data["MetadataOptions"] = {"HttpTokens": tokens}
    if script:
        data["UserData"] = base64.b64encode(_script(script).encode()).decode()
    return data


def _settings(stage: Stage) -> None:
    """The landing zone set the regions of the EU; nobody thought of the others."""
    for region in GUARDED:
        stage.client("ec2", region).enable_ebs_encryption_by_default()
        for operation, answer in (
            ("GetImageBlockPublicAccessState", {"ImageBlockPublicAccessState": "block-new-sharing"}),
            ("GetSnapshotBlockPublicAccessState", {"State": "block-all-sharing"}),
            ("GetInstanceMetadataDefaults", {"AccountLevel": {"HttpTokens": "required"}}),
        ):
            stage.answers[f"ec2:{operation}@{region}"] = answer
    # Where an image is public already, the block could not be switched on.
    stage.answers[f"ec2:GetImageBlockPublicAccessState@{STAGING}"] = {"ImageBlockPublicAccessState": "unblocked"}
    stage.answers[f"ec2:GetSnapshotBlockPublicAccessState@{STAGING}"] = {"State": "block-new-sharing"}
