"""The consensus machine: one input in, a list of effects out; no clock, chance, network or disk.

`Machine.step` has `intake.py` read what peers send, lets the round do what its rules allow (`round.py`),
and says what is due: statuses, relays, requests for blocks, the next timer. A peer's fault is an effect,
never an exception; an exception out of `step` is our own bug, and the node must stop.
Spec: docs/protocol.md, C1 to C12.
"""

from typing import assert_never

from ayni.v1.block_pb2 import VOTE_KIND_FINALIZE, VOTE_KIND_NOTARIZE
from ayni.v1.peer_service_pb2 import Certificates, Status
from consensus.application import Application
from consensus.blocks import Block, BlockMalformed, BlockTree, check_body, genesis_block, read_block
from consensus.catchup import Fetcher, what_is_missing
from consensus.certificates import CertificateStore
from consensus.config import ConsensusConfig
from consensus.events import (
    ALARM_SAFETY,
    ALARM_VOTING_LOCKED,
    Alarm,
    Broadcast,
    Effect,
    Input,
    PeerDown,
    PeerFrameMessage,
    PeerMessage,
    PeerUp,
    Send,
    SetTimer,
    Start,
    Tick,
    TransactionsPending,
)
from consensus.guard import VoteGuard
from consensus.intake import Intake
from consensus.journal import Journal, JournalDamaged, Recovered, Snapshot, recover
from consensus.leader import Presence
from consensus.outbox import Outbox
from consensus.pacing import Pacing
from consensus.relay import Relay
from consensus.round import Round
from consensus.votes import VotePool
from consensus.voting import Ballot
from proofs.certificates import CertificateInvalid, verify_vote
from proofs.membership import Membership
from proofs.signing import SigningKey


