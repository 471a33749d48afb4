"""The clients of a session, one for each service and region, which share one TLS context and one pool of connections.

Built plainly, a client loads the CA bundle for itself: 28 ms. `lean` has what else they share.
"""

import asyncio
import os
from typing import Any
from urllib.request import getproxies

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.httpsession import AIOHTTPSession
from aiobotocore.session import AioSession
from botocore.configprovider import ConfiguredEndpointProvider

from auditor.aws.lean import Creator
from auditor.fetch import Operation

CONNECT_TIMEOUT = 5
READ_TIMEOUT = 30
DATA_PATH = os.path.join(os.path.dirname(__file__), "data")  # noqa: PTH118, PTH120 - botocore takes a plain string


class Clients:
    """The clients of one session, made as they are asked for. Close it when done.

    A client can do what resources declare, and what is `expected` by the time when the first of its service is made.
    """

    def __init__(self, session: AioSession, *, endpoint_url: str | None, concurrency: int) -> None:
        self._session = session
        self._endpoint_url = endpoint_url
        self._http: dict[str | None, aiohttp.ClientSession] = {}
        self._made: dict[tuple[str, str], asyncio.Task[Any]] = {}
        self._creator: Creator | None = None
        self._configs: dict[bool, AioConfig] = {}
        self._http_class = self._shared_http()
        self._concurrency = concurrency
        self.expected: set[Operation] = set()

    async def get(self, service: str, region: str) -> Any:
        """The client of a service in a region. Raises botocore's errors of configuration and credentials."""
        key = (service, region)
        if key not in self._made:
            self._made[key] = asyncio.ensure_future(self._make(service, region))
        try:
            return await asyncio.shield(self._made[key])  # who gives up waiting does not end it for others
        except Exception:
            self._made.pop(key, None)  # the next call may find the credentials mended
            raise

    async def close(self) -> None:
        """Close every connection."""
        for http in self._http.values():
            await http.close()

    async def _make(self, service: str, region: str) -> Any:
        session = self._session
        endpoint_url = self.endpoint_url(service)
        config = self._configs.get(endpoint_url is None) or self._config(endpoint_url)
        self._configs[endpoint_url is None] = config
        creator = self._creator = self._creator or Creator(session, config)
        creator.also |= self.expected
        client = await creator.create_client(
            service_name=service,
            region_name=region,
            endpoint_url=endpoint_url,
            verify=session.get_config_variable("ca_bundle"),
            credentials=await session.get_credentials(),
            scoped_config=session.get_scoped_config(),
            client_config=config,
        )
        if endpoint_url and service == "s3control":
            # Its endpoint rules put the account id before any host, which a custom endpoint does not answer to.
            client._ruleset_resolver = None
        return client

    def endpoint_url(self, service: str) -> str | None:
        """A service's custom endpoint: the one asked for, else the environment's or the profile's; None for AWS's."""
        if self._endpoint_url is not None or self._session.get_config_variable("ignore_configured_endpoint_urls"):
            return self._endpoint_url
        scoped = self._session.get_scoped_config()
        configured = ConfiguredEndpointProvider(self._session.full_config, scoped, service).provide()
        return str(configured) if configured else None

    async def offered(self, service: str, region: str) -> bool:
        """Whether a region may have a service: not where botocore's list of endpoints has it in other regions only."""
        if self.endpoint_url(service) is not None:
            return True
        partition = self._session.get_partition_for_region(region)
        listed = await self._session.get_available_regions(service, partition_name=partition)
        return not listed or region in listed

    def _config(self, endpoint_url: str | None) -> AioConfig:
        return AioConfig(
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            max_pool_connections=self._concurrency,
            retries={"total_max_attempts": 1, "mode": "standard"},  # the door retries, and nothing else does
            # Parameters come from declarations that a test holds against the service models.
            parameter_validation=False,
            http_session_cls=self._http_class,
            # With none in the environment no client has to look for them again.
            proxies=None if getproxies() else {},
            # A custom endpoint has no host of its own for each bucket or account.
            s3={"addressing_style": "path"} if endpoint_url else None,
            inject_host_prefix=not endpoint_url,
            # Checksums of objects: the audit reads and writes none.
            response_checksum_validation="when_required",
            request_checksum_calculation="when_required",
        )

    def _shared_http(self) -> type[AIOHTTPSession]:
        """A class of HTTP session whose every instance sends through the same connections."""
        shared = self._http

        class SharedHTTPSession(AIOHTTPSession):  # type: ignore[misc]
            async def _get_session(self, proxy_url: str | None) -> aiohttp.ClientSession:
                if proxy_url not in shared:
                    shared[proxy_url] = aiohttp.ClientSession(
                        connector=self._create_connector(proxy_url),
                        timeout=self._timeout,
                        skip_auto_headers={"CONTENT-TYPE"},
                        auto_decompress=False,
                    )
                return shared[proxy_url]

            async def close(self) -> None:
                """Nothing: the connections are not this session's alone."""

        return SharedHTTPSession
