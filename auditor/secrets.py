"""Secrets are judged where they arrive: what leaves this module is a pattern, a line and a variable's name.

A boot script reaches us in layers, which `opening` opens; what could not be opened is said in `Scanned.unread`, because
unread is never clean. Lines are counted in the opened content: the parts of a multi-part follow each other, and a match
inside embedded base64 has the line where that base64 starts.

What counts is a *literal* value. Not counted, by decision:

- references: $VAR, ${VAR}, $(command), `command`, %VAR%, {{resolve:...}}, {{ jinja }}, !Ref, var.name, paths, URLs
  without a password, ARNs, names of secrets ("prod/db/password"), password hashes ($6$...);
- placeholders: changeme, xxxx, ****, <password>, your-password-here, the bare word "password", and whatever says
  "example". AWS's documented keys (AKIAIOSFODNN7EXAMPLE) are among these: they are published and open nothing;
- booleans, values of fewer than four characters, and in environment variables numbers;
- an access key id alone in a script: it is half a credential. In an environment variable it counts, for there its
  secret is a neighbour.

Every quantifier over a script's text is bounded or cannot overlap itself, so that time grows with the text's length.
"""

import hashlib
import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict

from auditor.downloads import PlainDownload, plain_downloads
from auditor.installs import package_installs
from auditor.opening import DEEPEST, LIMIT, Opening, decoded, embedded, from_base64, reads_as_text

_MOST_MATCHES, _NEIGHBOURS = 100, 5  # matches per text, lines from key to secret


class SecretMatch(BaseModel):
    """A secret was here. `masked` has at most the variable's name and a public prefix such as AKIA; where what looks
    like a name may be a part of a secret, it is an ellipsis.

    `line` counts from 1; it is 0 where there are no lines, in environment variables. `critical`: whoever reads it can
    use it at once (an AWS key with its secret, a private key).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    pattern: str
    line: int
    masked: str
    critical: bool


class Scanned(BaseModel):
    """What is kept of a text that may hold secrets: enough to recognise and judge it, nothing to read.

    `digest` (SHA-256) and `size` (bytes) are of the content after base64 and gzip. `unread` says why a part of the
    content was not judged, and is None where all of it was. `downloads` is what it fetches over plain HTTP,
    `installs` by which tools it installs packages.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    digest: str
    size: int
    matches: tuple[SecretMatch, ...]
    unread: str | None = None
    downloads: tuple[PlainDownload, ...] = ()
    installs: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str) -> Self:
        """Judge plain text."""
        opening = Opening()
        content = opening.take(text.encode(errors="replace"))
        return cls._judged(content, content.decode(errors="replace"), opening)

    @classmethod
    def of_user_data(cls, value: str) -> Self:
        """Judge user data as the EC2 API gives it: base64, then whatever is inside. Never raises."""
        opening = Opening()
        content = from_base64(value[: 2 * LIMIT])
        if content is None:
            opening.unread = "it is not base64"
            content = value.encode(errors="replace")
        content = opening.inflated(opening.take(content))
        return cls._judged(content, opening.text(content), opening)

    @classmethod
    def _judged(cls, content: bytes, text: str, opening: "Opening") -> Self:
        texts: list[str] = []
        matches = _scan(text, opening, texts)
        downloads = tuple(dict.fromkeys(found for each in texts for found in plain_downloads(each)))
        digest = hashlib.sha256(content).hexdigest()
        installs = tuple(sorted({tool for each in texts for tool in package_installs(each)}))
        return cls(
            digest=digest, size=len(content), matches=matches, unread=opening.unread, downloads=downloads,
            installs=installs,
        )  # fmt: skip


def _before(value: object) -> object:
    """Scan AWS's base64, pass a snapshot's dict. A misfit is named by its type, because errors print their input."""
    match value:
        case str(encoded) | {"Value": str(encoded)}:
            return Scanned.of_user_data(encoded)
        case None | Scanned() | {"digest": _}:
            return value
        case _:
            return type(value).__name__


ScannedUserData = Annotated[Scanned, BeforeValidator(_before)]
"""A field of this type takes base64 user data and holds only the verdict about it."""


