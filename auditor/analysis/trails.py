"""What trails record: management events and data events, as their selectors say."""

from collections.abc import Iterable

from auditor.inventory import Inventory
from auditor.resources.cloudtrail import AdvancedEventSelector, EventSelector, Trail

# The kinds of events: what reads, and what changes something.
READ, WRITE = "read", "write"
BOTH = frozenset((READ, WRITE))
NONE: frozenset[str] = frozenset()
BASIC = {"All": BOTH, "ReadOnly": frozenset((READ,)), "WriteOnly": frozenset((WRITE,))}
# They come in such numbers that CloudTrail lets trails leave them out, and still counts as a record of everything.
VOLUMINOUS_SOURCES = {"kms.amazonaws.com", "rdsdata.amazonaws.com"}


def trails_of(inventory: Inventory) -> Iterable[Trail]:
    """The trails that matter: those of all regions are listed in every region, so that one listing shows them all."""
    if any(inventory.missing(Trail, region) is None for region in inventory.header.regions):
        return inventory.known(Trail)
    return inventory.each(Trail)


def shortcoming(trail: Trail) -> str | None:
    """Why the trail does not record all management events of all regions; None if it does."""
    if not trail.is_multi_region_trail:
        return "it records one region only"
    if not trail.status.is_logging:
        return "it is not logging"
    lacking = sorted(BOTH - management_events(trail))
    return f"it does not record all management events that {' or '.join(lacking)}" if lacking else None


def management_events(trail: Trail) -> frozenset[str]:
    """The kinds of management events that a trail's selectors take whole; without any, it takes all."""
    selectors = trail.event_selectors
    if selectors is None:
        return BOTH
    basic = (BASIC.get(s.read_write_type, NONE) for s in selectors.event_selectors if s.include_management_events)
    return NONE.union(*basic, *map(_advanced_management, selectors.advanced_event_selectors))


def _advanced_management(selector: AdvancedEventSelector) -> frozenset[str]:
    """The kinds of management events that an advanced selector takes whole."""
    kinds, is_management = BOTH, False
    for condition in selector.field_selectors:
        said = condition.model_dump(exclude={"field"}, exclude_defaults=True)
        match condition.field, said:
            case "eventCategory", {"equals": ("Management",), **rest} if not rest:
                is_management = True
            case "readOnly", {"equals": values, **rest} if not rest:
                kinds &= {READ if value == "true" else WRITE for value in values}
            case "eventSource", {"not_equals": values, **rest} if not rest and VOLUMINOUS_SOURCES.issuperset(values):
                pass
            case _:
                return NONE
    return kinds if is_management else NONE


def object_events(trail: Trail) -> frozenset[str]:
    """The kinds of events on objects in S3 that a trail takes, of whichever buckets."""
    selectors = trail.event_selectors
    if selectors is None:
        return NONE
    return NONE.union(
        *map(_basic_objects, selectors.event_selectors), *map(_advanced_objects, selectors.advanced_event_selectors)
    )


def _basic_objects(selector: EventSelector) -> frozenset[str]:
    taken = any(data.type == "AWS::S3::Object" and data.values for data in selector.data_resources)
    return BASIC.get(selector.read_write_type, NONE) if taken else NONE


def _advanced_objects(selector: AdvancedEventSelector) -> frozenset[str]:
    """An advanced selector that takes events on objects; one of few names or users is none that covers a kind."""
    kinds, fields = BOTH, set()
    for condition in selector.field_selectors:
        fields.add(condition.field)
        match condition.field:
            case "eventCategory" if condition.equals == ("Data",):
                pass
            case "resources.type" if condition.equals == ("AWS::S3::Object",):
                pass
            case "readOnly" if condition.equals:
                kinds &= {READ if value == "true" else WRITE for value in condition.equals}
            case "resources.ARN":
                pass
            case _:
                return NONE
    return kinds if {"eventCategory", "resources.type"} <= fields else NONE
