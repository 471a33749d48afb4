"""`auditor query`: SQL over a findings lake; and what a scan and a saved report put into one."""

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor import options
from auditor.options import Strings
from auditor.steps import Exit, fail, messages_of, misuse, print_out

if TYPE_CHECKING:
    from auditor.console import Messages
    from auditor.lake_files import File, Part

DEFAULT = "lake"


@click.command()
@click.argument("words", metavar="[SQL] [FOLDER]", nargs=-1)
@click.option("--saved", metavar="NAME", help="Ask a query that ships with auditor.")
@click.option("--list", "listed", is_flag=True, help="List the saved queries.")
@click.option("--format", "-f", "shape", type=click.Choice(["table", "csv", "json"]), default="table")
@click.option("--output", "-o", type=options.FILE, help="File to write the answer into.")
@click.option("--account", "accounts", multiple=True, help="Only runs of these accounts.")
@click.option("--since", help="Only runs from this day on (YYYY-MM-DD).")
@click.option("--profile", help="A profile of the AWS configuration, for s3://.")
@click.option("--endpoint-url", help="Ask this endpoint instead of S3.")
@options.quiet
def query(
    words: Strings,
    saved: str | None,
    listed: bool,
    shape: str,
    output: Path | None,
    accounts: Strings,
    since: str | None,
    profile: str | None,
    endpoint_url: str | None,
    quiet: bool,
) -> None:
    """Ask a findings lake in SQL: a folder that `scan --lake` wrote, or s3://bucket/prefix.

    Tables: findings, resources; latest_findings and latest_resources (the last run of each account); a view of each
    resource type, such as ec2_instance. `auditor query "show tables"` lists them, "describe findings" the columns.
    """
    from auditor.lake import NotInstalled
    from auditor.lake_files import BadLake, Part, Unreachable
    from auditor.query import BadQuery

    messages = messages_of(quiet, False)
    if listed:
        _list()
        return
    sql, place = _asked(words, saved)
    part = Part(accounts, _day(since))
    try:
        _answer(sql, _files(place, part, profile, endpoint_url, messages), shape, output, messages)
    except (NotInstalled, BadQuery) as error:
        misuse(str(error))
    except BadLake as error:
        fail(Exit.CANNOT_START if isinstance(error, Unreachable) else Exit.USAGE, str(error))


def _asked(words: Strings, name: str | None) -> tuple[str, str]:
    """The SQL, and the lake."""
    from auditor.query import saved
    from auditor.settings import nearest

    if len(words) > (1 if name else 2):
        misuse(f"{words[-1]} is one argument too many: put the SQL in quotes")
    if name:
        known = saved()
        if name not in known:
            misuse(f"unknown saved query {name}{nearest(name, list(known)) or ': `auditor query --list` lists them'}")
        return known[name].sql, words[0] if words else DEFAULT
    if not words:
        misuse('nothing is asked: auditor query "select ..." [FOLDER], or --saved NAME')
    return words[0], words[1] if len(words) > 1 else DEFAULT


def _day(since: str | None) -> str:
    from datetime import date

    if since is None:
        return ""
    try:
        return date.fromisoformat(since).isoformat()
    except ValueError:
        misuse(f"--since {since}: write a day as 2026-01-31")


def _files(
    place: str, part: "Part", profile: str | None, endpoint_url: str | None, messages: "Messages"
) -> "list[File]":
    from auditor.lake_files import Fetched, in_folder, in_s3

    if not re.match(r"s3://", place):
        if profile or endpoint_url:
            misuse("--profile and --endpoint-url go with s3://bucket/prefix")
        return in_folder(Path(place), part)
    fetched = Fetched()
    files = in_s3(place, part, _client(profile, endpoint_url), fetched)
    messages.say(
        f"Fetched {_counted(fetched.files, 'file')} ({fetched.octets / 1e6:.1f} MB); {fetched.kept:,} were here already"
    )
    return files


def _client(profile: str | None, endpoint_url: str | None) -> Any:
    """An S3 client of the standard chain; AWS_ENDPOINT_URL counts."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    from auditor.lake_files import AT_ONCE

    try:
        session = boto3.Session(profile_name=profile)
        config = Config(max_pool_connections=AT_ONCE, retries={"mode": "standard", "total_max_attempts": 4})
        return session.client("s3", endpoint_url=endpoint_url, config=config)
    except (BotoCoreError, ValueError) as error:  # no such profile, an address that is none
        misuse(f"S3 cannot be asked: {error}")


def _answer(sql: str, files: "list[File]", shape: str, output: Path | None, messages: "Messages") -> None:
    from auditor.files import replace_text
    from auditor.query import Answer, ask, opened
    from auditor.query_text import SHAPES

    count = 0
    began = time.perf_counter()
    with opened(files) as connection:
        answer = ask(connection, sql)

        def counted() -> Any:
            nonlocal count
            for row in answer.rows:
                count += 1
                yield row

        pieces = SHAPES[shape](Answer(answer.columns, counted()))
        if output is None:
            print_out(pieces)
        else:
            try:
                replace_text(output, pieces)
            except OSError as error:
                misuse(f"{output} could not be written: {error.strerror or error}")
    messages.say(f"{_counted(count, 'row')} of {_counted(len(files), 'file')} in {time.perf_counter() - began:.2f} s")


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _list() -> None:
    from auditor.query import saved

    known = saved()
    width = max(map(len, known))
    print_out(f"{name:{width}}  {query.about}\n" for name, query in known.items())
