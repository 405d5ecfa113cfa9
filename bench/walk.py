"""One history grown by powers of ten, and what everything costs, takes and occupies at each size of it.

Decides what is done at a size, and in which order; `growth.py` and `footprint.py` make figures of it. What is
measured is the production path: signatures verified, blocks synced to disk, reads as a client's are
answered, and a node of its own for what only a process has. Method: bench/README.md.
"""

from __future__ import annotations

import gc
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from statistics import median
from typing import Any, NamedTuple

from ayni.v1 import genesis_pb2, members_pb2
from ayni.v1 import ledger_service_pb2 as pb
from bench import proc
from bench.figures import Say
from bench.histories import UNIT, History, Open, Taken, founded
from bench.lengths import Lengths
from bench.machine import verify_some
from client.api import Client
from client.flow import flow
from client.outcomes import Kind
from ledger import records
from node.daemon import GC_THRESHOLDS
from node.reads import Reads
from node.receipts import Receipts
from node.statements import Statements

MAKING_BLOCK = 1_000
"""Transactions in a block while a history is made."""
READY_SECONDS_MAX = 120.0
MIB = 1 << 20


class Point(NamedTuple):
    """What was measured at one size."""

    size: int
    """Accounts, and transactions in the log before any was measured."""
    medians: dict[str, float]
    """By name; the unit is in the name."""
    values: dict[str, list[float]]
    """The same, one for each run."""


@cache
def walk(runs: int, say: Say, lengths: Lengths) -> tuple[Point, ...]:
    """Grows a history and measures it at each size; once for all the figures of this process."""
    with founded(1, lengths.organisations) as history:
        measured = _Measured(history, lengths, say)
        points = [measured.at(size, runs) for size in lengths.growth_sizes]
        return (*points[:-1], measured.long_up(points[-1]))


