"""The network between the auditor and AWS, as the benchmark sets it: latency, throttling, faults, refusals.

    python -m benchmarks.wire --scale 1

serves the demo's company, with `--scale` times some 270 resources more, until its standard input ends. Its first line
of output is its address. An answer is asked of the emulator once and kept: whoever asks again is measured on their own
speed, not on the emulator's. What is kept is answered after the latency; what is throttled, after a quarter of it.

    POST /__set     {"latency": 0.06, "rate": 20, "burst": 40, "faults": 0.05, "deny": ["s3:GetBucketPolicy"]}
    GET  /__seen    how many calls since then, and how many of them were throttled, failed or refused
    GET  /__replay  the calls themselves, as `benchmarks.replay` sends them again

`rate` is that of a token bucket for each service and region, as AWS has them; a throttled call takes nothing from it.
"""

import argparse
import asyncio
import base64
import json
import random
import sys
from dataclasses import asdict, dataclass, field
from typing import Any

from aiohttp import ClientSession, DummyCookieJar, TCPConnector, web

from auditor.demo import company
from auditor.demo.emulator import wsgi_environ
from auditor.demo.endpoint import Endpoint
from auditor.demo.protocol import Error, Reply, serialise_error
from auditor.demo.recognise import Call, recognise

REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "eu-central-1")  # where the larger account lives
FAULT = Error("InternalFailure", "set by the benchmark", 500)
THROTTLE = Error("ThrottlingException", "Rate exceeded", 400)
SLOW_DOWN = Error("SlowDown", "Please reduce your request rate.", 503)  # S3's word for it
REFUSAL = Error("AccessDenied", "set by the benchmark", 403)
HOP_BY_HOP = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "accept-encoding", "date", "server"}
)
SEED = 7


@dataclass(frozen=True)
class Settings:
    """How the network behaves. Without a rate nothing is throttled."""

    latency: float = 0.06
    rate: float = 0.0
    burst: float = 0.0
    faults: float = 0.0
    deny: tuple[str, ...] = ()


