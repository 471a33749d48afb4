"""What tags say of a resource: that it is sensitive, important, or an exception that somebody decided on."""

from collections.abc import Collection, Mapping

SENSITIVE = ("sensitive", "confidential", "restricted", "secret", "pii", "phi", "personal", "cardholder")
IMPORTANT = ("critical", "important", "business-critical", "mission-critical")
COMPLIANCE = ("compliance", "audit", "worm", "legal-hold", "regulated")
# A tag of these values says that what its key names is not so.
_NO = ("false", "no", "none", "0", "off")


def marked(labels: Mapping[str, str], words: Collection[str]) -> str | None:
    """The tag by which a resource is one of what the words name: as its value, or as its key. None if there is none.

    >>> marked({"Classification": "Confidential"}, SENSITIVE)
    'Classification=Confidential'
    >>> marked({"pii": "no"}, SENSITIVE)
    """
    wanted = {word.lower() for word in words}
    for key, value in labels.items():
        if value.lower() in wanted or (key.lower() in wanted and value.lower() not in _NO):
            return f"{key}={value}"
    return None
