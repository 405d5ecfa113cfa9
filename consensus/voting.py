"""The vote guard: the only place where this member's consensus key signs a vote.

Decides whether a vote may be cast at all, looking at every vote cast before, and signs it. It never
decides whether a vote is deserved: `round.py` does. Spec: docs/protocol.md, C2 to C4, C8, C11.

| may vote | only if, in the same view, it has not voted |
| --- | --- |
| notarize | notarize, nullify |
| nullify | nullify, finalize |
| finalize | finalize, nullify |
"""

from collections.abc import Iterable

from ayni.v1.block_pb2 import (
    VOTE_KIND_FINALIZE,
    VOTE_KIND_NOTARIZE,
    VOTE_KIND_NULLIFY,
    Vote,
    VoteKind,
)
from consensus.guard import VoteGuard
from proofs.certificates import EPOCH, KIND_WORDS
from proofs.domains import vote_message
from proofs.signing import SigningKey

EXCLUDED_BY: dict[int, tuple[int, ...]] = {
    VOTE_KIND_NOTARIZE: (VOTE_KIND_NOTARIZE, VOTE_KIND_NULLIFY),
    VOTE_KIND_NULLIFY: (VOTE_KIND_NULLIFY, VOTE_KIND_FINALIZE),
    VOTE_KIND_FINALIZE: (VOTE_KIND_FINALIZE, VOTE_KIND_NULLIFY),
}
"""Kind of vote to the kinds that, cast before in the same view, forbid it."""


class VoteForbidden(Exception):
    """This program was about to contradict itself: our own bug, and the vote was not signed."""


class Ballot:
    """This member's own votes above the last committed block."""

    def __init__(
        self, genesis_hash: bytes, member: int | None, key: SigningKey | None, guard: VoteGuard
    ) -> None:
        self._genesis_hash = genesis_hash
        self._member = member
        self._key = key
        self._guard = guard
        self._votes: dict[int, dict[int, Vote]] = {}
        self._closed_view = 0

    def restore(self, votes: Iterable[Vote], closed_view: int) -> None:
        """Take in the journal's votes; in views up to `closed_view` nothing is ever voted again."""
        self._closed_view = closed_view
        for vote in votes:
            if vote.view > closed_view:
                self._votes.setdefault(vote.view, {})[vote.kind] = vote

    @property
    def is_open(self) -> bool:
        """Whether this member votes at all, now (C11)."""
        return self._guard.voting_allowed

    def may(self, kind: int, view: int) -> bool:
        """Return whether a vote of `kind` may be cast in `view`."""
        if not self._guard.voting_allowed or view <= self._closed_view:
            return False
        cast = self._votes.get(view, {})
        return not any(other in cast for other in EXCLUDED_BY[kind])

    def cast(self, kind: VoteKind, view: int, digest: bytes) -> Vote:
        """Sign a vote. Raises `VoteForbidden` where `may` says no."""
        if not self.may(kind, view) or self._key is None or self._member is None:
            cast = [KIND_WORDS[other] for other in sorted(self._votes.get(view, {}))]
            raise VoteForbidden(f"{KIND_WORDS[kind]} in view {view}, after {cast}")
        message = vote_message(self._genesis_hash, EPOCH, view, kind, digest)
        signature = self._key.sign(message)
        vote = Vote(
            epoch=EPOCH,
            view=view,
            kind=kind,
            digest=digest,
            member=self._member,
            signature=signature,
        )
        self._votes.setdefault(view, {})[kind] = vote
        return vote

    def held(self, kind: int, view: int) -> Vote | None:
        """Return our vote of `kind` in `view`, or None."""
        return self._votes.get(view, {}).get(kind)

    def all(self) -> list[Vote]:
        """Return every own vote above the last committed block, ascending by view and kind."""
        return [self._votes[view][kind] for view in sorted(self._votes) for kind in sorted(self._votes[view])]

    def latest(self, above_view: int) -> list[Vote]:
        """Return our latest vote of each kind in views above `above_view`."""
        latest = {vote.kind: vote for vote in self.all() if vote.view > above_view}
        return [latest[kind] for kind in sorted(latest)]

    def close(self, view: int) -> None:
        """Forget the votes of views up to `view`, which is committed."""
        self._closed_view = max(self._closed_view, view)
        for old in [old for old in self._votes if old <= view]:
            del self._votes[old]
