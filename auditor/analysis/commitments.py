"""Which running instances are covered by the Reserved Instances that the account has bought.

Each reservation of a zone is served first, then those of the region, by type; what is left of those of the region is
spread over the sizes of its family where AWS does so: shared Linux, sold by size. AWS's own bill may spread it
otherwise, but comes to the same sum.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from auditor.inventory import Inventory
from auditor.resources.ec2 import Instance
from auditor.resources.ec2_capacity import CapacityReservation, ReservedInstances

SIZES = {
    "nano": Fraction(1, 4),
    "micro": Fraction(1, 2),
    "small": Fraction(1),
    "medium": Fraction(2),
    "large": Fraction(4),
    "xlarge": Fraction(8),
}
# Families whose reservations hold for the one size that they name (EC2 User Guide, "Instance size flexibility").
RIGID = (
    "g4ad", "g4dn", "g5", "g5g", "g6", "g6e", "g6f", "gr6", "gr6f", "hpc7a", "p5", "inf1", "inf2", "u7i-6tb", "u7i-8tb",
)  # fmt: skip
LINUX = "Linux/UNIX"


class _Use(NamedTuple):
    """Something that a reservation can pay for: an instance that runs (its id), or a place that is kept for one."""

    id: str | None
    instance_type: str
    platform: str
    tenancy: str
    zone: str | None


class _Offer(NamedTuple):
    """A reservation; without a zone it holds in the whole region."""

    id: str
    instance_type: str
    platform: str
    tenancy: str
    zone: str | None
    number: int

    def pays_for(self, use: _Use) -> bool:
        """Whether it may pay for something, as far as platform, tenancy and zone go."""
        return (use.platform, use.tenancy) == (self.platform, self.tenancy) and self.zone in (None, use.zone)

    @property
    def is_flexible(self) -> bool:
        """Whether it holds for other sizes of its family."""
        shared_linux = (self.platform, self.tenancy, self.zone) == (LINUX, "default", None)
        return shared_linux and _family(self.instance_type) not in RIGID and units(self.instance_type) is not None


@dataclass(frozen=True)
class Coverage:
    """What reservations pay for in a region: by reservation how many of its instances, and which instances."""

    used: dict[str, Fraction]
    covered: frozenset[str]


def units(instance_type: str) -> Fraction | None:
    """How much of a reservation a size takes; None for sizes that have no part of another ("metal").

    >>> units("m5.2xlarge"), units("m5.metal")
    (Fraction(16, 1), None)
    """
    size = instance_type.partition(".")[2]
    if size in SIZES:
        return SIZES[size]
    number = size.removesuffix("xlarge")
    return 8 * Fraction(number) if number != size and number.isdecimal() else None


def _family(instance_type: str) -> str:
    return instance_type.partition(".")[0]


def coverage(inventory: Inventory, region: str) -> Coverage:
    """Who is covered by what in a region. Raises Unread where not everything that matters was read."""
    offers = tuple(_offers(inventory, region))
    return _settle(offers, tuple(_uses(inventory, region))) if offers else Coverage({}, frozenset())


@lru_cache(maxsize=64)
def _settle(offers: tuple[_Offer, ...], uses: tuple[_Use, ...]) -> Coverage:
    """Let each offer pay, the narrowest first."""
    open_uses = {at: Fraction(1) for at in range(len(uses))}
    left = {offer.id: Fraction(offer.number) for offer in offers}
    covered: set[str] = set()
    exact = sorted(offers, key=lambda offer: offer.zone is None)
    for offer, flexible in [*((each, False) for each in exact), *((each, True) for each in exact if each.is_flexible)]:
        for at, use in enumerate(uses):
            price = _price(offer, use, flexible)
            if price is None or not open_uses[at] or not left[offer.id]:
                continue
            share = min(open_uses[at], left[offer.id] / price)
            open_uses[at] -= share
            left[offer.id] -= share * price
            if use.id is not None:
                covered.add(use.id)
    return Coverage({offer.id: offer.number - left[offer.id] for offer in offers}, frozenset(covered))


def _price(offer: _Offer, use: _Use, flexible: bool) -> Fraction | None:
    """How much of one reserved instance a use takes; None where the offer is not for it."""
    if not offer.pays_for(use):
        return None
    if use.instance_type == offer.instance_type:
        return Fraction(1)
    one, other = units(offer.instance_type), units(use.instance_type)
    of_family = flexible and _family(use.instance_type) == _family(offer.instance_type)
    return other / one if of_family and one and other else None


def _offers(inventory: Inventory, region: str) -> Iterator[_Offer]:
    for each in inventory.each(ReservedInstances, region=region):
        if each.state == "active":
            zone = None if each.scope == "Region" else each.availability_zone
            platform = each.product_description.removesuffix(" (Amazon VPC)")
            yield _Offer(
                each.reserved_instances_id, each.instance_type, platform, each.instance_tenancy, zone,
                each.instance_count,
            )  # fmt: skip


def _uses(inventory: Inventory, region: str) -> Iterator[_Use]:
    """The instances that run On-Demand, then the places that are kept for some: their price is reduced as well."""
    for instance in inventory.each(Instance, region=region):
        if instance.running and instance.instance_lifecycle is None:
            place = instance.placement
            tenancy, zone = (place.tenancy, place.availability_zone) if place else (None, None)
            platform = instance.platform_details or LINUX
            yield _Use(instance.instance_id, instance.instance_type, platform, tenancy or "default", zone)
    for kept in inventory.each(CapacityReservation, region=region):
        idle = kept.state == "active" and kept.owner_id == kept.account and kept.reservation_type != "capacity-block"
        for _ in range(kept.available_instance_count if idle else 0):
            platform, tenancy = kept.instance_platform or LINUX, kept.tenancy or "default"
            yield _Use(None, kept.instance_type, platform, tenancy, kept.availability_zone)
