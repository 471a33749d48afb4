"""How Lambda functions are set up, how they run, and what feeds them."""

from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.serverless_answers import (
    OTHER,
    allow,
    arn,
    by,
    functions,
    mappings,
    metrics,
    policies,
    queues,
    redrive,
    when,
)

RUNTIME, ASYNC, DLQ = (
    "lambda-function-runtime-supported",
    "lambda-function-async-failure-destination-configured",
    "lambda-function-destination-preferred-over-dlq",
)
VPC, LAYERS, THROTTLED = (
    "lambda-function-vpc-multi-az",
    "lambda-function-layers-from-trusted-accounts",
    "lambda-function-not-throttled",
)
TIMEOUT, MEMORY, WARM = (
    "lambda-function-timeout-tuned",
    "lambda-function-memory-tuned",
    "lambda-function-provisioned-concurrency-utilized",
)
TRACING, ALIAS, LOGS = (
    "lambda-function-tracing-active",
    "lambda-alias-routing-settled",
    "lambda-function-log-group-retention-set",
)
SIZE, ROOM, STORAGE = (
    "lambda-function-code-size-below-limit",
    "lambda-account-concurrency-headroom",
    "lambda-account-code-storage-headroom",
)
QUEUE, STREAM, HEALTH = (
    "lambda-event-source-queue-has-redrive",
    "lambda-event-source-stream-failure-handling",
    "lambda-event-source-mapping-healthy",
)
PROXY = "lambda-function-database-access-via-proxy"
EDGE = {"MasterArn": arn("lambda", "function:master")}
IMAGE = {"PackageType": "Image", "Runtime": None}
DEAD = {"DeadLetterConfig": {"TargetArn": arn("sqs", "dead")}}


def failing(lab: Lab, rule: str, **options: Any) -> dict[str, str]:
    """The severities of what fails; the rest must be a pass."""
    found = lab.findings(rule, **options)
    assert {f.status.value for f in found.values()} <= {"pass", "fail"}
    return {name: f.severity.value for name, f in found.items() if f.status == "fail"}


def test_what_the_listing_tells(lab: Lab) -> None:
    mine, aws, strange = (
        {"Layers": [{"Arn": arn("lambda", "layer:l:1", account), "CodeSize": 5}]}
        for account in ("123456789012", "017000801446", OTHER)
    )
    answers = functions(
        good={},
        old={"Runtime": "python3.8", **mine},
        next={"Runtime": "python9.9", "CodeSize": 46 << 20, **aws},
        image=IMAGE | {"CodeSize": 900 << 20, **strange},
        edge=EDGE | {"TracingConfig": {"Mode": "Active"}},
        traced={"TracingConfig": {"Mode": "Active"}, "Runtime": "provided.al2023"},
    )
    same = dict.fromkeys(("good", "old", "next", "image", "edge", "traced"), "pass")
    runtimes = {"old": "fail", "next": "unknown", "image": "not_applicable"}
    assert lab.statuses(RUNTIME, answers=answers) == same | runtimes
    assert lab.statuses(LAYERS, answers=answers) == same | {"image": "fail"}
    assert set(lab.statuses(LAYERS, answers=answers, trusted_account_ids=(OTHER,)).values()) == {"pass"}
    assert lab.statuses(SIZE, answers=answers) == same | {"next": "fail", "image": "not_applicable"}
    untraced = dict.fromkeys(("good", "old", "next", "image"), "fail")
    assert lab.statuses(TRACING, answers=answers) == same | untraced | {"edge": "not_applicable"}


def test_a_runtime_about_to_be_deprecated(lab: Lab) -> None:
    answers = functions(late={"Runtime": "python3.13"}, new={"Runtime": "ruby4.0"}, old={"Runtime": "java8.al2023"})
    assert lab.statuses(RUNTIME, answers=answers, days_ahead=365 * 20) == dict.fromkeys(("late", "new", "old"), "fail")


@pytest.mark.parametrize("account", ["094274105915", "148806536434", "436199621743", "946466191631"])
def test_layers_of_aws(lab: Lab, account: str) -> None:
    answers = functions(work={"Layers": [{"Arn": arn("lambda", "layer:extension:1", account)}]})
    assert lab.statuses(LAYERS, answers=answers) == {"work": "pass"}