class _Measured:
    """A history, and what is measured of it."""

    def __init__(self, history: History, lengths: Lengths, say: Say) -> None:
        self._history = history
        self._lengths = lengths
        self._say = say
        self._chance = random.Random(2)
        self._values: defaultdict[str, list[float]] = defaultdict(list)
        self._period = 0

    def at(self, size: int, runs: int) -> Point:
        """Grows to `size` and measures."""
        self._values = defaultdict(list)
        self._grow(size, runs)
        for run in range(runs):
            self._say(f"run {run + 1} of {runs} at {size:,}")
            with self._history.opened() as opened, as_in_a_node():
                raws = self._history.transfers(self._lengths.probe_transactions)
                self._transactions(opened, "transaction_restarted", raws)
                self._reads(opened, size)
                self._settlement(opened)
            self._node()
        medians = {name: median(values) for name, values in self._values.items()}
        self._say("  " + ", ".join(f"{name} {value:,.1f}" for name, value in medians.items()))
        return Point(size, medians, dict(self._values))

    def long_up(self, point: Point) -> Point:
        """The same, with the memory of a node that goes on until it remembers most of what it ever will."""
        history, lengths = self._history, self._lengths
        self._say(f"{lengths.long_up_transactions:,} more for one node")
        testnet = history.testnet
        testnet.start(0, seconds_max=READY_SECONDS_MAX)
        with Client(testnet.network()) as client:
            for at in range(0, lengths.long_up_transactions, MAKING_BLOCK):
                _submit(client, history.transfers(min(MAKING_BLOCK, lengths.long_up_transactions - at)))
        memory = proc.memory(testnet.nodes[0].process.pid)
        testnet.stop(0)
        for name, value in (("node_long_up_mib", memory.resident), ("node_long_up_own_mib", memory.own)):
            point.values[name] = [value / MIB]
            point.medians[name] = value / MIB
        return point

    # --- growing ------------------------------------------------------------------------------------

    def _grow(self, size: int, runs: int) -> None:
        history, lengths = self._history, self._lengths
        self._say(f"growing to {size:,} accounts and {size:,} transactions")
        accounts, began = history.accounts, history.taken()
        with history.opened() as opened, as_in_a_node():
            for raw in history.openings(size):
                opened.make([raw])
        with_accounts = history.taken()
        with history.opened() as opened, as_in_a_node():
            if not self._period:
                for raws in (history.accreditations(lengths.dues), history.issues(lengths.dues)):
                    opened.make(raws)
                self._period = 1
            made = opened.chain.tip.frontier.size
            self._fill(opened, size)
            self._transactions(opened, "transaction", history.transfers(lengths.cycle_transactions), runs)
            self._same_accounts(opened, runs)
            made = opened.chain.tip.frontier.size - made
        after = history.taken()
        log = (after.log - with_accounts.log) / made
        self._add("transaction_log_bytes", log)
        self._took("account", began, with_accounts, size - accounts)
        self._took("transaction", with_accounts, after, made)
        written, handed = after.written - began.written, after.handed - began.handed
        self._add("write_amplification", written / handed)
        self._add("disk_mib", after.disk / MIB)

    def _fill(self, opened: Open, size: int) -> None:
        """Transfers until the log has `size` transactions; one in twenty goes to the shop."""
        history = self._history
        while (left := size - opened.chain.tip.frontier.size) > 0:
            count = min(left, MAKING_BLOCK)
            to_shop = count // 20
            raws = history.transfers(to_shop, self._shop) + history.transfers(count - to_shop)
            opened.make(raws)

    @property
    def _shop(self) -> int:
        """An account with many lines, whose statement is read."""
        return self._history.organisations - 1

    # --- in this process ----------------------------------------------------------------------------

    def _transactions(self, opened: Open, name: str, raws: list[bytes], runs: int = 1) -> None:
        """Processor time of a transaction, from its bytes to the disk, in blocks of some; and the same in
        signature verifications done in between, because a core may be faster at one size than at another.

        Several runs take the blocks in turn, so that each sees all that comes and goes with time.
        """
        block = self._lengths.probe_block
        taken, spent, verifying = [0] * runs, [0.0] * runs, [0.0] * runs
        for number, at in enumerate(range(0, len(raws), block)):
            run = number % runs
            part = raws[at : at + block]
            began = time.thread_time()
            opened.take(part)
            between = time.thread_time()
            verify_some(len(part))
            taken[run] += len(part)
            spent[run] += between - began
            verifying[run] += time.thread_time() - between
        for run in range(runs):
            self._add(f"{name}_us", 1e6 * spent[run] / taken[run])
            self._add(f"{name}_steady_verifications", spent[run] / verifying[run])

    def _same_accounts(self, opened: Open, runs: int) -> None:
        """The same when the clients are the accounts of the first size and all others rest: what the length
        of the log costs, and that the others are there."""
        history, lengths = self._history, self._lengths
        name, busy = "transaction_same_accounts", lengths.growth_sizes[0]
        if history.accounts == busy:
            for unit in ("us", "steady_verifications"):
                self._values[f"{name}_{unit}"] = self._values[f"transaction_{unit}"]
            return
        for _ in range(0, lengths.cycle_transactions, MAKING_BLOCK):
            opened.make(history.transfers(MAKING_BLOCK, busy=busy))
        self._transactions(opened, name, history.transfers(lengths.cycle_transactions, busy=busy), runs)

    def _reads(self, opened: Open, size: int) -> None:
        """Processor time of what a client asks for."""
        history, count = self._history, self._lengths.reads
        reads = Reads(opened.founding, opened.tables, opened.chain)
        statements = Statements(opened.database, opened.tables, reads)
        receipts = Receipts(opened.founding.signed, opened.tables)
        accounts = [history.account(history.any_account()) for _ in range(count)]
        ids = self._chance.sample(history.tx_ids, min(count, len(history.tx_ids)))
        first = [opened.tables.logged(self._chance.randrange(size // 10)) for _ in range(count // 10)]
        times = [opened.tables.block(each.height).header.time_ms for each in first if each]

        def page(from_ms: int) -> int:
            lines = self._lengths.statement_lines
            request = pb.GetStatementRequest(
                account=history.account(self._shop), from_ms=from_ms, limit=lines
            )
            answer = statements.statement(request)
            if len(answer.lines) != lines:
                raise RuntimeError(f"the statement has {len(answer.lines)} lines, not {lines}")
            return len(answer.SerializeToString())

        def account(name: str) -> int:
            key = records.balance_key(name, UNIT)
            return len(reads.account(name).SerializeToString()) + len(
                reads.state_proof(key).SerializeToString()
            )

        def receipt(tx_id: bytes) -> int:
            logged = opened.tables.transaction(tx_id)
            made = receipts.receipt(logged) if logged else None
            if made is None:
                raise RuntimeError("a transaction of the log has no receipt")
            return len(made.SerializeToString())

        self._add("statement_us", _each_us(page, times))
        self._add("account_with_proof_us", _each_us(account, accounts))
        self._add("receipt_us", _each_us(receipt, ids))

    def _settlement(self, opened: Open) -> None:
        """Processor time of a block that closes a period, at whose height decisions take effect."""
        history, lengths = self._history, self._lengths
        opened.make(history.redemptions(lengths.dues))
        height = opened.chain.tip.height + 2
        items = [_advance_share(5_000 + number) for number in range(lengths.due_decisions)]
        opened.make([history.decision([item], effective_height=height) for item in items])
        raw = history.close_period(self._period)
        began = time.thread_time()
        opened.take([raw])
        self._add("settlement_ms", 1e3 * (time.thread_time() - began))
        self._period += 1

    # --- a node of its own --------------------------------------------------------------------------

    def _node(self) -> None:
        """A restart, then some thousand transactions, of a node process on this database."""
        history, lengths = self._history, self._lengths
        testnet = history.testnet
        raws = history.transfers(lengths.node_transactions)
        began = time.perf_counter()
        testnet.start(0, seconds_max=READY_SECONDS_MAX)
        self._add("restart_ready_s", time.perf_counter() - began)
        with Client(testnet.network()) as client:
            _submit(client, raws[:1])
            self._add("restart_first_vote_s", time.perf_counter() - began)
            pid = testnet.nodes[0].process.pid
            self._add("node_started_mib", proc.memory(pid).resident / MIB)
            spent = proc.processor_seconds(pid)
            _submit(client, raws[1:])
            spent = proc.processor_seconds(pid) - spent
            self._add("node_transaction_us", 1e6 * spent / max(1, len(raws) - 1))
        memory = proc.memory(pid)
        self._add("node_mib", memory.resident / MIB)
        self._add("node_own_mib", memory.own / MIB)
        self._add("node_files_mib", memory.files / MIB)
        testnet.stop(0)

    def _took(self, what: str, before: Taken, after: Taken, count: int) -> None:
        self._add(f"{what}_disk_bytes", (after.disk - before.disk) / count)
        self._add(f"{what}_written_bytes", (after.written - before.written) / count)
        self._add(f"{what}_making_us", 1e6 * (after.processor - before.processor) / count)

    def _add(self, name: str, value: float) -> None:
        self._values[name].append(value)


@contextmanager
def as_in_a_node() -> Iterator[None]:
    """Looks for cyclic garbage as rarely as a node does."""
    usual = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


def _each_us(read: Callable[[Any], int], arguments: list[Any]) -> float:
    """Processor time of one call, in microseconds."""
    began = time.thread_time()
    for argument in arguments:
        read(argument)
    return 1e6 * (time.thread_time() - began) / len(arguments)


def _advance_share(basis_points: int) -> members_pb2.DecisionItem:
    name = genesis_pb2.PARAMETER_NAME_ADVANCE_BP
    return members_pb2.DecisionItem(parameter=genesis_pb2.Parameter(name=name, unit=UNIT, value=basis_points))


def _submit(client: Client, raws: list[bytes]) -> None:
    """Hands in all, and waits until each is final."""
    for outcome in flow(client, raws):
        if outcome.kind is not Kind.FINAL:
            raise outcome.error() or RuntimeError("an outcome is neither")
