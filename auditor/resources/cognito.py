"""Cognito user pools."""

from typing import Annotated

from auditor.fetch import Call, Listing
from auditor.model import Resource, Shape


class UserPasswordPolicy(Shape):
    """What passwords of a pool's users must be like."""

    minimum_length: int | None = None


class UserPoolPolicies(Shape):
    """The policies of a pool."""

    password_policy: UserPasswordPolicy | None = None


class UserPoolDetails(Shape):
    """What is set for a pool. Pools are made without MFA; Cognito says OFF of those, or nothing."""

    mfa_configuration: str | None = None
    policies: UserPoolPolicies


class UserPool(Resource):
    """A Cognito user pool."""

    service, cfn_type = "cognito-idp", "AWS::Cognito::UserPool"
    listing = Listing("ListUserPools", at="UserPools", params={"MaxResults": 60})
    arn_format = "arn:{partition}:cognito-idp:{region}:{account}:userpool/{id}"
    id_field = "id"
    name_field = "name"

    id: str
    name: str
    details: Annotated[UserPoolDetails, Call("DescribeUserPool", at="UserPool", UserPoolId="id")]
