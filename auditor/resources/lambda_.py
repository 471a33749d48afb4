"""Lambda functions."""

from typing import Annotated

from auditor.fetch import Call, Listing
from auditor.model import Document, Resource


class Function(Resource):
    """A Lambda function, and who may invoke it without a qualifier."""

    service, cfn_type = "lambda", "AWS::Lambda::Function"
    listing = Listing("ListFunctions", at="Functions")
    arn_format = "{function_arn}"
    id_field = "function_name"
    name_field = "function_name"

    function_name: str
    # A version or an alias has a policy of its own: this one says nothing about them.
    policy: Annotated[
        Document | None,
        Call("GetPolicy", at="Policy", absent=("ResourceNotFoundException",), FunctionName="function_name"),
    ]
