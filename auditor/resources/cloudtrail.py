"""CloudTrail trails."""

from typing import Annotated

from auditor.fetch import Ask, Call, Listing
from auditor.model import Resource, Shape, Timestamp
from auditor.resources.s3 import is_gone


class TrailStatus(Shape):
    """Whether a trail is writing, in the region that was asked."""

    is_logging: bool
    # What went wrong the last time that it wrote to its bucket, or to its log group: left out, or empty, if nothing.
    latest_delivery_error: str | None = None
    latest_cloud_watch_logs_delivery_error: str | None = None
    latest_cloud_watch_logs_delivery_time: Timestamp | None = None


class DataResource(Shape):
    """Which data events a basic selector takes: of all resources whose ARN begins with one of these."""

    type: str
    values: tuple[str, ...] = ()


class EventSelector(Shape):
    """One basic event selector, with the defaults that AWS documents."""

    read_write_type: str = "All"
    include_management_events: bool = True
    data_resources: tuple[DataResource, ...] = ()


class FieldSelector(Shape):
    """One condition of an advanced event selector: an operator that is left out does not apply."""

    field: str
    equals: tuple[str, ...] = ()
    starts_with: tuple[str, ...] = ()
    ends_with: tuple[str, ...] = ()
    not_equals: tuple[str, ...] = ()
    not_starts_with: tuple[str, ...] = ()
    not_ends_with: tuple[str, ...] = ()


class AdvancedEventSelector(Shape):
    """One advanced event selector: an event must meet all its conditions."""

    field_selectors: tuple[FieldSelector, ...]


class EventSelectors(Shape):
    """What a trail records: what any of its selectors takes. It has selectors of one kind or of the other."""

    event_selectors: tuple[EventSelector, ...] = ()
    advanced_event_selectors: tuple[AdvancedEventSelector, ...] = ()


async def _bucket_is_gone(ask: Ask, trail: "Trail") -> bool:
    return await is_gone(ask, trail.s3_bucket_name)


class Trail(Resource):
    """A trail, listed in each region that it serves (shadow trails included) and kept once, in its home region.

    Shadow trails are listed because a member account sees its organization's trail in no other way. A trail is judged
    where its home region was not asked for, too: it was found because it serves one that was.
    """

    service, cfn_type = "cloudtrail", "AWS::CloudTrail::Trail"
    listing = Listing("DescribeTrails", at="trailList", params={"includeShadowTrails": True})
    arn_format = "{trail_arn}"
    id_field = "name"
    name_field = "name"
    region_field = "home_region"
    judged_everywhere = True

    name: str
    trail_arn: str
    s3_bucket_name: str
    # AWS always gives these three: where one is missing it is unread, not false.
    is_multi_region_trail: bool
    log_file_validation_enabled: bool
    has_custom_event_selectors: bool
    kms_key_id: str | None = None  # None: encrypted with S3's own keys
    cloud_watch_logs_log_group_arn: str | None = None  # None: it writes to its bucket only

    status: Annotated[TrailStatus, Call("GetTrailStatus", Name="trail_arn")]
    # None where the trail has none of its own: it records all management events then.
    event_selectors: Annotated[
        EventSelectors | None,
        Call("GetEventSelectors", when=lambda trail: trail.has_custom_event_selectors, TrailName="trail_arn"),
    ]
    # Whether S3 says that the trail's bucket does not exist. Only asked for the account's own trails.
    bucket_is_gone: Annotated[
        bool,
        Call(
            "GetBucketLocation",
            service="s3",
            fetch=_bucket_is_gone,
            when=lambda trail: trail.owner == trail.account,
            otherwise=False,
        ),
    ]

    @property
    def owner(self) -> str:
        """The account that the trail belongs to: for an organization's trail the management account."""
        return self.trail_arn.split(":")[4]
