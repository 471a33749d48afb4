"""Rules about CodePipeline: how pipelines learn of changes, who approves them, and who hears of failures."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from auditor.analysis.developer_events import any_told, is_caught, is_notified
from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.codepipeline import Pipeline, PipelineStage, StageState
from auditor.rule import Verdict, failed, not_applicable, passed, rule

POLLED = ("S3", "CodeCommit")
NOT_QUITE = ("non", "pre", "not")  # before the word, these make another stage of it
FAILURES = (
    "CodePipeline Pipeline Execution State Change",
    "CodePipeline Stage Execution State Change",
    "CodePipeline Action Execution State Change",
)


@rule(severity=Severity.MEDIUM, notes="CodePipeline source (GitHub)")
def codepipeline_pipeline_source_connection_used(pipeline: Pipeline) -> Verdict:
    """Pipelines learn of changes through connections and events, not by tokens and polling.

    Risk: the token is a person's, opens all of that person's repositories, and is replaced by nobody.
    Fix: aws codeconnections create-connection --region {region} --provider-type GitHub --connection-name github
        aws codepipeline get-pipeline --region {region} --name {name} --query pipeline > pipeline.json
        aws codepipeline update-pipeline --region {region} --pipeline file://pipeline.json
    """
    declared = pipeline.declaration
    tokens, polled = [], []
    for action in (action for stage in declared.pipeline.stages for action in stage.actions):
        kind = action.action_type_id
        if kind.category != "Source":
            continue
        if (kind.owner, kind.provider, kind.version) == ("ThirdParty", "GitHub", "1"):
            tokens.append(action.name)
        elif kind.provider in POLLED and (action.configuration.poll_for_source_changes or "true").lower() != "false":
            polled.append(action.name)
    if tokens:
        return failed("Sources are read with a person's token", actions=tokens)
    if polled and declared.metadata.polling_disabled_at is None:
        return failed("Sources are polled", severity=Severity.LOW, actions=polled)
    return passed()


@rule(severity=Severity.LOW, category=Category.OPERATIONS, notes="CodePipeline manual approvals")
def codepipeline_pipeline_manual_approval_before_deploy(
    pipeline: Pipeline, *, production: tuple[str, ...] = ("prod", "production", "prd", "live")
) -> Verdict:
    """Somebody approves a change before it is deployed to production.

    Risk: whatever was merged, by whomever, is in production a few minutes later.
    Fix: aws codepipeline get-pipeline --region {region} --name {name} --query pipeline > pipeline.json
        aws codepipeline update-pipeline --region {region} --pipeline file://pipeline.json
    """
    stages = pipeline.declaration.pipeline.stages
    deploying = [at for at, stage in enumerate(stages) if _is_production(stage.name, production) and _deploys(stage)]
    if not deploying:
        return not_applicable("No stage deploys to production by its name")
    open_ = [stages[at].name for at in deploying if not _is_approved(stages, at)]
    if open_:
        return failed("Nobody approves what is deployed to production", stages=open_)
    return passed(stages=[stages[at].name for at in deploying])


def _is_production(name: str, words: tuple[str, ...]) -> bool:
    """Whether a stage's name has one of the words: Deploy-Prod and ProdDeploy do, PreProd and Products do not."""
    parts = [part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]
    return any(
        part in words and (at == 0 or parts[at - 1] not in NOT_QUITE) for at, part in enumerate(parts)
    )  # fmt: skip


def _deploys(stage: PipelineStage) -> bool:
    return any(action.action_type_id.category == "Deploy" for action in stage.actions)


def _is_approved(stages: tuple[PipelineStage, ...], at: int) -> bool:
    """Whether an approval, or a condition at the door, comes before every deployment of a stage."""
    stage = stages[at]
    if stage.before_entry is not None and stage.before_entry.conditions:
        return True
    approvals = [a.run_order for a in stage.actions if a.action_type_id.category == "Approval"]
    if any(a.action_type_id.category == "Approval" for earlier in stages[:at] for a in earlier.actions):
        return True
    first = min(a.run_order for a in stage.actions if a.action_type_id.category == "Deploy")
    return any(order < first for order in approvals)


@rule(severity=Severity.LOW, category=Category.OPERATIONS, notes="CodePipeline state changes")
def codepipeline_pipeline_failure_notification_configured(pipeline: Pipeline, inventory: Inventory) -> Verdict:
    """Somebody hears of it when a pipeline fails.

    Risk: a fix that everybody believes to be in production never got there.
    Fix: aws codestar-notifications create-notification-rule --region {region} --name {name}-failures
        --resource {arn} --detail-type BASIC --event-type-ids codepipeline-pipeline-pipeline-execution-failed
        --targets TargetType=SNS,TargetAddress=TOPIC-ARN
    """
    events = [
        {
            "detail-type": kind,
            "source": "aws.codepipeline",
            "detail": {"pipeline": pipeline.name, "state": "FAILED"},
        }
        for kind in FAILURES
    ]
    told = any_told(
        lambda: is_notified(pipeline, ("pipeline-execution-failed",), inventory),
        lambda: is_caught(pipeline, events, inventory),
    )
    return passed() if told else failed("Nobody is told of failures")


@rule(severity=Severity.LOW, category=Category.OPERATIONS, notes="CodePipeline troubleshooting")
def codepipeline_pipeline_last_execution_succeeded(
    pipeline: Pipeline, inventory: Inventory, *, days: int = 7
) -> Verdict:
    """A pipeline's last execution did not fail, or somebody is at it.

    Risk: nothing can be delivered, and the day on which that is noticed is the day of an urgent fix.
    Fix: aws codepipeline list-action-executions --region {region} --pipeline-name {name}
        --query "actionExecutionDetails[?status=='Failed'].[stageName,actionName,output.executionResult]"
    """
    started = [state.latest_execution for state in pipeline.stage_states if state.latest_execution is not None]
    if not started:
        return not_applicable("The pipeline has never run")
    newest = started[0].pipeline_execution_id  # every execution begins in the first stage
    broken = [
        state
        for state in pipeline.stage_states
        if state.latest_execution is not None
        and state.latest_execution.pipeline_execution_id == newest
        and state.latest_execution.status == "Failed"
    ]
    since = max((when for state in broken for when in _failures(state)), default=None)
    if since is None or inventory.now - since <= timedelta(days=days):
        return passed(failed_since=since.isoformat() if since else None)
    return failed(
        f"The last execution failed more than {days} days ago",
        stages=[state.stage_name for state in broken], failed_since=since.isoformat(),
    )  # fmt: skip


def _failures(state: StageState) -> Iterator[datetime]:
    """When actions of a stage failed."""
    for action in state.action_states:
        latest = action.latest_execution
        if latest is not None and latest.status == "Failed" and latest.last_status_change is not None:
            yield latest.last_status_change


@rule(severity=Severity.INFORMATIONAL, notes="CodePipeline (KMS)")
def codepipeline_pipeline_artifacts_encrypted_with_cmk(pipeline: Pipeline) -> Verdict:
    """Artifacts of pipelines are encrypted with a key of the account's own.

    Risk: with S3's own key, nobody can be kept from the artifacts by the key's policy.
    Fix: aws codepipeline get-pipeline --region {region} --name {name} --query pipeline > pipeline.json
        aws codepipeline update-pipeline --region {region} --pipeline file://pipeline.json
    """
    bare = [store.location for store in pipeline.declaration.pipeline.stores if store.encryption_key is None]
    if bare:
        return failed("Artifacts are encrypted with the default key of S3", buckets=bare)
    return passed()
