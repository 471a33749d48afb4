"""Machines of the back office that grew old, what was paid for ahead, and the web site on Elastic Beanstalk."""

from collections.abc import Mapping
from typing import Any

from auditor.demo.emulator import ACCOUNT
from auditor.demo.protocol import Params
from auditor.demo.seed_compute import AMAZON, UBUNTU
from auditor.demo.stage import ANALYTICS, EXPERIMENT, PRODUCTION, RECOVERY, STAGING, Stage, arn, specify, tags
from auditor.demo.supplement_compute import option_settings

REGIONS = (PRODUCTION, STAGING, EXPERIMENT, ANALYTICS, RECOVERY)
SCRIPT = "#!/bin/bash\nwget http://downloads.crm.example.com/agent.sh\nbash agent.sh\n"
# Name, image, type, age in days, further options.
MACHINES: tuple[tuple[str, str, str, int, dict[str, Any]], ...] = (
    ("legacy-crm", UBUNTU, "c3.xlarge", 1900, {
        "UserData": SCRIPT, "KeyName": "crm-2019", "Placement": {"Tenancy": "dedicated"},
        "MetadataOptions": {"HttpTokens": "optional", "HttpEndpoint": "enabled", "HttpPutResponseHopLimit": 3},
        "BlockDeviceMappings": [
            {"DeviceName": name, "Ebs": disk | {"DeleteOnTermination": True}}
            for name, disk in (
                ("/dev/sda1", {"VolumeSize": 40, "VolumeType": "gp2"}),
                ("/dev/sdf", {"VolumeSize": 500, "VolumeType": "gp2"}),
            )
        ],
    }),
    ("year-end-report", AMAZON, "t3.small", 420, {}),
    ("label-printer", AMAZON, "t3.micro", 150, {
        "Monitoring": {"Enabled": True}, "EbsOptimized": True,
        "IamInstanceProfile": {"Name": "label-printer"},
        "BlockDeviceMappings": [
            {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 8, "VolumeType": "gp3"}},
            {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 20, "VolumeType": "gp3", "DeleteOnTermination": False}},
        ],
    }),
    ("till-worker-1", AMAZON, "m6i.large", 4, {"Monitoring": {"Enabled": True}}),
    ("till-worker-2", AMAZON, "m6i.large", 4, {
        "BlockDeviceMappings": [
            {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 8, "VolumeType": "gp3", "DeleteOnTermination": False}}
        ],
    }),
)  # fmt: skip


def build(stage: Stage) -> None:
    """Make all of it."""
    _machines(stage)
    _routes(stage)
    _ages(stage)
    _figures(stage)
    _volumes(stage)
    _images(stage)
    _templates(stage)
    _keepers(stage)
    _commitments(stage)
    _agents(stage)
    _beanstalk(stage)


