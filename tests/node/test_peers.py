"""Real connections between validators: garbage, lies and floods close or slow one stream, and no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from ayni.v1 import genesis_pb2
from ayni.v1 import peer_service_pb2 as pb
from ayni.v1.block_pb2 import Certificate, CertifiedBlock, MemberSignature, Proposal, Vote
from config import NodeConfig, fingerprint
from node import peers, tls
from node.frames import parse_frame, parse_in_turns
from node.handshake import Handshake, PeerFault
from node.log import make_log
from node.peers import METHOD, Link, PeerNetwork
from node.tls import peer_channel, peer_server_credentials
from proofs.membership import Membership, membership_of
from tests.node.founders import NAMES, Founder, write_network
from tests.node.running import Rounds, tick

SECONDS = 10


class Heard:
    """An inbox that remembers; `until` waits for something to be true of it."""

    def __init__(self) -> None:
        self.up: list[str] = []
        self.down: list[tuple[str, str]] = []
        self.faults: list[tuple[str, str]] = []
        self.frames: list[tuple[str, pb.PeerFrame]] = []
        self.process = True
        self.held: list[tuple[Link, int]] = []
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def peer_up(self, link: Link) -> None:
        self.up.append(link.name)
        self._note()

    def peer_down(self, link: Link) -> None:
        self.down.append((link.name, link.reason))
        self._note()

    def peer_fault(self, link: Link, reason: str) -> None:
        self.faults.append((link.name, reason))
        self._note()

    def peer_frame(self, link: Link, frame: pb.PeerFrame, size: int) -> None:
        self.frames.append((link.name, frame))
        if self.process:
            link.processed(size)
        else:
            self.held.append((link, size))
        self._note()

    def _note(self) -> None:
        async def notify() -> None:
            async with self._changed:
                self._changed.notify_all()

        task = asyncio.create_task(notify())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(SECONDS), self._changed:
            await self._changed.wait_for(condition)


class Side:
    """One node's network and what it heard."""

    def __init__(self, config: NodeConfig, members: Membership, index: int) -> None:
        self.heard = Heard()
        key = Founder(NAMES[index]).consensus
        log = make_log(config.log, node=NAMES[index])
        self.network = PeerNetwork(config, members, index, key, self.heard, log)


@pytest.fixture
def configs(tmp_path: Path) -> list[NodeConfig]:
    return write_network(tmp_path)


@pytest.fixture
def members(configs: list[NodeConfig]) -> Membership:
    return membership_of(genesis_pb2.SignedGenesis.FromString(configs[0].node.genesis.read_bytes()))


@asynccontextmanager
async def running(
    configs: list[NodeConfig], members: Membership, *indexes: int
) -> AsyncIterator[dict[int, Side]]:
    sides = {index: Side(configs[index], members, index) for index in indexes}
    try:
        for side in sides.values():
            await side.network.start()
        yield sides
    finally:
        for side in sides.values():
            await side.network.stop()


class Intruder:
    """Speaks to a node by hand, with the certificate of one member."""

    def __init__(self, configs: list[NodeConfig], members: Membership, shows: int, target: int) -> None:
        section = next(peer for peer in configs[shows].peers if peer.federation == NAMES[target])
        self.channel, own, theirs = peer_channel(configs[shows], section)
        self.call: Any = self.channel.stream_stream(METHOD)()
        self._members, self._own, self._theirs = members, own, theirs

    async def challenge(self, claims: int, signs_as: int) -> Handshake:
        """Says who it is, or claims to be."""
        key = Founder(NAMES[signs_as]).consensus
        handshake = Handshake(self._members, claims, key, self._own, b"\x03" * 32)
        await self.write(handshake.challenge())
        return handshake

    async def greet(self, claims: int, signs_as: int) -> None:
        """Says the right things in the right order."""
        handshake = await self.challenge(claims, signs_as)
        handshake.claimed(pb.PeerFrame.FromString(await self.call.read()))
        await self.write(handshake.answer(self._theirs))

    async def write(self, frame: pb.PeerFrame) -> None:
        await self.call.write(frame.SerializeToString())

    async def end(self) -> tuple[grpc.StatusCode, str]:
        """Reads to the end; the status that the node closed with."""
        async with asyncio.timeout(SECONDS):
            try:
                while isinstance(await self.call.read(), bytes):
                    pass
            except grpc.aio.AioRpcError:
                pass
            return await self.call.code(), await self.call.details()


