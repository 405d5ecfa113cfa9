"""What strangers do at a node's ports: say nothing, flood, send bombs and giants; and what comes of it."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from ayni.v1 import ledger_service_pb2 as pb
from ayni.v1 import ledger_service_pb2_grpc
from ayni.v1 import peer_service_pb2 as peer_pb
from client.channels import retry_delay_ms
from config import NodeConfig
from node import calls, daemon, metrics, peers, tls
from node.daemon import Node
from node.peers import METHOD
from node.services import requests
from node.services.ledger import CLIENT_MESSAGE_BYTES_MAX
from tests.node.founders import write_network
from tests.node.running import credentials, running_node, stub_of, tick

SECONDS = 20
HANDSHAKE_MS = 500


def with_option(options: list[tuple[str, Any]], name: str, value: int) -> list[tuple[str, Any]]:
    return [(each, value if each == name else old) for each, old in options]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadlines of the ports, shorter, so that tests need not wait as long."""
    for module, name in ((daemon, "CLIENT_OPTIONS"), (peers, "PEER_OPTIONS"), (tls, "PEER_OPTIONS")):
        options = with_option(getattr(module, name), "grpc.server_handshake_timeout_ms", HANDSHAKE_MS)
        monkeypatch.setattr(module, name, options)


@pytest_asyncio.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    """A member of four, the others of which are down: it has a peer port, and is never ready to vote."""
    async with running_node(write_network(tmp_path)[0]) as node:
        yield node


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


async def ended(reader: asyncio.StreamReader) -> None:
    """Reads until the other side hangs up."""
    async with asyncio.timeout(SECONDS):
        with suppress(ConnectionError):
            while await reader.read(4_096):
                pass


