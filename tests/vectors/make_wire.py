"""wire.json: which bytes are the canonical form of a message, and where others go wrong."""

from __future__ import annotations

from typing import Any

from ayni.v1.genesis_pb2 import PARAMETER_NAME_ADVANCE_BP
from ayni.v1.result_pb2 import Result
from ayni.v1.transaction_pb2 import Body, SignedTransaction
from tests.vectors.founding import TIME_MS, canonical

Case = tuple[str, str, bytes, str | None, str]
"""name, message type, bytes, path of the field at fault (None: canonical), the reason."""


def field(number: int, wire_type: int, payload: bytes) -> bytes:
    return varint(number << 3 | wire_type) + payload


def text(number: int, payload: bytes) -> bytes:
    return field(number, 2, varint(len(payload)) + payload)


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def example() -> Body:
    body = Body(author="emilia/cadiai", nonce=bytes(range(16)), expires_at_ms=TIME_MS)
    body.transfer.legs.add(payee="japan/nalc", unit="EUC", amount_minor=300, value_date=19_676, reference="1")
    body.transfer.legs.add(payee="japan/nalc", unit="HRS", amount_minor=60, value_date=19_676)
    return body


def vectors() -> dict[str, Any]:
    cases = [*_good(), *_numbers(), *_order(), *_lengths(), *_lists()]
    return {
        "about": "Canonical protobuf, docs/encoding.md. `path`: null when the bytes are canonical, else the "
        'field at fault ("" for the message itself).',
        "cases": [
            {"name": n, "message": m, "bytes": d.hex(), "path": p, "reason": r} for n, m, d, p, r in cases
        ],
    }


def _good() -> list[Case]:
    decision = Body(author="emilia", nonce=bytes(16))
    decision.decision.items.add().parameter.name = PARAMETER_NAME_ADVANCE_BP
    empty_inside = Body(author="emilia/cadiai")
    empty_inside.transfer.legs.add()
    signed = SignedTransaction(body=canonical(example()))
    signed.signatures.add(public_key=bytes(32), signature=bytes(64))
    values: list[tuple[str, Any]] = [
        ("an empty message", Body()),
        ("a transfer", example()),
        ("an envelope", signed),
        ("a decision with an enum", decision),
        ("a present, empty sub-message", empty_inside),
        ("packed numbers, one of them zero", Result(issuer_only_lines=[0, 1, 300])),
        ("the greatest numbers", _greatest()),
    ]
    return [(name, type(value).__name__, canonical(value), None, "") for name, value in values]


def _greatest() -> Body:
    body = Body(expires_at_ms=2**64 - 1)
    body.transfer.legs.add(value_date=2**32 - 1)
    return body


def _numbers() -> list[Case]:
    leg = "transfer.legs[0]"

    def in_leg(payload: bytes) -> bytes:
        return text(32, text(1, payload))

    return [
        ("a varint too long", "Body", field(3, 0, b"\x81\x00"), "expires_at_ms", "longer than need be"),
        ("a tag too long", "Body", b"\x8a\x00\x01a", "", "longer than need be"),
        ("a length too long", "Body", b"\x0a\x81\x00a", "author", "longer than need be"),
        (
            "eleven bytes of varint",
            "Body",
            field(3, 0, b"\xff" * 10 + b"\x01"),
            "expires_at_ms",
            "longer than 10",
        ),
        ("2^64", "Body", field(3, 0, b"\x80" * 9 + b"\x02"), "expires_at_ms", "does not fit in 64 bits"),
        ("zero, written", "Body", field(3, 0, b"\x00"), "expires_at_ms", "is zero"),
        ("2^32 in 32 bits", "Body", in_leg(field(5, 0, varint(2**32))), f"{leg}.value_date", "32 bits"),
        ("a varint cut short", "Body", field(3, 0, b"\x80"), "expires_at_ms", "in the middle of a varint"),
        (
            "a boolean of 2",
            "Body",
            text(48, field(11, 0, b"\x02")),
            "define_class.tax_eligible",
            "boolean is 1",
        ),
        ("false, written", "Body", text(48, field(11, 0, b"\x00")), "define_class.tax_eligible", "is zero"),
        (
            "an undeclared enum value",
            "Body",
            text(48, field(2, 0, b"\x03")),
            "define_class.kind",
            "no value of this enum",
        ),
        (
            "a negative enum value",
            "Body",
            text(48, field(2, 0, b"\xff" * 9 + b"\x01")),
            "define_class.kind",
            "no value",
        ),
        ("enum zero, written", "Body", text(48, field(2, 0, b"\x00")), "define_class.kind", "is zero"),
    ]


