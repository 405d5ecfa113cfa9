"""The loop: the only place that steps the consensus machine and executes what it asks for.

Decides order, and nothing else: inputs are stepped one after another; then what they want durable is
written in one synced batch, only then is anything sent, then what is final is committed in one synced batch,
and only then is anybody answered (C7). Whatever goes wrong here stops the node: going on could do damage.
Spec: consensus/events.py, docs/protocol.md C7.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from ayni.v1 import block_pb2
from ayni.v1 import peer_service_pb2 as pb
from consensus import events
from consensus.machine import Machine
from ledger.blocks import FinalBlock
from ledger.refusals import Refusal
from node.application import BLOCK_BYTES_AIM
from node.fair import FairQueue
from node.forwarding import Forwarding
from node.log import Log
from node.mempool import Taken
from node.parts import Parts
from node.peers import Link, PeerNetwork
from node.services.status import Consensus, Peer
from node.serving import block_response
from node.store import JOURNAL, Batch

INPUTS_A_TURN: Final = 64
"""Inputs stepped before their effects are executed together, unless one of them has to be durable first."""
TRANSACTIONS_A_TURN: Final = 192
"""Transactions of peers verified between two looks at consensus,"""
TRANSACTIONS_SECONDS: Final = 0.01
"""and no further ones after so long: one may have 128 signatures, or a megabyte."""
TRANSACTIONS_OF_ONE: Final = 64
"""Of them, so many of one peer before the next one's (about 4 ms),"""
TRANSACTIONS_OF_ONE_BYTES: Final = 16 * 1024
"""and so many bytes of them."""
LONG_TURN_SECONDS: Final = 0.05
REST_SECONDS: Final = 0.002
"""After a long turn everything else gets so long: a call takes several rounds of the event loop, and would
wait for a turn with each of them while this node catches up."""
HEAVY_STEP_SECONDS: Final = 0.01
"""When to execute or build a block takes longer,"""
BUSY_TIMES: Final = 3
"""a leader gathers for the next one, as many times as long, unless what waits fills one (C10): what is done
once for a block, or for an account in it, is then done less often, and the network takes in more."""
FORWARD_BYTES_MAX: Final = 1024 * 1024
"""Transactions in one frame to the peers."""
BEHIND_BLOCKS: Final = 4
BEHIND_SECONDS: Final = 3.0
"""A node that misses so many final blocks, or any for so long, is catching up."""

AT_ONCE: Final = (events.Persist, events.Commit, events.ServeBlocks)
"""Effects that are carried out before the next input is stepped: what is to be on disk, and what takes long
though a few bytes asked for it."""

FIELD_OF: Final[dict[type, str]] = {
    block_pb2.Proposal: "proposal",
    pb.Votes: "votes",
    pb.Certificates: "certificates",
    pb.Status: "status",
    pb.BlockRequest: "block_request",
    pb.BlockResponse: "block_response",
    pb.OwnVotesRequest: "own_votes_request",
    pb.OwnVotesResponse: "own_votes_response",
}
"""The field of `PeerFrame` for each message of consensus."""


class Halt(Exception):
    """The node must stop: its text is for the sysadmin."""


