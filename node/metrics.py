"""Prometheus metrics of a node, and the page they are read from.

Decides names and meanings (docs/operations.md repeats them); measures nothing by itself. Served over HTTP
in a thread of its own, with `/healthz` for simple probes.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

STOP_POLL_SECONDS: Final = 0.02
CONNECTIONS_MAX: Final = 32
REQUEST_SECONDS: Final = 10.0
"""Whoever takes longer to ask is hung up on: each has a thread."""
LATENCY_BUCKETS: Final = (0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.12, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)


class Metrics:
    """Every metric of one node, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self.height = Gauge("consensus_height", "Height of the last final block.", registry=registry)
        self.view = Gauge("consensus_view", "View this node is in.", registry=registry)
        self.views_nullified = Counter(
            "consensus_views_nullified", "Views that ended without a block.", registry=registry
        )
        self.evidence = Counter(
            "consensus_evidence", "Proofs held of a member voting twice.", registry=registry
        )
        self.voting_locked = Gauge(
            "consensus_voting_locked", "1 while this node may not vote (an old disk).", registry=registry
        )
        self.catching_up = Gauge(
            "consensus_catching_up", "1 while this node fetches blocks it missed.", registry=registry
        )
        self.transactions = Counter("ledger_transactions", "Transactions made final.", registry=registry)
        self.log_size = Gauge("ledger_log_size", "Transactions in the log.", registry=registry)
        self.block_transactions = Histogram(
            "block_transactions",
            "Transactions in a final block.",
            buckets=(0, 1, 10, 50, 100, 250, 500, 1000, 2000, 4096),
            registry=registry,
        )
        self.mempool_transactions = Gauge("mempool_transactions", "Transactions waiting.", registry=registry)
        self.mempool_bytes = Gauge("mempool_bytes", "Bytes of transactions waiting.", registry=registry)
        self.mempool_turned_away = Counter(
            "mempool_turned_away", "Transactions turned away by a bound.", registry=registry
        )
        self.refused = Counter("transactions_refused", "Transactions refused.", ["code"], registry=registry)
        self.peer_up = Gauge("peer_up", "1 while the peer is connected.", ["peer"], registry=registry)
        self.peer_faults = Counter(
            "peer_faults", "Streams closed because the peer broke the protocol.", ["peer"], registry=registry
        )
        self.commit_latency = Histogram(
            "commit_latency_seconds",
            "From taking in a client's transaction to its finality.",
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self.commit_seconds = Histogram(
            "commit_write_seconds",
            "Writing and syncing final blocks.",
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self.pool_coverage = Gauge(
            "pool_coverage_bp",
            "Pool money that is no deposit, over outstanding entitlements, basis points.",
            ["unit"],
            registry=registry,
        )
        self.pool_balance = Gauge("pool_balance_minor", "The pool's balance.", ["unit"], registry=registry)
        self.alarms = Counter("alarms", "Things a person must know.", ["code"], registry=registry)
        self.rpcs = Counter("rpc_calls", "Calls answered.", ["method", "code"], registry=registry)


class Bounded(ThreadingHTTPServer):
    """Serves so many at a time, each in a thread; others are hung up on."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._free = threading.BoundedSemaphore(CONNECTIONS_MAX)
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """See socketserver.TCPServer. The one of http.server asks DNS for a name that nobody here needs, and
        the whole node would wait for the answer."""
        TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        """See socketserver.ThreadingMixIn."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """See socketserver.ThreadingMixIn."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever hangs up in the middle is not worth a traceback in the log."""


class MetricsServer:
    """Serves `/metrics` and `/healthz`."""

    def __init__(
        self, host: str, port: int, registry: CollectorRegistry, healthy: Callable[[], bool]
    ) -> None:
        """Raises OSError when the port cannot be had."""

        class Handler(BaseHTTPRequestHandler):
            """Two pages."""

            timeout = REQUEST_SECONDS

            def do_GET(self) -> None:
                """Answers one request."""
                if self.path == "/metrics":
                    self._answer(200, generate_latest(registry))
                elif self.path == "/healthz":
                    serving = healthy()
                    self._answer(200 if serving else 503, b"serving\n" if serving else b"not serving\n")
                else:
                    self._answer(404, b"there are /metrics and /healthz\n")

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Requests for metrics are not worth a log line."""

        self._server = Bounded((host, port), Handler)
        self.port: int = self._server.server_address[1]
        serve = partial(self._server.serve_forever, poll_interval=STOP_POLL_SECONDS)
        self._thread = threading.Thread(target=serve, name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stops serving."""
        self._server.shutdown()
        self._server.server_close()
