"""Audits AWS accounts and never says pass about what it did not read."""

from pathlib import Path as _Path

__version__ = "0.1.0"

if not (_Path(__file__).parent / "rules").is_dir():
    # A checkout: rules/ and reports/ stand beside this package. In a wheel they are inside it.
    __path__.append(str(_Path(__file__).parent.parent))
