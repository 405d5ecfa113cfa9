"""Transactions of many calls go to the peers in few frames; of few calls at once. On a simulated clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any

import pytest

from node.forwarding import GATHERED_MAX, Forwarding
from tests.sim.clock import SimulatedLoop, rest

Sent = list[tuple[int, list[bytes]]]
"""Milliseconds since the beginning, and what the frame holds."""
Scene = Callable[[Forwarding], Coroutine[Any, Any, None]]


def frames_of(scene: Scene) -> Sent:
    """What is sent when."""
    sent: Sent = []

    async def played() -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        await scene(Forwarding(lambda raws: sent.append((round((clock() - began) * 1000), raws))))
        await rest(1)

    loop = SimulatedLoop()
    try:
        loop.run_until_complete(played())
    finally:
        loop.end()
    assert not loop.failures
    return sent


def test_calls_that_come_seldom_wait_for_nothing() -> None:
    async def scene(forwarding: Forwarding) -> None:
        for number in range(4):
            forwarding.put([b"%d" % number])
            await rest(0.006)

    assert frames_of(scene) == [(0, [b"0"]), (6, [b"1"]), (12, [b"2"]), (18, [b"3"])]


def test_calls_that_come_at_once_share_a_frame() -> None:
    async def scene(forwarding: Forwarding) -> None:
        for number in range(5):
            forwarding.put([b"%d" % number])

    assert frames_of(scene) == [(0, [b"0"]), (5, [b"1", b"2", b"3", b"4"])]


def test_the_more_calls_there_are_the_longer_they_gather_up_to_a_bound() -> None:
    async def scene(forwarding: Forwarding) -> None:
        for number in range(100):
            forwarding.put([b"%d" % number])
            await rest(0.002)

    frames = frames_of(scene)
    assert b"".join(raw for _, frame in frames for raw in frame) == b"".join(b"%d" % n for n in range(100))
    times = [at for at, _ in frames]
    between = [later - earlier for earlier, later in pairwise(times)]
    assert between[:-1] == sorted(between[:-1])
    assert between[0] == 5 and max(between) == 40


@pytest.mark.parametrize("size", [1, GATHERED_MAX - 1])
def test_what_is_worth_a_frame_goes_at_once(size: int) -> None:
    async def scene(forwarding: Forwarding) -> None:
        forwarding.put([b"first"])
        forwarding.put([b"x"] * size)
        forwarding.put([b"y"] * GATHERED_MAX)

    assert [(at, len(frame)) for at, frame in frames_of(scene)] == [(0, 1), (0, size + GATHERED_MAX)]


def test_what_is_gathered_is_sent_when_it_is_asked_for_and_once() -> None:
    async def scene(forwarding: Forwarding) -> None:
        forwarding.put([b"first"])
        forwarding.put([b"second"])
        await rest(0.001)
        forwarding.flush()
        forwarding.flush()

    assert frames_of(scene) == [(0, [b"first"]), (1, [b"second"])]