def scan_environment(variables: Mapping[str, str]) -> tuple[SecretMatch, ...]:
    """Judge environment variables of Lambda, ECS, CodeBuild or Beanstalk: one match per variable, by name.

    An access key id is pattern "aws-access-key-id" and critical, as is AWS_SECRET_ACCESS_KEY.
    """
    judged = ((name, _judged(name, str(value))) for name, value in sorted(variables.items()))
    return tuple(
        SecretMatch(pattern=verdict[0], line=0, masked=name, critical=verdict[1]) for name, verdict in judged if verdict
    )


def is_secret_name(name: str) -> bool:
    """Whether a variable of this name usually holds a secret: DB_PASSWORD does, DB_PASSWORD_FILE does not."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[.\-]", "_", name[:200]).lower()
    return bool(_SECRET_WORD.search(snake)) and not _ABOUT_A_SECRET.search(snake)


def _judged(name: str, value: str) -> tuple[str, bool] | None:
    """Pattern and criticality of one variable, None where it holds no secret."""
    if any(not _PLACEHOLDER.search(key[0]) for key in _KEY_ID.finditer(value)):
        return "aws-access-key-id", True
    literal = _is_literal(value, "'", name, numbers=False)
    if _AWS_SECRET_NAME.search(name) and (literal or _is_aws_secret(value)):
        return "aws-secret-access-key", True
    if inside := Scanned.of(value).matches:
        worst = max(inside, key=lambda match: match.critical)
        return worst.pattern, worst.critical
    return ("assignment", False) if literal and is_secret_name(name) else None


# --- Patterns -------------------------------------------------------------------------------------------------------

_VALUE = r"""(?P<value>"[^"\n]{0,256}"?|'[^'\n]{0,256}'?|<[^>\n]{0,80}>|[^\s"';,&|<>]{1,256})"""

# Tokens that are known by their form: name, what the text in lower case must hold, public prefix, body.
_TOKENS = [
    (name, hint, re.compile(rf"(?<![\w-])(?P<value>(?P<prefix>{prefix}){body})(?![\w-])", re.ASCII))
    for name, hint, prefix, body in map(
        str.split,
        r"""
        github-token     _                (?:gh[opusr]|github_pat)_    \w{22,255}
        gitlab-token     gl               gl(?:pat|dt|rt|cbt|ptt|ft)-  [\w-]{20,255}
        slack-token      xox              xox[abeoprs]-                [\w-]{10,255}
        slack-webhook    hooks.slack.com  hooks\.slack\.com/services/  T\w{4,20}/B\w{4,20}/\w{16,40}
        stripe-key       k_live_          [sr]k_live_                  [A-Za-z0-9]{10,255}
        google-api-key   aiza             AIza                         [\w-]{35}
        npm-token        npm_             npm_                         [A-Za-z0-9]{36}
        pypi-token       pypi-            pypi-                        [\w-]{32,500}
        sendgrid-key     sg.              SG\.                         [\w-]{16,64}\.[\w-]{16,64}
        twilio-key       sk               SK                           [0-9a-f]{32}
        ai-provider-key  sk-              sk-(?:ant|proj|svcacct)-     [\w-]{20,255}
        vault-token      hv               hv[sb]\.                     [\w-]{24,255}
        jwt              eyj              eyJ                          [\w-]{8,4000}\.eyJ[\w-]{8,4000}\.[\w-]{8,4000}
        azure-key        key=             (?:Account|SharedAccess)Key= [A-Za-z0-9+/]{40,128}={0,2}
        """.strip().splitlines(),
    )
]

