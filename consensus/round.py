"""The six rules of Simplex (docs/protocol.md, C1 to C6): what a member does in its view, and why.

    enter a view ──► propose (C1) ──► execute, vote notarize (C2) ─┐
         ▲            timer: vote nullify (C3) ────────────────────┤
         │                                                         ▼
         └── notarisation: vote finalize (C4) · nullification (C5) · finalisation: commit (C6)

Everything that affects the round is a field of `Round`. Messages from peers are read in `intake.py`,
certificates come in verified, and votes are verified by the vote pool; whether a vote may be cast at all is
`voting.py`'s to say; blocks are executed and committed in `execution.py`; timers are in `pacing.py`.
Nothing here sends: effects go to the outbox.
"""

from dataclasses import replace

from ayni.v1.block_pb2 import (
    VOTE_KIND_FINALIZE,
    VOTE_KIND_NOTARIZE,
    VOTE_KIND_NULLIFY,
    Certificate,
    Evidence,
    Proposal,
    Vote,
    VoteKind,
)
from consensus.application import Application, BlockSlot, BuiltBlock, Unavailable
from consensus.blocks import Block, BlockTree, read_block
from consensus.certificates import CertificateStore
from consensus.config import EVIDENCE_VIEWS, HEAVY_BODY_BYTES, UNFINAL_WITH_TRANSACTIONS_MAX
from consensus.events import ALARM_SAFETY, Broadcast, ReportEvidence
from consensus.execution import Execution
from consensus.journal import Journal
from consensus.leader import Presence, leader_of
from consensus.outbox import Outbox
from consensus.pacing import Pacing
from consensus.relay import Relay
from consensus.votes import VotePool
from consensus.voting import Ballot
from proofs.certificates import EPOCH
from proofs.membership import Membership


