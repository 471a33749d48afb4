"""Markdown that fits a pull request's comment and a job's summary: what matters first, and never too long."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from auditor.audit import Audit
from auditor.findings import Finding, Severity, Status
from auditor.report import ordered, report

LONGEST = 60_000  # characters; GitHub takes 65,536 in a comment
WORST = 25
GAPS = 15
SPECIAL = re.compile(r"([\\`*_{}\[\]<>()+!|~$&])")
# What GitHub makes links of, in whatever way it is escaped: a mention, an issue.
LINKED = re.compile(r"([@#])")


@report("markdown", suffix=".md")
def render(audit: Audit) -> Iterator[str]:
    """A summary for pull requests and job summaries: what is new, the worst that is open, what was not read."""
    length = 0
    for part in _parts(audit):
        if length + len(part) > LONGEST:
            yield "\n_The rest did not fit here; the other reports have it._\n"
            return
        length += len(part)
        yield part


def _parts(audit: Audit) -> Iterator[str]:
    scan, failures = audit.scan, audit.failures
    who = f"account {scan.accounts[0]}" if len(scan.accounts) == 1 else f"{len(scan.accounts):,} accounts"
    yield f"## AWS audit of {plain(who)}\n\n"
    if scan.interrupted:
        yield "**Interrupted: the scan stopped before everything was read.**\n\n"
    known = audit.coverage
    yield f"**{known.percent:.1f} % of {known.assessed + known.not_assessed:,} verdicts are known**"
    yield (
        f"; {known.not_assessed:,} could not be judged, and none of these counts as passed.\n\n"
        if (known.not_assessed)
        else ".\n\n"
    )
    counts = Counter(finding.severity for finding in failures)
    names = " | ".join(severity.value for severity in Severity)
    yield f"| open failures | {names} | accepted | passed |\n|---|{'---:|' * (len(Severity) + 2)}\n"
    cells = " | ".join(f"{counts[severity]:,}" for severity in Severity)
    passed = audit.summary.findings[Status.PASS]
    yield f"| **{len(failures):,}** | {cells} | {audit.summary.suppressed:,} | {passed:,} |\n"
    if (changed := audit.comparison) is not None:
        by_print = {finding.fingerprint: finding for finding in audit.findings}
        since = f"{changed.baseline.finished:%Y-%m-%d %H:%M}"
        yield f"\n### Since {since}\n\n"
        yield (
            f"{len(changed.new):,} new, {len(changed.reopened):,} reopened, {len(changed.fixed):,} fixed, "
            f"{len(changed.gone):,} gone, {len(changed.unknown):,} now unknown, {changed.remaining:,} as before.\n"
        )
        yield from _table("New", [by_print[each] for each in changed.new])
        yield from _table("Reopened", [by_print[each] for each in changed.reopened])
        yield from _table("Now unknown", changed.unknown)
    yield from _table("Worst that is open", ordered(failures))
    yield from _gaps(audit)
    for defect in audit.summary.defects:
        yield f"\n- defect: rule {plain(defect.rule)} raised {plain(defect.exception)}\n"


def _table(title: str, findings: Sequence[Finding]) -> Iterator[str]:
    if not findings:
        return
    yield f"\n### {title}\n\n| severity | rule | resource | finding |\n|---|---|---|---|\n"
    for finding in findings[:WORST]:
        about = finding.resource
        place = f"{plain(about.name)} ({plain(about.region)})"
        yield f"| {finding.severity.value} | {plain(finding.rule)} | {place} | {plain(finding.message)} |\n"
    if len(findings) > WORST:
        yield f"\n_and {len(findings) - WORST:,} more_\n"


def _gaps(audit: Audit) -> Iterator[str]:
    """What was not read, by operation, with what would mend it."""
    groups = Counter((gap.service, gap.operation, gap.kind.value, gap.iam_action or "") for gap in audit.coverage.gaps)
    if not groups:
        return
    yield "\n### Not read\n\n| operation | why | how often | what would mend it |\n|---|---|---:|---|\n"
    for (service, operation, kind, action), count in sorted(groups.items(), key=lambda item: (-item[1], item[0]))[
        :GAPS
    ]:
        mend = f"allow {plain(action)}" if action else ""
        yield f"| {plain(service)}:{plain(operation)} | {plain(kind.replace('_', ' '))} | {count:,} | {mend} |\n"
    if len(groups) > GAPS:
        yield f"\n_and {len(groups) - GAPS:,} more operations_\n"


def plain(text: str) -> str:
    """A stranger's text on one line, with nothing in it that Markdown, HTML or a mention would act on."""
    return LINKED.sub("\\1\u200b", SPECIAL.sub(r"\\\1", " ".join(text.split())[:400]))
