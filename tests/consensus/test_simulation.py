"""The production machine over a simulated network, from seeds: agreement, durability, liveness, quiet.

No seed is excluded. A failure names its seed; `run_seed(seed, members)` repeats it exactly.
"""

from __future__ import annotations

import random

import pytest

from consensus.events import ALARM_UNTIMELY_PROPOSAL
from tests.consensus.simulation import Faults, Simulation

SEEDS = {1: 40, 4: 160, 7: 40}
FAULTY_MS = 15_000
HEAL_MS = 25_000
"""After everything is repaired, all must be final within this: a timeout that grew to its cap, and a few views."""


def run_seed(seed: int, members: int) -> Simulation:
    """Faults for a while, chosen by the seed; then repair, and everything becomes final."""
    chance = random.Random(seed)
    faults = Faults(
        loss=chance.choice([0, 0.02, 0.3]),
        duplication=chance.choice([0, 0.2]),
        delay_min_ms=1,
        delay_max_ms=chance.choice([2, 50, 700]),
        crash_in_step=chance.choice([0, 0.002, 0.01]),
    )
    simulation = Simulation(seed, members, faults)
    simulation.start_all()
    time_ms = 0
    while time_ms < FAULTY_MS:
        time_ms += chance.randrange(50, 1_500)
        simulation.run(time_ms)
        match chance.randrange(6):
            case 0 | 1 | 2:
                simulation.submit(chance.randrange(1, 6))
            case 3:
                nodes = list(range(members))
                chance.shuffle(nodes)
                cut = chance.randrange(members + 1)
                simulation.partition(set(nodes[:cut]), set(nodes[cut:]))
            case 4:
                simulation.groups = None
            case 5:
                victims = chance.sample(range(members), chance.randrange(1, members + 1))
                for victim in victims:
                    simulation.crash(victim)
                for victim in victims:
                    back_ms = time_ms + chance.randrange(10, 4_000)
                    simulation.at(back_ms, lambda victim=victim: restart(simulation, victim))
    simulation.heal()
    for index in range(members):
        restart(simulation, index)
    simulation.submit()
    done = simulation.run(simulation.now_ms + HEAL_MS, simulation.all_final)
    assert done, f"seed {seed}: not everything is final: {state_of(simulation)}"
    return simulation


def restart(simulation: Simulation, index: int) -> None:
    if simulation.nodes[index].machine is None:
        simulation.start(index)


def state_of(simulation: Simulation) -> list[object]:
    return [
        (node.machine.view, node.machine.height, len(node.ledger.final_transactions), node.machine.lock)
        for node in simulation.nodes
        if node.machine is not None
    ]


@pytest.mark.parametrize("members", SEEDS)
def test_under_any_faults_all_agree_and_everything_becomes_final(members: int) -> None:
    for seed in range(SEEDS[members]):
        simulation = run_seed(seed, members)
        alarms = {alarm.code for node in simulation.nodes for alarm in node.alarms}
        assert alarms <= {ALARM_UNTIMELY_PROPOSAL}, f"seed {seed}: {alarms}"  # sent again after a long cut
        assert (simulation.evidence, simulation.peer_faults) == ([], []), f"seed {seed}"
        assert len({tuple(node.ledger.final_transactions) for node in simulation.nodes}) == 1, f"seed {seed}"
        final = simulation.nodes[0].ledger.final_transactions
        assert sorted(final) == sorted(simulation.submitted), f"seed {seed}: lost or twice"
        quiet_from_ms = simulation.now_ms + 12_000
        simulation.run(quiet_from_ms)
        before = [(node.machine.view, node.persists) for node in simulation.nodes if node.machine]
        simulation.run(quiet_from_ms + 20_000)
        after = [(node.machine.view, node.persists) for node in simulation.nodes if node.machine]
        assert after == before, f"seed {seed}: not quiet"
