"""The door: what it lets through, what it retries, what it counts, how it ends."""

import asyncio
import getpass
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.credentials import AssumeRoleProvider

from auditor.aws import door as door_module
from auditor.aws import session as session_module
from auditor.aws.door import Door, NotDeclared
from auditor.aws.session import Access, CannotStart, Misuse, connect
from auditor.demo.endpoint import Endpoint, Error
from auditor.fetch import CallError, operation
from auditor.findings import GapKind
from auditor.progress import Progress
from tests.lab import Lab

USERS = operation("iam", "ListUsers")
CREDENTIALS = operation("iam", "ListServiceSpecificCredentials")
NOW = datetime(2026, 5, 1, tzinfo=UTC)
VOLUMES = operation("ec2", "DescribeVolumes")


pytestmark = pytest.mark.usefixtures("no_waiting")


def through(lab: Lab, work: Callable[[Door], Awaitable[Any]], progress: Progress | None = None) -> Any:
    async def run() -> Any:
        session = await connect(Access(endpoint_url=lab.endpoint.url, regions=("us-east-1",)), concurrency=8)
        try:
            return await work(session.door([USERS, VOLUMES, CREDENTIALS], progress))
        finally:
            await session.close()

    return asyncio.run(run())


def failing(times: int, error: Error) -> Callable[[str, str, str], Error | None]:
    seen: Counter[str] = Counter()

    def fault(service: str, name: str, region: str) -> Error | None:
        if name not in ("ListUsers", "DescribeVolumes"):
            return None
        seen[name] += 1
        return error if seen[name] <= times else None

    return fault


def test_an_undeclared_operation_is_never_sent(lab: Lab) -> None:
    async def work(door: Door) -> None:
        await door.call("iam", "DeleteUser", "us-east-1", {"UserName": "x"})

    with pytest.raises(NotDeclared, match="iam:DeleteUser"):
        through(lab, work)
    assert not any(name == "DeleteUser" for _, name, _ in lab.endpoint.seen)


def test_all_pages_are_read(lab: Lab) -> None:
    for number in range(7):
        lab.client("iam").create_user(UserName=f"user-{number}")

    async def work(door: Door) -> list[str]:
        pages = door.pages("iam", "ListUsers", "us-east-1", {"MaxItems": 3})
        return [user["UserName"] async for page in pages for user in page["Users"]]

    assert sorted(through(lab, work)) == [f"user-{number}" for number in range(7)]


def test_pages_that_botocore_does_not_know_are_read_too(lab: Lab) -> None:
    def answer(params: dict[str, Any], region: str, account: str) -> dict[str, Any]:
        second = params.get("Marker") == "more"
        mine = {"UserName": "second" if second else "first", "Status": "Active", "CreateDate": NOW,
                "ServiceName": "codecommit", "ServiceSpecificCredentialId": "ACCA1234567890123456"}  # fmt: skip
        return {"ServiceSpecificCredentials": [mine]} | ({} if second else {"IsTruncated": True, "Marker": "more"})

    async def work(door: Door) -> list[str]:
        pages = door.pages("iam", "ListServiceSpecificCredentials", "us-east-1", {"AllUsers": True})
        return [found["UserName"] async for page in pages for found in page["ServiceSpecificCredentials"]]

    with lab.but(answers={"iam:ListServiceSpecificCredentials": answer}):
        assert through(lab, work) == ["first", "second"]


def test_a_token_that_does_not_move_on_ends_the_listing(lab: Lab) -> None:
    async def work(door: Door) -> list[Any]:
        return [page async for page in door.pages("iam", "ListUsers", "us-east-1")]

    with (
        lab.but(answers={"iam:ListUsers": {"Users": [], "IsTruncated": True, "Marker": "again"}}),
        pytest.raises(CallError, match="same page token"),
    ):
        through(lab, work)


@pytest.mark.parametrize(
    ("error", "times", "throttles"),
    [
        (Error("Throttling", "Rate exceeded", 400), 5, 5),
        (Error("InternalFailure", "again", 500), 3, 0),
        (Error("ServiceUnavailable", "later", 503), 3, 0),
    ],
)
def test_what_passes_is_tried_again(lab: Lab, error: Error, times: int, throttles: int) -> None:
    async def work(door: Door) -> Any:
        await door.call("iam", "ListUsers", "us-east-1")
        return door.records()

    lab.endpoint.faults = failing(times, error)
    progress = Progress()
    (record,) = through(lab, work, progress)
    assert (record.calls, record.errors, record.throttles) == (times + 1, 0, throttles)
    assert (progress.calls, progress.throttles) == (times + 1, throttles)


