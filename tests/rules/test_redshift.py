"""Redshift clusters."""

from tests.lab import Lab

PUBLIC, ENCRYPTED = "redshift-cluster-not-public", "redshift-cluster-encrypted"
READ = "redshift:DescribeClusters"


def test_clusters(lab: Lab) -> None:
    redshift = lab.client("redshift")
    for name, public, encrypted in (("good", False, True), ("bad", True, False), ("new", False, False)):
        redshift.create_cluster(
            ClusterIdentifier=name, NodeType="ra3.large", MasterUsername="northwind", MasterUserPassword="Passw0rd",
            PubliclyAccessible=public, Encrypted=encrypted, ClusterType="single-node",
        )  # fmt: skip
    lab.endpoint.backend("redshift", "us-east-1").clusters["new"].status = "creating"
    assert lab.statuses(PUBLIC) == {"good": "pass", "bad": "fail", "new": "pass"}
    assert lab.statuses(ENCRYPTED) == {"good": "pass", "bad": "fail", "new": "not_applicable"}
    assert lab.findings(PUBLIC)["bad"].severity == "critical"


def test_a_denied_listing_is_unknown(lab: Lab) -> None:
    assert [lab.statuses(rule, deny=[READ]) for rule in (PUBLIC, ENCRYPTED)] == [{"*": "unknown"}] * 2
