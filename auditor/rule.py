"""What a rule is: a function from one resource to a verdict.

    @rule(severity=Severity.HIGH, controls=("SecurityHub EC2.8", "CIS-5.0 5.7"), notes="IMDSv2 vs. IMDSv1")
    def ec2_instance_imdsv2_required(instance: Instance) -> Verdict:
        '''EC2 instances accept metadata requests only with a session token (IMDSv2).

        Risk: a request forged through the application can read the role's credentials with a plain GET.
        Fix: aws ec2 modify-instance-metadata-options --instance-id {id} --http-tokens required
        '''

The id is the function's name with hyphens. Title, risk and fix come from the docstring; the resource type (or a union
of them) from the first annotation; a second parameter of type Inventory gives the rest of the account; keyword-only
parameters with defaults are what auditor.toml may set. A rule about parts of a resource (its inline policies) yields
several verdicts, each with a `key`. `unknown` is raised by the model when something was not read; a rule says it only
where the truth lies outside what this account can show.
"""

import inspect
import re
import typing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from types import UnionType
from typing import Any, TypeVar

from auditor.fetch import Unread
from auditor.findings import Category, Severity, Status, plain
from auditor.inventory import Inventory
from auditor.model import Resource

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One answer: its status, a message for people, the values that decided, by field.

    severity overrides the rule's default, or, unsettled, may only raise it; key tells apart several verdicts about
    one resource.
    """

    status: Status
    message: str = ""
    evidence: dict[str, Any] = field(default_factory=dict)
    severity: Severity | None = None
    key: str | None = None
    unsettled: bool = False


Verdicts = Iterator[Verdict]


def passed(message: str = "", *, key: str | None = None, **evidence: Any) -> Verdict:
    """The resource follows the guidance."""
    return Verdict(Status.PASS, message, evidence, key=key)


def failed(
    message: str, *, severity: Severity | Iterable[Severity] | None = None, key: str | None = None, **evidence: Any
) -> Verdict:
    """It does not: say how, in one sentence, with the values that decided as evidence.

    severity may be a generator that refines what it yielded before, by facts of which some may be unread. Where it
    meets one, the worse of its last word and the rule's default stands, and the evidence says what it would have
    needed: neither that something is wrong nor how bad it may be is unlearnt because something could not be read.
    """
    if severity is None or isinstance(severity, Severity):
        return Verdict(Status.FAIL, message, evidence, severity, key)
    settled: Severity | None = None
    try:
        for stated in severity:
            settled = stated
    except Unread as unread:
        evidence["severity_unsettled"] = unread.gap.reason
        return Verdict(Status.FAIL, message, evidence, settled, key, unsettled=True)
    return Verdict(Status.FAIL, message, evidence, settled, key)


def not_applicable(reason: str, *, key: str | None = None, **evidence: Any) -> Verdict:
    """The guidance does not concern this resource: say why."""
    return Verdict(Status.NOT_APPLICABLE, reason, evidence, key=key)


def unknown(reason: str, *, key: str | None = None, **evidence: Any) -> Verdict:
    """The truth lies outside what this account can show (a bucket of another account)."""
    return Verdict(Status.UNKNOWN, reason, evidence, key=key)


def any_of(predicate: Callable[[T], bool], items: Iterable[T]) -> bool:
    """Whether the predicate holds for any item, when some could not be read: True as soon as one is seen to hold.

    Raises the first Unread (of an item, or of the iteration itself) when none holds and not all could be seen.
    """
    unread: Unread | None = None
    iterator = iter(items)
    while True:
        try:
            item = next(iterator)
        except StopIteration:
            break
        except Unread as error:
            unread = unread or error
            break
        try:
            if predicate(item):
                return True
        except Unread as error:
            unread = unread or error
    if unread is not None:
        raise unread
    return False


def seen(items: Iterable[T]) -> list[T]:
    """The items that could be seen, if there are any: enough to prove that something exists, and to show it.

    Raises the Unread that ended the iteration when nothing came before it: an empty list means that there is nothing.
    """
    found: list[T] = []
    try:
        for item in items:
            found += [item]
    except Unread:
        if not found:
            raise
    return found


@dataclass(frozen=True)
class Rule:
    """A registered rule: its function and everything that it says of itself.

    off: why it does not run unless it is named or switched on; None for a rule that does.
    """

    id: str
    function: Callable[..., Verdict | Iterable[Verdict]]
    severity: Severity
    category: Category
    title: str
    risk: str
    fix: str
    notes: str
    controls: tuple[str, ...]
    kinds: tuple[type[Resource], ...]
    takes_inventory: bool
    parameters: dict[str, Any]
    off: str | None = None

    @property
    def service(self) -> str:
        """The first part of the id, by which `--service` selects."""
        return self.id.partition("-")[0]

    def judge(self, resource: Resource, inventory: Inventory, parameters: dict[str, Any]) -> Iterator[Verdict]:
        """The verdicts about one resource. Raises Unread, and whatever the rule raises."""
        arguments = (resource, inventory) if self.takes_inventory else (resource,)
        answer = self.function(*arguments, **parameters)
        if isinstance(answer, Verdict):
            yield answer
        else:
            yield from answer


registry: dict[str, Rule] = {}


class BadRule(ValueError):
    """A rule whose form is wrong. The message names it, says what is wrong and what to write."""


F = TypeVar("F", bound=Callable[..., Verdict | Iterable[Verdict]])


def rule(
    *,
    severity: Severity,
    notes: str,
    controls: tuple[str, ...] = (),
    category: Category = Category.SECURITY,
    off: str | None = None,
) -> Callable[[F], F]:
    """Register a function as a rule.

    severity: what is at stake by default. notes: the section of the notes that asks for it. controls: what it answers
    to, as `frameworks` spells them ("CIS-5.0 5.7"). off: for a rule whose reads take too long for every scan, why: it
    runs where it is named, or switched on in the settings. Raises BadRule.
    """

    def register(function: F) -> F:
        read = _read(function, severity=severity, category=category, notes=notes, controls=controls)
        made = replace(read, off=off)
        if made.id in registry:
            taken = registry[made.id].function
            raise BadRule(f"rule {made.id} is already defined in {taken.__module__}; choose another name")
        registry[made.id] = made
        return function

    return register


def _read(
    function: Callable[..., Any], *, severity: Severity, category: Category, notes: str, controls: tuple[str, ...]
) -> Rule:
    name = function.__name__.replace("_", "-")
    title, risk, fix = _docstring(name, inspect.getdoc(function) or "")
    signature = inspect.signature(function)
    hints = typing.get_type_hints(function)
    positional = [p for p in signature.parameters.values() if p.kind is not p.KEYWORD_ONLY]
    kinds = _kinds(hints.get(positional[0].name)) if positional else ()
    if not kinds or len(positional) > 2 or (len(positional) == 2 and hints.get(positional[1].name) is not Inventory):
        raise BadRule(f"rule {name}: write it as def {function.__name__}(thing: SomeResource, inventory: Inventory)")
    keyword_only = [p for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY]
    if lacking := [p.name for p in keyword_only if p.default is p.empty]:
        raise BadRule(f"rule {name}: parameter {lacking[0]} needs a default, since auditor.toml need not set it")
    for parameter in keyword_only:
        try:
            plain(parameter.default)
        except TypeError as error:
            raise BadRule(
                f"rule {name}: parameter {parameter.name} is none that auditor.toml could set: {error}"
            ) from None
    return Rule(
        id=name, function=function, severity=severity, category=category, title=title, risk=risk, fix=fix, notes=notes,
        controls=controls, kinds=kinds, takes_inventory=len(positional) == 2,
        parameters={p.name: p.default for p in keyword_only},
    )  # fmt: skip


def _kinds(annotation: Any) -> tuple[type[Resource], ...]:
    """The types that an annotation names, if each is one that is collected: a mere base of some would judge nothing."""
    options = typing.get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    return options if all(option in Resource.kinds.values() for option in options) else ()


def _docstring(name: str, text: str) -> tuple[str, str, str]:
    found = re.fullmatch(r"(?P<title>[^\n]+)\n\s*\nRisk: (?P<risk>.+?)\nFix: (?P<fix>.+)", text, re.DOTALL)
    if found is None:
        raise BadRule(f"rule {name}: its docstring needs a title line, a blank line, 'Risk: ...' and 'Fix: ...'")
    risk = " ".join(found["risk"].split())
    risk = risk[0].upper() + risk[1:]
    # A line of the fix that is indented goes on from the one before; others are commands of their own.
    fix = re.sub(r"\s*\n\s+", " ", found["fix"].strip())
    return found["title"].strip(), risk, fix
