"""How long a cold start of the Lambda function takes: `python -m benchmarks.lambda_cold`.

Builds the package, unzips it, and starts it as Lambda does: the real runtime client, nothing of this machine's
packages, modules compiled beforehand. Measured is the time from the start of the process to the first question for
work, which covers importing everything and loading all rules; and then an invocation over an empty account.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from auditor.demo.endpoint import Endpoint
from deploy import build
from tests.runtime import Runtime

LIMIT = 1.5  # seconds


def client(folder: Path, machine: str, python: str) -> Path:
    """The runtime client as wheels for a version of Python."""
    command = [
        sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", str(folder),
        *(f"--platform=manylinux{version}_{machine}" for version in build.GLIBC), "--python-version", python,
        "--only-binary=:all:", "awslambdaric",
    ]  # fmt: skip
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return folder


def main() -> int:
    """Measure, print one JSON object, and fail above the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    asked = parser.parse_args()
    machine = platform.machine()
    architecture = {name: ours for ours, name in build.MACHINES.items()}[machine]
    here = ".".join(map(str, sys.version_info[:2]))
    version = build.PYTHON if build.interpreter(build.PYTHON) else here
    python = str(build.interpreter(version))
    with tempfile.TemporaryDirectory() as name, Endpoint() as endpoint:
        folder = Path(name)
        path = build.build(architecture, folder, version)
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder / "task")
            unzipped = sum(entry.file_size for entry in archive.infolist())
        ric = client(folder / "client", machine, version)
        endpoint.client("s3").create_bucket(Bucket="audit-results")
        environment = {**endpoint.credentials, "AUDITOR_BUCKET": "audit-results", "AUDITOR_REGIONS": "us-east-1"}
        starts, processor = [], []
        for _ in range(asked.runs):
            with Runtime(folder / "task", folder, environment, python=python, client=ric) as function:
                starts.append(function.wait())
                processor.append(function.cpu())
                good, said = function.invoke({"run": "cold"})
                if not good:
                    sys.stderr.write(f"the invocation failed: {said['errorMessage']}\n")
                    return 1
        figures = {
            "python": version,
            "architecture": architecture,
            "zipped_mb": round(path.stat().st_size / 1e6, 1),
            "unzipped_mb": round(unzipped / 1e6, 1),
            "cold_start_s": {"best": round(min(starts), 2), "median": round(statistics.median(starts), 2)},
            "cold_start_cpu_s": round(statistics.median(processor), 2),
            "limit_s": LIMIT,
        }
    print(json.dumps(figures, indent=2))
    return int(statistics.median(starts) > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
