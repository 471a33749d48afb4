"""MemoryDB clusters."""

from typing import Any

import pytest

from tests.lab import Lab

MULTI_AZ = "memorydb-cluster-multi-az"
TLS = "memorydb-cluster-tls-enabled"
ACL = "memorydb-cluster-acl-restricted"
SNAPSHOTS = "memorydb-cluster-snapshot-retention"
READ = "memorydb:DescribeClusters"
CLUSTER: dict[str, Any] = {
    "Status": "available",
    "AvailabilityMode": "multiaz",
    "TLSEnabled": True,
    "ACLName": "app",
    "SnapshotRetentionLimit": 7,
}


def clusters(**changes: dict[str, Any]) -> dict[str, Any]:
    """Clusters as they should be but for these changes."""
    prefix = "arn:aws:memorydb:us-east-1:123456789012:cluster/"
    return {READ: {"Clusters": [{"Name": n, "ARN": prefix + n, **CLUSTER, **c} for n, c in changes.items()]}}


@pytest.mark.parametrize(
    ("rule", "bad", "unfinished"),
    [
        (MULTI_AZ, {"AvailabilityMode": "SingleAZ"}, "not_applicable"),
        (SNAPSHOTS, {"SnapshotRetentionLimit": 0}, "not_applicable"),
        (TLS, {"TLSEnabled": False}, "fail"),
        (ACL, {"ACLName": "open-access"}, "fail"),
    ],
)
def test_clusters(lab: Lab, rule: str, bad: dict[str, Any], unfinished: str) -> None:
    answers = clusters(good={}, bad=bad, new=bad | {"Status": "creating"})
    assert lab.statuses(rule, answers=answers) == {"good": "pass", "bad": "fail", "new": unfinished}
    assert lab.statuses(rule, deny=[READ]) == {"*": "unknown"}


def test_what_aws_does_not_tell_is_unknown(lab: Lab) -> None:
    answers = clusters(one={})
    for member in ("AvailabilityMode", "TLSEnabled", "ACLName"):
        del answers[READ]["Clusters"][0][member]
    assert {rule: lab.statuses(rule, answers=answers)["one"] for rule in (MULTI_AZ, TLS, ACL)} == {
        MULTI_AZ: "unknown", TLS: "unknown", ACL: "unknown",
    }  # fmt: skip
