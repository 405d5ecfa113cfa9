"""Shifts a node's wall clock: `time.time` and `time.time_ns` answer so many ms off as the node's file says.

Python imports this module by its name at start, before anything else, when its directory is on PYTHONPATH.
Decides nothing unless the process was started with `--config DIR/node.toml` and DIR/clock-offset-ms is
there. The monotonic clock is left alone, as a sysadmin's `date -s` leaves it. On SIGUSR1 the node says in its
log where it is, for whoever looks for why it hangs. No production code knows of this.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import time

READ_AGAIN_NS = 100_000_000
"""The file is looked at again after so long, and not at every call."""


def _file() -> str:
    words = sys.orig_argv
    if "--config" not in words[:-1]:
        return ""
    return os.path.join(os.path.dirname(words[words.index("--config") + 1]), "clock-offset-ms")


class _Shift:
    """The offset, as the file last said."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._offset_ns = 0
        self._again_ns = 0

    def ns(self) -> int:
        """The offset now."""
        now = time.monotonic_ns()
        if now >= self._again_ns:
            self._again_ns = now + READ_AGAIN_NS
            try:
                with open(self._path) as file:
                    self._offset_ns = int(file.read() or "0") * 1_000_000
            except (OSError, ValueError):
                pass  # not there yet, or being written: what it said before
        return self._offset_ns


def _install(path: str) -> None:
    shift = _Shift(path)
    true_ns = time.time_ns
    time.time_ns = lambda: true_ns() + shift.ns()
    time.time = lambda: (true_ns() + shift.ns()) / 1_000_000_000


if _path := _file():
    _install(_path)
    faulthandler.register(signal.SIGUSR1)
