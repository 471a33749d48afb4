"""auditor.toml as a model: what to scan, which rules, with which thresholds, what breaks a build, what is accepted."""

import difflib
import json
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from auditor.findings import Category, Severity

DEFAULT_FILE = Path("auditor.toml")
PYPROJECT = Path("pyproject.toml")


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
    """One rule: on or off (None: as the rule itself says), another severity, its own parameters under their names."""

    model_config = ConfigDict(frozen=True, extra="allow")

    enabled: bool | None = None
    severity: Severity | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """What the table says beyond `enabled` and `severity`."""
        return dict(self.__pydantic_extra__ or {})


class ReportSettings(_Table):
    """Which reports to write when the command line does not say, and where to."""

    formats: tuple[str, ...] = ()
    output: Path | None = None


class GateSettings(_Table):
    """When `auditor gate` fails. The conditions are written as `--fail-on` takes them: "new:high"."""

    fail_on: tuple[str, ...] = ()
    min_coverage: float | None = Field(default=None, ge=0, le=100)
    soft_fail: tuple[str, ...] = ()
    baseline: Path | None = None


class Suppress(_Table):
    """An accepted risk: which failures, why, whose decision it was, and until when.

    rule, resource (an ARN) and region may be globs; tag is "name" or "name=value", whose value may be one. All that is
    given must hold, and something must be given.
    """

    rule: str | None = None
    resource: str | None = None
    tag: str | None = None
    account: str | None = Field(default=None, pattern=r"^\d{12}$")
    region: str | None = None
    fingerprint: str | None = Field(default=None, pattern=r"^[0-9a-f]{32}$")
    reason: str = Field(min_length=1)
    owner: str = Field(min_length=1)
    expires: date

    @property
    def identity(self) -> dict[str, str]:
        """What it accepts, by condition."""
        return self.model_dump(exclude_none=True, exclude={"reason", "owner", "expires"})

    @model_validator(mode="after")
    def _means_something(self) -> Self:
        if not self.identity:
            raise PydanticCustomError(
                "too_wide", "say what it accepts: rule, resource, tag, account, region or fingerprint"
            )
        return self


class Override(_Table):
    """Other rules and parameters for some accounts: what is said here goes before what the file says for all.

    accounts: their ids. account_tags: what AWS Organizations has tagged them with, values may be globs; all must hold.
    """

    accounts: tuple[Annotated[str, Field(pattern=r"^\d{12}$")], ...] = ()
    account_tags: dict[str, str] = Field(default_factory=dict)
    parameters: dict[str, Any] = Field(default_factory=dict)
    rules: dict[str, RuleSettings] = Field(default_factory=dict)

    def means(self, account: str, tags: Mapping[str, str]) -> bool:
        """Whether it is about an account."""
        if self.accounts and account not in self.accounts:
            return False
        return all(name in tags and fnmatchcase(tags[name], value) for name, value in self.account_tags.items())

    @model_validator(mode="after")
    def _means_some(self) -> Self:
        if not self.accounts and not self.account_tags:
            raise PydanticCustomError("too_wide", "say which accounts it is about: accounts or account_tags")
        return self


class Settings(_Table):
    """The whole file. `parameters` sets a parameter for every rule that has one of that name."""

    scan: ScanSettings = ScanSettings()
    report: ReportSettings = ReportSettings()
    gate: GateSettings = GateSettings()
    parameters: dict[str, Any] = Field(default_factory=dict)
    rules: dict[str, RuleSettings] = Field(default_factory=dict)
    overrides: tuple[Override, ...] = ()
    suppress: tuple[Suppress, ...] = ()

    @property
    def by_tag(self) -> bool:
        """Whether an account's tags decide on anything."""
        return any(override.account_tags for override in self.overrides)

    def of(self, account: str, tags: Mapping[str, str] = MappingProxyType({})) -> "Settings":
        """The settings as they are for one account: the overrides that mean it are put in, the last one last."""
        return self.having(override for override in self.overrides if override.means(account, tags))

    def having(self, overrides: Iterable[Override]) -> "Settings":
        """The settings with these overrides put in."""
        parameters, rules = dict(self.parameters), dict(self.rules)
        for override in overrides:
            parameters |= override.parameters
            for rule, own in override.rules.items():
                before = rules[rule].model_dump(exclude_unset=True) if rule in rules else {}
                rules[rule] = RuleSettings(**(before | own.model_dump(exclude_unset=True)))
        return self.model_copy(update={"parameters": parameters, "rules": rules, "overrides": ()})


def load(path: Path | None) -> Settings:
    """Read the settings of a file. Raises BadSettings.

    Without one, of ./auditor.toml, else of the table tool.auditor in ./pyproject.toml, else the defaults.
    """
    path = path or found()
    if path is None:
        return Settings()
    table = _read(path)
    if path.name == PYPROJECT.name:
        table = table.get("tool", {}).get("auditor", {})
    try:
        return Settings.model_validate(table)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            raise BadSettings(f"{path}: unknown key {where}{nearest(str(problem['loc'][-1]), _keys())}") from None
        raise BadSettings(f"{path}: {where}: {said(problem['type'], problem['msg'])}") from None


def found() -> Path | None:
    """The file of this folder that holds settings, if any."""
    if DEFAULT_FILE.is_file():
        return DEFAULT_FILE
    if PYPROJECT.is_file() and "auditor" in _read(PYPROJECT).get("tool", {}):
        return PYPROJECT
    return None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))  # Windows editors write a mark in front
    except OSError as error:
        raise BadSettings(f"{path} cannot be read: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSettings(f"{path} is not TOML: {error}") from None
    except RecursionError:
        raise BadSettings(f"{path} is not TOML that can be read: it is nested too deeply") from None


def schema() -> str:
    """The JSON Schema of the file, for editors. A test holds `settings.schema.json` to it."""
    made = Settings.model_json_schema()
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    made["title"] = "auditor.toml"
    return json.dumps(made, indent=2) + "\n"


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
    tables = (Settings, ScanSettings, ReportSettings, GateSettings, Suppress, Override, RuleSettings)
    return [name for table in tables for name in table.model_fields]
