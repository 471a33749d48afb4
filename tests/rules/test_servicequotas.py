"""How close the account is to its quotas, and what it asked for."""

from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.ec2_answers import instances
from tests.rules.iam_answers import days_ago

VCPUS, ADDRESSES = "servicequotas-ec2-on-demand-vcpus-below-threshold", "servicequotas-ec2-elastic-ips-below-threshold"
USE, REQUESTS = "servicequotas-quota-utilization-below-threshold", "servicequotas-increase-request-not-pending"
ACCOUNT = "123456789012"
LIST, METRICS = "service-quotas:ListServiceQuotas", "cloudwatch:GetMetricData"


def quota(code: str, value: float, metric: str | None = None, period: str | None = None) -> dict[str, Any]:
    head = {"ServiceCode": "ec2", "QuotaCode": code, "QuotaName": code.lower(), "Value": value}
    head["QuotaArn"] = f"arn:aws:servicequotas:us-east-1:{ACCOUNT}:ec2/{code}"
    if metric:
        dimensions = {"Service": "EC2", "Type": "Resource", "Resource": code, "Class": "None"}
        head["UsageMetric"] = {
            "MetricNamespace": "AWS/Usage", "MetricName": metric, "MetricDimensions": dimensions,
        }  # fmt: skip
    return head | ({"Period": {"PeriodValue": 1, "PeriodUnit": period}} if period else {})


def quotas(*listed: dict[str, Any]) -> dict[str, Any]:
    def answer(params: Any, _: str, __: str) -> dict[str, Any]:
        return {"Quotas": list(listed) if params["ServiceCode"] == "ec2" else []}

    return {LIST: answer}


def measured(**values: list[float]) -> dict[str, Any]:
    """CloudWatch's values, by the dimension Resource."""

    def answer(params: Any, _: str, __: str) -> dict[str, Any]:
        results = []
        for query in params["MetricDataQueries"]:
            dimensions = {d["Name"]: d["Value"] for d in query["MetricStat"]["Metric"]["Dimensions"]}
            found = values.get(dimensions["Resource"].replace("-", "_"), [])
            times = [days_ago(n / 24) for n in range(len(found))]
            results.append({"Id": query["Id"], "Timestamps": times, "Values": found, "StatusCode": "Complete"})
        return {"MetricDataResults": results}

    return {METRICS: answer}


def test_vcpus(lab: Lab) -> None:
    assert lab.statuses(VCPUS, answers=quotas()) == {ACCOUNT: "not_applicable"}
    ec2 = lab.client("ec2")
    for kind in ("m5.large", "g5.xlarge", "inf2.xlarge"):
        ec2.run_instances(ImageId="ami-12345678", InstanceType=kind, MinCount=1, MaxCount=1)
    # Two vCPUs are running that count: m5.large.
    for value, expected in ((3.0, "pass"), (2.0, "fail")):
        found = lab.findings(VCPUS, answers=quotas(quota("L-1216C47A", value, "ResourceCount")))[ACCOUNT]
        assert (found.status, found.evidence) == (expected, {"used": 2, "quota": value})
    # Without a value that was applied, AWS's default counts.
    assert lab.findings(VCPUS, answers=quotas())[ACCOUNT].evidence["quota"] == 5.0
    # A type that EC2 does not describe is not one without vCPUs.
    nothing: dict[str, Any] = {"ec2:DescribeInstanceTypes": {"InstanceTypes": []}}
    assert lab.statuses(VCPUS, answers=quotas() | nothing) == {ACCOUNT: "unknown"}
    for operation in (LIST, "ec2:DescribeInstances", "ec2:DescribeInstanceTypes"):
        assert lab.statuses(VCPUS, answers=quotas(), deny=[operation]) == {ACCOUNT: "unknown"}, operation


def test_instances_on_hosts_of_their_own_do_not_count(lab: Lab) -> None:
    host = {"Placement": {"AvailabilityZone": "us-east-1a", "Tenancy": "host"}}
    assert lab.statuses(VCPUS, answers=quotas() | instances(host)) == {ACCOUNT: "not_applicable"}


def test_addresses(lab: Lab) -> None:
    assert lab.statuses(ADDRESSES, answers=quotas()) == {ACCOUNT: "not_applicable"}
    for _ in range(5):
        lab.client("ec2").allocate_address(Domain="vpc")
    assert lab.statuses(ADDRESSES, answers=quotas()) == {ACCOUNT: "fail"}
    assert lab.statuses(ADDRESSES, answers=quotas(quota("L-0263D0A3", 20.0))) == {ACCOUNT: "pass"}
    assert lab.statuses(ADDRESSES, answers=quotas(quota("L-0263D0A3", 5.0)), threshold_percent=100) == {ACCOUNT: "pass"}
    for operation in (LIST, "ec2:DescribeAddresses"):
        assert lab.statuses(ADDRESSES, answers=quotas(), deny=[operation]) == {ACCOUNT: "unknown"}


def test_use_of_all_quotas(lab: Lab) -> None:
    listed = quotas(
        quota("L-COUNT", 10.0, "ResourceCount"), quota("L-RATE", 10.0, "CallCount", "SECOND"), quota("L-BLIND", 1.0)
    )
    cases: list[tuple[dict[str, list[float]], str]] = [
        ({}, "not_applicable"),
        ({"L_COUNT": [2.0, 8.0, 1.0], "L_RATE": [300.0, 2400.0]}, "pass"),  # 8 of 10, 8 a second of 10
        ({"L_COUNT": [9.0, 1.0]}, "fail"),
        ({"L_RATE": [2700.0]}, "fail"),
    ]
    for values, expected in cases:
        assert lab.statuses(USE, answers=listed | measured(**values)) == {ACCOUNT: expected}
    assert lab.statuses(USE, answers=listed, metrics=False) == {"*": "unknown"}
    for operation in (LIST, METRICS):
        assert lab.statuses(USE, answers=listed | measured(), deny=[operation]) == {ACCOUNT: "unknown"}


@pytest.mark.parametrize(
    ("status", "created", "updated", "expected"),
    [
        ("PENDING", 20, None, "fail"),
        ("CASE_OPENED", 15, 1, "fail"),
        ("PENDING", 3, None, "pass"),
        ("NOT_APPROVED", 90, 10, "fail"),
        ("DENIED", 20, None, "fail"),
        ("DENIED", 90, 60, "pass"),
        ("APPROVED", 90, 60, "pass"),
        ("CASE_CLOSED", 20, 2, "pass"),
    ],
)
def test_requests(lab: Lab, status: str, created: int, updated: int | None, expected: str) -> None:
    request: dict[str, Any] = {
        "Id": "r-1", "ServiceCode": "ec2", "QuotaCode": "L-1216C47A", "QuotaName": "vCPUs", "DesiredValue": 64.0,
        "Status": status, "Created": days_ago(created),
    }  # fmt: skip
    if updated is not None:
        request["LastUpdated"] = days_ago(updated)
    answers = {"service-quotas:ListRequestedServiceQuotaChangeHistory": {"RequestedQuotas": [request]}}
    assert lab.statuses(REQUESTS, answers=answers) == {"r-1": expected}
    assert lab.statuses(REQUESTS, deny=list(answers)) == {"*": "unknown"}
