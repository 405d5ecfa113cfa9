"""The loop: durable before sent, committed before answered; what peers send is verified or faulted."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ayni.v1 import block_pb2, transaction_pb2
from ayni.v1 import peer_service_pb2 as pb
from consensus import events
from ledger.blocks import FinalBlock
from ledger.refusals import Refusal
from node import loop as loop_module
from node.loop import HEAVY_STEP_SECONDS, TRANSACTIONS_OF_ONE, Halt, Loop
from node.outcomes import Expired, Settled
from node.peers import Link
from node.startup import prepare
from node.store import JOURNAL, StoreError
from proofs.signing import SigningKey
from tests.node.acts import open_accounts, signed, transfer
from tests.node.founders import write_network
from tests.node.ledgers import StoredLedger


class Scripted:
    """A machine that does as it is told: effects for each input, in turn; `caught_up` ends the wait."""

    view = height = 0
    catching_up = False
    lock = ""
    views_nullified = 0

    def __init__(self, *script: list[events.Effect]) -> None:
        self.script = list(script)
        self.inputs: list[events.Input] = []
        self.first_takes_seconds = 0.0
        self.was_busy: list[bool] = []
        self.done = asyncio.Event()

    def step(self, event: events.Input, now_ms: int, *, busy: bool) -> list[events.Effect]:
        self.inputs.append(event)
        self.was_busy.append(busy)
        if len(self.inputs) == 1:
            _go_forward(self.first_takes_seconds)
        effects = self.script.pop(0) if self.script else []
        if not self.script:
            self.done.set()
        return effects


def _go_forward(seconds: float) -> None:
    """Puts the clock of the event loop forward."""
    loop: Any = asyncio.get_running_loop()
    now = loop.time
    loop.time = lambda: now() + seconds


class Wire:
    """A network that notes what was sent, and what `look` saw at that moment."""

    def __init__(self, look: Callable[[], object]) -> None:
        self.links = {1: None}
        self.failures: dict[int, str] = {}
        self.look = look
        self.sent: list[tuple[int | str, pb.PeerFrame, object]] = []
        self.faults: list[tuple[int, str]] = []
        self.full: set[int] = set()

    def has_room(self, member: int) -> bool:
        return member not in self.full

    def send(self, member: int, data: bytes) -> None:
        self.sent.append((member, pb.PeerFrame.FromString(data), self.look()))

    def broadcast(self, data: bytes) -> None:
        self.sent.append(("all", pb.PeerFrame.FromString(data), self.look()))

    def fault(self, member: int, reason: str) -> None:
        self.faults.append((member, reason))


class Rig:
    """A loop over a real database, with a scripted machine and a noting network."""

    def __init__(self, directory: Path, look: Callable[[Rig], object] = lambda rig: None) -> None:
        prepared = prepare(write_network(directory)[0])
        self.parts = prepared.parts
        self.application = prepared.application
        self.wire = Wire(lambda: look(self))
        self.machine = Scripted()
        self.first_step_seconds = 0.0
        self.loop: Loop

    async def run(
        self,
        *script: list[events.Effect],
        feed: Callable[[Loop], None] | None = None,
        told: Callable[[FinalBlock], None] | None = None,
    ) -> None:
        """Steps through the script, one input for each list of effects."""
        self.machine = machine = Scripted(*script)
        machine.first_takes_seconds = self.first_step_seconds
        fake: Any = machine
        self.loop = Loop(self.parts, fake, self.parts.log)
        network: Any = self.wire
        self.loop.network = network
        if told:
            self.loop.on_final.append(told)
        task = asyncio.create_task(self.loop.run())
        if feed:
            feed(self.loop)
        waiting = asyncio.create_task(machine.done.wait())
        await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED, timeout=10)
        self.loop.stop()
        await task

    def certificate(self, kind: int, digest: bytes) -> block_pb2.Certificate:
        return StoredLedger.certificate(self, kind, 1, digest)  # type: ignore[arg-type]

    @property
    def hash(self) -> bytes:
        return self.parts.founding.hash


VOTES = pb.Votes(votes=[block_pb2.Vote(view=1, kind=2, member=0)])


async def test_what_is_persisted_is_on_disk_before_anything_is_sent(tmp_path: Path) -> None:
    rig = Rig(tmp_path, lambda rig: rig.parts.database.get(JOURNAL + b"v1"))
    await rig.run([events.Broadcast(VOTES), events.Send(2, VOTES), events.Persist(((b"v1", b"vote"),))])
    assert rig.wire.sent == [
        ("all", pb.PeerFrame(votes=VOTES), b"vote"),
        (2, pb.PeerFrame(votes=VOTES), b"vote"),
    ]
    assert rig.parts.tables.journal() == {b"v1": b"vote"}
    rig.parts.database.close()


async def test_a_block_is_on_disk_before_anybody_is_answered(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    parts = rig.parts
    (tx,) = parts.mempool.parse([open_accounts(rig.hash)])
    parts.mempool.add(tx, 0, is_local=True)  # type: ignore[arg-type]
    block, refused = parts.chain.build(
        rig.hash, parts.mempool.candidates(), epoch=0, view=1, leader=1, time_ms=parts.clock_ms()
    )
    assert refused == []
    certified = block_pb2.CertifiedBlock(
        header=block.header_bytes,
        body=block.body,
        notarization=rig.certificate(1, block.digest),
        finalization=rig.certificate(3, block.digest),
    )
    heard: list[tuple[Settled, int]] = []

    class Client:
        def settled(self, tx_id: bytes, outcome: Settled) -> None:
            tip = parts.tables.tip()
            assert tip is not None
            heard.append((outcome, tip.height))

    parts.outcomes.watch(tx.tx_id, Client())  # type: ignore[union-attr]
    persist = events.Persist(((b"old", b"1"), (b"kept", b"2")))
    await rig.run([persist, events.Commit((certified,), block.digest, (b"old",))])
    ((outcome, height),) = heard
    assert (outcome.log_index, height) == (0, 1)  # type: ignore[union-attr]
    assert parts.tables.journal() == {b"kept": b"2"}
    assert len(parts.mempool) == 0
    parts.database.close()


async def test_a_block_that_cannot_be_stored_is_final_to_nobody_who_asks_here(tmp_path: Path) -> None:
    """A node on a full disk told its height while it stopped, and had a lower one when it was back."""
    rig = Rig(tmp_path)
    parts = rig.parts
    block, _ = parts.chain.build(rig.hash, [], epoch=0, view=1, leader=1, time_ms=parts.clock_ms())
    certified = block_pb2.CertifiedBlock(
        header=block.header_bytes, body=block.body, finalization=rig.certificate(3, block.digest)
    )
    told: list[FinalBlock] = []
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, usual[1]))  # as when the disk has no space
    try:
        with pytest.raises(StoreError, match=r"cannot be written: .*; check that the disk has space"):
            await rig.run([events.Commit((certified,), block.digest, ())], told=told.append)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert parts.chain.tip.height == 0
    assert told == []
    parts.database.close()


async def test_what_a_final_block_is_past_is_told_to_be_expired_though_no_other_block_comes(
    tmp_path: Path,
) -> None:
    """Two blocks within a moment, and then a quiet network: the next block is a minute away."""
    rig = Rig(tmp_path)
    parts = rig.parts
    start_ms = parts.clock_ms()
    heard: list[Settled] = []

    class Client:
        def settled(self, tx_id: bytes, outcome: Settled) -> None:
            heard.append(outcome)

    def next_block(view: int, time_ms: int) -> events.Commit:
        block, _ = parts.chain.build(
            parts.chain.tip.digest, [], epoch=0, view=view, leader=view, time_ms=time_ms
        )
        certified = block_pb2.CertifiedBlock(
            header=block.header_bytes, body=block.body, finalization=rig.certificate(3, block.digest)
        )
        return events.Commit((certified,), block.digest, ())

    (tx,) = parts.mempool.parse([transfer(rig.hash, time_ms=start_ms, expires_in_ms=1_000)])
    assert not isinstance(tx, Refusal)
    parts.outcomes.watch(tx.tx_id, Client())
    parts.mempool.add(tx, parts.clock_ms(), is_local=True)
    await rig.run([next_block(1, start_ms + 1_000)])
    parts.sweep()
    assert heard == []
    await rig.run([next_block(2, start_ms + 1_001)])
    parts.sweep()
    assert heard == [Expired(start_ms + 1_000)]
    assert len(parts.mempool) == 0
    parts.database.close()


async def test_final_and_unfinal_blocks_are_served_and_bounded(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    unfinal = block_pb2.CertifiedBlock(header=b"unfinal")
    await rig.run([events.ServeBlocks(2, 7, (unfinal,), (b"\x01" * 32,), 1, 5)])
    ((member, frame, _),) = rig.wire.sent
    assert member == 2
    assert frame.block_response == pb.BlockResponse(id=7, blocks=[unfinal])
    rig.parts.database.close()


async def test_blocks_are_not_read_for_a_member_that_does_not_read_what_it_asked_for(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.wire.full.add(2)
    asked = events.ServeBlocks(2, 7, (block_pb2.CertifiedBlock(header=b"unfinal"),), (), 1, 256)
    await rig.run([asked], [asked, events.ServeBlocks(1, 8, (), (), 1, 256)], feed=twice)
    assert [member for member, _, _ in rig.wire.sent] == [1]
    rig.parts.database.close()


async def test_evidence_is_kept_and_counted(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    votes = [block_pb2.Vote(view=3, kind=1, digest=bytes([n]) * 32, member=2) for n in (1, 2)]
    evidence = block_pb2.Evidence(genesis_hash=rig.hash, first=votes[0], second=votes[1])
    await rig.run([events.ReportEvidence(evidence)], [events.ReportEvidence(evidence)], feed=twice)
    assert list(rig.parts.tables.evidence()) == [evidence]
    assert rig.parts.metrics.registry.get_sample_value("consensus_evidence_total") == 1
    rig.parts.database.close()


async def test_a_fault_closes_the_stream_and_an_alarm_is_shown(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    await rig.run([events.PeerFault(3, "it lied"), events.Alarm("untimely_proposal", "clocks differ")])
    assert rig.wire.faults == [(3, "it lied")]
    assert rig.parts.warnings == {"untimely_proposal": "clocks differ"}
    rig.parts.database.close()


async def test_garbage_is_counted_like_any_fault(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    await rig.run([], feed=lambda loop: loop.peer_fault(Link(1, "japan"), "it sent garbage"))
    assert rig.wire.faults == [(1, "it sent garbage")]
    count = rig.parts.metrics.registry.get_sample_value("peer_faults_total", {"peer": "japan"})
    assert count == 1
    rig.parts.database.close()


async def test_what_a_closed_stream_left_is_not_kept(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    gone, there = Link(1, "japan"), Link(2, "lombardia")
    raws = [open_accounts(rig.hash, [f"emilia/c{number}"]) for number in range(2)]

    def feed(loop: Loop) -> None:
        for link, raw in zip((gone, there), raws, strict=True):
            loop.peer_frame(link, pb.PeerFrame(votes=VOTES), 10)
            loop.peer_frame(link, pb.PeerFrame(transactions=pb.Transactions(transactions=[raw])), 10)
        gone.close("it sent garbage")
        loop.peer_down(gone)

    await rig.run([], [], [], [], feed=feed)
    assert len(rig.parts.mempool) == 1
    heard = [each.member for each in rig.machine.inputs if isinstance(each, events.PeerMessage)]
    assert heard == [2]
    rig.parts.database.close()


async def test_one_stream_is_faulted_once(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    link = Link(3, "piemonte")

    def feed(loop: Loop) -> None:
        link.close("it lied")
        for _ in range(3):
            loop.peer_frame(link, pb.PeerFrame(votes=VOTES), 10)
        frame = pb.PeerFrame(transactions=pb.Transactions(transactions=[b"garbage"]))
        loop.peer_frame(link, frame, 10)

    await rig.run([], feed=feed)
    assert rig.wire.faults == []
    rig.parts.database.close()


async def test_a_height_that_one_member_makes_up_does_not_keep_clients_away(tmp_path: Path) -> None:
    rig = Rig(tmp_path)

    def claim(member: int, height: int) -> None:
        frame = pb.PeerFrame(status=pb.Status(height=height))
        rig.loop.peer_frame(Link(member, ""), frame, 10)

    await rig.run([], feed=lambda loop: None)
    rig.machine.catching_up = True  # by a block or two, as anybody is
    claim(1, 10**9)
    assert not rig.loop.consensus().catching_up
    claim(2, 10)
    assert rig.loop.consensus().catching_up
    rig.parts.database.close()


async def test_an_alarm_that_halts_stops_the_node(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    with pytest.raises(Halt, match="two histories are final"):
        await rig.run([events.Alarm("safety", "two histories are final", halt=True)])
    rig.parts.database.close()


async def test_good_transactions_of_peers_are_taken_in_and_consensus_is_told(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    raws = [open_accounts(rig.hash, [f"emilia/c{number}"]) for number in range(3)]
    frame = pb.PeerFrame(transactions=pb.Transactions(transactions=raws))
    await rig.run([], [], feed=lambda loop: loop.peer_frame(Link(1, "japan"), frame, 10))
    assert len(rig.parts.mempool) == 3
    assert isinstance(rig.machine.inputs[-1], events.TransactionsPending)
    rig.parts.database.close()


@pytest.mark.parametrize(
    ("took_times", "a_block_waits", "is_busy"), [(0.9, False, False), (1.1, False, True), (1.1, True, False)]
)
async def test_C10_after_a_step_that_took_long_the_node_is_busy_until_a_block_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, took_times: float, a_block_waits: bool, is_busy: bool
) -> None:
    rig = Rig(tmp_path)
    rig.first_step_seconds = took_times * HEAVY_STEP_SECONDS
    if a_block_waits:
        monkeypatch.setattr(loop_module, "BLOCK_BYTES_AIM", 0)

    def feed(loop: Loop) -> None:
        loop.peer_frame(Link(1, "japan"), pb.PeerFrame(votes=VOTES), 10)
        if took_times < 1:
            loop.peer_frame(Link(2, "lombardia"), pb.PeerFrame(votes=VOTES), 10)

    await rig.run([], [], [], feed=feed)
    assert rig.machine.was_busy == [False, is_busy, False]
    if took_times > 1:  # when it is over, consensus is told
        assert isinstance(rig.machine.inputs[-1], events.TransactionsPending)
    rig.parts.database.close()


async def test_a_peer_that_passes_on_a_bad_transaction_is_faulted(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    bad = bytearray(open_accounts(rig.hash))
    bad[-1] ^= 1
    good = open_accounts(rig.hash)
    frame = pb.PeerFrame(transactions=pb.Transactions(transactions=[good, bytes(bad), good]))

    def feed(loop: Loop) -> None:
        loop.peer_frame(Link(2, "lombardia"), frame, 10)

    await rig.run([], [], feed=feed)
    ((member, reason),) = rig.wire.faults
    assert member == 2
    assert "it sent a transaction that no node takes in: the signature of key" in reason
    assert len(rig.parts.mempool) == 1
    rig.parts.database.close()


async def test_transactions_are_passed_on_in_few_frames(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    await rig.run([], feed=lambda loop: None)
    rig.loop.send_transactions([b"x" * 400_000] * 5)
    sizes = [len(frame.transactions.transactions) for _, frame, _ in rig.wire.sent]
    assert sizes == [2, 2, 1]
    rig.parts.database.close()


async def test_what_was_taken_in_is_passed_on_before_the_loop_ends(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    await rig.run([], feed=lambda loop: [loop.forward([raw]) for raw in (b"1", b"2")])
    assert [list(frame.transactions.transactions) for _, frame, _ in rig.wire.sent] == [[b"1"], [b"2"]]
    rig.parts.database.close()


def twice(loop: Loop) -> None:
    """One more input, for a script of two steps."""
    loop.forward([])


async def test_a_member_that_floods_waits_behind_its_own_frames(tmp_path: Path) -> None:
    """A quarter of the members may be liars: what the others say must not wait for all that they send."""
    rig = Rig(tmp_path)

    def feed(loop: Loop) -> None:
        flood, honest = Link(1, "japan"), Link(2, "lombardia")
        for _ in range(500):
            loop.peer_frame(flood, pb.PeerFrame(votes=VOTES), 10)
        loop.peer_frame(honest, pb.PeerFrame(votes=VOTES), 10)

    await rig.run(*[[] for _ in range(502)], feed=feed)
    members = [event.member for event in rig.machine.inputs if isinstance(event, events.PeerMessage)]
    assert members.index(2) <= 1
    assert members.count(1) == 500
    rig.parts.database.close()


async def test_a_member_that_asks_for_many_blocks_gets_one_answer_a_turn(tmp_path: Path) -> None:
    """A request of twenty bytes takes as long to answer as hundreds of votes to read."""
    rig = Rig(tmp_path, lambda rig: len(rig.machine.inputs))
    answer = [events.ServeBlocks(1, 7, (), (), 1, 256)]

    def feed(loop: Loop) -> None:
        asking, honest = Link(1, "japan"), Link(2, "lombardia")
        for _ in range(3):
            loop.peer_frame(asking, pb.PeerFrame(block_request=pb.BlockRequest(id=7)), 10)
            loop.peer_frame(honest, pb.PeerFrame(votes=VOTES), 10)

    await rig.run([], answer, [], answer, [], answer, [], feed=feed)
    assert [stepped for _, _, stepped in rig.wire.sent] == [2, 4, 6]
    rig.parts.database.close()


async def test_consensus_does_not_wait_for_many_transactions_that_take_long_to_verify(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    keys = [SigningKey(bytes([number]) * 32) for number in range(128)]
    few = [transaction_pb2.SignedTransaction.FromString(transfer(rig.hash)) for _ in range(16)]
    raws = [signed(rig.hash, transaction_pb2.Body.FromString(each.body), *keys) for each in few]
    stepped: list[int] = []
    parse = rig.parts.mempool.parse
    honest = Link(2, "lombardia")

    def noting(raws: list[bytes]) -> Any:
        stepped.append(len(rig.machine.inputs))
        rig.loop.peer_frame(honest, pb.PeerFrame(votes=VOTES), 10)
        return parse(raws)

    rig.parts.mempool.parse = noting  # type: ignore[method-assign]

    def feed(loop: Loop) -> None:
        frame = pb.PeerFrame(transactions=pb.Transactions(transactions=raws))
        loop.peer_frame(Link(1, "japan"), frame, 10)

    await rig.run(*[[] for _ in range(12)], feed=feed)
    assert rig.wire.faults == []
    assert len(set(stepped)) > 1  # votes were heard in between
    rig.parts.database.close()


async def test_transactions_of_one_peer_do_not_wait_for_all_of_anothers(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    raws = [open_accounts(rig.hash, [f"emilia/a{number}"]) for number in range(300)]
    last = open_accounts(rig.hash, ["emilia/z"])
    order: list[bytes] = []
    add = rig.parts.mempool.add

    def noting(tx: Any, now_ms: int, *, is_local: bool) -> Any:
        order.append(tx.raw)
        return add(tx, now_ms, is_local=is_local)

    rig.parts.mempool.add = noting  # type: ignore[method-assign]

    def feed(loop: Loop) -> None:
        flood, honest = Link(1, "japan"), Link(2, "lombardia")
        for start in range(0, 300, 100):
            batch = pb.Transactions(transactions=raws[start : start + 100])
            loop.peer_frame(flood, pb.PeerFrame(transactions=batch), 10)
        loop.peer_frame(honest, pb.PeerFrame(transactions=pb.Transactions(transactions=[last])), 10)

    await rig.run([], [], [], [], feed=feed)
    assert order.index(last) <= TRANSACTIONS_OF_ONE
    assert [raw for raw in order if raw != last] == raws[: len(order) - 1]
    rig.parts.database.close()
