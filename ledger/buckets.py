"""One bucket of the state tree in memory: its records, with their hashes, packed into one bytes object.

There are millions of records, and an object of Python's for each would take half as much again. A bucket
is, for each record ascending by key hash: key hash ‖ value hash, as it is hashed; then where each value
starts and where the last one ends, counted from the first one's start (4 bytes each); then the values; then
how many records there are (4 bytes). Numbers are big-endian. No other process ever sees these bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from itertools import accumulate
from typing import Final

from proofs import statetree as shape

Record = tuple[bytes, bytes, bytes]
"""Key hash, value hash, value."""

_HASH: Final = 32
_ENTRY: Final = 2 * _HASH
_NUMBER: Final = 4
_START_AND_END: Final = struct.Struct(">II")
EMPTY: Final = bytes(2 * _NUMBER)
"""Of no records: where a first one would start, and their number."""


def packed(records: Iterable[Record]) -> bytes:
    """The bucket of these records, which come in any order."""
    ordered = sorted(records)
    hashes = [key_hash + value_hash for key_hash, value_hash, _ in ordered]
    values = [value for _, _, value in ordered]
    starts = accumulate(map(len, values), initial=0)
    numbers = struct.pack(f">{len(ordered) + 1}I", *starts)
    return b"".join([*hashes, numbers, *values, len(ordered).to_bytes(_NUMBER)])


def hashes_of(bucket: bytes) -> bytes:
    """Key hash ‖ value hash of each record, one after the other: what the bucket's hash is made of."""
    return bucket[: _ENTRY * _count(bucket)]


def value_of(bucket: bytes, key_hash: bytes) -> bytes | None:
    """The value of a record, None when it is not there."""
    count = _count(bucket)
    at, is_there = _place_of(bucket, count, key_hash)
    if not is_there:
        return None
    start, end = _value_at(bucket, count, at)
    return bucket[start:end]


def with_value(bucket: bytes, key_hash: bytes, value: bytes) -> bytes:
    """The bucket after a record is written; empty bytes delete it."""
    count = _count(bucket)
    at, is_there = _place_of(bucket, count, key_hash)
    if not is_there:
        return _spliced(bucket, count, at, 0, key_hash, value)
    start, end = _value_at(bucket, count, at)
    if end - start != len(value):
        return _spliced(bucket, count, at, 1, key_hash, value)
    # As most often: nothing moves.
    value_hash = shape.value_hash(value)
    return b"".join((bucket[: at + _HASH], value_hash, bucket[at + _ENTRY : start], value, bucket[end:]))


def _spliced(bucket: bytes, count: int, at: int, there: int, key_hash: bytes, value: bytes) -> bytes:
    """The bucket with a record, unless its value is empty, where `there` (0 or 1) was."""
    hashes_end = _ENTRY * count
    values_start = hashes_end + _NUMBER * (count + 1)
    starts = struct.unpack_from(f">{count + 1}I", bucket, hashes_end)
    place = at // _ENTRY
    start, end = starts[place], starts[place + there]
    shift = len(value) - (end - start)
    new = [key_hash + shape.value_hash(value)] if value else []
    before, after = starts[: place + 1], starts[place + 1 + there :]
    moved = [*before, *[start + len(value) for _ in new], *[each + shift for each in after]]
    return b"".join(
        (
            bucket[:at],
            *new,
            bucket[at + _ENTRY * there : hashes_end],
            struct.pack(f">{len(moved)}I", *moved),
            bucket[values_start : values_start + start],
            value,
            bucket[values_start + end : -_NUMBER],
            (len(moved) - 1).to_bytes(_NUMBER),
        )
    )


def _count(bucket: bytes) -> int:
    """How many records there are."""
    return int.from_bytes(bucket[-_NUMBER:])


def _place_of(bucket: bytes, count: int, key_hash: bytes) -> tuple[int, bool]:
    """Where a record's hashes start, and whether they are there; if not, where they would."""
    at = bucket.find(key_hash, 0, _ENTRY * count)
    if at >= 0 and at % _ENTRY == 0:
        return at, True
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if bucket[middle * _ENTRY : middle * _ENTRY + _HASH] < key_hash:
            low = middle + 1
        else:
            high = middle
    at = low * _ENTRY
    return at, low < count and bucket[at : at + _HASH] == key_hash


def _value_at(bucket: bytes, count: int, at: int) -> tuple[int, int]:
    """From where to where the value is of the record whose hashes start at `at`."""
    hashes_end = _ENTRY * count
    start, end = _START_AND_END.unpack_from(bucket, hashes_end + at * _NUMBER // _ENTRY)
    values_start = hashes_end + _NUMBER * (count + 1)
    return values_start + start, values_start + end
