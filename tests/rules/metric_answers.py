"""CloudWatch's answers about metrics, for rules that judge by them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 1, 1, tzinfo=UTC)
READ_METRICS = "cloudwatch:GetMetricData"

Values = Mapping[tuple[str, str], Sequence[float]]
Answer = Callable[[Mapping[str, Any], str, str], dict[str, Any]]


def metrics(values: Values) -> dict[str, Answer]:
    """The answer that gives these values, by metric and a dimension's value; what is not there was never measured.

    A metric may be named with its statistic ("ReplicaLag p90").
    """

    def answer(params: Mapping[str, Any], region: str, account: str) -> dict[str, Any]:
        return {"MetricDataResults": [_result(query) for query in params["MetricDataQueries"]]}

    def _result(query: Mapping[str, Any]) -> dict[str, Any]:
        metric, statistic = query["MetricStat"]["Metric"], query["MetricStat"]["Stat"]
        names = (f"{metric['MetricName']} {statistic}", metric["MetricName"])
        keys = [(name, dimension["Value"]) for name in names for dimension in metric["Dimensions"]]
        found = next((values[key] for key in keys if key in values), ())
        days = [START + timedelta(days=day) for day in range(len(found))]
        return {"Id": query["Id"], "StatusCode": "Complete", "Timestamps": days, "Values": [*map(float, found)]}

    return {READ_METRICS: answer}
