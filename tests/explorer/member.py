"""One honest member: the production machine as an automaton, computed step by step and never twice.

A `State` is what a member's later behaviour depends on (`_key`), with the votes that it has cast and the
blocks that it has committed. Left out of it are the vote pool, presence, relay, fetching and pacing, because
in this alphabet they decide nothing. That is checked wherever the explorer goes: up to `REPRESENTATIVES`
machines that came to one state on different paths, one of them with every single vote of the Byzantine member
in its pool, must answer every input alike; and a vote that completes a quorum within the step that casts it
must do what its certificate does afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ayni.v1.block_pb2 import Certificate, CertifiedBlock, Vote
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
from consensus.journal import BLOCK, CERTIFICATE, Snapshot
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

REPRESENTATIVES = 2
CONFIG = ConsensusConfig(heartbeat_ms=3_600_000)
LONG_MS = 2 * CONFIG.timeout_max_ms


class Violation(AssertionError):
    """What must never happen has happened; `path` says how, in words."""

    def __init__(self, message: str, path: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.path = tuple(path)


class Abstraction(Exception):
    """Two machines taken for alike are not: the explorer itself is wrong."""


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


@dataclass
class State:
    """A state of one member, and where its inputs lead: to one state, or two if a crash can come between."""

    key: object
    actuals: list[Actual]
    sent: int
    committed: int
    view: int
    next: dict[int, tuple[int, ...]] = field(default_factory=dict)


class Automaton:
    """All states of one honest member that were reached so far; a state is named by its number."""

    def __init__(self, world: World, member: int) -> None:
        self.world = world
        self.member = member
        self.states: list[State] = []
        self.steps = 0
        """Inputs that real machines were given."""
        self._known: dict[object, int] = {}
        self._shared: dict[int, object] = {
            id(kept): kept for kept in (world, world.membership, CONFIG, *KEYS)
        }
        self._representatives = REPRESENTATIVES if world.checked else 1
        self.initial = self._number(self._begin(noise=False))
        if world.checked and self._number(self._begin(noise=True)) != self.initial:
            raise Abstraction("single votes of the Byzantine member do more than lie in the pool")

    def after(self, number: int, index: int) -> tuple[int, ...]:
        """Return the states after an input, the world's of that index. Raises `Violation`."""
        state = self.states[number]
        known = state.next.get(index)
        if known is None:
            known = state.next[index] = self._compute(state, number, index)
        return known

    # --- one transition, on the real machine ----------------------------------------------------------------

    def _compute(self, state: State, number: int, index: int) -> tuple[int, ...]:
        event = self.world.inputs[index]
        if not self._matters(state, event):
            return (number,)
        found: tuple[int, ...] | None = None
        for actual in state.actuals:
            after = self._play(actual, event)
            numbers = tuple(self._number(other) for other in after)
            if found is not None and numbers != found:
                raise Abstraction(
                    f"{self.world.describe(event)}: {[self.states[n].key for n in found]} or "
                    f"{[self.states[n].key for n in numbers]}"
                )
            found = numbers
            if self.world.checked:
                self._check_completing_votes(actual, event, after[0])
        return found or (number,)

    def _matters(self, state: State, event: AnyInput) -> bool:
        """Return whether an input can do anything; nothing is played beyond the last view."""
        match event:
            case WorkInput():
                return state.view <= self.world.views and leader_of(state.view, MEMBERS) == self.member
            case TimeoutInput():
                return state.view <= self.world.views
            case ProposalInput():
                return leader_of(self.world.blocks[event.digest].view, MEMBERS) != self.member
            case CrashInput():
                return state.actuals[0].crashes_left > 0
            case CertificateInput():
                return True

    def _play(self, actual: Actual, event: AnyInput) -> list[Actual]:
        """Return what becomes of a machine; with crashes left, also when one comes before a commit."""
        after = self._copy(actual)
        if isinstance(event, CrashInput):
            self._crash(after)
            return [after]
        crashed = None
        for one in self._inputs(actual, event):
            after.application.work = isinstance(one, TransactionsPending)
            after.application.executable = isinstance(event, WorkInput)
            after.now_ms += LONG_MS if isinstance(one, Tick) else 0
            effects = self._step(after, one)
            if after.crashes_left and any(isinstance(effect, Commit) for effect in effects):
                crashed = self._copy(after)
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

    def _step(self, actual: Actual, event: Input) -> list[Effect]:
        self.steps += 1
        try:
            return actual.machine.step(event, actual.now_ms)
        except VoteForbidden as error:
            raise Violation(f"member {self.member} was about to vote {error}") from None

    def _crash(self, actual: Actual) -> None:
        actual.crashes_left -= 1
        actual.machine = self._machine(actual)
        self._start(actual)

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
        for other in self._cast(actual.sent):
            if late or conflict(self._unsigned(other), self._unsigned(key)):
                earlier, now = world.describe_vote(other), world.describe_vote(key)
                raise Violation(f"member {self.member} voted {earlier}, and then {now}")
        actual.sent |= world.bit[key]

    def _cast(self, sent: int) -> list[VoteKey]:
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

    # --- states --------------------------------------------------------------------------------------------

    def _begin(self, *, noise: bool) -> Actual:
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
                self._execute(actual, self._step(actual, PeerMessage(self.world.byzantine, vote)))
        return actual

    def _machine(self, actual: Actual) -> Machine:
        return self._new(actual.application, Snapshot(actual.tip, dict(actual.journal)), actual.now_ms)

    def _new(self, application: Application, snapshot: Snapshot, now_ms: int) -> Machine:
        world, member = self.world, self.member
        return Machine(world.membership, member, KEYS[member], application, snapshot, CONFIG, now_ms)

    def _start(self, actual: Actual) -> None:
        """Start, and have every peer tell truly what we voted (C11)."""
        actual.application.work = False
        latest = {key[0]: key for key in sorted(self._cast(actual.sent), key=lambda key: key[1])}
        votes = [self.world.vote(self.member, key) for key in latest.values()]
        events: list[Input] = [Start()]
        for peer in range(MEMBERS):
            if peer != self.member:
                events.append(PeerUp(peer))
                events.append(PeerMessage(peer, OwnVotesResponse(id=REQUEST_ID, votes=votes)))
        for event in events:
            self._execute(actual, self._step(actual, event))

    def _copy(self, actual: Actual) -> Actual:
        return clone(actual, self._shared)

    def _number(self, actual: Actual) -> int:
        key = self._key(actual)
        number = self._known.get(key)
        if number is None:
            number = self._known[key] = len(self.states)
            self.states.append(State(key, [actual], actual.sent, actual.committed, actual.machine.view))
        else:
            state = self.states[number]
            if len(state.actuals) < self._representatives and not state.next:
                state.actuals.append(actual)
        return number

    def _key(self, actual: Actual, *, disk: bool = True) -> object:
        """Return what a member's later votes and commits depend on."""
        machine = actual.machine
        round_, name = machine._round, self.world.name
        tree, ballot = round_.tree, round_.ballot
        certificates = sorted(
            (kind, view, table[view].digest) for kind, table in round_.store._tables.items() for view in table
        )
        return (
            round_.view,
            name(round_.candidate.digest) if round_.candidate is not None else "",
            tree.tip.digest,
            tuple(sorted((b.digest, b.executed, b.refused) for b in tree._blocks.values())),
            tuple(block.digest for block in tree.ready),
            tuple(certificates),
            round_.store.final_view,
            tuple((vote.kind, vote.view, vote.digest) for vote in ballot.all()),
            ballot._closed_view,
            self._proposals(actual),
            ballot._guard.voting_allowed,
            round_.execution.halted,
            actual.sent,
            actual.committed,
            actual.crashes_left,
            self._disk(actual) if disk and actual.crashes_left else None,
        )

    def _proposals(self, actual: Actual) -> tuple[bytes, ...]:
        """Return the honest proposals seen: votes of their leaders for others would be evidence."""
        views = actual.machine._round.pool._views
        return tuple(
            vote.digest
            for view in sorted(views)
            for vote in (views[view].verified.get((NOTARIZE, leader_of(view, MEMBERS))),)
            if vote is not None and vote.member != self.world.byzantine
        )

    def _disk(self, actual: Actual) -> object:
        """Return what the disk holds and what waits to go there, but not who signed a certificate."""
        journal = actual.machine._journal

        def plain(records: dict[bytes, bytes]) -> tuple[object, ...]:
            found: list[object] = []
            for key, value in sorted(records.items()):
                if key[:1] == CERTIFICATE:
                    found.append((key, Certificate.FromString(value).digest))
                elif key[:1] == BLOCK:
                    nullified = CertifiedBlock.FromString(value).nullifications
                    found.append((key, tuple(certificate.view for certificate in nullified)))
                else:
                    found.append(key)
            return tuple(found)

        return plain(actual.journal), plain(journal._queued), tuple(sorted(journal._stored)), journal._urgent

    # --- votes and certificates are alike -------------------------------------------------------------------

    def _check_completing_votes(self, actual: Actual, event: AnyInput, after: Actual) -> None:
        """Check that votes of others that wait for ours do what their certificate does later.

        Votes come before the input here, and the last of the quorum is cast within it.
        """
        world = self.world
        for key in self._cast(after.sent & ~actual.sent):
            if key[0] == NOTARIZE and leader_of(key[1], MEMBERS) == self.member:
                continue  # nobody votes for a block that is not proposed yet
            early = self._copy(actual)
            # The leader first: a proposal brings its vote anyway.
            for other in (leader_of(key[1], MEMBERS), world.byzantine, *world.honest):
                if other != self.member and self._held(early, key) < world.membership.quorum - 1:
                    votes = Votes(votes=[world.vote(other, key)])
                    self._step(early, PeerMessage(other, votes))
            if self._held(early, key) < world.membership.quorum - 1:
                continue  # nobody else can have voted so
            early = self._play(early, event)[0]
            index = world.inputs.index(CertificateInput(*key))
            late = self._play(after, world.inputs[index])[0]
            if self._key(early, disk=False) != self._key(late, disk=False):
                raise Abstraction(
                    f"{world.describe(event)}, with votes for {world.describe_vote(key)} before"
                )

    def _held(self, actual: Actual, key: VoteKey) -> int:
        kind, view, digest = key
        votes = actual.machine._round.pool._views.get(view)
        if votes is None:
            return 0
        return sum(1 for (of, _), vote in votes.verified.items() if of == kind and vote.digest == digest)
