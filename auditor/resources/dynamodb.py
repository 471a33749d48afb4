"""DynamoDB tables and their indexes."""

from typing import Annotated

from auditor.fetch import Call, Listing, Metric
from auditor.model import Resource, Shape


class BillingMode(Shape):
    """How a table is paid for: PROVISIONED or PAY_PER_REQUEST."""

    billing_mode: str | None = None


class GlobalIndex(Shape):
    """A global secondary index."""

    index_name: str


class TableEncryption(Shape):
    """The key of KMS that a table is encrypted with, where it is not DynamoDB's own."""

    kms_master_key_arn: str | None = None


class TableDescription(Shape):
    """What is set for a table."""

    table_status: str
    # Left out of tables that were never anything but provisioned.
    billing_mode_summary: BillingMode | None = None
    global_secondary_indexes: tuple[GlobalIndex, ...] = ()  # left out where there are none
    item_count: int | None = None
    sse_description: TableEncryption | None = None  # left out where the key is DynamoDB's own
    deletion_protection_enabled: bool | None = None

    @property
    def provisioned(self) -> bool:
        """Whether its capacity is provisioned."""
        mode = self.billing_mode_summary and self.billing_mode_summary.billing_mode
        return mode in (None, "PROVISIONED")


class PointInTimeRecovery(Shape):
    """Whether a table can be restored to any second of its last days."""

    point_in_time_recovery_status: str | None = None


class ScalableTarget(Shape):
    """A capacity that Application Auto Scaling looks after: "table/name" or "table/name/index/name"."""

    resource_id: str
    scalable_dimension: str


class DynamoTable(Resource):
    """A DynamoDB table."""

    service, cfn_type = "dynamodb", "AWS::DynamoDB::Table"
    listing = Listing("ListTables", at="TableNames", name="TableName")
    arn_format = "arn:{partition}:dynamodb:{region}:{account}:table/{table_name}"
    id_field = name_field = "table_name"

    table_name: str
    description: Annotated[TableDescription, Call("DescribeTable", at="Table", TableName="table_name")]
    point_in_time_recovery: Annotated[
        PointInTimeRecovery,
        Call(
            "DescribeContinuousBackups",
            at="ContinuousBackupsDescription.PointInTimeRecoveryDescription",
            TableName="table_name",
        ),
    ]
    contributor_insights: Annotated[
        str, Call("DescribeContributorInsights", at="ContributorInsightsStatus", TableName="table_name")
    ]
    # One wide call for a region serves all its tables.
    scalable_targets: Annotated[
        tuple[ScalableTarget, ...],
        Call(
            "DescribeScalableTargets",
            service="application-autoscaling",
            at="ScalableTargets",
            const={"ServiceNamespace": "dynamodb"},
        ),
    ]
    # Requests that were refused, day by day.
    reads_refused: Annotated[
        tuple[float, ...],
        Metric(
            "AWS/DynamoDB", "ReadThrottleEvents", statistic="Sum", period=86400, days=7,
            TableName="table_name",
        ),
    ]  # fmt: skip
    writes_refused: Annotated[
        tuple[float, ...],
        Metric(
            "AWS/DynamoDB", "WriteThrottleEvents", statistic="Sum", period=86400, days=7,
            TableName="table_name",
        ),
    ]  # fmt: skip
    # Capacity that was used in a day, and that was there on average.
    consumed_reads: Annotated[
        tuple[float, ...],
        Metric(
            "AWS/DynamoDB", "ConsumedReadCapacityUnits", statistic="Sum", period=86400, days=14,
            TableName="table_name",
        ),
    ]  # fmt: skip
    consumed_writes: Annotated[
        tuple[float, ...],
        Metric(
            "AWS/DynamoDB", "ConsumedWriteCapacityUnits", statistic="Sum", period=86400, days=14,
            TableName="table_name",
        ),
    ]  # fmt: skip
    provisioned_reads: Annotated[
        tuple[float, ...],
        Metric(
            "AWS/DynamoDB", "ProvisionedReadCapacityUnits", statistic="Average", period=86400, days=14,
            TableName="table_name",
        ),
    ]  # fmt: skip
    provisioned_writes: Annotated[
        tuple[float, ...],
        Metric(
            "AWS/DynamoDB", "ProvisionedWriteCapacityUnits", statistic="Average", period=86400, days=14,
            TableName="table_name",
        ),
    ]  # fmt: skip
    # How many requests of a kind there were in a week.
    scans: Annotated[
        tuple[float, ...],
        Metric(
            "AWS/DynamoDB", "SuccessfulRequestLatency", statistic="SampleCount", period=604800, days=7,
            const={"Operation": "Scan"}, TableName="table_name",
        ),
    ]  # fmt: skip
    queries: Annotated[
        tuple[float, ...],
        Metric(
            "AWS/DynamoDB", "SuccessfulRequestLatency", statistic="SampleCount", period=604800, days=7,
            const={"Operation": "Query"}, TableName="table_name",
        ),
    ]  # fmt: skip
    gets: Annotated[
        tuple[float, ...],
        Metric(
            "AWS/DynamoDB", "SuccessfulRequestLatency", statistic="SampleCount", period=604800, days=7,
            const={"Operation": "GetItem"}, TableName="table_name",
        ),
    ]  # fmt: skip
    batch_gets: Annotated[
        tuple[float, ...],
        Metric(
            "AWS/DynamoDB", "SuccessfulRequestLatency", statistic="SampleCount", period=604800, days=7,
            const={"Operation": "BatchGetItem"}, TableName="table_name",
        ),
    ]  # fmt: skip


class DynamoIndex(Resource):
    """A global secondary index of a table, which has capacity of its own."""

    service, cfn_type = "dynamodb", "AWS::DynamoDB::GlobalSecondaryIndex"
    listing = Listing(
        "DescribeTable", at="Table.GlobalSecondaryIndexes", per=DynamoTable, by={"TableName": "table_name"}
    )
    arn_format = "arn:{partition}:dynamodb:{region}:{account}:table/{table_name}/index/{index_name}"
    id_field = "arn"
    name_field = "index_name"

    index_name: str
    table_name: str
    # Requests that were refused, day by day.
    reads_refused: Annotated[
        tuple[float, ...],
        Metric(
            "AWS/DynamoDB", "ReadThrottleEvents", statistic="Sum", period=86400, days=7,
            TableName="table_name", GlobalSecondaryIndexName="index_name",
        ),
    ]  # fmt: skip
    writes_refused: Annotated[
        tuple[float, ...],
        Metric(
            "AWS/DynamoDB", "WriteThrottleEvents", statistic="Sum", period=86400, days=7,
            TableName="table_name", GlobalSecondaryIndexName="index_name",
        ),
    ]  # fmt: skip
