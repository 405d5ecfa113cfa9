"""Transactions on their way from clients to the peers: gathered while many come, at once while few do.

Decides only when. A frame costs whoever writes and whoever reads it something of its own, whatever it holds,
so clients that send each transaction in a call of its own must not make a frame of each. Nothing waits while
calls are rare. No proposal waits for this: it holds its transactions whole, whether they were sent or not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

GATHER_SECONDS: Final = 0.005
"""How long no frame follows another, for each call whose transactions were in that one,"""
GATHER_SECONDS_MAX: Final = 0.04
"""and at most. While calls stay rarer than GATHER_SECONDS nothing waits; after a burst, some frames later."""
GATHERED_MAX: Final = 256
"""So many transactions go at once: they are worth a frame."""


class Forwarding:
    """Gathers transactions of calls into frames."""

    def __init__(self, send: Callable[[list[bytes]], None]) -> None:
        """`send` puts transactions into frames to all peers."""
        self._send = send
        self._gathered: list[bytes] = []
        self._calls = 0
        self._rest: asyncio.TimerHandle | None = None

    def put(self, raws: list[bytes]) -> None:
        """The new transactions of one call, or of a part of one, to be sent at once or soon."""
        self._gathered += raws
        self._calls += 1
        if self._rest is None or len(self._gathered) >= GATHERED_MAX:
            self.flush()

    def flush(self) -> None:
        """Sends what was gathered, now."""
        if not self._gathered:
            return
        raws, calls = self._gathered, self._calls
        self._gathered, self._calls = [], 0
        self._send(raws)
        if self._rest is not None:
            self._rest.cancel()
        rest = min(GATHER_SECONDS * calls, GATHER_SECONDS_MAX)
        self._rest = asyncio.get_running_loop().call_later(rest, self._rested)

    def _rested(self) -> None:
        self._rest = None
        self.flush()
