"""A deterministic network of production machines, from a seed: clock, network, disks and crashes are fakes.

    simulation = Simulation(seed, members=4)
    simulation.run(until_ms=10_000)

What goes wrong is the caller's choice (`Faults`, `crash`, `partition`); what must hold is checked all the
time: no two nodes commit different blocks at one height, every committed block carries what proves it, and
no honest member ever sends a vote that contradicts another of its votes, across crashes too.
"""

from __future__ import annotations

import hashlib
import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from ayni.v1.block_pb2 import CertifiedBlock, Evidence, Header, Proposal, Vote
from ayni.v1.peer_service_pb2 import BlockResponse, Status, Votes
from consensus.config import ConsensusConfig
from consensus.events import (
    Alarm,
    Broadcast,
    Commit,
    Effect,
    Input,
    PeerDown,
    PeerFault,
    PeerFrameMessage,
    PeerMessage,
    PeerUp,
    Persist,
    ReportEvidence,
    Send,
    ServeBlocks,
    SetTimer,
    Start,
    Tick,
    TransactionsPending,
)
from consensus.journal import VOTE, Snapshot
from consensus.machine import Machine
from consensus.voting import EXCLUDED_BY
from proofs.certificates import verify_certificate
from proofs.domains import block_digest
from proofs.evidence import conflict
from tests.consensus.network import KEYS, NOTARIZE, FakeLedger, membership_of

RESPONSE_BYTES_MAX = 4 << 20
EPOCH_MS = 1_700_000_000_000


class Violation(AssertionError):
    """Something happened that must never happen; the message begins with the seed."""


@dataclass
class Faults:
    """What the network does to messages."""

    loss: float = 0.0
    duplication: float = 0.0
    delay_min_ms: int = 1
    delay_max_ms: int = 3
    crash_in_step: float = 0.0
    """Probability that a node crashes in the middle of executing one step's effects."""


@dataclass
class Disk:
    """What survives a crash: only what was synced."""

    journal: dict[bytes, bytes] = field(default_factory=dict)
    blocks: list[CertifiedBlock] = field(default_factory=list)

    def copy(self) -> Disk:
        return Disk(dict(self.journal), list(self.blocks))


@dataclass
class Node:
    member: int
    disk: Disk
    ledger: FakeLedger
    machine: Machine | None = None
    incarnation: int = 0
    timer: int = 0
    paused_until_ms: int = 0
    alarms: list[Alarm] = field(default_factory=list)
    persists: int = 0


