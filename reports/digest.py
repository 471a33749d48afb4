"""What an organization's report needs of an audit, as JSON: counts, and the worst of what changed."""

from collections.abc import Iterator

from auditor.audit import Audit
from auditor.report import report
from auditor.rollup import digest


@report("digest", suffix=".digest.json")
def render(audit: Audit) -> Iterator[str]:
    """A few kilobytes for the report of an organization, however large the account is."""
    yield digest(audit).model_dump_json()
    yield "\n"
