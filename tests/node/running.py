"""Nodes that run, for tests: one in this process, or several as processes; and stubs to talk to them."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from types import coroutine
from typing import Any

import grpc

from ayni.v1 import ledger_service_pb2 as pb
from ayni.v1 import ledger_service_pb2_grpc
from config import NodeConfig
from node.daemon import Node
from node.startup import prepare
from tests.node.founders import NAMES, write_network

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 20.0


class Rounds:
    """How many rounds the event loop has made, as everybody else who wants a turn sees it, while some work
    goes on."""

    def __init__(self, goes_on: Callable[[], bool]) -> None:
        self.count = 0
        self._goes_on = goes_on
        self._next()

    def _next(self) -> None:
        self.count += 1
        if self._goes_on():
            asyncio.get_running_loop().call_soon(self._next)


@coroutine
def tick() -> Generator[None]:
    """One turn of the event loop."""
    yield


@asynccontextmanager
async def running_node(config: NodeConfig) -> AsyncIterator[Node]:
    """A node in this process, ready; stopped in good order at the end."""
    node = Node(prepare(config))
    task = asyncio.create_task(node.run())
    ready = asyncio.create_task(node.ready.wait())
    await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED, timeout=SECONDS)
    if task.done():
        task.result()
    try:
        yield node
    finally:
        ready.cancel()
        node.stop()
        await task


def credentials(config: NodeConfig) -> tuple[grpc.ChannelCredentials, list[tuple[str, str]]]:
    """The node's certificate pinned, whatever the address."""
    pem = config.tls.certificate.read_bytes()
    name = config.tls.certificate.parent.name
    return grpc.ssl_channel_credentials(pem), [("grpc.ssl_target_name_override", name)]


@asynccontextmanager
async def stub_of(config: NodeConfig) -> AsyncIterator[Any]:
    """An asyncio stub of the node's LedgerService."""
    pinned, options = credentials(config)
    async with grpc.aio.secure_channel(config.listen.client, pinned, options) as channel:
        yield ledger_service_pb2_grpc.LedgerServiceStub(channel)


class Process:
    """One node as a process."""

    def __init__(self, config: NodeConfig) -> None:
        self.config = config
        self.home = config.tls.certificate.parent
        self._process: subprocess.Popen[str] | None = None
        pinned, options = credentials(config)
        # A channel must notice at once that its node is back.
        backoff = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200)]
        self.channel = grpc.secure_channel(config.listen.client, pinned, [*options, *backoff])
        self.stub = ledger_service_pb2_grpc.LedgerServiceStub(self.channel)

    def start(self) -> None:
        """Starts it and waits for its line."""
        self.launch()
        self.await_ready()

    def launch(self) -> None:
        """Starts it."""
        with open(self.home / "log", "a") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "node", "--config", str(self.home / "node.toml")],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=ROOT,
            )

    def await_ready(self) -> None:
        """Waits for its line."""
        assert self._process is not None and self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("ayni node ready: "), (line, (self.home / "log").read_text()[-2000:])

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """SIGTERM, or another signal; its exit code."""
        if self._process is None:
            return 0
        self._process.send_signal(number)
        self._process.communicate(timeout=SECONDS)
        code = self._process.returncode
        self._process = None
        return code

    def outcome(self, tx_id: bytes, wait_ms: int = 20_000) -> pb.Outcome:
        """What became of a transaction, as this node knows it."""
        request = pb.GetOutcomeRequest(tx_id=tx_id, wait_ms=wait_ms)
        outcome: pb.Outcome = self.stub.GetOutcome(request, timeout=SECONDS + 10, wait_for_ready=True)
        return outcome


class ProcessNetwork:
    """Four nodes as processes; all are gone at the end of the `with`."""

    def __init__(self, directory: Path, **options: Any) -> None:
        self.nodes = [Process(config) for config in write_network(directory, **options)]
        self.genesis_hash = b""

    def __enter__(self) -> ProcessNetwork:
        try:
            start_all(self.nodes)
        except BaseException:
            self.__exit__()
            raise
        network = self.nodes[0].stub.GetNetwork(pb.GetNetworkRequest(), timeout=SECONDS, wait_for_ready=True)
        self.genesis_hash = network.genesis_hash
        return self

    def __exit__(self, *_: object) -> None:
        for node in self.nodes:
            node.kill()
            node.channel.close()

    def submit(
        self, index: int, *raws: bytes, wait_ms: int = 20_000, want_receipts: bool = False
    ) -> list[pb.Outcome]:
        """Hands transactions to one node and waits for their outcomes."""
        request = pb.SubmitRequest(
            genesis_hash=self.genesis_hash, transactions=raws, wait_ms=wait_ms, want_receipts=want_receipts
        )
        answer = self.nodes[index].stub.Submit(request, timeout=SECONDS + 10, wait_for_ready=True)
        return list(answer.outcomes)

    def index(self, name: str) -> int:
        """The index of a federation's node."""
        return NAMES.index(name)


def start_all(nodes: Iterable[Process]) -> None:
    """Starts nodes beside each other and waits until all are ready."""
    started = list(nodes)
    for node in started:
        node.launch()
    for node in started:
        node.await_ready()


def elapsed_ms(began: float) -> float:
    """Milliseconds since a time.monotonic()."""
    return (time.monotonic() - began) * 1000
