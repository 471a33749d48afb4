"""The report of an organization: 5,000 accounts of 20,000 resources reduced, and what such a night takes on AWS.

python -m benchmarks.organization [ACCOUNTS]

The accounts' digests are made by the report format from generated audits; a fresh process reduces them.
"""

import gzip
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from auditor.organization import Folder, Target, reduce
from auditor.rollup_reports import FORMATS

ROOT = Path(__file__).parent.parent
ACCOUNTS = 5_000
RESOURCES = 20_000
PER_RESOURCE = 5  # findings
RULES = 600
KINDS = 8  # audits that are generated; each account has the digest of one of them under its own number
MOST_SECONDS, MOST_MB = 120, 1024


def main() -> None:
    """Make the accounts, and have them reduced by a fresh process."""
    if len(sys.argv) == 4:
        {"--make": make, "--one": one}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
        return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else ACCOUNTS
    with tempfile.TemporaryDirectory() as name:
        # Each in a process of its own: a child's peak memory counts its parent's at its start.
        for step in ("--make", "--one"):
            command = [sys.executable, "-m", "benchmarks.organization", step, name, str(count)]
            done = subprocess.run(command, cwd=ROOT, check=False)
            if done.returncode:
                break
    sys.exit(done.returncode)


def account(number: int) -> str:
    """A made-up account's id."""
    return f"{100_000_000_000 + number}"


def make(folder: Path, count: int) -> None:
    """Write the digests of so many accounts. Every hundredth account denied its role."""
    sys.path.insert(0, str(ROOT))
    from auditor.compare import compared
    from auditor.plugins import load_reports
    from tests.factory import make_audit

    texts, size = [], 0
    for seed in range(min(KINDS, count)):
        audit = make_audit(RESOURCES * PER_RESOURCE, n_resources=RESOURCES, n_rules=RULES, seed=seed)
        earlier = make_audit(RESOURCES, n_resources=RESOURCES // PER_RESOURCE, n_rules=RULES, seed=seed)
        audit, began = compared(earlier, audit), time.perf_counter()
        texts.append("".join(load_reports()["digest"].text(audit)))
        if seed == 0:
            digested, whole = time.perf_counter() - began, audit.model_dump_json().encode()
            print(
                f"one account: {len(audit.findings):,} findings, {len(whole) / 1e6:.1f} MB of JSON, "
                f"{len(gzip.compress(whole, 6)) / 1e6:.2f} MB compressed; its digest takes {digested:.2f} s",
                flush=True,
            )
    paths = Folder(folder)
    for number in range(count):
        if number % 100 == 99:
            why = f'{{"account": "{account(number)}", "code": "CannotStart", "message": "the role was denied"}}'
            paths.error(account(number)).write_text(why)
            continue
        text = texts[number % len(texts)].replace("123456789012", account(number))
        paths.digest(account(number)).write_text(text)
        size += len(text)
    print(f"{count:,} accounts, {size / count / 1e3:.1f} kB of digest each", flush=True)


def one(folder: Path, count: int) -> None:
    """Reduce and render, and hold it against what was promised."""
    targets = [Target(account=account(number), name=f"team-{number}") for number in range(count)]
    now = datetime.now(UTC)
    began = time.perf_counter()
    rollup = reduce(Folder(folder), targets, run="benchmark", started=now, finished=now)
    reduced = time.perf_counter() - began
    written = {}
    for suffix, (render, _) in FORMATS.items():
        with (folder / f"organization{suffix}").open("w", encoding="utf-8") as file:
            file.writelines(render(rollup))
        written[suffix] = (folder / f"organization{suffix}").stat().st_size
    seconds = time.perf_counter() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"reduced {rollup.reached:,} of {rollup.expected:,} accounts, {sum(rollup.findings.values()):,} findings, "
        f"in {reduced:.1f} s; with its reports {seconds:.1f} s and {memory:.0f} MB; "
        + ", ".join(f"{size / 1e6:.2f} MB {suffix}" for suffix, size in written.items())
    )
    assert rollup.reached + len(rollup.not_reached) == count
    if seconds > MOST_SECONDS or memory > MOST_MB:
        sys.exit(f"more than {MOST_SECONDS} s or {MOST_MB} MB")


if __name__ == "__main__":
    main()
