"""One seed from beginning to end: trouble, repair, and everything that must hold afterwards.

    report = run(plan_of(7, STRATEGIES))

A run works under trouble for a while; then everything is repaired, and the network must be live again within
(f + 2) times the timeout's cap; then it settles and falls quiet, is left alone for a night if nobody lies and
must be live in the morning as before, and is examined whole.
"""

from __future__ import annotations

import asyncio
import gc
import random
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from audit import verify_export
from audit.archive import write_export
from config import ConsensusSection
from tests.audit.history import opened
from tests.sim import byzantine
from tests.sim.bounds import over_bounds
from tests.sim.clients import Attempt, Clients
from tests.sim.clock import START_SECONDS, SimulatedLoop, rest
from tests.sim.cluster import CallFailed, Cluster, Host
from tests.sim.founding import Founded, founded
from tests.sim.observer import Observer
from tests.sim.plan import Plan, plan_of
from tests.sim.scenes import SCENES
from tests.sim.signatures import remembered
from tests.sim.trouble import Trouble
from tests.sim.truth import Violation
from tests.sim.workload import Book, Workload

LOOK_SECONDS = 0.25
RECONNECT_SECONDS = 15.0
"""After a repair everybody is connected to everybody within this: back-off, and the pause for a fault."""
SETTLE_SECONDS = 60.0
QUIET_SECONDS = 5.0
NIGHT_LOOK_SECONDS = 10.0
GC_EVERY = 32
"""Seeds between two collections of what runs leave behind."""


@dataclass
class Report:
    """What became of a seed."""

    seed: int
    members: int
    trace: str = ""
    violations: list[str] = field(default_factory=list)
    injected: Counter[str] = field(default_factory=Counter)
    survived: Counter[str] = field(default_factory=Counter)
    simulated_seconds: float = 0.0
    recovery_ms: int = 0
    """From the repair, everybody connected, to the next final block."""
    transcript: list[str] = field(default_factory=list)