def destinations(**given: str | None) -> dict[str, Any]:
    """What is set for asynchronous invocations: where failures go; None where nothing is said of that."""
    said = {
        name: {"DestinationConfig": {"OnFailure": {"Destination": to}} if to else {}} for name, to in given.items()
    }  # fmt: skip
    return {"lambda:GetFunctionEventInvokeConfig": by("FunctionName", said)}


def test_asynchronous_failures(lab: Lab) -> None:
    logs = allow({"Service": "logs.us-east-1.amazonaws.com"}, **when("StringEquals", "AWS:SourceAccount", OTHER))
    gateway = allow({"Service": "apigateway.amazonaws.com"})
    answers = functions(none={}, called={}, sync={}, to={}, empty={}, dead=DEAD, both=DEAD, edge=EDGE)
    answers |= policies(none=None, called=logs, sync=gateway, to=logs, empty=logs, dead=logs, both=logs, edge=logs)
    answers |= destinations(to="arn:aws:sqs:x", both="arn:aws:sqs:x", empty=None)
    found = {
        "none": "not_applicable", "called": "fail", "sync": "not_applicable", "to": "pass", "empty": "fail",
        "dead": "pass", "both": "pass", "edge": "not_applicable",
    }  # fmt: skip
    assert lab.statuses(ASYNC, answers=answers) == found
    exempt = dict.fromkeys(found, "not_applicable")
    assert lab.statuses(DLQ, answers=answers) == exempt | {"dead": "fail", "both": "pass"}
    config = "lambda:GetFunctionEventInvokeConfig"
    blind = {name: answer for name, answer in answers.items() if name != config}
    unread = dict.fromkeys(("called", "to", "empty"), "unknown")
    assert lab.statuses(ASYNC, answers=blind, deny=[config]) == found | unread
    assert lab.statuses(DLQ, answers=blind, deny=[config]) == exempt | dict.fromkeys(("dead", "both"), "unknown")
    del answers["lambda:GetPolicy"]
    unread = dict.fromkeys(("none", "called", "sync", "to", "empty"), "unknown")
    assert lab.statuses(ASYNC, answers=answers, deny=["lambda:GetPolicy"]) == found | unread


def test_timeouts(lab: Lab) -> None:
    gateway = allow({"Service": "apigateway.amazonaws.com"})
    answers = functions(three={"Timeout": 3}, most={"Timeout": 900}, slow={"Timeout": 30}, alone={"Timeout": 30})
    answers |= policies(slow=gateway)
    found = {"three": "fail", "most": "fail", "slow": "fail", "alone": "pass"}
    assert lab.statuses(TIMEOUT, answers=answers) == found
    del answers["lambda:GetPolicy"]
    unread = lab.statuses(TIMEOUT, answers=answers, deny=["lambda:GetPolicy"])
    assert unread == found | {"slow": "unknown", "alone": "unknown"}


def test_functions_in_a_vpc(lab: Lab) -> None:
    ec2 = lab.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    a, b, c, open_ = (
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"]
        for n, zone in enumerate("abac")
    )
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    ec2.associate_route_table(RouteTableId=table, SubnetId=open_["SubnetId"])

    def within(*subnets: Any, vpc_id: str = vpc) -> dict[str, Any]:
        ids = [subnet["SubnetId"] for subnet in subnets]
        return {"VpcConfig": {"VpcId": vpc_id, "SubnetIds": ids, "SecurityGroupIds": []}}

    answers = functions(
        out={}, left=within(vpc_id=""), two=within(a, b), one=within(a, c), public=within(a, open_),
        gone=within({"SubnetId": "subnet-gone"}),
    )  # fmt: skip
    found = lab.findings(VPC, answers=answers)
    statuses = {name: finding.status.value for name, finding in found.items()}
    assert statuses == {
        "out": "not_applicable", "left": "not_applicable", "two": "pass", "one": "fail", "public": "fail",
        "gone": "unknown",
    }  # fmt: skip
    assert (found["one"].severity, found["public"].severity) == ("medium", "low")
    blind = lab.statuses(VPC, answers=answers, deny=["ec2:DescribeRouteTables"])
    assert blind == statuses | {"two": "unknown", "public": "unknown"}
    blind = lab.statuses(VPC, answers=answers, deny=["ec2:DescribeSubnets"])
    assert blind == statuses | dict.fromkeys(("two", "one", "public"), "unknown")