def _machines(stage: Stage) -> None:
    ec2, iam = stage.client("ec2"), stage.client("iam")
    for key in ("crm-2019", "intern-laptop"):
        ec2.create_key_pair(KeyName=key, TagSpecifications=specify("key-pair", tags(key, "production", "platform")))
    iam.create_instance_profile(InstanceProfileName="label-printer")
    for name, image, size, age, options in MACHINES:
        tagged = tags(name, "production", "backoffice", "cc-100")
        made = ec2.run_instances(
            ImageId=image,
            InstanceType=size,
            MinCount=1,
            MaxCount=1,
            SubnetId=stage.names["northwind-production/private-a"],
            SecurityGroupIds=[stage.names["northwind-production/app"]],
            TagSpecifications=[*specify("instance", tagged), *specify("volume", tagged)],
            **{"MetadataOptions": {"HttpTokens": "required", "HttpEndpoint": "enabled"}, **options},
        )["Instances"][0]["InstanceId"]
        stage.names[name] = made
        for device, disk in stage.backend("ec2").get_instance(made).block_device_mapping.items():
            stage.names[f"{name}{device}"] = disk.volume_id
            stage.backend("ec2").volumes[disk.volume_id].create_time = stage.ago(age)
    # moto would not start an instance with such volumes.
    for machine, kind, iops in (("legacy-crm", "io1", 4000), ("label-printer", "io2", 200)):
        data = stage.backend("ec2").volumes[stage.names[f"{machine}/dev/sdf"]]
        data.volume_type, data.iops = kind, iops
    crm = stage.backend("ec2").get_instance(stage.names["legacy-crm"])
    crm.placement.tenancy = "dedicated"
    crm.product_codes = [{"ProductCodeId": "5v4xcrmsuite0northwind", "ProductCodeType": "marketplace"}]
    ec2.modify_instance_attribute(InstanceId=stage.names["label-printer"], DisableApiTermination={"Value": True})
    for name in ("till-worker-1", "till-worker-2"):
        stage.backend("ec2").create_tags([stage.names[name]], {"aws:autoscaling:groupName": "till-workers"})
    ec2.stop_instances(InstanceIds=[stage.names["year-end-report"]])
    stopped = stage.backend("ec2").get_instance(stage.names["year-end-report"])
    stopped._reason = f"User initiated ({stage.ago(230):%Y-%m-%d %H:%M:%S} GMT)"
    extra = ec2.create_network_interface(
        SubnetId=stage.names["northwind-production/private-b"],
        Groups=[stage.names["northwind-production/app"]],
        TagSpecifications=specify("network-interface", tags("legacy-crm", "production", "backoffice")),
    )["NetworkInterface"]["NetworkInterfaceId"]
    ec2.attach_network_interface(NetworkInterfaceId=extra, InstanceId=stage.names["legacy-crm"], DeviceIndex=1)


def _routes(stage: Stage) -> None:
    """The contractor's gateway for his GPU machine's neighbours, who never came."""
    ec2 = stage.client("ec2", EXPERIMENT)
    instance = stage.names["roast-predictor-gpu"]
    stage.backend("ec2", EXPERIMENT).get_instance(instance).root_device_type = "instance-store"
    table = ec2.create_route_table(
        VpcId=stage.names["roast-predictor"],
        TagSpecifications=specify("route-table", tags("through-gpu", "experiment", "dario.rossi")),
    )["RouteTable"]["RouteTableId"]
    face = stage.backend("ec2", EXPERIMENT).get_instance(instance).nics[0].id
    ec2.modify_network_interface_attribute(NetworkInterfaceId=face, SourceDestCheck={"Value": False})
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NetworkInterfaceId=face)


def _ages(stage: Stage) -> None:
    """Instances have run for as long as their disks are there; moto takes them all for new."""
    for region in REGIONS:
        ec2 = stage.backend("ec2", region)
        for reservation in ec2.reservations.values():
            for instance in reservation.instances:
                times = [ec2.volumes[disk.volume_id].create_time for disk in instance.block_device_mapping.values()]
                instance.launch_time = min(times, default=stage.ago(9)).replace(tzinfo=None)


def _figures(stage: Stage) -> None:
    """A machine that idles and asks for metadata the old way; one that is busy; one that runs out of credits."""
    cloudwatch = stage.client("cloudwatch")
    crm, printer = stage.names["legacy-crm"], stage.names["label-printer"]
    system, data = stage.names["legacy-crm/dev/sda1"], stage.names["legacy-crm/dev/sdf"]
    for namespace, dimension, of, name, value in (
        ("AWS/EC2", "InstanceId", crm, "CPUUtilization", 1.3),
        ("AWS/EC2", "InstanceId", crm, "NetworkIn", 40_000),
        ("AWS/EC2", "InstanceId", crm, "NetworkOut", 25_000),
        ("AWS/EC2", "InstanceId", crm, "MetadataNoToken", 288),
        ("AWS/EC2", "InstanceId", stage.names["order-service-1"], "CPUUtilization", 46.0),
        ("AWS/EC2", "InstanceId", printer, "CPUCreditBalance", 0.2),
        ("AWS/EC2", "InstanceId", stage.names["shop-web-1"], "CPUCreditBalance", 310.0),
        ("AWS/EBS", "VolumeId", system, "BurstBalance", 9.0),
        ("AWS/EBS", "VolumeId", data, "VolumeReadOps", 5_000.0),
        ("AWS/EBS", "VolumeId", data, "VolumeWriteOps", 9_000.0),
        ("AWS/EBS", "VolumeId", stage.names["label-printer/dev/sdf"], "VolumeWriteOps", 540_000.0),
    ):
        dimensions = [{"Name": dimension, "Value": of}]
        datum = {"MetricName": name, "Dimensions": dimensions, "Value": value}
        cloudwatch.put_metric_data(
            Namespace=namespace, MetricData=[datum | {"Timestamp": stage.ago(days)} for days in (2.5, 1.5)]
        )


