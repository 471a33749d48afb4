"""Queues, topics and functions: the shop's, which somebody looked after, and the newsletter's, which nobody did."""

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

from auditor.demo.emulator import ACCOUNT
from auditor.demo.protocol import Params
from auditor.demo.stage import AGENCY, ANALYTICS, PARTNER, PRODUCTION, Stage, allow, arn, document

OWN = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
INSECURE = {"Bool": {"aws:SecureTransport": "false"}}
WORKER, SENDER, INVOICES = "northwind-order-worker", "northwind-newsletter-sender", "northwind-legacy-invoices"


def build(stage: Stage) -> None:
    """Make all of it."""
    _queues(stage)
    _topics(stage)
    _functions(stage)
    _databases(stage)
    _policies(stage)
    _feeds(stage)
    _settings(stage)
    _metrics(stage)


def _refuse_plain_http(action: str, resource: str) -> dict[str, Any]:
    deny = {"Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": action}
    return {**deny, "Resource": resource, "Condition": INSECURE}


def _queues(stage: Stage) -> None:
    sqs = stage.client("sqs")

    def make(
        name: str, owner: str, *statements: Mapping[str, Any], dead: str = "", count: int = 5, **set_: str
    ) -> None:
        attributes = dict(set_)
        if statements:
            attributes["Policy"] = json.dumps(document(*statements))
        if dead:
            target = arn("sqs", PRODUCTION, dead)
            attributes["RedrivePolicy"] = json.dumps({"deadLetterTargetArn": target, "maxReceiveCount": count})
        sqs.create_queue(QueueName=name, Attributes=attributes, tags={"owner": owner, "environment": "production"})

    payments, newsletter = (arn("sqs", PRODUCTION, f"northwind-{name}") for name in ("payments", "newsletter"))
    topics = allow("sqs:SendMessage", payments, Principal={"Service": "sns.amazonaws.com"}, Condition=OWN)
    partner = allow("sqs:ReceiveMessage", arn("sqs", PRODUCTION, "northwind-stock"), Principal={"AWS": PARTNER})
    make("northwind-payments-dead", "shop", MessageRetentionPeriod="1209600", KmsMasterKeyId="alias/aws/sqs")
    make(
        "northwind-payments", "shop", _refuse_plain_http("sqs:*", payments), topics, dead="northwind-payments-dead",
        KmsMasterKeyId="alias/aws/sqs", VisibilityTimeout="240", ReceiveMessageWaitTimeSeconds="20",
    )  # fmt: skip
    make("northwind-newsletter-dead", "marketing", MessageRetentionPeriod="3600")
    make(
        "northwind-newsletter", "marketing", allow("sqs:*", newsletter, Principal="*"), count=1,
        dead="northwind-newsletter-dead", SqsManagedSseEnabled="false", MessageRetentionPeriod="3600",
    )  # fmt: skip
    make("northwind-stock", "shop", partner)
    make("northwind-ledger.fifo", "leadership", FifoQueue="true", ContentBasedDeduplication="true")
    make("northwind-ledger-old.fifo", "leadership", FifoQueue="true")
    stage.client("cloudwatch").put_metric_alarm(
        AlarmName="northwind-ledger-waits", Namespace="AWS/SQS", MetricName="ApproximateAgeOfOldestMessage",
        Dimensions=[{"Name": "QueueName", "Value": "northwind-ledger.fifo"}], Statistic="Maximum", Period=300,
        EvaluationPeriods=3, Threshold=900.0, ComparisonOperator="GreaterThanThreshold",
        AlarmActions=[arn("sns", PRODUCTION, "northwind-alerts")],
    )  # fmt: skip


def _topics(stage: Stage) -> None:
    sns = stage.client("sns")
    for name, statement in (
        ("alerts", None),
        ("broadcast", {"Principal": "*", "Action": "sns:Publish"}),
        ("price-list", {"Principal": {"AWS": PARTNER}, "Action": "sns:Subscribe"}),
    ):
        topic = sns.create_topic(Name=f"northwind-{name}", Tags=[{"Key": "owner", "Value": "platform"}])["TopicArn"]
        own = allow(
            "sns:Publish", topic, Principal={"AWS": "*"}, Condition={"StringEquals": {"AWS:SourceOwner": ACCOUNT}}
        )
        says = (own, _refuse_plain_http("sns:Publish", topic)) if statement is None else (
            {"Effect": "Allow", "Resource": topic, **statement},
        )  # fmt: skip
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(document(*says)))
    alerts, broadcast = (arn("sns", PRODUCTION, f"northwind-{name}") for name in ("alerts", "broadcast"))
    sns.set_topic_attributes(TopicArn=alerts, AttributeName="KmsMasterKeyId", AttributeValue="alias/northwind-alerts")
    dead = json.dumps({"deadLetterTargetArn": arn("sqs", PRODUCTION, "northwind-payments-dead")})
    for topic, protocol, endpoint, redrive in (
        (alerts, "https", "https://pager.northwind.example/hook", dead),
        (alerts, "sqs", arn("sqs", PRODUCTION, "northwind-payments"), dead),
        (broadcast, "http", "http://agency.northwind.example/news", ""),
        (broadcast, "sqs", arn("sqs", PRODUCTION, "northwind-campaign-2022"), ""),
    ):
        attributes = {"RedrivePolicy": redrive} if redrive else {}
        sns.subscribe(TopicArn=topic, Protocol=protocol, Endpoint=endpoint, Attributes=attributes)
        stage.backend("sns").topics[topic].subscriptions_confimed += 1  # moto never counts them


