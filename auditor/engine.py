"""Judges an inventory by rules: findings, and how much of what was asked could be judged."""

import traceback
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from auditor.fetch import Unread
from auditor.findings import Coverage, Finding, Gap, GapKind, ResourceRef, Severity, Status, fingerprint, plain
from auditor.inventory import Inventory
from auditor.model import NO_METRICS, Resource, what_is_wrong
from auditor.renamed import first
from auditor.rule import Rule, Verdict


@dataclass
class Judgement:
    """What the engine gives: findings in stable order, coverage, and the rules that broke.

    defects: the first exception of each rule that raised, or answered what is no answer. broken: how many of its
    findings are unknown for that. unasked: what a rule read that the inventory was not asked for, and how often.
    """

    findings: list[Finding]
    coverage: Coverage
    defects: dict[str, str] = field(default_factory=dict)
    broken: Counter[str] = field(default_factory=Counter)
    unasked: dict[str, Counter[Gap]] = field(default_factory=dict)


@dataclass(frozen=True)
class Setting:
    """What settings say of one rule: parameters other than its defaults, and another severity."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    severity: Severity | None = None


def judge(inventory: Inventory, rules: Sequence[Rule], settings: Mapping[str, Setting] | None = None) -> Judgement:
    """Judge every resource by every rule over its type. Never raises for what a rule does."""
    run = _Run(inventory, settings or {})
    findings = [finding for rule in rules for finding in run.findings(rule)]
    findings.sort(key=lambda finding: finding.order)
    unknown = sum(finding.status is Status.UNKNOWN for finding in findings)
    coverage = Coverage(
        assessed=len(findings) - unknown,
        not_assessed=unknown,
        gaps=sorted(run.gaps | _collected(inventory), key=_place),
    )
    return Judgement(findings, coverage, run.defects, run.broken, run.unasked)


class _Run:
    """One pass of rules over an inventory, and what shows on the way: `gaps` are those that cost a verdict."""

    def __init__(self, inventory: Inventory, settings: Mapping[str, Setting]) -> None:
        self._inventory, self._settings = inventory, settings
        self._judged: dict[type[Resource], list[tuple[Resource, ResourceRef]]] = {}
        self.gaps: set[Gap] = set()
        self.defects: dict[str, str] = {}
        self.broken: Counter[str] = Counter()
        self.unasked: dict[str, Counter[Gap]] = {}

    def findings(self, rule: Rule) -> Iterator[Finding]:
        """A rule's findings over all resources of its types; one for each region in which a listing is incomplete."""
        setting = self._settings.get(rule.id, Setting())
        for kind in rule.kinds:
            for gap in _listing_gaps(self._inventory, kind):
                ref = _whole_type(self._inventory, kind, gap)
                yield _finding(rule, ref, self._unread(rule, gap), setting)
            metric: Gap | None = None
            for resource, ref in self._in_scope(kind):
                found = self._answer(rule, resource, ref, setting)
                if isinstance(found, Gap):
                    metric = metric or found
                else:
                    yield from found
            if metric is not None:
                yield _finding(rule, _whole_type(self._inventory, kind, metric), self._unread(rule, metric), setting)

    def _in_scope(self, kind: type[Resource]) -> list[tuple[Resource, ResourceRef]]:
        if kind not in self._judged:
            judged = [resource for resource in self._inventory.known(kind) if in_scope(self._inventory, resource)]
            self._judged[kind] = [(resource, resource.ref) for resource in judged]
        return self._judged[kind]

    def _answer(self, rule: Rule, resource: Resource, ref: ResourceRef, setting: Setting) -> list[Finding] | Gap:
        """A rule's findings about a resource; one unknown when something was not read, or when the rule broke.

        The gap alone where it is a metric that was left out: that holds for all resources alike, and is said once.

        What a rule yielded before it raised is dropped: half an answer is none.
        """
        try:
            verdicts = list(rule.judge(resource, self._inventory, dict(setting.parameters)))
            if not all(isinstance(verdict, Verdict) for verdict in verdicts):
                raise TypeError("an answer that is no verdict")
            if len({verdict.key for verdict in verdicts}) < len(verdicts):
                raise TypeError("several verdicts without a key of their own: they would have one fingerprint")
            return [_finding(rule, ref, verdict, setting) for verdict in verdicts]
        except Unread as error:
            if error.gap.code == NO_METRICS:
                return error.gap.model_copy(update={"resource": None, "region": "global"})
            return [_finding(rule, ref, self._unread(rule, error.gap), setting)]
        except Exception as error:
            what = f"{type(error).__name__}: {_said(error)}"
            if rule.id not in self.defects:
                where = traceback.extract_tb(error.__traceback__)[-1]
                self.defects[rule.id] = f"{what} ({where.name}, line {where.lineno})"
            self.broken[rule.id] += 1
            broke = Verdict(Status.UNKNOWN, f"the rule raised {what}: a defect of the rule", {"exception": what})
            return [_finding(rule, ref, broke, setting)]

    def _unread(self, rule: Rule, gap: Gap) -> Verdict:
        """The verdict on what was not read."""
        if gap.kind is GapKind.NOT_SELECTED:
            # What nobody asked for is missing of every resource alike: one gap says it.
            whole = gap.model_copy(update={"resource": None})
            self.gaps.add(whole)
            self.unasked.setdefault(rule.id, Counter())[whole] += 1
        else:
            self.gaps.add(gap)
        evidence = {"operation": f"{gap.service}:{gap.operation}", "region": gap.region, "error_code": gap.code}
        if gap.iam_action:
            evidence["iam_action"] = gap.iam_action
        return Verdict(Status.UNKNOWN, gap.reason, evidence)


