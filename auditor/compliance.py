"""A framework as a view of an audit: each control as met, not met, unknown, or not covered by a rule.

Met says no more than it can: every rule that cites the control, and that ran, found nothing wrong and missed nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from auditor.audit import Audit
from auditor.findings import Status
from auditor.frameworks import FRAMEWORKS, Framework, split

Tally = Counter[tuple[Status, bool]]  # findings by status, and whether somebody has accepted them


class Verdict(StrEnum):
    """How an audit answers for a control. NOT_APPLICABLE: its rules ran and met no resource that it concerns."""

    NOT_MET = "not_met"
    UNKNOWN = "unknown"
    MET = "met"
    NOT_APPLICABLE = "not_applicable"
    NOT_COVERED = "not_covered"


@dataclass(frozen=True)
class Control:
    """One control: which of the audit's rules cite it, and how many of their findings are open failures, or unknown."""

    number: str
    verdict: Verdict
    rules: tuple[str, ...]
    failed: int = 0
    accepted: int = 0
    unknown: int = 0
    passed: int = 0


@dataclass(frozen=True)
class View:
    """A framework's controls in order, and the share that the audit can answer for.

    known: how many controls of the publisher's catalogue we know of; a control that no rule can check is not covered.
    """

    framework: Framework
    controls: tuple[Control, ...]

    def count(self, verdict: Verdict) -> int:
        """How many controls have this verdict."""
        return sum(control.verdict is verdict for control in self.controls)

    @property
    def answered(self) -> float:
        """Percent of the controls that are met, not met or not applicable: neither unknown nor without a rule."""
        lacking = self.count(Verdict.UNKNOWN) + self.count(Verdict.NOT_COVERED)
        return 100 * (len(self.controls) - lacking) / len(self.controls) if self.controls else 0.0


def views(audit: Audit) -> list[View]:
    """Every framework that a rule of the audit cites."""
    cited = {split(control)[0] for rule in audit.rules for control in rule.controls}
    tallies = _tallies(audit)
    return [_view(audit, framework, tallies) for key, framework in FRAMEWORKS.items() if key in cited]


def view(audit: Audit, framework: Framework) -> View:
    """One framework over an audit."""
    return _view(audit, framework, _tallies(audit))


def _tallies(audit: Audit) -> dict[str, Tally]:
    """How the findings of each rule ended; an accepted failure is one of its own kind."""
    counts: dict[str, Tally] = defaultdict(Counter)
    for finding in audit.findings:
        counts[finding.rule][finding.status, finding.suppression is not None] += 1
    return counts


def _view(audit: Audit, framework: Framework, tallies: Mapping[str, Tally]) -> View:
    citing: dict[str, set[str]] = defaultdict(set)
    for rule in audit.rules:
        for control in rule.controls:
            key, numbers = split(control)
            if key == framework.key:
                for number in numbers:
                    citing[number].add(rule.id)
    every = sorted(framework.catalogue | citing.keys(), key=in_order)
    return View(framework, tuple(_control(number, sorted(citing[number]), tallies) for number in every))


def _control(number: str, rules: list[str], tallies: Mapping[str, Tally]) -> Control:
    whole: Tally = Counter()
    for rule in rules:
        whole += tallies.get(rule, Counter())
    failed, accepted = whole[Status.FAIL, False], whole[Status.FAIL, True]
    unknown = whole[Status.UNKNOWN, False] + whole[Status.UNKNOWN, True]
    passed = whole[Status.PASS, False] + whole[Status.PASS, True]
    verdict = (
        Verdict.NOT_COVERED
        if not rules
        else Verdict.NOT_MET
        if failed
        else Verdict.UNKNOWN
        if unknown
        else Verdict.MET
        if passed or accepted
        else Verdict.NOT_APPLICABLE
    )
    return Control(number, verdict, tuple(rules), failed, accepted, unknown, passed)


def in_order(number: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key by which 1.10 comes after 1.9, and A.5.15 after A.5.9."""
    parts = number.replace("_", ".").split(".")
    return tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts)
