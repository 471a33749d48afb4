"""Instances to judge: of the emulated account, or as EC2 would describe them."""

from collections.abc import Iterable
from typing import Any

from tests.lab import Lab

ACCOUNT = "123456789012"


def launch(lab: Lab, **options: Any) -> str:
    """Start an instance and give its id."""
    answer = lab.client("ec2").run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, **options)
    return str(answer["Instances"][0]["InstanceId"])


def instances(*described: dict[str, Any]) -> dict[str, Any]:
    """What EC2 answers where these instances run: i-0, i-1 and so on. None leaves a member out."""
    usual: dict[str, Any] = {"State": {"Name": "running"}, "NetworkInterfaces": []}
    full = [{"InstanceId": f"i-{n}"} | usual | more for n, more in enumerate(described)]
    each = [{name: value for name, value in one.items() if value is not None} for one in full]
    return {"ec2:DescribeInstances": {"Reservations": [{"Instances": each}]}}


def numbered(statuses: Iterable[str]) -> dict[str, str]:
    """These statuses, as those of i-0, i-1 and so on."""
    return {f"i-{n}": status for n, status in enumerate(statuses)}
