"""How IAM matches text: `*`, `?` and policy variables, and what one pattern says about another.

A pattern is a tuple of tokens: a one-character string is itself, `Wild` is a wildcard, and a longer string is a policy
variable as written, such as "${aws:username}".
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache


class Wild(Enum):
    """`*` (any text, also none) and `?` (exactly one character)."""

    MANY = "*"
    ONE = "?"


Token = str | Wild
Tokens = tuple[Token, ...]

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_VARIABLE_PARTS = re.compile(r"\s*([^,]+?)\s*(?:,\s*'(.*)'\s*)?")

# Every action is "<service>:<name>", neither empty, so "*:*" and "?*:?*" mean as much as "*".
EVERY_ACTION: Tokens = (Wild.ONE, Wild.MANY, ":", Wild.ONE, Wild.MANY)
EVERYTHING: Tokens = (Wild.MANY,)


@lru_cache(maxsize=8192)
def tokens(pattern: str, *, wildcards: bool = True, variables: bool = False) -> Tokens:
    """The pattern as tokens; without `wildcards` or `variables` the respective characters mean themselves.

    `${*}`, `${?}` and `${$}` are the characters themselves wherever variables are understood.
    """
    found: list[Token] = []
    position = 0
    while position < len(pattern):
        variable = _VARIABLE.match(pattern, position) if variables else None
        if variable:
            found.append(variable[1] if variable[1] in ("*", "?", "$") else variable[0])
            position = variable.end()
            continue
        character = pattern[position]
        position += 1
        if not wildcards or character not in "*?":
            found.append(character)
        elif character == "?":
            found.append(Wild.ONE)
        elif not found or found[-1] is not Wild.MANY:
            found.append(Wild.MANY)
    return tuple(found)


def resolve(pattern: Tokens, value_of: Callable[[str], str | None]) -> Tokens | None:
    """The pattern with each variable's value in its place, or None if a variable without a default has no value.

    `value_of` maps a lower-cased key to its value, or None where the request carries none. It raises KeyError where
    that is not known, and so does this function.
    """
    found: list[Token] = []
    for token in pattern:
        if isinstance(token, Wild) or len(token) == 1:
            found.append(token)
            continue
        parts = _VARIABLE_PARTS.fullmatch(token[2:-1])
        if parts is None:
            return None
        value = value_of(parts[1].lower())
        value = parts[2] if value is None else value
        if value is None:
            return None
        found.extend(value)
    return tuple(found)


def widen(pattern: Tokens) -> Tokens:
    """The pattern with `*` for every variable: matches at least what it could match for any value."""
    return tuple(token if isinstance(token, Wild) or len(token) == 1 else Wild.MANY for token in pattern)


def glob(pattern: Tokens, text: Tokens | str) -> bool:
    """Whether the pattern matches the text; if the text has tokens, whether it matches all that the text could match.

    Never True by mistake. For a text of tokens it may be False by mistake (`?*` and `*?` are not seen as equal).
    """
    here = there = 0
    star: tuple[int, int] | None = None
    while there < len(text):
        token = pattern[here] if here < len(pattern) else None
        if token is Wild.MANY:
            star = (here, there)
            here += 1
        elif token is not None and _same(token, text[there]):
            here, there = here + 1, there + 1
        elif star is not None:
            # Let the last star take one more: an earlier one never needs to be asked again.
            star = (star[0], star[1] + 1)
            here, there = star[0] + 1, star[1]
        else:
            return False
    return all(token is Wild.MANY for token in pattern[here:])


def _same(token: Token, other: Token) -> bool:
    if token is Wild.ONE:
        return other is Wild.ONE or (isinstance(other, str) and len(other) == 1)
    return token == other


def overlaps(one: Tokens, other: Tokens) -> bool:
    """Whether some text may be matched by both patterns; variables count as `*`."""
    one, other = widen(one), widen(other)
    # reach[j]: one[i:] and other[j:] have a text in common, computed from the end.
    below: list[bool] = []
    for i in range(len(one), -1, -1):
        reach = [False] * (len(other) + 1)
        for j in range(len(other), -1, -1):
            mine = one[i] if i < len(one) else None
            theirs = other[j] if j < len(other) else None
            if mine is None and theirs is None:
                reach[j] = True
            elif Wild.MANY in (mine, theirs):
                # The star ends here, or takes the other pattern's next token.
                reach[j] = (mine is not None and below[j]) or (theirs is not None and reach[j + 1])
            elif mine is not None and theirs is not None:
                reach[j] = (mine == theirs or Wild.ONE in (mine, theirs)) and below[j + 1]
        below = reach
    return below[0]


@dataclass(frozen=True, slots=True)
class Selection:
    """What an element such as Action selects: what any of the patterns matches or, if `inverted` (NotAction), the rest.

    `whole` is what there is to select from.
    """

    patterns: tuple[Tokens, ...]
    inverted: bool = False
    whole: Tokens = EVERYTHING

    def contains(self, text: str) -> bool:
        """Whether the text is selected; a variable matches nothing."""
        return any(glob(pattern, text) for pattern in self.patterns) != self.inverted

    def covers(self, pattern: Tokens) -> bool:
        """Whether all that the pattern can match is selected. Never True by mistake."""
        if self.inverted:
            return not any(overlaps(mine, pattern) for mine in self.patterns)
        return any(glob(mine, pattern) for mine in self.patterns)

    def covers_all_but(self, patterns: tuple[Tokens, ...]) -> bool:
        """Whether all that none of the patterns matches is selected. Never True by mistake."""
        if self.inverted:
            return all(any(glob(theirs, mine) for theirs in patterns) for mine in self.patterns)
        return self.covers(self.whole)
