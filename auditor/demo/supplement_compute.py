"""What moto lacks of EC2's disks and of Elastic Beanstalk: disks that are well, environments as they are made."""

from collections.abc import Mapping
from typing import Any

from auditor.demo.emulator import backend
from auditor.demo.protocol import Answer, Params


def volume_status(params: Params, region: str, account: str) -> Mapping[str, Any]:
    """Every volume passes its checks."""
    wanted = params.get("VolumeIds")
    volumes = backend("ec2", region, account).volumes.values()
    return {
        "VolumeStatuses": [
            {
                "VolumeId": volume.id,
                "AvailabilityZone": volume.zone.name,
                "VolumeStatus": {"Status": "ok", "Details": [{"Name": "io-enabled", "Status": "passed"}]},
                "Actions": [],
                "Events": [],
            }
            for volume in volumes
            if not wanted or volume.id in wanted
        ]
    }


def settings(params: Params, _: str, __: str) -> Mapping[str, Any]:
    """An environment that nobody configured: with a load balancer, and without all else."""
    options = {
        "aws:autoscaling:asg": {"Availability Zones": "Any", "MinSize": "1", "MaxSize": "4"},
        "aws:elasticbeanstalk:cloudwatch:logs": {"StreamLogs": "false"},
        "aws:elasticbeanstalk:command": {"DeploymentPolicy": "AllAtOnce"},
        "aws:elasticbeanstalk:environment": {"EnvironmentType": "LoadBalanced", "LoadBalancerIsShared": "false"},
        "aws:elasticbeanstalk:healthreporting:system": {"SystemType": "enhanced"},
        "aws:elasticbeanstalk:managedactions": {"ManagedActionsEnabled": "false"},
        "aws:elasticbeanstalk:xray": {"XRayEnabled": "false"},
        "aws:rds:dbinstance": {"HasCoupledDatabase": "false"},
    }
    named = {"ApplicationName": params["ApplicationName"], "EnvironmentName": params.get("EnvironmentName", "")}
    return {"ConfigurationSettings": [named | {"OptionSettings": option_settings(options)}]}


def option_settings(options: Mapping[str, Mapping[str, str]]) -> list[dict[str, str]]:
    """Options by namespace and name, as Elastic Beanstalk gives them."""
    return [
        {"Namespace": namespace, "OptionName": name, "Value": value}
        for namespace, each in options.items()
        for name, value in each.items()
    ]


ANSWERS: dict[str, Answer] = {
    "rbin:GetRule": {"ResourceType": "EBS_SNAPSHOT", "ResourceTags": [], "Status": "available"},
    "ec2:DescribeVolumeStatus": volume_status,
    "elasticbeanstalk:DescribeAccountAttributes": {
        "ResourceQuotas": {"ApplicationVersionQuota": {"Maximum": 1000}, "EnvironmentQuota": {"Maximum": 200}}
    },
    "elasticbeanstalk:DescribeConfigurationSettings": settings,
    "elasticbeanstalk:DescribePlatformVersion": {
        "PlatformDescription": {
            "PlatformLifecycleState": "Recommended",
            "PlatformBranchLifecycleState": "Supported",
            "PlatformStatus": "Ready",
        }
    },
}
