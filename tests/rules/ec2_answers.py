"""Instances to judge: of the emulated account, or as EC2 would describe them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.lab import Lab

ACCOUNT = "123456789012"


def launch(lab: Lab, **options: Any) -> str:
    """Start an instance and give its id."""
    answer = lab.client("ec2").run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, **options)
    return str(answer["Instances"][0]["InstanceId"])


def ago(days: float) -> datetime:
    """So many days ago."""
    return datetime.now(UTC) - timedelta(days=days)


def tagged(**tags: str) -> dict[str, Any]:
    """Tags as EC2 gives them; a double underscore stands for a colon."""
    return {"Tags": [{"Key": key.replace("__", ":"), "Value": value} for key, value in tags.items()]}


def figures(values: Mapping[tuple[str, str], Sequence[float]]) -> dict[str, Any]:
    """What CloudWatch answers where these resources have these metrics, and no others."""

    def answer(params: Mapping[str, Any], region: str, account: str) -> dict[str, Any]:
        results = []
        for query in params["MetricDataQueries"]:
            metric = query["MetricStat"]["Metric"]
            found = values.get((metric["Dimensions"][0]["Value"], metric["MetricName"]), ())
            times = [ago(len(found) - n) for n in range(len(found))]
            results.append({"Id": query["Id"], "Timestamps": times, "Values": list(found), "StatusCode": "Complete"})
        return {"MetricDataResults": results}

    return {"cloudwatch:GetMetricData": answer}


def instances(*described: dict[str, Any]) -> dict[str, Any]:
    """What EC2 answers where these instances run: i-0, i-1 and so on. None leaves a member out."""
    usual: dict[str, Any] = {
        "State": {"Name": "running"},
        "InstanceType": "m5.large",
        "LaunchTime": ago(400),
        "Monitoring": {"State": "disabled"},
        "RootDeviceType": "ebs",
        "EbsOptimized": False,
        "NetworkInterfaces": [],
    }
    full = [{"InstanceId": f"i-{n}"} | usual | more for n, more in enumerate(described)]
    each = [{name: value for name, value in one.items() if value is not None} for one in full]
    return {"ec2:DescribeInstances": {"Reservations": [{"Instances": each}]}}


def numbered(statuses: Iterable[str]) -> dict[str, str]:
    """These statuses, as those of i-0, i-1 and so on."""
    return {f"i-{n}": status for n, status in enumerate(statuses)}
