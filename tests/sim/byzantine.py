"""Members that lie: what they send instead of what the protocol says.

A liar runs the production node; a strategy rewrites its frames on their way out, with the member's own key at
hand. Twins are two production nodes with one key. To add a strategy: a function of this shape, and its row.
"""

from __future__ import annotations

import random
from typing import Any

from ayni.v1 import peer_service_pb2 as pb
from ayni.v1.block_pb2 import (
    VOTE_KIND_FINALIZE,
    VOTE_KIND_NOTARIZE,
    VOTE_KIND_NULLIFY,
    Certificate,
    CertifiedBlock,
    Header,
    Proposal,
    Vote,
)
from proofs.domains import block_digest
from tests.sim.absurd import absurd
from tests.sim.cluster import Cluster, SimulatedNode
from tests.sim.liar import Liar, Strategy
from tests.sim.scenes import split

TWINS = "twins"
TWINS_SWAP_SECONDS = 1.5


def equivocating_leader(liar: Liar, node: SimulatedNode, member: int, frame: pb.PeerFrame) -> list[Any]:
    """Proposes one block to some and another to the rest, and votes for both."""
    if frame.WhichOneof("frame") != "proposal":
        return double_voter(liar, node, member, frame) if frame.WhichOneof("frame") == "votes" else [frame]
    if not liar.is_other_half(member):
        return [frame]
    digest = block_digest(frame.proposal.header)
    if digest not in liar.others:
        liar.others[digest] = _second_block(liar, node, frame.proposal)
    second = pb.PeerFrame(proposal=liar.others[digest])
    return [second, frame] if liar.chance.random() < 0.3 else [second]


def _second_block(liar: Liar, node: SimulatedNode, proposal: Proposal) -> Proposal:
    """Another block for the same place: empty, a millisecond later."""
    header = Header.FromString(proposal.header)
    chain = node.parts.chain
    if not chain.knows(header.parent):
        return proposal
    block, _ = chain.build(
        header.parent, [], epoch=0, view=header.view, leader=liar.member, time_ms=header.time_ms + 1
    )
    second = Proposal()
    second.CopyFrom(proposal)
    second.header, second.body = block.header_bytes, block.body
    second.signature = liar.vote(VOTE_KIND_NOTARIZE, header.view, block.digest).signature
    return second


def skipper(liar: Liar, node: SimulatedNode, member: int, frame: pb.PeerFrame) -> list[Any]:
    """Leads from an older block than it may: passes over a view that nobody nullified."""
    if frame.WhichOneof("frame") != "proposal":
        return [frame]
    digest = block_digest(frame.proposal.header)
    if digest not in liar.others:
        liar.others[digest] = _block_on_the_final_one(liar, node, frame.proposal)
    return [pb.PeerFrame(proposal=liar.others[digest])]


def _block_on_the_final_one(liar: Liar, node: SimulatedNode, proposal: Proposal) -> Proposal:
    """A block of the same view on the last final one, with the nullifications that there are."""
    header = Header.FromString(proposal.header)
    round_, chain = node.machine._round, node.parts.chain
    tip = round_.tree.tip
    notarization = round_.store.notarized(tip.view, tip.digest)
    if header.parent == tip.digest or notarization is None or chain.tip.digest != tip.digest:
        return proposal
    block, _ = chain.build(
        tip.digest, [], epoch=0, view=header.view, leader=liar.member, time_ms=header.time_ms + 1
    )
    views = range(tip.view + 1, header.view)
    nullifications = [each for view in views if (each := round_.store.nullifications.get(view)) is not None]
    return Proposal(
        header=block.header_bytes,
        body=block.body,
        signature=liar.vote(VOTE_KIND_NOTARIZE, header.view, block.digest).signature,
        parent_notarization=notarization,
        nullifications=nullifications,
    )


def double_voter(liar: Liar, node: SimulatedNode, member: int, frame: pb.PeerFrame) -> list[Any]:
    """Says the opposite too, to half of the members, or to everyone."""
    if frame.WhichOneof("frame") != "votes" or not frame.votes.votes:
        return [frame]
    contrary = [_contrary(liar, vote) for vote in frame.votes.votes]
    if liar.chance.random() < 0.3:
        return [frame, pb.PeerFrame(votes=pb.Votes(votes=contrary))]
    return [pb.PeerFrame(votes=pb.Votes(votes=contrary))] if liar.is_other_half(member) else [frame]


