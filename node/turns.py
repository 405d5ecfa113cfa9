"""Whose call is worked on: one at a time, each client in turn, consensus in between. And how many may wait.

A node is one event loop. Calls that are ready at the same moment would all run before consensus does, a
thousand dear reads for seconds; so work for clients goes through here in pieces of a few milliseconds, no
more of which run in one turn of the loop once they took 10 ms. Clients are told apart by their address, so
that one that asks much waits behind its own calls. Decides nothing about what is asked. Spec: DESIGN 4.6
(nothing grows without bound).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Generator
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network
from types import TracebackType
from typing import Final, TypeVar
from urllib.parse import unquote

from node.fair import FairQueue

T = TypeVar("T")

WAITING_MAX: Final = 200
"""Pieces of work that one client may have waiting; calls that it then begins are turned away."""
ROUND_SECONDS: Final = 0.01
"""After so long no further piece begins in one turn of the event loop: peers' transactions have as long."""
STREAMS_MAX: Final = 500
"""Streams open at a time: a client may hold one as long as it likes, other calls not."""
STREAMS_OF_ONE_MAX: Final = 200
"""Of them, by one client."""
CALLS_MAX: Final = 2_000
"""Calls open at a time, streams among them, until their answers are sent."""
CALLS_OF_ONE_MAX: Final = 500
"""Of them, by one client: a quarter, since many people may share one address."""
CALLS_BYTES_MAX: Final = 256 * 1024 * 1024
"""What requests and answers of open calls may take before no further one is read,"""
CALLS_BYTES_OF_ONE_MAX: Final = 64 * 1024 * 1024
"""and those of one client."""


class TooMany(Exception):
    """One client, or all of them together, ask for more than a node keeps open. The text says what to do."""


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


class Streams:
    """Counts open streams, together and by client."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._open.total()

    def begin(self, client: str) -> None:
        """One more. Raises TooMany."""
        if self._open.total() >= STREAMS_MAX:
            raise TooMany(
                f"{STREAMS_MAX} streams are open on this node, as many as it keeps; ask another, or later"
            )
        if self._open[client] >= STREAMS_OF_ONE_MAX:
            raise TooMany(
                f"{STREAMS_OF_ONE_MAX} streams are open from this address, as many as it may hold; "
                "end some first"
            )
        self._open[client] += 1

    def end(self, client: str) -> None:
        """One less."""
        self._open[client] -= 1
        if not self._open[client]:
            del self._open[client]


class Calls:
    """Counts open calls and the bytes of what they ask and are answered, together and by client."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self._count = self._bytes_together = 0

    def __len__(self) -> int:
        return self._count

    @property
    def bytes_kept(self) -> int:
        """Of all open calls."""
        return self._bytes_together

    def begin(self, client: str) -> OpenCall:
        """One more, until its `end`. Raises TooMany."""
        if self._open[client] >= CALLS_OF_ONE_MAX:
            raise TooMany(
                f"{CALLS_OF_ONE_MAX} calls from this address are open, as many as one may have; wait for "
                "their answers first, and send many transactions in one call"
            )
        if self._count >= CALLS_MAX:
            raise TooMany(
                f"{CALLS_MAX} calls are open on this node, as many as it keeps; ask another, or later"
            )
        self._open[client] += 1
        self._count += 1
        return OpenCall(self, client)

    def end(self, client: str) -> None:
        """One less."""
        self._count -= 1
        self._open[client] -= 1
        if not self._open[client]:
            del self._open[client]

    def check_bytes(self, client: str, more: int) -> None:
        """Whether so many bytes more may be kept. Raises TooMany."""
        if self._bytes[client] + more > CALLS_BYTES_OF_ONE_MAX:
            raise TooMany(
                f"requests from this address, and answers that it has not read, take "
                f"{CALLS_BYTES_OF_ONE_MAX >> 20} MiB, as much as they may; read the answers first"
            )
        if self._bytes_together + more > CALLS_BYTES_MAX:
            raise TooMany(
                f"requests, and answers that are not read, take {CALLS_BYTES_MAX >> 20} MiB on this node, as "
                "much as it keeps; ask another, or later"
            )

    def keep(self, client: str, more: int) -> None:
        """So many bytes more, or less."""
        self._bytes_together += more
        self._bytes[client] += more
        if not self._bytes[client]:
            del self._bytes[client]


class OpenCall:
    """One call of a client, from its beginning until its answer is sent."""

    def __init__(self, calls: Calls, client: str) -> None:
        self._calls = calls
        self._client = client
        self._bytes = 0

    def take(self, size: int) -> None:
        """Its request, or the next of them, has so many bytes. Raises TooMany."""
        self._calls.check_bytes(self._client, size - self._bytes)
        self.keep(size)

    def keep(self, size: int) -> None:
        """So many bytes are kept of it from now on."""
        self._calls.keep(self._client, size - self._bytes)
        self._bytes = size

    def end(self) -> None:
        """Its answer is sent, or the client is gone."""
        self.keep(0)
        self._calls.end(self._client)


def client_of(peer: str) -> str:
    """Whose a call is, by its other side's address: "127.0.0.1" of "ipv4:127.0.0.1:4711".

    Of IPv6 it is the network of 64 bits, of which one customer has all addresses.
    """
    kind, _, rest = peer.partition(":")
    address = rest.rpartition(":")[0]
    return _network_of(address) if kind == "ipv6" else address or peer


@lru_cache(maxsize=1_024)
def _network_of(address: str) -> str:
    """Of "%5B2001:db8::1%5D", as gRPC writes it, "2001:db8::/64"."""
    try:
        found = IPv6Address(unquote(address).strip("[]").partition("%")[0])
    except ValueError:
        return address
    return str(found.ipv4_mapped or IPv6Network((found, 64), strict=False))
