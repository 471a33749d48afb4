"""What a function says while it runs: one JSON object a line, and metrics in CloudWatch's embedded format."""

import json
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

NAMESPACE = "auditor"


class Log:
    """Writes lines to stdout, which Lambda sends to CloudWatch Logs, each with the same request id."""

    def __init__(self, request_id: str, stream: TextIO | None = None, **context: Any) -> None:
        self._context = {"request_id": request_id, **context}
        self._stream = stream
        self._request_id = request_id

    def about(self, **context: Any) -> "Log":
        """A log whose lines say this as well."""
        return Log(**{**self._context, **context}, stream=self._stream)

    def info(self, message: str, **fields: Any) -> None:
        """Something that happened."""
        self._line("INFO", message, fields)

    def warning(self, message: str, **fields: Any) -> None:
        """Something that cost a part of the result."""
        self._line("WARN", message, fields)

    def error(self, message: str, **fields: Any) -> None:
        """Something that makes the invocation fail."""
        self._line("ERROR", message, fields)

    def metrics(self, values: Mapping[str, tuple[float, str]], **dimensions: str) -> None:
        """Metrics by name, each with its unit: for the function as a whole, and for each dimension given."""
        self._write({**self._context, **embedded(values, dimensions, milliseconds=int(time.time() * 1000))})

    def _line(self, level: str, message: str, fields: Mapping[str, Any]) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._write({"timestamp": now, "level": level, "message": message, **self._context, **fields})

    def _write(self, record: Mapping[str, Any]) -> None:
        stream = self._stream or sys.stdout
        stream.write(json.dumps(record, default=str, ensure_ascii=False) + "\n")
        stream.flush()


def embedded(
    values: Mapping[str, tuple[float, str]], dimensions: Mapping[str, str], *, milliseconds: int
) -> dict[str, Any]:
    """Metrics in CloudWatch's embedded format: with the first dimension alone, and with all."""
    names = list(dimensions)
    sets = [names[:1], names] if len(names) > 1 else [names]
    metrics = [{"Name": name, "Unit": unit} for name, (_, unit) in values.items()]
    return {
        "_aws": {
            "Timestamp": milliseconds,
            "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": sets, "Metrics": metrics}],
        },
        **dimensions,
        **{name: value for name, (value, _) in values.items()},
    }