def _contrary(liar: Liar, vote: Vote) -> Vote:
    seconds = [block_digest(each.header) for each in liar.others.values()
               if Header.FromString(each.header).view == vote.view]  # fmt: skip
    digest = seconds[0] if seconds else bytes([vote.view % 251]) * 32
    match vote.kind:
        case 1:
            return liar.vote(VOTE_KIND_NOTARIZE, vote.view, digest)
        case 2:
            return liar.vote(VOTE_KIND_FINALIZE, vote.view, digest)
        case _:
            if liar.chance.random() < 0.5:
                return liar.vote(VOTE_KIND_NULLIFY, vote.view, b"")
            return liar.vote(VOTE_KIND_FINALIZE, vote.view, digest)


def withholder(liar: Liar, node: SimulatedNode, member: int, frame: pb.PeerFrame) -> list[Any]:
    """Keeps some kinds of messages from some members."""
    field = frame.WhichOneof("frame")
    is_wanted = field in ("proposal", "votes", "block_response", "certificates", "transactions")
    return [] if is_wanted and liar.chance.random() < 0.6 else [frame]


def hoarder(liar: Liar, node: SimulatedNode, member: int, frame: pb.PeerFrame) -> list[Any]:
    """Keeps certificates and votes, and lets them go many views later."""
    field = frame.WhichOneof("frame")
    if field in ("certificates", "votes", "proposal") and liar.chance.random() < 0.5:
        liar.kept = [*liar.kept[-200:], frame.SerializeToString()]
        return []
    if field == "status":
        frame.status.ClearField("finalization")
        frame.status.ClearField("highest")
    if liar.kept and liar.chance.random() < 0.1:
        some = liar.chance.sample(liar.kept, min(len(liar.kept), 8))
        return [frame, *some]
    return [frame]


def liar_about_history(liar: Liar, node: SimulatedNode, member: int, frame: pb.PeerFrame) -> list[Any]:
    """Answers whoever catches up with blocks that are not right, and claims heights that are not there."""
    field = frame.WhichOneof("frame")
    if field == "status":
        frame.status.height += liar.chance.choice([0, 1, 1_000, 1 << 40])
    if field == "certificates" and liar.chance.random() < 0.3:
        certificate = liar.chance.choice(frame.certificates.certificates)
        if liar.chance.random() < 0.5:
            certificate.epoch += 1
        else:
            _repeat_a_signer(certificate)
    if field == "own_votes_response":
        del frame.own_votes_response.votes[:]
    if field == "block_response" and frame.block_response.blocks:
        blocks = frame.block_response.blocks
        block = liar.chance.choice(blocks)
        match liar.chance.randrange(7):
            case 0:
                block.body += b"\x0a\x03abc"
            case 1:
                header = Header.FromString(block.header)
                header.state_root = bytes(32)
                block.header = header.SerializeToString(deterministic=True)
            case 2:
                _repeat_a_signer(block.notarization)
            case 3:
                block.ClearField("nullifications")
            case 4:
                block.notarization.epoch += 1
            case 5:
                _tell_another_time(block)
            case _:
                del blocks[:]
    return [frame]


def _tell_another_time(block: CertifiedBlock) -> None:
    """A block as good as the true one, certified by the same signatures, which are of the true one."""
    header = Header.FromString(block.header)
    header.time_ms += 1
    block.header = header.SerializeToString(deterministic=True)
    digest = block_digest(block.header)
    block.notarization.digest = digest
    if block.HasField("finalization"):
        block.finalization.digest = digest


def _repeat_a_signer(certificate: Certificate) -> None:
    if certificate.signatures:
        first = certificate.signatures[0]
        for signature in certificate.signatures[1:]:
            signature.CopyFrom(first)


def forger(liar: Liar, node: SimulatedNode, member: int, frame: pb.PeerFrame) -> list[Any]:
    """Makes certificates of its own signature, of another epoch, or of too few."""
    view = node.machine.view
    if frame.WhichOneof("frame") not in ("status", "votes") or liar.chance.random() < 0.7:
        return [frame]
    kind = liar.chance.choice([VOTE_KIND_NOTARIZE, VOTE_KIND_NULLIFY, VOTE_KIND_FINALIZE])
    digest = b"" if kind == VOTE_KIND_NULLIFY else liar.chance.randbytes(32)
    vote = liar.vote(kind, view, digest)
    quorum = liar.cluster.founded.founding.membership.quorum
    certificate = Certificate(view=view, kind=kind, digest=digest)
    for number in range(liar.chance.choice([1, quorum, quorum])):
        signer = liar.member if liar.chance.random() < 0.5 else number
        certificate.signatures.add(member=signer, signature=vote.signature)
    certificate.epoch = liar.chance.choice([0, 0, 1])
    return [frame, pb.PeerFrame(certificates=pb.Certificates(certificates=[certificate]))]


