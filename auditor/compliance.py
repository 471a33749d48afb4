"""A framework as a view of an audit: each control as met, not met, unknown, or not covered by a rule.

Met says no more than it can: every rule that cites the control, and that ran, found nothing wrong and missed nothing.
"""

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum

from auditor.audit import Audit
from auditor.findings import Finding, Status
from auditor.frameworks import FRAMEWORKS, Framework, split


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
    return [view(audit, framework) for key, framework in FRAMEWORKS.items() if key in cited]


def view(audit: Audit, framework: Framework) -> View:
    """One framework over an audit."""
    citing: dict[str, set[str]] = defaultdict(set)
    for rule in audit.rules:
        for control in rule.controls:
            key, numbers = split(control)
            if key == framework.key:
                for number in numbers:
                    citing[number].add(rule.id)
    by_rule: dict[str, list[Finding]] = defaultdict(list)
    for finding in audit.findings:
        by_rule[finding.rule].append(finding)
    every = sorted(framework.catalogue | citing.keys(), key=in_order)
    return View(framework, tuple(_control(number, sorted(citing[number]), by_rule) for number in every))


def _control(number: str, rules: list[str], by_rule: dict[str, list[Finding]]) -> Control:
    findings = [finding for rule in rules for finding in by_rule[rule]]
    failed = sum(f.status is Status.FAIL and f.suppression is None for f in findings)
    accepted = sum(f.status is Status.FAIL and f.suppression is not None for f in findings)
    unknown = sum(f.status is Status.UNKNOWN for f in findings)
    passed = sum(f.status is Status.PASS for f in findings)
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
