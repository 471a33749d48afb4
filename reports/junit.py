"""JUnit XML: a test suite per service, a test case per finding, for the test views of CI servers."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC
from xml.sax.saxutils import escape, quoteattr

from auditor.audit import Audit, RuleText
from auditor.findings import Finding, Status
from auditor.report import filled, ordered, report

# What XML 1.0 has no way to write.
FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@report("junit", suffix=".xml")
def render(audit: Audit) -> Iterator[str]:
    """Test suites by service: a failure is a failed test, an unknown an error, what does not apply is skipped."""
    rules = {rule.id: rule for rule in audit.rules}
    suites: dict[str, list[Finding]] = defaultdict(list)
    for finding in ordered(audit.findings):
        suites[finding.rule.partition("-")[0]].append(finding)
    total: Counter[str] = Counter()
    for findings in suites.values():
        total.update(_kind(finding) for finding in findings)
    seconds = max((audit.scan.finished - audit.scan.started).total_seconds(), 0)
    started = f"{audit.scan.started.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f'<testsuites name="auditor" {_counts(total)} time="{seconds:.3f}">\n'
    for service, findings in sorted(suites.items()):
        counts = Counter(_kind(finding) for finding in findings)
        yield (
            f"<testsuite name={_attribute(service)} {_counts(counts)} "
            f'skipped="{counts["skipped"]}" time="0" timestamp="{started}">\n'
        )
        for finding in findings:
            yield from _case(finding, rules.get(finding.rule))
        yield "</testsuite>\n"
    yield "</testsuites>\n"


def _counts(counts: Counter[str]) -> str:
    return f'tests="{counts.total()}" failures="{counts["failure"]}" errors="{counts["error"]}"'


def _kind(finding: Finding) -> str:
    """What becomes of a finding: an accepted failure is skipped, since nobody is to mend it now."""
    match finding.status:
        case Status.FAIL:
            return "skipped" if finding.suppression else "failure"
        case Status.UNKNOWN:
            return "error"
        case Status.NOT_APPLICABLE:
            return "skipped"
        case _:
            return "passed"


def _case(finding: Finding, rule: RuleText | None) -> Iterator[str]:
    about, kind = finding.resource, _kind(finding)
    name = f"{about.name} ({about.arn})" if about.name not in about.arn else about.arn
    opening = f'<testcase classname={_attribute(finding.rule)} name={_attribute(name)} time="0"'
    if kind == "passed":
        yield f"{opening}/>\n"
        return
    yield f"{opening}>"
    if kind == "skipped":
        accepted = finding.suppression
        why = f"accepted by {accepted.owner} until {accepted.expires}: {accepted.reason}" if accepted else ""
        yield f"<skipped message={_attribute(why or finding.message)}/>"
    else:
        text = [f"{about.type} {about.arn}", f"region {about.region}, account {about.account}"]
        if rule is not None:
            text += [rule.risk, filled(rule.fix, about)] if kind == "failure" else [rule.title]
        text.append(f"fingerprint {finding.fingerprint}")
        body = escape(_clean("\n".join(text)))
        yield (f"<{kind} type={_attribute(finding.severity)} message={_attribute(finding.message)}>{body}</{kind}>")
    yield "</testcase>\n"


def _clean(text: str) -> str:
    return FORBIDDEN.sub("\ufffd", text)


def _attribute(text: str) -> str:
    return quoteattr(_clean(" ".join(text.split())))
