"""Every report format over a large audit: time, memory and size, each in a process of its own.

python -m benchmarks.reports [FINDINGS]
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from auditor.audit import load
from auditor.plugins import load_reports

ROOT = Path(__file__).parent.parent
FINDINGS = 100_000


def main() -> None:
    """Make an audit, and have each format written by a fresh process."""
    if len(sys.argv) == 4 and sys.argv[1] == "--one":
        one(sys.argv[2], Path(sys.argv[3]))
        return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else FINDINGS
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "report.json"
        make(count, saved)
        print(f"{count:,} findings, {saved.stat().st_size / 1e6:.1f} MB of JSON")
        print(f"{'format':12} {'seconds':>8} {'MB in memory':>13} {'MB written':>11}")
        for name in sorted(load_reports()):
            subprocess.run(
                [sys.executable, "-m", "benchmarks.reports", "--one", name, str(saved)], check=True, cwd=ROOT
            )


def make(count: int, path: Path) -> None:
    """Save an audit of this many findings over a fifth as many resources."""
    sys.path.insert(0, str(ROOT))
    from tests.factory import make_audit

    audit = make_audit(count, n_resources=count // 5, n_rules=600)
    path.write_text("".join(load_reports()["json"].text(audit)), encoding="utf-8")


def one(name: str, saved: Path) -> None:
    """Write one format, and say what it took. The report's own reading is left out of the time, not of the memory."""
    audit = load(saved.read_bytes(), saved)
    began = time.perf_counter()
    written = saved.with_name(f"out{load_reports()[name].suffix}")
    with written.open("w", encoding="utf-8") as file:
        file.writelines(load_reports()[name].text(audit))
    seconds = time.perf_counter() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name:12} {seconds:8.2f} {memory:13.0f} {written.stat().st_size / 1e6:11.1f}", flush=True)


if __name__ == "__main__":
    main()
