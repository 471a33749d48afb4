"""Which tools a boot script installs packages by."""

import time

import pytest

from auditor.installs import package_installs


@pytest.mark.parametrize(
    ("text", "tools"),
    [
        ("yum install -y httpd", ("yum",)),
        ("sudo apt-get -y -qq install nginx && pip3 install boto3", ("apt-get", "pip3")),
        ("/usr/bin/dnf -y --nogpgcheck localinstall agent.rpm", ("dnf",)),
        ("docker pull northwind/shop:1", ("docker",)),
        ("amazon-linux-extras install docker", ("amazon-linux-extras",)),
        ("python3 -m pip install --upgrade shop", ("pip",)),
        ("yum update -y\nsystemctl enable --now shop", ()),
        ("echo npm\ninstall", ()),
        ("./my-yum install", ()),
        ("apt install-x", ()),
        ("", ()),
    ],
)
def test_the_tools(text: str, tools: tuple[str, ...]) -> None:
    assert package_installs(text) == tools


@pytest.mark.parametrize("piece", ["yum ", "yum -y ", "yum -", "docker\t\t\t", "pip --a=b "])
def test_time_grows_with_the_length(piece: str) -> None:
    started = time.perf_counter()
    package_installs(piece * (200_000 // len(piece)))
    assert time.perf_counter() - started < 2
