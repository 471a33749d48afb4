"""CloudTrail trails."""

from typing import Annotated

from auditor.fetch import Call, Listing
from auditor.model import Resource, Shape


class TrailStatus(Shape):
    """Whether a trail is writing."""

    is_logging: bool
    latest_delivery_error: str | None = None


class EventSelector(Shape):
    """One basic event selector. Where AWS leaves a member out its documented default holds."""

    read_write_type: str = "All"
    include_management_events: bool = True
    exclude_management_event_sources: tuple[str, ...] = ()


class FieldSelector(Shape):
    """One condition of an advanced event selector; only the operators that are present apply."""

    field: str
    equals: tuple[str, ...] = ()
    starts_with: tuple[str, ...] = ()
    ends_with: tuple[str, ...] = ()
    not_equals: tuple[str, ...] = ()
    not_starts_with: tuple[str, ...] = ()
    not_ends_with: tuple[str, ...] = ()


class AdvancedEventSelector(Shape):
    """One advanced event selector."""

    name: str | None = None
    field_selectors: tuple[FieldSelector, ...] = ()


class EventSelectors(Shape):
    """What a trail records: basic selectors or advanced ones."""

    event_selectors: tuple[EventSelector, ...] = ()
    advanced_event_selectors: tuple[AdvancedEventSelector, ...] = ()


class Trail(Resource):
    """A trail, listed in each region that it serves (shadow trails included) and kept once, in its home region.

    Shadow trails are listed because an organization's trail shows in a member account in no other way.
    """

    service, cfn_type = "cloudtrail", "AWS::CloudTrail::Trail"
    listing = Listing("DescribeTrails", at="trailList", params={"includeShadowTrails": True})
    arn_format = "{trail_arn}"
    id_field = "name"
    name_field = "name"
    region_field = "home_region"

    name: str
    trail_arn: str
    home_region: str
    s3_bucket_name: str
    is_multi_region_trail: bool = False
    is_organization_trail: bool = False
    log_file_validation_enabled: bool = False
    has_custom_event_selectors: bool = False
    kms_key_id: str | None = None
    cloud_watch_logs_log_group_arn: str | None = None

    status: Annotated[TrailStatus, Call("GetTrailStatus", Name="trail_arn")]
    event_selectors: Annotated[
        EventSelectors | None,
        Call("GetEventSelectors", when=lambda trail: trail.has_custom_event_selectors, TrailName="trail_arn"),
    ]
