"""The Lambda front: `auditor.lambda_handler.handler` audits accounts and delivers what came of it.

`accounts` and `reduce` are the other two functions of an organization's scan.
"""

import gc
import logging
import os
import re
import time
from collections.abc import Callable
from typing import Any

from auditor import invocation, plugins
from auditor.aws.session import Access
from auditor.invocation import BadInvocation, Invocation
from auditor.lambda_scan import Choice, Outcome, audit_account, choose, clients, measured
from auditor.organization_handlers import accounts, reduce
from auditor.telemetry import Log

# A scan makes a million objects and keeps most to its end: to look for garbage at every 700th takes a fifth of it.
gc.set_threshold(50_000, 20, 100)
# Libraries warn of what we report ourselves, with tracebacks.
logging.getLogger().addHandler(logging.NullHandler())

# While the function starts, which is quicker than when it runs, and then they stay for all invocations.
RULES = plugins.load_rules()
REPORTS = plugins.load_reports()


class DeliveryFailed(RuntimeError):
    """Everything that could be delivered was; this was not. Invoked again with the same run, only this is tried."""


class NotReached(RuntimeError):
    """Accounts that were named could not be audited. The others were, and were delivered."""


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Audit what an event asks for (see `Invocation`), and say where the reports are.

    Raises BadInvocation, NotReached and DeliveryFailed, and what one account alone raises: the invocation fails then.
    """
    log = Log(context.aws_request_id)
    try:
        asked = invocation.read(event, os.environ, request_id=context.aws_request_id)
        log = log.about(run=asked.run)
        return _run(asked, log, lambda: context.get_remaining_time_in_millis() / 1000)
    except Exception as error:
        log.error(" ".join(str(error).split()), error=type(error).__name__)
        raise
    finally:
        gc.collect()  # the clients of an account hold one another: the next invocation starts without them


def _run(asked: Invocation, log: Log, remaining: Callable[[], float]) -> dict[str, Any]:
    client = clients()
    choice = choose(asked, RULES, REPORTS, client)
    named = asked.accounts or (_account(asked, client),)
    results, failed, missed = [], [], []
    for number, account in enumerate(named):
        own = _share(remaining, len(named) - number)
        try:
            outcome = _one(asked, choice, account, client, log.about(account=account), own)
        except Exception as error:
            if len(named) == 1:
                raise
            log.error(" ".join(str(error).split()), account=account, error=type(error).__name__)
            missed.append(f"{account} ({' '.join(str(error).split())})")
            continue
        results.append(_said(outcome))
        failed += [f"{account}: {name}: {why}" for name, why in outcome.failed.items()]
    if missed:
        raise NotReached(f"{len(missed)} of {len(named)} accounts were not audited: {'; '.join(missed)}"[:4_000])
    if failed:
        raise DeliveryFailed(f"{len(failed)} deliveries failed: {'; '.join(failed)}"[:4_000])
    return {"run": asked.run, "accounts": results}


def _share(remaining: Callable[[], float], sharers: int) -> Callable[[], float]:
    """The time that one of so many accounts may take of what is left."""
    others = remaining() * (1 - 1 / sharers)
    return lambda: remaining() - others


def _one(
    asked: Invocation, choice: Choice, account: str, client: Any, log: Log, remaining: Callable[[], float]
) -> Outcome:
    began = time.monotonic()
    role = asked.role_arn.replace("{account}", account) if asked.role_arn else None
    access = Access(None, role, asked.external_id, None, asked.regions or choice.settings.scan.regions)
    outcome = audit_account(asked, choice, access, account, client=client, log=log, remaining=remaining)
    function = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "auditor")
    if not outcome.resumed:  # else it was counted
        log.metrics(measured(outcome, time.monotonic() - began), Function=function, Account=account)
    else:
        log.metrics({"DeliveryErrors": (len(outcome.failed), "Count")}, Function=function, Account=account)
    log.info("done", **_said(outcome))
    return outcome


def _account(asked: Invocation, client: Any) -> str:
    """Whose account it is, before it is read: the role's, or the function's own."""
    if asked.role_arn and (named := re.search(r":iam::(\d{12}):", asked.role_arn)):
        return named[1]
    return str(client("sts", None).get_caller_identity()["Account"])


def _said(outcome: Outcome) -> dict[str, Any]:
    """An account's result, small whatever the account: Step Functions passes it on."""
    audit, changed = outcome.audit, outcome.audit.comparison
    return {
        "account": outcome.receipt.account,
        "report": outcome.receipt.report,
        "resumed": outcome.resumed,
        "complete": not audit.coverage.not_assessed and not audit.scan.interrupted,
        "interrupted": audit.scan.interrupted,
        "coverage": round(audit.coverage.percent, 2),
        "failures": {severity.value: count for severity, count in audit.summary.failures.items()},
        "unknown": audit.coverage.not_assessed,
        "new": len(changed.new) + len(changed.reopened) if changed else None,
        "fixed": len(changed.fixed) + len(changed.gone) if changed else None,
        "delivered": list(outcome.receipt.done),
    }


__all__ = ["BadInvocation", "DeliveryFailed", "NotReached", "accounts", "handler", "reduce"]
