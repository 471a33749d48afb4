"""CloudWatch metrics, many at a time: which requests they take, and what the answers say of each."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from auditor.fetch import CallError, Metric
from auditor.findings import GapKind
from auditor.model import Resource

MOST_QUERIES = 500  # GetMetricData takes no more
ROUND = timedelta(minutes=5)  # CloudWatch answers faster where a window begins and ends on these

_STATES = {"Forbidden": GapKind.DENIED, "InternalError": GapKind.FAILED, "PartialData": GapKind.FAILED}
_Query = tuple[str, str, str, int, tuple[tuple[str, str], ...]]


@dataclass
class Batch:
    """One request, with the fields that each of its queries fills."""

    region: str
    params: dict[str, Any]
    fields: list[list[tuple[Resource, str]]]


@dataclass
class Wanted:
    """The metrics that a scan wants: equal ones are asked, and billed, once."""

    _queries: dict[tuple[str, int], dict[_Query, list[tuple[Resource, str]]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )

    def add(self, region: str, resource: Resource, name: str, metric: Metric) -> None:
        """Want one field of a resource. Raises Unread where a dimension's field was not read."""
        own = {dimension: str(getattr(resource, of)) for dimension, of in metric.params.items()}
        dimensions = tuple(sorted((metric.const | own).items()))
        query = (metric.namespace, metric.name, metric.statistic, metric.period, dimensions)
        self._queries[region, metric.days][query].append((resource, name))

    def batches(self, now: datetime) -> Iterator[Batch]:
        """The requests that ask for all of it, as of this time."""
        end = now - timedelta(seconds=now.timestamp() % ROUND.total_seconds())
        for (region, days), queries in self._queries.items():
            every = list(queries.items())
            for at in range(0, len(every), MOST_QUERIES):
                some = every[at : at + MOST_QUERIES]
                params = {
                    "MetricDataQueries": [_query(number, query) for number, (query, _) in enumerate(some)],
                    "StartTime": end - timedelta(days=days),
                    "EndTime": end,
                    "ScanBy": "TimestampAscending",
                }
                yield Batch(region, params, [fields for _, fields in some])


def _query(number: int, query: _Query) -> dict[str, Any]:
    namespace, name, statistic, period, dimensions = query
    metric = {
        "Namespace": namespace,
        "MetricName": name,
        "Dimensions": [{"Name": dimension, "Value": value} for dimension, value in dimensions],
    }
    stat = {"Metric": metric, "Period": period, "Stat": statistic}
    return {"Id": f"q{number}", "MetricStat": stat, "ReturnData": True}


def answers(pages: Sequence[Mapping[str, Any]], count: int) -> list[tuple[float, ...] | CallError]:
    """What the pages of one answer say of each of its queries, by number: values, oldest first, or why there are none.

    A query without a word in the answer has failed as well: nothing measured is an entry without values.
    """
    points: list[list[tuple[datetime, float]]] = [[] for _ in range(count)]
    states: list[str] = [""] * count
    said: list[str] = [""] * count
    for page in pages:
        for result in page.get("MetricDataResults", ()):
            number = int(result["Id"][1:])
            points[number] += zip(result["Timestamps"], result["Values"], strict=True)
            states[number] = result.get("StatusCode", "Complete")  # the last page's holds
            said[number] = "; ".join(message["Value"] for message in result.get("Messages", ()))
    return [
        tuple(value for _, value in sorted(points[number], key=lambda point: point[0]))
        if states[number] == "Complete"
        else CallError(
            _STATES.get(states[number], GapKind.UNEXPECTED),
            states[number] or "NoResult",
            said[number] or "CloudWatch gave no whole answer for this metric",
        )
        for number in range(count)
    ]