class Tokens:
    """A token bucket, full at first."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst, self._level = rate, burst, burst
        self._filled_at = asyncio.get_running_loop().time()

    def take(self) -> bool:
        """Take one, if there is one."""
        now = asyncio.get_running_loop().time()
        self._level = min(self._burst, self._level + (now - self._filled_at) * self._rate)
        self._filled_at = now
        taken = self._level >= 1
        self._level -= taken
        return taken


@dataclass
class Seen:
    """What came by since the settings were made."""

    calls: int = 0
    throttled: int = 0
    failed: int = 0
    refused: int = 0
    asked: int = 0  # of the emulator: the others were answered from memory
    peak: int = 0
    requests: list[dict[str, Any]] = field(default_factory=list)


class Wire:
    """The stand-in. `origin` is the emulator's address."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._kept: dict[tuple[Any, ...], tuple[Call, Reply]] = {}
        self._busy = 0
        self._http: ClientSession | None = None
        self._set(Settings())

    def _set(self, settings: Settings) -> None:
        self._settings, self._seen = settings, Seen()
        self._tokens: dict[tuple[str, str], Tokens] = {}
        self._random = random.Random(SEED)

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Answer one request: the auditor's, or the benchmark's own."""
        body = await request.read()
        if request.path == "/__set":
            wanted = json.loads(body)
            self._set(Settings(**{**wanted, "deny": tuple(wanted.get("deny", ()))}))
            return web.json_response({})
        if request.path == "/__seen":
            return web.json_response({name: value for name, value in asdict(self._seen).items() if name != "requests"})
        if request.path == "/__replay":
            return web.json_response(self._seen.requests)
        self._busy += 1
        self._seen.calls += 1
        self._seen.peak = max(self._seen.peak, self._busy)
        try:
            (status, headers, data), share = await self._look(request, body)
            await asyncio.sleep(self._settings.latency * share)
            return web.Response(status=status, headers=headers, body=data)
        finally:
            self._busy -= 1

    async def _look(self, request: web.BaseRequest, body: bytes) -> tuple[Reply, float]:
        """The answer, and the share of the latency that it takes."""
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        said = {"method": request.method, "path": request.raw_path, "body": base64.b64encode(body).decode()}
        self._seen.requests.append({**said, "headers": headers})
        # Everything but the signature, which differs each time.
        scope = headers.get("Authorization", "").partition("Credential=")[2].split("/")[2:4]
        key = (*said.values(), *scope, headers.get("X-Amz-Target"), headers.get("X-Amz-Security-Token"))
        if key not in self._kept:
            call = recognise(wsgi_environ(request, body), body)
        else:
            call = self._kept[key][0]
        settings = self._settings
        if settings.rate and not self._bucket(call).take():
            self._seen.throttled += 1
            return serialise_error(call, SLOW_DOWN if call.service == "s3" else THROTTLE), 0.25
        if call.service in settings.deny or call.name in settings.deny:
            self._seen.refused += 1
            return serialise_error(call, REFUSAL), 1.0
        if self._random.random() < settings.faults:
            self._seen.failed += 1
            return serialise_error(call, FAULT), 1.0
        if key not in self._kept or call.operation.startswith("Generate"):
            self._kept[key] = (call, await self._ask(request, headers, body))
        return self._kept[key][1], 1.0

    def _bucket(self, call: Call) -> Tokens:
        key = (call.service, call.region)
        if key not in self._tokens:
            self._tokens[key] = Tokens(self._settings.rate, self._settings.burst or self._settings.rate)
        return self._tokens[key]

    async def _ask(self, request: web.BaseRequest, headers: dict[str, str], body: bytes) -> Reply:
        self._seen.asked += 1
        self._http = self._http or ClientSession(
            connector=TCPConnector(limit=16), cookie_jar=DummyCookieJar(), auto_decompress=False
        )
        url = self._origin + request.raw_path
        async with self._http.request(request.method, url, data=body, headers=headers, allow_redirects=False) as answer:
            data = await answer.read()
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP}
            return answer.status, kept, data

    async def serve(self) -> None:
        """Serve on any free port until standard input ends."""
        runner = web.ServerRunner(web.Server(self.answer, access_log=None), handle_signals=False, shutdown_timeout=0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=4096).start()
        host, port = runner.addresses[0][:2]
        sys.stdout.write(f"http://{host}:{port}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
        await runner.cleanup()
        if self._http is not None:
            await self._http.close()


def enlarge(endpoint: Endpoint, scale: float) -> None:
    """Add to the account: at scale 1, some 270 resources in four regions."""

    def times(number: int) -> range:
        return range(round(number * scale))

    trust = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
    )
    iam = endpoint.client("iam")
    for number in times(45):
        iam.create_role(RoleName=f"bench-role-{number}", AssumeRolePolicyDocument=trust)
    for number in times(20):
        iam.create_user(UserName=f"bench-user-{number}")
    for index, region in enumerate(REGIONS):
        s3, ec2 = endpoint.client("s3", region), endpoint.client("ec2", region)
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        for number in times(8):
            s3.create_bucket(Bucket=f"bench-bucket-{index}-{number}", **where)
        vpc = ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.99.0.0/18")["Subnet"]["SubnetId"]
        for number in times(12):
            ec2.create_security_group(GroupName=f"bench-{number}", Description="bench", VpcId=vpc)
        if count := len(times(8)):
            image = ec2.register_image(Name="bench", RootDeviceName="/dev/xvda")["ImageId"]
            ec2.run_instances(ImageId=image, MinCount=count, MaxCount=count, SubnetId=subnet)


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0)
    options = parser.parse_args()
    with Endpoint() as endpoint:
        company.seed(endpoint)
        enlarge(endpoint, options.scale)
        endpoint.deny = company.DENIED
        asyncio.run(Wire(endpoint.url).serve())


if __name__ == "__main__":
    main()
