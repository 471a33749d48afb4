"""What moto lacks of Service Quotas and Systems Manager."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from auditor.demo.emulator import backend
from auditor.demo.protocol import Answer, Params

# Code, name, value, and the dimensions Type, Resource and Class by which CloudWatch counts its use.
QUOTAS = (
    ("L-1216C47A", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 32.0,
     ("Resource", "vCPU", "Standard/OnDemand")),
    ("L-34B43A08", "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests", 32.0,
     ("Resource", "vCPU", "Standard/Spot")),
    ("L-0263D0A3", "EC2-VPC Elastic IPs", 5.0, None),
)  # fmt: skip


def quotas(params: Params, region: str, account: str) -> Mapping[str, Any]:
    """A few of EC2's quotas; the other services have none of which CloudWatch counts the use."""
    if params["ServiceCode"] != "ec2":
        return {"Quotas": []}
    listed = []
    for code, name, value, dimensions in QUOTAS:
        quota: dict[str, Any] = {
            "ServiceCode": "ec2", "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)", "QuotaCode": code,
            "QuotaArn": f"arn:aws:servicequotas:{region}:{account}:ec2/{code}", "QuotaName": name, "Value": value,
            "Unit": "None", "Adjustable": True, "GlobalQuota": False,
        }  # fmt: skip
        if dimensions is not None:
            named = dict(zip(("Type", "Resource", "Class"), dimensions, strict=True))
            quota["UsageMetric"] = {
                "MetricNamespace": "AWS/Usage", "MetricName": "ResourceCount",
                "MetricDimensions": {"Service": "EC2", **named}, "MetricStatisticRecommendation": "Maximum",
            }  # fmt: skip
        listed.append(quota)
    return {"Quotas": listed}


def parameters(_: Params, region: str, account: str) -> Mapping[str, Any]:
    """Moto leaves the ARN out."""
    found = backend("ssm", region, account).describe_parameters(None, None)
    arn = f"arn:aws:ssm:{region}:{account}:parameter/"
    return {
        "Parameters": [
            {
                "Name": each.name,
                "ARN": arn + each.name.removeprefix("/"),
                "Type": each.parameter_type,
                "DataType": each.data_type,
            }
            for each in found
        ]
    }


def last_accessed(_: Params, __: str, ___: str) -> Mapping[str, Any]:
    """Of what the policies grant, one service was used lately."""
    now = datetime.now(UTC)
    used = {"ServiceName": "Amazon S3", "ServiceNamespace": "s3", "LastAuthenticated": now - timedelta(days=3)}
    unused = {"ServiceName": "Amazon EC2", "ServiceNamespace": "ec2"}
    return {
        "JobStatus": "COMPLETED",
        "JobCreationDate": now,
        "JobCompletionDate": now,
        "ServicesLastAccessed": [used, unused, {"ServiceName": "AWS Batch", "ServiceNamespace": "batch"}],
    }


ANSWERS: dict[str, Answer] = {
    "iam:GenerateServiceLastAccessedDetails": {"JobId": "0f3c1e5a-0000-4000-8000-000000000000"},
    "iam:GetServiceLastAccessedDetails": last_accessed,
    "service-quotas:ListServiceQuotas": quotas,
    "ssm:DescribeParameters": parameters,
}
