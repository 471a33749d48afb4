"""The same requests again with nothing but aiohttp: what a scan would cost if it were free.

python -m benchmarks.replay URL CONCURRENCY < requests.json
"""

import asyncio
import base64
import json
import sys
from typing import Any

import aiohttp


async def replay(url: str, requests: list[dict[str, Any]], concurrency: int) -> None:
    """Send them all, this many at a time, and read the answers."""
    waiting = iter([(r["method"], url + r["path"], r["headers"], base64.b64decode(r["body"])) for r in requests])

    async def send() -> None:
        for method, address, headers, body in waiting:
            async with http.request(method, address, headers=headers, data=body, allow_redirects=False) as answer:
                await answer.read()

    connector = aiohttp.TCPConnector(limit=concurrency)
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(connector=connector, cookie_jar=jar, auto_decompress=False) as http:
        await asyncio.gather(*(send() for _ in range(concurrency)))


if __name__ == "__main__":
    asyncio.run(replay(sys.argv[1], json.load(sys.stdin), int(sys.argv[2])))
