"""A production machine of one honest member, with the disk and the application that its node would give it.

Gives it an input, does what it asks for, lets it crash and start again, and raises `Violation` at what must
never be: votes that contradict each other, a commit beside its tip, evidence against an honest member. Which
machines are alike is no business of this file (`member.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ayni.v1.block_pb2 import CertifiedBlock, Vote
from ayni.v1.peer_service_pb2 import Certificates, OwnVotesResponse, Status, Votes
from consensus.application import BlockSlot, BuiltBlock
from consensus.config import ConsensusConfig
from consensus.events import (
    Alarm,
    Broadcast,
    Commit,
    Effect,
    Input,
    PeerFault,
    PeerFrameMessage,
    PeerMessage,
    PeerUp,
    Persist,
    ReportEvidence,
    Send,
    Start,
    Tick,
    TransactionsPending,
)
from consensus.guard import REQUEST_ID
from consensus.journal import Snapshot
from consensus.leader import leader_of
from consensus.machine import Machine
from consensus.voting import VoteForbidden
from proofs.domains import block_digest
from proofs.evidence import conflict, verify_evidence
from tests.consensus.network import KEYS, NOTARIZE, NULLIFY
from tests.explorer.clone import clone
from tests.explorer.world import (
    MEMBERS,
    AnyInput,
    CertificateInput,
    CrashInput,
    ProposalInput,
    TimeoutInput,
    VoteKey,
    WorkInput,
    World,
)

CONFIG = ConsensusConfig(heartbeat_ms=3_600_000)
LONG_MS = 2 * CONFIG.timeout_max_ms


class Violation(AssertionError):
    """What must never happen has happened; `path` says how, in words."""

    def __init__(self, message: str, path: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.path = tuple(path)


class Application:
    """The window to the ledger: every block that may exist is valid; there is work when we say so."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.work = False
        """Whether a transaction waits."""
        self.executable = True
        """Whether it turns out to be executable."""

    def build(self, slot: BlockSlot) -> BuiltBlock | None:
        return self.world.build(slot) if self.executable or not slot.with_transactions else None

    def check(self, header: bytes, body: bytes, *, timely: bool) -> None:
        self.world.check(header, body, timely=timely)

    def executable_pending(self, parent: bytes) -> bool:
        return self.work


@dataclass
class Actual:
    """A production machine with what its node keeps: application, disk, and what it is known to have done."""

    machine: Machine
    application: Application
    now_ms: int = 0
    journal: dict[bytes, bytes] = field(default_factory=dict)
    tip: CertifiedBlock | None = None
    sent: int = 0
    """Votes cast, as a set of bits of the world."""
    committed: int = 0
    """Blocks committed, as a set of bits of the world."""
    crashes_left: int = 0