def _volumes(stage: Stage) -> None:
    """A disk of the first days, a new one, and a snapshot whose disk is gone. In staging something is not well."""
    ec2 = stage.client("ec2")
    for name, kind, size, days in (
        ("fax-archive", "standard", 80, 2600),
        ("menu-photos", "gp2", 1500, 3),
        ("scans-2021", "gp2", 30, 1700),
    ):
        volume = ec2.create_volume(
            AvailabilityZone=f"{PRODUCTION}a",
            Size=size,
            VolumeType=kind,
            Encrypted=True,
            TagSpecifications=specify("volume", tags(name, "production", "backoffice")),
        )["VolumeId"]
        stage.backend("ec2").volumes[volume].create_time = stage.ago(days)
    snapshot = ec2.create_snapshot(
        VolumeId=volume, TagSpecifications=specify("snapshot", tags("scans-2021", "production", "backoffice"))
    )["SnapshotId"]
    stage.backend("ec2").snapshots[snapshot].start_time = stage.ago(900)
    ec2.delete_volume(VolumeId=volume)
    stage.answers[f"ec2:DescribeVolumeStatus@{STAGING}"] = {
        "VolumeStatuses": [
            {
                "VolumeId": stage.names[f"{name}/volume"],
                "VolumeStatus": {"Status": status},
                "Actions": [{"Code": "enable-volume-io", "EventType": "potential-data-inconsistency"}]
                * (status != "ok"),
            }
            for name, status in (("staging-web", "ok"), ("staging-orders", "impaired"))
        ]
    }
    well, unwell = {"Status": "ok"}, {"Status": "impaired"}
    stage.answers[f"ec2:DescribeInstanceStatus@{STAGING}"] = {
        "InstanceStatuses": [
            {"InstanceId": stage.names[name], "InstanceStatus": status, "SystemStatus": well, "Events": []}
            for name, status in (("staging-web", well), ("staging-orders", unwell))
        ]
    }


def _images(stage: Stage) -> None:
    """A golden image that was given up, and the crew's choice of whose images may be launched."""
    image = stage.client("ec2").create_image(
        InstanceId=stage.names["legacy-crm"],
        Name="northwind-crm-2021",
        TagSpecifications=specify("image", tags("northwind-crm-2021", "production", "backoffice")),
    )["ImageId"]
    stage.backend("ec2").amis[image].creation_date = stage.ago(1800).replace(tzinfo=None)
    current = stage.names["northwind-web-2026-08"]
    stage.backend("ec2").amis[current].creation_date = stage.ago(95).replace(tzinfo=None)
    stage.backend("ec2").amis[current].ebs_snapshot.encrypted = True
    stage.client("ec2").create_launch_template(
        LaunchTemplateName="shop-web-next",
        LaunchTemplateData={"ImageId": current, "MetadataOptions": {"HttpTokens": "required"}},
        TagSpecifications=specify("launch-template", tags("shop-web-next", "production", "shop")),
    )
    stage.answers[f"ec2:GetAllowedImagesSettings@{PRODUCTION}"] = {"State": "enabled", "ManagedBy": "account"}


