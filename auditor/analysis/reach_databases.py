"""Whether the internet reaches a database: of those that have a public address, by the chain of links."""

from collections.abc import Iterator

from auditor.analysis.network import Port, each_readable
from auditor.analysis.reach import Chain, Place, chains
from auditor.inventory import Inventory
from auditor.resources.rds import DBInstance


def chains_to_database(instance: DBInstance, inventory: Inventory) -> Iterator[Chain]:
    """The ways by which the internet reaches the port of an RDS instance, in any subnet that it may stand in."""
    endpoint, group = instance.endpoint, instance.db_subnet_group
    if endpoint is None or group is None or not instance.publicly_accessible:
        return iter(())
    guards = tuple(each.vpc_security_group_id for each in instance.vpc_security_groups if each.status == "active")
    known_by = {4: endpoint.address or instance.arn}
    places = (
        Place(instance.arn, instance.region, group.vpc_id, subnet.subnet_identifier, guards, known_by)
        for subnet in group.subnets
    )
    port = Port("tcp", endpoint.port)
    return each_readable(places, lambda place: chains(place, [port], inventory))
