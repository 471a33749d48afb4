"""OpenSearch Service: domains, of Elasticsearch too."""

from typing import Annotated

from pydantic import BeforeValidator

from auditor.fetch import Describe, Listing
from auditor.model import Document, Resource, Shape


class VpcOptions(Shape):
    """The VPC of a domain that stands in one."""

    vpc_id: str | None = None


class Switch(Shape):
    """A feature that is on or off; left out, it is off."""

    enabled: bool = False


class AdvancedSecurity(Switch):
    """Users and roles of the domain's own; anonymous access is on while a domain is moved to them, for a month."""

    anonymous_auth_enabled: bool = False


class DomainEndpointOptions(Shape):
    """How clients may reach a domain; left out, plain HTTP will do."""

    enforce_https: bool = False


class OpenSearchDomain(Resource):
    """A domain of OpenSearch or Elasticsearch."""

    service, cfn_type = "opensearch", "AWS::OpenSearchService::Domain"
    listing = Listing(
        "ListDomainNames",
        at="DomainNames.DomainName",
        then=Describe("DescribeDomains", at="DomainStatusList", ids="DomainNames", size=5),
    )
    id_field = name_field = "domain_name"

    domain_name: str
    deleted: bool = False  # true while it is being deleted
    vpc_options: VpcOptions | None = None  # left out, or empty, where it stands in no VPC
    # Left out, or empty, where nobody is let in by one.
    access_policies: Annotated[Document | None, BeforeValidator(lambda text: text or None)] = None
    encryption_at_rest_options: Switch = Switch()
    node_to_node_encryption_options: Switch = Switch()
    advanced_security_options: AdvancedSecurity = AdvancedSecurity()
    domain_endpoint_options: DomainEndpointOptions = DomainEndpointOptions()
