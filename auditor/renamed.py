"""Rules that were called otherwise once. Their findings keep the fingerprints that they had under their first id."""

from collections.abc import Mapping

# From a former id to the one that took its place. A rule that was renamed twice has two entries.
RENAMED: Mapping[str, str] = {}


def current(rule: str) -> str:
    """What a rule is called today, by any id that it ever had."""
    seen = {rule}
    while (later := RENAMED.get(rule, rule)) not in seen:
        seen.add(later)
        rule = later
    return rule


def first(rule: str) -> str:
    """What a rule was called first: the id that its fingerprints are made of."""
    earlier = {new: old for old, new in RENAMED.items()}
    seen = {rule}
    while (before := earlier.get(rule, rule)) not in seen:
        seen.add(before)
        rule = before
    return rule
