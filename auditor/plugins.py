"""Loads rules and reports: ours, found by walking their packages, and a stranger's, from a folder."""

import hashlib
import importlib
import importlib.util
import pkgutil
import sys
from pathlib import Path
from types import ModuleType

from auditor import report, rule


class BadPlugin(ValueError):
    """A folder or module of rules that cannot be used. The message names it and says why."""


def load_rules() -> dict[str, rule.Rule]:
    """Every rule that ships, by id, in order."""
    _load_package("auditor.rules")
    return dict(sorted(rule.registry.items()))


def load_reports() -> dict[str, report.Report]:
    """Every report format that ships, by name, in order."""
    _load_package("auditor.reports")
    return dict(sorted(report.registry.items()))


def load_folder(folder: Path) -> dict[str, rule.Rule]:
    """Load every module of a folder as rules, and give those that it added.

    The modules may import each other relatively. Raises BadPlugin.
    """
    if folder.is_file():
        raise BadPlugin(f"--rules {folder}: this is a file; name the folder that it is in")
    if not folder.is_dir():
        raise BadPlugin(f"--rules {folder}: there is no such folder")
    modules = sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")
    if not modules:
        raise BadPlugin(f"--rules {folder}: no Python module in it")
    package = f"auditor_rules_{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]}"
    before = set(rule.registry)
    if package not in sys.modules:
        parent = ModuleType(package)
        parent.__path__ = [str(folder.resolve())]
        sys.modules[package] = parent
    for path in modules:
        name = f"{package}.{path.stem}"
        try:
            importlib.import_module(name)
        except (Exception, SystemExit) as error:  # a module that exits would take us along, as if all were done
            sys.modules.pop(name, None)
            raise BadPlugin(f"{path}: {type(error).__name__}: {error}") from None
    return {name: made for name, made in rule.registry.items() if name not in before}


def _load_package(name: str) -> None:
    package = importlib.import_module(name)
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{name}.{module.name}")
