"""What clients keep open is bounded, together and by client; clients are told apart by their address."""

from __future__ import annotations

import pytest

from node import calls as module
from node.calls import Calls, Streams, TooMany, client_of


def test_streams_are_bounded_together_and_by_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STREAMS_MAX", 3)
    monkeypatch.setattr(module, "STREAMS_OF_ONE_MAX", 2)
    streams = Streams()
    streams.begin("a")
    streams.begin("a")
    with pytest.raises(TooMany, match="2 streams are open from this address"):
        streams.begin("a")
    streams.begin("b")
    with pytest.raises(TooMany, match="3 streams are open on this node, as many as it keeps"):
        streams.begin("c")
    streams.end("a")
    streams.begin("c")
    assert len(streams) == 3


def test_calls_are_bounded_together_and_by_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CALLS_MAX", 3)
    monkeypatch.setattr(module, "CALLS_OF_ONE_MAX", 2)
    calls = Calls()
    first, _ = calls.begin("a"), calls.begin("a")
    with pytest.raises(TooMany, match="2 calls from this address are open, as many as one may have"):
        calls.begin("a")
    calls.begin("b")
    with pytest.raises(TooMany, match="3 calls are open on this node, as many as it keeps; ask another"):
        calls.begin("c")
    first.end()
    calls.begin("c")
    assert len(calls) == 3


def test_what_calls_keep_is_bounded_together_and_by_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CALLS_BYTES_MAX", 3 << 20)
    monkeypatch.setattr(module, "CALLS_BYTES_OF_ONE_MAX", 2 << 20)
    calls = Calls()
    first, second, other = calls.begin("a"), calls.begin("a"), calls.begin("b")
    first.take(2 << 20)
    with pytest.raises(TooMany, match=r"requests from this address, .* take 2 MiB, as much as they may"):
        second.take(1)
    first.take(1 << 20)  # the next of a stream, the one before is dealt with
    second.take(1 << 20)
    other.take(1 << 20)
    with pytest.raises(TooMany, match=r"requests, .* take 3 MiB on this node, as much as it keeps"):
        other.take((1 << 20) + 1)
    second.keep(5 << 20)  # an answer is not refused any more
    assert calls.bytes_kept == 7 << 20
    for call in (first, second, other):
        call.end()
    assert (len(calls), calls.bytes_kept) == (0, 0)
    assert not calls._open and not calls._bytes


@pytest.mark.parametrize(
    ("peer", "client"),
    [
        ("ipv4:127.0.0.1:4711", "127.0.0.1"),
        ("ipv6:%5B::1%5D:4711", "::/64"),
        ("ipv6:%5B2001:db8:1:2:3:4:5:6%5D:4711", "2001:db8:1:2::/64"),
        ("ipv6:%5B2001:db8:1:2::7%5D:4712", "2001:db8:1:2::/64"),
        ("ipv6:%5Bfe80::1%25eth0%5D:4711", "fe80::/64"),
        ("ipv6:%5B::ffff:10.0.0.1%5D:4711", "10.0.0.1"),
        ("ipv6:nonsense:4711", "nonsense"),
        ("unix:/tmp/socket", "unix:/tmp/socket"),
        ("", ""),
    ],
)
def test_clients_are_told_apart_by_address_and_of_IPv6_by_network(peer: str, client: str) -> None:
    assert client_of(peer) == client
