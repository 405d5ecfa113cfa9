"""What peers send: every frame is read and checked here before the round sees any of it.

Decides what is a peer's fault (the frame is refused, and the stream closed), what is stale, and what to
answer a peer that lags. A frame can carry nothing that makes `Intake` raise or grow without bound. Never
votes. Spec: docs/protocol.md, C1, C2, C4 to C6, C9, C11, C12.
"""

from typing import assert_never

from ayni.v1.block_pb2 import (
    VOTE_KIND_FINALIZE,
    VOTE_KIND_NOTARIZE,
    VOTE_KIND_NULLIFY,
    Certificate,
    CertifiedBlock,
    Proposal,
    Vote,
)
from ayni.v1.peer_service_pb2 import (
    BlockRequest,
    BlockResponse,
    Certificates,
    OwnVotesRequest,
    OwnVotesResponse,
    Status,
    Votes,
)
from consensus.blocks import Block, BlockMalformed, certified, check_body, check_nullifications, read_block
from consensus.catchup import Asked, Fetcher
from consensus.config import (
    ANSWER_CERTIFICATES_MAX,
    ANSWER_INTERVAL_MS,
    DIGESTS_MAX,
    EVIDENCE_VIEWS,
    FUTURE_VIEWS_MAX,
    ITEMS_MAX,
    RANGE_BLOCKS_MAX,
    RANGE_GAP,
    ConsensusConfig,
)
from consensus.events import (
    ALARM_VOTING_LOCKED,
    Alarm,
    PeerFault,
    PeerFrameMessage,
    Send,
    ServeBlocks,
)
from consensus.guard import VoteGuard
from consensus.journal import Journal
from consensus.leader import Presence, leader_of
from consensus.outbox import Outbox
from consensus.pacing import Pacing
from consensus.round import Round
from proofs.certificates import EPOCH, CertificateInvalid
from proofs.membership import Membership
from proofs.signing import SIGNATURE_BYTES


class Faulty(ValueError):
    """A peer sent what no honest member sends."""


