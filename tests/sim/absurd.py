"""The liar that names absurd values: in its own frames and in genuine ones that it passes on.

Every number may be at the edge of its type, every part missing, doubled or in disorder, every list empty, at
its maximum or above it, and every message of any level may carry fields that nobody knows. Where only its own
signature is needed it signs correctly all the same, so that it gets as far as the value itself. Works by the
descriptors of the messages: a field that is added to the protocol is among them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from ayni.v1 import peer_service_pb2 as pb
from ayni.v1.block_pb2 import (
    VOTE_KIND_FINALIZE,
    VOTE_KIND_NOTARIZE,
    VOTE_KIND_NULLIFY,
    Header,
    Proposal,
    Vote,
)
from consensus.config import DIGESTS_MAX, ITEMS_MAX
from consensus.leader import leader_of
from node.frames import KIND_BYTES_MAX
from proofs.domains import block_digest
from tests.sim.cluster import SimulatedNode
from tests.sim.liar import Liar

OFTEN = 0.12
"""Of its frames, how many are absurd: most of them cost it its stream for some seconds."""
PADDED = 0.25
"""And how many say what they should, and carry what nobody knows."""
LARGE = (0, 1, 1 << 26, 1 << 31, (1 << 32) - 1)
HUGE = (*LARGE, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
VALUES = {
    FieldDescriptor.CPPTYPE_UINT32: LARGE,
    FieldDescriptor.CPPTYPE_UINT64: HUGE,
    FieldDescriptor.CPPTYPE_ENUM: (0, 2, 4, 255, 256, (1 << 31) - 1, -1, -(1 << 31)),
}
LENGTHS = (0, 1, 31, 33, 63, 65, 1 << 10)
"""Of what is a hash, a signature or a header."""
COUNTS = (DIGESTS_MAX, DIGESTS_MAX + 1, ITEMS_MAX, ITEMS_MAX + 1)
PADDINGS = (1, 128, 128, 3_000)
"""Bytes that nobody knows, and that no frame is too large with."""
LARGE_PADDINGS = (*PADDINGS, 70_000, 70_000)
"""Where frames may be larger: with so many, what is passed on in a status makes that too large."""
UNKNOWN = b"\xa2\x06"
"""The tag of bytes in field 100, which no message has."""

Place = tuple[Any, FieldDescriptor]
"""A message somewhere in a frame, and a field of its type."""


def absurd(liar: Liar, node: SimulatedNode, member: int, frame: pb.PeerFrame) -> list[Any]:
    """Names views, heights, times, members and counts that never were, and sends parts that are no parts."""
    if frame.WhichOneof("frame") == "proposal":
        liar.kept = [frame.proposal.SerializeToString()]
    luck = liar.chance.random()
    if luck < PADDED:
        _pad(liar, frame)
        return [frame]
    if luck < PADDED + OFTEN:
        if liar.may_send_more() and (made := liar.chance.choice(OF_ITS_OWN)(liar, node)) is not None:
            return [frame, made]
        _deform(liar, frame)
        _sign_again(liar, frame)
    return [frame]


# --- what it makes of a frame ---------------------------------------------------------------------------


def _parts(message: Any) -> Iterator[Message]:
    """A message and every message in it."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for each in value if field.is_repeated else (value,):
                yield from _parts(each)


def _pad(liar: Liar, frame: pb.PeerFrame) -> None:
    """Adds what nobody knows, to one part or to all of them."""
    parts = list(_parts(frame))[1:]
    if not parts:
        return
    is_small = KIND_BYTES_MAX.get(frame.WhichOneof("frame") or "", 1 << 20) < 1 << 20
    size = liar.chance.choice(PADDINGS if is_small and liar.chance.random() < 0.99 else LARGE_PADDINGS)
    everywhere = size < 200 and len(parts) < ITEMS_MAX and liar.chance.random() < 0.5
    for part in parts if everywhere else [liar.chance.choice(parts)]:
        part.MergeFromString(UNKNOWN + _uvarint(size) + bytes(size))


def _uvarint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def _deform(liar: Liar, message: Any) -> None:
    """Makes something in a message absurd."""
    if (
        isinstance(message, pb.PeerFrame)
        and message.WhichOneof("frame") == "proposal"
        and liar.chance.random() < 0.5
    ):
        _deform_header(liar, message.proposal)
        return
    places = [(part, field) for part in _parts(message) for field in part.DESCRIPTOR.fields
              if field.containing_oneof is None or part.HasField(field.name)]  # fmt: skip
    part, field = liar.chance.choice(places)
    if field.is_repeated:
        _deform_list(liar, getattr(part, field.name))
    elif liar.chance.random() < 0.15:
        part.ClearField(field.name)
    elif field.cpp_type in VALUES:
        setattr(part, field.name, liar.chance.choice(VALUES[field.cpp_type]))
    elif field.message_type is not None:
        getattr(part, field.name).SetInParent()
    else:
        setattr(part, field.name, _cut(liar, getattr(part, field.name)))


def _cut(liar: Liar, data: bytes) -> bytes:
    """Other bytes, or as many others."""
    return (data + bytes(1 << 10))[: liar.chance.choice((len(data) + 1, *LENGTHS))]


def _deform_list(liar: Liar, items: Any) -> None:
    """Repeats, reorders, empties or fills a list."""
    found = list(items)
    match liar.chance.randrange(6):
        case 0:
            found = []
        case 1:
            found.reverse()
        case 2:
            found += found
        case 3:
            found = found[:-1]
        case 4:
            found = [*found, *found[:1]]
        case _:
            found = found[:1] or [items.add() if hasattr(items, "add") else b""]
            found *= liar.chance.choice(COUNTS)
    copies = [type(each).FromString(each.SerializeToString()) if isinstance(each, Message) else each
              for each in found]  # fmt: skip
    del items[:]
    items.extend(copies)


