"""What is refused of any transaction before its own rules: bytes, signatures, time, nonce (T1 … T5).

Each test reads the whole message, as a bookkeeper would.
"""

from __future__ import annotations

from typing import Any

import pytest

from ayni.v1 import keys_pb2, transaction_pb2
from ledger import limits
from ledger.refusals import Refusal
from ledger.transactions import parse_transaction, parse_transactions
from tests.ledger.world import BLOCK_MS, World, genesis, key, standard

PAYMENT = {
    "author": "emilia/cadiai",
    "transfer": {"legs": [{"payee": "japan/nalc", "unit": "EUC", "amount_minor": 5}]},
}
ORDER = 2**252 + 27742317777372353535851937790883648493
"""Of the group; a signature's S is below it."""


@pytest.fixture
def world() -> World:
    return standard()


def said(refusal: Refusal | None) -> tuple[str, str]:
    """Code and field."""
    assert refusal is not None, "it was accepted"
    return refusal.name, refusal.field


def payment(**changes: Any) -> dict[str, Any]:
    return {**PAYMENT, **changes}


def signed(world: World) -> transaction_pb2.SignedTransaction:
    return transaction_pb2.SignedTransaction.FromString(world.transaction(PAYMENT))


# --- T1: bytes --------------------------------------------------------------------------------------------


def test_a_transaction_above_the_greatest_size_is_refused(world: World) -> None:
    refusal = world.refusal(bytes(limits.TRANSACTION_BYTES_MAX + 1))
    assert said(refusal) == ("TOO_LARGE", "")
    assert refusal is not None
    assert (
        "1048577 bytes" in refusal.message and "1048576" in refusal.message and "split it" in refusal.message
    )


def test_bytes_that_are_no_transaction_are_refused(world: World) -> None:
    assert said(world.refusal(b"\xff\xff\xff"))[0] == "NOT_CANONICAL"


def test_a_body_with_an_unknown_field_is_refused_though_signed(world: World) -> None:
    body = world.body(PAYMENT).SerializeToString(deterministic=True) + b"\xf8\x07\x01"  # field 127, varint 1
    refusal = world.refusal(resigned(world, body))
    assert said(refusal)[0] == "NOT_CANONICAL"
    assert refusal is not None
    assert "docs/encoding.md" in refusal.message


def resigned(world: World, body: bytes, network: bytes | None = None) -> bytes:
    """These body bytes, with the author's signature."""
    message = b"ayni/v1/tx\0" + (network or world.founding.hash) + body
    signer = key("emilia/cadiai")
    signature = keys_pb2.Signature(public_key=signer.public_key, signature=signer.sign(message))
    envelope = transaction_pb2.SignedTransaction(body=body, signatures=[signature])
    return envelope.SerializeToString(deterministic=True)


@pytest.mark.parametrize(
    ("author", "shown"),
    [("", "''"), ("pool", "'pool'"), ("Emilia/cadiai", "'Emilia/cadiai'"), ("a/b:c:d", "'a/b:c:d'")],
)
def test_an_author_is_an_account_or_a_federation(world: World, author: str, shown: str) -> None:
    refusal = world.refusal(world.transaction(payment(author=author), ["x"]))
    assert said(refusal) == ("FIELD_INVALID", "author")
    assert refusal is not None
    assert refusal.message.startswith(f"{shown} is no account or federation; write ")


@pytest.mark.parametrize("size", [0, 15, 17])
def test_a_nonce_has_sixteen_bytes(world: World, size: int) -> None:
    refusal = world.refusal(world.transaction(payment(nonce="00" * size)))
    assert said(refusal) == ("FIELD_INVALID", "nonce")
    assert refusal is not None
    assert refusal.message == f"the nonce has {size} bytes; it must have 16"


def test_a_transaction_says_something(world: World) -> None:
    refusal = world.refusal(world.transaction({"author": "emilia/cadiai"}))
    assert said(refusal) == ("FIELD_INVALID", "payload")
    assert refusal is not None
    assert refusal.message == "the transaction says nothing; give it a payload"


# --- T3: signatures ---------------------------------------------------------------------------------------


