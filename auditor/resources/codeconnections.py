"""CodeConnections: connections to where source code is kept outside of AWS."""

from auditor.fetch import Listing
from auditor.model import Resource


class CodeConnection(Resource):
    """A connection to GitHub, GitLab, Bitbucket or the like."""

    service, cfn_type = "codeconnections", "AWS::CodeConnections::Connection"
    listing = Listing("ListConnections", at="Connections")
    arn_format = "{connection_arn}"
    id_field = "connection_arn"
    name_field = "connection_name"

    connection_arn: str
    connection_name: str
    connection_status: str
    provider_type: str | None = None  # left out where the connection goes through a host
