"""Transactions of many calls go to the peers in few frames; of few calls at once. On a simulated clock."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any

import pytest

from node.forwarding import GATHER_SECONDS_MAX, GATHERED_MAX, Forwarding
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


def test_after_a_burst_calls_that_come_seldom_soon_wait_for_nothing_again() -> None:
    async def scene(forwarding: Forwarding) -> None:
        for _ in range(30):
            forwarding.put([b"burst"])
        for number in range(100):
            await rest(0.006)
            forwarding.put([b"%d" % number])

    frames = frames_of(scene)
    assert sum(len(frame) for _, frame in frames) == 30 + 100
    assert frames[-50:] == [(6 * (number + 1), [b"%d" % number]) for number in range(50, 100)]


@pytest.mark.parametrize("seed", range(20))
def test_everything_is_sent_once_and_in_order_and_waits_no_longer_than_the_bound(seed: int) -> None:
    chance = random.Random(seed)
    sizes = (1,) if seed % 2 else (1, 1, 1, 3, GATHERED_MAX, 2 * GATHERED_MAX)
    put_ms: list[int] = []

    async def scene(forwarding: Forwarding) -> None:
        now_ms = 0
        for _ in range(300):
            size = chance.choice(sizes)
            forwarding.put([b"%d" % (len(put_ms) + place) for place in range(size)])
            put_ms.extend([now_ms] * size)
            pause_ms = chance.choice((0, 0, 0, 1, 4, 6, 30, 100))
            if pause_ms:
                await rest(pause_ms / 1000)
                now_ms += pause_ms

    sent = [(at, int(raw)) for at, frame in frames_of(scene) for raw in frame]
    assert [number for _, number in sent] == list(range(len(put_ms)))
    assert max(at - put_ms[number] for at, number in sent) <= 1_000 * GATHER_SECONDS_MAX


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
