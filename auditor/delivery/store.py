"""Where reports lie in S3, and what is remembered there from run to run.

    <prefix>/reports/account=<id>/date=<date>/<run>/report.json.gz    the reports of a run
    <prefix>/lake/findings/account=<id>/date=<date>/<run>.parquet     the same as tables
    <prefix>/lake/resources/account=<id>/date=<date>/<run>.parquet
    <prefix>/latest/account=<id>.json                                 the last run, for the next one to compare with
    <prefix>/runs/account=<id>/<run>.json                             what of a run was delivered, for a retry

A run that covers a part of an account (a group of regions) has `<run>.<part>` and `account=<id>.<part>.json`.
"""

import gzip
import tempfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from botocore.exceptions import ClientError
from pydantic import AwareDatetime, Field, ValidationError

from auditor.audit import Audit, UnreadableReport, load
from auditor.findings import Record

IN_MEMORY = 16 << 20  # bytes of a report; a larger one waits on disk
TYPES = {
    ".json": "application/json", ".html": "text/html; charset=utf-8", ".csv": "text/csv; charset=utf-8",
    ".md": "text/markdown; charset=utf-8", ".xml": "application/xml", ".sarif": "application/sarif+json",
    ".gz": "application/gzip", ".parquet": "application/vnd.apache.parquet", ".txt": "text/plain; charset=utf-8",
}  # fmt: skip


class Pointer(Record):
    """The last run of an account: where its JSON report is, and when Security Hub was last told everything."""

    run: str
    report: str
    finished: AwareDatetime
    hub_complete: date | None = None


class Receipt(Record):
    """How far a run has come: its report, what it was compared with, the deliveries that are done.

    left: the findings that a delivery still owes, by the delivery's name.
    """

    run: str
    account: str
    report: str
    baseline: str | None = None
    hub_complete: date | None = None
    done: tuple[str, ...] = ()
    left: dict[str, tuple[str, ...]] = Field(default_factory=dict)


@dataclass
class Store:
    """A bucket with what one account's runs left there. Raises what boto3 raises, unless said otherwise."""

    s3: Any
    bucket: str
    prefix: str
    account: str
    day: date
    run: str
    part: str | None = None
    kms_key: str | None = None
    owner: str | None = None
    _mine: dict[str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._mine = {"Bucket": self.bucket} | ({"ExpectedBucketOwner": self.owner} if self.owner else {})
        self._run = f"{self.run}.{self.part}" if self.part else self.run

    def key(self, *parts: str) -> str:
        """A key under the prefix."""
        return "/".join(part for part in (self.prefix, *parts) if part)

    def report_key(self, name: str) -> str:
        """Where a report of this run lies."""
        return self.key("reports", f"account={self.account}", f"date={self.day}", self._run, name)

    def lake_key(self, table: str) -> str:
        """Where a table of this run lies."""
        return self.key("lake", table, f"account={self.account}", f"date={self.day}", f"{self._run}.parquet")

    @property
    def _latest(self) -> str:
        part = f".{self.part}" if self.part else ""
        return self.key("latest", f"account={self.account}{part}.json")

    @property
    def _receipt(self) -> str:
        return self.key("runs", f"account={self.account}", f"{self._run}.json")

    def url(self, key: str) -> str:
        """A key as people and other tools name it."""
        return f"s3://{self.bucket}/{key}"

    def put(self, key: str, pieces: Iterable[bytes]) -> str:
        """Store an object, encrypted, and give its key."""
        # The bucket's own encryption holds unless a key is named: naming SSE-S3 here would weaken a bucket with KMS.
        how = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.kms_key} if self.kms_key else {}
        suffix = key[key.rindex(".") :]
        with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as body:
            body.writelines(pieces)
            body.seek(0)
            self.s3.put_object(Key=key, Body=body, ContentType=TYPES.get(suffix, "text/plain"), **self._mine, **how)
        return key

    def put_text(self, key: str, pieces: Iterable[str]) -> str:
        """Store text, compressed if the key says so."""
        encoded = (piece.encode() for piece in pieces)
        return self.put(key, compressed(encoded) if key.endswith(".gz") else encoded)

    def get(self, key: str) -> bytes | None:
        """An object; None where there is none."""
        try:
            body: bytes = self.s3.get_object(Key=key, **self._mine)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return None
            raise
        return body

    def audit(self, key: str) -> Audit | None:
        """A stored report; None where there is none any more. Raises UnreadableReport."""
        body = self.get(key)
        if body is None:
            return None
        try:
            return load(gzip.decompress(body), self.url(key))
        except (OSError, EOFError, zlib.error):
            raise UnreadableReport(f"{self.url(key)} is damaged: it cannot be decompressed") from None

    def latest(self) -> Pointer | None:
        """The account's last run, if there was one that this version can read."""
        body = self.get(self._latest)
        try:
            return Pointer.model_validate_json(body, extra="ignore") if body is not None else None
        except ValidationError:
            raise UnreadableReport(f"{self.url(self._latest)} is damaged: the next run writes it anew") from None

    def move(self, pointer: Pointer) -> None:
        """Let the next run compare with this one, unless a later one was there first."""
        try:
            there = self.latest()
        except UnreadableReport:
            there = None
        if there is None or there.finished <= pointer.finished:
            self.put(self._latest, [pointer.model_dump_json().encode()])

    def receipt(self) -> Receipt | None:
        """What of this run was delivered before; None where it is the first time, or nothing came of it."""
        body = self.get(self._receipt)
        try:
            return Receipt.model_validate_json(body, extra="ignore") if body is not None else None
        except ValidationError:
            return None

    def keep(self, receipt: Receipt) -> None:
        """Remember how far this run has come."""
        self.put(self._receipt, [receipt.model_dump_json().encode()])


def compressed(pieces: Iterable[bytes]) -> Iterable[bytes]:
    """Gzip, piece by piece; the same pieces give the same bytes."""
    stream = zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    for piece in pieces:
        yield stream.compress(piece)
    yield stream.flush()