class Run:
    """The world of one seed."""

    def __init__(self, plan: Plan, loop: SimulatedLoop, transcribe: bool = False) -> None:
        self.plan = plan
        self.loop = loop
        self.founded: Founded = founded(plan.members)
        self.observer = Observer(self.founded)
        consensus = ConsensusSection(timeout_ms=plan.timeout_ms, timeout_max_ms=plan.timeout_max_ms)
        self.cluster = Cluster(loop, self.founded, plan.seed, consensus, self.observer)
        self.cluster.close_periods = plan.close_periods
        self.cluster.mempool = plan.mempool
        self.observer.cluster = self.cluster
        if transcribe:
            self.observer.transcript = []
        book = Book(self.founded, self.cluster.wall_ms, lambda: self.observer.truth.height)
        workload = Workload(random.Random(f"{plan.seed}/workload"), book, self.founded)
        self.clients = Clients(
            self.cluster, self.observer.truth, workload, random.Random(f"{plan.seed}/clients")
        )
        self.trouble = Trouble(self.cluster, plan, self.observer)
        self.recovery_ms = 0
        self._probes: list[asyncio.Task[None]] = []
        for member, strategy in plan.liars.items():
            byzantine.corrupt(self.cluster, member, strategy, plan.seed)
        self._scene = SCENES[plan.scene](self.cluster, plan) if plan.scene else None

    async def main(self) -> None:
        """All phases. Raises Violation."""
        for host in self.cluster.hosts:
            self.cluster.start(host)
        working = [
            asyncio.create_task(self.clients.work(self.plan.client_pause_ms))
            for _ in range(self.plan.clients)
        ]
        troubling = asyncio.create_task(self.trouble.go_on())
        await self._watch(self.plan.trouble_seconds, [*working, troubling])
        self.clients.is_working = False
        troubling.cancel()
        if self._scene is not None:
            self._scene.end()
        self.trouble.repair()
        await self._recover()
        await self._settle(working)
        if not self.plan.liars:  # one may keep everybody awake
            await self._be_quiet()
            if self.plan.night_seconds:
                await self._pass_a_night()
        self._examine()

    async def _watch(self, seconds: float, tasks: list[asyncio.Task[None]]) -> None:
        end = self.loop.time() + seconds
        while self.loop.time() < end:
            await rest(LOOK_SECONDS)
            self._look(tasks)

    def _look(self, tasks: list[asyncio.Task[None]] | None = None) -> None:
        """Raises the first violation that was noted, or what ended a task. Raises Violation."""
        for task in tasks or ():
            if task.done() and not task.cancelled():
                task.result()
        for host in self.cluster.hosts:
            if not host.is_byzantine and (words := over_bounds(host)):
                self.observer.violated(f"{host.name}: {words}")
            if not host.is_byzantine and host.node is not None:
                says, holds = host.node.machine.height, self.observer.truth.heights.get(host.index, 0)
                if says > holds > 0:
                    self.observer.violated(f"{host.name} says height {says} is final; its disk holds {holds}")
        if self.loop.failures:
            self.observer.violated(self.loop.failures[0])
        if self.observer.violations:
            raise Violation(self.observer.violations[0])

    # --- after the repair -------------------------------------------------------------------------------

    def _voters(self) -> list[Host]:
        return [host for host in self.cluster.hosts if host.is_honest]

    async def _recover(self) -> None:
        """Liveness: everybody meets again, and then a block becomes final in time."""
        await self._until(self._is_connected, RECONNECT_SECONDS, "everybody is connected again")
        self.recovery_ms = await self._be_live("a block becomes final again")

    async def _be_live(self, what: str) -> int:
        """Every voter is handed something in; a block is final within the bound, after so many ms."""
        began, height = self.loop.time(), self.observer.truth.height
        book = self.clients.workload.book
        federation, home = self.founded.federations[0], self.founded.cast.organisations[0]
        for host in self._voters():
            name = f"{home}:probe-{len(self._probes)}"
            accounts = [opened(name, keys=False)]  # nothing can make this wrong
            tx = book.sign(book.body(federation, open_accounts={"accounts": accounts}), federation)
            attempt = Attempt(tx.raw, tx.tx_id, tx.kind, tx.expires_at_ms, is_sound=True)
            self.clients.attempts.append(attempt)
            self._probes.append(self.loop.create_task(self._probe(host, attempt)))
        await self._until(lambda: self.observer.truth.height > height, self._live_seconds, what)
        return int((self.loop.time() - began) * 1000)

    @property
    def _live_seconds(self) -> float:
        return (self.plan.faulty_max + 2) * self.plan.timeout_max_ms / 1000

    async def _probe(self, host: Host, attempt: Attempt) -> None:
        """Submits until it is taken; what is heard of it is not looked at here."""
        while attempt.tx_id not in self.observer.truth.results:
            try:
                await self.cluster.call(host, "Submit", self.cluster.submit([attempt.raw], 1_000), 5.0)
            except (CallFailed, TimeoutError):
                await rest(0.1)

    async def _settle(self, working: list[asyncio.Task[None]]) -> None:
        """Everybody comes to the same height, and nothing waits any more."""
        self.cluster.close_periods = False
        for host in self.cluster.hosts:
            if host.node is not None:
                host.node._closer = None  # or it would never be quiet
        await self._until(
            lambda: self._is_settled(working), SETTLE_SECONDS, "all hold the same, and nothing waits"
        )

    async def _be_quiet(self) -> None:
        """C10: when there is nothing to do, nothing is done."""
        before = self._activity()
        await rest(QUIET_SECONDS)
        self._look()
        after = self._activity()
        if before != after:
            raise Violation(f"nothing to do, and not quiet: from {before} to {after}")

    async def _pass_a_night(self) -> None:
        """C10: an empty block a minute, and nothing else; whoever comes in the morning is served as ever."""
        truth, seconds = self.observer.truth, self.plan.night_seconds
        height, entries, morning = truth.height, len(truth.log), self.loop.time() + seconds
        while self.loop.time() < morning:
            await rest(NIGHT_LOOK_SECONDS)
            self._look()
        minute = self.cluster.consensus.heartbeat_ms / 1000
        least, most = int(seconds / (minute + self._live_seconds)), int(seconds / minute) + 1
        beats = truth.height - height
        if len(truth.log) != entries or not least <= beats <= most:
            words = f"{beats} blocks, {len(truth.log) - entries} transactions"
            raise Violation(f"nothing to do for {seconds:.0f} s, and not quiet: {words}; {self._state()}")
        self.observer.counted["nights"] += 1
        self.observer.counted["simulated seconds of them"] += int(seconds)
        await self._be_live("a block becomes final in the morning")
        await self._settle([])

    async def _until(self, condition: object, seconds: float, what: str) -> None:
        assert callable(condition)
        end = self.loop.time() + seconds
        while not condition():
            if self.loop.time() >= end:
                raise Violation(f"not within {seconds:.1f} s: {what}; {self._state()}")
            await rest(LOOK_SECONDS / 5)
            self._look()

    def _activity(self) -> list[tuple[str, int, int]]:
        """(name, view, writes) of each node that must be quiet."""
        return [
            (host.name, host.node.machine.view, host.disk.writes)
            for host in self._voters()
            if host.node is not None
        ]

    def _is_connected(self) -> bool:
        voters = self._voters()
        for host in voters:
            if host.node is None or not host.node.ready.is_set():
                return False
            others = {other.member for other in voters} - {host.member}
            if not others <= set(host.node.network.links):
                return False
        return True

    def _is_settled(self, working: list[asyncio.Task[None]]) -> bool:
        height = self.observer.truth.height
        if not all(task.done() for task in (*working, *self._probes)):
            return False
        # What is underway on a slow link may be a transaction that was refused since, and is not any more.
        if self.loop.time() <= self.cluster.wire.slow_until + LOOK_SECONDS:
            return False
        # Who lost its disk follows the others and passes on what clients bring, though it votes no more.
        followers = [host for host in self.cluster.hosts if not host.is_byzantine]
        return all(
            host.node is not None and host.node.machine.height == height and not len(host.node.parts.mempool)
            for host in followers
        ) and all(
            host.node is not None and (host.node.machine.quiet or self.plan.liars) for host in self._voters()
        )

    def _state(self) -> str:
        return "; ".join(_state_of(host) for host in self.cluster.hosts)

    # --- at the end -------------------------------------------------------------------------------------

    def _examine(self) -> None:
        """Everything that can be said of the whole. Raises Violation."""
        truth = self.observer.truth
        self.clients.check()
        honest = self._voters()
        for host in honest:
            truth.check_disk(host)
        members = {host.member for host in honest}
        guilty = self.observer.votes.check_evidence(honest, members)
        self.observer.counted["members proven guilty"] += guilty
        if self.plan.audits:
            self._audit(next(host for host in honest if not host.disk.rotten))  # rot that nobody has read yet

    def _audit(self, host: Host) -> None:
        """The auditor verifies what a node would export."""
        assert host.node is not None
        tables, tip = host.node.parts.tables, host.node.machine.height
        blocks = [tables.certified(height) for height in range(1, tip + 1)]
        with tempfile.TemporaryDirectory() as directory:
            export = Path(directory) / "export"
            write_export(export, self.founded.founding.signed, blocks)
            report = verify_export(export, self.founded.founding.hash)
        if report.findings:
            raise Violation(f"the auditor, of {host.name}: {report.findings[0]}")
        self.observer.counted["exports audited"] += 1


