"""S3's access points."""

from typing import Annotated

from auditor.fetch import Call, Listing
from auditor.model import Resource
from auditor.resources.account import PublicAccessBlock, Region


class S3AccessPoint(Resource):
    """An access point of a bucket, this account's or another's."""

    service, cfn_type = "s3control", "AWS::S3::AccessPoint"
    listing = Listing("ListAccessPoints", at="AccessPointList", per=Region, by={"AccountId": "account"})
    arn_format = "{access_point_arn}"
    id_field = name_field = "name"

    name: str
    bucket: str
    public_access_block: Annotated[
        PublicAccessBlock | None,
        Call("GetAccessPoint", at="PublicAccessBlockConfiguration", AccountId="account", Name="name"),
    ]