def _archive() -> bytes:
    """The code of any function, zipped."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("index.py"), "def handler(event, context):\n    return event\n")
    return packed.getvalue()


def _functions(stage: Stage) -> None:
    functions, held = stage.client("lambda"), stage.backend("lambda")
    private = [stage.names[f"northwind-production/private-{zone}"] for zone in "ab"]
    dead = arn("sqs", PRODUCTION, "northwind-payments-dead")

    def make(name: str, owner: str, runtime: str, role: str, **more: Any) -> Any:
        functions.create_function(
            FunctionName=name, Runtime=runtime, Handler="index.handler", Code={"ZipFile": _archive()},
            Role=f"arn:aws:iam::{ACCOUNT}:role/{role}", Tags={"owner": owner, "environment": "production"}, **more,
        )  # fmt: skip
        return held.get_function(name)

    worker = make(
        WORKER, "shop", "python3.13", "northwind-legacy-cron", Timeout=30, MemorySize=512, Publish=True,
        TracingConfig={"Mode": "Active"}, Environment={"Variables": {"STAGE": "production", "TABLE": "orders"}},
    )  # fmt: skip
    sender = make(
        SENDER, "marketing", "nodejs16.x", "northwind-legacy-cron", Timeout=60, MemorySize=128,
        Environment={"Variables": {"SMTP_PASSWORD": "kaffee-und-kuchen-2019"}},
    )  # fmt: skip
    invoices = make(INVOICES, "leadership", "python3.9", "northwind-legacy-cron", Timeout=3)
    layer, vpc = f"arn:aws:lambda:{PRODUCTION}", {"VpcId": stage.names["northwind-production"]}
    app, web = ([stage.names[f"northwind-production/{name}"]] for name in ("app", "web"))
    # What moto does not take, does not give back, or checks against what it cannot know.
    _says(
        worker, DeadLetterConfig={"TargetArn": dead}, VpcConfig={**vpc, "SubnetIds": private, "SecurityGroupIds": app},
        Layers=[{"Arn": f"{layer}:017000801446:layer:Powertools:7", "CodeSize": 24_000_000}],
    )  # fmt: skip
    _says(
        sender, VpcConfig={**vpc, "SubnetIds": private[:1], "SecurityGroupIds": web}, CodeSize=48 << 20,
        Layers=[{"Arn": f"{layer}:{AGENCY}:layer:mailer:3", "CodeSize": 9_000_000}],
    )  # fmt: skip
    gone = f"arn:aws:iam::{ACCOUNT}:role/northwind-invoices-2021"
    _says(invoices, DeadLetterConfig={"TargetArn": dead}, Role=gone)
    for name, auth in ((WORKER, "AWS_IAM"), (INVOICES, "NONE")):
        functions.create_function_url_config(FunctionName=name, AuthType=auth)
    functions.create_alias(FunctionName=WORKER, Name="live", FunctionVersion="1")
    functions.publish_version(FunctionName=SENDER)
    functions.create_alias(
        FunctionName=SENDER, Name="campaign", FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"$LATEST": 0.5}},
    )  # fmt: skip
    functions.put_function_event_invoke_config(
        FunctionName=WORKER, DestinationConfig={"OnFailure": {"Destination": dead}}
    )
    logs = stage.client("logs")
    logs.create_log_group(logGroupName=f"/aws/lambda/{WORKER}")
    logs.put_retention_policy(logGroupName=f"/aws/lambda/{WORKER}", retentionInDays=90)
    logs.create_log_group(logGroupName=f"/aws/lambda/{SENDER}")


def _says(function: Any, **members: Any) -> None:
    """Let a function be listed with these members."""
    usual = function.get_configuration
    function.get_configuration = lambda *given, **named: {**usual(*given, **named), **members}


def _databases(stage: Stage) -> None:
    """The order worker's databases are behind a proxy; the newsletter's addresses come from reporting as they are."""
    stage.client("rds").register_db_proxy_targets(
        DBProxyName="orders", DBInstanceIdentifiers=["orders", "orders-replica"], DBClusterIdentifiers=["catalog"]
    )
    web = {"GroupId": stage.names["northwind-production/web"], "Description": "newsletter"}
    stage.client("ec2").authorize_security_group_ingress(
        GroupId=stage.names["northwind-production/reporting"],
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": 3306, "ToPort": 3306, "UserIdGroupPairs": [web]}],
    )


def _policies(stage: Stage) -> None:
    functions = stage.client("lambda")
    for name, statement, principal, more in (
        (WORKER, "alerts", "sns.amazonaws.com", {"SourceArn": arn("sns", PRODUCTION, "northwind-alerts")}),
        (SENDER, "everyone", "*", {}),
        (SENDER, "uploads", "s3.amazonaws.com", {}),
        (INVOICES, "agency", AGENCY, {}),
    ):
        functions.add_permission(
            FunctionName=name, StatementId=statement, Action="lambda:InvokeFunction", Principal=principal, **more
        )


def _feeds(stage: Stage) -> None:
    functions, kinesis = stage.client("lambda"), stage.client("kinesis")
    dead = {"OnFailure": {"Destination": arn("sqs", PRODUCTION, "northwind-payments-dead")}}
    for name, shards in (("northwind-clicks", 2), ("northwind-clicks-2021", 3)):
        kinesis.create_stream(StreamName=name, ShardCount=shards)
    clicks, old = (
        arn("kinesis", PRODUCTION, f"stream/{name}") for name in ("northwind-clicks", "northwind-clicks-2021")
    )
    for source, function, more in (
        (arn("sqs", PRODUCTION, "northwind-payments"), WORKER, {}),
        (arn("sqs", PRODUCTION, "northwind-newsletter"), SENDER, {}),
        (arn("sqs", PRODUCTION, "northwind-orders"), INVOICES, {"Enabled": False}),
        (arn("sqs", PRODUCTION, "northwind-stock"), INVOICES, {}),
        (clicks, WORKER, {"StartingPosition": "LATEST", "MaximumRetryAttempts": 5, "DestinationConfig": dead}),
        (old, INVOICES, {"StartingPosition": "LATEST"}),
    ):
        functions.create_event_source_mapping(EventSourceArn=source, FunctionName=function, **more)


def _settings(stage: Stage) -> None:
    """What the account may have of Lambda; and what it keeps warm, which moto does not know."""
    limit = {"TotalCodeSize": 80530636800, "ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}
    taken = {PRODUCTION: (3, 2_000_000_000, 80), ANALYTICS: (1, 70_000_000_000, 1000)}

    def settings(_: Params, region: str, __: str) -> dict[str, Any]:
        count, size, free = taken.get(region, (0, 0, 1000))
        return {
            "AccountLimit": {**limit, "UnreservedConcurrentExecutions": free},
            "AccountUsage": {"FunctionCount": count, "TotalCodeSize": size},
        }

    def warm(params: Params, region: str, __: str) -> dict[str, Any]:
        alias = {WORKER: "live", SENDER: "campaign"}.get(params["FunctionName"])
        held = {
            "FunctionArn": f"{arn('lambda', region, 'function:' + params['FunctionName'])}:{alias}",
            "RequestedProvisionedConcurrentExecutions": 5,
            "Status": "READY",
        }
        return {"ProvisionedConcurrencyConfigs": [held] if alias else []}

    stage.answers["lambda:GetAccountSettings"] = settings
    stage.answers["lambda:ListProvisionedConcurrencyConfigs"] = warm


def _metrics(stage: Stage) -> None:
    """What CloudWatch has measured of queues and functions, for some days."""
    function = "FunctionName"
    measured: tuple[tuple[str, str, dict[str, str], float], ...] = (
        ("AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": "northwind-stock"}, 340_000),
        ("AWS/Lambda", "Invocations", {function: INVOICES}, 12),
        ("AWS/Lambda", "Throttles", {function: SENDER}, 40),
        ("AWS/Lambda", "Duration", {function: SENDER}, 59_000),
        ("AWS/Lambda", "ConcurrentExecutions", {}, 900),
        ("AWS/Lambda", "ProvisionedConcurrencyUtilization", {function: WORKER, "Resource": f"{WORKER}:live"}, 0.7),
        ("AWS/Lambda", "ProvisionedConcurrencyUtilization", {function: SENDER, "Resource": f"{SENDER}:campaign"}, 0.02),
    )
    for namespace, name, dimensions, value in measured:
        measure(stage, namespace, name, dimensions, value)


def measure(stage: Stage, namespace: str, name: str, dimensions: Mapping[str, str], value: float) -> None:
    """Let CloudWatch have measured this on each of the last four days."""
    named = [{"Name": key, "Value": said} for key, said in dimensions.items()]
    stage.client("cloudwatch").put_metric_data(
        Namespace=namespace,
        MetricData=[
            {"MetricName": name, "Dimensions": named, "Value": value, "Timestamp": stage.ago(days + 0.5)}
            for days in range(4)
        ],
    )