def _sign_again(liar: Liar, frame: pb.PeerFrame) -> None:
    """Its own votes are signed as they now are; a proposal was signed when it was made."""
    for part in _parts(frame):
        if isinstance(part, Vote) and part.member == liar.member and 0 <= part.kind < 256:
            part.signature = liar.vote(part.kind, part.view, part.digest, part.epoch).signature


def _deform_header(liar: Liar, proposal: Proposal) -> None:
    """Another header of its own, mostly in a turn of its own, and correctly signed."""
    try:
        header = Header.FromString(proposal.header)
    except DecodeError:
        return
    numbers = [field for field in header.DESCRIPTOR.fields if field.cpp_type in VALUES]
    field = (
        header.DESCRIPTOR.fields_by_name["view"]
        if liar.chance.random() < 0.5
        else liar.chance.choice(numbers)
    )
    setattr(header, field.name, liar.chance.choice(VALUES[field.cpp_type]))
    if field.name == "view" and liar.chance.random() < 0.9:
        header.view = max(header.view - (header.view - liar.member) % liar.members, 0)
        header.leader = leader_of(header.view, liar.members)
    if liar.chance.random() < 0.1:
        header.MergeFromString(UNKNOWN + _uvarint(128) + bytes(128))
    proposal.header = header.SerializeToString(deterministic=True)
    digest = block_digest(proposal.header)
    proposal.signature = liar.vote(VOTE_KIND_NOTARIZE, header.view, digest).signature


# --- what it says of its own accord ---------------------------------------------------------------------


def _number(liar: Liar) -> int:
    return liar.chance.choice(HUGE)


def _a_proposal(liar: Liar, node: SimulatedNode) -> pb.PeerFrame | None:
    """Its last proposal, of another view, height or time."""
    if not liar.kept:
        return None
    proposal = Proposal.FromString(liar.kept[0])
    _deform_header(liar, proposal)
    return pb.PeerFrame(proposal=proposal)


def _a_vote(liar: Liar, node: SimulatedNode) -> pb.PeerFrame:
    kind = liar.chance.choice([VOTE_KIND_NOTARIZE, VOTE_KIND_NULLIFY, VOTE_KIND_FINALIZE])
    digest = b"" if kind == VOTE_KIND_NULLIFY else liar.chance.randbytes(32)
    return pb.PeerFrame(votes=pb.Votes(votes=[liar.vote(kind, _number(liar), digest)]))


def _a_status(liar: Liar, node: SimulatedNode) -> pb.PeerFrame:
    """It has seen everything there will ever be, or nothing."""
    status = pb.Status(height=_number(liar), view=_number(liar))
    store = node.machine._round.store
    if store.finalization is not None and liar.chance.random() < 0.5:
        status.finalization.CopyFrom(store.finalization)
    if liar.chance.random() < 0.5:
        status.own_latest.append(liar.vote(VOTE_KIND_NULLIFY, _number(liar), b""))
    return pb.PeerFrame(status=status)


def _certificates(liar: Liar, node: SimulatedNode) -> pb.PeerFrame:
    """A genuine certificate that is not quite as it was; or one of everything that is none."""
    frame = pb.PeerFrame(certificates=pb.Certificates())
    store = node.machine._round.store
    if store.finalization is not None:
        genuine = frame.certificates.certificates.add()
        genuine.CopyFrom(store.finalization)
        if liar.chance.random() < 0.3:
            vote = liar.vote(genuine.kind, genuine.view, genuine.digest)
            genuine.signatures.add(member=liar.member, signature=vote.signature)
    _deform(liar, frame)
    return frame


def _a_request(liar: Liar, node: SimulatedNode) -> pb.PeerFrame:
    """It asks for heights that never come, and for one block many times."""
    digest = liar.chance.choice([node.machine.tip, b"", liar.chance.randbytes(33)])
    count = liar.chance.choice([0, 1, ITEMS_MAX, ITEMS_MAX, ITEMS_MAX + 1, (1 << 32) - 1])
    request = pb.BlockRequest(id=_number(liar), from_height=_number(liar), count=count)
    request.digests.extend([digest] * liar.chance.choice([0, 1, *COUNTS]))
    return pb.PeerFrame(block_request=request)


def _an_answer(liar: Liar, node: SimulatedNode) -> pb.PeerFrame:
    """It answers what nobody asked, with votes of its own that nobody could lack."""
    votes = [liar.vote(VOTE_KIND_NULLIFY, _number(liar), b"")]
    return pb.PeerFrame(own_votes_response=pb.OwnVotesResponse(id=_number(liar), votes=votes))


def _nothing(liar: Liar, node: SimulatedNode) -> pb.PeerFrame:
    """A message of some kind with nothing in it, or nothing but nothing."""
    frame = pb.PeerFrame()
    kinds = frame.DESCRIPTOR.oneofs_by_name["frame"].fields
    message = getattr(frame, liar.chance.choice(kinds).name)
    message.SetInParent()
    for field in message.DESCRIPTOR.fields:
        if field.is_repeated and liar.chance.random() < 0.5:
            items = getattr(message, field.name)
            for _ in range(liar.chance.choice([1, *COUNTS])):
                items.append(b"") if field.message_type is None else items.add()
    return frame


OF_ITS_OWN: tuple[Callable[[Liar, SimulatedNode], pb.PeerFrame | None], ...] = (
    _a_proposal, _a_proposal, _a_vote, _a_status, _certificates, _a_request, _an_answer, _nothing,
)  # fmt: skip
