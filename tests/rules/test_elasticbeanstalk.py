"""Elastic Beanstalk. moto knows next to nothing of it: all of it is answered here."""

from collections.abc import Mapping
from typing import Any

import pytest

from auditor.inventory import Inventory
from tests.lab import RULES, Lab
from tests.rules.ec2_answers import ACCOUNT, ago

HTTPS = "elasticbeanstalk-environment-https-enabled"
DATABASE = "elasticbeanstalk-environment-database-decoupled"
UPDATES = "elasticbeanstalk-environment-managed-updates-enabled"
PLATFORM = "elasticbeanstalk-environment-platform-supported"
SECRETS = "elasticbeanstalk-environment-no-secrets-in-properties"
BALANCED = "elasticbeanstalk-environment-load-balanced"
ZONES = "elasticbeanstalk-environment-multi-az"
DEPLOYMENT = "elasticbeanstalk-environment-deployment-policy-safe"
VERSIONS = "elasticbeanstalk-application-version-lifecycle-enabled"
HEALTH = "elasticbeanstalk-environment-enhanced-health-enabled"
LOGS = "elasticbeanstalk-environment-log-streaming-enabled"
XRAY = "elasticbeanstalk-environment-xray-enabled"
OF_SETTINGS = (HTTPS, DATABASE, UPDATES, SECRETS, BALANCED, ZONES, DEPLOYMENT, LOGS, XRAY)
PASS, FAIL, NA, UNKNOWN = "pass", "fail", "not_applicable", "unknown"

LIST, SETTINGS = "elasticbeanstalk:DescribeEnvironments", "elasticbeanstalk:DescribeConfigurationSettings"
DESCRIBE_PLATFORM, TAGS = "elasticbeanstalk:DescribePlatformVersion", "elasticbeanstalk:ListTagsForResource"
STACK, QUOTAS = "cloudformation:ListStackResources", "elasticbeanstalk:DescribeAccountAttributes"
APPLICATIONS = "elasticbeanstalk:DescribeApplications"

KIND = "aws:elasticbeanstalk:environment/EnvironmentType"
BALANCER, ALONE = {KIND: "LoadBalanced"}, {KIND: "SingleInstance"}
COUPLED = "aws:rds:dbinstance/HasCoupledDatabase"
PROPERTY = "aws:elasticbeanstalk:application:environment"
ASG = "aws:autoscaling:asg"
HTTPS_443 = {"aws:elbv2:listener:443/Protocol": "HTTPS", "aws:elbv2:listener:443/SSLCertificateArns": "arn:x"}


def environments(*changes: dict[str, Any]) -> dict[str, Any]:
    """What Elastic Beanstalk answers where there are these environments: e-0, e-1 and so on."""
    platform = "arn:aws:elasticbeanstalk:us-east-1::platform/Python 3.12 running on 64bit Amazon Linux 2023/4.7.0"
    usual = {
        "ApplicationName": "shop", "PlatformArn": platform, "Status": "Ready", "Health": "Green",
        "Tier": {"Name": "WebServer", "Type": "Standard"},
    }  # fmt: skip
    arn = f"arn:aws:elasticbeanstalk:us-east-1:{ACCOUNT}:environment/shop/"
    each = [
        usual | {"EnvironmentId": f"e-{n}", "EnvironmentName": f"env-{n}", "EnvironmentArn": f"{arn}env-{n}"} | change
        for n, change in enumerate(changes)
    ]
    return {LIST: {"Environments": each}, TAGS: {"ResourceTags": []}, STACK: {"StackResourceSummaries": []}}


def settings(*options: Mapping[str, str | None]) -> dict[str, Any]:
    """What it says of them: options by "namespace/name"."""

    def answer(params: dict[str, Any], region: str, account: str) -> dict[str, Any]:
        chosen = options[int(params["EnvironmentName"].rpartition("-")[2])]
        given = [
            {"Namespace": space, "OptionName": name} | ({} if value is None else {"Value": value})
            for path, value in {"aws:autoscaling:asg/MaxSize": "4", **chosen}.items()
            for space, _, name in [path.rpartition("/")]
        ]
        return {"ConfigurationSettings": [{"ApplicationName": "shop", "OptionSettings": given}]}

    return {SETTINGS: answer}


