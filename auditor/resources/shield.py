"""What AWS Shield Advanced protects."""

from auditor.fetch import Listing, Scope
from auditor.model import Resource


class ShieldProtection(Resource):
    """One resource that Shield Advanced protects; an account without it has none."""

    service, cfn_type = "shield", "AWS::Shield::Protection"
    listing = Listing("ListProtections", at="Protections", scope=Scope.GLOBAL, absent=("ResourceNotFoundException",))
    arn_format = "{protection_arn}"
    id_field = "id"
    name_field = "name"

    id: str
    name: str | None = None
    protection_arn: str
    resource_arn: str
