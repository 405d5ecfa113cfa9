"""The production machine over a simulated network, from seeds: agreement, durability, liveness, quiet.

No seed is excluded. A failure names its seed; `run_seed(seed, members)` repeats it exactly.
"""

from __future__ import annotations

import random

import pytest

from ayni.v1.block_pb2 import Vote
from consensus.events import ALARM_UNTIMELY_PROPOSAL
from consensus.journal import Journal
from consensus.voting import Ballot
from proofs.membership import Membership
from tests.consensus.simulation import Faults, Simulation

SEEDS = {1: 40, 2: 20, 4: 120, 7: 15}
FAULTY_MS = 15_000
HEAL_MS = 12_000
"""After everything is repaired, all must be final within this: one timeout at its cap, and a few views."""


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
        bring_trouble(simulation, chance)
    simulation.heal()
    for index in range(members):
        restart(simulation, index)
    simulation.submit()
    done = simulation.run(simulation.now_ms + HEAL_MS, simulation.all_final)
    assert done, f"seed {seed}: not everything is final: {state_of(simulation)}"
    return simulation


def bring_trouble(simulation: Simulation, chance: random.Random) -> None:
    """Do one thing to the network: work, a partition (whole or one-way), a pause, or crashes."""
    nodes = list(range(simulation.members))
    chance.shuffle(nodes)
    some = chance.randrange(1, simulation.members + 1)
    match chance.randrange(9):
        case 0 | 1 | 2 | 3:
            simulation.submit(chance.randrange(1, 6))
        case 4:
            simulation.partition(set(nodes[:some]), set(nodes[some:]))
        case 5:
            simulation.cut = {(nodes[0], receiver) for receiver in nodes[1:some]}
        case 6:
            simulation.cut = set()
        case 7:
            simulation.pause(nodes[0], chance.randrange(100, 5_000))
        case 8:
            for victim in nodes[:some]:
                simulation.crash(victim)
                back_ms = simulation.now_ms + chance.randrange(10, 4_000)
                simulation.at(back_ms, lambda victim=victim: restart(simulation, victim))  # type: ignore[misc]


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
        assert_quiet(simulation)


def assert_quiet(simulation: Simulation) -> None:
    """Check that, once what is under way is over, there are statuses only (C10)."""
    simulation.run(simulation.now_ms + 3_000)
    before = [(node.machine.view, node.persists) for node in simulation.nodes if node.machine]
    simulation.run(simulation.now_ms + 5_000)
    after = [(node.machine.view, node.persists) for node in simulation.nodes if node.machine]
    assert after == before, f"seed {simulation.seed}: not quiet"


def test_the_same_seed_gives_the_same_run() -> None:
    first, second = run_seed(3, 4), run_seed(3, 4)
    assert (first.trace.hexdigest(), first.sent) == (second.trace.hexdigest(), second.sent)


def test_a_block_is_final_three_message_delays_after_it_is_proposed() -> None:
    simulation = Simulation(1, 4, Faults(delay_min_ms=10, delay_max_ms=10))
    simulation.start_all()
    simulation.run(100)
    simulation.submit()
    assert simulation.run(130, simulation.all_final)


def test_two_of_four_stopped_then_started_again_go_on_within_seconds() -> None:
    for seed in range(10):
        simulation = Simulation(seed, 4)
        simulation.start_all()
        simulation.run(100)
        simulation.submit(3)
        simulation.run(100 + seed)
        stopped = simulation.chance.sample(range(4), 2)
        for index in stopped:
            simulation.crash(index)
        final = len(simulation.chain)
        simulation.submit(3)
        simulation.run(60_000)
        assert len(simulation.chain) <= final + 2, "two of four are no quorum"
        for index in stopped:
            simulation.start(index)
        assert simulation.run(60_000 + 4_000, simulation.all_final), f"seed {seed}: {state_of(simulation)}"