def garbage(liar: Liar, node: SimulatedNode, member: int, frame: pb.PeerFrame) -> list[Any]:
    """Sends some frames damaged, and some that are noise."""
    if liar.chance.random() < 0.9:
        return [frame]
    data = bytearray(frame.SerializeToString())
    for _ in range(liar.chance.randrange(1, 4)):
        data[liar.chance.randrange(len(data))] = liar.chance.randrange(256)
    return [bytes(data) if liar.chance.random() < 0.7 else liar.chance.randbytes(40)]


def flooder(liar: Liar, node: SimulatedNode, member: int, frame: pb.PeerFrame) -> list[Any]:
    """Sends everything often, votes of views far ahead, and transactions that nobody can include."""
    found: list[Any] = [frame]
    kind = liar.chance.randrange(8)
    if kind > 3 or not liar.may_send_more():
        return found
    match kind:
        case 0:
            found += [frame] * 40
        case 1:
            view = node.machine.view
            votes = [liar.vote(VOTE_KIND_NULLIFY, view + ahead, b"") for ahead in (1, 2, 31, 32, 33, 1 << 30)]
            found.append(pb.PeerFrame(votes=pb.Votes(votes=votes)))
        case 2:
            request = pb.BlockRequest(id=liar.chance.randrange(9), from_height=1, count=256)
            found += [pb.PeerFrame(block_request=request)] * 3
        case _:
            question = pb.OwnVotesRequest(id=1)
            found += [pb.PeerFrame(own_votes_request=question)] * 10
    return found


def laggard(liar: Liar, node: SimulatedNode, member: int, frame: pb.PeerFrame) -> list[Any]:
    """Says that it has no block yet, and proposes none and votes for none, as if that were so."""
    if frame.WhichOneof("frame") == "proposal":
        return []
    if frame.WhichOneof("frame") == "status":
        frame.status.height = 0
    passing, _ = split(frame, lambda vote: vote.kind != VOTE_KIND_NOTARIZE)
    return [] if passing is None else [passing]


def silent(liar: Liar, node: SimulatedNode, member: int, frame: pb.PeerFrame) -> list[Any]:
    """Listens, and says nothing."""
    return []


REWRITES: dict[str, Strategy] = {
    "equivocating leader": equivocating_leader,
    "skipper": skipper,
    "double voter": double_voter,
    "withholder": withholder,
    "hoarder": hoarder,
    "liar about history": liar_about_history,
    "forger": forger,
    "garbage": garbage,
    "absurd": absurd,
    "flooder": flooder,
    "silent": silent,
    "laggard": laggard,
}
STRATEGIES = (*REWRITES, TWINS)


def corrupt(cluster: Cluster, member: int, strategy: str, seed: int) -> None:
    """Makes a member of a cluster follow a strategy."""
    host = cluster.hosts[member]
    host.is_byzantine = True
    chance = random.Random(f"{seed}/liar/{member}")
    if strategy == TWINS:
        _make_twins(cluster, member, chance)
        return
    liar, act = Liar(cluster, member, chance), REWRITES[strategy]

    def rewrite(node: SimulatedNode, receiver: int, data: bytes) -> list[bytes]:
        messages = act(liar, node, receiver, pb.PeerFrame.FromString(data))
        return [each if isinstance(each, bytes) else each.SerializeToString() for each in messages]

    host.rewrite = rewrite


def _make_twins(cluster: Cluster, member: int, chance: random.Random) -> None:
    """Two live copies of one key: each peer is connected with one of them, and now and then changes over."""
    twin = cluster.add_twin(member)
    twin.is_byzantine = True
    reached = {index: chance.choice([member, twin.index]) for index in range(twin.index)}
    cluster.twin_of[member] = lambda caller: reached.get(caller, member)

    def swap() -> None:
        index = chance.randrange(twin.index)
        reached[index] = chance.choice([member, twin.index])
        cluster.wire.break_between(index, {member, twin.index} - {reached[index]})
        cluster.loop.after(chance.uniform(0.2, TWINS_SWAP_SECONDS), swap)

    cluster.loop.after(TWINS_SWAP_SECONDS, swap)
