"""Writes the generated parts of the templates: `python -m deploy.generate`. A test holds the files against it.

A template says where with two comments, `# >>> permissions of ROLE` and `# <<< permissions`: between them come managed
policies for the role of that logical name, with all that `auditor permissions` says. What CloudWatch's metrics take is
a policy of its own under the template's condition HasMetrics, if it has one.
"""

import re
import textwrap
from pathlib import Path
from typing import Any

from auditor import plugins
from auditor.permissions import policies, policy
from auditor.plan import plan

FOLDER = Path(__file__).parent
BEGIN = re.compile(r"^( *)# >>> permissions of (\w+).*\n", re.MULTILINE)
END = "# <<< permissions"


def documents() -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The policies that reading takes, and the one that CloudWatch's metrics take in addition."""
    rules = list(plugins.load_rules().values())
    plain, metered = plan(rules), plan(rules, metrics=True)
    known = set(actions(policy(plain)))
    more = [action for action in actions(policy(metered)) if action not in known]
    statement = {"Sid": "AuditorMetrics", "Effect": "Allow", "Action": more, "Resource": "*"}
    return policies(plain), {"Version": "2012-10-17", "Statement": [statement]}


def actions(document: dict[str, Any]) -> list[str]:
    """Every action of a policy."""
    return [action for statement in document["Statement"] for action in statement["Action"]]


def section(role: str, *, conditional: bool) -> str:
    """The managed policies as resources of a template."""
    plain, metered = documents()
    parts = [_resource(f"Read{number}", role, document) for number, document in enumerate(plain, 1)]
    if actions(metered):
        parts.append(_resource("ReadMetrics", role, metered, "HasMetrics" if conditional else None))
    return "\n".join(parts)


def _resource(name: str, role: str, document: dict[str, Any], condition: str | None = None) -> str:
    lines = [f"{name}:", "  Type: AWS::IAM::ManagedPolicy"]
    lines += [f"  Condition: {condition}"] if condition else []
    lines += [
        "  Properties:",
        "    Description: Read-only, and no more than the rules of the auditor ask for",
        f"    Roles: [!Ref {role}]",
        "    PolicyDocument:",
        f'      Version: "{document["Version"]}"',
        "      Statement:",
    ]
    for statement in document["Statement"]:
        listed = textwrap.wrap(", ".join(statement["Action"]), 100, break_long_words=False, break_on_hyphens=False)
        lines += [
            f"        - Sid: {statement['Sid']}",
            "          Effect: Allow",
            "          Action:",
            f"            [{listed[0]}" + ("]" if len(listed) == 1 else ""),
            *[f"             {line}" + ("]" if line is listed[-1] else "") for line in listed[1:]],
            '          Resource: "*"',
        ]
    return "\n".join(lines) + "\n"


def filled(text: str) -> str:
    """A template with its generated parts as they are to be."""
    made, end = "", 0
    for found in BEGIN.finditer(text):
        if found.start() < end:
            continue
        indent, role = found.groups()
        stop = text.index(END, found.end())
        body = textwrap.indent(
            section(role, conditional="HasMetrics:" in text), indent, lambda line: bool(line.strip())
        )
        made += text[end : found.end()] + body + indent
        end = stop
    return made + text[end:]


def templates() -> dict[Path, str]:
    """Every template with generated parts, as it is to be."""
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.yaml"))}
    return {path: filled(text) for path, text in texts.items() if BEGIN.search(text)}


if __name__ == "__main__":
    for path, text in templates().items():
        path.write_text(text, encoding="utf-8")