def _order() -> list[Case]:
    author, nonce = text(1, b"emilia"), text(2, bytes(16))
    transfer, reversal = text(32, b""), text(33, b"")
    return [
        ("fields descending", "Body", nonce + author, "author", "fields ascend"),
        ("a field twice", "Body", author + author, "author", "there twice"),
        ("a sub-message twice", "Body", transfer + transfer, "transfer", "there twice"),
        ("two of a oneof", "Body", transfer + reversal, "reversal", "transfer is there too"),
        ("an unknown field", "Body", author + text(15, b""), "", "no field 15"),
        ("an unknown field at the end", "Body", author + text(8191, b""), "", "no field 8191"),
        ("an unknown field, deep", "Body", text(32, text(1, text(8, b""))), "transfer.legs[0]", "no field 8"),
        ("field zero", "Body", b"\x00\x00", "", "no field 0"),
        ("a group", "Body", field(1, 3, field(1, 4, b"")), "author", "a group"),
        ("a group's end", "Body", field(1, 4, b""), "author", "a group's end"),
        ("a number where text belongs", "Body", field(1, 0, b"\x01"), "author", "a varint"),
        ("text where a number belongs", "Body", text(3, b"\x01"), "expires_at_ms", "length-delimited"),
        ("8 fixed bytes", "Body", field(3, 1, bytes(8)), "expires_at_ms", "8 bytes"),
        ("4 fixed bytes", "Body", field(3, 5, bytes(4)), "expires_at_ms", "4 bytes"),
        ("wire type 6", "Body", field(3, 6, b""), "expires_at_ms", "unknown wire type"),
        (
            "lists interleaved",
            "Result",
            text(1, b"") + text(3, b"\x01") + text(1, b""),
            "lots_used",
            "ascend",
        ),
    ]


def _lengths() -> list[Case]:
    good = canonical(example())
    return [
        ("cut short", "Body", good[:-1], "transfer", "are announced"),
        ("a byte too many", "Body", good + b"\x0a", "author", "ascend"),
        ("an empty text, written", "Body", text(1, b""), "author", "is empty"),
        ("empty bytes, written", "Body", text(2, b""), "nonce", "is empty"),
        ("text that is not UTF-8", "Body", text(1, b"\xff"), "author", "UTF-8"),
        ("an overlong UTF-8 form", "Body", text(1, b"\xc0\xaf"), "author", "UTF-8"),
        ("a UTF-8 surrogate", "Body", text(1, b"\xed\xa0\x80"), "author", "UTF-8"),
        (
            "a length beyond its message",
            "Body",
            text(32, text(1, b"\x0a\x7fab")),
            "transfer.legs[0].payer",
            "announced",
        ),
        ("a length of 2^63", "Body", b"\x0a" + varint(2**63), "author", "announced"),
    ]


def _lists() -> list[Case]:
    return [
        ("numbers not packed", "Result", field(2, 0, b"\x01"), "issuer_only_lines", "a varint"),
        ("an empty packed list", "Result", text(2, b""), "issuer_only_lines", "list is empty"),
        ("a packed list in two parts", "Result", text(2, b"\x01") * 2, "issuer_only_lines", "two parts"),
        (
            "a packed varint too long",
            "Result",
            text(2, b"\x01\x81\x00"),
            "issuer_only_lines[1]",
            "longer than need",
        ),
        ("a packed number too great", "Result", text(2, varint(2**32)), "issuer_only_lines[0]", "32 bits"),
    ]
