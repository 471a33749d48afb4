"""Step Functions: state machines."""

from typing import Annotated

from auditor.fetch import Call, Listing
from auditor.model import Resource, Shape


class StateMachineLogging(Shape):
    """What a state machine logs: ALL, ERROR, FATAL or OFF."""

    level: str | None = None


class StateMachineDetails(Shape):
    """What is set for a state machine. The steps are not read: they may hold secrets."""

    logging_configuration: StateMachineLogging | None = None  # left out where it was never set


class StateMachine(Resource):
    """A state machine."""

    service, cfn_type = "stepfunctions", "AWS::StepFunctions::StateMachine"
    listing = Listing("ListStateMachines", at="stateMachines")
    arn_format = "{state_machine_arn}"
    id_field = "state_machine_arn"
    name_field = "name"

    state_machine_arn: str
    name: str
    type: str
    details: Annotated[
        StateMachineDetails,
        Call("DescribeStateMachine", const={"includedData": "METADATA_ONLY"}, stateMachineArn="state_machine_arn"),
    ]
