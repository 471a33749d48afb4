"""The answers of a query as text: a table for people, CSV and JSON for machines."""

import csv
import io
import json
import math
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from auditor.query import Answer

WIDEST = 100  # characters of a cell in a table
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def table(answer: Answer) -> Iterator[str]:
    """Columns side by side; what would move a terminal's cursor is escaped, what is long is cut."""
    rows = list(answer.rows)
    shown = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(answer.columns, *shown, strict=True)]
    right = [
        bool(column) and all(isinstance(value, int | float | Decimal | None) for value in column)
        for column in (zip(*rows, strict=True) if rows else ((),) * len(widths))
    ]

    def line(cells: "list[str] | tuple[str, ...]") -> str:
        each = (
            f"{cell:>{w}}" if number else f"{cell:{w}}" for cell, w, number in zip(cells, widths, right, strict=True)
        )
        return "  ".join(each).rstrip() + "\n"

    yield line(answer.columns)
    yield "  ".join("-" * width for width in widths) + "\n"
    yield from map(line, shown)


def comma_separated(answer: Answer) -> Iterator[str]:
    """A sheet. No cell starts a formula, whoever named the resource."""
    yield _row(answer.columns)
    for row in answer.rows:
        yield _row([_disarmed(value) if isinstance(value, str) else _text(value) for value in row])


def objects(answer: Answer) -> Iterator[str]:
    """A JSON list with an object for each row."""
    before = "["
    for row in answer.rows:
        made = {name: _plain(value) for name, value in zip(answer.columns, row, strict=True)}
        yield f"{before}\n{json.dumps(made, ensure_ascii=False)}"
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


SHAPES: dict[str, Callable[[Answer], Iterator[str]]] = {"table": table, "csv": comma_separated, "json": objects}


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, date):  # and datetime
        return value.isoformat()
    if isinstance(value, dict):
        return {str(_plain(key)): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def _text(value: Any) -> str:
    made = _plain(value)
    if made is None:
        return ""
    return made if isinstance(made, str) else json.dumps(made, ensure_ascii=False)


def _cell(value: Any) -> str:
    text = "NULL" if value is None else _text(value)
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[: WIDEST + 1])
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


def _row(cells: "list[str] | tuple[str, ...]") -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _disarmed(text: str) -> str:
    text = text.replace("\0", "")
    return f"'{text}" if text.lstrip(" \u00a0").startswith(FORMULA) or text.startswith(FORMULA) else text
