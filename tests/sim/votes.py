"""What members signed: no honest one contradicts itself, and whoever does is found out; nobody else is.

Looks at frames as they leave, at what each machine took in, and at the evidence on the disks. Spec:
docs/protocol.md C2 to C4, C7, C8, C11.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from ayni.v1 import peer_service_pb2 as pb
from ayni.v1.block_pb2 import (
    VOTE_KIND_FINALIZE,
    VOTE_KIND_NOTARIZE,
    VOTE_KIND_NULLIFY,
    Evidence,
    Header,
    Proposal,
    Vote,
)
from consensus.events import PeerMessage
from consensus.journal import BLOCK, VOTE
from node.store import EVIDENCE, JOURNAL
from proofs.certificates import CertificateInvalid, verify_vote
from proofs.domains import block_digest
from proofs.evidence import EvidenceInvalid, verify_evidence
from proofs.membership import Membership
from tests.sim.certificates import Certificates, NotCertified
from tests.sim.cluster import Host
from tests.sim.truth import Violation

KEPT_SECONDS = 0.5
"""Evidence found so shortly before a crash need not be on the disk."""

FORBIDDEN_AFTER = {
    VOTE_KIND_NOTARIZE: (VOTE_KIND_NULLIFY,),
    VOTE_KIND_NULLIFY: (VOTE_KIND_FINALIZE,),
    VOTE_KIND_FINALIZE: (VOTE_KIND_NULLIFY,),
}
"""Kind of vote to the kinds that, cast before in the same view, forbid it (C2 to C4)."""

WITH_VOTES = ("votes", "status", "proposal")
"""The frames of consensus that carry votes of their sender."""

VoteId = tuple[int, int, int, bytes]


def identity(vote: Vote) -> VoteId:
    """Member, view, kind and digest."""
    return vote.member, vote.view, vote.kind, vote.digest


def conflict(first: Vote, second: Vote) -> bool:
    """Whether one member's two votes in one view contradict each other (C8)."""
    if first.kind == second.kind:
        return first.kind != VOTE_KIND_NULLIFY and first.digest != second.digest
    return {first.kind, second.kind} == {VOTE_KIND_NULLIFY, VOTE_KIND_FINALIZE}


def votes_in(message: object, sender: int) -> list[Vote]:
    """The sender's own votes in a message of consensus; a proposal is its leader's notarize vote (C1)."""
    if isinstance(message, pb.Votes):
        return message.votes[:]
    if isinstance(message, pb.Status):
        return message.own_latest[:]
    if isinstance(message, Proposal):
        view = Header.FromString(message.header).view
        digest = block_digest(message.header)
        signature = message.signature
        return [Vote(view=view, kind=VOTE_KIND_NOTARIZE, digest=digest, member=sender, signature=signature)]
    return []


