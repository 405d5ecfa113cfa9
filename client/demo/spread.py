"""Spreads a total over parts, exactly and from a seed.

Decides nothing about time banks: integers in, integers out, the sum always exact. Uses only
`Random.randrange`, whose sequence for a seed does not change between versions of Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random


def by_weight(total: int, weights: Sequence[int], least: int = 0) -> list[int]:
    """`total` in parts proportional to `weights`, each at least `least`; largest remainders get the rest.

    Raises ValueError when `total` is too small for that.
    """
    rest = total - least * len(weights)
    if rest < 0 or not weights:
        raise ValueError(f"{total} cannot be spread over {len(weights)} parts of at least {least}")
    whole = sum(weights)
    parts = [least + rest * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda index: (-(rest * weights[index] % whole), index))
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    return parts


def random_weights(count: int, low: int, high: int, chance: Random) -> list[int]:
    """`count` weights from `low` to `high`, both included."""
    return [chance.randrange(low, high + 1) for _ in range(count)]


def in_pieces(total: int, low: int, high: int, chance: Random) -> list[int]:
    """`total` as pieces from `low` to `high` each, drawn evenly; the last ones make the sum exact.

    `high` must be at least twice `low`, so that every rest can be divided.
    """
    pieces: list[int] = []
    left = total
    while left > high:
        # What remains must be none, or at least `low`.
        piece = chance.randrange(low, min(high, left - low) + 1)
        pieces.append(piece)
        left -= piece
    if left:
        pieces.append(left)
    return pieces


def shuffled(items: Sequence[int], chance: Random) -> list[int]:
    """The items in a random order (Fisher and Yates)."""
    result = list(items)
    for index in range(len(result) - 1, 0, -1):
        other = chance.randrange(index + 1)
        result[index], result[other] = result[other], result[index]
    return result
