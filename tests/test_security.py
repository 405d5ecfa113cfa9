"""Each promise of docs/security.md names tests that hold it, and each of them exists."""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = (ROOT / "docs" / "security.md").read_text()
REFERENCE = re.compile(r"`(tests/[\w/.-]+)::([^`]+)`")


def references() -> list[tuple[str, str]]:
    """(file, name) of every test that the document names."""
    return sorted(set(REFERENCE.findall(DOCUMENT)))


@cache
def names_in(path: Path) -> set[str]:
    """The tests of a module, or the cases of a case file."""
    if path.suffix == ".toml":
        found = tomllib.loads(path.read_text())
        cases = next(value for value in found.values() if isinstance(value, list) and "name" in value[0])
        return {case["name"] for case in cases}
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, functions)}


@pytest.mark.parametrize(("file", "name"), references(), ids=lambda value: value)
def test_a_test_that_holds_a_promise_exists(file: str, name: str) -> None:
    assert (ROOT / file).is_file()
    assert name in names_in(ROOT / file)


def test_every_promise_names_a_test() -> None:
    promised = DOCUMENT.partition("## What is promised")[2].partition("## What is not promised")[0]
    rows = [line for line in promised.splitlines() if line.startswith("| ")]
    promises = [row for row in rows if not row.startswith(("| promise", "| ---"))]
    assert len(promises) > 30
    assert [row for row in promises if not REFERENCE.search(row)] == []


def test_the_bounds_that_are_stated_are_those_in_force() -> None:
    from ledger import limits, state
    from node import calls, daemon, frames, log, metrics, peers, tls, turns
    from node.services import ledger, requests

    clients, between = dict(daemon.CLIENT_OPTIONS), dict(tls.PEER_OPTIONS)
    stated = {
        "10 s for clients": clients["grpc.server_handshake_timeout_ms"] == 10_000,
        "5 s for peers": between["grpc.server_handshake_timeout_ms"] == 5_000,
        "5 s for the greeting": peers.HANDSHAKE_SECONDS == 5,
        "512 clients": clients["grpc.max_allowed_incoming_connections"] == 512,
        "256 at the peer port": between["grpc.max_allowed_incoming_connections"] == 256,
        "32 for metrics": metrics.CONNECTIONS_MAX == 32,
        "| 4 MiB, 1,000 transactions": (ledger.CLIENT_MESSAGE_BYTES_MAX, ledger.TRANSACTIONS_A_REQUEST_MAX)
        == (4 << 20, 1_000),
        "16 MiB between validators": tls.MESSAGE_BYTES_MAX == 16 << 20,
        "1 KiB before the greeting": peers.GREETING_BYTES_MAX == 1 << 10,
        "2,000 calls, 500 of one address": (calls.CALLS_MAX, calls.CALLS_OF_ONE_MAX) == (2_000, 500),
        "256 MiB of requests and unread answers": calls.CALLS_BYTES_MAX == 256 << 20,
        "64 MiB of one address": calls.CALLS_BYTES_OF_ONE_MAX == 64 << 20,
        "60 s for a request to come": requests.REQUEST_SECONDS == 60,
        "500 streams, 200 of one address": (calls.STREAMS_MAX, calls.STREAMS_OF_ONE_MAX) == (500, 200),
        "200 pieces of work": turns.WAITING_MAX == 200,
        "once they took 10 ms": turns.ROUND_SECONDS == 0.01,
        "4 streams not greeted": peers.GREETING_OF_ONE_MAX == 4,
        "10 s without a stream": between["grpc.max_connection_idle_ms"] == 10_000,
        "2 MiB of transactions": frames.KIND_BYTES_MAX["transactions"] == 2 << 20,
        "20 lines alike a minute": (log.ALIKE_MAX, log.MINUTE_SECONDS) == (20, 60),
        "24 MiB or 2,000 frames": (peers.INCOMING_BYTES_MAX, peers.INCOMING_FRAMES_MAX) == (24 << 20, 2_000),
        "32 MiB unsent": peers.OUTGOING_BYTES_MAX == 32 << 20,
        "4,096 lots at a time, 1,024 times": (limits.EXPIRED_LOTS_MAX, limits.EXPIRY_PARTS_MAX)
        == (4_096, 1_024),
        "32,768 records and lots, twice": state._RECENT_RECORDS_MAX == 32_768,
        "kept away for 5 s": peers.FAULT_PAUSE_SECONDS == 5,
    }
    assert [words for words in stated if words not in DOCUMENT] == []
    assert [words for words, is_so in stated.items() if not is_so] == []