class Intake:
    """Reads the frames of all peers."""

    def __init__(
        self,
        *,
        membership: Membership,
        config: ConsensusConfig,
        round_: Round,
        presence: Presence,
        pacing: Pacing,
        fetcher: Fetcher,
        guard: VoteGuard,
        journal: Journal,
        outbox: Outbox,
    ) -> None:
        self._membership = membership
        self._members = len(membership.members)
        self._config = config
        self._round = round_
        self._presence = presence
        self._pacing = pacing
        self._fetcher = fetcher
        self._guard = guard
        self._journal = journal
        self._outbox = outbox
        self._now_ms = 0
        self._answered_ms: dict[int, int] = {}
        self._status_answered_ms: dict[int, int] = {}
        self._proposal_resent_ms: dict[int, int] = {}
        """When each member was last sent what: statuses are short and come as often as it likes."""

    def receive(self, member: int, message: PeerFrameMessage, now_ms: int) -> None:
        """Take in one frame; a fault in it becomes a `PeerFault`."""
        self._now_ms = now_ms
        # C9: a certificate is kept and passed on as it came, and in what nobody knows there is room for much.
        message.DiscardUnknownFields()  # type: ignore[no-untyped-call, unused-ignore]  # stub without types
        try:
            match message:
                case Votes():
                    self._votes(member, message)
                case Proposal():
                    self._proposal(member, message)
                case Certificates():
                    self._certificates(member, message)
                case Status():
                    self._status(member, message)
                case BlockRequest():
                    self._block_request(member, message)
                case BlockResponse():
                    self._block_response(member, message)
                case OwnVotesRequest():
                    votes = self._round.pool.latest(member)
                    self._send(member, OwnVotesResponse(id=message.id, votes=votes))
                case OwnVotesResponse():
                    self._own_votes(member, message)
                case _:
                    assert_never(message)
        except (Faulty, BlockMalformed, CertificateInvalid) as error:
            self._outbox.notices.append(PeerFault(member, str(error)))

    def _votes(self, member: int, message: Votes) -> None:
        _bounded("votes", len(message.votes), ITEMS_MAX)
        for vote in message.votes:
            self._vote(member, vote)

    def _vote(self, member: int, vote: Vote) -> None:
        """Take in a vote of the sender's own; nobody passes on another's but in certificates."""
        if vote.member != member:
            raise Faulty(f"sent a vote of member {vote.member} as its own")
        final_view = self._round.store.final_view
        if vote.view > self._round.view + FUTURE_VIEWS_MAX:
            return  # C12: bounded; it is sent again with the status
        if vote.view <= final_view:
            self._answer_old(member, vote.view)
            if vote.view <= final_view - EVIDENCE_VIEWS:
                return
        self._round.take_vote(vote, self._now_ms)
        self._presence.voted(member, vote.view, beyond=vote.kind == VOTE_KIND_FINALIZE)
        if vote.kind == VOTE_KIND_NOTARIZE and vote.view > final_view:
            self._pacing.heard(member, self._now_ms, behind=False)  # it has executed all up to there

    def _answer_old(self, member: int, view: int) -> None:
        """Answer a message of a view that is over with the finalisation that ended it (C6)."""
        finalization = self._round.store.finalization
        if finalization is None or view >= finalization.view:
            return  # of the last final view votes are still on their way
        if self._presence.holds(member, finalization.view, finalization=True):
            return
        answered_ms = self._answered_ms.get(member)
        if answered_ms is not None and self._now_ms < answered_ms + ANSWER_INTERVAL_MS:
            return
        self._answered_ms[member] = self._now_ms
        self._send(member, Certificates(certificates=[finalization]))

    def _proposal(self, member: int, proposal: Proposal) -> None:
        """Take in a leader's proposal: its certificates first, which may bring us to its view (C1, C2)."""
        block = read_block(proposal.header, proposal.body, self._members)
        if member != leader_of(block.view, self._members):
            raise Faulty(f"proposed in view {block.view}, whose leader is another")
        if block.view <= self._round.store.final_view:
            self._answer_old(member, block.view)
            if block.view <= self._round.tree.tip.view or self._round.tree.get(block.digest):
                return
        if len(proposal.signature) != SIGNATURE_BYTES:
            raise Faulty(  # a late vote is kept as it is
                f"the signature of view {block.view}'s proposal has {len(proposal.signature)} bytes, "
                f"not {SIGNATURE_BYTES}"
            )
        if self._round.tree.get(block.digest) is None:
            check_body(block)
        links = self._links(proposal, block)
        for certificate in links:
            self._certificate(certificate)
        if block.view > self._round.view:
            return  # only when our tip is beyond its parent
        self._presence.entered(member, block.view)
        vote = Vote(
            epoch=EPOCH,
            view=block.view,
            kind=VOTE_KIND_NOTARIZE,
            digest=block.digest,
            member=member,
            signature=proposal.signature,
        )
        self._vote(member, vote)
        block.source = member
        if block.view == self._round.view:
            self._round.take_candidate(block)
        elif self._round.store.notarized(block.view, block.digest):
            self._round.take_certified(block)

    def _links(self, proposal: Proposal, block: Block) -> list[Certificate]:
        """Return the certificates of a proposal, of the right kinds and views; not verified."""
        parent_view = 0
        links: list[Certificate] = []
        if proposal.HasField("parent_notarization"):
            notarization = proposal.parent_notarization
            if notarization.kind != VOTE_KIND_NOTARIZE or notarization.digest != block.parent:
                raise Faulty(f"the proposal of view {block.view} does not notarise its parent")
            if notarization.view >= block.view:
                raise Faulty(f"the proposal of view {block.view} has its parent in view {notarization.view}")
            parent_view = notarization.view
            links.append(notarization)
        elif block.parent != self._membership.genesis_hash or block.height != 1:
            raise Faulty(f"the proposal of view {block.view} lacks the notarisation of its parent")
        if any(certificate.kind != VOTE_KIND_NULLIFY for certificate in proposal.nullifications):
            raise Faulty(f"the proposal of view {block.view} has other certificates among its nullifications")
        check_nullifications(proposal.nullifications, parent_view, block.view)
        links.extend(proposal.nullifications)
        return links

    def _certificates(self, member: int, message: Certificates) -> None:
        _bounded("certificates", len(message.certificates), ITEMS_MAX)
        for certificate in message.certificates:
            self._certificate(certificate)
            if certificate.kind == VOTE_KIND_FINALIZE:
                self._presence.finalized(member, certificate.view)
            else:
                self._presence.entered(member, certificate.view + 1)

    def _certificate(self, certificate: Certificate) -> None:
        """Verify a certificate, unless we hold it or it is of a view that is over, and adopt it."""
        if certificate.view <= self._round.tree.tip.view and certificate.kind != VOTE_KIND_FINALIZE:
            return
        held = self._round.store.held(certificate.kind, certificate.view)
        if held is not None and held.digest == certificate.digest:
            return
        if certificate.view < self._round.tree.tip.view:
            return
        self._round.pool.verify(certificate)
        self._round.adopt(certificate, self._now_ms)

    def _status(self, member: int, status: Status) -> None:
        """Take in what a peer holds, and answer with what it lacks (C6)."""
        _bounded("votes", len(status.own_latest), ITEMS_MAX)
        if status.HasField("finalization"):
            if status.finalization.kind != VOTE_KIND_FINALIZE:
                raise Faulty("its status has another certificate for a finalisation")
            self._certificate(status.finalization)
            self._presence.finalized(member, status.finalization.view)
        if status.HasField("highest"):
            self._certificate(status.highest)
        self._presence.entered(member, status.view)
        behind = status.height + RANGE_GAP < self._round.tree.tip.height
        self._pacing.heard(member, self._now_ms, behind=behind)
        for vote in status.own_latest:
            self._vote(member, vote)
        self._answer_status(member, status)

    def _answer_status(self, member: int, status: Status) -> None:
        store, view = self._round.store, self._round.view
        lacking: list[Certificate] = []
        if store.finalization is not None and status.finalization.view < store.final_view:
            lacking.append(store.finalization)
        first = max(status.view, store.final_view + 1)
        lacking += store.between(first, view - 1, ANSWER_CERTIFICATES_MAX)
        answered_ms = self._status_answered_ms.get(member)
        if lacking and (answered_ms is None or self._now_ms >= answered_ms + ANSWER_INTERVAL_MS):
            self._status_answered_ms[member] = self._now_ms
            self._send(member, Certificates(certificates=lacking))
        proposal = self._round.proposal
        if proposal is None or status.view != view:
            return
        # The leader's proposal may have been lost: whoever has not voted gets it again.
        proposed_ms = self._round.proposed_ms
        resent_ms = self._proposal_resent_ms.get(member, proposed_ms)
        sent_ms = max(proposed_ms, resent_ms, self._fetcher.connected_ms(member))
        voted = self._round.pool.voted(member, view, VOTE_KIND_NOTARIZE, VOTE_KIND_NULLIFY)
        if not voted and self._now_ms >= sent_ms + self._config.status_interval_ms // 2:
            self._proposal_resent_ms[member] = self._now_ms
            self._send(member, proposal)

    def _block_request(self, member: int, request: BlockRequest) -> None:
        _bounded("digests", len(request.digests), DIGESTS_MAX)
        _bounded("blocks", request.count, RANGE_BLOCKS_MAX)
        round_ = self._round
        unfinal: list[CertifiedBlock] = []
        others: list[bytes] = []
        for digest in dict.fromkeys(request.digests):  # a block asked for many times is one block
            block = round_.tree.get(digest)
            if block is None or block is round_.tree.tip or not block.executed:
                others.append(digest)
                continue
            notarization = round_.store.notarized(block.view, digest)
            if notarization is not None:
                finalization = round_.store.finalized(block.view, digest)
                unfinal.append(certified(block, notarization, finalization))
        self._outbox.answers.append(
            ServeBlocks(member, request.id, tuple(unfinal), tuple(others), request.from_height, request.count)
        )

    def _block_response(self, member: int, response: BlockResponse) -> None:
        """Take in blocks that were asked for, each with what certifies it (C4, C6, C9)."""
        _bounded("blocks", len(response.blocks), RANGE_BLOCKS_MAX)
        asked = self._fetcher.answered(member, response, self._now_ms)
        if asked is None:
            return  # late, or never asked: not worth reading
        for certified_block in response.blocks:
            self._certified_block(member, certified_block, asked)

    def _certified_block(self, member: int, message: CertifiedBlock, asked: Asked) -> None:
        block = read_block(message.header, message.body, self._members)
        if not asked.names(block):
            raise Faulty(f"sent a block of height {block.height}, which was not asked for")
        if block.view <= self._round.tree.tip.view:
            return
        notarization = message.notarization
        if notarization.kind != VOTE_KIND_NOTARIZE or (notarization.view, notarization.digest) != (
            block.view,
            block.digest,
        ):
            raise Faulty(f"the block of view {block.view} came without its notarisation")
        check_body(block)
        self._certificate(notarization)
        for certificate in message.nullifications:
            if certificate.kind != VOTE_KIND_NULLIFY or certificate.view >= block.view:
                raise Faulty(f"the block of view {block.view} came with a wrong nullification")
            self._certificate(certificate)
        block.source = member
        self._round.take_certified(block)
        if message.HasField("finalization"):
            finalization = message.finalization
            if finalization.kind != VOTE_KIND_FINALIZE or finalization.digest != block.digest:
                raise Faulty(f"the block of view {block.view} came with another's finalisation")
            self._certificate(finalization)

    def _own_votes(self, member: int, response: OwnVotesResponse) -> None:
        """Learn what we voted before this start (C11)."""
        _bounded("votes", len(response.votes), ITEMS_MAX)
        if not self._guard.asking:
            return
        self._guard.answer(member, response)
        if self._guard.lock:
            self._journal.put_lock(self._guard.lock)
            self._outbox.notices.append(Alarm(ALARM_VOTING_LOCKED, self._guard.lock))
        elif self._guard.voting_allowed:
            self._round.begin_voting(self._now_ms)

    def _send(self, member: int, message: PeerFrameMessage) -> None:
        self._outbox.messages.append(Send(member, message))


def _bounded(what: str, count: int, maximum: int) -> None:
    if count > maximum:
        raise Faulty(f"sent {count} {what} in one message; {maximum} at most")
