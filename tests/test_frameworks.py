"""The framework tables, and what a wrong citation is told."""

import re
from urllib.parse import urlsplit

import pytest

from auditor.frameworks import FRAMEWORKS, Framework, check, split

SHAPES = {
    "SecurityHub": r"[A-Z][A-Za-z0-9]+\.\d+",
    "CIS-3.0": r"\d+(\.\d+){1,2}",
    "CIS-5.0": r"\d+(\.\d+){1,2}",
    "PCI-4.0": r"A?\d+(\.\d+){2,5}",
    "NIST-800-53-r5": r"[a-z]{2}_\d+(_\d+|_[a-z])*",
    "ISO-27001-2022": r"A\.[5-8]\.\d+",
}


def test_every_framework_is_listed_under_its_own_key() -> None:
    assert list(FRAMEWORKS) == list(SHAPES)
    assert all(key == framework.key for key, framework in FRAMEWORKS.items())


@pytest.mark.parametrize("framework", FRAMEWORKS.values(), ids=lambda framework: str(framework.key))
def test_a_table_holds_numbers_as_its_publisher_writes_them(framework: Framework) -> None:
    assert len(framework.numbers) >= 20
    assert [number for number in framework.numbers if not re.fullmatch(SHAPES[framework.key], number)] == []
    assert framework.name
    assert urlsplit(framework.url).scheme == "https"


@pytest.mark.parametrize("framework", FRAMEWORKS.values(), ids=lambda framework: str(framework.key))
def test_every_known_number_may_be_cited_alone_and_together(framework: Framework) -> None:
    for number in framework.numbers:
        check(f"{framework.key} {number}")
    check(f"{framework.key} {' '.join(sorted(framework.numbers))}")


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        ("SecurityHub EC2.8", ("SecurityHub", ("EC2.8",))),
        ("CIS-3.0 5.6", ("CIS-3.0", ("5.6",))),
        ("NIST-800-53-r5 ac_2_6 ac_3 ac_3_3", ("NIST-800-53-r5", ("ac_2_6", "ac_3", "ac_3_3"))),
    ],
)
def test_split_takes_a_citation_apart(control: str, expected: tuple[str, tuple[str, ...]]) -> None:
    assert split(control) == expected


@pytest.mark.parametrize("control", ["", " ", "CIS-5.0", "5.7"])
def test_a_citation_without_framework_or_number_is_shown_the_form(control: str) -> None:
    with pytest.raises(ValueError, match=r'for example "CIS-5\.0 5\.7"'):
        split(control)


@pytest.mark.parametrize(
    ("control", "said"),
    [
        ("cis-5.0 5.7", "unknown framework 'cis-5.0': did you mean 'CIS-5.0'"),
        ("CIS-5 5.7", "did you mean 'CIS-5.0'"),
        ("NIST-800-53 ac_3", "did you mean 'NIST-800-53-r5'"),
        ("Security-Hub EC2.8", "did you mean 'SecurityHub'"),
        ("SecurityHub EC2.80", "which SecurityHub does not have: did you mean 'EC2.8'"),
        ("SecurityHub Ec2.8", "did you mean 'EC2.8'"),
        ("CIS-5.0 5.1.3", "did you mean '5.1."),
        ("PCI-4.0 8.2.8", "did you mean '8.2.8."),
        ("NIST-800-53-r5 ac_3 AC-3(3)", "cites 'AC-3(3)'"),
        ("ISO-27001-2022 8.20", "did you mean 'A.8.20'"),
        ("CIS-5.0 5.7 5.7", "cites a control twice"),
    ],
)
def test_a_wrong_citation_is_told_what_was_probably_meant(control: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        check(control)
