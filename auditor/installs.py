"""What a boot script installs: the tools that it does so by, and nothing of what it says."""

import re

# Options may stand between the tool and its command. Every quantifier is bounded.
_OPTIONS = r"(?:[ \t]{1,8}-{1,2}[\w=.-]{1,40}){0,6}[ \t]{1,8}"
_INSTALLS = re.compile(
    rf"(?<![\w.-])(?:(?P<tool>yum|dnf|microdnf|apt|apt-get|zypper|pip|pip3|npm|amazon-linux-extras){_OPTIONS}"
    rf"(?:install|localinstall|groupinstall)|(?P<pulled>docker){_OPTIONS}pull)(?![\w-])"
)


def package_installs(text: str) -> tuple[str, ...]:
    """The tools by which a script installs packages or pulls images, each once, in order of their names.

    >>> package_installs("apt-get -y -qq install nginx")
    ('apt-get',)
    """
    return tuple(sorted({found["tool"] or found["pulled"] for found in _INSTALLS.finditer(text)}))
