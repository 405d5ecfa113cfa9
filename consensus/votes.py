"""The votes of each view: who voted what, when they make a certificate, and who contradicted itself.

Decides validity of votes and certificates (each signature is verified once), assembles certificates of
exactly a quorum, and finds evidence (docs/protocol.md, C8, C9). Never decides what to vote.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from ayni.v1.block_pb2 import Certificate, Evidence, MemberSignature, Vote
from consensus.config import EVIDENCE_MAX, EVIDENCE_VIEWS
from proofs.certificates import KIND_WORDS, CertificateInvalid, verify_vote
from proofs.evidence import conflict, make_evidence
from proofs.membership import Membership


class Received(NamedTuple):
    """What a vote brought."""

    fresh: bool = False
    """It was not known before, and it is valid."""
    certificate: Certificate | None = None
    """The certificate it completes, once."""
    evidence: Evidence | None = None


NOTHING = Received()


@dataclass(slots=True)
class _ViewVotes:
    """Votes of one view, by (kind, member)."""

    verified: dict[tuple[int, int], Vote] = field(default_factory=dict)
    late: dict[tuple[int, int], Vote] = field(default_factory=dict)
    """Not verified, because their certificate is there already."""
    closed: set[tuple[int, bytes]] = field(default_factory=set)
    """(kind, digest) of which there is a certificate."""
    guilty: set[int] = field(default_factory=set)

    def of(self, member: int) -> Iterable[Vote]:
        for kind in KIND_WORDS:
            for votes in (self.verified, self.late):
                vote = votes.get((kind, member))
                if vote is not None:
                    yield vote


class VotePool:
    """All votes held. Each member has one vote of each kind a view; what contradicts it is evidence."""

    def __init__(self, membership: Membership) -> None:
        self._membership = membership
        self._views: dict[int, _ViewVotes] = {}
        self._latest: list[dict[int, Vote]] = [{} for _ in membership.members]
        self._reports = [0] * len(membership.members)

    def receive(self, vote: Vote, *, own: bool = False) -> Received:
        """Take in a vote that came from its member's own stream, or our `own`.

        The caller bounds the views (C12). Raises `CertificateInvalid`.
        """
        if vote.kind not in KIND_WORDS:
            raise CertificateInvalid(f"no vote is of kind {vote.kind}")
        view = self._views.setdefault(vote.view, _ViewVotes())
        key = (vote.kind, vote.member)
        for known in view.of(vote.member):
            if known.kind == vote.kind and known.digest == vote.digest:
                return NOTHING
            if conflict(known, vote):
                return self._contradicted(view, known, vote)
        self._note_latest(vote)
        if (vote.kind, vote.digest) in view.closed:
            view.late[key] = vote
            return NOTHING
        if not own:
            verify_vote(vote, self._membership)
        view.verified[key] = vote
        return Received(fresh=True, certificate=self._assemble(view, vote))

    def verify(self, certificate: Certificate) -> None:
        """Check a certificate: exactly a quorum of valid votes, ascending by member (C9).

        Signatures known from votes are not verified again. Raises `CertificateInvalid`.
        """
        kind = certificate.kind
        if kind not in KIND_WORDS:
            raise CertificateInvalid(f"no certificate is of kind {kind}")
        what = f"the {KIND_WORDS[kind]} certificate of view {certificate.view}"
        if len(certificate.signatures) != self._membership.quorum:
            raise CertificateInvalid(
                f"{what} has {len(certificate.signatures)} signatures; it needs exactly "
                f"{self._membership.quorum}, a quorum of {len(self._membership.members)}"
            )
        members = [signature.member for signature in certificate.signatures]
        if any(left >= right for left, right in pairwise(members)):
            raise CertificateInvalid(f"{what} is not ascending by member, each once: {members}")
        view = self._views.get(certificate.view)
        for vote in _votes_of(certificate):
            # A certificate of another view, kind, digest or epoch holds no vote that is known.
            if view is None or view.verified.get((kind, vote.member)) != vote:
                verify_vote(vote, self._membership)

    def absorb(self, certificate: Certificate) -> list[Evidence]:
        """Take in the votes of a verified certificate; return the evidence they complete."""
        view = self._views.setdefault(certificate.view, _ViewVotes())
        if (certificate.kind, certificate.digest) in view.closed:
            return []  # it was assembled here, from these votes
        view.closed.add((certificate.kind, certificate.digest))
        evidence = []
        for vote in _votes_of(certificate):
            key = (vote.kind, vote.member)
            contradicted = next((known for known in view.of(vote.member) if conflict(known, vote)), None)
            if contradicted is not None:
                found = self._contradicted(view, contradicted, vote).evidence
                if found is not None:
                    evidence.append(found)
            elif key not in view.verified:
                view.late.pop(key, None)
                view.verified[key] = vote
                self._note_latest(vote)
        return evidence

    def voted(self, member: int, view: int, *kinds: int) -> bool:
        """Return whether a vote of one of `kinds` by `member` in `view` is held."""
        votes = self._views.get(view)
        return votes is not None and any((kind, member) in votes.verified for kind in kinds)

    def active(self, view: int) -> bool:
        """Return whether any vote of `view` is held."""
        votes = self._views.get(view)
        return votes is not None and bool(votes.verified)

    def latest(self, member: int) -> list[Vote]:
        """Return the latest vote of each kind by `member` that was seen; a late one is not verified (C11)."""
        return [self._latest[member][kind] for kind in sorted(self._latest[member])]

    def prune(self, final_view: int) -> None:
        """Forget what is too far below the last final view."""
        for view in [view for view in self._views if view <= final_view - EVIDENCE_VIEWS]:
            del self._views[view]

    def _note_latest(self, vote: Vote) -> None:
        latest = self._latest[vote.member]
        known = latest.get(vote.kind)
        if known is None or known.view < vote.view:
            latest[vote.kind] = vote

    def _assemble(self, view: _ViewVotes, vote: Vote) -> Certificate | None:
        """Return the certificate that `vote` completes: exactly a quorum, ascending (C9)."""
        votes = [
            other
            for (kind, _), other in view.verified.items()
            if kind == vote.kind and other.digest == vote.digest
        ]
        if len(votes) < self._membership.quorum:
            return None
        view.closed.add((vote.kind, vote.digest))
        return Certificate(
            epoch=vote.epoch,
            view=vote.view,
            kind=vote.kind,
            digest=vote.digest,
            signatures=[
                MemberSignature(member=other.member, signature=other.signature)
                for other in sorted(votes, key=lambda other: other.member)
            ],
        )

    def _contradicted(self, view: _ViewVotes, known: Vote, vote: Vote) -> Received:
        """Return the evidence of two conflicting votes, once a member and view (C8)."""
        member = vote.member
        if member in view.guilty or self._reports[member] >= EVIDENCE_MAX:
            return NOTHING
        verify_vote(vote, self._membership)
        if (known.kind, member) in view.late:
            verify_vote(known, self._membership)
        view.guilty.add(member)
        self._reports[member] += 1
        return Received(evidence=make_evidence(self._membership.genesis_hash, known, vote))


def _votes_of(certificate: Certificate) -> Iterable[Vote]:
    for signature in certificate.signatures:
        yield Vote(
            epoch=certificate.epoch,
            view=certificate.view,
            kind=certificate.kind,
            digest=certificate.digest,
            member=signature.member,
            signature=signature.signature,
        )