def test_a_signature_for_another_network_is_invalid_here(world: World) -> None:
    other = World(genesis(federations=("emilia",)))
    refusal = world.refusal(other.transaction(PAYMENT))
    assert said(refusal) == ("SIGNATURE_INVALID", "signatures[0]")
    assert refusal is not None
    assert "or it was signed for another network; sign it again on this one" in refusal.message


def test_a_body_changed_after_signing_is_refused(world: World) -> None:
    envelope = signed(world)
    body = transaction_pb2.Body.FromString(envelope.body)
    body.transfer.legs[0].amount_minor = 500
    envelope.body = body.SerializeToString(deterministic=True)
    refusal = world.refusal(envelope.SerializeToString(deterministic=True))
    assert said(refusal) == ("SIGNATURE_INVALID", "signatures[0]")


def test_a_malleable_signature_is_invalid(world: World) -> None:
    envelope = signed(world)
    signature = envelope.signatures[0].signature
    s = int.from_bytes(signature[32:], "little") + ORDER  # the same point equation, another S
    envelope.signatures[0].signature = signature[:32] + s.to_bytes(32, "little")
    assert said(world.refusal(envelope.SerializeToString(deterministic=True))) == (
        "SIGNATURE_INVALID",
        "signatures[0]",
    )


def test_a_signature_by_a_key_of_small_order_is_invalid(world: World) -> None:
    envelope = signed(world)
    envelope.signatures[0].public_key = b"\x01" + bytes(31)
    envelope.signatures[0].signature = b"\x01" + bytes(
        63
    )  # R the neutral element, S 0: holds for any message
    assert said(world.refusal(envelope.SerializeToString(deterministic=True))) == (
        "SIGNATURE_INVALID",
        "signatures[0]",
    )


def test_signatures_are_sorted_by_key_each_once(world: World) -> None:
    envelope = signed(world)
    envelope.signatures.append(envelope.signatures[0])
    refusal = world.refusal(envelope.SerializeToString(deterministic=True))
    assert said(refusal) == ("FIELD_INVALID", "signatures[1].public_key")
    assert refusal is not None
    assert refusal.message == "signatures are ascending by public key, no key twice: sort them"


def test_a_signature_has_sixty_four_bytes(world: World) -> None:
    envelope = signed(world)
    envelope.signatures[0].signature = bytes(63)
    assert said(world.refusal(envelope.SerializeToString(deterministic=True))) == (
        "FIELD_INVALID",
        "signatures[0]",
    )


def test_one_signature_past_the_most_is_refused(world: World) -> None:
    names = [f"k{n}" for n in range(limits.SIGNATURES_MAX + 1)]
    refusal = world.refusal(world.transaction(PAYMENT, names))
    assert said(refusal) == ("FIELD_INVALID", "signatures")
    assert refusal is not None
    assert "there are 129 signatures; at most 128 are allowed: split it" in refusal.message


def test_no_signature_at_all_is_one_missing(world: World) -> None:
    assert said(world.refusal(world.transaction(PAYMENT, []))) == ("SIGNATURE_MISSING", "signatures")


# --- T4: time and nonce -----------------------------------------------------------------------------------


def test_a_transaction_is_taken_up_to_the_time_it_expires(world: World) -> None:
    at = world.time_ms + BLOCK_MS
    assert world.refusal(world.transaction(payment(expires_at_ms=at))) is None
    refusal = world.refusal(world.transaction(payment(expires_at_ms=at - 1)))
    assert said(refusal) == ("EXPIRED", "expires_at_ms")
    assert refusal is not None
    assert refusal.message == (
        f"it expired at {at - 1} and the ledger's time is {at} (Unix ms); make it anew with the same nonce"
    )
    assert refusal.final_after_ms == at - 1


def test_a_transaction_expires_at_most_seven_days_ahead(world: World) -> None:
    at = world.time_ms + BLOCK_MS + limits.EXPIRY_AHEAD_MAX_MS
    assert world.refusal(world.transaction(payment(expires_at_ms=at))) is None
    refusal = world.refusal(world.transaction(payment(expires_at_ms=at + 1)))
    assert said(refusal) == ("EXPIRES_TOO_FAR", "expires_at_ms")
    assert refusal is not None
    assert "more than 7 days after the ledger's time" in refusal.message


