"""The options that several commands take, each declared once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Strings = tuple[str, ...]
Command = TypeVar("Command", bound=Callable[..., Any])

FILE = click.Path(path_type=Path, dir_okay=False)

formats = click.option("--format", "-f", "formats", multiple=True, help="Report formats: json html terminal ...")
output = click.option("--output", "-o", type=click.Path(path_type=Path), help="Folder to write the reports into.")
quiet = click.option("--quiet", "-q", is_flag=True, help="Say nothing but errors and reports.")
verbose = click.option("--verbose", "-v", is_flag=True, help="Say each thing that could not be read.")
metrics = click.option("--metrics", is_flag=True, help="Read CloudWatch metrics too: AWS bills each one.")
config = click.option("--config", type=FILE, help="Settings (default: ./auditor.toml, if there).")
folders = click.option("--rules", "folders", multiple=True, type=click.Path(path_type=Path), help="Rules of your own.")
source_map = click.option(
    "--source-map", type=FILE, help='TOML: "ARN glob" = "file:line", for formats that point into a repository.'
)
lake = click.option(
    "--lake", type=click.Path(path_type=Path, file_okay=False), help="Folder of a findings lake to add the run to."
)
history = click.option(
    "--history", multiple=True, type=FILE, help="Earlier JSON reports, for the trend in the HTML report."
)
baseline = click.option(
    "--baseline", type=click.Path(path_type=Path), help="An earlier JSON report (of several accounts: folder)."
)


def choice(command: Command) -> Command:
    """The options by which rules are chosen."""
    return _all(
        command,
        click.option("--rule", "rule_ids", multiple=True, help="Only these rules."),
        click.option("--service", "services", multiple=True, help="Only rules over these services."),
        click.option("--category", "categories", multiple=True, help="Only rules of these categories."),
        click.option("--framework", "frameworks", multiple=True, help="Only rules that cite these, such as cis-5.0."),
        config,
        folders,
    )


def account(command: Command) -> Command:
    """The options that say which account is read, and how."""
    return _all(
        command,
        click.option("--region", "regions", multiple=True, help="Only these regions (default: all enabled ones)."),
        click.option("--profile", help="A profile of the AWS configuration."),
        click.option("--role-arn", help="A role to assume first."),
        click.option("--external-id", help="The external id that the role asks for."),
        click.option("--endpoint-url", help="Ask this endpoint instead of AWS."),
        click.option("--snapshot", type=FILE, help="Judge a saved inventory; ask AWS nothing."),
        click.option("--save-snapshot", type=FILE, help="Save the inventory to this file."),
        click.option("--concurrency", type=click.IntRange(1, 1024), help="Most calls in flight."),
        metrics,
    )


def organization(command: Command) -> Command:
    """The options by which many accounts are audited in one go."""
    return _all(
        command,
        click.option("--organization", is_flag=True, help="Every account of the organization."),
        click.option("--ou", "ous", multiple=True, help="Only accounts in, or below, these organizational units."),
        click.option("--account-tag", "tags", multiple=True, help="Only accounts with this tag: name or name=value."),
        click.option("--accounts", "accounts_file", type=FILE, help="The accounts that this file names."),
        click.option("--role", help="The role to assume in each account (default: auditor-member)."),
        click.option("--resume", type=click.Path(path_type=Path), help="Go on with the run in this folder."),
        click.option("--accounts-at-once", type=click.IntRange(1, 64), help="Accounts in flight (default: 4)."),
    )


def _all(command: Command, *options: Callable[[Command], Command]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command