# Literals that are known by where they stand: name, what the text must hold (unless it starts with "-", a command that
# stands before the value in the same statement), what leads to the value. A tilde stands for blanks.
_PLACES = [
    (name, command.replace("~", " "), re.compile(lead.replace("~", r"(?:[ \t]{1,4})") + _VALUE, re.IGNORECASE))
    for name, command, lead in map(
        str.split,
        r"""
        authorization-header  -auth          (?P<key>authorization)['"]?~?[:=]~?['"]?(?:bearer|basic|token)~(?!['"])
        secure-string         -securestring  (?P<key>ConvertTo-SecureString)~(?:-(?:String|AsPlainText|Force)~)*(?=['"])
        sql-password          -identified    (?P<key>\bidentified)~(?:with~\S{1,40}~)?by~(?=['"])
        command-password      -net           (?P<key>\bnet1?~user)~[\w.-]{1,40}~(?![/*])
        command-password      -chpasswd      (?P<key>\becho)~['"]?[\w.-]{1,32}:(?=[^\s|]{1,99}~?\|~?(?:sudo~)?chpasswd)
        command-password      -chpasswd      (?P<key>chpasswd):\s{1,9}(?:expire:~\w+\s{1,9})?list:[\s|]+[\w.-]{1,32}:
        command-password      -stdin         (?P<key>\becho)~(?=[^\s|]{1,99}~?\|~?(?:sudo~)?passwd~--stdin)
        command-password      curl           (?<!\S)(?P<key>-[a-z]{0,6}u|--(?:proxy-)?user)[=\s]?~?['"]?[^\s:"'$]{1,64}:
        command-password      mysql          (?<!\S)(?P<key>(?-i:-p)|password~)(?=[^\s-])
        command-password      mariadb        (?<!\S)(?P<key>(?-i:-p))(?=[^\s-])
        command-password      sshpass        (?<!\S)(?P<key>-p)~?
        command-password      docker~login   (?<!\S)(?P<key>-p)~
        command-password      redis-cli      (?<!\S)(?P<key>-a)~
        aws-secret-access-key aws~configure  (?<!\S)(?P<key>aws_(?:secret_access_key|session_token))~
        """.strip().splitlines(),
    )
]

_URL_PASSWORD = re.compile(
    r"(?<![\w+.-])[A-Za-z][\w+.-]{1,30}://[^\s:/@\"'<>]{0,80}:(?P<value>[^\s@/\"'<>]{1,200})@[\w\[$({<*-]"
)
_KEY_ID = re.compile(r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])")
_AWS_SECRET = re.compile(r"(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])")
_AWS_SECRET_NAME = re.compile(r"secret_?access_?key|aws_?secret(?:_?key)?$", re.IGNORECASE)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?![\"'][ \t]{1,4}\S)"
    r"(?P<after>(?:\\n|[\s\"'|]){0,24}\S?)"
    r"|PuTTY-User-Key-File-\d(?P<putty>:)|<RSAKeyValue>[^\n]{0,2000}<D>"
)
_DOCKER_AUTH = re.compile(
    r"(?:[\"'\\]{1,4}auth[\"'\\]{1,4}\s{0,4}:\s{0,4}[\"'\\]{1,4}|_auth\s{0,4}=\s{0,4}[\"']?)"
    r"(?P<value>[A-Za-z0-9+/]{8,512}={0,2})"
)

# Names of variables, options and keys, each up to where its value starts.
_NAMED = (
    re.compile(r"(?<![\w-])--?(?P<key>[A-Za-z][\w.-]{1,60})(?P<sep>[=:]|[ \t]{1,4}(?!-))"),
    re.compile(r"(?:define|getenv|get)\([ \t]{0,4}['\"](?P<key>\w{1,60})['\"](?P<sep>[ \t]{0,4},[ \t]{0,4})(?=['\"])"),
    re.compile(
        r"(?<![\w.-])(?P<key>[A-Za-z_][\w.-]{0,80})"
        r"(?P<sep>\\{0,3}[\"'\]]{0,2}[ \t]{0,8}(?:=>|:=|:-|=(?![=~])|:(?![?+:=]))[ \t]{0,8}\\{0,3}"
        r"|>(?=[^<\n]{1,256}</))"
    ),
)
_CMDLET_OPTION = re.compile(r"-(?:[A-Z][a-z]+)+[ \t]|-D[a-z]")  # PowerShell's, and Java's properties
_ENVIRONMENT_NAME = re.compile(r"[A-Z]+(?:_[A-Z]+)+")
_BEFORE_A_NAME = re.compile(
    r"(?:^|[;&({,\[<]|\$(?:env:|global:|script:)?|(?:^|\s)-[eDx]|^[ \t]{0,40}(?:- |//|#)"
    r"|(?:^|[\s;&|])(?:export|set|setx|env|ENV|ARG|declare|local|readonly|typeset|const|let|var|val)"
    r"|--(?:env|build-arg|set|set-string|define|var)[ =])[ \t]{0,40}\\{0,3}['\"]?$"
)
_VALUE_AT = re.compile(_VALUE)
_PROSE = re.compile(r"[ \t]{1,4}[A-Za-z(]")

