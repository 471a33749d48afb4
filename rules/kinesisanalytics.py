"""Rules about Kinesis Data Analytics and what it has become."""

from auditor.analysis.lambda_runtimes import FLINK_RUNTIMES
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.kinesisanalytics import AnalyticsApplication
from auditor.rule import Verdict, failed, not_applicable, passed, rule, unknown


@rule(severity=Severity.MEDIUM, category=Category.OPERATIONS, notes="Kinesis Data Analytics (SQL)")
def kinesisanalytics_application_runtime_supported(application: AnalyticsApplication, inventory: Inventory) -> Verdict:
    """Applications on streams run on a version of Flink that AWS supports.

    Risk: AWS deletes applications in SQL, patches old versions of Flink no more, and one day stops them.
    Fix: aws kinesisanalyticsv2 update-application --region {region} --application-name {name}
        --current-application-version-id VERSION --runtime-environment-update FLINK-1_20
    """
    if application.application_status == "DELETING":
        return not_applicable("The application is being deleted")
    runtime = application.runtime_environment
    if runtime not in FLINK_RUNTIMES:
        return unknown("The runtime is newer than the table of this auditor", runtime_environment=runtime)
    ended = FLINK_RUNTIMES[runtime]
    if ended is not None and ended <= inventory.now.date():
        said = "SQL applications are discontinued" if runtime.startswith("SQL") else "AWS ended its support"
        return failed(said, runtime_environment=runtime, ended_on=str(ended))
    return passed(runtime_environment=runtime)
