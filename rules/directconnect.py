"""Rules about Direct Connect connections: a second line, and encryption on the first."""

from auditor.findings import Category, Severity
from auditor.inventory import Inventory
from auditor.resources.directconnect import DirectConnectConnection, VirtualInterface
from auditor.resources.vpc_gateways import VpnConnection
from auditor.rule import Verdict, failed, not_applicable, passed, rule

IN_SERVICE = ("available", "down")
INWARD = ("private", "transit")


@rule(
    severity=Severity.MEDIUM,
    category=Category.RELIABILITY,
    controls=("ISO-27001-2022 A.8.14",),
    notes="Direct Connect",
)
def directconnect_connection_redundant(connection: DirectConnectConnection, inventory: Inventory) -> Verdict:
    """What a Direct Connect connection leads to is reached from a second location too, or by a VPN.

    Risk: one excavator, or one evening of maintenance, cuts the company off from its own systems.
    Fix: aws directconnect create-connection --region {region} --location OTHER_LOCATION --bandwidth 1Gbps
        --connection-name {name}-second
    """
    if connection.connection_state not in IN_SERVICE:
        return not_applicable("The connection is not in service", connection_state=connection.connection_state)
    every = [each for each in inventory.each(VirtualInterface) if each.virtual_interface_type in INWARD]
    here = {connection.connection_id, connection.lag_id} - {None}
    gateways = {each.gateway for each in every if each.connection_id in here and each.gateway}
    if not gateways:
        return not_applicable("No private or transit virtual interface is on the connection")
    lone: dict[str, list[str]] = {}
    for gateway in sorted(gateways):
        serving = [each for each in every if each.gateway == gateway and each.virtual_interface_state == "available"]
        locations = sorted({each.location for each in serving})
        if len(locations) < 2 and not _has_vpn(serving, inventory):
            lone[gateway] = locations
    if lone:
        return failed("A gateway is reached by one location only", locations=lone)
    return passed(gateways=sorted(gateways))


def _has_vpn(serving: list[VirtualInterface], inventory: Inventory) -> bool:
    """Whether a VPN connection in service ends at a gateway that these interfaces lead to, directly or in the end."""
    gateways = {each.virtual_gateway_id for each in serving}
    for interface in serving:
        for each in interface.associations:
            if each.associated_gateway and each.association_state not in ("disassociating", "disassociated"):
                gateways.add(each.associated_gateway.id)
    gateways -= {None, ""}
    return bool(gateways) and any(
        vpn.state == "available" and gateways & {vpn.vpn_gateway_id, vpn.transit_gateway_id}
        for vpn in inventory.each(VpnConnection)
    )


@rule(severity=Severity.LOW, notes="Direct Connect (private, secure)")
def directconnect_connection_encrypted(connection: DirectConnectConnection) -> Verdict:
    """Direct Connect connections that know MACsec insist on it.

    Risk: the line is private and yet in clear: whoever handles it on the way, the provider included, can listen.
    Fix: aws directconnect update-connection --region {region} --connection-id {id} --encryption-mode must_encrypt
    """
    if connection.connection_state not in IN_SERVICE:
        return not_applicable("The connection is not in service", connection_state=connection.connection_state)
    if not connection.mac_sec_capable:
        return not_applicable("The connection does not know MACsec: run a VPN over it", mac_sec_capable=False)
    mode, status = connection.encryption_mode, connection.port_encryption_status
    if mode == "must_encrypt" and status == "Encryption Up":
        return passed(encryption_mode=mode, port_encryption_status=status)
    return failed("Traffic may cross the line in clear", encryption_mode=mode, port_encryption_status=status)
