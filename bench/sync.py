"""How fast a node that was away catches up, while the network serves load, against the speed of an audit.

Decides from when to when is measured, and of what. The method is in bench/README.md.
"""

from __future__ import annotations

import queue
import shutil
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

from audit.archive import write_export
from bench import proc
from bench.audit import audit_seconds
from bench.figures import Figure, Say
from bench.histories import History, founded
from bench.sizes import SIZES, Sizes
from client.api import Client
from client.flow import flow
from client.networks import Network
from client.outcomes import Kind
from client.testnet import Testnet

MEMBERS = 4
AWAY = 3
BLOCK = 500
"""Transactions in a block of the history."""
NEAR_BLOCKS = 4
"""A node that misses no more has caught up: others make new blocks meanwhile."""
POLL_SECONDS = 0.1
CATCHING_UP = "consensus_catching_up"
LOAD_SECONDS = 90
"""For so long there is load."""
SECONDS_MAX = 80.0


def sync(runs: int, say: Say, sizes: Sizes = SIZES) -> Figure:
    """Transactions a second that a node with an empty disk takes over from the others, which serve load."""
    lengths = sizes.lengths
    rates, cores, audits, audits_all = [], [], [], []
    with founded(MEMBERS, lengths.organisations) as history, tempfile.TemporaryDirectory() as temporary:
        say(f"making a history of {lengths.sync_transactions:,} transfers")
        export, pristine = Path(temporary) / "export", Path(temporary) / "data"
        transactions = _make(history, lengths.sync_accounts, lengths.sync_transactions, export)
        history.data.rename(pristine)
        genesis = history.founding.hash.hex()
        for run in range(runs):
            say(f"run {run + 1} of {runs}: a node catches up, then its history is audited")
            _place(history, pristine)
            rate, core = _catch_up(history, lengths.sync_load_rate)
            processor, passed = audit_seconds(export, genesis)
            rates.append(rate)
            cores.append(core)
            audits.append(transactions / processor)
            audits_all.append(transactions / passed)
            say(f"  {rate:,.0f} transactions a second ({core:,.0f} of a core), audit {audits[-1]:,.0f}")
    extra = {
        "of_a_core": median(cores),
        "audit_of_a_core": median(audits),
        "audit_all_cores": median(audits_all),
        "percent_of_audit": 100 * median(rates) / median(audits),
        "percent_of_audit_of_a_core": 100 * median(cores) / median(audits),
    }
    parameters = {
        "members": MEMBERS,
        "accounts": lengths.sync_accounts,
        "transactions": transactions,
        "block_transactions": BLOCK,
        "load_rate": lengths.sync_load_rate,
        "legs": 1,
    }
    return Figure("sync", "transactions/s", rates, parameters, extra, label=str(lengths.sync_transactions))


def _make(history: History, accounts: int, transactions: int, export: Path) -> int:
    """Makes the history and its export; how many transactions there are."""
    with history.opened() as opened:
        for raw in history.openings(accounts):
            opened.make([raw])
        for _ in range(0, transactions, BLOCK):
            opened.make(history.transfers(min(BLOCK, transactions)))
        tip = opened.chain.tip.height
        blocks = (opened.tables.certified(height) for height in range(1, tip + 1))
        manifest = write_export(export, history.testnet.signed_genesis, blocks)
    return int(manifest["transactions"])


def _place(history: History, pristine: Path) -> None:
    """Gives the history to all nodes but the one that was away, which has nothing."""
    for index, node in enumerate(history.testnet.nodes):
        shutil.rmtree(node.config.node.data_dir, ignore_errors=True)
        if index != AWAY:
            shutil.copytree(pristine, node.config.node.data_dir)


def _catch_up(history: History, rate: int) -> tuple[float, float]:
    """Transactions a second that the node takes over; and of the processor time that it uses."""
    testnet = history.testnet
    process = testnet.nodes[AWAY].process
    others = tuple(index for index in range(MEMBERS) if index != AWAY)
    load = history.transfers(rate * LOAD_SECONDS)
    try:
        testnet.start(*others)
        with _loaded(testnet.network(*others), load, rate):
            process.start()
            begun = _standing(testnet, AWAY)
            began, spent = time.perf_counter(), proc.processor_seconds(process.pid)
            while True:
                now, ahead = _standing(testnet, AWAY), _standing(testnet, others[0])
                seconds = time.perf_counter() - began
                if ahead.height - now.height <= NEAR_BLOCKS and not now.catching_up:
                    break
                if seconds > SECONDS_MAX:
                    raise RuntimeError(f"height {now.height} of {ahead.height} after {SECONDS_MAX:.0f} s")
                time.sleep(POLL_SECONDS)
            spent = proc.processor_seconds(process.pid) - spent
    finally:
        testnet.stop()
    taken = now.log_size - begun.log_size
    return taken / seconds, taken / spent


class _Standing(NamedTuple):
    """How far a node is."""

    height: int
    log_size: int
    catching_up: bool


def _standing(testnet: Testnet, index: int) -> _Standing:
    """By its metrics, which a thread answers: while it executes hundreds of blocks, little else does. Waits
    until it is there."""
    node = testnet.nodes[index]
    while True:
        try:
            with urllib.request.urlopen(f"http://{node.config.listen.metrics}/metrics", timeout=30) as page:
                lines = [line.decode().split() for line in page]
        except OSError:
            node.process.require_running()
            time.sleep(POLL_SECONDS)
            continue
        found = {line[0]: float(line[1]) for line in lines if len(line) == 2}
        return _Standing(
            int(found["consensus_height"]), int(found["ledger_log_size"]), bool(found[CATCHING_UP])
        )


@contextmanager
def _loaded(network: Network, signed: Sequence[bytes], rate: int) -> Iterator[None]:
    """While it lasts, the network takes so many transactions a second. Raises if it does not, or if what was
    signed before did not last."""
    ended = threading.Event()
    failed: queue.SimpleQueue[Exception] = queue.SimpleQueue()

    def source() -> Iterator[bytes]:
        began = time.perf_counter()
        for index, raw in enumerate(signed):
            if ended.wait(max(0.0, began + index / rate - time.perf_counter())):
                return
            yield raw
        failed.put(RuntimeError(f"the load ended after {len(signed)} transactions"))

    def send() -> None:
        try:
            with Client(network) as client:
                for outcome in flow(client, source(), batch=1):
                    if outcome.kind is not Kind.FINAL:
                        raise outcome.error() or RuntimeError("an outcome is neither")
        except Exception as error:
            failed.put(error)

    thread = threading.Thread(target=send, name="load")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    if not failed.empty():
        raise failed.get()
