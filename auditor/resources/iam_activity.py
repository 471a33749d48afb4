"""IAM: what users and roles have done lately. Slow to ask: no rule that runs by default reads it."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from auditor.fetch import Ask, CallError
from auditor.findings import GapKind
from auditor.model import Resource, Shape, Timestamp

LOOK_BACK = timedelta(days=30)  # of the 90 days that CloudTrail's history keeps
WAITS = (0.2, 0.5, 1, 2, 3, 4, 4)  # seconds before asking again whether a report is ready
ALL_PAGES = 1_000


class KeyUse(Shape):
    """A call that was made with an access key: as much of CloudTrail's event as tells from where."""

    access_key_id: str
    region: str
    event_name: str
    source_ip_address: str
    vpc_endpoint_id: str | None = None  # only of calls through an endpoint of a VPC


class AccessedService(Shape):
    """A service that a principal's policies let it use, and when it last did: None if not in the tracking period."""

    service_namespace: str
    last_authenticated: Timestamp | None = None


async def read_recent_uses(ask: Ask, user: Resource) -> list[dict[str, Any]]:
    """The newest calls with each active key in every region: CloudTrail keeps a history per region."""
    uses = []
    since = datetime.now(UTC) - LOOK_BACK
    for page in await ask("ListAccessKeys", UserName=getattr(user, user.id_field)):
        for key in (each["AccessKeyId"] for each in page["AccessKeyMetadata"] if each["Status"] == "Active"):
            attributes = [{"AttributeKey": "AccessKeyId", "AttributeValue": key}]
            asked = (
                ask("LookupEvents", region=region, pages=1, LookupAttributes=attributes, StartTime=since)
                for region in ask.regions
            )
            for region, pages in zip(ask.regions, await asyncio.gather(*asked), strict=True):
                uses += [_use(key, region, event) for event in pages[0].get("Events", [])]
    return uses


def _use(key: str, region: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """An event holds all that the caller sent: what is not needed ends here."""
    record = json.loads(event["CloudTrailEvent"])
    return {
        "AccessKeyId": key,
        "Region": region,
        "EventName": record["eventName"],
        "SourceIpAddress": record["sourceIPAddress"],
        "VpcEndpointId": record.get("vpcEndpointId"),
    }


async def read_last_accessed(ask: Ask, principal: Resource) -> list[dict[str, Any]]:
    """What Access Advisor says of a principal: IAM makes a report first, which takes seconds."""
    (job,) = await ask("GenerateServiceLastAccessedDetails", Arn=principal.arn)
    for wait in (*WAITS, None):
        pages = await ask("GetServiceLastAccessedDetails", pages=ALL_PAGES, JobId=job["JobId"])
        if pages[0]["JobStatus"] == "COMPLETED":
            return [service for page in pages for service in page["ServicesLastAccessed"]]
        if pages[0]["JobStatus"] == "FAILED":
            break
        if wait is not None:
            await asyncio.sleep(wait)
    state = pages[0]["JobStatus"]
    raise CallError(GapKind.FAILED, state, f"IAM made no report of last access within {sum(WAITS):.0f} seconds")