class Simulation:
    """The world of one run."""

    def __init__(
        self,
        seed: int,
        members: int,
        faults: Faults | None = None,
        config: ConsensusConfig | None = None,
        twins: tuple[int, ...] = (),
    ) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.members = members
        self.membership = membership_of(members)
        self.faults = faults or Faults()
        self.config = config or ConsensusConfig()
        self.now_ms = 0
        self.byzantine = set(twins)
        self.nodes: list[Node] = []
        for member in (*range(members), *twins):
            self.nodes.append(Node(member, Disk(), FakeLedger(self.wall_clock_ms)))
        self.cut: set[tuple[int, int]] = set()
        """(from, to) node indices between which nothing passes."""
        self.chain: dict[int, bytes] = {}
        self.evidence: list[Evidence] = []
        self.peer_faults: list[PeerFault] = []
        self.sent: dict[str, int] = {}
        self.trace = hashlib.sha256()
        self._votes: dict[tuple[int, int], list[Vote]] = {}
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._sequence = 0
        self._transactions = 0
        self.submitted: list[bytes] = []

    def wall_clock_ms(self) -> int:
        return EPOCH_MS + self.now_ms

    # --- what a test does -----------------------------------------------------------------------------

    def start_all(self) -> None:
        for index in range(len(self.nodes)):
            self.start(index)

    def start(self, index: int) -> None:
        """Start a node from its disk; it connects to those that are up."""
        node = self.nodes[index]
        # Twins differ in what they propose, or they would not contradict each other.
        node.ledger = FakeLedger(self.wall_clock_ms, 4 if index < self.members else 2)
        node.ledger.restore((block.header, block.body) for block in node.disk.blocks)
        for tx in self.submitted:
            if tx not in node.ledger.final_transactions:
                node.ledger.pending[tx] = None
        node.incarnation += 1
        tip = node.disk.blocks[-1] if node.disk.blocks else None
        snapshot = Snapshot(tip, dict(node.disk.journal))
        node.machine = Machine(
            self.membership, node.member, KEYS[node.member], node.ledger, snapshot, self.config, self.now_ms
        )
        self._step(index, Start())
        for other in range(len(self.nodes)):
            if self.nodes[other].member != node.member and self.nodes[other].machine is not None:
                self._step(other, PeerUp(node.member))
                self._step(index, PeerUp(self.nodes[other].member))

    def crash(self, index: int) -> None:
        """Stop a node at once; what was not synced is gone."""
        node = self.nodes[index]
        if node.machine is None:
            return
        node.machine = None
        node.incarnation += 1
        for other in range(len(self.nodes)):
            if self.nodes[other].machine is not None and self.nodes[other].member != node.member:
                self._at(self.now_ms, self._stepper(other, PeerDown(node.member)))

    def partition(self, *groups: set[int]) -> None:
        """Let messages pass only within a group of node indices."""
        everybody = range(len(self.nodes))
        self.cut = {
            (sender, receiver)
            for sender in everybody
            for receiver in everybody
            if not any(sender in group and receiver in group for group in groups)
        }

    def pause(self, index: int, duration_ms: int) -> None:
        """Stop a process for a while without its noticing; what comes in meanwhile waits."""
        self.nodes[index].paused_until_ms = self.now_ms + duration_ms

    def heal(self) -> None:
        self.cut = set()
        self.faults = Faults()

    def submit(self, count: int = 1, only: int | None = None) -> None:
        """Bring transactions to every node that is up (or to one)."""
        for _ in range(count):
            self._transactions += 1
            tx = self._transactions.to_bytes(8)
            self.submitted.append(tx)
            for index, node in enumerate(self.nodes):
                if node.machine is not None and (only is None or index == only):
                    node.ledger.pending[tx] = None
        for index, node in enumerate(self.nodes):
            if node.machine is not None and (only is None or index == only):
                self._at(self.now_ms, self._stepper(index, TransactionsPending()))

    def deliver(self, index: int, event: Input) -> None:
        """Have a node take an input now, and execute what it asks for."""
        self._step(index, event)

    def at(self, time_ms: int, action: Callable[[], None]) -> None:
        self._at(time_ms, action)

    def run(self, until_ms: int, stop: Callable[[], bool] | None = None) -> bool:
        """Run until a time, or until `stop` says so; return whether it did."""
        while self._queue and self._queue[0][0] <= until_ms:
            if stop is not None and stop():
                return True
            time_ms, _, action = heapq.heappop(self._queue)
            self.now_ms = max(self.now_ms, time_ms)
            action()
        self.now_ms = max(self.now_ms, until_ms)
        return stop is not None and stop()

    def all_final(self) -> bool:
        """Whether every honest node is up and holds every submitted transaction, final."""
        return all(
            node.machine is not None and len(node.ledger.final_transactions) == len(self.submitted)
            for node in self.honest()
        )

    def honest(self) -> list[Node]:
        return [node for node in self.nodes if node.member not in self.byzantine]

    # --- the machinery ----------------------------------------------------------------------------------

    def _at(self, time_ms: int, action: Callable[[], None]) -> None:
        self._sequence += 1
        heapq.heappush(self._queue, (time_ms, self._sequence, action))

    def _stepper(self, index: int, event: Input) -> Callable[[], None]:
        node = self.nodes[index]
        incarnation = node.incarnation

        def step() -> None:
            if node.incarnation != incarnation:
                return
            if self.now_ms < node.paused_until_ms:
                self._at(node.paused_until_ms, step)
            else:
                self._step(index, event)

        return step

    def _step(self, index: int, event: Input) -> None:
        node = self.nodes[index]
        if node.machine is None:
            return
        busy = (self.now_ms // 97 + index) % 5 == 0
        effects = node.machine.step(event, self.now_ms, busy=busy)
        crash_at = len(effects) + 1
        if self.faults.crash_in_step and self.chance.random() < self.faults.crash_in_step:
            crash_at = self.chance.randrange(len(effects) + 1)
        for position, effect in enumerate(effects):
            if position == crash_at:
                break
            self._execute(index, node, effect)
        if crash_at <= len(effects):
            self.crash(index)
            delay_ms = self.chance.randrange(10, 3_000)
            self._at(self.now_ms + delay_ms, lambda: self._restart(index))

    def _restart(self, index: int) -> None:
        if self.nodes[index].machine is None:
            self.start(index)

    def _execute(self, index: int, node: Node, effect: Effect) -> None:
        match effect:
            case Persist():
                self._check_records(node, effect)
                node.disk.journal.update(effect.records)
                node.persists += 1
            case Send():
                for other in range(len(self.nodes)):
                    if self.nodes[other].member == effect.member:
                        self._transmit(index, other, effect.message)
            case Broadcast():
                for other in range(len(self.nodes)):
                    if self.nodes[other].member != node.member:
                        self._transmit(index, other, effect.message)
            case SetTimer():
                node.timer += 1
                timer = node.timer
                step = self._stepper(index, Tick())

                def tick() -> None:
                    if node.timer == timer:
                        step()

                self._at(max(self.now_ms, effect.deadline_ms), tick)
            case Commit():
                self._commit(node, effect)
            case ServeBlocks():
                self._serve(index, node, effect)
            case ReportEvidence():
                self.evidence.append(effect.evidence)
            case PeerFault():
                self.peer_faults.append(effect)
            case Alarm():
                node.alarms.append(effect)

    def _transmit(self, index: int, other: int, message: PeerFrameMessage) -> None:
        self._observe(index, message)
        sender = self.nodes[index].member
        if (index, other) in self.cut:
            return
        copies = 1
        if self.chance.random() < self.faults.loss:
            copies = 0
        elif self.chance.random() < self.faults.duplication:
            copies = 2
        self.sent[type(message).__name__] = self.sent.get(type(message).__name__, 0) + 1
        for _ in range(copies):
            delay_ms = self.chance.randint(self.faults.delay_min_ms, self.faults.delay_max_ms)
            copy = type(message).FromString(message.SerializeToString())
            self._at(self.now_ms + delay_ms, self._stepper(other, PeerMessage(sender, copy)))

    def _observe(self, index: int, message: PeerFrameMessage) -> None:
        """Check that nothing a member ever sends contradicts what it sent before (C8)."""
        member = self.nodes[index].member
        if member in self.byzantine:
            return
        votes: list[Vote] = []
        if isinstance(message, Votes):
            votes = list(message.votes)
        elif isinstance(message, Status):
            votes = list(message.own_latest)
        elif isinstance(message, Proposal):
            header = Header.FromString(message.header)
            digest = block_digest(message.header)
            votes = [
                Vote(
                    view=header.view, kind=NOTARIZE, digest=digest, member=member, signature=message.signature
                )
            ]
        for vote in votes:
            known = self._votes.setdefault((member, vote.view), [])
            if vote in known:
                continue
            for other in known:
                if conflict(other, vote):
                    raise Violation(f"seed {self.seed}: member {member} signed both {other} and {vote}")
            known.append(vote)

    def _check_records(self, node: Node, effect: Persist) -> None:
        """Check that no vote is cast where an earlier one on the disk forbids it (C2 to C4)."""
        for key, value in effect.records:
            if key[:1] == VOTE:
                view, kind = key[1:9], key[9]
                for excluded in EXCLUDED_BY[kind]:
                    if VOTE + view + bytes([excluded]) in node.disk.journal:
                        raise Violation(f"seed {self.seed}: {Vote.FromString(value)} after kind {excluded}")

    def _commit(self, node: Node, effect: Commit) -> None:
        assert effect.blocks[-1].HasField("finalization")
        for block in effect.blocks:
            header = Header.FromString(block.header)
            digest = block_digest(block.header)
            agreed = self.chain.setdefault(header.height, digest)
            if node.member not in self.byzantine:
                if agreed != digest:
                    raise Violation(f"seed {self.seed}: two blocks are final at height {header.height}")
                self._check_proof(node, block, header, digest)
            node.disk.blocks.append(block)
            self.trace.update(digest)
        for key in effect.forget:
            del node.disk.journal[key]
        node.ledger.finalise(effect.digest, [block.body for block in effect.blocks])

    def _check_proof(self, node: Node, block: CertifiedBlock, header: Header, digest: bytes) -> None:
        """Check that a committed block carries all that an auditor asks for (C9)."""
        last = node.disk.blocks[-1] if node.disk.blocks else None
        parent = Header.FromString(last.header) if last is not None else Header()
        assert header.height == parent.height + 1
        assert last is None or header.parent == block_digest(last.header)
        assert (block.notarization.view, block.notarization.digest) == (header.view, digest)
        views = [nullification.view for nullification in block.nullifications]
        assert views == list(range(parent.view + 1, header.view))
        certificates = [block.notarization, *block.nullifications]
        if block.HasField("finalization"):
            assert block.finalization.digest == digest
            certificates.append(block.finalization)
        for certificate in certificates:
            verify_certificate(certificate, self.membership)

    def _serve(self, index: int, node: Node, effect: ServeBlocks) -> None:
        blocks = list(effect.unfinal)
        by_digest = {block_digest(block.header): block for block in node.disk.blocks[-64:]}
        blocks += [by_digest[digest] for digest in effect.digests if digest in by_digest]
        if effect.count:
            start = effect.from_height - 1
            blocks += node.disk.blocks[start : start + effect.count]
        response = BlockResponse(id=effect.request_id, blocks=blocks)
        for other in range(len(self.nodes)):
            if self.nodes[other].member == effect.member:
                self._transmit(index, other, response)
