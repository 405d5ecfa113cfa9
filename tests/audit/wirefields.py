"""Which field of which message each byte of a canonical file belongs to, so that none goes unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from google.protobuf.message import Message

from ayni.v1.block_pb2 import BlockBody, Header
from ayni.v1.genesis_pb2 import Genesis
from ayni.v1.transaction_pb2 import Body, SignedTransaction

LENGTH_DELIMITED = 2
INSIDE: dict[str, type[Message]] = {
    "ayni.v1.CertifiedBlock.header": Header,
    "ayni.v1.CertifiedBlock.body": BlockBody,
    "ayni.v1.BlockBody.transactions": SignedTransaction,
    "ayni.v1.SignedTransaction.body": Body,
    "ayni.v1.SignedGenesis.body": Genesis,
}
"""What lies in fields that are bytes to protobuf."""


class Span(NamedTuple):
    """Bytes of one part of one field."""

    path: str
    """Names of the fields on the way, without indices, and which part it is: "header.view value"."""
    start: int
    end: int


def spans(data: bytes, message: type[Message], at: int = 0) -> Iterator[Span]:
    """Every byte of a canonical message in one span; `at`: where the message begins in its file."""
    return _spans(data, message.DESCRIPTOR, at, "")


def _spans(data: bytes, descriptor: Any, at: int, path: str) -> Iterator[Span]:
    position = 0
    while position < len(data):
        key, after = _varint(data, position)
        field = descriptor.fields_by_number[key >> 3]
        name = f"{path}.{field.name}".lstrip(".")
        yield Span(f"{name} tag", at + position, at + after)
        value, position = _varint(data, after)
        if key & 7 != LENGTH_DELIMITED:
            yield Span(f"{name} value", at + after, at + position)
            continue
        yield Span(f"{name} length", at + after, at + position)
        content = data[position : position + value]
        inside = INSIDE.get(field.full_name)
        inner = field.message_type if inside is None else inside.DESCRIPTOR
        if inner is not None:
            yield from _spans(content, inner, at + position, name)
        elif content:
            yield Span(f"{name} value", at + position, at + position + value)
        position += value


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        shift += 7
        position += 1
        if byte < 0x80:
            return value, position