def strange_tls() -> ssl.SSLContext:
    """TLS of somebody who trusts anybody and shows no certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context


# --- connections that never become one ----------------------------------------------------------------


@pytest.mark.parametrize("port", ["client", "peer"])
async def test_who_connects_and_says_nothing_is_hung_up_on(node: Node, port: str) -> None:
    address = port_of(getattr(node.parts.config.listen, port))
    reader, writer = await asyncio.open_connection("127.0.0.1", address)
    await ended(reader)
    writer.close()


@pytest.mark.parametrize("port", ["client", "peer"])
async def test_a_tls_greeting_that_comes_byte_by_byte_is_hung_up_on(node: Node, port: str) -> None:
    address = port_of(getattr(node.parts.config.listen, port))
    reader, writer = await asyncio.open_connection("127.0.0.1", address)
    writer.write(b"\x16\x03\x01")  # the beginning of a ClientHello
    await ended(reader)
    writer.close()


async def test_an_http2_connection_that_stops_after_tls_is_hung_up_on(node: Node) -> None:
    address = port_of(node.parts.config.listen.client)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", address, ssl=strange_tls(), server_hostname="emilia"
    )
    writer.write(b"PRI * HTTP/2.0\r\n")  # and never the rest, nor its settings
    await ended(reader)
    writer.close()


@pytest.mark.parametrize("port", ["client", "peer"])
async def test_garbage_instead_of_tls_is_hung_up_on(node: Node, port: str) -> None:
    address = port_of(getattr(node.parts.config.listen, port))
    reader, writer = await asyncio.open_connection("127.0.0.1", address)
    writer.write(b"GET / HTTP/1.1\r\n\r\n" * 100)
    await ended(reader)
    writer.close()


async def test_connections_beyond_the_bound_are_hung_up_on_and_later_ones_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = with_option(daemon.CLIENT_OPTIONS, "grpc.max_allowed_incoming_connections", 4)
    monkeypatch.setattr(daemon, "CLIENT_OPTIONS", options)
    config = write_network(tmp_path, ("emilia",))[0]
    async with running_node(config) as node:
        address = port_of(node.parts.config.listen.client)
        idle = [await asyncio.open_connection("127.0.0.1", address) for _ in range(30)]
        await asyncio.gather(*[ended(reader) for reader, _ in idle])
        async with stub_of(config) as stub:
            assert (await stub.GetStatus(pb.GetStatusRequest())).federation == "emilia"


# --- requests that are no messages ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "form"),
    [
        ("/ayni.v1.LedgerService/Submit", "unary_unary"),
        ("/ayni.v1.LedgerService/Export", "unary_stream"),
        ("/ayni.v1.LedgerService/SubmitStream", "stream_stream"),
        ("/grpc.health.v1.Health/Watch", "unary_stream"),
    ],
)
async def test_a_request_that_is_no_message_is_refused_in_words(
    tmp_path: Path, method: str, form: str
) -> None:
    config = write_network(tmp_path, ("emilia",))[0]
    async with running_node(config):
        pinned, options = credentials(config)
        async with grpc.aio.secure_channel(config.listen.client, pinned, options) as channel:
            call: Any = getattr(channel, form)(method)
            garbage = b"\xff\xff\xff"
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                if form == "unary_unary":
                    await call(garbage)
                else:
                    opened = call(iter([garbage])) if form == "stream_stream" else call(garbage)
                    await opened.read()
    assert grpc.StatusCode.INVALID_ARGUMENT is refused.value.code()
    assert refused.value.details() == (
        f"the request is no message that {method} takes; send it with a client of this version of Ayni, or "
        "make it from its .proto files"
    )


# --- nobody speaks to a validator unauthenticated -------------------------------------------------------


async def test_a_peer_stream_without_tls_is_refused(node: Node) -> None:
    async with grpc.aio.insecure_channel(node.parts.config.listen.peer) as channel:
        call: Any = channel.stream_stream(METHOD)()
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call.read()
        assert grpc.StatusCode.UNAVAILABLE is refused.value.code()


async def test_a_peer_stream_without_a_certificate_is_refused(node: Node) -> None:
    pinned, options = credentials(node.parts.config)
    async with grpc.aio.secure_channel(node.parts.config.listen.peer, pinned, options) as channel:
        call: Any = channel.stream_stream(METHOD)()
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call.read()
        assert grpc.StatusCode.UNAVAILABLE is refused.value.code()
    assert node.loop.network is not None
    assert node.loop.network.links == {}


async def test_the_peer_port_serves_nothing_but_peers(node: Node, tmp_path: Path) -> None:
    """Neither reads nor reflection nor health: a certificate opens one method only."""
    other = next(each for each in (tmp_path / "japan").glob("node.toml"))
    from config import load

    channel, _, _ = tls.peer_channel(load(other), load(other).peers[0])
    async with channel:
        method = channel.unary_unary("/ayni.v1.LedgerService/GetNetwork")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await method(b"")
        assert grpc.StatusCode.UNIMPLEMENTED is refused.value.code()


# --- streams and calls --------------------------------------------------------------------------------


async def health_stub(config: NodeConfig, *options: tuple[str, int]) -> tuple[grpc.aio.Channel, Any]:
    pinned, named = credentials(config)
    channel = grpc.aio.secure_channel(config.listen.client, pinned, [*named, *options])
    stub: Any = health_pb2_grpc.HealthStub(channel)
    return channel, stub


async def test_a_watcher_that_does_not_read_holds_up_nobody(node: Node) -> None:
    """With a window of nothing, nothing can be written to it; the node's upkeep goes on all the same."""
    closed = (("grpc.http2.lookahead_bytes", 0), ("grpc.http2.bdp_probe", 0))
    channel, stub = await health_stub(node.parts.config, *closed)
    async with channel:
        watching = [stub.Watch(health_pb2.HealthCheckRequest()) for _ in range(5)]
        for call in watching:
            await call.initial_metadata() if False else None
        fast, reading = await health_stub(node.parts.config)
        async with fast:
            other = reading.Watch(health_pb2.HealthCheckRequest())
            first = await asyncio.wait_for(other.read(), SECONDS)
            states = health_pb2.HealthCheckResponse
            for status in (states.NOT_SERVING, states.SERVING, states.NOT_SERVING):
                node._health.set("", status)
            assert (await asyncio.wait_for(other.read(), SECONDS)).status != first.status
        for call in watching:
            call.cancel()


async def test_watchers_are_counted_like_any_stream(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "STREAMS_OF_ONE_MAX", 2)
    channel, stub = await health_stub(node.parts.config)
    async with channel:
        held = [stub.Watch(health_pb2.HealthCheckRequest()) for _ in range(2)]
        for call in held:
            await call.read()
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.Watch(health_pb2.HealthCheckRequest()).read()
        assert grpc.StatusCode.RESOURCE_EXHAUSTED is refused.value.code()
        assert "2 streams are open from this address" in (refused.value.details() or "")
        assert (await stub.Check(health_pb2.HealthCheckRequest())).status
        held[0].cancel()
        async with asyncio.timeout(SECONDS):
            while len(node._streams) == 2:
                await stub.Check(health_pb2.HealthCheckRequest())
        assert await stub.Watch(health_pb2.HealthCheckRequest()).read()


async def until_open(node: Node, count: int) -> None:
    """Until so many calls are open."""
    async with asyncio.timeout(SECONDS):
        while len(node._calls) != count:
            await tick()


