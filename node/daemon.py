"""The running node: its servers, its loop, its upkeep, and stopping in good order.

Decides the order of starting and stopping; the work is done in the other rooms. Prints one line when it is
ready: `ayni node ready: FEDERATION, height H, clients on HOST:PORT`. Spec: docs/operations.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import gc
import resource
import signal
import sys

import grpc
from grpc_health.v1 import health_pb2

from ayni.v1 import admin_service_pb2, ledger_service_pb2
from config import NodeConfig, split_address
from ledger.records import RecordDamaged
from ledger.refusals import Refusal
from node.calls import Calls, Streams
from node.closer import Closer
from node.loop import Halt, Loop
from node.mempool import Taken
from node.metrics import MetricsServer
from node.peers import PeerNetwork
from node.services import admin, health, ledger
from node.services.requests import ReadableRequests
from node.services.status import NodeStatus
from node.startup import Prepared, StartError, make_machine, prepare
from node.store import StoreError
from node.submit import Doors
from node.tls import UNPACKED_ONLY, client_server_credentials

UPKEEP_SECONDS = 0.5
STOP_GRACE_SECONDS = 2.0
GC_THRESHOLDS = (200_000, 20, 50)
LEDGER_NAME = ledger_service_pb2.DESCRIPTOR.services_by_name["LedgerService"].full_name
ADMIN_NAME = admin_service_pb2.DESCRIPTOR.services_by_name["AdminService"].full_name
CLIENT_CALLS_MAX = 4_000
"""Where gRPC itself hangs up on calls: twice what `node/calls.py` lets be open, so that those beyond their
client's share take no other client's place while they are told so."""
ADMIN_CALLS_MAX = 50
OPEN_FILES_MIN = 1_200
"""What may be open at once: the connections of clients (512) and of validators (256) that gRPC lets in, the
files of the database (256), and some more. Beyond the process's limit, the database cannot be written."""
CLIENT_OPTIONS = [
    ("grpc.max_receive_message_length", ledger.CLIENT_MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", -1),
    UNPACKED_ONLY,
    # Of one connection. Near it gRPC resets calls, and who has just connected does not know it yet: so far
    # above what one address may have open, who has too many open is told so in words.
    ("grpc.max_concurrent_streams", CLIENT_CALLS_MAX),
    ("grpc.max_allowed_incoming_connections", 512),
    # Whoever connects and does not finish TLS, or says nothing, is hung up on.
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.max_connection_idle_ms", 600_000),
    ("grpc.so_reuseport", 0),  # a port in use is an error, not to be shared
    # A client that is gone without a word does not hold its streams for ever.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
]


class Node:
    """One node, from start to stop."""

    def __init__(self, prepared: Prepared) -> None:
        """Raises StartError."""
        self.parts = prepared.parts
        self._config = prepared.parts.config
        self._prepared = prepared
        now_ms = int(asyncio.get_running_loop().time() * 1000)
        self.loop = Loop(self.parts, make_machine(prepared, now_ms), self.parts.log)
        self._network = PeerNetwork(
            self._config,
            self.parts.founding.membership,
            self.parts.member,
            prepared.consensus_key,
            self.loop,
            self.parts.log,
        )
        self.loop.network = self._network
        self.status = NodeStatus(self.parts, self.loop.consensus)
        self._streams = Streams()
        self._calls = Calls()
        self._health = health.Health(self._streams)
        self._servers: list[grpc.aio.Server] = []
        self._ledger: ledger.LedgerService | None = None
        self._metrics: MetricsServer | None = None
        self._stop = asyncio.Event()
        self._closer = self._make_closer()
        self.parts.measure_start()
        self.client_address = ""
        self.ready = asyncio.Event()

    def stop(self) -> None:
        """Asks the node to stop in good order."""
        self.status.stopping = True
        self._stop.set()

    async def run(self) -> None:
        """Serves until stopped. Raises StartError, Halt, StoreError."""
        tasks: list[asyncio.Task[None]] = []
        try:
            await self._start()
            tasks = [
                asyncio.create_task(self.loop.run(), name="loop"),
                asyncio.create_task(self._upkeep(), name="upkeep"),
                asyncio.create_task(_wait(self._stop), name="stop"),
            ]
            await self._say_ready()
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await self._shut_down(tasks)

    # --- starting -----------------------------------------------------------------------------------

    def ledger_service(self) -> ledger.LedgerService:
        """What answers clients, on whatever they come in."""
        doors = Doors(
            chain=self.parts.chain,
            mempool=self.parts.mempool,
            tables=self.parts.tables,
            outcomes=self.parts.outcomes,
            receipts=self.parts.receipts,
            forward=self.loop.forward,
            turned_away=self.parts.metrics.mempool_turned_away.inc,
            refuse_now=self._refuse_now,
            clock_ms=self.parts.clock_ms,
        )
        return ledger.LedgerService(self.parts, self.status, doors, self._streams)

    async def _start(self) -> None:
        listen = self._config.listen
        clients = grpc.aio.server(
            options=CLIENT_OPTIONS,
            maximum_concurrent_rpcs=CLIENT_CALLS_MAX,
            interceptors=(ReadableRequests(self.parts, self._calls),),
        )
        self._ledger = self.ledger_service()
        ledger.register(self._ledger, clients)
        health.register(self._health, (LEDGER_NAME,), self._streams, clients)
        admins = grpc.aio.server(
            options=CLIENT_OPTIONS,
            maximum_concurrent_rpcs=ADMIN_CALLS_MAX,
            interceptors=(ReadableRequests(self.parts, Calls()),),
        )
        admin.register(admin.AdminService(self.parts, self.status, self.stop), admins)
        health.register(self._health, (ADMIN_NAME,), Streams(), admins)
        self._servers = [clients, admins]
        try:
            port = clients.add_secure_port(listen.client, client_server_credentials(self._config))
            admins.add_insecure_port(listen.admin)
            for server in self._servers:
                await server.start()
            await self._network.start()
            if listen.metrics:
                host, metrics_port = split_address(listen.metrics, "listen.metrics")
                registry = self.parts.metrics.registry
                self._metrics = MetricsServer(host, metrics_port, registry, self.status.is_serving)
        except (RuntimeError, OSError) as error:
            raise StartError(f"listen: {error}; stop what uses the port, or choose another") from None
        self.client_address = f"{listen.client.rpartition(':')[0]}:{port}"

    def _make_closer(self) -> Closer | None:
        key = self._prepared.service_key
        if not self._config.node.close_periods or key is None:
            return None
        parts = self.parts
        if all(each.service_key != key.public_key for each in parts.founding.genesis.federations):
            return None
        return Closer(parts.founding.hash, parts.federation, parts.member, key)

    async def _say_ready(self) -> None:
        await self._set_health()
        height = self.parts.chain.tip.height
        self.parts.log.info("ready", height=height, clients=self.client_address)
        line = f"ayni node ready: {self.parts.federation}, height {height}, clients on {self.client_address}"
        print(line, flush=True)
        self.ready.set()

    # --- while it runs ------------------------------------------------------------------------------

    async def _upkeep(self) -> None:
        """What is done again and again: what is expired, retransmission, closing, health, metrics."""
        while True:
            await asyncio.sleep(UPKEEP_SECONDS)
            now_ms = self.parts.clock_ms()
            self.parts.sweep()
            if again := self.parts.mempool.due_again(now_ms, of_peers=self.loop.voting_locked):
                self.loop.send_transactions(again)
            self._close_period(now_ms)
            self.parts.measure_mempool()
            self.parts.measure_pool()
            await self._set_health()

    def _close_period(self, now_ms: int) -> None:
        if self._closer is None or self.status.why_not_taking():
            return
        raw = self._closer.due(self.parts.period_due(), now_ms)
        if raw is None:
            return
        (tx,) = self.parts.mempool.parse([raw])
        if isinstance(tx, Refusal):
            self.parts.warn("close_period", f"this node cannot close periods: {tx.message}")
            return
        if self.parts.mempool.add(tx, now_ms, is_local=True) is Taken.NEW:
            self.parts.log.info("closing_period", period=tx.payload.period, tx_id=tx.tx_id.hex())
            self.loop.forward([raw])

    def _refuse_now(self, tx_id: bytes) -> Refusal | None:
        refusal = self._prepared.application.refusal_of(tx_id)
        if refusal is not None:
            self.parts.refused(tx_id, refusal)
        return refusal

    async def _set_health(self) -> None:
        serving = health_pb2.HealthCheckResponse.ServingStatus
        state = serving.SERVING if self.status.is_serving() else serving.NOT_SERVING
        for name in ("", LEDGER_NAME, ADMIN_NAME):
            self._health.set(name, state)

    # --- stopping -----------------------------------------------------------------------------------

    async def _shut_down(self, tasks: list[asyncio.Task[None]]) -> None:
        """Turns clients away, ends the step it is in, closes connections and the database."""
        self.status.stopping = True
        await self._set_health()
        self.loop.stop()
        if self._ledger is not None:
            self._ledger.close_streams()
        for task in tasks:
            if task.get_name() == "loop":
                with contextlib.suppress(Halt, StoreError):
                    await task
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(server.stop(STOP_GRACE_SECONDS) for server in self._servers))
        await self._network.stop()
        if self._metrics:
            self._metrics.close()
        self.parts.database.close()
        self.parts.log.info("stopped", height=self.parts.chain.tip.height)


