"""The documentation is true: generated pages are current, and the README names what there is."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from auditor.cli import app
from auditor.guidance import System, behind, guidance, systems
from docs.generate import pages
from tests.lab import RULES

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(("path", "text"), pages().items(), ids=[path.name for path in pages()])
def test_generated_pages_are_current(path: Path, text: str) -> None:
    assert path.read_text(encoding="utf-8") == text, "run `make docs`"


def test_every_piece_of_guidance_is_a_rule_or_says_why_not() -> None:
    pieces = guidance()
    assert len({piece.id for piece in pieces}) == len(pieces) > 600
    for piece in pieces:
        assert piece.statement and piece.section
        assert (piece.rule in RULES) is not bool(piece.left_out), f"{piece.id} {piece.rule}"


def test_every_rule_comes_from_a_piece_of_guidance() -> None:
    assert [name for name in RULES if not behind(name)] == []


@pytest.mark.parametrize("system", systems(), ids=[system.name for system in systems()])
def test_every_system_has_a_rule(system: System) -> None:
    assert system.rules(RULES)


def test_the_readme_names_every_command_and_option() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name, command in app.commands.items():
        assert f"auditor {name}" in readme
        for parameter in command.params:
            for option in parameter.opts:
                assert not option.startswith("--") or f"`{option}" in readme, f"{name} {option}"


def test_the_readme_counts_the_rules() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"{len(RULES)} rules" in readme


def test_the_readme_links_lead_somewhere() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", readme):
        assert (ROOT / target).exists(), target


def test_the_example_rule_of_the_contributing_guide_is_a_rule() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    example = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0]
    assert "def ec2_volume_encrypted(" in example and "ec2-volume-encrypted" in RULES


def test_help_works_for_every_command() -> None:
    for name in app.commands:
        result = CliRunner().invoke(app, [name, "--help"])
        assert result.exit_code == 0 and "Usage:" in result.output
