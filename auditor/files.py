"""Writing files so that a reader sees the old one or the whole new one, never a part."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path


def replace(path: Path, pieces: Iterable[bytes]) -> None:
    """Put a file in place of what was there, its folder made if need be. Raises OSError; then nothing has changed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(pieces)
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)  # mkstemp makes the file private; ours is as open as any new one
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def replace_text(path: Path, pieces: Iterable[str]) -> None:
    """`replace` for text, as UTF-8 with the line ends it comes with."""
    replace(path, (piece.encode() for piece in pieces))
