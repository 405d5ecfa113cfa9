"""The simulator's own parts: what its disk loses, how its clock stops a process, what a failure says."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from typing import Any

import pytest

from node.store import META, Batch, StoreDamaged, StoreError
from tests.sim.__main__ import Tally, failure, table
from tests.sim.byzantine import STRATEGIES
from tests.sim.clock import START_SECONDS, Process, SimulatedCrash, SimulatedLoop, rest
from tests.sim.disk import Chances, Disk, SimulatedDatabase
from tests.sim.plan import DAMAGES, plan_of
from tests.sim.run import Report

GENESIS = bytes(32)


def opened(disk: Disk) -> SimulatedDatabase:
    return SimulatedDatabase(disk, GENESIS)


def batch(*names: bytes) -> Batch:
    made = Batch()
    for name in names:
        made.put(META + name, b"1")
    return made


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    loop = SimulatedLoop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.end()


def test_a_power_cut_loses_what_was_not_synced_and_nothing_else() -> None:
    disk = Disk(random.Random(1), "andes")
    database = opened(disk)
    database.write(batch(b"synced"))
    for number in range(20):
        database.write(batch(b"a%d" % number), sync=False)
    disk.lose_power()
    kept = [number for number in range(20) if database.get(META + b"a%d" % number)]
    assert database.get(META + b"synced") == b"1"
    assert kept == list(range(len(kept)))
    assert len(kept) < 20


def test_what_was_not_synced_may_survive_in_another_order() -> None:
    disk = Disk(random.Random(1), "andes", chances=Chances(reordered=True))
    database = opened(disk)
    for number in range(20):
        database.write(batch(b"a%d" % number), sync=False)
    disk.lose_power()
    kept = [number for number in range(20) if database.get(META + b"a%d" % number)]
    assert kept != list(range(len(kept)))


@pytest.mark.parametrize(("where", "survives"), [("before", False), ("torn", False), ("after", True)])
def test_the_power_may_go_before_in_and_after_a_write(where: str, survives: bool) -> None:
    disk = Disk(random.Random(1), "andes")
    database = opened(disk)
    setattr(disk.chances, f"crash_{where}", 1.0)
    with pytest.raises(SimulatedCrash, match="andes: the power went"):
        database.write(batch(b"one", b"two"))
    disk.lose_power()
    assert [database.get(META + name) is not None for name in (b"one", b"two")] == [survives] * 2


def test_a_full_disk_and_a_rotten_one_are_said_in_production_s_words() -> None:
    disk = Disk(random.Random(1), "andes")
    database = opened(disk)
    database.write(batch(b"one"))
    disk.is_full = True
    with pytest.raises(StoreError, match="no space left on device; check that the disk has space"):
        database.write(batch(b"two"))
    disk.rotten.add(META + b"one")
    with pytest.raises(StoreDamaged, match=r"the database is damaged .*checksum mismatch"):
        database.get(META + b"one")


def test_simulated_time_passes_without_waiting() -> None:
    async def night() -> float:
        await rest(8 * 3600)
        return asyncio.get_running_loop().time()

    assert run(night()) == START_SECONDS + 8 * 3600


def test_a_paused_process_goes_on_later_and_a_killed_one_never() -> None:
    seen: list[tuple[str, float]] = []

    async def count(name: str) -> None:
        while True:
            await rest(1.0)
            seen.append((name, asyncio.get_running_loop().time() - START_SECONDS))

    async def world() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        paused, killed = Process("paused"), Process("killed")
        tasks = [loop.spawn(paused, count("paused")), loop.spawn(killed, count("killed"))]
        await rest(1.5)
        loop.pause(paused, 3.0)
        killed.is_dead = True
        await rest(4.2)
        assert not any(task.done() for task in tasks)

    run(world())
    assert seen[:2] == [("paused", 1.0), ("killed", 1.0)]
    assert [at for name, at in seen if name == "paused"] == [1.0, 4.5, 5.5]
    assert [at for name, at in seen if name == "killed"] == [1.0]


def test_a_task_that_waits_for_nothing_is_an_error_and_no_hang() -> None:
    async def for_ever() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match="nothing will ever happen again"):
        run(for_ever())


def test_a_failure_names_its_seed_and_the_command_that_shows_it() -> None:
    report = Report(7, 4, violations=["two blocks are final at height 9"])
    assert failure(report) == (
        "seed 7 (4 members): two blocks are final at height 9\n"
        "  see it step by step: ./scripts/simulate --replay 7"
    )
    assert failure(report, 4, 60.0).endswith("--replay 7 --members 4 --trouble 60")
    tally = Tally()
    tally.add(report)
    tally.add(Report(8, 4))
    shown = table(tally.summary())
    assert "2 seeds" in shown
    assert "failed: [7]" in shown


def test_a_plan_never_has_more_faulty_members_than_the_protocol_bears_and_every_strategy_comes() -> None:
    plans = [plan_of(seed, STRATEGIES) for seed in range(3_000)]
    for plan in plans:
        assert len(plan.liars) + len(plan.damaged) <= plan.faulty_max
        assert not plan.liars.keys() & plan.damaged.keys()
    assert {each for plan in plans for each in plan.liars.values()} == set(STRATEGIES)
    assert {each for plan in plans for each in plan.damaged.values()} == set(DAMAGES)
    assert {plan.members for plan in plans} == {1, 4, 5, 7, 10, 13}
