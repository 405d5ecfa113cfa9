"""What a signature signs and what makes a certificate, told again from the documents and not by production.

Spec: docs/encoding.md ("Domain tags": a vote), docs/protocol.md C and C9. Only Ed25519 is production's.
"""

from __future__ import annotations

from hashlib import sha256

from ayni.v1.block_pb2 import Certificate, CertifiedBlock, Header, Vote
from proofs.signing import SignatureInvalid, verify
from tests.sim.founding import Founded

KINDS = {1: "notarize", 2: "nullify", 3: "finalize"}


class NotCertified(Exception):
    """A signature or a certificate is not what the documents say."""


class Certificates:
    """Judges votes and certificates of one network."""

    def __init__(self, founded: Founded) -> None:
        signed = founded.founding.signed
        self._genesis_hash = sha256(b"ayni/v1/genesis\0" + signed.body).digest()
        self._keys = [each.consensus_key for each in founded.founding.genesis.federations]
        members = len(self._keys)
        self._kept: set[tuple[bytes, int]] = set()
        """(row, view of the parent) that was judged and is as it must be: many nodes keep the same."""
        self.quorum = next(votes for votes in range(members + 1) if 3 * votes > 2 * members)
        """The fewest votes of which any two lots have an honest member in common: more than two thirds."""

    def check_vote(self, vote: Vote) -> None:
        """Raises NotCertified unless the member signed it, for this network."""
        digest = bytes(32) if vote.kind == 2 else vote.digest
        message = b"ayni/v1/vote\0" + self._genesis_hash + bytes(8) + vote.view.to_bytes(8)
        try:
            verify(self._keys[vote.member], message + bytes([vote.kind]) + digest, vote.signature)
        except SignatureInvalid:
            what = f"{KINDS.get(vote.kind, '?')} of view {vote.view}"
            raise NotCertified(f"the signature of member {vote.member} does not verify: {what}") from None

    def check_kept(self, row: CertifiedBlock, data: bytes, digest: bytes, parent_view: int) -> None:
        """Raises NotCertified unless a block is kept with all that C9 asks for; `data`: the row's bytes."""
        if (data, parent_view) in self._kept:
            return
        known = CertifiedBlock.FromString(data)
        known.DiscardUnknownFields()  # type: ignore[no-untyped-call, unused-ignore]  # stub without types
        if known.SerializeToString(deterministic=True) != data:
            raise NotCertified("its row has what the protocol does not know, or not in the one form there is")
        self._check_kept(row, digest, parent_view)
        self._kept.add((data, parent_view))

    def _check_kept(self, row: CertifiedBlock, digest: bytes, parent_view: int) -> None:
        view = Header.FromString(row.header).view
        self._check(row.notarization, 1, view, digest)
        if row.HasField("finalization"):
            self._check(row.finalization, 3, view, digest)
        views = [each.view for each in row.nullifications]
        if views != list(range(parent_view + 1, view)):
            raise NotCertified(
                f"the parent is of view {parent_view} and the block of view {view}: each view between needs "
                f"a nullification, and there are those of {views}"
            )
        for each in row.nullifications:
            self._check(each, 2, each.view, b"")

    def _check(self, certificate: Certificate, kind: int, view: int, digest: bytes) -> None:
        name = f"the {KINDS[kind]} certificate of view {view}"
        if (certificate.kind, certificate.view, certificate.digest) != (kind, view, digest):
            raise NotCertified(f"{name} is of kind {certificate.kind} and view {certificate.view}")
        if certificate.epoch != 0:
            raise NotCertified(f"{name} is of epoch {certificate.epoch}")
        signers = [signature.member for signature in certificate.signatures]
        if signers != sorted(set(signers)) or len(signers) != self.quorum:
            raise NotCertified(f"{name} is signed by {signers}, not by {self.quorum} members, ascending")
        for signature in certificate.signatures:
            self.check_vote(
                Vote(kind=certificate.kind, view=view, digest=digest, member=signature.member,
                     signature=signature.signature)
            )  # fmt: skip
