"""stdout and stderr as they may be: not there, read by nobody any more, full, or on a terminal of old.

Decides what becomes of text that cannot be written; never what is written. Imports nothing of Ayni.
"""

from __future__ import annotations

import io
import os
import sys
from typing import IO


def prepare() -> None:
    """A stream that is not there is written to nowhere; what another cannot show, it shows escaped."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, io.StringIO())
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def write_out(text: str, stream: IO[str] | None = None) -> None:
    """Writes to `stream` (stdout) now; goes nowhere when nobody reads it any more.

    That the reader is gone stops no payment that is on its way, and changes no exit code.
    """
    stream = stream or sys.stdout
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        let_go(stream)


def let_go(stream: IO[str]) -> None:
    """What is written to it from now on, what it holds still included, goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def forget_unwritten() -> None:
    """What cannot be written is not tried once more at the exit, which would then have a code of its own."""
    try:
        sys.stdout.flush()
    except OSError:
        let_go(sys.stdout)
