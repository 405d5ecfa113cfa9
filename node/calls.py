"""How much of a node clients may keep open: streams, calls, and the bytes of what they ask and are answered.

Counts them, together and by client, and says who asks too much, in words that say what to do. Clients are
told apart by their address. Ends no call itself (node/services does), and decides nothing about whose is
worked on (node/turns.py). Spec: DESIGN 4.6 (nothing grows without bound).
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network
from typing import Final
from urllib.parse import unquote

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
