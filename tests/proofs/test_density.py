"""The parts of a message are counted before it is unpacked, and what honest members send has few enough."""

from __future__ import annotations

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from ayni.v1 import peer_service_pb2 as pb
from ayni.v1.block_pb2 import Certificate, CertifiedBlock, MemberSignature, Proposal, Vote
from proofs.density import PART_BYTES, PARTS_FREE, TooManyParts, check_parts

MiB = 1024 * 1024


def certificate(members: int = 21) -> Certificate:
    signatures = [MemberSignature(member=member, signature=bytes(64)) for member in range(members)]
    return Certificate(view=7, kind=1, digest=bytes(32), signatures=signatures)  # type: ignore[arg-type]


def test_what_honest_members_send_passes_however_large_it_is() -> None:
    block = CertifiedBlock(
        header=bytes(150),
        body=bytes(100),
        notarization=certificate(),
        nullifications=[certificate()] * 3,
        finalization=certificate(),
    )
    smallest = Certificate(view=1, kind=2, signatures=[MemberSignature(signature=bytes(64))])
    vote = Vote(view=1, kind=1, digest=bytes(32), member=3, signature=bytes(64))  # type: ignore[arg-type]
    for frame in (
        pb.PeerFrame(block_response=pb.BlockResponse(id=1, blocks=[block] * 256)),
        pb.PeerFrame(
            proposal=Proposal(header=bytes(150), body=bytes(4 * MiB), parent_notarization=certificate())
        ),
        pb.PeerFrame(proposal=Proposal(header=bytes(150), nullifications=[certificate(1)] * 5_000)),
        pb.PeerFrame(proposal=Proposal(header=bytes(150), nullifications=[smallest] * 5_000)),
        pb.PeerFrame(transactions=pb.Transactions(transactions=[bytes(130)] * 10_000)),
        pb.PeerFrame(certificates=pb.Certificates(certificates=[certificate()] * 256)),
        pb.PeerFrame(votes=pb.Votes(votes=[vote] * 256)),
        pb.PeerFrame(block_request=pb.BlockRequest(id=1, digests=[bytes(32)] * 16)),
    ):
        check_parts(pb.PeerFrame, frame.SerializeToString())


def test_parts_are_counted_wherever_they_are() -> None:
    """In one message or in many, in what is merged or replaced, after what nobody knows."""
    many = 2_000
    unknown = b"\x98\x3e\x01\x9d\x3e\0\0\0\0\x99\x3e" + bytes(8) + b"\x9a\x3e\x03abc"
    proposal = pb.PeerFrame(proposal=Proposal()).SerializeToString()
    votes = pb.PeerFrame(votes=pb.Votes()).SerializeToString()
    block = pb.PeerFrame(
        block_response=pb.BlockResponse(blocks=[CertifiedBlock(notarization=certificate(0))])
    )
    nested = CertifiedBlock(finalization=Certificate(signatures=[MemberSignature()] * many))
    for data in (
        proposal * many,
        (proposal + votes) * (many // 2),
        unknown + block.SerializeToString() * many,
        pb.PeerFrame(block_response=pb.BlockResponse(blocks=[nested])).SerializeToString(),
    ):
        pb.PeerFrame.FromString(data)  # the library would unpack it
        with pytest.raises(TooManyParts, match=f"^of {len(data)} bytes has more than {allowed(data)} parts$"):
            check_parts(pb.PeerFrame, data)


def test_fields_that_are_no_parts_are_counted_too() -> None:
    """They take no memory, and looking over them takes as long."""
    for field in (
        b"\x92\x3e\0",
        b"\x90\x3e\0",
        pb.PeerFrame(status=pb.Status(height=1)).SerializeToString()[2:],
    ):
        data = pb.PeerFrame(status=pb.Status(height=1)).SerializeToString() + field * 5_000
        with pytest.raises(TooManyParts, match=rf"^of {len(data)} bytes has more than [0-9]+ fields$"):
            check_parts(pb.PeerFrame, data)


def test_what_cannot_be_looked_over_is_not_unpacked() -> None:
    hidden = pb.PeerFrame(votes=pb.Votes(votes=[Vote()] * 2_000)).SerializeToString()
    group = b"\x9b\x3e\x12\x01\xff\x9c\x3e"  # the library skips it, with what looks like half a field in it
    pb.PeerFrame.FromString(group + hidden)
    few = pb.PeerFrame(votes=pb.Votes(votes=[Vote(signature=bytes(4_000))])).SerializeToString()
    for data, why in (
        (group + hidden, "a field has wire type 3, which none of ours has"),
        (few[:-1], f"{len(few) - 1} bytes end inside a field"),
        (few + b"\x0a\x05", f"{len(few) + 2} bytes end inside a field"),
        (b"\xff" * 4_000, "4000 bytes end inside a field"),
    ):
        with pytest.raises(DecodeError) as refused:
            check_parts(pb.PeerFrame, data)
        assert str(refused.value) == why


def test_a_part_has_two_bytes_so_small_messages_are_not_looked_over() -> None:
    check_parts(pb.PeerFrame, b"\xff" * 2 * PARTS_FREE)
    check_parts(pb.PeerFrame, b"\xff" * 20, most=10)


def test_who_knows_how_many_there_may_be_says_so() -> None:
    data = pb.PeerFrame(transactions=pb.Transactions(transactions=[bytes(100)] * 11)).SerializeToString()
    check_parts(pb.PeerFrame, data, most=12)
    with pytest.raises(TooManyParts, match=r"^of 1126 bytes has more than 11 fields$"):
        check_parts(pb.PeerFrame, data, most=11)


@given(st.binary(max_size=64), st.integers(0, 200))
def test_whatever_the_library_unpacks_has_no_more_parts_than_were_allowed(noise: bytes, copies: int) -> None:
    vote = Vote(view=1, digest=bytes(40), signature=bytes(64)).SerializeToString()
    frame = pb.PeerFrame(votes=pb.Votes(votes=[Vote.FromString(vote)] * copies)).SerializeToString()
    data = frame + noise
    try:
        check_parts(pb.PeerFrame, data)
        unpacked = pb.PeerFrame.FromString(data)
    except (TooManyParts, DecodeError):
        return
    assert len(unpacked.votes.votes) <= allowed(data)


def allowed(data: bytes) -> int:
    return PARTS_FREE + len(data) // PART_BYTES
