"""The greeting between validators: who lies about anything is refused, in words."""

from __future__ import annotations

import pytest

from ayni.v1 import genesis_pb2
from ayni.v1 import peer_service_pb2 as pb
from node.handshake import Handshake, PeerFault
from proofs.membership import Membership, membership_of
from tests.node.founders import NAMES, Founder, signed_genesis

FINGERPRINTS = [bytes([index]) * 32 for index in range(4)]


@pytest.fixture(scope="module")
def members() -> Membership:
    return membership_of(signed_genesis())


def side(members: Membership, own: int, *, key_of: int | None = None, nonce: bytes = b"") -> Handshake:
    key = Founder(NAMES[own if key_of is None else key_of]).consensus
    return Handshake(members, own, key, FINGERPRINTS[own], nonce or bytes([100 + own]) * 32)


def greet(ours: Handshake, theirs: Handshake, shown_by_them: bytes, shown_by_us: bytes) -> None:
    """Runs both sides; raises what ours makes of theirs."""
    ours.claimed(theirs.challenge())
    theirs.claimed(ours.challenge())
    ours.answer(shown_by_them)
    ours.admit(theirs.answer(shown_by_us))


def test_honest_members_admit_each_other(members: Membership) -> None:
    for ours, theirs in ((0, 3), (3, 0)):
        greet(side(members, ours), side(members, theirs), FINGERPRINTS[theirs], FINGERPRINTS[ours])


def test_a_stolen_certificate_without_the_consensus_key_admits_nobody(members: Membership) -> None:
    thief = side(members, 1, key_of=2)
    with pytest.raises(PeerFault, match="claims to be japan but did not sign with that federation's"):
        greet(side(members, 0), thief, FINGERPRINTS[1], FINGERPRINTS[0])


def test_a_hello_made_for_another_connection_does_not_fit(members: Membership) -> None:
    recorded = side(members, 1)
    recorded.claimed(side(members, 0, nonce=b"\x09" * 32).challenge())
    hello = recorded.answer(FINGERPRINTS[0])
    ours = side(members, 0)
    ours.claimed(recorded.challenge())
    ours.answer(FINGERPRINTS[1])
    with pytest.raises(PeerFault, match="did not sign"):
        ours.admit(hello)


def test_a_man_in_the_middle_with_certificates_of_his_own_is_noticed(members: Membership) -> None:
    with pytest.raises(PeerFault, match="did not sign"):
        greet(side(members, 0), side(members, 1), FINGERPRINTS[2], FINGERPRINTS[0])
    with pytest.raises(PeerFault, match="did not sign"):
        greet(side(members, 0), side(members, 1), FINGERPRINTS[1], FINGERPRINTS[2])


def test_another_network_is_refused_with_both_hashes(members: Membership) -> None:
    other = Membership(b"\x77" * 32, members.members, members.state_tree_bits)
    with pytest.raises(PeerFault, match=f"genesis {'77' * 32}, this node to {members.genesis_hash.hex()}"):
        side(members, 0).claimed(side(other, 1).challenge())


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pb.PeerFrame(), "its first frame is not a challenge"),
        (pb.PeerFrame(votes=pb.Votes()), "its first frame is not a challenge"),
        (pb.PeerFrame(challenge=pb.Challenge(member=0)), "belongs to the network with genesis (none)"),
    ],
)
def test_a_first_frame_that_is_no_challenge_is_refused(
    members: Membership, frame: pb.PeerFrame, words: str
) -> None:
    with pytest.raises(PeerFault) as raised:
        side(members, 0).claimed(frame)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("member", "nonce", "words"),
    [
        (0, b"\x01" * 32, "claims to be member 0, which is this node itself"),
        (9, b"\x01" * 32, "claims to be member 9 of a network of 4"),
        (1, b"\x01" * 31, "its nonce has 31 bytes, it must have 32"),
        (1, bytes([100]) * 32, "sent this node's own nonce back"),
    ],
)
def test_a_challenge_that_lies_is_refused(members: Membership, member: int, nonce: bytes, words: str) -> None:
    challenge = pb.Challenge(genesis_hash=members.genesis_hash, member=member, nonce=nonce)
    with pytest.raises(PeerFault, match=words):
        side(members, 0).claimed(pb.PeerFrame(challenge=challenge))


def test_nothing_is_said_to_somebody_who_has_not_said_who_it_is(members: Membership) -> None:
    with pytest.raises(PeerFault, match="has not said who it is"):
        side(members, 0).answer(FINGERPRINTS[1])


def test_a_second_frame_that_is_no_hello_is_refused(members: Membership) -> None:
    ours = side(members, 0)
    ours.claimed(side(members, 1).challenge())
    ours.answer(FINGERPRINTS[1])
    with pytest.raises(PeerFault, match="its second frame is not a hello"):
        ours.admit(pb.PeerFrame(status=pb.Status()))


def test_the_genesis_of_the_tests_is_signed_by_all() -> None:
    assert len(genesis_pb2.SignedGenesis.FromString(signed_genesis().SerializeToString()).signatures) == 4
