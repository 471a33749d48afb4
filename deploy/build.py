"""Builds the Lambda package: `python -m deploy.build`, or `make lambda`. One zip for each architecture.

The dependencies are the pinned ones of requirements.txt, as wheels for Lambda's platform, whatever this machine is.
Everything is compiled beforehand: in Lambda nothing can be written next to the modules, and each cold start would
compile them anew. Equal inputs give equal bytes.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import auditor.resources  # noqa: F401 - its models say which services are asked
from auditor.model import Resource, operations

ROOT = Path(__file__).parent.parent
REQUIREMENTS = Path(__file__).parent / "requirements.txt"
PYTHON = "3.12"
# Lambda's name of an architecture, and the wheels' one.
MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
GLIBC = ("2014", "_2_17", "_2_28")  # Amazon Linux 2023, which python3.12 runs on, has 2.34
LARGEST_ZIP, LARGEST_UNZIPPED = 50 << 20, 120 << 20  # Lambda's own limit of an upload, and well below the unzipped one
# What delivers, beside what collects; signing in is not done in Lambda.
DELIVERY = frozenset({"s3", "sns", "events", "securityhub", "sts", "organizations"})
NOT_NEEDED = ("examples-1.json.gz", "waiters-2.json.gz")
LEFT_OUT = ("auditor/demo", "bin", "boto3/examples", "boto3/data")
EPOCH = (1980, 1, 1, 0, 0, 0)


class BuildFailed(RuntimeError):
    """The package could not be built. One line that says why."""


def build(architecture: str, output: Path, python: str = PYTHON) -> Path:
    """Build the package for an architecture and a version of Python into a folder. Raises BuildFailed."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        install(root, MACHINES[architecture], python)
        add_ours(root)
        trim(root)
        compile_all(root, python)
        path = output / f"auditor-lambda-{architecture}.zip"
        pack(root, path)
        check(path)
    return path


def install(root: Path, machine: str, python: str) -> None:
    """Put the dependencies there, as wheels for that machine."""
    platforms = [f"--platform=manylinux{version}_{machine}" for version in GLIBC]
    command = [
        sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "--no-deps",
        "--target", str(root), *platforms, "--python-version", python, "--implementation", "cp",
        "--only-binary=:all:", "--requirement", str(REQUIREMENTS),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildFailed(f"pip could not install the dependencies: {done.stderr.strip().splitlines()[-1:]}")


def add_ours(root: Path) -> None:
    """Put the program there, as the wheel has it: rules and reports inside it."""
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
    for source, target in (("auditor", "auditor"), ("rules", "auditor/rules"), ("reports", "auditor/reports")):
        shutil.copytree(ROOT / source, root / target, ignore=ignore, dirs_exist_ok=True)
    settings = ROOT / "auditor.toml"
    if settings.is_file():  # the function runs where the package lies, and finds it
        shutil.copy(settings, root)


def services() -> frozenset[str]:
    """The services whose models the package needs."""
    return DELIVERY | {operation.service for kind in Resource.kinds.values() for operation in operations(kind)}


def trim(root: Path) -> None:
    """Take away what no invocation reads: most of all the models of services that are not asked."""
    for name in LEFT_OUT:
        shutil.rmtree(root / name, ignore_errors=True)
    needed = services()
    for path in (root / "botocore" / "data").iterdir():
        if path.is_dir() and path.name not in needed:
            shutil.rmtree(path)
    for name in NOT_NEEDED:
        for path in (root / "botocore" / "data").rglob(name):
            path.unlink()


def compile_all(root: Path, python: str) -> None:
    """Compile every module with the Python that will run it, valid whatever time stamps the files get."""
    command = interpreter(python)
    if command is None:
        sys.stderr.write(f"deploy.build: no python{python} here: each cold start will compile the modules anew\n")
        return
    options = ["-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash", "-s", str(root)]
    done = subprocess.run([command, *options, str(root)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildFailed(f"python{python} could not compile: {done.stdout.strip().splitlines()[-1:]}")


def interpreter(python: str) -> str | None:
    """A Python of this version on this machine, if there is one."""
    here = ".".join(map(str, sys.version_info[:2]))
    named = shutil.which(f"python{python}")
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates: list[str | Path | None] = [
        sys.executable if here == python else None,
        named,
        *sorted(versions.glob(f"{python}.*/bin/python")),
    ]
    for candidate in (str(each) for each in candidates if each):
        # A shim of pyenv's may lead nowhere.
        if subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return candidate
    return None


def pack(root: Path, path: Path) -> None:
    """Zip a folder: the same files give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in files(root):
            entry = zipfile.ZipInfo(file.relative_to(root).as_posix(), EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16  # readable for the function's user
            archive.writestr(entry, file.read_bytes())


def files(root: Path) -> Iterable[Path]:
    """Every file of a folder, in order."""
    return sorted(path for path in root.rglob("*") if path.is_file())


def check(path: Path) -> None:
    """Hold a package against the limits. Raises BuildFailed."""
    with zipfile.ZipFile(path) as archive:
        unzipped = sum(entry.file_size for entry in archive.infolist())
    zipped = path.stat().st_size
    if zipped > LARGEST_ZIP or unzipped > LARGEST_UNZIPPED:
        raise BuildFailed(f"{path} is too large: {zipped >> 20} MB zipped, {unzipped >> 20} MB unzipped")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.build", description="Build the Lambda package.")
    parser.add_argument("--architecture", nargs="+", choices=sorted(MACHINES), default=sorted(MACHINES))
    parser.add_argument("--output", type=Path, default=Path("dist"))
    asked = parser.parse_args(arguments)
    for architecture in asked.architecture:
        try:
            path = build(architecture, asked.output)
        except BuildFailed as error:
            sys.stderr.write(f"deploy.build: {error}\n")
            return 2
        sys.stdout.write(f"{path}: {path.stat().st_size / 1e6:.1f} MB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
