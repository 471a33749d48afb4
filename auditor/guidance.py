"""The body of guidance that rules come from: each piece, in our words, with its rule or why there is none.

Two tables beside this file. guidance.csv has a row for each piece; systems.csv names the AWS systems that the guidance
speaks of, each with the patterns of the ids of the rules that are about it.
"""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Guidance:
    """One piece of guidance: its section in the notes, what it says, and the rule that holds an account to it.

    left_out: why there is no such rule; empty where there is one.
    """

    id: str
    rule: str
    section: str
    statement: str
    left_out: str


@dataclass(frozen=True)
class System:
    """An AWS system that the guidance names, with the patterns of its rules' ids."""

    name: str
    patterns: tuple[str, ...]

    def rules(self, ids: Iterable[str]) -> list[str]:
        """Those of these rules that are about it."""
        return [rule for rule in ids if any(fnmatchcase(rule, pattern) for pattern in self.patterns)]


@cache
def guidance() -> tuple[Guidance, ...]:
    """Every piece, in order of its id."""
    return tuple(Guidance(**row) for row in _rows("guidance.csv"))


@cache
def systems() -> tuple[System, ...]:
    """Every system."""
    return tuple(System(row["system"], tuple(row["rules"].split())) for row in _rows("systems.csv"))


def behind(rule: str) -> list[Guidance]:
    """The pieces of guidance that a rule comes from; none for a stranger's rule."""
    return [piece for piece in guidance() if piece.rule == rule]


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files("auditor").joinpath(name).read_text(encoding="utf-8"))))
