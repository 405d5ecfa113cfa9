"""JSON files that the client reads: bounded, an object at the top, and every fault in words.

Decides what is read at all; what the object must say is decided by whoever asks. Never writes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def is_file(name: str | Path) -> bool:
    """Whether a text is the name of a file; one that no file system takes is none."""
    try:
        return Path(name).is_file()
    except OSError:
        return False


def read_bounded(path: Path, bytes_max: int) -> bytes:
    """The bytes of a file, never more than one too many. Raises OSError, and ValueError when it is larger."""
    with path.open("rb") as file:
        content = file.read(bytes_max + 1)
    if len(content) > bytes_max:
        raise ValueError(f"it has more than {bytes_max:,} bytes")
    return content


def parse_object(content: bytes) -> dict[str, Any]:
    """The JSON object in `content`, every text in it whole (RFC 8259, 8.1 and 8.2). Raises ValueError: it is
    none, or it cannot be taken in."""
    try:
        text = content.decode(json.detect_encoding(content))
        document = json.loads(text)
        if "\\u" in text:
            json.dumps(document, ensure_ascii=False).encode()  # half a surrogate pair has no encoding
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start + 1} is no {error.encoding.upper()} text") from None
    except UnicodeEncodeError as error:
        raise ValueError(f"\\u{ord(error.object[error.start]):04x} in it is half a character") from None
    except RecursionError:
        raise ValueError("it nests too deeply") from None
    if not isinstance(document, dict):
        raise ValueError("it is no JSON object")
    return document


def read_object(path: Path, bytes_max: int) -> dict[str, Any]:
    """The JSON object in a file. Raises OSError, ValueError."""
    return parse_object(read_bounded(path, bytes_max))
