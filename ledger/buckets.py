"""One bucket of the state tree in memory: its records, with their hashes, packed into one bytes object.

There are millions of records, and an object of Python's for each would take half as much again. A bucket
is: where each record's value starts, and where the last one ends (4 bytes each, big-endian); then, for each
record ascending by key hash, key hash ‖ value hash, as it is hashed; then the values. The first number says
how many records there are. One record in a million is in no cache of the processor, so that what is read
first stands together. No other process ever sees these bytes.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate, pairwise
from typing import Final

from proofs import statetree as shape

Record = tuple[bytes, bytes, bytes]
"""Key hash, value hash, value."""

_HASH: Final = 32
_ENTRY: Final = 2 * _HASH
_NUMBER: Final = 4
_START_AND_END: Final = struct.Struct(">II")


def packed(records: Iterable[Record]) -> bytes:
    """The bucket of these records, which come in any order."""
    ordered = sorted(records)
    hashes = [key_hash + value_hash for key_hash, value_hash, _ in ordered]
    return _joined(b"".join(hashes), [value for _, _, value in ordered])


def _joined(hashes: bytes, values: list[bytes]) -> bytes:
    hashes_at = _NUMBER * (len(values) + 1)
    starts = accumulate(map(len, values), initial=hashes_at + len(hashes))
    return b"".join((struct.pack(f">{len(values) + 1}I", *starts), hashes, *values))


EMPTY: Final = packed(())
"""Of no records."""


def hashes_of(bucket: bytes) -> bytes:
    """Key hash ‖ value hash of each record, one after the other: what the bucket's hash is made of."""
    hashes_at, values_at = _parts(bucket)
    return bucket[hashes_at:values_at]


def value_of(bucket: bytes, key_hash: bytes) -> bytes | None:
    """The value of a record, None when it is not there."""
    hashes_at, values_at = _parts(bucket)
    at = _found(bucket, hashes_at, values_at, key_hash)
    if at < 0:
        return None
    start, end = _value_at(bucket, (at - hashes_at) // _ENTRY)
    return bucket[start:end]


def with_value(bucket: bytes, key_hash: bytes, value: bytes) -> bytes:
    """The bucket after a record is written; empty bytes delete it."""
    hashes_at, values_at = _parts(bucket)
    at = _found(bucket, hashes_at, values_at, key_hash)
    if at >= 0:
        start, end = _value_at(bucket, (at - hashes_at) // _ENTRY)
        if end - start == len(value):  # as most often: nothing moves
            value_hash = shape.value_hash(value)
            parts = bucket[: at + _HASH], value_hash, bucket[at + _ENTRY : start], value, bucket[end:]
            return b"".join(parts)
    entries = [bucket[each : each + _ENTRY] for each in range(hashes_at, values_at, _ENTRY)]
    starts = struct.unpack_from(f">{len(entries) + 1}I", bucket)
    values = [bucket[start:end] for start, end in pairwise(starts)]
    place = bisect_left(entries, key_hash)
    old = slice(place, place + 1 if at >= 0 else place)
    entries[old] = [key_hash + shape.value_hash(value)] if value else []
    values[old] = [value] if value else []
    return _joined(b"".join(entries), values)


def _parts(bucket: bytes) -> tuple[int, int]:
    """Where its hashes start, and where its values do."""
    values_at = int.from_bytes(bucket[:_NUMBER])
    return values_at // (_NUMBER + _ENTRY) * _NUMBER + _NUMBER, values_at


def _found(bucket: bytes, hashes_at: int, values_at: int, key_hash: bytes) -> int:
    """Where a record's hashes start, -1 when it is not there."""
    at = bucket.find(key_hash, hashes_at, values_at)
    while at >= 0 and (at - hashes_at) % _ENTRY:  # a value's hash, or parts of two hashes
        at = bucket.find(key_hash, at + 1, values_at)
    return at


def _value_at(bucket: bytes, place: int) -> tuple[int, int]:
    """From where to where a record's value is."""
    start, end = _START_AND_END.unpack_from(bucket, place * _NUMBER)
    return start, end
