"""Watches the nodes from outside: heights, state roots, memory, and whether one ends that nobody ended.

One thread a node, which asks it how it is several times a second. Decides what is wrong the moment it is
seen: two nodes with different states at one height, a height that falls, a process that ended by itself.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from ayni.v1 import ledger_service_pb2 as pb
from ayni.v1 import ledger_service_pb2_grpc
from client.testnet import Testnet
from config.certificates import pinned_name

ASK_SECONDS = 0.15
ANSWER_SECONDS_MAX = 1.5
MEMORY_SECONDS = 2.0
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
MIB = 1 << 20


@dataclass
class Life:
    """One process of a node, from its start to its end: how its memory grew."""

    node: int
    pid: int
    began: float
    ended: float = 0.0
    first_height: int = 0
    last_height: int = 0
    samples: list[tuple[float, int]] = field(default_factory=list)
    """(seconds since it began, resident bytes)"""

    @property
    def seconds(self) -> float:
        """How long it was seen."""
        return self.ended - self.began


class Watch:
    """What was seen of every node."""

    def __init__(self, testnet: Testnet, wrong: Callable[[str], None]) -> None:
        """`wrong`: told in words what must never be, from any thread."""
        self._testnet = testnet
        self._wrong = wrong
        self._lock = threading.Lock()
        self._stop = threading.Event()
        count = len(testnet.nodes)
        self.expected_down: set[int] = set(range(count))
        """Nodes that may be down now; whoever ends one says so here first."""
        self.status: list[pb.GetStatusResponse | None] = [None] * count
        """The last answer of each process; None until it has answered."""
        self.heights = [0] * count
        """What each process has said; 0 until it has answered."""
        self.height = 0
        """The highest final height that any node has ever said."""
        self._must_hold = [0] * count
        self.lives: list[Life] = []
        self.state_roots: dict[int, bytes] = {}
        """Height to the state root that a node said it has there."""
        self.risen_at = time.monotonic()
        """When the highest height was last seen to rise."""
        self.longest_gap = 0.0
        """The longest time without a rise, since `forget_gap`."""
        self._threads = [
            threading.Thread(target=self._watch, args=(index,), name=f"watch {index}", daemon=True)
            for index in range(count)
        ]

    def __enter__(self) -> Watch:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def forget_gap(self) -> None:
        """Measures the longest gap between final blocks from now on."""
        with self._lock:
            self.longest_gap = 0.0
            self.risen_at = time.monotonic()

    def gap(self) -> float:
        """The longest time without a new final block since `forget_gap`, in seconds."""
        with self._lock:
            return max(self.longest_gap, time.monotonic() - self.risen_at)

    def rest(self, seconds: float) -> None:
        """Lets so much time go by."""
        self._stop.wait(seconds)

    def started(self, index: int, same_disk: bool) -> None:
        """A new process of the node. On the same disk it must hold all that the last one said is final."""
        with self._lock:
            self._must_hold[index] = max(self._must_hold[index], self.heights[index]) if same_disk else 0
            self.status[index] = None
            self.heights[index] = 0
            pid = self._testnet.nodes[index].process.pid
            self.lives.append(Life(index, pid, time.monotonic()))
        self.expected_down.discard(index)

    def _watch(self, index: int) -> None:
        node = self._testnet.nodes[index]
        pem = node.certificate_pem
        options: list[tuple[str, Any]] = [
            ("grpc.ssl_target_name_override", pinned_name(pem)),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 300),
        ]
        credentials = grpc.ssl_channel_credentials(pem)
        measured = 0.0
        with grpc.secure_channel(node.address, credentials, options) as channel:
            stub: Any = ledger_service_pb2_grpc.LedgerServiceStub(channel)  # type: ignore[no-untyped-call]  # generated
            while not self._stop.wait(ASK_SECONDS):
                self._see_process(index)
                if time.monotonic() - measured > MEMORY_SECONDS:
                    measured = time.monotonic()
                    self._measure(index)
                pid = node.process.pid
                try:
                    status = stub.GetStatus(pb.GetStatusRequest(), timeout=ANSWER_SECONDS_MAX)
                except grpc.RpcError:
                    continue  # down, paused or starting: the faults know
                if pid and pid == node.process.pid:
                    self._see(index, status)

    def _see_process(self, index: int) -> None:
        process = self._testnet.nodes[index].process
        code = process.exit_code
        if code is None or index in self.expected_down:
            return
        self.expected_down.add(index)
        how = f"by signal {-code}, which nobody sent" if code < 0 else f"with exit code {code}"
        self._wrong(f"the node of {process.name} ended by itself {how}. Its log ends: {tail(process.log)}")

    def _see(self, index: int, status: pb.GetStatusResponse) -> None:
        now = time.monotonic()
        height, root = status.at.height, status.at.state_root
        name = status.federation
        with self._lock:
            before = self.state_roots.setdefault(height, root)
            held = max(self.heights[index], self._must_hold[index])
            if height > self.height:
                self.longest_gap = max(self.longest_gap, now - self.risen_at)
                self.risen_at, self.height = now, height
            self.heights[index] = height
            self.status[index] = status
            life = next((each for each in reversed(self.lives) if each.node == index), None)
            if life is not None:
                life.ended, life.last_height = now, height
                life.first_height = life.first_height or height
        if before != root:
            self._wrong(f"at height {height} {name} has state root {root.hex()}, another node {before.hex()}")
        if height < held:
            self._wrong(f"{name} had said that height {held} is final, and says {height} now")

    def _measure(self, index: int) -> None:
        process = self._testnet.nodes[index].process
        pid = process.pid
        resident = resident_bytes(pid) if pid else 0
        with self._lock:
            life = next((each for each in reversed(self.lives) if each.node == index), None)
            if resident and life is not None and life.pid == pid:
                life.samples.append((time.monotonic() - life.began, resident))


def resident_bytes(pid: int) -> int:
    """The memory that a process has in use; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES
    except (OSError, IndexError):
        return 0


def tail(log: Path, lines: int = 25) -> str:
    """The end of a log, in several lines."""
    if not log.exists():
        return "(there is no log)"
    return "\n    " + "\n    ".join(log.read_text(errors="replace").splitlines()[-lines:])
