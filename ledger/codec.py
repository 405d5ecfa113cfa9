"""Canonical bytes of state records, and the records themselves back from bytes.

Encoding is ours (a hash of these bytes is what validators sign, so no library may change its mind about
them); it writes what docs/encoding.md calls canonical protobuf. Decoding goes through the generated
message, and is only used on bytes that this module wrote.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

from google.protobuf.message import Message

make: Final[Callable[[type[Any], tuple[Any, ...]], Any]] = tuple.__new__
"""A record of a type from its fields in order, at half the cost of calling the type."""
_UVARINT_ONE: Final = [bytes([n]) for n in range(128)]


def uvarint(value: int) -> bytes:
    """Minimal varint of `value` (0 to 2^64 - 1)."""
    if value < 1 << 7:
        return _UVARINT_ONE[value]
    if value < 1 << 14:
        return bytes((value & 127 | 128, value >> 7))
    if value < 1 << 21:
        return bytes((value & 127 | 128, value >> 7 & 127 | 128, value >> 14))
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _tag(number: int, wire_type: int) -> bytes:
    return uvarint(number << 3 | wire_type)


def _uint(number: int) -> Callable[[Any], bytes]:
    tag = _tag(number, 0)
    return lambda value: tag + (_UVARINT_ONE[value] if value < 128 else uvarint(value))


def _sint(number: int) -> Callable[[Any], bytes]:
    tag = _tag(number, 0)
    return lambda value: tag + uvarint(value << 1 if value >= 0 else (-value << 1) - 1)


def _bytes(number: int) -> Callable[[Any], bytes]:
    tag = _tag(number, 2)
    return lambda value: tag + uvarint(len(value)) + value


def _text(number: int) -> Callable[[Any], bytes]:
    to_bytes = _bytes(number)
    return lambda value: to_bytes(value.encode())


def _texts(number: int) -> Callable[[Any], bytes]:
    to_bytes = _bytes(number)
    return lambda values: b"".join([to_bytes(value.encode()) for value in values])


def _blobs(number: int) -> Callable[[Any], bytes]:
    to_bytes = _bytes(number)
    return lambda values: b"".join([to_bytes(value) for value in values])


def _record(number: int) -> Callable[[Any], bytes]:
    to_bytes = _bytes(number)
    return lambda value: to_bytes(SCHEMAS[type(value)].encode(value))


def _records(number: int) -> Callable[[Any], bytes]:
    to_bytes = _bytes(number)
    return lambda values: b"".join([to_bytes(SCHEMAS[type(value)].encode(value)) for value in values])


_TRANSACTION: Final = _tag(1, 2)
_RESULT: Final = _tag(2, 2)


def log_entry(transaction: bytes, result: bytes) -> bytes:
    """Canonical bytes of a LogEntry, of which the log's leaf is the hash."""
    written = _TRANSACTION + uvarint(len(transaction)) + transaction
    return written + _RESULT + uvarint(len(result)) + result if result else written


FIELD_WRITERS: Final[dict[str, Callable[[int], Callable[[Any], bytes]]]] = {
    "uint": _uint,
    "sint": _sint,
    "bool": _uint,  # True is 1
    "bytes": _bytes,
    "text": _text,
    "texts": _texts,
    "blobs": _blobs,
    "record": _record,
    "records": _records,
    "message": _bytes,  # a sub-message kept as its canonical bytes, never empty; None is absent
}
"""Writers of fields that are not at their default: those are not written at all."""


def _read_tuple(_: Any, value: Any) -> tuple[Any, ...]:
    return tuple(value[:])  # a slice is a plain list: to go through protobuf's own costs twice as much


def _reader(name: str, kind: str, sub: Any) -> Callable[[Any, Any], Any] | None:
    """How an item is made of its message and field; None: the field's value is the item."""
    if kind in ("texts", "blobs"):
        return _read_tuple
    if kind == "records":
        return lambda _, value: tuple([make(sub, SCHEMAS[sub].values(each)) for each in value[:]])
    if kind == "record":
        return lambda message, value: (
            make(sub, SCHEMAS[sub].values(value)) if message.HasField(name) else None
        )
    if kind == "message":
        return lambda message, value: (
            value.SerializeToString(deterministic=True) if message.HasField(name) else None
        )
    return None


class Schema:
    """How one record type is written and read: (name, kind, sub-record type) in field order, from 1."""

    def __init__(self, message: type[Message], *fields: tuple[str, str] | tuple[str, str, Any]) -> None:
        self.message = message
        self.fields: list[tuple[str, str, Any]] = [
            (f[0], f[1], f[2] if len(f) == 3 else None) for f in fields
        ]
        names = [name for name, _, _ in self.fields]
        # One name gives a value, several a tuple of them.
        self._getter: Callable[[Any], tuple[Any, ...]] = (
            attrgetter(*names) if len(names) > 1 else lambda message: (getattr(message, names[0]),)
        )
        self._readers = [
            (place, read) for place, each in enumerate(self.fields) if (read := _reader(*each)) is not None
        ]
        self.writers = [FIELD_WRITERS[kind](number) for number, (_, kind, _sub) in enumerate(self.fields, 1)]

    def encode(self, record: tuple[Any, ...]) -> bytes:
        """Canonical bytes of `record`, whose items are in field order."""
        return b"".join([write(value) for write, value in zip(self.writers, record, strict=True) if value])

    def values(self, message: Any) -> tuple[Any, ...]:
        """The items of the record that `message` carries, in field order."""
        values = self._getter(message)
        if not self._readers:
            return values
        items = list(values)
        for place, read in self._readers:
            items[place] = read(message, items[place])
        return tuple(items)


SCHEMAS: Final[dict[type, Schema]] = {}
"""Every record type (a NamedTuple) with how it is written; filled by `records.py`."""


def encode(record: tuple[Any, ...]) -> bytes:
    """Canonical bytes of a record; empty when every field is at its default."""
    return SCHEMAS[type(record)].encode(record)
