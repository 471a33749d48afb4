"""Direct Connect: connections and the virtual interfaces on them. The answers carry BGP keys: no field holds them."""

from typing import Annotated

from auditor.fetch import Call, Listing
from auditor.model import Resource, Shape


class DirectConnectConnection(Resource):
    """A Direct Connect connection: a line from AWS to somebody's own network."""

    service, cfn_type = "directconnect", "AWS::DirectConnect::Connection"
    listing = Listing("DescribeConnections", at="connections")
    arn_format = "arn:{partition}:directconnect:{region}:{account}:dxcon/{connection_id}"
    id_field = "connection_id"
    name_field = "connection_name"

    connection_id: str
    connection_name: str | None = None
    connection_state: str  # "available", "down", "requested", "deleted" and so on
    location: str
    lag_id: str | None = None
    mac_sec_capable: bool
    encryption_mode: str | None = None  # "no_encrypt", "should_encrypt" or "must_encrypt"
    port_encryption_status: str | None = None  # "Encryption Up" or "Encryption Down"


class AssociatedGateway(Shape):
    """A transit gateway or a virtual private gateway."""

    id: str


class GatewayAssociation(Shape):
    """What a Direct Connect gateway leads on to; the gateway is absent where that is a core network."""

    association_state: str | None = None
    associated_gateway: AssociatedGateway | None = None


class VirtualInterface(Resource):
    """A virtual interface on a Direct Connect connection."""

    service, cfn_type = "directconnect", "AWS::DirectConnect::VirtualInterface"
    listing = Listing("DescribeVirtualInterfaces", at="virtualInterfaces")
    arn_format = "arn:{partition}:directconnect:{region}:{account}:dxvif/{virtual_interface_id}"
    id_field = "virtual_interface_id"
    name_field = "virtual_interface_name"

    virtual_interface_id: str
    virtual_interface_name: str | None = None
    virtual_interface_type: str  # "private", "public" or "transit"
    virtual_interface_state: str
    connection_id: str
    location: str
    virtual_gateway_id: str | None = None
    direct_connect_gateway_id: str | None = None
    # Of its Direct Connect gateway: one call serves all that lead there.
    associations: Annotated[
        tuple[GatewayAssociation, ...],
        Call(
            "DescribeDirectConnectGatewayAssociations",
            at="directConnectGatewayAssociations",
            when=lambda interface: bool(interface.direct_connect_gateway_id),
            otherwise=(),
            directConnectGatewayId="direct_connect_gateway_id",
        ),
    ]

    @property
    def gateway(self) -> str | None:
        """What it leads to: a Direct Connect gateway, else a virtual private gateway. AWS gives "" for none."""
        return self.direct_connect_gateway_id or self.virtual_gateway_id or None
