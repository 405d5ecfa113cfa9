"""Evidence: two votes of one member that no honest member signs both (C8).

Decides what conflicts and whether a file of evidence proves it. An honest member, however its votes are
cut and reordered, never appears guilty. Vectors: tests/vectors/evidence.json.
"""

from ayni.v1.block_pb2 import (
    VOTE_KIND_FINALIZE,
    VOTE_KIND_NOTARIZE,
    VOTE_KIND_NULLIFY,
    Evidence,
    Vote,
)
from proofs.certificates import KIND_WORDS, CertificateInvalid, verify_vote
from proofs.membership import Membership


class EvidenceInvalid(ValueError):
    """The two votes prove nothing against anybody."""


def conflict(first: Vote, second: Vote) -> bool:
    """Return whether no honest member signs both: same member, epoch and view, and as C8 says."""
    if (first.member, first.epoch, first.view) != (second.member, second.epoch, second.view):
        return False
    if first.kind == second.kind:
        return first.kind in (VOTE_KIND_NOTARIZE, VOTE_KIND_FINALIZE) and first.digest != second.digest
    return {first.kind, second.kind} == {VOTE_KIND_NULLIFY, VOTE_KIND_FINALIZE}


def make_evidence(genesis_hash: bytes, first: Vote, second: Vote) -> Evidence:
    """Return the evidence of two conflicting votes, in its one order. Raises `EvidenceInvalid`."""
    if not conflict(first, second):
        raise EvidenceInvalid(_no_conflict(first, second))
    lower, higher = sorted((first, second), key=_order)
    return Evidence(genesis_hash=genesis_hash, first=lower, second=higher)


def verify_evidence(evidence: Evidence, membership: Membership) -> int:
    """Return the index of the member that is proven guilty. Raises `EvidenceInvalid`."""
    if evidence.genesis_hash != membership.genesis_hash:
        raise EvidenceInvalid(
            f"it is of network {evidence.genesis_hash.hex()}, not of {membership.genesis_hash.hex()}"
        )
    first, second = evidence.first, evidence.second
    for name, vote in (("first", first), ("second", second)):
        try:
            verify_vote(vote, membership)
        except CertificateInvalid as error:
            raise EvidenceInvalid(f"{name}: {error}") from None
    if not conflict(first, second):
        raise EvidenceInvalid(_no_conflict(first, second))
    if _order(first) >= _order(second):
        raise EvidenceInvalid("the vote with the lower (kind, digest) comes first")
    return first.member


def _order(vote: Vote) -> tuple[int, bytes]:
    return vote.kind, vote.digest


def _no_conflict(first: Vote, second: Vote) -> str:
    words = [
        f"{KIND_WORDS.get(vote.kind, 'unknown')} by member {vote.member} in view {vote.view}"
        for vote in (first, second)
    ]
    return f"an honest member may sign both: {words[0]}, and {words[1]}"