CASES: dict[str, list[tuple[Mapping[str, str | None], str]]] = {
    HTTPS: [
        (BALANCER, FAIL),
        (BALANCER | HTTPS_443, PASS),
        (BALANCER | HTTPS_443 | {"aws:elbv2:listener:443/ListenerEnabled": "false"}, FAIL),
        (BALANCER | {"aws:elbv2:listener:443/Protocol": "HTTPS"}, FAIL),
        (BALANCER | {"aws:elbv2:listener:80/Protocol": "HTTP"}, FAIL),
        (
            BALANCER | {"aws:elb:listener:443/ListenerProtocol": "HTTPS", "aws:elb:listener:443/SSLCertificateId": "x"},
            PASS,
        ),
        (
            BALANCER
            | {"aws:elb:loadbalancer/LoadBalancerHTTPSPort": "443", "aws:elb:loadbalancer/SSLCertificateId": "x"},
            PASS,
        ),
        (ALONE, NA),
        (BALANCER | {"aws:elasticbeanstalk:environment/LoadBalancerIsShared": "true"}, NA),
    ],
    UPDATES: [
        ({}, FAIL),
        ({"aws:elasticbeanstalk:managedactions/ManagedActionsEnabled": "false"}, FAIL),
        ({"aws:elasticbeanstalk:managedactions/ManagedActionsEnabled": "true"}, PASS),
    ],
    DATABASE: [({COUPLED: "true"}, FAIL), ({COUPLED: "false"}, PASS), ({}, UNKNOWN)],
    BALANCED: [(BALANCER, PASS), (ALONE, FAIL), ({}, PASS)],
    ZONES: [
        (ALONE, NA),
        (BALANCER, FAIL),
        (BALANCER | {f"{ASG}/MinSize": "2", f"{ASG}/Availability Zones": "Any"}, PASS),
        (BALANCER | {f"{ASG}/MinSize": "2", f"{ASG}/Availability Zones": "Any 1"}, FAIL),
        (BALANCER | {f"{ASG}/MinSize": "1", f"{ASG}/Availability Zones": "Any 3"}, FAIL),
        (BALANCER | {f"{ASG}/MinSize": "two"}, UNKNOWN),
    ],
    DEPLOYMENT: [
        (ALONE, NA),
        (BALANCER, FAIL),
        (BALANCER | {"aws:elasticbeanstalk:command/DeploymentPolicy": "AllAtOnce"}, FAIL),
        (BALANCER | {"aws:elasticbeanstalk:command/DeploymentPolicy": "TrafficSplitting"}, PASS),
    ],
    LOGS: [({}, FAIL), ({"aws:elasticbeanstalk:cloudwatch:logs/StreamLogs": "true"}, PASS)],
    XRAY: [({}, FAIL), ({"aws:elasticbeanstalk:xray/XRayEnabled": "true"}, PASS)],
    SECRETS: [
        ({}, PASS),
        ({f"{PROPERTY}/DB_HOST": "db.internal", f"{PROPERTY}/DB_PASSWORD": None}, PASS),
        ({f"{PROPERTY}/DB_PASSWORD": "kT8fWq2LmZ"}, FAIL),
        ({f"{PROPERTY}/AWS_ACCESS_KEY_ID": "AKIA" + "Q3EGRW7PLKJH2X5V"}, FAIL),
        ({f"{PROPERTY}secrets/DB_PASSWORD": "arn:aws:secretsmanager:us-east-1:1:secret:x"}, PASS),
    ],
}


@pytest.mark.parametrize("rule", CASES)
def test_settings(lab: Lab, rule: str) -> None:
    options, statuses = zip(*CASES[rule], strict=True)
    answers = environments(*({} for _ in options)) | settings(*options)
    assert lab.statuses(rule, answers=answers) == {f"e-{n}": status for n, status in enumerate(statuses)}


