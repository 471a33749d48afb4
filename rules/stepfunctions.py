"""Rules about Step Functions."""

from auditor.findings import Category, Severity
from auditor.resources.stepfunctions import StateMachine
from auditor.rule import Verdict, failed, passed, rule


@rule(
    severity=Severity.MEDIUM,
    category=Category.OPERATIONS,
    controls=(
        "SecurityHub StepFunctions.1",
        "PCI-4.0 10.2.1.1.33 10.2.1.2.28 10.2.1.3.28 10.2.1.4.28 10.2.1.5.28 10.2.1.6.28 10.2.1.7.28 10.2.1.28",
        "PCI-4.0 10.2.2.28 10.3.1.28 10.6.3.38 5.3.4.33",
        "ISO-27001-2022 A.8.15",
    ),
    notes="Step Functions (event target)",
)
def stepfunctions_state_machine_logging_enabled(machine: StateMachine) -> Verdict:
    """State machines log what they do.

    Risk: why an execution failed is gone with its history: after 90 days, for an express one at once.
    Fix: aws stepfunctions update-state-machine --region {region} --state-machine-arn {arn}
        --logging-configuration file://logging.json
    """
    logging = machine.details.logging_configuration
    level = logging.level if logging is not None else None
    if level in (None, "OFF"):
        return failed("The state machine logs nothing", level=level, type=machine.type)
    return passed(level=level)
