"""What one invocation of the Lambda function asks for: an event over the function's environment.

An event is what the function is invoked with: keys of `Invocation`, from Step Functions or by hand; or an event of
EventBridge, whose id is the run and whose `detail` holds the keys, if it is not one of AWS's own. The environment has
the same keys as AUDITOR_<KEY>, lists separated by commas.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from auditor.findings import Category, Record
from auditor.settings import nearest

PREFIX = "AUDITOR_"
_Account = Annotated[str, Field(pattern=r"^\d{12}$")]


class BadInvocation(ValueError):
    """An event or environment that makes no sense. One line: the key, what is wrong, what was probably meant."""


class Invocation(Record):
    """What to audit, how, and where the results go.

    run: names this run; the same run again duplicates nothing. time: when it was due; it dates what is stored.
    part: where several invocations share an account (a group of regions each), the name of this.
    accounts: audited one after another through role_arn, in which {account} stands for each; without, the account of
    the role, or else of the function. config: s3://bucket/key, or a file of the package. formats: beside JSON, which is
    always stored. metrics: read CloudWatch's too, which AWS bills. lake: store Parquet as well.
    bucket_owner: the account that must own the bucket. kms_key: encrypts what is stored; else the bucket's own does.
    topic, bus, security_hub: who else is told. always: send the digest though nothing has changed.
    full: bring all of Security Hub up to date, not only what changed.
    """

    run: str
    time: AwareDatetime
    part: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{1,40}$")
    accounts: tuple[_Account, ...] = ()
    role_arn: str | None = Field(default=None, pattern=r"^arn:[a-z-]+:iam::(\d{12}|\{account\}):role/\S+$")
    external_id: str | None = Field(default=None, min_length=2, max_length=1224)
    regions: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    categories: tuple[Category, ...] = ()
    frameworks: tuple[str, ...] = ()
    config: str | None = Field(default=None, min_length=1)
    formats: tuple[str, ...] = ()
    metrics: bool = False
    concurrency: int | None = Field(default=None, ge=1, le=1024)
    bucket: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    prefix: str = "auditor"
    bucket_owner: _Account | None = None
    kms_key: str | None = None
    lake: bool = False
    topic: str | None = Field(default=None, pattern=r"^arn:[a-z-]+:sns:[a-z0-9-]+:\d{12}:[\w.-]+$")
    bus: str | None = Field(default=None, pattern=r"^(arn:\S+|[\w./-]+)$")
    security_hub: bool = False
    always: bool = False
    full: bool = False

    @field_validator("accounts", "regions", "rules", "services", "categories", "frameworks", "formats", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        """A list may be written as text, as the environment has it."""
        return tuple(part for part in re.split(r"[,\s]+", value) if part) if isinstance(value, str) else value

    @field_validator("run")
    @classmethod
    def _named(cls, value: str) -> str:
        """The run is part of keys in S3: it has only characters that are safe there."""
        return re.sub(r"[^A-Za-z0-9._-]+", "-", value).strip("-.")[:200] or "run"

    @field_validator("prefix")
    @classmethod
    def _folder(cls, value: str) -> str:
        return value.strip("/")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.accounts and (self.role_arn is None or "{account}" not in self.role_arn):
            raise PydanticCustomError(
                "accounts", "accounts needs a role_arn with {account} in it: arn:aws:iam::{account}:role/auditor-member"
            )
        if not self.accounts and "{account}" in (self.role_arn or ""):
            raise PydanticCustomError("role_arn", "role_arn has {account} in it: name the accounts")
        if self.external_id and not self.role_arn:
            raise PydanticCustomError("external_id", "external_id goes with role_arn")
        return self


def read(event: Any, environment: Mapping[str, str], *, request_id: str) -> Invocation:
    """What an event asks for, the environment filling in what it leaves out. Raises BadInvocation."""
    if not isinstance(event, Mapping):
        raise BadInvocation(f"the event is a JSON {type(event).__name__}: write it as an object")
    asked, run, time = _unpacked(event)
    given = {
        key: environment[PREFIX + key.upper()]
        for key in Invocation.model_fields
        if environment.get(PREFIX + key.upper(), "").strip()
    }
    for key, value in asked.items():
        if key not in Invocation.model_fields:
            raise BadInvocation(f"unknown key {key} in the event{nearest(str(key), list(Invocation.model_fields))}")
        if value == "":  # a variable that was not filled in: without that role, another account is audited
            raise BadInvocation(f"{key} in the event is empty: fill it in, or leave it out")
    whole = {"run": run or request_id, "time": time or datetime.now(UTC), **given}
    whole |= {key: value for key, value in asked.items() if value is not None}
    try:
        return Invocation.model_validate(whole)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = str(first["loc"][0]) if first["loc"] else ""
        said = f"{key}: {first['msg']}" if key else first["msg"]
        source = "" if key in asked or not key else f" (in the environment: {PREFIX}{key.upper()})"
        raise BadInvocation(f"{said}{source}") from None


def _unpacked(event: Mapping[str, Any]) -> tuple[Mapping[str, Any], str | None, Any]:
    """The keys that an event sets, its id and its time; of what EventBridge sends, those in its detail."""
    if "detail-type" not in event:
        return event, None, None
    own = str(event.get("source", "")).startswith("aws.")
    detail = event.get("detail")
    return {} if own or not isinstance(detail, Mapping) else detail, event.get("id"), event.get("time")