class Round:
    """One member's part in the round; `progress` does whatever the rules allow now."""

    def __init__(
        self,
        *,
        membership: Membership,
        member: int | None,
        application: Application,
        tree: BlockTree,
        store: CertificateStore,
        pool: VotePool,
        ballot: Ballot,
        journal: Journal,
        presence: Presence,
        pacing: Pacing,
        relay: Relay,
        outbox: Outbox,
    ) -> None:
        self._members = len(membership.members)
        self._genesis_hash = membership.genesis_hash
        self._member = member
        self._application = application
        self.tree = tree
        self.store = store
        self.pool = pool
        self.ballot = ballot
        self._journal = journal
        self.execution = Execution(
            membership=membership,
            application=application,
            tree=tree,
            store=store,
            ballot=ballot,
            journal=journal,
            pacing=pacing,
            outbox=outbox,
        )
        self._presence = presence
        self._pacing = pacing
        self._relay = relay
        self._outbox = outbox
        self.view = 1
        self.candidate: Block | None = None
        """The first proposal of the current view by its leader (C2)."""
        self.proposal: Proposal | None = None
        """Our own proposal of the current view, for those who lack it."""
        self.proposed_ms = 0
        self.blocks_changed = True
        """Whether another block may be missing now."""
        self.views_nullified = 0
        self.evidence_reported = 0
        self._woken = False
        """A consensus message came in for the current view (C10)."""
        self._became_final = False
        self._proposed_in_step = False
        self._changed = False

    @property
    def leader(self) -> int:
        """The leader of the current view."""
        return leader_of(self.view, self._members)

    # --- certificates and votes come in ---------------------------------------------------------------

    def take_vote(self, vote: Vote, now_ms: int, *, own: bool = False) -> None:
        """Take in a vote. Raises `CertificateInvalid`."""
        received = self.pool.receive(vote, own=own)
        if received.evidence is not None:
            self._report(received.evidence)
        if received.fresh and not own and vote.view == self.view:
            self._woken = True
        if received.certificate is not None:
            self.adopt(received.certificate, now_ms)

    def adopt(self, certificate: Certificate, now_ms: int) -> None:
        """Take in a verified certificate: store it, relay it, and enter the view after it (C4 to C6)."""
        kind, view = certificate.kind, certificate.view
        held = self.store.held(kind, view)
        if held is not None or view <= self.tree.tip.view:
            if held is not None and held.digest != certificate.digest:
                self._contradicted(held, certificate)
            return
        final_view = self.store.final_view
        if view > final_view - EVIDENCE_VIEWS:
            for evidence in self.pool.absorb(certificate):
                self._report(evidence)
        for signature in certificate.signatures:
            self._presence.voted(signature.member, view, beyond=kind == VOTE_KIND_FINALIZE)
        self.store.add(certificate)
        self._changed = self.blocks_changed = True
        if view > final_view:
            self._journal.put_certificate(certificate)
            self._relay.add(certificate, now_ms)
        if kind == VOTE_KIND_NOTARIZE:
            self._pacing.block_seen(now_ms)
            self._finalize(certificate, now_ms)  # C4
            block = self.tree.get(certificate.digest)
            if block is not None and block.refused:
                self.execution.alarm_certified_invalid(block)
            elif block is not None:
                self.tree.retry(block)
        elif kind == VOTE_KIND_FINALIZE:
            self._became_final = True
            self._pacing.set_timeout(self._failures())  # C12: reset on finality
            self.pool.prune(view)
        elif view >= self.view:
            self.views_nullified += 1
        self.enter(view + 1, woken=kind == VOTE_KIND_NULLIFY)

    def _contradicted(self, held: Certificate, other: Certificate) -> None:
        """Keep the proof that more than a third of the members are faulty; if two blocks are final, stop."""
        for certificate in (held, other):
            for evidence in self.pool.absorb(certificate):
                self._report(evidence)
        if held.kind == VOTE_KIND_FINALIZE:
            self.execution.halt(
                ALARM_SAFETY,
                f"two blocks of view {held.view} are final, {held.digest.hex()} and "
                f"{other.digest.hex()}: more than a third of the members are faulty",
            )

    def enter(self, view: int, *, woken: bool) -> None:
        """Enter `view`, unless this or a later one is entered: max(current, v + 1) (C4, C5)."""
        if view <= self.view:
            return
        self._presence.skipped(view - self.view - 1)
        self.view = view
        self._drop_candidate()
        self.proposal = None
        # C10: after a nullification somebody still waits for a block; and votes may have come ahead.
        self._woken = woken or self.pool.active(view)
        self._pacing.enter_view(self._failures())

    def _drop_candidate(self) -> None:
        """Leave the proposal of the view that is over, and forget it if it came to nothing, as far as known.

        While blocks below it are missing, nothing else would forget what a leader makes up. What we voted
        for is kept for others to fetch, and what turns out to be notarised is fetched.
        """
        block, self.candidate = self.candidate, None
        if block is None or block.executed or block.refused or self.tree.get(block.digest) is not block:
            return
        voted = self.ballot.held(VOTE_KIND_NOTARIZE, block.view) is not None
        if not voted and self.store.notarized(block.view, block.digest) is None:
            self.tree.drop(block)

    def take_candidate(self, block: Block) -> None:
        """Take in the leader's proposal of the current view; only the first counts (C2)."""
        if self.candidate is None:
            self.candidate = self.tree.add(block)
            self._woken = self.blocks_changed = True
        if self.candidate.digest == block.digest:
            self.tree.retry(self.candidate)

    def take_certified(self, block: Block) -> None:
        """Take in a notarised block, whatever its view."""
        self.tree.add(block)
        self.blocks_changed = True

    def begin_voting(self, now_ms: int) -> None:
        """Voting is allowed from now on: vote what is overdue, and give the view its whole time (C4)."""
        self._pacing.stop()
        for view in sorted(self.store.notarizations):
            self._finalize(self.store.notarizations[view], now_ms)

    # --- what the rules allow now -----------------------------------------------------------------------

    def progress(self, now_ms: int) -> None:
        """Execute, commit, vote and propose until nothing more is allowed."""
        self._proposed_in_step = False
        self.execution.begin_step()
        self._changed = True
        while self._changed:
            executed = self.execution.execute(self.candidate)
            self._changed = self.execution.commit(now_ms) or executed
            self.blocks_changed = self.blocks_changed or self._changed
            if self.execution.halted:
                return
            self._notarize(now_ms)
            self._pace(now_ms)
            self._propose(now_ms)
            self._nullify(now_ms)

    def _notarize(self, now_ms: int) -> None:
        """Vote notarize for the first proposal of the view that checks (C2)."""
        block = self.candidate
        if block is None or not block.executed or not self.ballot.may(VOTE_KIND_NOTARIZE, self.view):
            return
        self._journal.put_block(block)
        self._cast(VOTE_KIND_NOTARIZE, self.view, block.digest, now_ms)

    def _finalize(self, notarization: Certificate, now_ms: int) -> None:
        """Vote finalize for a notarised block, its body here or not (C4)."""
        view = notarization.view
        if view > self.store.final_view and self.ballot.may(VOTE_KIND_FINALIZE, view):
            self._cast(VOTE_KIND_FINALIZE, view, notarization.digest, now_ms)

    def _nullify(self, now_ms: int) -> None:
        """Vote nullify on the timer, or at once if the leader is silent or behind (C3)."""
        if not self._pacing.running:
            return
        leader = self.leader
        behind = self._pacing.is_behind(leader, now_ms) and not self._pacing.gathering(now_ms)
        hopeless = leader != self._member and (
            self._presence.silent(leader, self.view) or (self.candidate is None and behind)
        )
        if (hopeless or self._pacing.expired(now_ms)) and self.ballot.may(VOTE_KIND_NULLIFY, self.view):
            self._cast(VOTE_KIND_NULLIFY, self.view, b"", now_ms)

    def _cast(self, kind: VoteKind, view: int, digest: bytes, now_ms: int, *, send: bool = True) -> None:
        vote = self.ballot.cast(kind, view, digest)
        self._journal.put_vote(vote)  # C7: the batch of this step is synced before the vote leaves
        if send:
            self._outbox.votes.append(vote)
        self._changed = True
        self._woken = self._woken or view == self.view
        self.take_vote(vote, now_ms, own=True)

    # --- quiet, and proposing -----------------------------------------------------------------------------

    def _pace(self, now_ms: int) -> None:
        """Run the view's timer while a block is wanted; be quiet otherwise (C10)."""
        if not self._pacing.running:
            if self._wanted(now_ms):
                self._pacing.start(now_ms)
        elif (self._became_final or not self.ballot.is_open) and not self._wanted(now_ms):
            self._pacing.stop()  # who does not vote can end no view: it looks whether it still waits
        self._became_final = False

    def _wanted(self, now_ms: int) -> bool:
        is_awaited = self._woken or self.store.notarized_view > self.store.final_view
        if is_awaited and self.ballot.is_open:  # who does not vote cannot help, and looks only after its own
            return True
        if self.tree.tip.view < self.store.final_view:
            return False  # we are behind: others decide whether there is work
        if self._pacing.heartbeat_due(now_ms):
            return True
        return self._pending(self.tree.tip)

    def _pending(self, parent: Block) -> bool:
        """Return whether there is work on a block, as far as was looked; the rest is for another step."""
        found = self._application.executable_pending(parent.digest)
        if found is None:
            self.execution.backlog = True
        return bool(found)

    def _propose(self, now_ms: int) -> None:
        """Propose on the highest notarised block, if this view is ours and a block is wanted (C1, C10)."""
        if self.leader != self._member:
            return
        if self.candidate is not None:
            if self.proposal is None and self.candidate.executed:
                self._send_proposal(self.candidate, now_ms)  # C7: after a restart, the same bytes
            return
        if not self._pacing.running or not self.ballot.may(VOTE_KIND_NOTARIZE, self.view):
            return
        if self._pacing.gathering(now_ms):
            return
        if self._proposed_in_step:
            self.execution.backlog = True  # a network of one member: one block a step
            return
        found = self._parent()
        if found is None:
            return
        parent, nullifications = found
        if self._outbox.votes and len(parent.body) > HEAVY_BODY_BYTES:
            # Under load, our finalize vote need not wait for the block that we build.
            self.execution.backlog = True
            return
        built = self._build(parent, now_ms)
        if built is None:
            return
        block = read_block(built.header, built.body, self._members)
        block.nullifications = tuple(nullifications)
        block = self.tree.add(block)
        self.tree.executed(block)
        self.candidate = block
        self._proposed_in_step = True
        self._journal.put_block(block)
        # C1: a proposal is the leader's own notarize vote.
        self._cast(VOTE_KIND_NOTARIZE, block.view, block.digest, now_ms, send=False)
        self._send_proposal(block, now_ms)

    def _send_proposal(self, block: Block, now_ms: int) -> None:
        vote = self.ballot.held(VOTE_KIND_NOTARIZE, block.view)
        if vote is None or vote.digest != block.digest:
            return
        parent = self.tree.get(block.parent)
        notarization = self.store.notarized(parent.view, parent.digest) if parent is not None else None
        proposal = Proposal(
            header=block.header,
            body=block.body,
            signature=vote.signature,
            parent_notarization=notarization,
            nullifications=block.nullifications,
        )
        self.proposed_ms = now_ms
        if self.view == block.view:
            self.proposal = proposal
        self._outbox.messages.append(Broadcast(proposal))

    def _parent(self) -> tuple[Block, list[Certificate]] | None:
        """Return the highest notarised block that may be extended, with the nullifications since (C1)."""
        nullifications: list[Certificate] = []
        for view in range(self.view - 1, self.tree.tip.view, -1):
            notarization = self.store.notarizations.get(view)
            block = self.tree.get(notarization.digest) if notarization is not None else None
            if block is not None and block.executed:
                return block, nullifications[::-1]
            nullification = self.store.nullifications.get(view)
            if nullification is None:
                return None
            nullifications.append(nullification)
        return self.tree.tip, nullifications[::-1]

    def _build(self, parent: Block, now_ms: int) -> BuiltBlock | None:
        """Return a block with transactions, or an empty one where C10 allows it."""
        slot = BlockSlot(
            parent.digest, EPOCH, self.view, self.leader, self._failures(), with_transactions=True
        )
        try:
            if (
                self.tree.carriers(parent.digest) < UNFINAL_WITH_TRANSACTIONS_MAX
                and self._pending(parent)
                and (built := self._application.build(slot)) is not None
            ):
                return built
            beating = parent is self.tree.tip and self._pacing.heartbeat_due(now_ms)
            if beating or self._pacing.half_gone(now_ms):
                return self._application.build(replace(slot, with_transactions=False))
        except Unavailable:
            return None
        return None

    # --- helpers ------------------------------------------------------------------------------------------

    def _failures(self) -> int:
        """Return how many views since finality, before this one, brought no block (C12)."""
        final_view = self.store.final_view
        notarized = sum(1 for view in self.store.notarizations if final_view < view < self.view)
        return self.view - 1 - final_view - notarized

    def _report(self, evidence: Evidence) -> None:
        self.evidence_reported += 1
        self._outbox.notices.append(ReportEvidence(evidence))