_HINT = re.compile("pass|pwd|secret|token|credential|key", re.IGNORECASE)
_SECRET_WORD = re.compile(
    r"passw(?:or)?d|passphrase|pwd|(?:^|_)pass(?:_|\d|$)|secret(?!ar)|token(?!iz)|credential"
    r"|(?:api|private|access|auth|encryption|signing|account)_?key"
)
_ABOUT = """
    age algorithm alias arn attempts? auth authentication backend bucket change class count days description dir
    directory disabled driver enabled encryption endpoint engine env expir[a-z]+ field file filename format group hash
    header helper hint history host hours id interval issuer label length lifetime limit location manager max method
    min minutes mode name namespace param parameter path period policy port prefix process prompt provider ref
    reference region required reset resource retries role rotation scope seconds service size source stdin store
    suffix template timeout title ttl type uri url user username var variable version
"""
_ABOUT_A_SECRET = re.compile(
    rf"(?:^|_|word|passwd|pwd|secrets?|tokens?|key|credentials?)(?:{'|'.join(_ABOUT.split())})s?$"
    r"|nopasswd|(?:^|_)(?:max|min|no)_|(?:page|next|starting|request|client)_token$"
)

_PLACEHOLDER = re.compile(
    r"""change.?(?:me|it|this|now)|replace.?(?:me|with|this)|(?:^|[-_ <{\[])your(?:[-_ ]|own|pass|secret|token|key|api)
    |example|placeholder|dummy|redacted|todo|^tbd|fixme|(?:^|[-_ <])(?:insert|enter|put|fill)[-_ ]|x{4,}|\*{3,}|\.{3,}
    |(.)\1{5,}|^(.)\2*$|^<.*>?$|^\[.*\]$|^\{.*\}$|^__\w+__$|^@\w+@$|not[-_ ]?(?:set|used|needed)
    |^(?:my|the|some|a)?[-_ ]?(?:pass|passwd|password|passphrase|pwd|secret|token|key|api[-_]?key|credentials?)$""",
    re.IGNORECASE | re.VERBOSE,
)
_REFERENCE = re.compile(
    r"""^\$|\$[({]|\{\{|\{%|<%|^`|`[^`]+`|^%\w+%|^%[sdv]$|\#\{|^@\{
    |^!(?:Ref|Sub|GetAtt|ImportValue|Join|If|secret|vault|env)|^[a-z][a-z0-9+.-]*://|^arn:|^(?:vault|ssm|secretsmanager|resolve|kms|env|file|op|sops|ref|enc)[:(\[]
    |^(?:~|\.{1,2})?/|^[a-z]:[\\/]|^\\\\|^\.[*+]|^(?:id|src|source|name|type)=
    |\.(?:pem|key|txt|json|ya?ml|conf|cfg|ini|env|p12|jks|crt|cer|kdbx?|properties|xml|sh|py|ps1|tpl)$""",
    re.IGNORECASE | re.VERBOSE,
)
_VARIABLE = re.compile(r"(?<![\\$`])\$[A-Za-z_]")
_CODE = re.compile(
    r"^[(\[{@&*:?\\]|^\.[A-Za-z_]|\w[(\[]|^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+$"
    r"|^(?:Get|Read|New|ConvertTo|ConvertFrom|Import|Invoke)-[A-Z]"
)
_NUMBER = re.compile(r"[\d.,:+-]+")
_A_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-/_.][a-z0-9]+)+|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_CAMEL = re.compile(r"[A-Za-z][a-z]+(?:[A-Z][a-z]+)+")
_PATH = re.compile(r"[a-z][a-z0-9-]*(?:/[a-z][a-z_-]*)+")
_PASSWORD = re.compile("pass|pwd", re.IGNORECASE)
_WORDS = """
    true false yes none null undefined default enabled disabled required optional prompt string text bearer basic ldap
    trust peer ident always never auto random generated managed stored encrypted plaintext file environment
    secretsmanager parameter metadata here must should will with from option flag argument value created updated found
    missing expired invalid valid failed done success empty read write scram-sha-256
"""