def test_what_does_not_pass_is_given_up(lab: Lab) -> None:
    async def work(door: Door) -> Any:
        with pytest.raises(CallError) as caught:
            await door.call("iam", "ListUsers", "us-east-1")
        return caught.value, door.records()

    lab.endpoint.faults = failing(1000, Error("InternalFailure", "broken", 500))
    error, (record,) = through(lab, work)
    assert error.kind is GapKind.FAILED and error.code == "InternalFailure"
    assert (record.calls, record.errors) == (door_module.ATTEMPTS, 1)


@pytest.mark.parametrize(("service", "name"), [("iam", "ListUsers"), ("ec2", "DescribeVolumes")])
def test_a_refusal_is_final(lab: Lab, service: str, name: str) -> None:
    async def work(door: Door) -> Any:
        with pytest.raises(CallError) as caught:
            await door.call(service, name, "us-east-1")
        return caught.value, door.records()

    with lab.but(deny={f"{service}:{name}"}):
        error, (record,) = through(lab, work)
    assert error.kind is GapKind.DENIED
    assert (record.calls, record.errors) == (1, 1)


def test_stop_ends_what_is_under_way_and_lets_nothing_new_begin(lab: Lab) -> None:
    async def work(door: Door) -> Any:
        lab.endpoint.latency = 30
        calls = [asyncio.ensure_future(door.call("iam", "ListUsers", "us-east-1")) for _ in range(3)]
        asyncio.get_running_loop().call_later(0.2, door.stop, "enough")
        await asyncio.wait(calls)
        calls.append(asyncio.ensure_future(door.call("iam", "ListUsers", "us-east-1")))
        return await asyncio.gather(*calls, return_exceptions=True)

    try:
        errors = through(lab, work)
    finally:
        lab.endpoint.latency = 0
    assert [error.kind for error in errors] == [GapKind.STOPPED] * 4


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def opening(**access: Any) -> Any:
    async def run() -> Any:
        session = await connect(Access(**access), concurrency=8)
        await session.close()
        return session

    return asyncio.run(run())


def test_an_unreachable_endpoint_is_said_in_one_line(lab: Lab) -> None:
    with pytest.raises(CannotStart, match="cannot be reached"):
        opening(endpoint_url=f"http://127.0.0.1:{free_port()}", regions=("us-east-1",))


def test_an_endpoint_that_does_not_answer_is_not_waited_for(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "PATIENCE", 0.2)
    lab.endpoint.latency = 30
    with pytest.raises(CannotStart, match="does not answer"):
        opening(endpoint_url=lab.endpoint.url, regions=("us-east-1",))


def test_refused_credentials_are_said_in_one_line(lab: Lab) -> None:
    answers = {"sts:GetCallerIdentity": Error("ExpiredToken", "The security token is expired", 403)}
    with lab.but(answers=answers), pytest.raises(CannotStart, match="refresh them"):
        opening(endpoint_url=lab.endpoint.url)


def test_no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    with pytest.raises(CannotStart, match="no AWS credentials found"):
        opening()


