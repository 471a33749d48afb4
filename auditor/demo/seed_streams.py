"""Streams, tables, APIs, state machines and sign-ins: what the shop is made of, and what was tried beside it."""

import json
from typing import Any

from auditor.demo.emulator import ACCOUNT
from auditor.demo.seed_serverless import measure
from auditor.demo.stage import PARTNER, PRODUCTION, Stage, allow, arn, document

ROLE = f"arn:aws:iam::{ACCOUNT}:role/northwind-order-processor"


def build(stage: Stage) -> None:
    """Make all of it. The streams themselves are there: functions read them."""
    _streams(stage)
    _tables(stage)
    _apis(stage)
    _applications(stage)
    _metrics(stage)


def _streams(stage: Stage) -> None:
    kinesis, firehose = stage.client("kinesis"), stage.client("firehose")
    clicks = "northwind-clicks"
    kinesis.start_stream_encryption(StreamName=clicks, EncryptionType="KMS", KeyId="alias/aws/kinesis")
    kinesis.increase_stream_retention_period(StreamName=clicks, RetentionPeriodHours=168)
    kinesis.enable_enhanced_monitoring(StreamName=clicks, ShardLevelMetrics=["IncomingBytes"])
    for name, logs in (("northwind-clicks-archive", True), ("northwind-campaign-archive", False)):
        target: dict[str, Any] = {
            "RoleARN": ROLE, "BucketARN": "arn:aws:s3:::northwind-logs",
            "CloudWatchLoggingOptions": {"Enabled": logs},
        }  # fmt: skip
        firehose.create_delivery_stream(
            DeliveryStreamName=name, DeliveryStreamType="DirectPut", ExtendedS3DestinationConfiguration=target
        )
        if logs:
            firehose.start_delivery_stream_encryption(
                DeliveryStreamName=name, DeliveryStreamEncryptionConfigurationInput={"KeyType": "AWS_OWNED_CMK"}
            )


def _tables(stage: Stage) -> None:
    dynamodb = stage.client("dynamodb")
    key = [{"AttributeName": "id", "KeyType": "HASH"}]
    described = [{"AttributeName": "id", "AttributeType": "S"}]
    capacity = {
        "BillingMode": "PROVISIONED",
        "ProvisionedThroughput": {"ReadCapacityUnits": 50, "WriteCapacityUnits": 50},
    }
    own = stage.client("kms").create_key(Description="northwind-tables", Tags=[{"TagKey": "owner", "TagValue": "shop"}])
    encrypted = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": own["KeyMetadata"]["Arn"]}
    by_day = {
        "IndexName": "by-day", "KeySchema": key, "Projection": {"ProjectionType": "ALL"},
        "ProvisionedThroughput": capacity["ProvisionedThroughput"],
    }  # fmt: skip
    for name, owner, more in (
        ("northwind-carts", "shop", {**capacity, "SSESpecification": encrypted, "DeletionProtectionEnabled": True}),
        ("northwind-sessions", "unknown", {**capacity, "GlobalSecondaryIndexes": [by_day]}),
        ("northwind-prices", "shop", {"BillingMode": "PAY_PER_REQUEST"}),
    ):
        dynamodb.create_table(
            TableName=name,
            KeySchema=key,
            AttributeDefinitions=described,
            Tags=[{"Key": "owner", "Value": owner}],
            **more,
        )
        _fill(stage.backend("dynamodb").tables[name], 50_000)
    dynamodb.update_continuous_backups(
        TableName="northwind-carts", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    for units in ("ReadCapacityUnits", "WriteCapacityUnits"):
        stage.client("application-autoscaling").register_scalable_target(
            ServiceNamespace="dynamodb", ResourceId="table/northwind-carts",
            ScalableDimension=f"dynamodb:table:{units}", MinCapacity=5, MaxCapacity=100,
        )  # fmt: skip
    insights = {"northwind-carts": "ENABLED"}
    stage.answers["dynamodb:DescribeContributorInsights"] = lambda params, *_: {
        "TableName": params["TableName"],
        "ContributorInsightsStatus": insights.get(params["TableName"], "DISABLED"),
    }
    for name, tls in (("northwind-carts", True), ("northwind-prices", False)):
        stage.client("dax").create_cluster(
            ClusterName=name, NodeType="dax.t3.small", ReplicationFactor=2, IamRoleArn=ROLE,
            SSESpecification={"Enabled": tls}, ClusterEndpointEncryptionType="TLS" if tls else "NONE",
            Tags=[{"Key": "owner", "Value": "shop"}],
        )  # fmt: skip
        cluster = stage.backend("dax").clusters[name]
        cluster.status = "available"
        cluster.nodes[-1].availability_zone = f"{PRODUCTION}{'b' if tls else 'a'}"


def _fill(table: Any, items: int) -> None:
    """Let a table be described with so many items."""
    usual = table.describe

    def described(*given: Any, **named: Any) -> dict[str, Any]:
        return {key: {**said, "ItemCount": items} for key, said in usual(*given, **named).items()}

    table.describe = described


def _apis(stage: Stage) -> None:
    rest, http = stage.client("apigateway"), stage.client("apigatewayv2")
    partners = document(allow("execute-api:Invoke", "*", Principal={"AWS": PARTNER}))
    for name, authorization, policy in (("northwind-stock", "NONE", partners), ("northwind-shop", "NONE", None)):
        more = {"policy": json.dumps(policy)} if policy else {}
        api = rest.create_rest_api(name=name, endpointConfiguration={"types": ["REGIONAL"]}, **more)["id"]
        root = rest.get_resources(restApiId=api)["items"][0]["id"]
        rest.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType=authorization)
        rest.put_integration(restApiId=api, resourceId=root, httpMethod="GET", type="MOCK")
        deployment = rest.create_deployment(restApiId=api)["id"]
        rest.create_stage(restApiId=api, stageName="live", deploymentId=deployment, tracingEnabled=policy is not None)
        if policy:
            level = [{"op": "replace", "path": "/*/*/logging/loglevel", "value": "ERROR"}]
            rest.update_stage(restApiId=api, stageName="live", patchOperations=level)
    for name, authorization in (("northwind-checkout", "AWS_IAM"), ("northwind-newsletter", "NONE")):
        api = http.create_api(Name=name, ProtocolType="HTTP", Tags={"owner": "shop"})["ApiId"]
        http.create_route(ApiId=api, RouteKey="POST /orders", AuthorizationType=authorization)
    identities = stage.client("cognito-idp")
    for name, mfa, length in (("northwind-staff", "ON", 14), ("northwind-customers", "OFF", 8)):
        pool = identities.create_user_pool(PoolName=name, Policies={"PasswordPolicy": {"MinimumLength": length}})
        identities.set_user_pool_mfa_config(
            UserPoolId=pool["UserPool"]["Id"], MfaConfiguration=mfa, SoftwareTokenMfaConfiguration={"Enabled": True}
        )


