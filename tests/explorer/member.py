"""One honest member: the production machine as an automaton, computed step by step and never twice.

A `State` is what a member's later behaviour depends on (`_key`), with the votes that it has cast and the
blocks that it has committed. Left out of it are the vote pool, presence, relay, fetching and pacing, because
in this alphabet they decide nothing. That is checked wherever the explorer goes: up to `REPRESENTATIVES`
machines that came to one state on different paths, one of them with every single vote of the Byzantine member
in its pool, must answer every input alike; and a vote that completes a quorum within the step that casts it
must do what its certificate does afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ayni.v1.block_pb2 import Certificate, CertifiedBlock
from ayni.v1.peer_service_pb2 import Votes
from consensus.events import PeerMessage
from consensus.journal import BLOCK, CERTIFICATE
from consensus.leader import leader_of
from tests.consensus.network import NOTARIZE
from tests.explorer.actual import Actual, Player
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


class Abstraction(Exception):
    """Two machines taken for alike are not: the explorer itself is wrong."""


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
        self._player = Player(world, member)
        self._known: dict[object, int] = {}
        self._representatives = REPRESENTATIVES if world.checked else 1
        self.initial = self._number(self._player.begin(noise=False))
        if world.checked and self._number(self._player.begin(noise=True)) != self.initial:
            raise Abstraction("single votes of the Byzantine member do more than lie in the pool")

    @property
    def steps(self) -> int:
        """Inputs that real machines were given."""
        return self._player.steps

    def after(self, number: int, index: int) -> tuple[int, ...]:
        """Return the states after an input, the world's of that index. Raises `Violation`."""
        state = self.states[number]
        known = state.next.get(index)
        if known is None:
            known = state.next[index] = self._compute(state, number, index)
        return known

    def _compute(self, state: State, number: int, index: int) -> tuple[int, ...]:
        event = self.world.inputs[index]
        if not self._matters(state, event):
            return (number,)
        found: tuple[int, ...] | None = None
        for actual in state.actuals:
            after = self._player.play(actual, event)
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

    # --- which machines are alike ---------------------------------------------------------------------------

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
        for key in self._player.cast(after.sent & ~actual.sent):
            if key[0] == NOTARIZE and leader_of(key[1], MEMBERS) == self.member:
                continue  # nobody votes for a block that is not proposed yet
            early = self._player.copy(actual)
            # The leader first: a proposal brings its vote anyway.
            for other in (leader_of(key[1], MEMBERS), world.byzantine, *world.honest):
                if other != self.member and self._held(early, key) < world.membership.quorum - 1:
                    votes = Votes(votes=[world.vote(other, key)])
                    self._player.step(early, PeerMessage(other, votes))
            if self._held(early, key) < world.membership.quorum - 1:
                continue  # nobody else can have voted so
            early = self._player.play(early, event)[0]
            index = world.inputs.index(CertificateInput(*key))
            late = self._player.play(after, world.inputs[index])[0]
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
