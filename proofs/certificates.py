"""Votes and certificates: whether a member really voted, and whether a quorum did.

Decides form and signatures (docs/protocol.md, C and C9); never decides what a certificate is good for:
consensus and the auditor do. Vectors: tests/vectors/certificates.json.
"""

from itertools import pairwise

from ayni.v1.block_pb2 import (
    VOTE_KIND_FINALIZE,
    VOTE_KIND_NOTARIZE,
    VOTE_KIND_NULLIFY,
    Certificate,
    Vote,
)
from proofs.domains import HASH_BYTES, vote_message
from proofs.membership import Membership
from proofs.signing import SignatureInvalid, verify

EPOCH = 0
"""The only epoch there is for now: the membership is the genesis'."""

KIND_WORDS: dict[int, str] = {
    VOTE_KIND_NOTARIZE: "notarize",
    VOTE_KIND_NULLIFY: "nullify",
    VOTE_KIND_FINALIZE: "finalize",
}


class CertificateInvalid(ValueError):
    """A vote or a certificate does not prove what it says."""


def verify_vote(vote: Vote, membership: Membership) -> None:
    """Check a vote's form and signature. Raises `CertificateInvalid`."""
    _check_subject(vote.epoch, vote.view, vote.kind, vote.digest)
    message = vote_message(membership.genesis_hash, vote.epoch, vote.view, vote.kind, vote.digest)
    _check_signature(vote.member, vote.signature, message, membership)


def verify_certificate(certificate: Certificate, membership: Membership) -> None:
    """Check a certificate: exactly a quorum of valid votes, ascending by member (C9).

    Raises `CertificateInvalid`.
    """
    kind, view = certificate.kind, certificate.view
    _check_subject(certificate.epoch, view, kind, certificate.digest)
    what = f"the {KIND_WORDS[kind]} certificate of view {view}"
    if len(certificate.signatures) != membership.quorum:
        raise CertificateInvalid(
            f"{what} has {len(certificate.signatures)} signatures; "
            f"it needs exactly {membership.quorum}, a quorum of {len(membership.members)}"
        )
    members = [signature.member for signature in certificate.signatures]
    if any(left >= right for left, right in pairwise(members)):
        raise CertificateInvalid(f"{what} is not ascending by member, each once: {members}")
    message = vote_message(membership.genesis_hash, certificate.epoch, view, kind, certificate.digest)
    for signature in certificate.signatures:
        _check_signature(signature.member, signature.signature, message, membership)


def _check_subject(epoch: int, view: int, kind: int, digest: bytes) -> None:
    if kind not in KIND_WORDS:
        raise CertificateInvalid(f"no vote is of kind {kind}")
    if epoch != EPOCH:
        raise CertificateInvalid(f"the vote is of epoch {epoch}; there is only epoch {EPOCH}")
    if view < 1:
        raise CertificateInvalid("views are counted from 1")
    length = 0 if kind == VOTE_KIND_NULLIFY else HASH_BYTES
    if len(digest) != length:
        raise CertificateInvalid(
            f"the digest of a {KIND_WORDS[kind]} vote has {length} bytes, not {len(digest)}"
        )


def _check_signature(member: int, signature: bytes, message: bytes, membership: Membership) -> None:
    if not 0 <= member < len(membership.members):
        raise CertificateInvalid(f"there is no member {member}; there are {len(membership.members)}")
    try:
        verify(membership.members[member].consensus_key, message, signature)
    except SignatureInvalid:
        name = membership.members[member].name
        raise CertificateInvalid(f"the signature of member {member} ({name}) does not verify") from None