async def test_members_find_each_other_and_frames_arrive(
    configs: list[NodeConfig], members: Membership
) -> None:
    async with running(configs, members, 0, 1, 2, 3) as sides:
        for side in sides.values():
            await side.heard.until(lambda side=side: len(set(side.heard.up)) == 3)
        frame = pb.PeerFrame(transactions=pb.Transactions(transactions=[b"x"]))
        sides[0].network.broadcast(frame.SerializeToString())
        for index in (1, 2, 3):
            await sides[index].heard.until(lambda index=index: sides[index].heard.frames)
            assert [("emilia", frame)] == sides[index].heard.frames


async def test_a_node_that_comes_back_is_connected_again(
    configs: list[NodeConfig], members: Membership
) -> None:
    async with running(configs, members, 0) as first:
        async with running(configs, members, 1):
            await first[0].heard.until(lambda: first[0].heard.up == ["japan"])
        await first[0].heard.until(lambda: first[0].heard.down)
        async with running(configs, members, 1):
            await first[0].heard.until(lambda: first[0].heard.up == ["japan", "japan"])


async def test_a_node_dials_on_however_often_it_is_hung_up_on(
    configs: list[NodeConfig], members: Membership
) -> None:
    calls = 0
    often = asyncio.Event()

    async def hang_up(_: Any, context: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 6:
            often.set()
        challenge = Handshake(members, 1, Founder(NAMES[1]).consensus, b"", b"\x03" * 32).challenge()
        await context.write(challenge.SerializeToString())
        await context.abort(grpc.StatusCode.PERMISSION_DENIED, "not today")

    class Handler(grpc.GenericRpcHandler):
        def service(self, handler_call_details: Any) -> Any:
            return grpc.stream_stream_rpc_method_handler(hang_up)

    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Handler(),))
    server.add_secure_port(configs[1].listen.peer, peer_server_credentials(configs[1]))
    await server.start()
    async with running(configs, members, 0):
        await asyncio.wait_for(often.wait(), SECONDS)
    await server.stop(None)


async def test_garbage_closes_the_stream_of_whoever_sends_it(
    configs: list[NodeConfig], members: Membership
) -> None:
    async with running(configs, members, 0, 1) as sides:
        heard = sides[0].heard
        await heard.until(lambda: heard.up == ["japan"])
        intruder = Intruder(configs, members, 2, 0)
        await intruder.greet(2, 2)
        await heard.until(lambda: "lombardia" in heard.up)
        await intruder.call.write(b"\xff\xff\xff garbage")
        await heard.until(lambda: heard.down)
        assert heard.down == [("lombardia", "it sent 11 bytes that are no frame of this protocol")]
        assert heard.faults == heard.down
        assert 1 in sides[0].network.links


async def test_a_second_greeting_closes_the_stream(configs: list[NodeConfig], members: Membership) -> None:
    async with running(configs, members, 0) as sides:
        heard = sides[0].heard
        intruder = Intruder(configs, members, 2, 0)
        await intruder.greet(2, 2)
        await heard.until(lambda: heard.up)
        await intruder.write(pb.PeerFrame(hello=pb.Hello()))
        await heard.until(lambda: heard.down)
        assert "no place after the greeting" in heard.down[0][1]


async def test_who_shows_one_certificate_and_claims_another_name_is_refused(
    configs: list[NodeConfig], members: Membership
) -> None:
    async with running(configs, members, 0) as sides:
        intruder = Intruder(configs, members, 2, 0)
        await intruder.challenge(1, 1)
        code, details = await intruder.end()
        assert grpc.StatusCode.PERMISSION_DENIED is code
        assert "claims to be japan but does not show that federation's certificate" in details
        assert sides[0].heard.up == []


async def test_one_certificate_has_only_so_many_streams_that_are_not_greeted(
    configs: list[NodeConfig], members: Membership
) -> None:
    """A member that opens streams and says nothing would else keep the others from connecting again."""
    async with running(configs, members, 0) as sides:
        silent = [Intruder(configs, members, 2, 0) for _ in range(peers.GREETING_OF_ONE_MAX)]
        for each in silent:
            assert await each.call.read()
        code, details = await Intruder(configs, members, 2, 0).end()
        assert (grpc.StatusCode.RESOURCE_EXHAUSTED, details) == (
            code,
            "4 streams with this certificate are being greeted; finish those first",
        )
        other = Intruder(configs, members, 3, 0)
        await other.greet(3, 3)
        await sides[0].heard.until(lambda: "quebec" in sides[0].heard.up)
        for each in silent:
            each.call.cancel()
        async with asyncio.timeout(SECONDS):
            while sides[0].network._greeting.total():
                await tick()
        again = Intruder(configs, members, 2, 0)
        await again.greet(2, 2)
        await sides[0].heard.until(lambda: "lombardia" in sides[0].heard.up)


