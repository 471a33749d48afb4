"""Rekognition Custom Labels: models that run and are asked nothing."""

from typing import Any

import pytest

from tests.lab import Lab
from tests.rules.metric_answers import READ_METRICS, metrics

IDLE = "rekognition-project-version-not-idle"
STREAMS, STREAM = "rekognition:ListStreamProcessors", "rekognition:DescribeStreamProcessor"
LIST, VERSIONS = "rekognition:DescribeProjects", "rekognition:DescribeProjectVersions"
PROJECT = "arn:aws:rekognition:us-east-1:123456789012:project/beans/1"


def versions(*states: str) -> dict[str, Any]:
    described = [
        {"ProjectVersionArn": f"{PROJECT[:-2]}/version/{at}/1", "Status": status, "MinInferenceUnits": 2}
        for at, status in enumerate(states)
    ]
    return {
        LIST: {"ProjectDescriptions": [{"ProjectArn": PROJECT, "Status": "CREATED"}]},
        VERSIONS: {"ProjectVersionDescriptions": described},
    }


@pytest.mark.parametrize(
    ("states", "requests", "wanted"),
    [
        ((), (), ["not_applicable"]),
        (("STOPPED", "TRAINING_COMPLETED"), (), ["not_applicable"]),
        (("RUNNING", "STOPPED"), (), ["fail"]),
        (("RUNNING", "RUNNING"), (0, 0), ["fail", "fail"]),
        (("RUNNING",), (0, 3), ["pass"]),
    ],
)
def test_idle(lab: Lab, states: tuple[str, ...], requests: tuple[float, ...], wanted: list[str]) -> None:
    answers = versions(*states) | metrics({("SuccessfulRequestCount", "DetectCustomLabels"): requests})
    with lab.but(answers=answers):
        assert [finding.status.value for finding in lab.judge(IDLE).findings] == wanted


def test_streams(lab: Lab) -> None:
    house, faces = {"ConnectedHome": {"Labels": ["ALL"]}}, {"FaceSearch": {"CollectionId": "staff"}}
    made: dict[str, dict[str, Any]] = {
        "own": {"KmsKeyId": "key", "Settings": house},
        "plain": {"Settings": house},
        "faces": {"Settings": faces},
    }
    answers = {
        STREAMS: {"StreamProcessors": [{"Name": name, "Status": "RUNNING"} for name in made]},
        STREAM: lambda params, _, __: made[params["Name"]],
    }
    found = lab.findings(IDLE, answers=answers)
    assert {name: (finding.status.value, finding.severity.value) for name, finding in found.items()} == {
        "own": ("pass", "low"), "plain": ("fail", "informational"), "faces": ("not_applicable", "low"),
    }  # fmt: skip
    assert set(lab.statuses(IDLE, answers=answers, deny=[STREAM]).values()) == {"unknown"}
    assert lab.statuses(IDLE, answers=answers, deny=[STREAMS]) == {"*": "unknown"}


@pytest.mark.parametrize("denied", [LIST, VERSIONS, READ_METRICS])
def test_unread_is_unknown(lab: Lab, denied: str) -> None:
    answers = versions("RUNNING") | metrics({})
    assert set(lab.statuses(IDLE, answers=answers, deny=[denied]).values()) == {"unknown"}


def test_without_metrics_it_is_unknown(lab: Lab) -> None:
    assert set(lab.statuses(IDLE, answers=versions("RUNNING"), metrics=False).values()) == {"unknown"}
