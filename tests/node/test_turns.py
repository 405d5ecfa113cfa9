"""Clients have their turn one after another, each client in turn, and consensus in between."""

from __future__ import annotations

import asyncio

import pytest

from node import turns as module
from node.calls import TooMany
from node.turns import Turn, Turns
from tests.node.running import Rounds, tick


async def work(turns: Turns, client: str, done: list[str]) -> None:
    async with turns.of(client):
        done.append(client)


async def test_a_client_that_asks_much_waits_behind_its_own_calls() -> None:
    turns = Turns()
    done: list[str] = []
    async with turns.of("somebody"):
        flood = [asyncio.create_task(work(turns, "flood", done)) for _ in range(50)]
        await until_waiting(turns, 50)
        honest = asyncio.create_task(work(turns, "honest", done))
        await until_waiting(turns, 51)
    await asyncio.gather(*flood, honest)
    assert done.index("honest") <= 1
    assert done.count("flood") == 50


async def until_waiting(turns: Turns, count: int) -> None:
    async with asyncio.timeout(5):
        while len(turns._waiting) < count:
            await tick()


async def test_the_event_loop_turns_between_two_pieces_of_work() -> None:
    """A thousand calls that are ready at once do not all run before consensus does."""
    turns = Turns()
    seen: list[str] = []
    running = True

    async def consensus() -> None:
        while running:
            seen.append("consensus")
            await tick()

    async with turns.of("first"):
        calls = [asyncio.create_task(work(turns, "a", seen)) for _ in range(100)]
        await until_waiting(turns, 100)
        other = asyncio.create_task(consensus())
    await asyncio.gather(*calls)
    running = False
    await other
    text = "".join(each[0] for each in seen if each in ("a", "consensus"))
    assert "aa" not in text.strip("c")


async def test_of_calls_that_are_ready_at_once_no_more_are_worked_on_in_a_turn_once_they_took_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody waits yet when the first of them begins, and each is done before the next one asks."""

    async def rounds_of_a_hundred() -> int:
        turns, seen = Turns(), list[int]()
        rounds = Rounds(lambda: len(seen) < 100)

        async def piece() -> None:
            async with turns.of("a"):
                seen.append(rounds.count)

        await asyncio.gather(*[piece() for _ in range(100)])
        assert not turns._is_busy or turns._is_resting
        return len(set(seen))

    assert await rounds_of_a_hundred() < 100
    monkeypatch.setattr(module, "ROUND_SECONDS", 0.0)
    assert await rounds_of_a_hundred() == 100


async def test_a_call_that_is_begun_is_not_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Something may have been taken in; who is told that too many wait may believe that nothing was."""
    monkeypatch.setattr(module, "WAITING_MAX", 1)
    turns = Turns()
    done: list[str] = []

    async def further(turn: Turn) -> None:
        async with turn:
            done.append("further")

    begun = turns.of("a")
    async with begun:
        pass
    async with turns.of("b"):
        waiting = asyncio.create_task(work(turns, "a", done))
        await until_waiting(turns, 1)
        with pytest.raises(TooMany, match="1 calls from this address are waiting already"):
            await work(turns, "a", done)
        more = asyncio.create_task(further(begun))
        await until_waiting(turns, 2)
    await asyncio.gather(waiting, more)
    assert done == ["a", "further"]


async def test_nobody_waits_where_nobody_works() -> None:
    turns = Turns()
    for _ in range(3):
        async with turns.of("a"):
            pass
    assert len(turns._waiting) == 0


async def test_a_call_that_is_cancelled_passes_its_turn_on() -> None:
    turns = Turns()
    done: list[str] = []
    await turns.enter("first")
    gone = asyncio.create_task(work(turns, "gone", done))
    await until_waiting(turns, 1)
    also = asyncio.create_task(work(turns, "also gone", done))
    last = asyncio.create_task(work(turns, "last", done))
    await until_waiting(turns, 3)
    gone.cancel()
    await tick()
    turns.leave()
    also.cancel()  # its turn may have come in this very moment
    await last
    assert done[-1] == "last"
    async with turns.of("next"):
        assert "gone" not in done


async def test_one_client_has_only_so_many_calls_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING_MAX", 2)
    turns = Turns()
    done: list[str] = []
    async with turns.of("a"):
        waiting = [asyncio.create_task(work(turns, "a", done)) for _ in range(2)]
        await until_waiting(turns, 2)
        with pytest.raises(TooMany, match="2 calls from this address are waiting already"):
            await turns.enter("a")
        other = asyncio.create_task(work(turns, "b", done))
        await until_waiting(turns, 3)
    await asyncio.gather(*waiting, other)
    assert sorted(done) == ["a", "a", "b"]
    assert len(turns._count) == 0