class Machine:
    """One member of the network, or, without `member` and key, an observer that never votes."""

    def __init__(
        self,
        membership: Membership,
        member: int | None,
        signing_key: SigningKey | None,
        application: Application,
        snapshot: Snapshot,
        config: ConsensusConfig,
        now_ms: int,
    ) -> None:
        """Recover the state that the disk holds. Raises `JournalDamaged`, or ValueError for a wrong key."""
        if (member is None) != (signing_key is None):
            raise ValueError("a member votes with its signing key; an observer has neither")
        if member is not None and signing_key is not None:
            expected = membership.members[member].consensus_key
            if signing_key.public_key != expected:
                raise ValueError(
                    f"the signing key is not that of member {member} ({membership.members[member].name}): "
                    f"its public key is {signing_key.public_key.hex()}, the genesis says {expected.hex()}"
                )
        members = len(membership.members)
        self._membership = membership
        self._member = member
        self._members = members
        self._config = config
        self._now_ms = now_ms
        self._started = False
        self._timer_ms: int | None = None
        self._peers = tuple(peer for peer in range(members) if peer != member)
        recovered = recover(snapshot.records)
        tree = BlockTree(self._tip(snapshot))
        self._outbox = Outbox(has_peers=bool(self._peers))
        self._journal = Journal(snapshot.records, has_peers=bool(self._peers))
        self._guard = VoteGuard(membership, member)
        self._pacing = Pacing(config, now_ms)
        self._presence = Presence(members, 0)
        self._relay = Relay(self._peers, config.relay_delay_ms)
        self._fetcher = Fetcher(config)
        self._round = Round(
            membership=membership,
            member=member,
            application=application,
            tree=tree,
            store=CertificateStore(),
            pool=VotePool(membership),
            ballot=Ballot(membership.genesis_hash, member, signing_key, self._guard),
            journal=self._journal,
            presence=self._presence,
            pacing=self._pacing,
            relay=self._relay,
            outbox=self._outbox,
        )
        self._intake = Intake(
            membership=membership,
            config=config,
            round_=self._round,
            presence=self._presence,
            pacing=self._pacing,
            fetcher=self._fetcher,
            guard=self._guard,
            journal=self._journal,
            outbox=self._outbox,
        )
        self._restore(snapshot, recovered)

    # --- what a node may ask at any time ------------------------------------------------------------------

    @property
    def view(self) -> int:
        """The current view."""
        return self._round.view

    @property
    def leader(self) -> int:
        """Validator index of the current view's leader."""
        return self._round.leader

    @property
    def height(self) -> int:
        """Height of the last final block."""
        return self._round.tree.tip.height

    @property
    def tip(self) -> bytes:
        """Digest of the last final block; the genesis hash before the first."""
        return self._round.tree.tip.digest

    @property
    def quiet(self) -> bool:
        """Whether no block is wanted and no view timer runs (C10)."""
        return not self._pacing.running

    @property
    def catching_up(self) -> bool:
        """Whether final blocks are known that are not here yet."""
        return self._round.store.final_view > self._round.tree.tip.view

    @property
    def voting(self) -> bool:
        """Whether this node may vote (C11)."""
        return self._guard.voting_allowed

    @property
    def lock(self) -> str:
        """Why voting is locked for good (C11); empty if it is not."""
        return self._guard.lock

    @property
    def views_nullified(self) -> int:
        """Views nullified since the start, for metrics."""
        return self._round.views_nullified

    @property
    def evidence_reported(self) -> int:
        """Evidence reported since the start, for metrics."""
        return self._round.evidence_reported

    # --- the step -------------------------------------------------------------------------------------------

    def step(self, event: Input, now_ms: int, *, busy: bool = False) -> list[Effect]:
        """Take one input and return the effects, in the order in which they must be executed.

        `now_ms` is a clock of any origin that never goes backwards. `busy`: blocks take this node long, and
        larger ones are worth a wait (C10). After an `Alarm` with `halt`, nothing.
        """
        self._now_ms = max(self._now_ms, now_ms)
        self._pacing.busy = busy
        if self._round.execution.halted:
            return []
        match event:
            case PeerMessage():
                self._check_peer(event.member)
                self._intake.receive(event.member, event.message, self._now_ms)
            case Tick():
                self._timer_ms = None
            case TransactionsPending():
                pass
            case PeerUp():
                self._peer_up(event.member)
            case PeerDown():
                self._fetcher.peer_down(event.member)
            case Start():
                self._start()
            case _:
                assert_never(event)
        if not self._round.execution.halted:
            self._round.progress(self._now_ms)
        self._send_due()
        effects = self._outbox.drain(self._journal)
        if not self._round.execution.halted:
            effects += self._set_timer()
        return effects

    # --- start, and streams --------------------------------------------------------------------------------

    def _tip(self, snapshot: Snapshot) -> Block:
        if snapshot.tip is None:
            return genesis_block(self._membership.genesis_hash)
        if not snapshot.tip.HasField("finalization") or not snapshot.tip.HasField("notarization"):
            raise JournalDamaged("the last final block is stored without its notarisation and finalisation")
        return read_block(snapshot.tip.header, b"", self._members)

    def _restore(self, snapshot: Snapshot, recovered: Recovered) -> None:
        """Bring back the certificates, blocks and votes of the journal, above the last final block (C7)."""
        round_ = self._round
        tip_view = round_.tree.tip.view
        certificates = list(recovered.certificates)
        if snapshot.tip is not None:
            certificates += [snapshot.tip.notarization, snapshot.tip.finalization]
        for stored in recovered.blocks:
            certificates += stored.nullifications
        last_view = tip_view
        try:
            for vote in recovered.votes:
                verify_vote(vote, self._membership)
                if vote.member != self._member:
                    raise JournalDamaged(
                        f"the consensus journal holds a vote of member {vote.member}, and this is member "
                        f"{self._member}: the database is another node's"
                    )
            for certificate in certificates:
                round_.pool.verify(certificate)
        except CertificateInvalid as error:
            raise JournalDamaged(f"the consensus journal holds what nobody signed: {error}") from None
        for certificate in certificates:
            if certificate.view >= tip_view:
                round_.store.add(certificate)
                round_.pool.absorb(certificate)
                last_view = max(last_view, certificate.view)
        for stored in recovered.blocks:
            try:
                block = read_block(stored.header, stored.body, self._members)
                check_body(block)
            except BlockMalformed as error:
                raise JournalDamaged(f"a block in the consensus journal is damaged: {error}") from None
            block.nullifications = tuple(stored.nullifications)
            if block.view > tip_view:
                round_.tree.add(block)
        self._guard.recovered(recovered.votes, tip_view, recovered.lock)
        round_.ballot.restore(recovered.votes, tip_view)
        entered = [vote.view for vote in recovered.votes if vote.kind != VOTE_KIND_FINALIZE]
        round_.enter(max(last_view + 1, *entered, 1), woken=False)

    def _start(self) -> None:
        """Begin: send the same bytes as before, and ask what we voted (C7, C11)."""
        if self._started:
            return
        self._started = True
        round_ = self._round
        if self._guard.lock:
            self._outbox.notices.append(Alarm(ALARM_VOTING_LOCKED, self._guard.lock))
        for vote in round_.ballot.all():
            round_.take_vote(vote, self._now_ms, own=True)
        own = round_.ballot.held(VOTE_KIND_NOTARIZE, round_.view)
        block = round_.tree.get(own.digest) if own is not None else None
        if block is not None:
            round_.take_candidate(block)
        if self._guard.voting_allowed:
            round_.begin_voting(self._now_ms)

    def _check_peer(self, member: int) -> None:
        if member not in self._peers:
            raise ValueError(
                f"member {member} is no peer: there are {self._members}, and we are {self._member}"
            )

    def _peer_up(self, member: int) -> None:
        self._check_peer(member)
        self._fetcher.peer_up(member, self._now_ms)
        self._send(member, self._own_status())
        question = self._guard.question(member)
        if question is not None:
            self._send(member, question)

    # --- what is due ---------------------------------------------------------------------------------------

    def _send_due(self) -> None:
        """Statuses, relays and requests whose time has come."""
        if self._round.execution.halted or not self._peers:
            return
        now_ms = self._now_ms
        if self._pacing.status_due(now_ms):
            self._round.execution.retry()
            self._round.blocks_changed = True
            self._outbox.messages.append(Broadcast(self._own_status()))
            for peer in self._fetcher.connected():
                question = self._guard.question(peer)
                if question is not None:
                    self._send(peer, question)
        for peer, certificates in self._relay.take(now_ms, self._presence):
            self._send(peer, Certificates(certificates=certificates))
        if self._round.blocks_changed:
            self._round.blocks_changed = False
            missing = what_is_missing(self._round.tree, self._round.store)
            if missing.conflict:
                self._round.execution.halt(ALARM_SAFETY, missing.conflict)
                return
            self._fetcher.want(missing, now_ms)
        for peer, request in self._fetcher.requests(now_ms, by_height=self._can_take_blocks()):
            self._send(peer, request)

    def _can_take_blocks(self) -> bool:
        return not self._round.tree.ready

    def _own_status(self) -> Status:
        """Return what we hold: the least that lets a peer see what we lack, and what it lacks."""
        round_, store = self._round, self._round.store
        highest = store.highest
        return Status(
            height=round_.tree.tip.height,
            view=store.lowest_missing(round_.view),
            finalization=store.finalization,
            highest=highest if highest is not None and highest.view > store.final_view else None,
            own_latest=round_.ballot.latest(store.final_view),
        )

    def _send(self, member: int, message: PeerFrameMessage) -> None:
        self._outbox.messages.append(Send(member, message))

    def _set_timer(self) -> list[Effect]:
        """Return the timer, if another deadline is next than the one set."""
        now_ms = self._now_ms
        due = self._pacing.view_deadlines_ms(now_ms)
        if self._peers:
            due.append(self._pacing.status_deadline_ms())
            for deadline in (
                self._relay.deadline_ms(),
                self._fetcher.deadline_ms(by_height=self._can_take_blocks()),
            ):
                if deadline is not None:
                    due.append(deadline)
        if self._round.execution.backlog:
            due.append(now_ms)
        deadline_ms = min(due, default=None)
        if deadline_ms is None or (deadline_ms == self._timer_ms and deadline_ms > now_ms):
            return []
        self._timer_ms = deadline_ms
        return [SetTimer(deadline_ms)]