async def turned_away(call: Any) -> str:
    """What a call that is one too many is told."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    assert grpc.StatusCode.RESOURCE_EXHAUSTED is refused.value.code()
    assert retry_delay_ms(refused.value) == 1_000
    return refused.value.details() or ""


async def test_one_address_has_only_so_many_calls_open(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls that wait for an outcome, for a minute, would else be all that there may be."""
    monkeypatch.setattr(calls, "CALLS_OF_ONE_MAX", 3)
    async with stub_of(node.parts.config) as stub:
        request = pb.GetOutcomeRequest(tx_id=bytes(32), wait_ms=60_000)
        waiting = [asyncio.ensure_future(stub.GetOutcome(request)) for _ in range(3)]
        await until_open(node, 3)
        assert await turned_away(stub.GetStatus(pb.GetStatusRequest())) == (
            "3 calls from this address are open, as many as one may have; wait for their answers first, and "
            "send many transactions in one call"
        )
        channel, health = await health_stub(node.parts.config)
        async with channel:  # nor on another connection, or of another service
            await turned_away(health.Check(health_pb2.HealthCheckRequest()))
        waiting[0].cancel()
        await until_open(node, 2)
        assert await stub.GetStatus(pb.GetStatusRequest())
        for each in waiting:
            each.cancel()
        await until_open(node, 0)


async def test_as_many_calls_as_one_address_may_have_fit_into_one_new_connection(node: Node) -> None:
    """gRPC resets those beyond what it takes of a connection, and some before: a client hears UNAVAILABLE,
    and not that it has too many calls open."""
    async with stub_of(node.parts.config) as stub:
        request = pb.GetOutcomeRequest(tx_id=bytes(32), wait_ms=60_000)
        asked = [stub.GetOutcome(request) for _ in range(calls.CALLS_OF_ONE_MAX + 20)]
        told = [asyncio.ensure_future(turned_away(call)) for call in asked]
        for ended in itertools.islice(asyncio.as_completed(told), 20):
            assert (await ended).startswith(f"{calls.CALLS_OF_ONE_MAX} calls from this address are open")
        await until_open(node, calls.CALLS_OF_ONE_MAX)
        for call in (*told, *asked):
            call.cancel()


async def test_a_call_whose_request_does_not_come_is_counted_and_ended(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "REQUEST_SECONDS", 0.2)
    pinned, options = credentials(node.parts.config)
    async with grpc.aio.secure_channel(node.parts.config.listen.client, pinned, options) as channel:
        for method in ("/ayni.v1.LedgerService/GetStatus", "/ayni.v1.LedgerService/Export"):
            call: Any = channel.stream_stream(method)()
            reading = asyncio.ensure_future(call.read())
            await until_open(node, 1)
            with pytest.raises(grpc.aio.AioRpcError) as ended_:
                await reading
            assert grpc.StatusCode.DEADLINE_EXCEEDED is ended_.value.code()
            assert ended_.value.details() == (
                "the request did not come within 0.2 s; call again, and send it at once"
            )
            await until_open(node, 0)


async def test_a_call_that_ends_without_a_request_is_refused(node: Node) -> None:
    pinned, options = credentials(node.parts.config)
    async with grpc.aio.secure_channel(node.parts.config.listen.client, pinned, options) as channel:
        call: Any = channel.stream_stream("/ayni.v1.LedgerService/GetStatus")()
        await call.done_writing()
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call.read()
        assert grpc.StatusCode.INVALID_ARGUMENT is refused.value.code()


async def test_answers_that_a_client_does_not_read_count_until_it_does(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "CALLS_BYTES_OF_ONE_MAX", 1 << 20)
    assert node._ledger is not None
    large = pb.GetNetworkResponse(genesis_hash=bytes(3 << 20))
    monkeypatch.setattr(node._ledger._reads, "network", lambda: large)
    pinned, options = credentials(node.parts.config)
    narrow = [*options, ("grpc.http2.lookahead_bytes", 0), ("grpc.http2.bdp_probe", 0)]
    async with (
        grpc.aio.secure_channel(node.parts.config.listen.client, pinned, narrow) as channel,
        stub_of(node.parts.config) as stub,
    ):
        unread: Any = channel.unary_stream("/ayni.v1.LedgerService/GetNetwork")(b"")
        async with asyncio.timeout(SECONDS):
            while node._calls.bytes_kept < 3 << 20:
                await tick()
        assert await turned_away(stub.GetOutcome(pb.GetOutcomeRequest(tx_id=bytes(32)))) == (
            "requests from this address, and answers that it has not read, take 1 MiB, as much as they may; "
            "read the answers first"
        )
        assert len(await unread.read()) > 3 << 20
        await until_open(node, 0)
        assert node._calls.bytes_kept == 0
        assert await stub.GetStatus(pb.GetStatusRequest())


