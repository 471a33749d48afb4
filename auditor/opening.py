"""Opens what scripts are wrapped in: base64, gzip, MIME parts (encoded again), and base64 in the midst of a text.

Such texts are cloud-init's `write_files` and PowerShell's -EncodedCommand. Each layer is opened up to LIMIT bytes; what
stayed closed is said in `Opening.unread`.
"""

import binascii
import email
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from email.message import Message

LIMIT = 1 << 20  # bytes that are opened per layer; EC2 takes 16 KiB, before decompression
DEEPEST = 4  # layers of wrapping


class Opening:
    """Opens layer after layer, each up to LIMIT bytes and all up to four times that, and says why one stayed closed."""

    def __init__(self) -> None:
        self.left = 4 * LIMIT
        self.unread: str | None = None

    def take(self, content: bytes) -> bytes:
        """As much of the content as the budget allows."""
        room = min(self.left, LIMIT)
        if len(content) > room:
            self.unread = f"it is longer than {LIMIT} bytes"
        self.left -= min(room, len(content))
        return content[:room]

    def inflated(self, content: bytes) -> bytes:
        """The content, decompressed if it is gzip. A broken stream gives what came before the break."""
        if not content.startswith(b"\x1f\x8b"):
            return content
        out = bytearray()
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
                while len(out) <= min(self.left, LIMIT) and (piece := stream.read1(1 << 16)):
                    out += piece
        except (OSError, EOFError, zlib.error):
            self.unread = "its gzip stream is broken"
        return self.take(bytes(out))

    def text(self, content: bytes, depth: int = 0) -> str:
        """The content as text: the parts of a MIME message one after the other, anything else as it is."""
        if depth < DEEPEST and (b"mime-version:" in content[:4096].lower() or _MULTIPART.match(content)):
            try:
                return self._parts(email.message_from_bytes(content), depth)
            except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
                self.unread = "its MIME parts are broken"
        return decoded(content)

    def _parts(self, message: Message, depth: int) -> str:
        """Bodies first, so that a script's lines keep their numbers; then what stands between and above them."""
        bodies, margins = [], []
        for part in message.walk():
            margins += [f"{name}: {value}" for name, value in part.items() if not _MIME_HEADER.match(name)]
            margins += [margin for margin in (part.preamble, part.epilogue) if margin and margin.strip()]
            body = part.get_payload(decode=True)
            if isinstance(body, bytes):
                bodies.append(self.text(self.inflated(self.take(body)), depth + 1))
        return "\n".join(bodies + margins)


_MULTIPART = re.compile(rb"\s{0,8}content-type:\s{0,8}multipart/", re.IGNORECASE)
_MIME_HEADER = re.compile(r"content-|mime-version|number-attachments", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,3}")
_EMBEDDED = re.compile(
    r"(?<![A-Za-z0-9+/])(?:[A-Za-z0-9+/]{20,59}(?![A-Za-z0-9+/])"
    r"|[A-Za-z0-9+/]{60,}(?:\n[ \t]{0,16}[A-Za-z0-9+/]{4,}(?=[=\s]|\Z))*)={0,2}"
)


def from_base64(value: str) -> bytes | None:
    """The bytes that base64 (either alphabet, padded or not) stands for, None where it is something else."""
    compact = "".join(value.split()).replace("-", "+").replace("_", "/")
    if not _BASE64.fullmatch(compact):
        return None
    bare = compact.rstrip("=")
    try:
        return binascii.a2b_base64(bare + "=" * (-len(bare) % 4))
    except binascii.Error:
        return None


def decoded(content: bytes) -> str:
    """Bytes as text: by their byte order mark, as UTF-16 where every other byte is zero, else as UTF-8."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    if len(content) >= 8 and content[1:400:2].count(0) > len(content[1:400:2]) * 0.8:
        return content.decode("utf-16-le", "replace")
    return content.decode("utf-8-sig", "replace")


def embedded(text: str, covered: bytearray, opening: Opening) -> Iterator[tuple[int, str]]:
    """Texts that stand in this one as base64 (write_files, `base64 -d`, -EncodedCommand), and where they start."""
    for run in _EMBEDDED.finditer(text):
        letters = "".join(run[0].split()).rstrip("=")
        content = from_base64(letters[: len(letters) - (len(letters) % 4 == 1)])  # one letter more is no base64
        if content is None or 1 in covered[run.start() : run.end()]:
            continue
        packed = content.startswith(b"\x1f\x8b")
        inner = opening.text(opening.inflated(content) if packed else opening.take(content), depth=1)
        if packed or reads_as_text(inner):
            yield run.start(), inner


def reads_as_text(text: str) -> bool:
    """Whether this is writing, not the noise that a key or a hash gives when taken for base64."""
    return len(re.findall(r"[\n\t -~]", text[:2000])) >= 0.9 * len(text[:2000])