def _said(error: Exception) -> str:
    """In one line: a validation error's own text has several, and the values."""
    return what_is_wrong(error) if isinstance(error, ValidationError) else " ".join(str(error).split())


def in_scope(inventory: Inventory, resource: Resource) -> bool:
    """Whether a resource is judged: not if it lies in a region that was not asked for (a bucket listed globally)."""
    return resource.judged_everywhere or resource.region == "global" or resource.region in inventory.header.regions


def _listing_gaps(inventory: Inventory, kind: type[Resource]) -> list[Gap]:
    """One gap per region in which a listing failed; all of it where the type was not asked for at all."""
    by_region = {gap.region: gap for gap in reversed(inventory.gaps.get(kind.__name__, ()))}
    if not by_region and (gap := inventory.missing(kind)) is not None:
        return [gap]
    return list(by_region.values())


def _whole_type(inventory: Inventory, kind: type[Resource], gap: Gap) -> ResourceRef:
    """The type as a whole, in a region: what a finding is about when not even the listing was read."""
    return ResourceRef(
        arn=kind.wildcard_arn(inventory.partition, inventory.account, gap.region), id="*", name="*",
        type=kind.cfn_type, account=inventory.account, region=gap.region,
    )  # fmt: skip


def _finding(rule: Rule, ref: ResourceRef, verdict: Verdict, setting: Setting) -> Finding:
    """Raises TypeError or pydantic.ValidationError for what is no verdict, or evidence that no report could show."""
    return Finding(
        rule=rule.id, status=verdict.status, severity=setting.severity or _severity(verdict, rule.severity),
        resource=ref, message=verdict.message or rule.title,
        evidence=plain(verdict.evidence),
        fingerprint=fingerprint(first(rule.id), ref.arn, verdict.key),
    )  # fmt: skip


def _severity(verdict: Verdict, default: Severity) -> Severity:
    stated = verdict.severity or default
    return min(stated, default, key=lambda severity: severity.rank) if verdict.unsettled else stated


def _collected(inventory: Inventory) -> set[Gap]:
    """Everything that was asked for and not read."""
    gaps = {gap for failed in inventory.gaps.values() for gap in failed}
    for resources in inventory.resources.values():
        for resource in resources:
            if resource.gaps and in_scope(inventory, resource):
                gaps.update(resource.gaps.values())
    return gaps


def _place(gap: Gap) -> tuple[str, ...]:
    parts = (gap.service, gap.operation, gap.region, gap.resource, gap.field, gap.resource_type, gap.code, gap.message)
    return tuple(part or "" for part in parts)
