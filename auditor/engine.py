"""Judges an inventory by rules: findings, and how much of what was asked could be judged."""

import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from auditor.fetch import Unread
from auditor.findings import Coverage, Finding, Gap, ResourceRef, Severity, Status, fingerprint
from auditor.inventory import Inventory
from auditor.model import Resource
from auditor.rule import Rule, Verdict


@dataclass
class Judgement:
    """What the engine gives: findings in stable order, coverage, and the rules that raised, with the exception."""

    findings: list[Finding]
    coverage: Coverage
    defects: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Setting:
    """What settings say of one rule: parameters other than its defaults, and another severity."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    severity: Severity | None = None


def judge(inventory: Inventory, rules: Sequence[Rule], settings: Mapping[str, Setting] | None = None) -> Judgement:
    """Judge every resource by every rule over its type. Never raises for what a rule does."""
    settings = settings or {}
    defects: dict[str, str] = {}
    findings: list[Finding] = []
    for rule in rules:
        findings += _judge_rule(inventory, rule, settings.get(rule.id, Setting()), defects)
    findings.sort(key=lambda f: f.order)
    return Judgement(findings, _coverage(inventory, rules, findings), defects)


def _judge_rule(inventory: Inventory, rule: Rule, setting: Setting, defects: dict[str, str]) -> Iterator[Finding]:
    severity = setting.severity or rule.severity
    parameters = dict(setting.parameters)
    for kind in rule.kinds:
        for gap in _listing_gaps(inventory, kind):
            yield _finding(rule, _whole_type(inventory, kind, gap), _unread(gap), severity)
        for resource in inventory.known(kind):
            if not in_scope(inventory, resource):
                continue
            ref = resource.ref
            for verdict in _verdicts(rule, resource, inventory, parameters, defects):
                # A severity that the user set stands, whatever the rule would make of the circumstances.
                yield _finding(rule, ref, verdict, setting.severity or _severity(verdict, rule.severity))


def _severity(verdict: Verdict, default: Severity) -> Severity:
    stated = verdict.severity or default
    return min(stated, default, key=lambda severity: severity.rank) if verdict.unsettled else stated


def in_scope(inventory: Inventory, resource: Resource) -> bool:
    """Whether a resource is judged: not if it lies in a region that was not asked for (a bucket listed globally)."""
    return resource.judged_everywhere or resource.region in ("global", *inventory.header.regions)


def _verdicts(
    rule: Rule, resource: Resource, inventory: Inventory, parameters: dict[str, Any], defects: dict[str, str]
) -> list[Verdict]:
    """A rule's verdicts about a resource; one unknown when something was not read, or when the rule raised.

    What a rule yielded before it raised is dropped: half an answer is none.
    """
    try:
        return list(rule.judge(resource, inventory, parameters))
    except Unread as error:
        return [_unread(error.gap)]
    except Exception as error:
        what = traceback.format_exception_only(error)[-1].strip()
        where = traceback.extract_tb(error.__traceback__)[-1]
        defects.setdefault(rule.id, f"{what} ({where.name}, line {where.lineno})")
        return [Verdict(Status.UNKNOWN, f"the rule raised {what}: a defect of the rule", {"exception": what})]


def _unread(gap: Gap) -> Verdict:
    evidence = {"operation": f"{gap.service}:{gap.operation}", "region": gap.region, "error_code": gap.code}
    if gap.iam_action:
        evidence["iam_action"] = gap.iam_action
    return Verdict(Status.UNKNOWN, gap.reason, evidence)


def _listing_gaps(inventory: Inventory, kind: type[Resource]) -> list[Gap]:
    """One gap per region in which a listing failed; all of it where the type was not asked for at all."""
    by_region = {gap.region: gap for gap in inventory.gaps.get(kind.__name__, ())}
    if not by_region and (gap := inventory.missing(kind)) is not None:
        return [gap]
    return list(by_region.values())


def _whole_type(inventory: Inventory, kind: type[Resource], gap: Gap) -> ResourceRef:
    """The type as a whole, in a region: what a finding is about when not even the listing was read."""
    return ResourceRef(
        arn=kind.wildcard_arn(inventory.partition, inventory.account, gap.region), id="*", name="*",
        type=kind.cfn_type, account=inventory.account, region=gap.region,
    )  # fmt: skip


def _finding(rule: Rule, ref: ResourceRef, verdict: Verdict, severity: Severity) -> Finding:
    return Finding(
        rule=rule.id, status=verdict.status, severity=severity, resource=ref, message=verdict.message or rule.title,
        evidence=verdict.evidence, fingerprint=fingerprint(rule.id, ref.arn, verdict.key),
    )  # fmt: skip


def _coverage(inventory: Inventory, rules: Iterable[Rule], findings: Iterable[Finding]) -> Coverage:
    counts = Counter(finding.status is Status.UNKNOWN for finding in findings)
    return Coverage(assessed=counts[False], not_assessed=counts[True], gaps=sorted(_gaps(inventory, rules), key=_place))


def _gaps(inventory: Inventory, rules: Iterable[Rule]) -> set[Gap]:
    """Everything that was asked for and not read, and what these rules would have needed asked."""
    gaps = {gap for failed in inventory.gaps.values() for gap in failed}
    gaps |= {
        gap
        for resources in inventory.resources.values()
        for resource in resources
        if in_scope(inventory, resource)
        for gap in resource.gaps.values()
    }
    return gaps | {gap for rule in rules for kind in rule.kinds if (gap := inventory.missing(kind)) is not None}


def _place(gap: Gap) -> tuple[str, str, str, str, str]:
    return (gap.service, gap.operation, gap.region, gap.resource or "", gap.field or "")
