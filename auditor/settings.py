"""auditor.toml as a model: what to scan, which rules, with which thresholds."""

import difflib
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from auditor.findings import Category, Severity

DEFAULT_FILE = Path("auditor.toml")


class BadSettings(ValueError):
    """Settings that cannot be used. One line: the file, the key, what is wrong, what was probably meant."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ScanSettings(_Table):
    """What to scan when the command line does not say. `metrics`: read those of CloudWatch too, which AWS bills."""

    regions: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    categories: tuple[Category, ...] = ()
    concurrency: int = Field(default=160, ge=1, le=1024)
    metrics: bool = False


class RuleSettings(BaseModel):
    """One rule: on or off, another severity, and its own parameters under their names."""

    model_config = ConfigDict(frozen=True, extra="allow")

    enabled: bool = True
    severity: Severity | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """What the table says beyond `enabled` and `severity`."""
        return dict(self.__pydantic_extra__ or {})


class Settings(_Table):
    """The whole file. `parameters` sets a parameter for every rule that has one of that name."""

    scan: ScanSettings = ScanSettings()
    parameters: dict[str, Any] = Field(default_factory=dict)
    rules: dict[str, RuleSettings] = Field(default_factory=dict)


def load(path: Path | None) -> Settings:
    """Read the settings of a file; of ./auditor.toml without one, where there is any. Raises BadSettings."""
    if path is None:
        if not DEFAULT_FILE.is_file():
            return Settings()
        path = DEFAULT_FILE
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # Windows editors write a mark in front
    except OSError as error:
        raise BadSettings(f"{path} cannot be read: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSettings(f"{path} is not TOML: {error}") from None
    except RecursionError:
        raise BadSettings(f"{path} is not TOML that can be read: it is nested too deeply") from None
    try:
        return Settings.model_validate(table)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            raise BadSettings(f"{path}: unknown key {where}{nearest(str(problem['loc'][-1]), _keys())}") from None
        raise BadSettings(f"{path}: {where}: {said(problem['type'], problem['msg'])}") from None


def said(kind: str, message: str) -> str:
    """A complaint of pydantic's, in TOML's words where its own are Python's."""
    own = {
        "tuple_type": 'Input should be a list, such as ["a", "b"]',
        "model_type": "Input should be a table",
        "dict_type": "Input should be a table",
    }
    return own.get(kind, message)


def nearest(wrong: str, known: list[str]) -> str:
    """A hint that names the nearest known spelling: "; did you mean X?", or nothing."""
    close = difflib.get_close_matches(wrong, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _keys() -> list[str]:
    return [*Settings.model_fields, *ScanSettings.model_fields]