class Votes:
    """Every vote that was seen."""

    def __init__(self, membership: Membership, certificates: Certificates) -> None:
        self._certificates = certificates
        self._membership = membership
        self._quorum = membership.quorum
        self._sent: dict[tuple[int, int], list[Vote]] = defaultdict(list)
        """Of members that keep their promises: (member, view) to votes."""
        self._held: dict[int, dict[tuple[int, int], list[Vote]]] = defaultdict(lambda: defaultdict(list))
        """Host to the votes that its machine took in during this life, by (member, view)."""
        self._view: dict[int, int] = {}
        self._due: dict[int, list[tuple[int, float]]] = defaultdict(list)
        """Member to (host, when) where two of its votes met."""
        self._lives: Counter[int] = Counter()
        self._lost: dict[int, list[tuple[Vote, frozenset[tuple[int, int]]]]] = {}
        """Rolled-back member to the votes that its disk lost, each with who held it: (host, its life)."""
        self._final_at_start: dict[int, int] = {}
        """Host to the last view that was final on its disk when it started."""
        self.equivocations = 0

    def booted(self, host: Host) -> None:
        """A node is about to run from its disk."""
        assert host.node is not None
        self._final_at_start[host.index] = host.node.machine._round.store.final_view

    def sent(self, host: Host, frame: pb.PeerFrame) -> None:
        """A frame leaves an honest node. Raises Violation."""
        field = frame.WhichOneof("frame")
        for vote in votes_in(getattr(frame, field), host.member) if field else ():
            known = self._sent[vote.member, vote.view]
            if any(identity(vote) == identity(each) for each in known):
                self._check_durable(host, vote)
                continue
            if host.is_rolled_back:
                self._check_locked(host, vote)
            else:
                for other in known:
                    if conflict(other, vote):
                        raise Violation(f"{host.name} signed both {_shown(other)} and {_shown(vote)}")
            self._check_durable(host, vote)
            try:
                self._certificates.check_vote(vote)
            except NotCertified as error:
                raise Violation(f"{host.name} sends what it did not sign for this network: {error}") from None
            known.append(vote)

    def wrote(self, host: Host, operations: list[tuple[bytes, bytes | None]]) -> None:
        """An honest node's votes, in the order in which it cast them. Raises Violation."""
        for key, value in operations:
            if value is None or key[:2] != JOURNAL + VOTE:
                continue
            for kind in FORBIDDEN_AFTER[key[10]]:  # type: ignore[index]  # the kinds are its keys
                before = host.disk.rows.get(key[:10] + kind.to_bytes(1))
                if before is not None and before not in (value for _, value in operations):
                    vote, earlier = Vote.FromString(value), Vote.FromString(before)
                    raise Violation(f"{host.name} votes {_shown(vote)} after {_shown(earlier)}")

    def blames(self, host: Host, operations: list[tuple[bytes, bytes | None]], honest: set[int]) -> None:
        """An honest node keeps evidence: it is true, and not against honest members. Raises Violation."""
        for key, value in operations:
            if key[:1] != EVIDENCE or value is None:
                continue
            evidence = Evidence.FromString(value)
            try:
                member = verify_evidence(evidence, self._membership)
            except EvidenceInvalid as error:
                raise Violation(f"{host.name} holds evidence that proves nothing: {error}") from None
            if member in honest:
                raise Violation(
                    f"{host.name} holds evidence against member {member}, which is honest: "
                    f"{_shown(evidence.first)} and {_shown(evidence.second)}"
                )

    def _check_durable(self, host: Host, vote: Vote) -> None:
        """C7: what leaves is on the disk."""
        row = JOURNAL + VOTE + vote.view.to_bytes(8) + vote.kind.to_bytes(1)
        wanted = [row]
        if vote.kind == VOTE_KIND_NOTARIZE:
            wanted.append(JOURNAL + BLOCK + vote.view.to_bytes(8) + vote.digest)
        unsynced = {key for batch in host.disk.unsynced for key, _, _ in batch}
        for key in wanted:
            if key not in host.disk.rows or key in unsynced:
                raise Violation(f"{host.name} sends {_shown(vote)} and {key!r} is not on its disk")

    def _check_locked(self, host: Host, vote: Vote) -> None:
        """C11: an old disk does not vote while enough peers hold what it lost, above what was final to it."""
        for lost, holders in self._lost.get(host.member, ()):
            if lost.view <= self._final_at_start[host.index]:
                continue
            still = [index for index, life in holders if self._lives[index] == life]
            if len(still) > len(self._membership.members) - self._quorum:
                raise Violation(
                    f"{host.name}, on an old disk, votes {_shown(vote)} though {len(still)} peers hold its "
                    f"{_shown(lost)}, which that disk lost"
                )

    def rolled_back(self, host: Host, final_view: int, peers: Iterable[Host]) -> None:
        """A host is about to start from an older disk, whose last final view is given."""
        lost = []
        for (member, view), votes in self._sent.items():
            for vote in votes if member == host.member and view > final_view else ():
                if JOURNAL + VOTE + vote.view.to_bytes(8) + vote.kind.to_bytes(1) in host.disk.rows:
                    continue
                holders = frozenset(
                    (peer.index, self._lives[peer.index])
                    for peer in peers
                    if peer.is_honest and self._holds(peer, vote)
                )
                lost.append((vote, holders))
        self._lost[host.member] = lost

    def _holds(self, host: Host, vote: Vote) -> bool:
        held = self._held[host.index][vote.member, vote.view]
        return any(identity(each) == identity(vote) for each in held)

    def went_down(self, host: Host, now: float) -> None:
        """A life is over, with what it held in memory."""
        self._lives[host.index] += 1
        self._held.pop(host.index, None)
        self._view.pop(host.index, None)
        for times in self._due.values():
            times[:] = [(index, at) for index, at in times if index != host.index or now - at > KEPT_SECONDS]

    def stepped(self, host: Host, event: PeerMessage, faulted: bool, now: float) -> None:
        """An honest machine took a message in."""
        assert host.node is not None
        before = self._view.get(host.index, 0)
        self._view[host.index] = host.node.machine.view
        if faulted:
            return
        final_view = host.node.machine._round.store.final_view
        for vote in votes_in(event.message, event.member):
            if not final_view < vote.view <= before or vote.member != event.member:
                continue
            held = self._held[host.index][vote.member, vote.view]
            if any(identity(vote) == identity(each) for each in held):
                continue
            try:
                verify_vote(vote, self._membership)
            except CertificateInvalid:
                continue
            if any(conflict(vote, other) for other in held):
                self.equivocations += 1
                self._due[vote.member].append((host.index, now))
            held.append(vote)

    def check_evidence(self, hosts: list[Host], honest_members: set[int]) -> int:
        """At the end: none against the honest, some against every equivocator. Raises Violation."""
        guilty = set()
        for host in hosts:
            for key, row in host.disk.rows.items():
                if key[:1] != EVIDENCE:
                    continue
                evidence = Evidence.FromString(row)
                member = verify_evidence(evidence, self._membership)
                guilty.add(member)
                if member in honest_members:
                    raise Violation(
                        f"{host.name} holds evidence against member {member}, which is honest: "
                        f"{_shown(evidence.first)} and {_shown(evidence.second)}"
                    )
        honest = {host.index for host in hosts}
        for member, times in self._due.items():
            if member not in guilty and any(index in honest for index, _ in times):
                raise Violation(f"member {member} contradicted itself before {times}, and nobody kept proof")
        return len(guilty)


def _shown(vote: Vote) -> str:
    kind = {1: "notarize", 2: "nullify", 3: "finalize"}.get(vote.kind, "?")
    return f"{kind} {vote.digest.hex()[:8]} of member {vote.member} in view {vote.view}"