def _templates(stage: Stage) -> None:
    for region, name, encrypted in ((PRODUCTION, "label-printer", True), (ANALYTICS, "notebook-spare", False)):
        disk = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 30, "VolumeType": "gp3", "Encrypted": encrypted}}
        stage.client("ec2", region).create_launch_template(
            LaunchTemplateName=name,
            LaunchTemplateData={
                "ImageId": AMAZON, "MetadataOptions": {"HttpTokens": "required"}, "BlockDeviceMappings": [disk],
            },
            TagSpecifications=specify("launch-template", tags(name, "production", "platform")),
        )  # fmt: skip


def _keepers(stage: Stage) -> None:
    """What makes snapshots and keeps deleted ones: in production a policy and a rule, in analytics a backup plan."""
    stage.answers[f"dlm:GetLifecyclePolicies@{PRODUCTION}"] = {
        "Policies": [
            {
                "PolicyId": "policy-0northwind0nightly",
                "Description": "nightly",
                "State": "ENABLED",
                "PolicyType": "EBS_SNAPSHOT_MANAGEMENT",
                "Tags": {"owner": "platform"},
            }
        ]
    }
    period = {"RetentionPeriodValue": 14, "RetentionPeriodUnit": "DAYS"}
    stage.answers[f"rbin:ListRules@{PRODUCTION}"] = {"Rules": [{"Identifier": "nw14days", "RetentionPeriod": period}]}
    rule = {"RuleName": "weekly", "TargetBackupVaultName": "notebooks", "ScheduleExpression": "cron(0 3 ? * 1 *)"}
    backup = stage.client("backup", ANALYTICS)
    backup.create_backup_vault(BackupVaultName="notebooks", BackupVaultTags={"owner": "analytics"})
    backup.create_backup_plan(
        BackupPlan={"BackupPlanName": "notebooks-weekly", "Rules": [rule]}, BackupPlanTags={"owner": "analytics"}
    )


def _commitments(stage: Stage) -> None:
    """What was paid for ahead: a reservation that the order service uses, an empty host, a Savings Plan that ends."""
    owner = [{"Key": "owner", "Value": "platform"}]
    host = {
        "OwnerId": ACCOUNT, "State": "available", "AllocationTime": stage.ago(410),
        "HostProperties": {"InstanceType": "m5.large"}, "Tags": owner,
    }  # fmt: skip
    guest = {"InstanceId": stage.names["legacy-crm"], "InstanceType": "c3.xlarge", "OwnerId": ACCOUNT}
    stage.answers[f"ec2:DescribeHosts@{PRODUCTION}"] = {
        "Hosts": [
            host | {"HostId": "h-0e1c0ffee0empty01", "Instances": []},
            host | {"HostId": "h-0e1c0ffee0crm0001", "Instances": [guest]},
        ]
    }
    reservation = {
        "OwnerId": ACCOUNT, "State": "active", "ReservationType": "default", "CreateDate": stage.ago(130),
        "EndDateType": "unlimited", "InstanceType": "m6i.large", "InstancePlatform": "Linux/UNIX",
        "AvailabilityZone": f"{PRODUCTION}a", "Tenancy": "default", "TotalInstanceCount": 4, "Tags": owner,
    }  # fmt: skip
    stage.answers[f"ec2:DescribeCapacityReservations@{PRODUCTION}"] = {
        "CapacityReservations": [
            reservation | {
                "CapacityReservationId": name, "AvailableInstanceCount": idle,
                "CapacityReservationArn": arn("ec2", PRODUCTION, f"capacity-reservation/{name}"),
            }
            for name, idle in (("cr-0blackfriday000001", 3), ("cr-0orders00000000001", 0))
        ]
    }  # fmt: skip
    reserved = {
        "State": "active", "InstanceCount": 2, "ProductDescription": "Linux/UNIX", "InstanceTenancy": "default",
        "Scope": "Region", "OfferingClass": "standard", "Tags": owner,
    }  # fmt: skip
    stage.answers[f"ec2:DescribeReservedInstances@{PRODUCTION}"] = {
        "ReservedInstances": [
            reserved | {"ReservedInstancesId": name, "InstanceType": kind, "End": stage.ago(-days)}
            for name, kind, days in (("nw-orders-2026", "m6i.large", 240), ("nw-crm-2023", "c3.xlarge", 12))
        ]
    }
    plan = {"savingsPlanType": "SageMaker", "state": "active", "tags": {"owner": "analytics"}}
    stage.answers["savingsplans:DescribeSavingsPlans"] = {
        "savingsPlans": [
            plan | {
                "savingsPlanId": name, "savingsPlanArn": f"arn:aws:savingsplans::{ACCOUNT}:savingsplan/{name}",
                "end": f"{stage.ago(-days):%Y-%m-%dT%H:%M:%S.000Z}",
            }
            for name, days in (("nw-notebooks-2023", 11), ("nw-notebooks-2025", 500))
        ]
    }  # fmt: skip
    fleet = {"IamFleetRole": arn("iam", "", "role/spot-fleet"), "TargetCapacity": 2}
    stage.answers[f"ec2:DescribeSpotFleetRequests@{EXPERIMENT}"] = {
        "SpotFleetRequestConfigs": [
            {
                "SpotFleetRequestId": f"sfr-{name}", "SpotFleetRequestState": "active",
                "SpotFleetRequestConfig": fleet | more, "Tags": [{"Key": "owner", "Value": "dario.rossi"}],
            }
            for name, more in (("roast-training", {"SpotPrice": "0.12"}), ("roast-tuning", {}))
        ]
    }  # fmt: skip


