"""The guard against an old disk: no vote after a start before quorum − 1 peers told what we voted.

A disk that was restored from a copy, or lost what it had synced, does not know votes that went out, and
voting again could contradict them. Decides whether we may vote; never votes. Spec: docs/protocol.md, C11.
"""

from collections.abc import Iterable

from ayni.v1.block_pb2 import Vote
from ayni.v1.peer_service_pb2 import OwnVotesRequest, OwnVotesResponse
from proofs.certificates import KIND_WORDS, CertificateInvalid, verify_vote
from proofs.membership import Membership

REQUEST_ID = 1
"""One question a start; its answers carry this id."""


class VoteGuard:
    """Whether this member may vote, and why not."""

    def __init__(self, membership: Membership, member: int | None) -> None:
        self._membership = membership
        self._member = member
        self._needed = membership.quorum - 1
        self._answered: set[int] = set()
        self._known: set[tuple[int, int, bytes]] = set()
        self._final_view = 0
        self.lock = ""
        """Why voting is locked for good; empty if it is not."""

    def recovered(self, votes: Iterable[Vote], final_view: int, lock: str) -> None:
        """Take what the disk said at the start: own votes above the last final view, and a lock."""
        self._known = {(vote.view, vote.kind, vote.digest) for vote in votes}
        self._final_view = final_view
        self.lock = lock

    @property
    def asking(self) -> bool:
        """Whether answers are still missing."""
        return self._member is not None and not self.lock and len(self._answered) < self._needed

    @property
    def voting_allowed(self) -> bool:
        """Whether this node may cast a vote that is not in its journal yet."""
        return self._member is not None and not self.lock and len(self._answered) >= self._needed

    def question(self, member: int) -> OwnVotesRequest | None:
        """Return what to ask a peer, or None if it has answered or need not."""
        return OwnVotesRequest(id=REQUEST_ID) if self.asking and member not in self._answered else None

    def answer(self, member: int, response: OwnVotesResponse) -> None:
        """Take a peer's answer; `lock` says afterwards whether a vote of ours is missing in our journal.

        What does not carry our signature proves nothing and is passed over.
        """
        if not self.asking or response.id != REQUEST_ID:
            return
        for vote in response.votes:
            if vote.member != self._member or vote.view <= self._final_view:
                continue
            if (vote.view, vote.kind, vote.digest) in self._known:
                continue
            try:
                verify_vote(vote, self._membership)
            except CertificateInvalid:
                continue
            name = self._membership.members[member].name
            self.lock = (
                f"member {member} ({name}) holds our {KIND_WORDS[vote.kind]} vote of view {vote.view}, which "
                "our own journal lacks: this disk is older than what we signed, so this node only observes "
                "and never votes with this key again"
            )
            return
        self._answered.add(member)
