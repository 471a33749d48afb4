"""Which rules run, and with which settings: the command line's choice and the file's, checked against the catalogue."""

import inspect
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from auditor.engine import Setting
from auditor.findings import Category
from auditor.frameworks import split
from auditor.rule import Rule
from auditor.settings import BadSettings, Settings, nearest, said


def select(
    catalogue: Mapping[str, Rule],
    settings: Settings,
    *,
    rules: Sequence[str] = (),
    services: Sequence[str] = (),
    categories: Sequence[Category] = (),
    frameworks: Sequence[str] = (),
) -> list[Rule]:
    """The chosen rules, in order of id.

    Rules named one by one run even where the file switches them off; those that it switches on for some accounts only
    are among them. Raises BadSettings for what the catalogue lacks.
    """
    known_services = sorted({rule.service for rule in catalogue.values()})
    for wrong in sorted(set(rules) - catalogue.keys()):
        raise BadSettings(f"unknown rule {wrong}{nearest(wrong, list(catalogue)) or '; `auditor rules` lists them'}")
    for place, names in (("", services), ("scan.services: ", settings.scan.services)):
        for wrong in sorted(set(names) - set(known_services)):
            raise BadSettings(f"{place}unknown service {wrong}: rules are over {', '.join(known_services)}")
    for variant in variants(settings):
        for wrong in sorted(variant.rules.keys() - catalogue.keys()):
            raise BadSettings(f"rules.{wrong}: there is no such rule{nearest(wrong, list(catalogue))}")
    wanted_services = set(services or settings.scan.services or known_services)
    wanted_categories = set(categories or settings.scan.categories or Category)
    chosen = [
        rule
        for rule in catalogue.values()
        if (rule.id in rules if rules else any(_is_on(rule, variant) for variant in variants(settings)))
        and rule.service in wanted_services
        and rule.category in wanted_categories
        and (not frameworks or any(split(control)[0] in frameworks for control in rule.controls))
    ]
    if not chosen:
        raise BadSettings("no rule is left to run: widen --rule, --service, --category and --framework")
    return sorted(chosen, key=lambda rule: rule.id)


def variants(settings: Settings) -> list[Settings]:
    """The settings as they are for the accounts in general, and with each override put in."""
    return [settings, *(settings.having([override]) for override in settings.overrides)]


def enabled(rules: Sequence[Rule], settings: Settings, own: Settings) -> list[Rule]:
    """Those of the chosen rules that one account's own settings leave on, or that the command line named."""
    return [rule for rule in rules if _is_on(rule, own) or not any(_is_on(rule, each) for each in variants(settings))]


def _is_on(rule: Rule, settings: Settings) -> bool:
    said = settings.rules[rule.id].enabled if rule.id in settings.rules else None
    return rule.off is None if said is None else said


def configure(catalogue: Mapping[str, Rule], settings: Settings) -> dict[str, Setting]:
    """What the file sets for each rule. Raises BadSettings for an unknown parameter, or a value of a wrong type."""
    known = {name for rule in catalogue.values() for name in rule.parameters}
    for wrong in sorted(settings.parameters.keys() - known):
        raise BadSettings(f"parameters.{wrong}: no rule has such a parameter{nearest(wrong, sorted(known))}")
    made = {}
    for rule in catalogue.values():
        own = settings.rules.get(rule.id)
        general = {name: value for name, value in settings.parameters.items() if name in rule.parameters}
        given = _checked(rule, general, "parameters")
        given |= _checked(rule, own.parameters, f"rules.{rule.id}") if own else {}
        if own or given:
            made[rule.id] = Setting(given, own.severity if own else None)
    return made


def _checked(rule: Rule, given: Mapping[str, Any], place: str) -> dict[str, Any]:
    hints = typing.get_type_hints(inspect.unwrap(rule.function))
    checked = {}
    for name, value in given.items():
        if name not in rule.parameters:
            has = ", ".join(sorted(rule.parameters)) or "none"
            raise BadSettings(f"{place}.{name}: the rule has no such parameter (it has {has})")
        try:
            checked[name] = TypeAdapter(hints.get(name, Any)).validate_python(value)
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            raise BadSettings(f"{place}.{name}: {said(problem['type'], problem['msg'])}") from None
    return checked
