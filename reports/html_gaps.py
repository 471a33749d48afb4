"""What the HTML report says of what was not read: by operation, what it cost and what would mend it."""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from auditor.audit import Audit
from auditor.findings import Gap, GapKind, Status

NOT_ASKED = "MetricsNotAsked"  # the code of what was left out since AWS bills it
# How a gap's reason begins (Gap.reason), wherever it stands in a finding's message.
ASKED = re.compile(r"([a-z0-9-]+):(\w+) in ([a-z0-9-]+)")

Place = tuple[str, str, str, str]  # account, region, service, operation


@dataclass
class GapGroup:
    """Everything that one operation did not answer: why, where, what would mend it and what it cost."""

    service: str
    operation: str
    types: set[str] = field(default_factory=set)
    actions: set[str] = field(default_factory=set)
    reasons: dict[tuple[str, str], Gap] = field(default_factory=dict)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    regions: Counter[str] = field(default_factory=Counter)
    accounts: set[str] = field(default_factory=set)
    resources: set[str] = field(default_factory=set)
    verdicts: int = 0

    @property
    def chosen(self) -> bool:
        """Whether it was left out on purpose: a region; metrics, which AWS bills. What a snapshot lacks was not."""
        return all(kind is GapKind.NOT_SELECTED and code != "NotAsked" for kind, code in self.reasons)

    @property
    def title(self) -> str:
        """What was left out, for people."""
        if any(code == NOT_ASKED for _, code in self.reasons):
            return "CloudWatch metrics"
        return f"{self.service}:{self.operation}"

    @property
    def why(self) -> str:
        """The first reason, in its own words."""
        said = next(iter(self.reasons.values())).message
        return f"{said[:1].upper()}{said[1:]}."

    @property
    def mend(self) -> str:
        """What to do where no permission is missing."""
        kinds = {kind for kind, _ in self.reasons}
        if GapKind.THROTTLED in kinds:
            return "Scan again, or with lower concurrency"
        if GapKind.STOPPED in kinds:
            return "Scan again and let it finish"
        if GapKind.NOT_SELECTED in kinds:
            return "Select it"
        return "Scan again; no permission is missing"


def gap_groups(audit: Audit) -> tuple[list[GapGroup], int]:
    """Gaps by operation, the dearest first, and how many unknown verdicts no gap explains."""
    cost, loose = costs(audit)
    groups: dict[tuple[str, str], GapGroup] = {}
    counted: set[Place] = set()
    for gap in sorted(
        audit.coverage.gaps, key=lambda g: (g.service, g.operation, g.account, g.region, g.code, g.message)
    ):
        group = groups.setdefault((gap.service, gap.operation), GapGroup(gap.service, gap.operation))
        group.types.add(gap.resource_type)
        group.reasons.setdefault((gap.kind, gap.code), gap)
        group.counts[gap.kind, gap.code] += 1
        group.accounts.add(gap.account)
        if gap.iam_action:
            group.actions.add(gap.iam_action)
        if gap.resource:
            group.resources.add(gap.resource)
        place = (gap.account, gap.region, gap.service, gap.operation)
        if place not in counted:
            counted.add(place)
            group.regions[gap.region] += cost[place]
            group.verdicts += cost[place]
    return sorted(groups.values(), key=lambda g: (-g.verdicts, g.service, g.operation)), loose


def costs(audit: Audit) -> tuple[Counter[Place], int]:
    """Unknown verdicts by the operation and region that they needed; one may have needed several.

    A verdict's message names what was not read. Where it does not, the gaps of its resource stand for it. The second
    number counts the verdicts that no gap explains: defects, and rules that say themselves that they cannot know.
    """
    places: set[Place] = set()
    by_arn: defaultdict[str, set[Place]] = defaultdict(set)
    by_type: defaultdict[tuple[str, str, str], set[Place]] = defaultdict(set)
    for gap in audit.coverage.gaps:
        place = (gap.account, gap.region, gap.service, gap.operation)
        places.add(place)
        if gap.resource:
            by_arn[gap.resource].add(place)
        else:
            by_type[gap.account, gap.region, gap.resource_type].add(place)
    cost: Counter[Place] = Counter()
    loose = 0
    for finding in audit.findings:
        if finding.status is not Status.UNKNOWN:
            continue
        about = finding.resource
        named = {(about.account, region, svc, operation) for svc, operation, region in ASKED.findall(finding.message)}
        found = named & places or by_arn.get(about.arn) or by_type.get((about.account, about.region, about.type))
        if found:
            cost.update(found)
        else:
            loose += 1
    return cost, loose
