"""Whether each block follows its parent by the rules of consensus, and whether a quorum says so (C1, C9).

Decides over headers and certificates alone; what the body does is re-executed elsewhere. Signatures that
were verified once are not verified again.
"""

from __future__ import annotations

from typing import NamedTuple

from ayni.v1.block_pb2 import (
    VOTE_KIND_FINALIZE,
    VOTE_KIND_NOTARIZE,
    VOTE_KIND_NULLIFY,
    Certificate,
    CertifiedBlock,
    Header,
)
from proofs.certificates import EPOCH, KIND_WORDS, CertificateInvalid, verify_certificate
from proofs.domains import block_digest
from proofs.membership import Membership


class CertifiedInvalid(ValueError):
    """A block is not certified as C9 says; `field` is where."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class Link(NamedTuple):
    """What the next block depends on."""

    digest: bytes
    """Of the block; of height 0: the genesis hash."""
    height: int
    view: int
    time_ms: int
    final: bool
    """Whether the block is directly final, by a certificate in the export."""


def follow(parent: Link, block: CertifiedBlock, header: Header, membership: Membership) -> Link:
    """Return the next link, if `block` may follow `parent`. Raises `CertifiedInvalid`."""
    digest = block_digest(block.header)
    _check_header(parent, header, membership)
    if not block.HasField("notarization"):
        raise CertifiedInvalid("notarization", "it is missing")
    _check(block.notarization, VOTE_KIND_NOTARIZE, header.view, digest, "notarization", membership)
    skipped, count = range(parent.view + 1, header.view), max(0, header.view - parent.view - 1)
    if len(block.nullifications) != count:
        raise CertifiedInvalid(
            "nullifications",
            f"there are {len(block.nullifications)}; the parent is of view {parent.view}, this block of view "
            f"{header.view}, so that {count} views were skipped and each needs one",
        )
    for position, (view, nullification) in enumerate(zip(skipped, block.nullifications, strict=True)):
        name = f"nullifications[{position}]"
        _check(nullification, VOTE_KIND_NULLIFY, view, b"", name, membership)
    final = block.HasField("finalization")
    if final:
        _check(block.finalization, VOTE_KIND_FINALIZE, header.view, digest, "finalization", membership)
    return Link(digest, header.height, header.view, header.time_ms, final)


def signatures_in(block: CertifiedBlock) -> int:
    """Return how many votes a block's certificates hold."""
    certificates = [block.notarization, block.finalization, *block.nullifications]
    return sum(len(certificate.signatures) for certificate in certificates)


def _check_header(parent: Link, header: Header, membership: Membership) -> None:
    leader = header.view % len(membership.members)
    checks = [
        ("parent", header.parent == parent.digest, f"it is not {parent.digest.hex()}, the block before"),
        ("height", header.height == parent.height + 1, f"it is {header.height} after {parent.height}"),
        ("epoch", header.epoch == EPOCH, f"it is {header.epoch}; there is only epoch {EPOCH}"),
        ("view", header.view > parent.view, f"it is {header.view}, not above the parent's {parent.view}"),
        ("leader", header.leader == leader, f"it is {header.leader}; of view {header.view} it is {leader}"),
        (
            "time_ms",
            header.time_ms > parent.time_ms,
            f"it is {header.time_ms}, not above the parent's {parent.time_ms}",
        ),
    ]
    for field, holds, reason in checks:
        if not holds:
            raise CertifiedInvalid(f"header.{field}", reason)


def _check(
    certificate: Certificate, kind: int, view: int, digest: bytes, field: str, membership: Membership
) -> None:
    if certificate.kind != kind:
        found = KIND_WORDS.get(certificate.kind, "no kind")
        raise CertifiedInvalid(f"{field}.kind", f"it is {found}, not {KIND_WORDS[kind]}")
    if certificate.view != view:
        raise CertifiedInvalid(f"{field}.view", f"it is {certificate.view}, not {view}")
    if certificate.digest != digest:
        raise CertifiedInvalid(f"{field}.digest", f"it is {certificate.digest.hex()}, not {digest.hex()}")
    try:
        verify_certificate(certificate, membership)
    except CertificateInvalid as error:
        raise CertifiedInvalid(field, str(error)) from None