def _is_literal(value: str, quote: str, name: str = "", *, numbers: bool = True) -> bool:
    """Whether a value is a secret itself, not a placeholder, nor a reference to where the secret is kept."""
    value = value.strip().rstrip("\\" if quote else "\\)}]")
    if len(value) < 4 or value.lower() in _WORDS.split() or value.count(" ") > 2:
        return False
    if _PLACEHOLDER.search(value) or _REFERENCE.search(value) or _KEY_ID.search(value) or _PATH.fullmatch(value):
        return False
    if _NUMBER.fullmatch(value):
        return numbers and bool(_PASSWORD.search(name or "password"))
    if (quote != "'" and _VARIABLE.search(value)) or (not quote and _CODE.search(value)):
        return False
    names_a_secret = bool(_A_NAME.fullmatch(value) or (not quote and _CAMEL.fullmatch(value)))
    if _PASSWORD.search(name) and "/" not in value and (name.isupper() or "-" in value):
        names_a_secret = False  # PASSWORD=my-secret-pw is a password, SECRET=my-secret-pw need not be
    return not (names_a_secret and _SECRET_WORD.search(value.lower()))


def _is_aws_secret(value: str) -> bool:
    """Forty letters as IAM draws them: upper and lower case and digits, unlike a git hash or a path."""
    drawn = all(re.search(kind, value) for kind in ("[A-Z]", "[a-z]", "[0-9]"))
    return bool(_AWS_SECRET.fullmatch(value)) and drawn and not _PLACEHOLDER.search(value)


# --- Scanning -------------------------------------------------------------------------------------------------------


