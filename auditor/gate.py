"""Whether an audit lets a pipeline go on: conditions over its findings, and one sentence that says why.

A condition is written as `[state:]what[+what ...][>count]`:

    critical              an open failure that is critical
    high                  one that is high or worse
    new:medium            one of medium or worse that the baseline did not have, or had as passed or accepted
    new:high+security     the same, of a category
    cis-5.0               one of a rule that cites a control of a framework
    s3-*>10               more than ten of rules of that name
    unknown:high          a failure of the baseline that could not be judged this time
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from auditor.audit import Audit, RuleText
from auditor.findings import Category, Finding, Severity
from auditor.frameworks import FRAMEWORKS, split
from auditor.settings import nearest


class BadCondition(ValueError):
    """A condition that cannot be understood. One line that says why, and how one is written."""


class State(StrEnum):
    """Which findings a condition looks at. All but OPEN need a baseline."""

    OPEN = "open"
    NEW = "new"
    REOPENED = "reopened"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Condition:
    """What breaks a build: more than `most` findings in this state that are all that is named.

    severity: at least as bad. categories, frameworks (keys), rules (globs): one of each kind that is given.
    """

    text: str
    state: State = State.OPEN
    severity: Severity | None = None
    categories: frozenset[Category] = frozenset()
    frameworks: frozenset[str] = frozenset()
    rules: tuple[str, ...] = ()
    most: int = 0

    def means(self, finding: Finding, rule: RuleText | None) -> bool:
        """Whether it looks at this finding, whatever its state."""
        if self.severity is not None and finding.severity.rank > self.severity.rank:
            return False
        if self.rules and not any(fnmatchcase(finding.rule, glob) for glob in self.rules):
            return False
        if self.categories and (rule is None or rule.category not in self.categories):
            return False
        return not self.frameworks or (
            rule is not None and not self.frameworks.isdisjoint(split(control)[0] for control in rule.controls)
        )


def parse(text: str, *, rules: Iterable[str] = ()) -> Condition:
    """Read a condition. `rules`: the ids that there are; a glob must match one. Raises BadCondition."""
    head, _, rest = text.strip().rpartition(":")
    state = _state(text, head) if head else State.OPEN
    found = re.fullmatch(r"(?P<what>[^>]+?)\s*(?:>\s*(?P<most>\d+))?", rest.strip())
    if found is None:
        raise BadCondition(f"condition {text!r}: write it as [state:]what[+what ...][>count], such as new:high")
    severity: Severity | None = None
    categories, frameworks, globs = set(), set(), []
    known_frameworks = {key.lower(): key for key in FRAMEWORKS}
    for part in (part.strip() for part in found["what"].split("+")):
        if part in set(Severity):
            severity = Severity(part)
        elif part in set(Category):
            categories.add(Category(part))
        elif part.lower() in known_frameworks:
            frameworks.add(known_frameworks[part.lower()])
        elif any(fnmatchcase(rule, part) for rule in rules):
            globs.append(part)
        else:
            known = [*Severity, *Category, *known_frameworks, *rules]
            raise BadCondition(
                f"condition {text!r}: {part or 'nothing'} is no severity, category, framework or rule"
                f"{nearest(part, [str(each) for each in known])}"
            )
    most = int(found["most"] or 0)
    return Condition(text, state, severity, frozenset(categories), frozenset(frameworks), tuple(globs), most)


def _state(text: str, name: str) -> State:
    try:
        return State(name.strip())
    except ValueError:
        raise BadCondition(f"condition {text!r}: {name} is no state: choose from {', '.join(State)}") from None


@dataclass(frozen=True)
class Broken:
    """A condition that is not met, with the findings that it counts."""

    condition: Condition
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Decision:
    """What the gate says: which conditions are broken, what only warned since its rule is soft, and one sentence.

    failed: a condition is broken, or less is known than was asked for. complete: everything that was asked for was
    read, or as much as the gate asks for.
    """

    failed: bool
    complete: bool
    broken: tuple[Broken, ...]
    warned: tuple[Finding, ...]
    sentence: str


def decide(
    audit: Audit,
    conditions: Sequence[Condition],
    *,
    min_coverage: float | None = None,
    soft: Sequence[str] = (),
    complete: bool = True,
) -> Decision:
    """Hold an audit against conditions.

    soft: globs of rules whose findings warn and never break. min_coverage: percent of verdicts that must be known;
    where it is given, an audit that reaches it counts as complete. Raises BadCondition where a condition needs a
    baseline and the audit has no comparison.
    """
    rules = {rule.id: rule for rule in audit.rules}
    broken: list[Broken] = []
    warned: dict[str, Finding] = {}
    for condition in conditions:
        met = [f for f in _in_state(audit, condition) if condition.means(f, rules.get(f.rule))]
        hard = [finding for finding in met if not _is_soft(finding, soft)]
        warned |= {finding.fingerprint: finding for finding in met if _is_soft(finding, soft)}
        if len(hard) > condition.most:
            broken.append(Broken(condition, tuple(sorted(hard, key=lambda finding: finding.order))))
    percent = audit.coverage.percent
    why = [_counted(len(each.findings), each.condition) for each in broken]
    if min_coverage is not None:
        complete = percent >= min_coverage
        if not complete:
            why.append(f"{percent:.1f} % of the verdicts are known, and {min_coverage:g} % are asked for")
    said = ", ".join(condition.text for condition in conditions) or "nothing asked for"
    if why:
        sentence = f"failed: {', and '.join(why)}"
    elif not complete:
        sentence = f"incomplete: nothing breaks {said}, but not all that was asked for was read"
    else:
        sentence = f"passed: nothing breaks {said}; {percent:.1f} % of the verdicts are known"
    if warned:
        sentence += f"; {len(warned):,} of soft rules only warn"
    return Decision(bool(why), complete, tuple(broken), tuple(warned.values()), sentence)


def _in_state(audit: Audit, condition: Condition) -> list[Finding]:
    if condition.state is State.OPEN:
        return audit.failures
    changed = audit.comparison
    if changed is None:
        raise BadCondition(f"condition {condition.text!r} compares with an earlier report: give it with --baseline")
    if condition.state is State.UNKNOWN:
        return changed.unknown
    prints = {*changed.reopened} if condition.state is State.REOPENED else {*changed.new, *changed.reopened}
    return [finding for finding in audit.failures if finding.fingerprint in prints]


def _is_soft(finding: Finding, soft: Sequence[str]) -> bool:
    return any(fnmatchcase(finding.rule, glob) for glob in soft)


def _counted(count: int, condition: Condition) -> str:
    noun = "finding breaks" if count == 1 else "findings break"
    return f"{count:,} {noun} {condition.text}"