def test_metrics_of_functions(lab: Lab) -> None:
    answers = functions(calm={}, busy={"MemorySize": 128}, small={"MemorySize": 128, "Timeout": 100})
    answers |= metrics({
        ("Throttles", "busy"): [1, 2, 0, 3],
        ("Throttles", "calm"): [1, 2, 0, 0],
        ("Duration", "busy"): [8001],
        ("Duration", "small"): [8001],
    })  # fmt: skip
    assert failing(lab, THROTTLED, answers=answers) == {"busy": "medium"}
    assert failing(lab, MEMORY, answers=answers) == {"busy": "informational"}
    assert lab.statuses(THROTTLED, answers=answers, metrics=False) == {"*": "unknown"}
    assert lab.statuses(MEMORY, answers=answers, metrics=False) == {"calm": "pass", "*": "unknown"}


def test_logs(lab: Lab) -> None:
    logs = lab.client("logs")
    for name, days in (("/aws/lambda/kept", 90), ("/aws/lambda/forever", None), ("own", 30)):
        logs.create_log_group(logGroupName=name)
        if days:
            logs.put_retention_policy(logGroupName=name, retentionInDays=days)
    answers = functions(kept={}, forever={}, own={"LoggingConfig": {"LogGroup": "own"}}, mute={}, new={}, edge=EDGE)
    answers |= metrics({("Invocations", "mute"): [0, 1]})
    found = {
        "kept": "pass", "forever": "fail", "own": "pass", "mute": "fail", "new": "not_applicable",
        "edge": "not_applicable",
    }  # fmt: skip
    assert lab.statuses(LOGS, answers=answers) == found
    blind = lab.statuses(LOGS, answers=answers, deny=["logs:DescribeLogGroups"])
    assert blind == dict.fromkeys(found, "unknown") | {"edge": "not_applicable"}


def test_provisioned_concurrency(lab: Lab) -> None:
    def config(name: str, status: str) -> dict[str, Any]:
        function = f"{arn('lambda', 'function:work')}:{name}"
        return {"FunctionArn": function, "Status": status, "RequestedProvisionedConcurrentExecutions": 5}

    states = {"used": "READY", "idle": "READY", "new": "READY", "broken": "FAILED", "coming": "IN_PROGRESS"}
    listed = [config(name, status) for name, status in states.items()]
    operation = "lambda:ListProvisionedConcurrencyConfigs"
    answers = functions(work={}) | {operation: {"ProvisionedConcurrencyConfigs": listed}}
    answers |= metrics({
        ("ProvisionedConcurrencyUtilization", "work", "work:used"): [0.1, 0.3],
        ("ProvisionedConcurrencyUtilization", "work", "work:idle"): [0.1, 0.05],
    })  # fmt: skip
    found = {name.rpartition(":")[2]: status for name, status in lab.statuses(WARM, answers=answers).items()}
    assert found == {
        "used": "pass", "idle": "fail", "new": "not_applicable", "broken": "fail", "coming": "not_applicable",
    }  # fmt: skip
    assert lab.statuses(WARM, answers=functions(work={}), deny=[operation]) == {"*": "unknown"}


