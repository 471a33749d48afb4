"""The digest: what is new, reopened, fixed and now unknown, in a message for people."""

from collections.abc import Iterable, Sequence
from typing import Any

from auditor.audit import Audit
from auditor.delivery.changes import Changes
from auditor.findings import Finding, Severity

MOST = 12  # findings that a section lists; of more the number is told
WIDEST = 300
SUBJECT = 99  # characters: SNS takes fewer than a hundred


def worth_sending(audit: Audit, told: Changes, *, always: bool) -> bool:
    """Whether there is anything to say: a change, or a scan that was cut short."""
    return always or told.any or audit.scan.interrupted


def message(audit: Audit, told: Changes, *, report: str) -> dict[str, Any]:
    """What `sns.publish` takes, but for the topic. report: where the whole is."""
    accounts = ", ".join(audit.scan.accounts)
    worst = next(iter(sorted((f.severity for f in (*told.new, *told.reopened)), key=lambda s: s.rank)), None)
    return {
        "Subject": _subject(audit, told, accounts),
        "Message": "\n".join(_lines(audit, told, accounts, report)) + "\n",
        # Subscriptions filter by these.
        "MessageAttributes": {
            "account": {"DataType": "String", "StringValue": audit.scan.accounts[0]},
            "worst": {"DataType": "String", "StringValue": worst.value if worst else "none"},
            "complete": {"DataType": "String", "StringValue": "true" if not audit.coverage.not_assessed else "false"},
        },
    }


def _subject(audit: Audit, told: Changes, accounts: str) -> str:
    if told.first:
        parts = [f"first report, {len(told.new)} open"]
    else:
        named = {
            "new": told.new,
            "reopened": told.reopened,
            "fixed": (*told.fixed, *told.gone),
            "now unknown": told.unknown,
        }
        parts = [f"{len(found)} {name}" for name, found in named.items() if found] or ["no change"]
    if audit.scan.interrupted:
        parts.append("cut short")
    text = f"auditor {accounts}: {', '.join(parts)}".encode("ascii", "replace").decode()
    return text if len(text) <= SUBJECT else f"{text[: SUBJECT - 3]}..."


def _lines(audit: Audit, told: Changes, accounts: str, report: str) -> Iterable[str]:
    yield f"AWS audit of account {accounts}, {audit.scan.collected:%Y-%m-%d %H:%M} UTC"
    unknown = audit.coverage.not_assessed
    yield f"{audit.coverage.percent:.1f} % of the verdicts are known" + (
        f"; {unknown:,} are unknown" if unknown else ""
    )
    if audit.scan.interrupted:
        yield "The time of the function was over before all was read: what is missing is unknown."
    if told.first:
        yield from _section("open; this is the first report", told.new)
    else:
        yield from _section("new", told.new)
        yield from _section("reopened", told.reopened)
        yield from _section("now unknown: they failed last time, and could not be judged this time", told.unknown)
        yield from _section("fixed", told.fixed)
        yield from _section("gone with their resource", told.gone)
        yield from _section("accepted since", told.accepted)
    if told.unread:
        yield ""
        yield f"{len(told.unread):,} not read" + ("" if told.first else " that was read last time")
        reasons = list(dict.fromkeys(gap.reason for gap in told.unread))
        yield from (f"  {_cut(reason)}" for reason in reasons[:MOST])
        if len(reasons) > MOST:
            yield f"  and {len(reasons) - MOST:,} more"
    open_now = [f"{audit.summary.failures[s]:,} {s.value}" for s in Severity if audit.summary.failures[s]]
    yield ""
    yield f"Open now: {', '.join(open_now) or 'nothing'}"
    yield f"Report: {report}"


def _section(title: str, findings: Sequence[Finding]) -> Iterable[str]:
    if not findings:
        return
    yield ""
    yield f"{len(findings):,} {title}"
    for finding in findings[:MOST]:
        said = f": {finding.message}" if finding.message else ""
        yield f"  {_cut(f'{finding.severity.value.upper()} {finding.rule} {finding.resource.arn}{said}')}"
    if len(findings) > MOST:
        yield f"  and {len(findings) - MOST:,} more"


def _cut(text: str) -> str:
    """One line: what a stranger put into a name neither breaks it nor commands a terminal."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"
