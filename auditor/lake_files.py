"""The files of a lake: in a folder, or in S3, whence they are fetched once into a folder of the user's cache."""

import hashlib
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from auditor.files import replace
from auditor.lake import TABLES

_PART = re.compile(r"(?P<table>findings|resources)/account=(?P<account>[^/]+)/date=(?P<day>[^/]+)/[^/]+\.parquet$")
AT_ONCE = 16  # objects fetched at the same time
PIECE = 1 << 20


class BadLake(ValueError):
    """A lake that is not there, empty, or not one of ours: one line says which, and what to do."""


class Unreachable(BadLake):
    """S3 could not be asked: no credentials, or no way to it."""


@dataclass(frozen=True)
class File:
    """One table of one run. `name` is how people find it: its path, or its S3 URL."""

    path: Path
    name: str
    table: str
    account: str
    day: str


@dataclass(frozen=True)
class Part:
    """Which part of a lake is wanted: of these accounts, from this day on (an ISO date); empty for all."""

    accounts: tuple[str, ...] = ()
    since: str = ""

    def holds(self, name: str) -> "re.Match[str] | None":
        """The parts of a file's name if it is of a lake and wanted."""
        found = _PART.search(name)
        if found is None or (self.accounts and found["account"] not in self.accounts) or found["day"] < self.since:
            return None
        return found


@dataclass
class Fetched:
    """How many objects were fetched and how many were here already."""

    files: int = 0
    octets: int = 0
    kept: int = 0


def in_folder(folder: Path, part: Part) -> list[File]:
    """The files of a lake in a folder, which is the lake or has it as `lake`. Raises BadLake."""
    if not folder.is_dir():
        raise BadLake(f"{folder} is {'a file: name the folder of a lake' if folder.exists() else 'not there'}")
    roots = [root for root in (folder, folder / "lake") if any((root / table).is_dir() for table in TABLES)]
    if not roots:
        raise BadLake(f"{folder} holds no lake: `auditor scan --lake {folder}` begins one")
    made: list[File] = []
    seen = False
    for table in TABLES:
        for path in sorted((roots[0] / table).glob("account=*/date=*/*.parquet")):
            seen = True
            if not path.name.startswith(".") and (found := part.holds(path.as_posix())):
                made.append(File(path, str(path), table, found["account"], found["day"]))
    return _some(made, seen, str(folder))


def _some(files: list[File], seen: bool, place: str) -> list[File]:
    if not files:
        raise BadLake(
            f"{place} holds no run of those accounts and days" if seen
            else f"{place} is an empty lake: `auditor scan --lake` writes a run into one"
        )  # fmt: skip
    return files


def in_s3(url: str, part: Part, client: Any, fetched: Fetched | None = None) -> list[File]:
    """The files of a lake in S3, each fetched unless it is in the cache as it is in S3 now. Raises BadLake.

    The prefix is the lake or has it as `lake/`. What is in S3 no more leaves the cache.
    """
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

    fetched = fetched or Fetched()
    found = re.fullmatch(r"s3://(?P<bucket>[^/]+)/?(?P<prefix>.*?)/*", url)
    if found is None:
        raise BadLake(f"{url}: write it as s3://bucket/prefix")
    try:
        root, listed = _listed(client, found["bucket"], found["prefix"])
        wanted = {key: etag for key, etag in listed.items() if part.holds(key)}
        cache = _cache(client.meta.endpoint_url, found["bucket"])
        here = {key: cache / _cached(key, etag) for key, etag in wanted.items()}
        _forget(cache, root, {_cached(key, etag) for key, etag in listed.items()})
        missing = [key for key, path in here.items() if not path.exists()]
        fetch = partial(_fetch, client, found["bucket"])
        with ThreadPoolExecutor(AT_ONCE) as pool:
            sizes = list(pool.map(fetch, missing, (wanted[key] for key in missing), (here[key] for key in missing)))
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise Unreachable(f"{url}: {error}: set AWS_PROFILE or --profile") from None
    except ClientError as error:
        said = error.response.get("Error", {})
        raise BadLake(f"{url} cannot be read ({said.get('Code')}: {said.get('Message')})") from None
    except BotoCoreError as error:
        raise Unreachable(f"{url} cannot be reached: {error}") from None
    except OSError as error:
        raise BadLake(f"the cache cannot be written ({error}): XDG_CACHE_HOME names another folder") from None
    fetched.files, fetched.octets, fetched.kept = len(sizes), sum(sizes), len(here) - len(sizes)
    made = []
    for key, path in sorted(here.items()):
        if parts := part.holds(key):
            made.append(File(path, f"s3://{found['bucket']}/{key}", parts["table"], parts["account"], parts["day"]))
    return _some(made, bool(listed), url)


def _listed(client: Any, bucket: str, prefix: str) -> tuple[str, dict[str, str]]:
    """The lake's own prefix, and the entity tag of each file's key."""
    for root in (f"{prefix}/" if prefix else "", f"{prefix}/lake/" if prefix else "lake/"):
        listed: dict[str, str] = {}
        for table in TABLES:
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{root}{table}/account=")
            for page in pages:
                each = page.get("Contents", ())
                listed |= {entry["Key"]: entry["ETag"].strip('"') for entry in each if _PART.search(entry["Key"])}
        if listed:
            return root, listed
    return prefix, {}


def _cache(endpoint: str, bucket: str) -> Path:
    """The folder for a bucket, which only the user may read: it says what is wrong in their accounts."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "auditor" / "lake"
    folder = base / f"{bucket}-{hashlib.sha256(f'{endpoint} {bucket}'.encode()).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    return folder


def _cached(key: str, etag: str) -> str:
    """Where a key lies in the cache: under another name as soon as it is another object."""
    safe = "/".join(part for part in key.split("/") if part not in ("", ".", ".."))
    return f"{safe.removesuffix('.parquet')}~{hashlib.sha256(f'{key} {etag}'.encode()).hexdigest()[:16]}.parquet"


def _forget(cache: Path, root: str, listed: set[str]) -> None:
    for table in TABLES:
        for path in list((cache / root / table).glob("account=*/date=*/*.parquet")):
            if path.relative_to(cache).as_posix() not in listed:
                path.unlink(missing_ok=True)


def _fetch(client: Any, bucket: str, key: str, etag: str, path: Path) -> int:
    """Fetch one object, as it was when it was listed. Tells its size."""
    answer = client.get_object(Bucket=bucket, Key=key)
    if answer["ETag"].strip('"') != etag:
        raise BadLake(f"s3://{bucket}/{key} was written while it was read: ask again")
    replace(path, answer["Body"].iter_chunks(PIECE))
    return int(answer["ContentLength"])
