"""The findings lake at size: 1,000,000 generated findings, written, and then asked by `auditor query`.

python -m benchmarks.lake [FINDINGS]

Each query is a process of its own, as on a terminal: its time is from start to end, its memory the most it took.
"""

import os
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from auditor.audit import Audit
from auditor.lake import run_of, write
from auditor.query import saved

ROOT = Path(__file__).parent.parent
FINDINGS = 1_000_000
ACCOUNTS, RUNS = 10, 5  # a run of an account has a fiftieth of the findings


def main() -> None:
    """Make a lake of many runs, and ask it all there is to ask."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else FINDINGS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "lake"
        seconds = make(count, folder)
        files = list(folder.rglob("*.parquet"))
        size = sum(path.stat().st_size for path in files)
        print(f"{count:,} findings in {len(files)} files, {size / 1e6:.1f} MB ({size / count:.0f} bytes each), "
              f"written in {seconds:.1f} s ({count / seconds:,.0f} a second)")  # fmt: skip
        print(f"{'query':28} {'seconds':>8} {'MB in memory':>13} {'rows':>9}")
        asked: dict[str, tuple[str, ...]] = {query.name: ("--saved", query.name) for query in saved().values()}
        asked["select count(*)"] = ("select status, count(*) from findings group by status",)
        asked["one finding"] = ("select * from findings where arn like '%0042%' order by collected limit 5",)
        asked["all rows, counted"] = ("select count(*), count(distinct fingerprint), max(message) from findings",)
        for label, arguments in asked.items():
            one(label, arguments, folder)


def make(count: int, folder: Path) -> float:
    """Write runs of so many findings in all. Tells the seconds that writing took."""
    sys.path.insert(0, str(ROOT))
    from tests.factory import make_audit

    seconds = 0.0
    each = count // ACCOUNTS // RUNS
    for number in range(ACCOUNTS):
        audit = make_audit(each, n_resources=each // 5, n_rules=200, accounts=[f"{number:012}"], seed=number)
        for day in range(RUNS):
            run = later(audit, day)
            began = time.perf_counter()
            write(folder, run, None, run_of(run))
            seconds += time.perf_counter() - began
    return seconds


def later(audit: Audit, days: int) -> Audit:
    """The same audit, some days later."""
    by = timedelta(days=days)
    scan = audit.scan.model_copy(update={"collected": audit.scan.collected + by, "finished": audit.scan.finished + by})
    return audit.model_copy(update={"scan": scan})


def one(label: str, arguments: tuple[str, ...], folder: Path) -> None:
    """Ask once, and say what it took."""
    began = time.perf_counter()
    asked = [sys.executable, "-m", "auditor", "query", *arguments, str(folder), "--format", "csv", "--quiet"]
    process = subprocess.Popen(asked, cwd=ROOT, stdout=subprocess.PIPE)
    rows = process.stdout.read().count(b"\n") - 1 if process.stdout else 0
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    said = f"exit {status >> 8}" if status else f"{rows:,}"
    print(f"{label:28} {seconds:8.2f} {used.ru_maxrss / 1024:13.0f} {said:>9}", flush=True)


if __name__ == "__main__":
    main()
