"""Measures whole scans: `auditor scan` over 17 regions, as a user runs it, behind a network of 60 ms.

    make bench
    python -m benchmarks.scan --runs 7 --scale 2 --latency 120

The account is the demo's company and some 270 resources more (`--scale`); `benchmarks.wire` stands between. It answers
from memory, so the emulator's speed does not count; the first scan, which fills that memory, is not shown.

How to read the table
    calls       requests sent, retried ones included
    wall, CPU   of the whole command: interpreter, imports, reading, judging, the JSON report; CPU is user and system
    ms/call     CPU by calls; it falls as calls grow, for some 0.7 s of the CPU is there whatever is scanned
    peak        the most memory that the process held
    replay      exactly the requests of the scan above it, sent with nothing but aiohttp and as many at a time: the
                floor below which no scan over HTTP comes in this language. It does not wait for one answer to ask the
                next question, as a scan must
    throttled   with a token bucket for each service and region. `of what the rate allows`: the busiest bucket's calls
                less its burst, by its rate, is the time below which nobody can be; the scan takes so many times it
                (the interpreter's start included; more calls make that matter less)
    findings    every row must find the same (fingerprints and statuses); refused calls must only ever lead to
                `unknown`, never to another verdict. If that fails, this command does

Every row is the median of its runs. Machines differ and so do their neighbours: compare the rows of one table, and
tables of one machine at one time. CPU is steadier than wall time. Nothing here is asserted by a test.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditor.demo.company import FOREIGN, NOWHERE  # and nothing heavy: a child's peak memory counts ours at its start

ROOT = Path(__file__).parent.parent
# Enabled in every account from the start.
REGIONS = (
    "us-east-1 us-east-2 us-west-1 us-west-2 ap-south-1 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-southeast-1 "
    "ap-southeast-2 ca-central-1 eu-central-1 eu-west-1 eu-west-2 eu-west-3 eu-north-1 sa-east-1"
).split()
CONCURRENCY = 160  # the auditor's default, and so the replay's
DONE = (0, 3)  # exit codes of a scan that reported; 3: some of it was refused

Findings = Mapping[str, str]


@dataclass(frozen=True)
class Cost:
    """What one process took: seconds, seconds, bytes."""

    wall: float
    cpu: float
    peak: float


@dataclass(frozen=True)
class Row:
    """The median of some runs, and what the last of them reported."""

    cost: Cost
    seen: Mapping[str, int]
    report: Mapping[str, Any]

    @property
    def findings(self) -> Findings:
        """Statuses by fingerprint."""
        return {finding["fingerprint"]: finding["status"] for finding in self.report["findings"]}


class Bench:
    """Runs commands against the stand-in at `url`."""

    def __init__(self, url: str, folder: Path, runs: int) -> None:
        self._url, self._folder, self._runs = url, folder, runs
        self._env = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        self._env |= NOWHERE | {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        self._env |= {"PYTHONPATH": str(ROOT), "AWS_EC2_METADATA_DISABLED": "true"}

    def ask(self, path: str, settings: Mapping[str, Any] | None = None) -> Any:
        """One of the stand-in's own questions."""
        data = json.dumps(settings).encode() if settings is not None else None
        with urllib.request.urlopen(self._url + path, data) as answer:
            return json.load(answer)

    def run(self, *command: str, given: str = "", good: Sequence[int] = (0,)) -> Cost:
        """Run a module of ours once, to its end."""
        with tempfile.TemporaryFile("w+") as stdin, tempfile.TemporaryFile("w+") as stderr:
            stdin.write(given)
            stdin.seek(0)
            started = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=self._folder, env=self._env, stdin=stdin, stdout=subprocess.DEVNULL, stderr=stderr,
            )  # fmt: skip
            _, status, used = os.wait4(process.pid, 0)
            wall = time.perf_counter() - started
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode not in good:
                stderr.seek(0)
                raise SystemExit(f"{' '.join(command[:2])} ended with {process.returncode}:\n{stderr.read()}")
        unit = 1 if sys.platform == "darwin" else 1024
        return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * unit)

    def median(self, *command: str, given: str = "", good: Sequence[int] = (0,), **settings: Any) -> Cost:
        """Run it some times, the network set anew before each."""
        costs = []
        for _ in range(self._runs):
            self.ask("/__set", settings)
            costs.append(self.run(*command, given=given, good=good))
        return Cost(*(statistics.median(getattr(cost, name) for cost in costs) for name in ("wall", "cpu", "peak")))

    def scan(self, **settings: Any) -> Row:
        """Scan some times behind a network of these settings."""
        output = self._folder / "report"
        command = ["auditor", "scan", "--quiet", "--endpoint-url", self._url, "--format", "json"]
        command += ["--output", str(output), "--concurrency", str(CONCURRENCY)]
        command += [word for region in REGIONS for word in ("--region", region)]
        cost = self.median(*command, good=DONE, **settings)
        report = json.loads((output / "report.json").read_text())
        return Row(cost, self.ask("/__seen"), report)


