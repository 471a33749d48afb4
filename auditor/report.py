"""What a report format is: a function from an audit to text.

    @report("csv", suffix=".csv")
    def render(audit: Audit) -> Iterator[str]:
        "A sheet: one row per finding."

It yields its text in pieces, so that a large report never stands in memory as one string. Keyword arguments with
defaults are its options (the terminal's width); who renders passes those that it knows.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from auditor.audit import Audit

Renderer = Callable[..., Iterable[str]]


@dataclass(frozen=True, slots=True)
class Report:
    """A registered format: its name on the command line, its file's suffix, its function and one line about it."""

    name: str
    suffix: str
    render: Renderer
    about: str

    def text(self, audit: Audit, **options: Any) -> Iterator[str]:
        """The report in pieces. Options that the format does not declare are left out."""
        known = inspect.signature(self.render).parameters
        yield from self.render(audit, **{name: value for name, value in options.items() if name in known})


registry: dict[str, Report] = {}


def report(name: str, *, suffix: str) -> Callable[[Renderer], Renderer]:
    """Register a function as the report format `name`. Raises ValueError if the name is taken."""

    def register(function: Renderer) -> Renderer:
        if name in registry:
            raise ValueError(f"report format {name!r} is already registered by {registry[name].render.__module__}")
        about = (inspect.getdoc(function) or "").partition("\n")[0]
        registry[name] = Report(name, suffix, function, about)
        return function

    return register