def _agents(stage: Stage) -> None:
    """The shop's machines answer to Systems Manager; on the old ones nobody installed the agent."""
    online = [stage.names[name] for name in ("shop-web-1", "shop-web-2", "order-service-1", "order-service-2")]
    stage.answers[f"ssm:DescribeInstanceInformation@{PRODUCTION}"] = {
        "InstanceInformationList": [
            {
                "InstanceId": each, "PingStatus": "Online", "LastPingDateTime": stage.ago(0.001),
                "AgentVersion": "3.3.3050.0", "IsLatestVersion": True, "PlatformType": "Linux",
                "PlatformName": "Amazon Linux", "ResourceType": "EC2Instance",
            }
            for each in online
        ]
    }  # fmt: skip


# --- Elastic Beanstalk

SPACE = "aws:elasticbeanstalk:"
SITE = {
    "aws:autoscaling:asg": {"Availability Zones": "Any 2", "MinSize": "2"},
    "aws:elbv2:listener:443": {"Protocol": "HTTPS", "SSLCertificateArns": arn("acm", PRODUCTION, "certificate/site")},
    f"{SPACE}cloudwatch:logs": {"StreamLogs": "true"},
    f"{SPACE}command": {"DeploymentPolicy": "Rolling"},
    f"{SPACE}environment": {"EnvironmentType": "LoadBalanced"},
    f"{SPACE}healthreporting:system": {"SystemType": "enhanced"},
    f"{SPACE}managedactions": {"ManagedActionsEnabled": "true"},
    f"{SPACE}xray": {"XRayEnabled": "true"},
}
CAMPAIGN = {
    "aws:autoscaling:asg": {"Availability Zones": "Any", "MinSize": "1"},
    f"{SPACE}cloudwatch:logs": {"StreamLogs": "false"},
    f"{SPACE}command": {"DeploymentPolicy": "AllAtOnce"},
    f"{SPACE}environment": {"EnvironmentType": "LoadBalanced"},
    f"{SPACE}healthreporting:system": {"SystemType": "basic"},
    f"{SPACE}managedactions": {"ManagedActionsEnabled": "false"},
    f"{SPACE}xray": {"XRayEnabled": "false"},
    "aws:rds:dbinstance": {"HasCoupledDatabase": "true"},
}
RECRUITING = {f"{SPACE}environment": {"EnvironmentType": "SingleInstance"}}
ENVIRONMENTS = {"northwind-site": SITE, "summer-campaign": CAMPAIGN, "recruiting": RECRUITING}