class Loop:
    """Runs one machine over one store and network. Implements `peers.Inbox`."""

    def __init__(self, parts: Parts, machine: Machine, log: Log) -> None:
        self._parts = parts
        self._machine = machine
        self._log = log
        self.network: PeerNetwork | None = None
        self._inputs: FairQueue[tuple[events.Input, Link | None, int]] = FairQueue()
        """By member, None for this node itself: a member that floods waits behind its own frames."""
        self._transactions: FairQueue[tuple[Link, deque[bytes], int]] = FairQueue()
        self._forwarding = Forwarding(self.send_transactions)
        self._is_pending = False
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._stopping = False
        self._busy_until = 0.0
        self._heard: dict[int, tuple[int, int]] = {}
        self._measured: tuple[int, bool, bool, int] = (-1, False, False, 0)
        """View, catching up, locked, views nullified: as the metrics have them."""
        self._behind_since: float | None = None
        self.on_final: list[Callable[[FinalBlock], None]] = []
        """Told of each final block, once it is on disk."""

    # --- what comes in ------------------------------------------------------------------------------

    def peer_up(self, link: Link) -> None:
        """See `peers.Inbox`."""
        self._parts.metrics.peer_up.labels(link.name).set(1)
        self._put(events.PeerUp(link.member), link.member)

    def peer_down(self, link: Link) -> None:
        """See `peers.Inbox`."""
        self._parts.metrics.peer_up.labels(link.name).set(0)
        # What a closed stream left unread is not kept: whoever connects anew has its bounds to itself.
        self._inputs.drop(link.member, lambda each: each[1] is link)
        self._transactions.drop(link.member, lambda each: each[0] is link)
        self._put(events.PeerDown(link.member), link.member)

    def peer_fault(self, link: Link, reason: str) -> None:
        """See `peers.Inbox`."""
        self._fault(link.member, reason)

    def peer_frame(self, link: Link, frame: pb.PeerFrame, size: int) -> None:
        """See `peers.Inbox`."""
        field = frame.WhichOneof("frame") or ""
        if field == "transactions":
            item = (link, deque(frame.transactions.transactions), size)
            self._transactions.put(link.member, item)
            self._wake.set()
            return
        if field == "status":
            self._heard[link.member] = (frame.status.height, frame.status.view)
        message = events.PeerMessage(link.member, getattr(frame, field))
        self._put(message, link.member, link, size)

    def forward(self, raws: list[bytes]) -> None:
        """Sends transactions taken from clients to the peers, now or soon; has consensus look at them now."""
        if raws:
            self._forwarding.put(raws)
        self._pending()

    def send_transactions(self, raws: list[bytes]) -> None:
        """Sends transactions to every connected peer, in few frames."""
        if self.network is None or not self.network.links:
            return
        batch: list[bytes] = []
        size = 0
        for raw in raws:
            if batch and size + len(raw) > FORWARD_BYTES_MAX:
                self._broadcast("transactions", pb.Transactions(transactions=batch))
                batch, size = [], 0
            batch.append(raw)
            size += len(raw)
        if batch:
            self._broadcast("transactions", pb.Transactions(transactions=batch))

    def stop(self) -> None:
        """Ends the loop after the turn it is in."""
        self._forwarding.flush()
        self._stopping = True
        self._wake.set()

    def _pending(self) -> None:
        if not self._is_pending:
            self._is_pending = True
            self._put(events.TransactionsPending())

    def _put(
        self, item: events.Input, member: int | None = None, link: Link | None = None, size: int = 0
    ) -> None:
        self._inputs.put(member, (item, link, size))
        self._wake.set()

    # --- turns --------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Steps and executes until stopped. Raises Halt, StoreError."""
        self._put(events.Start())
        clock = asyncio.get_running_loop().time
        while not self._stopping:
            await self._wake.wait()
            self._wake.clear()
            while (self._inputs or self._transactions) and not self._stopping:
                end = clock() + LONG_TURN_SECONDS
                self._turn(end)
                await asyncio.sleep(REST_SECONDS if clock() > end else 0)
        if self._timer:
            self._timer.cancel()

    def _turn(self, end: float) -> None:
        """Steps some inputs, and no more of them once it is `end`."""
        effects: list[events.Effect] = []
        clock = asyncio.get_running_loop().time
        for _ in range(min(INPUTS_A_TURN, len(self._inputs))):
            _, (item, link, size) = self._inputs.take()
            if link is not None and link.closed.is_set():
                continue  # it broke the protocol, or is gone
            if isinstance(item, events.TransactionsPending):
                self._is_pending = False
            found = self._step(item)
            if link is not None:
                link.processed(size)
            effects += found
            # A vote leaves before the machine goes on to a big block; what is final goes to disk first.
            if any(isinstance(effect, AT_ONCE) for effect in found) or clock() > end:
                break
        if effects:
            self._execute(effects)
        if self._transactions:
            self._take_transactions()

    def _step(self, item: events.Input) -> list[events.Effect]:
        """Steps the machine, and notes when that took long."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        is_block_full = self._parts.mempool.bytes_waiting >= BLOCK_BYTES_AIM
        busy = began < self._busy_until and not is_block_full
        effects = self._machine.step(item, self._now_ms(), busy=busy)
        took = loop.time() - began
        if took > HEAVY_STEP_SECONDS:
            self._busy_until = began + took + BUSY_TIMES * took
            loop.call_at(self._busy_until, self._pending)
        return effects

    def _take_transactions(self) -> None:
        """Verifies and takes in some of what peers sent."""
        mempool, tables = self._parts.mempool, self._parts.tables
        now_ms = self._parts.clock_ms()
        tip_time_ms = self._parts.chain.tip.time_ms
        is_new = False
        left = TRANSACTIONS_A_TURN
        clock = asyncio.get_running_loop().time
        end = clock() + TRANSACTIONS_SECONDS
        while self._transactions and left > 0 and clock() <= end:
            member, (link, raws, size) = self._transactions.take()
            if link.closed.is_set():
                raws.clear()
            chunk = _first(raws, min(left, TRANSACTIONS_OF_ONE))
            left -= len(chunk)
            # What is final already was sent again, or later than the block that holds it.
            for tx in mempool.parse([raw for raw in chunk if not mempool.is_lately_final(raw)]):
                if isinstance(tx, Refusal):
                    self._fault(link.member, f"it sent a transaction that no node takes in: {tx.message}")
                    raws.clear()
                    break
                if tx.expires_at_ms >= tip_time_ms and tables.nonce_index(tx.author, tx.nonce) is None:
                    is_new |= mempool.add(tx, now_ms, is_local=False) is Taken.NEW
            if raws:
                self._transactions.put_back(member, (link, raws, size))
            else:
                link.processed(size)
        if is_new:
            self._pending()

    # --- effects ------------------------------------------------------------------------------------

    def _execute(self, effects: list[events.Effect]) -> None:
        """Persist, send, commit, then answer (C7): the order of each step, kept over the steps of a turn."""
        self._persist(effects)
        for effect in effects:
            self._send(effect)
        final = self._commit(effects)
        for effect in effects:
            self._follow_up(effect)
        for block in final:
            self._parts.settle_final(block)
            for listener in self.on_final:
                listener(block)
        self._measure()

    def _persist(self, effects: list[events.Effect]) -> None:
        batch = Batch()
        for effect in effects:
            match effect:
                case events.Persist(records):
                    for key, value in records:
                        batch.put(JOURNAL + key, value)
                case events.ReportEvidence(evidence):
                    self._keep_evidence(batch, evidence)
        if batch:
            self._parts.database.write(batch)

    def _send(self, effect: events.Effect) -> None:
        match effect:
            case events.Send(member, message):
                if self.network is not None:
                    self.network.send(member, _frame(FIELD_OF[type(message)], message))
            case events.Broadcast(message):
                self._broadcast(FIELD_OF[type(message)], message)

    def _commit(self, effects: list[events.Effect]) -> list[FinalBlock]:
        """Makes blocks final on disk, then in the ledger, whose reads anybody may ask."""
        commits = [effect for effect in effects if isinstance(effect, events.Commit)]
        if not commits:
            return []
        began = time.monotonic()
        # The commits of a turn follow one another on one chain.
        final = self._parts.chain.finalise(commits[-1].digest, lambda blocks: self._store(commits, blocks))
        self._parts.metrics.commit_seconds.observe(time.monotonic() - began)
        return final

    def _follow_up(self, effect: events.Effect) -> None:
        match effect:
            case events.SetTimer(deadline_ms):
                self._set_timer(deadline_ms)
            case events.ServeBlocks():
                if self.network is not None and self.network.has_room(effect.member):
                    answer = block_response(self._parts.tables, effect)
                    self.network.send(effect.member, _frame("block_response", answer))
            case events.PeerFault(member, reason):
                self._fault(member, reason)
            case events.Alarm(code, message, halt):
                self._alarm(code, message, halt)

    def _store(self, commits: list[events.Commit], blocks: list[FinalBlock]) -> None:
        """Blocks that become final, on disk: one atomic, synced batch."""
        all_certified = [certified for commit in commits for certified in commit.blocks]
        if len(blocks) != len(all_certified):
            raise Halt(
                f"consensus made {len(all_certified)} blocks final, the ledger {len(blocks)}: this is a bug; "
                "report it with the log"
            )
        batch = Batch()
        for block, certified in zip(blocks, all_certified, strict=True):
            self._parts.tables.add(batch, block, certified)
        for commit in commits:
            for key in commit.forget:
                batch.delete(JOURNAL + key)
        self._parts.database.write(batch)

    def _keep_evidence(self, batch: Batch, evidence: block_pb2.Evidence) -> None:
        if self._parts.tables.add_evidence(batch, evidence):
            self._parts.metrics.evidence.inc()
            name = self._parts.founding.membership.members[evidence.first.member].name
            self._log.error("evidence", against=name, view=evidence.first.view)

    def _fault(self, member: int, reason: str) -> None:
        name = self._parts.founding.membership.members[member].name
        self._parts.metrics.peer_faults.labels(name).inc()
        if self.network is not None:
            self.network.fault(member, reason)

    def _alarm(self, code: str, message: str, halt: bool) -> None:
        self._parts.metrics.alarms.labels(code).inc()
        self._parts.warn(code, message)
        # A block's time is off also when an old proposal comes late: nobody need get up for that.
        say = self._log.warning if code == events.ALARM_UNTIMELY_PROPOSAL else self._log.error
        say("alarm", code=code, message=message, halt=halt)
        if halt:
            raise Halt(message)

    def _broadcast(self, field: str, message: Any) -> None:
        if self.network is not None and self.network.links:
            self.network.broadcast(_frame(field, message))

    def consensus(self) -> Consensus:
        """How the machine is, for whoever asks."""
        links = self.network.links if self.network is not None else {}
        failures = self.network.failures if self.network is not None else {}
        peers = {}
        for member in range(len(self._parts.founding.membership.members)):
            if member != self._parts.member:
                height, view = self._heard.get(member, (0, 0))
                peers[member] = Peer(member in links, height, view, failures.get(member, ""))
        return Consensus(self._machine.view, self._is_catching_up(), self.voting_locked, peers)

    @property
    def voting_locked(self) -> bool:
        """Whether this node may not vote: its disk may be an old one (C11)."""
        return bool(self._machine.lock)

    def _is_catching_up(self) -> bool:
        """Whether this node misses final blocks: several, or any for long. One or two are on their way to
        every node but the fastest, all the time."""
        if not self._machine.catching_up:
            self._behind_since = None
            return False
        now = asyncio.get_running_loop().time()
        if self._behind_since is None:
            self._behind_since = now
        # The height that one honest member claims at least: what a few make up does not stop this node.
        heard = sorted((height for height, _ in self._heard.values()), reverse=True)
        faulty = len(self._parts.founding.membership.members) - self._parts.founding.membership.quorum
        height = heard[faulty] if len(heard) > faulty else 0
        is_far = height - self._machine.height >= BEHIND_BLOCKS
        return is_far or now - self._behind_since >= BEHIND_SECONDS

    def _measure(self) -> None:
        metrics, machine, before = self._parts.metrics, self._machine, self._measured
        now = (machine.view, self._is_catching_up(), self.voting_locked, machine.views_nullified)
        if now == before:
            return
        self._measured = now
        metrics.view.set(now[0])
        metrics.catching_up.set(now[1])
        metrics.voting_locked.set(now[2])
        metrics.views_nullified.inc(now[3] - before[3])

    # --- time ---------------------------------------------------------------------------------------

    def _now_ms(self) -> int:
        return int(asyncio.get_running_loop().time() * 1000)

    def _set_timer(self, deadline_ms: int) -> None:
        if self._timer:
            self._timer.cancel()
        # A millisecond more, so that the tick never comes before the deadline by rounding.
        self._timer = asyncio.get_running_loop().call_at((deadline_ms + 1) / 1000, self._tick)

    def _tick(self) -> None:
        self._put(events.Tick())


def _first(raws: deque[bytes], most: int) -> list[bytes]:
    """Takes the first away, at most so many, and one at least."""
    taken: list[bytes] = []
    size = 0
    while raws and len(taken) < most:
        size += len(raws[0])
        if taken and size > TRANSACTIONS_OF_ONE_BYTES:
            break
        taken.append(raws.popleft())
    return taken


def _frame(field: str, message: Any) -> bytes:
    return pb.PeerFrame(**{field: message}).SerializeToString()