def test_a_transaction_that_is_final_is_not_executed_twice(world: World) -> None:
    raw = world.transaction(PAYMENT)
    (entry,) = world.block(raw)
    refusal = world.refusal(raw)
    assert said(refusal) == ("NONCE_USED", "nonce")
    assert refusal is not None
    assert "already in the log" in refusal.message and entry.tx.tx_id.hex() in refusal.message
    assert "ask for its receipt" in refusal.message


def test_a_nonce_is_used_once_for_ever(world: World) -> None:
    entry = world.do(payment(nonce="ab" * 16))
    world.wait(days=400)
    refusal = world.refusal(world.transaction(payment(nonce="ab" * 16)))
    assert said(refusal) == ("NONCE_USED", "nonce")
    assert refusal is not None
    assert "emilia/cadiai used this nonce" in refusal.message and entry.tx.tx_id.hex() in refusal.message
    assert "take a new nonce" in refusal.message


def test_another_author_may_use_the_same_nonce(world: World) -> None:
    world.do(payment(nonce="ab" * 16))
    legs = [{"payee": "emilia/cadiai", "unit": "EUC", "amount_minor": 5}]
    world.do({"author": "japan/nalc", "nonce": "ab" * 16, "transfer": {"legs": legs}})


def test_a_refused_transaction_does_not_use_its_nonce(world: World) -> None:
    legs = [{"payee": "japan/nalc", "unit": "EUC", "amount_minor": 5000}]
    refused = world.transaction({"author": "emilia/cadiai", "nonce": "cd" * 16, "transfer": {"legs": legs}})
    assert said(world.refusal(refused))[0] == "LIMIT_EXCEEDED"
    world.do(payment(nonce="cd" * 16))


def test_a_refusal_that_may_pass_says_until_when_the_bytes_can_still_be_taken(world: World) -> None:
    at = world.time_ms + 60_000
    legs = [{"payee": "japan/nalc", "unit": "EUC", "amount_minor": 5000}]
    values = {"author": "emilia/cadiai", "expires_at_ms": at, "transfer": {"legs": legs}}
    refusal = world.refusal(world.transaction(values))
    assert refusal is not None
    assert refusal.final_after_ms == at


def test_a_payment_to_oneself_is_refused_for_ever(world: World) -> None:
    legs = [{"payee": "emilia/cadiai", "unit": "EUC", "amount_minor": 5}]
    refusal = world.refusal(world.transaction({"author": "emilia/cadiai", "transfer": {"legs": legs}}))
    assert refusal is not None
    assert (refusal.name, refusal.final_after_ms) == ("SELF", 0)
    assert refusal.message == "emilia/cadiai would pay itself; name another payee"


def test_an_author_named_as_payer_is_refused_for_ever(world: World) -> None:
    """F1: the body alone decides, as for SELF."""
    legs = [{"payer": "emilia/cadiai", "payee": "japan/nalc", "unit": "EUC", "amount_minor": 5}]
    refusal = world.refusal(world.transaction({"author": "emilia/cadiai", "transfer": {"legs": legs}}))
    assert refusal is not None
    assert (refusal.name, refusal.final_after_ms) == ("FIELD_INVALID", 0)


def test_what_the_bytes_are_does_not_depend_on_the_state(world: World) -> None:
    raw = world.transaction(PAYMENT)
    tx = parse_transaction(raw, world.founding.hash)
    assert not isinstance(tx, Refusal)
    assert (tx.kind, tx.raw, tx.signers) == ("transfer", raw, frozenset({key("emilia/cadiai").public_key}))


def test_of_several_each_is_judged_by_itself(world: World) -> None:
    right, other = world.transaction(PAYMENT), world.transaction({**PAYMENT, "expires_at_ms": 1})
    forged = right[:-1] + bytes([right[-1] ^ 1])
    raws = [b"garbage", right, forged, other, right]
    alone = [parse_transaction(raw, world.founding.hash) for raw in raws]
    assert parse_transactions(raws, world.founding.hash) == alone
    names = [each.name if isinstance(each, Refusal) else each.kind for each in alone]
    assert names == ["NOT_CANONICAL", "transfer", "SIGNATURE_INVALID", "transfer", "transfer"]
