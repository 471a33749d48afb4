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
baseline = click.option("--baseline", type=FILE, help="An earlier JSON report to compare with.")


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


def _all(command: Command, *options: Callable[[Command], Command]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command