@contextmanager
def wire(scale: float) -> Iterator[str]:
    """The stand-in in a process of its own; its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.wire", "--scale", str(scale)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        if not url:
            raise SystemExit("the stand-in did not start")
        yield url
    finally:
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def allowed(report: Mapping[str, Any], rate: float, burst: float) -> float:
    """The seconds that the busiest token bucket takes for the calls of a scan."""
    calls: Counter[tuple[str, str]] = Counter()
    for call in report["calls"]:
        calls[call["service"], call["region"]] += call["calls"]
    return max(0.0, (max(calls.values()) - burst) / rate)


def differences(expected: Findings, found: Findings) -> int:
    """How many findings have another status, are new, or are missing."""
    return sum(expected.get(name) != found.get(name) for name in expected.keys() | found.keys())


def wrong_verdicts(expected: Findings, found: Findings) -> int:
    """How many findings other than `unknown` are not what they would be if nothing were refused."""
    return sum(status not in ("unknown", expected.get(name)) for name, status in found.items())


def say(name: str, cost: Cost, calls: int | None = None, note: str = "") -> None:
    """Print one row."""
    each = f"{1000 * cost.cpu / calls:7.2f}" if calls else f"{'':7}"
    row = f"{name:28} {calls or '':>6} {cost.wall:7.2f} {cost.cpu:7.2f} {each} {cost.peak / 2**20:7.0f}  {note}"
    print(row.rstrip(), flush=True)


def measure(bench: Bench, options: argparse.Namespace) -> bool:
    """Print the table; whether every row found what it should."""
    plain = {"latency": options.latency / 1000}
    bench.ask("/__set", plain)
    print(f"\n{'':28} {'calls':>6} {'wall s':>7} {'CPU s':>7} {'ms/call':>7} {'peak MB':>7}")
    say("auditor --help", bench.median("auditor", "--help", **plain))
    row = bench.scan(**plain)
    resources = row.report["summary"]["resources"]
    say("scan", row.cost, row.seen["calls"], f"{resources} resources, {len(row.findings)} findings")
    calls = row.seen["calls"]
    requests = json.dumps(bench.ask("/__replay"))
    replay = bench.median("benchmarks.replay", bench._url, str(CONCURRENCY), given=requests, **plain)
    say("  replay of its requests", replay, calls, f"the scan takes {row.cost.wall / replay.wall:.1f} times as long")

    good = True
    rate, burst = options.rate, options.burst
    throttled = bench.scan(**plain, rate=rate, burst=burst)
    least = allowed(row.report, rate, burst)
    ratio = f"{throttled.cost.wall / least:.2f} of what the rate allows ({least:.1f} s), " if least else ""
    wrong = differences(row.findings, throttled.findings)
    note = f"{ratio}{throttled.seen['throttled']} throttled, {wrong or 'no'} findings differ"
    say(f"scan, rate {rate:g} burst {burst:g}", throttled.cost, throttled.seen["calls"], note)
    good &= not wrong

    faulty = bench.scan(**plain, faults=options.faults)
    wrong = differences(row.findings, faulty.findings)
    note = f"{faulty.seen['failed']} failed, {wrong or 'no'} findings differ"
    say(f"scan, {options.faults:.0%} faults", faulty.cost, faulty.seen["calls"], note)
    good &= not wrong

    refused = bench.scan(**plain, deny=options.deny.split(","))
    wrong = wrong_verdicts(row.findings, refused.findings)
    unknown = Counter(refused.findings.values())["unknown"]
    note = f"{unknown} unknown, {wrong or 'no'} wrong verdicts"
    say(f"scan, {len(options.deny.split(','))} operations refused", refused.cost, refused.seen["calls"], note)
    return good and not wrong


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="of each row; the median counts (default: 5)")
    parser.add_argument("--scale", type=float, default=1.0, help="of the account (default: 1, some 700 resources)")
    parser.add_argument("--latency", type=float, default=60.0, help="milliseconds (default: 60)")
    parser.add_argument("--rate", type=float, default=20.0, help="calls a second for each service and region")
    parser.add_argument("--burst", type=float, default=40.0, help="of that token bucket")
    parser.add_argument("--faults", type=float, default=0.05, help="share of calls answered with a 500")
    parser.add_argument(
        "--deny", default="s3:GetBucketPolicy,ec2:DescribeVolumes", help="operations to refuse, comma-separated"
    )
    options = parser.parse_args()
    began = time.perf_counter()
    with wire(options.scale) as url, tempfile.TemporaryDirectory() as folder:
        print(
            f"The account stands after {time.perf_counter() - began:.1f} s; one scan to fill the memory ...", flush=True
        )
        Bench(url, Path(folder), 1).scan(latency=0)
        good = measure(Bench(url, Path(folder), options.runs), options)
    if not good:
        print("\nFindings differ: that is a defect, whatever the times are.")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
