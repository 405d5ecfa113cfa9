"""What `--exhaustive` and `--exhaustive-part` ask for: everything, or one of so many equal parts of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Part:
    """The `number`th of `count` parts, counted from 1; together they are everything, each thing once."""

    number: int = 1
    count: int = 1

    def of(self, things: Sequence[T]) -> Sequence[T]:
        """The part of a sequence: what is between two places of it."""
        start, end = (len(things) * number // self.count for number in (self.number - 1, self.number))
        return things[start:end]

    @property
    def is_first(self) -> bool:
        """Whether what is not divided belongs to this part."""
        return self.number == 1


def part_of(words: str) -> Part:
    """The part that "K/N" names. Raises `ValueError`."""
    found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", words)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise ValueError(f"{words} is no part: 3/32 is the third of 32")
    return Part(int(found[1]), int(found[2]))
