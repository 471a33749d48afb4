"""Registered domains."""

from typing import Annotated

from auditor.fetch import Call, Listing, Scope
from auditor.model import Resource, Shape, Timestamp


class Nameserver(Shape):
    """A name server that the registry delegates a domain to."""

    name: str


class DomainDetail(Shape):
    """What is registered of a domain. Of its contacts nothing is kept but whether the public sees them."""

    nameservers: tuple[Nameserver, ...] = ()
    # Left out where the registry of the top-level domain has no say in it.
    admin_privacy: bool | None = None
    registrant_privacy: bool | None = None
    tech_privacy: bool | None = None


class Domain(Resource):
    """A domain that is registered through Route 53."""

    service, cfn_type = "route53domains", "AWS::Route53Domains::Domain"
    listing = Listing("ListDomains", at="Domains", scope=Scope.GLOBAL)
    # AWS has no ARN for a domain; this one is ours, in its form.
    arn_format = "arn:{partition}:route53domains:::domain/{domain_name}"
    id_field = name_field = "domain_name"

    domain_name: str
    auto_renew: bool
    transfer_lock: bool | None = None
    expiry: Timestamp | None = None
    detail: Annotated[DomainDetail, Call("GetDomainDetail", DomainName="domain_name")]
