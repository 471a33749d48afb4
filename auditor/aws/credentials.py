"""Whose credentials: the standard chain, a profile, a role to assume; and what to say when they cannot be used."""

import os
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import aioboto3
from aiobotocore.config import AioConfig
from aiobotocore.credentials import AioAssumeRoleCredentialFetcher, AioDeferredRefreshableCredentials
from aiobotocore.session import AioSession
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
from botocore.loaders import Loader

from auditor.aws.clients import CONNECT_TIMEOUT, DATA_PATH
from auditor.aws.lean import Emitter

ROLE_SESSION_NAME = "auditor"
# For the calls that credentials themselves take (assuming a profile's role): they are waited for before anything else.
PROVIDERS = AioConfig(connect_timeout=CONNECT_TIMEOUT, read_timeout=10, retries={"total_max_attempts": 1})


class Misuse(ValueError):
    """What was asked for does not exist (a profile, a region): the user's to mend, exit code 2."""


class CannotStart(RuntimeError):
    """No credentials, refused credentials, an endpoint out of reach: exit code 4."""


@dataclass(frozen=True)
class Access:
    """How to reach an account. Every part is optional: without any, botocore's standard chain decides."""

    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = None
    endpoint_url: str | None = None
    regions: tuple[str, ...] = ()


async def session(access: Access) -> AioSession:
    """A session whose credentials were found. Raises Misuse or CannotStart."""
    try:
        core = AioSession(event_hooks=Emitter())
        aioboto3.Session(botocore_session=core, profile_name=access.profile)
        core.register_component("data_loader", _loader())
        core.get_scoped_config()
        core.set_default_client_config(PROVIDERS)
        source = await core.get_credentials()
    except ProfileNotFound as error:
        known = ", ".join(sorted(AioSession().full_config.get("profiles", {})))
        raise Misuse(f"{error}: {f'choose one of {known}' if known else 'no profiles are configured'}") from None
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise CannotStart(f"{error}: complete them, or choose others with --profile") from None
    except BotoCoreError as error:
        raise CannotStart(f"credentials could not be loaded: {error}") from None
    if source is None:
        raise CannotStart(
            "no AWS credentials found: set AWS_PROFILE or --profile, or run `aws configure` or `aws sso login`"
        )
    _check_bundle(core.get_config_variable("ca_bundle"))
    return core


def _check_bundle(path: str | None) -> None:
    if path and not Path(path).exists():
        raise Misuse(f"the CA bundle {path} is not there: correct AWS_CA_BUNDLE, or ca_bundle in the profile")


def region(core: AioSession, access: Access) -> str:
    """The region to begin in: one that was asked for, else the environment's or the profile's."""
    # botocore reads AWS_DEFAULT_REGION only; AWS's other SDKs, and Lambda, use AWS_REGION.
    configured = os.environ.get("AWS_REGION") or core.get_config_variable("region")
    return access.regions[0] if access.regions else str(configured or "us-east-1")


async def settle(core: AioSession, access: Access, *, endpoint_url: str | None, region: str) -> None:
    """Assume the role that was asked for, and see that there are keys to sign with.

    Takes as long as a prompt for an MFA code does. Raises CannotStart, with what would mend it.
    """
    try:
        source = await core.get_credentials()
        if access.role_arn:
            source = core._credentials = _assumed(core, source, access, endpoint_url, region)
        await source.get_frozen_credentials()
    except (SSOError, TokenRetrievalError) as error:
        login = f"aws sso login --profile {access.profile}" if access.profile else "aws sso login"
        raise CannotStart(f"the single sign-on session is missing or over ({error}): run `{login}`") from None
    except ClientError as error:
        said = error.response.get("Error", {})
        raise CannotStart(
            f"the role could not be assumed ({said.get('Code')}: {said.get('Message')}): check the ARN, its trust "
            "policy, the external id and the credentials behind it"
        ) from None
    except (ConnectionError, HTTPClientError) as error:
        raise CannotStart(
            f"{endpoint_url or 'AWS STS'} cannot be reached ({error}): check the address, the network and the proxy"
        ) from None
    except EOFError:
        raise CannotStart("the profile asks for an MFA code, and there is no terminal to type it in") from None
    except Exception as error:  # credential providers raise what their sources raise
        what = str(error) or type(error).__name__
        raise CannotStart(f"the credentials could not be used: {what}") from None


@cache
def _loader() -> Any:
    """Botocore's service models, read once for all the accounts that a process audits; ours on top."""
    loader = Loader()
    # In front: a file of extras hides those of the same name behind it, and botocore has some for RDS.
    loader.search_paths.insert(0, DATA_PATH)
    return loader


def _assumed(core: Any, source: Any, access: Access, endpoint_url: str | None, region: str) -> Any:
    """Credentials of the role, fetched when first needed and again before they expire."""
    extra = {"RoleSessionName": ROLE_SESSION_NAME}
    if access.external_id:
        extra["ExternalId"] = access.external_id
    fetcher = AioAssumeRoleCredentialFetcher(
        partial(core.create_client, endpoint_url=endpoint_url, region_name=region), source, str(access.role_arn), extra
    )
    return AioDeferredRefreshableCredentials(refresh_using=fetcher.fetch_credentials, method="assume-role")
