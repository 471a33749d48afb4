"""Northwind Coffee: a small company's AWS account, as years of hurry have left it.

The shop runs in eu-central-1, its staging in eu-west-1, analytics in us-west-2, a copy for bad days in eu-north-1; and
in us-east-1 there is what a contractor tried in 2023 and nobody switched off. Every rule finds something that is as it
should be here, and something that is not.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditor.demo.endpoint import Endpoint

# What the auditing role of the story may not read: user data where analysts keep theirs, snapshots of the copy.
DENIED = frozenset({"ec2:DescribeInstanceAttribute@us-west-2", "rds:DescribeDBClusterSnapshots@eu-north-1"})
SEED = 1971
# Whatever could lead the session elsewhere than to the emulated account.
FOREIGN = (
    "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CA_BUNDLE", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy",
)  # fmt: skip
# Nobody's configuration: a file that is not there counts as empty.
NOWHERE = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


class NotInstalled(RuntimeError):
    """The emulator is not installed. The message says how to."""


@contextmanager
def running() -> "Iterator[Endpoint]":
    """The company's account at an endpoint on this machine; while it runs, the environment leads to it alone.

    Every emulated account of this process is emptied before and after. Raises NotInstalled.
    """
    from auditor.demo.endpoint import Endpoint

    try:
        endpoint = Endpoint()
    except RuntimeError as error:
        raise NotInstalled(str(error)) from None
    with endpoint:
        endpoint.reset()
        try:
            seed(endpoint)
            endpoint.deny = DENIED
            with _environment(NOWHERE | endpoint.credentials):
                yield endpoint
        finally:
            endpoint.reset()


def seed(endpoint: "Endpoint") -> None:
    """Put the company into an empty account. The same ids come out each time."""
    from moto.moto_api._internal import mock_random

    from auditor.demo import (
        seed_balancers,
        seed_compute,
        seed_connections,
        seed_data,
        seed_databases,
        seed_dev,
        seed_dns,
        seed_edge,
        seed_fleet,
        seed_guards,
        seed_iam,
        seed_network,
        seed_scale,
        seed_serverless,
        seed_storage,
        seed_streams,
    )
    from auditor.demo.stage import Stage

    stage = Stage(endpoint)
    # The first time in a process moto draws ids for AWS's own policies, and never again.
    stage.backend("iam")
    # Each area draws from a seed of its own: what is added to one leaves the ids of the others alone.
    for number, area in enumerate(
        (
            seed_iam,
            seed_network,
            seed_compute,
            seed_databases,
            seed_storage,
            seed_scale,
            seed_fleet,
            seed_guards,
            seed_serverless,
            seed_streams,
            seed_data,
            seed_balancers,
            seed_edge,
            seed_dns,
            seed_connections,
            seed_dev,
        )
    ):
        mock_random.seed(SEED + number)
        area.build(stage)
    endpoint.answers = {**endpoint.answers, **stage.answers}


@contextmanager
def _environment(wanted: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in (*FOREIGN, *wanted)}
    for name in FOREIGN:
        os.environ.pop(name, None)
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
