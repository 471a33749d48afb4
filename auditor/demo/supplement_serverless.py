"""What moto lacks of CloudWatch's metrics, of Lambda and of API Gateway's newer half."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from auditor.demo.emulator import backend
from auditor.demo.protocol import Answer, Params


def metric_data(params: Params, region: str, account: str) -> Mapping[str, Any]:
    """Moto knows no percentiles, and looks at every value once for each period of each query: this one sorts first."""
    values: dict[tuple[Any, ...], list[tuple[float, float]]] = defaultdict(list)
    for datum in backend("cloudwatch", region, account).get_all_metrics():
        if hasattr(datum, "value"):
            dimensions = frozenset((dimension.name, dimension.value) for dimension in datum.dimensions)
            values[datum.namespace, datum.name, dimensions].append((_seconds(datum.timestamp), datum.value))
    start, end = _seconds(params["StartTime"]), _seconds(params["EndTime"])
    results = []
    for query in params["MetricDataQueries"]:
        stat = query["MetricStat"]
        metric, period = stat["Metric"], stat["Period"]
        dimensions = frozenset((each["Name"], each["Value"]) for each in metric.get("Dimensions", []))
        periods: dict[float, list[float]] = defaultdict(list)
        for at, value in values.get((metric["Namespace"], metric["MetricName"], dimensions), ()):
            if start <= at < end:
                periods[start + (at - start) // period * period].append(value)
        times = sorted(periods)
        results.append(
            {
                "Id": query["Id"],
                "Label": metric["MetricName"],
                "StatusCode": "Complete",
                "Timestamps": [datetime.fromtimestamp(at, UTC) for at in times],
                "Values": [_statistic(stat["Stat"], periods[at]) for at in times],
            }
        )
    return {"MetricDataResults": results}


def _seconds(when: Any) -> float:
    moment = when if isinstance(when, datetime) else datetime.fromisoformat(str(when).replace("Z", "+00:00"))
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()


def _statistic(name: str, values: list[float]) -> float:
    """A statistic of values that were measured within a period."""
    match name:
        case "Sum":
            return float(sum(values))
        case "Average":
            return sum(values) / len(values)
        case "Minimum":
            return float(min(values))
        case "Maximum":
            return float(max(values))
        case "SampleCount":
            return float(len(values))
    return float(sorted(values)[min(int(len(values) * float(name.removeprefix("p")) / 100), len(values) - 1)])


def no_dax(_: Params, region: str, account: str) -> Mapping[str, Any] | None:
    """Moto breaks in the regions that it takes for ones without DAX."""
    try:
        backend("dax", region, account)
    except KeyError:
        return {"Clusters": []}
    return None


ANSWERS: dict[str, Answer] = {"cloudwatch:GetMetricData": metric_data, "dax:DescribeClusters": no_dax}
