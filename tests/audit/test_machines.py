"""Production nodes that fork: more twins than the protocol bears, and what their exports prove.

Colluders run two copies of their node, one with each half of the honest members, who never hear of the other
half. Every node runs production code; nobody breaks a rule but by living twice. Whatever the seed, the two
halves' exports prove the colluders guilty, and nobody else (C13).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from audit import compare_exports
from audit.archive import write_export
from ayni.v1.block_pb2 import CertifiedBlock
from config import ConsensusSection
from tests.audit.history import leg
from tests.sim.clock import SimulatedLoop, rest
from tests.sim.cluster import CallFailed, Cluster, Host, Watch
from tests.sim.founding import founded
from tests.sim.signatures import remembered
from tests.sim.workload import Book

CALL_SECONDS = 5.0


class SplitWorld:
    """A network whose honest members are in two halves, with a copy of every colluder in each."""

    def __init__(self, seed: int, members: int, loop: SimulatedLoop) -> None:
        self.chance = random.Random(f"split {seed} {members}")
        self.founded = founded(members)
        consensus = ConsensusSection(timeout_ms=500, timeout_max_ms=2_000)
        self.cluster = Cluster(loop, self.founded, seed, consensus, Watch())
        faulty_max = (members - 1) // 3
        self.colluders = set(self.chance.sample(range(members), members - 2 * faulty_max))
        honest = [member for member in range(members) if member not in self.colluders]
        self.chance.shuffle(honest)
        first = {*honest[:faulty_max], *self.colluders}
        self.halves = first, set(honest[faulty_max:])
        self.book = Book(self.founded, self.cluster.wall_ms, lambda: 0)

    async def main(self) -> tuple[list[CertifiedBlock], list[CertifiedBlock]]:
        """Together for a while, then apart; returns what an honest node of each half would export."""
        cluster = self.cluster
        for host in cluster.hosts:
            cluster.start(host)
        await rest(2.0)
        await self._pay(cluster.hosts)
        await rest(self.chance.uniform(0.0, 1.0))
        self._split()
        await rest(4.0)
        halves = [[host for host in cluster.hosts if host.index in half] for half in self.halves]
        for number in range(self.chance.randrange(1, 6)):
            await self._pay(halves[number % 2])
            await rest(self.chance.uniform(0.1, 2.0))
        for half in halves:
            await self._pay(half)
        await rest(3.0)
        first, second = (self._blocks(half) for half in halves)
        return first, second

    def _split(self) -> None:
        """A second copy of each colluder, with its disk as it is, on the other side of a cut."""
        cluster, (first, second) = self.cluster, self.halves
        for member in sorted(self.colluders):
            cluster.kill(cluster.hosts[member])
            twin = cluster.add_twin(member)
            twin.disk.restore(dict(cluster.hosts[member].disk.rows))
            second.add(twin.index)
            cluster.twin_of[member] = self._chooser(member, twin.index)
        cluster.wire.cut = {
            pair for one in first for other in second for pair in ((one, other), (other, one))
        }
        for host in cluster.hosts:
            cluster.start(host)

    def _chooser(self, member: int, twin: int) -> Callable[[int], int]:
        return lambda caller: twin if caller in self.halves[1] else member

    async def _pay(self, hosts: list[Host]) -> None:
        """Somebody pays; whether it is accepted does not matter."""
        payer, payee = self.chance.sample(self.founded.cast.people, 2)
        tx = self.book.sign(self.book.body(payer, transfer={"legs": [leg(payee, 1)]}), payer)
        request = self.cluster.submit([tx.raw], 2_000)
        try:
            await self.cluster.call(self.chance.choice(hosts), "Submit", request, CALL_SECONDS)
        except (CallFailed, TimeoutError):
            return

    def _blocks(self, half: list[Host]) -> list[CertifiedBlock]:
        host = next(each for each in half if each.member not in self.colluders)
        assert host.node is not None, host.words
        tables = host.node.parts.tables
        blocks = [tables.certified(height) for height in range(1, host.node.machine.height + 1)]
        assert blocks[-1].HasField("finalization")
        return blocks


@pytest.mark.parametrize("members", [4, 7])
def test_production_nodes_that_fork_prove_their_twins_guilty_and_nobody_else(
    tmp_path: Path, members: int
) -> None:
    for seed in range(6):
        loop = SimulatedLoop()
        world = SplitWorld(seed, members, loop)
        with remembered():
            first, second = loop.run_until_complete(world.main())
        signed, genesis_hash = world.founded.founding.signed, world.founded.founding.hash
        loop.end()
        directories = tmp_path / f"{seed}-a", tmp_path / f"{seed}-b"
        for directory, blocks in zip(directories, (first, second), strict=True):
            write_export(directory, signed, blocks)

        found = compare_exports(*directories, genesis_hash)

        assert [report.findings for report in found.reports] == [[], []], f"seed {seed}"
        assert found.parting is not None, f"seed {seed}"
        assert found.agreed >= len(world.founded.history.blocks), f"seed {seed}"
        guilty = {evidence.first.member for evidence in found.evidence}
        assert world.colluders == guilty, f"seed {seed}"