def _beanstalk(stage: Stage) -> None:
    platform = f"arn:aws:elasticbeanstalk:{PRODUCTION}::platform/"
    each = []
    for number, name in enumerate(ENVIRONMENTS):
        runs_on = "Python 3.7 on Amazon Linux 2/3.3.9" if name == "summer-campaign" else "Python 3.13 on AL2023/4.8.0"
        each.append({
            "EnvironmentId": f"e-northwind{number}", "EnvironmentName": name, "ApplicationName": "northwind-site",
            "EnvironmentArn": arn("elasticbeanstalk", PRODUCTION, f"environment/northwind-site/{name}"),
            "PlatformArn": platform + runs_on, "Status": "Ready", "Tier": {"Name": "WebServer", "Type": "Standard"},
            "Health": "Red" if name == "summer-campaign" else "Green", "CNAME": f"{name}.example.com",
        })  # fmt: skip
    part = {"ResourceStatus": "CREATE_COMPLETE", "LastUpdatedTimestamp": stage.ago(200)}
    kinds = ("AWS::AutoScaling::AutoScalingGroup", "AWS::EC2::SecurityGroup")
    parts = [part | {"LogicalResourceId": kind.rpartition(":")[2], "ResourceType": kind} for kind in kinds]

    def stack(params: Params, _: str, __: str) -> Mapping[str, Any] | None:
        """What an environment's stack holds; of other stacks moto knows."""
        return {"StackResourceSummaries": parts} if params["StackName"].startswith("awseb-") else None

    lifecycle = {"MaxCountRule": {"Enabled": True, "MaxCount": 100}, "MaxAgeRule": {"Enabled": False}}
    stage.answers |= {
        f"elasticbeanstalk:DescribeEnvironments@{PRODUCTION}": {"Environments": each},
        f"elasticbeanstalk:DescribeConfigurationSettings@{PRODUCTION}": _settings,
        f"elasticbeanstalk:ListTagsForResource@{PRODUCTION}": {"ResourceTags": [{"Key": "owner", "Value": "web"}]},
        f"elasticbeanstalk:DescribePlatformVersion@{PRODUCTION}": _platform,
        f"elasticbeanstalk:DescribeApplications@{PRODUCTION}": {
            "Applications": [
                {
                    "ApplicationName": name, "Versions": [f"v{number}" for number in range(versions)],
                    "ApplicationArn": arn("elasticbeanstalk", PRODUCTION, f"application/{name}"),
                    "ResourceLifecycleConfig": {"VersionLifecycleConfig": rules},
                }
                for name, versions, rules in (("northwind-site", 61, lifecycle), ("old-site", 140, {}))
            ]
        },
        f"cloudformation:ListStackResources@{PRODUCTION}": stack,
    }  # fmt: skip


def _settings(params: Params, _: str, __: str) -> Mapping[str, Any]:
    name = params["EnvironmentName"]
    # Put together here, so that no scanner takes this file for a leak.
    password = "".join(("Summer", "-Ice-", "Coffee-7"))
    properties = {"DB_PASSWORD": password} if name == "summer-campaign" else {"LOG_LEVEL": "info"}
    options = {**ENVIRONMENTS[name], f"{SPACE}application:environment": properties}
    named = {"ApplicationName": params["ApplicationName"], "EnvironmentName": name}
    return {"ConfigurationSettings": [named | {"OptionSettings": option_settings(options)}]}


def _platform(params: Params, _: str, __: str) -> Mapping[str, Any]:
    branch = "Retired" if "Python 3.7" in params["PlatformArn"] else "Supported"
    return {"PlatformDescription": {"PlatformBranchLifecycleState": branch, "PlatformLifecycleState": "Recommended"}}