def run(config: NodeConfig) -> int:
    """Runs a node until SIGTERM or SIGINT; the exit code: 0 stopped in good order, 1 it had to stop, 2 it
    could not start."""
    too_few = allow_open_files()
    try:
        prepared = prepare(config)
    except (StartError, StoreError) as error:
        print(f"ayni node: cannot start:\n{error}", file=sys.stderr)
        return 2
    if too_few:
        prepared.parts.warn("open_files", too_few)
        prepared.parts.log.warning("open_files", problem=too_few)
    faulthandler.enable()  # a crash below Python says on standard error where it was
    # Blocks allocate a hundred thousand small tuples that are not cyclic: look for cycles less often.
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        asyncio.run(_run(prepared))
    except StartError as error:
        prepared.parts.database.close()
        print(f"ayni node: cannot start:\n{error}", file=sys.stderr)
        return 2
    except (Halt, StoreError, RecordDamaged) as error:
        print(f"ayni node: stopped, because going on could do damage:\n{error}", file=sys.stderr)
        return 1
    return 0


def allow_open_files() -> str:
    """Has this process open as many files as it may need; says what is wrong when it must not, else "".

    By default a process starts with a limit of 1,024 that it may raise by itself.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if soft == unlimited or soft >= OPEN_FILES_MIN:
        return ""
    most = OPEN_FILES_MIN if hard == unlimited else min(hard, OPEN_FILES_MIN)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most == OPEN_FILES_MIN:
        return ""
    return (
        f"this process may have {most} files open, and may need {OPEN_FILES_MIN}: many connections stop it; "
        "raise the limit (LimitNOFILE= of systemd, or ulimit -n)"
    )


async def _run(prepared: Prepared) -> None:
    node = Node(prepared)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, node.stop)
    await node.run()


async def _wait(event: asyncio.Event) -> None:
    await event.wait()