def test_aliases(lab: Lab) -> None:
    def alias(name: str, **more: Any) -> dict[str, Any]:
        return {"AliasArn": f"{arn('lambda', 'function:work')}:{name}", "Name": name, "FunctionVersion": "1", **more}

    shared = {"RoutingConfig": {"AdditionalVersionWeights": {"2": 0.1}}}
    answers = functions(work={}) | {"lambda:ListAliases": {"Aliases": [alias("live"), alias("half", **shared)]}}
    answers["codedeploy:ListDeployments"] = {"deployments": []}
    live, half = (f"{arn('lambda', 'function:work')}:{name}" for name in ("live", "half"))
    assert lab.statuses(ALIAS, answers=answers) == {live: "pass", half: "fail"}
    answers["codedeploy:ListDeployments"] = {"deployments": ["d-1"]}
    assert lab.statuses(ALIAS, answers=answers) == {live: "pass", half: "unknown"}
    del answers["codedeploy:ListDeployments"]
    assert lab.statuses(ALIAS, answers=answers, deny=["codedeploy:ListDeployments"]) == {live: "pass", half: "unknown"}
    assert lab.statuses(ALIAS, answers=functions(work={}), deny=["lambda:ListAliases"]) == {"*": "unknown"}


@pytest.mark.parametrize(
    ("count", "limit", "free", "most", "size", "room", "storage"),
    [
        (0, 1000, 1000, 0, 0, "not_applicable", "not_applicable"),
        (5, 1000, 1000, 700, 79, "pass", "pass"),
        (5, 1000, 1000, 801, 81, "fail", "fail"),
        (5, 1000, 100, 0, 0, "fail", "pass"),
        (5, 10, 10, 0, 0, "pass", "pass"),
    ],
)
def test_limits_of_the_account(
    lab: Lab, count: int, limit: int, free: int, most: int, size: int, room: str, storage: str
) -> None:
    given = {"TotalCodeSize": 100, "ConcurrentExecutions": limit, "UnreservedConcurrentExecutions": free}
    answers: dict[str, Any] = {
        "lambda:GetAccountSettings": {
            "AccountLimit": given, "AccountUsage": {"FunctionCount": count, "TotalCodeSize": size},
        }
    }  # fmt: skip
    answers |= metrics({("ConcurrentExecutions",): [most]})
    assert set(lab.statuses(ROOM, answers=answers).values()) == {room}
    assert set(lab.statuses(STORAGE, answers=answers).values()) == {storage}


@pytest.mark.parametrize("rule", [ROOM, STORAGE])
def test_unread_limits_are_unknown(lab: Lab, rule: str) -> None:
    assert set(lab.statuses(rule, deny=["lambda:GetAccountSettings"]).values()) == {"unknown"}


def test_databases(lab: Lab) -> None:
    ec2 = lab.client("ec2")
    groups = {n: ec2.create_security_group(GroupName=n, Description=n)["GroupId"] for n in ("f", "g", "db", "other")}
    for group, port in (("db", 5432), ("other", 22)):
        peer = [{"GroupId": groups["f"]}]
        ec2.authorize_security_group_ingress(
            GroupId=groups[group],
            IpPermissions=[{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "UserIdGroupPairs": peer}],
        )

    def instance(name: str, group: str, **more: Any) -> dict[str, Any]:
        return {
            "DBInstanceIdentifier": name, "DBInstanceStatus": "available", "Engine": "postgres",
            "StorageEncrypted": True, "PubliclyAccessible": False, "BackupRetentionPeriod": 1,
            "DeletionProtection": True, "Endpoint": {"Address": "x", "Port": 5432},
            "VpcSecurityGroups": [{"VpcSecurityGroupId": groups[group], "Status": "active"}], **more,
        }  # fmt: skip

    def within(group: str) -> dict[str, Any]:
        return {"VpcConfig": {"VpcId": "vpc-1", "SubnetIds": [], "SecurityGroupIds": [groups[group]]}}

    proxy = {
        "DBProxyName": "p", "DBProxyArn": "arn:aws:rds:us-east-1:123456789012:db-proxy:p", "Status": "available",
        "EngineFamily": "POSTGRESQL", "Auth": [], "RequireTLS": True, "VpcSubnetIds": [], "DebugLogging": False,
    }  # fmt: skip
    answers = functions(out={}, reads=within("f"), other=within("g"))
    answers["rds:DescribeDBInstances"] = {"DBInstances": [instance("a", "db"), instance("b", "other")]}
    answers["rds:DescribeDBProxies"] = {"DBProxies": [proxy]}
    found = {"out": "not_applicable", "reads": "fail", "other": "not_applicable"}
    targets = {"rds:DescribeDBProxyTargets": {"Targets": [{"RdsResourceId": "z"}]}}
    assert lab.statuses(PROXY, answers=answers | targets) == found
    targets = {"rds:DescribeDBProxyTargets": {"Targets": [{"RdsResourceId": "a"}]}}
    assert lab.statuses(PROXY, answers=answers | targets) == found | {"reads": "pass"}
    unread = found | {"reads": "unknown"}
    assert lab.statuses(PROXY, answers=answers, deny=["rds:DescribeDBProxyTargets"]) == unread
    blind = lab.statuses(PROXY, answers=answers | targets, deny=["ec2:DescribeSecurityGroups"])
    assert blind == unread | {"other": "unknown"}


