"""Changes to bytes that know nothing of their form: flips, cuts, copies, splices, and long runs."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

BYTES_MAX = 2 << 20
"""Inputs do not grow beyond this, or every one would be slow."""
NASTY = (0, 1, 0x7F, 0x80, 0xFF, 0x0A, 0x22, 0x27, 0x5C, 0x7C, 0x1B)


def mutate(chance: Random, data: bytes, pool: Sequence[bytes]) -> bytes:
    """One to four changes."""
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        _CHANGES[chance.randrange(len(_CHANGES))](chance, out, pool)
    return bytes(out[:BYTES_MAX])


def _flip(chance: Random, out: bytearray, _: Sequence[bytes]) -> None:
    if out:
        out[chance.randrange(len(out))] ^= 1 << chance.randrange(8)


def _overwrite(chance: Random, out: bytearray, _: Sequence[bytes]) -> None:
    if out:
        out[chance.randrange(len(out))] = chance.choice(NASTY)


def _insert(chance: Random, out: bytearray, _: Sequence[bytes]) -> None:
    at = chance.randint(0, len(out))
    out[at:at] = bytes(chance.choice(NASTY) for _ in range(chance.choice((1, 2, 8))))


def _cut(chance: Random, out: bytearray, _: Sequence[bytes]) -> None:
    at, length = _slice(chance, out)
    del out[at : at + length]


def _truncate(chance: Random, out: bytearray, _: Sequence[bytes]) -> None:
    del out[chance.randint(0, len(out)) :]


def _repeat(chance: Random, out: bytearray, _: Sequence[bytes]) -> None:
    at, length = _slice(chance, out)
    times = chance.choice((1, 2, 10, 100, 5_000))
    piece = bytes(out[at : at + length])[: max(1, 200_000 // times)]
    out[at:at] = piece * times


def _move(chance: Random, out: bytearray, _: Sequence[bytes]) -> None:
    at, length = _slice(chance, out)
    piece = bytes(out[at : at + length])
    del out[at : at + length]
    to = chance.randint(0, len(out))
    out[to:to] = piece


def _splice(chance: Random, out: bytearray, pool: Sequence[bytes]) -> None:
    other = pool[chance.randrange(len(pool))]
    if other:
        start = chance.randrange(len(other))
        at = chance.randint(0, len(out))
        out[at:] = other[start:]


def _number(chance: Random, out: bytearray, _: Sequence[bytes]) -> None:
    """Overwrites some bytes by a number that is at an edge."""
    width = chance.choice((1, 2, 4, 8))
    edge = chance.choice((0, 1, (1 << (8 * width)) - 1, 1 << (8 * width - 1), (1 << (8 * width - 1)) - 1))
    at = chance.randint(0, len(out))
    out[at : at + width] = edge.to_bytes(width)


def _slice(chance: Random, out: bytearray) -> tuple[int, int]:
    if not out:
        return 0, 0
    at = chance.randrange(len(out))
    return at, chance.randint(1, min(len(out) - at, chance.choice((1, 4, 32, 1_000_000))))


_CHANGES = (_flip, _flip, _overwrite, _insert, _cut, _truncate, _repeat, _move, _splice, _number)
