"""What a client of the torture noted, line by line: what it sent, and every answer it was given.

One JSON object a line: `t` (Unix ms), `id` (hex), `what`: "sent" with `key` (author and nonce) and `kind`;
or an outcome, "final" (`height`, `position`), "refused" (`code`, and `never` when these bytes can never be
accepted), "expired", "unknown"; or "wrong" with `words`: what no client may ever see.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from client.outcomes import Kind, Outcome


class Line(NamedTuple):
    """One line."""

    t: int
    id: str
    what: str
    kind: str = ""
    key: str = ""
    height: int = 0
    position: int = 0
    code: str = ""
    never: bool = False
    words: str = ""


class Journal:
    """Written by one client process, from any of its threads."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", buffering=1)
        self._lock = threading.Lock()

    def sent(self, tx_id: bytes, kind: str, key: str) -> None:
        """A transaction is about to be handed in for the first time."""
        self._write({"id": tx_id.hex(), "what": "sent", "kind": kind, "key": key})

    def outcome(self, outcome: Outcome) -> None:
        """What the client was told."""
        line: dict[str, Any] = {"id": outcome.tx_id.hex(), "what": str(outcome.kind)}
        if outcome.kind is Kind.FINAL:
            line |= {"height": outcome.height, "position": outcome.log_index}
        if outcome.kind is Kind.REFUSED:
            line |= {"code": outcome.refusal_name, "never": outcome.definite}
        self._write(line)

    def wrong(self, tx_id: bytes, words: str) -> None:
        """The client met what it must never meet."""
        self._write({"id": tx_id.hex(), "what": "wrong", "words": words})

    def _write(self, line: dict[str, Any]) -> None:
        text = json.dumps({"t": int(time.time() * 1000), **line}) + "\n"
        with self._lock:
            self._file.write(text)


def read(path: Path) -> Iterator[Line]:
    """What was written; a last line that is not whole is left out."""
    with path.open() as file:
        for text in file:
            if text.endswith("\n"):
                yield Line(**json.loads(text))
