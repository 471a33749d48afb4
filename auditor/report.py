"""What a report format is: a function from an audit to text.

    @report("csv", suffix=".csv")
    def render(audit: Audit) -> Iterator[str]:
        "A sheet: one row per finding."

It yields its text in pieces, so that a large report never stands in memory as one string. Keyword arguments with
defaults are its options (the terminal's width); who renders passes those that it knows.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from auditor.audit import Audit
from auditor.findings import Finding, ResourceRef, Severity

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


@dataclass(frozen=True, slots=True)
class Past:
    """What a trend shows of one report: when, open failures by severity, and percent of the verdicts that are known."""

    finished: datetime
    failures: Mapping[Severity, int]
    coverage: float

    @classmethod
    def of(cls, audit: Audit) -> "Past":
        """The point of one report."""
        return cls(audit.scan.finished, audit.summary.failures, audit.coverage.percent)


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


def filled(fix: str, resource: ResourceRef) -> str:
    """A rule's fix with a resource's values in the place of {id}, {name}, {arn}, {region} and {account}."""
    values = {name: getattr(resource, name) for name in ("id", "name", "arn", "region", "account")}
    return re.sub(r"(?<![{$])\{(id|name|arn|region|account)\}", lambda match: values[match[1]], fix)


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Findings in the one order that every report has them in."""
    return sorted(findings, key=lambda finding: finding.order)


def changes(audit: Audit) -> dict[str, str]:
    """What is new or reopened since the baseline, by fingerprint; empty where there is none."""
    if audit.comparison is None:
        return {}
    return dict.fromkeys(audit.comparison.new, "new") | dict.fromkeys(audit.comparison.reopened, "reopened")


def located(resource: ResourceRef, source_map: Mapping[str, str]) -> tuple[str, int] | None:
    """The file and line that a source map names for a resource, by the first glob that its ARN matches."""
    for glob, place in source_map.items():
        if fnmatchcase(resource.arn, glob):
            path, _, line = place.rpartition(":")
            return (path, int(line)) if path and line.isdigit() else (place, 1)
    return None
