"""Cloud9: development environments. New customers are not taken since July 2024."""

from typing import Annotated

from auditor.fetch import Call, Describe, Listing
from auditor.model import Resource, Shape


class EnvironmentMembership(Shape):
    """Somebody's share in an environment: `owner`, `read-write` or `read-only`."""

    permissions: str
    user_arn: str


class Cloud9Environment(Resource):
    """A Cloud9 environment; an `ssh` one runs on a server of its owner's."""

    service, cfn_type = "cloud9", "AWS::Cloud9::EnvironmentEC2"
    listing = Listing(
        "ListEnvironments",
        at="environmentIds",
        params={"maxResults": 25},
        then=Describe("DescribeEnvironments", at="environments", ids="environmentIds", size=25),
    )
    id_field = "id"
    name_field = "name"

    id: str
    name: str | None = None
    type: str
    connection_type: str | None = None  # absent: CONNECT_SSH
    memberships: Annotated[
        tuple[EnvironmentMembership, ...],
        Call("DescribeEnvironmentMemberships", at="memberships", environmentId="id"),
    ]