class Player:
    """Plays inputs of a world to machines of one member."""

    def __init__(self, world: World, member: int) -> None:
        self.world = world
        self.member = member
        self.steps = 0
        """Inputs that real machines were given."""
        self._shared: dict[int, object] = {
            id(kept): kept for kept in (world, world.membership, CONFIG, *KEYS)
        }

    def begin(self, *, noise: bool) -> Actual:
        """Return a machine that has started; with `noise`, every single vote of the Byzantine member came."""
        application = Application(self.world)
        snapshot = Snapshot(None, {})
        machine = self._new(application, snapshot, 0)
        actual = Actual(machine, application, crashes_left=self.world.crashes)
        self._start(actual)
        if noise:
            for key in self.world.votes:
                if key[0] == NOTARIZE and leader_of(key[1], MEMBERS) != self.world.byzantine:
                    continue  # with its leader's and our own, that would be a quorum
                vote = Votes(votes=[self.world.vote(self.world.byzantine, key)])
                self._execute(actual, self.step(actual, PeerMessage(self.world.byzantine, vote)))
        return actual

    def play(self, actual: Actual, event: AnyInput) -> list[Actual]:
        """Return what becomes of a machine; with crashes left, also when one comes before a commit."""
        after = self.copy(actual)
        if isinstance(event, CrashInput):
            self._crash(after)
            return [after]
        crashed = None
        for one in self._inputs(actual, event):
            after.application.work = isinstance(one, TransactionsPending)
            after.application.executable = isinstance(event, WorkInput)
            after.now_ms += LONG_MS if isinstance(one, Tick) else 0
            effects = self.step(after, one)
            if after.crashes_left and any(isinstance(effect, Commit) for effect in effects):
                crashed = self.copy(after)
                self._execute(crashed, effects, until_commit=True)
            self._execute(after, effects)
        if crashed is None:
            return [after]
        self._crash(crashed)
        return [after, crashed]

    def _inputs(self, actual: Actual, event: AnyInput) -> list[Input]:
        world = self.world
        match event:
            case CertificateInput():
                key: VoteKey = (event.kind, event.view, event.digest)
                voted = bool(actual.sent & world.bit[key])
                certificate = world.certificate(key, self.member, voted)
                return [PeerMessage(world.byzantine, Certificates(certificates=[certificate]))]
            case ProposalInput():
                leader = leader_of(world.blocks[event.digest].view, MEMBERS)
                return [PeerMessage(leader, world.proposal(event, self.member, actual.sent))]
            case TimeoutInput():
                # A vote of this view wakes a member that waits for blocks which others have (C10).
                waking = world.vote(world.byzantine, (NULLIFY, actual.machine.view, b""))
                message = PeerMessage(world.byzantine, Votes(votes=[waking]))
                return [message, TransactionsPending(), Tick()]
            case _:
                return [TransactionsPending()]

    def step(self, actual: Actual, event: Input) -> list[Effect]:
        """Return what a machine asks for after one input of its own; nothing of it is done."""
        self.steps += 1
        try:
            return actual.machine.step(event, actual.now_ms)
        except VoteForbidden as error:
            raise Violation(f"member {self.member} was about to vote {error}") from None

    def _crash(self, actual: Actual) -> None:
        actual.crashes_left -= 1
        actual.machine = self._machine(actual)
        self._start(actual)

    def copy(self, actual: Actual) -> Actual:
        """Return a machine that goes on by itself from here."""
        return clone(actual, self._shared)

    # --- what a machine asks for ---------------------------------------------------------------------------

    def _execute(self, actual: Actual, effects: list[Effect], *, until_commit: bool = False) -> None:
        before = actual.sent
        for effect in effects:
            match effect:
                case Persist():
                    actual.journal.update(effect.records)
                case Send() | Broadcast():
                    for vote in self._votes(effect.message):
                        self._sent(actual, vote, before)
                case Commit():
                    if until_commit:
                        return
                    self._commit(actual, effect)
                case ReportEvidence():
                    guilty = verify_evidence(effect.evidence, self.world.membership)
                    if guilty != self.world.byzantine:
                        pair = [
                            self.world.describe_vote((vote.kind, vote.view, vote.digest))
                            for vote in (effect.evidence.first, effect.evidence.second)
                        ]
                        raise Violation(f"evidence against member {guilty}, which is honest: {pair}")
                case PeerFault():
                    if effect.member != self.world.byzantine:
                        raise Violation(f"member {effect.member} is honest, and at fault: {effect.reason}")
                case Alarm():
                    raise Violation(f"member {self.member}: {effect.message}")
                case _:
                    pass

    def _votes(self, message: PeerFrameMessage) -> list[VoteKey]:
        match message:
            case Votes():
                return [(vote.kind, vote.view, vote.digest) for vote in message.votes]
            case Status():
                return [(vote.kind, vote.view, vote.digest) for vote in message.own_latest]
            case _ if hasattr(message, "header"):
                digest = block_digest(message.header)
                return [(NOTARIZE, self.world.blocks[digest].view, digest)]
            case _:
                return []

    def _sent(self, actual: Actual, key: VoteKey, before: int) -> None:
        """Note a vote that leaves; nothing may contradict what left (C8), or left `before` the step (C2)."""
        world = self.world
        if key not in world.bit:
            raise Violation(f"member {self.member} votes {key} beyond what can be")
        if actual.sent & world.bit[key]:
            return
        late = key[0] == NOTARIZE and before & world.bit[(NULLIFY, key[1], b"")]
        for other in self.cast(actual.sent):
            if late or conflict(self._unsigned(other), self._unsigned(key)):
                earlier, now = world.describe_vote(other), world.describe_vote(key)
                raise Violation(f"member {self.member} voted {earlier}, and then {now}")
        actual.sent |= world.bit[key]

    def cast(self, sent: int) -> list[VoteKey]:
        """Return the votes of a set of bits."""
        return [key for key, bit in self.world.bit.items() if sent & bit]

    def _unsigned(self, key: VoteKey) -> Vote:
        kind, view, digest = key
        return Vote(kind=kind, view=view, digest=digest, member=self.member)

    def _commit(self, actual: Actual, effect: Commit) -> None:
        world = self.world
        tip = block_digest(actual.tip.header) if actual.tip is not None else world.membership.genesis_hash
        for certified in effect.blocks:
            digest = block_digest(certified.header)
            if world.blocks[digest].parent != tip:
                raise Violation(f"member {self.member} commits {world.name(digest)} on {world.name(tip)}")
            actual.committed |= world.block_bit[digest]
            tip = digest
        actual.tip = effect.blocks[-1]
        for key in effect.forget:
            del actual.journal[key]

    # --- beginning, and beginning again --------------------------------------------------------------------

    def _machine(self, actual: Actual) -> Machine:
        return self._new(actual.application, Snapshot(actual.tip, dict(actual.journal)), actual.now_ms)

    def _new(self, application: Application, snapshot: Snapshot, now_ms: int) -> Machine:
        world, member = self.world, self.member
        return Machine(world.membership, member, KEYS[member], application, snapshot, CONFIG, now_ms)

    def _start(self, actual: Actual) -> None:
        """Start, and have every peer tell truly what we voted (C11)."""
        actual.application.work = False
        latest = {key[0]: key for key in sorted(self.cast(actual.sent), key=lambda key: key[1])}
        votes = [self.world.vote(self.member, key) for key in latest.values()]
        events: list[Input] = [Start()]
        for peer in range(MEMBERS):
            if peer != self.member:
                events.append(PeerUp(peer))
                events.append(PeerMessage(peer, OwnVotesResponse(id=REQUEST_ID, votes=votes)))
        for event in events:
            self._execute(actual, self.step(actual, event))
