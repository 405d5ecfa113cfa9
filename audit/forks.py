"""Two exports of one network: whether one continues the other, and if neither does, who is guilty.

Decides where two histories part and which votes in their certificates no honest member signs both (C8).
Verifies both exports whole first; never names anybody but by evidence that stands alone. Two verified
exports that part prove at least 2 × quorum − n members guilty: why is C13 of docs/protocol.md, and what it
needs is what C9 has exported. When an export does not verify, the evidence in it is still given, for what
was signed was signed; whether the histories part is then not said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from google.protobuf.message import DecodeError

from audit import archive
from audit.archive import GENESIS, HISTORY, Frames
from audit.findings import AuditStopped, Finding, Report
from audit.verify import Progress, verify_export
from ayni.v1.block_pb2 import Certificate, CertifiedBlock, Evidence, EvidenceList, Header, Vote
from ledger.genesis import Founding, GenesisInvalid, read_genesis
from proofs.domains import block_digest
from proofs.evidence import EvidenceInvalid, conflict, make_evidence, verify_evidence
from proofs.membership import Membership

Announce = Callable[[Path], Progress]
"""Called before an export is verified; returns what is called with its progress."""


class NotComparable(ValueError):
    """The two are no exports of one network; the message says why."""


class GenesisUnreadable(NotComparable):
    """The genesis of neither can be read, and none is trusted; the message says why of each."""


@dataclass(frozen=True, slots=True)
class Parting:
    """The first height at which two verified histories hold different blocks."""

    height: int
    digests: tuple[bytes, bytes]
    views: tuple[int, int]


@dataclass(slots=True)
class Comparison:
    """What two exports say of one another."""

    reports: tuple[Report, Report]
    membership: Membership | None
    """None when the genesis of neither export is the trusted one; then nothing was compared."""
    unread: tuple[Finding | None, Finding | None] = (None, None)
    """Why the genesis of each cannot be read, if it cannot; then nothing in that export is verified."""
    agreed: int = 0
    """Up to this height both hold the same blocks, verified in both."""
    parting: Parting | None = None
    """Where they part, when both verify and neither is the beginning of the other."""
    evidence: list[Evidence] = field(default_factory=list)
    """One against each member that is proven guilty, ascending by member."""

    @property
    def ok(self) -> bool:
        """Whether both verify and one is the beginning of the other."""
        return self.parting is None and all(report.ok for report in self.reports)

    @property
    def evidence_bytes(self) -> bytes:
        """The file of evidence, as `verify_evidence_file` reads it: canonical."""
        return EvidenceList(evidence=self.evidence).SerializeToString(deterministic=True)


def compare_exports(
    first: Path, second: Path, genesis_hash: bytes | None = None, announce: Announce | None = None
) -> Comparison:
    """Verify two exports and compare them.

    `genesis_hash`: the one that is trusted; without it, the one that both say they are of, or the one of
    which the genesis can be read. Raises `NotComparable`.
    """
    read = (_founding(first), _founding(second))
    foundings = [each for each in read if isinstance(each, Founding)]
    unread = tuple(each if isinstance(each, Finding) else None for each in read)
    if len({founding.hash for founding in foundings}) > 1:
        raise NotComparable(
            f"{first} is of network {foundings[0].hash.hex()}, {second} of {foundings[1].hash.hex()}"
        )
    if genesis_hash is None:
        if not foundings:
            raise GenesisUnreadable(f"{first}, {unread[0]}; {second}, {unread[1]}")
        genesis_hash = foundings[0].hash
    verified: list[Report] = []
    for directory in (first, second):
        progress = announce(directory) if announce is not None else None
        verified.append(verify_export(directory, genesis_hash, progress))
    trusted = [founding.membership for founding in foundings if founding.hash == genesis_hash]
    comparison = Comparison(
        (verified[0], verified[1]), trusted[0] if trusted else None, (unread[0], unread[1])
    )
    if trusted:
        _walk(comparison, trusted[0], first, second)
    return comparison


def _founding(directory: Path) -> Founding | Finding:
    """The genesis of an export, or why it cannot be read."""
    try:
        return read_genesis(archive.read_file(directory, GENESIS, archive.GENESIS_BYTES_MAX))
    except AuditStopped as stopped:
        return stopped.finding
    except GenesisInvalid as error:
        return Finding(GENESIS, str(error))


def _walk(comparison: Comparison, membership: Membership, first: Path, second: Path) -> None:
    """Go along both as long as they are the same; where they part, look for who signed both."""
    ours, theirs = (
        _blocks(directory, report)
        for directory, report in zip((first, second), comparison.reports, strict=True)
    )
    verified = min(report.blocks for report in comparison.reports)
    for one in ours:
        other = next(theirs, None)
        if other is None:
            return
        if one.header != other.header:
            break
        comparison.agreed = min(comparison.agreed + 1, verified)
    else:
        return
    if all(report.ok for report in comparison.reports):
        comparison.parting = Parting(
            comparison.agreed + 1,
            (block_digest(one.header), block_digest(other.header)),
            (Header.FromString(one.header).view, Header.FromString(other.header).view),
        )
    guilty = _guilty(_by_view(chain([one], ours)), _by_view(chain([other], theirs)), membership)
    comparison.evidence = [guilty[member] for member in sorted(guilty)]


def _blocks(directory: Path, report: Report) -> Iterator[CertifiedBlock]:
    """The blocks that were verified, and when one was not, that one too as far as it can be read."""
    count = report.blocks if report.ok else report.blocks + 1
    try:
        size = (directory / HISTORY).stat().st_size
        with archive.open_regular(directory / HISTORY) as stream:
            frames = iter(Frames(stream, size))
            next(frames, None)  # the head
            for _ in range(count):
                frame = next(frames, None)
                if frame is None:
                    return
                block = CertifiedBlock.FromString(frame)
                Header.FromString(block.header)
                yield block
    except (OSError, AuditStopped, DecodeError):
        return  # the report has said so


View = tuple[int, list[Certificate]]


def _by_view(blocks: Iterable[CertifiedBlock]) -> Iterator[View]:
    """The certificates of each view, ascending by view (C9: in a verified export none is without)."""
    for block in blocks:
        for nullification in block.nullifications:
            yield nullification.view, [nullification]
        certificates = [block.notarization]
        if block.HasField("finalization"):
            certificates.append(block.finalization)
        yield block.notarization.view, certificates


def _guilty(ours: Iterator[View], theirs: Iterator[View], membership: Membership) -> dict[int, Evidence]:
    """C13: evidence by member, from the views of which both exports have certificates."""
    guilty: dict[int, Evidence] = {}
    one, other = next(ours, None), next(theirs, None)
    while one is not None and other is not None:
        if one[0] < other[0]:
            one = next(ours, None)
        elif one[0] > other[0]:
            other = next(theirs, None)
        else:
            for first in one[1]:
                for second in other[1]:
                    _compare_signers(first, second, guilty, membership)
            one, other = next(ours, None), next(theirs, None)
    return guilty


def _compare_signers(
    first: Certificate, second: Certificate, guilty: dict[int, Evidence], membership: Membership
) -> None:
    """Add who signed both, if no honest member does (C8)."""
    signed = {each.member: each.signature for each in second.signatures}
    for each in first.signatures:
        if each.member in guilty or each.member not in signed:
            continue
        votes = (
            _vote(first, each.member, each.signature),
            _vote(second, each.member, signed[each.member]),
        )
        if not conflict(*votes):
            return
        try:
            evidence = make_evidence(membership.genesis_hash, *votes)
            guilty[verify_evidence(evidence, membership)] = evidence
        except EvidenceInvalid:
            continue  # of a block that was not verified: it proves nothing


def _vote(certificate: Certificate, member: int, signature: bytes) -> Vote:
    return Vote(
        epoch=certificate.epoch,
        view=certificate.view,
        kind=certificate.kind,
        digest=certificate.digest,
        member=member,
        signature=signature,
    )
