"""EventBridge's schema registries."""

from typing import Annotated

from auditor.fetch import Call, Listing
from auditor.model import Document, Resource


class SchemaRegistry(Resource):
    """A registry of event schemas of this account's own: those of AWS are another scope."""

    service, cfn_type = "schemas", "AWS::EventSchemas::Registry"
    listing = Listing("ListRegistries", at="Registries", params={"Scope": "LOCAL"})
    arn_format = "{registry_arn}"
    id_field = name_field = "registry_name"

    registry_arn: str
    registry_name: str
    policy: Annotated[
        Document | None,
        Call("GetResourcePolicy", at="Policy", absent=("NotFoundException",), RegistryName="registry_name"),
    ]
