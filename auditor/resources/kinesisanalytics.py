"""Kinesis Data Analytics, which is called Managed Service for Apache Flink now."""

from auditor.fetch import Listing
from auditor.model import Resource


class AnalyticsApplication(Resource):
    """An application that analyses streams, in SQL or on Flink."""

    service, cfn_type = "kinesisanalyticsv2", "AWS::KinesisAnalyticsV2::Application"
    listing = Listing("ListApplications", at="ApplicationSummaries", params={"Limit": 50})
    arn_format = "{application_arn}"
    id_field = name_field = "application_name"

    application_name: str
    application_arn: str
    application_status: str
    runtime_environment: str
