"""Rules about CloudFormation: how stacks are protected, deployed and kept, and that stack sets are in step."""

from collections.abc import Iterator
from datetime import timedelta

from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.cloudformation import Stack, StackInstance, StackSet, StatefulResource
from auditor.rule import Verdict, failed, not_applicable, passed, rule, unknown

BROKEN = (
    "CREATE_FAILED",
    "ROLLBACK_FAILED",
    "ROLLBACK_COMPLETE",
    "UPDATE_ROLLBACK_FAILED",
    "UPDATE_FAILED",
    "DELETE_FAILED",
    "IMPORT_ROLLBACK_FAILED",
)
BEHIND = ("OUTDATED", "INOPERABLE")
UNDER_WAY = ("PENDING", "RUNNING", "SKIPPED_SUSPENDED_ACCOUNT")  # behind for now, or on purpose
SHOWN = 20  # of a stack set's instances, in the evidence


def _elsewhere(stack: Stack) -> Verdict | None:
    """The verdict about a stack of which something else decides how it is deployed."""
    if stack.nested:
        return not_applicable("The stack is part of another one, which decides this", parent_id=stack.parent_id)
    if stack.of_service:
        return not_applicable("A service made the stack and manages it")
    if not stack.stands:
        return not_applicable("The stack is only planned, or being deleted", stack_status=stack.stack_status)
    return None


@rule(
    severity=Severity.MEDIUM,
    category=Category.RELIABILITY,
    controls=("SecurityHub CloudFormation.3",),
    notes="CloudFormation (deleting a stack deletes resources)",
)
def cloudformation_stack_termination_protection_enabled(stack: Stack) -> Verdict:
    """Stacks are protected from being deleted.

    Risk: one command, or one job that cleans up too much, takes the stack's databases and buckets with it.
    Fix: aws cloudformation update-termination-protection --region {region} --stack-name {name}
        --enable-termination-protection
    """
    if (verdict := _elsewhere(stack)) is not None:
        return verdict
    protected = stack.enable_termination_protection
    if protected is None:
        protected = next(iter(stack.own_termination_protection), None)
    if protected is None:
        return unknown("CloudFormation does not say whether the stack is protected")
    if not protected:
        return failed(
            "Anybody with the right to delete stacks can delete this one", enable_termination_protection=False
        )
    return passed(enable_termination_protection=True)


@rule(severity=Severity.MEDIUM, category=Category.OPERATIONS, notes="CloudFormation (stack failures)")
def cloudformation_stack_status_healthy(stack: Stack) -> Verdict:
    """Stacks are in a state from which they can be updated.

    Risk: a stack that failed half-way differs from its template, and the next change or repair of it is refused.
    Fix: aws cloudformation describe-stack-events --region {region} --stack-name {name}
        --query "StackEvents[?contains(ResourceStatus,'FAILED')].[LogicalResourceId,ResourceStatusReason]"
    """
    if stack.stack_status in BROKEN:
        return failed(f"The stack is stuck in {stack.stack_status}", stack_status=stack.stack_status)
    return passed(stack_status=stack.stack_status)


@rule(severity=Severity.MEDIUM, category=Category.OPERATIONS, notes="CloudFormation (templates are the truth)")
def cloudformation_stack_not_drifted(stack: Stack) -> Verdict:
    """Resources of a stack are as its template says.

    Risk: what somebody changed by hand is in no template: the next update undoes it, or fails because of it.
    Fix: aws cloudformation describe-stack-resource-drifts --region {region} --stack-name {name}
        --stack-resource-drift-status-filters MODIFIED DELETED
    """
    drift = stack.drift_information
    status = drift.stack_drift_status if drift is not None else "NOT_CHECKED"
    checked = drift.last_check_timestamp if drift is not None else None
    when = checked.isoformat() if checked is not None else None
    if status == "DRIFTED":
        return failed("Resources were changed by hand", stack_drift_status=status, last_check_timestamp=when)
    if status != "IN_SYNC":
        return not_applicable("Nobody has looked for drift yet", stack_drift_status=status)
    return passed(stack_drift_status=status, last_check_timestamp=when)


@rule(severity=Severity.HIGH, notes="CloudFormation Parameters")
def cloudformation_stack_no_plaintext_secrets(stack: Stack) -> Verdict:
    """Parameters and outputs of stacks show no secrets.

    Risk: whoever may describe stacks reads the password or key, in the console and in every build's log.
    Fix: aws cloudformation get-template-summary --region {region} --stack-name {name} --query Parameters
        and give those parameters NoEcho, or refer to Secrets Manager by a dynamic reference; then change the secret
    """
    if stack.stack_status.startswith("DELETE_"):
        return not_applicable("The stack is being deleted", stack_status=stack.stack_status)
    parameters = [match.masked for match in stack.parameters.matches]
    outputs = [match.masked for match in stack.outputs.matches]
    if parameters or outputs:
        return failed("Secrets can be read off the stack", parameters=parameters, outputs=outputs)
    return passed()


@rule(severity=Severity.MEDIUM, category=Category.OPERATIONS, notes="CloudFormation StackSets")
def cloudformation_stackset_instances_current(stack_set: StackSet) -> Verdict:
    """Stack sets are in step in every account and region.

    Risk: an account without the latest guardrails looks as if it had them, for the stack set lists it.
    Fix: aws cloudformation list-stack-instances --region {region} --stack-set-name {name}
        --query "Summaries[?Status!='CURRENT'].[Account,Region,StatusReason]"
        aws cloudformation update-stack-set --region {region} --stack-set-name {name} --use-previous-template
    """
    behind = [instance for instance in stack_set.instances if _is_behind(instance)]
    drifted = [instance for instance in stack_set.instances if instance.drift_status == "DRIFTED"]
    if behind or drifted or stack_set.drift_status == "DRIFTED":
        return failed(
            "Stack instances are not as the stack set says",
            behind=[_place(instance) for instance in behind[:SHOWN]],
            drifted=[_place(instance) for instance in drifted[:SHOWN]],
            drift_status=stack_set.drift_status,
        )
    return passed(instances=len(stack_set.instances))