async def test_an_unknown_service_has_no_health(node: Node) -> None:
    channel, stub = await health_stub(node.parts.config)
    async with channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.Check(health_pb2.HealthCheckRequest(service="nonsense"))
        assert "there is no service of that name here" in (refused.value.details() or "")


async def test_a_request_above_the_bound_is_not_read(node: Node) -> None:
    async with stub_of(node.parts.config) as stub:
        request = pb.SubmitRequest(transactions=[b"x" * CLIENT_MESSAGE_BYTES_MAX])
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.Submit(request)
        assert grpc.StatusCode.RESOURCE_EXHAUSTED is refused.value.code()
        assert "larger than max" in (refused.value.details() or "")


@pytest.mark.parametrize("size", [1, 4, 64])
async def test_a_packed_request_is_refused_before_it_is_unpacked(node: Node, size: int) -> None:
    """Of so many MiB; a thousandth of it on the wire would hold up everybody else."""
    pinned, options = credentials(node.parts.config)
    bomb = pb.SubmitRequest(transactions=[bytes(size << 20)])
    assert len(gzip.compress(bomb.SerializeToString())) < CLIENT_MESSAGE_BYTES_MAX / 8
    async with grpc.aio.secure_channel(
        node.parts.config.listen.client,
        pinned,
        [*options, ("grpc.max_send_message_length", -1)],
        compression=grpc.Compression.Gzip,
    ) as channel:
        stub: Any = ledger_service_pb2_grpc.LedgerServiceStub(channel)  # type: ignore[no-untyped-call]
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.Submit(bomb)
        assert grpc.StatusCode.UNIMPLEMENTED is refused.value.code()
        assert refused.value.details() == "Compression algorithm 'gzip' is disabled."


async def test_a_request_of_countless_empty_parts_is_not_unpacked(node: Node) -> None:
    """Two million of them would take 70 MB, and the event loop for 0.2 s."""
    bomb = pb.SubmitRequest(transactions=[b""] * 2_000_000)
    async with stub_of(node.parts.config) as stub:
        for call in (stub.Submit(bomb), stub.SubmitStream(iter([bomb]))):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await (call if hasattr(call, "__await__") else call.read())
            assert grpc.StatusCode.INVALID_ARGUMENT is refused.value.code()
            assert refused.value.details() == (
                "the request of 4000000 bytes has more than 2000 fields; "
                "send at most 1000 transactions in one"
            )


async def test_a_name_of_megabytes_is_not_remembered(node: Node) -> None:
    """Which nonces are not used is remembered, a hundred thousand of them, each with its author's name."""
    before = len(node.parts.tables._unused)
    async with stub_of(node.parts.config) as stub:
        for author in ("x" * (3 << 20), "emilia/" + "x" * 33):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await stub.GetTransaction(pb.GetTransactionRequest(author=author, nonce=bytes(16)))
            assert grpc.StatusCode.INVALID_ARGUMENT is refused.value.code()
            words = "x is no name of an account or a federation; check it"
            assert (refused.value.details() or "").endswith(words)
    assert before == len(node.parts.tables._unused)


async def test_a_greeting_of_a_megabyte_is_not_parsed(node: Node, tmp_path: Path) -> None:
    from config import load

    own = load(tmp_path / "japan" / "node.toml")
    section = next(peer for peer in own.peers if peer.federation == "emilia")
    channel, _, _ = tls.peer_channel(own, section)
    async with channel:
        call: Any = channel.stream_stream(METHOD)()
        challenge = peer_pb.Challenge(genesis_hash=b"x" * (1 << 20), member=1)
        await call.write(peer_pb.PeerFrame(challenge=challenge).SerializeToString())
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            while await call.read() is not grpc.aio.EOF:
                pass
        assert grpc.StatusCode.PERMISSION_DENIED is refused.value.code()
        assert "at most 1024 are read" in (refused.value.details() or "")


async def test_the_metrics_port_serves_so_many_at_a_time_and_hangs_up_on_others(
    node: Node,
) -> None:
    address = port_of(node.parts.config.listen.metrics)
    silent = [await asyncio.open_connection("127.0.0.1", address) for _ in range(metrics.CONNECTIONS_MAX)]
    reader, writer = await asyncio.open_connection("127.0.0.1", address)
    writer.write(b"GET /healthz HTTP/1.0\r\n\r\n")
    async with asyncio.timeout(SECONDS):
        with suppress(ConnectionError):
            assert await reader.read() == b""
    for _, held in silent:
        held.close()
    async with asyncio.timeout(SECONDS):
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", address)
            writer.write(b"GET /healthz HTTP/1.0\r\n\r\n")
            with suppress(ConnectionError):
                if (await reader.read()).startswith(b"HTTP/1.0 "):
                    return
