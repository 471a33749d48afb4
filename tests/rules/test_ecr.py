"""ECR's repositories, EKS's clusters and Cloud9's environments."""

import json
from typing import Any

import pytest

from tests.lab import Lab

PUBLIC = "ecr-repository-not-public"
SCAN = "ecr-repository-scan-on-push-enabled"
IMMUTABLE = "ecr-repository-tags-immutable"
LIFECYCLE = "ecr-repository-lifecycle-policy-configured"
EKS = "eks-cluster-endpoint-not-public"
CLOUD9 = "cloud9-environment-ssm-connection-used"


def policy(actions: Any, **more: Any) -> str:
    statement = {"Effect": "Allow", "Principal": "*", "Action": actions, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_who_may_use_repositories(lab: Lab) -> None:
    ecr = lab.client("ecr")
    pull = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    inside = {"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}}}
    policies = {
        "none": None,
        "pulled": policy(pull),
        "pushed": policy([*pull, "ecr:PutImage"]),
        "everything": policy("ecr:*", Principal={"AWS": "*"}),
        "inside": policy("ecr:*", **inside),
        "partner": policy(pull, Principal={"AWS": "arn:aws:iam::111122223333:root"}),
    }
    for name, text in policies.items():
        ecr.create_repository(repositoryName=name)
        if text:
            ecr.set_repository_policy(repositoryName=name, policyText=text)
    found = lab.findings(PUBLIC)
    assert {name: (f.status.value, f.severity.value) for name, f in found.items() if f.status == "fail"} == {
        "pulled": ("fail", "high"), "pushed": ("fail", "critical"), "everything": ("fail", "critical"),
    }  # fmt: skip
    assert {name for name, finding in found.items() if finding.status == "pass"} == {"none", "inside", "partner"}
    assert (
        lab.statuses(PUBLIC, answers={"ecr:GetRepositoryPolicy": {"policyText": '{"Statement": 1}'}})["none"]
        == "unknown"
    )


def scanning(kind: str, *rules: tuple[str, str]) -> dict[str, Any]:
    said = [
        {"scanFrequency": frequency, "repositoryFilters": [{"filter": text, "filterType": "WILDCARD"}]}
        for text, frequency in rules
    ]
    return {"ecr:GetRegistryScanningConfiguration": {"scanningConfiguration": {"scanType": kind, "rules": said}}}


def test_scanning_tags_and_lifecycle(lab: Lab) -> None:
    ecr = lab.client("ecr")
    for name, scan, mutability in (
        ("shop/web", True, "IMMUTABLE"),
        ("shop/api", False, "MUTABLE"),
        ("tools", False, "MUTABLE_WITH_EXCLUSION"),
    ):
        ecr.create_repository(
            repositoryName=name,
            imageScanningConfiguration={"scanOnPush": scan},
            imageTagMutability=mutability,
            **(
                {"imageTagMutabilityExclusionFilters": [{"filterType": "WILDCARD", "filter": "v*"}]}
                if mutability.endswith("EXCLUSION")
                else {}
            ),
        )
    rules = {"rules": [{"rulePriority": 1, "selection": {"tagStatus": "any", "countType": "imageCountMoreThan",
                        "countNumber": 9}, "action": {"type": "expire"}}]}  # fmt: skip
    ecr.put_lifecycle_policy(repositoryName="tools", lifecyclePolicyText=json.dumps(rules))
    assert lab.statuses(LIFECYCLE) == {"shop/web": "fail", "shop/api": "fail", "tools": "pass"}
    assert lab.statuses(IMMUTABLE) == {"shop/web": "pass", "shop/api": "fail", "tools": "fail"}
    for answer, passing in (
        (scanning("BASIC"), {"shop/web"}),
        (scanning("BASIC", ("tool", "SCAN_ON_PUSH")), {"shop/web", "tools"}),
        (scanning("BASIC", ("tools", "MANUAL")), {"shop/web"}),
        (scanning("ENHANCED", ("*api", "CONTINUOUS_SCAN")), {"shop/api"}),
        (scanning("ENHANCED", ("shop*", "CONTINUOUS_SCAN"), ("api*", "SCAN_ON_PUSH")), {"shop/web", "shop/api"}),
        (scanning("ENHANCED"), set()),
    ):
        statuses = lab.statuses(SCAN, answers=answer)
        assert {name for name, status in statuses.items() if status == "pass"} == passing
        assert set(statuses.values()) <= {"pass", "fail"}


def clusters(configs: dict[str, dict[str, Any] | None]) -> dict[str, Any]:
    def describe(params: Any, *_: Any) -> dict[str, Any]:
        config = configs[params["name"]]
        return {"cluster": {"name": params["name"], **({"resourcesVpcConfig": config} if config else {})}}

    return {"eks:ListClusters": {"clusters": list(configs)}, "eks:DescribeCluster": describe}


def test_the_api_of_clusters(lab: Lab) -> None:
    def config(public: bool, *cidrs: str) -> dict[str, Any]:
        return {"endpointPublicAccess": public, "endpointPrivateAccess": True, "publicAccessCidrs": list(cidrs)}

    configs = {
        "private": config(False, "0.0.0.0/0"), "open": config(True, "0.0.0.0/0"),
        "office": config(True, "198.51.100.0/24"),
        "halves": config(True, "0.0.0.0/1", "128.0.0.0/1"), "open6": config(True, "198.51.100.0/24", "::/0"),
        "elsewhere": None, "unsaid": config(True),
    }  # fmt: skip
    assert lab.statuses(EKS, answers=clusters(configs)) == {
        "private": "pass", "open": "fail", "office": "pass", "halves": "fail", "open6": "fail",
        "elsewhere": "not_applicable", "unsaid": "fail",
    }  # fmt: skip
    assert lab.statuses(EKS, deny=["eks:DescribeCluster"], answers=clusters(configs))["open"] == "unknown"


def test_cloud9_environments(lab: Lab) -> None:
    ids = {"ssm": "CONNECT_SSM", "ssh": "CONNECT_SSH", "unsaid": None, "crowd": "CONNECT_SSM"}

    def environments(params: Any, *_: Any) -> dict[str, Any]:
        made = [
            {"id": name, "name": name, "type": "ec2", "ownerArn": "arn:aws:iam::123456789012:user/owner",
             "arn": f"arn:aws:cloud9:us-east-1:123456789012:environment:{name}", "connectionType": ids[name]}
            for name in params["environmentIds"]
        ]  # fmt: skip
        return {"environments": [{key: value for key, value in item.items() if value} for item in made]}

    def memberships(params: Any, *_: Any) -> dict[str, Any]:
        roles = ["owner", "read-write", "read-only"] + (["read-write"] if params["environmentId"] == "crowd" else [])
        share = {"environmentId": params["environmentId"], "userId": "AIDA", "userArn": "arn:aws:iam::1:user/x"}
        return {"memberships": [{**share, "permissions": role} for role in roles]}

    answers = {
        "cloud9:ListEnvironments": {"environmentIds": list(ids)},
        "cloud9:DescribeEnvironments": environments,
        "cloud9:DescribeEnvironmentMemberships": memberships,
    }
    assert lab.statuses(CLOUD9, answers=answers) == {"ssm": "pass", "ssh": "fail", "unsaid": "fail", "crowd": "fail"}
    denied = lab.statuses(CLOUD9, answers=answers, deny=["cloud9:DescribeEnvironmentMemberships"])
    assert denied == {"ssm": "unknown", "ssh": "fail", "unsaid": "fail", "crowd": "unknown"}
    assert lab.statuses(CLOUD9, answers=answers, deny=["cloud9:ListEnvironments"]) == {"*": "unknown"}
    assert "unknown" in lab.statuses(CLOUD9, answers=answers, deny=["cloud9:DescribeEnvironments"]).values()


@pytest.mark.parametrize(
    ("rule", "operation"),
    [
        *((rule, "ecr:DescribeRepositories") for rule in (PUBLIC, SCAN, IMMUTABLE, LIFECYCLE)),
        (PUBLIC, "ecr:GetRepositoryPolicy"),
        (SCAN, "ecr:GetRegistryScanningConfiguration"),
        (LIFECYCLE, "ecr:GetLifecyclePolicy"),
        (EKS, "eks:ListClusters"),
    ],
)
def test_what_is_denied_is_unknown(lab: Lab, rule: str, operation: str) -> None:
    lab.client("ecr").create_repository(repositoryName="shop")
    assert set(lab.statuses(rule, deny=[operation]).values()) == {"unknown"}
