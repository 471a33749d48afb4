"""The Lambda package: what is in it, and that it runs under Lambda's own runtime client.

Building takes half a minute and a package index: `.ci/run` sets AUDITOR_PACKAGE=1, and the rest is tested without.
"""

import json
import os
import platform
import struct
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from auditor.plugins import load_reports
from deploy import build
from tests.lab import RULES, Lab
from tests.runtime import Runtime

ROOT = Path(__file__).parent.parent
HERE = ".".join(map(str, sys.version_info[:2]))
ELF = {62: "x86_64", 183: "arm64"}  # e_machine: EM_X86_64, EM_AARCH64
built = pytest.mark.skipif(not os.environ.get("AUDITOR_PACKAGE"), reason="AUDITOR_PACKAGE=1 builds the package")


def pinned() -> dict[str, str]:
    lines = [line.strip() for line in build.REQUIREMENTS.read_text().splitlines()]
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_every_dependency_is_pinned_as_the_project_asks() -> None:
    requirements = pytest.importorskip("packaging.requirements")
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    for text in asked:
        requirement = requirements.Requirement(text)
        if requirement.name != "click":  # the terminal's
            assert requirement.specifier.contains(pinned()[requirement.name]), text


def test_the_container_and_the_template_run_the_same_handler_on_the_same_python() -> None:
    recipe = (ROOT / "deploy" / "Dockerfile").read_text()
    assert (
        f"public.ecr.aws/lambda/python:{build.PYTHON}" in recipe and 'CMD ["auditor.lambda_handler.handler"]' in recipe
    )
    assert "deploy/requirements.txt" in recipe
    template = (ROOT / "deploy" / "template.yaml").read_text()
    assert f"Runtime: python{build.PYTHON}" in template and "dist/auditor-lambda-arm64.zip" in template


def test_the_models_of_every_service_that_is_asked_are_kept() -> None:
    assert {"ec2", "iam", "s3", "sts", "sns", "events", "securityhub"} <= build.services()
    assert len(build.services()) > 50


def test_a_machine_that_is_too_new_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    missing = tmp_path / "requirements.txt"
    missing.write_text("a-package-that-nobody-wrote @ file:///nowhere\n")
    monkeypatch.setattr(build, "REQUIREMENTS", missing)
    assert build.main(["--architecture", "arm64", "--output", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("deploy.build: pip could not install the dependencies")


def test_equal_files_give_equal_bytes(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (root / "a" / "b.py").write_text("1")
    build.pack(root, tmp_path / "one.zip")
    os.utime(root / "a" / "b.py", (1, 1))
    (root / "a" / "b.py").chmod(0o600)
    build.pack(root, tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("dist")
    return {architecture: build.build(architecture, folder) for architecture in build.MACHINES}


@built
@pytest.mark.parametrize("architecture", build.MACHINES)
def test_a_package_fits_and_has_no_part_of_another_machine(packages: dict[str, Path], architecture: str) -> None:
    path = packages[architecture]
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        assert path.stat().st_size < build.LARGEST_ZIP
        assert sum(entry.file_size for entry in archive.infolist()) < build.LARGEST_UNZIPPED
        compiled = [name for name in names if ".so" in Path(name).suffixes or name.endswith((".so", ".dylib", ".pyd"))]
        assert any("pydantic_core" in name for name in compiled)
        for name in compiled:
            head = archive.read(name)[:20]
            assert head[:4] == b"\x7fELF" and ELF[struct.unpack_from("<H", head, 18)[0]] == architecture, name
            assert "cpython" not in name or "cpython-312-" in name, name
        assert {"auditor/lambda_handler.py", "auditor/rules/s3.py", "auditor/reports/json.py"} <= set(names)
        assert not [name for name in names if name.startswith(("moto/", "click/", "pygments/", "auditor/demo/"))]
        for service in build.services():
            assert any(name.startswith(f"botocore/data/{service}/") for name in names), service
        if build.interpreter(build.PYTHON):
            assert "auditor/__pycache__/lambda_handler.cpython-312.pyc" in names


@built
def test_the_package_runs_under_the_real_runtime_client(
    packages: dict[str, Path], lab: Lab, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pytest.importorskip("awslambdaric")
    machine = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
    same = build.PYTHON == HERE
    path = packages[machine] if same else build.build(machine, tmp_path_factory.mktemp("here"), HERE)
    root = tmp_path / "task"
    with zipfile.ZipFile(path) as archive:
        archive.extractall(root)
    lab.client("s3").create_bucket(Bucket="audit-results")
    topic = lab.client("sns").create_topic(Name="digest")["TopicArn"]
    lab.client("securityhub").enable_security_hub()
    lab.client("ec2").create_volume(AvailabilityZone="us-east-1a", Size=1, Encrypted=False)
    environment = {
        **lab.endpoint.credentials, "AUDITOR_BUCKET": "audit-results", "AUDITOR_TOPIC": topic,
        "AUDITOR_REGIONS": "us-east-1", "AUDITOR_BUS": "default", "AUDITOR_SECURITY_HUB": "true",
    }  # fmt: skip
    formats = [name for name in load_reports() if name not in ("json", "html")]
    with Runtime(root, tmp_path, environment) as function:
        good, said = function.invoke({"run": "one", "formats": formats})
        assert good, said
        assert function.invoke({"run": "one", "formats": formats})[1]["accounts"][0]["resumed"]
        good, second = function.invoke({"run": "two"}, seconds=8)
        assert good and second["accounts"][0]["new"] == 0
        good, refused = function.invoke({"bukcet": "x"})
        assert not good and refused["errorType"] == "BadInvocation"
    (account,) = said["accounts"]
    assert account["coverage"] > 90 and "security_hub" in account["delivered"] and "events" in account["delivered"]
    keys = {each["Key"] for each in lab.client("s3").list_objects_v2(Bucket="audit-results")["Contents"]}
    assert len([key for key in keys if "/one/report." in key]) == len(formats) + 1
    assert len(lab.endpoint.backend("sns").topics[topic].sent_notifications) == 1
    assert len(lab.endpoint.backend("securityhub").findings) > 5
    metrics = [line for line in function.lines() if "_aws" in line]
    assert metrics[0]["Scans"] == 1 and json.dumps(metrics)
    assert len(RULES) > 0