async def test_a_connection_without_a_stream_is_hung_up_on(
    configs: list[NodeConfig], members: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = [
        (name, 200 if name == "grpc.max_connection_idle_ms" else value) for name, value in tls.PEER_OPTIONS
    ]
    assert short != tls.PEER_OPTIONS
    monkeypatch.setattr(peers, "PEER_OPTIONS", short)
    async with running(configs, members, 0):
        intruder = Intruder(configs, members, 2, 0)
        intruder.call.cancel()
        await intruder.channel.channel_ready()
        assert intruder.channel.get_state() is grpc.ChannelConnectivity.READY
        async with asyncio.timeout(SECONDS):
            await intruder.channel.wait_for_state_change(grpc.ChannelConnectivity.READY)


async def test_who_cannot_sign_as_whom_it_claims_to_be_is_refused(
    configs: list[NodeConfig], members: Membership
) -> None:
    async with running(configs, members, 0) as sides:
        intruder = Intruder(configs, members, 2, 0)
        await intruder.greet(2, 3)
        code, details = await intruder.end()
        assert grpc.StatusCode.PERMISSION_DENIED is code
        assert "claims to be lombardia but did not sign" in details
        assert sides[0].heard.up == []


async def test_a_stranger_certificate_does_not_get_as_far_as_the_greeting(
    configs: list[NodeConfig], members: Membership, tmp_path: Path
) -> None:
    from dataclasses import replace

    from config import TlsSection, write_certificate

    write_certificate("lombardia", tmp_path / "fake.crt", tmp_path / "fake.key")
    stranger = replace(configs[2], tls=TlsSection(tmp_path / "fake.crt", tmp_path / "fake.key"))
    assert fingerprint((tmp_path / "fake.crt").read_bytes()) != fingerprint(
        configs[2].tls.certificate.read_bytes()
    )
    async with running(configs, members, 0) as sides:
        intruder = Intruder([*configs[:2], stranger, configs[3]], members, 2, 0)
        code, _ = await intruder.end()
        assert grpc.StatusCode.UNAVAILABLE is code
        assert sides[0].heard.up == []


async def test_silence_instead_of_a_greeting_ends_in_time(
    configs: list[NodeConfig], members: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "HANDSHAKE_SECONDS", 0.2)
    async with running(configs, members, 0):
        intruder = Intruder(configs, members, 2, 0)
        code, details = await intruder.end()
        assert (code, details) == (grpc.StatusCode.DEADLINE_EXCEEDED, "the greeting took too long")


async def test_nobody_is_warned_of_a_caller_that_goes_away_before_it_is_greeted(
    configs: list[NodeConfig], members: Membership, capfd: pytest.CaptureFixture[str]
) -> None:
    async with running(configs, members, 0) as sides:
        intruder = Intruder(configs, members, 2, 0)
        await intruder.call.done_writing()
        code, _ = await intruder.end()
        assert grpc.StatusCode.OK is code
        assert sides[0].heard.up == []
    assert "[warning" not in capfd.readouterr().err  # lines break; nobody need look at that


async def test_a_flood_is_read_no_further_than_its_bound_and_hurts_nobody_else(
    configs: list[NodeConfig], members: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "INCOMING_FRAMES_MAX", 10)
    async with running(configs, members, 0, 1) as sides:
        heard = sides[0].heard
        await heard.until(lambda: heard.up == ["japan"])
        await sides[1].heard.until(lambda: sides[1].heard.up)
        heard.process = False
        intruder = Intruder(configs, members, 2, 0)
        await intruder.greet(2, 2)
        await heard.until(lambda: "lombardia" in heard.up)
        frame = pb.PeerFrame(status=pb.Status(height=1)).SerializeToString()
        for _ in range(200):
            await intruder.call.write(frame)
        await heard.until(lambda: len(heard.frames) == 11)
        sides[1].network.broadcast(frame)
        await heard.until(lambda: ("japan", pb.PeerFrame.FromString(frame)) in heard.frames)
        assert sum(1 for name, _ in heard.frames if name == "lombardia") == 11
        heard.process = True
        for link, size in heard.held:
            link.processed(size)
        await heard.until(lambda: sum(1 for name, _ in heard.frames if name == "lombardia") == 200)


def test_a_member_that_does_not_read_has_no_room_for_more_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "ANSWERS_BYTES_MAX", 100)
    link = Link(1, "japan")
    link.send(b"x" * 99)
    assert link.has_room
    link.send(b"x")
    assert not link.has_room


