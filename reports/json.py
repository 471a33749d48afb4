"""The JSON report: the audit itself, as its schema says, one finding per line."""

import json
from collections.abc import Iterable, Iterator

from auditor.audit import Audit
from auditor.report import report


@report("json", suffix=".json")
def render(audit: Audit) -> Iterator[str]:
    """The whole audit as one JSON object, for machines; `auditor gate`, `diff` and `report` read it back.

    The same audit gives the same bytes, in whatever order its findings, gaps, rules and calls were made.
    """
    yield f'{{"schema_version":{json.dumps(audit.schema_version)},\n'
    yield f'"tool":{audit.tool.model_dump_json()},\n'
    yield f'"scan":{audit.scan.model_dump_json()},\n'
    yield f'"summary":{audit.summary.model_dump_json()},\n'
    yield f'"coverage":{{"assessed":{audit.coverage.assessed},"not_assessed":{audit.coverage.not_assessed},"gaps":['
    yield from lines(sorted(gap.model_dump_json() for gap in audit.coverage.gaps))
    yield ']},\n"rules":['
    yield from lines(rule.model_dump_json() for rule in sorted(audit.rules, key=lambda rule: rule.id))
    yield '],\n"findings":['
    yield from lines(finding.model_dump_json() for finding in sorted(audit.findings, key=lambda finding: finding.order))
    yield '],\n"calls":['
    yield from lines(sorted(call.model_dump_json() for call in audit.calls))
    yield "],\n"
    comparison = audit.comparison
    yield f'"comparison":{comparison.model_dump_json() if comparison else "null"}}}\n'


def lines(records: Iterable[str]) -> Iterator[str]:
    """The members of a JSON list, each on a line of its own."""
    before = "\n"
    for record in records:
        yield before + record
        before = ",\n"


def schema() -> str:
    """The text of `report.schema.json`, which ships with the reports. A test holds the file to it."""
    return json.dumps(Audit.model_json_schema(), indent=2) + "\n"