def test_how_bad_secrets_are_and_that_none_is_kept(lab: Lab) -> None:
    key, password = "AKIA" + "Q3EGRW7PLKJH2X5V", "kT8fWq2LmZ"
    template = {"aws:cloudformation:template:parameter/EnvironmentVariables": f"DB_PASSWORD={password}"}
    options = settings({f"{PROPERTY}/DB_PASSWORD": password, f"{PROPERTY}/ID": "x"} | template, {f"{PROPERTY}/ID": key})
    answers = environments({}, {}) | options
    found = lab.findings(SECRETS, answers=answers)
    assert [found[name].severity for name in ("e-0", "e-1")] == ["high", "critical"]
    assert found["e-0"].evidence["properties"] == [{"name": "DB_PASSWORD", "pattern": "assignment"}]
    with lab.but(answers=answers):
        inventory: Inventory = lab.inventory([RULES[SECRETS]])
    assert not {word for word in (key, password) if word in repr(inventory) + repr(found)}


def test_environments_of_which_nothing_is_said(lab: Lab) -> None:
    none: dict[str, Any] = {"ConfigurationSettings": []}
    for rule in OF_SETTINGS:
        assert lab.statuses(rule, answers=environments({}) | {SETTINGS: none}) == {"e-0": UNKNOWN}


@pytest.mark.parametrize("rule", [*OF_SETTINGS, PLATFORM])
def test_environments_that_are_being_terminated(lab: Lab, rule: str) -> None:
    answers = environments({"Status": "Terminating"}, {"Status": "Terminated"})
    assert lab.statuses(rule, answers=answers, deny=[SETTINGS, DESCRIBE_PLATFORM]) == {"e-0": NA, "e-1": NA}


@pytest.mark.parametrize("rule", [HTTPS, BALANCED])
def test_workers(lab: Lab, rule: str) -> None:
    answers = environments({"Tier": {"Name": "Worker", "Type": "SQS/HTTP"}}) | settings({})
    assert lab.statuses(rule, answers=answers) == {"e-0": NA}


@pytest.mark.parametrize(
    ("rule", "operation"),
    [
        *((rule, LIST) for rule in (*OF_SETTINGS, PLATFORM)),
        *((rule, SETTINGS) for rule in OF_SETTINGS),
        (PLATFORM, DESCRIBE_PLATFORM),
        (BALANCED, TAGS),
        (DATABASE, STACK),
        (VERSIONS, APPLICATIONS),
        (VERSIONS, QUOTAS),
    ],
)
def test_what_was_not_read_is_unknown(lab: Lab, rule: str, operation: str) -> None:
    answers = environments({}) | settings(ALONE) | applications(COUNT)
    found = lab.statuses(rule, answers=answers, deny=[operation])
    assert found == {"*" if operation in (LIST, APPLICATIONS) else "shop-0" if rule == VERSIONS else "e-0": UNKNOWN}


def test_single_instances_for_development(lab: Lab) -> None:
    answers = environments({}) | settings(ALONE)
    for value, status in (("Dev", NA), ("production", FAIL)):
        answers[TAGS] = {"ResourceTags": [{"Key": "Environment", "Value": value}]}
        assert lab.statuses(BALANCED, answers=answers) == {"e-0": status}


def test_databases_that_only_the_stack_shows(lab: Lab) -> None:
    answers = environments({}) | settings({})
    for kind, status in (("AWS::RDS::DBInstance", FAIL), ("AWS::EC2::SecurityGroup", PASS)):
        resource: dict[str, Any] = {"LogicalResourceId": "x", "ResourceType": kind, "ResourceStatus": "CREATE_COMPLETE"}
        resource["LastUpdatedTimestamp"] = ago(9)
        answers[STACK] = {"StackResourceSummaries": [resource]}
        assert lab.statuses(DATABASE, answers=answers) == {"e-0": status}