def test_a_member_that_reads_too_slowly_loses_frames_and_not_our_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(peers, "OUTGOING_BYTES_MAX", 100)
    link = Link(1, "japan")
    assert [link.send(b"x" * size) for size in (60, 30, 20, 10)] == [True, True, False, True]


@pytest.mark.parametrize(
    "parts",
    [
        pb.PeerFrame(votes=pb.Votes(votes=[Vote()] * 2_000)),
        pb.PeerFrame(certificates=pb.Certificates(certificates=[Certificate()] * 2_000)),
        pb.PeerFrame(status=pb.Status(own_latest=[Vote()] * 2_000)),
        pb.PeerFrame(transactions=pb.Transactions(transactions=[b""] * 2_000)),
        pb.PeerFrame(block_request=pb.BlockRequest(digests=[b""] * 2_000)),
        pb.PeerFrame(proposal=Proposal(nullifications=[Certificate(signatures=[MemberSignature()] * 2_000)])),
        pb.PeerFrame(
            block_response=pb.BlockResponse(blocks=[CertifiedBlock(nullifications=[Certificate()] * 2_000)])
        ),
    ],
    ids=lambda frame: frame.WhichOneof("frame"),
)
def test_a_frame_of_countless_empty_parts_is_not_unpacked(parts: pb.PeerFrame) -> None:
    """16 MiB of them would take 700 MB of memory, and seconds in which nothing else is done."""
    with pytest.raises(PeerFault, match=r"^its frame of [0-9]+ bytes has more than 1[0-9]{3} parts"):
        parse_frame(parts.SerializeToString())


@pytest.mark.parametrize(
    ("frame", "bytes_max"),
    [
        (pb.PeerFrame(votes=pb.Votes(votes=[Vote(view=1, kind=1)])), 65_536),  # type: ignore[arg-type]
        (pb.PeerFrame(status=pb.Status(own_latest=[Vote(view=1)])), 65_536),
        (pb.PeerFrame(own_votes_request=pb.OwnVotesRequest(id=1)), 65_536),
        (pb.PeerFrame(own_votes_response=pb.OwnVotesResponse(id=1)), 65_536),
        (pb.PeerFrame(block_request=pb.BlockRequest(id=1)), 65_536),
        (pb.PeerFrame(certificates=pb.Certificates(certificates=[Certificate(view=1)])), 1_048_576),
        (pb.PeerFrame(transactions=pb.Transactions(transactions=[b"x"])), 2_097_152),
    ],
    ids=lambda value: value.WhichOneof("frame") if isinstance(value, pb.PeerFrame) else "",
)
def test_what_is_kept_of_a_frame_keeps_no_megabytes_with_it(frame: pb.PeerFrame, bytes_max: int) -> None:
    """A vote that is kept keeps its whole frame in memory, also an unknown field that nobody reads."""
    data, kind = frame.SerializeToString() + b"\xfa\x3e", frame.WhichOneof("frame")
    for size in (bytes_max, bytes_max + 1):
        left = size - len(data) - 4  # of field 1007, whose length is written in four bytes
        length = bytes((left & 127 | 128, left >> 7 & 127 | 128, left >> 14 & 127 | 128, 0))
        padded = data + length + bytes(left)
        assert len(padded) == size
        if size == bytes_max:
            assert parse_frame(padded).WhichOneof("frame") == kind
            continue
        with pytest.raises(PeerFault) as refused:
            parse_frame(padded)
        assert str(refused.value) == f"its {kind} frame has {size} bytes; at most {bytes_max} are read"


async def test_others_have_their_turn_while_a_large_frame_is_looked_over() -> None:
    """Nearly a second of work for 10 MB, at their densest."""
    certificate = Certificate(signatures=[MemberSignature(member=1, signature=bytes(36))] * 20)
    frame = pb.PeerFrame(proposal=Proposal(nullifications=[certificate] * 10_000))
    data = frame.SerializeToString()
    is_done = False
    rounds = Rounds(lambda: not is_done)
    assert frame == await parse_in_turns(data)
    is_done = True
    assert rounds.count > 100


def test_a_frame_that_begins_with_another_kind_is_refused() -> None:
    """Of two kinds in one frame the last counts, and the first would choose the bound."""
    data = pb.PeerFrame(proposal=Proposal()).SerializeToString()
    data += pb.PeerFrame(votes=pb.Votes(votes=[Vote(view=1)])).SerializeToString()
    with pytest.raises(PeerFault, match=r"^its frame does not begin with what it is$"):
        parse_frame(data)
