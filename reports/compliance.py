"""Frameworks as Markdown: each control as met, not met, unknown, or not covered by any rule."""

from collections.abc import Iterator, Sequence

from auditor.audit import Audit
from auditor.compliance import Verdict, View, views
from auditor.report import report

WORDS = {
    Verdict.NOT_MET: "not met",
    Verdict.UNKNOWN: "unknown",
    Verdict.MET: "met",
    Verdict.NOT_APPLICABLE: "not applicable",
    Verdict.NOT_COVERED: "not covered by a rule",
}


@report("compliance", suffix=".compliance.md")
def render(audit: Audit, *, frameworks: Sequence[str] = ()) -> Iterator[str]:
    """Frameworks control by control, with a coverage that counts what no rule can check."""
    yield "# Controls\n\n"
    yield (
        "Met means that every rule which cites the control ran, found nothing wrong and missed nothing. It is no "
        "certificate: many controls ask for what no API shows.\n"
    )
    shown = [each for each in views(audit) if not frameworks or each.framework.key in frameworks]
    if not shown:
        yield "\nNo rule of this audit cites a framework.\n"
    for each in shown:
        yield from _framework(each)


def _framework(view: View) -> Iterator[str]:
    framework = view.framework
    yield f"\n## {' '.join((framework.name, framework.version)).strip()}\n\n"
    counts = ", ".join(f"{view.count(verdict):,} {WORDS[verdict]}" for verdict in Verdict if view.count(verdict))
    yield f"{len(view.controls):,} controls: {counts}. The audit answers for {view.answered:.0f} % of them.\n"
    if not framework.whole:
        yield f"\nOnly controls that a rule may cite are listed; [the publisher]({framework.url}) has more.\n"
    yield "\n| control | | failed | accepted | unknown | passed | rules |\n|---|---|---:|---:|---:|---:|---|\n"
    for control in view.controls:
        numbers = " | ".join(f"{n:,}" for n in (control.failed, control.accepted, control.unknown, control.passed))
        rules = ", ".join(control.rules).replace("|", "\\|")
        yield f"| {control.number} | {WORDS[control.verdict]} | {numbers} | {rules} |\n"