@pytest.mark.parametrize(
    ("branch", "version", "status", "severity"),
    [
        ("Supported", "Recommended", PASS, "high"),
        ("Supported", None, FAIL, "informational"),
        ("retired", "Recommended", FAIL, "high"),
        ("Deprecated", "Recommended", FAIL, "medium"),
        ("Supported", "Retired", FAIL, "informational"),
        (None, None, NA, "high"),
    ],
)
def test_platforms(lab: Lab, branch: str | None, version: str | None, status: str, severity: str) -> None:
    states = {"PlatformBranchLifecycleState": branch, "PlatformLifecycleState": version}
    described = {name: state for name, state in states.items() if state}
    answers = environments({}) | {DESCRIBE_PLATFORM: {"PlatformDescription": described}}
    finding = lab.findings(PLATFORM, answers=answers)["e-0"]
    assert (finding.status, finding.severity) == (status, severity)


def test_a_platform_that_is_not_named(lab: Lab) -> None:
    answers = environments({})
    del answers[LIST]["Environments"][0]["PlatformArn"]
    assert lab.statuses(PLATFORM, answers=answers) == {"e-0": UNKNOWN}


@pytest.mark.parametrize(
    ("change", "system", "reporting", "health"),
    [
        ({}, "enhanced", PASS, PASS),
        ({}, "basic", FAIL, PASS),
        ({"Health": "Red"}, "enhanced", PASS, FAIL),
        ({"Health": "Grey"}, "enhanced", PASS, NA),
        ({"Status": "Updating", "Health": "Grey"}, "enhanced", PASS, NA),
        ({"Status": "Terminating"}, "enhanced", NA, NA),
    ],
)
def test_health(lab: Lab, change: dict[str, Any], system: str, reporting: str, health: str) -> None:
    options = settings({"aws:elasticbeanstalk:healthreporting:system/SystemType": system})
    with lab.but(answers=environments(change) | options):
        found = lab.judge(HEALTH).findings
    assert sorted(f.status for f in found) == sorted([reporting, health])
    with lab.but(answers=environments(change) | options, deny=[SETTINGS]):
        denied = [f.status for f in lab.judge(HEALTH).findings]
    assert (UNKNOWN in denied) is (reporting != NA)


# --- Applications


def applications(*lifecycles: dict[str, Any] | None, versions: int = 1) -> dict[str, Any]:
    """What it answers where there are these applications, with so many versions each."""
    each = []
    for n, rules in enumerate(lifecycles):
        arn = f"arn:aws:elasticbeanstalk:us-east-1:{ACCOUNT}:application/shop-{n}"
        config = {} if rules is None else {"ResourceLifecycleConfig": {"VersionLifecycleConfig": rules}}
        labels = [f"v{number}" for number in range(versions)]
        each.append({"ApplicationName": f"shop-{n}", "ApplicationArn": arn, "Versions": labels, **config})
    quotas = {"ResourceQuotas": {"ApplicationVersionQuota": {"Maximum": 1000}}}
    return {APPLICATIONS: {"Applications": each}, QUOTAS: quotas}


COUNT = {"MaxCountRule": {"Enabled": True, "MaxCount": 200}, "MaxAgeRule": {"Enabled": False}}
AGE = {"MaxCountRule": {"Enabled": False}, "MaxAgeRule": {"Enabled": True, "MaxAgeInDays": 180}}
NEITHER = {"MaxCountRule": {"Enabled": False}, "MaxAgeRule": {"Enabled": False}}


def test_old_versions(lab: Lab) -> None:
    found = lab.statuses(VERSIONS, answers=applications(COUNT, AGE, NEITHER, None))
    assert found == {"shop-0": PASS, "shop-1": PASS, "shop-2": FAIL, "shop-3": FAIL}


def test_the_quota_is_the_regions(lab: Lab) -> None:
    assert lab.statuses(VERSIONS, answers=applications(COUNT, AGE, versions=400)) == {"shop-0": PASS, "shop-1": PASS}
    assert lab.statuses(VERSIONS, answers=applications(COUNT, AGE, versions=401)) == {"shop-0": FAIL, "shop-1": FAIL}