# --- what feeds functions


def test_queues_that_feed_functions(lab: Lab) -> None:
    answers = queues(**{"in": {}, "good": redrive(arn("sqs", "dead"))})
    answers |= mappings(
        a={}, b={}, good={"EventSourceArn": arn("sqs", "good")}, gone={"EventSourceArn": arn("sqs", "gone")},
        theirs={"EventSourceArn": arn("sqs", "in", OTHER)}, kafka={"EventSourceArn": None},
        _off={"State": "Disabled"},
    )  # fmt: skip
    found = {
        "a": "fail", "b": "not_applicable", "good": "pass", "gone": "fail", "theirs": "unknown",
        "kafka": "not_applicable", "_off": "not_applicable",
    }  # fmt: skip
    assert lab.statuses(QUEUE, answers=answers) == found
    del answers["sqs:GetQueueAttributes"]
    blind = lab.statuses(QUEUE, answers=answers, deny=["sqs:GetQueueAttributes"])
    assert blind == found | {"a": "unknown", "good": "unknown"}


def test_streams_that_feed_functions(lab: Lab) -> None:
    stream = {"EventSourceArn": arn("kinesis", "stream/s")}
    to = {"DestinationConfig": {"OnFailure": {"Destination": arn("sqs", "dead")}}}
    answers = mappings(
        queue={},
        usual=stream | {"MaximumRetryAttempts": -1, "MaximumRecordAgeInSeconds": -1},
        unset=stream | to,
        silent=stream | {"MaximumRetryAttempts": 3, "MaximumRecordAgeInSeconds": -1},
        good=stream | to | {"MaximumRetryAttempts": -1, "MaximumRecordAgeInSeconds": 3600},
        table=to | {"EventSourceArn": arn("dynamodb", "table/t/stream/2026"), "MaximumRetryAttempts": 2},
        off=stream | {"State": "Disabled"},
    )
    found = lab.findings(STREAM, answers=answers)
    assert {name: finding.status.value for name, finding in found.items()} == {
        "queue": "not_applicable", "usual": "fail", "unset": "fail", "silent": "fail", "good": "pass",
        "table": "pass", "off": "not_applicable",
    }  # fmt: skip
    assert (found["usual"].severity, found["silent"].severity) == ("medium", "low")


def test_health_of_mappings(lab: Lab) -> None:
    answers = mappings(
        good={},
        new={"LastProcessingResult": "No records processed"},
        failing={"LastProcessingResult": "PROBLEM: Function call failed"},
        off={"State": "Disabled"},
        lambdas={"State": "Disabled", "StateTransitionReason": "PROBLEM: role cannot be assumed"},
        coming={"State": "Creating"},
    )
    found = lab.findings(HEALTH, answers=answers)
    assert {name: finding.status.value for name, finding in found.items()} == {
        "good": "pass", "new": "pass", "failing": "fail", "off": "fail", "lambdas": "fail", "coming": "not_applicable",
    }  # fmt: skip
    assert [found[name].severity.value for name in ("failing", "off", "lambdas")] == ["medium", "low", "medium"]


@pytest.mark.parametrize("rule", [QUEUE, STREAM, HEALTH])
def test_denied_mappings_are_unknown(lab: Lab, rule: str) -> None:
    assert lab.statuses(rule, deny=["lambda:ListEventSourceMappings"]) == {"*": "unknown"}