def test_an_unknown_profile(lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "config").write_text("[profile work]\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with pytest.raises(Misuse, match="work"):
        opening(profile="wrok")


@pytest.mark.parametrize("region", ["eu-west-99", "nowhere"])
def test_an_unknown_region(lab: Lab, region: str) -> None:
    with pytest.raises(Misuse, match=f"unknown region {region}"):
        opening(endpoint_url=lab.endpoint.url, regions=(region, "us-east-1"))


def test_a_region_that_is_not_enabled(lab: Lab) -> None:
    with pytest.raises(Misuse, match="not enabled"):
        opening(endpoint_url=lab.endpoint.url, regions=("il-central-1",))


def test_regions_are_asked_of_aws(lab: Lab) -> None:
    regions = {"Regions": [{"RegionName": "eu-west-1", "OptInStatus": "opt-in-not-required"}]}
    with lab.but(answers={"ec2:DescribeRegions": regions}):
        session = opening(endpoint_url=lab.endpoint.url)
    assert session.regions == ("eu-west-1",)


def test_without_the_list_of_regions_they_must_be_named(lab: Lab) -> None:
    with lab.but(deny={"ec2:DescribeRegions"}):
        with pytest.raises(CannotStart, match="allow ec2:DescribeRegions"):
            opening(endpoint_url=lab.endpoint.url)
        assert opening(endpoint_url=lab.endpoint.url, regions=("eu-west-1",)).regions == ("eu-west-1",)


@pytest.mark.parametrize(("region", "partition"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")])
def test_other_partitions(lab: Lab, region: str, partition: str) -> None:
    session = opening(endpoint_url=lab.endpoint.url, regions=(region,))
    assert session.partition == partition
    assert session.home.startswith(region[:2])


def test_an_assumed_role(lab: Lab) -> None:
    role = "arn:aws:iam::210987654321:role/Auditor"
    session = opening(
        endpoint_url=lab.endpoint.url, role_arn=role, external_id="of the auditor", regions=("us-east-1",)
    )
    assert session.account == "210987654321"


def test_a_role_that_may_not_be_assumed(lab: Lab) -> None:
    with lab.but(deny={"sts:AssumeRole"}), pytest.raises(CannotStart, match="role could not be assumed"):
        opening(endpoint_url=lab.endpoint.url, role_arn="arn:aws:iam::210987654321:role/Auditor")


def test_an_endpoint_that_dies_is_given_up_after_the_second_failure(lab: Lab) -> None:
    async def run() -> Any:
        with Endpoint() as endpoint:
            session = await connect(Access(endpoint_url=endpoint.url, regions=("us-east-1",)), concurrency=4)
        door = session.door([USERS, VOLUMES])
        try:
            errors = await asyncio.gather(
                *(door.call("iam", "ListUsers", "us-east-1") for _ in range(5)), return_exceptions=True
            )
            return errors, door.records()
        finally:
            await session.close()

    errors, records = asyncio.run(run())
    assert {error.kind for error in errors if isinstance(error, CallError)} == {GapKind.UNREACHABLE}
    assert len(errors) == 5
    assert sum(record.calls for record in records) <= 5 + door_module.UNREACHABLE_AFTER


def profiles(tmp_path: Any, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (tmp_path / "config").write_text(text)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)


def test_an_unknown_profile_of_the_environment(lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    profiles(tmp_path, monkeypatch, "[profile work]\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_PROFILE", "wrok")
    with pytest.raises(Misuse, match="choose one of work"):
        opening()


def test_single_sign_on_that_is_over(lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    text = """
[profile work]
sso_session = ours
sso_account_id = 123456789012
sso_role_name = Auditor
[sso-session ours]
sso_region = eu-west-1
sso_start_url = https://example.invalid/start
"""
    monkeypatch.setenv("HOME", str(tmp_path))
    profiles(tmp_path, monkeypatch, text)
    with pytest.raises(CannotStart, match="run `aws sso login --profile work`"):
        opening(profile="work", endpoint_url=lab.endpoint.url)


def test_a_profile_that_asks_for_a_code(lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    text = """
[profile base]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
[profile work]
source_profile = base
role_arn = arn:aws:iam::210987654321:role/Auditor
mfa_serial = arn:aws:iam::123456789012:mfa/anna
"""
    profiles(tmp_path, monkeypatch, text)
    typed: list[str] = []

    def prompt(text: str) -> str:
        typed.append(text)
        return "123456"

    asks = AssumeRoleProvider.__init__
    defaults = tuple(prompt if default is getpass.getpass else default for default in asks.__defaults__)
    monkeypatch.setattr(asks, "__defaults__", defaults)
    session = opening(profile="work", endpoint_url=lab.endpoint.url)
    assert session.account == "210987654321" and len(typed) == 1


def test_a_bundle_of_certificates_that_is_not_there(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", "/nowhere/ca.pem")
    with pytest.raises(Misuse, match=r"/nowhere/ca\.pem is not there"):
        opening(endpoint_url=lab.endpoint.url)


def test_the_region_of_the_environment(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "nowhere")
    with pytest.raises(Misuse, match="check --region, AWS_REGION"):
        opening(endpoint_url=lab.endpoint.url)