def _state_of(host: Host) -> str:
    """One node, for whoever reads a failure."""
    name = host.name if host.is_honest else f"{host.name} (faulty)"
    if host.node is None:
        return f"{name} down {host.words}"
    machine, node = host.node.machine, host.node
    return (
        f"{name} height {machine.height} view {machine.view} waiting {len(node.parts.mempool)} "
        f"links {sorted(node.network.links)} {'voting' if machine.voting else 'mute'} "
        f"{'quiet' if machine.quiet else 'busy'}"
    )


def run(plan: Plan, *, transcribe: bool = False) -> Report:
    """Runs one plan; what it found wrong is in the report."""
    report = Report(plan.seed, plan.members)
    collects = gc.isenabled()
    if plan.seed % GC_EVERY == 0:
        gc.collect()
        gc.freeze()  # what is left stays for good: modules and foundings
    loop = SimulatedLoop()
    gc.disable()  # a cycle collected at some moment or another must not matter, and it costs
    try:
        with remembered():
            world = Run(plan, loop, transcribe)
            main = loop.create_task(world.main())
            try:
                loop.run_until_complete(main)
            except Exception as error:
                if world.observer.violations != [str(error)]:
                    world.observer.violated(_words(error))
            _fill(report, world)
            loop.end()
    finally:
        if collects:
            gc.enable()
    return report


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, Violation) else f"{type(error).__name__}: {error}"


def _fill(report: Report, world: Run) -> None:
    observer = world.observer
    report.trace = observer.trace.hexdigest()
    report.violations = list(observer.violations)
    report.injected = Counter(world.cluster.injected) + Counter(world.cluster.wire.injected)
    report.injected.update(f"liar: {strategy}" for strategy in world.plan.liars.values())
    report.survived = Counter(observer.counted)
    report.survived["blocks final"] = observer.truth.height - observer.truth.began_at
    report.survived["transactions final"] = len(observer.truth.log)
    report.recovery_ms = world.recovery_ms
    for name, count in world.clients.outcomes.items():
        report.survived[f"clients heard: {name}"] = count
    report.simulated_seconds = world.loop.time() - START_SECONDS
    report.transcript = observer.transcript or []


def run_seed(
    seed: int, members: int | None = None, trouble_seconds: float | None = None, *, transcribe: bool = False
) -> Report:
    """Runs one seed; size and length are what it draws, unless they are given."""
    plan = plan_of(seed, byzantine.STRATEGIES, members)
    plan.trouble_seconds = trouble_seconds or plan.trouble_seconds
    return run(plan, transcribe=transcribe)
