"""The nodes of one simulated network: production nodes, each a process with a disk and a clock of its own.

What is production: everything in `node.daemon.Node` but its gRPC servers. Clients call the production
`LedgerService` after a delay; peers talk over `tests.sim.wire`.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from ayni.v1 import ledger_service_pb2 as pb
from config import ConsensusSection, MempoolSection, NodeConfig, NodeSection, PeerSection
from consensus import events
from node.daemon import Node
from node.loop import Halt
from node.services.ledger import LedgerService
from node.startup import Prepared, StartError, assemble
from node.store import StoreError
from tests.sim.clock import START_SECONDS, Process, SimulatedCrash, SimulatedLoop, rest
from tests.sim.disk import Disk, SimulatedDatabase
from tests.sim.founding import Founded
from tests.sim.wire import SimulatedPeers, Stream, Wire
from tests.vectors.founding import key

DAY_MS = 86_400_000
BUSY_MS = 300
"""So long blocks take a node long,"""
BUSY_ONE_OF = 4
"""once in so many times as long."""


class CallFailed(Exception):
    """A client's call came to nothing: the node is down, or says that it cannot."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code


class CollectedLog:
    """A node's log, kept for whoever replays the seed."""

    def __init__(self, note: Callable[[str, str, dict[str, Any]], None]) -> None:
        self._note = note

    def debug(self, event: str, **fields: Any) -> None:
        self._note("debug", event, fields)

    def info(self, event: str, **fields: Any) -> None:
        self._note("info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._note("warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        self._note("error", event, fields)


class SimulatedNode(Node):
    """A production node that listens on a simulated network."""

    def __init__(self, prepared: Prepared) -> None:
        super().__init__(prepared)
        self.machine = self.loop._machine
        self.service: LedgerService

    def connect(self, network: SimulatedPeers) -> None:
        """Replaces the network of sockets."""
        self._network = self.loop.network = self.network = network

    async def _start(self) -> None:
        self.service = self._ledger = self.ledger_service()
        await self._network.start()

    async def _say_ready(self) -> None:
        self.ready.set()

    async def _set_health(self) -> None:
        """Nobody asks."""


class Host:
    """One machine: a disk, a clock, and whatever runs on it."""

    def __init__(self, index: int, member: int, name: str, disk: Disk) -> None:
        self.index = index
        self.member = member
        self.name = name
        self.disk = disk
        self.skew_ms = 0
        """How far its wall clock is ahead."""
        self.process: Process | None = None
        self.node: SimulatedNode | None = None
        self.lives = 0
        self.is_byzantine = False
        self.is_rolled_back = False
        """Its disk lost what it had promised to keep: an old copy, or an empty one."""
        self.words = ""
        """Why it stopped, when it stopped by itself."""
        self.rewrite: Callable[[SimulatedNode, int, bytes], list[bytes]] | None = None

    @property
    def is_honest(self) -> bool:
        """Whether its member follows the protocol and its disk kept what it promised."""
        return not self.is_byzantine and not self.is_rolled_back


class Watch:
    """What an observer of a cluster may override; nothing here changes what happens."""

    def booted(self, host: Host) -> None:
        """A node is about to run from its disk."""

    def stepped(self, host: Host, event: events.Input, effects: list[events.Effect]) -> None:
        """A node's machine has taken an input."""

    def sent(self, host: Host, data: bytes) -> None:
        """A node sends a frame."""

    def wrote(self, host: Host, operations: list[tuple[bytes, bytes | None]]) -> None:
        """Something is on a node's disk for good."""

    def went_down(self, host: Host, why: str) -> None:
        """A node is not running any more."""

    def logged(self, host: Host, level: str, event: str, fields: dict[str, Any]) -> None:
        """A node says something."""

    def carried(self, stream: Stream, data: bytes) -> None:
        """A frame was put on the way."""


class Cluster:
    """The hosts of one run."""

    def __init__(
        self, loop: SimulatedLoop, founded: Founded, seed: int, consensus: ConsensusSection, watch: Watch
    ) -> None:
        self.loop = loop
        self.founded = founded
        self.consensus = consensus
        self.watch = watch
        self.close_periods = False
        self.mempool = MempoolSection()
        self.injected: Counter[str] = Counter()
        self.wire = Wire(loop, random.Random(f"{seed}/wire"))
        self.wire.accept = self._accept
        self.wire.on_carry = lambda stream, data: watch.carried(stream, data)
        self._chance = random.Random(f"{seed}/cluster")
        self.power = random.Random(f"{seed}/power")
        self.hosts: list[Host] = []
        for member, name in enumerate(founded.federations):
            self.hosts.append(self._host(member, name, random.Random(f"{seed}/disk/{member}")))
        self._tip_ms = founded.history.time_ms
        self.twin_of: dict[int, Callable[[int], int]] = {}
        """Member to the function that says which of its two hosts a host reaches."""

    def add_twin(self, member: int) -> Host:
        """A second machine with the key of a member."""
        name = self.founded.federations[member]
        host = self._host(member, f"{name}-twin", random.Random(f"{member}/{name}/twin"))
        self.hosts.append(host)
        return host

    def wall_ms(self, host: Host | None = None) -> int:
        """The true time, or what a host takes it for. Unix milliseconds."""
        now_ms = self._tip_ms + int((self.loop.time() - START_SECONDS) * 1000) + 1_000
        return now_ms + (host.skew_ms if host else 0)

    def let_days_pass(self, days: int) -> None:
        """Nothing ran for days: every clock shows it."""
        self._tip_ms += days * DAY_MS

    def honest(self) -> list[Host]:
        """Hosts that must keep every promise."""
        return [host for host in self.hosts if host.is_honest]

    # --- starting and stopping --------------------------------------------------------------------------

    def start(self, host: Host) -> None:
        """Starts a node from its disk, unless it runs."""
        if host.process is not None:
            return
        host.lives += 1
        host.words = ""
        process = host.process = Process(f"{host.name}#{host.lives}")
        try:
            process.context.run(self._boot, host, process)
        except SimulatedCrash:
            return  # `_power_lost` was told
        except (StoreError, StartError) as error:
            self._stopped(host, process, error)

    def kill(self, host: Host, *, abruptly: bool = False, why: str = "killed") -> None:
        """Ends a process at once (kill -9), or cuts the power: what was not synced is gone."""
        if host.process is None:
            return
        self._gone(host, abruptly)
        self.watch.went_down(host, why)

    def stop(self, host: Host) -> None:
        """Asks a node to stop in good order."""
        if host.node is not None:
            host.node.stop()

    def pause(self, host: Host, seconds: float) -> None:
        """SIGSTOP for a while."""
        if host.process is not None:
            self.loop.pause(host.process, seconds)

    def _boot(self, host: Host, process: Process) -> None:
        database = SimulatedDatabase(host.disk, self.founded.founding.hash)
        federation = self.founded.federations[host.member]
        prepared = assemble(
            self._config(host),
            self.founded.founding,
            key(f"{federation}/consensus"),
            key(f"{federation}/service"),
            database,
            lambda: self.wall_ms(host),
        )
        prepared.parts.log = CollectedLog(
            lambda level, event, fields: self.watch.logged(host, level, event, fields)
        )
        node = host.node = SimulatedNode(prepared)
        node.connect(self._network(host, node))
        step = node.machine.step

        def watched(event: events.Input, now_ms: int, *, busy: bool) -> list[events.Effect]:
            # No step takes time here: that blocks take a node long is made up, for one after the other.
            is_its_turn = (now_ms // BUSY_MS + host.index) % BUSY_ONE_OF == 0
            effects = step(event, now_ms, busy=busy or is_its_turn)
            self.watch.stepped(host, event, effects)
            return effects

        node.machine.step = watched  # type: ignore[method-assign]
        self.watch.booted(host)
        task = self.loop.spawn(process, node.run())
        task.add_done_callback(lambda done: self._ended(host, process, done))

    def _network(self, host: Host, node: SimulatedNode) -> SimulatedPeers:
        network = SimulatedPeers(
            self._config(host),
            self.founded.founding.membership,
            host.member,
            key(f"{self.founded.federations[host.member]}/consensus"),
            node.loop,
            node.parts.log,
            wire=self.wire,
            host=host.index,
            hosts=lambda member: self._host_of(member, host),
        )
        network.on_send = lambda data: self.watch.sent(host, data)
        network.power = lambda: self._between_sends(host)
        if host.rewrite is not None:
            rewrite = host.rewrite
            network.rewrite = lambda member, data: rewrite(node, member, data)
        return network

    def _config(self, host: Host) -> NodeConfig:
        return NodeConfig(
            node=NodeSection(close_periods=self.close_periods),
            peers=tuple(
                PeerSection(name, f"{name}:7411")
                for member, name in enumerate(self.founded.federations)
                if member != host.member
            ),
            consensus=self.consensus,
            mempool=self.mempool,
        )

    def _host(self, member: int, name: str, chance: random.Random) -> Host:
        disk = Disk(chance, name)
        disk.restore(self.founded.image)
        host = Host(len(self.hosts), member, name, disk)
        disk.on_write = lambda operations: self.watch.wrote(host, operations)
        disk.on_crash = lambda how: self._power_lost(host, how)
        return host

    def _host_of(self, member: int, caller: Host) -> int:
        choose = self.twin_of.get(member)
        return member if choose is None else choose(caller.index)

    def _accept(self, index: int, stream: Stream) -> bool:
        host = self.hosts[index]
        caller = self.hosts[stream.peer]
        if caller.member in self.twin_of and self._host_of(caller.member, host) != caller.index:
            return False
        if host.process is None or host.node is None or not host.node.ready.is_set():
            return False
        self.loop.spawn(host.process, host.node.network.accept(stream))
        return True

    # --- going down -------------------------------------------------------------------------------------

    def _gone(self, host: Host, abruptly: bool) -> None:
        if host.process is not None:
            host.process.is_dead = True
        host.process = host.node = None
        if abruptly:
            host.disk.lose_power()
        self.wire.unplug(host.index, abruptly)

    def _power_lost(self, host: Host, how: str) -> None:
        self.injected[f"power lost {how}"] += 1
        self._gone(host, abruptly=True)
        self.watch.went_down(host, f"the power went {how}")

    def _between_sends(self, host: Host) -> None:
        chance = self.wire.weather.crash_between_sends
        if chance and not host.is_byzantine and self.power.random() < chance:
            self._power_lost(host, "between two sends")
            raise SimulatedCrash(host.name)

    def _ended(self, host: Host, process: Process, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if host.process is process and not process.is_dead:
            self._stopped(host, process, error)

    def _stopped(self, host: Host, process: Process, error: BaseException | None) -> None:
        host.words = str(error or "")
        self._gone(host, abruptly=False)
        if error is None:
            self.watch.went_down(host, "stopped")
        elif isinstance(error, Halt | StoreError | StartError):
            self.watch.went_down(host, f"{type(error).__name__}: {error}")
        else:
            self.watch.went_down(host, f"BUG {type(error).__name__}: {error}")

    # --- what clients do --------------------------------------------------------------------------------

    async def call(self, host: Host, method: str, request: Any, seconds: float) -> Any:
        """A client's call. Raises CallFailed, TimeoutError."""
        await rest(self.wire.delay())
        process, node = host.process, host.node
        if process is None or node is None or not node.ready.is_set():
            raise CallFailed("UNAVAILABLE", "nobody listens")
        answer: asyncio.Future[Any] = self.loop.create_future()
        self.loop.spawn(process, self._serve(getattr(node.service, method), request, answer))
        async with asyncio.timeout(seconds):
            return await answer

    async def _serve(
        self, method: Callable[[Any, Any], Awaitable[Any]], request: Any, answer: asyncio.Future[Any]
    ) -> None:
        try:
            found = await method(request, _Context())
        except CallFailed as error:
            self.loop.after(self.wire.delay(), _settle, answer, None, error)
        else:
            self.loop.after(self.wire.delay(), _settle, answer, found, None)

    def submit(self, raws: list[bytes], wait_ms: int) -> pb.SubmitRequest:
        """A request to submit."""
        return pb.SubmitRequest(transactions=raws, genesis_hash=self.founded.founding.hash, wait_ms=wait_ms)


class _Context:
    """As much of a grpc context as a unary call needs."""

    def peer(self) -> str:
        """All clients of a simulation are at one address."""
        return "ipv4:10.0.0.1:1"

    async def abort(self, code: grpc.StatusCode, details: str = "", trailing_metadata: Any = ()) -> None:
        """Ends the call."""
        raise CallFailed(code.name, details)


def _settle(answer: asyncio.Future[Any], found: Any, error: Exception | None) -> None:
    if not answer.done():
        if error is None:
            answer.set_result(found)
        else:
            answer.set_exception(error)
