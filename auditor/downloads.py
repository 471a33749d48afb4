"""What a boot script fetches over plain HTTP: of each download only the host's name is kept.

Not counted: hosts that only the own network reaches (private and link-local addresses, names without a dot, names under
.internal and .local), hosts whose name a variable holds, proxies, and lines that are comments. `mirror` is a repository
that a package manager reads: its packages are signed as a rule.

Every quantifier over the text is bounded, so that time grows with its length.
"""

import re
from ipaddress import ip_address

from pydantic import BaseModel, ConfigDict

_MOST = 20
_URL = re.compile(r"http://(?:[^\s/@\"'<>|]{1,200}@)?(?P<host>\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})", re.IGNORECASE)
_COMMAND = re.compile(
    r"(?<![\w.-])(?:curl|wget|aria2c|invoke-webrequest|invoke-restmethod|iwr|irm|start-bitstransfer|git[ \t]{1,4}clone"
    r"|(?:python\d?[ \t]{1,4}-m[ \t]{1,4})?pip[\d.]{0,4}|easy_install|rpm)(?![\w-])|\.download(?:file|string)\(",
    re.IGNORECASE,
)
_MIRROR = re.compile(
    r"(?<![\w.-])(?:yum-config-manager|yum|dnf|zypper|apt-add-repository|add-apt-repository|deb|deb-src)(?![\w-])"
    r"|(?:baseurl|mirrorlist|metalink)[ \t]{0,4}=",
    re.IGNORECASE,
)
_PROXY = re.compile(r"(?:-x|--proxy\d?|--preproxy|_proxy|\bproxy)[ \t=:\"']{0,4}$", re.IGNORECASE)
_COMMENT = re.compile(r"[ \t]{0,80}(?:#|//|::|rem[ \t])", re.IGNORECASE)
_NEXT = re.compile(r"&&|\|\||;")
_OWN = (".internal", ".local", ".localhost", ".localdomain", ".consul")


class PlainDownload(BaseModel):
    """A host from which something is fetched without TLS; `mirror`: by a package manager, which checks signatures."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str
    mirror: bool


def plain_downloads(text: str) -> tuple[PlainDownload, ...]:
    """What a script fetches over plain HTTP from hosts that are not the own network's, each once.

    >>> plain_downloads("curl -s http://get.example.org/x | sh")
    (PlainDownload(host='get.example.org', mirror=False),)
    """
    found: dict[PlainDownload, None] = {}
    for url in _URL.finditer(text) if "http://" in text.lower() else ():
        before = _statement(text, url.start())
        host = url["host"].strip("[]").rstrip(".").lower()
        if _COMMENT.match(before) or _PROXY.search(before) or _is_own(host, text[url.end() : url.end() + 1]):
            continue
        if _COMMAND.search(before):
            found[PlainDownload(host=host, mirror=False)] = None
        elif _MIRROR.search(before):
            found[PlainDownload(host=host, mirror=True)] = None
        if len(found) >= _MOST:
            break
    return tuple(found)


def _statement(text: str, at: int) -> str:
    """What stands before this position in its statement: a backslash or a backtick carries it over a line's end."""
    before = re.sub(r"[\\`]\r?\n", " ", text[max(0, at - 400) : at])
    return _NEXT.split(before.rpartition("\n")[2])[-1]


def _is_own(host: str, following: str) -> bool:
    """Whether a host is one that only the own network reaches, or one whose name a variable holds."""
    try:
        address = ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(_OWN) or following in ("$", "{", "%")
    return not address.is_global