def test_a_node_that_was_away_for_many_blocks_catches_up_by_height() -> None:
    simulation = Simulation(1, 4)
    simulation.start_all()
    simulation.run(100)
    simulation.crash(3)
    while len(simulation.chain) < 100:
        simulation.submit(2)
        simulation.run(simulation.now_ms + 10)
    simulation.sent.clear()
    simulation.start(3)
    # C10: meanwhile the others make seven blocks a second, here of four transactions at most.
    assert simulation.run(simulation.now_ms + 4_000, simulation.all_final)
    assert simulation.sent["BlockRequest"] < 10
    simulation.submit(1)
    assert simulation.run(simulation.now_ms + 2_000, simulation.all_final)
    assert_quiet(simulation)


def test_a_node_that_has_just_caught_up_costs_the_others_no_timeout() -> None:
    for seed in range(4):
        simulation = Simulation(seed, 4, Faults(delay_min_ms=1, delay_max_ms=10))
        simulation.start_all()
        simulation.run(100)
        simulation.crash(3)
        while len(simulation.chain) < 40:
            simulation.submit()
            simulation.run(simulation.now_ms + 10)
        simulation.start(3)
        final, pause_ms = len(simulation.chain), 0
        for _ in range(200):  # until its status says that it is behind no longer, and on
            simulation.submit()
            simulation.run(simulation.now_ms + 10)
            pause_ms = 0 if len(simulation.chain) > final else pause_ms + 10
            assert pause_ms < 500, f"seed {seed}: {state_of(simulation)}"
            final = len(simulation.chain)


def test_a_node_with_an_old_disk_only_observes() -> None:
    for seed in range(10):
        simulation = Simulation(seed, 4)
        simulation.start_all()
        simulation.run(100)
        simulation.submit(2)
        simulation.run(200)
        old = simulation.nodes[2].disk.copy()
        simulation.submit(5)
        simulation.run(203 + seed)  # in the middle of a round
        simulation.crash(2)
        simulation.nodes[2].disk = old
        simulation.submit(5)
        simulation.start(2)
        assert simulation.run(30_000, simulation.all_final), f"seed {seed}: {state_of(simulation)}"
        machine = simulation.nodes[2].machine
        assert machine is not None
        assert "this disk is older than what we signed" in machine.lock, f"seed {seed}"
        assert simulation.evidence == []


def test_an_application_that_differs_stops_before_it_commits_and_the_others_go_on() -> None:
    simulation = Simulation(1, 4)
    simulation.start_all()
    simulation.run(100)
    simulation.nodes[0].ledger.refuse = lambda header, body: "a different rule" if body else ""
    simulation.submit(1)
    simulation.run(5_000)
    assert [len(node.ledger.final_transactions) for node in simulation.nodes] == [0, 1, 1, 1]
    assert simulation.nodes[0].alarms[-1].halt


# --- planted bugs: each must be caught, or the simulation itself is the bug -------------------------------


def keep_no_votes(self: Journal, vote: Vote) -> None:
    self._urgent = True


def forget_everything(self: Journal, view: int) -> tuple[bytes, ...]:
    self._queued.clear()
    keys = tuple(self._stored)
    self._stored.clear()
    return keys


def finalize_without_looking(self: Ballot, kind: int, view: int) -> bool:
    cast = self._votes.get(view, {})
    return self._guard.voting_allowed and kind not in cast


def half_a_quorum(membership: Membership) -> int:
    return len(membership.members) // 2


@pytest.mark.parametrize(
    ("owner", "name", "bug"),
    [
        (Journal, "put_vote", keep_no_votes),
        (Journal, "forget", forget_everything),
        (Ballot, "may", finalize_without_looking),
        (Membership, "quorum", property(half_a_quorum)),
    ],
)
def test_a_planted_bug_is_caught(
    monkeypatch: pytest.MonkeyPatch, owner: type, name: str, bug: object
) -> None:
    monkeypatch.setattr(owner, name, bug)
    for seed in range(40):
        try:
            simulation = run_seed(seed, 4)
        except (AssertionError, KeyError):
            return  # agreement, durability or liveness was found broken
        if simulation.evidence or any(
            alarm.code != ALARM_UNTIMELY_PROPOSAL for node in simulation.nodes for alarm in node.alarms
        ):
            return  # the machine itself noticed
    raise AssertionError(f"{owner.__name__}.{name} was broken, and nobody noticed")
