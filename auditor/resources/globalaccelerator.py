"""Standard accelerators of AWS Global Accelerator."""

from typing import Annotated, Any

from auditor.fetch import Ask, Call, Listing, Scope
from auditor.model import Resource, Shape


class AcceleratorAttributes(Shape):
    """What is set for an accelerator; without flow logs AWS may leave the flag out."""

    flow_logs_enabled: bool = False


class EndpointDescription(Shape):
    """Something that an accelerator sends traffic to."""

    endpoint_id: str
    weight: int | None = None  # 0: it gets no traffic, on purpose
    health_state: str  # "INITIAL", "HEALTHY" or "UNHEALTHY"


class EndpointGroup(Shape):
    """The endpoints of one region."""

    endpoint_descriptions: tuple[EndpointDescription, ...] = ()


async def _endpoint_groups(ask: Ask, accelerator: "Accelerator") -> list[dict[str, Any]]:
    """The endpoint groups of all listeners."""
    pages = await ask("ListListeners", AcceleratorArn=accelerator.accelerator_arn)
    groups: list[dict[str, Any]] = []
    for listener in (listener for page in pages for listener in page["Listeners"]):
        for page in await ask("ListEndpointGroups", ListenerArn=listener["ListenerArn"]):
            groups += page["EndpointGroups"]
    return groups


class Accelerator(Resource):
    """A standard accelerator."""

    service, cfn_type = "globalaccelerator", "AWS::GlobalAccelerator::Accelerator"
    listing = Listing("ListAccelerators", at="Accelerators", scope=Scope.GLOBAL, region="us-west-2")
    arn_format = "{accelerator_arn}"
    id_field = "accelerator_arn"
    name_field = "name"

    accelerator_arn: str
    name: str
    enabled: bool
    endpoint_groups: Annotated[
        tuple[EndpointGroup, ...], Call("ListListeners", fetch=_endpoint_groups, also=("ListEndpointGroups",))
    ]
    attributes: Annotated[
        AcceleratorAttributes,
        Call("DescribeAcceleratorAttributes", at="AcceleratorAttributes", AcceleratorArn="accelerator_arn"),
    ]
