"""The strict reader: one valid form of bytes, and a named place for every other."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import DecodeError, Message
from hypothesis import example, given
from hypothesis import strategies as st

from ayni.v1.block_pb2 import BlockBody, CertifiedBlock
from ayni.v1.receipt_pb2 import Receipt
from ayni.v1.result_pb2 import Result
from ayni.v1.transaction_pb2 import Body, SignedTransaction
from ledger import limits
from ledger.wire import NotCanonical, check, check_strict
from tests.vectors import make_wire
from tests.vectors.reading import load, named

MESSAGES: dict[str, type[Message]] = {"Body": Body, "Result": Result, "SignedTransaction": SignedTransaction}
CASES = load("wire")["cases"]


@pytest.mark.parametrize("case", **named(CASES))
@pytest.mark.parametrize("reader", [check, check_strict])
def test_bytes_are_judged_as_the_vector_says(case: dict[str, Any], reader: Any) -> None:
    message_class, data = MESSAGES[case["message"]], bytes.fromhex(case["bytes"])
    if case["path"] is None:
        assert data == reader(message_class, data).SerializeToString(deterministic=True)
    else:
        with pytest.raises(NotCanonical) as caught:
            reader(message_class, data)
        assert case["path"] == caught.value.path
        assert case["reason"] in caught.value.reason


@pytest.mark.parametrize(
    ("message_class", "part", "most"),
    [
        (SignedTransaction, b"\x12\x00", limits.SIGNED_FIELDS_MAX),
        (BlockBody, b"\x0a\x00", limits.BLOCK_TRANSACTIONS_MAX),
        (CertifiedBlock, b"\x22\x00", limits.FIELDS_MAX),
    ],
)
@pytest.mark.parametrize("end", [b"\x0a\x80\x00", b"\x0a", b"\x0a\x7f", b"\xff"])
def test_where_countless_parts_are_not_canonical_is_not_looked_for(
    message_class: type[Message], part: bytes, most: int, end: bytes
) -> None:
    """Part by part, a proposal of 4 MiB kept every node busy for ten seconds, and a transaction for two."""
    with pytest.raises(NotCanonical) as caught:
        check(message_class, part * (most + 1) + end, most)
    name = message_class.DESCRIPTOR.name
    assert str(caught.value).startswith(
        f"the {name} of {2 * most + 2 + len(end)} bytes has more than {most} "
    )
    with pytest.raises(NotCanonical) as caught:
        check(message_class, part * (most - 1) + end, most)
    assert "has more than" not in str(caught.value)


def test_message_names_path_and_reason() -> None:
    body = make_wire.example()
    body.transfer.legs[1].payer = "?"
    data = body.SerializeToString(deterministic=True).replace(b"?", b"\xff")

    with pytest.raises(NotCanonical) as caught:
        check(Body, data)
    assert str(caught.value) == "transfer.legs[1].payer: it is not valid UTF-8"


def test_nesting_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.wire.NESTING_MAX", 2)
    with pytest.raises(NotCanonical, match=r"transfer.legs\[0\]: nested deeper than 2 levels"):
        check_strict(Body, make_wire.example().SerializeToString(deterministic=True))


def declared_enums(message: Message) -> bool:
    for each, value in message.ListFields():
        if each.enum_type is not None:
            values = value if each.is_repeated else [value]
            if any(number not in each.enum_type.values_by_number for number in values):
                return False
        elif each.message_type is not None:
            children = value if each.is_repeated else [value]
            if not all(declared_enums(child) for child in children):
                return False
    return True


def reproduced(message_class: type[Message], data: bytes) -> bool:
    """What canonical means, said with the library: parsed, unknowns dropped, written, it is the same."""
    try:
        message = message_class.FromString(data)
    except DecodeError:
        return False
    message.DiscardUnknownFields()  # type: ignore[no-untyped-call, unused-ignore]
    return message.SerializeToString(deterministic=True) == data and declared_enums(message)


def accepted(reader: Any, message_class: type[Message], data: bytes) -> bool:
    try:
        reader(message_class, data)
    except NotCanonical:
        return False
    return True


def agrees(message_class: type[Message], data: bytes) -> None:
    expected = reproduced(message_class, data)
    assert expected == accepted(check_strict, message_class, data)
    assert expected == accepted(check, message_class, data)


SEEDS = [(MESSAGES[case["message"]], bytes.fromhex(case["bytes"])) for case in CASES]
SEEDS += [(Receipt, bytes.fromhex(load("receipts")["cases"][0]["receipt"]))]


@given(st.sampled_from([Body, Result, SignedTransaction, Receipt]), st.binary(max_size=64))
@example(Body, b"\x0a\x00")
def test_any_bytes_are_judged_as_the_library_would_reproduce_them(
    message_class: type[Message], data: bytes
) -> None:
    agrees(message_class, data)


@given(st.sampled_from(SEEDS), st.data())
def test_changed_messages_are_judged_as_the_library_would_reproduce_them(
    seed: tuple[type[Message], bytes], data: st.DataObject
) -> None:
    message_class, original = seed
    changed = bytearray(original)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(changed)))
        match data.draw(st.sampled_from(["put", "cut", "flip", "copy"])):
            case "put":
                changed.insert(at, data.draw(st.integers(0, 255)))
            case "cut":
                del changed[at : at + 1]
            case "flip" if at < len(changed):
                changed[at] ^= 1 << data.draw(st.integers(0, 7))
            case _:
                end = data.draw(st.integers(at, len(changed)))
                changed[at:at] = changed[at:end]
    agrees(message_class, bytes(changed))


FIELDS = st.recursive(
    st.builds(make_wire.field, st.integers(0, 70), st.just(0), st.integers(0, 2**64).map(make_wire.varint))
    | st.builds(make_wire.text, st.integers(0, 70), st.binary(max_size=6)),
    lambda inner: st.builds(make_wire.text, st.integers(1, 70), st.lists(inner, max_size=4).map(b"".join)),
    max_leaves=12,
)


@given(st.sampled_from([Body, Result, SignedTransaction]), st.lists(FIELDS, max_size=5).map(b"".join))
def test_any_well_framed_fields_are_judged_as_the_library_would_reproduce_them(
    message_class: type[Message], data: bytes
) -> None:
    agrees(message_class, data)