def _applications(stage: Stage) -> None:
    states, analytics = stage.client("stepfunctions"), stage.client("kinesisanalyticsv2")
    steps = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})
    group = {"logGroupArn": f"{arn('logs', PRODUCTION, 'log-group:/aws/vendedlogs/states/northwind-fulfilment')}:*"}
    for name, level in (("northwind-fulfilment", "ERROR"), ("northwind-returns", "OFF")):
        destinations = [{"cloudWatchLogsLogGroup": group}] if level != "OFF" else []
        states.create_state_machine(
            name=name, definition=steps, roleArn=ROLE,
            loggingConfiguration={"level": level, "includeExecutionData": False, "destinations": destinations},
        )  # fmt: skip
    for name, runtime in (("northwind-trends", "FLINK-1_20"), ("northwind-trends-2019", "SQL-1_0")):
        analytics.create_application(ApplicationName=name, RuntimeEnvironment=runtime, ServiceExecutionRole=ROLE)


def _metrics(stage: Stage) -> None:
    """What CloudWatch has measured of streams and tables, for some days."""
    clicks, old = {"StreamName": "northwind-clicks"}, {"StreamName": "northwind-clicks-2021"}
    sessions, carts, prices = ({"TableName": f"northwind-{name}"} for name in ("sessions", "carts", "prices"))
    index = {**sessions, "GlobalSecondaryIndexName": "by-day"}
    for namespace, name, dimensions, value in (
        ("AWS/Kinesis", "WriteProvisionedThroughputExceeded", old, 20),
        ("AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", old, 80_000_000),
        ("AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", clicks, 1_000),
        ("AWS/Kinesis", "IncomingBytes", clicks, 400 << 20),
        ("AWS/Kinesis", "IncomingBytes", old, 1 << 20),
        ("AWS/DynamoDB", "WriteThrottleEvents", sessions, 300),
        ("AWS/DynamoDB", "WriteThrottleEvents", index, 300),
        ("AWS/DynamoDB", "ConsumedReadCapacityUnits", carts, 3_000_000),
        ("AWS/DynamoDB", "ProvisionedReadCapacityUnits", carts, 50),
        ("AWS/DynamoDB", "ProvisionedWriteCapacityUnits", carts, 50),
        ("AWS/DynamoDB", "ProvisionedReadCapacityUnits", sessions, 50),
        ("AWS/DynamoDB", "ProvisionedWriteCapacityUnits", sessions, 50),
        ("AWS/DynamoDB", "SuccessfulRequestLatency", {**carts, "Operation": "Query"}, 4),
        ("AWS/DynamoDB", "SuccessfulRequestLatency", {**prices, "Operation": "Scan"}, 900),
    ):
        measure(stage, namespace, name, dimensions, value)
