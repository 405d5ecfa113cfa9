"""Who the members are: what a genesis must prove before anything signed by them is believed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ayni.v1.genesis_pb2 import Genesis
from proofs.membership import MembershipInvalid, membership_of, quorum
from tests.vectors.founding import NAMES, genesis, key, sign_genesis
from tests.vectors.make_certified import founding


def test_members_are_the_federations_in_order() -> None:
    membership = membership_of(founding())

    assert list(NAMES) == [member.name for member in membership.members]
    assert key("emilia/consensus").public_key == membership.members[1].consensus_key
    assert (membership.quorum, membership.state_tree_bits) == (3, 4)


@pytest.mark.parametrize(
    ("members", "expected"), [(1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (6, 5), (7, 5), (30, 21)]
)
def test_quorum_leaves_out_less_than_a_third(members: int, expected: int) -> None:
    assert expected == quorum(members)
    assert members - expected == (members - 1) // 3


def two_names(document: Genesis) -> None:
    document.federations[1].name = "andes"


def shared_key(document: Genesis) -> None:
    document.federations[1].service_key = document.federations[0].consensus_key


def small_order(document: Genesis) -> None:
    document.federations[2].consensus_key = bytes(32)


def threshold(document: Genesis) -> None:
    document.federations[2].decision_keys.threshold = 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (two_names, "not in ascending order"),
        (shared_key, "emilia: the key .* is used twice"),
        (small_order, "japan: the key 0000.* is of small order"),
        (threshold, "japan: 2 of 1 decision keys"),
        (lambda document: document.federations[0].decision_keys.ClearField("public_keys"), "1 of 0 decision"),
        (lambda document: setattr(document, "state_tree_bits", 21), "state_tree_bits is 1 to 20, not 21"),
        (lambda document: setattr(document, "state_tree_bits", 0), "state_tree_bits is 1 to 20, not 0"),
        (lambda document: document.ClearField("federations"), "names 0"),
    ],
)
def test_unsound_genesis_is_refused(change: Callable[[Genesis], None], message: str) -> None:
    document = genesis()
    change(document)

    with pytest.raises(MembershipInvalid, match=message):
        membership_of(sign_genesis(document))


def test_genesis_is_refused_when_a_signature_is_wrong_or_missing() -> None:
    signed = founding()
    signed.signatures[1].signature = bytes(64)
    with pytest.raises(MembershipInvalid, match=r"founder's signature: .* does not verify"):
        membership_of(signed)

    signed = founding()
    del signed.signatures[3]
    with pytest.raises(MembershipInvalid, match="signed with 0 of the 1 decision keys it needs"):
        membership_of(signed)

    signed = founding()
    signed.signatures.append(signed.signatures[0])
    with pytest.raises(MembershipInvalid, match="not ascending by key"):
        membership_of(signed)

    signed = founding()
    signed.signatures[3].public_key = b"\xff" * 32
    with pytest.raises(MembershipInvalid, match="is no founder's decision key"):
        membership_of(signed)


def test_genesis_whose_bytes_are_not_canonical_is_refused() -> None:
    signed = founding()
    signed.body += b"\x7a\x00"
    with pytest.raises(MembershipInvalid, match="genesis: the bytes are not canonical"):
        membership_of(signed)

    signed.body = b"\xff"
    with pytest.raises(MembershipInvalid, match="genesis: the bytes are no Genesis"):
        membership_of(signed)