def _is_behind(instance: StackInstance) -> bool:
    detailed = instance.stack_instance_status.detailed_status if instance.stack_instance_status is not None else None
    return instance.status in BEHIND and detailed not in UNDER_WAY


def _place(instance: StackInstance) -> str:
    return f"{instance.account}/{instance.region}: {instance.status}"


@rule(severity=Severity.LOW, category=Category.RELIABILITY, notes="CloudFormation rollback")
def cloudformation_stack_rollback_enabled(stack: Stack) -> Verdict:
    """Stacks are rolled back when an operation fails.

    Risk: after a failure half of the resources stay behind, billed and in nobody's plan.
    Fix: aws cloudformation update-stack --region {region} --stack-name {name} --use-previous-template
        --no-disable-rollback
    """
    if (verdict := _elsewhere(stack)) is not None:
        return verdict
    if stack.disable_rollback:
        return failed("What fails is left as it is", disable_rollback=True)
    return passed(disable_rollback=False)


@rule(severity=Severity.INFORMATIONAL, category=Category.OPERATIONS, notes="CloudFormation ChangeSets")
def cloudformation_change_set_not_stale(stack: Stack, inventory: Inventory, *, days: int = 14) -> Verdict:
    """Change sets are carried out or deleted soon.

    Risk: a change that was reviewed against an older state of the stack is carried out weeks later, by mistake.
    Fix: aws cloudformation list-change-sets --region {region} --stack-name {name}
        aws cloudformation delete-change-set --region {region} --stack-name {name} --change-set-name CHANGE-SET
    """
    if stack.nested or stack.of_service:
        return not_applicable("Another stack, or a service, decides how this one is changed")
    oldest = inventory.now - timedelta(days=days)
    stale = [
        change.change_set_name
        for change in stack.change_sets
        if change.status == "FAILED"
        or (change.execution_status == "AVAILABLE" and change.creation_time and change.creation_time < oldest)
    ]
    if stale:
        return failed("Change sets were left lying around", change_sets=stale[:SHOWN])
    return passed(change_sets=len(stack.change_sets))


@rule(
    severity=Severity.LOW,
    controls=("SecurityHub CloudFormation.4",),
    notes="CloudFormation (roles for services)",
)
def cloudformation_stack_service_role_configured(stack: Stack) -> Verdict:
    """Stacks are deployed through a service role.

    Risk: whoever deploys needs the rights to everything in the template, all day, outside of CloudFormation too.
    Fix: aws cloudformation update-stack --region {region} --stack-name {name} --use-previous-template
        --role-arn ROLE-ARN
    """
    if (verdict := _elsewhere(stack)) is not None:
        return verdict
    if stack.role_arn is None:
        return failed("The stack is deployed with the rights of whoever deploys it", role_arn=None)
    return passed(role_arn=stack.role_arn)


@rule(severity=Severity.INFORMATIONAL, category=Category.OPERATIONS, notes="CloudFormation Outputs (exports)")
def cloudformation_export_imported(stack: Stack) -> Iterator[Verdict]:
    """Exports of stacks are imported by other stacks.

    Risk: an export that nobody imports reserves its name, and makes people think twice about a change for no reason.
    Fix: take Export from the output in the template, then
        aws cloudformation update-stack --region {region} --stack-name {name} --template-body file://template.yaml
    """
    if not stack.outputs.exports:
        yield not_applicable("The stack exports nothing")
    for name in stack.outputs.exports:
        if name in stack.imported_exports:
            yield passed(key=name, export_name=name)
        else:
            yield failed("No stack imports this export", key=name, export_name=name)


@rule(severity=Severity.LOW, category=Category.RELIABILITY, notes="CloudFormation (deletion)")
def cloudformation_stack_stateful_resources_retained(stack: Stack) -> Verdict:
    """Resources that keep data outlive their stack, or leave a snapshot.

    Risk: a resource that is renamed in the template, or whose stack is deleted, takes its data with it.
    Fix: set DeletionPolicy to Retain, or Snapshot, on these resources of the template, then
        aws cloudformation update-stack --region {region} --stack-name {name} --template-body file://template.yaml
    """
    if stack.of_service or not stack.stands:
        return not_applicable("A service manages the stack, or it is not there to stay")
    template = stack.template
    if template is None or template.unread is not None:
        return unknown(f"The template was not understood: {template.unread if template else 'there is none'}")
    if not template.stateful:
        return not_applicable("The template has no resource that keeps data")
    lost = [each.logical_id for each in template.stateful if _is_lost(each)]
    if lost:
        return failed("Resources that keep data are deleted with the stack", resources=lost[:SHOWN])
    if unclear := [each.logical_id for each in template.stateful if each.deletion_policy == "?"]:
        return unknown("What becomes of some resources depends on more than the template", resources=unclear[:SHOWN])
    return passed(resources=len(template.stateful))


def _is_lost(resource: StatefulResource) -> bool:
    """Whether it is deleted for good: without a policy CloudFormation keeps a snapshot of databases alone."""
    if resource.in_cluster:
        return False
    kept_by_default = resource.type.startswith("AWS::RDS::")
    return resource.deletion_policy == "Delete" or (resource.deletion_policy is None and not kept_by_default)
