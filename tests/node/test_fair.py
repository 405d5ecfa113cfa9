"""Everybody is served in turn, whatever one of them sends."""

from __future__ import annotations

import pytest

from node.fair import FairQueue


def taken(queue: FairQueue[int]) -> list[tuple[object, int]]:
    return [queue.take() for _ in range(len(queue))]


def test_sources_take_turns_and_keep_their_order() -> None:
    queue: FairQueue[int] = FairQueue()
    for number in range(4):
        queue.put("flood", number)
    queue.put("a", 10)
    queue.put("b", 20)
    queue.put("a", 11)
    assert taken(queue) == [
        ("flood", 0),
        ("a", 10),
        ("b", 20),
        ("flood", 1),
        ("a", 11),
        ("flood", 2),
        ("flood", 3),
    ]


def test_what_is_not_finished_comes_back_first_of_its_source() -> None:
    queue: FairQueue[int] = FairQueue()
    queue.put("a", 1)
    queue.put("a", 2)
    queue.put("b", 3)
    source, item = queue.take()
    queue.put_back(source, item)
    assert taken(queue) == [("b", 3), ("a", 1), ("a", 2)]


def test_what_a_source_no_longer_wants_is_forgotten() -> None:
    queue: FairQueue[int] = FairQueue()
    for number in range(3):
        queue.put("a", number)
    queue.put("b", 9)
    queue.drop("a", lambda number: number != 1)
    queue.drop("nobody", lambda number: True)
    assert (len(queue), taken(queue)) == (2, [("a", 1), ("b", 9)])
    queue.put("a", 4)
    queue.drop("a", lambda number: True)
    assert len(queue) == 0


def test_there_is_nothing_to_take_from_an_empty_queue() -> None:
    with pytest.raises(IndexError, match="nothing is queued"):
        FairQueue[int]().take()
