"""Whose call is worked on: one at a time, each client in turn, consensus in between. And how many may wait.

A node is one event loop. Calls that are ready at the same moment would all run before consensus does, a
thousand dear reads for seconds; so work for clients goes through here in pieces of a few milliseconds, no
more of which run in one turn of the loop once they took 10 ms. A client that asks much waits behind its own
calls. Decides nothing about what is asked, nor how much may be kept open (node/calls.py). Spec: DESIGN 4.6
(nothing grows without bound).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Generator
from types import TracebackType
from typing import Final, TypeVar

from node.calls import TooMany
from node.fair import FairQueue

T = TypeVar("T")

WAITING_MAX: Final = 200
"""Pieces of work that one client may have waiting; calls that it then begins are turned away."""
ROUND_SECONDS: Final = 0.01
"""After so long no further piece begins in one turn of the event loop: peers' transactions have as long."""


class Turns:
    """Lets one piece of work run at a time; those who wait are served by client in turn."""

    def __init__(self) -> None:
        self._is_busy = False
        """A piece runs, or somebody has the next turn, or all rest until the event loop's."""
        self._is_resting = False
        self._began: float | None = None
        """When the first piece of this turn of the event loop began."""
        self._waiting: FairQueue[asyncio.Future[None]] = FairQueue()
        self._count: Counter[str] = Counter()

    def of(self, client: str) -> Turn:
        """The turn of one client, for `async with`. Raises TooMany when it is entered."""
        return Turn(self, client)

    async def enter(self, client: str, *, is_begun: bool = False) -> None:
        """Waits for this client's turn. Raises TooMany, unless the call `is_begun`: something of it may have
        been done, and whoever is turned away may believe that nothing was."""
        if not self._is_busy:
            self._begin()
            return
        if not is_begun and self._count[client] >= WAITING_MAX:
            raise TooMany(
                f"{WAITING_MAX} calls from this address are waiting already; wait for their answers first"
            )
        turn = asyncio.get_running_loop().create_future()
        self._count[client] += 1
        self._waiting.put(client, turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()  # it was this one's turn already
            raise
        finally:
            self._count[client] -= 1
            if not self._count[client]:
                del self._count[client]
        self._begin()

    def leave(self) -> None:
        """The piece is done: another one runs, at the event loop's next turn if this one was long."""
        if self._hand_on():
            return
        now = asyncio.get_running_loop().time()
        if self._began is not None and now - self._began >= ROUND_SECONDS:
            self._is_resting = True  # calls that are ready at this moment find it busy, and wait
        else:
            self._is_busy = False

    def _begin(self) -> None:
        self._is_busy = True
        if self._began is None:
            loop = asyncio.get_running_loop()
            self._began = loop.time()
            loop.call_soon(self._round_over)

    def _round_over(self) -> None:
        self._began = None
        if self._is_resting:
            self._is_resting = False
            self._is_busy = self._hand_on()

    def _hand_on(self) -> bool:
        """Whether somebody has the next turn, at the event loop's next turn."""
        while self._waiting:
            _, turn = self._waiting.take()
            if not turn.done():
                turn.set_result(None)
                return True
        return False


class Turn:
    """The turns of one call."""

    def __init__(self, turns: Turns, client: str) -> None:
        self._turns = turns
        self._client = client
        self._is_begun = False

    async def __aenter__(self) -> None:
        await self._turns.enter(self._client, is_begun=self._is_begun)
        self._is_begun = True

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._turns.leave()


Pieces = Generator[None, None, T]
"""Work that yields between its pieces, and returns what comes of it."""


async def in_turns(turn: Turn, pieces: Pieces[T]) -> T:
    """What comes of work each of whose pieces waits for a turn. Raises TooMany, and what the work raises."""
    while True:
        async with turn:
            try:
                next(pieces)
            except StopIteration as done:
                found: T = done.value
                return found
        await asyncio.sleep(0)


def at_once(pieces: Pieces[T]) -> T:
    """What comes of work of which nobody waits for the pieces."""
    while True:
        try:
            next(pieces)
        except StopIteration as done:
            found: T = done.value
            return found
