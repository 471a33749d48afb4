"""One scan from end to end: connect, plan, collect; and one assessment: inventory and rules to an audit."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from auditor import __version__
from auditor.audit import Audit, CallCount, Defect, RuleText, Scan, Tool, summarize
from auditor.aws.door import Door
from auditor.aws.session import Access, Session, connect
from auditor.collect import collect
from auditor.engine import Setting, in_scope, judge
from auditor.findings import plain
from auditor.inventory import Inventory
from auditor.plan import Plan, unseen
from auditor.progress import Progress
from auditor.resources.account import Account
from auditor.rule import Rule


async def read(
    access: Access,
    plan: Plan,
    *,
    concurrency: int,
    progress: Progress | None = None,
    on_start: Callable[[Session, Door], None] | None = None,
) -> Inventory:
    """Read an account. Raises Misuse or CannotStart before the first resource is asked for, and nothing after.

    on_start is given the session and the door: whoever may stop the scan keeps the door.
    """
    session = await connect(access, concurrency=concurrency)
    try:
        door = session.door(plan.operations(), progress)
        if on_start is not None:
            on_start(session, door)
        return await collect(session, door, plan, progress=progress)
    finally:
        await session.close()


def account_tags(inventory: Inventory) -> Mapping[str, str]:
    """What AWS Organizations has tagged the account with; none where it belongs to no organization. Raises Unread."""
    return next(inventory.each(Account)).organization_tags or {}


def assess(inventory: Inventory, rules: Sequence[Rule], settings: Mapping[str, Setting] | None = None) -> Audit:
    """Judge an inventory and put the report together."""
    started = datetime.now(UTC)
    settings = settings or {}
    judgement = judge(inventory, rules, settings)
    defects = dict(judgement.defects)
    for rule in rules:
        if rule.id in judgement.unasked and (said := unseen(rule, judgement.unasked[rule.id])) is not None:
            defects.setdefault(rule.id, said)
    header = inventory.header
    summary = summarize(
        judgement.findings,
        rules=len(rules),
        resources=sum(in_scope(inventory, r) for found in inventory.resources.values() for r in found),
        calls=sum(call.calls for call in inventory.calls),
        defects=[
            Defect(
                rule=rule,
                exception=exception,
                findings=judgement.broken[rule] or judgement.unasked[rule].total(),
            )
            for rule, exception in sorted(defects.items())
        ],
    )
    return Audit(
        tool=Tool(version=__version__),
        scan=Scan(
            started=min(header.started, started), finished=datetime.now(UTC), collected=header.started,
            accounts=[header.account], regions=list(header.regions), partition=header.partition,
            interrupted=header.interrupted,
        ),
        summary=summary,
        coverage=judgement.coverage,
        rules=[describe(rule, settings.get(rule.id)) for rule in rules],
        findings=judgement.findings,
        calls=[CallCount(account=header.account, **call.model_dump()) for call in inventory.calls],
    )  # fmt: skip


def describe(rule: Rule, setting: Setting | None = None) -> RuleText:
    """A rule's text as reports and the catalogue show it, with the parameters and severity in force."""
    setting = setting or Setting()
    return RuleText(
        id=rule.id, title=rule.title, severity=setting.severity or rule.severity, category=rule.category,
        resource_types=sorted({kind.cfn_type for kind in rule.kinds}), risk=rule.risk, fix=rule.fix, notes=rule.notes,
        controls=list(rule.controls), parameters=plain({**rule.parameters, **setting.parameters}),
    )  # fmt: skip