class _Scan:
    """One pass over one text. The most telling patterns go first: what they cover, no later one reports or names."""

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n").replace("\r", "\n")
        self.lowered = self.text.lower()
        self.covered = bytearray(len(self.text))
        self.ends = [end.start() for end in re.finditer(r"\n|\Z", self.text)]
        self.hits: dict[int, SecretMatch] = {}
        self.paired: set[int] = set()

    def run(self) -> None:
        """Every pattern but those in embedded base64."""
        for private in _PRIVATE_KEY.finditer(self.text):
            if not self._preceded_by("grep", private.start()) and (private["after"] or "")[-1:] not in tuple("$<{*.%"):
                self._add(private, "private-key", "PRIVATE KEY", critical=True)
        for name, hint, token in _TOKENS:
            for match in token.finditer(self.text) if hint in self.lowered else ():
                if len(set(match["value"])) > 8 and not _PLACEHOLDER.search(match["value"]):
                    self._add(match, name, f"{match['prefix'][:4]}…")
        for match in _URL_PASSWORD.finditer(self.text):
            if _is_literal(match["value"], "'"):
                self._add(match, "url-password", "://…")
        for match in _DOCKER_AUTH.finditer(self.text) if "auth" in self.lowered else ():
            login = decoded(from_base64(match["value"]) or b"")
            if ":" in login and reads_as_text(login) and _is_literal(login.partition(":")[2], "'"):
                self._add(match, "docker-auth", "auth")
        for name, command, place in _PLACES:
            for match in place.finditer(self.text) if command.removeprefix("-") in self.lowered else ():
                there = command.startswith("-") or self._preceded_by(command, match.start("key"))
                if there and _is_literal(*_unquoted(match)):
                    self._add(match, name, match["key"].strip())
        self._key_pairs()
        for named in _NAMED if _HINT.search(self.text) else ():
            self._assignments(named)

    def _key_pairs(self) -> None:
        """An access key id and, at most _NEIGHBOURS lines away, forty letters that can be its secret."""
        ids = [match for match in _KEY_ID.finditer(self.text) if not _PLACEHOLDER.search(match[0])]
        secrets = [match for match in _AWS_SECRET.finditer(self.text) if _is_aws_secret(match[0])] if ids else []
        lines = [self.line(secret.start()) for secret in secrets]
        for key in ids:
            line = self.line(key.start())
            if lines and bisect_right(lines, line + _NEIGHBOURS) > bisect_left(lines, line - _NEIGHBOURS):
                self._add(key, "aws-access-key", f"{key[0][:4]}…", critical=True)
                self.paired.update(range(line - _NEIGHBOURS, line + _NEIGHBOURS + 1))

    def _assignments(self, named: re.Pattern[str]) -> None:
        """Variables, options and keys whose name says secret and whose value is a literal."""
        done = 0
        for name in named.finditer(self.text):
            key = name["key"]
            if name.start() < done or not is_secret_name(key) or 1 in self.covered[slice(*name.span())]:
                continue
            if name["sep"] == ":" == self.text[name.start() - 1 : name.start()]:
                continue  # a part of an ARN or of a {{resolve:...}}
            value_at = _VALUE_AT.match(self.text, name.end())
            if value_at is None:
                continue
            value, quote = _unquoted(value_at)
            if value.startswith("${"):
                continue  # its default may be a literal: ${NAME:-default}
            done = value_at.end() if len(value_at[0]) < 256 else self.ends[self.line(value_at.end()) - 1]
            shown = key if self._names(name) else "…"
            prose = not quote and name["sep"] != "=" and _PROSE.match(self.text, value_at.end())
            if _AWS_SECRET_NAME.search(key) and _is_aws_secret(value):
                self._add(value_at, "aws-secret-access-key", shown, critical=self.line(name.start()) in self.paired)
            elif not (prose and name["sep"].strip()) and _is_literal(value, quote, key):
                self._add(value_at, "assignment", shown)

    def _names(self, name: re.Match[str]) -> bool:
        """Whether a name stands where names do. Elsewhere it may be a part of a value, which is not to be shown."""
        start = self.ends[self.line(name.start()) - 2] + 1 if self.line(name.start()) > 1 else 0
        before = self.text[max(start, name.start() - 100) : name.start()]
        if name[0].startswith("-"):  # -pSecret is an option and its value in one
            return (name[0].startswith("--") and name["sep"] != ":") or bool(_CMDLET_OPTION.match(name[0]))
        usual = name["sep"] == "=" and _ENVIRONMENT_NAME.fullmatch(name["key"])
        return bool(usual or _BEFORE_A_NAME.search(before))

    def _add(self, match: re.Match[str], pattern: str, masked: str, *, critical: bool = False) -> None:
        start, end = match.span("value" if "value" in match.re.groupindex else 0)
        if 1 not in self.covered[start:end]:
            self.covered[start:end] = b"\1" * (end - start)
            found = SecretMatch(pattern=pattern, line=self.line(match.start()), masked=masked, critical=critical)
            self.hits[start] = found

    def line(self, at: int) -> int:
        """The number of the line that holds this position."""
        return bisect_left(self.ends, at) + 1

    def _preceded_by(self, command: str, at: int) -> bool:
        """Whether this command stands before, in the same statement: a backslash carries it over a line's end."""
        before = self.text[max(0, at - 300) : at].lower().replace("\\\n", " ")
        return command in before.rpartition("\n")[2]


def _unquoted(match: re.Match[str]) -> tuple[str, str]:
    """A value without its quotes, and which these were."""
    quote = match["value"][0] if match["value"][0] in "\"'" else ""
    return match["value"].strip(quote or None), quote


def _scan(text: str, opening: Opening, texts: list[str], depth: int = 0) -> tuple[SecretMatch, ...]:
    """The secrets in a text and in what is embedded in it, by line. Where there are very many, the worst of them.

    Whatever was opened on the way is put into `texts`.
    """
    texts.append(text)
    scan = _Scan(text)
    scan.run()
    found = [scan.hits[start] for start in sorted(scan.hits)]
    if depth < DEEPEST:
        for at, inner in embedded(scan.text, scan.covered, opening):
            line = scan.line(at)
            found += [match.model_copy(update={"line": line}) for match in _scan(inner, opening, texts, depth + 1)]
    elif next(embedded(scan.text, scan.covered, opening), None) is not None:
        opening.unread = "it is wrapped in too many layers"
    worst = sorted(dict.fromkeys(found), key=lambda match: (not match.critical, match.line))[:_MOST_MATCHES]
    return tuple(sorted(worst, key=lambda match: match.line))
