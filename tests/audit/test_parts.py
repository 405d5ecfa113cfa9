"""Parts of an exhaustive run are the whole of it together."""

from __future__ import annotations

import pytest

from tests.audit.parts import Part, part_of


@pytest.mark.parametrize(("length", "count"), [(0, 3), (1, 1), (2, 3), (303, 32), (2024, 32), (2024, 5000)])
def test_all_parts_together_are_everything_and_each_thing_once(length: int, count: int) -> None:
    everything = range(length)
    assert [place for number in range(1, count + 1) for place in Part(number, count).of(everything)] == list(
        everything
    )


def test_a_part_is_named_by_its_number_and_how_many_there_are() -> None:
    assert part_of("3/32") == Part(3, 32)
    assert [part_of(words).is_first for words in ("1/2", "2/2")] == [True, False]


@pytest.mark.parametrize("words", ["", "3", "0/4", "5/4", "1/0", "-1/4", "1/4/2", "a/b"])
def test_what_is_no_part_is_refused_in_words(words: str) -> None:
    with pytest.raises(ValueError, match="is no part: 3/32 is the third of 32"):
        part_of(words)
